use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, also, auto_name, one_of, refers, replace};

/// A statement in a function's policy: who may call it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Permission {
    /// What is allowed, usually `lambda:InvokeFunction`.
    #[schemars(transform = replace)]
    pub action: String,
    /// Token that Alexa must show.
    #[schemars(transform = replace)]
    pub event_source_token: Option<String>,
    /// Name or ARN of the function.
    #[schemars(transform = replace, transform = alike(Alike::Arn))]
    #[schemars(transform = refers("aws:lambda/function:Function.name"))]
    #[schemars(transform = also(&["aws:lambda/function:Function.arn"]))]
    pub function: String,
    /// How callers of the function URL prove who they are.
    #[schemars(transform = replace, transform = one_of(&["AWS_IAM", "NONE"]))]
    pub function_url_auth_type: Option<String>,
    /// Whether only calls through the function URL are allowed.
    #[schemars(transform = replace)]
    pub invoked_via_function_url: Option<bool>,
    /// Who: a service such as `events.amazonaws.com`, an account, an ARN, or `*`.
    #[schemars(transform = replace)]
    pub principal: String,
    /// Organization that the caller must belong to.
    #[schemars(transform = replace)]
    pub principal_org_id: Option<String>,
    /// Version or alias that may be called.
    #[schemars(transform = replace)]
    pub qualifier: Option<String>,
    /// Account that the source must belong to.
    #[schemars(transform = replace)]
    pub source_account: Option<String>,
    /// Resource on whose behalf the service calls.
    #[schemars(transform = replace)]
    pub source_arn: Option<String>,
    /// Name of the statement, unique in the policy.
    #[schemars(transform = replace, transform = auto_name(100))]
    pub statement_id: String,
}

/// A permission puts nothing out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PermissionOutputs {}

impl Resource for Permission {
    const TYPE: &'static str = "aws:lambda/permission:Permission";
    const FACTS: Facts = Facts {
        permissions: Permissions {
            create: &["lambda:AddPermission"],
            read: &["lambda:GetPolicy"],
            update: &[],
            delete: &["lambda:RemovePermission"],
        },
        acts_on: &["lambda:{region}:*:function:{function}", "lambda:{region}:*:function:{function}:*"],
        import: "`function/statementId`, or `function:qualifier/statementId`",
        ..Facts::new(IdForm::Joined(&["function", "statementId"], "/"), FoundBy::Name)
    };
    type Outputs = PermissionOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.lambda()
            .add_permission()
            .action(&self.action)
            .set_event_source_token(self.event_source_token.clone())
            .function_name(&self.function)
            .set_function_url_auth_type(self.function_url_auth_type.as_deref().map(Into::into))
            .set_invoked_via_function_url(self.invoked_via_function_url)
            .principal(&self.principal)
            .set_principal_org_id(self.principal_org_id.clone())
            .set_qualifier(self.qualifier.clone())
            .set_source_account(self.source_account.clone())
            .set_source_arn(self.source_arn.clone())
            .statement_id(&self.statement_id)
            .send()
            .await?;
        Ok(Made::id(self.place().id()))
    }

    /// All statements of a function are one document, read once.
    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let places = ids.iter().map(Place::parse).collect::<Result<Vec<_>>>()?;
        let mut functions: Vec<(String, Option<String>)> = places.iter().map(Place::function).collect();
        functions.sort();
        functions.dedup();
        let keys: Vec<Id> = (0..functions.len()).map(|i| Id(i.to_string())).collect();
        let policies = each(&keys, |key| policy(key, &functions, cx)).await?;
        let policies: BTreeMap<&(String, Option<String>), Vec<Json>> = functions.iter().zip(policies).collect();
        let found = places.iter().map(|place| {
            let statements = policies.get(&place.function()).map(Vec::as_slice).unwrap_or_default();
            let statement = statements.iter().find(|s| s["Sid"] == place.statement.as_str());
            statement.map_or(Ok(Seen::Gone), |s| Ok(Seen::Ready(place.live(s)?)))
        });
        found.collect()
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let place = Place::parse(id)?;
        cx.lambda()
            .remove_permission()
            .function_name(place.name)
            .set_qualifier(place.qualifier)
            .statement_id(place.statement)
            .send()
            .await
            .or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(self.place().id());
        let seen = Self::read(std::slice::from_ref(&id), &Want::All, cx).await?;
        Ok(seen.into_iter().filter(|s| matches!(s, Seen::Ready(_))).map(|_| id.clone()).collect())
    }
}

/// Where a statement stands.
struct Place {
    name: String,
    qualifier: Option<String>,
    statement: String,
}

impl Place {
    fn parse(id: &Id) -> Result<Self> {
        let wrong = || Error::invalid(format!("`{id}` is not `function/statementId`"));
        let (function, statement) = id.0.rsplit_once('/').ok_or_else(wrong)?;
        // An ARN of a function has seven parts, and an eighth with a qualifier.
        let parts: Vec<&str> = function.split(':').collect();
        let (name, qualifier) = match parts.len() {
            2 | 8 => function.rsplit_once(':').map(|(name, q)| (name, Some(q.to_owned()))).ok_or_else(wrong)?,
            _ => (function, None),
        };
        Ok(Self { name: name.to_owned(), qualifier, statement: statement.to_owned() })
    }

    fn id(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}:{qualifier}/{}", self.name, self.statement),
            None => format!("{}/{}", self.name, self.statement),
        }
    }

    fn function(&self) -> (String, Option<String>) {
        (self.name.clone(), self.qualifier.clone())
    }

    fn live(&self, statement: &Json) -> Result<Live<Permission>> {
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let condition = |key: &str| {
            let conditions = statement["Condition"].as_object().into_iter().flat_map(|c| c.values());
            let keys = conditions.filter_map(Json::as_object).flatten();
            keys.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| match value {
                Json::String(s) => s.clone(),
                other => other.to_string(),
            })
        };
        let principal = match &statement["Principal"] {
            Json::String(all) => Some(all.clone()),
            Json::Object(map) => map.values().next().and_then(text),
            _ => None,
        };
        let inputs = Permission {
            action: need("Action", text(&statement["Action"]))?,
            event_source_token: condition("lambda:EventSourceToken"),
            function: self.name.clone(),
            function_url_auth_type: condition("lambda:FunctionUrlAuthType"),
            invoked_via_function_url: condition("lambda:InvokedViaFunctionUrl").map(|flag| flag == "true"),
            principal: account_of(need("Principal", principal)?),
            principal_org_id: condition("aws:PrincipalOrgID"),
            qualifier: self.qualifier.clone(),
            source_account: condition("aws:SourceAccount"),
            source_arn: condition("aws:SourceArn"),
            statement_id: self.statement.clone(),
        };
        Ok(Live { inputs, outputs: PermissionOutputs {} })
    }
}

/// Lambda shows an account as the ARN of its root.
fn account_of(principal: String) -> String {
    match principal.strip_suffix(":root").and_then(|arn| arn.rsplit(':').next()) {
        Some(account) => account.to_owned(),
        None => principal,
    }
}

impl Permission {
    fn place(&self) -> Place {
        Place { name: self.function.clone(), qualifier: self.qualifier.clone(), statement: self.statement_id.clone() }
    }
}

/// The statements of the function at that position.
async fn policy(position: Id, functions: &[(String, Option<String>)], cx: &Cx) -> Result<Vec<Json>> {
    let wanted = position.0.parse::<usize>().ok().and_then(|i| functions.get(i));
    let Some((name, qualifier)) = wanted else { return Ok(Vec::new()) };
    let reply = cx.lambda().get_policy().function_name(name).set_qualifier(qualifier.clone()).send().await.or_none()?;
    let Some(text) = reply.and_then(|r| r.policy) else { return Ok(Vec::new()) };
    let document: Json = serde_json::from_str(&text).map_err(|e| Error::bug(format!("a policy is no JSON: {e}")))?;
    Ok(document["Statement"].as_array().cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let policy = json!({"Statement": [{
            "Sid": "s", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "lambda:InvokeFunction", "Resource": "arn",
            "Condition": {
                "StringEquals": {"lambda:EventSourceToken": "t", "lambda:FunctionUrlAuthType": "NONE",
                    "aws:PrincipalOrgID": "o-1", "AWS:SourceAccount": "1"},
                "Bool": {"lambda:InvokedViaFunctionUrl": "true"},
                "ArnLike": {"AWS:SourceArn": "arn:source"}
            }
        }]});
        let reply = json!({ "Policy": policy.to_string() }).to_string();
        let inputs = json!({"action": "lambda:InvokeFunction", "eventSourceToken": "t", "function": "f",
            "functionUrlAuthType": "NONE", "invokedViaFunctionUrl": true, "principal": "123456789012",
            "principalOrgId": "o-1", "qualifier": "live", "sourceAccount": "1", "sourceArn": "arn:source",
            "statementId": "s"});
        reads_back(Permission::TYPE, "f:live/s", &[("/policy", ok(reply))], &[], inputs).await;
    }

    #[test]
    fn an_id_leads_to_its_statement_and_back() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:f";
        for (id, qualifier) in [
            ("f/s".to_owned(), None),
            ("f:1/s".to_owned(), Some("1")),
            (format!("{arn}/s"), None),
            (format!("{arn}:1/s"), Some("1")),
        ] {
            let place = Place::parse(&Id(id.clone())).unwrap();
            assert_eq!((place.id(), place.qualifier.as_deref()), (id, qualifier));
        }
    }
}
