//! Which calls may be made: to regions that answer, as long as the lock of the stack is ours.
//!
//! A region has a circuit breaker: a cloud reports every call that was answered, and every one that nobody answered. After some
//! calls in a row without an answer the region counts as lost: for the rest of the run nothing is
//! tried there any more, so that whoever waits for it fails at once and with one cause. A user who
//! knows more says so before the run with `--region-unavailable`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::error::{Error, Kind, Result};
use crate::engine::fence::Fence;

/// Calls in a row without an answer after which a region may count as lost.
const CALLS: u32 = 5;
/// For that long nobody must have answered: a network that fails for a moment takes all calls of the
/// moment along.
const SILENCE: Duration = Duration::from_secs(15);

/// What stands between a run and its calls.
#[derive(Debug, Default)]
pub struct Reach {
    pub fence: Fence,
    regions: Mutex<HashMap<String, Health>>,
    /// When a service of a region was last too busy for a call, which is made again below the engine: by region.
    throttled: Mutex<HashMap<String, (String, Instant)>>,
}

/// A region of which there is something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Health {
    /// Nobody has answered since then.
    Silent {
        calls: u32,
        since: Instant,
    },
    Lost(Loss),
}

/// Why nothing is tried in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Loss {
    /// The user says so.
    Told,
    Silent {
        calls: u32,
        seconds: u64,
    },
}

impl Reach {
    fn regions(&self) -> MutexGuard<'_, HashMap<String, Health>> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins: nothing is known of regions but that these are lost.
    pub fn begin(&self, lost: &[String]) {
        let lost = lost.iter().map(|region| (region.clone(), Health::Lost(Loss::Told)));
        *self.regions() = lost.collect();
    }

    /// A call was answered, be it with a refusal.
    pub fn answered(&self, region: &str) {
        let mut regions = self.regions();
        if let Some(Health::Silent { .. }) = regions.get(region) {
            regions.remove(region);
        }
    }

    /// Nobody answered a call that began then.
    pub fn unanswered(&self, region: &str, began: Instant) {
        let mut regions = self.regions();
        let (calls, since) = match regions.get(region) {
            Some(Health::Lost(_)) => return,
            Some(Health::Silent { calls, since }) => (calls + 1, (*since).min(began)),
            None => (1, began),
        };
        let health = if calls >= CALLS && since.elapsed() >= SILENCE {
            Health::Lost(Loss::Silent { calls, seconds: since.elapsed().as_secs() })
        } else {
            Health::Silent { calls, since }
        };
        regions.insert(region.to_owned(), health);
    }

    /// A service of the region takes no more calls for now. The call is made again below the engine.
    pub fn throttled(&self, region: &str, service: &str) {
        let mut throttled = self.throttled.lock().unwrap_or_else(PoisonError::into_inner);
        throttled.insert(region.to_owned(), (service.to_owned(), Instant::now()));
    }

    /// What a call to the region waits for that was begun then and has no answer yet, in words for people.
    pub fn word(&self, region: &str, begun: Instant) -> String {
        let throttled = self.throttled.lock().unwrap_or_else(PoisonError::into_inner);
        let service = throttled.get(region).filter(|(_, at)| *at >= begun).map(|(service, _)| service);
        match (service, self.regions().get(region)) {
            (_, Some(Health::Silent { calls, .. })) => {
                let s = if *calls == 1 { "" } else { "s" };
                format!("waiting for {region}, which did not answer {calls} call{s} in a row")
            }
            (Some(service), _) => format!("throttled by {service} in {region}"),
            _ => "waiting for an answer".to_owned(),
        }
    }

    /// Whether calls to the region may be made.
    ///
    /// # Errors
    /// If it is lost: the one cause of all that fails there. Such a call had no effect.
    pub fn check(&self, region: &str) -> Result<()> {
        match self.regions().get(region) {
            Some(Health::Lost(Loss::Told)) => {
                Err(Error::new(Kind::Unreachable, format!("{region} is given as unavailable")))
            }
            Some(Health::Lost(Loss::Silent { calls, seconds })) => {
                let text = format!("{region} does not answer: {calls} calls in {seconds} s got no answer");
                Err(Error::new(Kind::Unreachable, text).hint(unavailable(region)))
            }
            _ => Ok(()),
        }
    }

    /// Whether the user said that it is lost.
    pub fn is_given_up(&self, region: &str) -> bool {
        self.regions().get(region) == Some(&Health::Lost(Loss::Told))
    }

    /// Whether nothing is tried in the region.
    pub fn is_lost(&self, region: &str) -> bool {
        self.check(region).is_err()
    }
}

/// What to do about a region that does not answer.
pub fn unavailable(region: &str) -> String {
    format!("run again when it answers, or with `--region-unavailable {region}`, which leaves it alone")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn silent(reach: &Reach, calls: u32, pause: u64) {
        for _ in 0..calls {
            let began = Instant::now();
            tokio::time::sleep(Duration::from_secs(pause)).await;
            reach.unanswered("eu-west-1", began);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_region_is_lost_after_some_calls_and_some_time_without_an_answer() {
        let reach = Reach::default();
        silent(&reach, 4, 5).await;
        assert!(!reach.is_lost("eu-west-1"), "too few calls");
        silent(&reach, 1, 0).await;
        assert!(reach.is_lost("eu-west-1") && !reach.is_lost("us-east-1"));
        let error = reach.check("eu-west-1").unwrap_err();
        assert_eq!(error.message, "eu-west-1 does not answer: 5 calls in 20 s got no answer");
        assert!(error.hint.unwrap().contains("`--region-unavailable eu-west-1`"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_without_answers_is_no_loss_and_an_answer_ends_the_count() {
        let reach = Reach::default();
        silent(&reach, 100, 0).await;
        assert!(!reach.is_lost("eu-west-1"));
        reach.answered("eu-west-1");
        silent(&reach, 4, 10).await;
        assert!(!reach.is_lost("eu-west-1"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_says_whether_it_is_throttled_or_its_region_is_silent() {
        let (reach, begun) = (Reach::default(), Instant::now());
        let word = || reach.word("eu-west-1", begun);
        assert_eq!(word(), "waiting for an answer");
        reach.throttled("eu-west-1", "ec2");
        assert_eq!(word(), "throttled by ec2 in eu-west-1");
        assert_eq!(reach.word("us-east-1", begun), "waiting for an answer");
        silent(&reach, 2, 1).await;
        assert_eq!(word(), "waiting for eu-west-1, which did not answer 2 calls in a row");
        reach.answered("eu-west-1");
        assert_eq!(reach.word("eu-west-1", Instant::now()), "waiting for an answer", "that was before");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_region_stays_lost_until_the_next_run() {
        let reach = Reach::default();
        silent(&reach, 5, 5).await;
        reach.answered("eu-west-1");
        assert!(reach.is_lost("eu-west-1"));
        reach.begin(&["us-east-1".to_owned()]);
        assert!(!reach.is_lost("eu-west-1"));
        assert_eq!(reach.check("us-east-1").unwrap_err().message, "us-east-1 is given as unavailable");
    }
}
