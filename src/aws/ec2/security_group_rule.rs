use std::fmt;
use std::marker::PhantomData;

use aws_sdk_ec2::types::{self as sdk, ResourceType};
use schemars::Schema;

use super::grant::group_name;
use super::joint::security_group_rules;
use super::security_group::{PROTOCOL, PROTOCOL_IN_WORDS};
use super::{filter, is_mine, mine, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, exactly_one, form, refers, replace};

/// A rule of a security group, for traffic in one direction.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, bound = "")]
#[schemars(bound = "D: Direction", transform = described::<D>)]
#[schemars(transform = exactly_one(SOURCES))]
pub struct SecurityGroupRule<D> {
    /// IPv4 range on the other side, for example `10.0.0.0/16`.
    #[schemars(transform = form(r"^\d+\.\d+\.\d+\.\d+/\d+$", "an IPv4 range such as `10.0.0.0/16`"))]
    pub cidr_ipv4: Option<String>,
    /// IPv6 range on the other side, for example `2001:db8::/56`.
    #[schemars(transform = form(r"^[0-9a-fA-F:.]+/\d+$", "an IPv6 range such as `2001:db8::/56`"))]
    pub cidr_ipv6: Option<String>,
    /// What the rule is for.
    pub description: Option<String>,
    /// First port; of ICMP the type. Left out with protocol `-1`.
    #[schemars(transform = computed)]
    pub from_port: Option<i32>,
    /// Protocol: `tcp`, `udp`, `icmp`, `icmpv6`, the number of another one, or `-1` for all.
    #[schemars(transform = form(PROTOCOL, PROTOCOL_IN_WORDS))]
    pub ip_protocol: String,
    /// Prefix list on the other side.
    pub prefix_list_id: Option<String>,
    /// Group whose members are on the other side; of another account as `ACCOUNT/ID`.
    #[schemars(transform = refers("aws:ec2/securityGroup:SecurityGroup.id"))]
    pub referenced_security_group_id: Option<String>,
    /// Group that the rule belongs to.
    #[schemars(transform = replace, transform = refers("aws:ec2/securityGroup:SecurityGroup.id"))]
    pub security_group_id: String,
    /// Tags of the rule.
    #[serde(default)]
    pub tags: Tags,
    /// Last port; of ICMP the code. Left out with protocol `-1`.
    #[schemars(transform = computed)]
    pub to_port: Option<i32>,
    #[serde(skip)]
    direction: PhantomData<D>,
}

const SOURCES: &[&str] = &["cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"];

/// What AWS decides about a rule.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupRuleOutputs {
    /// ARN of the rule.
    pub arn: String,
    /// Id of the rule.
    pub security_group_rule_id: String,
}

/// A rule that lets traffic into a security group.
pub type SecurityGroupIngressRule = SecurityGroupRule<Ingress>;

/// A rule that lets traffic out of a security group.
pub type SecurityGroupEgressRule = SecurityGroupRule<Egress>;

/// What the directions of traffic do not share.
pub trait Direction: fmt::Debug + Clone + Send + Sync + 'static {
    const TYPE: &'static str;
    const DESCRIPTION: &'static str;
    const EGRESS: bool;
    const CREATE: &'static [&'static str];
    const DELETE: &'static [&'static str];

    /// Adds a rule to a group. The answer holds it.
    fn authorize(
        group: &str,
        rule: sdk::IpPermission,
        tags: sdk::TagSpecification,
        cx: &Cx,
    ) -> impl Future<Output = Result<Option<Vec<sdk::SecurityGroupRule>>>> + Send;

    fn revoke(group: &str, id: &Id, cx: &Cx) -> impl Future<Output = Result<()>> + Send;
}

/// Into the group.
#[derive(Debug, Clone)]
pub enum Ingress {}

impl Direction for Ingress {
    const TYPE: &'static str = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
    const DESCRIPTION: &'static str = "A rule that lets traffic into a security group.";
    const EGRESS: bool = false;
    const CREATE: &'static [&'static str] = &["ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags"];
    const DELETE: &'static [&'static str] = &["ec2:RevokeSecurityGroupIngress"];

    async fn authorize(
        group: &str,
        rule: sdk::IpPermission,
        tags: sdk::TagSpecification,
        cx: &Cx,
    ) -> Result<Option<Vec<sdk::SecurityGroupRule>>> {
        let call = cx.ec2().authorize_security_group_ingress().group_id(group);
        Ok(call.ip_permissions(rule).tag_specifications(tags).send().await?.security_group_rules)
    }

    async fn revoke(group: &str, id: &Id, cx: &Cx) -> Result<()> {
        let call = cx.ec2().revoke_security_group_ingress().group_id(group);
        call.security_group_rule_ids(&id.0).send().await.or_none()?;
        Ok(())
    }
}

/// Out of the group.
#[derive(Debug, Clone)]
pub enum Egress {}

impl Direction for Egress {
    const TYPE: &'static str = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule";
    const DESCRIPTION: &'static str = "A rule that lets traffic out of a security group.";
    const EGRESS: bool = true;
    const CREATE: &'static [&'static str] = &["ec2:AuthorizeSecurityGroupEgress", "ec2:CreateTags"];
    const DELETE: &'static [&'static str] = &["ec2:RevokeSecurityGroupEgress"];

    async fn authorize(
        group: &str,
        rule: sdk::IpPermission,
        tags: sdk::TagSpecification,
        cx: &Cx,
    ) -> Result<Option<Vec<sdk::SecurityGroupRule>>> {
        let call = cx.ec2().authorize_security_group_egress().group_id(group);
        Ok(call.ip_permissions(rule).tag_specifications(tags).send().await?.security_group_rules)
    }

    async fn revoke(group: &str, id: &Id, cx: &Cx) -> Result<()> {
        let call = cx.ec2().revoke_security_group_egress().group_id(group);
        call.security_group_rule_ids(&id.0).send().await.or_none()?;
        Ok(())
    }
}

fn described<D: Direction>(s: &mut Schema) {
    s.insert("description".into(), D::DESCRIPTION.into());
}

impl<D: Direction> Resource for SecurityGroupRule<D> {
    const TYPE: &'static str = D::TYPE;
    const FACTS: Facts = Facts {
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: D::CREATE,
            read: &["ec2:DescribeSecurityGroupRules"],
            update: &["ec2:CreateTags", "ec2:DeleteTags", "ec2:ModifySecurityGroupRules"],
            delete: D::DELETE,
        },
        acts_on: &[
            "ec2:{region}:*:security-group-rule/*",
            "ec2:{region}:*:security-group/*",
            "ec2:{region}:*:prefix-list/*",
        ],
        import: "id of the rule, `sgr-0123456789abcdef0`",
        ..Facts::new(IdForm::Random("sgr-", 17), FoundBy::OwnerTag)
    };
    type Outputs = SecurityGroupRuleOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let tags = tagged(ResourceType::SecurityGroupRule, &cx.tags(&self.tags));
        let made = D::authorize(&self.security_group_id, self.permission(), tags, cx).await?;
        let (id, seen) = seen(need("SecurityGroupRules", made.into_iter().flatten().next())?, cx)?;
        Ok(Made::seen(id, seen))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let rules = security_group_rules(ids, cx).await?;
        let rules = rules.into_iter().filter(|rule| rule.is_egress == Some(D::EGRESS));
        in_order(ids, rules.map(|rule| seen(rule, cx)))
    }

    async fn update(&self, id: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let group = self.referenced_security_group_id.as_ref();
        // Unlike a create, a change wants ports even where they mean nothing.
        let no_port = (self.ip_protocol == "-1").then_some(-1);
        let rule = sdk::SecurityGroupRuleRequest::builder()
            .set_cidr_ipv4(self.cidr_ipv4.clone())
            .set_cidr_ipv6(self.cidr_ipv6.clone())
            .set_description(self.description.clone())
            .set_from_port(self.from_port.or(no_port))
            .ip_protocol(&self.ip_protocol)
            .set_prefix_list_id(self.prefix_list_id.clone())
            .set_referenced_group_id(group.map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()))
            .set_to_port(self.to_port.or(no_port))
            .build();
        let change = sdk::SecurityGroupRuleUpdate::builder().security_group_rule(rule).security_group_rule_id(&id.0);
        let call = cx.ec2().modify_security_group_rules().group_id(&self.security_group_id);
        call.security_group_rules(change.build()).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        D::revoke(&self.security_group_id, id, cx).await?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let in_group = filter("group-id", [self.security_group_id.clone()]);
        let calls = cx.ec2().describe_security_group_rules().filters(in_group).filters(mine(cx));
        let rules = calls.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
        let rules = rules.into_iter().filter(|rule| rule.is_egress == Some(D::EGRESS) && is_mine(rule.tags(), cx));
        rules.map(|rule| Ok(Id(need("SecurityGroupRuleId", rule.security_group_rule_id)?))).collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", super::arn(at, "security-group-rule")), ("securityGroupRuleId", at.id())]
    }

    /// AWS changes a range into another range, but never into a group or a list.
    fn replaces(live: &Value, wanted: &Value) -> Vec<&'static str> {
        let given = |v: &Value, name: &str| v.get(name).is_some_and(|v| !v.is_null());
        SOURCES.iter().copied().filter(|name| given(live, name) != given(wanted, name)).collect()
    }
}

impl<D: Direction> SecurityGroupRule<D> {
    fn permission(&self) -> sdk::IpPermission {
        let rule = sdk::IpPermission::builder()
            .set_from_port(self.from_port)
            .ip_protocol(&self.ip_protocol)
            .set_to_port(self.to_port);
        let text = &self.description;
        let rule = match &self.cidr_ipv4 {
            Some(cidr) => rule.ip_ranges(sdk::IpRange::builder().cidr_ip(cidr).set_description(text.clone()).build()),
            None => rule,
        };
        let rule = match &self.cidr_ipv6 {
            Some(cidr) => {
                rule.ipv6_ranges(sdk::Ipv6Range::builder().cidr_ipv6(cidr).set_description(text.clone()).build())
            }
            None => rule,
        };
        let rule = match &self.prefix_list_id {
            Some(id) => {
                let list = sdk::PrefixListId::builder().prefix_list_id(id).set_description(text.clone());
                rule.prefix_list_ids(list.build())
            }
            None => rule,
        };
        match &self.referenced_security_group_id {
            Some(name) => {
                let (account, id) = match name.split_once('/') {
                    Some((account, id)) => (Some(account.to_owned()), id),
                    None => (None, name.as_str()),
                };
                let group = sdk::UserIdGroupPair::builder().set_user_id(account).group_id(id);
                rule.user_id_group_pairs(group.set_description(text.clone()).build())
            }
            None => rule,
        }
        .build()
    }
}

fn seen<D: Direction>(r: sdk::SecurityGroupRule, cx: &Cx) -> Result<(String, Seen<Live<SecurityGroupRule<D>>>)> {
    let id = need("SecurityGroupRuleId", r.security_group_rule_id)?;
    let owner = r.group_owner_id.unwrap_or_else(|| cx.account().to_owned());
    let group = r.referenced_group_info.and_then(|g| Some(group_name(g.group_id?, g.user_id, &owner)));
    let inputs = SecurityGroupRule {
        cidr_ipv4: r.cidr_ipv4,
        cidr_ipv6: r.cidr_ipv6,
        description: r.description.filter(|text| !text.is_empty()),
        from_port: r.from_port,
        ip_protocol: need("IpProtocol", r.ip_protocol)?,
        prefix_list_id: r.prefix_list_id,
        referenced_security_group_id: group,
        security_group_id: need("GroupId", r.group_id)?,
        tags: tags_from(r.tags),
        to_port: r.to_port,
        direction: PhantomData,
    };
    let arn = cx.arn("ec2", &format!("security-group-rule/{id}"));
    let outputs = SecurityGroupRuleOutputs { arn, security_group_rule_id: id.clone() };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, read, reads_back};
    use crate::engine::provider::Provider;

    fn item(egress: bool, source: &str) -> String {
        format!(
            "<item><securityGroupRuleId>sgr-1</securityGroupRuleId><groupId>sg-1</groupId>\
             <groupOwnerId>123456789012</groupOwnerId><isEgress>{egress}</isEgress><ipProtocol>tcp</ipProtocol>\
             <fromPort>5432</fromPort><toPort>5433</toPort>{source}<description>db</description><tagSet><item>\
             <key>a</key><value>b</value></item></tagSet></item>"
        )
    }

    fn reply(egress: bool, source: &str) -> crate::aws::wire::Reply {
        ok(format!(
            "<DescribeSecurityGroupRulesResponse><securityGroupRuleSet>{}</securityGroupRuleSet>\
             </DescribeSecurityGroupRulesResponse>",
            item(egress, source)
        ))
    }

    const ALL_SOURCES: &str = "<cidrIpv4>10.0.0.0/16</cidrIpv4><cidrIpv6>2001:db8::/56</cidrIpv6>\
        <prefixListId>pl-1</prefixListId><referencedGroupInfo><groupId>sg-2</groupId>\
        <userId>999999999999</userId></referencedGroupInfo>";

    #[tokio::test]
    async fn read_gives_back_every_input_in_both_directions() {
        let inputs = json!({
            "cidrIpv4": "10.0.0.0/16",
            "cidrIpv6": "2001:db8::/56",
            "description": "db",
            "fromPort": 5432,
            "ipProtocol": "tcp",
            "prefixListId": "pl-1",
            "referencedSecurityGroupId": "999999999999/sg-2",
            "securityGroupId": "sg-1",
            "tags": { "a": "b" },
            "toPort": 5433,
        });
        for (ty, egress) in [(SecurityGroupIngressRule::TYPE, false), (SecurityGroupEgressRule::TYPE, true)] {
            let replies = [("Action=DescribeSecurityGroupRules", reply(egress, ALL_SOURCES))];
            let live = reads_back(ty, "sgr-1", &replies, &[], inputs.clone()).await;
            let arn = live.outputs.get("arn").and_then(Value::as_str);
            assert_eq!(arn, Some("arn:aws:ec2:eu-west-1:123456789012:security-group-rule/sgr-1"));
        }
    }

    #[tokio::test]
    async fn a_rule_of_the_other_direction_is_not_this_one() {
        let (aws, _) = aws(&[("Action=DescribeSecurityGroupRules", reply(true, ""))]);
        assert_eq!(read(&aws, SecurityGroupIngressRule::TYPE, "sgr-1").await.unwrap(), Seen::Gone);
    }

    #[tokio::test]
    async fn the_answer_of_a_create_shows_the_rule() {
        let answer = format!(
            "<AuthorizeSecurityGroupIngressResponse><return>true</return><securityGroupRuleSet>{}\
             </securityGroupRuleSet></AuthorizeSecurityGroupIngressResponse>",
            item(false, "<cidrIpv4>10.0.0.0/16</cidrIpv4>")
        );
        let (aws, wire) = aws(&[("Action=AuthorizeSecurityGroupIngress", ok(answer))]);
        let inputs = json!({ "cidrIpv4": "10.0.0.0/16", "ipProtocol": "tcp", "fromPort": 5432, "toPort": 5433,
            "securityGroupId": "sg-1", "description": "db", "tags": { "a": "b" } });
        let inputs = Value::from(inputs);
        let made = aws.create(&at(SecurityGroupIngressRule::TYPE), &inputs).await.unwrap();
        assert!(matches!(made.seen, Some(Seen::Ready(live)) if live.inputs == inputs));
        assert_eq!(wire.requests("").len(), 1);
        assert!(wire.requests("IpRanges.1.CidrIp=10.0.0.0").len() == 1, "{:?}", wire.requests(""));
    }

    #[test]
    fn another_kind_of_source_replaces_and_another_range_does_not() {
        let ipv4 = |cidr: &str| Value::from(json!({ "cidrIpv4": cidr }));
        let group = Value::from(json!({ "referencedSecurityGroupId": "sg-2" }));
        let replaces = SecurityGroupIngressRule::replaces;
        assert!(replaces(&ipv4("10.0.0.0/16"), &ipv4("10.1.0.0/16")).is_empty());
        assert_eq!(replaces(&ipv4("10.0.0.0/16"), &group), ["cidrIpv4", "referencedSecurityGroupId"]);
    }
}
