use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_apigateway::types as sdk;
use aws_smithy_types::DateTime;
use ulid::Ulid;

use super::patch::Patch;
use super::{given, halves, moment, sent};
use crate::aws::prelude::*;
use crate::engine::rules::{refers, replace, write_only};

/// A snapshot of a REST API, which a stage serves.
///
/// It shows the methods and integrations that exist when it is made: list them in its `dependsOn`,
/// and hash their definitions into `triggers`. A changed trigger makes a new deployment, to which
/// the stages move before the old one goes. Its id is `restApi/deploymentId`; whatever names a
/// deployment takes that and the second half alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployment {
    /// Purpose of the deployment.
    pub description: Option<String>,
    /// API that is deployed.
    #[schemars(transform = replace, transform = refers("aws:apigateway/restApi:RestApi.id"))]
    pub rest_api: String,
    /// Any values; a change of one of them deploys again.
    #[schemars(transform = replace, transform = write_only)]
    pub triggers: Option<BTreeMap<String, String>>,
    /// Variables of the stages that are made by deploying.
    #[schemars(transform = replace, transform = write_only)]
    pub variables: Option<BTreeMap<String, String>>,
}

/// What AWS decides about a deployment.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentOutputs {
    /// When it was made.
    pub created_date: String,
}

/// How far AWS's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(120);

impl Resource for Deployment {
    const TYPE: &'static str = "aws:apigateway/deployment:Deployment";
    const FACTS: Facts = Facts {
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["apigateway:GET", "apigateway:POST"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH"],
            delete: &["apigateway:DELETE"],
        },
        import: "ids of API and deployment, `restApi/deploymentId`",
        // Deployments have no names, no tags and no tokens, but they know when they were made.
        ..Facts::new(IdForm::Random("", 6), FoundBy::Marker("createdDate"))
    };
    type Outputs = DeploymentOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let create = cx.apigateway().create_deployment().rest_api_id(&self.rest_api);
        let create = create.set_description(self.description.clone());
        let reply = create.set_variables(self.variables.as_ref().and_then(sent)).send().await?;
        Ok(Made::id(format!("{}/{}", self.rest_api, need("id", reply.id)?)))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let mut patch = Patch::default();
        patch.change_or_empty("/description", &self.description, &live.inputs.description);
        let (api, deployment) = place(id)?;
        let update = cx.apigateway().update_deployment().rest_api_id(api).deployment_id(deployment);
        update.set_patch_operations(patch.operations()).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (api, deployment) = place(id)?;
        cx.apigateway().delete_deployment().rest_api_id(api).deployment_id(deployment).send().await.or_none()?;
        Ok(Next::Gone)
    }

    /// Looks for a deployment that no stage serves and that is no older than the attempt.
    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let api = &self.rest_api;
        let pages = cx.apigateway().get_deployments().rest_api_id(api).limit(500).into_paginator().items().send();
        let deployments = pages.collect::<Result<Vec<_>, _>>().await.or_none()?.unwrap_or_default();
        let stages = cx.apigateway().get_stages().rest_api_id(api).send().await.or_none()?;
        let served: BTreeSet<String> =
            stages.and_then(|s| s.item).into_iter().flatten().filter_map(|stage| stage.deployment_id).collect();
        let mine = deployments.into_iter().filter(|d| {
            given(d.description.clone()) == self.description
                && d.id.as_ref().is_some_and(|id| !served.contains(id))
                && d.created_date.as_ref().is_some_and(|at| made_by(cx.token(), at))
        });
        mine.map(|d: sdk::Deployment| Ok(Id(format!("{api}/{}", need("id", d.id)?)))).collect()
    }
}

/// Whether something made at that time can be the attempt's, whose id begins with its own time.
fn made_by(attempt: &str, at: &DateTime) -> bool {
    let Ok(attempt) = Ulid::from_string(attempt) else { return false };
    let begun = Duration::from_millis(attempt.timestamp_ms());
    u64::try_from(at.secs()).is_ok_and(|secs| Duration::from_secs(secs) + SKEW >= begun)
}

fn place(id: &Id) -> Result<(&str, &str)> {
    halves(&id.0, "restApi/deploymentId")
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<Deployment>>> {
    let (api, deployment) = place(&id)?;
    let get = cx.apigateway().get_deployment().rest_api_id(api).deployment_id(deployment);
    let Some(reply) = get.send().await.or_none()? else { return Ok(Seen::Gone) };
    let inputs =
        Deployment { description: given(reply.description), rest_api: api.to_owned(), triggers: None, variables: None };
    let outputs = DeploymentOutputs { created_date: need("createdDate", moment(reply.created_date))? };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::Provider;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let reply = r#"{"id":"dep","description":"one","createdDate":1700000000}"#;
        let inputs = json!({ "description": "one", "restApi": "api" });
        let get = ("/restapis/api/deployments/dep", ok(reply));
        let live = reads_back(Deployment::TYPE, "api/dep", &[get], &[], inputs).await;
        assert_eq!(live.outputs.get("createdDate").unwrap().as_str(), Some("2023-11-14T22:13:20Z"));
    }

    #[tokio::test]
    async fn a_lost_deployment_is_new_and_serves_no_stage() {
        // The attempt of the tests began in November 2024.
        let deployments = r#"{"item":[{"id":"old","createdDate":1700000000},{"id":"served","createdDate":1800000000},
            {"id":"other","description":"other","createdDate":1800000000},{"id":"lost","createdDate":1800000000}]}"#;
        let stages = r#"{"item":[{"stageName":"live","deploymentId":"served"}]}"#;
        let (aws, _) = aws(&[("/deployments", ok(deployments)), ("/stages", ok(stages))]);
        let found = aws.find(&at(Deployment::TYPE), &json!({ "restApi": "api" }).into()).await.unwrap();
        assert_eq!(found, [Id("api/lost".into())]);
    }
}
