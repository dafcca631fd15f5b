use serde_json::{Value as Json, json};

use super::*;
use crate::aws::wire::{Reply, Wire, at, aws, ok, reads_back};
use crate::engine::error::Kind;
use crate::engine::provider::{self, Provider};

const ARN: &str = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders";

fn described(change: Json) -> Json {
    let mut table = json!({
        "TableName": "orders", "TableArn": ARN, "TableStatus": "ACTIVE",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }, { "AttributeName": "at", "KeyType": "RANGE" }],
        "BillingModeSummary": { "BillingMode": "PROVISIONED" },
        "ProvisionedThroughput": { "ReadCapacityUnits": 5, "WriteCapacityUnits": 6 },
        "DeletionProtectionEnabled": true,
        "GlobalSecondaryIndexes": [{ "IndexName": "by-at", "IndexStatus": "ACTIVE",
            "KeySchema": [{ "AttributeName": "at", "KeyType": "HASH" }],
            "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"] },
            "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 2 } }],
        "LocalSecondaryIndexes": [{ "IndexName": "by-x", "Projection": { "ProjectionType": "ALL" },
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }, { "AttributeName": "x", "KeyType": "RANGE" }] }],
        "GlobalTableWitnesses": [{ "RegionName": "eu-central-1" }],
        "OnDemandThroughput": { "MaxReadRequestUnits": 100 },
        "SSEDescription": { "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": "arn:k" },
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        "LatestStreamArn": "arn:s", "LatestStreamLabel": "l",
        "TableClassSummary": { "TableClass": "STANDARD_INFREQUENT_ACCESS" },
        "WarmThroughput": { "ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000 },
        "Replicas": [{ "RegionName": "eu-west-3", "ReplicaStatus": "ACTIVE", "KMSMasterKeyId": "arn:r" }],
        "MultiRegionConsistency": "STRONG",
    });
    table.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    json!({ "Table": table })
}

fn replies(change: Json, scaled: Json) -> Vec<(&'static str, Reply)> {
    let backups = json!({ "ContinuousBackupsDescription": { "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 7 } } });
    let ttl = json!({ "TimeToLiveDescription": { "TimeToLiveStatus": "ENABLING", "AttributeName": "until" } });
    let tags = json!({ "Tags": [{ "Key": "a", "Value": "b" }, { "Key": "drctl:propagated", "Value": "true" }] });
    vec![
        ("DescribeTable", ok(described(change).to_string())),
        ("DescribeContinuousBackups", ok(backups.to_string())),
        ("DescribeTimeToLive", ok(ttl.to_string())),
        ("ListTagsOfResource", ok(tags.to_string())),
        ("DescribeScalableTargets", ok(json!({ "ScalableTargets": scaled }).to_string())),
    ]
}

fn everything() -> Json {
    json!({
        "attributes": [{ "name": "id", "type": "S" }],
        "billingMode": "PROVISIONED",
        "deletionProtectionEnabled": true,
        "globalSecondaryIndexes": [{
            "hashKey": "at",
            "keySchemas": [{ "attributeName": "at", "keyType": "HASH" }],
            "name": "by-at", "nonKeyAttributes": ["x"], "projectionType": "INCLUDE",
            "readCapacity": 1, "writeCapacity": 2,
        }],
        "globalTableWitness": { "regionName": "eu-central-1" },
        "hashKey": "id",
        "localSecondaryIndexes": [{
            "name": "by-x", "nonKeyAttributes": [], "projectionType": "ALL", "rangeKey": "x",
        }],
        "name": "orders",
        "onDemandThroughput": { "maxReadRequestUnits": 100, "maxWriteRequestUnits": -1 },
        "pointInTimeRecovery": { "enabled": true, "recoveryPeriodInDays": 7 },
        "rangeKey": "at",
        "readCapacity": 5,
        "replicas": [{
            "consistencyMode": "STRONG", "deletionProtectionEnabled": true, "kmsKeyArn": "arn:r",
            "pointInTimeRecovery": true, "propagateTags": true, "regionName": "eu-west-3",
        }],
        "serverSideEncryption": { "enabled": true, "kmsKeyArn": "arn:k" },
        "streamEnabled": true,
        "streamViewType": "NEW_AND_OLD_IMAGES",
        "tableClass": "STANDARD_INFREQUENT_ACCESS",
        "tags": { "a": "b" },
        "ttl": { "attributeName": "until", "enabled": true },
        "warmThroughput": { "readUnitsPerSecond": 12000, "writeUnitsPerSecond": 4000 },
        "writeCapacity": 6,
    })
}

#[tokio::test]
async fn read_gives_back_every_input() {
    let live = reads_back(Table::TYPE, "orders", &replies(json!({}), json!([])), &[], everything()).await;
    assert_eq!(live.outputs.get("streamArn").unwrap().as_str(), Some("arn:s"));
}

#[tokio::test]
async fn capacity_that_follows_the_load_is_not_shown() {
    let target = json!([{ "ServiceNamespace": "dynamodb", "ResourceId": "table/orders", "MinCapacity": 1,
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits", "MaxCapacity": 9, "RoleARN": "r",
        "CreationTime": 1.0 }]);
    let (aws, _) = aws(&replies(json!({}), target));
    let Seen::Ready(live) = crate::aws::wire::read(&aws, Table::TYPE, "orders").await.unwrap() else { panic!() };
    assert!(live.inputs.get("readCapacity").is_none());
    assert!(live.inputs.get("writeCapacity").is_some());
}

#[tokio::test]
async fn a_table_is_not_ready_while_an_index_or_a_replica_moves() {
    let cases = [
        (json!({ "TableStatus": "UPDATING" }), "updating"),
        (
            json!({ "GlobalSecondaryIndexes": [{ "IndexName": "by-at", "IndexStatus": "CREATING" }] }),
            "index by-at creating",
        ),
        (
            json!({ "Replicas": [{ "RegionName": "eu-west-3", "ReplicaStatus": "DELETING" }] }),
            "replica in eu-west-3 deleting",
        ),
    ];
    for (change, word) in cases {
        let (aws, _) = aws(&replies(change, json!([])));
        let seen = crate::aws::wire::read(&aws, Table::TYPE, "orders").await.unwrap();
        assert_eq!(seen, Seen::Pending(word.into()));
    }
}

/// The calls that an update makes, until it makes none; each is answered by `live` as it was.
async fn update(live: Json, wanted: Json) -> (provider::Next, Wire) {
    let (aws, wire) = aws(&[("DynamoDB_20120810", ok("{}"))]);
    let live = provider::Live { inputs: live.into(), outputs: json!({ "arn": ARN }).into() };
    let next = aws.update(&at(Table::TYPE), &Id("orders".into()), &wanted.into(), &live).await.unwrap();
    (next, wire)
}

fn index(name: &str, hash: &str) -> Json {
    json!({ "name": name, "hashKey": hash, "projectionType": "ALL" })
}

#[tokio::test]
async fn indexes_change_one_a_call_and_go_before_others_come() {
    let old = json!({ "name": "orders", "globalSecondaryIndexes": [index("one", "a"), index("two", "b")] });
    let new = json!({ "name": "orders", "attributes": [{ "name": "c", "type": "S" }],
        "globalSecondaryIndexes": [index("two", "c"), index("three", "c"), index("four", "c")] });
    let (next, wire) = update(old, new.clone()).await;
    assert_eq!(next, provider::Next::More("removing an index".into()));
    assert!(wire.requests("UpdateTable")[0].contains(r#"[{"Delete":{"IndexName":"one"}}]"#));
    let (next, wire) = update(json!({ "name": "orders", "globalSecondaryIndexes": [index("two", "c")] }), new).await;
    assert_eq!(next, provider::Next::More("making an index".into()));
    let call = wire.requests("UpdateTable").remove(0);
    assert!(call.contains("three") && !call.contains("four") && call.contains("AttributeDefinitions"), "{call}");
}

#[tokio::test]
async fn a_table_that_becomes_provisioned_takes_its_indexes_along() {
    let old =
        json!({ "name": "orders", "billingMode": "PAY_PER_REQUEST", "globalSecondaryIndexes": [index("one", "a")] });
    let new = json!({ "name": "orders", "readCapacity": 3, "writeCapacity": 4,
        "globalSecondaryIndexes": [index("one", "a")] });
    let (_, wire) = update(old, new).await;
    let call = wire.requests("UpdateTable").remove(0);
    assert!(call.contains(r#""BillingMode":"PROVISIONED""#), "{call}");
    assert_eq!(call.matches(r#""ReadCapacityUnits":3"#).count(), 2, "{call}");
}

#[tokio::test]
async fn a_stream_with_another_view_ends_first() {
    let stream = |on: bool, view: &str| json!({ "name": "orders", "streamEnabled": on, "streamViewType": view });
    let (next, wire) = update(stream(true, "NEW_IMAGE"), stream(true, "KEYS_ONLY")).await;
    assert_eq!(next, provider::Next::More("changing the stream".into()));
    assert!(wire.requests("UpdateTable")[0].contains(r#""StreamEnabled":false"#));
    let (_, wire) = update(json!({ "name": "orders", "streamEnabled": false }), stream(true, "KEYS_ONLY")).await;
    assert!(wire.requests("UpdateTable")[0].contains("KEYS_ONLY"));
}

#[tokio::test]
async fn replicas_of_the_program_change_one_a_call_and_others_are_left_alone() {
    let with = |regions: &[&str]| {
        let replicas: Vec<Json> = regions.iter().map(|r| json!({ "regionName": r })).collect();
        json!({ "name": "orders", "replicas": replicas })
    };
    let (next, wire) = update(with(&["eu-west-2"]), with(&["eu-west-3", "eu-north-1"])).await;
    assert_eq!(next, provider::Next::More("removing replicas".into()));
    assert!(wire.requests("UpdateTable")[0].contains(r#"[{"Delete":{"RegionName":"eu-west-2"}}]"#));
    let (next, wire) = update(with(&[]), with(&["eu-west-3", "eu-north-1"])).await;
    assert_eq!(next, provider::Next::More("replicating".into()));
    assert!(wire.requests("UpdateTable")[0].contains(r#"[{"Create":{"RegionName":"eu-west-3"}}]"#));
    let (next, wire) = update(with(&["eu-west-3"]), json!({ "name": "orders" })).await;
    assert_eq!((next, wire.requests("UpdateTable").len()), (provider::Next::Started, 0));
}

#[tokio::test]
async fn replicas_of_strong_consistency_come_together_with_their_witness() {
    let replica = json!([{ "regionName": "eu-west-3", "consistencyMode": "STRONG" }]);
    let wanted = json!({ "name": "orders", "replicas": replica, "globalTableWitness": { "regionName": "eu-north-1" } });
    let (_, wire) = update(json!({ "name": "orders" }), wanted).await;
    let call = wire.requests("UpdateTable").remove(0);
    assert!(call.contains(r#""MultiRegionConsistency":"STRONG""#), "{call}");
    assert!(call.contains(r#""GlobalTableWitnessUpdates":[{"Create":{"RegionName":"eu-north-1"}}]"#), "{call}");
}

async fn delete(live: Json, reply: Reply) -> (Result<provider::Next>, Wire) {
    let (aws, wire) = aws(&[("DeleteTable", reply), ("UpdateTable", ok("{}"))]);
    let live = provider::Live { inputs: live.into(), outputs: json!({ "arn": ARN }).into() };
    let applied = json!({ "name": "orders", "replicas": [{ "regionName": "eu-west-3" }] }).into();
    (aws.delete(&at(Table::TYPE), &Id("orders".into()), &applied, Some(&live)).await, wire)
}

#[tokio::test]
async fn replicas_of_the_program_go_before_the_table_and_others_stay() {
    let two = json!([{ "regionName": "eu-north-1" }, { "regionName": "eu-west-3" }]);
    let (next, wire) = delete(json!({ "name": "orders", "replicas": two }), ok("{}")).await;
    assert_eq!(next.unwrap(), provider::Next::More("removing replicas".into()));
    assert!(wire.requests("UpdateTable")[0].contains(r#"[{"Delete":{"RegionName":"eu-west-3"}}]"#));
    let other = json!([{ "regionName": "eu-north-1" }]);
    let (next, wire) = delete(json!({ "name": "orders", "replicas": other }), ok("{}")).await;
    assert_eq!(next.unwrap(), provider::Next::Started);
    assert!(wire.requests("UpdateTable").is_empty());
}

#[tokio::test]
async fn a_table_that_was_a_source_a_while_ago_can_only_be_deleted_later() {
    let message = "Replica cannot be deleted because it has acted as a source region for new replica(s) being added \
        to the table in the last 24 hours.";
    let refused =
        |message: &str| Reply::Says(400, json!({ "__type": "ValidationException", "message": message }).to_string());
    let (next, _) = delete(json!({ "name": "orders" }), refused(message)).await;
    assert_eq!(next.unwrap(), provider::Next::Later(SOURCE_STAYS));
    let (next, _) = delete(json!({ "name": "orders" }), refused("no such thing")).await;
    assert_eq!(next.unwrap_err().kind, Kind::Invalid);
}

#[test]
fn another_source_makes_another_table_and_no_source_any_more_changes_nothing() {
    let of = |name: &str| json!({ "name": "orders", "restoreSourceName": name }).into();
    let without = json!({ "name": "orders" }).into();
    assert_eq!(Table::replaces(&of("a"), &of("b")), ["restoreSourceName"]);
    assert_eq!(Table::replaces(&without, &of("b")), ["restoreSourceName"]);
    assert!(Table::replaces(&of("a"), &of("a")).is_empty());
    assert!(Table::replaces(&of("a"), &without).is_empty());
}
