//! A program at a terminal, and what its screen shows.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};

use super::checkout::root;
use super::emulator::python;

/// A terminal of 50 rows and 120 columns in which a program runs.
pub struct Terminal {
    process: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Terminal {
    /// Runs the command with its environment and in its directory.
    pub fn run(command: &Command) -> Self {
        let mut at = Command::new(python());
        at.arg(root().join("tests/emulators/terminal.py")).args(["50", "120"]);
        at.arg(command.get_program()).args(command.get_args()).env_clear();
        at.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        at.current_dir(command.get_current_dir().unwrap_or(root()));
        let mut process = at.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, answers }
    }

    /// The screen as soon as it shows the text.
    pub fn expect(&mut self, text: &str) -> String {
        screen(&self.step(&json!({ "expect": text })))
    }

    pub fn send(&mut self, text: &str) {
        self.step(&json!({ "send": text }));
    }

    /// The exit code, or the signal as a negative number, and the last screen.
    pub fn end(mut self) -> (i64, String) {
        let answer = self.step(&json!({ "end": true }));
        (answer["code"].as_i64().unwrap(), screen(&answer))
    }

    fn step(&mut self, step: &Json) -> Json {
        let input = self.process.stdin.as_mut().unwrap();
        let asked = writeln!(input, "{step}").and_then(|()| input.flush());
        match (asked, self.answers.next()) {
            (Ok(()), Some(Ok(answer))) => serde_json::from_str(&answer).unwrap(),
            _ => {
                let said = std::io::read_to_string(self.process.stderr.take().unwrap()).unwrap();
                panic!("{step}: {said}")
            }
        }
    }
}

fn screen(answer: &Json) -> String {
    let lines: Vec<&str> = answer["screen"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    lines.join("\n").trim().to_owned()
}
