use aws_sdk_ec2::types::{self as sdk, DomainType, ResourceType};

use super::{any_of, arn, is_mine, mine, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, one_of, refers, replace, write_only};

/// A public IPv4 address of the account.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Eip {
    /// Address to take back, or one of a pool of own addresses.
    #[schemars(transform = replace, transform = computed)]
    pub address: Option<String>,
    /// Private address of the instance or network interface that the address leads to.
    #[schemars(transform = computed)]
    pub associate_with_private_ip: Option<String>,
    /// Pool of customer-owned addresses, on an Outpost.
    #[schemars(transform = replace)]
    pub customer_owned_ipv4_pool: Option<String>,
    /// What the address is for. Only VPCs are left.
    #[schemars(transform = replace, transform = computed, transform = one_of(&["vpc"]))]
    pub domain: Option<String>,
    /// Instance that the address leads to.
    #[schemars(transform = computed, transform = refers("aws:ec2/instance:Instance.id"))]
    pub instance: Option<String>,
    /// IPAM pool that the address is taken from.
    #[schemars(transform = replace, transform = write_only)]
    pub ipam_pool_id: Option<String>,
    /// Group of zones that announces the address, for example that of a Local Zone.
    #[schemars(transform = replace, transform = computed)]
    pub network_border_group: Option<String>,
    /// Network interface that the address leads to.
    #[schemars(transform = computed)]
    pub network_interface: Option<String>,
    /// Pool of own addresses, or `amazon`.
    #[schemars(transform = replace, transform = computed)]
    pub public_ipv4_pool: Option<String>,
    /// Tags of the address.
    #[serde(default)]
    pub tags: Tags,
}

/// What AWS decides about an address.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EipOutputs {
    /// Id of the address, the same as `id`.
    pub allocation_id: String,
    /// ARN of the address.
    pub arn: String,
    /// Id of the link to an instance or a network interface.
    pub association_id: Option<String>,
    /// Address in the network of a carrier, in a Wavelength Zone.
    pub carrier_ip: Option<String>,
    /// Customer-owned address, on an Outpost.
    pub customer_owned_ip: Option<String>,
    /// Host name of the private address.
    pub private_dns: Option<String>,
    /// Private address that the address leads to.
    pub private_ip: Option<String>,
    /// Host name of the address.
    pub public_dns: Option<String>,
    /// The address.
    pub public_ip: String,
}

impl Resource for Eip {
    const TYPE: &'static str = "aws:ec2/eip:Eip";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(15, 5, 3),
        takes: Takes::seconds(1, 2, 1),
        permissions: Permissions {
            create: &["ec2:AllocateAddress", "ec2:AssociateAddress", "ec2:CreateTags"],
            read: &["ec2:DescribeAddresses"],
            update: &["ec2:AssociateAddress", "ec2:CreateTags", "ec2:DeleteTags", "ec2:DisassociateAddress"],
            delete: &["ec2:DisassociateAddress", "ec2:ReleaseAddress"],
        },
        acts_on: &[
            "ec2:{region}:*:elastic-ip/*",
            "ec2:{region}:*:instance/*",
            "ec2:{region}:*:ipv4pool-ec2/*",
            "ec2:{region}:*:network-interface/*",
            "ec2::*:ipam-pool/*",
        ],
        import: "allocation id of the address, `eipalloc-0123456789abcdef0`",
        look_before_delete: true,
        ..Facts::new(IdForm::Random("eipalloc-", 17), FoundBy::OwnerTag)
    };
    type Outputs = EipOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .ec2()
            .allocate_address()
            .set_address(self.address.clone())
            .set_customer_owned_ipv4_pool(self.customer_owned_ipv4_pool.clone())
            .domain(DomainType::Vpc)
            .set_ipam_pool_id(self.ipam_pool_id.clone())
            .set_network_border_group(self.network_border_group.clone())
            .set_public_ipv4_pool(self.public_ipv4_pool.clone())
            .tag_specifications(tagged(ResourceType::ElasticIp, &cx.tags(&self.tags)))
            .send()
            .await?;
        Ok(Made::id(need("AllocationId", reply.allocation_id)?))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let reply = cx.ec2().describe_addresses().filters(any_of("allocation-id", ids)).send().await?;
        in_order(ids, reply.addresses.into_iter().flatten().map(|address| seen(address, cx)))
    }

    /// The only changes are of what the address leads to. One call takes it from the old to the new.
    async fn update(&self, id: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        cx.ec2()
            .associate_address()
            .allocation_id(&id.0)
            .allow_reassociation(true)
            .set_instance_id(self.instance.clone())
            .set_network_interface_id(self.network_interface.clone())
            .set_private_ip_address(self.associate_with_private_ip.clone())
            .send()
            .await?;
        Ok(Next::Started)
    }

    /// A link that the program made is cut first. Those of gateways and load balancers go with them.
    async fn delete(&self, id: &Id, live: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let link = live.and_then(|live| live.outputs.association_id.as_ref());
        if let Some(link) = link.filter(|_| self.instance.is_some() || self.network_interface.is_some()) {
            cx.ec2().disassociate_address().association_id(link).send().await.or_none()?;
        }
        cx.ec2().release_address().allocation_id(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let reply = cx.ec2().describe_addresses().filters(mine(cx)).send().await?;
        let found = reply.addresses.into_iter().flatten().filter(|address| is_mine(address.tags(), cx));
        found.map(|address| Ok(Id(need("AllocationId", address.allocation_id)?))).collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("allocationId", at.id()), ("arn", arn(at, "elastic-ip"))]
    }
}

fn seen(a: sdk::Address, cx: &Cx) -> Result<(String, Seen<Live<Eip>>)> {
    let id = need("AllocationId", a.allocation_id)?;
    let public_ip = need("PublicIp", a.public_ip)?;
    let (public_suffix, private_suffix) = match cx.region() {
        "us-east-1" => ("compute-1".to_owned(), "ec2.internal".to_owned()),
        region => (format!("{region}.compute"), format!("{region}.compute.internal")),
    };
    let outputs = EipOutputs {
        allocation_id: id.clone(),
        arn: cx.arn("ec2", &format!("elastic-ip/{id}")),
        association_id: a.association_id,
        carrier_ip: a.carrier_ip,
        customer_owned_ip: a.customer_owned_ip,
        private_dns: a.private_ip_address.as_ref().map(|ip| format!("ip-{}.{private_suffix}", dashed(ip))),
        private_ip: a.private_ip_address.clone(),
        public_dns: Some(format!(
            "ec2-{}.{public_suffix}.{}",
            dashed(&public_ip),
            crate::aws::dns_suffix(cx.partition())
        )),
        public_ip: public_ip.clone(),
    };
    let inputs = Eip {
        address: Some(public_ip),
        associate_with_private_ip: a.private_ip_address,
        customer_owned_ipv4_pool: a.customer_owned_ipv4_pool.filter(|pool| !pool.is_empty()),
        domain: a.domain.map(|d| d.as_str().to_owned()),
        instance: a.instance_id.filter(|id| !id.is_empty()),
        ipam_pool_id: None,
        network_border_group: a.network_border_group,
        network_interface: a.network_interface_id.filter(|id| !id.is_empty()),
        public_ipv4_pool: a.public_ipv4_pool,
        tags: tags_from(a.tags),
    };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

/// `10-0-0-1` of `10.0.0.1`, as host names hold it.
fn dashed(address: &str) -> String {
    address.replace('.', "-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    const REPLY: &str = "<DescribeAddressesResponse><addressesSet><item><publicIp>203.0.113.7</publicIp>\
        <allocationId>eipalloc-1</allocationId><associationId>eipassoc-1</associationId><domain>vpc</domain>\
        <instanceId>i-1</instanceId><networkInterfaceId>eni-1</networkInterfaceId>\
        <privateIpAddress>10.0.0.5</privateIpAddress><publicIpv4Pool>amazon</publicIpv4Pool>\
        <networkBorderGroup>eu-west-1</networkBorderGroup><customerOwnedIpv4Pool>pool-1</customerOwnedIpv4Pool>\
        <tagSet><item><key>a</key><value>b</value></item></tagSet></item></addressesSet></DescribeAddressesResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input_and_the_host_names() {
        let inputs = json!({
            "address": "203.0.113.7",
            "associateWithPrivateIp": "10.0.0.5",
            "customerOwnedIpv4Pool": "pool-1",
            "domain": "vpc",
            "instance": "i-1",
            "networkBorderGroup": "eu-west-1",
            "networkInterface": "eni-1",
            "publicIpv4Pool": "amazon",
            "tags": { "a": "b" },
        });
        let live = reads_back(Eip::TYPE, "eipalloc-1", &[("Action=DescribeAddresses", ok(REPLY))], &[], inputs).await;
        let output = |name| live.outputs.get(name).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(output("publicDns").unwrap(), "ec2-203-0-113-7.eu-west-1.compute.amazonaws.com");
        assert_eq!(output("privateDns").unwrap(), "ip-10-0-0-5.eu-west-1.compute.internal");
        assert_eq!(output("arn").unwrap(), "arn:aws:ec2:eu-west-1:123456789012:elastic-ip/eipalloc-1");
    }
}
