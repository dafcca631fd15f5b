//! A run told in lines that stay on the screen. The plain and the live renderer share it.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use indexmap::IndexMap;

use super::failure::StepFailure;
use super::outputs::Outputs;
use super::plan::PlanView;
use super::regions::Regions;
use super::style::{Label, Sign};
use super::words::{self, count, duration, resource};
use crate::engine::event::{Ended, Envelope, Event, Skipped};
use crate::engine::plan::{Op, Plan, Summary};
use crate::engine::urn::{Id, Place, Urn};

const NOTHING: &str = "nothing changed";
const UNWRITTEN: &str = "the state could not take what the last calls did";

/// Most resources that a line names of those that failed for one cause.
const NAMED: usize = 3;

/// What a story shows beside what happens.
#[derive(Debug, Clone, Default)]
pub struct Detail {
    pub regions: Regions,
    /// Show what does not change, too.
    pub unchanged: bool,
    /// Tell how long the cloud usually takes.
    pub eta: bool,
}

/// The teller. It remembers what later lines refer to.
pub(super) struct Story {
    detail: Detail,
    command: String,
    simulated: bool,
    total: usize,
    ended: usize,
    ids: HashMap<Urn, Id>,
    places: HashMap<Urn, String>,
    /// Resources whose create and delete are the halves of one replacement.
    replaced: HashSet<Urn>,
    /// What failed so far, by place and reason.
    failures: IndexMap<(Place, String), Vec<Urn>>,
    /// What is done so far.
    done: Summary,
}

impl Story {
    pub(super) fn new(detail: Detail) -> Self {
        Self {
            detail,
            command: String::new(),
            simulated: false,
            total: 0,
            ended: 0,
            ids: HashMap::new(),
            places: HashMap::new(),
            replaced: HashSet::new(),
            failures: IndexMap::new(),
            done: Summary::default(),
        }
    }

    pub(super) fn is_simulated(&self) -> bool {
        self.simulated
    }

    /// The lines for an event; empty for most progress.
    pub(super) fn tell(&mut self, envelope: &Envelope) -> String {
        match &envelope.event {
            Event::RunStarted { command, stack, target, .. } => {
                self.command.clone_from(command);
                self.simulated = target == "twin";
                let target = words::target(target);
                format!("{} {command} of `{stack}` on {target}\n\n", Label::Heading.paint("drctl"))
            }
            Event::Planned { plan, .. } => self.planned(plan),
            Event::IdKnown { urn, id } => {
                self.ids.insert(urn.clone(), id.clone());
                String::new()
            }
            Event::StepDone { op: Op::Same, .. } => String::new(),
            Event::StepDone { urn, place, op, took } => {
                self.count(urn, op);
                let what = self.step(urn, place, op, Sign::of(op).done);
                let id = match (op, self.ids.get(urn)) {
                    (Op::Create | Op::Import, Some(id)) => format!("  {id}"),
                    _ => String::new(),
                };
                let took = if *took < 1000 { String::new() } else { format!("  {}", duration(*took)) };
                format!("{what}{}\n", Label::Aside.paint(format_args!("{id}{took}")))
            }
            Event::StepFailed { urn, place, op, error } => {
                self.ended += 1;
                self.failures.entry((place.clone(), error.message.clone())).or_default().push(urn.clone());
                let at = self.places.get(urn).map(String::as_str);
                StepFailure { urn, place, verb: Sign::of(op).infinitive, at, error }.to_string()
            }
            Event::StepSkipped { urn, place, op, because } => {
                let why = match because {
                    Skipped::Dependency(on) => format!("{} was not done", resource(on)),
                    Skipped::Cancelled => "the run was stopped".into(),
                    Skipped::FailFast(first) => format!("nothing new starts after {} failed", resource(first)),
                    Skipped::Unreachable(region) => format!("{region} does not answer"),
                    Skipped::Unauthenticated => "there are no valid credentials".into(),
                    Skipped::Later(until) => format!("the cloud allows it only from {until} on"),
                    Skipped::Unsupported(what) => format!("the endpoint does not implement {what}"),
                };
                let begun = *op == Op::Create && self.ids.contains_key(urn);
                let verb = format!("{} {}", if begun { "began to" } else { "did not" }, Sign::of(op).infinitive);
                let what = self.step(urn, place, op, &verb);
                format!("{what}  {}\n", Label::Aside.paint(format_args!("({why})")))
            }
            Event::Diagnostic { severity, code: _, message, at, help, urn } => {
                let label = if severity == "error" { Label::Error } else { Label::Warning };
                let at = at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
                let mut text = format!("{at}{} {message}\n", label.paint(format_args!("{severity}:")));
                if let Some(urn) = urn {
                    let _ = writeln!(text, "  resource {}", resource(urn));
                }
                if let Some(help) = help {
                    let _ = writeln!(text, "  {} {help}", Label::Hint.paint("help:"));
                }
                text
            }
            Event::Outputs { outputs } if outputs.is_empty() => String::new(),
            Event::Outputs { outputs } => format!("\n{}", Outputs(outputs)),
            Event::RunEnded { ended, summary, took, notes, unwritten, .. } => {
                self.end(ended, *summary, *took, notes, *unwritten)
            }
            Event::StepStarted { .. }
            | Event::Asking { .. }
            | Event::Waiting { .. }
            | Event::Retrying { .. }
            | Event::Call { .. } => String::new(),
        }
    }

    fn planned(&mut self, plan: &Plan) -> String {
        self.total = plan.steps.iter().filter(|s| s.op != Op::Same).count();
        let places = plan.steps.iter().filter_map(|s| Some((s.key.urn.clone(), s.at.clone()?)));
        self.places = places.collect();
        let replaced = plan.steps.iter().filter(|s| s.replacement.is_some());
        self.replaced = replaced.map(|s| s.key.urn.clone()).collect();
        let Detail { regions, unchanged, eta } = &self.detail;
        PlanView { plan, regions, unchanged: *unchanged, eta: *eta }.to_string()
    }

    /// `[ 3/17] us-east-1  + created ec2:Vpc main`
    fn step(&mut self, urn: &Urn, place: &Place, op: &Op, verb: &str) -> String {
        self.ended += 1;
        let width = self.total.to_string().len();
        let sign = Sign::of(op);
        let act = if let Op::Act(name) = op { format!(": {name}") } else { String::new() };
        let number = Label::Aside.paint(format!("[{:>width$}/{}]", self.ended, self.total));
        format!("{number} {place}  {} {} {}{act}", sign.painted(), sign.label.paint(verb), resource(urn))
    }

    /// Counts what is done in the terms of the plan's summary.
    fn count(&mut self, urn: &Urn, op: &Op) {
        let count = match op {
            Op::Create if self.replaced.contains(urn) => &mut self.done.replace,
            Op::Delete if self.replaced.contains(urn) => return,
            Op::Create => &mut self.done.create,
            Op::Update => &mut self.done.update,
            Op::Delete => &mut self.done.delete,
            Op::Same => &mut self.done.same,
            Op::Refresh => &mut self.done.refresh,
            Op::Import => &mut self.done.import,
            Op::Read | Op::Forget | Op::Act(_) => &mut self.done.other,
        };
        *count += 1;
    }

    /// Everything that failed, once more in one place: the lines about it may be far above.
    fn failures(&self) -> String {
        let mut text = String::new();
        for ((place, message), urns) in &self.failures {
            let mut names: Vec<String> = urns.iter().take(NAMED).map(resource).collect();
            if let Some(more) = urns.len().checked_sub(NAMED).filter(|more| *more > 0) {
                names.push(format!("{more} more"));
            }
            let _ = writeln!(text, "  {} {} in {place}: {message}", Label::Error.paint("✗"), names.join(", "));
        }
        text
    }

    fn end(&self, ended: &Ended, summary: Summary, took: u64, notes: &[String], unwritten: bool) -> String {
        let mut text = String::new();
        for note in notes {
            let _ = writeln!(text, "  * {note}");
        }
        if self.command == "preview" && *ended == Ended::Completed {
            return text;
        }
        let done = done(&Summary { begun: summary.begun, outputs: summary.outputs, ..self.done });
        let done = match (unwritten, done.as_str()) {
            (false, _) => done,
            (true, NOTHING) => UNWRITTEN.to_owned(),
            (true, done) => format!("{done}; {UNWRITTEN}"),
        };
        let took = if self.simulated { format!("{} on AWS, simulated", duration(took)) } else { duration(took) };
        let again = match unwritten {
            true => format!("`drctl {}` again finds out, and goes on from here", self.command),
            false => format!("what was done is in the state: `drctl {}` again goes on from here", self.command),
        };
        let _ = match ended {
            Ended::Completed => {
                writeln!(text, "{} {done} ({took})", Label::Done.paint("Done:"))
            }
            Ended::Failed { failed, skipped } if failed.is_empty() && skipped.is_empty() => {
                let head = Label::Error.paint("Failed:");
                writeln!(text, "{head} the outputs of the stack could not be evaluated; {done} ({took})")
            }
            Ended::Failed { failed, skipped } => {
                let skipped = match skipped.len() {
                    0 => String::new(),
                    n => format!(", {n} not started because of it"),
                };
                let head = Label::Error.paint("Failed:");
                writeln!(text, "{head} {} failed{skipped}; {done} ({took})", count(failed.len(), "step"))
                    .and_then(|()| write!(text, "{}", self.failures()))
                    .and_then(|()| writeln!(text, "  {} {again}", Label::Hint.paint("help:")))
            }
            Ended::Cancelled { left } => {
                let head = Label::Warning.paint("Stopped:");
                writeln!(text, "{head} {} left; {done} ({took})", count(left.len(), "step"))
                    .and_then(|()| writeln!(text, "  {} {again}", Label::Hint.paint("help:")))
            }
            Ended::Refused { code } => {
                writeln!(text, "{} nothing was changed ({code})", Label::Warning.paint("Refused:"))
            }
            Ended::Unauthenticated { left } => {
                let head = Label::Error.paint("Stopped:");
                writeln!(
                    text,
                    "{head} there are no valid credentials; {} left; {done} ({took})",
                    count(left.len(), "step")
                )
                .and_then(|()| write!(text, "{}", self.failures()))
                .and_then(|()| writeln!(text, "  {} {again}", Label::Hint.paint("help:")))
            }
            Ended::Held { waiting, regions } => {
                let head = Label::Warning.paint("Waiting:");
                let (regions, what) = (regions.join(" and "), count(waiting.len(), "resource"));
                writeln!(text, "{head} {done} ({took}); {what} left for {regions}").and_then(|()| {
                    let help = Label::Hint.paint("help:");
                    writeln!(text, "  {help} run `drctl {}` again when {regions} answers", self.command)
                })
            }
            Ended::Pending { until } => {
                let head = Label::Warning.paint("Pending:");
                let when = match self.simulated {
                    true => {
                        "move the twin's clock there with `drctl local advance 24h`, then run `drctl destroy` again"
                    }
                    false => "run `drctl destroy` again after that",
                };
                writeln!(text, "{head} {done} ({took}); the cloud keeps the rest until {until}")
                    .and_then(|()| writeln!(text, "  {} {when}", Label::Hint.paint("help:")))
            }
        };
        text
    }
}

/// `3 created, 1 updated`, `2 outputs changed` if nothing else did, or `nothing changed`.
fn done(summary: &Summary) -> String {
    let Summary { create, update, replace, delete, refresh, import, other, begun, outputs, .. } = *summary;
    let parts = [
        (create, "created"),
        (update, "updated"),
        (replace, "replaced"),
        (delete, "deleted"),
        (refresh, "refreshed"),
        (import, "imported"),
        (other, "other"),
        (begun, "begun"),
    ];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    match (parts.is_empty(), outputs) {
        (true, 0) => NOTHING.into(),
        (true, n) => format!("{} changed", count(n, "output")),
        (false, _) => parts.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::error::{Error, Kind};
    use crate::engine::event::VERSION;
    use crate::render::examples;

    const CLUSTER: &str = "aws:rds/cluster:Cluster";

    /// What the user reads of a run that ends so.
    fn end(events: Vec<Event>) -> String {
        let started = Event::RunStarted {
            version: VERSION,
            run: "r".into(),
            command: "up".into(),
            stack: "prod".into(),
            target: "aws".into(),
            after: None,
        };
        let mut story = Story::new(Detail::default());
        let text = std::iter::once(started)
            .chain(events)
            .map(|event| story.tell(&Envelope { seq: 1, at: "2026-01-01T00:00:00Z".parse().unwrap(), event }));
        anstream::adapter::strip_str(&text.collect::<String>()).to_string()
    }

    fn ended(ended: Ended) -> Event {
        let (summary, notes) = (Summary::default(), Vec::new());
        Event::RunEnded { version: None, ended, summary, took: 81_000, notes, unwritten: false }
    }

    fn failed(name: &str, error: Error) -> Event {
        let place = Place("eu-west-1".into());
        Event::StepFailed { urn: examples::urn(CLUSTER, name), place, op: Op::Create, error }
    }

    fn skipped(name: &str, because: Skipped) -> Event {
        let place = Place("eu-west-1".into());
        Event::StepSkipped { urn: examples::urn(CLUSTER, name), place, op: Op::Create, because }
    }

    #[test]
    fn what_is_taken_over_is_told_by_that_word() {
        assert_eq!(
            done(&Summary { update: 1, import: 2, other: 1, ..Summary::default() }),
            "1 updated, 2 imported, 1 other"
        );
    }

    #[test]
    fn a_region_that_does_not_answer_is_one_cause_for_all_that_waited_for_it() {
        let urns = |names: &[&str]| names.iter().map(|name| examples::urn(CLUSTER, name)).collect();
        let silent = || {
            let text = "eu-west-1 does not answer: 5 calls in 15 s got no answer";
            Error::new(Kind::Unreachable, text).hint(crate::engine::reach::unavailable("eu-west-1"))
        };
        insta::assert_snapshot!(end(vec![
            failed("a", silent()),
            failed("b", silent()),
            skipped("c", Skipped::Unreachable("eu-west-1".into())),
            ended(Ended::Failed { failed: urns(&["a", "b"]), skipped: urns(&["c"]) }),
        ]));
    }

    #[test]
    fn credentials_that_end_are_told_with_what_is_left() {
        let gone = Error::new(Kind::Unauthenticated, "AWS takes the credentials of profile `ops` no more: expired")
            .hint("renew them, with `aws sso login --profile ops` for example, then run again");
        insta::assert_snapshot!(end(vec![
            failed("a", gone),
            skipped("b", Skipped::Unauthenticated),
            ended(Ended::Unauthenticated { left: vec![examples::urn(CLUSTER, "a"), examples::urn(CLUSTER, "b")] }),
        ]));
    }

    #[test]
    fn of_what_the_state_could_not_take_nobody_says_that_nothing_changed() {
        let urn = examples::urn(CLUSTER, "a");
        let (place, op) = (Place("eu-west-1".into()), Op::Delete);
        let done = Event::StepDone { urn: urn.clone(), place, op, took: 1 };
        let mut end_of_it = ended(Ended::Unauthenticated { left: vec![urn] });
        if let Event::RunEnded { unwritten, .. } = &mut end_of_it {
            *unwritten = true;
        }
        let nothing = end(vec![end_of_it.clone()]);
        let one = end(vec![done, end_of_it]);
        for (told, what) in [(nothing, "1 step left; the state"), (one, "1 step left; 1 deleted; the state")] {
            assert!(told.contains(&format!("{what} could not take what the last calls did (1 min 21 s)")), "{told}");
            assert!(told.contains("help: `drctl up` again finds out, and goes on from here"), "{told}");
            assert!(!told.contains("is in the state"), "{told}");
        }
    }

    #[test]
    fn what_waits_for_a_region_is_told_with_what_to_do() {
        let waiting = vec![examples::urn(CLUSTER, "a")];
        insta::assert_snapshot!(end(vec![ended(Ended::Held { waiting, regions: vec!["us-east-1".into()] })]));
    }

    #[test]
    fn after_a_failure_with_fail_fast_each_step_says_so() {
        let first = examples::urn(CLUSTER, "a");
        insta::assert_snapshot!(end(vec![skipped("b", Skipped::FailFast(first))]));
    }
}
