use std::collections::BTreeSet;

use aws_sdk_ec2::types::{self as sdk, ResourceType};

use super::grant::{self, Grants};
use super::interfaces::{Holders, is_held, unseen};
use super::{any_of, arn, is_mine, mine, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::error::Kind;
use crate::engine::rules::{auto_name, computed, form, refers, replace, united, unordered, write_only};

/// A firewall around instances, databases and endpoints of a VPC.
///
/// Rules are either listed in `ingress` and `egress`, and then no others stay in the group, or they
/// are resources of their own, and the list is left out. AWS lets everything out of a new group;
/// that rule is removed, as no list or rule of the program names it. The group carries a mark for
/// as long as it is there.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityGroup {
    /// What the group is for.
    #[schemars(transform = replace, length(max = 255))]
    #[serde(default = "managed")]
    pub description: String,
    /// All rules about outbound traffic.
    #[schemars(transform = computed, transform = unordered, transform = united)]
    pub egress: Option<Vec<InlineRule>>,
    /// All rules about inbound traffic.
    #[schemars(transform = computed, transform = unordered, transform = united)]
    pub ingress: Option<Vec<InlineRule>>,
    /// Whether the rule stays with which AWS lets everything out of a new group. An input of drctl.
    #[serde(default)]
    pub keep_default_egress: bool,
    /// Name, unique in the VPC.
    #[schemars(transform = replace, transform = auto_name(255))]
    pub name: Option<String>,
    /// Whether all rules are removed before the group is deleted, for groups that name each other.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub revoke_rules_on_delete: bool,
    /// Tags of the group.
    #[serde(default)]
    pub tags: Tags,
    /// VPC that holds the group; the default VPC if there is none.
    #[schemars(transform = replace, transform = computed, transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub vpc_id: Option<String>,
}

/// A rule that stands in its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InlineRule {
    /// IPv4 ranges that the rule is for.
    #[schemars(transform = unordered)]
    pub cidr_blocks: Option<Vec<String>>,
    /// What the rule is for.
    pub description: Option<String>,
    /// First port; of ICMP the type; 0 with protocol `-1`.
    pub from_port: i32,
    /// IPv6 ranges that the rule is for.
    #[schemars(transform = unordered)]
    pub ipv6_cidr_blocks: Option<Vec<String>>,
    /// Prefix lists that the rule is for.
    #[schemars(transform = unordered)]
    pub prefix_list_ids: Option<Vec<String>>,
    /// Protocol: `tcp`, `udp`, `icmp`, `icmpv6`, the number of another one, or `-1` for all.
    #[schemars(transform = form(PROTOCOL, PROTOCOL_IN_WORDS))]
    pub protocol: String,
    /// Groups whose members the rule is for; of another account as `ACCOUNT/ID`.
    #[schemars(transform = unordered)]
    pub security_groups: Option<Vec<String>>,
    /// Whether the rule is for the members of the group itself.
    #[serde(default, rename = "self")]
    pub itself: bool,
    /// Last port; of ICMP the code; 0 with protocol `-1`.
    pub to_port: i32,
}

pub(super) const PROTOCOL: &str = r"^(-1|tcp|udp|icmp|icmpv6|\d+)$";
pub(super) const PROTOCOL_IN_WORDS: &str = "`tcp`, `udp`, `icmp`, `icmpv6`, a protocol's number, or `-1` for all";

/// The description that stacks of Pulumi have.
fn managed() -> String {
    "Managed by Pulumi".into()
}

/// What AWS decides about a security group.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupOutputs {
    /// ARN of the group.
    pub arn: String,
    /// Account that owns the group.
    pub owner_id: String,
}

/// The mark of a group that has AWS's own outbound rule.
const DEFAULT_EGRESS: &str = "drctl:default-egress";

impl Resource for SecurityGroup {
    const TYPE: &'static str = "aws:ec2/securityGroup:SecurityGroup";
    const FACTS: Facts = Facts {
        names: Names::Within("vpcId"),
        limits: Limits::minutes(10, 10, 15),
        takes: Takes::seconds(2, 1, 1),
        permissions: Permissions {
            create: &[
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:CreateSecurityGroup",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "ec2:RevokeSecurityGroupEgress",
            ],
            read: &["ec2:DescribeSecurityGroups"],
            update: &[
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
                "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            ],
            delete: &[
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteSecurityGroup",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
            ],
        },
        acts_on: &[
            "ec2:{region}:*:network-interface/*",
            "ec2:{region}:*:security-group/*",
            "ec2:{region}:*:security-group-rule/*",
            "ec2:{region}:*:vpc/*",
        ],
        import: "id of the security group, `sg-0123456789abcdef0`",
        ..Facts::new(IdForm::Random("sg-", 17), FoundBy::OwnerTag)
    };
    type Outputs = SecurityGroupOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let mut tags = cx.tags(&self.tags);
        if self.egress.is_none() {
            tags.insert(DEFAULT_EGRESS.into(), "yes".into());
        }
        let reply = cx
            .ec2()
            .create_security_group()
            .description(&self.description)
            .set_group_name(self.name.clone())
            .tag_specifications(tagged(ResourceType::SecurityGroup, &tags))
            .set_vpc_id(self.vpc_id.clone())
            .send()
            .await?;
        Ok(Made::id(need("GroupId", reply.group_id)?))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let groups = cx.ec2().describe_security_groups().filters(any_of("group-id", ids));
        let groups = groups.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
        in_order(ids, groups.into_iter().map(|group| seen(group, cx)))
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        let kept = self.keep_default_egress != old.keep_default_egress;
        let listed = [(Way::In, &self.ingress, &old.ingress), (Way::Out, &self.egress, &old.egress)];
        let mut other = false;
        for (way, wanted, old) in listed {
            if let Some(wanted) = changed(wanted, old) {
                way.change(id, old.as_deref().unwrap_or_default(), wanted, cx).await?;
                other = true;
            }
        }
        if !kept {
            return Ok(Next::Started);
        }
        let egress = self.keep_default(id, old, cx).await?;
        if other {
            return Ok(Next::Started);
        }
        let inputs = Self { egress, keep_default_egress: self.keep_default_egress, ..old.clone() };
        Ok(Next::Saw(Box::new(Live { inputs, outputs: live.outputs.clone() })))
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        if self.revoke_rules_on_delete {
            revoke_all(id, cx).await?;
        }
        match cx.ec2().delete_security_group().group_id(&id.0).send().await.or_none() {
            Ok(_) => Ok(Next::Gone),
            Err(refusal) if is_held(&refusal) => held(refusal, id, cx).await,
            Err(refusal) => Err(refusal),
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.ec2().describe_security_groups().filters(mine(cx)).into_paginator().items().send();
        let groups = pages.collect::<Result<Vec<_>, _>>().await?;
        groups.into_iter().filter(|g| is_mine(g.tags(), cx)).map(|g| Ok(Id(need("GroupId", g.group_id)?))).collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, "security-group")), ("ownerId", at.account.as_str().into())]
    }
}

/// What a group is held by that AWS refuses to delete. Interfaces of Lambda are waited for. Rules of other groups
/// that name it are told: groups of the program have gone before it, so others keep it, and waiting does not help
/// for long.
async fn held(refusal: Error, id: &Id, cx: &Cx) -> Result<Next<SecurityGroup>> {
    let interfaces = Holders::of("group-id", id, &refusal, cx).await?;
    if !interfaces.is_empty() {
        return interfaces.judge(refusal).map(Next::Held);
    }
    let holders = naming(id, cx).await.map_err(|why| unseen(&refusal, why))?;
    if holders.is_empty() {
        return Err(refusal);
    }
    let names = holders.iter().map(|group| format!("`{group}`")).collect::<Vec<_>>().join(", ");
    let message = format!("the security group cannot be deleted because rules of {names} name it");
    Err(Error { kind: Kind::Spreading, message, ..refusal }.hint(
        "if others made those rules, `aws ec2 describe-security-group-rules` shows and \
         `aws ec2 revoke-security-group-ingress` or `-egress` removes them; then run again",
    ))
}

/// Other groups with rules that name a group.
async fn naming(id: &Id, cx: &Cx) -> Result<BTreeSet<String>> {
    let mut groups = BTreeSet::new();
    for rules in ["ip-permission.group-id", "egress.ip-permission.group-id"] {
        let pages = cx.ec2().describe_security_groups().filters(any_of(rules, std::slice::from_ref(id)));
        let found = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
        groups.extend(found.into_iter().filter_map(|group| group.group_id).filter(|group| *group != id.0));
    }
    Ok(groups)
}

impl SecurityGroup {
    /// Removes or gives back AWS's own outbound rule, and then its mark, so that whoever is
    /// interrupted in between does it again. Returns the outbound rules after it.
    async fn keep_default(&self, id: &Id, old: &Self, cx: &Cx) -> Result<Option<Vec<InlineRule>>> {
        let rules = old.egress.as_deref().unwrap_or_default();
        let everything = grant::everything();
        let mut left = rules.to_vec();
        if self.egress.is_none() {
            let there = grant::of(rules, id)?;
            if self.keep_default_egress {
                // The first is that of IPv4, which every VPC has.
                let missing: Grants = everything.into_iter().take(1).filter(|(g, _)| !there.contains_key(g)).collect();
                Way::Out.authorize(id, &missing, cx).await?;
                left = [rules, &grant::rules(grant::permissions(&missing), &id.0, "")?].concat();
            } else {
                let present: Grants = there.into_iter().filter(|(g, _)| everything.contains_key(g)).collect();
                Way::Out.revoke(id, &present, cx).await?;
                let rest: Grants =
                    grant::of(rules, id)?.into_iter().filter(|(g, _)| !present.contains_key(g)).collect();
                left = grant::rules(grant::permissions(&rest), &id.0, "")?;
            }
        }
        let mark = (DEFAULT_EGRESS.to_owned(), "yes".to_owned());
        let mark = match self.keep_default_egress {
            true => Retag { set: vec![mark], unset: Vec::new() },
            false => Retag { set: Vec::new(), unset: vec![mark.0] },
        };
        retag(id, &mark, cx).await?;
        Ok(Some(left))
    }
}

/// A direction of traffic.
#[derive(Debug, Clone, Copy)]
enum Way {
    In,
    Out,
}

impl Way {
    /// What is new is allowed before what is old is forbidden, so that nothing breaks in between.
    async fn change(self, id: &Id, old: &[InlineRule], wanted: &[InlineRule], cx: &Cx) -> Result<()> {
        let (old, wanted) = (grant::of(old, id)?, grant::of(wanted, id)?);
        let lacking = |of: &Grants, other: &Grants| -> Grants {
            of.iter().filter(|(g, _)| !other.contains_key(g)).map(|(g, d)| (g.clone(), d.clone())).collect()
        };
        let described = |(g, d): &(&grant::Grant, &Option<String>)| old.get(*g).is_some_and(|was| was != *d);
        let described: Grants = wanted.iter().filter(described).map(|(g, d)| (g.clone(), d.clone())).collect();
        self.authorize(id, &lacking(&wanted, &old), cx).await?;
        self.describe(id, &described, cx).await?;
        self.revoke(id, &lacking(&old, &wanted), cx).await
    }

    async fn authorize(self, id: &Id, grants: &Grants, cx: &Cx) -> Result<()> {
        if grants.is_empty() {
            return Ok(());
        }
        let (ec2, grants) = (cx.ec2(), grant::permissions(grants));
        match self {
            Self::In => {
                ec2.authorize_security_group_ingress().group_id(&id.0).set_ip_permissions(grants).send().await?;
            }
            Self::Out => {
                ec2.authorize_security_group_egress().group_id(&id.0).set_ip_permissions(grants).send().await?;
            }
        }
        Ok(())
    }

    async fn describe(self, id: &Id, grants: &Grants, cx: &Cx) -> Result<()> {
        if grants.is_empty() {
            return Ok(());
        }
        let (ec2, grants) = (cx.ec2(), grant::permissions(grants));
        match self {
            Self::In => {
                let call = ec2.update_security_group_rule_descriptions_ingress().group_id(&id.0);
                call.set_ip_permissions(grants).send().await?;
            }
            Self::Out => {
                let call = ec2.update_security_group_rule_descriptions_egress().group_id(&id.0);
                call.set_ip_permissions(grants).send().await?;
            }
        }
        Ok(())
    }

    async fn revoke(self, id: &Id, grants: &Grants, cx: &Cx) -> Result<()> {
        if grants.is_empty() {
            return Ok(());
        }
        let (ec2, grants) = (cx.ec2(), grant::permissions(grants));
        match self {
            Self::In => {
                let call = ec2.revoke_security_group_ingress().group_id(&id.0);
                call.set_ip_permissions(grants).send().await.or_none()?;
            }
            Self::Out => {
                let call = ec2.revoke_security_group_egress().group_id(&id.0);
                call.set_ip_permissions(grants).send().await.or_none()?;
            }
        }
        Ok(())
    }
}

/// Removes all rules, whoever made them.
async fn revoke_all(id: &Id, cx: &Cx) -> Result<()> {
    let seen = SecurityGroup::read(std::slice::from_ref(id), &Want::All, cx).await?;
    for seen in seen {
        if let Seen::Ready(live) = seen {
            let rules = [(Way::In, live.inputs.ingress), (Way::Out, live.inputs.egress)];
            for (way, rules) in rules {
                way.revoke(id, &grant::of(&rules.unwrap_or_default(), id)?, cx).await?;
            }
        }
    }
    Ok(())
}

fn seen(g: sdk::SecurityGroup, cx: &Cx) -> Result<(String, Seen<Live<SecurityGroup>>)> {
    let id = need("GroupId", g.group_id)?;
    let owner = need("OwnerId", g.owner_id)?;
    let tags = tags_from(g.tags);
    let inputs = SecurityGroup {
        description: need("GroupDescription", g.description)?,
        egress: Some(grant::rules(g.ip_permissions_egress, &id, &owner)?),
        ingress: Some(grant::rules(g.ip_permissions, &id, &owner)?),
        keep_default_egress: tags.contains_key(DEFAULT_EGRESS),
        name: Some(need("GroupName", g.group_name)?),
        revoke_rules_on_delete: false,
        tags,
        vpc_id: g.vpc_id,
    };
    let outputs = SecurityGroupOutputs { arn: cx.arn("ec2", &format!("security-group/{id}")), owner_id: owner };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::Aws;
    use crate::aws::wire::{Reply, Wire, at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Provider};

    const REPLY: &str = "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-1</groupId>\
        <ownerId>123456789012</ownerId><groupName>web</groupName><groupDescription>Web</groupDescription>\
        <vpcId>vpc-1</vpcId><ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>443</fromPort>\
        <toPort>443</toPort><ipRanges><item><cidrIp>10.0.0.0/16</cidrIp></item><item><cidrIp>10.1.0.0/16</cidrIp>\
        <description>peer</description></item></ipRanges><ipv6Ranges><item><cidrIpv6>2001:db8::/56</cidrIpv6>\
        </item></ipv6Ranges><prefixListIds><item><prefixListId>pl-1</prefixListId></item></prefixListIds>\
        <groups><item><groupId>sg-1</groupId><userId>123456789012</userId></item><item><groupId>sg-2</groupId>\
        <userId>123456789012</userId></item><item><groupId>sg-3</groupId><userId>999999999999</userId></item>\
        </groups></item></ipPermissions><ipPermissionsEgress><item><ipProtocol>-1</ipProtocol><ipRanges><item>\
        <cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item></ipPermissionsEgress><tagSet><item><key>a</key>\
        <value>b</value></item><item><key>drctl:default-egress</key><value>yes</value></item></tagSet></item>\
        </securityGroupInfo></DescribeSecurityGroupsResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "description": "Web",
            "egress": [{ "protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"], "self": false }],
            "ingress": [{
                "protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/16"],
                "ipv6CidrBlocks": ["2001:db8::/56"], "prefixListIds": ["pl-1"],
                "securityGroups": ["sg-2", "999999999999/sg-3"], "self": true,
            }, {
                "protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.1.0.0/16"],
                "description": "peer", "self": false,
            }],
            "keepDefaultEgress": true,
            "name": "web",
            "revokeRulesOnDelete": false,
            "tags": { "a": "b" },
            "vpcId": "vpc-1",
        });
        let replies = [("Action=DescribeSecurityGroups", ok(REPLY))];
        reads_back(SecurityGroup::TYPE, "sg-1", &replies, &[], inputs).await;
    }

    const REFUSAL: &str = "<Response><Errors><Error><Code>DependencyViolation</Code>\
        <Message>resource sg-2 has a dependent object</Message></Error></Errors></Response>";
    const DENIAL: &str = "<Response><Errors><Error><Code>UnauthorizedOperation</Code>\
        <Message>You are not authorized to perform this operation.</Message></Error></Errors></Response>";

    /// Network interfaces: id, description, type, whether a service asked for it, status.
    fn interfaces(all: &[(&str, &str, &str, bool, &str)]) -> Reply {
        let item = |(id, about, ty, managed, status): &(&str, &str, &str, bool, &str)| {
            format!(
                "<item><networkInterfaceId>{id}</networkInterfaceId><description>{about}</description>\
                 <interfaceType>{ty}</interfaceType><requesterManaged>{managed}</requesterManaged>\
                 <status>{status}</status></item>"
            )
        };
        let items: String = all.iter().map(item).collect();
        ok(format!(
            "<DescribeNetworkInterfacesResponse><networkInterfaceSet>{items}</networkInterfaceSet></DescribeNetworkInterfacesResponse>"
        ))
    }

    fn held_by(found: Reply, deletion: Reply) -> (Aws, Wire) {
        aws(&[
            ("Action=DeleteSecurityGroup&", Reply::Says(400, REFUSAL.into())),
            ("Action=DescribeNetworkInterfaces&", found),
            ("Action=DeleteNetworkInterface&", deletion),
        ])
    }

    async fn delete(aws: &Aws) -> Result<provider::Next> {
        let plain = json!({ "description": "Web", "name": "web" }).into();
        aws.delete(&at(SecurityGroup::TYPE), &Id("sg-2".into()), &plain, None).await
    }

    fn by(next: Result<provider::Next>) -> String {
        match next.unwrap() {
            provider::Next::Held(hold) => hold.by,
            next => panic!("{next:?}"),
        }
    }

    const LAMBDA: &str = "AWS Lambda VPC ENI-orders-1c7b";

    #[tokio::test(start_paused = true)]
    async fn a_group_that_interfaces_of_lambda_hold_waits_for_them_and_deletes_those_that_stay_detached() {
        let found = interfaces(&[
            ("eni-1", LAMBDA, "lambda", true, "in-use"),
            ("eni-2", LAMBDA, "lambda", false, "available"),
            ("eni-3", LAMBDA, "interface", true, "available"),
        ]);
        let (aws, wire) = held_by(found, ok("<DeleteNetworkInterfaceResponse/>"));
        let word = "held by the network interfaces `eni-1`, `eni-2`, `eni-3` of Lambda";
        assert_eq!(by(delete(&aws).await), word);
        tokio::time::sleep(std::time::Duration::from_secs(59)).await;
        assert_eq!(by(delete(&aws).await), word);
        assert!(wire.requests("Action=DeleteNetworkInterface&").is_empty(), "it may be on its way to be attached");
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(by(delete(&aws).await), word);
        let deleted = wire.requests("Action=DeleteNetworkInterface&");
        assert_eq!(deleted.len(), 2, "{deleted:#?}");
        assert!(["eni-2", "eni-3"].iter().all(|id| deleted.iter().any(|call| call.contains(id))), "{deleted:#?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_calls_itself_an_interface_of_lambda_is_not_deleted() {
        let found = interfaces(&[("eni-1", LAMBDA, "interface", false, "available")]);
        let (aws, wire) = held_by(found, ok("<DeleteNetworkInterfaceResponse/>"));
        for _ in 0..3 {
            let error = delete(&aws).await.unwrap_err();
            assert!(error.message.ends_with("it holds the network interface `eni-1`"), "{error}");
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        }
        assert!(wire.requests("Action=DeleteNetworkInterface&").is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_detached_interface_that_may_not_be_deleted_is_told_with_the_reason() {
        let found = interfaces(&[("eni-1", LAMBDA, "lambda", true, "available")]);
        let (aws, _) = held_by(found, Reply::Says(403, DENIAL.into()));
        assert!(!by(delete(&aws).await).contains("not to be deleted"));
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let word = by(delete(&aws).await);
        assert!(word.contains("detached and not to be deleted: You are not authorized"), "{word}");
    }

    #[tokio::test]
    async fn a_group_is_not_held_for_lambda_where_others_hold_it_too() {
        let lambda = ("eni-1", LAMBDA, "lambda", true, "in-use");
        let kind = async |other| {
            let (aws, _) = held_by(interfaces(&[lambda, other]), ok(""));
            let error = delete(&aws).await.unwrap_err();
            assert!(error.message.ends_with("it holds the network interface `eni-2`"), "{error}");
            assert!(error.hint.as_ref().unwrap().contains("describe-network-interfaces"), "{error:?}");
            error.kind
        };
        assert_eq!(
            kind(("eni-2", "ELB app/web/1", "interface", true, "in-use")).await,
            Kind::Busy,
            "it goes by itself"
        );
        assert_eq!(kind(("eni-2", "", "interface", false, "in-use")).await, Kind::Spreading, "somebody has to act");
    }

    #[tokio::test]
    async fn a_refusal_whose_reason_may_not_be_looked_for_says_so() {
        let (aws, _) = held_by(Reply::Says(403, DENIAL.into()), ok(""));
        let error = delete(&aws).await.unwrap_err();
        assert_eq!(error.kind, Kind::Busy);
        insta::assert_snapshot!(format!("{}\n{}", error.message, error.hint.unwrap_or_default()), @"
        resource sg-2 has a dependent object; what holds it cannot be looked for: You are not authorized to perform this operation.
        allow the IAM action `ec2:DescribeNetworkInterfaces`
        ");
    }

    #[tokio::test]
    async fn a_group_that_rules_of_others_name_is_refused_with_their_groups_and_not_tried_for_long() {
        let delete = async |groups: &str| {
            let found = format!(
                "<DescribeSecurityGroupsResponse><securityGroupInfo>{groups}</securityGroupInfo></DescribeSecurityGroupsResponse>"
            );
            let (aws, wire) = aws(&[
                ("Action=DeleteSecurityGroup&", Reply::Says(400, REFUSAL.into())),
                ("Action=DescribeNetworkInterfaces&", interfaces(&[])),
                ("Action=DescribeSecurityGroups&", ok(&found)),
            ]);
            let plain = json!({ "description": "Web", "name": "web" }).into();
            let error = aws.delete(&at(SecurityGroup::TYPE), &Id("sg-2".into()), &plain, None).await.unwrap_err();
            for side in ["ip-permission.group-id", "egress.ip-permission.group-id"] {
                assert_eq!(wire.requests(&format!("Filter.1.Name={side}&")).len(), 1, "{side}");
            }
            error
        };
        let own = delete("<item><groupId>sg-2</groupId></item>").await;
        assert_eq!(own.kind, Kind::Busy, "a network interface may go in a while: {own}");
        let named = delete("<item><groupId>sg-1</groupId></item><item><groupId>sg-2</groupId></item>").await;
        assert_eq!(named.kind, Kind::Spreading);
        insta::assert_snapshot!(format!("{named}\n{}", named.hint.as_deref().unwrap_or_default()), @"
        the security group cannot be deleted because rules of `sg-1` name it
        if others made those rules, `aws ec2 describe-security-group-rules` shows and `aws ec2 revoke-security-group-ingress` or `-egress` removes them; then run again
        ");
    }

    async fn update(wanted: serde_json::Value) -> (provider::Next, Wire) {
        let done = |action: &str| ok(format!("<{action}Response><return>true</return></{action}Response>"));
        let (aws, wire) = aws(&[
            ("Action=DescribeSecurityGroups", ok(REPLY)),
            ("Action=AuthorizeSecurityGroupIngress", done("AuthorizeSecurityGroupIngress")),
            ("Action=RevokeSecurityGroupIngress", done("RevokeSecurityGroupIngress")),
            ("Action=RevokeSecurityGroupEgress", done("RevokeSecurityGroupEgress")),
            ("Action=UpdateSecurityGroupRuleDescriptionsIngress", done("UpdateSecurityGroupRuleDescriptionsIngress")),
            ("Action=DeleteTags", done("DeleteTags")),
        ]);
        let Seen::Ready(live) = read(&aws, SecurityGroup::TYPE, "sg-1").await.unwrap() else { panic!() };
        let next = aws.update(&at(SecurityGroup::TYPE), &Id("sg-1".into()), &wanted.into(), &live).await.unwrap();
        (next, wire)
    }

    #[tokio::test]
    async fn the_default_outbound_rule_goes_and_then_its_mark() {
        let (next, wire) = update(json!({ "description": "Web", "name": "web", "tags": { "a": "b" } })).await;
        let provider::Next::Saw(live) = next else { panic!("{next:?}") };
        assert_eq!(live.inputs.get("keepDefaultEgress"), Some(&Value::Bool(false)));
        assert_eq!(live.inputs.get("egress"), Some(&Value::List(Vec::new())));
        let calls = wire.requests("");
        assert_eq!(calls.len(), 3, "{calls:#?}");
        assert!(calls[1].contains("RevokeSecurityGroupEgress") && calls[1].contains("0.0.0.0%2F0"), "{calls:#?}");
        assert!(!calls[1].contains("%3A%3A%2F0"), "a rule that is not there: {calls:#?}");
        assert!(calls[2].contains("DeleteTags") && calls[2].contains("default-egress"), "{calls:#?}");
    }

    #[tokio::test]
    async fn a_list_of_rules_allows_the_new_before_it_forbids_the_old() {
        let (next, wire) = update(json!({
            "description": "Web",
            "ingress": [
                { "protocol": "tcp", "fromPort": 443, "toPort": 443, "self": true },
                { "protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/16"], "description": "all" },
                { "protocol": "udp", "fromPort": 53, "toPort": 53, "securityGroups": ["999999999999/sg-3"] },
            ],
            "keepDefaultEgress": true,
            "name": "web",
            "tags": { "a": "b" },
        }))
        .await;
        assert!(matches!(next, provider::Next::Started));
        let calls = wire.requests("Ingress");
        assert_eq!(calls.len(), 3, "{calls:#?}");
        assert!(calls[0].contains("Authorize") && calls[0].contains("UserId=999999999999"), "{calls:#?}");
        assert!(!calls[0].contains("10.0.0.0"), "{calls:#?}");
        assert!(calls[1].contains("Descriptions") && calls[1].contains("Description=all"), "{calls:#?}");
        assert!(calls[2].contains("Revoke") && calls[2].contains("pl-1") && calls[2].contains("sg-2"), "{calls:#?}");
        assert!(!calls[2].contains("GroupId=sg-1&IpPermissions.1.Groups.1.GroupId=sg-1"), "{calls:#?}");
    }

    #[test]
    fn ports_with_all_protocols_are_refused() {
        let rule = json!({ "protocol": "-1", "fromPort": 0, "toPort": 65535, "cidrBlocks": ["0.0.0.0/0"] });
        let rule: InlineRule = serde_json::from_value(rule).unwrap();
        let error = grant::of(&[rule], &Id("sg-1".into())).unwrap_err();
        assert_eq!(error.message, "ports 0 to 65535 with protocol `-1`");
    }
}
