//! Tags that many resources get, judged once and where they are written, and laid below those that a
//! resource has of its own.

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::schema::{Object, Shape, TypeSchema};
use crate::engine::value::{Map, Value};
use crate::stack::functions::noun;

const RESERVED: [&str; 2] = ["aws:", "drctl:"];

/// The prefix of a tag that nobody may set.
pub(crate) fn reserved(name: &str) -> Option<&'static str> {
    RESERVED.into_iter().find(|prefix| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
}

/// Tags that can be set; of the others, each mistake is told at the place of the tag.
pub(crate) fn sound(tags: &Map, place: impl Fn(&str) -> Option<Location>, problems: &mut Vec<Diagnostic>) -> Map {
    let mut sound = Map::default();
    for (name, value) in tags {
        match fault(name, value) {
            None => {
                sound.insert(name.clone(), value.clone());
            }
            Some(problem) => problems.push(Diagnostic { at: place(name), ..problem }),
        }
    }
    sound
}

fn fault(name: &str, value: &Value) -> Option<Diagnostic> {
    if let Some(prefix) = reserved(name) {
        let text = format!("the tag `{name}` begins with `{prefix}`, which is reserved");
        return Some(Diagnostic::error("reserved-tag", text).help("choose another prefix"));
    }
    match value.bare() {
        given @ (Value::List(_) | Value::Map(_)) => {
            let text = format!("the tag `{name}` must be a string, not {}", noun(given));
            Some(Diagnostic::error("wrong-type", text).help("write it as text with `fn::toJSON`"))
        }
        _ => None,
    }
}

/// The part of a type's inputs that takes tags.
fn own(schema: &TypeSchema) -> Option<&Shape> {
    let shape = &schema.inputs.get("tags")?.shape;
    (matches!(shape, Shape::Map(_)) || pair(shape).is_some()).then_some(shape)
}

/// A tag as an object, which Auto Scaling groups have.
fn pair(shape: &Shape) -> Option<&Object> {
    let Shape::List { item, .. } = shape else { return None };
    let Shape::Object(object) = &item.shape else { return None };
    (object.get("key").is_some() && object.get("value").is_some()).then_some(object)
}

pub(crate) fn taken(schema: &TypeSchema) -> bool {
    own(schema).is_some()
}

/// Tags that a resource gets with many others.
pub(crate) struct DefaultTags {
    /// Those of Pulumi's provider, which knows only `tags` that are a map.
    pub(crate) provider: Map,
    /// Those of the program, over them.
    pub(crate) program: Map,
}

/// Lays tags below the own ones of a resource, and those of the program also below those that it gives to
/// what it starts: to each entry of `tagSpecifications`, and to new instances of a group.
pub(crate) fn lay_below(inputs: &mut Map, tags: DefaultTags, schema: &TypeSchema) {
    let Some(shape) = own(schema) else { return };
    let DefaultTags { provider, program } = tags;
    let pair = pair(shape);
    let all = match pair {
        None => provider.into_iter().chain(program.clone()).collect(),
        Some(_) => program.clone(),
    };
    if !all.is_empty() {
        let given = inputs.shift_remove("tags").unwrap_or(Value::Null);
        let merged = match pair {
            None => below_map(given, &all),
            Some(object) => below_pairs(given, &all, object.get("propagateAtLaunch").is_some()),
        };
        inputs.insert("tags".into(), merged);
    }
    if let Some(Value::List(parts)) = inputs.get_mut("tagSpecifications").filter(|_| !program.is_empty()) {
        for part in parts {
            let Value::Map(part) = part else { continue };
            let given = part.shift_remove("tags").unwrap_or(Value::Null);
            part.insert("tags".into(), below_map(given, &program));
        }
    }
}

fn below_map(given: Value, tags: &Map) -> Value {
    match given {
        Value::Null => Value::Map(tags.clone()),
        Value::Map(own) => Value::Map(tags.clone().into_iter().chain(own).collect()),
        Value::Secret(own) => below_map(*own, tags).secret(),
        other => other,
    }
}

fn below_pairs(given: Value, tags: &Map, propagate: bool) -> Value {
    let own = match given {
        Value::Null => Vec::new(),
        Value::List(own) => own,
        Value::Secret(own) => return below_pairs(*own, tags, propagate).secret(),
        other => return other,
    };
    let named = |key: &str| own.iter().any(|tag| tag.get("key").and_then(Value::as_str) == Some(key));
    let further = tags.iter().filter(|(key, value)| !named(key) && !matches!(value, Value::Null));
    let further = further.map(|(key, value)| {
        let words = [("key", Value::from(key.as_str())), ("value", value.clone())];
        let launch = propagate.then(|| ("propagateAtLaunch", Value::from(true)));
        Value::Map(words.into_iter().chain(launch).map(|(name, value)| (name.to_owned(), value)).collect())
    });
    Value::List(further.collect::<Vec<_>>().into_iter().chain(own).collect())
}
