//! `drctl up`: brings the cloud to what the stack says.

use clap::Args;

use crate::cli::Global;
use crate::cli::failure::Result;
use crate::cli::run::{Job, Manner, Showing, change};
use crate::engine::planner::Mode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    showing: Showing,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let Arguments { manner, showing } = arguments;
    change(&Job { command: "up", mode: Mode::Up, global, manner, showing })
}
