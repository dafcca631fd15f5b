//! The one source of time. Every wait of the engine goes through it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The time of a run, and how to wait.
///
/// A virtual clock starts where it is told and relies on tokio's paused time: whenever all tasks
/// wait, time jumps to the next one that is due. So two hours of Aurora pass in a millisecond, in
/// the order in which they would pass on AWS.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Timestamp,
    origin: Instant,
}

impl Clock {
    /// The clock on the wall.
    pub fn system() -> Self {
        Self::starting(Timestamp::now())
    }

    /// A clock that shows `start` now. It is virtual if the runtime was built with paused time.
    pub fn starting(start: Timestamp) -> Self {
        Self { start, origin: Instant::now() }
    }

    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.origin.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// The time until the next multiple of `every` since the clock was made; never zero.
    pub fn until_next(&self, every: Duration) -> Duration {
        let every = every.max(Duration::from_millis(1));
        let passed = self.origin.elapsed().as_nanos() % every.as_nanos();
        every - Duration::from_nanos(u64::try_from(passed).unwrap_or_default())
    }

    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// A point in time from now on, for [`Clock::passed`].
    pub fn after(&self, duration: Duration) -> Instant {
        Instant::now() + duration
    }

    pub fn passed(&self, deadline: Instant) -> bool {
        Instant::now() >= deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_virtual_hour_takes_no_time_and_shows_on_the_clock() {
        let clock = Clock::starting("2026-01-01T00:00:00Z".parse().unwrap());
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now().to_string(), "2026-01-01T01:00:00Z");
    }
}
