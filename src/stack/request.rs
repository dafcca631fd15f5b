//! What a command asks the language for.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What to load.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `prod`, `trading-database@b`, or a path of a file or of a directory with `Pulumi.yaml`.
    pub stack: String,
    /// Directory that the search starts in.
    pub cwd: PathBuf,
    /// Config of the command line, `key=value` split.
    pub config: Vec<(String, String)>,
    /// The environment of the process.
    pub environment: BTreeMap<String, String>,
}
