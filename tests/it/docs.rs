//! What can be generated is generated: the tables of the README come from the program itself.
//! `UPDATE_DOCS=1 cargo test --test it docs` writes them anew.

use std::fmt::Write;
use std::path::PathBuf;

use clap::CommandFactory;
use drctl::cli::Cli;
use drctl::engine::schema::summary;

use crate::support::emulator::python;

fn commands() -> String {
    let mut table = String::from("| command | what it does |\n| --- | --- |\n");
    for command in Cli::command().get_subcommands().filter(|c| !c.is_hide_set()) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let inner: Vec<&str> = command.get_subcommands().filter(|c| !c.is_hide_set()).map(|c| c.get_name()).collect();
        let inner = if inner.is_empty() { String::new() } else { format!(" {}", inner.join("\\|")) };
        writeln!(table, "| `{}{inner}` | {about} |", command.get_name()).unwrap();
    }
    table
}

fn types() -> String {
    let mut table = String::from("| type | inputs | what it is |\n| --- | --- | --- |\n");
    let mut types: Vec<_> = drctl::aws::catalog().types().collect();
    types.sort_by_key(|t| t.token);
    for ty in types {
        let first = summary(&ty.description);
        writeln!(table, "| `{}` | {} | {first} |", ty.token, ty.inputs.properties.len()).unwrap();
    }
    table
}

fn functions() -> String {
    let mut table = String::from("| data source | what it answers |\n| --- | --- |\n");
    let mut functions: Vec<_> = drctl::aws::catalog().functions().iter().collect();
    functions.sort_by_key(|f| f.token);
    for function in functions {
        let first = summary(&function.description);
        writeln!(table, "| `{}` | {first} |", function.token).unwrap();
    }
    table
}

fn rules() -> String {
    let mut table = String::from("| rule | what must hold |\n| --- | --- |\n");
    for rule in drctl::checks::RULES {
        writeln!(table, "| `{}` | {} |", rule.code, rule.summary).unwrap();
    }
    table
}

/// The README with its generated parts as they should be.
fn fresh(text: &str) -> String {
    let mut text = text.to_owned();
    let tables = [("commands", commands()), ("rules", rules()), ("types", types()), ("data sources", functions())];
    for (name, table) in tables {
        let (begin, end) = (format!("<!-- generated: {name} -->\n"), "<!-- end -->");
        let start = text.find(&begin).unwrap_or_else(|| panic!("the README has no place for the {name}")) + begin.len();
        let stop = start + text[start..].find(end).unwrap();
        text.replace_range(start..stop, &table);
    }
    text
}

#[test]
fn the_tables_of_the_readme_are_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let fresh = fresh(&text);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
        return;
    }
    let stale = fresh.lines().zip(text.lines()).find(|(a, b)| a != b);
    assert!(fresh == text, "run `UPDATE_DOCS=1 cargo test --test it docs`; first difference: {stale:?}");
}

/// Stacks, components and examples, wherever they lie.
fn shipped() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folders = ["stacks", "stacks/components", "examples", "benches"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap().flatten());
    let yaml = files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    yaml.chain([root.join("examples/pulumi-project/Pulumi.yaml")]).collect()
}

/// What an editor finds wrong with stack files, one mistake a line.
fn found_by_an_editor(files: &[PathBuf]) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut check = std::process::Command::new(python());
    check.arg(root.join("tests/emulators/schema.py")).arg(root.join("schema.json")).args(files);
    let output = check.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn editors_find_nothing_wrong_with_what_is_shipped() {
    let files = shipped();
    assert!(files.len() > 40, "{files:?}");
    assert_eq!(found_by_an_editor(&files), "");
}

#[test]
fn editors_know_the_types_and_that_null_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        let file = folder.path().join("stack.yaml");
        std::fs::write(&file, text).unwrap();
        found_by_an_editor(&[file])
    };
    let good = "config: null\ncomponents: {pair: {resources: {v: {type: aws:ec2:Vpc, options: null}}}}\nresources:\n  \
        p: {type: 'pulumi:providers:aws', properties: {region: eu-west-1}}\n  c: {type: pair, tags: null}\n  \
        v: {type: aws:ec2:Vpc, if: null, properties: {cidrBlock: null, tags: {Name: null}}, options: {protect: null}}\n";
    assert_eq!(check(good), "");
    for ty in ["aws:ec2:Vpx", "aws:ec2/vpx:Vpx", "gcp:storage:Bucket"] {
        let found = check(&format!("resources: {{v: {{type: '{ty}'}}}}\n"));
        assert!(found.contains("resources.v.type"), "{ty}: {found}");
    }
    assert!(check("resources: {v: {type: aws:s3:BucketVersioning, properties: {bucket: null}}}\n").contains("bucket"));
}

#[test]
fn the_schema_for_editors_is_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema.json");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_drctl")).arg("schema").output().unwrap();
    let fresh = String::from_utf8(output.stdout).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
        return;
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(fresh == text, "run `UPDATE_DOCS=1 cargo test --test it docs`");
}
