use aws_sdk_rds::types as sdk;

use super::parameters::{self, AT_ONCE, Parameter, SET};
use super::{arn, is_ours, managed, retag, tagged, tags_of, wanted_tags};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, replace, unordered};

/// Settings of a database engine for single instances.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParameterGroup {
    /// What the group is for.
    #[schemars(transform = replace)]
    #[serde(default = "managed")]
    pub description: String,
    /// Engine and major version, for example `aurora-postgresql16`.
    #[schemars(transform = replace)]
    pub family: String,
    /// Name of the group. AWS keeps it in small letters.
    #[schemars(transform = replace, transform = auto_name(255), transform = alike(Alike::Case))]
    pub name: String,
    /// Parameters that differ from the engine's defaults.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// Tags of the group.
    #[serde(default)]
    pub tags: Tags,
}

/// What AWS decides about a parameter group.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParameterGroupOutputs {
    /// ARN of the group.
    pub arn: String,
}

impl Resource for ParameterGroup {
    const TYPE: &'static str = "aws:rds/parameterGroup:ParameterGroup";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(10, 10, 10),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["rds:AddTagsToResource", "rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup"],
            read: &["rds:DescribeDBParameterGroups", "rds:DescribeDBParameters", "rds:ListTagsForResource"],
            update: &[
                "rds:AddTagsToResource",
                "rds:ModifyDBParameterGroup",
                "rds:RemoveTagsFromResource",
                "rds:ResetDBParameterGroup",
            ],
            delete: &["rds:DeleteDBParameterGroup"],
        },
        import: "name of the parameter group",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = ParameterGroupOutputs;
    type Cx = Cx;

    /// The parameters come with the first update: they need calls of their own.
    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .rds()
            .create_db_parameter_group()
            .description(&self.description)
            .db_parameter_group_family(&self.family)
            .db_parameter_group_name(&self.name)
            .set_tags(tagged(&cx.tags(&self.tags)))
            .send()
            .await?;
        Ok(Made::id(need(
            "DBParameterGroupName",
            need("DBParameterGroup", reply.db_parameter_group)?.db_parameter_group_name,
        )?))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| async move {
            let Some(group) = described(&id.0, cx).await? else { return Ok(Seen::Gone) };
            let tags =
                wanted_tags(&need("DBParameterGroupArn", group.db_parameter_group_arn.clone())?, want, cx).await?;
            let parameters = if want.has("parameters") { set_by_user(&id.0, cx).await? } else { Vec::new() };
            Ok(Seen::Ready(live(group, parameters, tags)?))
        })
        .await
    }

    /// What is removed goes back to the engine's default before the rest is set.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let changes = parameters::changes(&live.inputs.parameters, &self.parameters);
        for some in changes.reset.chunks(AT_ONCE) {
            let reset = cx.rds().reset_db_parameter_group().db_parameter_group_name(&id.0).reset_all_parameters(false);
            reset.set_parameters(Some(some.to_vec())).send().await?;
        }
        for some in changes.set.chunks(AT_ONCE) {
            let set = cx.rds().modify_db_parameter_group().db_parameter_group_name(&id.0);
            set.set_parameters(Some(some.to_vec())).send().await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.rds().delete_db_parameter_group().db_parameter_group_name(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let Some(group) = described(&self.name, cx).await? else { return Ok(Vec::new()) };
        let arn = need("DBParameterGroupArn", group.db_parameter_group_arn)?;
        let name = need("DBParameterGroupName", group.db_parameter_group_name)?;
        Ok(if is_ours(&tags_of(&arn, cx).await?, cx) { vec![Id(name)] } else { Vec::new() })
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, inputs, "pg", "name"))]
    }
}

async fn described(name: &str, cx: &Cx) -> Result<Option<sdk::DbParameterGroup>> {
    let reply = cx.rds().describe_db_parameter_groups().db_parameter_group_name(name).send().await.or_none()?;
    Ok(reply.and_then(|r| r.db_parameter_groups).and_then(|groups| groups.into_iter().next()))
}

async fn set_by_user(name: &str, cx: &Cx) -> Result<Vec<Parameter>> {
    let pages = cx.rds().describe_db_parameters().db_parameter_group_name(name).source(SET).into_paginator();
    let found = pages.items().send().collect::<Result<Vec<_>, _>>().await?;
    // An endpoint that ignores the source shows defaults too, and some of those have no value.
    let set = found.into_iter().filter(|p| p.source.as_deref().is_none_or(|source| source == SET));
    set.filter(|p| p.parameter_value.is_some()).map(Parameter::shown).collect()
}

fn live(group: sdk::DbParameterGroup, parameters: Vec<Parameter>, tags: Tags) -> Result<Live<ParameterGroup>> {
    let inputs = ParameterGroup {
        description: need("Description", group.description)?,
        family: need("DBParameterGroupFamily", group.db_parameter_group_family)?,
        name: need("DBParameterGroupName", group.db_parameter_group_name)?,
        parameters,
        tags,
    };
    Ok(Live {
        inputs,
        outputs: ParameterGroupOutputs { arn: need("DBParameterGroupArn", group.db_parameter_group_arn)? },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::{Live, Provider};

    const GROUP: &str = "<DescribeDBParameterGroupsResponse><DescribeDBParameterGroupsResult>\
        <DBParameterGroups><DBParameterGroup><DBParameterGroupName>pg</DBParameterGroupName>\
        <DBParameterGroupFamily>aurora-postgresql16</DBParameterGroupFamily><Description>for orders</Description>\
        <DBParameterGroupArn>arn:aws:rds:eu-west-1:123456789012:pg:pg</DBParameterGroupArn>\
        </DBParameterGroup></DBParameterGroups></DescribeDBParameterGroupsResult></DescribeDBParameterGroupsResponse>";

    const PARAMETERS: &str = "<DescribeDBParametersResponse><DescribeDBParametersResult><Parameters>\
        <Parameter><ParameterName>rds.force_ssl</ParameterName><ParameterValue>1</ParameterValue>\
        <Source>user</Source><ApplyMethod>pending-reboot</ApplyMethod></Parameter>\
        <Parameter><ParameterName>work_mem</ParameterName><Source>engine-default</Source></Parameter>\
        </Parameters></DescribeDBParametersResult></DescribeDBParametersResponse>";

    const TAGS: &str = "<ListTagsForResourceResponse><ListTagsForResourceResult><TagList>\
        <Tag><Key>a</Key><Value>b</Value></Tag></TagList></ListTagsForResourceResult></ListTagsForResourceResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [
            ("Action=DescribeDBParameterGroups", ok(GROUP)),
            ("Action=DescribeDBParameters", ok(PARAMETERS)),
            ("Action=ListTagsForResource", ok(TAGS)),
        ];
        let inputs = json!({
            "description": "for orders",
            "family": "aurora-postgresql16",
            "name": "pg",
            "parameters": [{ "applyMethod": "pending-reboot", "name": "rds.force_ssl", "value": "1" }],
            "tags": { "a": "b" },
        });
        reads_back(ParameterGroup::TYPE, "pg", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn many_parameters_go_out_in_calls_of_twenty() {
        let done = (
            "Action=ModifyDBParameterGroup&",
            ok("<ModifyDBParameterGroupResponse><ModifyDBParameterGroupResult/></ModifyDBParameterGroupResponse>"),
        );
        let (aws, wire) = aws(&[done]);
        let parameters: Vec<_> = (0..45).map(|i| json!({ "name": format!("p{i}"), "value": "1" })).collect();
        let inputs = json!({ "family": "f", "name": "pg" });
        let live = Live { inputs: inputs.into(), outputs: json!({ "arn": "arn" }).into() };
        let wanted = json!({ "family": "f", "name": "pg", "parameters": parameters }).into();
        aws.update(&at(ParameterGroup::TYPE), &Id("pg".into()), &wanted, &live).await.unwrap();
        assert_eq!(wire.requests("Action=Modify").len(), 3);
    }
}
