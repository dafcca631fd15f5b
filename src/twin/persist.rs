//! The file of a twin: JSON, written as a whole, that only its owner can read.
//!
//! The file holds no secret. A secret value is kept as a salted hash, which is enough to tell
//! whether a value is the same; [`crate::twin::Twin::remind`] brings the value back from a state.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::engine::asset::Asset;
use crate::engine::error::{Error, Kind, Result};
use crate::engine::json_size;
use crate::engine::plain::Plain;
use crate::engine::provider::KindAt;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Map, Value};
use crate::twin::accept;
use crate::twin::cloud::{self, Cloud};
use crate::twin::quirks::Interfaces;
use crate::twin::refusal::{Operation, Refusal};
use crate::twin::row::{Member, Phase, Row, Serial};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    /// What the clock showed.
    now: Timestamp,
    /// The number of the next row, so that no identifier is ever given twice.
    next: Serial,
    /// The number of the last line of the log that is in here.
    #[serde(default)]
    through: u64,
    rows: Vec<Record>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    interfaces: Vec<Interfaces>,
}

/// What the file says of the twin as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    /// What the clock showed.
    pub(super) now: Timestamp,
    /// The number of the last line of the log that is in the file.
    pub(super) through: u64,
}

/// A row, as the file and the log hold it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Record {
    serial: Serial,
    #[serde(rename = "type")]
    token: String,
    place: Place,
    id: Id,
    urn: Urn,
    owner: String,
    attempt: String,
    inputs: Plain,
    outputs: Plain,
    refers: BTreeSet<Serial>,
    phase: PhaseRecord,
    #[serde(default, skip_serializing_if = "is_zero")]
    contents: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member: Option<MemberRecord>,
    created: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
enum PhaseRecord {
    Ready,
    Changing { word: String, until: Timestamp },
    Deleting { until: Timestamp },
    Kept { word: String, until: Timestamp },
    Failed { why: String },
}

#[derive(Serialize, Deserialize)]
struct MemberRecord {
    of: String,
    writes: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Words of phases, which live as long as the program.
const WORDS: [&str; 9] = [
    "creating",
    "modifying",
    "PendingDeletion",
    "scheduled for deletion",
    "removing the replicas",
    "removing-from-global-cluster",
    "switching-over",
    "failing-over",
    "detaching",
];

fn word(text: &str) -> &'static str {
    WORDS.into_iter().find(|w| *w == text).unwrap_or("modifying")
}

/// Writes everything into the file, in the place of what it held.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn save(cloud: &Cloud, kept: Kept, path: &Path) -> Result<()> {
    let rows = cloud.world.rows().map(|(serial, row)| record(serial, row)).collect::<Result<_>>()?;
    let Kept { now, through } = kept;
    let interfaces = cloud.world.interfaces().to_vec();
    let file = File { version: VERSION, now, next: cloud.world.next(), through, rows, interfaces };
    write(&file, path)
        .map_err(|e| Error::new(Kind::Invalid, format!("cannot write the simulated AWS to `{}`: {e}", path.display())))
}

fn write(file: &File, path: &Path) -> std::io::Result<()> {
    let folder = folder(path);
    fs::create_dir_all(folder)?;
    // Temporary files of this kind belong to their owner alone, and keep that when they are renamed.
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    let mut text = serde_json::to_vec(file)?;
    text.push(b'\n');
    temporary.write_all(&text)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    Ok(())
}

/// The prefix of files that a writer that is killed leaves behind.
const TEMPORARY: &str = ".writing-";

/// Removes such files from the folder of a twin.
pub(super) fn sweep(path: &Path) {
    for entry in fs::read_dir(folder(path)).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            // What cannot be removed does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Largest file that is read. A thousand resources have a megabyte.
const MOST_MIB: u64 = 512;

/// The bytes of a file that holds no more values than that; `None` if there is none.
///
/// # Errors
/// If it cannot be read, or would fill the memory.
pub(super) fn read(path: &Path, most: usize) -> Result<Option<Vec<u8>>> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(damaged(path, "it is no regular file"));
    }
    let mut text = Vec::new();
    match fs::File::open(path).and_then(|file| file.take((MOST_MIB << 20) + 1).read_to_end(&mut text)) {
        Ok(read) if read as u64 > MOST_MIB << 20 => Err(damaged(path, &format!("it has more than {MOST_MIB} MiB"))),
        Ok(_) if !json_size::is_bounded(&text, most) => {
            Err(damaged(path, &format!("it holds more than {most} values")))
        }
        Ok(_) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(damaged(path, &e.to_string())),
    }
}

/// Reads the file into an empty cloud. Returns nothing if there is no file.
///
/// # Errors
/// If the file cannot be read, is damaged, or holds a type that the catalog does not have.
pub(super) fn load(cloud: &mut Cloud, path: &Path) -> Result<Option<Kept>> {
    let Some(text) = read(path, json_size::MOST_VALUES)? else { return Ok(None) };
    let file: File = serde_json::from_slice(&text).map_err(|e| damaged(path, &e.to_string()))?;
    if file.version != VERSION {
        return Err(damaged(path, &format!("version {} is not known", file.version)));
    }
    for record in file.rows {
        put(cloud, record).map_err(|why| damaged(path, &why))?;
    }
    cloud.world.skip_to(file.next);
    cloud.world.restore_interfaces(file.interfaces);
    Ok(Some(Kept { now: file.now, through: file.through }))
}

/// Puts a row into a cloud, in the place of the one of the same number.
///
/// # Errors
/// If the catalog does not have its type.
pub(super) fn put(cloud: &mut Cloud, record: Record) -> Result<(), String> {
    let Some(schema) = cloud.catalog.find(&record.token) else {
        return Err(format!("type `{}` is not known", record.token));
    };
    let (serial, row) = (record.serial, row(record, schema.token));
    let references = &cloud.references;
    match cloud.world.row(serial) {
        Some(_) => cloud.world.change(serial, |row| references.names(row), |old| *old = row),
        None => {
            let names = references.names(&row);
            cloud.world.restore(serial, row, &names);
        }
    }
    Ok(())
}

pub(super) fn damaged(path: &Path, why: &str) -> Error {
    Error::new(Kind::Invalid, format!("cannot read the simulated AWS from `{}`: {why}", path.display()))
        .hint("`drctl local reset` starts over with an empty one")
}

pub(super) fn record(serial: Serial, row: &Row) -> Result<Record> {
    Ok(Record {
        serial,
        token: row.token.to_owned(),
        place: row.place.clone(),
        id: row.id.clone(),
        urn: row.urn.clone(),
        owner: row.owner.clone(),
        attempt: row.attempt.clone(),
        inputs: sealed_map(&row.inputs)?,
        outputs: sealed_map(&row.outputs)?,
        refers: row.refers.clone(),
        phase: match &row.phase {
            Phase::Ready => PhaseRecord::Ready,
            Phase::Changing { word, until } => PhaseRecord::Changing { word: (*word).to_owned(), until: *until },
            Phase::Deleting { until } => PhaseRecord::Deleting { until: *until },
            Phase::Kept { word, until } => PhaseRecord::Kept { word: (*word).to_owned(), until: *until },
            Phase::Failed(why) => PhaseRecord::Failed { why: why.clone() },
        },
        contents: row.contents,
        member: row.member.as_ref().map(|m| MemberRecord { of: m.of.clone(), writes: m.writes }),
        created: row.created,
    })
}

fn row(record: Record, token: &'static str) -> Row {
    Row {
        token,
        place: record.place,
        id: record.id,
        urn: record.urn,
        owner: record.owner,
        attempt: record.attempt,
        inputs: opened_map(record.inputs),
        outputs: opened_map(record.outputs),
        refers: record.refers,
        phase: match record.phase {
            PhaseRecord::Ready => Phase::Ready,
            PhaseRecord::Changing { word: text, until } => Phase::Changing { word: word(&text), until },
            PhaseRecord::Deleting { until } => Phase::Deleting { until },
            PhaseRecord::Kept { word: text, until } => Phase::Kept { word: word(&text), until },
            PhaseRecord::Failed { why } => Phase::Failed(why),
        },
        contents: record.contents,
        member: record.member.map(|m| Member { of: m.of, writes: m.writes }),
        created: record.created,
    }
}

/// What stands for a secret: the key of it in a file, and the beginning of the text that it is in memory,
/// where a secret is a text everywhere.
const PRINT: &str = "$sha256";

fn sealed_map(map: &Map) -> Result<Plain> {
    Ok(Plain(sealed(&Value::Map(map.clone()))?))
}

/// The value with a salted hash in the place of every secret.
fn sealed(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Secret(inner) if let Some((salt, hash)) = print(inner) => written_print(salt, hash),
        Value::Secret(inner) => {
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(|e| Error::bug(format!("no random numbers: {e}")))?;
            let salt = hex::encode(salt);
            written_print(&salt, &hash(&salt, inner)?)
        }
        json if json.is_json() => json.clone(),
        Value::List(items) => Value::List(items.iter().map(sealed).collect::<Result<_>>()?),
        Value::Map(map) => {
            let sealed = map.iter().map(|(name, item)| Ok((name.clone(), sealed(item)?)));
            Value::Map(sealed.collect::<Result<_>>()?)
        }
        other => {
            let json = other.to_json().map_err(|e| Error::bug(e.to_string()))?;
            let Plain(value) = serde_json::from_value(json).map_err(|e| Error::bug(e.to_string()))?;
            value
        }
    })
}

fn written_print(salt: &str, hash: &str) -> Value {
    Value::Map(Map::from_iter([(PRINT.to_owned(), format!("{salt}:{hash}").into())]))
}

fn hash(salt: &str, value: &Value) -> Result<String> {
    let text = value.to_json().map_err(|e| Error::bug(e.to_string()))?.to_string();
    Ok(hex::encode(Sha256::digest(format!("{salt}{text}"))))
}

fn opened_map(Plain(mut value): Plain) -> Map {
    open_prints(&mut value);
    match value {
        Value::Map(map) => map,
        _ => Map::default(),
    }
}

/// Puts into the place of what [`sealed`] wrote what it stands for in memory.
fn open_prints(value: &mut Value) {
    match value {
        Value::Map(map) if let Some(print) = read_print(map) => *value = Value::from(print).secret(),
        Value::Map(map) if let Some(asset) = Asset::from_map(map) => *value = Value::Asset(Box::new(asset)),
        Value::List(items) => items.iter_mut().for_each(open_prints),
        Value::Map(map) if map.values().any(|item| matches!(item, Value::List(_) | Value::Map(_))) => {
            map.values_mut().for_each(open_prints);
        }
        _ => {}
    }
}

fn read_print(map: &Map) -> Option<String> {
    let print = map.get(PRINT).filter(|_| map.len() == 1)?.as_str()?;
    Some(format!("{PRINT}:{print}"))
}

/// The salt and the hash that stand for a secret, if the value is such.
fn print(value: &Value) -> Option<(&str, &str)> {
    value.as_str()?.strip_prefix(PRINT)?.strip_prefix(':')?.split_once(':')
}

/// Whether `old` is the hash of `new`.
pub(super) fn is_print_of(old: &Value, new: &Value) -> bool {
    let same = |(salt, known): (&str, &str)| hash(salt, new.bare()).is_ok_and(|found| found == known);
    print(old.bare()).is_some_and(same)
}

impl Cloud {
    /// Gives a resource the secrets back that its inputs, as a state remembers them, still hold.
    pub(super) fn remind(&mut self, kind: &KindAt, id: &Id, inputs: &Value) {
        let catalog = Arc::clone(&self.catalog);
        let Ok(schema) = cloud::schema(&catalog, kind) else { return };
        let Some(serial) = self.world.find(schema.token, &kind.place, id) else { return };
        let hides = self.world.row(serial).is_some_and(|row| row.inputs.values().any(Value::has_secret));
        if !hides {
            return;
        }
        let Ok(known) = accept::inputs(Refusal { schema, operation: Operation::Read }, inputs) else { return };
        let references = &self.references;
        self.world.change(
            serial,
            |row| references.names(row),
            |row| {
                for (name, value) in &mut row.inputs {
                    if let Some(known) = known.get(name) {
                        *value = reminded(std::mem::take(value), known);
                    }
                }
            },
        );
    }
}

/// Puts what is still known into the place of its hash.
fn reminded(stored: Value, known: &Value) -> Value {
    match (stored, known.bare()) {
        (stored @ Value::Secret(_), known) if is_print_of(&stored, known) => known.clone().secret(),
        (Value::Map(map), Value::Map(known)) => Value::Map(
            map.into_iter()
                .map(|(k, v)| match known.get(&k) {
                    Some(known) => (k, reminded(v, known)),
                    None => (k, v),
                })
                .collect(),
        ),
        (Value::List(items), Value::List(known)) if items.len() == known.len() => {
            Value::List(items.into_iter().zip(known).map(|(v, known)| reminded(v, known)).collect())
        }
        (stored, _) => stored,
    }
}
