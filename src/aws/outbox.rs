//! Changes that go out together: what is ready at the same time is one call, and each gets its own
//! answer.
//!
//! The counterpart of `lane` for writes. A service that takes many changes in one call says in a
//! [`Change`] how many fit and whom a refusal is about, keeps an [`Outbox`] for each thing that is
//! changed as one (a hosted zone), and sets `Facts::joined` for its type.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot::{self, Receiver, Sender, error::TryRecvError};
use tokio::time::Instant;

use crate::engine::error::{Error, Kind, Result};
use crate::engine::provider::Company;

/// A call goes out once nothing was added for that long,
const QUIET: Duration = Duration::from_millis(50);
/// and after that time in any case.
const LONGEST: Duration = Duration::from_secs(1);
/// How long a change waits for those that must go with it. They start together; one that never comes
/// has failed before.
const PATIENCE: Duration = Duration::from_secs(20);

/// A change that a service takes together with others of its kind, all or none of them.
pub(super) trait Change: Clone + Send + 'static {
    /// What an answer tells each of them.
    type Receipt: Clone + Send + 'static;

    /// How many of them, counted from the front, fit into one call. At least one, or the service is to
    /// refuse it itself.
    fn fit(changes: &[Self]) -> usize;

    /// Whom a refusal of these changes is about.
    fn blame(error: &Error, changes: &[Self]) -> Blame;
}

/// Whom a refusal is about.
#[derive(Debug)]
pub(super) enum Blame {
    /// All of them, so that others would fare no better.
    All,
    /// These, by index, and what is said of each.
    Some(Vec<(usize, Error)>),
    /// Some that are not named.
    Unknown,
}

/// The changes that wait for a call.
pub(super) struct Outbox<C: Change> {
    turn: tokio::sync::Mutex<()>,
    waiting: Mutex<Vec<Letter<C>>>,
}

struct Letter<C: Change> {
    change: C,
    company: Option<Company>,
    since: Instant,
    answer: Sender<Result<C::Receipt>>,
}

impl<C: Change> Default for Outbox<C> {
    fn default() -> Self {
        Self { turn: tokio::sync::Mutex::default(), waiting: Mutex::default() }
    }
}

impl<C: Change> Outbox<C> {
    /// Sends a change together with all that wait by then.
    ///
    /// Nobody depends on another's patience: if the one who makes the call gives up, the others try
    /// again. So a change may go out twice, as after an answer that was lost.
    ///
    /// # Errors
    /// What the service says of this change, or of all.
    pub(super) async fn send<F>(
        &self,
        change: C,
        company: Option<Company>,
        call: impl Fn(Vec<C>) -> F,
    ) -> Result<C::Receipt>
    where
        F: Future<Output = Result<C::Receipt>>,
    {
        let mut mine = self.post(&change, &company);
        loop {
            let turn = self.turn.lock().await;
            match mine.try_recv() {
                Ok(answer) => return answer,
                // Whoever took it along has given up.
                Err(TryRecvError::Closed) => mine = self.post(&change, &company),
                Err(TryRecvError::Empty) => {}
            }
            self.until_quiet().await;
            let batch = self.take();
            if batch.is_empty() {
                drop(turn);
                // Those that must go along are still to come, and will take this one with them.
                tokio::select! {
                    answer = &mut mine => match answer {
                        Ok(answer) => return answer,
                        Err(_) => mine = self.post(&change, &company),
                    },
                    () = tokio::time::sleep(QUIET) => {}
                }
                continue;
            }
            deliver(batch, &call).await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Letter<C>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, change: &C, company: &Option<Company>) -> Receiver<Result<C::Receipt>> {
        let (answer, mine) = oneshot::channel();
        let (change, company) = (change.clone(), company.clone());
        self.waiting().push(Letter { change, company, since: Instant::now(), answer });
        mine
    }

    async fn until_quiet(&self) {
        let start = Instant::now();
        loop {
            let before = self.waiting().len();
            tokio::time::sleep(QUIET).await;
            if self.waiting().len() == before || start.elapsed() >= LONGEST {
                return;
            }
        }
    }

    /// Takes what fits into one call, but for those that are to wait for others. Those whose sender is
    /// gone are dropped.
    fn take(&self) -> Vec<Letter<C>> {
        let mut waiting = self.waiting();
        waiting.retain(|letter| !letter.answer.is_closed());
        let mut there: HashMap<&str, usize> = HashMap::new();
        for company in waiting.iter().filter_map(|letter| letter.company.as_ref()) {
            *there.entry(&company.name).or_default() += 1;
        }
        let is_complete = |letter: &Letter<C>| {
            let complete = |company: &Company| there[company.name.as_str()] >= company.size;
            letter.company.as_ref().is_none_or(complete) || letter.since.elapsed() >= PATIENCE
        };
        let ready: Vec<bool> = waiting.iter().map(is_complete).collect();
        let mut ready = ready.into_iter();
        let (mut going, staying): (Vec<_>, Vec<_>) = waiting.drain(..).partition(|_| ready.next().unwrap_or_default());
        // Those that go together stand together, so that no call ends between them.
        going.sort_by_cached_key(|letter| letter.company.as_ref().map(|company| company.name.clone()));
        let changes: Vec<C> = going.iter().map(|letter| letter.change.clone()).collect();
        let most = C::fit(&changes).clamp(1, changes.len().max(1));
        let cut = (1..=most).rev().find(|n| is_between(&going, *n)).unwrap_or(most);
        let rest = going.split_off(cut.min(going.len()));
        *waiting = rest.into_iter().chain(staying).collect();
        going
    }
}

/// Whether the first letters can go without the others.
fn is_between<C: Change>(letters: &[Letter<C>], n: usize) -> bool {
    let name = |i: usize| letters.get(i).and_then(|letter| letter.company.as_ref()).map(|company| &company.name);
    n == 0 || n >= letters.len() || name(n - 1).is_none() || name(n - 1) != name(n)
}

/// Makes the call, and more of them where one change spoils it for others.
async fn deliver<C: Change, F>(batch: Vec<Letter<C>>, call: &impl Fn(Vec<C>) -> F)
where
    F: Future<Output = Result<C::Receipt>>,
{
    let mut open = vec![batch];
    while let Some(mut batch) = open.pop() {
        let changes: Vec<C> = batch.iter().map(|letter| letter.change.clone()).collect();
        let error = match call(changes.clone()).await {
            Ok(receipt) => {
                batch.into_iter().for_each(|letter| drop(letter.answer.send(Ok(receipt.clone()))));
                continue;
            }
            Err(error) => error,
        };
        let blame = if batch.len() == 1 || is_passing(&error) { Blame::All } else { C::blame(&error, &changes) };
        match blame {
            Blame::Some(blamed) if !blamed.is_empty() => {
                let mut blamed: HashMap<usize, Error> = blamed.into_iter().collect();
                let spoilt: Vec<Company> = blamed.keys().filter_map(|i| batch.get(*i)?.company.clone()).collect();
                let mut rest = Vec::new();
                for (i, letter) in batch.into_iter().enumerate() {
                    let goes_along = letter.company.as_ref().is_some_and(|company| spoilt.contains(company));
                    match blamed.remove(&i) {
                        Some(error) => drop(letter.answer.send(Err(error))),
                        None if goes_along => drop(letter.answer.send(Err(without_company(&error)))),
                        None => rest.push(letter),
                    }
                }
                open.extend((!rest.is_empty()).then_some(rest));
            }
            Blame::Some(_) | Blame::Unknown if halfway(&batch).is_some() => {
                let second = batch.split_off(halfway(&batch).unwrap_or_default());
                open.extend([second, batch]);
            }
            _ => batch.into_iter().for_each(|letter| drop(letter.answer.send(Err(error.clone())))),
        }
    }
}

/// Failures that tell nothing about the changes.
fn is_passing(error: &Error) -> bool {
    !matches!(error.kind, Kind::NotFound | Kind::Exists | Kind::Busy | Kind::Invalid | Kind::Bug)
}

/// Where a batch can be cut in two, as near to its middle as possible.
fn halfway<C: Change>(batch: &[Letter<C>]) -> Option<usize> {
    let middle = batch.len() / 2;
    (1..batch.len()).filter(|n| is_between(batch, *n)).min_by_key(|n| n.abs_diff(middle))
}

fn without_company(error: &Error) -> Error {
    let message = format!("it goes out in one call with a change that was refused: {}", error.message);
    Error { message, ..error.clone() }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::future::join_all;

    use super::*;

    /// A service that takes three at once, refuses all when one of them is bad, and may say which.
    #[derive(Clone, Debug, PartialEq)]
    struct Word(&'static str);

    impl Change for Word {
        type Receipt = usize;

        fn fit(changes: &[Self]) -> usize {
            changes.len().min(8)
        }

        fn blame(error: &Error, changes: &[Self]) -> Blame {
            match error.message.strip_prefix("bad ") {
                Some(word) => {
                    let named = changes.iter().enumerate().filter(|(_, change)| change.0 == word);
                    Blame::Some(named.map(|(i, _)| (i, error.clone())).collect())
                }
                None if error.message == "closed" => Blame::All,
                None => Blame::Unknown,
            }
        }
    }

    #[derive(Default)]
    struct Service {
        outbox: Outbox<Word>,
        calls: Mutex<Vec<String>>,
    }

    impl Service {
        async fn send(&self, word: &'static str, company: Option<(&str, usize)>) -> Result<usize> {
            let company = company.map(|(name, size)| Company { name: name.to_owned(), size });
            let call = |words: Vec<Word>| async move {
                let all: Vec<&str> = words.iter().map(|word| word.0).collect();
                self.calls.lock().unwrap().push(all.join(" "));
                tokio::task::yield_now().await;
                match all.iter().find(|word| word.starts_with('b') || word.starts_with('?') || **word == "closed") {
                    Some(word) if word.starts_with('b') => Err(Error::invalid(format!("bad {word}"))),
                    Some(word) if word.starts_with('?') => Err(Error::invalid("something is wrong")),
                    Some(_) => Err(Error::invalid("closed")),
                    None => Ok(all.len()),
                }
            };
            self.outbox.send(Word(word), company, call).await
        }

        fn calls(&self) -> Vec<String> {
            std::mem::take(&mut *self.calls.lock().unwrap())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_at_the_same_time_is_one_call_as_far_as_it_fits() {
        let service = Service::default();
        let sent = join_all(["a", "c", "d", "e", "f", "g", "h", "i", "j"].map(|word| service.send(word, None))).await;
        assert!(sent.iter().all(Result::is_ok));
        assert_eq!(service.calls(), ["a c d e f g h i", "j"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_is_named_in_a_refusal_fails_alone() {
        let service = Service::default();
        let sent = join_all(["a", "b1", "c", "b2"].map(|word| service.send(word, None))).await;
        assert_eq!(sent[1].as_ref().unwrap_err().message, "bad b1");
        assert_eq!(sent[3].as_ref().unwrap_err().message, "bad b2");
        assert_eq!((sent[0].as_ref(), sent[2].as_ref()), (Ok(&2), Ok(&2)));
        assert_eq!(service.calls(), ["a b1 c b2", "a c b2", "a c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_is_refused_without_its_name_is_found_by_halves() {
        let service = Service::default();
        let sent = join_all(["a", "c", "?", "d"].map(|word| service.send(word, None))).await;
        let good: Vec<bool> = sent.iter().map(Result::is_ok).collect();
        assert_eq!(good, [true, true, false, true]);
        assert_eq!(service.calls(), ["a c ? d", "a c", "? d", "?", "d"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_all_is_not_tried_again() {
        let service = Service::default();
        let sent = join_all(["a", "closed", "c"].map(|word| service.send(word, None))).await;
        assert!(sent.iter().all(|answer| answer.as_ref().unwrap_err().message == "closed"));
        assert_eq!(service.calls().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_go_together_wait_for_each_other_and_are_in_one_call() {
        let service = Service::default();
        let late = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            service.send("two", Some(("pair", 2))).await
        };
        let (one, two, other) = tokio::join!(service.send("one", Some(("pair", 2))), late, service.send("a", None));
        assert_eq!((one, two, other), (Ok(2), Ok(2), Ok(1)));
        assert_eq!(service.calls(), ["a", "one two"]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_whose_company_never_comes_goes_alone_in_the_end() {
        let service = Service::default();
        let start = Instant::now();
        assert_eq!(service.send("one", Some(("pair", 2))).await, Ok(1));
        assert!((PATIENCE..PATIENCE * 2).contains(&start.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_ends_between_those_that_go_together_and_they_fail_together() {
        let service = Service::default();
        let words = ["a", "c", "d", "e", "f", "g", "h"].map(|word| service.send(word, None));
        let pair = ["p", "q"].map(|word| service.send(word, Some(("pair", 2))));
        let (words, pair) = tokio::join!(join_all(words), join_all(pair));
        assert!(words.iter().chain(&pair).all(Result::is_ok));
        assert_eq!(service.calls(), ["a c d e f g h", "p q"]);
        let pair =
            join_all([("p", "pair"), ("b", "pair")].map(|(word, name)| service.send(word, Some((name, 2))))).await;
        assert!(pair[0].as_ref().unwrap_err().message.contains("in one call with a change that was refused: bad b"));
        assert_eq!(pair[1].as_ref().unwrap_err().message, "bad b");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_makes_the_call_may_give_up() {
        let service = Service::default();
        let leader = async {
            let never = |_: Vec<Word>| std::future::pending();
            tokio::select! {
                biased;
                _ = service.outbox.send(Word("stuck"), None, never) => unreachable!("it never ends"),
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
            }
        };
        let ((), sent) = tokio::join!(leader, service.send("patient", None));
        assert_eq!(sent, Ok(1));
    }
}
