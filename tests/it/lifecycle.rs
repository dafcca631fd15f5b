//! The rules of the engine, each as a scenario on the twin: a program, a run, what came of it.
//!
//! Time is virtual: hours pass in milliseconds, in the order in which they would pass on AWS.

mod accounts;
mod crash;
mod departures;
mod failures;
mod identity;
mod namesakes;
mod options;
mod outputs;
mod postponed;
mod protection;
mod random;
mod regions;
mod replacement;
mod replacement_failures;
mod roles;
mod secrets;
mod selection;
mod taken;
pub mod theatre;
mod up;
mod upgrades;
