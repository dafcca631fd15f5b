//! `drctl stack`: the stacks that have a state, and their states as a whole.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, io};
use crate::cli::session::{Site, Target, directory, failed, nearest_state_root, runtime};
use crate::render;
use crate::render::table::Table;
use crate::render::words::count;
use crate::state::{self, Lock, Owner, Source, StackSummary};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the stacks that have a state on this target
    Ls,
    /// Remove a stack's state; what it has in the cloud stays
    Rm(Remove),
    /// Give a stack another name; what it has in the cloud keeps its names
    Rename(Rename),
    /// Write the state, secrets sealed
    Export(Export),
    /// Put an exported state or a backup in the place of the present one
    Import(Import),
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// Even if the state still has resources
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct Rename {
    /// New name
    name: String,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// File to write instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// File to read; `-` for standard input
    file: PathBuf,

    /// Even if it is older, or of another stack or lineage
    #[arg(long)]
    force: bool,
}

pub(super) fn run(command: &Command, global: &Global) -> Result {
    match command {
        Command::Ls => list(global),
        Command::Rm(Remove { force }) => remove(*force, global),
        Command::Rename(Rename { name }) => rename(name, global),
        Command::Export(arguments) => export(arguments, global),
        Command::Import(arguments) => import(arguments, global),
    }
}

fn list(global: &Global) -> Result {
    let root = nearest_state_root(&directory(global)?);
    let target = Target::chosen(global);
    let stacks = state::list(&root, target.name()).map_err(failed)?;
    render::data(listed(&stacks, global.json));
    if stacks.is_empty() && !global.json {
        render::say(format_args!("No stack has a state on `{}`.\n", target.name()));
    }
    Ok(Exit::Ok)
}

fn listed(stacks: &[StackSummary], json: bool) -> String {
    if json {
        let stack = |s: &StackSummary| {
            json!({
                "stack": s.stack, "resources": s.resources, "serial": s.serial, "unfinished": s.unfinished,
                "lockedBy": s.locked_by, "unreadable": s.unreadable,
            })
        };
        return format!("{:#}\n", json!(stacks.iter().map(stack).collect::<Vec<_>>()));
    }
    let mut table = Table::new(["STACK", "RESOURCES", "RUNS", "NOTES"]);
    for stack in stacks {
        let unfinished = stack.unfinished.then(|| "a run did not end or goes on".to_owned());
        let locked = stack.locked_by.as_ref().map(|owner| format!("locked by {owner}"));
        let notes: Vec<String> = [unfinished, locked, stack.unreadable.clone()].into_iter().flatten().collect();
        table.row([stack.stack.clone(), stack.resources.to_string(), stack.serial.to_string(), notes.join("; ")]);
    }
    table.to_string()
}

async fn lock(site: &Site, command: &str) -> Result<Lock> {
    let owner = Owner::here(&ulid::Ulid::generate().to_string(), &format!("{command} --stack {}", site.stack));
    site.local().lock(owner, Duration::ZERO).await.map_err(failed)
}

fn remove(force: bool, global: &Global) -> Result {
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("stack rm")?;
    let site = Site::of_state(global)?;
    runtime(false)?.block_on(async {
        let (state, _) = site.state().await?;
        if !state.rows.is_empty() && !force {
            let message = format!("stack `{}` still has {}", site.stack, count(state.rows.len(), "resource"));
            let help = "`drctl destroy` them first, or use `--force` to leave them in the cloud";
            return Err(Failure::new(Exit::Configuration, message, help));
        }
        if !answers.agree(&format!("Remove the state of `{}` on `{}`?", site.stack, site.target.name()))? {
            return Ok(declined());
        }
        lock(&site, "stack rm").await?.remove().await.map_err(failed)?;
        render::say(format_args!("Removed the state of `{}`\n", site.stack));
        Ok(Exit::Ok)
    })
}

fn rename(name: &str, global: &Global) -> Result {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        let message = format!("`{name}` is no name for a stack");
        let help = "names are letters, digits, hyphens, underscores and dots, perhaps with `@` and an environment";
        return Err(Failure::new(Exit::Configuration, message, help));
    }
    let site = Site::of_state(global)?;
    runtime(false)?.block_on(async {
        if !site.local().exists() {
            return Err(site.not_found());
        }
        let keys = site.keys().await?;
        lock(&site, "stack rename").await?.rename(&keys, name).await.map_err(failed)?;
        render::say(format_args!("`{}` is `{name}` now. Give its file the same name.\n", site.stack));
        Ok(Exit::Ok)
    })
}

fn export(arguments: &Export, global: &Global) -> Result {
    let site = Site::of_state(global)?;
    let (state, keys) = runtime(false)?.block_on(site.state())?;
    let text = state::export(&state, &keys).map_err(failed)?;
    match &arguments.output {
        Some(path) => std::fs::write(path, text).map_err(io("write", path))?,
        None => render::data(String::from_utf8_lossy(&text)),
    }
    Ok(Exit::Ok)
}

fn import(arguments: &Import, global: &Global) -> Result {
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("stack import")?;
    let site = Site::of_state(global)?;
    let path = &arguments.file;
    let text = if path.as_os_str() == "-" {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).map_err(io("read", path))?;
        text
    } else {
        std::fs::read(path).map_err(io("read", path))?
    };
    runtime(false)?.block_on(async {
        let keys = site.keys().await?;
        let source = Source::from_environment(|name| std::env::var(name).ok()).map_err(failed)?;
        let state = state::read_export(path, text, &site.root, &keys, source).await.map_err(failed)?;
        let local = site.local();
        if !arguments.force {
            let present = local.load(&keys).await.map_err(failed)?;
            state::check_import(&local, present.as_ref(), &state).map_err(failed)?;
        }
        let resources = count(state.rows.len(), "resource");
        if !answers.agree(&format!("Put a state with {resources} in the place of that of `{}`?", site.stack))? {
            return Ok(declined());
        }
        lock(&site, "stack import").await?.import(&keys, &state).await.map_err(failed)?;
        render::say(format_args!(
            "`{}` has {resources} now. `drctl refresh` compares them with the cloud.\n",
            site.stack
        ));
        Ok(Exit::Ok)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_stacks_tells_what_is_unusual() {
        let stack = |name: &str, unfinished| StackSummary {
            stack: name.into(),
            serial: 3,
            resources: 165,
            unfinished,
            locked_by: None,
            unreadable: None,
        };
        insta::assert_snapshot!(listed(&[stack("prod", false), stack("test@b", true)], false), @r"
        STACK   RESOURCES  RUNS  NOTES
        prod    165        3     -
        test@b  165        3     a run did not end or goes on
        ");
    }
}
