//! The keys that seal secrets, and how they are kept.
//!
//! A ring holds random data keys of 256 bits. The newest one seals, older ones still open what they
//! sealed. Each is stored only wrapped: by a passphrase (Argon2id), by the key in a file beside the
//! ring, or by keys of AWS KMS, one a region. Any of its wrappings opens a data key.
//!
//! The project's ring is `.drctl/keys.json`. A state whose secrets are opened by something else, or
//! whose keys were rotated, has a ring of its own, `keys.json` beside it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::prelude::{BASE64_STANDARD_NO_PAD as BASE64, Engine};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::engine::key_provider::{KeyProvider, KeyService, KmsKey};
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::format::{gate, pretty};
use crate::state::seal::{Cipher, Seal};
use crate::state::store::blocking;

/// Holds a passphrase.
pub const PASSPHRASE: &str = "DRCTL_PASSPHRASE";
/// Names a file whose first line is a passphrase.
pub const PASSPHRASE_FILE: &str = "DRCTL_PASSPHRASE_FILE";
/// Hold the passphrase that takes the place of the present one.
pub const NEW_PASSPHRASE: [&str; 2] = ["DRCTL_NEW_PASSPHRASE", "DRCTL_NEW_PASSPHRASE_FILE"];

pub(super) const RING: &str = "keys.json";
const KEY_FILE: &str = "key";
const VERSION: u32 = 2;
const ABOUT: &[u8] = b"drctl data key v1";

/// Argon2id's costs: those of OWASP's password storage cheat sheet, about 20 ms a try.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// A damaged file must not make us fill the memory or wait for an hour.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 100;
/// How long one region may take to open a data key before the next one is asked.
const REGION_LIMIT: Duration = Duration::from_secs(20);

type DataKey = Zeroizing<[u8; 32]>;

/// What is at hand to open data keys, and what new ones are to be wrapped by.
#[derive(Clone, Default)]
pub struct Source {
    /// What the user asks for. By default a passphrase if there is one, else a key file.
    pub wanted: Option<KeyProvider>,
    pub passphrase: Option<Zeroizing<String>>,
    /// AWS KMS.
    pub service: Option<Arc<dyn KeyService>>,
}

/// Something the user should know about the keys, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A key file was made.
    KeyFileMade(PathBuf),
    /// A passphrase was given, but the key file still opens the secrets and no passphrase does.
    PassphraseUnused(PathBuf),
    /// Something else opens the secrets than the user asks for.
    Differs { wanted: KeyProvider, sealed_by: String },
    /// These regions did not open the data key, and that one did.
    OtherRegion { used: String, failed: Vec<(String, String)> },
    /// A rotation did not end, so old and new both open the secrets.
    RotationUnfinished,
}

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

/// The content of `keys.json`; the newest key first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Ring {
    version: u32,
    /// Between the first and the last step of a rotation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    rotating: bool,
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

impl Source {
    pub fn key_file() -> Self {
        Self::default()
    }

    pub fn passphrase(text: &str) -> Self {
        Self { passphrase: Some(Zeroizing::new(text.to_owned())), ..Self::default() }
    }

    /// Whatever `DRCTL_PASSPHRASE` or else `DRCTL_PASSPHRASE_FILE` gives.
    ///
    /// # Errors
    /// If the passphrase is empty or its file cannot be read.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        Ok(Self { passphrase: passphrase([PASSPHRASE, PASSPHRASE_FILE], variable)?, ..Self::default() })
    }

    /// The same with another passphrase, if `DRCTL_NEW_PASSPHRASE` or its file give one.
    ///
    /// # Errors
    /// If the passphrase is empty or its file cannot be read.
    pub fn renewed(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let passphrase = passphrase(NEW_PASSPHRASE, variable)?.or_else(|| self.passphrase.clone());
        Ok(Self { passphrase, ..self.clone() })
    }

    /// What new data keys are wrapped by.
    fn provider(&self) -> KeyProvider {
        let usual = if self.passphrase.is_some() { KeyProvider::Passphrase } else { KeyProvider::KeyFile };
        self.wanted.clone().unwrap_or(usual)
    }

    fn given_passphrase(&self) -> Result<&Zeroizing<String>> {
        self.passphrase.as_ref().ok_or(StateError::NoPassphrase)
    }

    fn given_service(&self) -> Result<&dyn KeyService> {
        self.service.as_deref().ok_or(StateError::NoKeyService)
    }
}

fn passphrase(
    [direct, file]: [&'static str; 2],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Zeroizing<String>>> {
    let (name, text) = match (variable(direct), variable(file)) {
        (Some(text), _) => (direct, Zeroizing::new(text)),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path).map_err(StateError::io("read", Path::new(&path)))?;
            let text = Zeroizing::new(text);
            (file, Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
        }
        (None, None) => return Ok(None),
    };
    if text.is_empty() { Err(StateError::EmptyPassphrase(name)) } else { Ok(Some(text)) }
}

impl Keys {
    /// Opens the keys of a project, and makes them if it has none. `root` is its `.drctl`.
    ///
    /// A preview of a stack that does not exist needs no keys and should make none.
    ///
    /// # Errors
    /// If the source does not open them, or a file cannot be read or written.
    pub async fn open(root: &Path, source: Source) -> Result<(Self, Option<Notice>)> {
        let path = root.join(RING);
        if let Some(ring) = Ring::load(&path).await? {
            return Self::unwrap(path, ring, &source).await;
        }
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
        let wrappings = self.ring.keys.first().map(|key| key.wrappings.as_slice()).unwrap_or_default();
        let keys: Vec<KmsKey> = wrappings.iter().filter_map(Wrapping::kms_key).collect();
        match wrappings.first() {
            Some(Wrapping::Kms { .. }) => KeyProvider::Kms(keys),
            Some(Wrapping::Passphrase { .. }) => KeyProvider::Passphrase,
            Some(Wrapping::KeyFile { .. }) | None => KeyProvider::KeyFile,
        }
    }

    /// What wraps them, in words.
    pub fn sealed_by(&self) -> String {
        self.ring.sealed_by()
    }

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

    async fn write(&self) -> Result<()> {
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

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.path.display())
    }
}

impl Ring {
    async fn load(path: &Path) -> Result<Option<Self>> {
        let path = path.to_owned();
        blocking(move || Self::read(&path)).await
    }

    fn read(path: &Path) -> Result<Option<Self>> {
        let Some(bytes) = files::read(path)? else { return Ok(None) };
        gate(path, &bytes, VERSION)?;
        let ring: Self = serde_json::from_slice(&bytes).map_err(|e| StateError::json(path, 1, &e))?;
        match ring.keys.first() {
            Some(_) => Ok(Some(ring)),
            None => Err(StateError::damaged(path, None, "it holds no key")),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        pretty(self)
    }

    fn wrappings(&self) -> impl Iterator<Item = &Wrapping> {
        self.keys.iter().flat_map(|key| &key.wrappings)
    }

    fn sealed_by(&self) -> String {
        let mut words: Vec<String> =
            self.keys.first().into_iter().flat_map(|key| &key.wrappings).map(Wrapping::word).collect();
        words.dedup();
        words.join(" or ")
    }

    /// Whether the newest key is wrapped as a user asks for.
    fn is_by(&self, wanted: &KeyProvider) -> bool {
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

    fn kms_key(&self) -> Option<KmsKey> {
        match self {
            Self::Kms { key, .. } => KmsKey::new(key).ok(),
            _ => None,
        }
    }

    /// The same in a ring of another directory, from where a key file is named.
    fn seen_from(self, path: &Path, dir: &Path) -> Self {
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
pub(super) async fn differs(root: &Path, wanted: Option<&KeyProvider>) -> Result<bool> {
    let Some(wanted) = wanted else { return Ok(false) };
    Ok(match Ring::load(&root.join(RING)).await? {
        Some(ring) => !ring.is_by(wanted),
        None => matches!(wanted, KeyProvider::Kms(_)),
    })
}

/// Opens the data keys of one ring. What opened one is tried first for the next.
struct Opening<'a> {
    path: &'a Path,
    source: &'a Source,
    region: Option<String>,
    failed: Vec<(String, String)>,
    passphrase_unused: Option<PathBuf>,
}

impl<'a> Opening<'a> {
    fn new(path: &'a Path, source: &'a Source) -> Self {
        Self { path, source, region: None, failed: Vec::new(), passphrase_unused: None }
    }

    /// Tries every wrapping that something at hand may open; the last refusal is the reason.
    async fn open(&mut self, key: &Wrapped) -> Result<DataKey> {
        let mut refused = None;
        let by_passphrase = key.wrappings.iter().filter(|w| matches!(w, Wrapping::Passphrase { .. }));
        let by_file = key.wrappings.iter().filter(|w| matches!(w, Wrapping::KeyFile { .. }));
        let by_service = key.wrappings.iter().filter(|w| matches!(w, Wrapping::Kms { .. }));
        for wrapping in by_passphrase.chain(by_file).chain(by_service) {
            match self.try_one(wrapping).await {
                Ok(key) => return Ok(key),
                // What was not even at hand is the lesser news.
                Err(StateError::NoPassphrase) if refused.is_some() => {}
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or_else(|| StateError::damaged(self.path, None, "a key has no wrapping")))
    }

    async fn try_one(&mut self, wrapping: &Wrapping) -> Result<DataKey> {
        match wrapping {
            Wrapping::Passphrase { .. } => {
                let wrapper = Wrapper::Passphrase(self.source.given_passphrase()?.clone());
                wrapper.unwrap_local(wrapping).await?.ok_or(StateError::WrongPassphrase)
            }
            Wrapping::KeyFile { file, .. } => {
                let path = self.path.with_file_name(file);
                let wrapper = Wrapper::of_file(&path).await?;
                let key = wrapper.unwrap_local(wrapping).await?;
                if self.source.passphrase.is_some() {
                    self.passphrase_unused = Some(path.clone());
                }
                key.ok_or(StateError::NoKeyFile { path, exists: true })
            }
            Wrapping::Kms { key: arn, sealed } => self.ask_service(arn, sealed).await,
        }
    }

    async fn ask_service(&mut self, arn: &str, sealed: &str) -> Result<DataKey> {
        let service = self.source.given_service()?;
        let damaged = |why: String| StateError::damaged(self.path, None, why);
        let key = KmsKey::new(arn).map_err(damaged)?;
        let sealed = BASE64.decode(sealed).map_err(|_| damaged(format!("what `{arn}` wrapped is no base64")))?;
        let answer = tokio::time::timeout(REGION_LIMIT, service.unwrap(&key, &sealed)).await;
        let why = match answer {
            Ok(Ok(plain)) => match <[u8; 32]>::try_from(plain.as_slice()) {
                Ok(plain) => {
                    self.region = Some(key.region().to_owned());
                    return Ok(Zeroizing::new(plain));
                }
                Err(_) => "it gave no key of 32 bytes".to_owned(),
            },
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", REGION_LIMIT.as_secs()),
        };
        self.failed.push((key.region().to_owned(), why));
        self.failed.dedup();
        Err(StateError::NoRegion { failed: self.failed.clone() })
    }

    fn notice(&self, ring: &Ring) -> Option<Notice> {
        if ring.rotating {
            return Some(Notice::RotationUnfinished);
        }
        if let (Some(used), false) = (&self.region, self.failed.is_empty()) {
            return Some(Notice::OtherRegion { used: used.clone(), failed: self.failed.clone() });
        }
        match (&self.source.wanted, &self.passphrase_unused) {
            (Some(wanted), _) if !ring.is_by(wanted) => {
                Some(Notice::Differs { wanted: wanted.clone(), sealed_by: ring.sealed_by() })
            }
            (None, Some(path)) => Some(Notice::PassphraseUnused(path.clone())),
            _ => None,
        }
    }
}

/// Something that wraps data keys.
enum Wrapper {
    Passphrase(Zeroizing<String>),
    KeyFile { path: PathBuf, key: DataKey, made: bool },
    Kms { keys: Vec<KmsKey>, service: Arc<dyn KeyService> },
}

impl Wrapper {
    /// What a source asks for, with a key file that is made if it is not there.
    async fn make(dir: &Path, source: &Source) -> Result<Self> {
        match source.provider() {
            KeyProvider::KeyFile => Self::make_file(dir.join(KEY_FILE)).await,
            _ => Self::make_other(source),
        }
    }

    /// The same with a key file that never opened anything.
    async fn make_anew(dir: &Path, source: &Source) -> Result<Self> {
        match source.provider() {
            KeyProvider::KeyFile => Self::make_file(dir.join(format!("{KEY_FILE}-{}", ulid::Ulid::generate()))).await,
            _ => Self::make_other(source),
        }
    }

    fn make_other(source: &Source) -> Result<Self> {
        Ok(match source.provider() {
            KeyProvider::Kms(keys) => {
                Self::Kms { keys, service: source.service.clone().ok_or(StateError::NoKeyService)? }
            }
            KeyProvider::Passphrase | KeyProvider::KeyFile => Self::Passphrase(source.given_passphrase()?.clone()),
        })
    }

    async fn make_file(path: PathBuf) -> Result<Self> {
        let text = Zeroizing::new(BASE64.encode(random()?.as_slice()) + "\n");
        let at = path.clone();
        let made = blocking(move || {
            if let Some(dir) = at.parent() {
                files::make_dir(dir)?;
            }
            files::make_new(&at, text.as_bytes())
        })
        .await?;
        match Self::of_file(&path).await? {
            Self::KeyFile { path, key, .. } => Ok(Self::KeyFile { path, key, made }),
            other => Ok(other),
        }
    }

    async fn of_file(path: &Path) -> Result<Self> {
        let path = path.to_owned();
        blocking(move || {
            let Some(text) = files::read(&path)?.map(Zeroizing::new) else {
                return Err(StateError::NoKeyFile { path, exists: false });
            };
            let key = BASE64.decode(text.trim_ascii()).ok().map(Zeroizing::new);
            let key = key.and_then(|k| <[u8; 32]>::try_from(k.as_slice()).ok()).map(Zeroizing::new);
            let key = key.ok_or_else(|| StateError::damaged(&path, None, "it holds no key of 32 bytes in base64"))?;
            Ok(Self::KeyFile { path, key, made: false })
        })
        .await
    }

    fn notice(&self) -> Option<Notice> {
        match self {
            Self::KeyFile { path, made: true, .. } => Some(Notice::KeyFileMade(path.clone())),
            _ => None,
        }
    }

    async fn wrap(&self, key: &DataKey) -> Result<Vec<Wrapping>> {
        match self {
            Self::Passphrase(passphrase) => {
                let (passphrase, key) = (passphrase.clone(), key.clone());
                blocking(move || {
                    let mut salt = [0; 16];
                    getrandom::fill(&mut salt).map_err(|_| StateError::NoRandom)?;
                    let outer = derive(&passphrase, &salt, MEMORY_KIB, PASSES, LANES)?;
                    Ok(vec![Wrapping::Passphrase {
                        salt: BASE64.encode(salt),
                        memory_kib: MEMORY_KIB,
                        passes: PASSES,
                        lanes: LANES,
                        sealed: BASE64.encode(Cipher::new(&outer).seal(key.as_slice(), ABOUT)?),
                    }])
                })
                .await
            }
            Self::KeyFile { path, key: outer, .. } => {
                let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                let sealed = BASE64.encode(Cipher::new(outer).seal(key.as_slice(), ABOUT)?);
                Ok(vec![Wrapping::KeyFile { file, sealed }])
            }
            Self::Kms { keys, service } => {
                let wrap = keys.iter().map(|with| async move {
                    let wrapped = tokio::time::timeout(REGION_LIMIT, service.wrap(with, key)).await;
                    let why = match wrapped {
                        Ok(Ok((key, sealed))) => {
                            return Ok(Wrapping::Kms { key: key.arn().to_owned(), sealed: BASE64.encode(sealed) });
                        }
                        Ok(Err(error)) => error.to_string(),
                        Err(_) => format!("no answer within {} s", REGION_LIMIT.as_secs()),
                    };
                    Err(StateError::NotWrapped { key: with.arn().to_owned(), why })
                });
                futures::future::try_join_all(wrap).await
            }
        }
    }

    /// `None` if this is not what wrapped it.
    async fn unwrap_local(&self, wrapping: &Wrapping) -> Result<Option<DataKey>> {
        let (outer, sealed) = match (self, wrapping) {
            (Self::Passphrase(passphrase), Wrapping::Passphrase { salt, memory_kib, passes, lanes, sealed }) => {
                let Ok(salt) = BASE64.decode(salt) else { return Ok(None) };
                let (passphrase, memory_kib, passes, lanes) = (passphrase.clone(), *memory_kib, *passes, *lanes);
                (blocking(move || derive(&passphrase, &salt, memory_kib, passes, lanes)).await?, sealed)
            }
            (Self::KeyFile { key, .. }, Wrapping::KeyFile { sealed, .. }) => (key.clone(), sealed),
            _ => return Ok(None),
        };
        let plain = BASE64.decode(sealed).ok().and_then(|sealed| Cipher::new(&outer).open(&sealed, ABOUT));
        Ok(plain.and_then(|plain| <[u8; 32]>::try_from(plain.as_slice()).ok()).map(Zeroizing::new))
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
            Self::KeyFileMade(path) => {
                write!(f, "secrets are sealed with the new key in {}: keep it, and keep it to yourself", path.display())
            }
            Self::PassphraseUnused(path) => {
                write!(f, "the passphrase is not used: {} still opens the secrets", path.display())
            }
            Self::Differs { wanted, sealed_by } => write!(
                f,
                "`{wanted}` is asked for, and {sealed_by} opens the secrets: `drctl state rotate-key` changes that"
            ),
            Self::OtherRegion { used, failed } => {
                let failed: Vec<String> =
                    failed.iter().map(|(region, why)| format!("{region} failed: {why}")).collect();
                write!(f, "the secrets were opened by KMS in {used} ({})", failed.join("; "))
            }
            Self::RotationUnfinished => {
                f.write_str("a rotation of the keys did not end: run `drctl state rotate-key` again")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use futures::future::BoxFuture;

    use super::*;
    use crate::engine::error::{Error, Kind};
    use crate::engine::value::Value;

    const US: &str = "arn:aws:kms:us-east-1:1:key/us";
    const EU: &str = "arn:aws:kms:eu-west-1:1:key/eu";

    /// A service that can lose regions.
    #[derive(Default)]
    struct Service(Mutex<BTreeSet<String>>);

    impl Service {
        fn lose(&self, region: &str) {
            self.0.lock().unwrap().insert(region.to_owned());
        }

        fn check(&self, key: &KmsKey) -> Result<(), Error> {
            let lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lost.contains(key.region()) { Err(Error::new(Kind::Outage, "nobody answers")) } else { Ok(()) }
        }
    }

    impl KeyService for Service {
        fn wrap<'a>(&'a self, key: &'a KmsKey, plain: &'a [u8; 32]) -> BoxFuture<'a, Result<(KmsKey, Vec<u8>), Error>> {
            Box::pin(async move {
                self.check(key)?;
                let sealed = plain.iter().map(|b| b ^ 0x5a);
                Ok((key.clone(), key.arn().bytes().chain(sealed).collect()))
            })
        }

        fn unwrap<'a>(
            &'a self,
            key: &'a KmsKey,
            wrapped: &'a [u8],
        ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>, Error>> {
            Box::pin(async move {
                self.check(key)?;
                let sealed = wrapped.strip_prefix(key.arn().as_bytes());
                let sealed = sealed.ok_or_else(|| Error::new(Kind::Denied, "another key"))?;
                Ok(Zeroizing::new(sealed.iter().map(|b| b ^ 0x5a).collect()))
            })
        }
    }

    fn passphrase(text: &str) -> Source {
        Source::passphrase(text)
    }

    fn kms(service: &Arc<Service>) -> Source {
        let service = Arc::clone(service) as Arc<dyn KeyService>;
        Source { wanted: Some(KeyProvider::kms([US, EU]).unwrap()), service: Some(service), ..Source::default() }
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
        let (first, notice) = Keys::open(root.path(), Source::key_file()).await.unwrap();
        assert_eq!(notice, Some(Notice::KeyFileMade(root.path().join("key"))));
        let (second, notice) = Keys::open(root.path(), Source::key_file()).await.unwrap();
        assert_eq!(notice, None);
        assert!(opens(&second, &sealed_by(&first)));
    }

    #[tokio::test]
    async fn a_wrong_passphrase_is_refused_in_clear_words() {
        let root = tempfile::tempdir().unwrap();
        let (first, _) = Keys::open(root.path(), passphrase("right")).await.unwrap();
        let error = Keys::open(root.path(), passphrase("wrong")).await.unwrap_err();
        assert!(matches!(error, StateError::WrongPassphrase));
        assert!(matches!(Keys::open(root.path(), Source::key_file()).await.unwrap_err(), StateError::NoPassphrase));
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
        Keys::open(root.path(), Source::key_file()).await.unwrap();
        let path = root.path().join("key");
        std::fs::remove_file(&path).unwrap();
        let error = Keys::open(root.path(), Source::key_file()).await.unwrap_err();
        assert!(matches!(error, StateError::NoKeyFile { exists: false, .. }));
        std::fs::write(&path, BASE64.encode([1; 32])).unwrap();
        let error = Keys::open(root.path(), Source::key_file()).await.unwrap_err();
        assert!(matches!(error, StateError::NoKeyFile { exists: true, .. }));
    }

    #[tokio::test]
    async fn either_region_alone_opens_what_both_wrapped() {
        let root = tempfile::tempdir().unwrap();
        let service = Arc::new(Service::default());
        let (first, notice) = Keys::open(root.path(), kms(&service)).await.unwrap();
        assert_eq!((first.region(), notice), (Some("us-east-1"), None));
        service.lose("us-east-1");
        let (second, notice) = Keys::open(root.path(), kms(&service)).await.unwrap();
        assert_eq!(second.region(), Some("eu-west-1"));
        assert_eq!(
            notice.unwrap().to_string(),
            "the secrets were opened by KMS in eu-west-1 (us-east-1 failed: nobody answers)"
        );
        assert!(opens(&second, &sealed_by(&first)));
        service.lose("eu-west-1");
        let error = Keys::open(root.path(), kms(&service)).await.unwrap_err();
        insta::assert_snapshot!(error, @"no region opens the secrets: us-east-1: nobody answers; eu-west-1: nobody answers");
    }

    #[tokio::test]
    async fn keys_are_made_only_if_every_region_wraps_them() {
        let root = tempfile::tempdir().unwrap();
        let service = Arc::new(Service::default());
        service.lose("eu-west-1");
        let error = Keys::open(root.path(), kms(&service)).await.unwrap_err();
        assert!(matches!(&error, StateError::NotWrapped { key, .. } if key == EU), "{error}");
        assert!(!root.path().join(RING).exists());
    }

    #[tokio::test]
    async fn keys_of_a_service_need_the_service_and_a_wish_that_differs_is_told() {
        let root = tempfile::tempdir().unwrap();
        let service = Arc::new(Service::default());
        Keys::open(root.path(), kms(&service)).await.unwrap();
        let error = Keys::open(root.path(), Source::key_file()).await.unwrap_err();
        assert!(matches!(error, StateError::NoKeyService));
        let only = KeyProvider::kms([US]).unwrap();
        let (_, notice) = Keys::open(root.path(), Source { wanted: Some(only), ..kms(&service) }).await.unwrap();
        assert!(matches!(notice, Some(Notice::Differs { .. })));
    }

    /// Every provider in the place of every other, in the ring of the project and in one of its own.
    #[tokio::test]
    async fn until_a_rotation_ends_old_and_new_open_and_afterwards_only_the_new() {
        let service = Arc::new(Service::default());
        let sources = || [Source::key_file(), passphrase("one"), passphrase("two"), kms(&service)];
        for (old, new) in sources().into_iter().flat_map(|old| sources().map(|new| (old.clone(), new))) {
            for below in ["", "twin/prod"] {
                let root = tempfile::tempdir().unwrap();
                let dir = if below.is_empty() { root.path().to_owned() } else { root.path().join(below) };
                let (before, _) = Keys::open(root.path(), old.clone()).await.unwrap();
                let sealed = sealed_by(&before);
                let wanted = Source { wanted: Some(new.provider()), ..new.clone() };
                let rotation = before.begin_rotation(&dir, &old, &wanted).await.unwrap();
                for source in [&old, &new] {
                    let (keys, notice) = Keys::open(&dir, source.clone()).await.unwrap();
                    assert_eq!(notice, Some(Notice::RotationUnfinished));
                    assert!(opens(&keys, &sealed) && opens(&keys, &sealed_by(&rotation.both)));
                }
                let both = sealed_by(&rotation.both);
                let after = rotation.end().await.unwrap();
                let (keys, notice) = Keys::open(&dir, new.clone()).await.unwrap();
                assert_eq!(notice, None, "{} to {}", old.provider(), new.provider());
                assert!(opens(&keys, &both) && opens(&keys, &sealed_by(&after)) && !opens(&keys, &sealed));
                if let (Some(a), b) = (&old.passphrase, &new.passphrase)
                    && b.as_ref() != Some(a)
                {
                    assert!(
                        Keys::open(&dir, old.clone()).await.is_err_and(|e| !matches!(e, StateError::Damaged { .. }))
                            || new.provider() == KeyProvider::KeyFile
                    );
                }
            }
        }
    }

    #[tokio::test]
    async fn a_rotated_key_file_is_another_file_and_the_old_one_goes() {
        let root = tempfile::tempdir().unwrap();
        let (before, _) = Keys::open(root.path(), Source::key_file()).await.unwrap();
        let source = Source::key_file();
        let rotation = before.begin_rotation(root.path(), &source, &source).await.unwrap();
        let Some(Notice::KeyFileMade(path)) = rotation.notice.clone() else { panic!("{:?}", rotation.notice) };
        rotation.end().await.unwrap();
        assert!(path.exists() && !root.path().join("key").exists());
        let below = root.path().join("twin/prod");
        let (shared, _) = Keys::open(root.path(), source.clone()).await.unwrap();
        shared.begin_rotation(&below, &source, &source).await.unwrap().end().await.unwrap();
        assert!(path.exists(), "the project's key file still opens other states");
    }

    #[test]
    fn sources_are_tried_in_order_and_an_empty_passphrase_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passphrase");
        std::fs::write(&path, "from file\nmore").unwrap();
        let file = |name: &str| (name == PASSPHRASE_FILE).then(|| path.display().to_string());
        let given = |source: Source| source.passphrase.map(|p| p.to_string());
        assert_eq!(given(Source::from_environment(file).unwrap()).as_deref(), Some("from file"));
        let both = |name: &str| if name == PASSPHRASE { Some("direct".to_owned()) } else { file(name) };
        assert_eq!(given(Source::from_environment(both).unwrap()).as_deref(), Some("direct"));
        assert_eq!(given(Source::from_environment(|_| None).unwrap()), None);
        let empty = |name: &str| (name == PASSPHRASE).then(String::new);
        assert!(matches!(Source::from_environment(empty), Err(StateError::EmptyPassphrase(_))));
    }
}
