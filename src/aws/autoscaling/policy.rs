use aws_sdk_autoscaling::types as sdk;

use crate::aws::mirror::{Field, Mirror, mirror, words};
use crate::aws::prelude::*;
use crate::engine::rules::{auto_name, computed, exclusive, form, one_of, refers, replace, unordered};

words!(
    sdk::MetricStatistic,
    sdk::MetricType,
    sdk::PredefinedLoadMetricType,
    sdk::PredefinedMetricPairType,
    sdk::PredefinedScalingMetricType,
    sdk::PredictiveScalingMaxCapacityBreachBehavior,
    sdk::PredictiveScalingMode,
);

/// A rule by which an Auto Scaling group grows and shrinks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["scalingAdjustment", "stepAdjustments"]))]
pub struct Policy {
    /// What an adjustment is. Needed for simple and step scaling.
    #[schemars(transform = one_of(&["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"]))]
    pub adjustment_type: Option<String>,
    /// Name of the group.
    #[schemars(transform = replace, transform = refers("aws:autoscaling/group:Group.name"))]
    pub autoscaling_group_name: String,
    /// Seconds until the next change. Only simple scaling.
    pub cooldown: Option<i32>,
    /// Whether the policy acts.
    #[serde(default = "on")]
    pub enabled: bool,
    /// Seconds until a new instance counts. Only step scaling and target tracking.
    pub estimated_instance_warmup: Option<i32>,
    /// How values of the alarm's metric become one. Only step scaling.
    #[schemars(transform = computed, transform = one_of(&["Average", "Maximum", "Minimum"]))]
    pub metric_aggregation_type: Option<String>,
    /// Least number of instances of a change in percent.
    #[schemars(range(min = 1))]
    pub min_adjustment_magnitude: Option<i32>,
    /// Name of the policy, unique in the group.
    #[schemars(transform = replace, transform = auto_name(255), length(max = 255))]
    pub name: String,
    /// Kind of the policy.
    #[schemars(transform = one_of(&["PredictiveScaling", "SimpleScaling", "StepScaling", "TargetTrackingScaling"]))]
    #[serde(default = "simple_scaling")]
    pub policy_type: String,
    /// Scaling by a forecast.
    pub predictive_scaling_configuration: Option<PolicyPredictiveScaling>,
    /// Instances that come, or go if negative. Only simple scaling.
    pub scaling_adjustment: Option<i32>,
    /// Adjustments by how far the metric is beyond the alarm's threshold. Only step scaling.
    #[schemars(transform = unordered)]
    pub step_adjustments: Option<Vec<PolicyStepAdjustment>>,
    /// Scaling that keeps a metric at a value.
    pub target_tracking_configuration: Option<PolicyTargetTracking>,
}

fn forecast_only() -> String {
    "ForecastOnly".to_owned()
}

fn on() -> bool {
    true
}

fn simple_scaling() -> String {
    "SimpleScaling".to_owned()
}

mirror! {
    /// An adjustment for a part of the values beyond the alarm's threshold.
    pub struct PolicyStepAdjustment = sdk::StepAdjustment {
        /// Lower end of the part, as a distance from the threshold. The lowest part has none.
        #[schemars(transform = form(NUMBER, "a number"))]
        pub metric_interval_lower_bound: Option<String>,
        /// Upper end of the part. The highest part has none.
        #[schemars(transform = form(NUMBER, "a number"))]
        pub metric_interval_upper_bound: Option<String>,
        /// Instances that come, or go if negative.
        pub scaling_adjustment: i32,
    }

    /// Scaling that keeps a metric at a value.
    #[schemars(transform = exclusive(&["customizedMetricSpecification", "predefinedMetricSpecification"]))]
    pub struct PolicyTargetTracking = sdk::TargetTrackingConfiguration {
        /// Metric of one's own.
        pub customized_metric_specification: Option<PolicyTrackedMetric>,
        /// Whether the policy only adds instances.
        #[serde(default)]
        pub disable_scale_in: bool,
        /// Metric that AWS knows.
        pub predefined_metric_specification: Option<PolicyPredefinedMetric>,
        /// Value of the metric.
        pub target_value: f64,
    }

    /// A metric that AWS knows.
    pub struct PolicyPredefinedMetric = sdk::PredefinedMetricSpecification {
        /// Metric, for example `ASGAverageCPUUtilization`.
        pub predefined_metric_type: String,
        /// Target group of `ALBRequestCountPerTarget`: ends of the ARNs of load balancer and target group.
        pub resource_label: Option<String>,
    }

    /// A metric of one's own.
    #[schemars(transform = exclusive(&["metricName", "metrics"]))]
    pub struct PolicyTrackedMetric = sdk::CustomizedMetricSpecification {
        /// Dimensions.
        #[serde(rename = "metricDimensions")]
        #[schemars(transform = unordered)]
        pub dimensions: Option<Vec<PolicyMetricDimension>>,
        /// Name.
        pub metric_name: Option<String>,
        /// Metrics and expressions, of which one gives the value.
        pub metrics: Option<Vec<PolicyTrackedMetricQuery>>,
        /// Namespace.
        pub namespace: Option<String>,
        /// Seconds of a period.
        #[schemars(transform = computed)]
        pub period: Option<i32>,
        /// How values become one.
        #[schemars(transform = one_of(&["Average", "Maximum", "Minimum", "SampleCount", "Sum"]))]
        pub statistic: Option<String>,
        /// Unit.
        pub unit: Option<String>,
    }

    /// A dimension of a metric.
    pub struct PolicyMetricDimension = sdk::MetricDimension {
        /// Name.
        pub name: String,
        /// Value.
        pub value: String,
    }

    /// A metric or an expression for target tracking.
    pub struct PolicyTrackedMetricQuery = sdk::TargetTrackingMetricDataQuery {
        /// Expression over other metrics.
        pub expression: Option<String>,
        /// Name in expressions.
        pub id: String,
        /// Name for people.
        pub label: Option<String>,
        /// Metric.
        pub metric_stat: Option<PolicyTrackedMetricStat>,
        /// Whether this is the value.
        #[schemars(transform = computed)]
        pub return_data: Option<bool>,
    }

    /// A metric and how its values become one.
    pub struct PolicyTrackedMetricStat = sdk::TargetTrackingMetricStat {
        /// Metric.
        pub metric: PolicyMetric,
        /// Seconds of a period.
        #[schemars(transform = computed)]
        pub period: Option<i32>,
        /// How values become one.
        pub stat: String,
        /// Unit.
        pub unit: Option<String>,
    }

    /// A metric.
    pub struct PolicyMetric = sdk::Metric {
        /// Dimensions.
        #[schemars(transform = unordered)]
        pub dimensions: Option<Vec<PolicyMetricDimension>>,
        /// Name.
        pub metric_name: String,
        /// Namespace.
        pub namespace: String,
    }

    /// Scaling by a forecast.
    pub struct PolicyPredictiveScaling = sdk::PredictiveScalingConfiguration {
        /// What happens when the forecast is above the largest size.
        #[schemars(transform = computed, transform = one_of(&["HonorMaxCapacity", "IncreaseMaxCapacity"]))]
        pub max_capacity_breach_behavior: Option<String>,
        /// How far above the forecast the largest size may go, in percent.
        #[schemars(transform = form(r"^\d+$", "a whole number"))]
        pub max_capacity_buffer: Option<String>,
        /// Metrics of the forecast.
        #[serde(rename = "metricSpecification")]
        pub metric_specifications: PolicyPredictiveMetric,
        /// Whether the forecast scales.
        #[schemars(transform = one_of(&["ForecastAndScale", "ForecastOnly"]))]
        #[serde(default = "forecast_only")]
        pub mode: String,
        /// Seconds that instances come before they are needed.
        #[schemars(transform = form(r"^\d+$", "a whole number"))]
        pub scheduling_buffer_time: Option<String>,
    }

    /// The metrics of a forecast.
    #[schemars(transform = exclusive(&["customizedLoadMetricSpecification", "predefinedLoadMetricSpecification"]))]
    #[schemars(transform = exclusive(&["customizedScalingMetricSpecification", "predefinedScalingMetricSpecification"]))]
    pub struct PolicyPredictiveMetric = sdk::PredictiveScalingMetricSpecification {
        /// Capacity, by metrics of one's own.
        pub customized_capacity_metric_specification: Option<PolicyCustomizedMetric>,
        /// Load, by metrics of one's own.
        pub customized_load_metric_specification: Option<PolicyCustomizedMetric>,
        /// Value to keep, by metrics of one's own.
        pub customized_scaling_metric_specification: Option<PolicyCustomizedMetric>,
        /// Load, by a metric that AWS knows.
        pub predefined_load_metric_specification: Option<PolicyPredictiveMetricType>,
        /// Load and value to keep, by a pair of metrics that AWS knows.
        pub predefined_metric_pair_specification: Option<PolicyPredictiveMetricType>,
        /// Value to keep, by a metric that AWS knows.
        pub predefined_scaling_metric_specification: Option<PolicyPredictiveMetricType>,
        /// Value that the metric keeps.
        pub target_value: f64,
    }

    /// A metric that AWS knows, for a forecast.
    pub struct PolicyPredictiveMetricType =
        sdk::PredictiveScalingPredefinedLoadMetric
        | sdk::PredictiveScalingPredefinedMetricPair
        | sdk::PredictiveScalingPredefinedScalingMetric {
        /// Metric, for example `ASGTotalCPUUtilization`.
        pub predefined_metric_type: String,
        /// Target group: ends of the ARNs of load balancer and target group.
        pub resource_label: Option<String>,
    }

    /// Metrics of one's own, for a forecast.
    pub struct PolicyCustomizedMetric =
        sdk::PredictiveScalingCustomizedCapacityMetric
        | sdk::PredictiveScalingCustomizedLoadMetric
        | sdk::PredictiveScalingCustomizedScalingMetric {
        /// Metrics and expressions, of which one gives the value.
        pub metric_data_queries: Vec<PolicyMetricDataQuery>,
    }

    /// A metric or an expression for a forecast.
    pub struct PolicyMetricDataQuery = sdk::MetricDataQuery {
        /// Expression over other metrics.
        pub expression: Option<String>,
        /// Name in expressions.
        pub id: String,
        /// Name for people.
        pub label: Option<String>,
        /// Metric.
        pub metric_stat: Option<PolicyMetricStat>,
        /// Whether this is the value.
        #[schemars(transform = computed)]
        pub return_data: Option<bool>,
    }

    /// A metric and how its values become one.
    pub struct PolicyMetricStat = sdk::MetricStat {
        /// Metric.
        pub metric: PolicyMetric,
        /// How values become one.
        pub stat: String,
        /// Unit.
        pub unit: Option<String>,
    }
}

const NUMBER: &str = r"^-?\d+(\.\d+)?$";

/// AWS has a list that takes one item.
impl Field<Vec<sdk::PredictiveScalingMetricSpecification>> for PolicyPredictiveMetric {
    fn put(&self) -> Result<Option<Vec<sdk::PredictiveScalingMetricSpecification>>> {
        Ok(Some(vec![self.send()?]))
    }

    fn take(name: &str, sdk: Option<Vec<sdk::PredictiveScalingMetricSpecification>>) -> Result<Self> {
        Self::show(need(name, sdk.and_then(|all| all.into_iter().next()))?)
    }
}

/// What AWS decides about a policy.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyOutputs {
    /// ARN of the policy, which alarms call.
    pub arn: String,
}

impl Resource for Policy {
    const TYPE: &'static str = "aws:autoscaling/policy:Policy";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&["autoscalingGroupName"]),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["autoscaling:PutScalingPolicy", "cloudwatch:PutMetricAlarm"],
            read: &["autoscaling:DescribePolicies"],
            update: &["autoscaling:PutScalingPolicy", "cloudwatch:PutMetricAlarm"],
            delete: &["autoscaling:DeletePolicy", "cloudwatch:DeleteAlarms"],
        },
        acts_on: &["autoscaling:{region}:*:autoScalingGroup:*:autoScalingGroupName/{autoscalingGroupName}"],
        import: "names of group and policy: `group/policy`",
        ..Facts::new(IdForm::Joined(&["autoscalingGroupName", "name"], "/"), FoundBy::Token)
    };
    type Outputs = PolicyOutputs;
    type Cx = Cx;

    /// The same call again has the same effect.
    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.put_policy(cx).await?;
        Ok(Made::id(format!("{}/{}", self.autoscaling_group_name, self.name)))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| async move {
            let (group, name) = parts(&id)?;
            let describe = cx.autoscaling().describe_policies().auto_scaling_group_name(group).policy_names(name);
            let found = describe.send().await.or_none()?.and_then(|r| r.scaling_policies).unwrap_or_default();
            // Some servers answer with all policies of the group.
            let policy = found.into_iter().find(|policy| policy.policy_name() == Some(name));
            policy.map_or(Ok(Seen::Gone), |policy| shown(policy).map(Seen::Ready))
        })
        .await
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put_policy(cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (group, name) = parts(id)?;
        let delete = cx.autoscaling().delete_policy().auto_scaling_group_name(group).policy_name(name);
        delete.send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(format!("{}/{}", self.autoscaling_group_name, self.name));
        let seen = Self::read(std::slice::from_ref(&id), &Want::All, cx).await?;
        Ok(seen.into_iter().filter(|seen| matches!(seen, Seen::Ready(_))).map(|_| id.clone()).collect())
    }
}

/// Group and name of `group/policy`.
fn parts(id: &Id) -> Result<(&str, &str)> {
    id.0.split_once('/').ok_or_else(|| Error::invalid(format!("`{id}` is not `group/policy`")))
}

impl Policy {
    async fn put_policy(&self, cx: &Cx) -> Result<()> {
        cx.autoscaling()
            .put_scaling_policy()
            .set_adjustment_type(self.adjustment_type.clone())
            .auto_scaling_group_name(&self.autoscaling_group_name)
            .set_cooldown(self.cooldown)
            .enabled(self.enabled)
            .set_estimated_instance_warmup(self.estimated_instance_warmup)
            .set_metric_aggregation_type(self.metric_aggregation_type.clone())
            .set_min_adjustment_magnitude(self.min_adjustment_magnitude)
            .policy_name(&self.name)
            .policy_type(&self.policy_type)
            .set_predictive_scaling_configuration(self.predictive_scaling_configuration.put()?)
            .set_scaling_adjustment(self.scaling_adjustment)
            .set_step_adjustments(self.step_adjustments.put()?)
            .set_target_tracking_configuration(self.target_tracking_configuration.put()?)
            .send()
            .await?;
        Ok(())
    }
}

fn shown(p: sdk::ScalingPolicy) -> Result<Live<Policy>> {
    let outputs = PolicyOutputs { arn: need("PolicyARN", p.policy_arn)? };
    let forecast = p.predictive_scaling_configuration.filter(|f| !f.metric_specifications().is_empty());
    let inputs = Policy {
        adjustment_type: p.adjustment_type,
        autoscaling_group_name: need("AutoScalingGroupName", p.auto_scaling_group_name)?,
        cooldown: p.cooldown,
        enabled: p.enabled.unwrap_or_else(on),
        estimated_instance_warmup: p.estimated_instance_warmup,
        metric_aggregation_type: p.metric_aggregation_type,
        min_adjustment_magnitude: p.min_adjustment_magnitude,
        name: need("PolicyName", p.policy_name)?,
        policy_type: p.policy_type.unwrap_or_else(simple_scaling),
        predictive_scaling_configuration: Field::take("PredictiveScalingConfiguration", forecast)?,
        scaling_adjustment: p.scaling_adjustment,
        step_adjustments: Field::take("StepAdjustments", p.step_adjustments.filter(|steps| !steps.is_empty()))?,
        target_tracking_configuration: Field::take("TargetTrackingConfiguration", p.target_tracking_configuration)?,
    };
    Ok(Live { inputs, outputs })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let reply = "<DescribePoliciesResponse><DescribePoliciesResult><ScalingPolicies><member>\
            <AutoScalingGroupName>g</AutoScalingGroupName><PolicyName>p</PolicyName><PolicyARN>arn:p</PolicyARN>\
            <PolicyType>StepScaling</PolicyType><AdjustmentType>ExactCapacity</AdjustmentType><Cooldown>60</Cooldown>\
            <EstimatedInstanceWarmup>30</EstimatedInstanceWarmup><MetricAggregationType>Maximum</MetricAggregationType>\
            <MinAdjustmentMagnitude>1</MinAdjustmentMagnitude><Enabled>false</Enabled>\
            <ScalingAdjustment>2</ScalingAdjustment><StepAdjustments><member>\
            <MetricIntervalLowerBound>0.0</MetricIntervalLowerBound><ScalingAdjustment>3</ScalingAdjustment></member>\
            </StepAdjustments><TargetTrackingConfiguration><PredefinedMetricSpecification>\
            <PredefinedMetricType>ASGAverageCPUUtilization</PredefinedMetricType></PredefinedMetricSpecification>\
            <TargetValue>50.0</TargetValue></TargetTrackingConfiguration><PredictiveScalingConfiguration>\
            <MetricSpecifications><member><TargetValue>40.0</TargetValue><PredefinedMetricPairSpecification>\
            <PredefinedMetricType>ASGCPUUtilization</PredefinedMetricType></PredefinedMetricPairSpecification></member>\
            </MetricSpecifications><Mode>ForecastAndScale</Mode><SchedulingBufferTime>300</SchedulingBufferTime>\
            <MaxCapacityBreachBehavior>HonorMaxCapacity</MaxCapacityBreachBehavior></PredictiveScalingConfiguration>\
            </member></ScalingPolicies></DescribePoliciesResult></DescribePoliciesResponse>";
        let inputs = json!({
            "adjustmentType": "ExactCapacity",
            "autoscalingGroupName": "g",
            "cooldown": 60,
            "enabled": false,
            "estimatedInstanceWarmup": 30,
            "metricAggregationType": "Maximum",
            "minAdjustmentMagnitude": 1,
            "name": "p",
            "policyType": "StepScaling",
            "predictiveScalingConfiguration": {
                "maxCapacityBreachBehavior": "HonorMaxCapacity",
                "metricSpecification": {
                    "predefinedMetricPairSpecification": { "predefinedMetricType": "ASGCPUUtilization" },
                    "targetValue": 40.0,
                },
                "mode": "ForecastAndScale",
                "schedulingBufferTime": "300",
            },
            "scalingAdjustment": 2,
            "stepAdjustments": [{ "metricIntervalLowerBound": "0", "scalingAdjustment": 3 }],
            "targetTrackingConfiguration": {
                "disableScaleIn": false,
                "predefinedMetricSpecification": { "predefinedMetricType": "ASGAverageCPUUtilization" },
                "targetValue": 50.0,
            },
        });
        reads_back(Policy::TYPE, "g/p", &[("Action=DescribePolicies", ok(reply))], &[], inputs).await;
    }
}
