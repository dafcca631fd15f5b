//! What the methods of a type get: clients of the region, tags, the token of the attempt.

use std::ops::Deref;
use std::sync::Arc;

use super::caller::Caller;
use super::clients::Clients;
use super::config::ReadAsset;
use super::ec2::Detached;
use super::route53::Dns;
use super::tags::{self, Tags};
use super::traffic::Traffic;
use crate::engine::asset::Asset;
use crate::engine::error::{Error, Result};
use crate::engine::provider::{At, Company};
use crate::engine::urn::Place;

/// The surroundings of a call. Its clients are methods: `cx.ec2()`.
pub struct Cx {
    pub(super) clients: Arc<Clients>,
    pub(super) caller: Caller,
    pub(super) region: String,
    pub(super) default_region: String,
    pub(super) at: Option<At>,
    pub(super) read_asset: ReadAsset,
    pub(super) traffic: Arc<Traffic>,
    pub(super) dns: Arc<Dns>,
    pub(super) detached: Arc<Detached>,
    /// Whether the quotas of AWS hold.
    pub(super) is_aws: bool,
}

impl Deref for Cx {
    type Target = Clients;

    fn deref(&self) -> &Clients {
        &self.clients
    }
}

impl Cx {
    /// `eu-west-1`. Global types see the region that their service is reached in.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The region of the settings, for inputs of global types that name a region.
    pub fn default_region(&self) -> &str {
        &self.default_region
    }

    /// Twelve digits.
    pub fn account(&self) -> &str {
        &self.caller.identity.account
    }

    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub fn partition(&self) -> &str {
        &self.caller.identity.partition
    }

    /// An ARN of this account and region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition(), self.region, self.account())
    }

    /// When the attempt began, in seconds since 1970.
    pub fn begun(&self) -> i64 {
        let begun = ulid::Ulid::from_string(self.token()).map_or(0, |attempt| attempt.timestamp_ms() / 1000);
        i64::try_from(begun).unwrap_or_default()
    }

    /// The id of the attempt, for client tokens and marker fields. Empty in reads.
    pub fn token(&self) -> &str {
        self.at.as_ref().map_or("", |at| &at.attempt)
    }

    /// The value of the ownership tag. Empty in reads.
    pub fn owner(&self) -> &str {
        self.at.as_ref().map_or("", |at| &at.owner)
    }

    /// The changes that go out in one call with this one.
    pub(super) fn company(&self) -> Option<Company> {
        self.at.as_ref().and_then(|at| at.company.clone())
    }

    /// Makes a call of a global service that others share, within its quota; see `Facts::joined`.
    pub(super) async fn joined<T>(&self, service: &str, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.traffic.through(service, &Place::global(), self.is_aws, call).await
    }

    /// The tags that a create sends: those of the program, and those by which it is found again.
    pub fn tags(&self, program: &Tags) -> Tags {
        let mut tags = program.clone();
        if let Some(at) = &self.at {
            tags.insert(tags::OWNER.into(), at.owner.clone());
            tags.insert(tags::ATTEMPT.into(), at.attempt.clone());
            tags.insert(tags::URN.into(), tags::legal(&at.urn));
        }
        tags
    }

    /// The bytes of a file or an archive.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn bytes(&self, asset: &Asset) -> Result<Vec<u8>> {
        let (read, asset) = (Arc::clone(&self.read_asset), asset.clone());
        let bytes = tokio::task::spawn_blocking(move || read(&asset)).await;
        bytes.map_err(|_| Error::bug("reading a file ended early"))?
    }
}
