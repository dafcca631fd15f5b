//! Good programs and their values.

use serde_json::json;

use crate::engine::program::Program;
use crate::stack::testing::{Desk, inputs, inputs_with, known, outputs, outputs_with};

#[test]
fn a_simple_program_loads_and_evaluates() {
    let loaded = Desk::of(
        r#"
name: demo
config:
  cidr: 10.0.0.0/16
variables:
  label: net-${pulumi.stack}
resources:
  vpc:
    type: aws:ec2:Vpc
    properties:
      cidrBlock: ${cidr}
      tags: {Name: "${label}"}
  subnet:
    type: aws:ec2:Subnet
    properties:
      vpcId: ${vpc}
      cidrBlock:
        fn::cidrSubnet: ["${vpc.cidrBlock}", 8, 1]
outputs:
  vpcId: ${vpc.id}
  stack: ${pulumi.stack}
"#,
    )
    .good();
    assert_eq!(loaded.project, "demo");
    assert_eq!(
        inputs(&loaded, "vpc"),
        json!({"cidrBlock": "10.0.0.0/16", "tags": {"Name": "net-test"}, "enableDnsHostnames": false})
    );
    assert_eq!(inputs(&loaded, "subnet"), json!({"vpcId": "?", "cidrBlock": "?", "tags": {}}));
    let known = known(&loaded, &[("vpc", "vpc-1", json!({"cidrBlock": "10.0.0.0/16"}))]);
    assert_eq!(
        inputs_with(&loaded, "subnet", &known),
        json!({"vpcId": "vpc-1", "cidrBlock": "10.0.1.0/24", "tags": {}})
    );
    assert_eq!(outputs(&loaded), json!({"vpcId": "?", "stack": "test"}));
    assert_eq!(outputs_with(&loaded, &known), json!({"vpcId": "vpc-1", "stack": "test"}));
    let subnet = &loaded.program.declarations()[1];
    assert_eq!(subnet.needs.len(), 1);
    assert_eq!(subnet.place.to_string(), "us-east-1");
    assert_eq!(subnet.urn.as_str(), "urn:pulumi:test::demo::aws:ec2/subnet:Subnet::subnet");
}
