//! DynamoDB: a table that was copied less than a day ago stays as long as the copy is there.

use std::time::Duration;

use jiff::SignedDuration;

use crate::engine::error::Result;
use crate::twin::quirks::{Birth, Draft, End, Ending, PLAIN, Quirk};

const TABLE: &str = "aws:dynamodb/table:Table";
const REPLICA: &str = "aws:dynamodb/tableReplica:TableReplica";

pub(super) const QUIRKS: [Quirk; 2] = [
    Quirk { token: TABLE, end: young_source_stays, ..PLAIN },
    Quirk { token: REPLICA, admit: of_another_region, ..PLAIN },
];

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A region has one copy of a table.
fn of_another_region(draft: &Draft<'_>) -> Result<Birth> {
    match draft.referred(TABLE) {
        Some((_, table)) if table.place == *draft.place => {
            Err(draft.no.invalid(format!("`{}` is in this region itself", table.id)))
        }
        _ => Ok(Birth::default()),
    }
}

/// AWS says "Replica cannot be deleted because it has acted as a source region for new replica(s) being
/// added to the table in the last 24 hours", and deletes it at once when these replicas are gone.
fn young_source_stays(ending: &Ending<'_>) -> Result<End> {
    let copies = ending.world.referrers(ending.serial).filter(|(_, row)| row.token == REPLICA && row.is_there());
    let youngest = copies.map(|(_, row)| row.created).max();
    let left = youngest.map(|created| DAY.saturating_sub(ending.now.duration_since(created)));
    let left = left.and_then(|left| Duration::try_from(left).ok()).filter(|left| !left.is_zero());
    Ok(left.map_or(End::Now, End::Later))
}
