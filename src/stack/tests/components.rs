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

/// Each side needs a part of the other one, and the whole of neither.
const SIDES: &str = r#"
components:
  pair:
    inputs: {sides: {type: object}}
    resources:
      group:
        type: aws:ec2:SecurityGroup
        each: ${sides}
        properties: {name: "g-${each.key}", vpcId: "${each.value.vpc.id}"}
      first: {type: aws:ec2:SecurityGroup, properties: {vpcId: "${sides.one.vpc.id}"}}
    outputs:
      first: ${first.id}
      all: {one: '${group["one"].id}', two: '${group["two"].id}'}
  side:
    inputs: {cidr: {type: string}, peer: {type: string, default: ""}}
    resources:
      vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: "${cidr}"}}
      subnet: {type: aws:ec2:Subnet, properties: {vpcId: "${vpc.id}", cidrBlock: "${cidr}", availabilityZone: "${peer}"}}
    outputs: {vpc: "${vpc}", subnet: "${subnet.id}"}
resources:
  side:
    type: side
    each: {one: 10.0.0.0/16, two: 10.1.0.0/16}
    properties: {cidr: "${each.value}", peer: "${pair.first}"}
  pair: {type: pair, properties: {sides: "${side}"}}
  written:
    type: pair
    properties:
      sides:
        one: {vpc: '${side["one"].vpc}'}
        two: {vpc: '${side["two"].vpc}'}
  last: {type: aws:ec2:SecurityGroup, properties: {vpcId: "${written.all.two}"}}
"#;

#[test]
fn a_part_of_a_map_needs_what_is_written_there_and_not_the_rest() {
    let loaded = Desk::of(SIDES).good();
    for pair in ["pair", "written"] {
        assert_eq!(needs(&loaded, &format!("{pair}/group[\"two\"]")), ["side[\"two\"]/vpc"]);
        assert_eq!(needs(&loaded, &format!("{pair}/first")), ["side[\"one\"]/vpc"]);
    }
    assert_eq!(needs(&loaded, "side[\"one\"]/subnet"), ["side[\"one\"]/vpc", "pair/first"]);
    assert_eq!(needs(&loaded, "last"), ["written/group[\"two\"]"]);
    let known =
        known(&loaded, &[("side[\"two\"]/vpc", "vpc-2", json!({})), ("written/group[\"two\"]", "g-2", json!({}))]);
    assert_eq!(inputs_with(&loaded, "pair/group[\"two\"]", &known)["vpcId"], "vpc-2");
    assert_eq!(inputs_with(&loaded, "pair/group[\"one\"]", &known)["vpcId"], "?");
    assert_eq!(inputs_with(&loaded, "last", &known)["vpcId"], "g-2");
}

#[test]
fn an_index_after_all_items_is_one_of_the_list_and_not_of_each_item() {
    let loaded = Desk::of(
        r#"
components:
  c:
    resources: {vpc: {type: aws:ec2:Vpc, each: [a, b]}}
    outputs: {ids: "${vpc[*].id}", arns: {all: "${vpc[*].arn}"}}
resources:
  c: {type: c}
outputs: {id: "${c.ids[1]}", arn: "${c.arns.all[0]}"}
"#,
    )
    .good();
    let known = known(
        &loaded,
        &[("c/vpc[\"a\"]", "vpc-a", json!({"arn": "arn-a"})), ("c/vpc[\"b\"]", "vpc-b", json!({"arn": "arn-b"}))],
    );
    assert_eq!(outputs_with(&loaded, &known), json!({"id": "vpc-b", "arn": "arn-a"}));
}

#[test]
fn a_part_of_a_map_may_name_another_part_of_it() {
    let loaded = Desk::of("variables: {m: {a: \"${m.b}!\", b: 1}}\noutputs: {a: \"${m.a}\"}\n").good();
    assert_eq!(outputs(&loaded), json!({"a": "1!"}));
}

#[test]
fn parts_of_maps_in_a_circle_are_told_by_their_names() {
    let wrong = Desk::of("variables: {m: {a: \"${m.b}!\", b: \"${m.a}?\"}}\noutputs: {a: \"${m.a}\"}\n").wrong();
    assert!(
        wrong.contains("circular dependency: `m.b` → `m.a` → `m.b`")
            || wrong.contains("circular dependency: `m.a` → `m.b` → `m.a`"),
        "{wrong}"
    );
    let wrong = Desk::of("variables: {a: {k: 1}, b: \"${a[b].z}\"}\noutputs: {b: \"${b}\"}\n").wrong();
    assert!(wrong.contains("circular dependency: `b` → `b`"), "{wrong}");
    let wrong = Desk::of("variables: {v: \"${w.x}\", w: \"${v.x}\"}\noutputs: {a: \"${v.x}\"}\n").wrong();
    assert!(wrong.contains("circular dependency: `v` → `w` → `v`"), "{wrong}");
}

#[test]
fn what_is_decided_before_anything_exists_needs_only_what_is_chosen() {
    let loaded = Desk::of(
        r#"
config: {big: false}
resources:
  one: {type: aws:ec2:Vpc}
  two: {type: aws:ec2:Vpc}
  group: {type: aws:ec2:SecurityGroup, properties: {vpcId: {fn::if: ["${big}", "${one.id}", "${two.id}"]}}}
  open: {type: aws:ec2:SecurityGroup, properties: {vpcId: {fn::if: [{fn::equals: ["${one.arn}", x]}, "${one.id}", "${two.id}"]}}}
"#,
    )
    .good();
    assert_eq!(needs(&loaded, "group"), ["two"]);
    assert_eq!(needs(&loaded, "open"), ["one", "two"]);
}

#[test]
fn an_output_that_a_given_component_lacks_is_told() {
    let wrong = Desk::of(&SIDES.replace("${sides.one.vpc.id}", "${sides.one.network.id}")).wrong();
    assert!(wrong.contains("error[unknown-property]: component `side` has no output `network`"), "{wrong}");
}

#[test]
fn a_name_of_the_program_is_not_seen_inside_a_component() {
    let text = "config: {suffix: dev}\ncomponents:\n  c:\n    resources:\n      v: {type: aws:ec2:Vpc, properties: {tags: {Name: \"${suffix}\"}}}\nresources:\n  c: {type: c}\n";
    let wrong = Desk::of(text).wrong();
    assert!(wrong.starts_with("stacks/test.yaml:5:"), "{wrong}");
    assert!(wrong.contains("`suffix` is a name of the program, and a component sees only what it is given"), "{wrong}");
    assert!(
        wrong.contains("help: declare `suffix` under the component's `inputs`, and give it `suffix: ${suffix}`"),
        "{wrong}"
    );
}

#[test]
fn a_component_is_neither_read_nor_taken_over() {
    let component = "components:\n  c: {resources: {v: {type: aws:ec2:Vpc}}}\nresources:\n";
    for (given, key) in [("get: {id: x}", "get"), ("options: {import: x}", "import")] {
        let wrong = Desk::of(&format!("{component}  one: {{type: c, {given}}}\n")).wrong();
        let expected = format!("error[misplaced-key]: `{key}` of resource `one` has no meaning on a component");
        assert!(
            wrong.contains(&expected) && wrong.contains(&format!("help: write `{key}` on the resources")),
            "{wrong}"
        );
        assert_eq!(wrong.matches("error[").count(), 1, "{wrong}");
    }
}

#[test]
fn a_reference_to_what_its_if_leaves_out_says_so() {
    let text = r#"
resources:
  z: {type: aws:ec2:Vpc, if: false}
  needs: {type: aws:ec2:Subnet, properties: {vpcId: "${z.id}", cidrBlock: 10.0.0.0/24}}
"#;
    let wrong = Desk::of(text).wrong();
    let expected = "stacks/test.yaml:4:54 error[left-out]: `vpcId` of `aws:ec2:Subnet` names `z`, which is left out by its `if`\n  help: give resource `needs` the same `if`, or choose the value with `fn::if`\n";
    assert_eq!(wrong, expected);
    let may = text.replace("aws:ec2:Subnet", "aws:ec2:SecurityGroup").replace(", cidrBlock: 10.0.0.0/24", "");
    let told = Desk::of(&may).wrong();
    assert!(
        told.starts_with("loads") && told.contains("warning[left-out]: `vpcId` of `aws:ec2:SecurityGroup` names `z`"),
        "{told}"
    );
    let chosen = may.replace("\"${z.id}\"", "{fn::if: [false, \"${z.id}\", null]}");
    assert!(Desk::of(&chosen).good().warnings.is_empty());
}

fn declared<'a>(loaded: &'a Loaded, name: &str) -> &'a crate::engine::program::Declaration {
    loaded.program.declarations().iter().find(|d| d.urn.name() == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn options_about_the_end_of_a_component_hold_for_all_inside_that_say_nothing_else() {
    let loaded = Desk::of(
        r#"
components:
  inner: {resources: {deep: {type: aws:ec2:Vpc}}}
  outer:
    resources:
      i: {type: inner}
      own: {type: aws:ec2:Vpc, options: {retainOnDelete: false, protect: false}}
      child: {type: aws:ec2:Vpc, options: {parent: "${own}"}}
resources:
  z: {type: aws:ec2:Vpc}
  c:
    type: outer
    each: [a]
    options: {retainOnDelete: true, protect: true, deletedWith: "${z}"}
  kept: {type: aws:ec2:Vpc, options: {retainOnDelete: true, deletedWith: "${z}"}}
  below: {type: aws:ec2:Vpc, options: {parent: "${kept}"}}
"#,
    )
    .good();
    let ends = |name: &str| {
        let declaration = declared(&loaded, name);
        let with = declaration.options.deleted_with.as_ref().map(|urn| urn.name());
        let needs_it = declaration.needs.iter().any(|urn| urn.name() == "z");
        assert_eq!(with.is_some(), needs_it, "{name}");
        (declaration.options.retain_on_delete, declaration.options.protect, with)
    };
    assert_eq!(ends("c[\"a\"]/i/deep"), (true, true, Some("z")));
    assert_eq!(ends("c[\"a\"]/own"), (false, false, Some("z")));
    assert_eq!(ends("c[\"a\"]/child"), (false, false, Some("z")), "as its parent");
    assert_eq!(ends("below"), (true, false, Some("z")));
}

#[test]
fn an_option_that_a_component_does_not_hand_down_is_refused_by_name() {
    let of = |option: &str| {
        format!(
            "components:\n  c: {{resources: {{v: {{type: aws:ec2:Vpc}}}}}}\nresources:\n  z: {{type: aws:ec2:Vpc}}\n  \
             p: {{type: pulumi:providers:aws, properties: {{region: us-east-1}}}}\n  one: {{type: c, options: {{{option}}}}}\n"
        )
    };
    let refused = [
        "ignoreChanges: [tags]",
        "deleteBeforeReplace: true",
        "replaceOnChanges: ['*']",
        "customTimeouts: {create: 1m}",
        "import: x",
        "additionalSecretOutputs: [arn]",
        "replaceWith: ['${z}']",
        "replacementTrigger: 1",
        "hideDiffs: [tags]",
    ];
    for option in refused {
        let (word, _) = option.split_once(':').unwrap();
        let wrong = Desk::of(&of(option)).wrong();
        assert!(wrong.starts_with("stacks/test.yaml:6:"), "{wrong}");
        assert!(wrong.contains(&format!("`{word}` of resource `one` has no meaning on a component")), "{wrong}");
        assert_eq!(wrong.matches("error[").count(), 1, "{wrong}");
    }
    let handed_down = [
        "dependsOn: ['${z}']",
        "protect: true",
        "retainOnDelete: true",
        "deletedWith: '${z}'",
        "provider: '${p}'",
        "providers: ['${p}']",
        "parent: '${z}'",
        "aliases: [{name: x}]",
        "version: 7.0.0",
        "pluginDownloadURL: x",
        "envVarMappings: {a: b}",
    ];
    assert!(handed_down.iter().all(|option| Desk::of(&of(option)).good().warnings.is_empty()));
    assert_eq!(refused.len() + handed_down.len(), crate::stack::body::OPTIONS.len(), "every option");
}

#[test]
fn providers_of_a_component_are_the_one_that_its_resources_get() {
    let of = |providers: &str| {
        format!(
            "components:\n  c: {{resources: {{v: {{type: aws:ec2:Vpc}}}}}}\nresources:\n  \
             p: {{type: pulumi:providers:aws, properties: {{region: eu-west-1}}}}\n  \
             one: {{type: c, options: {{providers: {providers}}}}}\n"
        )
    };
    for one in ["['${p}']", "{aws: '${p}'}", "'${p}'"] {
        assert_eq!(declared(&Desk::of(&of(one)).good(), "one/v").place.0, "eu-west-1", "{one}");
    }
    let wrong = Desk::of(&of("['${p}', '${p}']")).wrong();
    assert!(wrong.contains("error[provider]: `providers` of resource `one` names more than one provider"), "{wrong}");
}

fn former(text: &str, name: &str) -> Vec<String> {
    let loaded = Desk::of(text).good();
    let aliases = declared(&loaded, name).options.aliases.iter();
    aliases.map(|urn| urn.as_str().trim_start_matches("urn:pulumi:test::test::").to_owned()).collect()
}

#[test]
fn the_name_of_an_alias_stands_in_the_same_component_and_for_the_same_instance() {
    let single = "resources:\n  topics: {type: aws:ec2:Vpc, each: [a], options: {aliases: [{name: topic}]}}\n";
    assert_eq!(former(single, "topics[\"a\"]"), ["aws:ec2/vpc:Vpc::topic[\"a\"]", "aws:ec2/vpc:Vpc::topic"]);
    let inside = "components:\n  c: {resources: {y: {type: aws:ec2:Vpc, options: {aliases: [{name: x}]}}}}\n\
                  resources: {a: {type: c}}\n";
    assert_eq!(
        former(inside, "a/y"),
        ["drctl:component:c$aws:ec2/vpc:Vpc::a/x", "drctl:component:c$aws:ec2/vpc:Vpc::x"]
    );
    let moved = inside.replace("{name: x}", "{noParent: true}");
    assert_eq!(former(&moved, "a/y"), ["aws:ec2/vpc:Vpc::a/y", "aws:ec2/vpc:Vpc::y"]);
}

#[test]
fn aliases_of_components_reach_all_that_is_in_them_with_aliases_of_their_own() {
    let text = |options: &str| {
        format!(
            "components:\n  inner: {{resources: {{y: {{type: aws:ec2:Vpc, options: {{aliases: [{{name: x}}]}}}}}}}}\n  \
             outer: {{resources: {{i: {{type: inner}}}}}}\nresources:\n  \
             networks: {{type: outer, each: [k], options: {{aliases: [{options}]}}}}\n"
        )
    };
    let types = "drctl:component:outer$drctl:component:inner$aws:ec2/vpc:Vpc";
    let found = former(&text("{name: nets}"), "networks[\"k\"]/i/y");
    assert_eq!(found[0], format!("{types}::nets[\"k\"]/i/y"));
    for expected in ["networks[\"k\"]/i/x", "nets[\"k\"]/i/x", "nets/i/y"] {
        assert!(found.contains(&format!("{types}::{expected}")), "{expected}: {found:#?}");
    }
    let other_type = former(&text("{type: network}"), "networks[\"k\"]/i/y");
    assert!(
        other_type
            .contains(&"drctl:component:network$drctl:component:inner$aws:ec2/vpc:Vpc::networks[\"k\"]/i/y".to_owned()),
        "{other_type:#?}"
    );
    let whole = former(&text("'urn:pulumi:test::test::drctl:component:net::n'"), "networks[\"k\"]/i/y");
    assert_eq!(whole[0], "drctl:component:net$drctl:component:inner$aws:ec2/vpc:Vpc::n/i/y");
    let wrong = Desk::of(&text("{nam: x}")).wrong();
    assert!(wrong.starts_with("stacks/test.yaml:5:") && wrong.contains("error[alias]: this is no alias"), "{wrong}");
    assert_eq!(wrong.matches("error[").count(), 1, "{wrong}");
}

#[test]
fn a_component_where_a_resource_must_be_named_is_told_to_be_one() {
    let of = |option: &str| {
        format!(
            "components:\n  c: {{resources: {{v: {{type: aws:ec2:Vpc}}}}, outputs: {{v: '${{v}}'}}}}\nresources:\n  \
             one: {{type: c}}\n  many: {{type: aws:ec2:Vpc, each: [a, b]}}\n  z: {{type: aws:ec2:Vpc, options: {{{option}}}}}\n"
        )
    };
    let wrong = Desk::of(&of("replaceWith: ['${one}']")).wrong();
    let expected = "error[wrong-type]: option `replaceWith` takes resources, not a component\n  \
                    help: name a resource inside it, which an output of the component can give\n";
    assert!(wrong.starts_with("stacks/test.yaml:6:") && wrong.contains(expected), "{wrong}");
    let replaced_with = |option: &str| {
        let loaded = Desk::of(&of(option)).good();
        let urns = declared(&loaded, "z").options.replace_with.iter();
        urns.map(|urn| urn.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(replaced_with("replaceWith: ['${one.v}']"), ["one/v"]);
    assert_eq!(replaced_with("replaceWith: '${many}'"), ["many[\"a\"]", "many[\"b\"]"]);
    let wrong = Desk::of(&of("deletedWith: '${many[*]}'")).wrong();
    assert!(wrong.contains("option `deletedWith` must be one resource, not a list"), "{wrong}");
}
