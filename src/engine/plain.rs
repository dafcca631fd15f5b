//! A value that is nothing but JSON, which files may hold.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::Number;

use crate::engine::value::Value;

/// A value on its way into a file or out of one. Whoever writes one has put something else in the place of
/// every secret before; what is not JSON is not written.
///
/// It is read straight into what it becomes: a file has a hundred thousand of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plain(pub Value);

impl Plain {
    pub fn is_null(&self) -> bool {
        matches!(self.0, Value::Null)
    }

    /// Whether there is no property in it.
    pub fn is_empty(&self) -> bool {
        self.0.as_map().is_none_or(|map| map.is_empty())
    }
}

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Json(&self.0).serialize(to)
    }
}

struct Json<'a>(&'a Value);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => to.serialize_unit(),
            Value::Bool(b) => to.serialize_bool(*b),
            Value::Number(n) => n.serialize(to),
            Value::String(s) => to.serialize_str(s),
            Value::List(items) => to.collect_seq(items.iter().map(Json)),
            Value::Map(map) => to.collect_map(map.iter().map(|(name, item)| (name, Json(item)))),
            Value::Secret(_) | Value::Unknown | Value::Asset(_) | Value::Resource(_) => {
                Err(S::Error::custom("a value is no JSON"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Number(n.into()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(Value::Number(n.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, n: f64) -> Result<Value, E> {
        Number::from_f64(n).map(Value::Number).ok_or_else(|| E::custom("the number has no end"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Plain(item)) = from.next_element()? {
            items.push(item);
        }
        items.shrink_to_fit();
        Ok(Value::List(items))
    }

    /// A map of the size that it needs is half of one that grew.
    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        while let Some((name, Plain(item))) = from.next_entry()? {
            entries.push((name, item));
        }
        Ok(Value::Map(entries.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        let json = json!({ "b": [null, true, -1, 18_446_744_073_709_551_615_u64, 0.5, "x"], "a": { "": {} }, "c": [] });
        let Plain(value) = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(value, Value::from_json(json.clone()));
        assert_eq!(serde_json::to_string(&Plain(value)).unwrap(), json.to_string());
    }

    #[test]
    fn of_two_of_one_name_the_last_one_counts() {
        let Plain(value) = serde_json::from_str(r#"{ "a": 1, "b": 2, "a": 3 }"#).unwrap();
        assert_eq!(value, Value::from_json(json!({ "a": 3, "b": 2 })));
    }

    #[test]
    fn a_secret_is_not_written() {
        let value = Value::List(vec![Value::from("hunter2").secret()]);
        assert!(serde_json::to_string(&Plain(value)).is_err());
    }
}
