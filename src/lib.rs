//! drctl.

pub mod engine;
pub mod stack;
