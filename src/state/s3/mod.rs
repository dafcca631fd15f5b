//! States in S3, in one bucket or in two of different regions.
//!
//! | object below `<prefix>/<target>/<stack>/` | content |
//! | --- | --- |
//! | `state.json` | the snapshot, with its position `(epoch, seq)` in the journal |
//! | `journal/<epoch>-<seq>` | a group of entries, all that were appended while the one before was written |
//! | `lock` | who holds the stack, under which epoch, and when there was a sign of life |
//! | `backups/` | earlier snapshots |
//!
//! `<prefix>/keys.json` holds the wrapped keys of all secrets.
//!
//! Everything is written under a condition. A group is written only where none is, so a group that is
//! there is durable and whole, and a begin is durable before its call. Whoever takes over a lock
//! raises the epoch, and before it reads anything it puts a seal where the next group of the epoch
//! before would go. Of the seal and a group of the earlier holder one is first: either the group is
//! read by the new holder, or its writer is refused and begins no call any more. Snapshots replace
//! only what has a lower position.
//!
//! With a second bucket everything is written to both at once, by drctl and not by S3, which would be
//! minutes late and out of order. Of two copies the one with the higher position counts. A state that
//! finds them different evens them with its first snapshot.

mod bucket;
mod folder;
mod holding;
mod keys;
mod lease;
#[cfg(test)]
mod memory;
mod objects;
mod patience;
#[cfg(test)]
mod tests;
mod url;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use tokio::runtime::Runtime;

pub use patience::Tell;
pub use url::Location;

use crate::engine::error::Error;
use crate::state::error::{Result, StateError};
use crate::state::format::Position;
use crate::state::keys::{Keys, Notice, Ring, Source};
use crate::state::local::{decoded, encoded};
use crate::state::lock::Owner;
use crate::state::store::{Held, Raw, Shelf, States, Store, Waits, blocking};
use bucket::Bucket;
use folder::{Folder, Found, Peek, SNAPSHOT};
use holding::Holding;
use keys::SharedKeys;
use objects::{Etag, Objects, is_away, is_given_up};
use patience::Awaited;

/// How a put ended.
enum Put {
    Done(Etag),
    /// Something else is there.
    Refused,
}

/// Waits for a bucket, on threads of its own: buckets take real time, whatever a command's clock shows.
fn wait_for<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    static THREADS: OnceLock<Option<Runtime>> = OnceLock::new();
    let threads = THREADS.get_or_init(|| {
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        threads.worker_threads(2).thread_name("state").enable_all().build().ok()
    });
    threads.as_ref().ok_or(StateError::Stopped)?.block_on(work)
}

/// What users should know of a store, each once.
#[derive(Debug, Default)]
struct Notes {
    known: Mutex<HashSet<String>>,
    unsaid: Mutex<Vec<String>>,
    /// Buckets that did not answer, and why. Asking each time anew would take minutes.
    away: Mutex<HashMap<String, Error>>,
}

impl Notes {
    fn add(&self, note: String) {
        if self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(note.clone()) {
            self.unsaid.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        }
    }

    /// A copy that is written to does not take what it should.
    fn left_behind(&self, bucket: &str, error: &Error) {
        let what = if is_away(error) { "does not answer, and is" } else { "cannot be written, and is" };
        self.add(format!("the copy of the state in `{bucket}` {what} left behind: {error}"));
        self.turn_away(bucket, error);
    }

    /// A copy that is read does not answer.
    fn unread(&self, bucket: &str, error: &Error) {
        self.add(format!("the copy of the state in `{bucket}` does not answer: {error}"));
        self.turn_away(bucket, error);
    }

    fn turn_away(&self, bucket: &str, error: &Error) {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket.to_owned(), error.clone());
    }

    /// Refuses to take something for new of which the buckets that answer hold nothing: one that does
    /// not may have it. Whoever gives its region as unavailable says that it has not.
    fn refuse_unseen<'a>(
        &self,
        what: &'static str,
        mut buckets: impl Iterator<Item = (String, &'a Option<String>)>,
    ) -> Result<()> {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = buckets.find_map(|(bucket, region)| {
            let why = away.get(&bucket).filter(|why| !is_given_up(why))?;
            Some(StateError::Unseen { what, bucket, region: region.clone(), source: Box::new(why.clone()) })
        });
        silent.map_or(Ok(()), Err)
    }

    /// A lock cannot be freed.
    fn still_locked(&self, bucket: &str, error: &Error) {
        let expiry = lease::EXPIRY.as_secs();
        self.add(format!(
            "the lock in `{bucket}` stays as it is, because the bucket does not answer: {error}; without a holder it \
             ends {expiry} s after the bucket is back"
        ));
    }

    /// Keys gave way to others, and something may be sealed with them.
    fn keys_apart(&self, path: &str) {
        self.add(format!(
            "the keys of the state were changed in two places apart; those that gave way are in {path}, and \
             `drctl state rotate-key` takes them up"
        ));
    }

    fn why_away(&self, bucket: &str) -> Option<Error> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).get(bucket).cloned()
    }

    fn is_away(&self, bucket: &str) -> bool {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).contains_key(bucket)
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.unsaid.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The states of one target in one bucket or two.
#[derive(Debug)]
struct Remote {
    /// The first one counts.
    places: Vec<Place>,
    target: String,
    /// The project's `.drctl`.
    root: PathBuf,
    notes: Arc<Notes>,
}

#[derive(Debug, Clone)]
struct Place {
    location: Location,
    objects: Arc<dyn Objects>,
}

/// Buckets that keep states, and how they are turned to.
pub struct Buckets {
    pub first: Location,
    /// Where a copy is kept.
    pub copy: Option<Location>,
    /// Regions that do not answer. A bucket there is not asked for anything.
    pub unavailable: Vec<String>,
    /// Learns of buckets that keep a command waiting.
    pub tell: Tell,
}

impl States {
    /// States in S3. `root` is the project's `.drctl`, where records of runs stay, and copies of the
    /// wrapped keys.
    pub fn s3(root: PathBuf, target: &str, buckets: Buckets) -> Self {
        let Buckets { first, copy, unavailable, tell } = buckets;
        let place = |location: Location| {
            let bucket = Arc::new(Bucket::new(location.clone(), unavailable.clone()));
            Place { objects: Arc::new(Awaited::new(bucket, name(&location), Arc::clone(&tell))), location }
        };
        let places = std::iter::once(first).chain(copy).map(place).collect();
        Self::new(Arc::new(Remote { places, target: target.to_owned(), root, notes: Arc::default() }), target)
    }
}

impl Remote {
    fn folders(&self, stack: &str) -> Vec<Folder> {
        let prefix = |place: &Place| {
            format!("{}/", place.location.key(&format!("{}/{}", encoded(&self.target), encoded(stack))))
        };
        let folder = |place: &Place| Folder {
            objects: Arc::clone(&place.objects),
            bucket: place.bucket(),
            region: place.location.region.clone(),
            prefix: prefix(place),
        };
        self.places.iter().map(folder).collect()
    }

    async fn list(&self) -> Result<Vec<String>> {
        let mut failed = None;
        for place in &self.places {
            let prefix = place.location.key(&format!("{}/", encoded(&self.target)));
            let stack = |key: &String| {
                let (stack, rest) = key.strip_prefix(&prefix)?.split_once('/')?;
                (rest == SNAPSHOT).then(|| decoded(stack))
            };
            match place.objects.list(&prefix).await {
                Ok(keys) => return Ok(keys.iter().filter_map(stack).collect()),
                Err(error) if is_away(&error) => {
                    self.notes.unread(&place.bucket(), &error);
                    failed = failed.or(Some(place.failed("list")(error)));
                }
                Err(error) => return Err(place.failed("list")(error)),
            }
        }
        Err(failed.unwrap_or(StateError::Stopped))
    }

    fn keys(&self) -> SharedKeys {
        SharedKeys {
            places: self.places.clone(),
            root: self.keys_root(),
            project: self.root.clone(),
            notes: Arc::clone(&self.notes),
        }
    }
}

impl Place {
    fn bucket(&self) -> String {
        name(&self.location)
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(Error) -> StateError + use<> {
        let path = PathBuf::from(self.location.to_string());
        move |source| StateError::Bucket { doing, path, source: Box::new(source) }
    }
}

/// What messages call a bucket.
fn name(location: &Location) -> String {
    format!("s3://{}", location.bucket)
}

impl Store for Remote {
    fn name(&self) -> String {
        self.places.first().map(|place| place.location.to_string()).unwrap_or_default()
    }

    fn stacks(&self) -> Result<Vec<String>> {
        wait_for(self.list())
    }

    fn shelf(&self, stack: &str) -> Arc<dyn Shelf> {
        Arc::new(Rack {
            folders: self.folders(stack),
            copy: self.places.get(1).map(|place| place.location.clone()),
            notes: Arc::clone(&self.notes),
        })
    }

    fn beside(&self, stack: &str) -> PathBuf {
        self.root.join(encoded(&self.target)).join(encoded(stack))
    }

    fn keys_root(&self) -> PathBuf {
        self.root.join("remote").join(encoded(&self.name()))
    }

    fn open_keys(&self, source: Source) -> BoxFuture<'static, Result<(Keys, Option<Notice>)>> {
        self.keys().open(source).boxed()
    }

    fn bring_keys(&self) -> Result<()> {
        wait_for(self.keys().fetch())
    }

    fn keys_aside(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        wait_for(self.keys().aside())
    }

    fn forget_keys_aside(&self, paths: &[PathBuf]) {
        let _ = wait_for(async {
            self.keys().forget_aside(paths).await;
            Ok(())
        });
    }

    fn publish_keys(&self, before: &Ring) -> Result<()> {
        wait_for(self.keys().publish(before))
    }

    fn keeps_versions(&self) -> Result<Option<bool>> {
        wait_for(async {
            for place in &self.places {
                let asked = place.objects.keeps_versions().await;
                let versions = asked.map_err(place.failed("look at the versioning of"))?;
                if !versions {
                    return Ok(Some(false));
                }
            }
            Ok(Some(true))
        })
    }

    fn warnings(&self) -> Vec<String> {
        self.notes.take()
    }
}

/// Refuses to take a stack for new whose state may be in a bucket that does not answer.
fn refuse_unseen(notes: &Notes, folders: &[Folder]) -> Result<()> {
    notes.refuse_unseen("state of the stack", folders.iter().map(|folder| (folder.bucket.clone(), &folder.region)))
}

/// One stack in the buckets.
#[derive(Debug, Clone)]
struct Rack {
    folders: Vec<Folder>,
    copy: Option<Location>,
    notes: Arc<Notes>,
}

impl Rack {
    /// What the copy that reaches furthest holds. Copies that do not answer are left out, if another one does.
    async fn newest<T>(
        &self,
        read: impl AsyncFn(&Folder) -> Result<T>,
        position: impl Fn(&T) -> Position,
    ) -> Result<(&Folder, T)> {
        let mut asked: Vec<&Folder> = self.folders.iter().filter(|f| !self.notes.is_away(&f.bucket)).collect();
        if asked.is_empty() {
            asked = self.folders.iter().collect();
        }
        let all = future::join_all(asked.iter().copied().map(|folder| read(folder))).await;
        let mut newest: Option<(&Folder, T)> = None;
        let mut failed = None;
        for (folder, one) in asked.into_iter().zip(all) {
            match one {
                Ok(one) if newest.as_ref().is_none_or(|(_, best)| position(&one) > position(best)) => {
                    newest = Some((folder, one));
                }
                Ok(_) => {}
                Err(StateError::Bucket { source, doing, path }) if is_away(&source) => {
                    self.notes.unread(&folder.bucket, &source);
                    failed = failed.or(Some(StateError::Bucket { source, doing, path }));
                }
                Err(error) => return Err(error),
            }
        }
        match (newest, failed) {
            (Some(newest), _) => Ok(newest),
            (None, Some(failed)) => Err(failed),
            (None, None) => Err(StateError::Stopped),
        }
    }

    async fn found(&self) -> Result<(&Folder, Found)> {
        let (folder, found) = self.newest(Folder::look, Found::position).await?;
        if found.is_nothing() {
            refuse_unseen(&self.notes, &self.folders)?;
        }
        Ok((folder, found))
    }

    async fn take(self, owner: Owner, timeout: Duration, waits: Waits) -> Result<Holding> {
        match Holding::take(self.folders, owner, timeout, waits, self.notes).await {
            Err(StateError::Bucket { doing, path, mut source }) if is_away(&source) => {
                if let Some(copy) = self.copy {
                    source.hint =
                        Some(format!("if its region is lost, go on with the copy: `--state '{}'`", copy.url()));
                }
                Err(StateError::Bucket { doing, path, source })
            }
            taken => taken,
        }
    }
}

impl Shelf for Rack {
    fn exists(&self) -> Result<bool> {
        let state = async |folder: &Folder| {
            let object = folder.get(SNAPSHOT).await?;
            // One that is lost is no reason to begin anew.
            let is_there = object.is_some() || !folder.backups().await?.is_empty();
            Ok((Peek::of(object.as_ref()), is_there))
        };
        let (_, (peek, is_there)) = wait_for(self.newest(state, |(peek, _)| peek.at))?;
        match peek.gone {
            Some(folder::Gone::Moved(to)) => Err(StateError::Moved { to }),
            Some(folder::Gone::Removed) => Ok(false),
            None => {
                if !is_there {
                    refuse_unseen(&self.notes, &self.folders)?;
                }
                Ok(is_there)
            }
        }
    }

    fn read(&self) -> Result<Raw> {
        let (folder, found) = wait_for(self.found())?;
        folder.raw(found)
    }

    fn holder(&self) -> Result<Option<Owner>> {
        let (_, lock) = wait_for(self.newest(lease::look, |_| Position::default()))?;
        Ok(lock.and_then(|(body, _)| body.owner))
    }

    fn lock(&self, owner: Owner, timeout: Duration, waits: Waits) -> BoxFuture<'static, Result<Box<dyn Held>>> {
        let rack = self.clone();
        let take = move || wait_for(rack.take(owner, timeout, waits)).map(|held| Box::new(held) as Box<dyn Held>);
        blocking(take).boxed()
    }

    /// Frees the lock in the buckets that answer. That is safe: a holder that lives renews its lock in each
    /// bucket where it has one and ends when one is gone, and neither epoch nor position change, so the copy
    /// that reaches further stays the same.
    ///
    /// # Errors
    /// If no bucket answers.
    fn break_lock(&self) -> Result<()> {
        wait_for(async {
            let mut failed = None;
            let mut freed = false;
            for folder in &self.folders {
                match lease::break_open(folder).await {
                    Ok(()) => freed = true,
                    Err(StateError::Bucket { source, doing, path }) if is_away(&source) => {
                        self.notes.still_locked(&folder.bucket, &source);
                        failed = failed.or(Some(StateError::Bucket { source, doing, path }));
                    }
                    Err(error) => return Err(error),
                }
            }
            failed.filter(|_| !freed).map_or(Ok(()), Err)
        })
    }

    fn backups(&self) -> Result<Vec<PathBuf>> {
        let (folder, names) = wait_for(self.newest(Folder::backups, |_| Position::default()))?;
        Ok(names.iter().map(|name| folder.path(name)).collect())
    }

    fn backup(&self, name: &Path) -> Result<Vec<u8>> {
        let file = name.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{}{file}", folder::BACKUPS);
        let (folder, object) =
            wait_for(self.newest(async |folder: &Folder| folder.get(&name).await, |_| Position::default()))?;
        let missing = || StateError::damaged(&folder.path(&name), None, "it is not there any more");
        object.map(|object| object.bytes).ok_or_else(missing)
    }
}
