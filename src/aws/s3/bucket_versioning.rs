use aws_sdk_s3::types::{BucketVersioningStatus, MfaDelete, VersioningConfiguration as Setting};

use super::{NoOutputs, each_named, setting};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, one_of, refers, replace, write_only};
use crate::engine::secret::Secret;

/// Whether a bucket keeps the old versions of its objects.
///
/// S3 cannot forget that a bucket was versioned, so deletion suspends versioning.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BucketVersioning {
    /// Name of the bucket.
    #[schemars(transform = replace, length(min = 1, max = 63), transform = refers("aws:s3/bucket:Bucket.id"))]
    pub bucket: String,
    /// Account that must own the bucket.
    #[schemars(transform = replace)]
    pub expected_bucket_owner: Option<String>,
    /// Serial number of the MFA device, a space, and the code it shows. Needed while `mfaDelete` is on.
    #[schemars(transform = write_only)]
    pub mfa: Option<Secret<String>>,
    /// What happens to old versions.
    pub versioning_configuration: Versioning,
}

/// What happens to old versions of objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Versioning {
    /// Whether deleting a version needs an MFA code.
    #[schemars(transform = computed, transform = one_of(&["Enabled", "Disabled"]))]
    pub mfa_delete: Option<String>,
    /// `Disabled` only holds for a bucket that was never versioned.
    #[schemars(transform = one_of(&["Enabled", "Suspended", "Disabled"]))]
    pub status: String,
}

const ENABLED: &str = "Enabled";
const SUSPENDED: &str = "Suspended";
const DISABLED: &str = "Disabled";

impl Resource for BucketVersioning {
    const TYPE: &'static str = "aws:s3/bucketVersioning:BucketVersioning";
    const FACTS: Facts = Facts {
        existing: Existing::Set,
        takes: Takes::seconds(1, 1, 1),
        aliases: &["aws:s3/bucketVersioningV2:BucketVersioningV2"],
        delete_first: true,
        permissions: Permissions {
            create: &["s3:PutBucketVersioning"],
            read: &["s3:GetBucketVersioning"],
            update: &["s3:PutBucketVersioning"],
            delete: &["s3:PutBucketVersioning"],
        },
        acts_on: &["s3:::{bucket}"],
        import: setting::IMPORT,
        ..Facts::new(setting::ID, FoundBy::Name)
    };
    type Outputs = NoOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        if self.versioning_configuration.status != DISABLED {
            self.put(&self.versioning_configuration.status, cx).await?;
        }
        Ok(Made { id: self.id(), seen: None })
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each_named(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, _: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (new, old) = (&self.versioning_configuration.status, &live.inputs.versioning_configuration.status);
        match (new.as_str(), old.as_str()) {
            (DISABLED, DISABLED) => {}
            (DISABLED, _) => {
                return Err(Error::invalid(format!("bucket `{}` was versioned and stays so", self.bucket))
                    .hint("set `versioningConfiguration.status` to `Suspended`"));
            }
            _ => self.put(new, cx).await?,
        }
        Ok(Next::Started)
    }

    /// Object lock, and a replication that is not part of the program, need the versions: S3 refuses
    /// to suspend them, and they stay.
    async fn delete(&self, _: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        if self.versioning_configuration.status != ENABLED {
            return Ok(Next::Gone);
        }
        match self.put(SUSPENDED, cx).await.or_none() {
            Err(e) if e.code.as_deref() == Some("InvalidBucketState") => {
                tracing::info!(bucket = self.bucket, reason = e.message, "versioning stays on");
                Ok(Next::Gone)
            }
            Err(e) => Err(e),
            Ok(_) => Ok(Next::Gone),
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = self.id();
        let status = match seen(id.clone(), cx).await? {
            Seen::Ready(live) => live.inputs.versioning_configuration.status,
            _ => return Ok(Vec::new()),
        };
        let made = status == self.versioning_configuration.status;
        Ok(made.then_some(id).into_iter().collect())
    }
}

impl BucketVersioning {
    fn id(&self) -> Id {
        setting::id((&self.bucket, self.expected_bucket_owner.as_deref()))
    }

    async fn put(&self, status: &str, cx: &Cx) -> Result<()> {
        let mfa_delete = self.versioning_configuration.mfa_delete.as_deref();
        let configuration = Setting::builder()
            .set_mfa_delete(mfa_delete.map(MfaDelete::from))
            .status(BucketVersioningStatus::from(status))
            .build();
        cx.s3()
            .put_bucket_versioning()
            .bucket(&self.bucket)
            .set_expected_bucket_owner(self.expected_bucket_owner.clone())
            .set_mfa(self.mfa.as_ref().map(|mfa| mfa.reveal().clone()))
            .versioning_configuration(configuration)
            .send()
            .await?;
        Ok(())
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<BucketVersioning>>> {
    let (bucket, expected_bucket_owner) = setting::parts(&id);
    let call = cx.s3().get_bucket_versioning().bucket(&bucket);
    let Some(reply) = call.set_expected_bucket_owner(expected_bucket_owner.clone()).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let inputs = BucketVersioning {
        bucket,
        expected_bucket_owner,
        mfa: None,
        versioning_configuration: Versioning {
            mfa_delete: reply.mfa_delete.map(|m| m.as_str().to_owned()),
            // S3 says nothing about a bucket that was never versioned.
            status: reply.status.map_or(DISABLED.to_owned(), |s| s.as_str().to_owned()),
        },
    };
    Ok(Seen::Ready(Live { inputs, outputs: NoOutputs {} }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Provider};

    const REPLY: &str = "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Disabled</MfaDelete>\
        </VersioningConfiguration>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "bucket": "b-1",
            "expectedBucketOwner": "123456789012",
            "versioningConfiguration": { "mfaDelete": "Disabled", "status": "Enabled" },
        });
        reads_back(BucketVersioning::TYPE, "b-1,123456789012", &[("versioning", ok(REPLY))], &[], inputs).await;
    }

    #[tokio::test]
    async fn a_bucket_that_was_never_versioned_is_disabled_and_one_that_is_gone_is_gone() {
        let (never, _) = aws(&[("versioning", ok("<VersioningConfiguration/>"))]);
        let Seen::Ready(live) = read(&never, BucketVersioning::TYPE, "b-1").await.unwrap() else { panic!() };
        let expected = json!({ "bucket": "b-1", "versioningConfiguration": { "status": "Disabled" } });
        assert_eq!(live.inputs, expected.into());
        let gone = Reply::Says(404, "<Error><Code>NoSuchBucket</Code></Error>".into());
        let (gone, _) = aws(&[("versioning", gone)]);
        assert_eq!(read(&gone, BucketVersioning::TYPE, "b-1").await.unwrap(), Seen::Gone);
    }

    #[tokio::test]
    async fn deletion_suspends_unless_the_versions_are_needed() {
        let kept =
            "<Error><Code>InvalidBucketState</Code><Message>A replication configuration is present</Message></Error>";
        for reply in [ok(""), Reply::Says(409, kept.into())] {
            let (aws, wire) = aws(&[("versioning", reply)]);
            let applied = json!({ "bucket": "b-1", "versioningConfiguration": { "status": "Enabled" } }).into();
            let next = aws.delete(&at(BucketVersioning::TYPE), &Id("b-1".into()), &applied, None).await.unwrap();
            assert_eq!(next, provider::Next::Gone);
            assert!(wire.requests("<Status>Suspended</Status>").len() == 1);
        }
    }

    #[tokio::test]
    async fn a_versioned_bucket_cannot_become_one_that_never_was() {
        let (aws, wire) = aws(&[]);
        let live = provider::Live {
            inputs: json!({ "bucket": "b-1", "versioningConfiguration": { "status": "Enabled" } }).into(),
            outputs: json!({}).into(),
        };
        let wanted = json!({ "bucket": "b-1", "versioningConfiguration": { "status": "Disabled" } }).into();
        let e = aws.update(&at(BucketVersioning::TYPE), &Id("b-1".into()), &wanted, &live).await.unwrap_err();
        assert_eq!(e.message, "bucket `b-1` was versioned and stays so");
        assert!(wire.requests("PUT").is_empty());
    }
}
