use aws_sdk_s3::types::{
    self as sdk, DeleteMarkerReplicationStatus, ExistingObjectReplicationStatus, MetricsStatus, OwnerOverride,
    ReplicaModificationsStatus, ReplicationConfiguration, ReplicationRule, ReplicationRuleAndOperator,
    ReplicationRuleFilter, ReplicationRuleStatus, ReplicationTimeStatus, ReplicationTimeValue,
    SseKmsEncryptedObjectsStatus, StorageClass,
};

use super::setting::Setting;
use super::tagged;
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, computed, one_of, refers, replace, unordered, write_only};
use crate::engine::secret::Secret;

/// Copies new objects of a bucket to other buckets, which may be in other regions.
///
/// Both sides must be versioned. Objects from before the replication are not copied, and lifecycle
/// actions never are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BucketReplicationConfig {
    /// Name of the bucket that is copied from.
    #[schemars(transform = replace, length(min = 1, max = 63), transform = refers("aws:s3/bucket:Bucket.id"))]
    pub bucket: String,
    /// Role that S3 takes on to read and to write.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role: String,
    /// The rules.
    #[schemars(transform = unordered, length(min = 1, max = 1000))]
    pub rules: Vec<Rule>,
    /// Token from AWS Support for a bucket with object lock.
    #[schemars(transform = write_only)]
    pub token: Option<Secret<String>>,
}

/// Which objects are copied, and where to.
///
/// A rule with `filter` is of the second version of the schema, which knows priorities, replication
/// time and delete markers. One without is of the first, which always copies delete markers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Whether delete markers are copied. S3 takes it only together with `filter`.
    #[schemars(transform = computed)]
    pub delete_marker_replication: Option<Switch>,
    /// Where objects are copied to.
    pub destination: Destination,
    /// Whether objects from before the rule are copied. AWS Support must allow it.
    pub existing_object_replication: Option<Switch>,
    /// Objects that the rule is for; `{}` for all.
    pub filter: Option<Filter>,
    /// Name of the rule, unique in the configuration.
    #[schemars(transform = computed, length(max = 255))]
    pub id: Option<String>,
    /// Beginning of the keys of objects that the rule is for. Older form of `filter`.
    #[schemars(length(max = 1024), extend("deprecated" = true))]
    #[serde(default)]
    pub prefix: String,
    /// Of rules with the same destination, the one with the highest number counts.
    #[schemars(range(min = 0))]
    #[serde(default)]
    pub priority: i32,
    /// Objects that are copied only if asked for.
    pub source_selection_criteria: Option<SourceSelectionCriteria>,
    /// Whether the rule is in force.
    #[schemars(transform = one_of(SWITCH))]
    pub status: String,
}

const SWITCH: &[&str] = &["Enabled", "Disabled"];

/// Whether something is in force.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Switch {
    /// Whether it is in force.
    #[schemars(transform = one_of(SWITCH))]
    pub status: String,
}

/// Where objects are copied to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Destination {
    /// Who owns the copies, in another account. Needs `account`.
    pub access_control_translation: Option<AccessControlTranslation>,
    /// Account that owns the destination.
    pub account: Option<String>,
    /// ARN of the bucket.
    #[schemars(transform = refers("aws:s3/bucket:Bucket.arn"))]
    pub bucket: String,
    /// How copies of objects that KMS encrypts are encrypted.
    pub encryption_configuration: Option<EncryptionConfiguration>,
    /// Whether CloudWatch learns how replication goes.
    pub metrics: Option<Metrics>,
    /// Whether S3 promises a time, in which it copies 99.99 percent of the objects.
    pub replication_time: Option<ReplicationTime>,
    /// Storage class of the copies; without it, that of the original.
    #[schemars(transform = one_of(&[
        "DEEP_ARCHIVE", "GLACIER", "GLACIER_IR", "INTELLIGENT_TIERING", "ONEZONE_IA", "REDUCED_REDUNDANCY", "STANDARD",
        "STANDARD_IA",
    ]))]
    pub storage_class: Option<String>,
}

/// Who owns the copies.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessControlTranslation {
    /// The owner of the destination.
    #[schemars(transform = one_of(&["Destination"]))]
    pub owner: String,
}

/// How copies are encrypted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncryptionConfiguration {
    /// ARN of a key in the region of the destination.
    #[schemars(transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub replica_kms_key_id: String,
}

/// What CloudWatch learns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metrics {
    /// Time after which S3 reports an object that is not copied. Goes with `replicationTime`.
    pub event_threshold: Option<Minutes>,
    /// Whether there are metrics.
    #[schemars(transform = one_of(SWITCH))]
    pub status: String,
}

/// Promise of a time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplicationTime {
    /// Whether S3 promises it. `metrics` must say the same.
    #[schemars(transform = one_of(SWITCH))]
    pub status: String,
    /// The time.
    pub time: Minutes,
}

/// A time in minutes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Minutes {
    /// Minutes. S3 takes 15 only.
    #[schemars(range(min = 15, max = 15))]
    pub minutes: i32,
}

/// Objects that a rule is for, by one property. Several of them stand in `and`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Several properties at once.
    pub and: Option<And>,
    /// Beginning of the keys.
    #[schemars(length(max = 1024))]
    #[serde(default)]
    pub prefix: String,
    /// Tag of the objects.
    pub tag: Option<ObjectTag>,
}

/// Properties that objects must have together.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct And {
    /// Beginning of the keys.
    #[serde(default)]
    pub prefix: String,
    /// Tags that the objects must all have.
    #[serde(default)]
    pub tags: Tags,
}

/// A tag of objects.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectTag {
    /// Key of the tag.
    pub key: String,
    /// Value of the tag.
    pub value: String,
}

/// Objects that are copied only if asked for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceSelectionCriteria {
    /// Whether changes of copies' metadata are copied back, where two buckets replicate to each other.
    pub replica_modifications: Option<Switch>,
    /// Whether objects that KMS encrypts are copied. Needs `encryptionConfiguration`.
    pub sse_kms_encrypted_objects: Option<Switch>,
}

impl Setting for BucketReplicationConfig {
    const TOKEN: &'static str = "aws:s3/bucketReplicationConfig:BucketReplicationConfig";
    const ABOUT: Facts = Facts {
        existing: Existing::Set,
        takes: Takes::seconds(2, 2, 1),
        delete_first: true,
        permissions: Permissions {
            create: &["iam:PassRole", "s3:PutReplicationConfiguration"],
            read: &["s3:GetReplicationConfiguration"],
            update: &["iam:PassRole", "s3:PutReplicationConfiguration"],
            delete: &["s3:PutReplicationConfiguration"],
        },
        acts_on: &["s3:::{bucket}"],
        passes_roles_to: &["s3"],
        import: "name of the bucket",
        ..Facts::new(IdForm::Input("bucket"), FoundBy::Name)
    };

    fn place(&self) -> (&str, Option<&str>) {
        (&self.bucket, None)
    }

    async fn put(&self, cx: &Cx) -> Result<()> {
        let rules = self.rules.iter().map(Rule::sent).collect::<Result<_>>()?;
        let configuration = ReplicationConfiguration::builder().role(&self.role).set_rules(Some(rules)).build()?;
        cx.s3()
            .put_bucket_replication()
            .bucket(&self.bucket)
            .replication_configuration(configuration)
            .set_token(self.token.as_ref().map(|token| token.reveal().clone()))
            .send()
            .await?;
        Ok(())
    }

    async fn get(bucket: String, _: Option<String>, cx: &Cx) -> Result<Option<Self>> {
        let get = cx.s3().get_bucket_replication().bucket(&bucket);
        let Some(reply) = get.send().await.or_none()? else { return Ok(None) };
        let configuration = need("ReplicationConfiguration", reply.replication_configuration)?;
        Ok(Some(Self {
            bucket,
            role: configuration.role,
            rules: configuration.rules.into_iter().map(Rule::shown).collect::<Result<_>>()?,
            token: None,
        }))
    }

    async fn remove(&self, cx: &Cx) -> Result<()> {
        cx.s3().delete_bucket_replication().bucket(&self.bucket).send().await.or_none()?;
        Ok(())
    }
}

impl Rule {
    fn sent(&self) -> Result<ReplicationRule> {
        let existing = self.existing_object_replication.as_ref().map(|existing| {
            let status = ExistingObjectReplicationStatus::from(existing.status.as_str());
            sdk::ExistingObjectReplication::builder().status(status).build()
        });
        let rule = ReplicationRule::builder()
            .destination(self.destination.sent()?)
            .set_existing_object_replication(existing.transpose()?)
            .set_id(self.id.clone().filter(|id| !id.is_empty()))
            .set_source_selection_criteria(
                self.source_selection_criteria.as_ref().map(SourceSelectionCriteria::sent).transpose()?,
            )
            .status(ReplicationRuleStatus::from(self.status.as_str()));
        let markers = self.delete_marker_replication.as_ref().map(|markers| markers.status.as_str());
        let rule = match &self.filter {
            Some(filter) => rule
                .delete_marker_replication(delete_markers(markers.unwrap_or("Disabled")))
                .filter(filter.sent()?)
                .priority(self.priority),
            None => self.first_version(rule.set_delete_marker_replication(markers.map(delete_markers))),
        };
        Ok(rule.build()?)
    }

    #[expect(deprecated, reason = "the first version of the schema has no filter")]
    fn first_version(&self, rule: sdk::builders::ReplicationRuleBuilder) -> sdk::builders::ReplicationRuleBuilder {
        rule.prefix(&self.prefix).set_priority(Some(self.priority).filter(|priority| *priority != 0))
    }

    fn shown(rule: ReplicationRule) -> Result<Self> {
        #[expect(deprecated, reason = "the first version of the schema has no filter")]
        let prefix = rule.prefix;
        let switch = |status: &str| Switch { status: status.to_owned() };
        Ok(Self {
            delete_marker_replication: rule
                .delete_marker_replication
                .and_then(|d| d.status)
                .map(|s| switch(s.as_str())),
            destination: Destination::shown(need("Destination", rule.destination)?)?,
            existing_object_replication: rule.existing_object_replication.map(|e| switch(e.status.as_str())),
            filter: rule.filter.map(Filter::shown),
            id: rule.id,
            prefix: prefix.unwrap_or_default(),
            priority: rule.priority.unwrap_or_default(),
            source_selection_criteria: rule.source_selection_criteria.map(|criteria| SourceSelectionCriteria {
                replica_modifications: criteria.replica_modifications.map(|m| switch(m.status.as_str())),
                sse_kms_encrypted_objects: criteria.sse_kms_encrypted_objects.map(|o| switch(o.status.as_str())),
            }),
            status: rule.status.as_str().to_owned(),
        })
    }
}

fn delete_markers(status: &str) -> sdk::DeleteMarkerReplication {
    sdk::DeleteMarkerReplication::builder().status(DeleteMarkerReplicationStatus::from(status)).build()
}

impl Destination {
    fn sent(&self) -> Result<sdk::Destination> {
        let translation = self.access_control_translation.as_ref().map(|translation| {
            let owner = OwnerOverride::from(translation.owner.as_str());
            sdk::AccessControlTranslation::builder().owner(owner).build()
        });
        let encryption = self.encryption_configuration.as_ref().map(|encryption| {
            sdk::EncryptionConfiguration::builder().replica_kms_key_id(&encryption.replica_kms_key_id).build()
        });
        let metrics = self.metrics.as_ref().map(|metrics| {
            sdk::Metrics::builder()
                .set_event_threshold(metrics.event_threshold.as_ref().map(Minutes::sent))
                .status(MetricsStatus::from(metrics.status.as_str()))
                .build()
        });
        let time = self.replication_time.as_ref().map(|promise| {
            sdk::ReplicationTime::builder()
                .status(ReplicationTimeStatus::from(promise.status.as_str()))
                .time(promise.time.sent())
                .build()
        });
        Ok(sdk::Destination::builder()
            .set_access_control_translation(translation.transpose()?)
            .set_account(self.account.clone())
            .bucket(&self.bucket)
            .set_encryption_configuration(encryption)
            .set_metrics(metrics.transpose()?)
            .set_replication_time(time.transpose()?)
            .set_storage_class(self.storage_class.as_deref().map(StorageClass::from))
            .build()?)
    }

    fn shown(destination: sdk::Destination) -> Result<Self> {
        let key = |encryption: sdk::EncryptionConfiguration| {
            need("ReplicaKmsKeyID", encryption.replica_kms_key_id)
                .map(|replica_kms_key_id| EncryptionConfiguration { replica_kms_key_id })
        };
        let time = |promise: sdk::ReplicationTime| {
            Ok::<_, Error>(ReplicationTime {
                status: promise.status.as_str().to_owned(),
                time: Minutes::shown(need("Time", promise.time)?)?,
            })
        };
        let metrics = |metrics: sdk::Metrics| {
            Ok::<_, Error>(Metrics {
                event_threshold: metrics.event_threshold.map(Minutes::shown).transpose()?,
                status: metrics.status.as_str().to_owned(),
            })
        };
        Ok(Self {
            access_control_translation: destination
                .access_control_translation
                .map(|t| AccessControlTranslation { owner: t.owner.as_str().to_owned() }),
            account: destination.account,
            bucket: destination.bucket,
            encryption_configuration: destination.encryption_configuration.map(key).transpose()?,
            metrics: destination.metrics.map(metrics).transpose()?,
            replication_time: destination.replication_time.map(time).transpose()?,
            storage_class: destination.storage_class.map(|class| class.as_str().to_owned()),
        })
    }
}

impl Minutes {
    fn sent(&self) -> ReplicationTimeValue {
        ReplicationTimeValue::builder().minutes(self.minutes).build()
    }

    fn shown(time: ReplicationTimeValue) -> Result<Self> {
        Ok(Self { minutes: need("Minutes", time.minutes)? })
    }
}

impl Filter {
    fn sent(&self) -> Result<ReplicationRuleFilter> {
        let narrowed = self.and.is_some() || self.tag.is_some();
        // S3 wants one property. That of a filter for all objects is the empty prefix.
        let prefix = (!narrowed || !self.prefix.is_empty()).then(|| self.prefix.clone());
        let and = self.and.as_ref().map(|and| {
            let prefix = Some(and.prefix.clone()).filter(|prefix| !prefix.is_empty());
            let tags = Some(tagged(&and.tags)?).filter(|tags| !tags.is_empty());
            Ok::<_, Error>(ReplicationRuleAndOperator::builder().set_prefix(prefix).set_tags(tags).build())
        });
        let tag = self.tag.as_ref().map(|tag| sdk::Tag::builder().key(&tag.key).value(&tag.value).build());
        Ok(ReplicationRuleFilter::builder()
            .set_and(and.transpose()?)
            .set_prefix(prefix)
            .set_tag(tag.transpose()?)
            .build())
    }

    fn shown(filter: ReplicationRuleFilter) -> Self {
        let and = |and: ReplicationRuleAndOperator| And {
            prefix: and.prefix.unwrap_or_default(),
            tags: and.tags.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect(),
        };
        Self {
            and: filter.and.map(and),
            prefix: filter.prefix.unwrap_or_default(),
            tag: filter.tag.map(|tag| ObjectTag { key: tag.key, value: tag.value }),
        }
    }
}

impl SourceSelectionCriteria {
    fn sent(&self) -> Result<sdk::SourceSelectionCriteria> {
        let modifications = self.replica_modifications.as_ref().map(|switch| {
            let status = ReplicaModificationsStatus::from(switch.status.as_str());
            sdk::ReplicaModifications::builder().status(status).build()
        });
        let encrypted = self.sse_kms_encrypted_objects.as_ref().map(|switch| {
            let status = SseKmsEncryptedObjectsStatus::from(switch.status.as_str());
            sdk::SseKmsEncryptedObjects::builder().status(status).build()
        });
        Ok(sdk::SourceSelectionCriteria::builder()
            .set_replica_modifications(modifications.transpose()?)
            .set_sse_kms_encrypted_objects(encrypted.transpose()?)
            .build())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::Provider;

    const REPLY: &str = "<ReplicationConfiguration><Role>arn:aws:iam::1:role/r</Role><Rule><ID>all</ID>\
        <Priority>1</Priority><Filter><And><Prefix>p/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter>\
        <Status>Enabled</Status><SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status>\
        </SseKmsEncryptedObjects><ReplicaModifications><Status>Enabled</Status></ReplicaModifications>\
        </SourceSelectionCriteria><ExistingObjectReplication><Status>Disabled</Status></ExistingObjectReplication>\
        <Destination><Bucket>arn:aws:s3:::b-2</Bucket><Account>123456789012</Account>\
        <StorageClass>STANDARD_IA</StorageClass><AccessControlTranslation><Owner>Destination</Owner>\
        </AccessControlTranslation><EncryptionConfiguration><ReplicaKmsKeyID>arn:aws:kms:eu-central-1:1:key/k\
        </ReplicaKmsKeyID></EncryptionConfiguration><ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes>\
        </Time></ReplicationTime><Metrics><Status>Enabled</Status><EventThreshold><Minutes>15</Minutes></EventThreshold>\
        </Metrics></Destination><DeleteMarkerReplication><Status>Enabled</Status></DeleteMarkerReplication></Rule>\
        <Rule><ID>first</ID><Prefix>old/</Prefix><Status>Disabled</Status><Destination>\
        <Bucket>arn:aws:s3:::b-3</Bucket></Destination></Rule></ReplicationConfiguration>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "bucket": "b-1",
            "role": "arn:aws:iam::1:role/r",
            "rules": [{
                "deleteMarkerReplication": { "status": "Enabled" },
                "destination": {
                    "accessControlTranslation": { "owner": "Destination" },
                    "account": "123456789012",
                    "bucket": "arn:aws:s3:::b-2",
                    "encryptionConfiguration": { "replicaKmsKeyId": "arn:aws:kms:eu-central-1:1:key/k" },
                    "metrics": { "eventThreshold": { "minutes": 15 }, "status": "Enabled" },
                    "replicationTime": { "status": "Enabled", "time": { "minutes": 15 } },
                    "storageClass": "STANDARD_IA",
                },
                "existingObjectReplication": { "status": "Disabled" },
                "filter": { "and": { "prefix": "p/", "tags": { "a": "b" } }, "prefix": "" },
                "id": "all",
                "prefix": "",
                "priority": 1,
                "sourceSelectionCriteria": {
                    "replicaModifications": { "status": "Enabled" },
                    "sseKmsEncryptedObjects": { "status": "Enabled" },
                },
                "status": "Enabled",
            }, {
                "destination": { "bucket": "arn:aws:s3:::b-3" },
                "id": "first",
                "prefix": "old/",
                "priority": 0,
                "status": "Disabled",
            }],
        });
        reads_back(BucketReplicationConfig::TYPE, "b-1", &[("replication", ok(REPLY))], &[], inputs).await;
    }

    #[tokio::test]
    async fn a_bucket_without_a_replication_has_no_such_resource() {
        let none = "<Error><Code>ReplicationConfigurationNotFoundError</Code></Error>";
        let (aws, _) = aws(&[("replication", Reply::Says(404, none.into()))]);
        assert_eq!(read(&aws, BucketReplicationConfig::TYPE, "b-1").await.unwrap(), Seen::Gone);
    }

    async fn sent(rule: serde_json::Value) -> String {
        let (aws, wire) = aws(&[("replication", ok(""))]);
        let inputs = json!({ "bucket": "b-1", "role": "arn:aws:iam::1:role/r", "rules": [rule] }).into();
        aws.create(&at(BucketReplicationConfig::TYPE), &inputs).await.unwrap();
        wire.requests("replication").remove(0)
    }

    #[tokio::test]
    async fn a_rule_with_a_filter_says_whether_it_copies_delete_markers() {
        let to = json!({ "bucket": "arn:aws:s3:::b-2" });
        let sent = sent(json!({ "status": "Enabled", "filter": {}, "destination": to })).await;
        assert!(sent.contains("<DeleteMarkerReplication><Status>Disabled<"), "{sent}");
        assert!(sent.contains("<Priority>0<") && sent.contains("<Filter>"), "{sent}");
    }

    #[tokio::test]
    async fn a_rule_without_a_filter_keeps_to_the_first_version_of_the_schema() {
        let to = json!({ "bucket": "arn:aws:s3:::b-2" });
        let sent = sent(json!({ "status": "Enabled", "prefix": "p/", "destination": to })).await;
        assert!(sent.contains("<Prefix>p/<"), "{sent}");
        for absent in ["DeleteMarkerReplication", "Priority", "Filter"] {
            assert!(!sent.contains(absent), "{absent} in {sent}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn versioning_that_was_switched_on_a_moment_ago_is_waited_for() {
        let early = "<Error><Code>InvalidRequest</Code>\
            <Message>Destination bucket must have versioning enabled.</Message></Error>";
        let (aws, _) = aws(&[("replication", Reply::Says(400, early.into()))]);
        let rule = json!({ "status": "Enabled", "destination": { "bucket": "arn:aws:s3:::b-2" } });
        let inputs = json!({ "bucket": "b-1", "role": "arn:aws:iam::1:role/r", "rules": [rule] }).into();
        let refused = aws.create(&at(BucketReplicationConfig::TYPE), &inputs).await.unwrap_err();
        assert_eq!(refused.young, ["aws:iam/", "aws:s3/bucket"]);
    }
}
