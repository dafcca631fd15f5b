use super::{tagged, tags_of};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, computed, one_of, refers, replace};

/// A channel that passes messages on to its subscribers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Topic {
    /// Role that logs failed deliveries to mobile applications.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub application_failure_feedback_role_arn: Option<String>,
    /// Role that logs deliveries to mobile applications.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub application_success_feedback_role_arn: Option<String>,
    /// Percentage of deliveries to mobile applications that is logged.
    #[schemars(range(min = 0, max = 100))]
    #[serde(default)]
    pub application_success_feedback_sample_rate: i32,
    /// How long a FIFO topic keeps messages for replay.
    pub archive_policy: Option<Document>,
    /// Whether a FIFO topic takes messages of equal content for the same.
    #[serde(default)]
    pub content_based_deduplication: bool,
    /// How deliveries over HTTP are repeated.
    pub delivery_policy: Option<Document>,
    /// Name that subscribers see in text messages and mail.
    #[schemars(length(max = 100))]
    pub display_name: Option<String>,
    /// Whether a FIFO topic counts its throughput by message group.
    #[schemars(transform = computed, transform = one_of(&["Topic", "MessageGroup"]))]
    pub fifo_throughput_scope: Option<String>,
    /// Whether the topic keeps the order of messages and delivers each once.
    #[schemars(transform = replace)]
    #[serde(default)]
    pub fifo_topic: bool,
    /// Role that logs failed deliveries to Firehose.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub firehose_failure_feedback_role_arn: Option<String>,
    /// Role that logs deliveries to Firehose.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub firehose_success_feedback_role_arn: Option<String>,
    /// Percentage of deliveries to Firehose that is logged.
    #[schemars(range(min = 0, max = 100))]
    #[serde(default)]
    pub firehose_success_feedback_sample_rate: i32,
    /// Role that logs failed deliveries over HTTP.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub http_failure_feedback_role_arn: Option<String>,
    /// Role that logs deliveries over HTTP.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub http_success_feedback_role_arn: Option<String>,
    /// Percentage of deliveries over HTTP that is logged.
    #[schemars(range(min = 0, max = 100))]
    #[serde(default)]
    pub http_success_feedback_sample_rate: i32,
    /// KMS key that encrypts messages at rest: id, ARN or alias.
    #[schemars(transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub kms_master_key_id: Option<String>,
    /// Role that logs failed deliveries to functions.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub lambda_failure_feedback_role_arn: Option<String>,
    /// Role that logs deliveries to functions.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub lambda_success_feedback_role_arn: Option<String>,
    /// Percentage of deliveries to functions that is logged.
    #[schemars(range(min = 0, max = 100))]
    #[serde(default)]
    pub lambda_success_feedback_sample_rate: i32,
    /// Name of the topic, unique in the region. That of a FIFO topic ends in `.fifo`.
    #[schemars(transform = replace, transform = auto_name(80))]
    pub name: String,
    /// Who may publish and subscribe.
    #[schemars(transform = computed)]
    pub policy: Option<Document>,
    /// Hash in the signatures of messages: 1 for SHA-1, 2 for SHA-256.
    #[schemars(transform = computed, range(min = 1, max = 2))]
    pub signature_version: Option<i32>,
    /// Role that logs failed deliveries to queues.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub sqs_failure_feedback_role_arn: Option<String>,
    /// Role that logs deliveries to queues.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub sqs_success_feedback_role_arn: Option<String>,
    /// Percentage of deliveries to queues that is logged.
    #[schemars(range(min = 0, max = 100))]
    #[serde(default)]
    pub sqs_success_feedback_sample_rate: i32,
    /// Tags of the topic.
    #[serde(default)]
    pub tags: Tags,
    /// Whether X-Ray traces start here.
    #[schemars(transform = computed, transform = one_of(&["PassThrough", "Active"]))]
    pub tracing_config: Option<String>,
}

/// What AWS decides about a topic.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopicOutputs {
    /// ARN of the topic.
    pub arn: String,
    /// Since when messages can be replayed.
    pub beginning_archive_time: Option<String>,
    /// Account that owns the topic.
    pub owner: String,
}

impl Resource for Topic {
    const TYPE: &'static str = "aws:sns/topic:Topic";
    const FACTS: Facts = Facts {
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["sns:CreateTopic", "sns:TagResource"],
            read: &["sns:GetTopicAttributes", "sns:ListTagsForResource"],
            update: &["iam:PassRole", "sns:SetTopicAttributes", "sns:TagResource", "sns:UntagResource"],
            delete: &["sns:DeleteTopic"],
        },
        acts_on: &["{arn}"],
        passes_roles_to: &["sns"],
        import: "ARN of the topic",
        ..Facts::new(IdForm::Output("arn"), FoundBy::Name)
    };
    type Outputs = TopicOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let attributes = self.attributes().into_iter();
        let attributes = attributes.filter_map(|a| Some((a.name.to_owned(), a.value.filter(|v| *v != a.unset)?)));
        let reply = cx
            .sns()
            .create_topic()
            .name(&self.name)
            .set_attributes(Some(attributes.collect()))
            .set_tags(tagged(&cx.tags(&self.tags))?)
            .send()
            .await?;
        Ok(Made::id(need("TopicArn", reply.topic_arn)?))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    /// SNS takes one attribute a call.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let pairs = self.attributes().into_iter().zip(live.inputs.attributes());
        for (wanted, _) in pairs.filter(|(wanted, live)| wanted.differs(live)) {
            cx.sns()
                .set_topic_attributes()
                .topic_arn(&id.0)
                .attribute_name(wanted.name)
                .attribute_value(wanted.value.as_deref().unwrap_or(wanted.unset))
                .send()
                .await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.sns().delete_topic().topic_arn(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let arn = cx.arn("sns", &self.name);
        let mine = tags_of(&arn, cx).await?.get(tags::ATTEMPT).is_some_and(|a| a == cx.token());
        Ok(mine.then_some(Id(arn)).into_iter().collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        if !tags.unset.is_empty() {
            let gone = tags.unset.clone();
            cx.sns().untag_resource().resource_arn(&id.0).set_tag_keys(Some(gone)).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tagged(tags.set.iter().map(|(k, v)| (k, v)))?;
            cx.sns().tag_resource().resource_arn(&id.0).set_tags(set).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let arn = match inputs.get("name").and_then(Value::as_str) {
            Some(name) => at.arn("sns", name),
            None => Value::Unknown,
        };
        vec![("arn", arn), ("owner", at.account.as_str().into())]
    }
}

/// One of the settings that SNS keeps as text.
struct Attribute {
    name: &'static str,
    value: Option<String>,
    /// What stands for no value.
    unset: &'static str,
    /// Whether SNS chooses a value where none is given.
    computed: bool,
}

impl Attribute {
    fn differs(&self, live: &Self) -> bool {
        match (&live.value, &self.value) {
            (Some(live), Some(wanted)) => !Alike::Json.same(live, wanted) && !Alike::Arn.same(live, wanted),
            (_, None) if self.computed => false,
            (live, wanted) => live != wanted,
        }
    }
}

impl Topic {
    /// Everything but the name and the tags, in the order of the fields.
    fn attributes(&self) -> Vec<Attribute> {
        let text = |name, value: &Option<String>| Attribute { name, value: value.clone(), unset: "", computed: false };
        let chosen = |name, value: &Option<String>| Attribute { computed: true, ..text(name, value) };
        let json = |name, value: &Option<Document>| text(name, &value.as_ref().map(|d| d.as_str().to_owned()));
        let rate = |name, value: i32| Attribute { unset: "0", ..text(name, &Some(value.to_string())) };
        let flag = |name, value: bool| Attribute { unset: "false", ..text(name, &Some(value.to_string())) };
        vec![
            text("ApplicationFailureFeedbackRoleArn", &self.application_failure_feedback_role_arn),
            text("ApplicationSuccessFeedbackRoleArn", &self.application_success_feedback_role_arn),
            rate("ApplicationSuccessFeedbackSampleRate", self.application_success_feedback_sample_rate),
            Attribute { unset: "{}", ..json("ArchivePolicy", &self.archive_policy) },
            flag("ContentBasedDeduplication", self.content_based_deduplication),
            json("DeliveryPolicy", &self.delivery_policy),
            text("DisplayName", &self.display_name),
            chosen("FifoThroughputScope", &self.fifo_throughput_scope),
            flag("FifoTopic", self.fifo_topic),
            text("FirehoseFailureFeedbackRoleArn", &self.firehose_failure_feedback_role_arn),
            text("FirehoseSuccessFeedbackRoleArn", &self.firehose_success_feedback_role_arn),
            rate("FirehoseSuccessFeedbackSampleRate", self.firehose_success_feedback_sample_rate),
            text("HTTPFailureFeedbackRoleArn", &self.http_failure_feedback_role_arn),
            text("HTTPSuccessFeedbackRoleArn", &self.http_success_feedback_role_arn),
            rate("HTTPSuccessFeedbackSampleRate", self.http_success_feedback_sample_rate),
            text("KmsMasterKeyId", &self.kms_master_key_id),
            text("LambdaFailureFeedbackRoleArn", &self.lambda_failure_feedback_role_arn),
            text("LambdaSuccessFeedbackRoleArn", &self.lambda_success_feedback_role_arn),
            rate("LambdaSuccessFeedbackSampleRate", self.lambda_success_feedback_sample_rate),
            Attribute { computed: true, ..json("Policy", &self.policy) },
            chosen("SignatureVersion", &self.signature_version.map(|v| v.to_string())),
            text("SQSFailureFeedbackRoleArn", &self.sqs_failure_feedback_role_arn),
            text("SQSSuccessFeedbackRoleArn", &self.sqs_success_feedback_role_arn),
            rate("SQSSuccessFeedbackSampleRate", self.sqs_success_feedback_sample_rate),
            chosen("TracingConfig", &self.tracing_config),
        ]
    }
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<Topic>>> {
    let Some(reply) = cx.sns().get_topic_attributes().topic_arn(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let mut attributes = need("Attributes", reply.attributes)?;
    let tags = if want.has("tags") { tags_of(&id.0, cx).await? } else { Tags::new() };
    let outputs = TopicOutputs {
        arn: need("TopicArn", attributes.remove("TopicArn"))?,
        beginning_archive_time: attributes.remove("BeginningArchiveTime"),
        owner: need("Owner", attributes.remove("Owner"))?,
    };
    let mut text = |name: &str| attributes.remove(name).filter(|v| !v.is_empty());
    let inputs = Topic {
        application_failure_feedback_role_arn: text("ApplicationFailureFeedbackRoleArn"),
        application_success_feedback_role_arn: text("ApplicationSuccessFeedbackRoleArn"),
        application_success_feedback_sample_rate: number(text("ApplicationSuccessFeedbackSampleRate"))?.unwrap_or(0),
        archive_policy: text("ArchivePolicy").filter(|p| p != "{}").map(Document::new),
        content_based_deduplication: is_true(text("ContentBasedDeduplication")),
        delivery_policy: text("DeliveryPolicy").map(Document::new),
        display_name: text("DisplayName"),
        fifo_throughput_scope: text("FifoThroughputScope"),
        fifo_topic: is_true(text("FifoTopic")),
        firehose_failure_feedback_role_arn: text("FirehoseFailureFeedbackRoleArn"),
        firehose_success_feedback_role_arn: text("FirehoseSuccessFeedbackRoleArn"),
        firehose_success_feedback_sample_rate: number(text("FirehoseSuccessFeedbackSampleRate"))?.unwrap_or(0),
        http_failure_feedback_role_arn: text("HTTPFailureFeedbackRoleArn"),
        http_success_feedback_role_arn: text("HTTPSuccessFeedbackRoleArn"),
        http_success_feedback_sample_rate: number(text("HTTPSuccessFeedbackSampleRate"))?.unwrap_or(0),
        kms_master_key_id: text("KmsMasterKeyId"),
        lambda_failure_feedback_role_arn: text("LambdaFailureFeedbackRoleArn"),
        lambda_success_feedback_role_arn: text("LambdaSuccessFeedbackRoleArn"),
        lambda_success_feedback_sample_rate: number(text("LambdaSuccessFeedbackSampleRate"))?.unwrap_or(0),
        name: id.0.rsplit(':').next().unwrap_or(&id.0).to_owned(),
        policy: text("Policy").map(Document::new),
        signature_version: number(text("SignatureVersion"))?,
        sqs_failure_feedback_role_arn: text("SQSFailureFeedbackRoleArn"),
        sqs_success_feedback_role_arn: text("SQSSuccessFeedbackRoleArn"),
        sqs_success_feedback_sample_rate: number(text("SQSSuccessFeedbackSampleRate"))?.unwrap_or(0),
        tags,
        tracing_config: text("TracingConfig"),
    };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

fn is_true(text: Option<String>) -> bool {
    text.is_some_and(|t| t == "true")
}

fn number(text: Option<String>) -> Result<Option<i32>> {
    text.map(|t| t.parse().map_err(|_| Error::bug(format!("the answer holds `{t}` instead of a number")))).transpose()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const ARN: &str = "arn:aws:sns:eu-west-1:123456789012:t.fifo";
    const TAGS: &str = "<ListTagsForResourceResponse><ListTagsForResourceResult><Tags><member><Key>a</Key>\
        <Value>b</Value></member></Tags></ListTagsForResourceResult></ListTagsForResourceResponse>";

    /// A topic with everything set, and the attributes that SNS would show of it.
    fn everything() -> (serde_json::Value, String) {
        let inputs = json!({
            "applicationFailureFeedbackRoleArn": "arn:1", "applicationSuccessFeedbackRoleArn": "arn:2",
            "applicationSuccessFeedbackSampleRate": 1, "archivePolicy": r#"{"MessageRetentionPeriod":"30"}"#,
            "contentBasedDeduplication": true, "deliveryPolicy": r#"{"http":{}}"#, "displayName": "d",
            "fifoThroughputScope": "Topic", "fifoTopic": true, "firehoseFailureFeedbackRoleArn": "arn:3",
            "firehoseSuccessFeedbackRoleArn": "arn:4", "firehoseSuccessFeedbackSampleRate": 2,
            "httpFailureFeedbackRoleArn": "arn:5", "httpSuccessFeedbackRoleArn": "arn:6",
            "httpSuccessFeedbackSampleRate": 3, "kmsMasterKeyId": "alias/aws/sns",
            "lambdaFailureFeedbackRoleArn": "arn:7", "lambdaSuccessFeedbackRoleArn": "arn:8",
            "lambdaSuccessFeedbackSampleRate": 4, "name": "t.fifo", "policy": r#"{"Statement":[]}"#,
            "signatureVersion": 2, "sqsFailureFeedbackRoleArn": "arn:9", "sqsSuccessFeedbackRoleArn": "arn:10",
            "sqsSuccessFeedbackSampleRate": 5, "tags": { "a": "b" }, "tracingConfig": "Active",
        });
        let topic: Topic = serde_json::from_value(inputs.clone()).unwrap();
        let own = [("TopicArn", ARN), ("Owner", "123456789012")].map(|(k, v)| (k, v.to_owned()));
        let entries = topic.attributes().into_iter().filter_map(|a| Some((a.name, a.value?))).chain(own);
        let entries: HashMap<_, _> = entries.collect();
        let entries: String = entries
            .iter()
            .map(|(k, v)| format!("<entry><key>{k}</key><value>{}</value></entry>", v.replace('"', "&quot;")))
            .collect();
        let reply = format!(
            "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes>{entries}</Attributes>\
             </GetTopicAttributesResult></GetTopicAttributesResponse>"
        );
        (inputs, reply)
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let (inputs, attributes) = everything();
        let replies = [("Action=GetTopicAttributes", ok(attributes)), ("Action=ListTagsForResource", ok(TAGS))];
        reads_back(Topic::TYPE, ARN, &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn an_update_sets_what_differs_in_meaning() {
        let (inputs, _) = everything();
        let outputs = json!({ "arn": ARN, "owner": "123456789012" });
        let live = provider::Live { inputs: inputs.clone().into(), outputs: outputs.into() };
        let mut wanted = inputs;
        wanted["deliveryPolicy"] = r#"{ "http": {} }"#.into();
        wanted["kmsMasterKeyId"] = serde_json::Value::Null;
        let (aws, wire) = aws(&[("Action=SetTopicAttributes", ok("<SetTopicAttributesResponse/>"))]);
        let next = aws.update(&at(Topic::TYPE), &Id(ARN.into()), &wanted.into(), &live).await.unwrap();
        assert_eq!(next, provider::Next::Started);
        let sent = wire.requests("Action=SetTopicAttributes");
        assert!(sent.len() == 1 && sent[0].contains("AttributeName=KmsMasterKeyId&AttributeValue="), "{sent:?}");
    }
}
