//! drctl.

pub mod aws;
pub mod engine;
