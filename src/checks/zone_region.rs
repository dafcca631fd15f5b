use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "zone-region",
    summary: "An availability zone is of the region of what lies in it.",
    why: "AWS knows the zones of a region in that region only.",
    find,
};

const INPUTS: [&str; 2] = ["availabilityZone", "availabilityZones"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for item in scene.all().filter(|item| !item.place().is_global()) {
        let zones = INPUTS.into_iter().map(|name| item.field(name));
        for zone in zones.flat_map(|field| std::iter::once(field).chain(field.items())) {
            let region = &item.place().0;
            // A zone is called after its region: `eu-west-1a`, `us-west-2-lax-1a`.
            let Some(text) = zone.text().filter(|text| !text.starts_with(region.as_str())) else { continue };
            let message = format!("the zone `{text}` is not of {region}, where `{}` is", item.name());
            found.push(zone.wrong(message).help("`aws:getAvailabilityZones` gives the zones of the region"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_zone_is_called_after_the_region_of_what_lies_in_it() {
        let program = "
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  near: {type: aws:ec2:Subnet, properties: {vpcId: '${vpc.id}', cidrBlock: 10.0.0.0/24, availabilityZone: us-east-1a}}
  far: {type: aws:ec2:Subnet, properties: {vpcId: '${vpc.id}', cidrBlock: 10.0.1.0/24, availabilityZone: eu-west-1a}}
  spread:
    type: aws:rds:Cluster
    region: secondary
    properties: {engine: aurora-mysql, availabilityZones: [eu-west-1a, us-east-1b]}
";
        let expected = [
            "eu-west-1a | the zone `eu-west-1a` is not of us-east-1, where `far` is",
            "us-east-1b | the zone `us-east-1b` is not of eu-west-1, where `spread` is",
        ];
        assert_eq!(found(&RULE, program), expected);
    }
}
