//! Tags of what is imported, beside those that the stack gives to all resources.

use crate::engine::path::{Path, Segment};
use crate::engine::schema::{Shape, TypeSchema};
use crate::engine::urn::Place;
use crate::engine::value::{Map, Value};
use crate::stack::StackProgram;

/// What makes a declaration mean the tags that a resource has, wherever the stack gives it others.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Beside {
    /// Tags that need not be written, because the stack gives the same.
    pub(super) given: Vec<String>,
    /// What the stack gives and the resource lacks.
    pub(super) lacking: Vec<Path>,
}

pub(super) fn beside(program: &StackProgram, schema: &TypeSchema, place: &Place, inputs: &Value) -> Beside {
    let over = |own: Map| program.over_default_tags(schema, place, own);
    let own = inputs.as_map().cloned().unwrap_or_default();
    let (defaults, all) = (over(Map::default()), over(own));
    let tag = |tags: Option<&Value>, name: &str| tags.and_then(|tags| tags.get(name)).cloned();
    let same = |(name, value): (&String, &Value)| {
        (tag(inputs.get("tags"), name).as_ref() == Some(value)).then(|| name.clone())
    };
    let given = defaults.get("tags").and_then(Value::as_map).into_iter().flatten().filter_map(same).collect();
    let mut lacking = Vec::new();
    for property in &schema.inputs.properties {
        if let Some(after) = all.get(&property.name) {
            let path = Path::default().key(&property.name);
            added(&property.shape, inputs.get(&property.name), after, &path, &mut lacking);
        }
    }
    Beside { given, lacking }
}

/// The parts of a value that it has only with what was laid below it.
fn added(shape: &Shape, before: Option<&Value>, after: &Value, path: &Path, found: &mut Vec<Path>) {
    match (shape, before, after) {
        (Shape::Map(_), before, Value::Map(after)) => {
            let has = |name: &str| before.and_then(|map| map.get(name)).is_some();
            found.extend(after.keys().filter(|name| !has(name)).map(|name| path.key(name)));
        }
        (Shape::Object(object), Some(before), Value::Map(after)) => {
            for property in &object.properties {
                if let Some(after) = after.get(&property.name) {
                    added(&property.shape, before.get(&property.name), after, &path.key(&property.name), found);
                }
            }
        }
        // Where order means nothing, the number of an item says nothing about which it is.
        (Shape::List { item, unordered: false }, Some(Value::List(before)), Value::List(after)) => {
            for (n, (before, after)) in before.iter().zip(after).enumerate() {
                added(&item.shape, Some(before), after, &path.child(Segment::Index(n)), found);
            }
        }
        (Shape::List { .. }, before, after) if before != Some(after) => found.push(path.clone()),
        _ => {}
    }
}
