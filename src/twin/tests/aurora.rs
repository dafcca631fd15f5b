use super::aws::{CLUSTER, GLOBAL, INSTANCE, catalog};
use super::*;

const NEAR: &str = "us-east-1";
const FAR: &str = "us-east-2";

fn cluster(id: &str) -> serde_json::Value {
    json!({ "clusterIdentifier": id, "engine": "aurora-postgresql", "globalClusterIdentifier": "g" })
}

fn instance(id: &str, of: &str) -> serde_json::Value {
    json!({
        "identifier": id, "clusterIdentifier": of, "engine": "aurora-postgresql", "instanceClass": "db.r6g.large",
    })
}

async fn primary(twin: &Twin) {
    let engine = json!({ "globalClusterIdentifier": "g", "engine": "aurora-postgresql" });
    create(twin, &at_in(GLOBAL, "g", NEAR), engine).await.unwrap();
    create(twin, &at_in(CLUSTER, "a", NEAR), cluster("a")).await.unwrap();
    pass(300).await;
    create(twin, &at_in(INSTANCE, "ai", NEAR), instance("ai", "a")).await.unwrap();
    pass(420).await;
}

async fn both(twin: &Twin) {
    primary(twin).await;
    create(twin, &at_in(CLUSTER, "b", FAR), cluster("b")).await.unwrap();
    create(twin, &at_in(INSTANCE, "bi", FAR), instance("bi", "b")).await.unwrap();
    pass(420).await;
}

async fn writers(twin: &Twin) -> Vec<(String, bool)> {
    let live = ready(twin, &kind_in(GLOBAL, NEAR), &Id("g".into())).await;
    let members = live.outputs.get("globalClusterMembers").unwrap().as_list().unwrap().to_vec();
    let text = |m: &Value| m.get("dbClusterArn").unwrap().as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    members.iter().map(|m| (text(m), m.get("isWriter").unwrap().as_bool().unwrap())).collect()
}

async fn writes(twin: &Twin, region: &str, instance: &str) -> bool {
    let live = ready(twin, &kind_in(INSTANCE, region), &Id(instance.into())).await;
    live.outputs.get("writer").unwrap().as_bool().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_cluster_writes_and_the_second_follows() {
    let twin = twin_of(catalog());
    both(&twin).await;
    assert_eq!(writers(&twin).await, [("a".to_owned(), true), ("b".to_owned(), false)]);
    assert!(writes(&twin, NEAR, "ai").await && !writes(&twin, FAR, "bi").await);
}

#[tokio::test(start_paused = true)]
async fn a_secondary_needs_an_available_primary_with_an_instance() {
    let twin = twin_of(catalog());
    create(&twin, &at_in(GLOBAL, "g", NEAR), json!({ "globalClusterIdentifier": "g" })).await.unwrap();
    create(&twin, &at_in(CLUSTER, "a", NEAR), cluster("a")).await.unwrap();
    let secondary = at_in(CLUSTER, "b", FAR);
    let refused = (Kind::Busy, "InvalidDBClusterStateFault");
    assert_eq!(code(&create(&twin, &secondary, cluster("b")).await.unwrap_err()), refused);
    pass(300).await;
    assert_eq!(code(&create(&twin, &secondary, cluster("b")).await.unwrap_err()), refused);
    create(&twin, &at_in(INSTANCE, "ai", NEAR), instance("ai", "a")).await.unwrap();
    pass(420).await;
    create(&twin, &secondary, cluster("b")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_secondary_cannot_have_is_refused() {
    let twin = twin_of(catalog());
    primary(&twin).await;
    for (region, change, kind) in [
        (FAR, json!({ "masterUsername": "root" }), Kind::Invalid),
        (FAR, json!({ "engine": "aurora-mysql" }), Kind::Invalid),
        (FAR, json!({ "manageMasterUserPassword": true }), Kind::Invalid),
        (FAR, json!({ "clusterIdentifier": "a" }), Kind::Exists),
        (FAR, json!({ "globalClusterIdentifier": "h" }), Kind::NotFound),
        (NEAR, json!({}), Kind::Invalid),
    ] {
        let mut inputs = cluster("b");
        inputs.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let error = create(&twin, &at_in(CLUSTER, "b", region), inputs).await.unwrap_err();
        assert_eq!(error.kind, kind, "{change}: {error}");
    }
    let mut burstable = instance("x", "a");
    burstable["instanceClass"] = json!("db.t4g.medium");
    assert_eq!(create(&twin, &at_in(INSTANCE, "x", NEAR), burstable).await.unwrap_err().kind, Kind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn a_secondary_of_an_encrypted_global_cluster_needs_a_key() {
    let twin = twin_of(catalog());
    let encrypted = json!({ "globalClusterIdentifier": "g", "storageEncrypted": true });
    create(&twin, &at_in(GLOBAL, "g", NEAR), encrypted).await.unwrap();
    create(&twin, &at_in(CLUSTER, "a", NEAR), cluster("a")).await.unwrap();
    let error = create(&twin, &at_in(CLUSTER, "b", FAR), cluster("b")).await.unwrap_err();
    assert!(error.message.contains("`kmsKeyId`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn members_leave_before_they_end_the_writer_last_and_the_global_cluster_after_all() {
    let twin = twin_of(catalog());
    both(&twin).await;
    let (a, b, g) = (Id("a".into()), Id("b".into()), Id("g".into()));
    let (at_a, at_b, at_g) = (at_in(CLUSTER, "a", NEAR), at_in(CLUSTER, "b", FAR), at_in(GLOBAL, "g", NEAR));
    let error = delete(&twin, &at_g, &g).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Busy, "InvalidGlobalClusterStateFault"));
    assert!(matches!(delete(&twin, &at_a, &a).await.unwrap(), Next::Waits(_)));

    assert!(matches!(delete(&twin, &at_b, &b).await.unwrap(), Next::More(_)));
    assert_eq!(read(&twin, &at_b.kind, &b).await, Seen::Pending("removing-from-global-cluster".into()));
    pass(60).await;
    assert!(ready(&twin, &at_b.kind, &b).await.inputs.get("globalClusterIdentifier").is_none());
    let error = delete(&twin, &at_b, &b).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Busy, "InvalidDBClusterStateFault"));
    delete(&twin, &at_in(INSTANCE, "bi", FAR), &Id("bi".into())).await.unwrap();
    delete(&twin, &at_in(INSTANCE, "ai", NEAR), &Id("ai".into())).await.unwrap();
    pass(300).await;
    assert_eq!(delete(&twin, &at_b, &b).await.unwrap(), Next::Started);

    assert!(matches!(delete(&twin, &at_a, &a).await.unwrap(), Next::More(_)));
    assert_eq!(delete(&twin, &at_g, &g).await.unwrap(), Next::Gone);
    pass(60).await;
    delete(&twin, &at_a, &a).await.unwrap();
    pass(240).await;
    assert!(twin.leftovers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_update_moves_a_cluster_into_another_global_cluster() {
    let twin = twin_of(catalog());
    primary(&twin).await;
    create(&twin, &at_in(GLOBAL, "h", NEAR), json!({ "globalClusterIdentifier": "h" })).await.unwrap();
    let mut inputs = cluster("a");
    inputs["globalClusterIdentifier"] = json!("h");
    let error = update(&twin, &at_in(CLUSTER, "a", NEAR), &Id("a".into()), inputs).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn a_switchover_changes_who_writes_and_who_leaves_last() {
    let twin = twin_of(catalog());
    both(&twin).await;
    twin.switchover("g", "b").unwrap();
    assert_eq!(read(&twin, &kind_in(CLUSTER, FAR), &Id("b".into())).await, Seen::Pending("switching-over".into()));
    assert_eq!(twin.switchover("g", "a").unwrap_err().kind, Kind::Busy);
    pass(60).await;
    assert_eq!(writers(&twin).await, [("a".to_owned(), false), ("b".to_owned(), true)]);
    assert!(!writes(&twin, NEAR, "ai").await && writes(&twin, FAR, "bi").await);
    let next = delete(&twin, &at_in(CLUSTER, "b", FAR), &Id("b".into())).await.unwrap();
    assert!(matches!(next, Next::Waits(_)));
}

#[tokio::test(start_paused = true)]
async fn a_failover_needs_no_other_member_and_takes_the_arn() {
    let twin = twin_of(catalog());
    both(&twin).await;
    twin.failover("g", "arn:aws:rds:us-east-2:000000000000:cluster:b").unwrap();
    pass(60).await;
    assert_eq!(writers(&twin).await, [("a".to_owned(), false), ("b".to_owned(), true)]);
    assert_eq!(twin.failover("g", "c").unwrap_err().kind, Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_member_is_upgraded_after_its_readers_and_a_major_version_is_that_of_the_whole() {
    let twin = twin_of(catalog());
    let versioned = |mut inputs: serde_json::Value, version: &str| {
        inputs["engineVersion"] = json!(version);
        inputs
    };
    let whole =
        |version: &str| versioned(json!({ "globalClusterIdentifier": "g", "engine": "aurora-postgresql" }), version);
    create(&twin, &at_in(GLOBAL, "g", NEAR), whole("16.9")).await.unwrap();
    create(&twin, &at_in(CLUSTER, "a", NEAR), versioned(cluster("a"), "16.9")).await.unwrap();
    pass(300).await;
    create(&twin, &at_in(INSTANCE, "ai", NEAR), instance("ai", "a")).await.unwrap();
    pass(420).await;
    let other = create(&twin, &at_in(CLUSTER, "b", FAR), versioned(cluster("b"), "16.10")).await;
    assert_eq!(other.unwrap_err().kind, Kind::Invalid);
    create(&twin, &at_in(CLUSTER, "b", FAR), versioned(cluster("b"), "16.9")).await.unwrap();
    pass(420).await;

    let upgrade = async |name: &'static str, region: &str, version: &str| {
        let inputs = versioned(cluster(name), version);
        let done = update(&twin, &at_in(CLUSTER, name, region), &Id(name.into()), inputs).await;
        pass(60).await;
        done
    };
    let error = upgrade("a", NEAR, "16.10").await.unwrap_err();
    assert_eq!(code(&error), (Kind::Invalid, "InvalidParameterValue"));
    assert!(error.message.contains("global replica(s) are running lower version"), "{error}");
    upgrade("b", FAR, "16.10").await.unwrap();
    upgrade("a", NEAR, "16.10").await.unwrap();
    let version = async |ty: &str, name: &str, region: &str| {
        let live = ready(&twin, &kind_in(ty, region), &Id(name.into())).await;
        live.inputs.get("engineVersion").unwrap().as_str().unwrap().to_owned()
    };
    assert_eq!(version(GLOBAL, "g", NEAR).await, "16.10");

    let error = upgrade("b", FAR, "17.4").await.unwrap_err();
    assert!(error.message.contains("Use ModifyGlobalCluster"), "{error}");
    update(&twin, &at_in(GLOBAL, "g", NEAR), &Id("g".into()), whole("17.4")).await.unwrap();
    assert_eq!(version(CLUSTER, "a", NEAR).await, "17.4");
    assert_eq!(version(CLUSTER, "b", FAR).await, "17.4");
}
