//! What the user asks of a run beside the program.

use serde::{Deserialize, Serialize};

/// The choices of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Read everything before planning.
    pub refresh: bool,
    /// Only these: URNs, logical names or types, with `*` and `?`.
    pub targets: Vec<String>,
    /// And all that depend on them.
    pub target_dependents: bool,
    /// Not these.
    pub excludes: Vec<String>,
    /// Nor what depends on them.
    pub exclude_dependents: bool,
    /// Replace these even if nothing differs.
    pub replaces: Vec<String>,
    /// Only resources in these places.
    pub regions: Vec<String>,
    /// Regions that do not answer: what they hold stays as it is, and so does what needs a change there.
    pub unavailable: Vec<String>,
    /// Delete and replace what is protected, lifting protections first.
    pub override_protection: bool,
    /// Go on past operations that a custom endpoint does not implement.
    pub skip_unsupported: bool,
    /// Calls in flight per region.
    pub parallel: usize,
    /// Start nothing new after the first failure.
    pub fail_fast: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            refresh: false,
            targets: Vec::new(),
            target_dependents: false,
            excludes: Vec::new(),
            exclude_dependents: false,
            replaces: Vec::new(),
            regions: Vec::new(),
            unavailable: Vec::new(),
            override_protection: false,
            skip_unsupported: false,
            parallel: 24,
            fail_fast: false,
        }
    }
}
