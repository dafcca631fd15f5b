use super::patch::Patch;
use super::{halves, part};
use crate::aws::prelude::{Resource as Type, *};
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, refers, replace};

/// A path of a REST API.
///
/// Its id is `restApi/resourceId`; whatever names a resource takes that and the second half alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// Resource that the path continues, or the API's `rootResourceId`.
    #[schemars(transform = alike(Alike::Part), transform = refers("aws:apigateway/resource:Resource.id"))]
    pub parent_id: String,
    /// Last step of the path, for example `orders`, `{id}` or `{proxy+}`.
    pub path_part: String,
    /// API that has the path.
    #[schemars(transform = replace, transform = refers("aws:apigateway/restApi:RestApi.id"))]
    pub rest_api: String,
}

/// What AWS decides about a resource of an API.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceOutputs {
    /// Whole path, for example `/orders/{id}`.
    pub path: String,
}

impl Type for Resource {
    const TYPE: &'static str = "aws:apigateway/resource:Resource";
    const FACTS: Facts = Facts {
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["apigateway:GET", "apigateway:POST"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH"],
            delete: &["apigateway:DELETE"],
        },
        import: "ids of API and resource, `restApi/resourceId`",
        ..Facts::new(IdForm::Random("", 6), FoundBy::Marker("pathPart"))
    };
    type Outputs = ResourceOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let create = cx.apigateway().create_resource().rest_api_id(&self.rest_api).parent_id(part(&self.parent_id));
        let reply = create.path_part(&self.path_part).send().await?;
        Ok(Made::id(format!("{}/{}", self.rest_api, need("id", reply.id)?)))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let mut patch = Patch::default();
        let parent = |inputs: &Self| part(&inputs.parent_id).to_owned();
        patch.change("/parentId", &parent(self), &parent(&live.inputs));
        patch.change("/pathPart", &self.path_part, &live.inputs.path_part);
        let (api, resource) = place(id)?;
        let update = cx.apigateway().update_resource().rest_api_id(api).resource_id(resource);
        update.set_patch_operations(patch.operations()).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (api, resource) = place(id)?;
        cx.apigateway().delete_resource().rest_api_id(api).resource_id(resource).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.apigateway().get_resources().rest_api_id(&self.rest_api).limit(500).into_paginator().items();
        let all = pages.send().collect::<Result<Vec<_>, _>>().await.or_none()?.unwrap_or_default();
        let (parent, path) = (part(&self.parent_id), self.path_part.as_str());
        let mine = all.into_iter().filter(|r| r.parent_id() == Some(parent) && r.path_part() == Some(path));
        mine.map(|r| Ok(Id(format!("{}/{}", self.rest_api, need("id", r.id)?)))).collect()
    }
}

fn place(id: &Id) -> Result<(&str, &str)> {
    halves(&id.0, "restApi/resourceId")
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<Resource>>> {
    let (api, resource) = place(&id)?;
    let get = cx.apigateway().get_resource().rest_api_id(api).resource_id(resource);
    let Some(reply) = get.send().await.or_none()? else { return Ok(Seen::Gone) };
    let inputs = Resource {
        parent_id: need("parentId", reply.parent_id)?,
        path_part: need("pathPart", reply.path_part)?,
        rest_api: api.to_owned(),
    };
    Ok(Seen::Ready(Live { inputs, outputs: ResourceOutputs { path: need("path", reply.path)? } }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let reply = r#"{"id":"res","parentId":"root","pathPart":"{id}","path":"/orders/{id}"}"#;
        let inputs = json!({ "parentId": "root", "pathPart": "{id}", "restApi": "api" });
        let get = ("/restapis/api/resources/res", ok(reply));
        let live = reads_back(Resource::TYPE, "api/res", &[get], &[], inputs).await;
        assert_eq!(live.outputs.get("path").unwrap().as_str(), Some("/orders/{id}"));
    }
}
