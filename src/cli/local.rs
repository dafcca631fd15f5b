//! `drctl local`: the twin, the simulated AWS that `--local` works on.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::exit::Exit;
use crate::cli::failure::{Result, failed};
use crate::cli::places::nearest_state_root;
use crate::cli::project::directory;
use crate::cli::runtime::runtime;
use crate::cli::target::Target;
use crate::cli::twin::{open_twin, take_twin, twin_file};
use crate::engine::duration::duration;
use crate::engine::urn::{Id, Place};
use crate::render;
use crate::render::table::Table;
use crate::render::words::{count, type_name};
use crate::state::{Owner, Source, States, silently};
use crate::twin::{Entry, Twin};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Move the twin's clock on: what AWS does or allows only later happens, or may be done then
    Advance(Advance),
    /// List every resource of the twin
    Inspect,
    /// Empty the twin and remove the states of all stacks on it
    Reset,
}

#[derive(Debug, Args)]
pub(super) struct Advance {
    /// How far: `90s`, `15m`, `24h`, `1d` or `1d12h`, at most `400d`
    #[arg(value_name = "DURATION", value_parser = span)]
    by: Duration,
}

/// Longer than anything that AWS keeps for a time.
const FURTHEST: Duration = Duration::from_secs(400 * DAY);
const DAY: u64 = 24 * 60 * 60;

/// A time on the twin's clock: a duration that may begin with days.
fn span(text: &str) -> std::result::Result<Duration, String> {
    let form = || "write a number and a unit, such as `90s`, `15m`, `24h` or `1d`".to_owned();
    let (days, rest) = match text.split_once('d') {
        Some((days, rest)) => (days.parse::<u32>().map_err(|_| form())?, rest),
        None => (0, text),
    };
    let rest = if rest.is_empty() && days > 0 { Some(Duration::ZERO) } else { duration(rest) };
    match rest.ok_or_else(form)?.saturating_add(Duration::from_secs(u64::from(days) * DAY)) {
        Duration::ZERO => Err("a clock that stays where it is changes nothing".to_owned()),
        by if by > FURTHEST => Err(format!("the clock moves by at most {} days at once", FURTHEST.as_secs() / DAY)),
        by => Ok(by),
    }
}

pub(super) fn run(command: &Command, global: &Global) -> Result {
    let root = nearest_state_root(&directory(global)?);
    // The clock of a twin lives in a runtime.
    runtime(true)?.block_on(async {
        match command {
            Command::Advance(Advance { by }) => advance(*by, &root, global).await,
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

/// What became of a resource while time passed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    place: Place,
    #[serde(rename = "type")]
    token: &'static str,
    id: Id,
    name: String,
    /// Nothing if it is gone.
    state: Option<String>,
}

/// A resource of a stack whose deletion AWS allows now.
#[derive(Debug, Serialize)]
struct Due {
    stack: String,
    name: String,
}

/// It takes the twin from no run that works on it, and asks nobody: only simulated time passes.
async fn advance(by: Duration, root: &Path, global: &Global) -> Result {
    let owner = Owner::here(&ulid::Ulid::generate().to_string(), "local advance");
    let _held = take_twin(root, owner).await?;
    let twin = open_twin(root)?;
    twin.keep_log()?;
    let before = twin.inspect();
    twin.advance(by).await;
    twin.save()?;
    let (now, after) = (twin.now(), twin.inspect());
    let changed = changes(&before, &after);
    let due = due(root, now).await?;
    if global.json {
        let document = serde_json::json!({ "now": now, "changed": changed, "due": due });
        render::data(format_args!("{document:#}\n"));
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(["REGION", "TYPE", "ID", "STATE", "NAME"]);
    for Change { place, token, id, name, state } in &changed {
        let state = state.clone().unwrap_or_else(|| "gone".to_owned());
        table.row([place.to_string(), type_name(token), id.to_string(), state, name.clone()]);
    }
    if !changed.is_empty() {
        render::data(table);
    }
    render::say(format_args!("The twin's clock shows {now}\n"));
    for Due { stack, name } in due {
        let command = format!("drctl destroy --stack {stack} --local");
        render::say(format_args!("`{name}` of `{stack}` may be deleted now: `{command}`\n"));
    }
    Ok(Exit::Ok)
}

fn changes(before: &[Entry], after: &[Entry]) -> Vec<Change> {
    let key = |entry: &Entry| (entry.token, entry.place.clone(), entry.id.clone(), entry.created);
    let states: HashMap<_, _> = after.iter().map(|entry| (key(entry), &entry.state)).collect();
    let changed = before.iter().filter(|entry| states.get(&key(entry)).is_none_or(|state| **state != entry.state));
    let change = |entry: &Entry| Change {
        place: entry.place.clone(),
        token: entry.token,
        id: entry.id.clone(),
        name: entry.urn.name().to_owned(),
        state: states.get(&key(entry)).map(|state| (*state).clone()),
    };
    changed.map(change).collect()
}

/// What a `destroy` left until a time that has come. A state that does not open tells nothing here.
async fn due(root: &Path, now: Timestamp) -> Result<Vec<Due>> {
    let states = States::local(root.to_owned(), Target::Twin.name());
    let source = Source::from_environment(|name| std::env::var(name).ok()).map_err(failed)?;
    let mut due = Vec::new();
    for found in states.list().await.map_err(failed)? {
        let stored = states.of(&found.stack);
        let Ok((keys, _)) = stored.open_keys(source.clone()).await else { continue };
        let Ok(Some(state)) = stored.load(&keys).await else { continue };
        let rows = state.rows.values().filter(|row| row.delete_after.is_some_and(|time| time <= now));
        due.extend(rows.map(|row| Due { stack: found.stack.clone(), name: row.key.urn.name().to_owned() }));
    }
    Ok(due)
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
            twin.keep_log()?;
            twin.reset();
            twin.save()?;
        }
        Err(_) => Twin::discard(&twin_file(root))?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_duration_that_may_begin_with_days() {
        let seconds = |text| span(text).map(|by| by.as_secs());
        for (text, wanted) in [("90s", 90), ("15m", 900), ("24h", DAY), ("1d", DAY), ("1d12h", DAY + DAY / 2)] {
            assert_eq!(seconds(text), Ok(wanted), "{text}");
        }
        for (text, why) in [
            ("", "write a number and a unit"),
            ("24", "write a number and a unit"),
            ("d", "write a number and a unit"),
            ("1h1d", "write a number and a unit"),
            ("-1h", "write a number and a unit"),
            ("1w", "write a number and a unit"),
            ("0s", "changes nothing"),
            ("401d", "at most 400 days"),
            ("400d1s", "at most 400 days"),
        ] {
            assert!(span(text).is_err_and(|told| told.contains(why)), "{text}: {:?}", span(text));
        }
    }
}
