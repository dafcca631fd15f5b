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
    const PERMISSIONS: &'static [&'static str] = &["sts:GetCallerIdentity"];
    const REGIONAL: bool = false;
    type Answer = Answer;

    /// STS was asked before the first call, whatever that is.
    async fn call(self, cx: &Cx) -> Result<Answer> {
        let caller = &cx.caller;
        Ok(Answer {
            account_id: cx.account().to_owned(),
            arn: caller.arn.clone(),
            id: cx.account().to_owned(),
            user_id: need("UserId", caller.user_id.clone())?,
        })
    }
}
