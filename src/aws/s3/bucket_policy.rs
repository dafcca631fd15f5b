use super::setting::Setting;
use crate::aws::prelude::*;
use crate::engine::rules::{refers, replace};

/// What others may do with a bucket and its objects.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BucketPolicy {
    /// Name of the bucket.
    #[schemars(transform = replace, transform = refers("aws:s3/bucket:Bucket.id"))]
    pub bucket: String,
    /// Policy document.
    pub policy: Document,
}

impl Setting for BucketPolicy {
    const TOKEN: &'static str = "aws:s3/bucketPolicy:BucketPolicy";
    const ABOUT: Facts = Facts {
        existing: Existing::Set,
        takes: Takes::seconds(1, 1, 1),
        delete_first: true,
        permissions: Permissions {
            create: &["s3:PutBucketPolicy"],
            read: &["s3:GetBucketPolicy"],
            update: &["s3:PutBucketPolicy"],
            delete: &["s3:DeleteBucketPolicy"],
        },
        acts_on: &["s3:::{bucket}"],
        import: "name of the bucket",
        ..Facts::new(IdForm::Input("bucket"), FoundBy::Name)
    };

    fn place(&self) -> (&str, Option<&str>) {
        (&self.bucket, None)
    }

    async fn put(&self, cx: &Cx) -> Result<()> {
        cx.s3().put_bucket_policy().bucket(&self.bucket).policy(self.policy.as_str()).send().await?;
        Ok(())
    }

    async fn get(bucket: String, _: Option<String>, cx: &Cx) -> Result<Option<Self>> {
        let Some(reply) = cx.s3().get_bucket_policy().bucket(&bucket).send().await.or_none()? else { return Ok(None) };
        Ok(Some(Self { bucket, policy: Document::new(need("Policy", reply.policy)?) }))
    }

    async fn remove(&self, cx: &Cx) -> Result<()> {
        cx.s3().delete_bucket_policy().bucket(&self.bucket).send().await.or_none()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, aws, ok, read, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
        let inputs = json!({ "bucket": "b-1", "policy": policy });
        reads_back(BucketPolicy::TYPE, "b-1", &[("policy", ok(policy))], &[], inputs).await;
    }

    #[tokio::test]
    async fn a_bucket_without_a_policy_has_no_such_resource() {
        let none = Reply::Says(404, "<Error><Code>NoSuchBucketPolicy</Code></Error>".into());
        let (aws, _) = aws(&[("policy", none)]);
        assert_eq!(read(&aws, BucketPolicy::TYPE, "b-1").await.unwrap(), Seen::Gone);
    }
}
