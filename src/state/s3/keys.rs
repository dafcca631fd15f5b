//! The wrapped keys of all states in a bucket or two, and their copy on this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future;
use sha2::{Digest, Sha256};

use super::folder::{BACKUPS, JOURNAL, SNAPSHOT};
use super::objects::{self, Object, When, is_away};
use super::{Notes, Place, wait_for};
use crate::engine::error::{Error, Kind};
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::keys::{KEY_FILE, Keys, Notice, RING, Ring, Source, no_ring};
use crate::state::seal::holds_sealed;
use crate::state::store::blocking;

/// The wrapped keys in the buckets, and their copy in a directory of this machine.
pub(super) struct SharedKeys {
    pub(super) places: Vec<Place>,
    pub(super) root: PathBuf,
    /// The project's `.drctl`, whose key file serves here, too.
    pub(super) project: PathBuf,
    pub(super) notes: Arc<Notes>,
}

impl SharedKeys {
    pub(super) async fn open(self, source: Source) -> Result<(Keys, Option<Notice>)> {
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
    pub(super) async fn fetch(&self) -> Result<()> {
        let path = self.root.join(RING);
        let there = self.found().await?;
        if there.is_none() && !path.exists() {
            let buckets = self.places.iter().map(|place| (place.bucket(), &place.location.region));
            self.notes.refuse_unseen("key of the states", buckets)?;
            self.refuse_beside_sealed().await?;
        }
        files::make_dir(&self.root)?;
        let key = self.root.join(KEY_FILE);
        if !key.exists()
            && let Some(bytes) = files::read(&self.project.join(KEY_FILE))?
        {
            files::make_new(&key, &bytes)?;
        }
        match there {
            Some(object) if files::read(&path)?.as_ref() != Some(&object.bytes) => self.take(&object.bytes),
            _ => Ok(()),
        }
    }

    /// The keys in the buckets: those that were rotated further, of equals those of the first bucket.
    async fn found(&self) -> Result<Option<Object>> {
        let mut unknown = true;
        let mut furthest: Option<Object> = None;
        // All at once: one that is silent keeps nobody from asking the other one.
        let all = future::try_join_all(self.places.iter().map(|place| self.get(place))).await?;
        for there in all.into_iter().flatten() {
            unknown = false;
            if let Some(there) = there
                && furthest.as_ref().is_none_or(|best| rotated(&there.bytes) > rotated(&best.bytes))
            {
                furthest = Some(there);
            }
        }
        match self.places.first() {
            // New keys must not take the place of some that cannot be seen.
            Some(place) if unknown => {
                Err(place.failed("read the keys in")(Error::new(Kind::Outage, "no copy of the state answers")))
            }
            _ => Ok(furthest),
        }
    }

    /// New keys open nothing of what others sealed.
    async fn refuse_beside_sealed(&self) -> Result<()> {
        for place in self.places.iter().filter(|place| !self.notes.is_away(&place.bucket())) {
            let keys = place.objects.list(&place.location.key("")).await.map_err(place.failed("list"))?;
            let (states, others): (Vec<String>, Vec<String>) =
                keys.into_iter().filter(|key| is_of_a_state(key)).partition(|key| key.ends_with(SNAPSHOT));
            for key in states.into_iter().chain(others) {
                let object = place.objects.get(&key).await.map_err(place.failed("read"))?;
                if object.is_some_and(|object| holds_sealed(&object.bytes)) {
                    let name = |key: &str| PathBuf::from(format!("{}/{key}", place.bucket()));
                    return Err(no_ring(name(&place.location.key(RING)), &self.project, name(&key)));
                }
            }
        }
        Ok(())
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
                (Some(there), _) if is_ahead(&there.bytes, &bytes, i == 0) => {
                    self.take(&there.bytes)?;
                    return Ok(false);
                }
                (Some(there), _) => self.supersede(place, &bytes, there).await?,
                (None, _) => match objects::put(&*place.objects, &key, &bytes, When::Absent).await {
                    Err(objects::Refused::Condition) => {
                        let there = place.objects.get(&key).await.map_err(place.failed("read the keys in"))?;
                        self.take(&there.map(|object| object.bytes).unwrap_or(bytes))?;
                        return Ok(false);
                    }
                    Err(objects::Refused::Failed(error)) => return Err(place.failed("write the keys to")(error)),
                    Ok(_) => {}
                },
            }
        }
        Ok(true)
    }

    /// Puts the keys that are here in the place of those `before` in the buckets. Others are those of a
    /// rotation at the same time, by which a state may be sealed already.
    ///
    /// # Errors
    /// If not every bucket takes them. What is sealed with keys that a bucket lacks is lost with the other
    /// buckets, so nothing may be sealed anew then.
    pub(super) async fn publish(&self, before: &Ring) -> Result<()> {
        let Some(bytes) = files::read(&self.root.join(RING))? else { return Ok(()) };
        for place in &self.places {
            let key = place.location.key(RING);
            let changed = || StateError::RingChanged { path: format!("{}/{key}", place.bucket()).into() };
            let there = place.objects.get(&key).await.map_err(place.failed("read the keys in"))?;
            let is_before =
                |there: &Object| serde_json::from_slice(&there.bytes).is_ok_and(|ring: Ring| ring == *before);
            let when = match there {
                None => When::Absent,
                Some(there) if is_before(&there) || there.bytes == bytes => When::Same(there.etag),
                Some(_) => return Err(changed()),
            };
            match objects::put(&*place.objects, &key, &bytes, when).await {
                Ok(_) => {}
                Err(objects::Refused::Condition) => return Err(changed()),
                Err(objects::Refused::Failed(error)) => return Err(place.failed("write the keys to")(error)),
            }
        }
        Ok(())
    }

    /// Keys that others took the place of, here and in the buckets that answer.
    pub(super) async fn aside(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut aside = Vec::new();
        for entry in std::fs::read_dir(&self.root).into_iter().flatten().filter_map(std::result::Result::ok) {
            if is_aside(&entry.file_name().to_string_lossy())
                && let Some(bytes) = files::read(&entry.path())?
            {
                aside.push((entry.path(), bytes));
            }
        }
        for place in self.places.iter().filter(|place| !self.notes.is_away(&place.bucket())) {
            let below = place.location.key("");
            let keys = place.objects.list(&place.location.key(ASIDE)).await.map_err(place.failed("list"))?;
            for key in keys.iter().filter(|key| key.strip_prefix(&below).is_some_and(is_aside)) {
                let object = place.objects.get(key).await.map_err(place.failed("read"))?;
                aside.extend(object.map(|object| (format!("{}/{key}", place.bucket()).into(), object.bytes)));
            }
        }
        Ok(aside)
    }

    pub(super) async fn forget_aside(&self, paths: &[PathBuf]) {
        for path in paths {
            if path.starts_with(&self.root) {
                let _ = std::fs::remove_file(path);
            }
            for place in &self.places {
                let key = path.to_str().and_then(|path| path.strip_prefix(&format!("{}/", place.bucket())));
                if let Some(key) = key {
                    let _ = place.objects.delete(key).await;
                }
            }
        }
    }

    /// Takes keys over, and keeps those that were here unless these followed them.
    fn take(&self, bytes: &[u8]) -> Result<()> {
        let path = self.root.join(RING);
        if let Some(mine) = files::read(&path)?
            && rotated(&mine) >= rotated(bytes)
        {
            let path = self.root.join(aside(&mine));
            files::make_new(&path, &mine)?;
            self.notes.keys_apart(&path.display().to_string());
        }
        files::replace(&path, bytes)
    }

    /// Puts keys in the place of others, which stay beside them: something may be sealed with them.
    async fn supersede(&self, place: &Place, bytes: &[u8], there: Object) -> Result<()> {
        let key = place.location.key(&aside(&there.bytes));
        self.notes.keys_apart(&format!("{}/{key}", place.bucket()));
        match objects::put(&*place.objects, &key, &there.bytes, When::Absent).await {
            Ok(_) | Err(objects::Refused::Condition) => self.put(place, bytes, When::Same(there.etag)).await,
            Err(objects::Refused::Failed(error)) => Err(place.failed("write the keys to")(error)),
        }
    }

    async fn put(&self, place: &Place, bytes: &[u8], when: When) -> Result<()> {
        match objects::put(&*place.objects, &place.location.key(RING), bytes, when).await {
            Ok(_) | Err(objects::Refused::Condition) => Ok(()),
            Err(objects::Refused::Failed(error)) => Err(place.failed("write the keys to")(error)),
        }
    }
}

/// Where keys stay that others took the place of.
fn aside(ring: &[u8]) -> String {
    format!("{ASIDE}{}.json", &hex::encode(Sha256::digest(ring))[..16])
}

const ASIDE: &str = "keys-";

fn is_aside(name: &str) -> bool {
    name.strip_prefix(ASIDE).and_then(|rest| rest.strip_suffix(".json")).is_some_and(|hash| !hash.contains('/'))
}

/// How far keys were rotated.
fn rotated(ring: &[u8]) -> usize {
    serde_json::from_slice::<Ring>(ring).map_or(0, |ring| ring.len())
}

/// Whether keys that are there count for more than those that are here.
fn is_ahead(there: &[u8], here: &[u8], is_first: bool) -> bool {
    let (there, here) = (rotated(there), rotated(here));
    there > here || there == here && is_first
}

/// Whether an object is part of a state, present or earlier.
fn is_of_a_state(key: &str) -> bool {
    let is_below = |folder: &str| key.contains(&format!("/{folder}"));
    key.ends_with(&format!("/{SNAPSHOT}")) || is_below(JOURNAL) || is_below(BACKUPS)
}
