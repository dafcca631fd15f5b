use aws_sdk_ec2::types::{self as sdk, HostnameType, ResourceType, SubnetState};

use super::interfaces::{Holders, is_held};
use super::{any_of, arn, flag, is_mine, mine, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, exclusive, form, needs, one_of, refers, replace, write_only};

/// A range of IP addresses of a VPC, in one availability zone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["availabilityZone", "availabilityZoneId"]))]
#[schemars(transform = exclusive(&["cidrBlock", "ipv4NetmaskLength"]))]
#[schemars(transform = exclusive(&["ipv6CidrBlock", "ipv6NetmaskLength"]))]
#[schemars(transform = needs(&["customerOwnedIpv4Pool", "mapCustomerOwnedIpOnLaunch", "outpostArn"]))]
pub struct Subnet {
    /// Whether network interfaces made here get an IPv6 address.
    #[serde(default)]
    pub assign_ipv6_address_on_creation: bool,
    /// Zone, for example `eu-west-1a`.
    #[schemars(transform = replace, transform = computed)]
    pub availability_zone: Option<String>,
    /// Zone by its id, which means the same place in every account, for example `euw1-az1`.
    #[schemars(transform = replace, transform = computed)]
    pub availability_zone_id: Option<String>,
    /// IPv4 range, for example `10.0.1.0/24`.
    #[schemars(transform = replace, transform = computed)]
    #[schemars(transform = form(r"^\d+\.\d+\.\d+\.\d+/\d+$", "an IPv4 range such as `10.0.1.0/24`"))]
    pub cidr_block: Option<String>,
    /// Pool of customer-owned addresses, on an Outpost.
    pub customer_owned_ipv4_pool: Option<String>,
    /// Whether DNS answers for names without IPv6 are synthesized, so that IPv6 hosts reach IPv4.
    #[serde(default)]
    pub enable_dns64: bool,
    /// Position of network interfaces that become local ones, on an Outpost or in a Local Zone.
    pub enable_lni_at_device_index: Option<i32>,
    /// Whether DNS knows the instances' resource names by A records.
    #[serde(default)]
    pub enable_resource_name_dns_a_record_on_launch: bool,
    /// Whether DNS knows the instances' resource names by AAAA records.
    #[serde(default)]
    pub enable_resource_name_dns_aaaa_record_on_launch: bool,
    /// IPAM pool that the IPv4 range is taken from.
    #[schemars(transform = replace, transform = write_only)]
    pub ipv4_ipam_pool_id: Option<String>,
    /// Size of the IPv4 range taken from the pool, as a prefix length.
    #[schemars(transform = replace, transform = write_only, range(min = 16, max = 28))]
    pub ipv4_netmask_length: Option<i32>,
    /// IPv6 range, for example `2001:db8:1234:1a00::/64`.
    #[schemars(transform = computed)]
    pub ipv6_cidr_block: Option<String>,
    /// IPAM pool that the IPv6 range is taken from.
    #[schemars(transform = replace, transform = write_only)]
    pub ipv6_ipam_pool_id: Option<String>,
    /// Whether the subnet has no IPv4 addresses.
    #[schemars(transform = replace)]
    #[serde(default)]
    pub ipv6_native: bool,
    /// Size of the IPv6 range taken from the pool, as a prefix length.
    #[schemars(transform = replace, transform = write_only, range(min = 44, max = 64))]
    pub ipv6_netmask_length: Option<i32>,
    /// Whether network interfaces made here get a customer-owned address, on an Outpost.
    #[serde(default)]
    pub map_customer_owned_ip_on_launch: bool,
    /// Whether an instance launched here gets a public IPv4 address.
    #[serde(default)]
    pub map_public_ip_on_launch: bool,
    /// Outpost that holds the subnet.
    #[schemars(transform = replace)]
    pub outpost_arn: Option<String>,
    /// What the host names of instances are made of.
    #[schemars(transform = computed, transform = one_of(&["ip-name", "resource-name"]))]
    pub private_dns_hostname_type_on_launch: Option<String>,
    /// Tags of the subnet.
    #[serde(default)]
    pub tags: Tags,
    /// VPC that holds the subnet.
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub vpc_id: String,
}

/// What AWS decides about a subnet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubnetOutputs {
    /// ARN of the subnet.
    pub arn: String,
    /// Association of the IPv6 range.
    pub ipv6_cidr_block_association_id: Option<String>,
    /// Account that owns the subnet.
    pub owner_id: String,
}

impl Resource for Subnet {
    const TYPE: &'static str = "aws:ec2/subnet:Subnet";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(10, 10, 20),
        takes: Takes::seconds(2, 1, 1),
        permissions: Permissions {
            create: &["ec2:CreateSubnet", "ec2:CreateTags", "ec2:ModifySubnetAttribute"],
            read: &["ec2:DescribeSubnets"],
            update: &[
                "ec2:AssociateSubnetCidrBlock",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "ec2:DisassociateSubnetCidrBlock",
                "ec2:ModifySubnetAttribute",
            ],
            delete: &["ec2:DeleteNetworkInterface", "ec2:DeleteSubnet", "ec2:DescribeNetworkInterfaces"],
        },
        acts_on: &[
            "ec2:{region}:*:network-interface/*",
            "ec2:{region}:*:subnet/*",
            "ec2:{region}:*:vpc/*",
            "ec2::*:ipam-pool/*",
        ],
        import: "id of the subnet, `subnet-0123456789abcdef0`",
        // A range of addresses belongs to one subnet.
        delete_first: true,
        names: Names::Within("vpcId"),
        ..Facts::new(IdForm::Random("subnet-", 17), FoundBy::OwnerTag)
    };
    type Outputs = SubnetOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .ec2()
            .create_subnet()
            .set_availability_zone(self.availability_zone.clone())
            .set_availability_zone_id(self.availability_zone_id.clone())
            .set_cidr_block(self.cidr_block.clone())
            .set_ipv4_ipam_pool_id(self.ipv4_ipam_pool_id.clone())
            .set_ipv4_netmask_length(self.ipv4_netmask_length)
            .set_ipv6_cidr_block(self.ipv6_cidr_block.clone())
            .set_ipv6_ipam_pool_id(self.ipv6_ipam_pool_id.clone())
            .set_ipv6_native(self.ipv6_native.then_some(true))
            .set_ipv6_netmask_length(self.ipv6_netmask_length)
            .set_outpost_arn(self.outpost_arn.clone())
            .tag_specifications(tagged(ResourceType::Subnet, &cx.tags(&self.tags)))
            .vpc_id(&self.vpc_id)
            .send()
            .await?;
        let (id, seen) = seen(need("Subnet", reply.subnet)?)?;
        Ok(Made::seen(id, seen))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let pages = cx.ec2().describe_subnets().filters(any_of("subnet-id", ids)).into_paginator().items().send();
        let subnets = pages.collect::<Result<Vec<_>, _>>().await?;
        in_order(ids, subnets.into_iter().map(seen))
    }

    /// AWS takes one attribute a call.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (new, old) = (self, &live.inputs);
        if changed(&new.ipv6_cidr_block, &old.ipv6_cidr_block).is_some() {
            return self.change_ipv6_range(id, &live.outputs, cx).await;
        }
        let set = || cx.ec2().modify_subnet_attribute().subnet_id(&id.0);
        let a_record = new.enable_resource_name_dns_a_record_on_launch;
        let aaaa_record = new.enable_resource_name_dns_aaaa_record_on_launch;
        let changes = [
            (new.assign_ipv6_address_on_creation != old.assign_ipv6_address_on_creation)
                .then(|| set().assign_ipv6_address_on_creation(flag(new.assign_ipv6_address_on_creation))),
            (new.customer_owned_ipv4_pool != old.customer_owned_ipv4_pool
                || new.map_customer_owned_ip_on_launch != old.map_customer_owned_ip_on_launch)
                .then(|| {
                    set()
                        .set_customer_owned_ipv4_pool(new.customer_owned_ipv4_pool.clone())
                        .map_customer_owned_ip_on_launch(flag(new.map_customer_owned_ip_on_launch))
                }),
            (new.enable_dns64 != old.enable_dns64).then(|| set().enable_dns64(flag(new.enable_dns64))),
            (new.enable_lni_at_device_index != old.enable_lni_at_device_index).then(|| {
                match new.enable_lni_at_device_index {
                    Some(index) => set().enable_lni_at_device_index(index),
                    None => set().disable_lni_at_device_index(flag(true)),
                }
            }),
            (a_record != old.enable_resource_name_dns_a_record_on_launch)
                .then(|| set().enable_resource_name_dns_a_record_on_launch(flag(a_record))),
            (aaaa_record != old.enable_resource_name_dns_aaaa_record_on_launch)
                .then(|| set().enable_resource_name_dns_aaaa_record_on_launch(flag(aaaa_record))),
            (new.map_public_ip_on_launch != old.map_public_ip_on_launch)
                .then(|| set().map_public_ip_on_launch(flag(new.map_public_ip_on_launch))),
            changed(&new.private_dns_hostname_type_on_launch, &old.private_dns_hostname_type_on_launch)
                .map(|kind| set().private_dns_hostname_type_on_launch(HostnameType::from(kind.as_str()))),
        ];
        for change in changes.into_iter().flatten() {
            change.send().await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        match cx.ec2().delete_subnet().subnet_id(&id.0).send().await.or_none() {
            Ok(_) => Ok(Next::Gone),
            Err(refusal) if is_held(&refusal) => {
                Holders::of("subnet-id", id, &refusal, cx).await?.judge(refusal).map(Next::Held)
            }
            Err(refusal) => Err(refusal),
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.ec2().describe_subnets().filters(mine(cx)).into_paginator().items().send();
        let subnets = pages.collect::<Result<Vec<_>, _>>().await?;
        subnets.into_iter().filter(|s| is_mine(s.tags(), cx)).map(|s| Ok(Id(need("SubnetId", s.subnet_id)?))).collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, "subnet")), ("ownerId", at.account.as_str().into())]
    }
}

impl Subnet {
    /// A subnet has one IPv6 range, so the old one goes before the new one comes.
    async fn change_ipv6_range(&self, id: &Id, live: &SubnetOutputs, cx: &Cx) -> Result<Next<Self>> {
        if let Some(old) = &live.ipv6_cidr_block_association_id {
            cx.ec2().disassociate_subnet_cidr_block().association_id(old).send().await?;
            return Ok(Next::More("removing the IPv6 range"));
        }
        let add = cx.ec2().associate_subnet_cidr_block().subnet_id(&id.0);
        add.set_ipv6_cidr_block(self.ipv6_cidr_block.clone()).send().await?;
        Ok(Next::More("adding the IPv6 range"))
    }
}

fn seen(s: sdk::Subnet) -> Result<(String, Seen<Live<Subnet>>)> {
    let id = need("SubnetId", s.subnet_id)?;
    let state = need("State", s.state)?;
    if state != SubnetState::Available {
        return Ok((id, Seen::Pending(state.as_str().to_owned())));
    }
    let gone = ["disassociating", "disassociated", "failing", "failed"];
    let ipv6 = s.ipv6_cidr_block_association_set.into_iter().flatten().find(|a| {
        let state = a.ipv6_cidr_block_state.as_ref().and_then(|s| s.state.as_ref());
        state.is_none_or(|s| !gone.contains(&s.as_str()))
    });
    let names = s.private_dns_name_options_on_launch;
    let outputs = SubnetOutputs {
        arn: need("SubnetArn", s.subnet_arn)?,
        ipv6_cidr_block_association_id: ipv6.as_ref().and_then(|a| a.association_id.clone()),
        owner_id: need("OwnerId", s.owner_id)?,
    };
    let inputs = Subnet {
        assign_ipv6_address_on_creation: s.assign_ipv6_address_on_creation.unwrap_or_default(),
        availability_zone: Some(need("AvailabilityZone", s.availability_zone)?),
        availability_zone_id: s.availability_zone_id,
        cidr_block: s.cidr_block,
        customer_owned_ipv4_pool: s.customer_owned_ipv4_pool,
        enable_dns64: s.enable_dns64.unwrap_or_default(),
        enable_lni_at_device_index: s.enable_lni_at_device_index,
        enable_resource_name_dns_a_record_on_launch: names
            .as_ref()
            .and_then(|n| n.enable_resource_name_dns_a_record)
            .unwrap_or_default(),
        enable_resource_name_dns_aaaa_record_on_launch: names
            .as_ref()
            .and_then(|n| n.enable_resource_name_dns_aaaa_record)
            .unwrap_or_default(),
        ipv4_ipam_pool_id: None,
        ipv4_netmask_length: None,
        ipv6_cidr_block: ipv6.and_then(|a| a.ipv6_cidr_block),
        ipv6_ipam_pool_id: None,
        ipv6_native: s.ipv6_native.unwrap_or_default(),
        ipv6_netmask_length: None,
        map_customer_owned_ip_on_launch: s.map_customer_owned_ip_on_launch.unwrap_or_default(),
        map_public_ip_on_launch: need("MapPublicIpOnLaunch", s.map_public_ip_on_launch)?,
        outpost_arn: s.outpost_arn,
        private_dns_hostname_type_on_launch: names.and_then(|n| n.hostname_type).map(|kind| kind.as_str().to_owned()),
        tags: tags_from(s.tags),
        vpc_id: need("VpcId", s.vpc_id)?,
    };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const REPLY: &str = "<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-1</subnetId>\
        <state>available</state><vpcId>vpc-1</vpcId><cidrBlock>10.0.1.0/24</cidrBlock>\
        <availabilityZone>eu-west-1a</availabilityZone><availabilityZoneId>euw1-az1</availabilityZoneId>\
        <mapPublicIpOnLaunch>true</mapPublicIpOnLaunch><mapCustomerOwnedIpOnLaunch>true</mapCustomerOwnedIpOnLaunch>\
        <customerOwnedIpv4Pool>pool-1</customerOwnedIpv4Pool><enableLniAtDeviceIndex>1</enableLniAtDeviceIndex>\
        <outpostArn>arn:aws:outposts:eu-west-1:1:outpost/op-1</outpostArn>\
        <assignIpv6AddressOnCreation>true</assignIpv6AddressOnCreation><enableDns64>true</enableDns64>\
        <ipv6Native>true</ipv6Native><privateDnsNameOptionsOnLaunch><hostnameType>ip-name</hostnameType>\
        <enableResourceNameDnsARecord>true</enableResourceNameDnsARecord>\
        <enableResourceNameDnsAAAARecord>true</enableResourceNameDnsAAAARecord></privateDnsNameOptionsOnLaunch>\
        <ipv6CidrBlockAssociationSet><item><associationId>subnet-cidr-assoc-1</associationId>\
        <ipv6CidrBlock>2001:db8::/64</ipv6CidrBlock><ipv6CidrBlockState><state>associated</state>\
        </ipv6CidrBlockState></item></ipv6CidrBlockAssociationSet><ownerId>123456789012</ownerId>\
        <subnetArn>arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1</subnetArn>\
        <tagSet><item><key>a</key><value>b</value></item><item><key>drctl:owner</key><value>x</value></item>\
        <item><key>aws:x</key><value>x</value></item></tagSet></item></subnetSet></DescribeSubnetsResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input_and_no_reserved_tag() {
        let inputs = json!({
            "assignIpv6AddressOnCreation": true,
            "availabilityZone": "eu-west-1a",
            "availabilityZoneId": "euw1-az1",
            "cidrBlock": "10.0.1.0/24",
            "customerOwnedIpv4Pool": "pool-1",
            "enableDns64": true,
            "enableLniAtDeviceIndex": 1,
            "enableResourceNameDnsARecordOnLaunch": true,
            "enableResourceNameDnsAaaaRecordOnLaunch": true,
            "ipv6CidrBlock": "2001:db8::/64",
            "ipv6Native": true,
            "mapCustomerOwnedIpOnLaunch": true,
            "mapPublicIpOnLaunch": true,
            "outpostArn": "arn:aws:outposts:eu-west-1:1:outpost/op-1",
            "privateDnsHostnameTypeOnLaunch": "ip-name",
            "tags": { "a": "b" },
            "vpcId": "vpc-1",
        });
        let live = reads_back(Subnet::TYPE, "subnet-1", &[("Action=DescribeSubnets", ok(REPLY))], &[], inputs).await;
        assert_eq!(live.outputs.get("tagsAll"), live.inputs.get("tags"));
    }

    #[tokio::test]
    async fn a_subnet_that_interfaces_of_lambda_hold_waits_for_them() {
        let refusal = "<Response><Errors><Error><Code>DependencyViolation</Code>\
            <Message>The subnet 'subnet-1' has dependencies and cannot be deleted.</Message></Error></Errors></Response>";
        let found = "<DescribeNetworkInterfacesResponse><networkInterfaceSet><item>\
            <networkInterfaceId>eni-1</networkInterfaceId><description>AWS Lambda VPC ENI-orders-1c7b</description>\
            <interfaceType>lambda</interfaceType><status>in-use</status></item></networkInterfaceSet></DescribeNetworkInterfacesResponse>";
        let replies = [
            ("Action=DeleteSubnet&", Reply::Says(400, refusal.into())),
            ("Action=DescribeNetworkInterfaces&", ok(found)),
        ];
        let (aws, wire) = aws(&replies);
        let inputs = json!({ "vpcId": "vpc-1", "cidrBlock": "10.0.1.0/24" }).into();
        let next = aws.delete(&at(Subnet::TYPE), &Id("subnet-1".into()), &inputs, None).await.unwrap();
        let provider::Next::Held(hold) = next else { panic!("{next:?}") };
        assert_eq!(hold.by, "held by the network interface `eni-1` of Lambda");
        assert_eq!(wire.requests("Filter.1.Name=subnet-id&").len(), 1);
    }
}
