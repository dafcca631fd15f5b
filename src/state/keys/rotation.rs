//! Another data key in the place of those of a ring, in two steps: first the ring opens old and new,
//! in the end only the new.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::notice::Notice;
use super::ring::{RING, Ring, VERSION, Wrapped, Wrapping};
use super::source::Source;
use super::wrapper::Wrapper;
use super::{DataKey, Keys, random};
use crate::engine::key_provider::KmsKey;
use crate::state::error::Result;
use crate::state::store::blocking;

/// A rotation between its first step and its last.
pub struct Rotation {
    /// Open what was sealed before, and seal with the new key.
    pub both: Keys,
    /// Those that are left in the end.
    new: Keys,
    /// Those and the old ones, wrapped as the new one is.
    kept: Keys,
    pub notice: Option<Notice>,
    unused: Vec<PathBuf>,
}

impl Keys {
    /// Begins to put a new data key, wrapped as `new` asks for, into the place of these. The ring is
    /// in `dir` then. Until [`Rotation::end`] `old`, which opened these, and `new` both open all of it.
    ///
    /// # Errors
    /// If `new` cannot wrap, or the ring cannot be written: then the old one stands.
    pub async fn begin_rotation(&self, dir: &Path, old: &Source, new: &Source) -> Result<Rotation> {
        let wrapper = Wrapper::make_anew(dir, new).await?;
        let fresh = random()?;
        let wrapped = Wrapped { wrappings: wrapper.wrap(&fresh).await? };
        let last = Ring { version: VERSION, rotating: false, keys: vec![wrapped.clone()] };
        let mut kept = last.clone();
        let mut keys = vec![wrapped];
        for wrapper in self.wrappers(old).await {
            let wrappings = wrapper.wrap(&fresh).await?;
            keys[0].wrappings.extend(wrappings.into_iter().map(|w| w.seen_from(&self.path, dir)));
        }
        for (key, plain) in self.ring.keys.iter().zip(self.open.iter()) {
            let mut wrappings = wrapper.wrap(plain).await?;
            kept.keys.push(Wrapped { wrappings: wrappings.clone() });
            wrappings.extend(key.wrappings.iter().cloned().map(|w| w.seen_from(&self.path, dir)));
            keys.push(Wrapped { wrappings });
        }
        let ring = Ring { version: VERSION, rotating: true, keys };
        let path = dir.join(RING);
        let open: Vec<DataKey> = std::iter::once(fresh.clone()).chain(self.open.iter().cloned()).collect();
        let both = Self::of(ring, open.clone(), path.clone());
        both.write().await?;
        let (kept, new) = (Self::of(kept, open, path.clone()), Self::of(last, vec![fresh], path));
        Ok(Rotation { both, new, kept, notice: wrapper.notice(), unused: self.own_key_files(dir) })
    }

    /// What can wrap another key as the newest of these is, as far as it is at hand.
    async fn wrappers(&self, source: &Source) -> Vec<Wrapper> {
        let (mut wrappers, mut keys) = (Vec::new(), Vec::new());
        for wrapping in self.ring.keys.first().into_iter().flat_map(|key| &key.wrappings) {
            match wrapping {
                Wrapping::Passphrase { .. } => wrappers.extend(source.passphrase.clone().map(Wrapper::Passphrase)),
                Wrapping::KeyFile { file, .. } => {
                    wrappers.extend(Wrapper::of_file(&self.path.with_file_name(file)).await.ok());
                }
                Wrapping::Kms { key, .. } => keys.extend(KmsKey::new(key)),
            }
        }
        if let (Some(service), false) = (&source.service, keys.is_empty()) {
            wrappers.push(Wrapper::Kms { keys, service: Arc::clone(service) });
        }
        wrappers
    }
}

impl Rotation {
    /// Leaves the old keys in the ring, opened as the new one is: other states are sealed with them.
    ///
    /// # Errors
    /// If the ring cannot be written: then old and new still open everything.
    pub async fn end_keeping_old(self) -> Result<Keys> {
        self.kept.write().await?;
        Ok(self.kept)
    }

    /// Forgets the old keys, once nothing is sealed with them any more.
    ///
    /// # Errors
    /// If the ring cannot be written: then old and new still open everything.
    pub async fn end(self) -> Result<Keys> {
        self.new.write().await?;
        let (left, unused) = (self.new.clone(), self.unused);
        blocking(move || {
            let used = left.own_key_files(left.path.parent().unwrap_or(Path::new("")));
            for file in unused.iter().filter(|file| !used.contains(file)) {
                // A key that opens nothing any more does no harm.
                let _ = std::fs::remove_file(file);
            }
            Ok(())
        })
        .await?;
        Ok(self.new)
    }
}
