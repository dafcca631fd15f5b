use super::*;

#[tokio::test(start_paused = true)]
async fn a_new_resource_is_creating_until_its_time_has_come() {
    let twin = twin();
    let made = made(&twin, &at("Thing", "a"), json!({ "name": "a" })).await.unwrap();
    assert!(made.seen.is_none());
    assert_eq!(read(&twin, &kind("Thing"), &made.id).await, Seen::Pending("creating".into()));
    pass(4).await;
    assert_eq!(read(&twin, &kind("Thing"), &made.id).await, Seen::Pending("creating".into()));
    pass(1).await;
    let live = ready(&twin, &kind("Thing"), &made.id).await;
    assert_eq!(
        live.outputs.get("arn").unwrap().as_str().unwrap(),
        format!("arn:aws:test:us-east-1:000000000000:thing/{}", made.id)
    );
    assert!(live.outputs.get("endpoint").unwrap().as_str().unwrap().ends_with(".us-east-1.test.amazonaws.com"));
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_takes_no_time_is_seen_in_the_answer() {
    let made = made(&twin(), &at("Named", "a"), json!({ "name": "a" })).await.unwrap();
    assert_eq!(made.id, Id("a".into()));
    assert!(matches!(made.seen, Some(Seen::Ready(_))));
}

#[tokio::test(start_paused = true)]
async fn the_same_calls_give_the_same_identifiers() {
    let ids = |twin: Twin| async move {
        let a = create(&twin, &at("Thing", "a"), json!({})).await.unwrap();
        let b = create(&twin, &at("Thing", "b"), json!({})).await.unwrap();
        assert_ne!(a, b);
        assert!(a.0.starts_with("thing-") && a.0.len() == "thing-".len() + 17);
        (a, b)
    };
    assert_eq!(ids(twin()).await, ids(twin()).await);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_once_in_a_region_and_free_in_another() {
    let twin = twin();
    create(&twin, &at("Named", "a"), json!({ "name": "x" })).await.unwrap();
    let error = create(&twin, &at("Named", "b"), json!({ "name": "x" })).await.unwrap_err();
    assert_eq!(error.kind, Kind::Exists);
    create(&twin, &at_in("Named", "c", "eu-west-1"), json!({ "name": "x" })).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reference_must_exist_in_the_same_region() {
    let twin = twin();
    let thing = create(&twin, &at("Thing", "a"), json!({})).await.unwrap();
    create(&twin, &at("Child", "near"), json!({ "thingId": thing.0 })).await.unwrap();
    for (place, id) in [("eu-west-1", thing.0.as_str()), (REGION, "thing-0123456789abcdef0")] {
        let error = create(&twin, &at_in("Child", "far", place), json!({ "thingId": id })).await.unwrap_err();
        assert_eq!(error.kind, Kind::NotFound);
        assert!(error.message.contains("`thingId`") && error.message.contains(id), "{}", error.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reference_by_arn_reaches_another_region() {
    let twin = twin();
    let named = made(&twin, &at("Named", "a"), json!({ "name": "x" })).await.unwrap();
    let Some(Seen::Ready(live)) = named.seen else { panic!("not ready") };
    let arn = live.outputs.get("arn").unwrap().to_json().unwrap();
    create(&twin, &at_in("Loose", "b", "eu-west-1"), json!({ "namedArn": arn })).await.unwrap();
    let missing = "arn:aws:test:us-east-1:000000000000:named/y";
    let error = create(&twin, &at("Loose", "c"), json!({ "namedArn": missing })).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_aws_or_to_others_needs_no_row() {
    let twin = twin();
    for arn in
        ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:test:us-east-1:123456789012:named/z", "alias/aws/rds"]
    {
        create(&twin, &at("Loose", arn), json!({ "namedArn": arn })).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn references_are_checked_in_nested_objects_too() {
    let inputs = json!({ "settings": { "mode": "x", "thingId": "thing-0123456789abcdef0" } });
    let error = create(&twin(), &at("Lister", "a"), inputs).await.unwrap_err();
    assert!(error.message.contains("`settings.thingId`"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn a_global_resource_may_name_resources_of_any_region() {
    let twin = twin();
    let thing = create(&twin, &at_in("Thing", "a", "eu-west-1"), json!({})).await.unwrap();
    let inputs = json!({ "name": "g", "thingId": thing.0 });
    let id = create(&twin, &at_in("Global", "g", Place::GLOBAL), inputs).await.unwrap();
    assert_eq!(id.0, "arn:aws:test::000000000000:global/g");
}

#[tokio::test(start_paused = true)]
async fn inputs_that_are_missing_unknown_misshapen_or_out_of_bounds_are_refused() {
    let twin = twin();
    for (ty, inputs, word) in [
        ("Named", json!({}), "`name` is required"),
        ("Named", json!({ "name": "x", "nam": 1 }), "`nam` is no input"),
        ("Thing", json!({ "size": "big" }), "`size` must be integer"),
        ("Thing", json!({ "size": 1001 }), "`size` is out of bounds"),
        ("Lister", json!({ "settings": { "level": 1 } }), "`settings.mode` is required"),
        ("Lister", json!({ "ports": [{ "number": 1 }, {}] }), "`ports[1].number` is required"),
    ] {
        let error = create(&twin, &at(ty, "a"), inputs).await.unwrap_err();
        assert_eq!(error.kind, Kind::Invalid);
        assert!(error.message.contains(word), "{}", error.message);
    }
    assert!(twin.inspect().is_empty());
}

#[tokio::test(start_paused = true)]
async fn tags_that_aws_would_refuse_are_refused() {
    let twin = twin();
    let many: serde_json::Map<_, _> = (0..48).map(|n| (format!("k{n}"), json!("v"))).collect();
    for tags in [
        json!({ "aws:x": "v" }),
        json!({ "": "v" }),
        json!({ "k".repeat(129): "v" }),
        json!({ "k": "v".repeat(257) }),
        json!({ "k": "a,b" }),
        json!({ "k#": "v" }),
        many.into(),
    ] {
        let error = create(&twin, &at("Thing", "a"), json!({ "tags": tags })).await.unwrap_err();
        assert_eq!(error.kind, Kind::Invalid, "{tags}");
    }
    let most: serde_json::Map<_, _> = (0..47).map(|n| (format!("k{n}"), json!("v"))).collect();
    create(&twin, &at("Thing", "b"), json!({ "tags": most })).await.unwrap();
    let foreign = At { owner: "lineage/#".into(), ..at("Thing", "c") };
    assert_eq!(create(&twin, &foreign, json!({})).await.unwrap_err().kind, Kind::Invalid);
    let fine = json!({ "drctl:owner": "01ARZ/0f", "É t_.:/=+-@": "" });
    create(&twin, &at("Thing", "a"), json!({ "tags": fine })).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_cloud_shows_defaults_documents_as_text_and_lists_in_its_own_order() {
    let twin = twin();
    let inputs = json!({
        "zones": ["b", "a"], "steps": ["b", "a"], "policy": { "Version": "1" },
        "ports": [{ "number": 9 }, { "number": 8 }], "settings": { "mode": "x" },
    });
    let id = create(&twin, &at("Lister", "a"), inputs).await.unwrap();
    let live = ready(&twin, &kind("Lister"), &id).await;
    assert_eq!(
        live.inputs.to_json().unwrap(),
        json!({
            "zones": ["a", "b"], "steps": ["b", "a"], "policy": "{\"Version\":\"1\"}", "labels": {},
            "ports": [{ "number": 8, "protocol": "tcp" }, { "number": 9, "protocol": "tcp" }],
            "settings": { "mode": "x", "level": 0 },
        })
    );
}

#[tokio::test(start_paused = true)]
async fn write_only_inputs_are_never_shown_and_computed_ones_are_made_up() {
    let twin = twin();
    let id = create(&twin, &at("Thing", "a"), json!({ "password": "hunter2" })).await.unwrap();
    pass(5).await;
    let live = ready(&twin, &kind("Thing"), &id).await;
    assert!(live.inputs.get("password").is_none());
    assert!(live.inputs.get("zone").unwrap().as_str().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_client_token_gives_the_same_resource_and_nothing_else_does() {
    let twin = twin();
    let thing = create(&twin, &at("Thing", "a"), json!({})).await.unwrap();
    let child = json!({ "thingId": thing.0 });
    let first = create(&twin, &at("Child", "c"), child.clone()).await.unwrap();
    assert_eq!(create(&twin, &at("Child", "c"), child).await.unwrap(), first);
    assert_ne!(create(&twin, &at("Thing", "a"), json!({})).await.unwrap(), thing);
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_is_found_by_tag_token_marker_and_name() {
    let twin = twin();
    let thing = create(&twin, &at("Thing", "a"), json!({})).await.unwrap();
    for (ty, inputs) in [
        ("Thing", json!({})),
        ("Child", json!({ "thingId": thing.0 })),
        ("Loose", json!({})),
        ("Named", json!({ "name": "n" })),
    ] {
        let at = at(ty, "lost");
        let inputs = Value::from_json(inputs);
        assert!(twin.find(&at, &inputs).await.unwrap().is_empty(), "{ty}");
        let id = twin.create(&at, &inputs).await.unwrap().id;
        assert_eq!(twin.find(&at, &inputs).await.unwrap(), [id], "{ty}");
    }
    let global = at_in("Global", "g", Place::GLOBAL);
    let id = create(&twin, &global, json!({ "name": "g" })).await.unwrap();
    assert_eq!(twin.find(&global, &Value::from_json(json!({ "name": "g" }))).await.unwrap(), [id]);
}

#[tokio::test(start_paused = true)]
async fn a_qualified_arn_stands_for_its_function() {
    let twin = twin_of(aws::catalog());
    create(&twin, &at(aws::FUNCTION, "f"), json!({ "name": "f" })).await.unwrap();
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let permission = |text: &str| json!({ "statementId": text, "function": text });
    for text in ["f", "f:live", arn, &format!("{arn}:live")] {
        create(&twin, &at(aws::PERMISSION, text), permission(text)).await.unwrap();
    }
    let error = create(&twin, &at(aws::PERMISSION, "g"), permission("g:live")).await.unwrap_err();
    assert_eq!(code(&error), (Kind::NotFound, "ResourceNotFoundException"));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_not_known_yet_never_reaches_the_cloud() {
    let inputs = Value::Map([("name".to_owned(), Value::Unknown)].into_iter().collect());
    let error = twin().create(&at("Named", "a"), &inputs).await.unwrap_err();
    assert_eq!(error.kind, Kind::Bug);
}
