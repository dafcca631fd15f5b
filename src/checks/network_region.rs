use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "network-region",
    summary: "The parts of a network are used in their own region only.",
    why: "The ids of VPCs, subnets, tables, gateways and addresses mean nothing in another region.",
    find,
};

/// What is known by an id of its region. Peering connections are not among them: both sides use one id.
const TYPES: [&str; 10] = [
    "aws:ec2/eip:Eip",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpc:Vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:lb/targetGroup:TargetGroup",
    "aws:rds/subnetGroup:SubnetGroup",
];

/// Inputs that are there to name something of another region.
const ACROSS: [&str; 1] = ["peerVpcId"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for item in scene.all() {
        for field in item.texts().into_iter().filter(|field| !ACROSS.contains(&field.name)) {
            let part = field.link().filter(|(part, property)| TYPES.iter().any(|ty| part.is(ty)) && is_id(property));
            let (Some((part, _)), Some(region)) = (part, field.elsewhere()) else { continue };
            let message = format!("`{}` is in {region}, and `{}` is in {}", part.name(), item.name(), item.place());
            let problem = field.wrong(message).also(part.at(), "what it names");
            found.push(problem.help("use the one of the same region"));
        }
    }
    found
}

/// Properties that AWS knows the part by. Others, such as its address range, hold everywhere.
fn is_id(property: &str) -> bool {
    matches!(property, "id" | "arn" | "name" | "allocationId")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_network_is_put_together_from_parts_of_one_region() {
        let program = "
  here: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  there: {type: aws:ec2:Vpc, region: secondary, properties: {cidrBlock: 10.1.0.0/16}}
  lost: {type: aws:ec2:Subnet, region: secondary, properties: {vpcId: '${here.id}', cidrBlock: 10.0.0.0/24}}
  fine: {type: aws:ec2:Subnet, region: secondary, properties: {vpcId: '${there.id}', cidrBlock: 10.1.0.0/24}}
  peering:
    type: aws:ec2:VpcPeeringConnection
    properties: {vpcId: '${here.id}', peerVpcId: '${there.id}', peerRegion: eu-west-1}
  zone: {type: aws:route53:Zone, properties: {name: a.internal, vpcs: [{vpcId: '${there.id}', vpcRegion: eu-west-1}]}}
  table: {type: aws:ec2:RouteTable, properties: {vpcId: '${here.id}'}}
  way:
    type: aws:ec2:Route
    properties: {routeTableId: '${table.id}', destinationCidrBlock: '${there.cidrBlock}', vpcPeeringConnectionId: '${peering.id}'}
";
        assert_eq!(found(&RULE, program), ["'${here.id}' | `here` is in us-east-1, and `lost` is in eu-west-1"]);
    }
}
