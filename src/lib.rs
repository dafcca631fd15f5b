//! Declarative disaster recovery for AWS: two regions, one YAML file, one plan.
//!
//! Everything points at [`engine`], which knows no cloud, no terminal and no file:
//!
//! ```text
//! text ──stack──► declarations ─┐
//! state ◄─state── journal ──────┼─► engine::planner ──► plan ──► render
//! cloud ◄─aws / twin── reads ───┘        │ yes
//!        journal ◄── engine::execute ◄───┘ ──► events ──► render
//! ```
//!
//! - [`engine`]: the planner, the executor and the contracts of everything else.
//! - [`stack`]: the language, Pulumi YAML and its extensions.
//! - [`state`]: what is remembered, sealed and durable, in files or in S3.
//! - [`aws`]: every resource type, and how AWS is reached.
//! - [`checks`]: what AWS would refuse or ignore only when it is too late.
//! - [`random`]: values made here and kept in the state, beside any cloud.
//! - [`twin`]: an AWS in memory, for rehearsals and tests.
//! - [`render`]: the only place that writes to a terminal.
//! - [`cli`]: the commands.

pub mod aws;
pub mod checks;
pub mod cli;
pub mod engine;
pub mod random;
pub mod render;
pub mod stack;
pub mod state;
pub mod twin;
