use super::{tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{auto_name, refers, replace};

/// What gives the rights of a role to EC2 instances.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceProfile {
    /// Name of the profile, unique in the account.
    #[schemars(transform = replace, transform = auto_name(128), length(max = 128))]
    pub name: String,
    /// Path of the profile, which begins and ends with `/`.
    #[schemars(transform = replace, length(max = 512))]
    #[serde(default = "root")]
    pub path: String,
    /// Name of the role.
    #[schemars(transform = refers("aws:iam/role:Role.name"))]
    pub role: Option<String>,
    /// Tags of the profile.
    #[serde(default)]
    pub tags: Tags,
}

fn root() -> String {
    "/".to_owned()
}

/// What AWS decides about a profile.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceProfileOutputs {
    /// ARN of the profile.
    pub arn: String,
    /// When the profile was made.
    pub create_date: String,
    /// Id that no other profile ever gets, `AIPA…`.
    pub unique_id: String,
}

impl Resource for InstanceProfile {
    const TYPE: &'static str = "aws:iam/instanceProfile:InstanceProfile";
    const FACTS: Facts = Facts {
        scope: Scope::Global,
        takes: Takes::seconds(3, 2, 2),
        permissions: Permissions {
            create: &[
                "iam:AddRoleToInstanceProfile",
                "iam:CreateInstanceProfile",
                "iam:PassRole",
                "iam:TagInstanceProfile",
            ],
            read: &["iam:GetInstanceProfile"],
            update: &[
                "iam:AddRoleToInstanceProfile",
                "iam:PassRole",
                "iam:RemoveRoleFromInstanceProfile",
                "iam:TagInstanceProfile",
                "iam:UntagInstanceProfile",
            ],
            delete: &["iam:DeleteInstanceProfile", "iam:RemoveRoleFromInstanceProfile"],
        },
        acts_on: &["{arn}"],
        passes_roles_to: &["ec2"],
        import: "name of the instance profile",
        look_before_delete: true,
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = InstanceProfileOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.iam()
            .create_instance_profile()
            .instance_profile_name(&self.name)
            .path(&self.path)
            .set_tags(tagged(&cx.tags(&self.tags))?)
            .send()
            .await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    /// A profile holds one role, so the old one goes first.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        if let Some(old) = &live.inputs.role {
            remove_role(id, old, cx).await?;
        }
        if let Some(role) = &self.role {
            cx.iam().add_role_to_instance_profile().instance_profile_name(&id.0).role_name(role).send().await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, live: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        if let Some(role) = live.map_or(&self.role, |live| &live.inputs.role) {
            remove_role(id, role, cx).await?;
        }
        cx.iam().delete_instance_profile().instance_profile_name(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let reply = cx.iam().get_instance_profile().instance_profile_name(&self.name).send().await.or_none()?;
        let profile = reply.and_then(|r| r.instance_profile);
        let mine = profile.filter(|p| tags_from(p.tags.clone()).get(tags::ATTEMPT).is_some_and(|a| a == cx.token()));
        Ok(mine.into_iter().map(|p| Id(p.instance_profile_name)).collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        if !tags.unset.is_empty() {
            let gone = tags.unset.clone();
            cx.iam().untag_instance_profile().instance_profile_name(&id.0).set_tag_keys(Some(gone)).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tagged(tags.set.iter().map(|(k, v)| (k, v)))?;
            cx.iam().tag_instance_profile().instance_profile_name(&id.0).set_tags(set).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let text = |name| inputs.get(name).and_then(Value::as_str);
        let arn = match text("name") {
            Some(name) => at.arn("iam", &format!("instance-profile{}{name}", text("path").unwrap_or("/"))),
            None => Value::Unknown,
        };
        vec![("arn", arn)]
    }
}

async fn remove_role(id: &Id, role: &str, cx: &Cx) -> Result<()> {
    let remove = cx.iam().remove_role_from_instance_profile().instance_profile_name(&id.0).role_name(role);
    remove.send().await.or_none()?;
    Ok(())
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<InstanceProfile>>> {
    let Some(reply) = cx.iam().get_instance_profile().instance_profile_name(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let profile = need("InstanceProfile", reply.instance_profile)?;
    let outputs = InstanceProfileOutputs {
        arn: profile.arn,
        create_date: profile.create_date.to_string(),
        unique_id: profile.instance_profile_id,
    };
    let inputs = InstanceProfile {
        name: profile.instance_profile_name,
        path: profile.path,
        role: profile.roles.into_iter().next().map(|role| role.role_name),
        tags: tags_from(profile.tags),
    };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    const REPLY: &str = "<GetInstanceProfileResponse><GetInstanceProfileResult><InstanceProfile><Path>/app/</Path>\
        <InstanceProfileName>p</InstanceProfileName><InstanceProfileId>AIPA1</InstanceProfileId>\
        <Arn>arn:aws:iam::123456789012:instance-profile/app/p</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>\
        <Roles><member><Path>/</Path><RoleName>r</RoleName><RoleId>AROA1</RoleId>\
        <Arn>arn:aws:iam::123456789012:role/r</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></member></Roles>\
        <Tags><member><Key>a</Key><Value>b</Value></member></Tags></InstanceProfile></GetInstanceProfileResult>\
        </GetInstanceProfileResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [("Action=GetInstanceProfile&", ok(REPLY))];
        let inputs = json!({ "name": "p", "path": "/app/", "role": "r", "tags": { "a": "b" } });
        reads_back(InstanceProfile::TYPE, "p", &replies, &[], inputs).await;
    }
}
