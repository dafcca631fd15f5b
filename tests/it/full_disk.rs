//! A disk that is full, and a place that cannot be written: a clear error, and nothing is lost.

use std::process::{Command, Stdio};

use crate::support::emulator::ministack;
use crate::support::lab::{Lab, Said};

/// Runs a command whose files may not grow beyond so many blocks of 512 bytes.
fn on_a_small_disk(lab: &Lab, blocks: usize, line: &str) -> Said {
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" {line}");
    let mut command = Command::new("sh");
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_drctl")]).current_dir(lab.path());
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
    std::fs::write(lab.path().join(".drctl"), "a file").unwrap();
    let said = lab.run("up --yes");
    assert!(said.code.is_some_and(|code| code != 0 && code != 255), "{said:?}");
    assert!(said.err.contains(".drctl") && said.err.contains("help:"), "{}", said.err);
    assert_eq!(lab.holdings(), [""; 0]);
}
