//! The stacks that are shipped: each loads and plans, and lives a whole life on the twin.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use drctl::aws::{Aws, Settings};
use drctl::engine::clock::Clock;
use drctl::engine::event::Ended;
use drctl::engine::plan::Plan;
use drctl::engine::provider::Provider;
use drctl::engine::state::State;
use drctl::engine::value::Value;
use drctl::random::WithRandom;
use drctl::stack;
use drctl::twin::Twin;

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

    pub async fn destroy(&mut self) -> Report {
        completed(self.stage.destroy().await.unwrap_or_else(|p| panic!("{}", told(&p))))
    }
}

fn completed(report: Report) -> Report {
    assert_eq!(report.outcome.ended, Ended::Completed, "{:#?}", report.failures());
    report
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

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

/// What holds for every resource of the database stacks, whatever its type.
fn house_rules(state: &State, suffix: &str) {
    for row in state.rows.values() {
        let name = row.key.urn.name();
        let text = |input: &str| row.inputs.get(input).and_then(Value::as_str);
        if let Some(tags) = row.inputs.get("tags") {
            let tag = |key: &str| tags.get(key).and_then(Value::as_str);
            let both = (tag("Environment"), tag("DisasterRecovery"));
            assert_eq!(both, (Some("production"), Some("enabled")), "tags of {name}");
        }
        if !row.ty.starts_with("aws:route53/") {
            for given in ["name", "bucket", "identifier", "statementId"].into_iter().filter_map(text) {
                assert!(given.ends_with(&format!("-{suffix}")), "{name} is called `{given}`");
            }
        }
        if row.ty == "aws:iam/rolePolicy:RolePolicy" {
            let document: serde_json::Value = serde_json::from_str(text("policy").unwrap()).unwrap();
            for statement in document["Statement"].as_array().unwrap() {
                let actions = match &statement["Action"] {
                    serde_json::Value::Array(all) => all.iter().map(|a| a.as_str().unwrap()).collect(),
                    one => vec![one.as_str().unwrap()],
                };
                assert!(actions.iter().all(|action| !action.contains('*')), "{name} allows {actions:?}");
                let bounded = statement["Resource"] != "*" || statement["Condition"].is_object();
                assert!(bounded, "{name} allows {actions:?} on everything");
            }
        }
    }
}

const OUTPUTS: [&str; 13] = [
    "databaseSecretArn",
    "globalWriterEndpoint",
    "hostedZoneId",
    "primaryBackupBucketName",
    "primaryDbEndpoint",
    "primaryDbReaderEndpoint",
    "primaryHealthCheckId",
    "secondaryBackupBucketName",
    "secondaryDbEndpoint",
    "secondaryDbReaderEndpoint",
    "secondaryHealthCheckId",
    "vpcPeeringConnectionId",
    "writerDnsName",
];

/// Made, unchanged, changed in one place, and gone.
async fn lives(stack: &str, suffix: &str, resources: usize) {
    let mut shipped = Shipped::new();
    let program = over(stack, "");
    let made = shipped.up(&program).await;
    assert_eq!(steps(&made.plan).len(), resources);
    house_rules(&shipped.stage.state, suffix);
    let outputs = &shipped.stage.state.outputs;
    let mut names: Vec<&str> = outputs.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, OUTPUTS);
    assert!(outputs.values().all(|value| value.as_str().is_some_and(|text| !text.is_empty())), "{outputs:?}");
    assert_eq!(steps(&shipped.preview(&program).await), [""; 0], "a preview after `up` shows changes");
    assert_eq!(steps(&shipped.up(&program).await.plan), [""; 0], "a second `up` does something");
    let refreshed = shipped.stage.refresh().await.unwrap_or_else(|p| panic!("{}", told(&p)));
    assert_eq!(steps(&refreshed.plan), [""; 0], "a refresh after `up` finds drift");

    let change = over(stack, "resources: {secret: {properties: {description: Another text}}}\n");
    assert_eq!(steps(&shipped.up(&change).await.plan), ["update secret"]);
    assert_eq!(steps(&shipped.preview(&change).await), [""; 0]);

    let Err(refused) = shipped.stage.destroy().await else { panic!("`destroy` does not mind the protection") };
    assert!(told(&refused).contains("globalCluster"), "{}", told(&refused));
    shipped.stage.settings.override_protection = true;
    shipped.destroy().await;
    assert_eq!(shipped.twin.leftovers(), []);
    let kept = shipped.twin.inspect();
    assert!(kept.iter().all(|entry| entry.state == "PendingDeletion"), "{kept:#?}");
    assert_eq!(kept.len(), 2, "one key of each region: {kept:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_database_with_keys_of_its_own_comes_and_goes() {
    lives("trading-database.yaml", "dev", 173).await;
}

#[tokio::test(start_paused = true)]
async fn the_database_with_keys_of_aws_comes_and_goes() {
    lives("database-dr.yaml", "prod", 185).await;
}

#[tokio::test(start_paused = true)]
async fn all_five_live_in_one_account_at_once() {
    const FIVE: [&str; 5] =
        ["database-dr", "payments-aurora", "trading-database", "trading-platform", "payments-serverless"];
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
