use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document;
use crate::aws::error::OrNone;
use crate::aws::{Cx, each};
use crate::engine::document::Document;
use crate::engine::error::{Error, Result};
use crate::engine::resource::{
    Existing, Facts, FoundBy, IdForm, Limits, Live, Made, Next, Permissions, Resource, Scope, Seen, Takes, Want,
};
use crate::engine::rules::{auto_name, refers, replace};
use crate::engine::urn::Id;

/// A policy that is part of a role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RolePolicy {
    /// Name of the policy, unique in the role.
    #[schemars(transform = replace, transform = auto_name(128), length(min = 1, max = 128))]
    pub name: String,
    /// What the policy allows.
    pub policy: Document,
    /// Role that has the policy, by name.
    #[schemars(transform = replace, transform = refers("aws:iam/role:Role.name"))]
    pub role: String,
}

/// AWS decides nothing about a policy of a role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RolePolicyOutputs {}

impl Resource for RolePolicy {
    const TYPE: &'static str = "aws:iam/rolePolicy:RolePolicy";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&["role"]),
        scope: Scope::Global,
        limits: Limits::minutes(5, 5, 5),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["iam:PutRolePolicy"],
            read: &["iam:GetRolePolicy"],
            update: &["iam:PutRolePolicy"],
            delete: &["iam:DeleteRolePolicy"],
        },
        acts_on: &["iam::*:role/{role}", "iam::*:role/*/{role}"],
        import: "names of the role and the policy, `ROLE:POLICY`",
        ..Facts::new(IdForm::Joined(&["role", "name"], ":"), FoundBy::Name)
    };
    type Outputs = RolePolicyOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.put(cx).await?;
        Ok(Made::id(self.id()))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put(cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (role, name) = parts(id)?;
        cx.iam().delete_role_policy().role_name(role).policy_name(name).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(self.id());
        Ok(match seen(id.clone(), cx).await? {
            Seen::Ready(live) if live.inputs.policy.same(&self.policy) => vec![id],
            _ => Vec::new(),
        })
    }
}

impl RolePolicy {
    fn id(&self) -> String {
        format!("{}:{}", self.role, self.name)
    }

    async fn put(&self, cx: &Cx) -> Result<()> {
        let put = cx.iam().put_role_policy().role_name(&self.role).policy_name(&self.name);
        put.policy_document(self.policy.as_str()).send().await?;
        Ok(())
    }
}

fn parts(id: &Id) -> Result<(&str, &str)> {
    let wrong = || Error::invalid(format!("`{id}` is no id of a policy of a role"));
    id.0.split_once(':').ok_or_else(|| wrong().hint("join the names of the role and the policy: `ROLE:POLICY`"))
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<RolePolicy>>> {
    let (role, name) = parts(&id)?;
    let reply = cx.iam().get_role_policy().role_name(role).policy_name(name).send().await.or_none()?;
    let Some(reply) = reply else { return Ok(Seen::Gone) };
    let policy = document(&reply.policy_document)?;
    let inputs = RolePolicy { name: reply.policy_name, policy, role: reply.role_name };
    Ok(Seen::Ready(Live { inputs, outputs: RolePolicyOutputs {} }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, read, reads_back};
    use crate::engine::provider::Provider;

    const POLICY: &str = "<GetRolePolicyResponse><GetRolePolicyResult><RoleName>r</RoleName><PolicyName>p</PolicyName>\
        <PolicyDocument>%7B%22Statement%22%3A%5B%5D%7D</PolicyDocument></GetRolePolicyResult></GetRolePolicyResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({ "name": "p", "policy": r#"{"Statement":[]}"#, "role": "r" });
        reads_back(RolePolicy::TYPE, "r:p", &[("Action=GetRolePolicy&", ok(POLICY))], &[], inputs).await;
    }

    #[tokio::test]
    async fn only_the_same_policy_is_what_a_lost_create_made() {
        let (aws, _) = aws(&[("Action=GetRolePolicy&", ok(POLICY))]);
        for (policy, found) in [(r#"{ "Statement": [] }"#, 1), (r#"{"Statement":[{}]}"#, 0)] {
            let inputs = json!({ "name": "p", "policy": policy, "role": "r" }).into();
            assert_eq!(aws.find(&at(RolePolicy::TYPE), &inputs).await.unwrap().len(), found, "{policy}");
        }
    }

    #[tokio::test]
    async fn an_id_that_is_none_says_what_one_looks_like() {
        let (aws, _) = aws(&[]);
        let e = read(&aws, RolePolicy::TYPE, "r").await.unwrap_err();
        assert!(e.hint.is_some_and(|h| h.contains("ROLE:POLICY")));
    }
}
