use crate::aws::prelude::*;
use crate::engine::rules::{refers, replace};

/// Who may publish to a topic and subscribe to it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopicPolicy {
    /// ARN of the topic.
    #[schemars(transform = replace, transform = refers("aws:sns/topic:Topic.arn"))]
    pub arn: String,
    /// The policy. It takes the place of the topic's own.
    pub policy: Document,
}

/// What AWS decides about a topic's policy.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TopicPolicyOutputs {
    /// Account that owns the topic.
    pub owner: String,
}

impl Resource for TopicPolicy {
    const TYPE: &'static str = "aws:sns/topicPolicy:TopicPolicy";
    const FACTS: Facts = Facts {
        existing: Existing::Set,
        delete_first: true,
        permissions: Permissions {
            create: &["sns:SetTopicAttributes"],
            read: &["sns:GetTopicAttributes"],
            update: &["sns:SetTopicAttributes"],
            delete: &["sns:SetTopicAttributes"],
        },
        acts_on: &["{arn}"],
        import: "ARN of the topic",
        ..Facts::new(IdForm::Input("arn"), FoundBy::Name)
    };
    type Outputs = TopicPolicyOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        put(&self.arn, self.policy.as_str(), cx).await?;
        Ok(Made::id(&self.arn))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        put(&id.0, self.policy.as_str(), cx).await?;
        Ok(Next::Started)
    }

    /// A topic always has a policy, so it gets the one that SNS gives to a new topic.
    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        put(&id.0, &default_policy(&id.0, cx.account()), cx).await.or_none()?;
        Ok(Next::Gone)
    }

    /// Setting the policy again has the same effect.
    async fn find(&self, _: &Cx) -> Result<Vec<Id>> {
        Ok(Vec::new())
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("owner", at.account.as_str().into())]
    }
}

async fn put(arn: &str, policy: &str, cx: &Cx) -> Result<()> {
    let put = cx.sns().set_topic_attributes().topic_arn(arn);
    put.attribute_name("Policy").attribute_value(policy).send().await?;
    Ok(())
}

/// The policy of a topic for which nobody has set one: its own account may do everything.
fn default_policy(arn: &str, account: &str) -> String {
    let actions = [
        "SNS:GetTopicAttributes",
        "SNS:SetTopicAttributes",
        "SNS:AddPermission",
        "SNS:RemovePermission",
        "SNS:DeleteTopic",
        "SNS:Subscribe",
        "SNS:ListSubscriptionsByTopic",
        "SNS:Publish",
    ];
    serde_json::json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": actions,
            "Resource": arn,
            "Condition": { "StringEquals": { "AWS:SourceOwner": account } }
        }]
    })
    .to_string()
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<TopicPolicy>>> {
    let Some(reply) = cx.sns().get_topic_attributes().topic_arn(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let mut attributes = need("Attributes", reply.attributes)?;
    let owner = need("Owner", attributes.remove("Owner"))?;
    let policy = need("Policy", attributes.remove("Policy"))?;
    if policy.contains("\"__default_policy_ID\"") {
        return Ok(Seen::Gone);
    }
    let inputs = TopicPolicy { arn: id.0.clone(), policy: Document::new(policy) };
    Ok(Seen::Ready(Live { inputs, outputs: TopicPolicyOutputs { owner } }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let arn = "arn:aws:sns:eu-west-1:123456789012:t";
        let reply = "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes>\
            <entry><key>Owner</key><value>123456789012</value></entry>\
            <entry><key>Policy</key><value>{\"Statement\":[]}</value></entry>\
            </Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>";
        let inputs = json!({ "arn": arn, "policy": "{\"Statement\":[]}" });
        reads_back(TopicPolicy::TYPE, arn, &[("GetTopicAttributes", ok(reply))], &[], inputs).await;
    }
}
