use std::collections::HashMap;

use aws_sdk_backup::types::{BackupVaultListMember, RecoveryPointStatus};

use super::{retag, tags_of};
use crate::aws::prelude::*;
use crate::engine::error::Kind;
use crate::engine::rules::{auto_name, computed, forced, form, refers, replace, write_only};

/// A place for recovery points.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vault {
    /// Whether deletion removes the recovery points first.
    #[schemars(transform = write_only, transform = forced)]
    #[serde(default)]
    pub force_destroy: bool,
    /// ARN of the key that encrypts the recovery points; without it, the one of AWS for backups.
    #[schemars(transform = replace, transform = computed, transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_arn: Option<String>,
    /// Name of the vault, unique in account and region.
    #[schemars(transform = replace, transform = auto_name(50))]
    #[schemars(transform = form(r"^[a-zA-Z0-9_-]{2,50}$", "2 to 50 letters, digits, `-` and `_`"))]
    pub name: String,
    /// Tags of the vault.
    #[serde(default)]
    pub tags: Tags,
}

/// What AWS decides about a vault.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultOutputs {
    /// ARN of the vault.
    pub arn: String,
    /// Number of recovery points.
    pub recovery_points: i64,
}

impl Resource for Vault {
    const TYPE: &'static str = "aws:backup/vault:Vault";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(20, 20, 10),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["backup-storage:MountCapsule", "backup:CreateBackupVault", "backup:TagResource"],
            read: &["backup:ListBackupVaults", "backup:ListTags"],
            update: &["backup:TagResource", "backup:UntagResource"],
            delete: &[
                "backup:DeleteBackupVault",
                "backup:DeleteRecoveryPoint",
                "backup:ListRecoveryPointsByBackupVault",
            ],
        },
        permissions_with: &[WithInput::on(
            "kmsKeyArn",
            &[],
            &["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:RetireGrant"],
        )],
        acts_on: &["{arn}"],
        import: "name of the vault",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = VaultOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.backup()
            .create_backup_vault()
            .backup_vault_name(&self.name)
            .set_backup_vault_tags(Some(cx.tags(&self.tags).into_iter().collect()))
            .creator_request_id(cx.token())
            .set_encryption_key_arn(self.kms_key_arn.clone())
            .send()
            .await?;
        Ok(Made::id(&self.name))
    }

    /// By the list: asked for one vault that does not exist, AWS says that access is denied.
    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let vaults = &all(cx).await?;
        each(ids, |id| async move {
            match vaults.get(&id.0) {
                Some(vault) => seen(vault.clone(), want, cx).await,
                None => Ok(Seen::Gone),
            }
        })
        .await
    }

    /// Only `forceDestroy` can change, and that AWS does not know.
    async fn update(&self, _: &Id, _: &Live<Self>, _: &Cx) -> Result<Next<Self>> {
        Ok(Next::Started)
    }

    /// Most vaults are empty and go with one call; a full one is emptied only when AWS refuses.
    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let delete = cx.backup().delete_backup_vault().backup_vault_name(&id.0);
        let Err(refused) = delete.send().await.or_none() else { return Ok(Next::Gone) };
        if !Fact::HasRecoveryPoints.is_said_by(&refused) {
            return Err(refused);
        }
        if !self.force_destroy {
            return Err(refused.hint("set `forceDestroy: true`, or use `--force-override-protection`"));
        }
        empty(&id.0, cx).await.or_none()?;
        // Recovery points take a while to go.
        Err(Error { kind: Kind::Busy, ..refused })
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let vault = all(cx).await?.remove(&self.name);
        let mine = vault.is_some_and(|v| v.creator_request_id.as_deref() == Some(cx.token()));
        Ok(mine.then(|| Id(self.name.clone())).into_iter().collect())
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let name = inputs.get("name").and_then(Value::as_str);
        name.map(|name| ("arn", at.arn("backup", &format!("backup-vault:{name}")))).into_iter().collect()
    }
}

/// All vaults of account and region by name.
async fn all(cx: &Cx) -> Result<HashMap<String, BackupVaultListMember>> {
    let vaults = cx.backup().list_backup_vaults().into_paginator().items().send();
    let vaults = vaults.collect::<Result<Vec<_>, _>>().await?;
    vaults.into_iter().map(|v| Ok((need("BackupVaultName", v.backup_vault_name.clone())?, v))).collect()
}

/// Removes all recovery points of a vault that are not going already.
async fn empty(vault: &str, cx: &Cx) -> Result<()> {
    let points = cx.backup().list_recovery_points_by_backup_vault().backup_vault_name(vault);
    let points = points.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
    for point in points.into_iter().filter(|p| p.status != Some(RecoveryPointStatus::Deleting)) {
        let delete = cx.backup().delete_recovery_point().backup_vault_name(vault);
        let deleted = delete.set_recovery_point_arn(point.recovery_point_arn).send().await.or_none();
        deleted.map_err(|e: Error| match e.code.as_deref() {
            // It is being made or copied.
            Some("InvalidResourceStateException") => Error { kind: Kind::Busy, ..e },
            _ => e,
        })?;
    }
    Ok(())
}

async fn seen(vault: BackupVaultListMember, want: &Want, cx: &Cx) -> Result<Seen<Live<Vault>>> {
    let arn = need("BackupVaultArn", vault.backup_vault_arn)?;
    let inputs = Vault {
        force_destroy: false,
        kms_key_arn: vault.encryption_key_arn.filter(|key| !key.is_empty()),
        name: need("BackupVaultName", vault.backup_vault_name)?,
        tags: if want.has("tags") { tags_of(&arn, cx).await? } else { Tags::new() },
    };
    let outputs = VaultOutputs { arn, recovery_points: vault.number_of_recovery_points };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Provider};

    const LIST: &str = r#"{"BackupVaultList":[{"BackupVaultName":"v","BackupVaultArn":"arn:v","NumberOfRecoveryPoints":2,
        "EncryptionKeyArn":"arn:aws:kms:eu-west-1:1:key/k","CreatorRequestId":"01JD0000000000000000000000"}]}"#;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let tags = r#"{"Tags":{"a":"b","drctl:owner":"x"}}"#;
        let inputs = json!({
            "forceDestroy": false,
            "kmsKeyArn": "arn:aws:kms:eu-west-1:1:key/k",
            "name": "v",
            "tags": { "a": "b" },
        });
        let replies = [("/backup-vaults", ok(LIST)), ("/tags/", ok(tags))];
        let live = reads_back(Vault::TYPE, "v", &replies, &[], inputs).await;
        assert_eq!(live.outputs.get("recoveryPoints"), Some(&2_i64.into()));
    }

    #[tokio::test]
    async fn a_vault_is_gone_when_the_list_lacks_it_but_not_when_the_list_is_denied() {
        let (lacking, _) = aws(&[("/backup-vaults", ok(LIST))]);
        assert_eq!(read(&lacking, Vault::TYPE, "other").await.unwrap(), Seen::Gone);
        let denied = Reply::Says(403, r#"{"__type":"AccessDeniedException","Message":"no"}"#.into());
        let (denied, _) = aws(&[("/backup-vaults", denied)]);
        assert_eq!(read(&denied, Vault::TYPE, "v").await.unwrap_err().kind, Kind::Denied);
    }

    const FULL: &str = r#"{"__type":"InvalidRequestException","Message":"Backup vault cannot be deleted because it contains recovery points"}"#;

    #[tokio::test]
    async fn a_vault_with_recovery_points_is_kept_unless_forced() {
        let (aws, wire) = aws(&[("DELETE", Reply::Says(400, FULL.into()))]);
        let applied = json!({ "name": "v" }).into();
        let e = aws.delete(&at(Vault::TYPE), &Id("v".into()), &applied, None).await.unwrap_err();
        assert_eq!(e.kind, Kind::Invalid);
        assert!(e.hint.is_some_and(|h| h.contains("forceDestroy")));
        assert!(wire.requests("recovery-points").is_empty());
    }

    #[tokio::test]
    async fn a_forced_deletion_removes_recovery_points_once_and_waits_until_they_are_gone() {
        let points = r#"{"RecoveryPoints":[{"RecoveryPointArn":"arn:p1","Status":"COMPLETED"},
            {"RecoveryPointArn":"arn:p2","Status":"DELETING"}]}"#;
        let full = Reply::Says(400, FULL.into());
        let (full, wire) = aws(&[("GET", ok(points)), ("recovery-points", ok("")), ("DELETE", full)]);
        let applied = json!({ "name": "v", "forceDestroy": true }).into();
        let e = full.delete(&at(Vault::TYPE), &Id("v".into()), &applied, None).await.unwrap_err();
        assert_eq!(e.kind, Kind::Busy);
        let deleted = wire.requests("DELETE");
        assert_eq!(deleted.len(), 2, "{deleted:?}");
        assert!(deleted[1].contains("arn%3Ap1"), "{deleted:?}");

        let (empty, wire) = aws(&[("DELETE http", ok(""))]);
        let next = empty.delete(&at(Vault::TYPE), &Id("v".into()), &applied, None).await.unwrap();
        assert_eq!(next, provider::Next::Gone);
        assert!(wire.requests("recovery-points").is_empty());
    }

    #[tokio::test]
    async fn a_lost_create_is_found_by_its_attempt() {
        let (aws, _) = aws(&[("/backup-vaults", ok(LIST))]);
        let found = aws.find(&at(Vault::TYPE), &json!({ "name": "v" }).into()).await.unwrap();
        assert_eq!(found, [Id("v".into())]);
        let mut other = at(Vault::TYPE);
        other.attempt = "another".into();
        assert!(aws.find(&other, &json!({ "name": "v" }).into()).await.unwrap().is_empty());
    }
}
