//! `drctl destroy`: deletes everything that the state knows of, whatever the stack file says now.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Global;
use crate::cli::failure::Result;
use crate::cli::run::{Effort, Expecting, Force, Job, Manner, Queue, Timing, Tolerance, change};
use crate::engine::planner::Mode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    tolerance: Tolerance,
    #[command(flatten)]
    effort: Effort,
    #[command(flatten)]
    queue: Queue,
    #[command(flatten)]
    timing: Timing,
    #[command(flatten)]
    expecting: Expecting,

    /// Carry out exactly this plan of `preview --save-plan`, without a question
    #[arg(long, value_name = "FILE", help_heading = "How to go about it")]
    plan: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let Arguments { force, tolerance, effort, queue, timing, expecting, plan } = arguments;
    let manner = Manner {
        tolerance,
        expecting,
        force: Some(force),
        effort: Some(effort),
        emptiness: None,
        queue: Some(queue),
        timing: Some(timing),
        showing: None,
    };
    change(&Job { command: "destroy", mode: Mode::Destroy, global, manner, plan: plan.as_deref() })
}
