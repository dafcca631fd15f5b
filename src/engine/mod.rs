//! The engine: from declarations and a state to a plan, and from a plan to a new state.
//!
//! It knows no cloud, no terminal and no file. Clouds come in through [`provider::Provider`],
//! languages through [`program::Program`], storage through [`journal::Journal`]; what happens goes
//! out as [`event::Event`].

pub mod alike;
pub mod asset;
pub mod clock;
pub mod diagnostic;
pub mod document;
pub mod error;
pub mod event;
pub mod journal;
pub mod plan;
pub mod program;
pub mod provider;
pub mod resource;
pub mod rules;
pub mod schema;
pub mod secret;
pub mod state;
pub mod urn;
pub mod value;
