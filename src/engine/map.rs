//! Properties by name, small where they lie in a value and cheap to copy.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::engine::value::Value;

/// The hasher has no state of its own: maps are small and there are many of them.
type Entries = IndexMap<String, Value, FxBuildHasher>;

/// Properties in the order in which they were written.
///
/// The entries lie behind a pointer: values lie in lists and maps by the hundred thousand, most of them
/// are no maps, and each is as large as the largest kind of value. Copies share the entries until one of
/// them changes: most resources of most plans stay as they are, and a row, what it is compared with and
/// what the program sees of it are all copies of it.
#[derive(Debug, Clone, Default)]
pub struct Map(Arc<Entries>);

impl Map {
    /// An empty one that takes that many entries without growing.
    pub fn with_capacity(entries: usize) -> Self {
        Self(Arc::new(Entries::with_capacity_and_hasher(entries, FxBuildHasher)))
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
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
        Arc::make_mut(&mut self.0)
    }
}

impl FromIterator<(String, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        Self(Arc::new(entries.into_iter().collect()))
    }
}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = indexmap::map::IntoIter<String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
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
        Arc::make_mut(&mut self.0).iter_mut()
    }
}
