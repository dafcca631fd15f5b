use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Keepers, Local, draw};
use crate::engine::error::{Error, Result};
use crate::engine::resource::IdForm;
use crate::engine::rules::replace;
use crate::engine::secret::Secret;

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMERIC: &str = "0123456789";
/// Those of Pulumi and Terraform.
const SPECIAL: &str = "!@#$%&*()-_=+[]{}<>:?";

/// A password, made once and kept sealed in the state.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RandomPassword {
    /// Any values; when one of them changes, a new password is made.
    #[schemars(transform = replace)]
    #[serde(default)]
    pub keepers: Keepers,
    /// Characters of the password.
    #[schemars(transform = replace, range(min = 1, max = 4096))]
    pub length: usize,
    /// Whether it may hold lower-case letters.
    #[schemars(transform = replace)]
    #[serde(default = "yes")]
    pub lower: bool,
    /// Fewest lower-case letters.
    #[schemars(transform = replace, range(min = 0, max = 4096))]
    #[serde(default)]
    pub min_lower: usize,
    /// Fewest digits.
    #[schemars(transform = replace, range(min = 0, max = 4096))]
    #[serde(default)]
    pub min_numeric: usize,
    /// Fewest special characters.
    #[schemars(transform = replace, range(min = 0, max = 4096))]
    #[serde(default)]
    pub min_special: usize,
    /// Fewest upper-case letters.
    #[schemars(transform = replace, range(min = 0, max = 4096))]
    #[serde(default)]
    pub min_upper: usize,
    /// Whether it may hold digits.
    #[schemars(transform = replace)]
    #[serde(default = "yes")]
    pub numeric: bool,
    /// Characters to take for special ones instead of ``!@#$%&*()-_=+[]{}<>:?``.
    #[schemars(transform = replace)]
    pub override_special: Option<String>,
    /// Whether it may hold special characters.
    #[schemars(transform = replace)]
    #[serde(default = "yes")]
    pub special: bool,
    /// Whether it may hold upper-case letters.
    #[schemars(transform = replace)]
    #[serde(default = "yes")]
    pub upper: bool,
}

fn yes() -> bool {
    true
}

/// What is drawn.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RandomPasswordOutputs {
    /// The password.
    pub result: Secret<String>,
}

impl Local for RandomPassword {
    const TYPE: &'static str = "random:index/randomPassword:RandomPassword";
    /// The id is `none`, as everywhere: an id is no secret.
    const ID: IdForm = IdForm::Random("none", 0);
    type Outputs = RandomPasswordOutputs;

    fn make(&self) -> Result<(String, RandomPasswordOutputs)> {
        Ok(("none".to_owned(), RandomPasswordOutputs { result: Secret::new(self.draw()?) }))
    }
}

/// Characters of one kind.
struct Kind<'a> {
    characters: &'a str,
    allowed: bool,
    fewest: usize,
}

impl RandomPassword {
    fn kinds(&self) -> [Kind<'_>; 4] {
        let special = self.override_special.as_deref().filter(|s| !s.is_empty()).unwrap_or(SPECIAL);
        [
            Kind { characters: LOWER, allowed: self.lower, fewest: self.min_lower },
            Kind { characters: UPPER, allowed: self.upper, fewest: self.min_upper },
            Kind { characters: NUMERIC, allowed: self.numeric, fewest: self.min_numeric },
            Kind { characters: special, allowed: self.special, fewest: self.min_special },
        ]
    }

    /// The fewest of each kind, the rest of any, in a random order.
    fn draw(&self) -> Result<String> {
        let kinds = self.kinds();
        let fewest = kinds.iter().fold(0_usize, |sum, kind| sum.saturating_add(kind.fewest));
        if fewest > self.length {
            let text = format!("a password of {} characters cannot hold {fewest} of given kinds", self.length);
            return Err(Error::invalid(text)
                .hint("raise `length`, or lower `minLower`, `minNumeric`, `minSpecial` or `minUpper`"));
        }
        let any: Vec<char> =
            kinds.iter().filter(|kind| kind.allowed).flat_map(|kind| kind.characters.chars()).collect();
        if any.is_empty() && fewest < self.length {
            return Err(Error::invalid("a password needs at least one kind of characters")
                .hint("allow `lower`, `numeric`, `special` or `upper`"));
        }
        let mut password = Vec::with_capacity(self.length);
        for kind in &kinds {
            let characters: Vec<char> = kind.characters.chars().collect();
            for _ in 0..kind.fewest {
                password.push(characters[draw::below(characters.len())?]);
            }
        }
        while password.len() < self.length {
            password.push(any[draw::below(any.len())?]);
        }
        draw::shuffle(&mut password)?;
        Ok(password.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn draw(inputs: Json) -> Result<String> {
        serde_json::from_value::<RandomPassword>(inputs).unwrap().draw()
    }

    #[test]
    fn a_password_has_its_length_and_only_allowed_characters() {
        let inputs = json!({ "length": 500, "special": false, "upper": false });
        let password = draw(inputs).unwrap();
        assert_eq!(password.len(), 500);
        assert!(password.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{password}");
    }

    #[test]
    fn the_fewest_of_each_kind_are_there() {
        let inputs = json!({
            "length": 8, "minLower": 1, "minUpper": 2, "minNumeric": 2, "minSpecial": 3, "overrideSpecial": "é~",
        });
        for _ in 0..100 {
            let password = draw(inputs.clone()).unwrap();
            let count = |is: fn(char) -> bool| password.chars().filter(|c| is(*c)).count();
            assert_eq!(count(|c| c.is_ascii_lowercase()), 1, "{password}");
            assert_eq!(count(|c| c.is_ascii_uppercase()), 2, "{password}");
            assert_eq!(count(|c| c.is_ascii_digit()), 2, "{password}");
            assert_eq!(count(|c| "é~".contains(c)), 3, "{password}");
        }
    }

    #[test]
    fn two_passwords_differ() {
        let inputs = json!({ "length": 32 });
        assert_ne!(draw(inputs.clone()).unwrap(), draw(inputs).unwrap());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let too_short = draw(json!({ "length": 2, "minLower": 3 })).unwrap_err();
        insta::assert_snapshot!(too_short.message, @"a password of 2 characters cannot hold 3 of given kinds");
        let nothing = json!({ "length": 2, "lower": false, "upper": false, "numeric": false, "special": false });
        insta::assert_snapshot!(draw(nothing).unwrap_err().message, @"a password needs at least one kind of characters");
    }

    #[test]
    fn a_password_shows_nowhere() {
        let inputs: RandomPassword = serde_json::from_value(json!({ "length": 20 })).unwrap();
        let (id, outputs) = inputs.make().unwrap();
        assert_eq!(id, "none");
        assert!(!format!("{outputs:?}").contains(outputs.result.reveal()));
    }
}
