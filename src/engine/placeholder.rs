//! What stands in a program for a value that was not written down, and that no cloud must ever get.

use crate::engine::asset::Source;
use crate::engine::path::{Path, Trail};
use crate::engine::value::Value;

/// The text in the place of what `drctl import` does not write down: secrets, code, and required inputs
/// that no cloud shows. `ignoreChanges` beside it lets the state win.
pub const PLACEHOLDER: &str = "not written down by drctl import";

/// What to do about one.
pub const WRITE_IT: &str = "write the value that it shall have, and take it out of `ignoreChanges`";

/// The first part of inputs in which the placeholder stands, be it in a longer text, a key or a file.
pub fn placeholder_in(inputs: &Value) -> Option<Path> {
    find(inputs, &Trail::Start)
}

fn find(value: &Value, at: &Trail<'_>) -> Option<Path> {
    match value {
        Value::Secret(inner) => find(inner, at),
        Value::String(text) => stands_in(text).then(|| at.path()),
        Value::Asset(asset) => is_made_of_it(&asset.source).then(|| at.path()),
        Value::List(items) => items.iter().enumerate().find_map(|(n, item)| find(item, &Trail::Index(at, n))),
        Value::Map(map) if map.keys().any(stands_in) => Some(at.path()),
        Value::Map(map) => map.iter().find_map(|(key, item)| find(item, &Trail::Key(at, key))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Unknown | Value::Resource(_) => None,
    }
}

fn stands_in(text: impl AsRef<str>) -> bool {
    text.as_ref().contains(PLACEHOLDER)
}

fn is_made_of_it(source: &Source) -> bool {
    match source {
        Source::Text(text) => stands_in(text),
        Source::Entries(entries) => entries.values().any(is_made_of_it),
        Source::File(_) | Source::Remote(_) | Source::Archive(_) | Source::RemoteArchive(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::engine::asset::Asset;

    #[test]
    fn a_placeholder_is_found_in_texts_keys_files_and_secrets() {
        let found = |value: Value| placeholder_in(&value).map(|path| path.to_string());
        let part = |name: &str, value: Value| Value::Map([(name.to_owned(), value)].into_iter().collect());
        let text = format!("Bearer {PLACEHOLDER}");
        assert_eq!(found(json!({ "a": [{ "b": "c" }, { "b.c": text }] }).into()).unwrap(), "a[1][\"b.c\"]");
        assert_eq!(found(part("a", Value::from(PLACEHOLDER).secret())).unwrap(), "a");
        assert_eq!(found(json!({ "a": { PLACEHOLDER: 1 } }).into()).unwrap(), "a");
        let entries = BTreeMap::from([("README".to_owned(), Source::Text(PLACEHOLDER.to_owned()))]);
        let code = Asset { source: Source::Entries(entries), sha256: String::new() };
        assert_eq!(found(part("code", Value::Asset(Box::new(code)))).unwrap(), "code");
        assert_eq!(found(json!({ "a": ["written down"], "n": 1 }).into()), None);
    }
}
