//! What the calls of a cloud send to AWS, by the names that the SDK has for it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};

use drctl::engine::error::Result;
use drctl::engine::layer::{Call, Layer};
use drctl::engine::provider::Provider;
use futures::future::BoxFuture;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Why something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Also to find what a lost create has made, and to wait until it is ready.
    Create,
    /// To see what is there, when nothing is changed.
    Look,
    /// To see what became of a change.
    Read,
    Update,
    Delete,
    /// A data source is asked.
    Ask,
}

/// An operation of AWS, and which type or data source sends it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    pub by: String,
    pub to: Purpose,
    /// As the SDK names it: `Route 53`.
    pub service: String,
    pub operation: String,
}

/// A cloud that writes down what its calls send.
pub struct Calls {
    below: Arc<dyn Provider>,
    sent: Record,
    looks: AtomicBool,
}

type Record = Arc<Mutex<BTreeSet<Sent>>>;

#[derive(Clone)]
struct Asking {
    by: String,
    to: Purpose,
    record: Record,
}

tokio::task_local! {
    static ASKING: Asking;
}

impl Calls {
    pub fn of(below: Arc<dyn Provider>) -> Self {
        /// The SDK makes a span of each operation. Spans are seen by the whole process or not at all.
        static WATCHING: Once = Once::new();
        WATCHING.call_once(|| {
            let watching = tracing_subscriber::registry().with(Operations);
            tracing::subscriber::set_global_default(watching).unwrap();
        });
        Self { below, sent: Record::default(), looks: AtomicBool::new(false) }
    }

    /// From now on something is changed, or it is only looked.
    pub fn look_only(&self, looks: bool) {
        self.looks.store(looks, Ordering::Relaxed);
    }

    /// All that was sent so far.
    pub fn sent(&self) -> BTreeSet<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

impl Layer for Calls {
    fn below(&self) -> &dyn Provider {
        &*self.below
    }

    fn pass<'a, T: Send + 'a>(&'a self, call: Call<'a>, answer: BoxFuture<'a, Result<T>>) -> BoxFuture<'a, Result<T>> {
        let (by, to) = match call {
            Call::Identity => return answer,
            Call::Create(at) | Call::Find(at) | Call::Namesake(at) | Call::Awaits(at) => {
                (at.kind.ty.as_str(), Purpose::Create)
            }
            Call::Read(kind) if self.looks.load(Ordering::Relaxed) => (kind.ty.as_str(), Purpose::Look),
            Call::Read(kind) => (kind.ty.as_str(), Purpose::Read),
            Call::Update(at) => (at.kind.ty.as_str(), Purpose::Update),
            Call::Delete(at) => (at.kind.ty.as_str(), Purpose::Delete),
            Call::Invoke(function, _) => (function, Purpose::Ask),
        };
        Box::pin(ASKING.scope(Asking { by: by.to_owned(), to, record: Arc::clone(&self.sent) }, answer))
    }
}

/// Notes the operations of whoever asks.
struct Operations;

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Operations {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.is_span() && metadata.fields().field("rpc.method").is_some()
    }

    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut operation = Operation::default();
        span.record(&mut operation);
        let Operation { service, operation } = operation;
        // Others than the cloud of a test may ask, too.
        let _ = ASKING.try_with(|asking| {
            let Asking { by, to, record } = asking.clone();
            record.lock().unwrap().insert(Sent { by, to, service, operation });
        });
    }
}

#[derive(Default)]
struct Operation {
    service: String,
    operation: String,
}

impl Visit for Operation {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "rpc.service" => value.clone_into(&mut self.service),
            "rpc.method" => value.clone_into(&mut self.operation),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
