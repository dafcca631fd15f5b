use super::*;

#[tokio::test(start_paused = true)]
async fn an_inspection_shows_every_resource_by_place_type_and_id() {
    let twin = twin();
    create(&twin, &at("Named", "b"), json!({ "name": "b" })).await.unwrap();
    create(&twin, &at_in("Named", "a", "eu-west-1"), json!({ "name": "a" })).await.unwrap();
    create(&twin, &at("Slow", "s"), json!({ "name": "s" })).await.unwrap();
    let lines: Vec<String> = twin
        .inspect()
        .iter()
        .map(|e| {
            format!(
                "{} {} {} {} {}",
                e.place,
                e.token,
                e.id,
                e.state,
                e.until.map(|t| t.to_string()).unwrap_or_default()
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n").replace(" \n", "\n"), @r"
    eu-west-1 test:index:Named a available
    us-east-1 test:index:Named b available
    us-east-1 test:index:Slow s creating 2026-01-01T00:10:00Z
    ");
}

#[tokio::test(start_paused = true)]
async fn drift_shows_in_the_next_read() {
    let twin = twin();
    let at = at("Named", "a");
    let id = create(&twin, &at, json!({ "name": "a", "note": "mine" })).await.unwrap();
    twin.drift(&at.kind, &id, "note", Value::from("theirs")).unwrap();
    assert_eq!(ready(&twin, &at.kind, &id).await.inputs.get("note").unwrap().as_str(), Some("theirs"));
    twin.vanish(&at.kind, &id).unwrap();
    assert_eq!(read(&twin, &at.kind, &id).await, Seen::Gone);
    assert_eq!(twin.vanish(&at.kind, &id).unwrap_err().kind, Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_spoilt_resource_exists_and_is_never_ready() {
    let twin = twin();
    let at = at("Thing", "a");
    twin.faults().strike(Calls::to(Operation::Create), 1, Fault::Spoils);
    let id = create(&twin, &at, json!({})).await.unwrap();
    pass(60).await;
    assert!(matches!(read(&twin, &at.kind, &id).await, Seen::Failed(_)));
    assert_eq!(delete(&twin, &at, &id).await.unwrap(), Next::Started);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_may_take_a_step_of_its_own_first() {
    let twin = twin();
    let thing = create(&twin, &at("Thing", "t"), json!({})).await.unwrap();
    let at = at("Attached", "a");
    let id = create(&twin, &at, json!({ "name": "a", "thingId": thing.0 })).await.unwrap();
    assert_eq!(delete(&twin, &at, &id).await.unwrap(), Next::More("detaching".into()));
    assert_eq!(read(&twin, &at.kind, &id).await, Seen::Pending("detaching".into()));
    pass(5).await;
    assert!(ready(&twin, &at.kind, &id).await.inputs.get("thingId").is_none());
    assert_eq!(delete(&twin, &super::at("Thing", "t"), &thing).await.unwrap(), Next::Started);
    assert_eq!(delete(&twin, &at, &id).await.unwrap(), Next::Gone);
}
