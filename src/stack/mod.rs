//! The language: from the text of a stack to declarations that the engine understands.
//!
//! [`load()`] finds the files, reads and checks everything that needs no cloud, and gives a
//! [`StackProgram`], which the engine evaluates as outputs become known.

mod assets;
mod body;
mod check;
mod components;
mod config;
mod credentials;
mod dr;
mod eval;
mod expand;
mod expr;
mod extends;
mod files;
mod functions;
mod instance;
mod load;
mod options;
mod order;
mod paths;
mod pattern;
mod program;
mod project;
mod pulumi_secrets;
mod regions;
mod survey;
mod yaml;

pub use assets::bytes;
pub use credentials::{Credentials, Role};
pub use dr::Dr;
pub use instance::Stacks;
pub use load::{Loaded, Request, load, load_beside};
pub use program::StackProgram;
pub(crate) use pulumi_secrets::{Opener, Sealer};
pub(crate) use regions::is_region;

pub(crate) use check::Place as Written;
pub(crate) use survey::{Link, Surveyed};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
