//! `drctl destroy`: deletes everything that the state knows of, whatever the stack file says now.

use std::path::PathBuf;

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

    /// Carry out exactly this plan of `preview --save-plan`, without a question
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let Arguments { manner, showing, plan } = arguments;
    change(&Job { command: "destroy", mode: Mode::Destroy, global, manner, showing, plan: plan.as_deref() })
}
