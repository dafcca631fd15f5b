//! A cloud with random values beside it.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value as Json;

use super::{Local, RandomId, RandomPassword, facts};
use crate::engine::error::{Error, Result};
use crate::engine::provider::{At, Catalog, Identity, KindAt, Listed, Live, Made, Next, Provider};
use crate::engine::reach::Reach;
use crate::engine::resource::{Await, Seen, Want};
use crate::engine::schema::{TypeSchema, json_schema, object};
use crate::engine::urn::{Id, Place};
use crate::engine::value::Value;

/// A type of this module without its Rust type.
struct Kind {
    token: &'static str,
    schema: fn() -> TypeSchema,
    make: fn(&Value, &TypeSchema) -> Result<Made>,
}

impl Kind {
    const fn of<T: Local>() -> Self {
        Self { token: T::TYPE, schema: schema::<T>, make: make::<T> }
    }
}

const KINDS: [Kind; 2] = [Kind::of::<RandomId>(), Kind::of::<RandomPassword>()];

/// A cloud and the types of [`random`](crate::random). Everything else is the cloud's business.
pub struct WithRandom {
    cloud: Arc<dyn Provider>,
    catalog: Arc<Catalog>,
}

impl WithRandom {
    pub fn new(cloud: Arc<dyn Provider>) -> Self {
        let catalog = cloud.catalog().and(KINDS.map(|kind| Listed::new(kind.token, &[], kind.schema)));
        Self { cloud, catalog: Arc::new(catalog) }
    }
}

impl Provider for WithRandom {
    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn reach(&self) -> &Reach {
        self.cloud.reach()
    }

    fn identity(&self) -> BoxFuture<'_, Result<Identity>> {
        self.cloud.identity()
    }

    fn identity_now(&self) -> BoxFuture<'_, Result<Identity>> {
        self.cloud.identity_now()
    }

    fn create<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Made>> {
        match kind(&at.kind) {
            Some(kind) => Box::pin(async move {
                let schema = self.catalog.find(kind.token);
                let schema = schema.ok_or_else(|| Error::bug(format!("`{}` is in no catalog", kind.token)))?;
                (kind.make)(inputs, schema)
            }),
            None => self.cloud.create(at, inputs),
        }
    }

    fn read<'a>(&'a self, at: &'a KindAt, ids: &'a [Id], want: &'a Want) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        match kind(at) {
            Some(kind) => Box::pin(async { Err(nowhere_else(kind)) }),
            None => self.cloud.read(at, ids, want),
        }
    }

    fn update<'a>(&'a self, at: &'a At, id: &'a Id, inputs: &'a Value, live: &'a Live) -> BoxFuture<'a, Result<Next>> {
        match kind(&at.kind) {
            Some(kind) => Box::pin(async { Err(nowhere_else(kind)) }),
            None => self.cloud.update(at, id, inputs, live),
        }
    }

    fn delete<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
    ) -> BoxFuture<'a, Result<Next>> {
        match kind(&at.kind) {
            Some(_) => Box::pin(async { Ok(Next::Gone) }),
            None => self.cloud.delete(at, id, applied, live),
        }
    }

    /// A value that was not written down is nowhere.
    fn find<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Vec<Id>>> {
        match kind(&at.kind) {
            Some(_) => Box::pin(async { Ok(Vec::new()) }),
            None => self.cloud.find(at, inputs),
        }
    }

    fn namesake<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Option<Id>>> {
        match kind(&at.kind) {
            Some(_) => Box::pin(async { Ok(None) }),
            None => self.cloud.namesake(at, inputs),
        }
    }

    fn awaits<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        inputs: &'a Value,
        before: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Await>>> {
        match kind(&at.kind) {
            Some(_) => Box::pin(async { Ok(None) }),
            None => self.cloud.awaits(at, id, inputs, before),
        }
    }

    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>> {
        self.cloud.invoke(function, place, arguments)
    }
}

fn kind(at: &KindAt) -> Option<&'static Kind> {
    static ALL: [Kind; 2] = KINDS;
    ALL.iter().find(|kind| kind.token == at.ty)
}

fn nowhere_else(kind: &Kind) -> Error {
    Error::invalid(format!("`{}` lives in the state and can be neither read nor imported", kind.token))
        .hint("declare it without `import` and `get`")
}

fn schema<T: Local>() -> TypeSchema {
    let inputs = json_schema::<T>();
    TypeSchema {
        token: T::TYPE,
        description: inputs["description"].as_str().unwrap_or_default().to_owned(),
        facts: facts(T::ID),
        inputs: object(&inputs),
        outputs: object(&json_schema::<T::Outputs>()),
        foresee: |_, _| Vec::new(),
        company: |_, _| None,
        replaces: |_, _| Vec::new(),
        lacks: |_| None,
        afterlife: |_| None,
        accepts: |json| serde_path_to_error::deserialize::<_, T>(json).map(drop).map_err(|e| e.to_string()),
    }
}

fn make<T: Local>(inputs: &Value, schema: &TypeSchema) -> Result<Made> {
    let json: Json = inputs.to_json().map_err(|e| Error::bug(e.to_string()))?;
    let typed: T = serde_path_to_error::deserialize(json).map_err(|e| Error::invalid(e.to_string()))?;
    let (id, outputs) = typed.make()?;
    let mut outputs = Value::from_json(serde_json::to_value(outputs).map_err(|e| Error::bug(e.to_string()))?);
    if let Value::Map(outputs) = &mut outputs {
        for property in schema.outputs.properties.iter().filter(|p| p.secret) {
            if let Some(value) = outputs.get_mut(&property.name) {
                *value = std::mem::take(value).secret();
            }
        }
    }
    let live = Live { inputs: inputs.clone(), outputs };
    Ok(Made { id: Id(id), seen: Some(Seen::Ready(live)) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::clock::Clock;
    use crate::engine::urn::Urn;
    use crate::twin::Twin;

    fn with_random() -> WithRandom {
        let catalog = Arc::new(Catalog::new(Vec::new(), Vec::new()));
        WithRandom::new(Arc::new(Twin::new(catalog, Clock::starting("2026-01-01T00:00:00Z".parse().unwrap()))))
    }

    fn at(ty: &str) -> At {
        At {
            urn: Urn::new("s", "p", ty, "a"),
            kind: KindAt { ty: ty.to_owned(), place: Place::global() },
            attempt: "1".into(),
            owner: "o".into(),
            company: None,
        }
    }

    #[test]
    fn what_the_cloud_knows_of_orders_and_roles_is_known_beside_random_values_too() {
        let cloud = crate::aws::catalog();
        let both = cloud.and([]);
        assert_eq!(both.orders.len(), cloud.orders.len());
        assert!(both.active_region.is_some());
    }

    #[tokio::test]
    async fn a_password_is_made_once_seen_and_secret() {
        let inputs = json!({ "length": 16 }).into();
        let made = with_random().create(&at(RandomPassword::TYPE), &inputs).await.unwrap();
        let Some(Seen::Ready(live)) = made.seen else { panic!("it is not ready") };
        assert_eq!((made.id.0.as_str(), &live.inputs), ("none", &inputs));
        let result = live.outputs.get("result").unwrap();
        assert!(matches!(result, Value::Secret(_)));
        assert_eq!(result.bare().as_str().map(str::len), Some(16));
    }

    #[tokio::test]
    async fn nothing_is_read_or_found_elsewhere() {
        let cloud = with_random();
        let at = at(RandomId::TYPE);
        assert!(cloud.read(&at.kind, &[Id("x".into())], &Want::All).await.unwrap_err().hint.is_some());
        assert_eq!(cloud.find(&at, &json!({ "byteLength": 1 }).into()).await.unwrap(), []);
    }

    #[test]
    fn all_inputs_replace_and_the_tokens_of_pulumi_name_the_types() {
        let catalog = Arc::clone(with_random().catalog());
        for token in ["random:RandomPassword", "random:index/randomPassword:RandomPassword", "random:RandomId"] {
            let schema = catalog.find(token).unwrap_or_else(|| panic!("{token}"));
            assert!(schema.facts.local && !schema.description.is_empty());
            for property in schema.inputs.properties.iter().chain(&schema.outputs.properties) {
                assert!(property.description.ends_with('.'), "{token}.{}", property.name);
            }
            assert!(schema.inputs.properties.iter().all(|p| p.replace), "{token}");
        }
    }
}
