use std::collections::{BTreeMap, HashMap};

use aws_sdk_backup::operation::get_backup_plan::GetBackupPlanOutput;
use aws_sdk_backup::types::{self as sdk, BackupPlanInput, BackupRule, BackupRuleInput, MalwareScanner, ScanMode};

use super::{retag, tags_of};
use crate::aws::prelude::*;
use crate::engine::rules::{auto_name, computed, form, one_of, refers, replace, unordered};

/// When backups are made, where they are kept and for how long.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Settings of some kinds of resources.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub advanced_backup_settings: Vec<AdvancedBackupSetting>,
    /// Name of the plan.
    #[schemars(transform = replace, transform = auto_name(50))]
    #[schemars(transform = form(r"^[a-zA-Z0-9_.-]{1,50}$", "up to 50 letters, digits, `-`, `_` and `.`"))]
    pub name: String,
    /// The rules.
    #[schemars(transform = unordered, length(min = 1))]
    pub rules: Vec<Rule>,
    /// Scans of backups for malware.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub scan_settings: Vec<ScanSetting>,
    /// Tags of the plan.
    #[serde(default)]
    pub tags: Tags,
}

/// Settings of a kind of resources.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdvancedBackupSetting {
    /// Options by name, such as `WindowsVSS: enabled`.
    pub backup_options: BTreeMap<String, String>,
    /// Kind of resources, such as `EC2`.
    pub resource_type: String,
}

/// When backups are made, and what becomes of them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Minutes after its start in which a backup must be complete.
    #[serde(default = "three_hours")]
    pub completion_window: i64,
    /// Copies into other vaults, which may be in other regions.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub copy_actions: Vec<CopyAction>,
    /// Whether backups are continuous, so that any point in time can be restored.
    #[serde(default)]
    pub enable_continuous_backup: bool,
    /// How long backups are kept; without it, for ever.
    pub lifecycle: Option<Lifecycle>,
    /// Tags of the recovery points.
    #[serde(default)]
    pub recovery_point_tags: BTreeMap<String, String>,
    /// Name of the rule, unique in the plan.
    #[schemars(length(min = 1, max = 50))]
    pub rule_name: String,
    /// Scans of the backups of this rule.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub scan_actions: Vec<ScanAction>,
    /// Times as a cron expression, `cron(0 5 * * ? *)`.
    #[schemars(transform = computed)]
    pub schedule: Option<String>,
    /// Time zone of the schedule.
    #[serde(default = "utc")]
    pub schedule_expression_timezone: String,
    /// Minutes after its scheduled time in which a backup must start.
    #[serde(default = "an_hour")]
    pub start_window: i64,
    /// ARN of a logically air-gapped vault that backups go to.
    pub target_logically_air_gapped_backup_vault_arn: Option<String>,
    /// Name of the vault that backups go to.
    #[schemars(length(min = 2, max = 50), transform = refers("aws:backup/vault:Vault.name"))]
    pub target_vault_name: String,
}

// Windows and time zone are the defaults of pulumi-aws, in minutes.
fn three_hours() -> i64 {
    180
}

fn an_hour() -> i64 {
    60
}

fn utc() -> String {
    "Etc/UTC".to_owned()
}

/// A copy into another vault.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CopyAction {
    /// ARN of the vault.
    #[schemars(transform = refers("aws:backup/vault:Vault.arn"))]
    pub destination_vault_arn: String,
    /// How long the copy is kept, counted from the time of the original.
    pub lifecycle: Option<Lifecycle>,
}

/// How long backups are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lifecycle {
    /// Days until the backup moves to cold storage.
    pub cold_storage_after: Option<i64>,
    /// Days until the backup is deleted, at least 90 more than in warm storage.
    pub delete_after: Option<i64>,
    /// Whether kinds of resources that know archives use them.
    #[schemars(transform = computed)]
    pub opt_in_to_archive_for_supported_resources: Option<bool>,
}

/// A scan of backups for malware.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScanAction {
    /// The scanner.
    #[schemars(transform = one_of(&["GUARDDUTY"]))]
    pub malware_scanner: String,
    /// Whether all is scanned, or only what is new.
    #[schemars(transform = one_of(&["FULL_SCAN", "INCREMENTAL_SCAN"]))]
    pub scan_mode: String,
}

/// Scans of kinds of resources.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScanSetting {
    /// The scanner.
    #[schemars(transform = one_of(&["GUARDDUTY"]))]
    pub malware_scanner: String,
    /// Kinds of resources: `EBS`, `EC2`, `S3`, `ALL`.
    #[schemars(transform = unordered)]
    pub resource_types: Vec<String>,
    /// Role that the scanner takes on.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub scanner_role_arn: String,
}

/// What AWS decides about a plan.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanOutputs {
    /// ARN of the plan.
    pub arn: String,
    /// Version, which changes with every update.
    pub version: String,
}

impl Resource for Plan {
    const TYPE: &'static str = "aws:backup/plan:Plan";
    const FACTS: Facts = Facts {
        names: Names::Shared,
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["backup:CreateBackupPlan", "backup:TagResource", "iam:PassRole"],
            read: &["backup:GetBackupPlan", "backup:ListBackupPlans", "backup:ListTags"],
            update: &["backup:TagResource", "backup:UntagResource", "backup:UpdateBackupPlan", "iam:PassRole"],
            delete: &["backup:DeleteBackupPlan"],
        },
        acts_on: &["backup:{region}:*:backup-plan:*"],
        passes_roles_to: &["backup"],
        import: "id of the plan, a UUID",
        ..Facts::new(IdForm::Random("", 36), FoundBy::Token)
    };
    type Outputs = PlanOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .backup()
            .create_backup_plan()
            .backup_plan(self.sent()?)
            .set_backup_plan_tags(Some(cx.tags(&self.tags).into_iter().collect()))
            .creator_request_id(cx.token())
            .send()
            .await?;
        Ok(Made::id(need("BackupPlanId", reply.backup_plan_id)?))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| async move {
            match cx.backup().get_backup_plan().backup_plan_id(&id.0).send().await.or_none()? {
                Some(reply) if reply.deletion_date.is_none() => seen(reply, want, cx).await,
                _ => Ok(Seen::Gone),
            }
        })
        .await
    }

    async fn update(&self, id: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        cx.backup().update_backup_plan().backup_plan(self.sent()?).backup_plan_id(&id.0).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.backup().delete_backup_plan().backup_plan_id(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let plans = cx.backup().list_backup_plans().into_paginator().items().send();
        let plans = plans.collect::<Result<Vec<_>, _>>().await?;
        let mine = plans.into_iter().filter(|p| p.creator_request_id.as_deref() == Some(cx.token()));
        mine.map(|p| Ok(Id(need("BackupPlanId", p.backup_plan_id)?))).collect()
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let id = at.id.as_ref();
        id.map(|id| ("arn", at.arn("backup", &format!("backup-plan:{id}")))).into_iter().collect()
    }
}

impl Plan {
    fn sent(&self) -> Result<BackupPlanInput> {
        let settings = self.advanced_backup_settings.iter().map(|setting| {
            sdk::AdvancedBackupSetting::builder()
                .set_backup_options(map(&setting.backup_options))
                .resource_type(&setting.resource_type)
                .build()
        });
        let scans = self.scan_settings.iter().map(|setting| {
            sdk::ScanSetting::builder()
                .malware_scanner(MalwareScanner::from(setting.malware_scanner.as_str()))
                .set_resource_types(Some(setting.resource_types.clone()))
                .scanner_role_arn(&setting.scanner_role_arn)
                .build()
        });
        Ok(BackupPlanInput::builder()
            .set_advanced_backup_settings(some(settings))
            .backup_plan_name(&self.name)
            .set_rules(Some(self.rules.iter().map(Rule::sent).collect::<Result<_>>()?))
            .set_scan_settings(some(scans))
            .build()?)
    }
}

impl Rule {
    fn sent(&self) -> Result<BackupRuleInput> {
        let copies = self.copy_actions.iter().map(|copy| {
            Ok(sdk::CopyAction::builder()
                .destination_backup_vault_arn(&copy.destination_vault_arn)
                .set_lifecycle(copy.lifecycle.as_ref().map(Lifecycle::sent))
                .build()?)
        });
        let scans = self.scan_actions.iter().map(|scan| {
            sdk::ScanAction::builder()
                .malware_scanner(MalwareScanner::from(scan.malware_scanner.as_str()))
                .scan_mode(ScanMode::from(scan.scan_mode.as_str()))
                .build()
        });
        Ok(BackupRuleInput::builder()
            .completion_window_minutes(self.completion_window)
            .set_copy_actions(some(copies.collect::<Result<Vec<_>>>()?))
            .enable_continuous_backup(self.enable_continuous_backup)
            .set_lifecycle(self.lifecycle.as_ref().map(Lifecycle::sent))
            .set_recovery_point_tags(map(&self.recovery_point_tags))
            .rule_name(&self.rule_name)
            .set_scan_actions(some(scans))
            .set_schedule_expression(self.schedule.clone())
            .schedule_expression_timezone(&self.schedule_expression_timezone)
            .start_window_minutes(self.start_window)
            .set_target_logically_air_gapped_backup_vault_arn(self.target_logically_air_gapped_backup_vault_arn.clone())
            .target_backup_vault_name(&self.target_vault_name)
            .build()?)
    }

    fn shown(rule: BackupRule) -> Result<Self> {
        let copies = rule.copy_actions.into_iter().flatten().map(|copy| CopyAction {
            destination_vault_arn: copy.destination_backup_vault_arn,
            lifecycle: copy.lifecycle.map(Lifecycle::shown),
        });
        let scans = rule.scan_actions.into_iter().flatten().map(|scan| {
            Ok(ScanAction {
                malware_scanner: need("MalwareScanner", scan.malware_scanner)?.as_str().to_owned(),
                scan_mode: need("ScanMode", scan.scan_mode)?.as_str().to_owned(),
            })
        });
        Ok(Self {
            completion_window: need("CompletionWindowMinutes", rule.completion_window_minutes)?,
            copy_actions: copies.collect(),
            enable_continuous_backup: rule.enable_continuous_backup.unwrap_or_default(),
            lifecycle: rule.lifecycle.map(Lifecycle::shown),
            recovery_point_tags: rule.recovery_point_tags.into_iter().flatten().collect(),
            rule_name: rule.rule_name,
            scan_actions: scans.collect::<Result<_>>()?,
            schedule: rule.schedule_expression,
            schedule_expression_timezone: rule.schedule_expression_timezone.unwrap_or_else(utc),
            start_window: need("StartWindowMinutes", rule.start_window_minutes)?,
            target_logically_air_gapped_backup_vault_arn: rule.target_logically_air_gapped_backup_vault_arn,
            target_vault_name: rule.target_backup_vault_name,
        })
    }
}

impl Lifecycle {
    fn sent(&self) -> sdk::Lifecycle {
        sdk::Lifecycle::builder()
            .set_move_to_cold_storage_after_days(self.cold_storage_after)
            .set_delete_after_days(self.delete_after)
            .set_opt_in_to_archive_for_supported_resources(self.opt_in_to_archive_for_supported_resources)
            .build()
    }

    fn shown(lifecycle: sdk::Lifecycle) -> Self {
        Self {
            cold_storage_after: lifecycle.move_to_cold_storage_after_days,
            delete_after: lifecycle.delete_after_days,
            opt_in_to_archive_for_supported_resources: lifecycle.opt_in_to_archive_for_supported_resources,
        }
    }
}

/// What is not given is not sent, not even as a list without items.
fn some<T>(items: impl IntoIterator<Item = T>) -> Option<Vec<T>> {
    let items: Vec<T> = items.into_iter().collect();
    Some(items).filter(|items| !items.is_empty())
}

fn map(entries: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!entries.is_empty()).then(|| entries.clone().into_iter().collect())
}

async fn seen(reply: GetBackupPlanOutput, want: &Want, cx: &Cx) -> Result<Seen<Live<Plan>>> {
    let plan = need("BackupPlan", reply.backup_plan)?;
    let arn = need("BackupPlanArn", reply.backup_plan_arn)?;
    let settings = plan.advanced_backup_settings.into_iter().flatten().map(|setting| {
        Ok(AdvancedBackupSetting {
            backup_options: setting.backup_options.into_iter().flatten().collect(),
            resource_type: need("ResourceType", setting.resource_type)?,
        })
    });
    let scans = plan.scan_settings.into_iter().flatten().map(|setting| {
        Ok(ScanSetting {
            malware_scanner: need("MalwareScanner", setting.malware_scanner)?.as_str().to_owned(),
            resource_types: setting.resource_types.unwrap_or_default(),
            scanner_role_arn: need("ScannerRoleArn", setting.scanner_role_arn)?,
        })
    });
    let inputs = Plan {
        advanced_backup_settings: settings.collect::<Result<_>>()?,
        name: plan.backup_plan_name,
        rules: plan.rules.into_iter().map(Rule::shown).collect::<Result<_>>()?,
        scan_settings: scans.collect::<Result<_>>()?,
        tags: if want.has("tags") { tags_of(&arn, cx).await? } else { Tags::new() },
    };
    let outputs = PlanOutputs { arn, version: need("VersionId", reply.version_id)? };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::error::Kind;
    use crate::engine::provider::Provider;

    const REPLY: &str = r#"{"BackupPlanId":"p","BackupPlanArn":"arn:p","VersionId":"v1","BackupPlan":{
        "BackupPlanName":"daily","AdvancedBackupSettings":[{"ResourceType":"EC2","BackupOptions":{"WindowsVSS":"enabled"}}],
        "ScanSettings":[{"MalwareScanner":"GUARDDUTY","ResourceTypes":["EBS"],"ScannerRoleArn":"arn:r"}],
        "Rules":[{"RuleName":"r","RuleId":"id","TargetBackupVaultName":"v","ScheduleExpression":"cron(0 5 * * ? *)",
        "ScheduleExpressionTimezone":"Europe/Berlin","StartWindowMinutes":60,"CompletionWindowMinutes":120,
        "Lifecycle":{"MoveToColdStorageAfterDays":30,"DeleteAfterDays":120,"OptInToArchiveForSupportedResources":true},
        "RecoveryPointTags":{"k":"v"},"CopyActions":[{"DestinationBackupVaultArn":"arn:v2","Lifecycle":{"DeleteAfterDays":7}}],
        "EnableContinuousBackup":true,"ScanActions":[{"MalwareScanner":"GUARDDUTY","ScanMode":"FULL_SCAN"}],
        "TargetLogicallyAirGappedBackupVaultArn":"arn:gap"}]}}"#;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "advancedBackupSettings": [{ "backupOptions": { "WindowsVSS": "enabled" }, "resourceType": "EC2" }],
            "name": "daily",
            "rules": [{
                "completionWindow": 120,
                "copyActions": [{ "destinationVaultArn": "arn:v2", "lifecycle": { "deleteAfter": 7 } }],
                "enableContinuousBackup": true,
                "lifecycle": {
                    "coldStorageAfter": 30,
                    "deleteAfter": 120,
                    "optInToArchiveForSupportedResources": true,
                },
                "recoveryPointTags": { "k": "v" },
                "ruleName": "r",
                "scanActions": [{ "malwareScanner": "GUARDDUTY", "scanMode": "FULL_SCAN" }],
                "schedule": "cron(0 5 * * ? *)",
                "scheduleExpressionTimezone": "Europe/Berlin",
                "startWindow": 60,
                "targetLogicallyAirGappedBackupVaultArn": "arn:gap",
                "targetVaultName": "v",
            }],
            "scanSettings": [{ "malwareScanner": "GUARDDUTY", "resourceTypes": ["EBS"], "scannerRoleArn": "arn:r" }],
            "tags": { "a": "b" },
        });
        let replies = [("/backup/plans/p", ok(REPLY)), ("/tags/", ok(r#"{"Tags":{"a":"b"}}"#))];
        reads_back(Plan::TYPE, "p", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn a_plan_that_was_deleted_is_gone_although_aws_still_shows_it() {
        let deleted = REPLY.replacen('{', r#"{"DeletionDate":1700000000,"#, 1);
        let (aws, _) = aws(&[("/backup/plans/p", ok(deleted))]);
        assert_eq!(read(&aws, Plan::TYPE, "p").await.unwrap(), Seen::Gone);
    }

    #[tokio::test]
    async fn a_plan_waits_for_its_selections_to_be_gone() {
        let text = r#"{"__type":"InvalidRequestException","Message":"Related backup plan selections must be deleted prior to backup plan deletion"}"#;
        let (aws, _) = aws(&[("DELETE", Reply::Says(400, text.into()))]);
        let rule = json!({ "ruleName": "r", "targetVaultName": "vv" });
        let applied = json!({ "name": "daily", "rules": [rule] }).into();
        let e = aws.delete(&at(Plan::TYPE), &Id("p".into()), &applied, None).await.unwrap_err();
        assert_eq!(e.kind, Kind::Busy);
    }

    #[tokio::test]
    async fn a_create_carries_the_attempt_so_that_a_second_one_gives_the_same_plan() {
        let made = r#"{"BackupPlanId":"p"}"#;
        let (aws, wire) = aws(&[("/backup/plans", ok(made))]);
        let rule = json!({ "ruleName": "r", "targetVaultName": "vv" });
        let inputs = json!({ "name": "daily", "rules": [rule] }).into();
        assert_eq!(aws.create(&at(Plan::TYPE), &inputs).await.unwrap().id, Id("p".into()));
        assert!(wire.requests("PUT")[0].contains(r#""CreatorRequestId":"01JD0000000000000000000000""#));
    }
}
