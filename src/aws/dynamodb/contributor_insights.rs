use aws_sdk_dynamodb::types::{ContributorInsightsAction, ContributorInsightsMode, ContributorInsightsStatus};

use crate::aws::prelude::*;
use crate::engine::rules::{also, computed, one_of, refers, replace};

/// A record of the keys that a table or an index is asked for most.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContributorInsights {
    /// Index that is watched instead of the table.
    #[schemars(transform = replace)]
    pub index_name: Option<String>,
    /// Which requests count.
    #[schemars(transform = computed)]
    #[schemars(transform = one_of(&["ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"]))]
    pub mode: Option<String>,
    /// Table that is watched.
    #[schemars(transform = replace, transform = refers("aws:dynamodb/table:Table.name"))]
    #[schemars(transform = also(&["aws:dynamodb/table:Table.arn"]))]
    pub table_name: String,
}

/// AWS decides nothing else.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ContributorInsightsOutputs {}

impl Resource for ContributorInsights {
    const TYPE: &'static str = "aws:dynamodb/contributorInsights:ContributorInsights";
    const FACTS: Facts = Facts {
        existing: Existing::Set,
        limits: Limits::minutes(5, 5, 5),
        takes: Takes::seconds(10, 10, 10),
        permissions: Permissions {
            create: &["dynamodb:UpdateContributorInsights", "iam:CreateServiceLinkedRole"],
            read: &["dynamodb:DescribeContributorInsights"],
            update: &["dynamodb:UpdateContributorInsights"],
            delete: &["dynamodb:UpdateContributorInsights"],
        },
        acts_on: &["dynamodb:{region}:*:table/{tableName}", "dynamodb:{region}:*:table/{tableName}/*"],
        import: "name of the table, and of the index after a slash: `orders`, `orders/by-customer`",
        ..Facts::new(IdForm::Joined(&["tableName", "indexName"], "/"), FoundBy::Name)
    };
    type Outputs = ContributorInsightsOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.switch(ContributorInsightsAction::Enable, cx).await?;
        let id = [Some(&self.table_name), self.index_name.as_ref()].into_iter().flatten();
        Ok(Made::id(id.cloned().collect::<Vec<_>>().join("/")))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.switch(ContributorInsightsAction::Enable, cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, _: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let gone = self.switch(ContributorInsightsAction::Disable, cx).await;
        Ok(gone.or_none()?.map_or(Next::Gone, |()| Next::Started))
    }

    /// Switching it on again has the same effect.
    async fn find(&self, _: &Cx) -> Result<Vec<Id>> {
        Ok(Vec::new())
    }
}

impl ContributorInsights {
    async fn switch(&self, action: ContributorInsightsAction, cx: &Cx) -> Result<()> {
        let mode = self.mode.as_deref().filter(|_| action == ContributorInsightsAction::Enable);
        cx.dynamodb()
            .update_contributor_insights()
            .contributor_insights_action(action)
            .set_contributor_insights_mode(mode.map(ContributorInsightsMode::from))
            .set_index_name(self.index_name.clone())
            .table_name(&self.table_name)
            .send()
            .await?;
        Ok(())
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<ContributorInsights>>> {
    let (table, index) = match id.0.split_once('/') {
        Some((table, index)) => (table, Some(index.to_owned())),
        None => (id.0.as_str(), None),
    };
    let describe = cx.dynamodb().describe_contributor_insights().table_name(table).set_index_name(index.clone());
    let Some(reply) = describe.send().await.or_none()? else { return Ok(Seen::Gone) };
    match need("ContributorInsightsStatus", reply.contributor_insights_status)? {
        ContributorInsightsStatus::Disabled => return Ok(Seen::Gone),
        ContributorInsightsStatus::Enabled => {}
        ContributorInsightsStatus::Failed => {
            let why = reply.failure_exception.and_then(|failure| failure.exception_description);
            return Ok(Seen::Failed(why.unwrap_or_else(|| "failed".to_owned())));
        }
        status => return Ok(Seen::Pending(status.as_str().to_lowercase())),
    }
    let inputs = ContributorInsights {
        index_name: index,
        mode: reply.contributor_insights_mode.map(|mode| mode.as_str().to_owned()),
        table_name: table.to_owned(),
    };
    Ok(Seen::Ready(Live { inputs, outputs: ContributorInsightsOutputs {} }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{aws, ok, read, reads_back};

    fn described(status: &str) -> String {
        json!({ "ContributorInsightsStatus": status, "ContributorInsightsMode": "THROTTLED_KEYS" }).to_string()
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({ "indexName": "by-customer", "mode": "THROTTLED_KEYS", "tableName": "orders" });
        let reply = [("DescribeContributorInsights", ok(described("ENABLED")))];
        reads_back(ContributorInsights::TYPE, "orders/by-customer", &reply, &[], inputs).await;
    }

    #[tokio::test]
    async fn what_is_switched_off_is_gone() {
        for (status, expected) in [("DISABLED", Seen::Gone), ("DISABLING", Seen::Pending("disabling".into()))] {
            let (aws, _) = aws(&[("DescribeContributorInsights", ok(described(status)))]);
            assert_eq!(read(&aws, ContributorInsights::TYPE, "orders").await.unwrap(), expected);
        }
    }
}
