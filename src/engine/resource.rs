//! What one resource type is: a struct of inputs that can be made, seen, changed and removed.
//!
//! A type never waits. `read` says what the cloud shows; the engine polls, times out, reports
//! progress, and checks that what the cloud shows is what was asked. So every crash point is
//! continued by calling the same methods with the same id.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engine::error::{Error, Kind, Result};
use crate::engine::schema::Object;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::Value;

/// One resource type.
pub trait Resource: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync + 'static {
    /// Pulumi's canonical token: `aws:ec2/vpc:Vpc`.
    const TYPE: &'static str;
    const FACTS: Facts;
    /// What the cloud decides: ARNs, endpoints, states.
    type Outputs: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync + 'static;
    /// What the methods get: clients of the region, tags, the token of the attempt.
    type Cx: Send + Sync + 'static;

    /// Makes the one call that brings the resource into being. Settings that need a second call
    /// come through [`Resource::update`] by themselves.
    fn create(&self, cx: &Self::Cx) -> impl Future<Output = Result<Made<Self>>> + Send;

    /// What the cloud shows of each id, in the order of `ids`.
    ///
    /// `want` names the inputs worth a call of their own; others may stay at their default. An error
    /// of such a call is [`Error::about`] its input.
    fn read(ids: &[Id], want: &Want, cx: &Self::Cx) -> impl Future<Output = Result<Vec<Seen<Live<Self>>>>> + Send;

    /// Makes the next call that turns `live` into `self`. The engine reads and calls again until
    /// nothing differs. Tags are not its business: see [`Resource::retag`].
    ///
    /// `live` holds the write-only inputs as they were applied last. They count as applied once a
    /// call returns anything but [`Next::More`], so they belong into the last call.
    fn update(&self, id: &Id, live: &Live<Self>, cx: &Self::Cx) -> impl Future<Output = Result<Next<Self>>> + Send {
        let _ = (id, live, cx);
        async { Err(Error::bug("every input of this type replaces it")) }
    }

    /// Makes the next call towards the end of the resource. `self` holds the inputs applied last,
    /// `live` what the cloud shows now; it is `None` where the cloud shows a resource that cannot be
    /// read as ready.
    fn delete(
        &self,
        id: &Id,
        live: Option<&Live<Self>>,
        cx: &Self::Cx,
    ) -> impl Future<Output = Result<Next<Self>>> + Send;

    /// Looks for what a create without an answer may have made, by the way that
    /// [`Facts::found_by`] names. None means that the create had no effect.
    fn find(&self, cx: &Self::Cx) -> impl Future<Output = Result<Vec<Id>>> + Send;

    /// What is there already under the names that the inputs give, whoever made it. Only a type that is looked
    /// for before a create ([`Existing`]) and whose id is not made of its inputs needs this; of others the id is
    /// read.
    fn namesake(&self, cx: &Self::Cx) -> impl Future<Output = Result<Option<Id>>> + Send {
        let _ = cx;
        async { Err(Error::bug("the id of this type is made of its inputs")) }
    }

    /// What a resource that has all its inputs has still to reach before it counts as done, such as
    /// a number of healthy instances. The engine asks again until there is nothing more or the limit
    /// has passed.
    ///
    /// `before` holds the inputs applied earlier; there are none after a create.
    fn awaits(
        &self,
        id: &Id,
        before: Option<&Self>,
        cx: &Self::Cx,
    ) -> impl Future<Output = Result<Option<Await>>> + Send {
        let _ = (id, before, cx);
        async { Ok(None) }
    }

    /// Sets and removes tags of a resource that exists.
    fn retag(id: &Id, live: &Live<Self>, tags: &Retag, cx: &Self::Cx) -> impl Future<Output = Result<()>> + Send {
        let _ = (id, live, tags, cx);
        async { Err(Error::bug("this type has no tags")) }
    }

    /// Outputs that need no cloud to know, such as ARNs made of region, account and name.
    /// Previews show them, and the twin takes them for the truth.
    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let _ = (inputs, at);
        Vec::new()
    }

    /// A name that resources share whose changes the cloud takes only together, such as the two
    /// records of a failover pair that swap their roles. None for a resource that is changed alone.
    ///
    /// `refers` tells apart what is not known yet: for each input, the resources it comes from.
    fn company(inputs: &Value, refers: &BTreeMap<String, Vec<Urn>>) -> Option<String> {
        let _ = (inputs, refers);
        None
    }

    /// Inputs that must be replaced for this change although they can often be updated.
    fn replaces(live: &Value, wanted: &Value) -> Vec<&'static str> {
        let _ = (live, wanted);
        Vec::new()
    }

    /// What these inputs lack to make one, beyond what every program must give. What is unknown counts as given.
    fn lacks(inputs: &Value) -> Option<Lack> {
        let _ = inputs;
        None
    }

    /// What the cloud keeps of one that is deleted with these inputs.
    fn afterlife(inputs: &Value) -> Option<Afterlife> {
        let _ = inputs;
        None
    }
}

/// Inputs that only a resource which exists can be without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    pub inputs: Vec<&'static str>,
    /// What else the program can say.
    pub help: &'static str,
}

/// What is left of a resource after its deletion, until the cloud lets go of it by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Afterlife {
    /// How long that usually is.
    pub days: i64,
    /// Whether no other resource can have its name for so long.
    pub keeps_name: bool,
    /// What is left, after the name of the resource: ``keeps its name `db` taken``.
    pub what: String,
}

/// What `create` returns.
pub struct Made<R: Resource> {
    pub id: Id,
    /// An answer that already shows the resource counts as its first read.
    pub seen: Option<Seen<Live<R>>>,
}

impl<R: Resource> Made<R> {
    /// For an answer that gives no more than an id.
    pub fn id(id: impl Into<String>) -> Self {
        Self { id: Id(id.into()), seen: None }
    }

    pub fn seen(id: impl Into<String>, seen: Seen<Live<R>>) -> Self {
        Self { id: Id(id.into()), seen: Some(seen) }
    }
}

/// What the cloud says about a resource. Only a ready one has inputs and outputs to show.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen<L> {
    Gone,
    /// Still changing; the text is the cloud's own word, shown to the user.
    Pending(String),
    /// It will not become ready without a further call.
    Failed(String),
    Ready(L),
}

impl<L> Seen<L> {
    pub fn map<M>(self, f: impl FnOnce(L) -> M) -> Seen<M> {
        match self {
            Self::Gone => Seen::Gone,
            Self::Pending(word) => Seen::Pending(word),
            Self::Failed(why) => Seen::Failed(why),
            Self::Ready(live) => Seen::Ready(f(live)),
        }
    }
}

/// A ready resource.
#[derive(Clone)]
pub struct Live<R: Resource> {
    pub inputs: R,
    pub outputs: R::Outputs,
}

/// What a step of an update or a deletion did.
pub enum Next<R: Resource> {
    /// The call went out; reading tells when its effect is there.
    Started,
    /// The call went out and another one follows; the word says what is going on.
    More(&'static str),
    /// The answer already shows the resource.
    Saw(Box<Live<R>>),
    /// No call can be made until another resource has moved; the text says which.
    Waits(String),
    /// The cloud refused, because of something that goes by itself. The call is made again.
    Held(Hold),
    /// A deletion that is complete with this answer.
    Gone,
    /// The cloud allows the deletion only later: after that time at the latest.
    Later(Duration),
}

/// What keeps a resource from being deleted, and goes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// `held by the network interface `eni-1` of Lambda`.
    pub by: String,
    /// How long that usually lasts. From then on the wait tells the doubt.
    pub usually: Duration,
    /// How long it is waited for, where `customTimeouts` says nothing else.
    pub longest: Duration,
    /// The type of those to which it belongs.
    pub of: &'static str,
    /// Why it may not go after all.
    pub doubt: &'static str,
    /// What to do when it has not gone.
    pub remedy: &'static str,
}

/// What a resource has still to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Await {
    /// How far it is: `1 of 3 instances are healthy`.
    pub word: String,
    /// How long it may take, from the end of the change on.
    pub limit: Duration,
    /// The input that sets the limit.
    pub limited_by: &'static str,
}

/// Tags to set and keys to remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retag {
    pub set: Vec<(String, String)>,
    pub unset: Vec<String>,
}

/// The inputs that a read should find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// For an import: whatever the cloud shows.
    All,
    /// What the program or the state sets.
    Only(BTreeSet<String>),
}

impl Want {
    pub fn has(&self, input: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(input),
        }
    }

    /// Leaves out the input that a read failed about because the endpoint lacks the operation.
    /// False if the read failed otherwise.
    pub fn goes_without(&mut self, error: &Error, inputs: &Object) -> bool {
        let Some(input) = error.input.as_deref().filter(|_| error.kind == Kind::Unsupported) else { return false };
        if *self == Self::All {
            *self = Self::Only(inputs.properties.iter().map(|p| p.name.clone()).collect());
        }
        match self {
            Self::All => false,
            Self::Only(names) => names.remove(input),
        }
    }
}

/// Where a resource is or will be: what is needed to compute its ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Where {
    pub partition: String,
    pub account: String,
    pub region: Place,
    /// Unknown in a preview of a create whose id only the cloud can make up.
    pub id: Option<Id>,
}

impl Where {
    /// `arn:aws:sns:eu-west-1:123456789012:topic`.
    pub fn arn(&self, service: &str, resource: &str) -> Value {
        let Self { partition, account, region, .. } = self;
        let region = if region.is_global() { "" } else { &region.0 };
        Value::String(format!("arn:{partition}:{service}:{region}:{account}:{resource}"))
    }

    /// The id as a value.
    pub fn id(&self) -> Value {
        self.id.as_ref().map_or(Value::Unknown, |id| Value::String(id.0.clone()))
    }
}

/// What the engine must know of a type before any call.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    pub scope: Scope,
    pub id: IdForm,
    pub found_by: FoundBy,
    pub existing: Existing,
    pub limits: Limits,
    /// Seconds that AWS usually takes, for the twin's clock, `--eta` and the order of steps.
    pub takes: Takes,
    /// Older tokens of the type.
    pub aliases: &'static [&'static str],
    /// Types in whose place others may name it, such as the key that an alias stands for.
    pub stands_for: &'static [&'static str],
    /// Whoever names it may give its id, its ARN or a name alike.
    pub any_name: bool,
    /// Two of them with the same inputs cannot exist at once, so a replacement deletes first.
    pub delete_first: bool,
    pub names: Names,
    /// Input that names, by its id, what it is a part of. With that it is gone, even while the cloud still lists it.
    pub part_of: Option<&'static str>,
    /// `up` and `preview` read it even without `--refresh`, because the cloud changes it by itself.
    pub always_read: bool,
    /// A deletion must see the resource first, because its state decides about the call.
    pub look_before_delete: bool,
    /// It lives in the state and nowhere else: made once, never read, dropped without a call.
    /// All its inputs replace it.
    pub local: bool,
    /// Changes that are ready at the same time go out as one call, so that they do not count one by one
    /// against the calls in flight, and no call is repeated before the resource was looked for.
    pub joined: bool,
    /// IAM actions that each operation needs.
    pub permissions: Permissions,
    /// Actions that only some inputs make necessary.
    pub permissions_with: &'static [WithInput],
    /// ARNs of what the actions of its own service are about, without `arn:` and the partition, for policies.
    /// `{region}` is where it is, `{arn}` and the like are outputs that can be foreseen, or inputs; what is
    /// not known there is a `*`, as are the ids that AWS makes up. None if the service has no such ARNs.
    pub acts_on: &'static [&'static str],
    /// Services that get a role which an input names, without the end of their domain: `lambda`.
    pub passes_roles_to: &'static [&'static str],
    /// What the id looks like, for `import`: ``"id of the VPC, `vpc-0123456789abcdef0`"``.
    pub import: &'static str,
}

/// Whether a type lives in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Region,
    Global,
}

/// Where a name is given once to the resources of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// In a region of an account.
    Region,
    /// In all regions at once, so that one that moves is deleted first, too.
    Everywhere,
    /// In what that input names.
    Within(&'static str),
    /// Nowhere: several may have it.
    Shared,
}

/// Where the id of a resource comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdForm {
    /// The cloud makes up that many hex digits after a prefix.
    Random(&'static str, usize),
    /// The value of an input, which is unique in account and region.
    Input(&'static str),
    /// Inputs joined by a separator, without the optional ones that are not given or hold their
    /// default.
    Joined(&'static [&'static str], &'static str),
    /// The output of that name, usually an ARN.
    Output(&'static str),
}

/// How a create whose answer was lost is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// Its inputs name it.
    Name,
    /// The cloud answers the same token with the same resource.
    Token,
    /// The ownership tag given at creation.
    OwnerTag,
    /// A field that we choose, such as a description or a CallerReference.
    Marker(&'static str),
}

/// What becomes of a thing that is there already, by whomever it was made, under the names of one that is to
/// be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The cloud refuses the create.
    Refused,
    /// The same, unless that input is true.
    RefusedUnless(&'static str),
    /// The cloud would answer as if it had made it where it is as asked for, and refuse the create where not. So
    /// the engine looks before a create, and refuses itself.
    ///
    /// The inputs name what it is a part of: in what was made in this run nobody has made such a thing yet.
    LookedFor(&'static [&'static str]),
    /// The cloud would change it to what is asked for, whatever it is. The engine looks as well; among the
    /// resources of one stack a name goes from one to another so.
    PutInPlace(&'static [&'static str]),
    /// The create changes it, as anywhere: it is a setting of something else, or a relation between two others.
    Set,
}

/// How long the engine waits for a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub create: Duration,
    pub update: Duration,
    pub delete: Duration,
    /// Between two reads of a resource that is changing.
    pub poll: Duration,
}

impl Limits {
    pub const DEFAULT: Self = Self::minutes(20, 20, 20);

    pub const fn minutes(create: u64, update: u64, delete: u64) -> Self {
        Self {
            create: Duration::from_secs(create * 60),
            update: Duration::from_secs(update * 60),
            delete: Duration::from_secs(delete * 60),
            poll: Duration::from_secs(2),
        }
    }

    pub const fn poll(self, seconds: u64) -> Self {
        Self { poll: Duration::from_secs(seconds), ..self }
    }
}

/// Seconds that the cloud usually takes until the resource is ready, changed or gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Takes {
    pub create: u32,
    pub update: u32,
    pub delete: u32,
}

impl Takes {
    /// For calls that are done with their answer.
    pub const NO_TIME: Self = Self { create: 0, update: 0, delete: 0 };

    pub const fn seconds(create: u32, update: u32, delete: u32) -> Self {
        Self { create, update, delete }
    }
}

/// IAM actions by operation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Permissions {
    pub create: &'static [&'static str],
    pub read: &'static [&'static str],
    pub update: &'static [&'static str],
    pub delete: &'static [&'static str],
}

/// IAM actions that are needed if an input is given.
#[derive(Debug, Clone, Copy)]
pub struct WithInput {
    /// Path of the input, with `*` for the items of a list: `replicas.*.kmsKeyId`.
    pub input: &'static str,
    /// On what it names, to look.
    pub read: &'static [&'static str],
    /// On what it names, to create or to update.
    pub write: &'static [&'static str],
    /// On the resource itself, or on what no input names, to create or to update.
    pub itself: &'static [&'static str],
}

impl WithInput {
    /// Actions that are needed on what an input names.
    pub const fn on(input: &'static str, read: &'static [&'static str], write: &'static [&'static str]) -> Self {
        Self { input, read, write, itself: &[] }
    }

    /// Actions that are needed on the resource itself, or on what no input names.
    pub const fn itself(input: &'static str, actions: &'static [&'static str]) -> Self {
        Self { itself: actions, ..Self::on(input, &[], &[]) }
    }
}

impl Facts {
    /// Facts of a regional type with usual limits; the rest by struct update.
    pub const fn new(id: IdForm, found_by: FoundBy) -> Self {
        Self {
            scope: Scope::Region,
            id,
            found_by,
            existing: Existing::Refused,
            limits: Limits::DEFAULT,
            takes: Takes::NO_TIME,
            aliases: &[],
            stands_for: &[],
            any_name: false,
            delete_first: false,
            names: Names::Region,
            part_of: None,
            always_read: false,
            look_before_delete: false,
            local: false,
            joined: false,
            permissions: Permissions { create: &[], read: &[], update: &[], delete: &[] },
            permissions_with: &[],
            acts_on: &[],
            passes_roles_to: &[],
            import: "",
        }
    }
}
