use aws_sdk_cloudwatchlogs::types::{self as sdk, LogGroupClass};

use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, computed, one_of, protection, refers, replace, write_only};

/// A place for log streams that share retention and encryption.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogGroup {
    /// Whether AWS refuses to delete the group.
    #[schemars(transform = protection)]
    #[serde(default)]
    pub deletion_protection_enabled: bool,
    /// ARN of the KMS key that encrypts what comes in from now on.
    #[schemars(transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_id: Option<String>,
    /// What the logs can be used for. `DELIVERY` keeps them for a day, whatever `retentionInDays`
    /// would say.
    #[schemars(transform = replace, transform = computed)]
    #[schemars(transform = one_of(&["DELIVERY", "INFREQUENT_ACCESS", "STANDARD"]))]
    pub log_group_class: Option<String>,
    /// Name, unique in the region.
    #[schemars(transform = replace, transform = auto_name(255), length(min = 1, max = 512))]
    pub name: String,
    /// Days for which logs are kept, for ever if 0: 0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180,
    /// 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653.
    #[schemars(range(min = 0, max = 3653))]
    #[serde(default)]
    pub retention_in_days: i32,
    /// Whether a deletion leaves the group in AWS and only forgets it.
    #[schemars(transform = write_only)]
    pub skip_destroy: Option<bool>,
    /// Tags of the group.
    #[serde(default)]
    pub tags: Tags,
}

/// What AWS decides about a log group.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogGroupOutputs {
    /// ARN of the group, without `:*` at its end.
    pub arn: String,
}

/// Groups that one description may ask for.
const GROUPS_A_CALL: usize = 50;

impl Resource for LogGroup {
    const TYPE: &'static str = "aws:cloudwatch/logGroup:LogGroup";
    const FACTS: Facts = Facts {
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["logs:CreateLogGroup", "logs:ListTagsForResource", "logs:PutRetentionPolicy", "logs:TagResource"],
            read: &["logs:DescribeLogGroups", "logs:ListTagsForResource"],
            update: &[
                "logs:AssociateKmsKey",
                "logs:DeleteRetentionPolicy",
                "logs:DisassociateKmsKey",
                "logs:PutLogGroupDeletionProtection",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ],
            delete: &["logs:DeleteLogGroup"],
        },
        acts_on: &["logs:{region}:*:log-group:{name}", "logs:{region}:*:log-group:{name}:*"],
        import: "name of the group, `/aws/lambda/probe`",
        ..Facts::new(IdForm::Input("name"), FoundBy::OwnerTag)
    };
    type Outputs = LogGroupOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.logs()
            .create_log_group()
            .set_deletion_protection_enabled(self.deletion_protection_enabled.then_some(true))
            .set_kms_key_id(self.kms_key_id.clone())
            .set_log_group_class(self.log_group_class.as_deref().map(LogGroupClass::from))
            .log_group_name(&self.name)
            .set_tags(Some(cx.tags(&self.tags).into_iter().collect()))
            .send()
            .await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let mut groups = match ids {
            [id] => named(&id.0, cx).await?.into_iter().collect(),
            _ => described(ids, cx).await?,
        };
        groups.retain(|g| ids.iter().any(|id| g.log_group_name.as_ref() == Some(&id.0)));
        let arns = groups.iter().map(|g| arn(g).map(Id)).collect::<Result<Vec<_>>>()?;
        let tags = match want.has("tags") {
            true => each(&arns, async |arn| tags_of(&arn.0, cx).await).await?,
            false => vec![None; arns.len()],
        };
        in_order(ids, groups.into_iter().zip(tags).map(|(group, tags)| seen(group, tags.unwrap_or_default())))
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        let logs = cx.logs();
        if self.deletion_protection_enabled != old.deletion_protection_enabled {
            let change = logs.put_log_group_deletion_protection().log_group_identifier(&id.0);
            change.deletion_protection_enabled(self.deletion_protection_enabled).send().await?;
        }
        match &self.kms_key_id {
            Some(key) if old.kms_key_id.as_ref() != Some(key) => {
                logs.associate_kms_key().log_group_name(&id.0).kms_key_id(key).send().await?;
            }
            None if old.kms_key_id.is_some() => {
                logs.disassociate_kms_key().log_group_name(&id.0).send().await?;
            }
            _ => {}
        }
        match self.retention_in_days {
            days if days == old.retention_in_days => {}
            0 => {
                logs.delete_retention_policy().log_group_name(&id.0).send().await?;
            }
            days => {
                logs.put_retention_policy().log_group_name(&id.0).retention_in_days(days).send().await?;
            }
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        if self.skip_destroy != Some(true) {
            cx.logs().delete_log_group().log_group_name(&id.0).send().await.or_none()?;
        }
        Ok(Next::Gone)
    }

    /// Services make log groups of their own accord, so the name alone proves nothing.
    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let arn = cx.arn("logs", &format!("log-group:{}", self.name));
        let tags = tags_of(&arn, cx).await?.unwrap_or_default();
        let mine = tags.get(tags::ATTEMPT).is_some_and(|attempt| attempt == cx.token());
        Ok(mine.then(|| Id(self.name.clone())).into_iter().collect())
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let name = inputs.get("name").and_then(Value::as_str);
        vec![("arn", name.map_or(Value::Unknown, |name| at.arn("logs", &format!("log-group:{name}"))))]
    }
}

/// The group of exactly that name. It comes first among those whose names begin with it.
async fn named(name: &str, cx: &Cx) -> Result<Option<sdk::LogGroup>> {
    let reply = cx.logs().describe_log_groups().log_group_name_prefix(name).send().await?;
    Ok(reply.log_groups.unwrap_or_default().into_iter().find(|g| g.log_group_name.as_deref() == Some(name)))
}

async fn described(ids: &[Id], cx: &Cx) -> Result<Vec<sdk::LogGroup>> {
    let mut groups = Vec::with_capacity(ids.len());
    for ids in ids.chunks(GROUPS_A_CALL) {
        let names = ids.iter().map(|id| id.0.clone()).collect();
        let describe = cx.logs().describe_log_groups().set_log_group_identifiers(Some(names));
        match describe.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.or_none()? {
            Some(found) => groups.extend(found),
            // One that is gone must not hide the others.
            None => groups.extend(each(ids, async |id| named(&id.0, cx).await).await?.into_iter().flatten()),
        }
    }
    Ok(groups)
}

pub(super) async fn tags_of(arn: &str, cx: &Cx) -> Result<Option<Tags>> {
    let reply = cx.logs().list_tags_for_resource().resource_arn(arn).send().await.or_none()?;
    Ok(reply.map(|reply| reply.tags.into_iter().flatten().collect()))
}

/// Sets and removes tags of a thing of CloudWatch Logs.
pub(super) async fn retag(arn: &str, tags: &Retag, cx: &Cx) -> Result<()> {
    if !tags.unset.is_empty() {
        let untag = cx.logs().untag_resource().resource_arn(arn);
        untag.set_tag_keys(Some(tags.unset.clone())).send().await?;
    }
    if !tags.set.is_empty() {
        let set = tags.set.iter().cloned().collect();
        cx.logs().tag_resource().resource_arn(arn).set_tags(Some(set)).send().await?;
    }
    Ok(())
}

/// Older answers know only the ARN of the streams.
fn arn(group: &sdk::LogGroup) -> Result<String> {
    let arn = need("arn", group.log_group_arn.as_ref().or(group.arn.as_ref()))?;
    Ok(arn.trim_end_matches(":*").to_owned())
}

fn seen(g: sdk::LogGroup, tags: Tags) -> Result<(String, Seen<Live<LogGroup>>)> {
    let outputs = LogGroupOutputs { arn: arn(&g)? };
    let name = need("logGroupName", g.log_group_name)?;
    let delivers = g.log_group_class == Some(LogGroupClass::Delivery);
    let inputs = LogGroup {
        deletion_protection_enabled: g.deletion_protection_enabled.unwrap_or_default(),
        kms_key_id: g.kms_key_id,
        log_group_class: g.log_group_class.map(|class| class.as_str().to_owned()),
        name: name.clone(),
        retention_in_days: g.retention_in_days.filter(|_| !delivers).unwrap_or_default(),
        skip_destroy: None,
        tags,
    };
    Ok((name, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, Wire, at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const TYPE: &str = LogGroup::TYPE;
    const GROUPS: &str = r#"{"logGroups":[{"logGroupName":"/a/b","retentionInDays":7,"kmsKeyId":"arn:k",
        "arn":"arn:aws:logs:eu-west-1:123456789012:log-group:/a/b:*","logGroupClass":"INFREQUENT_ACCESS",
        "deletionProtectionEnabled":true},{"logGroupName":"/a/bc","arn":"arn:x:*"}]}"#;
    const TAGS: &str = r#"{"tags":{"a":"b","drctl:attempt":"01JD0000000000000000000000"}}"#;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "deletionProtectionEnabled": true,
            "kmsKeyId": "arn:k",
            "logGroupClass": "INFREQUENT_ACCESS",
            "name": "/a/b",
            "retentionInDays": 7,
            "tags": { "a": "b" },
        });
        let replies = [("DescribeLogGroups", ok(GROUPS)), ("ListTagsForResource", ok(TAGS))];
        let live = reads_back(TYPE, "/a/b", &replies, &[], inputs).await;
        let arn = live.outputs.get("arn").unwrap().as_str();
        assert_eq!(arn, Some("arn:aws:logs:eu-west-1:123456789012:log-group:/a/b"));
    }

    async fn update(old: serde_json::Value, new: serde_json::Value) -> Wire {
        let (aws, wire) = aws(&[("Logs_20140328", ok("{}"))]);
        let live = provider::Live { inputs: old.into(), outputs: json!({ "arn": "a" }).into() };
        aws.update(&at(TYPE), &Id("/a".into()), &new.into(), &live).await.unwrap();
        wire
    }

    #[tokio::test]
    async fn retention_and_key_are_taken_away_by_calls_of_their_own() {
        let wire =
            update(json!({ "name": "/a", "retentionInDays": 7, "kmsKeyId": "k" }), json!({ "name": "/a" })).await;
        assert_eq!(wire.requests("DeleteRetentionPolicy").len(), 1);
        assert_eq!(wire.requests("DisassociateKmsKey").len(), 1);
        let wire = update(json!({ "name": "/a" }), json!({ "name": "/a", "retentionInDays": 30 })).await;
        assert!(wire.requests("PutRetentionPolicy")[0].contains("30"));
        assert_eq!(wire.requests("Logs_20140328").len(), 1);
    }

    #[tokio::test]
    async fn a_group_that_a_service_made_is_not_taken_for_a_lost_one() {
        let inputs = json!({ "name": "/a/b" }).into();
        let (mine, _) = aws(&[("ListTagsForResource", ok(TAGS))]);
        assert_eq!(mine.find(&at(TYPE), &inputs).await.unwrap(), [Id("/a/b".into())]);
        let (other, _) = aws(&[("ListTagsForResource", ok(r#"{"tags":{}}"#))]);
        assert_eq!(other.find(&at(TYPE), &inputs).await.unwrap(), []);
        let gone = Reply::Says(400, r#"{"__type":"ResourceNotFoundException","message":"none"}"#.into());
        let (none, _) = aws(&[("ListTagsForResource", gone)]);
        assert_eq!(none.find(&at(TYPE), &inputs).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_group_that_shall_stay_is_only_forgotten() {
        let (aws, wire) = aws(&[]);
        let applied = json!({ "name": "/a", "skipDestroy": true }).into();
        let next = aws.delete(&at(TYPE), &Id("/a".into()), &applied, None).await.unwrap();
        assert!(matches!(next, provider::Next::Gone));
        assert!(wire.requests("DeleteLogGroup").is_empty());
    }
}
