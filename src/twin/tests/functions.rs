use super::aws::{ALIAS, CLUSTER, KEY, VPC, catalog};
use super::*;

async fn ask(twin: &Twin, function: &str, region: &str, arguments: serde_json::Value) -> Result<Value> {
    twin.invoke(function, &Place(region.to_owned()), &Value::from_json(arguments)).await
}

async fn answer(function: &str, region: &str, arguments: serde_json::Value) -> serde_json::Value {
    ask(&twin_of(catalog()), function, region, arguments).await.unwrap().to_json().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_account_a_region_and_its_zones_are_known() {
    assert_eq!(answer("aws:index/getRegion:getRegion", "eu-west-1", json!({})).await["name"], "eu-west-1");
    assert_eq!(answer("aws:getCallerIdentity", REGION, json!({})).await["accountId"], "000000000000");
    assert_eq!(answer("aws:getPartition", REGION, json!({})).await["partition"], "aws");
    let zones = answer("aws:getAvailabilityZones", "ap-southeast-2", json!({ "state": "available" })).await;
    assert_eq!(zones["names"], json!(["ap-southeast-2a", "ap-southeast-2b", "ap-southeast-2c"]));
    assert_eq!(zones["zoneIds"], json!(["apse2-az1", "apse2-az2", "apse2-az3"]));
    let fewer = answer("aws:getAvailabilityZones", REGION, json!({ "excludeNames": ["us-east-1b"] })).await;
    assert_eq!(fewer["names"], json!(["us-east-1a", "us-east-1c"]));
}

#[tokio::test(start_paused = true)]
async fn images_differ_by_region_and_not_by_call() {
    let path = json!({ "name": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64" });
    let (near, far) = (
        answer("aws:ssm/getParameter:getParameter", REGION, path.clone()).await,
        answer("aws:ssm:getParameter", "us-east-2", path).await,
    );
    assert!(near["value"].as_str().unwrap().starts_with("ami-"));
    assert_ne!(near["value"], far["value"]);
    let filters = json!({ "owners": ["amazon"], "filters": [{ "name": "name", "values": ["al2023-ami-*-arm64"] }] });
    let image = answer("aws:ec2/getAmi:getAmi", REGION, filters.clone()).await;
    assert_eq!(image, answer("aws:ec2/getAmi:getAmi", REGION, filters).await);
    assert_eq!(image["architecture"], "arm64");
    let error = ask(&twin_of(catalog()), "aws:ssm:getParameter", REGION, json!({ "name": "/mine" })).await.unwrap_err();
    assert_eq!(code(&error), (Kind::NotFound, "ParameterNotFound"));
}

#[tokio::test(start_paused = true)]
async fn keys_are_found_behind_their_aliases() {
    let twin = twin_of(catalog());
    let key = create(&twin, &at(KEY, "k"), json!({})).await.unwrap();
    create(&twin, &at(ALIAS, "a"), json!({ "name": "alias/db", "targetKeyId": key.0 })).await.unwrap();
    let alias = ask(&twin, "aws:kms/getAlias:getAlias", REGION, json!({ "name": "alias/db" })).await.unwrap();
    assert_eq!(alias.get("targetKeyId").unwrap().as_str(), Some(key.0.as_str()));
    let found = ask(&twin, "aws:kms/getKey:getKey", REGION, json!({ "keyId": "alias/db" })).await.unwrap();
    assert_eq!(found.get("id").unwrap().as_str(), Some(key.0.as_str()));

    let managed = |region| answer("aws:kms:getAlias", region, json!({ "name": "alias/aws/rds" }));
    let (near, far) = (managed(REGION).await, managed("us-east-2").await);
    assert_ne!(near["targetKeyId"], far["targetKeyId"]);
    let key = answer("aws:kms:getKey", REGION, json!({ "keyId": "alias/aws/rds" })).await;
    assert_eq!((&key["arn"], &key["keyManager"]), (&near["targetKeyArn"], &json!("AWS")));
    let cluster = |key: &serde_json::Value| json!({ "clusterIdentifier": "c", "engine": "mysql", "kmsKeyId": key });
    let unknown = json!("arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-a000-000000000000");
    let error = create(&twin, &at(CLUSTER, "c"), cluster(&unknown)).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound, "{error}");
    create(&twin, &at(CLUSTER, "c"), cluster(&near["targetKeyArn"])).await.unwrap();
    let error = ask(&twin, "aws:kms:getAlias", REGION, json!({ "name": "alias/none" })).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_function_named_after_a_type_finds_a_resource_of_it() {
    let twin = twin_of(catalog());
    let id = create(&twin, &at(VPC, "v"), json!({ "cidrBlock": "10.0.0.0/16" })).await.unwrap();
    let found = ask(&twin, "aws:ec2/getVpc:getVpc", REGION, json!({ "id": id.0 })).await.unwrap();
    assert_eq!(found.get("cidrBlock").unwrap().as_str(), Some("10.0.0.0/16"));
    let error = ask(&twin, "aws:ec2/getVpc:getVpc", "us-east-2", json!({ "id": id.0 })).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_the_twin_does_not_know_is_unsupported() {
    for function in ["aws:ec2/getNothing:getNothing", "x", "a:b:é"] {
        let error = ask(&twin_of(catalog()), function, REGION, json!({})).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported, "{function}");
    }
}
