//! `drctl permissions`: the least-privilege IAM policies of a stack, from the types' own lists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value as Json, json};

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::{Result, io};
use crate::cli::session::{self, catalog, load};
use crate::engine::program::Program;
use crate::engine::provider::Catalog;
use crate::render;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only what `preview` and `refresh` need: nothing that changes anything
    #[arg(long)]
    read_only: bool,

    /// Write each policy to a file of this directory, and say how to attach them
    #[arg(long, value_name = "DIRECTORY")]
    files: Option<PathBuf>,
}

/// Writes one policy as it is, and several as a list: what a managed policy may hold decides.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let loaded = load(global)?;
    let types = loaded.program.declarations().iter().map(|d| d.ty.as_str());
    let policies = pack(&actions(catalog(), types, arguments.read_only), POLICY_LIMIT);
    let name = format!("drctl-{}", loaded.stack);
    if let Some(directory) = &arguments.files {
        let directory = session::directory(global)?.join(directory);
        std::fs::create_dir_all(&directory).map_err(io("make", &directory))?;
        for (name, policy) in names(&name, policies.len()).zip(&policies) {
            let path = directory.join(format!("{name}.json"));
            std::fs::write(&path, format!("{policy:#}\n")).map_err(io("write", &path))?;
        }
        render::data(format_args!("{}", commands(&name, policies.len(), &directory)));
    } else if let [policy] = policies.as_slice() {
        render::data(format_args!("{policy:#}\n"));
    } else {
        render::data(format_args!("{:#}\n", Json::from(policies.clone())));
    }
    if let Some(warning) = needs_several(policies.len(), arguments.files.is_some()) {
        render::warn(warning);
    }
    Ok(Exit::Ok)
}

/// Needed by every run, whatever the stack holds.
const ALWAYS: [&str; 1] = ["sts:GetCallerIdentity"];

/// Most characters of a managed policy, white space not counted
/// (IAM User Guide, "IAM and AWS STS quotas").
const POLICY_LIMIT: usize = 6_144;

/// Most managed policies of a role, unless AWS raises the quota
/// (IAM User Guide, "IAM and AWS STS quotas").
const ROLE_LIMIT: usize = 10;

type Actions = BTreeMap<&'static str, BTreeSet<&'static str>>;

/// What types need, given by their tokens, by service. Unknown tokens need nothing of AWS.
fn actions<'a>(catalog: &Catalog, types: impl IntoIterator<Item = &'a str>, read_only: bool) -> Actions {
    let mut services = Actions::new();
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
    services
}

/// Policies that hold the actions of all services, in their order, none longer than a limit. A statement
/// is one service; a service too long for a policy continues in the next one.
fn pack(services: &Actions, limit: usize) -> Vec<Json> {
    let policy = |statements: &[Json]| json!({"Version": "2012-10-17", "Statement": statements});
    let fits = |statements: &[Json]| policy(statements).to_string().len() <= limit;
    let mut full: Vec<Vec<Json>> = Vec::new();
    let mut open: Vec<Json> = Vec::new();
    for (service, actions) in services {
        let whole = statement(service, actions.iter().copied());
        if !fits(&[open.as_slice(), std::slice::from_ref(&whole)].concat()) && !open.is_empty() {
            full.push(std::mem::take(&mut open));
        }
        let mut held: Vec<&str> = Vec::new();
        for action in actions {
            let more = statement(service, held.iter().copied().chain([*action]));
            if !held.is_empty() && !fits(&[more]) {
                full.push(vec![statement(service, held.drain(..))]);
            }
            held.push(action);
        }
        open.push(statement(service, held));
    }
    full.push(open);
    full.iter().map(|statements| policy(statements)).collect()
}

fn statement<'a>(service: &str, actions: impl IntoIterator<Item = &'a str>) -> Json {
    let id: String = service.chars().filter(char::is_ascii_alphanumeric).collect();
    json!({"Sid": id, "Effect": "Allow", "Action": actions.into_iter().collect::<Vec<_>>(), "Resource": "*"})
}

/// What policies are called: a single one has no number.
fn names(name: &str, policies: usize) -> impl Iterator<Item = String> {
    let numbered = policies > 1;
    (1..=policies).map(move |n| if numbered { format!("{name}-{n}") } else { name.to_owned() })
}

/// Commands that make the policies and give them to a role.
fn commands(name: &str, policies: usize, directory: &Path) -> String {
    let lines = names(name, policies).map(|name| {
        let file = directory.join(format!("{name}.json"));
        format!(
            "aws iam create-policy --policy-name {name} --policy-document file://{}\n\
             aws iam attach-role-policy --role-name ROLE --policy-arn arn:aws:iam::ACCOUNT:policy/{name}\n",
            file.display()
        )
    });
    lines.collect()
}

/// What the user should know of a stack that needs more than one policy.
fn needs_several(policies: usize, in_files: bool) -> Option<String> {
    let how = if in_files { "" } else { "; `--files DIRECTORY` writes them with the commands that do it" };
    match policies {
        0 | 1 => None,
        n if n <= ROLE_LIMIT => Some(format!(
            "a managed policy may have {POLICY_LIMIT} characters, so these are {n} policies: attach all of them to the role{how}"
        )),
        n => Some(format!(
            "these are {n} policies, and a role may have {ROLE_LIMIT}: ask AWS for a higher quota of managed policies a role, or give the stack two roles{how}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::catalog;

    const TYPES: [&str; 3] = ["aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "no:such:Type"];

    /// All actions that policies allow, in their order.
    fn allowed(policies: &[Json]) -> Vec<&str> {
        let statements = policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap());
        let actions = statements.flat_map(|statement| statement["Action"].as_array().unwrap());
        actions.map(|action| action.as_str().unwrap()).collect()
    }

    #[test]
    fn a_policy_lists_the_actions_of_the_types_once_and_by_service() {
        let policies = pack(&actions(&catalog(), TYPES, false), POLICY_LIMIT);
        let [policy] = policies.as_slice() else { panic!("{policies:?}") };
        insta::assert_snapshot!(format!("{policy:#}"));
    }

    #[test]
    fn a_read_only_policy_changes_nothing() {
        let policies = pack(&actions(&catalog(), ["aws:ec2/vpc:Vpc"], true), POLICY_LIMIT);
        let allowed = allowed(&policies);
        assert!(allowed.contains(&"ec2:DescribeVpcs") && !allowed.iter().any(|action| action.contains("Create")));
    }

    #[test]
    fn several_policies_allow_what_one_would_and_none_is_too_long() {
        let all = crate::aws::catalog();
        let types: Vec<&str> = all.types().iter().map(|ty| ty.token).collect();
        let actions = actions(all, types, false);
        let whole = pack(&actions, usize::MAX);
        for limit in [POLICY_LIMIT, 600] {
            let policies = pack(&actions, limit);
            assert!(policies.len() > 1 && policies.iter().all(|policy| policy.to_string().len() <= limit));
            assert_eq!(allowed(&policies), allowed(&whole));
            for policy in &policies {
                let ids: Vec<&Json> = policy["Statement"].as_array().unwrap().iter().map(|s| &s["Sid"]).collect();
                assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len(), "{ids:?}");
            }
        }
        assert_eq!(pack(&actions, POLICY_LIMIT), pack(&actions, POLICY_LIMIT));
    }

    #[test]
    fn more_policies_than_a_role_may_have_are_told() {
        assert_eq!(needs_several(1, false), None);
        assert!(needs_several(2, false).unwrap().contains("attach all of them to the role; `--files DIRECTORY`"));
        assert!(needs_several(11, true).unwrap().contains("a role may have 10"));
    }

    #[test]
    fn the_commands_make_and_attach_each_policy() {
        insta::assert_snapshot!(commands("drctl-prod", 2, Path::new("/tmp/policies")), @"
        aws iam create-policy --policy-name drctl-prod-1 --policy-document file:///tmp/policies/drctl-prod-1.json
        aws iam attach-role-policy --role-name ROLE --policy-arn arn:aws:iam::ACCOUNT:policy/drctl-prod-1
        aws iam create-policy --policy-name drctl-prod-2 --policy-document file:///tmp/policies/drctl-prod-2.json
        aws iam attach-role-policy --role-name ROLE --policy-arn arn:aws:iam::ACCOUNT:policy/drctl-prod-2
        ");
    }
}
