//! Changes of a cluster, none of which ever takes it out of its global database.

use aws_sdk_rds::types::CloudwatchLogsExportConfiguration;

use super::cluster::{Cluster, ClusterOutputs};
use super::roles::membership;
use super::{new_choice, new_value};
use crate::aws::Cx;
use crate::aws::verdict::Fact;
use crate::engine::alike::Alike;
use crate::engine::error::{Error, Kind, Result};
use crate::engine::resource::{Live, Next};
use crate::engine::urn::Id;

/// Removes a cluster from its Active Directory.
const NO_DOMAIN: &str = "none";

/// Makes the next call that turns `live` into `wanted`.
pub(super) async fn next(wanted: &Cluster, id: &Id, live: &Live<Cluster>, cx: &Cx) -> Result<Next<Cluster>> {
    let (old, outputs) = (&live.inputs, &live.outputs);
    stays_member(wanted, old, outputs, cx).await?;
    if let Some(next) = next_role(wanted, id, old, cx).await? {
        return Ok(next);
    }
    let serverless = wanted.engine_mode == "serverless";
    if !serverless && wanted.enable_http_endpoint != old.enable_http_endpoint {
        if wanted.enable_http_endpoint {
            cx.rds().enable_http_endpoint().resource_arn(&outputs.arn).send().await?;
        } else {
            cx.rds().disable_http_endpoint().resource_arn(&outputs.arn).send().await?;
        }
        return Ok(Next::More("switching the Data API"));
    }
    if differs(wanted, old) {
        writes_its_password(wanted, old, outputs, cx).await?;
        let modified = modify(wanted, id, old, cx).await;
        modified.map_err(|error| after_its_readers(error, wanted, old))?;
    }
    Ok(Next::Started)
}

/// The program cannot take a member out, and a major version changes with the whole database.
async fn stays_member(wanted: &Cluster, old: &Cluster, outputs: &ClusterOutputs, cx: &Cx) -> Result<()> {
    let Some(global) = &old.global_cluster_identifier else { return Ok(()) };
    let kept = wanted.global_cluster_identifier.as_ref().is_some_and(|g| g.eq_ignore_ascii_case(global));
    let upgraded = match (&old.engine_version, &wanted.engine_version) {
        (Some(old), Some(new)) => !Alike::Major.same(old, new),
        _ => false,
    };
    if kept && !upgraded {
        return Ok(());
    }
    let Some(place) = membership(&outputs.arn, cx).await? else { return Ok(()) };
    let global = place.global;
    if !kept {
        return Err(Error::invalid(format!("the cluster belongs to the global database `{global}` and stays in it"))
            .hint(format!(
                "set `globalClusterIdentifier: {global}`; to take the cluster out, run \
                 `aws rds remove-from-global-cluster --global-cluster-identifier {global} \
                 --db-cluster-identifier {}` and then remove the input",
                outputs.arn
            )));
    }
    Err(Error::invalid(format!("the major version is that of the global database `{global}`"))
        .hint("change `engineVersion` of the global cluster too: it upgrades its members"))
}

/// Roles change one a call.
async fn next_role(wanted: &Cluster, id: &Id, old: &Cluster, cx: &Cx) -> Result<Option<Next<Cluster>>> {
    let Some(roles) = &wanted.iam_roles else { return Ok(None) };
    let had = old.iam_roles.as_deref().unwrap_or_default();
    if let Some(role) = roles.iter().find(|r| !had.contains(r)) {
        cx.rds().add_role_to_db_cluster().db_cluster_identifier(&id.0).role_arn(role).send().await?;
        return Ok(Some(Next::More("adding roles")));
    }
    if let Some(role) = had.iter().find(|r| !roles.contains(r)) {
        cx.rds().remove_role_from_db_cluster().db_cluster_identifier(&id.0).role_arn(role).send().await?;
        return Ok(Some(Next::More("removing roles")));
    }
    Ok(None)
}

/// AWS changes the password of a global database at its writer only.
async fn writes_its_password(wanted: &Cluster, old: &Cluster, outputs: &ClusterOutputs, cx: &Cx) -> Result<()> {
    if wanted.master_password == old.master_password || old.global_cluster_identifier.is_none() {
        return Ok(());
    }
    match membership(&outputs.arn, cx).await? {
        Some(place) if !place.is_writer => {
            let text = format!("another cluster writes in the global database `{}` now", place.global);
            Err(Error::invalid(format!("the password cannot be changed here: {text}"))
                .hint("switch back first, or keep the old password until then"))
        }
        _ => Ok(()),
    }
}

/// AWS upgrades the cluster that writes only when all readers have the new version. Those that are upgraded at
/// once are soon there: RDS shows them as ready, with the version still to come. Those that wait for their
/// maintenance windows are not.
fn after_its_readers(error: Error, wanted: &Cluster, old: &Cluster) -> Error {
    let upgraded = wanted.engine_version.is_some() && wanted.engine_version != old.engine_version;
    if error.kind != Kind::Invalid || old.global_cluster_identifier.is_none() || !upgraded {
        return error;
    }
    if wanted.apply_immediately == Some(true) {
        let soon = Fact::ReadersBehind.is_said_by(&error);
        return if soon { Error { kind: Kind::Busy, ..error } } else { error };
    }
    error.hint(
        "in a global database the secondary clusters get a version first, without `applyImmediately: true` in their \
         maintenance windows: set it on all members to upgrade now, or run this again afterwards",
    )
}

/// Whether anything that one call can change differs. Inputs that only steer other calls do not.
fn differs(wanted: &Cluster, old: &Cluster) -> bool {
    let rest = Cluster {
        allow_major_version_upgrade: old.allow_major_version_upgrade,
        apply_immediately: old.apply_immediately,
        availability_zones: old.availability_zones.clone(),
        db_instance_parameter_group_name: old.db_instance_parameter_group_name.clone(),
        delete_automated_backups: old.delete_automated_backups,
        final_snapshot_identifier: old.final_snapshot_identifier.clone(),
        global_cluster_identifier: old.global_cluster_identifier.clone(),
        iam_roles: old.iam_roles.clone(),
        skip_final_snapshot: old.skip_final_snapshot,
        tags: old.tags.clone(),
        // Choices that are left to AWS are as they are.
        enable_global_write_forwarding: wanted
            .enable_global_write_forwarding
            .filter(|on| *on || old.enable_global_write_forwarding == Some(true)),
        ..wanted.clone()
    };
    match (serde_json::to_value(&rest), serde_json::to_value(old)) {
        (Ok(serde_json::Value::Object(new)), Ok(serde_json::Value::Object(old))) => new.iter().any(|(name, value)| {
            let removed = name == "domain" && value.is_null();
            (removed || !value.is_null()) && old.get(name) != Some(value)
        }),
        _ => true,
    }
}

async fn modify(wanted: &Cluster, id: &Id, old: &Cluster, cx: &Cx) -> Result<()> {
    let domain = new_value(&wanted.domain, &old.domain).map(|d| d.unwrap_or_else(|| NO_DOMAIN.to_owned()));
    let secret_key = new_choice(&wanted.master_user_secret_kms_key_id, &old.master_user_secret_kms_key_id);
    let manage = new_value(&wanted.manage_master_user_password, &old.manage_master_user_password);
    let scaling = new_choice(&wanted.scaling_configuration, &old.scaling_configuration);
    let scaling2 = new_choice(&wanted.serverlessv2_scaling_configuration, &old.serverlessv2_scaling_configuration);
    let insights_key = new_choice(&wanted.performance_insights_kms_key_id, &old.performance_insights_kms_key_id);
    let version = new_choice(&wanted.engine_version, &old.engine_version)
        .filter(|new| old.engine_version.as_ref().is_none_or(|live| !Alike::Version.same(live, new)));
    let instance_group = wanted.db_instance_parameter_group_name.clone();
    let password = if wanted.master_password == old.master_password { None } else { wanted.password() };
    let insights_days =
        new_choice(&wanted.performance_insights_retention_period, &old.performance_insights_retention_period);
    let mode = new_choice(&wanted.database_insights_mode, &old.database_insights_mode);
    let identity = new_value(&wanted.iam_database_authentication_enabled, &old.iam_database_authentication_enabled);
    let data_api = new_value(&wanted.enable_http_endpoint, &old.enable_http_endpoint);
    let forwarding = new_choice(&wanted.enable_global_write_forwarding, &old.enable_global_write_forwarding);
    cx.rds()
        .modify_db_cluster()
        .set_allocated_storage(new_choice(&wanted.allocated_storage, &old.allocated_storage))
        .set_allow_major_version_upgrade(version.as_ref().and(wanted.allow_major_version_upgrade))
        .apply_immediately(wanted.apply_immediately.unwrap_or_default())
        .set_auto_minor_version_upgrade(new_choice(&wanted.auto_minor_version_upgrade, &old.auto_minor_version_upgrade))
        .set_backtrack_window(new_value(&wanted.backtrack_window, &old.backtrack_window))
        .set_backup_retention_period(new_value(&wanted.backup_retention_period, &old.backup_retention_period))
        .set_ca_certificate_identifier(new_choice(&wanted.ca_certificate_identifier, &old.ca_certificate_identifier))
        .db_cluster_identifier(&id.0)
        .set_copy_tags_to_snapshot(new_value(&wanted.copy_tags_to_snapshot, &old.copy_tags_to_snapshot))
        .set_database_insights_mode(mode.as_deref().map(Into::into))
        .set_db_cluster_instance_class(new_choice(&wanted.db_cluster_instance_class, &old.db_cluster_instance_class))
        .set_db_cluster_parameter_group_name(new_choice(
            &wanted.db_cluster_parameter_group_name,
            &old.db_cluster_parameter_group_name,
        ))
        .set_db_instance_parameter_group_name(version.as_ref().and(instance_group))
        .set_deletion_protection(new_value(&wanted.deletion_protection, &old.deletion_protection))
        .set_domain(domain)
        .set_domain_iam_role_name(new_choice(&wanted.domain_iam_role_name, &old.domain_iam_role_name))
        .set_enable_global_write_forwarding(forwarding)
        .set_enable_http_endpoint(data_api)
        .set_enable_local_write_forwarding(new_value(
            &wanted.enable_local_write_forwarding,
            &old.enable_local_write_forwarding,
        ))
        .set_cloudwatch_logs_export_configuration(logs(wanted, old))
        .set_engine_lifecycle_support(new_choice(&wanted.engine_lifecycle_support, &old.engine_lifecycle_support))
        .set_engine_version(version)
        .set_enable_iam_database_authentication(identity)
        .set_iops(new_choice(&wanted.iops, &old.iops))
        .set_manage_master_user_password(manage.or(secret_key.as_ref().map(|_| true)))
        .set_master_user_password(password)
        .set_master_user_secret_kms_key_id(secret_key)
        .set_monitoring_interval(new_choice(&wanted.monitoring_interval, &old.monitoring_interval))
        .set_monitoring_role_arn(new_choice(&wanted.monitoring_role_arn, &old.monitoring_role_arn))
        .set_network_type(new_choice(&wanted.network_type, &old.network_type))
        .set_enable_performance_insights(new_choice(
            &wanted.performance_insights_enabled,
            &old.performance_insights_enabled,
        ))
        .set_performance_insights_kms_key_id(insights_key)
        .set_performance_insights_retention_period(insights_days)
        .set_port(new_choice(&wanted.port, &old.port))
        .set_preferred_backup_window(new_choice(&wanted.preferred_backup_window, &old.preferred_backup_window))
        .set_preferred_maintenance_window(new_choice(
            &wanted.preferred_maintenance_window,
            &old.preferred_maintenance_window,
        ))
        .set_scaling_configuration(scaling.map(|s| s.sent()))
        .set_serverless_v2_scaling_configuration(scaling2.map(|s| s.sent()))
        .set_storage_type(new_choice(&wanted.storage_type, &old.storage_type))
        .set_vpc_security_group_ids(new_choice(&wanted.vpc_security_group_ids, &old.vpc_security_group_ids))
        .send()
        .await?;
    Ok(())
}

/// Logs to begin and to stop sending.
fn logs(wanted: &Cluster, old: &Cluster) -> Option<CloudwatchLogsExportConfiguration> {
    let (new, old) = (&wanted.enabled_cloudwatch_logs_exports, &old.enabled_cloudwatch_logs_exports);
    let more: Vec<String> = new.iter().filter(|l| !old.contains(l)).cloned().collect();
    let fewer: Vec<String> = old.iter().filter(|l| !new.contains(l)).cloned().collect();
    if more.is_empty() && fewer.is_empty() {
        return None;
    }
    let change = CloudwatchLogsExportConfiguration::builder().set_enable_log_types(Some(more));
    Some(change.set_disable_log_types(Some(fewer)).build())
}
