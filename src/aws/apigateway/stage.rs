use std::collections::BTreeMap;

use aws_sdk_apigateway::types as sdk;
use aws_sdk_apigateway::types::CacheClusterStatus;

use super::patch::Patch;
use super::{arn, execution_arn, foreseen_arn, given, halves, is_mine, part, retag, sent, sorted, tags_from};
use crate::aws::dns_suffix;
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, computed, one_of, refers, replace};

/// A name under which a deployment of a REST API can be called.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stage {
    /// Where calls are logged. Needs the role of `aws:apigateway:Account`.
    pub access_log_settings: Option<StageAccessLogSettings>,
    /// Whether answers are cached. A new cache takes four minutes.
    #[serde(default)]
    pub cache_cluster_enabled: bool,
    /// Size of the cache in GB.
    #[schemars(transform = computed)]
    #[schemars(transform = one_of(&["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"]))]
    pub cache_cluster_size: Option<String>,
    /// Second deployment that gets a part of the calls.
    pub canary_settings: Option<StageCanarySettings>,
    /// Certificate that the stage shows to what it calls.
    pub client_certificate_id: Option<String>,
    /// Deployment that is served.
    #[schemars(transform = alike(Alike::Part), transform = refers("aws:apigateway/deployment:Deployment.id"))]
    pub deployment: String,
    /// Purpose of the stage.
    pub description: Option<String>,
    /// Version of the documentation.
    pub documentation_version: Option<String>,
    /// API that the stage belongs to.
    #[schemars(transform = replace, transform = refers("aws:apigateway/restApi:RestApi.id"))]
    pub rest_api: String,
    /// Name of the stage, the first step of its paths.
    #[schemars(transform = replace, length(min = 1, max = 128))]
    pub stage_name: String,
    /// Tags of the stage.
    #[serde(default)]
    pub tags: Tags,
    /// Values that integrations name by `stageVariables`.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Whether calls are traced by X-Ray.
    #[serde(default)]
    pub xray_tracing_enabled: bool,
}

/// A log of calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StageAccessLogSettings {
    /// ARN of a log group, or of a Firehose stream whose name begins with `amazon-apigateway-`.
    pub destination_arn: String,
    /// Line that is written for a call, made of `$context` variables.
    pub format: String,
}

/// A part of the calls for another deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StageCanarySettings {
    /// Deployment that gets the part.
    #[schemars(transform = alike(Alike::Part), transform = refers("aws:apigateway/deployment:Deployment.id"))]
    pub deployment_id: String,
    /// Part of the calls, in percent.
    #[schemars(range(min = 0.0, max = 100.0))]
    #[serde(default)]
    pub percent_traffic: f64,
    /// Stage variables that are others there.
    #[serde(default)]
    pub stage_variable_overrides: BTreeMap<String, String>,
    /// Whether it uses the stage's cache.
    #[serde(default)]
    pub use_stage_cache: bool,
}

/// What AWS decides about a stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageOutputs {
    /// ARN of the stage.
    pub arn: String,
    /// ARN of its calls, for permissions: `arn:aws:execute-api:…:api/stage`.
    pub execution_arn: String,
    /// Address at which it is called.
    pub invoke_url: String,
    /// Web ACL that guards it.
    pub web_acl_arn: Option<String>,
}

impl Resource for Stage {
    const TYPE: &'static str = "aws:apigateway/stage:Stage";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(90, 90, 20).poll(5),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["apigateway:POST", "apigateway:PUT"],
            read: &["apigateway:GET"],
            update: &["apigateway:DELETE", "apigateway:PATCH", "apigateway:PUT"],
            delete: &["apigateway:DELETE"],
        },
        import: "id of the API and name of the stage, `restApi/stageName`",
        ..Facts::new(IdForm::Joined(&["restApi", "stageName"], "/"), FoundBy::Name)
    };
    type Outputs = StageOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.apigateway()
            .create_stage()
            .cache_cluster_enabled(self.cache_cluster_enabled)
            .set_cache_cluster_size(self.cache_cluster_size.as_deref().map(Into::into))
            .set_canary_settings(self.canary_settings.as_ref().map(StageCanarySettings::sent))
            .deployment_id(part(&self.deployment))
            .set_description(self.description.clone())
            .set_documentation_version(self.documentation_version.clone())
            .rest_api_id(&self.rest_api)
            .stage_name(&self.stage_name)
            .set_tags(Some(cx.tags(&self.tags).into_iter().collect()))
            .set_variables(sent(&self.variables))
            .tracing_enabled(self.xray_tracing_enabled)
            .send()
            .await?;
        Ok(Made::id(self.id()))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (new, old, mut patch) = (self, &live.inputs, Patch::default());
        match (&new.access_log_settings, &old.access_log_settings) {
            (Some(log), old) if Some(log) != old.as_ref() => {
                patch.replace("/accessLogSettings/destinationArn", &log.destination_arn);
                patch.replace("/accessLogSettings/format", &log.format);
            }
            (None, Some(_)) => patch.remove("/accessLogSettings"),
            _ => {}
        }
        patch.change("/cacheClusterEnabled", &new.cache_cluster_enabled, &old.cache_cluster_enabled);
        patch.change_if_given("/cacheClusterSize", &new.cache_cluster_size, &old.cache_cluster_size);
        match (&new.canary_settings, &old.canary_settings) {
            (Some(new), old) if Some(new) != old.as_ref() => new.change(old.as_ref(), &mut patch),
            (None, Some(_)) => patch.remove("/canarySettings"),
            _ => {}
        }
        patch.change_or_empty("/clientCertificateId", &new.client_certificate_id, &old.client_certificate_id);
        let deployed = |inputs: &Self| part(&inputs.deployment).to_owned();
        patch.change("/deploymentId", &deployed(new), &deployed(old));
        patch.change_or_empty("/description", &new.description, &old.description);
        patch.change_or_empty("/documentationVersion", &new.documentation_version, &old.documentation_version);
        patch.set_entries("/variables", &new.variables, &old.variables);
        patch.change("/tracingEnabled", &new.xray_tracing_enabled, &old.xray_tracing_enabled);
        let (api, stage) = place(id)?;
        let update = cx.apigateway().update_stage().rest_api_id(api).stage_name(stage);
        update.set_patch_operations(patch.operations()).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (api, stage) = place(id)?;
        cx.apigateway().delete_stage().rest_api_id(api).stage_name(stage).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let get = cx.apigateway().get_stage().rest_api_id(&self.rest_api).stage_name(&self.stage_name);
        let found = get.send().await.or_none()?;
        let mine = found.is_some_and(|stage| is_mine(stage.tags.as_ref(), cx));
        Ok(mine.then(|| Id(self.id())).into_iter().collect())
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let text = |name| inputs.get(name).and_then(Value::as_str);
        let (Some(api), Some(stage)) = (text("restApi"), text("stageName")) else { return Vec::new() };
        let execution = execution_arn(&at.partition, &at.region.0, &at.account, &format!("{api}/{stage}"));
        vec![
            ("arn", foreseen_arn(at, &format!("/restapis/{api}/stages/{stage}"))),
            ("executionArn", execution.into()),
            ("invokeUrl", invoke_url(api, stage, &at.region.0, &at.partition).into()),
        ]
    }
}

impl Stage {
    fn id(&self) -> String {
        format!("{}/{}", self.rest_api, self.stage_name)
    }
}

impl StageCanarySettings {
    fn sent(&self) -> sdk::CanarySettings {
        sdk::CanarySettings::builder()
            .deployment_id(part(&self.deployment_id))
            .percent_traffic(self.percent_traffic)
            .set_stage_variable_overrides(sent(&self.stage_variable_overrides))
            .use_stage_cache(self.use_stage_cache)
            .build()
    }

    fn seen(canary: sdk::CanarySettings) -> Result<Self> {
        Ok(Self {
            deployment_id: need("deploymentId", canary.deployment_id)?,
            percent_traffic: canary.percent_traffic,
            stage_variable_overrides: sorted(canary.stage_variable_overrides),
            use_stage_cache: canary.use_stage_cache,
        })
    }

    fn change(&self, live: Option<&Self>, patch: &mut Patch) {
        patch.replace("/canarySettings/deploymentId", part(&self.deployment_id));
        patch.replace("/canarySettings/percentTraffic", self.percent_traffic);
        let none = BTreeMap::new();
        let overrides = live.map_or(&none, |live| &live.stage_variable_overrides);
        patch.set_entries("/canarySettings/stageVariableOverrides", &self.stage_variable_overrides, overrides);
        patch.replace("/canarySettings/useStageCache", self.use_stage_cache);
    }
}

fn place(id: &Id) -> Result<(&str, &str)> {
    halves(&id.0, "restApi/stageName")
}

fn invoke_url(api: &str, stage: &str, region: &str, partition: &str) -> String {
    format!("https://{api}.execute-api.{region}.{}/{stage}", dns_suffix(partition))
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<Stage>>> {
    let (api, stage) = place(&id)?;
    let Some(s) = cx.apigateway().get_stage().rest_api_id(api).stage_name(stage).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let changes = [CacheClusterStatus::CreateInProgress, CacheClusterStatus::DeleteInProgress];
    if let Some(status) = s.cache_cluster_status.filter(|status| changes.contains(status)) {
        return Ok(Seen::Pending(format!("cache: {}", status.as_str())));
    }
    let log = s.access_log_settings.and_then(|log| {
        Some(StageAccessLogSettings { destination_arn: log.destination_arn?, format: log.format.unwrap_or_default() })
    });
    let outputs = StageOutputs {
        arn: arn(cx.partition(), cx.region(), &format!("/restapis/{api}/stages/{stage}")),
        execution_arn: execution_arn(cx.partition(), cx.region(), cx.account(), &id.0),
        invoke_url: invoke_url(api, stage, cx.region(), cx.partition()),
        web_acl_arn: given(s.web_acl_arn),
    };
    let inputs = Stage {
        access_log_settings: log,
        cache_cluster_enabled: s.cache_cluster_enabled,
        cache_cluster_size: s.cache_cluster_size.map(|size| size.as_str().to_owned()),
        canary_settings: s.canary_settings.map(StageCanarySettings::seen).transpose()?,
        client_certificate_id: given(s.client_certificate_id),
        deployment: need("deploymentId", s.deployment_id)?,
        description: given(s.description),
        documentation_version: given(s.documentation_version),
        rest_api: api.to_owned(),
        stage_name: stage.to_owned(),
        tags: tags_from(s.tags),
        variables: sorted(s.variables),
        xray_tracing_enabled: s.tracing_enabled,
    };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, aws, ok, read, reads_back};

    const STAGE: (&str, &str) = ("/restapis/api/stages/live", "api/live");

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let reply = r#"{"deploymentId":"dep","clientCertificateId":"cert","stageName":"live","description":"one",
            "cacheClusterEnabled":true,"cacheClusterSize":"0.5","cacheClusterStatus":"AVAILABLE",
            "variables":{"a":"1"},"documentationVersion":"2","tracingEnabled":true,"webAclArn":"arn:acl",
            "accessLogSettings":{"format":"$context.requestId","destinationArn":"arn:log"},
            "canarySettings":{"percentTraffic":10.0,"deploymentId":"new","stageVariableOverrides":{"a":"2"},
            "useStageCache":true},"tags":{"a":"b","aws:x":"y"}}"#;
        let inputs = json!({
            "accessLogSettings": { "destinationArn": "arn:log", "format": "$context.requestId" },
            "cacheClusterEnabled": true,
            "cacheClusterSize": "0.5",
            "canarySettings": { "deploymentId": "new", "percentTraffic": 10.0,
                "stageVariableOverrides": { "a": "2" }, "useStageCache": true },
            "clientCertificateId": "cert",
            "deployment": "dep",
            "description": "one",
            "documentationVersion": "2",
            "restApi": "api",
            "stageName": "live",
            "tags": { "a": "b" },
            "variables": { "a": "1" },
            "xrayTracingEnabled": true,
        });
        let live = reads_back(Stage::TYPE, STAGE.1, &[(STAGE.0, ok(reply))], &[], inputs).await;
        let output = |name: &str| live.outputs.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert_eq!(output("arn"), "arn:aws:apigateway:eu-west-1::/restapis/api/stages/live");
        assert_eq!(output("executionArn"), "arn:aws:execute-api:eu-west-1:123456789012:api/live");
        assert_eq!(output("invokeUrl"), "https://api.execute-api.eu-west-1.amazonaws.com/live");
    }

    #[tokio::test]
    async fn a_stage_is_ready_when_its_cache_is() {
        let reply = r#"{"deploymentId":"dep","stageName":"live","cacheClusterStatus":"CREATE_IN_PROGRESS"}"#;
        let (aws, _) = aws(&[(STAGE.0, Reply::Says(200, reply.into()))]);
        let seen = read(&aws, Stage::TYPE, STAGE.1).await.unwrap();
        assert_eq!(seen, Seen::Pending("cache: CREATE_IN_PROGRESS".into()));
    }
}
