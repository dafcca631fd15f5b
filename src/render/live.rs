//! For people at a terminal: the story above, and below it a board that moves.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::Renderer;
use super::board::Board;
use super::story::{Detail, Story};
use crate::engine::clock::Clock;
use crate::engine::event::Envelope;

/// How often the board should move.
pub const TICK: Duration = Duration::from_millis(200);

/// Pictures a second.
const RATE: u8 = 10;

pub(super) struct Live {
    screen: MultiProgress,
    lines: Vec<ProgressBar>,
    story: Story,
    board: Board,
    clock: Clock,
    drawn: Option<Timestamp>,
    colour: bool,
}

impl Live {
    pub(super) fn new(detail: Detail, clock: Clock) -> Self {
        Self {
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(RATE)),
            lines: Vec::new(),
            board: Board::new(detail.regions.clone()),
            story: Story::new(detail),
            clock,
            drawn: None,
            colour: anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never,
        }
    }

    fn draw(&mut self) {
        let now = self.clock.now();
        self.drawn = Some(now);
        let lines = self.board.lines(now);
        for gone in self.lines.drain(lines.len().min(self.lines.len())..) {
            self.screen.remove(&gone);
            gone.finish_and_clear();
        }
        while self.lines.len() < lines.len() {
            let line = ProgressBar::no_length().with_style(message_only());
            self.lines.push(self.screen.add(line));
        }
        for (bar, line) in self.lines.iter().zip(lines) {
            bar.set_message(self.coloured(line));
        }
    }

    fn coloured(&self, text: String) -> String {
        if self.colour { text } else { anstream::adapter::strip_str(&text).to_string() }
    }
}

/// A whole line, cut at the width of the terminal.
fn message_only() -> ProgressStyle {
    ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Renderer for Live {
    fn event(&mut self, envelope: &Envelope) {
        let text = self.story.tell(envelope);
        self.board.event(envelope);
        if !text.is_empty() {
            // Lines that stay are written as lines, so that they can be copied and the terminal may wrap them.
            self.screen.suspend(|| super::say(text));
        }
        let due = self.drawn.is_none_or(|at| self.clock.now().duration_since(at).as_millis() >= 100);
        if due || !envelope.event.is_progress() {
            self.draw();
        }
    }

    fn tick(&mut self) {
        self.draw();
    }

    fn finish(self: Box<Self>) {
        for line in &self.lines {
            line.finish_and_clear();
        }
        let _ = self.screen.clear();
    }
}
