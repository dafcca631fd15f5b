use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "port-range",
    summary: "A rule of a security group opens ports from the lower to the higher one, of 0 to 65535.",
    why: "EC2 refuses the rule when the group is there already.",
    find,
};

const RULES: [&str; 2] =
    ["aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"];
/// Groups hold rules in lists of these names.
const LISTS: [&str; 2] = ["ingress", "egress"];
/// Only these have ports; for ICMP the two numbers are a type and a code.
const WITH_PORTS: [&str; 4] = ["tcp", "udp", "6", "17"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let single = RULES.iter().flat_map(|ty| scene.of(ty)).map(|item| {
        (item.field("ipProtocol"), item.field("fromPort"), item.field("toPort"))
    });
    let groups = scene.of("aws:ec2/securityGroup:SecurityGroup");
    let listed = groups.flat_map(|item| LISTS.into_iter().flat_map(move |list| item.field(list).items()));
    let rules = single.chain(listed.map(|rule| (rule.field("protocol"), rule.field("fromPort"), rule.field("toPort"))));
    let mut found = Vec::new();
    for (protocol, from, to) in rules {
        if !protocol.text().is_some_and(|p| WITH_PORTS.contains(&p)) {
            continue;
        }
        for port in [from, to] {
            if let Some(n) = port.integer().filter(|n| !(0..=65_535).contains(n)) {
                found.push(port.wrong(format!("there is no port {n}")).help("ports are 0 to 65535"));
            }
        }
        if let (Some(low), Some(high)) = (from.integer(), to.integer())
            && low > high
        {
            found.push(from.wrong(format!("the ports begin at {low} and end at {high}")).help("swap the two"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn ports_go_upwards() {
        let program = "
  group:
    type: aws:ec2:SecurityGroup
    properties:
      ingress: [{protocol: tcp, fromPort: 80, toPort: 79, cidrBlocks: [10.0.0.0/8]}]
      egress: [{protocol: icmp, fromPort: 8, toPort: 0, cidrBlocks: [10.0.0.0/8]}]
  rule:
    type: aws:vpc:SecurityGroupIngressRule
    properties: {securityGroupId: '${group.id}', ipProtocol: udp, fromPort: 1, toPort: 70000, cidrIpv4: 10.0.0.0/8}
";
        assert_eq!(found(&RULE, program), ["70000 | there is no port 70000", "80 | the ports begin at 80 and end at 79"]);
    }
}
