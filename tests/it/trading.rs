//! The trading platform with its warm standby: its whole life on the twin and on an API server, and
//! what holds for its parts.

use drctl::engine::state::Row;
use drctl::engine::value::Value;

use crate::emulated::lives_on_moto;
use crate::stacks::Shipped;
use crate::support::checkout::Checkout;
use crate::whole_life::{Change, WholeLife, program, row, text};

const STACK: &str = "trading-platform.yaml";

const OUTPUTS: [&str; 14] = [
    "databaseSecretArn",
    "failoverEndpoint",
    "failoverStatusDashboardUrl",
    "globalWriterEndpoint",
    "hostedZoneId",
    "hostedZoneNameServers",
    "primaryDbEndpoint",
    "primaryEndpoint",
    "primaryHealthCheckId",
    "primaryHealthCheckUrl",
    "secondaryDbEndpoint",
    "secondaryEndpoint",
    "secondaryHealthCheckId",
    "secondaryHealthCheckUrl",
];

/// A change of one property of each service: the file, the text in it, the new one, and the steps that
/// it takes; `{side}` stands for both sides.
const CHANGES: [Change; 19] = [
    (
        "components/instances.yaml",
        "volumeSize: {type: integer, default: 20}",
        "volumeSize: {type: integer, default: 30}",
        &["update application[\"{side}\"]/instances/template", "update application[\"{side}\"]/instances/autoScaling"],
    ),
    (
        "trading-platform.yaml",
        "max: 9, failover: 3}",
        "max: 9, failover: 4}",
        &["update application[\"standby\"]/instances/takeOver", "update failover/function/function"],
    ),
    (
        "components/load_balancer.yaml",
        "deregistrationDelay: 30",
        "deregistrationDelay: 20",
        &["update application[\"{side}\"]/loadBalancer/targets"],
    ),
    (
        "components/certificate.yaml",
        "[\"${domainName}\", \"*.\"]",
        "[\"${domainName}\", \"*.trading-\"]",
        &["update application[\"{side}\"]/certificate/certificate"],
    ),
    (
        "components/database.yaml",
        "preferredBackupWindow: 03:00-03:30",
        "preferredBackupWindow: 04:00-04:30",
        &["update database[\"{side}\"]/cluster"],
    ),
    (
        "components/credentials.yaml",
        "description: ${description}",
        "description: Another text",
        &["update credentials/secret"],
    ),
    (
        "components/network.yaml",
        "nat-address-",
        "address-of-nat-",
        &[
            "update network[\"primary\"]/natAddress[\"a\"]",
            "update network[\"primary\"]/natAddress[\"b\"]",
            "update network[\"primary\"]/natAddress[\"c\"]",
            "update network[\"standby\"]/natAddress[\"a\"]",
        ],
    ),
    (
        "components/replicated_bucket.yaml",
        "storageClass: STANDARD",
        "storageClass: STANDARD_IA",
        &["update artifacts[\"{side}\"]/replication"],
    ),
    (
        "trading-platform.yaml",
        "timestamp '2000-01-01'",
        "timestamp '2020-01-01'",
        &["update configuration[\"{side}\"]/parameter[\"market-data-query\"]"],
    ),
    (
        "components/replication_lag.yaml",
        "limit: {type: integer, default: 30}",
        "limit: {type: integer, default: 20}",
        &["update replicationLag[\"{side}\"]/behind"],
    ),
    (
        "components/replication_lag.yaml",
        "timeout: 60",
        "timeout: 55",
        &["update replicationLag[\"{side}\"]/monitor/function"],
    ),
    (
        "components/function.yaml",
        "retentionInDays: 30",
        "retentionInDays: 60",
        &[
            "update connectivity[\"{side}\"]/probe/logs",
            "update failover/function/logs",
            "update regionalOutage/api/probe/logs",
            "update replicationLag[\"{side}\"]/monitor/logs",
        ],
    ),
    ("components/region_health.yaml", "rate(1 minute)", "rate(2 minutes)", &["update regionalOutage/api/probe/rule"]),
    (
        "components/regional_outage.yaml",
        "Neither the API nor the database of the primary region answers",
        "The primary region is gone",
        &["update regionalOutage/outage"],
    ),
    (
        "components/readiness.yaml",
        "{label: RPO, value: 60}",
        "{label: RPO, value: 50}",
        &["update readiness/readiness/dashboard"],
    ),
    (
        "components/failover_record.yaml",
        "failureThreshold: 3",
        "failureThreshold: 2",
        &["update api[\"{side}\"]/check"],
    ),
    (
        "components/failover_role.yaml",
        "maxSessionDuration: 3600",
        "maxSessionDuration: 7200",
        &["update failoverRole/role"],
    ),
    ("components/key.yaml", "enableKeyRotation: true", "enableKeyRotation: false", &["update key[\"{side}\"]/key"]),
    (
        "components/alerts.yaml",
        "Sid: AlertsOfThisAccount",
        "Sid: AlertsOfOurAccount",
        &["update incidents[\"{side}\"]/policy"],
    ),
];

const LIFE: WholeLife = WholeLife {
    stack: STACK,
    suffix: "dev",
    sides: ["primary", "standby"],
    regions: ["us-east-1", "us-east-2"],
    resources: 248,
    outputs: &OUTPUTS,
    tags,
    changes: &[&CHANGES],
    protected: &["globalCluster", "database[\"standby\"]/cluster", "application[\"primary\"]/loadBalancer"],
    // One of each region.
    keys: 2,
};

fn tags(row: &Row) -> Vec<(&'static str, &'static str)> {
    let role = match row.place.0.as_str() {
        "us-east-1" => "primary",
        "us-east-2" => "standby",
        _ => "global",
    };
    vec![("Application", "trading-platform"), ("Environment", "dev"), ("DR-Role", role)]
}

#[tokio::test(start_paused = true)]
async fn the_platform_comes_changes_in_one_place_and_goes() {
    LIFE.is_lived_on_the_twin().await;
}

#[tokio::test]
async fn on_an_api_server_the_platform_lives_as_its_specification_asks_for() {
    LIFE.is_lived_on_ministack("300000000051", |_| {}).await;
}

#[tokio::test(start_paused = true)]
async fn everything_of_the_platform_is_named_after_its_environment() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new(), STACK)).await;
    for row in shipped.stage.state.rows.values() {
        let name = row.key.urn.name();
        let named = ["name", "bucket", "identifier", "clusterIdentifier", "globalClusterIdentifier", "alarmName"];
        for given in named.into_iter().filter_map(|input| text(row, input)) {
            if !row.ty.starts_with("aws:route53/") {
                assert!(given.ends_with("-dev"), "{name} is called `{given}`");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_standby_is_the_primary_with_fewer_instances() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new(), STACK)).await;
    let state = &shipped.stage.state;
    let part = |side: &str, part: &str| row(state, &format!("application[\"{side}\"]/instances/{part}"));
    let [primary, standby] = ["primary", "standby"].map(|side| {
        let mut inputs = part(side, "template").inputs.as_map().unwrap().clone();
        let own = ["name", "vpcSecurityGroupIds", "tags", "tagSpecifications"];
        own.into_iter().for_each(|input| drop(inputs.shift_remove(input)));
        inputs
    });
    assert_eq!(primary, standby);
    let sizes = |side: &str| {
        let group = part(side, "autoScaling");
        ["minSize", "desiredCapacity", "maxSize"].map(|size| group.inputs.get(size).cloned().unwrap())
    };
    assert_eq!(sizes("primary"), [2_i64, 3, 9].map(Value::from));
    assert_eq!(sizes("standby"), [1_i64, 1, 9].map(Value::from));
    let of_databases = |side: &str| {
        let prefix = format!("database[\"{side}\"]/instance");
        state.rows.values().filter(|row| row.key.urn.name().starts_with(&prefix)).count()
    };
    assert_eq!((of_databases("primary"), of_databases("standby")), (2, 1));
}

/// What a new instance installs comes from the internet.
#[tokio::test(start_paused = true)]
async fn instances_start_when_they_have_a_way_out() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new(), STACK)).await;
    for (side, gateways) in [("primary", 3), ("standby", 1)] {
        let group = row(&shipped.stage.state, &format!("application[\"{side}\"]/instances/autoScaling"));
        let route = format!("network[\"{side}\"]/natRoute");
        let ways = group.needs.iter().filter(|urn| urn.name().starts_with(&route)).count();
        assert_eq!(ways, gateways, "{:?}", group.needs);
    }
}

#[test]
fn on_moto_the_platform_lives_as_far_as_it_implements_its_operations() {
    insta::assert_snapshot!("what_moto_lacks_for_the_trading_platform", lives_on_moto(&Checkout::new(), STACK, ""));
}
