//! The twin with the small types, and programs for it.

use std::sync::Arc;

use drctl::engine::clock::Clock;
use drctl::engine::event::Ended;
use drctl::engine::provider::{KindAt, Provider};
use drctl::engine::resource::{Seen, Want};
use drctl::engine::urn::Id;
use drctl::engine::value::Value;
use drctl::twin::{Twin, testing};

use crate::support::stage::{Report, Stage, steps, told};

/// A stage with the twin as its cloud.
pub struct Theatre {
    pub twin: Arc<Twin>,
    pub stage: Stage,
}

impl Theatre {
    pub fn new() -> Self {
        let clock = Clock::starting("2026-01-01T00:00:00Z".parse().unwrap());
        let twin = Arc::new(Twin::new(testing::catalog(), clock));
        Self { stage: Stage::new(Arc::clone(&twin) as _, clock), twin }
    }

    /// Runs `up` and expects success.
    pub async fn up(&mut self, resources: &str) -> Report {
        let report = self.stage.up(&program(resources)).await.unwrap_or_else(|p| panic!("{}", told(&p)));
        assert_eq!(report.outcome.ended, Ended::Completed, "{:#?}", report.failures());
        report
    }

    /// Runs `up`, whatever its end.
    pub async fn try_up(&mut self, resources: &str) -> Report {
        self.stage.up(&program(resources)).await.unwrap_or_else(|p| panic!("{}", told(&p)))
    }

    /// Why `up` is refused.
    pub async fn refused(&mut self, resources: &str) -> String {
        match self.stage.preview(&program(resources)).await {
            Ok(plan) => panic!("it plans {:?}", steps(&plan)),
            Err(problems) => told(&problems),
        }
    }

    pub async fn preview(&self, resources: &str) -> Vec<String> {
        steps(&self.stage.preview(&program(resources)).await.unwrap_or_else(|p| panic!("{}", told(&p))))
    }

    pub async fn destroy(&mut self) -> Report {
        let report = self.stage.destroy().await.unwrap_or_else(|p| panic!("{}", told(&p)));
        assert_eq!(report.outcome.ended, Ended::Completed, "{:#?}", report.failures());
        report
    }

    fn find(&self, name: &str) -> (KindAt, Id) {
        let found = self.stage.state.rows.values().find(|row| row.key.urn.name() == name && !row.old);
        let row = found.unwrap_or_else(|| panic!("there is no `{name}`"));
        (KindAt { ty: row.ty.clone(), place: row.place.clone() }, row.id.clone().expect("it was made"))
    }

    /// Changes an input of a resource behind everyone's back.
    pub fn drift(&self, name: &str, input: &str, value: Value) {
        let (kind, id) = self.find(name);
        self.twin.drift(&kind, &id, input, value).unwrap();
    }

    /// What the twin shows of an input now.
    pub async fn shown(&self, name: &str, input: &str) -> Value {
        let (kind, id) = self.find(name);
        let seen = self.twin.read(&kind, &[id], &Want::All).await.unwrap();
        match seen.as_slice() {
            [Seen::Ready(live)] => live.inputs.get(input).cloned().unwrap_or_default(),
            other => panic!("`{name}` is {other:?}"),
        }
    }

    /// What changed the twin since the last question: `create thing`, in order.
    pub fn changes(&self) -> Vec<String> {
        let calls = self.twin.calls();
        self.twin.forget_calls();
        let changing = calls.into_iter().filter(|c| !c.starts_with("read") && !c.starts_with("find"));
        changing.filter(|c| !c.starts_with("identity")).collect()
    }
}

/// A program in two regions.
pub fn program(resources: &str) -> String {
    let indented: String = resources.trim_matches('\n').lines().map(|l| format!("  {l}\n")).collect();
    format!(
        "name: test\nruntime: yaml\nregions: {{primary: eu-west-1, secondary: eu-central-1}}\nresources:\n{indented}"
    )
}
