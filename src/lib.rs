//! drctl.

pub mod engine;
pub mod twin;
