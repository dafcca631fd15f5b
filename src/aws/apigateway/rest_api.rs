use std::collections::BTreeMap;

use aws_sdk_apigateway::primitives::Blob;
use aws_sdk_apigateway::types::{ApiStatus, EndpointConfiguration, PutMode};

use super::patch::Patch;
use super::{arn, document, execution_arn, foreseen_arn, given, is_mine, moment, retag, same, sent, tags_from};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, computed, form, needs, one_of, refers, unordered, write_only};

/// An API of paths and verbs. It is called at `<id>.execute-api.<region>.amazonaws.com`, under the
/// name of a stage; health checks belong there and not to a name that fails over.
///
/// AWS makes one API in three seconds, and deletes one in thirty.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = needs(&["parameters", "body"]))]
pub struct RestApi {
    /// Where the key of a call comes from.
    #[schemars(transform = computed, transform = one_of(&["HEADER", "AUTHORIZER"]))]
    pub api_key_source: Option<String>,
    /// Media types that are passed on as bytes.
    #[schemars(transform = computed, transform = unordered)]
    pub binary_media_types: Option<Vec<String>>,
    /// Paths, methods and integrations as an OpenAPI document, in the place of resources of their own.
    #[schemars(transform = write_only)]
    pub body: Option<Document>,
    /// Purpose of the API.
    #[schemars(transform = computed)]
    pub description: Option<String>,
    /// Whether only domain names of one's own lead to the API.
    #[schemars(transform = computed)]
    pub disable_execute_api_endpoint: Option<bool>,
    /// How strictly calls must come through the kind of endpoint.
    #[schemars(transform = computed, transform = one_of(&["BASIC", "STRICT"]))]
    pub endpoint_access_mode: Option<String>,
    /// Kind of endpoint.
    #[schemars(transform = computed)]
    pub endpoint_configuration: Option<RestApiEndpointConfiguration>,
    /// Whether a document with warnings is refused.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub fail_on_warnings: bool,
    /// Size in bytes from which answers are compressed, up to 10485760; `-1` is never.
    #[schemars(transform = form(r"^(-1|\d+)$", "a number of bytes, or `-1`"))]
    #[serde(default = "never")]
    pub minimum_compression_size: String,
    /// Name of the API, which needs not be unique.
    #[schemars(transform = auto_name(255), length(min = 1, max = 1024))]
    pub name: String,
    /// How the document is read, for example `basepath: prepend`.
    #[schemars(transform = write_only)]
    pub parameters: Option<BTreeMap<String, String>>,
    /// Who may call the API. `execute-api:/stage/verb/path` stands for the API's own ARNs.
    #[schemars(transform = computed, transform = alike(Alike::ApiPolicy))]
    pub policy: Option<Document>,
    /// Whether a changed document takes the place of the old one or is laid over it.
    #[schemars(transform = write_only, transform = one_of(&["merge", "overwrite"]))]
    #[serde(default = "overwrite")]
    pub put_rest_api_mode: String,
    /// Oldest TLS version and ciphers, for example `TLS_1_2`.
    #[schemars(transform = computed)]
    pub security_policy: Option<String>,
    /// Tags of the API.
    #[serde(default)]
    pub tags: Tags,
}

/// A kind of endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestApiEndpointConfiguration {
    /// Kinds of addresses.
    #[schemars(transform = computed, transform = one_of(&["ipv4", "dualstack"]))]
    pub ip_address_type: Option<String>,
    /// Kind.
    #[schemars(transform = one_of(&["EDGE", "REGIONAL", "PRIVATE"]))]
    pub types: String,
    /// VPC endpoints that lead to a private API.
    #[schemars(transform = computed, transform = unordered)]
    #[schemars(transform = refers("aws:ec2/vpcEndpoint:VpcEndpoint.id"))]
    pub vpc_endpoint_ids: Option<Vec<String>>,
}

fn never() -> String {
    "-1".to_owned()
}

fn overwrite() -> String {
    "overwrite".to_owned()
}

/// What AWS decides about an API.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestApiOutputs {
    /// ARN of the API.
    pub arn: String,
    /// When it was made.
    pub created_date: String,
    /// Beginning of the ARNs of its calls, for permissions: `arn:aws:execute-api:…:api`.
    pub execution_arn: String,
    /// Id of the path `/`.
    pub root_resource_id: String,
}

impl Resource for RestApi {
    const TYPE: &'static str = "aws:apigateway/restApi:RestApi";
    const FACTS: Facts = Facts {
        names: Names::Shared,
        takes: Takes::seconds(3, 1, 3),
        permissions: Permissions {
            create: &["apigateway:DELETE", "apigateway:POST", "apigateway:PUT", "apigateway:UpdateRestApiPolicy"],
            read: &["apigateway:GET"],
            update: &["apigateway:DELETE", "apigateway:PATCH", "apigateway:PUT", "apigateway:UpdateRestApiPolicy"],
            delete: &["apigateway:DELETE"],
        },
        import: "id of the API, `abcde12345`",
        ..Facts::new(IdForm::Random("", 10), FoundBy::OwnerTag)
    };
    type Outputs = RestApiOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let size = self.minimum_compression_size.parse().ok().filter(|size| *size >= 0);
        let reply = cx
            .apigateway()
            .create_rest_api()
            .set_api_key_source(self.api_key_source.as_deref().map(Into::into))
            .set_binary_media_types(self.binary_media_types.clone())
            .set_description(self.description.clone())
            .set_disable_execute_api_endpoint(self.disable_execute_api_endpoint)
            .set_endpoint_access_mode(self.endpoint_access_mode.as_deref().map(Into::into))
            .set_endpoint_configuration(self.endpoint_configuration.as_ref().map(RestApiEndpointConfiguration::sent))
            .set_minimum_compression_size(size)
            .name(&self.name)
            .set_policy(self.policy.as_ref().map(|policy| policy.as_str().to_owned()))
            .set_security_policy(self.security_policy.as_deref().map(Into::into))
            .set_tags(Some(cx.tags(&self.tags).into_iter().collect()))
            .send()
            .await?;
        let id = Id(need("id", reply.id)?);
        self.fill(&id, cx).await?;
        Ok(Made::id(id.0))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    /// A document goes first, because it may overwrite the rest.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (new, old, mut patch) = (self, &live.inputs, Patch::default());
        if !same(new.body.as_ref(), old.body.as_ref()) || new.parameters != old.parameters {
            self.put(id, cx).await?;
            return Ok(Next::Started);
        }
        patch.change_if_given("/apiKeySource", &new.api_key_source, &old.api_key_source);
        if let Some(types) = &new.binary_media_types {
            patch.change_keys("/binaryMediaTypes", types, old.binary_media_types.as_deref().unwrap_or_default());
        }
        patch.change_if_given("/description", &new.description, &old.description);
        patch.change_if_given(
            "/disableExecuteApiEndpoint",
            &new.disable_execute_api_endpoint,
            &old.disable_execute_api_endpoint,
        );
        patch.change_if_given("/endpointAccessMode", &new.endpoint_access_mode, &old.endpoint_access_mode);
        if let Some(endpoint) = &new.endpoint_configuration {
            endpoint.change(old.endpoint_configuration.as_ref(), &mut patch);
        }
        // Nothing stands for never.
        let size = |inputs: &Self| Some(inputs.minimum_compression_size.clone()).filter(|size| *size != never());
        patch.change_or_unset("/minimumCompressionSize", &size(new), &size(old));
        patch.change("/name", &new.name, &old.name);
        if let Some(policy) = new.policy.as_ref().filter(|policy| !same(Some(policy), old.policy.as_ref())) {
            patch.replace("/policy", policy.as_str());
        }
        patch.change_if_given("/securityPolicy", &new.security_policy, &old.security_policy);
        if let Some(operations) = patch.operations() {
            cx.apigateway().update_rest_api().rest_api_id(&id.0).set_patch_operations(Some(operations)).send().await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.apigateway().delete_rest_api().rest_api_id(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    /// An API whose create broke off before it got its document gets it now.
    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let apis = cx.apigateway().get_rest_apis().limit(500).into_paginator().items().send();
        let apis = apis.collect::<Result<Vec<_>, _>>().await?.into_iter();
        let mut found = Vec::new();
        for api in apis.filter(|api| is_mine(api.tags.as_ref(), cx)) {
            let id = Id(need("id", api.id)?);
            // The version of an API is that of its document.
            if given(api.version).is_none() {
                self.fill(&id, cx).await?;
            }
            found.push(id);
        }
        Ok(found)
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let Some(id) = &at.id else { return Vec::new() };
        let execution = execution_arn(&at.partition, &at.region.0, &at.account, &id.0);
        vec![("arn", foreseen_arn(at, &format!("/restapis/{id}"))), ("executionArn", execution.into())]
    }
}

impl RestApi {
    /// Gives a new API its document. An API that cannot have it must not stay.
    async fn fill(&self, id: &Id, cx: &Cx) -> Result<()> {
        if self.body.is_none() {
            return Ok(());
        }
        let Err(refusal) = self.put(id, cx).await else { return Ok(()) };
        if refusal.ambiguous {
            return Err(refusal);
        }
        // One that could not be deleted is found again by its tag.
        let stays = cx.apigateway().delete_rest_api().rest_api_id(&id.0).send().await.or_none().is_err();
        Err(Error { ambiguous: stays, ..refusal })
    }

    async fn put(&self, id: &Id, cx: &Cx) -> Result<()> {
        let Some(body) = &self.body else { return Ok(()) };
        cx.apigateway()
            .put_rest_api()
            .body(Blob::new(body.as_str()))
            .fail_on_warnings(self.fail_on_warnings)
            .mode(PutMode::from(self.put_rest_api_mode.as_str()))
            .set_parameters(self.parameters.as_ref().and_then(sent))
            .rest_api_id(&id.0)
            .send()
            .await?;
        Ok(())
    }
}

impl RestApiEndpointConfiguration {
    fn sent(&self) -> EndpointConfiguration {
        EndpointConfiguration::builder()
            .set_ip_address_type(self.ip_address_type.as_deref().map(Into::into))
            .types(self.types.as_str().into())
            .set_vpc_endpoint_ids(self.vpc_endpoint_ids.clone())
            .build()
    }

    fn change(&self, live: Option<&Self>, patch: &mut Patch) {
        let address = live.and_then(|live| live.ip_address_type.clone());
        patch.change_if_given("/endpointConfiguration/ipAddressType", &self.ip_address_type, &address);
        let types = live.map(|live| live.types.clone());
        patch.change_if_given("/endpointConfiguration/types/0", &Some(self.types.clone()), &types);
        if let Some(endpoints) = &self.vpc_endpoint_ids {
            let old = live.and_then(|live| live.vpc_endpoint_ids.as_deref()).unwrap_or_default();
            patch.change_items("/endpointConfiguration/vpcEndpointIds", endpoints, old);
        }
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<RestApi>>> {
    let Some(api) = cx.apigateway().get_rest_api().rest_api_id(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    match api.api_status {
        Some(status @ (ApiStatus::Pending | ApiStatus::Updating)) => {
            return Ok(Seen::Pending(status.as_str().to_owned()));
        }
        Some(ApiStatus::Failed) => {
            return Ok(Seen::Failed(given(api.api_status_message).unwrap_or_else(|| "FAILED".to_owned())));
        }
        _ => {}
    }
    let endpoint = api.endpoint_configuration.map(|e| -> Result<_> {
        let kind = need("types", e.types.unwrap_or_default().into_iter().next())?;
        Ok(RestApiEndpointConfiguration {
            ip_address_type: e.ip_address_type.map(|kind| kind.as_str().to_owned()),
            types: kind.as_str().to_owned(),
            vpc_endpoint_ids: e.vpc_endpoint_ids.filter(|ids| !ids.is_empty()),
        })
    });
    let own = execution_arn(cx.partition(), cx.region(), cx.account(), &id.0);
    let outputs = RestApiOutputs {
        arn: arn(cx.partition(), cx.region(), &format!("/restapis/{id}")),
        created_date: need("createdDate", moment(api.created_date))?,
        execution_arn: own,
        root_resource_id: need("rootResourceId", api.root_resource_id)?,
    };
    let inputs = RestApi {
        api_key_source: api.api_key_source.map(|source| source.as_str().to_owned()),
        binary_media_types: api.binary_media_types.filter(|types| !types.is_empty()),
        body: None,
        description: given(api.description),
        disable_execute_api_endpoint: Some(api.disable_execute_api_endpoint),
        endpoint_access_mode: api.endpoint_access_mode.map(|mode| mode.as_str().to_owned()),
        endpoint_configuration: endpoint.transpose()?,
        fail_on_warnings: false,
        minimum_compression_size: api.minimum_compression_size.map_or_else(never, |size| size.to_string()),
        name: need("name", api.name)?,
        parameters: None,
        policy: document(api.policy),
        put_rest_api_mode: overwrite(),
        security_policy: api.security_policy.map(|policy| policy.as_str().to_owned()),
        tags: tags_from(api.tags),
    };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, reads_back};
    use crate::engine::provider::Provider;

    const API: &str = r#"{"id":"api","name":"orders","description":"one","createdDate":1700000000,"version":"1",
        "binaryMediaTypes":["image/png"],"minimumCompressionSize":1024,"apiKeySource":"AUTHORIZER",
        "endpointConfiguration":{"types":["PRIVATE"],"ipAddressType":"dualstack","vpcEndpointIds":["vpce-1"]},
        "policy":"{\\\"Resource\\\":\\\"arn:aws:execute-api:eu-west-1:123456789012:api/*\\\"}",
        "tags":{"a":"b","drctl:attempt":"01JD0000000000000000000000"},"disableExecuteApiEndpoint":true,
        "rootResourceId":"root","securityPolicy":"TLS_1_2","endpointAccessMode":"STRICT","apiStatus":"AVAILABLE"}"#;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "apiKeySource": "AUTHORIZER",
            "binaryMediaTypes": ["image/png"],
            "description": "one",
            "disableExecuteApiEndpoint": true,
            "endpointAccessMode": "STRICT",
            "endpointConfiguration": { "ipAddressType": "dualstack", "types": "PRIVATE",
                "vpcEndpointIds": ["vpce-1"] },
            "failOnWarnings": false,
            "minimumCompressionSize": "1024",
            "name": "orders",
            "policy": r#"{"Resource":"arn:aws:execute-api:eu-west-1:123456789012:api/*"}"#,
            "putRestApiMode": "overwrite",
            "securityPolicy": "TLS_1_2",
            "tags": { "a": "b" },
        });
        let live = reads_back(RestApi::TYPE, "api", &[("/restapis/api", ok(API))], &[], inputs).await;
        let output = |name: &str| live.outputs.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert_eq!(output("executionArn"), "arn:aws:execute-api:eu-west-1:123456789012:api");
        assert_eq!(output("rootResourceId"), "root");
    }

    #[tokio::test]
    async fn an_api_that_cannot_have_its_document_does_not_stay() {
        let refused = Reply::Says(400, r#"{"__type":"BadRequestException","message":"no paths"}"#.into());
        let (aws, wire) = aws(&[("PUT ", refused), ("DELETE ", ok("")), ("POST ", ok(API))]);
        let inputs = json!({ "name": "orders", "body": "{}" }).into();
        let error = aws.create(&at(RestApi::TYPE), &inputs).await.unwrap_err();
        assert_eq!(error.message, "no paths");
        assert_eq!(wire.requests("DELETE ").len(), 1);
    }

    #[tokio::test]
    async fn an_api_that_can_neither_have_its_document_nor_go_is_in_doubt() {
        let refused = |code: &str| Reply::Says(400, format!(r#"{{"__type":"{code}","message":"no"}}"#));
        let replies = [("PUT ", refused("BadRequestException")), ("DELETE ", refused("AccessDeniedException"))];
        let (aws, _) = aws(&[&replies[..], &[("POST ", ok(API))]].concat());
        let inputs = json!({ "name": "orders", "body": "{}" }).into();
        assert!(aws.create(&at(RestApi::TYPE), &inputs).await.unwrap_err().ambiguous);
    }

    #[tokio::test]
    async fn a_lost_api_without_its_document_gets_it() {
        let bare = format!(r#"{{"item":[{}]}}"#, API.replace(r#""version":"1","#, ""));
        let (aws, wire) = aws(&[("PUT ", ok(API)), ("GET ", ok(bare))]);
        let inputs = json!({ "name": "orders", "body": { "openapi": "3.0.1" } }).into();
        let found = aws.find(&at(RestApi::TYPE), &inputs).await.unwrap();
        assert_eq!(found, [Id("api".into())]);
        assert!(wire.requests("PUT ")[0].contains(r#"{"openapi":"3.0.1"}"#));
    }
}
