use ipnet::{Ipv4Net, Ipv6Net};

use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "cidr-form",
    summary: "Address ranges are ranges, and begin where their size lets them.",
    why: "AWS refuses what is no range, and silently moves the beginning of others.",
    find,
};

const IPV4: [&str; 4] = ["cidrBlock", "cidrIpv4", "destinationCidrBlock", "cidrBlocks"];
const IPV6: [&str; 4] = ["ipv6CidrBlock", "cidrIpv6", "destinationIpv6CidrBlock", "ipv6CidrBlocks"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for field in scene.all().flat_map(super::scene::Item::texts) {
        let Some(text) = field.text() else { continue };
        let begin = match field.name {
            name if IPV4.contains(&name) => text.parse::<Ipv4Net>().map(|net| net.trunc().to_string()),
            name if IPV6.contains(&name) => text.parse::<Ipv6Net>().map(|net| net.trunc().to_string()),
            _ => continue,
        };
        let version = if IPV4.contains(&field.name) { "IPv4" } else { "IPv6" };
        let example = if version == "IPv4" { "10.0.0.0/16" } else { "2001:db8::/56" };
        match begin {
            Err(_) => {
                let message = format!("`{text}` is no {version} range");
                found.push(field.wrong(message).help(format!("ranges look like `{example}`")));
            }
            Ok(begin) if version == "IPv4" && begin != text => {
                let message = format!("the range `{text}` cannot begin there");
                found.push(field.wrong(message).help(format!("write `{begin}`")));
            }
            Ok(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_range_is_written_as_aws_keeps_it() {
        let program = "
  a: {type: aws:ec2:Vpc, properties: {cidrBlock: 300.0.0.0/16}}
  b: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/33}}
  c: {type: aws:ec2:SecurityGroup}
  d: {type: aws:vpc:SecurityGroupIngressRule, properties: {securityGroupId: '${c.id}', ipProtocol: '-1', cidrIpv4: 10.0.0.7/8}}
  e: {type: aws:vpc:SecurityGroupIngressRule, properties: {securityGroupId: '${c.id}', ipProtocol: '-1', cidrIpv6: '::/0'}}
  f: {type: aws:vpc:SecurityGroupIngressRule, properties: {securityGroupId: '${c.id}', ipProtocol: '-1', cidrIpv6: 10.0.0.0/8}}
";
        let expected = [
            "10.0.0.0/33 | `10.0.0.0/33` is no IPv4 range",
            "10.0.0.0/8 | `10.0.0.0/8` is no IPv6 range",
            "10.0.0.7/8 | the range `10.0.0.7/8` cannot begin there",
            "300.0.0.0/16 | `300.0.0.0/16` is no IPv4 range",
        ];
        assert_eq!(found(&RULE, program), expected);
    }
}
