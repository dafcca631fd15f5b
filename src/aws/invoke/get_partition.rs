use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;
use crate::aws::{Cx, dns_suffix};
use crate::engine::error::Result;

/// The group of regions that the account belongs to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetPartition {}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// End of host names, for example `amazonaws.com`.
    dns_suffix: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    id: String,
    /// `aws`, `aws-cn` or `aws-us-gov`, as ARNs start.
    partition: String,
    /// Start of the names of endpoint services, for example `com.amazonaws`.
    reverse_dns_prefix: String,
}

impl Function for GetPartition {
    const TOKEN: &'static str = "aws:index/getPartition:getPartition";
    const PERMISSIONS: &'static [&'static str] = &[];
    const REGIONAL: bool = false;
    type Answer = Answer;

    async fn call(self, cx: &Cx) -> Result<Answer> {
        let suffix = dns_suffix(cx.partition());
        let reversed: Vec<&str> = suffix.rsplit('.').collect();
        Ok(Answer {
            dns_suffix: suffix.to_owned(),
            id: cx.partition().to_owned(),
            partition: cx.partition().to_owned(),
            reverse_dns_prefix: reversed.join("."),
        })
    }
}
