//! One stack file, several environments: each has its own state, and none is taken for another.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::checkout::Checkout;

const STACK: &str = "
name: shop
regions: {primary: us-east-1}
config:
  suffix: {type: string, env: ENVIRONMENT_SUFFIX, default: dev}
resources:
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16, tags: {Name: \"shop-${suffix}\"}}}
  bucket: {type: aws:s3:Bucket, properties: {bucket: \"shop-${suffix}\"}}
outputs: {bucket: \"${bucket.bucket}\"}
";

fn drctl(directory: &Path, line: &str, suffix: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
    command.args(line.split(' ')).args(["--local", "--yes"]).current_dir(directory);
    for variable in ["ENVIRONMENT_SUFFIX", "DRCTL_ENV", "DRCTL_STACK", "DRCTL_LOCAL"] {
        command.env_remove(variable);
    }
    command.envs(suffix.map(|suffix| ("ENVIRONMENT_SUFFIX", suffix)));
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn good(directory: &Path, line: &str, suffix: Option<&str>) -> String {
    let output = drctl(directory, line, suffix);
    assert!(output.status.success(), "drctl {line}: {}\n{}", output.status, said(&output));
    said(&output)
}

#[test]
fn a_state_of_another_environment_is_refused_until_the_change_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::create_dir(here.join("stacks")).unwrap();
    std::fs::write(here.join("stacks/shop.yaml"), STACK).unwrap();
    good(here, "up --stack shop", Some("a"));
    for line in ["preview --stack shop", "up --stack shop"] {
        let refused = drctl(here, line, Some("b"));
        assert!(!refused.status.success(), "drctl {line} takes one environment for another");
        let text = said(&refused);
        for part in ["ENVIRONMENT_SUFFIX=a", "`b` now", "--stack shop@b", "--rename-environment"] {
            assert!(text.contains(part), "`{part}` is not in:\n{text}");
        }
    }
    good(here, "preview --stack shop --expect-no-changes", Some("a"));
    good(here, "up --stack shop --rename-environment", Some("b"));
    good(here, "preview --stack shop --expect-no-changes", Some("b"));
    assert!(!drctl(here, "preview --stack shop", Some("a")).status.success());
    assert!(good(here, "outputs bucket --stack shop", Some("b")).contains("shop-b"));
}

#[test]
fn two_environments_of_one_stack_live_side_by_side() {
    let checkout = Checkout::new();
    let here = checkout.path();
    for instance in ["a", "b"] {
        good(here, &format!("up --stack trading-database@{instance}"), None);
    }
    let list = good(here, "stack ls", None);
    assert!(list.contains("trading-database@a") && list.contains("trading-database@b"), "{list}");
    for instance in ["a", "b"] {
        good(here, &format!("preview --stack trading-database@{instance} --expect-no-changes"), None);
        let bucket = good(here, &format!("outputs primaryBackupBucketName --stack trading-database@{instance}"), None);
        assert!(bucket.lines().any(|line| line.ends_with(&format!("-{instance}"))), "{bucket}");
    }
    good(here, "destroy --stack trading-database@a --force-override-protection", None);
    good(here, "preview --stack trading-database@b --expect-no-changes", None);
}

#[test]
fn who_sets_the_config_of_one_instance_is_told_that_all_of_them_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::create_dir(here.join("stacks")).unwrap();
    std::fs::write(here.join("stacks/shop.yaml"), STACK).unwrap();
    let note = |line: &str| {
        let output = drctl(here, line, None);
        assert!(output.status.success(), "{}", said(&output));
        assert!(output.stdout.is_empty());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines = told.lines().filter(|line| line.starts_with("Note: `shop` and all its instances read"));
        (lines.count(), told)
    };
    assert_eq!(note("config set suffix x --stack shop").0, 0);
    let (notes, told) = note("config set suffix x --stack shop@b");
    assert!(notes == 1 && told.contains("Pulumi.shop.yaml, not `shop@b` alone"), "{told}");
    assert_eq!(note("config rm suffix --stack shop@b").0, 1);
}
