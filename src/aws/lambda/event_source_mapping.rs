use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::operation::get_event_source_mapping::GetEventSourceMappingOutput;
use aws_sdk_lambda::types as sdk;

use super::kafka::{ManagedKafkaConfig, SelfManagedKafkaConfig};
use crate::aws::mirror::{Field, Mirror, mirror, words};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{
    alike, computed, exactly_one, exclusive, form, moves, needs, one_of, refers, replace, unordered,
};

words!(
    sdk::EventSourceMappingMetric,
    sdk::EventSourcePosition,
    sdk::FullDocument,
    sdk::FunctionResponseType,
    sdk::SourceAccessType,
);

/// A source whose records Lambda reads and gives to a function in batches.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["eventSourceArn", "selfManagedEventSource"]))]
#[schemars(transform = exclusive(&["amazonManagedKafkaEventSourceConfig", "selfManagedEventSource"]))]
#[schemars(transform = exclusive(&["amazonManagedKafkaEventSourceConfig", "selfManagedKafkaEventSourceConfig"]))]
#[schemars(transform = exclusive(&["eventSourceArn", "selfManagedKafkaEventSourceConfig"]))]
#[schemars(transform = needs(&["startingPositionTimestamp", "startingPosition"]))]
pub struct EventSourceMapping {
    /// How a cluster of MSK is read.
    #[schemars(transform = computed)]
    pub amazon_managed_kafka_event_source_config: Option<ManagedKafkaConfig>,
    /// Most records of a batch. The default is 10 for queues and 100 for the rest.
    #[schemars(transform = computed, range(min = 1, max = 10000))]
    pub batch_size: Option<i32>,
    /// Whether a batch that fails is split in two. Only streams.
    #[serde(default)]
    pub bisect_batch_on_function_error: bool,
    /// Where batches go that are given up.
    pub destination_config: Option<MappingDestinations>,
    /// How a cluster of DocumentDB is read.
    pub document_db_event_source_config: Option<MappingDocumentDb>,
    /// Whether records are read.
    #[serde(default = "on")]
    pub enabled: bool,
    /// ARN of the queue, stream, table stream, broker or cluster.
    #[schemars(transform = replace)]
    pub event_source_arn: Option<String>,
    /// Which records the function gets.
    pub filter_criteria: Option<MappingFilters>,
    /// Name or ARN of the function, of a version or of an alias.
    #[schemars(transform = alike(Alike::Arn), transform = refers("aws:lambda/function:Function.arn"))]
    pub function_name: String,
    /// What the function may answer: `ReportBatchItemFailures` if it tells which records failed.
    #[schemars(transform = unordered)]
    pub function_response_types: Option<Vec<String>>,
    /// Key that encrypts the filters.
    #[schemars(transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_arn: Option<String>,
    /// Longest time that a batch is gathered, in seconds.
    #[schemars(transform = computed, range(min = 0, max = 300))]
    pub maximum_batching_window_in_seconds: Option<i32>,
    /// Age at which records are given up, in seconds; -1 for never. Only streams.
    #[schemars(transform = computed, range(min = -1, max = 604_800))]
    pub maximum_record_age_in_seconds: Option<i32>,
    /// How often a batch is tried again; -1 for as long as its records live. Only streams.
    #[schemars(transform = computed, range(min = -1, max = 10000))]
    pub maximum_retry_attempts: Option<i32>,
    /// Metrics that are kept.
    pub metrics_config: Option<MappingMetrics>,
    /// Batches of one shard at once. Only streams.
    #[schemars(transform = computed, range(min = 1, max = 10))]
    pub parallelization_factor: Option<i32>,
    /// Pollers that are kept ready. Only Kafka and queues.
    pub provisioned_poller_config: Option<MappingPollers>,
    /// Queue of the broker.
    #[schemars(transform = replace)]
    pub queues: Option<String>,
    /// How far the reading grows. Only queues.
    pub scaling_config: Option<MappingScaling>,
    /// A cluster of Kafka outside of AWS.
    #[schemars(transform = replace)]
    pub self_managed_event_source: Option<SelfManagedSource>,
    /// How that cluster is read.
    #[schemars(transform = computed)]
    pub self_managed_kafka_event_source_config: Option<SelfManagedKafkaConfig>,
    /// How Lambda reaches the source and proves who it is.
    #[schemars(transform = unordered, length(max = 22))]
    pub source_access_configurations: Option<Vec<MappingAccess>>,
    /// Where the reading of a stream begins.
    #[schemars(transform = replace, transform = one_of(&["AT_TIMESTAMP", "LATEST", "TRIM_HORIZON"]))]
    pub starting_position: Option<String>,
    /// Time from which on a stream is read, for `AT_TIMESTAMP`.
    #[schemars(transform = replace)]
    #[schemars(transform = form(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "a time such as `2030-01-31T12:00:00Z`"))]
    pub starting_position_timestamp: Option<String>,
    /// Tags of the mapping.
    #[serde(default)]
    pub tags: Tags,
    /// Topics of Kafka.
    #[schemars(transform = replace, transform = unordered)]
    pub topics: Option<Vec<String>>,
    /// Length of a window over which a function sums up, in seconds. Only streams.
    #[schemars(range(min = 0, max = 900))]
    #[serde(default)]
    pub tumbling_window_in_seconds: i32,
}

fn on() -> bool {
    true
}

fn whole_document() -> String {
    sdk::FullDocument::Default.as_str().to_owned()
}

mirror! {
    /// Where batches go that are given up.
    pub struct MappingDestinations = sdk::DestinationConfig {
        /// Receiver of what failed.
        pub on_failure: Option<MappingDestination>,
    }

    /// A receiver of what failed.
    pub struct MappingDestination = sdk::OnFailure {
        /// ARN of a queue, a topic or a bucket.
        #[serde(rename = "destinationArn")]
        pub destination: String,
    }

    /// How a cluster of DocumentDB is read.
    pub struct MappingDocumentDb = sdk::DocumentDbEventSourceConfig {
        /// Collection. Without it all are read.
        pub collection_name: Option<String>,
        /// Database.
        pub database_name: String,
        /// What an update carries: the change, or the whole document by `UpdateLookup`.
        #[schemars(transform = one_of(&["Default", "UpdateLookup"]))]
        #[serde(default = "whole_document")]
        pub full_document: String,
    }

    /// Which records the function gets: those that one of the filters lets pass.
    pub struct MappingFilters = sdk::FilterCriteria {
        /// The filters.
        #[schemars(transform = unordered, length(max = 10))]
        #[serde(default)]
        pub filters: Vec<MappingFilter>,
    }

    /// A filter.
    pub struct MappingFilter = sdk::Filter {
        /// Pattern of a record.
        pub pattern: Option<Document>,
    }

    /// Metrics that are kept.
    pub struct MappingMetrics = sdk::EventSourceMappingMetricsConfig {
        /// The metrics: `EventCount`, `ErrorCount`, `KafkaMetrics`.
        #[schemars(transform = unordered)]
        pub metrics: Vec<String>,
    }

    /// Pollers that are kept ready.
    pub struct MappingPollers = sdk::ProvisionedPollerConfig {
        /// Most pollers.
        #[schemars(transform = computed, range(min = 1, max = 2000))]
        pub maximum_pollers: Option<i32>,
        /// Fewest pollers.
        #[schemars(transform = computed, range(min = 1, max = 200))]
        pub minimum_pollers: Option<i32>,
        /// Group of mappings that share the pollers.
        pub poller_group_name: Option<String>,
    }

    /// How far the reading grows.
    pub struct MappingScaling = sdk::ScalingConfig {
        /// Most instances of the function that one queue keeps busy.
        #[schemars(range(min = 2, max = 1000))]
        pub maximum_concurrency: Option<i32>,
    }

    /// One way in which Lambda reaches the source or proves who it is.
    pub struct MappingAccess = sdk::SourceAccessConfiguration {
        /// Kind, for example `VPC_SUBNET` or `SASL_SCRAM_512_AUTH`.
        #[serde(rename = "type")]
        pub r#type: String,
        /// What it is: `subnet:subnet-1`, or the ARN of a secret.
        pub uri: String,
    }
}

impl Mirror<String> for Document {
    fn send(&self) -> Result<String> {
        Ok(self.as_str().to_owned())
    }

    fn show(sdk: String) -> Result<Self> {
        Ok(Self::new(sdk))
    }
}

/// A cluster of Kafka outside of AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelfManagedSource {
    /// Servers by their kind: `KAFKA_BOOTSTRAP_SERVERS` → names with ports, with commas between them.
    pub endpoints: BTreeMap<String, String>,
}

impl Mirror<sdk::SelfManagedEventSource> for SelfManagedSource {
    fn send(&self) -> Result<sdk::SelfManagedEventSource> {
        let servers = |all: &String| all.split(',').map(|server| server.trim().to_owned()).collect();
        let endpoints = self.endpoints.iter().map(|(kind, all)| (sdk::EndPointType::from(kind.as_str()), servers(all)));
        let endpoints: HashMap<_, Vec<_>> = endpoints.collect();
        Ok(sdk::SelfManagedEventSource::builder().set_endpoints(Some(endpoints)).build())
    }

    fn show(sdk: sdk::SelfManagedEventSource) -> Result<Self> {
        let endpoints = sdk.endpoints.unwrap_or_default().into_iter();
        Ok(Self { endpoints: endpoints.map(|(kind, all)| (kind.as_str().to_owned(), all.join(","))).collect() })
    }
}

/// What AWS decides about a mapping.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSourceMappingOutputs {
    /// ARN of the mapping.
    pub arn: String,
    /// ARN of the function.
    pub function_arn: String,
    /// Time of the last change.
    #[schemars(transform = moves)]
    pub last_modified: Option<String>,
    /// How the last batch ended.
    pub last_processing_result: Option<String>,
    /// `Enabled` or `Disabled`.
    pub state: String,
    /// Who caused the last change of the state.
    pub state_transition_reason: Option<String>,
    /// Id of the mapping.
    pub uuid: String,
}

impl Resource for EventSourceMapping {
    const TYPE: &'static str = "aws:lambda/eventSourceMapping:EventSourceMapping";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(10, 10, 10),
        takes: Takes::seconds(15, 15, 20),
        permissions: Permissions {
            create: &["lambda:CreateEventSourceMapping", "lambda:ListEventSourceMappings", "lambda:TagResource"],
            read: &["lambda:GetEventSourceMapping", "lambda:ListTags"],
            update: &["lambda:TagResource", "lambda:UntagResource", "lambda:UpdateEventSourceMapping"],
            delete: &["lambda:DeleteEventSourceMapping"],
        },
        permissions_with: &[WithInput::on("kmsKeyArn", &["kms:Decrypt"], &["kms:GenerateDataKey"])],
        import: "id of the mapping, `12345678-abcd-...`",
        // A function reads a source once.
        delete_first: true,
        ..Facts::new(IdForm::Random("", 36), FoundBy::OwnerTag)
    };
    type Outputs = EventSourceMappingOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .lambda()
            .create_event_source_mapping()
            .set_amazon_managed_kafka_event_source_config(self.amazon_managed_kafka_event_source_config.put()?)
            .set_batch_size(self.batch_size)
            .set_bisect_batch_on_function_error(self.bisect_batch_on_function_error.then_some(true))
            .set_destination_config(self.destination_config.put()?)
            .set_document_db_event_source_config(self.document_db_event_source_config.put()?)
            .enabled(self.enabled)
            .set_event_source_arn(self.event_source_arn.clone())
            .set_filter_criteria(self.filter_criteria.put()?)
            .function_name(&self.function_name)
            .set_function_response_types(self.function_response_types.put()?)
            .set_kms_key_arn(self.kms_key_arn.clone())
            .set_maximum_batching_window_in_seconds(self.maximum_batching_window_in_seconds)
            .set_maximum_record_age_in_seconds(self.maximum_record_age_in_seconds)
            .set_maximum_retry_attempts(self.maximum_retry_attempts)
            .set_metrics_config(self.metrics_config.put()?)
            .set_parallelization_factor(self.parallelization_factor)
            .set_provisioned_poller_config(self.provisioned_poller_config.put()?)
            .set_queues(self.queues.clone().map(|queue| vec![queue]))
            .set_scaling_config(self.scaling_config.put()?)
            .set_self_managed_event_source(self.self_managed_event_source.put()?)
            .set_self_managed_kafka_event_source_config(self.self_managed_kafka_event_source_config.put()?)
            .set_source_access_configurations(self.source_access_configurations.put()?)
            .set_starting_position(self.starting_position.put()?)
            .set_starting_position_timestamp(self.starting_position_timestamp.put()?)
            .set_tags(Some(cx.tags(&self.tags).into_iter().collect()))
            .set_topics(self.topics.clone())
            .set_tumbling_window_in_seconds(Some(self.tumbling_window_in_seconds).filter(|seconds| *seconds > 0))
            .send()
            .await?;
        Ok(Made::id(need("UUID", reply.uuid)?))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    /// Names what differs only: many settings are refused for sources that do not know them.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (new, old) = (self, &live.inputs);
        let kafka =
            changed(&new.amazon_managed_kafka_event_source_config, &old.amazon_managed_kafka_event_source_config);
        let outer_kafka =
            changed(&new.self_managed_kafka_event_source_config, &old.self_managed_kafka_event_source_config);
        let bisect = new.bisect_batch_on_function_error;
        let window = new.tumbling_window_in_seconds;
        let types = (new.function_response_types != old.function_response_types)
            .then(|| new.function_response_types.put().map(Option::unwrap_or_default));
        let access = (new.source_access_configurations != old.source_access_configurations)
            .then(|| new.source_access_configurations.put().map(Option::unwrap_or_default));
        cx.lambda()
            .update_event_source_mapping()
            .set_amazon_managed_kafka_event_source_config(kafka.map(Mirror::send).transpose()?)
            .set_batch_size(changed(&new.batch_size, &old.batch_size).copied())
            .set_bisect_batch_on_function_error((bisect != old.bisect_batch_on_function_error).then_some(bisect))
            .set_destination_config(or_none(&new.destination_config, &old.destination_config, no_destination)?)
            .set_document_db_event_source_config(or_none(
                &new.document_db_event_source_config,
                &old.document_db_event_source_config,
                || sdk::DocumentDbEventSourceConfig::builder().build(),
            )?)
            .set_enabled((new.enabled != old.enabled).then_some(new.enabled))
            .set_filter_criteria(or_none(&new.filter_criteria, &old.filter_criteria, || {
                sdk::FilterCriteria::builder().build()
            })?)
            .set_function_name(
                (!Alike::Arn.same(&old.function_name, &new.function_name)).then(|| new.function_name.clone()),
            )
            .set_function_response_types(types.transpose()?)
            .set_kms_key_arn(or_none(&new.kms_key_arn, &old.kms_key_arn, String::new)?)
            .set_maximum_batching_window_in_seconds(
                changed(&new.maximum_batching_window_in_seconds, &old.maximum_batching_window_in_seconds).copied(),
            )
            .set_maximum_record_age_in_seconds(
                changed(&new.maximum_record_age_in_seconds, &old.maximum_record_age_in_seconds).copied(),
            )
            .set_maximum_retry_attempts(changed(&new.maximum_retry_attempts, &old.maximum_retry_attempts).copied())
            .set_metrics_config(or_none(&new.metrics_config, &old.metrics_config, || {
                sdk::EventSourceMappingMetricsConfig::builder().set_metrics(Some(Vec::new())).build()
            })?)
            .set_parallelization_factor(changed(&new.parallelization_factor, &old.parallelization_factor).copied())
            .set_provisioned_poller_config(or_none(
                &new.provisioned_poller_config,
                &old.provisioned_poller_config,
                || sdk::ProvisionedPollerConfig::builder().build(),
            )?)
            .set_scaling_config(or_none(&new.scaling_config, &old.scaling_config, || {
                sdk::ScalingConfig::builder().build()
            })?)
            .set_self_managed_kafka_event_source_config(outer_kafka.map(Mirror::send).transpose()?)
            .set_source_access_configurations(access.transpose()?)
            .set_tumbling_window_in_seconds((window != old.tumbling_window_in_seconds).then_some(window))
            .uuid(&id.0)
            .send()
            .await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let delete = cx.lambda().delete_event_source_mapping().uuid(&id.0).send().await.or_none()?;
        Ok(delete.map_or(Next::Gone, |_| Next::Started))
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let list = cx.lambda().list_event_source_mappings().function_name(&self.function_name);
        let list = list.set_event_source_arn(self.event_source_arn.clone());
        let mut pages = list.into_paginator().items().send();
        let mut mine = Vec::new();
        while let Some(mapping) = pages.next().await {
            let mapping = mapping?;
            let arn = need("EventSourceMappingArn", mapping.event_source_mapping_arn)?;
            if tags_of(&arn, cx).await?.get(tags::ATTEMPT).is_some_and(|attempt| attempt == cx.token()) {
                mine.push(Id(need("UUID", mapping.uuid)?));
            }
        }
        Ok(mine)
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        let arn = &live.outputs.arn;
        if !tags.unset.is_empty() {
            cx.lambda().untag_resource().resource(arn).set_tag_keys(Some(tags.unset.clone())).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tags.set.iter().cloned().collect();
            cx.lambda().tag_resource().resource(arn).set_tags(Some(set)).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let arn = match &at.id {
            Some(id) => at.arn("lambda", &format!("event-source-mapping:{id}")),
            None => Value::Unknown,
        };
        let function = match inputs.get("functionName").and_then(Value::as_str) {
            Some(arn) if arn.starts_with("arn:") => arn.into(),
            Some(name) => at.arn("lambda", &format!("function:{name}")),
            None => Value::Unknown,
        };
        let enabled = inputs.get("enabled").and_then(Value::as_bool).unwrap_or_else(on);
        let state = if enabled { "Enabled" } else { "Disabled" };
        vec![("arn", arn), ("functionArn", function), ("state", state.into()), ("uuid", at.id())]
    }
}

/// What a changed setting is sent as; `none` is what takes it back.
fn or_none<T: Mirror<S> + PartialEq, S>(
    new: &Option<T>,
    old: &Option<T>,
    none: impl FnOnce() -> S,
) -> Result<Option<S>> {
    match new {
        same if same == old => Ok(None),
        Some(setting) => setting.send().map(Some),
        None => Ok(Some(none())),
    }
}

fn no_destination() -> sdk::DestinationConfig {
    let nowhere = sdk::OnFailure::builder().destination("").build();
    sdk::DestinationConfig::builder().on_failure(nowhere).build()
}

/// Tags of a mapping; none if there is no such mapping.
async fn tags_of(arn: &str, cx: &Cx) -> Result<Tags> {
    let reply = cx.lambda().list_tags().resource(arn).send().await.or_none()?;
    Ok(reply.and_then(|r| r.tags).unwrap_or_default().into_iter().collect())
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<EventSourceMapping>>> {
    let Some(m) = cx.lambda().get_event_source_mapping().uuid(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let state = need("State", m.state.clone())?;
    if !matches!(state.as_str(), "Enabled" | "Disabled") {
        return Ok(Seen::Pending(state.to_lowercase()));
    }
    let arn = need("EventSourceMappingArn", m.event_source_mapping_arn.clone())?;
    let tags = if want.has("tags") { tags_of(&arn, cx).await? } else { Tags::new() };
    let outputs = EventSourceMappingOutputs {
        arn,
        function_arn: need("FunctionArn", m.function_arn.clone())?,
        last_modified: m.last_modified.map(|time| time.to_string()),
        last_processing_result: m.last_processing_result.clone(),
        state,
        state_transition_reason: m.state_transition_reason.clone(),
        uuid: need("UUID", m.uuid.clone())?,
    };
    Ok(Seen::Ready(Live { inputs: inputs(m, tags)?, outputs }))
}

fn inputs(m: GetEventSourceMappingOutput, tags: Tags) -> Result<EventSourceMapping> {
    // Lambda shows the frame of a destination even where there is none.
    let destinations = m.destination_config.filter(|config| {
        let failed = config.on_failure.as_ref().and_then(|receiver| receiver.destination.as_ref());
        failed.is_some_and(|arn| !arn.is_empty())
    });
    let filters = m.filter_criteria.filter(|criteria| criteria.filters.as_ref().is_some_and(|all| !all.is_empty()));
    let metrics = m.metrics_config.filter(|config| config.metrics.as_ref().is_some_and(|all| !all.is_empty()));
    let pollers = m.provisioned_poller_config.filter(|p| p.maximum_pollers.or(p.minimum_pollers).is_some());
    Ok(EventSourceMapping {
        amazon_managed_kafka_event_source_config: Field::take(
            "AmazonManagedKafkaEventSourceConfig",
            m.amazon_managed_kafka_event_source_config,
        )?,
        batch_size: m.batch_size,
        bisect_batch_on_function_error: m.bisect_batch_on_function_error.unwrap_or_default(),
        destination_config: Field::take("DestinationConfig", destinations)?,
        document_db_event_source_config: Field::take("DocumentDBEventSourceConfig", m.document_db_event_source_config)?,
        enabled: m.state.as_deref() == Some("Enabled"),
        event_source_arn: m.event_source_arn.filter(|arn| !arn.is_empty()),
        filter_criteria: Field::take("FilterCriteria", filters)?,
        function_name: need("FunctionArn", m.function_arn)?,
        function_response_types: Field::take(
            "FunctionResponseTypes",
            m.function_response_types.filter(|types| !types.is_empty()),
        )?,
        kms_key_arn: m.kms_key_arn.filter(|arn| !arn.is_empty()),
        maximum_batching_window_in_seconds: m.maximum_batching_window_in_seconds,
        maximum_record_age_in_seconds: m.maximum_record_age_in_seconds,
        maximum_retry_attempts: m.maximum_retry_attempts,
        metrics_config: Field::take("MetricsConfig", metrics)?,
        parallelization_factor: m.parallelization_factor,
        provisioned_poller_config: Field::take("ProvisionedPollerConfig", pollers)?,
        queues: m.queues.and_then(|queues| queues.into_iter().next()),
        scaling_config: Field::take(
            "ScalingConfig",
            m.scaling_config.filter(|scaling| scaling.maximum_concurrency.is_some()),
        )?,
        self_managed_event_source: Field::take("SelfManagedEventSource", m.self_managed_event_source)?,
        self_managed_kafka_event_source_config: Field::take(
            "SelfManagedKafkaEventSourceConfig",
            m.self_managed_kafka_event_source_config,
        )?,
        source_access_configurations: Field::take(
            "SourceAccessConfigurations",
            m.source_access_configurations.filter(|all| !all.is_empty()),
        )?,
        starting_position: Field::take("StartingPosition", m.starting_position)?,
        starting_position_timestamp: Field::take("StartingPositionTimestamp", m.starting_position_timestamp)?,
        tags,
        topics: m.topics.filter(|topics| !topics.is_empty()),
        tumbling_window_in_seconds: m.tumbling_window_in_seconds.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const UUID: &str = "0a1b2c3d-0000-4000-a000-000000000000";

    fn everything() -> Json {
        let kafka = json!({
            "consumerGroupId": "g",
            "schemaRegistryConfig": {
                "accessConfigs": [{ "type": "BASIC_AUTH", "uri": "arn:s" }],
                "eventRecordFormat": "JSON",
                "schemaRegistryUri": "https://example.com",
                "schemaValidationConfigs": [{ "attribute": "KEY" }],
            },
        });
        json!({
            "amazonManagedKafkaEventSourceConfig": kafka,
            "batchSize": 5,
            "bisectBatchOnFunctionError": true,
            "destinationConfig": { "onFailure": { "destinationArn": "arn:q" } },
            "documentDbEventSourceConfig": {
                "collectionName": "c", "databaseName": "d", "fullDocument": "UpdateLookup",
            },
            "enabled": false,
            "eventSourceArn": "arn:s",
            "filterCriteria": { "filters": [{ "pattern": r#"{"a":["b"]}"# }] },
            "functionName": "arn:f",
            "functionResponseTypes": ["ReportBatchItemFailures"],
            "kmsKeyArn": "arn:k",
            "maximumBatchingWindowInSeconds": 1,
            "maximumRecordAgeInSeconds": 60,
            "maximumRetryAttempts": 2,
            "metricsConfig": { "metrics": ["EventCount"] },
            "parallelizationFactor": 3,
            "provisionedPollerConfig": { "maximumPollers": 4, "minimumPollers": 1, "pollerGroupName": "p" },
            "queues": "q",
            "scalingConfig": { "maximumConcurrency": 2 },
            "selfManagedEventSource": { "endpoints": { "KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2" } },
            "selfManagedKafkaEventSourceConfig": kafka,
            "sourceAccessConfigurations": [{ "type": "VPC_SUBNET", "uri": "subnet:subnet-1" }],
            "startingPosition": "AT_TIMESTAMP",
            "startingPositionTimestamp": "2030-01-31T12:00:00Z",
            "tags": { "a": "b" },
            "topics": ["t"],
            "tumblingWindowInSeconds": 30,
        })
    }

    fn mapping() -> Json {
        let kafka = json!({
            "ConsumerGroupId": "g",
            "SchemaRegistryConfig": {
                "AccessConfigs": [{ "Type": "BASIC_AUTH", "URI": "arn:s" }],
                "EventRecordFormat": "JSON",
                "SchemaRegistryURI": "https://example.com",
                "SchemaValidationConfigs": [{ "Attribute": "KEY" }],
            },
        });
        json!({
            "UUID": UUID,
            "EventSourceMappingArn": format!("arn:aws:lambda:eu-west-1:123456789012:event-source-mapping:{UUID}"),
            "AmazonManagedKafkaEventSourceConfig": kafka,
            "BatchSize": 5, "BisectBatchOnFunctionError": true,
            "DestinationConfig": { "OnFailure": { "Destination": "arn:q" } },
            "DocumentDBEventSourceConfig": {
                "CollectionName": "c", "DatabaseName": "d", "FullDocument": "UpdateLookup",
            },
            "EventSourceArn": "arn:s",
            "FilterCriteria": { "Filters": [{ "Pattern": r#"{"a":["b"]}"# }] },
            "FunctionArn": "arn:f", "FunctionResponseTypes": ["ReportBatchItemFailures"], "KMSKeyArn": "arn:k",
            "MaximumBatchingWindowInSeconds": 1, "MaximumRecordAgeInSeconds": 60, "MaximumRetryAttempts": 2,
            "MetricsConfig": { "Metrics": ["EventCount"] }, "ParallelizationFactor": 3,
            "ProvisionedPollerConfig": { "MaximumPollers": 4, "MinimumPollers": 1, "PollerGroupName": "p" },
            "Queues": ["q"], "ScalingConfig": { "MaximumConcurrency": 2 },
            "SelfManagedEventSource": { "Endpoints": { "KAFKA_BOOTSTRAP_SERVERS": ["a:1", "b:2"] } },
            "SelfManagedKafkaEventSourceConfig": kafka,
            "SourceAccessConfigurations": [{ "Type": "VPC_SUBNET", "URI": "subnet:subnet-1" }],
            "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_896_091_200, "State": "Disabled",
            "Topics": ["t"], "TumblingWindowInSeconds": 30,
        })
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [
            ("/event-source-mappings/", ok(mapping().to_string())),
            ("/tags/", ok(json!({ "Tags": { "a": "b" } }).to_string())),
        ];
        let live = reads_back(EventSourceMapping::TYPE, UUID, &replies, &[], everything()).await;
        assert_eq!(live.outputs.get("uuid").and_then(Value::as_str), Some(UUID));
    }

    #[tokio::test]
    async fn an_update_sends_what_differs_and_takes_back_what_is_not_given() {
        let (aws, wire) = aws(&[("PUT", ok(mapping().to_string()))]);
        let outputs = json!({ "arn": "arn:m", "functionArn": "arn:f", "state": "Disabled", "uuid": UUID });
        let live = provider::Live { inputs: everything().into(), outputs: outputs.into() };
        let mut wanted = everything();
        wanted["batchSize"] = 6.into();
        let inputs = wanted.as_object_mut().unwrap();
        inputs.remove("filterCriteria");
        inputs.remove("destinationConfig");
        inputs.remove("parallelizationFactor");
        let next = aws.update(&at(EventSourceMapping::TYPE), &Id(UUID.into()), &wanted.into(), &live).await;
        assert_eq!(next.unwrap(), provider::Next::Started);
        let call = wire.requests("PUT").remove(0);
        let sent: Json = serde_json::from_str(&call[call.find('{').unwrap()..]).unwrap();
        let expected = json!({
            "BatchSize": 6, "DestinationConfig": { "OnFailure": { "Destination": "" } }, "FilterCriteria": {},
        });
        assert_eq!(sent, expected);
    }
}
