//! Protection: refused before the first call, all of it at once; lifted as steps of their own.

use std::sync::Arc;

use drctl::engine::error::Kind;
use drctl::twin::{Calls, Fault, Operation};

use super::theatre::Theatre;
use crate::support::stage::{steps, told};

const GUARDED: &str = "
a: {type: test:Guarded, properties: {name: a, deletionProtection: true}}
b: {type: test:Thing, options: {protect: true}}
r: {type: test:Rule, properties: {name: r}}
";

#[tokio::test(start_paused = true)]
async fn destroy_lists_everything_that_is_protected_and_calls_nothing() {
    let mut t = Theatre::new();
    t.up(GUARDED).await;
    t.changes();
    let Err(problems) = t.stage.destroy().await else { panic!("it was not refused") };
    let text = told(&problems);
    assert!(text.contains("`a`") && text.contains("`b`"), "{text}");
    assert!(t.changes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_override_lifts_each_protection_as_a_step_before_anything_is_deleted() {
    let mut t = Theatre::new();
    t.up(GUARDED).await;
    t.changes();
    t.stage.settings.override_protection = true;
    let report = t.destroy().await;
    let planned = steps(&report.plan);
    assert!(
        planned.contains(&"lift deletionProtection a".into()) && planned.contains(&"disable r".into()),
        "{planned:?}"
    );
    let calls = t.changes();
    let first_delete = calls.iter().position(|c| c.starts_with("delete")).unwrap();
    assert!(calls[..first_delete].iter().filter(|c| c.starts_with("update")).count() == 2, "{calls:?}");
    assert!(t.twin.leftovers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn lifting_a_protection_changes_nothing_else() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Guarded, properties: {name: a, size: 1, deletionProtection: true}}").await;
    t.drift("a", "size", 7.into());
    t.stage.settings.override_protection = true;
    t.twin.faults().strike(Calls::to(Operation::Delete), 1, Fault::Fails(Kind::Invalid));
    t.stage.destroy().await.unwrap();
    assert_eq!(t.shown("a", "deletionProtection").await, false.into());
    assert_eq!(t.shown("a", "size").await, 7.into());
}

#[tokio::test(start_paused = true)]
async fn protect_outlives_the_program_text_that_asked_for_it() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Thing, options: {protect: true}}\nb: {type: test:Thing}").await;
    let text = t.refused("b: {type: test:Thing}").await;
    assert!(text.contains("protected"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn retained_resources_are_forgotten_and_stay() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Thing, options: {retainOnDelete: true}}").await;
    t.changes();
    let report = t.destroy().await;
    assert_eq!(steps(&report.plan), ["forget a"]);
    assert!(t.changes().is_empty() && t.twin.inspect().len() == 1);
}

/// What `drctl state protect` does.
fn protect_by_hand(t: &mut Theatre, name: &str) {
    let row = t.stage.state.rows.values_mut().find(|row| row.key.urn.name() == name).unwrap();
    Arc::make_mut(row).protected_by_hand = true;
}

#[tokio::test(start_paused = true)]
async fn protection_by_hand_stands_whatever_the_program_says() {
    const PROGRAM: &str = "
a: {type: test:Thing, options: {replaceOnChanges: [size]}, properties: {size: 1}}
b: {type: test:Thing, options: {protect: false}}
";
    let mut t = Theatre::new();
    t.up(PROGRAM).await;
    protect_by_hand(&mut t, "a");
    protect_by_hand(&mut t, "b");
    assert!(t.preview(PROGRAM).await.is_empty());
    t.up(PROGRAM).await;
    t.up(&PROGRAM.replace("protect: false", "ignoreChanges: [tags]")).await;
    let text = t.refused(&PROGRAM.replace("size: 1", "size: 2")).await;
    assert!(text.contains("protected") && text.contains("`a`"), "{text}");
    let text = t.refused("c: {type: test:Thing}").await;
    assert!(text.contains("`a`") && text.contains("`b`"), "{text}");
    // The successor of what is protected is protected.
    t.stage.settings.override_protection = true;
    t.up(&PROGRAM.replace("size: 1", "size: 2")).await;
    t.stage.settings.override_protection = false;
    assert!(t.refused("c: {type: test:Thing}").await.contains("`a`"));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_protection_is_a_step_without_a_call() {
    let program = |options: &str| format!("a: {{type: test:Thing, options: {{{options}}}}}");
    let mut t = Theatre::new();
    t.up(&program("protect: true")).await;
    t.changes();
    let report = t.up(&program("protect: false, retainOnDelete: true")).await;
    assert_eq!(steps(&report.plan), ["update a"]);
    let changes: Vec<&str> = report.plan.steps[0].changes.iter().map(|c| c.path.as_str()).collect();
    assert_eq!(changes, ["options.protect", "options.retainOnDelete"]);
    assert_eq!(report.outcome.summary.update, 1);
    assert!(t.changes().is_empty());
    assert!(t.preview(&program("protect: false, retainOnDelete: true")).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_override_lifts_the_states_own_protection_as_a_step() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Thing, options: {protect: true}}\nb: {type: test:Thing}\nc: {type: test:Thing}").await;
    protect_by_hand(&mut t, "b");
    t.stage.settings.override_protection = true;
    t.stage.settings.targets = vec!["b".into()];
    let report = t.destroy().await;
    assert_eq!(steps(&report.plan), ["lift protect b", "delete b"]);
    t.stage.settings.targets.clear();
    assert_eq!(steps(&t.destroy().await.plan), ["lift protect a", "delete a", "delete c"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_protected_twice_is_freed_one_after_the_other() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Guarded, options: {protect: true}, properties: {name: a, deletionProtection: true}}").await;
    t.stage.settings.override_protection = true;
    let report = t.destroy().await;
    assert_eq!(report.plan.steps.len(), 3, "{:?}", steps(&report.plan));
    assert_eq!(t.twin.leftovers(), []);
}

#[tokio::test(start_paused = true)]
async fn what_would_replace_a_protected_resource_is_named_with_its_place() {
    let mut t = Theatre::new();
    let program =
        |name: &str| format!("a: {{type: test:Named, options: {{protect: true}}, properties: {{name: {name}}}}}");
    t.up(&program("x")).await;
    let problems = t.stage.preview(&super::theatre::program(&program("y"))).await.unwrap_err();
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!(
        problem.message,
        "`a` (test:index:Named) is protected in the state, and `name` (\"x\" → \"y\") would replace it"
    );
    assert!(problem.at.is_some());
}
