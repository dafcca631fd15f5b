//! Brings one resource to the inputs asked for: create, wait, compare, update, wait.
//!
//! The one algorithm behind create, update, import and every continuation after a crash: the cloud
//! shows what is there, and only what differs is called for.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::crew::{Crew, Standstill};
use crate::engine::diff::{Difference, baseline, diff};
use crate::engine::error::{Error, Kind, Result};
use crate::engine::event::Event;
use crate::engine::observe::{self, INVISIBLE, LOOKS};
use crate::engine::path::Path;
use crate::engine::provider::{At, Live, Made, Next};
use crate::engine::resource::{FoundBy, Limits, Seen, Want};
use crate::engine::schema::TypeSchema;
use crate::engine::state::{Key, Row};
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// Pauses before an update that shows no effect is called again, and before it is given up.
const SETTLING: [&[u64]; 2] = [&[500, 1500], &[1000, 3000, 5000]];
/// The same at an endpoint that need not have all of AWS: what it does not show soon it never will.
const SETTLING_SOON: [&[u64]; 1] = [&[100, 400]];
/// A type that needs more calls than that for one change goes round in circles.
const MOST_CALLS: usize = 40;

/// One resource on its way.
pub struct Journey<'a> {
    pub crew: &'a Crew,
    pub at: &'a At,
    pub key: &'a Key,
    pub schema: &'a TypeSchema,
    pub limits: Limits,
    pub wanted: &'a Value,
    /// Where the value that the cloud shows stands, whatever was asked: `ignoreChanges`, and all that
    /// an act leaves alone.
    pub follows: &'a [Path],
}

/// Where the journey ended.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub live: Live,
    /// Inputs that the endpoint accepted and does not show, by their paths.
    pub not_kept: Vec<String>,
    /// Operations that the endpoint lacks.
    pub skipped: Vec<String>,
}

impl Journey<'_> {
    /// Makes the resource, or finds the one that a create without an answer has made. `doubtful` tells
    /// whether an earlier run may have made it already, `looked` what [`Journey::leave_alone`] said.
    ///
    /// # Errors
    /// Those of the call. `ambiguous` tells whether it, or one before it, may still have had an effect.
    pub async fn create(&self, mut doubtful: bool, looked: Result<()>) -> Result<Made> {
        let deadline = self.crew.clock.after(self.limits.create);
        let (mut tries, mut looked) = (0, looked);
        loop {
            let answer = match std::mem::replace(&mut looked, Ok(())) {
                Ok(()) => {
                    let call = self.crew.cloud.create(self.at, self.wanted);
                    self.crew.call(&self.at.urn, &self.at.kind, call).await
                }
                Err(refusal) => Err(refusal),
            };
            let error = match answer {
                Ok(made) => return Ok(made),
                Err(error) if error.kind == Kind::Cancelled => return Err(error),
                Err(error) => error,
            };
            // An answer that lacks what it must hold tells nothing about the effect.
            let lost = error.ambiguous || error.kind == Kind::Bug;
            doubtful |= lost;
            // What is there already may be what an earlier try has made.
            if (lost || doubtful && error.kind == Kind::Exists)
                && let Some(id) = self.look_for_it(&error, deadline).await?
            {
                self.tell_adopted(&id);
                return Ok(Made { id, seen: None });
            }
            let error = self.with_ways_out(Error { ambiguous: doubtful, ..error });
            self.crew.pause(self.at, error, &mut tries, deadline).await?;
        }
    }

    /// A type that is found by its token needs no look: the next create gives the same resource. One
    /// that is found by its name needs no second: there cannot be two, and the next create is refused.
    async fn look_for_it(&self, error: &Error, deadline: Instant) -> Result<Option<Id>> {
        let looks = match (self.schema.facts.found_by, error.kind) {
            (_, Kind::Exists) | (FoundBy::OwnerTag | FoundBy::Marker(_), _) => &LOOKS[..],
            (FoundBy::Name, _) => &LOOKS[..1],
            (FoundBy::Token, _) => &[],
        };
        for pause in looks {
            self.crew.clock.sleep(*pause).await;
            // Not knowing whether it is there, another create might make a second one.
            let ids = self.find(deadline).await.map_err(|why| match why.kind {
                Kind::Unreachable | Kind::Unauthenticated => Error { ambiguous: true, ..why },
                _ => Error { ambiguous: true, ..error.clone() },
            })?;
            if let Some(id) = observe::one(self.key, ids)? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// None if the endpoint cannot look: it has not made it either.
    async fn find(&self, deadline: Instant) -> Result<Vec<Id>> {
        let mut tries = 0;
        loop {
            let look = self.crew.cloud.find(self.at, self.wanted);
            match self.crew.call(&self.at.urn, &self.at.kind, look).await {
                Ok(ids) => return Ok(ids),
                Err(error) if error.kind == Kind::Unsupported && self.crew.skip_unsupported => return Ok(Vec::new()),
                Err(error) => self.crew.pause(self.at, error, &mut tries, deadline).await?,
            }
        }
    }

    fn tell_adopted(&self, id: &Id) {
        self.crew.sink.send(Event::Diagnostic {
            severity: "note".into(),
            code: Some("adopted".into()),
            message: format!("the answer to a create was lost, and `{id}` is what it had made: it is adopted"),
            urn: Some(self.at.urn.clone()),
            at: None,
            help: None,
        });
    }

    /// Brings an existing resource to the inputs asked for.
    ///
    /// `seen` is what an answer showed already; `row` is the row as it is in the state, for inputs
    /// that the cloud never shows. After a create these were sent with it.
    ///
    /// # Errors
    /// If it fails, does not get ready in time, or does not take a value.
    pub async fn converge(&self, id: &Id, seen: Option<Seen<Live>>, row: &Row, just_made: bool) -> Result<Arrived> {
        let limit = if just_made { self.limits.create } else { self.limits.update };
        // What an earlier run asked for when it began may not be what is wanted now.
        let begun = row.pending.as_ref().map(|begun| &begun.inputs);
        let (applied, want) = match (just_made, begun) {
            (true, None) => (self.wanted.clone(), self.beside_defaults()),
            (true, Some(begun)) => (begun.clone(), given(&[self.wanted, begun])),
            (false, _) => (row.inputs.clone(), given(&[self.wanted, &row.inputs])),
        };
        let mut lacks = Lacks::so_far(want, row);
        let live = self.ready(id, &mut lacks, seen, just_made, limit).await?;
        let mut way = Way { live, applied, lacks };
        let aim = self.aim(&way);
        if !self.approach(id, &aim, None, &mut way).await? {
            self.go_without(id, &aim, &mut way).await?;
        }
        if self.reach(id, (!just_made).then_some(&row.inputs), &mut way.lacks).await? {
            self.look(id, &mut way).await?;
        }
        Ok(way.arrived(self.schema, &aim))
    }

    /// Makes calls until nothing differs from the aim, or until the part of it that is to change alone
    /// does not. What no call removes is noted.
    ///
    /// False if the endpoint lacks what a call needs: it may have held back others.
    async fn approach(&self, id: &Id, aim: &Value, alone: Option<&Path>, way: &mut Way) -> Result<bool> {
        let aim = match alone {
            Some(path) => {
                let mut near = self.base(way);
                path.transplant(aim, &mut near);
                Cow::Owned(near)
            }
            None => Cow::Borrowed(aim),
        };
        let deadline = self.crew.clock.after(self.limits.update);
        let mut standstill = Standstill::new(Instant::now(), deadline);
        let settling: &[&[u64]] = if self.crew.skip_unsupported { &SETTLING_SOON } else { &SETTLING };
        let (mut calls, mut rounds, mut lost) = (0, 0, 0);
        loop {
            let left = self.left(way, &aim);
            if left.is_empty() {
                return Ok(true);
            }
            if rounds == settling.len() || calls == MOST_CALLS {
                if !self.crew.skip_unsupported {
                    return Err(self.not_taken(&left));
                }
                way.give_up(self.schema, &left, &aim);
                return Ok(true);
            }
            let shown = Live { inputs: self.base(way), ..way.live.clone() };
            // No call changes what replaces: it may only be late to show.
            let next = match left.iter().all(|d| d.replaces) {
                true => Ok(Next::Started),
                false => self.update(id, &aim, &shown).await,
            };
            let next = match next {
                Ok(next) => next,
                Err(error) if error.kind == Kind::Unsupported && self.crew.skip_unsupported => {
                    way.lacks.skip(error);
                    self.look(id, way).await?;
                    return Ok(false);
                }
                // It may have had its effect, and made again it might have another one.
                Err(error) if error.ambiguous && error.kind != Kind::Cancelled => {
                    self.crew.pause(self.at, error, &mut lost, deadline).await?;
                    self.look(id, way).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            calls += 1;
            lost = 0;
            let (seen, more) = match next {
                Next::Started => (None, false),
                Next::More(_) => (None, true),
                Next::Saw(live) => (Some(Seen::Ready(*live)), false),
                Next::Waits(word) => {
                    self.crew.wait_for_others(self.at, &word, self.limits.poll, &mut standstill).await?;
                    self.look(id, way).await?;
                    continue;
                }
                Next::Gone | Next::Later(_) | Next::Held(_) => {
                    return Err(Error::bug("an update answers like a deletion"));
                }
            };
            standstill.ends();
            if !more {
                match alone {
                    Some(path) => path.transplant(&aim, &mut way.applied),
                    None => way.applied = self.wanted.clone(),
                }
                way.lacks.take_back_hidden(self.schema, &left);
            }
            way.live = self.ready(id, &mut way.lacks, seen, false, self.limits.update).await?;
            for pause in settling[rounds] {
                if self.left(way, &aim) != left {
                    break;
                }
                self.crew.clock.sleep(Duration::from_millis(*pause)).await;
                self.look(id, way).await?;
            }
            rounds = if self.left(way, &aim) == left { rounds + 1 } else { 0 };
        }
    }

    /// Makes the changes one by one, so that what the endpoint lacks for one holds back no other.
    async fn go_without(&self, id: &Id, aim: &Value, way: &mut Way) -> Result<()> {
        let left = self.left(way, aim);
        if left.len() > 1 {
            for difference in &left {
                match self.approach(id, aim, Some(&difference.path), way).await {
                    Ok(true) => {}
                    Ok(false) => way.give_up(self.schema, std::slice::from_ref(difference), aim),
                    // It may be right only together with others.
                    Err(error) if error.kind == Kind::Invalid => {}
                    Err(error) => return Err(error),
                }
            }
            if self.approach(id, aim, None, way).await? {
                return Ok(());
            }
        }
        let left = self.left(way, aim);
        way.give_up(self.schema, &left, aim);
        Ok(())
    }

    async fn look(&self, id: &Id, way: &mut Way) -> Result<()> {
        way.live = self.ready(id, &mut way.lacks, None, false, self.limits.update).await?;
        Ok(())
    }

    /// What differs from the aim.
    fn left(&self, way: &Way, aim: &Value) -> Vec<Difference> {
        diff(&self.schema.inputs, &self.base(way), aim)
    }

    /// What a new resource is asked to have beside its defaults, which need no look.
    fn beside_defaults(&self) -> Want {
        let is_default = |(name, value): &(&String, &Value)| {
            let default = self.schema.inputs.get(name).and_then(|p| p.default.clone());
            default.is_some_and(|default| *value.bare() == Value::from_json(default))
        };
        let all = self.wanted.as_map().into_iter().flatten();
        let set = all.filter(|(_, value)| !value.is_null()).filter(|input| !is_default(input));
        Want::Only(set.map(|(name, _)| name.clone()).collect())
    }

    fn base(&self, way: &Way) -> Value {
        baseline(&self.schema.inputs, &way.live.inputs, &way.applied, &way.lacks.not_kept)
    }

    /// What is asked, with what the cloud shows where that stands.
    fn aim(&self, way: &Way) -> Cow<'_, Value> {
        if self.follows.is_empty() {
            return Cow::Borrowed(self.wanted);
        }
        let (base, mut aim) = (self.base(way), self.wanted.clone());
        for path in self.follows {
            path.transplant(&base, &mut aim);
        }
        Cow::Owned(aim)
    }

    /// Makes a call, and makes it again as long as it is known to have had no effect.
    async fn update(&self, id: &Id, aim: &Value, live: &Live) -> Result<Next> {
        let deadline = self.crew.clock.after(self.limits.update);
        let mut tries = 0;
        loop {
            let call = self.crew.cloud.update(self.at, id, aim, live);
            match self.crew.call(&self.at.urn, &self.at.kind, call).await {
                Ok(next) => return Ok(next),
                Err(error) if error.ambiguous => return Err(error),
                Err(error) => self.crew.pause(self.at, error, &mut tries, deadline).await?,
            }
        }
    }

    /// Waits until the resource is ready.
    async fn ready(
        &self,
        id: &Id,
        lacks: &mut Lacks,
        seen: Option<Seen<Live>>,
        just_made: bool,
        limit: Duration,
    ) -> Result<Live> {
        let clock = &self.crew.clock;
        let (since, deadline) = (Instant::now(), clock.after(limit));
        let visible_by = clock.after(INVISIBLE.min(limit));
        let mut next = seen;
        loop {
            let seen = match next.take() {
                Some(seen) => seen,
                None => self.read(id, lacks, deadline).await?,
            };
            let word = match seen {
                Seen::Ready(live) => return Ok(live),
                Seen::Failed(why) => return Err(self.failed(&why)),
                Seen::Pending(word) => word,
                Seen::Gone if just_made && !clock.passed(visible_by) => "not visible yet".into(),
                Seen::Gone => return Err(Error::new(Kind::NotFound, format!("`{id}` does not exist (any more)"))),
            };
            self.crew.wait(self.at, &word, self.limits.poll, since, deadline).await?;
        }
    }

    /// Waits until the resource has reached what it counts as done by, and tells whether that took a
    /// while. An endpoint that does not show it at once never will.
    async fn reach(&self, id: &Id, before: Option<&Value>, lacks: &mut Lacks) -> Result<bool> {
        let (crew, since) = (self.crew, Instant::now());
        let (mut tries, mut polls) = (0, 0);
        loop {
            let call = crew.cloud.awaits(self.at, id, self.wanted, before);
            let left = match crew.call(&self.at.urn, &self.at.kind, call).await {
                Ok(None) => return Ok(polls > 0),
                Ok(Some(left)) => left,
                Err(error) if error.kind == Kind::Unsupported && crew.skip_unsupported => {
                    lacks.skip(error);
                    return Ok(false);
                }
                Err(error) => {
                    crew.pause(self.at, error, &mut tries, since + self.limits.update).await?;
                    continue;
                }
            };
            if crew.skip_unsupported && polls > 0 {
                lacks.skip(Error::new(Kind::Unsupported, left.word));
                return Ok(true);
            }
            let hint = || format!("run again to go on waiting; `{}` sets another limit", left.limited_by);
            let wait = crew.wait(self.at, &left.word, self.limits.poll, since, since + left.limit).await;
            wait.map_err(|e| if e.kind == Kind::Timeout { e.hint(hint()) } else { e })?;
            polls += 1;
        }
    }

    /// A read may need an operation that the endpoint lacks and that a second one does without, such
    /// as the look whether a change has spread.
    async fn read(&self, id: &Id, lacks: &mut Lacks, deadline: Instant) -> Result<Seen<Live>> {
        let mut tries = 0;
        loop {
            let call = self.crew.cloud.read(&self.at.kind, std::slice::from_ref(id), &lacks.want);
            match self.crew.call(&self.at.urn, &self.at.kind, call).await {
                Ok(mut seen) => return Ok(seen.pop().unwrap_or(Seen::Gone)),
                Err(error) if self.crew.skip_unsupported && lacks.want.goes_without(&error, &self.schema.inputs) => {
                    if let Some(input) = &error.input {
                        lacks.note(input.clone());
                    }
                    lacks.skip(error);
                }
                Err(error) if self.crew.may_do_without(&error, &mut lacks.skipped) => {}
                Err(error) => self.crew.pause(self.at, error, &mut tries, deadline).await?,
            }
        }
    }

    fn failed(&self, why: &str) -> Error {
        Error::invalid(format!("the cloud says `{why}`")).hint(format!(
            "look at it there; `drctl state taint '{}'` makes the next `up` replace it",
            self.key.urn.name()
        ))
    }

    fn not_taken(&self, left: &[Difference]) -> Error {
        let paths = left.iter().map(|d| format!("`{}`", d.path)).collect::<Vec<_>>().join(", ");
        Error::bug(format!("{} took the update but still shows other values of {paths}", self.schema.token))
            .hint("on an emulator, `--skip-unsupported` goes on without what the endpoint does not keep")
    }
}

/// The inputs that any of these give: one that is given no more may still be set in the cloud.
fn given(inputs: &[&Value]) -> Want {
    let all = inputs.iter().filter_map(|v| v.as_map()).flatten();
    Want::Only(all.filter(|(_, value)| !value.is_null()).map(|(name, _)| name.clone()).collect())
}

/// How far a resource has come.
struct Way {
    live: Live,
    /// The inputs applied last, for those that the cloud does not show.
    applied: Value,
    lacks: Lacks,
}

impl Way {
    /// Takes differences that no call removes for made, and notes their places.
    fn give_up(&mut self, schema: &TypeSchema, left: &[Difference], aim: &Value) {
        for difference in left {
            difference.path.transplant(aim, &mut self.applied);
            self.lacks.note(schema.inputs.pattern_of(&difference.path).to_string());
        }
    }

    fn arrived(mut self, schema: &TypeSchema, aim: &Value) -> Arrived {
        self.lacks.take_back_shown(&diff(&schema.inputs, &self.live.inputs, aim));
        Arrived { live: self.live, not_kept: self.lacks.not_kept, skipped: self.lacks.skipped }
    }
}

/// What the endpoint was found to lack, and what it is therefore not asked for.
struct Lacks {
    want: Want,
    not_kept: Vec<String>,
    skipped: Vec<String>,
}

impl Lacks {
    /// What earlier runs found, to be looked at again.
    fn so_far(want: Want, row: &Row) -> Self {
        let (not_kept, skipped) = (row.not_kept.clone(), row.skipped.clone());
        let places = not_kept.iter().filter_map(|place| Path::parse(place).ok());
        let want = match want {
            Want::Only(names) => {
                let again = places.filter_map(|place| place.root().map(str::to_owned));
                Want::Only(names.into_iter().chain(again).collect())
            }
            Want::All => Want::All,
        };
        Self { want, not_kept, skipped }
    }

    fn note(&mut self, place: String) {
        if !self.not_kept.contains(&place) {
            self.not_kept.push(place);
        }
    }

    fn skip(&mut self, error: Error) {
        let operation = error.operation.unwrap_or(error.message);
        if !self.skipped.contains(&operation) {
            self.skipped.push(operation);
        }
    }

    /// An input that the cloud never shows is kept as far as anybody can tell once a call has taken it.
    fn take_back_hidden(&mut self, schema: &TypeSchema, taken: &[Difference]) {
        let hidden = |d: &&Difference| {
            let input = d.path.root().and_then(|name| schema.inputs.get(name));
            input.is_some_and(|input| input.write_only)
        };
        let taken: Vec<&Difference> = taken.iter().filter(hidden).collect();
        self.not_kept.retain(|place| !taken.iter().any(|d| touches(place, d)));
    }

    /// What was looked for and does not differ any more is kept by now.
    fn take_back_shown(&mut self, differences: &[Difference]) {
        let Self { want, not_kept, .. } = self;
        let looked_for =
            |place: &str| Path::parse(place).is_ok_and(|path| path.root().is_some_and(|name| want.has(name)));
        not_kept.retain(|place| !looked_for(place) || differences.iter().any(|d| touches(place, d)));
    }
}

fn touches(place: &str, difference: &Difference) -> bool {
    Path::parse(place).is_ok_and(|pattern| pattern.touches(&difference.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_is_given_no_more_is_read_too() {
        let wanted = serde_json::json!({ "name": "a", "policy": null }).into();
        let before = serde_json::json!({ "name": "a", "rotation": true }).into();
        let want = given(&[&wanted, &before]);
        assert!(want.has("name") && want.has("rotation") && !want.has("policy"));
    }
}
