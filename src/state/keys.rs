//! The keys that seal secrets, and how they are kept.
//!
//! A project has random data keys of 256 bits in `.drctl/keys.json`. The newest one seals, older ones
//! still open what they sealed. Each is stored only wrapped: by a passphrase (Argon2id) or by the key
//! in the file `.drctl/key`, and may have several wrappings, any of which opens it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::prelude::{BASE64_STANDARD_NO_PAD as BASE64, Engine};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::format::{gate, pretty};
use crate::state::local::blocking;
use crate::state::seal::{Cipher, Seal};

/// Holds a passphrase.
pub const PASSPHRASE: &str = "DRCTL_PASSPHRASE";
/// Names a file whose first line is a passphrase.
pub const PASSPHRASE_FILE: &str = "DRCTL_PASSPHRASE_FILE";

const RING: &str = "keys.json";
const KEY_FILE: &str = "key";
const VERSION: u32 = 1;
const ABOUT: &[u8] = b"drctl data key v1";

/// Argon2id's costs: those of OWASP's password storage cheat sheet, about 20 ms a try.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// A damaged file must not make us fill the memory or wait for an hour.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 100;

type DataKey = Zeroizing<[u8; 32]>;

/// What opens the data keys.
pub enum Source {
    Passphrase(Zeroizing<String>),
    /// The file `key` in the project's `.drctl`, made when it is first needed.
    KeyFile,
}

/// Something the user should know about the keys, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A key file was made.
    KeyFileMade(PathBuf),
    /// A passphrase was given, but the key file still opens the secrets and no passphrase does.
    PassphraseUnused(PathBuf),
}

/// The data keys of a project, open.
#[derive(Clone)]
pub struct Keys {
    ring: Arc<Ring>,
    ciphers: Arc<[Cipher]>,
    path: PathBuf,
    open: Arc<[DataKey]>,
}

/// The content of `keys.json`; the newest key first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Ring {
    version: u32,
    keys: Vec<Wrapped>,
}

/// One data key, wrapped in several ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wrapped {
    wrappings: Vec<Wrapping>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Wrapping {
    Passphrase { salt: String, memory_kib: u32, passes: u32, lanes: u32, sealed: String },
    KeyFile { sealed: String },
}

impl Source {
    /// `DRCTL_PASSPHRASE`, else `DRCTL_PASSPHRASE_FILE`, else the key file.
    ///
    /// # Errors
    /// If the passphrase is empty or its file cannot be read.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        if let Some(passphrase) = variable(PASSPHRASE) {
            return Self::passphrase(PASSPHRASE, Zeroizing::new(passphrase));
        }
        let Some(path) = variable(PASSPHRASE_FILE) else { return Ok(Self::KeyFile) };
        let text = std::fs::read_to_string(&path).map_err(StateError::io("read", Path::new(&path)))?;
        let text = Zeroizing::new(text);
        Self::passphrase(PASSPHRASE_FILE, Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
    }

    fn passphrase(name: &'static str, passphrase: Zeroizing<String>) -> Result<Self> {
        if passphrase.is_empty() { Err(StateError::EmptyPassphrase(name)) } else { Ok(Self::Passphrase(passphrase)) }
    }
}

impl Keys {
    /// Opens the keys of a project, and makes them if it has none. `root` is its `.drctl`.
    ///
    /// A preview of a stack that does not exist needs no keys and should make none.
    ///
    /// # Errors
    /// If the source does not open them, or a file cannot be read or written.
    pub async fn open(root: &Path, source: Source) -> Result<(Self, Option<Notice>)> {
        let root = root.to_owned();
        blocking(move || Self::open_now(&root, &source)).await
    }

    fn open_now(root: &Path, source: &Source) -> Result<(Self, Option<Notice>)> {
        let path = root.join(RING);
        if let Some(ring) = Ring::read(&path)? {
            return Self::unwrap(root, path, ring, source);
        }
        files::make_dir(root)?;
        let (wrapper, notice) = Wrapper::make(root, source)?;
        let ring = Ring { version: VERSION, keys: vec![Wrapped { wrappings: vec![wrapper.wrap(&random()?)?] }] };
        // Another run may have been faster: then its keys count.
        files::make_new(&path, &ring.bytes())?;
        let ring = Ring::read(&path)?.ok_or_else(|| StateError::damaged(&path, None, "it vanished"))?;
        let (keys, late) = Self::unwrap(root, path, ring, source)?;
        Ok((keys, notice.or(late)))
    }

    fn unwrap(root: &Path, path: PathBuf, ring: Ring, source: &Source) -> Result<(Self, Option<Notice>)> {
        let by_passphrase = ring.wrappings().any(|w| matches!(w, Wrapping::Passphrase { .. }));
        let by_file = ring.wrappings().any(|w| matches!(w, Wrapping::KeyFile { .. }));
        let key_file = root.join(KEY_FILE);
        let (wrapper, notice) = match source {
            Source::Passphrase(_) if !by_passphrase && by_file => {
                (Wrapper::of_file(&key_file)?, Some(Notice::PassphraseUnused(key_file.clone())))
            }
            Source::Passphrase(passphrase) => (Wrapper::Passphrase(passphrase.clone()), None),
            Source::KeyFile if !by_file => return Err(StateError::NoPassphrase),
            Source::KeyFile => (Wrapper::of_file(&key_file)?, None),
        };
        let open = ring.keys.iter().map(|key| wrapper.unwrap(key)).collect::<Option<Vec<_>>>();
        let open = open.ok_or_else(|| wrapper.refused(&key_file))?;
        Ok((Self::of(ring, open, path), notice))
    }

    fn of(ring: Ring, open: Vec<DataKey>, path: PathBuf) -> Self {
        let ciphers = open.iter().map(|key| Cipher::new(key)).collect();
        Self { ring: Arc::new(ring), ciphers, path, open: open.into() }
    }

    /// Wraps the data keys by another source and forgets all earlier wrappings. A key file stays where
    /// it is, for exports made with it. If a passphrase became known, [`Keys::rotate`] too.
    ///
    /// # Errors
    /// If a file cannot be written; then the earlier wrappings still hold.
    pub async fn rewrap(&self, root: &Path, source: Source) -> Result<(Self, Option<Notice>)> {
        let (root, open, path) = (root.to_owned(), self.open.clone(), self.path.clone());
        blocking(move || {
            let (wrapper, notice) = Wrapper::make(&root, &source)?;
            let keys = open
                .iter()
                .map(|key| Ok(Wrapped { wrappings: vec![wrapper.wrap(key)?] }))
                .collect::<Result<Vec<_>>>()?;
            let ring = Ring { version: VERSION, keys };
            files::replace(&path, &ring.bytes())?;
            Ok((Self::of(ring, open.to_vec(), path), notice))
        })
        .await
    }

    /// Adds a new data key that seals from now on, wrapped by `source`. What older keys sealed still
    /// opens, and is sealed anew when its state is written next.
    ///
    /// # Errors
    /// If `source` does not open the present keys, or a file cannot be written.
    pub async fn rotate(&self, root: &Path, source: Source) -> Result<Self> {
        let (root, path) = (root.to_owned(), self.path.clone());
        blocking(move || {
            let mut ring = Ring::read(&path)?.ok_or_else(|| StateError::damaged(&path, None, "it vanished"))?;
            // Only a source that opens the old keys may wrap the new one: one source must open all.
            Self::unwrap(&root, path.clone(), ring.clone(), &source)?;
            let (wrapper, _) = Wrapper::make(&root, &source)?;
            ring.keys.insert(0, Wrapped { wrappings: vec![wrapper.wrap(&random()?)?] });
            files::replace(&path, &ring.bytes())?;
            Ok(Self::unwrap(&root, path, ring, &source)?.0)
        })
        .await
    }

    pub(super) fn seal<'a>(&'a self, lineage: &'a str) -> Seal<'a> {
        Seal { ciphers: &self.ciphers, lineage }
    }

    /// The wrapped keys, to travel with an exported state.
    pub(super) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// These keys, and after them those of another project.
    ///
    /// # Errors
    /// If `source` does not open the others.
    pub(super) fn with_foreign(&self, root: &Path, ring: Ring, source: &Source) -> Result<Self> {
        if ring == *self.ring {
            return Ok(self.clone());
        }
        let (foreign, _) = Self::unwrap(root, self.path.clone(), ring, source)?;
        let open = self.open.iter().chain(foreign.open.iter()).cloned().collect();
        Ok(Self::of((*self.ring).clone(), open, self.path.clone()))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.path.display())
    }
}

impl Ring {
    fn read(path: &Path) -> Result<Option<Self>> {
        let Some(bytes) = files::read(path)? else { return Ok(None) };
        gate(path, &bytes, VERSION)?;
        let ring: Self = serde_json::from_slice(&bytes).map_err(|e| StateError::json(path, 1, &e))?;
        Ok(Some(ring))
    }

    fn bytes(&self) -> Vec<u8> {
        pretty(self)
    }

    fn wrappings(&self) -> impl Iterator<Item = &Wrapping> {
        self.keys.iter().flat_map(|key| &key.wrappings)
    }
}

/// A source with what it needs to wrap and to unwrap.
enum Wrapper {
    Passphrase(Zeroizing<String>),
    KeyFile(DataKey),
}

impl Wrapper {
    fn make(root: &Path, source: &Source) -> Result<(Self, Option<Notice>)> {
        let Source::Passphrase(passphrase) = source else {
            let path = root.join(KEY_FILE);
            let text = Zeroizing::new(BASE64.encode(random()?.as_slice()) + "\n");
            let made = files::make_new(&path, text.as_bytes())?;
            return Ok((Self::of_file(&path)?, made.then_some(Notice::KeyFileMade(path))));
        };
        Ok((Self::Passphrase(passphrase.clone()), None))
    }

    fn of_file(path: &Path) -> Result<Self> {
        let Some(text) = files::read(path)?.map(Zeroizing::new) else {
            return Err(StateError::NoKeyFile { path: path.to_owned(), exists: false });
        };
        let key = BASE64.decode(text.trim_ascii()).ok().map(Zeroizing::new);
        let key = key.and_then(|k| <[u8; 32]>::try_from(k.as_slice()).ok());
        key.map(|k| Self::KeyFile(Zeroizing::new(k)))
            .ok_or_else(|| StateError::damaged(path, None, "it holds no key of 32 bytes in base64"))
    }

    fn wrap(&self, key: &DataKey) -> Result<Wrapping> {
        Ok(match self {
            Self::Passphrase(passphrase) => {
                let mut salt = [0; 16];
                getrandom::fill(&mut salt).map_err(|_| StateError::NoRandom)?;
                let outer = derive(passphrase, &salt, MEMORY_KIB, PASSES, LANES)?;
                Wrapping::Passphrase {
                    salt: BASE64.encode(salt),
                    memory_kib: MEMORY_KIB,
                    passes: PASSES,
                    lanes: LANES,
                    sealed: BASE64.encode(Cipher::new(&outer).seal(key.as_slice(), ABOUT)?),
                }
            }
            Self::KeyFile(outer) => {
                Wrapping::KeyFile { sealed: BASE64.encode(Cipher::new(outer).seal(key.as_slice(), ABOUT)?) }
            }
        })
    }

    fn unwrap(&self, key: &Wrapped) -> Option<DataKey> {
        key.wrappings.iter().find_map(|wrapping| self.unwrap_one(wrapping))
    }

    fn unwrap_one(&self, wrapping: &Wrapping) -> Option<DataKey> {
        let (outer, sealed) = match (self, wrapping) {
            (Self::Passphrase(passphrase), Wrapping::Passphrase { salt, memory_kib, passes, lanes, sealed }) => {
                (derive(passphrase, &BASE64.decode(salt).ok()?, *memory_kib, *passes, *lanes).ok()?, sealed)
            }
            (Self::KeyFile(outer), Wrapping::KeyFile { sealed }) => (outer.clone(), sealed),
            _ => return None,
        };
        let plain = Cipher::new(&outer).open(&BASE64.decode(sealed).ok()?, ABOUT)?;
        Some(Zeroizing::new(<[u8; 32]>::try_from(plain.as_slice()).ok()?))
    }

    fn refused(&self, key_file: &Path) -> StateError {
        match self {
            Self::Passphrase(_) => StateError::WrongPassphrase,
            Self::KeyFile(_) => StateError::NoKeyFile { path: key_file.to_owned(), exists: true },
        }
    }
}

fn derive(passphrase: &str, salt: &[u8], memory_kib: u32, passes: u32, lanes: u32) -> Result<DataKey> {
    let failed = |e: argon2::Error| StateError::Derive(e.to_string());
    if memory_kib > MOST_MEMORY_KIB || passes > MOST_PASSES {
        return Err(StateError::Derive("it would take far too long".to_owned()));
    }
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(failed)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(failed)?;
    Ok(key)
}

fn random() -> Result<DataKey> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(key.as_mut_slice()).map_err(|_| StateError::NoRandom)?;
    Ok(key)
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyFileMade(path) => write!(
                f,
                "secrets of this project are sealed with the new key file `{}`: keep a copy elsewhere, or set \
                 `{PASSPHRASE}` before the first run",
                path.display()
            ),
            Self::PassphraseUnused(path) => {
                write!(f, "`{PASSPHRASE}` has no effect: secrets of this project are sealed with `{}`", path.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::value::Value;

    fn passphrase(text: &str) -> Source {
        Source::Passphrase(Zeroizing::new(text.to_owned()))
    }

    fn sealed_by(keys: &Keys) -> serde_json::Value {
        keys.seal("l").seal("urn", "inputs", &Value::from("x").secret()).unwrap()
    }

    fn opens(keys: &Keys, sealed: &serde_json::Value) -> bool {
        keys.seal("l").open("urn", "inputs", sealed.clone()).is_ok()
    }

    #[tokio::test]
    async fn a_key_file_is_made_once_and_announced_once() {
        let root = tempfile::tempdir().unwrap();
        let (first, notice) = Keys::open(root.path(), Source::KeyFile).await.unwrap();
        assert_eq!(notice, Some(Notice::KeyFileMade(root.path().join("key"))));
        let (second, notice) = Keys::open(root.path(), Source::KeyFile).await.unwrap();
        assert_eq!(notice, None);
        assert!(opens(&second, &sealed_by(&first)));
    }

    #[tokio::test]
    async fn a_wrong_passphrase_is_refused_in_clear_words() {
        let root = tempfile::tempdir().unwrap();
        let (first, _) = Keys::open(root.path(), passphrase("right")).await.unwrap();
        let error = Keys::open(root.path(), passphrase("wrong")).await.unwrap_err();
        assert!(matches!(error, StateError::WrongPassphrase));
        assert!(matches!(Keys::open(root.path(), Source::KeyFile).await.unwrap_err(), StateError::NoPassphrase));
        let (again, _) = Keys::open(root.path(), passphrase("right")).await.unwrap();
        assert!(opens(&again, &sealed_by(&first)));
    }

    #[tokio::test]
    async fn no_key_lies_in_the_ring_in_plain() {
        let root = tempfile::tempdir().unwrap();
        let (keys, _) = Keys::open(root.path(), passphrase("right")).await.unwrap();
        let ring = std::fs::read_to_string(root.path().join(RING)).unwrap();
        assert!(!ring.contains(&BASE64.encode(keys.open[0].as_slice())) && !ring.contains("right"));
    }

    #[tokio::test]
    async fn a_lost_or_exchanged_key_file_is_named() {
        let root = tempfile::tempdir().unwrap();
        Keys::open(root.path(), Source::KeyFile).await.unwrap();
        let path = root.path().join("key");
        std::fs::remove_file(&path).unwrap();
        let error = Keys::open(root.path(), Source::KeyFile).await.unwrap_err();
        assert!(matches!(error, StateError::NoKeyFile { exists: false, .. }));
        std::fs::write(&path, BASE64.encode([1; 32])).unwrap();
        let error = Keys::open(root.path(), Source::KeyFile).await.unwrap_err();
        assert!(matches!(error, StateError::NoKeyFile { exists: true, .. }));
    }

    #[tokio::test]
    async fn a_passphrase_can_take_the_place_of_a_key_file() {
        let root = tempfile::tempdir().unwrap();
        let (first, _) = Keys::open(root.path(), Source::KeyFile).await.unwrap();
        let (_, notice) = Keys::open(root.path(), passphrase("new")).await.unwrap();
        assert!(matches!(notice, Some(Notice::PassphraseUnused(_))));
        first.rewrap(root.path(), passphrase("new")).await.unwrap();
        let (second, notice) = Keys::open(root.path(), passphrase("new")).await.unwrap();
        assert_eq!(notice, None);
        assert!(opens(&second, &sealed_by(&first)));
        assert!(Keys::open(root.path(), Source::KeyFile).await.is_err());
    }

    #[tokio::test]
    async fn after_a_rotation_old_values_open_and_new_ones_need_the_new_key() {
        let root = tempfile::tempdir().unwrap();
        let (old, _) = Keys::open(root.path(), passphrase("p")).await.unwrap();
        old.rotate(root.path(), passphrase("p")).await.unwrap();
        let (new, _) = Keys::open(root.path(), passphrase("p")).await.unwrap();
        assert!(opens(&new, &sealed_by(&old)));
        assert!(!opens(&old, &sealed_by(&new)));
        assert!(matches!(old.rotate(root.path(), passphrase("q")).await, Err(StateError::WrongPassphrase)));
    }

    #[test]
    fn sources_are_tried_in_order_and_an_empty_passphrase_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passphrase");
        std::fs::write(&path, "from file\nmore").unwrap();
        let file = |name: &str| (name == PASSPHRASE_FILE).then(|| path.display().to_string());
        assert!(matches!(Source::from_environment(file).unwrap(), Source::Passphrase(p) if *p == "from file"));
        let both = |name: &str| if name == PASSPHRASE { Some("direct".to_owned()) } else { file(name) };
        assert!(matches!(Source::from_environment(both).unwrap(), Source::Passphrase(p) if *p == "direct"));
        assert!(matches!(Source::from_environment(|_| None).unwrap(), Source::KeyFile));
        let empty = |name: &str| (name == PASSPHRASE).then(String::new);
        assert!(matches!(Source::from_environment(empty), Err(StateError::EmptyPassphrase(_))));
    }
}
