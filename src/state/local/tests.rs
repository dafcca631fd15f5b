//! States in files: what is durable, what damage is told as, and what is kept.

use super::*;
use crate::engine::journal::{Entry, Journal};
use crate::engine::state::{Begun, Key, Row, State};
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Map, Value};
use crate::state::store::{Lock, Session, Stored, replay, silently};

const MARK: &str = "hunter2";

struct Project {
    dir: tempfile::TempDir,
    keys: Keys,
}

impl Project {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (keys, _) = Keys::open(dir.path(), Source::key_file()).await.unwrap();
        Self { dir, keys }
    }

    fn states(&self) -> States {
        States::local(self.dir.path().to_owned(), "twin")
    }

    fn local(&self) -> Stored {
        self.states().of("prod")
    }

    fn snapshot_path(&self) -> PathBuf {
        self.dir.path().join("twin/prod").join(SNAPSHOT)
    }

    fn journal_path(&self) -> PathBuf {
        self.dir.path().join("twin/prod").join(JOURNAL)
    }

    async fn lock(&self, run: &str) -> Result<Lock> {
        self.local().lock(Owner::here(run, "up"), Duration::ZERO, silently()).await
    }

    async fn session(&self) -> (State, Session) {
        let lock = self.lock("run").await.unwrap();
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
    assert_eq!(fs::metadata(project.journal_path()).unwrap().len(), 0);
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
    assert_eq!(read, 7, "key, keys.json, lock, journal.jsonl, state.json and two backups");
}

#[tokio::test]
async fn a_crash_at_any_byte_of_the_last_line_loses_no_more_than_that_line() {
    let project = Project::new().await;
    let (mut state, session) = project.session().await;
    record(&mut state, &session, create("a")).await;
    let before = state.clone();
    let path = project.journal_path();
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
    let path = project.journal_path();
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
    let path = project.journal_path();
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
    let path = project.journal_path();
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
    for path in [project.snapshot_path(), project.journal_path()] {
        let text = fs::read_to_string(&path).unwrap();
        let later = text.replacen("\"version\": 3", "\"version\": 4", 1).replacen("\"version\":3", "\"version\":4", 1);
        fs::write(&path, later).unwrap();
        let error = project.load().await.unwrap_err();
        assert!(error.to_string().ends_with("has format 4, and this drctl reads formats up to 3"), "{error}");
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
    let path = project.snapshot_path();
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
    let path = project.snapshot_path();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(": \"lineage\"", ": \"other\"")).unwrap();
    let error = project.load().await.unwrap_err();
    assert!(error.to_string().ends_with("is damaged in line 1: it belongs to a state of another lineage"), "{error}");
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
    assert!(!project.local().exists().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_second_run_waits_for_the_first_and_goes_on_from_its_state() {
    let project = Project::new().await;
    let (mut state, session) = project.session().await;
    let error = project.lock("two").await.unwrap_err();
    assert!(matches!(error, StateError::Locked { .. }));
    record(&mut state, &session, create("a")).await;
    drop(session);
    assert_eq!(project.session().await.0, state);
}

#[tokio::test]
async fn every_end_of_a_run_keeps_the_snapshot_and_those_before_it() {
    let project = Project::new().await;
    let (mut state, session) = project.session().await;
    for i in 0..backup::KEPT + 3 {
        record(&mut state, &session, vec![run()]).await;
        record(&mut state, &session, create(&i.to_string())).await;
        session.finish(&state).await.unwrap();
    }
    let backups = project.local().backups().await.unwrap();
    assert_eq!(backups.len(), backup::KEPT);
    let newest = Snapshot::parse(&backups[0], &fs::read(&backups[0]).unwrap()).unwrap();
    assert_eq!(newest.serial, state.serial);
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
    let list = || async { project.states().list().await.unwrap() };
    let other = project.states().of("odd/../name@b");
    let lock = other.lock(Owner::here("two", "up"), Duration::ZERO, silently()).await.unwrap();
    let (_, odd) = lock.session(project.keys.clone(), State::new("m", "odd", "dr", "twin")).await.unwrap();
    odd.append(vec![run()]).await.unwrap();
    drop(odd);
    let stacks = list().await;
    assert_eq!(stacks.iter().map(|s| s.stack.as_str()).collect::<Vec<_>>(), ["odd/../name@b", "prod"]);
    assert!(stacks[1].unfinished && stacks[1].locked_by.is_some() && stacks[0].locked_by.is_none());
    session.finish(&state).await.unwrap();
    drop(session);
    assert_eq!(list().await[1].resources, 1);
    let path = project.dir.path().join("twin").join(encoded("odd/../name@b")).join(SNAPSHOT);
    fs::write(path, "{}").unwrap();
    assert!(list().await[0].unreadable.as_ref().unwrap().contains("missing field `version`"));
    project.lock("three").await.unwrap().remove().await.unwrap();
    assert_eq!(project.load().await.unwrap(), None);
    assert_eq!(list().await.len(), 1);
    assert_eq!(States::local(project.dir.path().to_owned(), "aws").list().await.unwrap(), []);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_written_leaves_the_journal_as_the_truth() {
    let project = Project::new().await;
    let (mut state, session) = project.session().await;
    record(&mut state, &session, create("a")).await;
    let path = project.snapshot_path();
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
    assert_eq!(fs::metadata(project.journal_path()).unwrap().len(), 0);
}

#[tokio::test]
async fn a_thousand_steps_write_less_than_five_megabytes() {
    let project = Project::new().await;
    let (mut state, session) = project.session().await;
    let entries: Vec<Entry> = (0..1000).flat_map(|i| create(&i.to_string())).collect();
    record(&mut state, &session, entries).await;
    let journal = fs::metadata(project.journal_path()).unwrap().len();
    session.finish(&state).await.unwrap();
    let snapshot = fs::metadata(project.snapshot_path()).unwrap().len();
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
    let with_id =
        |id: &Id| Arc::new(Row { id: Some(id.clone()), pending: None, seen: inputs.clone(), ..Row::clone(present) });
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
            files::make_dir_of(&project.snapshot_path()).unwrap();
            if let Some(snapshot) = snapshot {
                fs::write(project.snapshot_path(), snapshot).unwrap();
            }
            fs::write(project.journal_path(), &journal).unwrap();
            let read = project.load().await;
            assert!(read.is_err() || !project.snapshot_path().exists());
        });
    }
}
