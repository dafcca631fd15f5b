use super::Rule;
use super::private_zone::{ZONE, is_private_zone};
use super::scene::{Item, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "private-zone-record",
    summary: "A record of a private zone has a health check only beside a routing policy, and is not routed by networks.",
    why: "Route 53 knows neither in a private zone: the record is refused, or answers however ill its endpoint is.",
    find,
};

/// What chooses between the records of a name; IP-based routing is not among them in a private zone.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html>
const POLICIES: [&str; 5] = [
    "failoverRoutingPolicies",
    "geolocationRoutingPolicies",
    "geoproximityRoutingPolicy",
    "latencyRoutingPolicies",
    "weightedRoutingPolicies",
];
const BY_NETWORK: &str = "cidrRoutingPolicy";

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let records = scene.of("aws:route53/record:Record");
    let private = records.filter(|record| record.field("zoneId").target(ZONE).is_some_and(is_private_zone));
    private.filter_map(refused).collect()
}

fn refused(record: Item<'_>) -> Option<Diagnostic> {
    let by_network = record.field(BY_NETWORK);
    if by_network.is_given() {
        let problem = by_network.wrong("a private zone cannot route by the network that asks");
        return Some(problem.help("use another routing policy, such as `weightedRoutingPolicies`"));
    }
    let check = record.field("healthCheckId");
    let is_simple = POLICIES.iter().chain([&BY_NETWORK]).all(|policy| record.field(policy).is_missing())
        && record.field("multivalueAnswerRoutingPolicy").is_not_true();
    (check.is_given() && is_simple).then(|| {
        let message = format!("`{}` is the only answer to its name, whatever its health check says", record.name());
        let help = "make it one of several with a routing policy, such as `failoverRoutingPolicies`, or leave it out";
        check.wrong(message).help(help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    const HEAD: &str = "
  net: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  inside: {type: aws:route53:Zone, properties: {name: corp.example.com, vpcs: [{vpcId: '${net.id}'}]}}
  outside: {type: aws:route53:Zone, properties: {name: example.com, vpcs: []}}
  alarm: {type: aws:route53:HealthCheck, properties: {type: CALCULATED, childHealthThreshold: 0, childHealthchecks: []}}
";

    fn record(zone: &str, more: &str) -> String {
        let base = format!("zoneId: '${{{zone}.zoneId}}', name: db, type: CNAME, ttl: 5, records: [a.example.com]");
        format!("{HEAD}  db: {{type: aws:route53:Record, properties: {{{base}, {more}}}}}\n")
    }

    #[test]
    fn a_health_check_in_a_private_zone_needs_a_routing_policy() {
        let simple = "healthCheckId: '${alarm.id}'";
        let message = "'${alarm.id}' | `db` is the only answer to its name, whatever its health check says";
        assert_eq!(found(&RULE, &record("inside", simple)), [message]);
        assert!(found(&RULE, &record("outside", simple)).is_empty());
        for policy in [
            "setIdentifier: a, failoverRoutingPolicies: [{type: PRIMARY}]",
            "setIdentifier: a, weightedRoutingPolicies: [{weight: 1}]",
            "setIdentifier: a, latencyRoutingPolicies: [{region: eu-west-1}]",
            "setIdentifier: a, multivalueAnswerRoutingPolicy: true",
        ] {
            assert!(found(&RULE, &record("inside", &format!("{simple}, {policy}"))).is_empty(), "{policy}");
        }
    }

    #[test]
    fn a_private_zone_does_not_route_by_networks() {
        let policy = "setIdentifier: a, cidrRoutingPolicy: {collectionId: c, locationName: l}";
        let messages = found(&RULE, &record("inside", policy));
        assert!(messages[0].ends_with("a private zone cannot route by the network that asks"), "{messages:?}");
        assert!(found(&RULE, &record("outside", policy)).is_empty());
    }
}
