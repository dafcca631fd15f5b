use aws_sdk_cloudwatchlogs::types::{self as sdk, Distribution};

use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, computed, one_of, refers, replace, unordered};

/// What passes on the events of a log group as they come in. A group has at most two.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogSubscriptionFilter {
    /// Whether events are passed on as a transformer of the group has changed them.
    #[serde(default)]
    pub apply_on_transformed_logs: bool,
    /// ARN of what gets the events: a function, a stream or a log destination of the same region.
    pub destination_arn: String,
    /// How events are spread over the shards of a Kinesis stream.
    #[schemars(transform = one_of(&["ByLogStream", "Random"]))]
    #[serde(default = "by_log_stream")]
    pub distribution: String,
    /// Fields that are added to events of a centralized group.
    #[schemars(transform = unordered)]
    pub emit_system_fields: Option<Vec<String>>,
    /// Pattern of the events that are passed on; all of them if it is empty.
    #[schemars(length(max = 1024))]
    pub filter_pattern: String,
    /// Name of the log group.
    #[schemars(transform = replace, transform = alike(Alike::Arn))]
    #[schemars(transform = refers("aws:cloudwatch/logGroup:LogGroup.name"))]
    pub log_group: String,
    /// Name, unique in the log group.
    #[schemars(transform = replace, transform = auto_name(255), length(min = 1, max = 512))]
    pub name: String,
    /// ARN of the role that writes to a stream. A function and a log destination need none.
    #[schemars(transform = computed, transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: Option<String>,
}

const BY_LOG_STREAM: &str = "ByLogStream";

fn by_log_stream() -> String {
    BY_LOG_STREAM.to_owned()
}

/// AWS decides nothing about a subscription filter.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LogSubscriptionFilterOutputs {}

impl Resource for LogSubscriptionFilter {
    const TYPE: &'static str = "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&["logGroup"]),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["iam:PassRole", "logs:DescribeSubscriptionFilters", "logs:PutSubscriptionFilter"],
            read: &["logs:DescribeSubscriptionFilters"],
            update: &["iam:PassRole", "logs:PutSubscriptionFilter"],
            delete: &["logs:DeleteSubscriptionFilter"],
        },
        acts_on: &["logs:{region}:*:log-group:{logGroup}", "logs:{region}:*:log-group:{logGroup}:*"],
        passes_roles_to: &["logs"],
        import: "log group and name, `/aws/lambda/probe|central`",
        // A group that has two takes no third.
        delete_first: true,
        ..Facts::new(IdForm::Joined(&["logGroup", "name"], "|"), FoundBy::Name)
    };
    type Outputs = LogSubscriptionFilterOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.put(cx).await?;
        Ok(Made::id(self.id()))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    /// A call takes all of a filter.
    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put(cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (group, name) = parts(&id.0);
        let delete = cx.logs().delete_subscription_filter().filter_name(name);
        delete.log_group_name(group_name(group)).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(self.id());
        Ok(match seen(id.clone(), cx).await? {
            Seen::Gone => Vec::new(),
            _ => vec![id],
        })
    }
}

impl LogSubscriptionFilter {
    fn id(&self) -> String {
        format!("{}|{}", self.log_group, self.name)
    }

    async fn put(&self, cx: &Cx) -> Result<()> {
        cx.logs()
            .put_subscription_filter()
            .set_apply_on_transformed_logs(self.apply_on_transformed_logs.then_some(true))
            .destination_arn(&self.destination_arn)
            .set_distribution(Some(Distribution::from(self.distribution.as_str())))
            .set_emit_system_fields(self.emit_system_fields.clone().filter(|fields| !fields.is_empty()))
            .filter_pattern(&self.filter_pattern)
            .log_group_name(group_name(&self.log_group))
            .filter_name(&self.name)
            .set_role_arn(self.role_arn.clone())
            .send()
            .await?;
        Ok(())
    }
}

/// Group and name of an id. Groups have no `|` in their names.
fn parts(id: &str) -> (&str, &str) {
    id.split_once('|').unwrap_or((id, ""))
}

/// The name of a group that may be given by its ARN.
fn group_name(group: &str) -> &str {
    let name = group.rsplit_once(":log-group:").map_or(group, |(_, name)| name);
    name.trim_end_matches(":*")
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<LogSubscriptionFilter>>> {
    let (group, name) = parts(&id.0);
    let describe = cx.logs().describe_subscription_filters().log_group_name(group_name(group));
    // A group has so few that one page holds them all.
    let Some(reply) = describe.filter_name_prefix(name).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let mut filters = reply.subscription_filters.unwrap_or_default().into_iter();
    match filters.find(|f| f.filter_name.as_deref() == Some(name)) {
        Some(filter) => shown(filter, group),
        None => Ok(Seen::Gone),
    }
}

fn shown(f: sdk::SubscriptionFilter, group: &str) -> Result<Seen<Live<LogSubscriptionFilter>>> {
    let inputs = LogSubscriptionFilter {
        apply_on_transformed_logs: f.apply_on_transformed_logs,
        destination_arn: need("destinationArn", f.destination_arn)?,
        distribution: f.distribution.map_or_else(by_log_stream, |how| how.as_str().to_owned()),
        emit_system_fields: super::some(f.emit_system_fields),
        filter_pattern: f.filter_pattern.unwrap_or_default(),
        log_group: group.to_owned(),
        name: need("filterName", f.filter_name)?,
        role_arn: f.role_arn.filter(|role| !role.is_empty()),
    };
    Ok(Seen::Ready(Live { inputs, outputs: LogSubscriptionFilterOutputs {} }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::Provider;

    const TYPE: &str = LogSubscriptionFilter::TYPE;
    const FILTERS: &str = r#"{"subscriptionFilters":[{"filterName":"central-2","destinationArn":"x"},
        {"filterName":"central","logGroupName":"/a/b","filterPattern":"ERROR","destinationArn":"arn:d",
        "roleArn":"arn:r","distribution":"Random","applyOnTransformedLogs":true,
        "emitSystemFields":["@aws.region"]}]}"#;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "applyOnTransformedLogs": true,
            "destinationArn": "arn:d",
            "distribution": "Random",
            "emitSystemFields": ["@aws.region"],
            "filterPattern": "ERROR",
            "logGroup": "/a/b",
            "name": "central",
            "roleArn": "arn:r",
        });
        let replies = [("DescribeSubscriptionFilters", ok(FILTERS))];
        reads_back(TYPE, "/a/b|central", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn a_filter_whose_group_is_gone_is_gone() {
        let none = Reply::Says(400, r#"{"__type":"ResourceNotFoundException","message":"none"}"#.into());
        let (aws, _) = aws(&[("DescribeSubscriptionFilters", none)]);
        assert_eq!(read(&aws, TYPE, "/a/b|central").await.unwrap(), Seen::Gone);
    }

    #[tokio::test]
    async fn a_group_may_be_given_by_its_arn() {
        let (aws, wire) = aws(&[("PutSubscriptionFilter", ok("{}"))]);
        let group = "arn:aws:logs:eu-west-1:123456789012:log-group:/a/b:*";
        let inputs = json!({ "destinationArn": "arn:d", "filterPattern": "", "logGroup": group, "name": "central" });
        let made = aws.create(&at(TYPE), &inputs.into()).await.unwrap();
        assert_eq!(made.id.0, format!("{group}|central"));
        let sent = &wire.requests("PutSubscriptionFilter")[0];
        assert!(sent.contains(r#""logGroupName":"/a/b""#) && sent.contains(r#""filterPattern":"""#), "{sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_permission_that_was_given_a_moment_ago_is_waited_for() {
        let refused = r#"{"__type":"InvalidParameterException","message":"Could not execute the lambda function. Make
            sure you have given CloudWatch Logs permission to execute your function."}"#;
        let (aws, _) = aws(&[("PutSubscriptionFilter", Reply::Says(400, refused.replace('\n', "")))]);
        let inputs = json!({ "destinationArn": "arn:d", "filterPattern": "", "logGroup": "/a", "name": "central" });
        assert_eq!(
            aws.create(&at(TYPE), &inputs.into()).await.unwrap_err().young,
            ["aws:iam/", "aws:kinesis/", "aws:lambda/permission", "aws:cloudwatch/logDestination"]
        );
    }
}
