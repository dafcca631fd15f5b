//! A cloud in front of another one.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::engine::error::Result;
use crate::engine::provider::{At, Catalog, Identity, KindAt, Live, Made, Next, Provider};
use crate::engine::reach::Reach;
use crate::engine::resource::{Await, Seen, Want};
use crate::engine::urn::{Id, Place};
use crate::engine::value::Value;

/// A call of a [`Provider`], as what passes it on sees it.
#[derive(Debug, Clone, Copy)]
pub enum Call<'a> {
    Identity,
    Create(&'a At),
    Read(&'a KindAt),
    Update(&'a At),
    Delete(&'a At),
    Find(&'a At),
    Namesake(&'a At),
    Awaits(&'a At),
    Invoke(&'a str, &'a Place),
}

impl Call<'_> {
    /// Whether the call may change something.
    pub fn changes(self) -> bool {
        matches!(self, Self::Create(_) | Self::Update(_) | Self::Delete(_))
    }
}

/// A cloud that passes every call on to another one. What it does otherwise it says itself, of all calls
/// in [`Layer::pass`], of one in that call's method.
pub trait Layer: Send + Sync {
    fn below(&self) -> &dyn Provider;

    /// What becomes of a call on its way. `answer` has not begun.
    fn pass<'a, T: Send + 'a>(&'a self, _: Call<'a>, answer: BoxFuture<'a, Result<T>>) -> BoxFuture<'a, Result<T>> {
        answer
    }

    fn catalog(&self) -> &Arc<Catalog> {
        self.below().catalog()
    }

    fn reach(&self) -> &Reach {
        self.below().reach()
    }

    fn identity(&self) -> BoxFuture<'_, Result<Identity>> {
        self.pass(Call::Identity, self.below().identity())
    }

    fn identity_now(&self) -> BoxFuture<'_, Result<Identity>> {
        self.pass(Call::Identity, self.below().identity_now())
    }

    fn create<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Made>> {
        self.pass(Call::Create(at), self.below().create(at, inputs))
    }

    fn read<'a>(&'a self, kind: &'a KindAt, ids: &'a [Id], want: &'a Want) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        self.pass(Call::Read(kind), self.below().read(kind, ids, want))
    }

    fn update<'a>(&'a self, at: &'a At, id: &'a Id, inputs: &'a Value, live: &'a Live) -> BoxFuture<'a, Result<Next>> {
        self.pass(Call::Update(at), self.below().update(at, id, inputs, live))
    }

    fn delete<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
    ) -> BoxFuture<'a, Result<Next>> {
        self.pass(Call::Delete(at), self.below().delete(at, id, applied, live))
    }

    fn find<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Vec<Id>>> {
        self.pass(Call::Find(at), self.below().find(at, inputs))
    }

    fn namesake<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Option<Id>>> {
        self.pass(Call::Namesake(at), self.below().namesake(at, inputs))
    }

    fn awaits<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        inputs: &'a Value,
        before: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Await>>> {
        self.pass(Call::Awaits(at), self.below().awaits(at, id, inputs, before))
    }

    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>> {
        self.pass(Call::Invoke(function, place), self.below().invoke(function, place, arguments))
    }
}

impl<L: Layer> Provider for L {
    fn catalog(&self) -> &Arc<Catalog> {
        Layer::catalog(self)
    }

    fn reach(&self) -> &Reach {
        Layer::reach(self)
    }

    fn identity(&self) -> BoxFuture<'_, Result<Identity>> {
        Layer::identity(self)
    }

    fn identity_now(&self) -> BoxFuture<'_, Result<Identity>> {
        Layer::identity_now(self)
    }

    fn create<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Made>> {
        Layer::create(self, at, inputs)
    }

    fn read<'a>(&'a self, kind: &'a KindAt, ids: &'a [Id], want: &'a Want) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        Layer::read(self, kind, ids, want)
    }

    fn update<'a>(&'a self, at: &'a At, id: &'a Id, inputs: &'a Value, live: &'a Live) -> BoxFuture<'a, Result<Next>> {
        Layer::update(self, at, id, inputs, live)
    }

    fn delete<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
    ) -> BoxFuture<'a, Result<Next>> {
        Layer::delete(self, at, id, applied, live)
    }

    fn find<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Vec<Id>>> {
        Layer::find(self, at, inputs)
    }

    fn namesake<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Option<Id>>> {
        Layer::namesake(self, at, inputs)
    }

    fn awaits<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        inputs: &'a Value,
        before: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Await>>> {
        Layer::awaits(self, at, id, inputs, before)
    }

    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>> {
        Layer::invoke(self, function, place, arguments)
    }
}
