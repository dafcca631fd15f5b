//! One physical resource of the twin, and what it is doing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::Map;

/// Numbers rows in the order in which they were made.
pub(super) type Serial = u64;

/// One physical resource.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The canonical token of the type.
    pub(super) token: &'static str,
    pub(super) place: Place,
    pub(super) id: Id,
    pub(super) urn: Urn,
    /// The tag `drctl:owner`.
    pub(super) owner: String,
    /// The tag `drctl:attempt`, the client token or the marker field.
    pub(super) attempt: String,
    /// All that the cloud remembers, write-only inputs too.
    pub(super) inputs: Map,
    pub(super) outputs: Map,
    /// The rows that the inputs refer to.
    pub(super) refers: BTreeSet<Serial>,
    pub(super) phase: Phase,
    /// Objects in a bucket, recovery points in a vault: things that no type stands for.
    pub(super) contents: u64,
    /// Membership in a global database.
    pub(super) member: Option<Member>,
    pub(super) created: Timestamp,
}

/// What a row is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    Ready,
    /// Being made or changed; ready at that time.
    Changing {
        word: &'static str,
        until: Timestamp,
    },
    /// Gone at that time, and still in the way of others.
    Deleting {
        until: Timestamp,
    },
    /// Gone for callers, but kept by the cloud for a while, as KMS keys and secrets are.
    Kept {
        word: &'static str,
        until: Timestamp,
    },
    /// Will never be ready.
    Failed(String),
}

/// The place of a cluster in a global database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// The identifier of the global cluster.
    pub(super) of: String,
    pub(super) writes: bool,
}

impl Phase {
    /// When the phase ends by itself.
    pub(super) fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Changing { until, .. } | Self::Deleting { until } | Self::Kept { until, .. } => Some(*until),
            Self::Ready | Self::Failed(_) => None,
        }
    }

    /// The word that the cloud shows.
    pub(super) fn word(&self) -> &str {
        match self {
            Self::Ready => "available",
            Self::Changing { word, .. } | Self::Kept { word, .. } => word,
            Self::Deleting { .. } => "deleting",
            Self::Failed(_) => "failed",
        }
    }
}

impl Row {
    /// Whether callers still see it. Rows that are kept are gone for them.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self.phase, Phase::Kept { .. })
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.inputs.get(name).or_else(|| self.outputs.get(name)).and_then(crate::engine::value::Value::as_str)
    }
}
