//! The record of a run: every event that must not be lost, one JSON object a line.
//!
//! It lies in `runs/<run>.jsonl` beside the state, so that any renderer can replay it later. A disk
//! that is full must not stop a run: the first failure is kept and told at the end.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::Renderer;
use crate::engine::event::{Envelope, Event, VERSION};

/// The record that is being written.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: Option<File>,
    failure: Option<io::Error>,
}

impl Log {
    /// Starts `<directory>/<run>.jsonl`, readable by the owner alone. It never fails: see [`Log::failure`].
    pub fn create(directory: &Path, run: &str) -> Self {
        let path = directory.join(format!("{run}.jsonl"));
        match open(directory, &path) {
            Ok(file) => Self { path, file: Some(file), failure: None },
            Err(failure) => Self { path, file: None, failure: Some(failure) },
        }
    }

    /// Why the record is incomplete, as a warning for the user.
    pub fn failure(&self) -> Option<String> {
        let failure = self.failure.as_ref()?;
        Some(format!("cannot keep the record of this run in {}: {failure}", self.path.display()))
    }
}

fn open(directory: &Path, path: &Path) -> io::Result<File> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Renderer for Log {
    fn event(&mut self, envelope: &Envelope) {
        let Some(file) = &mut self.file else { return };
        if envelope.event.is_progress() {
            return;
        }
        let written = serde_json::to_vec(envelope).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            file.write_all(&line)
        });
        if let Err(failure) = written {
            self.failure = Some(failure);
            self.file = None;
        }
    }
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("cannot read {path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} was written by a newer drctl (event format {version}, this one knows {VERSION})")]
    Newer { path: PathBuf, version: u32 },
    #[error("{path}:{line} is not an event: {error}")]
    Damaged { path: PathBuf, line: usize, error: serde_json::Error },
}

/// Reads a record. A last line that a crash cut short is left out.
///
/// # Errors
/// If the file cannot be read, is newer than this drctl, or is damaged before its last line.
pub fn read(path: &Path) -> Result<Vec<Envelope>, Unreadable> {
    let io = |error| Unreadable::Io { path: path.to_owned(), error };
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is no regular file")));
    }
    let lines: Vec<String> =
        BufReader::new(File::open(path).map_err(io)?).lines().collect::<Result<_, _>>().map_err(io)?;
    let mut events = Vec::with_capacity(lines.len());
    for (i, line) in lines.iter().enumerate() {
        match serde_json::from_str::<Envelope>(line) {
            Ok(envelope) => events.push(envelope),
            Err(error) => {
                let version = version(line).filter(|v| *v > VERSION);
                if let Some(version) = version {
                    return Err(Unreadable::Newer { path: path.to_owned(), version });
                }
                if i + 1 < lines.len() {
                    return Err(Unreadable::Damaged { path: path.to_owned(), line: i + 1, error });
                }
            }
        }
        if let Some(Envelope { event: Event::RunStarted { version, .. }, .. }) = events.last()
            && *version > VERSION
        {
            return Err(Unreadable::Newer { path: path.to_owned(), version: *version });
        }
    }
    Ok(events)
}

fn version(line: &str) -> Option<u32> {
    let json: serde_json::Value = serde_json::from_str(line).ok()?;
    u32::try_from(json.get("version")?.as_u64()?).ok()
}

/// The records in a directory, oldest first. A directory that does not exist has none.
///
/// # Errors
/// If the directory cannot be read.
pub fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<PathBuf> = paths.into_iter().filter(|p| p.extension().is_some_and(|e| e == "jsonl")).collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::examples;

    fn written() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::create(&dir.path().join("runs"), "01J");
        examples::run().iter().for_each(|e| log.event(e));
        assert_eq!(log.failure(), None);
        let path = dir.path().join("runs/01J.jsonl");
        (dir, path)
    }

    #[test]
    fn a_record_gives_back_every_event_but_progress() {
        let (dir, path) = written();
        let kept: Vec<Envelope> = examples::run().into_iter().filter(|e| !e.event.is_progress()).collect();
        assert_eq!(read(&path).unwrap(), kept);
        assert_eq!(list(&dir.path().join("runs")).unwrap(), [path]);
    }

    #[test]
    fn a_line_cut_short_by_a_crash_is_left_out_and_a_damaged_one_is_an_error() {
        let (_dir, path) = written();
        let text = std::fs::read_to_string(&path).unwrap();
        let whole = read(&path).unwrap().len();
        std::fs::write(&path, &text[..text.len() - 20]).unwrap();
        assert_eq!(read(&path).unwrap().len(), whole - 1);
        std::fs::write(&path, format!("{{\n{text}")).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains(":1 is not an event"));
    }

    #[test]
    fn a_record_of_a_newer_format_is_refused_by_name() {
        let (_dir, path) = written();
        let text = std::fs::read_to_string(&path).unwrap().replacen("\"version\":1", "\"version\":9", 1);
        std::fs::write(&path, text).unwrap();
        assert!(matches!(read(&path), Err(Unreadable::Newer { version: 9, .. })));
    }

    #[test]
    fn a_directory_that_cannot_be_made_only_warns() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("runs"), "a file").unwrap();
        let mut log = Log::create(&dir.path().join("runs"), "01J");
        examples::run().iter().for_each(|e| log.event(e));
        assert!(log.failure().unwrap().starts_with("cannot keep the record of this run"));
    }
}
