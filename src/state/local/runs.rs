//! What the records of runs on this machine tell of a state that is not there any more.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::engine::event::{Envelope, Event};
use crate::engine::plan::Op;

/// A run that changed something and never came to its end.
pub(super) struct Unfinished {
    pub(super) run: String,
    /// The number of the last entry of the journal when it began.
    pub(super) after: u64,
}

/// Whether the records of a stack's runs tell of a change.
pub(super) fn have_changed_something(runs: &Path) -> bool {
    records(runs).into_iter().any(|path| events(&path).any(|event| is_change(&event)))
}

/// The newest run that was to change something, if it did and never came to its end.
pub(super) fn unfinished(runs: &Path) -> Option<Unfinished> {
    let mut newest_first = records(runs);
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    let (record, after) = newest_first.into_iter().find_map(|record| {
        // A run that only looks begins after no entry.
        let Some(Event::RunStarted { after: Some(after), .. }) = events(&record).next() else { return None };
        Some((record, after))
    })?;
    let is_end = |event: &Event| matches!(event, Event::RunEnded { .. });
    // Records may be long, and nearly all of them end as they should.
    if last(&record).is_some_and(|event| is_end(&event)) || events(&record).any(|event| is_end(&event)) {
        return None;
    }
    let run = record.file_stem()?.to_string_lossy().into_owned();
    events(&record).any(|event| is_change(&event)).then_some(Unfinished { run, after })
}

fn records(runs: &Path) -> Vec<PathBuf> {
    fs::read_dir(runs).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

fn events(record: &Path) -> impl Iterator<Item = Event> {
    let lines = fs::File::open(record).into_iter().flat_map(|file| BufReader::new(file).lines().map_while(Result::ok));
    lines.filter_map(|line| serde_json::from_str::<Envelope>(&line).ok()).map(|envelope| envelope.event)
}

fn last(record: &Path) -> Option<Event> {
    let text = fs::read(record).ok()?;
    let line = text.rsplit(|b| *b == b'\n').find(|line| !line.is_empty())?;
    serde_json::from_slice::<Envelope>(line).ok().map(|envelope| envelope.event)
}

fn is_change(event: &Event) -> bool {
    matches!(
        event,
        Event::IdKnown { .. } | Event::StepDone { op: Op::Create | Op::Update | Op::Delete | Op::Import, .. }
    )
}
