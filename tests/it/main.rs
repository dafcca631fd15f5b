//! All integration tests, in one binary: each further one would link every AWS SDK again.

#![allow(unreachable_pub, reason = "nothing outside this binary can reach anything")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod canary;
mod checks;
mod conformance;
mod crashes;
mod credentials;
mod databases;
mod dns;
mod docs;
mod doctor;
mod economy;
mod emulated;
mod environments;
mod events;
mod faults;
mod footprint;
mod full_disk;
mod functions;
mod fuzz;
mod gaps;
mod imports;
mod keys;
mod killed_twin;
mod language;
mod lifecycle;
mod lost_region;
mod migration;
mod namesakes;
mod outage;
mod parity;
mod payments;
mod processes;
mod promotion;
mod questions;
mod random;
mod readme;
mod remote_state;
mod serverless;
mod stacks;
mod states;
mod supply;
mod support;
mod sweep;
mod tagged;
mod terminal;
mod together;
mod trading;
mod verify;
mod whole_life;
