use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::{
    MetricStreamFilter, MetricStreamOutputFormat, MetricStreamStatisticsConfiguration as SdkStatistics,
    MetricStreamStatisticsMetric, Tag,
};
use aws_smithy_types::date_time::Format;

use super::metric_alarm::tags_of;
use super::{retag, some};
use crate::aws::prelude::*;
use crate::engine::rules::{auto_name, exclusive, one_of, refers, replace, unordered};

/// A stream of the metrics of a region to Firehose. It runs as soon as it is made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["excludeFilters", "includeFilters"]))]
pub struct MetricStream {
    /// Metrics that are left out; all others are streamed.
    #[schemars(transform = unordered, length(max = 1000))]
    pub exclude_filters: Option<Vec<MetricStreamExcludeFilter>>,
    /// ARN of the Firehose stream, which must be in the account and the region of the metrics.
    #[schemars(transform = refers("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream.arn"))]
    pub firehose_arn: String,
    /// Metrics that are streamed, and no others.
    #[schemars(transform = unordered, length(max = 1000))]
    pub include_filters: Option<Vec<MetricStreamIncludeFilter>>,
    /// Whether the metrics of accounts that this one monitors are streamed too.
    #[serde(default)]
    pub include_linked_accounts_metrics: bool,
    /// Name of the stream, unique in the region.
    #[schemars(transform = replace, transform = auto_name(255), length(min = 1, max = 255))]
    pub name: String,
    /// Format of what is streamed.
    #[schemars(transform = one_of(&["json", "opentelemetry0.7", "opentelemetry1.0"]))]
    pub output_format: String,
    /// ARN of the role that writes to Firehose.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: String,
    /// Metrics that are streamed with more than their usual statistics.
    #[schemars(transform = unordered, length(max = 100))]
    pub statistics_configurations: Option<Vec<MetricStreamStatisticsConfiguration>>,
    /// Tags of the stream.
    #[serde(default)]
    pub tags: Tags,
}

/// Metrics of a namespace that are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricStreamExcludeFilter {
    /// Names of the metrics; all of the namespace if there are none.
    #[schemars(transform = unordered)]
    pub metric_names: Option<Vec<String>>,
    /// Namespace, for example `AWS/RDS`.
    #[schemars(length(min = 1, max = 255))]
    pub namespace: String,
}

/// Metrics of a namespace that are streamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricStreamIncludeFilter {
    /// Names of the metrics; all of the namespace if there are none.
    #[schemars(transform = unordered)]
    pub metric_names: Option<Vec<String>>,
    /// Namespace, for example `AWS/RDS`.
    #[schemars(length(min = 1, max = 255))]
    pub namespace: String,
}

/// Statistics that some metrics are streamed with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricStreamStatisticsConfiguration {
    /// Statistics, for example `p99`.
    #[schemars(transform = unordered)]
    pub additional_statistics: Vec<String>,
    /// Metrics that get them.
    #[schemars(transform = unordered, length(max = 100))]
    pub include_metrics: Vec<MetricStreamStatisticsConfigurationIncludeMetric>,
}

/// A metric that is streamed with more statistics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricStreamStatisticsConfigurationIncludeMetric {
    /// Name of the metric.
    #[schemars(length(min = 1, max = 255))]
    pub metric_name: String,
    /// Namespace of the metric.
    #[schemars(length(min = 1, max = 255))]
    pub namespace: String,
}

/// What AWS decides about a metric stream.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricStreamOutputs {
    /// ARN of the stream.
    pub arn: String,
    /// When it was made.
    pub creation_date: Option<String>,
    /// When it was changed last.
    pub last_update_date: Option<String>,
    /// `running` or `stopped`.
    pub state: Option<String>,
}

impl Resource for MetricStream {
    const TYPE: &'static str = "aws:cloudwatch/metricStream:MetricStream";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&[]),
        limits: Limits::minutes(1, 1, 2),
        takes: Takes::seconds(2, 2, 2),
        permissions: Permissions {
            create: &[
                "cloudwatch:GetMetricStream",
                "cloudwatch:PutMetricStream",
                "cloudwatch:TagResource",
                "iam:PassRole",
            ],
            read: &["cloudwatch:GetMetricStream", "cloudwatch:ListTagsForResource"],
            update: &[
                "cloudwatch:PutMetricStream",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
                "iam:PassRole",
            ],
            delete: &["cloudwatch:DeleteMetricStream"],
        },
        acts_on: &["{arn}"],
        passes_roles_to: &["streams.metrics.cloudwatch"],
        import: "name of the stream",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = MetricStreamOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let tags = cx.tags(&self.tags);
        let tags = tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
        self.put(Some(tags), cx).await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    /// A call takes all of a stream but its tags.
    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put(None, cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.cloudwatch().delete_metric_stream().name(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(self.name.clone());
        Ok(match seen(id.clone(), &Want::Only(BTreeSet::new()), cx).await? {
            Seen::Gone => Vec::new(),
            _ => vec![id],
        })
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let name = inputs.get("name").and_then(Value::as_str);
        vec![
            ("arn", name.map_or(Value::Unknown, |name| at.arn("cloudwatch", &format!("metric-stream/{name}")))),
            ("state", "running".into()),
        ]
    }
}

impl MetricStream {
    async fn put(&self, tags: Option<Vec<Tag>>, cx: &Cx) -> Result<()> {
        let excluded = self.exclude_filters.iter().flatten();
        let excluded = excluded.map(|f| filter(&f.namespace, &f.metric_names)).collect::<Vec<_>>();
        let included = self.include_filters.iter().flatten();
        let included = included.map(|f| filter(&f.namespace, &f.metric_names)).collect::<Vec<_>>();
        let statistics = self.statistics_configurations.iter().flatten();
        let statistics = statistics.map(MetricStreamStatisticsConfiguration::sent).collect();
        cx.cloudwatch()
            .put_metric_stream()
            .set_exclude_filters(Some(excluded).filter(|f| !f.is_empty()))
            .firehose_arn(&self.firehose_arn)
            .set_include_filters(Some(included).filter(|f| !f.is_empty()))
            .include_linked_accounts_metrics(self.include_linked_accounts_metrics)
            .name(&self.name)
            .output_format(MetricStreamOutputFormat::from(self.output_format.as_str()))
            .role_arn(&self.role_arn)
            .set_statistics_configurations(Some(statistics))
            .set_tags(tags)
            .send()
            .await?;
        Ok(())
    }
}

impl MetricStreamStatisticsConfiguration {
    fn sent(&self) -> SdkStatistics {
        let metrics = self.include_metrics.iter().map(|m| {
            MetricStreamStatisticsMetric::builder().metric_name(&m.metric_name).namespace(&m.namespace).build()
        });
        SdkStatistics::builder()
            .set_additional_statistics(Some(self.additional_statistics.clone()))
            .set_include_metrics(Some(metrics.collect()))
            .build()
    }

    fn seen(s: SdkStatistics) -> Result<Self> {
        let metrics = s.include_metrics.unwrap_or_default().into_iter().map(|m| {
            Ok(MetricStreamStatisticsConfigurationIncludeMetric {
                metric_name: need("MetricName", m.metric_name)?,
                namespace: need("Namespace", m.namespace)?,
            })
        });
        Ok(Self {
            additional_statistics: s.additional_statistics.unwrap_or_default(),
            include_metrics: metrics.collect::<Result<_>>()?,
        })
    }
}

fn filter(namespace: &str, names: &Option<Vec<String>>) -> MetricStreamFilter {
    let names = names.clone().filter(|names| !names.is_empty());
    MetricStreamFilter::builder().set_metric_names(names).namespace(namespace).build()
}

/// Filters as namespace and names, or None where there are none.
fn filters<T>(
    shown: Option<Vec<MetricStreamFilter>>,
    made: impl Fn(String, Option<Vec<String>>) -> T,
) -> Result<Option<Vec<T>>> {
    let shown = shown.unwrap_or_default().into_iter();
    let filters = shown.map(|f| Ok(made(need("Namespace", f.namespace)?, some(f.metric_names))));
    let filters = filters.collect::<Result<Vec<_>>>()?;
    Ok(Some(filters).filter(|filters| !filters.is_empty()))
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<MetricStream>>> {
    let Some(s) = cx.cloudwatch().get_metric_stream().name(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let arn = need("Arn", s.arn)?;
    let tags = if want.has("tags") { tags_of(&arn, cx).await? } else { Tags::new() };
    let statistics = s.statistics_configurations.unwrap_or_default().into_iter();
    let statistics = statistics.map(MetricStreamStatisticsConfiguration::seen).collect::<Result<Vec<_>>>()?;
    let date = |date: Option<aws_smithy_types::DateTime>| date.and_then(|d| d.fmt(Format::DateTime).ok());
    let inputs = MetricStream {
        exclude_filters: filters(s.exclude_filters, |namespace, metric_names| MetricStreamExcludeFilter {
            metric_names,
            namespace,
        })?,
        firehose_arn: need("FirehoseArn", s.firehose_arn)?,
        include_filters: filters(s.include_filters, |namespace, metric_names| MetricStreamIncludeFilter {
            metric_names,
            namespace,
        })?,
        include_linked_accounts_metrics: s.include_linked_accounts_metrics.unwrap_or_default(),
        name: need("Name", s.name)?,
        output_format: need("OutputFormat", s.output_format)?.as_str().to_owned(),
        role_arn: need("RoleArn", s.role_arn)?,
        statistics_configurations: Some(statistics).filter(|s| !s.is_empty()),
        tags,
    };
    let outputs = MetricStreamOutputs {
        arn,
        creation_date: date(s.creation_date),
        last_update_date: date(s.last_update_date),
        state: s.state,
    };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::cloudwatch::cbor::{refuses, says};
    use crate::aws::wire::{at, aws, read, reads_back};
    use crate::engine::provider::Provider;

    const TYPE: &str = MetricStream::TYPE;

    fn stream(filters: &str) -> Json {
        let metric = json!({ "MetricName": "m", "Namespace": "n" });
        json!({
            "Arn": "arn:aws:cloudwatch:eu-west-1:123456789012:metric-stream/dr",
            filters: [{ "MetricNames": ["a"], "Namespace": "AWS/RDS" }, { "Namespace": "AWS/ELB" }],
            "FirehoseArn": "arn:f",
            "IncludeLinkedAccountsMetrics": true,
            "Name": "dr",
            "OutputFormat": "json",
            "RoleArn": "arn:r",
            "State": "running",
            "StatisticsConfigurations": [{ "AdditionalStatistics": ["p99"], "IncludeMetrics": [metric] }],
        })
    }

    fn inputs(filters: &str) -> Json {
        let metric = json!({ "metricName": "m", "namespace": "n" });
        json!({
            filters: [{ "metricNames": ["a"], "namespace": "AWS/RDS" }, { "namespace": "AWS/ELB" }],
            "firehoseArn": "arn:f",
            "includeLinkedAccountsMetrics": true,
            "name": "dr",
            "outputFormat": "json",
            "roleArn": "arn:r",
            "statisticsConfigurations": [{ "additionalStatistics": ["p99"], "includeMetrics": [metric] }],
            "tags": { "a": "b" },
        })
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let tags = says(&json!({ "Tags": [{ "Key": "a", "Value": "b" }] }));
        for (theirs, ours, other) in [
            ("IncludeFilters", "includeFilters", "excludeFilters"),
            ("ExcludeFilters", "excludeFilters", "includeFilters"),
        ] {
            let replies = [("GetMetricStream", says(&stream(theirs))), ("ListTagsForResource", tags.clone())];
            let live = reads_back(TYPE, "dr", &replies, &[other], inputs(ours)).await;
            assert_eq!(live.outputs.get("state"), Some(&"running".into()));
        }
    }

    #[tokio::test]
    async fn a_stream_is_made_with_all_that_it_is_given() {
        let (aws, wire) = aws(&[("PutMetricStream", says(&json!({})))]);
        let id = aws.create(&at(TYPE), &inputs("includeFilters").into()).await.unwrap().id;
        assert_eq!(id.0, "dr");
        let sent = &wire.requests("PutMetricStream")[0];
        for word in ["IncludeFilters", "AWS/RDS", "MetricNames", "arn:f", "arn:r", "p99", "drctl:owner", "json"] {
            assert!(sent.contains(word), "{word} in {sent}");
        }
        assert!(!sent.contains("ExcludeFilters"));
    }

    #[tokio::test]
    async fn a_change_sends_all_but_the_tags() {
        let (aws, wire) = aws(&[("PutMetricStream", says(&json!({})))]);
        let outputs = json!({ "arn": "arn:s" }).into();
        let live = crate::engine::provider::Live { inputs: inputs("includeFilters").into(), outputs };
        aws.update(&at(TYPE), &Id("dr".into()), &inputs("excludeFilters").into(), &live).await.unwrap();
        let sent = &wire.requests("PutMetricStream")[0];
        assert!(sent.contains("ExcludeFilters") && !sent.contains("IncludeFilters"), "{sent}");
        assert!(!sent.contains("Tags"), "{sent}");
    }

    #[tokio::test]
    async fn a_stream_that_is_not_found_is_gone() {
        let (aws, _) = aws(&[("GetMetricStream", refuses("ResourceNotFoundException", "none"))]);
        assert_eq!(read(&aws, TYPE, "dr").await.unwrap(), Seen::Gone);
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_that_was_made_a_moment_ago_is_waited_for() {
        let refused = refuses("InvalidParameterValueException", "CloudWatch cannot assume the role arn:r");
        let (aws, _) = aws(&[("PutMetricStream", refused)]);
        let refused = aws.create(&at(TYPE), &inputs("includeFilters").into()).await.unwrap_err();
        assert_eq!(refused.young, ["aws:iam/"]);
    }
}
