//! An AWS in memory, at the boundary where the engine meets a cloud.
//!
//! `drctl up --local`, rehearsals, drills and the tests of the engine use it in the place of AWS. One
//! generic implementation serves every type: it checks inputs, references, names and tags by the
//! schemas of the [`Catalog`], makes up identifiers in AWS's form, and lets changes take the time that
//! [`Facts::takes`](crate::engine::resource::Facts) says, on a clock that may be virtual. What
//! schemas cannot say stands in `quirks`, a file for each rule of AWS.

mod accept;
mod cloud;
mod faults;
mod functions;
mod inspect;
mod late;
mod logbook;
mod naming;
mod outputs;
mod password;
mod persist;
mod policy;
mod quirks;
mod refer;
mod refusal;
mod row;
mod tags;
pub mod testing;
#[cfg(test)]
mod tests;
mod world;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use crate::engine::clock::Clock;
use crate::engine::error::{Kind, Result};
use crate::engine::provider::{At, Catalog, Identity, KindAt, Live, Made, Next, Provider};
use crate::engine::reach::Reach;
use crate::engine::resource::{Await, Seen, Want};
use crate::engine::state::State;
use crate::engine::urn::{Id, Place};
use crate::engine::value::Value;
use crate::twin::cloud::Cloud;
use crate::twin::logbook::Logbook;

pub use crate::twin::faults::{Call, Calls, Fault, Faults};
pub use crate::twin::inspect::Entry;
pub use crate::twin::refusal::Operation;

/// The account of the twin. AWS never issues it.
pub const ACCOUNT: &str = "000000000000";
/// The partition of the twin.
pub const PARTITION: &str = "aws";
/// The region in which the twin's global services are changed.
pub const HOME: &str = "us-east-1";

/// An AWS in memory.
#[derive(Debug)]
pub struct Twin {
    catalog: Arc<Catalog>,
    cloud: Mutex<Cloud>,
    faults: Faults,
    reach: Reach,
    clock: Clock,
    /// Never locked by whoever does not hold the cloud.
    logbook: Option<Mutex<Logbook>>,
}

impl Twin {
    /// An empty one that is kept nowhere.
    pub fn new(catalog: Arc<Catalog>, clock: Clock) -> Self {
        let cloud = Mutex::new(Cloud::new(Arc::clone(&catalog)));
        Self { catalog, cloud, faults: Faults::default(), reach: Reach::default(), clock, logbook: None }
    }

    /// The one that a file keeps, with what a log beside it tells of a run that was killed, or an empty one
    /// if there is neither yet.
    ///
    /// Its clock goes on where it stopped, or at `start` if that is later. The time returned is what
    /// it shows now: start the clock of the run with it, or take [`Twin::clock`].
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds a type that the catalog does not have.
    pub fn open(path: &Path, catalog: Arc<Catalog>, start: Timestamp) -> Result<(Self, Timestamp)> {
        let mut cloud = Cloud::new(Arc::clone(&catalog));
        let (logbook, kept) = Logbook::open(&mut cloud, path)?;
        let now = kept.map_or(start, |kept| kept.max(start));
        let (clock, logbook) = (Clock::starting(now), Some(Mutex::new(logbook)));
        let cloud = Mutex::new(cloud);
        Ok((Self { catalog, cloud, faults: Faults::default(), reach: Reach::default(), clock, logbook }, now))
    }

    /// From now on writes every change into a log beside the file that it was opened from before anybody
    /// hears of it, so that a process that is killed forgets nothing. Whoever calls this is the only one who
    /// changes the twin. Without a file, nothing is to be done.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn keep_log(&self) -> Result<()> {
        self.with_logbook(|logbook, cloud| logbook.begin(cloud))
    }

    /// Writes everything into the file that it was opened from, and empties the log; without a file, nothing
    /// is to be done.
    ///
    /// # Errors
    /// If the file cannot be written. Then the log still holds all that is not in it.
    pub fn save(&self) -> Result<()> {
        let now = self.now();
        self.with_logbook(|logbook, cloud| logbook.fold(cloud, now))
    }

    /// Removes the file of a twin and its log, which need not be readable.
    ///
    /// # Errors
    /// If one of them cannot be removed.
    pub fn discard(path: &Path) -> Result<()> {
        logbook::discard(path)
    }

    fn with_logbook(&self, work: impl FnOnce(&mut Logbook, &mut Cloud) -> Result<()>) -> Result<()> {
        let mut cloud = self.cloud();
        match &self.logbook {
            Some(logbook) => work(&mut logbook.lock().unwrap_or_else(PoisonError::into_inner), &mut cloud),
            None => Ok(()),
        }
    }

    /// Removes every resource, from the file too once it is saved. Faults, the log of calls and the
    /// clock stay.
    pub fn reset(&self) {
        *self.cloud() = Cloud::new(Arc::clone(&self.catalog));
    }

    /// Lets time pass, and happen what was to happen meanwhile. In a runtime with paused time it takes none.
    pub async fn advance(&self, long: Duration) {
        self.clock.sleep(long).await;
        drop(self.settled());
    }

    /// Does something after all that was to happen until now. What changed is written down before the
    /// caller hears of it.
    fn act<T>(&self, effect: impl FnOnce(&mut Cloud, Timestamp) -> Result<T>) -> Result<T> {
        let (mut cloud, now) = self.settled();
        let done = effect(&mut cloud, now);
        if let Some(logbook) = &self.logbook {
            logbook.lock().unwrap_or_else(PoisonError::into_inner).write(&mut cloud, now)?;
        }
        done
    }

    /// From now on reads and searches see a resource only so long after it was made, as in services that
    /// are eventually consistent.
    pub fn lag(&self, long: Duration) {
        self.cloud().lag = long;
    }

    /// From now on resources of a type count as done only that long after they are ready, and may take
    /// up to a limit for it.
    pub fn keep_late(&self, token: &str, late: SignedDuration, limit: Duration) {
        self.cloud().late.tell(token, late, limit);
    }

    /// Gives the resources of a state their secrets back, of which the file holds no more than hashes.
    /// To be called after [`Twin::open`], or secrets will show as changed. Values that do not fit their
    /// hashes are left alone, and so are resources that are not there.
    pub fn remind(&self, state: &State) {
        let (mut cloud, _) = self.settled();
        for row in state.rows.values() {
            if let Some(id) = &row.id {
                cloud.remind(&KindAt { ty: row.ty.clone(), place: row.place.clone() }, id, &row.inputs);
            }
        }
    }

    /// The clock by which it lives.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What its clock shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// All calls so far as text, such as `create aws:ec2/vpc:Vpc main`.
    pub fn calls(&self) -> Vec<String> {
        self.faults.log().iter().map(ToString::to_string).collect()
    }

    /// All calls so far as data.
    pub fn log(&self) -> Vec<Call> {
        self.faults.log()
    }

    /// How many calls there were of one operation.
    pub fn count(&self, operation: Operation) -> usize {
        self.faults.count(operation)
    }

    /// Starts the log and the counts of calls anew.
    pub fn forget_calls(&self) {
        self.faults.forget_log();
    }

    fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cloud after all that was to happen until now.
    fn settled(&self) -> (MutexGuard<'_, Cloud>, Timestamp) {
        let (mut cloud, now) = (self.cloud(), self.now());
        cloud.settle(now);
        (cloud, now)
    }

    async fn call<T>(&self, call: Call, effect: impl FnOnce(&mut Cloud, Timestamp) -> Result<T>) -> Result<T> {
        let happens = || self.act(effect);
        let seat = call.seat().map(str::to_owned);
        let began = tokio::time::Instant::now();
        if let Some(region) = &seat {
            self.reach.check(region)?;
        }
        let fault = self.faults.meet(call);
        if let Some(region) = &seat {
            match fault {
                Some(Fault::Fails(Kind::Unreachable) | Fault::AnswerLost(Kind::Unreachable)) => {
                    self.reach.unanswered(region, began);
                }
                Some(Fault::Hangs | Fault::HangsAfterwards) => {}
                _ => self.reach.answered(region),
            }
        }
        match fault {
            None => happens(),
            Some(Fault::Fails(kind)) => Err(faults::error(kind)),
            Some(Fault::AnswerLost(kind)) => {
                happens()?;
                Err(crate::engine::error::Error { ambiguous: true, ..faults::error(kind) })
            }
            Some(Fault::Spoils) => {
                self.cloud().spoils = Some("failed because the twin was told so".to_owned());
                let result = happens();
                self.cloud().spoils = None;
                result
            }
            Some(Fault::Ignores) => {
                self.cloud().ignores = true;
                let result = happens();
                self.cloud().ignores = false;
                result
            }
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::HangsAfterwards) => {
                happens()?;
                std::future::pending().await
            }
        }
    }

    fn seen_call(&self, operation: Operation, kind: &KindAt, subject: String) -> Call {
        let token = self.catalog.find(&kind.ty).map_or(kind.ty.as_str(), |schema| schema.token).to_owned();
        Call { operation, token, place: kind.place.0.clone(), subject }
    }
}

impl Provider for Twin {
    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn reach(&self) -> &Reach {
        &self.reach
    }

    fn identity(&self) -> BoxFuture<'_, Result<Identity>> {
        let call = Call {
            operation: Operation::Identity,
            token: String::new(),
            place: Place::GLOBAL.to_owned(),
            subject: String::new(),
        };
        let identity = Identity { account: ACCOUNT.to_owned(), partition: PARTITION.to_owned(), home: HOME.to_owned() };
        Box::pin(self.call(call, |_, _| Ok(identity)))
    }

    fn identity_now(&self) -> BoxFuture<'_, Result<Identity>> {
        self.identity()
    }

    fn create<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Made>> {
        let call = self.seen_call(Operation::Create, &at.kind, at.urn.to_string());
        Box::pin(self.call(call, move |cloud, now| cloud.create(at, inputs, now)))
    }

    fn read<'a>(&'a self, kind: &'a KindAt, ids: &'a [Id], _: &'a Want) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        let subject = ids.iter().map(|id| id.0.as_str()).collect::<Vec<_>>().join(",");
        let call = self.seen_call(Operation::Read, kind, subject);
        Box::pin(self.call(call, move |cloud, now| cloud.read(kind, ids, now)))
    }

    fn update<'a>(&'a self, at: &'a At, id: &'a Id, inputs: &'a Value, live: &'a Live) -> BoxFuture<'a, Result<Next>> {
        let call = self.seen_call(Operation::Update, &at.kind, at.urn.to_string());
        let lacking = self.faults.lacking(&call.token);
        Box::pin(self.call(call, move |cloud, now| {
            faults::refuse_lacking(&lacking, &live.inputs, inputs)?;
            let inputs = cloud.but_for(&lacking, &at.kind, id, inputs);
            cloud.update(at, id, &inputs, now)
        }))
    }

    fn delete<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        applied: &'a Value,
        _: Option<&'a Live>,
    ) -> BoxFuture<'a, Result<Next>> {
        let call = self.seen_call(Operation::Delete, &at.kind, at.urn.to_string());
        Box::pin(self.call(call, move |cloud, now| cloud.delete(at, id, applied, now)))
    }

    fn find<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Vec<Id>>> {
        let call = self.seen_call(Operation::Find, &at.kind, at.urn.to_string());
        Box::pin(self.call(call, move |cloud, now| cloud.find(at, inputs, now)))
    }

    fn namesake<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Option<Id>>> {
        let call = self.seen_call(Operation::Find, &at.kind, at.urn.to_string());
        Box::pin(self.call(call, move |cloud, now| cloud.namesake(at, inputs, now)))
    }

    fn awaits<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        _: &'a Value,
        _: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Await>>> {
        Box::pin(async move {
            let (mut cloud, now) = self.settled();
            Ok(cloud.late.awaits(&at.kind.ty, id, now))
        })
    }

    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>> {
        let token = self.catalog.function(function).map_or(function, |schema| schema.token).to_owned();
        let call = Call { operation: Operation::Invoke, token, place: place.0.clone(), subject: String::new() };
        Box::pin(self.call(call, move |cloud, _| functions::invoke(cloud, function, place, arguments)))
    }
}
