//! Where config values come from and what they become.

use serde_json::json;

use crate::stack::testing::{Desk, inputs, outputs};

const TYPED: &str = r#"
name: proj
config:
  text: {type: string}
  count: {type: integer, default: 1}
  on: {type: boolean, default: false}
  ports: {type: "list<integer>", default: []}
  tree: {type: object, default: {}}
  plain: hello
  password: {type: string, secret: true, default: x}
outputs:
  text: ${text}
  count: ${count}
  on: ${on}
  ports: ${ports}
  tree: ${tree}
  plain: ${plain}
  password: ${password}
"#;

#[test]
fn values_of_a_stack_file_take_the_declared_type() {
    let desk = Desk::files(&[
        ("Pulumi.yaml", &format!("runtime: yaml\n{TYPED}")),
        (
            "Pulumi.dev.yaml",
            r#"
config:
  aws:region: eu-west-1
  proj:text: 5
  proj:count: "3"
  on: "true"
  proj:ports: "[1, 2]"
  proj:tree: {a: {b: c}}
"#,
        ),
    ])
    .stack("dev");
    assert_eq!(
        outputs(&desk.good()),
        json!({
            "text": "5", "count": 3, "on": true, "ports": [1, 2], "tree": {"a": {"b": "c"}},
            "plain": "hello", "password": {"secret": "x"},
        })
    );
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let text = "config:\n  suffix: {env: ENVIRONMENT_SUFFIX, default: dev}\noutputs: {it: \"${suffix}\"}\n";
    let desk = || Desk::files(&[("stacks/test.yaml", text), ("stacks/Pulumi.test.yaml", "config:\n  suffix: filed\n")]);
    let it = |desk: Desk| {
        let loaded = desk.good();
        (outputs(&loaded)["it"].clone(), loaded.environment.get("ENVIRONMENT_SUFFIX").cloned())
    };
    assert_eq!(it(desk()), (json!("filed"), Some("filed".into())));
    assert_eq!(it(desk().env("ENVIRONMENT_SUFFIX", "e")), (json!("e"), Some("e".into())));
    assert_eq!(it(desk().env("ENVIRONMENT_SUFFIX", "e").config("suffix", "c")), (json!("c"), Some("c".into())));
    assert_eq!(it(Desk::of(text)), (json!("dev"), Some("dev".into())));
}

#[test]
fn an_instance_of_a_stack_names_its_environment_and_nothing_else() {
    let text = r#"
config:
  suffix: {env: ENVIRONMENT_SUFFIX, default: dev}
  mail: {env: ALERT_EMAIL, default: ops@example.com}
outputs: {it: "${suffix} ${mail} ${pulumi.stack}"}
"#;
    let loaded = Desk::of(text).stack("test@b").good();
    assert_eq!(loaded.stack, "test@b");
    assert_eq!(outputs(&loaded), json!({"it": "b ops@example.com test@b"}));
    let loaded = Desk::of(text).env("DRCTL_ENV", "c").good();
    assert_eq!(outputs(&loaded), json!({"it": "c ops@example.com test@c"}));
}

#[test]
fn secret_values_are_not_recorded_for_the_state() {
    let text = "config:\n  token: {env: TOKEN, secret: true, type: string}\noutputs: {it: \"${token}\"}\n";
    let loaded = Desk::of(text).env("TOKEN", "hunter2").good();
    assert!(loaded.environment.is_empty());
    assert_eq!(outputs(&loaded), json!({"it": {"secret": "hunter2"}}));
}

#[test]
fn a_stack_that_extends_another_keeps_its_declarations() {
    let desk = Desk::files(&[
        (
            "stacks/base.yaml",
            r#"
name: base
config:
  suffix: {env: ENVIRONMENT_SUFFIX, default: dev}
  size: small
regions: {primary: us-east-1}
tags: {Team: dr}
resources:
  vpc:
    type: aws:ec2:Vpc
    properties: {cidrBlock: 10.0.0.0/16, enableDnsHostnames: true}
  other:
    type: aws:ec2:Vpc
outputs:
  suffix: ${suffix}
  size: ${size}
"#,
        ),
        (
            "stacks/test.yaml",
            r#"
extends: base.yaml
config:
  suffix: prod
  size: large
resources:
  vpc:
    properties: {cidrBlock: 10.1.0.0/16}
  other: null
"#,
        ),
    ]);
    let loaded = desk.good();
    assert_eq!((loaded.project.as_str(), loaded.stack.as_str()), ("base", "test"));
    assert_eq!(outputs(&loaded), json!({"suffix": "prod", "size": "large"}));
    assert_eq!(
        inputs(&loaded, "vpc"),
        json!({"cidrBlock": "10.1.0.0/16", "enableDnsHostnames": true, "tags": {"Team": "dr"}})
    );
    use crate::engine::program::Program as _;
    assert_eq!(loaded.program.declarations().len(), 1);
    assert_eq!(loaded.directory, desk.dir.path());
    let from_environment = desk.env("ENVIRONMENT_SUFFIX", "pr7").good();
    assert_eq!(outputs(&from_environment)["suffix"], "pr7");
}

#[test]
fn a_program_of_a_project_finds_config_with_and_without_the_prefix() {
    let desk = Desk::files(&[
        (
            "Pulumi.yaml",
            "name: proj\nruntime: {name: yaml}\nconfig:\n  proj:zone: {type: string, default: a}\noutputs:\n  a: ${zone}\n  b: ${proj:zone}\n",
        ),
        ("Pulumi.dev.yaml", "config: {proj:zone: z}\n"),
    ])
    .stack("dev")
    .cwd("");
    assert_eq!(outputs(&desk.good()), json!({"a": "z", "b": "z"}));
}

#[test]
fn a_value_that_nothing_declares_is_told_with_the_nearest_name() {
    let desk = Desk::files(&[
        ("stacks/test.yaml", "name: proj\nconfig: {account: {default: 1}}\noutputs: {it: \"${account}\"}\n"),
        ("stacks/Pulumi.test.yaml", "config:\n  proj:acount: 3\n  aws:region: eu-west-1\n"),
    ]);
    let warnings = desk.good().warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].message, "the program declares no config `acount`, so its value has no effect");
    assert_eq!(warnings[0].help.as_deref(), Some("did you mean `account`?"));
}

#[test]
fn a_project_may_ask_for_a_look_at_the_cloud_before_every_run() {
    let project =
        |options: &str| Desk::files(&[("Pulumi.yaml", &format!("name: p\nruntime: yaml\n{options}"))]).stack("dev");
    assert!(project("options: {refresh: always}\n").good().refresh);
    assert!(!project("").good().refresh);
}

#[test]
fn a_name_with_the_prefix_of_the_project_finds_the_config_without_it() {
    let files = [(
        "Pulumi.yaml",
        "name: shop\nruntime: yaml\nconfig: {size: 5, other:key: 6}\nregions: {primary: \"${shop:home}\"}\nconfiguration: {home: eu-west-1}\noutputs: {a: \"${shop:size}\", b: \"${size}\"}\n",
    )];
    let loaded = Desk::files(&files).stack("dev").good();
    assert_eq!(outputs(&loaded), json!({"a": 5, "b": 5}));
    assert_eq!(loaded.regions["primary"], "eu-west-1");
    let wrong =
        Desk::files(&[("Pulumi.yaml", "name: shop\nruntime: yaml\nconfig: {size: 5}\noutputs: {a: \"${nothing}\"}\n")])
            .stack("dev")
            .wrong();
    assert!(wrong.contains("the names are `size`;"), "{wrong}");
}

#[test]
fn an_instance_that_nothing_of_the_stack_depends_on_is_doubted() {
    let of = |config: &str, name: &str| {
        format!(
            "config: {{{config}}}\nresources:\n  group: {{type: aws:ec2:SecurityGroup, properties: {{name: '{name}'}}}}\n"
        )
    };
    let told = |text: &str, stack: &str| {
        let loaded = Desk::of(text).stack(stack).good();
        loaded.warnings.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>()
    };
    let idle = of("sfx: {default: dev, env: SFX}", "g-${sfx}");
    let doubt = "nothing of this stack depends on `@qq`: `name` of resource `group` is the same without it";
    assert_eq!(told(&idle, "test@qq"), [doubt]);
    assert!(told(&idle, "test").is_empty());
    assert!(Desk::of(&idle).stack("test@qq").env("SFX", "x").good().warnings.is_empty());
    assert!(Desk::of(&idle).stack("test@qq").config("sfx", "x").good().warnings.is_empty());
    assert!(told(&of("sfx: {default: dev, env: MYENV}", "g-${sfx}"), "test@qq").is_empty());
    assert!(told(&of("", "g-${pulumi.stack}"), "test@qq").is_empty());
    assert!(told("resources: {group: {type: aws:ec2:SecurityGroup}}\n", "test@qq").is_empty(), "its name is automatic");
}

#[test]
fn a_variable_that_is_called_after_the_environment_is_the_instance() {
    for (variable, instance) in
        [("MYENV", true), ("APP_ENV", true), ("ENVIRONMENT_SUFFIX", true), ("ENVOY_PORT", false)]
    {
        let text = format!(
            "config: {{it: {{env: {variable}, default: dev}}}}\noutputs: {{it: '${{it}} ${{pulumi.stack}}'}}\n"
        );
        let it = outputs(&Desk::of(&text).stack("test@b").good())["it"].clone();
        assert_eq!(it, if instance { "b test@b" } else { "dev test@b" }, "{variable}");
    }
}
