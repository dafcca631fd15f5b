//! Alarms, dashboards, logs and event rules: CloudWatch, CloudWatch Logs and EventBridge.

#[cfg(test)]
mod cbor;
mod composite_alarm;
mod dashboard;
mod event_rule;
mod event_target;
mod log_destination;
mod log_destination_policy;
mod log_group;
mod log_subscription_filter;
mod metric_alarm;
mod metric_stream;

pub use composite_alarm::CompositeAlarm;
pub use dashboard::Dashboard;
pub use event_rule::EventRule;
pub use event_target::EventTarget;
pub use log_destination::LogDestination;
pub use log_destination_policy::LogDestinationPolicy;
pub use log_group::LogGroup;
pub use log_subscription_filter::LogSubscriptionFilter;
pub use metric_alarm::MetricAlarm;
pub use metric_stream::MetricStream;

use aws_sdk_cloudwatch::types::Tag;
use aws_smithy_types::error::operation::BuildError;

use super::cx::Cx;
use crate::engine::error::{Error, Result};
use crate::engine::resource::Retag;

/// Sets and removes tags of a thing of CloudWatch.
async fn retag(arn: &str, tags: &Retag, cx: &Cx) -> Result<()> {
    if !tags.unset.is_empty() {
        let untag = cx.cloudwatch().untag_resource().resource_arn(arn);
        untag.set_tag_keys(Some(tags.unset.clone())).send().await?;
    }
    if !tags.set.is_empty() {
        let set = tags.set.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
        cx.cloudwatch().tag_resource().resource_arn(arn).set_tags(Some(set)).send().await?;
    }
    Ok(())
}

/// An empty list is none.
fn some(list: Option<Vec<String>>) -> Option<Vec<String>> {
    list.filter(|list| !list.is_empty())
}

fn built<T>(part: Result<T, BuildError>) -> Result<T> {
    part.map_err(|e| Error::bug(e.to_string()))
}

/// The bus of an id `[bus/]rest`, and the rest. A bus may be named by its ARN.
fn bus_of(id: &str) -> (&str, &str) {
    id.rsplit_once('/').unwrap_or((DEFAULT_BUS, id))
}

/// `[bus/]rest`.
fn on_bus(bus: &str, rest: &str) -> String {
    if bus == DEFAULT_BUS { rest.to_owned() } else { format!("{bus}/{rest}") }
}

/// The bus on which AWS services put their events.
const DEFAULT_BUS: &str = "default";

fn default_bus() -> String {
    DEFAULT_BUS.to_owned()
}
