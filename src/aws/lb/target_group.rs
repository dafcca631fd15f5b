use aws_sdk_elasticloadbalancingv2::types::{
    self as sdk, Matcher, ProtocolEnum, TargetGroupAttribute, TargetGroupIpAddressTypeEnum, TargetTypeEnum,
};
use futures::try_join;

use super::attributes::Attributes;
use super::{is_mine, retag, suffix, tagged, tags_of};
use crate::aws::prelude::*;
use crate::engine::rules::{auto_name, computed, form, one_of, refers, replace};

/// Targets that share the requests or connections of a load balancer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetGroup {
    /// Whether connections end when the time of a leaving target is over. Only behind type `network`.
    #[serde(default)]
    pub connection_termination: bool,
    /// Seconds that a leaving target finishes its work.
    #[schemars(range(min = 0, max = 3600))]
    #[serde(default = "five_minutes")]
    pub deregistration_delay: i32,
    /// How targets are found to be healthy.
    #[schemars(transform = computed)]
    pub health_check: Option<TargetGroupHealthCheck>,
    /// Kind of the targets' addresses.
    #[schemars(transform = replace, transform = computed, transform = one_of(&["ipv4", "ipv6"]))]
    pub ip_address_type: Option<String>,
    /// Whether a function gets headers and parameters with all their values.
    #[serde(default)]
    pub lambda_multi_value_headers_enabled: bool,
    /// How a target is chosen.
    #[schemars(transform = computed)]
    #[schemars(transform = one_of(&["least_outstanding_requests", "round_robin", "weighted_random"]))]
    pub load_balancing_algorithm_type: Option<String>,
    /// Whether targets that fail oddly get less. Only with `weighted_random`.
    #[schemars(transform = computed, transform = one_of(&["off", "on"]))]
    pub load_balancing_anomaly_mitigation: Option<String>,
    /// Whether each zone serves the targets of all.
    #[schemars(transform = computed, transform = one_of(&["false", "true", "use_load_balancer_configuration"]))]
    pub load_balancing_cross_zone_enabled: Option<String>,
    /// Name of the target group, unique in account and region.
    #[schemars(transform = replace, transform = auto_name(32), length(max = 32))]
    #[schemars(transform = form("^[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?$", "letters, digits and hyphens, no hyphen at either end"))]
    pub name: String,
    /// Port of targets that name none. Functions have none.
    #[schemars(transform = replace, range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// Whether targets see the client's address. Only behind type `network`.
    #[schemars(transform = computed, transform = one_of(&["false", "true"]))]
    pub preserve_client_ip: Option<String>,
    /// Protocol to the targets. Functions have none.
    #[schemars(transform = replace)]
    #[schemars(transform = one_of(&["GENEVE", "HTTP", "HTTPS", "QUIC", "TCP", "TCP_QUIC", "TCP_UDP", "TLS", "UDP"]))]
    pub protocol: Option<String>,
    /// Version of HTTP to the targets.
    #[schemars(transform = replace, transform = computed, transform = one_of(&["GRPC", "HTTP1", "HTTP2"]))]
    pub protocol_version: Option<String>,
    /// Whether targets get headers of the proxy protocol, version 2. Only behind type `network`.
    #[serde(default)]
    pub proxy_protocol_v2: bool,
    /// Seconds in which a new target gets its share step by step, 30 to 900; 0 is at once.
    #[schemars(range(min = 0, max = 900))]
    #[serde(default)]
    pub slow_start: i32,
    /// Whether clients stay with their target.
    #[schemars(transform = computed)]
    pub stickiness: Option<TargetGroupStickiness>,
    /// Tags of the target group.
    #[serde(default)]
    pub tags: Tags,
    /// Port at which the target optimizer's agent listens.
    #[schemars(transform = replace, range(min = 1, max = 65535))]
    pub target_control_port: Option<i32>,
    /// What happens to flows of targets that leave or fail. Only behind type `gateway`.
    #[schemars(transform = computed, length(max = 1))]
    pub target_failovers: Option<Vec<TargetGroupFailover>>,
    /// How many healthy targets are enough.
    #[schemars(transform = computed)]
    pub target_group_health: Option<TargetGroupHealth>,
    /// What happens to connections of targets that fail. Only behind type `network`.
    #[schemars(transform = computed, length(max = 1))]
    pub target_health_states: Option<Vec<TargetGroupHealthState>>,
    /// What targets are.
    #[schemars(transform = replace, transform = one_of(&["alb", "instance", "ip", "lambda"]))]
    #[serde(default = "instance")]
    pub target_type: String,
    /// VPC of the targets. Functions have none.
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub vpc_id: Option<String>,
}

/// How targets are found to be healthy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetGroupHealthCheck {
    /// Whether targets are checked. Only functions may go without.
    #[serde(default = "on")]
    pub enabled: bool,
    /// Good answers that make a target healthy.
    #[schemars(range(min = 2, max = 10))]
    #[serde(default = "three")]
    pub healthy_threshold: i32,
    /// Seconds between checks.
    #[schemars(range(min = 5, max = 300))]
    #[serde(default = "half_a_minute")]
    pub interval: i32,
    /// Codes of good answers, for example `200-299`.
    #[schemars(transform = computed)]
    pub matcher: Option<String>,
    /// Path that is asked for.
    #[schemars(transform = computed, length(min = 1, max = 1024))]
    pub path: Option<String>,
    /// Port that is asked, or `traffic-port`.
    #[serde(default = "traffic_port")]
    pub port: String,
    /// Protocol of the checks.
    #[schemars(transform = one_of(&["HTTP", "HTTPS", "TCP"]))]
    #[serde(default = "http")]
    pub protocol: String,
    /// Seconds after which no answer is a bad one.
    #[schemars(transform = computed, range(min = 2, max = 120))]
    pub timeout: Option<i32>,
    /// Bad answers that make a target unhealthy.
    #[schemars(range(min = 2, max = 10))]
    #[serde(default = "three")]
    pub unhealthy_threshold: i32,
}

/// Whether clients stay with their target.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetGroupStickiness {
    /// Seconds that a client stays. Only with cookies.
    #[schemars(range(min = 1, max = 604_800))]
    #[serde(default = "a_day")]
    pub cookie_duration: i32,
    /// Name of the application's cookie. Only with `app_cookie`.
    #[schemars(transform = computed)]
    pub cookie_name: Option<String>,
    /// Whether clients stay.
    #[serde(default = "on")]
    pub enabled: bool,
    /// What tells clients apart.
    #[schemars(transform = one_of(&["app_cookie", "lb_cookie", "source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto"]))]
    pub r#type: String,
}

/// What happens to flows of a target.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetGroupFailover {
    /// When the target leaves.
    #[schemars(transform = one_of(&["no_rebalance", "rebalance"]))]
    pub on_deregistration: String,
    /// When the target fails.
    #[schemars(transform = one_of(&["no_rebalance", "rebalance"]))]
    pub on_unhealthy: String,
}

/// How many healthy targets are enough.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetGroupHealth {
    /// Below this DNS leads clients to other zones.
    #[schemars(transform = computed)]
    pub dns_failover: Option<TargetGroupDnsFailover>,
    /// Below this all targets get requests, healthy or not.
    #[schemars(transform = computed)]
    pub unhealthy_state_routing: Option<TargetGroupUnhealthyStateRouting>,
}

/// The least health that keeps a zone in DNS.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetGroupDnsFailover {
    /// Healthy targets, or `off`.
    #[schemars(transform = computed)]
    pub minimum_healthy_targets_count: Option<String>,
    /// Healthy targets in percent, or `off`.
    #[schemars(transform = computed)]
    pub minimum_healthy_targets_percentage: Option<String>,
}

/// The least health at which only healthy targets get requests.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetGroupUnhealthyStateRouting {
    /// Healthy targets.
    #[schemars(transform = computed)]
    pub minimum_healthy_targets_count: Option<i32>,
    /// Healthy targets in percent, or `off`.
    #[schemars(transform = computed)]
    pub minimum_healthy_targets_percentage: Option<String>,
}

/// What happens to connections of a target that fails.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetGroupHealthState {
    /// Whether they end.
    pub enable_unhealthy_connection_termination: bool,
    /// Seconds that they go on, where they do not end.
    #[schemars(transform = computed, range(min = 0, max = 360_000))]
    pub unhealthy_draining_interval: Option<i32>,
}

fn a_day() -> i32 {
    86_400
}

fn five_minutes() -> i32 {
    300
}

fn half_a_minute() -> i32 {
    30
}

fn http() -> String {
    "HTTP".to_owned()
}

fn instance() -> String {
    "instance".to_owned()
}

fn on() -> bool {
    true
}

fn three() -> i32 {
    3
}

fn traffic_port() -> String {
    "traffic-port".to_owned()
}

/// What AWS decides about a target group.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetGroupOutputs {
    /// ARN of the target group, the same as `id`.
    pub arn: String,
    /// What metrics call the target group: the end of its ARN.
    pub arn_suffix: String,
    /// Load balancers that lead to it.
    pub load_balancer_arns: Vec<String>,
}

const DNS: &str = "target_group_health.dns_failover.minimum_healthy_targets";
const ROUTING: &str = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";
const UNHEALTHY: &str = "target_health_state.unhealthy";

impl Resource for TargetGroup {
    const TYPE: &'static str = "aws:lb/targetGroup:TargetGroup";
    const FACTS: Facts = Facts {
        existing: Existing::LookedFor(&[]),
        takes: Takes::seconds(1, 1, 1),
        aliases: &[
            "aws:alb/targetGroup:TargetGroup",
            "aws:applicationloadbalancing/targetGroup:TargetGroup",
            "aws:elasticloadbalancingv2/targetGroup:TargetGroup",
        ],
        permissions: Permissions {
            create: &[
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:CreateTargetGroup",
                "elasticloadbalancing:DescribeTargetGroups",
            ],
            read: &[
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetGroupAttributes",
                "elasticloadbalancing:DescribeTargetGroups",
            ],
            update: &[
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:ModifyTargetGroup",
                "elasticloadbalancing:ModifyTargetGroupAttributes",
                "elasticloadbalancing:RemoveTags",
            ],
            delete: &["elasticloadbalancing:DeleteTargetGroup"],
        },
        import: "ARN of the target group",
        ..Facts::new(IdForm::Output("arn"), FoundBy::Name)
    };
    type Outputs = TargetGroupOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let check = self.health_check.as_ref();
        let reply = cx
            .elb()
            .create_target_group()
            .set_health_check_enabled(check.map(|c| c.enabled))
            .set_healthy_threshold_count(check.map(|c| c.healthy_threshold))
            .set_health_check_interval_seconds(check.map(|c| c.interval))
            .set_matcher(check.and_then(|c| self.matcher(c)))
            .set_health_check_path(check.and_then(|c| c.path.clone()))
            .set_health_check_port(check.filter(|_| !self.is_lambda()).map(|c| c.port.clone()))
            .set_health_check_protocol(check.filter(|_| !self.is_lambda()).map(|c| c.protocol.as_str().into()))
            .set_health_check_timeout_seconds(check.and_then(|c| c.timeout))
            .set_unhealthy_threshold_count(check.map(|c| c.unhealthy_threshold))
            .set_ip_address_type(self.ip_address_type.as_deref().map(TargetGroupIpAddressTypeEnum::from))
            .name(&self.name)
            .set_port(self.port)
            .set_protocol(self.protocol.as_deref().map(ProtocolEnum::from))
            .set_protocol_version(self.protocol_version.clone())
            .set_tags(tagged(&cx.tags(&self.tags)))
            .set_target_control_port(self.target_control_port)
            .target_type(TargetTypeEnum::from(self.target_type.as_str()))
            .set_vpc_id(self.vpc_id.clone())
            .send()
            .await?;
        let group = reply.target_groups.and_then(|all| all.into_iter().next());
        Ok(Made::id(need("TargetGroupArn", need("TargetGroups", group)?.target_group_arn)?))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        if let Some(check) = changed(&self.health_check, &old.health_check) {
            cx.elb()
                .modify_target_group()
                .target_group_arn(&id.0)
                .health_check_enabled(check.enabled)
                .healthy_threshold_count(check.healthy_threshold)
                .health_check_interval_seconds(check.interval)
                .set_matcher(self.matcher(check))
                .set_health_check_path(check.path.clone())
                .set_health_check_port((!self.is_lambda()).then(|| check.port.clone()))
                .set_health_check_protocol((!self.is_lambda()).then(|| check.protocol.as_str().into()))
                .set_health_check_timeout_seconds(check.timeout)
                .unhealthy_threshold_count(check.unhealthy_threshold)
                .send()
                .await?;
        }
        let (wanted, had) = (self.attributes(), old.attributes());
        let attributes = wanted.beyond(&had).map(|(k, v)| TargetGroupAttribute::builder().key(k).value(v).build());
        let attributes: Vec<_> = attributes.collect();
        if !attributes.is_empty() {
            let modify = cx.elb().modify_target_group_attributes().target_group_arn(&id.0);
            modify.set_attributes(Some(attributes)).send().await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.elb().delete_target_group().target_group_arn(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        match self.namesake(cx).await? {
            Some(id) if is_mine(&id.0, cx).await? => Ok(vec![id]),
            _ => Ok(Vec::new()),
        }
    }

    async fn namesake(&self, cx: &Cx) -> Result<Option<Id>> {
        let reply = cx.elb().describe_target_groups().names(&self.name).send().await.or_none()?;
        let group = reply.and_then(|r| r.target_groups?.into_iter().next());
        Ok(group.and_then(|g| g.target_group_arn).map(Id))
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }
}

impl TargetGroup {
    fn is_lambda(&self) -> bool {
        self.target_type == "lambda"
    }

    /// Codes of gRPC have a field of their own.
    fn matcher(&self, check: &TargetGroupHealthCheck) -> Option<Matcher> {
        let codes = check.matcher.as_ref()?;
        let matcher = Matcher::builder();
        Some(match self.protocol_version.as_deref() {
            Some("GRPC") => matcher.grpc_code(codes).build(),
            _ => matcher.http_code(codes).build(),
        })
    }

    fn attributes(&self) -> Attributes {
        let mut all = Attributes::default();
        all.set("deregistration_delay.connection_termination.enabled", self.connection_termination);
        all.set("deregistration_delay.timeout_seconds", self.deregistration_delay);
        all.set("lambda.multi_value_headers.enabled", self.lambda_multi_value_headers_enabled);
        all.put("load_balancing.algorithm.type", self.load_balancing_algorithm_type.as_ref());
        all.put("load_balancing.algorithm.anomaly_mitigation", self.load_balancing_anomaly_mitigation.as_ref());
        all.put("load_balancing.cross_zone.enabled", self.load_balancing_cross_zone_enabled.as_ref());
        all.put("preserve_client_ip.enabled", self.preserve_client_ip.as_ref());
        all.set("proxy_protocol_v2.enabled", self.proxy_protocol_v2);
        all.set("slow_start.duration_seconds", self.slow_start);
        if let Some(stickiness) = &self.stickiness {
            all.set("stickiness.enabled", stickiness.enabled);
            all.set("stickiness.type", &stickiness.r#type);
            match stickiness.r#type.as_str() {
                "app_cookie" => {
                    all.put("stickiness.app_cookie.cookie_name", stickiness.cookie_name.as_ref());
                    all.set("stickiness.app_cookie.duration_seconds", stickiness.cookie_duration);
                }
                "lb_cookie" => all.set("stickiness.lb_cookie.duration_seconds", stickiness.cookie_duration),
                _ => {}
            }
        }
        for failover in self.target_failovers.iter().flatten() {
            all.set("target_failover.on_deregistration", &failover.on_deregistration);
            all.set("target_failover.on_unhealthy", &failover.on_unhealthy);
        }
        if let Some(health) = &self.target_group_health {
            if let Some(dns) = &health.dns_failover {
                all.put(&format!("{DNS}.count"), dns.minimum_healthy_targets_count.as_ref());
                all.put(&format!("{DNS}.percentage"), dns.minimum_healthy_targets_percentage.as_ref());
            }
            if let Some(routing) = &health.unhealthy_state_routing {
                all.put(&format!("{ROUTING}.count"), routing.minimum_healthy_targets_count.as_ref());
                all.put(&format!("{ROUTING}.percentage"), routing.minimum_healthy_targets_percentage.as_ref());
            }
        }
        for state in self.target_health_states.iter().flatten() {
            let ends = state.enable_unhealthy_connection_termination;
            all.set(&format!("{UNHEALTHY}.connection_termination.enabled"), ends);
            all.put(&format!("{UNHEALTHY}.draining_interval_seconds"), state.unhealthy_draining_interval.as_ref());
        }
        all
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<TargetGroup>>> {
    let reply = cx.elb().describe_target_groups().target_group_arns(&id.0).send().await.or_none()?;
    let Some(group) = reply.and_then(|r| r.target_groups?.into_iter().next()) else { return Ok(Seen::Gone) };
    let attributes = async {
        let reply = cx.elb().describe_target_group_attributes().target_group_arn(&id.0).send().await?;
        Ok(reply.attributes.into_iter().flatten().map(|a| (a.key, a.value)).collect::<Attributes>())
    };
    let (attributes, tags) = try_join!(attributes, tags_of(&id.0, cx))?;
    shown(group, &attributes, tags).map(Seen::Ready)
}

fn shown(g: sdk::TargetGroup, from: &Attributes, tags: Tags) -> Result<Live<TargetGroup>> {
    let arn = need("TargetGroupArn", g.target_group_arn)?;
    let outputs = TargetGroupOutputs {
        arn_suffix: format!("targetgroup/{}", suffix(&arn, ":targetgroup/")),
        arn,
        load_balancer_arns: g.load_balancer_arns.unwrap_or_default(),
    };
    let check = TargetGroupHealthCheck {
        enabled: g.health_check_enabled.unwrap_or_else(on),
        healthy_threshold: g.healthy_threshold_count.unwrap_or_else(three),
        interval: g.health_check_interval_seconds.unwrap_or_else(half_a_minute),
        matcher: g.matcher.and_then(|m| m.http_code.or(m.grpc_code)).filter(|codes| !codes.is_empty()),
        path: g.health_check_path,
        port: g.health_check_port.unwrap_or_else(traffic_port),
        protocol: g.health_check_protocol.map_or_else(http, |protocol| protocol.as_str().to_owned()),
        timeout: g.health_check_timeout_seconds,
        unhealthy_threshold: g.unhealthy_threshold_count.unwrap_or_else(three),
    };
    let inputs = TargetGroup {
        connection_termination: from.is_on("deregistration_delay.connection_termination.enabled"),
        deregistration_delay: from.get("deregistration_delay.timeout_seconds").unwrap_or_else(five_minutes),
        health_check: Some(check),
        ip_address_type: g.ip_address_type.map(|kind| kind.as_str().to_owned()),
        lambda_multi_value_headers_enabled: from.is_on("lambda.multi_value_headers.enabled"),
        load_balancing_algorithm_type: from.text("load_balancing.algorithm.type"),
        load_balancing_anomaly_mitigation: from.text("load_balancing.algorithm.anomaly_mitigation"),
        load_balancing_cross_zone_enabled: from.text("load_balancing.cross_zone.enabled"),
        name: need("TargetGroupName", g.target_group_name)?,
        port: g.port,
        preserve_client_ip: from.text("preserve_client_ip.enabled"),
        protocol: g.protocol.map(|protocol| protocol.as_str().to_owned()),
        protocol_version: g.protocol_version,
        proxy_protocol_v2: from.is_on("proxy_protocol_v2.enabled"),
        slow_start: from.get("slow_start.duration_seconds").unwrap_or_default(),
        stickiness: stickiness(from),
        tags,
        target_control_port: g.target_control_port,
        target_failovers: from.text("target_failover.on_deregistration").and_then(|on_deregistration| {
            let on_unhealthy = from.text("target_failover.on_unhealthy")?;
            Some(vec![TargetGroupFailover { on_deregistration, on_unhealthy }])
        }),
        target_group_health: health(from),
        target_health_states: from.get(&format!("{UNHEALTHY}.connection_termination.enabled")).map(|ends| {
            vec![TargetGroupHealthState {
                enable_unhealthy_connection_termination: ends,
                unhealthy_draining_interval: from.get(&format!("{UNHEALTHY}.draining_interval_seconds")),
            }]
        }),
        target_type: need("TargetType", g.target_type)?.as_str().to_owned(),
        vpc_id: g.vpc_id.filter(|id| !id.is_empty()),
    };
    Ok(Live { inputs, outputs })
}

fn stickiness(from: &Attributes) -> Option<TargetGroupStickiness> {
    let kind = from.text("stickiness.type")?;
    Some(TargetGroupStickiness {
        cookie_duration: from.get(&format!("stickiness.{kind}.duration_seconds")).unwrap_or_else(a_day),
        cookie_name: from.text("stickiness.app_cookie.cookie_name"),
        enabled: from.is_on("stickiness.enabled"),
        r#type: kind,
    })
}

fn health(from: &Attributes) -> Option<TargetGroupHealth> {
    let dns = TargetGroupDnsFailover {
        minimum_healthy_targets_count: from.text(&format!("{DNS}.count")),
        minimum_healthy_targets_percentage: from.text(&format!("{DNS}.percentage")),
    };
    let routing = TargetGroupUnhealthyStateRouting {
        minimum_healthy_targets_count: from.get(&format!("{ROUTING}.count")),
        minimum_healthy_targets_percentage: from.text(&format!("{ROUTING}.percentage")),
    };
    let dns = dns.minimum_healthy_targets_count.is_some().then_some(dns);
    let routing = routing.minimum_healthy_targets_count.is_some().then_some(routing);
    (dns.is_some() || routing.is_some())
        .then_some(TargetGroupHealth { dns_failover: dns, unhealthy_state_routing: routing })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    const ARN: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/50dc6c495c0c9188";
    const GROUP: &str = "<DescribeTargetGroupsResponse><DescribeTargetGroupsResult><TargetGroups><member>\
        <TargetGroupArn>arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/50dc6c495c0c9188</TargetGroupArn>\
        <TargetGroupName>web</TargetGroupName><Protocol>HTTP</Protocol><Port>8080</Port><VpcId>vpc-1</VpcId>\
        <HealthCheckProtocol>HTTP</HealthCheckProtocol><HealthCheckPort>traffic-port</HealthCheckPort>\
        <HealthCheckEnabled>true</HealthCheckEnabled><HealthCheckIntervalSeconds>10</HealthCheckIntervalSeconds>\
        <HealthCheckTimeoutSeconds>5</HealthCheckTimeoutSeconds><HealthyThresholdCount>2</HealthyThresholdCount>\
        <UnhealthyThresholdCount>2</UnhealthyThresholdCount><HealthCheckPath>/health</HealthCheckPath>\
        <Matcher><HttpCode>200</HttpCode></Matcher><LoadBalancerArns><member>arn:lb</member></LoadBalancerArns>\
        <TargetType>instance</TargetType><ProtocolVersion>HTTP1</ProtocolVersion><IpAddressType>ipv4</IpAddressType>\
        <TargetControlPort>9000</TargetControlPort></member></TargetGroups></DescribeTargetGroupsResult>\
        </DescribeTargetGroupsResponse>";
    const ATTRIBUTES: &[(&str, &str)] = &[
        ("deregistration_delay.connection_termination.enabled", "true"),
        ("deregistration_delay.timeout_seconds", "30"),
        ("lambda.multi_value_headers.enabled", "true"),
        ("load_balancing.algorithm.anomaly_mitigation", "off"),
        ("load_balancing.algorithm.type", "round_robin"),
        ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
        ("preserve_client_ip.enabled", "true"),
        ("proxy_protocol_v2.enabled", "true"),
        ("slow_start.duration_seconds", "60"),
        ("stickiness.app_cookie.cookie_name", "c"),
        ("stickiness.app_cookie.duration_seconds", "60"),
        ("stickiness.enabled", "true"),
        ("stickiness.lb_cookie.duration_seconds", "86400"),
        ("stickiness.type", "app_cookie"),
        ("target_failover.on_deregistration", "rebalance"),
        ("target_failover.on_unhealthy", "rebalance"),
        ("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
        ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"),
        ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"),
        ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"),
        ("target_health_state.unhealthy.connection_termination.enabled", "false"),
        ("target_health_state.unhealthy.draining_interval_seconds", "10"),
    ];
    const TAGS: &str = "<DescribeTagsResponse><DescribeTagsResult><TagDescriptions><member><Tags><member>\
        <Key>a</Key><Value>b</Value></member></Tags></member></TagDescriptions></DescribeTagsResult>\
        </DescribeTagsResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let all = ATTRIBUTES.iter().map(|(k, v)| format!("<member><Key>{k}</Key><Value>{v}</Value></member>"));
        let attributes = format!(
            "<DescribeTargetGroupAttributesResponse><DescribeTargetGroupAttributesResult><Attributes>{}</Attributes>\
            </DescribeTargetGroupAttributesResult></DescribeTargetGroupAttributesResponse>",
            all.collect::<String>()
        );
        let replies = [
            ("Action=DescribeTargetGroups&", ok(GROUP)),
            ("Action=DescribeTargetGroupAttributes&", ok(attributes)),
            ("Action=DescribeTags&", ok(TAGS)),
        ];
        let inputs = json!({
            "connectionTermination": true,
            "deregistrationDelay": 30,
            "healthCheck": {
                "enabled": true, "healthyThreshold": 2, "interval": 10, "matcher": "200", "path": "/health",
                "port": "traffic-port", "protocol": "HTTP", "timeout": 5, "unhealthyThreshold": 2,
            },
            "ipAddressType": "ipv4",
            "lambdaMultiValueHeadersEnabled": true,
            "loadBalancingAlgorithmType": "round_robin",
            "loadBalancingAnomalyMitigation": "off",
            "loadBalancingCrossZoneEnabled": "use_load_balancer_configuration",
            "name": "web",
            "port": 8080,
            "preserveClientIp": "true",
            "protocol": "HTTP",
            "protocolVersion": "HTTP1",
            "proxyProtocolV2": true,
            "slowStart": 60,
            "stickiness": { "cookieDuration": 60, "cookieName": "c", "enabled": true, "type": "app_cookie" },
            "tags": { "a": "b" },
            "targetControlPort": 9000,
            "targetFailovers": [{ "onDeregistration": "rebalance", "onUnhealthy": "rebalance" }],
            "targetGroupHealth": {
                "dnsFailover": { "minimumHealthyTargetsCount": "1", "minimumHealthyTargetsPercentage": "off" },
                "unhealthyStateRouting": { "minimumHealthyTargetsCount": 1, "minimumHealthyTargetsPercentage": "off" },
            },
            "targetHealthStates": [{ "enableUnhealthyConnectionTermination": false, "unhealthyDrainingInterval": 10 }],
            "targetType": "instance",
            "vpcId": "vpc-1",
        });
        let live = reads_back(TargetGroup::TYPE, ARN, &replies, &[], inputs).await;
        let suffix = live.outputs.get("arnSuffix").and_then(Value::as_str);
        assert_eq!(suffix, Some("targetgroup/web/50dc6c495c0c9188"));
    }
}
