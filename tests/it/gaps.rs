//! What the emulators lack for the shipped stacks, by the tables in `tests/it/gaps/`: each gap with the
//! reason, and with the calls that prove it. A gap without a reason does not pass, nor a reason without a gap.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use drctl::engine::state::State;
use drctl::engine::value::Map;

use crate::support::checkout::root;
use crate::verify::mismatches;

/// What is missing: an operation that is skipped, or an input of a type that is not shown again.
type Gap = String;

fn table(server: &str) -> PathBuf {
    root().join("tests/it/gaps").join(server).with_extension("yaml")
}

fn reasons(server: &str) -> BTreeMap<Gap, String> {
    let text = std::fs::read_to_string(table(server)).unwrap();
    let table: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    serde_yaml::from_value(table["requirements"].clone()).unwrap()
}

/// # Panics
/// If a resource lacks something for another reason than those of the table.
pub fn are_known(server: &str, state: &State) {
    let known = reasons(server);
    for row in state.rows.values() {
        let inputs = row.not_kept.iter().map(|input| format!("{input} of {}", row.ty));
        for gap in row.skipped.iter().cloned().chain(inputs) {
            assert!(known.contains_key(&gap), "nobody says why {} goes without `{gap}`", row.key.urn.name());
        }
    }
}

/// What a run said that it went without: each gap with the resources that have it.
fn told(said: &str) -> BTreeMap<Gap, BTreeSet<String>> {
    let mut gaps: BTreeMap<Gap, BTreeSet<String>> = BTreeMap::new();
    for line in said.lines().map(str::trim_start) {
        // `* skipped: OPERATION for `NAME` (TYPE)`, `* not kept: `INPUT` of `NAME` (TYPE)`
        let (skipped, not_kept) = (line.strip_prefix("* skipped: "), line.strip_prefix("* not kept: "));
        let Some((head, tail)) = skipped.or(not_kept).and_then(|line| line.rsplit_once("` (")) else { continue };
        let separator = if skipped.is_some() { " for `" } else { " of `" };
        let (what, name) = head.rsplit_once(separator).unwrap();
        let ty = tail.trim_end_matches(')');
        let gap = if skipped.is_some() { what.to_owned() } else { format!("{} of {ty}", what.trim_matches('`')) };
        gaps.entry(gap).or_default().insert(name.to_owned());
    }
    gaps
}

/// The gaps of some stacks with their reasons, for review; of each stack what its runs said.
///
/// # Panics
/// If the table has another gap, or lacks one.
pub fn with_reasons(server: &str, of_stacks: &[(&str, String)]) -> String {
    let reasons = reasons(server);
    let mut found: BTreeMap<Gap, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    for (stack, said) in of_stacks {
        for (gap, names) in told(said) {
            found.entry(gap).or_default().entry(stack).or_default().extend(names);
        }
    }
    assert!(found.keys().eq(reasons.keys()), "{:#?}\nand the reasons are for\n{:#?}", found.keys(), reasons.keys());
    let mut text = String::new();
    for (gap, stacks) in found {
        writeln!(text, "{gap}\n  {server}: {}", reasons[&gap]).unwrap();
        for (stack, names) in stacks {
            let names: Vec<String> = names.into_iter().collect();
            writeln!(text, "  {stack}: {}", names.join(", ")).unwrap();
        }
    }
    text
}

#[test]
fn ministack_lacks_what_is_said_of_it() {
    let wrong = mismatches(&table("ministack"), "300000000016", "dev", &Map::default());
    wrong.unwrap_or_else(|wrong| panic!("{wrong}"));
}
