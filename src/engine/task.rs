//! What the executor needs for a step beside what the plan shows: values in plain, rows, options.

use std::sync::Arc;

use crate::engine::inherit::Inheritance;
use crate::engine::program::Options;
use crate::engine::provider::Live;
use crate::engine::state::{Key, Row};
use crate::engine::value::Value;

/// The work behind one step.
#[derive(Debug, Clone)]
pub enum Task {
    /// Nothing to call. The row is written if the program's options changed.
    Keep { row: Arc<Row>, options: Box<Options> },
    /// Leave it, whatever moves: others see it as the state has it.
    Stay { row: Arc<Row> },
    /// Make it. `row` holds everything but inputs, id and outputs.
    Make {
        row: Arc<Row>,
        /// The attempt of an interrupted create without effect: its token is used again.
        attempt: Option<String>,
        /// The row of the old half, set aside before the new one is made.
        set_aside: Option<Key>,
        /// What it takes over from the one that it replaces.
        inherits: Box<Inheritance>,
    },
    /// Bring it to the program's inputs.
    Change { row: Arc<Row>, options: Box<Options>, live: Option<Box<Live>> },
    /// Set some inputs of it before something is deleted.
    Act { key: Key, patch: Value },
    /// Take the state's own protection from its row, without a call.
    Unprotect { key: Key },
    /// Delete it. `applied` holds the inputs applied last, and what the override adds to them; `leaves` what the
    /// one that is made in the room takes over.
    Remove { key: Key, applied: Value, leaves: Value },
    /// Drop the row without a call: the thing stays, or goes with another one.
    Drop { key: Key },
    /// Read what the program does not manage.
    Look { row: Arc<Row> },
    /// Write the row as it was read.
    Note,
}

impl Task {
    /// The row of what it deletes.
    pub fn deletes(&self) -> Option<&Key> {
        match self {
            Self::Remove { key, .. } => Some(key),
            _ => None,
        }
    }

    /// Whether it needs the cloud, whatever has moved.
    pub fn calls(&self) -> bool {
        match self {
            Self::Make { .. } | Self::Change { .. } | Self::Act { .. } | Self::Remove { .. } | Self::Look { .. } => {
                true
            }
            Self::Keep { .. } | Self::Stay { .. } | Self::Unprotect { .. } | Self::Drop { .. } | Self::Note => false,
        }
    }
}
