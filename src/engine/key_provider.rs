//! What opens the secrets of a state, as users name it: `key-file`, `passphrase`, `kms=ARN,ARN`.

use std::fmt;
use std::str::FromStr;

use futures::future::BoxFuture;
use zeroize::Zeroizing;

use crate::engine::error::Result;

/// What the data key of a state is wrapped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProvider {
    /// A file beside the keys.
    KeyFile,
    Passphrase,
    /// Keys of AWS KMS in several regions. Each wraps the data key by itself, so that any one opens it.
    Kms(Vec<KmsKey>),
}

/// A key of AWS KMS, or an alias of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KmsKey {
    arn: String,
}

impl KmsKey {
    /// # Errors
    /// If the text is no ARN of a KMS key or alias.
    pub fn new(arn: &str) -> std::result::Result<Self, String> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let fits = matches!(parts.as_slice(), ["arn", _, "kms", region, account, key]
            if !region.is_empty() && !account.is_empty() && (key.starts_with("key/") || key.starts_with("alias/")));
        if fits {
            return Ok(Self { arn: arn.to_owned() });
        }
        Err(format!("`{arn}` is no ARN of a KMS key such as `arn:aws:kms:us-east-1:123456789012:key/…`"))
    }

    pub fn arn(&self) -> &str {
        &self.arn
    }

    pub fn region(&self) -> &str {
        self.arn.split(':').nth(3).unwrap_or_default()
    }
}

impl KeyProvider {
    /// Keys of KMS by their ARNs.
    ///
    /// # Errors
    /// If there is none, one is no key, or two are in one region.
    pub fn kms<'a>(arns: impl IntoIterator<Item = &'a str>) -> std::result::Result<Self, String> {
        let keys = arns.into_iter().map(KmsKey::new).collect::<std::result::Result<Vec<_>, _>>()?;
        for (n, key) in keys.iter().enumerate() {
            if keys[..n].iter().any(|other| other.region() == key.region()) {
                return Err(format!("two keys are in {}: name one key of each region", key.region()));
            }
        }
        if keys.is_empty() { Err("no KMS key is named".to_owned()) } else { Ok(Self::Kms(keys)) }
    }
}

impl FromStr for KeyProvider {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match (text, text.strip_prefix("kms=")) {
            ("key-file", _) => Ok(Self::KeyFile),
            ("passphrase", _) => Ok(Self::Passphrase),
            (_, Some(arns)) => Self::kms(arns.split(',').map(str::trim).filter(|arn| !arn.is_empty())),
            _ => Err(format!("`{text}` is none of `key-file`, `passphrase` and `kms=ARN,ARN`")),
        }
    }
}

impl fmt::Display for KeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyFile => f.write_str("key-file"),
            Self::Passphrase => f.write_str("passphrase"),
            Self::Kms(keys) => {
                let arns: Vec<&str> = keys.iter().map(KmsKey::arn).collect();
                write!(f, "kms={}", arns.join(","))
            }
        }
    }
}

/// Wraps data keys with keys that never leave a service.
pub trait KeyService: Send + Sync {
    /// The key that did it, which is none by an alias, and the wrapped data key.
    fn wrap<'a>(&'a self, key: &'a KmsKey, plain: &'a [u8; 32]) -> BoxFuture<'a, Result<(KmsKey, Vec<u8>)>>;

    /// The data key that [`KeyService::wrap`] was given.
    fn unwrap<'a>(&'a self, key: &'a KmsKey, wrapped: &'a [u8]) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: &str = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111";
    const EU: &str = "arn:aws:kms:eu-west-1:123456789012:alias/drctl";

    #[test]
    fn what_is_written_is_what_is_read() {
        for text in ["key-file".to_owned(), "passphrase".to_owned(), format!("kms={US},{EU}")] {
            assert_eq!(text.parse::<KeyProvider>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_key_that_is_none_and_two_keys_of_one_region_are_refused() {
        let wrong = |text: &str| text.parse::<KeyProvider>().unwrap_err();
        assert!(wrong("kms=").contains("no KMS key is named"));
        assert!(wrong("kms=alias/drctl").contains("`alias/drctl` is no ARN of a KMS key"));
        assert!(wrong("kms=arn:aws:s3:::bucket").contains("is no ARN of a KMS key"));
        assert!(wrong(&format!("kms={US},{US}")).contains("two keys are in us-east-1"));
        assert!(wrong("vault").contains("is none of"));
    }
}
