use aws_sdk_route53::types::{self as sdk, AcceleratedRecoveryStatus as Recovery, TagResourceType};

use super::{arn, bare, built, foreseen_arn, name, retag, tags_of, vpc};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, computed, exclusive, forced, refers, replace, unordered, write_only};

/// A hosted zone: the DNS records of a domain, for everyone or for some VPCs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["delegationSetId", "vpcs"]))]
pub struct Zone {
    /// Comment for people. Nothing is written of its own accord.
    #[schemars(length(max = 256))]
    #[serde(default)]
    pub comment: String,
    /// Reusable set of name servers, of public zones.
    #[schemars(transform = replace, length(max = 32))]
    pub delegation_set_id: Option<String>,
    /// Whether records of a public zone can be changed again within 60 minutes when the region of
    /// Route 53's control plane fails.
    #[serde(default)]
    pub enable_accelerated_recovery: bool,
    /// Whether records that something else has made go with the zone. Without it such records keep
    /// the zone from being deleted.
    #[schemars(transform = write_only, transform = forced)]
    pub force_destroy: Option<bool>,
    /// Domain, for example `example.com`.
    #[schemars(transform = replace, transform = alike(Alike::Dot), transform = auto_name(255), length(min = 1, max = 1024))]
    pub name: String,
    /// Tags of the zone. Those by which drctl knows its own come with the first one.
    #[serde(default)]
    pub tags: Tags,
    /// VPCs that see the zone; a zone without any is public. The list is complete: where a
    /// `ZoneAssociation` adds others, put `vpcs` under the zone's `ignoreChanges`.
    #[schemars(transform = unordered)]
    pub vpcs: Option<Vec<ZoneVpc>>,
}

/// A VPC that sees a private zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZoneVpc {
    /// Id of the VPC.
    #[schemars(transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub vpc_id: String,
    /// Region of the VPC; by default the one of the settings.
    #[schemars(transform = computed)]
    pub vpc_region: Option<String>,
}

/// What AWS decides about a zone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZoneOutputs {
    /// ARN of the zone.
    pub arn: String,
    /// Name servers to name in the domain above, in alphabetical order. A private zone has none of
    /// its own.
    pub name_servers: Vec<String>,
    /// Name server that the SOA record names, of public zones.
    pub primary_name_server: Option<String>,
    /// Id of the zone.
    pub zone_id: String,
}

impl Resource for Zone {
    const TYPE: &'static str = "aws:route53/zone:Zone";
    const FACTS: Facts = Facts {
        names: Names::Shared,
        scope: Scope::Global,
        takes: Takes::seconds(2, 1, 1),
        permissions: Permissions {
            create: &[
                "route53:AssociateVPCWithHostedZone",
                "route53:ChangeTagsForResource",
                "route53:CreateHostedZone",
                "route53:ListHostedZones",
                "route53:UpdateHostedZoneFeatures",
            ],
            read: &["route53:GetHostedZone", "route53:ListTagsForResource", "route53:ListTagsForResources"],
            update: &[
                "route53:AssociateVPCWithHostedZone",
                "route53:ChangeTagsForResource",
                "route53:DisassociateVPCFromHostedZone",
                "route53:UpdateHostedZoneComment",
                "route53:UpdateHostedZoneFeatures",
            ],
            delete: &[
                "route53:ChangeResourceRecordSets",
                "route53:DeleteHostedZone",
                "route53:ListResourceRecordSets",
                "route53:UpdateHostedZoneFeatures",
            ],
        },
        permissions_with: &[WithInput::on("vpcs", &[], &["ec2:DescribeVpcs"])],
        acts_on: &["route53:::hostedzone/*"],
        import: "id of the zone, `Z0123456789ABCDEFGHIJ`",
        ..Facts::new(IdForm::Random("Z", 20), FoundBy::Marker("CallerReference"))
    };
    type Outputs = ZoneOutputs;
    type Cx = Cx;

    /// The call takes one VPC; the others follow one by one.
    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let first = self.vpcs(cx).into_iter().next();
        let config = sdk::HostedZoneConfig::builder().comment(&self.comment).private_zone(first.is_some()).build();
        let reply = cx
            .route53()
            .create_hosted_zone()
            .caller_reference(cx.token())
            .set_delegation_set_id(self.delegation_set_id.clone())
            .hosted_zone_config(config)
            .name(&self.name)
            .set_vpc(first.map(|(id, region)| vpc(&id, &region)))
            .send()
            .await?;
        let vpcs = reply.vpc.into_iter().collect();
        let zone = need("HostedZone", reply.hosted_zone)?;
        let (id, seen) = seen(zone, reply.delegation_set, vpcs, Tags::new(), cx)?;
        Ok(Made::seen(id, seen))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let mut found = Vec::new();
        for id in ids {
            let reply = cx.route53().get_hosted_zone().id(&id.0).send().await.or_none()?;
            found.extend(reply.map(|reply| (id.0.clone(), reply)));
        }
        let there: Vec<String> = found.iter().map(|(id, _)| id.clone()).collect();
        let mut tags = match want.has("tags") {
            true => tags_of(TagResourceType::Hostedzone, &there, cx).await?,
            false => Default::default(),
        };
        in_order(
            ids,
            found.into_iter().map(|(id, reply)| {
                let (tags, vpcs) = (tags.remove(&id).unwrap_or_default(), reply.vpcs.unwrap_or_default());
                seen(need("HostedZone", reply.hosted_zone)?, reply.delegation_set, vpcs, tags, cx)
            }),
        )
    }

    /// A private zone never loses its last VPC, so new ones come before old ones go.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        let (has, wants) = (old.vpcs(cx), self.vpcs(cx));
        for (new, region) in only_in(&wants, &has) {
            let add = cx.route53().associate_vpc_with_hosted_zone().hosted_zone_id(&id.0);
            add.vpc(vpc(new, region)).send().await?;
        }
        for (gone, region) in only_in(&has, &wants) {
            let remove = cx.route53().disassociate_vpc_from_hosted_zone().hosted_zone_id(&id.0);
            remove.vpc(vpc(gone, region)).send().await?;
        }
        if self.comment != old.comment {
            let change = cx.route53().update_hosted_zone_comment().id(&id.0);
            change.comment(&self.comment).send().await?;
        }
        if self.enable_accelerated_recovery != old.enable_accelerated_recovery {
            recover_fast(id, self.enable_accelerated_recovery, cx).await?;
        }
        Ok(Next::Started)
    }

    /// Asks what else is in the zone only after Route 53 has refused to delete it.
    async fn delete(&self, id: &Id, live: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let accelerated = live.map_or(self.enable_accelerated_recovery, |l| l.inputs.enable_accelerated_recovery);
        if accelerated {
            recover_fast(id, false, cx).await?;
            return Ok(Next::More("turning off accelerated recovery"));
        }
        match cx.route53().delete_hosted_zone().id(&id.0).send().await.or_none() {
            Err(e) if e.code.as_deref() == Some(NOT_EMPTY) && self.force_destroy == Some(true) => {
                empty(id, cx).await?;
                Ok(Next::More("deleting records"))
            }
            Err(e) if e.code.as_deref() == Some(NOT_EMPTY) => {
                Err(e.hint("delete the records that others have made, or set `forceDestroy: true` and run `up`"))
            }
            Err(e) => Err(e),
            Ok(_) => Ok(Next::Gone),
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.route53().list_hosted_zones().into_paginator().items().send();
        let zones = pages.collect::<Result<Vec<_>, _>>().await?;
        Ok(zones.iter().filter(|z| z.caller_reference == cx.token()).map(|z| Id(bare(&z.id).to_owned())).collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(TagResourceType::Hostedzone, id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", foreseen_arn(at, "hostedzone")), ("zoneId", at.id())]
    }

    /// A zone is public or private for good.
    fn replaces(live: &Value, wanted: &Value) -> Vec<&'static str> {
        let private = |zone: &Value| match zone.get("vpcs").map(Value::bare) {
            None | Some(Value::Null) => Some(false),
            Some(Value::List(vpcs)) => Some(!vpcs.is_empty()),
            Some(_) => None,
        };
        match (private(live), private(wanted)) {
            (Some(live), Some(wanted)) if live != wanted => vec!["vpcs"],
            _ => Vec::new(),
        }
    }
}

impl Zone {
    /// Id and region of each VPC.
    fn vpcs(&self, cx: &Cx) -> Vec<(String, String)> {
        let region = |v: &ZoneVpc| v.vpc_region.clone().unwrap_or_else(|| cx.default_region().to_owned());
        self.vpcs.iter().flatten().map(|v| (v.vpc_id.clone(), region(v))).collect()
    }
}

const NOT_EMPTY: &str = "HostedZoneNotEmpty";

async fn recover_fast(id: &Id, on: bool, cx: &Cx) -> Result<()> {
    let change = cx.route53().update_hosted_zone_features().hosted_zone_id(&id.0);
    change.enable_accelerated_recovery(on).send().await?;
    Ok(())
}

/// Deletes a page of the records, but for the two that every zone has.
async fn empty(id: &Id, cx: &Cx) -> Result<()> {
    let page = cx.route53().list_resource_record_sets().hosted_zone_id(&id.0).send().await?;
    let apex = page.resource_record_sets.iter().find(|r| r.r#type == sdk::RrType::Soa).map(|r| r.name.clone());
    let stays = |r: &sdk::ResourceRecordSet| {
        matches!(r.r#type, sdk::RrType::Soa | sdk::RrType::Ns) && apex.as_deref().is_none_or(|apex| r.name == apex)
    };
    let records = page.resource_record_sets.iter().filter(|r| !stays(r));
    let changes = records.map(|record| {
        let change = sdk::Change::builder().action(sdk::ChangeAction::Delete);
        built(change.resource_record_set(record.clone()).build())
    });
    let changes = changes.collect::<Result<Vec<_>>>()?;
    if changes.is_empty() {
        return Err(Error::invalid(format!("zone `{id}` holds more than records"))
            .hint("delete its key-signing keys and traffic policy instances, then run again"));
    }
    let batch = built(sdk::ChangeBatch::builder().set_changes(Some(changes)).build())?;
    cx.route53().change_resource_record_sets().hosted_zone_id(&id.0).change_batch(batch).send().await?;
    Ok(())
}

fn seen(
    zone: sdk::HostedZone,
    servers: Option<sdk::DelegationSet>,
    vpcs: Vec<sdk::Vpc>,
    tags: Tags,
    cx: &Cx,
) -> Result<(String, Seen<Live<Zone>>)> {
    let id = bare(&zone.id).to_owned();
    let recovery = zone.features.and_then(|f| f.accelerated_recovery_status).unwrap_or(Recovery::Disabled);
    let accelerated = match recovery {
        Recovery::Disabled | Recovery::EnableFailed => false,
        Recovery::Enabled | Recovery::DisableFailed => true,
        changing => return Ok((id, Seen::Pending(changing.as_str().to_owned()))),
    };
    let vpcs = vpcs.into_iter().map(|v| {
        let vpc_region = v.vpc_region.map(|r| r.as_str().to_owned());
        Ok(ZoneVpc { vpc_id: need("VPCId", v.vpc_id)?, vpc_region })
    });
    let vpcs = vpcs.collect::<Result<Vec<_>>>()?;
    let inputs = Zone {
        comment: zone.config.and_then(|c| c.comment).unwrap_or_default(),
        delegation_set_id: servers.as_ref().and_then(|s| s.id.as_deref()).map(|id| bare(id).to_owned()),
        enable_accelerated_recovery: accelerated,
        force_destroy: None,
        name: name::plain(&zone.name),
        tags,
        vpcs: (!vpcs.is_empty()).then_some(vpcs),
    };
    let mut name_servers = servers.map(|s| s.name_servers).unwrap_or_default();
    let primary_name_server = name_servers.first().cloned();
    name_servers.sort();
    let outputs = ZoneOutputs {
        arn: arn(cx.partition(), "hostedzone", &id),
        name_servers,
        primary_name_server,
        zone_id: id.clone(),
    };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const ZONE: &str = "<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z1</Id><Name>Example.com.</Name>\
        <CallerReference>01JD0000000000000000000000</CallerReference><Config><Comment>c</Comment>\
        <PrivateZone>true</PrivateZone></Config><Features><AcceleratedRecoveryStatus>ENABLED\
        </AcceleratedRecoveryStatus></Features></HostedZone><DelegationSet><Id>/delegationset/N1</Id><NameServers>\
        <NameServer>ns-2.example</NameServer><NameServer>ns-1.example</NameServer></NameServers></DelegationSet>\
        <VPCs><VPC><VPCRegion>eu-west-1</VPCRegion><VPCId>vpc-1</VPCId></VPC></VPCs></GetHostedZoneResponse>";
    const TAGS: &str = "<ListTagsForResourceResponse><ResourceTagSet><ResourceType>hostedzone\
        </ResourceType><ResourceId>Z1</ResourceId><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>\
        </ResourceTagSet></ListTagsForResourceResponse>";
    const REFUSAL: &str = "<ErrorResponse><Error><Code>HostedZoneNotEmpty</Code><Message>not empty</Message>\
        </Error></ErrorResponse>";
    const RECORDS: &str = "<ListResourceRecordSetsResponse><ResourceRecordSets>\
        <ResourceRecordSet><Name>example.com.</Name><Type>NS</Type></ResourceRecordSet>\
        <ResourceRecordSet><Name>example.com.</Name><Type>SOA</Type></ResourceRecordSet>\
        <ResourceRecordSet><Name>sub.example.com.</Name><Type>NS</Type><TTL>60</TTL><ResourceRecords>\
        <ResourceRecord><Value>ns.example</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>\
        </ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>300</MaxItems>\
        </ListResourceRecordSetsResponse>";

    const ASSOCIATED: &str = "<AssociateVPCWithHostedZoneResponse><ChangeInfo><Id>/change/C1</Id>\
        <Status>PENDING</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo>\
        </AssociateVPCWithHostedZoneResponse>";
    const DISASSOCIATED: &str = "<DisassociateVPCFromHostedZoneResponse><ChangeInfo><Id>/change/C1</Id>\
        <Status>PENDING</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo>\
        </DisassociateVPCFromHostedZoneResponse>";
    const CHANGED: &str = "<ChangeResourceRecordSetsResponse><ChangeInfo><Id>/change/C1</Id>\
        <Status>PENDING</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo>\
        </ChangeResourceRecordSetsResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "comment": "c",
            "delegationSetId": "N1",
            "enableAcceleratedRecovery": true,
            "name": "example.com",
            "tags": { "a": "b" },
            "vpcs": [{ "vpcId": "vpc-1", "vpcRegion": "eu-west-1" }],
        });
        let replies = [("GET https://route53.amazonaws.com/2013-04-01/hostedzone/Z1", ok(ZONE)), ("/tags/", ok(TAGS))];
        let live = reads_back(Zone::TYPE, "Z1", &replies, &[], inputs).await;
        let outputs = live.outputs.to_json().unwrap();
        assert_eq!(outputs["arn"], "arn:aws:route53:::hostedzone/Z1");
        assert_eq!(outputs["nameServers"], json!(["ns-1.example", "ns-2.example"]));
        assert_eq!(outputs["primaryNameServer"], "ns-2.example");
    }

    async fn delete(force: bool) -> (Result<provider::Next>, Vec<String>) {
        let (aws, wire) =
            aws(&[("DELETE ", Reply::Says(400, REFUSAL.into())), ("POST ", ok(CHANGED)), ("GET ", ok(RECORDS))]);
        let applied = json!({ "name": "example.com", "forceDestroy": force }).into();
        let next = aws.delete(&at(Zone::TYPE), &Id("Z1".into()), &applied, None).await;
        (next, wire.requests("POST "))
    }

    #[tokio::test]
    async fn records_of_others_go_with_the_zone_only_if_forced() {
        let (refused, changes) = delete(false).await;
        assert_eq!(refused.unwrap_err().code.as_deref(), Some(NOT_EMPTY));
        assert!(changes.is_empty());
        let (next, changes) = delete(true).await;
        assert!(matches!(next, Ok(provider::Next::More(_))), "{next:?}");
        assert_eq!(changes.len(), 1);
        assert!(changes[0].contains("sub.example.com.") && !changes[0].contains("SOA"), "{}", changes[0]);
    }

    #[tokio::test]
    async fn a_new_vpc_comes_before_an_old_one_goes() {
        let (aws, wire) = aws(&[("/associatevpc", ok(ASSOCIATED)), ("/disassociatevpc", ok(DISASSOCIATED))]);
        let zone = |vpc: &str| json!({ "name": "e.com", "vpcs": [{ "vpcId": vpc, "vpcRegion": "eu-west-1" }] });
        let live = provider::Live {
            inputs: zone("vpc-1").into(),
            outputs: json!({ "arn": "a", "nameServers": [], "zoneId": "Z1" }).into(),
        };
        aws.update(&at(Zone::TYPE), &Id("Z1".into()), &zone("vpc-2").into(), &live).await.unwrap();
        let sent = wire.requests("route53");
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert!(sent[0].contains("/associatevpc") && sent[0].contains("vpc-2"), "{sent:?}");
        assert!(sent[1].contains("/disassociatevpc") && sent[1].contains("vpc-1"), "{sent:?}");
    }

    #[test]
    fn a_zone_does_not_turn_from_public_to_private() {
        let vpcs = json!({ "vpcs": [{ "vpcId": "vpc-1" }] }).into();
        let more = json!({ "vpcs": [{ "vpcId": "vpc-1" }, { "vpcId": "vpc-2" }] }).into();
        assert_eq!(Zone::replaces(&json!({}).into(), &vpcs), ["vpcs"]);
        assert_eq!(Zone::replaces(&vpcs, &json!({ "vpcs": [] }).into()), ["vpcs"]);
        assert!(Zone::replaces(&vpcs, &more).is_empty());
    }
}
