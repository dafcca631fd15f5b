use aws_sdk_s3::types::{BucketLocationConstraint, BucketNamespace, CreateBucketConfiguration, ObjectLockEnabled};

use super::{each_named, empty, retag, tagged, tags_of};
use crate::aws::prelude::*;
use crate::engine::error::Kind;
use crate::engine::rules::{auto_name, computed, forced, form, one_of, replace, write_only};

/// A container of objects. Its settings are resources of their own, such as
/// `aws:s3:BucketVersioning`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bucket {
    /// Name of the bucket, unique in the partition.
    #[schemars(transform = replace, transform = auto_name(63))]
    #[schemars(transform = form(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", "3 to 63 lower-case letters, digits, `.` and `-`"))]
    pub bucket: String,
    /// Whether the name is unique in the partition or in account and region. Names of the latter end
    /// in `-<account>-<region>-an`.
    #[schemars(transform = replace, transform = one_of(&["global", "account-regional"]))]
    #[serde(default = "everywhere")]
    pub bucket_namespace: String,
    /// Whether deletion removes the objects first, in all their versions.
    #[schemars(transform = write_only, transform = forced)]
    #[serde(default)]
    pub force_destroy: bool,
    /// Whether objects may be locked against deletion.
    #[schemars(transform = replace, transform = computed)]
    pub object_lock_enabled: Option<bool>,
    /// Tags of the bucket.
    #[serde(default)]
    pub tags: Tags,
}

const GLOBAL: &str = "global";

fn everywhere() -> String {
    GLOBAL.to_owned()
}

/// What AWS decides about a bucket.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BucketOutputs {
    /// ARN of the bucket.
    pub arn: String,
    /// Host name without a region, `<bucket>.s3.amazonaws.com`.
    pub bucket_domain_name: String,
    /// Region of the bucket.
    pub bucket_region: String,
    /// Host name with the region, `<bucket>.s3.eu-west-1.amazonaws.com`.
    pub bucket_regional_domain_name: String,
    /// Route 53 zone of websites in the region, for alias records.
    pub hosted_zone_id: Option<String>,
}

impl Resource for Bucket {
    const TYPE: &'static str = "aws:s3/bucket:Bucket";
    const FACTS: Facts = Facts {
        existing: Existing::LookedFor(&[]),
        limits: Limits::minutes(20, 20, 60),
        names: Names::Everywhere,
        takes: Takes::seconds(2, 1, 2),
        aliases: &["aws:s3/bucketV2:BucketV2"],
        permissions: Permissions {
            create: &["s3:CreateBucket", "s3:TagResource"],
            read: &["s3:GetBucketObjectLockConfiguration", "s3:GetBucketTagging", "s3:ListBucket"],
            update: &["s3:GetBucketTagging", "s3:PutBucketTagging"],
            delete: &[
                "s3:AbortMultipartUpload",
                "s3:DeleteBucket",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
                "s3:ListBucketMultipartUploads",
                "s3:ListBucketVersions",
            ],
        },
        permissions_with: &[WithInput {
            itself: &["s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"],
            ..WithInput::on("objectLockEnabled", &[], &[])
        }],
        acts_on: &["s3:::{bucket}", "s3:::{bucket}/*"],
        import: "name of the bucket",
        ..Facts::new(IdForm::Input("bucket"), FoundBy::Name)
    };
    type Outputs = BucketOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let elsewhere = (cx.region() != FIRST_REGION).then(|| BucketLocationConstraint::from(cx.region()));
        let configuration = CreateBucketConfiguration::builder()
            .set_location_constraint(elsewhere)
            .set_tags(Some(tagged(&cx.tags(&self.tags))?))
            .build();
        let namespace = Some(&self.bucket_namespace).filter(|n| *n != GLOBAL);
        cx.s3()
            .create_bucket()
            .bucket(&self.bucket)
            .set_bucket_namespace(namespace.map(|n| BucketNamespace::from(n.as_str())))
            .set_object_lock_enabled_for_bucket(self.object_lock_enabled)
            .create_bucket_configuration(configuration)
            .send()
            .await?;
        Ok(Made::id(&self.bucket))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each_named(ids, |id| seen(id, want, cx)).await
    }

    /// Only `forceDestroy` can change, and that S3 does not know.
    async fn update(&self, _: &Id, _: &Live<Self>, _: &Cx) -> Result<Next<Self>> {
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        if self.force_destroy {
            empty(&id.0, self.object_lock_enabled == Some(true), cx).await.or_none()?;
        }
        let deleted = cx.s3().delete_bucket().bucket(&id.0).send().await.or_none();
        deleted.map_err(|e: Error| match e.code.as_deref() {
            // Replication still brings objects.
            Some("BucketNotEmpty") if self.force_destroy => Error { kind: Kind::Busy, ..e },
            Some("BucketNotEmpty") => Error { kind: Kind::Invalid, ..e }
                .hint("set `forceDestroy: true`, or use `--force-override-protection`"),
            _ => e,
        })?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let mine = tags_of(&self.bucket, cx).await?.get(tags::ATTEMPT).is_some_and(|a| a == cx.token());
        Ok(mine.then(|| Id(self.bucket.clone())).into_iter().collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let Some(name) = inputs.get("bucket").and_then(Value::as_str) else {
            return Vec::new();
        };
        let outputs = outputs(name, &at.partition, &at.region.0);
        vec![
            ("arn", outputs.arn.into()),
            ("bucketDomainName", outputs.bucket_domain_name.into()),
            ("bucketRegion", outputs.bucket_region.into()),
            ("bucketRegionalDomainName", outputs.bucket_regional_domain_name.into()),
            ("hostedZoneId", outputs.hosted_zone_id.map_or(Value::Null, Value::from)),
        ]
    }
}

/// The region that S3 does not want to be named.
const FIRST_REGION: &str = "us-east-1";

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<Bucket>>> {
    if cx.s3().head_bucket().bucket(&id.0).send().await.or_none()?.is_none() {
        return Ok(Seen::Gone);
    }
    let own = id.0.ends_with(&format!("-{}-{}-an", cx.account(), cx.region()));
    let inputs = Bucket {
        bucket_namespace: if own { "account-regional".to_owned() } else { everywhere() },
        force_destroy: false,
        object_lock_enabled: if want.has("objectLockEnabled") { Some(is_locking(&id, cx).await?) } else { None },
        tags: if want.has("tags") { tags_of(&id.0, cx).await? } else { Tags::new() },
        bucket: id.0,
    };
    let outputs = outputs(&inputs.bucket, cx.partition(), cx.region());
    Ok(Seen::Ready(Live { inputs, outputs }))
}

async fn is_locking(id: &Id, cx: &Cx) -> Result<bool> {
    let reply = cx.s3().get_object_lock_configuration().bucket(&id.0).send().await.or_none()?;
    let lock = reply.and_then(|r| r.object_lock_configuration).and_then(|c| c.object_lock_enabled);
    Ok(lock == Some(ObjectLockEnabled::Enabled))
}

fn outputs(bucket: &str, partition: &str, region: &str) -> BucketOutputs {
    let suffix = crate::aws::dns_suffix(partition);
    BucketOutputs {
        arn: format!("arn:{partition}:s3:::{bucket}"),
        bucket_domain_name: format!("{bucket}.s3.{suffix}"),
        bucket_region: region.to_owned(),
        bucket_regional_domain_name: format!("{bucket}.s3.{region}.{suffix}"),
        hosted_zone_id: website_zone(region).map(str::to_owned),
    }
}

/// The zones are listed in the AWS General Reference, "Amazon S3 website endpoints".
fn website_zone(region: &str) -> Option<&'static str> {
    Some(match region {
        "af-south-1" => "Z83WF9RJE8B12",
        "ap-east-1" => "ZNB98KWMFR0R6",
        "ap-northeast-1" => "Z2M4EHUR26P7ZW",
        "ap-northeast-2" => "Z3W03O7B5YMIYP",
        "ap-northeast-3" => "Z2YQB5RD63NC85",
        "ap-south-1" => "Z11RGJOFQNVJUP",
        "ap-southeast-1" => "Z3O0J2DXBE1FTB",
        "ap-southeast-2" => "Z1WCIGYICN2BYD",
        "ca-central-1" => "Z1QDHH18159H29",
        "eu-central-1" => "Z21DNDUVLTQW6Q",
        "eu-north-1" => "Z3BAZG2TWCNX0D",
        "eu-west-1" => "Z1BKCTXD74EZPE",
        "eu-west-2" => "Z3GKZC51ZF0DB4",
        "eu-west-3" => "Z3R1K369G5AVDG",
        "me-south-1" => "Z1MPMWCPA7YB62",
        "sa-east-1" => "Z7KQH4QJS55SO",
        "us-east-1" => "Z3AQBSTGFYJSTF",
        "us-east-2" => "Z2O1EMRO9K5GLX",
        "us-gov-east-1" => "Z2NIFVYYW2VKV1",
        "us-gov-west-1" => "Z31GFT0UA1I2HV",
        "us-west-1" => "Z2F56UZL2M1ACD",
        "us-west-2" => "Z3BJ6K6RIION7M",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::Provider;

    const LOCK: &str =
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>";
    const TAGS: &str = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag><Tag><Key>drctl:owner</Key>\
        <Value>x</Value></Tag></TagSet></Tagging>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [("object-lock", ok(LOCK)), ("tagging", ok(TAGS)), ("HEAD", ok(""))];
        let inputs = json!({
            "bucket": "b-1",
            "bucketNamespace": "global",
            "forceDestroy": false,
            "objectLockEnabled": true,
            "tags": { "a": "b" },
        });
        reads_back(Bucket::TYPE, "b-1", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn a_bucket_of_another_region_is_told_with_its_name_and_its_region() {
        let moved = "<Error><Code>PermanentRedirect</Code><Message>use the endpoint</Message></Error>";
        let cases =
            [(Reply::Elsewhere("eu-west-3"), "region `eu-west-3`"), (Reply::Says(301, moved.into()), "another")];
        for (reply, region) in cases {
            let (aws, _) = aws(&[("HEAD", reply.clone()), ("versioning", reply)]);
            for ty in [Bucket::TYPE, "aws:s3/bucketVersioning:BucketVersioning"] {
                let e = read(&aws, ty, "b-1").await.unwrap_err();
                assert!(e.message.starts_with(&format!("the bucket `b-1` is in {region}")), "{}", e.message);
                assert_eq!((e.kind, e.ambiguous), (Kind::Invalid, false));
                assert!(e.hint.is_some_and(|h| h.contains("`--region`")));
            }
        }
    }

    #[tokio::test]
    async fn a_bucket_that_is_not_empty_is_kept_unless_forced() {
        let full = "<Error><Code>BucketNotEmpty</Code><Message>not empty</Message></Error>";
        let (refusing, wire) = aws(&[("DELETE", Reply::Says(409, full.into()))]);
        let (at, id) = (at(Bucket::TYPE), Id("b-1".into()));
        let kept = json!({ "bucket": "b-1" }).into();
        let e = refusing.delete(&at, &id, &kept, None).await.unwrap_err();
        assert_eq!(e.kind, Kind::Invalid, "waiting does not empty it");
        assert!(e.hint.is_some_and(|h| h.contains("forceDestroy")));
        assert!(wire.requests("versions").is_empty());
    }

    #[tokio::test]
    async fn a_forced_deletion_stops_at_an_object_that_s3_keeps() {
        let versions = "<ListVersionsResult><Version><Key>k</Key><VersionId>1</VersionId></Version>\
            <DeleteMarker><Key>k</Key><VersionId>2</VersionId></DeleteMarker></ListVersionsResult>";
        let kept = "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code><Message>locked</Message></Error></DeleteResult>";
        let (aws, wire) =
            aws(&[("uploads", ok("<ListMultipartUploadsResult/>")), ("versions", ok(versions)), ("?delete", ok(kept))]);
        let forced = json!({ "bucket": "b-1", "forceDestroy": true }).into();
        let e = aws.delete(&at(Bucket::TYPE), &Id("b-1".into()), &forced, None).await.unwrap_err();
        assert_eq!(e.message, "object `k` cannot be removed: locked");
        let sent = &wire.requests("?delete")[0];
        assert!(sent.contains("<VersionId>1</VersionId>") && sent.contains("<VersionId>2</VersionId>"), "{sent}");
        assert!(wire.requests("DELETE").is_empty());
    }
}
