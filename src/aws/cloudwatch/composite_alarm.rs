use aws_sdk_cloudwatch::types::{self as sdk, AlarmType, Tag};

use super::metric_alarm::tags_of;
use super::{retag, some};
use crate::aws::prelude::*;
use crate::engine::rules::{replace, unordered};

/// An alarm on the states of other alarms of its region.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompositeAlarm {
    /// Whether actions are taken.
    #[serde(default = "yes")]
    pub actions_enabled: bool,
    /// An alarm that silences the actions of this one.
    pub actions_suppressor: Option<CompositeAlarmActionsSuppressor>,
    /// ARNs of what is done when the alarm goes off, for example of a topic.
    #[schemars(transform = unordered, length(max = 5))]
    pub alarm_actions: Option<Vec<String>>,
    /// Description for people.
    #[schemars(length(max = 1024))]
    pub alarm_description: Option<String>,
    /// Name of the alarm, unique in the region.
    #[schemars(transform = replace, length(min = 1, max = 255))]
    pub alarm_name: String,
    /// States of other alarms, joined: `ALARM("api-down") AND NOT OK("db-down")`. Alarms stand for
    /// their names or ARNs.
    #[schemars(length(min = 1, max = 10_240))]
    pub alarm_rule: String,
    /// ARNs of what is done when too few data are there.
    #[schemars(transform = unordered, length(max = 5))]
    pub insufficient_data_actions: Option<Vec<String>>,
    /// ARNs of what is done when the alarm ends.
    #[schemars(transform = unordered, length(max = 5))]
    pub ok_actions: Option<Vec<String>>,
    /// Tags of the alarm.
    #[serde(default)]
    pub tags: Tags,
}

fn yes() -> bool {
    true
}

/// An alarm whose state silences another one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompositeAlarmActionsSuppressor {
    /// Name or ARN of the alarm.
    pub alarm: String,
    /// Seconds for which actions stay silent after that alarm has ended.
    #[schemars(range(min = 0))]
    pub extension_period: i32,
    /// Seconds for which actions wait for that alarm to go off.
    #[schemars(range(min = 0))]
    pub wait_period: i32,
}

/// What AWS decides about an alarm.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompositeAlarmOutputs {
    /// ARN of the alarm.
    pub arn: String,
}

/// Names that one description may ask for.
const NAMES_A_CALL: usize = 100;

impl Resource for CompositeAlarm {
    const TYPE: &'static str = "aws:cloudwatch/compositeAlarm:CompositeAlarm";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&[]),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["cloudwatch:DescribeAlarms", "cloudwatch:PutCompositeAlarm", "cloudwatch:TagResource"],
            read: &["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"],
            update: &["cloudwatch:PutCompositeAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"],
            delete: &["cloudwatch:DeleteAlarms"],
        },
        acts_on: &["{arn}"],
        import: "name of the alarm",
        ..Facts::new(IdForm::Input("alarmName"), FoundBy::Name)
    };
    type Outputs = CompositeAlarmOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let tags = cx.tags(&self.tags);
        let tags = tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
        self.put(Some(tags), cx).await?;
        Ok(Made::id(&self.alarm_name))
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
        let alarms = described(&[Id(self.alarm_name.clone())], cx).await?;
        Ok(alarms.into_iter().filter_map(|a| a.alarm_name).map(Id).collect())
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let name = inputs.get("alarmName").and_then(Value::as_str);
        vec![("arn", name.map_or(Value::Unknown, |name| at.arn("cloudwatch", &format!("alarm:{name}"))))]
    }
}

impl CompositeAlarm {
    async fn put(&self, tags: Option<Vec<Tag>>, cx: &Cx) -> Result<()> {
        let suppressor = self.actions_suppressor.as_ref();
        cx.cloudwatch()
            .put_composite_alarm()
            .actions_enabled(self.actions_enabled)
            .set_actions_suppressor(suppressor.map(|s| s.alarm.clone()))
            .set_actions_suppressor_extension_period(suppressor.map(|s| s.extension_period))
            .set_actions_suppressor_wait_period(suppressor.map(|s| s.wait_period))
            .set_alarm_actions(self.alarm_actions.clone())
            .set_alarm_description(self.alarm_description.clone())
            .alarm_name(&self.alarm_name)
            .alarm_rule(&self.alarm_rule)
            .set_insufficient_data_actions(self.insufficient_data_actions.clone())
            .set_ok_actions(self.ok_actions.clone())
            .set_tags(tags)
            .send()
            .await?;
        Ok(())
    }
}

async fn described(ids: &[Id], cx: &Cx) -> Result<Vec<sdk::CompositeAlarm>> {
    let mut alarms = Vec::with_capacity(ids.len());
    for ids in ids.chunks(NAMES_A_CALL) {
        let names = ids.iter().map(|id| id.0.clone()).collect();
        let describe = cx.cloudwatch().describe_alarms().set_alarm_names(Some(names)).max_records(100);
        // Without the type AWS shows metric alarms only.
        let pages = describe.alarm_types(AlarmType::CompositeAlarm).into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await?;
        alarms.extend(pages.into_iter().flat_map(|page| page.composite_alarms.unwrap_or_default()));
    }
    Ok(alarms)
}

fn seen(a: sdk::CompositeAlarm, tags: Tags) -> Result<(String, Seen<Live<CompositeAlarm>>)> {
    let name = need("AlarmName", a.alarm_name)?;
    let suppressor = a.actions_suppressor.filter(|alarm| !alarm.is_empty()).map(|alarm| {
        Ok::<_, Error>(CompositeAlarmActionsSuppressor {
            alarm,
            extension_period: need("ActionsSuppressorExtensionPeriod", a.actions_suppressor_extension_period)?,
            wait_period: need("ActionsSuppressorWaitPeriod", a.actions_suppressor_wait_period)?,
        })
    });
    let inputs = CompositeAlarm {
        actions_enabled: need("ActionsEnabled", a.actions_enabled)?,
        actions_suppressor: suppressor.transpose()?,
        alarm_actions: some(a.alarm_actions),
        alarm_description: a.alarm_description.filter(|d| !d.is_empty()),
        alarm_name: name.clone(),
        alarm_rule: need("AlarmRule", a.alarm_rule)?,
        insufficient_data_actions: some(a.insufficient_data_actions),
        ok_actions: some(a.ok_actions),
        tags,
    };
    let outputs = CompositeAlarmOutputs { arn: need("AlarmArn", a.alarm_arn)? };
    Ok((name, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::cloudwatch::cbor::says;
    use crate::aws::wire::{at, aws, reads_back};
    use crate::engine::provider::Provider;

    const TYPE: &str = CompositeAlarm::TYPE;
    const ARN: &str = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:outage";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let alarm = json!({
            "ActionsEnabled": true,
            "ActionsSuppressor": "drill",
            "ActionsSuppressorExtensionPeriod": 60,
            "ActionsSuppressorWaitPeriod": 120,
            "AlarmActions": ["arn:a"],
            "AlarmArn": ARN,
            "AlarmDescription": "d",
            "AlarmName": "outage",
            "AlarmRule": "ALARM(api) AND ALARM(db)",
            "InsufficientDataActions": ["arn:i"],
            "OKActions": ["arn:o"],
        });
        let replies = [
            ("DescribeAlarms", says(&json!({ "CompositeAlarms": [alarm] }))),
            ("ListTagsForResource", says(&json!({ "Tags": [{ "Key": "a", "Value": "b" }] }))),
        ];
        let inputs = json!({
            "actionsEnabled": true,
            "actionsSuppressor": { "alarm": "drill", "extensionPeriod": 60, "waitPeriod": 120 },
            "alarmActions": ["arn:a"],
            "alarmDescription": "d",
            "alarmName": "outage",
            "alarmRule": "ALARM(api) AND ALARM(db)",
            "insufficientDataActions": ["arn:i"],
            "okActions": ["arn:o"],
            "tags": { "a": "b" },
        });
        reads_back(TYPE, "outage", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn a_description_asks_for_composite_alarms() {
        let (aws, wire) = aws(&[("DescribeAlarms", says(&json!({})))]);
        let seen = aws.read(&at(TYPE).kind, &[Id("outage".into())], &Want::Only(Default::default())).await.unwrap();
        assert_eq!(seen, [Seen::Gone]);
        assert!(wire.requests("DescribeAlarms")[0].contains("CompositeAlarm"));
    }

    #[tokio::test]
    async fn what_silences_is_sent_with_its_periods_or_not_at_all() {
        let (aws, wire) = aws(&[("PutCompositeAlarm", says(&json!({})))]);
        let plain = json!({ "alarmName": "outage", "alarmRule": "ALARM(a)" });
        aws.create(&at(TYPE), &plain.into()).await.unwrap();
        assert!(!wire.requests("PutCompositeAlarm")[0].contains("ActionsSuppressor"));
        let suppressor = json!({ "alarm": "drill", "extensionPeriod": 0, "waitPeriod": 0 });
        let silent = json!({ "alarmName": "outage", "alarmRule": "ALARM(a)", "actionsSuppressor": suppressor });
        aws.create(&at(TYPE), &silent.into()).await.unwrap();
        let sent = &wire.requests("PutCompositeAlarm")[1];
        assert!(sent.contains("ActionsSuppressorExtensionPeriod") && sent.contains("ActionsSuppressorWaitPeriod"));
    }
}
