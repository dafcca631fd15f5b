//! Where states are kept: files that survive every crash, hold secrets only sealed, and belong to
//! one run at a time.
//!
//! During a run a [`Session`] takes entries into a journal; the end of the run compacts it into a
//! snapshot. Whoever reads replays the journal over the snapshot, by the same rules that built the
//! state while the run went on ([`crate::engine::journal::apply`]).

mod backup;
mod environment;
mod error;
mod export;
mod files;
mod journal;
mod keys;
mod lint;
mod local;
mod lock;
mod order;
mod rename;
mod seal;
mod v1;

pub use backup::KEPT;
pub use environment::{Difference, EnvironmentMismatch, check_environment};
pub use error::StateError;
pub use export::{check_import, export, read_export};
pub(crate) use files::{make_dir, make_new};
pub use keys::{Keys, Notice, PASSPHRASE, PASSPHRASE_FILE, Source};
pub use lint::{Broken, Finding, lint};
pub use local::{Local, Lock, Session, StackSummary, list, replay};
pub use lock::Owner;
