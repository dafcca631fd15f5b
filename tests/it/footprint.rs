//! How much a run writes to its own files.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use drctl::engine::clock::Clock;
use drctl::engine::event::{Ended, Event, Sink};
use drctl::engine::execute::{Run, execute};
use drctl::engine::planner::{Mode, Request, plan};
use drctl::engine::provider::Provider;
use drctl::engine::settings::Settings;
use drctl::engine::state::State;
use drctl::engine::stop::Stop;
use drctl::render::log::Log;
use drctl::render::{Numbering, Renderer};
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
    let (sink, mut events) = Sink::new();
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
    sink.send(Event::Planned { plan: planned.plan.clone(), summary: planned.plan.summary() });
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
    let place = root.join("twin/test");
    let (mut record, mut numbering) = (Log::create(&place.join("runs"), "run"), Numbering::default());
    while let Ok(event) = events.try_recv() {
        record.event(&numbering.envelope(event, twin.clock().now()));
    }
    let of = |part: &str| bytes_below(&place.join(part));
    let journal = of("journal.jsonl");
    session.finish(&outcome.state).await.unwrap();
    let parts = [journal, of("state.json"), of("backups"), of("runs")];
    assert!(parts.iter().all(|bytes| *bytes > 100_000), "{parts:?}");
    let written: u64 = parts.iter().sum();
    assert!(written < MOST, "{STEPS} steps write {written} bytes: journal, state, its copy and the record {parts:?}");
}

/// The size of a file, or of all files in a directory.
fn bytes_below(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| bytes_below(&entry.unwrap().path())).sum(),
        Err(_) => std::fs::metadata(path).unwrap().len(),
    }
}
