//! Commands one after another on the twin, as a person would give them, judged by their exit codes.

use std::path::Path;
use std::process::ExitCode;

use crate::cli::exit::Exit;
use crate::render::log;

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
    project.expect("outputs ids", Exit::Error);
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
    project.expect("history show nothing", Exit::Error);
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
    project.expect(&format!("import aws:ec2:Vpc other {id}"), Exit::Resource);
    project.expect(&format!("import aws:ec2:Vpc other {id} --region secondary --protect false"), Exit::Ok);
    project.expect(&format!("import aws:ec2:Vpc other {id} --region secondary"), Exit::Configuration);
    project.expect("preview --expect-no-changes", Exit::Ok);
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
    project.expect(&format!("import aws:ec2:Vpc other {id} --region secondary"), Exit::Ok);
    project.expect("destroy", Exit::Policy);
}

#[test]
fn a_stack_gets_no_name_that_no_command_can_reach() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    project.expect("stack rename a/b", Exit::Configuration);
    project.expect("state ls", Exit::Ok);
}

#[test]
fn a_state_travels_through_a_file() {
    let project = Project::new();
    project.expect("up", Exit::Ok);
    let file = project.path().join("state.json");
    let export = format!("stack export --output {}", file.display());
    project.expect(&export, Exit::Ok);
    project.expect("stack rm", Exit::Configuration);
    project.expect("stack rm --force", Exit::Ok);
    project.expect(&format!("stack import {}", file.display()), Exit::Ok);
    project.expect("preview --expect-no-changes", Exit::Ok);
    project.expect("stack rename web", Exit::Ok);
    project.expect("stack ls", Exit::Ok);
    project.expect("state check", Exit::StackNotFound);
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
fn flags_that_do_not_fit_are_refused_before_anything_is_done() {
    let project = Project::new();
    project.expect("up --skip-unsupported", Exit::Configuration);
    project.expect("up --parallel 0", Exit::Configuration);
    assert!(!project.path().join(".drctl").exists());
}
