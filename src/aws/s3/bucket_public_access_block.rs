use aws_sdk_s3::types::PublicAccessBlockConfiguration;

use super::setting::Setting;
use crate::aws::prelude::*;
use crate::engine::rules::{refers, replace, write_only};

/// Keeps a bucket from being opened to the public.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BucketPublicAccessBlock {
    /// Whether S3 refuses access lists that let the public in.
    #[serde(default)]
    pub block_public_acls: bool,
    /// Whether S3 refuses policies that let the public in.
    #[serde(default)]
    pub block_public_policy: bool,
    /// Name of the bucket.
    #[schemars(transform = replace, transform = refers("aws:s3/bucket:Bucket.id"))]
    pub bucket: String,
    /// Whether access lists that let the public in have no effect.
    #[serde(default)]
    pub ignore_public_acls: bool,
    /// Whether only AWS services and the owner's account get in while the policy lets the public in.
    #[serde(default)]
    pub restrict_public_buckets: bool,
    /// Whether the block stays when the resource is deleted.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub skip_destroy: bool,
}

impl Setting for BucketPublicAccessBlock {
    const TOKEN: &'static str = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock";
    const ABOUT: Facts = Facts {
        existing: Existing::Set,
        takes: Takes::seconds(1, 1, 1),
        delete_first: true,
        permissions: Permissions {
            create: &["s3:PutBucketPublicAccessBlock"],
            read: &["s3:GetBucketPublicAccessBlock"],
            update: &["s3:PutBucketPublicAccessBlock"],
            delete: &["s3:PutBucketPublicAccessBlock"],
        },
        acts_on: &["s3:::{bucket}"],
        import: "name of the bucket",
        ..Facts::new(IdForm::Input("bucket"), FoundBy::Name)
    };

    fn place(&self) -> (&str, Option<&str>) {
        (&self.bucket, None)
    }

    async fn put(&self, cx: &Cx) -> Result<()> {
        let configuration = PublicAccessBlockConfiguration::builder()
            .block_public_acls(self.block_public_acls)
            .block_public_policy(self.block_public_policy)
            .ignore_public_acls(self.ignore_public_acls)
            .restrict_public_buckets(self.restrict_public_buckets)
            .build();
        let put = cx.s3().put_public_access_block().bucket(&self.bucket);
        put.public_access_block_configuration(configuration).send().await?;
        Ok(())
    }

    async fn get(bucket: String, _: Option<String>, cx: &Cx) -> Result<Option<Self>> {
        let get = cx.s3().get_public_access_block().bucket(&bucket);
        let Some(reply) = get.send().await.or_none()? else { return Ok(None) };
        let block = need("PublicAccessBlockConfiguration", reply.public_access_block_configuration)?;
        Ok(Some(Self {
            block_public_acls: block.block_public_acls.unwrap_or_default(),
            block_public_policy: block.block_public_policy.unwrap_or_default(),
            bucket,
            ignore_public_acls: block.ignore_public_acls.unwrap_or_default(),
            restrict_public_buckets: block.restrict_public_buckets.unwrap_or_default(),
            skip_destroy: false,
        }))
    }

    async fn remove(&self, cx: &Cx) -> Result<()> {
        if !self.skip_destroy {
            cx.s3().delete_public_access_block().bucket(&self.bucket).send().await.or_none()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const REPLY: &str = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>\
        <IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>\
        <RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "blockPublicAcls": true,
            "blockPublicPolicy": true,
            "bucket": "b-1",
            "ignorePublicAcls": true,
            "restrictPublicBuckets": true,
            "skipDestroy": false,
        });
        reads_back(BucketPublicAccessBlock::TYPE, "b-1", &[("publicAccessBlock", ok(REPLY))], &[], inputs).await;
    }

    #[tokio::test]
    async fn a_block_that_shall_stay_is_not_deleted() {
        let (aws, wire) = aws(&[]);
        let applied = json!({ "bucket": "b-1", "skipDestroy": true }).into();
        let next = aws.delete(&at(BucketPublicAccessBlock::TYPE), &Id("b-1".into()), &applied, None).await.unwrap();
        assert_eq!(next, provider::Next::Gone);
        assert!(wire.requests("DELETE").is_empty());
    }
}
