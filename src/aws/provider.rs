//! AWS as the engine sees it.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{Region, SdkConfig};
use futures::future::BoxFuture;
use tokio::sync::{OnceCell, Semaphore};

use super::clients::Clients;
use super::config::{self, Settings};
use super::cx::Cx;
use super::erase::AnyResource;
use super::invoke::AnyFunction;
use super::lane::Lane;
use super::settle::patiently;
use super::{catalog, function, resource};
use crate::engine::error::{Error, Kind, Result, need};
use crate::engine::provider::{At, Catalog, Identity, KindAt, Live, Made, Next, Provider};
use crate::engine::resource::{Await, FoundBy, Seen, Want};
use crate::engine::schema::{Object, Property, Shape, TypeSchema};
use crate::engine::urn::{Id, Place};
use crate::engine::value::Value;

/// AWS, or something that speaks its protocols.
pub struct Aws {
    settings: Settings,
    config: OnceCell<SdkConfig>,
    identity: OnceCell<Identity>,
    clients: Shared<(String, bool), Clients>,
    lanes: Shared<KindAt, Lane>,
    doors: Shared<(String, Place), Semaphore>,
}

impl Aws {
    /// Makes no call and reads no file yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            config: OnceCell::new(),
            identity: OnceCell::new(),
            clients: Shared::default(),
            lanes: Shared::default(),
            doors: Shared::default(),
        }
    }

    async fn config(&self) -> &SdkConfig {
        self.config.get_or_init(|| config::load(&self.settings)).await
    }

    async fn who(&self) -> Result<&Identity> {
        self.identity
            .get_or_try_init(|| async {
                let config = self.config().await;
                let clients = Clients::repeating(config::impatient(config));
                let asked = clients.sts().get_caller_identity().send().await;
                let region = config.region().map_or("its region", |region| region.as_ref());
                let caller = asked.map_err(|error| config::located(error.into(), "sts", region, config))?;
                let account = need("Account", caller.account)?;
                let arn = need("Arn", caller.arn)?;
                let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
                let allowed = &self.settings.allowed_account_ids;
                if !allowed.is_empty() && !allowed.contains(&account) {
                    let allowed = allowed.join("`, `");
                    return Err(Error::new(Kind::Denied, format!("the credentials are for account `{account}`"))
                        .hint(format!("use credentials of `{allowed}`, or change `allowedAccountIds`")));
                }
                Ok(Identity { account, partition })
            })
            .await
    }

    /// The surroundings of a call. Only calls that may arrive twice get clients that repeat them.
    async fn cx(&self, place: &Place, at: Option<&At>, repeatable: bool) -> Result<Cx> {
        let identity = self.who().await?.clone();
        let region = if place.is_global() { home(&identity.partition).to_owned() } else { place.0.clone() };
        let config = self.config().await;
        let clients = self.clients.get_or_insert((region.clone(), repeatable), || {
            let config = config.clone().into_builder().region(Region::new(region.clone())).build();
            if repeatable { Clients::repeating(config) } else { Clients::unambiguous(config) }
        });
        let default_region = config.region().map_or_else(|| region.clone(), ToString::to_string);
        let read_asset = Arc::clone(&self.settings.read_asset);
        Ok(Cx { clients, identity, region, default_region, at: at.cloned(), read_asset })
    }

    /// Makes a call when few enough others of its service are in flight. Nobody holds a place while
    /// waiting for an earlier change to spread.
    async fn through<T>(&self, service: &str, place: &Place, call: impl Future<Output = Result<T>>) -> Result<T> {
        let key = (service.to_owned(), place.clone());
        let door = self.doors.get_or_insert(key, || Semaphore::new(at_once(service)));
        let _inside = door.acquire().await.map_err(|e| Error::bug(e.to_string()))?;
        let done = call.await;
        let config = self.config().await;
        done.map_err(|error| config::located(error, service, &place.0, config))
    }
}

/// Calls of a service and place that may be in flight at once. Account-wide services allow few:
/// Route 53 takes five requests a second, API Gateway ten, IAM is slow to agree with itself.
fn at_once(service: &str) -> usize {
    match service {
        "apigateway" | "route53" => 2,
        "iam" => 4,
        "backup" | "rds" => 8,
        _ => 16,
    }
}

/// The region in which a partition's global services are reached.
fn home(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// A registered type and its schema.
fn kind(ty: &str) -> Result<(&'static dyn AnyResource, &'static TypeSchema)> {
    let unknown = || Error::bug(format!("`{ty}` is no type of AWS"));
    let schema = catalog().find(ty).ok_or_else(unknown)?;
    Ok((resource(schema.token).ok_or_else(unknown)?, schema))
}

fn known_function(token: &str) -> Result<(&'static dyn AnyFunction, &'static Object)> {
    let unknown = || Error::bug(format!("`{token}` is no function of AWS"));
    let schema = catalog().function(token).ok_or_else(unknown)?;
    Ok((function(schema.token).ok_or_else(unknown)?, &schema.result))
}

impl Provider for Aws {
    fn catalog(&self) -> &Arc<Catalog> {
        catalog()
    }

    fn identity(&self) -> BoxFuture<'_, Result<Identity>> {
        Box::pin(async { self.who().await.cloned() })
    }

    fn create<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Made>> {
        Box::pin(async move {
            let (ty, schema) = kind(&at.kind.ty)?;
            let repeatable = matches!(schema.facts.found_by, FoundBy::Token);
            let cx = self.cx(&at.kind.place, Some(at), repeatable).await?;
            let call = || self.through(schema.service(), &at.kind.place, ty.create(inputs, &cx));
            let made = patiently(call).await?;
            Ok(Made { id: made.id, seen: made.seen.map(|seen| seen.map(|live| hidden(live, schema))) })
        })
    }

    fn read<'a>(
        &'a self,
        kind_at: &'a KindAt,
        ids: &'a [Id],
        want: &'a Want,
    ) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        Box::pin(async move {
            let (ty, schema) = kind(&kind_at.ty)?;
            let cx = self.cx(&kind_at.place, None, true).await?;
            let cx = &cx;
            let lane = self.lanes.get_or_insert(kind_at.clone(), Lane::default);
            let read = |ids: Vec<Id>, want: Want| async move {
                self.through(schema.service(), &kind_at.place, ty.read(&ids, &want, cx)).await
            };
            let seen = lane.read(ids, want, read).await?;
            Ok(seen.into_iter().map(|seen| seen.map(|live| hidden(live, schema))).collect())
        })
    }

    fn update<'a>(&'a self, at: &'a At, id: &'a Id, inputs: &'a Value, live: &'a Live) -> BoxFuture<'a, Result<Next>> {
        Box::pin(async move {
            let (ty, schema) = kind(&at.kind.ty)?;
            // Made twice, a change may have another effect: a second version, a refusal of what is there.
            let cx = self.cx(&at.kind.place, Some(at), false).await?;
            let call = || self.through(schema.service(), &at.kind.place, ty.update(id, inputs, live, &cx));
            Ok(match patiently(call).await? {
                Next::Saw(live) => Next::Saw(Box::new(hidden(*live, schema))),
                other => other,
            })
        })
    }

    fn delete<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
    ) -> BoxFuture<'a, Result<Next>> {
        Box::pin(async move {
            let (ty, schema) = kind(&at.kind.ty)?;
            let cx = self.cx(&at.kind.place, Some(at), true).await?;
            self.through(schema.service(), &at.kind.place, ty.delete(id, applied, live, &cx)).await
        })
    }

    fn find<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Vec<Id>>> {
        Box::pin(async move {
            let (ty, schema) = kind(&at.kind.ty)?;
            let cx = self.cx(&at.kind.place, Some(at), true).await?;
            self.through(schema.service(), &at.kind.place, ty.find(inputs, &cx)).await
        })
    }

    fn awaits<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        inputs: &'a Value,
        before: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Await>>> {
        Box::pin(async move {
            let (ty, schema) = kind(&at.kind.ty)?;
            let cx = self.cx(&at.kind.place, Some(at), true).await?;
            self.through(schema.service(), &at.kind.place, ty.awaits(id, inputs, before, &cx)).await
        })
    }

    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let (function, result) = known_function(function)?;
            let cx = self.cx(place, None, true).await?;
            let called = function.call(arguments, &cx).await;
            let config = self.config().await;
            let answer = called.map_err(|error| match error.operation.clone() {
                Some(operation) => {
                    let service = operation.split(':').next().unwrap_or_default();
                    config::located(error, service, &place.0, config)
                }
                None => error,
            })?;
            Ok(hide_object(answer, result))
        })
    }
}

/// Marks what the schema calls secret.
fn hidden(live: Live, schema: &TypeSchema) -> Live {
    Live { inputs: hide_object(live.inputs, &schema.inputs), outputs: hide_object(live.outputs, &schema.outputs) }
}

fn hide_object(value: Value, object: &Object) -> Value {
    match value {
        Value::Map(map) => Value::Map(
            map.into_iter()
                .map(|(name, value)| match object.get(&name) {
                    Some(property) => (name, hide(value, property)),
                    None => (name, value),
                })
                .collect(),
        ),
        other => other,
    }
}

fn hide(value: Value, property: &Property) -> Value {
    if property.secret && !value.is_null() {
        return value.secret();
    }
    match (value, &property.shape) {
        (Value::List(items), Shape::List { item, .. }) => {
            Value::List(items.into_iter().map(|v| hide(v, item)).collect())
        }
        (Value::Map(map), Shape::Map(item)) => {
            Value::Map(map.into_iter().map(|(name, v)| (name, hide(v, item))).collect())
        }
        (value, Shape::Object(object)) => hide_object(value, object),
        (value, _) => value,
    }
}

/// Things that are made once and shared by all who ask for the same key.
struct Shared<K, V>(Mutex<HashMap<K, Arc<V>>>);

impl<K, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash, V> Shared<K, V> {
    fn get_or_insert(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(map.entry(key).or_insert_with(|| Arc::new(make())))
    }
}
