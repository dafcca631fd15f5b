//! Regions and the roles that a stack gives them.

use crate::engine::diagnostic::{Diagnostic, nearest};
use crate::engine::urn::Place;
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

/// Regions that AWS lets accounts use, with those of China and GovCloud.
/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>
pub(crate) const KNOWN: [&str; 38] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// A warning about a text that looks like a region and is none that is known here. AWS adds regions
/// faster than drctl learns them, so it is no more than that.
pub(crate) fn doubtful(region: &str) -> Option<Diagnostic> {
    if KNOWN.contains(&region) {
        return None;
    }
    let problem = Diagnostic::warning("unknown-region", format!("`{region}` is no AWS region that drctl knows"));
    Some(match nearest(region, KNOWN) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("if AWS has it by now, nothing is wrong"),
    })
}

/// What is wrong with the name of a role: one that means something else where a region is named.
pub(crate) fn unfit_role(role: &str, region: &str) -> Option<Diagnostic> {
    let why = match role {
        Place::GLOBAL => "stands for what belongs to no region".to_owned(),
        _ if is_region(role) && role != region => format!("is an AWS region, and not `{region}`"),
        _ => return None,
    };
    let problem = Diagnostic::error("role-name", format!("`{role}` is no name for a role: it {why}"));
    Some(problem.help("choose another name, such as `primary`"))
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

pub(crate) const MISSING: &str = "no-region";

/// Nothing says where a resource or a data source lives.
pub(crate) fn missing() -> Diagnostic {
    Diagnostic::error(MISSING, "no region is given").help(
        "declare `regions` at the top of the file, set `aws:region` in the config or AWS_REGION in the environment, \
         or give the AWS profile a `region`",
    )
}

/// Stands in for a region that is missing, so that everything else is checked all the same.
pub(crate) fn placeholder() -> Region {
    Region { name: "us-east-1".to_owned(), role: Some("primary".to_owned()) }
}

/// Whoever gives a region gives it to all: one message does, shown in the program's own file if it can be.
pub(crate) fn tell_once(problems: &mut Vec<Diagnostic>, file: &str) {
    let place = |problem: &&Diagnostic| {
        let at = problem.at.as_ref().map(|at| (at.source.name != file, at.source.name.clone(), at.start));
        (at.is_none(), at)
    };
    let first = problems.iter().filter(|problem| problem.code == MISSING).min_by_key(place).cloned();
    problems.retain(|problem| problem.code != MISSING);
    problems.extend(first);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_not_called_what_means_something_else() {
        let refused = |role: &str| unfit_role(role, "eu-west-1").map(|problem| problem.message);
        let global = "`global` is no name for a role: it stands for what belongs to no region";
        assert_eq!(refused("global").as_deref(), Some(global));
        let region = "`us-east-1` is no name for a role: it is an AWS region, and not `eu-west-1`";
        assert_eq!(refused("us-east-1").as_deref(), Some(region));
        assert!(["primary", "eu-west-1", "Global"].into_iter().all(|role| refused(role).is_none()));
    }

    #[test]
    fn a_region_that_nobody_knows_is_doubted_and_not_refused() {
        assert!(KNOWN.iter().all(|region| is_region(region) && doubtful(region).is_none()));
        assert!(KNOWN.is_sorted());
        let doubt = doubtful("us-est-1").unwrap();
        assert_eq!(
            (doubt.severity, doubt.help.as_deref()),
            (crate::engine::diagnostic::Severity::Warning, Some("did you mean `us-east-1`?"))
        );
    }
}
