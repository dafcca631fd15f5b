use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::engine::state::{Key, Row, State};

fn open(path: &Path, start: &str) -> Twin {
    Twin::open(path, testing::catalog(), start.parse().unwrap()).unwrap().0
}

#[tokio::test(start_paused = true)]
async fn rows_references_and_the_clock_survive_and_identifiers_are_never_reused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twin/aws.json");
    let twin = open(&path, START);
    let thing = create(&twin, &at("Thing", "a"), json!({})).await.unwrap();
    create(&twin, &at("Child", "c"), json!({ "thingId": thing.0 })).await.unwrap();
    let slow = create(&twin, &at("Slow", "s"), json!({ "name": "s" })).await.unwrap();
    pass(60).await;
    twin.save().unwrap();
    let before = twin.inspect();
    drop(twin);

    let twin = open(&path, START);
    assert_eq!(twin.now().to_string(), "2026-01-01T00:01:00Z");
    assert_eq!(twin.inspect(), before);
    assert_eq!(delete(&twin, &at("Thing", "a"), &thing).await.unwrap_err().kind, Kind::Busy);
    pass(539).await;
    assert_eq!(read(&twin, &kind("Slow"), &slow).await, Seen::Pending("creating".into()));
    pass(1).await;
    ready(&twin, &kind("Slow"), &slow).await;
    assert_ne!(create(&twin, &at("Thing", "b"), json!({})).await.unwrap(), thing);
}

#[tokio::test(start_paused = true)]
async fn the_clock_never_goes_back_and_catches_up_with_the_wall() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.json");
    let twin = open(&path, START);
    pass(3600).await;
    twin.save().unwrap();
    assert_eq!(open(&path, "2025-06-01T00:00:00Z").now().to_string(), "2026-01-01T01:00:00Z");
    assert_eq!(open(&path, "2026-06-01T00:00:00Z").now().to_string(), "2026-06-01T00:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_not_in_the_file_and_comes_back_only_to_who_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.json");
    let twin = open(&path, START);
    let at = at("Named", "a");
    let inputs = |note: &str| {
        Value::Map(
            [("name", Value::from("a")), ("note", Value::from(note).secret())]
                .map(|(k, v)| (k.to_owned(), v))
                .into_iter()
                .collect(),
        )
    };
    let id = twin.create(&at, &inputs("hunter2")).await.unwrap().id;
    create(&twin, &super::at("Thing", "t"), json!({ "password": "hunter2" })).await.unwrap();
    twin.save().unwrap();
    assert!(!std::fs::read_to_string(&path).unwrap().contains("hunter2"));

    let twin = open(&path, START);
    let state = |note: &str| {
        let mut state = State::new("lineage", "prod", "dr", "twin");
        let key = Key { urn: at.urn.clone(), generation: 0 };
        let row = Row {
            id: Some(id.clone()),
            inputs: inputs(note),
            ..Row::new(key.clone(), &at.kind.ty, at.kind.place.clone())
        };
        state.rows.insert(key, Arc::new(row));
        state
    };
    let note = |live: Live| live.inputs.get("note").unwrap().clone();
    twin.remind(&state("wrong"));
    let hidden = note(ready(&twin, &at.kind, &id).await);
    assert!(hidden.has_secret() && hidden != Value::from("hunter2").secret());
    twin.save().unwrap();

    let twin = open(&path, START);
    twin.remind(&state("hunter2"));
    assert_eq!(note(ready(&twin, &at.kind, &id).await), Value::from("hunter2").secret());
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.json");
    open(&path, START).save().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.json");
    std::fs::write(&path, "{").unwrap();
    let error = Twin::open(&path, testing::catalog(), START.parse().unwrap()).unwrap_err();
    assert!(error.message.contains("aws.json") && error.hint.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_reset_leaves_nothing() {
    let twin = twin();
    create(&twin, &at("Thing", "a"), json!({})).await.unwrap();
    twin.reset();
    assert!(twin.inspect().is_empty() && twin.leftovers().is_empty());
}
