//! How much the expressions of a program may make. A few short lines can double a value again and
//! again, so there is an end to it before the memory ends.

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::value::Value;

/// The most that there may be at a time of what an evaluation copied, concatenated and interpolated:
/// 2,000,000 values, each item of a list and each entry of a map for one, and 64 MiB of text. What
/// stands in the files as it is does not count. Ten thousand resources need a tenth of it.
const MOST: Amount = Amount { values: 2_000_000, bytes: 64 << 20 };

/// The most that a program may unfold to: its resources, the instances of its components and the items
/// of every `each`, all together. Components inside components multiply, so that a few short lines could
/// fill any memory. Ten thousand resources, each an item of its own, need two fifths of it.
const MOST_UNFOLDED: usize = 50_000;

/// Values, and the bytes of their texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    values: usize,
    bytes: usize,
}

impl Amount {
    pub(crate) fn of(value: &Value) -> Self {
        let one = |bytes| Self { values: 1, bytes };
        match value {
            Value::String(text) => one(text.len()),
            Value::List(items) => items.iter().fold(one(0), |sum, item| sum.and(Self::of(item))),
            Value::Map(map) => one(0).and(Self::of_entries(map)),
            Value::Secret(inner) => Self::of(inner),
            Value::Resource(handle) => one(0).and(Self::of_entries(handle.foreseen_properties())),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Unknown | Value::Asset(_) => one(0),
        }
    }

    fn of_entries<'v>(entries: impl IntoIterator<Item = (&'v String, &'v Value)>) -> Self {
        entries
            .into_iter()
            .fold(Self::default(), |sum, (key, value)| sum.and(Self::bytes(key.len())).and(Self::of(value)))
    }

    pub(crate) fn values(values: usize) -> Self {
        Self { values, bytes: 0 }
    }

    pub(crate) fn bytes(bytes: usize) -> Self {
        Self { values: 0, bytes }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self { values: self.values.saturating_add(other.values), bytes: self.bytes.saturating_add(other.bytes) }
    }

    fn without(self, other: Self) -> Self {
        Self { values: self.values.saturating_sub(other.values), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    fn fits(self) -> bool {
        self.values <= MOST.values && self.bytes <= MOST.bytes
    }
}

/// What an evaluation has made so far and not thrown away.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Budget {
    /// What names stand for, which is kept to the end.
    held: Amount,
    /// What has gone into the value that is being made.
    made: Amount,
}

impl Budget {
    /// After so much was made already.
    pub(crate) fn after(made: Amount) -> Self {
        Self { made, ..Self::default() }
    }

    pub(crate) fn made(&self) -> Amount {
        self.made
    }

    /// Takes something into account; says whether it fits.
    #[must_use]
    pub(crate) fn charge(&mut self, amount: Amount) -> bool {
        self.made = self.made.and(amount);
        self.held.and(self.made).fits()
    }

    /// What was made since then has served its purpose.
    pub(crate) fn forget_since(&mut self, before: Amount) {
        self.made = before;
    }

    /// What was made since then is kept under a name.
    pub(crate) fn hold_since(&mut self, before: Amount) {
        self.held = self.held.and(self.made.without(before));
        self.made = before;
    }

    /// What a function may make.
    pub(crate) fn room(&self) -> Room {
        Room(self.held.and(self.made))
    }
}

/// What a program has unfolded to so far, and what was copied for that out of its text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unfolded {
    things: usize,
    copied: Amount,
}

impl Unfolded {
    /// Takes into account what is about to be made.
    ///
    /// # Errors
    /// If it is too much.
    pub(crate) fn charge(&mut self, things: usize, copied: Amount, at: &Location) -> Result<(), Diagnostic> {
        self.things = self.things.saturating_add(things);
        self.copied = self.copied.and(copied);
        if self.things > MOST_UNFOLDED {
            let what = "resources, instances of components and items of `each`";
            let text = format!("with this, the program has more than {MOST_UNFOLDED} {what}");
            let problem = Diagnostic::error("too-big", text).at(at.clone());
            return Err(problem.help("make them fewer, or spread them over several stacks"));
        }
        if self.copied.fits() { Ok(()) } else { Err(too_big(at)) }
    }
}

/// What is left for a function that makes much of little.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room(Amount);

impl Room {
    pub(crate) fn has(self, more: Amount) -> bool {
        self.0.and(more).fits()
    }
}

pub(crate) fn too_big(at: &Location) -> Diagnostic {
    let (values, mib) = (MOST.values, MOST.bytes >> 20);
    let text = format!("with this, expressions make more than {values} values or {mib} MiB of text");
    Diagnostic::error("too-big", text).at(at.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::value::Map;

    #[test]
    fn every_part_of_a_value_counts_and_so_does_every_key() {
        let list = Value::List(vec![Value::from("four"), Value::Null, Value::from("x").secret()]);
        assert_eq!(Amount::of(&list), Amount { values: 4, bytes: 5 });
        let map = Value::Map(Map::from_iter([("key".to_owned(), list)]));
        assert_eq!(Amount::of(&map), Amount { values: 5, bytes: 8 });
    }

    #[test]
    fn what_is_forgotten_makes_room_and_what_is_held_does_not() {
        let half = Amount::values(MOST.values / 2);
        let mut budget = Budget::default();
        for _ in 0..5 {
            let before = budget.made();
            assert!(budget.charge(half));
            budget.forget_since(before);
        }
        let before = budget.made();
        assert!(budget.charge(half));
        budget.hold_since(before);
        assert!(budget.room().has(half) && !budget.room().has(Amount::values(MOST.values)));
        assert!(budget.charge(half));
        assert!(!budget.charge(Amount::values(1)));
    }
}
