//! Scaling that keeps a metric at a value, and scaling in steps.

use aws_sdk_applicationautoscaling::types as sdk;

use super::firm::firm;
use crate::aws::mirror::{mirror, words};
use crate::engine::rules::{computed, exclusive, form, one_of, unordered};

words!(sdk::AdjustmentType, sdk::MetricAggregationType, sdk::MetricStatistic, sdk::MetricType);

pub(super) const NUMBER: &str = r"^-?\d+(\.\d+)?$";

mirror! {
    /// Scaling in steps, by how far a metric is beyond the threshold of an alarm.
    pub struct StepScaling = sdk::StepScalingPolicyConfiguration {
        /// What an adjustment is.
        #[schemars(transform = one_of(&["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"]))]
        pub adjustment_type: Option<String>,
        /// Seconds until the next change.
        #[schemars(transform = computed, range(min = 0))]
        pub cooldown: Option<i32>,
        /// How values of the metric become one.
        #[schemars(transform = computed, transform = one_of(&["Average", "Maximum", "Minimum"]))]
        pub metric_aggregation_type: Option<String>,
        /// Least change, where the adjustment is a percentage.
        pub min_adjustment_magnitude: Option<i32>,
        /// The steps.
        #[schemars(transform = unordered)]
        pub step_adjustments: Option<Vec<Step>>,
    }

    /// A metric of one's own.
    #[schemars(transform = exclusive(&["dimensions", "metrics"]))]
    #[schemars(transform = exclusive(&["metricName", "metrics"]))]
    #[schemars(transform = exclusive(&["metrics", "namespace"]))]
    #[schemars(transform = exclusive(&["metrics", "statistic"]))]
    #[schemars(transform = exclusive(&["metrics", "unit"]))]
    pub struct TrackedMetric = sdk::CustomizedMetricSpecification {
        /// Dimensions.
        #[schemars(transform = unordered)]
        pub dimensions: Option<Vec<Dimension>>,
        /// Name.
        pub metric_name: Option<String>,
        /// Metrics and expressions, of which one gives the value.
        #[schemars(transform = unordered)]
        pub metrics: Option<Vec<TrackedQuery>>,
        /// Namespace.
        pub namespace: Option<String>,
        /// How values become one.
        #[schemars(transform = one_of(&["Average", "Maximum", "Minimum", "SampleCount", "Sum"]))]
        pub statistic: Option<String>,
        /// Unit.
        pub unit: Option<String>,
    }

    /// A metric in an expression.
    pub struct Metric = sdk::TargetTrackingMetric | sdk::PredictiveScalingMetric {
        /// Dimensions.
        #[schemars(transform = unordered)]
        pub dimensions: Option<Vec<Dimension>>,
        /// Name.
        pub metric_name: Option<String>,
        /// Namespace.
        pub namespace: Option<String>,
    }
}

firm! {
    /// A step.
    pub struct Step = sdk::StepAdjustment {
        must {
            /// How much comes, or goes if negative.
            pub scaling_adjustment by set_scaling_adjustment: i32,
        }
        may {
            /// Lower end of the step, as a distance from the threshold. The lowest step has none.
            #[schemars(transform = form(NUMBER, "a number"))]
            pub metric_interval_lower_bound by set_metric_interval_lower_bound: Option<String>,
            /// Upper end of the step. The highest step has none.
            #[schemars(transform = form(NUMBER, "a number"))]
            pub metric_interval_upper_bound by set_metric_interval_upper_bound: Option<String>,
        }
    }

    /// Scaling that keeps a metric at a value.
    #[schemars(transform = exclusive(&["customizedMetricSpecification", "predefinedMetricSpecification"]))]
    pub struct TargetTracking = sdk::TargetTrackingScalingPolicyConfiguration {
        must {
            /// Value of the metric.
            pub target_value by set_target_value: f64,
        }
        may {
            /// Metric of one's own.
            pub customized_metric_specification by set_customized_metric_specification: Option<TrackedMetric>,
            /// Whether the policy only makes larger.
            #[serde(default)]
            pub disable_scale_in by set_disable_scale_in: bool,
            /// Metric that AWS knows.
            pub predefined_metric_specification by set_predefined_metric_specification: Option<PredefinedMetric>,
            /// Seconds until the next change to less.
            #[schemars(transform = computed, range(min = 0))]
            pub scale_in_cooldown by set_scale_in_cooldown: Option<i32>,
            /// Seconds until the next change to more.
            #[schemars(transform = computed, range(min = 0))]
            pub scale_out_cooldown by set_scale_out_cooldown: Option<i32>,
        }
    }

    /// A metric that AWS knows.
    pub struct PredefinedMetric = sdk::PredefinedMetricSpecification {
        must {
            /// Metric, for example `DynamoDBReadCapacityUtilization`.
            pub predefined_metric_type by set_predefined_metric_type: String,
        }
        may {
            /// Target group of `ALBRequestCountPerTarget`: ends of the ARNs of load balancer and group.
            #[schemars(length(max = 1023))]
            pub resource_label by set_resource_label: Option<String>,
        }
    }

    /// A dimension of a metric.
    pub struct Dimension =
        sdk::MetricDimension | sdk::TargetTrackingMetricDimension | sdk::PredictiveScalingMetricDimension {
        must {
            /// Name.
            pub name by set_name: String,
            /// Value.
            pub value by set_value: String,
        }
        may {}
    }

    /// A metric or an expression.
    pub struct TrackedQuery = sdk::TargetTrackingMetricDataQuery {
        must {
            /// Name in expressions.
            pub id by set_id: String,
        }
        may {
            /// Expression over other metrics.
            pub expression by set_expression: Option<String>,
            /// Name for people.
            pub label by set_label: Option<String>,
            /// Metric.
            pub metric_stat by set_metric_stat: Option<TrackedStat>,
            /// Whether this is the value.
            #[schemars(transform = computed)]
            pub return_data by set_return_data: Option<bool>,
        }
    }
}

firm! {
    /// A metric and how its values become one.
    pub struct TrackedStat = sdk::TargetTrackingMetricStat | sdk::PredictiveScalingMetricStat {
        must {
            /// How values become one.
            pub stat by set_stat: String,
        }
        may {
            /// Metric.
            pub metric by set_metric: Metric,
            /// Unit.
            pub unit by set_unit: Option<String>,
        }
    }
}
