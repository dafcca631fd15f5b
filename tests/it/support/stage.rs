//! A stage for programs: a cloud, a state in memory, and what a run on them did.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use drctl::engine::clock::Clock;
use drctl::engine::diagnostic::Diagnostic;
use drctl::engine::event::{Event, Sink};
use drctl::engine::execute::{Outcome, Run, execute};
use drctl::engine::journal::{Entry, Journal, apply};
use drctl::engine::plan::{Op, Plan};
use drctl::engine::planner::{Mode, Planned, Request, plan};
use drctl::engine::program::Program;
use drctl::engine::provider::Provider;
use drctl::engine::settings::Settings;
use drctl::engine::state::State;
use drctl::engine::stop::Stop;
use drctl::stack;
use drctl::state::{World, check_sound, without_lost_names};
use futures::future::BoxFuture;

use super::fate::Fate;

/// Keeps entries in memory, as long as its writer lives.
#[derive(Default)]
pub struct Memory {
    pub entries: Mutex<Vec<Entry>>,
    pub fate: Option<Arc<Fate>>,
}

impl Journal for Memory {
    fn append(&self, entries: Vec<Entry>) -> BoxFuture<'_, drctl::engine::error::Result<()>> {
        Box::pin(async move {
            for entry in entries {
                self.pass().await;
                self.entries.lock().unwrap().push(entry);
            }
            self.pass().await;
            Ok(())
        })
    }
}

impl Memory {
    async fn pass(&self) {
        if let Some(fate) = &self.fate {
            fate.pass().await;
        }
    }

    /// The state that these entries lead to.
    pub fn replay(&self, mut state: State) -> State {
        for entry in self.entries.lock().unwrap().iter() {
            apply(&mut state, entry.clone()).unwrap();
        }
        state
    }
}

/// One stack on one cloud.
pub struct Stage {
    folder: PathBuf,
    _temporary: tempfile::TempDir,
    pub cloud: Arc<dyn Provider>,
    pub clock: Clock,
    pub state: State,
    pub settings: Settings,
    pub stop: Stop,
    pub environment: BTreeMap<String, String>,
    pub journal: Arc<Memory>,
}

/// What a run did.
pub struct Report {
    pub plan: Plan,
    pub outcome: Outcome,
    pub events: Vec<Event>,
}

impl Stage {
    pub fn new(cloud: Arc<dyn Provider>, clock: Clock) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Self {
            folder: temporary.path().to_owned(),
            _temporary: temporary,
            cloud,
            clock,
            state: State::new("01LINEAGE0000000000000TEST", "test", "test", "test"),
            settings: Settings::default(),
            stop: Stop::default(),
            environment: BTreeMap::new(),
            journal: Arc::default(),
        }
    }

    /// Loads a program from text.
    pub fn load(&self, text: &str) -> Result<Arc<dyn Program>, Vec<Diagnostic>> {
        let file = self.folder.join("test.yaml");
        std::fs::write(&file, text).unwrap();
        let request = stack::Request {
            stack: file.to_string_lossy().into_owned(),
            cwd: self.folder.clone(),
            config: Vec::new(),
            environment: self.environment.clone(),
        };
        Ok(Arc::new(stack::load(&request, self.cloud.catalog())?.program))
    }

    /// Whatever a run leaves that ended or was struck, the next one may be planned from.
    async fn plan(&self, program: Option<&dyn Program>, mode: Mode) -> Result<Planned, Vec<Diagnostic>> {
        let state = &*without_lost_names(&self.state);
        let world = World { catalog: self.cloud.catalog(), regions: &[], is_region: |_| true };
        check_sound(state, world).unwrap();
        let (sink, _) = Sink::new();
        let (cloud, settings) = (&*self.cloud, &self.settings);
        plan(Request { program, state, cloud, mode, settings, clock: self.clock, sink: &sink }).await
    }

    /// What `up` would do with a program that was loaded elsewhere.
    pub async fn plan_of(&self, program: &dyn Program) -> Result<Plan, Vec<Diagnostic>> {
        Ok(self.plan(Some(program), Mode::Up).await?.plan)
    }

    /// What `up` would do.
    pub async fn preview(&self, text: &str) -> Result<Plan, Vec<Diagnostic>> {
        let program = self.load(text)?;
        Ok(self.plan(Some(&*program), Mode::Up).await?.plan)
    }

    /// Plans and carries out a program that was loaded elsewhere.
    pub async fn run(&mut self, program: Option<Arc<dyn Program>>, mode: Mode) -> Result<Report, Vec<Diagnostic>> {
        let planned = self.plan(program.as_deref(), mode).await?;
        Ok(self.carry_out(planned, program).await)
    }

    pub async fn up(&mut self, text: &str) -> Result<Report, Vec<Diagnostic>> {
        let program = self.load(text)?;
        let planned = self.plan(Some(&*program), Mode::Up).await?;
        Ok(self.carry_out(planned, Some(program)).await)
    }

    pub async fn destroy(&mut self) -> Result<Report, Vec<Diagnostic>> {
        let planned = self.plan(None, Mode::Destroy).await?;
        Ok(self.carry_out(planned, None).await)
    }

    pub async fn refresh(&mut self) -> Result<Report, Vec<Diagnostic>> {
        let planned = self.plan(None, Mode::Refresh).await?;
        Ok(self.carry_out(planned, None).await)
    }

    async fn carry_out(&mut self, planned: Planned, program: Option<Arc<dyn Program>>) -> Report {
        let (sink, mut events) = Sink::new();
        let plan = planned.plan.clone();
        let run = Run {
            program,
            cloud: Arc::clone(&self.cloud),
            journal: Arc::clone(&self.journal) as Arc<dyn Journal>,
            sink,
            clock: self.clock,
            stop: self.stop.clone(),
            settings: self.settings.clone(),
            environment: BTreeMap::new(),
        };
        let outcome = execute(planned, run).await.unwrap();
        self.state = outcome.state.clone();
        let mut seen = Vec::new();
        while let Ok(event) = events.try_recv() {
            seen.push(event);
        }
        Report { plan, outcome, events: seen }
    }
}

impl Report {
    /// What failed, in words.
    pub fn failures(&self) -> Vec<String> {
        let failed = self.events.iter().filter_map(|e| match e {
            Event::StepFailed { urn, op, error, .. } => Some(format!(
                "{op:?} {}: {}{error}",
                urn.name(),
                error.operation.as_ref().map(|o| format!("{o}: ")).unwrap_or_default()
            )),
            _ => None,
        });
        failed.collect()
    }
}

/// The steps of a plan that do something: `create a`, `update b`.
pub fn steps(plan: &Plan) -> Vec<String> {
    let word = |op: &Op| match op {
        Op::Act(act) => act.clone(),
        op => format!("{op:?}").to_lowercase(),
    };
    let changing = plan.steps.iter().filter(|s| s.op != Op::Same);
    changing.map(|s| format!("{} {}", word(&s.op), s.key.urn.name())).collect()
}

/// Diagnostics as text, one a line.
pub fn told(problems: &[Diagnostic]) -> String {
    problems.iter().map(|p| format!("{}: {}", p.code, p.message)).collect::<Vec<_>>().join("\n")
}
