use std::collections::BTreeMap;

use aws_sdk_apigateway::types::TlsConfig;

use super::patch::Patch;
use super::{given, method_place, part, sent, sorted};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, computed, one_of, refers, replace, unordered};

/// What answers a method of a REST API: a function, another address, another AWS service.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Integration {
    /// Parameters of the request that tell cached answers apart.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub cache_key_parameters: Vec<String>,
    /// Group of cached answers; by default the resource.
    #[schemars(transform = computed)]
    pub cache_namespace: Option<String>,
    /// VPC link, for `VPC_LINK`.
    pub connection_id: Option<String>,
    /// Way to the address.
    #[schemars(transform = one_of(&["INTERNET", "VPC_LINK"]))]
    #[serde(default = "internet")]
    pub connection_type: String,
    /// How bodies are converted between text and bytes.
    #[schemars(transform = one_of(&["CONVERT_TO_BINARY", "CONVERT_TO_TEXT"]))]
    pub content_handling: Option<String>,
    /// Role by which API Gateway calls, or `arn:aws:iam::*:user/*` for the caller's own.
    #[schemars(transform = replace, transform = refers("aws:iam/role:Role.arn"))]
    pub credentials: Option<String>,
    /// Verb of the method.
    #[schemars(transform = replace)]
    #[schemars(transform = one_of(&["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "ANY"]))]
    pub http_method: String,
    /// Verb of the call that is made. Functions take `POST` only.
    #[schemars(transform = replace)]
    #[schemars(transform = one_of(&["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "ANY"]))]
    pub integration_http_method: Option<String>,
    /// ARN of the load balancer that a VPC link leads to.
    pub integration_target: Option<String>,
    /// What happens to bodies whose media type has no template.
    #[schemars(transform = replace, transform = computed)]
    #[schemars(transform = one_of(&["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"]))]
    pub passthrough_behavior: Option<String>,
    /// Parameters of the call by name, such as `integration.request.path.id`.
    #[serde(default)]
    pub request_parameters: BTreeMap<String, String>,
    /// Template of the call's body by media type.
    #[serde(default)]
    pub request_templates: BTreeMap<String, String>,
    /// Path that the method belongs to.
    #[schemars(transform = replace, transform = alike(Alike::Part))]
    #[schemars(transform = refers("aws:apigateway/resource:Resource.id"))]
    pub resource_id: String,
    /// Whether answers go out as a whole or as they come.
    #[schemars(transform = one_of(&["BUFFERED", "STREAM"]))]
    #[serde(default = "buffered")]
    pub response_transfer_mode: String,
    /// API that the method belongs to.
    #[schemars(transform = replace, transform = refers("aws:apigateway/restApi:RestApi.id"))]
    pub rest_api: String,
    /// How long an answer may take, in milliseconds. More than 29000 needs a higher quota.
    #[schemars(range(min = 50, max = 900_000))]
    #[serde(default = "usual_timeout")]
    pub timeout_milliseconds: i32,
    /// How the other side's certificate is checked.
    #[serde(default)]
    pub tls_config: IntegrationTlsConfig,
    /// Kind of integration.
    #[schemars(transform = replace, transform = one_of(&["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"]))]
    pub r#type: String,
    /// What is called: an address, or for a function its `invokeArn`.
    pub uri: Option<String>,
}

/// How a certificate is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntegrationTlsConfig {
    /// Whether certificates of unknown authorities are taken.
    #[serde(default)]
    pub insecure_skip_verification: bool,
}

fn internet() -> String {
    "INTERNET".to_owned()
}

fn buffered() -> String {
    "BUFFERED".to_owned()
}

fn usual_timeout() -> i32 {
    29_000
}

/// AWS decides nothing about an integration.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct IntegrationOutputs {}

impl Resource for Integration {
    const TYPE: &'static str = "aws:apigateway/integration:Integration";
    const FACTS: Facts = Facts {
        existing: Existing::Set,
        takes: Takes::seconds(1, 1, 1),
        // A method has one integration.
        delete_first: true,
        permissions: Permissions {
            create: &["apigateway:PUT", "iam:PassRole"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH"],
            delete: &["apigateway:DELETE"],
        },
        passes_roles_to: &["apigateway"],
        import: "API, resource and verb, `restApi/resourceId/httpMethod`",
        ..Facts::new(IdForm::Joined(&["restApi", "resourceId", "httpMethod"], "/"), FoundBy::Name)
    };
    type Outputs = IntegrationOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let tls = self.tls_config.insecure_skip_verification;
        let streams = self.response_transfer_mode != buffered();
        cx.apigateway()
            .put_integration()
            .set_cache_key_parameters(
                (!self.cache_key_parameters.is_empty()).then(|| self.cache_key_parameters.clone()),
            )
            .set_cache_namespace(self.cache_namespace.clone())
            .set_connection_id(self.connection_id.clone())
            .connection_type(self.connection_type.as_str().into())
            .set_content_handling(self.content_handling.as_deref().map(Into::into))
            .set_credentials(self.credentials.clone())
            .http_method(&self.http_method)
            .set_integration_http_method(self.integration_http_method.clone())
            .set_integration_target(self.integration_target.clone())
            .set_passthrough_behavior(self.passthrough_behavior.clone())
            .set_request_parameters(sent(&self.request_parameters))
            .set_request_templates(sent(&self.request_templates))
            .resource_id(part(&self.resource_id))
            .set_response_transfer_mode(streams.then(|| self.response_transfer_mode.as_str().into()))
            .rest_api_id(&self.rest_api)
            .timeout_in_millis(self.timeout_milliseconds)
            .set_tls_config(tls.then(|| TlsConfig::builder().insecure_skip_verification(true).build()))
            .r#type(self.r#type.as_str().into())
            .set_uri(self.uri.clone())
            .send()
            .await?;
        Ok(Made::id(self.id()))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (new, old, mut patch) = (self, &live.inputs, Patch::default());
        patch.change_keys("/cacheKeyParameters", &new.cache_key_parameters, &old.cache_key_parameters);
        patch.change_if_given("/cacheNamespace", &new.cache_namespace, &old.cache_namespace);
        patch.change("/connectionType", &new.connection_type, &old.connection_type);
        patch.change_or_empty("/connectionId", &new.connection_id, &old.connection_id);
        patch.change_or_empty("/contentHandling", &new.content_handling, &old.content_handling);
        patch.change_or_empty("/integrationTarget", &new.integration_target, &old.integration_target);
        patch.change_entries("/requestParameters", &new.request_parameters, &old.request_parameters);
        patch.change_entries("/requestTemplates", &new.request_templates, &old.request_templates);
        patch.change("/responseTransferMode", &new.response_transfer_mode, &old.response_transfer_mode);
        patch.change("/timeoutInMillis", &new.timeout_milliseconds, &old.timeout_milliseconds);
        let skips = |inputs: &Self| inputs.tls_config.insecure_skip_verification;
        patch.change("/tlsConfig/insecureSkipVerification", &skips(new), &skips(old));
        patch.change_or_empty("/uri", &new.uri, &old.uri);
        let (api, resource, verb) = method_place(&id.0)?;
        let update = cx.apigateway().update_integration().rest_api_id(api).resource_id(resource).http_method(verb);
        update.set_patch_operations(patch.operations()).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (api, resource, verb) = method_place(&id.0)?;
        let delete = cx.apigateway().delete_integration().rest_api_id(api).resource_id(resource).http_method(verb);
        delete.send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(self.id());
        let there = matches!(seen(id.clone(), cx).await?, Seen::Ready(_));
        Ok(there.then_some(id).into_iter().collect())
    }
}

impl Integration {
    fn id(&self) -> String {
        format!("{}/{}/{}", self.rest_api, self.resource_id, self.http_method)
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<Integration>>> {
    let (api, resource, verb) = method_place(&id.0)?;
    let get = cx.apigateway().get_integration().rest_api_id(api).resource_id(resource).http_method(verb);
    let Some(i) = get.send().await.or_none()? else { return Ok(Seen::Gone) };
    let inputs = Integration {
        cache_key_parameters: i.cache_key_parameters.unwrap_or_default(),
        cache_namespace: given(i.cache_namespace),
        connection_id: given(i.connection_id),
        // AWS leaves both words out where they say what is usual.
        connection_type: i.connection_type.map_or_else(internet, |kind| kind.as_str().to_owned()),
        content_handling: i.content_handling.map(|way| way.as_str().to_owned()).filter(|way| !way.is_empty()),
        credentials: given(i.credentials),
        http_method: verb.to_owned(),
        integration_http_method: given(i.http_method),
        integration_target: given(i.integration_target),
        passthrough_behavior: given(i.passthrough_behavior),
        request_parameters: sorted(i.request_parameters),
        request_templates: sorted(i.request_templates),
        resource_id: resource.to_owned(),
        response_transfer_mode: i.response_transfer_mode.map_or_else(buffered, |mode| mode.as_str().to_owned()),
        rest_api: api.to_owned(),
        timeout_milliseconds: i.timeout_in_millis,
        tls_config: IntegrationTlsConfig {
            insecure_skip_verification: i.tls_config.is_some_and(|tls| tls.insecure_skip_verification),
        },
        r#type: need("type", i.r#type)?.as_str().to_owned(),
        uri: given(i.uri),
    };
    Ok(Seen::Ready(Live { inputs, outputs: IntegrationOutputs {} }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let reply = r#"{"type":"HTTP_PROXY","httpMethod":"POST","uri":"https://a.example","connectionType":"VPC_LINK",
            "connectionId":"link","credentials":"arn:r","requestParameters":{"integration.request.path.id":"'1'"},
            "requestTemplates":{"application/json":"{}"},"passthroughBehavior":"NEVER",
            "contentHandling":"CONVERT_TO_TEXT","timeoutInMillis":5000,"cacheNamespace":"ns",
            "cacheKeyParameters":["method.request.path.id"],"tlsConfig":{"insecureSkipVerification":true},
            "responseTransferMode":"STREAM","integrationTarget":"arn:lb"}"#;
        let inputs = json!({
            "cacheKeyParameters": ["method.request.path.id"],
            "cacheNamespace": "ns",
            "connectionId": "link",
            "connectionType": "VPC_LINK",
            "contentHandling": "CONVERT_TO_TEXT",
            "credentials": "arn:r",
            "httpMethod": "GET",
            "integrationHttpMethod": "POST",
            "integrationTarget": "arn:lb",
            "passthroughBehavior": "NEVER",
            "requestParameters": { "integration.request.path.id": "'1'" },
            "requestTemplates": { "application/json": "{}" },
            "resourceId": "res",
            "responseTransferMode": "STREAM",
            "restApi": "api",
            "timeoutMilliseconds": 5000,
            "tlsConfig": { "insecureSkipVerification": true },
            "type": "HTTP_PROXY",
            "uri": "https://a.example",
        });
        let get = ("/restapis/api/resources/res/methods/GET/integration", ok(reply));
        reads_back(Integration::TYPE, "api/res/GET", &[get], &[], inputs).await;
    }
}
