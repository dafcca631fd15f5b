use super::log_destination::destination;
use crate::aws::prelude::*;
use crate::engine::rules::{refers, replace, write_only};

/// Which accounts may send logs to a destination. It stays until the destination goes: CloudWatch
/// Logs has no call that removes it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogDestinationPolicy {
    /// Policy document.
    pub access_policy: Document,
    /// Name of the destination.
    #[schemars(transform = replace, transform = refers("aws:cloudwatch/logDestination:LogDestination.name"))]
    pub destination_name: String,
    /// Whether AWS takes a policy that names an organization where filters still rely on one that
    /// names accounts.
    #[schemars(transform = write_only)]
    pub force_update: Option<bool>,
}

/// AWS decides nothing about a policy.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LogDestinationPolicyOutputs {}

impl Resource for LogDestinationPolicy {
    const TYPE: &'static str = "aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy";
    const FACTS: Facts = Facts {
        existing: Existing::Set,
        takes: Takes::seconds(1, 1, 0),
        permissions: Permissions {
            create: &["logs:DescribeDestinations", "logs:PutDestinationPolicy"],
            read: &["logs:DescribeDestinations"],
            update: &["logs:PutDestinationPolicy"],
            // AWS cannot take a policy away; it goes with its destination.
            delete: &["logs:DescribeDestinations"],
        },
        acts_on: &["logs:{region}:*:destination:{destinationName}"],
        import: "name of the destination",
        ..Facts::new(IdForm::Input("destinationName"), FoundBy::Name)
    };
    type Outputs = LogDestinationPolicyOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.put(cx).await?;
        Ok(Made::id(&self.destination_name))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put(cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, _: &Id, _: Option<&Live<Self>>, _: &Cx) -> Result<Next<Self>> {
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(self.destination_name.clone());
        Ok(match seen(id.clone(), cx).await? {
            Seen::Gone => Vec::new(),
            _ => vec![id],
        })
    }
}

impl LogDestinationPolicy {
    async fn put(&self, cx: &Cx) -> Result<()> {
        let put = cx.logs().put_destination_policy().access_policy(self.access_policy.as_str());
        put.destination_name(&self.destination_name).set_force_update(self.force_update).send().await?;
        Ok(())
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<LogDestinationPolicy>>> {
    let policy = destination(&id.0, cx).await?.and_then(|d| d.access_policy).filter(|policy| !policy.is_empty());
    let Some(policy) = policy else { return Ok(Seen::Gone) };
    let inputs =
        LogDestinationPolicy { access_policy: Document::new(policy), destination_name: id.0, force_update: None };
    Ok(Seen::Ready(Live { inputs, outputs: LogDestinationPolicyOutputs {} }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{aws, ok, read, reads_back};

    const TYPE: &str = LogDestinationPolicy::TYPE;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
        let reply = json!({ "destinations": [{ "destinationName": "central", "accessPolicy": policy }] });
        let inputs = json!({ "accessPolicy": policy, "destinationName": "central" });
        reads_back(TYPE, "central", &[("DescribeDestinations", ok(reply.to_string()))], &[], inputs).await;
    }

    #[tokio::test]
    async fn a_destination_without_a_policy_has_no_such_resource() {
        let reply = json!({ "destinations": [{ "destinationName": "central", "accessPolicy": "" }] });
        let (aws, _) = aws(&[("DescribeDestinations", ok(reply.to_string()))]);
        assert_eq!(read(&aws, TYPE, "central").await.unwrap(), Seen::Gone);
    }
}
