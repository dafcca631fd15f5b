//! What `import` prints, pasted into the stack, is what AWS has: also of what is not written down.

use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::support::emulator::ministack;
use crate::support::lab::{Lab, Said};

const HEAD: &str = "name: shop\nregions: {primary: us-east-1}\n";

const MADE: &str = "
resources:
  role:
    type: aws:iam:Role
    properties:
      name: imports
      assumeRolePolicy:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]
  function:
    type: aws:lambda:Function
    properties:
      name: imports
      role: ${role.arn}
      runtime: python3.12
      handler: handler.handler
      code: {fn::assetArchive: {handler.py: {fn::stringAsset: \"def handler(event, context): return 'walrus'\"}}}
  level: {type: aws:ssm:Parameter, properties: {name: /imports/level, type: String, value: walrus}}
  token: {type: aws:ssm:Parameter, properties: {name: /imports/token, type: SecureString, value: walrus}}
  secret: {type: aws:secretsmanager:Secret, properties: {name: imports}}
  version:
    type: aws:secretsmanager:SecretVersion
    properties: {secretId: '${secret.id}', secretString: walrus}
";

/// The stack `taker`, of a project that has another stack with all of it.
fn lab() -> (Lab, impl Fn(&str) -> String) {
    let lab = Lab::new(ministack());
    std::fs::write(lab.path().join("stacks/maker.yaml"), format!("{HEAD}{MADE}")).unwrap();
    std::fs::write(lab.path().join("stacks/taker.yaml"), HEAD).unwrap();
    lab.run("up -s maker --yes").ends_with(0);
    let state = std::fs::read_to_string(lab.path().join(".drctl/lab/maker/state.json")).unwrap();
    let state: Json = serde_json::from_str(&state).unwrap();
    let id = move |name: &str| {
        let mut rows = state["rows"].as_array().unwrap().iter();
        let row = rows.find(|row| row["urn"].as_str().unwrap().ends_with(&format!("::{name}"))).unwrap();
        row["id"].as_str().unwrap().to_owned()
    };
    (lab, id)
}

#[test]
fn what_import_prints_of_code_and_secrets_previews_clean_and_tells_none_of_them() {
    let (lab, id) = lab();
    let mut program = format!("{HEAD}resources:\n");
    for (ty, name) in [
        ("aws:lambda:Function", "function"),
        ("aws:ssm:Parameter", "level"),
        ("aws:ssm:Parameter", "token"),
        ("aws:secretsmanager:SecretVersion", "version"),
    ] {
        let said = lab.run(&format!("import {ty} {name} {} -s taker --yes", id(name))).ends_with(0);
        assert!(!said.err.contains("cannot be read back"), "{}", said.err);
        assert!(!said.out.contains("walrus"), "{}", said.out);
        assert!(said.out.contains("ignoreChanges") && said.out.contains("# Secrets, code"), "{}", said.out);
        program += said.out.strip_prefix("resources:\n").unwrap();
    }
    std::fs::write(lab.path().join("stacks/taker.yaml"), &program).unwrap();
    lab.run("validate -s taker").ends_with(0);
    lab.run("preview -s taker --expect-no-changes").ends_with(0);
    lab.run("preview -s taker --refresh --expect-no-changes").ends_with(0);
    // Another change sends no placeholder along.
    std::fs::write(
        lab.path().join("stacks/taker.yaml"),
        program.replacen("      handler:", "      timeout: 9\n      handler:", 1),
    )
    .unwrap();
    lab.run("up -s taker --yes").ends_with(0);
    let said = lab.run("preview -s maker --refresh").ends_with(0);
    assert!(said.err.contains("timeout") && !said.err.contains("code"), "{}", said.err);
}

/// A lab whose `taker` has imported these and declares them as `import` printed them.
fn taken(imports: &[(&str, &str)]) -> Lab {
    let (lab, id) = lab();
    let mut program = format!("{HEAD}resources:\n");
    for (ty, name) in imports {
        let said = lab.run(&format!("import {ty} {name} {} -s taker --yes --protect false", id(name))).ends_with(0);
        program += said.out.strip_prefix("resources:\n").unwrap();
    }
    std::fs::write(lab.path().join("stacks/taker.yaml"), &program).unwrap();
    lab
}

#[test]
fn what_is_replaced_gets_what_the_state_has_and_never_a_placeholder() {
    let lab = taken(&[("aws:lambda:Function", "function"), ("aws:ssm:Parameter", "token")]);
    let refused = lab.run("up -s taker --yes --replace function --replace token").ends_with(2);
    let program = std::fs::read_to_string(lab.path().join("stacks/taker.yaml")).unwrap();
    let line = 1 + program.lines().position(|line| line.trim() == "code:").unwrap();
    let told = format!("stacks/taker.yaml:{}:9: error[placeholder]: `code` of `function`", line + 1);
    assert!(refused.err.contains(&told), "{}", refused.err);
    assert!(!refused.err.contains("token"), "{}", refused.err);
    assert!(refused.err.contains("take it out of `ignoreChanges`"), "{}", refused.err);
    lab.run("preview -s maker --refresh --expect-no-changes").ends_with(0);
    lab.run("up -s taker --yes --replace token").ends_with(0);
    let maker = lab.run("preview -s maker --refresh").ends_with(0);
    assert!(!maker.err.contains("value"), "the new parameter has the old value: {}", maker.err);
    lab.run("preview -s taker --refresh --expect-no-changes").ends_with(0);
}

#[test]
fn what_is_gone_is_not_made_anew_of_a_placeholder() {
    let lab = taken(&[("aws:ssm:Parameter", "token")]);
    lab.run("destroy -s maker --yes").ends_with(0);
    let refused = lab.run("up -s taker --refresh --yes").ends_with(2);
    assert!(refused.err.contains("error[placeholder]: `value` of `token`"), "{}", refused.err);
    let path = lab.path().join("stacks/taker.yaml");
    let program = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, program.replace("not written down by drctl import", "walrus")).unwrap();
    lab.run("up -s taker --refresh --yes").ends_with(0);
}

#[test]
fn a_placeholder_that_is_no_longer_ignored_is_refused() {
    let lab = taken(&[("aws:ssm:Parameter", "token")]);
    let path = lab.path().join("stacks/taker.yaml");
    let program = std::fs::read_to_string(&path).unwrap();
    assert!(program.contains("- value\n"), "{program}");
    std::fs::write(&path, program.replace("- value\n", "- description\n")).unwrap();
    let refused = lab.run("preview -s taker").ends_with(2);
    assert!(refused.err.contains("error[placeholder]: `value` of `token`"), "{}", refused.err);
}

/// Runs commands on a twin that lives in a folder.
fn saying_on_twin(folder: &tempfile::TempDir) -> impl Fn(&str) -> Said {
    move |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
        command.args(line.split(' ')).current_dir(folder).stdin(Stdio::null()).env_clear();
        command.env("HOME", folder.path()).env("USER", "tester").env("DRCTL_LOCAL", "1");
        Said::of(&command.output().unwrap())
    }
}

/// The same for commands that must succeed.
fn on_twin(folder: &tempfile::TempDir) -> impl Fn(&str) -> Said {
    let said = saying_on_twin(folder);
    move |line| said(line).ends_with(0)
}

#[test]
fn what_is_imported_from_the_twin_is_as_good_as_from_aws() {
    let folder = tempfile::tempdir().unwrap();
    let stacks = folder.path().join("stacks");
    std::fs::create_dir(&stacks).unwrap();
    let made = "
resources:
  token: {type: aws:ssm:Parameter, properties: {name: /imports/token, type: SecureString, value: walrus}}
  db: {type: aws:rds:Cluster, properties: {clusterIdentifier: imports, engine: aurora-postgresql, masterUsername: a, masterPassword: walrus12, skipFinalSnapshot: true}}
";
    let program = format!("{HEAD}{made}");
    std::fs::write(stacks.join("maker.yaml"), &program).unwrap();
    std::fs::write(stacks.join("taker.yaml"), HEAD).unwrap();
    let said = saying_on_twin(&folder);
    let run = on_twin(&folder);
    run("up -s maker --yes");
    let mut text = format!("{HEAD}resources:\n");
    for line in ["aws:ssm:Parameter token /imports/token", "aws:rds:Cluster db imports"] {
        let said = run(&format!("import {line} -s taker --yes --protect false"));
        assert!(!said.err.contains("cannot be read back") && !said.out.contains("sha256"), "{}{}", said.out, said.err);
        text += said.out.strip_prefix("resources:\n").unwrap();
    }
    std::fs::write(stacks.join("taker.yaml"), &text).unwrap();
    run("validate -s taker");
    run("preview -s taker --expect-no-changes");
    run("preview -s taker --refresh --expect-no-changes");
    // What could not be made again is not deleted.
    let refused = said("preview -s taker --replace db").ends_with(2);
    assert!(refused.err.contains("error[placeholder]: `masterPassword` of `db`"), "{}", refused.err);
    std::fs::write(
        stacks.join("taker.yaml"),
        text.replace("      type: SecureString", "      type: SecureString\n      description: x"),
    )
    .unwrap();
    run("up -s taker --yes");
    run("up -s taker --yes --replace token");
    run("preview -s taker --refresh --expect-no-changes");
    std::fs::write(stacks.join("maker.yaml"), program.replace("value: walrus", "value: walrus, description: x"))
        .unwrap();
    // The new parameter has the old value.
    run("preview -s maker --refresh --expect-no-changes");
}

/// What `import` prints is clean beside the tags that the stack gives, whichever of them a resource has.
fn imported_beside_default_tags(run: impl Fn(&str) -> Said, stacks: &std::path::Path) {
    let made = "
resources:
  bare: {type: aws:sns:Topic, properties: {name: bare}}
  same: {type: aws:sns:Topic, properties: {name: same, tags: {team: data, site: primary, more: x}}}
  other: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16, tags: {team: web}}}
  token: {type: aws:ssm:Parameter, properties: {name: /tagged/token, type: SecureString, value: walrus}}
outputs: {bare: '${bare.arn}', same: '${same.arn}', other: '${other.id}', token: '${token.id}'}
";
    let head = format!("{HEAD}tags: {{team: data, site: '${{region.role}}'}}\n");
    std::fs::write(stacks.join("maker.yaml"), format!("{HEAD}{made}")).unwrap();
    std::fs::write(stacks.join("taker.yaml"), &head).unwrap();
    run("up -s maker --yes");
    let ids: Json = serde_json::from_str(&run("outputs -s maker --json").out).unwrap();
    let list: String = [
        ("aws:sns:Topic", "bare"),
        ("aws:sns:Topic", "same"),
        ("aws:ec2:Vpc", "other"),
        ("aws:ssm:Parameter", "token"),
    ]
    .map(|(ty, name)| format!("- {{type: {ty}, name: {name}, id: {}}}\n", ids[name]))
    .concat();
    std::fs::write(stacks.join("list.yaml"), list).unwrap();
    let said = run("import --from stacks/list.yaml -s taker --yes --protect false");
    assert!(!said.out.contains("team: data") && said.out.contains("team: web"), "{}", said.out);
    assert_eq!(said.out.matches("- tags.site").count(), 3, "{}", said.out);
    assert_eq!(said.out.matches("# The stack gives these tags").count(), 3, "{}", said.out);
    assert_eq!(said.out.matches("# Secrets, code").count(), 1, "{}", said.out);
    let program = head + &said.out;
    std::fs::write(stacks.join("taker.yaml"), &program).unwrap();
    run("preview -s taker --expect-no-changes");
    run("preview -s taker --refresh --expect-no-changes");
    std::fs::write(stacks.join("taker.yaml"), program.replace("      - tags.site\n", "")).unwrap();
    let said = run("preview -s taker");
    assert!(said.err.contains("site") && !said.err.contains("team"), "{}", said.err);
}

#[test]
fn what_import_prints_is_clean_beside_the_tags_of_the_stack() {
    let lab = Lab::new(ministack());
    imported_beside_default_tags(|line| lab.run(line).ends_with(0), &lab.path().join("stacks"));
}

#[test]
fn what_import_prints_is_clean_beside_the_tags_of_the_stack_on_the_twin() {
    let folder = tempfile::tempdir().unwrap();
    let stacks = folder.path().join("stacks");
    std::fs::create_dir(&stacks).unwrap();
    imported_beside_default_tags(on_twin(&folder), &stacks);
}

#[test]
fn an_import_that_fails_tells_so_by_its_exit_code() {
    let lab = Lab::new(ministack());
    std::fs::write(lab.path().join("stacks/taker.yaml"), HEAD).unwrap();
    let wrong_id = lab.run("import aws:apigateway:Account settings bogus -s taker --yes").ends_with(4);
    assert!(wrong_id.err.contains("there is no Account bogus"), "{}", wrong_id.err);
    assert!(wrong_id.err.contains("api-gateway-account"), "{}", wrong_id.err);
    lab.run("import aws:cloudwatch:MetricStream stream orders -s taker --yes").ends_with(4);
    let nothing = lab.run("import -s taker --yes").ends_with(2);
    assert!(nothing.err.contains("import --from FILE"), "{}", nothing.err);
}
