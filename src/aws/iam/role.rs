use std::collections::BTreeMap;

use futures::try_join;

use super::{Holder, document, held, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{auto_name, computed, forced, refers, replace, unordered, write_only};

/// An identity with rights that services and users may take on.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Role {
    /// Policy that says who may take on the role.
    pub assume_role_policy: Document,
    /// Purpose of the role.
    #[schemars(length(max = 1000))]
    pub description: Option<String>,
    /// Whether deletion detaches and removes policies that were added elsewhere.
    #[schemars(transform = write_only, transform = forced)]
    #[serde(default)]
    pub force_detach_policies: bool,
    /// All policies written into the role. Others are removed.
    #[schemars(transform = computed, transform = unordered)]
    pub inline_policies: Option<Vec<InlinePolicy>>,
    /// All managed policies of the role. Others are detached.
    #[schemars(transform = computed, transform = unordered, transform = refers("aws:iam/policy:Policy.arn"))]
    pub managed_policy_arns: Option<Vec<String>>,
    /// Longest session, in seconds.
    #[schemars(range(min = 3600, max = 43200))]
    #[serde(default = "an_hour")]
    pub max_session_duration: i32,
    /// Name of the role, unique in the account.
    #[schemars(transform = replace, transform = auto_name(64))]
    pub name: String,
    /// Path of the role, which begins and ends with `/`.
    #[schemars(transform = replace, length(max = 512))]
    #[serde(default = "root")]
    pub path: String,
    /// Policy that limits what the role can ever be allowed.
    #[schemars(transform = refers("aws:iam/policy:Policy.arn"))]
    pub permissions_boundary: Option<String>,
    /// Tags of the role.
    #[serde(default)]
    pub tags: Tags,
}

/// A policy that is part of a role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InlinePolicy {
    /// Name of the policy, unique in the role.
    pub name: String,
    /// What the policy allows.
    pub policy: Document,
}

fn an_hour() -> i32 {
    3600
}

fn root() -> String {
    "/".to_owned()
}

/// What AWS decides about a role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleOutputs {
    /// ARN of the role.
    pub arn: String,
    /// When the role was made.
    pub create_date: String,
    /// Id that no other role ever gets, `AROA…`.
    pub unique_id: String,
}

impl Resource for Role {
    const TYPE: &'static str = "aws:iam/role:Role";
    const FACTS: Facts = Facts {
        scope: Scope::Global,
        takes: Takes::seconds(2, 1, 2),
        permissions: Permissions {
            create: &["iam:CreateRole", "iam:TagRole"],
            read: &["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"],
            update: &[
                "iam:AttachRolePolicy",
                "iam:DeleteRolePermissionsBoundary",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
            ],
            delete: &[
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListInstanceProfilesForRole",
                "iam:ListRolePolicies",
            ],
        },
        acts_on: &["{arn}"],
        import: "name of the role",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = RoleOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.iam()
            .create_role()
            .assume_role_policy_document(self.assume_role_policy.as_str())
            .set_description(self.description.clone())
            .max_session_duration(self.max_session_duration)
            .role_name(&self.name)
            .path(&self.path)
            .set_permissions_boundary(self.permissions_boundary.clone())
            .set_tags(tagged(&cx.tags(&self.tags))?)
            .send()
            .await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        let iam = cx.iam();
        if !self.assume_role_policy.same(&old.assume_role_policy) {
            let policy = self.assume_role_policy.as_str();
            iam.update_assume_role_policy().role_name(&id.0).policy_document(policy).send().await?;
        }
        if self.description != old.description || self.max_session_duration != old.max_session_duration {
            iam.update_role()
                .role_name(&id.0)
                .description(self.description.as_deref().unwrap_or_default())
                .max_session_duration(self.max_session_duration)
                .send()
                .await?;
        }
        if self.permissions_boundary != old.permissions_boundary {
            match &self.permissions_boundary {
                Some(arn) => {
                    iam.put_role_permissions_boundary().role_name(&id.0).permissions_boundary(arn).send().await?;
                }
                None => {
                    iam.delete_role_permissions_boundary().role_name(&id.0).send().await?;
                }
            }
        }
        if let Some(wanted) = &self.inline_policies {
            change_inline(id, old.inline_policies.as_deref().unwrap_or_default(), wanted, cx).await?;
        }
        if let Some(wanted) = &self.managed_policy_arns {
            change_managed(id, old.managed_policy_arns.as_deref().unwrap_or_default(), wanted, cx).await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        if (self.force_detach_policies || self.inline_policies.is_some())
            && let Some(names) = inline_names(id, cx).await.or_none()?
        {
            for name in names {
                cx.iam().delete_role_policy().role_name(&id.0).policy_name(name).send().await.or_none()?;
            }
        }
        if (self.force_detach_policies || self.managed_policy_arns.is_some())
            && let Some(arns) = managed_arns(id, cx).await.or_none()?
        {
            for arn in arns {
                cx.iam().detach_role_policy().role_name(&id.0).policy_arn(arn).send().await.or_none()?;
            }
        }
        match cx.iam().delete_role().role_name(&id.0).send().await.or_none() {
            Ok(_) => Ok(Next::Gone),
            Err(refusal) => Err(held(refusal, "the role", holders(id, cx)).await),
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let reply = cx.iam().get_role().role_name(&self.name).send().await.or_none()?;
        let role = reply.and_then(|r| r.role);
        let mine = role.filter(|r| tags_from(r.tags.clone()).get(tags::ATTEMPT).is_some_and(|a| a == cx.token()));
        Ok(mine.into_iter().map(|r| Id(r.role_name)).collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        if !tags.unset.is_empty() {
            let gone = tags.unset.clone();
            cx.iam().untag_role().role_name(&id.0).set_tag_keys(Some(gone)).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tagged(tags.set.iter().map(|(k, v)| (k, v)))?;
            cx.iam().tag_role().role_name(&id.0).set_tags(set).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let text = |name| inputs.get(name).and_then(Value::as_str);
        let arn = match text("name") {
            Some(name) => at.arn("iam", &format!("role{}{name}", text("path").unwrap_or("/"))),
            None => Value::Unknown,
        };
        vec![("arn", arn)]
    }
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<Role>>> {
    let Some(reply) = cx.iam().get_role().role_name(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let role = need("Role", reply.role)?;
    let (inline_policies, managed_policy_arns) = try_join!(
        async {
            if !want.has("inlinePolicies") {
                return Ok(None);
            }
            let names: Vec<Id> = inline_names(&id, cx).await?.into_iter().map(Id).collect();
            each(&names, |name| inline_policy(&id, name, cx)).await.map(Some)
        },
        async {
            if !want.has("managedPolicyArns") {
                return Ok(None);
            }
            managed_arns(&id, cx).await.map(Some)
        }
    )?;
    let inputs = Role {
        assume_role_policy: document(&need("AssumeRolePolicyDocument", role.assume_role_policy_document)?)?,
        description: role.description.filter(|d| !d.is_empty()),
        force_detach_policies: false,
        inline_policies,
        managed_policy_arns,
        max_session_duration: need("MaxSessionDuration", role.max_session_duration)?,
        name: role.role_name,
        path: role.path,
        permissions_boundary: role.permissions_boundary.and_then(|b| b.permissions_boundary_arn),
        tags: tags_from(role.tags),
    };
    let outputs = RoleOutputs { arn: role.arn, create_date: role.create_date.to_string(), unique_id: role.role_id };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

async fn inline_names(id: &Id, cx: &Cx) -> Result<Vec<String>> {
    let pages = cx.iam().list_role_policies().role_name(&id.0).into_paginator().items().send();
    Ok(pages.collect::<Result<_, _>>().await?)
}

async fn inline_policy(id: &Id, name: Id, cx: &Cx) -> Result<InlinePolicy> {
    let reply = cx.iam().get_role_policy().role_name(&id.0).policy_name(&name.0).send().await?;
    Ok(InlinePolicy { name: reply.policy_name, policy: document(&reply.policy_document)? })
}

async fn managed_arns(id: &Id, cx: &Cx) -> Result<Vec<String>> {
    let pages = cx.iam().list_attached_role_policies().role_name(&id.0).into_paginator().items().send();
    let policies = pages.collect::<Result<Vec<_>, _>>().await?;
    policies.into_iter().map(|p| need("PolicyArn", p.policy_arn)).collect()
}

async fn profile_names(id: &Id, cx: &Cx) -> Result<Vec<String>> {
    let pages = cx.iam().list_instance_profiles_for_role().role_name(&id.0).into_paginator().items().send();
    let profiles = pages.collect::<Result<Vec<_>, _>>().await?;
    Ok(profiles.into_iter().map(|profile| profile.instance_profile_name).collect())
}

async fn holders(id: &Id, cx: &Cx) -> Result<Vec<Holder>> {
    let (managed, inline, profiles) = try_join!(managed_arns(id, cx), inline_names(id, cx), profile_names(id, cx))?;
    let policies =
        Holder::each("the managed policy", FORCE, managed).chain(Holder::each("the inline policy", FORCE, inline));
    Ok(policies.chain(Holder::each("the instance profile", LEAVE, profiles)).collect())
}

/// How policies of others go.
const FORCE: &str = "`forceDetachPolicies: true` and an `up`, or `--force-override-protection` at once, \
    lets the role go with all its policies";
/// How a role leaves the instance profile of others.
const LEAVE: &str = "`aws iam remove-role-from-instance-profile` takes it out of an instance profile";

async fn change_inline(id: &Id, old: &[InlinePolicy], wanted: &[InlinePolicy], cx: &Cx) -> Result<()> {
    let had: BTreeMap<&str, &Document> = old.iter().map(|p| (p.name.as_str(), &p.policy)).collect();
    for InlinePolicy { name, policy } in wanted {
        if !had.get(name.as_str()).is_some_and(|had| had.same(policy)) {
            let put = cx.iam().put_role_policy().role_name(&id.0).policy_name(name);
            put.policy_document(policy.as_str()).send().await?;
        }
    }
    for old in old.iter().filter(|old| !wanted.iter().any(|new| new.name == old.name)) {
        cx.iam().delete_role_policy().role_name(&id.0).policy_name(&old.name).send().await.or_none()?;
    }
    Ok(())
}

async fn change_managed(id: &Id, old: &[String], wanted: &[String], cx: &Cx) -> Result<()> {
    for arn in only_in(wanted, old) {
        cx.iam().attach_role_policy().role_name(&id.0).policy_arn(arn).send().await?;
    }
    for arn in only_in(old, wanted) {
        cx.iam().detach_role_policy().role_name(&id.0).policy_arn(arn).send().await.or_none()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, reads_back};
    use crate::engine::error::Kind;
    use crate::engine::provider::Provider;

    const ROLE: &str = "<GetRoleResponse><GetRoleResult><Role><Path>/app/</Path><RoleName>r</RoleName>\
        <RoleId>AROA1</RoleId><Arn>arn:aws:iam::123456789012:role/app/r</Arn>\
        <CreateDate>2026-01-01T00:00:00Z</CreateDate>\
        <AssumeRolePolicyDocument>%7B%22Version%22%3A%222012-10-17%22%7D</AssumeRolePolicyDocument>\
        <Description>d</Description><MaxSessionDuration>7200</MaxSessionDuration><PermissionsBoundary>\
        <PermissionsBoundaryArn>arn:aws:iam::aws:policy/B</PermissionsBoundaryArn></PermissionsBoundary>\
        <Tags><member><Key>a</Key><Value>b</Value></member></Tags></Role></GetRoleResult></GetRoleResponse>";
    const NAMES: &str = "<ListRolePoliciesResponse><ListRolePoliciesResult><PolicyNames><member>p</member></PolicyNames>\
        <IsTruncated>false</IsTruncated></ListRolePoliciesResult></ListRolePoliciesResponse>";
    const POLICY: &str = "<GetRolePolicyResponse><GetRolePolicyResult><RoleName>r</RoleName><PolicyName>p</PolicyName>\
        <PolicyDocument>%7B%7D</PolicyDocument></GetRolePolicyResult></GetRolePolicyResponse>";
    const ATTACHED: &str = "<ListAttachedRolePoliciesResponse><ListAttachedRolePoliciesResult><AttachedPolicies>\
        <member><PolicyName>M</PolicyName><PolicyArn>arn:aws:iam::aws:policy/M</PolicyArn></member></AttachedPolicies>\
        <IsTruncated>false</IsTruncated></ListAttachedRolePoliciesResult></ListAttachedRolePoliciesResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [
            ("Action=GetRole&", ok(ROLE)),
            ("Action=ListRolePolicies&", ok(NAMES)),
            ("Action=GetRolePolicy&", ok(POLICY)),
            ("Action=ListAttachedRolePolicies&", ok(ATTACHED)),
        ];
        let inputs = json!({
            "assumeRolePolicy": r#"{"Version":"2012-10-17"}"#,
            "description": "d",
            "forceDetachPolicies": false,
            "inlinePolicies": [{ "name": "p", "policy": "{}" }],
            "managedPolicyArns": ["arn:aws:iam::aws:policy/M"],
            "maxSessionDuration": 7200,
            "name": "r",
            "path": "/app/",
            "permissionsBoundary": "arn:aws:iam::aws:policy/B",
            "tags": { "a": "b" },
        });
        reads_back(Role::TYPE, "r", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn a_role_that_others_use_is_refused_with_their_names() {
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>DeleteConflict</Code>\
            <Message>Cannot delete entity, must detach all policies first.</Message></Error></ErrorResponse>";
        let profiles = "<ListInstanceProfilesForRoleResponse><ListInstanceProfilesForRoleResult><InstanceProfiles>\
            <member><Path>/</Path><InstanceProfileName>web</InstanceProfileName><InstanceProfileId>A</InstanceProfileId>\
            <Arn>arn:p</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate><Roles/></member></InstanceProfiles>\
            <IsTruncated>false</IsTruncated></ListInstanceProfilesForRoleResult></ListInstanceProfilesForRoleResponse>";
        let mut replies = vec![
            ("Action=DeleteRole&", Reply::Says(409, refusal.into())),
            ("Action=ListRolePolicies&", ok(NAMES)),
            ("Action=ListAttachedRolePolicies&", ok(ATTACHED)),
        ];
        let delete = async |replies: &[(&str, Reply)]| {
            let (aws, wire) = aws(replies);
            let plain = json!({ "assumeRolePolicy": {}, "name": "r" }).into();
            let error = aws.delete(&at(Role::TYPE), &Id("r".into()), &plain, None).await.unwrap_err();
            assert!(wire.requests("Action=Detach").is_empty(), "what others attached stays");
            assert_eq!(error.kind, Kind::Spreading, "ours may still count for a moment");
            error
        };
        let blind = delete(&replies).await;
        assert_eq!(
            blind.message, "Cannot delete entity, must detach all policies first.",
            "it cannot look at profiles"
        );
        replies.push(("Action=ListInstanceProfilesForRole&", ok(profiles)));
        let error = delete(&replies).await;
        insta::assert_snapshot!(format!("{error}\n{}", error.hint.as_deref().unwrap_or_default()), @r"
        the role cannot be deleted because of the managed policy `arn:aws:iam::aws:policy/M`, the inline policy `p`, the instance profile `web`
        if others attached that, `forceDetachPolicies: true` and an `up`, or `--force-override-protection` at once, lets the role go with all its policies; `aws iam remove-role-from-instance-profile` takes it out of an instance profile; then run again
        ");
    }
}
