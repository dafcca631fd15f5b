//! `drctl up`: brings the cloud to what the stack says.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Global;
use crate::cli::failure::Result;
use crate::cli::run::{Effort, Emptiness, Expecting, Force, Job, Manner, Queue, Showing, Timing, Tolerance, change};
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
    emptiness: Emptiness,
    #[command(flatten)]
    queue: Queue,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    timing: Timing,
    #[command(flatten)]
    expecting: Expecting,

    /// Carry out exactly this plan of `preview --save-plan`, without a question
    #[arg(long, value_name = "FILE", help_heading = "How to go about it")]
    plan: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let Arguments { force, tolerance, effort, emptiness, queue, showing, timing, expecting, plan } = arguments;
    let manner = Manner {
        tolerance,
        expecting,
        force: Some(force),
        effort: Some(effort),
        emptiness: Some(emptiness),
        queue: Some(queue),
        timing: Some(timing),
        showing: Some(showing),
    };
    change(&Job { command: "up", mode: Mode::Up, global, manner, plan: plan.as_deref() })
}
