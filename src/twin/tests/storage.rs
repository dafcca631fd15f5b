use super::aws::{BUCKET, CLUSTER, KEY, REPLICATION, ROLE, SECRET, VERSIONING, catalog};
use super::*;

const NEAR: &str = "us-east-1";
const FAR: &str = "us-east-2";

#[tokio::test(start_paused = true)]
async fn a_deleted_key_is_gone_for_callers_and_pending_deletion_for_a_while() {
    let twin = twin_of(catalog());
    let at = at_in(KEY, "k", NEAR);
    let made = made(&twin, &at, json!({ "deletionWindowInDays": 7 })).await.unwrap();
    let Some(Seen::Ready(live)) = &made.seen else { panic!("not ready") };
    let arn = live.outputs.get("arn").unwrap().to_json().unwrap();
    let cluster = |id: &str| json!({ "clusterIdentifier": id, "engine": "x", "kmsKeyId": arn });
    create(&twin, &at_in(CLUSTER, "c", NEAR), cluster("c")).await.unwrap();

    assert_eq!(delete(&twin, &at, &made.id).await.unwrap(), Next::Gone);
    assert_eq!(read(&twin, &at.kind, &made.id).await, Seen::Gone);
    let error = create(&twin, &at_in(CLUSTER, "d", NEAR), cluster("d")).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    let states =
        |twin: &Twin| twin.inspect().iter().filter(|e| e.token == KEY).map(|e| e.state.clone()).collect::<Vec<_>>();
    assert_eq!(states(&twin), ["PendingDeletion"]);
    assert!(twin.leftovers().iter().all(|e| e.token != KEY));
    pass(7 * 24 * 60 * 60).await;
    assert!(states(&twin).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_region_is_refused() {
    let twin = twin_of(catalog());
    let made = made(&twin, &at_in(KEY, "k", NEAR), json!({})).await.unwrap();
    let arn = format!("arn:aws:kms:{NEAR}:000000000000:key/{}", made.id);
    let inputs = json!({ "clusterIdentifier": "c", "engine": "x", "kmsKeyId": arn });
    let error = create(&twin, &at_in(CLUSTER, "c", FAR), inputs).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Invalid, "KMSKeyNotAccessibleFault"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_drops_its_replicas_first_and_keeps_its_name_until_its_window_ends() {
    let twin = twin_of(catalog());
    let at = at_in(SECRET, "s", NEAR);
    let inputs = json!({ "name": "db", "recoveryWindowInDays": 7, "replicas": [{ "region": FAR }] });
    let id = create(&twin, &at, inputs).await.unwrap();
    assert!(matches!(delete(&twin, &at, &id).await.unwrap(), Next::More(_)));
    pass(10).await;
    assert_eq!(delete(&twin, &at, &id).await.unwrap(), Next::Gone);
    let again = at_in(SECRET, "again", NEAR);
    let error = create(&twin, &again, json!({ "name": "db" })).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Invalid, "InvalidRequestException"));
    assert!(error.hint.unwrap().contains("recoveryWindowInDays: 0"));
    pass(7 * 24 * 60 * 60).await;
    let id = create(&twin, &again, json!({ "name": "db" })).await.unwrap();

    let now = json!({ "recoveryWindowInDays": 0 });
    assert_eq!(delete_with(&twin, &again, &id, now).await.unwrap(), Next::Gone);
    create(&twin, &at_in(SECRET, "third", NEAR), json!({ "name": "db" })).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_made_again_in_its_window_is_the_old_one() {
    let twin = twin_of(Arc::clone(crate::aws::catalog()));
    let at = at_in(SECRET, "s", NEAR);
    let old = create(&twin, &at, json!({ "name": "db", "description": "old" })).await.unwrap();
    pass(10).await;
    assert_eq!(delete(&twin, &at, &old).await.unwrap(), Next::Gone);
    let again = At { attempt: "another".into(), ..at.clone() };
    let error = create(&twin, &again, json!({ "name": "db", "type": "T" })).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Invalid, "InvalidRequestException"));
    let new = create(&twin, &again, json!({ "name": "db", "description": "new" })).await.unwrap();
    assert_eq!(new, old);
    pass(31 * 24 * 60 * 60).await;
    let Seen::Ready(live) = read(&twin, &at.kind, &new).await else { panic!("not ready") };
    assert_eq!(live.inputs.get("description"), Some(&"new".into()));
    assert_eq!(live.outputs.get("arn"), Some(&new.0.as_str().into()));
}

async fn bucket(twin: &Twin, name: &str, region: &str) {
    create(twin, &at_in(BUCKET, name, region), json!({ "bucket": name })).await.unwrap();
}

async fn versioning(twin: &Twin, name: &str, region: &str) {
    let inputs = json!({ "bucket": name, "versioningConfiguration": { "status": "Enabled" } });
    create(twin, &at_in(VERSIONING, name, region), inputs).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_setting_is_set_over_the_one_that_is_there() {
    let twin = twin_of(Arc::clone(crate::aws::catalog()));
    bucket(&twin, "b", NEAR).await;
    versioning(&twin, "b", NEAR).await;
    let other = at_in(VERSIONING, "other", NEAR);
    let inputs = json!({ "bucket": "b", "versioningConfiguration": { "status": "Suspended" } });
    let id = create(&twin, &other, inputs).await.unwrap();
    pass(60).await;
    let Seen::Ready(live) = read(&twin, &other.kind, &id).await else { panic!("not ready") };
    let status = live.inputs.get("versioningConfiguration").and_then(|v| v.get("status"));
    assert_eq!(status, Some(&"Suspended".into()));
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_put_in_place_of_only_where_the_program_says_so() {
    let twin = twin_of(Arc::clone(crate::aws::catalog()));
    let parameter = |overwrite: bool| json!({ "name": "p", "type": "String", "value": "1", "overwrite": overwrite });
    let at = |name| at_in("aws:ssm/parameter:Parameter", name, NEAR);
    create(&twin, &at("a"), parameter(false)).await.unwrap();
    let error = create(&twin, &at("b"), parameter(false)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Exists);
    create(&twin, &at("b"), parameter(true)).await.unwrap();
    assert_eq!(twin.inspect().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn names_of_buckets_are_unique_in_the_world() {
    let twin = twin_of(catalog());
    bucket(&twin, "b", NEAR).await;
    let error = create(&twin, &at_in(BUCKET, "c", FAR), json!({ "bucket": "b" })).await.unwrap_err();
    assert_eq!(error.kind, Kind::Exists);
}

#[tokio::test(start_paused = true)]
async fn replication_needs_versions_on_both_sides_for_as_long_as_it_lasts() {
    let twin = twin_of(catalog());
    create(&twin, &at_in(ROLE, "r", Place::GLOBAL), json!({ "name": "r" })).await.unwrap();
    bucket(&twin, "near", NEAR).await;
    bucket(&twin, "far", FAR).await;
    let replication = at_in(REPLICATION, "x", NEAR);
    let inputs = json!({
        "bucket": "near", "role": "arn:aws:iam::000000000000:role/r",
        "rules": [{ "status": "Enabled", "destination": { "bucket": "arn:aws:s3:::far" } }],
    });
    for (name, region) in [("near", NEAR), ("far", FAR)] {
        let error = create(&twin, &replication, inputs.clone()).await.unwrap_err();
        assert_eq!(code(&error), (Kind::Invalid, "InvalidRequest"));
        assert!(error.message.contains(name), "{error}");
        versioning(&twin, name, region).await;
    }
    let id = create(&twin, &replication, inputs).await.unwrap();
    let error = delete(&twin, &at_in(VERSIONING, "near", NEAR), &Id("near".into())).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Busy, "InvalidBucketState"));
    delete(&twin, &replication, &id).await.unwrap();
    delete(&twin, &at_in(VERSIONING, "near", NEAR), &Id("near".into())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_bucket_consists_of_ends_with_it() {
    let twin = twin_of(catalog());
    bucket(&twin, "b", NEAR).await;
    versioning(&twin, "b", NEAR).await;
    assert_eq!(delete(&twin, &at_in(BUCKET, "b", NEAR), &Id("b".into())).await.unwrap(), Next::Gone);
    assert!(twin.inspect().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_role_that_does_not_exist_is_refused() {
    let twin = twin_of(catalog());
    bucket(&twin, "b", NEAR).await;
    versioning(&twin, "b", NEAR).await;
    let inputs = json!({ "bucket": "b", "role": "arn:aws:iam::000000000000:role/none", "rules": [] });
    let error = create(&twin, &at_in(REPLICATION, "x", NEAR), inputs).await.unwrap_err();
    assert_eq!(code(&error), (Kind::NotFound, "NoSuchEntity"));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_arn_of_a_role_is_refused_where_one_is_wanted() {
    let twin = twin_of(catalog());
    bucket(&twin, "b", NEAR).await;
    versioning(&twin, "b", NEAR).await;
    for wrong in ["role", "arn:aws:s3:::b", "arn:aws:kms:us-east-1:000000000000:key/1"] {
        let inputs = json!({ "bucket": "b", "role": wrong, "rules": [] });
        let error = create(&twin, &at_in(REPLICATION, "x", NEAR), inputs).await.unwrap_err();
        assert_eq!(code(&error), (Kind::Invalid, "InvalidRequest"));
        assert_eq!(error.message, format!("`role` takes the ARN of an `aws:iam:Role`, not `{wrong}`"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_group_takes_two_subscription_filters() {
    let twin = twin_of(Arc::clone(crate::aws::catalog()));
    let group = "aws:cloudwatch/logGroup:LogGroup";
    create(&twin, &at(group, "g"), json!({ "name": "/a" })).await.unwrap();
    let filter = async |name: &str| {
        let destination = "arn:aws:lambda:us-east-1:000000000000:function:f";
        let inputs = json!({ "name": name, "logGroup": "/a", "filterPattern": "", "destinationArn": destination });
        create(&twin, &at("aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter", name), inputs).await
    };
    filter("one").await.unwrap();
    filter("two").await.unwrap();
    assert_eq!(code(&filter("three").await.unwrap_err()), (Kind::Invalid, "LimitExceededException"));
}
