//! Where states are kept: one way to read, lock, write and list them, whatever holds the bytes.
//!
//! A [`Store`] keeps the stacks of one target; the [`Shelf`] of a stack knows bytes only. What the
//! bytes mean, which entries follow which, and what is sealed is settled here, once for all stores.
//! Shelves block, and are always used where blocking harms nobody: a virtual clock stands still
//! meanwhile, which is what a wait for a disk or a bucket must look like.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use tokio::sync::watch;

use crate::engine::error::{Error, Kind};
use crate::engine::fence::Lifeline;
use crate::engine::journal::{Entry, Journal, apply};
use crate::engine::state::State;
use crate::state::error::{Result, StateError};
use crate::state::format::Snapshot;
use crate::state::journal::{self, Desk, Writer};
use crate::state::keys::{Keys, Notice, RING, Ring, Source, differs};
use crate::state::lock::Owner;
use crate::state::names::without_lost_names;

/// Keeps the states of all stacks of one target.
pub(super) trait Store: fmt::Debug + Send + Sync {
    /// The store in the words in which a user names it: a directory, or `s3://bucket/prefix`.
    fn name(&self) -> String;

    /// The stacks that may have a state. Blocks.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn stacks(&self) -> Result<Vec<String>>;

    /// Where one stack is kept.
    fn shelf(&self, stack: &str) -> Arc<dyn Shelf>;

    /// A directory of this machine for what a stack keeps beside its state: the records of its runs.
    fn beside(&self, stack: &str) -> PathBuf;

    /// The directory in which the keys of the store are, or a copy of them.
    fn keys_root(&self) -> PathBuf;

    /// The directory for keys of one stack alone, if the store has a place for such.
    fn own_keys(&self, _stack: &str) -> Option<PathBuf> {
        None
    }

    /// Opens the keys of the store, and makes them if it has none.
    fn open_keys(&self, source: Source) -> BoxFuture<'static, Result<(Keys, Option<Notice>)>>;

    /// Brings the keys of the store into [`Store::keys_root`], if it has some. Blocks.
    ///
    /// # Errors
    /// If they cannot be read.
    fn bring_keys(&self) -> Result<()> {
        Ok(())
    }

    /// Keys that others took the place of, where each is. Blocks.
    ///
    /// # Errors
    /// If they cannot be read.
    fn keys_aside(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        Ok(Vec::new())
    }

    /// Removes such keys, which are among those of the store by now. What cannot be removed does no harm. Blocks.
    fn forget_keys_aside(&self, _paths: &[PathBuf]) {}

    /// Makes keys that were changed in [`Store::keys_root`] those of the store, in the place of those
    /// `before`. Blocks.
    ///
    /// # Errors
    /// If others are there by now, or they cannot be written.
    fn publish_keys(&self, _before: &Ring) -> Result<()> {
        Ok(())
    }

    /// Whether earlier versions of everything are kept, where a store can tell. Blocks.
    ///
    /// # Errors
    /// If it cannot be asked.
    fn keeps_versions(&self) -> Result<Option<bool>> {
        Ok(None)
    }

    /// What a user of this store should know, such as a copy that cannot be reached. Each is told once.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The bytes of one stack. Every method blocks.
pub(super) trait Shelf: fmt::Debug + Send + Sync {
    /// Whether there is a state.
    ///
    /// # Errors
    /// If that cannot be told.
    fn exists(&self) -> Result<bool>;

    /// Everything that makes up the state now.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read(&self) -> Result<Raw>;

    /// Who holds the lock now.
    ///
    /// # Errors
    /// If that cannot be told.
    fn holder(&self) -> Result<Option<Owner>>;

    /// Takes the lock, waiting for it up to `timeout`. `waits` learns for whom, once, if it does.
    fn lock(&self, owner: Owner, timeout: Duration, waits: Waits) -> BoxFuture<'static, Result<Box<dyn Held>>>;

    /// Takes the lock away from whoever has it.
    ///
    /// # Errors
    /// If it cannot be written.
    fn break_lock(&self) -> Result<()>;

    /// Earlier snapshots, the newest first.
    ///
    /// # Errors
    /// If they cannot be listed.
    fn backups(&self) -> Result<Vec<PathBuf>>;

    /// The bytes of one of them.
    ///
    /// # Errors
    /// If it cannot be read.
    fn backup(&self, name: &Path) -> Result<Vec<u8>>;
}

/// Learns whom a run waits for.
pub type Waits = Box<dyn FnMut(Option<&Owner>) + Send>;

/// Nobody wants to know whom a run waits for.
pub fn silently() -> Waits {
    Box::new(|_| {})
}

/// The bytes of a stack.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) snapshot: Option<Part>,
    /// What was written since the snapshot, in order, each a journal with its head.
    pub(super) journal: Vec<Part>,
}

/// Some bytes, and what messages call them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: PathBuf,
    pub(super) bytes: Vec<u8>,
}

/// The right to write to a shelf, until it is dropped. Every method blocks.
pub(super) trait Held: Send {
    /// Everything that makes up the state now, of the newest of all copies that will be written to.
    ///
    /// # Errors
    /// If any of them cannot be read.
    fn read(&self) -> Result<Raw>;

    /// Makes lines durable, behind all those before. Lines that were refused come again, at the
    /// beginning of the next call.
    ///
    /// # Errors
    /// If they cannot be written, or the lock was lost.
    fn append(&mut self, lineage: &str, lines: &Lines) -> Result<()>;

    /// Puts a snapshot in the place of the one there is, which goes to the backups.
    ///
    /// # Errors
    /// If it cannot be written, or the lock was lost. Then the one there is stays.
    fn save(&mut self, snapshot: Snapshot) -> Result<()>;

    /// Forgets the journal, all of which is in the snapshot. A journal that stays does no harm: the
    /// snapshot says what it holds.
    fn forget_journal(&mut self);

    /// Puts the journal among the backups.
    ///
    /// # Errors
    /// If it cannot be moved.
    fn set_journal_aside(&mut self) -> Result<()>;

    /// Puts an earlier snapshot of elsewhere among the backups.
    ///
    /// # Errors
    /// If it cannot be written.
    fn keep_backup(&mut self, name: &Path, bytes: &[u8]) -> Result<()>;

    /// Writes everything among the backups anew, one after another. A crash leaves each as it was or as
    /// it becomes.
    ///
    /// # Errors
    /// If one cannot be read or written, or the lock was lost.
    fn rewrite_backups(&mut self, anew: &Anew) -> Result<Rewritten>;

    /// The entry through which a snapshot must say that it goes, to be taken for whole although the
    /// journal of a killed run is gone; 0 if none is.
    fn beyond_lost(&self) -> u64 {
        0
    }

    /// Removes everything that is kept of the stack. If it `moved`, readers are told where to.
    ///
    /// # Errors
    /// If something cannot be removed. Then the stack is there as before, or not at all.
    fn remove(&mut self, moved: Option<&str>) -> Result<()>;

    /// Whether copies of the state differ, which the next snapshot ends.
    fn is_uneven(&self) -> bool {
        false
    }

    /// Changes once, to the reason, when the lock is lost.
    fn loss(&self) -> watch::Receiver<Option<Arc<StateError>>>;

    /// Of a lock that others take over when it is silent.
    fn lifeline(&self) -> Option<Lifeline> {
        None
    }
}

/// Gives an earlier snapshot or journal another form, unless it does not open.
pub(super) type Anew = dyn Fn(&Path, &[u8]) -> Result<Vec<u8>> + Send + Sync;

/// What became of backups that were to be written anew.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) backups: usize,
    /// Those that were left as they are, each with the reason.
    pub(super) left: Vec<(PathBuf, String)>,
}

/// Lines of a journal.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    /// The number of the last one.
    pub(super) last: u64,
}

impl Lines {
    pub(super) fn extend(&mut self, more: Self) {
        self.bytes.extend(more.bytes);
        self.last = more.last.max(self.last);
    }
}

/// The states of all stacks of one target, wherever they are kept.
#[derive(Debug, Clone)]
pub struct States {
    pub(super) store: Arc<dyn Store>,
    target: String,
}

/// The place of one stack's state.
#[derive(Debug, Clone)]
pub struct Stored {
    states: States,
    pub(super) shelf: Arc<dyn Shelf>,
    stack: String,
}

/// The right to change a stack, until it is dropped.
pub struct Lock {
    pub(super) stored: Stored,
    pub(super) owner: Owner,
    pub(super) held: Box<dyn Held>,
}

/// A run that writes: the journal of the engine, and the end of it. Holds the lock.
pub struct Session {
    keys: Keys,
    lineage: String,
    writer: Writer,
    loss: watch::Receiver<Option<Arc<StateError>>>,
    lifeline: Option<Lifeline>,
}

/// What can be said of a stack without its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSummary {
    pub stack: String,
    /// How many runs wrote, up to the last that ended well.
    pub serial: u64,
    /// Rows of the state, those included that a run made which did not end.
    pub resources: usize,
    /// A run ended without its compaction, or goes on.
    pub unfinished: bool,
    pub locked_by: Option<Owner>,
    /// Why the state cannot be read; then the numbers above are 0.
    pub unreadable: Option<String>,
}

/// How often a state that is seen halfway is looked at.
const LOOKS: usize = 4;

/// A state as found in its bytes.
pub(super) struct Loaded {
    pub(super) state: State,
    /// Of the snapshot.
    pub(super) through: u64,
    /// The number of the last entry.
    pub(super) n: u64,
    /// The place that it is on its way to.
    pub(super) moving_to: Option<String>,
}

impl Loaded {
    /// # Errors
    /// If the bytes are damaged or of a later format, or do not open with `keys`, or the state is on its
    /// way to another place.
    pub(super) fn of(raw: Raw, keys: &Keys) -> Result<Option<Self>> {
        match Self::even_moving(raw, keys)? {
            Some(Self { moving_to: Some(to), .. }) => Err(StateError::Moving { to }),
            loaded => Ok(loaded),
        }
    }

    /// The same for the move.
    ///
    /// # Errors
    /// If the bytes are damaged or of a later format, or do not open with `keys`.
    pub(super) fn even_moving(raw: Raw, keys: &Keys) -> Result<Option<Self>> {
        let mut found = Vec::with_capacity(raw.journal.len());
        for part in &raw.journal {
            found.push((&part.name, journal::parse(&part.name, &part.bytes)?));
        }
        let Some(Part { name, bytes }) = raw.snapshot else {
            return match found.iter().find(|(_, found)| !found.lines.is_empty()) {
                Some((name, _)) => {
                    Err(StateError::damaged(name, None, "there is no `state.json` that it goes on from"))
                }
                None => Ok(None),
            };
        };
        let snapshot = Snapshot::parse(&name, &bytes)?;
        // It is as large as what was read from it.
        drop(bytes);
        let strange = |lineage: &Option<String>| lineage.as_ref().is_some_and(|lineage| *lineage != snapshot.lineage);
        if let Some((name, _)) = found.iter().find(|(_, found)| strange(&found.lineage)) {
            return Err(StateError::damaged(name, Some(1), "it belongs to a state of another lineage"));
        }
        let through = snapshot.through;
        let (lineage, moving_to) = (snapshot.lineage.clone(), snapshot.moving_to.clone());
        let seal = keys.seal(&lineage);
        let mut entries = Vec::new();
        for (name, found) in found {
            let after = through + entries.len() as u64;
            entries.extend(found.after(name, after)?);
        }
        let n = through + entries.len() as u64;
        let entries = entries.into_iter().map(|entry| entry.open(&seal)).collect::<Result<Vec<_>>>()?;
        let state = snapshot.into_state(&name, &seal)?;
        if entries.is_empty() {
            return Ok(Some(Self { state, through, n, moving_to }));
        }
        let path = raw.journal.first().map_or(&name, |part| &part.name);
        let state =
            replay(state, entries).map_err(|e| StateError::Replay { path: path.clone(), source: Box::new(e) })?;
        Ok(Some(Self { state: without_lost_names(&state).into_owned(), through, n, moving_to }))
    }
}

impl States {
    pub(super) fn new(store: Arc<dyn Store>, target: &str) -> Self {
        Self { store, target: target.to_owned() }
    }

    /// The place of one of them. It may have no state yet.
    pub fn of(&self, stack: &str) -> Stored {
        Stored { shelf: self.store.shelf(stack), states: self.clone(), stack: stack.to_owned() }
    }

    /// Where they are kept, in the words in which a user names it: a directory, or
    /// `s3://bucket/prefix`.
    pub fn place(&self) -> String {
        self.store.name()
    }

    /// What a user of this place should know, such as a copy that cannot be reached. Each is told once.
    pub fn warnings(&self) -> Vec<String> {
        self.store.warnings()
    }

    /// Opens the keys of their secrets, and makes them if there are none.
    ///
    /// A preview of a stack that does not exist needs no keys and should make none.
    ///
    /// # Errors
    /// If the source does not open them, or they cannot be read or written.
    pub async fn open_keys(&self, source: Source) -> Result<(Keys, Option<Notice>)> {
        self.store.open_keys(source).await
    }

    /// The directory that holds the keys, or a copy of them.
    pub fn keys_root(&self) -> PathBuf {
        self.store.keys_root()
    }

    /// Makes keys that were changed in [`States::keys_root`] those of everybody who uses this place, in
    /// the place of those `before`.
    ///
    /// # Errors
    /// If others are there by now, or they cannot be written.
    pub(super) async fn publish_keys(&self, before: &Keys) -> Result<()> {
        let (store, before) = (Arc::clone(&self.store), before.clone());
        blocking(move || store.publish_keys(before.ring())).await
    }

    /// Takes up the keys that others took the place of, so that what was sealed with them opens, too. Gives
    /// all keys together, and those that none of the sources opens, each with the reason.
    ///
    /// # Errors
    /// If they cannot be read, or the keys together cannot be written.
    pub async fn take_up_keys(&self, keys: Keys, sources: &[&Source]) -> Result<(Keys, Vec<(PathBuf, StateError)>)> {
        let store = Arc::clone(&self.store);
        let aside = blocking(move || store.keys_aside()).await?;
        let (mut all, mut taken, mut left) = (keys.clone(), Vec::new(), Vec::new());
        for (path, bytes) in aside {
            match all.and(&path, &bytes, sources).await {
                Ok(more) => {
                    all = more;
                    taken.push(path);
                }
                Err(why) => left.push((path, why)),
            }
        }
        if all.ring() != keys.ring() {
            all.write().await?;
            self.publish_keys(&keys).await?;
        }
        let store = Arc::clone(&self.store);
        blocking(move || {
            store.forget_keys_aside(&taken);
            Ok(())
        })
        .await?;
        Ok((all, left))
    }

    /// Whether the place keeps earlier versions of everything; `None` where there is no such thing.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub async fn keeps_versions(&self) -> Result<Option<bool>> {
        let store = Arc::clone(&self.store);
        blocking(move || store.keeps_versions()).await
    }

    /// All that have a state, by name; damaged ones too.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn list(&self) -> Result<Vec<StackSummary>> {
        let store = Arc::clone(&self.store);
        blocking(move || {
            let stacks =
                store.stacks()?.into_iter().map(|stack| summary(&*store, stack)).collect::<Result<Vec<_>>>()?;
            let mut stacks: Vec<StackSummary> = stacks.into_iter().flatten().collect();
            stacks.sort_unstable_by(|a, b| a.stack.cmp(&b.stack));
            Ok(stacks)
        })
        .await
    }
}

impl Stored {
    pub fn states(&self) -> &States {
        &self.states
    }

    pub fn stack(&self) -> &str {
        &self.stack
    }

    pub fn target(&self) -> &str {
        &self.states.target
    }

    /// The place of another stack beside this one.
    pub(super) fn neighbour(&self, stack: &str) -> Self {
        self.states.of(stack)
    }

    pub(super) fn own_keys_dir(&self) -> Option<PathBuf> {
        self.states.store.own_keys(&self.stack)
    }

    /// The wrapped keys of the state's secrets as [`Stored::open_keys`] would find them, if there are some.
    pub(super) async fn ring(&self) -> Result<Option<Ring>> {
        if let Some(own) = self.own_keys_dir().map(|own| own.join(RING)).filter(|own| own.exists()) {
            return Ring::load(&own).await;
        }
        let store = Arc::clone(&self.states.store);
        blocking(move || store.bring_keys()).await?;
        Ring::load(&self.states.keys_root().join(RING)).await
    }

    /// Whether these are the keys of the state's secrets now.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn has_keys(&self, keys: &Keys) -> Result<bool> {
        Ok(self.ring().await?.is_some_and(|ring| ring == *keys.ring()))
    }

    /// Opens the keys of the state's secrets, and makes them if there are none: those of all states
    /// here, unless this one has keys of its own, or is to get them because something else opens those.
    ///
    /// # Errors
    /// As [`States::open_keys`].
    pub async fn open_keys(&self, source: Source) -> Result<(Keys, Option<Notice>)> {
        if let Some(own) = self.own_keys_dir() {
            let wanted = source.wanted.as_ref();
            let is_own = own.join(RING).exists()
                || wanted.is_some() && differs(&self.states.keys_root(), wanted).await? && !self.exists().await?;
            if is_own {
                return Keys::open(&own, source).await;
            }
        }
        self.states.open_keys(source).await
    }

    /// Where runs on this machine record what they did. The directory may not exist yet.
    pub fn runs_dir(&self) -> PathBuf {
        self.states.store.beside(&self.stack).join("runs")
    }

    /// Where a preview keeps the lineage of a state to come.
    pub fn lineage_file(&self) -> PathBuf {
        self.states.store.beside(&self.stack).join("lineage")
    }

    pub(super) async fn with<T>(&self, work: impl FnOnce(Arc<dyn Shelf>) -> Result<T> + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
    {
        let shelf = Arc::clone(&self.shelf);
        blocking(move || work(shelf)).await
    }

    /// Earlier snapshots, the newest first.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub async fn backups(&self) -> Result<Vec<PathBuf>> {
        self.with(|shelf| shelf.backups()).await
    }

    /// Whether the stack has a state.
    ///
    /// # Errors
    /// If that cannot be told.
    pub async fn exists(&self) -> Result<bool> {
        self.with(|shelf| shelf.exists()).await
    }

    /// Who holds the stack now.
    ///
    /// # Errors
    /// If that cannot be told.
    pub async fn holder(&self) -> Result<Option<Owner>> {
        self.with(|shelf| shelf.holder()).await
    }

    /// Takes the lock away from whoever has it.
    ///
    /// # Errors
    /// If the lock cannot be written.
    pub async fn break_lock(&self) -> Result<()> {
        self.with(|shelf| shelf.break_lock()).await
    }

    /// The state as it is now, without a lock: for commands that only look.
    ///
    /// # Errors
    /// If it cannot be read, is damaged or of a later format, or does not open with `keys`.
    pub async fn load(&self, keys: &Keys) -> Result<Option<State>> {
        // A run that begins or ends at this moment may be seen halfway; the next look sees it whole.
        let is_half = |look: &Result<_>| {
            matches!(look, Err(StateError::Damaged { .. } | StateError::Replay { .. } | StateError::JournalGone { .. }))
        };
        let mut look = self.look(keys).await;
        for _ in 1..LOOKS {
            if !is_half(&look) {
                break;
            }
            look = self.look(keys).await;
        }
        Ok(look?.map(|loaded| loaded.state))
    }

    /// Only reading is left to a thread of its own: the memory in which that thread had opened a state would
    /// come on top of all that this one has used before.
    async fn look(&self, keys: &Keys) -> Result<Option<Loaded>> {
        Loaded::of(self.with(|shelf| shelf.read()).await?, keys)
    }

    /// Locks the stack for a run, waiting for another one up to `timeout`. `waits` learns for whom,
    /// once, if it does.
    ///
    /// # Errors
    /// [`StateError::Locked`] with the owner if the time is over.
    pub async fn lock(&self, owner: Owner, timeout: Duration, waits: Waits) -> Result<Lock> {
        let held = self.shelf.lock(owner.clone(), timeout, waits).await?;
        Ok(Lock { stored: self.clone(), owner, held })
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("stack", &self.stored.stack).field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Lock {
    /// The state as it is now, or `fresh` if there is none yet, and a session that goes on from it.
    ///
    /// Nothing is written before the first entry, unless copies of the state differ.
    ///
    /// # Errors
    /// As [`Stored::load`].
    pub async fn session(self, keys: Keys, fresh: State) -> Result<(State, Session)> {
        let (Self { stored, mut held, .. }, raw) = self.read().await?;
        let loaded = Loaded::of(raw, &keys)?;
        let first = match &loaded {
            Some(_) => None,
            None => Some(Snapshot::of(&fresh, 0, &keys.seal(&fresh.lineage))?),
        };
        let (state, mut through, n) = loaded.map_or((fresh, 0, 0), |loaded| (loaded.state, loaded.through, loaded.n));
        blocking(move || {
            let lineage = state.lineage.clone();
            if first.is_none() && held.is_uneven() {
                held.save(Snapshot::of(&state, n, &keys.seal(&lineage))?)?;
                through = n;
            }
            if n == through {
                held.forget_journal();
            }
            let (loss, lifeline) = (held.loss(), held.lifeline());
            let desk = Desk::new(held, lineage.clone(), stored.states.place().into(), first, through);
            Ok((state, Session { keys, lineage, writer: Writer::new(desk, n), loss, lifeline }))
        })
        .await
    }

    /// The state as it is now.
    ///
    /// # Errors
    /// As [`Stored::load`].
    pub async fn load(self, keys: &Keys) -> Result<(Self, Option<State>)> {
        let (lock, raw) = self.read().await?;
        let loaded = Loaded::of(raw, keys)?;
        Ok((lock, loaded.map(|loaded| loaded.state)))
    }

    pub(super) async fn read(self) -> Result<(Self, Raw)> {
        blocking(move || {
            let raw = self.held.read()?;
            Ok((self, raw))
        })
        .await
    }

    /// Removes the stack with all that is known of it. What it has in the cloud stays.
    ///
    /// # Errors
    /// If something cannot be removed.
    pub async fn remove(mut self) -> Result<()> {
        blocking(move || self.held.remove(None)).await
    }
}

impl Session {
    /// Writes the state at the end of a run, keeps the one before as a backup, and empties the
    /// journal. `state` is what the entries so far made of the state. Entries may follow.
    ///
    /// # Errors
    /// [`StateError::NotCompacted`] if the snapshot cannot be written: the journal holds everything.
    pub async fn finish(&self, state: &State) -> Result<()> {
        if self.writer.is_compact() {
            return Ok(());
        }
        let through = self.writer.n();
        let state = without_lost_names(state);
        let snapshot = Snapshot::of(&state, through, &self.keys.seal(&self.lineage))?;
        self.writer.compact(snapshot, through).await
    }

    pub fn lineage(&self) -> &str {
        &self.lineage
    }

    /// The number of the entry that was appended last, by this run or one before.
    pub fn last_entry(&self) -> u64 {
        self.writer.n()
    }

    /// Why the lock is lost, if it is.
    pub fn loss(&self) -> Option<Arc<StateError>> {
        self.loss.borrow().clone()
    }

    /// Waits until the lock is lost to another run. For a lock that cannot be lost, forever.
    pub fn lost(&self) -> BoxFuture<'static, Arc<StateError>> {
        let mut loss = self.loss.clone();
        async move {
            loop {
                if let Some(reason) = loss.borrow_and_update().clone() {
                    return reason;
                }
                if loss.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        }
        .boxed()
    }
}

impl Journal for Session {
    fn append(&self, entries: Vec<Entry>) -> BoxFuture<'_, Result<(), Error>> {
        match self.writer.put(&entries, &self.keys.seal(&self.lineage)) {
            Ok(ticket) => ticket.map(|durable| durable.unwrap_or_else(|_| Err(stopped()))).boxed(),
            Err(error) => future::ready(Err(error)).boxed(),
        }
    }

    fn is_behind(&self) -> bool {
        self.writer.is_behind()
    }

    fn lifeline(&self) -> Option<Lifeline> {
        self.lifeline.clone()
    }
}

fn stopped() -> Error {
    Error::bug("the runtime ended before the journal was written")
}

/// The state after the entries.
///
/// # Errors
/// If an entry may not follow those before it.
pub fn replay(mut state: State, entries: impl IntoIterator<Item = Entry>) -> Result<State, Error> {
    for entry in entries {
        apply(&mut state, entry)?;
    }
    Ok(state)
}

fn summary(store: &dyn Store, stack: String) -> Result<Option<StackSummary>> {
    let shelf = store.shelf(&stack);
    let raw = match shelf.read() {
        Ok(raw) => raw,
        Err(StateError::Moved { .. }) => return Ok(None),
        // What a bucket does not answer for one stack, it does for none.
        Err(StateError::Stopped) => return Err(StateError::Stopped),
        Err(error @ StateError::Bucket { .. }) if Error::from(&error).kind != Kind::Invalid => return Err(error),
        Err(error) => {
            let (locked_by, unreadable) = (shelf.holder().unwrap_or_default(), Some(error.to_string()));
            return Ok(Some(StackSummary { stack, serial: 0, resources: 0, unfinished: false, locked_by, unreadable }));
        }
    };
    let Some(part) = &raw.snapshot else { return Ok(None) };
    let (serial, resources, unreadable) = match counted(part, &raw.journal) {
        Ok((serial, resources)) => (serial, resources, None),
        Err(error) => (0, 0, Some(error.to_string())),
    };
    let unfinished = raw.journal.iter().any(|part| !part.bytes.is_empty());
    Ok(Some(StackSummary { stack, serial, resources, unfinished, locked_by: shelf.holder()?, unreadable }))
}

/// The runs of a snapshot, and the rows after the journal.
fn counted(snapshot: &Part, journal: &[Part]) -> Result<(u64, usize)> {
    let snapshot = Snapshot::parse(&snapshot.name, &snapshot.bytes)?;
    let mut rows = snapshot.census();
    for part in journal {
        let lines = journal::parse(&part.name, &part.bytes)?.lines.into_iter();
        lines.filter(|(_, line)| line.n > snapshot.through).for_each(|(_, line)| line.entry.count(&mut rows));
    }
    Ok((snapshot.serial, rows.len()))
}

/// Runs work that waits for a disk or a bucket where it stops no other task, and no virtual clock
/// runs on.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => match e.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StateError::Stopped),
        },
    }
}
