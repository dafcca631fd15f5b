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

/// What each refusal says and advises.
fn advice(problems: &[drctl::engine::diagnostic::Diagnostic]) -> Vec<String> {
    problems.iter().map(|p| format!("{}; {}", p.message, p.help.clone().unwrap_or_default())).collect()
}

const CROSSING: &str = "
a: {type: test:Thing}
b: {type: test:Named, region: secondary, properties: {name: b}, options: {dependsOn: ['${a}']}}
";

#[tokio::test(start_paused = true)]
async fn what_keeps_a_need_out_is_named_with_the_flag_that_lets_it_in() {
    let mut t = Theatre::new();
    let needs = "`b` needs `a`, which does not exist and is not selected";
    t.stage.settings.regions = vec!["eu-central-1".into()];
    let problems = t.stage.preview(&super::theatre::program(CROSSING)).await.unwrap_err();
    assert_eq!(advice(&problems), [format!("{needs}; add `--region eu-west-1`")]);
    t.stage.settings.targets = vec!["b".into()];
    let problems = t.stage.preview(&super::theatre::program(CROSSING)).await.unwrap_err();
    assert_eq!(advice(&problems), [format!("{needs}; add `--target 'a'` and add `--region eu-west-1`")]);
    t.stage.settings = Default::default();
    t.stage.settings.excludes = vec!["a*".into()];
    let problems = t.stage.preview(&super::theatre::program(CROSSING)).await.unwrap_err();
    assert_eq!(advice(&problems), [format!("{needs}; leave out `--exclude 'a*'`")]);
}

#[tokio::test(start_paused = true)]
async fn what_would_outlive_its_need_is_named_with_the_flag_that_settles_it() {
    let mut t = Theatre::new();
    t.up(CROSSING).await;
    let outlives = "`b` depends on `a`, which would be deleted";
    t.stage.settings.excludes = vec!["b".into()];
    let problems = t.stage.destroy().await.err().unwrap();
    assert_eq!(advice(&problems), [format!("{outlives}; add `--exclude 'a'` to keep what it needs")]);
    t.stage.settings = Default::default();
    t.stage.settings.regions = vec!["eu-west-1".into()];
    let problems = t.stage.destroy().await.err().unwrap();
    assert_eq!(advice(&problems), [format!("{outlives}; add `--region eu-central-1` to delete it too")]);
    t.stage.settings.regions.push("eu-central-1".into());
    t.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_says_how_much_of_the_stack_it_is_about() {
    let mut t = Theatre::new();
    t.up(TREE).await;
    t.stage.settings.targets = vec!["c".into()];
    let plan = t.stage.preview(&super::theatre::program(TREE)).await.unwrap();
    let summary = plan.summary();
    assert_eq!((summary.same, summary.left_out), (1, 2));
    t.stage.settings.targets.clear();
    let plan = t.stage.preview(&super::theatre::program(TREE)).await.unwrap();
    assert_eq!((plan.selection, plan.summary().same), (None, 3));
}

#[tokio::test(start_paused = true)]
async fn flags_that_leave_nothing_over_are_refused() {
    let mut t = Theatre::new();
    t.stage.settings.targets = vec!["a".into()];
    t.stage.settings.regions = vec!["eu-central-1".into()];
    assert!(t.refused(TREE).await.contains("no resource of the stack fits all of these flags"));
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_replaced_must_be_there_and_selected() {
    let mut t = Theatre::new();
    t.up(TREE).await;
    t.stage.settings.replaces = vec!["nope".into()];
    assert!(t.refused(TREE).await.contains("`--replace 'nope'` matches no resource"));
    t.stage.settings.replaces = vec!["c".into()];
    t.stage.settings.targets = vec!["a".into()];
    let problems = t.stage.preview(&super::theatre::program(TREE)).await.unwrap_err();
    assert_eq!(advice(&problems), ["`--replace 'c'` names nothing that is selected; add `--target 'c'`"]);
}
