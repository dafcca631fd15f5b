//! The runtime of a command.

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};

/// On the twin time is virtual: whenever all wait, it jumps.
pub(super) fn runtime(simulated: bool) -> Result<tokio::runtime::Runtime> {
    let mut builder = if simulated {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder.enable_all().worker_threads(2);
    if simulated {
        builder.start_paused(true);
    }
    builder.build().map_err(|error| {
        Failure::new(
            Exit::Internal,
            format!("no runtime could be started: {error}"),
            "look at the limits of this process",
        )
    })
}
