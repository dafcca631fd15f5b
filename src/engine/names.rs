//! Automatic names: made once, kept over updates, the same in preview and up.

use sha2::{Digest, Sha256};

use crate::engine::schema::TypeSchema;
use crate::engine::state::{Key, Row};
use crate::engine::urn::Urn;
use crate::engine::value::{Map, Value};

/// Fills in the names that the program leaves to drctl.
///
/// A resource that stays keeps the name it has; a new one gets a name that follows from state
/// lineage, URN and replacement count.
pub fn fill(schema: &TypeSchema, inputs: Value, lineage: &str, key: &Key, stays: Option<&Row>) -> Value {
    let Value::Map(mut map) = inputs else { return inputs };
    for property in &schema.inputs.properties {
        let Some(max) = property.auto_name else { continue };
        if map.get(&property.name).is_some_and(|v| !v.is_null()) || prefixed(&map, &property.name) {
            continue;
        }
        let kept = stays.and_then(|row| row.inputs.get(&property.name)).filter(|v| !v.is_null());
        let prefix = &property.auto_prefix;
        let new = || format!("{prefix}{}", automatic(lineage, key, max.saturating_sub(prefix.len())));
        let name = kept.cloned().unwrap_or_else(|| new().into());
        map.insert(property.name.clone(), name);
    }
    Value::Map(map)
}

/// Whether the program leaves the rest of the name to the cloud: `namePrefix` beside `name`.
fn prefixed(map: &Map, name: &str) -> bool {
    map.get(&format!("{name}Prefix")).is_some_and(|v| !v.is_null())
}

/// `<logical name>-<7 hex>`, in lower-case letters, digits and hyphens, which every AWS type takes.
pub fn automatic(lineage: &str, key: &Key, max: usize) -> String {
    let digest = Sha256::digest(format!("{lineage}\n{}\n{}", key.urn, key.generation));
    let suffix = &hex::encode(digest)[..7];
    let mut stem = String::new();
    for c in key.urn.name().chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            stem.push(c);
        } else if !stem.is_empty() && !stem.ends_with('-') {
            stem.push('-');
        }
    }
    stem.truncate(max.saturating_sub(suffix.len() + 1));
    let stem = stem.trim_end_matches('-');
    if stem.starts_with(|c: char| c.is_ascii_alphabetic()) {
        format!("{stem}-{suffix}")
    } else {
        let mut name = format!("r{stem}-{suffix}");
        name.truncate(max);
        name
    }
}

/// What the automatic name of a resource looks like, where the state that decides about its end is not
/// known: `<logical name>-*`.
pub fn pattern(urn: &Urn, max: usize) -> String {
    let mut name = automatic("", &Key { urn: urn.clone(), generation: 0 }, max);
    name.truncate(name.rfind('-').map_or(0, |end| end + 1));
    name + "*"
}

/// The tag `drctl:owner`: which state and which resource of it something belongs to.
pub fn owner(lineage: &str, key: &Key) -> String {
    format!("{lineage}/{}", &hex::encode(Sha256::digest(key.urn.as_str()))[..32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::urn::Urn;

    #[test]
    fn a_name_is_stable_short_enough_and_new_after_a_replacement() {
        let key = |generation| Key { urn: Urn::new("s", "p", "t:i:T", "primary/subnet[\"us-east-1a\"]"), generation };
        let name = automatic("lineage", &key(0), 24);
        assert_eq!(name, automatic("lineage", &key(0), 24));
        assert_ne!(name, automatic("lineage", &key(1), 24));
        assert!(name.len() <= 24 && name.starts_with("primary-subnet-u"), "{name}");
    }
}
