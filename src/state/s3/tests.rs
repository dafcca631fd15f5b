//! States in buckets in memory: what is durable, who may write, and which copy counts.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use tokio::time::Instant;

use super::folder::group;
use super::lease::{EXPIRY, HEARTBEAT, HOLDS};
use super::memory::{Call, Fault, Memory, SILENCE};
use super::objects::{Refused, When, put};
use super::*;
use crate::engine::fence::{Fence, Lifeline};
use crate::engine::journal::{Entry, Journal};
use crate::engine::state::{Begun, Key, Row, State};
use crate::engine::urn::{Id, Place as Region, Urn};
use crate::engine::value::{Map, Value};
use crate::state::Rotated;
use crate::state::format::Snapshot;
use crate::state::keys::KEY_FILE;
use crate::state::rotate::sealed_anew;
use crate::state::seal::holds_sealed;
use crate::state::store::{Lines, Lock, Session, Stored, replay, silently};

const MARK: &str = "hunter2";

/// A process with its network to one bucket or two, and a project directory of its own.
struct Machine {
    dir: tempfile::TempDir,
    buckets: Vec<Arc<Memory>>,
    states: States,
}

impl Machine {
    fn new(buckets: &[&Arc<Memory>]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let buckets: Vec<Arc<Memory>> = buckets.iter().map(|bucket| Arc::clone(bucket)).collect();
        let states = States::new(Arc::new(remote(dir.path(), &buckets)), "twin");
        Self { dir, buckets, states }
    }

    /// Another machine with the same buckets, through networks of its own, and the same key file.
    fn another(&self, network: impl Fn(usize, &Arc<Memory>) -> Memory) -> Self {
        let networks: Vec<Arc<Memory>> =
            self.buckets.iter().enumerate().map(|(i, bucket)| Arc::new(network(i, bucket))).collect();
        let other = Self::new(&networks.iter().collect::<Vec<_>>());
        let key = self.states.keys_root().join(KEY_FILE);
        if key.exists() {
            std::fs::copy(key, other.dir.path().join(KEY_FILE)).unwrap();
        }
        other
    }

    fn healthy(&self) -> Self {
        self.another(|_, bucket| bucket.through(|_| None))
    }

    fn stored(&self) -> Stored {
        self.states.of("prod")
    }

    async fn keys(&self) -> Keys {
        self.states.open_keys(Source::key_file()).await.unwrap().0
    }

    async fn lock(&self, run: &str) -> Result<Lock> {
        self.stored().lock(Owner::here(run, "up"), Duration::ZERO, silently()).await
    }

    async fn session(&self, run: &str) -> Result<(State, Session)> {
        let keys = self.keys().await;
        self.lock(run).await?.session(keys, fresh()).await
    }

    async fn load(&self) -> Result<Option<State>> {
        let keys = self.keys().await;
        self.stored().load(&keys).await
    }

    /// What a process of its own would use here.
    fn remote(&self) -> Remote {
        remote(self.dir.path(), &self.buckets)
    }

    fn folder(&self) -> Folder {
        self.remote().folders("prod").remove(0)
    }
}

fn remote(root: &Path, buckets: &[Arc<Memory>]) -> Remote {
    let place = |(memory, name): (&Arc<Memory>, &str)| Place {
        location: Location::parse(name).unwrap(),
        objects: Arc::clone(memory) as Arc<dyn Objects>,
    };
    Remote {
        places: buckets.iter().zip(["s3://first/p", "s3://second/p"]).map(place).collect(),
        target: "twin".to_owned(),
        root: root.to_owned(),
        notes: Arc::default(),
    }
}

fn bucket() -> Arc<Memory> {
    Arc::new(Memory::new())
}

fn fresh() -> State {
    State::new("lineage", "prod", "dr", "twin")
}

fn row(name: &str) -> Row {
    let key = Key { urn: Urn::new("prod", "dr", "t:i:T", name), generation: 0 };
    let inputs = Map::from_iter([("name".into(), name.into()), ("password".into(), Value::from(MARK).secret())]);
    Row { inputs: Value::Map(inputs), ..Row::new(key, "t:i:T", Region("eu-west-1".into())) }
}

fn made(name: &str) -> Row {
    Row { id: Some(Id(format!("{name}-1"))), ..row(name) }
}

fn begin(name: &str, op: Begun) -> Entry {
    Entry::Begin { row: Arc::new(row(name)), op, attempt: "a".into() }
}

/// The groups of an up that makes, changes and deletes.
fn an_up() -> Vec<Vec<Entry>> {
    let run = Entry::Run { account: "1".into(), partition: "aws".into(), environment: [].into() };
    let id = |name: &str| Entry::Made { key: row(name).key, id: Id(format!("{name}-1")) };
    let done = |name: &str| Entry::Done { row: Arc::new(made(name)) };
    vec![
        vec![run, begin("a", Begun::Create)],
        vec![id("a")],
        vec![done("a"), begin("b", Begun::Create)],
        vec![id("b"), done("b")],
        vec![begin("a", Begun::Update)],
        vec![done("a")],
        vec![begin("b", Begun::Delete)],
        vec![Entry::Gone { key: row("b").key }],
        vec![Entry::Outputs { outputs: Map::from_iter([("password".into(), Value::from(MARK).secret())]) }],
    ]
}

async fn record(state: &mut State, session: &Session, entries: Vec<Entry>) {
    session.append(entries.clone()).await.unwrap();
    *state = replay(state.clone(), entries).unwrap();
}

/// The state after an undisturbed up.
fn undisturbed() -> State {
    replay(fresh(), an_up().into_iter().flatten()).unwrap()
}

fn lines(n: u64) -> Lines {
    Lines { bytes: format!("{{\"n\":{n},\"entry\":{{\"outputs\":{{}}}}}}\n").into_bytes(), last: n }
}

async fn hold(folder: Folder, run: &str, timeout: Duration) -> Result<Holding> {
    Holding::take(vec![folder], Owner::here(run, "up"), timeout, silently(), Arc::default()).await
}

#[tokio::test]
async fn a_run_that_ends_and_one_that_does_not_leave_the_same_state_for_another_machine() {
    let machine = Machine::new(&[&bucket()]);
    let (mut state, session) = machine.session("one").await.unwrap();
    for entries in an_up() {
        record(&mut state, &session, entries).await;
    }
    let other = machine.healthy();
    assert_eq!(other.load().await.unwrap().unwrap(), undisturbed());
    session.finish(&state).await.unwrap();
    drop(session);
    assert_eq!(other.load().await.unwrap().unwrap(), undisturbed());
    let (again, _session) = other.session("two").await.unwrap();
    assert_eq!(again, undisturbed());
    assert_eq!(machine.states.list().await.unwrap()[0].resources, 1);
}

#[tokio::test]
async fn a_list_counts_the_rows_of_a_run_that_did_not_end_as_the_state_has_them() {
    let machine = Machine::new(&[&bucket()]);
    let (mut state, session) = machine.session("one").await.unwrap();
    let failed = |name: &str, settled| Entry::Failed { key: row(name).key, error: "no".into(), settled };
    let after = vec![
        vec![begin("c", Begun::Create), begin("d", Begun::Create)],
        vec![failed("c", true), failed("d", false), failed("a", true)],
        vec![Entry::Put { row: Arc::new(made("e")) }],
        vec![begin("e", Begun::Update), failed("e", true)],
    ];
    let mut counts = Vec::new();
    for entries in an_up().into_iter().chain(after) {
        record(&mut state, &session, entries).await;
        let listed = machine.states.list().await.unwrap();
        assert_eq!(listed[0].resources, state.rows.len());
        counts.push(state.rows.len());
    }
    assert_eq!(counts, [1, 1, 2, 2, 2, 2, 2, 1, 1, 3, 2, 3, 3]);
    session.finish(&state).await.unwrap();
    assert_eq!(machine.states.list().await.unwrap()[0].resources, 3);
}

#[tokio::test]
async fn no_object_and_no_file_holds_a_secret_in_plain() {
    let bucket = bucket();
    let machine = Machine::new(&[&bucket]);
    let (mut state, session) = machine.session("one").await.unwrap();
    for entries in an_up() {
        record(&mut state, &session, entries).await;
        session.finish(&state).await.unwrap();
    }
    let (mut open, rest) = (state, begin("c", Begun::Create));
    record(&mut open, &session, vec![rest]).await;
    for key in bucket.keys() {
        assert!(!String::from_utf8_lossy(&bucket.bytes(&key).unwrap()).contains(MARK), "{key}");
    }
    let kinds = ["p/keys.json", "state.json", "/lock", "/journal/", "/backups/"];
    assert!(kinds.iter().all(|kind| bucket.keys().iter().any(|key| key.contains(kind))), "{:?}", bucket.keys());
}

#[tokio::test]
async fn a_crash_after_any_write_of_an_up_loses_nothing_that_was_acknowledged() {
    for survives in 0.. {
        let bucket = bucket();
        let machine = Machine::new(&[&bucket]);
        drop(machine.keys().await);
        let doomed = machine.another(|_, bucket| {
            bucket.through(move |call: &Call<'_>| (call.writes > survives).then_some(Fault::LostBefore))
        });
        let mut acknowledged = 0;
        let mut finished = false;
        if let Ok((mut state, session)) = doomed.session("doomed").await {
            for entries in an_up() {
                if session.append(entries.clone()).await.is_err() {
                    break;
                }
                state = replay(state, entries).unwrap();
                acknowledged += 1;
            }
            finished = acknowledged == an_up().len() && session.finish(&state).await.is_ok();
        }
        let next = machine.healthy();
        next.stored().break_lock().await.unwrap();
        let (mut state, session) = next.session("next").await.unwrap();
        let prefix = |n: usize| replay(fresh(), an_up().into_iter().take(n).flatten()).unwrap();
        let kept = (acknowledged..=an_up().len()).find(|n| prefix(*n) == state);
        let kept = kept.unwrap_or_else(|| panic!("{acknowledged} acknowledged, after {survives} writes: {state:#?}"));
        for entries in an_up().into_iter().skip(kept) {
            record(&mut state, &session, entries).await;
        }
        session.finish(&state).await.unwrap();
        drop(session);
        assert_eq!(next.load().await.unwrap().unwrap(), undisturbed(), "after {survives} writes");
        if finished {
            assert!(survives > an_up().len(), "{survives} writes");
            return;
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_no_loss_and_no_entry_is_there_twice() {
    for nth in 1..14 {
        let bucket = bucket();
        let machine = Machine::new(&[&bucket]);
        drop(machine.keys().await);
        let shaky = machine.another(|_, bucket| {
            bucket.through(move |call: &Call<'_>| {
                (call.what == "put" && call.writes.is_multiple_of(nth) && call.writes.is_multiple_of(2))
                    .then_some(Fault::LostAfter)
            })
        });
        let (mut state, session) = shaky.session("shaky").await.unwrap();
        for entries in an_up() {
            record(&mut state, &session, entries).await;
        }
        assert_eq!(machine.load().await.unwrap().unwrap(), undisturbed());
        session.finish(&state).await.unwrap();
        drop(session);
        assert_eq!(machine.load().await.unwrap().unwrap(), undisturbed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_put_that_was_throttled_or_lost_is_tried_until_its_fate_is_known() {
    for fault in [Fault::Throttled, Fault::LostBefore, Fault::LostAfter] {
        let bucket = Memory::new();
        let shaky = bucket.through(move |call| (call.what == "put" && call.writes < 3).then_some(fault));
        put(&shaky, "k", b"ours", When::Absent).await.unwrap();
        assert_eq!(bucket.bytes("k").unwrap(), b"ours");
        assert_eq!(put(&shaky, "k", b"theirs", When::Absent).await, Err(Refused::Condition));
        let away = bucket.through(|_| Some(Fault::LostBefore));
        assert!(matches!(put(&away, "k", b"ours", When::Always).await, Err(Refused::Failed(e)) if e.ambiguous));
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_run_learns_who_holds_the_stack_and_waits_up_to_its_timeout() {
    let machine = Machine::new(&[&bucket()]);
    let first = hold(machine.folder(), "one", Duration::ZERO).await.unwrap();
    let start = Instant::now();
    let error = hold(machine.folder(), "two", Duration::ZERO).await.err().unwrap();
    assert!(matches!(&error, StateError::Locked { owner: Some(owner) } if owner.run == "one"), "{error}");
    assert!(start.elapsed() <= HEARTBEAT + Duration::from_secs(2), "{:?}", start.elapsed());
    let start = Instant::now();
    assert!(hold(machine.folder(), "two", Duration::from_secs(600)).await.is_err());
    assert!(start.elapsed() >= Duration::from_secs(600));
    let folder = machine.folder();
    let waiting = tokio::spawn(async move { hold(folder, "two", Duration::from_secs(60)).await });
    tokio::time::sleep(HEARTBEAT * 3).await;
    assert!(!waiting.is_finished());
    first.leave().await;
    waiting.await.unwrap().unwrap().leave().await;
}

#[tokio::test(start_paused = true)]
async fn the_lock_of_a_process_that_died_expires_by_itself_and_not_before() {
    let machine = Machine::new(&[&bucket()]);
    hold(machine.folder(), "one", Duration::ZERO).await.unwrap().die().await;
    let start = Instant::now();
    let second = hold(machine.folder(), "two", Duration::ZERO).await.unwrap();
    assert!(start.elapsed() >= EXPIRY && start.elapsed() < EXPIRY * 2, "{:?}", start.elapsed());
    second.leave().await;
    let start = Instant::now();
    hold(machine.folder(), "three", Duration::ZERO).await.unwrap().leave().await;
    assert!(start.elapsed() < Duration::from_secs(1), "a lock that was freed is taken at once");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_lives_keeps_its_lock_however_long_it_works() {
    let machine = Machine::new(&[&bucket()]);
    let mut first = hold(machine.folder(), "one", Duration::ZERO).await.unwrap();
    let second = hold(machine.folder(), "two", EXPIRY * 20).await;
    assert!(matches!(second.err().unwrap(), StateError::Locked { .. }));
    first.append_lines("lineage", &lines(1)).await.unwrap();
    first.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_lock_was_taken_over_can_neither_append_nor_save_and_is_told() {
    let machine = Machine::new(&[&bucket()]);
    let mut old = hold(machine.folder(), "old", Duration::ZERO).await.unwrap();
    old.append_lines("lineage", &lines(1)).await.unwrap();
    // It neither shows a sign of life nor notices that it does not.
    old.heart.abort();
    let mut new = hold(machine.folder(), "new", Duration::ZERO).await.unwrap();
    let found = machine.folder().look().await.unwrap();
    assert_eq!(found.groups.len(), 1, "what was durable is seen");
    let refused = old.append_lines("lineage", &lines(2)).await.unwrap_err();
    assert!(matches!(&refused, StateError::Lost { to: Some(owner) } if owner.run == "new"), "{refused}");
    let seal = crate::state::seal::Seal { ciphers: &[], lineage: "lineage" };
    new.append_lines("lineage", &lines(2)).await.unwrap();
    new.save_snapshot(Snapshot::of(&fresh(), 2, &seal).unwrap()).await.unwrap();
    let refused = old.save_snapshot(Snapshot::of(&fresh(), 1, &seal).unwrap()).await.unwrap_err();
    assert!(matches!(refused, StateError::Lost { .. }), "{refused}");
    new.forget().await;
    assert!(old.append_lines("lineage", &lines(3)).await.is_err(), "not even when the journal is empty again");
    new.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_heart_that_finds_the_lock_taken_tells_the_run() {
    let machine = Machine::new(&[&bucket()]);
    let old = hold(machine.folder(), "old", Duration::ZERO).await.unwrap();
    lease::break_open(&machine.folder()).await.unwrap();
    let new = hold(machine.folder(), "new", Duration::ZERO).await.unwrap();
    let mut loss = old.loss();
    loss.changed().await.unwrap();
    let lost = loss.borrow().clone().unwrap();
    assert!(matches!(&*lost, StateError::Lost { to: Some(owner) } if owner.run == "new"), "{lost}");
    new.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_falls_silent_holds_up_no_sign_of_life() {
    let (first, second) = (bucket(), bucket());
    let silent = Arc::new(AtomicBool::new(false));
    let fell = Arc::clone(&silent);
    let copy = Arc::new(second.through(move |_| fell.load(Ordering::Relaxed).then_some(Fault::Silent)));
    let folders = vec![Machine::new(&[&first]).folder(), Machine::new(&[&copy]).folder()];
    let held = Holding::take(folders, Owner::here("one", "up"), Duration::ZERO, silently(), Arc::default());
    let held = held.await.unwrap();
    silent.store(true, Ordering::Relaxed);
    let fence = Fence::default();
    fence.follow(held.lifeline().map(|lifeline| Lifeline { holds: HOLDS - HEARTBEAT, ..lifeline }));
    for second in 0..120 {
        assert!(fence.check().is_ok(), "after {second} s");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    held.die().await;
}

#[tokio::test(start_paused = true)]
async fn a_put_into_silence_is_given_up_after_one_try() {
    let silent = bucket().through(|_| Some(Fault::Silent));
    let start = Instant::now();
    let refused = put(&silent, "key", b"bytes", When::Absent).await.unwrap_err();
    assert!(matches!(&refused, Refused::Failed(error) if error.ambiguous), "{refused:?}");
    assert_eq!(start.elapsed(), SILENCE);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_comes_just_before_the_seal_is_read_and_one_just_after_is_refused() {
    let bucket = bucket();
    let machine = Machine::new(&[&bucket]);
    for late in [false, true] {
        let mut old = hold(machine.folder(), "old", Duration::ZERO).await.unwrap();
        old.append_lines("lineage", &lines(1)).await.unwrap();
        old.heart.abort();
        let folder = machine.folder();
        let next = group(old.next);
        if !late {
            old.append_lines("lineage", &lines(2)).await.unwrap();
        }
        let new = hold(folder.clone(), "new", Duration::ZERO).await.unwrap();
        assert!(old.append_lines("lineage", &lines(3)).await.is_err());
        let there = bucket.bytes(&folder.key(&next)).unwrap();
        assert_eq!(String::from_utf8(there).unwrap().contains("closedBy"), late);
        new.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_by_minutes_takes_no_lock_away() {
    let machine = Machine::new(&[&bucket()]);
    let ahead = Owner { heartbeat: Timestamp::now() - jiff::SignedDuration::from_mins(14), ..Owner::here("one", "up") };
    let folders = [machine.folder()];
    let _first = lease::acquire(&folders, &ahead, Duration::ZERO, silently(), &Notes::default()).await.unwrap();
    let start = Instant::now();
    hold(machine.folder(), "two", Duration::ZERO).await.unwrap().leave().await;
    assert!(start.elapsed() >= EXPIRY, "it was watched");
}

#[tokio::test]
async fn a_crash_between_the_snapshot_and_the_emptying_of_the_journal_changes_nothing() {
    let bucket = bucket();
    let machine = Machine::new(&[&bucket]);
    let (mut state, session) = machine.session("one").await.unwrap();
    for entries in an_up() {
        record(&mut state, &session, entries).await;
    }
    let journal: Vec<(String, Vec<u8>)> = bucket
        .keys()
        .into_iter()
        .filter(|key| key.contains("/journal/"))
        .map(|key| (key.clone(), bucket.bytes(&key).unwrap()))
        .collect();
    assert!(!journal.is_empty());
    session.finish(&state).await.unwrap();
    for (key, bytes) in &journal {
        bucket.set(key, Some(bytes));
    }
    drop(session);
    assert_eq!(machine.load().await.unwrap().unwrap(), undisturbed());
    let (mut state, session) = machine.session("two").await.unwrap();
    record(&mut state, &session, vec![begin("c", Begun::Create)]).await;
    assert_eq!(machine.load().await.unwrap().unwrap(), state);
}

#[tokio::test]
async fn an_object_of_a_stranger_beside_the_groups_is_none_of_the_journal() {
    let bucket = bucket();
    let machine = Machine::new(&[&bucket]);
    let strangers = ["57-1", "00000057-1", "00000057-00000001.bak", "notes/00000057-00000001", "00000057"];
    for name in strangers {
        bucket.set(&format!("p/twin/prod/journal/{name}"), Some(b"mine"));
    }
    for run in ["one", "two"] {
        let (mut state, session) = machine.session(run).await.unwrap();
        record(&mut state, &session, vec![Entry::Outputs { outputs: Map::default() }]).await;
        if run == "two" {
            session.finish(&state).await.unwrap();
        }
        drop(session);
        assert_eq!(machine.load().await.unwrap().unwrap(), state);
    }
    let left = bucket.keys().into_iter().filter(|key| strangers.iter().any(|name| key.ends_with(&format!("/{name}"))));
    assert_eq!(left.count(), strangers.len());
    // One that is called like a group is told of.
    bucket.set("p/twin/prod/journal/00000057-00000001", Some(b"mine\n"));
    let error = machine.load().await.unwrap_err();
    assert!(error.to_string().contains("journal/00000057-00000001"), "{error}");
    assert!(error.hint().contains("if it is none that drctl wrote, remove it"), "{}", error.hint());
}

#[tokio::test]
async fn a_group_that_is_missing_or_garbled_is_an_error_that_names_it() {
    let bucket = bucket();
    let machine = Machine::new(&[&bucket]);
    let (mut state, session) = machine.session("one").await.unwrap();
    for entries in an_up() {
        record(&mut state, &session, entries).await;
    }
    drop(session);
    let groups: Vec<String> = bucket.keys().into_iter().filter(|key| key.contains("/journal/")).collect();
    let second = bucket.bytes(&groups[1]).unwrap();
    bucket.set(&groups[1], None);
    let error = machine.load().await.unwrap_err();
    assert!(error.to_string().contains(&format!("s3://first/{}", groups[2])), "{error}");
    bucket.set(&groups[1], Some(b"{\"version\":1,\"lineage\":\"lineage\"}\n{\"n\"!}\n"));
    let error = machine.load().await.unwrap_err();
    assert!(matches!(&error, StateError::Damaged { line: Some(2), .. }), "{error}");
    bucket.set(&groups[1], Some(&second));
    let key = "p/twin/prod/state.json";
    let snapshot = String::from_utf8(bucket.bytes(key).unwrap()).unwrap();
    bucket.set(key, Some(snapshot.replace("\"version\": 3", "\"version\": 4").as_bytes()));
    assert!(matches!(machine.load().await.unwrap_err(), StateError::Newer { found: 4, .. }));
    bucket.set(key, None);
    let error = machine.load().await.unwrap_err();
    assert!(error.to_string().ends_with("there is no `state.json` that it goes on from"), "{error}");
}

#[tokio::test]
async fn two_machines_that_begin_at_the_same_time_have_the_same_keys() {
    let machine = Machine::new(&[&bucket()]);
    let passphrase = || Source::passphrase("open sesame");
    let other = machine.healthy();
    let (one, two) = future::join(machine.states.open_keys(passphrase()), other.states.open_keys(passphrase())).await;
    let (one, two) = (one.unwrap().0, two.unwrap().0);
    let sealed = one.seal("l").seal("urn", "inputs", &Value::from(MARK).secret()).unwrap();
    assert!(two.seal("l").open("urn", "inputs", sealed).is_ok());
    let third = machine.healthy();
    let wrong = Source::passphrase("wrong");
    assert!(matches!(third.states.open_keys(wrong).await.unwrap_err(), StateError::WrongPassphrase));
}

/// The state that a run would go on from.
async fn usable(stored: &Stored) -> Option<State> {
    if !stored.exists().await.ok()? {
        return None;
    }
    let (keys, _) = stored.open_keys(Source::key_file()).await.unwrap();
    let lock = stored.lock(Owner::here("probe", "up"), Duration::ZERO, silently()).await.unwrap();
    lock.session(keys, fresh()).await.ok().map(|(state, _)| state)
}

async fn run_once(stored: &Stored, run: &str, groups: Vec<Vec<Entry>>) -> State {
    let (keys, _) = stored.open_keys(Source::key_file()).await.unwrap();
    let lock = stored.lock(Owner::here(run, "up"), Duration::ZERO, silently()).await.unwrap();
    let (mut state, session) = lock.session(keys, fresh()).await.unwrap();
    for entries in groups {
        record(&mut state, &session, entries).await;
    }
    session.finish(&state).await.unwrap();
    state
}

async fn migrate(from: &Stored, to: &Stored) -> Result<State> {
    let (keys, _) = from.open_keys(Source::key_file()).await?;
    let lock = from.lock(Owner::here("move", "stack migrate-state"), Duration::ZERO, silently()).await?;
    lock.move_to(&keys, Source::key_file(), to).await
}

#[tokio::test]
async fn wherever_a_move_is_killed_no_two_places_can_be_used_and_moving_again_ends_it() {
    for (into_the_bucket, is_used) in [(true, false), (true, true), (false, false), (false, true)] {
        let mut used = 0;
        for survives in 0.. {
            let (bucket, dir) = (bucket(), tempfile::tempdir().unwrap());
            let local = States::local(dir.path().to_owned(), "twin").of("prod");
            let in_bucket =
                |network: Memory| States::new(Arc::new(remote(dir.path(), &[Arc::new(network)])), "twin").of("prod");
            let healthy = in_bucket(bucket.through(|_| None));
            let doomed =
                in_bucket(bucket.through(move |call: &Call<'_>| (call.writes > survives).then_some(Fault::LostBefore)));
            let (from, to) = if into_the_bucket { (&local, &healthy) } else { (&healthy, &local) };
            let mut state = run_once(from, "one", an_up()).await;
            let killed = if into_the_bucket { migrate(&local, &doomed) } else { migrate(&doomed, &local) };
            let has_ended = killed.await.is_ok();
            healthy.break_lock().await.unwrap();
            let (here, there) = (usable(from).await, usable(to).await);
            assert!(here.is_none() || there.is_none(), "both, after {survives} writes");
            for found in here.iter().chain(&there) {
                assert_eq!(*found, state, "after {survives} writes");
            }
            if there.is_some() && is_used {
                let run = Entry::Run { account: "1".into(), partition: "aws".into(), environment: [].into() };
                state = run_once(to, "two", vec![vec![run, begin("late", Begun::Create)]]).await;
                used += 1;
            }
            if !matches!(from.exists().await, Err(StateError::Moved { .. })) {
                assert_eq!(migrate(from, to).await.unwrap(), state, "after {survives} writes");
            }
            assert_eq!(usable(from).await, None);
            assert_eq!(usable(to).await, Some(state));
            if has_ended {
                assert!(survives > 3, "only {survives} points");
                assert!(used > 1 || !is_used, "it arrived and did not end {used} times");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_state_that_cannot_have_arrived_goes_on_to_be_used_where_it_is() {
    for (fault, stays) in [(Fault::Expired, true), (Fault::LostBefore, false)] {
        let (bucket, dir) = (bucket(), tempfile::tempdir().unwrap());
        let local = States::local(dir.path().to_owned(), "twin").of("prod");
        let state = run_once(&local, "one", an_up()).await;
        let refusing = Memory::through(&bucket, move |call: &Call<'_>| {
            (call.what == "put" && call.key.ends_with("state.json")).then_some(fault)
        });
        let there = States::new(Arc::new(remote(dir.path(), &[Arc::new(refusing)])), "twin").of("prod");
        assert!(migrate(&local, &there).await.is_err());
        assert_eq!(usable(&local).await, stays.then_some(state));
    }
}

#[tokio::test]
async fn a_removed_stack_is_gone_and_its_name_is_free_again() {
    let machine = Machine::new(&[&bucket()]);
    let (mut state, session) = machine.session("one").await.unwrap();
    record(&mut state, &session, an_up().remove(0)).await;
    drop(session);
    machine.lock("two").await.unwrap().remove().await.unwrap();
    assert!(!machine.stored().exists().await.unwrap());
    assert_eq!(machine.load().await.unwrap(), None);
    assert_eq!(machine.states.list().await.unwrap(), []);
    let (mut state, session) = machine.session("three").await.unwrap();
    assert_eq!(state, fresh());
    record(&mut state, &session, an_up().remove(0)).await;
    assert_eq!(machine.load().await.unwrap().unwrap(), state);
}

#[tokio::test]
async fn a_state_object_that_is_lost_is_never_taken_for_none() {
    let bucket = bucket();
    let machine = Machine::new(&[&bucket]);
    let (mut state, session) = machine.session("first").await.unwrap();
    for entries in an_up() {
        record(&mut state, &session, entries).await;
    }
    session.finish(&state).await.unwrap();
    drop(session);
    bucket.set("p/twin/prod/state.json", None);
    assert!(machine.stored().exists().await.unwrap());
    let Err(StateError::Gone { backup: Some(backup), .. }) = machine.load().await else { panic!("it begins anew") };
    assert!(backup.to_string_lossy().contains("/backups/"), "{}", backup.display());
    assert!(matches!(machine.session("next").await, Err(StateError::Gone { .. })));
}

#[tokio::test]
async fn every_end_of_a_run_keeps_the_snapshot_before_it() {
    let machine = Machine::new(&[&bucket()]);
    let (mut state, session) = machine.session("one").await.unwrap();
    for i in 0..crate::state::KEPT + 3 {
        let run = Entry::Run { account: "1".into(), partition: "aws".into(), environment: [].into() };
        record(&mut state, &session, vec![run, begin(&i.to_string(), Begun::Create)]).await;
        session.finish(&state).await.unwrap();
    }
    let backups = machine.stored().backups().await.unwrap();
    assert_eq!(backups.len(), crate::state::KEPT);
    let (shelf, name) = (machine.stored().shelf, backups[0].clone());
    let newest = blocking(move || shelf.backup(&name)).await.unwrap();
    assert_eq!(Snapshot::parse(&backups[0], &newest).unwrap().serial, state.serial - 1);
}

#[tokio::test]
async fn the_state_survives_the_loss_of_either_bucket() {
    let (first, second) = (bucket(), bucket());
    let machine = Machine::new(&[&first, &second]);
    let (mut state, session) = machine.session("one").await.unwrap();
    for entries in an_up() {
        record(&mut state, &session, entries).await;
        for lost in [0, 1] {
            let left = machine.another(|i, bucket| bucket.through(move |_| (i == lost).then_some(Fault::LostBefore)));
            assert_eq!(left.load().await.unwrap().unwrap(), state, "without bucket {lost}");
            assert!(left.states.warnings().iter().any(|warning| warning.contains("does not answer")));
        }
    }
}

#[tokio::test]
async fn a_bucket_that_is_away_during_a_run_is_left_behind_and_comes_up_to_date() {
    let (first, second) = (bucket(), bucket());
    let machine = Machine::new(&[&first, &second]);
    drop(machine.keys().await);
    let half = machine
        .another(|i, bucket| bucket.through(move |call| (i == 1 && call.writes > 4).then_some(Fault::LostBefore)));
    let (mut state, session) = half.session("half").await.unwrap();
    for entries in an_up() {
        record(&mut state, &session, entries).await;
    }
    assert!(half.states.warnings()[0].contains("s3://second"), "it is told");
    drop(session);
    let only = |bucket: &Arc<Memory>| {
        let alone = Machine::new(&[bucket]);
        std::fs::copy(machine.states.keys_root().join(KEY_FILE), alone.dir.path().join(KEY_FILE)).unwrap();
        alone
    };
    assert_ne!(only(&second).load().await.unwrap(), Some(undisturbed()), "it missed something");
    let next = machine.healthy();
    next.stored().break_lock().await.unwrap();
    assert_eq!(next.load().await.unwrap().unwrap(), undisturbed(), "the copy that reaches further counts");
    // The first bucket is away for an instant, so that the other one is read until the lock is taken.
    let shaky = machine.another(|i, bucket| {
        let mut asked = 0;
        bucket.through(move |call| {
            asked += usize::from(call.what == "get");
            (i == 0 && call.what == "get" && asked == 1).then_some(Fault::LostBefore)
        })
    });
    let (again, session) = shaky.session("shaky").await.unwrap();
    assert_eq!(again, undisturbed(), "no older copy is written over a newer one");
    drop(session);
    for bucket in [&first, &second] {
        assert_eq!(only(bucket).load().await.unwrap().unwrap(), undisturbed());
    }
}

#[tokio::test]
async fn an_empty_bucket_beside_one_that_does_not_answer_is_no_new_stack() {
    let (first, second) = (bucket(), bucket());
    let machine = Machine::new(&[&first, &second]);
    let (mut state, session) = machine.session("one").await.unwrap();
    for entries in an_up() {
        record(&mut state, &session, entries).await;
    }
    session.finish(&state).await.unwrap();
    drop(session);
    let away = |fault: Fault| Arc::new(second.through(move |_| Some(fault)));
    let (made_anew, silent) = (bucket(), away(Fault::LostBefore));
    for buckets in [[&made_anew, &silent], [&silent, &made_anew]] {
        let half = Machine::new(&buckets);
        let refused = half.states.open_keys(Source::key_file()).await.unwrap_err();
        assert!(matches!(refused, StateError::Unseen { .. }), "{refused}");
        let refused = half.stored().exists().await.unwrap_err();
        assert!(matches!(refused, StateError::Unseen { .. }), "{refused}");
        assert!(refused.hint().contains("--region-unavailable"), "{}", refused.hint());
        let keys = machine.keys().await;
        assert!(matches!(half.stored().load(&keys).await, Err(StateError::Unseen { .. })));
    }
    let half = Machine::new(&[&made_anew, &silent]);
    assert!(matches!(half.lock("two").await, Err(StateError::Unseen { .. })));
    // The user says that there is nothing to wait for.
    let given = Machine::new(&[&bucket(), &away(Fault::GivenUp)]);
    assert!(!given.stored().exists().await.unwrap());
    assert_eq!(given.session("three").await.unwrap().0, fresh());
    // The other one is back.
    let whole = Machine::new(&[&made_anew, &second]);
    std::fs::copy(machine.states.keys_root().join(KEY_FILE), whole.dir.path().join(KEY_FILE)).unwrap();
    assert_eq!(whole.session("four").await.unwrap().0, undisturbed());
}

#[tokio::test]
async fn a_bucket_that_refuses_the_credentials_is_not_said_to_be_silent() {
    let expired = |buckets: usize| {
        let machine = Machine::new(&[&bucket(), &bucket()]);
        machine.another(move |i, bucket| {
            bucket.through(move |call| (i >= 2 - buckets && call.writes > 4).then_some(Fault::Expired))
        })
    };
    let only_the_copy = expired(1);
    let (mut state, session) = only_the_copy.session("one").await.unwrap();
    for entries in an_up() {
        record(&mut state, &session, entries).await;
    }
    let told = only_the_copy.states.warnings();
    assert_eq!(
        told,
        ["the copy of the state in `s3://second` cannot be written, and is left behind: the token has expired"]
    );
    let both = expired(2);
    let (_, session) = both.session("one").await.unwrap();
    let mut refused = None;
    for entries in an_up() {
        refused = refused.or(session.append(entries).await.err());
    }
    assert_eq!(refused.map(|error| error.kind), Some(crate::engine::error::Kind::Unauthenticated));
    assert!(session.is_behind());
    assert_eq!(both.states.warnings(), [""; 0], "the copy is no worse than the first one");
}

#[tokio::test]
async fn of_two_copies_the_one_with_the_higher_epoch_counts_and_what_the_other_had_is_kept() {
    let (first, second) = (bucket(), bucket());
    let both = Machine::new(&[&first, &second]);
    let (mut state, session) = both.session("both").await.unwrap();
    record(&mut state, &session, an_up().remove(0)).await;
    session.finish(&state).await.unwrap();
    drop(session);
    let alone = |bucket: &Arc<Memory>| {
        let machine = Machine::new(&[bucket]);
        std::fs::copy(both.states.keys_root().join(KEY_FILE), machine.dir.path().join(KEY_FILE)).unwrap();
        machine
    };
    // The first bucket is thought to be lost, and somebody works on the second one.
    let on_first = alone(&first);
    let (mut lost, straggler) = on_first.session("straggler").await.unwrap();
    record(&mut lost, &straggler, vec![begin("late", Begun::Create)]).await;
    drop(straggler);
    let on_second = alone(&second);
    for run in ["two", "three"] {
        let (mut state, session) = on_second.session(run).await.unwrap();
        record(&mut state, &session, vec![begin(run, Begun::Create)]).await;
    }
    let winner = on_second.load().await.unwrap().unwrap();
    assert_eq!(both.load().await.unwrap().unwrap(), winner);
    let (again, session) = both.session("both").await.unwrap();
    assert_eq!(again, winner);
    assert!(both.states.warnings().iter().any(|warning| warning.contains("were set aside in s3://first")));
    drop(session);
    assert_eq!(alone(&first).load().await.unwrap().unwrap(), winner);
    let aside: Vec<String> = first.keys().into_iter().filter(|key| key.ends_with(".jsonl")).collect();
    assert!(String::from_utf8(first.bytes(&aside[0]).unwrap()).unwrap().contains("late"));
}

#[test]
fn positions_are_ordered_by_epoch_and_then_by_group() {
    let at = |epoch, seq| Position { epoch, seq };
    assert!(at(2, 0) > at(1, 99) && at(2, 10) > at(2, 9));
    assert!(group(at(2, 0)) > group(at(1, 99)) && group(at(2, 10)) > group(at(2, 9)));
}

#[tokio::test]
async fn keys_that_are_gone_from_a_bucket_with_secrets_are_not_replaced_by_new_ones() {
    let bucket = bucket();
    let machine = Machine::new(&[&bucket]);
    let (mut state, session) = machine.session("one").await.unwrap();
    record(&mut state, &session, an_up().remove(0)).await;
    drop(session);
    bucket.set("p/keys.json", None);
    let other = machine.healthy();
    for source in [Source::key_file(), Source::passphrase("any")] {
        let error = other.states.open_keys(source).await.unwrap_err();
        assert!(matches!(&error, StateError::NoRing { key: None, .. }), "{error}");
        assert!(error.to_string().starts_with("`s3://first/p/keys.json` is gone"), "{error}");
    }
    assert!(!other.states.keys_root().exists() && bucket.bytes("p/keys.json").is_none());
    // Whoever used them before has a copy.
    assert_eq!(machine.load().await.unwrap().unwrap(), state);
    assert_eq!(other.load().await.unwrap().unwrap(), state);
}

/// Deploys twice with a passphrase, and leaves a snapshot, backups, a journal that was set aside, and a
/// journal.
async fn sealed_with(source: &Source, machine: &Machine, stack: &str) -> State {
    let stored = machine.states.of(stack);
    let (keys, _) = stored.open_keys(source.clone()).await.unwrap();
    let lock = async |run: &str| stored.lock(Owner::here(run, "up"), Duration::ZERO, silently()).await.unwrap();
    let fresh = State::new(format!("lineage of {stack}"), stack, "dr", "twin");
    let (mut state, session) = lock("one").await.session(keys.clone(), fresh).await.unwrap();
    for entries in an_up() {
        record(&mut state, &session, entries).await;
        session.finish(&state).await.unwrap();
    }
    for name in ["c", "d"] {
        record(&mut state, &session, vec![begin(name, Begun::Create)]).await;
    }
    drop(session);
    lock("two").await.import(&keys, &state).await.unwrap();
    let (mut state, session) = lock("three").await.session(keys, state).await.unwrap();
    record(&mut state, &session, vec![begin("e", Begun::Create)]).await;
    state
}

fn renewed(text: &str) -> Source {
    Source { wanted: Some(crate::engine::key_provider::KeyProvider::Passphrase), ..Source::passphrase(text) }
}

async fn rotate(machine: &Machine, stack: &str, keys: &Keys, old: &Source, new: &Source) -> Result<Rotated> {
    let (stored, owner) = (machine.states.of(stack), Owner::here("rotation", "state rotate-key"));
    stored.lock(owner, Duration::ZERO, silently()).await.unwrap().rotate(keys, old, new).await
}

/// The number of the key among those of a source that opens each object below a prefix.
async fn opened_by(machine: &Machine, bucket: &Memory, source: &Source, prefix: &str) -> Option<Vec<(String, usize)>> {
    let (keys, _) = machine.states.open_keys(source.clone()).await.ok()?;
    let objects = bucket.keys().into_iter().filter(|key| key.starts_with(prefix));
    let sealed = objects.filter(|key| holds_sealed(&bucket.bytes(key).unwrap()));
    let opener = |key: String| {
        let bytes = bucket.bytes(&key).unwrap();
        let name = PathBuf::from(if key.contains("/journal/") { format!("{key}.jsonl") } else { key.clone() });
        let opener = keys.each().iter().position(|one| sealed_anew(&name, &bytes, one).is_ok());
        let opener = opener.unwrap_or_else(|| panic!("nothing opens {key}"));
        (key, opener)
    };
    Some(sealed.map(opener).collect())
}

/// Whether the newest key opens all but groups of the journal that only stand where a seal may be.
fn are_anew(opened: &[(String, usize)]) -> bool {
    opened.iter().all(|(name, key)| *key == 0 || name.contains("/journal/"))
}

#[tokio::test]
async fn a_rotation_seals_the_backups_in_both_buckets_anew() {
    let (first, second) = (bucket(), bucket());
    let machine = Machine::new(&[&first, &second]);
    let (old, new) = (Source::passphrase("old"), renewed("new"));
    let state = sealed_with(&old, &machine, "prod").await;
    let (keys, _) = machine.states.open_keys(old.clone()).await.unwrap();
    let rotated = rotate(&machine, "prod", &keys, &old, &new).await.unwrap();
    assert!(rotated.backups >= 3 && rotated.left.is_empty() && rotated.keeps_old, "{rotated:?}");
    for bucket in [&first, &second] {
        let opened = opened_by(&machine, bucket, &new, "p/twin/prod/").await.unwrap();
        let journals = opened.iter().filter(|(key, _)| key.ends_with(".jsonl")).count();
        assert!(opened.len() > 3 && journals > 0, "{opened:?}");
        assert!(are_anew(&opened), "{opened:?}");
    }
    let stored = machine.states.of("prod");
    assert_eq!(stored.load(&rotated.keys).await.unwrap().unwrap().rows, state.rows);
    assert!(matches!(machine.states.open_keys(old).await, Err(StateError::WrongPassphrase)));
}

/// The buckets, of which one gives no answer.
fn without(machine: &Machine, lost: usize) -> Machine {
    machine.another(|i, bucket| bucket.through(move |_| (i == lost).then_some(Fault::LostBefore)))
}

#[tokio::test]
async fn a_rotation_that_a_bucket_does_not_take_seals_nothing_and_goes_on_when_it_does() {
    for lost in [0, 1] {
        let buckets = [bucket(), bucket()];
        let machine = Machine::new(&[&buckets[0], &buckets[1]]);
        let (old, new) = (Source::passphrase("old"), renewed("new"));
        let state = sealed_with(&old, &machine, "prod").await;
        let half = machine.another(move |i, bucket| {
            bucket.through(move |call: &Call<'_>| {
                (i == lost && call.writes > 0 && call.key.ends_with("keys.json")).then_some(Fault::LostBefore)
            })
        });
        let (keys, _) = half.states.open_keys(old.clone()).await.unwrap();
        assert!(rotate(&half, "prod", &keys, &old, &new).await.is_err());
        for bucket in &buckets {
            let alone = Machine::new(&[bucket]);
            let (keys, _) = alone.states.open_keys(old.clone()).await.unwrap();
            assert_eq!(alone.stored().load(&keys).await.unwrap().unwrap().rows, state.rows);
        }
        let next = machine.healthy();
        let (keys, _) = next.states.open_keys(old.clone()).await.unwrap();
        rotate(&next, "prod", &keys, &old, &new).await.unwrap();
        for bucket in &buckets {
            let alone = Machine::new(&[bucket]);
            let (keys, _) = alone.states.open_keys(new.clone()).await.unwrap();
            assert_eq!(alone.stored().load(&keys).await.unwrap().unwrap().rows, state.rows);
        }
    }
}

#[tokio::test]
async fn keys_that_were_rotated_in_one_bucket_alone_do_not_give_way_to_older_ones() {
    let (first, second) = (bucket(), bucket());
    let machine = Machine::new(&[&first, &second]);
    let (old, new) = (Source::passphrase("old"), renewed("new"));
    let state = sealed_with(&old, &machine, "prod").await;
    let alone = Machine::new(&[&second]);
    let (keys, _) = alone.states.open_keys(old.clone()).await.unwrap();
    rotate(&alone, "prod", &keys, &old, &new).await.unwrap();
    let next = machine.healthy();
    let (keys, _) = next.states.open_keys(new.clone()).await.unwrap();
    assert_eq!(next.stored().load(&keys).await.unwrap().unwrap().rows, state.rows);
    assert_eq!(first.bytes("p/keys.json"), second.bytes("p/keys.json"));
}

#[tokio::test(start_paused = true)]
async fn keys_are_looked_for_in_both_buckets_at_once_so_that_their_silences_do_not_add_up() {
    let silent = || Arc::new(bucket().through(|_| Some(Fault::Silent)));
    let machine = Machine::new(&[&silent(), &silent()]);
    let began = Instant::now();
    assert!(machine.remote().keys().fetch().await.is_err());
    assert_eq!(began.elapsed(), SILENCE);
}

#[tokio::test]
async fn keys_of_which_each_bucket_has_its_own_both_stay() {
    let (first, second) = (bucket(), bucket());
    let machine = Machine::new(&[&first, &second]);
    let (old, new, newer) = (Source::passphrase("old"), renewed("new"), renewed("newer"));
    sealed_with(&old, &machine, "prod").await;
    for (bucket, source) in [(&first, &new), (&second, &newer)] {
        let alone = Machine::new(&[bucket]);
        let (keys, _) = alone.states.open_keys(old.clone()).await.unwrap();
        rotate(&alone, "prod", &keys, &old, source).await.unwrap();
    }
    let apart = second.bytes("p/keys.json").unwrap();
    let next = machine.healthy();
    next.states.open_keys(new.clone()).await.unwrap();
    assert_eq!(first.bytes("p/keys.json"), second.bytes("p/keys.json"));
    let kept: Vec<_> = second.keys().into_iter().filter(|key| key.starts_with("p/keys-")).collect();
    assert_eq!(kept.iter().map(|key| second.bytes(key).unwrap()).collect::<Vec<_>>(), [apart]);
}

#[tokio::test]
async fn keys_that_gave_way_are_taken_up_by_the_next_rotation_and_open_what_they_sealed() {
    let (first, second) = (bucket(), bucket());
    let machine = Machine::new(&[&first, &second]);
    let (old, new, newer) = (Source::passphrase("old"), renewed("new"), renewed("newer"));
    let state = sealed_with(&old, &machine, "prod").await;
    for (bucket, source) in [(&first, &new), (&second, &newer)] {
        let alone = Machine::new(&[bucket]);
        let (keys, _) = alone.states.open_keys(old.clone()).await.unwrap();
        rotate(&alone, "prod", &keys, &old, source).await.unwrap();
    }
    // The copy that counts is sealed with the keys that give way.
    let alone = Machine::new(&[&second]);
    let (keys, _) = alone.states.open_keys(newer.clone()).await.unwrap();
    let (mut state, session) = alone.lock("later").await.unwrap().session(keys, state).await.unwrap();
    record(&mut state, &session, vec![begin("late", Begun::Create)]).await;
    session.finish(&state).await.unwrap();
    drop(session);
    let next = machine.healthy();
    let (keys, _) = next.states.open_keys(new.clone()).await.unwrap();
    assert!(next.stored().load(&keys).await.is_err(), "it is sealed with the keys of the other bucket");
    assert!(next.states.warnings().iter().any(|said| said.contains("`drctl state rotate-key` takes them up")));
    let (same, left) = next.states.take_up_keys(keys.clone(), &[&new]).await.unwrap();
    assert!(left.len() == 1 && same.ring() == keys.ring(), "nobody gave their passphrase");
    let (all, left) = next.states.take_up_keys(keys, &[&new, &newer]).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    let aside = |bucket: &Memory| bucket.keys().into_iter().filter(|key| key.starts_with("p/keys-")).count();
    assert_eq!((aside(&first), aside(&second)), (0, 0), "they are among those that count");
    assert_eq!(next.stored().load(&all).await.unwrap().unwrap().rows, state.rows);
    rotate(&next, "prod", &all, &new, &newer).await.unwrap();
    for bucket in [&first, &second] {
        let alone = Machine::new(&[bucket]);
        let (keys, _) = alone.states.open_keys(newer.clone()).await.unwrap();
        assert_eq!(alone.stored().load(&keys).await.unwrap().unwrap().rows, state.rows);
    }
}

#[tokio::test]
async fn a_lock_is_freed_in_the_bucket_that_answers_and_the_other_one_is_told() {
    let names = ["s3://first", "s3://second"];
    for lost in [0, 1] {
        let buckets = [bucket(), bucket()];
        let machine = Machine::new(&[&buckets[0], &buckets[1]]);
        let _held = machine.lock("gone").await.unwrap();
        let half = without(&machine, lost);
        half.stored().break_lock().await.unwrap();
        let owner = |bucket: &Memory| -> serde_json::Value {
            serde_json::from_slice::<serde_json::Value>(&bucket.bytes("p/twin/prod/lock").unwrap()).unwrap()["owner"]
                .take()
        };
        assert!(owner(&buckets[1 - lost]).is_null() && !owner(&buckets[lost]).is_null());
        let warnings = half.states.warnings();
        assert!(warnings.iter().any(|w| w.contains(names[lost]) && w.contains("stays as it is")), "{warnings:?}");
        let none = machine.another(|_, bucket| bucket.through(|_| Some(Fault::LostBefore)));
        assert!(none.stored().break_lock().await.is_err());
    }
}

#[tokio::test]
async fn wherever_a_rotation_in_a_bucket_is_killed_all_opens_with_old_or_new_and_rotating_again_ends_it() {
    let (old, new) = (Source::passphrase("old"), renewed("new"));
    let mut cut = 0;
    for survives in 0.. {
        let bucket = bucket();
        let machine = Machine::new(&[&bucket]);
        let state = sealed_with(&old, &machine, "prod").await;
        let (keys, _) = machine.states.open_keys(old.clone()).await.unwrap();
        let doomed = machine.another(|_, bucket| {
            bucket.through(move |call: &Call<'_>| (call.writes > survives).then_some(Fault::LostBefore))
        });
        let (theirs, _) = doomed.states.open_keys(old.clone()).await.unwrap();
        let lock = doomed.stored().lock(Owner::here("doomed", "state rotate-key"), Duration::ZERO, silently()).await;
        let ended = match lock {
            Ok(lock) => lock.rotate(&theirs, &old, &new).await.is_ok(),
            Err(_) => false,
        };
        let next = machine.healthy();
        next.stored().break_lock().await.unwrap();
        let mut opened = 0;
        for source in [&old, &new] {
            let found = opened_by(&next, &bucket, source, "p/twin/prod/").await;
            opened += usize::from(found.is_some_and(|found| found.len() > 3));
        }
        assert!(opened > 0, "after {survives} writes nothing opens");
        if ended {
            break;
        }
        cut += 1;
        drop(keys);
        let (keys, by) = match next.states.open_keys(old.clone()).await {
            Ok((keys, _)) => (keys, &old),
            Err(_) => (next.states.open_keys(new.clone()).await.unwrap().0, &new),
        };
        let rotated = rotate(&next, "prod", &keys, by, &new).await.unwrap();
        let found = opened_by(&next, &bucket, &new, "p/twin/prod/").await.unwrap();
        assert!(are_anew(&found), "after {survives} writes: {found:?}");
        assert_eq!(next.stored().load(&rotated.keys).await.unwrap().unwrap().rows, state.rows);
    }
    assert!(cut > 10, "only {cut} points");
}

#[tokio::test]
async fn of_two_rotations_at_once_in_a_bucket_the_later_one_leaves_the_keys_of_the_first() {
    let bucket = bucket();
    let machine = Machine::new(&[&bucket]);
    let (old, new) = (Source::passphrase("old"), renewed("new"));
    let states = [sealed_with(&old, &machine, "a").await, sealed_with(&old, &machine, "b").await];
    let other = machine.healthy();
    let (theirs, _) = other.states.open_keys(old.clone()).await.unwrap();
    let (keys, _) = machine.states.open_keys(old.clone()).await.unwrap();
    rotate(&machine, "a", &keys, &old, &new).await.unwrap();
    let refused = rotate(&other, "b", &theirs, &old, &renewed("newer")).await.unwrap_err();
    assert!(matches!(refused, StateError::RingChanged { .. }), "{refused}");
    let (keys, _) = other.states.open_keys(new.clone()).await.unwrap();
    let rotated = rotate(&other, "b", &keys, &new, &renewed("newer")).await.unwrap();
    for (stack, state) in ["a", "b"].into_iter().zip(states) {
        assert_eq!(other.states.of(stack).load(&rotated.keys).await.unwrap().unwrap().rows, state.rows);
    }
}

#[tokio::test]
async fn a_move_into_a_bucket_with_keys_of_another_kind_is_told_and_the_way_back_keeps_what_opens_the_secrets() {
    let machine = Machine::new(&[&bucket()]);
    let (passphrase, key_file) = (Source::passphrase("ours"), Source::key_file());
    machine.states.open_keys(passphrase.clone()).await.unwrap();
    let local = States::local(machine.dir.path().to_owned(), "twin").of("prod");
    let (keys, _) = local.open_keys(key_file.clone()).await.unwrap();
    let lock = async |stored: &Stored| {
        stored.lock(Owner::here("move", "stack migrate-state"), Duration::ZERO, silently()).await.unwrap()
    };
    let (mut state, session) = lock(&local).await.session(keys.clone(), fresh()).await.unwrap();
    record(&mut state, &session, an_up().remove(0)).await;
    drop(session);
    let there = machine.stored();
    let change = there.key_change(&keys, &passphrase).await.unwrap().unwrap();
    assert_eq!((change.from.as_str(), change.to.as_str()), ("the key file `key`", "a passphrase"));
    lock(&local).await.move_to(&keys, passphrase.clone(), &there).await.unwrap();
    let (keys, _) = there.open_keys(passphrase.clone()).await.unwrap();
    assert_eq!(there.load(&keys).await.unwrap().unwrap(), state);
    // The project's own keys are still those of the key file.
    assert_eq!(local.key_change(&keys, &passphrase).await.unwrap(), None);
    lock(&there).await.move_to(&keys, passphrase.clone(), &local).await.unwrap();
    let (after, _) = local.open_keys(passphrase).await.unwrap();
    assert_eq!(after.provider(), keys.provider());
    assert_eq!(local.load(&after).await.unwrap().unwrap(), state);
    assert!(matches!(local.open_keys(key_file).await, Err(StateError::NoPassphrase)));
}
