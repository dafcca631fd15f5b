//! What happens during a run, as data: recorded, replayed, and shown by any renderer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine::diagnostic::Diagnostic;
use crate::engine::error::Error;
use crate::engine::plan::{Op, Plan, Summary};
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::Shown;

/// An event with its place in the run. The format has a version: see [`VERSION`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Grows by one with each event that must not be lost; progress events repeat the last number.
    pub seq: u64,
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

/// The version of the event format. It grows when a reader of the version before would be wrong.
pub const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    RunStarted {
        version: u32,
        run: String,
        command: String,
        stack: String,
        target: String,
        /// The number of the last entry of the journal, which its own follow; none if it only looks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
    },
    /// The plan, before anything is done.
    Planned {
        plan: Plan,
        summary: Summary,
    },
    StepStarted {
        urn: Urn,
        place: Place,
        op: Op,
    },
    IdKnown {
        urn: Urn,
        id: Id,
    },
    StepDone {
        urn: Urn,
        place: Place,
        op: Op,
        /// Milliseconds on the run's clock.
        took: u64,
    },
    StepFailed {
        urn: Urn,
        place: Place,
        op: Op,
        error: Error,
    },
    StepSkipped {
        urn: Urn,
        place: Place,
        op: Op,
        because: Skipped,
    },
    Diagnostic {
        /// `note`, `warning` or `error`.
        severity: String,
        /// A code that can be searched for: `unknown-property`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        message: String,
        urn: Option<Urn>,
        /// Where it is about: `stacks/prod.yaml:12:3`. In JSON, `at` is the envelope's time.
        #[serde(rename = "location")]
        at: Option<String>,
        help: Option<String>,
    },
    Outputs {
        outputs: Vec<(String, Shown)>,
    },
    RunEnded {
        /// The version of the format, where no `run-started` has told it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u32>,
        ended: Ended,
        summary: Summary,
        /// Milliseconds on the run's clock.
        took: u64,
        /// What the user should know: skipped operations, pending deletions.
        notes: Vec<String>,
        /// The state could not take what the last calls did: the next run finds out.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unwritten: bool,
    },

    // Progress: only the newest of a resource matters, and a slow reader may miss some.
    /// Planning waits for an answer.
    Asking {
        /// What was asked of whom: `aws:ec2/vpc:Vpc in us-east-1`.
        what: String,
        /// Milliseconds since it was asked.
        since: u64,
    },
    Waiting {
        urn: Urn,
        word: String,
        /// Milliseconds since the step began to wait.
        since: u64,
    },
    Retrying {
        urn: Urn,
        error: String,
        attempt: u32,
        /// Milliseconds until the next try.
        wait: u64,
    },
    Call {
        operation: String,
        place: Place,
        status: Option<u16>,
        took: u64,
    },
}

/// Why a step was not started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skipped {
    /// That resource failed or was skipped.
    Dependency(Urn),
    Cancelled,
    /// That resource failed, and `--fail-fast` was given.
    FailFast(Urn),
    /// That region does not answer.
    Unreachable(String),
    /// There are no valid credentials any more.
    Unauthenticated,
    /// The cloud allows the deletion only then.
    Later(Timestamp),
    /// The endpoint lacks the operation, and `--skip-unsupported` was given.
    Unsupported(String),
}

/// How a run ended. A caller must look at every variant, so no end is taken for success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Ended {
    Completed,
    Failed {
        failed: Vec<Urn>,
        skipped: Vec<Urn>,
    },
    Cancelled {
        left: Vec<Urn>,
    },
    /// No credentials are valid any more; nothing new was started.
    Unauthenticated {
        left: Vec<Urn>,
    },
    /// All is done but what has to wait for regions that do not answer.
    Held {
        waiting: Vec<Urn>,
        regions: Vec<String>,
    },
    /// All is done but deletions that the cloud allows only later.
    Pending {
        until: Timestamp,
    },
    /// It was not begun, and nothing was changed.
    Refused {
        /// Why, as the code of the first diagnostic.
        code: String,
    },
}

impl From<&Diagnostic> for Event {
    fn from(problem: &Diagnostic) -> Self {
        Self::Diagnostic {
            severity: format!("{:?}", problem.severity).to_lowercase(),
            code: Some(problem.code.to_owned()),
            message: problem.message.clone(),
            urn: problem.urn.clone(),
            at: problem.at.as_ref().map(ToString::to_string),
            help: problem.help.clone(),
        }
    }
}

impl Event {
    /// Whether a reader may miss it.
    pub fn is_progress(&self) -> bool {
        matches!(self, Self::Asking { .. } | Self::Waiting { .. } | Self::Retrying { .. } | Self::Call { .. })
    }
}

/// Where events go. Sending never blocks and never fails a run.
#[derive(Debug, Clone)]
pub struct Sink(tokio::sync::mpsc::UnboundedSender<Event>);

impl Sink {
    pub fn new() -> (Self, tokio::sync::mpsc::UnboundedReceiver<Event>) {
        let (tx, rx) = tokio::sync::mpsc::unbounded_channel();
        (Self(tx), rx)
    }

    /// A reader that has gone misses the event; the run goes on.
    pub fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }
}
