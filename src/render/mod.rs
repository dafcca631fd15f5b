//! The only place that writes to the terminal.
//!
//! What happens during a run arrives as events, and one of the renderers shows it: [`Style::Live`]
//! at a terminal, [`Style::Plain`] elsewhere, [`Style::Json`] for programs. The [`log::Log`] takes
//! the same events into a file. Text for people goes to standard error, data to standard output.

mod board;
pub mod diagnostics;
#[cfg(test)]
pub(crate) mod examples;
pub mod failure;
mod json;
mod live;
pub mod log;
pub mod outputs;
pub mod panic;
mod plain;
pub mod plan;
pub mod plan_markdown;
pub mod regions;
mod story;
pub(crate) mod style;
pub mod table;
mod value;
pub(crate) mod words;

use std::fmt::Display;
use std::io::{self, IsTerminal, LineWriter, Write};
use std::sync::OnceLock;

pub use live::TICK;
pub use story::Detail;

use crate::engine::clock::Clock;
use crate::engine::event::{Envelope, Event};

/// Shows a run.
pub trait Renderer: Send {
    fn event(&mut self, envelope: &Envelope);

    /// Time has passed: see [`TICK`].
    fn tick(&mut self) {}

    /// The run is over and the screen belongs to others again.
    fn finish(self: Box<Self>) {}
}

/// The ways to show a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Live,
    Plain,
    Json,
    /// Only the record shows it.
    Silent,
}

/// Shows nothing.
struct Silent;

impl Renderer for Silent {
    fn event(&mut self, _: &Envelope) {}
}

impl Style {
    /// JSON if it was asked for, else what standard error can show.
    pub fn fitting(json: bool) -> Self {
        match json {
            true => Self::Json,
            false if std::io::stderr().is_terminal() && std::env::var_os("CI").is_none() => Self::Live,
            false => Self::Plain,
        }
    }

    /// The renderer of this style. A live one reads elapsed time from `clock`.
    pub fn renderer(self, detail: Detail, clock: Clock) -> Box<dyn Renderer> {
        match self {
            Self::Live => Box::new(live::Live::new(detail, clock)),
            Self::Plain => Box::new(plain::Plain::new(stderr(), detail)),
            Self::Json => Box::new(json::Json(anstream::stdout())),
            Self::Silent => Box::new(Silent),
        }
    }
}

/// Gives events their place in a run.
#[derive(Debug, Default)]
pub struct Numbering(u64);

impl Numbering {
    pub fn envelope(&mut self, event: Event, at: jiff::Timestamp) -> Envelope {
        self.0 += u64::from(!event.is_progress());
        Envelope { seq: self.0, at, event }
    }
}

/// Writes data to standard output. A reader that has gone is not an error; what else fails is kept for
/// [`lost`].
pub fn data(text: impl Display) {
    keep(write(anstream::stdout().lock(), text));
}

/// Writes text for people to standard error.
pub fn say(text: impl Display) {
    // There is nowhere left to tell.
    let _ = write(stderr(), text);
}

/// Standard error, with colours if it can show them. It has no buffer of its own, and text comes in many
/// pieces: lines are written whole.
fn stderr() -> Box<dyn Write + Send> {
    let lines: Box<dyn Write + Send> = Box::new(LineWriter::new(io::stderr()));
    match anstream::AutoStream::choice(&io::stderr()) {
        anstream::ColorChoice::Never => Box::new(anstream::StripStream::new(lines)),
        _ => lines,
    }
}

/// Warns on standard error.
pub fn warn(text: impl Display) {
    say(format_args!("{} {text}\n", style::Label::Warning.paint("warning:")));
}

/// The first failure to write data, which whoever asked for it must not take for all of it.
pub fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

static LOST: OnceLock<String> = OnceLock::new();

fn keep(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}

fn write(mut out: impl Write, text: impl Display) -> io::Result<()> {
    write!(out, "{text}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_repeats_the_number_of_the_event_before() {
        let mut numbering = Numbering::default();
        let numbers: Vec<u64> = examples::run().into_iter().map(|e| numbering.envelope(e.event, e.at).seq).collect();
        assert_eq!(numbers, examples::run().iter().map(|e| e.seq).collect::<Vec<_>>());
    }
}
