//! What a route leads to: one of many kinds of gateways, interfaces and connections.

use aws_sdk_ec2::operation::create_route::builders::CreateRouteFluentBuilder;
use aws_sdk_ec2::operation::replace_route::builders::ReplaceRouteFluentBuilder;
use aws_sdk_ec2::types as sdk;

/// Where packets go. Exactly one of them is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Target {
    pub carrier_gateway_id: Option<String>,
    pub core_network_arn: Option<String>,
    pub egress_only_gateway_id: Option<String>,
    pub gateway_id: Option<String>,
    pub local_gateway_id: Option<String>,
    pub nat_gateway_id: Option<String>,
    pub network_interface_id: Option<String>,
    pub odb_network_arn: Option<String>,
    pub transit_gateway_id: Option<String>,
    pub vpc_endpoint_id: Option<String>,
    pub vpc_peering_connection_id: Option<String>,
}

impl Target {
    /// AWS shows endpoints as gateways.
    pub(super) fn of(route: &sdk::Route) -> Self {
        let gateway = route.gateway_id.clone();
        let is_endpoint = gateway.as_ref().is_some_and(|id| id.starts_with("vpce-"));
        let (vpc_endpoint_id, gateway_id) = if is_endpoint { (gateway, None) } else { (None, gateway) };
        Self {
            carrier_gateway_id: route.carrier_gateway_id.clone(),
            core_network_arn: route.core_network_arn.clone(),
            egress_only_gateway_id: route.egress_only_internet_gateway_id.clone(),
            gateway_id,
            local_gateway_id: route.local_gateway_id.clone(),
            nat_gateway_id: route.nat_gateway_id.clone(),
            network_interface_id: route.network_interface_id.clone(),
            odb_network_arn: route.odb_network_arn.clone(),
            transit_gateway_id: route.transit_gateway_id.clone(),
            vpc_endpoint_id,
            vpc_peering_connection_id: route.vpc_peering_connection_id.clone(),
        }
    }

    pub(super) fn create(&self, call: CreateRouteFluentBuilder) -> CreateRouteFluentBuilder {
        call.set_carrier_gateway_id(self.carrier_gateway_id.clone())
            .set_core_network_arn(self.core_network_arn.clone())
            .set_egress_only_internet_gateway_id(self.egress_only_gateway_id.clone())
            .set_gateway_id(self.gateway_id.clone())
            .set_local_gateway_id(self.local_gateway_id.clone())
            .set_nat_gateway_id(self.nat_gateway_id.clone())
            .set_network_interface_id(self.network_interface_id.clone())
            .set_odb_network_arn(self.odb_network_arn.clone())
            .set_transit_gateway_id(self.transit_gateway_id.clone())
            .set_vpc_endpoint_id(self.vpc_endpoint_id.clone())
            .set_vpc_peering_connection_id(self.vpc_peering_connection_id.clone())
    }

    pub(super) fn replace(&self, call: ReplaceRouteFluentBuilder) -> ReplaceRouteFluentBuilder {
        call.set_carrier_gateway_id(self.carrier_gateway_id.clone())
            .set_core_network_arn(self.core_network_arn.clone())
            .set_egress_only_internet_gateway_id(self.egress_only_gateway_id.clone())
            .set_gateway_id(self.gateway_id.clone())
            .set_local_gateway_id(self.local_gateway_id.clone())
            .set_nat_gateway_id(self.nat_gateway_id.clone())
            .set_network_interface_id(self.network_interface_id.clone())
            .set_odb_network_arn(self.odb_network_arn.clone())
            .set_transit_gateway_id(self.transit_gateway_id.clone())
            .set_vpc_endpoint_id(self.vpc_endpoint_id.clone())
            .set_vpc_peering_connection_id(self.vpc_peering_connection_id.clone())
    }
}
