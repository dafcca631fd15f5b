//! What is being asked of a cloud, so that a wait can be named.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use crate::engine::error::Result;
use crate::engine::provider::{At, Catalog, Identity, KindAt, Live, Made, Next, Provider};
use crate::engine::reach::Reach;
use crate::engine::resource::{Await, Seen, Want};
use crate::engine::urn::{Id, Place};
use crate::engine::value::Value;
use crate::render::words::type_name;

/// Questions without an answer yet, in the order in which they were asked.
#[derive(Debug, Default)]
pub(super) struct Questions(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    asked: BTreeMap<u64, (String, Instant)>,
}

/// Most that is not worth a word.
const PATIENCE: Duration = Duration::from_secs(3);

impl Questions {
    /// The question that waits longest, and how long, if that is worth a word.
    pub(super) fn oldest(&self) -> Option<(String, Duration)> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (what, since) = open.asked.values().next()?;
        Some((what.clone(), since.elapsed())).filter(|(_, waited)| *waited >= PATIENCE)
    }

    fn ask(&self, what: String) -> Question<'_> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = open.next;
        open.next += 1;
        open.asked.insert(number, (what, Instant::now()));
        Question { all: self, number }
    }
}

/// Open as long as it lives.
struct Question<'a> {
    all: &'a Questions,
    number: u64,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).asked.remove(&self.number);
    }
}

/// A cloud whose questions are noted. Changing calls have steps of their own, which tell of them.
pub(super) struct Watched {
    cloud: Arc<dyn Provider>,
    questions: Arc<Questions>,
    /// Where the account is asked for: `sts in us-east-1`.
    door: String,
}

impl Watched {
    pub(super) fn new(cloud: Arc<dyn Provider>, door: String) -> (Self, Arc<Questions>) {
        let questions = Arc::new(Questions::default());
        (Self { cloud, questions: Arc::clone(&questions), door }, questions)
    }
}

fn of(kind: &KindAt) -> String {
    format!("{} in {}", type_name(&kind.ty), kind.place)
}

impl Provider for Watched {
    fn catalog(&self) -> &Arc<Catalog> {
        self.cloud.catalog()
    }

    fn reach(&self) -> &Reach {
        self.cloud.reach()
    }

    fn identity(&self) -> BoxFuture<'_, Result<Identity>> {
        Box::pin(async {
            let _open = self.questions.ask(self.door.clone());
            self.cloud.identity().await
        })
    }

    fn identity_now(&self) -> BoxFuture<'_, Result<Identity>> {
        Box::pin(async {
            let _open = self.questions.ask(self.door.clone());
            self.cloud.identity_now().await
        })
    }

    fn create<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Made>> {
        self.cloud.create(at, inputs)
    }

    fn read<'a>(&'a self, kind: &'a KindAt, ids: &'a [Id], want: &'a Want) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        Box::pin(async move {
            let _open = self.questions.ask(of(kind));
            self.cloud.read(kind, ids, want).await
        })
    }

    fn update<'a>(&'a self, at: &'a At, id: &'a Id, inputs: &'a Value, live: &'a Live) -> BoxFuture<'a, Result<Next>> {
        self.cloud.update(at, id, inputs, live)
    }

    fn delete<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        applied: &'a Value,
        live: Option<&'a Live>,
    ) -> BoxFuture<'a, Result<Next>> {
        self.cloud.delete(at, id, applied, live)
    }

    fn find<'a>(&'a self, at: &'a At, inputs: &'a Value) -> BoxFuture<'a, Result<Vec<Id>>> {
        Box::pin(async move {
            let _open = self.questions.ask(of(&at.kind));
            self.cloud.find(at, inputs).await
        })
    }

    fn awaits<'a>(
        &'a self,
        at: &'a At,
        id: &'a Id,
        inputs: &'a Value,
        before: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Await>>> {
        self.cloud.awaits(at, id, inputs, before)
    }

    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let _open = self.questions.ask(format!("{} in {place}", type_name(function)));
            self.cloud.invoke(function, place, arguments).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_open_question_is_named_once_it_takes_long() {
        let questions = Questions::default();
        let first = questions.ask("a".into());
        let second = questions.ask("b".into());
        assert_eq!(questions.oldest(), None, "nobody wonders yet");
        let earlier = Instant::now().checked_sub(PATIENCE).unwrap();
        questions.0.lock().unwrap().asked.values_mut().for_each(|(_, since)| *since = earlier);
        assert_eq!(questions.oldest().unwrap().0, "a");
        drop(first);
        assert_eq!(questions.oldest().unwrap().0, "b");
        drop(second);
        assert_eq!(questions.oldest(), None);
    }
}
