use aws_sdk_rds::types as sdk;

use super::{arn, is_ours, managed, retag, tagged, tags_of, wanted_tags};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, refers, replace, unordered};

/// Subnets that databases may be placed in, of at least two availability zones.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubnetGroup {
    /// What the group is for.
    #[serde(default = "managed")]
    pub description: String,
    /// Name of the group. AWS keeps it in small letters.
    #[schemars(transform = replace, transform = auto_name(255), transform = alike(Alike::Case))]
    pub name: String,
    /// Subnets of the group.
    #[schemars(transform = unordered, transform = refers("aws:ec2/subnet:Subnet.id"))]
    pub subnet_ids: Vec<String>,
    /// Tags of the group.
    #[serde(default)]
    pub tags: Tags,
}

/// What AWS decides about a subnet group.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubnetGroupOutputs {
    /// ARN of the group.
    pub arn: String,
    /// Kinds of addresses that databases can have here: `IPV4`, `DUAL`.
    pub supported_network_types: Option<Vec<String>>,
    /// VPC of the subnets.
    pub vpc_id: String,
}

impl Resource for SubnetGroup {
    const TYPE: &'static str = "aws:rds/subnetGroup:SubnetGroup";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(10, 10, 10),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["iam:CreateServiceLinkedRole", "rds:AddTagsToResource", "rds:CreateDBSubnetGroup"],
            read: &["rds:DescribeDBSubnetGroups", "rds:ListTagsForResource"],
            update: &["rds:AddTagsToResource", "rds:ModifyDBSubnetGroup", "rds:RemoveTagsFromResource"],
            delete: &["rds:DeleteDBSubnetGroup"],
        },
        acts_on: &["{arn}"],
        import: "name of the subnet group",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = SubnetGroupOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .rds()
            .create_db_subnet_group()
            .db_subnet_group_description(&self.description)
            .db_subnet_group_name(&self.name)
            .set_subnet_ids(Some(self.subnet_ids.clone()))
            .set_tags(tagged(&cx.tags(&self.tags)))
            .send()
            .await?;
        Ok(Made::id(need("DBSubnetGroupName", need("DBSubnetGroup", reply.db_subnet_group)?.db_subnet_group_name)?))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| async move {
            let Some(group) = described(&id.0, cx).await? else { return Ok(Seen::Gone) };
            let status = need("SubnetGroupStatus", group.subnet_group_status.clone())?;
            if !status.eq_ignore_ascii_case("complete") {
                return Ok(Seen::Pending(status));
            }
            let tags = wanted_tags(&need("DBSubnetGroupArn", group.db_subnet_group_arn.clone())?, want, cx).await?;
            Ok(Seen::Ready(live(group, tags)?))
        })
        .await
    }

    async fn update(&self, id: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        cx.rds()
            .modify_db_subnet_group()
            .db_subnet_group_description(&self.description)
            .db_subnet_group_name(&id.0)
            .set_subnet_ids(Some(self.subnet_ids.clone()))
            .send()
            .await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.rds().delete_db_subnet_group().db_subnet_group_name(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let Some(group) = described(&self.name, cx).await? else { return Ok(Vec::new()) };
        let arn = need("DBSubnetGroupArn", group.db_subnet_group_arn)?;
        let name = need("DBSubnetGroupName", group.db_subnet_group_name)?;
        Ok(if is_ours(&tags_of(&arn, cx).await?, cx) { vec![Id(name)] } else { Vec::new() })
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, inputs, "subgrp", "name"))]
    }
}

async fn described(name: &str, cx: &Cx) -> Result<Option<sdk::DbSubnetGroup>> {
    let reply = cx.rds().describe_db_subnet_groups().db_subnet_group_name(name).send().await.or_none()?;
    Ok(reply.and_then(|r| r.db_subnet_groups).and_then(|groups| groups.into_iter().next()))
}

fn live(group: sdk::DbSubnetGroup, tags: Tags) -> Result<Live<SubnetGroup>> {
    let subnets = need("Subnets", group.subnets)?.into_iter();
    let inputs = SubnetGroup {
        description: need("DBSubnetGroupDescription", group.db_subnet_group_description)?,
        name: need("DBSubnetGroupName", group.db_subnet_group_name)?,
        subnet_ids: subnets.map(|s| need("SubnetIdentifier", s.subnet_identifier)).collect::<Result<_>>()?,
        tags,
    };
    let outputs = SubnetGroupOutputs {
        arn: need("DBSubnetGroupArn", group.db_subnet_group_arn)?,
        supported_network_types: group.supported_network_types.filter(|types| !types.is_empty()),
        vpc_id: need("VpcId", group.vpc_id)?,
    };
    Ok(Live { inputs, outputs })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    const REPLY: &str = "<DescribeDBSubnetGroupsResponse><DescribeDBSubnetGroupsResult><DBSubnetGroups><DBSubnetGroup>\
        <DBSubnetGroupName>db</DBSubnetGroupName><DBSubnetGroupDescription>for orders</DBSubnetGroupDescription>\
        <VpcId>vpc-1</VpcId><SubnetGroupStatus>Complete</SubnetGroupStatus>\
        <Subnets><Subnet><SubnetIdentifier>subnet-1</SubnetIdentifier></Subnet>\
        <Subnet><SubnetIdentifier>subnet-2</SubnetIdentifier></Subnet></Subnets>\
        <SupportedNetworkTypes><member>IPV4</member></SupportedNetworkTypes>\
        <DBSubnetGroupArn>arn:aws:rds:eu-west-1:123456789012:subgrp:db</DBSubnetGroupArn>\
        </DBSubnetGroup></DBSubnetGroups></DescribeDBSubnetGroupsResult></DescribeDBSubnetGroupsResponse>";

    const TAGS: &str = "<ListTagsForResourceResponse><ListTagsForResourceResult><TagList>\
        <Tag><Key>a</Key><Value>b</Value></Tag></TagList></ListTagsForResourceResult></ListTagsForResourceResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [("Action=DescribeDBSubnetGroups", ok(REPLY)), ("Action=ListTagsForResource", ok(TAGS))];
        let inputs = json!({
            "description": "for orders",
            "name": "db",
            "subnetIds": ["subnet-1", "subnet-2"],
            "tags": { "a": "b" },
        });
        let live = reads_back(SubnetGroup::TYPE, "db", &replies, &[], inputs).await;
        assert_eq!(live.outputs.get("vpcId"), Some(&"vpc-1".into()));
    }
}
