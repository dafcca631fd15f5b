//! How many calls of a service may be on their way, and how many a second: quotas of AWS that hold for
//! a whole account and not for a region.
//!
//! What AWS throttles all the same slows down the rate limiter of the SDK, which all clients of a
//! service and region share.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::engine::error::{Error, Result};
use crate::engine::urn::Place;

/// Calls of a service and place that may be in flight at once, where it is less than usual: API Gateway
/// takes ten requests a second, IAM is slow to agree with itself.
const AT_ONCE: &[(&str, usize)] = &[("apigateway", 2), ("backup", 8), ("iam", 4), ("rds", 8), ("route53", 2)];
const USUALLY_AT_ONCE: usize = 16;

/// Requests a second that AWS takes from a whole account, by its documentation.
const A_SECOND: &[(&str, u32)] = &[("route53", 5)];

/// The calls on their way.
#[derive(Default)]
pub(super) struct Traffic {
    doors: Mutex<HashMap<(String, Place), Arc<Semaphore>>>,
    paces: Mutex<HashMap<String, Arc<Pace>>>,
}

impl Traffic {
    /// Makes a call when few enough others of its service are in flight, and no sooner than the quota
    /// of the service allows. Other endpoints than AWS's have no such quota.
    pub(super) async fn through<T>(
        &self,
        service: &str,
        place: &Place,
        is_aws: bool,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let door = {
            let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (service.to_owned(), place.clone());
            Arc::clone(doors.entry(key).or_insert_with(|| Arc::new(Semaphore::new(at_once(service)))))
        };
        let _inside = door.acquire().await.map_err(|e| Error::bug(e.to_string()))?;
        if let Some((_, rate)) = A_SECOND.iter().find(|(name, _)| is_aws && *name == service) {
            let pace = {
                let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(paces.entry(service.to_owned()).or_insert_with(|| Arc::new(Pace::of(*rate))))
            };
            pace.keep().await;
        }
        call.await
    }
}

fn at_once(service: &str) -> usize {
    AT_ONCE.iter().find(|(name, _)| *name == service).map_or(USUALLY_AT_ONCE, |(_, most)| *most)
}

/// So many calls a second, of which as many may come at once after a rest.
struct Pace {
    interval: Duration,
    /// How far ahead of an even pace the calls may be.
    ahead: Duration,
    /// When the next call is due at an even pace.
    due: Mutex<Option<Instant>>,
}

impl Pace {
    fn of(rate: u32) -> Self {
        let interval = Duration::from_secs(1) / rate.max(1);
        Self { interval, ahead: interval * rate.saturating_sub(1), due: Mutex::default() }
    }

    /// Waits for one's turn.
    async fn keep(&self) {
        let start = {
            let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let mine = due.map_or(now, |due| due.max(now));
            *due = Some(mine + self.interval);
            mine.checked_sub(self.ahead).unwrap_or(now)
        };
        tokio::time::sleep_until(start).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn seconds_for(calls: u32, service: &str, is_aws: bool) -> u64 {
        let (traffic, place, start) = (Traffic::default(), Place::global(), Instant::now());
        for _ in 0..calls {
            traffic.through(service, &place, is_aws, async { Ok(()) }).await.unwrap();
        }
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn route_53_gets_five_requests_a_second_and_others_as_many_as_there_are() {
        assert_eq!(seconds_for(55, "route53", true).await, 10);
        assert_eq!(seconds_for(5, "route53", true).await, 0);
        assert_eq!(seconds_for(1000, "ec2", true).await, 0);
        assert_eq!(seconds_for(1000, "route53", false).await, 0);
    }
}
