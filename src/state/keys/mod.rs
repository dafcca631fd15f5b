//! The keys that seal secrets, and how they are kept.
//!
//! A ring holds random data keys of 256 bits. The newest one seals, older ones still open what they
//! sealed. Each is stored only wrapped: by a passphrase (Argon2id), by the key in a file beside the
//! ring, or by keys of AWS KMS, one a region. Any of its wrappings opens a data key.
//!
//! The project's ring is `.drctl/keys.json`. A state whose secrets are opened by something else, or
//! whose keys were rotated, has a ring of its own, `keys.json` beside it.

mod bereft;
mod notice;
mod opening;
mod ring;
mod rotation;
mod source;
#[cfg(test)]
mod tests;
mod wrapper;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::engine::key_provider::KeyProvider;
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::seal::{Cipher, Seal};
use crate::state::store::blocking;
use opening::Opening;
use ring::{VERSION, Wrapped, Wrapping};
use wrapper::Wrapper;

pub(super) use bereft::no_ring;
pub use notice::Notice;
pub(super) use ring::{RING, Ring, differs};
pub use source::{NEW_PASSPHRASE, PASSPHRASE, PASSPHRASE_FILE, Source};
pub(super) use wrapper::KEY_FILE;

type DataKey = Zeroizing<[u8; 32]>;

/// The data keys of a state, open.
#[derive(Clone)]
pub struct Keys {
    ring: Arc<Ring>,
    ciphers: Arc<[Cipher]>,
    path: PathBuf,
    open: Arc<[DataKey]>,
    /// The region whose KMS key opened them.
    region: Option<String>,
}

impl Keys {
    /// Opens the keys of a project, and makes them if it has none. `root` is its `.drctl`.
    ///
    /// A preview of a stack that does not exist needs no keys and should make none. Where something is
    /// sealed already none are made: they would open nothing of it.
    ///
    /// # Errors
    /// If the source does not open them, they are gone, or a file cannot be read or written.
    pub async fn open(root: &Path, source: Source) -> Result<(Self, Option<Notice>)> {
        let path = root.join(RING);
        if let Some(ring) = Ring::load(&path).await? {
            return Self::unwrap(path, ring, &source).await;
        }
        let dir = root.to_owned();
        blocking(move || bereft::check(&dir)).await?;
        let wrapper = Wrapper::make(root, &source).await?;
        let wrapped = Wrapped { wrappings: wrapper.wrap(&random()?).await? };
        let ring = Ring { version: VERSION, rotating: false, keys: vec![wrapped] };
        let (at, bytes) = (path.clone(), ring.bytes());
        // Another run may have been faster: then its keys count.
        blocking(move || {
            if let Some(dir) = at.parent() {
                files::make_dir(dir)?;
            }
            files::make_new(&at, &bytes)
        })
        .await?;
        let ring = Ring::load(&path).await?.ok_or_else(|| StateError::damaged(&path, None, "it vanished"))?;
        let (keys, late) = Self::unwrap(path, ring, &source).await?;
        Ok((keys, wrapper.notice().or(late)))
    }

    async fn unwrap(path: PathBuf, ring: Ring, source: &Source) -> Result<(Self, Option<Notice>)> {
        let mut opening = Opening::new(&path, source);
        let mut open = Vec::with_capacity(ring.keys.len());
        for key in &ring.keys {
            open.push(opening.open(key).await?);
        }
        let notice = opening.notice(&ring);
        let region = opening.region;
        Ok((Self { region, ..Self::of(ring, open, path) }, notice))
    }

    fn of(ring: Ring, open: Vec<DataKey>, path: PathBuf) -> Self {
        let ciphers = open.iter().map(|key| Cipher::new(key)).collect();
        Self { ring: Arc::new(ring), ciphers, path, open: open.into(), region: None }
    }

    /// The region whose KMS key opened them, if KMS did.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The directory of the ring.
    pub(super) fn dir(&self) -> PathBuf {
        self.path.parent().map(Path::to_owned).unwrap_or_default()
    }

    /// What wraps the newest of them.
    pub fn provider(&self) -> KeyProvider {
        self.ring.provider()
    }

    /// Whether the newest of them is wrapped as a user asks for.
    pub(super) fn is_by(&self, wanted: &KeyProvider) -> bool {
        self.ring.is_by(wanted)
    }

    /// What wraps them, in words.
    pub fn sealed_by(&self) -> String {
        self.ring.sealed_by()
    }

    pub(super) async fn write(&self) -> Result<()> {
        let (path, bytes) = (self.path.clone(), self.ring.bytes());
        blocking(move || {
            if let Some(dir) = path.parent() {
                files::make_dir(dir)?;
            }
            files::replace(&path, &bytes)
        })
        .await
    }

    /// The ring and its key files, if it lies in that directory.
    pub(super) fn own_files(&self, dir: &Path) -> Vec<PathBuf> {
        let ring = (self.path.parent() == Some(dir)).then(|| self.path.clone());
        ring.into_iter().chain(self.own_key_files(dir)).filter(|path| path.parent() == Some(dir)).collect()
    }

    /// The key files of a ring in that directory, which serve no other ring.
    fn own_key_files(&self, dir: &Path) -> Vec<PathBuf> {
        if self.path.parent() != Some(dir) {
            return Vec::new();
        }
        let files = self.ring.wrappings().filter_map(|wrapping| match wrapping {
            Wrapping::KeyFile { file, .. } => Some(dir.join(file)),
            _ => None,
        });
        files.collect()
    }

    /// Each of them alone, the newest first.
    #[cfg(test)]
    pub(super) fn each(&self) -> Vec<Self> {
        let alone = |key: &DataKey| Self::of((*self.ring).clone(), vec![key.clone()], self.path.clone());
        self.open.iter().map(alone).collect()
    }

    pub(super) fn seal<'a>(&'a self, lineage: &'a str) -> Seal<'a> {
        Seal { ciphers: &self.ciphers, lineage }
    }

    /// The wrapped keys, to travel with an exported state.
    pub(super) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// These keys, and after them those of a ring that was once in the place of this one.
    ///
    /// # Errors
    /// If it is no ring, or none of the sources opens it.
    pub(super) async fn and(&self, path: &Path, ring: &[u8], sources: &[&Source]) -> Result<Self> {
        let ring = Ring::parse(path, ring)?;
        let mut refused = StateError::NoPassphrase;
        for source in sources {
            match Self::unwrap(self.path.clone(), ring.clone(), source).await {
                Ok((others, _)) => {
                    let (mut all, mut open) = ((*self.ring).clone(), self.open.to_vec());
                    for (wrapped, key) in others.ring.keys.iter().zip(others.open.iter()) {
                        if !open.contains(key) {
                            all.keys.push(wrapped.clone());
                            open.push(key.clone());
                        }
                    }
                    return Ok(Self { region: self.region.clone(), ..Self::of(all, open, self.path.clone()) });
                }
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }

    /// These keys, and after them those of another project.
    ///
    /// # Errors
    /// If `source` does not open the others.
    pub(super) async fn with_foreign(&self, root: &Path, ring: Ring, source: &Source) -> Result<Self> {
        if ring == *self.ring {
            return Ok(self.clone());
        }
        let beside = Self::unwrap(self.path.clone(), ring.clone(), source).await;
        let (foreign, _) = match beside {
            Ok(foreign) => foreign,
            Err(_) => Self::unwrap(root.join(RING), ring, source).await?,
        };
        let open = self.open.iter().chain(foreign.open.iter()).cloned().collect();
        Ok(Self::of((*self.ring).clone(), open, self.path.clone()))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.path.display())
    }
}

fn random() -> Result<DataKey> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(key.as_mut_slice()).map_err(|_| StateError::NoRandom)?;
    Ok(key)
}
