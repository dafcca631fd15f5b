//! A promotion without drctl is a fact, not a difference: nothing undoes it, and nothing is left
//! when the stack is destroyed from there.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use drctl::engine::clock::Clock;
use drctl::engine::event::Ended;
use drctl::engine::provider::KindAt;
use drctl::engine::resource::{Seen, Want};
use drctl::engine::settings::Settings;
use drctl::engine::state::Row;

use crate::support::emulator::{Emulator, ministack, python};
use crate::support::stage::{Report, Stage, steps, told};

const PROGRAM: &str = "
name: promotion
runtime: yaml
regions: { primary: us-east-1, secondary: eu-west-1 }
resources:
  global:
    type: aws:rds:GlobalCluster
    properties:
      globalClusterIdentifier: orders
      engine: aurora-postgresql
      engineVersion: '16.11'
      databaseName: orders
      storageEncrypted: true
      deletionProtection: true
  first:
    type: aws:rds:Cluster
    properties:
      clusterIdentifier: orders-first
      globalClusterIdentifier: ${global.id}
      engine: aurora-postgresql
      engineVersion: '16.11'
      databaseName: orders
      masterUsername: admin1
      masterPassword: correct-horse
      storageEncrypted: true
      deletionProtection: true
      skipFinalSnapshot: true
  firstInstance:
    type: aws:rds:ClusterInstance
    properties:
      identifier: orders-first-1
      clusterIdentifier: ${first.id}
      engine: aurora-postgresql
      instanceClass: db.r6g.large
  second:
    type: aws:rds:Cluster
    region: secondary
    properties:
      clusterIdentifier: orders-second
      globalClusterIdentifier: ${global.id}
      engine: aurora-postgresql
      engineVersion: '16.11'
      storageEncrypted: true
      deletionProtection: true
      skipFinalSnapshot: true
  secondInstance:
    type: aws:rds:ClusterInstance
    region: secondary
    properties:
      identifier: orders-second-1
      clusterIdentifier: ${second.id}
      engine: aurora-postgresql
      instanceClass: db.r6g.large
";

/// Switches the writer over to the other region, as an operator would by hand.
fn switch_over(server: &Emulator, account: &str) {
    const SCRIPT: &str = "
import sys, boto3
endpoint, account = sys.argv[1:]
rds = boto3.client('rds', region_name='eu-west-1', endpoint_url=endpoint, aws_access_key_id=account, aws_secret_access_key='secret')
target = f'arn:aws:rds:eu-west-1:{account}:cluster:orders-second'
rds.switchover_global_cluster(GlobalClusterIdentifier='orders', TargetDbClusterIdentifier=target)
";
    let output = Command::new(python()).args(["-c", SCRIPT, &server.endpoint, account]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn completed(report: &Report) {
    assert_eq!(report.outcome.ended, Ended::Completed, "{}", report.failures().join("; "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_by_others_is_noted_and_never_undone_and_the_stack_can_be_destroyed_after_it() {
    let server = ministack();
    let (account, cloud) = server.account();
    let mut stage = Stage::new(Arc::new(cloud), Clock::system());
    completed(&stage.up(PROGRAM).await.unwrap_or_else(|p| panic!("{}", told(&p))));
    let report = stage.up(PROGRAM).await.unwrap_or_else(|p| panic!("{}", told(&p)));
    completed(&report);
    assert_eq!(steps(&report.plan), [""; 0]);
    assert_eq!(stage.state.dr.active_region.as_deref(), Some("us-east-1"));

    switch_over(server, &account);
    // What was described a moment ago may be told again to whoever asks in the same process.
    tokio::time::sleep(Duration::from_secs(1)).await;

    let plan = stage.preview(PROGRAM).await.unwrap_or_else(|p| panic!("{}", told(&p)));
    assert_eq!(steps(&plan), [""; 0]);
    let noted = plan.notes.iter().filter(|n| n.contains("eu-west-1 writes now, us-east-1 did before")).count();
    assert_eq!(noted, 1, "{:?}", plan.notes);

    let report = stage.up(PROGRAM).await.unwrap_or_else(|p| panic!("{}", told(&p)));
    completed(&report);
    assert_eq!(steps(&report.plan), [""; 0]);
    assert_eq!(stage.state.dr.active_region.as_deref(), Some("eu-west-1"));
    stage.settings = Settings { refresh: true, ..Settings::default() };
    let plan = stage.preview(PROGRAM).await.unwrap_or_else(|p| panic!("{}", told(&p)));
    assert_eq!(steps(&plan), [""; 0], "a refresh sees a difference");

    let rows: Vec<Arc<Row>> = stage.state.rows.values().cloned().collect();
    stage.settings = Settings { override_protection: true, ..Settings::default() };
    completed(&stage.destroy().await.unwrap_or_else(|p| panic!("{}", told(&p))));
    assert!(stage.state.rows.is_empty(), "{:?}", stage.state.rows.keys());
    for row in rows {
        let kind = KindAt { ty: row.ty.clone(), place: row.place.clone() };
        let seen = stage.cloud.read(&kind, &[row.id.clone().unwrap()], &Want::Only(Default::default())).await.unwrap();
        assert_eq!(seen, [Seen::Gone], "{}", row.key.urn.name());
    }
}
