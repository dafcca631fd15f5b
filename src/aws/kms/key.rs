use aws_sdk_kms::types::{self as sdk, KeySpec, KeyState, KeyUsageType, OriginType};
use futures::try_join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{tagged, tags_of};
use crate::aws::error::OrNone;
use crate::aws::{Cx, Tags, each, tags};
use crate::engine::document::Document;
use crate::engine::error::{Error, Kind, Result, need};
use crate::engine::resource::{
    Afterlife, Facts, FoundBy, IdForm, Limits, Live, Made, Next, Permissions, Resource, Retag, Seen, Takes, Want, Where,
};
use crate::engine::rules::{computed, needs, one_of, replace, write_only};
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// A key that encrypts, signs or authenticates and never leaves KMS.
///
/// A deleted key waits out a period in which it can be rescued; it counts as gone at once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = needs(&["rotationPeriodInDays", "enableKeyRotation"]))]
#[schemars(transform = needs(&["xksKeyId", "customKeyStoreId"]))]
pub struct Key {
    /// Whether a policy may be set that shuts out whoever sets it.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub bypass_policy_lockout_safety_check: bool,
    /// Custom key store that holds the key.
    #[schemars(transform = replace, length(min = 1, max = 64))]
    pub custom_key_store_id: Option<String>,
    /// Kind of the key material.
    #[schemars(transform = replace, transform = one_of(&[
        "SYMMETRIC_DEFAULT", "RSA_2048", "RSA_3072", "RSA_4096", "HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512",
        "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_NIST_EDWARDS25519", "ECC_SECG_P256K1", "ML_DSA_44",
        "ML_DSA_65", "ML_DSA_87", "SM2",
    ]))]
    #[serde(default = "symmetric")]
    pub customer_master_key_spec: String,
    /// Days between the deletion of the key and its end, 7 to 30; AWS takes 30.
    #[schemars(transform = write_only, range(min = 7, max = 30))]
    pub deletion_window_in_days: Option<i32>,
    /// Purpose of the key.
    #[schemars(length(max = 8192))]
    pub description: Option<String>,
    /// Whether the key material is renewed at intervals.
    #[serde(default)]
    pub enable_key_rotation: bool,
    /// Whether the key can be used.
    #[serde(default = "yes")]
    pub is_enabled: bool,
    /// What the key is for.
    #[schemars(transform = replace, transform = one_of(&[
        "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT",
    ]))]
    #[serde(default = "encryption")]
    pub key_usage: String,
    /// Whether the key can be replicated to other regions.
    #[schemars(transform = replace, transform = computed)]
    pub multi_region: Option<bool>,
    /// Who may use and manage the key. AWS's own policy leaves it to the account's IAM.
    #[schemars(transform = computed)]
    pub policy: Option<Document>,
    /// Days between renewals of the key material.
    #[schemars(transform = computed, range(min = 90, max = 2560))]
    pub rotation_period_in_days: Option<i32>,
    /// Tags of the key.
    #[serde(default)]
    pub tags: Tags,
    /// Key in an external key manager, for an external key store.
    #[schemars(transform = replace, length(min = 1, max = 128))]
    pub xks_key_id: Option<String>,
}

fn symmetric() -> String {
    "SYMMETRIC_DEFAULT".to_owned()
}

fn yes() -> bool {
    true
}

fn encryption() -> String {
    "ENCRYPT_DECRYPT".to_owned()
}

/// What AWS decides about a key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyOutputs {
    /// ARN of the key.
    pub arn: String,
    /// Id of the key, a UUID.
    pub key_id: String,
}

impl Resource for Key {
    const TYPE: &'static str = "aws:kms/key:Key";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(10, 10, 20),
        takes: Takes::seconds(2, 1, 1),
        permissions: Permissions {
            create: &["kms:CreateKey", "kms:DisableKey", "kms:EnableKeyRotation", "kms:TagResource"],
            read: &[
                "kms:DescribeKey",
                "kms:GetKeyPolicy",
                "kms:GetKeyRotationStatus",
                "kms:ListKeys",
                "kms:ListResourceTags",
            ],
            update: &[
                "kms:DisableKey",
                "kms:DisableKeyRotation",
                "kms:EnableKey",
                "kms:EnableKeyRotation",
                "kms:PutKeyPolicy",
                "kms:TagResource",
                "kms:UntagResource",
                "kms:UpdateKeyDescription",
            ],
            delete: &["kms:DescribeKey", "kms:ScheduleKeyDeletion"],
        },
        acts_on: &["kms:{region}:*:key/*"],
        import: "id of the key, `1234abcd-12ab-34cd-56ef-1234567890ab`",
        any_name: true,
        ..Facts::new(IdForm::Random("", 36), FoundBy::OwnerTag)
    };
    type Outputs = KeyOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let origin = match (&self.xks_key_id, &self.custom_key_store_id) {
            (Some(_), _) => Some(OriginType::ExternalKeyStore),
            (None, Some(_)) => Some(OriginType::AwsCloudhsm),
            (None, None) => None,
        };
        let reply = cx
            .kms()
            .create_key()
            .bypass_policy_lockout_safety_check(self.bypass_policy_lockout_safety_check)
            .set_custom_key_store_id(self.custom_key_store_id.clone())
            .key_spec(KeySpec::from(self.customer_master_key_spec.as_str()))
            .set_description(self.description.clone())
            .key_usage(KeyUsageType::from(self.key_usage.as_str()))
            .set_multi_region(self.multi_region)
            .set_origin(origin)
            .set_policy(self.policy.as_ref().map(|p| p.as_str().to_owned()))
            .set_tags(tagged(&cx.tags(&self.tags))?)
            .set_xks_key_id(self.xks_key_id.clone())
            .send()
            .await?;
        // The answer shows neither policy nor tags.
        Ok(Made::id(need("KeyMetadata", reply.key_metadata)?.key_id))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    /// Rotation can be set only while the key is enabled, so a key is enabled first and disabled last.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (old, kms) = (&live.inputs, cx.kms());
        if self.description != old.description {
            let text = self.description.as_deref().unwrap_or_default();
            kms.update_key_description().key_id(&id.0).description(text).send().await?;
            return Ok(Next::More("setting the description"));
        }
        if let Some(policy) = &self.policy
            && !old.policy.as_ref().is_some_and(|old| old.same(policy))
        {
            kms.put_key_policy()
                .key_id(&id.0)
                .policy(policy.as_str())
                .bypass_policy_lockout_safety_check(self.bypass_policy_lockout_safety_check)
                .send()
                .await?;
            return Ok(Next::More("setting the policy"));
        }
        let turns = self.turns(old)?;
        if !old.is_enabled && (self.is_enabled || turns) {
            kms.enable_key().key_id(&id.0).send().await?;
            return Ok(Next::More("enabling"));
        }
        if turns && self.enable_key_rotation {
            let days = self.rotation_period_in_days;
            kms.enable_key_rotation().key_id(&id.0).set_rotation_period_in_days(days).send().await?;
            return Ok(Next::More("setting the rotation"));
        }
        if turns {
            kms.disable_key_rotation().key_id(&id.0).send().await?;
            return Ok(Next::More("setting the rotation"));
        }
        if old.is_enabled && !self.is_enabled {
            kms.disable_key().key_id(&id.0).send().await?;
            return Ok(Next::More("disabling"));
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let schedule = cx.kms().schedule_key_deletion().key_id(&id.0);
        match schedule.set_pending_window_in_days(self.deletion_window_in_days).send().await {
            // Scheduled already, or still being made: the next look tells.
            Err(e) if e.as_service_error().is_some_and(|e| e.is_kms_invalid_state_exception()) => Ok(Next::Started),
            answer => {
                answer.or_none()?;
                Ok(Next::Gone)
            }
        }
    }

    /// KMS lists keys without their tags, so this asks for the tags of each.
    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.kms().list_keys().into_paginator().items().send();
        let keys = pages.collect::<Result<Vec<_>, _>>().await?;
        let ids = keys.into_iter().map(|k| Ok(Id(need("KeyId", k.key_id)?))).collect::<Result<Vec<_>>>()?;
        let found = each(&ids, |id| async move {
            match tags_of(&id.0, cx).await {
                Ok(tags) => Ok(tags.get(tags::ATTEMPT).is_some_and(|a| a == cx.token()).then_some(id)),
                // Keys of others may forbid the look. Ours, made by us, do not.
                Err(e) if matches!(e.kind, Kind::Denied | Kind::NotFound) => Ok(None),
                Err(e) => Err(e),
            }
        });
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        if !tags.unset.is_empty() {
            let gone = tags.unset.clone();
            cx.kms().untag_resource().key_id(&id.0).set_tag_keys(Some(gone)).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tagged(tags.set.iter().map(|(k, v)| (k, v)))?;
            cx.kms().tag_resource().key_id(&id.0).set_tags(set).send().await?;
        }
        Ok(())
    }

    fn afterlife(inputs: &Value) -> Option<Afterlife> {
        let days = inputs.get("deletionWindowInDays").and_then(Value::as_i64).unwrap_or(30);
        Some(Afterlife { days, keeps_name: false, what: "can still be rescued, and decrypts nothing,".to_owned() })
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let arn = match &at.id {
            Some(id) => at.arn("kms", &format!("key/{id}")),
            None => Value::Unknown,
        };
        vec![("arn", arn), ("keyId", at.id())]
    }
}

impl Key {
    /// Whether the rotation must be set.
    fn turns(&self, old: &Self) -> Result<bool> {
        if !self.enable_key_rotation && self.rotation_period_in_days.is_some() {
            return Err(Error::invalid("`rotationPeriodInDays` is given although `enableKeyRotation` is false")
                .hint("set `enableKeyRotation: true`, or leave out `rotationPeriodInDays`"));
        }
        let other_period =
            self.rotation_period_in_days.is_some() && self.rotation_period_in_days != old.rotation_period_in_days;
        Ok(self.enable_key_rotation != old.enable_key_rotation || other_period)
    }
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<Key>>> {
    let Some(reply) = cx.kms().describe_key().key_id(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let key = need("KeyMetadata", reply.key_metadata)?;
    match need("KeyState", key.key_state.clone())? {
        KeyState::Enabled | KeyState::Disabled => {}
        // The key is lost unless someone rescues it; nothing but time is left to do.
        KeyState::PendingDeletion | KeyState::PendingReplicaDeletion => return Ok(Seen::Gone),
        other => return Ok(Seen::Pending(other.as_str().to_owned())),
    }
    let spec = need("KeySpec", key.key_spec)?;
    // KMS refuses to tell about a rotation that cannot be.
    let may_turn = spec == KeySpec::SymmetricDefault && key.origin == Some(OriginType::AwsKms);
    let asks_turn = want.has("enableKeyRotation") || want.has("rotationPeriodInDays");
    let (policy, (enable_key_rotation, rotation_period_in_days), tags) = try_join!(
        async { if want.has("policy") { policy_of(&id, cx).await.map(Some) } else { Ok(None) } },
        async { if may_turn && asks_turn { rotation_of(&id, cx).await } else { Ok((false, None)) } },
        async { if want.has("tags") { tags_of(&id.0, cx).await } else { Ok(Tags::new()) } },
    )?;
    let inputs = Key {
        bypass_policy_lockout_safety_check: false,
        custom_key_store_id: key.custom_key_store_id,
        customer_master_key_spec: spec.as_str().to_owned(),
        deletion_window_in_days: None,
        description: key.description.filter(|d| !d.is_empty()),
        enable_key_rotation,
        is_enabled: key.enabled,
        key_usage: need("KeyUsage", key.key_usage)?.as_str().to_owned(),
        multi_region: key.multi_region,
        policy,
        rotation_period_in_days,
        tags,
        xks_key_id: key.xks_key_configuration.and_then(|x: sdk::XksKeyConfigurationType| x.id),
    };
    Ok(Seen::Ready(Live { inputs, outputs: KeyOutputs { arn: need("Arn", key.arn)?, key_id: key.key_id } }))
}

async fn policy_of(id: &Id, cx: &Cx) -> Result<Document> {
    let reply = cx.kms().get_key_policy().key_id(&id.0).send().await?;
    Ok(Document::new(need("Policy", reply.policy)?))
}

async fn rotation_of(id: &Id, cx: &Cx) -> Result<(bool, Option<i32>)> {
    let reply = cx.kms().get_key_rotation_status().key_id(&id.0).send().await?;
    let on = reply.key_rotation_enabled;
    Ok((on, reply.rotation_period_in_days.filter(|_| on)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Provider};

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    fn described(change: impl Fn(&mut Json)) -> Reply {
        let mut key = json!({
            "KeyId": ID, "Arn": format!("arn:aws:kms:eu-west-1:123456789012:key/{ID}"), "Enabled": true,
            "KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS",
            "Description": "d", "MultiRegion": true, "CustomKeyStoreId": "cks-1",
            "XksKeyConfiguration": { "Id": "x" },
        });
        change(&mut key);
        ok(json!({ "KeyMetadata": key }).to_string())
    }

    fn wanted(change: Json) -> Value {
        let mut inputs = json!({ "customerMasterKeySpec": "SYMMETRIC_DEFAULT", "keyUsage": "ENCRYPT_DECRYPT" });
        inputs.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        inputs.into()
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let tags = json!({ "Tags": [{ "TagKey": "a", "TagValue": "b" }], "Truncated": false }).to_string();
        let replies = [
            ("DescribeKey", described(|_| ())),
            ("GetKeyPolicy", ok(json!({ "Policy": "{}" }).to_string())),
            ("GetKeyRotationStatus", ok(json!({ "KeyRotationEnabled": true, "RotationPeriodInDays": 90 }).to_string())),
            ("ListResourceTags", ok(tags)),
        ];
        let inputs = json!({
            "bypassPolicyLockoutSafetyCheck": false,
            "customKeyStoreId": "cks-1",
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "description": "d",
            "enableKeyRotation": true,
            "isEnabled": true,
            "keyUsage": "ENCRYPT_DECRYPT",
            "multiRegion": true,
            "policy": "{}",
            "rotationPeriodInDays": 90,
            "tags": { "a": "b" },
            "xksKeyId": "x",
        });
        reads_back(Key::TYPE, ID, &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn a_key_scheduled_for_deletion_is_gone() {
        for state in ["PendingDeletion", "PendingReplicaDeletion"] {
            let (aws, _) = aws(&[("DescribeKey", described(|key| key["KeyState"] = state.into()))]);
            assert_eq!(read(&aws, Key::TYPE, ID).await.unwrap(), Seen::Gone, "{state}");
        }
    }

    #[tokio::test]
    async fn an_asymmetric_key_is_not_asked_for_its_rotation() {
        let (aws, wire) = aws(&[
            ("DescribeKey", described(|key| key["KeySpec"] = "RSA_2048".into())),
            ("GetKeyPolicy", ok(r#"{"Policy":"{}"}"#)),
            ("ListResourceTags", ok(r#"{"Tags":[],"Truncated":false}"#)),
        ]);
        assert!(matches!(read(&aws, Key::TYPE, ID).await.unwrap(), Seen::Ready(_)));
        assert!(wire.requests("GetKeyRotationStatus").is_empty());
    }

    #[tokio::test]
    async fn a_disabled_key_is_enabled_for_a_change_of_its_rotation() {
        let steps = [
            (json!({ "isEnabled": false }), "EnableKey "),
            (json!({ "isEnabled": true }), "EnableKeyRotation"),
            (json!({ "isEnabled": true, "enableKeyRotation": true }), "DisableKey "),
        ];
        for (live, call) in steps {
            let (aws, wire) = aws(&[("TrentService.", ok("{}"))]);
            let outputs = json!({ "arn": "arn", "keyId": ID }).into();
            let live = provider::Live { inputs: wanted(live), outputs };
            let wanted = wanted(json!({ "isEnabled": false, "enableKeyRotation": true }));
            aws.update(&at(Key::TYPE), &Id(ID.into()), &wanted, &live).await.unwrap();
            assert_eq!(wire.requests(call).len(), 1, "{call} {:?}", wire.requests(""));
        }
    }

    #[tokio::test]
    async fn a_deletion_waits_the_days_asked_for() {
        let (aws, wire) = aws(&[("ScheduleKeyDeletion", ok("{}"))]);
        let applied = wanted(json!({ "deletionWindowInDays": 7 }));
        let next = aws.delete(&at(Key::TYPE), &Id(ID.into()), &applied, None).await.unwrap();
        assert_eq!(next, provider::Next::Gone);
        assert_eq!(wire.requests(r#""PendingWindowInDays":7"#).len(), 1);
    }

    #[tokio::test]
    async fn a_key_that_is_being_deleted_already_is_looked_at_again() {
        let refused = json!({ "__type": "KMSInvalidStateException", "message": "… is pending deletion." }).to_string();
        let (aws, _) = aws(&[("ScheduleKeyDeletion", Reply::Says(400, refused))]);
        let next = aws.delete(&at(Key::TYPE), &Id(ID.into()), &wanted(json!({})), None).await.unwrap();
        assert_eq!(next, provider::Next::Started);
    }

    #[tokio::test]
    async fn a_lost_key_is_found_by_its_tag_among_those_that_may_be_looked_at() {
        let attempt = at(Key::TYPE).attempt;
        let mine = json!({ "Tags": [{ "TagKey": "drctl:attempt", "TagValue": attempt }], "Truncated": false });
        let denied = json!({ "__type": "AccessDeniedException", "message": "no" }).to_string();
        let (aws, _) = aws(&[
            ("ListKeys", ok(r#"{"Keys":[{"KeyId":"theirs"},{"KeyId":"mine"}],"Truncated":false}"#)),
            (r#""KeyId":"mine""#, ok(mine.to_string())),
            (r#""KeyId":"theirs""#, Reply::Says(400, denied)),
        ]);
        assert_eq!(aws.find(&at(Key::TYPE), &wanted(json!({}))).await.unwrap(), [Id("mine".into())]);
    }

    #[tokio::test]
    async fn a_period_without_rotation_is_refused() {
        let (aws, wire) = aws(&[]);
        let live = provider::Live { inputs: wanted(json!({})), outputs: json!({ "arn": "a", "keyId": ID }).into() };
        let wanted = wanted(json!({ "rotationPeriodInDays": 90 }));
        let e = aws.update(&at(Key::TYPE), &Id(ID.into()), &wanted, &live).await.unwrap_err();
        assert!(e.hint.is_some_and(|h| h.contains("enableKeyRotation")));
        assert!(wire.requests("").is_empty());
    }
}
