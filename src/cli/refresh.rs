//! `drctl refresh`: brings the state to what the cloud shows. The cloud is not changed.

use clap::Args;

use crate::cli::Global;
use crate::cli::failure::Result;
use crate::cli::run::{Expecting, Job, Manner, Queue, Tolerance, change};
use crate::engine::planner::Mode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    tolerance: Tolerance,
    #[command(flatten)]
    queue: Queue,
    #[command(flatten)]
    expecting: Expecting,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let Arguments { tolerance, queue, expecting } = arguments;
    let manner = Manner {
        tolerance,
        expecting,
        force: None,
        effort: None,
        emptiness: None,
        queue: Some(queue),
        timing: None,
        showing: None,
    };
    change(&Job { command: "refresh", mode: Mode::Refresh, global, manner, plan: None })
}
