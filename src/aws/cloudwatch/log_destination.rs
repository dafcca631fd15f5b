use aws_sdk_cloudwatchlogs::types as sdk;

use super::log_group::{retag, tags_of};
use crate::aws::prelude::*;
use crate::engine::rules::{auto_name, refers, replace};

/// A name under which log groups of other accounts find a stream. The stream may be in another region.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogDestination {
    /// Name, unique in the region.
    #[schemars(transform = replace, transform = auto_name(255), length(min = 1, max = 512))]
    pub name: String,
    /// ARN of the role that writes to the stream.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: String,
    /// Tags of the destination.
    #[serde(default)]
    pub tags: Tags,
    /// ARN of the Kinesis or Firehose stream.
    pub target_arn: String,
}

/// What AWS decides about a log destination.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogDestinationOutputs {
    /// ARN of the destination.
    pub arn: String,
}

impl Resource for LogDestination {
    const TYPE: &'static str = "aws:cloudwatch/logDestination:LogDestination";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&[]),
        takes: Takes::seconds(2, 2, 1),
        permissions: Permissions {
            create: &["iam:PassRole", "logs:DescribeDestinations", "logs:PutDestination", "logs:TagResource"],
            read: &["logs:DescribeDestinations", "logs:ListTagsForResource"],
            update: &["iam:PassRole", "logs:PutDestination", "logs:TagResource", "logs:UntagResource"],
            delete: &["logs:DeleteDestination"],
        },
        acts_on: &["{arn}"],
        passes_roles_to: &["logs"],
        import: "name of the destination",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = LogDestinationOutputs;
    type Cx = Cx;

    /// The tags go out alone: with them, CloudWatch Logs answers that it cannot deliver to the target.
    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let put = cx.logs().put_destination().destination_name(&self.name).role_arn(&self.role_arn);
        let made = put.target_arn(&self.target_arn).send().await?.destination;
        let arn = need("arn", need("destination", made)?.arn)?;
        let tags = cx.tags(&self.tags).into_iter().collect();
        cx.logs().tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    /// A call takes all of a destination but its tags.
    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let put = cx.logs().put_destination().destination_name(&self.name).role_arn(&self.role_arn);
        put.target_arn(&self.target_arn).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.logs().delete_destination().destination_name(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let found = destination(&self.name, cx).await?;
        Ok(found.into_iter().map(|_| Id(self.name.clone())).collect())
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let name = inputs.get("name").and_then(Value::as_str);
        vec![("arn", name.map_or(Value::Unknown, |name| at.arn("logs", &format!("destination:{name}"))))]
    }
}

/// The destination of exactly that name. It comes first among those whose names begin with it.
pub(super) async fn destination(name: &str, cx: &Cx) -> Result<Option<sdk::Destination>> {
    let mut pages = cx.logs().describe_destinations().destination_name_prefix(name).into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one?;
        if one.destination_name.as_deref() == Some(name) {
            return Ok(Some(one));
        }
    }
    Ok(None)
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<LogDestination>>> {
    let Some(d) = destination(&id.0, cx).await? else { return Ok(Seen::Gone) };
    let arn = need("arn", d.arn)?;
    let tags = if want.has("tags") { tags_of(&arn, cx).await?.unwrap_or_default() } else { Tags::new() };
    let inputs = LogDestination {
        name: id.0,
        role_arn: need("roleArn", d.role_arn)?,
        tags,
        target_arn: need("targetArn", d.target_arn)?,
    };
    Ok(Seen::Ready(Live { inputs, outputs: LogDestinationOutputs { arn } }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::Provider;

    const TYPE: &str = LogDestination::TYPE;
    const DESTINATIONS: &str = r#"{"destinations":[{"destinationName":"central","targetArn":"arn:t","roleArn":"arn:r",
        "arn":"arn:aws:logs:eu-west-1:123456789012:destination:central"},{"destinationName":"central-2"}]}"#;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({ "name": "central", "roleArn": "arn:r", "tags": { "a": "b" }, "targetArn": "arn:t" });
        let replies =
            [("DescribeDestinations", ok(DESTINATIONS)), ("ListTagsForResource", ok(r#"{"tags":{"a":"b"}}"#))];
        let live = reads_back(TYPE, "central", &replies, &[], inputs).await;
        let arn = "arn:aws:logs:eu-west-1:123456789012:destination:central";
        assert_eq!(live.outputs.get("arn"), Some(&arn.into()));
    }

    #[tokio::test]
    async fn a_name_that_only_begins_alike_is_another_one() {
        let (aws, _) = aws(&[("DescribeDestinations", ok(DESTINATIONS))]);
        assert_eq!(read(&aws, TYPE, "cent").await.unwrap(), Seen::Gone);
    }

    #[tokio::test]
    async fn tags_go_out_in_a_call_of_their_own() {
        let made = r#"{"destination":{"destinationName":"central","arn":"arn:d"}}"#;
        let (aws, wire) = aws(&[("PutDestination", ok(made)), ("TagResource", ok("{}"))]);
        let inputs = json!({ "name": "central", "roleArn": "arn:r", "targetArn": "arn:t" });
        aws.create(&at(TYPE), &inputs.into()).await.unwrap();
        assert!(!wire.requests("PutDestination")[0].contains("drctl:owner"));
        assert!(wire.requests("TagResource")[0].contains("drctl:owner"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_the_role_may_not_write_to_yet_is_waited_for() {
        let refused =
            r#"{"__type":"InvalidParameterException","message":"Could not deliver test message to specified Kinesis"}"#;
        let (aws, _) = aws(&[("PutDestination", Reply::Says(400, refused.into()))]);
        let inputs = json!({ "name": "central", "roleArn": "arn:r", "targetArn": "arn:t" });
        assert_eq!(
            aws.create(&at(TYPE), &inputs.into()).await.unwrap_err().young,
            ["aws:iam/", "aws:kinesis/", "aws:lambda/permission", "aws:cloudwatch/logDestination"]
        );
    }
}
