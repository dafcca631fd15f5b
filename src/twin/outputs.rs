//! What the cloud decides by itself: outputs, and inputs that nobody gave.

use jiff::Timestamp;

use crate::engine::schema::{Object, Property, Shape, TypeSchema};
use crate::engine::urn::{Id, Place};
use crate::engine::value::{Map, Value};
use crate::twin::ACCOUNT;
use crate::twin::naming;
use crate::twin::row::Serial;

/// Ids of what a resource has beside its own, by the end of the property's name. The same end is the same thing:
/// the main route table of a new VPC is its default one.
const FOREIGN_IDS: [(&str, &str); 4] =
    [("networkaclid", "acl"), ("routetableid", "rtb"), ("securitygroupid", "sg"), ("dhcpoptionsid", "dopt")];

/// Texts that AWS chooses where nobody did, whatever else is given. Others depend on what the
/// resource is, and an invented one would stand for a choice that AWS never makes.
const CHOSEN: [&str; 4] = ["availabilityZone", "engineVersion", "region", "zone"];

/// A row that is being made.
pub(super) struct Newborn<'a> {
    pub(super) schema: &'a TypeSchema,
    pub(super) serial: Serial,
    pub(super) place: &'a Place,
    pub(super) id: &'a Id,
    pub(super) now: Timestamp,
}

impl Newborn<'_> {
    /// Values for computed inputs that nobody gave. Inputs that name other resources stay empty:
    /// an invented name would lead nowhere.
    pub(super) fn fill(&self, inputs: &mut Map) {
        for property in &self.schema.inputs.properties {
            if property.computed
                && property.refers.is_none()
                && !property.write_only
                && !inputs.contains_key(&property.name)
                && (!matches!(property.shape, Shape::Document | Shape::Text)
                    || CHOSEN.contains(&property.name.as_str()))
                && let Some(value) = self.plausible(property, inputs)
            {
                inputs.insert(property.name.clone(), value);
            }
        }
    }

    /// All outputs of the type.
    pub(super) fn outputs(&self, inputs: &Map) -> Map {
        let mut outputs = foreseen(self.schema, self.place, self.id, inputs);
        for property in &self.schema.outputs.properties {
            if outputs.contains_key(&property.name) {
                continue;
            }
            let given = inputs.get(&property.name).cloned();
            if let Some(value) = given.or_else(|| self.plausible(property, inputs)) {
                outputs.insert(property.name.clone(), value);
            }
        }
        outputs
    }

    fn object(&self, object: &Object, inputs: &Map) -> Map {
        let required = object.properties.iter().filter(|p| p.required);
        required.filter_map(|p| Some((p.name.clone(), self.plausible(p, inputs)?))).collect()
    }

    fn plausible(&self, property: &Property, inputs: &Map) -> Option<Value> {
        if let Some(default) = &property.default {
            return Some(Value::from_json(default.clone()));
        }
        Some(match &property.shape {
            Shape::Bool => Value::Bool(false),
            Shape::Integer if property.name == "port" => Value::from(port(inputs)),
            Shape::Integer | Shape::Number => {
                let least = property.bounds.min.unwrap_or(0.0).max(0.0).ceil();
                // The bounds of inputs are small whole numbers.
                #[expect(clippy::cast_possible_truncation, reason = "bounds are small whole numbers")]
                Value::from(least as i64)
            }
            Shape::Text => match property.bounds.values.first() {
                Some(first) => Value::from(first.as_str()),
                None => self.text(property, inputs)?,
            },
            Shape::Document => Value::from("{}"),
            Shape::List { .. } if property.name == "availabilityZones" => {
                Value::List(["a", "b", "c"].map(|zone| Value::from(format!("{}{zone}", self.place))).to_vec())
            }
            Shape::List { .. } => Value::List(Vec::new()),
            Shape::Map(_) if property.name == "tagsAll" => {
                inputs.get("tags").cloned().unwrap_or_else(|| Value::Map(Map::default()))
            }
            Shape::Map(_) => Value::Map(Map::default()),
            Shape::Object(inner) if property.required => Value::Map(self.object(inner, inputs)),
            Shape::Object(_) | Shape::Asset | Shape::Any => return None,
        })
    }

    /// Text that looks like what the name of the property promises. Optional ones whose name
    /// promises nothing stay empty.
    fn text(&self, property: &Property, inputs: &Map) -> Option<Value> {
        let name = property.name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|e| name.ends_with(e));
        let digits = |n| naming::hex(self.serial, &property.name, n);
        let kind = naming::kind(self.schema);
        Some(Value::from(match name.as_str() {
            "arn" if self.id.0.starts_with("arn:") => self.id.0.clone(),
            "id" => self.id.0.clone(),
            "region" => self.place.0.clone(),
            "availabilityzone" | "zone" => format!("{}a", self.place),
            "ownerid" | "accountid" | "awsaccountid" | "registryid" | "peerownerid" => ACCOUNT.to_owned(),
            "hostedzoneid" | "zoneid" => format!("Z{}", digits(20).to_ascii_uppercase()),
            "hostedzone" | "version" | "latestversion" | "defaultversion" => "1".to_owned(),
            "privateip" => format!("10.0.{}.{}", self.serial / 250 % 250, self.serial % 250 + 4),
            "publicip" => format!("203.0.113.{}", self.serial % 250 + 1),
            "engineversion" | "engineversionactual" => engine_version(inputs).to_owned(),
            "arn" | "secretarn" => naming::arn(self.schema, self.serial, self.place, inputs),
            _ if ends(&["arn"]) && !property.required => return None,
            _ if ends(&["arn"]) => naming::arn(self.schema, self.serial, self.place, inputs),
            _ if ends(&["url", "uri"]) => format!("https://{}", self.host(&property.name)),
            _ if ends(&["endpoint", "dnsname", "address", "domain", "domainname", "hostname"]) => {
                self.host(&property.name)
            }
            _ if ends(&["date", "time", "createdat", "updatedat", "modifiedat"]) => self.now.to_string(),
            _ if ends(&["id"]) => match FOREIGN_IDS.iter().find(|(ending, _)| name.ends_with(ending)) {
                Some((ending, prefix)) => format!("{prefix}-{}", naming::hex(self.serial, ending, 17)),
                None => format!("{kind}-{}", digits(17)),
            },
            _ if ends(&["status", "state"]) => "available".to_owned(),
            _ if property.required || property.computed => format!("{kind}-{}", digits(12)),
            _ => return None,
        }))
    }

    fn host(&self, purpose: &str) -> String {
        let label: String = self
            .id
            .0
            .rsplit(['/', ':'])
            .next()
            .unwrap_or_default()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        let part = naming::hex(self.serial, purpose, 12);
        let region = if self.place.is_global() { "us-east-1" } else { &self.place.0 };
        format!("{}.{part}.{region}.{}.amazonaws.com", label.to_ascii_lowercase(), self.schema.arn_service())
    }
}

/// The outputs that follow from the inputs.
pub(super) fn foreseen(schema: &TypeSchema, place: &Place, id: &Id, inputs: &Map) -> Map {
    let at = naming::at(place, Some(id.clone()));
    (schema.foresee)(&Value::Map(inputs.clone()), &at)
        .into_iter()
        .filter(|(_, value)| !value.has_unknown())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Gives the outputs that an update moves their next values: the next number, or this time.
pub(super) fn moved(schema: &TypeSchema, outputs: &mut Map, now: Timestamp) {
    for property in schema.outputs.properties.iter().filter(|p| p.moves) {
        let Some(value) = outputs.get_mut(&property.name) else { continue };
        match value.as_i64() {
            Some(number) => *value = Value::from(number + 1),
            None if property.name.ends_with("Modified") => *value = Value::from(now.to_string()),
            None => {}
        }
    }
}

fn engine(inputs: &Map) -> &str {
    inputs.get("engine").and_then(Value::as_str).unwrap_or_default()
}

/// The port on which an engine listens if nothing else is said; without an engine, that of HTTPS.
fn port(inputs: &Map) -> i64 {
    match engine(inputs) {
        name if name.contains("postgres") => 5432,
        name if name.contains("mysql") || name.contains("mariadb") => 3306,
        "redis" | "valkey" => 6379,
        _ => 443,
    }
}

/// The version that an engine gets if nothing else is said.
fn engine_version(inputs: &Map) -> &str {
    match inputs.get("engineVersion").and_then(Value::as_str) {
        Some(version) => version,
        None if engine(inputs).contains("postgres") => "16.6",
        None => "8.0.mysql_aurora.3.08.0",
    }
}
