//! A program whose resources depend on an answer of the cloud, as a user works with it.

use crate::support::checkout::Checkout;

const STACK: &str = "
name: zones
regions: {primary: us-east-1, secondary: eu-west-1}
variables:
  zones: {fn::invoke: {function: aws:getAvailabilityZones, return: names}}
resources:
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  subnet:
    type: aws:ec2:Subnet
    each: ${zones}
    properties:
      vpcId: ${vpc.id}
      cidrBlock: {fn::cidrSubnet: [10.0.0.0/16, 8, '${each.index}']}
      availabilityZone: ${each.value}
  spare:
    type: aws:ec2:Vpc
    if: {fn::contains: ['${zones}', nowhere-1a]}
outputs:
  subnets: ${subnet[*].id}
";

#[test]
fn the_cloud_is_asked_what_decides_about_resources_and_a_check_without_one_says_what_it_leaves_out() {
    let checkout = Checkout::new();
    std::fs::write(checkout.path().join("stacks/zones.yaml"), STACK).unwrap();
    let run = |line: &str| checkout.run(line, &[("DRCTL_STACK", "zones")]);

    let said = run("drctl validate");
    for part in [
        "`each` of resource `subnet` is decided by `aws:getAvailabilityZones`, which only a cloud can answer",
        "`if` of resource `spare` is decided by",
        "`drctl preview` asks",
        "`zones` is valid: 1 resource",
    ] {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    let said = run("drctl up --local --yes");
    assert!(said.contains("subnet[\"us-east-1a\"]") && !said.contains("only a cloud"), "{said}");
    run("drctl preview --local --expect-no-changes");
    run("drctl preview --local --refresh --expect-no-changes");
    run("drctl refresh --local --yes");
    run("drctl preview --local --expect-no-changes");
    run("drctl destroy --local --yes");
}
