//! A bucket of S3.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Mutex;

use super::objects::{Etag, GIVEN_UP, Object, Objects, Refused, When, is_away};
use super::url::Location;
use crate::aws;
use crate::engine::error::{Error, Kind, Result, need};
use crate::state::files::MOST_MIB;

/// What tells the region of a bucket, even to those who may not use it.
const REGION_HEADER: &str = "x-amz-bucket-region";

/// How long the own region may take to tell where a bucket is, before others are asked, too.
const PATIENCE: Duration = Duration::from_secs(4);

/// Regions to ask where a bucket is, by their partition. Each knows all buckets of its partition.
const GUIDES: [(&str, &[&str]); 3] = [
    ("aws-cn", &["cn-north-1", "cn-northwest-1"]),
    ("aws-us-gov", &["us-gov-west-1", "us-gov-east-1"]),
    ("aws", &["us-east-1", "us-west-2", "eu-west-1"]),
];

/// The regions to ask in the place of one.
fn guides(home: &str) -> impl Iterator<Item = &'static str> {
    let there = GUIDES.iter().filter(|(partition, _)| *partition == aws::partition_of(home));
    there.flat_map(|(_, regions)| regions.iter().copied()).filter(move |region| *region != home)
}

/// A bucket, reached when it is first asked for something.
pub(super) struct Bucket {
    location: Location,
    /// Regions that must not be asked.
    unavailable: Vec<String>,
    client: Mutex<Option<Arc<Client>>>,
}

impl Bucket {
    pub(super) fn new(location: Location, unavailable: Vec<String>) -> Self {
        Self { location, unavailable, client: Mutex::default() }
    }

    fn name(&self) -> &str {
        &self.location.bucket
    }

    async fn client(&self) -> Result<Arc<Client>> {
        let mut known = self.client.lock().await;
        if let Some(client) = &*known {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.reach().await?);
        *known = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Calls with the credentials that there are. Where S3 calls them expired, they are read anew once:
    /// whoever gives them may have others by now.
    async fn signed<T, F>(&self, call: impl Fn(Arc<Client>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let client = self.client().await?;
        let done = match call(Arc::clone(&client)).await {
            Err(error) if error.kind == Kind::Unauthenticated && error.code.is_some() => {
                // Whoever comes first with an old client forgets it.
                self.client.lock().await.take_if(|known| Arc::ptr_eq(known, &client));
                call(self.client().await?).await
            }
            done => done,
        };
        done.map_err(|error| self.explained(error))
    }

    /// A client of the bucket's own region, which S3 tells if nobody else does.
    async fn reach(&self) -> Result<Client> {
        if let Some(region) = &self.location.region {
            self.refuse_unavailable(region)?;
            return Ok(self.client_in(Some(region)).await);
        }
        let own = self.client_in(None).await;
        let region = self.region(&own).await?;
        self.refuse_unavailable(&region)?;
        Ok(if region == region_of(&own) { own } else { self.client_in(Some(&region)).await })
    }

    async fn client_in(&self, region: Option<&str>) -> Client {
        // A profile that is named counts for more than keys in the environment.
        let credentials = self.location.profile.as_ref().map(|profile| {
            SharedCredentialsProvider::new(ProfileFileCredentialsProvider::builder().profile_name(profile).build())
        });
        let region = region.map(str::to_owned);
        aws::s3_client(&aws::Settings { region, credentials, ..aws::Settings::default() }).await
    }

    fn refuse_unavailable(&self, region: &str) -> Result<()> {
        if !self.unavailable.iter().any(|gone| gone == region) {
            return Ok(());
        }
        let error = Error::new(Kind::Unreachable, format!("{region} was given as unavailable"));
        let error = Error { code: Some(GIVEN_UP.to_owned()), ..error };
        Err(error.hint("name a copy of the state in another region with `--state`, or wait for the region"))
    }

    /// The region of the bucket, as the own region tells it, or another one if that does not answer.
    async fn region(&self, own: &Client) -> Result<String> {
        let home = region_of(own);
        let elsewhere = async {
            let guides = guides(&home).filter(|guide| self.refuse_unavailable(guide).is_ok());
            let mut asked: FuturesUnordered<_> =
                guides.map(|guide| async move { self.told_by(&self.client_in(Some(guide)).await).await }).collect();
            while let Some(told) = asked.next().await {
                if !told.as_ref().is_err_and(is_away) {
                    return Some(told);
                }
            }
            None
        };
        if let Err(unavailable) = self.refuse_unavailable(&home) {
            return elsewhere.await.unwrap_or(Err(unavailable));
        }
        let mut asked = pin!(self.told_by(own));
        match tokio::time::timeout(PATIENCE, &mut asked).await {
            Ok(Err(error)) if is_away(&error) => elsewhere.await.unwrap_or(Err(error)),
            Ok(told) => told,
            Err(_) => match elsewhere.await {
                Some(told) => told,
                None => asked.await,
            },
        }
    }

    /// The region of the bucket in the words of one region.
    async fn told_by(&self, client: &Client) -> Result<String> {
        let asked = client.head_bucket().bucket(self.name()).send().await;
        let header = |headers: &aws_smithy_runtime_api::http::Headers| headers.get(REGION_HEADER).map(str::to_owned);
        let (region, refused) = match asked {
            Ok(found) => (found.bucket_region().map(str::to_owned), None),
            Err(failure) => (failure.raw_response().and_then(|reply| header(reply.headers())), Some(failure)),
        };
        match (region, refused) {
            // Why it may not be used, the answer to a question with a body tells.
            (Some(region), _) => Ok(region),
            (None, Some(failure)) => Err(self.explained(self.reason(client, failure.into()).await)),
            (None, None) => Ok(region_of(client)),
        }
    }

    /// Why a question whose answer has no body was refused, as one tells that has.
    async fn reason(&self, client: &Client, refused: Error) -> Error {
        if refused.kind != Kind::Invalid || refused.code.is_some() {
            return refused;
        }
        let asked = client.list_objects_v2().bucket(self.name()).max_keys(1).send().await;
        asked.err().map_or(refused, Error::from)
    }

    /// The failure in terms of a state.
    fn explained(&self, error: Error) -> Error {
        let bucket = self.name();
        match error.kind {
            Kind::NotFound => {
                let hint = format!("make the bucket `{bucket}` first, with versioning, or correct the name");
                Error { message: "there is no such bucket".to_owned(), hint: Some(hint), ..error }
            }
            Kind::Denied if error.code.as_deref().is_none_or(|code| code.contains("AccessDenied")) => {
                let rights = "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket";
                error.hint(format!("the state needs {rights} on `{bucket}` and what is in it"))
            }
            Kind::Unauthenticated => aws::signed_out_of_state(error, self.location.profile.as_deref()),
            _ => error,
        }
    }

    async fn is_versioned(&self) -> Result<bool> {
        let ask = |client: Arc<Client>| async move {
            Ok::<_, Error>(client.get_bucket_versioning().bucket(self.name()).send().await?.status)
        };
        let status = self.signed(ask).await?;
        Ok(status == Some(aws_sdk_s3::types::BucketVersioningStatus::Enabled))
    }
}

fn region_of(client: &Client) -> String {
    client.config().region().map(ToString::to_string).unwrap_or_default()
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location)
    }
}

impl Objects for Bucket {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>>> {
        async move {
            let ask = |client: Arc<Client>| async move {
                match client.get_object().bucket(self.name()).key(key).send().await.map_err(Error::from) {
                    Err(e) if e.kind == Kind::NotFound && e.code.as_deref() != Some("NoSuchBucket") => Ok(None),
                    found => found.map(Some),
                }
            };
            let Some(found) = self.signed(ask).await? else { return Ok(None) };
            let etag = Etag(need("ETag", found.e_tag)?);
            if found.content_length.is_some_and(|length| length.unsigned_abs() > MOST_MIB << 20) {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("it has more than {} MiB, which no object of a state has", MOST_MIB),
                )
                .hint("bring back an earlier version of that object"));
            }
            let bytes = found.body.collect().await;
            let bytes =
                bytes.map_err(|e| Error::new(Kind::Outage, format!("the object `{key}` ends too early: {e}")))?;
            Ok(Some(Object { bytes: bytes.to_vec(), etag }))
        }
        .boxed()
    }

    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>, when: When) -> BoxFuture<'a, Result<Etag, Refused>> {
        async move {
            let send = |client: Arc<Client>| {
                let put = client.put_object().bucket(self.name()).key(key);
                let put = match &when {
                    When::Always => put,
                    When::Absent => put.if_none_match("*"),
                    When::Same(Etag(etag)) => put.if_match(etag),
                };
                let limits = aws_sdk_s3::config::Builder::new().timeout_config(aws::state_timeouts(bytes.len()));
                let put = put.content_type("application/json").body(ByteStream::from(bytes.clone()));
                async move { need("ETag", put.customize().config_override(limits).send().await?.e_tag).map(Etag) }
            };
            let error = match self.signed(send).await {
                Ok(made) => return Ok(made),
                Err(error) => error,
            };
            Err(match error.code.as_deref() {
                Some("PreconditionFailed") => Refused::Condition,
                // `If-Match` on an object that is not there.
                Some("NoSuchKey") => Refused::Condition,
                // Another conditional write of the same object was under way.
                Some("ConditionalRequestConflict") => Refused::Failed(Error { kind: Kind::Busy, ..error }),
                _ => Refused::Failed(error),
            })
        }
        .boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        async move {
            let ask = |client: Arc<Client>| async move {
                let mut pages = client.list_objects_v2().bucket(self.name()).prefix(prefix).into_paginator().send();
                let mut keys = Vec::new();
                while let Some(page) = pages.next().await {
                    keys.extend(page?.contents.into_iter().flatten().filter_map(|object| object.key));
                }
                keys.sort_unstable();
                Ok::<_, Error>(keys)
            };
            self.signed(ask).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        async move {
            let ask = |client: Arc<Client>| async move {
                client.delete_object().bucket(self.name()).key(key).send().await?;
                Ok::<_, Error>(())
            };
            self.signed(ask).await
        }
        .boxed()
    }

    fn keeps_versions(&self) -> BoxFuture<'_, Result<bool>> {
        self.is_versioned().boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_bucket_is_asked_in_other_regions_of_the_same_partition() {
        assert_eq!(guides("us-east-1").collect::<Vec<_>>(), ["us-west-2", "eu-west-1"]);
        assert_eq!(guides("ap-south-1").count(), 3);
        assert_eq!(guides("cn-north-1").collect::<Vec<_>>(), ["cn-northwest-1"]);
        assert_eq!(guides("us-gov-east-1").collect::<Vec<_>>(), ["us-gov-west-1"]);
    }

    #[tokio::test]
    async fn a_bucket_in_a_region_that_is_unavailable_is_away_without_a_call() {
        let location = Location::parse("s3://states?region=eu-west-1").unwrap();
        let bucket = Bucket::new(location, vec!["eu-west-1".into()]);
        let error = bucket.get("key").await.unwrap_err();
        assert!(is_away(&error), "{error:?}");
        assert_eq!(error.message, "eu-west-1 was given as unavailable");
    }
}
