//! How much a run writes to its own files.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use drctl::engine::clock::Clock;
use drctl::engine::event::{Ended, Sink};
use drctl::engine::execute::{Run, execute};
use drctl::engine::planner::{Mode, Request, plan};
use drctl::engine::provider::Provider;
use drctl::engine::settings::Settings;
use drctl::engine::state::State;
use drctl::engine::stop::Stop;
use drctl::stack;
use drctl::state::{Keys, Owner, Source, States, silently};
use drctl::twin::{Twin, testing};

const STEPS: usize = 1_000;
const MOST: u64 = 5_000_000;

#[tokio::test(start_paused = true)]
async fn a_thousand_steps_write_less_than_five_megabytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("name: test\nruntime: yaml\nregions: {primary: eu-west-1}\nresources:\n");
    for i in 0..STEPS {
        writeln!(text, "  r{i}: {{type: test:Named, properties: {{name: n{i}, note: a note}}}}").unwrap();
    }
    let file = folder.path().join("test.yaml");
    std::fs::write(&file, text).unwrap();
    let twin = Arc::new(Twin::new(testing::catalog(), Clock::system()));
    let request = stack::Request {
        stack: file.to_string_lossy().into_owned(),
        cwd: folder.path().to_owned(),
        config: Vec::new(),
        environment: BTreeMap::new(),
    };
    let program = Arc::new(stack::load(&request, twin.catalog()).unwrap().program);

    let root = folder.path().join(".drctl");
    let (keys, _) = Keys::open(&root, Source::key_file()).await.unwrap();
    let stored = States::local(root.clone(), "twin").of("test");
    let lock = stored.lock(Owner::here("run", "up"), Duration::ZERO, silently()).await.unwrap();
    let fresh = State::new("01LINEAGE0000000000000TEST", "test", "test", "twin");
    let (state, session) = lock.session(keys, fresh).await.unwrap();
    let session = Arc::new(session);
    let settings = Settings::default();
    let (sink, _events) = Sink::new();
    let (cloud, clock) = (&*twin, twin.clock());
    let request = Request {
        program: Some(&*program),
        state: &state,
        cloud,
        mode: Mode::Up,
        settings: &settings,
        clock,
        sink: &sink,
    };
    let planned = plan(request).await.unwrap();
    let run = Run {
        program: Some(program),
        cloud: Arc::clone(&twin) as _,
        journal: Arc::clone(&session) as _,
        sink,
        clock: twin.clock(),
        stop: Stop::default(),
        settings,
        environment: BTreeMap::new(),
    };
    let outcome = execute(planned, run).await.unwrap();
    assert_eq!(outcome.ended, Ended::Completed);
    let of = |file: &str| std::fs::metadata(root.join("twin/test").join(file)).unwrap().len();
    let journal = of("journal.jsonl");
    session.finish(&outcome.state).await.unwrap();
    let written = journal + of("state.json");
    assert!(written < MOST, "{STEPS} steps write {journal} bytes of journal, {written} with the state");
}
