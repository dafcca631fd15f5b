//! Why a command ended without success, and how the user learns of it.

use crate::cli::exit::Exit;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::error::{Error, Kind};
use crate::render;
use crate::render::diagnostics::Diagnostics;
use crate::render::failure::Failure as Shown;

/// The result of a command.
pub(super) type Result<T = Exit> = std::result::Result<T, Failure>;

/// A command's failure, not shown yet.
#[derive(Debug)]
pub(super) enum Failure {
    /// The program is wrong.
    Program(Vec<Diagnostic>),
    /// Anything else, with the exit code that tells it apart.
    Error(Exit, Box<Error>),
    /// All has been told already.
    Shown(Exit),
}

impl Failure {
    /// A mistake in what the user gave, with what to do about it.
    pub(super) fn new(exit: Exit, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Error(exit, Box::new(Error::new(Kind::Invalid, message).hint(help)))
    }

    /// What is wrong, in one line.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Program(diagnostics) => diagnostics.first().map(|d| d.message.clone()).unwrap_or_default(),
            Self::Error(_, error) => error.message.clone(),
            Self::Shown(_) => "see above".to_owned(),
        }
    }

    /// Tells the user, and gives the exit code.
    pub(super) fn show(&self) -> Exit {
        match self {
            Self::Program(diagnostics) => {
                render::say(Diagnostics(diagnostics));
                Exit::Configuration
            }
            Self::Error(exit, error) => {
                render::say(Shown(error));
                *exit
            }
            Self::Shown(exit) => *exit,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error.kind.into(), Box::new(error))
    }
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self::Program(diagnostics)
    }
}

impl From<render::log::Unreadable> for Failure {
    fn from(error: render::log::Unreadable) -> Self {
        Self::new(Exit::Error, error.to_string(), "`drctl history` lists the runs that are recorded")
    }
}

/// Says what was to be done with a file that failed.
pub(super) fn io(what: &str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Failure {
    let message = format!("cannot {what} {}", path.display());
    move |error| Failure::Error(Exit::Error, Box::new(Error::new(Kind::Invalid, format!("{message}: {error}"))))
}
