use std::collections::BTreeMap;

use aws_sdk_eventbridge::operation::describe_rule::DescribeRuleOutput;
use aws_sdk_eventbridge::types::{self as sdk, RuleState, Tag};

use super::{DEFAULT_BUS, built, bus_of, default_bus, on_bus};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{
    alike, at_least_one, auto_name, before_delete, forced, one_of, refers, replace, write_only,
};

/// A rule that passes events on to its targets, when they match or when it is time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = at_least_one(&["eventPattern", "scheduleExpression"]))]
pub struct EventRule {
    /// Description for people.
    #[schemars(length(max = 512))]
    pub description: Option<String>,
    /// Name or ARN of the bus. Only the default bus knows schedules.
    #[schemars(transform = replace, transform = alike(Alike::Arn))]
    #[serde(default = "default_bus")]
    pub event_bus_name: String,
    /// What an event must hold.
    pub event_pattern: Option<Document>,
    /// Whether a rule that an AWS service has made may be deleted.
    #[schemars(transform = write_only, transform = forced)]
    pub force_destroy: Option<bool>,
    /// Name, unique on the bus.
    #[schemars(transform = replace, transform = auto_name(64), length(min = 1, max = 64))]
    pub name: String,
    /// Role by which targets are called.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: Option<String>,
    /// When it is time, for example `rate(1 minute)` or `cron(0 12 * * ? *)`. A minute is the
    /// shortest rate.
    #[schemars(length(max = 256))]
    pub schedule_expression: Option<String>,
    /// Whether the rule is on. A destroy turns rules off before anything else goes, so that
    /// nothing is started that no longer finds what it needs.
    #[schemars(transform = one_of(&["DISABLED", "ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"]))]
    #[schemars(transform = before_delete("disable", "DISABLED".into()))]
    #[serde(default = "enabled")]
    pub state: String,
    /// Tags of the rule.
    #[serde(default)]
    pub tags: Tags,
}

fn enabled() -> String {
    "ENABLED".to_owned()
}

/// What AWS decides about a rule.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventRuleOutputs {
    /// ARN of the rule.
    pub arn: String,
}

impl Resource for EventRule {
    const TYPE: &'static str = "aws:cloudwatch/eventRule:EventRule";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&[]),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["events:DescribeRule", "events:PutRule", "events:TagResource", "iam:PassRole"],
            read: &["events:DescribeRule", "events:ListRules", "events:ListTagsForResource"],
            update: &["events:PutRule", "events:TagResource", "events:UntagResource", "iam:PassRole"],
            delete: &["events:DeleteRule"],
        },
        acts_on: &["events:{region}:*:rule/{name}", "events:{region}:*:rule/*/{name}"],
        passes_roles_to: &["events"],
        import: "name of the rule, after that of its bus and a slash if it is not on the default one: `bus/rule`",
        ..Facts::new(IdForm::Joined(&["eventBusName", "name"], "/"), FoundBy::Name)
    };
    type Outputs = EventRuleOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let tags = cx.tags(&self.tags);
        let tags = tags.iter().map(|(k, v)| built(Tag::builder().key(k).value(v).build()));
        self.put(Some(tags.collect::<Result<_>>()?), cx).await?;
        Ok(Made::id(on_bus(&self.event_bus_name, &self.name)))
    }

    /// The list of a bus tells all about its rules, so only a single one is described.
    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let mut buses: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (bus, name) in ids.iter().map(|id| bus_of(&id.0)) {
            buses.entry(bus).or_default().push(name);
        }
        let mut rules = Vec::with_capacity(ids.len());
        for (bus, names) in buses {
            let found = match names[..] {
                [name] => described(bus, name, cx).await?.into_iter().collect(),
                _ => listed(bus, &names, cx).await?,
            };
            rules.extend(found.into_iter().map(|rule| (bus, rule)));
        }
        let arns = rules.iter().map(|(_, r)| Ok(Id(need("Arn", r.arn.clone())?))).collect::<Result<Vec<_>>>()?;
        let tags = match want.has("tags") {
            true => each(&arns, async |arn| tags_of(&arn.0, cx).await).await?,
            false => vec![Tags::new(); arns.len()],
        };
        in_order(ids, rules.into_iter().zip(tags).map(|((bus, rule), tags)| seen(bus, rule, tags)))
    }

    /// A call takes all of a rule but its tags.
    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put(None, cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (bus, name) = bus_of(&id.0);
        let delete = cx.eventbridge().delete_rule().event_bus_name(bus).name(name);
        match delete.force(self.force_destroy == Some(true)).send().await.or_none() {
            Err(e) if Fact::HasTargets.is_said_by(&e) => Ok(Next::Waits("the targets of the rule to go".into())),
            done => done.map(|_| Next::Gone),
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let rule = described(&self.event_bus_name, &self.name, cx).await?;
        Ok(rule.map(|_| Id(on_bus(&self.event_bus_name, &self.name))).into_iter().collect())
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        let arn = &live.outputs.arn;
        if !tags.unset.is_empty() {
            let untag = cx.eventbridge().untag_resource().resource_arn(arn);
            untag.set_tag_keys(Some(tags.unset.clone())).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tags.set.iter().map(|(k, v)| built(Tag::builder().key(k).value(v).build()));
            let tag = cx.eventbridge().tag_resource().resource_arn(arn);
            tag.set_tags(Some(set.collect::<Result<_>>()?)).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let text = |name: &str| inputs.get(name).map(Value::bare);
        let arn = match (text("eventBusName"), text("name").and_then(Value::as_str)) {
            (None | Some(Value::Null), Some(name)) => at.arn("events", &format!("rule/{name}")),
            (Some(Value::String(bus)), Some(name)) if !bus.starts_with("arn:") => {
                at.arn("events", &format!("rule/{}", on_bus(bus, name)))
            }
            _ => Value::Unknown,
        };
        vec![("arn", arn)]
    }
}

impl EventRule {
    async fn put(&self, tags: Option<Vec<Tag>>, cx: &Cx) -> Result<()> {
        cx.eventbridge()
            .put_rule()
            .set_description(self.description.clone())
            .event_bus_name(&self.event_bus_name)
            .set_event_pattern(self.event_pattern.as_ref().map(|p| p.as_str().to_owned()))
            .name(&self.name)
            .set_role_arn(self.role_arn.clone())
            .set_schedule_expression(self.schedule_expression.clone())
            .state(RuleState::from(self.state.as_str()))
            .set_tags(tags)
            .send()
            .await?;
        Ok(())
    }
}

async fn described(bus: &str, name: &str, cx: &Cx) -> Result<Option<sdk::Rule>> {
    let reply = cx.eventbridge().describe_rule().event_bus_name(bus).name(name).send().await.or_none()?;
    Ok(reply.map(rule))
}

fn rule(r: DescribeRuleOutput) -> sdk::Rule {
    sdk::Rule::builder()
        .set_arn(r.arn)
        .set_description(r.description)
        .set_event_bus_name(r.event_bus_name)
        .set_event_pattern(r.event_pattern)
        .set_managed_by(r.managed_by)
        .set_name(r.name)
        .set_role_arn(r.role_arn)
        .set_schedule_expression(r.schedule_expression)
        .set_state(r.state)
        .build()
}

async fn listed(bus: &str, names: &[&str], cx: &Cx) -> Result<Vec<sdk::Rule>> {
    let (mut rules, mut next) = (Vec::with_capacity(names.len()), None);
    loop {
        let list = cx.eventbridge().list_rules().event_bus_name(bus).set_next_token(next);
        let Some(page) = list.send().await.or_none()? else { return Ok(rules) };
        let ours = |r: &sdk::Rule| r.name.as_deref().is_some_and(|name| names.contains(&name));
        rules.extend(page.rules.unwrap_or_default().into_iter().filter(ours));
        next = page.next_token;
        if next.is_none() || rules.len() == names.len() {
            return Ok(rules);
        }
    }
}

async fn tags_of(arn: &str, cx: &Cx) -> Result<Tags> {
    let reply = cx.eventbridge().list_tags_for_resource().resource_arn(arn).send().await.or_none()?;
    Ok(reply.and_then(|reply| reply.tags).into_iter().flatten().map(|t| (t.key, t.value)).collect())
}

/// The bus as the id names it: a program may give its name or its ARN.
fn seen(bus: &str, r: sdk::Rule, tags: Tags) -> Result<(String, Seen<Live<EventRule>>)> {
    let name = need("Name", r.name)?;
    let id = if bus == DEFAULT_BUS { name.clone() } else { format!("{bus}/{name}") };
    let inputs = EventRule {
        description: r.description.filter(|d| !d.is_empty()),
        event_bus_name: bus.to_owned(),
        event_pattern: r.event_pattern.map(Document::new),
        force_destroy: None,
        name,
        role_arn: r.role_arn,
        schedule_expression: r.schedule_expression.filter(|s| !s.is_empty()),
        state: need("State", r.state)?.as_str().to_owned(),
        tags,
    };
    Ok((id, Seen::Ready(Live { inputs, outputs: EventRuleOutputs { arn: need("Arn", r.arn)? } })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const TYPE: &str = EventRule::TYPE;
    const RULE: &str = r#"{"Name":"probe","Arn":"arn:aws:events:eu-west-1:123456789012:rule/bus/probe",
        "EventPattern":"{\"source\":[\"aws.rds\"]}","ScheduleExpression":"rate(1 minute)","State":"DISABLED",
        "Description":"d","RoleArn":"arn:r","EventBusName":"bus"}"#;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "description": "d",
            "eventBusName": "bus",
            "eventPattern": "{\"source\":[\"aws.rds\"]}",
            "name": "probe",
            "roleArn": "arn:r",
            "scheduleExpression": "rate(1 minute)",
            "state": "DISABLED",
            "tags": { "a": "b" },
        });
        let tags = r#"{"Tags":[{"Key":"a","Value":"b"}]}"#;
        let replies = [("DescribeRule", ok(RULE)), ("ListTagsForResource", ok(tags))];
        reads_back(TYPE, "bus/probe", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn a_bus_is_listed_once_for_all_its_rules() {
        let (aws, wire) = aws(&[("ListRules", ok(format!("{{\"Rules\":[{RULE}]}}")))]);
        let ids = ["bus/other", "bus/probe"].map(|id| Id(id.into()));
        let seen = aws.read(&at(TYPE).kind, &ids, &Want::Only(Default::default())).await.unwrap();
        assert!(matches!(seen[..], [Seen::Gone, Seen::Ready(_)]), "{seen:?}");
        assert_eq!(wire.requests("AWSEvents").len(), 1);
    }

    #[tokio::test]
    async fn a_rule_waits_for_its_targets_to_go() {
        let refusal = r#"{"__type":"ValidationException","message":"Rule can't be deleted since it has targets."}"#;
        let (aws, _) = aws(&[("DeleteRule", Reply::Says(400, refusal.into()))]);
        let applied = json!({ "name": "probe", "scheduleExpression": "rate(1 minute)" }).into();
        let next = aws.delete(&at(TYPE), &Id("probe".into()), &applied, None).await.unwrap();
        assert!(matches!(next, provider::Next::Waits(_)), "{next:?}");
    }

    #[tokio::test]
    async fn the_id_says_the_bus_only_if_it_is_not_the_default_one() {
        let (aws, _) = aws(&[("PutRule", ok("{}"))]);
        let schema = crate::aws::catalog().find(TYPE).unwrap();
        for (bus, id) in [("default", "probe"), ("bus", "bus/probe")] {
            let inputs = json!({ "name": "probe", "scheduleExpression": "rate(1 minute)", "eventBusName": bus }).into();
            assert_eq!(aws.create(&at(TYPE), &inputs).await.unwrap().id.0, id);
            assert_eq!(schema.predicted_id(&inputs).unwrap().0, id);
        }
    }
}
