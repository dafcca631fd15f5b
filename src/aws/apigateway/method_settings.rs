use std::collections::HashMap;

use aws_sdk_apigateway::types as sdk;

use super::patch::{Patch, escaped, unescaped};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, form, one_of, refers, replace};

/// How a stage treats calls of a method, or of all its methods: logs, metrics, limits, cache.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MethodSettings {
    /// Path and verb, for example `orders/{id}/GET`, or `*/*` for all methods.
    #[schemars(transform = replace, transform = form(r"^.*/(\*|[A-Z]+)$", "a path and a verb such as `orders/GET`"))]
    pub method_path: String,
    /// API that the stage belongs to.
    #[schemars(transform = replace, transform = refers("aws:apigateway/restApi:RestApi.id"))]
    pub rest_api: String,
    /// Settings.
    pub settings: MethodSettingsSettings,
    /// Name of the stage.
    #[schemars(transform = replace, transform = refers("aws:apigateway/stage:Stage.stageName"))]
    pub stage_name: String,
}

/// Settings of methods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MethodSettingsSettings {
    /// Whether cached answers are encrypted.
    #[schemars(transform = computed)]
    pub cache_data_encrypted: Option<bool>,
    /// How long answers are cached, in seconds.
    #[schemars(transform = computed, range(min = 0, max = 3600))]
    pub cache_ttl_in_seconds: Option<i32>,
    /// Whether answers are cached.
    #[schemars(transform = computed)]
    pub caching_enabled: Option<bool>,
    /// Whether whole requests and answers are logged.
    #[schemars(transform = computed)]
    pub data_trace_enabled: Option<bool>,
    /// What is logged.
    #[schemars(transform = computed, transform = one_of(&["OFF", "ERROR", "INFO"]))]
    pub logging_level: Option<String>,
    /// Whether CloudWatch gets metrics of each method.
    #[schemars(transform = computed)]
    pub metrics_enabled: Option<bool>,
    /// Whether callers need a right to have the cache emptied.
    #[schemars(transform = computed)]
    pub require_authorization_for_cache_control: Option<bool>,
    /// Calls at once; `-1` is no limit.
    #[schemars(range(min = -1))]
    #[serde(default = "unlimited")]
    pub throttling_burst_limit: i32,
    /// Calls a second; `-1` is no limit.
    #[schemars(range(min = -1.0))]
    #[serde(default = "unlimited_rate")]
    pub throttling_rate_limit: f64,
    /// What happens to callers that may not empty the cache.
    #[schemars(transform = computed)]
    #[schemars(transform = one_of(&[
        "FAIL_WITH_403", "SUCCEED_WITH_RESPONSE_HEADER", "SUCCEED_WITHOUT_RESPONSE_HEADER"
    ]))]
    pub unauthorized_cache_control_header_strategy: Option<String>,
}

fn unlimited() -> i32 {
    -1
}

fn unlimited_rate() -> f64 {
    -1.0
}

/// AWS decides nothing about the settings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MethodSettingsOutputs {}

impl Resource for MethodSettings {
    const TYPE: &'static str = "aws:apigateway/methodSettings:MethodSettings";
    const FACTS: Facts = Facts {
        existing: Existing::Set,
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["apigateway:PATCH"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH"],
            delete: &["apigateway:PATCH"],
        },
        import: "API, stage, path and verb, `restApi/stageName/methodPath`",
        // Settings that are made twice are the same settings.
        ..Facts::new(IdForm::Joined(&["restApi", "stageName", "methodPath"], "/"), FoundBy::Name)
    };
    type Outputs = MethodSettingsOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let id = Id(format!("{}/{}/{}", self.rest_api, self.stage_name, self.method_path));
        let patch = self.settings.patch(&step(&self.method_path)?, None);
        send(Place::parse(&id)?, patch, cx).await?;
        Ok(Made::id(id.0))
    }

    /// The settings of a stage stand in the stage, which is asked once.
    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let places = ids.iter().map(Place::parse).collect::<Result<Vec<_>>>()?;
        let mut stages: Vec<Id> = places.iter().map(|p| Id(format!("{}/{}", p.api, p.stage))).collect();
        stages.sort();
        stages.dedup();
        let found = each(&stages, |stage| settings_of(stage, cx)).await?;
        let all: HashMap<Id, _> = stages.into_iter().zip(found).collect();
        let seen = places.into_iter().map(|place| {
            let settings = all.get(&Id(format!("{}/{}", place.api, place.stage)));
            let settings = settings.and_then(|all| all.get(&canonical(place.method)));
            settings.map_or(Seen::Gone, |settings| Seen::Ready(live(place, settings)))
        });
        Ok(seen.collect())
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let patch = self.settings.patch(&step(&self.method_path)?, Some(&live.inputs.settings));
        send(Place::parse(id)?, patch, cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let place = Place::parse(id)?;
        let mut patch = Patch::default();
        patch.remove(step(place.method)?);
        send(place, patch, cx).await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let settings = settings_of(Id(format!("{}/{}", self.rest_api, self.stage_name)), cx).await?;
        let there = settings.contains_key(&canonical(&self.method_path));
        let id = || Id(format!("{}/{}/{}", self.rest_api, self.stage_name, self.method_path));
        Ok(there.then(id).into_iter().collect())
    }
}

impl MethodSettingsSettings {
    fn patch(&self, at: &str, live: Option<&Self>) -> Patch {
        let mut patch = Patch::default();
        let path = |setting: &str| format!("{at}/{setting}");
        macro_rules! change {
            ($($path:literal: $field:ident),* $(,)?) => {
                $(patch.change_if_given(&path($path), &self.$field, &live.and_then(|live| live.$field.clone()));)*
            };
        }
        change! {
            "caching/dataEncrypted": cache_data_encrypted,
            "caching/ttlInSeconds": cache_ttl_in_seconds,
            "caching/enabled": caching_enabled,
            "logging/dataTrace": data_trace_enabled,
            "logging/loglevel": logging_level,
            "metrics/enabled": metrics_enabled,
            "caching/requireAuthorizationForCacheControl": require_authorization_for_cache_control,
            "caching/unauthorizedCacheControlHeaderStrategy": unauthorized_cache_control_header_strategy,
        }
        let (burst, rate) = (self.throttling_burst_limit, self.throttling_rate_limit);
        patch.change_if_given(&path("throttling/burstLimit"), &Some(burst), &live.map(|l| l.throttling_burst_limit));
        patch.change_if_given(&path("throttling/rateLimit"), &Some(rate), &live.map(|l| l.throttling_rate_limit));
        patch
    }

    fn seen(s: &sdk::MethodSetting) -> Self {
        let strategy = s.unauthorized_cache_control_header_strategy.as_ref();
        Self {
            cache_data_encrypted: Some(s.cache_data_encrypted),
            cache_ttl_in_seconds: Some(s.cache_ttl_in_seconds),
            caching_enabled: Some(s.caching_enabled),
            data_trace_enabled: Some(s.data_trace_enabled),
            logging_level: s.logging_level.clone(),
            metrics_enabled: Some(s.metrics_enabled),
            require_authorization_for_cache_control: Some(s.require_authorization_for_cache_control),
            throttling_burst_limit: s.throttling_burst_limit,
            throttling_rate_limit: s.throttling_rate_limit,
            unauthorized_cache_control_header_strategy: strategy.map(|strategy| strategy.as_str().to_owned()),
        }
    }
}

/// The parts of an id.
#[derive(Clone, Copy)]
struct Place<'a> {
    api: &'a str,
    stage: &'a str,
    method: &'a str,
}

impl<'a> Place<'a> {
    fn parse(id: &'a Id) -> Result<Self> {
        let mut parts = id.0.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(api), Some(stage), Some(method)) => Ok(Self { api, stage, method }),
            _ => Err(Error::invalid(format!("`{id}` is not `restApi/stageName/methodPath`"))),
        }
    }
}

/// The method as the beginning of a patch's path: `/~1orders~1{id}/GET`, `/*/*`.
fn step(method: &str) -> Result<String> {
    let wrong = || Error::invalid(format!("`{method}` is not a path and a verb such as `orders/GET`"));
    let (path, verb) = method.rsplit_once('/').ok_or_else(wrong)?;
    Ok(match unescaped(path).trim_start_matches('/') {
        "*" => format!("/*/{verb}"),
        path => format!("/{}/{verb}", escaped(&format!("/{path}"))),
    })
}

/// The method without what may or may not be written: `orders/{id}/GET`.
fn canonical(method: &str) -> String {
    unescaped(method).trim_start_matches('/').to_owned()
}

async fn send(place: Place<'_>, patch: Patch, cx: &Cx) -> Result<()> {
    let update = cx.apigateway().update_stage().rest_api_id(place.api).stage_name(place.stage);
    update.set_patch_operations(patch.operations()).send().await?;
    Ok(())
}

/// All settings of a stage by method.
async fn settings_of(stage: Id, cx: &Cx) -> Result<HashMap<String, sdk::MethodSetting>> {
    let (api, stage) = super::halves(&stage.0, "restApi/stageName")?;
    let reply = cx.apigateway().get_stage().rest_api_id(api).stage_name(stage).send().await.or_none()?;
    let settings = reply.and_then(|stage| stage.method_settings).unwrap_or_default();
    Ok(settings.into_iter().map(|(method, settings)| (canonical(&method), settings)).collect())
}

fn live(place: Place<'_>, settings: &sdk::MethodSetting) -> Live<MethodSettings> {
    let inputs = MethodSettings {
        method_path: place.method.to_owned(),
        rest_api: place.api.to_owned(),
        settings: MethodSettingsSettings::seen(settings),
        stage_name: place.stage.to_owned(),
    };
    Live { inputs, outputs: MethodSettingsOutputs {} }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let reply = r#"{"stageName":"live","methodSettings":{"~1orders~1{id}/GET":{"metricsEnabled":true,
            "loggingLevel":"INFO","dataTraceEnabled":true,"throttlingBurstLimit":10,"throttlingRateLimit":5.5,
            "cachingEnabled":true,"cacheTtlInSeconds":60,"cacheDataEncrypted":true,
            "requireAuthorizationForCacheControl":true,
            "unauthorizedCacheControlHeaderStrategy":"FAIL_WITH_403"}}}"#;
        let inputs = json!({
            "methodPath": "orders/{id}/GET",
            "restApi": "api",
            "settings": {
                "cacheDataEncrypted": true,
                "cacheTtlInSeconds": 60,
                "cachingEnabled": true,
                "dataTraceEnabled": true,
                "loggingLevel": "INFO",
                "metricsEnabled": true,
                "requireAuthorizationForCacheControl": true,
                "throttlingBurstLimit": 10,
                "throttlingRateLimit": 5.5,
                "unauthorizedCacheControlHeaderStrategy": "FAIL_WITH_403",
            },
            "stageName": "live",
        });
        let get = ("/restapis/api/stages/live", ok(reply));
        reads_back(MethodSettings::TYPE, "api/live/orders/{id}/GET", &[get], &[], inputs).await;
    }

    #[test]
    fn a_method_is_one_step_of_a_patch_however_it_is_written() {
        for written in ["orders/{id}/GET", "/orders/{id}/GET", "~1orders~1{id}/GET"] {
            assert_eq!(step(written).unwrap(), "/~1orders~1{id}/GET");
            assert_eq!(canonical(written), "orders/{id}/GET");
        }
        assert_eq!(step("*/*").unwrap(), "/*/*");
        assert_eq!(step("/GET").unwrap(), "/~1/GET");
        assert!(step("GET").is_err());
    }
}
