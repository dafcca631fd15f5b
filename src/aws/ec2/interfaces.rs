//! What keeps a security group or a subnet from going: network interfaces, those of Lambda above all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_ec2::types::{NetworkInterface, NetworkInterfaceStatus, NetworkInterfaceType};
use tokio::time::Instant;

use super::any_of;
use crate::aws::lambda::Function;
use crate::aws::prelude::*;
use crate::engine::error::Kind;
use crate::engine::resource::Hold;

/// How Lambda describes its interfaces.
const OF_LAMBDA: &str = "AWS Lambda VPC ENI";
/// Lambda deletes them up to 20 minutes after the last function that used them (AWS Lambda Developer Guide,
/// "Giving Lambda functions access to resources in an Amazon VPC").
const USUALLY: Duration = Duration::from_secs(20 * 60);
const LONGEST: Duration = Duration::from_secs(45 * 60);
/// How long an interface has to be detached before Lambda is thought to have left it. On its way to be attached it
/// is detached for some seconds, too.
const LEFT: Duration = Duration::from_secs(60);
/// How many are told by name.
const NAMED: usize = 5;

/// Interfaces of Lambda that were seen detached, and when first.
#[derive(Debug, Default)]
pub(in crate::aws) struct Detached(Mutex<HashMap<String, Instant>>);

impl Detached {
    /// Takes note of an interface; whether it was seen detached for long enough.
    fn is_left(&self, id: &str, is_detached: bool) -> bool {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_detached {
            since.remove(id);
            return false;
        }
        since.entry(id.to_owned()).or_insert_with(Instant::now).elapsed() >= LEFT
    }
}

/// The network interfaces in a group or a subnet.
#[derive(Default)]
pub(super) struct Holders {
    of_lambda: Vec<String>,
    /// Those of other services, such as load balancers, which delete them some time after their owners.
    of_services: Vec<String>,
    /// Those that somebody made, or that belong to an instance.
    others: Vec<String>,
    /// Why one could not be deleted that Lambda has left.
    denied: Option<Error>,
}

impl Holders {
    /// Looks for them by a filter, `group-id` or `subnet-id`.
    ///
    /// Those that Lambda has detached and not deleted, as its role may not or no longer, are deleted here.
    ///
    /// # Errors
    /// The refusal, if they cannot be looked for; it tells why.
    pub(super) async fn of(name: &str, id: &Id, refusal: &Error, cx: &Cx) -> Result<Self> {
        let pages = cx.ec2().describe_network_interfaces().filters(any_of(name, std::slice::from_ref(id)));
        let found = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|why| unseen(refusal, why.into()))?;
        let mut holders = Self::default();
        for interface in found {
            holders.add(interface, cx).await;
        }
        Ok(holders)
    }

    async fn add(&mut self, interface: NetworkInterface, cx: &Cx) {
        let managed = interface.requester_managed == Some(true);
        let Some(id) = interface.network_interface_id else { return };
        let is_detached = interface.status == Some(NetworkInterfaceStatus::Available);
        // Anybody can write a description.
        let made_by_lambda = managed || interface.interface_type == Some(NetworkInterfaceType::Lambda);
        if !(made_by_lambda && interface.description.is_some_and(|text| text.starts_with(OF_LAMBDA))) {
            let list = if managed { &mut self.of_services } else { &mut self.others };
            return list.push(id);
        }
        if cx.detached.is_left(&id, is_detached) {
            // Who comes too late waits like everybody.
            let deleted = cx.ec2().delete_network_interface().network_interface_id(&id).send().await;
            let denied = deleted.err().map(Error::from).filter(|error| error.kind == Kind::Denied);
            self.denied = self.denied.take().or(denied);
        }
        self.of_lambda.push(id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.of_lambda.is_empty() && self.of_services.is_empty() && self.others.is_empty()
    }

    /// Waits for interfaces of Lambda, if there are no others.
    ///
    /// # Errors
    /// The refusal with the names of those that Lambda does not take away. Where somebody has to do that,
    /// it is not tried for long.
    pub(super) fn judge(self, refusal: Error) -> Result<Hold> {
        let foreign: Vec<&String> = self.others.iter().chain(&self.of_services).collect();
        if !foreign.is_empty() {
            let kind = if self.others.is_empty() { refusal.kind } else { Kind::Spreading };
            let message = format!("{}; it holds {}", refusal.message, named(&foreign));
            let told = Error { kind, message, ..refusal };
            return Err(told.hint(
                "`aws ec2 describe-network-interfaces --network-interface-ids` shows what they belong to: remove \
                 that, then run again",
            ));
        }
        if self.of_lambda.is_empty() {
            return Err(refusal);
        }
        let interfaces = named(&self.of_lambda.iter().collect::<Vec<_>>());
        let denied = self.denied.map(|error| format!(", detached and not to be deleted: {error}"));
        Ok(Hold {
            by: format!("held by {interfaces} of Lambda{}", denied.unwrap_or_default()),
            of: Function::TYPE,
            usually: USUALLY,
            longest: LONGEST,
            doubt: "a function that is not of this stack may still use it",
            remedy: "`aws lambda list-functions --query 'Functions[].[FunctionName,VpcConfig]'` shows functions with \
                     their subnets and groups: if one still uses it, take it out of there; then run again to go on \
                     waiting",
        })
    }
}

/// `the network interfaces `eni-1`, `eni-2``.
fn named(ids: &[&String]) -> String {
    let names = ids.iter().take(NAMED).map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    match ids.len() {
        1 => format!("the network interface {names}"),
        0..=NAMED => format!("the network interfaces {names}"),
        n => format!("the network interfaces {names} and {} more", n - NAMED),
    }
}

/// A refusal whose reason cannot be looked for.
pub(super) fn unseen(refusal: &Error, why: Error) -> Error {
    let hint = why.hint.clone();
    let told =
        Error { message: format!("{}; what holds it cannot be looked for: {why}", refusal.message), ..refusal.clone() };
    match hint {
        Some(hint) => told.hint(hint),
        None => told,
    }
}

/// Whether something in it keeps a part of a network from being deleted.
pub(super) fn is_held(refusal: &Error) -> bool {
    refusal.code.as_deref() == Some("DependencyViolation")
}
