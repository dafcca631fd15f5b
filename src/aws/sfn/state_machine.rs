use aws_sdk_sfn::types::{
    self as sdk, CloudWatchLogsLogGroup, EncryptionType, LogDestination, LogLevel, StateMachineStatus, StateMachineType,
};

use super::{tagged, tags_of};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, computed, moves, one_of, refers, replace, write_only};

/// A workflow of states.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateMachine {
    /// The states, in Amazon States Language.
    #[schemars(transform = alike(Alike::OrderedJson))]
    pub definition: Document,
    /// Encryption of the definition and of executions.
    #[serde(default)]
    pub encryption_configuration: StateMachineEncryption,
    /// What is logged of executions.
    #[schemars(transform = computed)]
    pub logging_configuration: Option<StateMachineLogging>,
    /// Name of the state machine, unique in the region.
    #[schemars(transform = replace, transform = auto_name(80), length(min = 1, max = 80))]
    pub name: String,
    /// Whether each change makes a version.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub publish: bool,
    /// Role that the state machine acts in.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: String,
    /// Tags of the state machine.
    #[serde(default)]
    pub tags: Tags,
    /// Whether X-Ray follows executions.
    #[schemars(transform = computed)]
    pub tracing_configuration: Option<StateMachineTracing>,
    /// Kind of executions: `STANDARD` for long ones that happen once, `EXPRESS` for many short ones.
    #[schemars(transform = replace, transform = one_of(&["EXPRESS", "STANDARD"]))]
    #[serde(default = "standard")]
    pub r#type: String,
}

/// Encryption of the definition and of executions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateMachineEncryption {
    /// Seconds for which a data key is used before KMS is asked again.
    #[schemars(transform = computed, range(min = 60, max = 900))]
    pub kms_data_key_reuse_period_seconds: Option<i32>,
    /// Key of the account: id, ARN or alias.
    #[schemars(transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_id: Option<String>,
    /// Whose key it is.
    #[schemars(transform = one_of(&["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"]))]
    #[serde(default = "aws_owned")]
    pub r#type: String,
}

impl Default for StateMachineEncryption {
    fn default() -> Self {
        Self { kms_data_key_reuse_period_seconds: None, kms_key_id: None, r#type: aws_owned() }
    }
}

/// What is logged of executions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateMachineLogging {
    /// Whether inputs and outputs are logged, too.
    #[serde(default)]
    pub include_execution_data: bool,
    /// What is logged.
    #[schemars(transform = one_of(&["ALL", "ERROR", "FATAL", "OFF"]))]
    #[serde(default = "off")]
    pub level: String,
    /// ARN of the log group, with `:*` at its end.
    pub log_destination: Option<String>,
}

/// Whether X-Ray follows executions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateMachineTracing {
    /// Whether it does.
    #[serde(default)]
    pub enabled: bool,
}

fn aws_owned() -> String {
    EncryptionType::AwsOwnedKey.as_str().to_owned()
}

fn off() -> String {
    LogLevel::Off.as_str().to_owned()
}

fn standard() -> String {
    StateMachineType::Standard.as_str().to_owned()
}

/// What AWS decides about a state machine.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateMachineOutputs {
    /// ARN of the state machine.
    pub arn: String,
    /// Time of the creation.
    pub creation_date: String,
    /// Description of the version.
    pub description: Option<String>,
    /// Id of the last change.
    #[schemars(transform = moves)]
    pub revision_id: Option<String>,
    /// ARN of the last version, with `publish`.
    #[schemars(transform = moves)]
    pub state_machine_version_arn: Option<String>,
    /// `ACTIVE`.
    pub status: String,
}

impl Resource for StateMachine {
    const TYPE: &'static str = "aws:sfn/stateMachine:StateMachine";
    const FACTS: Facts = Facts {
        existing: Existing::LookedFor(&[]),
        limits: Limits::minutes(5, 1, 5),
        takes: Takes::seconds(2, 2, 10),
        permissions: Permissions {
            create: &[
                "iam:PassRole",
                "logs:CreateLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:PutResourcePolicy",
                "states:CreateStateMachine",
                "states:DescribeStateMachine",
                "states:PublishStateMachineVersion",
                "states:TagResource",
            ],
            read: &["states:DescribeStateMachine", "states:ListStateMachineVersions", "states:ListTagsForResource"],
            update: &[
                "iam:PassRole",
                "logs:CreateLogDelivery",
                "logs:UpdateLogDelivery",
                "states:PublishStateMachineVersion",
                "states:TagResource",
                "states:UntagResource",
                "states:UpdateStateMachine",
            ],
            delete: &["logs:DeleteLogDelivery", "states:DeleteStateMachine"],
        },
        permissions_with: &[WithInput::on(
            "encryptionConfiguration.kmsKeyId",
            &["kms:Decrypt"],
            &["kms:DescribeKey", "kms:GenerateDataKey"],
        )],
        acts_on: &["{arn}", "{arn}:*"],
        passes_roles_to: &["states"],
        import: "ARN of the state machine",
        ..Facts::new(IdForm::Output("arn"), FoundBy::OwnerTag)
    };
    type Outputs = StateMachineOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .sfn()
            .create_state_machine()
            .definition(self.definition.as_str())
            .set_encryption_configuration(self.encryption_asked(&StateMachineEncryption::default())?)
            .set_logging_configuration(self.logging_configuration.as_ref().map(StateMachineLogging::as_asked))
            .name(&self.name)
            .publish(self.publish)
            .role_arn(&self.role_arn)
            .set_tags(tagged(&cx.tags(&self.tags)))
            .set_tracing_configuration(self.tracing_configuration.as_ref().map(StateMachineTracing::as_asked))
            .r#type(StateMachineType::from(self.r#type.as_str()))
            .send()
            .await?;
        Ok(Made::id(reply.state_machine_arn))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let encryption = self.encryption_asked(&live.inputs.encryption_configuration)?;
        let logging = changed(&self.logging_configuration, &live.inputs.logging_configuration);
        let tracing = changed(&self.tracing_configuration, &live.inputs.tracing_configuration);
        cx.sfn()
            .update_state_machine()
            .definition(self.definition.as_str())
            .set_encryption_configuration(encryption)
            .set_logging_configuration(logging.map(StateMachineLogging::as_asked))
            .publish(self.publish)
            .role_arn(&self.role_arn)
            .state_machine_arn(&id.0)
            .set_tracing_configuration(tracing.map(StateMachineTracing::as_asked))
            .send()
            .await?;
        Ok(Next::Started)
    }

    /// It takes its versions with it, and stays until its executions have noticed.
    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let delete = cx.sfn().delete_state_machine().state_machine_arn(&id.0).send().await.or_none()?;
        Ok(delete.map_or(Next::Gone, |_| Next::Started))
    }

    async fn namesake(&self, cx: &Cx) -> Result<Option<Id>> {
        let arn = arn(&self.name, cx);
        let there = cx.sfn().describe_state_machine().state_machine_arn(&arn).send().await.or_none()?;
        Ok(there.map(|_| Id(arn)))
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let arn = arn(&self.name, cx);
        let mine = tags_of(&arn, cx).await?.get(tags::ATTEMPT).is_some_and(|attempt| attempt == cx.token());
        Ok(mine.then_some(Id(arn)).into_iter().collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        if !tags.unset.is_empty() {
            let untag = cx.sfn().untag_resource().resource_arn(&id.0);
            untag.set_tag_keys(Some(tags.unset.clone())).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tagged(tags.set.iter().map(|(k, v)| (k, v)));
            cx.sfn().tag_resource().resource_arn(&id.0).set_tags(set).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let name = inputs.get("name").and_then(Value::as_str);
        let arn = name.map_or(Value::Unknown, |name| at.arn("states", &format!("stateMachine:{name}")));
        vec![("arn", arn), ("status", "ACTIVE".into())]
    }
}

fn arn(name: &str, cx: &Cx) -> String {
    cx.arn("states", &format!("stateMachine:{name}"))
}

impl StateMachine {
    /// The encryption, if it is another one than there is.
    fn encryption_asked(&self, live: &StateMachineEncryption) -> Result<Option<sdk::EncryptionConfiguration>> {
        let wanted = &self.encryption_configuration;
        let key = match (&live.kms_key_id, &wanted.kms_key_id) {
            (Some(live), Some(wanted)) => !Alike::Arn.same(live, wanted),
            (live, wanted) => live != wanted,
        };
        let period =
            changed(&wanted.kms_data_key_reuse_period_seconds, &live.kms_data_key_reuse_period_seconds).is_some();
        if !key && !period && wanted.r#type == live.r#type {
            return Ok(None);
        }
        let encryption = sdk::EncryptionConfiguration::builder()
            .set_kms_data_key_reuse_period_seconds(wanted.kms_data_key_reuse_period_seconds)
            .set_kms_key_id(wanted.kms_key_id.clone())
            .r#type(EncryptionType::from(wanted.r#type.as_str()));
        Ok(Some(encryption.build()?))
    }
}

impl StateMachineLogging {
    fn as_asked(&self) -> sdk::LoggingConfiguration {
        let destination = self.log_destination.as_ref().map(|arn| {
            let group = CloudWatchLogsLogGroup::builder().log_group_arn(arn).build();
            vec![LogDestination::builder().cloud_watch_logs_log_group(group).build()]
        });
        sdk::LoggingConfiguration::builder()
            .set_destinations(destination)
            .include_execution_data(self.include_execution_data)
            .level(LogLevel::from(self.level.as_str()))
            .build()
    }

    fn shown(sdk: sdk::LoggingConfiguration) -> Self {
        let destination = sdk.destinations.and_then(|all| all.into_iter().next());
        Self {
            include_execution_data: sdk.include_execution_data,
            level: sdk.level.map_or_else(off, |level| level.as_str().to_owned()),
            log_destination: destination.and_then(|d| d.cloud_watch_logs_log_group?.log_group_arn),
        }
    }
}

impl StateMachineTracing {
    fn as_asked(&self) -> sdk::TracingConfiguration {
        sdk::TracingConfiguration::builder().enabled(self.enabled).build()
    }
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<StateMachine>>> {
    let Some(m) = cx.sfn().describe_state_machine().state_machine_arn(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let status = m.status.unwrap_or(StateMachineStatus::Active);
    if status != StateMachineStatus::Active {
        return Ok(Seen::Pending(status.as_str().to_lowercase()));
    }
    let tags = if want.has("tags") { tags_of(&id.0, cx).await? } else { Tags::new() };
    let version = if want.has("publish") { last_version(&id, cx).await? } else { None };
    let encryption = m.encryption_configuration.map(|e| StateMachineEncryption {
        kms_data_key_reuse_period_seconds: e.kms_data_key_reuse_period_seconds,
        kms_key_id: e.kms_key_id,
        r#type: e.r#type.as_str().to_owned(),
    });
    let inputs = StateMachine {
        definition: Document::new(m.definition),
        encryption_configuration: encryption.unwrap_or_default(),
        logging_configuration: m.logging_configuration.map(StateMachineLogging::shown),
        name: m.name,
        publish: false,
        role_arn: m.role_arn,
        tags,
        tracing_configuration: m.tracing_configuration.map(|tracing| StateMachineTracing { enabled: tracing.enabled }),
        r#type: m.r#type.as_str().to_owned(),
    };
    let outputs = StateMachineOutputs {
        arn: m.state_machine_arn,
        creation_date: m.creation_date.to_string(),
        description: m.description,
        revision_id: m.revision_id,
        state_machine_version_arn: version,
        status: status.as_str().to_owned(),
    };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

/// The versions are listed from the last one on.
async fn last_version(id: &Id, cx: &Cx) -> Result<Option<String>> {
    let list = cx.sfn().list_state_machine_versions().max_results(1).state_machine_arn(&id.0);
    let reply = list.send().await.or_none()?;
    Ok(reply.and_then(|reply| reply.state_machine_versions.into_iter().next()).map(|v| v.state_machine_version_arn))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const ARN: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:m";

    fn everything() -> Json {
        json!({
            "definition": r#"{"StartAt":"A"}"#,
            "encryptionConfiguration": {
                "kmsDataKeyReusePeriodSeconds": 60, "kmsKeyId": "k", "type": "CUSTOMER_MANAGED_KMS_KEY",
            },
            "loggingConfiguration": { "includeExecutionData": true, "level": "ALL", "logDestination": "arn:l:*" },
            "name": "m",
            "publish": false,
            "roleArn": "arn:r",
            "tags": { "a": "b" },
            "tracingConfiguration": { "enabled": true },
            "type": "EXPRESS",
        })
    }

    fn machine() -> Json {
        json!({
            "stateMachineArn": ARN, "name": "m", "status": "ACTIVE", "definition": r#"{"StartAt":"A"}"#,
            "roleArn": "arn:r", "type": "EXPRESS", "creationDate": 1_700_000_000, "revisionId": "r-1",
            "loggingConfiguration": { "level": "ALL", "includeExecutionData": true,
                "destinations": [{ "cloudWatchLogsLogGroup": { "logGroupArn": "arn:l:*" } }] },
            "tracingConfiguration": { "enabled": true },
            "encryptionConfiguration": { "kmsKeyId": "k", "kmsDataKeyReusePeriodSeconds": 60,
                "type": "CUSTOMER_MANAGED_KMS_KEY" },
        })
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let version = format!("{ARN}:2");
        let versions = json!({ "stateMachineVersions": [
            { "stateMachineVersionArn": version, "creationDate": 1_700_000_000 },
        ] });
        let replies = [
            ("DescribeStateMachine", ok(machine().to_string())),
            ("ListTagsForResource", ok(json!({ "tags": [{ "key": "a", "value": "b" }] }).to_string())),
            ("ListStateMachineVersions", ok(versions.to_string())),
        ];
        let live = reads_back(StateMachine::TYPE, ARN, &replies, &[], everything()).await;
        assert_eq!(live.outputs.get("stateMachineVersionArn").and_then(Value::as_str), Some(version.as_str()));
    }

    #[tokio::test]
    async fn a_machine_that_is_there_already_is_seen_before_it_is_taken_over() {
        let (aws, _) = aws(&[("DescribeStateMachine", ok(machine().to_string()))]);
        let there = aws.namesake(&at(StateMachine::TYPE), &everything().into()).await.unwrap();
        assert_eq!(there, Some(Id(ARN.into())));
    }

    #[tokio::test]
    async fn an_update_leaves_the_encryption_alone_unless_it_changes() {
        let (aws, wire) = aws(&[("UpdateStateMachine", ok(json!({ "updateDate": 1_700_000_000 }).to_string()))]);
        let outputs = json!({ "arn": ARN, "creationDate": "2030-01-31T12:00:00Z", "status": "ACTIVE" });
        let live = provider::Live { inputs: everything().into(), outputs: outputs.into() };
        let mut wanted = everything();
        wanted["definition"] = r#"{"StartAt":"B"}"#.into();
        let id = Id(ARN.into());
        aws.update(&at(StateMachine::TYPE), &id, &wanted.clone().into(), &live).await.unwrap();
        wanted.as_object_mut().unwrap().remove("encryptionConfiguration");
        aws.update(&at(StateMachine::TYPE), &id, &wanted.into(), &live).await.unwrap();
        let calls = wire.requests("UpdateStateMachine");
        assert!(!calls[0].contains("encryptionConfiguration"), "{}", calls[0]);
        assert!(calls[1].contains("AWS_OWNED_KEY"), "{}", calls[1]);
    }
}
