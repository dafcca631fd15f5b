//! Random programs, random changes, random faults: whatever happens, the next runs get there, the
//! state stays whole, and nothing is made twice or left behind.

use drctl::engine::error::Kind;
use drctl::engine::event::Ended;
use drctl::state::lint;
use drctl::twin::{Calls, Fault, Operation};
use proptest::prelude::*;

use crate::lifecycle::theatre::{Theatre, program};
use crate::support::stage::told;

/// One resource of a random program; `refers` counts back from its own position.
#[derive(Debug, Clone)]
pub struct Shape {
    pub kind: u8,
    pub refers: Option<usize>,
    pub size: u8,
    pub secondary: bool,
    pub replace_on_change: bool,
    pub delete_before_replace: bool,
    pub present: bool,
}

pub fn shape() -> impl Strategy<Value = Shape> {
    (0u8..7, proptest::option::of(1usize..4), 0u8..3, any::<bool>(), any::<bool>(), prop::bool::weighted(0.85))
        .prop_map(|(kind, refers, size, secondary, replace_on_change, present)| Shape {
            kind,
            refers,
            size,
            secondary,
            replace_on_change,
            delete_before_replace: false,
            present,
        })
}

#[derive(Debug, Clone)]
struct Trouble {
    operation: Operation,
    nth: usize,
    fault: Fault,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let operation =
        prop::sample::select(vec![Operation::Create, Operation::Update, Operation::Delete, Operation::Read]);
    let kind = prop::sample::select(vec![Kind::Outage, Kind::Unreachable, Kind::Throttled, Kind::Invalid, Kind::Busy]);
    (operation, 1usize..6, kind, any::<bool>()).prop_map(|(operation, nth, kind, lost)| Trouble {
        operation,
        nth,
        fault: if lost && matches!(kind, Kind::Outage | Kind::Unreachable) {
            Fault::AnswerLost(kind)
        } else {
            Fault::Fails(kind)
        },
    })
}

/// The text of a program. Things come first, so that users find one to refer to.
pub fn text(shapes: &[Shape]) -> String {
    let mut lines = String::new();
    let mut things: Vec<(usize, bool)> = Vec::new();
    // What a text may name: rules, which are switched off before they go, and what takes long.
    let mut named = Vec::new();
    for (i, s) in shapes.iter().enumerate().filter(|(_, s)| s.present) {
        let region = if s.secondary { "secondary" } else { "primary" };
        let thing = s.refers.and_then(|back| {
            let near: Vec<&(usize, bool)> = things.iter().filter(|(_, secondary)| *secondary == s.secondary).collect();
            near.get(near.len().checked_sub(back)?).map(|(i, _)| *i)
        });
        let refer = |name: &str| thing.map(|t| format!("{name}: '${{t{t}.id}}'")).unwrap_or_default();
        let options = match (s.replace_on_change, s.delete_before_replace) {
            (false, _) => "",
            (true, false) => "options: {replaceOnChanges: ['*']}, ",
            (true, true) => "options: {replaceOnChanges: ['*'], deleteBeforeReplace: true}, ",
        };
        let line = match (s.kind, thing) {
            (0 | 1, _) => {
                things.push((i, s.secondary));
                format!("t{i}: {{type: test:Thing, region: {region}, {options}properties: {{size: {}}}}}", s.size)
            }
            (2, Some(_)) => {
                format!(
                    "c{i}: {{type: test:Child, region: {region}, properties: {{{}, size: {}}}}}",
                    refer("thingId"),
                    s.size
                )
            }
            (3, _) => {
                let refer = refer("thingId");
                let comma = if refer.is_empty() { "" } else { ", " };
                let names: String =
                    s.refers.into_iter().flat_map(|back| named.iter().rev().take(back).cloned()).collect();
                format!(
                    "l{i}: {{type: test:Loose, region: {region}, properties: {{{refer}{comma}note: 'n{}{names}'}}}}",
                    s.size
                )
            }
            (5, _) => {
                named.push(format!(" ${{r{i}.name}}"));
                format!("r{i}: {{type: test:Rule, region: {region}, properties: {{name: rule{i}-{}}}}}", s.size)
            }
            (6, _) => {
                named.push(format!(" ${{s{i}.size}}"));
                format!("s{i}: {{type: test:Slow, region: {region}, properties: {{name: slow{i}, size: {}}}}}", s.size)
            }
            _ => format!(
                "n{i}: {{type: test:Named, region: {region}, {options}properties: {{name: name{i}, note: n{}}}}}",
                s.size
            ),
        };
        lines.push_str(&line);
        lines.push('\n');
    }
    if lines.is_empty() {
        lines.push_str("n: {type: test:Named, properties: {name: only}}\n");
    }
    lines
}

/// Runs until it gets there; faults strike only the first run.
async fn get_there(t: &mut Theatre, resources: &str, troubles: &[Trouble]) -> Result<(), String> {
    for Trouble { operation, nth, fault } in troubles {
        t.twin.faults().strike(Calls::to(*operation), *nth, *fault);
    }
    for _ in 0..4 {
        let report = t.stage.up(&program(resources)).await;
        t.twin.faults().clear();
        check_state(t)?;
        match report {
            Ok(report) if report.outcome.ended == Ended::Completed => return Ok(()),
            Ok(_) => {}
            Err(problems)
                if problems.iter().all(|p| matches!(p.code, "unreadable" | "unreachable" | "interrupted")) => {}
            Err(problems) => return Err(told(&problems)),
        }
    }
    Err("four runs were not enough".into())
}

fn check_state(t: &Theatre) -> Result<(), String> {
    let findings = lint(&t.stage.state);
    if findings.is_empty() { Ok(()) } else { Err(format!("the state is damaged: {findings:?}")) }
}

async fn life(first: String, second: String, troubles: [Vec<Trouble>; 3]) -> Result<(), String> {
    let mut t = Theatre::new();
    for (resources, troubles) in [(&first, &troubles[0]), (&second, &troubles[1])] {
        get_there(&mut t, resources, troubles).await?;
        let plan = t.preview(resources).await;
        if !plan.is_empty() {
            return Err(format!("the preview after up shows {plan:?}"));
        }
        let (made, rows) = (t.twin.inspect().len(), t.stage.state.rows.len());
        if made != rows {
            return Err(format!("{made} resources for {rows} rows"));
        }
    }
    for Trouble { operation, nth, fault } in &troubles[2] {
        t.twin.faults().strike(Calls::to(*operation), *nth, *fault);
    }
    for _ in 0..4 {
        let _ = t.stage.destroy().await;
        t.twin.faults().clear();
        check_state(&t)?;
    }
    if t.twin.leftovers().is_empty() && t.stage.state.rows.is_empty() {
        Ok(())
    } else {
        Err(format!("destroy left {:?}", t.twin.leftovers()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_program_gets_there_whatever_fails_and_leaves_nothing_behind(
        first in prop::collection::vec(shape(), 1..12),
        changes in prop::collection::vec(shape(), 1..12),
        troubles in prop::array::uniform3(prop::collection::vec(trouble(), 0..3)),
    ) {
        // The second program keeps the kinds and changes the rest.
        let second: Vec<Shape> = first
            .iter()
            .zip(changes.iter().cycle())
            .map(|(old, new)| Shape { kind: old.kind, secondary: old.secondary, refers: old.refers, ..new.clone() })
            .collect();
        let (first, second) = (text(&first), text(&second));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let result = runtime.block_on(life(first.clone(), second.clone(), troubles));
        prop_assert!(result.is_ok(), "{}\nfirst:\n{first}\nsecond:\n{second}", result.unwrap_err());
    }
}
