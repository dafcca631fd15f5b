//! Functions in a VPC: their network interfaces outlast them, and hold the groups and subnets that they are in.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::engine::error::Result;
use crate::engine::resource::Hold;
use crate::engine::urn::Id;
use crate::engine::value::Value;
use crate::twin::quirks::network::{GROUP, SUBNET};
use crate::twin::quirks::{End, Ending, Step};
use crate::twin::row::{Phase, Row, Serial};
use crate::twin::world::World;

const FUNCTION: &str = "aws:lambda/function:Function";
const ROLE: &str = "aws:iam/role:Role";
const POLICY: &str = "aws:iam/policy:Policy";
const ROLE_POLICY: &str = "aws:iam/rolePolicy:RolePolicy";
const ATTACHMENT: &str = "aws:iam/rolePolicyAttachment:RolePolicyAttachment";

/// After that time Lambda deletes what the last function has left (AWS Lambda Developer Guide, "Giving Lambda
/// functions access to resources in an Amazon VPC").
const RELEASE: SignedDuration = SignedDuration::from_mins(20);
/// After that time those are detached that the role did not let Lambda delete, so that whoever deletes the group
/// can delete them too. AWS names no time; it is longer than anybody waits for a group here.
const DETACHED: SignedDuration = SignedDuration::from_mins(60);
/// How long somebody waits for them.
const LONGEST: SignedDuration = SignedDuration::from_mins(45);

/// What Lambda needs to be allowed.
const ACTION: &str = "ec2:DeleteNetworkInterface";
/// Policies of AWS that allow it.
const POLICIES: [&str; 6] = [
    "AWSLambdaENIManagementAccess",
    "AWSLambdaVPCAccessExecutionRole",
    "AdministratorAccess",
    "AmazonEC2FullAccess",
    "AmazonVPCFullAccess",
    "PowerUserAccess",
];

/// Network interfaces of functions with the same subnets and groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::twin) struct Interfaces {
    /// The subnets and groups that they are in.
    within: BTreeSet<Serial>,
    /// Each of these lets Lambda delete them. None if that was never known, and is not asked then.
    allowed_by: BTreeSet<Serial>,
    since: Timestamp,
    /// Lambda was not allowed to delete them when the time had come.
    #[serde(default)]
    stranded: bool,
}

impl Interfaces {
    /// Those of a function, if it is one in a VPC.
    pub(in crate::twin) fn of(world: &World, function: Serial, now: Timestamp) -> Option<Self> {
        let row = world.row(function)?;
        let within = within(world, row)?;
        let role = row.refers.iter().find(|serial| world.row(**serial).is_some_and(|row| row.token == ROLE));
        let allowed_by = role.map(|role| allowed_by(world, *role)).unwrap_or_default();
        Some(Self { within, allowed_by, since: now, stranded: false })
    }

    /// Whether a function needs them now.
    pub(in crate::twin) fn are_used(&self, world: &World) -> bool {
        let there = |row: &Row| row.token == FUNCTION && !matches!(row.phase, Phase::Deleting { .. });
        let mut users = self.within.iter().flat_map(|serial| world.referrers(*serial));
        users.any(|(_, row)| there(row) && within(world, row).as_ref() == Some(&self.within))
    }

    /// Whether they are still there, and in the way, after what was to happen until now.
    pub(in crate::twin) fn stay(&mut self, is_there: impl Fn(&Serial) -> bool, now: Timestamp) -> bool {
        let age = now.duration_since(self.since);
        if !self.stranded && age >= RELEASE {
            self.stranded = !self.allowed_by.is_empty() && !self.allowed_by.iter().any(is_there);
            return self.stranded && age < DETACHED;
        }
        age < if self.stranded { DETACHED } else { RELEASE }
    }
}

/// A group or a subnet stays for as long as interfaces of Lambda are in it.
pub(super) fn held(ending: &Ending<'_>) -> Result<End> {
    Ok(match ending.world.interfaces().iter().any(|one| one.within.contains(&ending.serial)) {
        true => End::Step(Step::Held(hold())),
        false => End::Now,
    })
}

fn hold() -> Hold {
    let minutes = |time: SignedDuration| time.try_into().unwrap_or_default();
    Hold {
        by: "held by network interfaces of Lambda".to_owned(),
        of: FUNCTION,
        usually: minutes(RELEASE),
        longest: minutes(LONGEST),
        doubt: "a function that is not of this stack may still use it",
        remedy: "if a function still uses it, take that out of it; else run again to go on waiting",
    }
}

/// The subnets and groups of a function.
fn within(world: &World, function: &Row) -> Option<BTreeSet<Serial>> {
    let config = function.inputs.get("vpcConfig").filter(|config| !config.is_null() && function.token == FUNCTION)?;
    let mut all = BTreeSet::new();
    for (input, token) in [("securityGroupIds", GROUP), ("subnetIds", SUBNET)] {
        let Some(Value::List(ids)) = config.get(input) else { continue };
        let ids = ids.iter().filter_map(Value::as_str).map(|id| Id(id.to_owned()));
        all.extend(ids.filter_map(|id| world.find(token, &function.place, &id)));
    }
    (!all.is_empty()).then_some(all)
}

/// The rows by which a role may delete network interfaces.
fn allowed_by(world: &World, role: Serial) -> BTreeSet<Serial> {
    let own = world.row(role).is_some_and(|row| {
        let inline = list(row, "inlinePolicies").iter().any(|part| part.get("policy").is_some_and(allows));
        inline || list(row, "managedPolicyArns").iter().any(|arn| arn.as_str().is_some_and(is_known))
    });
    let attached = |row: &Row| {
        let managed = row.refers.iter().filter_map(|serial| world.row(*serial)).find(|row| row.token == POLICY);
        match managed {
            Some(policy) => policy.inputs.get("policy").is_some_and(allows),
            None => row.text("policyArn").is_some_and(is_known),
        }
    };
    let policies = world.referrers(role).filter(|(_, row)| match row.token {
        ROLE_POLICY => row.inputs.get("policy").is_some_and(allows),
        ATTACHMENT => attached(row),
        _ => false,
    });
    policies.map(|(serial, _)| serial).chain(own.then_some(role)).collect()
}

fn list<'a>(row: &'a Row, input: &str) -> &'a [Value] {
    match row.inputs.get(input) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

fn is_known(arn: &str) -> bool {
    arn.rsplit('/').next().is_some_and(|name| POLICIES.contains(&name))
}

/// Whether a policy has a statement that allows it, whatever its conditions.
fn allows(policy: &Value) -> bool {
    let json = match policy.bare() {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.to_json().unwrap_or_default(),
    };
    let each = |value: &Json| match value {
        Json::Array(items) => items.clone(),
        other => vec![other.clone()],
    };
    let statements = json.get("Statement").map(each).unwrap_or_default();
    statements.iter().filter(|statement| statement["Effect"] == "Allow").any(|statement| {
        each(&statement["Action"]).iter().filter_map(Json::as_str).any(|action| match action.strip_suffix('*') {
            Some(start) => ACTION.to_lowercase().starts_with(&start.to_lowercase()),
            None => action.eq_ignore_ascii_case(ACTION),
        })
    })
}
