//! What the engine needs from a cloud. AWS and the twin implement it.

use std::fmt;
use std::sync::{Arc, LazyLock};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::engine::diagnostic::Diagnostic;
use crate::engine::error::Result;
use crate::engine::reach::Reach;
use crate::engine::resource::{Await, Hold, Seen, Want, Where};
use crate::engine::schema::{FunctionSchema, TypeSchema};
use crate::engine::state::State;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::Value;

/// A cloud.
pub trait Provider: Send + Sync {
    /// The types and functions that it has.
    fn catalog(&self) -> &Arc<Catalog>;

    /// Which regions answer.
    fn reach(&self) -> &Reach;

    /// Who we are there. Asked before anything else; what was told first stands.
    fn identity(&self) -> BoxFuture<'_, Result<Identity>>;

    /// The same asked anew, before something that is not found counts as deleted: credentials may have
    /// been renewed for another account.
    fn identity_now(&self) -> BoxFuture<'_, Result<Identity>>;

    /// Starts to make a resource; see `Resource::create`.
    fn create<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Made>>;

    /// Reads resources of one type in one place, in the order of `ids`.
    fn read<'a>(&'a self, kind: &'a KindAt, ids: &'a [Id], want: &'a Want) -> BoxFuture<'a, Result<Vec<Seen<Live>>>>;

    /// Makes the next call of an update; see `Resource::update`.
    fn update<'a>(&'a self, at: &'a At, id: &'a Id, inputs: &'a Value, live: &'a Live) -> BoxFuture<'a, Result<Next>>;

    /// Makes the next call of a deletion; see `Resource::delete`.
    fn delete<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
    ) -> BoxFuture<'a, Result<Next>>;

    /// Looks for what a lost create may have made; see `Resource::find`.
    fn find<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Vec<Id>>>;

    /// What is there already under the names of a resource that is to be made, whoever made it: see
    /// `Existing`.
    fn namesake<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Option<Id>>>;

    /// What a resource has still to reach; see `Resource::awaits`.
    fn awaits<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        inputs: &'a Value,
        before: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Await>>>;

    /// Calls a data source.
    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>>;
}

/// The account that the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The region in which global services are changed.
    pub home: String,
}

impl Identity {
    /// A place, and all else that ARNs there are made of.
    pub fn at(&self, place: &Place) -> Where {
        Where { partition: self.partition.clone(), account: self.account.clone(), region: place.clone(), id: None }
    }

    /// The region that answers calls for a place.
    pub fn seat<'a>(&'a self, place: &'a Place) -> &'a str {
        if place.is_global() { &self.home } else { &place.0 }
    }
}

impl Identity {
    /// Whether this is the account that a state belongs to.
    ///
    /// # Errors
    /// If it is another one.
    pub fn check(&self, state: &State) -> Result<(), Diagnostic> {
        match &state.account {
            Some(account) if *account != self.account => {
                let text = format!("this state belongs to account {account}, the credentials to {}", self.account);
                let help = match state.rows.is_empty() {
                    true => "nothing is left there: `drctl stack rm` forgets the stack, and `up` begins it anew here",
                    false => {
                        "use the credentials of that account, or another instance of the stack: `--stack NAME@INSTANCE`"
                    }
                };
                Err(Diagnostic::error("wrong-account", text).help(help))
            }
            _ => Ok(()),
        }
    }
}

/// A type in a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KindAt {
    pub ty: String,
    pub place: Place,
}

/// Which resource a changing call is for, and which attempt at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    pub urn: Urn,
    pub kind: KindAt,
    /// The id of the attempt, durable before the call: 26 characters of a ULID. It becomes the
    /// client token, or the value of the marker field, or the tag `drctl:attempt`.
    pub attempt: String,
    /// `<lineage>/<32 hex of sha256(urn)>`: the tag `drctl:owner`.
    pub owner: String,
    /// The changes that go out in one call with this one, or not at all.
    pub company: Option<Company>,
}

/// Changes that the cloud takes only together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Company {
    /// What all of them call it: see `Resource::company`.
    pub name: String,
    /// How many they are.
    pub size: usize,
}

/// What `create` returned.
#[derive(Debug, Clone)]
pub struct Made {
    pub id: Id,
    /// An answer that already shows the resource counts as its first read.
    pub seen: Option<Seen<Live>>,
}

/// A ready resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    pub inputs: Value,
    pub outputs: Value,
}

/// What a step of an update or a deletion did; see `resource::Next`.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    Started,
    More(String),
    Saw(Box<Live>),
    Waits(String),
    Held(Hold),
    Gone,
    Later(std::time::Duration),
}

/// A type of a catalog. What is known of it is worked out when somebody first asks: of many types a program
/// uses a few.
pub struct Listed {
    token: &'static str,
    aliases: &'static [&'static str],
    schema: LazyLock<TypeSchema, Box<dyn FnOnce() -> TypeSchema + Send + Sync>>,
}

impl Listed {
    pub fn new(
        token: &'static str,
        aliases: &'static [&'static str],
        schema: impl FnOnce() -> TypeSchema + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { token, aliases, schema: LazyLock::new(Box::new(schema)) })
    }
}

impl From<TypeSchema> for Listed {
    fn from(schema: TypeSchema) -> Self {
        let (token, aliases) = (schema.token, schema.facts.aliases);
        Self { token, aliases, schema: LazyLock::new(Box::new(move || schema)) }
    }
}

impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token)
    }
}

/// All types and functions of a cloud, looked up by any of their tokens.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Orders that no reference shows.
    pub orders: Vec<crate::engine::order::Rule>,
    /// Orders of changes that go against those of creation.
    pub changes: Vec<crate::engine::order::ChangeRule>,
    /// Orders of deletions that no reference shows.
    pub departures: Vec<crate::engine::order::DepartureRule>,
    /// Which region writes, as far as the rows tell.
    pub active_region: Option<fn(&crate::engine::state::State) -> Option<String>>,
    types: Vec<Arc<Listed>>,
    functions: Vec<FunctionSchema>,
    tokens: std::collections::HashMap<String, usize>,
    function_tokens: std::collections::HashMap<String, usize>,
}

impl Catalog {
    pub fn new(types: Vec<TypeSchema>, functions: Vec<FunctionSchema>) -> Self {
        Self::listed(types.into_iter().map(|ty| Arc::new(ty.into())).collect(), functions)
    }

    /// Of types that nobody may ask for.
    pub fn listed(types: Vec<Arc<Listed>>, functions: Vec<FunctionSchema>) -> Self {
        let mut tokens = std::collections::HashMap::new();
        for (i, ty) in types.iter().enumerate() {
            // Most tokens that are looked up were taken from here.
            tokens.insert(ty.token.to_owned(), i);
            for token in std::iter::once(ty.token).chain(ty.aliases.iter().copied()) {
                tokens.insert(canonical(token), i);
            }
        }
        let function_tokens = functions.iter().enumerate().map(|(i, f)| (canonical(f.token), i)).collect();
        Self {
            orders: Vec::new(),
            changes: Vec::new(),
            departures: Vec::new(),
            active_region: None,
            types,
            functions,
            tokens,
            function_tokens,
        }
    }

    /// The same with rules about orders.
    pub fn with_orders(self, orders: Vec<crate::engine::order::Rule>) -> Self {
        Self { orders, ..self }
    }

    /// The same with rules about orders of changes.
    pub fn with_changes(self, changes: Vec<crate::engine::order::ChangeRule>) -> Self {
        Self { changes, ..self }
    }

    /// The same with rules about orders of deletions.
    pub fn with_departures(self, departures: Vec<crate::engine::order::DepartureRule>) -> Self {
        Self { departures, ..self }
    }

    /// The same with a way to tell which region writes.
    pub fn with_roles(self, active_region: fn(&crate::engine::state::State) -> Option<String>) -> Self {
        Self { active_region: Some(active_region), ..self }
    }

    /// The same with more types.
    pub fn and(&self, types: impl IntoIterator<Item = Arc<Listed>>) -> Self {
        let types = self.types.iter().cloned().chain(types).collect();
        let all = Self::listed(types, self.functions.clone());
        Self {
            orders: self.orders.clone(),
            changes: self.changes.clone(),
            departures: self.departures.clone(),
            active_region: self.active_region,
            ..all
        }
    }

    /// Finds a type by a canonical, short or older token, whatever its case.
    pub fn find(&self, token: &str) -> Option<&TypeSchema> {
        self.index_of(token).map(|i| self.schema_at(i))
    }

    /// The number of the type that [`Catalog::find`] finds.
    pub fn index_of(&self, token: &str) -> Option<usize> {
        self.tokens.get(token).or_else(|| self.tokens.get(&canonical(token))).copied()
    }

    /// # Panics
    /// If the number is not one of [`Catalog::index_of`].
    pub fn schema_at(&self, index: usize) -> &TypeSchema {
        &self.types[index].schema
    }

    /// Finds a function by a canonical or short token, whatever its case.
    pub fn function(&self, token: &str) -> Option<&FunctionSchema> {
        self.function_tokens.get(&canonical(token)).map(|i| &self.functions[*i])
    }

    /// All that is known of all types, which takes a while.
    pub fn types(&self) -> impl Iterator<Item = &TypeSchema> {
        self.types.iter().map(|ty| &*ty.schema)
    }

    /// What all types are called.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = &'static str> {
        self.types.iter().map(|ty| ty.token)
    }

    pub fn functions(&self) -> &[FunctionSchema] {
        &self.functions
    }
}

/// `aws:ec2/vpc:Vpc`, `aws:ec2:Vpc` and `AWS:ec2:vpc` all become `aws:ec2:vpc`;
/// `aws:index/getRegion:getRegion` and `aws:getRegion` become `aws:index:getregion`.
fn canonical(token: &str) -> String {
    let lower = token.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split(':').collect();
    match parts.as_slice() {
        [package, name] => format!("{package}:index:{name}"),
        [package, module, name] => {
            let module = module.split('/').next().unwrap_or(module);
            format!("{package}:{}:{name}", if module.is_empty() { "index" } else { module })
        }
        _ => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn all_spellings_of_a_token_are_one() {
        assert_eq!(canonical("aws:ec2/vpc:Vpc"), canonical("AWS:ec2:VPC"));
        assert_eq!(canonical("aws:index/getRegion:getRegion"), canonical("aws:getRegion"));
        assert_ne!(canonical("aws:ec2:Vpc"), canonical("aws:rds:Vpc"));
    }
}
