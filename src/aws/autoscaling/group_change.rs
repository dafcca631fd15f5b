//! The calls that change and end an Auto Scaling group.

use aws_sdk_autoscaling::types::{AutoScalingGroup, InstanceMaintenancePolicy, RefreshStrategy, Tag};
use serde_json::Value as Json;

use super::Group;
use super::group_parts::GroupInstanceRefresh;
use crate::aws::mirror::{Field, Mirror};
use crate::aws::prelude::*;

/// The tag of a group whose instances are about to be replaced; its value is the last replacement before.
/// It is set before what is launched changes and goes once the replacement has started. A group that has
/// it shows nothing that it launches, so that a run that ends in between does not seem to be done.
pub(super) const DUE: &str = "drctl:refresh-after";

/// Turns a group into what is wanted.
pub(super) async fn change(new: &Group, id: &Id, old: &Group, cx: &Cx) -> Result<()> {
    let refresh = match &new.instance_refresh {
        Some(refresh) if starts(refresh, new, old)? => Some(refresh),
        _ => None,
    };
    let is_due = launches_nothing(old);
    if refresh.is_some() && !is_due {
        let before = newest_refresh(id, cx).await?;
        cx.autoscaling().create_or_update_tags().tags(due(id, &before)).send().await?;
    }
    change_group(new, id, old, cx).await?;
    change_metrics(new, id, old, cx).await?;
    change_processes(new, id, old, cx).await?;
    change_sources(new, id, old, cx).await?;
    change_tags(new, old, cx).await?;
    change_warm_pool(new, id, old, cx).await?;
    if let Some(refresh) = refresh {
        start(refresh, id, cx).await?;
    }
    if refresh.is_some() || is_due {
        cx.autoscaling().delete_tags().tags(due(id, "")).send().await?;
    }
    Ok(())
}

fn launches_nothing(group: &Group) -> bool {
    group.launch_configuration.is_none() && group.launch_template.is_none() && group.mixed_instances_policy.is_none()
}

fn due(id: &Id, before: &str) -> Tag {
    let tag = Tag::builder().resource_id(&id.0).resource_type("auto-scaling-group").key(DUE);
    tag.set_value((!before.is_empty()).then(|| before.to_owned())).propagate_at_launch(false).build()
}

/// The id of the newest replacement of instances, running or not.
async fn newest_refresh(id: &Id, cx: &Cx) -> Result<String> {
    let newest = cx.autoscaling().describe_instance_refreshes().auto_scaling_group_name(&id.0).max_records(1);
    let newest = newest.send().await?.instance_refreshes.into_iter().flatten().next();
    Ok(newest.and_then(|refresh| refresh.instance_refresh_id).unwrap_or_else(|| "none".to_owned()))
}

/// One call changes what belongs to the group itself. What is taken back has a value of its own.
async fn change_group(new: &Group, id: &Id, old: &Group, cx: &Cx) -> Result<()> {
    let taken_back = |now: bool, before: bool, value| (!now && before).then_some(value);
    let warmup = new.default_instance_warmup;
    let warmup = warmup.or(taken_back(warmup.is_some(), old.default_instance_warmup.is_some(), -1));
    let lifetime = new.max_instance_lifetime;
    let lifetime = lifetime.or(taken_back(lifetime.is_some(), old.max_instance_lifetime.is_some(), 0));
    let unbound = || InstanceMaintenancePolicy::builder().min_healthy_percentage(-1).max_healthy_percentage(-1).build();
    let maintenance = new.instance_maintenance_policy.put()?;
    let maintenance = maintenance.or_else(|| old.instance_maintenance_policy.as_ref().map(|_| unbound()));
    let placement = new.placement_group.clone();
    let placement = placement.or_else(|| old.placement_group.as_ref().map(|_| String::new()));
    cx.autoscaling()
        .update_auto_scaling_group()
        .set_availability_zone_distribution(new.availability_zone_distribution.put()?)
        .set_availability_zones(new.availability_zones.clone())
        .capacity_rebalance(new.capacity_rebalance)
        .set_capacity_reservation_specification(new.capacity_reservation_specification.put()?)
        .set_context(new.context.clone())
        .set_default_cooldown(new.default_cooldown)
        .set_default_instance_warmup(warmup)
        .set_desired_capacity(changed(&new.desired_capacity, &old.desired_capacity).copied())
        .set_desired_capacity_type(new.desired_capacity_type.clone())
        .health_check_grace_period(new.health_check_grace_period)
        .set_health_check_type(new.health_check_type.clone())
        .set_instance_lifecycle_policy(new.instance_lifecycle_policy.put()?)
        .set_instance_maintenance_policy(maintenance)
        .set_launch_configuration_name(new.launch_configuration.clone())
        .set_launch_template(new.launch_template.put()?)
        .set_max_instance_lifetime(lifetime)
        .max_size(new.max_size)
        .min_size(new.min_size)
        .set_mixed_instances_policy(new.mixed_instances_policy.put()?)
        .auto_scaling_group_name(&id.0)
        .set_placement_group(placement)
        .new_instances_protected_from_scale_in(new.protect_from_scale_in)
        .set_service_linked_role_arn(new.service_linked_role_arn.clone())
        .set_termination_policies(new.termination_policies.clone())
        .set_vpc_zone_identifier(new.subnets())
        .send()
        .await?;
    Ok(())
}

/// What a list gained and what it lost.
fn difference<T: Clone + PartialEq>(new: &Option<Vec<T>>, old: &Option<Vec<T>>) -> (Vec<T>, Vec<T>) {
    let (new, old) = (new.as_deref().unwrap_or_default(), old.as_deref().unwrap_or_default());
    let owned = |items: Vec<&T>| items.into_iter().cloned().collect();
    (owned(only_in(new, old)), owned(only_in(old, new)))
}

async fn change_metrics(new: &Group, id: &Id, old: &Group, cx: &Cx) -> Result<()> {
    let (more, gone) = difference(&new.enabled_metrics, &old.enabled_metrics);
    if !gone.is_empty() {
        let disable = cx.autoscaling().disable_metrics_collection().auto_scaling_group_name(&id.0);
        disable.set_metrics(Some(gone)).send().await?;
    }
    if !more.is_empty() {
        let enable = cx.autoscaling().enable_metrics_collection().auto_scaling_group_name(&id.0);
        enable.granularity(&new.metrics_granularity).set_metrics(Some(more)).send().await?;
    }
    Ok(())
}

async fn change_processes(new: &Group, id: &Id, old: &Group, cx: &Cx) -> Result<()> {
    let (more, gone) = difference(&new.suspended_processes, &old.suspended_processes);
    if !gone.is_empty() {
        let resume = cx.autoscaling().resume_processes().auto_scaling_group_name(&id.0);
        resume.set_scaling_processes(Some(gone)).send().await?;
    }
    if !more.is_empty() {
        let suspend = cx.autoscaling().suspend_processes().auto_scaling_group_name(&id.0);
        suspend.set_scaling_processes(Some(more)).send().await?;
    }
    Ok(())
}

/// New sources come before old ones go, so that instances are never without traffic.
async fn change_sources(new: &Group, id: &Id, old: &Group, cx: &Cx) -> Result<()> {
    let scaling = cx.autoscaling();
    if new.target_group_arns.is_some() {
        let (more, gone) = difference(&new.target_group_arns, &old.target_group_arns);
        if !more.is_empty() {
            let attach = scaling.attach_load_balancer_target_groups().auto_scaling_group_name(&id.0);
            attach.set_target_group_arns(Some(more)).send().await?;
        }
        if !gone.is_empty() {
            let detach = scaling.detach_load_balancer_target_groups().auto_scaling_group_name(&id.0);
            detach.set_target_group_arns(Some(gone)).send().await?;
        }
    }
    if new.load_balancers.is_some() {
        let (more, gone) = difference(&new.load_balancers, &old.load_balancers);
        if !more.is_empty() {
            let attach = scaling.attach_load_balancers().auto_scaling_group_name(&id.0);
            attach.set_load_balancer_names(Some(more)).send().await?;
        }
        if !gone.is_empty() {
            let detach = scaling.detach_load_balancers().auto_scaling_group_name(&id.0);
            detach.set_load_balancer_names(Some(gone)).send().await?;
        }
    }
    if let Some(wanted) = &new.traffic_sources {
        let had = old.traffic_sources.as_deref().unwrap_or_default();
        let lacks = |of: &[_], one: &super::group_parts::GroupTrafficSource| {
            !of.iter().any(|other: &super::group_parts::GroupTrafficSource| other.identifier == one.identifier)
        };
        let more: Vec<_> = wanted.iter().filter(|one| lacks(had, one)).cloned().collect();
        let gone: Vec<_> = had.iter().filter(|one| lacks(wanted, one)).cloned().collect();
        if !more.is_empty() {
            let attach = scaling.attach_traffic_sources().auto_scaling_group_name(&id.0);
            attach.set_traffic_sources(Some(more.send()?)).send().await?;
        }
        if !gone.is_empty() {
            let detach = scaling.detach_traffic_sources().auto_scaling_group_name(&id.0);
            detach.set_traffic_sources(Some(gone.send()?)).send().await?;
        }
    }
    Ok(())
}

async fn change_tags(new: &Group, old: &Group, cx: &Cx) -> Result<()> {
    let more: Vec<_> = only_in(&new.tags, &old.tags).into_iter().cloned().collect();
    let gone = old.tags.iter().filter(|had| !new.tags.iter().any(|tag| tag.key == had.key));
    let gone: Vec<_> = gone.cloned().collect();
    if !more.is_empty() {
        cx.autoscaling().create_or_update_tags().set_tags(Some(new.sent_tags(&more)?)).send().await?;
    }
    if !gone.is_empty() {
        cx.autoscaling().delete_tags().set_tags(Some(new.sent_tags(&gone)?)).send().await?;
    }
    Ok(())
}

async fn change_warm_pool(new: &Group, id: &Id, old: &Group, cx: &Cx) -> Result<()> {
    match &new.warm_pool {
        Some(pool) if old.warm_pool.as_ref() != Some(pool) => {
            cx.autoscaling()
                .put_warm_pool()
                .auto_scaling_group_name(&id.0)
                .set_instance_reuse_policy(pool.instance_reuse_policy.put()?)
                .max_group_prepared_capacity(pool.max_group_prepared_capacity)
                .min_size(pool.min_size)
                .pool_state(pool.pool_state.as_str().into())
                .send()
                .await?;
        }
        None if old.warm_pool.is_some() => {
            let delete = cx.autoscaling().delete_warm_pool().auto_scaling_group_name(&id.0);
            delete.force_delete(new.force_delete_warm_pool).send().await?;
        }
        _ => {}
    }
    Ok(())
}

/// Whether the change is one for which instances are replaced.
fn starts(refresh: &GroupInstanceRefresh, new: &Group, old: &Group) -> Result<bool> {
    let json = |group: &Group| serde_json::to_value(group).map_err(|e| Error::bug(e.to_string()));
    let (new, old) = (json(new)?, json(old)?);
    let launched = ["launchConfiguration", "launchTemplate", "mixedInstancesPolicy"];
    let triggers = refresh.triggers.iter().flatten().map(|name| if name == "tag" { "tags" } else { name.as_str() });
    Ok(launched.into_iter().chain(triggers).any(|name| !holds(&old[name], &new[name])))
}

/// Whether the live value is all that is wanted, beside what AWS adds.
fn holds(live: &Json, wanted: &Json) -> bool {
    match (live, wanted) {
        (_, Json::Null) => true,
        (Json::Object(live), Json::Object(wanted)) => {
            wanted.iter().all(|(key, value)| holds(live.get(key).unwrap_or(&Json::Null), value))
        }
        (Json::Array(live), Json::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| holds(live, wanted))
        }
        (live, wanted) => live == wanted,
    }
}

async fn start(refresh: &GroupInstanceRefresh, id: &Id, cx: &Cx) -> Result<()> {
    let start = cx.autoscaling().start_instance_refresh().auto_scaling_group_name(&id.0);
    let strategy = RefreshStrategy::from(refresh.strategy.as_str());
    let started = start.set_preferences(refresh.preferences.put()?).strategy(strategy).send().await;
    match started.map_err(Error::from) {
        Err(e) if e.code.as_deref() == Some("InstanceRefreshInProgress") && is_ours(id, cx).await? => Ok(()),
        started => started.map(drop),
    }
}

/// Whether the running replacement is the one that is due, started by a call without an answer.
async fn is_ours(id: &Id, cx: &Cx) -> Result<bool> {
    let groups = cx.autoscaling().describe_auto_scaling_groups().auto_scaling_group_names(&id.0).send().await?;
    let tags = groups.auto_scaling_groups.into_iter().flatten().filter_map(|group| group.tags).flatten();
    match tags.into_iter().find(|tag| tag.key.as_deref() == Some(DUE)).and_then(|tag| tag.value) {
        Some(before) => Ok(newest_refresh(id, cx).await? != before),
        None => Ok(false),
    }
}

/// Ends the instances, then the group. A forced deletion leaves the instances to AWS.
pub(super) async fn drain(group: &Group, id: &Id, cx: &Cx) -> Result<Next<Group>> {
    let scaling = cx.autoscaling();
    if !group.force_delete {
        let reply = scaling.describe_auto_scaling_groups().auto_scaling_group_names(&id.0).send().await?;
        let Some(live) = reply.auto_scaling_groups.into_iter().flatten().next() else { return Ok(Next::Gone) };
        if live.warm_pool_configuration.as_ref().is_some_and(|pool| pool.status.is_none()) {
            let delete = scaling.delete_warm_pool().auto_scaling_group_name(&id.0);
            delete.force_delete(group.force_delete_warm_pool).send().await.or_none()?;
            return Ok(Next::More("ending warm instances"));
        }
        if holds_instances(&live) {
            if live.max_size == Some(0) {
                return Ok(Next::Waits("its instances end".to_owned()));
            }
            let shrink = scaling.update_auto_scaling_group().auto_scaling_group_name(&id.0);
            shrink.min_size(0).max_size(0).desired_capacity(0).send().await.or_none()?;
            return Ok(Next::More("ending instances"));
        }
    }
    let delete = scaling.delete_auto_scaling_group().auto_scaling_group_name(&id.0);
    match delete.force_delete(group.force_delete).send().await.or_none()? {
        Some(_) => Ok(Next::Started),
        None => Ok(Next::Gone),
    }
}

fn holds_instances(group: &AutoScalingGroup) -> bool {
    group.instances.as_ref().is_some_and(|instances| !instances.is_empty())
}
