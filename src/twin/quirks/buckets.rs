//! S3: names are unique in the world, and replication needs versions on both sides.

use crate::engine::error::Result;
use crate::engine::value::{Map, Value};
use crate::twin::quirks::{Birth, Draft, End, Ending, PLAIN, Quirk};
use crate::twin::row::{Row, Serial};
use crate::twin::world::World;

const BUCKETS: [&str; 2] = ["aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"];
const VERSIONING: [&str; 2] =
    ["aws:s3/bucketVersioning:BucketVersioning", "aws:s3/bucketVersioningV2:BucketVersioningV2"];
const REPLICATION: &str = "aws:s3/bucketReplicationConfig:BucketReplicationConfig";

pub(super) const QUIRKS: [Quirk; 5] = [
    Quirk { token: BUCKETS[0], admit: free_in_the_world, ..PLAIN },
    Quirk { token: BUCKETS[1], admit: free_in_the_world, ..PLAIN },
    Quirk { token: VERSIONING[0], amend: stays_on, end: not_replicated, ..PLAIN },
    Quirk { token: VERSIONING[1], amend: stays_on, end: not_replicated, ..PLAIN },
    Quirk {
        token: REPLICATION,
        admit: |draft| both_versioned(draft).map(|()| Birth::default()),
        amend: |_, draft| both_versioned(draft),
        ..PLAIN
    },
];

fn free_in_the_world(draft: &Draft<'_>) -> Result<Birth> {
    let Some(name) = draft.text("bucket") else { return Ok(Birth::default()) };
    match draft.world.named(name).find(|(_, row)| BUCKETS.contains(&row.token)) {
        Some(_) => Err(draft.no.exists(name)),
        None => Ok(Birth::default()),
    }
}

fn both_versioned(draft: &Draft<'_>) -> Result<()> {
    let rules = draft.inputs.get("rules").and_then(Value::as_list).unwrap_or_default();
    let destinations = rules.iter().filter_map(|rule| rule.get("destination")?.get("bucket")?.as_str());
    for text in draft.text("bucket").into_iter().chain(destinations) {
        if let Some((serial, bucket)) = draft.world.named(text).find(|(_, row)| BUCKETS.contains(&row.token))
            && !versioned(draft.world, serial, bucket)
        {
            return Err(draft
                .no
                .never("InvalidRequest", format!("bucket `{}` keeps no versions, so it cannot replicate", bucket.id))
                .hint("enable versioning on both buckets first"));
        }
    }
    Ok(())
}

fn versioned(world: &World, serial: Serial, bucket: &Row) -> bool {
    let inline = bucket.inputs.get("versioning").and_then(|v| v.get("enabled")).and_then(Value::as_bool);
    let enabled = |row: &Row| is_enabled(&row.inputs);
    inline == Some(true) || world.referrers(serial).any(|(_, row)| VERSIONING.contains(&row.token) && enabled(row))
}

fn is_enabled(inputs: &Map) -> bool {
    let status = inputs.get("versioningConfiguration").and_then(|v| v.get("status"));
    status.and_then(Value::as_str) == Some("Enabled")
}

/// The replication of the bucket that a versioning belongs to.
fn replication<'a>(world: &'a World, versioning: &Row) -> Option<&'a Row> {
    let buckets = versioning.refers.iter().flat_map(|bucket| world.referrers(*bucket));
    buckets.map(|(_, row)| row).find(|row| row.token == REPLICATION)
}

fn stays_on(serial: Serial, draft: &Draft<'_>) -> Result<()> {
    let on = draft.world.row(serial).and_then(|row| replication(draft.world, row));
    match on.filter(|_| !is_enabled(draft.inputs)) {
        Some(row) => Err(draft.no.busy("InvalidBucketState", format!("bucket `{}` still replicates", row.id))),
        None => Ok(()),
    }
}

fn not_replicated(ending: &Ending<'_>) -> Result<End> {
    match replication(ending.world, ending.row) {
        Some(row) => Err(ending.no.busy("InvalidBucketState", format!("bucket `{}` still replicates", row.id))),
        None => Ok(End::Now),
    }
}
