//! A run that is killed at any point is finished by the next one, and nothing is made twice.

use std::sync::Arc;

use drctl::engine::journal::apply;
use drctl::engine::state::State;

use super::theatre::{Theatre, program};

const FIRST: &str = "
a: {type: test:Thing, properties: {size: 1}}
b: {type: test:Child, properties: {thingId: '${a.id}'}}
c: {type: test:Named, properties: {name: c}}
d: {type: test:Loose, properties: {thingId: '${a.id}'}}
g: {type: test:Guarded, properties: {name: g, deletionProtection: true}}
";
const SECOND: &str = "
a: {type: test:Thing, options: {replaceOnChanges: [size]}, properties: {size: 2}}
b: {type: test:Child, properties: {thingId: '${a.id}'}}
c: {type: test:Named, properties: {name: c, note: x}}
d: {type: test:Loose, properties: {thingId: '${a.id}'}}
";

/// Runs until the process is killed at the n-th call, then takes the state from the journal alone.
async fn killed(t: &mut Theatre, during: bool, n: usize, text: Option<&str>) -> bool {
    let before = t.stage.state.clone();
    t.stage.journal = Arc::default();
    match during {
        true => t.twin.faults().die_during(n),
        false => t.twin.faults().die_after(n),
    }
    let run = async {
        match text {
            Some(text) => t.stage.up(&program(text)).await.is_ok(),
            None => t.stage.destroy().await.is_ok(),
        }
    };
    // Far less than any deadline: a killed process does not see its calls time out.
    let ended = tokio::time::timeout(std::time::Duration::from_secs(200), run).await.is_ok();
    t.twin.faults().clear();
    t.stage.state = replay(before, &t.stage.journal);
    ended
}

fn replay(mut state: State, journal: &crate::support::stage::Memory) -> State {
    for entry in journal.0.lock().unwrap().iter() {
        apply(&mut state, entry.clone()).unwrap();
    }
    state
}

async fn a_kill_at_every_call_of(first: Option<&str>, second: Option<&str>, during: bool) {
    for n in 0..200 {
        let mut t = Theatre::new();
        t.stage.settings.override_protection = true;
        if let Some(first) = first {
            t.up(first).await;
        }
        let ended = killed(&mut t, during, n, second).await;
        match second {
            Some(text) => {
                t.up(text).await;
                assert!(t.preview(text).await.is_empty(), "after a kill at call {n}");
                let rows = t.stage.state.rows.len();
                assert_eq!(t.twin.inspect().len(), rows, "after a kill at call {n}: {:?}", t.twin.inspect());
            }
            None => {
                t.destroy().await;
                assert!(t.twin.leftovers().is_empty(), "after a kill at call {n}");
            }
        }
        if ended {
            return;
        }
    }
    panic!("the run never got through");
}

#[tokio::test(start_paused = true)]
async fn a_create_run_killed_between_any_two_calls_is_finished_by_the_next() {
    a_kill_at_every_call_of(None, Some(FIRST), false).await;
}

#[tokio::test(start_paused = true)]
async fn a_create_run_killed_during_any_call_is_finished_by_the_next() {
    a_kill_at_every_call_of(None, Some(FIRST), true).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_run_killed_between_any_two_calls_is_finished_by_the_next() {
    a_kill_at_every_call_of(Some(FIRST), Some(SECOND), false).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_run_killed_during_any_call_is_finished_by_the_next() {
    a_kill_at_every_call_of(Some(FIRST), Some(SECOND), true).await;
}

#[tokio::test(start_paused = true)]
async fn a_destroy_killed_at_any_call_is_finished_by_the_next() {
    a_kill_at_every_call_of(Some(FIRST), None, false).await;
    a_kill_at_every_call_of(Some(FIRST), None, true).await;
}
