//! The options of a resource.

use drctl::engine::event::Event;
use drctl::engine::value::Value;

use super::theatre::Theatre;
use crate::support::stage::{steps, told};

#[tokio::test(start_paused = true)]
async fn ignored_changes_keep_the_old_value() {
    let mut t = Theatre::new();
    let program = |size: u32| {
        format!("a: {{type: test:Thing, options: {{ignoreChanges: [size]}}, properties: {{size: {size}}}}}")
    };
    t.up(&program(1)).await;
    assert!(t.preview(&program(2)).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn ignored_changes_of_others_are_left_alone() {
    let mut t = Theatre::new();
    let program = "a: {type: test:Thing, options: {ignoreChanges: [size]}, properties: {name: x, size: 1}}";
    t.up(program).await;
    t.drift("a", "size", 7.into());
    t.stage.settings.refresh = true;
    assert!(t.preview(program).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_update_of_something_else_leaves_ignored_changes_of_others_alone() {
    let mut t = Theatre::new();
    let program = |owner: &str| {
        format!(
            "a: {{type: test:Thing, options: {{ignoreChanges: [size]}}, properties: {{name: x, size: 1, tags: {{owner: {owner}}}}}}}"
        )
    };
    t.up(&program("ann")).await;
    t.drift("a", "size", 7.into());
    assert_eq!(steps(&t.up(&program("bob")).await.plan), ["update a"]);
    assert_eq!(t.shown("a", "size").await, 7.into());
    assert_eq!(t.shown("a", "tags").await.get("owner"), Some(&"bob".into()));
    t.stage.settings.refresh = true;
    assert!(t.preview(&program("bob")).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_replacement_keeps_ignored_values_as_an_update_does() {
    let mut t = Theatre::new();
    let program = |size: u32, password: &str| {
        format!(
            "a: {{type: test:Thing, options: {{ignoreChanges: [size, password]}}, properties: {{size: {size}, password: {{fn::secret: {password}}}}}}}"
        )
    };
    t.up(&program(1, "old")).await;
    t.drift("a", "size", 7.into());
    t.stage.settings.replaces = vec!["a".into()];
    t.stage.settings.refresh = true;
    assert_eq!(t.up(&program(2, "new")).await.plan.summary().replace, 1);
    assert_eq!(t.shown("a", "size").await, 7.into());
    let row = t.stage.state.rows.values().next().unwrap();
    assert_eq!(row.inputs.get("password"), Some(&Value::from("old").secret()));
    t.stage.settings.replaces.clear();
    assert!(t.preview(&program(2, "new")).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_keeps_its_name_makes_room_first() {
    let mut t = Theatre::new();
    let program = |name: &str| {
        format!("a: {{type: test:Slow, options: {{ignoreChanges: [name]}}, properties: {{name: {name}}}}}")
    };
    t.up(&program("one")).await;
    t.changes();
    t.stage.settings.replaces = vec!["a".into()];
    t.up(&program("two")).await;
    let calls = t.changes();
    assert!(calls[0].starts_with("delete") && calls.last().unwrap().starts_with("create"), "{calls:?}");
    assert_eq!(t.shown("a", "name").await, "one".into());
}

#[tokio::test(start_paused = true)]
async fn a_replacement_elsewhere_keeps_nothing() {
    let mut t = Theatre::new();
    let program = |region: &str, size: u32| {
        format!(
            "a: {{type: test:Thing, region: {region}, options: {{ignoreChanges: [size]}}, properties: {{size: {size}}}}}"
        )
    };
    t.up(&program("primary", 1)).await;
    t.up(&program("secondary", 2)).await;
    assert_eq!(t.shown("a", "size").await, 2.into());
}

#[tokio::test(start_paused = true)]
async fn what_import_did_not_write_down_is_given_to_no_cloud() {
    let mut t = Theatre::new();
    let placeholder = "not written down by drctl import";
    let program = |options: &str, password: &str| {
        format!("a: {{type: test:Thing, {options} properties: {{password: {{fn::secret: {password}}}}}}}")
    };
    let ignored = "options: {ignoreChanges: [password]},";
    for options in ["", ignored] {
        let refused = t.refused(&program(options, placeholder)).await;
        assert_eq!(refused, "placeholder: `password` of `a` would become the placeholder of `drctl import`");
    }
    t.up(&program(ignored, "real")).await;
    assert!(t.preview(&program(ignored, placeholder)).await.is_empty());
    assert!(t.refused(&program("", placeholder)).await.starts_with("placeholder"));
    t.stage.settings.replaces = vec!["a".into()];
    t.up(&program(ignored, placeholder)).await;
    let row = t.stage.state.rows.values().next().unwrap();
    assert_eq!(row.inputs.get("password"), Some(&Value::from("real").secret()));
}

#[tokio::test(start_paused = true)]
async fn an_alias_renames_without_a_call() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Thing, properties: {name: x}}").await;
    t.changes();
    t.up("b: {type: test:Thing, properties: {name: x}, options: {aliases: [{name: a}]}}").await;
    assert!(t.changes().is_empty());
    assert_eq!(t.stage.state.rows.keys().map(|k| k.urn.name()).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn what_goes_with_another_resource_is_not_deleted_by_a_call() {
    let mut t = Theatre::new();
    t.up("
a: {type: test:Thing}
b: {type: test:Loose, options: {deletedWith: '${a}'}}
")
        .await;
    t.changes();
    t.destroy().await;
    let calls = t.changes();
    assert!(calls.iter().all(|c| c.contains("Thing")), "{calls:?}");
    assert!(t.stage.state.rows.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_what_is_deleted_by_a_call_is_expected_to_take_time() {
    let mut t = Theatre::new();
    t.up("
a: {type: test:Slow, properties: {name: a}}
kept: {type: test:Slow, properties: {name: kept}, options: {retainOnDelete: true}}
read: {type: test:Slow, get: {id: '${a.id}'}}
with: {type: test:Slow, properties: {name: with}, options: {deletedWith: '${a}'}}
")
        .await;
    let plan = t.destroy().await.plan;
    let takes = |name: &str| plan.steps.iter().find(|step| step.key.urn.name() == name).unwrap().typical;
    assert!(takes("a") > 0);
    assert_eq!(["kept", "read", "with"].map(takes), [0, 0, 0]);
    assert_eq!(plan.critical_path().1, u64::from(takes("a")));
}

#[tokio::test(start_paused = true)]
async fn depends_on_orders_without_a_reference() {
    let mut t = Theatre::new();
    t.up("
b: {type: test:Named, properties: {name: b}, options: {dependsOn: ['${a}']}}
a: {type: test:Slow, properties: {name: a}}
")
        .await;
    let calls = t.changes();
    assert!(calls[0].contains("Slow") && calls[1].contains("Named"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn an_import_adopts_what_exists_and_makes_nothing() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Named, properties: {name: mine, note: x}}").await;
    t.stage.state.rows.clear();
    t.changes();
    let report = t.up("a: {type: test:Named, properties: {name: mine, note: x}, options: {import: mine}}").await;
    assert_eq!(steps(&report.plan), ["import a"]);
    assert!(t.changes().is_empty());
    assert!(t.preview("a: {type: test:Named, properties: {name: mine, note: x}}").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_custom_timeout_ends_the_wait_and_says_what_it_waited_for() {
    let mut t = Theatre::new();
    let report = t.try_up("a: {type: test:Slow, properties: {name: a}, options: {customTimeouts: {create: 1m}}}").await;
    let failures = report.failures();
    assert!(failures[0].contains("still `creating`"), "{failures:?}");
    // The next run goes on waiting for the same resource.
    t.changes();
    t.up("a: {type: test:Slow, properties: {name: a}}").await;
    assert!(!t.changes().iter().any(|c| c.starts_with("create")));
}

#[tokio::test(start_paused = true)]
async fn a_resource_is_replaced_with_another_one() {
    let mut t = Theatre::new();
    let program = |size: u32| {
        format!(
            "
a: {{type: test:Thing, options: {{replaceOnChanges: [size]}}, properties: {{size: {size}}}}}
b: {{type: test:Thing, options: {{replaceWith: ['${{a}}']}}}}
"
        )
    };
    t.up(&program(1)).await;
    let report = t.up(&program(2)).await;
    assert_eq!(report.plan.summary().replace, 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_only_read_is_waited_for_as_long_as_the_program_says() {
    // The one that is read comes from a branch of the program that the reading one knows nothing of.
    let program = |read: &str| {
        format!(
            "a: {{type: test:Thing}}\n\
            first: {{type: test:Slow, properties: {{name: x}}}}\n\
            late: {{type: test:Named, properties: {{name: '${{a.id}}'}}, options: {{dependsOn: ['${{first}}']}}}}\n\
            read: {{type: test:Named, get: {{id: '${{a.id}}'}}, options: {{customTimeouts: {{read: {read}}}}}}}"
        )
    };
    let mut t = Theatre::new();
    let report = t.try_up(&program("10s")).await;
    assert_eq!(report.failures().len(), 1, "{:#?}", report.failures());
    assert!(report.failures()[0].contains("does not exist in"), "{:#?}", report.failures());
    t.up(&program("10s")).await;
    Theatre::new().up(&program("2h")).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_left_to_the_deletion_of_another_resource_is_named_where_the_cloud_does_not_do_it() {
    let mut t = Theatre::new();
    t.up("
a: {type: test:Thing}
b: {type: test:Child, properties: {thingId: '${a.id}'}, options: {deletedWith: '${a}'}}
")
        .await;
    let report = t.stage.destroy().await.unwrap_or_else(|p| panic!("{}", told(&p)));
    let hints = report.events.iter().filter_map(|event| match event {
        Event::StepFailed { error, .. } => error.hint.as_deref(),
        _ => None,
    });
    insta::assert_snapshot!(hints.collect::<Vec<_>>().join("\n"), @"`b` of this stack still uses it, and it goes with it by `deletedWith`: if the cloud does not do that, take the option away, run `drctl up`, then this again; otherwise something outside this stack uses it");
}
