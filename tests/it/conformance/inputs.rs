//! The inputs of a type and their parts, each by its path: `rules[*].filter.prefix`.

use std::collections::BTreeSet;

use drctl::engine::schema::{Object, Property, Shape};
use serde_json::{Map, Value as Json};

/// All inputs, each followed by its parts.
pub fn of(object: &Object) -> Vec<(String, &Property)> {
    let mut found = Vec::new();
    properties(object, "", &mut found);
    found
}

fn properties<'a>(object: &'a Object, at: &str, found: &mut Vec<(String, &'a Property)>) {
    for property in &object.properties {
        let path = below(at, &property.name);
        found.push((path.clone(), property));
        parts(&property.shape, &path, found);
    }
}

fn parts<'a>(shape: &'a Shape, at: &str, found: &mut Vec<(String, &'a Property)>) {
    match shape {
        Shape::Object(object) => properties(object, at, found),
        Shape::List { item, .. } | Shape::Map(item) => parts(&item.shape, &format!("{at}[*]"), found),
        _ => {}
    }
}

/// The inputs and parts that values set.
pub fn set_by(object: &Object, values: &Map<String, Json>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    set_properties(object, "", values, &mut found);
    found
}

fn set_properties(object: &Object, at: &str, values: &Map<String, Json>, found: &mut BTreeSet<String>) {
    for (name, value) in values.iter().filter(|(_, value)| !value.is_null()) {
        let path = below(at, name);
        if let Some(property) = object.get(name) {
            set_parts(&property.shape, &path, value, found);
        }
        found.insert(path);
    }
}

fn set_parts(shape: &Shape, at: &str, value: &Json, found: &mut BTreeSet<String>) {
    match (shape, value) {
        (Shape::Object(object), Json::Object(values)) => set_properties(object, at, values, found),
        (Shape::List { item, .. }, Json::Array(items)) => {
            items.iter().for_each(|value| set_parts(&item.shape, &format!("{at}[*]"), value, found));
        }
        (Shape::Map(item), Json::Object(entries)) => {
            entries.values().for_each(|value| set_parts(&item.shape, &format!("{at}[*]"), value, found));
        }
        _ => {}
    }
}

fn below(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// Whether a path is that of a part.
pub fn is_part(path: &str) -> bool {
    path.contains(['.', '['])
}

/// Whether `path` is `whole` or a part of it.
pub fn is_within(path: &str, whole: &str) -> bool {
    path.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
