//! drctl.

pub mod engine;
pub mod render;
