//! What a peering connection looks like from either side.

use aws_sdk_ec2::types::{self as sdk, VpcPeeringConnectionStateReasonCode as Code};

use super::any_of;
use crate::aws::prelude::*;

/// What one side of a connection allows the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PeeringOptions {
    /// Whether public host names of this side resolve to private addresses on the other.
    #[serde(default)]
    pub allow_remote_vpc_dns_resolution: bool,
}

impl PeeringOptions {
    fn of(side: Option<&sdk::VpcPeeringConnectionVpcInfo>) -> Option<Self> {
        let options = side?.peering_options.as_ref()?;
        let allowed = options.allow_dns_resolution_from_remote_vpc?;
        Some(Self { allow_remote_vpc_dns_resolution: allowed })
    }

    fn request(self) -> sdk::PeeringConnectionOptionsRequest {
        let allowed = self.allow_remote_vpc_dns_resolution;
        sdk::PeeringConnectionOptionsRequest::builder().allow_dns_resolution_from_remote_vpc(allowed).build()
    }
}

/// Both sides' options; a side that is not shown or not given is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sides {
    pub accepter: Option<PeeringOptions>,
    pub requester: Option<PeeringOptions>,
}

impl Sides {
    pub(super) fn of(connection: &sdk::VpcPeeringConnection) -> Self {
        Self {
            accepter: PeeringOptions::of(connection.accepter_vpc_info.as_ref()),
            requester: PeeringOptions::of(connection.requester_vpc_info.as_ref()),
        }
    }

    /// What `self` wishes and `live` does not show.
    pub(super) fn beyond(self, live: Self) -> Self {
        Self {
            accepter: changed(&self.accepter, &live.accepter).copied(),
            requester: changed(&self.requester, &live.requester).copied(),
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.accepter.is_none() && self.requester.is_none()
    }

    /// Sets the options given. Across regions each side must be set in its own.
    pub(super) async fn set(self, id: &str, cx: &Cx) -> Result<()> {
        cx.ec2()
            .modify_vpc_peering_connection_options()
            .set_accepter_peering_connection_options(self.accepter.map(PeeringOptions::request))
            .set_requester_peering_connection_options(self.requester.map(PeeringOptions::request))
            .vpc_peering_connection_id(id)
            .send()
            .await?;
        Ok(())
    }
}

pub(super) async fn describe(ids: &[Id], cx: &Cx) -> Result<Vec<sdk::VpcPeeringConnection>> {
    let connections = cx.ec2().describe_vpc_peering_connections();
    let connections = connections.filters(any_of("vpc-peering-connection-id", ids));
    Ok(connections.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?)
}

/// A connection that waits for its acceptance is as ready as its requester can make it.
pub(super) fn status(connection: &sdk::VpcPeeringConnection) -> Result<Seen<String>> {
    let status = connection.status.as_ref();
    let code = need("Status.Code", status.and_then(|s| s.code.as_ref()))?;
    let word = code.as_str().to_owned();
    Ok(match code {
        Code::Active | Code::PendingAcceptance => Seen::Ready(word),
        Code::Deleted => Seen::Gone,
        Code::Expired | Code::Failed | Code::Rejected => {
            let why = status.and_then(|s| s.message.as_deref()).filter(|text| !text.is_empty());
            Seen::Failed(why.map_or(word.clone(), |why| format!("{word}: {why}")))
        }
        _ => Seen::Pending(word),
    })
}

/// The word for a connection that nobody has accepted yet.
pub(super) const UNACCEPTED: &str = "pending-acceptance";
/// The word for a connection that carries traffic.
pub(super) const ACTIVE: &str = "active";
