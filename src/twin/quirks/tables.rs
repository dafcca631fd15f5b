//! DynamoDB: a table that was the source of a new replica cannot be deleted for a day.

use std::time::Duration;

use jiff::SignedDuration;

use crate::engine::error::Result;
use crate::engine::value::Value;
use crate::twin::quirks::{Birth, Draft, End, Ending, PLAIN, Quirk};

const TABLE: &str = "aws:dynamodb/table:Table";
const REPLICA: &str = "aws:dynamodb/tableReplica:TableReplica";

pub(super) const QUIRKS: [Quirk; 2] = [
    Quirk { token: TABLE, end: young_source_stays, ..PLAIN },
    Quirk { token: REPLICA, admit: of_another_region, ..PLAIN },
];

/// What a table remembers of its last replica. No type has an output of that name, so nobody sees it.
const REPLICATED: &str = "$replicated";
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A region has one copy of a table, and the table remembers when it was copied.
fn of_another_region(draft: &Draft<'_>) -> Result<Birth> {
    let Some((serial, table)) = draft.referred(TABLE) else { return Ok(Birth::default()) };
    if table.place == *draft.place {
        return Err(draft.no.invalid(format!("`{}` is in this region itself", table.id)));
    }
    let now = Value::from(draft.now.to_string().as_str());
    Ok(Birth { elsewhere: vec![(serial, REPLICATED, now)], ..Birth::default() })
}

/// Only if a test asks for it: rehearsals end with nothing left.
fn young_source_stays(ending: &Ending<'_>) -> Result<End> {
    let copied = ending.row.outputs.get(REPLICATED).and_then(Value::as_str).and_then(|time| time.parse().ok());
    let Some(copied) = copied.filter(|_| ending.world.young_sources_stay) else { return Ok(End::Now) };
    let left = DAY.saturating_sub(ending.now.duration_since(copied));
    Ok(Duration::try_from(left).ok().filter(|left| !left.is_zero()).map_or(End::Now, End::Later))
}
