//! Whether the lock of the stack still was this run's a moment ago.
//!
//! A process may be suspended between any two of its steps, and when it wakes up another run may have
//! taken its stack over. It would learn that from its next sign of life, but what it was about to
//! send would be sent before. So each call asks first how old the last sign of life is.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::engine::error::{Error, Kind, Result};

/// When a lock last gave a sign of life. By two clocks: the one stands still while a machine is
/// suspended, the other one may be set.
#[derive(Debug, Clone, Copy)]
pub struct Sign {
    elapsed: Instant,
    wall: Timestamp,
}

impl Sign {
    /// To be taken before the sign is given: it counts from then on at the earliest.
    pub fn now() -> Self {
        Self { elapsed: Instant::now(), wall: Timestamp::now() }
    }

    fn age(&self) -> Duration {
        let wall = Duration::try_from(Timestamp::now().duration_since(self.wall)).unwrap_or_default();
        wall.max(self.elapsed.elapsed())
    }
}

/// A lock that others take over when it gives no sign of life.
#[derive(Debug, Clone)]
pub struct Lifeline {
    pub signs: watch::Receiver<Sign>,
    /// So long after a sign of life nobody has taken the lock over.
    pub holds: Duration,
}

impl Lifeline {
    fn is_fresh(&self) -> bool {
        self.signs.borrow().age() < self.holds
    }

    fn stale(&self) -> Error {
        let age = self.signs.borrow().age().as_secs();
        Error::new(Kind::Unreachable, format!("the lock of the stack has given no sign of life for {age} s"))
            .hint("run again: whatever was begun is then looked for and finished")
    }
}

/// What stands between a run and its calls. Open for a lock that nobody takes over from a run that lives.
#[derive(Debug, Default)]
pub struct Fence(Mutex<Option<Lifeline>>);

impl Fence {
    /// From now on calls need a fresh sign of life.
    pub fn follow(&self, lifeline: Option<Lifeline>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lifeline;
    }

    fn lifeline(&self) -> Option<Lifeline> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a call may be made at this moment.
    ///
    /// # Errors
    /// If the last sign of life is too old. The call had no effect then.
    pub fn check(&self) -> Result<()> {
        self.lifeline().filter(|line| !line.is_fresh()).map_or(Ok(()), |line| Err(line.stale()))
    }

    /// Waits until a call may be made.
    ///
    /// # Errors
    /// If no sign of life comes in the time in which others take the lock over, or none can come any more.
    pub async fn passed(&self) -> Result<()> {
        let Some(mut line) = self.lifeline() else { return Ok(()) };
        let until = Instant::now() + line.holds;
        while !line.is_fresh() {
            match tokio::time::timeout_at(until, line.signs.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(line.stale()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDS: Duration = Duration::from_secs(25);

    fn fence() -> (Fence, watch::Sender<Sign>) {
        let (give, signs) = watch::channel(Sign::now());
        let fence = Fence::default();
        fence.follow(Some(Lifeline { signs, holds: HOLDS }));
        (fence, give)
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_a_sign_of_life_that_is_overdue() {
        let (fence, give) = fence();
        fence.check().unwrap();
        tokio::time::advance(HOLDS).await;
        let error = fence.check().unwrap_err();
        assert_eq!(error.message, "the lock of the stack has given no sign of life for 25 s");
        assert!(!error.ambiguous);
        let (passed, ()) = tokio::join!(fence.passed(), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            give.send_replace(Sign::now());
        });
        passed.unwrap();
        fence.check().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_is_made_for_a_lock_that_is_lost_or_stays_silent() {
        let (fence, give) = fence();
        tokio::time::advance(HOLDS).await;
        let start = Instant::now();
        fence.passed().await.unwrap_err();
        assert_eq!(start.elapsed(), HOLDS);
        drop(give);
        fence.passed().await.unwrap_err();
        assert_eq!(start.elapsed(), HOLDS);
    }

    #[test]
    fn a_suspended_machine_is_seen_by_the_time_of_day() {
        let (fence, give) = fence();
        let before = Timestamp::now() - Duration::from_secs(3600);
        give.send_replace(Sign { wall: before, ..Sign::now() });
        fence.check().unwrap_err();
        let ahead = Timestamp::now() + Duration::from_secs(3600);
        give.send_replace(Sign { wall: ahead, ..Sign::now() });
        fence.check().unwrap();
    }

    #[tokio::test]
    async fn a_lock_that_lives_with_its_process_stands_in_nobodys_way() {
        let fence = Fence::default();
        fence.check().unwrap();
        fence.passed().await.unwrap();
    }
}
