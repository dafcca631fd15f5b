//! What is made under a name that something of the same stack has: no cloud tells the two apart, and many
//! put in place of creating. Whatever becomes of the old one, the new one is there in the end.

use crate::support::emulator::ministack;
use crate::support::lab::Lab;

const HEAD: &str = "name: shop\nregions: {primary: us-east-1}\n";

fn lab() -> (Lab, impl Fn(&str)) {
    let lab = Lab::new(ministack());
    let file = lab.path().join("stacks/shop.yaml");
    let write = move |resources: &str| std::fs::write(&file, format!("{HEAD}resources:\n{resources}")).unwrap();
    (lab, write)
}

/// Everything of the program is there, as it says.
fn is_there(lab: &Lab) {
    lab.run("preview -s shop --refresh --expect-no-changes").ends_with(0);
    lab.run("state check -s shop").ends_with(0);
}

#[test]
fn resources_that_exchange_names_are_both_there() {
    let program = |[a, b]: [&str; 2]| {
        format!(
            "
  topic: {{type: aws:sns:Topic, properties: {{name: {a}}}}}
  other: {{type: aws:sns:Topic, properties: {{name: {b}}}}}
  rule: {{type: aws:cloudwatch:EventRule, properties: {{name: {a}, scheduleExpression: rate(1 hour)}}}}
  second: {{type: aws:cloudwatch:EventRule, properties: {{name: {b}, scheduleExpression: rate(1 hour)}}}}
"
        )
    };
    let (lab, write) = lab();
    write(&program(["x", "y"]));
    lab.run("up -s shop --yes").ends_with(0);
    write(&program(["y", "x"]));
    lab.run("up -s shop --yes").ends_with(0);
    is_there(&lab);
}

#[test]
fn what_the_program_calls_otherwise_now_is_there() {
    let program = |names: [&str; 4]| {
        let [rule, topic, alarm, policy] = names;
        format!(
            "
  role:
    type: aws:iam:Role
    properties: {{name: namesake, assumeRolePolicy: {{Version: 2012-10-17, Statement: []}}}}
  {rule}: {{type: aws:cloudwatch:EventRule, properties: {{name: n, scheduleExpression: rate(1 hour)}}}}
  {topic}: {{type: aws:sns:Topic, properties: {{name: n}}}}
  {alarm}:
    type: aws:cloudwatch:MetricAlarm
    properties: {{name: n, comparisonOperator: GreaterThanThreshold, evaluationPeriods: 1, metricName: m,
      namespace: n, period: 60, statistic: Sum, threshold: 1}}
  {policy}:
    type: aws:iam:RolePolicyAttachment
    properties: {{role: '${{role.name}}', policyArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess'}}
"
        )
    };
    let (lab, write) = lab();
    write(&program(["a", "b", "c", "d"]));
    lab.run("up -s shop --yes").ends_with(0);
    write(&program(["e", "f", "g", "h"]));
    lab.run("up -s shop --yes").ends_with(0);
    is_there(&lab);
}

#[test]
fn a_program_that_goes_back_after_a_failure_has_what_it_had() {
    let program = |version: &str, queue: &str| {
        format!(
            "
  topic: {{type: aws:sns:Topic, properties: {{name: topic-{version}}}}}
  rule: {{type: aws:cloudwatch:EventRule, properties: {{name: rule-{version}, scheduleExpression: rate(1 hour)}}}}
  group: {{type: aws:cloudwatch:LogGroup, properties: {{name: group-{version}}}}}
  extra: {{type: aws:cloudwatch:LogGroup, properties: {{name: '{queue}'}}}}
  all:
    type: aws:ssm:Parameter
    properties: {{name: all, type: String, value: '${{topic.name}} ${{rule.name}} ${{group.name}} ${{extra.name}}'}}
"
        )
    };
    let (lab, write) = lab();
    std::fs::write(
        lab.path().join("stacks/other.yaml"),
        format!("{HEAD}resources:\n  taken: {{type: aws:cloudwatch:LogGroup, properties: {{name: taken}}}}\n"),
    )
    .unwrap();
    lab.run("up -s other --yes").ends_with(0);
    write(&program("a", "free"));
    lab.run("up -s shop --yes").ends_with(0);
    write(&program("b", "taken"));
    lab.run("up -s shop --yes").ends_with(4);
    write(&program("a", "free"));
    lab.run("up -s shop --yes").ends_with(0);
    is_there(&lab);
}

#[test]
fn roles_and_buckets_that_exchange_names_are_both_there() {
    let program = |[a, b]: [&str; 2]| {
        format!(
            "
  one:
    type: aws:iam:Role
    properties: {{name: {a}, assumeRolePolicy: {{Version: 2012-10-17, Statement: []}}}}
  other:
    type: aws:iam:Role
    properties: {{name: {b}, description: other, assumeRolePolicy: {{Version: 2012-10-17, Statement: []}}}}
  attached:
    type: aws:iam:RolePolicyAttachment
    properties: {{role: '${{one.name}}', policyArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess'}}
  inline:
    type: aws:iam:RolePolicy
    properties: {{name: inline, role: '${{other.name}}', policy: {{Version: 2012-10-17, Statement: [{{Effect: Allow, Action: 'logs:*', Resource: '*'}}]}}}}
  first: {{type: aws:s3:Bucket, properties: {{bucket: {a}-namesakes}}}}
  second: {{type: aws:s3:Bucket, properties: {{bucket: {b}-namesakes, tags: {{is: second}}}}}}
  versions:
    type: aws:s3:BucketVersioning
    properties: {{bucket: '${{second.id}}', versioningConfiguration: {{status: Enabled}}}}
"
        )
    };
    let (lab, write) = lab();
    write(&program(["x", "y"]));
    lab.run("up -s shop --yes").ends_with(0);
    write(&program(["y", "x"]));
    let said = lab.run("up -s shop --yes").ends_with(0);
    assert!(said.err.contains("only then another resource can have a name"), "{}", said.err);
    is_there(&lab);
    let said = lab.run("state show second -s shop").ends_with(0);
    assert!(said.out.contains(r#""id": "x-namesakes""#), "{}", said.out);
}
