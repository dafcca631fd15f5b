//! Create, keep, update, delete.

use std::time::Duration;

use drctl::engine::event::Event;
use drctl::engine::plan::{Op, Reason, SetBy};
use drctl::engine::provider::KindAt;
use drctl::engine::value::Value;
use jiff::SignedDuration;

use super::postponed::stage;
use super::theatre::{Theatre, program};
use crate::support::stage::{steps, told};

const TWO: &str = "
a: {type: test:Thing, properties: {size: 1}}
b: {type: test:Child, properties: {thingId: '${a.id}'}}
";

#[tokio::test(start_paused = true)]
async fn after_up_a_preview_shows_nothing_and_up_does_nothing() {
    let mut t = Theatre::new();
    t.up(TWO).await;
    assert!(t.preview(TWO).await.is_empty());
    t.changes();
    t.up(TWO).await;
    assert!(t.changes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_referred_to_exists_first_and_goes_last() {
    let mut t = Theatre::new();
    t.up(TWO).await;
    let made = t.changes();
    assert!(made[0].contains("Thing") && made[1].contains("Child"), "{made:?}");
    t.destroy().await;
    let gone = t.changes();
    assert!(gone[0].contains("Child") && gone.last().unwrap().contains("Thing"), "{gone:?}");
    assert!(t.stage.state.rows.is_empty());
    assert!(t.twin.leftovers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_changed_input_is_updated_in_place() {
    let mut t = Theatre::new();
    t.up(TWO).await;
    let report = t.up(&TWO.replace("size: 1", "size: 2")).await;
    assert_eq!(steps(&report.plan), ["update a"]);
    assert_eq!(
        report.plan.steps.iter().flat_map(|s| &s.changes).map(|c| c.path.as_str()).collect::<Vec<_>>(),
        ["size"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_program_writes_is_the_programs_even_if_the_default_says_the_same() {
    let mut t = Theatre::new();
    let thing = |properties: &str| format!("a: {{type: test:Thing, properties: {{{properties}}}}}");
    let says = async |t: &Theatre, text: &str, path: &str| {
        let plan = t.stage.preview(&program(text)).await.unwrap();
        let change = plan.steps[0].changes.iter().find(|c| c.path == path);
        change.unwrap_or_else(|| panic!("{:?}", plan.steps[0].changes)).set_by
    };
    assert_eq!(says(&t, &thing(""), "size").await, SetBy::Default);
    assert_eq!(says(&t, &thing("size: 0"), "size").await, SetBy::Program);
    t.up(&thing("size: 5")).await;
    assert_eq!(says(&t, &thing(""), "size").await, SetBy::Default);
    assert_eq!(says(&t, &thing("size: 0"), "size").await, SetBy::Program);
    assert_eq!(says(&t, &thing("size: 6"), "size").await, SetBy::Program);
    t.drift("a", "size", Value::from(7));
    t.stage.settings.refresh = true;
    assert_eq!(says(&t, &thing("size: 5"), "size").await, SetBy::Cloud);
}

#[tokio::test(start_paused = true)]
async fn a_default_within_a_value_says_so_too() {
    let mut t = Theatre::new();
    let list = |level: &str| format!("l: {{type: test:Lister, properties: {{settings: {{mode: m{level}}}}}}}");
    t.up(&list(", level: 3")).await;
    for (level, by) in [("", SetBy::Default), (", level: 0", SetBy::Program)] {
        let plan = t.stage.preview(&program(&list(level))).await.unwrap();
        let [change] = plan.steps[0].changes.as_slice() else { panic!("{:?}", plan.steps[0].changes) };
        assert_eq!((change.path.as_str(), change.set_by), ("settings.level", by));
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_leaves_the_program_is_deleted() {
    let mut t = Theatre::new();
    t.up(TWO).await;
    let report = t.up("a: {type: test:Thing, properties: {size: 1}}").await;
    assert_eq!(steps(&report.plan), ["delete b"]);
    assert_eq!(t.stage.state.rows.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_vanished_is_made_again_after_a_refresh() {
    let mut t = Theatre::new();
    t.up(TWO).await;
    let row = t.stage.state.rows.values().find(|r| r.key.urn.name() == "b").unwrap().clone();
    let kind = drctl::engine::provider::KindAt { ty: row.ty.clone(), place: row.place.clone() };
    t.twin.vanish(&kind, row.id.as_ref().unwrap()).unwrap();
    assert!(t.preview(TWO).await.is_empty(), "without a refresh nothing is asked");
    t.stage.settings.refresh = true;
    assert_eq!(t.preview(TWO).await, ["create b"]);
}

#[tokio::test(start_paused = true)]
async fn drift_is_undone_and_named_as_the_clouds() {
    let mut t = Theatre::new();
    t.up(TWO).await;
    let row = t.stage.state.rows.values().find(|r| r.key.urn.name() == "a").unwrap().clone();
    let kind = drctl::engine::provider::KindAt { ty: row.ty.clone(), place: row.place.clone() };
    t.twin.drift(&kind, row.id.as_ref().unwrap(), "size", 7.into()).unwrap();
    t.stage.settings.refresh = true;
    let report = t.up(TWO).await;
    let change = &report.plan.steps.iter().find(|s| !s.changes.is_empty()).unwrap().changes[0];
    assert_eq!((change.path.as_str(), change.set_by), ("size", drctl::engine::plan::SetBy::Cloud));
    assert!(t.preview(TWO).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refresh_counts_what_it_finds_unchanged() {
    let mut t = Theatre::new();
    t.up(TWO).await;
    let report = t.stage.refresh().await.unwrap_or_else(|_| panic!("it is refused"));
    assert_eq!((report.plan.summary().same, report.plan.summary().refresh), (2, 0));
    assert!(report.plan.is_empty() && report.events.iter().all(|e| !matches!(e, Event::StepStarted { .. })));
    t.drift("a", "size", Value::from(7));
    let report = t.stage.refresh().await.unwrap_or_else(|_| panic!("it is refused"));
    assert_eq!((report.plan.summary().same, report.plan.summary().refresh), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_tells_of_what_others_changed_and_of_nothing_else() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Thing, properties: {size: 1}}\nb: {type: test:Thing}").await;
    assert!(steps(&t.stage.refresh().await.unwrap().plan).is_empty(), "what the cloud chose is no drift");
    t.drift("a", "size", 7.into());
    let report = t.stage.refresh().await.unwrap();
    assert_eq!(steps(&report.plan), ["refresh a"]);
    let change = &report.plan.steps.iter().find(|s| s.op == Op::Refresh).unwrap().changes[0];
    assert_eq!((change.before.to_string(), change.after.to_string()), ("1".into(), "7".into()));
    assert_eq!(report.plan.summary().refresh, 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_refresh_found_is_what_the_next_plan_compares_the_program_with() {
    let program = |size: u32| format!("a: {{type: test:Thing, properties: {{size: {size}, tags: {{owner: ann}}}}}}");
    let mut t = Theatre::new();
    t.up(&program(1)).await;
    t.drift("a", "size", 7.into());
    t.drift("a", "tags", Value::Null);
    t.stage.refresh().await.unwrap();
    assert!(steps(&t.stage.refresh().await.unwrap().plan).is_empty(), "it is known by now");
    assert_eq!(t.preview(&program(1)).await, ["update a"]);
    assert_eq!(steps(&t.up(&program(1)).await.plan), ["update a"]);
    assert_eq!(t.shown("a", "size").await, 1.into());
    assert_eq!(t.shown("a", "tags").await.get("owner"), Some(&"ann".into()));
    t.drift("a", "size", 9.into());
    t.stage.refresh().await.unwrap();
    assert!(t.preview(&program(9)).await.is_empty(), "the program says now what others have done");
}

#[tokio::test(start_paused = true)]
async fn what_others_removed_is_made_again_and_the_plan_says_why() {
    let mut t = Theatre::new();
    let program = "a: {type: test:Thing}\nb: {type: test:Thing}";
    t.up(program).await;
    let row = t.stage.state.rows.values().find(|row| row.key.urn.name() == "a").unwrap();
    let kind = KindAt { ty: row.ty.clone(), place: row.place.clone() };
    t.twin.vanish(&kind, row.id.as_ref().unwrap()).unwrap();
    t.stage.settings.refresh = true;
    let plan = t.stage.preview(&super::theatre::program(program)).await.unwrap();
    assert_eq!(steps(&plan), ["create a"]);
    let step = plan.steps.iter().find(|step| step.op == Op::Create).unwrap();
    assert_eq!(step.why, [Reason::GoneFromCloud]);
}

#[tokio::test(start_paused = true)]
async fn both_regions_come_up_at_once() {
    let mut t = Theatre::new();
    let before = t.twin.now();
    t.up("
a: {type: test:Slow, properties: {name: a}}
b: {type: test:Slow, region: secondary, properties: {name: b}}
")
        .await;
    let minutes = t.twin.now().duration_since(before).as_secs() / 60;
    assert!((10..12).contains(&minutes), "{minutes} minutes for two that take ten each");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_output_is_filled_in_while_the_run_goes_on() {
    let mut t = Theatre::new();
    t.up("
a: {type: test:Thing}
b: {type: test:Loose, properties: {note: 'at ${a.endpoint}'}}
")
        .await;
    let note = t.stage.state.rows.values().find(|r| r.key.urn.name() == "b").unwrap().inputs.get("note").cloned();
    assert!(note.unwrap().as_str().unwrap().starts_with("at "));
}

#[tokio::test(start_paused = true)]
async fn reads_of_one_type_and_region_are_one_call() {
    let mut t = Theatre::new();
    let many: String = (0..50).map(|i| format!("t{i}: {{type: test:Thing, properties: {{size: {i}}}}}\n")).collect();
    t.up(&many).await;
    t.twin.forget_calls();
    t.stage.settings.refresh = true;
    assert!(t.preview(&many).await.is_empty());
    let reads = t.twin.calls().iter().filter(|c| c.starts_with("read")).count();
    assert_eq!(reads, 1);
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn what_others_need_counts_as_done_only_when_it_has_reached_what_it_is_for() {
    let mut t = Theatre::new();
    t.twin.keep_late("test:index:Thing", SignedDuration::from_mins(5), 10 * MINUTE);
    let begin = t.twin.now();
    let report = t.up(TWO).await;
    let waits = |e: &Event| matches!(e, Event::Waiting { word, .. } if word == "0 of 1 instances are healthy");
    assert!(report.events.iter().any(waits));
    let child = report.events.iter().position(|e| matches!(e, Event::StepStarted { urn, .. } if urn.name() == "b"));
    assert!(report.events.iter().rposition(waits) < child, "{:#?}", report.events);
    assert!(t.twin.now().duration_since(begin) >= SignedDuration::from_mins(5));
    assert!(t.preview(TWO).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_reached_in_time_fails_and_is_waited_for_again() {
    let mut t = Theatre::new();
    t.twin.keep_late("test:index:Thing", SignedDuration::from_mins(15), 10 * MINUTE);
    let report = t.try_up(TWO).await;
    assert!(
        report.failures()[0].contains("still `0 of 1 instances are healthy` after 600 s"),
        "{:?}",
        report.failures()
    );
    t.changes();
    t.up(TWO).await;
    assert!(t.changes().iter().all(|change| !change.contains("Thing")), "it is not made twice");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_shows_it_is_named_and_not_waited_for() {
    let mut t = Theatre::new();
    t.twin.keep_late("test:index:Thing", SignedDuration::from_hours(1), 10 * MINUTE);
    t.stage.settings.skip_unsupported = true;
    t.up(TWO).await;
    let row = t.stage.state.rows.values().find(|row| row.key.urn.name() == "a").unwrap();
    assert_eq!(row.skipped, ["0 of 1 instances are healthy"]);
}

#[tokio::test(start_paused = true)]
async fn what_no_cloud_can_make_is_refused_before_anything_changes() {
    let (_, mut stage) = stage();
    let cluster = |more: &str| {
        program(&format!(
            "db: {{type: aws:rds:Cluster, properties: {{engine: aurora-postgresql, skipFinalSnapshot: true{more}}}}}"
        ))
    };
    let refused = stage.preview(&cluster(", masterUsername: m")).await.unwrap_err();
    assert_eq!(told(&refused), "incomplete: `db` cannot be made without `masterPassword`");
    assert!(refused[0].at.is_some() && refused[0].help.as_ref().unwrap().contains("manageMasterUserPassword: true"));
    stage.up(&cluster(", masterUsername: m, masterPassword: walrus12")).await.unwrap();
    // One that exists can be without.
    assert!(stage.preview(&cluster(", masterUsername: m")).await.is_ok());
    stage.settings.replaces = vec!["db".into()];
    let refused = stage.preview(&cluster(", masterUsername: m")).await.unwrap_err();
    assert_eq!(told(&refused), "incomplete: `db` cannot be made without `masterPassword`");
}
