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
        let mut key = [0u8; 32];
        pbkdf2::pbkdf2_hmac::<sha2::Sha256>(self.passphrase()?.as_bytes(), &salt, ROUNDS, &mut key);
        let cipher = Aes256Gcm::new_from_slice(&key).map_err(|e| e.to_string())?;
        match unseal(&cipher, check) {
            Ok(word) if word == CHECK_WORD => Ok(cipher),
            _ => Err("the passphrase is not the right one".into()),
        }
    }

    fn passphrase(&self) -> Result<String, String> {
        if let Some(passphrase) = self.environment.get("PULUMI_CONFIG_PASSPHRASE") {
            return Ok(passphrase.clone());
        }
        let file = self.environment.get("PULUMI_CONFIG_PASSPHRASE_FILE").ok_or("there is no passphrase")?;
        let text = std::fs::read_to_string(file).map_err(|e| format!("`{file}` cannot be read: {e}"))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
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
}
