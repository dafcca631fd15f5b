//! The state of a stack in files beside the project: `.drctl/<target>/<stack>/`.
//!
//! | file | content |
//! | --- | --- |
//! | `state.json` | the snapshot: the state when a run last ended |
//! | `journal.jsonl` | what happened since |
//! | `lock` | locked while a run works on the stack; says who does |
//! | `runs/` | what runs recorded of themselves |
//! | `backups/` | earlier snapshots |

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::engine::error::Error;
use crate::engine::journal::{Entry, Journal, apply};
use crate::engine::state::State;
use crate::state::error::{Result, StateError};
use crate::state::journal::{self, Disk, Writer};
use crate::state::keys::Keys;
use crate::state::lock::{self, Held, Owner};
use crate::state::v1::{Snapshot, pretty};
use crate::state::{backup, files};

/// Characters of targets and stacks that stand for themselves in the name of a directory.
const IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'@').remove(b'+');

/// The place of one stack on one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    root: PathBuf,
    target: String,
    stack: String,
}

/// The right to change a stack, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    pub(super) local: Local,
    pub(super) owner: Owner,
    held: Held,
}

/// A run that writes: the journal of the engine, and the end of it. Holds the lock.
pub struct Session {
    keys: Keys,
    lineage: String,
    writer: Writer,
}

/// What can be said of a stack without its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSummary {
    pub stack: String,
    /// How many runs wrote, up to the last that ended well.
    pub serial: u64,
    /// Rows of the snapshot.
    pub resources: usize,
    /// A run ended without its compaction, or goes on.
    pub unfinished: bool,
    pub locked_by: Option<Owner>,
    /// Why the snapshot cannot be read; then the numbers above are 0.
    pub unreadable: Option<String>,
}

/// A state as found in the files.
pub(super) struct Loaded {
    pub(super) state: State,
    /// Of the snapshot.
    serial: u64,
    through: u64,
    /// The number of the last entry.
    pub(super) n: u64,
    /// Length of the journal up to its last whole line.
    whole: u64,
}

impl Local {
    /// `root` is the project's `.drctl`. Names may hold any character.
    pub fn at(root: PathBuf, target: &str, stack: &str) -> Self {
        Self { root, target: target.to_owned(), stack: stack.to_owned() }
    }

    pub fn stack(&self) -> &str {
        &self.stack
    }

    pub fn target(&self) -> &str {
        &self.target
    }

    pub(super) fn beside(&self, stack: &str) -> Self {
        Self { stack: stack.to_owned(), ..self.clone() }
    }

    pub(super) fn dir(&self) -> PathBuf {
        target_dir(&self.root, &self.target).join(encoded(&self.stack))
    }

    pub(super) fn snapshot_path(&self) -> PathBuf {
        self.dir().join("state.json")
    }

    pub(super) fn journal_path(&self) -> PathBuf {
        self.dir().join("journal.jsonl")
    }

    fn lock_path(&self) -> PathBuf {
        self.dir().join("lock")
    }

    /// Where runs record what they did. The directory may not exist yet.
    pub fn runs_dir(&self) -> PathBuf {
        self.dir().join("runs")
    }

    /// Earlier snapshots, the newest first.
    ///
    /// # Errors
    /// If their directory cannot be read.
    pub fn backups(&self) -> Result<Vec<PathBuf>> {
        backup::list(&self.dir().join("backups"))
    }

    /// Whether the stack has a state.
    pub fn exists(&self) -> bool {
        self.snapshot_path().exists()
    }

    /// The state as the files have it now, without a lock: for commands that only look.
    ///
    /// # Errors
    /// If the files cannot be read, are damaged or of a later format, or do not open with `keys`.
    pub async fn load(&self, keys: &Keys) -> Result<Option<State>> {
        let (local, keys) = (self.clone(), keys.clone());
        blocking(move || {
            // A run that ends at this moment may be seen halfway; the next look sees it whole.
            let mut looks = (0..3).map(|_| local.read(&keys));
            let last = looks.find(|look| !matches!(look, Err(StateError::Damaged { .. } | StateError::Replay { .. })));
            last.unwrap_or_else(|| local.read(&keys))
        })
        .await
        .map(|loaded| loaded.map(|l| l.state))
    }

    /// Locks the stack for a run, waiting for another one up to `timeout`. To tell the user whom a
    /// run waits for, try with no timeout first.
    ///
    /// # Errors
    /// [`StateError::Locked`] with the owner if the time is over.
    pub async fn lock(&self, owner: Owner, timeout: Duration) -> Result<Lock> {
        let held = Held::take(self.lock_path(), owner.clone(), timeout).await?;
        Ok(Lock { local: self.clone(), owner, held })
    }

    /// The journal is read before the snapshot: should a run end in between, the snapshot holds
    /// everything that the journal does.
    pub(super) fn read(&self, keys: &Keys) -> Result<Option<Loaded>> {
        let journal_path = self.journal_path();
        let journal = files::read(&journal_path)?.unwrap_or_default();
        let found = journal::parse(&journal_path, &journal)?;
        let path = self.snapshot_path();
        let Some(snapshot) = files::read(&path)? else {
            return match found.lines.first() {
                Some(_) => {
                    Err(StateError::damaged(&journal_path, None, "there is no `state.json` that it goes on from"))
                }
                None => Ok(None),
            };
        };
        let snapshot = Snapshot::parse(&path, &snapshot)?;
        if found.lineage.as_ref().is_some_and(|lineage| *lineage != snapshot.lineage) {
            return Err(StateError::damaged(&journal_path, Some(1), "it belongs to a state of another lineage"));
        }
        let (serial, through) = (snapshot.serial, snapshot.through);
        let lineage = snapshot.lineage.clone();
        let seal = keys.seal(&lineage);
        let whole = found.whole;
        let entries = found.after(&journal_path, through)?;
        let n = through + entries.len() as u64;
        let entries = entries.into_iter().map(|entry| entry.open(&seal)).collect::<Result<Vec<_>>>()?;
        let state = replay(snapshot.into_state(&path, &seal)?, entries)
            .map_err(|e| StateError::Replay { path: journal_path, source: Box::new(e) })?;
        Ok(Some(Loaded { state, serial, through, n, whole }))
    }
}

impl Lock {
    /// The state as it is now, or `fresh` if there is none yet, and a session that goes on from it.
    ///
    /// Nothing is written before the first entry.
    ///
    /// # Errors
    /// As [`Local::load`].
    pub async fn session(self, keys: Keys, fresh: State) -> Result<(State, Session)> {
        blocking(move || {
            let Self { local, held, .. } = self;
            files::sweep(&local.dir());
            let loaded = local.read(&keys)?;
            let first = match &loaded {
                Some(_) => None,
                None => Some(pretty(&Snapshot::of(&fresh, 0, &keys.seal(&fresh.lineage))?)),
            };
            let Loaded { state, serial, through, n, whole } =
                loaded.unwrap_or(Loaded { state: fresh, serial: 0, through: 0, n: 0, whole: 0 });
            // What the snapshot holds already is of no use in the journal.
            let whole = if n == through { 0 } else { whole };
            let journal_path = local.journal_path();
            let journal = files::open(&journal_path)?;
            journal.set_len(whole).map_err(StateError::io("write", &journal_path))?;
            let lineage = state.lineage.clone();
            let disk = Disk {
                journal,
                journal_path,
                snapshot_path: local.snapshot_path(),
                lineage: lineage.clone(),
                durable: whole,
                unwritten: Vec::new(),
                first,
                serial,
                through,
            };
            Ok((state, Session { keys, lineage, writer: Writer::new(disk, n, held) }))
        })
        .await
    }

    /// Removes the stack with all that is known of it. What it has in the cloud stays.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub async fn remove(self) -> Result<()> {
        blocking(move || {
            let dir = self.local.dir();
            // In one step: half a stack would be a damaged one.
            let doomed = dir.with_file_name(format!(".removed-{}", ulid::Ulid::generate()));
            fs::rename(&dir, &doomed).map_err(StateError::io("remove", &dir))?;
            fs::remove_dir_all(&doomed).map_err(StateError::io("remove", &doomed))
        })
        .await
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
        let snapshot = pretty(&Snapshot::of(state, through, &self.keys.seal(&self.lineage))?);
        self.writer.compact(snapshot, state.serial, through).await
    }

    pub fn lineage(&self) -> &str {
        &self.lineage
    }
}

impl Journal for Session {
    fn append(&self, entries: Vec<Entry>) -> BoxFuture<'_, Result<(), Error>> {
        match self.writer.put(&entries, &self.keys.seal(&self.lineage)) {
            Ok(ticket) => ticket.map(|durable| durable.unwrap_or_else(|_| Err(stopped()))).boxed(),
            Err(error) => future::ready(Err(error)).boxed(),
        }
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

/// The stacks of a target, by name; damaged ones too.
///
/// # Errors
/// If a file or the directory cannot be opened.
pub fn list(root: &Path, target: &str) -> Result<Vec<StackSummary>> {
    let dir = target_dir(root, target);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StateError::io("read", &dir)(e)),
    };
    let mut stacks = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let stack = percent_decode_str(&name).decode_utf8_lossy().into_owned();
        let local = Local::at(root.to_owned(), target, &stack);
        // Names that this module does not give, such as of a stack that is being removed.
        if encoded(&stack) != name {
            continue;
        }
        let path = local.snapshot_path();
        let Some(bytes) = files::read(&path)? else { continue };
        let (serial, resources, unreadable) = match Snapshot::parse(&path, &bytes) {
            Ok(snapshot) => (snapshot.serial, snapshot.rows.len(), None),
            Err(error) => (0, 0, Some(error.to_string())),
        };
        stacks.push(StackSummary {
            serial,
            resources,
            unfinished: fs::metadata(local.journal_path()).is_ok_and(|m| m.len() > 0),
            locked_by: lock::holder(&local.lock_path()),
            unreadable,
            stack,
        });
    }
    stacks.sort_unstable_by(|a, b| a.stack.cmp(&b.stack));
    Ok(stacks)
}

fn target_dir(root: &Path, target: &str) -> PathBuf {
    root.join(encoded(target))
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, IN_NAMES).to_string()
}

/// Runs work that waits for a disk where it stops no other task, and no virtual clock runs on.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => match e.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StateError::Stopped),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::state::{Begun, Key, Row};
    use crate::engine::urn::{Id, Place, Urn};
    use crate::engine::value::{Map, Value};
    use crate::state::keys::Source;

    const MARK: &str = "hunter2";

    struct Project {
        dir: tempfile::TempDir,
        keys: Keys,
    }

    impl Project {
        async fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let (keys, _) = Keys::open(dir.path(), Source::KeyFile).await.unwrap();
            Self { dir, keys }
        }

        fn local(&self) -> Local {
            Local::at(self.dir.path().to_owned(), "twin", "prod")
        }

        async fn session(&self) -> (State, Session) {
            let lock = self.local().lock(Owner::here("run", "up"), Duration::ZERO).await.unwrap();
            lock.session(self.keys.clone(), State::new("lineage", "prod", "dr", "twin")).await.unwrap()
        }

        async fn load(&self) -> Result<Option<State>> {
            self.local().load(&self.keys).await
        }
    }

    fn run() -> Entry {
        Entry::Run { account: "1".into(), partition: "aws".into(), environment: [].into() }
    }

    fn row(name: &str) -> Row {
        let key = Key { urn: Urn::new("prod", "dr", "t:i:T", name), generation: 0 };
        let inputs = Map::from_iter([("name".into(), name.into()), ("password".into(), Value::from(MARK).secret())]);
        Row { inputs: Value::Map(inputs), ..Row::new(key, "t:i:T", Place("eu-west-1".into())) }
    }

    fn create(name: &str) -> Vec<Entry> {
        let made = Row { id: Some(Id(format!("{name}-1"))), ..row(name) };
        vec![
            Entry::Begin { row: Arc::new(row(name)), op: Begun::Create, attempt: "a".into() },
            Entry::Made { key: made.key.clone(), id: Id(format!("{name}-1")) },
            Entry::Done { row: Arc::new(made) },
        ]
    }

    async fn record(state: &mut State, session: &Session, entries: Vec<Entry>) {
        session.append(entries.clone()).await.unwrap();
        *state = replay(state.clone(), entries).unwrap();
    }

    #[tokio::test]
    async fn a_run_that_ends_and_one_that_dies_leave_the_same_state() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        record(&mut state, &session, vec![run()]).await;
        record(&mut state, &session, create("a")).await;
        assert_eq!(project.load().await.unwrap().unwrap(), state);
        session.finish(&state).await.unwrap();
        assert_eq!(fs::metadata(project.local().journal_path()).unwrap().len(), 0);
        assert_eq!(project.load().await.unwrap().unwrap(), state);
        record(&mut state, &session, create("b")).await;
        drop(session);
        let (again, _session) = project.session().await;
        assert_eq!(again, state);
    }

    #[tokio::test]
    async fn no_file_holds_a_secret_in_plain() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        for name in ["a", "b"] {
            record(&mut state, &session, create(name)).await;
            session.finish(&state).await.unwrap();
        }
        record(&mut state, &session, create("c")).await;
        let mut files = vec![project.dir.path().to_owned()];
        let mut read = 0;
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            } else {
                let text = String::from_utf8(fs::read(&path).unwrap()).unwrap();
                assert!(!text.contains(MARK), "{}", path.display());
                read += 1;
            }
        }
        assert_eq!(read, 6, "key, keys.json, lock, journal.jsonl, state.json and a backup");
    }

    #[tokio::test]
    async fn a_crash_at_any_byte_of_the_last_line_loses_no_more_than_that_line() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("a")).await;
        let before = state.clone();
        let path = project.local().journal_path();
        let start = fs::metadata(&path).unwrap().len();
        record(&mut state, &session, vec![Entry::Gone { key: row("a").key }]).await;
        drop(session);
        let journal = fs::read(&path).unwrap();
        for cut in start..journal.len() as u64 {
            fs::write(&path, &journal[..cut as usize]).unwrap();
            assert_eq!(project.load().await.unwrap().unwrap(), before, "cut at {cut}");
        }
        // The next run goes on behind the last whole line.
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("b")).await;
        drop(session);
        assert_eq!(project.load().await.unwrap().unwrap(), state);
    }

    #[tokio::test]
    async fn a_crash_in_the_very_first_write_leaves_an_empty_stack() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        let fresh = state.clone();
        record(&mut state, &session, vec![run()]).await;
        drop(session);
        let path = project.local().journal_path();
        let journal = fs::read(&path).unwrap();
        for cut in 0..journal.len() {
            fs::write(&path, &journal[..cut]).unwrap();
            assert_eq!(project.load().await.unwrap().unwrap(), fresh, "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn damage_in_the_middle_is_an_error_that_names_the_line() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("a")).await;
        drop(session);
        let path = project.local().journal_path();
        let journal = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = journal.split_inclusive('\n').collect();
        let garbled = journal.replacen("made", "m\u{0}de", 1);
        let missing = [lines[0], lines[1], lines[3]].concat();
        let twice = [lines[0], lines[1], lines[1], lines[2], lines[3]].concat();
        let first_missing = [lines[0], lines[2], lines[3]].concat();
        for (text, line) in [(garbled, 3), (missing, 3), (twice, 3), (first_missing, 2)] {
            fs::write(&path, text).unwrap();
            let error = project.load().await.unwrap_err();
            assert!(matches!(error, StateError::Damaged { line: Some(l), .. } if l == line), "{error}");
        }
    }

    #[tokio::test]
    async fn a_crash_between_the_snapshot_and_the_emptying_of_the_journal_changes_nothing() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("a")).await;
        record(&mut state, &session, vec![Entry::Gone { key: row("a").key }]).await;
        let path = project.local().journal_path();
        let journal = fs::read(&path).unwrap();
        session.finish(&state).await.unwrap();
        drop(session);
        fs::write(&path, &journal).unwrap();
        assert_eq!(project.load().await.unwrap().unwrap(), state);
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("b")).await;
        drop(session);
        assert_eq!(project.load().await.unwrap().unwrap(), state);
    }

    #[tokio::test]
    async fn files_of_a_later_format_are_refused() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("a")).await;
        drop(session);
        for path in [project.local().snapshot_path(), project.local().journal_path()] {
            let text = fs::read_to_string(&path).unwrap();
            let later =
                text.replacen("\"version\": 1", "\"version\": 2", 1).replacen("\"version\":1", "\"version\":2", 1);
            fs::write(&path, later).unwrap();
            let error = project.load().await.unwrap_err();
            assert!(error.to_string().ends_with("has format 2, and this drctl reads formats up to 1"), "{error}");
            assert_eq!(error.hint(), "update drctl");
            fs::write(&path, text).unwrap();
        }
    }

    #[tokio::test]
    async fn a_ciphertext_that_was_moved_to_another_row_is_refused() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("a")).await;
        session.finish(&state).await.unwrap();
        drop(session);
        let path = project.local().snapshot_path();
        let text = fs::read_to_string(&path).unwrap().replace("T::a", "T::b");
        fs::write(&path, text).unwrap();
        let error = project.load().await.unwrap_err();
        assert!(matches!(error, StateError::Sealed { path, .. } if path == "inputs/password"));
    }

    #[tokio::test]
    async fn a_journal_without_its_snapshot_or_of_another_state_is_damage() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("a")).await;
        drop(session);
        let path = project.local().snapshot_path();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(": \"lineage\"", ": \"other\"")).unwrap();
        let error = project.load().await.unwrap_err();
        assert!(
            error.to_string().ends_with("is damaged in line 1: it belongs to a state of another lineage"),
            "{error}"
        );
        fs::remove_file(&path).unwrap();
        let error = project.load().await.unwrap_err();
        assert!(error.to_string().ends_with("there is no `state.json` that it goes on from"), "{error}");
    }

    #[tokio::test]
    async fn an_entry_that_cannot_have_happened_is_named_with_what_to_do() {
        let project = Project::new().await;
        let (_, session) = project.session().await;
        session.append(vec![Entry::Gone { key: row("a").key }]).await.unwrap();
        let error = project.load().await.unwrap_err();
        assert!(matches!(error, StateError::Replay { .. }), "{error}");
        assert!(error.hint().contains("`drctl stack import`"));
    }

    #[tokio::test]
    async fn a_value_that_is_not_known_stops_the_append_and_nothing_is_written() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("a")).await;
        let unknown = Row { seen: Value::Unknown, ..row("b") };
        let error = session.append(vec![run(), Entry::Put { row: Arc::new(unknown) }]).await.unwrap_err();
        assert_eq!(error.kind, crate::engine::error::Kind::Bug);
        assert_eq!(project.load().await.unwrap().unwrap(), state);
        record(&mut state, &session, create("c")).await;
        assert_eq!(project.load().await.unwrap().unwrap(), state);
    }

    #[tokio::test]
    async fn a_replacement_is_stored_before_those_that_need_it() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("a")).await;
        let needs = vec![row("a").key.urn];
        let child = Row { id: Some(Id("x".into())), needs, ..row("b") };
        let newer = Row { id: Some(Id("y".into())), ..row("a") };
        let newer = Row { key: Key { generation: 1, ..newer.key.clone() }, ..newer };
        let other = Row { id: Some(Id("z".into())), ..row("c") };
        let puts = [child, newer, other].map(|row| Entry::Put { row: Arc::new(row) });
        record(&mut state, &session, puts.into()).await;
        record(&mut state, &session, vec![Entry::Gone { key: row("a").key }]).await;
        let names: Vec<&str> = state.rows.keys().map(|key| key.urn.name()).collect();
        assert_eq!(names, ["c", "b", "a"]);
        session.finish(&state).await.unwrap();
        let stored = project.load().await.unwrap().unwrap();
        assert_eq!(stored, state);
        assert_eq!(crate::state::lint(&stored), []);
    }

    #[tokio::test]
    async fn a_session_that_writes_nothing_leaves_no_state() {
        let project = Project::new().await;
        let (state, session) = project.session().await;
        session.finish(&state).await.unwrap_or_else(|e| panic!("{e}"));
        drop(session);
        assert_eq!(project.load().await.unwrap(), None);
        assert!(!project.local().exists());
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_run_waits_for_the_first_and_goes_on_from_its_state() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        let error = project.local().lock(Owner::here("two", "up"), Duration::ZERO).await.unwrap_err();
        assert!(matches!(error, StateError::Locked { .. }));
        record(&mut state, &session, create("a")).await;
        drop(session);
        assert_eq!(project.session().await.0, state);
    }

    #[tokio::test]
    async fn every_end_of_a_run_keeps_the_snapshot_before_it() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        for i in 0..backup::KEPT + 3 {
            record(&mut state, &session, vec![run()]).await;
            record(&mut state, &session, create(&i.to_string())).await;
            session.finish(&state).await.unwrap();
        }
        let backups = project.local().backups().unwrap();
        assert_eq!(backups.len(), backup::KEPT);
        let newest = Snapshot::parse(&backups[0], &fs::read(&backups[0]).unwrap()).unwrap();
        assert_eq!(newest.serial, state.serial - 1);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_may_read_any_file_of_a_stack() {
        use std::os::unix::fs::PermissionsExt;
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        for name in ["a", "b"] {
            record(&mut state, &session, create(name)).await;
            session.finish(&state).await.unwrap();
        }
        let mut paths = vec![project.dir.path().join("twin"), project.dir.path().join("key")];
        paths.push(project.dir.path().join("keys.json"));
        while let Some(path) = paths.pop() {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            let is_dir = path.is_dir();
            assert_eq!(mode, if is_dir { 0o700 } else { 0o600 }, "{}", path.display());
            if is_dir {
                paths.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_virtual_clock_stands_still_while_the_disk_is_busy() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        let start = tokio::time::Instant::now();
        let _far = tokio::spawn(tokio::time::sleep(Duration::from_secs(3600)));
        for name in ["a", "b", "c"] {
            record(&mut state, &session, create(name)).await;
        }
        session.finish(&state).await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn appends_at_the_same_time_all_become_durable_in_the_order_put() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        let session: Arc<dyn Journal> = Arc::new(session);
        let entries: Vec<Vec<Entry>> = (0..50).map(|i| create(&i.to_string())).collect();
        let tickets: Vec<_> = entries.iter().map(|e| session.append(e.clone())).collect();
        for ticket in futures::future::join_all(tickets).await {
            ticket.unwrap();
        }
        state = replay(state, entries.into_iter().flatten()).unwrap();
        let loaded = project.load().await.unwrap().unwrap();
        assert_eq!(loaded, state);
        assert!(loaded.rows.keys().eq(state.rows.keys()));
    }

    #[tokio::test]
    async fn stacks_are_listed_without_keys_and_removed_whole() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("a")).await;
        let root = project.dir.path();
        let other = Local::at(root.to_owned(), "twin", "odd/../name@b");
        let lock = other.lock(Owner::here("two", "up"), Duration::ZERO).await.unwrap();
        let (_, odd) = lock.session(project.keys.clone(), State::new("m", "odd", "dr", "twin")).await.unwrap();
        odd.append(vec![run()]).await.unwrap();
        drop(odd);
        let stacks = list(root, "twin").unwrap();
        assert_eq!(stacks.iter().map(|s| s.stack.as_str()).collect::<Vec<_>>(), ["odd/../name@b", "prod"]);
        assert!(stacks[1].unfinished && stacks[1].locked_by.is_some() && stacks[0].locked_by.is_none());
        session.finish(&state).await.unwrap();
        drop(session);
        assert_eq!(list(root, "twin").unwrap()[1].resources, 1);
        fs::write(other.snapshot_path(), "{}").unwrap();
        assert!(list(root, "twin").unwrap()[0].unreadable.as_ref().unwrap().contains("missing field `version`"));
        let lock = project.local().lock(Owner::here("three", "stack rm"), Duration::ZERO).await.unwrap();
        lock.remove().await.unwrap();
        assert_eq!(project.load().await.unwrap(), None);
        assert_eq!(list(root, "twin").unwrap().len(), 1);
        assert_eq!(list(root, "aws").unwrap(), []);
    }

    #[tokio::test]
    async fn a_snapshot_that_cannot_be_written_leaves_the_journal_as_the_truth() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        record(&mut state, &session, create("a")).await;
        let path = project.local().snapshot_path();
        let aside = path.with_file_name("aside");
        fs::rename(&path, &aside).unwrap();
        fs::create_dir(&path).unwrap();
        let error = session.finish(&state).await.unwrap_err();
        assert!(matches!(error, StateError::NotCompacted { .. }), "{error}");
        assert!(error.to_string().starts_with("the state could not be compacted, but nothing is lost"), "{error}");
        drop(session);
        fs::remove_dir(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
        assert_eq!(project.load().await.unwrap().unwrap(), state);
        let (state, session) = project.session().await;
        session.finish(&state).await.unwrap();
        assert_eq!(fs::metadata(project.local().journal_path()).unwrap().len(), 0);
    }

    #[tokio::test]
    async fn a_thousand_steps_write_less_than_five_megabytes() {
        let project = Project::new().await;
        let (mut state, session) = project.session().await;
        let entries: Vec<Entry> = (0..1000).flat_map(|i| create(&i.to_string())).collect();
        record(&mut state, &session, entries).await;
        let journal = fs::metadata(project.local().journal_path()).unwrap().len();
        session.finish(&state).await.unwrap();
        let snapshot = fs::metadata(project.local().snapshot_path()).unwrap().len();
        assert!(journal + snapshot < 5_000_000, "{journal} + {snapshot}");
    }

    /// A legal entry for the state, made of random numbers; `None` if there is none of that sort.
    fn legal(state: &State, name: u8, sort: u8, text: &str) -> Option<Entry> {
        let present = state.rows.values().find(|row| row.key.urn.name() == name.to_string());
        let inputs = Value::Map(Map::from_iter([("a".into(), text.into()), ("b".into(), Value::from(text).secret())]));
        let fresh = || Arc::new(Row { inputs: inputs.clone(), ..row(&name.to_string()) });
        let begin = |row, op| Some(Entry::Begin { row, op, attempt: text.to_owned() });
        let Some(present) = present else {
            return match sort {
                0..3 => begin(fresh(), Begun::Create),
                3 => Some(Entry::Put { row: Arc::new(Row { id: Some(Id("put".into())), ..Row::clone(&fresh()) }) }),
                4 => Some(Entry::Outputs { outputs: Map::from_iter([(text.to_owned(), inputs)]) }),
                _ => Some(run()),
            };
        };
        let with_id = |id: &Id| {
            Arc::new(Row { id: Some(id.clone()), pending: None, seen: inputs.clone(), ..Row::clone(present) })
        };
        match (sort, &present.id, &present.pending) {
            (0, None, _) => begin(fresh(), Begun::Create),
            (1 | 2, None, Some(_)) => Some(Entry::Made { key: present.key.clone(), id: Id(text.to_owned()) }),
            (0 | 1, Some(id), Some(_)) => Some(Entry::Done { row: with_id(id) }),
            (2, Some(_), _) => begin(Arc::new(Row { inputs, ..Row::clone(present) }), Begun::Update),
            (3, Some(_), _) => begin(Arc::clone(present), Begun::Delete),
            (4, _, _) => Some(Entry::Gone { key: present.key.clone() }),
            (5, _, _) => Some(Entry::Failed { key: present.key.clone(), error: text.to_owned(), settled: true }),
            (6, _, _) => Some(Entry::Failed { key: present.key.clone(), error: text.to_owned(), settled: false }),
            (7, Some(id), _) => Some(Entry::Put { row: with_id(id) }),
            _ => None,
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(24))]
        #[test]
        fn whatever_happens_a_state_read_is_the_state_that_was_built(
            steps in proptest::collection::vec((0u8..4, 0u8..8, "[a-z\"\\\\\n\u{e9}$~/]{0,6}", 0u8..10), 1..40)
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let project = Project::new().await;
                let (mut state, mut session) = project.session().await;
                for (name, sort, text, then) in steps {
                    let Some(entry) = legal(&state, name, sort, &text) else { continue };
                    record(&mut state, &session, vec![entry]).await;
                    match then {
                        0 => session.finish(&state).await.unwrap(),
                        1 => {
                            drop(session);
                            let (again, next) = project.session().await;
                            assert_eq!(again, state);
                            session = next;
                        }
                        _ => {}
                    }
                    assert_eq!(project.load().await.unwrap().unwrap(), state);
                }
            });
        }

        #[test]
        fn no_content_of_the_files_makes_reading_panic(
            snapshot in proptest::option::of("\\PC{0,40}"), journal in "\\PC{0,40}\n?\\PC{0,40}\n?"
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let project = Project::new().await;
                let local = project.local();
                files::make_dir(&local.dir()).unwrap();
                if let Some(snapshot) = snapshot {
                    fs::write(local.snapshot_path(), snapshot).unwrap();
                }
                fs::write(local.journal_path(), &journal).unwrap();
                let read = project.load().await;
                assert!(read.is_err() || !local.exists());
            });
        }
    }
}
