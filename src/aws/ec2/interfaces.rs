//! What keeps a security group or a subnet from going: network interfaces, those of Lambda above all.

use aws_sdk_ec2::types::NetworkInterfaceStatus;

use super::any_of;
use crate::aws::prelude::*;

/// How Lambda describes its interfaces.
const OF_LAMBDA: &str = "AWS Lambda VPC ENI";

/// The network interfaces in a group or a subnet.
#[derive(Default)]
pub(super) struct Holders {
    of_lambda: usize,
    others: Vec<String>,
}

impl Holders {
    /// Looks for them by a filter, `group-id` or `subnet-id`. Nothing is told where they cannot be looked for.
    ///
    /// Those that Lambda has detached and not deleted, as its role may not or no longer, are deleted here.
    pub(super) async fn of(name: &str, id: &Id, cx: &Cx) -> Self {
        let pages = cx.ec2().describe_network_interfaces().filters(any_of(name, std::slice::from_ref(id)));
        let found = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let mut holders = Self::default();
        for interface in found.unwrap_or_default() {
            let Some(id) = interface.network_interface_id else { continue };
            if !interface.description.is_some_and(|text| text.starts_with(OF_LAMBDA)) {
                holders.others.push(id);
                continue;
            }
            holders.of_lambda += 1;
            if interface.status == Some(NetworkInterfaceStatus::Available) {
                // Who may not, or comes too late, waits like everybody.
                let _ = cx.ec2().delete_network_interface().network_interface_id(id).send().await;
            }
        }
        holders
    }

    /// What is waited for, if those of Lambda are among them.
    pub(super) fn word(&self) -> Option<String> {
        match self.of_lambda {
            0 => None,
            1 => Some("held by a network interface of Lambda".to_owned()),
            n => Some(format!("held by {n} network interfaces of Lambda")),
        }
    }

    /// A refusal with the names of those that nobody takes away.
    pub(super) fn tell(&self, refusal: Error) -> Error {
        if self.others.is_empty() {
            return refusal;
        }
        let names = self.others.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        Error { message: format!("{}; it holds the network interfaces {names}", refusal.message), ..refusal }
    }
}

/// Whether something in it keeps a part of a network from being deleted.
pub(super) fn is_held(refusal: &Error) -> bool {
    refusal.code.as_deref() == Some("DependencyViolation")
}
