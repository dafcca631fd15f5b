//! Rules on small programs.

use super::Rule;
use super::scene::Scene;
use crate::stack::testing::{Desk, shown};

const HEAD: &str = "name: test\nruntime: yaml\nregions: {primary: us-east-1, secondary: eu-west-1}\nresources:\n";

/// Why a program of these resources is refused before any rule looks at it.
pub(super) fn refusal(resources: &str) -> String {
    let desk = Desk::of(&format!("{HEAD}{resources}"));
    let loaded = crate::stack::load(&desk.request, crate::aws::catalog());
    loaded.err().map(|problems| shown(&problems)).unwrap_or_default()
}

/// All that is wrong with a program of these resources, by rules and otherwise.
pub(super) fn told(resources: &str) -> String {
    let desk = Desk::of(&format!("{HEAD}{resources}"));
    match desk.load_of(crate::aws::catalog()) {
        Ok(loaded) => shown(&super::check(&loaded.program)),
        Err(refused) => shown(&refused.with(super::check)),
    }
}

/// What a rule finds in a program of these resources: what stands at the place, and the message.
pub(super) fn found(rule: &Rule, resources: &str) -> Vec<String> {
    let desk = Desk::of(&format!("{HEAD}{resources}"));
    let loaded = crate::stack::load(&desk.request, crate::aws::catalog());
    let loaded = loaded.unwrap_or_else(|problems| panic!("{}", shown(&problems)));
    let found = rule.check(&Scene::of_program(&loaded.program));
    let mut told: Vec<String> = found
        .iter()
        .map(|d| {
            let at = d.at.as_ref().unwrap();
            format!("{} | {}", at.source.text[at.start..at.end].trim(), d.message)
        })
        .collect();
    told.sort();
    told
}
