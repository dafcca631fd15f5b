//! Opens the data keys of a ring with what is at hand.

use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD_NO_PAD as BASE64, Engine};
use zeroize::Zeroizing;

use super::DataKey;
use super::notice::Notice;
use super::ring::{Ring, Wrapped, Wrapping};
use super::source::Source;
use super::wrapper::{REGION_LIMIT, Wrapper};
use crate::engine::key_provider::KmsKey;
use crate::state::error::{Result, StateError};

/// Opens the data keys of one ring. What opened one is tried first for the next.
pub(super) struct Opening<'a> {
    path: &'a Path,
    source: &'a Source,
    pub(super) region: Option<String>,
    failed: Vec<(String, String)>,
    passphrase_unused: Option<PathBuf>,
}

impl<'a> Opening<'a> {
    pub(super) fn new(path: &'a Path, source: &'a Source) -> Self {
        Self { path, source, region: None, failed: Vec::new(), passphrase_unused: None }
    }

    /// Tries every wrapping that something at hand may open; the last refusal is the reason.
    pub(super) async fn open(&mut self, key: &Wrapped) -> Result<DataKey> {
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

    pub(super) fn notice(&self, ring: &Ring) -> Option<Notice> {
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
