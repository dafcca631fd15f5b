//! Replacement: which half goes first, and whom it takes along.

use drctl::engine::error::Kind;
use drctl::engine::plan::Op;
use drctl::twin::{Calls, Fault, Operation};

use super::theatre::Theatre;
use crate::support::stage::{Report, steps};

#[tokio::test(start_paused = true)]
async fn an_automatic_name_lets_the_new_half_come_first() {
    let mut t = Theatre::new();
    let program = |zone: &str| {
        format!(
            "
a: {{type: test:Thing, options: {{replaceOnChanges: [size]}}, properties: {{size: {zone}}}}}
b: {{type: test:Child, properties: {{thingId: '${{a.id}}'}}}}
"
        )
    };
    t.up(&program("1")).await;
    t.changes();
    let report = t.up(&program("2")).await;
    assert_eq!(report.plan.summary().replace, 2, "{:?}", steps(&report.plan));
    let calls = t.changes();
    let kinds: Vec<&str> = calls.iter().map(|c| c.split(' ').next().unwrap()).collect();
    assert_eq!(kinds[..2], ["create", "create"], "{calls:?}");
    assert!(calls.last().unwrap().contains("Thing"), "the old thing goes last: {calls:?}");
    assert!(t.preview(&program("2")).await.is_empty());
    assert_eq!(t.stage.state.rows.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_explicit_name_makes_room_first() {
    let mut t = Theatre::new();
    let program = |region: &str, note: &str| {
        format!("
a: {{type: test:Slow, region: {region}, options: {{replaceOnChanges: [size]}}, properties: {{name: fixed, size: {note}}}}}
")
    };
    t.up(&program("primary", "1")).await;
    t.changes();
    t.up(&program("primary", "2")).await;
    let calls = t.changes();
    assert!(calls[0].starts_with("delete") && calls.last().unwrap().starts_with("create"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn what_stays_under_its_name_is_not_replaced_by_another_of_that_name() {
    let mut t = Theatre::new();
    let program = |name: &str, size: u32| {
        format!(
            "a: {{type: test:Slow, options: {{replaceOnChanges: [size], retainOnDelete: true}}, properties: {{name: {name}, size: {size}}}}}"
        )
    };
    t.up(&program("fixed", 1)).await;
    let refused = t.refused(&program("fixed", 2)).await;
    assert!(refused.contains("retained-name: `a` would be replaced by another one of its name"), "{refused}");
    t.up(&program("another", 2)).await;
    assert_eq!(t.twin.inspect().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dependent_that_cannot_outlive_a_delete_first_replacement_goes_before_it() {
    let mut t = Theatre::new();
    let program = |size: u32| {
        format!(
            "
a: {{type: test:Thing, options: {{deleteBeforeReplace: true, replaceOnChanges: [size]}}, properties: {{size: {size}}}}}
b: {{type: test:Child, properties: {{thingId: '${{a.id}}'}}}}
"
        )
    };
    t.up(&program(1)).await;
    t.changes();
    t.up(&program(2)).await;
    let calls = t.changes();
    let what: Vec<String> = calls
        .iter()
        .map(|c| format!("{} {}", c.split(' ').next().unwrap(), if c.contains("Thing") { "a" } else { "b" }))
        .collect();
    assert_eq!(what, ["delete b", "delete a", "create a", "create b"], "{calls:?}");
    assert!(t.preview(&program(2)).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_user_that_can_be_updated_moves_to_the_new_half_before_the_old_one_goes() {
    let mut t = Theatre::new();
    let program = |size: u32| {
        format!(
            "
a: {{type: test:Thing, options: {{replaceOnChanges: [size]}}, properties: {{size: {size}}}}}
b: {{type: test:Loose, properties: {{thingId: '${{a.id}}'}}}}
"
        )
    };
    t.up(&program(1)).await;
    t.changes();
    t.up(&program(2)).await;
    let calls = t.changes();
    let kinds: Vec<&str> = calls.iter().map(|c| c.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["create", "update", "delete"], "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_region_is_a_replacement_that_shows_it() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Thing, region: primary}").await;
    let report = t.up("a: {type: test:Thing, region: secondary}").await;
    assert_eq!(steps(&report.plan), ["create a", "delete a"]);
    assert!(report.plan.steps.iter().flat_map(|s| &s.changes).any(|c| c.path == "region"));
    assert_eq!(t.stage.state.rows.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_old_half_whose_deletion_failed_is_deleted_by_the_next_up() {
    use drctl::engine::error::Kind;
    use drctl::twin::{Calls, Fault, Operation};
    let mut t = Theatre::new();
    let program = |size: u32| {
        format!("a: {{type: test:Thing, options: {{replaceOnChanges: [size]}}, properties: {{size: {size}}}}}")
    };
    t.up(&program(1)).await;
    t.twin.faults().strike(Calls::to(Operation::Delete), 1, Fault::Fails(Kind::Invalid));
    t.try_up(&program(2)).await;
    assert_eq!(t.stage.state.rows.len(), 2);
    assert_eq!(t.preview(&program(2)).await, ["delete a"]);
    t.up(&program(2)).await;
    assert_eq!(t.stage.state.rows.len(), 1);
    assert_eq!(t.twin.inspect().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_is_asked_for_shows_no_input_as_new() {
    let program = |trigger: u32, size: u32| {
        format!(
            "a: {{type: test:Thing, options: {{replacementTrigger: {trigger}, replaceOnChanges: [size]}}, \
             properties: {{name: n, size: {size}}}}}"
        )
    };
    let shown = |report: &Report| -> Vec<String> {
        report.plan.steps.iter().flat_map(|step| &step.changes).map(|change| change.path.clone()).collect()
    };
    let mut t = Theatre::new();
    assert_eq!(shown(&t.up(&program(1, 1)).await), ["name", "size"]);
    let report = t.up(&program(2, 1)).await;
    assert_eq!((report.plan.summary().replace, shown(&report)), (1, vec![]));
    t.stage.settings.replaces.push("a".to_owned());
    let report = t.up(&program(2, 1)).await;
    assert_eq!((report.plan.summary().replace, shown(&report)), (1, vec![]));
    let report = t.up(&program(2, 2)).await;
    assert_eq!((report.plan.summary().replace, shown(&report)), (1, vec!["size".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_reads_what_the_run_moves_replaces_in_that_run() {
    let program = |size: u32, tag: &str| {
        format!(
            "
moved: {{type: test:Thing, properties: {{size: {size}, tags: {{t: {tag}}}}}}}
by: {{type: test:Thing, options: {{replacementTrigger: '${{moved.revision}}'}}, properties: {{size: 1}}}}
reader: {{type: test:Loose, properties: {{note: 'revision ${{moved.revision}}'}}}}
"
        )
    };
    let mut t = Theatre::new();
    t.up(&program(1, "a")).await;
    assert_eq!(t.preview(&program(1, "b")).await, ["update moved"], "a tag moves nothing");
    assert_eq!(t.preview(&program(2, "a")).await, ["update moved", "create by", "update reader", "delete by"]);
    t.up(&program(2, "a")).await;
    assert_eq!(t.shown("reader", "note").await, "revision 2".into());
    assert!(t.preview(&program(2, "a")).await.is_empty());
}

/// A rule that gets another name, a thing that takes ten minutes, and one that names both.
fn renamed(name: &str, size: u32) -> String {
    format!(
        "
r: {{type: test:Rule, properties: {{name: {name}}}}}
slow: {{type: test:Slow, properties: {{name: slow, size: {size}}}}}
user: {{type: test:Loose, properties: {{note: '${{r.name}} ${{slow.size}}'}}}}
"
    )
}

#[tokio::test(start_paused = true)]
async fn what_is_done_to_the_old_half_is_no_news_for_those_who_use_the_new_one() {
    let mut t = Theatre::new();
    t.up(&renamed("one", 1)).await;
    t.up(&renamed("two", 2)).await;
    assert_eq!(t.shown("user", "note").await, "two 2".into());
    assert!(t.preview(&renamed("two", 2)).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_old_half_works_on_until_everybody_uses_the_new_one() {
    let mut t = Theatre::new();
    t.up(&renamed("one", 1)).await;
    t.changes();
    t.twin.faults().strike(Calls::to(Operation::Update).of("test:index:Loose"), 1, Fault::Fails(Kind::Invalid));
    let report = t.try_up(&renamed("two", 2)).await;
    assert!(report.plan.steps.iter().any(|step| step.op == Op::Act("disable".into())), "{:?}", steps(&report.plan));
    let of_rules = |calls: &[String]| calls.iter().position(|c| c.starts_with("update") && c.contains("Rule"));
    let calls = t.changes();
    assert_eq!(of_rules(&calls), None, "{calls:?}");
    t.up(&renamed("two", 2)).await;
    let calls = t.changes();
    let told = calls.iter().position(|c| c.starts_with("update") && c.contains("Loose"));
    assert!(told.is_some() && told < of_rules(&calls), "{calls:?}");
    assert!(t.preview(&renamed("two", 2)).await.is_empty());
}
