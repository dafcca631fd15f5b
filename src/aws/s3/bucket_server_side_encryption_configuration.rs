use aws_sdk_s3::types::{
    BlockedEncryptionTypes, EncryptionType, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};

use super::setting::{self, Setting};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, computed, one_of, refers, replace, unordered};

/// How a bucket encrypts objects that come without a wish of their own.
///
/// Every bucket encrypts. Deletion brings back the default of S3, which is `AES256`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BucketServerSideEncryptionConfiguration {
    /// Name of the bucket.
    #[schemars(transform = replace, length(min = 1, max = 63), transform = refers("aws:s3/bucket:Bucket.id"))]
    pub bucket: String,
    /// Account that must own the bucket.
    #[schemars(transform = replace)]
    pub expected_bucket_owner: Option<String>,
    /// The rule. S3 takes one.
    #[schemars(transform = unordered, length(min = 1, max = 1))]
    pub rules: Vec<EncryptionRule>,
}

/// How objects are encrypted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncryptionRule {
    /// Method and key for objects that come without a wish.
    pub apply_server_side_encryption_by_default: Option<EncryptionByDefault>,
    /// Kinds of encryption that an upload may not ask for: `SSE-C`, or `NONE` to allow all.
    #[schemars(transform = computed, transform = unordered)]
    pub blocked_encryption_types: Option<Vec<String>>,
    /// Whether a key of the bucket saves calls to KMS.
    #[serde(default)]
    pub bucket_key_enabled: bool,
}

/// Method and key of encryption.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncryptionByDefault {
    /// Key for the methods of KMS; without it, the one of AWS for S3.
    #[schemars(transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub kms_master_key_id: Option<String>,
    /// Method.
    #[schemars(transform = one_of(&["AES256", "aws:kms", "aws:kms:dsse"]))]
    pub sse_algorithm: String,
}

impl Setting for BucketServerSideEncryptionConfiguration {
    const TOKEN: &'static str =
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration";
    const ABOUT: Facts = Facts {
        existing: Existing::Set,
        takes: Takes::seconds(1, 1, 1),
        aliases: &["aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"],
        delete_first: true,
        permissions: Permissions {
            create: &["s3:PutEncryptionConfiguration"],
            read: &["s3:GetEncryptionConfiguration"],
            update: &["s3:PutEncryptionConfiguration"],
            delete: &["s3:PutEncryptionConfiguration"],
        },
        acts_on: &["s3:::{bucket}"],
        import: setting::IMPORT,
        ..Facts::new(setting::ID, FoundBy::Name)
    };

    fn place(&self) -> (&str, Option<&str>) {
        (&self.bucket, self.expected_bucket_owner.as_deref())
    }

    async fn put(&self, cx: &Cx) -> Result<()> {
        let rules = self.rules.iter().map(EncryptionRule::sent).collect::<Result<_>>()?;
        let configuration = ServerSideEncryptionConfiguration::builder().set_rules(Some(rules)).build()?;
        cx.s3()
            .put_bucket_encryption()
            .bucket(&self.bucket)
            .set_expected_bucket_owner(self.expected_bucket_owner.clone())
            .server_side_encryption_configuration(configuration)
            .send()
            .await?;
        Ok(())
    }

    async fn get(bucket: String, owner: Option<String>, cx: &Cx) -> Result<Option<Self>> {
        let get = cx.s3().get_bucket_encryption().bucket(&bucket);
        let Some(reply) = get.set_expected_bucket_owner(owner.clone()).send().await.or_none()? else { return Ok(None) };
        let configuration = need("ServerSideEncryptionConfiguration", reply.server_side_encryption_configuration)?;
        Ok(Some(Self {
            bucket,
            expected_bucket_owner: owner,
            rules: configuration.rules.into_iter().map(EncryptionRule::shown).collect(),
        }))
    }

    async fn remove(&self, cx: &Cx) -> Result<()> {
        let delete = cx.s3().delete_bucket_encryption().bucket(&self.bucket);
        delete.set_expected_bucket_owner(self.expected_bucket_owner.clone()).send().await.or_none()?;
        Ok(())
    }
}

impl EncryptionRule {
    fn sent(&self) -> Result<ServerSideEncryptionRule> {
        let by_default = self.apply_server_side_encryption_by_default.as_ref().map(|by_default| {
            ServerSideEncryptionByDefault::builder()
                .set_kms_master_key_id(by_default.kms_master_key_id.clone())
                .sse_algorithm(ServerSideEncryption::from(by_default.sse_algorithm.as_str()))
                .build()
        });
        let blocked = self.blocked_encryption_types.as_ref().map(|kinds| {
            let kinds = kinds.iter().map(|kind| EncryptionType::from(kind.as_str())).collect();
            BlockedEncryptionTypes::builder().set_encryption_type(Some(kinds)).build()
        });
        Ok(ServerSideEncryptionRule::builder()
            .set_apply_server_side_encryption_by_default(by_default.transpose()?)
            .set_blocked_encryption_types(blocked)
            .bucket_key_enabled(self.bucket_key_enabled)
            .build())
    }

    fn shown(rule: ServerSideEncryptionRule) -> Self {
        let by_default = rule.apply_server_side_encryption_by_default.map(|by_default| EncryptionByDefault {
            kms_master_key_id: by_default.kms_master_key_id,
            sse_algorithm: by_default.sse_algorithm.as_str().to_owned(),
        });
        let blocked = rule.blocked_encryption_types.and_then(|blocked| blocked.encryption_type);
        Self {
            apply_server_side_encryption_by_default: by_default,
            blocked_encryption_types: blocked.map(|kinds| kinds.iter().map(|k| k.as_str().to_owned()).collect()),
            bucket_key_enabled: rule.bucket_key_enabled.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    const REPLY: &str = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
        <SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>arn:aws:kms:eu-west-1:1:key/k</KMSMasterKeyID>\
        </ApplyServerSideEncryptionByDefault><BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType>\
        </BlockedEncryptionTypes><BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "bucket": "b-1",
            "expectedBucketOwner": "123456789012",
            "rules": [{
                "applyServerSideEncryptionByDefault": {
                    "kmsMasterKeyId": "arn:aws:kms:eu-west-1:1:key/k",
                    "sseAlgorithm": "aws:kms",
                },
                "blockedEncryptionTypes": ["SSE-C"],
                "bucketKeyEnabled": true,
            }],
        });
        let token = BucketServerSideEncryptionConfiguration::TYPE;
        reads_back(token, "b-1,123456789012", &[("encryption", ok(REPLY))], &[], inputs).await;
    }
}
