use aws_sdk_iam::types::PolicyVersion;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Holder, document, held, tagged, tags_from};
use crate::aws::error::OrNone;
use crate::aws::{Cx, Tags, each, tags};
use crate::engine::document::Document;
use crate::engine::error::{Result, need};
use crate::engine::resource::{
    Facts, FoundBy, IdForm, Live, Made, Next, Permissions, Resource, Retag, Scope, Seen, Takes, Want, Where,
};
use crate::engine::rules::{auto_name, replace};
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// Versions that AWS keeps of a policy, the current one included.
const MOST_VERSIONS: usize = 5;

/// A policy of its own, which roles, users and groups can share.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Purpose of the policy.
    #[schemars(transform = replace, length(max = 1000))]
    pub description: Option<String>,
    /// Name of the policy, unique in the account.
    #[schemars(transform = replace, transform = auto_name(128), length(max = 128))]
    pub name: String,
    /// Path of the policy, which begins and ends with `/`.
    #[schemars(transform = replace, length(max = 512))]
    #[serde(default = "root")]
    pub path: String,
    /// What the policy allows.
    pub policy: Document,
    /// Tags of the policy.
    #[serde(default)]
    pub tags: Tags,
}

fn root() -> String {
    "/".to_owned()
}

/// What AWS decides about a policy.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyOutputs {
    /// ARN of the policy.
    pub arn: String,
    /// How many roles, users and groups have the policy.
    pub attachment_count: i32,
    /// Id that no other policy ever gets, `ANPA…`.
    pub policy_id: String,
}

impl Resource for Policy {
    const TYPE: &'static str = "aws:iam/policy:Policy";
    const FACTS: Facts = Facts {
        scope: Scope::Global,
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["iam:CreatePolicy", "iam:TagPolicy"],
            read: &["iam:GetPolicy", "iam:GetPolicyVersion"],
            update: &[
                "iam:CreatePolicyVersion",
                "iam:DeletePolicyVersion",
                "iam:ListPolicyVersions",
                "iam:TagPolicy",
                "iam:UntagPolicy",
            ],
            delete: &[
                "iam:DeletePolicy",
                "iam:DeletePolicyVersion",
                "iam:ListEntitiesForPolicy",
                "iam:ListPolicyVersions",
            ],
        },
        acts_on: &["{arn}"],
        import: "ARN of the policy",
        ..Facts::new(IdForm::Output("arn"), FoundBy::Name)
    };
    type Outputs = PolicyOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .iam()
            .create_policy()
            .set_description(self.description.clone())
            .policy_name(&self.name)
            .path(&self.path)
            .policy_document(self.policy.as_str())
            .set_tags(tagged(&cx.tags(&self.tags))?)
            .send()
            .await?;
        Ok(Made::id(need("Arn", need("Policy", reply.policy)?.arn)?))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    /// The oldest version makes room for a new one.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        if self.policy.same(&live.inputs.policy) {
            return Ok(Next::Started);
        }
        let versions = versions(id, cx).await?;
        if versions.len() >= MOST_VERSIONS
            && let Some(oldest) = versions.iter().filter(|v| !v.is_default_version).min_by_key(|v| number(v))
        {
            remove(id, oldest, cx).await?;
        }
        let add = cx.iam().create_policy_version().policy_arn(&id.0).policy_document(self.policy.as_str());
        add.set_as_default(true).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        for version in versions(id, cx).await.or_none()?.into_iter().flatten().filter(|v| !v.is_default_version) {
            remove(id, &version, cx).await?;
        }
        match cx.iam().delete_policy().policy_arn(&id.0).send().await.or_none() {
            Ok(_) => Ok(Next::Gone),
            Err(refusal) => Err(held(refusal, "the policy", holders(id, cx)).await),
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let arn = format!("arn:{}:iam::{}:policy{}{}", cx.partition(), cx.account(), self.path, self.name);
        let policy = cx.iam().get_policy().policy_arn(&arn).send().await.or_none()?.and_then(|r| r.policy);
        let mine = policy.is_some_and(|p| tags_from(p.tags).get(tags::ATTEMPT).is_some_and(|a| a == cx.token()));
        Ok(mine.then_some(Id(arn)).into_iter().collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        if !tags.unset.is_empty() {
            let gone = tags.unset.clone();
            cx.iam().untag_policy().policy_arn(&id.0).set_tag_keys(Some(gone)).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tagged(tags.set.iter().map(|(k, v)| (k, v)))?;
            cx.iam().tag_policy().policy_arn(&id.0).set_tags(set).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let text = |name| inputs.get(name).and_then(Value::as_str);
        let arn = match text("name") {
            Some(name) => at.arn("iam", &format!("policy{}{name}", text("path").unwrap_or("/"))),
            None => Value::Unknown,
        };
        vec![("arn", arn)]
    }
}

/// Those to which the policy is attached.
async fn holders(id: &Id, cx: &Cx) -> Result<Vec<Holder>> {
    const DETACH: &str = "detach the policy there";
    let mut holders = Vec::new();
    let mut pages = cx.iam().list_entities_for_policy().policy_arn(&id.0).into_paginator().send();
    while let Some(page) = pages.try_next().await? {
        let roles = page.policy_roles.into_iter().flatten().filter_map(|role| role.role_name);
        let users = page.policy_users.into_iter().flatten().filter_map(|user| user.user_name);
        let groups = page.policy_groups.into_iter().flatten().filter_map(|group| group.group_name);
        holders.extend(Holder::each("the role", DETACH, roles.collect()));
        holders.extend(Holder::each("the user", DETACH, users.collect()));
        holders.extend(Holder::each("the group", DETACH, groups.collect()));
    }
    Ok(holders)
}

/// The number in `v12`: the order in which versions were made.
fn number(version: &PolicyVersion) -> u32 {
    let id = version.version_id.as_deref().unwrap_or_default();
    id.trim_start_matches('v').parse().unwrap_or(u32::MAX)
}

async fn versions(id: &Id, cx: &Cx) -> Result<Vec<PolicyVersion>> {
    let pages = cx.iam().list_policy_versions().policy_arn(&id.0).into_paginator().items().send();
    Ok(pages.collect::<Result<_, _>>().await?)
}

async fn remove(id: &Id, version: &PolicyVersion, cx: &Cx) -> Result<()> {
    let version = need("VersionId", version.version_id.as_ref())?;
    cx.iam().delete_policy_version().policy_arn(&id.0).version_id(version).send().await.or_none()?;
    Ok(())
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<Policy>>> {
    let Some(reply) = cx.iam().get_policy().policy_arn(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let policy = need("Policy", reply.policy)?;
    let version = need("DefaultVersionId", policy.default_version_id)?;
    let text = cx.iam().get_policy_version().policy_arn(&id.0).version_id(version).send().await.or_none()?;
    let Some(text) = text else { return Ok(Seen::Pending("changing versions".to_owned())) };
    let text = need("Document", need("PolicyVersion", text.policy_version)?.document)?;
    let inputs = Policy {
        description: policy.description.filter(|d| !d.is_empty()),
        name: need("PolicyName", policy.policy_name)?,
        path: need("Path", policy.path)?,
        policy: document(&text)?,
        tags: tags_from(policy.tags),
    };
    let outputs = PolicyOutputs {
        arn: need("Arn", policy.arn)?,
        attachment_count: policy.attachment_count.unwrap_or_default(),
        policy_id: need("PolicyId", policy.policy_id)?,
    };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const ARN: &str = "arn:aws:iam::123456789012:policy/app/p";
    const POLICY: &str = "<GetPolicyResponse><GetPolicyResult><Policy><PolicyName>p</PolicyName>\
        <PolicyId>ANPA1</PolicyId><Arn>arn:aws:iam::123456789012:policy/app/p</Arn><Path>/app/</Path>\
        <DefaultVersionId>v10</DefaultVersionId><AttachmentCount>1</AttachmentCount><Description>d</Description>\
        <Tags><member><Key>a</Key><Value>b</Value></member></Tags></Policy></GetPolicyResult></GetPolicyResponse>";
    const VERSION: &str = "<GetPolicyVersionResponse><GetPolicyVersionResult><PolicyVersion>\
        <Document>%7B%7D</Document><VersionId>v10</VersionId><IsDefaultVersion>true</IsDefaultVersion>\
        </PolicyVersion></GetPolicyVersionResult></GetPolicyVersionResponse>";

    fn versions(ids: &[&str]) -> String {
        let member = |id: &&str| {
            let current = *id == "v10";
            format!("<member><VersionId>{id}</VersionId><IsDefaultVersion>{current}</IsDefaultVersion></member>")
        };
        let members: String = ids.iter().map(member).collect();
        format!(
            "<ListPolicyVersionsResponse><ListPolicyVersionsResult><IsTruncated>false</IsTruncated>\
             <Versions>{members}</Versions></ListPolicyVersionsResult></ListPolicyVersionsResponse>"
        )
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [("Action=GetPolicy&", ok(POLICY)), ("Action=GetPolicyVersion&", ok(VERSION))];
        let inputs = json!({ "description": "d", "name": "p", "path": "/app/", "policy": "{}", "tags": { "a": "b" } });
        reads_back(Policy::TYPE, ARN, &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn the_oldest_version_makes_room_only_when_there_is_none() {
        for (ids, removed) in [(vec!["v10", "v9", "v8", "v7", "v2"], 1), (vec!["v10", "v9"], 0)] {
            let replies = [
                ("Action=ListPolicyVersions&", ok(versions(&ids))),
                ("Action=DeletePolicyVersion&", ok("<DeletePolicyVersionResponse/>")),
                (
                    "Action=CreatePolicyVersion&",
                    ok("<CreatePolicyVersionResponse><CreatePolicyVersionResult/></CreatePolicyVersionResponse>"),
                ),
            ];
            let (aws, wire) = aws(&replies);
            let outputs = json!({ "arn": ARN, "attachmentCount": 0, "policyId": "ANPA1" }).into();
            let live = provider::Live { inputs: json!({ "name": "p", "policy": "{}" }).into(), outputs };
            let wanted = json!({ "name": "p", "policy": r#"{"Statement":[]}"# }).into();
            aws.update(&at(Policy::TYPE), &Id(ARN.into()), &wanted, &live).await.unwrap();
            let gone = wire.requests("Action=DeletePolicyVersion&");
            assert_eq!(gone.len(), removed);
            assert!(gone.iter().all(|r| r.contains("VersionId=v2")), "{gone:?}");
            assert_eq!(wire.requests("SetAsDefault=true").len(), 1);
        }
    }

    #[tokio::test]
    async fn other_versions_go_before_the_policy() {
        let replies = [
            ("Action=ListPolicyVersions&", ok(versions(&["v10", "v9"]))),
            ("Action=DeletePolicyVersion&", ok("<DeletePolicyVersionResponse/>")),
            ("Action=DeletePolicy&", ok("<DeletePolicyResponse/>")),
        ];
        let (aws, wire) = aws(&replies);
        let applied = json!({ "name": "p", "policy": "{}" }).into();
        aws.delete(&at(Policy::TYPE), &Id(ARN.into()), &applied, None).await.unwrap();
        assert_eq!(wire.requests("VersionId=v9").len(), 1);
        assert!(wire.requests("VersionId=v10").is_empty());
        assert_eq!(wire.requests("Action=DeletePolicy&").len(), 1);
    }

    #[tokio::test]
    async fn a_policy_that_others_use_is_refused_with_their_names() {
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>DeleteConflict</Code>\
            <Message>Cannot delete a policy attached to entities.</Message></Error></ErrorResponse>";
        let entities = "<ListEntitiesForPolicyResponse><ListEntitiesForPolicyResult><PolicyRoles><member>\
            <RoleName>web</RoleName><RoleId>AROA1</RoleId></member></PolicyRoles><PolicyGroups/><PolicyUsers><member>\
            <UserName>jo</UserName><UserId>AIDA1</UserId></member></PolicyUsers><IsTruncated>false</IsTruncated>\
            </ListEntitiesForPolicyResult></ListEntitiesForPolicyResponse>";
        let (aws, _) = aws(&[
            ("Action=ListPolicyVersions&", ok(versions(&["v10"]))),
            ("Action=DeletePolicy&", Reply::Says(409, refusal.into())),
            ("Action=ListEntitiesForPolicy&", ok(entities)),
        ]);
        let applied = json!({ "name": "p", "policy": "{}" }).into();
        let error = aws.delete(&at(Policy::TYPE), &Id(ARN.into()), &applied, None).await.unwrap_err();
        insta::assert_snapshot!(format!("{error}\n{}", error.hint.as_deref().unwrap_or_default()), @r"
        the policy cannot be deleted because of the role `web`, the user `jo`
        if others attached that, detach the policy there; then run again
        ");
    }
}
