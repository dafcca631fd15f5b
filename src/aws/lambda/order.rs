//! Network interfaces that a function in a VPC leaves behind. Lambda deletes them, with the permissions of the
//! function's role, some time after the last function with these subnets and groups has gone ("Giving Lambda
//! functions access to resources in an Amazon VPC", AWS Lambda Developer Guide: up to 20 minutes). Where the
//! role may no longer do that, they stay, and so do the groups and subnets that they are in.

use std::collections::HashMap;

use super::Function;
use crate::aws::ec2::{SecurityGroup, Subnet};
use crate::aws::iam::{Role, RolePolicy, RolePolicyAttachment};
use crate::engine::order::Departure;
use crate::engine::resource::Resource;
use crate::engine::state::Row;
use crate::engine::urn::Urn;

/// Seconds until Lambda has deleted the interfaces.
const TYPICAL: u32 = 1200;

/// Seconds after which nobody keeps permissions for them any more: three times as long.
const LONGEST: u32 = 3600;

/// The groups and subnets of a function go before the permissions of its role.
pub fn groups_and_subnets_before_permissions<'a>(rows: &[&'a Row]) -> Vec<Departure<'a>> {
    let mut permissions: HashMap<&Urn, Vec<&'a Urn>> = HashMap::new();
    for row in rows {
        match row.ty.as_str() {
            Role::TYPE => permissions.entry(&row.key.urn).or_default().push(&row.key.urn),
            RolePolicy::TYPE | RolePolicyAttachment::TYPE => {
                for role in referred(row, "role") {
                    permissions.entry(role).or_default().push(&row.key.urn);
                }
            }
            _ => {}
        }
    }
    let types: HashMap<&Urn, &str> = rows.iter().map(|row| (&row.key.urn, row.ty.as_str())).collect();
    let mut departures = Vec::new();
    for function in rows.iter().filter(|row| row.ty == Function::TYPE) {
        let allow = referred(function, "role").iter().filter_map(|role| permissions.get(role)).flatten();
        let then: Vec<&Urn> = allow.copied().collect();
        let held = |urn: &&Urn| matches!(types.get(urn), Some(&(SecurityGroup::TYPE | Subnet::TYPE)));
        for first in referred(function, "vpcConfig").iter().filter(held) {
            let after = &function.key.urn;
            departures.push(Departure { first, then: then.clone(), after, typical: TYPICAL, longest: LONGEST });
        }
    }
    departures
}

fn referred<'a>(row: &'a Row, input: &str) -> &'a [Urn] {
    row.refers.get(input).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ec2::Vpc;
    use crate::engine::state::Key;
    use crate::engine::urn::Place;

    fn urn(ty: &str, name: &str) -> Urn {
        Urn::new("prod", "dr", ty, name)
    }

    fn row(ty: &str, name: &str, refers: &[(&str, &[Urn])]) -> Row {
        let refers = refers.iter().map(|(input, urns)| ((*input).to_owned(), urns.to_vec())).collect();
        Row { refers, ..Row::new(Key { urn: urn(ty, name), generation: 0 }, ty, Place("eu-west-1".into())) }
    }

    #[test]
    fn groups_and_subnets_of_a_function_go_before_all_that_its_own_role_may_do() {
        let (role, other) = (urn(Role::TYPE, "role"), urn(Role::TYPE, "other"));
        let vpc = [urn(SecurityGroup::TYPE, "group"), urn(Subnet::TYPE, "subnet"), urn(Vpc::TYPE, "vpc")];
        let rows = [
            row(Role::TYPE, "role", &[]),
            row(Role::TYPE, "other", &[]),
            row(RolePolicy::TYPE, "policy", &[("role", std::slice::from_ref(&role))]),
            row(RolePolicyAttachment::TYPE, "attachment", &[("role", std::slice::from_ref(&role))]),
            row(RolePolicyAttachment::TYPE, "elsewhere", &[("role", std::slice::from_ref(&other))]),
            row(Vpc::TYPE, "vpc", &[]),
            row(SecurityGroup::TYPE, "group", &[]),
            row(Subnet::TYPE, "subnet", &[]),
            row(Function::TYPE, "inside", &[("role", &[role]), ("vpcConfig", &vpc)]),
            row(Function::TYPE, "outside", &[("role", &[other])]),
        ];
        let rows: Vec<&Row> = rows.iter().collect();
        let departures = groups_and_subnets_before_permissions(&rows);
        assert!(departures.iter().all(|d| d.after.name() == "inside" && d.typical == TYPICAL));
        let pair = |d: &Departure<'_>, then: &Urn| format!("{} {}", d.first.name(), then.name());
        let pairs: Vec<String> = departures.iter().flat_map(|d| d.then.iter().map(|then| pair(d, then))).collect();
        let firsts = ["group", "subnet"];
        let expected = firsts.iter().flat_map(|f| ["role", "policy", "attachment"].map(|then| format!("{f} {then}")));
        assert_eq!(pairs, expected.collect::<Vec<_>>());
    }
}
