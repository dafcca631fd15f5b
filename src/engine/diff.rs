//! Compares inputs by the rules of a schema.

use std::borrow::Cow;

use indexmap::IndexMap;

use crate::engine::alike::Alike;
use crate::engine::path::{Path, Trail};
use crate::engine::schema::{Object, Property, Shape};
use crate::engine::value::{Map, Value};

/// One place where two sets of inputs differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub path: Path,
    /// For people: a document is written like the one after it wherever both mean the same.
    pub before: Value,
    pub after: Value,
    /// The schema says that a change here replaces the resource.
    pub replaces: bool,
}

/// What to compare a program with: what the cloud shows, but the value applied last where the cloud
/// never shows one, or where the endpoint is known not to keep it. `not_kept` holds paths.
pub fn baseline(schema: &Object, live: &Value, applied: &Value, not_kept: &[String]) -> Value {
    let Value::Map(mut shown) = live.bare().clone() else { return applied.clone() };
    complete(schema, applied, &mut shown);
    let mut base = Value::Map(shown);
    for path in not_kept.iter().filter_map(|text| Path::parse(text).ok()) {
        path.transplant(applied, &mut base);
    }
    base.tainted_like(applied)
}

/// Adds to what the cloud shows what it hides.
fn complete(schema: &Object, applied: &Value, shown: &mut Map) {
    for property in &schema.properties {
        let was = applied.get(&property.name);
        let hidden = property.sometimes_shown && shown.get(&property.name).is_none_or(Value::is_null);
        match was {
            Some(value) if property.write_only || hidden => {
                shown.insert(property.name.clone(), value.clone());
            }
            None if property.write_only => {
                shown.shift_remove(&property.name);
            }
            Some(was) => {
                if let Some(part) = shown.get_mut(&property.name) {
                    complete_part(property, was, part);
                }
            }
            None => {}
        }
    }
}

fn complete_part(property: &Property, applied: &Value, shown: &mut Value) {
    match (&property.shape, shown) {
        (_, Value::Secret(inner)) => complete_part(property, applied, inner),
        (Shape::Object(schema), Value::Map(shown)) => complete(schema, applied, shown),
        (Shape::Map(item), Value::Map(shown)) => {
            for (key, part) in shown {
                if let Some(was) = applied.get(key) {
                    complete_part(item, was, part);
                }
            }
        }
        (Shape::List { item, unordered: false }, Value::List(shown)) => {
            for (part, was) in shown.iter_mut().zip(applied.as_list().unwrap_or_default()) {
                complete_part(item, was, part);
            }
        }
        // Where order means nothing, an item is the one that it differs from in hidden parts only.
        (Shape::List { item, unordered: true }, Value::List(shown)) if hides(item) => {
            let mut left: Vec<&Value> = applied.as_list().unwrap_or_default().iter().collect();
            for part in shown {
                let whole = |was: &Value| {
                    let mut whole = part.clone();
                    complete_part(item, was, &mut whole);
                    whole
                };
                if let Some(i) = left.iter().position(|was| same(item, &whole(was), was)) {
                    let whole = whole(left.swap_remove(i));
                    *part = whole;
                }
            }
        }
        _ => {}
    }
}

/// Whether the cloud hides a part of such a value.
fn hides(property: &Property) -> bool {
    match &property.shape {
        Shape::Object(schema) => schema.properties.iter().any(|p| p.write_only || p.sometimes_shown || hides(p)),
        Shape::List { item, .. } | Shape::Map(item) => hides(item),
        _ => false,
    }
}

/// The differences that turn `base` into `wanted`.
pub fn diff(schema: &Object, base: &Value, wanted: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    object(schema, &Trail::Start, base, wanted, false, &mut found);
    found
}

fn object(
    schema: &Object,
    trail: &Trail<'_>,
    base: &Value,
    wanted: &Value,
    replaces: bool,
    found: &mut Vec<Difference>,
) {
    for property in &schema.properties {
        if property.initial {
            continue;
        }
        let at = Trail::Key(trail, &property.name);
        let (b, w) = (part(base, property), part(wanted, property));
        value(property, &at, &b, &w, replaces || property.replace, found);
    }
}

/// A property's value, or what holds when it is not given.
fn part<'v>(of: &'v Value, property: &Property) -> Cow<'v, Value> {
    match of.get(&property.name) {
        Some(v) if !v.is_null() => Cow::Borrowed(v),
        _ => Cow::Owned(property.default.clone().map_or(Value::Null, Value::from_json)),
    }
}

fn value(
    property: &Property,
    trail: &Trail<'_>,
    base: &Value,
    wanted: &Value,
    replaces: bool,
    found: &mut Vec<Difference>,
) {
    let (b, w) = (base.bare(), wanted.bare());
    if (property.computed && matches!(w, Value::Null)) || empty(b) && empty(w) || b == w {
        return;
    }
    match (&property.shape, b, w) {
        (Shape::Object(schema), Value::Map(_), Value::Map(_)) => object(schema, trail, b, w, replaces, found),
        (Shape::Map(item), Value::Map(old), Value::Map(new)) => {
            for key in old.keys().chain(new.keys().filter(|k| !old.contains_key(*k))) {
                let (b, w) = (old.get(key).unwrap_or(&Value::Null), new.get(key).unwrap_or(&Value::Null));
                value(item, &Trail::Key(trail, key), b, w, replaces, found);
            }
        }
        (Shape::List { item, unordered: true }, Value::List(old), Value::List(new)) => {
            let same = match &item.shape {
                Shape::Object(schema) if property.united => same_set(item, &unite(schema, old), &unite(schema, new)),
                _ => same_set(item, old, new),
            };
            if !same {
                push(property, trail, base, wanted, replaces, found);
            }
        }
        (Shape::List { item, .. }, Value::List(old), Value::List(new)) if old.len() == new.len() => {
            for (i, (b, w)) in old.iter().zip(new).enumerate() {
                value(item, &Trail::Index(trail, i), b, w, replaces, found);
            }
        }
        _ if same_scalar(property, b, w) => {}
        _ => push(property, trail, base, wanted, replaces, found),
    }
}

fn push(
    property: &Property,
    trail: &Trail<'_>,
    base: &Value,
    wanted: &Value,
    replaces: bool,
    found: &mut Vec<Difference>,
) {
    let hide = |v: &Value| if property.secret && !v.is_null() { v.clone().secret() } else { v.clone() };
    let rewritten = match (property.alike, base, wanted) {
        (Some(alike), Value::String(base), Value::String(wanted)) => alike.written_like(base, wanted),
        _ => None,
    };
    let before = rewritten.map_or_else(|| hide(base), |text| hide(&text.into()));
    found.push(Difference { path: trail.path(), before, after: hide(wanted), replaces });
}

/// No value, no items and no entries are the same nothing.
fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.values().all(|v| v.is_null()),
        _ => false,
    }
}

fn same_set(item: &Property, old: &[Value], new: &[Value]) -> bool {
    if old.len() != new.len() {
        return false;
    }
    let mut left: Vec<&Value> = old.iter().collect();
    new.iter().all(|w| {
        let position = left.iter().position(|b| same(item, b, w));
        position.map(|i| left.swap_remove(i)).is_some()
    })
}

/// Whether two values mean the same.
fn same(property: &Property, base: &Value, wanted: &Value) -> bool {
    let mut found = Vec::new();
    value(property, &Trail::Start, base, wanted, false, &mut found);
    found.is_empty()
}

/// Items that agree in their words and numbers, joined: see `rules::united`.
fn unite(schema: &Object, items: &[Value]) -> Vec<Value> {
    let joined = |property: &&Property| matches!(property.shape, Shape::List { .. } | Shape::Bool);
    let mut united: IndexMap<String, Map> = IndexMap::new();
    for item in items {
        let parts = |p: &Property| part(item, p).bare().clone();
        let key: Vec<Value> = schema.properties.iter().filter(|p| !joined(p)).map(parts).collect();
        let whole = united.entry(format!("{key:?}")).or_insert_with(|| {
            schema.properties.iter().filter(|p| !joined(p)).map(|p| (p.name.clone(), parts(p))).collect()
        });
        for property in schema.properties.iter().filter(joined) {
            let so_far = whole.entry(property.name.clone()).or_default();
            *so_far = joint(std::mem::take(so_far), parts(property));
        }
    }
    united.into_values().map(Value::Map).collect()
}

fn joint(a: Value, b: Value) -> Value {
    match (a, b) {
        (Value::Null, other) | (other, Value::Null) => other,
        (Value::List(mut a), Value::List(b)) => {
            let new: Vec<Value> = b.into_iter().filter(|item| !a.contains(item)).collect();
            a.extend(new);
            Value::List(a)
        }
        (Value::Bool(a), Value::Bool(b)) => Value::Bool(a || b),
        _ => Value::Unknown,
    }
}

fn same_scalar(property: &Property, base: &Value, wanted: &Value) -> bool {
    match (base, wanted) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::String(a), Value::String(b)) => property.alike.is_some_and(|alike| alike.same(a, b)),
        (Value::Unknown, _) | (_, Value::Unknown) => false,
        _ => match (property.alike, document(base), document(wanted)) {
            (Some(how @ (Alike::Json | Alike::OrderedJson | Alike::ApiPolicy)), Some(a), Some(b)) => how.same(&a, &b),
            _ => false,
        },
    }
}

fn document(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        other => other.to_json().ok().map(|json| json.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rules::{alike, computed, replace, sometimes_shown, united, unordered, write_only};
    use crate::engine::schema::{json_schema, object as read};
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Inputs {
        #[schemars(transform = replace)]
        name: String,
        #[schemars(transform = computed)]
        zone: Option<String>,
        #[schemars(transform = unordered)]
        groups: Option<Vec<String>>,
        #[schemars(transform = unordered)]
        rules: Option<Vec<Rule>>,
        #[schemars(transform = unordered, transform = united)]
        openings: Option<Vec<Opening>>,
        #[serde(default)]
        enabled: bool,
        #[schemars(transform = write_only)]
        password: Option<crate::engine::secret::Secret<String>>,
        policy: Option<crate::engine::document::Document>,
        #[schemars(transform = alike(Alike::Version))]
        version: Option<String>,
        #[schemars(transform = sometimes_shown)]
        role: Option<String>,
        steps: Option<Vec<Login>>,
        #[schemars(transform = unordered)]
        logins: Option<Vec<Login>>,
        tags: Option<std::collections::BTreeMap<String, String>>,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Rule {
        port: i32,
        #[serde(default)]
        note: String,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Login {
        client: String,
        #[schemars(transform = write_only)]
        password: Option<String>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Opening {
        port: i32,
        #[schemars(transform = unordered)]
        ranges: Option<Vec<String>>,
        #[serde(default)]
        own: bool,
    }

    fn paths(base: serde_json::Value, wanted: serde_json::Value) -> Vec<(String, bool)> {
        let schema = read(&json_schema::<Inputs>());
        diff(&schema, &base.into(), &wanted.into()).into_iter().map(|d| (d.path.to_string(), d.replaces)).collect()
    }

    #[test]
    fn what_means_the_same_is_no_difference() {
        let base = json!({"name": "a", "zone": "z1", "groups": ["x", "y"], "enabled": false, "version": "16.6",
            "rules": [{"port": 1, "note": ""}, {"port": 2}], "policy": "{\"a\": [1]}", "tags": {}});
        let wanted = json!({"name": "a", "groups": ["y", "x"], "rules": [{"port": 2}, {"port": 1}],
            "policy": {"a": 1}, "version": "16"});
        assert_eq!(paths(base, wanted), []);
    }

    #[test]
    fn of_a_document_only_what_differs_by_meaning_differs_in_writing() {
        let schema = read(&json_schema::<Inputs>());
        let inputs = |policy: &str| json!({ "name": "a", "policy": policy }).into();
        let (base, wanted) = (inputs(r#"{"b":["y","x"],"a":1}"#), inputs(r#"{"a":2,"b":["x","y"]}"#));
        let found = diff(&schema, &base, &wanted);
        assert_eq!(found[0].before, Value::from(r#"{"a":1,"b":["x","y"]}"#));
    }

    #[test]
    fn a_difference_names_the_deepest_part_and_whether_it_replaces() {
        let base = json!({"name": "a", "tags": {"k": "1", "old": "x"}});
        let wanted = json!({"name": "b", "enabled": true, "tags": {"k": "2"}});
        assert_eq!(
            paths(base, wanted),
            [("name".into(), true), ("enabled".into(), false), ("tags.k".into(), false), ("tags.old".into(), false)]
        );
    }

    #[test]
    fn united_items_mean_the_same_however_they_are_split() {
        let base = json!({"openings": [{"port": 1, "ranges": ["a", "b"], "own": true}, {"port": 2, "ranges": ["c"]}]});
        let split = json!({"openings": [{"port": 2, "ranges": ["c"]}, {"port": 1, "ranges": ["b"]},
            {"port": 1, "own": true}, {"port": 1, "ranges": ["a", "b"], "own": false}]});
        assert_eq!(paths(base.clone(), split), []);
        let fewer = json!({"openings": [{"port": 1, "ranges": ["a"], "own": true}, {"port": 2, "ranges": ["c"]}]});
        assert_eq!(paths(base.clone(), fewer), [("openings".into(), false)]);
        let off = json!({"openings": [{"port": 1, "ranges": ["a", "b"]}, {"port": 2, "ranges": ["c"]}]});
        assert_eq!(paths(base, off), [("openings".into(), false)]);
    }

    #[test]
    fn a_write_only_input_is_compared_with_what_was_applied() {
        let schema = read(&json_schema::<Inputs>());
        let applied = Value::from(json!({"name": "a", "password": "old"}));
        let base = baseline(&schema, &json!({"name": "a", "password": null}).into(), &applied, &[]);
        assert!(diff(&schema, &base, &applied).is_empty());
        let found = diff(&schema, &base, &json!({"name": "a", "password": "new"}).into());
        assert_eq!(found.len(), 1);
        assert!(!format!("{found:?}").contains("new"), "a secret shows: {found:?}");
    }

    #[test]
    fn a_write_only_part_of_an_item_is_compared_with_what_was_applied() {
        let schema = read(&json_schema::<Inputs>());
        let steps = |a: &str, b: &str| json!([{ "client": "a", "password": a }, { "client": "b", "password": b }]);
        let applied = Value::from(json!({ "name": "a", "steps": steps("1", "2"), "logins": steps("1", "2") }));
        let live = json!({ "name": "a", "steps": [{ "client": "a" }, { "client": "b" }],
            "logins": [{ "client": "b", "password": "" }, { "client": "a" }] });
        let base = baseline(&schema, &live.into(), &applied, &[]);
        assert_eq!(diff(&schema, &base, &applied), []);
        let wanted = json!({ "name": "a", "steps": steps("1", "3"), "logins": steps("1", "2") }).into();
        let paths: Vec<String> = diff(&schema, &base, &wanted).iter().map(|d| d.path.to_string()).collect();
        assert_eq!(paths, ["steps[1].password"]);
        let wanted = json!({ "name": "a", "steps": steps("1", "2"), "logins": steps("1", "3") }).into();
        let paths: Vec<String> = diff(&schema, &base, &wanted).iter().map(|d| d.path.to_string()).collect();
        assert_eq!(paths, ["logins"]);
    }

    #[test]
    fn only_the_part_that_is_not_kept_is_believed() {
        let schema = read(&json_schema::<Inputs>());
        let applied = Value::from(json!({ "name": "a", "rules": [{ "port": 1 }], "steps": [{ "client": "a" }],
            "tags": { "a": "1", "b": "2" } }));
        let live = json!({ "name": "b", "rules": [], "steps": [{ "client": "x" }], "tags": { "b": "3" } });
        let not_kept = ["rules", "steps[*].client", "tags[*]"].map(str::to_owned);
        let base = baseline(&schema, &live.into(), &applied, &not_kept);
        let paths: Vec<String> = diff(&schema, &base, &applied).iter().map(|d| d.path.to_string()).collect();
        assert_eq!(paths, ["name"]);
    }

    #[test]
    fn what_the_cloud_shows_only_sometimes_stands_while_it_shows_none() {
        let schema = read(&json_schema::<Inputs>());
        let applied = Value::from(json!({"name": "a", "role": "writer"}));
        let changes = |live: serde_json::Value| {
            let base = baseline(&schema, &live.into(), &applied, &[]);
            diff(&schema, &base, &applied).len()
        };
        assert_eq!(changes(json!({"name": "a"})), 0);
        assert_eq!(changes(json!({"name": "a", "role": "reader"})), 1);
    }

    #[test]
    fn a_value_not_known_yet_is_a_difference() {
        let schema = read(&json_schema::<Inputs>());
        let wanted = Value::Map([("name".to_owned(), Value::Unknown)].into_iter().collect());
        assert!(diff(&schema, &json!({"name": "a"}).into(), &wanted)[0].replaces);
    }
}
