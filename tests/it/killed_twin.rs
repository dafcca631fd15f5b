//! Runs on the twin that are killed: the twin remembers what the state does, and the next run finishes what
//! was begun.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::support::lab::Said;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const UP: &str = "up";
const DESTROY: &str = "destroy --force-override-protection";

/// The shipped stacks, with a twin of their own.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").arg("-r").arg(Path::new(ROOT).join("stacks")).arg(folder.path()).status();
        assert!(copied.unwrap().success());
        Self(folder)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
        command.args(line.split(' ')).args(["--stack", "trading-platform", "--local", "--yes"]);
        command.current_dir(self.0.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        for variable in ["DRCTL_ENV", "DRCTL_STACK", "DRCTL_LOCAL"] {
            command.env_remove(variable);
        }
        command
    }

    #[track_caller]
    fn good(&self, line: &str) -> String {
        let output = self.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        Said::of(&output).ends_with(0).out
    }

    /// How long the log of the twin is.
    fn log(&self) -> u64 {
        std::fs::metadata(self.0.path().join(".drctl/twin/world.log")).map_or(0, |log| log.len())
    }

    /// Runs a command, and kills it once its twin has written so much down. Whether it was.
    fn is_killed(&self, line: &str, after: u64) -> bool {
        let before = self.log();
        let mut process = self.command(line).spawn().unwrap();
        loop {
            if let Some(end) = process.try_wait().unwrap() {
                assert!(end.success(), "drctl {line}: {end}");
                return false;
            }
            if self.log() >= before + after {
                // SIGKILL.
                process.kill().unwrap();
                return !process.wait().unwrap().success();
            }
            std::thread::yield_now();
        }
    }

    /// Runs a command whose writes the system cuts, and it with them, where a file exceeds so many blocks
    /// of 512 bytes. Whether one did.
    fn is_cut(&self, line: &str, blocks: u32) -> bool {
        let bare = self.command(line);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -c 0; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
        command.arg(bare.get_program()).args(bare.get_args()).current_dir(self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().code().is_none()
    }

    fn json(&self, line: &str) -> Vec<Json> {
        serde_json::from_str(&self.good(line)).unwrap()
    }

    /// What the twin holds, but for what differs from run to run.
    fn holdings(&self) -> Vec<String> {
        let text = |entry: &Json, name: &str| entry[name].as_str().unwrap().to_owned();
        let entries = self.json("local inspect --json");
        let mut all: Vec<String> =
            entries.iter().map(|e| ["place", "type", "urn", "state"].map(|name| text(e, name)).join(" ")).collect();
        all.sort();
        all
    }

    /// Everything that the state names is there.
    fn has_all_of_the_state(&self) {
        let id = |entry: &Json| entry["id"].as_str().unwrap().to_owned();
        let there: BTreeSet<String> = self.json("local inspect --json").iter().map(id).collect();
        let rows = self.json("state ls --json");
        let is_in_aws = |row: &&Json| row["type"].as_str().unwrap().starts_with("aws:");
        let lost: Vec<&Json> = rows.iter().filter(is_in_aws).filter(|row| !there.contains(&id(row))).collect();
        assert!(lost.is_empty() && !there.is_empty(), "{lost:#?}");
    }
}

/// What there is after each of the two when nothing disturbs them.
fn undisturbed() -> [Vec<String>; 2] {
    let project = Project::new();
    [UP, DESTROY].map(|line| {
        project.good(line);
        project.holdings()
    })
}

/// Bytes after which runs are killed, some early and some late.
fn points() -> impl Iterator<Item = u64> {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % 60_000
    })
}

#[test]
fn a_stack_comes_and_goes_on_the_twin_though_its_runs_are_killed() {
    let project = Project::new();
    let mut points = points();
    for (line, wanted) in [UP, DESTROY].into_iter().zip(undisturbed()) {
        let killed = points.by_ref().take_while(|after| project.is_killed(line, *after)).count();
        assert!((3..60).contains(&killed), "{line} was killed {killed} times");
        assert_eq!(project.holdings(), wanted, "{line} was killed {killed} times");
        project.good("state check");
        if line == UP {
            project.has_all_of_the_state();
            project.good("preview --expect-no-changes");
        }
    }
}

#[test]
fn a_stack_comes_and_goes_on_the_twin_though_its_writes_are_cut() {
    let project = Project::new();
    for (line, wanted) in [UP, DESTROY].into_iter().zip(undisturbed()) {
        let cut = [5, 11, 60, 211, 400].into_iter().filter(|blocks| project.is_cut(line, *blocks)).count();
        assert!(cut >= 3, "{line} was cut {cut} times");
        project.good(line);
        assert_eq!(project.holdings(), wanted, "{line} was cut {cut} times");
        project.good("state check");
        if line == UP {
            project.has_all_of_the_state();
            project.good("preview --expect-no-changes");
        }
    }
}
