//! Secure values of Pulumi stack files that a passphrase protects.
//!
//! Both the check word and each value are `v1:<nonce>:<ciphertext>` in base64, sealed with
//! AES-256-GCM under a key that PBKDF2 with HMAC-SHA-256 makes of the passphrase and the salt in
//! 1,000,000 rounds (Pulumi's `sdk/go/common/resource/config/crypt.go`).

use std::collections::BTreeMap;

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const ROUNDS: u32 = 1_000_000;
const CHECK_WORD: &str = "pulumi";

/// Opens the secure values of one stack file. The key is derived with the first of them.
pub(crate) struct Opener<'a> {
    /// `v1:<salt>:<sealed check word>`.
    salt: Option<String>,
    provider: Option<String>,
    environment: &'a BTreeMap<String, String>,
    cipher: Option<Result<Aes256Gcm, String>>,
}

impl<'a> Opener<'a> {
    pub(crate) fn new(
        salt: Option<String>,
        provider: Option<String>,
        environment: &'a BTreeMap<String, String>,
    ) -> Self {
        Self { salt, provider, environment, cipher: None }
    }

    /// The plain text of a secure value.
    ///
    /// # Errors
    /// If there is no passphrase, or it is not the right one, or another key service is needed.
    pub(crate) fn open(&mut self, sealed: &str) -> Result<String, String> {
        if self.cipher.is_none() {
            self.cipher = Some(self.derive());
        }
        match &self.cipher {
            Some(Ok(cipher)) => unseal(cipher, sealed),
            Some(Err(why)) => Err(why.clone()),
            None => Err("no key".into()),
        }
    }

    fn derive(&self) -> Result<Aes256Gcm, String> {
        if let Some(provider) = self.provider.as_deref().filter(|p| *p != "passphrase") {
            return Err(format!("the secrets provider `{provider}` is not supported; only `passphrase` is"));
        }
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

/// Seals values for one stack file, with its salt or a new one.
pub(crate) struct Sealer {
    cipher: Aes256Gcm,
    new_salt: Option<String>,
}

impl Sealer {
    /// # Errors
    /// If there is no passphrase, or it is not the right one, or another key service is needed.
    pub(crate) fn new(
        salt: Option<String>,
        provider: Option<String>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        if salt.is_some() || provider.as_deref().is_some_and(|p| p != "passphrase") {
            let cipher = Opener::new(salt, provider, environment).derive()?;
            return Ok(Self { cipher, new_salt: None });
        }
        let salt: [u8; 8] = random()?;
        let cipher = cipher(&passphrase(environment)?, &salt)?;
        let check = sealed(&cipher, CHECK_WORD)?;
        Ok(Self { cipher, new_salt: Some(format!("v1:{}:{check}", STANDARD.encode(salt))) })
    }

    /// What `encryptionsalt` of the file must become, if the file had none.
    pub(crate) fn new_salt(&self) -> Option<&str> {
        self.new_salt.as_deref()
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

fn passphrase(environment: &BTreeMap<String, String>) -> Result<Zeroizing<String>, String> {
    if let Some(passphrase) = environment.get("PULUMI_CONFIG_PASSPHRASE") {
        return Ok(Zeroizing::new(passphrase.clone()));
    }
    let file = environment.get("PULUMI_CONFIG_PASSPHRASE_FILE").ok_or("there is no passphrase")?;
    let text = std::fs::read_to_string(file).map_err(|e| format!("`{file}` cannot be read: {e}"))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
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
            Opener::new(Some(salt.clone()), None, &environment).open(&value)
        };
        assert_eq!(open("horse").as_deref(), Ok("hunter2"));
        assert_eq!(open("cow").unwrap_err(), "the passphrase is not the right one");
    }

    #[test]
    fn what_is_sealed_opens_with_the_salt_that_came_of_it() {
        let environment = BTreeMap::from([("PULUMI_CONFIG_PASSPHRASE".to_owned(), "horse".to_owned())]);
        let first = Sealer::new(None, None, &environment).unwrap();
        let salt = first.new_salt().unwrap().to_owned();
        let second = Sealer::new(Some(salt.clone()), None, &environment).unwrap();
        assert_eq!(second.new_salt(), None);
        let mut opener = Opener::new(Some(salt), None, &environment);
        for sealer in [first, second] {
            let value = sealer.seal("hunter2").unwrap();
            assert!(!value.contains("hunter2"));
            assert_eq!(opener.open(&value).as_deref(), Ok("hunter2"));
        }
        assert!(Sealer::new(None, Some("awskms://x".into()), &environment).is_err());
        assert!(Sealer::new(None, None, &BTreeMap::new()).is_err());
    }
}
