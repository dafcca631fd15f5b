//! Periods of alarms: short ones for metrics of high resolution, else whole minutes.

use crate::engine::error::Result;
use crate::engine::value::Value;
use crate::twin::quirks::{Birth, Draft, PLAIN, Quirk};

pub(super) const QUIRKS: [Quirk; 1] = [Quirk {
    token: "aws:cloudwatch/metricAlarm:MetricAlarm",
    admit: |draft| period(draft).map(|()| Birth::default()),
    amend: |_, draft| period(draft),
    ..PLAIN
}];

/// Seconds below a minute that CloudWatch takes.
const SHORT: [u64; 3] = [10, 20, 30];

fn period(draft: &Draft<'_>) -> Result<()> {
    let Some(Value::Number(number)) = draft.inputs.get("period").map(Value::bare) else { return Ok(()) };
    match number.as_u64() {
        Some(seconds) if SHORT.contains(&seconds) || seconds > 0 && seconds % 60 == 0 => Ok(()),
        _ => Err(draft.no.invalid(format!("`period` is {number}, but must be 10, 20, 30 or a multiple of 60"))),
    }
}
