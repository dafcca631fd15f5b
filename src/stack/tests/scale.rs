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

/// Names that each make twice of the one before.
fn doubled(times: usize, first: &str, twice: impl Fn(usize) -> String) -> String {
    let mut text = format!("variables:\n  v0: {first}\n");
    for n in 1..=times {
        let _ = writeln!(text, "  v{n}: {}", twice(n - 1));
    }
    text + "resources:\n  vpc: {type: aws:ec2:Vpc}\noutputs:\n  last: ${vpc.id}\n"
}

/// What is told of a program that makes too much; where it is told may change.
fn told_once(program: &str) {
    let wrong = Desk::of(program).wrong();
    let expected = "error[too-big]: with this, expressions make more than 2000000 values or 64 MiB of text";
    assert!(wrong.lines().count() == 1 && wrong.trim_end().ends_with(expected), "{wrong}");
}

#[test]
fn values_that_double_are_refused_before_the_memory_ends() {
    told_once(&doubled(39, "{fn::range: [0, 100000]}", |n| format!("{{fn::concat: [\"${{v{n}}}\", \"${{v{n}}}\"]}}")));
    told_once(&doubled(59, "0123456789", |n| format!("\"${{v{n}}}${{v{n}}}\"")));
    told_once(&doubled(59, "x", |n| format!("[\"${{v{n}}}\", \"${{v{n}}}\"]")));
    told_once(&doubled(59, "${vpc}", |n| format!("{{a: \"${{v{n}}}\", b: \"${{v{n}}}\"}}")));
    told_once(&doubled(59, "abc", |n| format!("{{fn::replace: [\"${{v{n}}}\", b, \"${{v{n}}}\"]}}")));
    told_once(&doubled(59, "abc", |n| format!("{{fn::format: [\"%s%s\", \"${{v{n}}}\", \"${{v{n}}}\"]}}")));
}

#[test]
fn what_makes_much_of_little_is_refused_before_it_does() {
    let of_text = |function: &str| {
        let grown = doubled(22, "a,", |n| format!("\"${{v{n}}}${{v{n}}}\""));
        told_once(&format!("{grown}  more: {function}\n"));
    };
    of_text("{fn::split: [\",\", \"${v22}\"]}");
    of_text("{fn::split: [\"\", \"${v22}\"]}");
    of_text("{fn::fromJSON: \"[${v22}1]\"}");
    of_text("{fn::join: [\"${v22}\", {fn::range: 100000}]}");
    of_text("{fn::replace: [\"${v22}\", a, \"${v22}\"]}");
}

#[test]
fn resources_that_copy_too_much_between_them_are_refused() {
    let mut text = doubled(22, "a,", |n| format!("\"${{v{n}}}${{v{n}}}\"")) + "components:\n  c:\n    resources:\n";
    for n in 0..9 {
        let _ = writeln!(text, "      r{n}: {{type: aws:ec2:Vpc, properties: {{tags: {{Name: \"${{text}}\"}}}}}}");
    }
    text = text.replace("resources:\n  vpc:", "resources:\n  one: {type: c, properties: {text: \"${v22}\"}}\n  vpc:");
    text.push_str("    inputs: {text: {type: string}}\n");
    told_once(&text);
}

#[test]
fn what_only_passes_through_a_function_counts_for_what_comes_of_it() {
    let text = r#"
variables: {all: {fn::range: 10000}}
resources:
  many:
    type: aws:ec2:Vpc
    each: {fn::range: 1000}
    properties: {tags: {Key: {fn::select: ["${each.index}", "${all}"]}}}
"#;
    assert_eq!(Desk::of(text).good().program.declarations().len(), 1000);
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

/// What is told of a program that unfolds to too much, and where.
fn too_much(program: &str, place: &str) {
    let wrong = Desk::of(program).wrong();
    let expected = "error[too-big]: with this, the program has more than 50000 resources, instances of components and \
                    items of `each`";
    assert!(wrong.lines().next().is_some_and(|line| line.contains(place) && line.ends_with(expected)), "{wrong}");
    assert_eq!(wrong.matches("error[").count(), 1, "{wrong}");
}

#[test]
fn components_that_multiply_are_refused_before_the_memory_ends() {
    let of_corpus = |text: &str| too_much(&text.replace("aws:s3:Bucket", "aws:ec2:Vpc"), ":");
    of_corpus(include_str!("../../../tests/it/fuzz/yaml/multiplied_components.yaml"));
    of_corpus(include_str!("../../../tests/it/fuzz/yaml/multiplied_items.yaml"));
    too_much("resources:\n  many: {type: aws:ec2:Vpc, each: {fn::range: 60000}}\n", ":2:");
    too_much("resources:\n  none: {type: aws:ec2:Vpc, each: {fn::range: 60000}, if: false}\n", ":2:");
}

#[test]
fn what_each_instance_copies_out_of_the_text_counts_too() {
    let long = "x".repeat(100_000);
    let named = format!("resources:\n  many: {{type: aws:ec2:Vpc, name: {long}, each: {{fn::range: 10000}}}}\n");
    told_once(&named);
    let given = format!(
        "components:\n  c:\n    inputs: {{a: {{type: string}}}}\n    resources: {{}}\nresources:\n  many: {{type: c, each: \
         {{fn::range: 10000}}, properties: {{a: {long}}}}}\n"
    );
    told_once(&given);
}

#[test]
fn what_waits_for_others_is_counted_once() {
    let loaded = Desk::of(
        r#"
resources:
  child: {type: aws:ec2:Vpc, each: {fn::range: 20000}, options: {parent: "${top}"}}
  top: {type: aws:ec2:Vpc}
"#,
    )
    .good();
    assert_eq!(loaded.program.declarations().len(), 20_001);
}

#[test]
fn only_the_first_of_many_mistakes_come_with_advice() {
    let mut text = String::from("resources:\n");
    for n in 0..1_000 {
        let _ = writeln!(text, "  name{n}: {{type: aws:ec2:Vpx, properties: {{a: \"${{nome{n}}}\"}}}}");
    }
    let problems = Desk::of(&text).load().err().unwrap_or_default();
    assert_eq!(problems.len(), 2_000);
    assert!(problems[0].help.is_some());
    assert!(problems.iter().filter(|problem| problem.help.is_some()).count() <= 300);
}
