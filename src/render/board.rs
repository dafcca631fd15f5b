//! What the live view shows below the story: progress by region and the steps that run.

use std::collections::HashMap;

use indexmap::IndexMap;
use jiff::Timestamp;

use super::regions::Regions;
use super::style::{Label, Sign};
use super::words::{duration, resource};
use crate::engine::event::{Envelope, Event};
use crate::engine::plan::Op;
use crate::engine::urn::{Place, Urn};

/// Most running steps on the screen.
const SHOWN: usize = 8;
/// Characters of a region's bar.
const BAR: usize = 24;

/// The state of a run as far as the screen needs it.
#[derive(Default)]
pub(super) struct Board {
    regions: Regions,
    places: IndexMap<Place, Count>,
    running: IndexMap<Urn, Running>,
    /// What planning waits for, how long, and when that was said.
    asking: Option<(String, u64, Timestamp)>,
}

/// Milliseconds for which it holds that planning waits.
const ASKED: i128 = 1_500;

#[derive(Default)]
struct Count {
    total: usize,
    ended: usize,
    failed: usize,
}

struct Running {
    op: Op,
    place: Place,
    started: Timestamp,
    /// What it waits for, in the cloud's words.
    word: Option<String>,
}

impl Board {
    pub(super) fn new(regions: Regions) -> Self {
        Self { regions, ..Self::default() }
    }

    pub(super) fn event(&mut self, envelope: &Envelope) {
        match &envelope.event {
            Event::Asking { what, since } => self.asking = Some((what.clone(), *since, envelope.at)),
            Event::Planned { plan, .. } => {
                self.asking = None;
                let mut totals: HashMap<&Place, usize> = HashMap::new();
                for step in plan.steps.iter().filter(|s| s.op != Op::Same) {
                    *totals.entry(&step.place).or_default() += 1;
                }
                let places = self.regions.sorted(totals.keys().copied());
                let count = |p: &Place| Count { total: totals[p], ..Count::default() };
                self.places = places.into_iter().map(|p| (p.clone(), count(&p))).collect();
            }
            Event::StepStarted { urn, place, op } if *op != Op::Same => {
                let step = Running { op: op.clone(), place: place.clone(), started: envelope.at, word: None };
                self.running.insert(urn.clone(), step);
            }
            Event::Waiting { urn, word, .. } => self.wait(urn, word.clone()),
            Event::Retrying { urn, error, attempt, .. } => self.wait(urn, format!("attempt {attempt} failed: {error}")),
            Event::StepDone { urn, place, op, .. } if *op != Op::Same => self.end(urn, place, false),
            Event::StepFailed { urn, place, .. } => self.end(urn, place, true),
            Event::StepSkipped { urn, place, .. } => self.end(urn, place, false),
            Event::RunEnded { .. } => {
                self.places.clear();
                self.running.clear();
            }
            _ => {}
        }
    }

    fn wait(&mut self, urn: &Urn, word: String) {
        if let Some(running) = self.running.get_mut(urn) {
            running.word = Some(word);
        }
    }

    fn end(&mut self, urn: &Urn, place: &Place, failed: bool) {
        self.running.shift_remove(urn);
        let count = self.places.entry(place.clone()).or_default();
        count.ended += 1;
        count.failed += usize::from(failed);
    }

    /// The lines to show, none before the first step starts.
    pub(super) fn lines(&self, now: Timestamp) -> Vec<String> {
        if let Some((what, since, at)) = &self.asking
            && now.duration_since(*at).as_millis() < ASKED
        {
            let text = format!("waiting for {what} for {}", duration(*since));
            return vec![Label::Aside.paint(text).to_string()];
        }
        if self.running.is_empty() && self.places.values().all(|c| c.ended == 0) {
            return Vec::new();
        }
        let names: Vec<String> = self.places.keys().map(|p| self.regions.label(p)).collect();
        let widest = names.iter().map(|n| n.chars().count()).max().unwrap_or_default();
        let mut lines = vec![String::new()];
        for (name, count) in names.iter().zip(self.places.values()) {
            let full = (BAR * count.ended.min(count.total)).checked_div(count.total).unwrap_or(BAR);
            let bar = format!("{}{}", "━".repeat(full), "╌".repeat(BAR - full));
            let failed = match count.failed {
                0 => String::new(),
                n => format!("  {}", Label::Error.paint(format_args!("{n} failed"))),
            };
            lines.push(format!("{name:widest$}  {bar} {}/{}{failed}", count.ended, count.total));
        }
        // Those that run longest are the ones that a reader wonders about.
        for (urn, running) in self.running.iter().take(SHOWN) {
            let sign = Sign::of(&running.op);
            let elapsed = now.duration_since(running.started).as_millis();
            let elapsed = duration(u64::try_from(elapsed).unwrap_or(0));
            let word = running.word.as_deref().map(|w| format!(": {w}")).unwrap_or_default();
            let text = format!("{} in {} {elapsed}{word}", resource(urn), running.place);
            let doing = sign.label.paint(sign.doing);
            lines.push(format!("  {} {doing} {text}", sign.painted()));
        }
        if let Some(more) = self.running.len().checked_sub(SHOWN).filter(|n| *n > 0) {
            lines.push(format!("  {}", Label::Aside.paint(format_args!("+{more} more"))));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::examples;

    fn text(board: &Board, now: Timestamp) -> String {
        anstream::adapter::strip_str(&board.lines(now).join("\n")).to_string()
    }

    #[test]
    fn the_board_shows_regions_and_what_each_step_waits_for() {
        let mut board = Board::new(examples::regions());
        let run = examples::run();
        for envelope in run.iter().take_while(|e| !matches!(e.event, Event::StepFailed { .. })) {
            board.event(envelope);
        }
        insta::assert_snapshot!(text(&board, run[0].at + jiff::SignedDuration::from_secs(90)), @"

        us-east-1 (primary)    ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 0/7
        eu-west-1 (secondary)  ━━━━━━━━━━━━━━━━━━━━━━━━ 1/1
        global                 ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 0/1
          + creating rds:SubnetGroup group in us-east-1 1 min 28 s: throttled by rds in us-east-1
          ~ updating rds:Cluster db in us-east-1 1 min 25 s: modifying
        ");
    }

    #[test]
    fn what_planning_waits_for_is_shown_until_it_is_planned() {
        let mut board = Board::default();
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let asking = Event::Asking { what: "ec2:Vpc in us-east-1".into(), since: 4_000 };
        board.event(&Envelope { seq: 1, at, event: asking });
        assert_eq!(text(&board, at), "waiting for ec2:Vpc in us-east-1 for 4.0 s");
        assert_eq!(text(&board, at + jiff::SignedDuration::from_secs(2)), "", "it has been answered since");
        board.event(&examples::run()[1]);
        assert_eq!(text(&board, at), "");
    }

    #[test]
    fn more_than_eight_running_steps_are_counted_and_not_listed() {
        let mut board = Board::default();
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for i in 0..39 {
            let urn = examples::urn("aws:ec2/vpc:Vpc", &i.to_string());
            let event = Event::StepStarted { urn, place: Place("us-east-1".into()), op: Op::Create };
            board.event(&Envelope { seq: i, at, event });
        }
        let text = text(&board, at);
        assert_eq!(text.lines().filter(|l| l.contains("creating")).count(), 8);
        assert!(text.ends_with("+31 more"));
    }

    #[test]
    fn nothing_is_shown_before_the_first_step_and_after_the_run() {
        let mut board = Board::default();
        let run = examples::run();
        run.iter().take(2).for_each(|e| board.event(e));
        assert_eq!(text(&board, run[0].at), "");
        run.iter().skip(2).for_each(|e| board.event(e));
        assert_eq!(text(&board, run[0].at), "");
    }
}
