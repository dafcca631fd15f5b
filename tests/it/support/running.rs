//! The real program under way, held at a request of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::proxy::Proxy;

/// Nothing in a test takes that long.
const FOREVER: Duration = Duration::from_secs(600);

/// A program that waits for the answer to a request.
pub struct Running {
    process: Child,
    said: Receiver<String>,
}

/// How a program ended that was never held, and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub said: String,
}

impl Running {
    /// Runs a command until the proxy holds a request of it.
    pub fn until_held(command: Command, proxy: &Proxy) -> Self {
        Self::unless_it_ends(command, proxy).unwrap_or_else(|ended| panic!("it was never held: {}", ended.said))
    }

    /// Runs a command until the proxy holds a request of it, or else to its end.
    ///
    /// # Errors
    /// The end, if it is not held.
    pub fn unless_it_ends(mut command: Command, proxy: &Proxy) -> Result<Self, Ended> {
        let mut process = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (say, said) = channel();
        // A program whose words nobody takes would stop at a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| say.send(line)));
        let start = Instant::now();
        loop {
            if proxy.held().is_some() {
                return Ok(Self { process, said });
            }
            if let Some(status) = process.try_wait().unwrap() {
                let said = said.iter().collect::<Vec<_>>().join("\n");
                return Err(Ended { code: status.code(), said });
            }
            assert!(start.elapsed() < FOREVER, "it neither ends nor is it held");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Reads on until it says so.
    pub fn says(&self, words: &str) {
        let mut read = Vec::new();
        for line in &self.said {
            if line.contains(words) {
                return;
            }
            read.push(line);
        }
        panic!("it never says `{words}`:\n{}", read.join("\n"));
    }

    pub fn ends(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}
