use super::*;

/// A search through all rows on every call would be 10^8 steps and more; it would show as minutes.
#[tokio::test(start_paused = true)]
async fn ten_thousand_resources_are_made_read_and_removed() {
    let twin = twin();
    let thing = create(&twin, &at("Thing", "t"), json!({})).await.unwrap();
    pass(5).await;
    let mut made = Vec::new();
    for n in 0..10_000 {
        let at = at("Child", &n.to_string());
        let id = create(&twin, &at, json!({ "thingId": thing.0 })).await.unwrap();
        ready(&twin, &at.kind, &id).await;
        made.push((at, id));
    }
    assert_eq!(delete(&twin, &at("Thing", "t"), &thing).await.unwrap_err().kind, Kind::Busy);
    for (at, id) in &made {
        assert_eq!(delete(&twin, at, id).await.unwrap(), Next::Gone);
    }
    assert_eq!(delete(&twin, &at("Thing", "t"), &thing).await.unwrap(), Next::Started);
    assert_eq!(twin.count(Operation::Create), 10_001);
}
