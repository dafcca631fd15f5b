//! The state of a run and its journal: nothing counts before it is durable.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::error::{Error, Result};
use crate::engine::journal::{Entry, Journal, apply};
use crate::engine::provider::KindAt;
use crate::engine::state::{Key, Row, State};
use crate::engine::urn::{Id, Urn};

/// Keeps the state in step with the journal. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    journal: Arc<dyn Journal>,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    state: State,
    /// The rows that ever had an id, by that.
    bearers: HashMap<Id, Vec<Bearer>>,
    /// What was made in this run.
    made: HashSet<Urn>,
    /// The rows of what the run deletes.
    leaving: HashSet<Key>,
    /// Written before the first entry, and only if there is one.
    opening: Vec<Entry>,
}

/// A row that has an id, or had it until it was gone.
#[derive(PartialEq)]
struct Bearer {
    key: Key,
    kind: KindAt,
}

impl Bearer {
    fn of(row: &Row) -> Self {
        Self { key: row.key.clone(), kind: KindAt { ty: row.ty.clone(), place: row.place.clone() } }
    }
}

impl Ledger {
    /// `opening` leads to `state` from what the journal holds; it is written with the first entry.
    pub fn new(journal: Arc<dyn Journal>, state: State, opening: Vec<Entry>) -> Self {
        let mut bearers: HashMap<Id, Vec<Bearer>> = HashMap::with_capacity(state.rows.len());
        for row in state.rows.values() {
            if let Some(id) = &row.id {
                bearers.entry(id.clone()).or_default().push(Bearer::of(row));
            }
        }
        let (made, leaving) = (HashSet::new(), HashSet::new());
        Self { journal, shared: Arc::new(Mutex::new(Shared { state, bearers, made, leaving, opening })) }
    }

    /// Tells the rows of what the run deletes: they are nobody's heirs while others stay.
    pub fn take_leave(&self, rows: impl IntoIterator<Item = Key>) {
        self.shared().leaving.extend(rows);
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
        append.await.map_err(|error| unwritten(error, &entries))?;
        let mut shared = self.shared();
        entries.into_iter().try_for_each(|entry| {
            let borne = match &entry {
                Entry::Made { key, id } => {
                    shared.made.insert(key.urn.clone());
                    shared.state.rows.get(key).map(|row| (Bearer::of(row), id))
                }
                Entry::Done { row } | Entry::Put { row } => row.id.as_ref().map(|id| (Bearer::of(row), id)),
                _ => None,
            };
            if let Some((bearer, id)) = borne {
                let bearers = shared.bearers.entry(id.clone()).or_default();
                if !bearers.contains(&bearer) {
                    bearers.push(bearer);
                }
            }
            apply(&mut shared.state, entry)
        })
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

    /// Whether another row stands for the same thing, and goes on to: a cloud that puts in place of creating can
    /// make one thing of two. Of several rows exactly one has no heir.
    pub fn has_heir(&self, key: &Key) -> bool {
        let shared = self.shared();
        let rows = &shared.state.rows;
        let Some((row, id)) = rows.get(key).and_then(|row| Some((row, row.id.as_ref()?))) else { return false };
        let stays = |row: &Row| !shared.leaving.contains(&row.key);
        let rank = |row: &Row| (stays(row), !row.old, row.created, row.key.urn.clone(), row.key.generation);
        let others = shared.bearers.get(id).into_iter().flatten().filter(|other| other.key != *key);
        others.filter_map(|other| rows.get(&other.key)).any(|other| {
            !other.external
                && (&other.id, &other.ty, &other.place) == (&row.id, &row.ty, &row.place)
                && rank(other) > rank(row)
        })
    }

    /// Whether a row stands for the thing of that id, or did so until it was gone in this run.
    pub fn is_ours(&self, kind: &KindAt, id: &Id) -> bool {
        let shared = self.shared();
        let mut bearers = shared.bearers.get(id).into_iter().flatten().filter(|bearer| bearer.kind == *kind);
        bearers.any(|bearer| shared.state.rows.get(&bearer.key).is_none_or(|row| !row.external))
    }

    /// Whether it was made in this run.
    pub fn is_new(&self, urn: &Urn) -> bool {
        self.shared().made.contains(urn)
    }

    /// Whose inputs refer to a resource, by the rows of those that are still there. None refers to the old half of
    /// a replacement.
    pub fn users(&self, key: &Key) -> Vec<Arc<Row>> {
        self.referrers(key, |row| row.deleted_with.as_ref() != Some(&key.urn))
    }

    /// The same for those that are to go with it.
    pub fn companions(&self, key: &Key) -> Vec<Arc<Row>> {
        self.referrers(key, |row| row.deleted_with.as_ref() == Some(&key.urn))
    }

    fn referrers(&self, key: &Key, counts: impl Fn(&Row) -> bool) -> Vec<Arc<Row>> {
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
                && counts(row)
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

/// Says that what an entry tells has happened all the same.
fn unwritten(error: Error, entries: &[Entry]) -> Error {
    let has_happened = |entry: &Entry| matches!(entry, Entry::Made { .. } | Entry::Done { .. } | Entry::Gone { .. });
    if !entries.iter().any(has_happened) {
        return error;
    }
    Error { message: format!("what was done could not be written down: {}", error.message), ..error }
}

#[cfg(test)]
mod tests {
    use futures::future::BoxFuture;

    use super::*;
    use crate::engine::state::Begun;
    use crate::engine::urn::Place;

    struct Forgetful;

    impl Journal for Forgetful {
        fn append(&self, _: Vec<Entry>) -> BoxFuture<'_, Result<()>> {
            Box::pin(async { Ok(()) })
        }
    }

    struct Full;

    impl Journal for Full {
        fn append(&self, _: Vec<Entry>) -> BoxFuture<'_, Result<()>> {
            Box::pin(async { Err(Error::invalid("no space is left")) })
        }
    }

    #[tokio::test]
    async fn what_happened_and_could_not_be_written_down_is_told_as_such() {
        let row = row("a", 0, false, "x");
        let ledger = Ledger::new(Arc::new(Full), State::new("l", "s", "p", "aws"), Vec::new());
        let begin = Entry::Begin { row: Arc::clone(&row), op: Begun::Delete, attempt: "1".into() };
        let told = async |entry| ledger.record(vec![entry]).await.unwrap_err().message;
        assert_eq!(told(begin).await, "no space is left");
        let gone = Entry::Gone { key: row.key.clone() };
        assert_eq!(told(gone).await, "what was done could not be written down: no space is left");
    }

    fn row(name: &str, generation: u32, old: bool, id: &str) -> Arc<Row> {
        let key = Key { urn: Urn::new("s", "p", "t:i:T", name), generation };
        Arc::new(Row { id: Some(Id(id.into())), old, ..Row::new(key, "t:i:T", Place("eu-west-1".into())) })
    }

    #[tokio::test]
    async fn of_all_rows_for_one_thing_one_has_no_heir() {
        let mut state = State::new("l", "s", "p", "aws");
        let rows = [row("a", 0, true, "x"), row("a", 1, true, "x"), row("b", 0, false, "x"), row("c", 0, false, "y")];
        for row in &rows {
            state.rows.insert(row.key.clone(), Arc::clone(row));
        }
        let ledger = Ledger::new(Arc::new(Forgetful), state, Vec::new());
        let heirs = || rows.each_ref().map(|row| ledger.has_heir(&row.key));
        assert_eq!(heirs(), [true, true, false, false]);
        ledger.record(vec![Entry::Gone { key: rows[2].key.clone() }]).await.unwrap();
        assert_eq!(heirs(), [true, false, false, false]);
        let new = row("d", 0, false, "y");
        let external = Row { external: true, ..Row::clone(&new) };
        ledger.record(vec![Entry::Put { row: Arc::new(external) }]).await.unwrap();
        assert!(!ledger.has_heir(&rows[3].key), "what is only read is nobody's heir");
        ledger.record(vec![Entry::Put { row: new }]).await.unwrap();
        assert!(ledger.has_heir(&rows[3].key));
    }

    #[tokio::test]
    async fn whoever_stays_is_the_heir_of_whoever_leaves() {
        let mut state = State::new("l", "s", "p", "aws");
        let rows = [row("a", 0, false, "x"), row("b", 0, false, "x")];
        for row in &rows {
            state.rows.insert(row.key.clone(), Arc::clone(row));
        }
        let heirs = |leaving: &[usize]| {
            let ledger = Ledger::new(Arc::new(Forgetful), state.clone(), Vec::new());
            ledger.take_leave(leaving.iter().map(|i| rows[*i].key.clone()));
            rows.each_ref().map(|row| ledger.has_heir(&row.key))
        };
        assert_eq!(heirs(&[0]), [true, false]);
        assert_eq!(heirs(&[1]), [false, true]);
        assert_eq!(heirs(&[0, 1]), [true, false], "one of them takes the thing along");
    }
}
