//! New versions of a global database: minor ones reach its members one by one, the one that writes last, and
//! major ones the whole at once.

use std::time::Duration;

use drctl::engine::event::Event;

use crate::stacks::Shipped;
use crate::support::stage::{Report, steps, told};

/// A global database of two regions in a version, with options of the secondary cluster.
fn program(version: &str, secondary: &str, options: &str) -> String {
    format!(
        "
name: upgrades
runtime: yaml
regions: {{ primary: us-east-1, secondary: eu-west-1 }}
resources:
  global:
    type: aws:rds:GlobalCluster
    properties: {{ globalClusterIdentifier: orders, engine: aurora-postgresql, engineVersion: '{version}' }}
  first:
    type: aws:rds:Cluster
    properties:
      clusterIdentifier: orders-first
      globalClusterIdentifier: ${{global.id}}
      engine: aurora-postgresql
      engineVersion: '{version}'
      masterUsername: admin1
      masterPassword: correct-horse
      skipFinalSnapshot: true
  firstInstance:
    type: aws:rds:ClusterInstance
    properties:
      identifier: orders-first-1
      clusterIdentifier: ${{first.id}}
      engine: aurora-postgresql
      engineVersion: '{version}'
      instanceClass: db.r6g.large
  second:
    type: aws:rds:Cluster
    region: secondary
    properties:
      clusterIdentifier: orders-second
      globalClusterIdentifier: ${{global.id}}
      engine: aurora-postgresql
      engineVersion: {secondary}
      skipFinalSnapshot: true
    options: {{ {options} }}
  secondInstance:
    type: aws:rds:ClusterInstance
    region: secondary
    properties:
      identifier: orders-second-1
      clusterIdentifier: ${{second.id}}
      engine: aurora-postgresql
      instanceClass: db.r6g.large
"
    )
}

fn in_version(version: &str, options: &str) -> String {
    program(version, &format!("'{version}'"), options)
}

/// The names of what was changed, in the order in which it was done.
fn changed(report: &Report) -> Vec<&str> {
    let done = report.events.iter().filter_map(|event| match event {
        Event::StepDone { urn, .. } => Some(urn.name()),
        _ => None,
    });
    done.collect()
}

#[tokio::test(start_paused = true)]
async fn a_minor_upgrade_reaches_the_cluster_that_writes_after_all_others() {
    let mut shipped = Shipped::new();
    shipped.up(&in_version("16.9", "")).await;
    assert_eq!(changed(&shipped.up(&in_version("16.10", "")).await), ["second", "first", "firstInstance"]);
    assert_eq!(steps(&shipped.preview(&in_version("16.10", "")).await), [""; 0]);

    shipped.twin.switchover("orders", "orders-second").unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(changed(&shipped.up(&in_version("16.11", "")).await), ["first", "firstInstance", "second"]);
    assert_eq!(steps(&shipped.preview(&in_version("16.11", "")).await), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_orders_the_creation_of_a_secondary_does_not_hold_up_its_upgrade() {
    let mut shipped = Shipped::new();
    let options = "dependsOn: ['${firstInstance}', '${first}']";
    shipped.up(&in_version("16.9", options)).await;
    assert_eq!(changed(&shipped.up(&in_version("16.10", options)).await), ["second", "first", "firstInstance"]);
}

#[tokio::test(start_paused = true)]
async fn a_secondary_that_takes_its_version_from_the_primary_is_refused_an_upgrade() {
    let mut shipped = Shipped::new();
    let program = |version: &str| program(version, "${first.engineVersion}", "");
    shipped.up(&program("16.9")).await;
    let problems = shipped.stage.preview(&program("16.10")).await.unwrap_err();
    let problem = &problems[0];
    assert_eq!((problem.code, problems.len()), ("change-order", 1), "{}", told(&problems));
    insta::assert_snapshot!(format!("{}\n{}", problem.message, problem.help.as_deref().unwrap()), @r"
    `second` must be changed before `first`, from which it takes a value
    AWS upgrades the secondary clusters of a global database before the primary one: write the value twice, or in `config` or `variables`
    ");
}

#[tokio::test(start_paused = true)]
async fn the_upgrade_of_the_cluster_that_writes_waits_for_a_region_that_does_not_answer() {
    let mut shipped = Shipped::new();
    let new = in_version("16.10", "").replacen("engineVersion: '16.10'\n      instanceClass", "instanceClass", 1);
    shipped.up(&in_version("16.9", "")).await;
    shipped.stage.settings.unavailable = vec!["eu-west-1".into()];
    let plan = shipped.preview(&new).await;
    assert_eq!(steps(&plan), [""; 0]);
    assert_eq!(plan.held.iter().map(|step| step.key.urn.name()).collect::<Vec<_>>(), ["second", "first"]);
    shipped.stage.settings.unavailable.clear();
    assert_eq!(changed(&shipped.up(&new).await), ["second", "first"]);
}

#[tokio::test(start_paused = true)]
async fn a_major_upgrade_goes_through_the_global_database_to_all_members_at_once() {
    let mut shipped = Shipped::new();
    shipped.up(&in_version("16.9", "")).await;
    shipped.up(&in_version("17.4", "")).await;
    assert_eq!(steps(&shipped.preview(&in_version("17.4", "")).await), [""; 0]);
    shipped.stage.settings.refresh = true;
    assert_eq!(steps(&shipped.preview(&in_version("17.4", "")).await), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_added_with_an_upgrade_comes_after_the_primary() {
    let mut shipped = Shipped::new();
    let whole = in_version("16.10", "");
    let near = in_version("16.9", "");
    let near = &near[..near.find("  second:").unwrap()];
    shipped.up(near).await;
    let report = shipped.up(&whole).await;
    assert_eq!(changed(&report), ["first", "firstInstance", "second", "secondInstance"]);
}
