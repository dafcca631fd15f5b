//! Alarms, log groups and event rules: CloudWatch, CloudWatch Logs and EventBridge.

mod event_rule;
mod event_target;
mod log_group;
mod metric_alarm;

pub use event_rule::EventRule;
pub use event_target::EventTarget;
pub use log_group::LogGroup;
pub use metric_alarm::MetricAlarm;

use aws_smithy_types::error::operation::BuildError;

use crate::engine::error::{Error, Result};

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
