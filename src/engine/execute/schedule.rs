//! Which step may start, which must not, and what is told of them in the end.

use std::collections::{BinaryHeap, HashMap, HashSet};

use tokio::task::JoinSet;

use super::Run;
use super::worker::{Done, Worker};
use crate::engine::error::{Error, Kind, Result};
use crate::engine::event::{Ended, Event, Skipped};
use crate::engine::panic;
use crate::engine::plan::{Op, Plan, Step, Summary};
use crate::engine::state::{Key, State};
use crate::engine::task::Task;
use crate::engine::urn::Urn;

/// How far the steps are.
pub(super) struct Schedule {
    steps: Vec<Step>,
    tasks: Vec<Option<Task>>,
    after: Vec<Vec<usize>>,
    open: Vec<usize>,
    /// The longest way from the start of the step to the end of the run, in usual seconds.
    weight: Vec<u64>,
    done: Vec<bool>,
    /// Resources whose outputs may differ from what the state said.
    pub(super) moved: HashSet<Urn>,
    failed: Vec<usize>,
    /// Whether credentials ended: no call can succeed any more.
    unauthenticated: bool,
    skipped: HashMap<usize, Skipped>,
    /// Deletions that the cloud allows only later, and what waits for them.
    later: Vec<usize>,
    postponed: HashMap<usize, Skipped>,
}

impl Schedule {
    pub(super) fn new(steps: Vec<Step>, edges: Vec<(usize, usize)>, tasks: Vec<Task>) -> Self {
        let mut after = vec![Vec::new(); steps.len()];
        let mut open = vec![0; steps.len()];
        for (a, b) in edges {
            after[a].push(b);
            open[b] += 1;
        }
        let weight = weights(&steps, &after, &open);
        Self {
            done: vec![false; steps.len()],
            tasks: tasks.into_iter().map(Some).collect(),
            steps,
            after,
            open,
            weight,
            moved: HashSet::new(),
            failed: Vec::new(),
            unauthenticated: false,
            skipped: HashMap::new(),
            later: Vec::new(),
            postponed: HashMap::new(),
        }
    }

    pub(super) fn is_done(&self, step: usize) -> bool {
        self.done[step]
    }

    pub(super) async fn run(&mut self, worker: &Worker, run: &Run) {
        let mut ready: BinaryHeap<(u64, std::cmp::Reverse<usize>)> = BinaryHeap::new();
        let enter = |heap: &mut BinaryHeap<_>, weight: &[u64], i: usize| heap.push((weight[i], std::cmp::Reverse(i)));
        for i in (0..self.steps.len()).filter(|i| self.open[*i] == 0) {
            enter(&mut ready, &self.weight, i);
        }
        let mut tasks: JoinSet<(usize, Result<Done>)> = JoinSet::new();
        let mut running: HashMap<tokio::task::Id, usize> = HashMap::new();
        loop {
            while let Some((_, std::cmp::Reverse(i))) = ready.pop() {
                if let Some(because) = self.hindrance(i, worker, run) {
                    self.skipped.entry(i).or_insert(because);
                    continue;
                }
                let Some(task) = self.tasks[i].take() else { continue };
                let step = self.steps[i].clone();
                let moved = self.has_moved_needs(&task) && worker.crew.lost(&step.ty, &step.place).is_none();
                if let (Task::Keep { row, .. }, false) = (&task, moved)
                    && worker.is_as_written(row)
                {
                    self.finish(i, Ok(Done::Unmoved), run, &mut |s, n| enter(&mut ready, &s.weight, n));
                    continue;
                }
                let worker = worker.clone();
                let task = tasks.spawn(async move {
                    let done = worker.step(step, task, moved).await;
                    (i, done.map_err(|error| worker.redactor.error(error)))
                });
                running.insert(task.id(), i);
            }
            let Some(ended) = tasks.join_next_with_id().await else { break };
            let (i, result) = match ended {
                Ok((id, (i, result))) => {
                    running.remove(&id);
                    (i, result)
                }
                // The others go on, and the row stays pending.
                Err(ended) => match running.remove(&ended.id()) {
                    Some(i) => {
                        let why = ended.try_into_panic().map_or("it was stopped", |payload| panic::words(&*payload));
                        (i, Err(broken(&format!("a step ended by a bug in drctl: {why}"))))
                    }
                    None => continue,
                },
            };
            self.finish(i, result, run, &mut |s, n| enter(&mut ready, &s.weight, n));
        }
        self.report_skipped(run);
        self.fail_the_forgotten(run);
    }

    /// A step that is neither done nor accounted for is no success: the plan's order was wrong.
    fn fail_the_forgotten(&mut self, run: &Run) {
        let told = self.failed.iter().chain(&self.later).chain(self.skipped.keys()).chain(self.postponed.keys());
        let told: HashSet<usize> = told.copied().collect();
        for i in (0..self.steps.len()).filter(|i| !self.done[*i] && !told.contains(i)).collect::<Vec<_>>() {
            let error = broken("the steps of the plan wait for each other in a circle");
            self.finish(i, Err(error), run, &mut |_, _| {});
        }
    }

    /// Why a step that is ready is not started.
    fn hindrance(&self, i: usize, worker: &Worker, run: &Run) -> Option<Skipped> {
        if run.stop.is_pressed() {
            return Some(Skipped::Cancelled);
        }
        if self.unauthenticated {
            return Some(Skipped::Unauthenticated);
        }
        if let (true, Some(first)) = (run.settings.fail_fast, self.failed.first()) {
            return Some(Skipped::FailFast(self.steps[*first].key.urn.clone()));
        }
        let task = self.tasks[i].as_ref()?;
        let step = Some(&self.steps[i]).filter(|_| task.calls())?;
        let (region, _) = worker.crew.lost(&step.ty, &step.place)?;
        Some(Skipped::Unreachable(region))
    }

    fn has_moved_needs(&self, task: &Task) -> bool {
        match task {
            Task::Keep { row, .. } => row.needs.iter().any(|urn| self.moved.contains(urn)),
            _ => false,
        }
    }

    fn finish(&mut self, i: usize, result: Result<Done>, run: &Run, start: &mut dyn FnMut(&Self, usize)) {
        let (urn, place, op) = (&self.steps[i].key.urn, &self.steps[i].place, &self.steps[i].op);
        match result {
            Ok(Done::Unsupported(operation)) => {
                let because = Skipped::Unsupported(operation);
                run.sink.send(Event::StepSkipped { urn: urn.clone(), place: place.clone(), op: op.clone(), because });
                self.done[i] = true;
            }
            Ok(Done::Later(until)) => {
                let because = Skipped::Later(until);
                run.sink.send(Event::StepSkipped { urn: urn.clone(), place: place.clone(), op: op.clone(), because });
                self.later.push(i);
                return;
            }
            Ok(done) => {
                if matches!(done, Done::Moved) {
                    self.moved.insert(urn.clone());
                }
                self.done[i] = true;
            }
            Err(error) => {
                match error.kind {
                    // Told at the end, with all that the stop left.
                    Kind::Cancelled => {
                        self.skipped.insert(i, Skipped::Cancelled);
                        return;
                    }
                    // The first one tells why; it is the same for all that are under way. What could not be
                    // written down is told of each.
                    Kind::Unauthenticated if self.unauthenticated && !run.journal.is_behind() => {
                        self.skipped.insert(i, Skipped::Unauthenticated);
                        return;
                    }
                    kind => self.unauthenticated |= kind == Kind::Unauthenticated,
                }
                self.failed.push(i);
                run.sink.send(Event::StepFailed { urn: urn.clone(), place: place.clone(), op: op.clone(), error });
                return;
            }
        }
        for n in self.after[i].clone() {
            self.open[n] -= 1;
            if self.open[n] == 0 {
                start(self, n);
            }
        }
    }

    /// Everything that was not started, and because of whom.
    fn report_skipped(&mut self, run: &Run) {
        let mut blocked: Vec<(usize, usize)> =
            self.failed.iter().flat_map(|i| self.after[*i].iter().map(|n| (*n, *i))).collect();
        let cancelled: Vec<usize> = self.skipped.keys().copied().collect();
        blocked.extend(cancelled.iter().flat_map(|i| self.after[*i].iter().map(|n| (*n, *i))));
        let mut seen: HashSet<usize> = cancelled.into_iter().collect();
        while let Some((i, cause)) = blocked.pop() {
            if self.done[i] || self.failed.contains(&i) || !seen.insert(i) {
                continue;
            }
            let because = match self.skipped.get(&cause) {
                Some(all @ (Skipped::Cancelled | Skipped::FailFast(_) | Skipped::Unauthenticated)) => all.clone(),
                _ => Skipped::Dependency(self.steps[cause].key.urn.clone()),
            };
            self.skipped.insert(i, because);
            blocked.extend(self.after[i].iter().map(|n| (*n, cause)));
        }
        let waiting = |i: &usize| self.after[*i].iter().map(|n| (*n, *i)).collect::<Vec<_>>();
        let mut blocked: Vec<(usize, usize)> = self.later.iter().flat_map(waiting).collect();
        while let Some((i, cause)) = blocked.pop() {
            let settled = self.done[i] || self.failed.contains(&i) || self.skipped.contains_key(&i);
            if settled || self.postponed.contains_key(&i) {
                continue;
            }
            self.postponed.insert(i, Skipped::Dependency(self.steps[cause].key.urn.clone()));
            blocked.extend(self.after[i].iter().map(|n| (*n, i)));
        }
        let mut skipped: Vec<_> = self.skipped.iter().chain(&self.postponed).collect();
        skipped.sort_by_key(|(i, _)| **i);
        for (i, because) in skipped.into_iter().filter(|(i, _)| self.steps[**i].op != Op::Same) {
            let step = &self.steps[*i];
            run.sink.send(Event::StepSkipped {
                urn: step.key.urn.clone(),
                place: step.place.clone(),
                op: step.op.clone(),
                because: because.clone(),
            });
        }
    }

    /// What was done, which is less than the plan if something failed.
    pub(super) fn summary(&self, state: &State) -> Summary {
        let (done, left): (Vec<_>, Vec<_>) = self.steps.iter().zip(&self.done).partition(|(_, done)| **done);
        let done = Plan { steps: done.into_iter().map(|(step, _)| step.clone()).collect(), ..Plan::default() };
        let is_begun = |step: &Step| step.op == Op::Create && state.rows.get(&step.key).is_some_and(|r| r.is_begun());
        Summary { begun: left.into_iter().filter(|(step, _)| is_begun(step)).count(), ..done.summary() }
    }

    pub(super) fn ended(&self, run: &Run, held: &[Step], state: &State) -> Ended {
        let urns = |steps: &mut dyn Iterator<Item = usize>| {
            let mut urns: Vec<Urn> =
                steps.filter(|i| self.steps[*i].op != Op::Same).map(|i| self.steps[i].key.urn.clone()).collect();
            urns.sort();
            urns.dedup();
            urns
        };
        let left = urns(&mut self.skipped.keys().copied());
        if self.unauthenticated {
            let left = self.skipped.keys().chain(&self.failed).copied();
            return Ended::Unauthenticated { left: urns(&mut left.into_iter()) };
        }
        if run.stop.is_pressed() && (!left.is_empty() || !self.failed.is_empty()) {
            return Ended::Cancelled { left };
        }
        if !self.failed.is_empty() || !left.is_empty() {
            // Both halves of a replacement may fail, each for itself.
            let mut failed: Vec<&Key> = self.failed.iter().map(|i| &self.steps[*i].key).collect();
            failed.sort();
            failed.dedup();
            return Ended::Failed { failed: failed.into_iter().map(|key| key.urn.clone()).collect(), skipped: left };
        }
        if !held.is_empty() {
            let mut waiting: Vec<Urn> = held.iter().map(|step| step.key.urn.clone()).collect();
            waiting.sort();
            waiting.dedup();
            return Ended::Held { waiting, regions: run.settings.unavailable.clone() };
        }
        match state.rows.values().filter_map(|row| row.delete_after).max() {
            Some(until) => Ended::Pending { until },
            None => Ended::Completed,
        }
    }
}

fn broken(message: &str) -> Error {
    Error::bug(message).hint("run again: what was begun is taken up where it is; and report it")
}

fn weights(steps: &[Step], after: &[Vec<usize>], open: &[usize]) -> Vec<u64> {
    let mut open = open.to_vec();
    let mut order: Vec<usize> = (0..steps.len()).filter(|i| open[*i] == 0).collect();
    let mut next = 0;
    while next < order.len() {
        for n in &after[order[next]] {
            open[*n] -= 1;
            if open[*n] == 0 {
                order.push(*n);
            }
        }
        next += 1;
    }
    let mut weight = vec![0; steps.len()];
    for i in order.into_iter().rev() {
        let rest = after[i].iter().map(|n| weight[*n]).max().unwrap_or(0);
        weight[i] = rest + u64::from(steps[i].typical) + 1;
    }
    weight
}
