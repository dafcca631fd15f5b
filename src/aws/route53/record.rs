use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use aws_sdk_route53::types::{
    AliasTarget, ChangeAction, CidrRoutingConfig, Coordinates, GeoLocation, GeoProximityLocation, ResourceRecord,
    ResourceRecordSet, ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};
use schemars::{Schema, SchemaGenerator, json_schema};

use super::dns::RecordChange;
use super::{built, name};
use crate::aws::prelude::*;
use crate::engine::alike::{Alike, unquoted};
use crate::engine::error::Kind;
use crate::engine::rules::{
    alike, computed, exactly_one, exclusive, needs, one_of, refers, replace, unordered, write_only,
};
use crate::engine::urn::Urn;

/// A record of a zone: what DNS answers to a name and type, and under which condition.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["aliases", "records"]))]
#[schemars(transform = exclusive(&["aliases", "ttl"]))]
#[schemars(transform = needs(&["records", "ttl"]))]
#[schemars(transform = needs(&["ttl", "records"]))]
#[schemars(transform = exclusive(&["cidrRoutingPolicy", "failoverRoutingPolicies", "geolocationRoutingPolicies", "geoproximityRoutingPolicy", "latencyRoutingPolicies", "weightedRoutingPolicies"]))]
#[schemars(transform = needs(&["cidrRoutingPolicy", "setIdentifier"]))]
#[schemars(transform = needs(&["failoverRoutingPolicies", "setIdentifier"]))]
#[schemars(transform = needs(&["geolocationRoutingPolicies", "setIdentifier"]))]
#[schemars(transform = needs(&["geoproximityRoutingPolicy", "setIdentifier"]))]
#[schemars(transform = needs(&["latencyRoutingPolicies", "setIdentifier"]))]
#[schemars(transform = needs(&["weightedRoutingPolicies", "setIdentifier"]))]
pub struct Record {
    /// AWS resource whose addresses are the answer.
    #[schemars(length(max = 1))]
    pub aliases: Option<Vec<RecordAlias>>,
    /// Whether a record that something else has made is taken over.
    #[schemars(transform = write_only)]
    pub allow_overwrite: Option<bool>,
    /// Answers depend on the network that asks.
    pub cidr_routing_policy: Option<RecordCidrRoutingPolicy>,
    /// Answers come from the primary record as long as it is healthy.
    #[schemars(length(max = 1))]
    pub failover_routing_policies: Option<Vec<RecordFailoverRoutingPolicy>>,
    /// Answers depend on the country that asks.
    #[schemars(length(max = 1))]
    pub geolocation_routing_policies: Option<Vec<RecordGeolocationRoutingPolicy>>,
    /// Answers depend on the distance.
    pub geoproximity_routing_policy: Option<RecordGeoproximityRoutingPolicy>,
    /// Health check that takes the record out of the answers.
    #[schemars(transform = refers("aws:route53/healthCheck:HealthCheck.id"))]
    pub health_check_id: Option<String>,
    /// Answers depend on the latency.
    #[schemars(length(max = 1))]
    pub latency_routing_policies: Option<Vec<RecordLatencyRoutingPolicy>>,
    /// Whether up to eight healthy records are the answer. Needs a set identifier.
    #[serde(default)]
    pub multivalue_answer_routing_policy: bool,
    /// Name, with or without that of the zone; empty for the zone itself.
    #[schemars(transform = replace, transform = alike(Alike::Dot))]
    pub name: String,
    /// Values. Texts need no quotation marks around them; one of more than 255 characters is
    /// written as `first" "second`.
    #[schemars(transform = unordered)]
    pub records: Option<Vec<RecordValue>>,
    /// Tells the records of one name and type apart.
    #[schemars(transform = replace, length(min = 1, max = 128))]
    pub set_identifier: Option<String>,
    /// Seconds for which resolvers may keep the answer.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub ttl: Option<i64>,
    /// Type.
    #[schemars(transform = replace, transform = one_of(TYPES))]
    pub r#type: String,
    /// Share of the answers.
    #[schemars(length(max = 1))]
    pub weighted_routing_policies: Option<Vec<RecordWeightedRoutingPolicy>>,
    /// Zone that holds the record.
    #[schemars(transform = replace, transform = refers("aws:route53/zone:Zone.zoneId"))]
    pub zone_id: String,
}

const TYPES: &[&str] = &[
    "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB",
    "TLSA", "TXT",
];

/// A value of a record. Quotation marks around it mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordValue(String);

impl JsonSchema for RecordValue {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "RecordValue".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = json_schema!({ "type": "string" });
        alike(Alike::Quotes)(&mut schema);
        schema
    }
}

impl RecordValue {
    fn seen(value: &str, kind: &RrType) -> Self {
        Self(if is_text(kind) { unquoted(value) } else { value }.to_owned())
    }

    fn sent(&self, kind: &RrType) -> String {
        if is_text(kind) { format!("\"{}\"", unquoted(&self.0)) } else { self.0.clone() }
    }
}

/// Only these are sent between quotation marks.
fn is_text(kind: &RrType) -> bool {
    matches!(kind, RrType::Txt | RrType::Spf)
}

/// An AWS resource behind a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordAlias {
    /// Whether the health of the resource counts. Failover records need it.
    pub evaluate_target_health: bool,
    /// DNS name of the resource.
    #[schemars(transform = alike(Alike::Dot), length(min = 1, max = 1024))]
    pub name: String,
    /// Zone of the resource, for example that of the region's load balancers.
    #[schemars(length(min = 1, max = 32))]
    pub zone_id: String,
}

/// Answers for a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordCidrRoutingPolicy {
    /// Collection of networks.
    pub collection_id: String,
    /// Location in the collection; `*` stands for all others.
    pub location_name: String,
}

/// The role of a record of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordFailoverRoutingPolicy {
    /// Role.
    #[schemars(transform = one_of(&["PRIMARY", "SECONDARY"]))]
    pub r#type: String,
}

/// Answers for a part of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordGeolocationRoutingPolicy {
    /// Continent of two letters, for example `EU`.
    pub continent: Option<String>,
    /// Country of two letters, for example `IE`; `*` stands for all others.
    pub country: Option<String>,
    /// State of the United States, or part of Ukraine, for example `CA`.
    pub subdivision: Option<String>,
}

/// Answers for those who are near.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["awsRegion", "coordinates", "localZoneGroup"]))]
pub struct RecordGeoproximityRoutingPolicy {
    /// Region in which the resource is.
    pub aws_region: Option<String>,
    /// Makes the area larger or smaller, from -99 to 99.
    #[schemars(transform = computed, range(min = -99, max = 99))]
    pub bias: Option<i32>,
    /// Place of the resource outside of AWS.
    #[schemars(length(max = 1))]
    pub coordinates: Option<Vec<RecordGeoproximityRoutingPolicyCoordinate>>,
    /// Local Zone group in which the resource is.
    pub local_zone_group: Option<String>,
}

/// A place on earth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordGeoproximityRoutingPolicyCoordinate {
    /// Degrees north, from `-90` to `90`.
    pub latitude: String,
    /// Degrees east, from `-180` to `180`.
    pub longitude: String,
}

/// Answers for those who reach a region fastest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordLatencyRoutingPolicy {
    /// Region in which the resource is.
    pub region: String,
}

/// A share of the answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordWeightedRoutingPolicy {
    /// Share beside those of the other records.
    #[schemars(range(min = 0, max = 255))]
    pub weight: i64,
}

/// What follows from zone and name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordOutputs {
    /// Full name.
    pub fqdn: String,
}

impl Resource for Record {
    const TYPE: &'static str = "aws:route53/record:Record";
    const FACTS: Facts = Facts {
        existing: Existing::RefusedUnless("allowOverwrite"),
        scope: Scope::Global,
        takes: Takes::seconds(30, 30, 30),
        delete_first: true,
        joined: true,
        permissions: Permissions {
            create: &["route53:ChangeResourceRecordSets", "route53:GetChange", "route53:GetHostedZone"],
            read: &["route53:ListResourceRecordSets"],
            update: &["route53:ChangeResourceRecordSets", "route53:GetChange"],
            delete: &["route53:ChangeResourceRecordSets", "route53:GetChange", "route53:GetHostedZone"],
        },
        acts_on: &["route53:::hostedzone/{zoneId}"],
        import: "zone, name and type, and the set identifier if there is one: `Z0123456789ABCDEFGHIJ_www.example.com_A_primary`",
        ..Facts::new(IdForm::Joined(&["zoneId", "name", "type", "setIdentifier"], "_"), FoundBy::Name)
    };
    type Outputs = RecordOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let action = match self.allow_overwrite {
            Some(true) => ChangeAction::Upsert,
            _ => ChangeAction::Create,
        };
        let id = Id(self.place().id());
        let name = name::inside(&self.name, &cx.dns.zone_name(&self.zone_id, cx).await?);
        match self.change(action, &id, &name, cx).await {
            Err(e) if Fact::RecordThere.is_said_by(&e) => {
                Err(Error { kind: Kind::Exists, ..e }.hint("import it, or take it over with `allowOverwrite: true`"))
            }
            other => other.map(|_| Made::id(id.0)),
        }
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let on_their_way = cx.dns.on_their_way(ids, cx).await?;
        let mut zones: BTreeMap<&str, Vec<Place<'_>>> = BTreeMap::new();
        let arrived = |id: &&Id| !on_their_way.contains(*id);
        let places: Vec<Option<Place<'_>>> =
            ids.iter().map(|id| Some(id).filter(arrived).and_then(|id| Place::parse(&id.0))).collect();
        for place in places.iter().flatten() {
            zones.entry(place.zone).or_default().push(*place);
        }
        let mut found = HashMap::new();
        for (zone, places) in zones {
            found.extend(in_zone(zone, &places, cx).await?);
        }
        let seen = ids.iter().zip(places).map(|(id, place)| match on_their_way.contains(id) {
            true => Seen::Pending("on its way to the name servers".into()),
            false => place.and_then(|p| found.remove(&p)).map_or(Seen::Gone, Seen::Ready),
        });
        Ok(seen.collect())
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.change(ChangeAction::Upsert, id, &live.outputs.fqdn, cx).await?;
        Ok(Next::Started)
    }

    /// Route 53 deletes a record only if it is told all of it. What was applied last is usually
    /// right; otherwise the record must be looked at.
    async fn delete(&self, id: &Id, live: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let deleted = match live {
            Some(live) => live.inputs.change(ChangeAction::Delete, id, &live.outputs.fqdn, cx).await,
            None => {
                let Some(zone) = cx.dns.zone_name(&self.zone_id, cx).await.or_none()? else { return Ok(Next::Gone) };
                self.change(ChangeAction::Delete, id, &name::inside(&self.name, &zone), cx).await
            }
        };
        match deleted {
            Ok(true) => Ok(Next::Started),
            Err(e) if Fact::RecordGone.is_said_by(&e) && live.is_some() => Ok(Next::Gone),
            Err(e)
                if live.is_none() && [Fact::RecordGone, Fact::RecordDiffers].iter().any(|fact| fact.is_said_by(&e)) =>
            {
                Ok(Next::More("looking at its values"))
            }
            other => other.or_none().map(|_| Next::Gone),
        }
    }

    /// A record bears no mark. One with the very same answer may be taken for the lost one.
    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let place = self.place();
        let mut found = in_zone(&self.zone_id, &[place], cx).await?;
        let same = |live: &Live<Self>| self.allow_overwrite == Some(true) || self.same(&live.inputs);
        Ok(found.remove(&place).filter(same).map(|_| Id(place.id())).into_iter().collect())
    }

    /// The records of a failover pair: alone neither of them can take over the role of the other.
    fn company(inputs: &Value, refers: &BTreeMap<String, Vec<Urn>>) -> Option<String> {
        let roles = inputs.get("failoverRoutingPolicies").filter(|roles| !roles.is_null())?;
        let text = |input: &str| inputs.get(input).and_then(Value::as_str).map(str::to_owned);
        let zone = text("zoneId").or_else(|| Some(refers.get("zoneId")?.iter().map(Urn::as_str).collect()))?;
        let (name, kind) = (name::plain(&text("name")?), text("type")?);
        (!roles.has_unknown()).then(|| format!("failover records of {name} {kind} in {zone}"))
    }
}

impl Record {
    fn place(&self) -> Place<'_> {
        Place { zone: &self.zone_id, name: &self.name, kind: &self.r#type, set: self.set_identifier.as_deref() }
    }

    /// Says whether the change is on its way to the name servers.
    async fn change(&self, action: ChangeAction, id: &Id, name: &str, cx: &Cx) -> Result<bool> {
        cx.dns.change(&self.zone_id, id, RecordChange::new(action, self.sent(name)?)?, cx).await
    }

    fn sent(&self, name: &str) -> Result<ResourceRecordSet> {
        let kind = RrType::from(self.r#type.as_str());
        let alias = self.aliases.iter().flatten().next().map(|a| {
            let target = AliasTarget::builder().hosted_zone_id(&a.zone_id).dns_name(&a.name);
            built(target.evaluate_target_health(a.evaluate_target_health).build())
        });
        let cidr = self.cidr_routing_policy.as_ref().map(|p| {
            built(CidrRoutingConfig::builder().collection_id(&p.collection_id).location_name(&p.location_name).build())
        });
        let geo = first(&self.geolocation_routing_policies).map(|p| {
            GeoLocation::builder()
                .set_continent_code(p.continent.clone())
                .set_country_code(p.country.clone())
                .set_subdivision_code(p.subdivision.clone())
                .build()
        });
        let near = self.geoproximity_routing_policy.as_ref().map(RecordGeoproximityRoutingPolicy::sent);
        let values =
            self.records.iter().flatten().map(|v| built(ResourceRecord::builder().value(v.sent(&kind)).build()));
        let values = values.collect::<Result<Vec<_>>>()?;
        let record = ResourceRecordSet::builder()
            .set_alias_target(alias.transpose()?)
            .set_cidr_routing_config(cidr.transpose()?)
            .set_failover(
                first(&self.failover_routing_policies).map(|p| ResourceRecordSetFailover::from(p.r#type.as_str())),
            )
            .set_geo_location(geo)
            .set_geo_proximity_location(near.transpose()?)
            .set_health_check_id(self.health_check_id.clone())
            .set_region(first(&self.latency_routing_policies).map(|p| ResourceRecordSetRegion::from(p.region.as_str())))
            .set_multi_value_answer(self.multivalue_answer_routing_policy.then_some(true))
            .name(name)
            .set_resource_records((!values.is_empty()).then_some(values))
            .set_set_identifier(self.set_identifier.clone())
            .set_ttl(self.ttl)
            .r#type(kind)
            .set_weight(first(&self.weighted_routing_policies).map(|p| p.weight));
        built(record.build())
    }

    /// Whether another record of the same name and type gives the same answer.
    fn same(&self, other: &Self) -> bool {
        let values = |r: &Self| {
            let mut values: Vec<String> = r.records.iter().flatten().map(|v| unquoted(&v.0).to_owned()).collect();
            values.sort();
            values
        };
        let alias = |r: &Self| first(&r.aliases).map(|a| (name::plain(&a.name), a.zone_id.clone()));
        values(self) == values(other) && alias(self) == alias(other) && self.ttl == other.ttl
    }
}

impl RecordGeoproximityRoutingPolicy {
    fn sent(&self) -> Result<GeoProximityLocation> {
        let coordinates = first(&self.coordinates)
            .map(|c| built(Coordinates::builder().latitude(&c.latitude).longitude(&c.longitude).build()));
        Ok(GeoProximityLocation::builder()
            .set_aws_region(self.aws_region.clone())
            .set_bias(self.bias)
            .set_coordinates(coordinates.transpose()?)
            .set_local_zone_group(self.local_zone_group.clone())
            .build())
    }
}

fn first<T>(list: &Option<Vec<T>>) -> Option<&T> {
    list.as_ref()?.first()
}

/// The parts of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place<'a> {
    zone: &'a str,
    name: &'a str,
    kind: &'a str,
    set: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// Names may hold underscores, so the type is what stands between two of them.
    fn parse(id: &'a str) -> Option<Self> {
        let (zone, rest) = id.split_once('_')?;
        rest.match_indices('_').find_map(|(at, _)| {
            let (name, tail) = (&rest[..at], &rest[at + 1..]);
            let (kind, set) = tail.split_once('_').map_or((tail, None), |(kind, set)| (kind, Some(set)));
            TYPES.contains(&kind).then_some(Self { zone, name, kind, set })
        })
    }

    fn id(&self) -> String {
        let set = self.set.map(|set| format!("_{set}")).unwrap_or_default();
        format!("{}_{}_{}{set}", self.zone, self.name, self.kind)
    }

    fn is(&self, record: &ResourceRecordSet, name: &str) -> bool {
        record.r#type.as_str() == self.kind
            && record.set_identifier.as_deref() == self.set
            && name::plain(&record.name) == name
    }
}

/// Records of a zone. A single one is asked for by name; for more, or for a name that lacks the
/// zone's, the records of the zone are listed once, up to the last that is looked for.
async fn in_zone<'a>(zone: &str, places: &[Place<'a>], cx: &Cx) -> Result<HashMap<Place<'a>, Live<Record>>> {
    let list = || cx.route53().list_resource_record_sets().hosted_zone_id(zone);
    let mut found = HashMap::new();
    if let [place] = places
        && place.name.contains('.')
    {
        let by_name = list().start_record_name(place.name).start_record_type(RrType::from(place.kind));
        let by_name = by_name.set_start_record_identifier(place.set.map(str::to_owned)).max_items(1);
        let Some(page) = by_name.send().await.or_none()? else { return Ok(found) };
        let full = name::plain(place.name);
        if let Some(record) = page.resource_record_sets.into_iter().find(|r| place.is(r, &full)) {
            found.insert(*place, live(place, record)?);
            return Ok(found);
        }
    }
    let (mut next, mut apex) = (list(), None);
    let mut wanted: HashMap<(String, &str, Option<&str>), Place<'a>> = HashMap::new();
    loop {
        let Some(page) = next.send().await.or_none()? else { return Ok(found) };
        if apex.is_none() {
            // The zone's own SOA record comes with the first page, and tells the zone's name.
            let soa = page.resource_record_sets.iter().find(|r| r.r#type == RrType::Soa);
            let zone = soa.map(|r| name::plain(&r.name)).unwrap_or_default();
            let full = |p: &Place<'a>| (name::inside(p.name, &zone), p.kind, p.set);
            wanted = places.iter().map(|p| (full(p), *p)).collect();
            apex = Some(zone);
        }
        for record in page.resource_record_sets {
            let key = (name::plain(&record.name), record.r#type.as_str(), record.set_identifier.as_deref());
            if let Some(place) = wanted.get(&key).copied() {
                found.insert(place, live(&place, record)?);
            }
        }
        if !page.is_truncated || found.len() == wanted.len() {
            return Ok(found);
        }
        next = list()
            .set_start_record_name(page.next_record_name)
            .set_start_record_type(page.next_record_type)
            .set_start_record_identifier(page.next_record_identifier);
    }
}

fn live(place: &Place<'_>, r: ResourceRecordSet) -> Result<Live<Record>> {
    let kind = r.r#type;
    let values = r.resource_records.unwrap_or_default();
    let values: Vec<_> = values.iter().map(|v| RecordValue::seen(&v.value, &kind)).collect();
    let inputs = Record {
        aliases: r.alias_target.map(|a| {
            vec![RecordAlias {
                evaluate_target_health: a.evaluate_target_health,
                name: name::plain(&a.dns_name),
                zone_id: a.hosted_zone_id,
            }]
        }),
        allow_overwrite: None,
        cidr_routing_policy: r
            .cidr_routing_config
            .map(|c| RecordCidrRoutingPolicy { collection_id: c.collection_id, location_name: c.location_name }),
        failover_routing_policies: r
            .failover
            .map(|f| vec![RecordFailoverRoutingPolicy { r#type: f.as_str().to_owned() }]),
        geolocation_routing_policies: r.geo_location.map(|g| {
            vec![RecordGeolocationRoutingPolicy {
                continent: g.continent_code,
                country: g.country_code,
                subdivision: g.subdivision_code,
            }]
        }),
        geoproximity_routing_policy: r.geo_proximity_location.map(|g| RecordGeoproximityRoutingPolicy {
            aws_region: g.aws_region,
            bias: g.bias,
            coordinates: g.coordinates.map(|c| {
                vec![RecordGeoproximityRoutingPolicyCoordinate { latitude: c.latitude, longitude: c.longitude }]
            }),
            local_zone_group: g.local_zone_group,
        }),
        health_check_id: r.health_check_id,
        latency_routing_policies: r
            .region
            .map(|region| vec![RecordLatencyRoutingPolicy { region: region.as_str().to_owned() }]),
        multivalue_answer_routing_policy: r.multi_value_answer.unwrap_or_default(),
        name: place.name.to_owned(),
        records: (!values.is_empty()).then_some(values),
        set_identifier: r.set_identifier,
        ttl: r.ttl,
        r#type: kind.as_str().to_owned(),
        weighted_routing_policies: r.weight.map(|weight| vec![RecordWeightedRoutingPolicy { weight }]),
        zone_id: place.zone.to_owned(),
    };
    Ok(Live { inputs, outputs: RecordOutputs { fqdn: name::plain(&r.name) } })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, Wire, at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Provider};
    use crate::engine::value::Value;

    const TYPE: &str = Record::TYPE;
    const APEX: &str = "<ResourceRecordSet><Name>example.com.</Name><Type>NS</Type></ResourceRecordSet>\
        <ResourceRecordSet><Name>example.com.</Name><Type>SOA</Type></ResourceRecordSet>";
    const CHANGED: &str = "<ChangeResourceRecordSetsResponse><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status>\
        <SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>";

    fn list(records: &str) -> Reply {
        ok(format!(
            "<ListResourceRecordSetsResponse><ResourceRecordSets>{records}</ResourceRecordSets>\
             <IsTruncated>false</IsTruncated><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>"
        ))
    }

    fn refusal(message: &str) -> Reply {
        let text = format!(
            "<ErrorResponse><Error><Code>InvalidChangeBatch</Code><Message>[{message}]</Message></Error></ErrorResponse>"
        );
        Reply::Says(400, text)
    }

    fn simple(name: &str) -> Value {
        json!({ "zoneId": "Z1", "name": name, "type": "A", "ttl": 60, "records": ["192.0.2.1"] }).into()
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        const RECORD: &str = "<ResourceRecordSet><Name>\\052.Example.com.</Name><Type>TXT</Type>\
            <SetIdentifier>s_1</SetIdentifier><Weight>10</Weight><Region>eu-west-1</Region><GeoLocation>\
            <ContinentCode>EU</ContinentCode><CountryCode>IE</CountryCode><SubdivisionCode>X</SubdivisionCode>\
            </GeoLocation><Failover>PRIMARY</Failover><MultiValueAnswer>true</MultiValueAnswer><TTL>60</TTL>\
            <ResourceRecords><ResourceRecord><Value>\"a\" \"b\"</Value></ResourceRecord></ResourceRecords>\
            <AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>LB.example.</DNSName>\
            <EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget><HealthCheckId>h</HealthCheckId>\
            <CidrRoutingConfig><CollectionId>c</CollectionId><LocationName>l</LocationName></CidrRoutingConfig>\
            <GeoProximityLocation><AWSRegion>eu-west-1</AWSRegion><LocalZoneGroup>g</LocalZoneGroup><Coordinates>\
            <Latitude>1</Latitude><Longitude>2</Longitude></Coordinates><Bias>5</Bias></GeoProximityLocation>\
            </ResourceRecordSet>";
        let inputs = json!({
            "aliases": [{ "evaluateTargetHealth": true, "name": "lb.example", "zoneId": "Z2" }],
            "cidrRoutingPolicy": { "collectionId": "c", "locationName": "l" },
            "failoverRoutingPolicies": [{ "type": "PRIMARY" }],
            "geolocationRoutingPolicies": [{ "continent": "EU", "country": "IE", "subdivision": "X" }],
            "geoproximityRoutingPolicy": { "awsRegion": "eu-west-1", "bias": 5, "localZoneGroup": "g",
                "coordinates": [{ "latitude": "1", "longitude": "2" }] },
            "healthCheckId": "h",
            "latencyRoutingPolicies": [{ "region": "eu-west-1" }],
            "multivalueAnswerRoutingPolicy": true,
            "name": "*.example.com",
            "records": ["a\" \"b"],
            "setIdentifier": "s_1",
            "ttl": 60,
            "type": "TXT",
            "weightedRoutingPolicies": [{ "weight": 10 }],
            "zoneId": "Z1",
        });
        let live = reads_back(TYPE, "Z1_*.example.com_TXT_s_1", &[("rrset", list(RECORD))], &[], inputs).await;
        assert_eq!(live.outputs.get("fqdn").unwrap().as_str(), Some("*.example.com"));
    }

    const RECORDS: [&str; 3] = ["www", "_dmarc", "api"];

    #[tokio::test]
    async fn a_zone_is_listed_once_for_all_its_records_whatever_their_names_are_like() {
        let records: String = RECORDS
            .iter()
            .map(|n| format!("<ResourceRecordSet><Name>{n}.example.com.</Name><Type>A</Type></ResourceRecordSet>"))
            .collect();
        let (aws, wire) = aws(&[("rrset", list(&format!("{APEX}{records}")))]);
        let ids = ["Z1_www_A", "Z1__dmarc.example.com_A", "Z1_api.example.com._A", "Z1_none_A", "Z1__NS", "odd"];
        let ids = ids.map(|id| Id(id.into()));
        let seen = aws.read(&at(TYPE).kind, &ids, &Want::All).await.unwrap();
        let names = seen.iter().map(|s| match s {
            Seen::Ready(live) => live.outputs.get("fqdn").and_then(Value::as_str).unwrap(),
            _ => "-",
        });
        let names = names.collect::<Vec<_>>();
        assert_eq!(names, ["www.example.com", "_dmarc.example.com", "api.example.com", "-", "example.com", "-"]);
        assert_eq!(wire.requests("route53").len(), 1);
    }

    #[tokio::test]
    async fn a_single_record_is_asked_for_by_name() {
        let record = "<ResourceRecordSet><Name>a.example.com.</Name><Type>A</Type></ResourceRecordSet>";
        let (aws, wire) = aws(&[("rrset", list(record))]);
        assert!(matches!(read(&aws, TYPE, "Z1_a.example.com_A").await.unwrap(), Seen::Ready(_)));
        let sent = wire.requests("route53");
        assert_eq!(sent.len(), 1);
        assert!(sent[0].contains("name=a.example.com") && sent[0].contains("maxitems=1"), "{sent:?}");
    }

    const ZONE: &str = "<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name>\
        <CallerReference>c</CallerReference></HostedZone></GetHostedZoneResponse>";

    #[tokio::test]
    async fn a_name_without_its_zone_gets_it_and_the_zone_is_asked_for_its_name_once() {
        let (aws, wire) = aws(&[("POST ", ok(CHANGED)), ("GET ", ok(ZONE))]);
        for name in ["www", "api", "www.example.com"] {
            assert_eq!(aws.create(&at(TYPE), &simple(name)).await.unwrap().id.0, format!("Z1_{name}_A"));
        }
        let names = |name: &str| wire.requests(&format!("<Name>{name}.example.com</Name>")).len();
        assert_eq!((names("www"), names("api"), wire.requests("GET ").len()), (2, 1, 1));
    }

    #[tokio::test]
    async fn records_that_are_ready_together_are_one_change_and_a_bad_one_fails_alone() {
        let there = "Tried to create resource record set [name='n7.example.com.', type='A'] but it already exists";
        let (aws, wire) =
            aws(&[("<Name>n7.example.com</Name>", refusal(there)), ("POST ", ok(CHANGED)), ("GET ", ok(ZONE))]);
        let records: Vec<(provider::At, Value)> = (0..200).map(|n| (at(TYPE), simple(&format!("n{n}")))).collect();
        let made = futures::future::join_all(records.iter().map(|(at, inputs)| aws.create(at, inputs))).await;
        let failed: Vec<usize> = made.iter().enumerate().filter(|(_, made)| made.is_err()).map(|(n, _)| n).collect();
        assert_eq!(failed, [7]);
        assert_eq!(made[7].as_ref().unwrap_err().kind, Kind::Exists);
        assert_eq!(wire.requests("POST ").len(), 2);
    }

    fn change(status: &str) -> Reply {
        ok(format!(
            "<GetChangeResponse><ChangeInfo><Id>/change/C1</Id><Status>{status}</Status>\
             <SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></GetChangeResponse>"
        ))
    }

    async fn read_after_create(change: Reply) -> (Result<Seen<provider::Live>>, Wire) {
        let record = "<ResourceRecordSet><Name>a.example.com.</Name><Type>A</Type></ResourceRecordSet>";
        let replies = [("POST ", ok(CHANGED)), ("/change/C1", change), ("/rrset", list(record)), ("GET ", ok(ZONE))];
        let (aws, wire) = aws(&replies);
        let made = aws.create(&at(TYPE), &simple("a.example.com")).await.unwrap();
        (read(&aws, TYPE, &made.id.0).await, wire)
    }

    #[tokio::test]
    async fn a_record_is_ready_when_all_name_servers_have_it() {
        let (seen, wire) = read_after_create(change("PENDING")).await;
        assert_eq!(seen.unwrap(), Seen::Pending("on its way to the name servers".into()));
        assert_eq!(wire.requests("/rrset?").len(), 0);
        let (seen, wire) = read_after_create(change("INSYNC")).await;
        assert!(matches!(seen.unwrap(), Seen::Ready(_)));
        assert_eq!((wire.requests("/change/").len(), wire.requests("/rrset?").len()), (1, 1));
    }

    #[tokio::test]
    async fn an_endpoint_that_knows_no_changes_is_asked_for_one_once() {
        let (aws, wire) = aws(&[
            ("POST ", ok(CHANGED)),
            ("/change/C1", Reply::Says(501, "<html>".into())),
            ("/rrset", list("<ResourceRecordSet><Name>a.example.com.</Name><Type>A</Type></ResourceRecordSet>")),
            ("GET ", ok(ZONE)),
        ]);
        let made = aws.create(&at(TYPE), &simple("a.example.com")).await.unwrap();
        let error = read(&aws, TYPE, &made.id.0).await.unwrap_err();
        assert_eq!((error.kind, error.operation.as_deref()), (Kind::Unsupported, Some("route53:GetChange")));
        assert!(matches!(read(&aws, TYPE, &made.id.0).await.unwrap(), Seen::Ready(_)));
        assert_eq!(wire.requests("/change/").len(), 1);
    }

    #[test]
    fn only_the_records_of_a_failover_pair_go_together() {
        let company = |inputs: serde_json::Value| Record::company(&inputs.into(), &BTreeMap::new());
        let role = |role: &str| {
            company(json!({ "zoneId": "Z1", "name": "a.e.com.", "type": "A", "setIdentifier": role,
                "failoverRoutingPolicies": [{ "type": role }] }))
        };
        assert_eq!(role("PRIMARY"), Some("failover records of a.e.com A in Z1".to_owned()));
        assert_eq!(role("PRIMARY"), role("SECONDARY"));
        assert_eq!(company(json!({ "zoneId": "Z1", "name": "a.e.com", "type": "A", "ttl": 60 })), None);
    }

    async fn create(overwrite: bool, reply: Reply) -> (Result<provider::Made>, Wire) {
        let (aws, wire) = aws(&[("POST ", reply), ("GET ", ok(ZONE))]);
        let Value::Map(mut inputs) = simple("a.example.com") else { unreachable!() };
        inputs.insert("allowOverwrite".into(), Value::Bool(overwrite));
        (aws.create(&at(TYPE), &Value::Map(inputs)).await, wire)
    }

    #[tokio::test]
    async fn a_record_of_others_is_taken_over_only_if_allowed() {
        let there = "Tried to create resource record set [name='a.example.com.', type='A'] but it already exists";
        let (refused, wire) = create(false, refusal(there)).await;
        assert_eq!(refused.unwrap_err().kind, Kind::Exists);
        assert!(wire.requests("POST ")[0].contains("<Action>CREATE</Action>"));
        let (made, wire) = create(true, ok(CHANGED)).await;
        assert_eq!(made.unwrap().id.0, "Z1_a.example.com_A");
        assert!(wire.requests("POST ")[0].contains("<Action>UPSERT</Action>"));
    }

    #[tokio::test]
    async fn reasons_in_the_old_form_of_a_refusal_are_read() {
        let body = "<InvalidChangeBatch xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Messages><Message>\
            Tried to create a, but it already exists</Message></Messages></InvalidChangeBatch>";
        let (refused, _) = create(false, Reply::Says(400, body.into())).await;
        let error = refused.unwrap_err();
        assert_eq!(error.kind, Kind::Exists);
        assert_eq!(error.message, "Tried to create a, but it already exists");
    }

    async fn delete(reply: Reply, live: bool) -> Result<provider::Next> {
        let (aws, _) = aws(&[("POST ", reply), ("GET ", ok(ZONE))]);
        let seen =
            provider::Live { inputs: simple("a.example.com"), outputs: json!({ "fqdn": "a.example.com" }).into() };
        let live = live.then_some(&seen);
        aws.delete(&at(TYPE), &Id("Z1_a.example.com_A".into()), &simple("a.example.com"), live).await
    }

    #[tokio::test]
    async fn a_record_that_differs_from_what_was_applied_is_looked_at_before_it_is_deleted() {
        use provider::Next;
        let other = "Tried to delete resource record set [name='a.example.com.', type='A'] but the values provided do not match the current values";
        assert!(matches!(delete(refusal(other), false).await, Ok(Next::More(_))));
        assert!(delete(refusal(other), true).await.is_err());
        let gone = "Tried to delete resource record set [name='a.example.com.', type='A'] but it was not found";
        assert!(matches!(delete(refusal(gone), true).await, Ok(Next::Gone)));
        assert!(matches!(delete(ok(CHANGED), false).await, Ok(Next::Started)));
        assert!(matches!(delete(ok(CHANGED.replace("PENDING", "INSYNC")), false).await, Ok(Next::Gone)));
    }

    #[tokio::test]
    async fn only_a_record_with_the_same_answer_is_taken_for_a_lost_one() {
        let record = |value: &str| {
            list(&format!(
                "<ResourceRecordSet><Name>a.example.com.</Name><Type>A</Type><TTL>60</TTL><ResourceRecords>\
                 <ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
            ))
        };
        let found = async |value: &str| {
            let (aws, _) = aws(&[("rrset", record(value))]);
            aws.find(&at(TYPE), &simple("a.example.com")).await.unwrap()
        };
        assert_eq!(found("192.0.2.1").await, [Id("Z1_a.example.com_A".into())]);
        assert_eq!(found("192.0.2.9").await, []);
    }

    #[test]
    fn an_id_is_read_from_its_type_outwards() {
        let cases = [
            ("Z1_www_A", ("www", "A", None)),
            ("Z1__dmarc.e.com_TXT", ("_dmarc.e.com", "TXT", None)),
            ("Z1_a_b_CNAME_primary_1", ("a_b", "CNAME", Some("primary_1"))),
            ("Z1__A", ("", "A", None)),
        ];
        for (id, (name, kind, set)) in cases {
            let place = Place::parse(id).unwrap();
            assert_eq!(place, Place { zone: "Z1", name, kind, set });
            assert_eq!(place.id(), id);
        }
        assert_eq!(Place::parse("Z1_www_a"), None);
    }
}
