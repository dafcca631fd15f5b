//! What is made under a name that something of the same stack has: no cloud tells the two apart, and many
//! put in place of creating. Whatever becomes of the old one, the new one is there in the end.

use std::process::Command;

use crate::support::emulator::{ministack, python};
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
fn names_that_the_cloud_gives_only_once_are_exchanged_in_one_run() {
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
  quick: {{type: aws:sqs:Queue, properties: {{name: {a}}}}}
  slow: {{type: aws:sqs:Queue, properties: {{name: {b}, delaySeconds: 5}}}}
  hourly: {{type: aws:cloudwatch:EventRule, properties: {{name: {a}, scheduleExpression: rate(1 hour)}}}}
  daily: {{type: aws:cloudwatch:EventRule, properties: {{name: {b}, scheduleExpression: rate(1 day)}}}}
  hour: {{type: aws:cloudwatch:EventTarget, properties: {{rule: '${{hourly.name}}', arn: '${{quick.arn}}'}}}}
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
    for names in [["x", "y"], ["y", "x"]] {
        write(&program(names));
        lab.run("up -s shop --local --yes").ends_with(0);
        lab.run("preview -s shop --local --refresh --expect-no-changes").ends_with(0);
    }
}

/// What somebody else has under the name `theirs`, and what is told of it afterwards.
const THEIRS: &str = r#"
import boto3, json, sys
endpoint, account, what = sys.argv[1:]
def client(service):
    return boto3.client(service, region_name='us-east-1', endpoint_url=endpoint, aws_access_key_id=account,
                        aws_secret_access_key='secret')
s3, alarms, events, iam, sns, sqs, logs, ssm = map(
    client, ['s3', 'cloudwatch', 'events', 'iam', 'sns', 'sqs', 'logs', 'ssm'])
bucket, rule, policy = 'theirs-' + account, 'theirs', {'PolicyName': 'theirs', 'RoleName': 'theirs'}
allow = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}]}
if what == 'make':
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key='kept', Body=b'theirs')
    alarms.put_metric_alarm(AlarmName='theirs', Namespace='n', MetricName='m', Statistic='Sum', Period=60,
                            EvaluationPeriods=1, Threshold=99, ComparisonOperator='GreaterThanThreshold')
    alarms.put_dashboard(DashboardName='theirs', DashboardBody=json.dumps({'widgets': [], 'start': '-PT9H'}))
    events.put_rule(Name=rule, ScheduleExpression='rate(9 hours)')
    topic = sns.create_topic(Name='theirs')['TopicArn']
    events.put_targets(Rule=rule, Targets=[{'Id': 'theirs', 'Arn': topic, 'Input': '9'}])
    sqs.create_queue(QueueName='theirs')
    logs.create_log_group(logGroupName='theirs')
    ssm.put_parameter(Name='theirs', Type='String', Value='9')
    iam.create_role(RoleName='theirs', AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': []}))
    iam.put_role_policy(PolicyDocument=json.dumps(allow), **policy)
else:
    print(s3.get_object(Bucket=bucket, Key='kept')['Body'].read().decode(),
          alarms.describe_alarms(AlarmNames=['theirs'])['MetricAlarms'][0]['Threshold'],
          '-PT9H' in alarms.get_dashboard(DashboardName='theirs')['DashboardBody'],
          events.describe_rule(Name=rule)['ScheduleExpression'],
          events.list_targets_by_rule(Rule=rule)['Targets'][0]['Input'],
          iam.get_role_policy(**policy)['PolicyDocument']['Statement'][0]['Effect'])
"#;

fn theirs(lab: &Lab, what: &str) -> String {
    let output =
        Command::new(python()).args(["-c", THEIRS, &ministack().endpoint, &lab.account, what]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn what_somebody_else_has_made_is_neither_changed_nor_owned() {
    let (lab, write) = lab();
    theirs(&lab, "make");
    let alarm = "
  alarm:
    type: aws:cloudwatch:MetricAlarm
    properties: {name: theirs, comparisonOperator: GreaterThanThreshold, evaluationPeriods: 1, metricName: m,
      namespace: n, period: 60, statistic: Sum, threshold: 1}
";
    let all = format!(
        "{alarm}
  bucket: {{type: aws:s3:Bucket, properties: {{bucket: 'theirs-{account}', forceDestroy: true}}}}
  dashboard: {{type: aws:cloudwatch:Dashboard, properties: {{dashboardName: theirs, dashboardBody: '{{\"widgets\": []}}'}}}}
  rule: {{type: aws:cloudwatch:EventRule, properties: {{name: theirs, scheduleExpression: rate(1 hour)}}}}
  target:
    type: aws:cloudwatch:EventTarget
    properties: {{rule: theirs, targetId: theirs, arn: 'arn:aws:sns:us-east-1:{account}:theirs', input: '1'}}
  policy:
    type: aws:iam:RolePolicy
    properties:
      role: theirs
      name: theirs
      policy: {{Version: 2012-10-17, Statement: [{{Effect: Deny, Action: '*', Resource: '*'}}]}}
  queue: {{type: aws:sqs:Queue, properties: {{name: theirs}}}}
  free: {{type: aws:cloudwatch:LogGroup, properties: {{name: free}}}}
",
        account = lab.account
    );
    write(&all);
    let said = lab.run("up -s shop --yes").ends_with(4);
    let told = format!("{}{}", said.out, said.err);
    for (what, id) in [
        ("MetricAlarm", "theirs".to_owned()),
        ("Bucket", format!("theirs-{}", lab.account)),
        ("Dashboard", "theirs".to_owned()),
        ("EventRule", "theirs".to_owned()),
        ("EventTarget", "theirs/theirs".to_owned()),
        ("RolePolicy", "theirs:theirs".to_owned()),
    ] {
        assert!(told.contains(&format!("{what} `{id}` exists already, and is not of this stack")), "{what}: {told}");
    }
    assert!(told.contains("`drctl import aws:cloudwatch:MetricAlarm alarm theirs --region us-east-1`"), "{told}");
    assert_eq!(theirs(&lab, "tell"), "theirs 99.0 True rate(9 hours) 9 Allow");
    let rows = lab.run("state ls -s shop").ends_with(0).out;
    assert!(rows.contains("free") && !rows.contains("alarm") && !rows.contains("bucket"), "{rows}");
    lab.run("destroy -s shop --yes").ends_with(0);
    assert_eq!(theirs(&lab, "tell"), "theirs 99.0 True rate(9 hours) 9 Allow");

    write(alarm);
    lab.run("import aws:cloudwatch:MetricAlarm alarm theirs --region us-east-1 -s shop --yes --protect false")
        .ends_with(0);
    lab.run("up -s shop --yes").ends_with(0);
    assert_eq!(theirs(&lab, "tell"), "theirs 1.0 True rate(9 hours) 9 Allow");
}

#[test]
fn what_cannot_be_made_because_it_exists_says_how_to_take_it_over() {
    let (lab, write) = lab();
    theirs(&lab, "make");
    write(
        "
  group: {type: aws:cloudwatch:LogGroup, properties: {name: theirs}}
  role: {type: aws:iam:Role, properties: {name: theirs, assumeRolePolicy: {Version: 2012-10-17, Statement: []}}}
  parameter: {type: aws:ssm:Parameter, properties: {name: theirs, type: String, value: ours}}
",
    );
    let said = lab.run("up -s shop --yes").ends_with(4);
    let told = format!("{}{}", said.out, said.err);
    for import in [
        "`drctl import aws:cloudwatch:LogGroup group theirs --region us-east-1`",
        "`drctl import aws:iam:Role role theirs`",
        "`drctl import aws:ssm:Parameter parameter theirs --region us-east-1`",
    ] {
        assert!(told.contains(import), "{import}: {told}");
    }
    assert!(told.contains("the option `import: theirs`") && told.contains("give another `name`"), "{told}");

    write("  group: {type: aws:cloudwatch:LogGroup, properties: {name: ours}, options: {import: ours}}\n");
    let said = lab.run("preview -s shop");
    let told = format!("{}{}", said.out, said.err);
    assert!(told.contains("it is found by the name of the group"), "{told}");
}

/// In the region where S3 itself gives a bucket of the account to whoever makes it again, and on the twin.
#[test]
fn two_stacks_do_not_get_one_bucket() {
    let (lab, _) = lab();
    for stack in ["one", "two"] {
        let bucket = format!("shared-{}", lab.account);
        let text = format!(
            "name: {stack}\nregions: {{primary: us-east-1}}\nresources:\n  bucket: {{type: aws:s3:Bucket, properties: \
             {{bucket: {bucket}, forceDestroy: true}}}}\n  alarm:\n    type: aws:cloudwatch:MetricAlarm\n    properties: \
             {{name: shared, comparisonOperator: GreaterThanThreshold, evaluationPeriods: 1, metricName: m, namespace: n, \
             period: 60, statistic: Sum, threshold: 1}}\n  own: {{type: aws:cloudwatch:LogGroup, properties: {{name: {stack}}}}}\n"
        );
        std::fs::write(lab.path().join(format!("stacks/{stack}.yaml")), text).unwrap();
    }
    let refused = ["", " --local"].map(|target| {
        lab.run(&format!("up -s one --yes{target}")).ends_with(0);
        let said = lab.run(&format!("up -s two --yes{target}")).ends_with(4);
        lab.run(&format!("destroy -s two --yes{target}")).ends_with(0);
        lab.run(&format!("preview -s one --refresh --expect-no-changes{target}")).ends_with(0);
        let told = format!("{}{}", said.out, said.err);
        let mut lines: Vec<String> = told
            .lines()
            .filter(|line| line.contains("exists already, and is not of this stack"))
            .map(|l| l.trim().to_owned())
            .collect();
        lines.sort();
        lines.dedup();
        assert!(lines.len() >= 2, "{told}");
        lines
    });
    assert_eq!(refused[0], refused[1], "a rehearsal says what AWS would");
}
