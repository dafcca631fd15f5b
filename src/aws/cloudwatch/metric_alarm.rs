use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{
    self as sdk, AlarmPromQlCriteria, ComparisonOperator, Dimension, EvaluationCriteria, MetricDataQuery, MetricStat,
    StandardUnit, Statistic, Tag, WarmUpConfiguration,
};

use super::{retag, some};
use crate::aws::prelude::*;
use crate::engine::rules::{auto_name, computed, exactly_one, exclusive, one_of, replace, unordered};

/// An alarm on a metric, on a calculation with metrics, or on a PromQL query.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["evaluationCriteria", "metricName", "metricQueries"]))]
#[schemars(transform = exclusive(&["dimensions", "metricQueries"]))]
#[schemars(transform = exclusive(&["extendedStatistic", "metricQueries"]))]
#[schemars(transform = exclusive(&["metricQueries", "namespace"]))]
#[schemars(transform = exclusive(&["metricQueries", "period"]))]
#[schemars(transform = exclusive(&["metricQueries", "statistic"]))]
#[schemars(transform = exclusive(&["extendedStatistic", "statistic"]))]
#[schemars(transform = exclusive(&["threshold", "thresholdMetricId"]))]
pub struct MetricAlarm {
    /// Whether actions are taken.
    #[serde(default = "yes")]
    pub actions_enabled: bool,
    /// ARNs of what is done when the alarm goes off, for example of a topic.
    #[schemars(transform = unordered, length(max = 5))]
    pub alarm_actions: Option<Vec<String>>,
    /// Description for people.
    #[schemars(length(max = 1024))]
    pub alarm_description: Option<String>,
    /// How the metric is compared with the threshold.
    #[schemars(transform = one_of(OPERATORS))]
    pub comparison_operator: Option<String>,
    /// Periods that must breach the threshold, out of `evaluationPeriods`. All by default.
    #[schemars(range(min = 1))]
    pub datapoints_to_alarm: Option<i32>,
    /// Dimensions of the metric.
    pub dimensions: Option<BTreeMap<String, String>>,
    /// Whether a percentile of too few samples is evaluated.
    #[schemars(transform = computed, transform = one_of(&["evaluate", "ignore"]))]
    pub evaluate_low_sample_count_percentiles: Option<String>,
    /// PromQL query that is evaluated.
    pub evaluation_criteria: Option<MetricAlarmEvaluationCriteria>,
    /// Seconds between two evaluations: 10, 20, 30, or a multiple of 60.
    #[schemars(range(min = 10))]
    pub evaluation_interval: Option<i32>,
    /// Periods that are compared with the threshold.
    #[schemars(range(min = 1))]
    pub evaluation_periods: Option<i32>,
    /// Percentile or trimmed statistic, for example `p95`.
    pub extended_statistic: Option<String>,
    /// ARNs of what is done when too few data are there.
    #[schemars(transform = unordered, length(max = 5))]
    pub insufficient_data_actions: Option<Vec<String>>,
    /// Name of the metric.
    #[schemars(length(min = 1, max = 255))]
    pub metric_name: Option<String>,
    /// Metrics and calculations, one of which returns the data.
    #[schemars(transform = unordered)]
    pub metric_queries: Option<Vec<MetricAlarmMetricQuery>>,
    /// Name of the alarm, unique in the region.
    #[schemars(transform = replace, transform = auto_name(255), length(min = 1, max = 255))]
    pub name: String,
    /// Namespace of the metric, for example `AWS/RDS`.
    #[schemars(length(min = 1, max = 255))]
    pub namespace: Option<String>,
    /// ARNs of what is done when the alarm ends.
    #[schemars(transform = unordered, length(max = 5))]
    pub ok_actions: Option<Vec<String>>,
    /// Seconds of one period: 10, 20, 30, or a multiple of 60.
    #[schemars(range(min = 10))]
    pub period: Option<i32>,
    /// Statistic of the metric.
    #[schemars(transform = one_of(&["Average", "Maximum", "Minimum", "SampleCount", "Sum"]))]
    pub statistic: Option<String>,
    /// Tags of the alarm.
    #[serde(default)]
    pub tags: Tags,
    /// Value that the metric is compared with.
    pub threshold: Option<f64>,
    /// Id of the query whose band the metric is compared with, for anomaly detection.
    #[schemars(length(min = 1, max = 255))]
    pub threshold_metric_id: Option<String>,
    /// What a period without data counts as.
    #[schemars(transform = one_of(&["breaching", "ignore", "missing", "notBreaching"]))]
    #[serde(default = "missing")]
    pub treat_missing_data: String,
    /// Unit of the metric; all units by default.
    #[schemars(transform = one_of(UNITS))]
    pub unit: Option<String>,
    /// Time after a change in which the alarm does not go off.
    pub warm_up_configuration: Option<MetricAlarmWarmUpConfiguration>,
}

const OPERATORS: &[&str] = &[
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "GreaterThanUpperThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanThreshold",
];

const UNITS: &[&str] = &[
    "Bits",
    "Bits/Second",
    "Bytes",
    "Bytes/Second",
    "Count",
    "Count/Second",
    "Gigabits",
    "Gigabits/Second",
    "Gigabytes",
    "Gigabytes/Second",
    "Kilobits",
    "Kilobits/Second",
    "Kilobytes",
    "Kilobytes/Second",
    "Megabits",
    "Megabits/Second",
    "Megabytes",
    "Megabytes/Second",
    "Microseconds",
    "Milliseconds",
    "None",
    "Percent",
    "Seconds",
    "Terabits",
    "Terabits/Second",
    "Terabytes",
    "Terabytes/Second",
];

fn yes() -> bool {
    true
}

fn missing() -> String {
    "missing".to_owned()
}

/// What is evaluated in place of a metric.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricAlarmEvaluationCriteria {
    /// PromQL query.
    pub promql_criteria: MetricAlarmEvaluationCriteriaPromqlCriteria,
}

/// A PromQL query and its delays.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricAlarmEvaluationCriteriaPromqlCriteria {
    /// Seconds for which the query must hold before the alarm goes off.
    #[schemars(transform = computed, range(min = 0, max = 86_400))]
    pub pending_period: Option<i32>,
    /// Query.
    pub query: String,
    /// Seconds for which the query must not hold before the alarm ends.
    #[schemars(transform = computed, range(min = 0, max = 86_400))]
    pub recovery_period: Option<i32>,
}

/// A metric or a calculation with metrics.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["expression", "metric"]))]
pub struct MetricAlarmMetricQuery {
    /// Account of the metric, where it is another one.
    #[schemars(length(min = 1, max = 255))]
    pub account_id: Option<String>,
    /// Calculation with other queries, for example `m1 / m2`.
    #[schemars(length(min = 1, max = 1024))]
    pub expression: Option<String>,
    /// Name of the query in calculations.
    #[schemars(length(min = 1, max = 255))]
    pub id: String,
    /// Label for people.
    pub label: Option<String>,
    /// Metric.
    pub metric: Option<MetricAlarmMetricQueryMetric>,
    /// Seconds of one period of a calculation: 1, 5, 10, 20, 30, or a multiple of 60.
    #[schemars(range(min = 1))]
    pub period: Option<i32>,
    /// Whether the alarm looks at this one; it looks at exactly one.
    #[serde(default)]
    pub return_data: bool,
}

/// A metric of a query.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricAlarmMetricQueryMetric {
    /// Dimensions of the metric.
    pub dimensions: Option<BTreeMap<String, String>>,
    /// Name of the metric.
    #[schemars(length(min = 1, max = 255))]
    pub metric_name: String,
    /// Namespace of the metric.
    #[schemars(length(min = 1, max = 255))]
    pub namespace: Option<String>,
    /// Seconds of one period: 1, 5, 10, 20, 30, or a multiple of 60.
    #[schemars(range(min = 1))]
    pub period: i32,
    /// Statistic, for example `Average` or `p95`.
    pub stat: String,
    /// Unit of the metric.
    #[schemars(transform = one_of(UNITS))]
    pub unit: Option<String>,
}

/// Time after a change of the alarm.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricAlarmWarmUpConfiguration {
    /// Whether evaluation begins only after that time.
    #[serde(default)]
    pub only_start_evaluating_after_warm_up_period_ends: bool,
    /// Length in minutes.
    #[schemars(range(min = 1))]
    pub warm_up_period_duration_in_minutes: i32,
}

/// What AWS decides about an alarm.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricAlarmOutputs {
    /// ARN of the alarm.
    pub arn: String,
}

/// Names that one description may ask for.
const NAMES_A_CALL: usize = 100;

impl Resource for MetricAlarm {
    const TYPE: &'static str = "aws:cloudwatch/metricAlarm:MetricAlarm";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&[]),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"],
            read: &["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"],
            update: &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"],
            delete: &["cloudwatch:DeleteAlarms"],
        },
        acts_on: &["{arn}"],
        import: "name of the alarm",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = MetricAlarmOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let tags = cx.tags(&self.tags);
        let tags = tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
        self.put(Some(tags), cx).await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let alarms = described(ids, cx).await?;
        let arns = alarms.iter().map(|a| Ok(Id(need("AlarmArn", a.alarm_arn.clone())?))).collect::<Result<Vec<_>>>()?;
        let tags = match want.has("tags") {
            true => each(&arns, async |arn| tags_of(&arn.0, cx).await).await?,
            false => vec![Tags::new(); arns.len()],
        };
        in_order(ids, alarms.into_iter().zip(tags).map(|(alarm, tags)| seen(alarm, tags)))
    }

    /// A call takes all of an alarm but its tags.
    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put(None, cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.cloudwatch().delete_alarms().alarm_names(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let alarms = described(&[Id(self.name.clone())], cx).await?;
        Ok(alarms.into_iter().filter_map(|a| a.alarm_name).map(Id).collect())
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let name = inputs.get("name").and_then(Value::as_str);
        vec![("arn", name.map_or(Value::Unknown, |name| at.arn("cloudwatch", &format!("alarm:{name}"))))]
    }
}

impl MetricAlarm {
    async fn put(&self, tags: Option<Vec<Tag>>, cx: &Cx) -> Result<()> {
        let queries = self.metric_queries.as_ref().filter(|q| !q.is_empty());
        cx.cloudwatch()
            .put_metric_alarm()
            .actions_enabled(self.actions_enabled)
            .set_alarm_actions(self.alarm_actions.clone())
            .set_alarm_description(self.alarm_description.clone())
            .set_comparison_operator(self.comparison_operator.as_deref().map(ComparisonOperator::from))
            .set_datapoints_to_alarm(self.datapoints_to_alarm)
            .set_dimensions(dimensions(&self.dimensions))
            .set_evaluate_low_sample_count_percentile(self.evaluate_low_sample_count_percentiles.clone())
            .set_evaluation_criteria(self.evaluation_criteria.as_ref().map(MetricAlarmEvaluationCriteria::sent))
            .set_evaluation_interval(self.evaluation_interval)
            .set_evaluation_periods(self.evaluation_periods)
            .set_extended_statistic(self.extended_statistic.clone())
            .set_insufficient_data_actions(self.insufficient_data_actions.clone())
            .set_metric_name(self.metric_name.clone())
            .set_metrics(queries.map(|q| q.iter().map(MetricAlarmMetricQuery::sent).collect()))
            .alarm_name(&self.name)
            .set_namespace(self.namespace.clone())
            .set_ok_actions(self.ok_actions.clone())
            .set_period(self.period)
            .set_statistic(self.statistic.as_deref().map(Statistic::from))
            .set_tags(tags)
            .set_threshold(self.threshold)
            .set_threshold_metric_id(self.threshold_metric_id.clone())
            .treat_missing_data(&self.treat_missing_data)
            .set_unit(self.unit.as_deref().map(StandardUnit::from))
            .set_warm_up_configuration(self.warm_up_configuration.as_ref().map(MetricAlarmWarmUpConfiguration::sent))
            .send()
            .await?;
        Ok(())
    }
}

impl MetricAlarmEvaluationCriteria {
    fn sent(&self) -> EvaluationCriteria {
        let criteria = AlarmPromQlCriteria::builder()
            .set_pending_period(self.promql_criteria.pending_period)
            .query(&self.promql_criteria.query)
            .set_recovery_period(self.promql_criteria.recovery_period);
        EvaluationCriteria::PromQlCriteria(criteria.build())
    }

    fn seen(criteria: &EvaluationCriteria) -> Option<Self> {
        let criteria = criteria.as_prom_ql_criteria().ok()?;
        let promql_criteria = MetricAlarmEvaluationCriteriaPromqlCriteria {
            pending_period: criteria.pending_period,
            query: criteria.query.clone()?,
            recovery_period: criteria.recovery_period,
        };
        Some(Self { promql_criteria })
    }
}

impl MetricAlarmMetricQuery {
    fn sent(&self) -> MetricDataQuery {
        let metric = self.metric.as_ref().map(|m| {
            let metric = sdk::Metric::builder()
                .set_dimensions(dimensions(&m.dimensions))
                .metric_name(&m.metric_name)
                .set_namespace(m.namespace.clone());
            MetricStat::builder()
                .metric(metric.build())
                .period(m.period)
                .stat(&m.stat)
                .set_unit(m.unit.as_deref().map(StandardUnit::from))
                .build()
        });
        MetricDataQuery::builder()
            .set_account_id(self.account_id.clone())
            .set_expression(self.expression.clone())
            .id(&self.id)
            .set_label(self.label.clone())
            .set_metric_stat(metric)
            .set_period(self.period)
            .return_data(self.return_data)
            .build()
    }

    fn seen(q: MetricDataQuery) -> Result<Self> {
        let metric = q.metric_stat.map(|stat| {
            let metric = need("Metric", stat.metric)?;
            Ok::<_, Error>(MetricAlarmMetricQueryMetric {
                dimensions: map_of(metric.dimensions),
                metric_name: need("MetricName", metric.metric_name)?,
                namespace: metric.namespace,
                period: need("Period", stat.period)?,
                stat: need("Stat", stat.stat)?,
                unit: stat.unit.map(|u| u.as_str().to_owned()),
            })
        });
        Ok(Self {
            account_id: q.account_id,
            expression: q.expression,
            id: need("Id", q.id)?,
            label: q.label,
            metric: metric.transpose()?,
            period: q.period,
            return_data: q.return_data.unwrap_or(true),
        })
    }
}

impl MetricAlarmWarmUpConfiguration {
    fn sent(&self) -> WarmUpConfiguration {
        WarmUpConfiguration::builder()
            .only_start_evaluating_after_warm_up_period_ends(self.only_start_evaluating_after_warm_up_period_ends)
            .warm_up_period_duration_in_minutes(self.warm_up_period_duration_in_minutes)
            .build()
    }
}

fn dimensions(map: &Option<BTreeMap<String, String>>) -> Option<Vec<Dimension>> {
    let map = map.as_ref().filter(|map| !map.is_empty())?;
    Some(map.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect())
}

fn map_of(dimensions: Option<Vec<Dimension>>) -> Option<BTreeMap<String, String>> {
    let map: BTreeMap<_, _> = dimensions?.into_iter().filter_map(|d| Some((d.name?, d.value?))).collect();
    (!map.is_empty()).then_some(map)
}

async fn described(ids: &[Id], cx: &Cx) -> Result<Vec<sdk::MetricAlarm>> {
    let mut alarms = Vec::with_capacity(ids.len());
    for ids in ids.chunks(NAMES_A_CALL) {
        let names = ids.iter().map(|id| id.0.clone()).collect();
        let describe = cx.cloudwatch().describe_alarms().set_alarm_names(Some(names)).max_records(100);
        let pages = describe.into_paginator().send().collect::<Result<Vec<_>, _>>().await?;
        alarms.extend(pages.into_iter().flat_map(|page| page.metric_alarms.unwrap_or_default()));
    }
    Ok(alarms)
}

pub(super) async fn tags_of(arn: &str, cx: &Cx) -> Result<Tags> {
    let reply = cx.cloudwatch().list_tags_for_resource().resource_arn(arn).send().await.or_none()?;
    let tags = reply.and_then(|reply| reply.tags).unwrap_or_default();
    Ok(tags.into_iter().filter_map(|t| Some((t.key?, t.value.unwrap_or_default()))).collect())
}

fn seen(a: sdk::MetricAlarm, tags: Tags) -> Result<(String, Seen<Live<MetricAlarm>>)> {
    let name = need("AlarmName", a.alarm_name)?;
    let queries = a.metrics.unwrap_or_default().into_iter().map(MetricAlarmMetricQuery::seen);
    let queries = queries.collect::<Result<Vec<_>>>()?;
    let warm_up = a.warm_up_configuration.map(|w| {
        Ok::<_, Error>(MetricAlarmWarmUpConfiguration {
            only_start_evaluating_after_warm_up_period_ends: w
                .only_start_evaluating_after_warm_up_period_ends
                .unwrap_or_default(),
            warm_up_period_duration_in_minutes: need(
                "WarmUpPeriodDurationInMinutes",
                w.warm_up_period_duration_in_minutes,
            )?,
        })
    });
    let inputs = MetricAlarm {
        actions_enabled: need("ActionsEnabled", a.actions_enabled)?,
        alarm_actions: some(a.alarm_actions),
        alarm_description: a.alarm_description.filter(|d| !d.is_empty()),
        comparison_operator: a.comparison_operator.map(|o| o.as_str().to_owned()),
        datapoints_to_alarm: a.datapoints_to_alarm,
        dimensions: map_of(a.dimensions),
        evaluate_low_sample_count_percentiles: a.evaluate_low_sample_count_percentile,
        evaluation_criteria: a.evaluation_criteria.as_ref().and_then(MetricAlarmEvaluationCriteria::seen),
        evaluation_interval: a.evaluation_interval,
        evaluation_periods: a.evaluation_periods,
        extended_statistic: a.extended_statistic,
        insufficient_data_actions: some(a.insufficient_data_actions),
        metric_name: a.metric_name,
        metric_queries: (!queries.is_empty()).then_some(queries),
        name: name.clone(),
        namespace: a.namespace,
        ok_actions: some(a.ok_actions),
        period: a.period,
        statistic: a.statistic.map(|s| s.as_str().to_owned()),
        tags,
        threshold: a.threshold,
        threshold_metric_id: a.threshold_metric_id,
        treat_missing_data: a.treat_missing_data.unwrap_or_else(missing),
        unit: a.unit.map(|u| u.as_str().to_owned()),
        warm_up_configuration: warm_up.transpose()?,
    };
    let outputs = MetricAlarmOutputs { arn: need("AlarmArn", a.alarm_arn)? };
    Ok((name, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::cloudwatch::cbor::says;
    use crate::aws::wire::{at, aws, reads_back};
    use crate::engine::provider::Provider;

    const TYPE: &str = MetricAlarm::TYPE;
    const ARN: &str = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:lag";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let stat = json!({ "Metric": { "MetricName": "m", "Namespace": "n", "Dimensions": [{ "Name": "a", "Value": "b" }] },
            "Period": 60, "Stat": "p95", "Unit": "Count" });
        let alarm = json!({
            "ActionsEnabled": true,
            "AlarmActions": ["arn:a"],
            "AlarmArn": ARN,
            "AlarmDescription": "d",
            "AlarmName": "lag",
            "ComparisonOperator": "GreaterThanThreshold",
            "DatapointsToAlarm": 2,
            "Dimensions": [{ "Name": "a", "Value": "b" }],
            "EvaluateLowSampleCountPercentile": "ignore",
            "EvaluationCriteria": { "PromQLCriteria": { "PendingPeriod": 1, "Query": "up", "RecoveryPeriod": 2 } },
            "EvaluationInterval": 30,
            "EvaluationPeriods": 3,
            "ExtendedStatistic": "p99",
            "InsufficientDataActions": ["arn:i"],
            "MetricName": "m",
            "Metrics": [
                { "AccountId": "1", "Id": "m1", "Label": "l", "MetricStat": stat, "ReturnData": false },
                { "Expression": "m1", "Id": "e1", "Period": 60, "ReturnData": true },
            ],
            "Namespace": "n",
            "OKActions": ["arn:o"],
            "Period": 60,
            "Statistic": "Sum",
            "Threshold": 5000.5,
            "ThresholdMetricId": "e1",
            "TreatMissingData": "ignore",
            "Unit": "Count",
            "WarmUpConfiguration": { "OnlyStartEvaluatingAfterWarmUpPeriodEnds": true, "WarmUpPeriodDurationInMinutes": 5 },
        });
        let replies = [
            ("DescribeAlarms", says(&json!({ "MetricAlarms": [alarm] }))),
            ("ListTagsForResource", says(&json!({ "Tags": [{ "Key": "a", "Value": "b" }] }))),
        ];
        let metric = json!({ "dimensions": { "a": "b" }, "metricName": "m", "namespace": "n", "period": 60,
            "stat": "p95", "unit": "Count" });
        let inputs = json!({
            "actionsEnabled": true,
            "alarmActions": ["arn:a"],
            "alarmDescription": "d",
            "comparisonOperator": "GreaterThanThreshold",
            "datapointsToAlarm": 2,
            "dimensions": { "a": "b" },
            "evaluateLowSampleCountPercentiles": "ignore",
            "evaluationCriteria": { "promqlCriteria": { "pendingPeriod": 1, "query": "up", "recoveryPeriod": 2 } },
            "evaluationInterval": 30,
            "evaluationPeriods": 3,
            "extendedStatistic": "p99",
            "insufficientDataActions": ["arn:i"],
            "metricName": "m",
            "metricQueries": [
                { "accountId": "1", "id": "m1", "label": "l", "metric": metric, "returnData": false },
                { "expression": "m1", "id": "e1", "period": 60, "returnData": true },
            ],
            "name": "lag",
            "namespace": "n",
            "okActions": ["arn:o"],
            "period": 60,
            "statistic": "Sum",
            "tags": { "a": "b" },
            "threshold": 5000.5,
            "thresholdMetricId": "e1",
            "treatMissingData": "ignore",
            "unit": "Count",
            "warmUpConfiguration": { "onlyStartEvaluatingAfterWarmUpPeriodEnds": true, "warmUpPeriodDurationInMinutes": 5 },
        });
        reads_back(TYPE, "lag", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn alarms_are_described_together_and_one_without_answer_is_gone() {
        let alarm = json!({ "AlarmName": "b", "AlarmArn": ARN, "ActionsEnabled": true });
        let (aws, wire) = aws(&[("DescribeAlarms", says(&json!({ "MetricAlarms": [alarm] })))]);
        let ids: Vec<Id> = ["a", "b", "c"].map(|id| Id(id.into())).into();
        let seen = aws.read(&at(TYPE).kind, &ids, &Want::Only(Default::default())).await.unwrap();
        assert!(matches!(seen[..], [Seen::Gone, Seen::Ready(_), Seen::Gone]), "{seen:?}");
        assert_eq!(wire.requests("monitoring").len(), 1);
    }

    #[tokio::test]
    async fn what_is_not_given_is_not_sent() {
        let (aws, wire) = aws(&[("PutMetricAlarm", says(&json!({})))]);
        let inputs = json!({ "name": "lag", "metricName": "m", "namespace": "n", "metricQueries": [] }).into();
        aws.create(&at(TYPE), &inputs).await.unwrap();
        let sent = &wire.requests("PutMetricAlarm")[0];
        assert!(sent.contains("drctl:owner") && sent.contains("TreatMissingData"), "{sent}");
        assert!(!sent.contains("Metrics") && !sent.contains("Dimensions"), "{sent}");
    }
}
