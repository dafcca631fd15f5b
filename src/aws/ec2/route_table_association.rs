use aws_sdk_ec2::types as sdk;

use super::joint::route_tables;
use crate::aws::prelude::*;
use crate::engine::rules::{also, exactly_one, refers, replace};

/// Makes a route table that of a subnet, or of what comes in through a gateway.
///
/// AWS gives the association a new id with every other table, and a subnet takes no second one: so
/// another table replaces the association, the old one first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["gatewayId", "subnetId"]))]
pub struct RouteTableAssociation {
    /// Internet gateway or virtual private gateway whose incoming packets follow the table.
    #[schemars(transform = replace, transform = refers("aws:ec2/internetGateway:InternetGateway.id"))]
    #[schemars(transform = also(&["vgw-"]))]
    pub gateway_id: Option<String>,
    /// The route table.
    #[schemars(transform = replace, transform = refers("aws:ec2/routeTable:RouteTable.id"))]
    pub route_table_id: String,
    /// Subnet whose packets follow the table.
    #[schemars(transform = replace, transform = refers("aws:ec2/subnet:Subnet.id"))]
    pub subnet_id: Option<String>,
}

/// AWS decides nothing about an association but its id.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteTableAssociationOutputs {}

impl Resource for RouteTableAssociation {
    const TYPE: &'static str = "aws:ec2/routeTableAssociation:RouteTableAssociation";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(5, 2, 5),
        takes: Takes::seconds(1, 1, 1),
        delete_first: true,
        permissions: Permissions {
            create: &["ec2:AssociateRouteTable"],
            read: &["ec2:DescribeRouteTables"],
            update: &[],
            delete: &["ec2:DisassociateRouteTable"],
        },
        acts_on: &[
            "ec2:{region}:*:route-table/*",
            "ec2:{region}:*:internet-gateway/*",
            "ec2:{region}:*:ipv4pool-ec2/*",
            "ec2:{region}:*:ipv6pool-ec2/*",
            "ec2:{region}:*:subnet/*",
            "ec2:{region}:*:vpn-gateway/*",
        ],
        import: "id of the association, `rtbassoc-0123456789abcdef0`",
        ..Facts::new(IdForm::Random("rtbassoc-", 17), FoundBy::Name)
    };
    type Outputs = RouteTableAssociationOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .ec2()
            .associate_route_table()
            .set_gateway_id(self.gateway_id.clone())
            .route_table_id(&self.route_table_id)
            .set_subnet_id(self.subnet_id.clone())
            .send()
            .await?;
        let made = sdk::RouteTableAssociation::builder()
            .set_association_state(reply.association_state)
            .set_gateway_id(self.gateway_id.clone())
            .set_route_table_association_id(reply.association_id)
            .route_table_id(&self.route_table_id)
            .set_subnet_id(self.subnet_id.clone())
            .build();
        let (id, seen) = seen(made)?;
        Ok(Made::seen(id, seen))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let found = associations("association.route-table-association-id", ids, cx).await?;
        in_order(ids, found.into_iter().map(seen))
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.ec2().disassociate_route_table().association_id(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let table = Id(self.route_table_id.clone());
        let found =
            associations("route-table-id", &[table], cx).await?.into_iter().map(seen).collect::<Result<Vec<_>>>()?;
        let is_this = |live: &Live<Self>| {
            let (there, this) = (&live.inputs, self);
            there.route_table_id == this.route_table_id
                && there.subnet_id == this.subnet_id
                && there.gateway_id == this.gateway_id
        };
        let ours = found.into_iter().filter(|(_, seen)| matches!(seen, Seen::Ready(live) if is_this(live)));
        Ok(ours.map(|(id, _)| Id(id)).collect())
    }
}

/// The associations of tables by a filter, but for that of a VPC with its main table.
async fn associations(name: &'static str, ids: &[Id], cx: &Cx) -> Result<Vec<sdk::RouteTableAssociation>> {
    let tables = route_tables(name, ids, cx).await?;
    let all = tables.into_iter().flat_map(|table| table.associations.unwrap_or_default());
    Ok(all.filter(|a| a.main != Some(true)).collect())
}

fn seen(a: sdk::RouteTableAssociation) -> Result<(String, Seen<Live<RouteTableAssociation>>)> {
    let id = need("AssociationId", a.route_table_association_id)?;
    let state = a.association_state.as_ref().and_then(|s| s.state.as_ref()).map(|s| s.as_str());
    match state {
        Some(state @ ("associating" | "disassociating")) => return Ok((id, Seen::Pending(state.to_owned()))),
        Some("disassociated") => return Ok((id, Seen::Gone)),
        Some("failed") => {
            let why = a.association_state.and_then(|s| s.status_message);
            return Ok((id, Seen::Failed(why.unwrap_or_else(|| "failed".into()))));
        }
        _ => {}
    }
    let inputs = RouteTableAssociation {
        gateway_id: a.gateway_id,
        route_table_id: need("RouteTableId", a.route_table_id)?,
        subnet_id: a.subnet_id,
    };
    Ok((id, Seen::Ready(Live { inputs, outputs: RouteTableAssociationOutputs {} })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::Provider;

    const REPLY: &str = "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-1</routeTableId>\
        <associationSet><item><routeTableAssociationId>rtbassoc-0</routeTableAssociationId>\
        <routeTableId>rtb-1</routeTableId><main>true</main></item><item>\
        <routeTableAssociationId>rtbassoc-1</routeTableAssociationId><routeTableId>rtb-1</routeTableId>\
        <subnetId>subnet-1</subnetId><main>false</main><associationState><state>associated</state>\
        </associationState></item><item><routeTableAssociationId>rtbassoc-2</routeTableAssociationId>\
        <routeTableId>rtb-1</routeTableId><gatewayId>igw-1</gatewayId><main>false</main></item></associationSet>\
        </item></routeTableSet></DescribeRouteTablesResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [("Action=DescribeRouteTables", ok(REPLY))];
        let of_subnet = json!({ "routeTableId": "rtb-1", "subnetId": "subnet-1" });
        reads_back(RouteTableAssociation::TYPE, "rtbassoc-1", &replies, &["gatewayId"], of_subnet).await;
        let of_gateway = json!({ "routeTableId": "rtb-1", "gatewayId": "igw-1" });
        reads_back(RouteTableAssociation::TYPE, "rtbassoc-2", &replies, &["subnetId"], of_gateway).await;
    }

    #[tokio::test]
    async fn the_answer_of_a_create_shows_the_association() {
        let reply = "<AssociateRouteTableResponse><associationId>rtbassoc-1</associationId>\
            <associationState><state>associated</state></associationState></AssociateRouteTableResponse>";
        let (aws, wire) = aws(&[("Action=AssociateRouteTable", ok(reply))]);
        let inputs = Value::from(json!({ "routeTableId": "rtb-1", "subnetId": "subnet-1" }));
        let made = aws.create(&at(RouteTableAssociation::TYPE), &inputs).await.unwrap();
        assert!(matches!(made.seen, Some(Seen::Ready(live)) if live.inputs == inputs));
        assert_eq!(wire.requests("").len(), 1);
    }

    #[tokio::test]
    async fn a_lost_create_is_found_by_table_and_subnet() {
        let (aws, _) = aws(&[("Action=DescribeRouteTables", ok(REPLY))]);
        let find = async |subnet: &str| {
            let inputs = json!({ "routeTableId": "rtb-1", "subnetId": subnet }).into();
            aws.find(&at(RouteTableAssociation::TYPE), &inputs).await.unwrap()
        };
        assert_eq!(find("subnet-1").await, [Id("rtbassoc-1".into())]);
        assert_eq!(find("subnet-2").await, []);
    }
}
