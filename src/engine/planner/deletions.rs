//! What is deleted or forgotten, what must come before, and what forbids it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::engine::diagnostic::Diagnostic;
use crate::engine::plan::{Op, Reason, Step};
use crate::engine::planner::{Mode, Planner};
use crate::engine::removal::{self, Deletion};
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
                    && (row.old || retired.contains_key(&row.key) || !declared.contains(&row.key.urn))
            })
            .collect();
        self.check_surviving_dependents(&state, &doomed);
        let held = self.held_deletions(&state, &doomed);
        let (waiting, doomed): (Vec<&Row>, Vec<&Row>) =
            doomed.into_iter().partition(|row| held.iter().any(|(key, _)| *key == row.key));
        for row in waiting {
            let why = self.why_deleted(row, &retired);
            let because = held.iter().find(|(key, _)| *key == row.key).map(|(_, why)| why.clone());
            self.hold_deletion(row, why, because.into_iter());
        }
        let deletes: Vec<&Row> = doomed.iter().copied().filter(|row| !row.external && !row.retain_on_delete).collect();
        if !self.request.settings.override_protection {
            let guarded = deletes.iter().copied().filter(|row| !row.old);
            let unprotected_by_program: HashSet<&Urn> =
                self.declarations().iter().filter(|d| !d.options.protect).map(|d| &d.urn).collect();
            let guarded: Vec<Row> = guarded
                .map(|row| Row {
                    protect: row.protect && !unprotected_by_program.contains(&row.key.urn),
                    ..row.clone()
                })
                .collect();
            self.problems.extend(removal::blockers(self.catalog, &guarded));
        }
        let mut deletions = Vec::new();
        let (mut acts, mut own_acts) = (Vec::new(), Vec::new());
        let doomed_urns: HashSet<&Urn> = deletes.iter().map(|row| &row.key.urn).collect();
        for row in &doomed {
            let why = self.why_deleted(row, &retired);
            let makes_room = retired.get(&row.key).copied().unwrap_or(false);
            let partner = self.current.get(&row.key.urn).copied().filter(|_| retired.contains_key(&row.key));
            let with = row.deleted_with.as_ref().filter(|urn| doomed_urns.contains(urn));
            let schema = self.catalog.find(&row.ty);
            let forget = row.external || row.retain_on_delete;
            if let (Some(schema), false, None) = (schema, forget, with) {
                for precaution in removal::precautions(schema, row) {
                    let (step, task) = removal::act(row, schema, &precaution, why.clone());
                    let index = self.add(step, task);
                    acts.push(index);
                    own_acts.push((index, row.key.clone()));
                }
            }
            let (op, task) = match (forget, with, schema) {
                (false, ..) if row.is_skipped() => (Op::Forget, Task::Drop { key: row.key.clone() }),
                (true, ..) => (Op::Forget, Task::Drop { key: row.key.clone() }),
                (false, Some(_), _) => (Op::Delete, Task::Drop { key: row.key.clone() }),
                (false, None, Some(schema)) => {
                    let applied = removal::applied(schema, row, self.request.settings.override_protection);
                    (Op::Delete, Task::Remove { key: row.key.clone(), applied })
                }
                (false, None, None) => {
                    let text = format!("no provider has the type `{}` of `{}`", row.ty, row.key.urn.name());
                    self.problems.push(Diagnostic::error("unknown-type", text).of(&row.key.urn));
                    continue;
                }
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
                typical: schema.map_or(0, |s| s.facts.takes.delete),
                at: row.at.clone(),
                company: None,
            };
            if let (Some(schema), Task::Remove { .. }) = (schema, &task) {
                self.note_last_company(schema, row);
            }
            let index = self.add(step, task);
            if let Some(partner) = partner {
                self.steps[partner].replacement = Some(index);
                self.edges.push(if makes_room { (index, partner) } else { (partner, index) });
            }
            deletions.push(Deletion { step: index, row, with, makes_room });
        }
        let live: Vec<&Row> = state.rows.values().map(Arc::as_ref).filter(|row| !row.old).collect();
        let order = removal::edges(&deletions, &live, &self.current);
        let step_of: HashMap<&Key, usize> = deletions.iter().map(|d| (&d.row.key, d.step)).collect();
        if self.request.mode == Mode::Destroy {
            let later: HashSet<usize> = order.iter().map(|(_, b)| *b).collect();
            let first: Vec<usize> = deletions.iter().map(|d| d.step).filter(|s| !later.contains(s)).collect();
            self.edges.extend(acts.iter().flat_map(|a| first.iter().map(|d| (*a, *d))));
        }
        self.edges.extend(own_acts.iter().filter_map(|(act, key)| Some((*act, *step_of.get(key)?))));
        self.edges.extend(order);
        Ok(())
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
        for row in state.rows.values().filter(|r| !r.old && !gone.contains(&r.key.urn)) {
            for need in row.needs.iter().filter(|n| gone.contains(n)) {
                self.problems.push(
                    Diagnostic::error(
                        "target-dependents",
                        format!("`{}` depends on `{}`, which would be deleted", row.key.urn.name(), need.name()),
                    )
                    .of(&row.key.urn)
                    .help("add --target-dependents to delete it too"),
                );
            }
        }
    }
}
