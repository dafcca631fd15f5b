//! Secure values of Pulumi stack files that a passphrase or AWS KMS protects.
//!
//! A value is `v1:<nonce>:<ciphertext>` in base64, sealed with AES-256-GCM (Pulumi's
//! `sdk/go/common/resource/config/crypt.go`). With a passphrase the key is made by PBKDF2 with
//! HMAC-SHA-256 of the passphrase and a salt in 1,000,000 rounds, and `encryptionsalt` holds the salt
//! and a check word sealed so. With `secretsprovider: awskms://…` the key is random, and
//! `encryptedkey` holds it as KMS encrypted it.

use std::collections::BTreeMap;
use std::fmt;

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

const ROUNDS: u32 = 1_000_000;
const CHECK_WORD: &str = "pulumi";
const KMS: &str = "awskms://";

/// What to do where a passphrase is missing or wrong.
pub(crate) const GIVE_PASSPHRASE: &str = "set PULUMI_CONFIG_PASSPHRASE or DRCTL_PASSPHRASE, or \
    PULUMI_CONFIG_PASSPHRASE_FILE or DRCTL_PASSPHRASE_FILE to a file that holds it";

/// Opens and wraps data keys outside of this program.
pub trait DataKeys: fmt::Debug {
    /// # Errors
    /// Why the service does not open it.
    fn open(&self, url: &KeyUrl, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, String>;

    /// # Errors
    /// Why the service does not wrap it.
    fn wrap(&self, url: &KeyUrl, plain: &[u8]) -> Result<Vec<u8>, String>;
}

/// Nothing outside is asked.
#[derive(Debug)]
pub struct NoDataKeys;

impl DataKeys for NoDataKeys {
    fn open(&self, _: &KeyUrl, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        Err("AWS KMS is not asked here".into())
    }

    fn wrap(&self, _: &KeyUrl, _: &[u8]) -> Result<Vec<u8>, String> {
        Err("AWS KMS is not asked here".into())
    }
}

/// A key of KMS as `awskms://alias/name?region=us-east-1&context_team=a` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUrl {
    /// Id, alias or ARN.
    pub key: String,
    pub region: Option<String>,
    /// Profile of the AWS configuration files.
    pub profile: Option<String>,
    /// Encryption context.
    pub context: BTreeMap<String, String>,
}

impl KeyUrl {
    /// # Errors
    /// If the text is no such URL.
    fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix(KMS).ok_or_else(|| format!("`{url}` does not begin with `{KMS}`"))?;
        let (key, query) = rest.split_once('?').unwrap_or((rest, ""));
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let key = decoded(key.trim_matches('/'));
        if key.is_empty() {
            return Err(format!("`{url}` names no key"));
        }
        let of_arn = key.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2)).map(str::to_owned);
        let mut found = Self { region: of_arn, profile: None, context: BTreeMap::new(), key };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = decoded(&value.replace('+', " "));
            match (name, name.strip_prefix("context_")) {
                ("region", _) => found.region = Some(value),
                ("profile", _) => found.profile = Some(value),
                (_, Some(name)) => drop(found.context.insert(decoded(name), value)),
                _ => {}
            }
        }
        Ok(found)
    }
}

/// What a stack file says of its secure values, and what is at hand to open them.
#[derive(Clone)]
pub(crate) struct Protection<'a> {
    /// `v1:<salt>:<sealed check word>`.
    pub(crate) salt: Option<String>,
    pub(crate) provider: Option<String>,
    /// The data key in base64, as the provider encrypted it.
    pub(crate) encrypted_key: Option<String>,
    pub(crate) environment: &'a BTreeMap<String, String>,
    pub(crate) data_keys: &'a dyn DataKeys,
}

impl Protection<'_> {
    fn url(&self) -> Result<Option<KeyUrl>, String> {
        match self.provider.as_deref() {
            None | Some("passphrase" | "default") => Ok(None),
            Some(provider) if provider.starts_with(KMS) => KeyUrl::parse(provider).map(Some),
            Some(provider) => {
                Err(format!("the secrets provider `{provider}` is not supported; `passphrase` and `{KMS}…` are"))
            }
        }
    }

    fn cipher(&self) -> Result<Aes256Gcm, String> {
        match self.url()? {
            Some(url) => {
                let wrapped = self.encrypted_key.as_deref().ok_or("the stack file has no `encryptedkey`")?;
                let wrapped = STANDARD.decode(wrapped).map_err(|_| "`encryptedkey` is no base64")?;
                let key = self.data_keys.open(&url, &wrapped)?;
                Aes256Gcm::new_from_slice(&key).map_err(|_| "`encryptedkey` holds no key of 32 bytes".to_owned())
            }
            None => self.by_passphrase(),
        }
    }

    fn by_passphrase(&self) -> Result<Aes256Gcm, String> {
        let state = self.salt.as_deref().ok_or("the stack file has no `encryptionsalt`")?;
        let (salt, check) = state
            .strip_prefix("v1:")
            .and_then(|rest| rest.split_once(':'))
            .ok_or("`encryptionsalt` is not of the form `v1:<salt>:<check>`")?;
        let salt = STANDARD.decode(salt).map_err(|_| "the salt is no base64")?;
        let cipher = cipher(&passphrase(self.environment)?, &salt)?;
        match unseal(&cipher, check) {
            Ok(word) if word == CHECK_WORD => Ok(cipher),
            _ => Err("the passphrase is not the right one".into()),
        }
    }
}

/// Opens the secure values of one stack file. The key is derived or asked for with the first of them.
pub(crate) struct Opener<'a> {
    protection: Protection<'a>,
    cipher: Option<Result<Aes256Gcm, String>>,
}

impl<'a> Opener<'a> {
    pub(crate) fn new(protection: Protection<'a>) -> Self {
        Self { protection, cipher: None }
    }

    /// The plain text of a secure value.
    ///
    /// # Errors
    /// If there is no passphrase, or it is not the right one, or a key service does not open the key.
    pub(crate) fn open(&mut self, sealed: &str) -> Result<String, String> {
        match self.cipher.get_or_insert_with(|| self.protection.cipher()) {
            Ok(cipher) => unseal(cipher, sealed),
            Err(why) => Err(why.clone()),
        }
    }
}

/// Seals values for one stack file, with its key or a new one.
pub(crate) struct Sealer {
    cipher: Aes256Gcm,
    new: Option<(&'static str, String)>,
}

impl Sealer {
    /// # Errors
    /// If there is no passphrase, or it is not the right one, or a key service does not answer.
    pub(crate) fn new(protection: &Protection<'_>) -> Result<Self, String> {
        let url = protection.url()?;
        if url.as_ref().map_or(&protection.salt, |_| &protection.encrypted_key).is_some() {
            return Ok(Self { cipher: protection.cipher()?, new: None });
        }
        if let Some(url) = url {
            let key = Zeroizing::new(random::<32>()?);
            let wrapped = protection.data_keys.wrap(&url, &*key)?;
            let cipher = Aes256Gcm::new_from_slice(&*key).map_err(|e| e.to_string())?;
            return Ok(Self { cipher, new: Some(("encryptedkey", STANDARD.encode(wrapped))) });
        }
        let salt: [u8; 8] = random()?;
        let cipher = cipher(&passphrase(protection.environment)?, &salt)?;
        let check = sealed(&cipher, CHECK_WORD)?;
        Ok(Self { cipher, new: Some(("encryptionsalt", format!("v1:{}:{check}", STANDARD.encode(salt)))) })
    }

    /// The key of the file and its value that opens what is sealed, if the file has none.
    pub(crate) fn new_entry(&self) -> Option<(&'static str, &str)> {
        self.new.as_ref().map(|(key, value)| (*key, value.as_str()))
    }

    /// A text as a stack file may hold it under `secure`.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub(crate) fn seal(&self, text: &str) -> Result<String, String> {
        sealed(&self.cipher, text)
    }
}

fn cipher(passphrase: &str, salt: &[u8]) -> Result<Aes256Gcm, String> {
    let mut key = Zeroizing::new([0u8; 32]);
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(passphrase.as_bytes(), salt, ROUNDS, &mut *key);
    Aes256Gcm::new_from_slice(&*key).map_err(|e| e.to_string())
}

/// Pulumi's passphrase, else the one that opens the states.
fn passphrase(environment: &BTreeMap<String, String>) -> Result<Zeroizing<String>, String> {
    let read = |file: &String| {
        let text = std::fs::read_to_string(file).map_err(|e| format!("`{file}` cannot be read: {e}"))?;
        Ok::<_, String>(Zeroizing::new(text))
    };
    if let Some(passphrase) = environment.get("PULUMI_CONFIG_PASSPHRASE") {
        return Ok(Zeroizing::new(passphrase.clone()));
    }
    if let Some(file) = environment.get("PULUMI_CONFIG_PASSPHRASE_FILE") {
        return Ok(Zeroizing::new(read(file)?.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let own = match (environment.get("DRCTL_PASSPHRASE"), environment.get("DRCTL_PASSPHRASE_FILE")) {
        (Some(passphrase), _) => passphrase.clone(),
        (None, Some(file)) => read(file)?.lines().next().unwrap_or_default().to_owned(),
        (None, None) => String::new(),
    };
    // Pulumi takes an empty one; a state does not.
    if own.is_empty() { Err("there is no passphrase".into()) } else { Ok(Zeroizing::new(own)) }
}

fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| "the system gives no random numbers")?;
    Ok(bytes)
}

fn sealed(cipher: &Aes256Gcm, text: &str) -> Result<String, String> {
    let nonce: [u8; 12] = random()?;
    let sealed = cipher.encrypt(&Nonce::from(nonce), text.as_bytes()).map_err(|e| e.to_string())?;
    Ok(format!("v1:{}:{}", STANDARD.encode(nonce), STANDARD.encode(sealed)))
}

fn unseal(cipher: &Aes256Gcm, sealed: &str) -> Result<String, String> {
    let (nonce, text) = sealed
        .strip_prefix("v1:")
        .and_then(|rest| rest.split_once(':'))
        .ok_or("the value is not of the form `v1:<nonce>:<ciphertext>`")?;
    let nonce = STANDARD.decode(nonce).map_err(|_| "the nonce is no base64")?;
    let nonce: [u8; 12] = nonce.try_into().map_err(|_| "the nonce has not 12 bytes")?;
    let text = STANDARD.decode(text).map_err(|_| "the ciphertext is no base64")?;
    let plain =
        cipher.decrypt(&Nonce::from(nonce), text.as_slice()).map_err(|_| "the value was sealed with another key")?;
    String::from_utf8(plain).map_err(|_| "the value is no UTF-8 text".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protection<'a>(
        salt: Option<&str>,
        provider: Option<&str>,
        environment: &'a BTreeMap<String, String>,
    ) -> Protection<'a> {
        let (salt, provider) = (salt.map(str::to_owned), provider.map(str::to_owned));
        Protection { salt, provider, encrypted_key: None, environment, data_keys: &NoDataKeys }
    }

    fn seal(cipher: &Aes256Gcm, text: &str) -> String {
        let nonce = [7u8; 12];
        let sealed = cipher.encrypt(&Nonce::from(nonce), text.as_bytes()).unwrap();
        format!("v1:{}:{}", STANDARD.encode(nonce), STANDARD.encode(sealed))
    }

    #[test]
    fn the_right_passphrase_opens_and_a_wrong_one_says_so() {
        let mut key = [0u8; 32];
        pbkdf2::pbkdf2_hmac::<sha2::Sha256>(b"horse", b"saltsalt", ROUNDS, &mut key);
        let cipher = Aes256Gcm::new_from_slice(&key).unwrap();
        let salt = format!("v1:{}:{}", STANDARD.encode(b"saltsalt"), seal(&cipher, CHECK_WORD));
        let value = seal(&cipher, "hunter2");
        let open = |passphrase: &str| {
            let environment = BTreeMap::from([("PULUMI_CONFIG_PASSPHRASE".to_owned(), passphrase.to_owned())]);
            Opener::new(protection(Some(&salt), None, &environment)).open(&value)
        };
        assert_eq!(open("horse").as_deref(), Ok("hunter2"));
        assert_eq!(open("cow").unwrap_err(), "the passphrase is not the right one");
    }

    #[test]
    fn what_is_sealed_opens_with_the_salt_that_came_of_it() {
        let environment = BTreeMap::from([("PULUMI_CONFIG_PASSPHRASE".to_owned(), "horse".to_owned())]);
        let first = Sealer::new(&protection(None, None, &environment)).unwrap();
        let salt = first.new_entry().unwrap().1.to_owned();
        let second = Sealer::new(&protection(Some(&salt), None, &environment)).unwrap();
        assert_eq!(second.new_entry(), None);
        let mut opener = Opener::new(protection(Some(&salt), None, &environment));
        for sealer in [first, second] {
            let value = sealer.seal("hunter2").unwrap();
            assert!(!value.contains("hunter2"));
            assert_eq!(opener.open(&value).as_deref(), Ok("hunter2"));
        }
        assert!(Sealer::new(&protection(None, Some("gcpkms://x"), &environment)).is_err());
        assert!(Sealer::new(&protection(None, None, &BTreeMap::new())).is_err());
    }

    #[test]
    fn the_passphrase_of_the_states_stands_in_for_that_of_pulumi() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passphrase");
        std::fs::write(&path, "from file\nmore\n").unwrap();
        let file = path.to_str().unwrap();
        let found = |variables: &[(&str, &str)]| {
            let environment = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            passphrase(&environment).map(|passphrase| passphrase.to_string())
        };
        let (own, own_file) = (("DRCTL_PASSPHRASE", "own"), ("DRCTL_PASSPHRASE_FILE", file));
        let theirs_file = ("PULUMI_CONFIG_PASSPHRASE_FILE", file);
        assert_eq!(found(&[own]).as_deref(), Ok("own"));
        assert_eq!(found(&[own_file]).as_deref(), Ok("from file"));
        assert_eq!(found(&[own, own_file]).as_deref(), Ok("own"));
        assert_eq!(found(&[own, theirs_file]).as_deref(), Ok("from file\nmore"));
        assert_eq!(found(&[own, theirs_file, ("PULUMI_CONFIG_PASSPHRASE", "")]).as_deref(), Ok(""));
        assert_eq!(found(&[("DRCTL_PASSPHRASE", "")]).unwrap_err(), "there is no passphrase");
    }

    /// A service that knows one key.
    #[derive(Debug)]
    struct Service;

    impl DataKeys for Service {
        fn open(&self, url: &KeyUrl, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
            let plain = wrapped.strip_prefix(url.key.as_bytes()).ok_or("AccessDenied")?;
            Ok(Zeroizing::new(plain.to_vec()))
        }

        fn wrap(&self, url: &KeyUrl, plain: &[u8]) -> Result<Vec<u8>, String> {
            Ok([url.key.as_bytes(), plain].concat())
        }
    }

    #[test]
    fn what_kms_protects_opens_with_the_key_that_the_file_holds() {
        let environment = BTreeMap::new();
        let by = |provider: &str, key: Option<String>| Protection {
            encrypted_key: key,
            data_keys: &Service,
            ..protection(None, Some(provider), &environment)
        };
        let first = Sealer::new(&by("awskms://alias/a?region=us-east-1", None)).unwrap();
        let (name, key) = first.new_entry().unwrap();
        assert_eq!(name, "encryptedkey");
        let sealed = first.seal("hunter2").unwrap();
        let mut opener = Opener::new(by("awskms:///alias/a?region=eu-west-1", Some(key.to_owned())));
        assert_eq!(opener.open(&sealed).as_deref(), Ok("hunter2"));
        let again = Sealer::new(&by("awskms://alias/a", Some(key.to_owned()))).unwrap();
        assert_eq!(again.new_entry(), None);
        assert_eq!(opener.open(&again.seal("x").unwrap()).as_deref(), Ok("x"));
        let mut other = Opener::new(by("awskms://alias/b", Some(key.to_owned())));
        assert_eq!(other.open(&sealed).unwrap_err(), "AccessDenied");
        assert_eq!(
            Opener::new(by("awskms://alias/a", None)).open(&sealed).unwrap_err(),
            "the stack file has no `encryptedkey`"
        );
    }

    #[test]
    fn every_form_of_a_key_url_is_read() {
        let url = |text: &str| KeyUrl::parse(text).unwrap();
        let found = url("awskms://alias/Example%20A?region=us-east-1&awssdk=v2&context_team=a+b&profile=work");
        assert_eq!((found.key.as_str(), found.region.as_deref()), ("alias/Example A", Some("us-east-1")));
        assert_eq!((found.context["team"].as_str(), found.profile.as_deref()), ("a b", Some("work")));
        let arn = "arn:aws:kms:eu-west-1:1:key/x";
        assert_eq!(url(&format!("awskms:///{arn}")).region.as_deref(), Some("eu-west-1"));
        assert_eq!(url(&format!("awskms:///{arn}?region=us-east-1")).key, arn);
        assert!(KeyUrl::parse("awskms://?region=x").is_err());
    }
}
