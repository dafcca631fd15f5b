use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::types::{self as sdk, ServiceNamespace};

use super::Scaled;
use crate::aws::prelude::*;
use crate::engine::rules::{computed, refers, replace};

/// A quantity of a resource that scales, and its bounds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Largest capacity.
    #[schemars(range(min = 0))]
    pub max_capacity: i32,
    /// Smallest capacity.
    #[schemars(range(min = 0))]
    pub min_capacity: i32,
    /// What scales, for example `table/orders` or `service/cluster/web`.
    #[schemars(transform = replace)]
    pub resource_id: String,
    /// Role that changes the capacity. Most services have one that AWS makes.
    #[schemars(transform = computed, transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: Option<String>,
    /// Quantity that scales, for example `dynamodb:table:ReadCapacityUnits`.
    #[schemars(transform = replace)]
    pub scalable_dimension: String,
    /// Service of the resource, for example `dynamodb`.
    #[schemars(transform = replace)]
    pub service_namespace: String,
    /// Kinds of scaling that pause.
    #[serde(default)]
    pub suspended_state: SuspendedState,
    /// Tags of the target.
    #[serde(default)]
    pub tags: Tags,
}

/// Kinds of scaling that pause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuspendedState {
    /// Whether policies make nothing smaller.
    #[serde(default)]
    pub dynamic_scaling_in_suspended: bool,
    /// Whether policies make nothing larger.
    #[serde(default)]
    pub dynamic_scaling_out_suspended: bool,
    /// Whether schedules do nothing.
    #[serde(default)]
    pub scheduled_scaling_suspended: bool,
}

/// What AWS decides about a target.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetOutputs {
    /// ARN of the target.
    pub arn: Option<String>,
}

impl Resource for Target {
    const TYPE: &'static str = "aws:appautoscaling/target:Target";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&["resourceId"]),
        takes: Takes::seconds(2, 1, 1),
        permissions: Permissions {
            create: &[
                "application-autoscaling:DescribeScalableTargets",
                "application-autoscaling:RegisterScalableTarget",
                "application-autoscaling:TagResource",
                "iam:CreateServiceLinkedRole",
                "iam:PassRole",
            ],
            read: &["application-autoscaling:DescribeScalableTargets", "application-autoscaling:ListTagsForResource"],
            update: &[
                "application-autoscaling:RegisterScalableTarget",
                "application-autoscaling:TagResource",
                "application-autoscaling:UntagResource",
                "iam:PassRole",
            ],
            delete: &["application-autoscaling:DeregisterScalableTarget"],
        },
        passes_roles_to: &["application-autoscaling"],
        import: "`namespace/resource/dimension`, for example `dynamodb/table/orders/dynamodb:table:ReadCapacityUnits`",
        ..Facts::new(IdForm::Joined(&["serviceNamespace", "resourceId", "scalableDimension"], "/"), FoundBy::OwnerTag)
    };
    type Outputs = TargetOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.register(Some(cx.tags(&self.tags)), cx).await?;
        Ok(Made::id(self.scaled().id()))
    }

    /// One call tells about up to fifty resources of a service.
    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let found = described(ids, cx).await?;
        each(ids, |id| {
            let target = found.get(&id.0).cloned();
            async move {
                let Some(target) = target else { return Ok(Seen::Gone) };
                let tags = match &target.scalable_target_arn {
                    Some(arn) if want.has("tags") => tags_of(arn, cx).await?,
                    _ => Tags::new(),
                };
                Ok(Seen::Ready(shown(target, tags)))
            }
        })
        .await
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.register(None, cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (scaled, _) = Scaled::parse(id)?;
        let deregister = cx.appautoscaling().deregister_scalable_target().resource_id(&scaled.resource);
        let deregister = deregister.scalable_dimension(scaled.scalable_dimension());
        deregister.service_namespace(scaled.service_namespace()).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(self.scaled().id());
        let target = described(std::slice::from_ref(&id), cx).await?.remove(&id.0);
        let Some(arn) = target.and_then(|target| target.scalable_target_arn) else { return Ok(Vec::new()) };
        let mine = tags_of(&arn, cx).await?.get(tags::ATTEMPT).is_some_and(|attempt| attempt == cx.token());
        Ok(mine.then_some(id).into_iter().collect())
    }

    async fn retag(id: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        let arn = live.outputs.arn.as_ref();
        let arn = arn.ok_or_else(|| Error::invalid(format!("`{id}` is a target of old and takes no tags")))?;
        if !tags.unset.is_empty() {
            let untag = cx.appautoscaling().untag_resource().resource_arn(arn);
            untag.set_tag_keys(Some(tags.unset.clone())).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tags.set.iter().cloned().collect();
            cx.appautoscaling().tag_resource().resource_arn(arn).set_tags(Some(set)).send().await?;
        }
        Ok(())
    }
}

impl Target {
    fn scaled(&self) -> Scaled {
        Scaled {
            namespace: self.service_namespace.clone(),
            resource: self.resource_id.clone(),
            dimension: self.scalable_dimension.clone(),
        }
    }

    /// A target takes tags with its first registration only.
    async fn register(&self, tags: Option<Tags>, cx: &Cx) -> Result<()> {
        let scaled = self.scaled();
        let suspended = &self.suspended_state;
        let suspended = sdk::SuspendedState::builder()
            .dynamic_scaling_in_suspended(suspended.dynamic_scaling_in_suspended)
            .dynamic_scaling_out_suspended(suspended.dynamic_scaling_out_suspended)
            .scheduled_scaling_suspended(suspended.scheduled_scaling_suspended);
        cx.appautoscaling()
            .register_scalable_target()
            .max_capacity(self.max_capacity)
            .min_capacity(self.min_capacity)
            .resource_id(&scaled.resource)
            .set_role_arn(self.role_arn.clone())
            .scalable_dimension(scaled.scalable_dimension())
            .service_namespace(scaled.service_namespace())
            .suspended_state(suspended.build())
            .set_tags(tags.map(|tags| tags.into_iter().collect()))
            .send()
            .await?;
        Ok(())
    }
}

/// Most resources that one Describe takes.
const AT_ONCE: usize = 50;

/// The targets by their ids.
async fn described(ids: &[Id], cx: &Cx) -> Result<BTreeMap<String, sdk::ScalableTarget>> {
    let mut resources: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in ids {
        let (scaled, _) = Scaled::parse(id)?;
        resources.entry(scaled.namespace).or_default().push(scaled.resource);
    }
    let mut found = BTreeMap::new();
    for (namespace, mut resources) in resources {
        resources.sort();
        resources.dedup();
        for some in resources.chunks(AT_ONCE) {
            let describe = cx.appautoscaling().describe_scalable_targets().set_resource_ids(Some(some.to_vec()));
            let describe = describe.service_namespace(ServiceNamespace::from(namespace.as_str()));
            let mut pages = describe.into_paginator().items().send();
            while let Some(target) = pages.next().await {
                let target = target?;
                let scaled = Scaled {
                    namespace: namespace.clone(),
                    resource: target.resource_id.clone(),
                    dimension: target.scalable_dimension.as_str().to_owned(),
                };
                found.insert(scaled.id(), target);
            }
        }
    }
    Ok(found)
}

/// Tags of a target; none if there is no such target.
async fn tags_of(arn: &str, cx: &Cx) -> Result<Tags> {
    let reply = cx.appautoscaling().list_tags_for_resource().resource_arn(arn).send().await.or_none();
    let tags = reply.map_err(|error| error.about("tags"))?.and_then(|reply| reply.tags);
    Ok(tags.unwrap_or_default().into_iter().collect())
}

fn shown(t: sdk::ScalableTarget, tags: Tags) -> Live<Target> {
    let suspended = t.suspended_state.as_ref();
    let suspended = |field: fn(&sdk::SuspendedState) -> Option<bool>| suspended.and_then(field).unwrap_or_default();
    let inputs = Target {
        max_capacity: t.max_capacity,
        min_capacity: t.min_capacity,
        resource_id: t.resource_id,
        suspended_state: SuspendedState {
            dynamic_scaling_in_suspended: suspended(|s| s.dynamic_scaling_in_suspended),
            dynamic_scaling_out_suspended: suspended(|s| s.dynamic_scaling_out_suspended),
            scheduled_scaling_suspended: suspended(|s| s.scheduled_scaling_suspended),
        },
        role_arn: Some(t.role_arn).filter(|arn| !arn.is_empty()),
        scalable_dimension: t.scalable_dimension.as_str().to_owned(),
        service_namespace: t.service_namespace.as_str().to_owned(),
        tags,
    };
    Live { inputs, outputs: TargetOutputs { arn: t.scalable_target_arn } }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::Provider;

    const ID: &str = "dynamodb/table/t/dynamodb:table:ReadCapacityUnits";
    const ARN: &str = "arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/0a";

    fn everything() -> Json {
        json!({
            "maxCapacity": 9, "minCapacity": 1, "resourceId": "table/t", "roleArn": "arn:r",
            "scalableDimension": "dynamodb:table:ReadCapacityUnits", "serviceNamespace": "dynamodb",
            "suspendedState": {
                "dynamicScalingInSuspended": true, "dynamicScalingOutSuspended": false,
                "scheduledScalingSuspended": true,
            },
            "tags": { "a": "b" },
        })
    }

    /// A table has a target for reads and another one for writes.
    fn targets() -> String {
        let target = |dimension: &str| {
            json!({
                "ServiceNamespace": "dynamodb", "ResourceId": "table/t", "ScalableDimension": dimension,
                "MinCapacity": 1, "MaxCapacity": 9, "RoleARN": "arn:r", "CreationTime": 1_700_000_000,
                "ScalableTargetARN": ARN,
                "SuspendedState": { "DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": false,
                    "ScheduledScalingSuspended": true },
            })
        };
        let both = [target("dynamodb:table:WriteCapacityUnits"), target("dynamodb:table:ReadCapacityUnits")];
        json!({ "ScalableTargets": both }).to_string()
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [
            ("DescribeScalableTargets", ok(targets())),
            ("ListTagsForResource", ok(json!({ "Tags": { "a": "b" } }).to_string())),
        ];
        let live = reads_back(Target::TYPE, ID, &replies, &[], everything()).await;
        assert_eq!(live.outputs.get("arn").and_then(Value::as_str), Some(ARN));
    }

    #[tokio::test]
    async fn a_target_that_is_there_already_is_seen_before_it_is_taken_over() {
        let (aws, _) = aws(&[("DescribeScalableTargets", ok(targets()))]);
        let there = aws.namesake(&at(Target::TYPE), &everything().into()).await.unwrap();
        assert_eq!(there, Some(Id(ID.into())));
    }
}
