use super::Rule;
use super::scene::{Item, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "cidr-size",
    summary: "A VPC has a range, and ranges of VPCs and subnets are of /16 to /28.",
    why: "EC2 refuses other sizes, and a VPC without one.",
    find,
};

const VPC: &str = "aws:ec2/vpc:Vpc";
const SUBNET: &str = "aws:ec2/subnet:Subnet";

/// Largest and smallest range of a VPC or a subnet, as prefix lengths.
const SIZES: std::ops::RangeInclusive<u8> = 16..=28;

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let bare = |item: &Item<'_>| ["cidrBlock", "ipv4IpamPoolId"].iter().all(|name| item.field(name).is_missing());
    for vpc in scene.of(VPC).filter(bare) {
        let message = format!("the VPC `{}` has no range", vpc.name());
        found.push(vpc.wrong(message).help("give it a `cidrBlock`, such as `10.0.0.0/16`"));
    }
    for field in scene.of(VPC).chain(scene.of(SUBNET)).map(|item| item.field("cidrBlock")) {
        let Some(range) = field.range() else { continue };
        if !SIZES.contains(&range.prefix_len()) {
            let message = format!("`{range}` is a range of /{}, but AWS takes /16 to /28", range.prefix_len());
            found.push(field.wrong(message));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_range_has_a_size_that_aws_takes() {
        let program = "
  a: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/8}}
  b: {type: aws:ec2:Vpc}
  c: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  d: {type: aws:ec2:Subnet, properties: {vpcId: '${c.id}', cidrBlock: 10.0.0.0/29}}
";
        let expected = [
            "10.0.0.0/29 | `10.0.0.0/29` is a range of /29, but AWS takes /16 to /28",
            "10.0.0.0/8 | `10.0.0.0/8` is a range of /8, but AWS takes /16 to /28",
            "b | the VPC `b` has no range",
        ];
        assert_eq!(found(&RULE, program), expected);
    }
}
