//! What keeps a twin between two commands: its file, and beside it a log of what has changed since the
//! file was written, one line a call. A line is written before its call is answered, so what a state
//! remembers of the twin is there though the process that made it was killed; not, though, after a power
//! failure, for lines are not forced to the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine::error::{Error, Kind, Result};
use crate::engine::json_size::MOST_LOGGED;
use crate::twin::cloud::Cloud;
use crate::twin::persist::{self, Kept, Record, damaged};
use crate::twin::quirks::Interfaces;
use crate::twin::row::Serial;

/// A log that is longer goes into the file, lest it become too long to be read.
const LONG: u64 = 64 << 20;

/// The file and the log of a twin.
#[derive(Debug)]
pub(super) struct Logbook {
    path: PathBuf,
    /// The number of the last line.
    n: u64,
    /// What the clock showed then.
    shown: Option<Timestamp>,
    /// The network interfaces that were left then.
    interfaces: Vec<Interfaces>,
    /// If it is written to.
    log: Option<Log>,
}

#[derive(Debug)]
struct Log {
    file: File,
    length: u64,
}

/// What a call changed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Counts on through all logs of a twin.
    n: u64,
    /// What the clock showed.
    now: Timestamp,
    /// The number of the next row.
    next: Serial,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gone: Vec<Serial>,
    /// As they are now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rows: Vec<Record>,
    /// All network interfaces that functions have left, if others than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interfaces: Option<Vec<Interfaces>>,
}

impl Logbook {
    /// Reads the file into an empty cloud, and the log on top of it. Gives what the clock showed, or nothing
    /// if there is neither.
    ///
    /// # Errors
    /// If one of them cannot be read, is damaged, or holds a type that the catalog does not have.
    pub(super) fn open(cloud: &mut Cloud, path: &Path) -> Result<(Self, Option<Timestamp>)> {
        let log = log_of(path);
        // Before the file: should a run end in between, the file holds all that the log does.
        let text = persist::read(&log, MOST_LOGGED)?.unwrap_or_default();
        let kept = persist::load(cloud, path)?;
        let mut logbook = Self {
            path: path.to_owned(),
            n: kept.as_ref().map_or(0, |kept| kept.through),
            shown: kept.map(|Kept { now, .. }| now),
            interfaces: cloud.world.interfaces().to_vec(),
            log: None,
        };
        for (number, text) in (1..).zip(whole(&text).split_inclusive(|byte| *byte == b'\n')) {
            let wrong = |why: &dyn std::fmt::Display| damaged(&log, &format!("line {number}: {why}"));
            let line: Line = serde_json::from_slice(text).map_err(|e| wrong(&e))?;
            if line.n > logbook.n {
                if line.n != logbook.n + 1 {
                    return Err(wrong(&format!("change {} follows change {}", line.n, logbook.n)));
                }
                logbook.replay(line, cloud).map_err(|e| wrong(&e))?;
            }
        }
        cloud.world.forget_touched();
        let shown = logbook.shown;
        Ok((logbook, shown))
    }

    fn replay(&mut self, line: Line, cloud: &mut Cloud) -> Result<(), String> {
        line.gone.into_iter().for_each(|serial| cloud.remove(serial));
        for record in line.rows {
            persist::put(cloud, record)?;
        }
        if let Some(interfaces) = line.interfaces {
            self.interfaces.clone_from(&interfaces);
            cloud.world.restore_interfaces(interfaces);
        }
        cloud.world.skip_to(line.next);
        (self.n, self.shown) = (line.n, Some(line.now));
        Ok(())
    }

    /// Begins to write the log, behind what it holds, and clears away what writers that were killed left.
    pub(super) fn begin(&mut self, cloud: &mut Cloud) -> Result<()> {
        let path = log_of(&self.path);
        let length = persist::read(&path, MOST_LOGGED)?.map_or(0, |text| whole(&text).len()) as u64;
        persist::sweep(&self.path);
        let file = open(&path, length).map_err(|e| unwritten(&path, &e))?;
        self.log = Some(Log { file, length });
        cloud.world.forget_touched();
        Ok(())
    }

    /// Writes down what has changed since the last line, and that time has passed.
    ///
    /// # Errors
    /// If that fails, what was done may be known to nobody. It goes into the next line.
    pub(super) fn write(&mut self, cloud: &mut Cloud, now: Timestamp) -> Result<()> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let left = cloud.world.interfaces();
        let mut line = Line {
            n: self.n + 1,
            now,
            next: cloud.world.next(),
            gone: Vec::new(),
            rows: Vec::new(),
            interfaces: (left != self.interfaces).then(|| left.to_vec()),
        };
        for (serial, row) in cloud.world.touched() {
            match row {
                Some(row) => line.rows.push(persist::record(serial, row)?),
                None => line.gone.push(serial),
            }
        }
        let is_same = line.gone.is_empty() && line.rows.is_empty() && line.interfaces.is_none();
        if is_same && self.shown.is_some_and(|shown| shown >= now) {
            return Ok(());
        }
        let mut text = serde_json::to_vec(&line).map_err(|e| Error::bug(e.to_string()))?;
        text.push(b'\n');
        if let Err(e) = log.append(&text) {
            return Err(Error { ambiguous: true, ..unwritten(&log_of(&self.path), &e) });
        }
        (self.n, self.shown) = (line.n, Some(now));
        if let Some(interfaces) = line.interfaces {
            self.interfaces = interfaces;
        }
        cloud.world.forget_touched();
        if log.length > LONG {
            // If that fails, the log holds everything.
            let _ = self.fold(cloud, now);
        }
        Ok(())
    }

    /// Writes everything into the file, and empties the log. A log that stays does no harm: the file says
    /// what of it it holds.
    pub(super) fn fold(&mut self, cloud: &mut Cloud, now: Timestamp) -> Result<()> {
        persist::save(cloud, Kept { now, through: self.n }, &self.path)?;
        self.shown = Some(now);
        self.interfaces = cloud.world.interfaces().to_vec();
        cloud.world.forget_touched();
        if let Some(log) = &mut self.log
            && log.file.set_len(0).is_ok()
        {
            log.length = 0;
        }
        Ok(())
    }
}

impl Log {
    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let written = self.file.seek(SeekFrom::Start(self.length)).and_then(|_| self.file.write_all(text));
        match written {
            Ok(()) => self.length += text.len() as u64,
            // Half a line must not stand before what comes next. If even that fails, the next line goes to
            // the same place.
            Err(_) => drop(self.file.set_len(self.length)),
        }
        written
    }
}

/// Lets the disk be full, or not any more.
#[cfg(test)]
pub(super) fn fill_disk(twin: &crate::twin::Twin, full: bool) {
    let mut logbook = twin.logbook.as_ref().expect("it is kept in a file").lock().expect("nobody panics with it");
    let path = if full { PathBuf::from("/dev/full") } else { log_of(&logbook.path) };
    let file = OpenOptions::new().write(true).open(path).expect("it is there");
    logbook.log.as_mut().expect("it is written to").file = file;
}

/// Removes the file and the log of a twin, which need not be readable.
///
/// # Errors
/// If one of them cannot be removed.
pub(super) fn discard(path: &Path) -> Result<()> {
    for path in [&log_of(path), path] {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(Error::new(Kind::Invalid, format!("cannot remove `{}`: {e}", path.display())));
            }
            _ => {}
        }
    }
    Ok(())
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("log")
}

/// The lines that were written to their end.
fn whole(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    &text[..end]
}

/// The log, cut to a length, which only its owner can read.
fn open(path: &Path, length: u64) -> io::Result<File> {
    fs::create_dir_all(persist::folder(path))?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    file.set_len(length)?;
    Ok(file)
}

fn unwritten(path: &Path, why: &io::Error) -> Error {
    Error::new(Kind::Invalid, format!("cannot write the simulated AWS to `{}`: {why}", path.display()))
        .hint("free some space on that disk, or make the path writable for you, and run the command again")
}
