//! Names that are unique although they are not the id.

use crate::engine::error::Result;
use crate::twin::quirks::interfaces::held;
use crate::twin::quirks::network::GROUP;
use crate::twin::quirks::{Birth, Draft, PLAIN, Quirk};
use crate::twin::row::Row;

pub(super) const QUIRKS: [Quirk; 4] = [
    Quirk { token: GROUP, admit: free_in_vpc, end: held, ..PLAIN },
    Quirk { token: "aws:ec2/launchTemplate:LaunchTemplate", admit: free, ..PLAIN },
    Quirk { token: "aws:lb/loadBalancer:LoadBalancer", admit: free, ..PLAIN },
    Quirk { token: "aws:lb/targetGroup:TargetGroup", admit: free, ..PLAIN },
];

fn free(draft: &Draft<'_>) -> Result<Birth> {
    unique(draft, |_| true)
}

/// Names of security groups are unique in their VPC.
fn free_in_vpc(draft: &Draft<'_>) -> Result<Birth> {
    unique(draft, |row| row.text("vpcId") == draft.text("vpcId"))
}

fn unique(draft: &Draft<'_>, rival: impl Fn(&Row) -> bool) -> Result<Birth> {
    let Some(name) = draft.text("name") else { return Ok(Birth::default()) };
    let same = |row: &Row| {
        row.token == draft.no.schema.token && row.place == *draft.place && row.text("name") == Some(name) && rival(row)
    };
    if draft.world.named(name).any(|(_, row)| same(row)) {
        return Err(draft.no.exists(name));
    }
    Ok(Birth::default())
}
