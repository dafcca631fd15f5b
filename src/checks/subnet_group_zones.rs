use std::collections::HashSet;

use super::Rule;
use super::scene::{Field, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "subnet-group-zones",
    summary: "A DB subnet group has subnets in two availability zones or more.",
    why: "RDS refuses the group when network and subnets are there already.",
    find,
};

const ZONE: [&str; 2] = ["availabilityZone", "availabilityZoneId"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let groups = scene.of("aws:rds/subnetGroup:SubnetGroup").map(|group| group.field("subnetIds"));
    let narrow = groups.filter(|subnets| subnets.is_list() && zones(*subnets).is_some_and(|count| count < 2));
    let found = narrow.map(|subnets| {
        let message = format!("the subnets of `{}` are in one availability zone", subnets.owner.name());
        subnets.wrong(message).help("add a subnet of another zone")
    });
    found.collect()
}

/// How many zones the subnets are in, if all of them are known.
fn zones(subnets: Field<'_>) -> Option<usize> {
    if subnets.items().count() == 1 {
        return Some(1);
    }
    Some(subnets.items().map(zone).collect::<Option<HashSet<&str>>>()?.len())
}

fn zone(subnet: Field<'_>) -> Option<&str> {
    let subnet = subnet.target("aws:ec2/subnet:Subnet")?;
    ZONE.iter().find_map(|name| subnet.field(name).text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    fn program(second: &str, zones: &str) -> String {
        format!(
            "
  vpc: {{type: aws:ec2:Vpc, properties: {{cidrBlock: 10.0.0.0/16}}}}
  a:
    type: aws:ec2:Subnet
    properties: {{vpcId: '${{vpc.id}}', cidrBlock: 10.0.0.0/24, availabilityZone: us-east-1a}}
  b:
    type: aws:ec2:Subnet
    properties: {{vpcId: '${{vpc.id}}', cidrBlock: 10.0.1.0/24{second}}}
  group: {{type: aws:rds:SubnetGroup, properties: {{subnetIds: {zones}}}}}
"
        )
    }

    #[test]
    fn a_database_wants_two_zones() {
        let (a, b) = (", availabilityZone: us-east-1a", ", availabilityZone: us-east-1b");
        let both = "['${a.id}', '${b.id}']";
        assert_eq!(found(&RULE, &program(a, both)).len(), 1);
        assert_eq!(found(&RULE, &program(b, "['${a.id}']")).len(), 1);
        assert!(found(&RULE, &program(b, both)).is_empty());
    }

    #[test]
    fn a_zone_that_is_not_known_may_be_another_one() {
        assert!(found(&RULE, &program("", "['${a.id}', '${b.id}']")).is_empty());
    }

    #[test]
    fn subnets_that_a_text_will_tell_are_not_counted() {
        let program = "
  net: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  group: {type: aws:rds:SubnetGroup, properties: {subnetIds: {fn::split: [',', '${net.arn}']}}}
";
        assert!(found(&RULE, program).is_empty());
    }
}
