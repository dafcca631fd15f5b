//! `drctl stack`: the stacks that have a state, and their states as a whole.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, failed, given_path};
use crate::cli::places::states_here;
use crate::cli::project::directory;
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::cli::target::Target;
use crate::render;
use crate::render::table::Table;
use crate::render::words::count;
use crate::stack::{Request, is_stack_name};
use crate::state::{self, KeyChange, Leaving, StackSummary, StateError};

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
    /// Move a stack's state to another place: into S3, or back into files
    MigrateState(Migrate),
}

#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// Where to: `local` or `s3://BUCKET/PREFIX`
    #[arg(long, value_name = "PLACE")]
    to: String,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// Even if the state still has resources or cannot be read
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
        Command::MigrateState(Migrate { to }) => migrate(to, global),
    }
}

fn list(global: &Global) -> Result {
    let target = Target::chosen(global)?;
    let states = states_here(global)?;
    let stacks = runtime(false)?.block_on(states.list()).map_err(failed)?;
    render::data(listed(&stacks, global.json));
    if stacks.is_empty() && !global.json {
        render::say(format_args!("No stack has a state on `{}` in {}.\n", target.name(), states.place()));
    }
    // The others are listed all the same.
    let all_read = stacks.iter().all(|stack| stack.unreadable.is_none());
    Ok(if all_read { Exit::Ok } else { Exit::Configuration })
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

fn remove(force: bool, global: &Global) -> Result {
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("stack rm")?;
    let site = Site::of_state(global)?;
    runtime(false)?.block_on(async {
        site.must_exist().await?;
        // What is given up anyway need not be readable.
        let state = if force { None } else { Some(site.state().await?.0) };
        if let Some(state) = state.filter(|state| !state.rows.is_empty()) {
            let message = format!("stack `{}` still has {}", site.stack, count(state.rows.len(), "resource"));
            let help = "`drctl destroy` them first, or use `--force` to leave them in the cloud";
            return Err(Failure::new(Exit::Configuration, message, help));
        }
        if !answers.agree(&format!("Remove the state of `{}` on `{}`?", site.stack, site.target.name())).await? {
            return Ok(declined());
        }
        site.lock("stack rm").await?.remove().await.map_err(failed)?;
        render::say(format_args!("Removed the state of `{}`\n", site.stack));
        Ok(Exit::Ok)
    })
}

/// Refuses a name by which no command would find the stack.
fn check_name(name: &str, cwd: PathBuf) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        let message = format!("`{name}` is no name for a stack");
        let help = "names are letters, digits, hyphens, underscores and dots, perhaps with `@` and an environment";
        return Err(Failure::new(Exit::Configuration, message, help));
    }
    if !is_stack_name(&Request { stack: name.to_owned(), cwd, ..Request::default() }) {
        let message = format!("no command would find a stack by the name `{name}`");
        let help = "give a name without `.yaml` that no file or directory here has; after an `@` may be letters, \
                    digits, `-`, `_` and `.`";
        return Err(Failure::new(Exit::Configuration, message, help));
    }
    Ok(())
}

fn rename(name: &str, global: &Global) -> Result {
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("stack rename")?;
    check_name(name, directory(global)?)?;
    let site = Site::of_state(global)?;
    if site.stack == name {
        let message = format!("the stack is called `{name}` already");
        return Err(Failure::new(Exit::Configuration, message, "give another name"));
    }
    runtime(false)?.block_on(async {
        site.must_exist().await?;
        let keys = site.keys().await?;
        if !answers.agree(&format!("Rename `{}` on `{}` to `{name}`?", site.stack, site.target.name())).await? {
            return Ok(declined());
        }
        site.lock("stack rename").await?.rename(&keys, name).await.map_err(failed)?;
        render::say(format_args!("`{}` is `{name}` now. Give its file the same name.\n", site.stack));
        Ok(Exit::Ok)
    })
}

fn export(arguments: &Export, global: &Global) -> Result {
    let site = Site::of_state(global)?;
    let (state, keys) = runtime(false)?.block_on(site.state())?;
    let text = state::export(&state, &keys).map_err(failed)?;
    match &arguments.output {
        Some(path) => write_private(path, &text).map_err(given_path("write", path))?,
        None => render::data(String::from_utf8_lossy(&text)),
    }
    Ok(Exit::Ok)
}

/// A new file is for its owner alone.
fn write_private(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text)
}

fn import(arguments: &Import, global: &Global) -> Result {
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("stack import")?;
    let site = Site::of_state(global)?;
    let path = &arguments.file;
    let text = match path.as_os_str() == "-" {
        true => state::read_import(Path::new("standard input"), std::io::stdin().lock()),
        false => state::read_import(path, File::open(path).map_err(given_path("read", path))?),
    }
    .map_err(failed)?;
    runtime(false)?.block_on(async {
        let keys = site.keys().await?;
        let source = site.source().map_err(failed)?;
        let state = state::read_export(path, text, &site.states.keys_root(), &keys, source).await.map_err(failed)?;
        let stored = site.stored();
        let state = match arguments.force {
            true => state::as_of(state, stored.stack(), stored.target()).map_err(failed)?,
            false => state,
        };
        if !arguments.force {
            let present = match stored.load(&keys).await {
                // There is nothing to compare with what is damaged.
                Err(
                    StateError::Gone { .. }
                    | StateError::JournalGone { .. }
                    | StateError::Damaged { .. }
                    | StateError::Replay { .. },
                ) => None,
                other => other.map_err(failed)?,
            };
            state::check_import(&stored, present.as_ref(), &state).map_err(failed)?;
        }
        let resources = count(state.rows.len(), "resource");
        if !answers.agree(&format!("Put a state with {resources} in the place of that of `{}`?", site.stack)).await? {
            return Ok(declined());
        }
        site.lock("stack import").await?.import(&keys, &state).await.map_err(failed)?;
        render::say(format_args!(
            "`{}` has {resources} now. `drctl refresh` compares them with the cloud.\n",
            site.stack
        ));
        Ok(Exit::Ok)
    })
}

fn migrate(to: &str, global: &Global) -> Result {
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("stack migrate-state")?;
    let site = Site::of_state(global)?;
    let there = site.elsewhere(to)?;
    runtime(false)?.block_on(async {
        if there.states().place() == site.states.place() {
            return stay(&site, answers).await;
        }
        site.must_exist().await?;
        let (from, into) = (site.states.place(), there.states().place());
        let keys = site.keys().await?;
        let source = site.source().map_err(failed)?;
        if let Some(KeyChange { from, to }) = there.key_change(&keys, &source).await.map_err(failed)? {
            render::warn(format_args!("what opens the secrets changes: {from} does now, and {to} will in {into}"));
        }
        if !answers.agree(&format!("Move the state of `{}` from {from} to {into}?", site.stack)).await? {
            return Ok(declined());
        }
        let state = site.lock("stack migrate-state").await?.move_to(&keys, source, &there).await.map_err(failed)?;
        let resources = count(state.rows.len(), "resource");
        render::say(format_args!("Moved the state of `{}` with {resources} to {into}\n", site.stack));
        if site.backend_place().as_deref() != Some(into.as_str()) {
            render::say(format_args!("Write `backend: {to}` into its file, or give `--state {to}` from now on.\n"));
        }
        Ok(Exit::Ok)
    })
}

/// Takes back a move that did not end.
async fn stay(site: &Site, answers: Answers) -> Result {
    let here = site.states.place();
    let stays_anyway = || {
        let message = format!("the state of `{}` is in {here} already", site.stack);
        Failure::new(Exit::Configuration, message, "name another place with `--to`")
    };
    if !site.exists().await? {
        return Err(stays_anyway());
    }
    let keys = site.keys().await?;
    let (lock, leaving) = site.lock("stack migrate-state").await?.leaving(&keys).await.map_err(failed)?;
    let Some(Leaving { lineage, to }) = leaving else { return Err(stays_anyway()) };
    match site.elsewhere(state::in_short(&to))?.has(lineage).await {
        Ok(false) => {}
        Ok(true) => return Err(failed(StateError::Moving { to })),
        Err(why) => render::warn(format_args!("the state may be in {to} by now, which cannot be read: {why}")),
    }
    if !answers.agree(&format!("Keep the state of `{}` in {here}?", site.stack)).await? {
        return Ok(declined());
    }
    lock.stay(&keys).await.map_err(failed)?;
    render::say(format_args!("The state of `{}` stays in {here}\n", site.stack));
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_gets_no_name_that_commands_take_for_something_else() {
        let here = tempfile::tempdir().unwrap();
        std::fs::create_dir(here.path().join("stacks")).unwrap();
        let fits = |name: &str| check_name(name, here.path().to_owned()).is_ok();
        for name in ["", "a/b", "a b", "..", ".", "prod.yaml", "prod.YML", "prod.yaml@b", "stacks", "@b", "prod@b+c"] {
            assert!(!fits(name), "{name}");
        }
        for name in ["prod", "prod.eu", "prod@b", "a_b-c"] {
            assert!(fits(name), "{name}");
        }
    }

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
