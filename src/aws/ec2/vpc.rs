use std::collections::HashMap;

use aws_sdk_ec2::types::{self as sdk, AttributeBooleanValue, ResourceType, Tenancy, VpcAttributeName, VpcTenancy};
use futures::try_join;

use super::joint::route_tables;
use super::{any_of, arn, filter, flag, is_mine, mine, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, exclusive, form, needs, one_of, replace, write_only};

/// A private network in one region.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["assignGeneratedIpv6CidrBlock", "ipv6IpamPoolId"]))]
#[schemars(transform = exclusive(&["assignGeneratedIpv6CidrBlock", "ipv6CidrBlock", "ipv6NetmaskLength"]))]
#[schemars(transform = exclusive(&["cidrBlock", "ipv4NetmaskLength"]))]
#[schemars(transform = needs(&["ipv4NetmaskLength", "ipv4IpamPoolId"]))]
#[schemars(transform = needs(&["ipv6CidrBlock", "ipv6IpamPoolId"]))]
#[schemars(transform = needs(&["ipv6CidrBlockNetworkBorderGroup", "assignGeneratedIpv6CidrBlock"]))]
#[schemars(transform = needs(&["ipv6NetmaskLength", "ipv6IpamPoolId"]))]
pub struct Vpc {
    /// Whether Amazon gives the VPC an IPv6 range of its own, a `/56`.
    #[serde(default)]
    pub assign_generated_ipv6_cidr_block: bool,
    /// IPv4 range, from `/16` to `/28`, for example `10.0.0.0/16`.
    #[schemars(transform = replace, transform = computed)]
    #[schemars(transform = form(r"^\d+\.\d+\.\d+\.\d+/\d+$", "an IPv4 range such as `10.0.0.0/16`"))]
    pub cidr_block: Option<String>,
    /// Whether instances with public addresses get public host names.
    #[schemars(transform = computed)]
    pub enable_dns_hostnames: Option<bool>,
    /// Whether Amazon's DNS server answers in the VPC.
    #[serde(default = "yes")]
    pub enable_dns_support: bool,
    /// Whether CloudWatch gets metrics of address usage.
    #[schemars(transform = computed)]
    pub enable_network_address_usage_metrics: Option<bool>,
    /// Whether instances run on hardware of their own.
    #[schemars(transform = one_of(&["default", "dedicated"]))]
    #[serde(default = "default_tenancy")]
    pub instance_tenancy: String,
    /// IPAM pool that the IPv4 range is taken from.
    #[schemars(transform = replace, transform = write_only)]
    pub ipv4_ipam_pool_id: Option<String>,
    /// Size of the IPv4 range taken from the pool, as a prefix length.
    #[schemars(transform = replace, transform = write_only, range(min = 16, max = 28))]
    pub ipv4_netmask_length: Option<i32>,
    /// IPv6 range from the pool.
    #[schemars(transform = computed)]
    pub ipv6_cidr_block: Option<String>,
    /// Zones that announce the IPv6 range.
    #[schemars(transform = computed)]
    pub ipv6_cidr_block_network_border_group: Option<String>,
    /// IPAM pool that the IPv6 range is taken from.
    pub ipv6_ipam_pool_id: Option<String>,
    /// Size of the IPv6 range taken from the pool, as a prefix length.
    #[schemars(transform = write_only, range(min = 44, max = 60))]
    pub ipv6_netmask_length: Option<i32>,
    /// Tags of the VPC.
    #[serde(default)]
    pub tags: Tags,
}

fn yes() -> bool {
    true
}

fn default_tenancy() -> String {
    Tenancy::Default.as_str().to_owned()
}

/// What AWS decides about a VPC.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VpcOutputs {
    /// ARN of the VPC.
    pub arn: String,
    /// Network ACL that subnets get by default.
    pub default_network_acl_id: String,
    /// Main route table as it was made with the VPC.
    pub default_route_table_id: String,
    /// Security group that instances get by default.
    pub default_security_group_id: String,
    /// DHCP options of the VPC.
    pub dhcp_options_id: String,
    /// Association of the IPv6 range.
    pub ipv6_association_id: Option<String>,
    /// Route table of subnets that name none.
    pub main_route_table_id: String,
    /// Account that owns the VPC.
    pub owner_id: String,
}

impl Resource for Vpc {
    const TYPE: &'static str = "aws:ec2/vpc:Vpc";
    const FACTS: Facts = Facts {
        takes: Takes::seconds(3, 1, 1),
        permissions: Permissions {
            create: &["ec2:CreateTags", "ec2:CreateVpc", "ec2:ModifyVpcAttribute"],
            read: &[
                "ec2:DescribeNetworkAcls",
                "ec2:DescribeRouteTables",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeVpcAttribute",
                "ec2:DescribeVpcs",
            ],
            update: &[
                "ec2:AssociateVpcCidrBlock",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "ec2:DisassociateVpcCidrBlock",
                "ec2:ModifyVpcAttribute",
                "ec2:ModifyVpcTenancy",
            ],
            delete: &["ec2:DeleteVpc"],
        },
        acts_on: &["ec2:{region}:*:vpc/*", "ec2:{region}:*:ipv6pool-ec2/*", "ec2::*:ipam-pool/*"],
        import: "id of the VPC, `vpc-0123456789abcdef0`",
        ..Facts::new(IdForm::Random("vpc-", 17), FoundBy::OwnerTag)
    };
    type Outputs = VpcOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .ec2()
            .create_vpc()
            .set_amazon_provided_ipv6_cidr_block(self.assign_generated_ipv6_cidr_block.then_some(true))
            .set_cidr_block(self.cidr_block.clone())
            .instance_tenancy(Tenancy::from(self.instance_tenancy.as_str()))
            .set_ipv4_ipam_pool_id(self.ipv4_ipam_pool_id.clone())
            .set_ipv4_netmask_length(self.ipv4_netmask_length)
            .set_ipv6_cidr_block(self.ipv6_cidr_block.clone())
            .set_ipv6_cidr_block_network_border_group(self.ipv6_cidr_block_network_border_group.clone())
            .set_ipv6_ipam_pool_id(self.ipv6_ipam_pool_id.clone())
            .set_ipv6_netmask_length(self.ipv6_netmask_length)
            .tag_specifications(tagged(ResourceType::Vpc, &cx.tags(&self.tags)))
            .send()
            .await?;
        Ok(Made::id(need("VpcId", reply.vpc.and_then(|v| v.vpc_id))?))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let vpcs = cx.ec2().describe_vpcs().filters(any_of("vpc-id", ids)).into_paginator().items().send();
        let (vpcs, parts, switches) = try_join!(
            async { Ok::<_, Error>(vpcs.collect::<Result<Vec<_>, _>>().await?) },
            Parts::of(ids, cx),
            each(ids, |id| Switches::of(id, want, cx)),
        )?;
        let mut switches: HashMap<&str, Switches> = ids.iter().map(|id| id.0.as_str()).zip(switches).collect();
        let seen = vpcs.into_iter().map(|vpc| {
            let switches = vpc.vpc_id.as_deref().and_then(|id| switches.remove(id)).unwrap_or_default();
            seen(vpc, &parts, switches, cx)
        });
        in_order(ids, seen)
    }

    /// AWS takes one attribute a call.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        if self.instance_tenancy != old.instance_tenancy {
            let tenancy = VpcTenancy::from(self.instance_tenancy.as_str());
            cx.ec2().modify_vpc_tenancy().vpc_id(&id.0).instance_tenancy(tenancy).send().await?;
            return Ok(Next::More("changing the tenancy"));
        }
        let set = || cx.ec2().modify_vpc_attribute().vpc_id(&id.0);
        let support = self.enable_dns_support;
        // Host names need DNS support, so it comes before them and goes after them.
        let changes = [
            (support && !old.enable_dns_support).then(|| set().enable_dns_support(flag(true))),
            changed(&self.enable_dns_hostnames, &old.enable_dns_hostnames)
                .map(|on| set().enable_dns_hostnames(flag(*on))),
            (!support && old.enable_dns_support).then(|| set().enable_dns_support(flag(false))),
            changed(&self.enable_network_address_usage_metrics, &old.enable_network_address_usage_metrics)
                .map(|on| set().enable_network_address_usage_metrics(flag(*on))),
        ];
        for change in changes.into_iter().flatten() {
            change.send().await?;
        }
        if self.other_ipv6_range(old) {
            return self.change_ipv6_range(id, &live.outputs, cx).await;
        }
        // The switches are done with their answer.
        let inputs = Self {
            enable_dns_hostnames: self.enable_dns_hostnames.or(old.enable_dns_hostnames),
            enable_dns_support: self.enable_dns_support,
            enable_network_address_usage_metrics: self
                .enable_network_address_usage_metrics
                .or(old.enable_network_address_usage_metrics),
            ..old.clone()
        };
        Ok(Next::Saw(Box::new(Live { inputs, outputs: live.outputs.clone() })))
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.ec2().delete_vpc().vpc_id(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.ec2().describe_vpcs().filters(mine(cx)).into_paginator().items().send();
        let vpcs = pages.collect::<Result<Vec<_>, _>>().await?;
        vpcs.into_iter().filter(|v| is_mine(v.tags(), cx)).map(|v| Ok(Id(need("VpcId", v.vpc_id)?))).collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, "vpc")), ("ownerId", at.account.as_str().into())]
    }

    /// AWS lifts dedicated tenancy but never imposes it.
    fn replaces(live: &Value, wanted: &Value) -> Vec<&'static str> {
        let dedicated = |v: &Value| v.get("instanceTenancy").and_then(Value::as_str) == Some("dedicated");
        if dedicated(wanted) && !dedicated(live) { vec!["instanceTenancy"] } else { Vec::new() }
    }
}

impl Vpc {
    fn other_ipv6_range(&self, old: &Self) -> bool {
        self.assign_generated_ipv6_cidr_block != old.assign_generated_ipv6_cidr_block
            || self.ipv6_ipam_pool_id != old.ipv6_ipam_pool_id
            || changed(&self.ipv6_cidr_block, &old.ipv6_cidr_block).is_some()
            || changed(&self.ipv6_cidr_block_network_border_group, &old.ipv6_cidr_block_network_border_group).is_some()
    }

    /// The old range goes before the new one comes.
    async fn change_ipv6_range(&self, id: &Id, live: &VpcOutputs, cx: &Cx) -> Result<Next<Self>> {
        if let Some(old) = &live.ipv6_association_id {
            cx.ec2().disassociate_vpc_cidr_block().association_id(old).send().await?;
            return Ok(Next::More("removing the IPv6 range"));
        }
        cx.ec2()
            .associate_vpc_cidr_block()
            .vpc_id(&id.0)
            .set_amazon_provided_ipv6_cidr_block(self.assign_generated_ipv6_cidr_block.then_some(true))
            .set_ipv6_cidr_block(self.ipv6_cidr_block.clone())
            .set_ipv6_cidr_block_network_border_group(self.ipv6_cidr_block_network_border_group.clone())
            .set_ipv6_ipam_pool_id(self.ipv6_ipam_pool_id.clone())
            .set_ipv6_netmask_length(self.ipv6_netmask_length)
            .send()
            .await?;
        Ok(Next::More("adding the IPv6 range"))
    }
}

/// Attributes that Describe does not show.
#[derive(Default)]
struct Switches {
    dns_hostnames: Option<bool>,
    dns_support: Option<bool>,
    usage_metrics: Option<bool>,
}

impl Switches {
    async fn of(id: Id, want: &Want, cx: &Cx) -> Result<Self> {
        use VpcAttributeName::{EnableDnsHostnames, EnableDnsSupport, EnableNetworkAddressUsageMetrics};
        let id = &id.0;
        let ask = |input: &'static str, attribute: VpcAttributeName| async move {
            if !want.has(input) {
                return Ok::<_, Error>(None);
            }
            let reply = cx.ec2().describe_vpc_attribute().vpc_id(id).attribute(attribute).send().await.or_none()?;
            Ok(reply)
        };
        let (hostnames, support, metrics) = try_join!(
            ask("enableDnsHostnames", EnableDnsHostnames),
            ask("enableDnsSupport", EnableDnsSupport),
            ask("enableNetworkAddressUsageMetrics", EnableNetworkAddressUsageMetrics),
        )?;
        let value = |attribute: Option<AttributeBooleanValue>| attribute.and_then(|a| a.value);
        Ok(Self {
            dns_hostnames: hostnames.and_then(|r| value(r.enable_dns_hostnames)),
            dns_support: support.and_then(|r| value(r.enable_dns_support)),
            usage_metrics: metrics.and_then(|r| value(r.enable_network_address_usage_metrics)),
        })
    }
}

/// What AWS makes together with a VPC, by the id of the VPC.
struct Parts {
    main_route_tables: HashMap<String, String>,
    network_acls: HashMap<String, String>,
    security_groups: HashMap<String, String>,
}

impl Parts {
    async fn of(ids: &[Id], cx: &Cx) -> Result<Self> {
        let vpcs = || any_of("vpc-id", ids);
        let only = |name: &str, value: &str| filter(name, [value.to_owned()]);
        let acls = cx.ec2().describe_network_acls().filters(vpcs()).filters(only("default", "true"));
        let groups = cx.ec2().describe_security_groups().filters(vpcs()).filters(only("group-name", "default"));
        let (tables, acls, groups) = try_join!(
            route_tables("vpc-id", ids, cx),
            async { Ok::<_, Error>(acls.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?) },
            async { Ok::<_, Error>(groups.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?) },
        )?;
        Ok(Self {
            main_route_tables: tables
                .into_iter()
                .filter(is_main)
                .filter_map(|t| Some((t.vpc_id?, t.route_table_id?)))
                .collect(),
            network_acls: acls.into_iter().filter_map(|a| Some((a.vpc_id?, a.network_acl_id?))).collect(),
            security_groups: groups.into_iter().filter_map(|g| Some((g.vpc_id?, g.group_id?))).collect(),
        })
    }
}

fn seen(v: sdk::Vpc, parts: &Parts, switches: Switches, cx: &Cx) -> Result<(String, Seen<Live<Vpc>>)> {
    let id = need("VpcId", v.vpc_id)?;
    let state = need("State", v.state)?;
    if state != sdk::VpcState::Available {
        return Ok((id, Seen::Pending(state.as_str().to_owned())));
    }
    let (Some(table), Some(acl), Some(group)) =
        (parts.main_route_tables.get(&id), parts.network_acls.get(&id), parts.security_groups.get(&id))
    else {
        return Ok((id, Seen::Pending("making the route table, network ACL and security group".into())));
    };
    let ranges = v.ipv6_cidr_block_association_set.into_iter().flatten();
    let mut ranges = ranges.map(|a| (a.ipv6_cidr_block_state.clone().and_then(|s| s.state), a));
    let ipv6 = ranges.find(|(state, _)| !state.as_ref().is_some_and(|s| is_past(s.as_str())));
    if let Some((Some(state), _)) = &ipv6
        && *state != sdk::VpcCidrBlockStateCode::Associated
    {
        return Ok((id, Seen::Pending(state.as_str().to_owned())));
    }
    let ipv6 = ipv6.map(|(_, a)| a);
    let pool = ipv6.as_ref().and_then(|a| a.ipv6_pool.clone());
    let outputs = VpcOutputs {
        arn: cx.arn("ec2", &format!("vpc/{id}")),
        default_network_acl_id: acl.clone(),
        default_route_table_id: table.clone(),
        default_security_group_id: group.clone(),
        dhcp_options_id: need("DhcpOptionsId", v.dhcp_options_id)?,
        ipv6_association_id: ipv6.as_ref().and_then(|a| a.association_id.clone()),
        main_route_table_id: table.clone(),
        owner_id: need("OwnerId", v.owner_id)?,
    };
    let inputs = Vpc {
        assign_generated_ipv6_cidr_block: pool.as_deref() == Some(AMAZON),
        cidr_block: Some(need("CidrBlock", v.cidr_block)?),
        enable_dns_hostnames: switches.dns_hostnames,
        enable_dns_support: switches.dns_support.unwrap_or_else(yes),
        enable_network_address_usage_metrics: switches.usage_metrics,
        instance_tenancy: need("InstanceTenancy", v.instance_tenancy)?.as_str().to_owned(),
        ipv4_ipam_pool_id: None,
        ipv4_netmask_length: None,
        ipv6_cidr_block: ipv6.as_ref().and_then(|a| a.ipv6_cidr_block.clone()),
        ipv6_cidr_block_network_border_group: ipv6.and_then(|a| a.network_border_group),
        ipv6_ipam_pool_id: pool.filter(|p| p != AMAZON),
        ipv6_netmask_length: None,
        tags: tags_from(v.tags),
    };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

fn is_main(table: &sdk::RouteTable) -> bool {
    table.associations.iter().flatten().any(|a| a.main == Some(true))
}

/// The pool of ranges that Amazon gives.
const AMAZON: &str = "Amazon";

fn is_past(state: &str) -> bool {
    matches!(state, "disassociating" | "disassociated" | "failing" | "failed")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{self, at, aws, ok, reads_back};
    use crate::engine::provider::Provider;

    const VPCS: &str = "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><ownerId>123456789012</ownerId>\
        <state>available</state><cidrBlock>10.0.0.0/16</cidrBlock><dhcpOptionsId>dopt-1</dhcpOptionsId>\
        <instanceTenancy>default</instanceTenancy><ipv6CidrBlockAssociationSet><item>\
        <ipv6CidrBlock>2001:db8::/56</ipv6CidrBlock><associationId>vpc-cidr-assoc-1</associationId>\
        <ipv6CidrBlockState><state>associated</state></ipv6CidrBlockState>\
        <networkBorderGroup>eu-west-1</networkBorderGroup><ipv6Pool>ipam-pool-1</ipv6Pool></item>\
        </ipv6CidrBlockAssociationSet><tagSet><item><key>a</key><value>b</value></item></tagSet></item></vpcSet>\
        </DescribeVpcsResponse>";
    const TABLES: &str = "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-1</routeTableId>\
        <vpcId>vpc-1</vpcId><associationSet><item><main>true</main></item></associationSet></item></routeTableSet></DescribeRouteTablesResponse>";
    const ACLS: &str = "<DescribeNetworkAclsResponse><networkAclSet><item><networkAclId>acl-1</networkAclId>\
        <vpcId>vpc-1</vpcId></item></networkAclSet></DescribeNetworkAclsResponse>";
    const GROUPS: &str = "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-1</groupId>\
        <vpcId>vpc-1</vpcId></item></securityGroupInfo></DescribeSecurityGroupsResponse>";
    const SWITCHES: &str = "<DescribeVpcAttributeResponse><enableDnsHostnames><value>true</value></enableDnsHostnames>\
        <enableDnsSupport><value>true</value></enableDnsSupport><enableNetworkAddressUsageMetrics><value>true</value>\
        </enableNetworkAddressUsageMetrics></DescribeVpcAttributeResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [
            ("Action=DescribeVpcs", ok(VPCS)),
            ("Action=DescribeRouteTables", ok(TABLES)),
            ("Action=DescribeNetworkAcls", ok(ACLS)),
            ("Action=DescribeSecurityGroups", ok(GROUPS)),
            ("Action=DescribeVpcAttribute", ok(SWITCHES)),
        ];
        let inputs = json!({
            "assignGeneratedIpv6CidrBlock": false,
            "cidrBlock": "10.0.0.0/16",
            "enableDnsHostnames": true,
            "enableDnsSupport": true,
            "enableNetworkAddressUsageMetrics": true,
            "instanceTenancy": "default",
            "ipv6CidrBlock": "2001:db8::/56",
            "ipv6CidrBlockNetworkBorderGroup": "eu-west-1",
            "ipv6IpamPoolId": "ipam-pool-1",
            "tags": { "a": "b" },
        });
        let live = reads_back(Vpc::TYPE, "vpc-1", &replies, &[], inputs).await;
        let arn = live.outputs.get("arn").and_then(Value::as_str);
        assert_eq!(arn, Some("arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1"));
    }

    #[tokio::test]
    async fn a_lost_create_is_found_by_its_tag_even_on_a_server_that_does_not_filter() {
        let (aws, _) = aws(&[("Action=DescribeVpcs", ok(VPCS))]);
        assert_eq!(aws.find(&at(Vpc::TYPE), &json!({ "cidrBlock": "10.0.0.0/16" }).into()).await.unwrap(), []);
        let tag = format!("<tagSet><item><key>drctl:attempt</key><value>{}</value></item>", at(Vpc::TYPE).attempt);
        let (aws, _) = wire::aws(&[("Action=DescribeVpcs", ok(VPCS.replace("<tagSet>", &tag)))]);
        let found = aws.find(&at(Vpc::TYPE), &json!({ "cidrBlock": "10.0.0.0/16" }).into()).await.unwrap();
        assert_eq!(found, [Id("vpc-1".into())]);
    }
}
