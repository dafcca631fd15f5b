//! Resource types without their Rust types: inputs and outputs are values.

use std::marker::PhantomData;

use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::cx::Cx;
use super::left_out;
use super::tags::{self, Tags};
use crate::engine::error::{Error, Result};
use crate::engine::provider::{Live, Made, Next};
use crate::engine::resource::{self, Await, Facts, Resource, Seen, Want};
use crate::engine::schema::{self, TypeSchema};
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// A resource type of the registry.
pub trait AnyResource: Send + Sync {
    fn token(&self) -> &'static str;
    fn facts(&self) -> Facts;
    fn schema(&self) -> TypeSchema;
    /// The JSON Schema of the inputs as the structs give it.
    fn raw_schema(&self) -> Json;
    fn create<'a>(&'a self, inputs: &'a Value, cx: &'a Cx) -> BoxFuture<'a, Result<Made>>;
    fn read<'a>(&'a self, ids: &'a [Id], want: &'a Want, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<Seen<Live>>>>;
    fn update<'a>(&'a self, id: &'a Id, inputs: &'a Value, live: &'a Live, cx: &'a Cx) -> BoxFuture<'a, Result<Next>>;
    fn delete<'a>(
        &'a self,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
        cx: &'a Cx,
    ) -> BoxFuture<'a, Result<Next>>;
    fn find<'a>(&'a self, inputs: &'a Value, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<Id>>>;
    fn namesake<'a>(&'a self, inputs: &'a Value, cx: &'a Cx) -> BoxFuture<'a, Result<Option<Id>>>;
    fn awaits<'a>(
        &'a self,
        id: &'a Id,
        inputs: &'a Value,
        before: Option<&'a Value>,
        cx: &'a Cx,
    ) -> BoxFuture<'a, Result<Option<Await>>>;
}

/// Turns a [`Resource`] into an [`AnyResource`].
pub(super) struct Erased<R>(PhantomData<fn() -> R>);

impl<R> Erased<R> {
    pub(super) const NEW: Self = Self(PhantomData);
}

impl<R: Resource<Cx = Cx>> AnyResource for Erased<R> {
    fn token(&self) -> &'static str {
        R::TYPE
    }

    fn facts(&self) -> Facts {
        R::FACTS
    }

    fn schema(&self) -> TypeSchema {
        let mut schema = TypeSchema::of::<R>();
        if schema.inputs.get(TAGS).is_some() {
            let tagged = schema::object(&schema::json_schema::<Tagged>());
            schema.outputs.properties.extend(tagged.properties);
        }
        schema.inputs.left_out = left_out::of(&schema);
        schema
    }

    fn raw_schema(&self) -> Json {
        schema::json_schema::<R>()
    }

    fn create<'a>(&'a self, inputs: &'a Value, cx: &'a Cx) -> BoxFuture<'a, Result<Made>> {
        Box::pin(async move {
            let made = typed::<R>(inputs)?.create(cx).await?;
            Ok(Made { id: made.id, seen: made.seen.map(erased_seen).transpose()? })
        })
    }

    fn read<'a>(&'a self, ids: &'a [Id], want: &'a Want, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        Box::pin(async move {
            let seen = R::read(ids, want, cx).await?;
            if seen.len() != ids.len() {
                return Err(Error::bug(format!("{} was asked for {} and read {}", R::TYPE, ids.len(), seen.len())));
            }
            seen.into_iter().map(erased_seen).collect()
        })
    }

    fn update<'a>(&'a self, id: &'a Id, inputs: &'a Value, live: &'a Live, cx: &'a Cx) -> BoxFuture<'a, Result<Next>> {
        Box::pin(async move {
            let seen = typed_live::<R>(live)?;
            let retag = tags::difference(&tags_of(&live.inputs)?, &tags_of(inputs)?);
            if retag != resource::Retag::default() {
                R::retag(id, &seen, &retag, cx).await?;
                return Ok(Next::More("tagging".into()));
            }
            erased_next(typed::<R>(inputs)?.update(id, &seen, cx).await?)
        })
    }

    fn delete<'a>(
        &'a self,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
        cx: &'a Cx,
    ) -> BoxFuture<'a, Result<Next>> {
        Box::pin(async move {
            let live = live.map(typed_live::<R>).transpose()?;
            erased_next(typed::<R>(applied)?.delete(id, live.as_ref(), cx).await?)
        })
    }

    fn find<'a>(&'a self, inputs: &'a Value, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<Id>>> {
        Box::pin(async move { typed::<R>(inputs)?.find(cx).await })
    }

    fn namesake<'a>(&'a self, inputs: &'a Value, cx: &'a Cx) -> BoxFuture<'a, Result<Option<Id>>> {
        Box::pin(async move { typed::<R>(inputs)?.namesake(cx).await })
    }

    fn awaits<'a>(
        &'a self,
        id: &'a Id,
        inputs: &'a Value,
        before: Option<&'a Value>,
        cx: &'a Cx,
    ) -> BoxFuture<'a, Result<Option<Await>>> {
        Box::pin(async move {
            let before = before.map(typed::<R>).transpose()?;
            typed::<R>(inputs)?.awaits(id, before.as_ref(), cx).await
        })
    }
}

const TAGS: &str = "tags";
const TAGS_ALL: &str = "tagsAll";

/// The output that every type with tags has.
#[derive(schemars::JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Tagged {
    /// All tags of the resource, but for those of AWS and of drctl.
    tags_all: Tags,
}

/// The typed form of values.
pub(super) fn typed<T: DeserializeOwned>(value: &Value) -> Result<T> {
    let json = value.to_json().map_err(|e| Error::bug(e.to_string()))?;
    serde_path_to_error::deserialize(json).map_err(|e| Error::invalid(e.to_string()))
}

/// The value of a typed form. What is absent has no entry.
pub(super) fn value<T: Serialize>(typed: &T) -> Result<Value> {
    let json = serde_json::to_value(typed).map_err(|e| Error::bug(e.to_string()))?;
    Ok(Value::from_json(without_nulls(json)))
}

fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(map) => {
            Json::Object(map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

fn typed_live<R: Resource>(live: &Live) -> Result<resource::Live<R>> {
    Ok(resource::Live { inputs: typed(&live.inputs)?, outputs: typed(&live.outputs)? })
}

fn erased_live<R: Resource>(live: &resource::Live<R>) -> Result<Live> {
    let (mut inputs, mut outputs) = (value(&live.inputs)?, value(&live.outputs)?);
    if let (Value::Map(inputs), Value::Map(outputs)) = (&mut inputs, &mut outputs)
        && let Some(Value::Map(tags)) = inputs.get_mut(TAGS)
    {
        tags.retain(|key, _| !tags::is_reserved(key));
        outputs.insert(TAGS_ALL.into(), Value::Map(tags.clone()));
    }
    Ok(Live { inputs, outputs })
}

fn erased_seen<R: Resource>(seen: Seen<resource::Live<R>>) -> Result<Seen<Live>> {
    Ok(match seen {
        Seen::Gone => Seen::Gone,
        Seen::Pending(word) => Seen::Pending(word),
        Seen::Failed(why) => Seen::Failed(why),
        Seen::Ready(live) => Seen::Ready(erased_live(&live)?),
    })
}

fn erased_next<R: Resource>(next: resource::Next<R>) -> Result<Next> {
    Ok(match next {
        resource::Next::Started => Next::Started,
        resource::Next::More(word) => Next::More(word.to_owned()),
        resource::Next::Saw(live) => Next::Saw(Box::new(erased_live(&live)?)),
        resource::Next::Waits(on) => Next::Waits(on),
        resource::Next::Held(by) => Next::Held(by),
        resource::Next::Gone => Next::Gone,
        resource::Next::Later(long) => Next::Later(long),
    })
}

/// The tags of a type that has them as a map.
fn tags_of(inputs: &Value) -> Result<Tags> {
    match inputs.get(TAGS) {
        Some(tags) if tags.as_map().is_some() => {
            let all: Tags = typed(tags)?;
            Ok(all.into_iter().filter(|(key, _)| !tags::is_reserved(key)).collect())
        }
        _ => Ok(Tags::new()),
    }
}
