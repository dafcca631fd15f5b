use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;
use crate::aws::Cx;
use crate::engine::error::{Error, Result};
use crate::engine::rules::one_of;

/// The newest value of a metric, or none if nothing was measured lately. Pulumi has no such function.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetMetricValue {
    /// Dimensions of the metric: all that it has, or there is no value.
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    /// Name of the metric.
    metric_name: String,
    /// Minutes to look back.
    #[schemars(range(min = 1, max = 1440))]
    #[serde(default = "a_quarter_of_an_hour")]
    minutes: u64,
    /// Namespace of the metric, for example `AWS/RDS`.
    namespace: String,
    /// What is taken of the values of a minute.
    #[schemars(transform = one_of(&["Average", "Maximum", "Minimum", "SampleCount", "Sum"]))]
    statistic: String,
}

fn a_quarter_of_an_hour() -> u64 {
    15
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// When the minute of the value began.
    timestamp: Option<String>,
    /// The value, in the unit of the metric.
    value: Option<f64>,
}

impl Function for GetMetricValue {
    const TOKEN: &'static str = "aws:cloudwatch/getMetricValue:getMetricValue";
    const PERMISSIONS: &'static [&'static str] = &["cloudwatch:GetMetricStatistics"];
    const VOLATILE: bool = true;
    type Answer = Answer;

    async fn call(self, cx: &Cx) -> Result<Answer> {
        let now = SystemTime::now();
        let dimension = |(name, value)| Dimension::builder().name(name).value(value).build();
        let statistic = Statistic::from(self.statistic.as_str());
        let reply = cx
            .cloudwatch()
            .get_metric_statistics()
            .namespace(self.namespace)
            .metric_name(self.metric_name)
            .set_dimensions(Some(self.dimensions.into_iter().map(dimension).collect()))
            .start_time(DateTime::from(now - Duration::from_mins(self.minutes)))
            .end_time(DateTime::from(now))
            .period(60)
            .statistics(statistic.clone())
            .send()
            .await?;
        let newest = reply.datapoints.unwrap_or_default().into_iter().max_by_key(|d| d.timestamp);
        let Some(point) = newest else { return Ok(Answer { timestamp: None, value: None }) };
        let timestamp = point.timestamp.map(|t| t.fmt(Format::DateTime)).transpose();
        Ok(Answer {
            timestamp: timestamp.map_err(|e| Error::bug(e.to_string()))?,
            value: measured(&point, &statistic),
        })
    }
}

fn measured(point: &Datapoint, statistic: &Statistic) -> Option<f64> {
    match statistic {
        Statistic::Average => point.average,
        Statistic::Maximum => point.maximum,
        Statistic::Minimum => point.minimum,
        Statistic::SampleCount => point.sample_count,
        Statistic::Sum => point.sum,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_that_of_the_statistic_that_was_asked_for() {
        let point = Datapoint::builder().average(2.0).maximum(3.0).build();
        assert_eq!(measured(&point, &Statistic::Average), Some(2.0));
        assert_eq!(measured(&point, &Statistic::Maximum), Some(3.0));
        assert_eq!(measured(&point, &Statistic::Sum), None);
    }
}
