use aws_sdk_backup::types::{
    self as sdk, BackupSelection, ConditionParameter, ConditionType, Conditions as SentConditions,
};

use crate::aws::prelude::*;
use crate::engine::rules::{auto_name, form, one_of, refers, replace, unordered};

/// What a plan backs up. It cannot be changed, only replaced.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selection {
    /// Conditions on tags that must all hold, in one item.
    #[schemars(transform = replace, transform = unordered, length(max = 1))]
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Role that AWS Backup takes on.
    #[schemars(transform = replace, transform = refers("aws:iam/role:Role.arn"))]
    pub iam_role_arn: String,
    /// Name of the selection.
    #[schemars(transform = replace, transform = auto_name(50))]
    #[schemars(transform = form(r"^[a-zA-Z0-9_.-]{1,50}$", "up to 50 letters, digits, `-`, `_` and `.`"))]
    pub name: String,
    /// ARNs, or patterns of ARNs, that are left out.
    #[schemars(transform = replace, transform = unordered)]
    #[serde(default)]
    pub not_resources: Vec<String>,
    /// Plan that the selection belongs to.
    #[schemars(transform = replace, transform = refers("aws:backup/plan:Plan.id"))]
    pub plan_id: String,
    /// ARNs, or patterns of ARNs, that are backed up.
    #[schemars(transform = replace, transform = unordered)]
    #[serde(default)]
    pub resources: Vec<String>,
    /// Tags of which a resource needs one.
    #[schemars(transform = replace, transform = unordered)]
    #[serde(default)]
    pub selection_tags: Vec<SelectionTag>,
}

/// Conditions on tags that must all hold.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    /// Tags with these values.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub string_equals: Vec<Parameter>,
    /// Tags with values like these, in which `*` stands for any text.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub string_likes: Vec<Parameter>,
    /// Tags without these values.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub string_not_equals: Vec<Parameter>,
    /// Tags without values like these, in which `*` stands for any text.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub string_not_likes: Vec<Parameter>,
}

/// A tag that a condition looks at.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// `aws:ResourceTag/` and the key of the tag.
    pub key: String,
    /// Value of the tag.
    pub value: String,
}

/// A tag by which resources are chosen.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelectionTag {
    /// Key of the tag.
    pub key: String,
    /// How the value is compared.
    #[schemars(transform = one_of(&["STRINGEQUALS"]))]
    pub r#type: String,
    /// Value of the tag.
    pub value: String,
}

/// AWS decides nothing about a selection but its id.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SelectionOutputs {}

impl Resource for Selection {
    const TYPE: &'static str = "aws:backup/selection:Selection";
    const FACTS: Facts = Facts {
        names: Names::Shared,
        takes: Takes::seconds(2, 0, 1),
        permissions: Permissions {
            create: &["backup:CreateBackupSelection", "iam:CreateServiceLinkedRole", "iam:GetRole", "iam:PassRole"],
            read: &["backup:GetBackupSelection", "backup:ListBackupSelections"],
            update: &[],
            delete: &["backup:DeleteBackupSelection"],
        },
        acts_on: &["backup:{region}:*:backup-plan:*"],
        passes_roles_to: &["backup"],
        import: "ids of plan and selection, `plan|selection`",
        ..Facts::new(IdForm::Random("", 36), FoundBy::Token)
    };
    type Outputs = SelectionOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let create = cx.backup().create_backup_selection().backup_plan_id(&self.plan_id);
        let reply = create.backup_selection(self.sent()?).creator_request_id(cx.token()).send().await?;
        Ok(Made::id(joined(&self.plan_id, &need("SelectionId", reply.selection_id)?)))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (plan, selection) = parts(id)?;
        let delete = cx.backup().delete_backup_selection().backup_plan_id(plan).selection_id(selection);
        delete.send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let selections = cx.backup().list_backup_selections().backup_plan_id(&self.plan_id).into_paginator().items();
        let selections = selections.send().collect::<Result<Vec<_>, _>>().await.or_none()?.unwrap_or_default();
        let mine = selections.into_iter().filter(|s| s.creator_request_id.as_deref() == Some(cx.token()));
        mine.map(|s| Ok(Id(joined(&self.plan_id, &need("SelectionId", s.selection_id)?)))).collect()
    }
}

fn joined(plan: &str, selection: &str) -> String {
    format!("{plan}|{selection}")
}

fn parts(id: &Id) -> Result<(&str, &str)> {
    let parts = id.0.split_once('|');
    parts.ok_or_else(|| Error::invalid(format!("`{id}` is not `plan|selection`")).hint("join both ids with `|`"))
}

impl Selection {
    fn sent(&self) -> Result<BackupSelection> {
        let tags = self.selection_tags.iter().map(|tag| {
            Ok(sdk::Condition::builder()
                .condition_key(&tag.key)
                .condition_type(ConditionType::from(tag.r#type.as_str()))
                .condition_value(&tag.value)
                .build()?)
        });
        let tags = tags.collect::<Result<Vec<_>>>()?;
        Ok(BackupSelection::builder()
            .set_conditions(self.conditions.first().map(Condition::sent))
            .iam_role_arn(&self.iam_role_arn)
            .selection_name(&self.name)
            .set_not_resources(some(self.not_resources.clone()))
            .set_resources(some(self.resources.clone()))
            .set_list_of_tags(some(tags))
            .build()?)
    }
}

/// What is not given is not sent, not even as a list without items.
fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    Some(items).filter(|items| !items.is_empty())
}

impl Condition {
    fn sent(&self) -> SentConditions {
        let sent = |parameters: &[Parameter]| {
            some(
                parameters
                    .iter()
                    .map(|p| ConditionParameter::builder().condition_key(&p.key).condition_value(&p.value).build())
                    .collect(),
            )
        };
        SentConditions::builder()
            .set_string_equals(sent(&self.string_equals))
            .set_string_like(sent(&self.string_likes))
            .set_string_not_equals(sent(&self.string_not_equals))
            .set_string_not_like(sent(&self.string_not_likes))
            .build()
    }

    /// AWS shows conditions without any condition where there are none.
    fn shown(conditions: SentConditions) -> Result<Option<Self>> {
        let shown = |parameters: Option<Vec<ConditionParameter>>| {
            let shown = parameters.into_iter().flatten().map(|p| {
                Ok(Parameter {
                    key: need("ConditionKey", p.condition_key)?,
                    value: need("ConditionValue", p.condition_value)?,
                })
            });
            shown.collect::<Result<Vec<_>>>()
        };
        let condition = Self {
            string_equals: shown(conditions.string_equals)?,
            string_likes: shown(conditions.string_like)?,
            string_not_equals: shown(conditions.string_not_equals)?,
            string_not_likes: shown(conditions.string_not_like)?,
        };
        let Self { string_equals, string_likes, string_not_equals, string_not_likes } = &condition;
        let none = [string_equals, string_likes, string_not_equals, string_not_likes].into_iter().all(Vec::is_empty);
        Ok((!none).then_some(condition))
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<Selection>>> {
    let (plan, selection) = parts(&id)?;
    let call = cx.backup().get_backup_selection().backup_plan_id(plan).selection_id(selection);
    let reply = call.send().await.or_none()?;
    let Some(selection) = reply.map(|r| need("BackupSelection", r.backup_selection)).transpose()? else {
        return Ok(Seen::Gone);
    };
    let tags = selection.list_of_tags.into_iter().flatten().map(|tag| SelectionTag {
        key: tag.condition_key,
        r#type: tag.condition_type.as_str().to_owned(),
        value: tag.condition_value,
    });
    let inputs = Selection {
        conditions: selection.conditions.map(Condition::shown).transpose()?.flatten().into_iter().collect(),
        iam_role_arn: selection.iam_role_arn,
        name: selection.selection_name,
        not_resources: selection.not_resources.unwrap_or_default(),
        plan_id: plan.to_owned(),
        resources: selection.resources.unwrap_or_default(),
        selection_tags: tags.collect(),
    };
    Ok(Seen::Ready(Live { inputs, outputs: SelectionOutputs {} }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, aws, ok, read, reads_back};
    use crate::engine::error::Kind;

    const REPLY: &str = r#"{"SelectionId":"s","BackupPlanId":"p","BackupSelection":{"SelectionName":"n",
        "IamRoleArn":"arn:r","Resources":["arn:db"],"NotResources":["arn:no"],
        "ListOfTags":[{"ConditionType":"STRINGEQUALS","ConditionKey":"k","ConditionValue":"v"}],
        "Conditions":{"StringEquals":[{"ConditionKey":"a","ConditionValue":"1"}],
        "StringLike":[{"ConditionKey":"b","ConditionValue":"2"}],
        "StringNotEquals":[{"ConditionKey":"c","ConditionValue":"3"}],
        "StringNotLike":[{"ConditionKey":"d","ConditionValue":"4"}]}}}"#;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "conditions": [{
                "stringEquals": [{ "key": "a", "value": "1" }],
                "stringLikes": [{ "key": "b", "value": "2" }],
                "stringNotEquals": [{ "key": "c", "value": "3" }],
                "stringNotLikes": [{ "key": "d", "value": "4" }],
            }],
            "iamRoleArn": "arn:r",
            "name": "n",
            "notResources": ["arn:no"],
            "planId": "p",
            "resources": ["arn:db"],
            "selectionTags": [{ "key": "k", "type": "STRINGEQUALS", "value": "v" }],
        });
        reads_back(Selection::TYPE, "p|s", &[("/selections/s", ok(REPLY))], &[], inputs).await;
    }

    #[tokio::test]
    async fn empty_conditions_are_none() {
        let reply = r#"{"BackupSelection":{"SelectionName":"n","IamRoleArn":"arn:r","Conditions":{"StringLike":[]}}}"#;
        let (aws, _) = aws(&[("/selections/s", ok(reply))]);
        let Seen::Ready(live) = read(&aws, Selection::TYPE, "p|s").await.unwrap() else { panic!() };
        assert_eq!(live.inputs.get("conditions"), Some(&json!([]).into()));
    }

    #[tokio::test]
    async fn a_selection_that_aws_cannot_find_is_gone_and_another_mistake_is_not() {
        let invalid = |text: &str| format!(r#"{{"__type":"InvalidParameterValueException","Message":"{text}"}}"#);
        let (gone, _) = aws(&[("/selections/s", Reply::Says(400, invalid("Cannot find Backup plan with ID p")))]);
        assert_eq!(read(&gone, Selection::TYPE, "p|s").await.unwrap(), Seen::Gone);
        let (wrong, _) = aws(&[("/selections/s", Reply::Says(400, invalid("Invalid id")))]);
        assert_eq!(read(&wrong, Selection::TYPE, "p|s").await.unwrap_err().kind, Kind::Invalid);
        assert_eq!(read(&wrong, Selection::TYPE, "s").await.unwrap_err().message, "`s` is not `plan|selection`");
    }
}
