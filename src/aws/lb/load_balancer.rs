use aws_sdk_elasticloadbalancingv2::types::{
    self as sdk, EnablePrefixForIpv6SourceNatEnum, EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum,
    IpAddressType, IpamPools, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum,
    LoadBalancerTypeEnum, MinimumLoadBalancerCapacity, RemoveIpamPoolEnum, SubnetMapping,
};
use futures::try_join;

use super::attributes::Attributes;
use super::{is_mine, retag, suffix, tagged, tags_of};
use crate::aws::prelude::*;
use crate::engine::rules::{
    at_least_one, auto_name, computed, exclusive, form, one_of, protection, refers, replace, sometimes_shown, unordered,
};

/// What spreads requests or connections over targets in several zones.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["subnetMappings", "subnets"]))]
#[schemars(transform = at_least_one(&["subnetMappings", "subnets"]))]
pub struct LoadBalancer {
    /// Where logs of requests go.
    #[schemars(transform = sometimes_shown)]
    pub access_logs: Option<LoadBalancerLogs>,
    /// Seconds that a client's connection stays open. Only of type `application`.
    #[schemars(transform = computed, range(min = 60, max = 604_800))]
    pub client_keep_alive: Option<i32>,
    /// Where logs of connections go. Only of type `application`.
    #[schemars(transform = sometimes_shown)]
    pub connection_logs: Option<LoadBalancerLogs>,
    /// Pool of customer-owned addresses, on an Outpost.
    #[schemars(transform = replace)]
    pub customer_owned_ipv4_pool: Option<String>,
    /// What happens to requests that may be an attack by desynchronization.
    #[schemars(transform = one_of(&["defensive", "monitor", "strictest"]))]
    #[serde(default = "defensive")]
    pub desync_mitigation_mode: String,
    /// Which zones the name leads clients to. Only of type `network`.
    #[schemars(transform = computed)]
    #[schemars(transform = one_of(&["any_availability_zone", "availability_zone_affinity", "partial_availability_zone_affinity"]))]
    pub dns_record_client_routing_policy: Option<String>,
    /// Whether headers with wrong names are removed.
    #[serde(default)]
    pub drop_invalid_header_fields: bool,
    /// Whether each zone serves the targets of all. Type `application` always does.
    #[schemars(transform = computed)]
    pub enable_cross_zone_load_balancing: Option<bool>,
    /// Whether AWS refuses to delete the load balancer.
    #[schemars(transform = protection)]
    #[serde(default)]
    pub enable_deletion_protection: bool,
    /// Whether clients may use HTTP/2.
    #[serde(default = "on")]
    pub enable_http2: bool,
    /// Whether IPv6 source addresses are taken from prefixes. Only of type `network`.
    #[schemars(transform = computed, transform = one_of(&["off", "on"]))]
    pub enable_prefix_for_ipv6_source_nat: Option<String>,
    /// Whether targets get headers with the TLS version and cipher.
    #[serde(default)]
    pub enable_tls_version_and_cipher_suite_headers: bool,
    /// Whether requests pass while the web application firewall does not answer.
    #[serde(default)]
    pub enable_waf_fail_open: bool,
    /// Whether `X-Forwarded-For` holds the client's port.
    #[serde(default)]
    pub enable_xff_client_port: bool,
    /// Whether traffic may be shifted away from a zone that fails.
    #[serde(default)]
    pub enable_zonal_shift: bool,
    /// Whether security groups count for traffic through PrivateLink. Only of type `network`.
    #[schemars(transform = computed, transform = one_of(&["off", "on"]))]
    pub enforce_security_group_inbound_rules_on_private_link_traffic: Option<String>,
    /// Where logs of health checks go. Only of type `application`.
    #[schemars(transform = sometimes_shown)]
    pub health_check_logs: Option<LoadBalancerLogs>,
    /// Seconds after which an idle connection is closed. Only of type `application`.
    #[schemars(range(min = 1, max = 4000))]
    #[serde(default = "a_minute")]
    pub idle_timeout: i32,
    /// Whether the load balancer has private addresses only.
    #[schemars(transform = replace, transform = computed)]
    pub internal: Option<bool>,
    /// Kinds of addresses.
    #[schemars(transform = computed)]
    #[schemars(transform = one_of(&["dualstack", "dualstack-without-public-ipv4", "ipv4"]))]
    pub ip_address_type: Option<String>,
    /// Pools that public addresses are taken from. Only of type `application`.
    pub ipam_pools: Option<LoadBalancerIpamPools>,
    /// Kind of the load balancer.
    #[schemars(transform = replace, transform = one_of(&["application", "gateway", "network"]))]
    #[serde(default = "application")]
    pub load_balancer_type: String,
    /// Capacity that is held ready.
    pub minimum_load_balancer_capacity: Option<LoadBalancerCapacity>,
    /// Name of the load balancer, unique in account and region.
    #[schemars(transform = replace, transform = auto_name(32), length(max = 32))]
    #[schemars(transform = form("^[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?$", "letters, digits and hyphens, no hyphen at either end"))]
    pub name: String,
    /// Whether targets get the `Host` header of the client as it is.
    #[serde(default)]
    pub preserve_host_header: bool,
    /// Number of further addresses that AWS gives to each subnet. Only of type `network`.
    #[schemars(transform = computed, range(min = 0, max = 7))]
    pub secondary_ips_auto_assigned_per_subnet: Option<i32>,
    /// Security groups.
    #[schemars(transform = computed, transform = unordered)]
    #[schemars(transform = refers("aws:ec2/securityGroup:SecurityGroup.id"))]
    pub security_groups: Option<Vec<String>>,
    /// Subnets with their addresses, one a zone.
    #[schemars(transform = replace, transform = computed, transform = unordered)]
    pub subnet_mappings: Option<Vec<LoadBalancerSubnetMapping>>,
    /// Subnets, one a zone.
    #[schemars(transform = computed, transform = unordered, transform = refers("aws:ec2/subnet:Subnet.id"))]
    pub subnets: Option<Vec<String>>,
    /// Tags of the load balancer.
    #[serde(default)]
    pub tags: Tags,
    /// What happens to the header `X-Forwarded-For`.
    #[schemars(transform = one_of(&["append", "preserve", "remove"]))]
    #[serde(default = "append")]
    pub xff_header_processing_mode: String,
}

/// Logs in S3.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadBalancerLogs {
    /// Name of the bucket.
    #[schemars(transform = refers("aws:s3/bucket:Bucket.id"))]
    pub bucket: String,
    /// Whether logs are written.
    #[serde(default)]
    pub enabled: bool,
    /// What the keys of the logs begin with.
    pub prefix: Option<String>,
}

/// Pools of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadBalancerIpamPools {
    /// IPAM pool of public IPv4 addresses.
    pub ipv4_ipam_pool_id: String,
}

/// Capacity that is held ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadBalancerCapacity {
    /// Capacity units.
    pub capacity_units: i32,
}

/// A subnet and the addresses in it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadBalancerSubnetMapping {
    /// Elastic IP address.
    #[schemars(transform = refers("aws:ec2/eip:Eip.id"))]
    pub allocation_id: Option<String>,
    /// IPv6 address.
    #[schemars(transform = computed)]
    pub ipv6_address: Option<String>,
    /// Outpost of the subnet.
    #[schemars(transform = computed)]
    pub outpost_id: Option<String>,
    /// Private IPv4 address.
    #[schemars(transform = computed)]
    pub private_ipv4_address: Option<String>,
    /// Subnet.
    #[schemars(transform = refers("aws:ec2/subnet:Subnet.id"))]
    pub subnet_id: String,
}

fn a_minute() -> i32 {
    60
}

fn append() -> String {
    "append".to_owned()
}

fn application() -> String {
    "application".to_owned()
}

fn defensive() -> String {
    "defensive".to_owned()
}

fn on() -> bool {
    true
}

/// What AWS decides about a load balancer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadBalancerOutputs {
    /// ARN of the load balancer, the same as `id`.
    pub arn: String,
    /// What metrics call the load balancer: the end of its ARN.
    pub arn_suffix: String,
    /// Host name of the load balancer.
    pub dns_name: String,
    /// VPC of the subnets.
    pub vpc_id: Option<String>,
    /// Hosted zone of the host name, for alias records.
    pub zone_id: Option<String>,
}

const ACCESS: &str = "access_logs.s3";
const CONNECTIONS: &str = "connection_logs.s3";
const HEALTH_CHECKS: &str = "health_check_logs.s3";

impl Resource for LoadBalancer {
    const TYPE: &'static str = "aws:lb/loadBalancer:LoadBalancer";
    const FACTS: Facts = Facts {
        existing: Existing::LookedFor(&[]),
        limits: Limits::minutes(10, 10, 10).poll(5),
        takes: Takes::seconds(150, 10, 10),
        aliases: &[
            "aws:alb/loadBalancer:LoadBalancer",
            "aws:applicationloadbalancing/loadBalancer:LoadBalancer",
            "aws:elasticloadbalancingv2/loadBalancer:LoadBalancer",
        ],
        permissions: Permissions {
            create: &[
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:CreateLoadBalancer",
                "elasticloadbalancing:DescribeLoadBalancers",
                "iam:CreateServiceLinkedRole",
            ],
            read: &[
                "elasticloadbalancing:DescribeCapacityReservation",
                "elasticloadbalancing:DescribeLoadBalancerAttributes",
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeTags",
            ],
            update: &[
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:ModifyCapacityReservation",
                "elasticloadbalancing:ModifyIpPools",
                "elasticloadbalancing:ModifyLoadBalancerAttributes",
                "elasticloadbalancing:RemoveTags",
                "elasticloadbalancing:SetIpAddressType",
                "elasticloadbalancing:SetSecurityGroups",
                "elasticloadbalancing:SetSubnets",
            ],
            delete: &["elasticloadbalancing:DeleteLoadBalancer"],
        },
        import: "ARN of the load balancer",
        ..Facts::new(IdForm::Output("arn"), FoundBy::Name)
    };
    type Outputs = LoadBalancerOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let scheme = |internal| match internal {
            true => LoadBalancerSchemeEnum::Internal,
            false => LoadBalancerSchemeEnum::InternetFacing,
        };
        let mappings = self.subnet_mappings.as_ref();
        let nat = self.enable_prefix_for_ipv6_source_nat.as_deref();
        let reply = cx
            .elb()
            .create_load_balancer()
            .set_customer_owned_ipv4_pool(self.customer_owned_ipv4_pool.clone())
            .set_enable_prefix_for_ipv6_source_nat(nat.map(EnablePrefixForIpv6SourceNatEnum::from))
            .set_ip_address_type(self.ip_address_type.as_deref().map(IpAddressType::from))
            .set_ipam_pools(self.ipam_pools.as_ref().map(LoadBalancerIpamPools::sent))
            .r#type(LoadBalancerTypeEnum::from(self.load_balancer_type.as_str()))
            .name(&self.name)
            .set_scheme(self.internal.map(scheme))
            .set_security_groups(self.security_groups.clone())
            .set_subnet_mappings(mappings.map(|all| all.iter().map(LoadBalancerSubnetMapping::sent).collect()))
            .set_subnets(self.subnets.clone())
            .set_tags(tagged(&cx.tags(&self.tags)))
            .send()
            .await?;
        let balancer = reply.load_balancers.and_then(|all| all.into_iter().next());
        Ok(Made::id(need("LoadBalancerArn", need("LoadBalancers", balancer)?.load_balancer_arn)?))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        let elb = cx.elb();
        if let Some(groups) = changed_set(&self.security_groups, &old.security_groups).or_else(|| {
            let enforce = &self.enforce_security_group_inbound_rules_on_private_link_traffic;
            let had = &old.enforce_security_group_inbound_rules_on_private_link_traffic;
            changed(enforce, had).and(self.security_groups.as_ref().or(old.security_groups.as_ref()))
        }) {
            let enforce = self.enforce_security_group_inbound_rules_on_private_link_traffic.as_deref();
            elb.set_security_groups()
                .load_balancer_arn(&id.0)
                .set_security_groups(Some(groups.clone()))
                .set_enforce_security_group_inbound_rules_on_private_link_traffic(
                    enforce.map(EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum::from),
                )
                .send()
                .await?;
        }
        let nat = changed(&self.enable_prefix_for_ipv6_source_nat, &old.enable_prefix_for_ipv6_source_nat);
        let subnets = changed_set(&self.subnets, &old.subnets);
        if let Some(subnets) = subnets.or_else(|| nat.and(old.subnets.as_ref())) {
            elb.set_subnets()
                .load_balancer_arn(&id.0)
                .set_enable_prefix_for_ipv6_source_nat(nat.map(|nat| nat.as_str().into()))
                .set_subnets(Some(subnets.clone()))
                .send()
                .await?;
        }
        if let Some(kind) = changed(&self.ip_address_type, &old.ip_address_type) {
            let set = elb.set_ip_address_type().load_balancer_arn(&id.0);
            set.ip_address_type(IpAddressType::from(kind.as_str())).send().await?;
        }
        if self.ipam_pools != old.ipam_pools {
            let modify = elb.modify_ip_pools().load_balancer_arn(&id.0);
            match &self.ipam_pools {
                Some(pools) => modify.ipam_pools(pools.sent()).send().await?,
                None => modify.remove_ipam_pools(RemoveIpamPoolEnum::Ipv4).send().await?,
            };
        }
        if self.minimum_load_balancer_capacity != old.minimum_load_balancer_capacity {
            let modify = elb.modify_capacity_reservation().load_balancer_arn(&id.0);
            match &self.minimum_load_balancer_capacity {
                Some(capacity) => {
                    let units = MinimumLoadBalancerCapacity::builder().capacity_units(capacity.capacity_units);
                    modify.minimum_load_balancer_capacity(units.build()).send().await?
                }
                None => modify.reset_capacity_reservation(true).send().await?,
            };
        }
        let (wanted, had) = (self.attributes(), old.attributes());
        let attributes = wanted.beyond(&had).map(|(k, v)| LoadBalancerAttribute::builder().key(k).value(v).build());
        let attributes: Vec<_> = attributes.collect();
        if !attributes.is_empty() {
            let modify = elb.modify_load_balancer_attributes().load_balancer_arn(&id.0);
            modify.set_attributes(Some(attributes)).send().await?;
        }
        Ok(Next::Started)
    }

    /// Its network interfaces go a few minutes later; until then AWS refuses to delete what they use.
    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.elb().delete_load_balancer().load_balancer_arn(&id.0).send().await.or_none()?;
        Ok(Next::Started)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        match self.namesake(cx).await? {
            Some(id) if is_mine(&id.0, cx).await? => Ok(vec![id]),
            _ => Ok(Vec::new()),
        }
    }

    async fn namesake(&self, cx: &Cx) -> Result<Option<Id>> {
        let reply = cx.elb().describe_load_balancers().names(&self.name).send().await.or_none()?;
        let balancer = reply.and_then(|r| r.load_balancers?.into_iter().next());
        Ok(balancer.and_then(|b| b.load_balancer_arn).map(Id))
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    /// A network load balancer has security groups from its beginning or never; a gateway load
    /// balancer keeps its subnets; further addresses are not taken back.
    fn replaces(live: &Value, wanted: &Value) -> Vec<&'static str> {
        let is = |kind| wanted.get("loadBalancerType").and_then(Value::as_str) == Some(kind);
        let list = |of: &Value, name| of.get(name).and_then(|v| v.bare().as_list().map(<[Value]>::to_vec));
        let mut replaced = Vec::new();
        if is("network")
            && let Some(new) = list(wanted, "securityGroups")
            && new.is_empty() != list(live, "securityGroups").unwrap_or_default().is_empty()
        {
            replaced.push("securityGroups");
        }
        if is("gateway")
            && let (Some(old), Some(new)) = (list(live, "subnets"), list(wanted, "subnets"))
            && old.iter().any(|subnet| !new.contains(subnet) && !new.contains(&Value::Unknown))
        {
            replaced.push("subnets");
        }
        let count = |of: &Value| of.get("secondaryIpsAutoAssignedPerSubnet").and_then(|v| v.to_json().ok()?.as_i64());
        if let (Some(old), Some(new)) = (count(live), count(wanted))
            && new < old
        {
            replaced.push("secondaryIpsAutoAssignedPerSubnet");
        }
        replaced
    }
}

/// The wish for a computed list without order, if there is one and it differs.
fn changed_set<'a>(wish: &'a Option<Vec<String>>, live: &Option<Vec<String>>) -> Option<&'a Vec<String>> {
    let live = live.as_deref().unwrap_or_default();
    wish.as_ref().filter(|wish| wish.len() != live.len() || !only_in(wish, live).is_empty())
}

impl LoadBalancerIpamPools {
    fn sent(&self) -> IpamPools {
        IpamPools::builder().ipv4_ipam_pool_id(&self.ipv4_ipam_pool_id).build()
    }
}

impl LoadBalancerSubnetMapping {
    fn sent(&self) -> SubnetMapping {
        SubnetMapping::builder()
            .set_allocation_id(self.allocation_id.clone())
            .set_ipv6_address(self.ipv6_address.clone())
            .set_private_ipv4_address(self.private_ipv4_address.clone())
            .subnet_id(&self.subnet_id)
            .build()
    }
}

impl LoadBalancerLogs {
    /// Logs that are off are not shown: AWS keeps the bucket of logs that were turned off.
    fn of(kind: &str, from: &Attributes) -> Option<Self> {
        let bucket = from.text(&format!("{kind}.bucket"))?;
        let enabled = from.is_on(&format!("{kind}.enabled"));
        enabled.then(|| Self { bucket, enabled, prefix: from.text(&format!("{kind}.prefix")) })
    }

    fn put(logs: Option<&Self>, kind: &str, into: &mut Attributes) {
        into.set(&format!("{kind}.enabled"), logs.is_some_and(|logs| logs.enabled));
        if let Some(logs) = logs {
            into.set(&format!("{kind}.bucket"), &logs.bucket);
            into.set(&format!("{kind}.prefix"), logs.prefix.as_deref().unwrap_or_default());
        }
    }
}

impl LoadBalancer {
    fn attributes(&self) -> Attributes {
        let mut all = Attributes::default();
        LoadBalancerLogs::put(self.access_logs.as_ref(), ACCESS, &mut all);
        all.put("client_keep_alive.seconds", self.client_keep_alive.as_ref());
        LoadBalancerLogs::put(self.connection_logs.as_ref(), CONNECTIONS, &mut all);
        all.set("routing.http.desync_mitigation_mode", &self.desync_mitigation_mode);
        all.put("dns_record.client_routing_policy", self.dns_record_client_routing_policy.as_ref());
        all.set("routing.http.drop_invalid_header_fields.enabled", self.drop_invalid_header_fields);
        all.put("load_balancing.cross_zone.enabled", self.enable_cross_zone_load_balancing.as_ref());
        all.set("deletion_protection.enabled", self.enable_deletion_protection);
        all.set("routing.http2.enabled", self.enable_http2);
        let tls = self.enable_tls_version_and_cipher_suite_headers;
        all.set("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", tls);
        all.set("waf.fail_open.enabled", self.enable_waf_fail_open);
        all.set("routing.http.xff_client_port.enabled", self.enable_xff_client_port);
        all.set("zonal_shift.config.enabled", self.enable_zonal_shift);
        LoadBalancerLogs::put(self.health_check_logs.as_ref(), HEALTH_CHECKS, &mut all);
        all.set("idle_timeout.timeout_seconds", self.idle_timeout);
        all.set("routing.http.preserve_host_header.enabled", self.preserve_host_header);
        all.put("secondary_ips.auto_assigned.per_subnet", self.secondary_ips_auto_assigned_per_subnet.as_ref());
        all.set("routing.http.xff_header_processing.mode", &self.xff_header_processing_mode);
        all
    }
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<LoadBalancer>>> {
    let reply = cx.elb().describe_load_balancers().load_balancer_arns(&id.0).send().await.or_none()?;
    let Some(balancer) = reply.and_then(|r| r.load_balancers?.into_iter().next()) else { return Ok(Seen::Gone) };
    let state = need("State", balancer.state.clone())?;
    match need("Code", state.code)? {
        LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired => {}
        LoadBalancerStateEnum::Failed => {
            return Ok(Seen::Failed(state.reason.unwrap_or_else(|| "failed".to_owned())));
        }
        state => return Ok(Seen::Pending(state.as_str().to_owned())),
    }
    let attributes = async {
        let reply = cx.elb().describe_load_balancer_attributes().load_balancer_arn(&id.0).send().await?;
        Ok(reply.attributes.into_iter().flatten().map(|a| (a.key, a.value)).collect::<Attributes>())
    };
    let capacity = async {
        if !want.has("minimumLoadBalancerCapacity") {
            return Ok(None);
        }
        let reply = cx.elb().describe_capacity_reservation().load_balancer_arn(&id.0).send().await?;
        Ok(reply.minimum_load_balancer_capacity.and_then(|capacity| capacity.capacity_units))
    };
    let (attributes, capacity, tags) = try_join!(attributes, capacity, tags_of(&id.0, cx))?;
    shown(balancer, &attributes, capacity, tags).map(Seen::Ready)
}

fn shown(b: sdk::LoadBalancer, from: &Attributes, capacity: Option<i32>, tags: Tags) -> Result<Live<LoadBalancer>> {
    let arn = need("LoadBalancerArn", b.load_balancer_arn)?;
    let outputs = LoadBalancerOutputs {
        arn_suffix: suffix(&arn, ":loadbalancer/"),
        arn,
        dns_name: need("DNSName", b.dns_name)?,
        vpc_id: b.vpc_id,
        zone_id: b.canonical_hosted_zone_id,
    };
    let zones = b.availability_zones.unwrap_or_default();
    let subnets = zones.iter().filter_map(|zone| zone.subnet_id.clone()).collect();
    let inputs = LoadBalancer {
        access_logs: LoadBalancerLogs::of(ACCESS, from),
        client_keep_alive: from.get("client_keep_alive.seconds"),
        connection_logs: LoadBalancerLogs::of(CONNECTIONS, from),
        customer_owned_ipv4_pool: b.customer_owned_ipv4_pool.filter(|pool| !pool.is_empty()),
        desync_mitigation_mode: from.text("routing.http.desync_mitigation_mode").unwrap_or_else(defensive),
        dns_record_client_routing_policy: from.text("dns_record.client_routing_policy"),
        drop_invalid_header_fields: from.is_on("routing.http.drop_invalid_header_fields.enabled"),
        enable_cross_zone_load_balancing: from.get("load_balancing.cross_zone.enabled"),
        enable_deletion_protection: from.is_on("deletion_protection.enabled"),
        enable_http2: from.get("routing.http2.enabled").unwrap_or_else(on),
        enable_prefix_for_ipv6_source_nat: b.enable_prefix_for_ipv6_source_nat.map(|nat| nat.as_str().to_owned()),
        enable_tls_version_and_cipher_suite_headers: from
            .is_on("routing.http.x_amzn_tls_version_and_cipher_suite.enabled"),
        enable_waf_fail_open: from.is_on("waf.fail_open.enabled"),
        enable_xff_client_port: from.is_on("routing.http.xff_client_port.enabled"),
        enable_zonal_shift: from.is_on("zonal_shift.config.enabled"),
        enforce_security_group_inbound_rules_on_private_link_traffic: b
            .enforce_security_group_inbound_rules_on_private_link_traffic,
        health_check_logs: LoadBalancerLogs::of(HEALTH_CHECKS, from),
        idle_timeout: from.get("idle_timeout.timeout_seconds").unwrap_or_else(a_minute),
        internal: b.scheme.map(|scheme| scheme == LoadBalancerSchemeEnum::Internal),
        ip_address_type: b.ip_address_type.map(|kind| kind.as_str().to_owned()),
        ipam_pools: b
            .ipam_pools
            .and_then(|pools| Some(LoadBalancerIpamPools { ipv4_ipam_pool_id: pools.ipv4_ipam_pool_id? })),
        load_balancer_type: need("Type", b.r#type)?.as_str().to_owned(),
        minimum_load_balancer_capacity: capacity.map(|capacity_units| LoadBalancerCapacity { capacity_units }),
        name: need("LoadBalancerName", b.load_balancer_name)?,
        preserve_host_header: from.is_on("routing.http.preserve_host_header.enabled"),
        secondary_ips_auto_assigned_per_subnet: from.get("secondary_ips.auto_assigned.per_subnet"),
        security_groups: Some(b.security_groups.unwrap_or_default()),
        subnet_mappings: Some(zones.into_iter().map(mapping).collect::<Result<_>>()?),
        subnets: Some(subnets),
        tags,
        xff_header_processing_mode: from.text("routing.http.xff_header_processing.mode").unwrap_or_else(append),
    };
    Ok(Live { inputs, outputs })
}

fn mapping(zone: sdk::AvailabilityZone) -> Result<LoadBalancerSubnetMapping> {
    let address = zone.load_balancer_addresses.and_then(|all| all.into_iter().next());
    Ok(LoadBalancerSubnetMapping {
        allocation_id: address.as_ref().and_then(|a| a.allocation_id.clone()),
        ipv6_address: address.as_ref().and_then(|a| a.ipv6_address.clone()),
        outpost_id: zone.outpost_id,
        private_ipv4_address: address.and_then(|a| a.private_ipv4_address),
        subnet_id: need("SubnetId", zone.subnet_id)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, read, reads_back};
    use crate::engine::provider::Provider;

    const ARN: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188";
    const ATTRIBUTES: &[(&str, &str)] = &[
        ("access_logs.s3.enabled", "true"),
        ("access_logs.s3.bucket", "b"),
        ("access_logs.s3.prefix", "p"),
        ("client_keep_alive.seconds", "1800"),
        ("connection_logs.s3.enabled", "true"),
        ("connection_logs.s3.bucket", "b"),
        ("connection_logs.s3.prefix", ""),
        ("deletion_protection.enabled", "true"),
        ("dns_record.client_routing_policy", "any_availability_zone"),
        ("health_check_logs.s3.enabled", "true"),
        ("health_check_logs.s3.bucket", "b"),
        ("idle_timeout.timeout_seconds", "90"),
        ("load_balancing.cross_zone.enabled", "true"),
        ("routing.http.desync_mitigation_mode", "strictest"),
        ("routing.http.drop_invalid_header_fields.enabled", "true"),
        ("routing.http.preserve_host_header.enabled", "true"),
        ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "true"),
        ("routing.http.xff_client_port.enabled", "true"),
        ("routing.http.xff_header_processing.mode", "remove"),
        ("routing.http2.enabled", "false"),
        ("secondary_ips.auto_assigned.per_subnet", "2"),
        ("waf.fail_open.enabled", "true"),
        ("zonal_shift.config.enabled", "true"),
    ];

    fn balancer(state: &str) -> String {
        format!(
            "<DescribeLoadBalancersResponse><DescribeLoadBalancersResult><LoadBalancers><member>\
            <LoadBalancerArn>{ARN}</LoadBalancerArn><DNSName>web.elb.amazonaws.com</DNSName>\
            <CanonicalHostedZoneId>Z1</CanonicalHostedZoneId><LoadBalancerName>web</LoadBalancerName>\
            <Scheme>internal</Scheme><VpcId>vpc-1</VpcId><State><Code>{state}</Code><Reason>no room</Reason></State>\
            <Type>application</Type><AvailabilityZones><member><ZoneName>eu-west-1a</ZoneName>\
            <SubnetId>subnet-1</SubnetId><LoadBalancerAddresses><member><AllocationId>eipalloc-1</AllocationId>\
            </member></LoadBalancerAddresses></member></AvailabilityZones>\
            <SecurityGroups><member>sg-1</member></SecurityGroups><IpAddressType>ipv4</IpAddressType>\
            <CustomerOwnedIpv4Pool>pool-1</CustomerOwnedIpv4Pool>\
            <EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic>on</EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic>\
            <EnablePrefixForIpv6SourceNat>off</EnablePrefixForIpv6SourceNat>\
            <IpamPools><Ipv4IpamPoolId>ipam-1</Ipv4IpamPoolId></IpamPools>\
            </member></LoadBalancers></DescribeLoadBalancersResult></DescribeLoadBalancersResponse>"
        )
    }

    fn attributes() -> String {
        let all = ATTRIBUTES.iter().map(|(k, v)| format!("<member><Key>{k}</Key><Value>{v}</Value></member>"));
        format!(
            "<DescribeLoadBalancerAttributesResponse><DescribeLoadBalancerAttributesResult><Attributes>{}\
            </Attributes></DescribeLoadBalancerAttributesResult></DescribeLoadBalancerAttributesResponse>",
            all.collect::<String>()
        )
    }

    const CAPACITY: &str = "<DescribeCapacityReservationResponse><DescribeCapacityReservationResult>\
        <MinimumLoadBalancerCapacity><CapacityUnits>100</CapacityUnits></MinimumLoadBalancerCapacity>\
        </DescribeCapacityReservationResult></DescribeCapacityReservationResponse>";
    const TAGS: &str = "<DescribeTagsResponse><DescribeTagsResult><TagDescriptions><member><Tags><member>\
        <Key>a</Key><Value>b</Value></member></Tags></member></TagDescriptions></DescribeTagsResult>\
        </DescribeTagsResponse>";

    fn replies() -> Vec<(&'static str, crate::aws::wire::Reply)> {
        vec![
            ("Action=DescribeLoadBalancers&", ok(balancer("active"))),
            ("Action=DescribeLoadBalancerAttributes&", ok(attributes())),
            ("Action=DescribeCapacityReservation&", ok(CAPACITY)),
            ("Action=DescribeTags&", ok(TAGS)),
            (
                "Action=ModifyLoadBalancerAttributes&",
                ok("<ModifyLoadBalancerAttributesResponse><ModifyLoadBalancerAttributesResult/>\
                </ModifyLoadBalancerAttributesResponse>"),
            ),
        ]
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "accessLogs": { "bucket": "b", "enabled": true, "prefix": "p" },
            "clientKeepAlive": 1800,
            "connectionLogs": { "bucket": "b", "enabled": true },
            "customerOwnedIpv4Pool": "pool-1",
            "desyncMitigationMode": "strictest",
            "dnsRecordClientRoutingPolicy": "any_availability_zone",
            "dropInvalidHeaderFields": true,
            "enableCrossZoneLoadBalancing": true,
            "enableDeletionProtection": true,
            "enableHttp2": false,
            "enablePrefixForIpv6SourceNat": "off",
            "enableTlsVersionAndCipherSuiteHeaders": true,
            "enableWafFailOpen": true,
            "enableXffClientPort": true,
            "enableZonalShift": true,
            "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic": "on",
            "healthCheckLogs": { "bucket": "b", "enabled": true },
            "idleTimeout": 90,
            "internal": true,
            "ipAddressType": "ipv4",
            "ipamPools": { "ipv4IpamPoolId": "ipam-1" },
            "loadBalancerType": "application",
            "minimumLoadBalancerCapacity": { "capacityUnits": 100 },
            "name": "web",
            "preserveHostHeader": true,
            "secondaryIpsAutoAssignedPerSubnet": 2,
            "securityGroups": ["sg-1"],
            "subnetMappings": [{ "allocationId": "eipalloc-1", "subnetId": "subnet-1" }],
            "subnets": ["subnet-1"],
            "tags": { "a": "b" },
            "xffHeaderProcessingMode": "remove",
        });
        let live = reads_back(LoadBalancer::TYPE, ARN, &replies(), &[], inputs).await;
        assert_eq!(live.outputs.get("arnSuffix").and_then(Value::as_str), Some("app/web/50dc6c495c0c9188"));
    }

    #[tokio::test]
    async fn only_attributes_that_change_are_sent() {
        let (aws, wire) = aws(&replies());
        let Seen::Ready(live) = read(&aws, LoadBalancer::TYPE, ARN).await.unwrap() else { panic!("not ready") };
        let mut wanted = live.inputs.to_json().unwrap();
        wanted["idleTimeout"] = json!(60);
        wanted["accessLogs"] = json!(null);
        aws.update(&at(LoadBalancer::TYPE), &Id(ARN.into()), &Value::from_json(wanted), &live).await.unwrap();
        let sent = wire.requests("Action=Modify").remove(0);
        assert!(sent.contains("idle_timeout.timeout_seconds") && sent.contains("access_logs.s3.enabled"), "{sent}");
        assert!(!sent.contains("deletion_protection") && !sent.contains("member.3"), "{sent}");
        assert!(wire.requests("Action=Set").is_empty());
    }

    #[tokio::test]
    async fn a_load_balancer_is_ready_when_it_is_active() {
        let state = async |state: &str| {
            let (aws, _) = aws(&[("Action=DescribeLoadBalancers&", ok(balancer(state)))]);
            read(&aws, LoadBalancer::TYPE, ARN).await.unwrap()
        };
        assert_eq!(state("provisioning").await, Seen::Pending("provisioning".into()));
        assert_eq!(state("failed").await, Seen::Failed("no room".into()));
    }

    #[test]
    fn a_network_load_balancer_is_replaced_to_get_its_first_security_group() {
        let network = |groups: serde_json::Value| {
            Value::from_json(json!({ "loadBalancerType": "network", "securityGroups": groups }))
        };
        let replaces = |old, new| LoadBalancer::replaces(&network(old), &network(new));
        assert_eq!(replaces(json!([]), json!(["sg-1"])), ["securityGroups"]);
        assert_eq!(replaces(json!(["sg-1"]), json!([])), ["securityGroups"]);
        assert!(replaces(json!(["sg-1"]), json!(["sg-2"])).is_empty());
        assert!(replaces(json!(["sg-1"]), json!(null)).is_empty());
    }
}
