//! Changes to a state that make no call: one path for all of them, under the lock and with a backup.

use std::collections::BTreeSet;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, failed};
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::cli::target::Target;
use crate::engine::diagnostic::nearest;
use crate::engine::graph;
use crate::engine::selection::matches;
use crate::engine::state::State;
use crate::engine::urn::Urn;
use crate::state::lint;

/// Changes the state of a stack by `change`, unless the result would be unsound.
pub(super) fn edit<T>(site: &Site, command: &str, change: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
    runtime(site.target == Target::Twin)?.block_on(async {
        site.must_exist().await?;
        let keys = site.keys().await?;
        let lock = site.lock(command).await?;
        let keys = site.keys_by_now(keys).await?;
        let (lock, state) = lock.load(&keys).await.map_err(failed)?;
        site.warn();
        let mut state = state.ok_or_else(|| site.not_found())?;
        let done = change(&mut state)?;
        state.serial += 1;
        graph::sort(&mut state.rows);
        if let Some(finding) = lint(&state).first() {
            return Err(Failure::new(
                Exit::Configuration,
                format!("the state would not be sound: {finding}"),
                "nothing was changed; `drctl state show` tells what refers to a resource",
            ));
        }
        lock.import(&keys, &state).await.map_err(failed)?;
        Ok(done)
    })
}

/// The resource that a person means: by URN, or by its logical name if that is unique.
pub(super) fn find(state: &State, given: &str) -> Result<Urn> {
    let mut urns: Vec<&Urn> = state.rows.keys().map(|k| &k.urn).collect();
    urns.sort();
    urns.dedup();
    if let Some(urn) = urns.iter().find(|urn| urn.as_str() == given) {
        return Ok((*urn).clone());
    }
    let named: Vec<&Urn> = urns.iter().copied().filter(|urn| urn.name() == given).collect();
    match named.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let help = match nearest(given, urns.iter().map(|urn| urn.name())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`drctl state ls` lists all of them".to_owned(),
            };
            Err(Failure::new(Exit::Configuration, format!("the state has no resource `{given}`"), help))
        }
        several => {
            let list: Vec<&str> = several.iter().map(|urn| urn.as_str()).collect();
            let message = format!("{} resources are called `{given}`", several.len());
            Err(Failure::new(Exit::Configuration, message, format!("use one of the URNs {}", list.join(" "))))
        }
    }
}

/// The resources that a pattern names, as with `--target`: a URN, a logical name, that of a component or of an
/// `each`, a type, and `*` for any text.
pub(super) fn find_all(state: &State, pattern: &str) -> Result<Vec<Urn>> {
    let named = state.rows.keys().filter(|key| matches(pattern, &key.urn));
    let urns: BTreeSet<Urn> = named.map(|key| key.urn.clone()).collect();
    // Two of one name may be meant both by a pattern, and hardly by their name.
    if urns.iter().all(|urn| urn.name() == pattern) {
        return Ok(vec![find(state, pattern)?]);
    }
    Ok(urns.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::state::{Key, Row};
    use crate::engine::urn::Place;

    fn state() -> State {
        let mut state = State::new("l", "s", "p", "twin");
        for (ty, name) in [("t:i:A", "x"), ("t:i:B", "x"), ("t:i:A", "network")] {
            let key = Key { urn: Urn::new("s", "p", ty, name), generation: 0 };
            state.rows.insert(key.clone(), Arc::new(Row::new(key, ty, Place::global())));
        }
        state
    }

    #[test]
    fn a_resource_is_found_by_its_name_or_its_urn() {
        assert_eq!(find(&state(), "network").unwrap().name(), "network");
        assert_eq!(find(&state(), "urn:pulumi:s::p::t:i:B::x").unwrap().ty(), "t:i:B");
    }

    #[test]
    fn a_pattern_finds_all_that_it_names_and_what_names_none_is_told() {
        let mut state = state();
        for name in ["net/vpc", "net/subnet[\"a\"]", "nets"] {
            let key = Key { urn: Urn::new("s", "p", "t:i:C", name), generation: 0 };
            state.rows.insert(key.clone(), Arc::new(Row::new(key, "t:i:C", Place::global())));
        }
        let found = |pattern: &str| {
            let urns = find_all(&state, pattern).ok()?;
            Some(urns.iter().map(|urn| urn.name().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(found("net").unwrap(), ["net/subnet[\"a\"]", "net/vpc"]);
        assert_eq!(found("net/subnet").unwrap(), ["net/subnet[\"a\"]"]);
        assert_eq!(found("net*").unwrap(), ["network", "net/subnet[\"a\"]", "net/vpc", "nets"]);
        assert_eq!(found("t:i:A").unwrap(), ["network", "x"]);
        assert_eq!(found("x*").unwrap(), ["x", "x"]);
        assert_eq!((found("x"), found("y*")), (None, None), "two of one name, and nothing");
    }

    #[test]
    fn a_name_of_two_resources_is_refused_with_both_urns() {
        let Err(Failure::Error(_, error)) = find(&state(), "x") else { panic!() };
        assert_eq!(error.message, "2 resources are called `x`");
        assert_eq!(error.hint.unwrap(), "use one of the URNs urn:pulumi:s::p::t:i:A::x urn:pulumi:s::p::t:i:B::x");
        let Err(Failure::Error(_, error)) = find(&state(), "netwrk") else { panic!() };
        assert_eq!(error.hint.unwrap(), "did you mean `network`?");
    }
}
