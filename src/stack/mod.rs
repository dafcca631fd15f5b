//! The language: from the text of a stack to declarations that the engine understands.
//!
//! [`load()`] finds the files, reads and checks everything that needs no cloud, and gives a
//! [`StackProgram`], which the engine evaluates as outputs become known.

mod aliases;
mod answers;
mod assets;
mod backend;
mod body;
mod budget;
mod check;
mod components;
mod config;
mod credentials;
mod dr;
mod eval;
mod expand;
mod expr;
mod extends;
mod fence;
mod files;
mod functions;
mod instance;
mod lead;
mod link;
mod load;
mod options;
mod order;
mod paths;
mod pattern;
mod program;
mod project;
mod pulumi_secrets;
mod reads;
mod regions;
mod remote;
mod request;
mod secrets;
mod sight;
mod survey;
mod tags;
mod wishes;
mod yaml;

pub use answers::{Answers, Question};
pub use assets::Assets;
pub use backend::{Backend, backend};
pub(crate) use body::{unfit_name, unknown_type};
pub(crate) use config::Ty;
pub use credentials::{Credentials, Role};
pub use dr::Dr;
pub(crate) use functions::{Builtin, TABLE as FUNCTIONS};
pub use instance::Stacks;
pub(crate) use load::{Declared, declared};
pub use load::{Loaded, Refused, load, load_beside, load_with};
pub(crate) use options::id_and_region;
pub use program::StackProgram;
pub(crate) use project::{UNKNOWN, bare_name, is_stack_name, locate};
pub use pulumi_secrets::{DataKeys, KeyUrl, NoDataKeys};
pub(crate) use pulumi_secrets::{GIVE_PASSPHRASE, Opener, Protection, Sealer};
pub use reads::Reads;
pub(crate) use regions::{KNOWN as REGIONS, is_region, unknown as unknown_region};
pub use request::Request;

pub(crate) use check::Place as Written;
pub(crate) use link::Link;
pub(crate) use survey::{ACCOUNT as SURVEY_ACCOUNT, Asked, Surveyed};
pub(crate) use tags::reserved as reserved_tag;
pub(crate) use wishes::{Wish, Word, wishes};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
