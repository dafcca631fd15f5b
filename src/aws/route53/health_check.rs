use std::collections::BTreeMap;

use aws_sdk_route53::types::{
    self as sdk, AlarmIdentifier, CloudWatchRegion, HealthCheckRegion, HealthCheckType, InsufficientDataHealthStatus,
    ResettableElementName as Resettable, TagResourceType,
};

use super::{arn, built, foreseen_arn, retag, tags_of};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, needs, one_of, refers, replace, unordered, write_only};

/// A health check of an endpoint, of an alarm's metric, of other health checks, or of a routing
/// control. DNS records follow it.
///
/// Checkers come from the public internet and reach no private address. A check of an alarm reads
/// the alarm's metric, not its state, with a copy of the alarm's settings: when the alarm changes,
/// change `triggers` to have it copied again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = needs(&["cloudwatchAlarmName", "cloudwatchAlarmRegion"]))]
#[schemars(transform = needs(&["cloudwatchAlarmRegion", "cloudwatchAlarmName"]))]
pub struct HealthCheck {
    /// Children that must be healthy for a calculated check to be healthy. Zero is always healthy,
    /// more than there are children never.
    #[schemars(range(min = 0, max = 256))]
    pub child_health_threshold: Option<i32>,
    /// Health checks that a calculated check counts.
    #[schemars(transform = unordered, length(max = 256))]
    pub child_healthchecks: Option<Vec<String>>,
    /// Alarm whose metric is checked.
    #[schemars(transform = refers("aws:cloudwatch/metricAlarm:MetricAlarm.name"))]
    pub cloudwatch_alarm_name: Option<String>,
    /// Region of the alarm.
    pub cloudwatch_alarm_region: Option<String>,
    /// Whether checking is off and the check counts as healthy.
    #[serde(default)]
    pub disabled: bool,
    /// Whether the host name is sent when TLS begins. On by default for HTTPS.
    #[schemars(transform = computed)]
    pub enable_sni: Option<bool>,
    /// Consecutive checks that turn the status around.
    #[schemars(transform = computed, range(min = 1, max = 10))]
    pub failure_threshold: Option<i32>,
    /// Host name of the endpoint; beside an address it is what the `Host` header says.
    #[schemars(length(max = 255))]
    pub fqdn: Option<String>,
    /// What a check of an alarm says when the metric has too few data.
    #[schemars(transform = computed, transform = one_of(&["Healthy", "LastKnownStatus", "Unhealthy"]))]
    pub insufficient_data_health_status: Option<String>,
    /// Whether healthy counts as unhealthy and the other way round.
    #[serde(default)]
    pub invert_healthcheck: bool,
    /// Address of the endpoint. It can be changed, but neither added nor removed.
    pub ip_address: Option<String>,
    /// Whether latency is measured, for CloudWatch.
    #[schemars(transform = replace)]
    #[serde(default)]
    pub measure_latency: bool,
    /// Port of the endpoint.
    #[schemars(transform = computed, range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// Beginning of the CallerReference, by which people tell checks apart.
    #[schemars(transform = replace, transform = write_only, length(max = 37))]
    pub reference_name: Option<String>,
    /// Regions that check; all by default.
    #[schemars(transform = unordered, length(min = 3, max = 64))]
    pub regions: Option<Vec<String>>,
    /// Seconds between two checks by the same checker.
    #[schemars(transform = replace, transform = computed, range(min = 10, max = 30))]
    pub request_interval: Option<i32>,
    /// Path of an HTTP check, with a leading slash.
    #[schemars(length(max = 255))]
    pub resource_path: Option<String>,
    /// Routing control that is followed.
    #[schemars(transform = replace)]
    pub routing_control_arn: Option<String>,
    /// Text that the first 5120 bytes of the answer must hold, upper and lower case as given.
    #[schemars(length(max = 255))]
    pub search_string: Option<String>,
    /// Tags of the check. Those by which drctl knows its own come with the first one.
    #[serde(default)]
    pub tags: Tags,
    /// Anything; a change updates the check, which copies the settings of its alarm again.
    #[schemars(transform = write_only)]
    pub triggers: Option<BTreeMap<String, String>>,
    /// What is checked.
    #[schemars(transform = replace, transform = one_of(TYPES))]
    pub r#type: String,
}

const TYPES: &[&str] = &[
    "CALCULATED",
    "CLOUDWATCH_METRIC",
    "HTTP",
    "HTTPS",
    "HTTPS_STR_MATCH",
    "HTTP_STR_MATCH",
    "RECOVERY_CONTROL",
    "TCP",
];

/// What AWS decides about a health check.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheckOutputs {
    /// ARN of the check.
    pub arn: String,
}

impl Resource for HealthCheck {
    const TYPE: &'static str = "aws:route53/healthCheck:HealthCheck";
    const FACTS: Facts = Facts {
        scope: Scope::Global,
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["route53:ChangeTagsForResource", "route53:CreateHealthCheck", "route53:ListHealthChecks"],
            read: &[
                "route53:GetHealthCheck",
                "route53:ListHealthChecks",
                "route53:ListTagsForResource",
                "route53:ListTagsForResources",
            ],
            update: &["route53:ChangeTagsForResource", "route53:UpdateHealthCheck"],
            delete: &["route53:DeleteHealthCheck"],
        },
        permissions_with: &[
            WithInput::on("cloudwatchAlarmName", &[], &["cloudwatch:DescribeAlarms"]),
            WithInput::on("routingControlArn", &[], &["route53-recovery-control-config:DescribeRoutingControl"]),
        ],
        acts_on: &["route53:::healthcheck/*"],
        import: "id of the check, `abcdef11-2222-3333-4444-555555fedcba`",
        ..Facts::new(IdForm::Random("", 36), FoundBy::Marker("CallerReference"))
    };
    type Outputs = HealthCheckOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let config = sdk::HealthCheckConfig::builder()
            .set_health_threshold(self.child_health_threshold)
            .set_child_health_checks(self.child_healthchecks.clone())
            .set_alarm_identifier(self.alarm()?)
            .set_disabled(self.disabled.then_some(true))
            .set_enable_sni(self.enable_sni)
            .set_failure_threshold(self.failure_threshold)
            .set_fully_qualified_domain_name(self.fqdn.clone())
            .set_insufficient_data_health_status(self.insufficient_data())
            .set_inverted(self.invert_healthcheck.then_some(true))
            .set_ip_address(self.ip_address.clone())
            .set_measure_latency(self.measure_latency.then_some(true))
            .set_port(self.port)
            .set_regions(self.regions())
            .set_request_interval(self.request_interval)
            .set_resource_path(self.resource_path.clone())
            .set_routing_control_arn(self.routing_control_arn.clone())
            .set_search_string(self.search_string.clone())
            .r#type(HealthCheckType::from(self.r#type.as_str()));
        let reference = match &self.reference_name {
            Some(name) => format!("{name}-{}", cx.token()),
            None => cx.token().to_owned(),
        };
        let make = cx.route53().create_health_check().caller_reference(reference);
        let reply = make.health_check_config(built(config.build())?).send().await?;
        let check = need("HealthCheck", reply.health_check)?;
        let id = check.id.clone();
        Ok(Made::seen(id, Seen::Ready(live(check, Tags::new(), cx)?)))
    }

    /// One list holds a hundred checks with all there is to know, so only a single one is got.
    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let checks = match ids {
            [id] => {
                let reply = cx.route53().get_health_check().health_check_id(&id.0).send().await.or_none()?;
                reply.and_then(|reply| reply.health_check).into_iter().collect()
            }
            _ => all(cx).await?.into_iter().filter(|c| ids.iter().any(|id| id.0 == c.id)).collect::<Vec<_>>(),
        };
        let there: Vec<String> = checks.iter().map(|c| c.id.clone()).collect();
        let mut tags = match want.has("tags") {
            true => tags_of(TagResourceType::Healthcheck, &there, cx).await?,
            false => Default::default(),
        };
        in_order(
            ids,
            checks.into_iter().map(|check| {
                let (id, tags) = (check.id.clone(), tags.remove(&check.id).unwrap_or_default());
                Ok((id, Seen::Ready(live(check, tags, cx)?)))
            }),
        )
    }

    /// One call takes it all. What is left out stays, and what shall go must be named.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        let given = |children: &Option<Vec<String>>| children.as_ref().is_some_and(|c| !c.is_empty());
        let reset = [
            (Resettable::ChildHealthChecks, given(&old.child_healthchecks) && !given(&self.child_healthchecks)),
            (Resettable::FullyQualifiedDomainName, old.fqdn.is_some() && self.fqdn.is_none()),
            (Resettable::Regions, given(&old.regions) && !given(&self.regions)),
            (Resettable::ResourcePath, old.resource_path.is_some() && self.resource_path.is_none()),
        ];
        let reset: Vec<Resettable> = reset.into_iter().filter(|(_, gone)| *gone).map(|(name, _)| name).collect();
        let reply = cx
            .route53()
            .update_health_check()
            .health_check_id(&id.0)
            .set_health_threshold(self.child_health_threshold)
            .set_child_health_checks(self.child_healthchecks.clone())
            .set_alarm_identifier(self.alarm()?)
            .set_disabled((self.disabled != old.disabled).then_some(self.disabled))
            .set_enable_sni(self.enable_sni)
            .set_failure_threshold(self.failure_threshold)
            .set_fully_qualified_domain_name(self.fqdn.clone())
            .set_insufficient_data_health_status(self.insufficient_data())
            .set_inverted((self.invert_healthcheck != old.invert_healthcheck).then_some(self.invert_healthcheck))
            .set_ip_address(self.ip_address.clone())
            .set_port(self.port)
            .set_regions(self.regions())
            .set_resource_path(self.resource_path.clone())
            .set_search_string(self.search_string.clone())
            .set_reset_elements((!reset.is_empty()).then_some(reset))
            .send()
            .await?;
        let check = need("HealthCheck", reply.health_check)?;
        Ok(Next::Saw(Box::new(self::live(check, old.tags.clone(), cx)?)))
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.route53().delete_health_check().health_check_id(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let mine = all(cx).await?.into_iter().filter(|c| c.caller_reference.ends_with(cx.token()));
        Ok(mine.map(|c| Id(c.id)).collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(TagResourceType::Healthcheck, id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", foreseen_arn(at, "healthcheck"))]
    }

    fn replaces(live: &Value, wanted: &Value) -> Vec<&'static str> {
        let has_address = |check: &Value| check.get("ipAddress").is_some_and(|v| !v.is_null());
        if has_address(live) == has_address(wanted) { Vec::new() } else { vec!["ipAddress"] }
    }
}

impl HealthCheck {
    fn alarm(&self) -> Result<Option<AlarmIdentifier>> {
        let (Some(name), Some(region)) = (&self.cloudwatch_alarm_name, &self.cloudwatch_alarm_region) else {
            return Ok(None);
        };
        let region = CloudWatchRegion::from(region.as_str());
        built(AlarmIdentifier::builder().name(name).region(region).build()).map(Some)
    }

    fn insufficient_data(&self) -> Option<InsufficientDataHealthStatus> {
        self.insufficient_data_health_status.as_deref().map(InsufficientDataHealthStatus::from)
    }

    fn regions(&self) -> Option<Vec<HealthCheckRegion>> {
        let regions = self.regions.as_ref().filter(|r| !r.is_empty())?;
        Some(regions.iter().map(|r| HealthCheckRegion::from(r.as_str())).collect())
    }
}

async fn all(cx: &Cx) -> Result<Vec<sdk::HealthCheck>> {
    let pages = cx.route53().list_health_checks().into_paginator().items().send();
    Ok(pages.collect::<Result<Vec<_>, _>>().await?)
}

fn live(check: sdk::HealthCheck, tags: Tags, cx: &Cx) -> Result<Live<HealthCheck>> {
    let outputs = HealthCheckOutputs { arn: arn(cx.partition(), "healthcheck", &check.id) };
    let c = need("HealthCheckConfig", check.health_check_config)?;
    let (alarm_name, alarm_region) = c.alarm_identifier.map(|a| (a.name, a.region.as_str().to_owned())).unzip();
    let regions = c.regions.unwrap_or_default().iter().map(|r| r.as_str().to_owned()).collect();
    let inputs = HealthCheck {
        child_health_threshold: c.health_threshold,
        child_healthchecks: some(c.child_health_checks.unwrap_or_default()),
        cloudwatch_alarm_name: alarm_name,
        cloudwatch_alarm_region: alarm_region,
        disabled: c.disabled.unwrap_or_default(),
        enable_sni: c.enable_sni,
        failure_threshold: c.failure_threshold,
        fqdn: c.fully_qualified_domain_name,
        insufficient_data_health_status: c.insufficient_data_health_status.map(|s| s.as_str().to_owned()),
        invert_healthcheck: c.inverted.unwrap_or_default(),
        ip_address: c.ip_address,
        measure_latency: c.measure_latency.unwrap_or_default(),
        port: c.port,
        reference_name: None,
        regions: some(regions),
        request_interval: c.request_interval,
        resource_path: c.resource_path,
        routing_control_arn: c.routing_control_arn,
        search_string: c.search_string,
        tags,
        triggers: None,
        r#type: c.r#type.as_str().to_owned(),
    };
    Ok(Live { inputs, outputs })
}

fn some(list: Vec<String>) -> Option<Vec<String>> {
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const CONFIG: &str = "<Id>c-1</Id><CallerReference>lag-01JD0000000000000000000000</CallerReference>\
        <HealthCheckConfig><IPAddress>192.0.2.1</IPAddress><Port>443</Port><Type>HTTPS_STR_MATCH</Type>\
        <ResourcePath>/health</ResourcePath><FullyQualifiedDomainName>example.com</FullyQualifiedDomainName>\
        <SearchString>ok</SearchString><RequestInterval>10</RequestInterval><FailureThreshold>3</FailureThreshold>\
        <MeasureLatency>true</MeasureLatency><Inverted>true</Inverted><Disabled>true</Disabled>\
        <HealthThreshold>2</HealthThreshold><ChildHealthChecks><ChildHealthCheck>c-2</ChildHealthCheck>\
        </ChildHealthChecks><EnableSNI>true</EnableSNI><Regions><Region>eu-west-1</Region></Regions>\
        <AlarmIdentifier><Region>eu-west-1</Region><Name>lag</Name></AlarmIdentifier>\
        <InsufficientDataHealthStatus>LastKnownStatus</InsufficientDataHealthStatus>\
        <RoutingControlArn>arn:aws:route53-recovery-control::1:controlpanel/1/routingcontrol/1</RoutingControlArn>\
        </HealthCheckConfig><HealthCheckVersion>1</HealthCheckVersion>";
    const TAGS: &str = "<ListTagsForResourceResponse><ResourceTagSet><ResourceId>c-1</ResourceId>\
        <Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></ResourceTagSet>\
        </ListTagsForResourceResponse>";
    const TYPE: &str = HealthCheck::TYPE;

    fn answer(operation: &str) -> String {
        format!("<{operation}Response><HealthCheck>{CONFIG}</HealthCheck></{operation}Response>")
    }

    fn list() -> String {
        format!(
            "<ListHealthChecksResponse><HealthChecks><HealthCheck>{CONFIG}</HealthCheck></HealthChecks><Marker/>\
             <IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHealthChecksResponse>"
        )
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "childHealthThreshold": 2,
            "childHealthchecks": ["c-2"],
            "cloudwatchAlarmName": "lag",
            "cloudwatchAlarmRegion": "eu-west-1",
            "disabled": true,
            "enableSni": true,
            "failureThreshold": 3,
            "fqdn": "example.com",
            "insufficientDataHealthStatus": "LastKnownStatus",
            "invertHealthcheck": true,
            "ipAddress": "192.0.2.1",
            "measureLatency": true,
            "port": 443,
            "regions": ["eu-west-1"],
            "requestInterval": 10,
            "resourcePath": "/health",
            "routingControlArn": "arn:aws:route53-recovery-control::1:controlpanel/1/routingcontrol/1",
            "searchString": "ok",
            "tags": { "a": "b" },
            "type": "HTTPS_STR_MATCH",
        });
        let replies = [("/tags/", ok(TAGS)), ("/healthcheck/c-1", ok(answer("GetHealthCheck")))];
        let live = reads_back(TYPE, "c-1", &replies, &[], inputs).await;
        assert_eq!(live.outputs.get("arn").unwrap().as_str(), Some("arn:aws:route53:::healthcheck/c-1"));
    }

    #[tokio::test]
    async fn many_checks_are_read_with_one_list() {
        let (aws, wire) = aws(&[("GET ", ok(list()))]);
        let ids = ["c-1", "c-2", "c-3"].map(|id| Id(id.into()));
        let seen = aws.read(&at(TYPE).kind, &ids, &Want::Only(Default::default())).await.unwrap();
        assert!(matches!(seen[..], [Seen::Ready(_), Seen::Gone, Seen::Gone]), "{seen:?}");
        assert_eq!(wire.requests("route53").len(), 1);
    }

    #[tokio::test]
    async fn a_lost_create_is_found_by_its_caller_reference() {
        let (aws, _) = aws(&[("GET ", ok(list()))]);
        let inputs = json!({ "type": "HTTP", "referenceName": "lag" }).into();
        assert_eq!(aws.find(&at(TYPE), &inputs).await.unwrap(), [Id("c-1".into())]);
        let other = provider::At { attempt: "01JD1111111111111111111111".into(), ..at(TYPE) };
        assert_eq!(aws.find(&other, &inputs).await.unwrap(), []);
    }

    async fn update(old: serde_json::Value, new: serde_json::Value) -> String {
        let (aws, wire) = aws(&[("POST ", ok(answer("UpdateHealthCheck")))]);
        let live = provider::Live { inputs: old.into(), outputs: json!({ "arn": "a" }).into() };
        let next = aws.update(&at(TYPE), &Id("c-1".into()), &new.into(), &live).await.unwrap();
        assert!(matches!(next, provider::Next::Saw(_)), "{next:?}");
        let sent = wire.requests("route53");
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent[0].clone()
    }

    #[tokio::test]
    async fn a_trigger_has_the_alarm_copied_again() {
        let check = |trigger: &str| {
            json!({ "type": "CLOUDWATCH_METRIC", "cloudwatchAlarmName": "lag", "cloudwatchAlarmRegion": "eu-west-1",
                "triggers": { "alarm": trigger } })
        };
        let sent = update(check("1"), check("2")).await;
        assert!(sent.contains("<Name>lag</Name>"), "{sent}");
        assert!(!sent.contains("ResetElements") && !sent.contains("Disabled"), "{sent}");
    }

    #[tokio::test]
    async fn what_is_taken_away_is_reset() {
        let old = json!({ "type": "HTTP", "fqdn": "a.example", "resourcePath": "/x", "regions": ["eu-west-1"] });
        let sent = update(old, json!({ "type": "HTTP", "fqdn": "a.example" })).await;
        for name in ["Regions", "ResourcePath"] {
            assert!(sent.contains(&format!("<ResettableElementName>{name}</ResettableElementName>")), "{sent}");
        }
        assert!(!sent.contains("<ResettableElementName>FullyQualifiedDomainName"), "{sent}");
    }

    #[test]
    fn an_address_can_be_changed_but_neither_added_nor_removed() {
        let check = |address: Option<&str>| Value::from(json!({ "ipAddress": address }));
        assert!(HealthCheck::replaces(&check(Some("a")), &check(Some("b"))).is_empty());
        assert_eq!(HealthCheck::replaces(&check(None), &check(Some("b"))), ["ipAddress"]);
        assert_eq!(HealthCheck::replaces(&check(Some("a")), &check(None)), ["ipAddress"]);
    }
}
