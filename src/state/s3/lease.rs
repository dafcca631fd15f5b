//! The lock of a stack in a bucket: an object that its holder writes again and again, as a sign of
//! life. Whoever sees no sign for long enough takes it over, under the next epoch.
//!
//! No clock of one machine is compared with that of another: a watcher waits until it has itself
//! seen the object unchanged for [`EXPIRY`]. Taking over is safe even if the holder lives on: see
//! [`super::folder::Folder::close`].

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::folder::{Folder, known_format};
use super::objects::{Etag, When, is_away};
use super::{Notes, Put};
use crate::engine::error::Kind;
use crate::engine::fence::Sign;
use crate::state::error::{Result, StateError};
use crate::state::format::{MOST, VERSION, pretty};
use crate::state::lock::Owner;
use crate::state::store::Waits;

/// Between two signs of life.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);
/// A lock that shows no sign of life for so long is nobody's.
pub(super) const EXPIRY: Duration = Duration::from_secs(30);
/// So long after a sign of life a holder may make calls: long enough before it is taken over for what
/// it sends to arrive.
pub(super) const HOLDS: Duration = Duration::from_secs(25);
/// Between two looks at a lock that another run holds.
const POLL: Duration = Duration::from_secs(1);
/// Clocks differ by less: S3 refuses signatures that are off by a quarter of an hour.
const LONG_GONE: SignedDuration = SignedDuration::from_hours(1);

const LOCK: &str = "lock";

/// The content of the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Body {
    version: u32,
    /// Grows with every holder.
    pub(super) epoch: u64,
    /// The lowest epoch whose journal may still be written to, if it is not above this one.
    open_from: u64,
    /// Counts the signs of life, so that each is another object.
    beat: u64,
    /// Nobody if the lock is free.
    pub(super) owner: Option<Owner>,
}

/// A lock of one bucket that is ours.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) folder: Folder,
    body: Body,
    etag: Etag,
    /// The last sign of life that arrived.
    sign: Sign,
}

/// What a watcher has seen of a lock.
struct Watched {
    etag: Etag,
    since: Instant,
    /// A sign of life came while it watched.
    alive: bool,
}

/// The lock of a folder as it stands.
pub(super) async fn look(folder: &Folder) -> Result<Option<(Body, Etag)>> {
    let Some(object) = folder.get(LOCK).await? else { return Ok(None) };
    known_format(folder, LOCK, &object.bytes)?;
    let body: Body = serde_json::from_slice(&object.bytes).map_err(|e| StateError::json(&folder.path(LOCK), 1, &e))?;
    if body.epoch.max(body.open_from).max(body.beat) > MOST {
        return Err(StateError::damaged(&folder.path(LOCK), None, "no count can have come so far"));
    }
    Ok(Some((body, object.etag)))
}

/// Frees the lock, whoever has it. The holder learns of it with its next sign of life or entry.
pub(super) async fn break_open(folder: &Folder) -> Result<()> {
    while let Some((body, etag)) = look(folder).await? {
        let free = pretty(&Body { owner: None, beat: body.beat + 1, ..body });
        if let Put::Done(_) = folder.put(LOCK, &free, When::Same(etag)).await? {
            break;
        }
    }
    Ok(())
}

/// Takes the lock in all folders that can be reached; the first must be. Waits for another holder
/// up to `timeout`, and in any case until it shows whether it lives.
///
/// # Errors
/// [`StateError::Locked`] with the owner if the time is over and the owner alive.
pub(super) async fn acquire(
    folders: &[Folder],
    owner: &Owner,
    timeout: Duration,
    waits: Waits,
    notes: &Notes,
) -> Result<Vec<Lease>> {
    // A timeout beyond the end of time is none.
    let deadline = Instant::now().checked_add(timeout);
    let mut waits = Some(waits);
    let mut watched: Vec<Option<Watched>> = folders.iter().map(|_| None).collect();
    loop {
        let mut reached = Vec::new();
        let mut holder = None;
        let mut gone = Vec::new();
        for (i, folder) in folders.iter().enumerate() {
            match notes.why_away(&folder.bucket) {
                Some(why) if i > 0 => {
                    notes.left_behind(&folder.bucket, &why);
                    continue;
                }
                // It kept silent when the keys were asked for, and is not waited for twice.
                Some(why) if why.kind == Kind::Unreachable => return Err(folder.failed("read", LOCK)(why)),
                _ => {}
            }
            let lock = match look(folder).await {
                Err(StateError::Bucket { source, .. }) if i > 0 && is_away(&source) => {
                    notes.left_behind(&folder.bucket, &source);
                    continue;
                }
                lock => lock?,
            };
            if let Some((body, etag)) = &lock
                && let Some(other) = &body.owner
            {
                match Watched::sees(&mut watched[i], etag, other) {
                    Life::Gone => gone.push(other.clone()),
                    life => holder = Some((other.clone(), life)),
                }
            }
            reached.push((folder, lock));
        }
        if let Some((other, life)) = holder {
            if let Some(mut waits) = waits.take() {
                waits(Some(&other));
            }
            if matches!(life, Life::Alive) && deadline.is_some_and(|end| Instant::now() >= end) {
                return Err(StateError::Locked { owner: Some(Box::new(other)) });
            }
            tokio::time::sleep(POLL).await;
            continue;
        }
        if let Some(leases) = take(reached, owner).await? {
            let said = |other: &Owner| format!("took the stack over from {other}, which shows no sign of life");
            gone.iter().map(said).for_each(|note| notes.add(note));
            return Ok(leases);
        }
    }
}

enum Life {
    Alive,
    Unknown,
    Gone,
}

impl Watched {
    fn sees(this: &mut Option<Self>, etag: &Etag, owner: &Owner) -> Life {
        let now = Instant::now();
        match this {
            Some(seen) if seen.etag != *etag => {
                *seen = Self { etag: etag.clone(), since: now, alive: true };
            }
            Some(_) => {}
            None => *this = Some(Self { etag: etag.clone(), since: now, alive: false }),
        }
        let silent = Timestamp::now().duration_since(owner.heartbeat);
        match this {
            Some(seen) if now - seen.since >= EXPIRY => Life::Gone,
            _ if silent > LONG_GONE => Life::Gone,
            Some(seen) if seen.alive => Life::Alive,
            _ => Life::Unknown,
        }
    }
}

/// Writes the locks. `None` if somebody else was faster.
async fn take(reached: Vec<(&Folder, Option<(Body, Etag)>)>, owner: &Owner) -> Result<Option<Vec<Lease>>> {
    let mut highest = 0;
    for (folder, lock) in &reached {
        highest = highest.max(match lock {
            Some((body, _)) => body.epoch,
            // A lock that was deleted by hand must not begin again where others have been.
            None => folder.look().await?.position().epoch,
        });
    }
    let epoch = highest + 1;
    let mut leases: Vec<Lease> = Vec::new();
    for (folder, lock) in reached {
        let (when, open_from) = match lock {
            // Whoever frees the lock after all is settled leaves nothing open.
            Some((body, etag)) if body.open_from > body.epoch => (When::Same(etag), epoch),
            Some((body, etag)) => (When::Same(etag), body.open_from),
            None => (When::Absent, 1),
        };
        let body = Body { version: VERSION, epoch, open_from, beat: 0, owner: Some(owner.clone()) };
        let sign = Sign::now();
        match folder.put(LOCK, &pretty(&body), when).await? {
            Put::Done(etag) => leases.push(Lease { folder: folder.clone(), body, etag, sign }),
            Put::Refused => {
                for lease in leases {
                    lease.release(true).await;
                }
                return Ok(None);
            }
        }
    }
    Ok(Some(leases))
}

impl Lease {
    pub(super) fn epoch(&self) -> u64 {
        self.body.epoch
    }

    /// Closes the journals of those who may still be writing.
    pub(super) async fn close_earlier(&mut self, run: &str) -> Result<()> {
        for epoch in self.body.open_from..self.body.epoch {
            self.folder.close(epoch, self.body.epoch, run).await?;
        }
        self.body.open_from = self.body.epoch;
        Ok(())
    }

    pub(super) fn sign(&self) -> Sign {
        self.sign
    }

    /// Gives a sign of life.
    async fn renew(&mut self) -> Result<()> {
        let sign = Sign::now();
        self.body.beat += 1;
        if let Some(owner) = &mut self.body.owner {
            owner.heartbeat = Timestamp::now();
        }
        match self.folder.put(LOCK, &pretty(&self.body), When::Same(self.etag.clone())).await? {
            Put::Done(etag) => {
                (self.etag, self.sign) = (etag, sign);
                Ok(())
            }
            Put::Refused => self.still_ours().await,
        }
    }

    /// A sign of life that was given up may have been given all the same.
    async fn still_ours(&mut self) -> Result<()> {
        let run = |owner: &Option<Owner>| owner.as_ref().map(|owner| owner.run.clone());
        match look(&self.folder).await? {
            Some((body, etag)) if body.epoch == self.body.epoch && run(&body.owner) == run(&self.body.owner) => {
                self.etag = etag;
                Ok(())
            }
            Some((Body { owner, .. }, _)) => Err(StateError::Lost { to: owner.map(Box::new) }),
            None => Err(StateError::Lost { to: None }),
        }
    }

    /// Frees the lock. If all that was appended is settled, the next holder need not close the journal.
    ///
    /// A lock that cannot be freed expires.
    async fn release(self, settled: bool) {
        let Self { folder, mut body, etag, .. } = self;
        body.owner = None;
        body.beat += 1;
        if settled && body.open_from == body.epoch {
            body.open_from = body.epoch + 1;
        }
        let _ = folder.put(LOCK, &pretty(&body), When::Same(etag)).await;
    }
}

/// Asks the heart to free the lock, saying whether all is settled, and where to say that it did.
pub(super) type Release = (bool, std::sync::mpsc::Sender<()>);

/// Keeps the locks alive until it is told to free them, or one is lost. The first bucket, without which
/// nothing can be written down, gives the signs of life that count.
pub(super) async fn keep(
    mut leases: Vec<Lease>,
    mut releases: mpsc::Receiver<Release>,
    loss: Arc<watch::Sender<Option<Arc<StateError>>>>,
    signs: watch::Sender<Sign>,
) {
    loop {
        tokio::select! {
            release = releases.recv() => {
                let Some((settled, done)) = release else { return };
                for lease in leases {
                    lease.release(settled).await;
                }
                // Nobody waits any more if this fails.
                let _ = done.send(());
                return;
            }
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
        for (i, lease) in leases.iter_mut().enumerate() {
            // A bucket that does not answer now may answer in time.
            let renewed = tokio::time::timeout(EXPIRY / 3, lease.renew()).await;
            if let Ok(Err(lost @ StateError::Lost { .. })) = renewed {
                loss.send_replace(Some(Arc::new(lost)));
                return;
            }
            if i == 0 {
                // What a copy that is silent must not hold up.
                signs.send_replace(lease.sign);
            }
        }
    }
}
