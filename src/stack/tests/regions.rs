//! Regions, providers and default tags.

use serde_json::json;

use crate::engine::program::Program;
use crate::stack::Loaded;
use crate::stack::testing::{Desk, inputs, known, outputs, outputs_with};

fn places(loaded: &Loaded) -> Vec<(String, String)> {
    loaded.program.declarations().iter().map(|d| (d.urn.name().to_owned(), d.place.to_string())).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn a_region_comes_from_the_nearest_that_names_one() {
    let loaded = Desk::of(
        r#"
regions: {primary: us-east-1, secondary: eu-west-1}
resources:
  default: {type: aws:ec2:Vpc}
  role: {type: aws:ec2:Vpc, region: secondary}
  name: {type: aws:ec2:Vpc, region: ap-south-1}
  property:
    type: aws:ec2:Vpc
    properties: {region: eu-west-1, cidrBlock: 10.0.0.0/16}
  interpolated: {type: aws:ec2:Vpc, region: "${regions.secondary}"}
  europe:
    type: pulumi:providers:aws
    properties: {region: eu-central-1, defaultTags: {tags: {From: provider}}}
  provided: {type: aws:ec2:Vpc, options: {provider: "${europe}"}}
  child:
    type: aws:ec2:Subnet
    properties: {vpcId: "${provided}", cidrBlock: 10.0.0.0/24}
    options: {parent: "${provided}"}
  global:
    type: aws:iam:Role
    region: secondary
    properties: {name: "r-${region.role}", assumeRolePolicy: {Version: 2012-10-17}}
outputs:
  first: ${region.name}
  second: ${regions.secondary}
"#,
    )
    .good();
    assert_eq!(
        places(&loaded),
        pairs(&[
            ("default", "us-east-1"),
            ("role", "eu-west-1"),
            ("name", "ap-south-1"),
            ("property", "eu-west-1"),
            ("interpolated", "eu-west-1"),
            ("provided", "eu-central-1"),
            ("child", "eu-central-1"),
            ("global", "global"),
        ])
    );
    assert_eq!(
        inputs(&loaded, "property"),
        json!({"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": false, "tags": {}})
    );
    assert_eq!(inputs(&loaded, "provided")["tags"], json!({"From": "provider"}));
    assert_eq!(inputs(&loaded, "child")["tags"], json!({"From": "provider"}));
    assert_eq!(
        inputs(&loaded, "global"),
        json!({"name": "r-secondary", "assumeRolePolicy": r#"{"Version":"2012-10-17"}"#, "tags": {}})
    );
    assert_eq!(outputs(&loaded), json!({"first": "us-east-1", "second": "eu-west-1"}));
    assert_eq!(loaded.regions.len(), 2);
    let child = loaded.program.declarations().iter().find(|d| d.urn.name() == "child").unwrap();
    assert_eq!(child.urn.as_str(), "urn:pulumi:test::test::aws:ec2/vpc:Vpc$aws:ec2/subnet:Subnet::child");
    assert_eq!(child.parent.as_ref().unwrap().name(), "provided");
}

#[test]
fn a_data_source_waits_for_what_it_depends_on() {
    let loaded = Desk::of(
        r#"
resources:
  vpc: {type: aws:ec2:Vpc}
variables:
  zones:
    fn::invoke:
      function: aws:getAvailabilityZones
      arguments: {state: available}
      options: {dependsOn: ["${vpc}"], region: eu-west-1}
      return: names
outputs: {zones: "${zones}"}
"#,
    )
    .good();
    assert_eq!(outputs(&loaded), json!({"zones": "?"}));
    let known = known(&loaded, &[("vpc", "vpc-1", json!({}))]);
    assert_eq!(outputs_with(&loaded, &known), json!({"zones": ["eu-west-1a", "eu-west-1b"]}));
}

#[test]
fn a_data_source_is_asked_in_one_region() {
    let zones = |argument: &str, option: &str| {
        Desk::of(&format!(
            r#"
regions: {{primary: us-east-1, secondary: eu-west-1}}
outputs:
  zones:
    fn::invoke:
      function: aws:getAvailabilityZones
      arguments: {{state: available, region: {argument}}}
      options: {{region: {option}}}
      return: names
"#
        ))
    };
    zones("secondary", "eu-west-1").good();
    zones("null", "secondary").good();
    assert_eq!(
        zones("primary", "secondary").wrong(),
        "stacks/test.yaml:7:37 error[conflict]: `aws:getAvailabilityZones` is asked in `us-east-1` by its argument \
         `region`, and in `eu-west-1` by its option\n  stacks/test.yaml:8:25 the other one\n  help: remove one of them\n"
    );
}

#[test]
fn a_default_provider_serves_all_that_name_none() {
    let loaded = Desk::of(
        r"
resources:
  vpc: {type: aws:ec2:Vpc}
  europe:
    type: pulumi:providers:aws
    defaultProvider: true
    properties: {region: eu-west-1, allowedAccountIds: ['123456789012']}
",
    )
    .good();
    assert_eq!(places(&loaded), pairs(&[("vpc", "eu-west-1")]));
    assert_eq!(loaded.allowed_account_ids, ["123456789012"]);
}

#[test]
fn default_tags_lie_below_own_tags_and_know_the_region_of_what_they_tag() {
    let loaded = Desk::of(
        r#"
regions: {primary: us-east-1, secondary: eu-west-1}
tags: {Role: "${region.role}", Owner: stack, Keep: yes}
components:
  net:
    tags: {Owner: component}
    resources:
      vpc: {type: aws:ec2:Vpc, properties: {tags: {Name: v}}}
resources:
  vpc: {type: aws:ec2:Vpc, region: secondary, properties: {tags: {Owner: own}}}
  one: {type: net, region: secondary, tags: {Use: here}}
"#,
    )
    .good();
    assert_eq!(inputs(&loaded, "vpc")["tags"], json!({"Role": "secondary", "Owner": "own", "Keep": "yes"}));
    assert_eq!(
        inputs(&loaded, "one/vpc")["tags"],
        json!({"Role": "secondary", "Owner": "component", "Keep": "yes", "Use": "here", "Name": "v"})
    );
}

#[test]
fn global_tags_lie_over_those_of_the_stack_on_what_belongs_to_no_region() {
    let loaded = Desk::of(
        r#"
regions: {primary: us-east-1, secondary: eu-west-1}
tags: {Role: "${region.role}", Owner: stack}
globalTags: {Role: global}
components:
  app:
    tags: {Owner: component}
    resources:
      vpc: {type: aws:ec2:Vpc}
      role: {type: aws:iam:Role, properties: {assumeRolePolicy: {}}}
resources:
  app: {type: app, region: secondary}
  role: {type: aws:iam:Role, properties: {assumeRolePolicy: {}, tags: {Role: own}}}
"#,
    )
    .good();
    assert_eq!(inputs(&loaded, "app/vpc")["tags"], json!({"Role": "secondary", "Owner": "component"}));
    assert_eq!(inputs(&loaded, "app/role")["tags"], json!({"Role": "global", "Owner": "component"}));
    assert_eq!(inputs(&loaded, "role")["tags"], json!({"Role": "own", "Owner": "stack"}));
}

#[test]
fn global_tags_lie_over_those_of_components_and_below_own_ones() {
    let loaded = Desk::of(
        r#"
globalTags: {Owner: global, Name: global}
components:
  inner:
    tags: {Owner: inner}
    resources:
      vpc: {type: aws:ec2:Vpc}
      role: {type: aws:iam:Role, properties: {assumeRolePolicy: {}, tags: {Name: own}}}
  outer:
    tags: {Owner: outer}
    resources:
      inner: {type: inner, tags: {Owner: use, Use: here}}
resources:
  outer: {type: outer}
"#,
    )
    .good();
    assert_eq!(inputs(&loaded, "outer/inner/vpc")["tags"], json!({"Owner": "use", "Use": "here"}));
    assert_eq!(inputs(&loaded, "outer/inner/role")["tags"], json!({"Owner": "global", "Use": "here", "Name": "own"}));
}

#[test]
fn data_sources_are_asked_once_in_the_region_of_the_asker() {
    use crate::engine::program::Known;
    use crate::stack::testing::Cloud;
    let loaded = Desk::of(
        r#"
regions: {primary: us-east-1, secondary: eu-west-1}
components:
  net:
    variables:
      zones: {fn::aws:getAvailabilityZones: {state: available}}
    resources:
      a: {type: aws:ec2:Subnet, properties: {vpcId: v, cidrBlock: 10.0.0.0/24, availabilityZone: "${zones.names[0]}"}}
      b: {type: aws:ec2:Subnet, properties: {vpcId: v, cidrBlock: 10.0.1.0/24, availabilityZone: "${zones.names[1]}"}}
resources:
  one: {type: net}
  two: {type: net, region: secondary}
"#,
    )
    .good();
    let cloud = Cloud::new();
    let known = Known::new();
    let zones: Vec<_> = loaded
        .program
        .declarations()
        .iter()
        .map(|d| {
            let given = futures::executor::block_on(loaded.program.inputs(&d.urn, &known, &cloud)).unwrap();
            given.inputs.get("availabilityZone").and_then(|z| z.as_str()).unwrap().to_owned()
        })
        .collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b", "eu-west-1a", "eu-west-1b"]);
    assert_eq!(
        *cloud.asked.lock().unwrap(),
        [
            r#"aws:index/getAvailabilityZones:getAvailabilityZones us-east-1 {"state":"available"}"#,
            r#"aws:index/getAvailabilityZones:getAvailabilityZones eu-west-1 {"state":"available"}"#,
        ]
    );
}

#[test]
fn a_region_that_nobody_knows_is_doubted_wherever_it_stands() {
    let doubted = |text: &str| {
        let told = Desk::of(text).wrong();
        assert_eq!(
            told.matches("warning[unknown-region]: `eu-wst-1` is no AWS region that drctl knows").count(),
            1,
            "{told}"
        );
        assert!(told.contains("help: did you mean `eu-west-1`?"), "{told}");
        told.lines().find(|line| line.contains("unknown-region")).unwrap().split(' ').next().unwrap().to_owned()
    };
    assert_eq!(doubted("resources:\n  a: {type: aws:ec2:Vpc, region: eu-wst-1}\n"), "stacks/test.yaml:2:34");
    assert_eq!(
        doubted("resources:\n  a: {type: aws:ec2:Vpc, properties: {region: eu-wst-1}}\n"),
        "stacks/test.yaml:2:47"
    );
    let provider = "resources:\n  p: {type: pulumi:providers:aws, properties: {region: eu-wst-1}}\n";
    assert_eq!(doubted(provider), "stacks/test.yaml:2:56");
    let declared = "regions: {a: eu-wst-1}\nresources:\n  a: {type: aws:ec2:Vpc, region: a}\n  b: {type: aws:ec2:Vpc, region: \"${regions.a}\"}\n";
    assert_eq!(doubted(declared), "stacks/test.yaml:1:14");
    let asked = "variables:\n  z: {fn::invoke: {function: aws:getAvailabilityZones, arguments: {}, options: {region: eu-wst-1}}}\n";
    doubted(asked);
    let environment = Desk::of("resources:\n  a: {type: aws:ec2:Vpc}\n").env("AWS_REGION", "eu-wst-1").wrong();
    assert!(environment.starts_with("loads") && environment.contains("`eu-wst-1` is no AWS region"), "{environment}");
}

#[test]
fn a_resource_is_not_in_two_regions() {
    let text = "regions: {primary: us-east-1, secondary: eu-west-1}\nresources:\n  a: {type: aws:ec2:Vpc, region: primary, properties: {region: eu-west-1}}\n";
    let wrong = Desk::of(text).wrong();
    assert!(
        wrong.starts_with(
            "stacks/test.yaml:3:64 error[conflict]: resource `a` has `region: us-east-1`, and its property `region` says `eu-west-1`\n"
        ),
        "{wrong}"
    );
    Desk::of(&text.replace("region: eu-west-1}}", "region: us-east-1}}")).good();
}

#[test]
fn what_lives_in_no_region_takes_none_as_a_property() {
    let text = "resources:\n  r: {type: aws:iam:Role, properties: {region: us-west-1, assumeRolePolicy: {Version: 2012-10-17}}}\n";
    let wrong = Desk::of(text).wrong();
    let expected =
        "stacks/test.yaml:2:40 error[unknown-property]: `aws:iam:Role` lives in no region and has no input `region`\n";
    assert!(wrong.starts_with(expected), "{wrong}");
}

#[test]
fn a_missing_region_is_told_once_and_hides_nothing() {
    let text = r#"
components:
  net: {resources: {v: {type: aws:ec2:Vpc, properties: {tags: {R: "${region.role}"}}}}}
resources:
  a: {type: aws:ec2:Vpc, properties: {cidrBlok: x}}
  b: {type: aws:ec2:Vpc, options: {protcet: true}}
  c: {type: aws:ec2:Vpc, name: "c-${region}", properties: {tags: {T: "${d.id}"}}}
  d: {type: aws:ec2:Vpc, properties: {tags: {T: "${c.id}"}}}
  e: {type: net}
  f: {type: aws:ec2:Vpc, get: {id: vpc-1@eu-west-1}}
variables:
  zones: {fn::aws:getAvailabilityZones: {}}
"#;
    let wrong = Desk::of(text).env("AWS_REGION", "").wrong();
    let codes: Vec<&str> = wrong.split("error[").skip(1).filter_map(|rest| rest.split(']').next()).collect();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["cycle", "no-region", "unknown-key", "unknown-property"], "{wrong}");
    let global = "resources:\n  r: {type: aws:iam:Role, properties: {assumeRolePolicy: {Version: 2012-10-17}}}\n";
    Desk::of(global).env("AWS_REGION", "").good();
}

#[test]
fn a_mistake_in_tags_of_all_is_told_once_and_where_they_stand() {
    let resources = "resources:\n  a: {type: aws:ec2:Vpc}\n  b: {type: aws:ec2:Vpc}\n  c: {type: aws:ec2:Vpc, properties: {cidrBlok: x}}\n";
    let wrong = Desk::of(&format!("tags: {{Environment: {{a: b}}, \"aws:x\": y}}\n{resources}")).wrong();
    let lines: Vec<&str> = wrong.lines().filter(|line| line.contains("error[")).collect();
    assert_eq!(
        lines,
        [
            "stacks/test.yaml:1:8 error[wrong-type]: the tag `Environment` must be a string, not a map",
            "stacks/test.yaml:1:29 error[reserved-tag]: the tag `aws:x` begins with `aws:`, which is reserved",
            "stacks/test.yaml:5:39 error[unknown-property]: `aws:ec2:Vpc` has no input `cidrBlok`",
        ],
        "{wrong}"
    );
    let config = Desk::files(&[
        (
            "Pulumi.yaml",
            &format!(
                "name: p\nruntime: yaml\n{}",
                resources.replace("cidrBlok", "cidrBlock").replace(": x", ": 10.0.0.0/16")
            ),
        ),
        ("Pulumi.dev.yaml", "config:\n  aws:defaultTags: {tags: {A: [b]}}\n"),
    ])
    .stack("dev")
    .wrong();
    assert!(
        config.starts_with("Pulumi.dev.yaml:2:20 error[wrong-type]: the tag `A` must be a string, not a list\n"),
        "{config}"
    );
    assert_eq!(config.matches("error[").count(), 1, "{config}");
}
