//! Whether a run means the stack that the state was made for: the environment variables that its
//! config was taken from must still say the same.

use std::collections::BTreeMap;
use std::fmt;

use crate::engine::error::Error;

/// Config that came from the environment and comes out otherwise now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct EnvironmentMismatch {
    pub stack: String,
    /// Never empty.
    pub differences: Vec<Difference>,
}

/// One variable that says something else than when the state was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub name: String,
    pub recorded: String,
    /// `None` if it is not set.
    pub now: Option<String>,
}

/// Compares what a state recorded with what holds now. `asked` has the variables that the program's
/// config asks for; a recorded one that is not among them does not matter any more.
///
/// # Errors
/// If a variable says something else now.
pub fn check_environment(
    stack: &str,
    recorded: &BTreeMap<String, String>,
    asked: &BTreeMap<String, Option<String>>,
) -> Result<(), EnvironmentMismatch> {
    let difference = |(name, recorded): (&String, &String)| {
        let now = asked.get(name)?;
        (now.as_ref() != Some(recorded)).then(|| Difference {
            name: name.clone(),
            recorded: recorded.clone(),
            now: now.clone(),
        })
    };
    let differences: Vec<Difference> = recorded.iter().filter_map(difference).collect();
    if differences.is_empty() { Ok(()) } else { Err(EnvironmentMismatch { stack: stack.to_owned(), differences }) }
}

impl EnvironmentMismatch {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let is_name =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let another = match self.differences.as_slice() {
            [Difference { now: Some(now), .. }] if is_name(now) => {
                let file = self.stack.split('@').next().unwrap_or(&self.stack);
                format!("use `--stack {file}@{now}` for another instance")
            }
            _ => "set it as it was".to_owned(),
        };
        format!("{another}, or `--rename-environment` to accept the replacements")
    }
}

impl fmt::Display for EnvironmentMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this state was made with ")?;
        for (i, Difference { name, recorded, now }) in self.differences.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match now {
                Some(now) => write!(f, "{comma}`{name}={recorded}`, and it is `{now}` now")?,
                None => write!(f, "{comma}`{name}={recorded}`, and it is not set now")?,
            }
        }
        Ok(())
    }
}

impl From<EnvironmentMismatch> for Error {
    fn from(mismatch: EnvironmentMismatch) -> Self {
        Self::invalid(mismatch.to_string()).hint(mismatch.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> BTreeMap<String, String> {
        [("ENVIRONMENT_SUFFIX".to_owned(), "a".to_owned())].into()
    }

    fn checked(now: Option<&str>) -> Result<(), EnvironmentMismatch> {
        let asked = [("ENVIRONMENT_SUFFIX".to_owned(), now.map(str::to_owned))].into();
        check_environment("trading-database@a", &recorded(), &asked)
    }

    #[test]
    fn the_environment_of_another_instance_stops_a_run_and_names_the_right_command() {
        let mismatch = checked(Some("b")).unwrap_err();
        insta::assert_snapshot!(mismatch, @"this state was made with `ENVIRONMENT_SUFFIX=a`, and it is `b` now");
        insta::assert_snapshot!(mismatch.hint(), @"use `--stack trading-database@b` for another instance, or `--rename-environment` to accept the replacements");
    }

    #[test]
    fn a_variable_that_is_not_set_any_more_is_a_mismatch() {
        let mismatch = checked(None).unwrap_err();
        insta::assert_snapshot!(mismatch, @"this state was made with `ENVIRONMENT_SUFFIX=a`, and it is not set now");
        insta::assert_snapshot!(mismatch.hint(), @"set it as it was, or `--rename-environment` to accept the replacements");
    }

    #[test]
    fn an_equal_value_and_a_variable_that_nobody_asks_for_are_none() {
        assert_eq!(checked(Some("a")), Ok(()));
        assert_eq!(check_environment("s", &recorded(), &BTreeMap::new()), Ok(()));
    }
}
