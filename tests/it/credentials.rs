//! Credentials that end while a run goes on: renewed if whoever gives them has others, and otherwise
//! the end of the run, which the next one takes up.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::support::emulator::ministack;
use crate::support::lab::{Lab, Said};
use crate::support::proxy::{Fault, Proxy};
use crate::support::wire::Refusal;

const EXPIRED: Refusal =
    Refusal { status: 400, code: "ExpiredToken", message: "The security token included in the request is expired" };

/// A lab whose credentials come from a program: so often it gives some, then it fails.
struct Issuer {
    lab: Lab,
}

impl Issuer {
    fn giving(times: u32) -> Self {
        let lab = Lab::new(ministack());
        let (folder, account) = (lab.path(), &lab.account);
        let counter = folder.join("given");
        let script = format!(
            "#!/bin/sh\n\
             given=$(cat '{counter}' 2>/dev/null || echo 0)\n\
             [ \"$given\" -lt {times} ] || {{ echo 'the session is over' >&2; exit 1; }}\n\
             echo $((given + 1)) > '{counter}'\n\
             echo '{{\"Version\": 1, \"AccessKeyId\": \"{account}\", \"SecretAccessKey\": \"secret\", \
             \"SessionToken\": \"token-'$given'\"}}'\n",
            counter = counter.display()
        );
        let program = folder.join("issuer.sh");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::create_dir(folder.join(".aws")).unwrap();
        let config = format!("[profile ops]\nregion = us-east-1\ncredential_process = {}\n", program.display());
        std::fs::write(folder.join(".aws/config"), config).unwrap();
        Self { lab }
    }

    fn run_at(&self, endpoint: &str, line: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
        command.args(line.split(' ')).current_dir(self.lab.path()).stdin(Stdio::null()).env_clear();
        let ours = |(name, _): &(&str, String)| !name.starts_with("AWS_ACCESS") && !name.starts_with("AWS_SECRET");
        command.envs(self.lab.environment(endpoint).into_iter().filter(ours)).env("AWS_PROFILE", "ops");
        Said::of(&command.output().unwrap())
    }

    fn given(&self) -> u32 {
        std::fs::read_to_string(self.lab.path().join("given")).unwrap().trim().parse().unwrap()
    }
}

/// Takes the token with that number for so many requests, and calls it expired then.
fn expiring(after: usize) -> Proxy {
    let mut seen = 0;
    Proxy::breaking_requests(ministack(), move |request| {
        let first = request.header("x-amz-security-token") == Some("token-0");
        seen += usize::from(first);
        (first && seen > after).then_some(Fault::Refused(EXPIRED))
    })
}

#[test]
fn credentials_that_aws_calls_expired_are_asked_for_again_and_the_run_goes_on() {
    let issuer = Issuer::giving(10);
    let proxy = expiring(25);
    issuer.run_at(&proxy.endpoint, "up --yes").ends_with(0);
    assert_eq!(issuer.given(), 2, "once at the beginning, once for the expired ones");
    issuer.lab.is_whole();
}

#[test]
fn a_run_whose_credentials_cannot_be_renewed_stops_with_the_profile_and_the_next_one_goes_on() {
    let issuer = Issuer::giving(1);
    let proxy = expiring(25);
    let said = issuer.run_at(&proxy.endpoint, "up --yes").ends_with(3);
    assert!(said.err.contains("credentials of profile `ops`"), "{}", said.err);
    assert!(said.err.contains("aws sso login --profile ops"), "{}", said.err);
    assert!(said.err.contains("Stopped: there are no valid credentials"), "{}", said.err);
    issuer.lab.run("state check").ends_with(0);
    issuer.lab.run("up --yes").ends_with(0);
    issuer.lab.is_whole();
}

#[test]
fn without_credentials_nothing_begins_and_the_profile_is_named() {
    let issuer = Issuer::giving(0);
    let said = issuer.run_at(&ministack().endpoint, "up --yes").ends_with(3);
    assert!(said.err.contains("profile `ops`") && said.err.contains("the session is over"), "{}", said.err);
}
