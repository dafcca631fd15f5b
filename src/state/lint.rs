//! Rules that every state keeps, checked on their own and not by the code that is to keep them.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::engine::state::{Begun, Row, State};
use crate::engine::urn::Urn;
use crate::state::order;

/// A rule that a state breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub urn: Urn,
    pub generation: u32,
    pub rule: Broken,
}

/// The rules, as they are broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// Two rows stand for the resource now.
    LiveTwice,
    /// The row replaces one of the same or a higher generation.
    GenerationBackwards,
    /// The row is kept under the key of another.
    WrongKey,
    /// The URN does not have the parts of one.
    NoUrn,
    NoType,
    NoPlace,
    /// The resource has no id, and no create is under way.
    NoId,
    /// The row names a resource that has no row.
    Missing(Urn),
    /// The row names a resource whose rows all come after it.
    Later(Urn),
    /// The row names itself.
    Itself,
    /// A row that is only read has a change under way.
    ExternalChanging,
}

/// Everything that is wrong with a state, in the order of its rows.
pub fn lint(state: &State) -> Vec<Finding> {
    let all: HashSet<&Urn> = state.rows.keys().map(|key| &key.urn).collect();
    let mut live: HashSet<&Urn> = HashSet::with_capacity(all.len());
    let mut highest: HashMap<&Urn, u32> = HashMap::with_capacity(all.len());
    for row in state.rows.values() {
        let top = highest.entry(&row.key.urn).or_default();
        *top = row.key.generation.max(*top);
    }
    let mut come = HashSet::with_capacity(all.len());
    let mut findings = Vec::new();
    for (key, row) in &state.rows {
        let mut find = |rule| findings.push(Finding { urn: key.urn.clone(), generation: key.generation, rule });
        if *key != row.key {
            find(Broken::WrongKey);
        }
        if !row.old && !live.insert(&key.urn) {
            find(Broken::LiveTwice);
        }
        if !row.old && highest.get(&key.urn).is_some_and(|top| *top > key.generation) {
            find(Broken::GenerationBackwards);
        }
        of_row(row).into_iter().for_each(&mut find);
        for urn in order::before(row) {
            if *urn == key.urn {
                find(Broken::Itself);
            } else if !all.contains(urn) {
                find(Broken::Missing(urn.clone()));
            } else if !come.contains(urn) {
                find(Broken::Later(urn.clone()));
            }
        }
        come.insert(&key.urn);
    }
    findings
}

fn of_row(row: &Row) -> Vec<Broken> {
    let creating = row.pending.as_ref().is_some_and(|p| p.op == Begun::Create);
    let rules = [
        (Urn::parse(row.key.urn.as_str()).is_none(), Broken::NoUrn),
        (row.ty.is_empty(), Broken::NoType),
        (row.place.0.is_empty(), Broken::NoPlace),
        (row.id.as_ref().is_none_or(|id| id.0.is_empty()) && !creating && !row.is_skipped(), Broken::NoId),
        (row.external && row.pending.is_some(), Broken::ExternalChanging),
    ];
    rules.into_iter().filter_map(|(broken, rule)| broken.then_some(rule)).collect()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.urn, self.rule)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LiveTwice => f.write_str("two rows stand for it"),
            Self::GenerationBackwards => f.write_str("an older generation stands for it than the newest"),
            Self::WrongKey => f.write_str("its row is kept under another key"),
            Self::NoUrn => f.write_str("its name is no URN"),
            Self::NoType => f.write_str("it has no type"),
            Self::NoPlace => f.write_str("it has no region"),
            Self::NoId => f.write_str("it has no id, and no create is under way"),
            Self::Missing(urn) => write!(f, "it names `{urn}`, which has no row"),
            Self::Later(urn) => write!(f, "it names `{urn}`, which comes after it"),
            Self::Itself => f.write_str("it depends on itself"),
            Self::ExternalChanging => f.write_str("it is only read, and a change of it is under way"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::state::{Key, Pending};
    use crate::engine::urn::{Id, Place};
    use crate::engine::value::Value;

    fn urn(name: &str) -> Urn {
        Urn::new("s", "p", "t:i:T", name)
    }

    fn row(name: &str, generation: u32) -> Row {
        let key = Key { urn: urn(name), generation };
        Row { id: Some(Id("x".into())), ..Row::new(key, "t:i:T", Place::global()) }
    }

    fn found(rows: impl IntoIterator<Item = Row>) -> Vec<Broken> {
        let mut state = State::new("l", "s", "p", "twin");
        state.rows = rows.into_iter().map(|r| (r.key.clone(), Arc::new(r))).collect();
        lint(&state).into_iter().map(|f| f.rule).collect()
    }

    fn pending(op: Begun) -> Option<Pending> {
        Some(Pending { op, attempt: "a".into(), inputs: Value::Null })
    }

    #[test]
    fn a_sound_state_has_no_findings() {
        let old = Row { old: true, ..row("a", 0) };
        let creating = Row { id: None, pending: pending(Begun::Create), ..row("c", 0) };
        let child = Row { needs: vec![urn("a")], parent: Some(urn("a")), ..row("b", 0) };
        assert_eq!(found([old, row("a", 1), child, creating]), []);
    }

    #[test]
    fn every_broken_rule_is_found() {
        assert_eq!(found([row("a", 0), row("a", 1)]), [Broken::GenerationBackwards, Broken::LiveTwice]);
        assert_eq!(found([row("a", 1), Row { old: true, ..row("a", 2) }]), [Broken::GenerationBackwards]);
        assert_eq!(found([Row { ty: String::new(), ..row("a", 0) }]), [Broken::NoType]);
        assert_eq!(found([Row { place: Place(String::new()), ..row("a", 0) }]), [Broken::NoPlace]);
        assert_eq!(found([Row { id: None, ..row("a", 0) }]), [Broken::NoId]);
        assert_eq!(found([Row { id: None, pending: pending(Begun::Update), ..row("a", 0) }]), [Broken::NoId]);
        assert_eq!(found([Row { id: None, skipped: vec!["ec2:CreateThing".into()], ..row("a", 0) }]), []);
        let changing = Row { external: true, pending: pending(Begun::Delete), ..row("a", 0) };
        assert_eq!(found([changing]), [Broken::ExternalChanging]);
    }

    #[test]
    fn what_a_row_names_must_be_there_and_come_before_it() {
        let needs = |of: &str| Row { needs: vec![urn(of)], ..row("a", 0) };
        assert_eq!(found([needs("b")]), [Broken::Missing(urn("b"))]);
        assert_eq!(found([needs("b"), row("b", 0)]), [Broken::Later(urn("b"))]);
        assert_eq!(found([needs("a")]), [Broken::Itself]);
        assert_eq!(found([Row { parent: Some(urn("b")), ..row("a", 0) }]), [Broken::Missing(urn("b"))]);
        assert_eq!(found([Row { deleted_with: Some(urn("b")), ..row("a", 0) }]), [Broken::Missing(urn("b"))]);
    }

    #[test]
    fn a_row_under_the_key_of_another_is_found() {
        let mut state = State::new("l", "s", "p", "twin");
        state.rows.insert(Key { urn: urn("b"), generation: 0 }, Arc::new(row("a", 0)));
        assert_eq!(lint(&state)[0].to_string(), "`urn:pulumi:s::p::t:i:T::b`: its row is kept under another key");
    }
}
