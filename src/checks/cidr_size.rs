use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "cidr-size",
    summary: "Ranges of VPCs and subnets are of /16 to /28 and begin where they say.",
    why: "EC2 refuses other sizes, and silently moves a range to where its size lets it begin.",
    find,
};

const TYPES: [&str; 2] = ["aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc"];
/// Largest and smallest range of a VPC or a subnet, as prefix lengths.
const SIZES: std::ops::RangeInclusive<u8> = 16..=28;

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for field in TYPES.iter().flat_map(|ty| scene.of(ty)).map(|item| item.field("cidrBlock")) {
        let Some(range) = field.range() else { continue };
        if !SIZES.contains(&range.prefix_len()) {
            let message = format!("`{range}` is a range of /{}, but AWS takes /16 to /28", range.prefix_len());
            found.push(field.wrong(message));
        } else if range.network() != range.addr() {
            let message = format!("a range of /{} cannot begin at {}", range.prefix_len(), range.addr());
            found.push(field.wrong(message).help(format!("write `{}`", range.trunc())));
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
  b: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.1.0/16}}
  c: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  d: {type: aws:ec2:Subnet, properties: {vpcId: '${c.id}', cidrBlock: 10.0.0.0/29}}
";
        let expected = [
            "10.0.0.0/29 | `10.0.0.0/29` is a range of /29, but AWS takes /16 to /28",
            "10.0.0.0/8 | `10.0.0.0/8` is a range of /8, but AWS takes /16 to /28",
            "10.0.1.0/16 | a range of /16 cannot begin at 10.0.1.0",
        ];
        assert_eq!(found(&RULE, program), expected);
    }
}
