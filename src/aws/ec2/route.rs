use std::collections::BTreeSet;

use aws_sdk_ec2::types as sdk;

use super::joint::route_tables;
use super::route_target::Target;
use crate::aws::prelude::*;
use crate::engine::rules::{also, computed, exactly_one, form, refers, replace};

/// One entry of a route table: where packets for a range of addresses go.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"]))]
#[schemars(transform = exactly_one(TARGETS))]
pub struct Route {
    /// Carrier gateway, in a Wavelength Zone.
    pub carrier_gateway_id: Option<String>,
    /// Core network of Cloud WAN, by its ARN.
    pub core_network_arn: Option<String>,
    /// IPv4 range that the route is for, for example `0.0.0.0/0`.
    #[schemars(transform = replace)]
    #[schemars(transform = form(r"^\d+\.\d+\.\d+\.\d+/\d+$", "an IPv4 range such as `10.0.0.0/16`"))]
    pub destination_cidr_block: Option<String>,
    /// IPv6 range that the route is for, for example `::/0`.
    #[schemars(transform = replace)]
    #[schemars(transform = form(r"^[0-9a-fA-F:.]+/\d+$", "an IPv6 range such as `2001:db8::/56`"))]
    pub destination_ipv6_cidr_block: Option<String>,
    /// Prefix list that the route is for.
    #[schemars(transform = replace)]
    pub destination_prefix_list_id: Option<String>,
    /// Gateway that lets IPv6 out and nothing in.
    pub egress_only_gateway_id: Option<String>,
    /// Internet gateway or virtual private gateway; `local` for the VPC itself.
    #[schemars(transform = refers("aws:ec2/internetGateway:InternetGateway.id"))]
    #[schemars(transform = also(&["vgw-", "vpce-", "local"]))]
    pub gateway_id: Option<String>,
    /// Local gateway, on an Outpost.
    pub local_gateway_id: Option<String>,
    /// NAT gateway.
    #[schemars(transform = refers("aws:ec2/natGateway:NatGateway.id"))]
    pub nat_gateway_id: Option<String>,
    /// Network interface, for example that of an appliance.
    #[schemars(transform = computed)]
    pub network_interface_id: Option<String>,
    /// Oracle Database network, by its ARN.
    pub odb_network_arn: Option<String>,
    /// Route table that holds the route.
    #[schemars(transform = replace, transform = refers("aws:ec2/routeTable:RouteTable.id"))]
    pub route_table_id: String,
    /// Transit gateway that the VPC is attached to.
    pub transit_gateway_id: Option<String>,
    /// Gateway Load Balancer endpoint.
    #[schemars(transform = refers("aws:ec2/vpcEndpoint:VpcEndpoint.id"))]
    pub vpc_endpoint_id: Option<String>,
    /// Peering connection to another VPC.
    #[schemars(transform = refers("aws:ec2/vpcPeeringConnection:VpcPeeringConnection.id"))]
    pub vpc_peering_connection_id: Option<String>,
}

const TARGETS: &[&str] = &[
    "carrierGatewayId",
    "coreNetworkArn",
    "egressOnlyGatewayId",
    "gatewayId",
    "localGatewayId",
    "natGatewayId",
    "networkInterfaceId",
    "odbNetworkArn",
    "transitGatewayId",
    "vpcEndpointId",
    "vpcPeeringConnectionId",
];

/// What AWS decides about a route.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteOutputs {
    /// Instance that the network interface belongs to.
    pub instance_id: Option<String>,
    /// Account that owns the instance.
    pub instance_owner_id: Option<String>,
    /// How the route came into the table: `CreateRoute`.
    pub origin: String,
    /// Whether the target is there: `active` or `blackhole`.
    pub state: String,
}

impl Resource for Route {
    const TYPE: &'static str = "aws:ec2/route:Route";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(5, 2, 5),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["ec2:CreateRoute"],
            read: &["ec2:DescribeRouteTables"],
            update: &["ec2:ReplaceRoute"],
            delete: &["ec2:DeleteRoute"],
        },
        acts_on: &["ec2:{region}:*:route-table/*"],
        import: "id of the route table and destination, `rtb-0123456789abcdef0_10.1.0.0/16`",
        ..Facts::new(
            IdForm::Joined(
                &["routeTableId", "destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"],
                "_",
            ),
            FoundBy::Name,
        )
    };
    type Outputs = RouteOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let call = cx
            .ec2()
            .create_route()
            .set_destination_cidr_block(self.destination_cidr_block.clone())
            .set_destination_ipv6_cidr_block(self.destination_ipv6_cidr_block.clone())
            .set_destination_prefix_list_id(self.destination_prefix_list_id.clone())
            .route_table_id(&self.route_table_id);
        self.target().create(call).send().await?;
        Ok(Made::id(self.id()?.0))
    }

    /// Routes are read by the tables that hold them, all tables in one call.
    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let tables: BTreeSet<Id> = ids.iter().filter_map(|id| Some(Id(id.0.split_once('_')?.0.to_owned()))).collect();
        if tables.is_empty() {
            return Ok(ids.iter().map(|_| Seen::Gone).collect());
        }
        let tables: Vec<Id> = tables.into_iter().collect();
        let tables = route_tables("route-table-id", &tables, cx).await?;
        let routes = tables.into_iter().flat_map(|table| {
            let id = table.route_table_id;
            table.routes.into_iter().flatten().map(move |route| seen(id.clone(), route))
        });
        in_order(ids, routes)
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let call = cx
            .ec2()
            .replace_route()
            .set_destination_cidr_block(self.destination_cidr_block.clone())
            .set_destination_ipv6_cidr_block(self.destination_ipv6_cidr_block.clone())
            .set_destination_prefix_list_id(self.destination_prefix_list_id.clone())
            .route_table_id(&self.route_table_id);
        self.target().replace(call).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, _: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.ec2()
            .delete_route()
            .set_destination_cidr_block(self.destination_cidr_block.clone())
            .set_destination_ipv6_cidr_block(self.destination_ipv6_cidr_block.clone())
            .set_destination_prefix_list_id(self.destination_prefix_list_id.clone())
            .route_table_id(&self.route_table_id)
            .send()
            .await
            .or_none()?;
        Ok(Next::Gone)
    }

    /// A route for this destination that leads elsewhere is another one, and the create says so.
    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = self.id()?;
        let seen = Self::read(std::slice::from_ref(&id), &Want::All, cx).await?;
        let same = |seen: &Seen<Live<Self>>| matches!(seen, Seen::Ready(live) if live.inputs.leads_like(self));
        Ok(if seen.iter().any(same) { vec![id] } else { Vec::new() })
    }
}

impl Route {
    fn id(&self) -> Result<Id> {
        let destination = self.destination_cidr_block.as_ref().or(self.destination_ipv6_cidr_block.as_ref());
        let destination = destination.or(self.destination_prefix_list_id.as_ref());
        let destination = destination.ok_or_else(|| Error::invalid("a route needs a destination"))?;
        Ok(Id(format!("{}_{destination}", self.route_table_id)))
    }

    /// Whether everything that `wanted` names is the target of this one.
    fn leads_like(&self, wanted: &Self) -> bool {
        let (live, wanted) = (self.target(), wanted.target());
        live == wanted
            || wanted.network_interface_id.is_some() && live.network_interface_id == wanted.network_interface_id
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

fn seen(table: Option<String>, r: sdk::Route) -> Result<(String, Seen<Live<Route>>)> {
    let target = Target::of(&r);
    let outputs = RouteOutputs {
        instance_id: r.instance_id,
        instance_owner_id: r.instance_owner_id,
        origin: need("Origin", r.origin)?.as_str().to_owned(),
        state: need("State", r.state)?.as_str().to_owned(),
    };
    let inputs = Route {
        carrier_gateway_id: target.carrier_gateway_id,
        core_network_arn: target.core_network_arn,
        destination_cidr_block: r.destination_cidr_block,
        destination_ipv6_cidr_block: r.destination_ipv6_cidr_block,
        destination_prefix_list_id: r.destination_prefix_list_id,
        egress_only_gateway_id: target.egress_only_gateway_id,
        gateway_id: target.gateway_id,
        local_gateway_id: target.local_gateway_id,
        nat_gateway_id: target.nat_gateway_id,
        network_interface_id: target.network_interface_id,
        odb_network_arn: target.odb_network_arn,
        route_table_id: need("RouteTableId", table)?,
        transit_gateway_id: target.transit_gateway_id,
        vpc_endpoint_id: target.vpc_endpoint_id,
        vpc_peering_connection_id: target.vpc_peering_connection_id,
    };
    Ok((inputs.id()?.0, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::Provider;

    const REPLY: &str = "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-1</routeTableId>\
        <routeSet><item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId>\
        <state>active</state><origin>CreateRouteTable</origin></item>\
        <item><destinationCidrBlock>10.1.0.0/16</destinationCidrBlock>\
        <carrierGatewayId>cagw-1</carrierGatewayId><coreNetworkArn>arn:core</coreNetworkArn>\
        <egressOnlyInternetGatewayId>eigw-1</egressOnlyInternetGatewayId><gatewayId>igw-1</gatewayId>\
        <localGatewayId>lgw-1</localGatewayId><natGatewayId>nat-1</natGatewayId>\
        <networkInterfaceId>eni-1</networkInterfaceId><odbNetworkArn>arn:odb</odbNetworkArn>\
        <transitGatewayId>tgw-1</transitGatewayId><vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId>\
        <instanceId>i-1</instanceId><instanceOwnerId>123456789012</instanceOwnerId>\
        <state>active</state><origin>CreateRoute</origin></item>\
        <item><destinationPrefixListId>pl-1</destinationPrefixListId><gatewayId>vpce-1</gatewayId>\
        <state>active</state><origin>CreateRoute</origin></item>\
        <item><destinationIpv6CidrBlock>::/0</destinationIpv6CidrBlock>\
        <egressOnlyInternetGatewayId>eigw-1</egressOnlyInternetGatewayId>\
        <state>blackhole</state><origin>CreateRoute</origin></item>\
        </routeSet></item></routeTableSet></DescribeRouteTablesResponse>";
    const OTHER_DESTINATIONS: &[&str] = &["destinationIpv6CidrBlock", "destinationPrefixListId", "vpcEndpointId"];

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "carrierGatewayId": "cagw-1",
            "coreNetworkArn": "arn:core",
            "destinationCidrBlock": "10.1.0.0/16",
            "egressOnlyGatewayId": "eigw-1",
            "gatewayId": "igw-1",
            "localGatewayId": "lgw-1",
            "natGatewayId": "nat-1",
            "networkInterfaceId": "eni-1",
            "odbNetworkArn": "arn:odb",
            "routeTableId": "rtb-1",
            "transitGatewayId": "tgw-1",
            "vpcPeeringConnectionId": "pcx-1",
        });
        let replies = [("Action=DescribeRouteTables", ok(REPLY))];
        reads_back(Route::TYPE, "rtb-1_10.1.0.0/16", &replies, OTHER_DESTINATIONS, inputs).await;
    }

    #[tokio::test]
    async fn routes_of_all_kinds_and_tables_are_read_in_one_call() {
        let (aws, wire) = aws(&[("Action=DescribeRouteTables", ok(REPLY))]);
        let ids = ["rtb-1_pl-1", "rtb-1_::/0", "rtb-1_10.9.0.0/16", "rtb-2_pl-1", "nonsense"].map(|id| Id(id.into()));
        let seen = aws.read(&at(Route::TYPE).kind, &ids, &Want::All).await.unwrap();
        let live = |n: usize| match &seen[n] {
            Seen::Ready(live) => live.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(live(0).inputs.get("vpcEndpointId").and_then(Value::as_str), Some("vpce-1"));
        assert_eq!(live(1).outputs.get("state").and_then(Value::as_str), Some("blackhole"));
        assert_eq!(seen[2..], [Seen::Gone, Seen::Gone, Seen::Gone]);
        assert_eq!(wire.requests("").len(), 1);
    }

    #[tokio::test]
    async fn a_lost_create_is_found_only_if_the_route_leads_where_it_should() {
        let (aws, _) = aws(&[("Action=DescribeRouteTables", ok(REPLY))]);
        let find = async |gateway: &str| {
            let inputs = json!({ "routeTableId": "rtb-1", "destinationIpv6CidrBlock": "::/0",
                "egressOnlyGatewayId": gateway });
            aws.find(&at(Route::TYPE), &inputs.into()).await.unwrap()
        };
        assert_eq!(find("eigw-1").await, [Id("rtb-1_::/0".into())]);
        assert_eq!(find("eigw-2").await, []);
    }
}
