//! Carries out a plan: every step starts when what it needs is done, within limits per region.
//!
//! One loop owns the graph, the counts and the set of what changed. A step runs as a task of its
//! own: it evaluates the program's inputs with what is known by then, writes its intent, calls,
//! writes the id before the first wait, and its result before it counts. A failed step holds back
//! only those that depend on it. The first stop starts nothing new and ends the waits; whatever was
//! begun is in the journal and is taken up by the next run.

mod schedule;
mod worker;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use self::schedule::Schedule;
use self::worker::Worker;
use crate::engine::clock::Clock;
use crate::engine::crew::Crew;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::discreet::Discreet;
use crate::engine::error::Result;
use crate::engine::event::{Ended, Event, Sink};
use crate::engine::graph;
use crate::engine::journal::{Entry, Journal, apply};
use crate::engine::ledger::Ledger;
use crate::engine::plan::Summary;
use crate::engine::planner::{Mode, Planned};
use crate::engine::program::{Program, unavailable};
use crate::engine::provider::{Catalog, Provider};
use crate::engine::removal;
use crate::engine::resource::Afterlife;
use crate::engine::settings::Settings;
use crate::engine::state::State;
use crate::engine::stop::Stop;
use crate::engine::task::Task;
use crate::engine::urn::Urn;
use crate::engine::value::{Map, Shown, Value};

/// What a run needs beside its plan.
#[derive(Clone)]
pub struct Run {
    pub program: Option<Arc<dyn Program>>,
    pub cloud: Arc<dyn Provider>,
    pub journal: Arc<dyn Journal>,
    pub sink: Sink,
    pub clock: Clock,
    pub stop: Stop,
    pub settings: Settings,
    /// Config values that came from environment variables, for the state.
    pub environment: std::collections::BTreeMap<String, String>,
}

/// How a run ended, and the state it left.
#[derive(Debug)]
pub struct Outcome {
    pub ended: Ended,
    pub state: State,
    pub summary: Summary,
    /// Skipped operations and values that an endpoint did not keep.
    pub notes: Vec<String>,
}

/// Carries out a plan.
///
/// # Errors
/// Only if the journal cannot be written before the first call. Everything else is an end.
pub async fn execute(planned: Planned, run: Run) -> Result<Outcome> {
    let started = run.clock.now();
    run.cloud.reach().fence.follow(run.journal.lifeline());
    let opened = Entry::Run {
        account: planned.identity.account.clone(),
        partition: planned.identity.partition.clone(),
        environment: run.environment.clone(),
    };
    let mut state = planned.state;
    apply(&mut state, opened.clone())?;
    let worth_writing = !planned.prelude.is_empty();
    let opening = std::iter::once(opened).chain(planned.prelude).collect();
    let ledger = Ledger::new(Arc::clone(&run.journal), state, opening);
    if worth_writing {
        ledger.open().await?;
    }
    let cloud = Arc::new(Discreet::new(Arc::clone(&run.cloud), Arc::clone(&planned.redactor)));
    let crew = Crew::new(
        cloud,
        ledger.clone(),
        run.sink.clone(),
        run.clock,
        run.stop.clone(),
        planned.identity,
        &run.settings,
    );
    let worker =
        Worker { crew, program: run.program.clone(), known: Arc::default(), redactor: Arc::clone(&planned.redactor) };
    ledger.take_leave(planned.tasks.iter().filter_map(Task::deletes).cloned());
    let afterlives = afterlives(&planned.tasks, &ledger.state(), run.cloud.catalog());
    let mut schedule = Schedule::new(planned.plan.steps, planned.plan.edges, planned.tasks);
    schedule.run(&worker, &run).await;
    // Nothing more is looked for that could not be written down.
    if planned.mode == Mode::Up && !run.journal.is_behind() {
        worker.look_again(&schedule.moved).await?;
    }
    let outputs = match planned.mode {
        _ if run.journal.is_behind() => Some(0),
        Mode::Refresh => Some(0),
        Mode::Up | Mode::Destroy => write_outputs(&worker, &run, planned.mode).await?,
    };
    let mut state = ledger.state();
    graph::sort(&mut state.rows);
    let ended = match (schedule.ended(&run, &planned.plan.held, &state), outputs) {
        (Ended::Completed | Ended::Held { .. } | Ended::Pending { .. }, None) => {
            Ended::Failed { failed: Vec::new(), skipped: Vec::new() }
        }
        (ended, _) => ended,
    };
    let summary = Summary { outputs: outputs.unwrap_or(0), ..schedule.summary(&state) };
    let mut notes = notes(&state);
    let now = run.clock.now();
    for (_, urn, left) in afterlives.iter().filter(|(step, ..)| schedule.is_done(*step)) {
        let until = now.saturating_add(SignedDuration::from_hours(24 * left.days)).unwrap_or(Timestamp::MAX);
        notes.push(format!("`{}` {} until {}", urn.name(), left.what, until.strftime("%Y-%m-%d")));
    }
    let took = u64::try_from(run.clock.now().duration_since(started).as_millis()).unwrap_or_default();
    let unwritten = run.journal.is_behind();
    run.sink.send(Event::RunEnded {
        version: None,
        ended: ended.clone(),
        summary,
        took,
        notes: notes.clone(),
        unwritten,
    });
    Ok(Outcome { ended, state, summary, notes })
}

/// Writes the outputs of the stack, and tells how many have changed; `None` if they are wrong.
async fn write_outputs(worker: &Worker, run: &Run, mode: Mode) -> Result<Option<usize>> {
    let ledger = &worker.crew.ledger;
    let state = ledger.state();
    let outputs = match (mode, &run.program) {
        (Mode::Up, Some(program)) => {
            let known = worker.everything_known();
            match program.outputs(&known, &*worker.crew.cloud).await {
                Ok(outputs) => as_far_as_known(outputs, &state.outputs),
                Err(problems) => {
                    // What cannot be told now stays as it was told last.
                    let wrong: Vec<Diagnostic> = problems.into_iter().filter(|p| !unavailable(p)).collect();
                    if wrong.is_empty() {
                        return Ok(Some(0));
                    }
                    wrong.into_iter().for_each(|p| run.sink.send((&worker.redactor.diagnostic(p)).into()));
                    return Ok(None);
                }
            }
        }
        _ => Map::default(),
    };
    if mode == Mode::Destroy && !state.rows.is_empty() {
        return Ok(Some(0));
    }
    run.sink.send(Event::Outputs { outputs: outputs.iter().map(|(k, v)| (k.clone(), Shown::of(v))).collect() });
    let names = outputs.keys().chain(state.outputs.keys().filter(|name| !outputs.contains_key(*name)));
    let changed = names.filter(|name| outputs.get(*name) != state.outputs.get(*name)).count();
    if changed > 0 {
        ledger.record(vec![Entry::Outputs { outputs }]).await?;
    }
    Ok(Some(changed))
}

/// An output of what failed or was not reached keeps the value it had: other stacks build on it.
fn as_far_as_known(outputs: Map, before: &Map) -> Map {
    let value = |(name, value): (String, Value)| match value.has_unknown() {
        true => before.get(&name).cloned().map(|old| (name, old)),
        false => Some((name, value)),
    };
    outputs.into_iter().filter_map(value).collect()
}

/// What the cloud will keep of what the steps delete.
fn afterlives(tasks: &[Task], state: &State, catalog: &Catalog) -> Vec<(usize, Urn, Afterlife)> {
    let left = |(step, task): (usize, &Task)| {
        let key = task.deletes()?;
        let row = state.rows.get(key)?;
        let left = removal::afterlife(catalog.find(&row.ty)?, row, task)?;
        Some((step, key.urn.clone(), left))
    };
    tasks.iter().enumerate().filter_map(left).collect()
}

fn notes(state: &State) -> Vec<String> {
    let mut notes = Vec::new();
    for row in state.rows.values() {
        let name = row.key.urn.name();
        notes.extend(row.skipped.iter().map(|op| format!("skipped: {op} for `{name}` ({})", row.ty)));
        notes.extend(row.not_kept.iter().map(|input| format!("not kept: `{input}` of `{name}` ({})", row.ty)));
    }
    notes.sort();
    notes.dedup();
    notes
}
