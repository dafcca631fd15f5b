//! What planning and carrying out cost without a cloud's own latency.
//!
//! `cargo bench` builds the AWS SDK optimised, which takes a while; `cargo bench --profile dev` uses
//! what the tests have built and gives upper bounds.
//!
//! Targets: a program of 10,000 resources previews against its state in under a second of CPU, and
//! 1,000 steps without latency apply in under 0.3 seconds, journal on disk included.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use drctl::engine::clock::Clock;
use drctl::engine::event::{Ended, Sink};
use drctl::engine::execute::{Run, execute};
use drctl::engine::plan::Plan;
use drctl::engine::planner::{Mode, Planned, Request, plan};
use drctl::engine::program::Program;
use drctl::engine::provider::Provider;
use drctl::engine::settings::Settings;
use drctl::engine::state::State;
use drctl::engine::stop::Stop;
use drctl::stack;
use drctl::state::{Owner, Source, States, silently};
use drctl::twin::{Twin, testing};
use tokio::runtime::{Builder, Runtime};

/// Chains of ten named resources, as many as it takes.
fn text(resources: usize) -> String {
    use std::fmt::Write;
    let mut text = String::from("name: bench\nruntime: yaml\nregions: {primary: eu-west-1}\nresources:\n");
    for i in 0..resources {
        let note = if i % 10 == 0 { format!("note {i}") } else { format!("${{r{}.arn}}", i - 1) };
        writeln!(text, "  r{i}: {{type: test:Named, properties: {{name: n{i}, note: '{note}'}}}}").expect("text grows");
    }
    text
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime starts")
}

fn load(folder: &Path, resources: usize, cloud: &Twin) -> Arc<dyn Program> {
    let file = folder.join("bench.yaml");
    std::fs::write(&file, text(resources)).expect("the folder is writable");
    let request = stack::Request {
        stack: file.to_string_lossy().into_owned(),
        cwd: folder.to_owned(),
        config: Vec::new(),
        environment: BTreeMap::new(),
    };
    Arc::new(stack::load(&request, cloud.catalog()).expect("the program is right").program)
}

async fn planned(program: &dyn Program, state: &State, cloud: &Twin) -> Planned {
    let (settings, (sink, _)) = (Settings::default(), Sink::new());
    let clock = cloud.clock();
    let request =
        Request { program: Some(program), state, cloud, mode: Mode::Up, settings: &settings, clock, sink: &sink };
    plan(request).await.expect("the program can be planned")
}

/// Carries a plan out, journal on disk, and gives the state.
async fn applied(folder: &Path, resources: usize) -> (State, Arc<Twin>) {
    let cloud = Arc::new(Twin::new(testing::catalog(), Clock::system()));
    let program = load(folder, resources, &cloud);
    let root = folder.join(".drctl");
    let stored = States::local(root, "twin").of("bench");
    let (keys, _) = stored.open_keys(Source::key_file()).await.expect("keys can be made");
    let owner = Owner::here("bench", "bench");
    let lock = stored.lock(owner, Duration::ZERO, silently()).await.expect("nobody holds the stack");
    let fresh = State::new("01BENCH0000000000000000000", "bench", "bench", "twin");
    let (state, session) = lock.session(keys, fresh).await.expect("the state is fresh");
    let planned = planned(&*program, &state, &cloud).await;
    let session = Arc::new(session);
    let (sink, _events) = Sink::new();
    let run = Run {
        program: Some(program),
        cloud: Arc::clone(&cloud) as _,
        journal: Arc::clone(&session) as _,
        sink,
        clock: cloud.clock(),
        stop: Stop::default(),
        settings: Settings::default(),
        environment: BTreeMap::new(),
    };
    let outcome = execute(planned, run).await.expect("the journal is writable");
    assert_eq!(outcome.ended, Ended::Completed);
    session.finish(&outcome.state).await.expect("the state is writable");
    (outcome.state, cloud)
}

fn preview(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let runtime = runtime();
    let (state, cloud) = runtime.block_on(applied(folder.path(), 10_000));
    c.bench_function("preview 10,000 unchanged resources", |b| {
        b.iter(|| {
            let program = load(folder.path(), 10_000, &cloud);
            let plan: Plan = runtime.block_on(planned(&*program, &state, &cloud)).plan;
            assert!(plan.is_empty());
            black_box(plan)
        });
    });
}

fn apply(c: &mut Criterion) {
    c.bench_function("apply 1,000 new resources", |b| {
        b.iter(|| {
            let folder = tempfile::tempdir().expect("a folder can be made");
            runtime().block_on(applied(folder.path(), 1_000))
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = preview, apply
}
criterion_main!(benches);
