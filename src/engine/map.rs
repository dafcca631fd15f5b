//! Properties by name, small where they lie in a value.

use std::ops::{Deref, DerefMut};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::engine::value::Value;

/// The hasher has no state of its own: maps are small and there are many of them.
type Entries = IndexMap<String, Value, FxBuildHasher>;

/// Properties in the order in which they were written.
///
/// The entries lie behind a pointer: values lie in lists and maps by the hundred thousand, most of them
/// are no maps, and each is as large as the largest kind of value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map(Box<Entries>);

impl Map {
    /// An empty one that takes that many entries without growing.
    pub fn with_capacity(entries: usize) -> Self {
        Self(Box::new(Entries::with_capacity_and_hasher(entries, FxBuildHasher)))
    }
}

impl Deref for Map {
    type Target = Entries;

    fn deref(&self) -> &Entries {
        &self.0
    }
}

impl DerefMut for Map {
    fn deref_mut(&mut self) -> &mut Entries {
        &mut self.0
    }
}

impl FromIterator<(String, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        Self(Box::new(entries.into_iter().collect()))
    }
}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = indexmap::map::IntoIter<String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a String, &'a Value);
    type IntoIter = indexmap::map::Iter<'a, String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a mut Map {
    type Item = (&'a String, &'a mut Value);
    type IntoIter = indexmap::map::IterMut<'a, String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut()
    }
}
