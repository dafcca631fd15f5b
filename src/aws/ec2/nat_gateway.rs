use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    self as sdk, AvailabilityMode, ConnectivityType, NatGatewayAddressStatus, NatGatewayState, ResourceType,
};

use super::{any_of, filter, is_mine, mine, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, exclusive, one_of, refers, replace, unordered};

/// A way out of private subnets: to the internet, or to other networks under one address.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["secondaryPrivateIpAddressCount", "secondaryPrivateIpAddresses"]))]
#[schemars(transform = exclusive(&["allocationId", "availabilityZoneAddresses"]))]
pub struct NatGateway {
    /// Elastic IP address of a public gateway in one zone.
    #[schemars(transform = replace, transform = refers("aws:ec2/eip:Eip.id"))]
    pub allocation_id: Option<String>,
    /// Whether the gateway is in one zone or in all zones of its VPC.
    #[schemars(transform = replace, transform = computed, transform = one_of(&["regional", "zonal"]))]
    pub availability_mode: Option<String>,
    /// Addresses of a regional gateway by zone. AWS spreads it by itself if they are left out.
    #[schemars(transform = computed, transform = unordered)]
    pub availability_zone_addresses: Option<Vec<NatGatewayAvailabilityZoneAddress>>,
    /// Where the gateway leads.
    #[schemars(transform = replace, transform = one_of(&["private", "public"]))]
    #[serde(default = "public")]
    pub connectivity_type: String,
    /// Private address of the gateway.
    #[schemars(transform = replace, transform = computed)]
    pub private_ip: Option<String>,
    /// Further Elastic IP addresses, each for 55,000 more connections to one destination.
    #[schemars(transform = unordered, transform = refers("aws:ec2/eip:Eip.id"))]
    pub secondary_allocation_ids: Option<Vec<String>>,
    /// Number of further private addresses that AWS chooses. Only private gateways.
    #[schemars(transform = replace, transform = computed, range(min = 1, max = 31))]
    pub secondary_private_ip_address_count: Option<i32>,
    /// Further private addresses.
    #[schemars(transform = computed, transform = unordered)]
    pub secondary_private_ip_addresses: Option<Vec<String>>,
    /// Subnet that holds a gateway in one zone.
    #[schemars(transform = replace, transform = refers("aws:ec2/subnet:Subnet.id"))]
    pub subnet_id: Option<String>,
    /// Tags of the gateway.
    #[serde(default)]
    pub tags: Tags,
    /// VPC of a regional gateway.
    #[schemars(transform = replace, transform = computed, transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub vpc_id: Option<String>,
}

/// The addresses of a regional gateway in one zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["availabilityZone", "availabilityZoneId"]))]
pub struct NatGatewayAvailabilityZoneAddress {
    /// Elastic IP addresses.
    #[schemars(transform = unordered, transform = refers("aws:ec2/eip:Eip.id"))]
    pub allocation_ids: Option<Vec<String>>,
    /// Zone, for example `eu-west-1a`.
    #[schemars(transform = computed)]
    pub availability_zone: Option<String>,
    /// Zone by its id, for example `euw1-az1`.
    #[schemars(transform = computed)]
    pub availability_zone_id: Option<String>,
}

impl NatGatewayAvailabilityZoneAddress {
    fn sent(&self) -> sdk::AvailabilityZoneAddress {
        sdk::AvailabilityZoneAddress::builder()
            .set_allocation_ids(self.allocation_ids.clone())
            .set_availability_zone(self.availability_zone.clone())
            .set_availability_zone_id(self.availability_zone_id.clone())
            .build()
    }

    fn has(&self, allocation: &str) -> bool {
        self.allocation_ids.iter().flatten().any(|id| id == allocation)
    }
}

fn public() -> String {
    "public".to_owned()
}

/// What AWS decides about a gateway.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NatGatewayOutputs {
    /// Link between the gateway and its Elastic IP address.
    pub association_id: Option<String>,
    /// Whether AWS extends a regional gateway to further zones by itself.
    pub auto_provision_zones: Option<String>,
    /// Whether AWS adds addresses to a regional gateway by itself.
    pub auto_scaling_ips: Option<String>,
    /// Network interface of the gateway.
    pub network_interface_id: Option<String>,
    /// Public address of the gateway.
    pub public_ip: Option<String>,
    /// Addresses of a regional gateway.
    pub regional_nat_gateway_addresses: Vec<RegionalAddress>,
    /// Route table that a regional gateway has of its own.
    pub route_table_id: Option<String>,
}

/// An address of a regional gateway.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegionalAddress {
    /// Elastic IP address.
    pub allocation_id: Option<String>,
    /// Link between the gateway and the address.
    pub association_id: Option<String>,
    /// Zone.
    pub availability_zone: Option<String>,
    /// Id of the zone.
    pub availability_zone_id: Option<String>,
    /// Public address.
    pub public_ip: Option<String>,
    /// State of the address.
    pub status: Option<String>,
}

impl Resource for NatGateway {
    const TYPE: &'static str = "aws:ec2/natGateway:NatGateway";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(10, 10, 30).poll(5),
        takes: Takes::seconds(95, 20, 50),
        permissions: Permissions {
            create: &["ec2:CreateNatGateway", "ec2:CreateTags"],
            read: &["ec2:DescribeNatGateways"],
            update: &[
                "ec2:AssignPrivateNatGatewayAddress",
                "ec2:AssociateNatGatewayAddress",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "ec2:DisassociateNatGatewayAddress",
                "ec2:UnassignPrivateNatGatewayAddress",
            ],
            delete: &["ec2:DeleteNatGateway"],
        },
        acts_on: &[
            "ec2:{region}:*:natgateway/*",
            "ec2:{region}:*:elastic-ip/*",
            "ec2:{region}:*:network-interface/*",
            "ec2:{region}:*:subnet/*",
            "ec2:{region}:*:vpc/*",
        ],
        import: "id of the NAT gateway, `nat-0123456789abcdef0`",
        // Its Elastic IP address cannot be at two gateways.
        delete_first: true,
        ..Facts::new(IdForm::Random("nat-", 17), FoundBy::OwnerTag)
    };
    type Outputs = NatGatewayOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let zones = self.availability_zone_addresses.as_ref();
        let reply = cx
            .ec2()
            .create_nat_gateway()
            .set_allocation_id(self.allocation_id.clone())
            .set_availability_mode(self.availability_mode.as_deref().map(AvailabilityMode::from))
            .set_availability_zone_addresses(
                zones.map(|zones| zones.iter().map(NatGatewayAvailabilityZoneAddress::sent).collect()),
            )
            .connectivity_type(ConnectivityType::from(self.connectivity_type.as_str()))
            .set_private_ip_address(self.private_ip.clone())
            .set_secondary_allocation_ids(self.secondary_allocation_ids.clone())
            .set_secondary_private_ip_address_count(self.secondary_private_ip_address_count)
            .set_secondary_private_ip_addresses(self.secondary_private_ip_addresses.clone())
            .set_subnet_id(self.subnet_id.clone())
            .tag_specifications(tagged(ResourceType::Natgateway, &cx.tags(&self.tags)))
            .set_vpc_id(self.vpc_id.clone())
            .send()
            .await?;
        let gateway = need("NatGateway", reply.nat_gateway)?;
        Ok(Made::id(need("NatGatewayId", gateway.nat_gateway_id)?))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let pages = cx.ec2().describe_nat_gateways().filter(any_of("nat-gateway-id", ids)).into_paginator().items();
        let gateways = pages.send().collect::<Result<Vec<_>, _>>().await?;
        in_order(ids, gateways.into_iter().map(seen))
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        if let Some(zones) = &self.availability_zone_addresses {
            change_zones(id, zones, old, cx).await?;
        } else if self.connectivity_type == "private" {
            if let Some(wanted) = &self.secondary_private_ip_addresses {
                change_private(id, old.secondary_private_ip_addresses.as_deref().unwrap_or_default(), wanted, cx)
                    .await?;
            }
        } else {
            let (new, old) = (self.secondary_allocation_ids.as_deref(), old.secondary_allocation_ids.as_deref());
            let (new, old) = (new.unwrap_or_default(), old.unwrap_or_default());
            cut(id, only_in(old, new), cx).await?;
            let more: Vec<String> = only_in(new, old).into_iter().cloned().collect();
            if !more.is_empty() {
                let addresses = self.secondary_private_ip_addresses.as_deref().unwrap_or_default();
                let had = live.inputs.secondary_private_ip_addresses.as_deref().unwrap_or_default();
                let addresses: Vec<String> = only_in(addresses, had).into_iter().cloned().collect();
                cx.ec2()
                    .associate_nat_gateway_address()
                    .nat_gateway_id(&id.0)
                    .set_allocation_ids(Some(more))
                    .set_private_ip_addresses((!addresses.is_empty()).then_some(addresses))
                    .send()
                    .await?;
            }
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        match cx.ec2().delete_nat_gateway().nat_gateway_id(&id.0).send().await.or_none()? {
            Some(_) => Ok(Next::Started),
            None => Ok(Next::Gone),
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let there = ["pending", "available", "failed"].map(str::to_owned);
        let describe = cx.ec2().describe_nat_gateways().filter(mine(cx)).filter(filter("state", there));
        let gateways = describe.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
        let gateways = gateways.into_iter().filter(|g| is_mine(g.tags(), cx));
        gateways.map(|g| Ok(Id(need("NatGatewayId", g.nat_gateway_id)?))).collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }
}

async fn change_zones(id: &Id, zones: &[NatGatewayAvailabilityZoneAddress], live: &NatGateway, cx: &Cx) -> Result<()> {
    let old = live.availability_zone_addresses.as_deref().unwrap_or_default();
    let had = old.iter().flat_map(|zone| zone.allocation_ids.iter().flatten());
    let gone = had.filter(|allocation| !zones.iter().any(|zone| zone.has(allocation))).collect();
    cut(id, gone, cx).await?;
    for zone in zones {
        let all = zone.allocation_ids.iter().flatten();
        let new: Vec<String> = all.filter(|a| !old.iter().any(|zone| zone.has(a))).cloned().collect();
        if !new.is_empty() {
            cx.ec2()
                .associate_nat_gateway_address()
                .nat_gateway_id(&id.0)
                .set_allocation_ids(Some(new))
                .set_availability_zone(zone.availability_zone.clone())
                .set_availability_zone_id(zone.availability_zone_id.clone())
                .send()
                .await?;
        }
    }
    Ok(())
}

/// Takes Elastic IP addresses from the gateway. AWS lets their connections end first.
async fn cut(id: &Id, allocations: Vec<&String>, cx: &Cx) -> Result<()> {
    if allocations.is_empty() {
        return Ok(());
    }
    let reply = cx.ec2().describe_nat_gateways().nat_gateway_ids(&id.0).send().await?;
    let addresses = reply.nat_gateways.into_iter().flatten().flat_map(|g| g.nat_gateway_addresses.unwrap_or_default());
    let theirs = addresses.filter(|a| a.allocation_id.as_ref().is_some_and(|a| allocations.contains(&a)));
    let links: Vec<String> = theirs.filter_map(|a| a.association_id).collect();
    if !links.is_empty() {
        let cut = cx.ec2().disassociate_nat_gateway_address().nat_gateway_id(&id.0);
        cut.set_association_ids(Some(links)).send().await?;
    }
    Ok(())
}

async fn change_private(id: &Id, old: &[String], new: &[String], cx: &Cx) -> Result<()> {
    let gone: Vec<String> = only_in(old, new).into_iter().cloned().collect();
    if !gone.is_empty() {
        let unassign = cx.ec2().unassign_private_nat_gateway_address().nat_gateway_id(&id.0);
        unassign.set_private_ip_addresses(Some(gone)).send().await?;
    }
    let more: Vec<String> = only_in(new, old).into_iter().cloned().collect();
    if !more.is_empty() {
        let assign = cx.ec2().assign_private_nat_gateway_address().nat_gateway_id(&id.0);
        assign.set_private_ip_addresses(Some(more)).send().await?;
    }
    Ok(())
}

fn seen(g: sdk::NatGateway) -> Result<(String, Seen<Live<NatGateway>>)> {
    let id = need("NatGatewayId", g.nat_gateway_id)?;
    let addresses = g.nat_gateway_addresses.unwrap_or_default();
    match need("State", g.state)? {
        NatGatewayState::Available => {}
        NatGatewayState::Deleted => return Ok((id, Seen::Gone)),
        NatGatewayState::Failed => {
            let why = g.failure_message.or(g.failure_code).unwrap_or_else(|| "failed".to_owned());
            return Ok((id, Seen::Failed(why)));
        }
        state => return Ok((id, Seen::Pending(state.as_str().to_owned()))),
    }
    let done = |status: &NatGatewayAddressStatus| *status == NatGatewayAddressStatus::Succeeded;
    if let Some(moving) = addresses.iter().filter_map(|a| a.status.as_ref()).find(|status| !done(status)) {
        return Ok((
            id,
            match (moving, addresses.iter().find_map(|a| a.failure_message.clone())) {
                (NatGatewayAddressStatus::Failed, Some(why)) => Seen::Failed(why),
                (status, _) => Seen::Pending(format!("{} an address", status.as_str())),
            },
        ));
    }
    let regional = g.availability_mode == Some(AvailabilityMode::Regional);
    let of_zones = if regional { by_zone(&addresses) } else { Vec::new() };
    let regional_addresses = if regional { addresses.iter().map(regional_address).collect() } else { Vec::new() };
    let (mut first, mut more) = (None, Vec::new());
    for address in addresses.into_iter().filter(|_| !regional) {
        // Older gateways have one address, which nothing calls the primary one.
        match address.is_primary {
            Some(false) => more.push(address),
            _ if first.is_none() => first = Some(address),
            _ => more.push(address),
        }
    }
    let outputs = NatGatewayOutputs {
        association_id: first.as_ref().and_then(|a| a.association_id.clone()),
        auto_provision_zones: g.auto_provision_zones.map(|state| state.as_str().to_owned()),
        auto_scaling_ips: g.auto_scaling_ips.map(|state| state.as_str().to_owned()),
        network_interface_id: first.as_ref().and_then(|a| a.network_interface_id.clone()),
        public_ip: first.as_ref().and_then(|a| a.public_ip.clone()),
        regional_nat_gateway_addresses: regional_addresses,
        route_table_id: g.route_table_id,
    };
    let secondary: Vec<String> = more.iter().filter_map(|a| a.private_ip.clone()).collect();
    let inputs = NatGateway {
        allocation_id: first.as_ref().and_then(|a| a.allocation_id.clone()),
        availability_mode: g.availability_mode.map(|mode| mode.as_str().to_owned()),
        availability_zone_addresses: (!of_zones.is_empty()).then_some(of_zones),
        connectivity_type: g.connectivity_type.map_or_else(public, |kind| kind.as_str().to_owned()),
        private_ip: first.and_then(|a| a.private_ip),
        secondary_allocation_ids: {
            let ids: Vec<String> = more.into_iter().filter_map(|a| a.allocation_id).collect();
            (!ids.is_empty()).then_some(ids)
        },
        secondary_private_ip_address_count: i32::try_from(secondary.len()).ok().filter(|count| *count > 0),
        secondary_private_ip_addresses: (!secondary.is_empty()).then_some(secondary),
        subnet_id: g.subnet_id.filter(|id| !id.is_empty()),
        tags: tags_from(g.tags),
        vpc_id: g.vpc_id,
    };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

fn by_zone(addresses: &[sdk::NatGatewayAddress]) -> Vec<NatGatewayAvailabilityZoneAddress> {
    let mut zones: BTreeMap<(Option<String>, Option<String>), Vec<String>> = BTreeMap::new();
    for address in addresses {
        let zone = (address.availability_zone.clone(), address.availability_zone_id.clone());
        zones.entry(zone).or_default().extend(address.allocation_id.clone());
    }
    let zones = zones.into_iter();
    zones
        .map(|((availability_zone, availability_zone_id), ids)| NatGatewayAvailabilityZoneAddress {
            allocation_ids: Some(ids),
            availability_zone,
            availability_zone_id,
        })
        .collect()
}

fn regional_address(a: &sdk::NatGatewayAddress) -> RegionalAddress {
    RegionalAddress {
        allocation_id: a.allocation_id.clone(),
        association_id: a.association_id.clone(),
        availability_zone: a.availability_zone.clone(),
        availability_zone_id: a.availability_zone_id.clone(),
        public_ip: a.public_ip.clone(),
        status: a.status.as_ref().map(|status| status.as_str().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{aws, ok, read, reads_back};

    fn reply(inner: &str) -> String {
        format!(
            "<DescribeNatGatewaysResponse><natGatewaySet><item><natGatewayId>nat-1</natGatewayId>\
            <vpcId>vpc-1</vpcId>{inner}</item></natGatewaySet></DescribeNatGatewaysResponse>"
        )
    }

    const ZONAL: &str = "<state>available</state><subnetId>subnet-1</subnetId>\
        <connectivityType>private</connectivityType><availabilityMode>zonal</availabilityMode><natGatewayAddressSet>\
        <item><privateIp>10.0.0.6</privateIp><allocationId>eipalloc-2</allocationId><isPrimary>false</isPrimary>\
        <status>succeeded</status></item><item><privateIp>10.0.0.5</privateIp>\
        <allocationId>eipalloc-1</allocationId><associationId>eipassoc-1</associationId><isPrimary>true</isPrimary>\
        <publicIp>203.0.113.7</publicIp><status>succeeded</status></item></natGatewayAddressSet>\
        <tagSet><item><key>a</key><value>b</value></item></tagSet>";

    #[tokio::test]
    async fn read_gives_back_every_input_of_a_gateway_in_one_zone() {
        let inputs = json!({
            "allocationId": "eipalloc-1",
            "availabilityMode": "zonal",
            "connectivityType": "private",
            "privateIp": "10.0.0.5",
            "secondaryAllocationIds": ["eipalloc-2"],
            "secondaryPrivateIpAddressCount": 1,
            "secondaryPrivateIpAddresses": ["10.0.0.6"],
            "subnetId": "subnet-1",
            "tags": { "a": "b" },
            "vpcId": "vpc-1",
        });
        let replies = [("Action=DescribeNatGateways", ok(reply(ZONAL)))];
        let live = reads_back(NatGateway::TYPE, "nat-1", &replies, &["availabilityZoneAddresses"], inputs).await;
        assert_eq!(live.outputs.get("publicIp").and_then(Value::as_str), Some("203.0.113.7"));
    }

    async fn seen(inner: &str) -> Seen<crate::engine::provider::Live> {
        let (aws, _) = aws(&[("Action=DescribeNatGateways", ok(reply(inner)))]);
        read(&aws, NatGateway::TYPE, "nat-1").await.unwrap()
    }

    #[tokio::test]
    async fn the_addresses_of_a_regional_gateway_are_read_by_zone() {
        let address = |allocation, zone| {
            format!(
                "<item><allocationId>{allocation}</allocationId><availabilityZone>{zone}</availabilityZone>\
                <status>succeeded</status></item>"
            )
        };
        let addresses = [("a-1", "eu-west-1a"), ("b-1", "eu-west-1b"), ("a-2", "eu-west-1a")];
        let addresses: String = addresses.map(|(allocation, zone)| address(allocation, zone)).concat();
        let inner = format!(
            "<state>available</state><availabilityMode>regional</availabilityMode>\
            <natGatewayAddressSet>{addresses}</natGatewayAddressSet>"
        );
        let Seen::Ready(live) = seen(&inner).await else { panic!("not ready") };
        let zones = live.inputs.get("availabilityZoneAddresses").unwrap().to_json().unwrap();
        assert_eq!(
            zones,
            json!([
                { "allocationIds": ["a-1", "a-2"], "availabilityZone": "eu-west-1a" },
                { "allocationIds": ["b-1"], "availabilityZone": "eu-west-1b" },
            ])
        );
        assert_eq!(live.inputs.get("allocationId"), None);
    }

    #[tokio::test]
    async fn a_gateway_is_gone_only_once_aws_calls_it_deleted() {
        assert_eq!(seen("<state>deleting</state>").await, Seen::Pending("deleting".into()));
        assert_eq!(seen("<state>deleted</state>").await, Seen::Gone);
        let failed = "<state>failed</state><failureMessage>no free address</failureMessage>";
        assert_eq!(seen(failed).await, Seen::Failed("no free address".into()));
        let moving = "<state>available</state><natGatewayAddressSet><item><status>disassociating</status></item>\
            </natGatewayAddressSet>";
        assert_eq!(seen(moving).await, Seen::Pending("disassociating an address".into()));
    }
}
