//! How the inputs of what is imported are written down.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map as JsonMap, Value as Json, json};

use crate::cli::import::names::Names;
use crate::engine::path::{Path, Segment};
use crate::engine::placeholder::PLACEHOLDER;
use crate::engine::schema::{Group, Object, Property, Shape};
use crate::engine::urn::Urn;
use crate::engine::value::{Shown, Value};

pub(super) type Refers = BTreeMap<String, Vec<Urn>>;

/// The inputs of a declaration.
#[derive(Default)]
pub(super) struct Written {
    pub(super) properties: JsonMap<String, Json>,
    pub(super) refers: Refers,
    /// Parts in whose place something else stands, which the state must keep.
    pub(super) kept_back: Vec<Path>,
    /// What is to be added by hand.
    pub(super) missing: Vec<String>,
}

impl Written {
    /// Lets a placeholder stand for an input that no cloud shows.
    pub(super) fn keep_back(&mut self, property: &Property) {
        self.properties.insert(property.name.clone(), placeholder(&property.shape));
        self.kept_back.push(Path::default().key(&property.name));
    }
}

/// Inputs as a person would write them: without defaults and without what the cloud chose beside
/// something that excludes it, and with references in the place of ids. A placeholder stands for secrets,
/// for the content of files, and for what must be given and no cloud shows.
pub(super) fn written(schema: &Object, inputs: &Value, names: &Names) -> Written {
    let mut written = Written::default();
    let left_out = chosen_twice(schema, inputs);
    let digests = digests(inputs);
    for property in schema.properties.iter().filter(|p| !left_out.contains(&p.name.as_str())) {
        let Some(value) = inputs.get(&property.name).filter(|v| !v.is_null()) else { continue };
        // With other content the old hash would be wrong.
        if value.as_str().is_some_and(|text| digests.iter().any(|digest| digest == text)) {
            continue;
        }
        let mut hidden = Vec::new();
        let json = open(Some(&property.shape), value, Path::default().key(&property.name), &mut hidden);
        let empty = match &json {
            Json::Array(items) => items.is_empty(),
            Json::Object(map) => map.is_empty(),
            _ => false,
        };
        let default = property.default.as_ref() == Some(&json);
        if !(default || empty && !property.required) {
            let mut named = Vec::new();
            written.properties.insert(property.name.clone(), referring(property, json, names, &mut named));
            if !named.is_empty() {
                written.refers.insert(property.name.clone(), named);
            }
            written.kept_back.append(&mut hidden);
        }
        unseen_parts(&property.shape, value, &Path::default().key(&property.name), &mut written.missing);
    }
    for lack in lacks(schema, inputs) {
        match lack {
            Ok(property) => written.keep_back(property),
            Err(names) => written.missing.push(names.join(" or ")),
        }
    }
    written
}

/// The hashes of files among the inputs, in the form in which AWS shows them.
fn digests(inputs: &Value) -> Vec<String> {
    let values = inputs.as_map().into_iter().flatten().map(|(_, value)| value);
    let hash = |value: &Value| match value {
        Value::Asset(asset) => hex::decode(&asset.sha256).ok(),
        _ => None,
    };
    values.filter_map(hash).map(|bytes| BASE64.encode(bytes)).collect()
}

/// A value with placeholders for what must not be written down. The paths of these are added to `hidden`.
fn open(shape: Option<&Shape>, value: &Value, path: Path, hidden: &mut Vec<Path>) -> Json {
    match value {
        Value::Secret(_) | Value::Asset(_) => {
            hidden.push(path);
            shape.map_or_else(|| PLACEHOLDER.into(), placeholder)
        }
        Value::List(items) => {
            let mut inside = Vec::new();
            let item = |(n, value)| open(part(shape, ""), value, path.child(Segment::Index(n)), &mut inside);
            let json = items.iter().enumerate().map(item).collect();
            // Where order means nothing, the number of an item says nothing about which it is.
            match shape {
                Some(Shape::List { unordered: true, .. }) if !inside.is_empty() => hidden.push(path),
                _ => hidden.append(&mut inside),
            }
            json
        }
        Value::Map(map) => {
            let entry =
                |(key, value): (&String, &Value)| (key.clone(), open(part(shape, key), value, path.key(key), hidden));
            map.iter().map(entry).collect()
        }
        other => Shown::of(other).json().clone(),
    }
}

/// The shape of an item or of an entry.
fn part<'s>(shape: Option<&'s Shape>, key: &str) -> Option<&'s Shape> {
    match shape? {
        Shape::List { item, .. } | Shape::Map(item) => Some(&item.shape),
        Shape::Object(object) => object.get(key).map(|property| &property.shape),
        _ => None,
    }
}

/// Something that has a shape and says nothing of a value, neither how long it is nor which keys it has.
fn placeholder(shape: &Shape) -> Json {
    match shape {
        Shape::Asset => json!({"fn::assetArchive": {"README": {"fn::stringAsset": PLACEHOLDER}}}),
        Shape::List { item, .. } => json!([placeholder(&item.shape)]),
        Shape::Map(item) => json!({ PLACEHOLDER: placeholder(&item.shape) }),
        Shape::Object(object) => {
            let needed = object.properties.iter().filter(|p| p.required && p.default.is_none());
            needed.map(|p| (p.name.clone(), placeholder(&p.shape))).collect()
        }
        Shape::Document => json!({ PLACEHOLDER: PLACEHOLDER }),
        // No number and no boolean tells that it is none; left out, it is kept all the same.
        Shape::Bool | Shape::Integer | Shape::Number => Json::Null,
        Shape::Text | Shape::Any => PLACEHOLDER.into(),
    }
}

/// What a program must give and no cloud has shown: properties, and groups of which one must be there.
/// Of a group it is the one that no cloud shows, if there is such.
fn lacks<'a>(schema: &'a Object, inputs: &Value) -> Vec<std::result::Result<&'a Property, &'a [String]>> {
    let has = |name: &str| inputs.get(name).is_some_and(|value| !value.is_null());
    let needed = schema.properties.iter().filter(|p| p.write_only && p.required && !has(&p.name));
    let groups = schema.groups.iter().filter_map(|group| match group {
        Group::ExactlyOne(names) | Group::AtLeastOne(names) if !names.iter().any(|name| has(name)) => {
            let mut unseen = names.iter().filter_map(|name| schema.get(name)).filter(|p| p.write_only);
            Some(unseen.next().ok_or(names.as_slice()))
        }
        _ => None,
    });
    needed.map(Ok).chain(groups).collect()
}

/// Parts of a value that a program must give and no cloud shows: only the whole could be kept.
fn unseen_parts(shape: &Shape, value: &Value, path: &Path, found: &mut Vec<String>) {
    match (shape, value) {
        (Shape::List { item, .. }, Value::List(items)) => {
            for (n, value) in items.iter().enumerate() {
                unseen_parts(&item.shape, value, &path.child(Segment::Index(n)), found);
            }
        }
        (Shape::Map(item), Value::Map(map)) => {
            map.iter().for_each(|(key, value)| unseen_parts(&item.shape, value, &path.key(key), found));
        }
        (Shape::Object(object), Value::Map(map)) => {
            for lack in lacks(object, value) {
                found.push(match lack {
                    Ok(property) => path.key(&property.name).to_string(),
                    Err(names) => format!("{path}.{}", names.join(" or ")),
                });
            }
            for property in &object.properties {
                if let Some(value) = map.get(&property.name) {
                    unseen_parts(&property.shape, value, &path.key(&property.name), found);
                }
            }
        }
        _ => {}
    }
}

/// Inputs that the cloud shows, though a program may not give them beside others that it shows too.
fn chosen_twice<'a>(schema: &'a Object, inputs: &Value) -> Vec<&'a str> {
    let given = |name: &str| inputs.get(name).is_some_and(|value| !value.is_null());
    let computed = |name: &&str| schema.get(name).is_some_and(|p| p.computed);
    let mut left_out: Vec<&str> = Vec::new();
    for group in &schema.groups {
        match group {
            Group::Exclusive(names) | Group::ExactlyOne(names) => {
                let present: Vec<&str> = names.iter().map(String::as_str).filter(|name| given(name)).collect();
                let others = present.len().saturating_sub(1);
                left_out.extend(present.iter().rev().filter(|name| computed(name)).take(others));
            }
            Group::Needs(names) => {
                let lacks = names.iter().skip(1).any(|name| !given(name));
                left_out.extend(names.first().map(String::as_str).filter(|name| lacks && computed(name)));
            }
            Group::AtLeastOne(_) => {}
        }
    }
    left_out
}

fn referring(property: &Property, json: Json, names: &Names, named: &mut Vec<Urn>) -> Json {
    match (json, &property.shape) {
        (Json::Array(items), Shape::List { item, .. }) => {
            let item = Property { refers: item.refers.clone().or_else(|| property.refers.clone()), ..(**item).clone() };
            items.into_iter().map(|json| referring(&item, json, names, named)).collect()
        }
        (Json::Object(map), Shape::Map(item)) => {
            map.into_iter().map(|(key, json)| (key, referring(item, json, names, named))).collect()
        }
        (Json::Object(map), Shape::Object(inner)) => {
            let part = |(key, json): (String, Json)| match inner.get(&key) {
                Some(property) => (key, referring(property, json, names, named)),
                None => (key, json),
            };
            map.into_iter().filter(|(_, json)| !json.is_null()).map(part).collect()
        }
        (Json::String(text), _) => match names.find(property, &text) {
            Some((urn, name)) => {
                named.push(urn.clone());
                format!("${{{}.{name}}}", urn.name()).into()
            }
            // What looks like an expression is text here.
            None => text.replace("${", "$${").into(),
        },
        (other, _) => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::cli::testing::catalog;
    use crate::engine::asset::{Asset, Source};
    use crate::engine::schema::object;
    use crate::engine::value::Map;

    #[test]
    fn inputs_are_written_without_defaults_and_with_references() {
        let catalog = catalog();
        let schema = catalog.find("aws:rds:Cluster").unwrap();
        let inputs = Value::Map(Map::from_iter([
            ("clusterIdentifier".to_owned(), Value::from("a-${b}")),
            ("vpcSecurityGroupIds".to_owned(), Value::List(vec!["sg-1".into(), "sg-2".into()])),
        ]));
        let group = Urn::new("s", "p", "aws:ec2/securityGroup:SecurityGroup", "group");
        let names = Names(HashMap::from([((group.ty().to_owned(), "id".into(), "sg-1".into()), group.clone())]));
        let Written { properties, refers, .. } = written(&schema.inputs, &inputs, &names);
        assert_eq!(
            Json::Object(properties),
            json!({
                "clusterIdentifier": "a-$${b}", "vpcSecurityGroupIds": ["${group.id}", "sg-2"],
                "masterPassword": PLACEHOLDER,
            }),
            "what must be given and is never shown has a placeholder"
        );
        assert_eq!(refers, Refers::from([("vpcSecurityGroupIds".to_owned(), vec![group])]));
        let secret = Value::Map(Map::from_iter([
            ("masterPassword".to_owned(), Value::from("hunter2").secret()),
            ("clusterIdentifier".to_owned(), Value::from("a")),
        ]));
        let Written { properties, kept_back, .. } = written(&schema.inputs, &secret, &names);
        assert_eq!(Json::Object(properties), json!({"clusterIdentifier": "a", "masterPassword": PLACEHOLDER}));
        assert_eq!(texts(&kept_back), ["masterPassword"]);
        let vpc = catalog.find("aws:ec2:Vpc").unwrap();
        let inputs = Value::Map(Map::from_iter([
            ("cidrBlock".to_owned(), Value::from("10.0.0.0/16")),
            ("enableDnsSupport".to_owned(), Value::from(true)),
            ("tags".to_owned(), Value::Map(Map::default())),
        ]));
        let Written { properties, .. } = written(&vpc.inputs, &inputs, &Names::default());
        assert_eq!(Json::Object(properties), json!({"cidrBlock": "10.0.0.0/16"}));
    }

    #[test]
    fn what_the_cloud_chose_is_not_written_beside_what_excludes_it() {
        let subnet = crate::aws::catalog().find("aws:ec2:Subnet").unwrap();
        let text = |name: &str, value: &str| (name.to_owned(), Value::from(value));
        let inputs = Value::Map(Map::from_iter([
            text("vpcId", "vpc-1"),
            text("cidrBlock", "10.0.0.0/24"),
            text("availabilityZone", "eu-west-1a"),
            text("availabilityZoneId", "euw1-az1"),
        ]));
        let Written { properties, .. } = written(&subnet.inputs, &inputs, &Names::default());
        assert!(properties.contains_key("availabilityZone") && !properties.contains_key("availabilityZoneId"));
    }

    #[test]
    fn code_and_hidden_parts_have_a_placeholder_that_says_nothing_about_them() {
        let function = crate::aws::catalog().find("aws:lambda:Function").unwrap();
        let code = Asset { source: Source::Text("x = 1".into()), sha256: "07".repeat(32) };
        let hash = Value::from(BASE64.encode([7u8; 32]));
        let variables = Value::Map(Map::from_iter([
            ("LEVEL".to_owned(), Value::from("info")),
            ("TOKEN".to_owned(), Value::from("hunter2").secret()),
        ]));
        let inputs = Value::Map(Map::from_iter([
            ("code".to_owned(), Value::Asset(Box::new(code))),
            ("codeSha256".to_owned(), hash.clone()),
            ("environment".to_owned(), Value::Map(Map::from_iter([("variables".to_owned(), variables)]))),
            ("name".to_owned(), Value::from("f")),
            ("sourceCodeHash".to_owned(), hash),
        ]));
        let Written { properties, kept_back, .. } = written(&function.inputs, &inputs, &Names::default());
        assert_eq!(
            Json::Object(properties),
            json!({
                "code": {"fn::assetArchive": {"README": {"fn::stringAsset": PLACEHOLDER}}},
                "environment": {"variables": {"LEVEL": "info", "TOKEN": PLACEHOLDER}},
                "name": "f",
            })
        );
        assert_eq!(texts(&kept_back), ["code", "environment.variables.TOKEN"]);
    }

    /// What is written for one value of a schema, and what the state keeps of it.
    fn of_one(shape: Json, value: Value) -> (Json, Vec<String>) {
        let schema = object(&json!({ "properties": { "it": shape } }));
        let inputs = Value::Map(Map::from_iter([("it".to_owned(), value)]));
        let Written { mut properties, kept_back, .. } = written(&schema, &inputs, &Names::default());
        (properties.remove("it").unwrap_or_default(), texts(&kept_back))
    }

    #[test]
    fn only_the_hidden_leaves_are_kept_back_and_their_keys_are_quoted() {
        let map = |key: &str| {
            let hidden = (key.to_owned(), Value::from("hunter2").secret());
            Value::Map(Map::from_iter([("plain".to_owned(), Value::from("x")), hidden]))
        };
        let maps = json!({ "type": "object", "additionalProperties": { "type": "string" } });
        for (key, path) in [("TOKEN", "it.TOKEN"), ("a.b", r#"it["a.b"]"#), ("*", r#"it["*"]"#)] {
            let (json, kept_back) = of_one(maps.clone(), map(key));
            assert_eq!((json, kept_back), (json!({ "plain": "x", key: PLACEHOLDER }), vec![path.to_owned()]));
            assert_eq!(Path::parse(path).unwrap(), Path::default().key("it").key(key));
        }
        let list = || Value::List(vec![map("a"), map("b")]);
        let (_, kept_back) = of_one(json!({ "type": "array", "items": maps }), list());
        assert_eq!(kept_back, ["it[0].a", "it[1].b"]);
        let (_, kept_back) = of_one(json!({ "type": "array", "uniqueItems": true, "items": maps }), list());
        assert_eq!(kept_back, ["it"], "the order may be another one tomorrow");
    }

    #[test]
    fn a_placeholder_has_the_shape_of_the_property_whatever_the_value_looks_like() {
        let hidden = || Value::from_json(json!({ "$sha256": "07:07", "more": ["hunter2"] })).secret();
        let text = json!({ "type": "string" });
        for (shape, printed) in [
            (text.clone(), json!(PLACEHOLDER)),
            (json!({ "type": "array", "items": text }), json!([PLACEHOLDER])),
            (json!({ "type": "object", "additionalProperties": text }), json!({ PLACEHOLDER: PLACEHOLDER })),
            (
                json!({ "type": "object", "properties": { "a": text, "b": text }, "required": ["a"] }),
                json!({ "a": PLACEHOLDER }),
            ),
            (json!({ "x-json": true }), json!({ PLACEHOLDER: PLACEHOLDER })),
        ] {
            assert_eq!(of_one(shape, hidden()), (printed, vec!["it".to_owned()]));
        }
    }

    #[test]
    fn what_must_be_given_and_is_never_shown_has_a_placeholder_or_is_told() {
        let text = json!({ "type": "string" });
        let unseen = json!({ "type": "string", "writeOnly": true });
        let schema = object(&json!({
            "properties": {
                "key": unseen, "name": text, "source": text, "text": unseen, "bytes": unseen,
                "logins": { "type": "array", "items": { "properties": { "secret": unseen }, "type": "object", "required": ["secret"] } },
            },
            "required": ["key", "name"],
            "x-exactly-one": [["bytes", "text"], ["source"]],
        }));
        let inputs = json!({ "name": "a", "logins": [{}] }).into();
        let Written { properties, kept_back, missing, .. } = written(&schema, &inputs, &Names::default());
        assert_eq!(
            Json::Object(properties),
            json!({ "name": "a", "logins": [{}], "key": PLACEHOLDER, "bytes": PLACEHOLDER })
        );
        assert_eq!(texts(&kept_back), ["key", "bytes"]);
        assert_eq!(missing, ["logins[0].secret", "source"]);
    }

    #[test]
    fn a_secret_version_has_the_kind_of_value_that_was_read_and_else_a_text() {
        let version = crate::aws::catalog().find("aws:secretsmanager:SecretVersion").unwrap();
        let kind = |read: Option<&str>| {
            let value = read.map(|name| (name.to_owned(), Value::from("walrus").secret()));
            let id = ("secretId".to_owned(), Value::from("s"));
            let inputs = Value::Map(value.into_iter().chain([id]).collect());
            texts(&written(&version.inputs, &inputs, &Names::default()).kept_back)
        };
        assert_eq!(kind(Some("secretBinary")), ["secretBinary"]);
        assert_eq!(kind(Some("secretString")), ["secretString"]);
        assert_eq!(kind(None), ["secretString"]);
    }

    fn texts(paths: &[Path]) -> Vec<String> {
        paths.iter().map(Path::to_string).collect()
    }
}
