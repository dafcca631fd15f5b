//! Questions to the user. Without a terminal and without `--yes`, nothing is changed.

use std::io::IsTerminal;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// `--yes` was given.
    Yes,
    /// Somebody sits at a terminal.
    Person,
    Nobody,
}

impl Answers {
    pub(super) fn here(yes: bool) -> Self {
        match yes {
            true => Self::Yes,
            false if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => Self::Person,
            false => Self::Nobody,
        }
    }

    /// Refuses early where nobody could agree later, before any work is done.
    pub(super) fn refuse_nobody(self, command: &str) -> Result<()> {
        match self {
            Self::Nobody => Err(Failure::new(
                Exit::Configuration,
                format!("`drctl {command}` changes things, and there is no terminal to ask at"),
                "give `--yes` to agree in advance, or look first with `drctl preview`",
            )),
            Self::Yes | Self::Person => Ok(()),
        }
    }

    /// Asks a question whose answer may be no.
    pub(super) fn agree(self, question: &str) -> Result<bool> {
        match self {
            Self::Yes => Ok(true),
            Self::Nobody => Ok(false),
            Self::Person => {
                let asked = dialoguer::Confirm::new().with_prompt(question).default(false).interact_opt();
                match asked {
                    Ok(answer) => Ok(answer == Some(true)),
                    Err(error) => Err(Failure::new(
                        Exit::Error,
                        format!("cannot ask at this terminal: {error}"),
                        "give `--yes` to agree in advance",
                    )),
                }
            }
        }
    }
}

/// The end of a command to which the user said no.
pub(super) fn declined() -> Exit {
    crate::render::say("Nothing was changed.\n");
    Exit::Cancelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_and_without_yes_nothing_is_changed() {
        assert!(Answers::Nobody.refuse_nobody("up").is_err());
        assert!(!Answers::Nobody.agree("?").unwrap());
        assert!(Answers::Yes.refuse_nobody("up").is_ok());
        assert!(Answers::Yes.agree("?").unwrap());
    }
}
