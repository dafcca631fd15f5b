use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Rule;
use super::private_zone::{ZONE, is_private_zone};
use super::scene::{Field, Item, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "health-check-address",
    summary: "A health check asks a public address.",
    why: "Route 53 asks from the internet, so a private address never answers and the check fails for ever.",
    find,
};

const CLUSTER: &str = "aws:rds/cluster:Cluster";
const INSTANCE: &str = "aws:rds/clusterInstance:ClusterInstance";
const GLOBAL: &str = "aws:rds/globalCluster:GlobalCluster";
const BALANCER: &str = "aws:lb/loadBalancer:LoadBalancer";
const RECORD: &str = "aws:route53/record:Record";

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let public = Public::of(scene);
    let mut found = Vec::new();
    for check in scene.of("aws:route53/healthCheck:HealthCheck") {
        for field in [check.field("ipAddress"), check.field("fqdn")] {
            let address = field.text().and_then(|text| text.parse().ok());
            let what = match address {
                Some(address) if is_private(address) => format!("{address} is a private address"),
                Some(address) if is_of_many(address) => format!("{address} is no address of a single host"),
                _ if field.text().is_some_and(is_private_name) => "the name is known in private networks only".into(),
                _ => match field.link().and_then(|(item, _)| behind(item, &public)) {
                    Some(what) => format!("`{}` of `{}` {what}", field.name, check.name()),
                    None => continue,
                },
            };
            found.push(refused(field, &what));
        }
    }
    found
}

fn refused(field: Field<'_>, what: &str) -> Diagnostic {
    let problem = field.wrong(format!("{what}, which Route 53 cannot ask"));
    problem.help("let an alarm inside the network decide, with a health check of type `CLOUDWATCH_METRIC`")
}

/// What the internet may reach.
struct Public {
    clusters: HashSet<usize>,
    /// Others may be among them.
    more: bool,
    /// Names of private zones may be public names, too.
    names: bool,
}

impl Public {
    fn of(scene: &Scene<'_>) -> Self {
        let instances = scene.of(INSTANCE).filter(|instance| !instance.field("publiclyAccessible").is_not_true());
        let clusters = instances.filter_map(|i| Some(i.field("clusterIdentifier").target(CLUSTER)?.index)).collect();
        let is_elsewhere = |record: Item<'_>| record.field("zoneId").target(ZONE).is_none();
        let names = scene.of(ZONE).any(|zone| !is_private_zone(zone))
            || scene.of(RECORD).any(is_elsewhere)
            || !scene.is_whole();
        Self { clusters, more: !scene.knows_all(INSTANCE, "clusterIdentifier"), names }
    }
}

/// What is private about the addresses of a resource.
fn behind(item: Item<'_>, public: &Public) -> Option<&'static str> {
    if !item.is_managed() {
        return None;
    }
    let is_database = match item {
        _ if item.is(CLUSTER) => !public.more && !public.clusters.contains(&item.index),
        _ if item.is(INSTANCE) => item.field("publiclyAccessible").is_not_true(),
        // Its name leads to the writer of one of its clusters.
        _ => item.is(GLOBAL) && !public.more && public.clusters.is_empty(),
    };
    if is_database {
        return Some("is a database without public address");
    }
    if item.is(RECORD) && !public.names && item.field("zoneId").target(ZONE).is_some_and(is_private_zone) {
        return Some("is a name that only a private zone holds");
    }
    (item.is(BALANCER) && item.field("internal").is_true()).then_some("is an internal load balancer")
}

/// An IPv4 address stays private when it is written as one of IPv6.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(a) => {
            let shared = a.octets()[0] == 100 && (64..128).contains(&a.octets()[1]);
            a.is_private() || a.is_loopback() || a.is_link_local() || shared || a == Ipv4Addr::UNSPECIFIED
        }
        IpAddr::V6(a) => {
            a.is_unique_local() || a.is_loopback() || a.is_unicast_link_local() || a == Ipv6Addr::UNSPECIFIED
        }
    }
}

fn is_of_many(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

fn is_private_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || [".internal", ".local", ".localhost"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_health_check_asks_what_the_internet_reaches() {
        let program = "
  db: {type: aws:rds:Cluster, properties: {engine: a}}
  world: {type: aws:rds:GlobalCluster, properties: {globalClusterIdentifier: w, engine: a}}
  node: {type: aws:rds:ClusterInstance, properties: {clusterIdentifier: '${db.id}', engine: a, instanceClass: db.r6g.large}}
  f: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 5432, fqdn: '${world.endpoint}'}}
  g: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 5432, fqdn: '${node.endpoint}'}}
  a: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 5432, ipAddress: 10.0.0.5}}
  b: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 5432, fqdn: '${db.endpoint}'}}
  c: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 5432, fqdn: db.corp.internal}}
  d: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 443, ipAddress: 192.0.2.44}}
  e: {type: aws:route53:HealthCheck, properties: {type: HTTPS, fqdn: api.example.com}}
";
        let expected = [
            "'${db.endpoint}' | `fqdn` of `b` is a database without public address, which Route 53 cannot ask",
            "'${node.endpoint}' | `fqdn` of `g` is a database without public address, which Route 53 cannot ask",
            "'${world.endpoint}' | `fqdn` of `f` is a database without public address, which Route 53 cannot ask",
            "10.0.0.5 | 10.0.0.5 is a private address, which Route 53 cannot ask",
            "db.corp.internal | the name is known in private networks only, which Route 53 cannot ask",
        ];
        assert_eq!(found(&RULE, program), expected);
    }

    #[test]
    fn an_address_of_many_or_a_private_one_in_other_clothes_is_refused() {
        let program = "
  a: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 443, ipAddress: 224.0.0.1}}
  b: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 443, ipAddress: '::ffff:10.0.0.1'}}
  c: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 443, ipAddress: 'ff02::1'}}
  d: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 443, ipAddress: '2001:db8::1'}}
";
        let expected = [
            "'::ffff:10.0.0.1' | ::ffff:10.0.0.1 is a private address, which Route 53 cannot ask",
            "'ff02::1' | ff02::1 is no address of a single host, which Route 53 cannot ask",
            "224.0.0.1 | 224.0.0.1 is no address of a single host, which Route 53 cannot ask",
        ];
        assert_eq!(found(&RULE, program), expected);
    }

    #[test]
    fn a_public_database_may_be_asked() {
        let program = "
  db: {type: aws:rds:Cluster, properties: {engine: a}}
  node:
    type: aws:rds:ClusterInstance
    properties: {clusterIdentifier: '${db.id}', engine: a, instanceClass: db.r6g.large, publiclyAccessible: true}
  check: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 5432, fqdn: '${db.endpoint}'}}
";
        assert!(found(&RULE, program).is_empty());
    }

    #[test]
    fn a_name_that_only_a_private_zone_holds_is_asked_by_nobody_outside() {
        let program = "
  net: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  inside: {type: aws:route53:Zone, properties: {name: example.com, vpcs: [{vpcId: '${net.id}'}]}}
  db: {type: aws:route53:Record, properties: {zoneId: '${inside.zoneId}', name: db, type: A, ttl: 5, records: [10.0.0.5]}}
  check: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 5432, fqdn: '${db.fqdn}'}}
";
        let message =
            "'${db.fqdn}' | `fqdn` of `check` is a name that only a private zone holds, which Route 53 cannot ask";
        assert_eq!(found(&RULE, program), [message]);
        let both = format!("{program}  outside: {{type: aws:route53:Zone, properties: {{name: example.com}}}}\n");
        assert!(found(&RULE, &both).is_empty(), "the public zone may hold the name as well");
        let record = "type: A, ttl: 5, records: [192.0.2.44]";
        for zone in ["Z0123456789ABCDEFGHIJ", "${read.zoneId}", "{fn::sha1: '${inside.arn}'}"] {
            let zone = if zone.starts_with('{') { zone.to_owned() } else { format!("'{zone}'") };
            let split = format!(
                "{program}  read: {{type: aws:route53:Zone, get: {{id: Z1}}}}
  outside: {{type: aws:route53:Record, properties: {{zoneId: {zone}, name: db.example.com, {record}}}}}\n"
            );
            assert!(found(&RULE, &split).is_empty(), "a zone of others may hold the name as well: {zone}");
        }
    }
}
