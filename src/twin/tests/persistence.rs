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
async fn only_the_owner_can_read_the_file_and_the_log() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.json");
    let twin = open(&path, START);
    twin.keep_log().unwrap();
    twin.save().unwrap();
    for path in [&path, &log_of(&path)] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

fn log_of(path: &Path) -> std::path::PathBuf {
    path.with_extension("log")
}

/// A twin whose log tells of something made, changed, removed, and of what is still being made.
async fn logged(path: &Path) -> Twin {
    let twin = open(path, START);
    twin.keep_log().unwrap();
    let (parent, child) = (at("Thing", "a"), at("Child", "c"));
    let thing = create(&twin, &parent, json!({ "size": 1, "password": "hunter2" })).await.unwrap();
    create(&twin, &child, json!({ "thingId": thing.0 })).await.unwrap();
    let gone = create(&twin, &at("Named", "n"), json!({ "name": "n" })).await.unwrap();
    delete(&twin, &at("Named", "n"), &gone).await.unwrap();
    // Its name is free again.
    create(&twin, &at("Named", "m"), json!({ "name": "n" })).await.unwrap();
    create(&twin, &at("Slow", "done"), json!({ "name": "done" })).await.unwrap();
    pass(600).await;
    create(&twin, &at("Slow", "s"), json!({ "name": "s" })).await.unwrap();
    twin.fill(&parent.kind, &thing, 3).unwrap();
    pass(60).await;
    read(&twin, &parent.kind, &thing).await;
    twin
}

fn id_of(twin: &Twin, name: &str) -> Id {
    twin.inspect().into_iter().find(|entry| entry.urn.name() == name).unwrap().id
}

/// What there is, and when.
fn all(twin: &Twin) -> (Vec<Entry>, String) {
    (twin.inspect(), twin.now().to_string())
}

#[tokio::test(start_paused = true)]
async fn what_a_process_that_was_killed_did_is_there_and_its_clock_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.json");
    let twin = logged(&path).await;
    let before = all(&twin);
    assert!(!path.exists());
    let again = open(&path, START);
    assert_eq!(all(&again), before);
    assert!(!std::fs::read_to_string(log_of(&path)).unwrap().contains("hunter2"));
    // A second one that is killed, and a third that comes to its end.
    again.keep_log().unwrap();
    let child = id_of(&twin, "c");
    assert_eq!(read(&again, &kind("Child"), &child).await, read(&twin, &kind("Child"), &child).await);
    let id = id_of(&again, "s");
    pass(540).await;
    ready(&again, &kind("Slow"), &id).await;
    delete(&again, &at("Slow", "s"), &id).await.unwrap();
    let last = open(&path, START);
    assert_eq!(all(&last), all(&again));
    last.keep_log().unwrap();
    last.save().unwrap();
    assert_eq!(std::fs::read(log_of(&path)).unwrap(), b"");
    assert_eq!(all(&open(&path, START)), all(&last));
}

#[tokio::test(start_paused = true)]
async fn a_line_that_was_never_finished_counts_for_nothing_and_is_in_the_way_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.json");
    let before = all(&logged(&path).await);
    let text = std::fs::read(log_of(&path)).unwrap();
    std::fs::write(log_of(&path), [&text[..], &text[..text.len() / 2]].concat()).unwrap();
    assert_eq!(all(&open(&path, START)), before);
    std::fs::write(log_of(&path), [&text[..], b"{\"n\":1"].concat()).unwrap();
    let twin = open(&path, START);
    assert_eq!(all(&twin), before);
    twin.keep_log().unwrap();
    create(&twin, &at("Thing", "b"), json!({})).await.unwrap();
    assert_eq!(all(&open(&path, START)), all(&twin));
}

#[tokio::test(start_paused = true)]
async fn what_the_file_holds_of_the_log_is_not_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.json");
    let twin = logged(&path).await;
    let log = std::fs::read(log_of(&path)).unwrap();
    twin.vanish(&kind("Thing"), &id_of(&twin, "a")).unwrap();
    twin.save().unwrap();
    // Killed before the log was emptied.
    std::fs::write(log_of(&path), &log).unwrap();
    let again = open(&path, START);
    assert_eq!(all(&again), all(&twin));
    again.keep_log().unwrap();
    create(&again, &at("Thing", "b"), json!({})).await.unwrap();
    assert_eq!(all(&open(&path, START)), all(&again));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_damaged_or_has_a_gap_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.json");
    logged(&path).await;
    let text = std::fs::read_to_string(log_of(&path)).unwrap();
    let refused = |text: &str| {
        std::fs::write(log_of(&path), text).unwrap();
        Twin::open(&path, testing::catalog(), START.parse().unwrap()).unwrap_err()
    };
    let error = refused(&text.replacen("\"rows\":[{", "\"rows\":[!", 1));
    assert!(error.message.contains("aws.log") && error.message.contains("line 1"), "{}", error.message);
    assert!(error.hint.is_some_and(|hint| hint.contains("local reset")));
    let without_second: Vec<&str> = text.lines().enumerate().filter(|(i, _)| *i != 1).map(|(_, line)| line).collect();
    let error = refused(&(without_second.join("\n") + "\n"));
    assert!(error.message.contains("change 3 follows change 1"), "{}", error.message);
    Twin::discard(&path).unwrap();
    assert_eq!(open(&path, START).inspect(), []);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_written_down_may_have_happened_and_comes_with_the_next_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.json");
    let twin = open(&path, START);
    twin.keep_log().unwrap();
    create(&twin, &at("Thing", "a"), json!({})).await.unwrap();
    logbook::fill_disk(&twin, true);
    let error = create(&twin, &at("Thing", "b"), json!({})).await.unwrap_err();
    assert!(error.ambiguous && error.message.contains("aws.log"), "{error:?}");
    assert_eq!(open(&path, START).inspect().len(), 1);
    logbook::fill_disk(&twin, false);
    create(&twin, &at("Thing", "c"), json!({})).await.unwrap();
    assert_eq!(all(&open(&path, START)), all(&twin));
}

#[tokio::test(start_paused = true)]
async fn what_writers_that_were_killed_left_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.json");
    for name in [".writing-1", "other"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    open(&path, START).keep_log().unwrap();
    let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["aws.log", "other"]);
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
