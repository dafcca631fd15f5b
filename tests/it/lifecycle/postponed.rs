//! Deletions that the cloud allows only later.

use std::sync::Arc;
use std::time::Duration;

use drctl::aws;
use drctl::engine::clock::Clock;
use drctl::engine::event::{Ended, Event, Skipped};
use drctl::twin::Twin;

use super::theatre::program;
use crate::support::stage::{Report, Stage, told};

const TABLE: &str = "
key: {type: aws:kms:Key, properties: {deletionWindowInDays: 7}}
table:
  type: aws:dynamodb:Table
  properties:
    name: orders
    attributes: [{name: id, type: S}]
    hashKey: id
    billingMode: PAY_PER_REQUEST
    streamEnabled: true
    streamViewType: NEW_AND_OLD_IMAGES
    serverSideEncryption: {enabled: true, kmsKeyArn: '${key.arn}'}
";
const COPY: &str = "
replica:
  type: aws:dynamodb:TableReplica
  region: secondary
  properties: {globalTableArn: '${table.arn}', pointInTimeRecovery: true}
";
/// The copy stays where it is when the stack goes.
const KEPT: &str = "  options: {retainOnDelete: true}\n";

pub(super) fn stage() -> (Arc<Twin>, Stage) {
    let clock = Clock::starting("2026-01-01T00:00:00Z".parse().unwrap());
    let twin = Arc::new(Twin::new(Arc::clone(aws::catalog()), clock));
    (Arc::clone(&twin), Stage::new(twin, clock))
}

async fn up(stage: &mut Stage, resources: &str) {
    let report = stage.up(&program(resources)).await.unwrap_or_else(|p| panic!("{}", told(&p)));
    assert_eq!(report.outcome.ended, Ended::Completed, "{:#?}", report.failures());
}

async fn destroy(stage: &mut Stage) -> Report {
    stage.destroy().await.unwrap_or_else(|p| panic!("{}", told(&p)))
}

fn left(stage: &Stage) -> Vec<String> {
    let mut names: Vec<_> = stage.state.rows.keys().map(|key| key.urn.name().to_owned()).collect();
    names.sort();
    names
}

#[tokio::test(start_paused = true)]
async fn a_table_whose_copy_stays_is_pending_until_the_day_of_the_copy_has_passed() {
    let (_, mut stage) = stage();
    up(&mut stage, &format!("{TABLE}{COPY}{KEPT}")).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let report = destroy(&mut stage).await;
    let Ended::Pending { until } = report.outcome.ended else { panic!("{:?}", report.outcome.ended) };
    assert_eq!(report.failures(), Vec::<String>::new());
    // The key that encrypts the table stays with it.
    assert_eq!(left(&stage), ["key", "table"]);
    let skipped: Vec<_> = report
        .events
        .iter()
        .filter_map(|e| match e {
            Event::StepSkipped { urn, because, .. } => Some((urn.name(), because)),
            _ => None,
        })
        .collect();
    assert!(matches!(skipped[..], [("table", Skipped::Later(_)), ("key", Skipped::Dependency(_))]), "{skipped:?}");

    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(destroy(&mut stage).await.outcome.ended, Ended::Pending { until }, "the end does not move away");
    tokio::time::sleep(Duration::from_secs(23 * 3600)).await;
    assert_eq!(destroy(&mut stage).await.outcome.ended, Ended::Completed);
    assert!(left(&stage).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_wanted_again_is_no_longer_pending() {
    let (_, mut stage) = stage();
    up(&mut stage, &format!("{TABLE}{COPY}{KEPT}")).await;
    assert!(matches!(destroy(&mut stage).await.outcome.ended, Ended::Pending { .. }));
    up(&mut stage, TABLE).await;
    assert!(stage.state.rows.values().all(|row| row.delete_after.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_table_whose_copy_goes_first_is_deleted_at_once() {
    let (twin, mut stage) = stage();
    up(&mut stage, &format!("{TABLE}{COPY}")).await;
    assert_eq!(destroy(&mut stage).await.outcome.ended, Ended::Completed);
    assert!(twin.inspect().iter().all(|e| e.token.contains("kms")), "{:?}", twin.inspect());
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_keeps_of_what_is_deleted_is_told_with_its_end() {
    const KEEPERS: &str = "
key: {type: aws:kms:Key, properties: {deletionWindowInDays: 7}}
secret: {type: aws:secretsmanager:Secret, properties: {name: db}}
gone: {type: aws:secretsmanager:Secret, properties: {name: gone, recoveryWindowInDays: 0}}
";
    let (_, mut stage) = stage();
    up(&mut stage, KEEPERS).await;
    let report = destroy(&mut stage).await;
    let mut planned = report.plan.notes;
    planned.sort();
    assert_eq!(
        planned,
        [
            "`key` can still be rescued, and decrypts nothing, for 7 days from its deletion on",
            "`secret` can still be restored, and keeps the name `db` taken, for 30 days from its deletion on",
        ]
    );
    let mut notes = report.outcome.notes;
    notes.sort();
    assert_eq!(
        notes,
        [
            "`key` can still be rescued, and decrypts nothing, until 2026-01-08",
            "`secret` can still be restored, and keeps the name `db` taken, until 2026-01-31",
        ]
    );
    assert_eq!(report.outcome.ended, Ended::Completed);
}
