//! The engine: from declarations and a state to a plan, and from a plan to a new state.
//!
//! It knows no cloud, no terminal and no file. Clouds come in through [`provider::Provider`],
//! languages through [`program::Program`], storage through [`journal::Journal`]; what happens goes
//! out as [`event::Event`].

pub mod alike;
pub mod asset;
pub mod clock;
pub mod converge;
pub mod crew;
pub mod decide;
pub mod diagnostic;
pub mod diff;
pub mod discreet;
pub mod document;
pub mod duration;
pub mod error;
pub mod event;
pub mod execute;
pub mod fence;
pub mod foresight;
pub mod graph;
pub mod handle;
pub mod inherit;
pub mod journal;
pub mod json_size;
pub mod key_provider;
pub mod layer;
pub mod ledger;
mod map;
pub mod names;
pub mod observe;
pub mod order;
pub mod panic;
pub mod path;
pub mod placeholder;
pub mod plain;
pub mod plan;
pub mod planner;
pub mod program;
pub mod provider;
pub mod reach;
pub mod redact;
pub mod reference;
pub mod removal;
pub mod remove;
pub mod resource;
pub mod rules;
pub mod schema;
pub mod secret;
pub mod selection;
pub mod settings;
pub mod state;
pub mod stop;
pub mod taken;
pub mod task;
pub mod urn;
pub mod value;
pub mod youth;
