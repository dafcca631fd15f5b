//! What programs read: events of runs that never begin, and documents of commands that show something.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value as Json, json};

const STACK: &str = "
name: shop
regions: {primary: us-east-1}
config:
  size: {type: integer, default: 3}
resources:
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
outputs: {id: \"${vpc.id}\"}
";

fn project(stack: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("stacks")).unwrap();
    std::fs::write(folder.path().join("stacks/shop.yaml"), stack).unwrap();
    folder
}

fn command(directory: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
    command.args(line.split(' ')).current_dir(directory).env_clear();
    command.env("PATH", std::env::var("PATH").unwrap()).env("HOME", directory);
    command
}

fn run(directory: &Path, line: &str) -> Output {
    command(directory, line).output().unwrap()
}

/// The lines of standard output, each of which is an event.
fn events(output: &Output) -> Vec<Json> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn document(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[test]
fn a_run_that_never_begins_ends_with_events_that_say_why() {
    let cases = [
        (
            "regions: {a: us-east-1}\nresources: {vpc: {type: aws:ec2:Vpcs}}",
            "up --local --yes --json",
            2,
            "unknown-type",
        ),
        ("resources: [", "preview --local --json", 2, "yaml"),
        (STACK, "up --local --yes --json --stack nothing", 6, "unknown-stack"),
        (STACK, "destroy --local --yes --json", 6, "unknown-stack"),
        (STACK, "up --local --json", 2, "configuration"),
        (STACK, "up --local --yes --json --region mars", 2, "configuration"),
        (STACK, "up --local --yes --json --target nothing", 2, "unknown-target"),
    ];
    for (stack, line, code, why) in cases {
        let folder = project(stack);
        let output = run(folder.path(), line);
        assert_eq!(output.status.code(), Some(code), "drctl {line}: {output:?}");
        let events = events(&output);
        let told = events.iter().find(|event| event["event"] == "diagnostic");
        assert!(told.is_some_and(|event| event["code"] == why), "drctl {line}: {events:#?}");
        let last = events.last().unwrap();
        assert_eq!(last["ended"], json!({ "how": "refused", "code": why }), "drctl {line}");
        assert!(events.iter().any(|event| event["version"] == 1), "drctl {line}: {events:#?}");
        assert!(!output.stderr.is_empty(), "people are told, too");
    }
}

#[test]
fn commands_that_show_something_write_one_document() {
    let folder = project(STACK);
    let here = folder.path();
    assert!(run(here, "up --local --yes").status.success());
    let valid = document(&run(here, "validate --json"));
    assert_eq!(valid, json!({ "valid": true, "stack": "shop", "resources": 1, "diagnostics": [] }));
    assert_eq!(document(&run(here, "history --local --json"))[0]["ended"], json!({ "how": "completed" }));
    assert_eq!(document(&run(here, "state show vpc --local --json"))["type"], "aws:ec2/vpc:Vpc");
    assert_eq!(document(&run(here, "state check --local --json")), json!([]));
    assert_eq!(document(&run(here, "stack ls --local --json"))[0]["stack"], "shop");
    let checks = document(&run(here, "doctor --local --json"));
    let results: Vec<&Json> = checks.as_array().unwrap().iter().map(|check| &check["result"]).collect();
    assert!(results.len() > 4 && results.iter().all(|result| **result == "ok"), "{checks:#}");
    assert!(run(here, "config set size 4").status.success());
    assert_eq!(document(&run(here, "config ls --json")), json!({ "size": 4 }));
    assert_eq!(document(&run(here, "config get size --json")), json!(4));
    assert!(document(&run(here, "permissions --json"))["Statement"].is_array());
    let known = document(&run(here, "explain --json"));
    for section in ["types", "functions", "rules", "language", "options"] {
        assert!(known[section].as_array().is_some_and(|all| !all.is_empty()), "{section}");
    }
    assert!(document(&run(here, "explain aws:getRegion --json"))["arguments"].is_object());
}

#[test]
fn a_program_that_is_wrong_is_a_document_as_well() {
    let folder =
        project("regions: {a: us-east-1}\nresources: {vpc: {type: aws:ec2:Vpc, properties: {cidrBlok: 10.0.0.0/16}}}");
    let output = run(folder.path(), "validate --json");
    assert_eq!(output.status.code(), Some(2));
    let found = document(&output);
    assert_eq!(found["valid"], false);
    assert_eq!(found["diagnostics"][0]["code"], "unknown-property");
    assert_eq!(found["diagnostics"][0]["location"], "stacks/shop.yaml:2:51");
}

#[test]
fn an_endpoint_that_is_down_is_told_soon_and_by_its_address() {
    let folder = project(STACK);
    // Nobody listens on a port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let mut preview = command(folder.path(), "preview --json");
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_ENDPOINT_URL", endpoint.as_str())];
    let began = std::time::Instant::now();
    let output = preview.envs(keys).output().unwrap();
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    assert_eq!(output.status.code(), Some(11), "{output:?}");
    let events = events(&output);
    let told = events.iter().find(|event| event["event"] == "diagnostic").unwrap();
    let message = told["message"].as_str().unwrap();
    assert!(message.contains(&format!("sts in us-east-1 at http://127.0.0.1:{port} does not answer")), "{message}");
    assert!(told["help"].as_str().unwrap().contains("AWS_ENDPOINT_URL"));
    assert_eq!(events.last().unwrap()["ended"]["code"], "unreachable");
}

#[cfg(target_os = "linux")]
#[test]
fn data_that_cannot_be_written_is_no_success() {
    let folder = project(STACK);
    assert!(run(folder.path(), "up --local --yes").status.success());
    for line in ["outputs --local", "schema", "state ls --local", "preview --local --json"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command(folder.path(), line).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "drctl {line}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("not all could be written to standard output: No space left"), "{said}");
    }
}
