//! Looking at the cloud before a plan: in batches, each resource once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use futures::StreamExt;
use futures::stream;

use jiff::Timestamp;

use crate::engine::clock::Clock;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::error::{Error, Kind};
use crate::engine::event::{Event, Sink};
use crate::engine::provider::{At, Identity, KindAt, Live, Provider};
use crate::engine::reach;
use crate::engine::resource::{FoundBy, Seen, Want};
use crate::engine::state::{Begun, Key, Row};
use crate::engine::urn::{Id, Place};
use crate::engine::value::Value;

/// What was seen of rows, by key.
pub type Sights = HashMap<Key, Seen<Live>>;

/// Batches that are on their way at once.
const IN_FLIGHT: usize = 32;
/// How long a resource that was just made may stay invisible to those who know its id: reads of some
/// services lag behind.
pub const INVISIBLE: Duration = Duration::from_secs(120);
/// Pauses before the looks for what a create without an answer may have made. Lists and filters by tag
/// lag behind by seconds, too.
pub const LOOKS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(5)];
/// Between two looks of a plan.
const AGAIN: Duration = Duration::from_secs(1);

/// One read. What the endpoint lacks for a single input is left out of it where that is allowed.
///
/// # Errors
/// Those of the call.
pub async fn read_some(
    cloud: &dyn Provider,
    kind: &KindAt,
    ids: &[Id],
    mut want: Want,
    skip_unsupported: bool,
) -> Result<Vec<Seen<Live>>, Error> {
    let inputs = cloud.catalog().find(&kind.ty).map(|schema| &schema.inputs);
    loop {
        match (cloud.read(kind, ids, &want).await, inputs) {
            (Err(error), Some(inputs)) if skip_unsupported && want.goes_without(&error, inputs) => {}
            (answer, _) => return answer,
        }
    }
}

/// Reads rows, those of one type in one place together. Those that live in the state have nothing
/// to look at.
///
/// # Errors
/// One diagnostic for each batch that could not be read.
pub async fn read<'a>(
    cloud: &dyn Provider,
    identity: &Identity,
    rows: impl IntoIterator<Item = &'a Row>,
    skip_unsupported: bool,
) -> Result<Sights, Vec<Diagnostic>> {
    let mut batches: HashMap<KindAt, (Vec<&Row>, BTreeSet<String>)> = HashMap::new();
    let facts = |row: &Row| cloud.catalog().find(&row.ty).map(|schema| &schema.facts);
    let (mut all, mut parts): (Vec<&Row>, Vec<(&Row, &str)>) = (Vec::new(), Vec::new());
    for row in rows.into_iter().filter(|r| r.id.is_some() && !facts(r).is_some_and(|facts| facts.local)) {
        parts.extend(facts(row).and_then(|facts| Some((row, row.inputs.get(facts.part_of?)?.as_str()?))));
        let kind = KindAt { ty: row.ty.clone(), place: row.place.clone() };
        let (batch, want) = batches.entry(kind).or_default();
        batch.push(row);
        all.push(row);
        want.extend(given(row));
    }
    let answers = stream::iter(batches).map(|(kind, (batch, want))| async move {
        let ids: Vec<Id> = batch.iter().filter_map(|r| r.id.clone()).collect();
        let answer = read_some(cloud, &kind, &ids, Want::Only(want), skip_unsupported).await;
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
    if !problems.is_empty() {
        return Err(problems);
    }
    if !parts.is_empty() {
        let is_gone = |row: &&Row| sights.get(&row.key) == Some(&Seen::Gone);
        let gone: HashSet<(&Place, &str)> =
            all.into_iter().filter(is_gone).filter_map(|row| Some((&row.place, row.id.as_ref()?.0.as_str()))).collect();
        let with_it = parts.into_iter().filter(|(row, whole)| gone.contains(&(&row.place, *whole)));
        sights.extend(with_it.map(|(row, _)| (row.key.clone(), Seen::Gone)));
    }
    Ok(sights)
}

/// Reads resources that no row stands for, those of one type in one place together. Of a batch that fails each is
/// asked alone, so that every answer, in the order of the question, says what is wrong with its own.
pub async fn read_ids(cloud: &dyn Provider, wanted: &[(KindAt, Id)]) -> Vec<Result<Seen<Live>, Error>> {
    let mut batches: HashMap<&KindAt, BTreeSet<&Id>> = HashMap::new();
    for (kind, id) in wanted {
        batches.entry(kind).or_default().insert(id);
    }
    let read = move |kind, ids: Vec<Id>| async move {
        let answer = cloud.read(kind, &ids, &Want::All).await;
        (kind, ids, answer)
    };
    let whole = batches.into_iter().map(|(kind, ids)| read(kind, ids.into_iter().cloned().collect()));
    let (mut answers, mut alone) = (HashMap::new(), Vec::new());
    let mut whole = stream::iter(whole).buffer_unordered(IN_FLIGHT);
    while let Some((kind, ids, answer)) = whole.next().await {
        match answer {
            Ok(seen) => answers.extend(ids.into_iter().zip(seen).map(|(id, seen)| ((kind, id), Ok(seen)))),
            // One of them may be what the cloud will not show.
            Err(error) if ids.len() > 1 && matches!(error.kind, Kind::NotFound | Kind::Denied | Kind::Invalid) => {
                alone.extend(ids.into_iter().map(|id| read(kind, vec![id])));
            }
            Err(error) => answers.extend(ids.into_iter().map(|id| ((kind, id), Err(error.clone())))),
        }
    }
    let mut alone = stream::iter(alone).buffer_unordered(IN_FLIGHT);
    while let Some((kind, ids, answer)) = alone.next().await {
        let one = answer.map(|seen| seen.into_iter().next().unwrap_or(Seen::Gone));
        answers.extend(ids.into_iter().map(|id| ((kind, id), one.clone())));
    }
    let answer = |(kind, id): &(KindAt, Id)| answers.get(&(kind, id.clone())).cloned().unwrap_or(Ok(Seen::Gone));
    wanted.iter().map(answer).collect()
}

/// The inputs that a row sets, but for those that the endpoint is known not to keep: what a read
/// should find out.
pub fn given(row: &Row) -> impl Iterator<Item = String> {
    let set = row.inputs.as_map().into_iter().flatten();
    let set = set.filter(|(name, value)| !value.is_null() && !row.not_kept.contains(name));
    set.map(|(name, _)| name.clone())
}

fn unreadable(kind: &KindAt, seat: &str, error: &Error) -> Diagnostic {
    let text = format!("cannot read {} in {}: {error}", kind.ty, kind.place);
    Diagnostic { help: help(error, seat), ..Diagnostic::error(error.kind.code("unreadable"), text) }
}

/// What to do about a question that failed.
pub fn help(error: &Error, seat: &str) -> Option<String> {
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

/// What a look needs beside the cloud: the time, and where to say what it waits for.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    pub clock: Clock,
    pub sink: &'a Sink,
    /// An endpoint that cannot look for a thing has not made it.
    pub skip_unsupported: bool,
}

impl Watch<'_> {
    /// Pauses before another look at a resource that was made a moment ago.
    pub async fn again(&self, key: &Key, word: &str, begun: Timestamp) {
        let passed = self.clock.now().duration_since(begun).as_millis();
        let since = u64::try_from(passed).unwrap_or_default();
        self.sink.send(Event::Waiting { urn: key.urn.clone(), word: word.to_owned(), since });
        self.clock.sleep(AGAIN).await;
    }

    /// Whether no more than that time has passed since the create was begun. Another machine's clock may
    /// have been ahead, and must not make this one wait for long.
    fn is_within(&self, time: Duration, row: &Row) -> bool {
        row.created.is_some_and(|begun| self.clock.now().duration_since(begun).unsigned_abs() < time)
    }

    /// Whether a row is of a create that was interrupted after its id was known, and so short a time ago
    /// that its resource may not be visible yet.
    pub fn may_not_see(&self, row: &Row) -> bool {
        let just_made = row.pending.as_ref().is_some_and(|pending| pending.op == Begun::Create) && row.id.is_some();
        just_made && self.is_within(INVISIBLE, row)
    }
}

/// Looks for what interrupted creates left behind. What was begun a moment ago is looked for again:
/// its effect may not be visible yet, and another create would make a second one.
///
/// # Errors
/// If a look-up fails, or finds more than one resource for a create.
pub async fn find<'a>(
    cloud: &dyn Provider,
    identity: &Identity,
    rows: impl IntoIterator<Item = &'a Row>,
    watch: Watch<'_>,
    owner: impl Fn(&Key) -> String,
) -> Result<Found, Vec<Diagnostic>> {
    let lost = rows.into_iter().filter(|r| r.id.is_none() && !r.is_bequest());
    let lost = lost.filter_map(|r| Some((r, r.pending.as_ref()?)));
    let looks = lost.map(|(row, pending)| {
        let at = At {
            urn: row.key.urn.clone(),
            kind: KindAt { ty: row.ty.clone(), place: row.place.clone() },
            attempt: pending.attempt.clone(),
            owner: owner(&row.key),
            company: None,
        };
        async move { (row, look_for(cloud, row, &at, &pending.inputs, watch).await) }
    });
    let mut looks = stream::iter(looks).buffer_unordered(IN_FLIGHT);
    let (mut found, mut problems) = (Found::default(), Vec::new());
    while let Some((row, answer)) = looks.next().await {
        let key = &row.key;
        match answer {
            Ok(Some(id)) => {
                found.made.insert(key.clone(), id);
            }
            Ok(None) => found.without_effect.push(key.clone()),
            Err(error) => {
                let text = format!("an interrupted create of `{}` cannot be settled: {error}", key.urn.name());
                let help = help(&error, identity.seat(&row.place));
                problems
                    .push(Diagnostic { help, ..Diagnostic::error(error.kind.code("interrupted"), text).of(&key.urn) });
            }
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

async fn look_for(
    cloud: &dyn Provider,
    row: &Row,
    at: &At,
    inputs: &Value,
    watch: Watch<'_>,
) -> Result<Option<Id>, Error> {
    let found_by = cloud.catalog().find(&row.ty).map(|schema| schema.facts.found_by);
    // Of the others there cannot be two: a second create is refused, or gives the same resource.
    let hides = matches!(found_by, Some(FoundBy::OwnerTag | FoundBy::Marker(_)));
    loop {
        // Asked before the look, so that the last one comes after the time.
        let early = hides && watch.is_within(LOOKS.iter().sum(), row);
        let found = match cloud.find(at, inputs).await {
            Err(error) if error.kind == Kind::Unsupported && watch.skip_unsupported => return Ok(None),
            found => one(&row.key, found?)?,
        };
        match (found, row.created) {
            (None, Some(begun)) if early => watch.again(&row.key, "looked for", begun).await,
            (found, _) => return Ok(found),
        }
    }
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
