//! Components, `each`, `if` and what refers to them.

use serde_json::json;

use crate::engine::program::Program;
use crate::stack::Loaded;
use crate::stack::testing::{Desk, inputs, inputs_with, known, outputs, outputs_with};

fn needs(loaded: &Loaded, name: &str) -> Vec<String> {
    let found = loaded.program.declarations().iter().find(|d| d.urn.name() == name).unwrap();
    found.needs.iter().map(|u| u.name().to_owned()).collect()
}

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.program.declarations().iter().map(|d| d.urn.name()).collect()
}

const NETWORK: &str = r#"
regions: {primary: us-east-1, secondary: eu-west-1}
config:
  suffix: dev
components:
  network:
    inputs:
      cidr: {type: string}
      zones: {type: "list<string>", default: [a, b]}
      label: {type: string, default: "net-${region.role}"}
    variables:
      prefix: ${label}-x
    resources:
      vpc:
        type: aws:ec2:Vpc
        properties: {cidrBlock: "${cidr}", tags: {Name: "${prefix}"}}
      subnet:
        type: aws:ec2:Subnet
        each: ${zones}
        properties:
          vpcId: ${vpc.id}
          cidrBlock: {fn::cidrSubnet: ["${cidr}", 8, "${each.index}"]}
          availabilityZone: ${region.name}${each.value}
    outputs:
      vpcId: ${vpc.id}
      subnetIds: ${subnet[*].id}
      name: ${label}
resources:
  primary: {type: network, properties: {cidr: 10.0.0.0/16}}
  secondary:
    type: network
    region: secondary
    properties: {cidr: 10.1.0.0/16, label: "other-${suffix}-${region.role}"}
    options: {protect: true, dependsOn: ["${primary}"]}
  db:
    type: aws:rds:Cluster
    properties: {engineVersion: 16.10, subnetIds: "${primary.subnetIds}"}
outputs:
  vpc: ${secondary.vpcId}
  name: ${primary.name}
"#;

#[test]
fn both_regions_are_one_text() {
    let loaded = Desk::of(NETWORK).good();
    assert_eq!(
        names(&loaded),
        [
            "primary/vpc",
            "primary/subnet[\"a\"]",
            "primary/subnet[\"b\"]",
            "secondary/vpc",
            "secondary/subnet[\"a\"]",
            "secondary/subnet[\"b\"]",
            "db",
        ]
    );
    assert_eq!(inputs(&loaded, "secondary/vpc")["tags"], json!({"Name": "other-dev-secondary-x"}));
    let known = known(&loaded, &[("secondary/vpc", "vpc-2", json!({})), ("primary/subnet[\"a\"]", "s-a", json!({}))]);
    assert_eq!(
        inputs_with(&loaded, "secondary/subnet[\"b\"]", &known),
        json!({"vpcId": "vpc-2", "cidrBlock": "10.1.1.0/24", "availabilityZone": "eu-west-1b", "tags": {}})
    );
    assert_eq!(inputs_with(&loaded, "db", &known), json!({"engineVersion": "16.10", "subnetIds": ["s-a", "?"]}));
    assert_eq!(outputs_with(&loaded, &known), json!({"vpc": "vpc-2", "name": "net-primary"}));
    let subnet = loaded.program.declarations().iter().find(|d| d.urn.name() == "secondary/subnet[\"b\"]").unwrap();
    assert_eq!(
        subnet.urn.as_str(),
        "urn:pulumi:test::test::drctl:component:network$aws:ec2/subnet:Subnet::secondary/subnet[\"b\"]"
    );
    assert_eq!(subnet.parent.as_ref().unwrap().as_str(), "urn:pulumi:test::test::drctl:component:network::secondary");
    assert!(subnet.options.protect);
}

#[test]
fn references_through_components_reach_the_resources_inside() {
    let loaded = Desk::of(NETWORK).good();
    assert_eq!(needs(&loaded, "db"), ["primary/subnet[\"a\"]", "primary/subnet[\"b\"]"]);
    assert_eq!(needs(&loaded, "primary/subnet[\"a\"]"), ["primary/vpc"]);
    assert_eq!(needs(&loaded, "secondary/vpc"), ["primary/vpc", "primary/subnet[\"a\"]", "primary/subnet[\"b\"]"]);
    let db = loaded.program.declarations().iter().find(|d| d.urn.name() == "db").unwrap();
    assert_eq!(db.refers.keys().collect::<Vec<_>>(), ["subnetIds"]);
    assert_eq!(db.refers["subnetIds"].len(), 2);
}

#[test]
fn instances_may_follow_each_other_by_key() {
    let loaded = Desk::of(
        r#"
resources:
  group:
    type: aws:ec2:SecurityGroup
    each: ${subnet}
    properties: {name: "g-${each.key}", vpcId: "${each.value.vpcId}"}
  subnet:
    type: aws:ec2:Subnet
    each: {left: 0, right: 1}
    properties:
      vpcId: ${vpc[each.key].id}
      cidrBlock: {fn::cidrSubnet: [10.0.0.0/16, 8, "${each.value}"]}
  vpc:
    type: aws:ec2:Vpc
    each: [left, right]
outputs:
  left: ${subnet["left"].cidrBlock}
  byIndex: ${subnet[1].id}
  all: ${vpc[*].id}
"#,
    )
    .good();
    assert_eq!(needs(&loaded, "subnet[\"left\"]"), ["vpc[\"left\"]"]);
    assert_eq!(needs(&loaded, "group[\"right\"]"), ["subnet[\"right\"]"]);
    let known = known(
        &loaded,
        &[
            ("vpc[\"left\"]", "vpc-l", json!({})),
            ("subnet[\"left\"]", "s-l", json!({"vpcId": "vpc-l", "cidrBlock": "10.0.0.0/24"})),
            ("subnet[\"right\"]", "s-r", json!({})),
        ],
    );
    assert_eq!(inputs_with(&loaded, "subnet[\"left\"]", &known)["vpcId"], "vpc-l");
    assert_eq!(inputs_with(&loaded, "group[\"left\"]", &known)["vpcId"], "vpc-l");
    assert_eq!(outputs_with(&loaded, &known), json!({"left": "10.0.0.0/24", "byIndex": "s-r", "all": ["vpc-l", "?"]}));
}

#[test]
fn a_resource_whose_if_is_false_is_not_there() {
    let text = r#"
config:
  big: {type: boolean, default: false}
resources:
  vpc: {type: aws:ec2:Vpc}
  extra:
    type: aws:ec2:Vpc
    if: ${big}
  some:
    type: aws:ec2:Vpc
    each: [a, b, c]
    if: {fn::not: {fn::equals: ["${each.key}", b]}}
outputs:
  extra: ${extra.id}
  some: ${some[*].urn}
"#;
    let small = Desk::of(text).good();
    assert_eq!(names(&small), ["vpc", "some[\"a\"]", "some[\"c\"]"]);
    assert_eq!(outputs(&small).get("extra"), None);
    let big = Desk::of(text).config("big", "true").good();
    assert_eq!(outputs(&big)["extra"], "?");
}

#[test]
fn components_nest_and_come_from_files_and_repeat_with_each() {
    let desk = Desk::files(&[
        (
            "stacks/test.yaml",
            r#"
components: {outer: parts/outer.yaml}
resources:
  o:
    type: outer
    each: {x: 10.1.0.0/16, y: 10.2.0.0/16}
    inputs: {cidr: "${each.value}"}
outputs:
  x: ${o["x"].id}
  all: ${o[*].id}
"#,
        ),
        (
            "stacks/parts/outer.yaml",
            r#"
inputs: {cidr: {type: string}}
components: {inner: inner.yaml}
resources:
  i: {type: inner, properties: {cidr: "${cidr}"}}
outputs: {id: "${i.id}"}
"#,
        ),
        (
            "stacks/parts/inner.yaml",
            r#"
inputs: {cidr: {type: string}}
resources:
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: "${cidr}"}}
outputs: {id: "${vpc.id}"}
"#,
        ),
    ]);
    let loaded = desk.good();
    assert_eq!(names(&loaded), ["o[\"x\"]/i/vpc", "o[\"y\"]/i/vpc"]);
    assert_eq!(inputs(&loaded, "o[\"y\"]/i/vpc")["cidrBlock"], "10.2.0.0/16");
    let known = known(&loaded, &[("o[\"x\"]/i/vpc", "vpc-x", json!({}))]);
    assert_eq!(outputs_with(&loaded, &known), json!({"x": "vpc-x", "all": ["vpc-x", "?"]}));
    assert_eq!(
        loaded.program.declarations()[0].urn.ty(),
        "aws:ec2/vpc:Vpc",
        "{}",
        loaded.program.declarations()[0].urn
    );
}
