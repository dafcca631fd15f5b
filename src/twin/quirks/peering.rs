//! Peering between VPCs: asked for in one region, accepted in the other, and no way for packets before.

use ipnet::Ipv4Net;

use crate::engine::error::Result;
use crate::engine::urn::Place;
use crate::engine::value::{Map, Value};
use crate::twin::ACCOUNT;
use crate::twin::quirks::network::VPC;
use crate::twin::quirks::{Birth, Draft, PLAIN, Quirk};
use crate::twin::row::{Row, Serial};
use crate::twin::world::World;

const PEERING: &str = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection";

pub(super) const QUIRKS: [Quirk; 4] = [
    Quirk { token: PEERING, admit: asked, ..PLAIN },
    Quirk { token: "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter", admit: accepted, ..PLAIN },
    Quirk { token: "aws:ec2/peeringConnectionOptions:PeeringConnectionOptions", admit: usable, ..PLAIN },
    Quirk { token: "aws:ec2/route:Route", show: route, ..PLAIN },
];

const ACTIVE: &str = "active";
const STATUS: &str = "acceptStatus";

/// A connection starts pending. One that can never work fails by itself instead of being refused.
fn asked(draft: &Draft<'_>) -> Result<Birth> {
    let region = draft.text("peerRegion").map_or_else(|| draft.place.clone(), |region| Place(region.to_owned()));
    let auto = draft.is_true("autoAccept");
    if auto && region != *draft.place {
        return Err(draft
            .no
            .invalid("`autoAccept` works inside one region only")
            .hint("accept it in the other region"));
    }
    let status = Value::from(if auto { ACTIVE } else { "pending-acceptance" });
    let failed = match draft.text("peerOwnerId") {
        Some(owner) if owner != ACCOUNT => None,
        _ => unworkable(draft, &region),
    };
    Ok(Birth { failed, outputs: vec![(STATUS, status)], ..Birth::default() })
}

fn unworkable(draft: &Draft<'_>, region: &Place) -> Option<String> {
    let vpc = |input: &str, place: &Place| {
        let mut rows = draft.world.named(draft.text(input)?);
        rows.find(|(_, row)| row.token == VPC && row.place == *place && row.is_there()).map(|(_, row)| row)
    };
    let Some(peer) = vpc("peerVpcId", region) else {
        return Some(format!("failed: no such VPC in `{region}`"));
    };
    let range = |row: &Row| row.text("cidrBlock").and_then(|text| text.parse::<Ipv4Net>().ok());
    let (own, other) = (range(vpc("vpcId", draft.place)?)?, range(peer)?);
    let overlap = own.contains(&other) || other.contains(&own);
    overlap.then(|| format!("failed: `{own}` and `{other}` overlap"))
}

/// Only the region of the peer can accept.
fn accepted(draft: &Draft<'_>) -> Result<Birth> {
    let Some((serial, peering)) = draft.referred(PEERING).or_else(|| named(draft)) else {
        return Ok(Birth::default());
    };
    let peer = peering.text("peerRegion").unwrap_or(&peering.place.0);
    if peer != draft.place.0 {
        return Err(draft.no.never(
            "OperationNotPermitted",
            format!("`{}` can be accepted in `{peer}` only, not in `{}`", peering.id, draft.place),
        ));
    }
    let accepts = draft.is_true("autoAccept") || peering.text(STATUS) == Some(ACTIVE);
    let status = Value::from(if accepts { ACTIVE } else { "pending-acceptance" });
    let text = |input: &str| Value::from(peering.text(input).unwrap_or_default());
    Ok(Birth {
        outputs: vec![
            (STATUS, status.clone()),
            ("vpcId", text("peerVpcId")),
            ("peerVpcId", text("vpcId")),
            ("peerRegion", Value::from(peering.place.0.as_str())),
            ("peerOwnerId", Value::from(ACCOUNT)),
        ],
        elsewhere: vec![(serial, STATUS, status)],
        ..Birth::default()
    })
}

fn named<'a>(draft: &'a Draft<'_>) -> Option<(Serial, &'a Row)> {
    find(draft.world, draft.text("vpcPeeringConnectionId")?)
}

fn find<'a>(world: &'a World, id: &str) -> Option<(Serial, &'a Row)> {
    let mut rows = world.named(id);
    rows.find(|(_, row)| row.token == PEERING && row.is_there())
}

fn usable(draft: &Draft<'_>) -> Result<Birth> {
    match draft.referred(PEERING).or_else(|| named(draft)) {
        Some((_, row)) if row.text(STATUS) != Some(ACTIVE) => {
            Err(draft.no.busy("OperationNotPermitted", format!("`{}` is not accepted yet", row.id)))
        }
        _ => Ok(Birth::default()),
    }
}

/// A route over a connection that is not active leads nowhere; AWS takes it all the same.
fn route(world: &World, _: Serial, inputs: &mut Map, outputs: &mut Map) {
    let id = inputs.get("vpcPeeringConnectionId").and_then(Value::as_str);
    let dead = id.is_some_and(|id| find(world, id).is_none_or(|(_, row)| row.text(STATUS) != Some(ACTIVE)));
    outputs.insert("state".to_owned(), Value::from(if dead { "blackhole" } else { ACTIVE }));
    outputs.insert("origin".to_owned(), Value::from("CreateRoute"));
}
