//! What earlier runs left open, and resources that were renamed in the program.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::engine::diagnostic::Diagnostic;
use crate::engine::journal::Entry;
use crate::engine::names;
use crate::engine::observe;
use crate::engine::planner::{Mode, Planner};
use crate::engine::program::Declaration;
use crate::engine::state::{Key, Row};
use crate::engine::urn::Urn;

impl Planner<'_> {
    pub(super) async fn settle_lost_creates(&mut self) -> Result<(), Vec<Diagnostic>> {
        let lineage = self.state.lineage.clone();
        let watch = self.request.watch();
        let found = {
            let answered = self.state.rows.values().filter(|row| self.lost(&row.ty, &row.place).is_none());
            let owner = |key: &Key| names::owner(&lineage, key);
            observe::find(self.request.cloud, &self.identity, answered.map(Arc::as_ref), watch, owner).await?
        };
        for (key, id) in found.made {
            self.notes.push(format!("an interrupted create of `{}` had made `{id}`: it is adopted", key.urn.name()));
            self.record(Entry::Made { key, id })?;
        }
        for key in found.without_effect {
            if let Some(pending) = self.state.rows.get(&key).and_then(|row| row.pending.as_ref()) {
                self.retries.insert(key.urn.clone(), pending.attempt.clone());
            }
            self.notes.push(format!("an interrupted create of `{}` had made nothing", key.urn.name()));
            let error = "it was interrupted before it had an effect".to_owned();
            self.record(Entry::Failed { key, error, settled: true })?;
        }
        Ok(())
    }

    /// Where a replacement came to nothing, because the new half was never made or is gone, the old
    /// half is in use as before, unless its deletion was begun.
    pub(super) fn take_back_old_halves(&mut self) -> Result<(), Vec<Diagnostic>> {
        let live: HashSet<&Urn> = self.state.rows.values().filter(|row| !row.old).map(|row| &row.key.urn).collect();
        let mut newest: IndexMap<&Urn, &Arc<Row>> = IndexMap::new();
        let usable = |row: &Row| row.old && row.id.is_some() && !row.is_leaving();
        for row in self.state.rows.values().filter(|row| usable(row) && !live.contains(&row.key.urn)) {
            let known = newest.entry(&row.key.urn).or_insert(row);
            if known.key.generation < row.key.generation {
                *known = row;
            }
        }
        let taken: Vec<Arc<Row>> = newest.into_values().cloned().collect();
        for row in taken {
            if let (Mode::Up | Mode::Refresh, Some(id)) = (self.request.mode, &row.id) {
                let name = row.key.urn.name();
                self.notes.push(format!("the replacement of `{name}` came to nothing: `{id}` stays in use"));
            }
            self.record(Entry::Put { row: Arc::new(Row { old: false, ..Arc::unwrap_or_clone(row) }) })?;
        }
        Ok(())
    }

    /// What is left of resources that made room is of use until the new ones are there, and while the program
    /// wants them.
    pub(super) fn settle_bequests(&mut self) -> Result<(), Vec<Diagnostic>> {
        let wanted: HashSet<&Urn> = self.declarations().iter().map(|declaration| &declaration.urn).collect();
        let of_use = |row: &Row| match self.request.mode {
            Mode::Refresh => true,
            Mode::Up if !wanted.contains(&row.key.urn) => !self.selection.has(&row.key.urn),
            Mode::Up => self.state.live(&row.key.urn).is_none_or(|new| new.id.is_none() && !new.is_skipped()),
            Mode::Destroy => !self.selection.has(&row.key.urn),
        };
        let bequests = self.state.rows.values().filter(|row| row.is_bequest());
        let past: Vec<Key> = bequests.filter(|row| !of_use(row)).map(|row| row.key.clone()).collect();
        past.into_iter().try_for_each(|key| self.record(Entry::Gone { key }))
    }

    /// Rows whose resource was renamed in the program move to the new URN.
    pub(super) fn adopt_aliases(&mut self) -> Result<(), Vec<Diagnostic>> {
        let mut renamed = self.declarations().iter().filter(|d| !d.options.aliases.is_empty()).peekable();
        if renamed.peek().is_none() {
            return Ok(());
        }
        let mut taken: HashMap<Urn, &Declaration> = HashMap::new();
        let declared: HashSet<&Urn> = self.declarations().iter().map(|d| &d.urn).collect();
        let live = self.state.rows.values().filter(|row| !row.old).map(|row| row.key.urn.clone());
        let live: HashSet<Urn> = live.collect();
        for declaration in renamed.filter(|d| !live.contains(&d.urn)) {
            let mut aliases = declaration.options.aliases.iter();
            let Some(from) = aliases.find(|alias| live.contains(*alias) && !declared.contains(alias)) else { continue };
            if let Some(other) = taken.insert(from.clone(), declaration) {
                self.problems.push(
                    Diagnostic::error("alias-conflict", format!("`{}` is claimed by two aliases", from.name()))
                        .at(declaration.at.clone())
                        .also(other.at.clone(), "also claimed here"),
                );
                continue;
            }
            let Some(old) = self.state.live(from).cloned() else { continue };
            let key = Key { urn: declaration.urn.clone(), generation: old.key.generation };
            let to = declaration.urn.clone();
            self.record(Entry::Put { row: Arc::new(Row { key, ..Row::clone(&old) }) })?;
            self.record(Entry::Gone { key: old.key.clone() })?;
            let names = |r: &&Arc<Row>| {
                let known = r.precedes.iter().map(|known| &known.urn);
                let named = r.needs.iter().chain(&r.parent).chain(&r.deleted_with).chain(&r.replace_with);
                named.chain(known).any(|urn| urn == from)
            };
            let users: Vec<Arc<Row>> = self.state.rows.values().filter(names).cloned().collect();
            for user in users {
                let mut row = Arc::unwrap_or_clone(user);
                let later = row.precedes.iter_mut().map(|known| &mut known.urn);
                let ends = row.parent.iter_mut().chain(&mut row.deleted_with).chain(&mut row.replace_with);
                let all = row.needs.iter_mut().chain(row.refers.values_mut().flatten()).chain(later).chain(ends);
                for urn in all.filter(|urn| *urn == from) {
                    *urn = to.clone();
                }
                self.record(Entry::Put { row: Arc::new(row) })?;
            }
        }
        Ok(())
    }
}
