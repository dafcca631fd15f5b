//! `drctl destroy`: deletes everything that the state knows of, whatever the stack file says now.

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
    change(&Job { command: "destroy", mode: Mode::Destroy, global, manner, showing })
}
