//! A bucket in memory, for tests: it keeps conditions as S3 does, and fails when it is told to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::future::{self, BoxFuture};
use futures::{FutureExt, TryFutureExt};

use super::objects::{Etag, GIVEN_UP, Object, Objects, Refused, When, is_given_up};
use crate::engine::error::{Error, Kind};

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Refused for being too much, without an effect.
    Throttled,
    /// No answer, and no effect.
    LostBefore,
    /// No answer, although it had its effect.
    LostAfter,
    /// No effect, and no answer until it is given up.
    Silent,
    /// Not asked, because the user says that its region is unavailable.
    GivenUp,
    /// Refused, because the credentials have expired.
    Expired,
}

/// When a silent bucket is given up.
pub(super) const SILENCE: Duration = Duration::from_secs(13);

/// One call, as faults are chosen by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call<'a> {
    pub(super) what: &'static str,
    pub(super) key: &'a str,
    /// Writes that were asked for so far, this one included.
    pub(super) writes: usize,
}

type Choose = Box<dyn FnMut(&Call<'_>) -> Option<Fault> + Send>;

/// What is in a bucket, whoever looks at it.
#[derive(Debug, Default)]
struct Contents {
    objects: BTreeMap<String, (Vec<u8>, u64)>,
    versions: u64,
}

/// A bucket, through the network of one process.
pub(super) struct Memory {
    contents: Arc<Mutex<Contents>>,
    choose: Mutex<Choose>,
    writes: Mutex<usize>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { contents: Arc::default(), choose: Mutex::new(Box::new(|_| None)), writes: Mutex::default() }
    }

    /// The same bucket through a network that fails as `choose` says.
    pub(super) fn through(&self, choose: impl FnMut(&Call<'_>) -> Option<Fault> + Send + 'static) -> Self {
        let contents = Arc::clone(&self.contents);
        Self { contents, choose: Mutex::new(Box::new(choose)), writes: Mutex::default() }
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.contents().objects.keys().cloned().collect()
    }

    pub(super) fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.contents().objects.get(key).map(|(bytes, _)| bytes.clone())
    }

    /// Changes an object without a condition, as a person with a browser would.
    pub(super) fn set(&self, key: &str, bytes: Option<&[u8]>) {
        let mut contents = self.contents();
        contents.versions += 1;
        let version = contents.versions;
        match bytes {
            Some(bytes) => drop(contents.objects.insert(key.to_owned(), (bytes.to_vec(), version))),
            None => drop(contents.objects.remove(key)),
        }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap()
    }

    fn answer<T>(&self, what: &'static str, key: &str, effect: impl FnOnce(&mut Contents) -> T) -> Result<T, Error> {
        let writes = {
            let mut writes = self.writes.lock().unwrap();
            *writes += usize::from(what == "put" || what == "delete");
            *writes
        };
        let fault = (*self.choose.lock().unwrap())(&Call { what, key, writes });
        let lost = || Error { ambiguous: true, ..Error::new(Kind::Outage, "no answer came") };
        match fault {
            None => Ok(effect(&mut self.contents())),
            Some(Fault::Throttled) => Err(Error::new(Kind::Throttled, "slow down")),
            Some(Fault::LostBefore) => Err(lost()),
            Some(Fault::Silent) => Err(Error { ambiguous: true, ..Error::new(Kind::Unreachable, "time is over") }),
            Some(Fault::GivenUp) => {
                Err(Error { code: Some(GIVEN_UP.to_owned()), ..Error::new(Kind::Unreachable, "given as unavailable") })
            }
            Some(Fault::Expired) => Err(Error::new(Kind::Unauthenticated, "the token has expired")),
            Some(Fault::LostAfter) => {
                effect(&mut self.contents());
                Err(lost())
            }
        }
    }
}

/// Only a silent bucket takes time.
async fn in_time<T>(answer: Result<T, Error>) -> Result<T, Error> {
    if answer.as_ref().is_err_and(|error| error.kind == Kind::Unreachable && !is_given_up(error)) {
        tokio::time::sleep(SILENCE).await;
    }
    answer
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl Objects for Memory {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        let found = self.answer("get", key, |contents| {
            let (bytes, version) = contents.objects.get(key)?;
            Some(Object { bytes: bytes.clone(), etag: Etag(version.to_string()) })
        });
        in_time(found).boxed()
    }

    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>, when: When) -> BoxFuture<'a, Result<Etag, Refused>> {
        let put = self.answer("put", key, |contents| {
            let there = contents.objects.get(key).map(|(_, version)| Etag(version.to_string()));
            let may = match when {
                When::Always => true,
                When::Absent => there.is_none(),
                When::Same(etag) => there == Some(etag),
            };
            may.then(|| {
                contents.versions += 1;
                contents.objects.insert(key.to_owned(), (bytes, contents.versions));
                Etag(contents.versions.to_string())
            })
        });
        let put = in_time(put).map_err(Refused::Failed);
        put.map(|put| put.and_then(|made| made.ok_or(Refused::Condition))).boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        let all = |contents: &mut Contents| {
            contents.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect::<Vec<_>>()
        };
        in_time(self.answer("list", prefix, all)).boxed()
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        in_time(self.answer("delete", key, |contents| drop(contents.objects.remove(key)))).boxed()
    }

    fn keeps_versions(&self) -> BoxFuture<'_, Result<bool, Error>> {
        future::ready(Ok(true)).boxed()
    }
}
