//! Protection: refused before the first call, all of it at once; lifted as steps of their own.

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
