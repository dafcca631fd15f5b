//! Good programs and their values.

use serde_json::json;

use crate::engine::program::{Known, Program};
use crate::engine::value::Value;
use crate::stack::testing::{Desk, given, inputs, inputs_with, known, outputs, outputs_with};

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

#[test]
fn options_reach_the_engine() {
    use std::time::Duration;
    let loaded = Desk::of(
        r#"
name: demo
resources:
  key: {type: aws:ec2:Vpc}
  vpc:
    type: aws:ec2:Vpc
    name: other
    properties: {cidrBlock: 10.0.0.0/16}
    options:
      dependsOn: ["${key}"]
      protect: true
      ignoreChanges: [tags, 'tags["a"]']
      deleteBeforeReplace: true
      replaceOnChanges: ["*"]
      retainOnDelete: true
      customTimeouts: {create: 1h30m, delete: 90s}
      import: vpc-123
      aliases: [{name: old}, "urn:pulumi:test::demo::aws:ec2/vpc:Vpc::older", {parent: "${key}"}, {type: "aws:x:Y"}]
      additionalSecretOutputs: [arn]
      deletedWith: ${key}
      replaceWith: ["${key}"]
      replacementTrigger: {v: 1}
      hideDiffs: [tags]
      version: 7.1.0
  read:
    type: aws:ec2:Vpc
    get: {id: vpc-9}
outputs: {arn: "${vpc.arn}"}
"#,
    )
    .good();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let vpc = &loaded.program.declarations()[1];
    let o = &vpc.options;
    assert_eq!(vpc.urn.name(), "other");
    assert!(o.protect && o.retain_on_delete && o.delete_before_replace == Some(true));
    assert_eq!(o.ignore_changes, ["tags", "tags[\"a\"]"]);
    assert_eq!(o.timeouts.create, Some(Duration::from_secs(5400)));
    assert_eq!(o.timeouts.delete, Some(Duration::from_secs(90)));
    assert_eq!(o.import.as_ref().unwrap().0, "vpc-123");
    assert_eq!(
        o.aliases.iter().map(|u| u.as_str()).collect::<Vec<_>>(),
        [
            "urn:pulumi:test::demo::aws:ec2/vpc:Vpc::old",
            "urn:pulumi:test::demo::aws:ec2/vpc:Vpc::older",
            "urn:pulumi:test::demo::aws:ec2/vpc:Vpc$aws:ec2/vpc:Vpc::other",
            "urn:pulumi:test::demo::aws:x:Y::other",
        ]
    );
    assert_eq!(o.deleted_with.as_ref().unwrap().name(), "key");
    assert_eq!(o.replace_with.len(), 1);
    assert_eq!(given(&loaded, "other", &Known::new()).trigger.unwrap().get("v").unwrap(), &1.into());
    assert_eq!(vpc.needs.len(), 1);
    let read = &loaded.program.declarations()[2];
    assert_eq!(read.external.as_ref().unwrap().id.as_str(), Some("vpc-9"));
    let known = known(&loaded, &[("other", "vpc-1", json!({"arn": "arn:x"}))]);
    assert_eq!(outputs_with(&loaded, &known), json!({"arn": {"secret": "arn:x"}}));
}

#[test]
fn inputs_are_converted_to_what_their_types_want() {
    let loaded = Desk::of(
        r#"
resources:
  group:
    type: aws:ec2:SecurityGroup
    properties:
      ingress:
        - {port: "443", cidrBlocks: [10.0.0.0/8, null]}
        - {port: 80.0, protocol: udp}
  vpc:
    type: aws:ec2:Vpc
    properties: {enableDnsHostnames: "true", retention: "7", tags: {Count: 3, On: true, Gone: null}, cidrBlock: null}
  db:
    type: aws:rds:Cluster
    properties: {engineVersion: 16.10, password: hunter2}
  role:
    type: aws:iam:Role
    properties:
      assumeRolePolicy:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: "*", Action: {fn::secret: "sts:AssumeRole"}}]
outputs:
  password: ${db.password}
"#,
    )
    .good();
    assert_eq!(
        inputs(&loaded, "group"),
        json!({
            "ingress": [
                {"port": 443, "cidrBlocks": ["10.0.0.0/8"], "protocol": "tcp"},
                {"port": 80, "protocol": "udp", "cidrBlocks": []},
            ],
            "tags": {},
        })
    );
    assert_eq!(
        inputs(&loaded, "vpc"),
        json!({"enableDnsHostnames": true, "retention": 7, "tags": {"Count": "3", "On": "true"}})
    );
    assert_eq!(
        inputs(&loaded, "db"),
        json!({"engineVersion": "16.10", "password": {"secret": "hunter2"}, "subnetIds": []})
    );
    let policy =
        r#"{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":"*"}],"Version":"2012-10-17"}"#;
    assert_eq!(inputs(&loaded, "role"), json!({"assumeRolePolicy": {"secret": policy}, "tags": {}}));
    assert_eq!(outputs(&loaded), json!({"password": {"secret": "?"}}));
}

#[test]
fn assets_are_known_by_their_content() {
    let desk = Desk::files(&[
        (
            "stacks/test.yaml",
            r#"
resources:
  f:
    type: aws:lambda:Function
    properties:
      role: r
      code: {fn::fileArchive: ./code}
  g:
    type: aws:lambda:Function
    properties:
      role: r
      code:
        fn::assetArchive:
          index.py: {fn::stringAsset: "print()"}
          lib: {fn::fileArchive: ./code}
"#,
        ),
        ("stacks/code/a.py", "a"),
    ]);
    let loaded = desk.good();
    let code = &inputs(&loaded, "f")["code"]["$asset"];
    assert_eq!(code["source"], json!({"archive": "./code"}));
    assert_eq!(code["sha256"].as_str().unwrap().len(), 64);
    let asset = |name: &str| match crate::engine::value::Value::from_json(inputs(&loaded, name)["code"].clone()) {
        crate::engine::value::Value::Asset(asset) => asset,
        other => panic!("{other:?}"),
    };
    let bytes = loaded.assets.bytes(&asset("g")).unwrap();
    let archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    assert_eq!(archive.len(), 2);
}

#[test]
fn unknown_and_secret_parts_keep_the_rest_known() {
    let loaded = Desk::of(
        r#"
resources:
  vpc: {type: aws:ec2:Vpc}
  sub:
    type: aws:ec2:Subnet
    properties:
      vpcId: "x-${vpc.id}"
      cidrBlock: 10.0.0.0/24
      tags: {Known: a, Not: "${vpc.arn}", Urn: "${vpc.urn}"}
outputs:
  name: {fn::pulumiResourceName: "${vpc}"}
  type: {fn::pulumiResourceType: "${vpc}"}
"#,
    )
    .good();
    assert_eq!(
        inputs(&loaded, "sub"),
        json!({
            "vpcId": "?", "cidrBlock": "10.0.0.0/24",
            "tags": {"Known": "a", "Not": "?", "Urn": "urn:pulumi:test::test::aws:ec2/vpc:Vpc::vpc"},
        })
    );
    assert_eq!(outputs(&loaded), json!({"name": "vpc", "type": "aws:ec2/vpc:Vpc"}));
}

#[test]
fn outputs_of_other_stacks_come_from_whoever_knows_them() {
    use crate::engine::value::{Map, Value};
    use crate::stack::{Stacks, load_beside};
    use std::sync::Arc;
    struct One;
    impl Stacks for One {
        fn outputs(&self, stack: &str) -> Result<Option<Map>, String> {
            Ok((stack == "org/net/prod").then(|| Map::from_iter([("vpcId".to_owned(), Value::from("vpc-7"))])))
        }
    }
    let desk = Desk::of(
        r#"
resources:
  net: {type: "pulumi:pulumi:StackReference", properties: {name: org/net/prod}}
outputs:
  a: ${net.outputs.vpcId}
  b: ${net.outputs["vpcId"]}
  c: {fn::stackReference: [org/net/prod, vpcId]}
"#,
    );
    let loaded =
        load_beside(&desk.request, &crate::stack::testing::catalog(), Arc::new(One), &crate::stack::NoDataKeys)
            .ok()
            .unwrap();
    assert_eq!(outputs(&loaded), json!({"a": "vpc-7", "b": "vpc-7", "c": "vpc-7"}));
    assert!(desk.wrong().contains("no state of a stack `org/net/prod`"));
}

#[tokio::test]
async fn what_lies_behind_a_url_is_fetched_for_a_plan_and_other_content_is_refused() {
    use crate::engine::program::Known;
    use crate::engine::value::Value;
    use crate::stack::remote::testing::{answer, serving};
    use crate::stack::{Assets, testing};
    let url = serving(vec![answer("200 OK", "", "one"), answer("200 OK", "", "two")]);
    let text = format!(
        "resources:\n  f:\n    type: aws:lambda:Function\n    properties: {{role: r, code: {{fn::remoteArchive: \"{url}/a.zip\"}}}}\n"
    );
    let desk = Desk::of(&text);
    // Loading asks nobody; the plan does.
    let loaded = desk.good();
    let urn = testing::urn(&loaded, "f");
    let given = loaded.program.inputs(&urn, &Known::new(), &testing::Cloud::new()).await.unwrap();
    let Some(Value::Asset(asset)) = given.inputs.get("code") else { panic!("{given:?}") };
    assert_eq!(loaded.assets.bytes(asset).unwrap(), b"one");
    let (later, asset) = (Assets::below(desk.dir.path()), asset.clone());
    let told = tokio::task::spawn_blocking(move || later.bytes(&asset).unwrap_err().to_string()).await.unwrap();
    assert_eq!(told, "it has changed since the plan was made; run the command again");
}

#[test]
fn outputs_behind_a_measurement_are_known_as_such() {
    let password = "{fn::invoke: {function: aws:secretsmanager:getRandomPassword, return: randomPassword}}";
    let text = format!(
        "variables:\n  p: {password}\n  q: one\noutputs:\n  direct: {password}\n  behind: a ${{p}}\n  other: ${{q}}\n"
    );
    let loaded = Desk::of(&text).good();
    let mut measured: Vec<&String> = loaded.program.measured().iter().collect();
    measured.sort();
    assert_eq!(measured, ["behind", "direct"]);
}

#[test]
fn an_option_that_must_be_known_at_once_is_refused_where_it_is_not() {
    let of = |option: &str| {
        format!("resources:\n  vpc: {{type: aws:ec2:Vpc}}\n  other: {{type: aws:ec2:Vpc, options: {{{option}}}}}\n")
    };
    for option in [
        "protect: '${vpc.id}'",
        "retainOnDelete: '${vpc.id}'",
        "deleteBeforeReplace: '${vpc.id}'",
        "ignoreChanges: '${vpc.id}'",
        "ignoreChanges: ['${vpc.id}']",
        "replaceOnChanges: ['${vpc.id}']",
        "additionalSecretOutputs: ['${vpc.id}']",
        "hideDiffs: ['${vpc.id}']",
        "customTimeouts: '${vpc.id}'",
        "customTimeouts: {create: '${vpc.id}'}",
        "deletedWith: '${vpc.id}'",
        "replaceWith: ['${vpc.id}']",
        "import: '${vpc.id}'",
        "aliases: '${vpc.id}'",
        "aliases: [{name: '${vpc.id}'}]",
    ] {
        let wrong = Desk::of(&of(option)).wrong();
        assert!(wrong.starts_with("stacks/test.yaml:3:") && wrong.contains("error["), "{option}: {wrong}");
    }
    let loaded = Desk::of(&of("replacementTrigger: '${vpc.id}'")).good();
    assert_eq!(given(&loaded, "other", &Known::new()).trigger, Some(Value::Unknown));
    let known = known(&loaded, &[("vpc", "vpc-1", json!({}))]);
    assert_eq!(given(&loaded, "other", &known).trigger, Some("vpc-1".into()));
    let whole = Desk::of(&of("replacementTrigger: '${vpc}'")).good();
    assert_eq!(given(&whole, "other", &known).trigger, Some("vpc-1".into()), "a resource is its id");
}
