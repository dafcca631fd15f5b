//! Types that hold a value of each shape, for tests of what a program says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Plain, only_on_the_twin};
use crate::engine::asset::AssetInput;
use crate::engine::resource::{Facts, FoundBy, IdForm};
use crate::engine::rules::{one_of, refers};
use crate::engine::secret::Secret;

/// A resource with nothing but a boolean.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Flag {
    pub value: bool,
}

only_on_the_twin!(Flag, Plain, Facts::new(IdForm::Random("flag-", 8), FoundBy::Token));

/// A resource with an input of each primitive, and lists and maps of them. All of them are required.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Primitive {
    pub boolean: bool,
    pub float: f64,
    pub integer: i64,
    pub string: String,
    pub numbers: Vec<f64>,
    pub flags: BTreeMap<String, bool>,
}

only_on_the_twin!(Primitive, Plain, Facts::new(IdForm::Random("primitive-", 8), FoundBy::Token));

/// A resource with inputs that may all be left out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Optional {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boolean: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub float: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integer: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<f64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = refers("test:index:Flag.id"))]
    pub flag_id: Option<String>,
}

only_on_the_twin!(Optional, Plain, Facts::new(IdForm::Random("optional-", 8), FoundBy::Token));

/// A resource with a secret and something that everybody may see.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Hidden {
    pub private: Secret<String>,
    pub public: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

only_on_the_twin!(Hidden, Plain, Facts::new(IdForm::Random("hidden-", 8), FoundBy::Token));

/// A resource with lists in maps and maps in lists.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Nested {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Vec<i64>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Vec<Member>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<BTreeMap<String, String>>,
}

/// An object in a list in a map.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Member {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

only_on_the_twin!(Nested, Plain, Facts::new(IdForm::Random("nested-", 8), FoundBy::Token));

/// A resource with an input that takes some words only.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Choice {
    #[schemars(transform = one_of(&["red", "green", "blue"]))]
    pub colour: String,
}

only_on_the_twin!(Choice, Plain, Facts::new(IdForm::Random("choice-", 8), FoundBy::Token));

/// A resource that is a file or an archive.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Content {
    pub source: AssetInput,
}

only_on_the_twin!(Content, Plain, Facts::new(IdForm::Random("content-", 8), FoundBy::Token));

/// A resource with inputs that are words of the language.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Keyword {
    #[serde(rename = "type")]
    pub ty: String,
    pub properties: String,
    pub options: String,
    #[serde(rename = "default")]
    pub fallback: String,
    pub pulumi: String,
}

only_on_the_twin!(Keyword, Plain, Facts::new(IdForm::Random("keyword-", 8), FoundBy::Token));
