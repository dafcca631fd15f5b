//! Answers of a moment ago, for others who ask the same.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::engine::error::Result;
use crate::engine::urn::Id;

/// How long an answer stands. A refresh reads all types at once, and some types need what others have
/// just described; polls come later than that.
const FRESH: Duration = Duration::from_secs(1);

/// The last answer to one question in one region.
pub(super) struct Recent<T> {
    changes: AtomicU64,
    kept: Mutex<Option<Kept<T>>>,
}

struct Kept<T> {
    /// The changes that had been made when it was asked for.
    changes: u64,
    arrived: Instant,
    ids: BTreeSet<Id>,
    found: Vec<T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { changes: AtomicU64::default(), kept: Mutex::default() }
    }
}

impl<T: Clone> Recent<T> {
    /// What is found of `ids`, perhaps beside others. Whoever asks meanwhile waits for the same answer.
    ///
    /// # Errors
    /// Those of the call.
    pub(super) async fn ask<F>(&self, ids: &[Id], describe: impl FnOnce() -> F) -> Result<Vec<T>>
    where
        F: Future<Output = Result<Vec<T>>>,
    {
        let mut kept = self.kept.lock().await;
        let changes = self.changes.load(Ordering::SeqCst);
        let holds = |kept: &&Kept<T>| {
            kept.changes == changes && kept.arrived.elapsed() < FRESH && ids.iter().all(|id| kept.ids.contains(id))
        };
        if let Some(kept) = kept.as_ref().filter(holds) {
            return Ok(kept.found.clone());
        }
        let found = describe().await?;
        let ids = ids.iter().cloned().collect();
        *kept = Some(Kept { changes, arrived: Instant::now(), ids, found: found.clone() });
        Ok(found)
    }

    /// Something was changed: what was seen before tells nothing any more.
    pub(super) fn outdate(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn ids(names: &[&str]) -> Vec<Id> {
        names.iter().map(|name| Id((*name).to_owned())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_stands_for_a_moment_until_something_changes_and_for_its_own_ids() {
        let (recent, calls) = (Recent::default(), AtomicUsize::new(0));
        let describe = || async { Ok(vec![calls.fetch_add(1, Ordering::SeqCst)]) };
        let (both, one, other) = (ids(&["a", "b"]), ids(&["b"]), ids(&["c"]));
        let (first, second) = tokio::join!(recent.ask(&both, describe), recent.ask(&one, describe));
        assert_eq!((first.unwrap(), second.unwrap()), (vec![0], vec![0]));
        assert_eq!(recent.ask(&other, describe).await.unwrap(), [1], "nobody asked for it");
        recent.outdate();
        assert_eq!(recent.ask(&other, describe).await.unwrap(), [2]);
        tokio::time::sleep(FRESH).await;
        assert_eq!(recent.ask(&other, describe).await.unwrap(), [3]);
    }

    #[tokio::test]
    async fn an_answer_that_was_under_way_during_a_change_serves_only_who_asked_before() {
        let recent = Recent::default();
        let changing = || async {
            recent.outdate();
            Ok(vec!["before"])
        };
        assert_eq!(recent.ask(&[], changing).await.unwrap(), ["before"]);
        assert_eq!(recent.ask(&[], || async { Ok(vec!["after"]) }).await.unwrap(), ["after"]);
    }
}
