use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;
use crate::aws::{Cx, dns_suffix};
use crate::engine::error::Result;

/// The region that the call is made in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetRegion {
    /// Another region to describe.
    name: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// The region, for example `eu-west-1`.
    id: String,
    /// The region, for example `eu-west-1`.
    name: String,
    /// The region, for example `eu-west-1`.
    region: String,
    /// Host name of EC2 there.
    endpoint: String,
}

impl Function for GetRegion {
    const TOKEN: &'static str = "aws:index/getRegion:getRegion";
    const PERMISSIONS: &'static [&'static str] = &[];
    type Answer = Answer;

    async fn call(self, cx: &Cx) -> Result<Answer> {
        let name = self.name.unwrap_or_else(|| cx.region().to_owned());
        let endpoint = format!("ec2.{name}.{}", dns_suffix(cx.partition()));
        Ok(Answer { id: name.clone(), region: name.clone(), name, endpoint })
    }
}
