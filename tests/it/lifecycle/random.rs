//! Random values stay as they are until something says that they change.

use std::sync::Arc;

use drctl::engine::state::Row;
use drctl::engine::value::Value;
use drctl::random::WithRandom;

use super::theatre::Theatre;

/// A stage whose twin has random values beside it.
fn theatre() -> Theatre {
    let mut theatre = Theatre::new();
    theatre.stage.cloud = Arc::new(WithRandom::new(Arc::clone(&theatre.twin) as _));
    theatre
}

fn program(keeper: &str) -> String {
    format!(
        "
word: {{type: random:RandomPassword, properties: {{length: 24, keepers: {{for: {keeper}}}}}}}
tag: {{type: random:RandomId, properties: {{byteLength: 4, prefix: tag-}}}}
user: {{type: test:Thing, properties: {{password: '${{word.result}}', name: '${{tag.hex}}'}}}}
"
    )
}

fn row<'a>(theatre: &'a Theatre, name: &str) -> &'a Row {
    theatre.stage.state.rows.values().find(|r| r.key.urn.name() == name).unwrap()
}

fn output(theatre: &Theatre, name: &str, output: &str) -> String {
    row(theatre, name).outputs.get(output).and_then(|v| v.bare().as_str()).unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_random_value_reaches_its_users_and_is_made_once() {
    let mut t = theatre();
    t.up(&program("a")).await;
    let word = output(&t, "word", "result");
    assert_eq!(word.len(), 24);
    assert_eq!(row(&t, "user").inputs.get("password").map(Value::bare), Some(&Value::string(&word)));
    assert_eq!(row(&t, "user").inputs.get("name").and_then(Value::as_str), Some(&*output(&t, "tag", "hex")));
    t.stage.settings.refresh = true;
    assert!(t.preview(&program("a")).await.is_empty());
    t.up(&program("a")).await;
    assert_eq!(output(&t, "word", "result"), word);
    t.stage.refresh().await.unwrap_or_else(|_| panic!("a refresh is refused"));
    assert_eq!(output(&t, "word", "result"), word);
}

#[tokio::test(start_paused = true)]
async fn a_new_keeper_makes_a_new_value() {
    let mut t = theatre();
    t.up(&program("a")).await;
    let (word, tag) = (output(&t, "word", "result"), output(&t, "tag", "hex"));
    t.up(&program("b")).await;
    assert_ne!(output(&t, "word", "result"), word);
    assert_eq!(output(&t, "tag", "hex"), tag);
    let word = output(&t, "word", "result");
    assert_eq!(row(&t, "user").inputs.get("password").map(Value::bare), Some(&Value::string(word)));
}

#[tokio::test(start_paused = true)]
async fn a_random_value_goes_without_a_call() {
    let mut t = theatre();
    t.up(&program("a")).await;
    t.twin.forget_calls();
    t.destroy().await;
    assert!(t.stage.state.rows.is_empty());
    assert_eq!(t.changes(), ["delete test:index:Thing user"]);
}

#[tokio::test(start_paused = true)]
async fn a_password_is_in_no_plan_and_no_event() {
    let mut t = theatre();
    let report = t.up(&program("a")).await;
    let word = output(&t, "word", "result");
    let said = format!(
        "{}{}{:?}",
        serde_json::to_string(&report.plan).unwrap(),
        serde_json::to_string(&report.events).unwrap(),
        t.stage.state
    );
    assert!(!said.contains(&word));
}
