use super::peering::{PeeringOptions, Sides, describe, status};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, refers, replace};

/// What the sides of an accepted peering connection allow each other.
///
/// Across regions each side is set by a resource in its own region. Deleting it leaves the options
/// as they are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PeeringConnectionOptions {
    /// What the accepting side allows.
    #[schemars(transform = computed)]
    pub accepter: Option<PeeringOptions>,
    /// What the asking side allows.
    #[schemars(transform = computed)]
    pub requester: Option<PeeringOptions>,
    /// The connection.
    #[schemars(transform = replace)]
    #[schemars(transform = refers("aws:ec2/vpcPeeringConnection:VpcPeeringConnection.id"))]
    pub vpc_peering_connection_id: String,
}

/// AWS decides nothing about options.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeeringConnectionOptionsOutputs {}

impl Resource for PeeringConnectionOptions {
    const TYPE: &'static str = "aws:ec2/peeringConnectionOptions:PeeringConnectionOptions";
    const FACTS: Facts = Facts {
        existing: Existing::Set,
        limits: Limits::minutes(1, 1, 1),
        takes: Takes::seconds(1, 1, 0),
        permissions: Permissions {
            create: &["ec2:ModifyVpcPeeringConnectionOptions"],
            read: &["ec2:DescribeVpcPeeringConnections"],
            update: &["ec2:ModifyVpcPeeringConnectionOptions"],
            delete: &["ec2:DescribeVpcPeeringConnections"],
        },
        acts_on: &["ec2:*:*:vpc-peering-connection/*"],
        import: "id of the peering connection, `pcx-0123456789abcdef0`",
        // Setting the same options once more changes nothing.
        ..Facts::new(IdForm::Input("vpcPeeringConnectionId"), FoundBy::Token)
    };
    type Outputs = PeeringConnectionOptionsOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        if !self.sides().is_empty() {
            self.sides().set(&self.vpc_peering_connection_id, cx).await?;
        }
        Ok(Made::id(&self.vpc_peering_connection_id))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let seen = describe(ids, cx).await?.into_iter().map(|connection| {
            let sides = Sides::of(&connection);
            let status = status(&connection)?;
            let id = need("VpcPeeringConnectionId", connection.vpc_peering_connection_id)?;
            let inputs =
                Self { accepter: sides.accepter, requester: sides.requester, vpc_peering_connection_id: id.clone() };
            Ok((id, status.map(|_| Live { inputs, outputs: PeeringConnectionOptionsOutputs {} })))
        });
        in_order(ids, seen)
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let options = self.sides().beyond(live.inputs.sides());
        if !options.is_empty() {
            options.set(&id.0, cx).await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, _: &Id, _: Option<&Live<Self>>, _: &Cx) -> Result<Next<Self>> {
        Ok(Next::Gone)
    }

    async fn find(&self, _: &Cx) -> Result<Vec<Id>> {
        Ok(Vec::new())
    }
}

impl PeeringConnectionOptions {
    fn sides(&self) -> Sides {
        Sides { accepter: self.accepter, requester: self.requester }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::{Live, Provider};

    const REPLY: &str = "<DescribeVpcPeeringConnectionsResponse><vpcPeeringConnectionSet><item>\
        <vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId><status><code>active</code></status>\
        <requesterVpcInfo><peeringOptions><allowDnsResolutionFromRemoteVpc>true</allowDnsResolutionFromRemoteVpc>\
        </peeringOptions></requesterVpcInfo><accepterVpcInfo><peeringOptions>\
        <allowDnsResolutionFromRemoteVpc>false</allowDnsResolutionFromRemoteVpc></peeringOptions></accepterVpcInfo>\
        </item></vpcPeeringConnectionSet></DescribeVpcPeeringConnectionsResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "accepter": { "allowRemoteVpcDnsResolution": false },
            "requester": { "allowRemoteVpcDnsResolution": true },
            "vpcPeeringConnectionId": "pcx-1",
        });
        let replies = [("Action=DescribeVpcPeeringConnections", ok(REPLY))];
        reads_back(PeeringConnectionOptions::TYPE, "pcx-1", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn only_the_side_that_differs_is_set() {
        let done = ok("<ModifyVpcPeeringConnectionOptionsResponse/>");
        let (aws, wire) = aws(&[("Action=ModifyVpcPeeringConnectionOptions", done)]);
        let of = |accepter: bool| {
            Value::from(json!({ "accepter": { "allowRemoteVpcDnsResolution": accepter },
                "requester": { "allowRemoteVpcDnsResolution": true }, "vpcPeeringConnectionId": "pcx-1" }))
        };
        let live = Live { inputs: of(false), outputs: json!({}).into() };
        aws.update(&at(PeeringConnectionOptions::TYPE), &Id("pcx-1".into()), &of(true), &live).await.unwrap();
        let sent = &wire.requests("")[0];
        assert!(sent.contains("AccepterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc=true"), "{sent}");
        assert!(!sent.contains("RequesterPeeringConnectionOptions"), "{sent}");
    }
}
