//! Orders that no reference shows: what a cloud wants to exist first, to change first, and what has to go first.

use crate::engine::plan::Step;
use crate::engine::program::Declaration;
use crate::engine::state::{Row, State};
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

/// One change goes before another one, whichever of the two resources was made first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Precedence {
    /// Index of the step that goes first.
    pub first: usize,
    pub then: usize,
    /// The rule, for people.
    pub why: &'static str,
}

/// A rule of a cloud: finds the orders among the changes that a plan makes.
pub type ChangeRule = fn(&[&Step], &State) -> Vec<Precedence>;

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
