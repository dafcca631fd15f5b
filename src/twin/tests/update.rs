use super::*;

#[tokio::test(start_paused = true)]
async fn a_change_is_modifying_until_its_time_has_come() {
    let twin = twin();
    let at = at("Thing", "a");
    let id = create(&twin, &at, json!({ "name": "a", "tags": { "k": "v" } })).await.unwrap();
    pass(5).await;
    let next = update(&twin, &at, &id, json!({ "name": "a", "size": 3, "tags": { "k": "w" } })).await.unwrap();
    assert_eq!(next, Next::Started);
    assert_eq!(read(&twin, &at.kind, &id).await, Seen::Pending("modifying".into()));
    pass(2).await;
    let live = ready(&twin, &at.kind, &id).await;
    assert_eq!(live.inputs.get("size"), Some(&Value::from(3)));
    assert_eq!(live.outputs.get("tagsAll").unwrap().get("k").unwrap().as_str(), Some("w"));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_takes_no_time_is_seen_in_the_answer() {
    let twin = twin();
    let at = at("Named", "a");
    let id = create(&twin, &at, json!({ "name": "a" })).await.unwrap();
    let next = update(&twin, &at, &id, json!({ "name": "a", "note": "n" })).await.unwrap();
    let Next::Saw(live) = next else { panic!("{next:?}") };
    assert_eq!(live.inputs.get("note").unwrap().as_str(), Some("n"));
}

#[tokio::test(start_paused = true)]
async fn an_input_that_replaces_cannot_be_changed() {
    let twin = twin();
    let at = at("Named", "a");
    let id = create(&twin, &at, json!({ "name": "a" })).await.unwrap();
    let error = update(&twin, &at, &id, json!({ "name": "b" })).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert!(error.message.contains("`name`"));
}

#[tokio::test(start_paused = true)]
async fn nothing_can_be_changed_while_it_is_changing() {
    let twin = twin();
    let at = at("Thing", "a");
    let id = create(&twin, &at, json!({})).await.unwrap();
    assert_eq!(code(&update(&twin, &at, &id, json!({})).await.unwrap_err()), (Kind::Busy, "InvalidState"));
    assert_eq!(code(&delete(&twin, &at, &id).await.unwrap_err()), (Kind::Busy, "InvalidState"));
}

#[tokio::test(start_paused = true)]
async fn computed_and_write_only_inputs_survive_a_change_that_leaves_them_out() {
    let twin = twin();
    let at = at("Thing", "a");
    let id = create(&twin, &at, json!({ "name": "a", "zone": "z", "seed": "s" })).await.unwrap();
    pass(5).await;
    update(&twin, &at, &id, json!({ "name": "a", "size": 1 })).await.unwrap();
    pass(2).await;
    let live = ready(&twin, &at.kind, &id).await;
    assert_eq!(live.inputs.get("zone").unwrap().as_str(), Some("z"));
    assert_eq!(live.inputs.get("seed").unwrap().as_str(), Some("s"));
}

#[tokio::test(start_paused = true)]
async fn a_change_moves_the_reference_and_frees_what_it_referred_to() {
    let twin = twin();
    let first = create(&twin, &at("Named", "a"), json!({ "name": "a" })).await.unwrap();
    create(&twin, &at("Named", "b"), json!({ "name": "b" })).await.unwrap();
    let arn = |name: &str| format!("arn:aws:test:us-east-1:000000000000:named/{name}");
    let loose = create(&twin, &at("Loose", "l"), json!({ "namedArn": arn("a") })).await.unwrap();
    assert_eq!(delete(&twin, &at("Named", "a"), &first).await.unwrap_err().kind, Kind::Busy);
    update(&twin, &at("Loose", "l"), &loose, json!({ "namedArn": arn("b") })).await.unwrap();
    assert_eq!(delete(&twin, &at("Named", "a"), &first).await.unwrap(), Next::Gone);
    let error = update(&twin, &at("Loose", "l"), &loose, json!({ "namedArn": arn("a") })).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_not_there_cannot_be_changed() {
    let error = update(&twin(), &at("Named", "a"), &Id("a".into()), json!({ "name": "a" })).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn tags_are_set_at_once() {
    let twin = twin();
    let at = at("Thing", "a");
    let id = create(&twin, &at, json!({ "name": "a" })).await.unwrap();
    pass(5).await;
    let next = update(&twin, &at, &id, json!({ "name": "a", "tags": { "k": "v" } })).await.unwrap();
    let Next::Saw(live) = next else { panic!("{next:?}") };
    assert_eq!(live.outputs.get("tagsAll").unwrap().get("k").unwrap().as_str(), Some("v"));
}
