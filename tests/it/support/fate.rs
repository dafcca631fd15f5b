//! A cloud and a journal whose user can be struck at any point of a run.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};

use drctl::engine::error::{Error, Kind, Result};
use drctl::engine::provider::{At, Catalog, Identity, KindAt, Live, Made, Next, Provider};
use drctl::engine::reach::Reach;
use drctl::engine::resource::{Await, Seen, Want};
use drctl::engine::urn::{Id, Place};
use drctl::engine::value::Value;
use futures::future::BoxFuture;
use tokio::sync::Notify;

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// The process is gone. Points are before and after each call, and before, between and after the
    /// entries of each append to the journal.
    Killed,
    /// A changing call has its effect, and its answer is lost.
    AnswerLost,
    /// A changing call does not arrive, and nobody can tell.
    RequestLost,
}

/// Counts the points of a run and strikes at one of them.
pub struct Fate {
    thread: Mutex<Thread>,
    died: Notify,
}

struct Thread {
    blow: Blow,
    /// Points that pass before it strikes.
    left: usize,
    struck: bool,
}

impl Fate {
    /// Strikes at a point, counted from 0.
    pub fn at(point: usize, blow: Blow) -> Arc<Self> {
        Arc::new(Self { thread: Mutex::new(Thread { blow, left: point, struck: false }), died: Notify::new() })
    }

    fn thread(&self) -> MutexGuard<'_, Thread> {
        self.thread.lock().unwrap()
    }

    pub fn has_struck(&self) -> bool {
        self.thread().struck
    }

    /// Whether it strikes at this point, which is one for that blow.
    fn strikes(&self, blow: Blow) -> bool {
        let mut thread = self.thread();
        if thread.blow != blow || thread.struck {
            return false;
        }
        thread.struck = thread.left == 0;
        thread.left = thread.left.saturating_sub(1);
        thread.struck
    }

    fn is_dead(&self) -> bool {
        let thread = self.thread();
        thread.blow == Blow::Killed && thread.struck
    }

    /// A point at which the process may end. Nothing goes on after it.
    pub async fn pass(&self) {
        if self.strikes(Blow::Killed) {
            self.died.notify_one();
        }
        if self.is_dead() {
            pending::<()>().await;
        }
    }

    /// The outcome of a run, none if the process ended in it.
    pub async fn of<T>(&self, run: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.died.notified() => None,
            outcome = run => Some(outcome),
        }
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.pass().await;
        let answer = call.await;
        self.pass().await;
        answer
    }

    async fn change<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        if self.strikes(Blow::RequestLost) {
            return Err(no_answer());
        }
        let answer = self.call(call).await;
        if self.strikes(Blow::AnswerLost) { Err(no_answer()) } else { answer }
    }
}

fn no_answer() -> Error {
    Error { ambiguous: true, ..Error::new(Kind::Outage, "the connection was reset") }
}

/// A cloud whose user has a fate.
pub struct Fateful {
    pub cloud: Arc<dyn Provider>,
    pub fate: Arc<Fate>,
}

impl Provider for Fateful {
    fn catalog(&self) -> &Arc<Catalog> {
        self.cloud.catalog()
    }

    fn reach(&self) -> &Reach {
        self.cloud.reach()
    }

    fn identity(&self) -> BoxFuture<'_, Result<Identity>> {
        Box::pin(self.fate.call(self.cloud.identity()))
    }

    fn identity_now(&self) -> BoxFuture<'_, Result<Identity>> {
        Box::pin(self.fate.call(self.cloud.identity_now()))
    }

    fn create<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Made>> {
        Box::pin(self.fate.change(self.cloud.create(at, inputs)))
    }

    fn read<'a>(&'a self, kind: &'a KindAt, ids: &'a [Id], want: &'a Want) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        Box::pin(self.fate.call(self.cloud.read(kind, ids, want)))
    }

    fn update<'a>(&'a self, at: &'a At, id: &'a Id, inputs: &'a Value, live: &'a Live) -> BoxFuture<'a, Result<Next>> {
        Box::pin(self.fate.change(self.cloud.update(at, id, inputs, live)))
    }

    fn delete<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
    ) -> BoxFuture<'a, Result<Next>> {
        Box::pin(self.fate.change(self.cloud.delete(at, id, applied, live)))
    }

    fn find<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Vec<Id>>> {
        Box::pin(self.fate.call(self.cloud.find(at, inputs)))
    }

    fn awaits<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        inputs: &'a Value,
        before: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Await>>> {
        Box::pin(self.fate.call(self.cloud.awaits(at, id, inputs, before)))
    }

    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>> {
        Box::pin(self.fate.call(self.cloud.invoke(function, place, arguments)))
    }
}
