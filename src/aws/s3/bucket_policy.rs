use super::NoOutputs;
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

impl Resource for BucketPolicy {
    const TYPE: &'static str = "aws:s3/bucketPolicy:BucketPolicy";
    const FACTS: Facts = Facts {
        takes: Takes::seconds(1, 1, 1),
        delete_first: true,
        permissions: Permissions {
            create: &["s3:PutBucketPolicy"],
            read: &["s3:GetBucketPolicy"],
            update: &["s3:PutBucketPolicy"],
            delete: &["s3:DeleteBucketPolicy"],
        },
        import: "name of the bucket",
        ..Facts::new(IdForm::Input("bucket"), FoundBy::Name)
    };
    type Outputs = NoOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.put(cx).await?;
        Ok(Made::id(&self.bucket))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put(cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, _: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.s3().delete_bucket_policy().bucket(&self.bucket).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let found = seen(Id(self.bucket.clone()), cx).await?;
        Ok(if let Seen::Ready(live) = found { vec![Id(live.inputs.bucket)] } else { Vec::new() })
    }
}

impl BucketPolicy {
    async fn put(&self, cx: &Cx) -> Result<()> {
        cx.s3().put_bucket_policy().bucket(&self.bucket).policy(self.policy.as_str()).send().await?;
        Ok(())
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<BucketPolicy>>> {
    let Some(reply) = cx.s3().get_bucket_policy().bucket(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let inputs = BucketPolicy { bucket: id.0, policy: Document::new(need("Policy", reply.policy)?) };
    Ok(Seen::Ready(Live { inputs, outputs: NoOutputs {} }))
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
