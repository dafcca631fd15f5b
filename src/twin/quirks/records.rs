//! Records of Route 53: what a name may hold, and what a routing policy needs.

use crate::engine::error::Result;
use crate::engine::value::Value;
use crate::twin::quirks::{Birth, Draft, PLAIN, Quirk};

const ZONE: &str = "aws:route53/zone:Zone";

pub(super) const QUIRKS: [Quirk; 1] = [Quirk {
    token: "aws:route53/record:Record",
    admit: |draft| makes_sense(draft).map(|()| Birth::default()),
    amend: |_, draft| makes_sense(draft),
    ..PLAIN
}];

/// Inputs that choose among several records of one name.
const POLICIES: [&str; 5] = [
    "failoverRoutingPolicies",
    "geolocationRoutingPolicies",
    "latencyRoutingPolicies",
    "multivalueAnswerRoutingPolicy",
    "weightedRoutingPolicies",
];

fn makes_sense(draft: &Draft<'_>) -> Result<()> {
    let no = |message: String| Err(draft.no.never("InvalidChangeBatch", message));
    let (name, kind) = (draft.text("name").unwrap_or_default(), draft.text("type").unwrap_or_default());
    let records = draft.inputs.get("records").and_then(Value::as_list).unwrap_or_default();
    for text in records.iter().filter_map(Value::as_str) {
        let fits = match kind {
            "A" => text.parse::<std::net::Ipv4Addr>().is_ok(),
            "AAAA" => text.parse::<std::net::Ipv6Addr>().is_ok(),
            _ => true,
        };
        if !fits {
            return no(format!("`{text}` is no address for a record of type {kind}"));
        }
    }
    if let Some(policy) = POLICIES.iter().find(|policy| given(draft, policy))
        && draft.text("setIdentifier").is_none()
    {
        return no(format!("`{policy}` needs `setIdentifier`"));
    }
    let whole = |text: &str| text.trim_end_matches('.').to_ascii_lowercase();
    let apex = draft.referred(ZONE).and_then(|(_, zone)| zone.text("name"));
    if kind == "CNAME" && (name.is_empty() || apex.is_some_and(|apex| whole(apex) == whole(name))) {
        return no(format!("`{name}` is the name of the zone itself, which cannot be a CNAME"));
    }
    Ok(())
}

fn given(draft: &Draft<'_>, input: &str) -> bool {
    match draft.inputs.get(input).map(Value::bare) {
        Some(Value::List(items)) => !items.is_empty(),
        Some(Value::Bool(set)) => *set,
        Some(other) => !other.is_null(),
        None => false,
    }
}
