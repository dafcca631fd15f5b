use std::time::{Duration, SystemTime};

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, ReplicationStatusType, StatusType, Tag};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::aws::error::OrNone;
use crate::aws::verdict::Fact;
use crate::aws::{Cx, Tags, each, tags};
use crate::engine::alike::Alike;
use crate::engine::document::Document;
use crate::engine::error::{Error, Kind, Result, need};
use crate::engine::resource::{
    Afterlife, Facts, FoundBy, IdForm, Live, Made, Next, Permissions, Resource, Retag, Seen, Takes, Want, WithInput,
};
use crate::engine::rules::{alike, auto_name, computed, refers, replace, unordered, write_only};
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// How long after its deletion a secret that is deleted for good may still hold its name.
const LETS_GO: Duration = Duration::from_secs(300);

/// What the caller must be allowed on a key that is not AWS's own. That lets versions be written, too
/// (Secrets Manager User Guide, "Secret encryption and decryption in AWS Secrets Manager").
const KEY_USE: &[&str] = &["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"];

/// A place for a secret value, with copies in other regions. Versions hold the value.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secret {
    /// Purpose of the secret.
    #[schemars(length(max = 2048))]
    pub description: Option<String>,
    /// Whether a replica may take the place of a secret of the same name in its region.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub force_overwrite_replica_secret: bool,
    /// Key that encrypts the value. AWS takes its own `aws/secretsmanager`.
    #[schemars(transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_id: Option<String>,
    /// Name of the secret, unique in the region.
    #[schemars(transform = replace, transform = auto_name(255), length(max = 512))]
    pub name: String,
    /// Who may use the secret, beside what IAM allows.
    #[schemars(transform = computed)]
    pub policy: Option<Document>,
    /// Days in which a deleted secret can be restored, 7 to 30; 0 deletes it for good at once.
    #[schemars(transform = write_only, range(min = 0, max = 30))]
    #[serde(default = "a_month", deserialize_with = "window")]
    pub recovery_window_in_days: i64,
    /// Copies in other regions.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub replicas: Vec<Replica>,
    /// Tags of the secret.
    #[serde(default)]
    pub tags: Tags,
    /// Service whose secret AWS rotates, for example `SalesforceClientSecret`.
    #[schemars(transform = replace)]
    pub r#type: Option<String>,
}

/// A copy of a secret in another region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replica {
    /// Key of that region that encrypts the value. AWS takes its own `aws/secretsmanager`.
    #[schemars(transform = computed, transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_id: Option<String>,
    /// Region of the copy.
    pub region: String,
}

fn a_month() -> i64 {
    30
}

fn window<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
    match i64::deserialize(d)? {
        days @ (0 | 7..=30) => Ok(days),
        days => Err(de::Error::custom(format!("a window of {days} days is neither 0 nor 7 to 30"))),
    }
}

/// What AWS decides about a secret.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretOutputs {
    /// ARN of the secret. Its replicas have the same one but for the region.
    pub arn: String,
}

impl Resource for Secret {
    const TYPE: &'static str = "aws:secretsmanager/secret:Secret";
    const FACTS: Facts = Facts {
        takes: Takes::seconds(2, 2, 3),
        look_before_delete: true,
        permissions: Permissions {
            create: &[
                "secretsmanager:CreateSecret",
                "secretsmanager:PutResourcePolicy",
                "secretsmanager:ReplicateSecretToRegions",
                "secretsmanager:RestoreSecret",
                "secretsmanager:TagResource",
            ],
            read: &["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"],
            update: &[
                "secretsmanager:PutResourcePolicy",
                "secretsmanager:RemoveRegionsFromReplication",
                "secretsmanager:ReplicateSecretToRegions",
                "secretsmanager:TagResource",
                "secretsmanager:UntagResource",
                "secretsmanager:UpdateSecret",
            ],
            delete: &["secretsmanager:DeleteSecret", "secretsmanager:RemoveRegionsFromReplication"],
        },
        permissions_with: &[
            WithInput::on("kmsKeyId", &[], KEY_USE),
            WithInput::on("replicas.*.kmsKeyId", &[], KEY_USE),
        ],
        acts_on: &["secretsmanager:{region}:*:secret:{name}-??????"],
        import: "ARN of the secret",
        ..Facts::new(IdForm::Output("arn"), FoundBy::Name)
    };
    type Outputs = SecretOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let replicas: Vec<_> = self.replicas.iter().map(Replica::as_asked).collect();
        let answer = cx
            .secretsmanager()
            .create_secret()
            .set_description(self.description.clone())
            .set_force_overwrite_replica_secret(self.force_overwrite_replica_secret.then_some(true))
            .set_kms_key_id(self.kms_key_id.clone())
            .name(&self.name)
            .set_add_replica_regions((!replicas.is_empty()).then_some(replicas))
            .set_tags(tagged(&cx.tags(&self.tags)))
            .set_type(self.r#type.clone())
            .send()
            .await
            .map_err(Error::from);
        match answer {
            Ok(reply) => Ok(Made::id(need("ARN", reply.arn)?)),
            Err(e) if Fact::NameKept.is_said_by(&e) => {
                let deleted = cx.secretsmanager().describe_secret().secret_id(&self.name).send().await.or_none()?;
                match deleted {
                    Some(secret) if self.is_restorable(&secret, SystemTime::now(), cx) => {
                        self.restore(secret, cx).await
                    }
                    deleted => Err(self.held(e, deleted.as_ref(), SystemTime::now())),
                }
            }
            Err(e) => Err(e),
        }
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    /// A replica gets another key by being made again.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (old, manager) = (&live.inputs, cx.secretsmanager());
        // Text that is empty removes what was there.
        let new_description =
            (self.description != old.description).then(|| self.description.clone().unwrap_or_default());
        let new_key =
            (!same_key(&old.kms_key_id, &self.kms_key_id)).then(|| self.kms_key_id.clone().unwrap_or_default());
        if new_description.is_some() || new_key.is_some() {
            let change = manager.update_secret().secret_id(&id.0);
            change.set_description(new_description).set_kms_key_id(new_key).send().await?;
            return Ok(Next::More("setting attributes"));
        }
        if let Some(policy) = &self.policy
            && !old.policy.as_ref().is_some_and(|old| old.same(policy))
        {
            manager.put_resource_policy().secret_id(&id.0).resource_policy(policy.as_str()).send().await?;
            return Ok(Next::More("setting the policy"));
        }
        let surplus: Vec<_> = old.replicas.iter().filter(|r| !self.replicas.iter().any(|w| w.is_met_by(r))).collect();
        if !surplus.is_empty() {
            return remove_replicas(id, surplus, cx).await;
        }
        let absent: Vec<_> = self.replicas.iter().filter(|w| !old.replicas.iter().any(|r| w.is_met_by(r))).collect();
        if absent.is_empty() {
            return Ok(Next::Started);
        }
        manager
            .replicate_secret_to_regions()
            .secret_id(&id.0)
            .set_add_replica_regions(Some(absent.into_iter().map(Replica::as_asked).collect()))
            .force_overwrite_replica_secret(self.force_overwrite_replica_secret)
            .send()
            .await?;
        Ok(Next::More("replicating"))
    }

    /// AWS deletes no secret that has replicas.
    async fn delete(&self, id: &Id, live: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let replicas = live.map_or(&self.replicas, |live| &live.inputs.replicas);
        if !replicas.is_empty() {
            return remove_replicas(id, replicas, cx).await;
        }
        let delete = cx.secretsmanager().delete_secret().secret_id(&id.0);
        let delete = match self.recovery_window_in_days {
            0 => delete.force_delete_without_recovery(true),
            days => delete.recovery_window_in_days(days),
        };
        delete.send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let reply = cx.secretsmanager().describe_secret().secret_id(&self.name).send().await.or_none()?;
        let mine = |s: &DescribeSecretOutput| {
            s.deleted_date.is_none() && tags_from(s.tags.clone()).get(tags::ATTEMPT).is_some_and(|a| a == cx.token())
        };
        reply.filter(mine).map(|s| Ok(Id(need("ARN", s.arn)?))).into_iter().collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        if !tags.unset.is_empty() {
            let gone = tags.unset.clone();
            cx.secretsmanager().untag_resource().secret_id(&id.0).set_tag_keys(Some(gone)).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tagged(tags.set.iter().map(|(k, v)| (k, v)));
            cx.secretsmanager().tag_resource().secret_id(&id.0).set_tags(set).send().await?;
        }
        Ok(())
    }

    fn afterlife(inputs: &Value) -> Option<Afterlife> {
        let days = inputs.get("recoveryWindowInDays").and_then(Value::as_i64).unwrap_or(a_month());
        let name = inputs.get("name").and_then(Value::as_str).unwrap_or_default();
        let what = format!("can still be restored, and keeps the name `{name}` taken,");
        (days > 0).then_some(Afterlife { days, keeps_name: true, what })
    }
}

impl Secret {
    /// Whether a deleted secret was this very resource and can become it again: what no update changes,
    /// and a key that may have gone with it, must be as wanted.
    fn is_restorable(&self, secret: &DescribeSecretOutput, now: SystemTime, cx: &Cx) -> bool {
        let ours = tags_from(secret.tags.clone()).get(tags::OWNER).is_some_and(|owner| owner == cx.owner());
        // Without a window it may be on its way to be deleted for good.
        let kept = secret.deleted_date.is_some() && (self.recovery_window_in_days > 0 || !is_recent(secret, now));
        ours && kept && secret.r#type == self.r#type && same_key(&secret.kms_key_id, &self.kms_key_id)
    }

    /// Takes the deletion back. Updates then bring the secret to what is wanted.
    async fn restore(&self, secret: DescribeSecretOutput, cx: &Cx) -> Result<Made<Self>> {
        let arn = need("ARN", secret.arn)?;
        cx.secretsmanager().restore_secret().secret_id(&arn).send().await?;
        let tags = tagged(&cx.tags(&self.tags));
        cx.secretsmanager().tag_resource().secret_id(&arn).set_tags(tags).send().await?;
        Ok(Made::id(arn))
    }

    /// What to do about a name that a deleted secret still holds. One that is deleted for good lets
    /// go of it soon; one in its recovery window is for the user to decide about.
    fn held(&self, refusal: Error, deleted: Option<&DescribeSecretOutput>, now: SystemTime) -> Error {
        if deleted.is_none_or(|secret| is_recent(secret, now)) {
            return Error { kind: Kind::Busy, ..refusal };
        }
        let name = &self.name;
        refusal.hint(format!(
            "restore it with `aws secretsmanager restore-secret --secret-id {name}` and import it, end it with \
             `aws secretsmanager delete-secret --secret-id {name} --force-delete-without-recovery`, or choose another \
             name; `recoveryWindowInDays: 0` lets a deletion end at once"
        ))
    }
}

impl Replica {
    fn as_asked(&self) -> ReplicaRegionType {
        ReplicaRegionType::builder().set_kms_key_id(self.kms_key_id.clone()).region(&self.region).build()
    }

    fn is_met_by(&self, live: &Self) -> bool {
        self.region == live.region && (self.kms_key_id.is_none() || same_key(&live.kms_key_id, &self.kms_key_id))
    }
}

/// Whether a secret was deleted a moment ago.
fn is_recent(deleted: &DescribeSecretOutput, now: SystemTime) -> bool {
    let since = deleted.deleted_date.and_then(|date| SystemTime::try_from(date).ok());
    since.is_some_and(|since| now.duration_since(since).is_ok_and(|age| age < LETS_GO))
}

fn same_key(live: &Option<String>, wanted: &Option<String>) -> bool {
    match (live, wanted) {
        (Some(live), Some(wanted)) => Alike::Arn.same(live, wanted),
        (live, wanted) => live == wanted,
    }
}

async fn remove_replicas(id: &Id, replicas: impl IntoIterator<Item = &Replica>, cx: &Cx) -> Result<Next<Secret>> {
    let regions = replicas.into_iter().map(|r| r.region.clone()).collect();
    let remove = cx.secretsmanager().remove_regions_from_replication().secret_id(&id.0);
    remove.set_remove_replica_regions(Some(regions)).send().await.or_none()?;
    Ok(Next::More("removing replicas"))
}

fn tagged<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Option<Vec<Tag>> {
    Some(tags.into_iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect())
}

fn tags_from(tags: Option<Vec<Tag>>) -> Tags {
    tags.into_iter().flatten().filter_map(|t| Some((t.key?, t.value.unwrap_or_default()))).collect()
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<Secret>>> {
    let Some(secret) = cx.secretsmanager().describe_secret().secret_id(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    if secret.deleted_date.is_some() {
        return Ok(Seen::Gone);
    }
    let status = secret.replication_status.unwrap_or_default();
    if let Some(unready) = unready(&status) {
        return Ok(unready);
    }
    let policy = if want.has("policy") {
        cx.secretsmanager().get_resource_policy().secret_id(&id.0).send().await?.resource_policy
    } else {
        None
    };
    let inputs = Secret {
        description: secret.description.filter(|d| !d.is_empty()),
        force_overwrite_replica_secret: false,
        kms_key_id: secret.kms_key_id,
        name: need("Name", secret.name)?,
        policy: policy.map(Document::new),
        recovery_window_in_days: a_month(),
        replicas: status.into_iter().map(replica).collect::<Result<_>>()?,
        tags: tags_from(secret.tags),
        r#type: secret.r#type,
    };
    Ok(Seen::Ready(Live { inputs, outputs: SecretOutputs { arn: need("ARN", secret.arn)? } }))
}

/// A secret is ready when its replicas are.
fn unready(replicas: &[ReplicationStatusType]) -> Option<Seen<Live<Secret>>> {
    let region = |r: &ReplicationStatusType| r.region.clone().unwrap_or_default();
    let is = |status: StatusType| move |r: &&ReplicationStatusType| r.status.as_ref() == Some(&status);
    if let Some(failed) = replicas.iter().find(is(StatusType::Failed)) {
        let why = failed.status_message.as_deref().unwrap_or("no reason given");
        return Some(Seen::Failed(format!("replication to {} failed: {why}", region(failed))));
    }
    let busy = replicas.iter().find(is(StatusType::InProgress))?;
    Some(Seen::Pending(format!("replicating to {}", region(busy))))
}

fn replica(status: ReplicationStatusType) -> Result<Replica> {
    Ok(Replica { kms_key_id: status.kms_key_id, region: need("Region", status.region)? })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Provider};
    use crate::engine::value::Value;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";

    fn described(change: Json) -> Reply {
        let mut secret = json!({
            "ARN": ARN, "Name": "db", "Description": "d", "KmsKeyId": "alias/k", "Type": "T",
            "Tags": [{ "Key": "a", "Value": "b" }],
            "ReplicationStatus": [{ "Region": "us-east-1", "KmsKeyId": "alias/r", "Status": "InSync" }],
        });
        secret.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        ok(secret.to_string())
    }

    fn live(inputs: Json) -> provider::Live {
        provider::Live { inputs: inputs.into(), outputs: json!({ "arn": ARN }).into() }
    }

    fn scheduled() -> Reply {
        let message = "You can't create this secret because a secret with this name is already scheduled for deletion.";
        Reply::Says(400, json!({ "__type": "InvalidRequestException", "Message": message }).to_string())
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies =
            [("DescribeSecret", described(json!({}))), ("GetResourcePolicy", ok(r#"{"ResourcePolicy":"{}"}"#))];
        let inputs = json!({
            "description": "d",
            "forceOverwriteReplicaSecret": false,
            "kmsKeyId": "alias/k",
            "name": "db",
            "policy": "{}",
            "recoveryWindowInDays": 30,
            "replicas": [{ "kmsKeyId": "alias/r", "region": "us-east-1" }],
            "tags": { "a": "b" },
            "type": "T",
        });
        reads_back(Secret::TYPE, ARN, &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn a_deleted_secret_is_gone_and_one_that_replicates_is_not_ready() {
        let status = |status: &str| {
            let replica = json!({ "Region": "us-east-1", "Status": status, "StatusMessage": "no key" });
            json!({ "ReplicationStatus": [replica] })
        };
        let cases = [
            (json!({ "DeletedDate": 1.0 }), Seen::Gone),
            (status("InProgress"), Seen::Pending("replicating to us-east-1".into())),
            (status("Failed"), Seen::Failed("replication to us-east-1 failed: no key".into())),
        ];
        for (change, expected) in cases {
            let (aws, _) = aws(&[("DescribeSecret", described(change))]);
            assert_eq!(read(&aws, Secret::TYPE, ARN).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn replicas_go_before_the_secret() {
        let replies = [("RemoveRegionsFromReplication", ok("{}")), ("DeleteSecret", ok("{}"))];
        let (aws, wire) = aws(&replies);
        let applied: Value = json!({ "name": "db", "recoveryWindowInDays": 0 }).into();
        let replicated = live(json!({ "name": "db", "replicas": [{ "region": "us-east-1" }] }));
        let (at, id) = (at(Secret::TYPE), Id(ARN.into()));
        let next = aws.delete(&at, &id, &applied, Some(&replicated)).await.unwrap();
        assert_eq!(next, provider::Next::More("removing replicas".into()));
        assert!(wire.requests("DeleteSecret").is_empty());
        let next = aws.delete(&at, &id, &applied, Some(&live(json!({ "name": "db" })))).await.unwrap();
        assert_eq!(next, provider::Next::Gone);
        assert_eq!(wire.requests(r#""ForceDeleteWithoutRecovery":true"#).len(), 1);
    }

    #[tokio::test]
    async fn a_replica_with_another_key_is_removed_and_made_again() {
        let replies = [("RemoveRegionsFromReplication", ok("{}")), ("ReplicateSecretToRegions", ok("{}"))];
        let (aws, wire) = aws(&replies);
        let wanted: Value = json!({ "name": "db", "replicas": [{ "region": "us-east-1", "kmsKeyId": "new" }] }).into();
        let (at, id) = (at(Secret::TYPE), Id(ARN.into()));
        let old = live(json!({ "name": "db", "replicas": [{ "region": "us-east-1", "kmsKeyId": "old" }] }));
        aws.update(&at, &id, &wanted, &old).await.unwrap();
        assert_eq!((wire.requests("RemoveRegions").len(), wire.requests("ReplicateSecret").len()), (1, 0));
        aws.update(&at, &id, &wanted, &live(json!({ "name": "db" }))).await.unwrap();
        assert_eq!((wire.requests("RemoveRegions").len(), wire.requests("ReplicateSecret").len()), (1, 1));
        let met =
            json!({ "name": "db", "replicas": [{ "region": "us-east-1", "kmsKeyId": "arn:aws:kms:x:1:key/new" }] });
        assert_eq!(aws.update(&at, &id, &wanted, &live(met)).await.unwrap(), provider::Next::Started);
    }

    #[tokio::test]
    async fn a_name_in_its_recovery_window_is_the_users_decision_and_one_deleted_for_good_is_waited_for() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let gone = Reply::Says(400, json!({ "__type": "ResourceNotFoundException", "Message": "no" }).to_string());
        let cases = [
            (described(json!({ "DeletedDate": now + 86_400.0 })), Kind::Invalid),
            (described(json!({ "DeletedDate": now - 86_400.0 })), Kind::Invalid),
            (described(json!({ "DeletedDate": now - 10.0 })), Kind::Busy),
            (gone, Kind::Busy),
        ];
        for (described, kind) in cases {
            let (aws, _) = aws(&[("CreateSecret", scheduled()), ("DescribeSecret", described)]);
            let e = aws.create(&at(Secret::TYPE), &json!({ "name": "db" }).into()).await.unwrap_err();
            assert_eq!(e.kind, kind);
            assert_eq!(e.hint.is_some_and(|h| h.contains("restore-secret --secret-id db")), kind == Kind::Invalid);
        }
    }

    #[tokio::test]
    async fn a_deleted_secret_that_was_this_resource_is_restored_and_no_other() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let made = async |owner: &str, date: f64, inputs: Json| {
            let change = json!({ "DeletedDate": date, "Tags": [{ "Key": "drctl:owner", "Value": owner }] });
            let replies = [
                ("CreateSecret", scheduled()),
                ("DescribeSecret", described(change)),
                ("RestoreSecret", ok("{}")),
                ("TagResource", ok("{}")),
            ];
            let (aws, wire) = aws(&replies);
            let made = aws.create(&at(Secret::TYPE), &inputs.into()).await;
            let restored = wire.requests("RestoreSecret").len();
            assert_eq!(restored, wire.requests("TagResource").len());
            let attempt = at(Secret::TYPE).attempt;
            assert!(wire.requests("TagResource").iter().all(|sent| sent.contains(&attempt)), "it is found again");
            assert_eq!(made.as_ref().is_ok_and(|made| made.id.0 == ARN), restored == 1);
            restored == 1
        };
        let (owner, before) = (at(Secret::TYPE).owner, now - 86_400.0);
        let same = json!({ "name": "db", "kmsKeyId": "alias/k", "type": "T" });
        assert!(made(&owner, before, same.clone()).await);
        assert!(made(&owner, now - 10.0, same.clone()).await);
        assert!(!made("lineage/other", before, same).await);
        assert!(!made(&owner, before, json!({ "name": "db", "kmsKeyId": "alias/k", "type": "U" })).await);
        assert!(!made(&owner, before, json!({ "name": "db", "kmsKeyId": "alias/new", "type": "T" })).await);
        let at_once = json!({ "name": "db", "kmsKeyId": "alias/k", "type": "T", "recoveryWindowInDays": 0 });
        assert!(!made(&owner, now - 10.0, at_once.clone()).await, "it may be deleted for good");
        assert!(made(&owner, before, at_once).await);
    }

    #[test]
    fn a_recovery_window_is_nothing_or_a_week_to_a_month() {
        let takes = |days: i64| serde_json::from_value::<Secret>(json!({ "name": "a", "recoveryWindowInDays": days }));
        for days in [0, 7, 30] {
            assert!(takes(days).is_ok(), "{days}");
        }
        for days in [-1, 1, 6, 31] {
            assert!(takes(days).is_err(), "{days}");
        }
    }
}
