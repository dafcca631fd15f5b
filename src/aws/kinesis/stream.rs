use std::collections::HashMap;

use aws_sdk_kinesis::types::{self as sdk, EncryptionType, MetricsName, ScalingType, StreamMode, StreamStatus};

use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, computed, forced, needs, one_of, refers, replace, unordered, write_only};

/// A stream of records that several readers follow.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = needs(&["kmsKeyId", "encryptionType"]))]
pub struct Stream {
    /// Whether records are encrypted at rest: `KMS` or `NONE`.
    #[schemars(transform = one_of(&["KMS", "NONE"]))]
    #[serde(default = "no_encryption")]
    pub encryption_type: String,
    /// Whether a deletion ends the registration of readers, too.
    #[schemars(transform = write_only, transform = forced)]
    #[serde(default)]
    pub enforce_consumer_deletion: bool,
    /// Key of `KMS`: id, ARN or alias.
    #[schemars(transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_id: Option<String>,
    /// Most kibibytes of a record.
    #[schemars(transform = computed, range(min = 1024, max = 10240))]
    pub max_record_size_in_kib: Option<i32>,
    /// Name of the stream, unique in the region.
    #[schemars(transform = replace, transform = auto_name(128), length(min = 1, max = 128))]
    pub name: String,
    /// Hours that records are kept.
    #[schemars(range(min = 24, max = 8760))]
    #[serde(default = "a_day")]
    pub retention_period: i32,
    /// Number of shards of a provisioned stream.
    #[schemars(range(min = 1))]
    pub shard_count: Option<i32>,
    /// Metrics that each shard has for itself, for example `IncomingBytes`.
    #[schemars(transform = unordered)]
    pub shard_level_metrics: Option<Vec<String>>,
    /// Who sees to the number of shards.
    #[schemars(transform = computed)]
    pub stream_mode_details: Option<StreamModeDetails>,
    /// Tags of the stream.
    #[serde(default)]
    pub tags: Tags,
    /// Mebibytes a second that an on-demand stream takes at once.
    #[schemars(transform = computed, range(min = 0))]
    pub warm_throughput_mib_ps: Option<i32>,
}

/// Who sees to the number of shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamModeDetails {
    /// `PROVISIONED` for `shardCount`, `ON_DEMAND` for Kinesis.
    #[schemars(transform = one_of(&["ON_DEMAND", "PROVISIONED"]))]
    pub stream_mode: String,
}

fn no_encryption() -> String {
    EncryptionType::None.as_str().to_owned()
}

fn a_day() -> i32 {
    24
}

/// What AWS decides about a stream.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamOutputs {
    /// ARN of the stream.
    pub arn: String,
}

impl Resource for Stream {
    const TYPE: &'static str = "aws:kinesis/stream:Stream";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(5, 120, 120),
        takes: Takes::seconds(20, 30, 20),
        permissions: Permissions {
            create: &["kinesis:AddTagsToStream", "kinesis:CreateStream", "kinesis:TagResource"],
            read: &["kinesis:DescribeStreamSummary", "kinesis:ListTagsForStream"],
            update: &[
                "kinesis:AddTagsToStream",
                "kinesis:DecreaseStreamRetentionPeriod",
                "kinesis:DisableEnhancedMonitoring",
                "kinesis:EnableEnhancedMonitoring",
                "kinesis:IncreaseStreamRetentionPeriod",
                "kinesis:RemoveTagsFromStream",
                "kinesis:StartStreamEncryption",
                "kinesis:StopStreamEncryption",
                "kinesis:UpdateMaxRecordSize",
                "kinesis:UpdateShardCount",
                "kinesis:UpdateStreamMode",
                "kinesis:UpdateStreamWarmThroughput",
            ],
            delete: &["kinesis:DeleteStream"],
        },
        permissions_with: &[WithInput::on("kmsKeyId", &[], &["kms:DescribeKey", "kms:GenerateDataKey"])],
        acts_on: &["{arn}"],
        import: "ARN of the stream",
        ..Facts::new(IdForm::Output("arn"), FoundBy::OwnerTag)
    };
    type Outputs = StreamOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.kinesis()
            .create_stream()
            .set_max_record_size_in_kib(self.max_record_size_in_kib)
            .stream_name(&self.name)
            .set_shard_count(self.shard_count)
            .set_stream_mode_details(self.stream_mode_details.as_ref().map(StreamModeDetails::as_asked).transpose()?)
            .set_tags(Some(cx.tags(&self.tags).into_iter().collect()))
            .set_warm_throughput_mibps(self.warm_throughput_mib_ps)
            .send()
            .await?;
        Ok(Made::id(arn(&self.name, cx)))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    /// Kinesis makes one change after the other.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let mut changes = self.changes(&live.inputs).into_iter();
        let Some(first) = changes.next() else { return Ok(Next::Started) };
        self.make(&first, id, &live.inputs, cx).await?;
        Ok(if changes.next().is_some() { Next::More(first.word()) } else { Next::Started })
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let delete = cx.kinesis().delete_stream().enforce_consumer_deletion(self.enforce_consumer_deletion);
        let reply = delete.stream_arn(&id.0).send().await.or_none()?;
        Ok(reply.map_or(Next::Gone, |_| Next::Started))
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let arn = arn(&self.name, cx);
        let mine = tags_of(&arn, cx).await?.get(tags::ATTEMPT).is_some_and(|attempt| attempt == cx.token());
        Ok(mine.then_some(Id(arn)).into_iter().collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        for unset in tags.unset.chunks(TAGS_A_CALL) {
            let remove = cx.kinesis().remove_tags_from_stream().stream_arn(&id.0);
            remove.set_tag_keys(Some(unset.to_vec())).send().await?;
        }
        for set in tags.set.chunks(TAGS_A_CALL) {
            let add = cx.kinesis().add_tags_to_stream().stream_arn(&id.0);
            add.set_tags(Some(set.iter().cloned().collect::<HashMap<_, _>>())).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let name = inputs.get("name").and_then(Value::as_str);
        vec![("arn", name.map_or(Value::Unknown, |name| at.arn("kinesis", &format!("stream/{name}"))))]
    }
}

/// Most tags that one call takes.
const TAGS_A_CALL: usize = 10;

fn arn(name: &str, cx: &Cx) -> String {
    cx.arn("kinesis", &format!("stream/{name}"))
}

/// A change that takes a call of its own.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Mode(StreamModeDetails),
    Shards(i32),
    Retention(i32),
    Encryption,
    MetricsOn(Vec<String>),
    MetricsOff(Vec<String>),
    RecordSize(i32),
    WarmThroughput(i32),
}

impl Change {
    fn word(&self) -> &'static str {
        match self {
            Self::Mode(_) => "changing the mode",
            Self::Shards(_) => "changing the number of shards",
            Self::Retention(_) => "changing the retention",
            Self::Encryption => "changing the encryption",
            Self::MetricsOn(_) | Self::MetricsOff(_) => "changing the metrics",
            Self::RecordSize(_) => "changing the size of records",
            Self::WarmThroughput(_) => "changing the throughput",
        }
    }
}

impl StreamModeDetails {
    fn as_asked(&self) -> Result<sdk::StreamModeDetails> {
        let mode = StreamMode::from(self.stream_mode.as_str());
        Ok(sdk::StreamModeDetails::builder().stream_mode(mode).build()?)
    }
}

impl Stream {
    fn changes(&self, live: &Self) -> Vec<Change> {
        let key = match (&live.kms_key_id, &self.kms_key_id) {
            (Some(live), Some(wanted)) => !Alike::Arn.same(live, wanted),
            (live, wanted) => live != wanted,
        };
        let encryption = key || self.encryption_type != live.encryption_type;
        let (new, old) = (self.metrics(), live.metrics());
        let all = |metrics: Vec<&String>| metrics.into_iter().cloned().collect::<Vec<_>>();
        let (on, off) = (all(only_in(new, old)), all(only_in(old, new)));
        let shards = self.shard_count.filter(|wanted| live.shard_count != Some(*wanted));
        let changes = [
            changed(&self.stream_mode_details, &live.stream_mode_details).cloned().map(Change::Mode),
            shards.map(|wanted| Change::Shards(within_reach(live.shard_count, wanted))),
            (self.retention_period != live.retention_period).then_some(Change::Retention(self.retention_period)),
            encryption.then_some(Change::Encryption),
            (!on.is_empty()).then_some(Change::MetricsOn(on)),
            (!off.is_empty()).then_some(Change::MetricsOff(off)),
            changed(&self.max_record_size_in_kib, &live.max_record_size_in_kib).copied().map(Change::RecordSize),
            changed(&self.warm_throughput_mib_ps, &live.warm_throughput_mib_ps).copied().map(Change::WarmThroughput),
        ];
        changes.into_iter().flatten().collect()
    }

    fn metrics(&self) -> &[String] {
        self.shard_level_metrics.as_deref().unwrap_or_default()
    }

    async fn make(&self, change: &Change, id: &Id, live: &Self, cx: &Cx) -> Result<()> {
        let (kinesis, stream) = (cx.kinesis(), id.0.as_str());
        let names = |metrics: &[String]| Some(metrics.iter().map(|m| MetricsName::from(m.as_str())).collect());
        match change {
            Change::Mode(mode) => {
                let update = kinesis.update_stream_mode().stream_arn(stream);
                update.stream_mode_details(mode.as_asked()?).send().await?;
            }
            Change::Shards(count) => {
                let update = kinesis.update_shard_count().scaling_type(ScalingType::UniformScaling);
                update.stream_arn(stream).target_shard_count(*count).send().await?;
            }
            Change::Retention(hours) if *hours > live.retention_period => {
                let increase = kinesis.increase_stream_retention_period();
                increase.retention_period_hours(*hours).stream_arn(stream).send().await?;
            }
            Change::Retention(hours) => {
                let decrease = kinesis.decrease_stream_retention_period();
                decrease.retention_period_hours(*hours).stream_arn(stream).send().await?;
            }
            Change::Encryption if self.encryption_type == EncryptionType::None.as_str() => {
                let stop = kinesis.stop_stream_encryption().encryption_type(EncryptionType::Kms);
                stop.set_key_id(live.kms_key_id.clone()).stream_arn(stream).send().await?;
            }
            Change::Encryption => {
                let start = kinesis.start_stream_encryption();
                let start = start.encryption_type(EncryptionType::from(self.encryption_type.as_str()));
                start.set_key_id(self.kms_key_id.clone()).stream_arn(stream).send().await?;
            }
            Change::MetricsOn(metrics) => {
                let enable = kinesis.enable_enhanced_monitoring().set_shard_level_metrics(names(metrics));
                enable.stream_arn(stream).send().await?;
            }
            Change::MetricsOff(metrics) => {
                let disable = kinesis.disable_enhanced_monitoring().set_shard_level_metrics(names(metrics));
                disable.stream_arn(stream).send().await?;
            }
            Change::RecordSize(kib) => {
                kinesis.update_max_record_size().max_record_size_in_kib(*kib).stream_arn(stream).send().await?;
            }
            Change::WarmThroughput(mibps) => {
                let update = kinesis.update_stream_warm_throughput().stream_arn(stream);
                update.warm_throughput_mibps(*mibps).send().await?;
            }
        }
        Ok(())
    }
}

/// The next number of shards on the way: Kinesis at most doubles or halves them in one call.
fn within_reach(live: Option<i32>, wanted: i32) -> i32 {
    match live {
        Some(live) if live > 0 => wanted.clamp((live + 1) / 2, live.saturating_mul(2)),
        _ => wanted,
    }
}

/// Tags of a stream; none if there is no such stream.
async fn tags_of(arn: &str, cx: &Cx) -> Result<Tags> {
    let mut tags = Tags::new();
    loop {
        let last = tags.last_key_value().map(|(key, _)| key.clone());
        let list = cx.kinesis().list_tags_for_stream().stream_arn(arn).set_exclusive_start_tag_key(last);
        let Some(page) = list.send().await.or_none()?.filter(|page| !page.tags.is_empty()) else { return Ok(tags) };
        let more = page.has_more_tags;
        tags.extend(page.tags.into_iter().map(|t| (t.key, t.value.unwrap_or_default())));
        if !more {
            return Ok(tags);
        }
    }
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<Stream>>> {
    let describe = cx.kinesis().describe_stream_summary().stream_arn(&id.0);
    let Some(reply) = describe.send().await.or_none()? else { return Ok(Seen::Gone) };
    let s = need("StreamDescriptionSummary", reply.stream_description_summary)?;
    if s.stream_status != StreamStatus::Active {
        return Ok(Seen::Pending(s.stream_status.as_str().to_lowercase()));
    }
    let tags = if want.has("tags") { tags_of(&id.0, cx).await? } else { Tags::new() };
    let on_demand = s.stream_mode_details.as_ref().is_some_and(|mode| mode.stream_mode == StreamMode::OnDemand);
    let encryption = s.encryption_type.unwrap_or(EncryptionType::None);
    let metrics = s.enhanced_monitoring.into_iter().flat_map(|shard| shard.shard_level_metrics.unwrap_or_default());
    let metrics: Vec<_> = metrics.map(|metric| metric.as_str().to_owned()).collect();
    let inputs = Stream {
        kms_key_id: s.key_id.filter(|_| encryption != EncryptionType::None),
        encryption_type: encryption.as_str().to_owned(),
        enforce_consumer_deletion: false,
        max_record_size_in_kib: s.max_record_size_in_kib,
        name: s.stream_name,
        retention_period: s.retention_period_hours,
        shard_count: (!on_demand).then_some(s.open_shard_count),
        shard_level_metrics: Some(metrics).filter(|metrics| !metrics.is_empty()),
        stream_mode_details: s
            .stream_mode_details
            .map(|mode| StreamModeDetails { stream_mode: mode.stream_mode.as_str().to_owned() }),
        tags,
        warm_throughput_mib_ps: s.warm_throughput.and_then(|throughput| throughput.target_mibps),
    };
    Ok(Seen::Ready(Live { inputs, outputs: StreamOutputs { arn: s.stream_arn } }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    const ARN: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/s";

    fn stream(inputs: serde_json::Value) -> Stream {
        serde_json::from_value(inputs).unwrap()
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let summary = json!({ "StreamDescriptionSummary": {
            "StreamName": "s", "StreamARN": ARN, "StreamStatus": "ACTIVE", "RetentionPeriodHours": 48,
            "StreamModeDetails": { "StreamMode": "PROVISIONED" }, "StreamCreationTimestamp": 1_700_000_000,
            "EnhancedMonitoring": [{ "ShardLevelMetrics": ["IncomingBytes"] }], "EncryptionType": "KMS",
            "KeyId": "alias/aws/kinesis", "OpenShardCount": 2, "MaxRecordSizeInKiB": 2048,
            "WarmThroughput": { "TargetMiBps": 100 },
        } });
        let tags = json!({ "Tags": [{ "Key": "a", "Value": "b" }], "HasMoreTags": false });
        let replies = [("DescribeStreamSummary", ok(summary.to_string())), ("ListTagsForStream", ok(tags.to_string()))];
        let inputs = json!({
            "encryptionType": "KMS", "enforceConsumerDeletion": false, "kmsKeyId": "alias/aws/kinesis",
            "maxRecordSizeInKib": 2048, "name": "s", "retentionPeriod": 48, "shardCount": 2,
            "shardLevelMetrics": ["IncomingBytes"], "streamModeDetails": { "streamMode": "PROVISIONED" },
            "tags": { "a": "b" }, "warmThroughputMibPs": 100,
        });
        reads_back(Stream::TYPE, ARN, &replies, &[], inputs).await;
    }

    #[test]
    fn shards_are_doubled_or_halved_at_most() {
        let ways = [(1, 5, 2), (4, 5, 5), (7, 1, 4), (3, 2, 2), (1, 1, 1)];
        for (live, wanted, next) in ways {
            assert_eq!(within_reach(Some(live), wanted), next, "{live} → {wanted}");
        }
        assert_eq!(within_reach(None, 5), 5);
    }

    #[test]
    fn what_the_program_leaves_to_kinesis_is_no_change() {
        let live = stream(json!({
            "name": "s", "shardCount": 1, "streamModeDetails": { "streamMode": "PROVISIONED" },
            "maxRecordSizeInKib": 1024, "warmThroughputMibPs": 4, "encryptionType": "KMS",
            "kmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/k", "shardLevelMetrics": ["IncomingBytes"],
        }));
        let wanted = stream(json!({ "name": "s", "shardCount": 1, "encryptionType": "KMS", "kmsKeyId": "k",
            "shardLevelMetrics": ["OutgoingBytes"] }));
        let metrics =
            [Change::MetricsOn(vec!["OutgoingBytes".into()]), Change::MetricsOff(vec!["IncomingBytes".into()])];
        assert_eq!(wanted.changes(&live), metrics);
    }
}
