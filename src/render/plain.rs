//! For pipelines and files: one line an event, and a sign of life from long waits.

use std::collections::HashMap;
use std::io::Write;

use super::Renderer;
use super::story::{Detail, Story};
use super::style::Label;
use super::words::{duration, resource};
use crate::engine::event::{Envelope, Event};
use crate::engine::urn::Urn;

/// Milliseconds of waiting after which a line is due: soon at first, then more and more rarely.
const HEARTBEATS: [u64; 4] = [30_000, 60_000, 2 * 60_000, 5 * 60_000];
/// The same for an answer that planning waits for, which usually takes less than a second.
const QUESTIONS: [u64; 4] = [3_000, 10_000, 30_000, 60_000];
/// Milliseconds between further lines.
const LATER: u64 = 5 * 60_000;

pub(super) struct Plain<W> {
    out: W,
    story: Story,
    /// How many signs of life were given for the step that runs.
    beats: HashMap<Urn, u64>,
    /// The same for what planning waits for.
    asking: (String, u64),
}

impl<W: Write> Plain<W> {
    pub(super) fn new(out: W, detail: Detail) -> Self {
        Self { out, story: Story::new(detail), beats: HashMap::new(), asking: (String::new(), 0) }
    }

    fn beat(&mut self, urn: &Urn, word: &str, since: u64) -> Option<String> {
        let due = due(&HEARTBEATS, since);
        let given = self.beats.entry(urn.clone()).or_default();
        if due <= *given {
            return None;
        }
        *given = due;
        let line = format!("… {} is {word} for {}", resource(urn), duration(since));
        Some(format!("{}\n", Label::Aside.paint(line)))
    }

    fn ask(&mut self, what: &str, since: u64) -> Option<String> {
        let due = due(&QUESTIONS, since);
        let given = if self.asking.0 == what { self.asking.1 } else { 0 };
        self.asking = (what.to_owned(), due);
        let line = format!("… waiting for {what} for {}", duration(since));
        (due > given).then(|| format!("{}\n", Label::Aside.paint(line)))
    }
}

/// How many lines a wait has earned by now.
fn due(beats: &[u64], since: u64) -> u64 {
    let last = beats.last().copied().unwrap_or_default();
    beats.iter().filter(|b| **b <= since).count() as u64 + since.saturating_sub(last) / LATER
}

impl<W: Write + Send> Renderer for Plain<W> {
    fn event(&mut self, envelope: &Envelope) {
        let mut text = self.story.tell(envelope);
        match &envelope.event {
            // Waits of a simulation take no time, so nobody wonders about them.
            Event::Waiting { .. } if self.story.is_simulated() => {}
            Event::Waiting { urn, word, since } => text.extend(self.beat(urn, word, *since)),
            Event::Asking { what, since } => text.extend(self.ask(what, *since)),
            Event::Retrying { urn, error, attempt, wait } => {
                let wait = duration(*wait);
                let line = format!("… {}: attempt {attempt} failed, again in {wait}: {error}", resource(urn));
                text = format!("{}\n", Label::Aside.paint(line));
            }
            Event::StepDone { urn, .. } | Event::StepFailed { urn, .. } => {
                self.beats.remove(urn);
            }
            _ => {}
        }
        // A reader that has gone must not end the run.
        let _ = self.out.write_all(text.as_bytes());
    }

    fn finish(mut self: Box<Self>) {
        let _ = self.out.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::examples;

    #[test]
    fn a_run_is_told_in_lines_with_a_sign_of_life_from_long_waits() {
        let mut out = Vec::new();
        let detail = Detail { regions: examples::regions(), ..Detail::default() };
        let mut plain = Plain::new(anstream::StripStream::new(&mut out), detail);
        for envelope in examples::run() {
            plain.event(&envelope);
        }
        Box::new(plain).finish();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn an_answer_that_planning_waits_for_is_named_soon() {
        let mut plain = Plain::new(Vec::new(), Detail::default());
        let told = (0..=120).filter(|s| plain.ask("sts in us-east-1", s * 1000).is_some());
        assert_eq!(told.collect::<Vec<_>>(), [3, 10, 30, 60]);
        assert!(plain.ask("ec2 in us-east-1", 2_000).is_none());
        assert!(plain.ask("ec2 in us-east-1", 4_000).unwrap().contains("waiting for ec2 in us-east-1 for 4.0 s"));
    }

    #[test]
    fn signs_of_life_become_rarer() {
        let mut plain = Plain::new(Vec::new(), Detail::default());
        let urn = examples::urn("aws:rds/cluster:Cluster", "db");
        let beats = (0..=3600).step_by(2).filter(|s| plain.beat(&urn, "creating", s * 1000).is_some());
        assert_eq!(beats.take(7).collect::<Vec<_>>(), [30, 60, 120, 300, 600, 900, 1200]);
    }
}
