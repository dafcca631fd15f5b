use aws_sdk_ec2::types as sdk;

use super::peering::{PeeringOptions, Sides, UNACCEPTED, describe, status};
use super::{retag, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, refers, replace, write_only};

/// The other side of a peering connection: accepts what another VPC asked for.
///
/// It stands in the region of the VPC that accepts. Deleting it leaves the connection, which goes
/// with its `aws:ec2:VpcPeeringConnection`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VpcPeeringConnectionAccepter {
    /// What the accepting side allows.
    #[schemars(transform = computed)]
    pub accepter: Option<PeeringOptions>,
    /// Whether the connection is accepted. Without it the connection is only looked at.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub auto_accept: bool,
    /// What the asking side allows. Only in the same region.
    #[schemars(transform = computed)]
    pub requester: Option<PeeringOptions>,
    /// Tags of the connection on the accepting side.
    #[serde(default)]
    pub tags: Tags,
    /// The connection.
    #[schemars(transform = replace)]
    #[schemars(transform = refers("aws:ec2/vpcPeeringConnection:VpcPeeringConnection.id"))]
    pub vpc_peering_connection_id: String,
}

/// What AWS decides about the accepting side.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VpcPeeringConnectionAccepterOutputs {
    /// How far the connection has come: `pending-acceptance`, `active`.
    pub accept_status: String,
    /// Account of the VPC that asked.
    pub peer_owner_id: Option<String>,
    /// Region of the VPC that asked.
    pub peer_region: Option<String>,
    /// VPC that asked.
    pub peer_vpc_id: Option<String>,
    /// VPC that accepts.
    pub vpc_id: String,
}

impl Resource for VpcPeeringConnectionAccepter {
    const TYPE: &'static str = "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter";
    const FACTS: Facts = Facts {
        existing: Existing::Set,
        limits: Limits::minutes(3, 1, 1),
        takes: Takes::seconds(5, 1, 0),
        permissions: Permissions {
            create: &["ec2:AcceptVpcPeeringConnection", "ec2:CreateTags", "ec2:ModifyVpcPeeringConnectionOptions"],
            read: &["ec2:DescribeVpcPeeringConnections"],
            update: &[
                "ec2:AcceptVpcPeeringConnection",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "ec2:ModifyVpcPeeringConnectionOptions",
            ],
            delete: &["ec2:DescribeVpcPeeringConnections"],
        },
        acts_on: &["ec2:*:*:vpc-peering-connection/*", "ec2:*:*:vpc/*"],
        import: "id of the peering connection, `pcx-0123456789abcdef0`",
        ..Facts::new(IdForm::Input("vpcPeeringConnectionId"), FoundBy::Name)
    };
    type Outputs = VpcPeeringConnectionAccepterOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let id = &self.vpc_peering_connection_id;
        if !self.auto_accept {
            return Ok(Made::id(id));
        }
        let reply = cx.ec2().accept_vpc_peering_connection().vpc_peering_connection_id(id).send().await;
        match reply.map_err(Error::from) {
            Ok(reply) => match reply.vpc_peering_connection {
                Some(connection) if connection.accepter_vpc_info.is_some() => {
                    let (id, seen) = seen(connection, &Want::All, cx)?;
                    Ok(Made::seen(id, seen))
                }
                _ => Ok(Made::id(id)),
            },
            Err(error) if Fact::AcceptedAlready.is_said_by(&error) => Ok(Made::id(id)),
            Err(error) => Err(error),
        }
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        in_order(ids, describe(ids, cx).await?.into_iter().map(|connection| seen(connection, want, cx)))
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        if self.auto_accept && live.outputs.accept_status == UNACCEPTED {
            cx.ec2().accept_vpc_peering_connection().vpc_peering_connection_id(&id.0).send().await?;
            return Ok(Next::Started);
        }
        let options = self.sides().beyond(live.inputs.sides());
        if !options.is_empty() {
            options.set(&id.0, cx).await?;
        }
        Ok(Next::Started)
    }

    /// The acceptance cannot be taken back; the connection belongs to its requester.
    async fn delete(&self, _: &Id, _: Option<&Live<Self>>, _: &Cx) -> Result<Next<Self>> {
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(self.vpc_peering_connection_id.clone());
        let seen = Self::read(std::slice::from_ref(&id), &Want::All, cx).await?;
        let accepted = seen.iter().any(|seen| match seen {
            Seen::Ready(live) => live.outputs.accept_status != UNACCEPTED,
            Seen::Pending(word) => word == "provisioning",
            Seen::Gone | Seen::Failed(_) => false,
        });
        Ok(if accepted { vec![id] } else { Vec::new() })
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }
}

impl VpcPeeringConnectionAccepter {
    fn sides(&self) -> Sides {
        Sides { accepter: self.accepter, requester: self.requester }
    }
}

fn seen(
    c: sdk::VpcPeeringConnection,
    want: &Want,
    cx: &Cx,
) -> Result<(String, Seen<Live<VpcPeeringConnectionAccepter>>)> {
    let sides = Sides::of(&c);
    let status = status(&c)?;
    let id = need("VpcPeeringConnectionId", c.vpc_peering_connection_id)?;
    let accept_status = match status {
        Seen::Ready(word) => word,
        Seen::Gone => return Ok((id, Seen::Gone)),
        Seen::Pending(word) => return Ok((id, Seen::Pending(word))),
        Seen::Failed(why) => return Ok((id, Seen::Failed(why))),
    };
    let own = need("AccepterVpcInfo", c.accepter_vpc_info)?;
    let (peer_owner_id, peer_region, peer_vpc_id) = match c.requester_vpc_info {
        Some(peer) => (peer.owner_id, peer.region, peer.vpc_id),
        None => (None, None, None),
    };
    // In one account and region both sides share their tags, and those are the requester's.
    let shared = peer_owner_id.as_deref() == Some(cx.account())
        && peer_region.as_deref().is_none_or(|region| region == cx.region());
    let inputs = VpcPeeringConnectionAccepter {
        accepter: sides.accepter,
        auto_accept: false,
        requester: sides.requester,
        tags: if shared && !want.has("tags") { Tags::new() } else { tags_from(c.tags) },
        vpc_peering_connection_id: id.clone(),
    };
    let vpc_id = need("AccepterVpcInfo.VpcId", own.vpc_id)?;
    let outputs =
        VpcPeeringConnectionAccepterOutputs { accept_status, peer_owner_id, peer_region, peer_vpc_id, vpc_id };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, reads_back};
    use crate::engine::error::Kind;
    use crate::engine::provider::{self, Provider};

    fn connection(around: &str, status: &str) -> String {
        format!(
            "<{around}><vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId><status><code>{status}</code></status>\
             <requesterVpcInfo><ownerId>123456789012</ownerId><vpcId>vpc-1</vpcId><region>us-east-1</region>\
             <peeringOptions><allowDnsResolutionFromRemoteVpc>true</allowDnsResolutionFromRemoteVpc>\
             </peeringOptions></requesterVpcInfo><accepterVpcInfo><ownerId>123456789012</ownerId>\
             <vpcId>vpc-2</vpcId><region>eu-west-1</region><peeringOptions>\
             <allowDnsResolutionFromRemoteVpc>true</allowDnsResolutionFromRemoteVpc></peeringOptions>\
             </accepterVpcInfo><tagSet><item><key>a</key><value>b</value></item></tagSet></{around}>"
        )
    }

    fn described(status: &str) -> Reply {
        ok(format!(
            "<DescribeVpcPeeringConnectionsResponse><vpcPeeringConnectionSet>{}</vpcPeeringConnectionSet>\
             </DescribeVpcPeeringConnectionsResponse>",
            connection("item", status)
        ))
    }

    const TYPE: &str = VpcPeeringConnectionAccepter::TYPE;

    fn inputs() -> Value {
        json!({ "vpcPeeringConnectionId": "pcx-1", "autoAccept": true }).into()
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "accepter": { "allowRemoteVpcDnsResolution": true },
            "autoAccept": false,
            "requester": { "allowRemoteVpcDnsResolution": true },
            "tags": { "a": "b" },
            "vpcPeeringConnectionId": "pcx-1",
        });
        let replies = [("Action=DescribeVpcPeeringConnections", described("active"))];
        let live = reads_back(TYPE, "pcx-1", &replies, &[], inputs).await;
        assert_eq!(live.outputs.get("vpcId").and_then(Value::as_str), Some("vpc-2"));
        assert_eq!(live.outputs.get("peerRegion").and_then(Value::as_str), Some("us-east-1"));
    }

    #[tokio::test]
    async fn to_create_it_is_to_accept() {
        let answer = connection("vpcPeeringConnection", "provisioning");
        let answer = format!("<AcceptVpcPeeringConnectionResponse>{answer}</AcceptVpcPeeringConnectionResponse>");
        let (aws, wire) = aws(&[("Action=AcceptVpcPeeringConnection", ok(answer))]);
        let made = aws.create(&at(TYPE), &inputs()).await.unwrap();
        assert_eq!(made.id, Id("pcx-1".into()));
        assert_eq!(made.seen, Some(Seen::Pending("provisioning".into())));
        assert_eq!(wire.requests("").len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_waited_for_until_the_other_region_sees_it() {
        let refusal = "<Response><Errors><Error><Code>InvalidVpcPeeringConnectionID.NotFound</Code>\
            <Message>not here yet</Message></Error></Errors></Response>";
        let (aws, _) = aws(&[("Action=AcceptVpcPeeringConnection", Reply::Says(400, refusal.into()))]);
        assert_eq!(aws.create(&at(TYPE), &inputs()).await.unwrap_err().kind, Kind::Spreading);
    }

    #[tokio::test]
    async fn one_that_is_accepted_already_is_adopted() {
        let refusal = "<Response><Errors><Error><Code>InvalidStateTransition</Code><Message>Invalid state \
            transition for pcx-1, attempted to transition from active to provisioning</Message></Error></Errors>\
            </Response>";
        let (aws, _) = aws(&[("Action=AcceptVpcPeeringConnection", Reply::Says(400, refusal.into()))]);
        assert_eq!(aws.create(&at(TYPE), &inputs()).await.unwrap().id, Id("pcx-1".into()));
    }

    #[tokio::test]
    async fn its_deletion_makes_no_call() {
        let (aws, wire) = aws(&[]);
        let next = aws.delete(&at(TYPE), &Id("pcx-1".into()), &inputs(), None).await.unwrap();
        assert!(matches!(next, provider::Next::Gone));
        assert!(wire.requests("").is_empty());
    }

    #[tokio::test]
    async fn a_lost_acceptance_is_found_by_its_effect() {
        for (status, found) in [("active", 1), ("provisioning", 1), ("pending-acceptance", 0)] {
            let (aws, _) = aws(&[("Action=DescribeVpcPeeringConnections", described(status))]);
            assert_eq!(aws.find(&at(TYPE), &inputs()).await.unwrap().len(), found, "{status}");
        }
    }
}
