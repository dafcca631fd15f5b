//! Other forms of the same bytes: JSON, base64, hashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use sha1::Digest as _;

use super::arguments::{text, whole};
use super::{Fault, Outcome, Site};
use crate::engine::value::Value;
use crate::stack::budget::Amount;

/// Compact, keys sorted, and escaped so that it may stand in HTML: the text that Pulumi writes.
pub(super) fn to_json(value: &Value, _: &Site) -> Outcome {
    let json = value.to_json().map_err(|_| Fault::Unknown)?;
    let escaped =
        [("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u{2028}", "\\u2028"), ("\u{2029}", "\\u2029")];
    // These characters stand only inside texts, so replacing them keeps the document the same.
    Ok(escaped.iter().fold(canonical(json).to_string(), |text, (from, to)| text.replace(from, to)).into())
}

/// A JSON document as compact text with sorted keys; `None` if a part is not known yet.
pub(crate) fn to_json_text(value: &Value) -> Option<String> {
    value.to_json().ok().map(|json| canonical(json).to_string())
}

/// Keys sorted, whole floats as integers.
fn canonical(json: Json) -> Json {
    match json {
        Json::Array(items) => Json::Array(items.into_iter().map(canonical).collect()),
        Json::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(k, v)| (k, canonical(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(entries.into_iter().collect())
        }
        Json::Number(n) => whole(&n).map_or(Json::Number(n), Json::from),
        other => other,
    }
}

pub(super) fn from_json(value: &Value, site: &Site) -> Outcome {
    let text = text(value)?;
    // No document has more values than these, and room for one.
    site.room_for(Amount::values(text.matches([',', '[', '{']).count()))?;
    serde_json::from_str(&text)
        .map(Value::from_json)
        .map_err(|e| Fault::new(format!("the text is no JSON: line {}, column {}", e.line(), e.column())))
}

pub(super) fn to_base64(value: &Value, _: &Site) -> Outcome {
    text(value).map(|t| STANDARD.encode(t).into())
}

pub(super) fn from_base64(value: &Value, _: &Site) -> Outcome {
    let bytes = STANDARD.decode(text(value)?).map_err(|_| Fault::new("the text is no base64"))?;
    String::from_utf8(bytes).map(Value::from).map_err(|_| Fault::new("the bytes are no UTF-8 text"))
}

pub(super) fn sha1(value: &Value, _: &Site) -> Outcome {
    text(value).map(|t| hex::encode(sha1::Sha1::digest(t)).into())
}

pub(super) fn sha256(value: &Value, _: &Site) -> Outcome {
    text(value).map(|t| hex::encode(sha2::Sha256::digest(t)).into())
}
