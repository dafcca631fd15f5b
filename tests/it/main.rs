//! All integration tests, in one binary: each further one would link every AWS SDK again.

#![allow(unreachable_pub, reason = "nothing outside this binary can reach anything")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod checks;
mod conformance;
mod credentials;
mod dns;
mod docs;
mod doctor;
mod economy;
mod emulated;
mod environments;
mod faults;
mod footprint;
mod functions;
mod language;
mod lifecycle;
mod lost_region;
mod migration;
mod parity;
mod payments;
mod processes;
mod promotion;
mod random;
mod readme;
mod serverless;
mod serverless_emulated;
mod stacks;
mod support;
mod terminal;
mod trading;
mod verify;
mod whole_life;
