//! What is being asked of a cloud, so that a wait can be named.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use crate::engine::error::Result;
use crate::engine::layer::{Call, Layer};
use crate::engine::provider::{KindAt, Provider};
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

impl Layer for Watched {
    fn below(&self) -> &dyn Provider {
        &*self.cloud
    }

    fn pass<'a, T: Send + 'a>(&'a self, call: Call<'a>, answer: BoxFuture<'a, Result<T>>) -> BoxFuture<'a, Result<T>> {
        let what = match call {
            Call::Identity => self.door.clone(),
            Call::Read(kind) => of(kind),
            Call::Find(at) | Call::Namesake(at) => of(&at.kind),
            Call::Invoke(function, place) => format!("{} in {place}", type_name(function)),
            Call::Create(_) | Call::Update(_) | Call::Delete(_) | Call::Awaits(_) => return answer,
        };
        Box::pin(async move {
            let _open = self.questions.ask(what);
            answer.await
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
