//! Licences, versions and sources of all dependencies are those that `deny.toml` allows.

use std::process::{Command, Output, Stdio};

use crate::support::checkout::root;
use crate::support::emulator::python;

/// Checks the dependencies by rules in which one text took the place of another.
fn checked(from: &str, to: &str) -> Output {
    let rules = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    assert!(rules.contains(from), "{from}");
    let changed = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(changed.path(), rules.replacen(from, to, 1)).unwrap();
    let mut metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .current_dir(root())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut check = Command::new(python());
    check.arg(root().join("tests/supply/check.py")).arg(changed.path()).stdin(metadata.stdout.take().unwrap());
    let output = check.output().unwrap();
    assert!(metadata.wait().unwrap().success());
    output
}

#[track_caller]
fn finds(from: &str, to: &str, problem: &str) {
    let output = checked(from, to);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && said.contains(problem), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_dependency_is_allowed_and_every_exception_is_of_use() {
    let output = checked("", "");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn what_is_not_allowed_is_found() {
    finds(r#", "Zlib""#, "", "licence `Zlib` of foldhash");
    finds(r#"{ crate = "minicbor", allow = ["BlueOak-1.0.0"] },"#, "", "licence `BlueOak-1.0.0` of minicbor");
    finds(r#"crate = "native-tls""#, r#"crate = "hyper""#, "hyper is banned");
    finds("crate = \"digest@0.10\"", "crate = \"digest@0.9\"", "digest is there as 0.10");
    finds("crate = \"digest@0.10\"", "crate = \"tokio@1\"", "the exception for tokio@1 is of no use");
    finds("https://github.com/rust-lang/crates.io-index", "https://example.org", "tokio comes from registry");
    finds(r#", reason = "rustls is the only TLS""#, "", "openssl has no reason");
}
