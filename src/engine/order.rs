//! Orders that no reference shows: what a cloud wants to exist first.

use crate::engine::program::Declaration;

/// One resource comes after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Implied {
    /// Index of the declaration that comes first.
    pub before: usize,
    pub after: usize,
    /// Whether the later one must also go first when both are deleted.
    pub on_delete: bool,
}

/// A rule of a cloud: finds the orders among declarations.
pub type Rule = fn(&[Declaration]) -> Vec<Implied>;
