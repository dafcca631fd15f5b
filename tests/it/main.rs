//! All integration tests, in one binary: each further one would link every AWS SDK again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod conformance;
mod lifecycle;
mod support;
