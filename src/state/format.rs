//! The file format: what stands in `state.json`, `journal.jsonl` and exports, field by field,
//! and how it becomes a state. No other module knows these names.
//!
//! Format 2 added `protectedByHand` to rows, format 3 `precedes`: the resources that go only after this one when
//! both are deleted, each with the time from which on that usually needs no waiting, and the time from which on it
//! does not matter. What an older format lacks is as in a new row, so it is read as it is.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::engine::journal::Entry;
use crate::engine::json_size;
use crate::engine::plain::Plain;
use crate::engine::program::Timeouts;
use crate::engine::state::{self, Begun, Key, Roles, Rows, State};
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Map, Value};
use crate::state::error::{Result, StateError};
use crate::state::order;
use crate::state::seal::Seal;

pub(super) const VERSION: u32 = 3;

/// No count that is ever written is higher, and none that goes on from it overflows.
pub(super) const MOST: u64 = 1 << 53;

/// The owner that values of the stack itself are sealed for.
const STACK: &str = "stack";

/// `state.json`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Snapshot {
    pub(super) version: u32,
    pub(super) lineage: String,
    pub(super) serial: u64,
    /// The number of the last journal entry that is in here.
    pub(super) through: u64,
    pub(super) stack: String,
    pub(super) project: String,
    pub(super) target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) partition: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) environment: BTreeMap<String, String>,
    pub(super) dr: Roles,
    #[serde(default, skip_serializing_if = "Plain::is_empty")]
    pub(super) outputs: Plain,
    pub(super) rows: Vec<Row>,
    /// Where in the journal of a bucket it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Position>,
    /// The place that the state is on its way to: nothing goes on from here any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) moving_to: Option<String>,
}

/// What must be known of a snapshot to put it away.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stamp {
    pub(super) serial: u64,
    pub(super) through: u64,
    pub(super) at: Option<Position>,
}

impl Stamp {
    /// `None` of a snapshot that is damaged.
    pub(super) fn of(snapshot: &[u8]) -> Option<Self> {
        serde_json::from_slice(snapshot).ok()
    }

    /// Whether no run has ended yet: then the snapshot is not worth keeping.
    pub(super) fn is_first(self) -> bool {
        self.serial == 0 && self.through == 0
    }
}

/// A place in the journal of a bucket: the lock under which it was written, and how many groups of
/// entries were written under it. Of two copies of a state the one with the higher position is newer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Position {
    pub(super) epoch: u64,
    pub(super) seq: u64,
}

/// The first line of a journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Head {
    pub(super) version: u32,
    pub(super) lineage: String,
    /// In a bucket, the run that wrote the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
}

/// Every other line of a journal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// Counts on through all journals of a state.
    pub(super) n: u64,
    pub(super) entry: Happened,
}

/// An entry. The begin of a change holds no row, because the row is there already.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(super) enum Happened {
    Run {
        account: String,
        partition: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        environment: BTreeMap<String, String>,
    },
    Create {
        attempt: String,
        row: Box<Row>,
    },
    Change {
        op: Begun,
        attempt: String,
        key: Key,
        #[serde(default, skip_serializing_if = "Plain::is_null")]
        inputs: Plain,
    },
    Made {
        key: Key,
        id: Id,
    },
    Done(Box<Row>),
    Gone(Key),
    Failed {
        key: Key,
        error: String,
        settled: bool,
    },
    Put(Box<Row>),
    Outputs(Plain),
    Roles(Roles),
}

/// Which rows there are, and whether each has an id: all that can be told of them without keys.
pub(super) type Census = HashMap<Key, bool>;

impl Happened {
    /// What it does to the rows, as [`crate::engine::journal::apply`] does it.
    pub(super) fn count(self, rows: &mut Census) {
        match self {
            Self::Create { row, .. } | Self::Done(row) | Self::Put(row) => {
                rows.insert(row.key(), row.id.is_some());
            }
            Self::Made { key, .. } => {
                rows.insert(key, true);
            }
            Self::Gone(key) => {
                rows.remove(&key);
            }
            Self::Failed { key, settled: true, .. } if rows.get(&key) == Some(&false) => {
                rows.remove(&key);
            }
            Self::Failed { .. } | Self::Change { .. } | Self::Run { .. } | Self::Outputs(_) | Self::Roles(_) => {}
        }
    }
}

/// A row; what is absent is as in a new row.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Row {
    pub(super) urn: Urn,
    #[serde(default, skip_serializing_if = "is_zero")]
    generation: u32,
    #[serde(rename = "type")]
    ty: String,
    place: Place,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    #[serde(default, skip_serializing_if = "Plain::is_null")]
    inputs: Plain,
    #[serde(default, skip_serializing_if = "Plain::is_null")]
    seen: Plain,
    #[serde(default, skip_serializing_if = "Plain::is_null")]
    outputs: Plain,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<Urn>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<Urn>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    precedes: Vec<Precedes>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refers: BTreeMap<String, Vec<Urn>>,
    #[serde(default, skip_serializing_if = "is_false")]
    protect: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    protected_by_hand: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    retain_on_delete: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_with: Option<Urn>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    replace_with: Vec<Urn>,
    /// In a list, because a trigger may be null.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    replacement_trigger: Vec<Plain>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    additional_secret_outputs: Vec<String>,
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    timeouts: Limits,
    #[serde(default, skip_serializing_if = "is_false")]
    external: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    old: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    tainted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Pending>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete_after: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    not_kept: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<Timestamp>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Pending {
    op: Begun,
    attempt: String,
    #[serde(default, skip_serializing_if = "Plain::is_null")]
    inputs: Plain,
}

/// What goes only after a row.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Precedes {
    urn: Urn,
    usually: Timestamp,
    until: Timestamp,
}

/// Timeouts as ISO 8601 durations.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Limits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    create: Option<SignedDuration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    update: Option<SignedDuration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete: Option<SignedDuration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read: Option<SignedDuration>,
}

/// Refuses a text that would fill the memory once it is read.
pub(super) fn bounded(path: &Path, text: &[u8], most: usize) -> Result<()> {
    if json_size::is_bounded(text, most) { Ok(()) } else { Err(StateError::TooFull { path: path.to_owned(), most }) }
}

/// Refuses files of later formats before anything else in them is looked at.
pub(super) fn gate(path: &Path, bytes: &[u8], reads: u32) -> Result<()> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version: found } = serde_json::from_slice(bytes).map_err(|e| StateError::json(path, 1, &e))?;
    if found > reads { Err(StateError::Newer { path: path.to_owned(), found, reads }) } else { Ok(()) }
}

/// JSON for files that people look at.
pub(super) fn pretty(content: &impl Serialize) -> Vec<u8> {
    // Only maps with keys that are no text, or a Serialize that fails by itself, could fail here.
    let mut bytes = serde_json::to_vec_pretty(content).expect("a format of strings and numbers is valid JSON");
    bytes.push(b'\n');
    bytes
}

/// The first line of a journal, with its end.
pub(super) fn head(lineage: &str, run: Option<&str>) -> Vec<u8> {
    let head = Head { version: VERSION, lineage: lineage.to_owned(), run: run.map(str::to_owned) };
    let mut bytes = serde_json::to_vec(&head).expect("a number and a string are valid JSON");
    bytes.push(b'\n');
    bytes
}

impl Snapshot {
    pub(super) fn of(state: &State, through: u64, seal: &Seal<'_>) -> Result<Self> {
        Ok(Self {
            version: VERSION,
            lineage: state.lineage.clone(),
            serial: state.serial,
            through,
            stack: state.stack.clone(),
            project: state.project.clone(),
            target: state.target.clone(),
            account: state.account.clone(),
            partition: state.partition.clone(),
            environment: state.environment.clone(),
            dr: state.dr.clone(),
            outputs: sealed_outputs(&state.outputs, seal)?,
            rows: order::by_dependency(&state.rows).into_iter().map(|row| Row::of(row, seal)).collect::<Result<_>>()?,
            at: None,
            moving_to: None,
        })
    }

    /// The snapshot in `bytes`, of this format.
    ///
    /// # Errors
    /// If the bytes are of a later format, or no snapshot.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        bounded(path, bytes, json_size::MOST_VALUES)?;
        gate(path, bytes, VERSION)?;
        let snapshot: Self = serde_json::from_slice(bytes).map_err(|e| StateError::json(path, 1, &e))?;
        let Position { epoch, seq } = snapshot.at.unwrap_or_default();
        let generations = snapshot.rows.iter().map(|row| u64::from(row.generation) << 24);
        match [snapshot.serial, snapshot.through, epoch, seq].into_iter().chain(generations).max() {
            Some(highest) if highest > MOST => Err(StateError::damaged(path, None, "no count can have come so far")),
            _ => Ok(snapshot),
        }
    }

    pub(super) fn census(&self) -> Census {
        self.rows.iter().map(|row| (row.key(), row.id.is_some())).collect()
    }

    pub(super) fn into_state(self, path: &Path, seal: &Seal<'_>) -> Result<State> {
        let mut rows = Rows::with_capacity(self.rows.len());
        for row in self.rows {
            let row = row.open(seal)?;
            if let Some(twin) = rows.insert(row.key.clone(), Arc::new(row)) {
                return Err(StateError::damaged(path, None, format!("`{}` is there twice", twin.key.urn)));
            }
        }
        Ok(State {
            serial: self.serial,
            lineage: self.lineage,
            stack: self.stack,
            project: self.project,
            target: self.target,
            account: self.account,
            partition: self.partition,
            environment: self.environment,
            rows,
            outputs: opened_outputs(self.outputs, seal)?,
            dr: self.dr,
        })
    }
}

impl Happened {
    pub(super) fn of(entry: &Entry, seal: &Seal<'_>) -> Result<Self> {
        Ok(match entry {
            Entry::Run { account, partition, environment } => {
                Self::Run { account: account.clone(), partition: partition.clone(), environment: environment.clone() }
            }
            Entry::Begin { row, op: Begun::Create, attempt } => {
                Self::Create { attempt: attempt.clone(), row: Box::new(Row::of(row, seal)?) }
            }
            Entry::Begin { row, op, attempt } => Self::Change {
                op: *op,
                attempt: attempt.clone(),
                key: row.key.clone(),
                inputs: seal.seal(&owner(&row.key), "pending", &row.inputs)?,
            },
            Entry::Made { key, id } => Self::Made { key: key.clone(), id: id.clone() },
            Entry::Done { row } => Self::Done(Box::new(Row::of(row, seal)?)),
            Entry::Gone { key } => Self::Gone(key.clone()),
            Entry::Failed { key, error, settled } => {
                Self::Failed { key: key.clone(), error: error.clone(), settled: *settled }
            }
            Entry::Put { row } => Self::Put(Box::new(Row::of(row, seal)?)),
            Entry::Outputs { outputs } => Self::Outputs(sealed_outputs(outputs, seal)?),
            Entry::Roles { roles } => Self::Roles(roles.clone()),
        })
    }

    /// The entry. Of the row in the begin of a change, only key and inputs are known.
    pub(super) fn open(self, seal: &Seal<'_>) -> Result<Entry> {
        Ok(match self {
            Self::Run { account, partition, environment } => Entry::Run { account, partition, environment },
            Self::Create { attempt, row } => {
                Entry::Begin { row: Arc::new(row.open(seal)?), op: Begun::Create, attempt }
            }
            Self::Change { op, attempt, key, inputs } => {
                let inputs = seal.open(&owner(&key), "pending", inputs)?;
                let ty = key.urn.ty().to_owned();
                let row = state::Row { inputs, ..state::Row::new(key, &ty, Place::global()) };
                Entry::Begin { row: Arc::new(row), op, attempt }
            }
            Self::Made { key, id } => Entry::Made { key, id },
            Self::Done(row) => Entry::Done { row: Arc::new(row.open(seal)?) },
            Self::Gone(key) => Entry::Gone { key },
            Self::Failed { key, error, settled } => Entry::Failed { key, error, settled },
            Self::Put(row) => Entry::Put { row: Arc::new(row.open(seal)?) },
            Self::Outputs(outputs) => Entry::Outputs { outputs: opened_outputs(outputs, seal)? },
            Self::Roles(roles) => Entry::Roles { roles },
        })
    }
}

/// Whom the values of a row are sealed for: each half of a replacement by itself.
fn owner(key: &Key) -> String {
    match key.generation {
        0 => key.urn.to_string(),
        generation => format!("{}#{generation}", key.urn),
    }
}

impl Row {
    fn of(row: &state::Row, seal: &Seal<'_>) -> Result<Self> {
        let urn = &owner(&row.key);
        let pending = |p: &state::Pending| -> Result<Pending> {
            Ok(Pending { op: p.op, attempt: p.attempt.clone(), inputs: seal.seal(urn, "pending", &p.inputs)? })
        };
        Ok(Self {
            urn: row.key.urn.clone(),
            generation: row.key.generation,
            ty: row.ty.clone(),
            place: row.place.clone(),
            id: row.id.clone(),
            inputs: seal.seal(urn, "inputs", &row.inputs)?,
            seen: seal.seal(urn, "seen", &row.seen)?,
            outputs: seal.seal(urn, "outputs", &row.outputs)?,
            parent: row.parent.clone(),
            needs: row.needs.clone(),
            precedes: row.precedes.iter().cloned().map(Precedes::from).collect(),
            refers: row.refers.clone(),
            protect: row.protect,
            protected_by_hand: row.protected_by_hand,
            retain_on_delete: row.retain_on_delete,
            deleted_with: row.deleted_with.clone(),
            replace_with: row.replace_with.clone(),
            replacement_trigger: row
                .replacement_trigger
                .iter()
                .map(|trigger| seal.seal(urn, "replacementTrigger", trigger))
                .collect::<Result<_>>()?,
            additional_secret_outputs: row.additional_secret_outputs.clone(),
            timeouts: Limits::of(row.timeouts),
            external: row.external,
            old: row.old,
            tainted: row.tainted,
            pending: row.pending.as_ref().map(pending).transpose()?,
            failure: row.failure.clone(),
            delete_after: row.delete_after,
            not_kept: row.not_kept.clone(),
            skipped: row.skipped.clone(),
            at: row.at.clone(),
            created: row.created,
            modified: row.modified,
        })
    }

    fn key(&self) -> Key {
        Key { urn: self.urn.clone(), generation: self.generation }
    }

    fn open(self, seal: &Seal<'_>) -> Result<state::Row> {
        let urn = &owner(&self.key());
        let pending = |p: Pending| -> Result<state::Pending> {
            Ok(state::Pending { op: p.op, attempt: p.attempt, inputs: seal.open(urn, "pending", p.inputs)? })
        };
        let trigger = self.replacement_trigger.into_iter().next();
        Ok(state::Row {
            ty: self.ty,
            place: self.place,
            id: self.id,
            inputs: seal.open(urn, "inputs", self.inputs)?,
            seen: seal.open(urn, "seen", self.seen)?,
            outputs: seal.open(urn, "outputs", self.outputs)?,
            parent: self.parent,
            needs: self.needs,
            precedes: self.precedes.into_iter().map(state::Precedes::from).collect(),
            refers: self.refers,
            protect: self.protect,
            protected_by_hand: self.protected_by_hand,
            retain_on_delete: self.retain_on_delete,
            deleted_with: self.deleted_with,
            replace_with: self.replace_with,
            replacement_trigger: trigger.map(|t| seal.open(urn, "replacementTrigger", t)).transpose()?,
            additional_secret_outputs: self.additional_secret_outputs,
            timeouts: self.timeouts.into_timeouts(),
            external: self.external,
            old: self.old,
            tainted: self.tainted,
            pending: self.pending.map(pending).transpose()?,
            failure: self.failure,
            delete_after: self.delete_after,
            not_kept: self.not_kept,
            skipped: self.skipped,
            at: self.at,
            created: self.created,
            modified: self.modified,
            key: Key { urn: self.urn, generation: self.generation },
        })
    }
}

impl From<state::Precedes> for Precedes {
    fn from(state::Precedes { urn, usually, until }: state::Precedes) -> Self {
        Self { urn, usually, until }
    }
}

impl From<Precedes> for state::Precedes {
    fn from(Precedes { urn, usually, until }: Precedes) -> Self {
        Self { urn, usually, until }
    }
}

impl Limits {
    fn of(timeouts: Timeouts) -> Self {
        let signed = |d: Duration| SignedDuration::try_from(d).unwrap_or(SignedDuration::MAX);
        Self {
            create: timeouts.create.map(signed),
            update: timeouts.update.map(signed),
            delete: timeouts.delete.map(signed),
            read: timeouts.read.map(signed),
        }
    }

    fn into_timeouts(self) -> Timeouts {
        let unsigned = |d: SignedDuration| Duration::try_from(d).unwrap_or_default();
        Timeouts {
            create: self.create.map(unsigned),
            update: self.update.map(unsigned),
            delete: self.delete.map(unsigned),
            read: self.read.map(unsigned),
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Outputs are sealed one by one, so that one called `$secret` is no secret.
fn sealed_outputs(outputs: &Map, seal: &Seal<'_>) -> Result<Plain> {
    let sealed = outputs.iter().map(|(name, value)| Ok((name.clone(), seal.seal(STACK, &at_output(name), value)?)));
    let sealed = sealed.map(|sealed| sealed.map(|(name, Plain(value))| (name, value)));
    Ok(Plain(Value::Map(sealed.collect::<Result<_>>()?)))
}

fn opened_outputs(Plain(outputs): Plain, seal: &Seal<'_>) -> Result<Map> {
    let Value::Map(outputs) = outputs else { return Ok(Map::default()) };
    let opened = outputs.into_iter().map(|(name, sealed)| {
        let value = seal.open(STACK, &at_output(&name), Plain(sealed))?;
        Ok((name, value))
    });
    opened.collect()
}

fn at_output(name: &str) -> String {
    format!("outputs/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn is_false(b: &bool) -> bool {
    !b
}
fn is_zero(n: &u32) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::engine::asset::{Asset, Source};
    use crate::engine::value::Value;
    use crate::state::seal::Cipher;

    fn urn(name: &str) -> Urn {
        Urn::new("prod", "dr", "t:i:T", name)
    }

    fn value(word: &str) -> Value {
        let file = Asset { source: Source::File(format!("{word}.zip")), sha256: word.to_owned() };
        Value::Map(Map::from_iter([("word".into(), word.into()), ("file".into(), Value::Asset(Box::new(file)))]))
    }

    /// Every field differs from that of a new row, and the compiler sees to it that none is left out.
    fn full(secret: impl Fn(Value) -> Value) -> state::Row {
        let time = |text: &str| Some(text.parse().unwrap());
        let seconds = |s| Some(Duration::from_secs(s));
        state::Row {
            key: Key { urn: urn("a"), generation: 2 },
            ty: "t:i:T".into(),
            place: Place("eu-west-1".into()),
            id: Some(Id("x-1".into())),
            inputs: secret(value("inputs")),
            seen: secret(value("seen")),
            outputs: secret(value("outputs")),
            parent: Some(urn("parent")),
            needs: vec![urn("b"), urn("c")],
            precedes: vec![state::Precedes {
                urn: urn("d"),
                usually: "2026-01-01T00:20:00Z".parse().unwrap(),
                until: "2026-01-01T01:00:00Z".parse().unwrap(),
            }],
            refers: [("vpcId".to_owned(), vec![urn("b")])].into(),
            protect: true,
            protected_by_hand: true,
            retain_on_delete: true,
            deleted_with: Some(urn("b")),
            replace_with: vec![urn("c")],
            replacement_trigger: Some(Value::Null),
            additional_secret_outputs: vec!["arn".into()],
            timeouts: Timeouts {
                create: Some(Duration::new(5400, 5)),
                update: seconds(1),
                delete: seconds(2),
                read: seconds(3),
            },
            external: true,
            old: true,
            tainted: true,
            pending: Some(state::Pending {
                op: Begun::Update,
                attempt: "01J".into(),
                inputs: secret(value("pending")),
            }),
            failure: Some("no".into()),
            delete_after: time("2026-01-02T00:00:00.000000001Z"),
            not_kept: vec!["kmsKeyId".into()],
            skipped: vec!["rds:AddTags".into()],
            at: Some("stacks/prod.yaml:12:3".into()),
            created: time("2026-01-01T00:00:00Z"),
            modified: time("2026-01-01T00:00:01Z"),
        }
    }

    fn full_state(secret: impl Fn(Value) -> Value) -> State {
        let row = full(&secret);
        State {
            serial: 7,
            lineage: "01J".into(),
            stack: "prod".into(),
            project: "dr".into(),
            target: "aws".into(),
            account: Some("123456789012".into()),
            partition: Some("aws".into()),
            environment: [("SUFFIX".to_owned(), "a".to_owned())].into(),
            rows: [(row.key.clone(), Arc::new(row))].into_iter().collect(),
            outputs: Map::from_iter([("$secret".into(), secret(value("output")))]),
            dr: Roles { active_region: Some("eu-west-1".into()), epoch: 4 },
        }
    }

    #[test]
    fn a_count_that_nothing_can_go_on_from_is_damage() {
        let ciphers = [Cipher::new(&[7; 32])];
        let seal = Seal { ciphers: &ciphers, lineage: "01J" };
        let snapshot = Snapshot::of(&full_state(|v| v), 9, &seal).unwrap();
        let spoilt: [fn(&mut Snapshot); 4] = [
            |s| s.serial = u64::MAX,
            |s| s.through = u64::MAX - 5,
            |s| s.at = Some(Position { epoch: u64::MAX, seq: 0 }),
            |s| s.rows[0].generation = u32::MAX,
        ];
        for spoil in spoilt {
            let mut snapshot = snapshot.clone();
            spoil(&mut snapshot);
            let refused = Snapshot::parse(&PathBuf::new(), &pretty(&snapshot)).err().unwrap();
            assert!(refused.to_string().contains("no count can have come so far"), "{refused}");
        }
    }

    #[test]
    fn every_field_of_a_state_and_its_rows_comes_back_as_it_was() {
        let ciphers = [Cipher::new(&[7; 32])];
        let seal = Seal { ciphers: &ciphers, lineage: "01J" };
        for state in [full_state(Value::secret), full_state(|v| v)] {
            let bytes = pretty(&Snapshot::of(&state, 9, &seal).unwrap());
            let snapshot = Snapshot::parse(&PathBuf::new(), &bytes).unwrap();
            assert_eq!(snapshot.through, 9);
            assert_eq!(snapshot.into_state(&PathBuf::new(), &seal).unwrap(), state);
        }
    }

    #[test]
    fn every_entry_comes_back_as_it_was() {
        let ciphers = [Cipher::new(&[7; 32])];
        let seal = Seal { ciphers: &ciphers, lineage: "01J" };
        let row = || Arc::new(full(Value::secret));
        let key = || row().key.clone();
        let bare = |op| {
            let row = state::Row { inputs: row().inputs.clone(), ..state::Row::new(key(), "t:i:T", Place::global()) };
            Entry::Begin { row: Arc::new(row), op, attempt: "01J".into() }
        };
        let all = [
            Entry::Run { account: "1".into(), partition: "aws".into(), environment: [("A".into(), "b".into())].into() },
            Entry::Begin { row: row(), op: Begun::Create, attempt: "01J".into() },
            bare(Begun::Update),
            bare(Begun::Delete),
            Entry::Made { key: key(), id: Id("x".into()) },
            Entry::Done { row: row() },
            Entry::Gone { key: key() },
            Entry::Failed { key: key(), error: "no".into(), settled: true },
            Entry::Put { row: row() },
            Entry::Outputs { outputs: full_state(Value::secret).outputs },
            Entry::Roles { roles: full_state(Value::secret).dr },
        ];
        for entry in all {
            let text = serde_json::to_string(&Line { n: 1, entry: Happened::of(&entry, &seal).unwrap() }).unwrap();
            let line: Line = serde_json::from_str(&text).unwrap();
            assert_eq!(line.entry.open(&seal).unwrap(), entry);
        }
    }

    /// The format of files that exist. Whoever changes it must raise the version and read the old one.
    #[test]
    fn the_format_is_this_one() {
        let seal = Seal { ciphers: &[], lineage: "01J" };
        let bytes = pretty(&Snapshot::of(&full_state(|v| v), 9, &seal).unwrap());
        insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
        let row = state::Row::new(Key { urn: urn("a"), generation: 0 }, "t:i:T", Place::global());
        let key = row.key.clone();
        let row = Arc::new(row);
        let lines = [
            Entry::Run { account: "1".into(), partition: "aws".into(), environment: [].into() },
            Entry::Begin { row: row.clone(), op: Begun::Create, attempt: "01J".into() },
            Entry::Begin { row: row.clone(), op: Begun::Delete, attempt: "01J".into() },
            Entry::Made { key: key.clone(), id: Id("x".into()) },
            Entry::Done { row: row.clone() },
            Entry::Gone { key: key.clone() },
            Entry::Failed { key, error: "no".into(), settled: false },
            Entry::Put { row },
            Entry::Outputs { outputs: Map::from_iter([("a".into(), 1.into())]) },
            Entry::Roles { roles: Roles::default() },
        ];
        let text = (1..)
            .zip(&lines)
            .map(|(n, entry)| serde_json::to_string(&Line { n, entry: Happened::of(entry, &seal).unwrap() }).unwrap());
        let head = String::from_utf8(head("01J", None)).unwrap();
        insta::assert_snapshot!(head + &text.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn states_of_older_formats_are_read() {
        let seal = Seal { ciphers: &[], lineage: "01J" };
        let mut state = full_state(|v| v);
        for version in [2, 1] {
            let row = Arc::make_mut(&mut state.rows[0]);
            row.precedes.clear();
            row.protected_by_hand &= version > 1;
            let snapshot = Snapshot { version, ..Snapshot::of(&state, 9, &seal).unwrap() };
            let bytes = pretty(&snapshot);
            assert!(!String::from_utf8_lossy(&bytes).contains("precedes"), "what is empty is not written");
            let read = Snapshot::parse(&PathBuf::new(), &bytes).unwrap();
            assert_eq!(read.into_state(&PathBuf::new(), &seal).unwrap(), state);
        }
    }

    #[test]
    fn a_row_that_is_there_twice_is_damage() {
        let seal = Seal { ciphers: &[], lineage: "01J" };
        let mut snapshot = Snapshot::of(&full_state(|v| v), 0, &seal).unwrap();
        snapshot.rows.push(Row::of(&full(|v| v), &seal).unwrap());
        assert!(matches!(snapshot.into_state(&PathBuf::new(), &seal), Err(StateError::Damaged { .. })));
    }
}
