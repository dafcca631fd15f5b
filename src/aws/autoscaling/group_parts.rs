//! The nested objects of Auto Scaling groups.

use aws_sdk_autoscaling::types as sdk;

use crate::aws::ec2::instance_requirements::InstanceRequirements;
use crate::aws::mirror::{mirror, words};
use crate::engine::rules::{computed, exclusive, one_of, refers, unordered};

words!(
    sdk::CapacityDistributionStrategy,
    sdk::CapacityReservationPreference,
    sdk::RetentionAction,
    sdk::ScaleInProtectedInstances,
    sdk::StandbyInstances,
    sdk::WarmPoolState,
);

fn any() -> i32 {
    -1
}

fn ninety() -> i32 {
    90
}

fn stopped() -> String {
    "Stopped".to_owned()
}

mirror! {
    /// How instances are spread over zones.
    pub struct GroupAvailabilityZoneDistribution = sdk::AvailabilityZoneDistribution {
        /// What happens when a zone cannot launch instances.
        #[schemars(transform = computed)]
        #[schemars(transform = one_of(&["balanced-best-effort", "balanced-only", "reservations-then-balanced"]))]
        pub capacity_distribution_strategy: Option<String>,
    }

    /// Whether instances use reserved capacity.
    pub struct GroupCapacityReservationSpecification = sdk::CapacityReservationSpecification {
        /// Which reservations instances may use.
        #[schemars(transform = computed)]
        #[schemars(transform = one_of(&["capacity-reservations-first", "capacity-reservations-only", "default", "none"]))]
        pub capacity_reservation_preference: Option<String>,
        /// Reservations that instances use.
        pub capacity_reservation_target: Option<GroupCapacityReservationTarget>,
    }

    /// Reservations of capacity.
    pub struct GroupCapacityReservationTarget = sdk::CapacityReservationTarget {
        /// Reservations.
        #[schemars(transform = unordered)]
        pub capacity_reservation_ids: Option<Vec<String>>,
        /// Groups of reservations.
        #[schemars(transform = unordered)]
        pub capacity_reservation_resource_group_arns: Option<Vec<String>>,
    }

    /// A pause in the life of an instance.
    pub struct GroupInitialLifecycleHook = sdk::LifecycleHookSpecification {
        /// What happens when nobody answers in time.
        #[schemars(transform = computed, transform = one_of(&["ABANDON", "CONTINUE"]))]
        pub default_result: Option<String>,
        /// Seconds that an answer may take.
        #[schemars(range(min = 30, max = 7200))]
        pub heartbeat_timeout: Option<i32>,
        /// Name of the hook.
        #[serde(rename = "name")]
        pub lifecycle_hook_name: String,
        /// When the instance pauses.
        #[schemars(transform = one_of(&["autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"]))]
        pub lifecycle_transition: String,
        /// Text for whoever is told.
        pub notification_metadata: Option<String>,
        /// Queue or topic that is told.
        pub notification_target_arn: Option<String>,
        /// Role that tells.
        #[schemars(transform = refers("aws:iam/role:Role.arn"))]
        pub role_arn: Option<String>,
    }

    /// What becomes of instances whose end is not answered for.
    pub struct GroupInstanceLifecyclePolicy = sdk::InstanceLifecyclePolicy {
        /// When instances are kept.
        pub retention_triggers: Option<GroupRetentionTriggers>,
    }

    /// When instances are kept.
    pub struct GroupRetentionTriggers = sdk::RetentionTriggers {
        /// What happens when a hook abandons the end of an instance.
        #[schemars(transform = one_of(&["retain", "terminate"]))]
        pub terminate_hook_abandon: Option<String>,
    }

    /// How many instances must be healthy while others are replaced, in percent of the capacity.
    pub struct GroupInstanceMaintenancePolicy = sdk::InstanceMaintenancePolicy {
        /// At most, 100 to 200; -1 for no bound.
        #[schemars(range(min = -1, max = 200))]
        pub max_healthy_percentage: i32,
        /// At least, 0 to 100; -1 for no bound.
        #[schemars(range(min = -1, max = 100))]
        pub min_healthy_percentage: i32,
    }

    /// How instances are replaced.
    pub struct GroupInstanceRefreshPreferences = sdk::RefreshPreferences {
        /// Alarms that stop it.
        pub alarm_specification: Option<GroupAlarmSpecification>,
        /// Whether a failure brings the old instances back.
        #[serde(default)]
        pub auto_rollback: bool,
        /// Seconds of a pause.
        pub checkpoint_delay: Option<String>,
        /// Shares in percent at which it pauses.
        pub checkpoint_percentages: Option<Vec<i32>>,
        /// Seconds until a new instance counts.
        pub instance_warmup: Option<String>,
        /// Most healthy instances, in percent of the capacity.
        #[schemars(range(min = 100, max = 200))]
        pub max_healthy_percentage: Option<i32>,
        /// Least healthy instances, in percent of the capacity.
        #[schemars(range(min = 0, max = 100))]
        #[serde(default = "ninety")]
        pub min_healthy_percentage: i32,
        /// What happens to instances that are protected.
        #[schemars(transform = one_of(&["Ignore", "Refresh", "Wait"]))]
        pub scale_in_protected_instances: Option<String>,
        /// Whether instances that fit already stay.
        #[serde(default)]
        pub skip_matching: bool,
        /// What happens to instances that stand by.
        #[schemars(transform = one_of(&["Ignore", "Terminate", "Wait"]))]
        pub standby_instances: Option<String>,
    }

    /// Alarms that stop the replacement of instances.
    pub struct GroupAlarmSpecification = sdk::AlarmSpecification {
        /// Names of the alarms.
        pub alarms: Option<Vec<String>>,
    }

    /// A launch template, by its id or its name.
    #[schemars(transform = exclusive(&["id", "name"]))]
    pub struct GroupLaunchTemplate = sdk::LaunchTemplateSpecification {
        /// Id.
        #[serde(rename = "id")]
        #[schemars(transform = computed, transform = refers("aws:ec2/launchTemplate:LaunchTemplate.id"))]
        pub launch_template_id: Option<String>,
        /// Name.
        #[serde(rename = "name")]
        #[schemars(transform = computed, transform = refers("aws:ec2/launchTemplate:LaunchTemplate.name"))]
        pub launch_template_name: Option<String>,
        /// Version: a number, `$Latest` or `$Default`.
        #[schemars(transform = computed, length(min = 1, max = 255))]
        pub version: Option<String>,
    }

    /// Instances of several types, bought in several ways.
    pub struct GroupMixedInstancesPolicy = sdk::MixedInstancesPolicy {
        /// How instances are bought.
        #[schemars(transform = computed)]
        pub instances_distribution: Option<GroupInstancesDistribution>,
        /// What is launched.
        pub launch_template: GroupMixedLaunchTemplate,
    }

    /// How instances are bought.
    pub struct GroupInstancesDistribution = sdk::InstancesDistribution {
        /// How types are chosen for on-demand instances.
        #[schemars(transform = computed, transform = one_of(&["lowest-price", "prioritized"]))]
        pub on_demand_allocation_strategy: Option<String>,
        /// Least number of on-demand instances.
        #[schemars(transform = computed, range(min = 0))]
        pub on_demand_base_capacity: Option<i32>,
        /// Share of on-demand instances above that number, in percent.
        #[schemars(transform = computed, range(min = 0, max = 100))]
        pub on_demand_percentage_above_base_capacity: Option<i32>,
        /// How types are chosen for spot instances.
        #[schemars(transform = computed)]
        #[schemars(transform = one_of(&["capacity-optimized", "capacity-optimized-prioritized", "lowest-price", "price-capacity-optimized"]))]
        pub spot_allocation_strategy: Option<String>,
        /// Number of spot pools for `lowest-price`.
        #[schemars(transform = computed, range(min = 0))]
        pub spot_instance_pools: Option<i32>,
        /// Highest spot price.
        pub spot_max_price: Option<String>,
    }

    /// What is launched.
    pub struct GroupMixedLaunchTemplate = sdk::LaunchTemplate {
        /// Launch template.
        pub launch_template_specification: GroupLaunchTemplateSpecification,
        /// Types in place of that of the template.
        pub overrides: Option<Vec<GroupLaunchTemplateOverride>>,
    }

    /// A launch template, by its id or its name.
    #[schemars(transform = exclusive(&["launchTemplateId", "launchTemplateName"]))]
    pub struct GroupLaunchTemplateSpecification = sdk::LaunchTemplateSpecification {
        /// Id.
        #[schemars(transform = computed, transform = refers("aws:ec2/launchTemplate:LaunchTemplate.id"))]
        pub launch_template_id: Option<String>,
        /// Name.
        #[schemars(transform = computed, transform = refers("aws:ec2/launchTemplate:LaunchTemplate.name"))]
        pub launch_template_name: Option<String>,
        /// Version: a number, `$Latest` or `$Default`.
        #[schemars(transform = computed)]
        pub version: Option<String>,
    }

    /// A type in place of that of the template.
    pub struct GroupLaunchTemplateOverride = sdk::LaunchTemplateOverrides {
        /// What instance types must have.
        pub instance_requirements: Option<InstanceRequirements>,
        /// Type.
        pub instance_type: Option<String>,
        /// Launch template for this type.
        pub launch_template_specification: Option<GroupLaunchTemplateSpecification>,
        /// Capacity units of an instance.
        pub weighted_capacity: Option<String>,
    }

    /// Where traffic comes from.
    pub struct GroupTrafficSource = sdk::TrafficSourceIdentifier {
        /// ARN of a target group, or name of a classic load balancer.
        #[schemars(length(min = 1, max = 2048))]
        pub identifier: String,
        /// Kind of the source: `elb`, `elbv2` or `vpc-lattice`.
        #[schemars(transform = computed, length(min = 1, max = 2048))]
        pub r#type: Option<String>,
    }

    /// What happens to instances that are not needed any more.
    pub struct GroupInstanceReusePolicy = sdk::InstanceReusePolicy {
        /// Whether they return to the warm pool.
        #[serde(default)]
        pub reuse_on_scale_in: bool,
    }

    /// Instances that are made ready before they are needed.
    pub struct GroupWarmPool = sdk::WarmPoolConfiguration {
        /// What happens to instances that are not needed any more.
        #[schemars(transform = computed)]
        pub instance_reuse_policy: Option<GroupInstanceReusePolicy>,
        /// Most instances, running and warm; -1 for the largest size of the group.
        #[schemars(range(min = -1))]
        #[serde(default = "any")]
        pub max_group_prepared_capacity: i32,
        /// Least number of warm instances.
        #[schemars(range(min = 0))]
        #[serde(default)]
        pub min_size: i32,
        /// State of warm instances.
        #[schemars(transform = one_of(&["Hibernated", "Running", "Stopped"]))]
        #[serde(default = "stopped")]
        pub pool_state: String,
    }

    /// A tag of the group.
    pub struct GroupTag = sdk::Tag | sdk::TagDescription {
        /// Key.
        pub key: String,
        /// Whether new instances get the tag.
        pub propagate_at_launch: bool,
        /// Value.
        pub value: String,
    }
}

/// The replacement of instances when the group changes.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupInstanceRefresh {
    /// How instances are replaced.
    pub preferences: Option<GroupInstanceRefreshPreferences>,
    /// Way of replacement.
    #[schemars(transform = one_of(&["ReplaceRootVolume", "Rolling"]))]
    pub strategy: String,
    /// Inputs whose change starts a replacement, beside what is launched: for example `tag`.
    #[schemars(transform = unordered)]
    pub triggers: Option<Vec<String>>,
}
