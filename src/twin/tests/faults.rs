use super::*;

async fn ends(call: impl Future<Output = Result<Id>>) -> Option<Result<Id>> {
    tokio::time::timeout(Duration::from_secs(3600), call).await.ok()
}

#[tokio::test(start_paused = true)]
async fn the_nth_matching_call_fails_and_only_that_one() {
    let twin = twin();
    let calls = Calls::to(Operation::Create).of("test:index:Thing");
    twin.faults().strike(calls, 2, Fault::Fails(Kind::Denied));
    create(&twin, &at("Thing", "a"), json!({})).await.unwrap();
    create(&twin, &at("Named", "n"), json!({ "name": "n" })).await.unwrap();
    let error = create(&twin, &at("Thing", "b"), json!({})).await.unwrap_err();
    assert_eq!((error.kind, error.ambiguous), (Kind::Denied, false));
    create(&twin, &at("Thing", "c"), json!({})).await.unwrap();
    assert_eq!(twin.inspect().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_ambiguous_and_its_effect_is_there() {
    let twin = twin();
    twin.faults().strike(Calls::all().on("::a"), 1, Fault::AnswerLost(Kind::Timeout));
    let error = create(&twin, &at("Thing", "a"), json!({})).await.unwrap_err();
    assert_eq!((error.kind, error.ambiguous), (Kind::Timeout, true));
    assert_eq!(twin.find(&at("Thing", "a"), &Value::Null).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_succeeds_when_it_is_repeated_often_enough() {
    let twin = twin();
    twin.faults().throttle(Calls::to(Operation::Create), 2);
    for _ in 0..2 {
        let error = create(&twin, &at("Thing", "a"), json!({})).await.unwrap_err();
        assert_eq!(error.kind, Kind::Throttled);
    }
    create(&twin, &at("Thing", "a"), json!({})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_cut_off_answers_nothing_and_the_other_one_does() {
    let twin = twin();
    twin.faults().cut("eu-west-1");
    let far = at_in("Thing", "far", "eu-west-1");
    let error = create(&twin, &far, json!({})).await.unwrap_err();
    assert_eq!((error.kind, error.ambiguous), (Kind::Unreachable, true));
    create(&twin, &at("Thing", "near"), json!({})).await.unwrap();
    twin.faults().heal("eu-west-1");
    create(&twin, &far, json!({})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_can_hang_with_and_without_its_effect() {
    let twin = twin();
    twin.faults().strike(Calls::all(), 1, Fault::Hangs);
    assert!(ends(create(&twin, &at("Thing", "a"), json!({}))).await.is_none());
    assert!(twin.inspect().is_empty());
    twin.faults().strike(Calls::all(), 1, Fault::HangsAfterwards);
    assert!(ends(create(&twin, &at("Thing", "a"), json!({}))).await.is_none());
    assert_eq!(twin.inspect().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_process_hears_nothing_more_until_the_next_one_starts() {
    for (during, made) in [(false, 1), (true, 2)] {
        let twin = twin();
        if during {
            twin.faults().die_during(1)
        } else {
            twin.faults().die_after(1)
        };
        create(&twin, &at("Thing", "a"), json!({})).await.unwrap();
        for name in ["b", "c"] {
            assert!(ends(create(&twin, &at("Thing", name), json!({}))).await.is_none());
        }
        twin.faults().clear();
        assert_eq!(twin.inspect().len(), made);
        create(&twin, &at("Thing", "d"), json!({})).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_is_written_down() {
    let twin = twin();
    twin.identity().await.unwrap();
    let id = create(&twin, &at("Named", "a"), json!({ "name": "x" })).await.unwrap();
    read(&twin, &kind("Named"), &id).await;
    delete(&twin, &at("Named", "a"), &id).await.unwrap();
    assert_eq!(
        twin.calls(),
        ["identity", "create test:index:Named a", "read test:index:Named x", "delete test:index:Named a"]
    );
    assert_eq!(twin.count(Operation::Read), 1);
}
