//! Where states are kept: in files or in S3, so that they survive every crash, hold secrets only
//! sealed, and belong to one run at a time. [`States`] are those of one target, [`Stored`] is one.
//!
//! During a run a [`Session`] takes entries into a journal; the end of the run compacts it into a
//! snapshot. Whoever reads replays the journal over the snapshot, by the same rules that built the
//! state while the run went on ([`crate::engine::journal::apply`]).

mod backup;
mod environment;
mod error;
mod export;
mod files;
mod format;
mod journal;
mod keys;
mod lint;
mod local;
mod lock;
mod migrate;
mod names;
mod order;
mod project;
mod rename;
mod rotate;
mod s3;
mod saved_plan;
mod seal;
mod store;
mod target;

pub use backup::KEPT;
pub use environment::{Difference, EnvironmentMismatch, check_environment};
pub use error::StateError;
pub(crate) use error::in_short;
pub use export::{check_import, export, read_export, read_import};
pub(crate) use files::{make_dir, make_new};
pub use keys::{Keys, NEW_PASSPHRASE, Notice, PASSPHRASE, PASSPHRASE_FILE, Source};
pub use lint::{Broken, Finding, World, check_sound, lint, lint_names};
pub use lock::{FileLock, Owner};
pub use migrate::{KeyChange, Leaving};
pub use names::{unname, without_lost_names};
pub use project::{ProjectMismatch, check_project};
pub use rename::{as_of, in_project, with_urns};
pub use rotate::Rotated;
pub use s3::{Buckets, Location, Tell};
pub use saved_plan::{Basis, SavedPlan, fingerprint};
pub use store::{Lock, Session, StackSummary, States, Stored, Waits, replay, silently};
pub use target::{TargetMismatch, check_target};
