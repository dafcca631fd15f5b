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

/// One resource goes before others although neither refers to the other. Says nothing about their creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure<'a> {
    pub first: &'a Urn,
    /// Each is deleted when the first one is gone, or stays.
    pub then: Vec<&'a Urn>,
    /// What holds the first one, and whose end leaves something behind that does so for a while.
    pub after: &'a Urn,
    /// Seconds for which it usually does.
    pub typical: u32,
    /// Seconds after which the order does not matter any more.
    pub longest: u32,
}

/// A rule of a cloud: finds the orders of deletions among all rows of a state.
pub type DepartureRule = for<'a> fn(&[&'a Row]) -> Vec<Departure<'a>>;
