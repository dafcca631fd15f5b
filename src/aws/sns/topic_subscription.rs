use std::collections::HashMap;
use std::time::Duration;

use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, computed, one_of, refers, replace, write_only};

/// A receiver of the messages of a topic.
///
/// Receivers by mail and HTTP are asked first, and get nothing before they agree. SNS cannot take back
/// a question: one without an answer ends with its topic, or by itself after 48 hours.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopicSubscription {
    /// Minutes that a receiver which agrees by itself may take.
    #[schemars(transform = write_only, range(min = 0))]
    #[serde(default = "a_minute")]
    pub confirmation_timeout_in_minutes: i32,
    /// How deliveries over HTTP are repeated.
    pub delivery_policy: Option<Document>,
    /// Where messages go: an ARN, an address of mail, a telephone number or a URL, as the protocol says.
    #[schemars(transform = replace, transform = alike(Alike::Masked))]
    pub endpoint: String,
    /// Whether the receiver agrees by itself, so that the subscription is done when it has.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub endpoint_auto_confirms: bool,
    /// Which messages the receiver gets.
    pub filter_policy: Option<Document>,
    /// What the filter looks at.
    #[schemars(transform = computed, transform = one_of(&["MessageAttributes", "MessageBody"]))]
    pub filter_policy_scope: Option<String>,
    /// How messages are delivered.
    #[schemars(transform = replace, transform = one_of(&[
        "application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs",
    ]))]
    pub protocol: String,
    /// Whether messages come as they were published, without an envelope.
    #[serde(default)]
    pub raw_message_delivery: bool,
    /// Queue for messages that could not be delivered.
    pub redrive_policy: Option<Document>,
    /// Which messages of the archive of a FIFO topic are delivered again.
    pub replay_policy: Option<Document>,
    /// Role that puts messages into Firehose.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub subscription_role_arn: Option<String>,
    /// ARN of the topic.
    #[schemars(transform = replace, transform = refers("aws:sns/topic:Topic.arn"))]
    pub topic: String,
}

fn a_minute() -> i32 {
    1
}

/// What AWS decides about a subscription.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopicSubscriptionOutputs {
    /// ARN of the subscription.
    pub arn: String,
    /// Whether only the owner may end the subscription.
    pub confirmation_was_authenticated: bool,
    /// Account that owns the subscription.
    pub owner_id: String,
    /// Whether the receiver has not agreed yet.
    pub pending_confirmation: bool,
}

impl Resource for TopicSubscription {
    const TYPE: &'static str = "aws:sns/topicSubscription:TopicSubscription";
    const FACTS: Facts = Facts {
        existing: Existing::LookedFor(&["topic"]),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["iam:PassRole", "sns:ListSubscriptionsByTopic", "sns:Subscribe"],
            read: &["sns:GetSubscriptionAttributes"],
            update: &["iam:PassRole", "sns:SetSubscriptionAttributes"],
            delete: &["sns:Unsubscribe"],
        },
        acts_on: &["{topic}"],
        passes_roles_to: &["sns"],
        import: "ARN of the subscription",
        ..Facts::new(IdForm::Output("arn"), FoundBy::Name)
    };
    type Outputs = TopicSubscriptionOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let attributes = self.attributes().into_iter();
        let attributes: HashMap<_, _> =
            attributes.filter_map(|a| Some((a.name.to_owned(), a.value.filter(|value| value != a.unset)?))).collect();
        let reply = cx
            .sns()
            .subscribe()
            .set_attributes(Some(attributes))
            .endpoint(&self.endpoint)
            .protocol(&self.protocol)
            .return_subscription_arn(true)
            .topic_arn(&self.topic)
            .send()
            .await?;
        Ok(Made::id(need("SubscriptionArn", reply.subscription_arn)?))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    /// SNS takes one attribute a call. A filter of the body may not fit the attributes of messages, so
    /// the old one goes before the scope changes.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let mut old = live.inputs.clone();
        let scope = changed(&self.filter_policy_scope, &old.filter_policy_scope);
        if scope.is_some() && old.filter_policy.take().is_some() {
            set(id, "FilterPolicy", NO_POLICY, cx).await?;
        }
        for (wanted, live) in self.attributes().into_iter().zip(old.attributes()) {
            if wanted.differs(&live) {
                set(id, wanted.name, wanted.value.as_deref().unwrap_or(wanted.unset), cx).await?;
            }
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        match cx.sns().unsubscribe().subscription_arn(&id.0).send().await.or_none() {
            // It ends by itself, and with its topic at once.
            Err(error) if Fact::PendingConfirmation.is_said_by(&error) => Ok(Next::Gone),
            Err(error) => Err(error),
            Ok(_) => Ok(Next::Gone),
        }
    }

    async fn awaits(&self, id: &Id, before: Option<&Self>, cx: &Cx) -> Result<Option<Await>> {
        let minutes = u64::try_from(self.confirmation_timeout_in_minutes).unwrap_or_default();
        if before.is_some() || !self.endpoint_auto_confirms || minutes == 0 {
            return Ok(None);
        }
        let pending = match seen(id.clone(), cx).await? {
            Seen::Ready(live) => live.outputs.pending_confirmation,
            _ => false,
        };
        Ok(pending.then(|| Await {
            word: "the receiver has not agreed".to_owned(),
            limit: Duration::from_secs(60 * minutes),
            limited_by: "confirmationTimeoutInMinutes",
        }))
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        Ok(self.namesake(cx).await?.into_iter().collect())
    }

    /// The subscription of this receiver. SNS lists no ARN of one that has not agreed yet, and asks it again
    /// instead of making a second one.
    async fn namesake(&self, cx: &Cx) -> Result<Option<Id>> {
        let mut pages = cx.sns().list_subscriptions_by_topic().topic_arn(&self.topic).into_paginator().items().send();
        while let Some(subscription) = pages.next().await {
            let s = subscription?;
            let same_endpoint = s.endpoint.is_some_and(|endpoint| Alike::Masked.same(&endpoint, &self.endpoint));
            if same_endpoint && s.protocol.as_ref() == Some(&self.protocol) {
                return Ok(s.subscription_arn.filter(|arn| arn.starts_with("arn:")).map(Id));
            }
        }
        Ok(None)
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("ownerId", at.account.as_str().into())]
    }
}

/// What stands for no policy.
const NO_POLICY: &str = "{}";

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
            (Some(live), Some(wanted)) => !Alike::Json.same(live, wanted),
            (_, None) if self.computed => false,
            (live, wanted) => live != wanted,
        }
    }
}

impl TopicSubscription {
    /// The settings of a subscription. The scope of a filter is set before the filter.
    fn attributes(&self) -> Vec<Attribute> {
        let text = |name, value: Option<String>| Attribute { name, value, unset: "", computed: false };
        let json = |name, value: &Option<Document>| text(name, value.as_ref().map(|d| d.as_str().to_owned()));
        let raw = self.raw_message_delivery.to_string();
        vec![
            json("DeliveryPolicy", &self.delivery_policy),
            Attribute { computed: true, ..text("FilterPolicyScope", self.filter_policy_scope.clone()) },
            Attribute { unset: NO_POLICY, ..json("FilterPolicy", &self.filter_policy) },
            Attribute { unset: "false", ..text("RawMessageDelivery", Some(raw)) },
            json("RedrivePolicy", &self.redrive_policy),
            Attribute { unset: NO_POLICY, ..json("ReplayPolicy", &self.replay_policy) },
            text("SubscriptionRoleArn", self.subscription_role_arn.clone()),
        ]
    }
}

async fn set(id: &Id, name: &str, value: &str, cx: &Cx) -> Result<()> {
    let set = cx.sns().set_subscription_attributes().subscription_arn(&id.0);
    set.attribute_name(name).attribute_value(value).send().await?;
    Ok(())
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<TopicSubscription>>> {
    let get = cx.sns().get_subscription_attributes().subscription_arn(&id.0);
    let Some(reply) = get.send().await.or_none()? else { return Ok(Seen::Gone) };
    let mut attributes = need("Attributes", reply.attributes)?;
    let mut text = |name: &str| attributes.remove(name).filter(|value| !value.is_empty());
    let is_true = |value: Option<String>| value.as_deref() == Some("true");
    let outputs = TopicSubscriptionOutputs {
        arn: id.0,
        confirmation_was_authenticated: is_true(text("ConfirmationWasAuthenticated")),
        owner_id: need("Owner", text("Owner"))?,
        pending_confirmation: is_true(text("PendingConfirmation")),
    };
    let inputs = TopicSubscription {
        confirmation_timeout_in_minutes: a_minute(),
        delivery_policy: text("DeliveryPolicy").map(Document::new),
        endpoint: need("Endpoint", text("Endpoint"))?,
        endpoint_auto_confirms: false,
        filter_policy: text("FilterPolicy").filter(|policy| policy != NO_POLICY).map(Document::new),
        filter_policy_scope: text("FilterPolicyScope"),
        protocol: need("Protocol", text("Protocol"))?,
        raw_message_delivery: is_true(text("RawMessageDelivery")),
        redrive_policy: text("RedrivePolicy").map(Document::new),
        replay_policy: text("ReplayPolicy").filter(|policy| policy != NO_POLICY).map(Document::new),
        subscription_role_arn: text("SubscriptionRoleArn"),
        topic: need("TopicArn", text("TopicArn"))?,
    };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:t.fifo";
    const ARN: &str = "arn:aws:sns:eu-west-1:123456789012:t.fifo:0a";

    fn everything() -> Json {
        json!({
            "confirmationTimeoutInMinutes": 1, "deliveryPolicy": r#"{"healthyRetryPolicy":{}}"#,
            "endpoint": "https://u:p@example.com/", "endpointAutoConfirms": false,
            "filterPolicy": r#"{"a":{"b":["c"]}}"#, "filterPolicyScope": "MessageBody", "protocol": "https",
            "rawMessageDelivery": true, "redrivePolicy": r#"{"deadLetterTargetArn":"arn:q"}"#,
            "replayPolicy": r#"{"PointType":"Timestamp"}"#, "subscriptionRoleArn": "arn:r", "topic": TOPIC,
        })
    }

    fn attributes() -> String {
        let subscription: TopicSubscription = serde_json::from_value(everything()).unwrap();
        let own = [
            ("SubscriptionArn", ARN),
            ("Owner", "123456789012"),
            ("Endpoint", "https://u:p@example.com/"),
            ("Protocol", "https"),
            ("TopicArn", TOPIC),
            ("PendingConfirmation", "true"),
            ("ConfirmationWasAuthenticated", "false"),
        ];
        let set = subscription.attributes().into_iter().filter_map(|a| Some((a.name, a.value?)));
        let entries: String = set
            .chain(own.map(|(name, value)| (name, value.to_owned())))
            .map(|(k, v)| format!("<entry><key>{k}</key><value>{}</value></entry>", v.replace('"', "&quot;")))
            .collect();
        format!(
            "<GetSubscriptionAttributesResponse><GetSubscriptionAttributesResult><Attributes>{entries}</Attributes>\
             </GetSubscriptionAttributesResult></GetSubscriptionAttributesResponse>"
        )
    }

    fn listed(arn: &str) -> String {
        format!(
            "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions><member>\
             <TopicArn>{TOPIC}</TopicArn><Protocol>https</Protocol><SubscriptionArn>{arn}</SubscriptionArn>\
             <Endpoint>https://u:****@example.com/</Endpoint></member></Subscriptions>\
             </ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>"
        )
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [("Action=GetSubscriptionAttributes", ok(attributes()))];
        let live = reads_back(TopicSubscription::TYPE, ARN, &replies, &[], everything()).await;
        assert_eq!(live.outputs.get("pendingConfirmation").and_then(Value::as_bool), Some(true));
    }

    #[tokio::test]
    async fn a_receiver_that_is_subscribed_already_is_seen_before_it_is_taken_over() {
        let (aws, _) = aws(&[("Action=ListSubscriptionsByTopic", ok(listed(ARN)))]);
        let there = aws.namesake(&at(TopicSubscription::TYPE), &everything().into()).await.unwrap();
        assert_eq!(there, Some(Id(ARN.into())));
    }

    #[tokio::test]
    async fn a_receiver_that_has_not_agreed_is_asked_again() {
        let subscribed = format!(
            "<SubscribeResponse><SubscribeResult><SubscriptionArn>{ARN}</SubscriptionArn></SubscribeResult>\
             </SubscribeResponse>"
        );
        let replies = [
            ("Action=ListSubscriptionsByTopic", ok(listed("PendingConfirmation"))),
            ("Action=Subscribe", ok(subscribed)),
        ];
        let (aws, wire) = aws(&replies);
        let (at, wanted) = (at(TopicSubscription::TYPE), everything().into());
        assert_eq!(aws.namesake(&at, &wanted).await.unwrap(), None);
        assert_eq!(aws.create(&at, &wanted).await.unwrap().id, Id(ARN.into()));
        assert!(wire.requests("Action=Subscribe")[0].contains("ReturnSubscriptionArn=true"));
    }

    #[tokio::test]
    async fn a_receiver_that_agrees_by_itself_is_waited_for() {
        let (aws, _) = aws(&[("Action=GetSubscriptionAttributes", ok(attributes()))]);
        let (at, id) = (at(TopicSubscription::TYPE), Id(ARN.into()));
        assert_eq!(aws.awaits(&at, &id, &everything().into(), None).await.unwrap(), None);
        let mut by_itself = everything();
        by_itself["endpointAutoConfirms"] = json!(true);
        let left = aws.awaits(&at, &id, &by_itself.into(), None).await.unwrap();
        assert_eq!(left.map(|left| left.limit), Some(Duration::from_secs(60)));
    }

    #[tokio::test]
    async fn a_subscription_without_an_answer_needs_no_deletion() {
        let refused = "<ErrorResponse><Error><Code>InvalidParameter</Code><Message>Invalid parameter: SubscriptionArn \
            Reason: Cannot unsubscribe a subscription that is pending confirmation</Message></Error></ErrorResponse>";
        let (aws, _) = aws(&[("Action=Unsubscribe", Reply::Says(400, refused.into()))]);
        let next = aws.delete(&at(TopicSubscription::TYPE), &Id(ARN.into()), &everything().into(), None).await;
        assert_eq!(next.unwrap(), provider::Next::Gone);
    }

    #[tokio::test]
    async fn a_filter_goes_before_its_scope_changes() {
        let (aws, wire) = aws(&[("Action=SetSubscriptionAttributes", ok("<SetSubscriptionAttributesResponse/>"))]);
        let outputs = json!({
            "arn": ARN, "confirmationWasAuthenticated": true, "ownerId": "1", "pendingConfirmation": false,
        });
        let live = provider::Live { inputs: everything().into(), outputs: outputs.into() };
        let mut wanted = everything();
        wanted["filterPolicyScope"] = "MessageAttributes".into();
        wanted["filterPolicy"] = r#"{"a":["b"]}"#.into();
        let id = Id(ARN.into());
        aws.update(&at(TopicSubscription::TYPE), &id, &wanted.into(), &live).await.unwrap();
        let set: Vec<String> = wire
            .requests("Action=SetSubscriptionAttributes")
            .iter()
            .filter_map(|call| Some(call.split("AttributeName=").nth(1)?.split('&').next()?.to_owned()))
            .collect();
        assert_eq!(set, ["FilterPolicy", "FilterPolicyScope", "FilterPolicy"]);
    }
}
