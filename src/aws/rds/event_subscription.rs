use aws_sdk_rds::types as sdk;

use super::{arn, is_ours, retag, tagged, tags_of, wanted_tags};
use crate::aws::prelude::*;
use crate::engine::rules::{auto_name, needs, one_of, refers, replace, unordered};

/// Messages to a topic about what happens to databases.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = needs(&["sourceIds", "sourceType"]))]
pub struct EventSubscription {
    /// Whether messages are sent.
    #[serde(default = "on")]
    pub enabled: bool,
    /// Kinds of events, for example `failover`. None stands for all.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub event_categories: Vec<String>,
    /// Name of the subscription.
    #[schemars(transform = replace, transform = auto_name(255))]
    pub name: String,
    /// ARN of the topic that gets the messages.
    #[schemars(transform = refers("aws:sns/topic:Topic.arn"))]
    pub sns_topic: String,
    /// Identifiers of the databases or groups that messages are about. None stands for all.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub source_ids: Vec<String>,
    /// What the messages are about. Without it they are about everything.
    #[schemars(transform = one_of(&[
        "blue-green-deployment",
        "custom-engine-version",
        "db-cluster",
        "db-cluster-snapshot",
        "db-instance",
        "db-parameter-group",
        "db-proxy",
        "db-security-group",
        "db-shard-group",
        "db-snapshot",
        "zero-etl",
    ]))]
    pub source_type: Option<String>,
    /// Tags of the subscription.
    #[serde(default)]
    pub tags: Tags,
}

fn on() -> bool {
    true
}

/// What AWS decides about an event subscription.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSubscriptionOutputs {
    /// ARN of the subscription.
    pub arn: String,
    /// Account that owns the subscription.
    pub customer_aws_id: Option<String>,
}

/// States of a subscription whose topic is lost.
const BROKEN: &[&str] = &["no-permission", "topic-not-exist"];

impl Resource for EventSubscription {
    const TYPE: &'static str = "aws:rds/eventSubscription:EventSubscription";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(40, 40, 40),
        takes: Takes::seconds(10, 10, 10),
        permissions: Permissions {
            create: &["iam:CreateServiceLinkedRole", "rds:AddTagsToResource", "rds:CreateEventSubscription"],
            read: &["rds:DescribeEventSubscriptions", "rds:ListTagsForResource"],
            update: &[
                "rds:AddSourceIdentifierToSubscription",
                "rds:AddTagsToResource",
                "rds:ModifyEventSubscription",
                "rds:RemoveSourceIdentifierFromSubscription",
                "rds:RemoveTagsFromResource",
            ],
            delete: &["rds:DeleteEventSubscription"],
        },
        acts_on: &["{arn}"],
        import: "name of the subscription",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = EventSubscriptionOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.rds()
            .create_event_subscription()
            .enabled(self.enabled)
            .set_event_categories(some(&self.event_categories))
            .subscription_name(&self.name)
            .sns_topic_arn(&self.sns_topic)
            .set_source_ids(some(&self.source_ids))
            .set_source_type(self.source_type.clone())
            .set_tags(tagged(&cx.tags(&self.tags)))
            .send()
            .await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| async move {
            let Some(subscription) = described(&id.0, cx).await? else { return Ok(Seen::Gone) };
            let status = need("Status", subscription.status.clone())?;
            if BROKEN.contains(&status.as_str()) {
                return Ok(Seen::Failed(status));
            }
            if status != "active" {
                return Ok(Seen::Pending(status));
            }
            let arn = need("EventSubscriptionArn", subscription.event_subscription_arn.clone())?;
            Ok(Seen::Ready(live(subscription, wanted_tags(&arn, want, cx).await?)?))
        })
        .await
    }

    /// Sources are added and removed one a call; the rest changes at once.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        if (self.enabled, &self.sns_topic, &self.source_type) != (old.enabled, &old.sns_topic, &old.source_type)
            || !same(&self.event_categories, &old.event_categories)
        {
            let change = cx.rds().modify_event_subscription().subscription_name(&id.0);
            change
                .enabled(self.enabled)
                .set_event_categories(Some(self.event_categories.clone()))
                .sns_topic_arn(&self.sns_topic)
                .set_source_type(self.source_type.clone())
                .send()
                .await?;
            return Ok(Next::More("changing the subscription"));
        }
        if let Some(new) = self.source_ids.iter().find(|s| !old.source_ids.contains(s)) {
            let add = cx.rds().add_source_identifier_to_subscription().subscription_name(&id.0);
            add.source_identifier(new).send().await?;
            return Ok(Next::More("adding sources"));
        }
        if let Some(gone) = old.source_ids.iter().find(|s| !self.source_ids.contains(s)) {
            let remove = cx.rds().remove_source_identifier_from_subscription().subscription_name(&id.0);
            remove.source_identifier(gone).send().await?;
            return Ok(Next::More("removing sources"));
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.rds().delete_event_subscription().subscription_name(&id.0).send().await.or_none()?;
        Ok(Next::Started)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let Some(subscription) = described(&self.name, cx).await? else { return Ok(Vec::new()) };
        let arn = need("EventSubscriptionArn", subscription.event_subscription_arn)?;
        let ours = is_ours(&tags_of(&arn, cx).await?, cx);
        Ok(if ours { vec![Id(self.name.clone())] } else { Vec::new() })
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, inputs, "es", "name")), ("customerAwsId", at.account.as_str().into())]
    }
}

/// AWS takes an empty list for a mistake.
fn some(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn same(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|x| b.contains(x))
}

async fn described(name: &str, cx: &Cx) -> Result<Option<sdk::EventSubscription>> {
    let reply = cx.rds().describe_event_subscriptions().subscription_name(name).send().await.or_none()?;
    Ok(reply.and_then(|r| r.event_subscriptions_list).and_then(|list| list.into_iter().next()))
}

fn live(s: sdk::EventSubscription, tags: Tags) -> Result<Live<EventSubscription>> {
    let inputs = EventSubscription {
        enabled: need("Enabled", s.enabled)?,
        event_categories: s.event_categories_list.unwrap_or_default(),
        name: need("CustSubscriptionId", s.cust_subscription_id)?,
        sns_topic: need("SnsTopicArn", s.sns_topic_arn)?,
        source_ids: s.source_ids_list.unwrap_or_default(),
        source_type: s.source_type.filter(|t| !t.is_empty()),
        tags,
    };
    let arn = need("EventSubscriptionArn", s.event_subscription_arn)?;
    Ok(Live { inputs, outputs: EventSubscriptionOutputs { arn, customer_aws_id: s.customer_aws_id } })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::{self, Live, Provider};

    const REPLY: &str = "<DescribeEventSubscriptionsResponse><DescribeEventSubscriptionsResult>\
        <EventSubscriptionsList><EventSubscription><CustSubscriptionId>failovers</CustSubscriptionId>\
        <CustomerAwsId>123456789012</CustomerAwsId><Status>active</Status><Enabled>true</Enabled>\
        <SnsTopicArn>arn:topic</SnsTopicArn><SourceType>db-cluster</SourceType>\
        <SourceIdsList><SourceId>orders</SourceId></SourceIdsList>\
        <EventCategoriesList><EventCategory>failover</EventCategory></EventCategoriesList>\
        <EventSubscriptionArn>arn:aws:rds:eu-west-1:123456789012:es:failovers</EventSubscriptionArn>\
        </EventSubscription></EventSubscriptionsList></DescribeEventSubscriptionsResult>\
        </DescribeEventSubscriptionsResponse>";

    const TAGS: &str = "<ListTagsForResourceResponse><ListTagsForResourceResult><TagList>\
        <Tag><Key>a</Key><Value>b</Value></Tag></TagList></ListTagsForResourceResult></ListTagsForResourceResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [("Action=DescribeEventSubscriptions", ok(REPLY)), ("Action=ListTagsForResource", ok(TAGS))];
        let inputs = json!({
            "enabled": true,
            "eventCategories": ["failover"],
            "name": "failovers",
            "snsTopic": "arn:topic",
            "sourceIds": ["orders"],
            "sourceType": "db-cluster",
            "tags": { "a": "b" },
        });
        reads_back(EventSubscription::TYPE, "failovers", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn new_sources_come_before_old_ones_go() {
        let (aws, wire) = aws(&[
            (
                "Action=AddSource",
                ok(
                    "<AddSourceIdentifierToSubscriptionResponse><AddSourceIdentifierToSubscriptionResult/></AddSourceIdentifierToSubscriptionResponse>",
                ),
            ),
            (
                "Action=RemoveSource",
                ok(
                    "<RemoveSourceIdentifierFromSubscriptionResponse><RemoveSourceIdentifierFromSubscriptionResult/></RemoveSourceIdentifierFromSubscriptionResponse>",
                ),
            ),
        ]);
        let of = |sources: &[&str]| json!({ "name": "s", "snsTopic": "t", "sourceIds": sources });
        let live = |sources| Live { inputs: of(sources).into(), outputs: json!({ "arn": "arn" }).into() };
        let (at, id) = (at(EventSubscription::TYPE), Id("s".into()));
        let wanted = of(&["b"]).into();
        let next = aws.update(&at, &id, &wanted, &live(&["a"])).await.unwrap();
        assert_eq!(next, provider::Next::More("adding sources".into()));
        let next = aws.update(&at, &id, &wanted, &live(&["a", "b"])).await.unwrap();
        assert_eq!(next, provider::Next::More("removing sources".into()));
        assert_eq!(wire.requests("SourceIdentifier=a").len(), 1);
    }
}
