//! When a group has the instances that it is asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_autoscaling::types::{AutoScalingGroup, LifecycleState, ScalingActivityStatusCode};
use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;

use super::Group;
use crate::aws::prelude::*;
use crate::engine::duration::duration;

/// What is missing until as many instances are healthy as the group wants to have. That number is
/// what AWS shows, because policies may have moved it since the program gave one.
pub(super) async fn capacity(group: &Group, id: &Id, before: Option<&Group>, cx: &Cx) -> Result<Option<Await>> {
    let limit = duration(&group.wait_for_capacity_timeout).unwrap_or_default();
    let resized = before.is_none_or(|before| size(before) != size(group));
    if limit == Duration::ZERO || !resized {
        return Ok(None);
    }
    let reply = cx.autoscaling().describe_auto_scaling_groups().auto_scaling_group_names(&id.0).send().await?;
    let Some(live) = reply.auto_scaling_groups.into_iter().flatten().next() else { return Ok(None) };
    let word = match lacks_instances(&live)? {
        Some(word) => word,
        None => match lacks_targets(group, before, &live, cx).await? {
            Some(word) => word,
            None => return Ok(None),
        },
    };
    if !group.ignore_failed_scaling_activities {
        refuse_failures(id, cx).await?;
    }
    Ok(Some(Await { word, limit, limited_by: "waitForCapacityTimeout" }))
}

/// The inputs whose change makes a group wait again.
fn size(group: &Group) -> [Option<i32>; 4] {
    [group.desired_capacity, Some(group.min_size), Some(group.max_size), group.wait_for_elb_capacity]
}

/// Instances count with their weights, as the capacity does.
fn lacks_instances(live: &AutoScalingGroup) -> Result<Option<String>> {
    let wanted = need("DesiredCapacity", live.desired_capacity)?;
    let healthy = live.instances().iter().filter(|instance| {
        instance.lifecycle_state == Some(LifecycleState::InService)
            && instance.health_status.as_deref() == Some("Healthy")
    });
    let weight = |text: Option<&str>| text.and_then(|text| text.parse::<i32>().ok()).unwrap_or(1);
    let have: i32 = healthy.map(|instance| weight(instance.weighted_capacity.as_deref())).sum();
    Ok((have < wanted).then(|| format!("{have} of {wanted} instances are healthy")))
}

/// A new group may wait for fewer instances behind its load balancers than it has.
async fn lacks_targets(
    group: &Group,
    before: Option<&Group>,
    live: &AutoScalingGroup,
    cx: &Cx,
) -> Result<Option<String>> {
    let at_first = group.min_elb_capacity.filter(|_| before.is_none());
    let Some(wanted) = group.wait_for_elb_capacity.or(at_first) else { return Ok(None) };
    let sources = live.traffic_sources().iter().filter(|source| source.r#type.as_deref() == Some("elbv2"));
    let sources = sources.filter_map(|source| source.identifier.as_deref());
    let target_groups: BTreeSet<&str> = live.target_group_arns().iter().map(String::as_str).chain(sources).collect();
    let mut healthy: Option<BTreeSet<String>> = None;
    for arn in target_groups {
        let reply = cx.elb().describe_target_health().target_group_arn(arn).send().await?;
        let targets = reply.target_health_descriptions.into_iter().flatten().filter(|target| {
            target.target_health.as_ref().and_then(|h| h.state.as_ref()) == Some(&TargetHealthStateEnum::Healthy)
        });
        let here: BTreeSet<String> = targets.filter_map(|target| target.target?.id).collect();
        healthy = Some(healthy.map_or(here.clone(), |there| there.intersection(&here).cloned().collect()));
    }
    let have = healthy.unwrap_or_default().len();
    let enough = i32::try_from(have).is_ok_and(|have| have >= wanted);
    Ok((!enough).then(|| format!("{have} of {wanted} instances are healthy behind the load balancers")))
}

/// An instance that cannot be launched will not come by waiting.
async fn refuse_failures(id: &Id, cx: &Cx) -> Result<()> {
    let reply = cx.autoscaling().describe_scaling_activities().auto_scaling_group_name(&id.0).send().await?;
    let failed = reply.activities.into_iter().flatten().find(|activity| {
        activity.status_code == Some(ScalingActivityStatusCode::Failed)
            && activity.start_time.is_some_and(|start| start.secs() >= cx.begun())
    });
    match failed {
        Some(activity) => Err(Error::invalid(activity.status_message.or(activity.description).unwrap_or_default())
            .hint("mend what is launched, or set `ignoreFailedScalingActivities` to go on waiting")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::wire::{Reply, Wire, at, aws, ok};
    use crate::engine::provider::Provider;

    fn group(instances: &[(&str, &str)]) -> Reply {
        let instances: String = instances
            .iter()
            .map(|(id, state)| {
                format!(
                    "<member><InstanceId>{id}</InstanceId><LifecycleState>{state}</LifecycleState>\
                    <HealthStatus>Healthy</HealthStatus></member>"
                )
            })
            .collect();
        ok(format!(
            "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>\
            <AutoScalingGroupName>g</AutoScalingGroupName><DesiredCapacity>2</DesiredCapacity>\
            <TargetGroupARNs><member>arn:tg</member></TargetGroupARNs><Instances>{instances}</Instances></member>\
            </AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"
        ))
    }

    fn activities(status: &str, start: &str) -> Reply {
        ok(format!(
            "<DescribeScalingActivitiesResponse><DescribeScalingActivitiesResult><Activities><member>\
            <ActivityId>a</ActivityId><StatusCode>{status}</StatusCode><StartTime>{start}</StartTime>\
            <StatusMessage>no such image</StatusMessage></member></Activities></DescribeScalingActivitiesResult>\
            </DescribeScalingActivitiesResponse>"
        ))
    }

    fn health(id: &str) -> Reply {
        ok(format!(
            "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions><member>\
            <Target><Id>{id}</Id></Target><TargetHealth><State>healthy</State></TargetHealth></member>\
            </TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>"
        ))
    }

    const TWO: [(&str, &str); 2] = [("i-1", "InService"), ("i-2", "InService")];

    async fn asked(
        group: Reply,
        activities: Reply,
        inputs: Json,
        before: Option<Json>,
    ) -> (Result<Option<Await>>, Wire) {
        let (aws, wire) = aws(&[
            ("Action=DescribeAutoScalingGroups", group),
            ("Action=DescribeScalingActivities", activities),
            ("Action=DescribeTargetHealth", health("i-1")),
        ]);
        let mut all = json!({ "name": "g", "minSize": 2, "maxSize": 4 });
        let mut with = |inputs: Json| {
            all.as_object_mut().unwrap().extend(inputs.as_object().unwrap().clone());
            Value::from_json(all.clone())
        };
        let before = before.map(&mut with);
        let inputs = with(inputs);
        let left = aws.awaits(&at(Group::TYPE), &Id("g".into()), &inputs, before.as_ref()).await;
        (left, wire)
    }

    fn fine() -> Reply {
        activities("Successful", "2030-01-01T00:00:00Z")
    }

    #[tokio::test]
    async fn a_new_group_is_done_when_its_instances_are_in_service() {
        let one = group(&[("i-1", "InService"), ("i-2", "Pending")]);
        let (left, _) = asked(one, fine(), json!({}), None).await;
        let left = left.unwrap().unwrap();
        assert_eq!((left.word.as_str(), left.limit), ("1 of 2 instances are healthy", Duration::from_secs(600)));
        let (left, _) = asked(group(&TWO), fine(), json!({}), None).await;
        assert_eq!(left.unwrap(), None);
    }

    #[tokio::test]
    async fn instances_behind_a_load_balancer_count_as_healthy_when_it_says_so() {
        let (left, _) = asked(group(&TWO), fine(), json!({ "waitForElbCapacity": 2 }), None).await;
        assert_eq!(left.unwrap().unwrap().word, "1 of 2 instances are healthy behind the load balancers");
        let (left, _) = asked(group(&TWO), fine(), json!({ "minElbCapacity": 1 }), None).await;
        assert_eq!(left.unwrap(), None);
    }

    #[tokio::test]
    async fn only_another_size_makes_a_group_wait_again() {
        for (change, calls) in [(json!({ "maxSize": 5 }), 1), (json!({ "healthCheckGracePeriod": 5 }), 0)] {
            let (left, wire) = asked(group(&[]), fine(), change, Some(json!({}))).await;
            assert_eq!(left.unwrap().is_some(), calls == 1);
            assert_eq!(wire.requests("Action=DescribeAutoScalingGroups").len(), calls);
        }
        let (left, _) = asked(group(&[]), fine(), json!({ "waitForCapacityTimeout": "0" }), None).await;
        assert_eq!(left.unwrap(), None);
    }

    #[tokio::test]
    async fn an_instance_that_cannot_be_launched_ends_the_wait() {
        let failed = || activities("Failed", "2030-01-01T00:00:00Z");
        let (left, _) = asked(group(&[]), failed(), json!({}), None).await;
        assert_eq!(left.unwrap_err().message, "no such image");
        let (left, _) = asked(group(&[]), failed(), json!({ "ignoreFailedScalingActivities": true }), None).await;
        assert!(left.unwrap().is_some());
        let of_old = activities("Failed", "2020-01-01T00:00:00Z");
        let (left, _) = asked(group(&[]), of_old, json!({}), None).await;
        assert!(left.unwrap().is_some());
    }
}
