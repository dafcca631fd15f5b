//! AWS KMS as what wraps data keys: those of states, one a region, and those of other tools' files.

use std::collections::HashMap;
use std::sync::Arc;

use aws_config::Region;
use aws_smithy_types::Blob;
use aws_smithy_types::retry::RetryConfig;
use futures::future::BoxFuture;
use zeroize::Zeroizing;

use super::clients::Clients;
use super::config::{self, Settings};
use super::watch::Watch;
use crate::engine::error::{Error, Kind, Result, need};
use crate::engine::key_provider::{KeyService, KmsKey};

/// What the data keys of states are bound to, so that no other ciphertext passes for one.
const ABOUT: (&str, &str) = ("drctl", "data key v1");

/// Attempts at one call. There may be another region to ask, so few are better than patience.
const ATTEMPTS: u32 = 2;

/// AWS KMS, asked as settings say.
pub struct Kms {
    settings: Settings,
    /// Regions that must not be asked.
    unavailable: Vec<String>,
}

/// A key of KMS as a call names it: by id, alias or ARN, in a region.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    pub key: &'a str,
    /// The configured one if it is not given.
    pub region: Option<&'a str>,
    /// What a ciphertext is bound to.
    pub context: &'a HashMap<String, String>,
}

impl Kms {
    pub fn new(settings: Settings) -> Self {
        Self { settings, unavailable: Vec::new() }
    }

    /// The same without regions that do not answer.
    pub fn without(self, unavailable: Vec<String>) -> Self {
        Self { unavailable, ..self }
    }

    async fn clients(&self, region: Option<&str>) -> Result<Clients> {
        let region = region.map(str::to_owned).or_else(|| self.settings.region.clone());
        if let Some(gone) = region.as_ref().filter(|region| self.unavailable.contains(region)) {
            return Err(Error::new(Kind::Unreachable, format!("{gone} was given as unavailable")));
        }
        let settings = Settings { region: region.clone(), ..self.settings.clone() };
        let config = config::load(&settings).await;
        let config = config.into_builder().retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        let watch = Watch { reach: Arc::default(), region: region.clone().unwrap_or_default() };
        let config = match region {
            Some(region) => config.region(Region::new(region)),
            None => config,
        };
        Ok(Clients::repeating(config.build(), watch))
    }

    /// The ARN of the key that did it, and the ciphertext.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn encrypt(&self, with: Named<'_>, plain: &[u8]) -> Result<(String, Vec<u8>)> {
        let clients = self.clients(with.region).await?;
        let call = clients.kms().encrypt().key_id(with.key).plaintext(Blob::new(plain));
        let answer = call.set_encryption_context(Some(with.context.clone())).send().await?;
        Ok((need("KeyId", answer.key_id)?, need("CiphertextBlob", answer.ciphertext_blob)?.into_inner()))
    }

    /// The plain text. KMS refuses it if another key or context was used.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn decrypt(&self, with: Named<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let clients = self.clients(with.region).await?;
        let call = clients.kms().decrypt().key_id(with.key).ciphertext_blob(Blob::new(sealed));
        let answer = call.set_encryption_context(Some(with.context.clone())).send().await?;
        Ok(Zeroizing::new(need("Plaintext", answer.plaintext)?.into_inner()))
    }
}

fn about() -> HashMap<String, String> {
    HashMap::from([(ABOUT.0.to_owned(), ABOUT.1.to_owned())])
}

impl KeyService for Kms {
    fn wrap<'a>(&'a self, key: &'a KmsKey, plain: &'a [u8; 32]) -> BoxFuture<'a, Result<(KmsKey, Vec<u8>)>> {
        Box::pin(async move {
            let with = Named { key: key.arn(), region: Some(key.region()), context: &about() };
            let (arn, sealed) = self.encrypt(with, plain).await?;
            Ok((KmsKey::new(&arn).map_err(Error::bug)?, sealed))
        })
    }

    fn unwrap<'a>(&'a self, key: &'a KmsKey, wrapped: &'a [u8]) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>>> {
        Box::pin(async move {
            let with = Named { key: key.arn(), region: Some(key.region()), context: &about() };
            self.decrypt(with, wrapped).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_in_a_region_that_was_given_as_unavailable_is_not_asked() {
        let kms = Kms::new(Settings::default()).without(vec!["us-east-1".to_owned()]);
        let key = KmsKey::new("arn:aws:kms:us-east-1:123456789012:key/a").unwrap();
        for error in [kms.unwrap(&key, b"sealed").await.unwrap_err(), kms.wrap(&key, &[0; 32]).await.unwrap_err()] {
            assert_eq!(error.message, "us-east-1 was given as unavailable");
        }
    }
}
