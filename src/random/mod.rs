//! Random values that stay: passwords and identifiers, made here and kept in the state.
//!
//! They call no cloud. Such a row is made once, sealed where it is secret, and made anew only when
//! an input or a keeper changes; see [`Facts::local`](crate::engine::resource::Facts).

mod draw;
mod id;
mod password;
mod provider;

pub use id::{RandomId, RandomIdOutputs};
pub use password::{RandomPassword, RandomPasswordOutputs};
pub use provider::WithRandom;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engine::error::Result;
use crate::engine::resource::{Facts, FoundBy, IdForm, Scope};

/// Any values; when one of them changes, so does what is random.
type Keepers = BTreeMap<String, String>;

/// A type whose values are made here. All its inputs replace it.
trait Local: Serialize + DeserializeOwned + JsonSchema + 'static {
    /// Pulumi's canonical token: `random:index/randomId:RandomId`.
    const TYPE: &'static str;
    const ID: IdForm;
    type Outputs: Serialize + JsonSchema;

    /// Makes the id and the outputs.
    ///
    /// # Errors
    /// If the inputs ask for the impossible, or the system has no random numbers.
    fn make(&self) -> Result<(String, Self::Outputs)>;
}

const fn facts(id: IdForm) -> Facts {
    Facts {
        scope: Scope::Global,
        local: true,
        import: "nothing: it lives in the state",
        ..Facts::new(id, FoundBy::Token)
    }
}
