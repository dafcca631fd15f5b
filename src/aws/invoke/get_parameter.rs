use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;
use crate::aws::Cx;
use crate::engine::error::{Result, need};
use crate::engine::secret::Secret;

/// A value of the Systems Manager parameter store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetParameter {
    /// Name of the parameter, for example `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64`.
    name: String,
    /// Whether a secure string is decrypted.
    #[serde(default = "yes")]
    with_decryption: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// ARN of the parameter.
    arn: String,
    /// Name of the parameter.
    id: String,
    /// The value in plain, but for secure strings.
    insecure_value: Option<String>,
    /// Name of the parameter.
    name: String,
    /// `String`, `StringList` or `SecureString`.
    r#type: String,
    /// The value, hidden.
    value: Secret<String>,
    /// Version of the value.
    version: i64,
}

impl Function for GetParameter {
    const TOKEN: &'static str = "aws:ssm/getParameter:getParameter";
    const PERMISSIONS: &'static [&'static str] = &["ssm:GetParameter"];
    const ACTS_ON: &'static [&'static str] = &["ssm:{region}:*:parameter/{name}"];
    const DECRYPTS: Option<&'static str> = Some("kms:EncryptionContext:PARAMETER_ARN");
    type Answer = Answer;

    async fn call(self, cx: &Cx) -> Result<Answer> {
        let ask = cx.ssm().get_parameter().name(&self.name).with_decryption(self.with_decryption);
        let parameter = need("Parameter", ask.send().await?.parameter)?;
        let kind = need("Type", parameter.r#type)?.as_str().to_owned();
        let value = need("Value", parameter.value)?;
        Ok(Answer {
            arn: need("ARN", parameter.arn)?,
            id: self.name.clone(),
            insecure_value: (kind != "SecureString").then(|| value.clone()),
            name: self.name,
            r#type: kind,
            value: Secret::new(value),
            version: parameter.version,
        })
    }
}
