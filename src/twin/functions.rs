//! Data sources: questions about an account, a region or a resource.

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::engine::error::{Error, Kind, Result};
use crate::engine::urn::{Id, Place};
use crate::engine::value::{Map, Value};
use crate::twin::cloud::Cloud;
use crate::twin::row::Serial;
use crate::twin::{ACCOUNT, PARTITION, password, policy};

/// A question: who asks, where, and with what arguments.
struct Question<'a> {
    cloud: &'a Cloud,
    token: &'a str,
    place: Place,
    arguments: &'a Value,
}

/// Answers a data source.
///
/// # Errors
/// If the twin does not know the function, or what is asked for does not exist.
pub(super) fn invoke(cloud: &Cloud, function: &str, place: &Place, arguments: &Value) -> Result<Value> {
    let schema = cloud.catalog.function(function);
    let token = schema.map_or(function, |schema| schema.token);
    let text = |name: &str| arguments.get(name).and_then(Value::as_str);
    let place = text("region").map_or_else(|| place.clone(), |region| Place(region.to_owned()));
    let question = Question { cloud, token, place, arguments };
    let answer = match (module(token).as_str(), name(token).to_ascii_lowercase().as_str()) {
        ("index", "getregion") => question.region(),
        ("index", "getcalleridentity") => caller(),
        ("index", "getpartition") => partition(),
        ("index", "getavailabilityzones") => question.zones(),
        ("ec2", "getami") => question.image(),
        // Nothing is measured in the twin.
        ("cloudwatch", "getmetricvalue") => map([("timestamp", Value::Null), ("value", Value::Null)]),
        ("ssm", "getparameter") => question.parameter()?,
        ("kms", "getalias") => question.alias()?,
        ("kms", "getkey") => question.key()?,
        ("iam", "getpolicydocument") => policy::document(arguments)?,
        ("secretsmanager", "getrandompassword") => password::random(arguments)?,
        _ => question.resource()?,
    };
    Ok(match (answer, schema) {
        (Value::Map(mut map), Some(schema)) if !schema.result.properties.is_empty() => {
            map.retain(|name, _| schema.result.get(name).is_some());
            Value::Map(map)
        }
        (answer, _) => answer,
    })
}

/// Whether that id or ARN is of a key that AWS keeps and the twin answered with. No row stands for it.
pub(super) fn is_managed_key(text: &str) -> bool {
    key_id(text).split('-').nth(2).is_some_and(|group| group.starts_with('5'))
}

/// `ec2` of `aws:ec2/getAmi:getAmi`, `index` of `aws:getRegion`.
fn module(token: &str) -> String {
    match token.split(':').collect::<Vec<_>>().as_slice() {
        [_, module, _] if !module.is_empty() => module.split('/').next().unwrap_or(module).to_ascii_lowercase(),
        _ => "index".to_owned(),
    }
}

fn name(token: &str) -> &str {
    token.rsplit(':').next().unwrap_or(token)
}

fn caller() -> Value {
    Value::from_json(json!({
        "id": ACCOUNT, "accountId": ACCOUNT, "userId": "AIDA000000000000TWIN",
        "arn": format!("arn:{PARTITION}:iam::{ACCOUNT}:user/twin"),
    }))
}

fn partition() -> Value {
    Value::from_json(json!({
        "id": PARTITION, "partition": PARTITION, "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws",
    }))
}

impl Question<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).and_then(Value::as_str)
    }

    fn texts(&self, name: &str) -> Vec<&str> {
        let list = self.arguments.get(name).and_then(Value::as_list).unwrap_or_default();
        list.iter().filter_map(Value::as_str).collect()
    }

    /// The same question in the same region always gets the same digits.
    fn digits(&self, what: &str, count: usize) -> String {
        let digest = hex::encode(Sha256::digest(format!("{}/{what}", self.place)));
        digest.get(..count).unwrap_or(&digest).to_owned()
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{PARTITION}:{service}:{}:{ACCOUNT}:{resource}", self.place)
    }

    fn not_found(&self, code: &str, what: &str) -> Error {
        let message = format!("{what} does not exist in `{}`", self.place);
        let operation = Some(self.token.to_owned());
        Error { code: Some(code.to_owned()), operation, ..Error::new(Kind::NotFound, message) }
    }

    fn region(&self) -> Value {
        let region = &self.place.0;
        Value::from_json(json!({
            "id": region, "name": region, "region": region, "description": format!("Simulated ({region})"),
            "endpoint": format!("ec2.{region}.amazonaws.com"),
        }))
    }

    fn zones(&self) -> Value {
        let (skipped, skipped_ids) = (self.texts("excludeNames"), self.texts("excludeZoneIds"));
        let short = short_region(&self.place.0);
        let all = ["a", "b", "c"]
            .iter()
            .zip(1..)
            .map(|(zone, n)| (format!("{}{zone}", self.place), format!("{short}-az{n}")));
        let (names, ids): (Vec<String>, Vec<String>) =
            all.filter(|(name, id)| !skipped.contains(&name.as_str()) && !skipped_ids.contains(&id.as_str())).unzip();
        Value::from_json(json!({
            "id": self.place.0, "region": self.place.0, "names": names, "zoneIds": ids, "groupNames": [self.place.0],
        }))
    }

    fn image(&self) -> Value {
        let asked = self.arguments.to_json().unwrap_or_default();
        let id = format!("ami-{}", self.digits(&asked.to_string(), 17));
        let filters = self.arguments.get("filters").and_then(Value::as_list).unwrap_or_default();
        let filter = |name: &str| {
            let filter = filters.iter().find(|f| f.get("name").and_then(Value::as_str) == Some(name))?;
            filter.get("values")?.as_list()?.first()?.as_str()
        };
        let name = filter("name").unwrap_or("al2023-ami-*-x86_64").replace('*', "2023.0.20260101.0");
        let arm = name.contains("arm64");
        Value::from_json(json!({
            "id": id, "imageId": id, "name": name, "arn": format!("arn:{PARTITION}:ec2:{}::image/{id}", self.place),
            "architecture": filter("architecture").unwrap_or(if arm { "arm64" } else { "x86_64" }),
            "ownerId": "137112412989", "imageOwnerAlias": self.texts("owners").first().copied().unwrap_or("amazon"),
            "creationDate": "2026-01-01T00:00:00.000Z", "description": "Simulated image", "hypervisor": "xen",
            "imageType": "machine", "platformDetails": "Linux/UNIX", "public": true, "region": self.place.0,
            "rootDeviceName": "/dev/xvda", "rootDeviceType": "ebs", "state": "available", "tags": {},
            "virtualizationType": "hvm", "enaSupport": true, "blockDeviceMappings": [],
        }))
    }

    /// Parameters that AWS publishes are there without being made; those for images hold an image.
    fn parameter(&self) -> Result<Value> {
        let name = self.text("name").unwrap_or_default();
        let public = name.starts_with("/aws/service/");
        let value = match self.row("aws:ssm:Parameter", name) {
            Some((_, properties)) => properties.get("value").cloned(),
            None if public && name.contains("ami") => Some(Value::from(format!("ami-{}", self.digits(name, 17)))),
            None if public => Some(Value::from(self.digits(name, 12))),
            None => None,
        };
        let value = value.ok_or_else(|| self.not_found("ParameterNotFound", &format!("parameter `{name}`")))?;
        let bare = name.strip_prefix('/').unwrap_or(name);
        let arn = Value::from(self.arn("ssm", &format!("parameter/{bare}")));
        let insecure = if value.has_secret() { Value::Null } else { value.clone() };
        Ok(map([
            ("id", Value::from(name)),
            ("name", Value::from(name)),
            ("arn", arn),
            ("type", Value::from(if value.has_secret() { "SecureString" } else { "String" })),
            ("insecureValue", insecure),
            ("value", value),
            ("version", Value::from(1)),
            ("region", Value::from(self.place.0.as_str())),
        ]))
    }

    fn alias(&self) -> Result<Value> {
        let name = self.text("name").unwrap_or_default();
        let key = match self.row("aws:kms:Alias", name) {
            Some((_, properties)) => properties.get("targetKeyId").and_then(Value::as_str).map(key_id),
            None if name.starts_with("alias/aws/") => Some(self.managed_key(name)),
            None => None,
        };
        let key = key.ok_or_else(|| self.not_found("NotFoundException", &format!("alias `{name}`")))?;
        let arn = self.arn("kms", name);
        Ok(Value::from_json(json!({
            "id": arn, "arn": arn, "name": name, "region": self.place.0,
            "targetKeyId": key, "targetKeyArn": self.arn("kms", &format!("key/{key}")),
        })))
    }

    fn key(&self) -> Result<Value> {
        let asked = self.text("keyId").unwrap_or_default();
        let alias = asked.find("alias/").and_then(|at| asked.get(at..));
        let managed = alias.filter(|name| name.starts_with("alias/aws/"));
        let behind = alias
            .and_then(|name| self.row("aws:kms:Alias", name))
            .and_then(|(_, properties)| properties.get("targetKeyId").and_then(Value::as_str).map(key_id));
        let own = behind.as_deref().unwrap_or(asked);
        let id = match self.row("aws:kms:Key", own) {
            Some((id, _)) => id.0,
            None => managed
                .map(|name| self.managed_key(name))
                .ok_or_else(|| self.not_found("NotFoundException", &format!("key `{asked}`")))?,
        };
        Ok(Value::from_json(json!({
            "id": id, "keyId": id, "arn": self.arn("kms", &format!("key/{id}")), "awsAccountId": ACCOUNT,
            "enabled": true, "keyState": "Enabled", "keyUsage": "ENCRYPT_DECRYPT", "keySpec": "SYMMETRIC_DEFAULT",
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT", "origin": "AWS_KMS", "multiRegion": false,
            "keyManager": if managed.is_some() { "AWS" } else { "CUSTOMER" }, "region": self.place.0,
            "description": "", "creationDate": "2026-01-01T00:00:00Z", "multiRegionConfigurations": [],
            "deletionDate": "", "expirationModel": "", "validTo": "",
        })))
    }

    /// The id of the key that AWS keeps behind an alias of its own: a UUID made from a name, which is
    /// what its version says.
    fn managed_key(&self, alias: &str) -> String {
        let h = self.digits(alias, 32);
        format!("{}-{}-5{}-a{}-{}", &h[..8], &h[8..12], &h[13..16], &h[17..20], &h[20..])
    }

    /// Answers `get<Type>` with the resource of that type that an argument names.
    fn resource(&self) -> Result<Value> {
        let unknown = || Error::new(Kind::Unsupported, format!("the twin knows no function `{}`", self.token));
        let short = name(self.token).get(3..).unwrap_or_default();
        let package = self.token.split(':').next().unwrap_or_default();
        let ty = format!("{package}:{}:{short}", module(self.token));
        self.cloud.catalog.find(&ty).ok_or_else(unknown)?;
        let arguments = self.arguments.as_map().into_iter().flatten();
        let mut texts = arguments.filter_map(|(_, value)| value.as_str());
        let found = texts.find_map(|text| self.row(&ty, text));
        let (id, mut properties) = found.ok_or_else(|| self.not_found("NotFound", &format!("such a {short}")))?;
        properties.insert("id".to_owned(), Value::from(id.0));
        Ok(Value::Map(properties))
    }

    /// The resource of that type that answers to the text, with all that it shows.
    fn row(&self, ty: &str, text: &str) -> Option<(Id, Map)> {
        let schema = self.cloud.catalog.find(ty)?;
        let near = |place: &Place| *place == self.place || place.is_global();
        let mut rows = self.cloud.world.named(text);
        let (serial, row): (Serial, _) =
            rows.find(|(_, row)| row.token == schema.token && near(&row.place) && row.is_there())?;
        let live = self.cloud.live(schema, serial)?;
        let parts = [live.inputs, live.outputs].into_iter().filter_map(|part| part.as_map().cloned());
        Some((row.id.clone(), parts.flatten().collect()))
    }
}

/// The last part of a key's ARN, or the id itself.
fn key_id(text: &str) -> String {
    text.rsplit('/').next().unwrap_or(text).to_owned()
}

pub(super) fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// `use1` of `us-east-1`, as identifiers of zones have it.
fn short_region(region: &str) -> String {
    const DIRECTIONS: [(&str, &str); 8] = [
        ("northeast", "ne"),
        ("northwest", "nw"),
        ("southeast", "se"),
        ("southwest", "sw"),
        ("north", "n"),
        ("south", "s"),
        ("east", "e"),
        ("west", "w"),
    ];
    let shorten = |part: &str| match DIRECTIONS.iter().find(|(long, _)| *long == part) {
        Some((_, short)) => (*short).to_owned(),
        None if part == "central" => "c".to_owned(),
        None => part.to_owned(),
    };
    region.split('-').map(shorten).collect()
}

/// One item, or a list of more, as policies are usually written.
pub(super) fn one_or_more(mut items: Vec<Json>) -> Json {
    if items.len() == 1 { items.remove(0) } else { Json::Array(items) }
}
