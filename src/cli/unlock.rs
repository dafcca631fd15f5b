//! `drctl unlock`: who holds a stack, and how to take it from them.
//!
//! A lock ends with the process that holds it, so there is nothing to do after a crash. Only file
//! systems that lose track of locks need force.

use clap::Args;

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, failed, io};
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::render::{self, log};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Take the lock away although somebody seems to hold it
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let site = Site::of_state(global)?;
    let stored = site.stored();
    let Some(owner) = runtime(false)?.block_on(stored.holder()).map_err(failed)? else {
        let directory = stored.runs_dir();
        if log::list(&directory).map_err(io("read", &directory))?.is_empty() {
            runtime(false)?.block_on(site.must_exist())?;
        }
        render::say(format_args!("Nobody holds `{}`.\n", site.stack));
        return Ok(Exit::Ok);
    };
    if !arguments.force {
        return Err(Failure::new(
            Exit::Error,
            format!("`{}` is held by {owner}", site.stack),
            "stop that process, which releases the lock; if it does not exist any more, use `--force`",
        ));
    }
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("unlock")?;
    let question = format!("Take `{}` from {owner}?", site.stack);
    if !runtime(false)?.block_on(answers.agree(&question))? {
        return Ok(declined());
    }
    runtime(false)?.block_on(stored.break_lock()).map_err(failed)?;
    site.warn();
    render::say(format_args!("`{}` is free\n", site.stack));
    Ok(Exit::Ok)
}
