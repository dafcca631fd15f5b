use aws_sdk_applicationautoscaling::types::{self as sdk, PolicyType};

use super::Scaled;
use super::predictive::PredictiveScaling;
use super::tracking::{StepScaling, TargetTracking};
use crate::aws::mirror::Field;
use crate::aws::prelude::*;
use crate::engine::rules::{auto_name, one_of, refers, replace};

/// A rule by which a target grows and shrinks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Name of the policy, unique for the target.
    #[schemars(transform = replace, transform = auto_name(255), length(max = 255))]
    pub name: String,
    /// Kind of the policy.
    #[schemars(transform = one_of(&["PredictiveScaling", "StepScaling", "TargetTrackingScaling"]))]
    #[serde(default = "step_scaling")]
    pub policy_type: String,
    /// Scaling by a forecast.
    pub predictive_scaling_policy_configuration: Option<PredictiveScaling>,
    /// What scales.
    #[schemars(transform = replace, transform = refers("aws:appautoscaling/target:Target.resourceId"))]
    pub resource_id: String,
    /// Quantity that scales.
    #[schemars(transform = replace, transform = refers("aws:appautoscaling/target:Target.scalableDimension"))]
    pub scalable_dimension: String,
    /// Service of what scales.
    #[schemars(transform = replace, transform = refers("aws:appautoscaling/target:Target.serviceNamespace"))]
    pub service_namespace: String,
    /// Scaling in steps.
    pub step_scaling_policy_configuration: Option<StepScaling>,
    /// Scaling that keeps a metric at a value.
    pub target_tracking_scaling_policy_configuration: Option<TargetTracking>,
}

fn step_scaling() -> String {
    PolicyType::StepScaling.as_str().to_owned()
}

/// What AWS decides about a policy.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyOutputs {
    /// ARNs of the alarms that AWS keeps for the policy.
    pub alarm_arns: Vec<String>,
    /// ARN of the policy, which alarms call.
    pub arn: String,
}

impl Resource for Policy {
    const TYPE: &'static str = "aws:appautoscaling/policy:Policy";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&["resourceId"]),
        takes: Takes::seconds(2, 2, 1),
        permissions: Permissions {
            create: &["application-autoscaling:PutScalingPolicy", "cloudwatch:PutMetricAlarm"],
            read: &["application-autoscaling:DescribeScalingPolicies"],
            update: &["application-autoscaling:PutScalingPolicy", "cloudwatch:PutMetricAlarm"],
            delete: &["application-autoscaling:DeleteScalingPolicy", "cloudwatch:DeleteAlarms"],
        },
        import: "`namespace/resource/dimension/name`, \
                 for example `dynamodb/table/orders/dynamodb:table:ReadCapacityUnits/half`",
        ..Facts::new(
            IdForm::Joined(&["serviceNamespace", "resourceId", "scalableDimension", "name"], "/"),
            FoundBy::Token,
        )
    };
    type Outputs = PolicyOutputs;
    type Cx = Cx;

    /// The same call again has the same effect.
    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.put_policy(cx).await?;
        Ok(Made::id(self.id().0))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put_policy(cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (scaled, name) = parts(id)?;
        let delete = cx.appautoscaling().delete_scaling_policy().policy_name(name).resource_id(&scaled.resource);
        let delete = delete.scalable_dimension(scaled.scalable_dimension());
        delete.service_namespace(scaled.service_namespace()).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let seen = seen(self.id(), cx).await?;
        Ok(matches!(seen, Seen::Ready(_)).then(|| self.id()).into_iter().collect())
    }
}

/// Target and name of a policy.
fn parts(id: &Id) -> Result<(Scaled, String)> {
    let (scaled, name) = Scaled::parse(id)?;
    let without = || Error::invalid(format!("`{id}` is not `namespace/resource/dimension/name`"));
    Ok((scaled, name.ok_or_else(without)?))
}

impl Policy {
    fn scaled(&self) -> Scaled {
        Scaled {
            namespace: self.service_namespace.clone(),
            resource: self.resource_id.clone(),
            dimension: self.scalable_dimension.clone(),
        }
    }

    fn id(&self) -> Id {
        Id(format!("{}/{}", self.scaled().id(), self.name))
    }

    async fn put_policy(&self, cx: &Cx) -> Result<()> {
        let scaled = self.scaled();
        cx.appautoscaling()
            .put_scaling_policy()
            .policy_name(&self.name)
            .policy_type(PolicyType::from(self.policy_type.as_str()))
            .set_predictive_scaling_policy_configuration(self.predictive_scaling_policy_configuration.put()?)
            .resource_id(&scaled.resource)
            .scalable_dimension(scaled.scalable_dimension())
            .service_namespace(scaled.service_namespace())
            .set_step_scaling_policy_configuration(self.step_scaling_policy_configuration.put()?)
            .set_target_tracking_scaling_policy_configuration(self.target_tracking_scaling_policy_configuration.put()?)
            .send()
            .await?;
        Ok(())
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<Policy>>> {
    let (scaled, name) = parts(&id)?;
    let describe = cx.appautoscaling().describe_scaling_policies().policy_names(&name).resource_id(&scaled.resource);
    let describe = describe.scalable_dimension(scaled.scalable_dimension());
    let reply = describe.service_namespace(scaled.service_namespace()).send().await.or_none()?;
    let policy = reply.and_then(|r| r.scaling_policies).into_iter().flatten().find(|p| p.policy_name == name);
    policy.map_or(Ok(Seen::Gone), |policy| shown(policy).map(Seen::Ready))
}

fn shown(p: sdk::ScalingPolicy) -> Result<Live<Policy>> {
    let outputs = PolicyOutputs {
        alarm_arns: p.alarms.into_iter().flatten().map(|alarm| alarm.alarm_arn).collect(),
        arn: p.policy_arn,
    };
    let inputs = Policy {
        name: p.policy_name,
        policy_type: p.policy_type.as_str().to_owned(),
        predictive_scaling_policy_configuration: Field::take(
            "PredictiveScalingPolicyConfiguration",
            p.predictive_scaling_policy_configuration,
        )?,
        resource_id: p.resource_id,
        scalable_dimension: p.scalable_dimension.as_str().to_owned(),
        service_namespace: p.service_namespace.as_str().to_owned(),
        step_scaling_policy_configuration: Field::take(
            "StepScalingPolicyConfiguration",
            p.step_scaling_policy_configuration,
        )?,
        target_tracking_scaling_policy_configuration: Field::take(
            "TargetTrackingScalingPolicyConfiguration",
            p.target_tracking_scaling_policy_configuration,
        )?,
    };
    Ok(Live { inputs, outputs })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::Provider;

    const ID: &str = "dynamodb/table/t/dynamodb:table:ReadCapacityUnits/p";

    fn everything() -> Json {
        let stat = json!({
            "metric": {
                "dimensions": [{ "name": "n", "value": "v" }], "metricName": "m", "namespace": "s",
            },
            "stat": "Sum",
            "unit": "Count",
        });
        let query = json!({ "id": "q", "label": "l", "metricStat": stat, "returnData": true });
        let queries = json!({ "metricDataQueries": [query] });
        json!({
            "name": "p",
            "policyType": "TargetTrackingScaling",
            "predictiveScalingPolicyConfiguration": {
                "maxCapacityBreachBehavior": "IncreaseMaxCapacity",
                "maxCapacityBuffer": 10,
                "metricSpecifications": [
                    {
                        "predefinedMetricPairSpecification": {
                            "predefinedMetricType": "ECSServiceCPUUtilization", "resourceLabel": "r",
                        },
                        "targetValue": "40.5",
                    },
                    {
                        "customizedCapacityMetricSpecification": queries,
                        "customizedLoadMetricSpecification": queries,
                        "customizedScalingMetricSpecification": queries,
                        "targetValue": "1",
                    },
                    {
                        "predefinedLoadMetricSpecification": { "predefinedMetricType": "x" },
                        "predefinedScalingMetricSpecification": { "predefinedMetricType": "y" },
                        "targetValue": "2",
                    },
                ],
                "mode": "ForecastAndScale",
                "schedulingBufferTime": 300,
            },
            "resourceId": "table/t",
            "scalableDimension": "dynamodb:table:ReadCapacityUnits",
            "serviceNamespace": "dynamodb",
            "stepScalingPolicyConfiguration": {
                "adjustmentType": "PercentChangeInCapacity",
                "cooldown": 60,
                "metricAggregationType": "Maximum",
                "minAdjustmentMagnitude": 2,
                "stepAdjustments": [
                    { "metricIntervalLowerBound": "0", "metricIntervalUpperBound": "1.5", "scalingAdjustment": 3 },
                ],
            },
            "targetTrackingScalingPolicyConfiguration": {
                "customizedMetricSpecification": {
                    "dimensions": [{ "name": "n", "value": "v" }],
                    "metricName": "m",
                    "metrics": [{ "expression": "q * 2", "id": "e" }, query],
                    "namespace": "s",
                    "statistic": "Sum",
                    "unit": "Count",
                },
                "disableScaleIn": true,
                "predefinedMetricSpecification": {
                    "predefinedMetricType": "DynamoDBReadCapacityUtilization", "resourceLabel": "r",
                },
                "scaleInCooldown": 1,
                "scaleOutCooldown": 2,
                "targetValue": 70.0,
            },
        })
    }

    #[tokio::test]
    async fn what_is_put_is_read_back() {
        let (aws, wire) = aws(&[("PutScalingPolicy", ok(json!({ "PolicyARN": "arn:p" }).to_string()))]);
        aws.create(&at(Policy::TYPE), &everything().into()).await.unwrap();
        let call = wire.requests("PutScalingPolicy").remove(0);
        let mut policy: Json = serde_json::from_str(&call[call.find('{').unwrap()..]).unwrap();
        policy["PolicyARN"] = "arn:p".into();
        policy["CreationTime"] = 1_700_000_000.into();
        policy["Alarms"] = json!([{ "AlarmName": "a", "AlarmARN": "arn:a" }]);
        let reply = json!({ "ScalingPolicies": [policy] }).to_string();
        let live = reads_back(Policy::TYPE, ID, &[("DescribeScalingPolicies", ok(reply))], &[], everything()).await;
        assert_eq!(live.outputs.get("alarmArns"), Some(&Value::from_json(json!(["arn:a"]))));
    }
}
