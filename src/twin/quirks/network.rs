//! Address ranges: a subnet lies inside its VPC and beside its sisters, in a zone of the region.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use crate::engine::error::Result;
use crate::twin::quirks::interfaces::held;
use crate::twin::quirks::{Birth, Draft, PLAIN, Quirk};

pub(super) const VPC: &str = "aws:ec2/vpc:Vpc";
pub(super) const SUBNET: &str = "aws:ec2/subnet:Subnet";
pub(super) const GROUP: &str = "aws:ec2/securityGroup:SecurityGroup";

pub(super) const QUIRKS: [Quirk; 3] = [
    Quirk { token: VPC, admit: vpc, ..PLAIN },
    Quirk { token: SUBNET, admit: subnet, end: held, ..PLAIN },
    Quirk {
        token: "aws:rds/subnetGroup:SubnetGroup",
        admit: |draft| two_zones(draft).map(|()| Birth::default()),
        amend: |_, draft| two_zones(draft),
        ..PLAIN
    },
];

/// The shortest and the longest prefix of a VPC or a subnet.
const PREFIXES: std::ops::RangeInclusive<u8> = 16..=28;

fn range(draft: &Draft<'_>, code: &str) -> Result<Option<Ipv4Net>> {
    let Some(text) = draft.text("cidrBlock") else { return Ok(None) };
    let net = text.parse::<Ipv4Net>().ok().filter(|net| net.trunc() == *net && PREFIXES.contains(&net.prefix_len()));
    let wrong = || format!("`cidrBlock` `{text}` is no range of addresses between /16 and /28");
    net.map(Some).ok_or_else(|| draft.no.never(code, wrong()))
}

fn vpc(draft: &Draft<'_>) -> Result<Birth> {
    range(draft, "InvalidVpc.Range")?;
    Ok(Birth::default())
}

fn subnet(draft: &Draft<'_>) -> Result<Birth> {
    if let Some(zone) = draft.text("availabilityZone")
        && !zone.starts_with(&draft.place.0)
    {
        return Err(draft.no.invalid(format!("`availabilityZone` `{zone}` is not in `{}`", draft.place)));
    }
    let (Some(net), Some((vpc, row))) = (range(draft, "InvalidSubnet.Range")?, draft.referred(VPC)) else {
        return Ok(Birth::default());
    };
    let cidr = |row: &crate::twin::row::Row| row.text("cidrBlock").and_then(|text| text.parse::<Ipv4Net>().ok());
    if let Some(whole) = cidr(row)
        && !whole.contains(&net)
    {
        return Err(draft.no.never("InvalidSubnet.Range", format!("`{net}` is not inside `{whole}` of the VPC")));
    }
    let mut sisters = draft.world.referrers(vpc).filter(|(_, row)| row.token == SUBNET);
    match sisters.find(|(_, row)| cidr(row).is_some_and(|other| other.contains(&net) || net.contains(&other))) {
        Some((_, other)) => {
            Err(draft.no.never("InvalidSubnet.Conflict", format!("`{net}` overlaps with `{}`", other.id)))
        }
        None => Ok(Birth::default()),
    }
}

/// A database needs subnets in two zones, so that it survives the loss of one.
fn two_zones(draft: &Draft<'_>) -> Result<()> {
    let rows = draft.refers.iter().filter_map(|serial| draft.world.row(*serial));
    let zones: BTreeSet<&str> =
        rows.filter(|row| row.token == SUBNET).filter_map(|row| row.text("availabilityZone")).collect();
    match zones.len() {
        0 | 1 => Err(draft
            .no
            .never("DBSubnetGroupDoesNotCoverEnoughAZs", "the subnets lie in fewer than two availability zones")),
        _ => Ok(()),
    }
}
