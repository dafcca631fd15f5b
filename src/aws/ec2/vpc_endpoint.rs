use std::collections::{BTreeSet, HashMap};

use aws_sdk_ec2::types::{self as sdk, DnsRecordIpType, IpAddressType, ResourceType, VpcEndpointType};

use super::{acceptance, any_of, arn, filter, is_mine, mine, prefix_lists, refused, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, exactly_one, one_of, refers, replace, unordered, write_only};

/// A way from a VPC to a service that does not touch the internet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["resourceConfigurationArn", "serviceName", "serviceNetworkArn"]))]
pub struct VpcEndpoint {
    /// Whether the connection is accepted at once, if the service is one of this account that wants
    /// acceptance.
    #[serde(default)]
    pub auto_accept: bool,
    /// How the names of the service resolve.
    #[schemars(transform = computed)]
    pub dns_options: Option<VpcEndpointDnsOptions>,
    /// Kinds of addresses that the endpoint has.
    #[schemars(transform = computed, transform = one_of(&["ipv4", "dualstack", "ipv6"]))]
    pub ip_address_type: Option<String>,
    /// Who may do what through the endpoint. AWS allows everything if there is none.
    #[schemars(transform = computed)]
    pub policy: Option<Document>,
    /// Whether the public name of the service leads to the endpoint. Only of type `Interface`.
    #[serde(default)]
    pub private_dns_enabled: bool,
    /// Resource configuration of VPC Lattice that the endpoint leads to.
    #[schemars(transform = replace)]
    pub resource_configuration_arn: Option<String>,
    /// Route tables that get a route to the service. Only of type `Gateway`.
    #[schemars(transform = unordered, transform = computed, transform = refers("aws:ec2/routeTable:RouteTable.id"))]
    pub route_table_ids: Option<Vec<String>>,
    /// Security groups of the network interfaces. Only of type `Interface`.
    #[schemars(transform = unordered, transform = computed)]
    #[schemars(transform = refers("aws:ec2/securityGroup:SecurityGroup.id"))]
    pub security_group_ids: Option<Vec<String>>,
    /// Name of the service, for example `com.amazonaws.eu-west-1.s3`.
    #[schemars(transform = replace)]
    pub service_name: Option<String>,
    /// Service network of VPC Lattice that the endpoint leads to.
    #[schemars(transform = replace)]
    pub service_network_arn: Option<String>,
    /// Region of the service; that of the endpoint if there is none.
    #[schemars(transform = replace, transform = computed)]
    pub service_region: Option<String>,
    /// Addresses of the network interfaces, by subnet.
    #[schemars(transform = unordered, transform = write_only)]
    pub subnet_configurations: Option<Vec<VpcEndpointSubnetConfiguration>>,
    /// Subnets that get a network interface.
    #[schemars(transform = unordered, transform = computed, transform = refers("aws:ec2/subnet:Subnet.id"))]
    pub subnet_ids: Option<Vec<String>>,
    /// Tags of the endpoint.
    #[serde(default)]
    pub tags: Tags,
    /// Kind of endpoint.
    #[schemars(transform = replace)]
    #[schemars(transform = one_of(&["Gateway", "GatewayLoadBalancer", "Interface", "Resource", "ServiceNetwork"]))]
    #[serde(default = "gateway")]
    pub vpc_endpoint_type: String,
    /// VPC that the endpoint is in.
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub vpc_id: String,
}

fn gateway() -> String {
    VpcEndpointType::Gateway.as_str().to_owned()
}

/// How the names of a service resolve in a VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VpcEndpointDnsOptions {
    /// Kinds of addresses that the names resolve to.
    #[schemars(transform = computed, transform = one_of(&["ipv4", "dualstack", "service-defined", "ipv6"]))]
    pub dns_record_ip_type: Option<String>,
    /// Whether private names are only for what comes in through a Resolver endpoint.
    #[schemars(transform = computed)]
    pub private_dns_only_for_inbound_resolver_endpoint: Option<bool>,
    /// Which domains get private names.
    #[schemars(transform = computed)]
    #[schemars(transform = one_of(&[
        "ALL_DOMAINS",
        "VERIFIED_DOMAINS_ONLY",
        "VERIFIED_DOMAINS_AND_SPECIFIED_DOMAINS",
        "SPECIFIED_DOMAINS_ONLY",
    ]))]
    pub private_dns_preference: Option<String>,
    /// Domains that get private names.
    #[schemars(transform = computed, transform = unordered)]
    pub private_dns_specified_domains: Option<Vec<String>>,
}

/// Addresses of the network interface in one subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VpcEndpointSubnetConfiguration {
    /// IPv4 address; AWS chooses one if there is none.
    pub ipv4: Option<String>,
    /// IPv6 address; AWS chooses one if there is none.
    pub ipv6: Option<String>,
    /// The subnet.
    pub subnet_id: Option<String>,
}

/// What AWS decides about an endpoint.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VpcEndpointOutputs {
    /// ARN of the endpoint.
    pub arn: String,
    /// IPv4 ranges of the service. Only of type `Gateway`.
    pub cidr_blocks: Option<Vec<String>>,
    /// Names of the endpoint. Only of type `Interface`.
    pub dns_entries: Vec<VpcEndpointDnsEntry>,
    /// Network interfaces of the endpoint. Not of type `Gateway`.
    pub network_interface_ids: Vec<String>,
    /// Account that owns the endpoint.
    pub owner_id: String,
    /// Prefix list of the service, for routes and security groups. Only of type `Gateway`.
    pub prefix_list_id: Option<String>,
    /// Whether a service of AWS manages the endpoint.
    pub requester_managed: bool,
    /// State: `available`, or `pendingAcceptance` while the service's owner has not accepted.
    pub state: String,
}

/// One name of an endpoint.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VpcEndpointDnsEntry {
    /// The name.
    pub dns_name: Option<String>,
    /// Hosted zone of the name.
    pub hosted_zone_id: Option<String>,
}

impl Resource for VpcEndpoint {
    const TYPE: &'static str = "aws:ec2/vpcEndpoint:VpcEndpoint";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(10, 10, 10).poll(3),
        takes: Takes::seconds(60, 30, 60),
        permissions: Permissions {
            create: &[
                "ec2:AcceptVpcEndpointConnections",
                "ec2:CreateTags",
                "ec2:CreateVpcEndpoint",
                "ec2:DescribePrefixLists",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcEndpointServiceConfigurations",
                "ec2:DescribeVpcs",
                "route53:AssociateVPCWithHostedZone",
            ],
            read: &["ec2:DescribePrefixLists", "ec2:DescribeVpcEndpoints"],
            update: &[
                "ec2:AcceptVpcEndpointConnections",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "ec2:DescribeVpcEndpointServiceConfigurations",
                "ec2:ModifyVpcEndpoint",
                "route53:AssociateVPCWithHostedZone",
            ],
            delete: &["ec2:DeleteVpcEndpoints"],
        },
        acts_on: &[
            "ec2:{region}:*:vpc-endpoint/*",
            "ec2:{region}:*:route-table/*",
            "ec2:{region}:*:security-group/*",
            "ec2:{region}:*:subnet/*",
            "ec2:{region}:*:vpc/*",
            "ec2:{region}:*:vpc-endpoint-service/*",
        ],
        import: "id of the VPC endpoint, `vpce-0123456789abcdef0`",
        ..Facts::new(IdForm::Random("vpce-", 17), FoundBy::OwnerTag)
    };
    type Outputs = VpcEndpointOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let tags = acceptance::marked(cx.tags(&self.tags), self.auto_accept);
        let reply = cx
            .ec2()
            .create_vpc_endpoint()
            .set_dns_options(self.dns_options.as_ref().map(VpcEndpointDnsOptions::specification))
            .set_ip_address_type(self.ip_address_type.as_deref().map(IpAddressType::from))
            .set_policy_document(self.policy.as_ref().map(|p| p.as_str().to_owned()))
            .set_private_dns_enabled(self.private_dns_enabled.then_some(true))
            .set_resource_configuration_arn(self.resource_configuration_arn.clone())
            .set_route_table_ids(self.route_table_ids.clone())
            .set_security_group_ids(self.security_group_ids.clone())
            .set_service_name(self.service_name.clone())
            .set_service_network_arn(self.service_network_arn.clone())
            .set_service_region(self.service_region.clone())
            .set_subnet_configurations(self.subnet_configurations())
            .set_subnet_ids(self.subnet_ids.clone())
            .tag_specifications(tagged(ResourceType::VpcEndpoint, &tags))
            .vpc_endpoint_type(VpcEndpointType::from(self.vpc_endpoint_type.as_str()))
            .vpc_id(&self.vpc_id)
            .send()
            .await?;
        let endpoint = need("VpcEndpoint", reply.vpc_endpoint)?;
        Ok(Made::id(need("VpcEndpointId", endpoint.vpc_endpoint_id)?))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let endpoints = cx.ec2().describe_vpc_endpoints().filters(any_of("vpc-endpoint-id", ids));
        let endpoints = endpoints.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
        let lists = prefix_lists::of_services(gated(&endpoints), cx).await?;
        in_order(ids, endpoints.into_iter().map(|endpoint| seen(endpoint, &lists, cx)))
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        if self.auto_accept && is_unaccepted(&live.outputs.state) {
            self.accept(id, cx).await?;
            return Ok(Next::More("accepting"));
        }
        if self.auto_accept != live.inputs.auto_accept {
            retag(id, &acceptance::change(self.auto_accept), cx).await?;
        }
        self.modify(id, &live.inputs, cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let Some(reply) = cx.ec2().delete_vpc_endpoints().vpc_endpoint_ids(&id.0).send().await.or_none()? else {
            return Ok(Next::Gone);
        };
        refused("ec2:DeleteVpcEndpoints", reply.unsuccessful).or_none()?;
        Ok(Next::Started)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.ec2().describe_vpc_endpoints().filters(mine(cx)).into_paginator().items().send();
        let endpoints = pages.collect::<Result<Vec<_>, _>>().await?;
        let there = endpoints.into_iter().filter(|e| is_mine(e.tags(), cx));
        let there = there.filter(|e| !e.state.as_ref().is_some_and(|s| is(s.as_str(), "deleted")));
        there.map(|e| Ok(Id(need("VpcEndpointId", e.vpc_endpoint_id)?))).collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, "vpc-endpoint")), ("ownerId", at.account.as_str().into())]
    }
}

impl VpcEndpoint {
    fn subnet_configurations(&self) -> Option<Vec<sdk::SubnetConfiguration>> {
        let configurations = self.subnet_configurations.as_ref()?.iter().map(|c| {
            let c = c.clone();
            let builder = sdk::SubnetConfiguration::builder().set_ipv4(c.ipv4).set_ipv6(c.ipv6);
            builder.set_subnet_id(c.subnet_id).build()
        });
        Some(configurations.collect())
    }

    /// Makes all changes in one call.
    async fn modify(&self, id: &Id, old: &Self, cx: &Cx) -> Result<()> {
        let (add_tables, remove_tables) = difference(&self.route_table_ids, &old.route_table_ids);
        let (add_groups, remove_groups) = difference(&self.security_group_ids, &old.security_group_ids);
        let (add_subnets, remove_subnets) = difference(&self.subnet_ids, &old.subnet_ids);
        let dns = changed(&self.dns_options, &old.dns_options);
        let address = changed(&self.ip_address_type, &old.ip_address_type);
        let other_policy = |p: &&Document| !old.policy.as_ref().is_some_and(|live| live.same(p));
        let private = (self.private_dns_enabled != old.private_dns_enabled).then_some(self.private_dns_enabled);
        let configurations =
            if self.subnet_configurations == old.subnet_configurations { None } else { self.subnet_configurations() };
        cx.ec2()
            .modify_vpc_endpoint()
            .set_add_route_table_ids(add_tables)
            .set_add_security_group_ids(add_groups)
            .set_add_subnet_ids(add_subnets)
            .set_dns_options(dns.map(VpcEndpointDnsOptions::specification))
            .set_ip_address_type(address.map(|kind| IpAddressType::from(kind.as_str())))
            .set_policy_document(self.policy.as_ref().filter(other_policy).map(|p| p.as_str().to_owned()))
            .set_private_dns_enabled(private)
            .set_remove_route_table_ids(remove_tables)
            .set_remove_security_group_ids(remove_groups)
            .set_remove_subnet_ids(remove_subnets)
            .set_subnet_configurations(configurations)
            .vpc_endpoint_id(&id.0)
            .send()
            .await?;
        Ok(())
    }

    /// Accepts as the owner of the service.
    async fn accept(&self, id: &Id, cx: &Cx) -> Result<()> {
        let name = self.service_name.clone().unwrap_or_default();
        let of_name = filter("service-name", [name.clone()]);
        let reply = cx.ec2().describe_vpc_endpoint_service_configurations().filters(of_name).send().await?;
        let service = reply.service_configurations.into_iter().flatten().find_map(|service| service.service_id);
        let service = service.ok_or_else(|| {
            Error::invalid(format!("the endpoint service `{name}` is not of this account"))
                .hint("leave out `autoAccept`, and let the owner of the service accept")
        })?;
        let call = cx.ec2().accept_vpc_endpoint_connections().service_id(service).vpc_endpoint_ids(&id.0);
        refused("ec2:AcceptVpcEndpointConnections", call.send().await?.unsuccessful)
    }
}

impl VpcEndpointDnsOptions {
    fn specification(&self) -> sdk::DnsOptionsSpecification {
        sdk::DnsOptionsSpecification::builder()
            .set_dns_record_ip_type(self.dns_record_ip_type.as_deref().map(DnsRecordIpType::from))
            .set_private_dns_only_for_inbound_resolver_endpoint(self.private_dns_only_for_inbound_resolver_endpoint)
            .set_private_dns_preference(self.private_dns_preference.clone())
            .set_private_dns_specified_domains(self.private_dns_specified_domains.clone())
            .build()
    }
}

/// What a list has to gain and to lose. One that is not wished for stays.
fn difference(wanted: &Option<Vec<String>>, live: &Option<Vec<String>>) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let Some(wanted) = wanted else { return (None, None) };
    let live = live.as_deref().unwrap_or_default();
    let some = |ids: Vec<&String>| (!ids.is_empty()).then(|| ids.into_iter().cloned().collect());
    (some(only_in(wanted, live)), some(only_in(live, wanted)))
}

/// The services that gateways lead to.
fn gated(endpoints: &[sdk::VpcEndpoint]) -> BTreeSet<String> {
    let gateways = endpoints.iter().filter(|e| e.vpc_endpoint_type == Some(VpcEndpointType::Gateway));
    gateways.filter_map(|e| e.service_name.clone()).collect()
}

/// AWS writes states in several ways.
fn is(state: &str, word: &str) -> bool {
    state.eq_ignore_ascii_case(word)
}

fn is_unaccepted(state: &str) -> bool {
    is(state, "pendingAcceptance")
}

fn seen(
    e: sdk::VpcEndpoint,
    lists: &HashMap<String, sdk::PrefixList>,
    cx: &Cx,
) -> Result<(String, Seen<Live<VpcEndpoint>>)> {
    let id = need("VpcEndpointId", e.vpc_endpoint_id)?;
    let state = need("State", e.state)?.as_str().to_owned();
    if is(&state, "deleted") {
        return Ok((id, Seen::Gone));
    }
    if is(&state, "pending") || is(&state, "deleting") {
        return Ok((id, Seen::Pending(state)));
    }
    if is(&state, "failed") || is(&state, "rejected") || is(&state, "expired") {
        let why = e.last_error.and_then(|error| error.message).or(e.failure_reason);
        return Ok((id, Seen::Failed(why.map_or(state.clone(), |why| format!("{state}: {why}")))));
    }
    let list = e.service_name.as_ref().and_then(|name| lists.get(name));
    let entries = e.dns_entries.into_iter().flatten();
    let outputs = VpcEndpointOutputs {
        arn: cx.arn("ec2", &format!("vpc-endpoint/{id}")),
        cidr_blocks: list.and_then(|list| list.cidrs.clone()),
        dns_entries: entries
            .map(|entry| VpcEndpointDnsEntry { dns_name: entry.dns_name, hosted_zone_id: entry.hosted_zone_id })
            .collect(),
        network_interface_ids: e.network_interface_ids.unwrap_or_default(),
        owner_id: e.owner_id.unwrap_or_else(|| cx.account().to_owned()),
        prefix_list_id: list.and_then(|list| list.prefix_list_id.clone()),
        requester_managed: e.requester_managed.unwrap_or_default(),
        state: state.clone(),
    };
    let groups = e.groups.into_iter().flatten().filter_map(|group| group.group_id);
    let tags = tags_from(e.tags);
    let inputs = VpcEndpoint {
        auto_accept: acceptance::is_marked(&tags) && !is_unaccepted(&state),
        dns_options: e.dns_options.map(|dns| VpcEndpointDnsOptions {
            dns_record_ip_type: dns.dns_record_ip_type.map(|kind| kind.as_str().to_owned()),
            private_dns_only_for_inbound_resolver_endpoint: dns.private_dns_only_for_inbound_resolver_endpoint,
            private_dns_preference: dns.private_dns_preference,
            private_dns_specified_domains: dns.private_dns_specified_domains,
        }),
        ip_address_type: e.ip_address_type.map(|kind| kind.as_str().to_owned()),
        policy: e.policy_document.map(Document::new),
        private_dns_enabled: e.private_dns_enabled.unwrap_or_default(),
        resource_configuration_arn: e.resource_configuration_arn,
        route_table_ids: Some(e.route_table_ids.unwrap_or_default()),
        security_group_ids: Some(groups.collect()),
        service_name: e.service_name.filter(|name| !name.is_empty()),
        service_network_arn: e.service_network_arn,
        service_region: e.service_region,
        subnet_configurations: None,
        subnet_ids: Some(e.subnet_ids.unwrap_or_default()),
        tags,
        vpc_endpoint_type: need("VpcEndpointType", e.vpc_endpoint_type)?.as_str().to_owned(),
        vpc_id: need("VpcId", e.vpc_id)?,
    };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Provider};

    const TYPE: &str = VpcEndpoint::TYPE;

    fn endpoint(kind: &str, state: &str) -> Reply {
        ok(format!(
            "<DescribeVpcEndpointsResponse><vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId>\
             <vpcEndpointType>{kind}</vpcEndpointType><vpcId>vpc-1</vpcId>\
             <serviceName>com.amazonaws.eu-west-1.s3</serviceName><state>{state}</state>\
             <policyDocument>{{}}</policyDocument><routeTableIdSet><item>rtb-1</item></routeTableIdSet>\
             <subnetIdSet><item>subnet-1</item></subnetIdSet><groupSet><item><groupId>sg-1</groupId>\
             <groupName>web</groupName></item></groupSet><ipAddressType>ipv4</ipAddressType><dnsOptions>\
             <dnsRecordIpType>ipv4</dnsRecordIpType><privateDnsOnlyForInboundResolverEndpoint>false\
             </privateDnsOnlyForInboundResolverEndpoint><privateDnsPreference>ALL_DOMAINS</privateDnsPreference>\
             <privateDnsSpecifiedDomainSet><item>a.example</item></privateDnsSpecifiedDomainSet></dnsOptions>\
             <privateDnsEnabled>true</privateDnsEnabled><requesterManaged>false</requesterManaged>\
             <networkInterfaceIdSet><item>eni-1</item></networkInterfaceIdSet><dnsEntrySet><item>\
             <dnsName>s3.example</dnsName><hostedZoneId>Z1</hostedZoneId></item></dnsEntrySet><tagSet><item>\
             <key>a</key><value>b</value></item><item><key>drctl:auto-accept</key><value>yes</value></item></tagSet>\
             <ownerId>123456789012</ownerId><serviceNetworkArn>arn:network</serviceNetworkArn>\
             <resourceConfigurationArn>arn:configuration</resourceConfigurationArn>\
             <serviceRegion>eu-west-1</serviceRegion></item></vpcEndpointSet></DescribeVpcEndpointsResponse>"
        ))
    }

    const LISTS: &str = "<DescribePrefixListsResponse><prefixListSet><item><prefixListId>pl-1</prefixListId>\
        <prefixListName>com.amazonaws.eu-west-1.s3</prefixListName><cidrSet><item>52.0.0.0/16</item></cidrSet>\
        </item></prefixListSet></DescribePrefixListsResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input_and_the_prefix_list_of_a_gateway() {
        let inputs = json!({
            "autoAccept": true,
            "dnsOptions": {
                "dnsRecordIpType": "ipv4",
                "privateDnsOnlyForInboundResolverEndpoint": false,
                "privateDnsPreference": "ALL_DOMAINS",
                "privateDnsSpecifiedDomains": ["a.example"],
            },
            "ipAddressType": "ipv4",
            "policy": "{}",
            "privateDnsEnabled": true,
            "resourceConfigurationArn": "arn:configuration",
            "routeTableIds": ["rtb-1"],
            "securityGroupIds": ["sg-1"],
            "serviceName": "com.amazonaws.eu-west-1.s3",
            "serviceNetworkArn": "arn:network",
            "serviceRegion": "eu-west-1",
            "subnetIds": ["subnet-1"],
            "tags": { "a": "b" },
            "vpcEndpointType": "Gateway",
            "vpcId": "vpc-1",
        });
        let replies = [
            ("Action=DescribeVpcEndpoints", endpoint("Gateway", "available")),
            ("Action=DescribePrefixLists", ok(LISTS)),
        ];
        let live = reads_back(TYPE, "vpce-1", &replies, &[], inputs).await;
        assert_eq!(live.outputs.get("prefixListId").and_then(Value::as_str), Some("pl-1"));
        assert_eq!(live.outputs.get("cidrBlocks"), Some(&Value::from(json!(["52.0.0.0/16"]))));
    }

    #[tokio::test]
    async fn only_gateways_ask_for_prefix_lists() {
        let (aws, wire) = aws(&[("Action=DescribeVpcEndpoints", endpoint("Interface", "Available"))]);
        let Seen::Ready(live) = read(&aws, TYPE, "vpce-1").await.unwrap() else { panic!() };
        let names = json!([{ "dnsName": "s3.example", "hostedZoneId": "Z1" }]);
        assert_eq!(live.outputs.get("dnsEntries"), Some(&Value::from(names)));
        assert_eq!(wire.requests("").len(), 1);
    }

    #[tokio::test]
    async fn however_often_endpoints_are_looked_at_their_prefix_lists_are_asked_for_once() {
        let (aws, wire) = aws(&[
            ("Action=DescribeVpcEndpoints", endpoint("Gateway", "available")),
            ("Action=DescribePrefixLists", ok(LISTS)),
        ]);
        for _ in 0..3 {
            let Seen::Ready(live) = read(&aws, TYPE, "vpce-1").await.unwrap() else { panic!() };
            assert_eq!(live.outputs.get("prefixListId").and_then(Value::as_str), Some("pl-1"));
        }
        assert_eq!(wire.requests("Action=DescribeVpcEndpoints").len(), 3);
        assert_eq!(wire.requests("Action=DescribePrefixLists").len(), 1);
    }

    #[tokio::test]
    async fn each_state_says_how_far_it_is() {
        let seen = async |state: &str| {
            let (aws, _) = aws(&[("Action=DescribeVpcEndpoints", endpoint("Interface", state))]);
            read(&aws, TYPE, "vpce-1").await.unwrap()
        };
        assert!(matches!(seen("pendingAcceptance").await, Seen::Ready(_)));
        assert_eq!(seen("pending").await, Seen::Pending("pending".into()));
        assert_eq!(seen("deleting").await, Seen::Pending("deleting".into()));
        assert_eq!(seen("deleted").await, Seen::Gone);
        assert_eq!(seen("failed").await, Seen::Failed("failed".into()));
    }

    #[tokio::test]
    async fn all_changes_go_out_in_one_call() {
        let done = ok("<ModifyVpcEndpointResponse><return>true</return></ModifyVpcEndpointResponse>");
        let (aws, wire) = aws(&[
            ("Action=DescribeVpcEndpoints", endpoint("Interface", "available")),
            ("Action=ModifyVpcEndpoint", done),
        ]);
        let Seen::Ready(live) = read(&aws, TYPE, "vpce-1").await.unwrap() else { panic!() };
        let wanted = json!({
            "autoAccept": true, "policy": { }, "securityGroupIds": ["sg-2"], "subnetIds": ["subnet-1", "subnet-2"],
            "serviceName": "com.amazonaws.eu-west-1.s3", "tags": { "a": "b" }, "vpcEndpointType": "Interface",
            "vpcId": "vpc-1",
        });
        let next = aws.update(&at(TYPE), &Id("vpce-1".into()), &wanted.into(), &live).await.unwrap();
        assert!(matches!(next, provider::Next::Started));
        let calls = wire.requests("Action=ModifyVpcEndpoint");
        let sent = &calls[0];
        for part in ["AddSecurityGroupId.1=sg-2", "RemoveSecurityGroupId.1=sg-1", "AddSubnetId.1=subnet-2"] {
            assert!(sent.contains(part), "{part} in {sent}");
        }
        assert!(sent.contains("PrivateDnsEnabled=false"), "{sent}");
        for part in ["RemoveSubnetId", "PolicyDocument", "RouteTableId", "DnsOptions"] {
            assert!(!sent.contains(part), "{part} in {sent}");
        }
        assert_eq!(calls.len(), 1);
    }

    #[tokio::test]
    async fn a_deletion_that_the_answer_lists_as_failed_has_failed() {
        let answer = |code: &str| {
            ok(format!(
                "<DeleteVpcEndpointsResponse><unsuccessful><item><error><code>{code}</code><message>no</message>\
                 </error><resourceId>vpce-1</resourceId></item></unsuccessful></DeleteVpcEndpointsResponse>"
            ))
        };
        let inputs = Value::from(json!({ "vpcId": "vpc-1", "serviceName": "s" }));
        let delete = async |code: &str| {
            let (aws, _) = aws(&[("Action=DeleteVpcEndpoints", answer(code))]);
            aws.delete(&at(TYPE), &Id("vpce-1".into()), &inputs, None).await
        };
        assert_eq!(delete("InvalidParameter").await.unwrap_err().message, "no");
        assert!(delete("InvalidVpcEndpoint.NotFound").await.is_ok());
    }
}
