use std::collections::{BTreeSet, HashMap};

use aws_sdk_route53::types::{HostedZoneSummary, VpcRegion};

use super::{bare, vpc};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, refers, replace};

/// A further VPC that sees a private zone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZoneAssociation {
    /// VPC that sees the zone.
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub vpc_id: String,
    /// Region of the VPC; by default the one of the settings.
    #[schemars(transform = replace, transform = computed)]
    pub vpc_region: Option<String>,
    /// Private zone.
    #[schemars(transform = replace, transform = refers("aws:route53/zone:Zone.zoneId"))]
    pub zone_id: String,
}

/// What AWS decides about an association.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZoneAssociationOutputs {
    /// Account that owns the zone.
    pub owning_account: Option<String>,
}

impl Resource for ZoneAssociation {
    const TYPE: &'static str = "aws:route53/zoneAssociation:ZoneAssociation";
    const FACTS: Facts = Facts {
        scope: Scope::Global,
        takes: Takes::seconds(2, 0, 1),
        delete_first: true,
        permissions: Permissions {
            create: &["ec2:DescribeVpcs", "route53:AssociateVPCWithHostedZone"],
            read: &["ec2:DescribeVpcs", "route53:ListHostedZonesByVPC"],
            update: &[],
            delete: &["ec2:DescribeVpcs", "route53:DisassociateVPCFromHostedZone"],
        },
        acts_on: &["route53:::hostedzone/{zoneId}"],
        import: "ids of zone and VPC, and the VPC's region if it is another one: `Z0123456789ABCDEFGHIJ:vpc-0123456789abcdef0:eu-west-1`",
        ..Facts::new(IdForm::Joined(&["zoneId", "vpcId", "vpcRegion"], ":"), FoundBy::Name)
    };
    type Outputs = ZoneAssociationOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let place = self.place(cx);
        let add = cx.route53().associate_vpc_with_hosted_zone().hosted_zone_id(place.zone);
        add.vpc(vpc(place.vpc, place.region)).send().await?;
        Ok(Made::id(place.id()))
    }

    /// Asks each VPC for its zones: the zone itself may be another account's.
    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let places: Vec<Option<Place<'_>>> = ids.iter().map(|id| Place::parse(&id.0, cx)).collect();
        let vpcs: BTreeSet<(&str, &str)> = places.iter().flatten().map(|p| (p.vpc, p.region)).collect();
        let mut zones = HashMap::new();
        for (vpc, region) in vpcs {
            zones.insert((vpc, region), zones_of(vpc, region, cx).await?);
        }
        let seen = |place: Option<Place<'_>>| {
            let place = place?;
            let owning_account = zones.get(&(place.vpc, place.region))?.get(place.zone)?.clone();
            let inputs = Self {
                vpc_id: place.vpc.to_owned(),
                vpc_region: Some(place.region.to_owned()),
                zone_id: place.zone.to_owned(),
            };
            Some(Seen::Ready(Live { inputs, outputs: ZoneAssociationOutputs { owning_account } }))
        };
        Ok(places.into_iter().map(|place| seen(place).unwrap_or(Seen::Gone)).collect())
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let place = Place::parse(&id.0, cx).unwrap_or_else(|| self.place(cx));
        let remove = cx.route53().disassociate_vpc_from_hosted_zone().hosted_zone_id(place.zone);
        remove.vpc(vpc(place.vpc, place.region)).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let place = self.place(cx);
        let zones = zones_of(place.vpc, place.region, cx).await?;
        Ok(zones.contains_key(place.zone).then(|| Id(place.id())).into_iter().collect())
    }
}

impl ZoneAssociation {
    fn place<'a>(&'a self, cx: &'a Cx) -> Place<'a> {
        let region = self.vpc_region.as_deref().unwrap_or(cx.default_region());
        Place { zone: &self.zone_id, vpc: &self.vpc_id, region }
    }
}

/// The parts of an id.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place<'a> {
    zone: &'a str,
    vpc: &'a str,
    region: &'a str,
}

impl<'a> Place<'a> {
    fn parse(id: &'a str, cx: &'a Cx) -> Option<Self> {
        let (zone, rest) = id.split_once(':')?;
        let (vpc, region) = rest.split_once(':').unwrap_or((rest, cx.default_region()));
        Some(Self { zone, vpc, region })
    }

    fn id(&self) -> String {
        format!("{}:{}:{}", self.zone, self.vpc, self.region)
    }
}

/// The private zones that a VPC sees, and the account that owns each. None if there is no such VPC.
async fn zones_of(vpc: &str, region: &str, cx: &Cx) -> Result<HashMap<String, Option<String>>> {
    let mut zones = HashMap::new();
    let mut next = None;
    loop {
        let list = cx.route53().list_hosted_zones_by_vpc().vpc_id(vpc).vpc_region(VpcRegion::from(region));
        let reply = match list.set_next_token(next).send().await.map_err(Error::from) {
            Ok(reply) => reply,
            Err(e) if no_vpc(&e) => return Ok(zones),
            Err(e) => return Err(e),
        };
        zones.extend(reply.hosted_zone_summaries.into_iter().map(owned));
        next = reply.next_token;
        if next.is_none() {
            return Ok(zones);
        }
    }
}

fn owned(zone: HostedZoneSummary) -> (String, Option<String>) {
    (bare(&zone.hosted_zone_id).to_owned(), zone.owner.and_then(|o| o.owning_account))
}

/// Route 53 knows no VPC that is gone as anything but somebody else's.
fn no_vpc(error: &Error) -> bool {
    error.code.as_deref() == Some("InvalidVPCId") || Fact::NotOwned.is_said_by(error)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::Provider;

    const ZONES: &str = "<ListHostedZonesByVPCResponse><HostedZoneSummaries><HostedZoneSummary>\
        <HostedZoneId>Z1</HostedZoneId><Name>example.com.</Name><Owner><OwningAccount>123456789012</OwningAccount>\
        </Owner></HostedZoneSummary></HostedZoneSummaries><MaxItems>100</MaxItems></ListHostedZonesByVPCResponse>";
    const TYPE: &str = ZoneAssociation::TYPE;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({ "vpcId": "vpc-1", "vpcRegion": "us-west-2", "zoneId": "Z1" });
        let live = reads_back(TYPE, "Z1:vpc-1:us-west-2", &[("hostedzonesbyvpc", ok(ZONES))], &[], inputs).await;
        assert_eq!(live.outputs.get("owningAccount").unwrap().as_str(), Some("123456789012"));
    }

    #[tokio::test]
    async fn a_vpc_is_asked_once_for_all_its_zones() {
        let (aws, wire) = aws(&[("hostedzonesbyvpc", ok(ZONES))]);
        let ids = ["Z1:vpc-1", "Z2:vpc-1", "Z1:vpc-1:eu-west-1", "nonsense"].map(|id| Id(id.into()));
        let seen = aws.read(&at(TYPE).kind, &ids, &Want::All).await.unwrap();
        assert!(matches!(seen[..], [Seen::Ready(_), Seen::Gone, Seen::Ready(_), Seen::Gone]), "{seen:?}");
        assert_eq!(wire.requests("route53").len(), 1);
    }

    #[tokio::test]
    async fn an_association_goes_with_its_vpc() {
        let no = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>The VPC vpc-1 in region eu-west-1 that you \
            provided is not owned by you</Message></Error></ErrorResponse>";
        let (aws, _) = aws(&[("hostedzonesbyvpc", Reply::Says(403, no.into()))]);
        assert_eq!(read(&aws, TYPE, "Z1:vpc-1").await.unwrap(), Seen::Gone);
    }
}
