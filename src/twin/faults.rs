//! What tests and drills make go wrong, and the log of all calls.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::error::{Error, Kind, Result};
use crate::engine::urn::Place;
use crate::engine::value::Value;
use crate::twin::HOME;
use crate::twin::refusal::Operation;

/// One call, as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub operation: Operation,
    /// The token of the type or of the function.
    pub token: String,
    /// The region, or `global`.
    pub place: String,
    /// The URN of a changing call, the ids of a read.
    pub subject: String,
}

impl Call {
    /// The region that answers it; none for what any region can answer.
    pub(super) fn seat(&self) -> Option<&str> {
        match (self.place.as_str(), self.operation) {
            (_, Operation::Identity) | (Place::GLOBAL, Operation::Invoke) => None,
            (Place::GLOBAL, _) => Some(HOME),
            (region, _) => Some(region),
        }
    }
}

impl fmt::Display for Call {
    /// `create test:index:Thing a`: the operation, the token, and the name or the ids.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.subject.rsplit("::").next().unwrap_or_default();
        let text = format!("{} {} {subject}", self.operation.word(), self.token);
        f.write_str(text.trim_end())
    }
}

/// Which calls a fault is for. Without any condition it is for all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    operation: Option<Operation>,
    token: Option<String>,
    subject: Option<String>,
    place: Option<String>,
}

impl Calls {
    /// Every call.
    pub fn all() -> Self {
        Self::default()
    }

    /// Calls that do this.
    pub fn to(operation: Operation) -> Self {
        Self { operation: Some(operation), ..Self::default() }
    }

    /// Only for this type or function.
    #[must_use]
    pub fn of(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }

    /// Only for the resource whose URN, name or id ends in this text.
    #[must_use]
    pub fn on(self, subject: &str) -> Self {
        Self { subject: Some(subject.to_owned()), ..self }
    }

    /// Only in this region.
    #[must_use]
    pub fn within(self, place: &str) -> Self {
        Self { place: Some(place.to_owned()), ..self }
    }

    fn hold(&self, call: &Call) -> bool {
        self.operation.is_none_or(|o| o == call.operation)
            && self.token.as_ref().is_none_or(|t| *t == call.token)
            && self.subject.as_ref().is_none_or(|s| call.subject.ends_with(s.as_str()))
            && self.place.as_ref().is_none_or(|p| *p == call.place)
    }
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has no effect.
    Fails(Kind),
    /// It has its effect, and the answer is lost.
    AnswerLost(Kind),
    /// A create has its effect, but what it makes will never be ready.
    Spoils,
    /// An update has no effect and asks for another round.
    Ignores,
    /// It has no effect and no end.
    Hangs,
    /// It has its effect and no end.
    HangsAfterwards,
}

/// What is to go wrong. All of it may be changed while a run goes on.
#[derive(Debug, Default)]
pub struct Faults {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    planned: Vec<Planned>,
    cut: BTreeSet<String>,
    /// Inputs that no operation changes, by the token of their type.
    lacking: Vec<(String, String)>,
    /// Calls that still get an answer before the process dies.
    left: Option<Left>,
    log: Vec<Call>,
    counts: HashMap<Operation, usize>,
}

#[derive(Debug)]
struct Planned {
    calls: Calls,
    /// Matching calls that pass before it strikes.
    after: usize,
    times: usize,
    fault: Fault,
}

#[derive(Debug)]
struct Left {
    answers: usize,
    /// Whether the call after the last answer still has its effect.
    effect: bool,
}

impl Faults {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Strikes the `nth` matching call from now on, counted from 1.
    pub fn strike(&self, calls: Calls, nth: usize, fault: Fault) {
        self.inner().planned.push(Planned { calls, after: nth.saturating_sub(1), times: 1, fault });
    }

    /// Refuses the next `times` matching calls with "too many requests".
    pub fn throttle(&self, calls: Calls, times: usize) {
        self.inner().planned.push(Planned { calls, after: 0, times, fault: Fault::Fails(Kind::Throttled) });
    }

    /// Gives the next `times` matching updates no effect, though it says nothing of it.
    pub fn ignore(&self, calls: Calls, times: usize) {
        self.inner().planned.push(Planned { calls, after: 0, times, fault: Fault::Ignores });
    }

    /// From now on there is no operation that changes this input of a type.
    pub fn lack(&self, token: &str, input: &str) {
        self.inner().lacking.push((token.to_owned(), input.to_owned()));
    }

    /// The inputs of a type that no operation changes.
    pub(super) fn lacking(&self, token: &str) -> Vec<String> {
        let inner = self.inner();
        inner.lacking.iter().filter(|(of, _)| of == token).map(|(_, input)| input.clone()).collect()
    }

    /// Lets no call to the region through: nobody answers there. With the home of global services,
    /// those are cut off too.
    pub fn cut(&self, region: &str) {
        self.inner().cut.insert(region.to_owned());
    }

    /// Lets calls to the region through again.
    pub fn heal(&self, region: &str) {
        self.inner().cut.remove(region);
    }

    /// After so many more answers, no call has an effect or an end: the process was killed between
    /// two calls.
    pub fn die_after(&self, answers: usize) {
        self.inner().left = Some(Left { answers, effect: false });
    }

    /// As [`Faults::die_after`], but the call after the last answer still has its effect: the process
    /// was killed while it waited for that answer.
    pub fn die_during(&self, answers: usize) {
        self.inner().left = Some(Left { answers, effect: true });
    }

    /// Forgets every fault; the log stays.
    pub fn clear(&self) {
        let mut inner = self.inner();
        inner.planned.clear();
        inner.cut.clear();
        inner.lacking.clear();
        inner.left = None;
    }

    /// All calls so far, those that failed too.
    pub(super) fn log(&self) -> Vec<Call> {
        self.inner().log.clone()
    }

    pub(super) fn count(&self, operation: Operation) -> usize {
        self.inner().counts.get(&operation).copied().unwrap_or_default()
    }

    pub(super) fn forget_log(&self) {
        let mut inner = self.inner();
        inner.log.clear();
        inner.counts.clear();
    }

    /// Writes the call down and says what happens to it.
    pub(super) fn meet(&self, call: Call) -> Option<Fault> {
        let mut inner = self.inner();
        *inner.counts.entry(call.operation).or_default() += 1;
        let dead = match &mut inner.left {
            Some(left) if left.answers > 0 => {
                left.answers -= 1;
                None
            }
            Some(left) => Some(match std::mem::take(&mut left.effect) {
                true => Fault::HangsAfterwards,
                false => Fault::Hangs,
            }),
            None => None,
        };
        let fault = dead
            .or_else(|| {
                call.seat().filter(|region| inner.cut.contains(*region)).map(|_| Fault::Fails(Kind::Unreachable))
            })
            .or_else(|| inner.planned(&call));
        inner.log.push(call);
        fault
    }
}

impl Inner {
    fn planned(&mut self, call: &Call) -> Option<Fault> {
        let mut struck = None;
        for planned in &mut self.planned {
            if !planned.calls.hold(call) || planned.times == 0 {
                continue;
            }
            if planned.after > 0 {
                planned.after -= 1;
            } else if struck.is_none() {
                planned.times -= 1;
                struck = Some(planned.fault);
            }
        }
        self.planned.retain(|p| p.times > 0);
        struck
    }
}

/// Refuses an update that needs an operation that there is not.
pub(super) fn refuse_lacking(lacking: &[String], live: &Value, wanted: &Value) -> Result<()> {
    let value = |of: &Value, input: &str| of.get(input).map(Value::bare).cloned();
    match lacking.iter().find(|input| value(live, input) != value(wanted, input)) {
        Some(input) => {
            let operation = Some(format!("test:Change{}{}", input[..1].to_uppercase(), &input[1..]));
            Err(Error { operation, ..error(Kind::Unsupported) })
        }
        None => Ok(()),
    }
}

/// The error of a call that a fault struck. Nobody can tell a lost answer from a lost call, so
/// outages and timeouts are always ambiguous.
pub(super) fn error(kind: Kind) -> Error {
    let (code, message) = match kind {
        Kind::Throttled => ("ThrottlingException", "too many calls"),
        Kind::Outage => ("ServiceUnavailable", "the service cannot answer now"),
        Kind::Unauthenticated => ("ExpiredToken", "the security token included in the request is expired"),
        Kind::Timeout => ("RequestTimeout", "the answer did not come in time"),
        Kind::Denied => ("AccessDenied", "not allowed to make this call"),
        _ => ("SimulatedFault", "the call fails because the twin was told so"),
    };
    if kind == Kind::Unreachable {
        return Error { ambiguous: true, ..Error::new(kind, "nobody answers") };
    }
    let ambiguous = matches!(kind, Kind::Outage | Kind::Timeout);
    Error { code: Some(code.to_owned()), ambiguous, ..Error::new(kind, message) }
}
