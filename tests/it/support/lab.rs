//! A project with one stack of moderate size, and the real program run in it.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::checkout::root;
use super::emulator::{Emulator, python};

/// A project on an emulator, in an account of its own.
pub struct Lab {
    folder: tempfile::TempDir,
    pub account: String,
    server: &'static Emulator,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// # Panics
    /// If the command ended otherwise.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }
}

impl Lab {
    pub fn new(server: &'static Emulator) -> Self {
        Self::with(server, "lab.yaml")
    }

    /// With another stack of `tests/it/data`.
    pub fn with(server: &'static Emulator, stack: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("stacks")).unwrap();
        let (from, to) = (root().join("tests/it/data").join(stack), folder.path().join("stacks").join(stack));
        std::fs::copy(from, to).unwrap();
        let (account, _) = server.account();
        Self { folder, account, server }
    }

    /// Another checkout of the same user, on another machine.
    pub fn elsewhere(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("stacks")).unwrap();
        std::fs::copy(self.folder.path().join("stacks/lab.yaml"), folder.path().join("stacks/lab.yaml")).unwrap();
        Self { folder, account: self.account.clone(), server: self.server }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The state of the stack.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join(".drctl/lab/lab")
    }

    /// The program with its arguments, in an environment that knows nothing of its surroundings.
    pub fn drctl(&self, endpoint: &str, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
        command.args(line.split(' ')).current_dir(&self.folder).stdin(Stdio::null()).env_clear();
        command.envs(self.environment(endpoint));
        command
    }

    /// The same, started by another program.
    pub fn drctl_by(&self, launcher: &[&str], endpoint: &str, line: &str) -> Command {
        let bare = self.drctl(endpoint, line);
        let mut command = Command::new(launcher[0]);
        command.args(&launcher[1..]).arg(bare.get_program()).args(bare.get_args());
        command.current_dir(&self.folder).stdin(Stdio::null()).env_clear().envs(self.environment(endpoint));
        command
    }

    pub fn environment(&self, endpoint: &str) -> Vec<(&'static str, String)> {
        let home = self.folder.path().to_string_lossy().into_owned();
        vec![
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", home),
            ("USER", "tester".into()),
            ("TERM", "xterm".into()),
            ("AWS_ENDPOINT_URL", endpoint.into()),
            ("AWS_ACCESS_KEY_ID", self.account.clone()),
            ("AWS_SECRET_ACCESS_KEY", "secret".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            // One state, whatever the port of a proxy is.
            ("DRCTL_TARGET", "lab".into()),
        ]
    }

    /// Runs a command against an endpoint and waits for its end.
    pub fn run_at(&self, endpoint: &str, line: &str) -> Said {
        Said::of(&self.drctl(endpoint, line).output().unwrap())
    }

    /// Runs a command on the undisturbed emulator.
    pub fn run(&self, line: &str) -> Said {
        self.run_at(&self.server.endpoint, line)
    }

    /// What the account holds, asked with another client; ids are cut.
    pub fn holdings(&self) -> Vec<String> {
        const SERVICES: [&str; 6] = ["iam", "s3", "lambda", "sns", "logs", "kms"];
        let script = root().join("tests/emulators/leftovers.py");
        let output = Command::new(python())
            .arg(script)
            .args([self.server.endpoint.as_str(), &self.account, "us-east-1", "eu-west-1"])
            .args(SERVICES)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap().replace(&self.account, "ACCOUNT");
        let key = regex_lite::Regex::new(r"kms [0-9a-f-]{36}").unwrap();
        let id = regex_lite::Regex::new(r"-[0-9a-f]{8,17}$").unwrap();
        let cut = |line: &str| id.replace(&key.replace(line, "kms key"), "").into_owned();
        let mut lines: Vec<String> = text.lines().map(cut).collect();
        lines.sort();
        lines
    }

    /// The stack is there, once, and as the program says; the state is sound.
    #[track_caller]
    pub fn is_whole(&self) {
        self.run("preview --refresh --expect-no-changes").ends_with(0);
        self.run("state check").ends_with(0);
        let holdings = self.holdings();
        assert_eq!(holdings, WHOLE.lines().map(str::to_owned).collect::<Vec<_>>(), "{}", holdings.join("\n"));
    }
}

/// What an account holds after an undisturbed run.
const WHOLE: &str = "\
eu-west-1 ec2 igw
eu-west-1 ec2 pcx
eu-west-1 ec2 rtb
eu-west-1 ec2 rtb
eu-west-1 ec2 sg
eu-west-1 ec2 sg
eu-west-1 ec2 subnet
eu-west-1 ec2 subnet
eu-west-1 ec2 vpc
eu-west-1 kms alias/lab
eu-west-1 kms key
eu-west-1 sns arn:aws:sns:eu-west-1:ACCOUNT:lab
iam lab
s3 lab-ACCOUNT-primary
s3 lab-ACCOUNT-secondary
us-east-1 ec2 igw
us-east-1 ec2 pcx
us-east-1 ec2 rtb
us-east-1 ec2 rtb
us-east-1 ec2 sg
us-east-1 ec2 sg
us-east-1 ec2 subnet
us-east-1 ec2 subnet
us-east-1 ec2 vpc
us-east-1 kms alias/lab
us-east-1 kms key
us-east-1 lambda lab
us-east-1 logs lab
us-east-1 sns arn:aws:sns:us-east-1:ACCOUNT:lab";
