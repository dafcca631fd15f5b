//! `drctl refresh`: brings the state to what the cloud shows. The cloud is not changed.

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
    change(&Job { command: "refresh", mode: Mode::Refresh, global, manner, showing, plan: None })
}
