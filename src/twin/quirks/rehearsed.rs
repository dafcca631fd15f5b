//! Rules of the types of [`crate::twin::testing`].

use crate::twin::quirks::{End, PLAIN, Quirk, Step};

pub(super) const QUIRKS: [Quirk; 1] = [Quirk {
    token: "test:index:Attached",
    end: |ending| {
        Ok(match ending.row.text("thingId") {
            Some(_) => End::Step(Step::Empties { input: "thingId", word: "detaching", seconds: 5 }),
            None => End::Now,
        })
    },
    ..PLAIN
}];
