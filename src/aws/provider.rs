//! AWS as the engine sees it.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::OnceCell;

use super::caller::Caller;
use super::config::{self, Settings, credentials_name};
use super::cx::Cx;
use super::ec2::Detached;
use super::erase::AnyResource;
use super::invoke::AnyFunction;
use super::lane::Lane;
use super::route53::Dns;
use super::session::Session;
use super::traffic::Traffic;
use super::{catalog, function, resource};
use crate::engine::error::{Error, Kind, Result};
use crate::engine::provider::{At, Catalog, Identity, KindAt, Live, Made, Next, Provider};
use crate::engine::reach::Reach;
use crate::engine::resource::{Await, FoundBy, Seen, Want};
use crate::engine::schema::{Object, Property, Shape, TypeSchema};
use crate::engine::urn::{Id, Place};
use crate::engine::value::Value;

/// AWS, or something that speaks its protocols.
pub struct Aws {
    settings: Settings,
    reach: Arc<Reach>,
    session: Mutex<Arc<Session>>,
    caller: OnceCell<Caller>,
    lanes: Shared<KindAt, Lane>,
    traffic: Arc<Traffic>,
    dns: Arc<Dns>,
    detached: Arc<Detached>,
}

impl Aws {
    /// Makes no call and reads no file yet.
    pub fn new(settings: Settings) -> Self {
        let reach = Arc::new(Reach::default());
        Self {
            settings,
            session: Mutex::new(Arc::new(Session::new(Arc::clone(&reach)))),
            reach,
            caller: OnceCell::new(),
            lanes: Shared::default(),
            traffic: Arc::default(),
            dns: Arc::default(),
            detached: Arc::default(),
        }
    }

    fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls with the credentials that there are. Where AWS calls them expired, they are read anew once:
    /// whoever gives them may have others by now.
    async fn signed<T, F>(&self, call: impl Fn(Arc<Session>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let session = self.session();
        let result = match call(Arc::clone(&session)).await {
            Err(e) if e.kind == Kind::Unauthenticated && e.code.is_some() => {
                self.renew(&session);
                call(self.session()).await
            }
            other => other,
        };
        result.map_err(|e| match e.kind {
            Kind::Unauthenticated => config::signed_out(e, &credentials_name(&self.settings)),
            _ => e,
        })
    }

    /// Whoever comes first with an old session brings a new one.
    fn renew(&self, old: &Arc<Session>) {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&session, old) {
            *session = Arc::new(Session::new(Arc::clone(&self.reach)));
        }
    }

    /// Asks the first region that answers.
    async fn ask_who(&self, session: &Session) -> Result<Caller> {
        let config = session.config(&self.settings).await;
        let mut regions = self.settings.sts_regions.clone();
        if regions.is_empty() {
            regions.extend(config.region().map(ToString::to_string));
        }
        let mut result = Err(Error::bug("no region to ask"));
        for region in regions {
            let clients = session.impatient_clients(&self.settings, &region).await;
            let asked = clients.sts().get_caller_identity().send().await;
            result = asked.map_err(|error| config::located(error.into(), "sts", &region, config));
            if !result.as_ref().is_err_and(|e| e.kind == Kind::Unreachable) {
                break;
            }
        }
        let caller = Caller::told(result?)?;
        let (account, allowed) = (&caller.identity.account, &self.settings.allowed_account_ids);
        if !allowed.is_empty() && !allowed.contains(account) {
            let allowed = allowed.join("`, `");
            return Err(Error::new(Kind::Denied, format!("the credentials are for account `{account}`"))
                .hint(format!("use credentials of `{allowed}`, or change `allowedAccountIds`")));
        }
        Ok(caller)
    }

    async fn who(&self, session: &Session) -> Result<&Caller> {
        self.caller.get_or_try_init(|| self.ask_who(session)).await
    }

    /// The surroundings of a call. Only calls that may arrive twice get clients that repeat them.
    async fn cx(&self, session: &Session, place: &Place, at: Option<&At>, repeatable: bool) -> Result<Cx> {
        let caller = self.who(session).await?.clone();
        let region = caller.identity.seat(place).to_owned();
        let config = session.config(&self.settings).await;
        let clients = session.clients(&self.settings, &region, repeatable).await;
        Ok(Cx {
            clients,
            caller,
            default_region: config.region().map_or_else(|| region.clone(), ToString::to_string),
            region,
            at: at.cloned(),
            read_asset: Arc::clone(&self.settings.read_asset),
            traffic: Arc::clone(&self.traffic),
            dns: Arc::clone(&self.dns),
            detached: Arc::clone(&self.detached),
            is_aws: config.endpoint_url().is_none(),
        })
    }

    /// Makes a call within the quotas of its service, and says whom nobody could reach.
    async fn through<T>(
        &self,
        session: &Session,
        schema: &TypeSchema,
        place: &Place,
        cx: &Cx,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let done = self.traffic.through(schema.service(), place, cx.is_aws, call).await;
        self.located(session, schema, place, cx, done).await
    }

    /// The same for a change; those that go out joined pass the quotas together.
    async fn change<T>(
        &self,
        session: &Session,
        schema: &TypeSchema,
        place: &Place,
        cx: &Cx,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let done = match schema.facts.joined {
            true => self.located(session, schema, place, cx, call.await).await,
            false => self.through(session, schema, place, cx, call).await,
        };
        session.outdate(&cx.region);
        done
    }

    async fn located<T>(
        &self,
        session: &Session,
        schema: &TypeSchema,
        place: &Place,
        cx: &Cx,
        done: Result<T>,
    ) -> Result<T> {
        match done {
            // Of a region that is given up that is told, and nobody was asked.
            Err(error) if !self.reach.is_given_up(&cx.region) => {
                let config = session.config(&self.settings).await;
                Err(config::located(error, schema.service(), &place.0, config))
            }
            other => other,
        }
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

    fn reach(&self) -> &Reach {
        &self.reach
    }

    fn identity(&self) -> BoxFuture<'_, Result<Identity>> {
        Box::pin(self.signed(move |session| async move { Ok(self.who(&session).await?.identity.clone()) }))
    }

    fn identity_now(&self) -> BoxFuture<'_, Result<Identity>> {
        Box::pin(self.signed(move |session| async move { Ok(self.ask_who(&session).await?.identity) }))
    }

    fn create<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Made>> {
        Box::pin(self.signed(move |session| async move {
            let (ty, schema) = kind(&at.kind.ty)?;
            let repeatable = matches!(schema.facts.found_by, FoundBy::Token) && !schema.facts.joined;
            let cx = self.cx(&session, &at.kind.place, Some(at), repeatable).await?;
            let made = self.change(&session, schema, &at.kind.place, &cx, ty.create(inputs, &cx)).await?;
            Ok(Made { id: made.id, seen: made.seen.map(|seen| seen.map(|live| hidden(live, schema))) })
        }))
    }

    fn read<'a>(
        &'a self,
        kind_at: &'a KindAt,
        ids: &'a [Id],
        want: &'a Want,
    ) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        Box::pin(self.signed(move |session| async move {
            let (ty, schema) = kind(&kind_at.ty)?;
            let cx = self.cx(&session, &kind_at.place, None, true).await?;
            let (session, cx) = (&session, &cx);
            let lane = self.lanes.get_or_insert(kind_at.clone(), Lane::default);
            let read = |ids: Vec<Id>, want: Want| async move {
                let call = ty.read(&ids, &want, cx);
                self.through(session, schema, &kind_at.place, cx, call).await
            };
            let seen = lane.read(ids, want, read).await?;
            Ok(seen.into_iter().map(|seen| seen.map(|live| hidden(live, schema))).collect())
        }))
    }

    fn update<'a>(&'a self, at: &'a At, id: &'a Id, inputs: &'a Value, live: &'a Live) -> BoxFuture<'a, Result<Next>> {
        Box::pin(self.signed(move |session| async move {
            let (ty, schema) = kind(&at.kind.ty)?;
            // Made twice, a change may have another effect: a second version, a refusal of what is there.
            let cx = self.cx(&session, &at.kind.place, Some(at), false).await?;
            Ok(match self.change(&session, schema, &at.kind.place, &cx, ty.update(id, inputs, live, &cx)).await? {
                Next::Saw(live) => Next::Saw(Box::new(hidden(*live, schema))),
                other => other,
            })
        }))
    }

    fn delete<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
    ) -> BoxFuture<'a, Result<Next>> {
        Box::pin(self.signed(move |session| async move {
            let (ty, schema) = kind(&at.kind.ty)?;
            let cx = self.cx(&session, &at.kind.place, Some(at), !schema.facts.joined).await?;
            self.change(&session, schema, &at.kind.place, &cx, ty.delete(id, applied, live, &cx)).await
        }))
    }

    fn find<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Vec<Id>>> {
        Box::pin(self.signed(move |session| async move {
            let (ty, schema) = kind(&at.kind.ty)?;
            let cx = self.cx(&session, &at.kind.place, Some(at), true).await?;
            self.through(&session, schema, &at.kind.place, &cx, ty.find(inputs, &cx)).await
        }))
    }

    /// Ids that can be told are read, those of one type together.
    fn namesake<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Option<Id>>> {
        Box::pin(async move {
            let (ty, schema) = kind(&at.kind.ty)?;
            if let Some(id) = schema.predicted_id(inputs) {
                let seen = self.read(&at.kind, std::slice::from_ref(&id), &Want::Only(BTreeSet::new())).await?;
                return Ok(Some(id).filter(|_| seen.iter().any(|seen| *seen != Seen::Gone)));
            }
            let look = move |session: Arc<Session>| async move {
                let cx = self.cx(&session, &at.kind.place, Some(at), true).await?;
                self.through(&session, schema, &at.kind.place, &cx, ty.namesake(inputs, &cx)).await
            };
            self.signed(look).await
        })
    }

    fn awaits<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        inputs: &'a Value,
        before: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Await>>> {
        Box::pin(self.signed(move |session| async move {
            let (ty, schema) = kind(&at.kind.ty)?;
            let cx = self.cx(&session, &at.kind.place, Some(at), true).await?;
            let call = ty.awaits(id, inputs, before, &cx);
            self.through(&session, schema, &at.kind.place, &cx, call).await
        }))
    }

    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>> {
        Box::pin(self.signed(move |session| async move {
            let (function, result) = known_function(function)?;
            // What belongs to no region is answered by any of them.
            let any = self.settings.sts_regions.first().filter(|_| place.is_global()).cloned().map(Place);
            let cx = self.cx(&session, any.as_ref().unwrap_or(place), None, true).await?;
            let called = function.call(arguments, &cx).await;
            let config = session.config(&self.settings).await;
            let answer = called.map_err(|error| match error.operation.clone() {
                Some(operation) => {
                    let service = operation.split(':').next().unwrap_or_default();
                    config::located(error, service, &place.0, config)
                }
                None => error,
            })?;
            Ok(hide_object(answer, result))
        }))
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
