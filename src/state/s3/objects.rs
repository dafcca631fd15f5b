//! What is asked of a bucket: a few calls, and a put that knows whether it happened.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use crate::engine::error::{Error, Kind};

/// How often a put is tried whose fate is not known. The SDK has tried each of them several times.
const TRIES: u32 = 4;
/// After so long nothing more is asked of a bucket that gives no answer at all: whoever reads what is not
/// settled finds out.
const GIVE_UP: Duration = Duration::from_secs(12);
/// First pause between two of them, doubled with each.
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 200 });

/// The version of an object, as the bucket tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Etag(pub(super) String);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    pub(super) etag: Etag,
}

/// When a put may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// There is no such object: `If-None-Match: *`.
    Absent,
    /// The object is still that version: `If-Match`.
    Same(Etag),
}

/// Why a put did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// Something else is there.
    Condition,
    /// Anything else. If it is ambiguous, the put may have happened.
    Failed(Error),
}

/// A bucket. Reads see every write that was answered before, as those of S3 do.
pub(super) trait Objects: fmt::Debug + Send + Sync {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, Error>>;

    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>, when: When) -> BoxFuture<'a, Result<Etag, Refused>>;

    /// The keys with a prefix, sorted.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, Error>>;

    /// Deleting what is not there is no error.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Whether earlier versions of objects are kept.
    fn keeps_versions(&self) -> BoxFuture<'_, Result<bool, Error>>;
}

/// Puts an object and knows afterwards whether that happened. `bytes` must be such as nobody else
/// writes: an answer that got lost, or that tells of an earlier try of ours, is settled by reading.
///
/// # Errors
/// [`Refused::Condition`] if something of somebody else is there, and an ambiguous failure if even
/// several tries and looks do not tell what is, or the bucket is silent for [`GIVE_UP`].
pub(super) async fn put(objects: &dyn Objects, key: &str, bytes: &[u8], when: When) -> Result<Etag, Refused> {
    let start = Instant::now();
    let mut pause = PAUSE;
    let mut tries = 1;
    loop {
        let refused = match objects.put(key, bytes.to_vec(), when.clone()).await {
            Ok(etag) => return Ok(etag),
            Err(refused) => refused,
        };
        if let Refused::Failed(error) = &refused
            && !error.ambiguous
            && !may_pass(error.kind)
        {
            return Err(refused);
        }
        if let Refused::Failed(error) = &refused
            && error.kind == Kind::Unreachable
            && start.elapsed() >= GIVE_UP
        {
            return Err(refused);
        }
        match (objects.get(key).await, refused) {
            (Ok(Some(there)), _) if there.bytes == bytes => return Ok(there.etag),
            (Ok(_), Refused::Condition) => return Err(Refused::Condition),
            // Nothing of it is there: it may be tried again under the same condition.
            (_, refused) if tries == TRIES => return Err(refused),
            _ => {}
        }
        tokio::time::sleep(pause).await;
        (pause, tries) = (pause * 2, tries + 1);
    }
}

fn may_pass(kind: Kind) -> bool {
    matches!(kind, Kind::Throttled | Kind::Outage | Kind::Unreachable | Kind::Timeout | Kind::Busy | Kind::Spreading)
}

/// The code of the failure of a bucket that was not asked, because its region was given as unavailable.
pub(super) const GIVEN_UP: &str = "GivenAsUnavailable";

pub(super) fn is_given_up(error: &Error) -> bool {
    error.code.as_deref() == Some(GIVEN_UP)
}

/// Whether the bucket cannot be reached at all now.
pub(super) fn is_away(error: &Error) -> bool {
    matches!(error.kind, Kind::Throttled | Kind::Outage | Kind::Unreachable | Kind::Timeout)
}
