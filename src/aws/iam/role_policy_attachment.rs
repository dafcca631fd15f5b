use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::error::OrNone;
use crate::aws::{Cx, each};
use crate::engine::error::{Error, Result, need};
use crate::engine::resource::{
    Existing, Facts, FoundBy, IdForm, Limits, Live, Made, Next, Permissions, Resource, Scope, Seen, Takes, Want,
};
use crate::engine::rules::{refers, replace};
use crate::engine::urn::Id;

/// A managed policy on a role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RolePolicyAttachment {
    /// Policy that the role gets.
    #[schemars(transform = replace, transform = refers("aws:iam/policy:Policy.arn"))]
    pub policy_arn: String,
    /// Role that gets the policy, by name.
    #[schemars(transform = replace, transform = refers("aws:iam/role:Role.name"))]
    pub role: String,
}

/// AWS decides nothing about an attachment.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RolePolicyAttachmentOutputs {}

impl Resource for RolePolicyAttachment {
    const TYPE: &'static str = "aws:iam/rolePolicyAttachment:RolePolicyAttachment";
    const FACTS: Facts = Facts {
        existing: Existing::Set,
        scope: Scope::Global,
        limits: Limits::minutes(5, 5, 5),
        takes: Takes::seconds(1, 1, 1),
        delete_first: true,
        permissions: Permissions {
            create: &["iam:AttachRolePolicy"],
            read: &["iam:ListAttachedRolePolicies"],
            update: &[],
            delete: &["iam:DetachRolePolicy"],
        },
        acts_on: &["iam::*:role/{role}", "iam::*:role/*/{role}"],
        import: "name of the role and ARN of the policy, `ROLE/ARN`",
        ..Facts::new(IdForm::Joined(&["role", "policyArn"], "/"), FoundBy::Name)
    };
    type Outputs = RolePolicyAttachmentOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.iam().attach_role_policy().role_name(&self.role).policy_arn(&self.policy_arn).send().await?;
        Ok(Made::id(self.id()))
    }

    /// Reads each role once.
    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let mut roles: Vec<Id> = ids.iter().map(|id| Ok(Id(parts(id)?.0.to_owned()))).collect::<Result<_>>()?;
        roles.sort();
        roles.dedup();
        let attached = each(&roles, |role| async move {
            let arns = attached(&role.0, cx).await.or_none()?.unwrap_or_default();
            Ok((role.0, arns))
        });
        let attached: HashMap<String, HashSet<String>> = attached.await?.into_iter().collect();
        ids.iter().map(|id| seen(id, &attached)).collect()
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (role, arn) = parts(id)?;
        cx.iam().detach_role_policy().role_name(role).policy_arn(arn).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let there = attached(&self.role, cx).await.or_none()?.is_some_and(|arns| arns.contains(&self.policy_arn));
        Ok(there.then(|| Id(self.id())).into_iter().collect())
    }
}

impl RolePolicyAttachment {
    fn id(&self) -> String {
        format!("{}/{}", self.role, self.policy_arn)
    }
}

fn parts(id: &Id) -> Result<(&str, &str)> {
    let wrong = || Error::invalid(format!("`{id}` is no id of a policy on a role"));
    id.0.split_once('/').ok_or_else(|| wrong().hint("join the name of the role and the ARN of the policy: `ROLE/ARN`"))
}

async fn attached(role: &str, cx: &Cx) -> Result<HashSet<String>> {
    let pages = cx.iam().list_attached_role_policies().role_name(role).into_paginator().items().send();
    let policies = pages.collect::<Result<Vec<_>, _>>().await?;
    policies.into_iter().map(|p| need("PolicyArn", p.policy_arn)).collect()
}

fn seen(id: &Id, attached: &HashMap<String, HashSet<String>>) -> Result<Seen<Live<RolePolicyAttachment>>> {
    let (role, arn) = parts(id)?;
    if !attached.get(role).is_some_and(|arns| arns.contains(arn)) {
        return Ok(Seen::Gone);
    }
    let inputs = RolePolicyAttachment { policy_arn: arn.to_owned(), role: role.to_owned() };
    Ok(Seen::Ready(Live { inputs, outputs: RolePolicyAttachmentOutputs {} }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::Provider;

    const ARN: &str = "arn:aws:iam::aws:policy/service-role/M";
    const ATTACHED: &str = "<ListAttachedRolePoliciesResponse><ListAttachedRolePoliciesResult><AttachedPolicies>\
        <member><PolicyName>M</PolicyName><PolicyArn>arn:aws:iam::aws:policy/service-role/M</PolicyArn></member>\
        </AttachedPolicies><IsTruncated>false</IsTruncated></ListAttachedRolePoliciesResult>\
        </ListAttachedRolePoliciesResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [("Action=ListAttachedRolePolicies&", ok(ATTACHED))];
        let inputs = json!({ "policyArn": ARN, "role": "r" });
        reads_back(RolePolicyAttachment::TYPE, &format!("r/{ARN}"), &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn attachments_of_one_role_are_read_together() {
        let (aws, wire) = aws(&[("Action=ListAttachedRolePolicies&", ok(ATTACHED))]);
        let ids = [format!("r/{ARN}"), "r/arn:aws:iam::aws:policy/Other".into()].map(Id);
        let seen = aws.read(&at(RolePolicyAttachment::TYPE).kind, &ids, &Want::All).await.unwrap();
        assert!(matches!(seen.as_slice(), [Seen::Ready(_), Seen::Gone]), "{seen:?}");
        assert_eq!(wire.requests("Action=ListAttachedRolePolicies&").len(), 1);
    }
}
