//! What a new resource takes over from the one that it replaces, whatever the program says.

use crate::engine::decide::{base, ignored};
use crate::engine::path::{Path, Segment};
use crate::engine::program::Options;
use crate::engine::provider::Live;
use crate::engine::schema::{Object, TypeSchema};
use crate::engine::state::Row;
use crate::engine::value::Value;

/// The values that `ignoreChanges` keeps over a replacement, as an update would keep them.
///
/// Where none is known, because the cloud shows none and the state has none either, the program's
/// stands. So it does for files, of which only a hash is known, and for automatic names, which cannot be
/// had twice. `*` keeps what the program gives, and nothing that the cloud chose by itself.
#[derive(Debug, Clone, Default)]
pub struct Inheritance {
    ignored: Vec<Path>,
    old: Value,
}

impl Inheritance {
    /// What the successor of `row` takes over.
    pub fn of(schema: &TypeSchema, options: &Options, row: &Row, live: Option<&Live>) -> Self {
        let ignored = ignored(options);
        let old = if ignored.is_empty() { Value::Null } else { base(schema, row, live) };
        Self { ignored, old }
    }

    /// What is to be kept of the old inputs while neither resource is there.
    pub fn left(&self) -> Value {
        self.old.clone()
    }

    /// The inputs of the new resource, made of what the program gives without automatic names.
    pub fn over(&self, schema: &Object, mut given: Value) -> Value {
        for pattern in &self.ignored {
            let of_all = pattern.0.first() == Some(&Segment::Any);
            for path in pattern.places_in(&self.old) {
                let Some(root) = path.root() else { continue };
                let is_given = given.get(root).is_some_and(|value| !value.is_null());
                let automatic = schema.get(root).is_some_and(|property| property.auto_name.is_some());
                let kept = is_given || !of_all && !automatic;
                if kept && path.in_value(&self.old).is_some_and(|old| !old.is_null() && !old.has_asset()) {
                    path.transplant(&self.old, &mut given);
                }
            }
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::asset::{Asset, Source};
    use crate::engine::schema::object;

    fn over(ignored: &str, old: Value, given: serde_json::Value) -> Value {
        let schema = object(&json!({ "properties": { "name": { "type": "string", "x-auto-name": 9 } } }));
        let ignored = vec![Path::parse(ignored).unwrap()];
        Inheritance { ignored, old }.over(&schema, given.into())
    }

    #[test]
    fn a_replacement_keeps_what_is_known_of_ignored_parts_and_their_secrecy() {
        let old = || {
            let secret = Value::from("walrus").secret();
            let list = Value::List(vec![json!({ "port": 1 }).into(), json!({ "port": 2, "key": null }).into()]);
            let part = |name: &str, value: Value| (name.to_owned(), value);
            Value::Map([part("token", secret), part("count", 5.into()), part("rules", list)].into_iter().collect())
        };
        let token = over("token", old(), json!({ "token": "x", "count": 1 }));
        assert_eq!(token.get("token"), Some(&Value::from("walrus").secret()));
        assert_eq!(token.get("count"), Some(&1.into()));
        assert_eq!(over("count", old(), json!({})), json!({ "count": 5 }).into(), "not given, and asked for by name");
        let given = json!({ "rules": [{ "port": 7, "key": "a" }, { "port": 8, "key": "b" }, { "port": 9 }] });
        assert_eq!(
            over("rules[*].port", old(), given.clone()),
            json!({ "rules": [{ "port": 1, "key": "a" }, { "port": 2, "key": "b" }, { "port": 9 }] }).into()
        );
        assert_eq!(over("rules[*].key", old(), given.clone()), given.into(), "the state has none");
    }

    #[test]
    fn a_replacement_inherits_no_file_no_automatic_name_and_of_all_only_what_is_given() {
        let code = Asset { source: Source::File("a.zip".into()), sha256: "07".repeat(32) };
        let old = || {
            let part = |name: &str, value: Value| (name.to_owned(), value);
            let parts = [
                part("code", Value::Asset(Box::new(code.clone()))),
                part("name", "a-0123456".into()),
                part("size", 1.into()),
                part("zone", "z1".into()),
            ];
            Value::Map(parts.into_iter().collect())
        };
        assert_eq!(over("name", old(), json!({})), json!({}).into());
        assert_eq!(over("name", old(), json!({ "name": "b" })), json!({ "name": "a-0123456" }).into());
        assert_eq!(over("code", old(), json!({ "code": "new" })), json!({ "code": "new" }).into());
        assert_eq!(over("*", old(), json!({ "size": 2 })), json!({ "size": 1 }).into());
    }
}
