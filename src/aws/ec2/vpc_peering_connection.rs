use aws_sdk_ec2::types::{self as sdk, ResourceType};

use super::peering::{ACTIVE, PeeringOptions, Sides, UNACCEPTED, describe, status};
use super::{acceptance, filter, is_mine, mine, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, refers, replace};

/// A private way between two VPCs, asked for by one of them.
///
/// The other one accepts it: in the same account and region by `autoAccept`, else by
/// `aws:ec2:VpcPeeringConnectionAccepter` in its own region.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VpcPeeringConnection {
    /// What the accepting side allows. Only in the same region, once the connection is accepted.
    #[schemars(transform = computed)]
    pub accepter: Option<PeeringOptions>,
    /// Whether the connection is accepted at once. Only in the same account and region.
    #[serde(default)]
    pub auto_accept: bool,
    /// Account of the other VPC; this account if there is none.
    #[schemars(transform = replace, transform = computed)]
    pub peer_owner_id: Option<String>,
    /// Region of the other VPC; this region if there is none.
    #[schemars(transform = replace, transform = computed)]
    pub peer_region: Option<String>,
    /// The other VPC.
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub peer_vpc_id: String,
    /// What the asking side allows, once the connection is accepted.
    #[schemars(transform = computed)]
    pub requester: Option<PeeringOptions>,
    /// Tags of the connection on the asking side.
    #[serde(default)]
    pub tags: Tags,
    /// VPC that asks.
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub vpc_id: String,
}

/// What AWS decides about a peering connection.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VpcPeeringConnectionOutputs {
    /// How far the connection has come: `pending-acceptance`, `active`.
    pub accept_status: String,
}

impl Resource for VpcPeeringConnection {
    const TYPE: &'static str = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection";
    const FACTS: Facts = Facts {
        existing: Existing::LookedFor(&["vpcId", "peerVpcId"]),
        limits: Limits::minutes(1, 1, 1),
        takes: Takes::seconds(3, 2, 3),
        permissions: Permissions {
            create: &[
                "ec2:AcceptVpcPeeringConnection",
                "ec2:CreateTags",
                "ec2:CreateVpcPeeringConnection",
                "ec2:DescribeVpcPeeringConnections",
                "ec2:ModifyVpcPeeringConnectionOptions",
            ],
            read: &["ec2:DescribeVpcPeeringConnections"],
            update: &[
                "ec2:AcceptVpcPeeringConnection",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "ec2:ModifyVpcPeeringConnectionOptions",
            ],
            delete: &["ec2:DeleteVpcPeeringConnection"],
        },
        acts_on: &["ec2:*:*:vpc-peering-connection/*", "ec2:*:*:vpc/*"],
        import: "id of the peering connection, `pcx-0123456789abcdef0`",
        ..Facts::new(IdForm::Random("pcx-", 17), FoundBy::OwnerTag)
    };
    type Outputs = VpcPeeringConnectionOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        if self.auto_accept && self.peer_region.as_deref().is_some_and(|region| region != cx.region()) {
            return Err(Error::invalid("`autoAccept` cannot accept a connection to another region")
                .hint("leave it out, and accept with `aws:ec2:VpcPeeringConnectionAccepter` in that region"));
        }
        let tags = acceptance::marked(cx.tags(&self.tags), self.auto_accept);
        let reply = cx
            .ec2()
            .create_vpc_peering_connection()
            .set_peer_owner_id(self.peer_owner_id.clone())
            .set_peer_region(self.peer_region.clone())
            .peer_vpc_id(&self.peer_vpc_id)
            .tag_specifications(tagged(ResourceType::VpcPeeringConnection, &tags))
            .vpc_id(&self.vpc_id)
            .send()
            .await?;
        let (id, seen) = seen(need("VpcPeeringConnection", reply.vpc_peering_connection)?, cx)?;
        Ok(Made::seen(id, seen))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        in_order(ids, describe(ids, cx).await?.into_iter().map(|connection| seen(connection, cx)))
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        if self.auto_accept && live.outputs.accept_status == UNACCEPTED {
            cx.ec2().accept_vpc_peering_connection().vpc_peering_connection_id(&id.0).send().await?;
            return Ok(Next::More("accepting"));
        }
        if self.auto_accept != live.inputs.auto_accept {
            retag(id, &acceptance::change(self.auto_accept), cx).await?;
        }
        let options = self.sides().beyond(live.inputs.sides());
        if options.is_empty() {
            return Ok(Next::Started);
        }
        if live.outputs.accept_status != ACTIVE {
            return Err(Error::invalid("`requester` and `accepter` cannot be set before the connection is accepted")
                .hint("set them by `aws:ec2:PeeringConnectionOptions`, which comes after the accepter"));
        }
        options.set(&id.0, cx).await?;
        Ok(Next::Started)
    }

    /// A connection is seen for a while after it is gone, as `deleting` and then `deleted`.
    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let call = cx.ec2().delete_vpc_peering_connection().vpc_peering_connection_id(&id.0);
        Ok(if call.send().await.or_none()?.is_some() { Next::Started } else { Next::Gone })
    }

    /// EC2 answers for two networks that are connected with the connection that is there.
    async fn namesake(&self, cx: &Cx) -> Result<Option<Id>> {
        let between = [("requester-vpc-info.vpc-id", &self.vpc_id), ("accepter-vpc-info.vpc-id", &self.peer_vpc_id)];
        let between = between.map(|(side, vpc)| filter(side, [vpc.clone()]));
        let there = ["pending-acceptance", "provisioning", "active"].map(str::to_owned);
        let describe = cx.ec2().describe_vpc_peering_connections().set_filters(Some(between.to_vec()));
        let found = describe.filters(filter("status-code", there)).into_paginator().items().send();
        // Not every server knows the filters.
        let connects = |c: &sdk::VpcPeeringConnection| {
            let ends = [&c.requester_vpc_info, &c.accepter_vpc_info].map(|end| end.as_ref()?.vpc_id.as_ref());
            ends == [Some(&self.vpc_id), Some(&self.peer_vpc_id)]
        };
        let found = found.collect::<Result<Vec<_>, _>>().await?.into_iter().find(connects);
        Ok(found.and_then(|connection| connection.vpc_peering_connection_id).map(Id))
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.ec2().describe_vpc_peering_connections().filters(mine(cx)).into_paginator().items().send();
        let connections = pages.collect::<Result<Vec<_>, _>>().await?;
        let connections = connections.into_iter().filter(|c| is_mine(c.tags(), cx));
        let ids = connections.map(|c| Ok((need("Id", c.vpc_peering_connection_id.clone())?, status(&c)?)));
        let ids = ids.collect::<Result<Vec<_>>>()?;
        Ok(ids.into_iter().filter(|(_, status)| *status != Seen::Gone).map(|(id, _)| Id(id)).collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }
}

impl VpcPeeringConnection {
    fn sides(&self) -> Sides {
        Sides { accepter: self.accepter, requester: self.requester }
    }
}

fn seen(c: sdk::VpcPeeringConnection, cx: &Cx) -> Result<(String, Seen<Live<VpcPeeringConnection>>)> {
    let sides = Sides::of(&c);
    let status = status(&c)?;
    let id = need("VpcPeeringConnectionId", c.vpc_peering_connection_id)?;
    let accept_status = match status {
        Seen::Ready(word) => word,
        Seen::Gone => return Ok((id, Seen::Gone)),
        Seen::Pending(word) => return Ok((id, Seen::Pending(word))),
        Seen::Failed(why) => return Ok((id, Seen::Failed(why))),
    };
    let peer = need("AccepterVpcInfo", c.accepter_vpc_info)?;
    let own = need("RequesterVpcInfo", c.requester_vpc_info)?;
    let tags = tags_from(c.tags);
    let inputs = VpcPeeringConnection {
        accepter: sides.accepter,
        auto_accept: acceptance::is_marked(&tags) && accept_status != UNACCEPTED,
        peer_owner_id: peer.owner_id,
        peer_region: Some(peer.region.unwrap_or_else(|| cx.region().to_owned())),
        peer_vpc_id: need("AccepterVpcInfo.VpcId", peer.vpc_id)?,
        requester: sides.requester,
        tags,
        vpc_id: need("RequesterVpcInfo.VpcId", own.vpc_id)?,
    };
    Ok((id, Seen::Ready(Live { inputs, outputs: VpcPeeringConnectionOutputs { accept_status } })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Provider};

    fn connection(status: &str) -> Reply {
        ok(format!(
            "<DescribeVpcPeeringConnectionsResponse><vpcPeeringConnectionSet><item>\
             <vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId><status><code>{status}</code></status>\
             <requesterVpcInfo><ownerId>123456789012</ownerId><vpcId>vpc-1</vpcId><region>eu-west-1</region>\
             <peeringOptions><allowDnsResolutionFromRemoteVpc>true</allowDnsResolutionFromRemoteVpc>\
             </peeringOptions></requesterVpcInfo><accepterVpcInfo><ownerId>999999999999</ownerId>\
             <vpcId>vpc-2</vpcId><region>us-east-1</region><peeringOptions>\
             <allowDnsResolutionFromRemoteVpc>false</allowDnsResolutionFromRemoteVpc></peeringOptions>\
             </accepterVpcInfo><tagSet><item><key>a</key><value>b</value></item><item>\
             <key>drctl:auto-accept</key><value>yes</value></item></tagSet></item></vpcPeeringConnectionSet>\
             </DescribeVpcPeeringConnectionsResponse>"
        ))
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "accepter": { "allowRemoteVpcDnsResolution": false },
            "autoAccept": true,
            "peerOwnerId": "999999999999",
            "peerRegion": "us-east-1",
            "peerVpcId": "vpc-2",
            "requester": { "allowRemoteVpcDnsResolution": true },
            "tags": { "a": "b" },
            "vpcId": "vpc-1",
        });
        let replies = [("Action=DescribeVpcPeeringConnections", connection("active"))];
        let live = reads_back(VpcPeeringConnection::TYPE, "pcx-1", &replies, &[], inputs).await;
        assert_eq!(live.outputs.get("acceptStatus").and_then(Value::as_str), Some("active"));
    }

    #[tokio::test]
    async fn each_status_says_how_far_it_is() {
        let seen = async |status: &str| {
            let (aws, _) = aws(&[("Action=DescribeVpcPeeringConnections", connection(status))]);
            read(&aws, VpcPeeringConnection::TYPE, "pcx-1").await.unwrap()
        };
        assert!(matches!(seen("pending-acceptance").await, Seen::Ready(_)));
        assert_eq!(seen("provisioning").await, Seen::Pending("provisioning".into()));
        assert_eq!(seen("rejected").await, Seen::Failed("rejected".into()));
        assert_eq!(seen("deleted").await, Seen::Gone);
    }

    #[tokio::test]
    async fn what_is_to_be_accepted_still_differs_until_it_is() {
        let accepted = ok("<AcceptVpcPeeringConnectionResponse/>");
        let (aws, wire) = aws(&[
            ("Action=DescribeVpcPeeringConnections", connection("pending-acceptance")),
            ("Action=AcceptVpcPeeringConnection", accepted),
        ]);
        let Seen::Ready(live) = read(&aws, VpcPeeringConnection::TYPE, "pcx-1").await.unwrap() else { panic!() };
        assert_eq!(live.inputs.get("autoAccept"), Some(&Value::Bool(false)));
        let wanted = json!({ "autoAccept": true, "vpcId": "vpc-1", "peerVpcId": "vpc-2", "tags": { "a": "b" } });
        let at = at(VpcPeeringConnection::TYPE);
        let next = aws.update(&at, &Id("pcx-1".into()), &wanted.into(), &live).await.unwrap();
        assert!(matches!(next, provider::Next::More(_)));
        assert_eq!(wire.requests("Action=AcceptVpcPeeringConnection").len(), 1);
    }

    #[tokio::test]
    async fn nothing_is_asked_for_that_only_the_other_region_can_accept() {
        let (aws, wire) = aws(&[]);
        let inputs =
            json!({ "autoAccept": true, "vpcId": "vpc-1", "peerVpcId": "vpc-2", "peerRegion": "us-east-1" }).into();
        let error = aws.create(&at(VpcPeeringConnection::TYPE), &inputs).await.unwrap_err();
        assert_eq!(error.message, "`autoAccept` cannot accept a connection to another region");
        assert!(wire.requests("").is_empty());
    }
}
