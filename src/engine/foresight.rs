//! What can be said about a resource before the cloud has made it.

use crate::engine::handle::Handle;
use crate::engine::plan::Change;
use crate::engine::resource::Where;
use crate::engine::schema::TypeSchema;
use crate::engine::state::Row;
use crate::engine::urn::{Id, Urn};
use crate::engine::value::{Map, Value};

/// What programs see of a resource that a plan will make: inputs, outputs that can be computed, and
/// unknowns for the rest.
pub fn of_new(schema: &TypeSchema, urn: &Urn, inputs: &Value, at: &Where) -> Handle {
    let id = schema.predicted_id(inputs);
    let given = inputs.as_map().cloned().unwrap_or_default();
    let mut beside = Map::default();
    for property in schema.inputs.properties.iter().filter(|p| p.computed) {
        if given.get(&property.name).is_none_or(Value::is_null) {
            beside.insert(property.name.clone(), Value::Unknown);
        }
    }
    for property in &schema.outputs.properties {
        beside.insert(property.name.clone(), Value::Unknown);
    }
    let known = (schema.foresee)(inputs, &Where { id: id.clone(), ..at.clone() });
    for (name, value) in known {
        beside.insert(name.to_owned(), value);
    }
    Handle::foreseen(urn, id_value(id), given, beside)
}

/// What programs see of a resource that a plan will update: the new inputs, computed ones as they
/// are unless the cloud has yet to say them, and outputs as they are unless they can be computed or the
/// changes move them. Of one that was never seen as complete the cloud has yet to say all outputs.
pub fn of_changed(schema: &TypeSchema, row: &Row, wanted: &Value, changes: &[Change], at: &Where) -> Handle {
    let mut properties = Map::default();
    for part in [&row.seen, &row.outputs, wanted] {
        properties.extend(part.as_map().cloned().unwrap_or_default());
    }
    for property in schema.inputs.properties.iter().filter(|p| p.computed) {
        if properties.get(&property.name).is_none_or(Value::is_null) {
            let old = row.seen.get(&property.name).cloned();
            properties.insert(property.name.clone(), old.unwrap_or(Value::Unknown));
        }
    }
    for property in schema.outputs.properties.iter().filter(|_| row.is_begun()) {
        properties.entry(property.name.clone()).or_insert(Value::Unknown);
    }
    if changes.iter().any(|change| !is_of_tags(change)) {
        for property in schema.outputs.properties.iter().filter(|p| p.moves) {
            properties.insert(property.name.clone(), Value::Unknown);
        }
    }
    for (name, value) in (schema.foresee)(wanted, at) {
        // Foreseen in part takes the place of nothing known.
        if !value.has_unknown() || properties.get(name).is_none_or(Value::has_unknown) {
            properties.insert(name.to_owned(), value);
        }
    }
    Handle::foreseen(&row.key.urn, id_value(row.id.clone()), Map::default(), properties)
}

/// What programs see of a resource that is gone before its successor comes: nothing.
pub fn of_gone(urn: &Urn) -> Handle {
    Handle::unseen(urn, Value::Unknown)
}

fn is_of_tags(change: &Change) -> bool {
    change.path.strip_prefix("tags").is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn id_value(id: Option<Id>) -> Value {
    id.map_or(Value::Unknown, |id| Value::String(id.0))
}
