//! Which of the things that a resource depends on are too young for all services to know of them.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::state::{Row, State};
use crate::engine::urn::Urn;

/// How long it may take until all services know of a change. IAM names no limit; seconds are usual.
const YOUTH: Duration = Duration::from_secs(120);

/// Whether a row of one of these types, given by the beginnings of their tokens, was made or changed a moment
/// ago, of which the resource may know nothing yet: one that it depends on, or one that depends on such a one as
/// a policy does on its role.
pub fn depends_on_the_young(state: &State, urn: &Urn, types: &[&str], now: Timestamp) -> bool {
    let is_young = |row: &Row| {
        let since = [row.created, row.modified].into_iter().flatten().max();
        since.is_some_and(|since| now.duration_since(since).unsigned_abs() < YOUTH)
    };
    let may_be_meant = |row: &Row| types.iter().any(|ty| row.ty.starts_with(ty)) && is_young(row);
    if types.is_empty() || !state.rows.values().any(|row| may_be_meant(row)) {
        return false;
    }
    let mut all: HashSet<&Urn> = HashSet::from([urn]);
    let mut next = vec![urn];
    while let Some(urn) = next.pop() {
        for row in state.rows.values().filter(|row| row.key.urn == *urn) {
            next.extend(needed(row).filter(|needed| all.insert(needed)));
        }
    }
    let concerns =
        |row: &Row| all.contains(&row.key.urn) || needed(row).any(|needed| needed != urn && all.contains(needed));
    state.rows.values().any(|row| row.key.urn != *urn && may_be_meant(row) && concerns(row))
}

fn needed(row: &Row) -> impl Iterator<Item = &Urn> {
    row.needs.iter().chain(row.refers.values().flatten())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::state::Key;
    use crate::engine::urn::Place;

    const NOW: &str = "2026-01-01T00:10:00Z";

    /// A state in which each type is one row, made then, that needs others.
    fn state(rows: &[(&str, &str, &[&str])]) -> State {
        let mut state = State::new("l", "prod", "dr", "twin");
        for (ty, made, needs) in rows {
            let key = Key { urn: urn(ty), generation: 0 };
            let mut row = Row::new(key.clone(), ty, Place::global());
            row.created = Some(made.parse().unwrap());
            row.needs = needs.iter().map(|ty| urn(ty)).collect();
            state.rows.insert(key, Arc::new(row));
        }
        state
    }

    fn urn(ty: &str) -> Urn {
        Urn::new("prod", "dr", ty, "a")
    }

    fn waits(state: &State) -> bool {
        depends_on_the_young(state, &urn("lambda"), &["iam/"], NOW.parse().unwrap())
    }

    const OLD: &str = "2026-01-01T00:00:00Z";
    const YOUNG: &str = "2026-01-01T00:09:30Z";

    #[test]
    fn what_was_made_a_moment_ago_explains_a_refusal_only_to_those_that_depend_on_it() {
        assert!(waits(&state(&[("iam/role", YOUNG, &[]), ("lambda", YOUNG, &["iam/role"])])));
        assert!(!waits(&state(&[("iam/role", OLD, &[]), ("lambda", YOUNG, &["iam/role"])])), "it is known by now");
        assert!(!waits(&state(&[("iam/role", YOUNG, &[]), ("lambda", YOUNG, &[])])), "it is another one's");
        assert!(!waits(&state(&[("bucket", YOUNG, &[]), ("lambda", YOUNG, &["bucket"])])), "it explains nothing");
        assert!(!waits(&state(&[("lambda", YOUNG, &[])])));
    }

    #[test]
    fn what_is_needed_by_way_of_others_counts_and_so_does_what_was_attached_to_it() {
        assert!(waits(&state(&[("iam/role", YOUNG, &[]), ("b", OLD, &["iam/role"]), ("lambda", OLD, &["b"])])));
        let attached = ("iam/policy", YOUNG, &["iam/role"] as &[&str]);
        assert!(waits(&state(&[("iam/role", OLD, &[]), attached, ("lambda", OLD, &["iam/role"])])));
        let of_itself = ("iam/other", YOUNG, &["lambda"] as &[&str]);
        assert!(!waits(&state(&[("iam/role", OLD, &[]), of_itself, ("lambda", OLD, &["iam/role"])])));
    }
}
