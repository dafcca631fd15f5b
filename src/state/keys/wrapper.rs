//! What wraps data keys: a passphrase, the key in a file, or keys of AWS KMS.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::prelude::{BASE64_STANDARD_NO_PAD as BASE64, Engine};
use zeroize::Zeroizing;

use super::notice::Notice;
use super::ring::Wrapping;
use super::source::Source;
use super::{DataKey, random};
use crate::engine::key_provider::{KeyProvider, KeyService, KmsKey};
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::seal::Cipher;
use crate::state::store::blocking;

pub(in crate::state) const KEY_FILE: &str = "key";
const ABOUT: &[u8] = b"drctl data key v1";

/// Argon2id's costs: those of OWASP's password storage cheat sheet, about 20 ms a try.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// A damaged file must not make us fill the memory or wait for an hour.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 100;
/// How long one region may take to open a data key before the next one is asked.
pub(super) const REGION_LIMIT: Duration = Duration::from_secs(20);

/// Something that wraps data keys.
pub(super) enum Wrapper {
    Passphrase(Zeroizing<String>),
    KeyFile { path: PathBuf, key: DataKey, made: bool },
    Kms { keys: Vec<KmsKey>, service: Arc<dyn KeyService> },
}

impl Wrapper {
    /// What a source asks for, with a key file that is made if it is not there.
    pub(super) async fn make(dir: &Path, source: &Source) -> Result<Self> {
        match source.provider() {
            KeyProvider::KeyFile => Self::make_file(dir.join(KEY_FILE)).await,
            _ => Self::make_other(source),
        }
    }

    /// The same with a key file that never opened anything.
    pub(super) async fn make_anew(dir: &Path, source: &Source) -> Result<Self> {
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
            KeyProvider::Passphrase | KeyProvider::KeyFile => {
                Self::Passphrase(source.passphrase.clone().ok_or(StateError::NoNewPassphrase)?)
            }
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

    pub(super) async fn of_file(path: &Path) -> Result<Self> {
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

    pub(super) fn notice(&self) -> Option<Notice> {
        match self {
            Self::KeyFile { path, made: true, .. } => Some(Notice::KeyFileMade(path.clone())),
            _ => None,
        }
    }

    pub(super) async fn wrap(&self, key: &DataKey) -> Result<Vec<Wrapping>> {
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
    pub(super) async fn unwrap_local(&self, wrapping: &Wrapping) -> Result<Option<DataKey>> {
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
