//! drctl.

pub mod engine;
