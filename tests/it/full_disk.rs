//! A disk that is full, and a place that cannot be written: a clear error, and nothing is lost.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::emulator::ministack;
use crate::support::lab::{Lab, Said};

/// Runs a command whose files may not grow beyond so many blocks of 512 bytes.
fn on_a_small_disk(lab: &Lab, blocks: usize, line: &str) -> Said {
    run_in_shell(lab, &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" {line}"))
}

/// Runs a command that may do no more than the modes of files allow, even if these tests are run by root.
fn without_privileges(lab: &Lab, line: &str) -> Said {
    let root = fs::metadata(lab.path()).unwrap().uid() == 0;
    let bare = if root { "setpriv --inh-caps=-all --bounding-set=-all" } else { "" };
    run_in_shell(lab, &format!("exec {bare} \"$0\" {line}"))
}

fn run_in_shell(lab: &Lab, script: &str) -> Said {
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_drctl")]).current_dir(lab.path());
    command.stdin(Stdio::null()).env_clear().envs(lab.environment(&ministack().endpoint));
    Said::of(&command.output().unwrap())
}

#[test]
fn on_a_disk_that_fills_up_nothing_is_called_without_being_written_down_and_the_next_run_goes_on() {
    for blocks in [2, 6, 20, 60] {
        let lab = Lab::new(ministack());
        let said = on_a_small_disk(&lab, blocks, "up --yes");
        assert!(said.code.is_some_and(|code| code != 0), "{blocks} blocks: {said:?}");
        assert!(said.err.contains("cannot write `"), "{blocks} blocks: {}", said.err);
        assert!(said.err.contains("free some space on that disk"), "{blocks} blocks: {}", said.err);
        lab.run("up --yes").ends_with(0);
        lab.is_whole();
    }
}

#[test]
fn where_the_state_cannot_be_kept_nothing_is_begun() {
    let lab = Lab::new(ministack());
    fs::write(lab.path().join(".drctl"), "a file").unwrap();
    let said = lab.run("up --yes");
    assert!(said.code.is_some_and(|code| code != 0 && code != 255), "{said:?}");
    assert!(said.err.contains(".drctl") && said.err.contains("help:"), "{}", said.err);
    assert_eq!(lab.holdings(), [""; 0]);
}

/// Takes from everything below a directory the right to be written, or gives it back.
fn writable(dir: &Path, yes: bool) {
    for entry in fs::read_dir(dir).unwrap() {
        let (path, is_dir) = entry.map(|e| (e.path(), e.file_type().unwrap().is_dir())).unwrap();
        match is_dir {
            true => writable(&path, yes),
            false => fs::set_permissions(path, Permissions::from_mode(if yes { 0o600 } else { 0o400 })).unwrap(),
        }
    }
    fs::set_permissions(dir, Permissions::from_mode(if yes { 0o700 } else { 0o500 })).unwrap();
}

#[test]
fn in_a_directory_that_is_read_only_nothing_is_begun_and_nothing_is_lost() {
    let refused = |lab: &Lab, line: &str| {
        writable(&lab.path(), false);
        let said = without_privileges(lab, line).ends_with(2);
        writable(&lab.path(), true);
        assert!(said.err.contains("Permission denied"), "{}", said.err);
        assert!(said.err.contains("help: make the path readable and writable for you"), "{}", said.err);
    };
    let lab = Lab::new(ministack());
    refused(&lab, "up --yes");
    assert_eq!(lab.holdings(), [""; 0]);
    lab.run("up --yes").ends_with(0);
    let before = lab.holdings();
    refused(&lab, "destroy --yes");
    assert_eq!(lab.holdings(), before);
    lab.is_whole();
}
