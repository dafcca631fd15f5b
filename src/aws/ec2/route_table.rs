use aws_sdk_ec2::types::{self as sdk, ResourceType, RouteOrigin};

use super::joint::route_tables;
use super::route_target::Target;
use super::{arn, is_mine, mine, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, exactly_one, refers, replace, unordered};

/// Where packets that leave a subnet go.
///
/// Its routes are either listed in `routes`, and then no others stay in it, or they are resources
/// of their own, `aws:ec2:Route`, and `routes` is left out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteTable {
    /// Virtual private gateways that tell the table their routes.
    #[schemars(transform = unordered, transform = computed)]
    pub propagating_vgws: Option<Vec<String>>,
    /// All routes of the table, but for that of the VPC itself and those of gateway endpoints.
    #[schemars(transform = unordered, transform = computed)]
    pub routes: Option<Vec<RouteTableRoute>>,
    /// Tags of the route table.
    #[serde(default)]
    pub tags: Tags,
    /// VPC that holds the route table.
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub vpc_id: String,
}

/// A route that stands in its table. It has one destination and one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["cidrBlock", "destinationPrefixListId", "ipv6CidrBlock"]))]
pub struct RouteTableRoute {
    /// Carrier gateway, in a Wavelength Zone.
    pub carrier_gateway_id: Option<String>,
    /// IPv4 range that the route is for, for example `0.0.0.0/0`.
    pub cidr_block: Option<String>,
    /// Core network of Cloud WAN, by its ARN.
    pub core_network_arn: Option<String>,
    /// Prefix list that the route is for.
    pub destination_prefix_list_id: Option<String>,
    /// Gateway that lets IPv6 out and nothing in.
    pub egress_only_gateway_id: Option<String>,
    /// Internet gateway or virtual private gateway.
    pub gateway_id: Option<String>,
    /// IPv6 range that the route is for, for example `::/0`.
    pub ipv6_cidr_block: Option<String>,
    /// Local gateway, on an Outpost.
    pub local_gateway_id: Option<String>,
    /// NAT gateway.
    pub nat_gateway_id: Option<String>,
    /// Network interface, for example that of an appliance.
    pub network_interface_id: Option<String>,
    /// Oracle Database network, by its ARN.
    pub odb_network_arn: Option<String>,
    /// Transit gateway that the VPC is attached to.
    pub transit_gateway_id: Option<String>,
    /// Gateway Load Balancer endpoint.
    pub vpc_endpoint_id: Option<String>,
    /// Peering connection to another VPC.
    pub vpc_peering_connection_id: Option<String>,
}

/// What AWS decides about a route table.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteTableOutputs {
    /// ARN of the route table.
    pub arn: String,
    /// Account that owns the route table.
    pub owner_id: String,
}

impl Resource for RouteTable {
    const TYPE: &'static str = "aws:ec2/routeTable:RouteTable";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(5, 2, 5),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["ec2:CreateRoute", "ec2:CreateRouteTable", "ec2:CreateTags", "ec2:EnableVgwRoutePropagation"],
            read: &["ec2:DescribeRouteTables"],
            update: &[
                "ec2:CreateRoute",
                "ec2:CreateTags",
                "ec2:DeleteRoute",
                "ec2:DeleteTags",
                "ec2:DisableVgwRoutePropagation",
                "ec2:EnableVgwRoutePropagation",
                "ec2:ReplaceRoute",
            ],
            delete: &["ec2:DeleteRouteTable"],
        },
        acts_on: &["ec2:{region}:*:route-table/*", "ec2:{region}:*:vpc/*", "ec2:{region}:*:vpn-gateway/*"],
        import: "id of the route table, `rtb-0123456789abcdef0`",
        ..Facts::new(IdForm::Random("rtb-", 17), FoundBy::OwnerTag)
    };
    type Outputs = RouteTableOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let tags = tagged(ResourceType::RouteTable, &cx.tags(&self.tags));
        let reply = cx.ec2().create_route_table().tag_specifications(tags).vpc_id(&self.vpc_id).send().await?;
        let (id, seen) = seen(need("RouteTable", reply.route_table)?, cx)?;
        Ok(Made::seen(id, seen))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let tables = route_tables("route-table-id", ids, cx).await?;
        in_order(ids, tables.into_iter().map(|table| seen(table, cx)))
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        if let Some(wanted) = changed(&self.propagating_vgws, &live.inputs.propagating_vgws) {
            let old = live.inputs.propagating_vgws.as_deref().unwrap_or_default();
            for gateway in only_in(wanted, old) {
                cx.ec2().enable_vgw_route_propagation().gateway_id(gateway).route_table_id(&id.0).send().await?;
            }
            for gateway in only_in(old, wanted) {
                let call = cx.ec2().disable_vgw_route_propagation().gateway_id(gateway).route_table_id(&id.0);
                call.send().await.or_none()?;
            }
        }
        if let Some(wanted) = changed(&self.routes, &live.inputs.routes) {
            change_routes(id, live.inputs.routes.as_deref().unwrap_or_default(), wanted, cx).await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.ec2().delete_route_table().route_table_id(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.ec2().describe_route_tables().filters(mine(cx)).into_paginator().items().send();
        let tables = pages.collect::<Result<Vec<_>, _>>().await?;
        let tables = tables.into_iter().filter(|t| is_mine(t.tags(), cx));
        tables.map(|t| Ok(Id(need("RouteTableId", t.route_table_id)?))).collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, "route-table")), ("ownerId", at.account.as_str().into())]
    }
}

/// A destination has one route: what leads elsewhere is replaced in place, without a gap.
async fn change_routes(id: &Id, old: &[RouteTableRoute], wanted: &[RouteTableRoute], cx: &Cx) -> Result<()> {
    for route in only_in(old, wanted) {
        if !wanted.iter().any(|w| w.same_destination(route)) {
            cx.ec2()
                .delete_route()
                .set_destination_cidr_block(route.cidr_block.clone())
                .set_destination_ipv6_cidr_block(route.ipv6_cidr_block.clone())
                .set_destination_prefix_list_id(route.destination_prefix_list_id.clone())
                .route_table_id(&id.0)
                .send()
                .await
                .or_none()?;
        }
    }
    for route in only_in(wanted, old) {
        if old.iter().any(|o| o.same_destination(route)) {
            let call = cx
                .ec2()
                .replace_route()
                .set_destination_cidr_block(route.cidr_block.clone())
                .set_destination_ipv6_cidr_block(route.ipv6_cidr_block.clone())
                .set_destination_prefix_list_id(route.destination_prefix_list_id.clone())
                .route_table_id(&id.0);
            route.target().replace(call).send().await?;
        } else {
            let call = cx
                .ec2()
                .create_route()
                .set_destination_cidr_block(route.cidr_block.clone())
                .set_destination_ipv6_cidr_block(route.ipv6_cidr_block.clone())
                .set_destination_prefix_list_id(route.destination_prefix_list_id.clone())
                .route_table_id(&id.0);
            route.target().create(call).send().await?;
        }
    }
    Ok(())
}

impl RouteTableRoute {
    fn same_destination(&self, other: &Self) -> bool {
        self.cidr_block == other.cidr_block
            && self.destination_prefix_list_id == other.destination_prefix_list_id
            && self.ipv6_cidr_block == other.ipv6_cidr_block
    }

    fn target(&self) -> Target {
        Target {
            carrier_gateway_id: self.carrier_gateway_id.clone(),
            core_network_arn: self.core_network_arn.clone(),
            egress_only_gateway_id: self.egress_only_gateway_id.clone(),
            gateway_id: self.gateway_id.clone(),
            local_gateway_id: self.local_gateway_id.clone(),
            nat_gateway_id: self.nat_gateway_id.clone(),
            network_interface_id: self.network_interface_id.clone(),
            odb_network_arn: self.odb_network_arn.clone(),
            transit_gateway_id: self.transit_gateway_id.clone(),
            vpc_endpoint_id: self.vpc_endpoint_id.clone(),
            vpc_peering_connection_id: self.vpc_peering_connection_id.clone(),
        }
    }
}

/// Routes that AWS puts there by itself belong to nobody's list: those of the VPC, of propagation,
/// and of gateway endpoints.
fn listed(route: sdk::Route) -> Option<RouteTableRoute> {
    let target = Target::of(&route);
    let of_endpoint = target.vpc_endpoint_id.is_some() && route.destination_prefix_list_id.is_some();
    if route.origin != Some(RouteOrigin::CreateRoute) || of_endpoint {
        return None;
    }
    Some(RouteTableRoute {
        carrier_gateway_id: target.carrier_gateway_id,
        cidr_block: route.destination_cidr_block,
        core_network_arn: target.core_network_arn,
        destination_prefix_list_id: route.destination_prefix_list_id,
        egress_only_gateway_id: target.egress_only_gateway_id,
        gateway_id: target.gateway_id,
        ipv6_cidr_block: route.destination_ipv6_cidr_block,
        local_gateway_id: target.local_gateway_id,
        nat_gateway_id: target.nat_gateway_id,
        network_interface_id: target.network_interface_id,
        odb_network_arn: target.odb_network_arn,
        transit_gateway_id: target.transit_gateway_id,
        vpc_endpoint_id: target.vpc_endpoint_id,
        vpc_peering_connection_id: target.vpc_peering_connection_id,
    })
}

fn seen(t: sdk::RouteTable, cx: &Cx) -> Result<(String, Seen<Live<RouteTable>>)> {
    let id = need("RouteTableId", t.route_table_id)?;
    let outputs = RouteTableOutputs {
        arn: cx.arn("ec2", &format!("route-table/{id}")),
        owner_id: t.owner_id.unwrap_or_else(|| cx.account().to_owned()),
    };
    let inputs = RouteTable {
        propagating_vgws: Some(t.propagating_vgws.into_iter().flatten().filter_map(|v| v.gateway_id).collect()),
        routes: Some(t.routes.into_iter().flatten().filter_map(listed).collect()),
        tags: tags_from(t.tags),
        vpc_id: need("VpcId", t.vpc_id)?,
    };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, read, reads_back};
    use crate::engine::provider::{Next, Provider};

    const REPLY: &str = "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-1</routeTableId>\
        <vpcId>vpc-1</vpcId><ownerId>123456789012</ownerId><routeSet>\
        <item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId>\
        <state>active</state><origin>CreateRouteTable</origin></item>\
        <item><destinationCidrBlock>10.8.0.0/16</destinationCidrBlock><gatewayId>vgw-1</gatewayId>\
        <state>active</state><origin>EnableVgwRoutePropagation</origin></item>\
        <item><destinationPrefixListId>pl-1</destinationPrefixListId><gatewayId>vpce-1</gatewayId>\
        <state>active</state><origin>CreateRoute</origin></item>\
        <item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><gatewayId>igw-1</gatewayId>\
        <state>active</state><origin>CreateRoute</origin></item>\
        <item><destinationIpv6CidrBlock>::/0</destinationIpv6CidrBlock>\
        <egressOnlyInternetGatewayId>eigw-1</egressOnlyInternetGatewayId>\
        <state>active</state><origin>CreateRoute</origin></item>\
        <item><destinationCidrBlock>10.9.0.0/16</destinationCidrBlock><gatewayId>vpce-2</gatewayId>\
        <state>active</state><origin>CreateRoute</origin></item></routeSet>\
        <propagatingVgwSet><item><gatewayId>vgw-1</gatewayId></item></propagatingVgwSet>\
        <tagSet><item><key>a</key><value>b</value></item></tagSet></item></routeTableSet>\
        </DescribeRouteTablesResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input_and_no_route_of_aws() {
        let inputs = json!({
            "propagatingVgws": ["vgw-1"],
            "routes": [
                { "cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1" },
                { "ipv6CidrBlock": "::/0", "egressOnlyGatewayId": "eigw-1" },
                { "cidrBlock": "10.9.0.0/16", "vpcEndpointId": "vpce-2" },
            ],
            "tags": { "a": "b" },
            "vpcId": "vpc-1",
        });
        let replies = [("Action=DescribeRouteTables", ok(REPLY))];
        reads_back(RouteTable::TYPE, "rtb-1", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn a_list_of_routes_owns_the_table_and_replaces_in_place() {
        let done = |action: &str| ok(format!("<{action}Response><return>true</return></{action}Response>"));
        let (aws, wire) = aws(&[
            ("Action=DescribeRouteTables", ok(REPLY)),
            ("Action=CreateRoute&", done("CreateRoute")),
            ("Action=DeleteRoute&", done("DeleteRoute")),
            ("Action=ReplaceRoute&", done("ReplaceRoute")),
        ]);
        let Seen::Ready(live) = read(&aws, RouteTable::TYPE, "rtb-1").await.unwrap() else { panic!() };
        let wanted = json!({
            "routes": [
                { "cidrBlock": "0.0.0.0/0", "natGatewayId": "nat-1" },
                { "cidrBlock": "10.9.0.0/16", "vpcEndpointId": "vpce-2" },
                { "cidrBlock": "10.7.0.0/16", "vpcPeeringConnectionId": "pcx-1" },
            ],
            "tags": { "a": "b" },
            "vpcId": "vpc-1",
        });
        let next = aws.update(&at(RouteTable::TYPE), &Id("rtb-1".into()), &wanted.into(), &live).await.unwrap();
        assert!(matches!(next, Next::Started));
        let calls = wire.requests("Route&");
        assert_eq!(calls.len(), 3, "{calls:#?}");
        assert!(
            calls[0].contains("Action=DeleteRoute&") && calls[0].contains("DestinationIpv6CidrBlock"),
            "{calls:#?}"
        );
        assert!(calls[1].contains("Action=ReplaceRoute&") && calls[1].contains("NatGatewayId=nat-1"), "{calls:#?}");
        assert!(calls[2].contains("Action=CreateRoute&") && calls[2].contains("pcx-1"), "{calls:#?}");
    }
}
