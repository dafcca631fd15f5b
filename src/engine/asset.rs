//! Files and archives that a program names. The engine compares them by content and never opens them.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::engine::value::Map;

/// A file or an archive. Two are the same when their content is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asset {
    pub source: Source,
    /// Hex SHA-256 of the bytes that the cloud would get: for an archive, of its deterministic zip.
    pub sha256: String,
}

/// Where the bytes come from. Paths are relative to the directory of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The text itself.
    Text(String),
    /// One file, as it is.
    File(String),
    /// Bytes behind a URL.
    Remote(String),
    /// An archive file as it is, or a directory to be zipped.
    Archive(String),
    /// An archive put together: path inside the archive → what lies there.
    Entries(BTreeMap<String, Self>),
    /// An archive behind a URL.
    RemoteArchive(String),
}

impl PartialEq for Asset {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

const KEY: &str = "$asset";

impl Asset {
    /// The form in which assets travel through JSON.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ KEY: self })
    }

    pub(crate) fn from_json(map: &serde_json::Map<String, serde_json::Value>) -> Option<Self> {
        if map.len() != 1 {
            return None;
        }
        serde_json::from_value(map.get(KEY)?.clone()).ok()
    }

    /// The asset that a map of [`Asset::to_json`] stands for.
    pub(crate) fn from_map(map: &Map) -> Option<Self> {
        let json = map.get(KEY).filter(|_| map.len() == 1)?.to_json().ok()?;
        serde_json::from_value(json).ok()
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name) = match &self.source {
            Source::Text(_) => ("text", ""),
            Source::File(path) => ("file ", path.as_str()),
            Source::Remote(url) => ("file ", url.as_str()),
            Source::Archive(path) => ("archive ", path.as_str()),
            Source::Entries(_) => ("archive", ""),
            Source::RemoteArchive(url) => ("archive ", url.as_str()),
        };
        write!(f, "{what}{name} ({})", self.sha256.get(..8).unwrap_or(&self.sha256))
    }
}

/// An input of a resource type that takes a file or an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetInput(pub Asset);

impl Serialize for AssetInput {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.to_json().serialize(s)
    }
}
impl<'de> Deserialize<'de> for AssetInput {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let map = serde_json::Map::deserialize(d)?;
        Asset::from_json(&map).map(Self).ok_or_else(|| serde::de::Error::custom("expected a file or an archive"))
    }
}
impl JsonSchema for AssetInput {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Asset".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-asset": true })
    }
}
