use super::given;
use super::patch::Patch;
use crate::aws::prelude::*;
use crate::engine::rules::{refers, replace};

/// What AWS calls the path of a mapping that has none.
const NONE: &str = "(none)";

/// Paths of a domain name that lead to an API.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BasePathMapping {
    /// Beginning of the paths; by default all of them.
    #[schemars(transform = replace)]
    pub base_path: Option<String>,
    /// Domain name whose paths lead to the API.
    #[schemars(transform = replace, transform = refers("aws:apigateway/domainName:DomainName.domainName"))]
    pub domain_name: String,
    /// Id of a private domain name.
    #[schemars(transform = replace)]
    pub domain_name_id: Option<String>,
    /// API that answers.
    #[schemars(transform = refers("aws:apigateway/restApi:RestApi.id"))]
    pub rest_api: String,
    /// Stage of the API; by default callers name it after the base path.
    #[schemars(transform = refers("aws:apigateway/stage:Stage.stageName"))]
    pub stage_name: Option<String>,
}

/// AWS decides nothing about a mapping.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct BasePathMappingOutputs {}

impl Resource for BasePathMapping {
    const TYPE: &'static str = "aws:apigateway/basePathMapping:BasePathMapping";
    const FACTS: Facts = Facts {
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["apigateway:POST"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH"],
            delete: &["apigateway:DELETE"],
        },
        import: "domain name and base path, after the id of a private domain name: `api.example.com/orders`, `id/api.example.com`",
        ..Facts::new(IdForm::Joined(&["domainNameId", "domainName", "basePath"], "/"), FoundBy::Name)
    };
    type Outputs = BasePathMappingOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.apigateway()
            .create_base_path_mapping()
            .set_base_path(self.base_path.clone())
            .domain_name(&self.domain_name)
            .set_domain_name_id(self.domain_name_id.clone())
            .rest_api_id(&self.rest_api)
            .set_stage(self.stage_name.clone())
            .send()
            .await?;
        Ok(Made::id(self.place().id()))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let mut patch = Patch::default();
        patch.change("/restapiId", &self.rest_api, &live.inputs.rest_api);
        patch.change_or_empty("/stage", &self.stage_name, &live.inputs.stage_name);
        let place = Place::parse(&id.0);
        let update = cx.apigateway().update_base_path_mapping().base_path(place.path.unwrap_or(NONE));
        let update = update.domain_name(place.domain).set_domain_name_id(place.domain_id.map(str::to_owned));
        update.set_patch_operations(patch.operations()).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let place = Place::parse(&id.0);
        let delete = cx.apigateway().delete_base_path_mapping().base_path(place.path.unwrap_or(NONE));
        let delete = delete.domain_name(place.domain).set_domain_name_id(place.domain_id.map(str::to_owned));
        delete.send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(self.place().id());
        Ok(match seen(id.clone(), cx).await? {
            Seen::Ready(live) if live.inputs.rest_api == self.rest_api => vec![id],
            _ => Vec::new(),
        })
    }
}

impl BasePathMapping {
    fn place(&self) -> Place<'_> {
        Place { domain_id: self.domain_name_id.as_deref(), domain: &self.domain_name, path: self.base_path.as_deref() }
    }
}

/// The parts of an id.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    domain_id: Option<&'a str>,
    domain: &'a str,
    path: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// A domain name has a dot and its id has none, which tells them apart.
    fn parse(id: &'a str) -> Self {
        let (first, rest) = id.split_once('/').map_or((id, None), |(first, rest)| (first, Some(rest)));
        match rest {
            Some(rest) if !first.contains('.') => Self { domain_id: Some(first), ..Self::parse(rest) },
            path => Self { domain_id: None, domain: first, path },
        }
    }

    fn id(&self) -> String {
        [self.domain_id, Some(self.domain), self.path].into_iter().flatten().collect::<Vec<_>>().join("/")
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<BasePathMapping>>> {
    let place = Place::parse(&id.0);
    let get = cx.apigateway().get_base_path_mapping().base_path(place.path.unwrap_or(NONE));
    let get = get.domain_name(place.domain).set_domain_name_id(place.domain_id.map(str::to_owned));
    let Some(reply) = get.send().await.or_none()? else { return Ok(Seen::Gone) };
    let inputs = BasePathMapping {
        base_path: place.path.map(str::to_owned),
        domain_name: place.domain.to_owned(),
        domain_name_id: place.domain_id.map(str::to_owned),
        rest_api: need("restApiId", reply.rest_api_id)?,
        stage_name: given(reply.stage).filter(|stage| stage != NONE),
    };
    Ok(Seen::Ready(Live { inputs, outputs: BasePathMappingOutputs {} }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let reply = r#"{"basePath":"orders","restApiId":"api","stage":"live"}"#;
        let inputs = json!({
            "basePath": "orders",
            "domainName": "api.example.com",
            "domainNameId": "abc123",
            "restApi": "api",
            "stageName": "live",
        });
        let get = ("/domainnames/api.example.com/basepathmappings/orders?domainNameId=abc123", ok(reply));
        reads_back(BasePathMapping::TYPE, "abc123/api.example.com/orders", &[get], &[], inputs).await;
    }

    #[test]
    fn an_id_leads_to_its_mapping_and_back() {
        for (id, domain_id, path) in [
            ("api.example.com", None, None),
            ("api.example.com/orders/v1", None, Some("orders/v1")),
            ("abc123/api.example.com", Some("abc123"), None),
            ("abc123/api.example.com/orders", Some("abc123"), Some("orders")),
        ] {
            let place = Place::parse(id);
            assert_eq!(place, Place { domain_id, domain: "api.example.com", path });
            assert_eq!(place.id(), id);
        }
    }
}
