//! Looking at the cloud before a plan: in batches, each resource once.

use std::collections::{BTreeSet, HashMap};

use futures::StreamExt;
use futures::stream;

use crate::engine::diagnostic::Diagnostic;
use crate::engine::error::{Error, Kind};
use crate::engine::provider::{At, Identity, KindAt, Live, Provider};
use crate::engine::reach;
use crate::engine::resource::{Seen, Want};
use crate::engine::state::{Key, Row};
use crate::engine::urn::Id;

/// What was seen of rows, by key.
pub type Sights = HashMap<Key, Seen<Live>>;

/// Batches that are on their way at once.
const IN_FLIGHT: usize = 32;

/// Reads rows, those of one type in one place together. Those that live in the state have nothing
/// to look at.
///
/// # Errors
/// One diagnostic for each batch that could not be read.
pub async fn read<'a>(
    cloud: &dyn Provider,
    identity: &Identity,
    rows: impl IntoIterator<Item = &'a Row>,
) -> Result<Sights, Vec<Diagnostic>> {
    let mut batches: HashMap<KindAt, (Vec<&Row>, BTreeSet<String>)> = HashMap::new();
    let local = |row: &Row| cloud.catalog().find(&row.ty).is_some_and(|s| s.facts.local);
    for row in rows.into_iter().filter(|r| r.id.is_some() && !local(r)) {
        let kind = KindAt { ty: row.ty.clone(), place: row.place.clone() };
        let (batch, want) = batches.entry(kind).or_default();
        batch.push(row);
        want.extend(given(row));
    }
    let answers = stream::iter(batches).map(|(kind, (batch, want))| async move {
        let ids: Vec<Id> = batch.iter().filter_map(|r| r.id.clone()).collect();
        let answer = cloud.read(&kind, &ids, &Want::Only(want)).await;
        (kind, batch, answer)
    });
    let mut answers = answers.buffer_unordered(IN_FLIGHT);
    let (mut sights, mut problems) = (Sights::new(), Vec::new());
    while let Some((kind, batch, answer)) = answers.next().await {
        match answer {
            Ok(seen) => sights.extend(batch.into_iter().map(|r| r.key.clone()).zip(seen)),
            Err(error) => problems.push(unreadable(&kind, identity.seat(&kind.place), &error)),
        }
    }
    if problems.is_empty() { Ok(sights) } else { Err(problems) }
}

/// The inputs that a row sets: what a read should find out.
pub fn given(row: &Row) -> impl Iterator<Item = String> {
    let set = row.inputs.as_map().into_iter().flatten();
    set.filter(|(_, value)| !value.is_null()).map(|(name, _)| name.clone())
}

fn unreadable(kind: &KindAt, seat: &str, error: &Error) -> Diagnostic {
    let text = format!("cannot read {} in {}: {error}", kind.ty, kind.place);
    Diagnostic { help: help(error, seat), ..Diagnostic::error(code(error, "unreadable"), text) }
}

/// Missing credentials are a problem of their own, whatever was to be done.
fn code(error: &Error, otherwise: &'static str) -> &'static str {
    if error.kind == Kind::Unauthenticated { "credentials" } else { otherwise }
}

fn help(error: &Error, seat: &str) -> Option<String> {
    let unreachable = || (error.kind == Kind::Unreachable).then(|| reach::unavailable(seat));
    error.hint.clone().or_else(unreachable)
}

/// What became of creates that an earlier run began and whose answer it never saw.
#[derive(Debug, Default)]
pub struct Found {
    /// Creates that had their effect.
    pub made: HashMap<Key, Id>,
    /// Creates without effect.
    pub without_effect: Vec<Key>,
}

/// Looks for what interrupted creates left behind.
///
/// # Errors
/// If a look-up fails, or finds more than one resource for a create.
pub async fn find<'a>(
    cloud: &dyn Provider,
    identity: &Identity,
    rows: impl IntoIterator<Item = &'a Row>,
    owner: impl Fn(&Key) -> String,
) -> Result<Found, Vec<Diagnostic>> {
    let lost = rows.into_iter().filter(|r| r.id.is_none()).filter_map(|r| Some((r, r.pending.as_ref()?)));
    let looks = lost.map(|(row, pending)| {
        let at = At {
            urn: row.key.urn.clone(),
            kind: KindAt { ty: row.ty.clone(), place: row.place.clone() },
            attempt: pending.attempt.clone(),
            owner: owner(&row.key),
            company: None,
        };
        async move { (row, cloud.find(&at, &pending.inputs).await) }
    });
    let mut looks = stream::iter(looks).buffer_unordered(IN_FLIGHT);
    let (mut found, mut problems) = (Found::default(), Vec::new());
    while let Some((row, answer)) = looks.next().await {
        let key = &row.key;
        match answer.map(|ids| one(key, ids)) {
            Ok(Ok(Some(id))) => {
                found.made.insert(key.clone(), id);
            }
            Ok(Ok(None)) => found.without_effect.push(key.clone()),
            Ok(Err(error)) | Err(error) => {
                let text = format!("an interrupted create of `{}` cannot be settled: {error}", key.urn.name());
                let help = help(&error, identity.seat(&row.place));
                problems.push(Diagnostic { help, ..Diagnostic::error(code(&error, "interrupted"), text).of(&key.urn) });
            }
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// None, the one, or an error that lists them all.
///
/// # Errors
/// If there are several.
pub fn one(key: &Key, ids: Vec<Id>) -> Result<Option<Id>, Error> {
    let list = ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    match <[Id; 1]>::try_from(ids) {
        Ok([id]) => Ok(Some(id)),
        Err(none) if none.is_empty() => Ok(None),
        Err(_) => Err(Error::invalid(format!("several resources carry its mark: {list}")).hint(format!(
            "delete all but one of them, then run again; or `drctl import {} {} ID` the one to keep",
            key.urn.ty(),
            key.urn.name()
        ))),
    }
}
