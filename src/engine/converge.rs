//! Brings one resource to the inputs asked for: create, wait, compare, update, wait.
//!
//! The one algorithm behind create, update, import and every continuation after a crash: the cloud
//! shows what is there, and only what differs is called for.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::crew::Crew;
use crate::engine::diff::{Difference, baseline, diff};
use crate::engine::error::{Error, Kind, Result};
use crate::engine::observe;
use crate::engine::path::Path;
use crate::engine::provider::{At, Live, Made, Next};
use crate::engine::resource::{FoundBy, Limits, Seen, Want};
use crate::engine::schema::TypeSchema;
use crate::engine::state::{Key, Row};
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// How long a resource that was just made may stay invisible: reads of some services lag behind.
const INVISIBLE: Duration = Duration::from_secs(120);
/// Pauses before an update that shows no effect is called again, and before it is given up.
const SETTLING: [&[u64]; 2] = [&[500, 1500], &[1000, 3000, 5000]];
/// A type that needs more calls than that for one change goes round in circles.
const MOST_CALLS: usize = 40;
/// Pauses between looks for what a create without an answer may have made.
const LOOKS: [u64; 3] = [0, 2000, 5000];

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
    /// Inputs that the endpoint accepted and does not show.
    pub not_kept: Vec<String>,
    /// Operations that the endpoint lacks.
    pub skipped: Vec<String>,
}

impl Journey<'_> {
    /// Makes the resource, or finds the one that a create without an answer has made.
    ///
    /// # Errors
    /// Those of the call. `ambiguous` tells whether it may still have had an effect.
    pub async fn create(&self) -> Result<Made> {
        let deadline = self.crew.clock.after(self.limits.create);
        let mut tries = 0;
        loop {
            let call = self.crew.cloud.create(self.at, self.wanted);
            let error = match self.crew.call(&self.at.urn, &self.at.kind, call).await {
                Ok(made) => return Ok(made),
                Err(error) if error.kind == Kind::Cancelled => return Err(error),
                Err(error) => error,
            };
            if error.ambiguous
                && let Some(id) = self.look_for_it(&error, deadline).await?
            {
                return Ok(Made { id, seen: None });
            }
            self.crew.pause(self.at, error, &mut tries, deadline).await?;
        }
    }

    /// A type that is found by its token needs no look: the next create gives the same resource.
    async fn look_for_it(&self, error: &Error, deadline: Instant) -> Result<Option<Id>> {
        if self.schema.facts.found_by == FoundBy::Token {
            return Ok(None);
        }
        for pause in LOOKS {
            self.crew.clock.sleep(Duration::from_millis(pause)).await;
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

    async fn find(&self, deadline: Instant) -> Result<Vec<Id>> {
        let mut tries = 0;
        loop {
            let look = self.crew.cloud.find(self.at, self.wanted);
            match self.crew.call(&self.at.urn, &self.at.kind, look).await {
                Ok(ids) => return Ok(ids),
                Err(error) => self.crew.pause(self.at, error, &mut tries, deadline).await?,
            }
        }
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
        let mut applied = if just_made { self.wanted.clone() } else { row.inputs.clone() };
        let want = if just_made { self.beside_defaults() } else { given(&[self.wanted, &row.inputs]) };
        let (mut not_kept, mut skipped) = (row.not_kept.clone(), row.skipped.clone());
        let mut live = self.ready(id, &want, seen, just_made, limit, &mut skipped).await?;
        let aim = self.aim(&live, &applied, &not_kept);
        let differences = |live: &Live, applied: &Value, not_kept: &[String]| {
            diff(&self.schema.inputs, &self.base(live, applied, not_kept), &aim)
        };
        let (since, deadline) = (Instant::now(), self.crew.clock.after(self.limits.update));
        let (mut calls, mut rounds) = (0, 0);
        loop {
            let left = differences(&live, &applied, &not_kept);
            if left.is_empty() {
                return Ok(Arrived { live, not_kept, skipped });
            }
            if rounds == SETTLING.len() || calls == MOST_CALLS {
                if !self.crew.skip_unsupported {
                    return Err(self.not_taken(&left));
                }
                not_kept.extend(roots(&left));
                return Ok(Arrived { live, not_kept, skipped });
            }
            let shown = Live { inputs: self.base(&live, &applied, &[]), ..live.clone() };
            let next = match self.update(id, &aim, &shown).await {
                Ok(next) => next,
                Err(error) if error.kind == Kind::Unsupported && self.crew.skip_unsupported => {
                    skipped.push(error.operation.unwrap_or(error.message));
                    not_kept.extend(roots(&left));
                    applied = self.wanted.clone();
                    calls += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            calls += 1;
            let (seen, more) = match next {
                Next::Started => (None, false),
                Next::More(_) => (None, true),
                Next::Saw(live) => (Some(Seen::Ready(*live)), false),
                Next::Waits(word) => {
                    self.crew.wait_for_others(self.at, &word, self.limits.poll, since, deadline).await?;
                    live = self.ready(id, &want, None, false, self.limits.update, &mut skipped).await?;
                    continue;
                }
                Next::Gone | Next::Later(_) => return Err(Error::bug("an update answers like a deletion")),
            };
            if !more {
                applied = self.wanted.clone();
            }
            live = self.ready(id, &want, seen, false, self.limits.update, &mut skipped).await?;
            for pause in SETTLING[rounds] {
                if differences(&live, &applied, &not_kept) != left {
                    break;
                }
                self.crew.clock.sleep(Duration::from_millis(*pause)).await;
                live = self.ready(id, &want, None, false, self.limits.update, &mut skipped).await?;
            }
            rounds = if differences(&live, &applied, &not_kept) == left { rounds + 1 } else { 0 };
        }
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

    fn base(&self, live: &Live, applied: &Value, not_kept: &[String]) -> Value {
        baseline(&self.schema.inputs, &live.inputs, applied, not_kept)
    }

    /// What is asked, with what the cloud shows where that stands.
    fn aim(&self, live: &Live, applied: &Value, not_kept: &[String]) -> Cow<'_, Value> {
        if self.follows.is_empty() {
            return Cow::Borrowed(self.wanted);
        }
        let (base, mut aim) = (self.base(live, applied, not_kept), self.wanted.clone());
        for path in self.follows {
            path.transplant(&base, &mut aim);
        }
        Cow::Owned(aim)
    }

    async fn update(&self, id: &Id, aim: &Value, live: &Live) -> Result<Next> {
        let deadline = self.crew.clock.after(self.limits.update);
        let mut tries = 0;
        loop {
            let call = self.crew.cloud.update(self.at, id, aim, live);
            match self.crew.call(&self.at.urn, &self.at.kind, call).await {
                Ok(next) => return Ok(next),
                Err(error) => self.crew.pause(self.at, error, &mut tries, deadline).await?,
            }
        }
    }

    /// Waits until the resource is ready.
    async fn ready(
        &self,
        id: &Id,
        want: &Want,
        seen: Option<Seen<Live>>,
        just_made: bool,
        limit: Duration,
        skipped: &mut Vec<String>,
    ) -> Result<Live> {
        let clock = &self.crew.clock;
        let (since, deadline) = (Instant::now(), clock.after(limit));
        let visible_by = clock.after(INVISIBLE.min(limit));
        let mut next = seen;
        loop {
            let seen = match next.take() {
                Some(seen) => seen,
                None => self.read(id, want, deadline, skipped).await?,
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

    /// A read may need an operation that the endpoint lacks and that a second one does without, such
    /// as the look whether a change has spread.
    async fn read(&self, id: &Id, want: &Want, deadline: Instant, skipped: &mut Vec<String>) -> Result<Seen<Live>> {
        let mut tries = 0;
        loop {
            let call = self.crew.cloud.read(&self.at.kind, std::slice::from_ref(id), want);
            match self.crew.call(&self.at.urn, &self.at.kind, call).await {
                Ok(mut seen) => return Ok(seen.pop().unwrap_or(Seen::Gone)),
                Err(error) if self.crew.may_do_without(&error, skipped) => {}
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

fn roots(left: &[Difference]) -> Vec<String> {
    let mut roots: Vec<String> = left.iter().filter_map(|d| d.path.root().map(str::to_owned)).collect();
    roots.dedup();
    roots
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
