//! States in files beside the project: `.drctl/<target>/<stack>/`.
//!
//! | file | content |
//! | --- | --- |
//! | `state.json` | the snapshot: the state when a run last ended |
//! | `journal.jsonl` | what happened since |
//! | `lock` | locked while a run works on the stack; says who does |
//! | `runs/` | what runs recorded of themselves |
//! | `backups/` | the snapshot by another name, and earlier ones |
//! | `moved` | where the state went, if it is kept elsewhere now |

mod runs;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::sync::watch;

use crate::state::error::{Result, StateError};
use crate::state::format::{self, Snapshot, Stamp, pretty};
use crate::state::keys::{Keys, Notice, Source};
use crate::state::lock::{self, FileLock, Owner};
use crate::state::store::{Anew, Held, Lines, Part, Raw, Rewritten, Shelf, States, Store, Waits};
use crate::state::{backup, files, journal};

/// Characters of targets and stacks that stand for themselves in the name of a directory.
const IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'@').remove(b'+');

const SNAPSHOT: &str = "state.json";
const JOURNAL: &str = "journal.jsonl";
const LOCK: &str = "lock";
const BACKUPS: &str = "backups";
const MOVED: &str = "moved";
const RUNS: &str = "runs";

/// The states of one target in a project's `.drctl`.
#[derive(Debug)]
struct Local {
    root: PathBuf,
    target: String,
}

impl States {
    /// States in files. `root` is the project's `.drctl`. Names may hold any character.
    pub fn local(root: PathBuf, target: &str) -> Self {
        Self::new(Arc::new(Local { root, target: target.to_owned() }), target)
    }
}

impl Store for Local {
    fn name(&self) -> String {
        self.root.display().to_string()
    }

    fn stacks(&self) -> Result<Vec<String>> {
        let dir = self.root.join(encoded(&self.target));
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(StateError::io("read", &dir)(e)),
        };
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        // Names that this module does not give are, for example, of a stack that is being removed.
        Ok(names.filter_map(|name| Some(decoded(&name)).filter(|stack| encoded(stack) == name)).collect())
    }

    fn shelf(&self, stack: &str) -> Arc<dyn Shelf> {
        Arc::new(Folder(self.beside(stack)))
    }

    fn beside(&self, stack: &str) -> PathBuf {
        self.root.join(encoded(&self.target)).join(encoded(stack))
    }

    fn keys_root(&self) -> PathBuf {
        self.root.clone()
    }

    fn own_keys(&self, stack: &str) -> Option<PathBuf> {
        Some(self.beside(stack))
    }

    fn open_keys(&self, source: Source) -> BoxFuture<'static, Result<(Keys, Option<Notice>)>> {
        let root = self.root.clone();
        async move { Keys::open(&root, source).await }.boxed()
    }
}

pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, IN_NAMES).to_string()
}

pub(super) fn decoded(name: &str) -> String {
    percent_decode_str(name).decode_utf8_lossy().into_owned()
}

/// The directory of one stack.
#[derive(Debug, Clone)]
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn part(&self, name: &str) -> Result<Option<Part>> {
        let name = self.path(name);
        Ok(files::read(&name)?.map(|bytes| Part { name, bytes }))
    }
}

impl Folder {
    /// The error for a state that must have been there: its backups are, or runs that changed
    /// something.
    fn gone(&self) -> Option<StateError> {
        let backup = self.backups().ok().and_then(|all| all.into_iter().next());
        let known = backup.is_some() || runs::have_changed_something(&self.path(RUNS));
        known.then(|| StateError::Gone { path: self.path(SNAPSHOT), backup })
    }
}

impl Shelf for Folder {
    fn exists(&self) -> Result<bool> {
        if self.path(SNAPSHOT).exists() {
            return Ok(true);
        }
        match self.part(MOVED)? {
            Some(moved) => {
                Err(StateError::Moved { to: String::from_utf8_lossy(moved.bytes.trim_ascii()).into_owned() })
            }
            None => Ok(self.gone().is_some()),
        }
    }

    /// The journal is read before the snapshot: should a run end in between, the snapshot holds
    /// everything that the journal does.
    fn read(&self) -> Result<Raw> {
        let journal: Vec<Part> = self.part(JOURNAL)?.into_iter().collect();
        let snapshot = self.part(SNAPSHOT)?;
        if snapshot.is_none() {
            self.exists()?;
            if let Some(gone) = self.gone() {
                return Err(gone);
            }
        }
        if let Some(part) = &snapshot
            && journal.iter().all(|part| part.bytes.is_empty())
            && let Some(lost) = runs::unfinished(&self.path(RUNS))
            && Stamp::of(&part.bytes).is_some_and(|stamp| stamp.through <= lost.after)
        {
            return Err(StateError::JournalGone { path: self.path(JOURNAL), run: lost.run });
        }
        Ok(Raw { snapshot, journal })
    }

    fn holder(&self) -> Result<Option<Owner>> {
        Ok(lock::holder(&self.path(LOCK)))
    }

    fn lock(&self, owner: Owner, timeout: Duration, waits: Waits) -> BoxFuture<'static, Result<Box<dyn Held>>> {
        let dir = self.0.clone();
        async move { Ok(Box::new(Holding::take(dir, owner, timeout, waits).await?) as Box<dyn Held>) }.boxed()
    }

    /// For file systems that lose track of locks: whoever holds the file that is removed keeps it and
    /// writes on, so that person must know that nobody does.
    fn break_lock(&self) -> Result<()> {
        let path = self.path(LOCK);
        fs::remove_file(&path).map_err(StateError::io("remove", &path))
    }

    fn backups(&self) -> Result<Vec<PathBuf>> {
        backup::list(&self.path(BACKUPS))
    }

    fn backup(&self, name: &Path) -> Result<Vec<u8>> {
        files::read(name)?.ok_or_else(|| StateError::io("read", name)(std::io::ErrorKind::NotFound.into()))
    }
}

/// A directory whose lock is held.
pub(super) struct Holding {
    folder: Folder,
    /// The journal once it is written to, and its length that is durable.
    pub(super) journal: Option<(File, u64)>,
    loss: watch::Sender<Option<Arc<StateError>>>,
    _lock: FileLock,
}

impl Holding {
    pub(super) async fn take(dir: PathBuf, owner: Owner, timeout: Duration, waits: Waits) -> Result<Self> {
        let folder = Folder(dir);
        let lock = FileLock::take(folder.path(LOCK), owner, timeout, waits).await?;
        files::sweep(&folder.0);
        Ok(Self { folder, journal: None, loss: watch::channel(None).0, _lock: lock })
    }

    /// The journal, cut behind its last whole line.
    fn open(&mut self) -> Result<&mut (File, u64)> {
        if self.journal.is_none() {
            let path = self.folder.path(JOURNAL);
            let whole = files::read(&path)?.map_or(0, |bytes| journal::whole(&bytes)) as u64;
            let file = files::open(&path)?;
            file.set_len(whole).map_err(StateError::io("write", &path))?;
            self.journal = Some((file, whole));
        }
        self.journal.as_mut().ok_or(StateError::Stopped)
    }
}

impl Held for Holding {
    fn read(&self) -> Result<Raw> {
        self.folder.read()
    }

    fn append(&mut self, lineage: &str, lines: &Lines) -> Result<()> {
        let path = self.folder.path(JOURNAL);
        let (file, durable) = self.open()?;
        let head = if *durable == 0 { format::head(lineage, None) } else { Vec::new() };
        let mut write = || {
            file.seek(SeekFrom::Start(*durable))?;
            file.write_all(&head)?;
            file.write_all(&lines.bytes)?;
            file.sync_data()
        };
        if let Err(e) = write() {
            // Half a line must not stand before what comes next. If even that fails, the next write
            // goes to the same place.
            let _ = file.set_len(*durable);
            return Err(StateError::io("write", &path)(e));
        }
        *durable += (head.len() + lines.bytes.len()) as u64;
        Ok(())
    }

    fn save(&mut self, snapshot: Snapshot) -> Result<()> {
        let path = self.folder.path(SNAPSHOT);
        match files::read(&path)?.map(|bytes| Stamp::of(&bytes)) {
            None => {}
            Some(Some(old)) if old.is_first() => {}
            Some(old) => {
                let Stamp { serial, through, .. } = old.unwrap_or_default();
                backup::keep(&path, serial, through)?;
            }
        }
        let is_leaving = snapshot.moving_to.is_some();
        let bytes = pretty(&Snapshot { at: None, ..snapshot });
        files::replace(&path, &bytes)?;
        if let Some(Stamp { serial, through, .. }) = Stamp::of(&bytes).filter(|stamp| !stamp.is_first() && !is_leaving)
        {
            backup::keep(&path, serial, through)?;
        }
        let moved = self.folder.path(MOVED);
        match fs::remove_file(&moved) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(StateError::io("remove", &moved)(e)),
            _ => Ok(()),
        }
    }

    fn forget_journal(&mut self) {
        if let Ok((file, durable)) = self.open()
            && file.set_len(0).and_then(|()| file.sync_data()).is_ok()
        {
            *durable = 0;
        }
    }

    fn set_journal_aside(&mut self) -> Result<()> {
        let path = self.folder.path(JOURNAL);
        self.journal = None;
        if fs::metadata(&path).is_ok_and(|m| m.len() > 0) {
            let backups = self.folder.path(BACKUPS);
            files::make_dir(&backups)?;
            let aside = backups.join(format!("{}.jsonl", ulid::Ulid::generate()));
            fs::rename(&path, &aside).map_err(StateError::io("move", &path))?;
        }
        Ok(())
    }

    fn keep_backup(&mut self, name: &Path, bytes: &[u8]) -> Result<()> {
        let backups = self.folder.path(BACKUPS);
        files::make_dir(&backups)?;
        let name = name.file_name().ok_or_else(|| StateError::damaged(name, None, "it has no name"))?;
        files::make_new(&backups.join(name), bytes).map(|_| ())
    }

    fn rewrite_backups(&mut self, anew: &Anew) -> Result<Rewritten> {
        let mut done = Rewritten::default();
        for path in backup::all(&self.folder.path(BACKUPS))? {
            let Some(bytes) = files::read(&path)? else { continue };
            match anew(&path, &bytes) {
                Ok(bytes) => {
                    files::replace(&path, &bytes)?;
                    done.backups += 1;
                }
                Err(why) => done.left.push((path, why.to_string())),
            }
        }
        Ok(done)
    }

    fn beyond_lost(&self) -> u64 {
        runs::unfinished(&self.folder.path(RUNS)).map_or(0, |lost| lost.after + 1)
    }

    fn remove(&mut self, moved: Option<&str>) -> Result<()> {
        let dir = &self.folder.0;
        let Some(moved) = moved else {
            // In one step: half a stack would be a damaged one.
            let doomed = dir.with_file_name(format!(".removed-{}", ulid::Ulid::generate()));
            fs::rename(dir, &doomed).map_err(StateError::io("remove", dir))?;
            return fs::remove_dir_all(&doomed).map_err(StateError::io("remove", &doomed));
        };
        files::replace(&self.folder.path(MOVED), format!("{moved}\n").as_bytes())?;
        let snapshot = self.folder.path(SNAPSHOT);
        let last = files::read(&snapshot)?.and_then(|bytes| Stamp::of(&bytes)).unwrap_or_default();
        backup::keep(&snapshot, last.serial, last.through)?;
        self.set_journal_aside()?;
        fs::remove_file(&snapshot).map_err(StateError::io("remove", &snapshot))
    }

    fn loss(&self) -> watch::Receiver<Option<Arc<StateError>>> {
        self.loss.subscribe()
    }
}
