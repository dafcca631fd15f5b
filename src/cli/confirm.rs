//! Questions to the user. Without a terminal and without `--yes`, nothing is changed.

use std::io::IsTerminal;

use tokio::sync::oneshot;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::cli::interrupt::Interrupts;
use crate::render;

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

    /// Asks a question whose answer may be no. A signal means no. The terminal stays as it is, so that
    /// nothing must be put right whatever ends the wait.
    pub(super) async fn agree(self, question: &str) -> Result<bool> {
        match self {
            Self::Yes => Ok(true),
            Self::Nobody => Ok(false),
            Self::Person => {
                let mut interrupts = Interrupts::listen();
                render::say(format_args!("{question} [y/N] "));
                let answer = interrupts.or(answer()).await;
                // What comes next begins on a line of its own.
                if answer.as_ref().is_none_or(|read| read.as_ref().is_ok_and(|line| !line.ends_with('\n'))) {
                    render::say("\n");
                }
                match answer.transpose() {
                    Ok(line) => Ok(line.is_some_and(|line| is_yes(&line))),
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

/// The next line of standard input. The thread that waits for it does not outlive the program.
async fn answer() -> std::io::Result<String> {
    let (give, take) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // Who asked may have gone.
        let _ = give.send(std::io::stdin().read_line(&mut line).map(|_| line));
    });
    take.await.unwrap_or_else(|gone| Err(std::io::Error::other(gone)))
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// The end of a command to which the user said no.
pub(super) fn declined() -> Exit {
    render::say("Nothing was changed.\n");
    Exit::Cancelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_terminal_and_without_yes_nothing_is_changed() {
        assert!(Answers::Nobody.refuse_nobody("up").is_err());
        assert!(!Answers::Nobody.agree("?").await.unwrap());
        assert!(Answers::Yes.refuse_nobody("up").is_ok());
        assert!(Answers::Yes.agree("?").await.unwrap());
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(["y\n", "YES\r\n", " Yes "].into_iter().all(is_yes));
        assert!(["", "\n", "n\n", "yo\n", "yes please\n"].into_iter().all(|line| !is_yes(line)));
    }
}
