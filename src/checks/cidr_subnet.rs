use super::Rule;
use super::scene::{Field, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "cidr-subnet",
    summary: "A subnet lies inside its VPC and shares no address with another one.",
    why: "EC2 refuses the subnet when the VPC is there already.",
    find,
};

const VPC: &str = "aws:ec2/vpc:Vpc";
const SUBNET: &str = "aws:ec2/subnet:Subnet";
const FURTHER: &str = "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation";

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let further = scene.by_target(FURTHER, "vpcId", VPC);
    let knows_further = scene.knows_all(FURTHER, "vpcId");
    let mut found = Vec::new();
    for (vpc, subnets) in scene.by_target(SUBNET, "vpcId", VPC) {
        let mut fields: Vec<Field<'_>> = subnets.iter().map(|subnet| subnet.field("cidrBlock")).collect();
        if knows_further && !further.contains_key(&vpc) {
            found.extend(fields.iter().filter_map(|field| outside(*field)));
        }
        // Side by side, an overlap is one with the range before.
        fields.retain(|field| field.range().is_some());
        fields.sort_by_key(|field| field.range());
        found.extend(fields.windows(2).filter_map(|pair| overlap(pair[0], pair[1])));
    }
    found
}

fn outside(field: Field<'_>) -> Option<Diagnostic> {
    let home = field.owner.field("vpcId").target(VPC)?.field("cidrBlock");
    let (inner, outer) = (field.range()?, home.range()?);
    (!outer.contains(&inner)).then(|| {
        let message = format!("`{inner}` is no part of `{outer}`, the range of the VPC");
        field.wrong(message).also(home.at(), "the VPC")
    })
}

fn overlap(first: Field<'_>, second: Field<'_>) -> Option<Diagnostic> {
    let (a, b) = (first.range()?, second.range()?);
    (a.contains(&b.addr())).then(|| {
        let message = format!("`{b}` overlaps with `{a}` of `{}` in the same VPC", first.owner.name());
        second.wrong(message).also(first.at(), "the other subnet")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn subnets_share_a_network_without_touching() {
        let program = "
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  other: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.1.0.0/16}}
  a: {type: aws:ec2:Subnet, properties: {vpcId: '${vpc.id}', cidrBlock: 10.0.0.0/24}}
  b: {type: aws:ec2:Subnet, properties: {vpcId: '${vpc.id}', cidrBlock: 10.0.0.128/25}}
  c: {type: aws:ec2:Subnet, properties: {vpcId: '${vpc.id}', cidrBlock: 10.1.0.0/24}}
  d: {type: aws:ec2:Subnet, properties: {vpcId: '${other.id}', cidrBlock: 10.1.0.0/24}}
  e: {type: aws:ec2:Subnet, properties: {vpcId: '${other.id}', cidrBlock: {'fn::cidrSubnet': ['${other.cidrBlock}', 8, 1]}}}
";
        let expected = [
            "10.0.0.128/25 | `10.0.0.128/25` overlaps with `10.0.0.0/24` of `a` in the same VPC",
            "10.1.0.0/24 | `10.1.0.0/24` is no part of `10.0.0.0/16`, the range of the VPC",
        ];
        assert_eq!(found(&RULE, program), expected);
    }

    #[test]
    fn ranges_that_other_ranges_give_are_followed() {
        let program = "
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  a: {type: aws:ec2:Subnet, properties: {vpcId: '${vpc.id}', cidrBlock: {'fn::cidrSubnet': ['${vpc.cidrBlock}', 8, 1]}}}
  b: {type: aws:ec2:Subnet, properties: {vpcId: '${vpc.id}', cidrBlock: 10.0.1.0/24}}
";
        assert_eq!(found(&RULE, program).len(), 1);
    }
}
