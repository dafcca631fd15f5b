//! What a security group lets through, source by source. A rule written in a group names many
//! sources; AWS keeps, adds and removes them one by one.

use std::collections::BTreeMap;

use aws_sdk_ec2::types as sdk;

use super::security_group::InlineRule;
use crate::aws::prelude::*;

/// One source, or destination, and the ports open to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Grant {
    protocol: String,
    from: i32,
    to: i32,
    peer: Peer,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Peer {
    Ipv4(String),
    Ipv6(String),
    PrefixList(String),
    /// `sg-1`, or `123456789012/sg-1` of another account.
    Group(String),
}

/// Grants and their descriptions.
pub(super) type Grants = BTreeMap<Grant, Option<String>>;

/// The protocol that stands for all.
const ALL: &str = "-1";

/// The grants that rules make. `own` is the id of the group that they stand in.
pub(super) fn of(rules: &[InlineRule], own: &Id) -> Result<Grants> {
    let mut grants = Grants::new();
    for rule in rules {
        if rule.protocol == ALL && (rule.from_port, rule.to_port) != (0, 0) {
            let text = format!("ports {} to {} with protocol `-1`", rule.from_port, rule.to_port);
            return Err(Error::invalid(text).hint("`-1` opens all ports: write 0 for both"));
        }
        let peers = |list: &Option<Vec<String>>, peer: fn(String) -> Peer| -> Vec<Peer> {
            list.iter().flatten().cloned().map(peer).collect()
        };
        let listed = [
            peers(&rule.cidr_blocks, Peer::Ipv4),
            peers(&rule.ipv6_cidr_blocks, Peer::Ipv6),
            peers(&rule.prefix_list_ids, Peer::PrefixList),
            peers(&rule.security_groups, Peer::Group),
        ];
        let itself = rule.itself.then(|| Peer::Group(own.0.clone()));
        for peer in listed.into_iter().flatten().chain(itself) {
            let grant = Grant { protocol: rule.protocol.clone(), from: rule.from_port, to: rule.to_port, peer };
            grants.insert(grant, rule.description.clone());
        }
    }
    Ok(grants)
}

/// The grants with which AWS lets everything out of a new group.
pub(super) fn everything() -> Grants {
    let all = |peer| (Grant { protocol: ALL.into(), from: 0, to: 0, peer }, None);
    Grants::from([all(Peer::Ipv4("0.0.0.0/0".into())), all(Peer::Ipv6("::/0".into()))])
}

/// Rules as AWS shows them, those that agree in protocol, ports and description as one.
pub(super) fn rules(permissions: Option<Vec<sdk::IpPermission>>, own: &str, owner: &str) -> Result<Vec<InlineRule>> {
    let mut rules: BTreeMap<(String, i32, i32, Option<String>), InlineRule> = BTreeMap::new();
    for permission in permissions.into_iter().flatten() {
        let protocol = need("IpProtocol", permission.ip_protocol)?;
        let (from, to) = (permission.from_port.unwrap_or_default(), permission.to_port.unwrap_or_default());
        let (from, to) = if protocol == ALL { (0, 0) } else { (from, to) };
        let mut rule = |description: Option<String>, add: &mut dyn FnMut(&mut InlineRule)| {
            let description = description.filter(|text| !text.is_empty());
            let rule = rules.entry((protocol.clone(), from, to, description.clone())).or_insert_with(|| InlineRule {
                cidr_blocks: None,
                description,
                from_port: from,
                ipv6_cidr_blocks: None,
                prefix_list_ids: None,
                protocol: protocol.clone(),
                security_groups: None,
                itself: false,
                to_port: to,
            });
            add(rule);
        };
        for range in permission.ip_ranges.into_iter().flatten() {
            let cidr = need("CidrIp", range.cidr_ip)?;
            rule(range.description, &mut |r| r.cidr_blocks.get_or_insert_default().push(cidr.clone()));
        }
        for range in permission.ipv6_ranges.into_iter().flatten() {
            let cidr = need("CidrIpv6", range.cidr_ipv6)?;
            rule(range.description, &mut |r| r.ipv6_cidr_blocks.get_or_insert_default().push(cidr.clone()));
        }
        for list in permission.prefix_list_ids.into_iter().flatten() {
            let id = need("PrefixListId", list.prefix_list_id)?;
            rule(list.description, &mut |r| r.prefix_list_ids.get_or_insert_default().push(id.clone()));
        }
        for pair in permission.user_id_group_pairs.into_iter().flatten() {
            let id = need("GroupId", pair.group_id)?;
            if id == own {
                rule(pair.description, &mut |r| r.itself = true);
                continue;
            }
            let name = group_name(id, pair.user_id, owner);
            rule(pair.description, &mut |r| r.security_groups.get_or_insert_default().push(name.clone()));
        }
    }
    Ok(rules.into_values().collect())
}

/// `sg-1`, or `123456789012/sg-1` if it is another account's.
pub(super) fn group_name(id: String, account: Option<String>, owner: &str) -> String {
    match account {
        Some(account) if account != owner && !owner.is_empty() => format!("{account}/{id}"),
        _ => id,
    }
}

/// The form in which AWS takes grants.
pub(super) fn permissions<'a>(
    grants: impl IntoIterator<Item = (&'a Grant, &'a Option<String>)>,
) -> Option<Vec<sdk::IpPermission>> {
    Some(grants.into_iter().map(|(grant, description)| permission(grant, description.clone())).collect())
}

fn permission(grant: &Grant, description: Option<String>) -> sdk::IpPermission {
    let open = sdk::IpPermission::builder().ip_protocol(&grant.protocol);
    let open = if grant.protocol == ALL { open } else { open.from_port(grant.from).to_port(grant.to) };
    match &grant.peer {
        Peer::Ipv4(cidr) => open.ip_ranges(sdk::IpRange::builder().cidr_ip(cidr).set_description(description).build()),
        Peer::Ipv6(cidr) => {
            open.ipv6_ranges(sdk::Ipv6Range::builder().cidr_ipv6(cidr).set_description(description).build())
        }
        Peer::PrefixList(id) => {
            open.prefix_list_ids(sdk::PrefixListId::builder().prefix_list_id(id).set_description(description).build())
        }
        Peer::Group(name) => {
            let (account, id) = match name.split_once('/') {
                Some((account, id)) => (Some(account.to_owned()), id),
                None => (None, name.as_str()),
            };
            let pair = sdk::UserIdGroupPair::builder().set_user_id(account).group_id(id);
            open.user_id_group_pairs(pair.set_description(description).build())
        }
    }
    .build()
}
