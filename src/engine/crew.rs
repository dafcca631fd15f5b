//! What all steps of a run share: the cloud and its limits, the clock, patience, and the way to stop.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::engine::clock::Clock;
use crate::engine::error::{Error, Kind, Result};
use crate::engine::event::{Event, Sink};
use crate::engine::ledger::Ledger;
use crate::engine::provider::{At, Identity, KindAt, Provider};
use crate::engine::stop::Stop;
use crate::engine::urn::{Place, Urn};
use crate::engine::youth::depends_on_the_young;

/// Longest time that one call may take, with the retries that the provider makes by itself.
const CALL_LIMIT: Duration = Duration::from_secs(300);
/// How often a call that has no answer yet, or that the provider repeats by itself, says so.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// First pause after a failure that may pass, doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Pauses while something that was just made or removed becomes known everywhere, together about a minute.
const SPREADING: [Duration; 6] = [
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(6),
    Duration::from_secs(10),
    Duration::from_secs(15),
    Duration::from_secs(20),
];
/// How often a call is tried that failed without a word of the cloud about why.
const OUTAGE_TRIES: u32 = 6;

/// Shared by all steps of a run. Cheap to clone.
#[derive(Clone)]
pub struct Crew {
    pub cloud: Arc<dyn Provider>,
    pub ledger: Ledger,
    pub sink: Sink,
    pub clock: Clock,
    pub stop: Stop,
    pub skip_unsupported: bool,
    identity: Identity,
    parallel: usize,
    gates: Arc<Mutex<HashMap<Place, Arc<Semaphore>>>>,
    /// Steps that run, and those of them that wait for another resource to move.
    running: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
}

impl Crew {
    pub fn new(
        cloud: Arc<dyn Provider>,
        ledger: Ledger,
        sink: Sink,
        clock: Clock,
        stop: Stop,
        identity: Identity,
        settings: &crate::engine::settings::Settings,
    ) -> Self {
        Self {
            cloud,
            ledger,
            sink,
            clock,
            stop,
            skip_unsupported: settings.skip_unsupported,
            identity,
            parallel: settings.parallel.max(1),
            gates: Arc::default(),
            running: Arc::default(),
            waiting: Arc::default(),
        }
    }

    /// Counts a step as running for as long as the guard lives.
    pub fn join(&self) -> Member {
        self.running.fetch_add(1, Ordering::SeqCst);
        Member(Arc::clone(&self.running))
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The region that answers for a type in a place, if nothing is tried there any more, and why. What
    /// lives in the state needs none.
    pub fn lost(&self, ty: &str, place: &Place) -> Option<(String, Error)> {
        let local = self.cloud.catalog().find(ty).is_some_and(|schema| schema.facts.local);
        let region = Some(self.identity.seat(place)).filter(|_| !local)?;
        self.cloud.reach().check(region).err().map(|why| (region.to_owned(), why))
    }

    /// Makes one call, within the limit of its place and the longest time for a call. Quotas of a
    /// single service are the provider's business, and so are calls that go out joined.
    ///
    /// # Errors
    /// Those of the call; a call that does not answer may have had its effect. A call to a region
    /// that is lost is not made, nor one for a stack that another run may have taken over.
    pub async fn call<T>(&self, urn: &Urn, kind: &KindAt, call: impl Future<Output = Result<T>>) -> Result<T> {
        let joined = self.cloud.catalog().find(&kind.ty).is_some_and(|schema| schema.facts.joined);
        let gate = (!joined).then(|| self.gate(&kind.place));
        let _permit = match &gate {
            Some(gate) => Some(gate.acquire().await.map_err(|_| Error::bug("the limit of a region was closed"))?),
            None => None,
        };
        if let Some((_, why)) = self.lost(&kind.ty, &kind.place) {
            return Err(why);
        }
        let since = Instant::now();
        let fence = &self.cloud.reach().fence;
        if fence.check().is_err() {
            self.say_waiting(urn, "waiting for a sign of life of the stack's lock", since);
            fence.passed().await?;
        }
        let call = tokio::time::timeout(CALL_LIMIT, call);
        tokio::pin!(call);
        loop {
            tokio::select! {
                answer = &mut call => return answer.unwrap_or_else(|_| Err(no_answer())),
                () = self.stop.pressed_twice() => return Err(Error { ambiguous: true, ..cancelled() }),
                () = self.clock.sleep(SIGN_OF_LIFE) => {
                    let region = self.identity.seat(&kind.place);
                    self.say_waiting(urn, &self.cloud.reach().word(region, since), since);
                }
            }
        }
    }

    fn gate(&self, place: &Place) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(place.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.parallel))))
    }

    /// Waits until the next poll is due. Polls of all steps fall on the same instants, so that reads
    /// of many resources become one call.
    ///
    /// # Errors
    /// If the deadline has passed, or the user wants to stop.
    pub async fn wait(&self, at: &At, word: &str, every: Duration, since: Instant, deadline: Instant) -> Result<()> {
        if self.clock.passed(deadline) {
            let waited = deadline.saturating_duration_since(since).as_secs();
            return Err(Error::new(Kind::Timeout, format!("still `{word}` after {waited} s"))
                .hint("run again to go on waiting; `customTimeouts` sets another limit"));
        }
        self.say_waiting(&at.urn, word, since);
        tokio::select! {
            () = self.clock.sleep(self.clock.until_next(every)) => Ok(()),
            () = self.stop.pressed() => Err(cancelled()),
        }
    }

    fn say_waiting(&self, urn: &Urn, word: &str, since: Instant) {
        let since = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.sink.send(Event::Waiting { urn: urn.clone(), word: word.to_owned(), since });
    }

    /// Whether a call that failed for what the endpoint lacks is worth one more try without it. It is
    /// remembered as skipped.
    pub fn may_do_without(&self, error: &Error, skipped: &mut Vec<String>) -> bool {
        let what = error.operation.as_ref().unwrap_or(&error.message);
        let may = error.kind == Kind::Unsupported && self.skip_unsupported && !skipped.contains(what);
        if may {
            skipped.push(what.clone());
        }
        may
    }

    /// Whether a refusal may only mean that a service does not know yet of what was made a moment ago.
    fn depends_on_the_young(&self, urn: &Urn, error: &Error) -> bool {
        !error.young.is_empty() && depends_on_the_young(&self.ledger.state(), urn, error.young, self.clock.now())
    }

    /// Pauses after a failure that may pass.
    ///
    /// # Errors
    /// The failure itself if it is not worth another try.
    pub async fn pause(&self, at: &At, error: Error, tries: &mut u32, deadline: Instant) -> Result<()> {
        *tries += 1;
        if error.kind == Kind::Unreachable
            && let Some((_, why)) = self.lost(&at.kind.ty, &at.kind.place)
        {
            return Err(Error { ambiguous: error.ambiguous, operation: error.operation, ..why });
        }
        let spreads = error.kind == Kind::Spreading || self.depends_on_the_young(&at.urn, &error);
        let worth_it = match error.kind {
            _ if spreads => (*tries as usize) <= SPREADING.len(),
            Kind::Throttled | Kind::Busy => true,
            Kind::Outage | Kind::Unreachable | Kind::Timeout => *tries < OUTAGE_TRIES,
            _ => false,
        };
        let pause = match error.kind {
            _ if spreads => SPREADING[(*tries as usize - 1).min(SPREADING.len() - 1)],
            _ => FIRST_PAUSE.saturating_mul(1 << (*tries).min(10)).min(LONGEST_PAUSE) / 2,
        };
        if !worth_it || self.clock.passed(deadline) {
            return Err(error);
        }
        let wait = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.sink.send(Event::Retrying { urn: at.urn.clone(), error: error.to_string(), attempt: *tries, wait });
        tokio::select! {
            () = self.clock.sleep(pause) => Ok(()),
            () = self.stop.pressed() => Err(error),
        }
    }

    /// Waits for another resource of the same run to move. What ended just before a round may be what was
    /// waited for, so the caller asks again.
    ///
    /// # Errors
    /// If every running step waits like this for a second round, so that nothing will move any more.
    pub async fn wait_for_others(
        &self,
        at: &At,
        word: &str,
        every: Duration,
        standstill: &mut Standstill,
    ) -> Result<()> {
        let nobody_moves = || self.waiting.load(Ordering::SeqCst) >= self.running.load(Ordering::SeqCst);
        let waiting = Member::enter(&self.waiting);
        // Asked before and after the pause: a step that ends during it may be the one waited for, and
        // the one that follows it has then had the time to start.
        let before = nobody_moves();
        let rest = self.wait(at, word, every, standstill.since, standstill.deadline).await;
        let stuck = before && nobody_moves();
        drop(waiting);
        rest?;
        standstill.idle = if stuck { standstill.idle + 1 } else { 0 };
        if standstill.idle > 1 {
            return Err(Error::new(Kind::Busy, format!("waits for {word}, and nothing else is running")));
        }
        Ok(())
    }
}

/// How long a step waits for others, and how often in a row none of them moved.
pub struct Standstill {
    since: Instant,
    deadline: Instant,
    idle: u32,
}

impl Standstill {
    pub fn new(since: Instant, deadline: Instant) -> Self {
        Self { since, deadline, idle: 0 }
    }

    /// The step itself moved, for which others may have waited.
    pub fn ends(&mut self) {
        self.idle = 0;
    }
}

/// A step that is counted until this is dropped.
pub struct Member(Arc<AtomicUsize>);

impl Member {
    fn enter(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counter))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn no_answer() -> Error {
    let text = format!("no answer within {} s", CALL_LIMIT.as_secs());
    Error { ambiguous: true, ..Error::new(Kind::Timeout, text) }
}

fn cancelled() -> Error {
    Error::new(Kind::Cancelled, "stopped by the user").hint("run again: what was begun is taken up where it is")
}
