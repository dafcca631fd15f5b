//! Outputs of the stack, on which other stacks build.

use drctl::engine::error::Kind;
use drctl::engine::event::{Ended, Event};
use drctl::engine::value::Value;
use drctl::twin::{Calls, Fault, Operation};

use super::theatre::{Theatre, program};
use crate::support::stage::Report;

fn with_outputs(resources: &str, outputs: &str) -> String {
    format!("{}outputs: {outputs}\n", program(resources))
}

async fn up(t: &mut Theatre, text: &str) -> Report {
    t.stage.up(text).await.unwrap()
}

const A: &str = "a: {type: test:Thing, options: {replaceOnChanges: [size]}, properties: {size: 1}}";

#[tokio::test(start_paused = true)]
async fn a_change_of_outputs_alone_is_a_change() {
    let mut t = Theatre::new();
    up(&mut t, &with_outputs(A, "{one: '${a.id}'}")).await;
    let text = with_outputs(A, "{one: '${a.id}', two: word}");
    let plan = t.stage.preview(&text).await.unwrap();
    assert!(!plan.is_empty() && plan.is_quiet());
    assert_eq!(plan.summary().outputs, 1);
    assert_eq!(up(&mut t, &text).await.outcome.summary.outputs, 1);
    assert!(t.stage.preview(&text).await.unwrap().is_empty());
    assert_eq!(t.stage.state.outputs.get("two"), Some(&"word".into()));
}

#[tokio::test(start_paused = true)]
async fn an_output_that_holds_a_whole_resource_is_its_id() {
    let mut t = Theatre::new();
    let each = "many: {type: test:Thing, each: [x, y], properties: {size: 2}}";
    let outputs = "{one: '${a}', deep: {list: ['${a}']}, each: '${many}', hidden: {fn::secret: '${a}'}}";
    let text = with_outputs(&format!("{A}\n{each}"), outputs);
    up(&mut t, &text).await;
    let id = |name: &str| {
        let row = t.stage.state.rows.values().find(|row| row.key.urn.name() == name).unwrap();
        Value::from(row.id.clone().unwrap().0)
    };
    let map = |of: &[(&str, Value)]| Value::Map(of.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect());
    let wanted = [
        ("one", id("a")),
        ("deep", map(&[("list", Value::List(vec![id("a")]))])),
        ("each", map(&[("x", id("many[\"x\"]")), ("y", id("many[\"y\"]"))])),
        ("hidden", id("a").secret()),
    ];
    assert_eq!(Value::Map(t.stage.state.outputs.clone()), map(&wanted));
    assert!(t.stage.preview(&text).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_output_of_what_failed_keeps_its_value() {
    let mut t = Theatre::new();
    up(&mut t, &with_outputs(A, "{one: '${a.id}', gone: word}")).await;
    let before = t.stage.state.outputs.get("one").cloned();
    assert!(before.is_some());
    t.twin.faults().strike(Calls::to(Operation::Create), 1, Fault::Fails(Kind::Invalid));
    let report = up(&mut t, &with_outputs(&A.replace("size: 1", "size: 2"), "{one: '${a.id}', two: '${a.id}'}")).await;
    assert!(matches!(report.outcome.ended, Ended::Failed { .. }));
    assert_eq!(t.stage.state.outputs.get("one").cloned(), before);
    assert_eq!(t.stage.state.outputs.keys().collect::<Vec<_>>(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn outputs_that_cannot_be_evaluated_fail_the_run() {
    let mut t = Theatre::new();
    let text = with_outputs(A, "{bad: {fn::fromBase64: '${a.endpoint}'}}");
    let report = up(&mut t, &text).await;
    assert_eq!(report.outcome.ended, Ended::Failed { failed: vec![], skipped: vec![] });
    assert!(report.events.iter().any(|e| matches!(e, Event::Diagnostic { severity, .. } if severity == "error")));
    assert_eq!(t.stage.state.rows.len(), 1);
}
