use super::*;

#[tokio::test(start_paused = true)]
async fn a_deletion_is_deleting_until_its_time_has_come() {
    let twin = twin();
    let at = at("Thing", "a");
    let id = create(&twin, &at, json!({})).await.unwrap();
    pass(5).await;
    assert_eq!(delete(&twin, &at, &id).await.unwrap(), Next::Started);
    assert_eq!(delete(&twin, &at, &id).await.unwrap(), Next::Started);
    assert_eq!(read(&twin, &at.kind, &id).await, Seen::Pending("deleting".into()));
    pass(3).await;
    assert_eq!(read(&twin, &at.kind, &id).await, Seen::Gone);
    assert_eq!(delete(&twin, &at, &id).await.unwrap(), Next::Gone);
    assert!(twin.inspect().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_while_another_resource_refers_to_it() {
    let twin = twin();
    let thing = at("Thing", "a");
    let id = create(&twin, &thing, json!({})).await.unwrap();
    let child = at("Child", "c");
    let child_id = create(&twin, &child, json!({ "thingId": id.0 })).await.unwrap();
    pass(5).await;
    let error = delete(&twin, &thing, &id).await.unwrap_err();
    assert_eq!(error.kind, Kind::Busy);
    assert!(error.message.contains(&child_id.0), "{}", error.message);
    assert_eq!(delete(&twin, &child, &child_id).await.unwrap(), Next::Gone);
    assert_eq!(delete(&twin, &thing, &id).await.unwrap(), Next::Started);
}

#[tokio::test(start_paused = true)]
async fn a_resource_stays_in_the_way_until_its_deletion_is_complete() {
    let twin = twin();
    let (thing, slow) = (at("Thing", "a"), at("Slow", "s"));
    let id = create(&twin, &thing, json!({})).await.unwrap();
    let slow_id = create(&twin, &slow, json!({ "name": "s", "thingId": id.0 })).await.unwrap();
    pass(600).await;
    delete(&twin, &slow, &slow_id).await.unwrap();
    assert_eq!(delete(&twin, &thing, &id).await.unwrap_err().kind, Kind::Busy);
    let error = create(&twin, &slow, json!({ "name": "s" })).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Busy, "OperationAborted"));
    pass(420).await;
    assert_eq!(delete(&twin, &thing, &id).await.unwrap(), Next::Started);
    create(&twin, &slow, json!({ "name": "s" })).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_new_may_refer_to_what_is_being_deleted() {
    let twin = twin();
    let id = create(&twin, &at("Thing", "a"), json!({})).await.unwrap();
    pass(5).await;
    delete(&twin, &at("Thing", "a"), &id).await.unwrap();
    let error = create(&twin, &at("Child", "c"), json!({ "thingId": id.0 })).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_protected_resource_is_deleted_only_after_its_protection_is_lifted() {
    let twin = twin();
    let at = at("Guarded", "g");
    let id = create(&twin, &at, json!({ "name": "g", "deletionProtection": true })).await.unwrap();
    pass(10).await;
    let error = delete_with(&twin, &at, &id, json!({ "deletionProtection": false })).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert!(error.message.contains("`deletionProtection`"));
    update(&twin, &at, &id, json!({ "name": "g", "deletionProtection": false })).await.unwrap();
    pass(10).await;
    assert_eq!(delete(&twin, &at, &id).await.unwrap(), Next::Started);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_empty_is_deleted_only_by_force() {
    let twin = twin();
    let at = at("Container", "c");
    let id = create(&twin, &at, json!({ "name": "c" })).await.unwrap();
    twin.fill(&at.kind, &id, 3).unwrap();
    assert_eq!(delete(&twin, &at, &id).await.unwrap_err().kind, Kind::Invalid);
    assert_eq!(delete_with(&twin, &at, &id, json!({ "forceDestroy": true })).await.unwrap(), Next::Gone);
}
