//! A replacement that fails: what works stays until its successor is there.

use std::sync::Arc;

use drctl::engine::error::Kind;
use drctl::engine::event::Ended;
use drctl::engine::state::Row;
use drctl::twin::{Calls, Fault, Operation};

use super::theatre::{Theatre, program};
use crate::support::stage::{steps, told};

const THING: &str = "test:index:Thing";

/// A thing that is replaced when its size changes, and two that are replaced with it.
fn sized(size: u32, delete_first: bool) -> String {
    format!(
        "
a: {{type: test:Thing, options: {{deleteBeforeReplace: {delete_first}, replaceOnChanges: [size]}}, properties: {{size: {size}}}}}
b: {{type: test:Child, properties: {{thingId: '${{a.id}}'}}}}
c: {{type: test:Child, properties: {{thingId: '${{a.id}}'}}}}
"
    )
}

fn refuse_creates(t: &Theatre, times: usize) {
    (0..times)
        .for_each(|_| t.twin.faults().strike(Calls::to(Operation::Create).of(THING), 1, Fault::Fails(Kind::Invalid)));
}

fn rows<'a>(t: &'a Theatre, name: &str) -> Vec<&'a Row> {
    t.stage.state.rows.values().filter(|row| row.key.urn.name() == name).map(Arc::as_ref).collect()
}

/// The ids of all things of the twin.
fn things(t: &Theatre) -> Vec<String> {
    t.twin.inspect().iter().filter(|e| e.token.ends_with(":Thing")).map(|e| e.id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_old_half_goes_only_after_the_new_one_is_there_however_often_that_fails() {
    let mut t = Theatre::new();
    t.up(&sized(1, false)).await;
    let before = things(&t);
    for _ in 0..3 {
        refuse_creates(&t, 1);
        let report = t.try_up(&sized(2, false)).await;
        assert!(matches!(report.outcome.ended, Ended::Failed { .. }));
        assert_eq!((things(&t), t.twin.inspect().len()), (before.clone(), 3));
        assert!(rows(&t, "a").iter().all(|row| !row.old) && rows(&t, "a").len() == 1, "{:?}", t.stage.state.rows);
    }
    let report = t.up(&sized(2, false)).await;
    assert_eq!(report.plan.summary().replace, 3, "{:?}", steps(&report.plan));
    assert!(t.preview(&sized(2, false)).await.is_empty());
    assert_eq!((things(&t).len(), t.twin.inspect().len()), (1, 3));
    assert_ne!(things(&t), before);
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_reverted_goes_on_with_the_old_half() {
    let mut t = Theatre::new();
    t.up(&sized(1, false)).await;
    refuse_creates(&t, 1);
    t.try_up(&sized(2, false)).await;
    assert!(t.preview(&sized(1, false)).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn after_a_delete_first_replacement_whose_create_failed_the_next_up_makes_it() {
    let mut t = Theatre::new();
    t.up(&sized(1, true)).await;
    refuse_creates(&t, 1);
    t.try_up(&sized(2, true)).await;
    assert!(things(&t).is_empty() && rows(&t, "a").is_empty());
    t.up(&sized(2, true)).await;
    assert!(t.preview(&sized(2, true)).await.is_empty());
    assert_eq!(t.twin.inspect().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_create_of_a_new_half_that_may_have_had_an_effect_is_settled_before_anything_goes() {
    for (fault, reverted) in
        [Fault::AnswerLost(Kind::Outage), Fault::Fails(Kind::Outage)].map(|f| [(f, false), (f, true)]).concat()
    {
        let mut t = Theatre::new();
        t.up(&sized(1, false)).await;
        let before = things(&t);
        t.twin.faults().strike(Calls::to(Operation::Create).of(THING), 1, fault);
        t.twin.faults().strike(Calls::to(Operation::Find).of(THING), 1, Fault::Fails(Kind::Denied));
        t.try_up(&sized(2, false)).await;
        assert!(things(&t).contains(&before[0]), "{fault:?}: the old half is gone");
        t.twin.faults().clear();
        let text = sized(if reverted { 1 } else { 2 }, false);
        t.up(&text).await;
        assert!(t.preview(&text).await.is_empty());
        assert_eq!(t.twin.inspect().len(), 3, "{fault:?}, reverted: {reverted}");
        assert_eq!(t.stage.state.rows.len(), 3);
        assert_eq!(things(&t) == before, reverted, "{fault:?}: it was not the old half that stayed");
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_half_stays_while_the_new_one_is_not_ready() {
    let mut t = Theatre::new();
    t.up(&sized(1, false)).await;
    let before = things(&t);
    t.twin.faults().strike(Calls::to(Operation::Create).of(THING), 1, Fault::Spoils);
    for _ in 0..2 {
        let report = t.try_up(&sized(2, false)).await;
        assert!(matches!(report.outcome.ended, Ended::Failed { .. }));
        assert_eq!(report.outcome.summary.begun, 1);
        assert!(things(&t).contains(&before[0]));
    }
    // The program is reverted: what never got ready goes, and what works stays.
    t.up(&sized(1, false)).await;
    assert_eq!((things(&t), t.stage.state.rows.len()), (before, 3));
    assert!(t.preview(&sized(1, false)).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_old_half_without_a_successor_is_protected_and_in_use_again() {
    let mut t = Theatre::new();
    t.up(&sized(1, false)).await;
    // So a state looked after such a failure before drctl took the old half back.
    let row = t.stage.state.rows.values_mut().find(|row| row.key.urn.name() == "a").unwrap();
    let row = Arc::make_mut(row);
    (row.old, row.protected_by_hand) = (true, true);
    let plan = t.stage.preview(&program(&sized(1, false))).await.unwrap();
    assert!(steps(&plan).is_empty(), "{:?}", steps(&plan));
    assert!(plan.notes[0].contains("the replacement of `a` came to nothing"), "{:?}", plan.notes);
    assert!(t.refused(&sized(2, false)).await.contains("protected"));
    let Err(problems) = t.stage.destroy().await else { panic!("it was not refused") };
    assert!(told(&problems).contains("`a`"), "{}", told(&problems));
}

#[tokio::test(start_paused = true)]
async fn an_old_half_that_is_leaving_is_not_taken_back() {
    const ONE: &str = "a: {type: test:Thing, properties: {size: 1}}";
    let mut t = Theatre::new();
    t.up(ONE).await;
    let row = Arc::make_mut(&mut t.stage.state.rows[0]);
    (row.old, row.delete_after) = (true, Some("2026-02-01T00:00:00Z".parse().unwrap()));
    assert_eq!(t.preview(ONE).await, ["create a", "delete a"]);
    t.up(ONE).await;
    assert_eq!((t.twin.inspect().len(), t.stage.state.rows.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_old_half_gives_way_to_what_is_deleted_first_below_it() {
    let mut t = Theatre::new();
    let program = |size: u32, note: &str| {
        format!(
            "
x: {{type: test:Thing, options: {{deleteBeforeReplace: true, replaceOnChanges: [size]}}, properties: {{size: {size}}}}}
a: {{type: test:Loose, options: {{dependsOn: ['${{x}}'], replaceOnChanges: [note]}}, properties: {{note: {note}}}}}
"
        )
    };
    t.up(&program(1, "one")).await;
    t.twin.faults().strike(Calls::to(Operation::Delete), 1, Fault::Fails(Kind::Invalid));
    t.try_up(&program(1, "two")).await;
    assert_eq!(rows(&t, "a").len(), 2);
    t.up(&program(2, "two")).await;
    assert_eq!((t.stage.state.rows.len(), t.twin.inspect().len()), (2, 2));
    assert!(t.preview(&program(2, "two")).await.is_empty());
}

/// Runs `up` until the process is killed at the n-th call, and leaves what the journal holds.
async fn killed(t: &mut Theatre, during: bool, n: usize, text: &str) -> bool {
    let before = t.stage.state.clone();
    t.stage.journal = Arc::default();
    match during {
        true => t.twin.faults().die_during(n),
        false => t.twin.faults().die_after(n),
    }
    // Far less than any deadline: a killed process does not see its calls time out.
    let patience = std::time::Duration::from_secs(200);
    let ended = tokio::time::timeout(patience, t.stage.up(&program(text))).await.is_ok();
    t.twin.faults().clear();
    t.stage.state = t.stage.journal.replay(before);
    ended
}

async fn a_kill_at_every_call(delete_first: bool, during: bool, then: impl AsyncFn(&mut Theatre, usize)) {
    for n in 0..100 {
        let mut t = Theatre::new();
        t.up(&sized(1, delete_first)).await;
        let ended = killed(&mut t, during, n, &sized(2, delete_first)).await;
        then(&mut t, n).await;
        if ended {
            return;
        }
    }
    panic!("the run never got through");
}

#[tokio::test(start_paused = true)]
async fn a_replacement_killed_at_any_call_leaves_something_that_works_until_the_next_run_succeeds() {
    for during in [false, true] {
        a_kill_at_every_call(false, during, async |t, n| {
            let there = |t: &Theatre| assert!(!things(t).is_empty(), "nothing is left after a kill at call {n}");
            there(t);
            refuse_creates(t, 9);
            t.try_up(&sized(2, false)).await;
            there(t);
            t.twin.faults().clear();
            t.up(&sized(2, false)).await;
            assert!(t.preview(&sized(2, false)).await.is_empty());
            assert_eq!((t.twin.inspect().len(), t.stage.state.rows.len()), (3, 3), "after a kill at call {n}");
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_replacement_killed_at_any_call_can_be_reverted() {
    for (delete_first, during) in [(false, false), (false, true), (true, false), (true, true)] {
        a_kill_at_every_call(delete_first, during, async |t, n| {
            t.up(&sized(1, delete_first)).await;
            assert!(t.preview(&sized(1, delete_first)).await.is_empty());
            assert_eq!((t.twin.inspect().len(), t.stage.state.rows.len()), (3, 3), "after a kill at call {n}");
            assert_eq!(t.shown("a", "size").await, 1.into());
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn both_halves_that_cannot_be_deleted_count_as_two_failures() {
    let mut t = Theatre::new();
    let keep =
        |t: &Theatre| t.twin.faults().strike(Calls::to(Operation::Delete).of(THING), 1, Fault::Fails(Kind::Invalid));
    t.up(&sized(1, false)).await;
    keep(&t);
    t.try_up(&sized(2, false)).await;
    assert_eq!(rows(&t, "a").len(), 2);
    keep(&t);
    keep(&t);
    let report = t.stage.destroy().await.unwrap_or_else(|p| panic!("{}", told(&p)));
    let Ended::Failed { failed, .. } = report.outcome.ended else { panic!("{:?}", report.outcome.ended) };
    assert_eq!(failed.iter().map(|urn| urn.name()).collect::<Vec<_>>(), ["a", "a"]);
}
