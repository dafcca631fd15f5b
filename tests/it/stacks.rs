//! The stacks that are shipped, all of them: each loads and plans, and they live beside each other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drctl::aws::{Aws, Settings};
use drctl::engine::clock::Clock;
use drctl::engine::event::Ended;
use drctl::engine::plan::Plan;
use drctl::engine::provider::Provider;
use drctl::random::WithRandom;
use drctl::stack;
use drctl::twin::Twin;

use crate::support::checkout::Checkout;
use crate::support::stage::{Report, Stage, steps, told};

/// The twin with AWS's types, as `drctl --local` works on it.
pub struct Shipped {
    pub twin: Arc<Twin>,
    pub stage: Stage,
}

impl Shipped {
    pub fn new() -> Self {
        let clock = Clock::starting("2026-01-01T00:00:00Z".parse().unwrap());
        let types = Arc::clone(Aws::new(Settings::default()).catalog());
        let twin = Arc::new(Twin::new(types, clock));
        let cloud = Arc::new(WithRandom::new(Arc::clone(&twin) as _));
        Self { stage: Stage::new(cloud, clock), twin }
    }

    pub async fn preview(&self, text: &str) -> Plan {
        self.stage.preview(text).await.unwrap_or_else(|p| panic!("{}", told(&p)))
    }

    pub async fn up(&mut self, text: &str) -> Report {
        completed(self.stage.up(text).await.unwrap_or_else(|p| panic!("{}", told(&p))))
    }
}

pub fn completed(report: Report) -> Report {
    assert_eq!(report.outcome.ended, Ended::Completed, "{:#?}", report.failures());
    report
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub const FIVE: [&str; 5] =
    ["database-dr", "payments-aurora", "trading-database", "trading-platform", "payments-serverless"];

/// A program that is a shipped stack with something laid over it.
fn over(stack: &str, change: &str) -> String {
    format!("extends: {}\n{change}", root().join("stacks").join(stack).display())
}

/// Programs in a directory: files of stacks, and directories of Pulumi projects.
fn programs(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| match path.extension() {
            Some(extension) => extension == "yaml",
            None => path.join("Pulumi.yaml").is_file(),
        })
        .filter(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("Pulumi.")))
        .collect();
    found.sort();
    found
}

#[tokio::test(start_paused = true)]
async fn every_shipped_program_loads_and_plans() {
    let stacks = programs(&root().join("stacks"));
    assert!(stacks.len() >= 3, "{stacks:?}");
    for path in stacks.into_iter().chain(programs(&root().join("examples"))) {
        let shipped = Shipped::new();
        let request = stack::Request {
            stack: path.to_string_lossy().into_owned(),
            cwd: root().to_owned(),
            config: Vec::new(),
            environment: std::collections::BTreeMap::new(),
        };
        let loaded = stack::load(&request, shipped.stage.cloud.catalog());
        let loaded = loaded.unwrap_or_else(|p| panic!("{}: {}", path.display(), told(&p)));
        assert!(loaded.warnings.is_empty(), "{}: {}", path.display(), told(&loaded.warnings));
        let plan = shipped.stage.plan_of(&loaded.program).await;
        let plan = plan.unwrap_or_else(|p| panic!("{}: {}", path.display(), told(&p)));
        assert!(!steps(&plan).is_empty(), "{} plans nothing", path.display());
    }
}

#[tokio::test(start_paused = true)]
async fn both_regions_write_to_whom_the_config_names() {
    for stack in ["trading-platform", "payments-serverless"] {
        let config = "config: {alertRecipients: {value: [on-call@example.com]}}\n";
        let plan = Shipped::new().preview(&over(&format!("{stack}.yaml"), config)).await;
        let asked = plan.steps.iter().filter(|step| step.ty == "aws:sns/topicSubscription:TopicSubscription");
        let regions: BTreeSet<&str> = asked.map(|step| step.place.0.as_str()).collect();
        assert_eq!(regions, BTreeSet::from(["us-east-1", "us-east-2"]), "{stack}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_five_live_in_one_account_at_once() {
    let first = Shipped::new();
    let mut stages = Vec::new();
    for (i, stack) in FIVE.iter().enumerate() {
        let mut stage = Stage::new(Arc::clone(&first.stage.cloud), first.stage.clock);
        stage.state.lineage = format!("01LINEAGE000000000000TEST{i}");
        let program = over(&format!("{stack}.yaml"), "");
        let made = completed(stage.up(&program).await.unwrap_or_else(|p| panic!("{stack}: {}", told(&p))));
        assert!(made.plan.steps.len() > 150, "{stack}");
        stages.push((stage, program));
    }
    for (stage, program) in &stages {
        assert_eq!(steps(&stage.preview(program).await.unwrap()), [""; 0]);
    }
    for (stage, _) in &mut stages {
        stage.settings.override_protection = true;
        completed(stage.destroy().await.unwrap_or_else(|p| panic!("{}", told(&p))));
    }
    assert_eq!(first.twin.leftovers(), []);
}

/// A managed policy has at most 6,144 characters without white space, and a role at most 10 of them.
#[test]
fn a_role_can_take_the_policies_of_each_stack() {
    let checkout = Checkout::new();
    for stack in FIVE {
        checkout.run(&format!("drctl permissions --stack {stack} --files policies/{stack}"), &[]);
        let files = std::fs::read_dir(checkout.path().join("policies").join(stack)).unwrap();
        let policies: Vec<String> = files.map(|f| std::fs::read_to_string(f.unwrap().path()).unwrap()).collect();
        assert!((1..=10).contains(&policies.len()), "{stack}: {}", policies.len());
        for policy in policies {
            let length = policy.chars().filter(|c| !c.is_whitespace()).count();
            assert!(length <= 6_144, "{stack}: {length}");
        }
    }
}
