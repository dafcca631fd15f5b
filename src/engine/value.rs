//! The values that programs, plans and states are made of: JSON plus what only a plan knows,
//! namely values that are not known yet and values that nobody may see.

use std::fmt;

use serde_json::Number;

use crate::engine::asset::Asset;
use crate::engine::handle::Handle;

pub use crate::engine::map::Map;

/// A value of a program, an input or an output.
///
/// There is no `Serialize`: a secret leaves memory only through [`Value::to_json`] (into a call),
/// through `state::crypt` (sealed) or as [`Shown`] (hidden).
#[derive(Clone, PartialEq, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Self>),
    Map(Map),
    /// A value that no log, plan, event or unencrypted file may show.
    Secret(Box<Self>),
    /// A value that the cloud decides while the plan runs.
    Unknown,
    /// A file or an archive, known by its hash.
    Asset(Box<Asset>),
    /// A resource as a whole, as `${vpc}` gives it. Where text is expected, its id stands for it.
    Resource(Box<Handle>),
}

/// A value was asked for in plain although part of it is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is not known yet")]
pub struct NotKnown;

impl Value {
    pub fn string(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    pub fn secret(self) -> Self {
        match self {
            Self::Secret(_) => self,
            other => Self::Secret(Box::new(other)),
        }
    }

    /// The value below any `Secret`.
    pub fn bare(&self) -> &Self {
        match self {
            Self::Secret(inner) => inner.bare(),
            other => other,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.bare(), Self::Null)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self.bare() {
            Self::String(s) => Some(s),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        match self.bare() {
            Self::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.bare() {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match self.bare() {
            Self::Map(m) => Some(m),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Self]> {
        match self.bare() {
            Self::List(l) => Some(l),
            _ => None,
        }
    }

    /// The value of a property, if this is a map that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_map()?.get(name)
    }

    /// Whether any part is not known yet.
    pub fn has_unknown(&self) -> bool {
        self.any(&|v| matches!(v, Self::Unknown))
    }

    /// Whether any part is secret.
    pub fn has_secret(&self) -> bool {
        self.any(&|v| matches!(v, Self::Secret(_)))
    }

    /// Whether any part is a file or an archive.
    pub fn has_asset(&self) -> bool {
        self.any(&|v| matches!(v, Self::Asset(_)))
    }

    /// Whether it is nothing but JSON.
    pub fn is_json(&self) -> bool {
        !self.any(&|v| matches!(v, Self::Secret(_) | Self::Unknown | Self::Asset(_) | Self::Resource(_)))
    }

    fn any(&self, test: &impl Fn(&Self) -> bool) -> bool {
        test(self)
            || match self {
                Self::List(items) => items.iter().any(|v| v.any(test)),
                Self::Map(map) => map.values().any(|v| v.any(test)),
                Self::Secret(inner) => inner.any(test),
                Self::Resource(handle) => handle.id.any(test),
                _ => false,
            }
    }

    /// Plain JSON for a call, secrets revealed. A resource becomes its id.
    ///
    /// # Errors
    /// If any part is not known yet.
    pub fn to_json(&self) -> Result<serde_json::Value, NotKnown> {
        use serde_json::Value as Json;
        Ok(match self {
            Self::Null => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Number(n) => Json::Number(n.clone()),
            Self::String(s) => Json::String(s.clone()),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect::<Result<_, _>>()?),
            Self::Map(map) => {
                Json::Object(map.iter().map(|(k, v)| Ok((k.clone(), v.to_json()?))).collect::<Result<_, _>>()?)
            }
            Self::Secret(inner) => inner.to_json()?,
            Self::Unknown => return Err(NotKnown),
            Self::Asset(asset) => asset.to_json(),
            Self::Resource(handle) => handle.id.to_json()?,
        })
    }

    /// The value of plain JSON. Objects that [`Asset::to_json`] wrote become assets again.
    pub fn from_json(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(b),
            Json::Number(n) => Self::Number(n),
            Json::String(s) => Self::String(s),
            Json::Array(items) => Self::List(items.into_iter().map(Self::from_json).collect()),
            Json::Object(map) => match Asset::from_json(&map) {
                Some(asset) => Self::Asset(Box::new(asset)),
                None => Self::Map(map.into_iter().map(|(k, v)| (k, Self::from_json(v))).collect()),
            },
        }
    }

    /// Marks secret here what is secret in `other` at the same place, so that a value read back from
    /// the cloud stays as hidden as the one that was sent.
    pub fn tainted_like(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Secret(inner), other) => inner.tainted_like(other).secret(),
            (value, Self::Secret(inner)) => value.tainted_like(inner).secret(),
            (Self::Map(map), Self::Map(like)) => Self::Map(
                map.into_iter()
                    .map(|(k, v)| match like.get(&k) {
                        Some(l) => (k, v.tainted_like(l)),
                        None => (k, v),
                    })
                    .collect(),
            ),
            (Self::List(items), Self::List(like)) if items.len() == like.len() => {
                Self::List(items.into_iter().zip(like).map(|(v, l)| v.tainted_like(l)).collect())
            }
            (value, _) => value,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}
impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Number(n.into())
    }
}
impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        Self::from_json(json)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Shown::of(self))
    }
}

/// A value as anybody may see it: secrets and unknowns are replaced by words.
///
/// Plans, events and logs hold only this, so no renderer has to remember to hide anything.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Shown(serde_json::Value);

impl Shown {
    pub const SECRET: &'static str = "[secret]";
    pub const UNKNOWN: &'static str = "[unknown]";

    pub fn of(value: &Value) -> Self {
        Self(shown(value))
    }

    pub fn json(&self) -> &serde_json::Value {
        &self.0
    }

    pub fn is_absent(&self) -> bool {
        self.0.is_null()
    }
}

fn shown(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Number(n) => Json::Number(n.clone()),
        Value::String(s) => Json::String(s.clone()),
        Value::List(items) => Json::Array(items.iter().map(shown).collect()),
        Value::Map(map) => Json::Object(map.iter().map(|(k, v)| (k.clone(), shown(v))).collect()),
        Value::Secret(_) => Json::String(Shown::SECRET.into()),
        Value::Unknown => Json::String(Shown::UNKNOWN.into()),
        Value::Asset(asset) => Json::String(asset.to_string()),
        Value::Resource(handle) => shown(&handle.id),
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_in_no_debug_text_and_no_shown_value() {
        let value = Value::Map(Map::from_iter([("password".into(), Value::from("hunter2").secret())]));
        assert!(!format!("{value:?} {}", Shown::of(&value)).contains("hunter2"));
        assert_eq!(value.to_json().unwrap()["password"], "hunter2");
    }

    #[test]
    fn a_value_takes_little_more_than_a_text() {
        assert!(size_of::<Value>() <= size_of::<String>() + 8, "{}", size_of::<Value>());
    }

    #[test]
    fn a_value_read_back_is_as_secret_as_the_one_sent() {
        let sent = Value::List(vec![Value::from("a"), Value::from("b").secret()]);
        let back = Value::List(vec![Value::from("a"), Value::from("b")]).tainted_like(&sent);
        assert_eq!(back, sent);
    }
}
