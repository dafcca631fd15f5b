//! `drctl local`: the twin, the simulated AWS that `--local` works on.

use std::path::Path;
use std::time::Duration;

use clap::Subcommand;

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::exit::Exit;
use crate::cli::failure::{Result, failed, io};
use crate::cli::places::nearest_state_root;
use crate::cli::project::directory;
use crate::cli::runtime::runtime;
use crate::cli::target::Target;
use crate::cli::twin::{open_twin, take_twin, twin_file};
use crate::render;
use crate::render::table::Table;
use crate::render::words::{count, type_name};
use crate::state::{Owner, States, silently};
use crate::twin::Entry;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List every resource of the twin
    Inspect,
    /// Empty the twin and remove the states of all stacks on it
    Reset,
}

pub(super) fn run(command: &Command, global: &Global) -> Result {
    let root = nearest_state_root(&directory(global)?);
    // The clock of a twin lives in a runtime.
    runtime(true)?.block_on(async {
        match command {
            Command::Inspect => inspect(&root, global),
            Command::Reset => reset(&root, global).await,
        }
    })
}

fn inspect(root: &Path, global: &Global) -> Result {
    let twin = open_twin(root)?;
    let entries = twin.inspect();
    if global.json {
        render::data(format_args!("{:#}\n", serde_json::json!(entries)));
        return Ok(Exit::Ok);
    }
    render::data(listed(&entries));
    let resources = count(entries.len(), "resource");
    render::say(format_args!("{resources}, simulated; its clock shows {}\n", twin.now()));
    Ok(Exit::Ok)
}

/// Nothing goes while a run works on any of it. A twin whose file is damaged goes as well: that is what
/// this is there for.
async fn reset(root: &Path, global: &Global) -> Result {
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("local reset")?;
    let owner = Owner::here(&ulid::Ulid::generate().to_string(), "local reset");
    let mut locks = Vec::new();
    let states = States::local(root.to_owned(), Target::Twin.name());
    for stack in states.list().await.map_err(failed)? {
        let stored = states.of(&stack.stack);
        locks.push(stored.lock(owner.clone(), Duration::ZERO, silently()).await.map_err(failed)?);
    }
    let _held = take_twin(root, owner).await?;
    let twin = open_twin(root);
    let held = match &twin {
        Ok(twin) => count(twin.inspect().len(), "resource"),
        Err(_) => "a file that cannot be read".to_owned(),
    };
    let what = format!("{held} and {}", count(locks.len(), "state"));
    if !answers.agree(&format!("Remove {what} of the twin?")).await? {
        return Ok(declined());
    }
    match twin {
        Ok(twin) => {
            twin.reset();
            twin.save()?;
        }
        Err(_) => {
            let path = twin_file(root);
            std::fs::remove_file(&path).map_err(io("remove", &path))?;
        }
    }
    for lock in locks {
        lock.remove().await.map_err(failed)?;
    }
    render::say(format_args!("Removed {what}\n"));
    Ok(Exit::Ok)
}

fn listed(entries: &[Entry]) -> Table {
    let mut table = Table::new(["REGION", "TYPE", "ID", "STATE", "UNTIL", "NAME"]);
    for entry in entries {
        table.row([
            entry.place.to_string(),
            type_name(entry.token),
            entry.id.to_string(),
            entry.state.clone(),
            entry.until.map(|time| time.to_string()).unwrap_or_default(),
            entry.urn.name().to_owned(),
        ]);
    }
    table
}
