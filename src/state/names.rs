//! The names by which rows refer to each other.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use crate::engine::state::{Row, State};
use crate::engine::urn::Urn;
use crate::state::order;

/// The state without names that no row bears. A run that ends between the two halves of a replacement
/// leaves such: the old one has gone, and whoever needs it has stayed. They come back from the program,
/// with the new half. Other than so no name loses its row, so one in a snapshot was left by somebody else.
pub fn without_lost_names(state: &State) -> Cow<'_, State> {
    let known: HashSet<&Urn> = state.rows.keys().map(|key| &key.urn).collect();
    if state.rows.values().flat_map(|row| names(row)).all(|urn| known.contains(urn)) {
        return Cow::Borrowed(state);
    }
    let mut rest = state.clone();
    for row in rest.rows.values_mut().filter(|row| names(row).any(|urn| !known.contains(urn))) {
        unname(Arc::make_mut(row), |urn| !known.contains(urn));
    }
    Cow::Owned(rest)
}

/// Takes some of the names out that a row has for others.
pub fn unname(row: &mut Row, gone: impl Fn(&Urn) -> bool) {
    row.needs.retain(|urn| !gone(urn));
    row.precedes.retain(|known| !gone(&known.urn));
    row.replace_with.retain(|urn| !gone(urn));
    row.refers.values_mut().for_each(|urns| urns.retain(|urn| !gone(urn)));
    row.parent.take_if(|urn| gone(urn));
    row.deleted_with.take_if(|urn| gone(urn));
}

fn names(row: &Row) -> impl Iterator<Item = &Urn> {
    order::before(row).chain(row.refers.values().flatten()).chain(row.precedes.iter().map(|known| &known.urn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::Key;
    use crate::engine::urn::Place;

    #[test]
    fn a_name_without_a_row_is_lost_and_others_stay() {
        let urn = |name: &str| Urn::new("s", "p", "t:i:T", name);
        let row = |name: &str, needs: &[&str]| {
            let needs: Vec<Urn> = needs.iter().map(|name| urn(name)).collect();
            let row = Row::new(Key { urn: urn(name), generation: 0 }, "t:i:T", Place::global());
            Arc::new(Row { refers: [("of".to_owned(), needs.clone())].into(), needs, ..row })
        };
        let mut state = State::new("l", "s", "p", "aws");
        for row in [row("a", &[]), row("b", &["a"]), row("c", &["gone", "a"])] {
            state.rows.insert(row.key.clone(), row);
        }
        let rest = without_lost_names(&state);
        let lists: Vec<usize> = rest.rows.values().map(|row| row.needs.len() + row.refers["of"].len()).collect();
        assert_eq!(lists, [0, 2, 2]);
        assert!(matches!(without_lost_names(&rest), Cow::Borrowed(_)));
    }
}
