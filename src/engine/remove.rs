//! Brings one resource to its end: delete, wait, delete again where the cloud wants several calls.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::engine::crew::{Crew, Standstill};
use crate::engine::error::{Error, Kind, Result};
use crate::engine::provider::{At, Live, Next};
use crate::engine::resource::{Hold, Limits, Seen, Want};
use crate::engine::schema::TypeSchema;
use crate::engine::state::{Key, Row};
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// After that time a resource that still looks untouched is deleted once more.
const UNTOUCHED: Duration = Duration::from_secs(60);

/// How often something is tried that is held by what goes by itself.
const LET_GO: Duration = Duration::from_secs(10);

/// How many users are told by name.
const NAMED: usize = 3;

/// How a removal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    Gone,
    /// It is still there: the cloud allows its deletion from then on.
    Later(Timestamp),
}

/// Until when something is held.
#[derive(Debug, Clone, Copy)]
struct Grip {
    /// It usually is free by then.
    usually: Instant,
    deadline: Instant,
}

/// One resource on its way out.
pub struct Removal<'a> {
    pub crew: &'a Crew,
    pub at: &'a At,
    pub schema: &'a TypeSchema,
    pub limits: Limits,
    /// Whether the program sets the limit for the deletion.
    pub limited: bool,
    pub key: &'a Key,
    /// The inputs applied last, which steer the deletion.
    pub applied: &'a Value,
}

impl Removal<'_> {
    /// Deletes it and waits until it is gone. One that is gone already is a success, and nobody waits
    /// for what the cloud allows only hours later.
    ///
    /// # Errors
    /// If the cloud refuses, or the deadline passes.
    pub async fn remove(&self, id: &Id) -> Result<Removed> {
        let clock = &self.crew.clock;
        let (since, deadline) = (Instant::now(), clock.after(self.limits.delete));
        let mut live = if self.schema.facts.look_before_delete {
            match self.read(id, deadline).await? {
                Seen::Gone => return Ok(Removed::Gone),
                Seen::Ready(live) => Some(live),
                Seen::Pending(_) | Seen::Failed(_) => None,
            }
        } else {
            None
        };
        let mut standstill = Standstill::new(since, deadline);
        let mut grip: Option<Grip> = None;
        loop {
            let deadline = grip.map_or(deadline, |grip| deadline.max(grip.deadline));
            let word = match self.delete(id, live.as_ref(), deadline).await? {
                Next::Gone => return Ok(Removed::Gone),
                Next::Later(long) => return Ok(Removed::Later(after(clock.now(), long))),
                Next::Waits(word) => {
                    self.crew.wait_for_others(self.at, &word, self.limits.poll, &mut standstill).await?;
                    match self.read(id, deadline).await? {
                        Seen::Gone => return Ok(Removed::Gone),
                        Seen::Ready(seen) => live = Some(seen),
                        Seen::Pending(_) | Seen::Failed(_) => live = None,
                    }
                    continue;
                }
                Next::Held(hold) => {
                    standstill.ends();
                    let grip = grip.get_or_insert_with(|| Grip {
                        usually: clock.after(hold.usually),
                        deadline: if self.limited { deadline } else { clock.after(hold.longest) },
                    });
                    self.wait_to_be_let_go(hold, *grip, since).await?;
                    continue;
                }
                Next::More(word) => Some(word),
                Next::Started | Next::Saw(_) => None,
            };
            standstill.ends();
            let call_again = clock.after(UNTOUCHED);
            loop {
                match self.read(id, deadline).await? {
                    Seen::Gone => return Ok(Removed::Gone),
                    Seen::Ready(seen) if word.is_some() || clock.passed(call_again) => {
                        live = Some(seen);
                        break;
                    }
                    Seen::Failed(_) if clock.passed(call_again) => {
                        live = None;
                        break;
                    }
                    Seen::Ready(_) => self.wait("deleting", since, deadline).await?,
                    Seen::Pending(seen) => self.wait(word.as_deref().unwrap_or(&seen), since, deadline).await?,
                    Seen::Failed(why) => self.wait(&why, since, deadline).await?,
                }
            }
        }
    }

    async fn wait_to_be_let_go(&self, hold: Hold, grip: Grip, since: Instant) -> Result<()> {
        let too_long = self.crew.clock.passed(grip.usually);
        let word = if too_long { format!("{}, longer than usual: {}", hold.by, hold.doubt) } else { hold.by };
        let ended = self.crew.wait(self.at, &word, LET_GO, since, grip.deadline).await;
        ended.map_err(|error| match error.kind {
            Kind::Timeout => {
                let users = self.users(|row| row.ty == hold.of);
                match users.is_empty() {
                    true if too_long => error.hint(hold.remedy),
                    true => error,
                    false => error.hint(still_used_by(&users)),
                }
            }
            _ => error,
        })
    }

    async fn wait(&self, word: &str, since: Instant, deadline: Instant) -> Result<()> {
        self.crew.wait(self.at, word, self.limits.poll, since, deadline).await
    }

    async fn delete(&self, id: &Id, live: Option<&Live>, deadline: Instant) -> Result<Next> {
        let mut tries = 0;
        loop {
            let call = self.crew.cloud.delete(self.at, id, self.applied, live);
            match self.crew.call(&self.at.urn, &self.at.kind, call).await {
                Ok(next) => return Ok(next),
                Err(error) if error.kind == Kind::NotFound => return Ok(Next::Gone),
                Err(error) => self
                    .crew
                    .pause(self.at, error, &mut tries, deadline)
                    .await
                    .map_err(|error| self.still_used(error))?,
            }
        }
    }

    fn still_used(&self, error: Error) -> Error {
        if !matches!(error.kind, Kind::Busy | Kind::Spreading) || error.hint.is_some() {
            return error;
        }
        let (users, companions) = (self.users(|_| true), names(&self.crew.ledger.companions(self.key)));
        match (users.is_empty(), companions.is_empty()) {
            (false, _) => error.hint(still_used_by(&users)),
            (true, false) => error.hint(left_to_it(&companions)),
            (true, true) => error.hint("something outside this stack still uses it: remove that, then run again"),
        }
    }

    /// The names of those of the stack that refer to it, by the state.
    fn users(&self, counts: impl Fn(&Row) -> bool) -> Vec<String> {
        let users = self.crew.ledger.users(self.key);
        names(&users.into_iter().filter(|row| counts(row)).collect::<Vec<_>>())
    }

    async fn read(&self, id: &Id, deadline: Instant) -> Result<Seen<Live>> {
        let want = Want::Only(Default::default());
        let (mut tries, mut skipped) = (0, Vec::new());
        loop {
            let call = self.crew.cloud.read(&self.at.kind, std::slice::from_ref(id), &want);
            match self.crew.call(&self.at.urn, &self.at.kind, call).await {
                Ok(mut seen) => return Ok(seen.pop().unwrap_or(Seen::Gone)),
                Err(error) if self.crew.may_do_without(&error, &mut skipped) => {}
                Err(error) => self.crew.pause(self.at, error, &mut tries, deadline).await?,
            }
        }
    }
}

fn after(now: Timestamp, long: Duration) -> Timestamp {
    now.saturating_add(SignedDuration::try_from(long).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
}

fn names(rows: &[Arc<Row>]) -> Vec<String> {
    rows.iter().map(|row| row.key.urn.name().to_owned()).collect()
}

/// The first names, and how many there are beside them.
fn some_of(names: &[String]) -> String {
    let some = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

/// The cloud may not delete what the program leaves to this deletion.
fn left_to_it(companions: &[String]) -> String {
    let (they, use_it) = if companions.len() == 1 { ("it goes", "uses") } else { ("they go", "use") };
    format!(
        "{} of this stack still {use_it} it, and {they} with it by `deletedWith`: if the cloud does not do that, take \
         the option away, run `drctl up`, then this again; otherwise something outside this stack uses it",
        some_of(companions)
    )
}

fn still_used_by(users: &[String]) -> String {
    let (names, use_it) = (some_of(users), if users.len() == 1 { "uses" } else { "use" });
    format!(
        "{names} of this stack still {use_it} it: take it out of there first, or declare what takes its place \
         under another name, so that it goes last"
    )
}
