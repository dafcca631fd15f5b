//! What a program sees of a resource.

use std::fmt;
use std::sync::Arc;

use crate::engine::state::Row;
use crate::engine::urn::Urn;
use crate::engine::value::{Map, Value};

/// What a program holds of a resource.
#[derive(Clone, PartialEq)]
pub struct Handle {
    pub urn: Urn,
    /// Unknown until the resource exists.
    pub id: Value,
    properties: Properties,
}

#[derive(Clone, PartialEq)]
enum Properties {
    /// Shared with the state: most resources of most plans stay as they are.
    Of(Arc<Row>),
    Foreseen {
        inputs: Map,
        /// What is there beside the inputs, and what takes the place of some.
        outputs: Map,
    },
}

impl Handle {
    /// A resource as it will be. A property that is in both is what the outputs say.
    pub fn foreseen(urn: &Urn, id: Value, inputs: Map, outputs: Map) -> Self {
        Self { urn: urn.clone(), id, properties: Properties::Foreseen { inputs, outputs } }
    }

    /// A resource of which nothing is known but, maybe, its id.
    pub fn unseen(urn: &Urn, id: Value) -> Self {
        Self::foreseen(urn, id, Map::default(), Map::default())
    }

    /// A resource as it is: its outputs, its inputs as seen, and as applied where nothing was seen.
    pub fn of(row: &Arc<Row>) -> Self {
        let id = row.id.as_ref().map_or(Value::Unknown, |id| Value::String(id.0.clone()));
        Self { urn: row.key.urn.clone(), id, properties: Properties::Of(Arc::clone(row)) }
    }

    /// What is foreseen of it; nothing if it shares what it has with the state.
    pub(crate) fn foreseen_properties(&self) -> impl Iterator<Item = (&String, &Value)> {
        let parts = match &self.properties {
            Properties::Foreseen { inputs, outputs } => [Some(inputs), Some(outputs)],
            Properties::Of(_) => [None, None],
        };
        parts.into_iter().flatten().flatten()
    }

    /// A property, if the resource has one of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match &self.properties {
            Properties::Foreseen { inputs, outputs } => outputs.get(name).or_else(|| inputs.get(name)),
            Properties::Of(row) => {
                let parts = [&row.outputs, &row.seen, &row.inputs].map(|part| part.get(name));
                let set = parts.iter().flatten().find(|value| !value.is_null());
                set.or(parts.iter().flatten().next()).copied()
            }
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.urn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::Key;
    use crate::engine::urn::Place;

    fn map(entries: &[(&str, Value)]) -> Value {
        Value::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn a_property_is_what_the_cloud_showed_and_otherwise_what_was_applied() {
        let key = Key { urn: Urn::new("s", "p", "t:i:T", "a"), generation: 0 };
        let row = Row {
            inputs: map(&[("size", Value::from("small")), ("secretWord", Value::from("hush"))]),
            seen: map(&[("size", Value::from("SMALL")), ("secretWord", Value::Null), ("zone", Value::Null)]),
            outputs: map(&[("arn", Value::from("arn:a"))]),
            ..Row::new(key, "t:i:T", Place("eu-west-1".into()))
        };
        let handle = Handle::of(&Arc::new(row));
        assert_eq!(handle.get("arn"), Some(&Value::from("arn:a")));
        assert_eq!(handle.get("size"), Some(&Value::from("SMALL")));
        assert_eq!(handle.get("secretWord"), Some(&Value::from("hush")));
        assert_eq!(handle.get("zone"), Some(&Value::Null));
        assert_eq!(handle.get("nothing"), None);
        assert_eq!(handle.id, Value::Unknown);
    }
}
