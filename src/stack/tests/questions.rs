//! Data sources that decide which resources there are.

use std::sync::Arc;

use serde_json::json;

use crate::engine::program::Program;
use crate::stack::testing::{Cloud, Desk, catalog, inputs_with, known, outputs_with, shown};
use crate::stack::{Answers, Loaded, Question};

const ZONES: &str = r#"
variables:
  zones: {fn::invoke: {function: aws:getAvailabilityZones, return: names}}
resources:
  vpc: {type: aws:ec2:Vpc}
  subnet:
    type: aws:ec2:Subnet
    each: ${zones}
    properties: {vpcId: "${vpc.id}", cidrBlock: 10.0.0.0/24, availabilityZone: "${each.value}"}
  extra:
    type: aws:ec2:Vpc
    if: {fn::contains: ["${zones}", us-east-1b]}
  group: {type: aws:ec2:SecurityGroup, properties: {name: "${subnet[*].id}"}}
outputs:
  first: ${subnet[0].id}
"#;

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.program.declarations().iter().map(|d| d.urn.name()).collect()
}

fn ask(answers: &Answers, loaded: &Loaded, cloud: &Cloud) {
    let asked = futures::executor::block_on(answers.ask(&loaded.questions, &catalog(), cloud));
    asked.unwrap_or_else(|problems| panic!("{}", shown(&problems)));
}

#[test]
fn what_a_data_source_decides_about_is_left_out_until_it_has_answered() {
    let desk = Desk::of(&ZONES.replace("${subnet[*].id}", "${subnet[0].id}"));
    let (answers, cloud) = (Arc::<Answers>::default(), Cloud::new());
    let loaded = desk.with(&answers);
    assert_eq!(names(&loaded), ["vpc", "group"]);
    assert_eq!(outputs_with(&loaded, &known(&loaded, &[])), json!({"first": "?"}));
    let notes: Vec<_> = loaded.questions.iter().map(Question::note).collect();
    insta::assert_snapshot!(shown(&notes), @"
    stacks/test.yaml:8:11 warning[unanswered]: `each` of resource `subnet` is decided by `aws:getAvailabilityZones`, which only a cloud can answer
      help: it is left out here; `drctl preview` asks, and shows what comes of it
    stacks/test.yaml:12:9 warning[unanswered]: `if` of resource `extra` is decided by `aws:getAvailabilityZones`, which only a cloud can answer
      help: it is left out here; `drctl preview` asks, and shows what comes of it
    ");

    ask(&answers, &loaded, &cloud);
    let loaded = desk.with(&answers);
    assert_eq!(names(&loaded), ["vpc", "subnet[\"us-east-1a\"]", "subnet[\"us-east-1b\"]", "extra", "group"]);
    assert!(loaded.questions.is_empty());
    let known = known(&loaded, &[("vpc", "vpc-1", json!({})), ("subnet[\"us-east-1a\"]", "s-a", json!({}))]);
    assert_eq!(inputs_with(&loaded, "subnet[\"us-east-1b\"]", &known)["availabilityZone"], "us-east-1b");
    assert_eq!(outputs_with(&loaded, &known), json!({"first": "s-a"}));
    assert_eq!(cloud.asked.lock().unwrap().len(), 1, "{:?}", cloud.asked);
}

#[test]
fn a_program_that_lacks_an_answer_is_no_program_without_a_cloud() {
    let wrong = Desk::of(ZONES).wrong();
    assert!(wrong.contains("error[unanswered]: `each` of resource `subnet` is decided by"), "{wrong}");
}

#[test]
fn an_answer_may_lead_to_the_next_question() {
    let desk = Desk::of(
        r#"
variables:
  zones: {fn::invoke: {function: aws:getAvailabilityZones, return: names}}
  again: {fn::invoke: {function: aws:getAvailabilityZones, arguments: {state: "${zones[0]}"}, return: names}}
resources:
  vpc: {type: aws:ec2:Vpc, each: "${again}"}
"#,
    );
    let (answers, cloud) = (Arc::<Answers>::default(), Cloud::new());
    let first = desk.with(&answers);
    ask(&answers, &first, &cloud);
    let second = desk.with(&answers);
    assert_eq!((names(&second).len(), second.questions.len()), (0, 1));
    ask(&answers, &second, &cloud);
    assert_eq!(names(&desk.with(&answers)), ["vpc[\"us-east-1a\"]", "vpc[\"us-east-1b\"]"]);
}

#[test]
fn a_data_source_that_needs_a_resource_decides_nothing() {
    let wrong = Desk::of(
        r#"
resources:
  vpc: {type: aws:ec2:Vpc}
  more:
    type: aws:ec2:Vpc
    each: {fn::invoke: {function: aws:getAvailabilityZones, arguments: {state: "${vpc.arn}"}, return: names}}
"#,
    )
    .wrong();
    assert!(wrong.contains("`each` of resource `more` must be known before anything exists"), "{wrong}");
}

#[test]
fn what_is_refused_is_told_where_it_is_asked() {
    let desk = Desk::of(
        "resources:\n  a:\n    type: aws:ec2:Vpc\n    if: {fn::equals: [{fn::invoke: {function: aws:getAvailabilityZones, arguments: {state: refused}, return: names}}, []]}\n",
    );
    let answers = Arc::<Answers>::default();
    let loaded = desk.with(&answers);
    let asked = futures::executor::block_on(answers.ask(&loaded.questions, &catalog(), &Cloud::new()));
    let said = shown(&asked.unwrap_err());
    assert!(said.starts_with("stacks/test.yaml:4:") && said.contains("failed: not allowed"), "{said}");
}
