//! Every command of the README and every step of the example pipeline is run.

use crate::support::checkout::{Checkout, root};
use crate::support::emulator::ministack;

/// The lines of fenced blocks whose fence says `kind`.
fn blocks(kind: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(fence) => inside = !inside && fence == kind,
            None if inside && !line.trim().is_empty() && !line.starts_with('#') => {
                lines.push(line.replace("cargo run -- ", "drctl ").replace("cargo run --release -- ", "drctl "));
            }
            None => {}
        }
    }
    lines
}

#[test]
fn every_command_of_the_readme_that_needs_no_cloud_works() {
    let checkout = Checkout::new();
    let lines = blocks("sh");
    assert!(lines.len() > 10, "the README has lost its commands: {lines:?}");
    // `cargo` lines build and test the project: they are how this test came to run.
    for line in lines.iter().filter(|line| !line.contains("cargo ") && !line.starts_with("git ")) {
        checkout.run(line, &[]);
    }
}

#[test]
fn every_command_of_the_readme_that_needs_aws_works_on_an_api_server() {
    let checkout = Checkout::new();
    let lines = blocks("sh aws");
    assert!(!lines.is_empty(), "the README no longer says how to work with AWS");
    let server = ministack();
    let environment = [
        ("AWS_ENDPOINT_URL", server.endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "300000000006"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    for line in lines {
        checkout.run(&line, &environment);
    }
}

/// The `run:` lines of a workflow's job, in order.
fn steps(job: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("examples/pipeline/github-actions.yml")).unwrap();
    let workflow: serde_json::Value = serde_yaml::from_str(&text).unwrap();
    let steps = workflow["jobs"][job]["steps"].as_array().unwrap();
    steps.iter().filter_map(|s| s["run"].as_str().map(str::to_owned)).collect()
}

/// Jobs of a pipeline, each on a machine that knows nothing of the others. What they share is a bucket.
struct Pipeline {
    account: &'static str,
    state: String,
}

impl Pipeline {
    fn new(account: &'static str, prefix: &str) -> Self {
        let pipeline = Self { account, state: String::new() };
        let made = format!("drctl up --stack examples/state-buckets.yaml --config prefix={prefix} --yes");
        pipeline.job(&[&made]);
        Self { state: format!("s3://{prefix}-us-east-1/team"), ..pipeline }
    }

    /// What a machine has after some lines.
    fn job(&self, lines: &[&str]) -> Checkout {
        let checkout = Checkout::new();
        let environment = [
            ("AWS_ENDPOINT_URL", ministack().endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", self.account),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("DRCTL_STACK", "examples/smallest.yaml"),
            ("DRCTL_STATE", self.state.as_str()),
            ("DRCTL_PASSPHRASE", "correct horse"),
        ];
        for line in lines {
            checkout.run(line, &environment);
        }
        checkout
    }
}

fn plan(checkout: &Checkout) -> String {
    std::fs::read_to_string(checkout.path().join("plan.md")).unwrap()
}

#[test]
fn the_workflow_plans_a_pull_request_and_applies_main_and_the_next_job_knows_what_is_there() {
    let (preview, apply) = (steps("preview"), steps("apply"));
    assert!(preview.len() == 3 && apply.len() == 2, "{preview:?} {apply:?}");
    // The comment is GitHub's business; the file that it takes is ours.
    let preview: Vec<&str> = preview.iter().map(String::as_str).filter(|line| !line.starts_with("gh ")).collect();
    let apply: Vec<&str> = apply.iter().map(String::as_str).collect();
    let pipeline = Pipeline::new("300000000091", "workflow-states");
    let planned = plan(&pipeline.job(&preview));
    assert!(planned.contains("2 to create"), "{planned}");
    pipeline.job(&apply);
    let planned = plan(&pipeline.job(&preview));
    assert!(planned.contains("No changes"), "{planned}");
}

#[test]
fn the_pipeline_script_plans_and_applies_and_the_next_job_knows_what_is_there() {
    let pipeline = Pipeline::new("300000000092", "script-states");
    let planned = plan(&pipeline.job(&["examples/pipeline/deploy.sh preview"]));
    assert!(planned.contains("2 to create"), "{planned}");
    pipeline.job(&["examples/pipeline/deploy.sh apply"]);
    let planned = plan(&pipeline.job(&["examples/pipeline/deploy.sh preview"]));
    assert!(planned.contains("No changes"), "{planned}");
}
