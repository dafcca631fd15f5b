//! What the cloud shows, and who writes now.

use std::sync::Arc;

use crate::engine::diagnostic::Diagnostic;
use crate::engine::journal::Entry;
use crate::engine::observe;
use crate::engine::planner::{Mode, Planner, identified};
use crate::engine::provider::Live;
use crate::engine::resource::Seen;
use crate::engine::schema::TypeSchema;
use crate::engine::state::{Key, Row};

impl Planner<'_> {
    pub(super) async fn look(&mut self) -> Result<(), Vec<Diagnostic>> {
        let everything = self.request.settings.refresh || self.request.mode == Mode::Refresh;
        let destroying = self.request.mode == Mode::Destroy;
        let doubtful = |row: &Row| row.pending.is_some() || row.failure.is_some();
        let guarded = |schema: &TypeSchema| schema.inputs.properties.iter().any(|p| p.protection);
        let wanted = |row: &&Arc<Row>| {
            let schema = self.catalog.find(&row.ty);
            self.selection.has(&row.key.urn)
                && self.lost(&row.ty, &row.place).is_none()
                && (everything
                    || doubtful(row)
                    || schema.is_some_and(|s| s.facts.always_read || destroying && guarded(s)))
        };
        let rows: Vec<Arc<Row>> = self.state.rows.values().filter(wanted).cloned().collect();
        let lenient = self.request.settings.skip_unsupported;
        self.sights = observe::read(self.request.cloud, &self.identity, rows.iter().map(Arc::as_ref), lenient).await?;
        self.wait_for_the_invisible(rows).await?;
        if self.sights.values().any(|seen| *seen == Seen::Gone) {
            // Credentials that were renewed for another account since the run began would find nothing there.
            identified(self.request.cloud.identity_now().await, self.request.state)?;
        }
        let seen: Vec<(Key, Seen<Live>)> = self.sights.iter().map(|(k, s)| (k.clone(), s.clone())).collect();
        for (key, seen) in seen {
            self.believe(key, seen)?;
        }
        Ok(())
    }

    /// What was made a moment ago may not be visible yet: taken for gone, it would be made twice.
    async fn wait_for_the_invisible(&mut self, mut rows: Vec<Arc<Row>>) -> Result<(), Vec<Diagnostic>> {
        let (watch, lenient) = (self.request.watch(), self.request.settings.skip_unsupported);
        loop {
            rows.retain(|row| matches!(self.sights.get(&row.key), Some(Seen::Gone)) && watch.may_not_see(row));
            let Some((first, begun)) = rows.first().and_then(|row| Some((&row.key, row.created?))) else { break };
            watch.again(first, "not visible yet", begun).await;
            let again = rows.iter().map(Arc::as_ref);
            self.sights.extend(observe::read(self.request.cloud, &self.identity, again, lenient).await?);
        }
        Ok(())
    }

    /// What the cloud shows beats what we remember.
    pub(super) fn believe(&mut self, key: Key, seen: Seen<Live>) -> Result<(), Vec<Diagnostic>> {
        let Some(row) = self.state.rows.get(&key) else { return Ok(()) };
        match seen {
            Seen::Gone if self.request.mode == Mode::Refresh => Ok(()),
            Seen::Gone => {
                self.gone.insert(key.urn.clone());
                let left = row.bequest();
                self.record(Entry::gone(key, left))
            }
            Seen::Ready(live) => {
                let (inputs, outputs) =
                    (live.inputs.tainted_like(&row.inputs), live.outputs.tainted_like(&row.outputs));
                if row.seen == inputs && row.outputs == outputs {
                    return Ok(());
                }
                if self.request.mode == Mode::Refresh {
                    return Ok(());
                }
                let row = Row { seen: inputs, outputs, ..Row::clone(row) };
                self.record(Entry::Put { row: Arc::new(row) })
            }
            Seen::Pending(_) | Seen::Failed(_) => Ok(()),
        }
    }

    /// A promotion may have happened without drctl; it is a fact to be recorded, never a difference
    /// to be undone.
    pub(super) fn observe_roles(&mut self) -> Result<(), Vec<Diagnostic>> {
        let Some(active) = self.catalog.active_region.and_then(|of| of(&self.state)) else { return Ok(()) };
        let before = self.state.dr.clone();
        let Some(roles) = before.moved_to(active) else { return Ok(()) };
        if let (Some(before), Some(active)) = (&before.active_region, &roles.active_region) {
            let (was, is) = (self.state.dr.epoch, roles.epoch);
            self.notes
                .push(format!("promotion detected (epoch {was} → {is}): {active} writes now, {before} did before"));
        }
        self.record(Entry::Roles { roles })
    }
}
