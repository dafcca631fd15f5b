//! Object storage: S3.

mod bucket;
mod bucket_lifecycle_configuration;
mod bucket_policy;
mod bucket_public_access_block;
mod bucket_replication_config;
mod bucket_server_side_encryption_configuration;
mod bucket_versioning;
mod order;
mod setting;

pub use bucket::Bucket;
pub use bucket_lifecycle_configuration::BucketLifecycleConfiguration;
pub use bucket_policy::BucketPolicy;
pub use bucket_public_access_block::BucketPublicAccessBlock;
pub use bucket_replication_config::BucketReplicationConfig;
pub use bucket_server_side_encryption_configuration::BucketServerSideEncryptionConfiguration;
pub use bucket_versioning::BucketVersioning;
pub use order::versioning_before_replication;

use aws_sdk_s3::types::{Tag, Tagging};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::OrNone;
use super::{Cx, Tags, each};
use crate::engine::error::{Error, Kind, Result};
use crate::engine::resource::Retag;
use crate::engine::urn::Id;

/// A setting of a bucket decides nothing but what the program says.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct NoOutputs {}

fn tagged(tags: &Tags) -> Result<Vec<Tag>> {
    tags.iter().map(|(k, v)| Ok(Tag::builder().key(k).value(v).build()?)).collect()
}

/// All tags of a bucket; none if it is gone or has none.
async fn tags_of(bucket: &str, cx: &Cx) -> Result<Tags> {
    let reply = cx.s3().get_bucket_tagging().bucket(bucket).send().await.or_none()?;
    let tags = reply.map(|r| r.tag_set).unwrap_or_default();
    Ok(tags.into_iter().map(|t| (t.key, t.value)).collect())
}

/// Reads buckets or settings of buckets. Of one in another region the error tells the name.
async fn each_named<T, F>(ids: &[Id], read: impl Fn(Id) -> F) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>>,
{
    let read = |id: Id| {
        let (bucket, _) = setting::parts(&id);
        let answer = read(id);
        async move { answer.await.map_err(|error| named(error, &bucket)) }
    };
    each(ids, read).await
}

fn named(error: Error, bucket: &str) -> Error {
    match error.code.as_deref() {
        Some("PermanentRedirect" | "AuthorizationHeaderMalformed") => {
            Error { message: error.message.replacen("the bucket", &format!("the bucket `{bucket}`"), 1), ..error }
        }
        _ => error,
    }
}

/// Changes tags of a bucket. S3 only sets all of them at once, so those that no program sees, like
/// the ownership tags, are read and sent again.
async fn retag(id: &Id, retag: &Retag, cx: &Cx) -> Result<()> {
    let mut tags = tags_of(&id.0, cx).await?;
    tags.retain(|key, _| !key.starts_with("aws:") && !retag.unset.contains(key));
    tags.extend(retag.set.iter().cloned());
    let tagging = Tagging::builder().set_tag_set(Some(tagged(&tags)?)).build()?;
    cx.s3().put_bucket_tagging().bucket(&id.0).tagging(tagging).send().await?;
    Ok(())
}

/// Removes all versions, delete markers and unfinished uploads of a bucket, a thousand at a time.
async fn empty(bucket: &str, bypass_governance: bool, cx: &Cx) -> Result<()> {
    abort_uploads(bucket, cx).await?;
    loop {
        let page = cx.s3().list_object_versions().bucket(bucket).send().await?;
        let versions = page.versions.into_iter().flatten().map(|v| (v.key, v.version_id));
        let markers = page.delete_markers.into_iter().flatten().map(|m| (m.key, m.version_id));
        let objects = versions.chain(markers).filter_map(|(key, version)| Some((key?, version)));
        let objects = objects.map(|(key, version)| object(key, version)).collect::<Result<Vec<_>>>()?;
        if objects.is_empty() {
            return Ok(());
        }
        remove(bucket, objects, bypass_governance, cx).await?;
    }
}

fn object(key: String, version: Option<String>) -> Result<aws_sdk_s3::types::ObjectIdentifier> {
    Ok(aws_sdk_s3::types::ObjectIdentifier::builder().key(key).set_version_id(version).build()?)
}

/// Removes objects. One that S3 keeps is an error, so that emptying never goes on for ever.
async fn remove(
    bucket: &str,
    objects: Vec<aws_sdk_s3::types::ObjectIdentifier>,
    bypass_governance: bool,
    cx: &Cx,
) -> Result<()> {
    let objects = aws_sdk_s3::types::Delete::builder().set_objects(Some(objects)).quiet(true).build()?;
    let reply = cx
        .s3()
        .delete_objects()
        .bucket(bucket)
        .delete(objects)
        .set_bypass_governance_retention(bypass_governance.then_some(true))
        .send()
        .await?;
    let Some(kept) = reply.errors.into_iter().flatten().next() else {
        return Ok(());
    };
    let why = kept.message.or_else(|| kept.code.clone()).unwrap_or_default();
    let key = kept.key.unwrap_or_default();
    let denied = kept.code.as_deref() == Some("AccessDenied");
    Err(Error {
        operation: Some("s3:DeleteObjects".into()),
        code: kept.code,
        ..Error::new(
            if denied { Kind::Denied } else { Kind::Invalid },
            format!("object `{key}` cannot be removed: {why}"),
        )
    })
}

async fn abort_uploads(bucket: &str, cx: &Cx) -> Result<()> {
    loop {
        let page = cx.s3().list_multipart_uploads().bucket(bucket).send().await?;
        let uploads: Vec<_> = page.uploads.into_iter().flatten().collect();
        if uploads.is_empty() {
            return Ok(());
        }
        for upload in uploads {
            let abort = cx.s3().abort_multipart_upload().bucket(bucket);
            abort.set_key(upload.key).set_upload_id(upload.upload_id).send().await.or_none()?;
        }
    }
}
