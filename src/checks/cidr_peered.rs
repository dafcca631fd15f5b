use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "cidr-peered",
    summary: "The address ranges of peered VPCs do not overlap.",
    why: "The peering connection fails after both VPCs were made, and a VPC's range cannot be changed.",
    find,
};

const VPC: &str = "aws:ec2/vpc:Vpc";

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for peering in scene.of("aws:ec2/vpcPeeringConnection:VpcPeeringConnection") {
        let near = peering.field("vpcId").target(VPC).map(|vpc| vpc.field("cidrBlock"));
        let far = peering.field("peerVpcId").target(VPC).map(|vpc| vpc.field("cidrBlock"));
        let (Some(near), Some(far)) = (near, far) else { continue };
        let (Some(a), Some(b)) = (near.range(), far.range()) else { continue };
        if a.contains(&b.addr()) || b.contains(&a.addr()) {
            let message = format!("`{b}` overlaps with `{a}` of the VPC that it is peered with");
            let problem = far.wrong(message).also(near.at(), "the other range").also(peering.at(), "the peering");
            found.push(problem.help("give each region a range of its own, for example `10.1.0.0/16`"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    fn program(far: &str) -> String {
        format!(
            "
  near: {{type: aws:ec2:Vpc, properties: {{cidrBlock: 10.0.0.0/16}}}}
  far: {{type: aws:ec2:Vpc, region: secondary, properties: {{cidrBlock: {far}}}}}
  peering:
    type: aws:ec2:VpcPeeringConnection
    properties: {{vpcId: '${{near.id}}', peerVpcId: '${{far.id}}', peerRegion: eu-west-1}}
"
        )
    }

    #[test]
    fn ranges_of_peered_networks_must_not_overlap() {
        let message = "10.0.128.0/17 | `10.0.128.0/17` overlaps with `10.0.0.0/16` of the VPC that it is peered with";
        assert_eq!(found(&RULE, &program("10.0.128.0/17")), [message]);
        assert_eq!(found(&RULE, &program("10.0.0.0/16")).len(), 1);
        assert!(found(&RULE, &program("10.1.0.0/16")).is_empty());
    }
}
