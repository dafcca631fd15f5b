//! Resources that are ready and do not count as done yet, because a test wants them so.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::engine::resource::Await;
use crate::engine::urn::Id;

/// Which types are late, and since when their resources are waited for.
#[derive(Debug, Default)]
pub(super) struct Late {
    types: HashMap<String, (SignedDuration, Duration)>,
    since: HashMap<Id, Timestamp>,
}

impl Late {
    pub(super) fn tell(&mut self, token: &str, late: SignedDuration, limit: Duration) {
        self.types.insert(token.to_owned(), (late, limit));
    }

    /// The time begins with the first question.
    pub(super) fn awaits(&mut self, token: &str, id: &Id, now: Timestamp) -> Option<Await> {
        let (late, limit) = *self.types.get(token)?;
        let since = *self.since.entry(id.clone()).or_insert(now);
        let word = "0 of 1 instances are healthy".to_owned();
        (now.duration_since(since) < late).then_some(Await { word, limit, limited_by: "size" })
    }
}
