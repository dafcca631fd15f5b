//! Regions that do not answer: what has to wait for them, and because of what.
//!
//! What lives there stays as the state has it, and what others refer to is what the state knows. A
//! resource that does not exist yet holds back those that need it; one that still needs another holds
//! back the other's deletion.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::engine::diagnostic::{Diagnostic, nearest};
use crate::engine::foresight;
use crate::engine::handle::Handle;
use crate::engine::plan::{Op, Reason, Step};
use crate::engine::planner::departures::Order;
use crate::engine::planner::{Mode, Planner};
use crate::engine::program::{Declaration, unavailable};
use crate::engine::state::{Key, Row, State};
use crate::engine::task::Task;
use crate::engine::urn::{Place, Urn};

/// How far a plan was before a declaration.
pub(super) struct Mark {
    steps: usize,
    problems: usize,
    retired: usize,
}

impl Planner<'_> {
    /// The names of `--region-unavailable` must mean something, or nothing would be left alone.
    pub(super) fn check_unavailable(&self) -> Result<(), Vec<Diagnostic>> {
        let declared = self.declarations().iter().map(|d| self.identity.seat(&d.place));
        let known: HashSet<&str> =
            declared.chain(self.state.rows.values().map(|row| self.identity.seat(&row.place))).collect();
        let unknown = |region: &&String| !known.contains(region.as_str()) && **region != self.identity.home;
        let problem = |region: &String| {
            let text = format!("--region-unavailable `{region}`: the stack has nothing there");
            let problem = Diagnostic::error("unknown-region", text);
            match nearest(region, known.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem,
            }
        };
        let problems: Vec<Diagnostic> = self.request.settings.unavailable.iter().filter(unknown).map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// The region that does not answer and that changes there would need.
    pub(super) fn lost(&self, ty: &str, place: &Place) -> Option<&str> {
        let region = self.identity.seat(place);
        let lost = self.request.settings.unavailable.iter().find(|lost| *lost == region)?;
        let local = self.catalog.find(ty).is_some_and(|schema| schema.facts.local);
        (!local).then_some(lost.as_str())
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { steps: self.steps.len(), problems: self.problems.len(), retired: self.retired.len() }
    }

    /// Why a declaration cannot be worked on, known before it is looked at.
    pub(super) fn waits<'u>(
        &self,
        declaration: &Declaration,
        mut needs: impl Iterator<Item = &'u Urn>,
    ) -> Option<Reason> {
        if let Some(region) = self.lost(&declaration.ty, &declaration.place) {
            return Some(Reason::Unavailable(region.to_owned()));
        }
        needs.find(|urn| self.absent.contains(*urn)).map(|urn| Reason::Held(urn.clone()))
    }

    /// Why it cannot be worked on, once it is planned: a data source of a lost region was asked, or the
    /// old half cannot make room.
    pub(super) fn waits_after_all(&self, mark: &Mark) -> Option<Reason> {
        let new = &self.problems[mark.problems..];
        if !new.is_empty() && new.iter().all(unavailable) {
            return Some(Reason::Unavailable(self.request.settings.unavailable.join(", ")));
        }
        let (key, _) = self.retired[mark.retired..].iter().find(|(_, makes_room)| *makes_room)?;
        let row = self.state.rows.get(key)?;
        if let Some(region) = self.lost(&row.ty, &row.place) {
            return Some(Reason::Unavailable(region.to_owned()));
        }
        let stays = |user: &&Row| user.needs.contains(&key.urn) && self.lost(&user.ty, &user.place).is_some();
        self.state.rows.values().map(Arc::as_ref).find(stays).map(|user| Reason::Held(user.key.urn.clone()))
    }

    /// Takes back what was planned for a declaration since then: it waits.
    pub(super) fn hold(&mut self, declaration: &Declaration, why: Reason, mark: &Mark) {
        let urn = &declaration.urn;
        let unanswered = self.problems.len() > mark.problems;
        let planned = self.steps.split_off(mark.steps);
        self.tasks.truncate(mark.steps);
        self.problems.truncate(mark.problems);
        self.retired.truncate(mark.retired);
        self.companies.retain(|(step, _)| *step < mark.steps);
        self.current.remove(urn);
        self.replaced.remove(urn);
        self.deleted_first.remove(urn);
        let row = self.live(urn).filter(|row| row.id.is_some()).cloned();
        let changing = planned.into_iter().find(|step| step.op != Op::Same);
        let step = changing.or_else(|| row.is_none().then(|| self.to_come(declaration)));
        if let Some(mut step) = step {
            if row.is_none() && step.op == Op::Update {
                step.op = Op::Create;
            }
            step.why.retain(|why| *why != Reason::New && *why != Reason::Changed);
            step.why.push(why);
            self.held.push(step);
            self.waiting.insert(urn.clone());
        } else if unanswered {
            self.notes.push(format!("`{}` stays as it is: what the program asks of it cannot be told now", urn.name()));
            self.waiting.insert(urn.clone());
        }
        match row {
            Some(row) => {
                self.known.insert(urn.clone(), Handle::of(&row));
                let task = Task::Stay { row: row.clone() };
                self.push(declaration, &row, Op::Same, Vec::new(), Vec::new(), 0, task);
            }
            None => {
                self.known.insert(urn.clone(), foresight::of_gone(urn));
                self.absent.insert(urn.clone());
            }
        }
    }

    /// Lets a change that is planned already wait for that of another resource, which waits itself.
    pub(super) fn hold_change(&mut self, index: usize, first: Urn) {
        let Some(urn) = self.steps.get(index).filter(|s| s.op == Op::Update).map(|s| s.key.urn.clone()) else { return };
        let Some(row) = self.live(&urn).cloned() else { return };
        let step = &mut self.steps[index];
        let stays = Step {
            id: step.id.clone(),
            at: step.at.clone(),
            ..Step::new(step.key.clone(), &step.ty, &step.place, Op::Same)
        };
        let waits = std::mem::replace(step, stays);
        self.held.push(Step { why: vec![Reason::Held(first)], ..waits });
        self.tasks[index] = Task::Stay { row };
        self.companies.retain(|(step, _)| *step != index);
        self.waiting.insert(urn);
    }

    /// A resource of which nothing is known but that the program wants it.
    fn to_come(&self, declaration: &Declaration) -> Step {
        let op = match (&declaration.external, &declaration.options.import) {
            (Some(_), _) => Op::Read,
            (None, Some(_)) => Op::Import,
            (None, None) => Op::Create,
        };
        Step {
            at: Some(declaration.at.to_string()),
            ..Step::new(self.first_key(&declaration.urn), &declaration.ty, &declaration.place, op)
        }
    }

    /// The rows to be deleted that have to wait: those of lost regions, and what is still needed there
    /// or by others that wait.
    pub(super) fn held_deletions(&self, state: &State, doomed: &[&Row], orders: &[Order<'_>]) -> HashMap<Key, Reason> {
        if self.request.settings.unavailable.is_empty() {
            return HashMap::new();
        }
        let mut targets: HashMap<&Urn, Vec<&Row>> = HashMap::new();
        for row in doomed {
            targets.entry(&row.key.urn).or_default().push(row);
        }
        let mut outlived_by: HashMap<&Urn, Vec<&Urn>> = HashMap::new();
        for order in orders {
            outlived_by.entry(order.first).or_default().extend(&order.then);
        }
        let region = |row: &Row| self.lost(&row.ty, &row.place).map(str::to_owned);
        let mut held: HashMap<Key, Reason> =
            doomed.iter().filter_map(|row| Some((row.key.clone(), Reason::Unavailable(region(row)?)))).collect();
        let stays = |row: &&Row| region(row).is_some() || self.waiting.contains(&row.key.urn);
        let mut users: Vec<&Row> = state.rows.values().map(Arc::as_ref).filter(stays).collect();
        while let Some(user) = users.pop() {
            let later = outlived_by.get(&user.key.urn).into_iter().flatten().copied();
            let needed = user.needs.iter().chain(later).filter_map(|urn| targets.get(urn)).flatten();
            for target in needed.filter(|row| row.key != user.key) {
                if let Entry::Vacant(free) = held.entry(target.key.clone()) {
                    free.insert(Reason::Held(user.key.urn.clone()));
                    users.push(target);
                }
            }
        }
        held
    }

    /// Writes down that a deletion waits.
    pub(super) fn hold_deletion(&mut self, row: &Row, mut why: Vec<Reason>, because: impl Iterator<Item = Reason>) {
        why.retain(|why| *why != Reason::Destroy);
        why.extend(because);
        let step = Step::new(row.key.clone(), &row.ty, &row.place, Op::Delete);
        self.held.push(Step { id: row.id.clone(), why, at: row.at.clone(), ..step });
    }

    /// Says what is left alone.
    pub(super) fn note_unavailable(&mut self) {
        for region in &self.request.settings.unavailable {
            let there = self.state.rows.values().filter(|row| self.lost(&row.ty, &row.place) == Some(region)).count();
            let stays = match there {
                0 => "nothing of the stack exists there".to_owned(),
                1 => "1 resource stays as it is".to_owned(),
                n => format!("{n} resources stay as they are"),
            };
            let global = match *region == self.identity.home {
                true => ", global services are changed there and wait too",
                false => "",
            };
            let then = match self.request.mode {
                Mode::Refresh => "",
                Mode::Up | Mode::Destroy => "; when it answers, run again without the flag",
            };
            self.notes.push(format!("{region} is given as unavailable: {stays}{global}{then}"));
        }
    }
}
