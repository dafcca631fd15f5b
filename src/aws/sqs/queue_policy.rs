use aws_sdk_sqs::types::QueueAttributeName as Name;

use super::attributes_of;
use crate::aws::prelude::*;
use crate::engine::rules::{refers, replace};

/// Who may send to a queue and receive from it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueuePolicy {
    /// The policy. It takes the place of the queue's own.
    pub policy: Document,
    /// URL of the queue.
    #[schemars(transform = replace, transform = refers("aws:sqs/queue:Queue.url"))]
    pub queue_url: String,
}

/// A policy puts nothing out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct QueuePolicyOutputs {}

impl Resource for QueuePolicy {
    const TYPE: &'static str = "aws:sqs/queuePolicy:QueuePolicy";
    const FACTS: Facts = Facts {
        existing: Existing::Set,
        delete_first: true,
        takes: Takes::seconds(2, 2, 1),
        permissions: Permissions {
            create: &["sqs:SetQueueAttributes"],
            read: &["sqs:GetQueueAttributes"],
            update: &["sqs:SetQueueAttributes"],
            delete: &["sqs:SetQueueAttributes"],
        },
        acts_on: &["{queueUrl}"],
        import: "URL of the queue",
        ..Facts::new(IdForm::Input("queueUrl"), FoundBy::Name)
    };
    type Outputs = QueuePolicyOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        put(&self.queue_url, self.policy.as_str(), cx).await?;
        Ok(Made::id(&self.queue_url))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        put(&id.0, self.policy.as_str(), cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        put(&id.0, "", cx).await.or_none()?;
        Ok(Next::Gone)
    }

    /// Setting the policy again has the same effect.
    async fn find(&self, _: &Cx) -> Result<Vec<Id>> {
        Ok(Vec::new())
    }
}

async fn put(url: &str, policy: &str, cx: &Cx) -> Result<()> {
    cx.sqs().set_queue_attributes().attributes(Name::Policy, policy).queue_url(url).send().await?;
    Ok(())
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<QueuePolicy>>> {
    let attributes = attributes_of(&id.0, cx).await?;
    let policy = attributes.and_then(|mut all| all.remove(&Name::Policy)).filter(|policy| !policy.is_empty());
    Ok(match policy {
        Some(policy) => {
            let inputs = QueuePolicy { policy: Document::new(policy), queue_url: id.0 };
            Seen::Ready(Live { inputs, outputs: QueuePolicyOutputs {} })
        }
        None => Seen::Gone,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{aws, ok, read, reads_back};

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/q";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let reply = json!({ "Attributes": { "QueueArn": "arn:q", "Policy": r#"{"Statement":[]}"# } }).to_string();
        let inputs = json!({ "policy": r#"{"Statement":[]}"#, "queueUrl": URL });
        reads_back(QueuePolicy::TYPE, URL, &[("GetQueueAttributes", ok(reply))], &[], inputs).await;
    }

    #[tokio::test]
    async fn a_queue_without_a_policy_has_none() {
        let reply = json!({ "Attributes": { "QueueArn": "arn:q" } }).to_string();
        let (aws, _) = aws(&[("GetQueueAttributes", ok(reply))]);
        assert_eq!(read(&aws, QueuePolicy::TYPE, URL).await.unwrap(), Seen::Gone);
    }
}
