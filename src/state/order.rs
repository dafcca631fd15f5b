//! The order in which rows are stored: every row after those it depends on.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::state::{Row, Rows};
use crate::engine::urn::Urn;

/// The URNs that must come before a row.
pub(super) fn before(row: &Row) -> impl Iterator<Item = &Urn> {
    row.needs.iter().chain(&row.parent).chain(&row.deleted_with).chain(&row.replace_with)
}

/// The rows, each after all that it depends on, else in the order in which they are. A replacement
/// comes to the end of a state when it is made, and so behind those that need it.
///
/// Rows that depend on each other in a circle keep their order.
pub(super) fn by_dependency(rows: &Rows) -> Vec<&Arc<Row>> {
    let mut of_urn: HashMap<&Urn, Vec<usize>> = HashMap::with_capacity(rows.len());
    for (i, key) in rows.keys().enumerate() {
        of_urn.entry(&key.urn).or_default().push(i);
    }
    let mut visited = vec![false; rows.len()];
    let mut ordered = Vec::with_capacity(rows.len());
    // Without recursion: a chain of dependencies may be as long as the state.
    let mut stack: Vec<(usize, bool)> = Vec::new();
    for start in 0..rows.len() {
        stack.push((start, false));
        while let Some((i, settled)) = stack.pop() {
            if settled {
                ordered.push(&rows[i]);
            } else if !std::mem::replace(&mut visited[i], true) {
                stack.push((i, true));
                let mut first: Vec<usize> =
                    before(&rows[i]).filter_map(|urn| of_urn.get(urn)).flatten().copied().collect();
                first.sort_unstable();
                stack.extend(first.into_iter().rev().filter(|j| !visited[*j]).map(|j| (j, false)));
            }
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::Key;
    use crate::engine::urn::Place;

    fn urn(name: &str) -> Urn {
        Urn::new("s", "p", "t:i:T", name)
    }

    fn rows(all: &[(&str, &[&str])]) -> Rows {
        let row = |(name, needs): &(&str, &[&str])| Row {
            needs: needs.iter().map(|n| urn(n)).collect(),
            ..Row::new(Key { urn: urn(name), generation: 0 }, "t:i:T", Place::global())
        };
        all.iter().map(row).map(|r| (r.key.clone(), Arc::new(r))).collect()
    }

    fn names(rows: &Rows) -> Vec<&str> {
        by_dependency(rows).into_iter().map(|r| r.key.urn.name()).collect()
    }

    #[test]
    fn rows_come_after_those_they_need_and_else_stay_where_they_are() {
        assert_eq!(names(&rows(&[("z", &[]), ("a", &["c", "b"]), ("b", &[]), ("c", &["b"])])), ["z", "b", "c", "a"]);
    }

    #[test]
    fn a_circle_loses_no_row() {
        assert_eq!(names(&rows(&[("a", &["b"]), ("b", &["a"]), ("c", &["c", "gone"])])).len(), 3);
    }

    #[test]
    fn a_chain_as_long_as_the_state_is_ordered() {
        let names: Vec<String> = (0..20_000).map(|i| i.to_string()).collect();
        let all: Rows = (0..names.len())
            .map(|i| {
                let needs = names.get(i + 1).map(|n| urn(n)).into_iter().collect();
                let key = Key { urn: urn(&names[i]), generation: 0 };
                (key.clone(), Arc::new(Row { needs, ..Row::new(key, "t:i:T", Place::global()) }))
            })
            .collect();
        assert_eq!(by_dependency(&all)[0].key.urn.name(), "19999");
    }
}
