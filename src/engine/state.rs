//! What drctl remembers of a stack. Files are `state`'s business; this is the data.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine::program::Timeouts;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Map, Value};

/// The state of one stack on one target.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Grows with every run that writes.
    pub serial: u64,
    /// Made once, with the state: 26 characters of a ULID. Automatic names derive from it.
    pub lineage: String,
    pub stack: String,
    pub project: String,
    /// `aws`, `twin`, or the name of a custom endpoint.
    pub target: String,
    /// Known from the first run on.
    pub account: Option<String>,
    pub partition: Option<String>,
    /// Config values that came from environment variables: name → value.
    pub environment: BTreeMap<String, String>,
    pub rows: Rows,
    pub outputs: Map,
    pub dr: Roles,
}

/// Who writes now, as observed: never a desired property.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Roles {
    /// `None` until a global database was seen.
    pub active_region: Option<String>,
    /// Grows with every change of the active region.
    pub epoch: u64,
}

impl Roles {
    /// The roles after a region was seen to write; `None` if they are so already.
    pub fn moved_to(&self, active: String) -> Option<Self> {
        let known = self.active_region.as_ref() == Some(&active);
        (!known).then(|| Self { active_region: Some(active), epoch: self.epoch + 1 })
    }
}

/// Rows by key, in an order in which every row comes after those it depends on. A copy shares its
/// rows: states, plans and what programs see hold most of them unchanged.
pub type Rows = IndexMap<Key, Arc<Row>>;

/// The key of a row. While a resource is being replaced it has two rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    pub urn: Urn,
    /// How many times the resource was replaced.
    pub generation: u32,
}

/// What is remembered of one physical resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub key: Key,
    pub ty: String,
    pub place: Place,
    /// `None` only while a create is under way.
    pub id: Option<Id>,
    /// The inputs applied last.
    pub inputs: Value,
    /// The inputs as the cloud showed them last.
    pub seen: Value,
    pub outputs: Value,
    pub parent: Option<Urn>,
    pub needs: Vec<Urn>,
    /// What goes only after it when both are deleted, although neither needs the other.
    pub precedes: Vec<Precedes>,
    /// For each input, the resources that its expression referred to.
    pub refers: BTreeMap<String, Vec<Urn>>,
    /// The program protects it. Outlives the program text that asked for it.
    pub protect: bool,
    /// `state protect` protects it, until `state unprotect`, whatever the program says.
    pub protected_by_hand: bool,
    pub retain_on_delete: bool,
    pub deleted_with: Option<Urn>,
    pub replace_with: Vec<Urn>,
    pub replacement_trigger: Option<Value>,
    pub additional_secret_outputs: Vec<String>,
    pub timeouts: Timeouts,
    /// Read and not managed: never deleted.
    pub external: bool,
    /// The old half of a replacement, to be deleted.
    pub old: bool,
    /// To be replaced by the next run.
    pub tainted: bool,
    /// An operation that has begun and not ended.
    pub pending: Option<Pending>,
    /// Why the last operation failed although the resource exists.
    pub failure: Option<String>,
    /// A deletion that the cloud will allow only then.
    pub delete_after: Option<Timestamp>,
    /// With `--skip-unsupported`: inputs that the endpoint accepted and does not show, by their paths.
    pub not_kept: Vec<String>,
    /// With `--skip-unsupported`: operations that the endpoint does not implement.
    pub skipped: Vec<String>,
    /// Where the program declared it: `stacks/prod.yaml:12:3`.
    pub at: Option<String>,
    pub created: Option<Timestamp>,
    pub modified: Option<Timestamp>,
}

/// An order of deletions that is kept where its reason may be gone: something that was deleted has left behind
/// what holds the resource for a while. It is a wish: whatever needs something else comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precedes {
    /// What goes later.
    pub urn: Urn,
    /// When nothing usually holds the resource any more.
    pub usually: Timestamp,
    /// When the order does not matter any more.
    pub until: Timestamp,
}

/// An operation between its begin and its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    pub op: Begun,
    /// The id of the attempt that may have reached the cloud.
    pub attempt: String,
    /// What a create or an update was asked for. Of a deletion, what the one that takes the place of the
    /// resource takes over from it.
    pub inputs: Value,
}

/// The operations that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begun {
    Create,
    Update,
    Delete,
}

impl State {
    /// An empty state.
    pub fn new(lineage: impl Into<String>, stack: &str, project: &str, target: &str) -> Self {
        Self {
            serial: 0,
            lineage: lineage.into(),
            stack: stack.to_owned(),
            project: project.to_owned(),
            target: target.to_owned(),
            account: None,
            partition: None,
            environment: BTreeMap::new(),
            rows: Rows::new(),
            outputs: Map::default(),
            dr: Roles::default(),
        }
    }

    /// The row that stands for the resource now; not the old half of a replacement.
    pub fn live(&self, urn: &Urn) -> Option<&Arc<Row>> {
        self.rows.values().rev().find(|r| r.key.urn == *urn && !r.old)
    }
}

impl Row {
    pub fn new(key: Key, ty: &str, place: Place) -> Self {
        Self {
            key,
            ty: ty.to_owned(),
            place,
            id: None,
            inputs: Value::Null,
            seen: Value::Null,
            outputs: Value::Null,
            parent: None,
            needs: Vec::new(),
            precedes: Vec::new(),
            refers: BTreeMap::new(),
            protect: false,
            protected_by_hand: false,
            retain_on_delete: false,
            deleted_with: None,
            replace_with: Vec::new(),
            replacement_trigger: None,
            additional_secret_outputs: Vec::new(),
            timeouts: Timeouts::default(),
            external: false,
            old: false,
            tainted: false,
            pending: None,
            failure: None,
            delete_after: None,
            not_kept: Vec::new(),
            skipped: Vec::new(),
            at: None,
            created: None,
            modified: None,
        }
    }

    /// Whether drctl refuses to delete it without the override.
    pub fn is_protected(&self) -> bool {
        self.protect || self.protected_by_hand
    }

    /// Whether it exists but was never seen as complete.
    pub fn is_begun(&self) -> bool {
        self.id.is_some() && self.pending.as_ref().is_some_and(|p| p.op == Begun::Create)
    }

    /// Whether it was there before the state knew of it.
    pub fn is_taken_over(&self) -> bool {
        self.id.is_some() && self.created.is_none()
    }

    /// Whether its deletion was begun, or is allowed only later.
    pub fn is_leaving(&self) -> bool {
        self.delete_after.is_some() || self.pending.as_ref().is_some_and(|p| p.op == Begun::Delete)
    }

    /// Whether it only keeps what a resource takes over whose old half was deleted to make room for it.
    pub fn is_bequest(&self) -> bool {
        self.old && self.id.is_none() && self.pending.as_ref().is_some_and(|p| p.op == Begun::Delete)
    }

    /// What stays of the row once its resource is deleted, if another one takes anything over.
    pub fn bequest(&self) -> Option<Self> {
        let left = self.pending.as_ref().filter(|p| p.op == Begun::Delete && !self.old && !p.inputs.is_null())?;
        Some(Self { id: None, old: true, inputs: left.inputs.clone(), failure: None, ..self.clone() })
    }

    /// Whether the endpoint cannot make it, so that the row stands for nothing in the cloud.
    pub fn is_skipped(&self) -> bool {
        self.id.is_none() && self.pending.is_none() && !self.skipped.is_empty()
    }
}
