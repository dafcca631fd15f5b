//! What a stack made is what its specification asks for: asked of AWS's API from outside, with
//! another client, by the tables in `tests/it/verify/`. The runner, `tests/emulators/verify.py`,
//! describes their format.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use drctl::engine::value::{Map, Value};

use crate::support::checkout::root;
use crate::support::emulator::{ministack, python};

/// Asks MiniStack all that a table asks; gives what does not hold, a line each.
pub fn mismatches(table: &Path, account: &str, suffix: &str, outputs: &Map) -> Result<String, String> {
    let mut asking = Command::new(python())
        .arg(root().join("tests/emulators/verify.py"))
        .args(["ministack", &ministack().endpoint, account, suffix])
        .arg(table)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    write!(asking.stdin.take().unwrap(), "{}", json(outputs)).unwrap();
    let output = asking.wait_with_output().unwrap();
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
pub fn verify(stack: &str, suffix: &str, account: &str, outputs: &Map) {
    let table = root().join("tests/it/verify").join(stack).with_extension("yaml");
    let found = mismatches(&table, account, suffix, outputs);
    found.unwrap_or_else(|wrong| panic!("{stack} is not what its specification asks for:\n{wrong}"));
}

/// Outputs as `drctl outputs --json` writes them.
pub fn json(outputs: &Map) -> String {
    Value::Map(outputs.clone()).to_json().unwrap().to_string()
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
fn a_table_that_asks_for_something_else_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("table.yaml");
    std::fs::write(&table, WRONG).unwrap();
    let said = mismatches(&table, "300000000012", "dev", &Map::default()).unwrap_err();
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
