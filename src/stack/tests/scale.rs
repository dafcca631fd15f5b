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
