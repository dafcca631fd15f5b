use std::fmt;
use std::marker::PhantomData;

use aws_sdk_rds::types::Parameter as SdkParameter;
use schemars::Schema;

use super::parameters::{self, AT_ONCE, Parameter, SET};
use super::{arn, is_ours, managed, retag, tagged, tags_of, wanted_tags};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, replace, unordered};

/// Settings of a database engine, for one level of a database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, bound = "")]
#[schemars(bound = "L: Level", transform = described::<L>)]
pub struct Group<L> {
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
    #[serde(skip)]
    level: PhantomData<L>,
}

/// What AWS decides about a parameter group.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupOutputs {
    /// ARN of the group.
    pub arn: String,
}

/// Settings of a database engine for single instances.
pub type ParameterGroup = Group<Instance>;

/// Settings of a database engine that all instances of a cluster share.
pub type ClusterParameterGroup = Group<Cluster>;

/// What the levels of a database do not share: the names of the calls.
pub trait Level: fmt::Debug + Clone + Send + Sync + 'static {
    const TYPE: &'static str;
    const DESCRIPTION: &'static str;
    const PERMISSIONS: Permissions;
    /// The kind of resource in ARNs.
    const ARN: &'static str;

    fn create(group: &Group<Self>, tags: Tags, cx: &Cx) -> impl Future<Output = Result<String>> + Send;
    fn describe(name: &str, cx: &Cx) -> impl Future<Output = Result<Option<Described>>> + Send;
    fn parameters(name: &str, cx: &Cx) -> impl Future<Output = Result<Vec<SdkParameter>>> + Send;
    fn set(name: &str, some: Vec<SdkParameter>, cx: &Cx) -> impl Future<Output = Result<()>> + Send;
    fn reset(name: &str, some: Vec<SdkParameter>, cx: &Cx) -> impl Future<Output = Result<()>> + Send;
    fn delete(name: &str, cx: &Cx) -> impl Future<Output = Result<()>> + Send;
}

/// What AWS shows of a group without its parameters.
#[derive(Debug)]
pub struct Described {
    arn: String,
    description: String,
    family: String,
    name: String,
}

fn described<L: Level>(s: &mut Schema) {
    s.insert("description".into(), L::DESCRIPTION.into());
}

impl<L: Level> Resource for Group<L> {
    const TYPE: &'static str = L::TYPE;
    const FACTS: Facts = Facts {
        limits: Limits::minutes(10, 10, 10),
        takes: Takes::seconds(1, 1, 1),
        permissions: L::PERMISSIONS,
        acts_on: &["{arn}"],
        import: "name of the parameter group",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = GroupOutputs;
    type Cx = Cx;

    /// The parameters come with the first update: they need calls of their own.
    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        Ok(Made::id(L::create(self, cx.tags(&self.tags), cx).await?))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| async move {
            let Some(group) = L::describe(&id.0, cx).await? else { return Ok(Seen::Gone) };
            let tags = wanted_tags(&group.arn, want, cx).await?;
            let parameters = if want.has("parameters") { set_by_user::<L>(&id.0, cx).await? } else { Vec::new() };
            let Described { arn, description, family, name } = group;
            let inputs = Self { description, family, name, parameters, tags, level: PhantomData };
            Ok(Seen::Ready(Live { inputs, outputs: GroupOutputs { arn } }))
        })
        .await
    }

    /// What is removed goes back to the engine's default before the rest is set.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let changes = parameters::changes(&live.inputs.parameters, &self.parameters);
        for some in changes.reset.chunks(AT_ONCE) {
            L::reset(&id.0, some.to_vec(), cx).await?;
        }
        for some in changes.set.chunks(AT_ONCE) {
            L::set(&id.0, some.to_vec(), cx).await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        L::delete(&id.0, cx).await?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let Some(group) = L::describe(&self.name, cx).await? else { return Ok(Vec::new()) };
        Ok(if is_ours(&tags_of(&group.arn, cx).await?, cx) { vec![Id(group.name)] } else { Vec::new() })
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, inputs, L::ARN, "name"))]
    }
}

/// An endpoint that ignores the source shows defaults too, and some of those have no value.
async fn set_by_user<L: Level>(name: &str, cx: &Cx) -> Result<Vec<Parameter>> {
    let found = L::parameters(name, cx).await?.into_iter();
    let set = found.filter(|p| p.source.as_deref().is_none_or(|source| source == SET));
    set.filter(|p| p.parameter_value.is_some()).map(Parameter::shown).collect()
}

/// Single instances.
#[derive(Debug, Clone)]
pub enum Instance {}

impl Level for Instance {
    const TYPE: &'static str = "aws:rds/parameterGroup:ParameterGroup";
    const DESCRIPTION: &'static str = "Settings of a database engine for single instances.";
    const ARN: &'static str = "pg";
    const PERMISSIONS: Permissions = Permissions {
        create: &["rds:AddTagsToResource", "rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup"],
        read: &["rds:DescribeDBParameterGroups", "rds:DescribeDBParameters", "rds:ListTagsForResource"],
        update: &[
            "rds:AddTagsToResource",
            "rds:ModifyDBParameterGroup",
            "rds:RemoveTagsFromResource",
            "rds:ResetDBParameterGroup",
        ],
        delete: &["rds:DeleteDBParameterGroup"],
    };

    async fn create(group: &Group<Self>, tags: Tags, cx: &Cx) -> Result<String> {
        let create = cx.rds().create_db_parameter_group().description(&group.description);
        let create = create.db_parameter_group_family(&group.family).db_parameter_group_name(&group.name);
        let made = create.set_tags(tagged(&tags)).send().await?.db_parameter_group;
        need("DBParameterGroupName", need("DBParameterGroup", made)?.db_parameter_group_name)
    }

    async fn describe(name: &str, cx: &Cx) -> Result<Option<Described>> {
        let reply = cx.rds().describe_db_parameter_groups().db_parameter_group_name(name).send().await.or_none()?;
        let group = reply.and_then(|reply| reply.db_parameter_groups?.into_iter().next());
        let shown = group.map(|group| {
            Ok(Described {
                arn: need("DBParameterGroupArn", group.db_parameter_group_arn)?,
                description: need("Description", group.description)?,
                family: need("DBParameterGroupFamily", group.db_parameter_group_family)?,
                name: need("DBParameterGroupName", group.db_parameter_group_name)?,
            })
        });
        shown.transpose()
    }

    async fn parameters(name: &str, cx: &Cx) -> Result<Vec<SdkParameter>> {
        let pages = cx.rds().describe_db_parameters().db_parameter_group_name(name).source(SET).into_paginator();
        Ok(pages.items().send().collect::<Result<_, _>>().await?)
    }

    async fn set(name: &str, some: Vec<SdkParameter>, cx: &Cx) -> Result<()> {
        let set = cx.rds().modify_db_parameter_group().db_parameter_group_name(name);
        set.set_parameters(Some(some)).send().await?;
        Ok(())
    }

    async fn reset(name: &str, some: Vec<SdkParameter>, cx: &Cx) -> Result<()> {
        let reset = cx.rds().reset_db_parameter_group().db_parameter_group_name(name).reset_all_parameters(false);
        reset.set_parameters(Some(some)).send().await?;
        Ok(())
    }

    async fn delete(name: &str, cx: &Cx) -> Result<()> {
        cx.rds().delete_db_parameter_group().db_parameter_group_name(name).send().await.or_none()?;
        Ok(())
    }
}

/// All instances of a cluster.
#[derive(Debug, Clone)]
pub enum Cluster {}

impl Level for Cluster {
    const TYPE: &'static str = "aws:rds/clusterParameterGroup:ClusterParameterGroup";
    const DESCRIPTION: &'static str = "Settings of a database engine that all instances of a cluster share.";
    const ARN: &'static str = "cluster-pg";
    const PERMISSIONS: Permissions = Permissions {
        create: &["rds:AddTagsToResource", "rds:CreateDBClusterParameterGroup", "rds:ModifyDBClusterParameterGroup"],
        read: &["rds:DescribeDBClusterParameterGroups", "rds:DescribeDBClusterParameters", "rds:ListTagsForResource"],
        update: &[
            "rds:AddTagsToResource",
            "rds:ModifyDBClusterParameterGroup",
            "rds:RemoveTagsFromResource",
            "rds:ResetDBClusterParameterGroup",
        ],
        delete: &["rds:DeleteDBClusterParameterGroup"],
    };

    async fn create(group: &Group<Self>, tags: Tags, cx: &Cx) -> Result<String> {
        let create = cx.rds().create_db_cluster_parameter_group().description(&group.description);
        let create = create.db_parameter_group_family(&group.family).db_cluster_parameter_group_name(&group.name);
        let made = create.set_tags(tagged(&tags)).send().await?.db_cluster_parameter_group;
        need("DBClusterParameterGroupName", need("DBClusterParameterGroup", made)?.db_cluster_parameter_group_name)
    }

    async fn describe(name: &str, cx: &Cx) -> Result<Option<Described>> {
        let describe = cx.rds().describe_db_cluster_parameter_groups().db_cluster_parameter_group_name(name);
        let reply = describe.send().await.or_none()?;
        let group = reply.and_then(|reply| reply.db_cluster_parameter_groups?.into_iter().next());
        let shown = group.map(|group| {
            Ok(Described {
                arn: need("DBClusterParameterGroupArn", group.db_cluster_parameter_group_arn)?,
                description: need("Description", group.description)?,
                family: need("DBParameterGroupFamily", group.db_parameter_group_family)?,
                name: need("DBClusterParameterGroupName", group.db_cluster_parameter_group_name)?,
            })
        });
        shown.transpose()
    }

    async fn parameters(name: &str, cx: &Cx) -> Result<Vec<SdkParameter>> {
        let pages = cx.rds().describe_db_cluster_parameters().db_cluster_parameter_group_name(name).source(SET);
        Ok(pages.into_paginator().items().send().collect::<Result<_, _>>().await?)
    }

    async fn set(name: &str, some: Vec<SdkParameter>, cx: &Cx) -> Result<()> {
        let set = cx.rds().modify_db_cluster_parameter_group().db_cluster_parameter_group_name(name);
        set.set_parameters(Some(some)).send().await?;
        Ok(())
    }

    async fn reset(name: &str, some: Vec<SdkParameter>, cx: &Cx) -> Result<()> {
        let reset = cx.rds().reset_db_cluster_parameter_group().db_cluster_parameter_group_name(name);
        reset.reset_all_parameters(false).set_parameters(Some(some)).send().await?;
        Ok(())
    }

    async fn delete(name: &str, cx: &Cx) -> Result<()> {
        cx.rds().delete_db_cluster_parameter_group().db_cluster_parameter_group_name(name).send().await.or_none()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, reads_back};
    use crate::engine::provider::{Live, Provider};

    /// Both levels: token, and how the names of the calls begin.
    const LEVELS: [(&str, &str); 2] = [(Instance::TYPE, "DB"), (Cluster::TYPE, "DBCluster")];

    fn answer(operation: &str, inner: &str) -> Reply {
        ok(format!("<{operation}Response><{operation}Result>{inner}</{operation}Result></{operation}Response>"))
    }

    fn group(level: &str) -> String {
        format!(
            "<{level}ParameterGroups><{level}ParameterGroup><{level}ParameterGroupName>pg</{level}ParameterGroupName>\
            <DBParameterGroupFamily>aurora-postgresql16</DBParameterGroupFamily><Description>for orders</Description>\
            <{level}ParameterGroupArn>arn:pg</{level}ParameterGroupArn></{level}ParameterGroup>\
            </{level}ParameterGroups>"
        )
    }

    const PARAMETERS: &str = "<Parameters><Parameter><ParameterName>rds.force_ssl</ParameterName>\
        <ParameterValue>1</ParameterValue><Source>user</Source><ApplyMethod>pending-reboot</ApplyMethod></Parameter>\
        <Parameter><ParameterName>work_mem</ParameterName><Source>engine-default</Source></Parameter></Parameters>";

    const TAGS: &str = "<TagList><Tag><Key>a</Key><Value>b</Value></Tag></TagList>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        for (token, level) in LEVELS {
            let groups = format!("Describe{level}ParameterGroups");
            let parameters = format!("Describe{level}Parameters");
            let replies = [
                (&*format!("Action={groups}"), answer(&groups, &group(level))),
                (&*format!("Action={parameters}"), answer(&parameters, PARAMETERS)),
                ("Action=ListTagsForResource", answer("ListTagsForResource", TAGS)),
            ];
            let inputs = json!({
                "description": "for orders",
                "family": "aurora-postgresql16",
                "name": "pg",
                "parameters": [{ "applyMethod": "pending-reboot", "name": "rds.force_ssl", "value": "1" }],
                "tags": { "a": "b" },
            });
            reads_back(token, "pg", &replies, &[], inputs).await;
        }
    }

    #[tokio::test]
    async fn many_parameters_go_out_in_calls_of_twenty() {
        for (token, level) in LEVELS {
            let modify = format!("Modify{level}ParameterGroup");
            let (aws, wire) = aws(&[(&*format!("Action={modify}&"), answer(&modify, ""))]);
            let parameters: Vec<_> = (0..45).map(|i| json!({ "name": format!("p{i}"), "value": "1" })).collect();
            let inputs = json!({ "family": "f", "name": "pg" });
            let live = Live { inputs: inputs.into(), outputs: json!({ "arn": "arn" }).into() };
            let wanted = json!({ "family": "f", "name": "pg", "parameters": parameters }).into();
            aws.update(&at(token), &Id("pg".into()), &wanted, &live).await.unwrap();
            assert_eq!(wire.requests("Action=Modify").len(), 3);
        }
    }
}
