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

const PIPELINE: [(&str, &str); 2] = [("DRCTL_STACK", "examples/smallest.yaml"), ("DRCTL_LOCAL", "1")];

#[test]
fn the_workflow_plans_a_pull_request_and_applies_main() {
    let checkout = Checkout::new();
    let (preview, apply) = (steps("preview"), steps("apply"));
    assert!(preview.len() == 3 && apply.len() == 2, "{preview:?} {apply:?}");
    // The comment is GitHub's business; the file that it takes is ours.
    for line in preview.iter().filter(|line| !line.starts_with("gh ")) {
        checkout.run(line, &PIPELINE);
    }
    let plan = std::fs::read_to_string(checkout.path().join("plan.md")).unwrap();
    assert!(plan.contains("2 to create"), "{plan}");
    for line in &apply {
        checkout.run(line, &PIPELINE);
    }
}

#[test]
fn the_pipeline_script_plans_and_applies() {
    let checkout = Checkout::new();
    checkout.run("examples/pipeline/deploy.sh preview", &PIPELINE);
    let plan = std::fs::read_to_string(checkout.path().join("plan.md")).unwrap();
    assert!(plan.contains("2 to create"), "{plan}");
    checkout.run("examples/pipeline/deploy.sh apply", &PIPELINE);
}
