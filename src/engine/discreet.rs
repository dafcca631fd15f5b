//! A cloud from whose answers every secret is taken: from its errors and words, and from values that
//! show one where nobody put it.
//!
//! Planner and executor see the cloud only through this, so what they write, show and log holds no
//! secret that the state, the program or an earlier call knows.

use std::ops::Deref;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::engine::error::Result;
use crate::engine::provider::{At, Catalog, Identity, KindAt, Live, Made, Next, Provider};
use crate::engine::reach::Reach;
use crate::engine::redact::Redactor;
use crate::engine::resource::{Await, Hold, Seen, Want};
use crate::engine::urn::{Id, Place};
use crate::engine::value::Value;

/// `C` is a reference of any kind to a cloud.
pub struct Discreet<C> {
    cloud: C,
    redactor: Arc<Redactor>,
}

impl<C> Discreet<C> {
    pub fn new(cloud: C, redactor: Arc<Redactor>) -> Self {
        Self { cloud, redactor }
    }

    fn hide<T>(&self, answer: Result<T>) -> Result<T> {
        answer.map_err(|error| self.redactor.error(error))
    }
}

impl<C: Deref<Target: Provider> + Send + Sync> Provider for Discreet<C> {
    fn catalog(&self) -> &Arc<Catalog> {
        self.cloud.catalog()
    }

    fn reach(&self) -> &Reach {
        self.cloud.reach()
    }

    fn identity(&self) -> BoxFuture<'_, Result<Identity>> {
        Box::pin(async { self.hide(self.cloud.identity().await) })
    }

    fn identity_now(&self) -> BoxFuture<'_, Result<Identity>> {
        Box::pin(async { self.hide(self.cloud.identity_now().await) })
    }

    fn create<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Made>> {
        self.redactor.learn_given(inputs);
        Box::pin(async move {
            let made = self.hide(self.cloud.create(at, inputs).await)?;
            Ok(Made { seen: made.seen.map(|seen| self.redactor.seen(seen)), ..made })
        })
    }

    fn read<'a>(&'a self, kind: &'a KindAt, ids: &'a [Id], want: &'a Want) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        Box::pin(async move {
            let seen = self.hide(self.cloud.read(kind, ids, want).await)?;
            Ok(seen.into_iter().map(|seen| self.redactor.seen(seen)).collect())
        })
    }

    fn update<'a>(&'a self, at: &'a At, id: &'a Id, inputs: &'a Value, live: &'a Live) -> BoxFuture<'a, Result<Next>> {
        self.redactor.learn_given(inputs);
        Box::pin(async move {
            Ok(match self.hide(self.cloud.update(at, id, inputs, live).await)? {
                Next::More(word) => Next::More(self.redactor.text(&word).into_owned()),
                Next::Waits(word) => Next::Waits(self.redactor.text(&word).into_owned()),
                Next::Held(hold) => Next::Held(Hold { by: self.redactor.text(&hold.by).into_owned(), ..hold }),
                Next::Saw(live) => Next::Saw(Box::new(self.redactor.live(*live))),
                other => other,
            })
        })
    }

    fn delete<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
    ) -> BoxFuture<'a, Result<Next>> {
        self.redactor.learn_given(applied);
        Box::pin(async move {
            Ok(match self.hide(self.cloud.delete(at, id, applied, live).await)? {
                Next::More(word) => Next::More(self.redactor.text(&word).into_owned()),
                Next::Waits(word) => Next::Waits(self.redactor.text(&word).into_owned()),
                Next::Held(hold) => Next::Held(Hold { by: self.redactor.text(&hold.by).into_owned(), ..hold }),
                other => other,
            })
        })
    }

    fn find<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Vec<Id>>> {
        self.redactor.learn_given(inputs);
        Box::pin(async move { self.hide(self.cloud.find(at, inputs).await) })
    }

    fn namesake<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Option<Id>>> {
        self.redactor.learn_given(inputs);
        Box::pin(async move { self.hide(self.cloud.namesake(at, inputs).await) })
    }

    fn awaits<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        inputs: &'a Value,
        before: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Await>>> {
        self.redactor.learn_given(inputs);
        Box::pin(async move { self.hide(self.cloud.awaits(at, id, inputs, before).await) })
    }

    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>> {
        self.redactor.learn_given(arguments);
        Box::pin(async move {
            let answer = self.hide(self.cloud.invoke(function, place, arguments).await)?;
            Ok(self.redactor.value(answer))
        })
    }
}
