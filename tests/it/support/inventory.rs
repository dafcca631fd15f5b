//! What accounts hold, asked with another client: see `tests/emulators/inventory.py`.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::checkout::root;
use super::emulator::{Emulator, python};

/// Tells what accounts on a server hold.
pub struct Inventory {
    process: Child,
    ask: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Inventory {
    pub fn of(server: &Emulator) -> Self {
        let mut process = Command::new(python())
            .arg(root().join("tests/emulators/inventory.py"))
            .arg(&server.endpoint)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let ask = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, ask, answers }
    }

    /// A line for each resource in these regions, sorted.
    pub fn tell(&mut self, account: &str, regions: &[&str]) -> Vec<String> {
        writeln!(self.ask, "{account} {}", regions.join(" ")).unwrap();
        let mut told = Vec::new();
        loop {
            match self.answers.next() {
                Some(Ok(line)) if line == "." => return told,
                Some(Ok(line)) => told.push(line),
                _ => panic!("the inventory ended with {:?}", self.process.wait()),
            }
        }
    }
}

impl Drop for Inventory {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
