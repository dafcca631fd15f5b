//! What a call to a cloud can fail with.

use serde::{Deserialize, Serialize};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed call, in the terms by which the engine decides what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct Error {
    pub kind: Kind,
    /// A sentence for people, without the parts below.
    pub message: String,
    /// `ec2:CreateVpc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The cloud's own code, such as `DependencyViolation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The call may have had its effect although no answer tells so.
    #[serde(default)]
    pub ambiguous: bool,
    /// Beginnings of the types that may explain the refusal: if the resource depends on one of them that was made
    /// or changed a moment ago, not all services may know of it yet, and the same call succeeds within a minute,
    /// or never.
    #[serde(skip)]
    pub young: &'static [&'static str],
    /// The one input for which the call was made, as a part of a read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

/// Decides about retries, exit codes and hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The thing does not exist.
    NotFound,
    /// A thing of that name exists already.
    Exists,
    /// Something else must finish or go first; the same call may succeed later.
    Busy,
    /// Something made or removed a moment ago is not known everywhere yet; the same call succeeds within
    /// a minute, or never.
    Spreading,
    /// Too many calls.
    Throttled,
    /// The credentials do not allow this call.
    Denied,
    /// There are no valid credentials: no call can succeed until the user renews them.
    Unauthenticated,
    /// The cloud will never accept this call.
    Invalid,
    /// The cloud answered with a failure of its own.
    Outage,
    /// Nobody answered.
    Unreachable,
    /// The endpoint does not implement the operation (emulators only).
    Unsupported,
    /// A deadline of ours passed.
    Timeout,
    /// The user asked to stop.
    Cancelled,
    /// drctl itself is wrong.
    Bug,
}

impl Kind {
    /// The code of a diagnostic about a question to the cloud that a plan needs answered: one for all
    /// questions where nobody answers or nobody may ask, `otherwise` that of the question.
    pub fn code(self, otherwise: &'static str) -> &'static str {
        match self {
            Self::Unauthenticated => "credentials",
            Self::Outage | Self::Unreachable | Self::Timeout => "unreachable",
            _ => otherwise,
        }
    }
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            operation: None,
            code: None,
            request_id: None,
            hint: None,
            ambiguous: false,
            young: &[],
            input: None,
        }
    }

    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Kind::Bug, message)
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says that the call was made for one input only: a read can do without it.
    pub fn about(self, input: &str) -> Self {
        Self { input: Some(input.to_owned()), ..self }
    }
}

/// A field that the cloud always gives. Its absence is an error, never a default.
///
/// # Errors
/// If the answer lacks the field.
pub fn need<T>(field: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::bug(format!("the answer holds no `{field}`")))
}
