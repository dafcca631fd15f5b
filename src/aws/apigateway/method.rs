use std::collections::BTreeMap;

use super::patch::Patch;
use super::{given, method_place, part, sent, sorted};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, one_of, refers, replace, unordered};

/// A verb that a path of a REST API answers to, and who may use it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Method {
    /// Whether callers must send a key of the API.
    #[serde(default)]
    pub api_key_required: bool,
    /// How callers are known.
    #[schemars(transform = one_of(&["NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"]))]
    pub authorization: String,
    /// Scopes of which a caller's token must have one.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub authorization_scopes: Vec<String>,
    /// Authorizer, for `CUSTOM` and `COGNITO_USER_POOLS`.
    pub authorizer_id: Option<String>,
    /// Verb, or `ANY`.
    #[schemars(transform = replace)]
    #[schemars(transform = one_of(&["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "ANY"]))]
    pub http_method: String,
    /// Name that generated clients give the method.
    pub operation_name: Option<String>,
    /// Model of the body by media type.
    #[serde(default)]
    pub request_models: BTreeMap<String, String>,
    /// Parameters such as `method.request.path.id`, and whether each is required.
    #[serde(default)]
    pub request_parameters: BTreeMap<String, bool>,
    /// Validator of bodies and parameters.
    pub request_validator_id: Option<String>,
    /// Path that the method belongs to.
    #[schemars(transform = replace, transform = alike(Alike::Part))]
    #[schemars(transform = refers("aws:apigateway/resource:Resource.id"))]
    pub resource_id: String,
    /// API that the method belongs to.
    #[schemars(transform = replace, transform = refers("aws:apigateway/restApi:RestApi.id"))]
    pub rest_api: String,
}

/// AWS decides nothing about a method.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MethodOutputs {}

impl Resource for Method {
    const TYPE: &'static str = "aws:apigateway/method:Method";
    const FACTS: Facts = Facts {
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["apigateway:PUT"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH"],
            delete: &["apigateway:DELETE"],
        },
        import: "API, resource and verb, `restApi/resourceId/httpMethod`",
        ..Facts::new(IdForm::Joined(&["restApi", "resourceId", "httpMethod"], "/"), FoundBy::Name)
    };
    type Outputs = MethodOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.apigateway()
            .put_method()
            .api_key_required(self.api_key_required)
            .authorization_type(&self.authorization)
            .set_authorization_scopes(
                (!self.authorization_scopes.is_empty()).then(|| self.authorization_scopes.clone()),
            )
            .set_authorizer_id(self.authorizer_id.clone())
            .http_method(&self.http_method)
            .set_operation_name(self.operation_name.clone())
            .set_request_models(sent(&self.request_models))
            .set_request_parameters(sent(&self.request_parameters))
            .set_request_validator_id(self.request_validator_id.clone())
            .resource_id(part(&self.resource_id))
            .rest_api_id(&self.rest_api)
            .send()
            .await?;
        Ok(Made::id(self.id()))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (new, old, mut patch) = (self, &live.inputs, Patch::default());
        patch.change("/apiKeyRequired", &new.api_key_required, &old.api_key_required);
        patch.change("/authorizationType", &new.authorization, &old.authorization);
        patch.change_items("/authorizationScopes", &new.authorization_scopes, &old.authorization_scopes);
        patch.change_or_empty("/authorizerId", &new.authorizer_id, &old.authorizer_id);
        patch.change_or_empty("/operationName", &new.operation_name, &old.operation_name);
        patch.change_entries("/requestModels", &new.request_models, &old.request_models);
        patch.change_entries("/requestParameters", &new.request_parameters, &old.request_parameters);
        patch.change_or_unset("/requestValidatorId", &new.request_validator_id, &old.request_validator_id);
        let (api, resource, verb) = method_place(&id.0)?;
        let update = cx.apigateway().update_method().rest_api_id(api).resource_id(resource).http_method(verb);
        update.set_patch_operations(patch.operations()).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (api, resource, verb) = method_place(&id.0)?;
        let delete = cx.apigateway().delete_method().rest_api_id(api).resource_id(resource).http_method(verb);
        delete.send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(self.id());
        let there = matches!(seen(id.clone(), cx).await?, Seen::Ready(_));
        Ok(there.then_some(id).into_iter().collect())
    }
}

impl Method {
    fn id(&self) -> String {
        format!("{}/{}/{}", self.rest_api, self.resource_id, self.http_method)
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<Method>>> {
    let (api, resource, verb) = method_place(&id.0)?;
    let get = cx.apigateway().get_method().rest_api_id(api).resource_id(resource).http_method(verb);
    let Some(m) = get.send().await.or_none()? else { return Ok(Seen::Gone) };
    let inputs = Method {
        api_key_required: need("apiKeyRequired", m.api_key_required)?,
        authorization: need("authorizationType", m.authorization_type)?,
        authorization_scopes: m.authorization_scopes.unwrap_or_default(),
        authorizer_id: given(m.authorizer_id),
        http_method: verb.to_owned(),
        operation_name: given(m.operation_name),
        request_models: sorted(m.request_models),
        request_parameters: sorted(m.request_parameters),
        request_validator_id: given(m.request_validator_id),
        resource_id: resource.to_owned(),
        rest_api: api.to_owned(),
    };
    Ok(Seen::Ready(Live { inputs, outputs: MethodOutputs {} }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let reply = r#"{"httpMethod":"GET","authorizationType":"CUSTOM","authorizerId":"auth","apiKeyRequired":true,
            "requestValidatorId":"val","operationName":"op","requestParameters":{"method.request.path.id":true},
            "requestModels":{"application/json":"Order"},"authorizationScopes":["a/read"]}"#;
        let inputs = json!({
            "apiKeyRequired": true,
            "authorization": "CUSTOM",
            "authorizationScopes": ["a/read"],
            "authorizerId": "auth",
            "httpMethod": "GET",
            "operationName": "op",
            "requestModels": { "application/json": "Order" },
            "requestParameters": { "method.request.path.id": true },
            "requestValidatorId": "val",
            "resourceId": "res",
            "restApi": "api",
        });
        let get = ("/restapis/api/resources/res/methods/GET", ok(reply));
        reads_back(Method::TYPE, "api/api/res/GET", &[get], &[], inputs).await;
    }
}
