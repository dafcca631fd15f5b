//! The state of a run and its journal: nothing counts before it is durable.

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::error::Result;
use crate::engine::journal::{Entry, Journal, apply};
use crate::engine::state::{Key, Row, State};

/// Keeps the state in step with the journal. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    journal: Arc<dyn Journal>,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    state: State,
    /// Written before the first entry, and only if there is one.
    opening: Vec<Entry>,
}

impl Ledger {
    /// `opening` leads to `state` from what the journal holds; it is written with the first entry.
    pub fn new(journal: Arc<dyn Journal>, state: State, opening: Vec<Entry>) -> Self {
        Self { journal, shared: Arc::new(Mutex::new(Shared { state, opening })) }
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        // A panic elsewhere leaves the state whole: entries are applied one at a time.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes entries durable, then applies them.
    ///
    /// # Errors
    /// If the journal cannot be written, or an entry may not follow. Nothing is applied then.
    pub async fn record(&self, entries: Vec<Entry>) -> Result<()> {
        let append = {
            let mut shared = self.shared();
            let mut batch = std::mem::take(&mut shared.opening);
            batch.extend(entries.iter().cloned());
            self.journal.append(batch)
        };
        append.await?;
        let mut shared = self.shared();
        entries.into_iter().try_for_each(|entry| apply(&mut shared.state, entry))
    }

    /// Writes what planning found, if nothing was recorded yet.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub async fn open(&self) -> Result<()> {
        self.record(Vec::new()).await
    }

    pub fn row(&self, key: &Key) -> Option<Arc<Row>> {
        self.shared().state.rows.get(key).cloned()
    }

    /// Whose inputs refer to a resource, by the rows of those that are still there. None refers to the old half of
    /// a replacement.
    pub fn users(&self, key: &Key) -> Vec<Arc<Row>> {
        let shared = self.shared();
        let rows = &shared.state.rows;
        if rows.get(key).is_none_or(|row| row.old) {
            return Vec::new();
        }
        let uses = |row: &&Arc<Row>| {
            row.refers.values().flatten().any(|urn| *urn == key.urn)
                && row.key.urn != key.urn
                && row.id.is_some()
                && !row.external
                && row.deleted_with.as_ref() != Some(&key.urn)
        };
        rows.values().filter(uses).cloned().collect()
    }

    pub fn lineage(&self) -> String {
        self.shared().state.lineage.clone()
    }

    pub fn state(&self) -> State {
        self.shared().state.clone()
    }
}
