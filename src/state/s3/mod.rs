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
mod lease;
#[cfg(test)]
mod memory;
mod objects;
#[cfg(test)]
mod tests;
mod url;

use std::collections::HashSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use tokio::runtime::Runtime;

pub use url::Location;

use crate::engine::error::{Error, Kind};
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::format::Position;
use crate::state::keys::{Keys, Notice, Source};
use crate::state::local::{decoded, encoded};
use crate::state::lock::Owner;
use crate::state::store::{Held, Raw, Shelf, States, Store, Waits, blocking};
use bucket::Bucket;
use folder::{Folder, Found, Peek, SNAPSHOT};
use holding::Holding;
use objects::{Etag, Object, Objects, When, is_away};

/// The wrapped keys.
const RING: &str = "keys.json";
/// The key of this machine that opens them, if no passphrase does.
const KEY_FILE: &str = "key";

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
    /// Buckets that did not answer. Asking each time anew would take minutes.
    away: Mutex<HashSet<String>>,
}

impl Notes {
    fn add(&self, note: String) {
        if self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(note.clone()) {
            self.unsaid.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        }
    }

    /// A copy that is written to does not answer.
    fn left_behind(&self, bucket: &str, error: &Error) {
        self.add(format!("the copy of the state in `{bucket}` does not answer, and is left behind: {error}"));
        self.away.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket.to_owned());
    }

    /// A copy that is read does not answer.
    fn unread(&self, bucket: &str, error: &Error) {
        self.add(format!("the copy of the state in `{bucket}` does not answer: {error}"));
        self.away.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket.to_owned());
    }

    fn is_away(&self, bucket: &str) -> bool {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).contains(bucket)
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

impl States {
    /// States in S3, with a copy in another bucket if one is given. `root` is the project's `.drctl`,
    /// where records of runs stay, and copies of the wrapped keys.
    pub fn s3(root: PathBuf, target: &str, location: Location, replica: Option<Location>) -> Self {
        let place = |location: Location| Place { objects: Arc::new(Bucket::new(location.clone())), location };
        let places = std::iter::once(location).chain(replica).map(place).collect();
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

    fn ring(&self) -> Ring {
        Ring {
            places: self.places.clone(),
            root: self.keys_root(),
            project: self.root.clone(),
            notes: Arc::clone(&self.notes),
        }
    }
}

impl Place {
    fn bucket(&self) -> String {
        format!("s3://{}", self.location.bucket)
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(Error) -> StateError + use<> {
        let path = PathBuf::from(self.location.to_string());
        move |source| StateError::Bucket { doing, path, source: Box::new(source) }
    }
}

impl Store for Remote {
    fn name(&self) -> String {
        self.places.first().map(|place| place.location.to_string()).unwrap_or_default()
    }

    fn stacks(&self) -> Result<Vec<String>> {
        wait_for(self.list())
    }

    fn shelf(&self, stack: &str) -> Arc<dyn Shelf> {
        Arc::new(Rack { folders: self.folders(stack), notes: Arc::clone(&self.notes) })
    }

    fn beside(&self, stack: &str) -> PathBuf {
        self.root.join(encoded(&self.target)).join(encoded(stack))
    }

    fn keys_root(&self) -> PathBuf {
        self.root.join("remote").join(encoded(&self.name()))
    }

    fn open_keys(&self, source: Source) -> BoxFuture<'static, Result<(Keys, Option<Notice>)>> {
        self.ring().open(source).boxed()
    }

    fn publish_keys(&self) -> Result<()> {
        wait_for(self.ring().publish())
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

/// The wrapped keys in the buckets, and their copy in a directory of this machine.
struct Ring {
    places: Vec<Place>,
    root: PathBuf,
    /// The project's `.drctl`, whose key file serves here, too.
    project: PathBuf,
    notes: Arc<Notes>,
}

impl Ring {
    async fn open(self, source: Source) -> Result<(Keys, Option<Notice>)> {
        let ring = Arc::new(self);
        let root = ring.root.clone();
        let fetching = Arc::clone(&ring);
        blocking(move || wait_for(fetching.fetch())).await?;
        let (keys, notice) = Keys::open(&root, source.clone()).await?;
        let offering = Arc::clone(&ring);
        if !blocking(move || wait_for(offering.offer())).await? {
            // Another machine made keys at the same time, and was faster.
            return Keys::open(&root, source).await;
        }
        let notice = match notice {
            Some(Notice::KeyFileMade(made)) => Some(Notice::KeyFileMade(ring.share(&made)?)),
            other => other,
        };
        Ok((keys, notice))
    }

    /// Makes a new key file that of the project, which serves all places. Gives the file to keep.
    fn share(&self, made: &Path) -> Result<PathBuf> {
        let key = self.project.join(KEY_FILE);
        let bytes = files::read(made)?.unwrap_or_default();
        Ok(if files::make_new(&key, &bytes)? { key } else { made.to_owned() })
    }

    /// Brings the keys of the buckets here. Keys that are only here stay.
    async fn fetch(&self) -> Result<()> {
        files::make_dir(&self.root)?;
        let key = self.root.join(KEY_FILE);
        if !key.exists()
            && let Some(bytes) = files::read(&self.project.join(KEY_FILE))?
        {
            files::make_new(&key, &bytes)?;
        }
        let path = self.root.join(RING);
        let mut unknown = true;
        for place in &self.places {
            let Some(there) = self.get(place).await? else { continue };
            unknown = false;
            if let Some(object) = there {
                if files::read(&path)?.as_ref() != Some(&object.bytes) {
                    files::replace(&path, &object.bytes)?;
                }
                return Ok(());
            }
        }
        match self.places.first() {
            // New keys must not take the place of some that cannot be seen.
            Some(place) if unknown => {
                Err(place.failed("read the keys in")(Error::new(Kind::Outage, "no copy of the state answers")))
            }
            _ => Ok(()),
        }
    }

    /// The keys in a bucket. `None` if it does not answer and another one may.
    async fn get(&self, place: &Place) -> Result<Option<Option<Object>>> {
        let bucket = place.bucket();
        if self.places.len() > 1 && self.notes.is_away(&bucket) {
            return Ok(None);
        }
        match place.objects.get(&place.location.key(RING)).await {
            Err(error) if is_away(&error) && self.places.len() > 1 => {
                self.notes.unread(&bucket, &error);
                Ok(None)
            }
            there => there.map(Some).map_err(place.failed("read the keys in")),
        }
    }

    /// Gives the keys to the buckets that have none. Says whether theirs are these.
    async fn offer(&self) -> Result<bool> {
        let path = self.root.join(RING);
        let Some(bytes) = files::read(&path)? else { return Ok(true) };
        for (i, place) in self.places.iter().enumerate() {
            let key = place.location.key(RING);
            let Some(there) = self.get(place).await? else { continue };
            match (there, i) {
                (Some(there), _) if there.bytes == bytes => {}
                (Some(there), 0) => {
                    files::replace(&path, &there.bytes)?;
                    return Ok(false);
                }
                (Some(there), _) => self.put(place, &bytes, When::Same(there.etag)).await?,
                (None, _) => match objects::put(&*place.objects, &key, &bytes, When::Absent).await {
                    Err(objects::Refused::Condition) => {
                        let there = place.objects.get(&key).await.map_err(place.failed("read the keys in"))?;
                        files::replace(&path, &there.map(|object| object.bytes).unwrap_or(bytes))?;
                        return Ok(false);
                    }
                    Err(objects::Refused::Failed(error)) => return Err(place.failed("write the keys to")(error)),
                    Ok(_) => {}
                },
            }
        }
        Ok(true)
    }

    /// Puts the keys that are here in the place of those in the buckets.
    async fn publish(&self) -> Result<()> {
        let Some(bytes) = files::read(&self.root.join(RING))? else { return Ok(()) };
        for place in &self.places {
            self.put(place, &bytes, When::Always).await?;
        }
        Ok(())
    }

    async fn put(&self, place: &Place, bytes: &[u8], when: When) -> Result<()> {
        match objects::put(&*place.objects, &place.location.key(RING), bytes, when).await {
            Ok(_) | Err(objects::Refused::Condition) => Ok(()),
            Err(objects::Refused::Failed(error)) => Err(place.failed("write the keys to")(error)),
        }
    }
}

/// One stack in the buckets.
#[derive(Debug, Clone)]
struct Rack {
    folders: Vec<Folder>,
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
        self.newest(Folder::look, Found::position).await
    }

    async fn take(self, owner: Owner, timeout: Duration, waits: Waits) -> Result<Holding> {
        let other = self.folders.get(1).map(|folder| format!("{}/{}", folder.bucket, folder.prefix));
        match Holding::take(self.folders, owner, timeout, waits, self.notes).await {
            Err(StateError::Bucket { doing, path, mut source }) if is_away(&source) => {
                if let Some(other) = other {
                    source.hint = Some(format!(
                        "if its region is lost, go on with the copy: `--state` with the place that `{other}` is in"
                    ));
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
            Ok((Peek::of(object.as_ref()), object.is_some()))
        };
        let (_, (peek, is_there)) = wait_for(self.newest(state, |(peek, _)| peek.at))?;
        match peek.gone {
            Some(folder::Gone::Moved(to)) => Err(StateError::Moved { to }),
            Some(folder::Gone::Removed) => Ok(false),
            None => Ok(is_there),
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

    fn break_lock(&self) -> Result<()> {
        wait_for(async {
            for folder in &self.folders {
                lease::break_open(folder).await?;
            }
            Ok(())
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
