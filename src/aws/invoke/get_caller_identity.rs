use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;
use crate::aws::Cx;
use crate::engine::error::{Result, need};

/// The account and the user or role that the credentials belong to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetCallerIdentity {}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// Account number, twelve digits.
    account_id: String,
    /// ARN of the user or the role session.
    arn: String,
    /// Account number, twelve digits.
    id: String,
    /// Unique id of the user or role.
    user_id: String,
}

impl Function for GetCallerIdentity {
    const TOKEN: &'static str = "aws:index/getCallerIdentity:getCallerIdentity";
    const REGIONAL: bool = false;
    type Answer = Answer;

    async fn call(self, cx: &Cx) -> Result<Answer> {
        let caller = cx.sts().get_caller_identity().send().await?;
        let account = need("Account", caller.account)?;
        Ok(Answer {
            account_id: account.clone(),
            arn: need("Arn", caller.arn)?,
            id: account,
            user_id: need("UserId", caller.user_id)?,
        })
    }
}
