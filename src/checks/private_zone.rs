//! Zones that only networks see.

use super::scene::Item;

pub(super) const ZONE: &str = "aws:route53/zone:Zone";

pub(super) fn is_private_zone(zone: Item<'_>) -> bool {
    zone.field("vpcs").items().next().is_some()
}
