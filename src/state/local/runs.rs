//! What the records of runs on this machine tell of a state that is not there any more.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::engine::event::{Envelope, Event};
use crate::engine::plan::Op;

/// Whether the records of a stack's runs tell of a change.
pub(super) fn have_changed_something(runs: &Path) -> bool {
    records(runs).into_iter().any(|path| events(&path).any(|event| is_change(&event)))
}

/// The newest run, if it changed something after the snapshot was written and never came to its end.
pub(super) fn unfinished(runs: &Path, snapshot: &Path) -> Option<String> {
    let written = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let newest = records(runs).into_iter().max()?;
    if written(&newest)? <= written(snapshot)? {
        return None;
    }
    let events: Vec<Event> = events(&newest).collect();
    let ended = events.iter().any(|event| matches!(event, Event::RunEnded { .. }));
    let run = newest.file_stem()?.to_string_lossy().into_owned();
    (!ended && events.iter().any(is_change)).then_some(run)
}

fn records(runs: &Path) -> Vec<PathBuf> {
    fs::read_dir(runs).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn events(record: &Path) -> impl Iterator<Item = Event> {
    let lines = fs::File::open(record).into_iter().flat_map(|file| BufReader::new(file).lines().map_while(Result::ok));
    lines.filter_map(|line| serde_json::from_str::<Envelope>(&line).ok()).map(|envelope| envelope.event)
}

fn is_change(event: &Event) -> bool {
    matches!(
        event,
        Event::IdKnown { .. } | Event::StepDone { op: Op::Create | Op::Update | Op::Delete | Op::Import, .. }
    )
}
