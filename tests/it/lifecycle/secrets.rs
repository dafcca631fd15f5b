//! A secret shows nowhere.

use super::theatre::Theatre;

const PROGRAM: &str = "
a: {type: test:Thing, properties: {password: {fn::secret: hunter2}}}
b: {type: test:Loose, properties: {note: {fn::secret: 'hunter2 too'}}}
";

#[tokio::test(start_paused = true)]
async fn a_secret_is_in_no_plan_and_no_event_and_no_debug_text() {
    let mut t = Theatre::new();
    let report = t.up(PROGRAM).await;
    let everything = format!(
        "{} {} {:?}",
        serde_json::to_string(&report.plan).unwrap(),
        serde_json::to_string(&report.events).unwrap(),
        t.stage.state
    );
    assert!(!everything.contains("hunter2"));
    assert!(everything.contains("[secret]"));
}

#[tokio::test(start_paused = true)]
async fn a_write_only_secret_is_no_drift_and_a_new_one_is_an_update() {
    let mut t = Theatre::new();
    t.up(PROGRAM).await;
    t.stage.settings.refresh = true;
    assert!(t.preview(PROGRAM).await.is_empty());
    assert_eq!(t.preview(&PROGRAM.replace("hunter2}", "hunter3}")).await, ["update a"]);
}
