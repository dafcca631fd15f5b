//! The two database stacks: their whole lives on the twin, and what holds for their parts.

use std::collections::BTreeSet;

use drctl::engine::state::{Row, State};
use drctl::engine::value::Value;

use crate::stacks::Shipped;
use crate::support::checkout::Checkout;
use crate::whole_life::{Change, WholeLife, program, row, text};

const OUTPUTS: [&str; 13] = [
    "databaseSecretArn",
    "globalWriterEndpoint",
    "hostedZoneId",
    "primaryBackupBucketName",
    "primaryDbEndpoint",
    "primaryDbReaderEndpoint",
    "primaryHealthCheckId",
    "secondaryBackupBucketName",
    "secondaryDbEndpoint",
    "secondaryDbReaderEndpoint",
    "secondaryHealthCheckId",
    "vpcPeeringConnectionId",
    "writerDnsName",
];

/// A change of one property of each service that both stacks use.
const CHANGES: [Change; 17] = [
    (
        "components/network.yaml",
        "mapPublicIpOnLaunch: true",
        "mapPublicIpOnLaunch: false",
        &[
            "update side[\"{side}\"]/network/publicSubnet[\"a\"]",
            "update side[\"{side}\"]/network/publicSubnet[\"b\"]",
            "update side[\"{side}\"]/network/publicSubnet[\"c\"]",
        ],
    ),
    (
        "components/database.yaml",
        "preferredBackupWindow: 03:00-03:30",
        "preferredBackupWindow: 04:00-04:30",
        &["update side[\"{side}\"]/database/cluster"],
    ),
    (
        "components/database.yaml",
        "{name: rds.global_db_rpo, value: \"30\"}",
        "{name: rds.global_db_rpo, value: \"40\"}",
        // The other one takes no part in it.
        &["update side[\"primary\"]/database/parameterGroup"],
    ),
    ("components/key.yaml", "enableKeyRotation: true", "enableKeyRotation: false", &["update key[\"{side}\"]/key"]),
    (
        "components/credentials.yaml",
        "description: ${description}",
        "description: Another text",
        &["update credentials/secret"],
    ),
    (
        "components/failover_role.yaml",
        "maxSessionDuration: 3600",
        "maxSessionDuration: 7200",
        &["update side[\"{side}\"]/failoverRole/role"],
    ),
    (
        "components/backups.yaml",
        "storageClass: STANDARD",
        "storageClass: STANDARD_IA",
        &["update side[\"{side}\"]/backups/replication"],
    ),
    (
        "components/backups.yaml",
        "daysAfterInitiation: 1",
        "daysAfterInitiation: 2",
        &["update side[\"{side}\"]/backups/lifecycle"],
    ),
    // The checks copy their alarms anew.
    (
        "components/connectivity.yaml",
        "threshold: 1",
        "threshold: 2",
        &[
            "update failover/follows[\"primary\"]",
            "update failover/follows[\"secondary\"]",
            "update side[\"{side}\"]/connectivity/alarm[\"local\"]",
            "update side[\"{side}\"]/connectivity/alarm[\"remote\"]",
        ],
    ),
    (
        "components/failover.yaml",
        "lagLimit: 5000",
        "lagLimit: 4000",
        &["update failover/follows[\"lag\"]", "update failover/lagAlarm", "update failover/lagGate"],
    ),
    (
        "components/failover.yaml",
        "childHealthThreshold: 2",
        "childHealthThreshold: 1",
        &["update failover/health[\"{side}\"]"],
    ),
    ("components/failover.yaml", "ttl: 30", "ttl: 20", &["update failover/writer[\"{side}\"]"]),
    (
        "components/function.yaml",
        "retentionInDays: 30",
        "retentionInDays: 60",
        &[
            "update failover/orchestrator/function/logs",
            "update side[\"{side}\"]/backups/exporter/logs",
            "update side[\"{side}\"]/connectivity/probe/logs",
        ],
    ),
    (
        "components/connectivity.yaml",
        "timeout: 75",
        "timeout: 70",
        &["update side[\"{side}\"]/connectivity/probe/function"],
    ),
    (
        "components/connectivity.yaml",
        "rate(1 minute)",
        "rate(2 minutes)",
        &["update side[\"{side}\"]/connectivity/probe/rule"],
    ),
    (
        "components/alerts.yaml",
        "Sid: AlertsOfThisAccount",
        "Sid: AlertsOfOurAccount",
        &["update side[\"{side}\"]/alerts/policy"],
    ),
    (
        "components/orchestrator.yaml",
        "failover-${identity}\", type: String",
        "failover-${identity}\", tags: {Note: changed}, type: String",
        &["update failover/orchestrator/record"],
    ),
];

/// Of the services that only the second one uses.
const FURTHER_CHANGES: [Change; 2] = [
    (
        "components/recovery.yaml",
        "days: {type: integer, default: 7}",
        "days: {type: integer, default: 14}",
        &["update recovery/plan"],
    ),
    (
        "database-dr.yaml",
        "global-cluster: ${globalCluster.id}",
        "global-cluster: ${globalCluster.arn}",
        &["update configuration[\"{side}\"]/parameter[\"global-cluster\"]"],
    ),
];

const OWN_KEYS: WholeLife = WholeLife {
    stack: "trading-database.yaml",
    suffix: "dev",
    sides: ["primary", "secondary"],
    regions: ["us-east-1", "eu-west-1"],
    resources: 176,
    outputs: &OUTPUTS,
    tags,
    changes: &[&CHANGES],
    protected: &["globalCluster", "side[\"primary\"]/database/cluster", "side[\"secondary\"]/database/cluster"],
    // One of each region.
    keys: 2,
};

const KEYS_OF_AWS: WholeLife = WholeLife {
    stack: "database-dr.yaml",
    suffix: "prod",
    resources: 188,
    changes: &[&CHANGES, &FURTHER_CHANGES],
    ..OWN_KEYS
};

fn tags(_: &Row) -> Vec<(&'static str, &'static str)> {
    vec![("Environment", "production"), ("DisasterRecovery", "enabled")]
}

#[tokio::test(start_paused = true)]
async fn the_database_with_keys_of_its_own_comes_changes_in_one_place_and_goes() {
    OWN_KEYS.is_lived_on_the_twin().await;
}

#[tokio::test(start_paused = true)]
async fn the_database_with_keys_of_aws_comes_changes_in_one_place_and_goes() {
    KEYS_OF_AWS.is_lived_on_the_twin().await;
}

#[tokio::test]
async fn on_an_api_server_the_database_with_keys_of_its_own_lives_as_its_specification_asks_for() {
    OWN_KEYS.is_lived_on_ministack("300000000011", |_| {}).await;
}

#[tokio::test]
async fn on_an_api_server_the_database_with_keys_of_aws_lives_as_its_specification_asks_for() {
    KEYS_OF_AWS.is_lived_on_ministack("300000000013", |_| {}).await;
}

#[tokio::test(start_paused = true)]
async fn everything_of_the_databases_is_named_and_bounded() {
    for (stack, suffix) in [("trading-database.yaml", "dev"), ("database-dr.yaml", "prod"), ("prod.yaml", "prod")] {
        let mut shipped = Shipped::new();
        shipped.up(&program(&Checkout::new(), stack)).await;
        house_rules(&shipped.stage.state, suffix);
    }
}

/// What holds for every resource of the database stacks, whatever its type.
fn house_rules(state: &State, suffix: &str) {
    for row in state.rows.values() {
        let name = row.key.urn.name();
        let text = |input: &str| row.inputs.get(input).and_then(Value::as_str);
        if !row.ty.starts_with("aws:route53/") {
            for given in ["name", "bucket", "identifier", "statementId"].into_iter().filter_map(text) {
                assert!(given.ends_with(&format!("-{suffix}")), "{name} is called `{given}`");
            }
        }
        // A version comes when `up` brings it. What restarts an instance does not.
        if row.ty.starts_with("aws:rds/cluster:") || row.ty.starts_with("aws:rds/clusterInstance:") {
            let at_once = row.inputs.get("applyImmediately").and_then(Value::as_bool);
            assert_eq!(at_once == Some(true), row.ty.ends_with(":Cluster"), "{name}");
        }
        if row.ty == "aws:iam/rolePolicy:RolePolicy" {
            let document: serde_json::Value = serde_json::from_str(text("policy").unwrap()).unwrap();
            for statement in document["Statement"].as_array().unwrap() {
                let actions = match &statement["Action"] {
                    serde_json::Value::Array(all) => all.iter().map(|a| a.as_str().unwrap()).collect(),
                    one => vec![one.as_str().unwrap()],
                };
                let asked_for_by_rds = |action: &str| name.ends_with("/exportPolicy") && action.ends_with("Object*");
                let exact = |action: &&str| !action.contains('*') || asked_for_by_rds(action);
                assert!(actions.iter().all(exact), "{name} allows {actions:?}");
                let bounded = statement["Resource"] != "*" || statement["Condition"].is_object();
                assert!(bounded, "{name} allows {actions:?} on everything");
            }
        }
    }
}

/// Route 53 reads an alarm's metric by a copy of the alarm, which only an update of the check renews.
#[tokio::test(start_paused = true)]
async fn every_check_that_follows_an_alarm_is_triggered_by_all_that_it_copies() {
    const COPIED: [&str; 8] = [
        "namespace",
        "metricName",
        "dimensions",
        "statistic",
        "comparisonOperator",
        "threshold",
        "evaluationPeriods",
        "period",
    ];
    for stack in crate::stacks::FIVE {
        let mut shipped = Shipped::new();
        shipped.up(&program(&Checkout::new(), &format!("{stack}.yaml"))).await;
        let state = &shipped.stage.state;
        let checks = state.rows.values().filter(|row| text(row, "type") == Some("CLOUDWATCH_METRIC"));
        for check in checks {
            let name = check.key.urn.name();
            let alarm = text(check, "cloudwatchAlarmName").unwrap();
            let mut alarms = state.rows.values().filter(|row| row.ty.ends_with(":MetricAlarm"));
            let alarm = alarms.find(|row| text(row, "name") == Some(alarm)).unwrap();
            let triggers = format!("{:?}", check.inputs.get("triggers").unwrap_or_else(|| panic!("{name} has none")));
            for property in COPIED {
                let value = alarm.inputs.get(property).unwrap().to_json().unwrap();
                let parts: BTreeSet<String> = match value {
                    serde_json::Value::Object(map) => map.values().map(|v| v.as_str().unwrap().to_owned()).collect(),
                    serde_json::Value::String(text) => BTreeSet::from([text]),
                    other => BTreeSet::from([other.to_string()]),
                };
                assert!(parts.iter().all(|part| triggers.contains(part)), "{property} in {name}: {triggers}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_keys_of_its_own_the_database_uses_those_of_aws_and_one_for_exports() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new(), "database-dr.yaml")).await;
    let state = &shipped.stage.state;
    assert_eq!(row(state, "credentials/secret").inputs.get("kmsKeyId"), None);
    for side in ["primary", "secondary"] {
        let cluster = row(state, &format!("side[\"{side}\"]/database/cluster"));
        let key = text(cluster, "kmsKeyId").unwrap();
        let own = row(state, &format!("key[\"{side}\"]/key")).outputs.get("arn").and_then(Value::as_str).unwrap();
        assert_ne!(key, own, "{side}");
    }
}

/// A secondary that took over would wait for the region that is lost.
#[tokio::test(start_paused = true)]
async fn commits_wait_for_the_other_region_at_home_only() {
    for stack in ["database-dr", "payments-aurora", "trading-database", "trading-platform"] {
        let mut shipped = Shipped::new();
        shipped.up(&program(&Checkout::new(), &format!("{stack}.yaml"))).await;
        let rows = shipped.stage.state.rows.values();
        let groups: Vec<_> = rows.filter(|row| row.ty.ends_with(":ClusterParameterGroup")).collect();
        assert_eq!(groups.len(), 2, "{stack}");
        for group in groups {
            let parameters = format!("{:?}", group.inputs.get("parameters"));
            assert!(parameters.contains("rds.force_ssl"), "{stack}: {parameters}");
            let at_home = group.place.0 == "us-east-1";
            assert_eq!(parameters.contains("rds.global_db_rpo"), at_home, "{stack}: {parameters}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_to_be_alerted_is_asked_by_both_regions() {
    let mut shipped = Shipped::new();
    let checkout = Checkout::new();
    let stack = program(&checkout, "trading-database.yaml");
    let config = "config: {alertRecipients: {value: [ops@example.com]}, primaryZones: {value: [b, c, d]}}\n";
    shipped.up(&format!("{stack}{config}")).await;
    let state = &shipped.stage.state;
    for side in ["primary", "secondary"] {
        let asked = row(state, &format!("side[\"{side}\"]/alerts/recipient[\"ops@example.com\"]"));
        let topic = row(state, &format!("side[\"{side}\"]/alerts/topic")).outputs.get("arn");
        assert_eq!((text(asked, "protocol"), asked.inputs.get("topic")), (Some("email"), topic), "{side}");
    }
    let subnet = row(state, "side[\"primary\"]/network/privateSubnet[\"d\"]");
    assert_eq!(text(subnet, "availabilityZone"), Some("us-east-1d"));
}
