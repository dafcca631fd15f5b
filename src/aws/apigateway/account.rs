use super::given;
use super::patch::Patch;
use crate::aws::prelude::*;
use crate::engine::rules::refers;

/// The only id there is: an account has these settings once in a region.
const ID: &str = "api-gateway-account";

/// Settings of API Gateway for the whole account and region. A deletion takes the role away.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    /// Role by which API Gateway writes logs.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub cloudwatch_role_arn: Option<String>,
}

/// What AWS decides about the settings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountOutputs {
    /// Version of the API keys.
    pub api_key_version: Option<String>,
    /// Features that are on.
    #[serde(default)]
    pub features: Vec<String>,
    /// Limits of calls to all APIs together.
    pub throttle_settings: Vec<AccountThrottleSetting>,
}

/// A limit of calls.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountThrottleSetting {
    /// Calls at once.
    pub burst_limit: i32,
    /// Calls a second.
    pub rate_limit: f64,
}

impl Resource for Account {
    const TYPE: &'static str = "aws:apigateway/account:Account";
    const FACTS: Facts = Facts {
        existing: Existing::Set,
        takes: Takes::seconds(1, 1, 1),
        delete_first: true,
        permissions: Permissions {
            create: &["apigateway:PATCH", "iam:PassRole"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH", "iam:PassRole"],
            delete: &["apigateway:PATCH"],
        },
        passes_roles_to: &["apigateway"],
        import: "`api-gateway-account`",
        // Setting the role twice is setting it once.
        ..Facts::new(IdForm::Random("api-gateway-account", 0), FoundBy::Token)
    };
    type Outputs = AccountOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.set(self.cloudwatch_role_arn.as_deref().unwrap_or_default(), cx).await?;
        Ok(Made::id(ID))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let reply = cx.apigateway().get_account().send().await?;
        let throttle = reply.throttle_settings.into_iter();
        let throttle =
            throttle.map(|t| AccountThrottleSetting { burst_limit: t.burst_limit, rate_limit: t.rate_limit });
        let outputs = AccountOutputs {
            api_key_version: reply.api_key_version,
            features: reply.features.unwrap_or_default(),
            throttle_settings: throttle.collect(),
        };
        let live = Live { inputs: Self { cloudwatch_role_arn: given(reply.cloudwatch_role_arn) }, outputs };
        let seen = |id: &Id| if id.0 == ID { Seen::Ready(live.clone()) } else { Seen::Gone };
        Ok(ids.iter().map(seen).collect())
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.set(self.cloudwatch_role_arn.as_deref().unwrap_or_default(), cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, _: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        self.set("", cx).await?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let role = given(cx.apigateway().get_account().send().await?.cloudwatch_role_arn);
        Ok((role == self.cloudwatch_role_arn).then(|| Id(ID.to_owned())).into_iter().collect())
    }
}

impl Account {
    async fn set(&self, role: &str, cx: &Cx) -> Result<()> {
        let mut patch = Patch::default();
        patch.replace("/cloudwatchRoleArn", role);
        cx.apigateway().update_account().set_patch_operations(patch.operations()).send().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{aws, ok, read, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let reply = r#"{"cloudwatchRoleArn":"arn:r","throttleSettings":{"burstLimit":5000,"rateLimit":10000.0},
            "features":["UsagePlans"],"apiKeyVersion":"4"}"#;
        let inputs = json!({ "cloudwatchRoleArn": "arn:r" });
        reads_back(Account::TYPE, ID, &[("/account", ok(reply))], &[], inputs).await;
    }

    #[tokio::test]
    async fn there_are_no_settings_of_another_id() {
        let (aws, _) = aws(&[("/account", ok(r#"{"throttleSettings":{"burstLimit":1,"rateLimit":1.0}}"#))]);
        assert!(matches!(read(&aws, Account::TYPE, ID).await.unwrap(), Seen::Ready(_)));
        assert_eq!(read(&aws, Account::TYPE, "bogus").await.unwrap(), Seen::Gone);
    }
}
