//! `journal.jsonl`: what happened since the snapshot, one line an entry, durable before it counts.
//!
//! Whatever was appended while the disk was busy goes to it in one write and one sync. What a disk
//! refused stays in memory, in order, and goes with the next write. Every line has a number that
//! counts on through the life of the state, and the snapshot says up to which it holds them: so a
//! crash between writing a snapshot and emptying the journal changes nothing.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::engine::error::Error;
use crate::engine::journal::Entry;
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::lock::Held;
use crate::state::seal::Seal;
use crate::state::v1::{Happened, Head, Line, VERSION, gate};
use crate::state::{backup, v1};

/// The journal as it was found.
pub(super) struct Found {
    pub(super) lineage: Option<String>,
    /// Each with the number of its line in the file, from 1.
    pub(super) lines: Vec<(usize, Line)>,
    /// Bytes up to the end of the last whole line; what follows was never durable.
    pub(super) whole: u64,
}

/// Reads a journal. A last line without its end is what a crash left of a write that nobody was told
/// of, and is dropped.
///
/// # Errors
/// If any other line is not what drctl writes, or a line is missing.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Found> {
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let mut found = Found { lineage: None, lines: Vec::new(), whole: whole as u64 };
    let damaged = |line: usize, why: String| StateError::damaged(path, Some(line), why);
    for (number, text) in (1..).zip(bytes[..whole].split_inclusive(|b| *b == b'\n')) {
        if number == 1 {
            gate(path, text, VERSION)?;
            let head: Head = serde_json::from_slice(text).map_err(|e| damaged(number, e.to_string()))?;
            found.lineage = Some(head.lineage);
            continue;
        }
        let line: Line = serde_json::from_slice(text).map_err(|e| damaged(number, e.to_string()))?;
        match found.lines.last() {
            Some((_, before)) if line.n != before.n + 1 => {
                return Err(damaged(number, format!("entry {} follows entry {}", line.n, before.n)));
            }
            _ => found.lines.push((number, line)),
        }
    }
    Ok(found)
}

/// The one who writes to the files of a stack during a run.
pub(super) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    disk: Mutex<Disk>,
    /// Held until the last write is done, even one that nobody waits for.
    _held: Held,
}

/// What waits for the disk.
struct Queue {
    /// The number given last.
    n: u64,
    bytes: Vec<u8>,
    tickets: Vec<oneshot::Sender<Result<(), Error>>>,
    /// Somebody takes from the queue until it is empty.
    served: bool,
}

/// The files, as far as they are known to be written.
pub(super) struct Disk {
    pub(super) journal: File,
    pub(super) journal_path: PathBuf,
    pub(super) snapshot_path: PathBuf,
    pub(super) lineage: String,
    /// Length of the journal that is durable.
    pub(super) durable: u64,
    /// What comes next in the journal.
    pub(super) unwritten: Vec<u8>,
    /// A snapshot to write before the first entry: there is none yet.
    pub(super) first: Option<Vec<u8>>,
    /// Serial and last entry of the snapshot on disk.
    pub(super) serial: u64,
    pub(super) through: u64,
}

/// A promise that entries become durable.
pub(super) type Ticket = oneshot::Receiver<Result<(), Error>>;

impl Writer {
    /// `n` is the number of the last entry that is on disk.
    pub(super) fn new(disk: Disk, n: u64, held: Held) -> Self {
        let queue = Queue { n, bytes: Vec::new(), tickets: Vec::new(), served: false };
        Self { shared: Arc::new(Shared { queue: Mutex::new(queue), disk: Mutex::new(disk), _held: held }) }
    }

    /// Puts entries behind those that were put before, at once and not when the ticket is awaited.
    pub(super) fn put(&self, entries: &[Entry], seal: &Seal<'_>) -> Result<Ticket, Error> {
        let runtime = Handle::try_current().map_err(|_| Error::bug("the journal is used outside of the runtime"))?;
        let entries = entries.iter().map(|e| Happened::of(e, seal)).collect::<Result<Vec<_>>>()?;
        let (ticket, promise) = oneshot::channel();
        let mut queue = locked(&self.shared.queue);
        for entry in entries {
            queue.n += 1;
            let n = queue.n;
            serde_json::to_writer(&mut queue.bytes, &Line { n, entry }).map_err(|e| Error::bug(e.to_string()))?;
            queue.bytes.push(b'\n');
        }
        queue.tickets.push(ticket);
        if !std::mem::replace(&mut queue.served, true) {
            let shared = Arc::clone(&self.shared);
            // A virtual clock stands still while a blocking task runs, which is what a wait for a
            // disk must look like.
            runtime.spawn_blocking(move || shared.serve());
        }
        Ok(promise)
    }

    /// The number of the entry put last.
    pub(super) fn n(&self) -> u64 {
        locked(&self.shared.queue).n
    }

    /// Whether all that was ever put is in the snapshot.
    pub(super) fn is_compact(&self) -> bool {
        let n = self.n();
        n == locked(&self.shared.disk).through
    }

    /// Makes `snapshot`, which holds all entries up to `through`, the state on disk, and empties the
    /// journal.
    pub(super) async fn compact(&self, snapshot: Vec<u8>, serial: u64, through: u64) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        super::local::blocking(move || shared.compact(&snapshot, serial, through)).await
    }
}

impl Shared {
    fn serve(&self) {
        loop {
            let mut disk = locked(&self.disk);
            let (bytes, tickets) = {
                let mut queue = locked(&self.queue);
                if queue.tickets.is_empty() {
                    queue.served = false;
                    return;
                }
                (std::mem::take(&mut queue.bytes), std::mem::take(&mut queue.tickets))
            };
            let written = disk.append(bytes);
            drop(disk);
            settle(tickets, written.map_err(Error::from));
        }
    }

    fn compact(&self, snapshot: &[u8], serial: u64, through: u64) -> Result<()> {
        let mut disk = locked(&self.disk);
        let (bytes, tickets) = {
            let mut queue = locked(&self.queue);
            (std::mem::take(&mut queue.bytes), std::mem::take(&mut queue.tickets))
        };
        // The journal first: if the snapshot cannot be written, it holds everything.
        let written = disk.append(bytes);
        let journal = disk.journal_path.clone();
        match (disk.write_snapshot(snapshot, serial, through), written) {
            (Ok(()), _) => {
                settle(tickets, Ok(()));
                let queue = locked(&self.queue);
                if queue.n == through {
                    disk.empty_journal();
                }
                Ok(())
            }
            (Err(source), Ok(())) => {
                settle(tickets, Ok(()));
                Err(StateError::NotCompacted { journal, source: Box::new(source) })
            }
            (Err(_), Err(source)) => {
                let error = StateError::NotWritten { journal, source: Box::new(source) };
                settle(tickets, Err(Error::new(crate::engine::error::Kind::Invalid, error.to_string())));
                Err(error)
            }
        }
    }
}

impl Disk {
    fn append(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.unwritten.extend(bytes);
        if self.unwritten.is_empty() {
            return Ok(());
        }
        if let Some(first) = &self.first {
            files::replace(&self.snapshot_path, first)?;
            self.first = None;
        }
        let head = if self.durable == 0 { v1::head(&self.lineage) } else { Vec::new() };
        if let Err(e) = self.write_at_end(&head) {
            // Half a line must not stand before what comes next. If even that fails, the next write
            // goes to the same place.
            let _ = self.journal.set_len(self.durable);
            return Err(StateError::io("write", &self.journal_path)(e));
        }
        self.durable += (head.len() + self.unwritten.len()) as u64;
        self.unwritten.clear();
        Ok(())
    }

    fn write_at_end(&mut self, head: &[u8]) -> std::io::Result<()> {
        self.journal.seek(SeekFrom::Start(self.durable))?;
        if !head.is_empty() {
            self.journal.write_all(head)?;
        }
        self.journal.write_all(&self.unwritten)?;
        self.journal.sync_data()
    }

    fn write_snapshot(&mut self, snapshot: &[u8], serial: u64, through: u64) -> Result<()> {
        if self.through > 0 {
            backup::keep(&self.snapshot_path, self.serial, self.through)?;
        }
        files::replace(&self.snapshot_path, snapshot)?;
        (self.serial, self.through, self.first) = (serial, through, None);
        Ok(())
    }

    /// A journal that cannot be emptied does no harm: the snapshot says that it holds the entries.
    fn empty_journal(&mut self) {
        self.unwritten.clear();
        if self.journal.set_len(0).and_then(|()| self.journal.sync_data()).is_ok() {
            self.durable = 0;
        }
    }
}

fn settle(tickets: Vec<oneshot::Sender<Result<(), Error>>>, result: Result<(), Error>) {
    for ticket in tickets {
        // Nobody waits any more if this fails.
        let _ = ticket.send(result.clone());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
