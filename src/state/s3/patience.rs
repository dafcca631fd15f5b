//! Tells of a bucket that keeps a command waiting before it has ever answered.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::objects::{Etag, Object, Objects, Refused, When};
use crate::engine::error::Error;

/// Learns what a command waits for, such as `s3://states`, once for each bucket.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Most that is not worth a word.
const UNTOLD: Duration = Duration::from_secs(3);

/// A bucket whose first answer is waited for aloud.
pub(super) struct Awaited {
    bucket: Arc<dyn Objects>,
    /// `s3://bucket`
    name: String,
    tell: Tell,
    /// It has answered, or its silence has been told.
    is_known: AtomicBool,
}

impl Awaited {
    pub(super) fn new(bucket: Arc<dyn Objects>, name: String, tell: Tell) -> Self {
        Self { bucket, name, tell, is_known: AtomicBool::new(false) }
    }

    fn await_aloud<'a, T: Send + 'a>(&'a self, mut answer: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        if self.is_known.load(Ordering::Relaxed) {
            return answer;
        }
        async move {
            let soon = tokio::time::timeout(UNTOLD, &mut answer).await;
            let was_known = self.is_known.swap(true, Ordering::Relaxed);
            match soon {
                Ok(answer) => answer,
                Err(_) => {
                    if !was_known {
                        (self.tell)(&self.name);
                    }
                    answer.await
                }
            }
        }
        .boxed()
    }
}

impl fmt::Debug for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bucket.fmt(f)
    }
}

impl Objects for Awaited {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        self.await_aloud(self.bucket.get(key))
    }

    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>, when: When) -> BoxFuture<'a, Result<Etag, Refused>> {
        self.await_aloud(self.bucket.put(key, bytes, when))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        self.await_aloud(self.bucket.list(prefix))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        self.await_aloud(self.bucket.delete(key))
    }

    fn keeps_versions(&self) -> BoxFuture<'_, Result<bool, Error>> {
        self.await_aloud(self.bucket.keeps_versions())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::future;

    use super::*;
    use crate::state::s3::memory::Memory;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_that_keeps_silent_is_named_once_and_one_that_answers_never() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let tell: Tell = Arc::new(move |what| hears.lock().unwrap().push(what.to_owned()));
        let awaited = |name: &str| Awaited::new(Arc::new(Memory::new()), name.to_owned(), Arc::clone(&tell));
        let (silent, lively) = (awaited("s3://silent"), awaited("s3://lively"));
        let late = || tokio::time::sleep(UNTOLD * 2).boxed();
        future::join(silent.await_aloud(late()), silent.await_aloud(late())).await;
        silent.await_aloud(late()).await;
        lively.get("key").await.unwrap();
        lively.await_aloud(late()).await;
        assert_eq!(*told.lock().unwrap(), ["s3://silent"]);
    }
}
