//! What a refresh finds.

use std::sync::Arc;

use crate::engine::diagnostic::Diagnostic;
use crate::engine::diff::{baseline, diff};
use crate::engine::journal::Entry;
use crate::engine::plan::{Change, Op, Reason, SetBy, Step};
use crate::engine::planner::Planner;
use crate::engine::resource::Seen;
use crate::engine::state::Row;
use crate::engine::task::Task;
use crate::engine::value::Shown;

impl Planner<'_> {
    /// In a refresh each row that the cloud shows differently is a step.
    pub(super) fn note_drift(&mut self) -> Result<(), Vec<Diagnostic>> {
        let rows: Vec<Arc<Row>> =
            self.state.rows.values().filter(|r| self.sights.contains_key(&r.key)).cloned().collect();
        for row in rows {
            let Some(schema) = self.catalog.find(&row.ty) else { continue };
            let (why, changes, entry) = match self.sights.get(&row.key) {
                Some(Seen::Gone) => {
                    (vec![Reason::GoneFromCloud], Vec::new(), Entry::gone(row.key.clone(), row.bequest()))
                }
                Some(Seen::Ready(live)) => {
                    let shown = baseline(&schema.inputs, &live.inputs, &row.inputs, &row.not_kept);
                    // What an `up` would have to undo, told the other way round.
                    let differences = diff(&schema.inputs, &shown, &row.inputs);
                    // The next plan compares the program with this.
                    let mut inputs = row.inputs.clone();
                    differences.iter().for_each(|d| d.path.transplant(&shown, &mut inputs));
                    let changes: Vec<Change> = differences
                        .into_iter()
                        .map(|d| Change {
                            path: d.path.to_string(),
                            before: Shown::of(&d.after),
                            after: Shown::of(&d.before),
                            replaces: false,
                            set_by: SetBy::Cloud,
                        })
                        .collect();
                    let seen = live.inputs.clone().tainted_like(&row.inputs);
                    let outputs = live.outputs.clone().tainted_like(&row.outputs);
                    if changes.is_empty() && row.seen == seen && row.outputs == outputs {
                        self.note(&row, Op::Same, Vec::new(), Vec::new());
                        continue;
                    }
                    // A create or an update that was interrupted may be complete by now.
                    let pending = row.pending.clone().filter(|_| !changes.is_empty());
                    let failure = row.failure.clone().filter(|_| !changes.is_empty());
                    let put = Row { inputs, seen, outputs, pending, failure, ..Row::clone(&row) };
                    (vec![Reason::Changed], changes, Entry::Put { row: Arc::new(put) })
                }
                _ => continue,
            };
            let silent = changes.is_empty() && why == [Reason::Changed];
            self.record(entry)?;
            match silent {
                true => self.note(&row, Op::Same, Vec::new(), Vec::new()),
                false => self.note(&row, Op::Refresh, why, changes),
            }
        }
        Ok(())
    }

    /// Adds a step that makes no call.
    fn note(&mut self, row: &Row, op: Op, why: Vec<Reason>, changes: Vec<Change>) {
        let step = Step {
            key: row.key.clone(),
            ty: row.ty.clone(),
            place: row.place.clone(),
            op,
            id: row.id.clone(),
            why,
            changes,
            replacement: None,
            typical: 0,
            at: row.at.clone(),
            company: None,
        };
        self.add(step, Task::Note);
    }
}
