//! Whose credentials they are.

use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;

use crate::engine::error::{Result, need};
use crate::engine::provider::Identity;

/// What STS tells of the user or the role that the credentials belong to.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub identity: Identity,
    /// ARN of the user or the role session.
    pub arn: String,
    /// Unique id of the user or the role; some endpoints tell none.
    pub user_id: Option<String>,
}

impl Caller {
    pub(super) fn told(answer: GetCallerIdentityOutput) -> Result<Self> {
        let account = need("Account", answer.account)?;
        let arn = need("Arn", answer.arn)?;
        let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
        let home = home(&partition).to_owned();
        Ok(Self { identity: Identity { account, partition, home }, arn, user_id: answer.user_id })
    }
}

/// The region in which a partition's global services are reached.
fn home(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}
