//! What a failure does, and what it leaves alone.

use drctl::engine::error::Kind;
use drctl::engine::event::{Ended, Event, Skipped};
use drctl::engine::value::Value;
use drctl::twin::{Calls, Fault, Operation};

use super::theatre::Theatre;

const TREE: &str = "
a: {type: test:Thing, properties: {name: a}}
b: {type: test:Child, properties: {thingId: '${a.id}'}}
c: {type: test:Named, properties: {name: c}}
";

#[tokio::test(start_paused = true)]
async fn a_failed_step_skips_only_its_dependents() {
    let mut t = Theatre::new();
    t.twin.faults().strike(Calls::to(Operation::Create).of("test:index:Thing"), 1, Fault::Fails(Kind::Invalid));
    let report = t.try_up(TREE).await;
    let Ended::Failed { failed, skipped } = &report.outcome.ended else { panic!("{:?}", report.outcome.ended) };
    assert_eq!(failed.iter().map(|u| u.name()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(skipped.iter().map(|u| u.name()).collect::<Vec<_>>(), ["b"]);
    assert!(t.stage.state.rows.keys().any(|k| k.urn.name() == "c"));
    assert_eq!(report.outcome.summary.create, 1, "the summary tells what was done, not what was planned");
    t.up(TREE).await;
    assert!(t.preview(TREE).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_is_lost_makes_no_second_resource() {
    let all = format!("{TREE}\nd: {{type: test:Rule, properties: {{name: d}}}}");
    for token in ["test:index:Thing", "test:index:Child", "test:index:Named", "test:index:Rule"] {
        let mut t = Theatre::new();
        t.twin.faults().strike(Calls::to(Operation::Create).of(token), 1, Fault::AnswerLost(Kind::Outage));
        t.up(&all).await;
        assert_eq!(t.twin.inspect().len(), 4, "{token}: {:?}", t.twin.inspect());
        assert!(t.preview(&all).await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_skipped_resource_is_skipped_too_and_not_planned_again() {
    const PAIR: &str = "
    a: {type: test:Thing, properties: {name: a}}
    b: {type: test:Child, properties: {thingId: '${a.id}'}}
    c: {type: test:Named, properties: {name: c, note: '${b.id}'}}
    g: {type: test:Guarded, properties: {name: '${a.id}', deletionProtection: true}}
    ";
    let mut t = Theatre::new();
    t.stage.settings.skip_unsupported = true;
    t.twin.faults().strike(Calls::to(Operation::Create).of("test:index:Thing"), 1, Fault::Fails(Kind::Unsupported));
    let notes = t.up(PAIR).await.outcome.notes;
    assert_eq!(notes.len(), 4, "{notes:?}");
    assert!(t.stage.state.rows.values().all(|row| !row.inputs.has_unknown()), "{:?}", t.stage.state.rows);
    assert!(t.preview(PAIR).await.is_empty());
    assert_eq!(t.up(PAIR).await.outcome.notes, notes);
    assert!(t.stage.state.rows.values().all(|row| !row.inputs.has_unknown()), "{:?}", t.stage.state.rows);
    t.destroy().await;
    assert!(t.stage.state.rows.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_never_kept_ends_the_run_with_its_name() {
    let program = |note: &str| format!("a: {{type: test:Named, properties: {{name: a, note: {note}}}}}");
    for tolerant in [false, true] {
        let mut t = Theatre::new();
        t.up(&program("one")).await;
        t.stage.settings.skip_unsupported = tolerant;
        t.twin.faults().ignore(Calls::to(Operation::Update), 1_000);
        let report = t.try_up(&program("two")).await;
        if tolerant {
            assert_eq!(report.outcome.ended, Ended::Completed);
            assert_eq!(report.outcome.notes, ["not kept: `note` of `a` (test:index:Named)"]);
        } else {
            let failure = report.failures().join(" ");
            assert!(failure.contains("`note`"), "{failure}");
        }
    }
}

const THING: &str = "test:index:Thing";

fn thing(inputs: &str) -> String {
    format!("a: {{type: test:Thing, properties: {{name: a, {inputs}}}}}")
}

/// What is not kept of the one resource, and what was skipped for it.
fn lacks(t: &Theatre) -> (Vec<String>, Vec<String>) {
    let row = t.stage.state.rows.values().next().unwrap();
    (row.not_kept.clone(), row.skipped.clone())
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_the_endpoint_lacks_holds_back_no_other_change() {
    let mut t = Theatre::new();
    t.stage.settings.skip_unsupported = true;
    t.up(&thing("size: 1, zone: here, tags: {k: one}, password: {fn::secret: one}")).await;
    t.twin.faults().lack(THING, "zone");
    let changed = thing("size: 2, zone: there, tags: {k: two}, password: {fn::secret: two}");
    t.up(&changed).await;
    assert_eq!(t.shown("a", "size").await, Value::from(2));
    assert_eq!(t.shown("a", "zone").await, Value::from("here"));
    assert_eq!(t.shown("a", "tags").await.get("k"), Some(&Value::from("two")));
    assert_eq!(lacks(&t), (vec!["zone".into()], vec!["test:ChangeZone".into()]));
    assert!(t.preview(&changed).await.is_empty());
    t.up(&thing("size: 3, zone: there, tags: {k: two}, password: {fn::secret: two}")).await;
    assert_eq!(t.shown("a", "size").await, Value::from(3));
    assert_eq!(lacks(&t).0, ["zone"], "nobody has kept it meanwhile");
}

#[tokio::test(start_paused = true)]
async fn an_input_that_is_kept_after_all_counts_as_not_kept_no_more() {
    let mut t = Theatre::new();
    t.stage.settings.skip_unsupported = true;
    let program = |size: u32, zone: &str, word: &str| {
        thing(&format!("size: {size}, zone: {zone}, password: {{fn::secret: {word}}}"))
    };
    t.up(&program(1, "here", "one")).await;
    for input in ["zone", "password"] {
        t.twin.faults().lack(THING, input);
    }
    t.up(&program(2, "there", "two")).await;
    assert_eq!(lacks(&t).0, ["password", "zone"]);
    t.twin.faults().clear();
    t.up(&program(3, "elsewhere", "two")).await;
    assert_eq!(lacks(&t).0, ["password"], "nobody knows of it");
    t.up(&program(3, "elsewhere", "three")).await;
    assert!(lacks(&t).0.is_empty());
    t.twin.faults().lack(THING, "zone");
    t.up(&program(4, "there", "three")).await;
    assert_eq!(lacks(&t).0, ["zone"]);
    t.up(&program(5, "elsewhere", "three")).await;
    assert!(lacks(&t).0.is_empty(), "it was there all the time");
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_out() {
    let mut t = Theatre::new();
    t.twin.faults().throttle(Calls::to(Operation::Create), 5);
    t.up(TREE).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_answers_ends_by_its_deadline() {
    let mut t = Theatre::new();
    t.twin.faults().strike(Calls::to(Operation::Delete), 1, Fault::Hangs);
    t.up("a: {type: test:Named, properties: {name: a}}").await;
    t.destroy().await;
    assert!(t.twin.inspect().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_cut_off_does_not_hold_back_the_other() {
    let mut t = Theatre::new();
    t.twin.faults().cut("eu-central-1");
    let program = "
a: {type: test:Thing, properties: {name: a}}
b: {type: test:Thing, region: secondary, properties: {name: b}}
";
    let report = t.try_up(program).await;
    assert!(matches!(report.outcome.ended, Ended::Failed { .. }));
    assert!(t.stage.state.rows.values().any(|r| r.key.urn.name() == "a" && r.id.is_some()));
    t.twin.faults().heal("eu-central-1");
    t.up(program).await;
    assert_eq!(t.twin.inspect().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_waits_for_what_is_just_going_gives_up_after_a_minute() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Named, properties: {name: a}}").await;
    for _ in 0..20 {
        t.twin.faults().strike(Calls::to(Operation::Delete), 1, Fault::Fails(Kind::Spreading));
    }
    let begin = t.twin.now();
    let report = t.stage.destroy().await.unwrap();
    assert!(matches!(report.outcome.ended, Ended::Failed { .. }));
    let took = t.twin.now().duration_since(begin).as_secs();
    assert!((50..90).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_while_something_still_uses_the_resource() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Named, properties: {name: a}}").await;
    t.twin.faults().strike(Calls::to(Operation::Delete), 1, Fault::Fails(Kind::Busy));
    let report = t.destroy().await;
    assert!(report.events.iter().any(|e| matches!(e, Event::Retrying { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_starts_nothing_new_and_the_next_one_goes_on() {
    let mut t = Theatre::new();
    t.stage.stop.press();
    let report = t.try_up(TREE).await;
    assert!(matches!(report.outcome.ended, Ended::Cancelled { .. }), "{:?}", report.outcome.ended);
    assert!(t.changes().is_empty());
    t.stage.stop = Default::default();
    t.up(TREE).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_nothing_new_starts_if_the_user_wants_it_so_and_what_runs_is_settled() {
    const PROGRAM: &str = "
    a: {type: test:Thing, properties: {name: a}}
    b: {type: test:Child, properties: {thingId: '${a.id}'}}
    s: {type: test:Slow, properties: {name: s}}
    t: {type: test:Named, properties: {name: t, note: '${s.id}'}}
    ";
    let mut t = Theatre::new();
    t.stage.settings.fail_fast = true;
    t.twin.faults().strike(Calls::to(Operation::Create).of("test:index:Thing"), 1, Fault::Fails(Kind::Invalid));
    let report = t.try_up(PROGRAM).await;
    let Ended::Failed { failed, skipped } = &report.outcome.ended else { panic!("{:?}", report.outcome.ended) };
    let names = |urns: &[drctl::engine::urn::Urn]| urns.iter().map(|u| u.name().to_owned()).collect::<Vec<_>>();
    assert_eq!((names(failed), names(skipped)), (vec!["a".to_owned()], vec!["b".to_owned(), "t".to_owned()]));
    let because = report.events.iter().find_map(|event| match event {
        Event::StepSkipped { urn, because: Skipped::FailFast(first), .. } => Some((urn.name(), first.name())),
        _ => None,
    });
    assert_eq!(because, Some(("t", "a")));
    assert!(t.stage.state.rows.values().any(|row| row.key.urn.name() == "s" && row.pending.is_none()));
    t.stage.settings.fail_fast = false;
    let report = t.up(PROGRAM).await;
    assert_eq!(report.outcome.summary.create, 3, "the next run does only what is left");
}

#[tokio::test(start_paused = true)]
async fn a_run_stops_when_its_credentials_end_and_the_next_one_goes_on() {
    let mut t = Theatre::new();
    let program = format!(
        "{TREE}s: {{type: test:Slow, properties: {{name: s}}}}\nu: {{type: test:Named, properties: {{name: u, note: '${{s.id}}'}}}}\n"
    );
    t.twin.faults().strike(Calls::to(Operation::Create).of("test:index:Named"), 1, Fault::Fails(Kind::Unauthenticated));
    let report = t.try_up(&program).await;
    let Ended::Unauthenticated { left } = &report.outcome.ended else { panic!("{:?}", report.outcome.ended) };
    let left: Vec<&str> = left.iter().map(|urn| urn.name()).collect();
    assert_eq!(left, ["b", "c", "u"]);
    assert_eq!(report.failures().len(), 1, "one cause: {:?}", report.failures());
    t.up(&program).await;
    assert!(t.preview(&program).await.is_empty());
}
