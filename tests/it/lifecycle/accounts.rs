//! Every step is accounted for: done, failed, or left with its reason, and each but once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drctl::engine::error::Result;
use drctl::engine::event::{Ended, Event, Skipped};
use drctl::engine::execute::{Outcome, Run, execute};
use drctl::engine::layer::Layer;
use drctl::engine::planner::{Mode, Planned, Request, plan};
use drctl::engine::provider::{At, Live, Made, Next, Provider};
use drctl::engine::urn::Id;
use drctl::engine::value::Value;
use drctl::twin::Twin;
use futures::future::BoxFuture;

use super::theatre::{Theatre, program};
use crate::support::stage::steps;

/// A cloud in whose code a create of a `Thing` meets a bug.
struct Buggy(Arc<Twin>);

impl Layer for Buggy {
    fn below(&self) -> &dyn Provider {
        &*self.0
    }

    fn create<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Made>> {
        assert!(!at.kind.ty.ends_with("Thing"), "this is the bug");
        self.0.create(at, inputs)
    }
}

const TREE: &str = "
a: {type: test:Thing, properties: {name: a}}
b: {type: test:Child, properties: {thingId: '${a.id}'}}
c: {type: test:Named, properties: {name: c}}
";

fn names(urns: &[drctl::engine::urn::Urn]) -> Vec<&str> {
    urns.iter().map(|urn| urn.name()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_step_that_ends_by_a_bug_has_failed_and_holds_back_its_dependents() {
    let mut t = Theatre::new();
    t.stage.cloud = Arc::new(Buggy(Arc::clone(&t.twin)));
    let report = t.try_up(TREE).await;
    let Ended::Failed { failed, skipped } = &report.outcome.ended else { panic!("{:?}", report.outcome.ended) };
    assert_eq!((names(failed), names(skipped)), (vec!["a"], vec!["b"]));
    assert!(report.failures()[0].contains("bug in drctl"), "{:?}", report.failures());
    assert_eq!(report.outcome.summary.create, 1);
    t.stage.cloud = Arc::clone(&t.twin) as _;
    t.up(TREE).await;
    assert_eq!(t.twin.inspect().len(), 3);
}

async fn carried_out(t: &Theatre, text: &str, spoil: impl FnOnce(&mut Planned)) -> (Outcome, Vec<Event>) {
    let loaded = t.stage.load(&program(text)).unwrap_or_else(|_| panic!("it does not load"));
    let (state, settings, cloud, clock) = (&t.stage.state, &t.stage.settings, &*t.stage.cloud, t.stage.clock);
    let (sink, mut events) = drctl::engine::event::Sink::new();
    let request = Request { program: Some(&*loaded), state, cloud, mode: Mode::Up, settings, clock, sink: &sink };
    let mut planned = plan(request).await.unwrap();
    spoil(&mut planned);
    let run = Run {
        program: Some(loaded),
        cloud: Arc::clone(&t.stage.cloud),
        journal: Arc::clone(&t.stage.journal) as _,
        sink,
        clock,
        stop: t.stage.stop.clone(),
        settings: settings.clone(),
        environment: [].into(),
    };
    let outcome = execute(planned, run).await.unwrap();
    (outcome, std::iter::from_fn(move || events.try_recv().ok()).collect())
}

#[tokio::test(start_paused = true)]
async fn steps_that_wait_for_each_other_in_a_circle_have_failed() {
    let t = Theatre::new();
    let (outcome, _) = carried_out(&t, TREE, |planned| {
        let step = |name: &str| planned.plan.steps.iter().position(|s| s.key.urn.name() == name).unwrap();
        let (a, b) = (step("a"), step("b"));
        planned.plan.edges.push((b, a));
    })
    .await;
    let Ended::Failed { failed, skipped } = &outcome.ended else { panic!("{:?}", outcome.ended) };
    assert_eq!((names(failed), names(skipped)), (vec!["b", "a"], vec![]));
    assert_eq!(outcome.summary.create, 1);
}

/// A cloud in which the deletion of a `Thing` has to wait at first, and says so when nobody else is left.
struct Late {
    twin: Arc<Twin>,
    asked: AtomicBool,
}

impl Layer for Late {
    fn below(&self) -> &dyn Provider {
        &*self.twin
    }

    fn delete<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
    ) -> BoxFuture<'a, Result<Next>> {
        if !at.kind.ty.ends_with("Thing") || self.asked.swap(true, Ordering::SeqCst) {
            return self.twin.delete(at, id, applied, live);
        }
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(600)).await;
            Ok(Next::Waits("others to leave".into()))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_waited_for_and_went_before_the_wait_began_is_no_standstill() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Thing, properties: {name: a}}\nb: {type: test:Named, properties: {name: b}}").await;
    t.stage.cloud = Arc::new(Late { twin: Arc::clone(&t.twin), asked: AtomicBool::new(false) });
    t.destroy().await;
    assert!(t.twin.inspect().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stop_tells_each_step_once_and_the_next_run_completes_what_was_begun() {
    let many: String = (0..50).map(|i| format!("s{i}: {{type: test:Slow, properties: {{name: s{i}}}}}\n")).collect();
    let mut t = Theatre::new();
    let stop = t.stage.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(100)).await;
        stop.press();
    });
    let report = t.try_up(&many).await;
    let Ended::Cancelled { left } = &report.outcome.ended else { panic!("{:?}", report.outcome.ended) };
    assert_eq!(left.len(), 50);
    assert_eq!(report.failures(), [""; 0]);
    let skipped = |e: &&Event| matches!(e, Event::StepSkipped { because: Skipped::Cancelled, .. });
    assert_eq!(report.events.iter().filter(skipped).count(), 50);
    let begun = report.events.iter().filter(|e| matches!(e, Event::IdKnown { .. })).count();
    assert!(begun > 0);
    assert_eq!(report.outcome.summary.begun, begun, "what was begun is told");
    t.stage.stop = Default::default();
    let report = t.up(&many).await;
    assert_eq!((report.outcome.summary.create, report.outcome.summary.update), (50, 0));
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_exists_but_is_not_ready_in_time_is_told_as_begun() {
    let mut t = Theatre::new();
    let report = t.try_up("a: {type: test:Slow, properties: {name: a}, options: {customTimeouts: {create: 1m}}}").await;
    assert_eq!((report.outcome.summary.begun, report.outcome.summary.create), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_moves_makes_room_for_its_name_first() {
    use drctl::engine::clock::Clock;
    let clock = Clock::starting("2026-01-01T00:00:00Z".parse().unwrap());
    let twin = Arc::new(Twin::new(Arc::clone(drctl::aws::catalog()), clock));
    let mut stage = crate::support::stage::Stage::new(twin, clock);
    let bucket = |region: &str, name: &str| {
        program(&format!("a: {{type: aws:s3:Bucket, region: {region}, properties: {{{name}}}}}"))
    };
    let named = "bucket: one-name-in-the-world";
    let up = async |stage: &mut crate::support::stage::Stage, text: String| {
        let report = stage.up(&text).await.unwrap();
        assert_eq!(report.outcome.ended, Ended::Completed, "{:?}", report.failures());
        report
    };
    up(&mut stage, bucket("primary", named)).await;
    let report = up(&mut stage, bucket("secondary", named)).await;
    assert_eq!(steps(&report.plan), ["create a", "delete a"]);
    assert_eq!(report.plan.edges, [(1, 0)], "the deletion comes first");
    // One with an automatic name gets another, so nothing is missing in between.
    up(&mut stage, bucket("secondary", "")).await;
    let report = up(&mut stage, bucket("primary", "")).await;
    assert_eq!(report.plan.edges, [(0, 1)]);
}
