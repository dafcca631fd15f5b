use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;
use crate::aws::Cx;
use crate::engine::error::{Result, need};
use crate::engine::secret::Secret;

/// A new password at every call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetRandomPassword {
    /// Characters that the password must not hold.
    exclude_characters: Option<String>,
    /// Whether lower-case letters are left out.
    exclude_lowercase: Option<bool>,
    /// Whether digits are left out.
    exclude_numbers: Option<bool>,
    /// Whether punctuation is left out.
    exclude_punctuation: Option<bool>,
    /// Whether upper-case letters are left out.
    exclude_uppercase: Option<bool>,
    /// Whether the password may hold spaces.
    include_space: Option<bool>,
    /// Characters of the password.
    #[schemars(range(min = 1, max = 4096))]
    #[serde(default = "usual_length")]
    password_length: i64,
    /// Whether each kind of character must be there.
    require_each_included_type: Option<bool>,
}

fn usual_length() -> i64 {
    32
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// The password.
    random_password: Secret<String>,
}

impl Function for GetRandomPassword {
    const TOKEN: &'static str = "aws:secretsmanager/getRandomPassword:getRandomPassword";
    const PERMISSIONS: &'static [&'static str] = &["secretsmanager:GetRandomPassword"];
    const VOLATILE: bool = true;
    type Answer = Answer;

    async fn call(self, cx: &Cx) -> Result<Answer> {
        let reply = cx
            .secretsmanager()
            .get_random_password()
            .set_exclude_characters(self.exclude_characters)
            .set_exclude_lowercase(self.exclude_lowercase)
            .set_exclude_numbers(self.exclude_numbers)
            .set_exclude_punctuation(self.exclude_punctuation)
            .set_exclude_uppercase(self.exclude_uppercase)
            .set_include_space(self.include_space)
            .password_length(self.password_length)
            .set_require_each_included_type(self.require_each_included_type)
            .send()
            .await?;
        Ok(Answer { random_password: Secret::new(need("RandomPassword", reply.random_password)?) })
    }
}
