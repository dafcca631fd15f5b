//! The journal: what happened since the snapshot, one line an entry, durable before it counts.
//!
//! Whatever was appended while the store was busy goes to it in one write. What a store refused
//! stays in memory, in order, and goes with the next write. Every line has a number that
//! counts on through the life of the state, and the snapshot says up to which it holds them: so a
//! crash between writing a snapshot and emptying the journal changes nothing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::engine::error::Error;
use crate::engine::journal::Entry;
use crate::engine::json_size::MOST_LOGGED;
use crate::state::error::{Result, StateError};
use crate::state::format::{Happened, Head, Line, Snapshot, VERSION, bounded, gate};
use crate::state::seal::Seal;
use crate::state::store::{Held, Lines, blocking};

/// The journal as it was found.
pub(super) struct Found {
    pub(super) lineage: Option<String>,
    /// Each with the number of its line in the file, from 1.
    pub(super) lines: Vec<(usize, Line)>,
}

/// The length up to the end of the last whole line; what follows was never durable.
pub(super) fn whole(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1)
}

/// Reads a journal. A last line without its end is what a crash left of a write that nobody was told
/// of, and is dropped.
///
/// # Errors
/// If any other line is not what drctl writes, or all of them would fill the memory.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Found> {
    bounded(path, bytes, MOST_LOGGED)?;
    let whole = whole(bytes);
    let mut found = Found { lineage: None, lines: Vec::new() };
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

/// The one who writes the state of a stack during a run.
pub(super) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Holds the lock until the last write is done, even one that nobody waits for.
    desk: Mutex<Desk>,
    /// The last write was refused, so what it held is in memory only.
    behind: AtomicBool,
}

/// What waits to be written.
struct Queue {
    /// The number given last.
    n: u64,
    lines: Lines,
    tickets: Vec<oneshot::Sender<Result<(), Error>>>,
    /// Somebody takes from the queue until it is empty.
    served: bool,
}

impl Queue {
    fn take(&mut self) -> (Lines, Vec<oneshot::Sender<Result<(), Error>>>) {
        (std::mem::take(&mut self.lines), std::mem::take(&mut self.tickets))
    }
}

/// What is written where, as far as it is known to be written.
pub(super) struct Desk {
    held: Box<dyn Held>,
    lineage: String,
    /// What messages call the place.
    place: PathBuf,
    /// What comes next in the journal.
    unwritten: Lines,
    /// A snapshot to write before the first entry: there is none yet.
    first: Option<Snapshot>,
    /// The last entry in the snapshot.
    through: u64,
}

/// A promise that entries become durable.
pub(super) type Ticket = oneshot::Receiver<Result<(), Error>>;

impl Writer {
    /// `n` is the number of the last entry that is durable.
    pub(super) fn new(desk: Desk, n: u64) -> Self {
        let queue = Queue { n, lines: Lines::default(), tickets: Vec::new(), served: false };
        Self {
            shared: Arc::new(Shared {
                queue: Mutex::new(queue),
                desk: Mutex::new(desk),
                behind: AtomicBool::default(),
            }),
        }
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
        queue.lines.extend(Lines { bytes, last });
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

    /// Whether something was put that could not be written.
    pub(super) fn is_behind(&self) -> bool {
        self.shared.behind.load(Ordering::Relaxed)
    }

    /// Whether all that was ever put is in the snapshot.
    pub(super) fn is_compact(&self) -> bool {
        let n = self.n();
        n == locked(&self.shared.desk).through
    }

    /// Makes `snapshot`, which holds all entries up to `through`, the stored state, and empties the
    /// journal.
    pub(super) async fn compact(&self, snapshot: Snapshot, through: u64) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.compact(snapshot, through)).await
    }
}

impl Shared {
    /// Writes until nothing waits.
    fn serve(self: Arc<Self>) {
        loop {
            let mut desk = locked(&self.desk);
            let (lines, tickets) = locked(&self.queue).take();
            let written = desk.append(lines).map_err(Error::from);
            self.behind.store(written.is_err(), Ordering::Relaxed);
            drop(desk);
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

    fn compact(&self, snapshot: Snapshot, through: u64) -> Result<()> {
        let mut desk = locked(&self.desk);
        let (lines, tickets) = locked(&self.queue).take();
        // The journal first: if the snapshot cannot be written, it holds everything.
        let written = desk.append(lines);
        let journal = desk.place.clone();
        match (desk.save(snapshot, through), written) {
            (Ok(()), _) => {
                self.behind.store(false, Ordering::Relaxed);
                settle(tickets, Ok(()));
                if locked(&self.queue).n == through {
                    desk.empty_journal();
                }
                Ok(())
            }
            (Err(source), Ok(())) => {
                settle(tickets, Ok(()));
                Err(match source {
                    lost @ StateError::Lost { .. } => lost,
                    source => StateError::NotCompacted { journal, source: Box::new(source) },
                })
            }
            (Err(_), Err(source)) => {
                let error = match source {
                    lost @ StateError::Lost { .. } => lost,
                    source => StateError::NotWritten { journal, source: Box::new(source) },
                };
                settle(tickets, Err(Error::from(&error)));
                Err(error)
            }
        }
    }
}

impl Desk {
    /// `first` is what to write before the first entry, `through` the last entry in the snapshot.
    pub(super) fn new(
        held: Box<dyn Held>,
        lineage: String,
        place: PathBuf,
        first: Option<Snapshot>,
        through: u64,
    ) -> Self {
        Self { held, lineage, place, unwritten: Lines::default(), first, through }
    }

    /// What is refused stays in memory, in order, and goes with the next write.
    fn append(&mut self, lines: Lines) -> Result<()> {
        self.unwritten.extend(lines);
        if self.unwritten.bytes.is_empty() {
            return Ok(());
        }
        if let Some(first) = &self.first {
            self.held.save(first.clone())?;
            self.first = None;
        }
        self.held.append(&self.lineage, &self.unwritten)?;
        self.unwritten.bytes.clear();
        Ok(())
    }

    fn save(&mut self, snapshot: Snapshot, through: u64) -> Result<()> {
        self.held.save(snapshot)?;
        (self.through, self.first) = (through, None);
        Ok(())
    }

    fn empty_journal(&mut self) {
        self.unwritten.bytes.clear();
        self.held.forget_journal();
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
    use std::fs::{File, OpenOptions};
    use std::time::Duration;

    use tokio::sync::watch;

    use super::*;
    use crate::engine::state::State;
    use crate::state::files;
    use crate::state::format::pretty;
    use crate::state::local::Holding;
    use crate::state::lock::Owner;
    use crate::state::store::{Anew, Raw, Rewritten, silently};

    const SEAL: Seal<'static> = Seal { ciphers: &[], lineage: "l" };

    fn run(account: &str) -> [Entry; 1] {
        [Entry::Run { account: account.to_owned(), partition: "aws".to_owned(), environment: [].into() }]
    }

    /// A lock on files that the test may exchange while a writer uses them.
    #[derive(Clone)]
    struct Exchanged(Arc<Mutex<Holding>>);

    impl Held for Exchanged {
        fn read(&self) -> Result<Raw> {
            locked(&self.0).read()
        }

        fn append(&mut self, lineage: &str, lines: &Lines) -> Result<()> {
            locked(&self.0).append(lineage, lines)
        }

        fn save(&mut self, snapshot: Snapshot) -> Result<()> {
            locked(&self.0).save(snapshot)
        }

        fn forget_journal(&mut self) {
            locked(&self.0).forget_journal();
        }

        fn set_journal_aside(&mut self) -> Result<()> {
            locked(&self.0).set_journal_aside()
        }

        fn keep_backup(&mut self, name: &Path, bytes: &[u8]) -> Result<()> {
            locked(&self.0).keep_backup(name, bytes)
        }

        fn rewrite_backups(&mut self, anew: &Anew) -> Result<Rewritten> {
            locked(&self.0).rewrite_backups(anew)
        }

        fn remove(&mut self, moved: Option<&str>) -> Result<()> {
            locked(&self.0).remove(moved)
        }

        fn loss(&self) -> watch::Receiver<Option<Arc<StateError>>> {
            locked(&self.0).loss()
        }
    }

    impl Exchanged {
        fn use_disk(&self, file: File) {
            locked(&self.0).journal = Some((file, 0));
        }
    }

    /// A writer whose journal is on a disk that is full.
    async fn on_a_full_disk(dir: &Path) -> (Writer, Exchanged) {
        let held = Holding::take(dir.to_owned(), Owner::here("run", "up"), Duration::ZERO, silently()).await.unwrap();
        let held = Exchanged(Arc::new(Mutex::new(held)));
        held.use_disk(OpenOptions::new().write(true).open("/dev/full").unwrap());
        let desk = Desk::new(Box::new(held.clone()), "l".to_owned(), dir.join("journal.jsonl"), None, 0);
        (Writer::new(desk, 0), held)
    }

    fn snapshot() -> Snapshot {
        Snapshot::of(&State::new("l", "prod", "dr", "twin"), 1, &SEAL).unwrap()
    }

    #[tokio::test]
    async fn an_entry_that_the_disk_refused_is_told_so_and_written_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, held) = on_a_full_disk(dir.path()).await;
        let error = writer.put(&run("1"), &SEAL).unwrap().await.unwrap().unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("free some space on that disk and run the command again"));
        assert!(writer.is_behind());
        let path = dir.path().join("journal.jsonl");
        held.use_disk(files::open(&path).unwrap());
        writer.put(&run("2"), &SEAL).unwrap().await.unwrap().unwrap();
        assert!(!writer.is_behind());
        let found = parse(&path, &files::read(&path).unwrap().unwrap()).unwrap();
        assert_eq!(found.lines.iter().map(|(_, l)| l.n).collect::<Vec<_>>(), [1, 2]);
    }

    #[tokio::test]
    async fn a_snapshot_saves_what_the_journal_could_not_take() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, _) = on_a_full_disk(dir.path()).await;
        writer.put(&run("1"), &SEAL).unwrap().await.unwrap().unwrap_err();
        writer.compact(snapshot(), 1).await.unwrap();
        assert_eq!(files::read(&dir.path().join("state.json")).unwrap().unwrap(), pretty(&snapshot()));
        assert!(writer.is_compact());
    }

    #[tokio::test]
    async fn if_neither_can_be_written_the_user_learns_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, _) = on_a_full_disk(dir.path()).await;
        std::fs::create_dir(dir.path().join("state.json")).unwrap();
        writer.put(&run("1"), &SEAL).unwrap().await.unwrap().unwrap_err();
        let error = writer.compact(snapshot(), 1).await.unwrap_err();
        assert!(matches!(error, StateError::NotWritten { .. }), "{error}");
        insta::assert_snapshot!(error.hint(), @"free some space and run `drctl refresh`: it finds what the last calls made");
    }

    #[tokio::test]
    async fn a_snapshot_that_holds_less_than_was_put_leaves_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, held) = on_a_full_disk(dir.path()).await;
        let path = dir.path().join("journal.jsonl");
        held.use_disk(files::open(&path).unwrap());
        writer.put(&run("1"), &SEAL).unwrap().await.unwrap().unwrap();
        writer.put(&run("2"), &SEAL).unwrap().await.unwrap().unwrap();
        writer.compact(snapshot(), 1).await.unwrap();
        let found = parse(&path, &files::read(&path).unwrap().unwrap()).unwrap();
        assert_eq!(found.lines.last().unwrap().1.n, 2);
    }
}
