//! `drctl preview`: shows what `up` would do, and does nothing.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::Result;
use crate::cli::run::{Expecting, Force, Form, Job, Manner, Showing, Timing, Tolerance, look};
use crate::engine::planner::Mode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    tolerance: Tolerance,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    timing: Timing,
    #[command(flatten)]
    expecting: Expecting,

    /// Write the plan to standard output as a comment for a pull request
    #[arg(long, conflicts_with = "json")]
    markdown: bool,

    /// Exit with 2 if anything would change, and with 0 if not
    #[arg(long)]
    detailed_exitcode: bool,

    /// Show what `destroy` would do
    #[arg(long)]
    destroy: bool,

    /// Write the plan to a file, for `up --plan`
    #[arg(long, value_name = "FILE")]
    save_plan: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let Arguments { force, tolerance, showing, timing, expecting, markdown, detailed_exitcode, destroy, save_plan } =
        arguments;
    let mode = if *destroy { Mode::Destroy } else { Mode::Up };
    let form = if *markdown { Form::Markdown } else { Form::Screen };
    let manner = Manner {
        tolerance,
        expecting,
        force: Some(force),
        effort: None,
        emptiness: None,
        queue: None,
        timing: Some(timing),
        showing: Some(showing),
    };
    let plan = look(&Job { command: "preview", mode, global, manner, plan: save_plan.as_deref() }, form)?;
    Ok(match plan.is_empty() && plan.held.is_empty() {
        true => Exit::Ok,
        false if expecting.expect_no_changes => Exit::UnexpectedChanges,
        false if *detailed_exitcode => Exit::Configuration,
        false => Exit::Ok,
    })
}
