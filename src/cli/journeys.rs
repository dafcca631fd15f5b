//! Commands one after another on the twin, as a person would give them, judged by their exit codes.

use std::path::Path;
use std::process::ExitCode;

use crate::cli::exit::Exit;
use crate::engine::event::{Ended, Event};
use crate::render::log;
use crate::state::{Keys, SavedPlan, Source};

const STACK: &str = r#"
name: network
regions: {primary: us-east-1, secondary: eu-west-1}
config:
  dns: {type: boolean, default: true}
resources:
  vpc:
    type: aws:ec2:Vpc
    properties: {cidrBlock: 10.0.0.0/16, enableDnsHostnames: "${dns}"}
  subnet:
    type: aws:ec2:Subnet
    properties: {vpcId: "${vpc.id}", cidrBlock: 10.0.1.0/24, availabilityZone: us-east-1a}
  other:
    type: aws:ec2:Vpc
    region: secondary
    properties: {cidrBlock: 10.1.0.0/16}
outputs:
  id: ${vpc.id}
"#;

/// A project with one stack, `net`.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        Self::with(STACK)
    }

    fn with(stack: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("stacks")).unwrap();
        std::fs::write(directory.path().join("stacks/net.yaml"), stack).unwrap();
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The exit code of a command on the twin.
    fn run(&self, line: &str) -> ExitCode {
        let fixed = ["--local", "--yes", "--cwd"].map(Into::into).into_iter().chain([self.path().into()]);
        crate::cli::run(std::iter::once("drctl".into()).chain(line.split(' ').map(Into::into)).chain(fixed))
    }

    #[track_caller]
    fn expect(&self, line: &str, exit: Exit) {
        assert_eq!(self.run(line), ExitCode::from(exit), "drctl {line}");
    }
}

#[test]
fn a_stack_comes_up_stays_quiet_changes_and_goes() {
    let project = Project::new();
    project.expect("validate", Exit::Ok);
    project.expect("preview --detailed-exitcode", Exit::Configuration);
    project.expect("up", Exit::Ok);
    project.expect("preview --expect-no-changes", Exit::Ok);
    project.expect("preview --refresh --detailed-exitcode", Exit::Ok);
    project.expect("preview --config dns=false --expect-no-changes", Exit::UnexpectedChanges);
    project.expect("up --config dns=false --expect-no-changes", Exit::UnexpectedChanges);
    project.expect("up --config dns=false", Exit::Ok);
    project.expect("outputs id", Exit::Ok);
    project.expect("outputs ids", Exit::Configuration);
    project.expect("destroy", Exit::Ok);
    project.expect("up --json", Exit::Ok);
}

#[test]
fn a_run_of_any_kind_leaves_a_record() {
    let project = Project::new();
    project.expect("preview --markdown", Exit::Ok);
    project.expect("up", Exit::Ok);
    let records = log::list(&project.path().join(".drctl/twin/net/runs")).unwrap();
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|path| !log::read(path).unwrap().is_empty()));
    project.expect("history", Exit::Ok);
    project.expect("history show", Exit::Ok);
    project.expect("history show nothing", Exit::Configuration);
}

#[test]
fn what_is_protected_is_destroyed_only_by_force() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    project.expect("state protect vpc", Exit::Ok);
    project.expect("destroy", Exit::Policy);
    project.expect("state show subnet", Exit::Ok);
    project.expect("destroy --force-override-protection", Exit::Ok);
    project.expect("stack rm", Exit::Ok);
    project.expect("state ls", Exit::StackNotFound);
}

#[test]
fn a_component_and_an_each_are_named_as_a_whole() {
    let project = Project::with(
        r#"
name: network
regions: {primary: us-east-1}
components:
  net:
    resources:
      vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
      subnet: {type: aws:ec2:Subnet, properties: {vpcId: "${vpc.id}", cidrBlock: 10.0.1.0/24}}
resources:
  a: {type: net}
  b: {type: net}
  topic: {type: aws:sns:Topic, each: [x, y]}
  written: {type: aws:sns:Topic, name: called}
"#,
    );
    project.expect("up --target a", Exit::Ok);
    project.expect("state show a", Exit::Ok);
    project.expect("state show b", Exit::Configuration);
    project.expect("up --exclude topic", Exit::Ok);
    project.expect("state ls topic", Exit::Configuration);
    project.expect("up", Exit::Ok);
    project.expect("preview --replace topic --expect-no-changes", Exit::UnexpectedChanges);
    project.expect("up --target written", Exit::Configuration);
    project.expect("up --target called", Exit::Ok);
    project.expect("state protect a topic", Exit::Ok);
    project.expect("destroy --target a", Exit::Policy);
    project.expect("state unprotect a/*", Exit::Ok);
    project.expect("destroy --target a", Exit::Ok);
    project.expect("destroy --target topic", Exit::Policy);
    project.expect("state unprotect topic", Exit::Ok);
    project.expect("state rm b", Exit::Configuration);
    project.expect("destroy", Exit::Ok);
}

#[test]
fn what_was_forgotten_is_imported_again_and_previews_clean() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    let state = std::fs::read_to_string(project.path().join(".drctl/twin/net/state.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&state).unwrap();
    let rows = json["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["urn"].as_str().unwrap().ends_with("::other")).unwrap();
    let id = row["id"].as_str().unwrap();
    project.expect("state rm vpc", Exit::Configuration);
    project.expect("state rm other", Exit::Ok);
    project.expect(&format!("import aws:ec2:Vpc unknown {id}"), Exit::Resource);
    project.expect(&format!("import aws:ec2:Vpc other {id} --region primary"), Exit::Configuration);
    project.expect(&format!("import aws:ec2:Vpc other {id}@eu-west-1 --region primary"), Exit::Configuration);
    project.expect(&format!("import aws:ec2:Vpc other {id}@eu-west-1 --protect false"), Exit::Ok);
    project.expect("preview --expect-no-changes", Exit::Ok);
    project.expect("state rm other", Exit::Ok);
    project.expect(&format!("import aws:ec2:Vpc other {id} --protect false"), Exit::Ok);
    project.expect(&format!("import aws:ec2:Vpc other {id} --region secondary"), Exit::Configuration);
    project.expect("preview --expect-no-changes", Exit::Ok);
}

#[test]
fn an_imported_value_that_nobody_shows_is_the_one_that_the_program_gives() {
    let stack = "regions: {primary: us-east-1}\nresources:\n  secret:\n    type: aws:secretsmanager:Secret\n    \
         properties: {name: db}\n  version:\n    type: aws:secretsmanager:SecretVersion\n    \
         properties: {secretId: \"${secret.id}\", secretString: hunter2}\n";
    let project = Project::with(stack);
    project.expect("up", Exit::Ok);
    let state = std::fs::read_to_string(project.path().join(".drctl/twin/net/state.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&state).unwrap();
    let row = json["rows"].as_array().unwrap().iter().find(|row| row["urn"].as_str().unwrap().ends_with("::version"));
    let id = row.unwrap()["id"].as_str().unwrap().to_owned();
    project.expect("state rm version", Exit::Ok);
    project.expect(&format!("import aws:secretsmanager:SecretVersion version {id} --protect false"), Exit::Ok);
    project.expect("preview --expect-no-changes", Exit::Ok);
    project.expect("up", Exit::Ok);
    std::fs::write(project.path().join("stacks/net.yaml"), stack.replace("hunter2", "hunter3")).unwrap();
    project.expect("preview --expect-no-changes", Exit::UnexpectedChanges);
}

#[test]
fn an_import_is_protected_unless_told_otherwise_and_names_what_it_cannot_be() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    let state = std::fs::read_to_string(project.path().join(".drctl/twin/net/state.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&state).unwrap();
    let row = json["rows"].as_array().unwrap().iter().find(|row| row["urn"].as_str().unwrap().ends_with("::other"));
    let id = row.unwrap()["id"].as_str().unwrap().to_owned();
    project.expect("state rm other", Exit::Ok);
    project.expect(&format!("import aws:ec2:Vpc other {id} --region mars"), Exit::Configuration);
    project.expect(&format!("import aws:ec2:Vpc a::b {id} --region secondary"), Exit::Configuration);
    let list = format!("- {{type: aws:ec2:Vpc, name: '', id: {id}, region: secondary}}\n");
    std::fs::write(project.path().join("list.yaml"), list).unwrap();
    project.expect("import --from list.yaml", Exit::Configuration);
    project.expect(&format!("import aws:ec2:Vpc other {id} --region secondary"), Exit::Ok);
    project.expect("destroy", Exit::Policy);
}

#[test]
fn a_list_is_imported_whole_or_not_at_all() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    let state = || {
        let file = project.path().join(".drctl/twin/net/state.json");
        serde_json::from_str::<serde_json::Value>(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    let id = |name: &str| {
        let rows = state()["rows"].as_array().unwrap().clone();
        let row = rows.into_iter().find(|row| row["urn"].as_str().unwrap().ends_with(name)).unwrap();
        row["id"].as_str().unwrap().to_owned()
    };
    let (other, subnet) = (id("::other"), id("::subnet"));
    project.expect("state rm other", Exit::Ok);
    project.expect("state rm subnet", Exit::Ok);
    let list = |subnet: &str| {
        let text = format!(
            "- {{type: aws:ec2:Subnet, name: subnet, id: {subnet}}}\n\
             - {{type: aws:ec2:Vpc, name: other, id: {other}, region: secondary}}\n"
        );
        std::fs::write(project.path().join("list.yaml"), text).unwrap();
    };
    list("subnet-0");
    project.expect("import --from list.yaml", Exit::Resource);
    assert_eq!(state()["rows"].as_array().unwrap().len(), 1);
    list(&subnet);
    project.expect("import --from list.yaml --protect false", Exit::Ok);
    project.expect("preview --expect-no-changes", Exit::Ok);
    project.expect("import --from list.yaml", Exit::Configuration);
}

#[test]
fn a_stack_gets_no_name_that_no_command_can_reach() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    for name in ["a/b", "..", "web.yaml", "stacks", "net"] {
        project.expect(&format!("stack rename {name}"), Exit::Configuration);
    }
    project.expect("state ls", Exit::Ok);
}

#[test]
fn a_state_travels_through_a_file() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    let file = project.path().join("state.json");
    let export = format!("stack export --output {}", file.display());
    project.expect(&export, Exit::Ok);
    let nowhere = project.path().join("missing/x");
    project.expect(&format!("stack export --output {}", nowhere.display()), Exit::Configuration);
    project.expect(&format!("stack import {}", nowhere.display()), Exit::Configuration);
    project.expect(&format!("graph --output {}", nowhere.display()), Exit::Configuration);
    project.expect(&format!("permissions --files {}/x", file.display()), Exit::Configuration);
    project.expect("import --from missing.yaml", Exit::Configuration);
    project.expect("stack rm", Exit::Configuration);
    project.expect("stack rm --force", Exit::Ok);
    project.expect(&format!("stack import {}", file.display()), Exit::Ok);
    project.expect("preview --expect-no-changes", Exit::Ok);
    project.expect("stack rename web", Exit::Ok);
    project.expect("stack ls", Exit::Ok);
    project.expect("state check", Exit::StackNotFound);
}

#[test]
fn a_saved_plan_is_carried_out_as_a_whole_or_not_at_all() {
    let project = Project::new();
    let file = project.path().join("plan");
    let (save, up) = (format!("preview --save-plan {}", file.display()), format!("up --plan {}", file.display()));
    project.expect(&save, Exit::Ok);
    project.expect(&format!("{up} --target vpc"), Exit::Configuration);
    project.expect(&format!("{up} --config dns=false"), Exit::Configuration);
    project.expect(&format!("destroy --plan {}", file.display()), Exit::StackNotFound);
    project.expect(&up, Exit::Ok);
    project.expect(&up, Exit::Configuration);
    project.expect(&format!("{save} --destroy"), Exit::Ok);
    project.expect(&up, Exit::Configuration);
    project.expect(&format!("destroy --plan {}", file.display()), Exit::Ok);
    std::fs::write(&file, "no plan").unwrap();
    project.expect(&up, Exit::Configuration);
}

#[test]
fn a_saved_plan_is_refused_once_program_config_state_or_tool_differ() {
    let project = Project::new();
    let file = project.path().join("plan");
    let (save, up) = (format!("preview --save-plan {}", file.display()), format!("up --plan {}", file.display()));
    let is_refused = || {
        project.expect(&up, Exit::Configuration);
        project.expect("preview --expect-no-changes", Exit::UnexpectedChanges);
    };
    let stack = project.path().join("stacks/net.yaml");
    project.expect(&save, Exit::Ok);
    std::fs::write(&stack, format!("{STACK}# a remark\n")).unwrap();
    is_refused();
    std::fs::write(&stack, STACK).unwrap();
    project.expect("config set dns false", Exit::Ok);
    is_refused();
    project.expect(&save, Exit::Ok);
    project.expect("up --target vpc", Exit::Ok);
    is_refused();
    project.expect(&save, Exit::Ok);
    made_by_another_tool(&project, &file);
    is_refused();
    project.expect(&save, Exit::Ok);
    project.expect(&up, Exit::Ok);
}

/// Makes a plan that of another version of drctl, which has the same keys.
fn made_by_another_tool(project: &Project, plan: &Path) {
    let root = project.path().join(".drctl");
    let keys = Keys::open(&root, Source::key_file());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (keys, _) = runtime.block_on(keys).unwrap();
    let (saved, basis) = SavedPlan::read(plan, &keys).unwrap();
    SavedPlan { tool: "0.0.1".into(), ..saved }.write(plan, &basis, &keys).unwrap();
}

#[test]
fn a_plan_of_a_project_that_always_refreshes_is_carried_out() {
    let project = Project::new();
    let text = "name: network\nruntime: yaml\noptions: {refresh: always}\nconfig: {aws:region: us-east-1}\nresources:\n  \
                vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}\n";
    std::fs::write(project.path().join("Pulumi.yaml"), text).unwrap();
    let file = project.path().join("plan");
    project.expect(&format!("preview --stack dev --save-plan {}", file.display()), Exit::Ok);
    project.expect(&format!("up --stack dev --refresh --plan {}", file.display()), Exit::Configuration);
    project.expect(&format!("up --stack dev --plan {}", file.display()), Exit::Ok);
}

#[test]
fn a_plan_does_not_hold_once_what_its_program_reads_has_changed() {
    let project = Project::with(
        "regions: {only: us-east-1}\nresources:\n  password:\n    type: aws:ssm:Parameter\n    properties: {name: /pw, type: \
         SecureString, value: {fn::secret: {fn::readFile: ../pw.txt}}}\n",
    );
    let (file, secret) = (project.path().join("plan"), project.path().join("pw.txt"));
    let (save, up) = (format!("preview --save-plan {}", file.display()), format!("up --plan {}", file.display()));
    std::fs::write(&secret, "hunter2").unwrap();
    project.expect(&save, Exit::Ok);
    std::fs::write(&secret, "hunter3").unwrap();
    project.expect(&up, Exit::Configuration);
    std::fs::write(&secret, "hunter2").unwrap();
    project.expect(&up, Exit::Ok);
}

#[test]
fn a_place_for_the_state_that_is_none_is_refused() {
    let project = Project::with(&format!("backend: gs://states\n{STACK}"));
    project.expect("validate", Exit::Configuration);
    let project = Project::new();
    project.expect("up --state gs://states", Exit::Configuration);
    project.expect("stack migrate-state --to s3://X", Exit::Configuration);
    project.expect("stack migrate-state --to local", Exit::Configuration);
    assert!(!project.path().join(".drctl").exists());
}

#[test]
fn the_twin_keeps_its_states_beside_it_whatever_the_file_says() {
    let project = Project::with(&format!("backend: s3://states-that-nobody-has/p\n{STACK}"));
    project.expect("up", Exit::Ok);
    project.expect("stack ls", Exit::Ok);
    assert!(project.path().join(".drctl/twin/net/state.json").exists());
}

#[test]
fn a_key_of_config_is_the_same_with_and_without_the_name_of_the_project() {
    let project = Project::new();
    let name = "network";
    let text = std::fs::read_to_string(project.path().join("stacks/net.yaml")).unwrap();
    assert!(text.contains(&format!("name: {name}")), "{text}");
    project.expect("config set dns true", Exit::Ok);
    let files = || {
        let mut all = std::fs::read_dir(project.path().join("stacks")).unwrap().map(|entry| entry.unwrap().path());
        let config = all.find(|path| !path.ends_with("net.yaml")).unwrap();
        std::fs::read_to_string(config).unwrap()
    };
    project.expect(&format!("config set {name}:dns false"), Exit::Ok);
    assert_eq!(files().matches("dns").count(), 1, "{}", files());
    project.expect(&format!("config get {name}:dns"), Exit::Ok);
    project.expect(&format!("config rm {name}:dns"), Exit::Ok);
    project.expect("config get dns", Exit::Configuration);
}

#[test]
fn a_project_inside_of_another_has_a_twin_of_its_own() {
    let outer = Project::new();
    outer.expect("up", Exit::Ok);
    let inner = Project(tempfile::tempdir_in(outer.path()).unwrap());
    std::fs::create_dir(inner.path().join("stacks")).unwrap();
    std::fs::copy(outer.path().join("stacks/net.yaml"), inner.path().join("stacks/net.yaml")).unwrap();
    inner.expect("local reset", Exit::Ok);
    outer.expect("preview --refresh --expect-no-changes", Exit::Ok);
}

#[test]
fn config_is_set_before_the_program_is_whole() {
    let project = Project::with(&STACK.replace(", default: true", ""));
    project.expect("validate", Exit::Configuration);
    project.expect("config set dns true", Exit::Ok);
    project.expect("validate", Exit::Ok);
    project.expect("config get dns", Exit::Ok);
    project.expect("config rm dns", Exit::Ok);
    project.expect("config get dns", Exit::Configuration);
}

#[test]
fn a_stack_that_does_not_exist_has_an_exit_code_of_its_own() {
    let project = Project::new();
    project.expect("up --stack nett", Exit::StackNotFound);
    project.expect("destroy", Exit::StackNotFound);
    project.expect("outputs", Exit::StackNotFound);
}

#[test]
fn a_reset_twin_is_empty_and_so_are_the_states_on_it() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    project.expect("doctor", Exit::Ok);
    project.expect("local reset", Exit::Ok);
    project.expect("state ls", Exit::StackNotFound);
    project.expect("up", Exit::Ok);
}

#[test]
fn what_aws_deletes_only_later_goes_when_the_clock_of_the_twin_was_moved_on() {
    let project = Project::with(
        r#"
name: orders
regions: {primary: us-east-1, secondary: eu-west-1}
resources:
  orders:
    type: aws:dynamodb:Table
    properties:
      attributes: [{name: id, type: S}]
      hashKey: id
      billingMode: PAY_PER_REQUEST
      streamEnabled: true
      streamViewType: NEW_AND_OLD_IMAGES
  copy:
    type: aws:dynamodb:TableReplica
    region: secondary
    properties: {globalTableArn: "${orders.arn}"}
    options: {retainOnDelete: true}
"#,
    );
    project.expect("up", Exit::Ok);
    project.expect("destroy", Exit::Pending);
    project.expect("local advance 23h", Exit::Ok);
    project.expect("destroy", Exit::Pending);
    project.expect("local advance 1d", Exit::Ok);
    project.expect("destroy", Exit::Ok);
    project.expect("local advance yesterday", Exit::Configuration);
}

#[test]
fn flags_that_do_not_fit_are_refused_before_anything_is_done() {
    let project = Project::new();
    project.expect("up --skip-unsupported", Exit::Configuration);
    project.expect("up --parallel 0", Exit::Configuration);
    assert!(!project.path().join(".drctl").exists());
}

/// The last run as it was recorded.
fn last_record(project: &Project) -> Vec<Event> {
    let records = log::list(&project.path().join(".drctl/twin/net/runs")).unwrap();
    log::read(records.last().unwrap()).unwrap().into_iter().map(|envelope| envelope.event).collect()
}

#[test]
fn a_file_that_is_named_and_does_not_exist_stands_for_no_other_stack() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    for named in ["/no/such/place/net.yaml", "nowhere/net", "../net", "net.yaml", "net.yml@b"] {
        for command in ["destroy", "refresh", "state ls", "state rm other", "stack rm --force", "outputs", "history"] {
            project.expect(&format!("{command} --stack {named}"), Exit::StackNotFound);
        }
    }
    project.expect("preview --expect-no-changes", Exit::Ok);
}

#[test]
fn a_broken_program_has_the_state_of_its_own_place_and_of_no_other() {
    let (here, there) = (Project::new(), Project::with("resources: ["));
    here.expect("up", Exit::Ok);
    let broken = there.path().join("stacks/net.yaml");
    here.expect(&format!("destroy --stack {}", broken.display()), Exit::StackNotFound);
    here.expect("preview --expect-no-changes", Exit::Ok);
    std::fs::write(here.path().join("stacks/net.yaml"), "resources: [").unwrap();
    there.expect(&format!("destroy --stack {}", here.path().join("stacks/net.yaml").display()), Exit::Ok);
    here.expect("state ls", Exit::Ok);
    std::fs::remove_file(here.path().join("stacks/net.yaml")).unwrap();
    here.expect("stack rm --stack net", Exit::Ok);
}

#[test]
fn a_run_that_is_refused_is_recorded_with_the_reason() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    project.expect("state protect vpc", Exit::Ok);
    project.expect("destroy", Exit::Policy);
    let record = last_record(&project);
    let protected = |event: &Event| matches!(event, Event::Diagnostic { code: Some(code), .. } if code == "protected");
    assert!(record.iter().any(protected), "{record:#?}");
    let Some(Event::RunEnded { ended, .. }) = record.last() else { panic!("{record:#?}") };
    assert_eq!(*ended, Ended::Refused { code: "protected".into() });
    project.expect("up --target nothing", Exit::Configuration);
    let Some(Event::RunEnded { ended, .. }) = last_record(&project).pop() else { panic!() };
    assert_eq!(ended, Ended::Refused { code: "unknown-target".into() });
    project.expect("up --config dns=false --expect-no-changes", Exit::UnexpectedChanges);
    let Some(Event::RunEnded { ended, .. }) = last_record(&project).pop() else { panic!() };
    assert_eq!(ended, Ended::Refused { code: "unexpected-changes".into() });
}

#[test]
fn a_region_is_selected_by_its_name_or_its_role() {
    let project = Project::new();
    project.expect("up --region secondary", Exit::Ok);
    project.expect("preview --region eu-west-1 --expect-no-changes", Exit::Ok);
    project.expect("preview --region primary --expect-no-changes", Exit::UnexpectedChanges);
    project.expect("up --region mars", Exit::Configuration);
    project.expect("up --region secundary", Exit::Configuration);
    project.expect("destroy --region secondary", Exit::Ok);
    project.expect("state ls", Exit::Ok);
}

#[test]
fn a_reset_starts_over_with_a_twin_that_is_damaged() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    std::fs::write(project.path().join(".drctl/twin/world.json"), "{").unwrap();
    project.expect("preview", Exit::Configuration);
    project.expect("local inspect", Exit::Configuration);
    project.expect("local reset", Exit::Ok);
    project.expect("up", Exit::Ok);
}

#[test]
fn an_output_of_a_stack_without_a_state_is_a_mistake_in_the_program() {
    let project = Project::with("outputs: {a: {fn::stackReference: [nothing, b]}}");
    project.expect("up", Exit::Configuration);
    let project = Project::with("resources: {other: {type: pulumi:pulumi:StackReference}}\noutputs: {a: '${other}'}");
    project.expect("up", Exit::Configuration);
}

#[cfg(unix)]
#[test]
fn what_a_first_preview_leaves_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::new();
    project.expect("preview", Exit::Ok);
    let mode = |path: &str| project.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    for directory in [".drctl", ".drctl/twin", ".drctl/twin/net", ".drctl/twin/net/runs"] {
        assert_eq!(mode(directory), 0o700, "{directory}");
    }
    assert_eq!(mode(".drctl/twin/net/lineage"), 0o600);
    project.expect("up", Exit::Ok);
    let file = project.path().join("export.json");
    project.expect(&format!("stack export --output {}", file.display()), Exit::Ok);
    assert_eq!(mode("export.json"), 0o600);
}

#[test]
fn config_of_the_command_line_that_nothing_reads_is_refused() {
    let project = Project::new();
    project.expect("preview -c aws:region=eu-west-1", Exit::Configuration);
    project.expect("preview -c aws:anything=1", Exit::Configuration);
    project.expect("preview -c other:dns=1", Exit::Configuration);
    project.expect(r#"preview -c aws:defaultTags={"tags":{"a":"b"}}"#, Exit::Ok);
    project.expect("preview -c network:dns=true", Exit::Ok);
}

#[test]
fn a_value_that_is_declared_secret_is_sealed_or_not_set() {
    let project = Project::with(&STACK.replace("  dns:", "  token: {type: string, secret: true}\n  dns:"));
    // Without a passphrase nothing can be sealed, and clear text is no way out.
    project.expect("config set token hunter2", Exit::Configuration);
    assert!(!project.path().join("stacks/Pulumi.net.yaml").exists());
    project.expect("config set dns maybe", Exit::Configuration);
    project.expect("config set dns false", Exit::Ok);
}

#[test]
fn a_program_that_was_emptied_deletes_nothing_unless_that_is_said() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    for emptied in ["", "name: network\n", "name: network\nresources:\n"] {
        std::fs::write(project.path().join("stacks/net.yaml"), emptied).unwrap();
        project.expect("validate", Exit::Ok);
        project.expect("up", Exit::Configuration);
    }
    project.expect("state show subnet", Exit::Ok);
    project.expect("preview", Exit::Ok);
    project.expect("up --allow-empty", Exit::Ok);
    project.expect("state show subnet", Exit::Configuration);
    project.expect("up", Exit::Ok);
}

#[test]
fn what_comes_with_a_network_on_the_twin_can_be_referred_to() {
    let project = Project::with(
        r#"
name: network
regions: {primary: us-east-1}
resources:
  vpc:
    type: aws:ec2:Vpc
    properties: {cidrBlock: 10.0.0.0/16}
  gateway:
    type: aws:ec2:InternetGateway
    properties: {vpcId: "${vpc.id}"}
  route:
    type: aws:ec2:Route
    properties: {routeTableId: "${vpc.mainRouteTableId}", destinationCidrBlock: 0.0.0.0/0, gatewayId: "${gateway.id}"}
  rule:
    type: aws:vpc:SecurityGroupIngressRule
    properties: {securityGroupId: "${vpc.defaultSecurityGroupId}", ipProtocol: tcp, fromPort: 443, toPort: 443, cidrIpv4: 10.0.0.0/16}
outputs:
  same: {fn::equals: ["${vpc.mainRouteTableId}", "${vpc.defaultRouteTableId}"]}
"#,
    );
    project.expect("up", Exit::Ok);
    project.expect("preview --refresh --expect-no-changes", Exit::Ok);
    project.expect("destroy", Exit::Ok);
}
