//! Which resources of a state are meant by the texts of others.

use std::collections::HashMap;

use crate::engine::schema::Property;
use crate::engine::state::State;
use crate::engine::urn::Urn;
use crate::engine::value::Value;

/// What the texts of resources stand for, by type, property and value.
#[derive(Default)]
pub(super) struct Names(pub(super) HashMap<(String, String, String), Urn>);

impl Names {
    pub(super) fn of(state: &State) -> Self {
        let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        let mut names = HashMap::new();
        for row in state.rows.values().filter(|row| !row.old && plain(row.key.urn.name())) {
            let mut note = |property: &str, value: &str| {
                names.insert((row.ty.clone(), property.to_owned(), value.to_owned()), row.key.urn.clone());
            };
            for (name, value) in [&row.inputs, &row.outputs].into_iter().filter_map(|part| part.as_map()).flatten() {
                if let Value::String(text) = value {
                    note(name, text);
                }
            }
            if let Some(id) = &row.id {
                note("id", &id.0);
            }
        }
        Self(names)
    }

    pub(super) fn find<'p>(&self, property: &'p Property, value: &str) -> Option<(&Urn, &'p str)> {
        let (ty, name) = property.refers.as_ref()?;
        Some((self.0.get(&(ty.clone(), name.clone(), value.to_owned()))?, name))
    }
}
