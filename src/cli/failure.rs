//! Why a command ended without success, and how the user learns of it.

use std::io::ErrorKind;
use std::path::Path;

use crate::cli::exit::Exit;
use crate::engine::diagnostic::{Diagnostic, Severity};
use crate::engine::error::{Error, Kind};
use crate::engine::event::{Ended, Event};
use crate::render;
use crate::render::diagnostics::Diagnostics;
use crate::render::failure::Failure as Shown;
use crate::state::StateError;

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
            Self::Program(diagnostics) => render::say(Diagnostics(diagnostics)),
            Self::Error(_, error) => render::say(Shown(error)),
            Self::Shown(_) => {}
        }
        self.exit()
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Program(diagnostics) => diagnostics.as_slice().into(),
            Self::Error(exit, _) | Self::Shown(exit) => *exit,
        }
    }

    /// The same for programs: what is wrong. Nothing if it was told already.
    pub(super) fn diagnostics(&self) -> Vec<Event> {
        match self {
            Self::Program(diagnostics) => diagnostics.iter().map(Event::from).collect(),
            Self::Error(exit, error) => vec![told(exit.word(), error)],
            Self::Shown(_) => Vec::new(),
        }
    }

    /// The end of a run that it keeps from beginning.
    pub(super) fn refusal(&self) -> Ended {
        let code = match self {
            Self::Program(problems) => {
                let first = problems.iter().find(|p| p.severity == Severity::Error);
                first.map_or(Exit::Configuration.word(), |p| p.code)
            }
            Self::Error(exit, _) | Self::Shown(exit) => exit.word(),
        };
        Ended::Refused { code: code.to_owned() }
    }
}

fn told(code: &str, error: &Error) -> Event {
    Event::Diagnostic {
        severity: "error".into(),
        code: Some(code.to_owned()),
        message: error.message.clone(),
        urn: None,
        at: None,
        help: error.hint.clone(),
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
pub(super) fn io(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let message = format!("cannot {what} {}", path.display());
    move |error| Failure::Error(Exit::Error, Box::new(Error::new(Kind::Invalid, format!("{message}: {error}"))))
}

/// Says what was to be done with a file that the command line names: whoever named it may name another.
pub(super) fn given_path(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let message = format!("cannot {what} {}", path.display());
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).map(Path::to_owned);
    move |error| {
        let (exit, help) = match error.kind() {
            ErrorKind::NotFound => match above.filter(|above| !above.exists()) {
                Some(above) => {
                    (Exit::Configuration, format!("make the directory {} or give another path", above.display()))
                }
                None => (Exit::Configuration, "give the path of a file that exists".to_owned()),
            },
            ErrorKind::IsADirectory => (Exit::Configuration, "give the path of a file".to_owned()),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                (Exit::Error, "free some space on that disk, or give a path on another one".to_owned())
            }
            _ => (Exit::Configuration, "give a path that you may use".to_owned()),
        };
        Failure::new(exit, format!("{message}: {error}"), help)
    }
}

/// A failure of the state's files.
pub(super) fn failed(error: StateError) -> Failure {
    Failure::new(exit(&error), error.to_string(), error.hint())
}

fn exit(error: &StateError) -> Exit {
    match error {
        StateError::Locked { .. } | StateError::Lost { .. } => Exit::Error,
        StateError::Bucket { source, .. } => source.kind.into(),
        StateError::Unseen { .. } => Exit::Unreachable,
        StateError::NotCompacted { source, .. } | StateError::NotWritten { source, .. } => exit(source),
        _ => Exit::Configuration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_ends_as_what_kept_it_from_being_written() {
        let ended = Error::new(Kind::Unauthenticated, "expired");
        let bucket = StateError::Bucket { doing: "write", path: "s3://b/state.json".into(), source: Box::new(ended) };
        let error = StateError::NotWritten { journal: "s3://b".into(), source: Box::new(bucket) };
        assert!(error.hint().starts_with("renew the credentials"), "{}", error.hint());
        assert_eq!(failed(error).exit(), Exit::Authentication);
        let full = std::io::Error::from(ErrorKind::StorageFull);
        let disk = StateError::Io { doing: "write", path: "state.json".into(), source: full };
        let error = StateError::NotWritten { journal: "journal.jsonl".into(), source: Box::new(disk) };
        assert_eq!(failed(error).exit(), Exit::Configuration);
    }

    #[test]
    fn a_path_of_the_command_line_that_fails_is_a_mistake_with_a_remedy() {
        let here = tempfile::tempdir().unwrap();
        let told = |path: &Path| {
            let error = std::fs::read_to_string(path).unwrap_err();
            let Failure::Error(exit, error) = given_path("read", path)(error) else { panic!() };
            (exit, error.hint.clone().unwrap())
        };
        let missing = here.path().join("missing");
        assert_eq!(told(&missing), (Exit::Configuration, "give the path of a file that exists".to_owned()));
        let help = format!("make the directory {} or give another path", missing.display());
        assert_eq!(told(&missing.join("x")), (Exit::Configuration, help));
        assert_eq!(told(here.path()), (Exit::Configuration, "give the path of a file".to_owned()));
        let full = given_path("write", &missing)(ErrorKind::StorageFull.into());
        assert_eq!(full.exit(), Exit::Error);
    }
}
