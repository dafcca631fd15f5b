use aws_sdk_ec2::types::{self as sdk, ResourceType};

use super::{any_of, arn, is_mine, mine, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, refers};

/// The door between a VPC and the internet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InternetGateway {
    /// Tags of the gateway.
    #[serde(default)]
    pub tags: Tags,
    /// VPC that the gateway is attached to.
    #[schemars(transform = computed, transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub vpc_id: Option<String>,
}

/// What AWS decides about an internet gateway.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InternetGatewayOutputs {
    /// ARN of the gateway.
    pub arn: String,
    /// Account that owns the gateway.
    pub owner_id: String,
}

impl Resource for InternetGateway {
    const TYPE: &'static str = "aws:ec2/internetGateway:InternetGateway";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(20, 20, 20),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["ec2:AttachInternetGateway", "ec2:CreateInternetGateway", "ec2:CreateTags"],
            read: &["ec2:DescribeInternetGateways"],
            update: &["ec2:AttachInternetGateway", "ec2:CreateTags", "ec2:DeleteTags", "ec2:DetachInternetGateway"],
            delete: &["ec2:DeleteInternetGateway", "ec2:DetachInternetGateway"],
        },
        acts_on: &["ec2:{region}:*:internet-gateway/*", "ec2:{region}:*:vpc/*"],
        import: "id of the internet gateway, `igw-0123456789abcdef0`",
        ..Facts::new(IdForm::Random("igw-", 17), FoundBy::OwnerTag)
    };
    type Outputs = InternetGatewayOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let tags = tagged(ResourceType::InternetGateway, &cx.tags(&self.tags));
        let reply = cx.ec2().create_internet_gateway().tag_specifications(tags).send().await?;
        let (id, seen) = seen(need("InternetGateway", reply.internet_gateway)?, cx)?;
        Ok(Made::seen(id, seen))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let gateways = cx.ec2().describe_internet_gateways().filters(any_of("internet-gateway-id", ids));
        let gateways = gateways.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
        in_order(ids, gateways.into_iter().map(|gateway| seen(gateway, cx)))
    }

    /// Attaching and detaching are done with their answer.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let Some(vpc) = changed(&self.vpc_id, &live.inputs.vpc_id) else { return Ok(Next::Started) };
        if let Some(old) = &live.inputs.vpc_id {
            cx.ec2().detach_internet_gateway().internet_gateway_id(&id.0).vpc_id(old).send().await.or_none()?;
        }
        let attached = cx.ec2().attach_internet_gateway().internet_gateway_id(&id.0).vpc_id(vpc).send().await;
        match attached.map_err(Error::from) {
            // By an earlier call whose answer was lost, or to another VPC: the next read tells.
            Err(e) if e.code.as_deref() == Some("Resource.AlreadyAssociated") => return Ok(Next::Started),
            done => done?,
        };
        let inputs = Self { vpc_id: Some(vpc.clone()), ..live.inputs.clone() };
        Ok(Next::Saw(Box::new(Live { inputs, outputs: live.outputs.clone() })))
    }

    /// A gateway is detached before it goes.
    async fn delete(&self, id: &Id, live: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let attached = live.map_or(&self.vpc_id, |live| &live.inputs.vpc_id);
        if let Some(vpc) = attached {
            cx.ec2().detach_internet_gateway().internet_gateway_id(&id.0).vpc_id(vpc).send().await.or_none()?;
        }
        cx.ec2().delete_internet_gateway().internet_gateway_id(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.ec2().describe_internet_gateways().filters(mine(cx)).into_paginator().items().send();
        let gateways = pages.collect::<Result<Vec<_>, _>>().await?;
        let gateways = gateways.into_iter().filter(|g| is_mine(g.tags(), cx));
        gateways.map(|g| Ok(Id(need("InternetGatewayId", g.internet_gateway_id)?))).collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, "internet-gateway")), ("ownerId", at.account.as_str().into())]
    }
}

fn seen(g: sdk::InternetGateway, cx: &Cx) -> Result<(String, Seen<Live<InternetGateway>>)> {
    let id = need("InternetGatewayId", g.internet_gateway_id)?;
    let attachment = g.attachments.into_iter().flatten().next();
    let passing = attachment.as_ref().and_then(|a| a.state.as_ref()).map(|s| s.as_str().to_owned());
    if let Some(state) = passing.filter(|s| s == "attaching" || s == "detaching") {
        return Ok((id, Seen::Pending(state)));
    }
    let outputs = InternetGatewayOutputs {
        arn: cx.arn("ec2", &format!("internet-gateway/{id}")),
        owner_id: g.owner_id.unwrap_or_else(|| cx.account().to_owned()),
    };
    let inputs = InternetGateway { tags: tags_from(g.tags), vpc_id: attachment.and_then(|a| a.vpc_id) };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const REPLY: &str = "<DescribeInternetGatewaysResponse><internetGatewaySet><item>\
        <internetGatewayId>igw-1</internetGatewayId><ownerId>123456789012</ownerId><attachmentSet><item>\
        <vpcId>vpc-1</vpcId><state>available</state></item></attachmentSet><tagSet><item><key>a</key>\
        <value>b</value></item></tagSet></item></internetGatewaySet></DescribeInternetGatewaysResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({ "tags": { "a": "b" }, "vpcId": "vpc-1" });
        let replies = [("Action=DescribeInternetGateways", ok(REPLY))];
        let live = reads_back(InternetGateway::TYPE, "igw-1", &replies, &[], inputs).await;
        let arn = live.outputs.get("arn").and_then(Value::as_str);
        assert_eq!(arn, Some("arn:aws:ec2:eu-west-1:123456789012:internet-gateway/igw-1"));
    }

    #[tokio::test]
    async fn it_moves_to_another_vpc_by_detaching_first() {
        let done = |action: &str| ok(format!("<{action}Response><return>true</return></{action}Response>"));
        let (aws, wire) = aws(&[
            ("Action=DetachInternetGateway", done("DetachInternetGateway")),
            ("Action=AttachInternetGateway", done("AttachInternetGateway")),
        ]);
        let live = provider::Live {
            inputs: json!({ "vpcId": "vpc-1" }).into(),
            outputs: json!({ "arn": "a", "ownerId": "1" }).into(),
        };
        let wanted = json!({ "vpcId": "vpc-2" }).into();
        let next = aws.update(&at(InternetGateway::TYPE), &Id("igw-1".into()), &wanted, &live).await.unwrap();
        let provider::Next::Saw(live) = next else { panic!("{next:?}") };
        assert_eq!(live.inputs.get("vpcId").and_then(Value::as_str), Some("vpc-2"));
        let calls = wire.requests("tachInternetGateway");
        assert!(calls[0].contains("Detach") && calls[0].contains("VpcId=vpc-1"), "{calls:?}");
        assert!(calls[1].contains("Attach") && calls[1].contains("VpcId=vpc-2"), "{calls:?}");
    }

    #[tokio::test]
    async fn one_that_is_attached_already_is_looked_at() {
        let refused =
            "<Response><Errors><Error><Code>Resource.AlreadyAssociated</Code><Message/></Error></Errors></Response>";
        let (aws, _) = aws(&[("Action=AttachInternetGateway", Reply::Says(400, refused.into()))]);
        let live = provider::Live { inputs: json!({}).into(), outputs: json!({ "arn": "a", "ownerId": "1" }).into() };
        let wanted = json!({ "vpcId": "vpc-1" }).into();
        let next = aws.update(&at(InternetGateway::TYPE), &Id("igw-1".into()), &wanted, &live).await.unwrap();
        assert_eq!(next, provider::Next::Started);
    }
}
