//! Identifiers in AWS's forms. They follow from the number of the row, so a run that is repeated
//! from the same start gets the same ones.

use sha2::{Digest, Sha256};

use crate::engine::resource::{IdForm, Where};
use crate::engine::schema::TypeSchema;
use crate::engine::urn::{Id, Place};
use crate::engine::value::{Map, Value};
use crate::twin::row::Serial;
use crate::twin::{ACCOUNT, PARTITION};

/// So many hex digits that belong to one row and one purpose.
pub(super) fn hex(serial: Serial, purpose: &str, digits: usize) -> String {
    let mut text = String::with_capacity(digits + 64);
    for round in 0_u32.. {
        text.push_str(&hex::encode(Sha256::digest(format!("{serial}/{purpose}/{round}"))));
        if text.len() >= digits {
            break;
        }
    }
    text.truncate(digits);
    text
}

/// A UUID that belongs to one row and one purpose.
pub(super) fn uuid(serial: Serial, purpose: &str) -> String {
    let h = hex(serial, purpose, 32);
    format!("{}-{}-4{}-a{}-{}", &h[..8], &h[8..12], &h[13..16], &h[17..20], &h[20..])
}

pub(super) fn at(place: &Place, id: Option<Id>) -> Where {
    Where { partition: PARTITION.to_owned(), account: ACCOUNT.to_owned(), region: place.clone(), id }
}

/// The id of a new row.
pub(super) fn id(schema: &TypeSchema, serial: Serial, place: &Place, inputs: &Map) -> Id {
    let whole = Value::Map(inputs.clone());
    if let Some(id) = schema.predicted_id(&whole) {
        return id;
    }
    Id(match schema.facts.id {
        IdForm::Random("", 32 | 36) => uuid(serial, "id"),
        IdForm::Random(prefix, digits) => {
            let digits = hex(serial, "id", digits);
            let upper = !prefix.is_empty() && prefix.chars().all(|c| c.is_ascii_uppercase());
            format!("{prefix}{}", if upper { digits.to_ascii_uppercase() } else { digits })
        }
        IdForm::Output(name) => {
            let foreseen = (schema.foresee)(&whole, &at(place, None)).into_iter().find(|(n, _)| *n == name);
            match foreseen.as_ref().and_then(|(_, v)| v.as_str()) {
                Some(text) => text.to_owned(),
                None if name.to_ascii_lowercase().ends_with("arn") => arn(schema, serial, place, inputs),
                None => format!("{}-{}", kind(schema), hex(serial, "id", 17)),
            }
        }
        IdForm::Input(_) | IdForm::Joined(..) => format!("{}-{}", kind(schema), hex(serial, "id", 17)),
    })
}

/// An ARN by the form of the type, or else by the one that most services share.
pub(super) fn arn(schema: &TypeSchema, serial: Serial, place: &Place, inputs: &Map) -> String {
    let text = |input: &str| inputs.get(input).and_then(Value::as_str);
    let name = text("name").map_or_else(|| hex(serial, "arn", 17), str::to_owned);
    let uuid = || uuid(serial, "arn");
    let own = || hex(serial, "arn", 16);
    let resource = match schema.token {
        "aws:acm/certificate:Certificate" => format!("certificate/{}", uuid()),
        "aws:autoscaling/group:Group" => format!("autoScalingGroup:{}:autoScalingGroupName/{name}", uuid()),
        "aws:autoscaling/policy:Policy" => {
            let group = text("autoscalingGroupName").unwrap_or_default();
            format!("scalingPolicy:{}:autoScalingGroupName/{group}:policyName/{name}", uuid())
        }
        "aws:lb/listener:Listener" => {
            let above = text("loadBalancerArn").unwrap_or_default();
            return format!("{}/{}", above.replacen(":loadbalancer/", ":listener/", 1), own());
        }
        "aws:lb/loadBalancer:LoadBalancer" => {
            let kind = match text("loadBalancerType") {
                Some("network") => "net",
                Some("gateway") => "gwy",
                _ => "app",
            };
            format!("loadbalancer/{kind}/{name}/{}", own())
        }
        "aws:lb/targetGroup:TargetGroup" => format!("targetgroup/{name}/{}", own()),
        "aws:secretsmanager/secret:Secret" => format!("secret:{name}-{}", hex(serial, "arn", 6)),
        "aws:secretsmanager/secretVersion:SecretVersion" => return text("secretId").unwrap_or_default().to_owned(),
        "aws:sns/topicSubscription:TopicSubscription" => {
            return format!("{}:{}", text("topic").unwrap_or_default(), uuid());
        }
        _ => format!("{}/{name}", kind(schema)),
    };
    let region = if place.is_global() { "" } else { &place.0 };
    format!("arn:{PARTITION}:{}:{region}:{ACCOUNT}:{resource}", schema.arn_service())
}

/// The short name of a type as it stands in identifiers: `vpc`.
pub(super) fn kind(schema: &TypeSchema) -> String {
    schema.short_name().to_ascii_lowercase()
}
