use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName as Name;

use super::attributes_of;
use crate::aws::dns_suffix;
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, computed, exclusive, one_of, refers, replace};

/// A queue that keeps messages until somebody has worked on them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["kmsMasterKeyId", "sqsManagedSseEnabled"]))]
pub struct Queue {
    /// Whether a FIFO queue takes messages of equal content for the same.
    #[serde(default)]
    pub content_based_deduplication: bool,
    /// Where a FIFO queue looks for messages that are the same.
    #[schemars(transform = computed, transform = one_of(&["messageGroup", "queue"]))]
    pub deduplication_scope: Option<String>,
    /// Seconds until a new message can be received.
    #[schemars(range(min = 0, max = 900))]
    #[serde(default)]
    pub delay_seconds: i32,
    /// Whether the queue keeps the order of messages and delivers each once.
    #[schemars(transform = replace)]
    #[serde(default)]
    pub fifo_queue: bool,
    /// What the throughput of a FIFO queue is counted by.
    #[schemars(transform = computed, transform = one_of(&["perMessageGroupId", "perQueue"]))]
    pub fifo_throughput_limit: Option<String>,
    /// Seconds for which a data key is used before KMS is asked again.
    #[schemars(transform = computed, range(min = 60, max = 86400))]
    pub kms_data_key_reuse_period_seconds: Option<i32>,
    /// KMS key that encrypts messages: id, ARN or alias.
    #[schemars(transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub kms_master_key_id: Option<String>,
    /// Most bytes of a message.
    #[schemars(range(min = 1024, max = 1_048_576))]
    #[serde(default = "quarter_of_a_mebibyte")]
    pub max_message_size: i32,
    /// Seconds that a message is kept.
    #[schemars(range(min = 60, max = 1_209_600))]
    #[serde(default = "four_days")]
    pub message_retention_seconds: i32,
    /// Name of the queue, unique in the region. That of a FIFO queue ends in `.fifo`.
    #[schemars(transform = replace, transform = auto_name(80), length(min = 1, max = 80))]
    pub name: String,
    /// Who may send and receive.
    #[schemars(transform = computed)]
    pub policy: Option<Document>,
    /// Seconds that a call waits for a message.
    #[schemars(range(min = 0, max = 20))]
    #[serde(default)]
    pub receive_wait_time_seconds: i32,
    /// Queues that may send their dead letters here.
    #[schemars(transform = computed)]
    pub redrive_allow_policy: Option<Document>,
    /// Queue that gets messages which nobody could work on, and after how many tries.
    #[schemars(transform = computed)]
    pub redrive_policy: Option<Document>,
    /// Whether SQS encrypts messages by a key of its own.
    #[schemars(transform = computed)]
    pub sqs_managed_sse_enabled: Option<bool>,
    /// Tags of the queue.
    #[serde(default)]
    pub tags: Tags,
    /// Seconds for which others do not see a message that was received.
    #[schemars(range(min = 0, max = 43200))]
    #[serde(default = "half_a_minute")]
    pub visibility_timeout_seconds: i32,
}

fn quarter_of_a_mebibyte() -> i32 {
    262_144
}

fn four_days() -> i32 {
    345_600
}

fn half_a_minute() -> i32 {
    30
}

/// What AWS decides about a queue.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueOutputs {
    /// ARN of the queue.
    pub arn: String,
    /// URL of the queue, which all calls name.
    pub url: String,
}

impl Resource for Queue {
    const TYPE: &'static str = "aws:sqs/queue:Queue";
    const FACTS: Facts = Facts {
        existing: Existing::LookedFor(&[]),
        limits: Limits::minutes(3, 3, 3),
        takes: Takes::seconds(1, 2, 60),
        permissions: Permissions {
            create: &["sqs:CreateQueue", "sqs:GetQueueUrl", "sqs:TagQueue"],
            read: &["sqs:GetQueueAttributes", "sqs:ListQueueTags"],
            update: &["sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"],
            delete: &["sqs:DeleteQueue"],
        },
        acts_on: &["{arn}"],
        import: "URL of the queue",
        ..Facts::new(IdForm::Output("url"), FoundBy::OwnerTag)
    };
    type Outputs = QueueOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let attributes = self.attributes().into_iter();
        let attributes: HashMap<_, _> = attributes
            .filter_map(|a| Some((a.name, a.value.filter(|value| a.unset != Some(value.as_str()))?)))
            .collect();
        let reply = cx
            .sqs()
            .create_queue()
            .set_attributes(Some(attributes))
            .queue_name(&self.name)
            .set_tags(Some(cx.tags(&self.tags).into_iter().collect()))
            .send()
            .await?;
        Ok(Made::id(need("QueueUrl", reply.queue_url)?))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let pairs = self.attributes().into_iter().zip(live.inputs.attributes());
        let changes = pairs.filter(|(wanted, live)| wanted.differs(live));
        let changes =
            changes.map(|(a, _)| (a.name, a.value.or_else(|| a.unset.map(str::to_owned)).unwrap_or_default()));
        let changes: HashMap<_, _> = changes.collect();
        cx.sqs().set_queue_attributes().set_attributes(Some(changes)).queue_url(&id.0).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let delete = cx.sqs().delete_queue().queue_url(&id.0).send().await.or_none()?;
        Ok(delete.map_or(Next::Gone, |_| Next::Started))
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let Some(id) = self.namesake(cx).await? else { return Ok(Vec::new()) };
        let mine = tags_of(&id.0, cx).await?.get(tags::ATTEMPT).is_some_and(|attempt| attempt == cx.token());
        Ok(mine.then_some(id).into_iter().collect())
    }

    async fn namesake(&self, cx: &Cx) -> Result<Option<Id>> {
        let reply = cx.sqs().get_queue_url().queue_name(&self.name).send().await.or_none()?;
        Ok(reply.and_then(|reply| reply.queue_url).map(Id))
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        if !tags.unset.is_empty() {
            cx.sqs().untag_queue().queue_url(&id.0).set_tag_keys(Some(tags.unset.clone())).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tags.set.iter().cloned().collect();
            cx.sqs().tag_queue().queue_url(&id.0).set_tags(Some(set)).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let Some(name) = inputs.get("name").and_then(Value::as_str) else {
            return vec![("arn", Value::Unknown), ("url", Value::Unknown)];
        };
        let (region, account) = (&at.region, &at.account);
        let url = format!("https://sqs.{region}.{}/{account}/{name}", dns_suffix(&at.partition));
        vec![("arn", at.arn("sqs", name)), ("url", url.into())]
    }
}

/// One of the settings that SQS keeps as text.
struct Attribute {
    name: Name,
    value: Option<String>,
    /// What stands for no value; none where SQS chooses one.
    unset: Option<&'static str>,
}

impl Attribute {
    fn differs(&self, live: &Self) -> bool {
        match (&live.value, &self.value) {
            (Some(live), Some(wanted)) => !Alike::Json.same(live, wanted) && !Alike::Arn.same(live, wanted),
            (_, None) if self.unset.is_none() => false,
            (live, wanted) => live != wanted,
        }
    }
}

impl Queue {
    /// Everything but the name and the tags, in the order of the fields. Standard queues refuse
    /// settings of FIFO queues even where they say no.
    fn attributes(&self) -> Vec<Attribute> {
        let flag = |name, on: bool| Attribute { name, value: Some(on.to_string()), unset: Some("false") };
        let chosen = |name, value: Option<String>| Attribute { name, value, unset: None };
        let json = |name, value: &Option<Document>| chosen(name, value.as_ref().map(|d| d.as_str().to_owned()));
        let number = |name, value: i32| chosen(name, Some(value.to_string()));
        let key = self.kms_master_key_id.clone();
        vec![
            flag(Name::ContentBasedDeduplication, self.content_based_deduplication),
            chosen(Name::DeduplicationScope, self.deduplication_scope.clone()),
            number(Name::DelaySeconds, self.delay_seconds),
            flag(Name::FifoQueue, self.fifo_queue),
            chosen(Name::FifoThroughputLimit, self.fifo_throughput_limit.clone()),
            chosen(
                Name::KmsDataKeyReusePeriodSeconds,
                self.kms_data_key_reuse_period_seconds.map(|seconds| seconds.to_string()),
            ),
            Attribute { name: Name::KmsMasterKeyId, value: key, unset: Some("") },
            number(Name::MaximumMessageSize, self.max_message_size),
            number(Name::MessageRetentionPeriod, self.message_retention_seconds),
            json(Name::Policy, &self.policy),
            number(Name::ReceiveMessageWaitTimeSeconds, self.receive_wait_time_seconds),
            json(Name::RedriveAllowPolicy, &self.redrive_allow_policy),
            json(Name::RedrivePolicy, &self.redrive_policy),
            chosen(Name::SqsManagedSseEnabled, self.sqs_managed_sse_enabled.map(|on| on.to_string())),
            number(Name::VisibilityTimeout, self.visibility_timeout_seconds),
        ]
    }
}

/// Tags of a queue; none if there is no such queue.
async fn tags_of(url: &str, cx: &Cx) -> Result<Tags> {
    let reply = cx.sqs().list_queue_tags().queue_url(url).send().await.or_none()?;
    Ok(reply.and_then(|reply| reply.tags).unwrap_or_default().into_iter().collect())
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<Queue>>> {
    let Some(mut attributes) = attributes_of(&id.0, cx).await? else { return Ok(Seen::Gone) };
    let tags = if want.has("tags") { tags_of(&id.0, cx).await? } else { Tags::new() };
    let mut text = |name: Name| attributes.remove(&name).filter(|value| !value.is_empty());
    let arn = need("QueueArn", text(Name::QueueArn))?;
    let inputs = Queue {
        content_based_deduplication: is_true(text(Name::ContentBasedDeduplication)),
        deduplication_scope: text(Name::DeduplicationScope),
        delay_seconds: number("DelaySeconds", text(Name::DelaySeconds))?,
        fifo_queue: is_true(text(Name::FifoQueue)),
        fifo_throughput_limit: text(Name::FifoThroughputLimit),
        kms_data_key_reuse_period_seconds: text(Name::KmsDataKeyReusePeriodSeconds)
            .map(|seconds| number("KmsDataKeyReusePeriodSeconds", Some(seconds)))
            .transpose()?,
        kms_master_key_id: text(Name::KmsMasterKeyId),
        max_message_size: number("MaximumMessageSize", text(Name::MaximumMessageSize))?,
        message_retention_seconds: number("MessageRetentionPeriod", text(Name::MessageRetentionPeriod))?,
        name: arn.rsplit(':').next().unwrap_or(&arn).to_owned(),
        policy: text(Name::Policy).map(Document::new),
        receive_wait_time_seconds: number("ReceiveMessageWaitTimeSeconds", text(Name::ReceiveMessageWaitTimeSeconds))?,
        redrive_allow_policy: text(Name::RedriveAllowPolicy).map(Document::new),
        redrive_policy: text(Name::RedrivePolicy).map(Document::new),
        sqs_managed_sse_enabled: text(Name::SqsManagedSseEnabled).map(|on| on == "true"),
        tags,
        visibility_timeout_seconds: number("VisibilityTimeout", text(Name::VisibilityTimeout))?,
    };
    Ok(Seen::Ready(Live { inputs, outputs: QueueOutputs { arn, url: id.0 } }))
}

fn is_true(text: Option<String>) -> bool {
    text.as_deref() == Some("true")
}

fn number(name: &str, text: Option<String>) -> Result<i32> {
    let text = need(name, text)?;
    text.parse().map_err(|_| Error::bug(format!("the answer holds `{text}` instead of a number")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/q.fifo";
    const ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:q.fifo";

    fn everything() -> Json {
        json!({
            "contentBasedDeduplication": true, "deduplicationScope": "messageGroup", "delaySeconds": 1,
            "fifoQueue": true, "fifoThroughputLimit": "perMessageGroupId", "kmsDataKeyReusePeriodSeconds": 60,
            "kmsMasterKeyId": "alias/aws/sqs", "maxMessageSize": 1024, "messageRetentionSeconds": 60,
            "name": "q.fifo", "policy": r#"{"Statement":[]}"#, "receiveWaitTimeSeconds": 2,
            "redriveAllowPolicy": r#"{"redrivePermission":"denyAll"}"#, "redrivePolicy": r#"{"maxReceiveCount":3}"#,
            "sqsManagedSseEnabled": false, "tags": { "a": "b" }, "visibilityTimeoutSeconds": 5,
        })
    }

    fn attributes() -> String {
        let queue: Queue = serde_json::from_value(everything()).unwrap();
        let set = queue.attributes().into_iter().filter_map(|a| Some((a.name.as_str().to_owned(), a.value?.into())));
        let mut attributes: serde_json::Map<String, Json> = set.collect();
        attributes.insert("QueueArn".into(), ARN.into());
        json!({ "Attributes": attributes }).to_string()
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [
            ("GetQueueAttributes", ok(attributes())),
            ("ListQueueTags", ok(json!({ "Tags": { "a": "b" } }).to_string())),
        ];
        let live = reads_back(Queue::TYPE, URL, &replies, &[], everything()).await;
        assert_eq!(live.outputs.get("arn").and_then(Value::as_str), Some(ARN));
    }

    #[tokio::test]
    async fn a_queue_that_is_there_already_is_seen_before_it_is_taken_over() {
        let (aws, _) = aws(&[("GetQueueUrl", ok(json!({ "QueueUrl": URL }).to_string()))]);
        let there = aws.namesake(&at(Queue::TYPE), &everything().into()).await.unwrap();
        assert_eq!(there, Some(Id(URL.into())));
    }

    #[tokio::test]
    async fn an_update_sends_what_differs_in_one_call() {
        let (aws, wire) = aws(&[("SetQueueAttributes", ok("{}"))]);
        let outputs = json!({ "arn": ARN, "url": URL });
        let live = provider::Live { inputs: everything().into(), outputs: outputs.into() };
        let mut wanted = everything();
        wanted["delaySeconds"] = 9.into();
        wanted["redrivePolicy"] = r#"{ "maxReceiveCount": 3 }"#.into();
        wanted.as_object_mut().unwrap().remove("kmsMasterKeyId");
        aws.update(&at(Queue::TYPE), &Id(URL.into()), &wanted.into(), &live).await.unwrap();
        let call = wire.requests("SetQueueAttributes").remove(0);
        let sent: Json = serde_json::from_str(&call[call.find('{').unwrap()..]).unwrap();
        assert_eq!(sent["Attributes"], json!({ "DelaySeconds": "9", "KmsMasterKeyId": "" }));
    }
}
