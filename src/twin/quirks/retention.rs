//! What AWS keeps after a deletion: keys that wait for their end and secrets that can be restored.

use std::time::Duration;

use crate::engine::error::Result;
use crate::engine::value::Value;
use crate::twin::quirks::{Birth, Draft, End, Ending, PLAIN, Quirk, Step};
use crate::twin::row::Row;

pub(super) const QUIRKS: [Quirk; 3] = [
    Quirk { token: "aws:kms/key:Key", end: key_ends, ..PLAIN },
    Quirk { token: "aws:kms/replicaKey:ReplicaKey", end: key_ends, ..PLAIN },
    Quirk { token: "aws:secretsmanager/secret:Secret", admit: secret_name_is_free, end: secret_ends, ..PLAIN },
];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// KMS deletes no key at once: 7 to 30 days, 30 if nothing else is said.
fn key_ends(ending: &Ending<'_>) -> Result<End> {
    Ok(End::Kept("PendingDeletion", days(ending, "deletionWindowInDays")))
}

/// A secret keeps its name for 7 to 30 days unless it is deleted without recovery; replicas go first.
fn secret_ends(ending: &Ending<'_>) -> Result<End> {
    if ending.row.inputs.get("replicas").and_then(Value::as_list).is_some_and(|r| !r.is_empty()) {
        let word = "removing the replicas";
        return Ok(End::Step(Step::Empties { input: "replicas", word, seconds: 10 }));
    }
    Ok(match days(ending, "recoveryWindowInDays") {
        Duration::ZERO => End::Now,
        long => End::Kept("scheduled for deletion", long),
    })
}

fn days(ending: &Ending<'_>, input: &str) -> Duration {
    let given = ending.applied.get(input).or_else(|| ending.row.inputs.get(input));
    match given.map(Value::bare) {
        Some(Value::Number(n)) => DAY * n.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(30),
        _ => DAY * 30,
    }
}

/// The name of a secret is held until its window ends. What was this very resource is restored.
fn secret_name_is_free(draft: &Draft<'_>) -> Result<Birth> {
    let Some(name) = draft.inputs.get("name").and_then(Value::as_str) else { return Ok(Birth::default()) };
    let same =
        |row: &Row| row.token == draft.no.schema.token && row.place == *draft.place && row.text("name") == Some(name);
    let unchanged = |row: &Row, input: &str| row.inputs.get(input) == draft.inputs.get(input);
    match draft.world.named(name).find(|(_, row)| same(row)) {
        None => Ok(Birth::default()),
        Some((_, row)) if row.is_there() => Err(draft.no.exists(name)),
        Some((kept, row)) if row.owner == draft.owner && ["kmsKeyId", "type"].iter().all(|i| unchanged(row, i)) => {
            Ok(Birth { restores: Some(kept), ..Birth::default() })
        }
        Some(_) => Err(draft
            .no
            .never("InvalidRequestException", format!("a secret named `{name}` is already scheduled for deletion"))
            .hint("choose another name; `recoveryWindowInDays: 0` lets a deletion end at once")),
    }
}
