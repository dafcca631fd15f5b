//! Large programs.

use std::fmt::Write as _;

use crate::engine::program::{Known, Program};
use crate::stack::testing::{Cloud, Desk};

#[test]
fn a_chain_of_ten_thousand_resources_is_legal() {
    let mut text = String::from("resources:\n  r0: {type: aws:ec2:Vpc}\n");
    for n in 1..10_000 {
        let _ =
            writeln!(text, "  r{n}: {{type: aws:ec2:Vpc, properties: {{tags: {{Before: \"${{r{}.id}}\"}}}}}}", n - 1);
    }
    let loaded = Desk::of(&text).good();
    let (known, cloud) = (Known::new(), Cloud::new());
    for declaration in loaded.program.declarations() {
        futures::executor::block_on(loaded.program.inputs(&declaration.urn, &known, &cloud)).unwrap();
    }
    assert_eq!(loaded.program.declarations()[9_999].needs.len(), 1);
}

#[test]
fn a_variable_named_through_too_many_others_is_refused_and_does_not_overflow() {
    let mut text = String::from("variables:\n  v0: ${vpc.id}\n");
    for n in 1..5_000 {
        let _ = writeln!(text, "  v{n}: ${{v{}}}", n - 1);
    }
    text.push_str("resources:\n  vpc: {type: aws:ec2:Vpc}\noutputs: {last: \"${v4999}\"}\n");
    let wrong = Desk::of(&text).wrong();
    assert!(wrong.contains("error[too-deep]"), "{wrong}");
}

#[test]
fn ten_thousand_instances_of_one_resource_and_a_thousand_components_load() {
    let loaded = Desk::of(
        r#"
components:
  pair:
    inputs: {n: {type: integer}}
    resources:
      left: {type: aws:ec2:Vpc, properties: {tags: {N: "${n}"}}}
      right: {type: aws:ec2:Vpc, properties: {tags: {Left: "${left.id}"}}}
    outputs: {id: "${right.id}"}
resources:
  many:
    type: aws:ec2:Vpc
    each: {fn::range: 10000}
    properties: {tags: {Key: "${each.key}", Value: "${each.value}"}}
  follower:
    type: aws:ec2:Vpc
    each: ${many}
    properties: {tags: {Before: "${each.value.id}"}}
  pairs: {type: pair, each: {fn::range: 1000}, properties: {n: "${each.value}"}}
outputs:
  all: ${many[*].id}
  pairs: ${pairs[*].id}
"#,
    )
    .good();
    let declarations = loaded.program.declarations();
    assert_eq!(declarations.len(), 22_000);
    let follower = &declarations[19_999];
    assert_eq!(follower.urn.name(), "follower[\"9999\"]");
    assert_eq!(follower.needs.len(), 1);
    assert_eq!(follower.needs[0].name(), "many[\"9999\"]");
}
