//! Targets, exclusions, regions.

use super::theatre::Theatre;

const TREE: &str = "
a: {type: test:Thing}
b: {type: test:Child, properties: {thingId: '${a.id}'}}
c: {type: test:Named, region: secondary, properties: {name: c}}
";

#[tokio::test(start_paused = true)]
async fn only_targets_are_touched() {
    let mut t = Theatre::new();
    t.stage.settings.targets = vec!["a".into()];
    assert_eq!(t.preview(TREE).await, ["create a"]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_needs_an_unselected_create_is_refused() {
    let mut t = Theatre::new();
    t.stage.settings.targets = vec!["b".into()];
    let text = t.refused(TREE).await;
    assert!(text.contains("`b` needs `a`"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_region_selects_what_lives_there() {
    let mut t = Theatre::new();
    t.stage.settings.regions = vec!["eu-central-1".into()];
    assert_eq!(t.preview(TREE).await, ["create c"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_target_names_the_nearest() {
    let mut t = Theatre::new();
    t.stage.settings.targets = vec!["aa".into()];
    let text = t.refused(TREE).await;
    assert!(text.contains("matches no resource"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_targeted_destroy_takes_dependents_only_when_told() {
    let mut t = Theatre::new();
    t.up(TREE).await;
    t.stage.settings.targets = vec!["a".into()];
    let Err(problems) = t.stage.destroy().await else { panic!("b would be left without a") };
    assert_eq!(problems[0].code, "target-dependents");
    t.stage.settings.target_dependents = true;
    t.destroy().await;
    assert_eq!(t.stage.state.rows.keys().map(|k| k.urn.name()).collect::<Vec<_>>(), ["c"]);
}

#[tokio::test(start_paused = true)]
async fn replace_asks_for_a_replacement_without_a_difference() {
    let mut t = Theatre::new();
    t.up(TREE).await;
    t.stage.settings.replaces = vec!["c".into()];
    let plan = t.preview(TREE).await;
    assert_eq!(plan, ["create c", "delete c"]);
}
