//! A run told in lines that stay on the screen. The plain and the live renderer share it.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::failure::StepFailure;
use super::outputs::Outputs;
use super::plan::PlanView;
use super::regions::Regions;
use super::style::{Label, Sign};
use super::words::{count, duration, resource};
use crate::engine::event::{Ended, Envelope, Event, Skipped};
use crate::engine::plan::{Op, Plan, Summary};
use crate::engine::urn::{Id, Place, Urn};

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
                let target = if self.simulated { "the twin, simulated" } else { target };
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
                let at = self.places.get(urn).map(String::as_str);
                StepFailure { urn, place, verb: Sign::of(op).infinitive, at, error }.to_string()
            }
            Event::StepSkipped { urn, place, op, because } => {
                let why = match because {
                    Skipped::Dependency(on) => format!("{} was not done", resource(on)),
                    Skipped::Cancelled => "the run was stopped".into(),
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
            Event::RunEnded { ended, summary, took, notes } => self.end(ended, *summary, *took, notes),
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
            Op::Read | Op::Import | Op::Forget | Op::Act(_) => &mut self.done.other,
        };
        *count += 1;
    }

    fn end(&self, ended: &Ended, summary: Summary, took: u64, notes: &[String]) -> String {
        let mut text = String::new();
        for note in notes {
            let _ = writeln!(text, "  * {note}");
        }
        if self.command == "preview" && *ended == Ended::Completed {
            return text;
        }
        let done = done(&Summary { begun: summary.begun, outputs: summary.outputs, ..self.done });
        let took = if self.simulated { format!("{} on AWS, simulated", duration(took)) } else { duration(took) };
        let again = format!("what was done is in the state: `drctl {}` again goes on from here", self.command);
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
            Ended::Pending { until } => {
                let head = Label::Warning.paint("Pending:");
                writeln!(text, "{head} {done} ({took}); the cloud keeps the rest until {until}").and_then(|()| {
                    writeln!(text, "  {} run `drctl destroy` again after that", Label::Hint.paint("help:"))
                })
            }
        };
        text
    }
}

/// `3 created, 1 updated`, `2 outputs changed` if nothing else did, or `nothing changed`.
fn done(summary: &Summary) -> String {
    let Summary { create, update, replace, delete, refresh, other, same: _, left_out: _, begun, outputs } = *summary;
    let parts = [
        (create, "created"),
        (update, "updated"),
        (replace, "replaced"),
        (delete, "deleted"),
        (refresh, "refreshed"),
        (other, "other"),
        (begun, "begun"),
    ];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    match (parts.is_empty(), outputs) {
        (true, 0) => "nothing changed".into(),
        (true, n) => format!("{} changed", count(n, "output")),
        (false, _) => parts.join(", "),
    }
}
