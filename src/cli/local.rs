//! `drctl local`: the twin, the simulated AWS that `--local` works on.

use std::time::Duration;

use clap::Subcommand;

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::exit::Exit;
use crate::cli::failure::Result;
use crate::cli::session::{Target, directory, failed, nearest_state_root, open_twin, runtime};
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
        let twin = open_twin(&root)?;
        let entries = twin.inspect();
        match command {
            Command::Inspect if global.json => render::data(format_args!("{:#}\n", serde_json::json!(entries))),
            Command::Inspect => {
                render::data(listed(&entries));
                render::say(format_args!(
                    "{}, simulated; its clock shows {}\n",
                    count(entries.len(), "resource"),
                    twin.now()
                ));
            }
            Command::Reset => {
                let answers = Answers::here(global.yes);
                answers.refuse_nobody("local reset")?;
                let states = States::local(root.clone(), Target::Twin.name());
                let stacks = states.list().await.map_err(failed)?;
                let what = format!("{} and {}", count(entries.len(), "resource"), count(stacks.len(), "state"));
                if !answers.agree(&format!("Remove {what} of the twin?"))? {
                    return Ok(declined());
                }
                twin.reset();
                twin.save()?;
                for stack in stacks {
                    let owner = Owner::here(&ulid::Ulid::generate().to_string(), "local reset");
                    let stored = states.of(&stack.stack);
                    let lock = stored.lock(owner, Duration::ZERO, silently()).await.map_err(failed)?;
                    lock.remove().await.map_err(failed)?;
                }
                render::say(format_args!("Removed {what}\n"));
            }
        }
        Ok(Exit::Ok)
    })
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
