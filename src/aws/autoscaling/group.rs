use aws_sdk_autoscaling::types as sdk;

use super::group_capacity::capacity;
use super::group_change::{DUE, change, drain};
use super::group_parts::{
    GroupAvailabilityZoneDistribution, GroupCapacityReservationSpecification, GroupInitialLifecycleHook,
    GroupInstanceLifecyclePolicy, GroupInstanceMaintenancePolicy, GroupInstanceRefresh, GroupLaunchTemplate,
    GroupMixedInstancesPolicy, GroupTag, GroupTrafficSource, GroupWarmPool,
};
use crate::aws::mirror::{Field, Mirror};
use crate::aws::prelude::*;
use crate::engine::rules::{
    auto_name, computed, exactly_one, exclusive, forced, form, one_of, refers, replace, unordered, write_only,
};

/// A number of like instances that grows and shrinks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["launchConfiguration", "launchTemplate", "mixedInstancesPolicy"]))]
#[schemars(transform = exclusive(&["availabilityZones", "vpcZoneIdentifiers"]))]
#[schemars(transform = exclusive(&["loadBalancers", "minElbCapacity"]))]
#[schemars(transform = exclusive(&["loadBalancers", "trafficSources"]))]
#[schemars(transform = exclusive(&["loadBalancers", "waitForElbCapacity"]))]
#[schemars(transform = exclusive(&["targetGroupArns", "trafficSources"]))]
pub struct Group {
    /// How instances are spread over zones.
    #[schemars(transform = computed)]
    pub availability_zone_distribution: Option<GroupAvailabilityZoneDistribution>,
    /// Zones, in a default VPC.
    #[schemars(transform = computed, transform = unordered)]
    pub availability_zones: Option<Vec<String>>,
    /// Whether spot instances that AWS may take back soon are replaced before.
    #[serde(default)]
    pub capacity_rebalance: bool,
    /// Whether instances use reserved capacity.
    #[schemars(transform = computed)]
    pub capacity_reservation_specification: Option<GroupCapacityReservationSpecification>,
    /// Kept by AWS for later.
    pub context: Option<String>,
    /// Seconds between two changes by simple scaling.
    #[schemars(transform = computed)]
    pub default_cooldown: Option<i32>,
    /// Seconds until a new instance counts in metrics.
    #[schemars(range(min = 0))]
    pub default_instance_warmup: Option<i32>,
    /// Number of instances to begin with. Later scaling moves it, and only another value in the
    /// program sets it again.
    #[schemars(transform = computed, transform = write_only, range(min = 0))]
    pub desired_capacity: Option<i32>,
    /// Unit of the capacity.
    #[schemars(transform = computed, transform = one_of(&["memory-mib", "units", "vcpu"]))]
    pub desired_capacity_type: Option<String>,
    /// Metrics of the group, for example `GroupInServiceInstances`.
    #[schemars(transform = unordered)]
    pub enabled_metrics: Option<Vec<String>>,
    /// Whether deletion does not wait for the end of the instances.
    #[schemars(transform = write_only, transform = forced)]
    #[serde(default)]
    pub force_delete: bool,
    /// Whether deletion does not wait for the end of the warm instances.
    #[schemars(transform = write_only, transform = forced)]
    #[serde(default)]
    pub force_delete_warm_pool: bool,
    /// Seconds before the health of a new instance counts.
    #[schemars(range(min = 0))]
    #[serde(default = "five_minutes")]
    pub health_check_grace_period: i32,
    /// Who says whether instances are healthy: `EC2`, `ELB`, `EBS` or `VPC_LATTICE`.
    #[schemars(transform = computed)]
    pub health_check_type: Option<String>,
    /// Whether a wait for instances goes on after one of them could not be launched.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub ignore_failed_scaling_activities: bool,
    /// Pauses in the life of the first instances.
    #[schemars(transform = replace, transform = write_only, transform = unordered)]
    pub initial_lifecycle_hooks: Option<Vec<GroupInitialLifecycleHook>>,
    /// What becomes of instances whose end is not answered for.
    #[schemars(transform = computed)]
    pub instance_lifecycle_policy: Option<GroupInstanceLifecyclePolicy>,
    /// How many instances must be healthy while others are replaced.
    pub instance_maintenance_policy: Option<GroupInstanceMaintenancePolicy>,
    /// Replacement of instances when what is launched changes.
    #[schemars(transform = write_only)]
    pub instance_refresh: Option<GroupInstanceRefresh>,
    /// Launch configuration. Newer accounts cannot make any.
    pub launch_configuration: Option<String>,
    /// Launch template.
    pub launch_template: Option<GroupLaunchTemplate>,
    /// Classic load balancers, by their names.
    #[schemars(transform = computed, transform = unordered)]
    pub load_balancers: Option<Vec<String>>,
    /// Seconds after which an instance is replaced, at least a day.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub max_instance_lifetime: Option<i32>,
    /// Largest number of instances.
    #[schemars(range(min = 0))]
    pub max_size: i32,
    /// How often metrics come.
    #[schemars(transform = one_of(&["1Minute"]))]
    #[serde(default = "each_minute")]
    pub metrics_granularity: String,
    /// Number of instances that must be healthy in all target groups before a new group counts as
    /// made.
    #[schemars(transform = write_only, range(min = 0))]
    pub min_elb_capacity: Option<i32>,
    /// Smallest number of instances.
    #[schemars(range(min = 0))]
    pub min_size: i32,
    /// Instances of several types, bought in several ways.
    pub mixed_instances_policy: Option<GroupMixedInstancesPolicy>,
    /// Name of the group, unique in account and region.
    #[schemars(transform = replace, transform = auto_name(255), length(max = 255))]
    pub name: String,
    /// Placement group.
    pub placement_group: Option<String>,
    /// Whether new instances are not ended by scaling.
    #[serde(default)]
    pub protect_from_scale_in: bool,
    /// Role by which the group calls other services.
    #[schemars(transform = computed)]
    pub service_linked_role_arn: Option<String>,
    /// Processes that stand still, for example `AZRebalance`.
    #[schemars(transform = unordered)]
    pub suspended_processes: Option<Vec<String>>,
    /// Tags of the group.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub tags: Vec<GroupTag>,
    /// Target groups that instances join.
    #[schemars(transform = computed, transform = unordered, transform = refers("aws:lb/targetGroup:TargetGroup.arn"))]
    pub target_group_arns: Option<Vec<String>>,
    /// Which instance goes first, for example `OldestInstance`.
    #[schemars(transform = computed)]
    pub termination_policies: Option<Vec<String>>,
    /// Where traffic comes from.
    #[schemars(transform = computed, transform = unordered)]
    pub traffic_sources: Option<Vec<GroupTrafficSource>>,
    /// Subnets of the instances.
    #[schemars(transform = computed, transform = unordered, transform = refers("aws:ec2/subnet:Subnet.id"))]
    pub vpc_zone_identifiers: Option<Vec<String>>,
    /// How long a new group, or one of another size, may take until its instances are healthy, for
    /// example `15m`; `0` does not wait for them.
    #[schemars(transform = write_only)]
    #[schemars(transform = form(r"^(0|([0-9.]+(h|m|s|ms))+)$", "a duration such as `10m`"))]
    #[serde(default = "ten_minutes")]
    pub wait_for_capacity_timeout: String,
    /// Number of instances that must be healthy in all target groups before a new group, or one of
    /// another size, counts as done. It goes before `minElbCapacity`.
    #[schemars(transform = write_only, range(min = 0))]
    pub wait_for_elb_capacity: Option<i32>,
    /// Instances that are made ready before they are needed.
    pub warm_pool: Option<GroupWarmPool>,
}

fn each_minute() -> String {
    "1Minute".to_owned()
}

fn five_minutes() -> i32 {
    300
}

fn ten_minutes() -> String {
    "10m".to_owned()
}

/// What AWS decides about a group.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupOutputs {
    /// ARN of the group.
    pub arn: String,
    /// Capacity that predictive scaling expects.
    pub predicted_capacity: Option<i32>,
    /// Number of warm instances.
    pub warm_pool_size: Option<i32>,
}

impl Resource for Group {
    const TYPE: &'static str = "aws:autoscaling/group:Group";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(10, 10, 10).poll(5),
        takes: Takes::seconds(3, 3, 60),
        permissions: Permissions {
            create: &[
                "autoscaling:CreateAutoScalingGroup",
                "autoscaling:CreateOrUpdateTags",
                "ec2:CreateTags",
                "ec2:RunInstances",
                "iam:CreateServiceLinkedRole",
                "iam:PassRole",
            ],
            read: &[
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeScalingActivities",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
            update: &[
                "autoscaling:AttachLoadBalancerTargetGroups",
                "autoscaling:AttachLoadBalancers",
                "autoscaling:AttachTrafficSources",
                "autoscaling:CreateOrUpdateTags",
                "autoscaling:DeleteTags",
                "autoscaling:DeleteWarmPool",
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeInstanceRefreshes",
                "autoscaling:DetachLoadBalancerTargetGroups",
                "autoscaling:DetachLoadBalancers",
                "autoscaling:DetachTrafficSources",
                "autoscaling:DisableMetricsCollection",
                "autoscaling:EnableMetricsCollection",
                "autoscaling:PutWarmPool",
                "autoscaling:ResumeProcesses",
                "autoscaling:StartInstanceRefresh",
                "autoscaling:SuspendProcesses",
                "autoscaling:UpdateAutoScalingGroup",
                "ec2:CreateTags",
                "ec2:RunInstances",
                "iam:PassRole",
            ],
            delete: &[
                "autoscaling:DeleteAutoScalingGroup",
                "autoscaling:DeleteWarmPool",
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:UpdateAutoScalingGroup",
            ],
        },
        acts_on: &["autoscaling:{region}:*:autoScalingGroup:*:autoScalingGroupName/{name}"],
        passes_roles_to: &["autoscaling", "ec2"],
        import: "name of the group",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = GroupOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let ours = cx.tags(&Tags::new()).into_iter();
        let ours = ours.map(|(key, value)| GroupTag { key, propagate_at_launch: false, value });
        let tags: Vec<GroupTag> = self.tags.iter().cloned().chain(ours).collect();
        cx.autoscaling()
            .create_auto_scaling_group()
            .set_availability_zone_distribution(self.availability_zone_distribution.put()?)
            .set_availability_zones(self.availability_zones.clone())
            .capacity_rebalance(self.capacity_rebalance)
            .set_capacity_reservation_specification(self.capacity_reservation_specification.put()?)
            .set_context(self.context.clone())
            .set_default_cooldown(self.default_cooldown)
            .set_default_instance_warmup(self.default_instance_warmup)
            .set_desired_capacity(self.desired_capacity)
            .set_desired_capacity_type(self.desired_capacity_type.clone())
            .health_check_grace_period(self.health_check_grace_period)
            .set_health_check_type(self.health_check_type.clone())
            .set_lifecycle_hook_specification_list(self.initial_lifecycle_hooks.put()?)
            .set_instance_lifecycle_policy(self.instance_lifecycle_policy.put()?)
            .set_instance_maintenance_policy(self.instance_maintenance_policy.put()?)
            .set_launch_configuration_name(self.launch_configuration.clone())
            .set_launch_template(self.launch_template.put()?)
            .set_load_balancer_names(self.load_balancers.clone())
            .set_max_instance_lifetime(self.max_instance_lifetime)
            .max_size(self.max_size)
            .min_size(self.min_size)
            .set_mixed_instances_policy(self.mixed_instances_policy.put()?)
            .auto_scaling_group_name(&self.name)
            .set_placement_group(self.placement_group.clone())
            .new_instances_protected_from_scale_in(self.protect_from_scale_in)
            .set_service_linked_role_arn(self.service_linked_role_arn.clone())
            .set_tags(Some(self.sent_tags(&tags)?))
            .set_target_group_arns(self.target_group_arns.clone())
            .set_termination_policies(self.termination_policies.clone())
            .set_traffic_sources(self.traffic_sources.put()?)
            .set_vpc_zone_identifier(self.subnets())
            .send()
            .await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let names = ids.iter().map(|id| id.0.clone()).collect();
        let describe = cx.autoscaling().describe_auto_scaling_groups().set_auto_scaling_group_names(Some(names));
        let groups = describe.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
        in_order(ids, groups.into_iter().map(seen))
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        change(self, id, &live.inputs, cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        drain(self, id, cx).await
    }

    async fn awaits(&self, id: &Id, before: Option<&Self>, cx: &Cx) -> Result<Option<Await>> {
        capacity(self, id, before, cx).await
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let reply = cx.autoscaling().describe_auto_scaling_groups().auto_scaling_group_names(&self.name).send().await?;
        let mine = reply.auto_scaling_groups.into_iter().flatten().filter(|group| {
            let tags = group.tags.iter().flatten();
            tags.into_iter().any(|t| t.key.as_deref() == Some(tags::ATTEMPT) && t.value.as_deref() == Some(cx.token()))
        });
        mine.map(|group| Ok(Id(need("AutoScalingGroupName", group.auto_scaling_group_name)?))).collect()
    }
}

impl Group {
    /// AWS takes subnets as one text.
    pub(super) fn subnets(&self) -> Option<String> {
        self.vpc_zone_identifiers.as_ref().map(|subnets| subnets.join(","))
    }

    pub(super) fn sent_tags(&self, tags: &[GroupTag]) -> Result<Vec<sdk::Tag>> {
        let sent = tags.iter().map(|tag| {
            let mut sent: sdk::Tag = tag.send()?;
            sent.resource_id = Some(self.name.clone());
            sent.resource_type = Some("auto-scaling-group".to_owned());
            Ok(sent)
        });
        sent.collect()
    }
}

fn seen(g: sdk::AutoScalingGroup) -> Result<(String, Seen<Live<Group>>)> {
    let name = need("AutoScalingGroupName", g.auto_scaling_group_name)?;
    if let Some(status) = g.status {
        return Ok((name, Seen::Pending(status)));
    }
    if g.warm_pool_configuration.as_ref().is_some_and(|pool| pool.status == Some(sdk::WarmPoolStatus::PendingDelete)) {
        return Ok((name, Seen::Pending("deleting the warm pool".to_owned())));
    }
    let outputs = GroupOutputs {
        arn: need("AutoScalingGroupARN", g.auto_scaling_group_arn)?,
        predicted_capacity: g.predicted_capacity,
        warm_pool_size: g.warm_pool_size,
    };
    let metrics = g.enabled_metrics.unwrap_or_default();
    let granularity = metrics.first().and_then(|metric| metric.granularity.clone());
    let tags: Vec<GroupTag> = Field::take("Tags", g.tags)?;
    let is_due = tags.iter().any(|tag| tag.key == DUE);
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let subnets = g.vpc_zone_identifier.filter(|subnets| !subnets.is_empty());
    let maintenance: Option<GroupInstanceMaintenancePolicy> =
        Field::take("InstanceMaintenancePolicy", g.instance_maintenance_policy)?;
    let inputs = Group {
        availability_zone_distribution: Field::take("AvailabilityZoneDistribution", g.availability_zone_distribution)?,
        availability_zones: g.availability_zones,
        capacity_rebalance: g.capacity_rebalance.unwrap_or_default(),
        capacity_reservation_specification: Field::take(
            "CapacityReservationSpecification",
            g.capacity_reservation_specification,
        )?,
        context: g.context,
        default_cooldown: g.default_cooldown,
        default_instance_warmup: g.default_instance_warmup,
        desired_capacity: None,
        desired_capacity_type: g.desired_capacity_type,
        enabled_metrics: some(metrics.into_iter().filter_map(|metric| metric.metric).collect()),
        force_delete: false,
        force_delete_warm_pool: false,
        health_check_grace_period: g.health_check_grace_period.unwrap_or_default(),
        health_check_type: g.health_check_type,
        ignore_failed_scaling_activities: false,
        initial_lifecycle_hooks: None,
        instance_lifecycle_policy: Field::take("InstanceLifecyclePolicy", g.instance_lifecycle_policy)?,
        // Bounds that were taken away are shown as -1.
        instance_maintenance_policy: maintenance.filter(|policy| policy.min_healthy_percentage >= 0),
        instance_refresh: None,
        launch_configuration: g.launch_configuration_name.filter(|_| !is_due),
        launch_template: Field::take("LaunchTemplate", g.launch_template.filter(|_| !is_due))?,
        load_balancers: Some(g.load_balancer_names.unwrap_or_default()),
        max_instance_lifetime: g.max_instance_lifetime.filter(|seconds| *seconds > 0),
        max_size: need("MaxSize", g.max_size)?,
        metrics_granularity: granularity.unwrap_or_else(each_minute),
        min_elb_capacity: None,
        min_size: need("MinSize", g.min_size)?,
        mixed_instances_policy: Field::take("MixedInstancesPolicy", g.mixed_instances_policy.filter(|_| !is_due))?,
        name: name.clone(),
        placement_group: g.placement_group.filter(|group| !group.is_empty()),
        protect_from_scale_in: g.new_instances_protected_from_scale_in.unwrap_or_default(),
        service_linked_role_arn: g.service_linked_role_arn,
        suspended_processes: some(
            g.suspended_processes.into_iter().flatten().filter_map(|process| process.process_name).collect(),
        ),
        tags: tags.into_iter().filter(|tag| !tags::is_reserved(&tag.key)).collect(),
        target_group_arns: Some(g.target_group_arns.unwrap_or_default()),
        termination_policies: g.termination_policies,
        traffic_sources: Some(Field::take("TrafficSources", g.traffic_sources)?),
        vpc_zone_identifiers: subnets.map(|subnets| subnets.split(',').map(|s| s.trim().to_owned()).collect()),
        wait_for_capacity_timeout: ten_minutes(),
        wait_for_elb_capacity: None,
        warm_pool: g.warm_pool_configuration.map(warm_pool).transpose()?,
    };
    Ok((name, Seen::Ready(Live { inputs, outputs })))
}

/// AWS leaves out what was not set.
fn warm_pool(mut pool: sdk::WarmPoolConfiguration) -> Result<GroupWarmPool> {
    pool.max_group_prepared_capacity.get_or_insert(-1);
    pool.min_size.get_or_insert(0);
    pool.pool_state.get_or_insert(sdk::WarmPoolState::Stopped);
    GroupWarmPool::show(pool)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, Wire, at, aws, ok, read, reads_back};
    use crate::engine::error::Kind;
    use crate::engine::provider::{self, Provider};

    const LAUNCH: &str = "<LaunchTemplate><LaunchTemplateId>lt-1</LaunchTemplateId>\
        <LaunchTemplateName>web</LaunchTemplateName><Version>3</Version></LaunchTemplate>";

    fn group(inner: &str) -> Reply {
        ok(format!(
            "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>\
            <AutoScalingGroupName>g</AutoScalingGroupName><AutoScalingGroupARN>arn:g</AutoScalingGroupARN>\
            <MinSize>1</MinSize><MaxSize>9</MaxSize><DesiredCapacity>4</DesiredCapacity>\
            <HealthCheckGracePeriod>60</HealthCheckGracePeriod>{inner}</member></AutoScalingGroups>\
            </DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"
        ))
    }

    const ALL: &str = "<AvailabilityZoneDistribution><CapacityDistributionStrategy>balanced-only\
        </CapacityDistributionStrategy></AvailabilityZoneDistribution>\
        <AvailabilityZones><member>eu-west-1a</member></AvailabilityZones><CapacityRebalance>true</CapacityRebalance>\
        <CapacityReservationSpecification><CapacityReservationPreference>none</CapacityReservationPreference>\
        </CapacityReservationSpecification><Context>c</Context><DefaultCooldown>60</DefaultCooldown>\
        <DefaultInstanceWarmup>30</DefaultInstanceWarmup><DesiredCapacityType>units</DesiredCapacityType>\
        <EnabledMetrics><member><Metric>GroupMinSize</Metric><Granularity>1Minute</Granularity></member>\
        </EnabledMetrics><HealthCheckType>ELB</HealthCheckType>\
        <InstanceLifecyclePolicy><RetentionTriggers><TerminateHookAbandon>retain</TerminateHookAbandon>\
        </RetentionTriggers></InstanceLifecyclePolicy>\
        <InstanceMaintenancePolicy><MinHealthyPercentage>90</MinHealthyPercentage>\
        <MaxHealthyPercentage>120</MaxHealthyPercentage></InstanceMaintenancePolicy>\
        <LoadBalancerNames><member>classic</member></LoadBalancerNames>\
        <MaxInstanceLifetime>86400</MaxInstanceLifetime><PlacementGroup>pg</PlacementGroup>\
        <NewInstancesProtectedFromScaleIn>true</NewInstancesProtectedFromScaleIn>\
        <ServiceLinkedRoleARN>arn:r</ServiceLinkedRoleARN>\
        <SuspendedProcesses><member><ProcessName>AZRebalance</ProcessName></member></SuspendedProcesses>\
        <Tags><member><Key>a</Key><Value>b</Value><PropagateAtLaunch>true</PropagateAtLaunch></member>\
        <member><Key>drctl:owner</Key><Value>x</Value><PropagateAtLaunch>false</PropagateAtLaunch></member></Tags>\
        <TargetGroupARNs><member>arn:tg</member></TargetGroupARNs>\
        <TerminationPolicies><member>OldestInstance</member></TerminationPolicies>\
        <TrafficSources><member><Identifier>arn:tg</Identifier><Type>elbv2</Type></member></TrafficSources>\
        <VPCZoneIdentifier>subnet-1,subnet-2</VPCZoneIdentifier>\
        <WarmPoolConfiguration><MinSize>1</MinSize></WarmPoolConfiguration>";

    #[tokio::test]
    async fn read_gives_back_every_input_but_not_the_number_of_instances() {
        let inputs = json!({
            "availabilityZoneDistribution": { "capacityDistributionStrategy": "balanced-only" },
            "availabilityZones": ["eu-west-1a"],
            "capacityRebalance": true,
            "capacityReservationSpecification": { "capacityReservationPreference": "none" },
            "context": "c",
            "defaultCooldown": 60,
            "defaultInstanceWarmup": 30,
            "desiredCapacityType": "units",
            "enabledMetrics": ["GroupMinSize"],
            "forceDelete": false,
            "forceDeleteWarmPool": false,
            "healthCheckGracePeriod": 60,
            "healthCheckType": "ELB",
            "ignoreFailedScalingActivities": false,
            "instanceLifecyclePolicy": { "retentionTriggers": { "terminateHookAbandon": "retain" } },
            "instanceMaintenancePolicy": { "maxHealthyPercentage": 120, "minHealthyPercentage": 90 },
            "launchTemplate": { "id": "lt-1", "name": "web", "version": "3" },
            "loadBalancers": ["classic"],
            "maxInstanceLifetime": 86400,
            "maxSize": 9,
            "metricsGranularity": "1Minute",
            "minSize": 1,
            "name": "g",
            "placementGroup": "pg",
            "protectFromScaleIn": true,
            "serviceLinkedRoleArn": "arn:r",
            "suspendedProcesses": ["AZRebalance"],
            "tags": [{ "key": "a", "propagateAtLaunch": true, "value": "b" }],
            "targetGroupArns": ["arn:tg"],
            "terminationPolicies": ["OldestInstance"],
            "trafficSources": [{ "identifier": "arn:tg", "type": "elbv2" }],
            "vpcZoneIdentifiers": ["subnet-1", "subnet-2"],
            "waitForCapacityTimeout": "10m",
            "warmPool": { "maxGroupPreparedCapacity": -1, "minSize": 1, "poolState": "Stopped" },
        });
        let replies = [("Action=DescribeAutoScalingGroups", group(&format!("{ALL}{LAUNCH}")))];
        let others = ["launchConfiguration", "mixedInstancesPolicy"];
        reads_back(Group::TYPE, "g", &replies, &others, inputs).await;
    }

    fn replies(inner: &str) -> Vec<(&'static str, Reply)> {
        vec![
            ("Action=DescribeAutoScalingGroups", group(inner)),
            ("Action=UpdateAutoScalingGroup", ok("<UpdateAutoScalingGroupResponse/>")),
            ("Action=DeleteAutoScalingGroup", ok("<DeleteAutoScalingGroupResponse/>")),
            ("Action=StartInstanceRefresh", started()),
        ]
    }

    fn started() -> Reply {
        ok("<StartInstanceRefreshResponse><StartInstanceRefreshResult/></StartInstanceRefreshResponse>")
    }

    fn refreshes(newest: &str) -> [(&'static str, Reply); 3] {
        let refresh = format!("<member><InstanceRefreshId>{newest}</InstanceRefreshId></member>");
        let listed = format!("<InstanceRefreshes>{refresh}</InstanceRefreshes>");
        let result = format!("<DescribeInstanceRefreshesResult>{listed}</DescribeInstanceRefreshesResult>");
        [
            (
                "Action=DescribeInstanceRefreshes",
                ok(format!("<DescribeInstanceRefreshesResponse>{result}</DescribeInstanceRefreshesResponse>")),
            ),
            ("Action=CreateOrUpdateTags", ok("<CreateOrUpdateTagsResponse/>")),
            ("Action=DeleteTags", ok("<DeleteTagsResponse/>")),
        ]
    }

    async fn updated(wish: serde_json::Value) -> Wire {
        let (aws, wire) = aws(&[replies(LAUNCH), refreshes("r-1").into()].concat());
        let Seen::Ready(live) = read(&aws, Group::TYPE, "g").await.unwrap() else { panic!("not ready") };
        let mut wanted = live.inputs.to_json().unwrap();
        wanted.as_object_mut().unwrap().extend(wish.as_object().unwrap().clone());
        aws.update(&at(Group::TYPE), &Id("g".into()), &Value::from_json(wanted), &live).await.unwrap();
        wire
    }

    #[tokio::test]
    async fn scaling_is_not_undone_by_another_change() {
        let wire = updated(json!({ "maxSize": 12 })).await;
        let sent = wire.requests("Action=Update").remove(0);
        assert!(sent.contains("MaxSize=12") && !sent.contains("DesiredCapacity="), "{sent}");
        let wire = updated(json!({ "desiredCapacity": 3 })).await;
        assert!(wire.requests("Action=Update")[0].contains("DesiredCapacity=3"));
    }

    #[tokio::test]
    async fn instances_are_replaced_only_when_what_is_launched_changes() {
        let refresh = json!({ "strategy": "Rolling", "preferences": { "minHealthyPercentage": 50 } });
        let wire = updated(json!({ "maxSize": 12, "instanceRefresh": refresh })).await;
        assert!(wire.requests("Action=StartInstanceRefresh").is_empty());
        let newer = json!({ "id": "lt-1", "version": "4" });
        let wire = updated(json!({ "launchTemplate": newer, "instanceRefresh": refresh })).await;
        assert!(wire.requests("Action=StartInstanceRefresh")[0].contains("MinHealthyPercentage=50"));
        assert!(wire.requests("Action=CreateOrUpdateTags")[0].contains("Value=r-1"));
        let same = json!({ "id": "lt-1", "version": "3" });
        let wire = updated(json!({ "launchTemplate": same, "instanceRefresh": refresh })).await;
        assert!(wire.requests("Action=StartInstanceRefresh").is_empty());
    }

    const DUE_TAG: &str = "<Tags><member><Key>drctl:refresh-after</Key><Value>r-1</Value>\
        <PropagateAtLaunch>false</PropagateAtLaunch></member></Tags>";

    /// Brings a group, whose last update was interrupted, to what it launches already.
    async fn resumed(newest: &str, started: Reply) -> (Result<provider::Next>, Wire) {
        let mut replies = replies(&format!("{LAUNCH}{DUE_TAG}"));
        replies.retain(|(action, _)| *action != "Action=StartInstanceRefresh");
        replies.extend(refreshes(newest));
        replies.push(("Action=StartInstanceRefresh", started));
        let (aws, wire) = aws(&replies);
        let Seen::Ready(live) = read(&aws, Group::TYPE, "g").await.unwrap() else { panic!("not ready") };
        assert!(live.inputs.get("launchTemplate").is_none_or(Value::is_null), "it seems to be done");
        let wanted = json!({
            "name": "g", "minSize": 1, "maxSize": 9, "healthCheckGracePeriod": 60,
            "launchTemplate": { "id": "lt-1", "version": "3" }, "instanceRefresh": { "strategy": "Rolling" },
        });
        let next = aws.update(&at(Group::TYPE), &Id("g".into()), &Value::from_json(wanted), &live).await;
        (next, wire)
    }

    #[tokio::test]
    async fn a_replacement_of_instances_that_did_not_start_is_started_by_the_next_run() {
        let (next, wire) = resumed("r-1", started()).await;
        next.unwrap();
        assert_eq!(wire.requests("Action=StartInstanceRefresh").len(), 1);
        // What is due is remembered before anything changes, and forgotten last.
        assert!(wire.requests("Action=CreateOrUpdateTags").is_empty());
        assert!(wire.requests("").last().unwrap().contains("Action=DeleteTags"));
    }

    #[tokio::test]
    async fn a_replacement_of_instances_that_has_started_is_not_started_again() {
        let busy = || {
            let error = "<Error><Code>InstanceRefreshInProgress</Code><Message>one is in progress</Message></Error>";
            Reply::Says(400, format!("<ErrorResponse>{error}</ErrorResponse>"))
        };
        let (next, wire) = resumed("r-2", busy()).await;
        next.unwrap();
        assert_eq!(wire.requests("Action=DeleteTags").len(), 1);
        // An older one, on the contrary, has to end first.
        let (next, wire) = resumed("r-1", busy()).await;
        assert_eq!(next.unwrap_err().kind, Kind::Busy);
        assert!(wire.requests("Action=DeleteTags").is_empty());
    }

    async fn deleted(inner: &str, force: bool) -> (provider::Next, Wire) {
        let (aws, wire) = aws(&replies(inner));
        let applied = json!({ "name": "g", "minSize": 1, "maxSize": 9, "forceDelete": force });
        let next = aws.delete(&at(Group::TYPE), &Id("g".into()), &Value::from_json(applied), None).await.unwrap();
        (next, wire)
    }

    #[tokio::test]
    async fn a_group_ends_its_instances_before_it_goes() {
        let instance = "<Instances><member><InstanceId>i-1</InstanceId></member></Instances>";
        let (next, wire) = deleted(instance, false).await;
        assert!(matches!(next, provider::Next::More(_)));
        assert!(wire.requests("Action=UpdateAutoScalingGroup")[0].contains("MaxSize=0"));
        assert!(wire.requests("Action=DeleteAutoScalingGroup").is_empty());
        let (next, wire) = deleted("", false).await;
        assert!(matches!(next, provider::Next::Started));
        assert!(wire.requests("Action=DeleteAutoScalingGroup")[0].contains("ForceDelete=false"));
        let (_, wire) = deleted(instance, true).await;
        assert!(wire.requests("Action=DeleteAutoScalingGroup")[0].contains("ForceDelete=true"));
    }

    #[tokio::test]
    async fn a_group_that_is_being_deleted_is_still_there() {
        let (aws, _) = aws(&replies("<Status>Delete in progress</Status>"));
        let seen = read(&aws, Group::TYPE, "g").await.unwrap();
        assert_eq!(seen, Seen::Pending("Delete in progress".into()));
    }
}
