use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;
use crate::aws::Cx;
use crate::engine::error::{Result, need};

/// The KMS key behind an alias.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetAlias {
    /// Name of the alias, for example `alias/aws/rds`.
    name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// ARN of the alias.
    arn: String,
    /// ARN of the alias.
    id: String,
    /// Name of the alias.
    name: String,
    /// ARN of the key.
    target_key_arn: String,
    /// Id of the key.
    target_key_id: String,
}

impl Function for GetAlias {
    const TOKEN: &'static str = "aws:kms/getAlias:getAlias";
    const PERMISSIONS: &'static [&'static str] = &["kms:DescribeKey"];
    type Answer = Answer;

    /// Asking for the key by its alias makes AWS create a managed key that was never used, which
    /// listing aliases does not.
    async fn call(self, cx: &Cx) -> Result<Answer> {
        let reply = cx.kms().describe_key().key_id(&self.name).send().await?;
        let key = need("KeyMetadata", reply.key_metadata)?;
        let arn = cx.arn("kms", &self.name);
        Ok(Answer {
            arn: arn.clone(),
            id: arn,
            name: self.name,
            target_key_arn: need("Arn", key.arn)?,
            target_key_id: key.key_id,
        })
    }
}
