//! The twin of a project, which one command at a time may change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::aws;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, failed};
use crate::cli::target::Target;
use crate::render;
use crate::state::{FileLock, Owner, StateError};
use crate::twin::Twin;

/// How long a command waits for another one that changes the twin.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps other commands from changing the twin for as long as what is returned lives. Says whom it
/// waits for. Whoever needs the lock of a stack too takes that first.
pub(super) async fn take_twin(root: &Path, owner: Owner) -> Result<FileLock> {
    let path = root.join(Target::Twin.name()).join("world.lock");
    let waits = Box::new(|holder: Option<&Owner>| {
        render::say(format_args!("Waiting for the twin, on which works {}\n", who(holder)));
    });
    FileLock::take(path, owner, PATIENCE, waits).await.map_err(|error| match error {
        StateError::Locked { owner: holder } => {
            let (who, waited) = (who(holder.as_deref()), PATIENCE.as_secs());
            let message = format!("the twin is in use after {waited} s of waiting: on it works {who}");
            Failure::new(Exit::Error, message, "wait until it ends, or end that process: its lock ends with it")
        }
        other => failed(other),
    })
}

fn who(holder: Option<&Owner>) -> String {
    holder.map_or_else(|| "another run".to_owned(), ToString::to_string)
}

/// The twin that a project keeps.
pub(super) fn open_twin(root: &Path) -> Result<Twin> {
    let (twin, _) = Twin::open(&twin_file(root), Arc::clone(aws::catalog()), Timestamp::now())?;
    Ok(twin)
}

/// Where the twin of a project is kept.
pub(super) fn twin_file(root: &Path) -> PathBuf {
    root.join(Target::Twin.name()).join("world.json")
}
