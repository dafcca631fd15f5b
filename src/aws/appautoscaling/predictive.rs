//! Scaling by a forecast.

use aws_sdk_applicationautoscaling::types as sdk;

use super::firm::firm;
use super::tracking::{NUMBER, TrackedStat};
use crate::aws::mirror::words;
use crate::engine::rules::{computed, exclusive, form, one_of};

words!(sdk::PredictiveScalingMaxCapacityBreachBehavior, sdk::PredictiveScalingMode);

firm! {
    /// Scaling by a forecast.
    pub struct PredictiveScaling = sdk::PredictiveScalingPolicyConfiguration {
        must {
            /// Metrics of the forecast.
            pub metric_specifications by set_metric_specifications: Vec<ForecastMetric>,
        }
        may {
            /// What happens when the forecast is above the largest capacity.
            #[schemars(transform = computed, transform = one_of(&["HonorMaxCapacity", "IncreaseMaxCapacity"]))]
            pub max_capacity_breach_behavior by set_max_capacity_breach_behavior: Option<String>,
            /// How far above the forecast the largest capacity may go, in percent.
            #[schemars(range(min = 0, max = 100))]
            pub max_capacity_buffer by set_max_capacity_buffer: Option<i32>,
            /// Whether the forecast scales.
            #[schemars(transform = computed, transform = one_of(&["ForecastAndScale", "ForecastOnly"]))]
            pub mode by set_mode: Option<String>,
            /// Seconds that capacity comes before it is needed.
            #[schemars(transform = computed, range(min = 0, max = 3600))]
            pub scheduling_buffer_time by set_scheduling_buffer_time: Option<i32>,
        }
    }

    /// The metrics of a forecast.
    #[schemars(transform = exclusive(&["customizedLoadMetricSpecification", "predefinedLoadMetricSpecification"]))]
    #[schemars(transform = exclusive(&["customizedScalingMetricSpecification", "predefinedScalingMetricSpecification"]))]
    pub struct ForecastMetric = sdk::PredictiveScalingMetricSpecification {
        must {
            /// Value that the metric keeps.
            #[schemars(transform = form(NUMBER, "a number"))]
            pub target_value by set_target_value: String,
        }
        may {
            /// Capacity, by metrics of one's own.
            pub customized_capacity_metric_specification by set_customized_capacity_metric_specification:
                Option<ForecastQueries>,
            /// Load, by metrics of one's own.
            pub customized_load_metric_specification by set_customized_load_metric_specification:
                Option<ForecastQueries>,
            /// Value to keep, by metrics of one's own.
            pub customized_scaling_metric_specification by set_customized_scaling_metric_specification:
                Option<ForecastQueries>,
            /// Load, by a metric that AWS knows.
            pub predefined_load_metric_specification by set_predefined_load_metric_specification:
                Option<ForecastMetricType>,
            /// Load and value to keep, by a pair of metrics that AWS knows.
            pub predefined_metric_pair_specification by set_predefined_metric_pair_specification:
                Option<ForecastMetricType>,
            /// Value to keep, by a metric that AWS knows.
            pub predefined_scaling_metric_specification by set_predefined_scaling_metric_specification:
                Option<ForecastMetricType>,
        }
    }

    /// A metric that AWS knows, for a forecast.
    pub struct ForecastMetricType =
        sdk::PredictiveScalingPredefinedLoadMetricSpecification
        | sdk::PredictiveScalingPredefinedMetricPairSpecification
        | sdk::PredictiveScalingPredefinedScalingMetricSpecification {
        must {
            /// Metric, for example `ECSServiceTotalCPUUtilization`.
            pub predefined_metric_type by set_predefined_metric_type: String,
        }
        may {
            /// Target group: ends of the ARNs of load balancer and target group.
            pub resource_label by set_resource_label: Option<String>,
        }
    }

    /// Metrics of one's own, for a forecast.
    pub struct ForecastQueries = sdk::PredictiveScalingCustomizedMetricSpecification {
        must {
            /// Metrics and expressions, of which one gives the value.
            pub metric_data_queries by set_metric_data_queries: Vec<ForecastQuery>,
        }
        may {}
    }

    /// A metric or an expression for a forecast.
    pub struct ForecastQuery = sdk::PredictiveScalingMetricDataQuery {
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
