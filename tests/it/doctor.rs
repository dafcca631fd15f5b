//! `drctl doctor`, well and ill.

use std::net::TcpListener;

use crate::support::emulator::ministack;
use crate::support::lab::{Lab, Said};

/// What a run says, without what changes from run to run.
fn told(lab: &Lab, endpoint: &str, said: &Said) -> String {
    let port = endpoint.rsplit(':').next().unwrap_or_default();
    let text = format!("{}{}ends with {}", said.err, said.out, said.code.unwrap_or(-1));
    let text = text.replace(&lab.path().to_string_lossy().into_owned(), "DIRECTORY");
    let text = text.replace(&lab.account, "ACCOUNT").replace(port, "PORT");
    let types = regex_lite::Regex::new(r"version \S+, \d+ resource types").unwrap();
    types.replace(&text, "version V, N resource types").into_owned()
}

#[test]
fn a_server_that_answers_makes_everything_well() {
    let lab = Lab::new(ministack());
    let endpoint = &ministack().endpoint;
    insta::assert_snapshot!(told(&lab, endpoint, &lab.run("doctor")));
    lab.run("up --yes").ends_with(0);
    insta::assert_snapshot!(told(&lab, endpoint, &lab.run("doctor")));
}

#[test]
fn an_endpoint_that_is_down_is_told_as_such() {
    let lab = Lab::new(ministack());
    // Nobody listens on a port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let mut command = lab.drctl(&endpoint, "doctor");
    let said = Said::of(&command.env("AWS_MAX_ATTEMPTS", "2").output().unwrap());
    insta::assert_snapshot!(told(&lab, &endpoint, &said));
}

#[test]
fn missing_credentials_are_told_with_what_to_do() {
    let lab = Lab::new(ministack());
    let endpoint = &ministack().endpoint;
    let mut command = lab.drctl(endpoint, "doctor");
    let said = Said::of(&command.env_remove("AWS_ACCESS_KEY_ID").output().unwrap());
    insta::assert_snapshot!(told(&lab, endpoint, &said));
}
