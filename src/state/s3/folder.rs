//! One stack in one bucket: its objects, how they are read together, and the seal on a journal that
//! somebody else may still be writing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::objects::{self, Object, Objects, Refused, When};
use crate::engine::error::Error;
use crate::state::error::{Result, StateError};
use crate::state::format::{Position, VERSION, gate, pretty};
use crate::state::store::{Part, Raw};

pub(super) const SNAPSHOT: &str = "state.json";
pub(super) const JOURNAL: &str = "journal/";
pub(super) const BACKUPS: &str = "backups/";

/// Objects that are read or deleted at the same time.
const AT_ONCE: usize = 16;
/// How often a state is read again that changed meanwhile.
const LOOKS: usize = 5;

/// The objects of one stack in one bucket.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) objects: Arc<dyn Objects>,
    /// `s3://bucket`
    pub(super) bucket: String,
    /// That of the bucket, where it is known.
    pub(super) region: Option<String>,
    /// Ends with a slash.
    pub(super) prefix: String,
}

/// What stands in the place of a state that is not here any more. Its position keeps those who had
/// the lock before from writing the state again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Grave {
    pub(super) version: u32,
    pub(super) at: Position,
    pub(super) gone: Gone,
    /// The run that removed it.
    pub(super) run: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Gone {
    Removed,
    Moved(String),
}

/// What can be told of a state object without its keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Peek {
    pub(super) at: Position,
    pub(super) gone: Option<Gone>,
}

/// Closes the journal of an epoch: it stands where the next group of that epoch would be written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Seal {
    version: u32,
    /// Who closed it.
    closed_by: u64,
    run: String,
}

/// A stack as it was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) snapshot: Option<Object>,
    pub(super) peek: Peek,
    /// Groups that are not in the snapshot, in order.
    pub(super) groups: Vec<(Position, Vec<u8>)>,
    /// The last backup of a state object that is not there.
    pub(super) lost: Option<String>,
}

impl Peek {
    pub(super) fn of(object: Option<&Object>) -> Self {
        object.and_then(|object| serde_json::from_slice(&object.bytes).ok()).unwrap_or_default()
    }
}

impl Found {
    /// Whether nothing tells that there ever was a state.
    pub(super) fn is_nothing(&self) -> bool {
        self.snapshot.is_none() && self.groups.is_empty() && self.lost.is_none()
    }

    /// How far it reaches.
    pub(super) fn position(&self) -> Position {
        self.groups.last().map_or(self.peek.at, |(position, _)| *position)
    }
}

/// The name of a group in a folder.
pub(super) fn group(position: Position) -> String {
    format!("{JOURNAL}{:08}-{:08}", position.epoch, position.seq)
}

/// The position that a name tells. What somebody else put there, under another form of name, is no group.
fn position(name: &str) -> Option<Position> {
    let (epoch, seq) = name.strip_prefix(JOURNAL)?.split_once('-')?;
    let position = Position { epoch: epoch.parse().ok()?, seq: seq.parse().ok()? };
    Some(position).filter(|position| group(*position) == name)
}

fn is_seal(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Seal>(bytes).is_ok()
}

impl Folder {
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What messages call an object.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        format!("{}/{}{name}", self.bucket, self.prefix).into()
    }

    pub(super) fn failed(&self, doing: &'static str, name: &str) -> impl FnOnce(Error) -> StateError + use<> {
        let path = self.path(name);
        move |source| StateError::Bucket { doing, path, source: Box::new(source) }
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<Object>> {
        self.objects.get(&self.key(name)).await.map_err(self.failed("read", name))
    }

    pub(super) async fn put(&self, name: &str, bytes: &[u8], when: When) -> Result<super::Put> {
        match objects::put(&*self.objects, &self.key(name), bytes, when).await {
            Ok(etag) => Ok(super::Put::Done(etag)),
            Err(Refused::Condition) => Ok(super::Put::Refused),
            Err(Refused::Failed(error)) => Err(self.failed("write", name)(error)),
        }
    }

    /// Names below a prefix of the folder, sorted.
    pub(super) async fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let keys = self.objects.list(&self.key(prefix)).await.map_err(self.failed("list", prefix))?;
        Ok(keys.into_iter().filter_map(|key| key.strip_prefix(&self.prefix).map(str::to_owned)).collect())
    }

    /// The groups of the journal, and its seals.
    pub(super) async fn positions(&self) -> Result<Vec<Position>> {
        let mut positions: Vec<Position> =
            self.names(JOURNAL).await?.iter().filter_map(|name| position(name)).collect();
        positions.sort_unstable();
        Ok(positions)
    }

    pub(super) async fn delete(&self, names: impl IntoIterator<Item = String>) -> Result<()> {
        let delete = |name: String| async move {
            self.objects.delete(&self.key(&name)).await.map_err(self.failed("delete", &name))
        };
        stream::iter(names).map(delete).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    /// The state object and the groups after it, as they stood together at one moment.
    pub(super) async fn look(&self) -> Result<Found> {
        for _ in 0..LOOKS {
            let positions = self.positions().await?;
            let snapshot = self.get(SNAPSHOT).await?;
            let peek = Peek::of(snapshot.as_ref());
            let wanted = positions.into_iter().filter(|position| *position > peek.at);
            let read = |position| async move { Ok::<_, StateError>((position, self.get(&group(position)).await?)) };
            let read: Vec<_> = stream::iter(wanted).map(read).buffered(AT_ONCE).try_collect().await?;
            // A group that has gone is in a later snapshot.
            let groups: Option<Vec<_>> = read.into_iter().map(|(at, object)| Some((at, object?.bytes))).collect();
            if let Some(mut groups) = groups {
                groups.retain(|(_, bytes)| !is_seal(bytes));
                let lost = if snapshot.is_none() { self.backups().await?.into_iter().next() } else { None };
                return Ok(Found { snapshot, peek, groups, lost });
            }
        }
        Err(StateError::damaged(&self.path(JOURNAL), None, "it changes faster than it can be read"))
    }

    /// The bytes of a stack that is here.
    pub(super) fn raw(&self, found: Found) -> Result<Raw> {
        match found.peek.gone {
            Some(Gone::Moved(to)) => return Err(StateError::Moved { to }),
            Some(Gone::Removed) => return Ok(Raw::default()),
            None => {}
        }
        if let Some(backup) = found.lost {
            return Err(StateError::Gone { path: self.path(SNAPSHOT), backup: Some(self.path(&backup)) });
        }
        let snapshot = found.snapshot.map(|object| Part { name: self.path(SNAPSHOT), bytes: object.bytes });
        let part = |(at, bytes)| Part { name: self.path(&group(at)), bytes };
        Ok(Raw { snapshot, journal: found.groups.into_iter().map(part).collect() })
    }

    /// Closes the journal of an earlier epoch. After that, whoever held the lock then cannot append:
    /// the seal stands where the next group would go, and both want to be the first there.
    pub(super) async fn close(&self, epoch: u64, by: u64, run: &str) -> Result<()> {
        let seal = pretty(&Seal { version: VERSION, closed_by: by, run: run.to_owned() });
        loop {
            let listed = self.positions().await?.into_iter().rfind(|position| position.epoch == epoch);
            let at = self.snapshot_position().await?;
            if let Some(last) = listed
                && self.get(&group(last)).await?.is_some_and(|object| is_seal(&object.bytes))
                && (at.epoch != epoch || at < last)
            {
                return Ok(());
            }
            let seq = listed.map_or(0, |last| last.seq).max(if at.epoch == epoch { at.seq } else { 0 });
            let next = Position { epoch, seq: seq + 1 };
            if let super::Put::Refused = self.put(&group(next), &seal, When::Absent).await? {
                continue;
            }
            // Had the group there been written and compacted away meanwhile, the seal stands behind.
            let at = self.snapshot_position().await?;
            if at.epoch != epoch || at < next {
                return Ok(());
            }
        }
    }

    async fn snapshot_position(&self) -> Result<Position> {
        Ok(Peek::of(self.get(SNAPSHOT).await?.as_ref()).at)
    }

    /// Deletes the groups up to a position. The last one of each earlier epoch stays: it may be its
    /// seal, which must outlast any call that is under way.
    pub(super) async fn forget(&self, up_to: Position) -> Result<()> {
        let positions = self.positions().await?;
        let is_last = |position: &Position| !positions.iter().any(|p| p.epoch == position.epoch && p > position);
        let covered = positions.iter().filter(|p| **p <= up_to && (p.epoch == up_to.epoch || !is_last(p)));
        self.delete(covered.map(|position| group(*position)).collect::<Vec<_>>()).await
    }

    /// The bytes of the groups up to a position, one after another.
    pub(super) async fn covered(&self, up_to: Position) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for position in self.positions().await?.into_iter().filter(|position| *position <= up_to) {
            let object = self.get(&group(position)).await?;
            bytes.extend(object.map(|object| object.bytes).filter(|bytes| !is_seal(bytes)).unwrap_or_default());
        }
        Ok(bytes)
    }

    /// Earlier snapshots, the newest first.
    pub(super) async fn backups(&self) -> Result<Vec<String>> {
        let mut names = self.kept().await?;
        names.retain(|name| Path::new(name).extension().is_some_and(|x| x == "json"));
        Ok(names)
    }

    /// The same, and journals that were set aside.
    pub(super) async fn kept(&self) -> Result<Vec<String>> {
        let mut names = self.names(BACKUPS).await?;
        names.retain(|name| Path::new(name).extension().is_some_and(|x| x == "json" || x == "jsonl"));
        names.reverse();
        Ok(names)
    }
}

/// Refuses objects of later formats.
pub(super) fn known_format(folder: &Folder, name: &str, bytes: &[u8]) -> Result<()> {
    gate(&folder.path(name), bytes, VERSION)
}
