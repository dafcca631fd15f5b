//! The rules say nothing about what is shipped, and refuse a run before it begins.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use drctl::aws::{Aws, Settings};
use drctl::checks;
use drctl::engine::provider::Provider;
use drctl::random::WithRandom;
use drctl::stack::{self, Request};

use crate::support::stage::told;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Stacks as they are named on the command line, each with its directory.
fn shipped() -> Vec<(String, &'static str)> {
    let files = |directory: &str| {
        let entries = std::fs::read_dir(root().join(directory)).unwrap().map(|e| e.unwrap().path());
        let yaml = entries.filter(|path| path.extension().is_some_and(|e| e == "yaml"));
        yaml.map(|path| path.strip_prefix(root()).unwrap().display().to_string()).collect::<Vec<_>>()
    };
    let named = files("stacks").into_iter().chain(files("examples"));
    let settings = |name: &String| name.rsplit('/').next().is_some_and(|file| file.starts_with("Pulumi."));
    let mut all: Vec<_> = named.filter(|name| !settings(name)).map(|name| (name, ".")).collect();
    all.push(("dev".to_owned(), "examples/pulumi-project"));
    all
}

#[test]
fn no_rule_finds_anything_in_what_is_shipped() {
    let catalog = Arc::clone(WithRandom::new(Arc::new(Aws::new(Settings::default()))).catalog());
    let shipped = shipped();
    assert!(shipped.len() > 4, "{shipped:?}");
    for (stack, directory) in shipped {
        let environment = BTreeMap::from([("AWS_REGION".to_owned(), "us-east-1".to_owned())]);
        let request = Request { stack: stack.clone(), cwd: root().join(directory), config: Vec::new(), environment };
        let loaded = stack::load(&request, &catalog).unwrap_or_else(|p| panic!("{stack}: {}", told(&p)));
        let found = checks::check(&loaded.program);
        assert!(found.is_empty(), "{stack}: {}", told(&found));
    }
}

#[test]
fn a_program_that_breaks_a_rule_is_refused_with_place_and_advice() {
    let directory = tempfile::tempdir().unwrap();
    let program = "name: late\nruntime: yaml\nregions: {primary: us-east-1}\nresources:\n  \
        rule: {type: aws:cloudwatch:EventRule, properties: {scheduleExpression: rate(30 seconds)}}\n";
    std::fs::write(directory.path().join("late.yaml"), program).unwrap();
    for arguments in [&["validate"][..], &["preview", "--local"], &["up", "--local", "--yes"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_drctl"))
            .args(arguments)
            .args(["--stack", "late.yaml"])
            .current_dir(directory.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        for words in ["schedule", "late.yaml:5:", "less than a minute", "several times"] {
            assert!(told.contains(words), "{arguments:?} does not say {words}: {told}");
        }
    }
}

#[test]
fn an_id_that_cannot_be_one_is_refused_before_anything_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let program = "name: ids\nruntime: yaml\nregions: {primary: us-east-1}\nconfig:\n  network: {type: string, default: vpc-1}\nresources:\n  \
        name: {type: random:RandomId, properties: {byteLength: 4}}\n  \
        bucket: {type: aws:s3:Bucket, properties: {bucket: 'b-${name.hex}'}}\n  \
        policy: {type: aws:iam:RolePolicy, properties: {role: '${name.id}', policy: {}}}\n  \
        part: {type: aws:ec2:Subnet, properties: {vpcId: '${network}', cidrBlock: 10.0.0.0/24}}\n";
    let run = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
        let output = command.args(line.split(' ')).args(["--stack", "ids.yaml"]).current_dir(directory.path()).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    std::fs::write(directory.path().join("ids.yaml"), program).unwrap();
    let (code, told) = run("validate");
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = run("validate --config network=blah");
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("ids.yaml:10:") && told.contains("`vpcId` of `aws:ec2:Subnet` takes the id"), "{told}");
    std::fs::write(directory.path().join("ids.yaml"), program.replace("${network}", "${bucket.arn}")).unwrap();
    for line in ["validate", "preview --local", "up --local --yes"] {
        let (code, told) = run(line);
        assert_eq!(code, Some(2), "{line}: {told}");
        assert!(told.contains("wrong-reference") && told.contains("the ARN of `bucket`"), "{line}: {told}");
    }
}

#[test]
fn a_value_that_is_wrong_and_a_broken_rule_are_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let program = "name: both\nruntime: yaml\nregions: {primary: us-east-1}\nvariables: {zones: [a, b]}\nresources:\n  \
        rule: {type: aws:cloudwatch:EventRule, properties: {scheduleExpression: rate(30 seconds)}}\n  \
        net: {type: aws:ec2:Vpc, properties: {cidrBlock: '10.${zones[5]}.0.0/16', tags: {'aws:name': x}}}\n  \
        part: {type: aws:ec2:Subnet, properties: {vpcId: '${net.id}', cidrBlock: {fn::cidrSubnet: ['${net.cidrBlock}', 8, 1]}}}\n";
    std::fs::write(directory.path().join("both.yaml"), program).unwrap();
    for arguments in [&["validate"][..], &["preview", "--local"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_drctl"))
            .args(arguments)
            .args(["--stack", "both.yaml"])
            .current_dir(directory.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        for words in ["index 5 is out of bounds", "less than a minute", "the tag `aws:name` begins with `aws:`"] {
            assert_eq!(told.matches(words).count(), 1, "{arguments:?}: {words}: {told}");
        }
        assert_eq!(told.matches("error[").count(), 3, "{arguments:?}: {told}");
    }
}
