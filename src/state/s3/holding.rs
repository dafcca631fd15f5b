//! A stack whose lock is held: groups of entries, snapshots and backups are written to one bucket or
//! to two.
//!
//! The first bucket must take everything. The second one may fail: it is then left behind, which the
//! user is told, and comes up to date with the next snapshot.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future;
use tokio::sync::{mpsc, watch};

use super::folder::{BACKUPS, Folder, Gone, Grave, Peek, SNAPSHOT, group};
use super::lease::{self, HOLDS, Lease, Release};
use super::objects::When;
use super::{Notes, Put, refuse_unseen, wait_for};
use crate::engine::fence::{Lifeline, Sign};
use crate::state::backup::KEPT;
use crate::state::error::{Result, StateError};
use crate::state::format::{Position, Snapshot, Stamp, VERSION, head, pretty};
use crate::state::lock::Owner;
use crate::state::store::{Anew, Held, Lines, Raw, Rewritten, Waits};

/// How often a snapshot is tried whose predecessor changes meanwhile.
const TRIES: usize = 5;
/// Longest wait for a lock to be freed at the end of a run. After that it expires.
const PARTING: Duration = Duration::from_secs(10);

/// The right to write to a stack in one bucket or two.
pub(super) struct Holding {
    sides: Vec<Side>,
    run: String,
    /// The place of the next group.
    pub(super) next: Position,
    /// The groups of this epoch: each with the number of its last entry.
    groups: Vec<(u64, u64)>,
    /// A group that was tried at `next` and may be there.
    doubtful: Option<Lines>,
    /// Bytes at the beginning of the next lines that are durable, because only what followed failed.
    ahead: usize,
    /// Copies differ.
    uneven: bool,
    saved: Position,
    notes: Arc<Notes>,
    lost: Arc<watch::Sender<Option<Arc<StateError>>>>,
    signs: watch::Receiver<Sign>,
    releases: mpsc::Sender<Release>,
    #[cfg(test)]
    pub(super) heart: tokio::task::JoinHandle<()>,
}

/// One of the buckets.
struct Side {
    folder: Folder,
    /// It missed something.
    is_behind: bool,
}

impl Holding {
    pub(super) async fn take(
        folders: Vec<Folder>,
        owner: Owner,
        timeout: Duration,
        waits: Waits,
        notes: Arc<Notes>,
    ) -> Result<Self> {
        let mut leases = lease::acquire(&folders, &owner, timeout, waits, &notes).await?;
        let epoch = leases.iter().map(Lease::epoch).max().unwrap_or_default();
        let sides = leases.iter().map(|lease| Side { folder: lease.folder.clone(), is_behind: false }).collect();
        // From here on the lock is kept alive, and freed if anything fails.
        let closed = future::try_join_all(leases.iter_mut().map(|lease| lease.close_earlier(&owner.run))).await;
        let (releases, told) = mpsc::channel(1);
        let lost = Arc::new(watch::channel(None).0);
        let (give, signs) = watch::channel(leases.first().map_or_else(Sign::now, Lease::sign));
        let heart = tokio::spawn(lease::keep(leases, told, Arc::clone(&lost), give));
        #[cfg(not(test))]
        drop(heart);
        let next = Position { epoch, seq: 1 };
        let saved = Position { epoch, seq: 0 };
        let mut holding = Self {
            sides,
            run: owner.run,
            next,
            groups: Vec::new(),
            doubtful: None,
            ahead: 0,
            uneven: false,
            saved,
            notes,
            lost,
            signs,
            releases,
            #[cfg(test)]
            heart,
        };
        closed?;
        if let [only] = holding.sides.as_slice()
            && folders.len() > 1
            && only.folder.look().await?.is_nothing()
        {
            refuse_unseen(&holding.notes, &folders)?;
        }
        holding.compare().await?;
        Ok(holding)
    }

    /// Looks whether the copies are the same. The one that reaches further counts; what only the other
    /// one has goes to its backups.
    async fn compare(&mut self) -> Result<()> {
        let [first, second] = self.sides.as_slice() else { return Ok(()) };
        let (a, b) = future::try_join(first.folder.look(), second.folder.look()).await?;
        self.uneven = a.position() != b.position() || a.peek.at != b.peek.at;
        let (behind, loser, winner) = if a.position() >= b.position() { (second, b, a) } else { (first, a, b) };
        for (at, bytes) in loser.groups {
            let known =
                at <= winner.peek.at || winner.groups.iter().any(|(other, theirs)| *other == at && *theirs == bytes);
            if !known {
                let name = format!("{BACKUPS}{:08}-{:08}.jsonl", at.epoch, at.seq);
                behind.folder.put(&name, &bytes, When::Always).await?;
                self.notes.add(format!(
                    "entries that only this copy had were set aside in {}; run `drctl refresh`",
                    behind.folder.path(&name).display()
                ));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        match self.lost.borrow().as_deref() {
            Some(StateError::Lost { to }) => Err(StateError::Lost { to: to.clone() }),
            _ => Ok(()),
        }
    }

    /// Writes to all sides at once. One that is behind is left out, unless this brings it up to date. What
    /// the first one does not take comes again, for all of them.
    async fn on_all(&mut self, catches_up: bool, write: impl AsyncFn(&Folder) -> Result<()>) -> Result<()> {
        let write = &write;
        let written = self.sides.iter().map(|side| async move {
            if side.is_behind && !catches_up { None } else { Some(write(&side.folder).await) }
        });
        let written: Vec<Option<Result<()>>> = future::join_all(written).await;
        let is_refused = written.first().is_some_and(|first| matches!(first, Some(Err(_))));
        let mut result = Ok(());
        for (i, (side, written)) in self.sides.iter_mut().zip(written).enumerate() {
            match written {
                Some(Ok(())) => side.is_behind = false,
                Some(Err(StateError::Bucket { .. })) if i > 0 && is_refused => {}
                Some(Err(StateError::Bucket { source, .. })) if i > 0 => {
                    side.is_behind = true;
                    self.notes.left_behind(&side.folder.bucket, &source);
                }
                Some(Err(error)) => result = result.and(Err(error)),
                None => {}
            }
        }
        result
    }

    async fn write_group(&mut self, lineage: &str, lines: Lines) -> Result<()> {
        let name = group(self.next);
        let bytes = [head(lineage, Some(&self.run)), lines.bytes.clone()].concat();
        let (run, last) = (self.run.clone(), lines.last);
        // Until an answer comes it may be there.
        self.doubtful = Some(lines);
        self.on_all(false, async |folder| match folder.put(&name, &bytes, When::Absent).await? {
            Put::Done(_) => Ok(()),
            Put::Refused => Err(lost(folder, &run).await),
        })
        .await?;
        self.doubtful = None;
        self.groups.push((self.next.seq, last));
        self.next.seq += 1;
        Ok(())
    }

    pub(super) async fn append_lines(&mut self, lineage: &str, lines: &Lines) -> Result<()> {
        let appended = self.write_lines(lineage, lines).await;
        if let Err(StateError::Lost { to }) = &appended {
            self.lost.send_replace(Some(Arc::new(StateError::Lost { to: to.clone() })));
        }
        appended
    }

    async fn write_lines(&mut self, lineage: &str, lines: &Lines) -> Result<()> {
        self.check()?;
        if let Some(doubtful) = self.doubtful.clone() {
            let length = doubtful.bytes.len();
            self.write_group(lineage, doubtful).await?;
            self.ahead += length;
        }
        let rest = lines.bytes.get(self.ahead..).unwrap_or_default().to_vec();
        if !rest.is_empty() {
            self.write_group(lineage, Lines { bytes: rest, last: lines.last }).await?;
        }
        self.ahead = 0;
        Ok(())
    }

    pub(super) async fn save_snapshot(&mut self, snapshot: Snapshot) -> Result<()> {
        self.check()?;
        let through = snapshot.through;
        let covered = self.groups.iter().rfind(|(_, last)| *last <= through);
        let at = Position { epoch: self.next.epoch, seq: covered.map_or(0, |(seq, _)| *seq) };
        let bytes = pretty(&Snapshot { at: Some(at), ..snapshot });
        let run = self.run.clone();
        self.on_all(true, async |folder| replace(folder, &bytes, at, true, &run).await).await?;
        (self.saved, self.uneven) = (at, false);
        if self.doubtful.as_ref().is_some_and(|lines| lines.last <= through) {
            // Whether it is there or not, all of it is in the snapshot.
            (self.doubtful, self.ahead) = (None, 0);
            self.next.seq += 1;
        }
        Ok(())
    }

    pub(super) async fn forget(&mut self) {
        let saved = self.saved;
        // What stays is garbage, and goes the next time.
        let _ = self.on_all(false, async |folder| folder.forget(saved).await).await;
    }

    async fn set_aside(&mut self) -> Result<()> {
        let saved = self.saved;
        let name = format!("{BACKUPS}{}.jsonl", ulid::Ulid::generate());
        self.on_all(false, async |folder| {
            let bytes = folder.covered(saved).await?;
            if !bytes.is_empty() {
                folder.put(&name, &bytes, When::Always).await?;
            }
            folder.forget(saved).await
        })
        .await
    }

    async fn keep(&mut self, name: &Path, bytes: &[u8]) -> Result<()> {
        let name = name.file_name().map(|name| format!("{BACKUPS}{}", name.to_string_lossy()));
        let name = name.ok_or_else(|| StateError::damaged(Path::new(BACKUPS), None, "a backup has no name"))?;
        self.on_all(false, async |folder| folder.put(&name, bytes, When::Absent).await.map(|_| ())).await
    }

    async fn rewrite(&mut self, anew: &Anew) -> Result<Rewritten> {
        self.check()?;
        let (run, written, left) = (self.run.clone(), Mutex::new(BTreeSet::new()), Mutex::new(Vec::new()));
        self.on_all(false, async |folder| {
            for name in folder.kept().await? {
                let Some(object) = folder.get(&name).await? else { continue };
                let path = folder.path(&name);
                match anew(&path, &object.bytes) {
                    Ok(bytes) => {
                        if let Put::Refused = folder.put(&name, &bytes, When::Same(object.etag)).await? {
                            return Err(lost(folder, &run).await);
                        }
                        written.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
                    }
                    Err(why) => left.lock().unwrap_or_else(PoisonError::into_inner).push((path, why.to_string())),
                }
            }
            Ok(())
        })
        .await?;
        let backups = written.into_inner().unwrap_or_else(PoisonError::into_inner).len();
        Ok(Rewritten { backups, left: left.into_inner().unwrap_or_else(PoisonError::into_inner) })
    }

    async fn bury(&mut self, moved: Option<&str>) -> Result<()> {
        self.check()?;
        let at = self.next;
        let gone = moved.map_or(Gone::Removed, |to| Gone::Moved(to.to_owned()));
        let grave = pretty(&Grave { version: VERSION, at, gone, run: self.run.clone() });
        let run = self.run.clone();
        self.on_all(true, async |folder| replace(folder, &grave, at, moved.is_some(), &run).await).await?;
        (self.saved, self.doubtful, self.ahead) = (at, None, 0);
        self.next.seq += 1;
        self.on_all(false, async |folder| {
            folder.forget(at).await?;
            if moved.is_none() {
                folder.delete(folder.names(BACKUPS).await?).await?;
            }
            Ok(())
        })
        .await
    }

    /// Frees the lock without blocking, as its end does with blocking.
    #[cfg(test)]
    pub(super) async fn leave(self) {
        let (done, freed) = std::sync::mpsc::channel();
        let _ = self.releases.send((self.doubtful.is_none(), done)).await;
        while freed.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.releases.closed().await;
    }

    /// Ends as a process does that is killed.
    #[cfg(test)]
    pub(super) async fn die(self) {
        self.heart.abort();
        self.releases.closed().await;
    }
}

/// That somebody else has the lock now.
async fn lost(folder: &Folder, run: &str) -> StateError {
    let holder = lease::look(folder).await.ok().flatten().and_then(|(body, _)| body.owner);
    StateError::Lost { to: holder.filter(|owner| owner.run != run).map(Box::new) }
}

/// Puts a state object in the place of an older one, which is kept if that is wanted.
async fn replace(folder: &Folder, bytes: &[u8], at: Position, keep: bool, run: &str) -> Result<()> {
    for _ in 0..TRIES {
        let there = folder.get(SNAPSHOT).await?;
        let peek = Peek::of(there.as_ref());
        if peek.at > at {
            return Err(lost(folder, run).await);
        }
        let when = there.as_ref().map_or(When::Absent, |object| When::Same(object.etag.clone()));
        if let Some(object) = there.filter(|_| keep && peek.gone.is_none()) {
            keep_backup(folder, &object.bytes).await?;
        }
        if let Put::Done(_) = folder.put(SNAPSHOT, bytes, when).await? {
            let kept = folder.backups().await?;
            if keep && kept.is_empty() {
                // Should the object be lost, this tells that there was one.
                keep_backup(folder, bytes).await?;
            }
            return folder.delete(kept.into_iter().skip(KEPT)).await;
        }
    }
    Err(StateError::damaged(&folder.path(SNAPSHOT), None, "it changes faster than it can be written"))
}

async fn keep_backup(folder: &Folder, bytes: &[u8]) -> Result<()> {
    let stamp = Stamp::of(bytes);
    if stamp.is_some_and(Stamp::is_first) {
        return Ok(());
    }
    let Stamp { serial, through, .. } = stamp.unwrap_or_default();
    let name = format!("{BACKUPS}{serial:08}-{through:010}");
    let first = format!("{name}.json");
    if let Put::Refused = folder.put(&first, bytes, When::Absent).await?
        && folder.get(&first).await?.is_some_and(|object| object.bytes != bytes)
    {
        folder.put(&format!("{name}-{}.json", ulid::Ulid::generate()), bytes, When::Absent).await?;
    }
    Ok(())
}

impl Held for Holding {
    fn read(&self) -> Result<Raw> {
        let found = future::try_join_all(self.sides.iter().map(|side| side.folder.look()));
        let found = self.sides.iter().zip(wait_for(found)?);
        // Of equals the first one.
        let newest = found.rev().max_by_key(|(_, found)| found.position());
        newest.map_or_else(|| Ok(Raw::default()), |(side, found)| side.folder.raw(found))
    }

    fn append(&mut self, lineage: &str, lines: &Lines) -> Result<()> {
        wait_for(self.append_lines(lineage, lines))
    }

    fn save(&mut self, snapshot: Snapshot) -> Result<()> {
        wait_for(self.save_snapshot(snapshot))
    }

    fn forget_journal(&mut self) {
        // What stays is garbage, and goes the next time.
        let _ = wait_for(async {
            self.forget().await;
            Ok(())
        });
    }

    fn set_journal_aside(&mut self) -> Result<()> {
        wait_for(self.set_aside())
    }

    fn keep_backup(&mut self, name: &Path, bytes: &[u8]) -> Result<()> {
        wait_for(self.keep(name, bytes))
    }

    fn rewrite_backups(&mut self, anew: &Anew) -> Result<Rewritten> {
        wait_for(self.rewrite(anew))
    }

    fn remove(&mut self, moved: Option<&str>) -> Result<()> {
        wait_for(self.bury(moved))
    }

    fn is_uneven(&self) -> bool {
        self.uneven
    }

    fn loss(&self) -> watch::Receiver<Option<Arc<StateError>>> {
        self.lost.subscribe()
    }

    fn lifeline(&self) -> Option<Lifeline> {
        Some(Lifeline { signs: self.signs.clone(), holds: HOLDS })
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let (done, freed) = std::sync::mpsc::channel();
        if self.releases.try_send((self.doubtful.is_none(), done)).is_ok() {
            // A lock that is not freed in time expires.
            let _ = freed.recv_timeout(PARTING);
        }
    }
}
