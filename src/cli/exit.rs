//! The exit codes, in one table.

use std::process::ExitCode;

use crate::engine::diagnostic::{Diagnostic, Severity};
use crate::engine::error::Kind;
use crate::engine::event::Ended;
use crate::stack;

/// How a command ended, as scripts see it. The numbers are Pulumi's, with [`Exit::Pending`] added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    Error = 1,
    /// The command line, the program, its config or its state is wrong. With `--detailed-exitcode`,
    /// the same number says that a preview found changes.
    Configuration = 2,
    Authentication = 3,
    /// A resource could not be made, changed or deleted.
    Resource = 4,
    Policy = 5,
    StackNotFound = 6,
    /// Changes although `--expect-no-changes` was given.
    UnexpectedChanges = 7,
    Cancelled = 8,
    Timeout = 9,
    /// All is done but what has to wait: deletions that the cloud allows only later, changes in a region
    /// that was given as unavailable.
    Pending = 10,
    /// Nobody answers where the cloud should be, or the bucket of the state.
    Unreachable = 11,
    /// drctl itself is wrong.
    Internal = 255,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// In one word, as programs read it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Configuration => "configuration",
            Self::Authentication => "credentials",
            Self::Resource => "resource",
            Self::Policy => "protected",
            Self::StackNotFound => "unknown-stack",
            Self::UnexpectedChanges => "unexpected-changes",
            Self::Cancelled => "stopped",
            Self::Timeout => "timeout",
            Self::Pending => "pending",
            Self::Unreachable => "unreachable",
            Self::Internal => "internal",
        }
    }
}

/// For what forbids a run: the first error decides.
impl From<&[Diagnostic]> for Exit {
    fn from(problems: &[Diagnostic]) -> Self {
        let error = problems.iter().find(|problem| problem.severity == Severity::Error);
        match error.map(|error| error.code) {
            Some("credentials" | "wrong-account") => Self::Authentication,
            Some("protected") => Self::Policy,
            Some("unreadable" | "interrupted" | "identity") => Self::Resource,
            Some("unreachable") => Self::Unreachable,
            Some(stack::UNKNOWN) => Self::StackNotFound,
            _ => Self::Configuration,
        }
    }
}

/// For an error outside of any step.
impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Denied | Kind::Unauthenticated => Self::Authentication,
            Kind::Invalid | Kind::Unsupported => Self::Configuration,
            Kind::Timeout => Self::Timeout,
            Kind::Unreachable => Self::Unreachable,
            Kind::Cancelled => Self::Cancelled,
            Kind::Bug => Self::Internal,
            Kind::NotFound | Kind::Exists | Kind::Busy | Kind::Spreading | Kind::Throttled | Kind::Outage => {
                Self::Error
            }
        }
    }
}

impl From<&Ended> for Exit {
    fn from(ended: &Ended) -> Self {
        match ended {
            Ended::Completed => Self::Ok,
            Ended::Failed { .. } => Self::Resource,
            Ended::Cancelled { .. } => Self::Cancelled,
            Ended::Unauthenticated { .. } => Self::Authentication,
            Ended::Held { .. } | Ended::Pending { .. } => Self::Pending,
            Ended::Refused { .. } => Self::Configuration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_gets_no_answer_before_anything_is_done_ends_alike() {
        let exit = |code| Exit::from(&[Diagnostic::error(code, "no answer")][..]);
        for question in ["identity", "unreadable", "interrupted", "data-source"] {
            assert_eq!(exit(Kind::Unreachable.code(question)), Exit::Unreachable);
            assert_eq!(exit(Kind::Unauthenticated.code(question)), Exit::Authentication);
        }
        assert_eq!(exit(Kind::Denied.code("unreadable")), Exit::Resource);
        assert_eq!(Exit::from(Kind::Unreachable), Exit::Unreachable);
    }

    #[test]
    fn the_numbers_are_those_that_scripts_know() {
        let table = [
            (Exit::Ok, 0),
            (Exit::Error, 1),
            (Exit::Configuration, 2),
            (Exit::Authentication, 3),
            (Exit::Resource, 4),
            (Exit::Policy, 5),
            (Exit::StackNotFound, 6),
            (Exit::UnexpectedChanges, 7),
            (Exit::Cancelled, 8),
            (Exit::Timeout, 9),
            (Exit::Pending, 10),
            (Exit::Unreachable, 11),
            (Exit::Internal, 255),
        ];
        for (exit, number) in table {
            assert_eq!(ExitCode::from(exit), ExitCode::from(number));
        }
    }
}
