//! The file `keys.json`: data keys, each wrapped in several ways.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::wrapper::KEY_FILE;
use crate::engine::key_provider::{KeyProvider, KmsKey};
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::format::{gate, pretty};
use crate::state::store::blocking;

pub(in crate::state) const RING: &str = "keys.json";
pub(super) const VERSION: u32 = 2;

/// The content of `keys.json`; the newest key first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::state) struct Ring {
    pub(super) version: u32,
    /// Between the first and the last step of a rotation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) rotating: bool,
    pub(super) keys: Vec<Wrapped>,
}

impl Ring {
    /// How many keys it holds. A rotation in a bucket adds one, and none goes.
    pub(in crate::state) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// One data key, wrapped in several ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wrapped {
    pub(super) wrappings: Vec<Wrapping>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(super) enum Wrapping {
    Passphrase {
        salt: String,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
        sealed: String,
    },
    KeyFile {
        /// Name of the file beside the ring.
        #[serde(default = "key_file", skip_serializing_if = "is_key_file")]
        file: String,
        sealed: String,
    },
    Kms {
        /// ARN of the key.
        key: String,
        sealed: String,
    },
}

fn key_file() -> String {
    KEY_FILE.to_owned()
}

fn is_key_file(name: &str) -> bool {
    name == KEY_FILE
}

impl Ring {
    pub(in crate::state) async fn load(path: &Path) -> Result<Option<Self>> {
        let path = path.to_owned();
        blocking(move || Self::read(&path)).await
    }

    fn read(path: &Path) -> Result<Option<Self>> {
        files::read(path)?.map(|bytes| Self::parse(path, &bytes)).transpose()
    }

    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        gate(path, bytes, VERSION)?;
        let ring: Self = serde_json::from_slice(bytes).map_err(|e| StateError::json(path, 1, &e))?;
        match ring.keys.first() {
            Some(_) => Ok(ring),
            None => Err(StateError::damaged(path, None, "it holds no key")),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        pretty(self)
    }

    pub(super) fn wrappings(&self) -> impl Iterator<Item = &Wrapping> {
        self.keys.iter().flat_map(|key| &key.wrappings)
    }

    /// What wraps the newest key.
    pub(in crate::state) fn provider(&self) -> KeyProvider {
        let wrappings = self.keys.first().map(|key| key.wrappings.as_slice()).unwrap_or_default();
        let keys: Vec<KmsKey> = wrappings.iter().filter_map(Wrapping::kms_key).collect();
        match wrappings.first() {
            Some(Wrapping::Kms { .. }) => KeyProvider::Kms(keys),
            Some(Wrapping::Passphrase { .. }) => KeyProvider::Passphrase,
            Some(Wrapping::KeyFile { .. }) | None => KeyProvider::KeyFile,
        }
    }

    pub(in crate::state) fn sealed_by(&self) -> String {
        let mut words: Vec<String> =
            self.keys.first().into_iter().flat_map(|key| &key.wrappings).map(Wrapping::word).collect();
        words.dedup();
        words.join(" or ")
    }

    /// Whether the newest key is wrapped as a user asks for.
    pub(in crate::state) fn is_by(&self, wanted: &KeyProvider) -> bool {
        let Some(key) = self.keys.first() else { return false };
        match wanted {
            KeyProvider::KeyFile => key.wrappings.iter().any(|w| matches!(w, Wrapping::KeyFile { .. })),
            KeyProvider::Passphrase => key.wrappings.iter().any(|w| matches!(w, Wrapping::Passphrase { .. })),
            KeyProvider::Kms(keys) => {
                let wrapping = key.wrappings.iter().filter_map(Wrapping::kms_key);
                let wrapping: BTreeSet<String> = wrapping.map(|key| key.region().to_owned()).collect();
                wrapping == keys.iter().map(|key| key.region().to_owned()).collect()
            }
        }
    }
}

impl Wrapping {
    fn word(&self) -> String {
        match self {
            Self::Passphrase { .. } => "a passphrase".to_owned(),
            Self::KeyFile { file, .. } => format!("the key file `{file}`"),
            Self::Kms { key, .. } => format!("the KMS key `{key}`"),
        }
    }

    pub(super) fn kms_key(&self) -> Option<KmsKey> {
        match self {
            Self::Kms { key, .. } => KmsKey::new(key).ok(),
            _ => None,
        }
    }

    /// The same in a ring of another directory, from where a key file is named.
    pub(super) fn seen_from(self, path: &Path, dir: &Path) -> Self {
        match (self, path.parent().and_then(|parent| dir.strip_prefix(parent).ok())) {
            (Self::KeyFile { file, sealed }, Some(below)) => {
                Self::KeyFile { file: "../".repeat(below.components().count()) + &file, sealed }
            }
            (Self::KeyFile { file, sealed }, None) => {
                Self::KeyFile { file: path.with_file_name(file).to_string_lossy().into_owned(), sealed }
            }
            (other, _) => other,
        }
    }
}

/// Whether the keys of a project are sealed in another way than a user asks for. Without any, only KMS
/// is not for all of a project.
pub(in crate::state) async fn differs(root: &Path, wanted: Option<&KeyProvider>) -> Result<bool> {
    let Some(wanted) = wanted else { return Ok(false) };
    Ok(match Ring::load(&root.join(RING)).await? {
        Some(ring) => !ring.is_by(wanted),
        None => matches!(wanted, KeyProvider::Kms(_)),
    })
}
