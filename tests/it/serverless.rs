//! The serverless payment stack: its whole life on the twin, and what holds for its parts.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use drctl::engine::state::Row;
use drctl::engine::value::{Map, Value};

use crate::emulated::lives_on_moto;
use crate::stacks::Shipped;
use crate::support::checkout::{Checkout, root};
use crate::support::emulator::{ministack, python};
use crate::verify::json;
use crate::whole_life::{Change, WholeLife, program, row, text};

const STACK: &str = "payments-serverless.yaml";

const OUTPUTS: [&str; 10] = [
    "alarmArns",
    "customDomainEndpoint",
    "failoverApiEndpoint",
    "hostedZoneId",
    "hostedZoneNameServers",
    "primaryApiEndpoint",
    "primaryApiId",
    "primaryHealthCheckId",
    "secondaryApiId",
    "secondaryHealthCheckId",
];

/// A change of one property of each service: the file and the text in it, and the steps that it takes.
const CHANGES: [Change; 12] = [
    (
        "components/certificate.yaml",
        "tags: {Name: {fn::trimPrefix: [\"${domainName}\", \"*.\"]}}",
        "tags: {Name: another}",
        &["update side[\"{side}\"]/certificate/certificate"],
    ),
    (
        "components/api.yaml",
        "timeoutMilliseconds: 15000",
        "timeoutMilliseconds: 14000",
        &[
            "create side[\"{side}\"]/api/deployment",
            "delete side[\"{side}\"]/api/deployment",
            "update side[\"{side}\"]/api/integration[\"create\"]",
            "update side[\"{side}\"]/api/integration[\"health\"]",
            "update side[\"{side}\"]/api/integration[\"read\"]",
            "update side[\"{side}\"]/api/stage",
        ],
    ),
    ("payments-serverless.yaml", "days: 35", "days: 30", &["update side[\"{side}\"]/backups/plan"]),
    (
        "payments-serverless.yaml",
        "maximum: 30000",
        "maximum: 20000",
        &["update side[\"{side}\"]/alarms/alarm[\"dynamodb-replication-latency\"]"],
    ),
    ("payments-serverless.yaml", "retentionInDays: 90", "retentionInDays: 60", &["update centralLogs"]),
    ("payments-serverless.yaml", "expiresAt: expiresAt", "expiresAt: until", &["update table/table"]),
    (
        "components/network.yaml",
        "tags: {Name: \"${prefix}vpc-${place}\"}",
        "tags: {Name: \"${prefix}vpc-${place}\", Note: changed}",
        &["update side[\"{side}\"]/network/vpc"],
    ),
    (
        "components/operations_role.yaml",
        "maxSessionDuration: 3600",
        "maxSessionDuration: 7200",
        &["update side[\"{side}\"]/operations/role"],
    ),
    (
        "components/function.yaml",
        "memorySize: 256",
        "memorySize: 512",
        &["update side[\"{side}\"]/centralLogs/forwarder/function", "update side[\"{side}\"]/processor/function"],
    ),
    ("payments-serverless.yaml", "failureThreshold: 3", "failureThreshold: 2", &["update side[\"{side}\"]/health"]),
    (
        "components/replicated_bucket.yaml",
        "storageClass: STANDARD",
        "storageClass: STANDARD_IA",
        &["update side[\"{side}\"]/documents/replication"],
    ),
    (
        "components/alerts.yaml",
        "Sid: AlertsOfThisAccount",
        "Sid: AlertsOfOurAccount",
        &["update side[\"{side}\"]/alerts/policy"],
    ),
];

const LIFE: WholeLife = WholeLife {
    stack: STACK,
    suffix: "dev",
    sides: ["primary", "secondary"],
    regions: ["us-east-1", "us-east-2"],
    resources: 155,
    outputs: &OUTPUTS,
    tags,
    changes: &[&CHANGES],
    protected: &["table"],
    keys: 0,
};

/// A role or a health check that serves one region has its tags.
fn tags(row: &Row) -> Vec<(&'static str, &'static str)> {
    let serves = |region: &str, side: &str| row.place.0 == region || row.key.urn.name().starts_with(side);
    let (region, role) = if row.place.0 == "us-east-1" || serves("us-east-1", "side[\"primary\"]") {
        ("us-east-1", "primary")
    } else if serves("us-east-2", "side[\"secondary\"]") {
        ("us-east-2", "secondary")
    } else {
        ("global", "global")
    };
    vec![("Environment", "dev"), ("Region", region), ("DR-Role", role)]
}

#[tokio::test(start_paused = true)]
async fn the_serverless_payments_come_change_in_one_place_and_go() {
    LIFE.is_lived_on_the_twin().await;
}

/// MiniStack runs the functions.
#[tokio::test]
async fn on_an_api_server_the_serverless_payments_live_and_take_payments_in_both_regions() {
    let account = "300000000041";
    LIFE.is_lived_on_ministack(account, |outputs| pay(account, outputs)).await;
}

fn pay(account: &str, outputs: &Map) {
    let mut paying = Command::new(python())
        .arg(root().join("tests/emulators/payments.py"))
        .args([&ministack().endpoint, account, "dev"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    write!(paying.stdin.take().unwrap(), "{}", json(outputs)).unwrap();
    let output = paying.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "paid\n");
}

#[tokio::test(start_paused = true)]
async fn the_outputs_name_every_alarm_of_both_regions() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new(), STACK)).await;
    let alarms = shipped.stage.state.outputs["alarmArns"].as_list().unwrap().len();
    assert_eq!(alarms, 16, "seven of each region, and two of health");
}

#[tokio::test(start_paused = true)]
async fn everything_of_the_serverless_payments_is_named_after_its_region() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new(), STACK)).await;
    for row in shipped.stage.state.rows.values() {
        let name = row.key.urn.name();
        let names = ["name", "bucket", "statementId"].into_iter().filter_map(|input| text(row, input));
        for given in names.filter(|_| !row.ty.starts_with("aws:route53/")) {
            let places = ["us-east-1", "us-east-2", "global"].map(|place| format!("-{place}-dev"));
            let fits = places.iter().any(|place| given.ends_with(place.as_str()));
            assert!(fits, "{name} is called `{given}`");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_functions_of_the_serverless_payments_are_the_same_in_both_regions() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new(), STACK)).await;
    let state = &shipped.stage.state;
    for function in ["processor/function", "centralLogs/forwarder/function"] {
        let [one, other] = ["primary", "secondary"].map(|side| row(state, &format!("side[\"{side}\"]/{function}")));
        for input in ["code", "runtime", "handler", "memorySize", "timeout", "architectures", "description"] {
            assert!(one.inputs.get(input).is_some(), "{function} has no {input}");
            assert_eq!(one.inputs.get(input), other.inputs.get(input), "{input} of {function}");
        }
        let variables = |row: &Row| {
            let all = row.inputs.get("environment").and_then(|e| e.get("variables")).and_then(Value::as_map).cloned();
            all.unwrap().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(variables(one), variables(other), "environment of {function}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_log_of_a_forwarder_is_forwarded() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new(), STACK)).await;
    let state = &shipped.stage.state;
    let subscriptions = state.rows.values().filter(|row| row.ty.contains("logSubscriptionFilter"));
    let groups: BTreeSet<&str> = subscriptions.map(|row| text(row, "logGroup").unwrap()).collect();
    let expected = ["us-east-1", "us-east-2"].map(|place| format!("/aws/lambda/payment-processor-{place}-dev"));
    assert!(groups.iter().eq(expected.iter()), "{groups:?}");
}

#[test]
fn on_moto_the_serverless_payments_live_but_for_the_replica_of_their_table() {
    let flags = "--exclude table/replica --exclude-dependents";
    insta::assert_snapshot!(
        "what_moto_lacks_for_the_serverless_payments",
        lives_on_moto(&Checkout::new(), STACK, flags)
    );
}
