//! How many subscription filters a log group takes.

use crate::engine::error::Result;
use crate::twin::quirks::{Birth, Draft, PLAIN, Quirk};

const FILTER: &str = "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter";

pub(super) const QUIRKS: [Quirk; 1] = [Quirk { token: FILTER, admit: two_a_group, ..PLAIN }];

/// Filters that one group takes, by the quotas of CloudWatch Logs.
const MOST: usize = 2;

fn two_a_group(draft: &Draft<'_>) -> Result<Birth> {
    let Some((group, row)) = draft.referred("aws:cloudwatch/logGroup:LogGroup") else {
        return Ok(Birth::default());
    };
    let filters = draft.world.referrers(group).filter(|(_, row)| row.token == FILTER && row.is_there());
    if filters.count() < MOST {
        return Ok(Birth::default());
    }
    let message = format!("`{}` has {MOST} subscription filters, which is the most", row.id);
    Err(draft.no.never("LimitExceededException", message))
}
