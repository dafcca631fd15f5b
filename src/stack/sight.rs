//! What an evaluation sees of resources.

use std::borrow::Cow;

use crate::engine::handle::Handle;
use crate::engine::program::Known;
use crate::engine::urn::Urn;
use crate::engine::value::Value;

/// Where an evaluation looks for what resources give.
pub(crate) trait Sight {
    /// The resource as a whole.
    fn whole(&self, urn: &Urn) -> Handle;

    /// A property of it, or its id.
    fn property(&self, urn: &Urn, name: &str) -> Cow<'_, Value>;

    /// Whether a value holds something that only stands for what a resource will give, so that nothing must
    /// be concluded from its letters.
    fn is_stand_in(&self, _: &Value) -> bool {
        false
    }
}

impl Sight for Known {
    fn whole(&self, urn: &Urn) -> Handle {
        self.get(urn).cloned().unwrap_or_else(|| Handle::unseen(urn, Value::Unknown))
    }

    fn property(&self, urn: &Urn, name: &str) -> Cow<'_, Value> {
        let Some(handle) = self.get(urn) else { return Cow::Owned(Value::Unknown) };
        match handle.get(name) {
            Some(value) => Cow::Borrowed(value),
            None if name == "id" => Cow::Borrowed(&handle.id),
            None if handle.id.has_unknown() => Cow::Owned(Value::Unknown),
            None => Cow::Owned(Value::Null),
        }
    }
}
