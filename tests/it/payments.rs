//! The payments on Aurora: their whole life on the twin, and what holds for their parts.

use drctl::engine::state::Row;

use crate::emulated::lives_on_moto;
use crate::stacks::Shipped;
use crate::support::checkout::Checkout;
use crate::whole_life::{Change, WholeLife, program, row, text};

const STACK: &str = "payments-aurora.yaml";

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
const CHANGES: [Change; 20] = [
    (
        "components/instances.yaml",
        "volumeSize: {type: integer, default: 20}",
        "volumeSize: {type: integer, default: 30}",
        &["update instances[\"{side}\"]/autoScaling", "update instances[\"{side}\"]/template"],
    ),
    (
        "components/instances.yaml",
        "targetCpu: {type: number, default: 60}",
        "targetCpu: {type: number, default: 50}",
        &["update instances[\"{side}\"]/followLoad"],
    ),
    (
        "components/load_balancer.yaml",
        "deregistrationDelay: 30",
        "deregistrationDelay: 20",
        &["update loadBalancer[\"{side}\"]/targets"],
    ),
    (
        "components/recovery.yaml",
        "days: {type: integer, default: 7}",
        "days: {type: integer, default: 14}",
        &["update data[\"v2\"]/recovery/plan"],
    ),
    (
        "components/payments_data.yaml",
        "limit: 1000,",
        "limit: 2000,",
        &["update data[\"v2\"]/replicationAlarm[\"lag\"]"],
    ),
    (
        "components/payments_data.yaml",
        "expiresAt: expiresAt",
        "expiresAt: until",
        &["update data[\"v2\"]/sessions/table"],
    ),
    (
        "components/database.yaml",
        "preferredBackupWindow: 03:00-03:30",
        "preferredBackupWindow: 04:00-04:30",
        &["update data[\"v2\"]/database[\"{side}\"]/cluster"],
    ),
    (
        "components/network.yaml",
        "mapPublicIpOnLaunch: true",
        "mapPublicIpOnLaunch: false",
        &[
            "update network[\"{side}\"]/publicSubnet[\"a\"]",
            "update network[\"{side}\"]/publicSubnet[\"b\"]",
            "update network[\"{side}\"]/publicSubnet[\"c\"]",
        ],
    ),
    (
        "components/function.yaml",
        "retentionInDays: 30",
        "retentionInDays: 60",
        &[
            "update connectivity[\"{side}\"]/probe/logs",
            "update notifier[\"{side}\"]/logs",
            "update orchestrator/function/logs",
            "update regionHealth[\"{side}\"]/probe/logs",
        ],
    ),
    (
        "components/region_health.yaml",
        "timeout: 75",
        "timeout: 70",
        &["update regionHealth[\"{side}\"]/probe/function"],
    ),
    (
        "components/region_health.yaml",
        "rate(1 minute)",
        "rate(2 minutes)",
        &["update regionHealth[\"{side}\"]/probe/rule"],
    ),
    (
        "components/failover_role.yaml",
        "maxSessionDuration: 3600",
        "maxSessionDuration: 7200",
        &["update failoverRole/role"],
    ),
    (
        "components/metric_stream.yaml",
        "outputFormat: json",
        "outputFormat: opentelemetry1.0",
        &["update metricStream/stream"],
    ),
    ("components/metric_stream.yaml", "noncurrentDays: 1", "noncurrentDays: 2", &["update metricStream/lifecycle"]),
    (
        "components/credentials.yaml",
        "description: ${description}",
        "description: Another text",
        &["update data[\"v2\"]/credentials/secret"],
    ),
    (
        "payments-aurora.yaml",
        "session-table: ${data[live].tableName}",
        "session-table: ${data[live].tableName}-2",
        &["update configuration[\"{side}\"]/parameter[\"session-table\"]"],
    ),
    (
        "components/metric_stream.yaml",
        "bufferingInterval: 60",
        "bufferingInterval: 120",
        &["update metricStream/firehose"],
    ),
    (
        "components/failover_record.yaml",
        "failureThreshold: 3",
        "failureThreshold: 2",
        &["update app[\"{side}\"]/check"],
    ),
    ("components/key.yaml", "enableKeyRotation: true", "enableKeyRotation: false", &["update key[\"{side}\"]/key"]),
    (
        "components/alerts.yaml",
        "Sid: AlertsOfThisAccount",
        "Sid: AlertsOfOurAccount",
        &["update alerts[\"{side}\"]/policy"],
    ),
];

const LIFE: WholeLife = WholeLife {
    stack: STACK,
    suffix: "dev",
    sides: ["primary", "dr"],
    regions: ["us-east-1", "us-east-2"],
    resources: 235,
    outputs: &OUTPUTS,
    tags,
    changes: &[&CHANGES],
    protected: &["globalCluster", "sessions/table", "sessions/replica", "loadBalancer[\"dr\"]"],
    // One of each region.
    keys: 2,
};

fn tags(row: &Row) -> Vec<(&'static str, &'static str)> {
    let role = match row.place.0.as_str() {
        "us-east-1" => "primary",
        "us-east-2" => "dr",
        _ => "global",
    };
    vec![("Environment", "dev"), ("DR-Role", role)]
}

#[tokio::test(start_paused = true)]
async fn the_payments_come_change_in_one_place_and_go() {
    LIFE.is_lived_on_the_twin().await;
}

#[tokio::test]
async fn on_an_api_server_the_payments_live_as_their_specification_asks_for() {
    let outputs = LIFE.is_lived_on_ministack("300000000014", |_| {}).await;
    // Measured by an `up` after a check had put the metric.
    let measured = outputs["replicationLagMetric"].get("lastValueMs").unwrap();
    assert_eq!(measured.to_json().unwrap(), 120.0);
}

#[tokio::test(start_paused = true)]
async fn everything_of_the_payments_is_named_after_its_environment_and_its_version() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new(), STACK)).await;
    for row in shipped.stage.state.rows.values() {
        let name = row.key.urn.name();
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
    shipped.up(&program(&Checkout::new(), STACK)).await;
    let state = &shipped.stage.state;
    let own = |part: &str| match part {
        "template" => vec!["name", "vpcSecurityGroupIds", "tags", "tagSpecifications"],
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
    let program = format!("{}config: {{certificates: {{value: {certificates}}}}}\n", program(&checkout, STACK));
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

/// Moto has no replicas of tables, and no values of metrics over the SDK's protocol.
#[test]
fn on_moto_the_payments_live_but_for_the_replica_of_their_sessions() {
    let checkout = Checkout::new();
    let of_the_lag = "fn::invoke:
      function: aws:cloudwatch:getMetricValue
      arguments: {fn::merge: [\"${lag}\", {statistic: Maximum, region: \"${regions.dr}\"}]}
      return: value
";
    let of_the_check = "{fn::invoke: {function: aws:cloudwatch:getMetricValue, arguments: {fn::merge: [\"${metric}\", \
                        {region: us-east-1}]}, return: value}}";
    checkout.replace("stacks/components/payments_data.yaml", of_the_lag, "120\n");
    checkout.replace("stacks/components/failover_record.yaml", of_the_check, "1");
    let flags = "--exclude 'data[\"v2\"]/sessions/replica' --exclude-dependents";
    insta::assert_snapshot!("what_moto_lacks_for_the_payments", lives_on_moto(&checkout, STACK, flags));
}
