//! Regions and the roles that a stack gives them.

use crate::engine::diagnostic::{Diagnostic, nearest};
use crate::stack::expr::listed;

/// A region, and the role that the stack gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) role: Option<String>,
}

/// Whether a text has the form of an AWS region: `eu-west-1`, `us-gov-east-1`.
pub(crate) fn is_region(text: &str) -> bool {
    let mut parts: Vec<&str> = text.split('-').collect();
    let number = parts.pop().is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()));
    let word = |part: &&str| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_lowercase());
    number && (2..=3).contains(&parts.len()) && parts.iter().all(word)
}

pub(crate) fn unknown(given: &str, roles: &[&str]) -> Diagnostic {
    let problem =
        Diagnostic::error("unknown-region", format!("`{given}` is neither a role of `regions` nor an AWS region"));
    match nearest(given, roles.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if roles.is_empty() => {
            problem.help("AWS regions look like `eu-west-1`; roles are declared under `regions`")
        }
        None => problem.help(format!("the roles are {}", listed(roles, 8))),
    }
}

/// Nothing says where a resource or a data source lives.
pub(crate) fn missing() -> Diagnostic {
    Diagnostic::error("no-region", "no region is given")
        .help("declare `regions` at the top of the file, set `aws:region` in the config, or set AWS_REGION")
}
