//! `drctl permissions`: the least-privilege IAM policy of a stack, from the types' own lists.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::{Value as Json, json};

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::Result;
use crate::cli::session::{catalog, load};
use crate::engine::program::Program;
use crate::engine::provider::Catalog;
use crate::render;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only what `preview` and `refresh` need: nothing that changes anything
    #[arg(long)]
    read_only: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let loaded = load(global)?;
    let types = loaded.program.declarations().iter().map(|d| d.ty.as_str());
    let policy = policy(catalog(), types, arguments.read_only);
    render::data(format_args!("{policy:#}\n"));
    if let Some(warning) = too_long(&policy) {
        render::warn(warning);
    }
    Ok(Exit::Ok)
}

/// Needed by every run, whatever the stack holds.
const ALWAYS: [&str; 1] = ["sts:GetCallerIdentity"];

/// Most characters of a managed policy, white space not counted
/// (IAM User Guide, "IAM and AWS STS quotas").
const POLICY_LIMIT: usize = 6_144;

/// The policy for types, given by their tokens. Unknown tokens need nothing of AWS.
fn policy<'a>(catalog: &Catalog, types: impl IntoIterator<Item = &'a str>, read_only: bool) -> Json {
    let mut services: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut add = |actions: &[&'static str]| {
        for action in actions {
            let service = action.split(':').next().unwrap_or_default();
            services.entry(service).or_default().insert(action);
        }
    };
    add(&ALWAYS);
    for ty in types.into_iter().filter_map(|token| catalog.find(token)) {
        let needed = &ty.facts.permissions;
        add(needed.read);
        if !read_only {
            [needed.create, needed.update, needed.delete].into_iter().for_each(&mut add);
        }
    }
    let statements: Vec<Json> = services
        .into_iter()
        .map(|(service, actions)| {
            let id: String = service.chars().filter(char::is_ascii_alphanumeric).collect();
            json!({"Sid": id, "Effect": "Allow", "Action": actions, "Resource": "*"})
        })
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// What the user should know of a policy that IAM would not take as it is.
fn too_long(policy: &Json) -> Option<String> {
    let length = policy.to_string().len();
    (length > POLICY_LIMIT).then(|| {
        format!("the policy has {length} characters, and a managed policy may have {POLICY_LIMIT}: attach its statements as several policies")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::catalog;

    #[test]
    fn a_policy_lists_the_actions_of_the_types_once_and_by_service() {
        let policy = policy(&catalog(), ["aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "no:such:Type"], false);
        insta::assert_snapshot!(format!("{policy:#}"));
        assert_eq!(too_long(&policy), None);
    }

    #[test]
    fn a_read_only_policy_changes_nothing() {
        let policy = policy(&catalog(), ["aws:ec2/vpc:Vpc"], true).to_string();
        assert!(policy.contains("ec2:DescribeVpcs") && !policy.contains("CreateVpc"));
    }
}
