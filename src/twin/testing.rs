//! Small types for tests of the engine, one for each trait of real ones. They exist on the twin only.

mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::document::Document;
use crate::engine::error::Error;
use crate::engine::provider::Catalog;
use crate::engine::resource::{Existing, Facts, FoundBy, IdForm, Limits, Scope, Takes, Where};
use crate::engine::rules::{
    auto_name, before_delete, computed, forced, initial, moves, protection, refers, replace, unordered, write_only,
};
use crate::engine::schema::TypeSchema;
use crate::engine::secret::Secret;
use crate::engine::value::Value;

/// All of them.
pub fn catalog() -> Arc<Catalog> {
    Arc::new(Catalog::new(
        vec![
            TypeSchema::of::<Thing>(),
            TypeSchema::of::<Named>(),
            TypeSchema::of::<Unique>(),
            TypeSchema::of::<Child>(),
            TypeSchema::of::<Loose>(),
            TypeSchema::of::<Guarded>(),
            TypeSchema::of::<Rule>(),
            TypeSchema::of::<Slow>(),
            TypeSchema::of::<Global>(),
            TypeSchema::of::<Lister>(),
            TypeSchema::of::<Container>(),
            TypeSchema::of::<Attached>(),
            TypeSchema::of::<values::Flag>(),
            TypeSchema::of::<values::Primitive>(),
            TypeSchema::of::<values::Optional>(),
            TypeSchema::of::<values::Hidden>(),
            TypeSchema::of::<values::Nested>(),
            TypeSchema::of::<values::Choice>(),
            TypeSchema::of::<values::Content>(),
            TypeSchema::of::<values::Keyword>(),
        ],
        Vec::new(),
    ))
}

/// Writes down a type that only the twin can make: its token unless it is one of `test:index`, its
/// struct of inputs, its struct of outputs, its facts, and what can be foreseen of it.
macro_rules! only_on_the_twin {
    ($name:ident, $outputs:ident, $facts:expr) => {
        $crate::twin::testing::only_on_the_twin!($name, $outputs, $facts, |_, _| Vec::new());
    };
    ($name:ident, $outputs:ident, $facts:expr, $foresee:expr) => {
        $crate::twin::testing::only_on_the_twin!(
            concat!("test:index:", stringify!($name)) => $name, $outputs, $facts, $foresee
        );
    };
    ($token:expr => $name:ident, $outputs:ident, $facts:expr, $foresee:expr) => {
        impl $crate::engine::resource::Resource for $name {
            const TYPE: &'static str = $token;
            const FACTS: $crate::engine::resource::Facts = $facts;
            type Outputs = $outputs;
            type Cx = ();

            async fn create(&self, (): &()) -> $crate::engine::error::Result<$crate::engine::resource::Made<Self>> {
                Err($crate::twin::testing::only())
            }
            async fn read(
                _: &[$crate::engine::urn::Id],
                _: &$crate::engine::resource::Want,
                (): &(),
            ) -> $crate::engine::error::Result<
                Vec<$crate::engine::resource::Seen<$crate::engine::resource::Live<Self>>>,
            > {
                Err($crate::twin::testing::only())
            }
            async fn delete(
                &self,
                _: &$crate::engine::urn::Id,
                _: Option<&$crate::engine::resource::Live<Self>>,
                (): &(),
            ) -> $crate::engine::error::Result<$crate::engine::resource::Next<Self>> {
                Err($crate::twin::testing::only())
            }
            async fn find(&self, (): &()) -> $crate::engine::error::Result<Vec<$crate::engine::urn::Id>> {
                Err($crate::twin::testing::only())
            }
            fn foresee(
                inputs: &$crate::engine::value::Value,
                at: &$crate::engine::resource::Where,
            ) -> Vec<(&'static str, $crate::engine::value::Value)> {
                let foresee: $crate::twin::testing::Foresee = $foresee;
                foresee(inputs, at)
            }
        }
    };
}

pub(super) type Foresee = fn(&Value, &Where) -> Vec<(&'static str, Value)>;

pub(super) use only_on_the_twin;

pub(super) fn only() -> Error {
    Error::bug("only on the twin")
}

fn arn(kind: &str, at: &Where) -> Value {
    match &at.id {
        Some(id) => at.arn("test", &format!("{kind}/{id}")),
        None => Value::Unknown,
    }
}

/// What most of them put out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plain {
    pub arn: String,
}

/// A common resource: takes five seconds, is found by its tag, and has an input of each common kind.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Thing {
    #[schemars(transform = replace, transform = auto_name(32))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub size: u32,
    #[schemars(transform = write_only)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret<String>>,
    #[schemars(transform = computed)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    #[schemars(transform = initial)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThingOutputs {
    pub arn: String,
    pub endpoint: String,
    #[schemars(range(min = 1), transform = moves)]
    pub revision: u32,
    pub tags_all: BTreeMap<String, String>,
}

only_on_the_twin!(
    Thing,
    ThingOutputs,
    Facts { takes: Takes::seconds(5, 2, 3), ..Facts::new(IdForm::Random("thing-", 17), FoundBy::OwnerTag) },
    |_, at| vec![("arn", arn("thing", at))]
);

/// A resource whose name is its id.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Named {
    #[schemars(transform = replace, transform = auto_name(64))]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

only_on_the_twin!(
    Named,
    Plain,
    Facts { delete_first: true, ..Facts::new(IdForm::Input("name"), FoundBy::Name) },
    |_, at| vec![("arn", arn("named", at))]
);

/// A resource whose name is its id, and whose new half comes first if it gets another name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unique {
    #[schemars(transform = replace, transform = auto_name(64))]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

only_on_the_twin!(Unique, Plain, Facts::new(IdForm::Input("name"), FoundBy::Name));

/// A resource that is replaced when its thing is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Child {
    #[schemars(transform = replace, transform = refers("test:index:Thing.id"))]
    pub thing_id: String,
    #[serde(default)]
    pub size: u32,
}

only_on_the_twin!(Child, Plain, Facts::new(IdForm::Random("child-", 8), FoundBy::Token));

/// A resource that can be given another thing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Loose {
    #[schemars(transform = refers("test:index:Thing.id"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing_id: Option<String>,
    #[schemars(transform = refers("test:index:Named.arn"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

only_on_the_twin!(Loose, Plain, Facts::new(IdForm::Random("loose-", 8), FoundBy::Marker("note")));

/// A resource that can be protected from deletion.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Guarded {
    #[schemars(transform = replace)]
    pub name: String,
    #[serde(default)]
    pub size: u32,
    #[schemars(transform = protection)]
    #[serde(default)]
    pub deletion_protection: bool,
}

only_on_the_twin!(
    Guarded,
    Plain,
    Facts { takes: Takes::seconds(10, 10, 10), ..Facts::new(IdForm::Input("name"), FoundBy::Name) }
);

/// A resource that must be switched off before anything is deleted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    #[schemars(transform = replace)]
    pub name: String,
    #[schemars(transform = before_delete("disable", serde_json::json!("DISABLED")))]
    #[serde(default = "enabled")]
    pub state: String,
}

fn enabled() -> String {
    "ENABLED".to_owned()
}

only_on_the_twin!(
    Rule,
    Plain,
    Facts { existing: Existing::PutInPlace(&[]), ..Facts::new(IdForm::Input("name"), FoundBy::Name) }
);

/// A resource that takes as long as a database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slow {
    #[schemars(transform = replace)]
    pub name: String,
    #[serde(default)]
    pub size: u32,
    #[schemars(transform = refers("test:index:Thing.id"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing_id: Option<String>,
}

only_on_the_twin!(
    Slow,
    Plain,
    Facts {
        takes: Takes::seconds(600, 300, 420),
        limits: Limits::minutes(30, 30, 30).poll(15),
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    }
);

/// A resource that lives in no region.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Global {
    #[schemars(transform = replace)]
    pub name: String,
    #[schemars(transform = refers("test:index:Thing.id"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing_id: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

only_on_the_twin!(
    Global,
    Plain,
    Facts { scope: Scope::Global, ..Facts::new(IdForm::Output("arn"), FoundBy::Name) },
    |inputs, at| vec![(
        "arn",
        match inputs.get("name").and_then(Value::as_str) {
            Some(name) => at.arn("test", &format!("global/{name}")),
            None => Value::Unknown,
        }
    )]
);

/// A resource with inputs of every shape.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lister {
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub zones: Vec<String>,
    #[serde(default)]
    pub steps: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Document>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub ports: Vec<Port>,
}

/// A nested object.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    pub mode: String,
    #[serde(default)]
    pub level: u32,
    #[schemars(transform = refers("test:index:Thing.id"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing_id: Option<String>,
}

/// An item of a list of objects.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Port {
    pub number: u16,
    #[serde(default = "tcp")]
    pub protocol: String,
}

fn tcp() -> String {
    "tcp".to_owned()
}

only_on_the_twin!(Lister, Plain, Facts::new(IdForm::Random("list-", 8), FoundBy::OwnerTag));

/// A resource that holds things that no type stands for, as a bucket holds objects.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Container {
    #[schemars(transform = replace)]
    pub name: String,
    #[schemars(transform = write_only, transform = forced)]
    #[serde(default)]
    pub force_destroy: bool,
}

only_on_the_twin!(Container, Plain, Facts::new(IdForm::Joined(&["name"], "/"), FoundBy::Name));

/// A resource that leaves its thing, in a call of its own, before it can be deleted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attached {
    #[schemars(transform = replace)]
    pub name: String,
    #[schemars(transform = refers("test:index:Thing.id"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing_id: Option<String>,
}

only_on_the_twin!(Attached, Plain, Facts::new(IdForm::Input("name"), FoundBy::Name));
