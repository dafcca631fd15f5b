//! Reads of one type in one place, joined: what arrives while one is in flight goes out together
//! with the next.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::engine::error::{Error, Kind, Result};
use crate::engine::provider::Live;
use crate::engine::resource::{Seen, Want};
use crate::engine::urn::Id;

/// Most ids in one read. EC2 takes 200 values for a filter.
const BATCH: usize = 100;

/// The queue of one type in one place.
#[derive(Default)]
pub(super) struct Lane {
    turn: tokio::sync::Mutex<()>,
    waiting: Mutex<Vec<Ask>>,
}

struct Ask {
    ids: Vec<Id>,
    want: Want,
    answer: oneshot::Sender<Result<Vec<Seen<Live>>>>,
}

impl Lane {
    /// Reads `ids`, together with what others ask for meanwhile.
    ///
    /// Nobody depends on another's patience: if the one who leads a batch gives up, the others of
    /// the batch ask again.
    pub(super) async fn read<F>(
        &self,
        ids: &[Id],
        want: &Want,
        read: impl Fn(Vec<Id>, Want) -> F,
    ) -> Result<Vec<Seen<Live>>>
    where
        F: Future<Output = Result<Vec<Seen<Live>>>>,
    {
        loop {
            let (answer, mut mine) = oneshot::channel();
            self.waiting().push(Ask { ids: ids.to_vec(), want: want.clone(), answer });
            let turn = self.turn.lock().await;
            if let Ok(answer) = mine.try_recv() {
                return answer;
            }
            let batch = self.next_batch();
            let all: BTreeSet<&Id> = batch.iter().flat_map(|ask| &ask.ids).collect();
            let all: Vec<Id> = all.into_iter().cloned().collect();
            let want = batch.iter().fold(Want::Only(BTreeSet::new()), |all, ask| both(all, &ask.want));
            let seen = read(all.clone(), want).await;
            share(batch, seen.map(|seen| all.into_iter().zip(seen).collect()));
            drop(turn);
            if let Ok(answer) = mine.try_recv() {
                return answer;
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Ask>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes asks from the front until the batch is full. Those whose asker is gone are dropped.
    fn next_batch(&self) -> Vec<Ask> {
        let mut waiting = self.waiting();
        waiting.retain(|ask| !ask.answer.is_closed());
        let mut size = 0;
        let full = waiting.iter().position(|ask| {
            size += ask.ids.len();
            size > BATCH
        });
        let count = full.map_or(waiting.len(), |n| n.max(1));
        waiting.drain(..count).collect()
    }
}

/// Gives everybody their part. An error that may come from a single id is given to the first only;
/// the others notice that nobody answered, and ask again without it.
fn share(batch: Vec<Ask>, seen: Result<HashMap<Id, Seen<Live>>>) {
    match seen {
        Ok(seen) => {
            for ask in batch {
                let part = ask.ids.iter().map(|id| seen.get(id).cloned().unwrap_or(Seen::Gone)).collect();
                drop(ask.answer.send(Ok(part)));
            }
        }
        Err(e) => {
            let asked = if concerns_all(&e) { batch.len() } else { 1 };
            for ask in batch.into_iter().take(asked) {
                drop(ask.answer.send(Err(e.clone())));
            }
        }
    }
}

fn concerns_all(error: &Error) -> bool {
    !matches!(error.kind, Kind::NotFound | Kind::Exists | Kind::Busy | Kind::Invalid | Kind::Bug)
}

fn both(a: Want, b: &Want) -> Want {
    match (a, b) {
        (Want::Only(mut a), Want::Only(b)) => {
            a.extend(b.iter().cloned());
            Want::Only(a)
        }
        _ => Want::All,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn id(text: &str) -> Id {
        Id(text.to_owned())
    }

    /// Fails as a whole if one id is bad, as some Describes do.
    async fn describe(ids: Vec<Id>) -> Result<Vec<Seen<Live>>> {
        tokio::task::yield_now().await;
        match ids.iter().any(|id| id.0 == "bad") {
            true => Err(Error::invalid("malformed id")),
            false => Ok(ids.into_iter().map(|id| Seen::Pending(id.0)).collect()),
        }
    }

    #[tokio::test]
    async fn everybody_gets_their_own_ids_in_their_own_order() {
        let lane = Lane::default();
        let calls = AtomicUsize::new(0);
        let read = |ids, _| {
            calls.fetch_add(1, Ordering::SeqCst);
            describe(ids)
        };
        let (ab, ba) = ([id("a"), id("b")], [id("b"), id("a")]);
        let (one, two) = tokio::join!(lane.read(&ab, &Want::All, read), lane.read(&ba, &Want::All, read));
        assert_eq!(one.unwrap(), [Seen::Pending("a".into()), Seen::Pending("b".into())]);
        assert_eq!(two.unwrap(), [Seen::Pending("b".into()), Seen::Pending("a".into())]);
        assert!(calls.into_inner() <= 2);
    }

    #[tokio::test]
    async fn an_id_that_fails_a_batch_fails_only_who_asked_for_it() {
        let lane = Lane::default();
        let read = |ids, _| describe(ids);
        let (good, bad, also) = ([id("good")], [id("bad")], [id("also")]);
        let (good, bad, also) = tokio::join!(
            lane.read(&good, &Want::All, read),
            lane.read(&bad, &Want::All, read),
            lane.read(&also, &Want::All, read),
        );
        assert!(good.is_ok() && bad.is_err() && also.is_ok(), "{good:?} {bad:?} {also:?}");
    }

    #[tokio::test]
    async fn whoever_leads_a_batch_may_give_up() {
        let lane = Lane::default();
        let stuck = [id("stuck")];
        let never = |_, _| std::future::pending();
        let leader = lane.read(&stuck, &Want::All, never);
        let patient = [id("patient")];
        let other = lane.read(&patient, &Want::All, |ids, _| describe(ids));
        let leader = async {
            tokio::select! {
                biased;
                _ = leader => unreachable!("it never ends"),
                () = tokio::task::yield_now() => {}
            }
        };
        let (seen, ()) = tokio::join!(other, leader);
        assert_eq!(seen.unwrap(), [Seen::Pending("patient".into())]);
    }
}
