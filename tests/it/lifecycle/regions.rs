//! Regions that do not answer: what goes on without them, what waits, and what never counts as gone.

use std::sync::Arc;
use std::time::Duration;

use drctl::engine::error::Kind;
use drctl::engine::event::{Ended, Event, Skipped};
use drctl::engine::plan::{Plan, Reason};
use drctl::engine::state::{Key, Row};
use drctl::engine::urn::{Id, Urn};
use drctl::render::plan::PlanView;
use drctl::render::regions::Regions;
use drctl::twin::{Calls, Fault, Operation};

use super::theatre::Theatre;
use crate::support::stage::{Report, steps, told};

const LOST: &str = "eu-west-1";
const LIVING: &str = "eu-central-1";
const HOME: &str = "us-east-1";

impl Theatre {
    /// Runs `up` while the user gives regions as unavailable.
    async fn up_without(&mut self, regions: &[&str], resources: &str) -> Report {
        self.stage.settings.unavailable = regions.iter().map(|region| (*region).to_owned()).collect();
        let report = self.try_up(resources).await;
        self.stage.settings.unavailable.clear();
        report
    }

    /// Ids by name, for what is in the state.
    fn ids(&self) -> Vec<(String, String)> {
        let rows = self.stage.state.rows.values();
        let mut ids: Vec<_> =
            rows.filter_map(|row| Some((row.key.urn.name().to_owned(), row.id.as_ref()?.0.clone()))).collect();
        ids.sort();
        ids
    }

    fn note_of(&self, name: &str) -> Option<String> {
        let row = self.stage.state.rows.values().find(|row| row.key.urn.name() == name)?;
        row.inputs.get("note").and_then(|note| note.as_str()).map(str::to_owned)
    }
}

/// The steps that wait, each with the reason.
fn held(plan: &Plan) -> Vec<String> {
    let why = |why: &Reason| match why {
        Reason::Unavailable(region) => Some(region.clone()),
        Reason::Held(urn) => Some(urn.name().to_owned()),
        _ => None,
    };
    let step = |step: &drctl::engine::plan::Step| {
        let because: Vec<String> = step.why.iter().filter_map(why).collect();
        format!("{} {} for {}", format!("{:?}", step.op).to_lowercase(), step.key.urn.name(), because.join(", "))
    };
    plan.held.iter().map(step).collect()
}

/// One resource in the region that is lost, one beside it that uses it, and one apart.
fn pair(note: &str) -> String {
    format!(
        "
a: {{type: test:Named, properties: {{name: a, note: {note}}}}}
b: {{type: test:Named, region: secondary, properties: {{name: b, note: {note}}}}}
c: {{type: test:Named, region: secondary, properties: {{name: c, note: '{note} ${{a.arn}}'}}}}
"
    )
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_lost_region_is_applied_and_the_rest_waits_until_it_answers() {
    let more = "
d: {type: test:Named, properties: {name: d}}
e: {type: test:Named, region: secondary, properties: {name: e, note: '${d.arn}'}}
f: {type: test:Loose, region: secondary, properties: {note: '${e.id}'}}
";
    let mut t = Theatre::new();
    t.up(&pair("one")).await;
    t.twin.faults().cut(LOST);
    t.changes();
    let report = t.up_without(&[LOST], &(pair("two") + more)).await;
    assert_eq!(steps(&report.plan), ["update b", "update c"]);
    assert_eq!(
        held(&report.plan),
        ["update a for eu-west-1", "create d for eu-west-1", "create e for d", "create f for e"]
    );
    let Ended::Held { waiting, regions } = &report.outcome.ended else { panic!("{:?}", report.outcome.ended) };
    assert_eq!((waiting.len(), regions.as_slice()), (4, [LOST.to_owned()].as_slice()));
    assert_eq!(t.changes(), ["update test:index:Named b", "update test:index:Named c"], "no call to the lost region");
    assert_eq!(t.note_of("a").as_deref(), Some("one"));
    assert!(t.note_of("c").unwrap().starts_with("two arn:"), "what others refer to is what the state knows");
    t.twin.faults().heal(LOST);
    t.up(&(pair("two") + more)).await;
    assert_eq!(t.note_of("a").as_deref(), Some("two"));
    assert!(t.preview(&(pair("two") + more)).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_plan_says_step_by_step_what_waits_and_for_what() {
    let mut t = Theatre::new();
    t.up(&pair("one")).await;
    t.stage.settings.unavailable = vec![LOST.into()];
    let program = pair("two")
        + "
d: {type: test:Named, properties: {name: d}}
e: {type: test:Named, region: secondary, properties: {name: e, note: '${d.arn}'}}
";
    let plan = t.stage.preview(&super::theatre::program(&program)).await.unwrap_or_else(|p| panic!("{}", told(&p)));
    let regions = Regions::new([("primary".into(), LOST.into()), ("secondary".into(), LIVING.into())]);
    let view = PlanView { plan: &plan, regions: &regions, unchanged: false, eta: false };
    insta::assert_snapshot!(anstream::adapter::strip_str(&view.to_string()));
}

#[tokio::test(start_paused = true)]
async fn global_services_wait_when_the_region_is_gone_in_which_they_are_changed() {
    let program = "
a: {type: test:Named, properties: {name: a}}
g: {type: test:Global, properties: {name: g}}
";
    let mut t = Theatre::new();
    t.twin.faults().cut(HOME);
    let report = t.up_without(&[HOME], program).await;
    assert_eq!(steps(&report.plan), ["create a"]);
    assert_eq!(held(&report.plan), ["create g for us-east-1"]);
    t.twin.faults().heal(HOME);
    t.up(program).await;
}

#[tokio::test(start_paused = true)]
async fn deletions_wait_in_a_lost_region_and_so_does_what_is_still_used_there() {
    let program = "
t: {type: test:Thing, region: secondary}
u: {type: test:Thing, region: secondary}
g: {type: test:Global, properties: {name: g, thingId: '${t.id}'}}
";
    let mut t = Theatre::new();
    t.up(program).await;
    t.stage.settings.unavailable = vec![HOME.into()];
    let report = t.stage.destroy().await.unwrap_or_else(|p| panic!("{}", told(&p)));
    assert_eq!(steps(&report.plan), ["delete u"]);
    assert_eq!(held(&report.plan), ["delete t for g", "delete g for us-east-1"]);
    assert!(matches!(report.outcome.ended, Ended::Held { .. }), "{:?}", report.outcome.ended);
    assert_eq!(t.ids().len(), 2);
    t.stage.settings.unavailable.clear();
    t.destroy().await;
    assert!(t.twin.inspect().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_old_half_that_a_lost_region_still_uses_stays_until_it_answers() {
    let program = |name: &str| {
        format!(
            "
t: {{type: test:Thing, region: secondary, properties: {{name: {name}}}}}
l: {{type: test:Global, properties: {{name: l, thingId: '${{t.id}}'}}}}
"
        )
    };
    let mut t = Theatre::new();
    t.up(&program("one")).await;
    let report = t.up_without(&[HOME], &program("two")).await;
    assert_eq!(steps(&report.plan), ["create t"]);
    assert_eq!(held(&report.plan), ["update l for us-east-1", "delete t for l"]);
    assert_eq!(t.twin.inspect().len(), 3);
    t.up(&program("two")).await;
    assert_eq!(t.twin.inspect().len(), 2);
    assert!(t.preview(&program("two")).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_must_make_room_for_itself_waits_when_a_lost_region_uses_it() {
    let program = |note: &str| {
        format!(
            "
n: {{type: test:Named, region: secondary, properties: {{name: n{note}}}}}
l: {{type: test:Loose, properties: {{namedArn: '${{n.arn}}'}}}}
"
        )
    };
    let mut t = Theatre::new();
    t.up(&program("")).await;
    let before = t.ids();
    let report = t.up_without(&[LOST], &program("2")).await;
    assert_eq!(steps(&report.plan), [""; 0]);
    assert_eq!(held(&report.plan), ["create n for l"]);
    assert_eq!(t.ids(), before);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_cannot_be_read_is_never_taken_for_empty() {
    let mut t = Theatre::new();
    t.up(&pair("one")).await;
    let before = t.stage.state.clone();
    t.twin.faults().cut(LOST);
    let Err(problems) = t.stage.refresh().await else { panic!("nobody can know what is there") };
    assert_eq!(problems[0].code, "unreachable");
    assert!(problems[0].help.as_ref().unwrap().contains("`--region-unavailable eu-west-1`"), "{problems:?}");
    assert_eq!(t.stage.state.rows, before.rows);
    t.stage.settings.unavailable = vec![LOST.into()];
    t.stage.refresh().await.unwrap_or_else(|p| panic!("{}", told(&p)));
    assert_eq!(t.stage.state.rows, before.rows);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_no_region_of_the_stack_is_refused_with_the_nearest() {
    let mut t = Theatre::new();
    t.stage.settings.unavailable = vec!["eu-west-2".into()];
    let text = t.refused(&pair("one")).await;
    assert!(text.contains("--region-unavailable `eu-west-2`: the stack has nothing there"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_create_in_a_lost_region_is_settled_when_the_region_answers() {
    let program = "
a: {type: test:Thing, properties: {name: a}}
b: {type: test:Named, region: secondary, properties: {name: b}}
";
    let mut t = Theatre::new();
    t.twin.faults().strike(Calls::to(Operation::Create).within(LOST), 1, Fault::AnswerLost(Kind::Unreachable));
    t.twin.faults().strike(Calls::to(Operation::Find).within(LOST), 1, Fault::Fails(Kind::Denied));
    assert!(matches!(t.try_up(program).await.outcome.ended, Ended::Failed { .. }));
    let report = t.up_without(&[LOST], program).await;
    assert_eq!(held(&report.plan), ["create a for eu-west-1"]);
    t.up(program).await;
    assert_eq!(t.twin.inspect().len(), 2, "the create of the first run had its effect");
}

/// Ten resources in each region, in two rows.
fn many() -> String {
    let of = |n: usize, region: &str, at: &str| {
        format!(
            "{region}{n}: {{type: test:Thing{at}, properties: {{name: {region}{n}}}}}\n\
             {region}{n}c: {{type: test:Child{at}, properties: {{thingId: '${{{region}{n}.id}}'}}}}\n"
        )
    };
    (0..10).map(|n| of(n, "x", "") + &of(n, "y", ", region: secondary")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_region_that_stops_answering_is_given_up_with_one_cause_and_the_other_goes_on() {
    let mut t = Theatre::new();
    t.twin.faults().cut(LIVING);
    let report = t.try_up(&many()).await;
    let Ended::Failed { failed, skipped } = &report.outcome.ended else { panic!("{:?}", report.outcome.ended) };
    assert!(failed.iter().chain(skipped).all(|urn| urn.name().starts_with('y')), "{failed:?} {skipped:?}");
    assert_eq!((failed.len() + skipped.len(), report.outcome.summary.create), (20, 20));
    let causes: std::collections::BTreeSet<String> = report
        .events
        .iter()
        .filter_map(|event| match event {
            Event::StepFailed { error, .. } => Some(error.message.split(':').next().unwrap().to_owned()),
            Event::StepSkipped { because: Skipped::Unreachable(region), .. } => Some(region.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(causes.into_iter().collect::<Vec<_>>(), ["eu-central-1 does not answer"]);
    let there = t.twin.log().iter().filter(|call| call.place == LIVING).count();
    assert!(there < 200, "{there} calls to a region that does not answer");
    t.twin.faults().heal(LIVING);
    t.up(&many()).await;
    assert_eq!(t.twin.inspect().len(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_becomes_ready_after_its_region_was_lost_is_not_tried() {
    let program = "
s: {type: test:Slow, properties: {name: s}}
x: {type: test:Named, region: secondary, properties: {name: x}}
y: {type: test:Named, region: secondary, properties: {name: y, note: '${s.arn}'}}
";
    let mut t = Theatre::new();
    t.twin.faults().cut(LIVING);
    let report = t.try_up(program).await;
    let skipped = report.events.iter().find_map(|event| match event {
        Event::StepSkipped { urn, because, .. } => Some((urn.name(), because.clone())),
        _ => None,
    });
    assert_eq!(skipped, Some(("y", Skipped::Unreachable(LIVING.into()))));
    assert!(!t.twin.calls().iter().any(|call| call.ends_with(" y")));
}

/// What is compared for each pair of them, and once more for each that is held, would take minutes.
#[tokio::test(start_paused = true)]
async fn thousands_of_deletions_that_wait_are_planned_at_once() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Thing}").await;
    let row = t.stage.state.rows.values().next().unwrap().clone();
    let named = |name: usize| Urn::new("test", "test", row.key.urn.ty(), &name.to_string());
    for name in 0..5000 {
        let key = Key { urn: named(name), generation: 0 };
        let needs = (0..name).rev().take(5).map(named).collect();
        let one = Row { key: key.clone(), needs, id: Some(Id(name.to_string())), ..Row::clone(&row) };
        t.stage.state.rows.insert(key, Arc::new(one));
    }
    t.stage.settings.unavailable = vec![row.place.0.clone()];
    let began = std::time::Instant::now();
    let report = t.stage.destroy().await.unwrap_or_else(|p| panic!("{}", told(&p)));
    assert_eq!(report.plan.held.len(), 5001);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
