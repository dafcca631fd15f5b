use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::{
    self as sdk, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleAndOperator, LifecycleRuleFilter,
    TransitionDefaultMinimumObjectSize, TransitionStorageClass,
};

use super::setting::{self, Setting};
use super::tagged;
use crate::aws::prelude::*;
use crate::engine::rules::{computed, form, one_of, refers, replace, unordered};

/// When objects of a bucket move to cheaper storage, and when they are deleted.
///
/// In a versioned bucket expiration only hides an object: its bytes stay until
/// `noncurrentVersionExpiration` takes them. Lifecycle actions are never replicated.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BucketLifecycleConfiguration {
    /// Name of the bucket.
    #[schemars(transform = replace, length(min = 1, max = 63), transform = refers("aws:s3/bucket:Bucket.id"))]
    pub bucket: String,
    /// Account that must own the bucket.
    #[schemars(transform = replace)]
    pub expected_bucket_owner: Option<String>,
    /// The rules.
    #[schemars(transform = unordered, length(min = 1, max = 1000))]
    pub rules: Vec<Rule>,
    /// Objects below 128 KB move to no other storage class at all, or to the Glacier classes only.
    #[schemars(transform = computed, transform = one_of(&["all_storage_classes_128K", "varies_by_storage_class"]))]
    pub transition_default_minimum_object_size: Option<String>,
}

/// What happens to some of the objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// When the parts of an upload that was never completed are deleted.
    pub abort_incomplete_multipart_upload: Option<AbortIncompleteMultipartUpload>,
    /// When objects expire.
    pub expiration: Option<Expiration>,
    /// Objects that the rule is for; all without it.
    #[serde(default)]
    pub filter: Filter,
    /// Name of the rule, unique in the configuration.
    #[schemars(length(min = 1, max = 255))]
    pub id: String,
    /// When versions that are no longer current are deleted.
    pub noncurrent_version_expiration: Option<NoncurrentVersionExpiration>,
    /// When versions that are no longer current move to other storage classes.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub noncurrent_version_transitions: Vec<NoncurrentVersionTransition>,
    /// Beginning of the keys of objects that the rule is for. Older form of `filter`.
    #[schemars(extend("deprecated" = true))]
    #[serde(default)]
    pub prefix: String,
    /// Whether the rule is in force.
    #[schemars(transform = one_of(&["Enabled", "Disabled"]))]
    pub status: String,
    /// When objects move to other storage classes.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub transitions: Vec<Transition>,
}

/// When the parts of an upload that was never completed are deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AbortIncompleteMultipartUpload {
    /// Days since the upload began.
    #[schemars(range(min = 1))]
    pub days_after_initiation: Option<i32>,
}

/// When objects expire. One of the three ways.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expiration {
    /// Midnight UTC of a day.
    #[schemars(transform = form(MIDNIGHT, "midnight UTC of a day, such as `2030-01-01T00:00:00Z`"))]
    pub date: Option<String>,
    /// Days since the object was made.
    #[serde(default)]
    pub days: i32,
    /// Whether delete markers go that hide no version any more.
    #[serde(default)]
    pub expired_object_delete_marker: bool,
}

const MIDNIGHT: &str = r"^\d{4}-\d{2}-\d{2}T00:00:00Z$";

/// Objects that a rule is for, by one property. Several of them stand in `and`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Several properties at once.
    pub and: Option<And>,
    /// Objects of more bytes.
    pub object_size_greater_than: Option<i64>,
    /// Objects of fewer bytes.
    pub object_size_less_than: Option<i64>,
    /// Beginning of the keys.
    #[serde(default)]
    pub prefix: String,
    /// Tag of the objects.
    pub tag: Option<ObjectTag>,
}

/// Properties that objects must have together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct And {
    /// Objects of more bytes.
    #[serde(default)]
    pub object_size_greater_than: i64,
    /// Objects of fewer bytes.
    pub object_size_less_than: Option<i64>,
    /// Beginning of the keys.
    #[serde(default)]
    pub prefix: String,
    /// Tags that the objects must all have.
    #[serde(default)]
    pub tags: Tags,
}

/// A tag of objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectTag {
    /// Key of the tag.
    pub key: String,
    /// Value of the tag.
    pub value: String,
}

/// When versions that are no longer current are deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoncurrentVersionExpiration {
    /// That many of the newest are kept.
    #[schemars(range(min = 1, max = 100))]
    pub newer_noncurrent_versions: Option<i32>,
    /// Days since the version stopped being current.
    #[schemars(range(min = 1))]
    pub noncurrent_days: i32,
}

/// When versions that are no longer current move to another storage class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoncurrentVersionTransition {
    /// That many of the newest stay where they are.
    #[schemars(range(min = 1, max = 100))]
    pub newer_noncurrent_versions: Option<i32>,
    /// Days since the version stopped being current.
    #[schemars(range(min = 0))]
    pub noncurrent_days: i32,
    /// Where the version moves.
    #[schemars(transform = one_of(CLASSES))]
    pub storage_class: String,
}

/// When objects move to another storage class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Transition {
    /// Midnight UTC of a day.
    #[schemars(transform = form(MIDNIGHT, "midnight UTC of a day, such as `2030-01-01T00:00:00Z`"))]
    pub date: Option<String>,
    /// Days since the object was made.
    #[schemars(transform = computed, range(min = 0))]
    pub days: Option<i32>,
    /// Where the object moves.
    #[schemars(transform = one_of(CLASSES))]
    pub storage_class: String,
}

const CLASSES: &[&str] = &["DEEP_ARCHIVE", "GLACIER", "GLACIER_IR", "INTELLIGENT_TIERING", "ONEZONE_IA", "STANDARD_IA"];

impl Setting for BucketLifecycleConfiguration {
    const TOKEN: &'static str = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration";
    const ABOUT: Facts = Facts {
        existing: Existing::Set,
        limits: Limits::minutes(3, 3, 20),
        takes: Takes::seconds(2, 2, 1),
        aliases: &["aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"],
        delete_first: true,
        permissions: Permissions {
            create: &["s3:PutLifecycleConfiguration"],
            read: &["s3:GetLifecycleConfiguration"],
            update: &["s3:PutLifecycleConfiguration"],
            delete: &["s3:PutLifecycleConfiguration"],
        },
        acts_on: &["s3:::{bucket}"],
        import: setting::IMPORT,
        ..Facts::new(setting::ID, FoundBy::Name)
    };

    fn place(&self) -> (&str, Option<&str>) {
        (&self.bucket, self.expected_bucket_owner.as_deref())
    }

    async fn put(&self, cx: &Cx) -> Result<()> {
        let rules = self.rules.iter().map(Rule::sent).collect::<Result<_>>()?;
        let configuration = sdk::BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build()?;
        let smallest = self.transition_default_minimum_object_size.as_deref();
        cx.s3()
            .put_bucket_lifecycle_configuration()
            .bucket(&self.bucket)
            .set_expected_bucket_owner(self.expected_bucket_owner.clone())
            .lifecycle_configuration(configuration)
            .set_transition_default_minimum_object_size(smallest.map(TransitionDefaultMinimumObjectSize::from))
            .send()
            .await?;
        Ok(())
    }

    async fn get(bucket: String, owner: Option<String>, cx: &Cx) -> Result<Option<Self>> {
        let get = cx.s3().get_bucket_lifecycle_configuration().bucket(&bucket);
        let Some(reply) = get.set_expected_bucket_owner(owner.clone()).send().await.or_none()? else { return Ok(None) };
        Ok(Some(Self {
            bucket,
            expected_bucket_owner: owner,
            rules: reply.rules.into_iter().flatten().map(Rule::shown).collect::<Result<_>>()?,
            transition_default_minimum_object_size: reply
                .transition_default_minimum_object_size
                .map(|smallest| smallest.as_str().to_owned()),
        }))
    }

    async fn remove(&self, cx: &Cx) -> Result<()> {
        let delete = cx.s3().delete_bucket_lifecycle().bucket(&self.bucket);
        delete.set_expected_bucket_owner(self.expected_bucket_owner.clone()).send().await.or_none()?;
        Ok(())
    }
}

impl Rule {
    fn sent(&self) -> Result<LifecycleRule> {
        let abort = self.abort_incomplete_multipart_upload.as_ref().map(|abort| {
            let days = abort.days_after_initiation;
            sdk::AbortIncompleteMultipartUpload::builder().set_days_after_initiation(days).build()
        });
        let noncurrent_expiration = self.noncurrent_version_expiration.as_ref().map(|expiration| {
            sdk::NoncurrentVersionExpiration::builder()
                .set_newer_noncurrent_versions(expiration.newer_noncurrent_versions)
                .noncurrent_days(expiration.noncurrent_days)
                .build()
        });
        let noncurrent_transitions: Vec<_> =
            self.noncurrent_version_transitions.iter().map(NoncurrentVersionTransition::sent).collect();
        let transitions = self.transitions.iter().map(Transition::sent).collect::<Result<Vec<_>>>()?;
        let rule = LifecycleRule::builder()
            .set_abort_incomplete_multipart_upload(abort)
            .set_expiration(self.expiration.as_ref().map(Expiration::sent).transpose()?)
            .id(&self.id)
            .set_noncurrent_version_expiration(noncurrent_expiration)
            .set_noncurrent_version_transitions(some(noncurrent_transitions))
            .status(ExpirationStatus::from(self.status.as_str()))
            .set_transitions(some(transitions));
        // A rule has either the old prefix or a filter, if only an empty one.
        #[expect(deprecated, reason = "rules made long ago have no filter")]
        let rule = match self.prefix.as_str() {
            "" => rule.filter(self.filter.sent()?),
            prefix => rule.prefix(prefix),
        };
        Ok(rule.build()?)
    }

    fn shown(rule: LifecycleRule) -> Result<Self> {
        #[expect(deprecated, reason = "rules made long ago have no filter")]
        let prefix = rule.prefix;
        Ok(Self {
            abort_incomplete_multipart_upload: rule
                .abort_incomplete_multipart_upload
                .map(|abort| AbortIncompleteMultipartUpload { days_after_initiation: abort.days_after_initiation }),
            expiration: rule.expiration.map(Expiration::shown).transpose()?,
            filter: rule.filter.map(Filter::shown).unwrap_or_default(),
            id: need("ID", rule.id)?,
            noncurrent_version_expiration: rule
                .noncurrent_version_expiration
                .map(NoncurrentVersionExpiration::shown)
                .transpose()?,
            noncurrent_version_transitions: rule
                .noncurrent_version_transitions
                .into_iter()
                .flatten()
                .map(NoncurrentVersionTransition::shown)
                .collect::<Result<_>>()?,
            prefix: prefix.unwrap_or_default(),
            status: rule.status.as_str().to_owned(),
            transitions: rule.transitions.into_iter().flatten().map(Transition::shown).collect::<Result<_>>()?,
        })
    }
}

impl Filter {
    fn sent(&self) -> Result<LifecycleRuleFilter> {
        let narrowed = self.and.is_some()
            || self.object_size_greater_than.is_some()
            || self.object_size_less_than.is_some()
            || self.tag.is_some();
        // S3 wants one property. That of a filter for all objects is the empty prefix.
        let prefix = (!narrowed || !self.prefix.is_empty()).then(|| self.prefix.clone());
        let tag = self.tag.as_ref().map(|tag| sdk::Tag::builder().key(&tag.key).value(&tag.value).build());
        Ok(LifecycleRuleFilter::builder()
            .set_and(self.and.as_ref().map(And::sent).transpose()?)
            .set_object_size_greater_than(self.object_size_greater_than)
            .set_object_size_less_than(self.object_size_less_than)
            .set_prefix(prefix)
            .set_tag(tag.transpose()?)
            .build())
    }

    fn shown(filter: LifecycleRuleFilter) -> Self {
        Self {
            and: filter.and.map(And::shown),
            object_size_greater_than: filter.object_size_greater_than,
            object_size_less_than: filter.object_size_less_than,
            prefix: filter.prefix.unwrap_or_default(),
            tag: filter.tag.map(|tag| ObjectTag { key: tag.key, value: tag.value }),
        }
    }
}

impl And {
    fn sent(&self) -> Result<LifecycleRuleAndOperator> {
        Ok(LifecycleRuleAndOperator::builder()
            .object_size_greater_than(self.object_size_greater_than)
            .set_object_size_less_than(self.object_size_less_than)
            .prefix(&self.prefix)
            .set_tags(some(tagged(&self.tags)?))
            .build())
    }

    fn shown(and: LifecycleRuleAndOperator) -> Self {
        Self {
            object_size_greater_than: and.object_size_greater_than.unwrap_or_default(),
            object_size_less_than: and.object_size_less_than,
            prefix: and.prefix.unwrap_or_default(),
            tags: and.tags.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect(),
        }
    }
}

impl Expiration {
    /// S3 takes one of the three, so that a marker that is not wanted is named only if nothing else is.
    fn sent(&self) -> Result<LifecycleExpiration> {
        let days = (self.days != 0).then_some(self.days);
        let timed = days.is_some() || self.date.is_some();
        Ok(LifecycleExpiration::builder()
            .set_date(self.date.as_deref().map(moment).transpose()?)
            .set_days(days)
            .set_expired_object_delete_marker(
                (self.expired_object_delete_marker || !timed).then_some(self.expired_object_delete_marker),
            )
            .build())
    }

    fn shown(expiration: LifecycleExpiration) -> Result<Self> {
        Ok(Self {
            date: expiration.date.as_ref().map(text).transpose()?,
            days: expiration.days.unwrap_or_default(),
            expired_object_delete_marker: expiration.expired_object_delete_marker.unwrap_or_default(),
        })
    }
}

impl NoncurrentVersionExpiration {
    fn shown(expiration: sdk::NoncurrentVersionExpiration) -> Result<Self> {
        Ok(Self {
            newer_noncurrent_versions: expiration.newer_noncurrent_versions,
            noncurrent_days: need("NoncurrentDays", expiration.noncurrent_days)?,
        })
    }
}

impl NoncurrentVersionTransition {
    fn sent(&self) -> sdk::NoncurrentVersionTransition {
        sdk::NoncurrentVersionTransition::builder()
            .set_newer_noncurrent_versions(self.newer_noncurrent_versions)
            .noncurrent_days(self.noncurrent_days)
            .storage_class(TransitionStorageClass::from(self.storage_class.as_str()))
            .build()
    }

    fn shown(transition: sdk::NoncurrentVersionTransition) -> Result<Self> {
        Ok(Self {
            newer_noncurrent_versions: transition.newer_noncurrent_versions,
            noncurrent_days: need("NoncurrentDays", transition.noncurrent_days)?,
            storage_class: need("StorageClass", transition.storage_class)?.as_str().to_owned(),
        })
    }
}

impl Transition {
    fn sent(&self) -> Result<sdk::Transition> {
        let days = self.days.or(self.date.is_none().then_some(0));
        Ok(sdk::Transition::builder()
            .set_date(self.date.as_deref().map(moment).transpose()?)
            .set_days(days)
            .storage_class(TransitionStorageClass::from(self.storage_class.as_str()))
            .build())
    }

    fn shown(transition: sdk::Transition) -> Result<Self> {
        Ok(Self {
            date: transition.date.as_ref().map(text).transpose()?,
            days: transition.days,
            storage_class: need("StorageClass", transition.storage_class)?.as_str().to_owned(),
        })
    }
}

/// S3 refuses lists without items.
fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    Some(items).filter(|items| !items.is_empty())
}

fn moment(text: &str) -> Result<DateTime> {
    DateTime::from_str(text, DateTimeFormat::DateTime).map_err(|e| Error::invalid(format!("date `{text}`: {e}")))
}

fn text(moment: &DateTime) -> Result<String> {
    moment.fmt(DateTimeFormat::DateTime).map_err(|e| Error::bug(e.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::Provider;

    const REPLY: &str = "<LifecycleConfiguration><Rule><ID>all</ID><Filter><And><Prefix>logs/</Prefix><Tag><Key>a</Key>\
        <Value>b</Value></Tag><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan>\
        </And></Filter><Status>Enabled</Status><Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass>\
        </Transition><Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration><NoncurrentVersionTransition>\
        <NoncurrentDays>30</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions>\
        <StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition><NoncurrentVersionExpiration>\
        <NoncurrentDays>60</NoncurrentDays><NewerNoncurrentVersions>3</NewerNoncurrentVersions>\
        </NoncurrentVersionExpiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>\
        </AbortIncompleteMultipartUpload></Rule><Rule><ID>old</ID><Prefix>tmp/</Prefix><Status>Disabled</Status>\
        <Expiration><Days>7</Days></Expiration></Rule></LifecycleConfiguration>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "bucket": "b-1",
            "expectedBucketOwner": "123456789012",
            "rules": [{
                "abortIncompleteMultipartUpload": { "daysAfterInitiation": 1 },
                "expiration": { "date": "2030-01-01T00:00:00Z", "days": 0, "expiredObjectDeleteMarker": false },
                "filter": {
                    "and": {
                        "objectSizeGreaterThan": 1,
                        "objectSizeLessThan": 9,
                        "prefix": "logs/",
                        "tags": { "a": "b" },
                    },
                    "prefix": "",
                },
                "id": "all",
                "noncurrentVersionExpiration": { "newerNoncurrentVersions": 3, "noncurrentDays": 60 },
                "noncurrentVersionTransitions": [
                    { "newerNoncurrentVersions": 2, "noncurrentDays": 30, "storageClass": "GLACIER" },
                ],
                "prefix": "",
                "status": "Enabled",
                "transitions": [{ "days": 30, "storageClass": "STANDARD_IA" }],
            }, {
                "expiration": { "days": 7, "expiredObjectDeleteMarker": false },
                "filter": { "prefix": "" },
                "id": "old",
                "noncurrentVersionTransitions": [],
                "prefix": "tmp/",
                "status": "Disabled",
                "transitions": [],
            }],
        });
        let (token, replies) = (BucketLifecycleConfiguration::TYPE, [("lifecycle", ok(REPLY))]);
        reads_back(token, "b-1,123456789012", &replies, &["transitionDefaultMinimumObjectSize"], inputs).await;
    }

    async fn sent(rule: serde_json::Value) -> String {
        let (aws, wire) = aws(&[("lifecycle", ok(""))]);
        let inputs = json!({ "bucket": "b-1", "rules": [rule] }).into();
        aws.create(&at(BucketLifecycleConfiguration::TYPE), &inputs).await.unwrap();
        wire.requests("lifecycle").remove(0)
    }

    #[tokio::test]
    async fn days_and_the_delete_marker_are_never_sent_together() {
        let days = sent(json!({ "id": "r", "status": "Enabled", "expiration": { "days": 30 } })).await;
        assert!(days.contains("<Days>30</Days>") && !days.contains("DeleteMarker"), "{days}");
        let marker = json!({ "id": "r", "status": "Enabled", "expiration": { "expiredObjectDeleteMarker": true } });
        let marker = sent(marker).await;
        assert!(marker.contains("<ExpiredObjectDeleteMarker>true<") && !marker.contains("<Days>"), "{marker}");
    }

    #[tokio::test]
    async fn a_rule_without_a_filter_is_for_all_objects_and_one_with_a_prefix_keeps_the_old_form() {
        let all = sent(json!({ "id": "r", "status": "Enabled", "expiration": { "days": 30 } })).await;
        assert!(
            all.contains("<Filter><Prefix></Prefix></Filter>") || all.contains("<Filter><Prefix/></Filter>"),
            "{all}"
        );
        let old = sent(json!({ "id": "r", "status": "Enabled", "prefix": "tmp/", "expiration": { "days": 1 } })).await;
        assert!(old.contains("<Prefix>tmp/</Prefix>") && !old.contains("<Filter>"), "{old}");
    }
}
