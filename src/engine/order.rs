//! Orders that no reference shows: what a cloud wants to exist first, and what has to go first.

use crate::engine::program::Declaration;
use crate::engine::state::Row;
use crate::engine::urn::Urn;

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

/// One resource goes before another although neither refers to the other. Says nothing about their creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure<'a> {
    pub first: &'a Urn,
    /// Deleted when the first one is gone, or stays.
    pub then: &'a Urn,
    /// Whose end leaves something behind that holds the first one.
    pub after: &'a Urn,
    /// Seconds for which it usually does.
    pub typical: u32,
}

/// A rule of a cloud: finds the orders of deletions among all rows of a state.
pub type DepartureRule = for<'a> fn(&[&'a Row]) -> Vec<Departure<'a>>;
