//! What is there already and is not of the stack.

use std::sync::Arc;

use drctl::engine::event::Ended;
use drctl::engine::journal::Entry;
use drctl::engine::value::Value;
use drctl::twin::{Operation, Twin};

use super::theatre::Theatre;
use crate::support::stage::Stage;

/// Of a type that the cloud would change in place of creating, and one that it refuses.
fn both(state: &str) -> String {
    format!(
        "
looked: {{type: test:Rule, properties: {{name: x, state: {state}}}}}
refused: {{type: test:Named, properties: {{name: x}}}}
free: {{type: test:Rule, properties: {{name: free}}}}
"
    )
}

/// Another stack on the same cloud.
fn another(twin: &Arc<Twin>) -> Theatre {
    let mut stage = Stage::new(Arc::clone(twin) as _, twin.clock());
    stage.state.lineage = "01LINEAGE000000000000OTHER".into();
    Theatre { twin: Arc::clone(twin), stage }
}

#[tokio::test(start_paused = true)]
async fn what_another_stack_has_made_is_not_even_begun() {
    let mut first = Theatre::new();
    let theirs = "
looked: {type: test:Rule, properties: {name: x}}
refused: {type: test:Named, properties: {name: x}}
";
    first.up(theirs).await;
    let mut second = another(&first.twin);
    let report = second.try_up(&both("DISABLED")).await;
    let Ended::Failed { failed, .. } = &report.outcome.ended else { panic!("{:?}", report.outcome.ended) };
    let mut failed: Vec<&str> = failed.iter().map(|urn| urn.name()).collect();
    failed.sort_unstable();
    assert_eq!(failed, ["looked", "refused"]);
    let begun = second
        .stage
        .journal
        .entries
        .lock()
        .unwrap()
        .iter()
        .any(|entry| matches!(entry, Entry::Begin { row, .. } if row.key.urn.name() == "looked"));
    assert!(!begun, "what is begun is taken for made where it is found");
    assert_eq!(second.stage.state.rows.len(), 1, "{:?}", second.stage.state.rows.keys());
    assert_eq!(first.shown("looked", "state").await, Value::from("ENABLED"));
    assert!(first.preview(theirs).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_look_costs_one_call_and_only_where_it_is_needed() {
    let mut t = Theatre::new();
    t.up(&both("ENABLED")).await;
    assert_eq!(t.twin.count(Operation::Find), 2, "{:?}", t.twin.calls());
}

#[tokio::test(start_paused = true)]
async fn a_name_goes_from_one_resource_of_a_stack_to_another() {
    let named = |[a, b]: [&str; 2]| {
        format!("a: {{type: test:Rule, properties: {{name: {a}}}}}\nb: {{type: test:Rule, properties: {{name: {b}}}}}")
    };
    let mut t = Theatre::new();
    t.up(&named(["x", "y"])).await;
    t.up(&named(["y", "z"])).await;
    assert!(t.preview(&named(["y", "z"])).await.is_empty());
    t.up("c: {type: test:Rule, properties: {name: y}}").await;
    assert_eq!(t.twin.inspect().len(), 1, "{:?}", t.twin.inspect());
}
