//! Values as the files hold them: plain JSON in which every secret is sealed by itself.
//!
//! A secret is `{"$secret": "v1:<base64 of nonce and ciphertext>"}`, AES-256-GCM with a random
//! nonce of 96 bits (NIST SP 800-38D 8.2.2). Lineage, owner and path of the property are associated
//! data, so a ciphertext opens only where it was put. An asset is `{"$asset": …}`, and a map that
//! would look like one of these is wrapped as `{"$map": …}`.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::prelude::{BASE64_STANDARD_NO_PAD as BASE64, Engine};
use serde_json::{Map as Object, Value as Json};
use zeroize::Zeroizing;

use crate::engine::asset::Asset;
use crate::engine::plain::Plain;
use crate::engine::value::{Map, Value};
use crate::state::error::{Result, StateError};

const SECRET: &str = "$secret";
const ASSET: &str = "$asset";
const MAP: &str = "$map";
const V1: &str = "v1:";
const NONCE: usize = 12;
/// Deeper values are not stored: with what a file puts around them they could not be read again.
pub(super) const MAX_DEPTH: usize = 100;

/// Whether a file, or half of one, holds a secret that [`Seal::seal`] made.
pub(super) fn holds_sealed(bytes: &[u8]) -> bool {
    let mark = format!("\"{SECRET}\"");
    bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
}

/// A key for sealing, ready for use.
#[derive(Clone)]
pub(super) struct Cipher(Aes256Gcm);

impl Cipher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// Nonce and ciphertext.
    pub(super) fn seal(&self, plain: &[u8], about: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| StateError::NoRandom)?;
        let sealed = self.0.encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: about });
        let sealed = sealed.expect("AES-GCM takes 64 GiB, more than a value in memory has");
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The plain bytes; `None` if this is not the key, not the place, or not what was written.
    pub(super) fn open(&self, sealed: &[u8], about: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        self.0.decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: about }).ok().map(Zeroizing::new)
    }
}

/// Seals and opens the values of one state.
pub(super) struct Seal<'a> {
    /// The first one seals, any may open.
    pub(super) ciphers: &'a [Cipher],
    pub(super) lineage: &'a str,
}

impl Seal<'_> {
    /// The value of a property of `owner` as a file may hold it.
    ///
    /// # Errors
    /// If a part is not known yet: that is a bug.
    pub(super) fn seal(&self, owner: &str, property: &str, value: &Value) -> Result<Plain> {
        self.sealed(&mut Path::new(owner, property), value).map(Plain)
    }

    /// The value that [`Seal::seal`] was given, if owner and property are the same.
    ///
    /// # Errors
    /// If a secret does not open, or this is nothing that [`Seal::seal`] makes.
    pub(super) fn open(&self, owner: &str, property: &str, Plain(mut value): Plain) -> Result<Value> {
        self.unseal(&mut Path::new(owner, property), &mut value)?;
        Ok(value)
    }

    fn sealed(&self, at: &mut Path<'_>, value: &Value) -> Result<Value> {
        if at.depth > MAX_DEPTH {
            return Err(at.too_deep());
        }
        Ok(match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
            Value::List(_) | Value::Map(_) if is_plain(value, MAX_DEPTH - at.depth) => value.clone(),
            Value::List(items) => {
                let sealed = items.iter().enumerate();
                let sealed = sealed.map(|(i, item)| at.below(&i.to_string(), |at| self.sealed(at, item)));
                Value::List(sealed.collect::<Result<_>>()?)
            }
            Value::Map(map) => {
                // Such a map gets another one around it.
                let is_special = is_special(map);
                let more = usize::from(is_special);
                at.depth += more;
                let sealed = map.iter();
                let sealed = sealed.map(|(name, item)| Ok((name.clone(), at.below(name, |at| self.sealed(at, item))?)));
                let sealed: Result<Map> = sealed.collect();
                at.depth -= more;
                let sealed = Value::Map(sealed?);
                if is_special { only(MAP, sealed) } else { sealed }
            }
            Value::Secret(inner) => {
                let plain = Zeroizing::new(text(&Plain(self.sealed(at, inner)?)).into_bytes());
                let Some(cipher) = self.ciphers.first() else { return Err(StateError::NoPassphrase) };
                let sealed = cipher.seal(&plain, &at.about(self.lineage))?;
                only(SECRET, format!("{V1}{}", BASE64.encode(sealed)).into())
            }
            Value::Unknown => return Err(at.unknown()),
            Value::Asset(asset) => json(asset.to_json()),
            Value::Resource(handle) => self.sealed(at, &handle.id)?,
        })
    }

    /// Puts what is sealed in a value into the place of its ciphertext.
    fn unseal(&self, at: &mut Path<'_>, value: &mut Value) -> Result<()> {
        match value {
            Value::List(items) => {
                for (i, item) in items.iter_mut().enumerate().filter(|(_, item)| is_nested(item)) {
                    at.below(&i.to_string(), |at| self.unseal(at, item))?;
                }
            }
            Value::Map(map) if is_special(map) => *value = self.special(at, std::mem::take(map))?,
            Value::Map(map) if map.values().any(is_nested) => self.unseal_map(at, map)?,
            _ => {}
        }
        Ok(())
    }

    fn unseal_map(&self, at: &mut Path<'_>, map: &mut Map) -> Result<()> {
        for (name, item) in map.iter_mut().filter(|(_, item)| is_nested(item)) {
            at.below(name, |at| self.unseal(at, item))?;
        }
        Ok(())
    }

    /// What a map with one of the names stands for that only [`Seal::seal`] writes alone.
    fn special(&self, at: &mut Path<'_>, mut map: Map) -> Result<Value> {
        if let Some(asset) = Asset::from_map(&map) {
            return Ok(Value::Asset(Box::new(asset)));
        }
        match (map.swap_remove(MAP), map.swap_remove(SECRET)) {
            (Some(Value::Map(mut map)), _) => {
                self.unseal_map(at, &mut map)?;
                Ok(Value::Map(map))
            }
            (_, Some(Value::String(text))) => {
                let plain = self.opened_bytes(at, &text).ok_or_else(|| at.wrong())?;
                let Plain(mut value) = serde_json::from_slice(&plain).map_err(|_| at.wrong())?;
                self.unseal(at, &mut value)?;
                Ok(Value::Secret(Box::new(value)))
            }
            _ => Err(at.wrong()),
        }
    }

    fn opened_bytes(&self, at: &Path<'_>, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let sealed = BASE64.decode(text.strip_prefix(V1)?).ok()?;
        let about = at.about(self.lineage);
        self.ciphers.iter().find_map(|cipher| cipher.open(&sealed, &about))
    }
}

/// Whether a file holds a value as it is: nothing in it is sealed or looks so, and it is not too deep.
fn is_plain(value: &Value, depth: usize) -> bool {
    let inside = |item: &Value| depth > 0 && is_plain(item, depth - 1);
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        Value::List(items) => items.iter().all(inside),
        Value::Map(map) => !is_special(map) && map.values().all(inside),
        Value::Secret(_) | Value::Unknown | Value::Asset(_) | Value::Resource(_) => false,
    }
}

fn is_nested(value: &Value) -> bool {
    matches!(value, Value::List(_) | Value::Map(_))
}

fn text(plain: &Plain) -> String {
    serde_json::to_string(plain).expect("what is sealed is JSON")
}

/// JSON with nothing in it that means more than it says.
fn json(json: Json) -> Value {
    let Plain(value) = serde_json::from_value(json).expect("JSON in memory is JSON");
    value
}

fn only(name: &str, value: Value) -> Value {
    Value::Map(Map::from_iter([(name.to_owned(), value)]))
}

/// Whether this is what stands for a secret.
pub(super) fn is_sealed(object: &Object<String, Json>) -> bool {
    object.len() == 1 && object.contains_key(SECRET)
}

fn is_special(map: &Map) -> bool {
    map.len() == 1 && [SECRET, ASSET, MAP].iter().any(|name| map.contains_key(*name))
}

/// Whose property a walk is at, as a JSON pointer (RFC 6901), which no two places share.
struct Path<'a> {
    owner: &'a str,
    pointer: String,
    /// Levels of the file, from the property on.
    depth: usize,
}

impl<'a> Path<'a> {
    fn new(owner: &'a str, property: &str) -> Self {
        Self { owner, pointer: property.to_owned(), depth: 0 }
    }

    fn below<T>(&mut self, name: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        for c in name.chars() {
            match c {
                '~' => self.pointer.push_str("~0"),
                '/' => self.pointer.push_str("~1"),
                c => self.pointer.push(c),
            }
        }
        self.depth += 1;
        let result = walk(self);
        self.depth -= 1;
        self.pointer.truncate(length);
        result
    }

    /// The associated data: each part after its length, so that no two places give the same bytes.
    fn about(&self, lineage: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [lineage, self.owner, &self.pointer] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes
    }

    fn wrong(&self) -> StateError {
        StateError::Sealed { owner: self.owner.to_owned(), path: self.pointer.clone() }
    }

    fn too_deep(&self) -> StateError {
        StateError::TooDeep {
            owner: self.owner.to_owned(),
            path: self.pointer.split('/').take(4).collect::<Vec<_>>().join("/"),
        }
    }

    fn unknown(&self) -> StateError {
        StateError::Unknown { owner: self.owner.to_owned(), path: self.pointer.clone() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::asset::Source;
    use crate::engine::handle::Handle;
    use crate::engine::urn::Urn;

    fn ciphers() -> [Cipher; 1] {
        [Cipher::new(&[7; 32])]
    }

    fn map(entries: &[(&str, Value)]) -> Value {
        Value::Map(entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
    }

    #[test]
    fn every_value_comes_back_as_it_was() {
        let ciphers = ciphers();
        let seal = Seal { ciphers: &ciphers, lineage: "l" };
        let asset = Value::Asset(Box::new(Asset { source: Source::File("a.zip".into()), sha256: "ab".into() }));
        let value = map(&[
            ("plain", Value::List(vec![Value::Null, true.into(), 5.into(), Value::from("text"), asset.clone()])),
            ("password", Value::from("hunter2").secret()),
            ("secret map", map(&[("inner", Value::from("x").secret()), ("n", 1.into())]).secret()),
            ("secret null", Value::Null.secret()),
            ("secret asset", asset.secret()),
            ("like a secret", map(&[("$secret", Value::from("v1:AAAA"))])),
            ("like an asset", map(&[("$asset", 3.into())])),
            ("like a map", map(&[("$map", map(&[("$map", Value::Null)]))])),
            ("a/b~c", map(&[("$secret", Value::from("x").secret()), ("more", Value::Null)])),
        ]);
        let json = seal.seal("urn", "inputs", &value).unwrap();
        assert!(!text(&json).contains("hunter2"));
        assert_eq!(seal.open("urn", "inputs", json).unwrap(), value);
    }

    #[test]
    fn a_ciphertext_opens_only_where_it_was_put() {
        let ciphers = ciphers();
        let seal = Seal { ciphers: &ciphers, lineage: "l" };
        let json = seal.seal("urn", "inputs", &map(&[("a", Value::from("x").secret())])).unwrap();
        let moved = Plain(map(&[("b", json.0.get("a").unwrap().clone())]));
        assert!(
            matches!(seal.open("urn", "inputs", moved), Err(StateError::Sealed { path, .. }) if path == "inputs/b")
        );
        assert!(seal.open("urn", "outputs", json.clone()).is_err());
        assert!(seal.open("other", "inputs", json.clone()).is_err());
        assert!(Seal { ciphers: &ciphers, lineage: "m" }.open("urn", "inputs", json.clone()).is_err());
        let other_key = [Cipher::new(&[8; 32])];
        assert!(Seal { ciphers: &other_key, lineage: "l" }.open("urn", "inputs", json).is_err());
    }

    #[test]
    fn a_changed_or_cut_ciphertext_is_refused() {
        let ciphers = ciphers();
        let seal = Seal { ciphers: &ciphers, lineage: "l" };
        let json = seal.seal("urn", "inputs", &Value::from("x").secret()).unwrap();
        let text = json.0.get(SECRET).and_then(Value::as_str).unwrap();
        let flipped = text.replacen(|c: char| c.is_ascii_digit() && c != '1', "A", 1);
        for bad in [&text[..text.len() - 4], "v1:", "v1:?", "v2:AAAA", flipped.as_str()] {
            if bad != text {
                assert!(seal.open("urn", "inputs", Plain(only(SECRET, bad.into()))).is_err(), "{bad}");
            }
        }
    }

    #[test]
    fn the_same_secret_never_looks_the_same_twice() {
        let ciphers = ciphers();
        let seal = Seal { ciphers: &ciphers, lineage: "l" };
        let secret = Value::from("x").secret();
        assert_ne!(seal.seal("urn", "inputs", &secret).unwrap(), seal.seal("urn", "inputs", &secret).unwrap());
    }

    #[test]
    fn a_value_that_is_not_known_is_never_stored() {
        let ciphers = ciphers();
        let seal = Seal { ciphers: &ciphers, lineage: "l" };
        let value = map(&[("a", Value::List(vec![Value::Unknown.secret()]))]);
        let error = seal.seal("urn", "inputs", &value).unwrap_err();
        assert_eq!(error.to_string(), "`inputs/a/0` of `urn` is not known yet and cannot be stored");
    }

    #[test]
    fn what_is_nested_deeper_than_a_file_can_be_read_is_not_stored() {
        let ciphers = ciphers();
        let seal = Seal { ciphers: &ciphers, lineage: "l" };
        let nested = |levels: usize| (0..levels).fold(Value::Null, |inner, _| map(&[("$map", inner)]));
        let stored = seal.seal("urn", "inputs", &nested(MAX_DEPTH / 2)).unwrap();
        let text = json!({ "rows": [{ "inputs": stored }] }).to_string();
        let mut read: Json = serde_json::from_str(&text).unwrap();
        let read = serde_json::from_value(read["rows"][0]["inputs"].take()).unwrap();
        assert_eq!(seal.open("urn", "inputs", read).unwrap(), nested(MAX_DEPTH / 2));
        let error = seal.seal("urn", "inputs", &nested(MAX_DEPTH)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`inputs/$map/$map/$map` of `urn` is nested more than 100 deep and cannot be stored"
        );
    }

    #[test]
    fn a_resource_is_stored_as_its_id() {
        let seal = Seal { ciphers: &[], lineage: "l" };
        let handle = Handle::unseen(&Urn::new("s", "p", "t", "n"), Value::from("vpc-1"));
        assert_eq!(seal.seal("urn", "inputs", &Value::Resource(Box::new(handle))).unwrap(), Plain("vpc-1".into()));
    }
}
