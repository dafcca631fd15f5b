//! What a stack made is what its specification asks for: asked of AWS's API from outside, with
//! another client, by the tables in `tests/it/verify/`. The runner, `tests/emulators/verify.py`,
//! describes their format.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use crate::support::checkout::{Checkout, root};
use crate::support::emulator::{ministack, python};

/// Asks MiniStack all that a table asks; gives what does not hold, a line each.
fn mismatches(table: &Path, account: &str, suffix: &str, outputs: &Path) -> Result<String, String> {
    let output = Command::new(python())
        .arg(root().join("tests/emulators/verify.py"))
        .args(["ministack", &ministack().endpoint, account, suffix])
        .arg(table)
        .stdin(File::open(outputs).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) => Ok(said),
        Some(1) if !said.is_empty() => Err(said),
        _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Checks a stack that is up on MiniStack against the table of its name.
///
/// # Panics
/// If a check does not hold.
pub fn verify(checkout: &Checkout, stack: &str, suffix: &str, environment: &[(&str, &str)]) {
    checkout.run(&format!("drctl outputs --stack {stack} --json > outputs.json"), environment);
    let table = root().join("tests/it/verify").join(stack).with_extension("yaml");
    let (_, account) = environment.iter().find(|(name, _)| *name == "AWS_ACCESS_KEY_ID").unwrap();
    let found = mismatches(&table, account, suffix, &checkout.path().join("outputs.json"));
    found.unwrap_or_else(|wrong| panic!("{stack} is not what its specification asks for:\n{wrong}"));
}

/// The environment of a user who works with MiniStack in an account of its own.
pub fn on_ministack(account: &str) -> [(&'static str, &str); 5] {
    [
        ("AWS_ENDPOINT_URL", ministack().endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", account),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

#[test]
fn the_trading_database_is_what_its_specification_asks_for() {
    let checkout = Checkout::new();
    let environment = on_ministack("300000000011");
    checkout.run("drctl up --stack trading-database --skip-unsupported --yes", &environment);
    verify(&checkout, "trading-database", "dev", &environment);
}

#[test]
fn the_database_with_keys_of_aws_is_what_its_specification_asks_for() {
    let checkout = Checkout::new();
    let environment = on_ministack("300000000013");
    checkout.run("drctl up --stack database-dr --skip-unsupported --yes", &environment);
    verify(&checkout, "database-dr", "prod", &environment);
}

#[test]
fn a_table_that_asks_for_something_else_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let (table, outputs) = (folder.path().join("table.yaml"), folder.path().join("outputs.json"));
    std::fs::write(&outputs, "{}").unwrap();
    std::fs::write(&table, WRONG).unwrap();
    let said = mismatches(&table, "300000000012", "dev", &outputs).unwrap_err();
    insta::assert_snapshot!(said, @r#"
    R2: no check
    R9: no such requirement
    R1 another value: kms.list_aliases: contains(Aliases[].AliasName, 'alias/dev') is false, not true
    R1 too few [here]: ec2.describe_vpcs: length(Vpcs[?!IsDefault]) is 0, not {"at_least": 1}
    R1 too few [there]: ec2.describe_vpcs: length(Vpcs[?!IsDefault]) is 0, not {"at_least": 1}
    R1 nothing to keep: ec2.describe_vpcs: Vpcs[?!IsDefault] | [0].VpcId is not there
    R1 an unknown name: there is no `out.url`
    R1 refused: sns.get_topic_attributes: NotFound: Topic does not exist: arn:aws:sns:us-east-1:300000000012:none
    R1 another refusal: sns.get_topic_attributes: error is "NotFound", not "AuthorizationError"
    R9 no gap: holds, so `gaps` need not say: it has no aliases
    "#);
}

const WRONG: &str = r#"
requirements: {R1: The first, R2: The second}
sides: {here: {region: us-east-1}, there: {region: eu-west-1}}
checks:
  - id: R1
    name: another value
    calls: [{kms.list_aliases: {}, expect: {"contains(Aliases[].AliasName, 'alias/${suffix}')": true}}]
  - id: R1
    name: too few
    each: side
    calls: [{ec2.describe_vpcs: {}, expect: {"length(Vpcs[?!IsDefault])": {at_least: 1}}}]
  - id: R1
    name: nothing to keep
    calls: [{ec2.describe_vpcs: {}, keep: {vpc: "Vpcs[?!IsDefault] | [0].VpcId"}}]
  - id: R1
    name: an unknown name
    calls: [{sns.get_topic_attributes: {TopicArn: "${out.url}"}}]
  - id: R1
    name: refused
    calls: [{sns.get_topic_attributes: {TopicArn: "arn:aws:sns:us-east-1:${account}:none"}}]
  - id: R1
    name: another refusal
    calls:
      - sns.get_topic_attributes: {TopicArn: "arn:aws:sns:us-east-1:${account}:none"}
        expect: {error: AuthorizationError}
  - id: R9
    name: no gap
    calls: [{kms.list_aliases: {}, expect: {"contains(Aliases[].AliasName, 'alias/${suffix}')": false}}]
    gaps: {ministack: it has no aliases}
"#;
