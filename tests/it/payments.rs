//! The payments on Aurora: their whole life on the twin, and what holds for their parts.

use std::collections::BTreeSet;

use drctl::engine::state::{Row, State};
use drctl::engine::value::Value;

use crate::emulated::gaps;
use crate::stacks::Shipped;
use crate::support::checkout::Checkout;
use crate::support::emulator::ministack;
use crate::support::stage::{steps, told};
use crate::verify::{on_ministack, verify};

const RESOURCES: usize = 234;

const OUTPUTS: [&str; 11] = [
    "databaseSecretArn",
    "drEndpointUrl",
    "drHealthCheckId",
    "drHealthCheckStatus",
    "failoverUrl",
    "globalWriterEndpoint",
    "hostedZoneId",
    "primaryEndpointUrl",
    "primaryHealthCheckId",
    "primaryHealthCheckStatus",
    "replicationLagMetric",
];

/// A change of one property of each service: the file, the text in it, the new one, and the steps that
/// it takes; `{side}` stands for both sides.
const CHANGES: [(&str, &str, &str, &[&str]); 17] = [
    (
        "instances.yaml",
        "volumeSize: {type: integer, default: 20}",
        "volumeSize: {type: integer, default: 30}",
        &["update instances[\"{side}\"]/autoScaling", "update instances[\"{side}\"]/template"],
    ),
    (
        "instances.yaml",
        "targetCpu: {type: number, default: 60}",
        "targetCpu: {type: number, default: 50}",
        &["update instances[\"{side}\"]/followLoad"],
    ),
    (
        "load_balancer.yaml",
        "deregistrationDelay: 30",
        "deregistrationDelay: 20",
        &["update loadBalancer[\"{side}\"]/targets"],
    ),
    (
        "recovery.yaml",
        "days: {type: integer, default: 7}",
        "days: {type: integer, default: 14}",
        &["update data[\"v2\"]/recovery/plan"],
    ),
    ("payments_data.yaml", "limit: 1000,", "limit: 2000,", &["update data[\"v2\"]/replicationAlarm[\"lag\"]"]),
    ("payments_data.yaml", "expiresAt: expiresAt", "expiresAt: until", &["update data[\"v2\"]/sessions/table"]),
    (
        "database.yaml",
        "preferredBackupWindow: 03:00-03:30",
        "preferredBackupWindow: 04:00-04:30",
        &["update data[\"v2\"]/database[\"{side}\"]/cluster"],
    ),
    (
        "network.yaml",
        "mapPublicIpOnLaunch: true",
        "mapPublicIpOnLaunch: false",
        &[
            "update network[\"{side}\"]/publicSubnet[\"a\"]",
            "update network[\"{side}\"]/publicSubnet[\"b\"]",
            "update network[\"{side}\"]/publicSubnet[\"c\"]",
        ],
    ),
    (
        "function.yaml",
        "retentionInDays: 30",
        "retentionInDays: 60",
        &[
            "update connectivity[\"{side}\"]/probe/logs",
            "update notifier[\"{side}\"]/logs",
            "update orchestrator/function/logs",
            "update regionHealth[\"{side}\"]/probe/logs",
        ],
    ),
    ("region_health.yaml", "timeout: 75", "timeout: 70", &["update regionHealth[\"{side}\"]/probe/function"]),
    ("region_health.yaml", "rate(1 minute)", "rate(2 minutes)", &["update regionHealth[\"{side}\"]/probe/rule"]),
    ("failover_role.yaml", "maxSessionDuration: 3600", "maxSessionDuration: 7200", &["update failoverRole/role"]),
    ("metric_stream.yaml", "outputFormat: json", "outputFormat: opentelemetry1.0", &["update metricStream/stream"]),
    ("metric_stream.yaml", "bufferingInterval: 60", "bufferingInterval: 120", &["update metricStream/firehose"]),
    ("failover_record.yaml", "failureThreshold: 3", "failureThreshold: 2", &["update app[\"{side}\"]/check"]),
    ("key.yaml", "enableKeyRotation: true", "enableKeyRotation: false", &["update key[\"{side}\"]/key"]),
    ("alerts.yaml", "Sid: AlertsOfThisAccount", "Sid: AlertsOfOurAccount", &["update alerts[\"{side}\"]/policy"]),
];

/// The stack as it lies in a checkout, whose files may be changed.
fn program(checkout: &Checkout) -> String {
    format!("extends: {}\n", checkout.path().join("stacks/payments-aurora.yaml").display())
}

fn of_both_sides(expected: &[&str]) -> BTreeSet<String> {
    let sides = |step: &&str| ["primary", "dr"].map(|side| step.replace("{side}", side));
    expected.iter().flat_map(sides).collect()
}

fn row<'a>(state: &'a State, name: &str) -> &'a Row {
    let found = state.rows.values().find(|row| row.key.urn.name() == name);
    found.unwrap_or_else(|| panic!("there is no `{name}`"))
}

fn text<'a>(row: &'a Row, input: &str) -> Option<&'a str> {
    row.inputs.get(input).and_then(Value::as_str)
}

#[tokio::test(start_paused = true)]
async fn the_payments_come_change_in_one_place_and_go() {
    let checkout = Checkout::new();
    let mut shipped = Shipped::new();
    let program = program(&checkout);
    let made = shipped.up(&program).await;
    assert_eq!(steps(&made.plan).len(), RESOURCES);
    let outputs = &shipped.stage.state.outputs;
    let names: BTreeSet<&str> = outputs.keys().map(String::as_str).collect();
    assert!(names.iter().eq(OUTPUTS.iter()), "{names:?}");
    assert_eq!(steps(&shipped.preview(&program).await), [""; 0], "a preview after `up` shows changes");
    assert_eq!(steps(&shipped.up(&program).await.plan), [""; 0], "a second `up` does something");

    for (file, from, to, expected) in CHANGES {
        let file = format!("stacks/components/{file}");
        checkout.replace(&file, from, to);
        let plan = shipped.up(&program).await.plan;
        assert_eq!(BTreeSet::from_iter(steps(&plan)), of_both_sides(expected), "`{to}` in {file}");
        assert_eq!(steps(&shipped.preview(&program).await), [""; 0], "`{to}` in {file}");
        checkout.replace(&file, to, from);
        shipped.up(&program).await;
    }

    let Err(refused) = shipped.stage.destroy().await else { panic!("`destroy` does not mind the protection") };
    for protected in ["globalCluster", "sessions/table", "sessions/replica", "loadBalancer[\"dr\"]"] {
        assert!(told(&refused).contains(protected), "{protected}: {}", told(&refused));
    }
    shipped.stage.settings.override_protection = true;
    shipped.destroy().await;
    assert_eq!(shipped.twin.leftovers(), []);
    let kept = shipped.twin.inspect();
    assert!(kept.iter().all(|entry| entry.state == "PendingDeletion"), "{kept:#?}");
    assert_eq!(kept.len(), 2, "one key of each region: {kept:#?}");
}

#[tokio::test(start_paused = true)]
async fn everything_of_the_payments_is_named_and_tagged_after_its_side() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new())).await;
    for row in shipped.stage.state.rows.values() {
        let name = row.key.urn.name();
        if let Some(tags) = row.inputs.get("tags").filter(|tags| tags.as_map().is_some()) {
            let tag = |key: &str| tags.get(key).and_then(Value::as_str);
            let role = tag("DR-Role").unwrap_or_else(|| panic!("{name} has no DR-Role"));
            assert_eq!(tag("Environment"), Some("dev"), "tags of {name}");
            match row.place.0.as_str() {
                "us-east-2" => assert_eq!(role, "dr", "tags of {name}"),
                // Alarms on health checks live in us-east-1, whichever side they watch.
                "us-east-1" => assert!(role == "primary" || name.starts_with("app["), "{name} is tagged {role}"),
                _ => assert!(["primary", "dr", "global"].contains(&role), "{name} is tagged {role}"),
            }
        }
        let named = ["name", "bucket", "identifier", "clusterIdentifier", "globalClusterIdentifier", "statementId"];
        for given in named.into_iter().filter_map(|input| text(row, input)) {
            if row.ty.starts_with("aws:route53/") {
                continue;
            }
            assert!(given.ends_with("-dev") || given.ends_with("-dev-role"), "{name} is called `{given}`");
            if name.starts_with("data[") {
                assert!(given.ends_with("-v2-dev"), "{name} is called `{given}`");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn both_sides_start_the_same_instances_in_groups_of_the_same_size() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new())).await;
    let state = &shipped.stage.state;
    let own = |part: &str| match part {
        "template" => vec!["name", "vpcSecurityGroupIds", "tags"],
        _ => vec!["name", "autoscalingGroupName", "launchTemplate", "tags", "targetGroupArns", "vpcZoneIdentifiers"],
    };
    for part in ["template", "autoScaling", "followLoad"] {
        let [one, other] = ["primary", "dr"].map(|side| {
            let mut inputs = row(state, &format!("instances[\"{side}\"]/{part}")).inputs.as_map().unwrap().clone();
            own(part).into_iter().for_each(|input| drop(inputs.shift_remove(input)));
            inputs
        });
        assert!(one.len() >= 3, "{part}: {one:?}");
        assert_eq!(one, other, "{part}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_certificates_the_load_balancers_speak_tls_only() {
    let shipped = Shipped::new();
    let arn = |region: &str| format!("arn:aws:acm:{region}:000000000000:certificate/1");
    let certificates = format!("{{primary: \"{}\", dr: \"{}\"}}", arn("us-east-1"), arn("us-east-2"));
    let checkout = Checkout::new();
    let program = format!("{}config: {{certificates: {{value: {certificates}}}}}\n", program(&checkout));
    let plan = shipped.preview(&program).await;
    let planned = |name: &str| {
        let step = plan.steps.iter().find(|step| step.key.urn.name() == name);
        format!("{:?}", step.unwrap_or_else(|| panic!("there is no `{name}`")).changes)
    };
    assert!(planned("loadBalancer[\"dr\"]/https").contains(&arn("us-east-2")));
    let plain = planned("loadBalancer[\"dr\"]/http");
    assert!(plain.contains("redirect") && !plain.contains("forward"), "{plain}");
    assert!(planned("app[\"primary\"]/check").contains("HTTPS"));
}

#[test]
fn on_an_api_server_the_payments_are_what_their_specification_asks_for() {
    let (account, regions) = ("300000000014", ["us-east-1", "us-east-2"]);
    let (checkout, environment) = (Checkout::new(), on_ministack(account));
    let run = |line: &str| checkout.run(&format!("{line} --stack payments-aurora --skip-unsupported"), &environment);

    let said = run("drctl up --yes");
    // The reviewed list of what MiniStack lacks and drops for this stack.
    insta::assert_snapshot!(gaps(&said));
    // Its last check is a failover, which is no difference.
    verify(&checkout, "payments-aurora", "dev", &environment);
    run("drctl preview --refresh --expect-no-changes");

    checkout.replace("stacks/components/function.yaml", "retentionInDays: 30", "retentionInDays: 14");
    let said = run("drctl up --yes");
    assert!(said.contains("7 to update"), "{said}");
    let measured = "drctl outputs replicationLagMetric --stack payments-aurora --json | grep 'lastValueMs.*120'";
    checkout.run(measured, &environment);
    run("drctl preview --refresh --expect-no-changes");

    run("drctl destroy --force-override-protection --yes");
    assert_eq!(ministack().leftovers(account, &regions), "");
}
