//! For programs: one JSON object a line. `run-started` carries the version of the format,
//! and so does the end of a run that never started.

use std::io::Write;

use super::Renderer;
use crate::engine::event::Envelope;

pub(super) struct Json<W>(pub(super) W);

impl<W: Write + Send> Renderer for Json<W> {
    fn event(&mut self, envelope: &Envelope) {
        if let Ok(line) = serde_json::to_string(envelope) {
            // A reader that has gone must not end the run.
            super::keep(writeln!(self.0, "{line}"));
        }
    }

    fn finish(mut self: Box<Self>) {
        super::keep(self.0.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::examples;

    #[test]
    fn the_format_of_events_is_fixed() {
        let mut out = Vec::new();
        let mut json = Json(&mut out);
        examples::run().iter().for_each(|envelope| json.event(envelope));
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn every_line_reads_back_as_the_event_that_was_written() {
        for envelope in examples::run() {
            let mut out = Vec::new();
            Json(&mut out).event(&envelope);
            assert_eq!(serde_json::from_slice::<Envelope>(&out).unwrap(), envelope);
        }
    }
}
