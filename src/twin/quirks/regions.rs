//! What AWS refuses across regions: most services act only on resources of their own region.

use crate::engine::error::Result;
use crate::engine::urn::Place;
use crate::engine::value::{Map, Value};
use crate::twin::refusal::Refusal;

/// Inputs that name the key of the resource itself, for any type. Keys of replicas and of copies
/// stand deeper.
const KEYS: [&str; 5] =
    ["kmsKeyId", "kmsKeyArn", "kmsMasterKeyId", "masterUserSecretKmsKeyId", "performanceInsightsKmsKeyId"];

/// Inputs of single types whose ARNs must be of the same region.
const OTHERS: [(&str, &str); 12] = [
    ("aws:apigateway/domainName:DomainName", "regionalCertificateArn"),
    ("aws:cloudwatch/compositeAlarm:CompositeAlarm", "alarmActions"),
    ("aws:cloudwatch/compositeAlarm:CompositeAlarm", "insufficientDataActions"),
    ("aws:cloudwatch/compositeAlarm:CompositeAlarm", "okActions"),
    ("aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter", "destinationArn"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "alarmActions"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "insufficientDataActions"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "okActions"),
    ("aws:cloudwatch/metricStream:MetricStream", "firehoseArn"),
    ("aws:lambda/eventSourceMapping:EventSourceMapping", "eventSourceArn"),
    ("aws:lb/listener:Listener", "certificateArn"),
    ("aws:lb/listener:Listener", "loadBalancerArn"),
];

/// Refuses ARNs of another region where the service does.
///
/// # Errors
/// If an input names one.
pub(in crate::twin) fn in_reach(no: Refusal<'_>, place: &Place, inputs: &Map) -> Result<()> {
    let own = OTHERS.iter().filter(|(token, _)| *token == no.schema.token).map(|(_, input)| (*input, None));
    let keys = KEYS.into_iter().map(|input| (input, Some("KMSKeyNotAccessibleFault")));
    for (input, code) in keys.chain(own) {
        let Some(region) = inputs.get(input).and_then(|value| elsewhere(value, place)) else { continue };
        let message = format!("`{input}` names a resource of `{region}`, but must be of `{place}`");
        return Err(match code {
            Some(code) => no.never(code, message),
            None => no.invalid(message),
        });
    }
    Ok(())
}

/// The first other region that an ARN in the value names.
fn elsewhere<'a>(value: &'a Value, place: &Place) -> Option<&'a str> {
    match value.bare() {
        Value::String(text) if text.starts_with("arn:") => {
            let region = text.split(':').nth(3)?;
            (!region.is_empty() && !place.is_global() && region != place.0).then_some(region)
        }
        Value::List(items) => items.iter().find_map(|item| elsewhere(item, place)),
        _ => None,
    }
}
