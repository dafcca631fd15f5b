//! What is deleted or forgotten, what must come before, and what forbids it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use crate::engine::diagnostic::Diagnostic;
use crate::engine::plan::{Op, Reason, Step};
use crate::engine::planner::{Mode, Planner};
use crate::engine::removal::{self, Deletion};
use crate::engine::resource::Afterlife;
use crate::engine::state::{Key, Row, State};
use crate::engine::task::Task;
use crate::engine::urn::Urn;

impl Planner<'_> {
    pub(super) fn plan_deletions(&mut self) -> Result<(), Vec<Diagnostic>> {
        let declared: HashSet<&Urn> = match self.request.mode {
            Mode::Up => self.declarations().iter().map(|d| &d.urn).collect(),
            Mode::Destroy | Mode::Refresh => HashSet::new(),
        };
        let retired: HashMap<Key, bool> = self.retired.iter().cloned().collect();
        let state = self.state.clone();
        let doomed: Vec<&Row> = state
            .rows
            .values()
            .map(Arc::as_ref)
            .filter(|row| {
                self.selection.has(&row.key.urn)
                    && !row.is_bequest()
                    && (row.old || retired.contains_key(&row.key) || !declared.contains(&row.key.urn))
            })
            .collect();
        self.check_surviving_dependents(&state, &doomed);
        let departures = self.departures(&state);
        let orders = self.orders(&departures, &state, &doomed)?;
        let held = self.held_deletions(&state, &doomed, &orders);
        let (waiting, doomed): (Vec<&Row>, Vec<&Row>) = doomed.into_iter().partition(|row| held.contains_key(&row.key));
        for row in waiting {
            let why = self.why_deleted(row, &retired);
            self.hold_deletion(row, why, held.get(&row.key).cloned().into_iter());
        }
        let deletes: Vec<&Row> = doomed.iter().copied().filter(|row| !row.external && !row.retain_on_delete).collect();
        let unprotected_by_program: HashSet<&Urn> =
            self.declarations().iter().filter(|d| !d.options.protect).map(|d| &d.urn).collect();
        let is_protected =
            |row: &Row| row.protected_by_hand || row.protect && !unprotected_by_program.contains(&row.key.urn);
        let overridden = self.request.settings.override_protection;
        if !overridden {
            let guarded = deletes.iter().copied().filter(|row| !row.old);
            let guarded: Vec<Row> = guarded.map(|row| Row { protect: is_protected(row), ..row.clone() }).collect();
            let blockers = removal::blockers(self.catalog, &guarded);
            let told = blockers.into_iter().map(|problem| self.with_its_replacement(problem));
            let told: Vec<Diagnostic> = told.collect();
            self.problems.extend(told);
        }
        let mut deletions = Vec::new();
        let mut acts = Vec::new();
        let mut holds = Vec::new();
        let mut outlived = HashMap::new();
        let doomed_urns: HashSet<&Urn> = deletes.iter().map(|row| &row.key.urn).collect();
        for row in &doomed {
            let why = self.why_deleted(row, &retired);
            let makes_room = retired.get(&row.key).copied().unwrap_or(false);
            let current = self.current.get(&row.key.urn).copied();
            let is_retired = retired.contains_key(&row.key);
            let partner = current.filter(|step| is_retired || row.old && self.steps[*step].op == Op::Create);
            let with = row.deleted_with.as_ref().filter(|urn| doomed_urns.contains(urn));
            let schema = self.catalog.find(&row.ty);
            let forget = row.external || row.retain_on_delete;
            let first_act = self.steps.len();
            if overridden && !forget && !row.old && is_protected(row) {
                let (step, task) = removal::unprotect(row, why.clone());
                self.add(step, task);
            }
            if let (Some(schema), false, None) = (schema, forget, with) {
                for precaution in removal::precautions(schema, row) {
                    let (step, task) = removal::act(row, schema, &precaution, why.clone());
                    self.add(step, task);
                }
            }
            let own_acts = first_act..self.steps.len();
            let (op, task) = match (forget, with, schema) {
                (false, ..) if row.is_skipped() => (Op::Forget, Task::Drop { key: row.key.clone() }),
                (true, ..) => (Op::Forget, Task::Drop { key: row.key.clone() }),
                (false, Some(_), _) => (Op::Delete, Task::Drop { key: row.key.clone() }),
                (false, None, Some(schema)) => {
                    let applied = removal::applied(schema, row, overridden);
                    let leaves = self.bequests.get(&row.key).cloned().unwrap_or_default();
                    (Op::Delete, Task::Remove { key: row.key.clone(), applied, leaves })
                }
                (false, None, None) => {
                    let text = format!("no provider has the type `{}` of `{}`", row.ty, row.key.urn.name());
                    self.problems.push(Diagnostic::error("unknown-type", text).of(&row.key.urn));
                    continue;
                }
            };
            let typical = match (&task, schema) {
                (Task::Remove { .. }, Some(schema)) => schema.facts.takes.delete,
                // What the run only forgets takes no time.
                _ => 0,
            };
            let step = Step {
                key: row.key.clone(),
                ty: row.ty.clone(),
                place: row.place.clone(),
                op,
                id: row.id.clone(),
                why,
                changes: Vec::new(),
                replacement: partner,
                typical,
                at: row.at.clone(),
                company: None,
            };
            if let (Some(schema), Task::Remove { .. }) = (schema, &task) {
                self.note_last_company(schema, row);
            }
            let index = self.add(step, task);
            // One after the other: each writes the row that the one before has written.
            self.edges.extend(own_acts.clone().zip(own_acts.clone().skip(1)));
            self.edges.extend(own_acts.clone().map(|act| (act, index)));
            if let Some(partner) = partner {
                self.steps[partner].replacement = Some(index);
            }
            match current {
                Some(current) if is_retired => {
                    self.edges.push(if makes_room { (index, current) } else { (current, index) });
                    if !makes_room {
                        outlived.insert(index, own_acts.clone());
                    }
                }
                // What an earlier run left goes after the step that brings the resource up to date, so that
                // a failure of that one keeps it. Where that step waits for the deletion, as with
                // something below that is deleted first, the deletion goes first.
                Some(current) if row.old => {
                    holds.push((current, index));
                    outlived.insert(index, own_acts.clone());
                }
                _ => {}
            }
            acts.extend(own_acts);
            deletions.push(Deletion { step: index, row, with, makes_room });
        }
        let live: Vec<&Row> = state.rows.values().map(Arc::as_ref).filter(|row| !row.old).collect();
        let order = removal::edges(&deletions, &live, &self.current);
        if self.request.mode == Mode::Destroy {
            let later: HashSet<usize> = order.iter().map(|(_, b)| *b).collect();
            let first: Vec<usize> = deletions.iter().map(|d| d.step).filter(|s| !later.contains(s)).collect();
            self.edges.extend(acts.iter().flat_map(|a| first.iter().map(|d| (*a, *d))));
        }
        self.edges.extend(order);
        self.order_namesakes(&state, &deletions);
        self.order_where_possible(holds);
        self.order_departures(&orders, &deletions);
        self.delay_acts(&outlived);
        self.note_afterlives(&deletions);
        self.check_holders(&departures, &deletions);
        Ok(())
    }

    /// What is done to the old half of a replacement before its deletion waits for all that the deletion waits
    /// for: until then it does the work of the new one, as for those who have yet to be told of that.
    fn delay_acts(&mut self, outlived: &HashMap<usize, Range<usize>>) {
        let waits = self.edges.iter().filter_map(|(before, deletion)| {
            let acts = outlived.get(deletion).filter(|acts| !acts.is_empty() && !acts.contains(before))?;
            Some((*before, acts.start))
        });
        let waits: Vec<(usize, usize)> = waits.collect();
        self.edges.extend(waits);
    }

    /// Says what of deleted resources the cloud keeps for a while.
    fn note_afterlives(&mut self, deletions: &[Deletion<'_>]) {
        for Deletion { step, row, .. } in deletions {
            let left =
                self.catalog.find(&row.ty).and_then(|schema| removal::afterlife(schema, row, &self.tasks[*step]));
            if let Some(Afterlife { days, what, .. }) = left {
                self.notes.push(format!("`{}` {what} for {days} days from its deletion on", row.key.urn.name()));
            }
        }
    }

    /// Says what would replace a protected resource, if that is why it would go.
    fn with_its_replacement(&self, problem: Diagnostic) -> Diagnostic {
        let step = problem.urn.as_ref().and_then(|urn| self.current.get(urn)).map(|i| &self.steps[*i]);
        let Some(step) = step.filter(|step| step.op == Op::Create) else { return problem };
        let paths: Vec<String> = step
            .changes
            .iter()
            .filter(|c| c.replaces)
            .map(|c| format!("`{}` ({} → {})", c.path, c.before, c.after))
            .collect();
        let message = match paths.is_empty() {
            true => format!("{}, and would be replaced", problem.message),
            false => format!("{}, and {} would replace it", problem.message, paths.join(", ")),
        };
        let at = self.declarations().iter().find(|d| Some(&d.urn) == problem.urn.as_ref()).map(|d| d.at.clone());
        Diagnostic { message, at: problem.at.or(at), ..problem }
    }

    pub(super) fn why_deleted(&self, row: &Row, retired: &HashMap<Key, bool>) -> Vec<Reason> {
        if self.request.mode == Mode::Destroy {
            return vec![Reason::Destroy];
        }
        if let Some(step) = self.current.get(&row.key.urn).filter(|_| retired.contains_key(&row.key)) {
            return self.steps[*step].why.clone();
        }
        vec![if row.old { Reason::Interrupted } else { Reason::GoneFromProgram }]
    }

    /// With targets: nothing may be deleted while something that stays depends on it.
    pub(super) fn check_surviving_dependents(&mut self, state: &State, doomed: &[&Row]) {
        if self.selection.is_all() {
            return;
        }
        let gone: HashSet<&Urn> =
            doomed.iter().filter(|r| !self.current.contains_key(&r.key.urn)).map(|r| &r.key.urn).collect();
        let stays = |row: &&Arc<Row>| !row.old && !self.selection.has(&row.key.urn) && !gone.contains(&row.key.urn);
        for row in state.rows.values().filter(stays) {
            for need in row.needs.iter().filter(|n| gone.contains(n)) {
                self.problems.push(
                    Diagnostic::error(
                        "target-dependents",
                        format!("`{}` depends on `{}`, which would be deleted", row.key.urn.name(), need.name()),
                    )
                    .of(&row.key.urn)
                    .help(self.selection.to_agree(&row.key.urn, need)),
                );
            }
        }
    }
}
