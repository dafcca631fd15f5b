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

use crate::engine::error::{Error, Kind};
use crate::engine::journal::Entry;
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::format::{Happened, Head, Line, VERSION, gate};
use crate::state::local::blocking;
use crate::state::lock::Held;
use crate::state::seal::Seal;
use crate::state::{backup, format};

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
/// If any other line is not what drctl writes.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Found> {
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let mut found = Found { lineage: None, lines: Vec::new(), whole: whole as u64 };
    for (number, text) in (1..).zip(bytes[..whole].split_inclusive(|b| *b == b'\n')) {
        if number == 1 {
            gate(path, text, VERSION)?;
            let head: Head = serde_json::from_slice(text).map_err(|e| StateError::json(path, number, &e))?;
            found.lineage = Some(head.lineage);
            continue;
        }
        found.lines.push((number, serde_json::from_slice(text).map_err(|e| StateError::json(path, number, &e))?));
    }
    Ok(found)
}

impl Found {
    /// The entries after the one of number `through`, which none may be missing of.
    pub(super) fn after(self, path: &Path, through: u64) -> Result<Vec<Happened>> {
        let mut last = through;
        let mut entries = Vec::with_capacity(self.lines.len());
        for (number, line) in self.lines.into_iter().filter(|(_, line)| line.n > through) {
            if line.n != last + 1 {
                let why = format!("entry {} follows entry {last}", line.n);
                return Err(StateError::damaged(path, Some(number), why));
            }
            last = line.n;
            entries.push(line.entry);
        }
        Ok(entries)
    }
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

impl Queue {
    fn take(&mut self) -> (Vec<u8>, Vec<oneshot::Sender<Result<(), Error>>>) {
        (std::mem::take(&mut self.bytes), std::mem::take(&mut self.tickets))
    }
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
        let mut bytes = Vec::new();
        let last = queue.n + entries.len() as u64;
        for (n, entry) in (queue.n + 1..).zip(entries) {
            serde_json::to_writer(&mut bytes, &Line { n, entry }).map_err(|e| Error::bug(e.to_string()))?;
            bytes.push(b'\n');
        }
        queue.n = last;
        queue.bytes.append(&mut bytes);
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
        blocking(move || shared.compact(&snapshot, serial, through)).await
    }
}

impl Shared {
    /// Writes until nothing waits.
    fn serve(self: Arc<Self>) {
        loop {
            let mut disk = locked(&self.disk);
            let (bytes, tickets) = locked(&self.queue).take();
            let written = disk.append(bytes).map_err(Error::from);
            drop(disk);
            let mut queue = locked(&self.queue);
            queue.served = !queue.tickets.is_empty();
            if !queue.served {
                drop(queue);
                // Whoever awaits the last ticket may drop the session and find the lock free.
                drop(self);
                settle(tickets, written);
                return;
            }
            drop(queue);
            settle(tickets, written);
        }
    }

    fn compact(&self, snapshot: &[u8], serial: u64, through: u64) -> Result<()> {
        let mut disk = locked(&self.disk);
        let (bytes, tickets) = locked(&self.queue).take();
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
                settle(tickets, Err(Error::new(Kind::Invalid, error.to_string())));
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
        let head = if self.durable == 0 { format::head(&self.lineage) } else { Vec::new() };
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
        backup::keep(&self.snapshot_path, serial, through)?;
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

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs::OpenOptions;
    use std::time::Duration;

    use super::*;
    use crate::engine::state::State;
    use crate::state::format::Snapshot;
    use crate::state::lock::Owner;

    const SEAL: Seal<'static> = Seal { ciphers: &[], lineage: "l" };

    fn run(account: &str) -> [Entry; 1] {
        [Entry::Run { account: account.to_owned(), partition: "aws".to_owned(), environment: [].into() }]
    }

    /// A writer whose journal is on a disk that is full.
    async fn on_a_full_disk(dir: &Path) -> Writer {
        let held = Held::take(dir.join("lock"), Owner::here("run", "up"), Duration::ZERO).await.unwrap();
        let disk = Disk {
            journal: OpenOptions::new().write(true).open("/dev/full").unwrap(),
            journal_path: dir.join("journal.jsonl"),
            snapshot_path: dir.join("state.json"),
            lineage: "l".to_owned(),
            durable: 0,
            unwritten: Vec::new(),
            first: None,
            serial: 0,
            through: 0,
        };
        Writer::new(disk, 0, held)
    }

    #[tokio::test]
    async fn an_entry_that_the_disk_refused_is_told_so_and_written_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let writer = on_a_full_disk(dir.path()).await;
        let error = writer.put(&run("1"), &SEAL).unwrap().await.unwrap().unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("free some space on that disk and run the command again"));
        let path = dir.path().join("journal.jsonl");
        locked(&writer.shared.disk).journal = files::open(&path).unwrap();
        writer.put(&run("2"), &SEAL).unwrap().await.unwrap().unwrap();
        let found = parse(&path, &files::read(&path).unwrap().unwrap()).unwrap();
        assert_eq!(found.lines.iter().map(|(_, l)| l.n).collect::<Vec<_>>(), [1, 2]);
    }

    #[tokio::test]
    async fn a_snapshot_saves_what_the_journal_could_not_take() {
        let dir = tempfile::tempdir().unwrap();
        let writer = on_a_full_disk(dir.path()).await;
        writer.put(&run("1"), &SEAL).unwrap().await.unwrap().unwrap_err();
        let state = State::new("l", "prod", "dr", "twin");
        let snapshot = format::pretty(&Snapshot::of(&state, 1, &SEAL).unwrap());
        writer.compact(snapshot.clone(), 1, 1).await.unwrap();
        assert_eq!(files::read(&dir.path().join("state.json")).unwrap().unwrap(), snapshot);
        assert!(writer.is_compact());
    }

    #[tokio::test]
    async fn if_neither_can_be_written_the_user_learns_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let writer = on_a_full_disk(dir.path()).await;
        std::fs::create_dir(dir.path().join("state.json")).unwrap();
        writer.put(&run("1"), &SEAL).unwrap().await.unwrap().unwrap_err();
        let error = writer.compact(b"{}".to_vec(), 1, 1).await.unwrap_err();
        assert!(matches!(error, StateError::NotWritten { .. }), "{error}");
        insta::assert_snapshot!(error.hint(), @"free some space and run `drctl refresh`: it finds what the last calls made");
    }

    #[tokio::test]
    async fn a_snapshot_that_holds_less_than_was_put_leaves_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let writer = on_a_full_disk(dir.path()).await;
        let path = dir.path().join("journal.jsonl");
        locked(&writer.shared.disk).journal = files::open(&path).unwrap();
        writer.put(&run("1"), &SEAL).unwrap().await.unwrap().unwrap();
        writer.put(&run("2"), &SEAL).unwrap().await.unwrap().unwrap();
        writer.compact(b"{}".to_vec(), 1, 1).await.unwrap();
        let found = parse(&path, &files::read(&path).unwrap().unwrap()).unwrap();
        assert_eq!(found.lines.last().unwrap().1.n, 2);
    }
}
