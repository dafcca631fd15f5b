//! Names that pass from one resource to another, where no two can have one.

use super::theatre::Theatre;

fn unique(names: &[(&str, &str)]) -> String {
    names.iter().map(|(key, name)| format!("{key}: {{type: test:Unique, properties: {{name: {name}}}}}\n")).collect()
}

fn kinds(calls: &[String]) -> Vec<&str> {
    calls.iter().map(|call| call.split(' ').next().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn resources_that_exchange_names_are_replaced_in_one_run() {
    let mut t = Theatre::new();
    t.up(&unique(&[("a", "x"), ("b", "y")])).await;
    t.changes();
    let exchanged = unique(&[("a", "y"), ("b", "x")]);
    let report = t.up(&exchanged).await;
    assert_eq!(report.plan.summary().replace, 2);
    assert_eq!(report.plan.notes.len(), 1, "{:?}", report.plan.notes);
    assert_eq!(kinds(&t.changes()), ["delete", "create", "delete", "create"], "only one is away at a time");
    assert_eq!((t.shown("a", "name").await, t.shown("b", "name").await), ("y".into(), "x".into()));
    assert_eq!((t.twin.inspect().len(), t.stage.state.rows.len()), (2, 2));
    assert!(t.preview(&exchanged).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn names_go_round_with_one_resource_away_at_a_time() {
    let mut t = Theatre::new();
    t.up(&unique(&[("a", "x"), ("b", "y"), ("c", "z"), ("d", "v"), ("e", "w")])).await;
    t.changes();
    t.up(&unique(&[("a", "y"), ("b", "z"), ("c", "x"), ("d", "w"), ("e", "v")])).await;
    let calls = t.changes();
    assert_eq!(kinds(&calls).iter().filter(|kind| **kind == "delete").count(), 5, "{calls:?}");
    assert_eq!((t.shown("c", "name").await, t.shown("e", "name").await), ("x".into(), "v".into()));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_goes_to_a_free_one_in_the_end_takes_nobody_away() {
    let mut t = Theatre::new();
    t.up(&unique(&[("a", "x"), ("b", "y")])).await;
    t.changes();
    let report = t.up(&unique(&[("a", "y"), ("b", "z")])).await;
    assert_eq!(report.plan.notes, [""; 0]);
    assert_eq!(kinds(&t.changes()), ["create", "delete", "create", "delete"]);
}

#[tokio::test(start_paused = true)]
async fn the_one_that_fewest_use_makes_way() {
    let program = |[a, b]: [&str; 2]| {
        format!("{}user: {{type: test:Loose, properties: {{note: '${{a.arn}}'}}}}\n", unique(&[("a", a), ("b", b)]))
    };
    let mut t = Theatre::new();
    t.up(&program(["x", "y"])).await;
    t.changes();
    t.up(&program(["y", "x"])).await;
    let calls = t.changes();
    assert_eq!(calls[0], "delete test:index:Unique b", "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_replaced_with_the_old_bearer_of_a_name_makes_way_for_the_new_one() {
    let program = |bearer: &str| {
        format!(
            "
{bearer}: {{type: test:Thing, properties: {{name: x}}}}
child: {{type: test:Child, properties: {{thingId: '${{{bearer}.id}}'}}}}
"
        )
    };
    let mut t = Theatre::new();
    t.up(&program("a")).await;
    t.changes();
    t.up(&program("b")).await;
    assert_eq!(kinds(&t.changes()), ["delete", "delete", "create", "create"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_cannot_be_free_in_time_is_refused_before_anything_changes() {
    let things = |names: [(&str, &str); 2], options: &str| {
        names
            .iter()
            .map(|(key, name)| {
                format!("{key}: {{type: test:Thing, options: {{{options}}}, properties: {{name: {name}}}}}\n")
            })
            .collect::<String>()
    };
    let mut t = Theatre::new();
    let exchange = [("a", "y"), ("b", "x")];
    t.up(&things([("a", "x"), ("b", "y")], "")).await;
    let refused = t.refused(&things(exchange, "deleteBeforeReplace: false")).await;
    assert_eq!(refused, "name-taken: `a` would get the name `y`, which `b` has until `a` is there");
    t.stage.settings.targets = vec!["a".into()];
    let refused = t.refused(&things(exchange, "")).await;
    assert_eq!(refused, "name-taken: `a` would get the name `y`, which `b` has, and keeps in this run");
    t.stage.settings.targets.clear();
    t.up(&things(exchange, "")).await;

    let used = |bearer: &str, options: &str| {
        format!(
            "
{bearer}: {{type: test:Thing, options: {{{options}}}, properties: {{name: x}}}}
user: {{type: test:Loose, properties: {{thingId: '${{{bearer}.id}}'}}}}
"
        )
    };
    let mut t = Theatre::new();
    t.up(&used("a", "")).await;
    let refused = t.refused(&used("b", "")).await;
    assert_eq!(refused, "name-taken: `b` would get the name `x`, which `a` has until what uses it has moved to `b`");
    t.up(&used("b", "aliases: [{name: a}]")).await;
    t.up(&used("b", "retainOnDelete: true")).await;
    let refused = t.refused(&used("c", "")).await;
    assert_eq!(refused, "name-taken: `c` would get the name `x`, which `retainOnDelete` leaves to `b`");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_the_cloud_keeps_is_refused_before_anything_changes() {
    use super::postponed::stage;
    use super::theatre::program;
    use crate::support::stage::told;

    let secret = |key: &str, days: u32| {
        format!("{key}: {{type: aws:secretsmanager:Secret, properties: {{name: db, recoveryWindowInDays: {days}}}}}")
    };
    let (_, mut stage) = stage();
    stage.up(&program(&secret("a", 7))).await.unwrap_or_else(|p| panic!("{}", told(&p)));
    let refused = stage.preview(&program(&secret("b", 7))).await.unwrap_err();
    assert_eq!(
        told(&refused),
        "name-taken: `b` would get the name `db`, which stays taken for 7 days after `a` is deleted"
    );
    assert!(refused[0].help.as_ref().unwrap().contains("`aliases: [{name: 'a'}]`"));
}
