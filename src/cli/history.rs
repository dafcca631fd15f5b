//! `drctl history`: the runs of a stack, and any of them told again.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, io};
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::engine::clock::Clock;
use crate::engine::event::{Ended, Envelope, Event};
use crate::render::table::Table;
use crate::render::words::duration;
use crate::render::{self, Detail, Style, log};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell a run again; without a run, the last one
    Show(Show),
}

#[derive(Debug, Args)]
struct Show {
    /// Run, or the beginning or end of its name
    run: Option<String>,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let site = Site::of_state(global)?;
    let directory = site.stored().runs_dir();
    let records = log::list(&directory).map_err(io("read", &directory))?;
    if records.is_empty() {
        runtime(false)?.block_on(site.must_exist())?;
    }
    match &arguments.command {
        None if global.json => render::data(format_args!("{:#}\n", document(&records))),
        None => {
            render::data(list(&records));
            if records.is_empty() {
                render::say(format_args!("`{}` has no runs on `{}`.\n", site.stack, site.target.name()));
            }
        }
        Some(Command::Show(Show { run })) => {
            let path = pick(&records, run.as_deref())?;
            let detail = Detail { regions: site.regions, ..Detail::default() };
            let style = if global.json { Style::Json } else { Style::Plain };
            let mut renderer = style.renderer(detail, Clock::system());
            log::read(path)?.iter().for_each(|envelope| renderer.event(envelope));
            renderer.finish();
        }
    }
    Ok(Exit::Ok)
}

fn pick<'a>(records: &'a [PathBuf], run: Option<&str>) -> Result<&'a Path> {
    let name = |path: &Path| path.file_stem().map(|s| s.to_string_lossy().to_lowercase()).unwrap_or_default();
    let found = match run.map(str::to_lowercase) {
        None => records.last(),
        Some(run) => records.iter().rev().find(|p| name(p).starts_with(&run) || name(p).ends_with(&run)),
    };
    found.map(PathBuf::as_path).ok_or_else(|| {
        let message = run.map_or("there are no runs".to_owned(), |run| format!("there is no run `{run}`"));
        Failure::new(Exit::Configuration, message, "`drctl history` lists the runs that are recorded")
    })
}

fn list(records: &[PathBuf]) -> String {
    let mut table = Table::new(["RUN", "AT", "COMMAND", "TOOK", "RESULT"]);
    for path in records.iter().rev() {
        let run = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        match log::read(path) {
            Ok(events) => {
                let [at, command, took, result] = told(&events);
                table.row([run, at, command, took, result]);
            }
            Err(error) => table.row([run, String::new(), String::new(), String::new(), error.to_string()]),
        }
    }
    table.to_string()
}

/// The runs for programs, newest first.
fn document(records: &[PathBuf]) -> serde_json::Value {
    let run = |path: &PathBuf| {
        let run = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let events = match log::read(path) {
            Ok(events) => events,
            Err(error) => return json!({ "run": run, "unreadable": error.to_string() }),
        };
        let mut about = json!({ "run": run, "at": events.first().map(|e| e.at) });
        for Envelope { event, .. } in &events {
            match event {
                Event::RunStarted { command, target, .. } => {
                    about["command"] = json!(command);
                    about["target"] = json!(target);
                }
                Event::RunEnded { ended, summary, took, .. } => {
                    about["ended"] = json!(ended);
                    about["summary"] = json!(summary);
                    about["took"] = json!(took);
                }
                _ => {}
            }
        }
        about
    };
    records.iter().rev().map(run).collect()
}

/// When, what, how long and how it ended.
fn told(events: &[Envelope]) -> [String; 4] {
    let at = events.first().map(|e| e.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()).unwrap_or_default();
    let command = events.iter().find_map(|e| match &e.event {
        Event::RunStarted { command, .. } => Some(command.clone()),
        _ => None,
    });
    let end = events.iter().rev().find_map(|e| match &e.event {
        Event::RunEnded { ended, took, .. } => Some((ended, *took)),
        _ => None,
    });
    let done = events.iter().filter(|e| matches!(e.event, Event::StepDone { .. })).count();
    let result = match end {
        None => "did not end".to_owned(),
        Some((Ended::Completed, _)) => format!("completed, {done} done"),
        Some((Ended::Failed { failed, skipped }, _)) if failed.is_empty() && skipped.is_empty() => {
            format!("wrong outputs, {done} done")
        }
        Some((Ended::Failed { failed, .. }, _)) => format!("{} failed, {done} done", failed.len()),
        Some((Ended::Cancelled { left }, _)) => format!("stopped, {done} done, {} left", left.len()),
        Some((Ended::Refused { code }, _)) => format!("refused: {code}"),
        Some((Ended::Unauthenticated { left }, _)) => format!("credentials ended, {done} done, {} left", left.len()),
        Some((Ended::Held { waiting, regions }, _)) => {
            format!("{done} done, {} waiting for {}", waiting.len(), regions.join(", "))
        }
        Some((Ended::Pending { until }, _)) => format!("pending until {until}, {done} done"),
    };
    [at, command.unwrap_or_default(), end.map(|(_, took)| duration(took)).unwrap_or_default(), result]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Renderer;

    #[test]
    fn a_list_of_runs_has_the_newest_first_and_tells_how_each_ended() {
        let dir = tempfile::tempdir().unwrap();
        let run = render::examples::run();
        let mut whole = log::Log::create(dir.path(), "01A");
        run.iter().for_each(|e| whole.event(e));
        let mut cut = log::Log::create(dir.path(), "01B");
        run.iter().take(3).for_each(|e| cut.event(e));
        insta::assert_snapshot!(list(&log::list(dir.path()).unwrap()), @r"
        RUN  AT                    COMMAND  TOOK        RESULT
        01B  2026-01-01 00:00:00Z  up       -           did not end
        01A  2026-01-01 00:00:00Z  up       1 min 21 s  1 failed, 1 done
        ");
    }

    #[test]
    fn programs_get_the_same_list_as_data() {
        let dir = tempfile::tempdir().unwrap();
        let run = render::examples::run();
        let mut whole = log::Log::create(dir.path(), "01A");
        run.iter().for_each(|e| whole.event(e));
        let mut refused = log::Log::create(dir.path(), "01B");
        let end = Event::RunEnded {
            version: None,
            ended: Ended::Refused { code: "protected".into() },
            summary: crate::engine::plan::Summary::default(),
            took: 0,
            notes: Vec::new(),
            unwritten: false,
        };
        refused.event(&run[0]);
        refused.event(&Envelope { event: end, ..run[1].clone() });
        let document = document(&log::list(dir.path()).unwrap());
        assert_eq!(document[0]["ended"], json!({ "how": "refused", "code": "protected" }));
        assert_eq!((&document[1]["run"], &document[1]["command"]), (&json!("01A"), &json!("up")));
        assert_eq!(document[1]["ended"]["how"], "failed");
        assert!(list(&log::list(dir.path()).unwrap()).contains("refused: protected"));
    }

    #[test]
    fn a_run_is_picked_by_part_of_its_name_or_the_last_one_without() {
        let records = ["r/01AX.jsonl", "r/01BY.jsonl"].map(PathBuf::from);
        assert_eq!(pick(&records, None).unwrap(), records[1]);
        assert_eq!(pick(&records, Some("01a")).unwrap(), records[0]);
        assert_eq!(pick(&records, Some("ax")).unwrap(), records[0]);
        assert!(pick(&records, Some("zz")).is_err());
        assert!(pick(&[], None).is_err());
    }
}
