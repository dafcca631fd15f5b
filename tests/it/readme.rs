//! Every command of the README and every step of the example pipeline is run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::emulator::ministack;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of what a user has after cloning, but for the source.
struct Clone {
    folder: tempfile::TempDir,
}

impl Clone {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in ["stacks", "examples"] {
            copy(&root().join(part), &folder.path().join(part));
        }
        Self { folder }
    }

    /// Runs a line of shell in it, with drctl on the path.
    fn run(&self, line: &str, environment: &[(&str, &str)]) {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_drctl"));
        let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-eu", "-c", line])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env_remove("DRCTL_LOCAL")
            .env_remove("ENVIRONMENT_SUFFIX")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "`{line}` ended with {}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if name == ".drctl" || name == "__pycache__" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

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
    let clone = Clone::new();
    let lines = blocks("sh");
    assert!(lines.len() > 10, "the README has lost its commands: {lines:?}");
    // `cargo` lines build and test the project: they are how this test came to run.
    for line in lines.iter().filter(|line| !line.contains("cargo ") && !line.starts_with("git ")) {
        clone.run(line, &[]);
    }
}

#[test]
fn every_command_of_the_readme_that_needs_aws_works_on_an_api_server() {
    let clone = Clone::new();
    let lines = blocks("sh aws");
    assert!(!lines.is_empty(), "the README no longer says how to work with AWS");
    let server = ministack();
    let environment = [
        ("AWS_ENDPOINT_URL", server.endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "300000000001"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    for line in lines {
        clone.run(&line, &environment);
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
    let clone = Clone::new();
    let (preview, apply) = (steps("preview"), steps("apply"));
    assert!(preview.len() == 3 && apply.len() == 2, "{preview:?} {apply:?}");
    // The comment is GitHub's business; the file that it takes is ours.
    for line in preview.iter().filter(|line| !line.starts_with("gh ")) {
        clone.run(line, &PIPELINE);
    }
    let plan = std::fs::read_to_string(clone.folder.path().join("plan.md")).unwrap();
    assert!(plan.contains("2 to create"), "{plan}");
    for line in &apply {
        clone.run(line, &PIPELINE);
    }
}

#[test]
fn the_pipeline_script_plans_and_applies() {
    let clone = Clone::new();
    clone.run("examples/pipeline/deploy.sh preview", &PIPELINE);
    let plan = std::fs::read_to_string(clone.folder.path().join("plan.md")).unwrap();
    assert!(plan.contains("2 to create"), "{plan}");
    clone.run("examples/pipeline/deploy.sh apply", &PIPELINE);
}
