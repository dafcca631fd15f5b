use std::collections::HashMap;

use aws_sdk_ssm::types::{
    self as sdk, ParameterStringFilter, ParameterTier, ParameterType, ResourceTypeForTagging, Tag,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use futures::try_join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::error::OrNone;
use crate::aws::{Cx, Tags, each, tags};
use crate::engine::alike::Alike;
use crate::engine::error::{Error, Result, need};
use crate::engine::resource::{
    Existing, Facts, FoundBy, IdForm, Limits, Live, Made, Next, Permissions, Resource, Retag, Seen, Takes, Want, Where,
    WithInput,
};
use crate::engine::rules::{alike, auto_name, computed, exactly_one, moves, one_of, refers, replace, write_only};
use crate::engine::secret::Secret;
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// Most names that GetParameters takes.
const MOST_VALUES: usize = 10;
/// Most values that a filter of DescribeParameters takes.
const MOST_FILTERED: usize = 50;
/// Batches in flight at once.
const AT_ONCE: usize = 4;

/// A setting with a name, plain or encrypted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["insecureValue", "value"]))]
pub struct Parameter {
    /// Regular expression that values must match.
    #[schemars(length(max = 1024))]
    pub allowed_pattern: Option<String>,
    /// What the value is, so that AWS can check it.
    #[schemars(transform = computed, transform = one_of(&["text", "aws:ec2:image", "aws:ssm:integration"]))]
    pub data_type: Option<String>,
    /// Purpose of the parameter.
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// Value of a parameter that is not a `SecureString`. It is as good as `value` and hidden alike,
    /// because AWS shows both as one.
    #[schemars(transform = computed)]
    pub insecure_value: Option<Secret<String>>,
    /// Key that encrypts a `SecureString`. AWS takes its own `alias/aws/ssm`.
    #[schemars(transform = computed, transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.keyId"))]
    pub key_id: Option<String>,
    /// Name of the parameter, unique in the region; `/` makes a hierarchy.
    #[schemars(transform = replace, transform = auto_name(255), length(min = 1, max = 2048))]
    pub name: String,
    /// Whether the first `up` may take over a parameter of that name.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub overwrite: bool,
    /// Tags of the parameter.
    #[serde(default)]
    pub tags: Tags,
    /// What the parameter may hold and costs. An advanced one never becomes a standard one.
    #[schemars(transform = write_only, transform = one_of(&["Standard", "Advanced", "Intelligent-Tiering"]))]
    #[serde(default = "standard")]
    pub tier: String,
    /// Kind of the value.
    #[schemars(transform = one_of(&["String", "StringList", "SecureString"]))]
    pub r#type: String,
    /// Value, which nobody gets to see.
    #[schemars(transform = computed)]
    pub value: Option<Secret<String>>,
}

fn standard() -> String {
    "Standard".to_owned()
}

/// What AWS decides about a parameter.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParameterOutputs {
    /// ARN of the parameter.
    pub arn: String,
    /// How often the parameter was written.
    #[schemars(range(min = 1), transform = moves)]
    pub version: i64,
}

impl Resource for Parameter {
    const TYPE: &'static str = "aws:ssm/parameter:Parameter";
    const FACTS: Facts = Facts {
        existing: Existing::RefusedUnless("overwrite"),
        limits: Limits::minutes(5, 5, 5),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["ssm:AddTagsToResource", "ssm:PutParameter"],
            read: &["ssm:DescribeParameters", "ssm:GetParameters", "ssm:ListTagsForResource"],
            update: &["ssm:AddTagsToResource", "ssm:PutParameter", "ssm:RemoveTagsFromResource"],
            delete: &["ssm:DeleteParameter"],
        },
        // A value of the tier `Advanced` has a data key of its own.
        permissions_with: &[WithInput::on("keyId", &["kms:Decrypt"], &["kms:Encrypt", "kms:GenerateDataKey"])],
        acts_on: &["{arn}"],
        import: "name of the parameter",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = ParameterOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        // AWS takes no tags together with the right to overwrite.
        let tags = if self.overwrite { None } else { tagged(&cx.tags(&self.tags))? };
        self.put(cx).overwrite(self.overwrite).set_tags(tags).send().await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let (values, mut settings, mut tags) = try_join!(values_of(ids, cx), settings_of(ids, cx), async {
            if want.has("tags") { all_tags(ids, cx).await } else { Ok(HashMap::new()) }
        },)?;
        let mut seen = |id: &Id, value: Option<&sdk::Parameter>| {
            let (Some(value), Some(settings)) = (value, settings.remove(&id.0)) else { return Ok(Seen::Gone) };
            live(value, settings, tags.remove(&id.0).unwrap_or_default()).map(Seen::Ready)
        };
        ids.iter().map(|id| seen(id, values.get(&id.0))).collect()
    }

    /// Each change is a new version with everything in it.
    async fn update(&self, _: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        let removed =
            |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.as_ref().map(|_| String::new()));
        self.put(cx)
            .overwrite(true)
            .set_allowed_pattern(removed(&self.allowed_pattern, &old.allowed_pattern))
            .set_description(removed(&self.description, &old.description))
            .send()
            .await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.ssm().delete_parameter().name(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        if self.overwrite {
            // Writing it again does no harm, and it carries no mark.
            return Ok(Vec::new());
        }
        let id = Id(self.name.clone());
        let tags = tags_of(&id, cx).await.or_none()?.unwrap_or_default();
        let mine = tags.get(tags::ATTEMPT).is_some_and(|a| a == cx.token());
        Ok(mine.then_some(id).into_iter().collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        if !tags.unset.is_empty() {
            let remove = cx.ssm().remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
            remove.resource_id(&id.0).set_tag_keys(Some(tags.unset.clone())).send().await?;
        }
        if !tags.set.is_empty() {
            let add = cx.ssm().add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
            let set = tagged(tags.set.iter().map(|(k, v)| (k, v)))?;
            add.resource_id(&id.0).set_tags(set).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let arn = match inputs.get("name").and_then(Value::as_str) {
            Some(name) => at.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/'))),
            None => Value::Unknown,
        };
        vec![("arn", arn)]
    }

    fn replaces(live: &Value, wanted: &Value) -> Vec<&'static str> {
        let is = |inputs: &Value, tier| inputs.get("tier").and_then(Value::as_str) == Some(tier);
        let to_standard = is(wanted, "Standard") || wanted.get("tier").is_none_or(Value::is_null);
        if is(live, "Advanced") && to_standard { vec!["tier"] } else { Vec::new() }
    }
}

impl Parameter {
    fn put(&self, cx: &Cx) -> aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder {
        let text = self.value.as_ref().or(self.insecure_value.as_ref());
        cx.ssm()
            .put_parameter()
            .set_allowed_pattern(self.allowed_pattern.clone())
            .set_data_type(self.data_type.clone())
            .set_description(self.description.clone())
            .set_key_id(self.key_id.clone())
            .name(&self.name)
            .tier(ParameterTier::from(self.tier.as_str()))
            .r#type(ParameterType::from(self.r#type.as_str()))
            .set_value(text.map(|text| text.reveal().clone()))
    }
}

fn tagged<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<Option<Vec<Tag>>> {
    let tags = tags.into_iter().map(|(k, v)| Ok(Tag::builder().key(k).value(v).build()?));
    tags.collect::<Result<_>>().map(Some)
}

async fn tags_of(id: &Id, cx: &Cx) -> Result<Tags> {
    let list = cx.ssm().list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
    let tags = list.resource_id(&id.0).send().await?.tag_list.unwrap_or_default();
    Ok(tags.into_iter().map(|t| (t.key, t.value)).collect())
}

async fn all_tags(ids: &[Id], cx: &Cx) -> Result<HashMap<String, Tags>> {
    let tags = each(ids, |id| async move {
        let tags = tags_of(&id, cx).await.or_none()?;
        Ok((id.0, tags.unwrap_or_default()))
    });
    Ok(tags.await?.into_iter().collect())
}

/// The names in lists of at most that many.
fn batches(ids: &[Id], most: usize) -> impl Iterator<Item = Vec<String>> {
    let lists: Vec<_> = ids.chunks(most).map(|batch| batch.iter().map(|id| id.0.clone()).collect()).collect();
    lists.into_iter()
}

async fn values_of(ids: &[Id], cx: &Cx) -> Result<HashMap<String, sdk::Parameter>> {
    let batches = batches(ids, MOST_VALUES).map(|names| async move {
        let reply = cx.ssm().get_parameters().set_names(Some(names)).with_decryption(true).send().await?;
        Ok::<_, Error>(reply.parameters.unwrap_or_default())
    });
    let all: Vec<Vec<sdk::Parameter>> = stream::iter(batches).buffered(AT_ONCE).try_collect().await?;
    all.into_iter().flatten().map(|p| Ok((need("Name", p.name.clone())?, p))).collect()
}

async fn settings_of(ids: &[Id], cx: &Cx) -> Result<HashMap<String, sdk::ParameterMetadata>> {
    let batches = batches(ids, MOST_FILTERED).map(|names| async move {
        let filter = ParameterStringFilter::builder().key("Name").option("Equals").set_values(Some(names)).build()?;
        let pages = cx.ssm().describe_parameters().parameter_filters(filter).into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await?;
        Ok::<_, Error>(pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default()).collect())
    });
    let all: Vec<Vec<sdk::ParameterMetadata>> = stream::iter(batches).buffered(AT_ONCE).try_collect().await?;
    all.into_iter().flatten().map(|p| Ok((need("Name", p.name.clone())?, p))).collect()
}

fn live(value: &sdk::Parameter, settings: sdk::ParameterMetadata, tags: Tags) -> Result<Live<Parameter>> {
    let kind = need("Type", settings.r#type)?;
    let text = Secret::new(need("Value", value.value.clone())?);
    let inputs = Parameter {
        allowed_pattern: settings.allowed_pattern.filter(|p| !p.is_empty()),
        data_type: settings.data_type,
        description: settings.description.filter(|d| !d.is_empty()),
        insecure_value: (kind != ParameterType::SecureString).then(|| text.clone()),
        key_id: settings.key_id,
        name: need("Name", settings.name)?,
        overwrite: false,
        tags,
        tier: need("Tier", settings.tier)?.as_str().to_owned(),
        r#type: kind.as_str().to_owned(),
        value: Some(text),
    };
    Ok(Live { inputs, outputs: ParameterOutputs { arn: need("ARN", value.arn.clone())?, version: value.version } })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok};
    use crate::engine::provider::{self, Provider};

    fn value(name: &str, text: &str) -> Json {
        let arn = format!("arn:aws:ssm:eu-west-1:123456789012:parameter/{name}");
        json!({ "Name": name, "ARN": arn, "Value": text, "Version": 3 })
    }

    fn settings(name: &str, kind: &str) -> Json {
        json!({
            "Name": name, "Type": kind, "Tier": "Advanced", "DataType": "text", "Description": "d",
            "AllowedPattern": ".*", "KeyId": "alias/k", "Version": 3,
        })
    }

    fn replies(names: &[&str], kind: &str) -> [(&'static str, Reply); 3] {
        let values: Vec<_> = names.iter().map(|n| value(n, n)).collect();
        let all: Vec<_> = names.iter().map(|n| settings(n, kind)).collect();
        [
            ("GetParameters", ok(json!({ "Parameters": values }).to_string())),
            ("DescribeParameters", ok(json!({ "Parameters": all }).to_string())),
            ("ListTagsForResource", ok(r#"{"TagList":[{"Key":"a","Value":"b"}]}"#)),
        ]
    }

    #[tokio::test]
    async fn read_gives_back_every_input_and_hides_the_value() {
        let (aws, _) = aws(&replies(&["p"], "String"));
        let seen = aws.read(&at(Parameter::TYPE).kind, &[Id("p".into())], &Want::All).await.unwrap();
        let Seen::Ready(live) = &seen[0] else { panic!("{seen:?}") };
        for name in ["value", "insecureValue"] {
            assert_eq!(live.inputs.get(name), Some(&Value::string("p").secret()), "{name}");
        }
        assert_eq!(live.outputs.get("version"), Some(&Value::from(json!(3))));
        let shown = json!({
            "allowedPattern": ".*", "dataType": "text", "description": "d", "keyId": "alias/k", "name": "p",
            "overwrite": false, "tags": { "a": "b" }, "tier": "Advanced", "type": "String",
        });
        for (name, value) in shown.as_object().unwrap() {
            assert_eq!(live.inputs.get(name), Some(&Value::from_json(value.clone())), "{name}");
        }
    }

    #[tokio::test]
    async fn a_secure_string_is_never_shown_as_an_insecure_value() {
        let (aws, _) = aws(&replies(&["p"], "SecureString"));
        let seen = aws.read(&at(Parameter::TYPE).kind, &[Id("p".into())], &Want::All).await.unwrap();
        let Seen::Ready(live) = &seen[0] else { panic!("{seen:?}") };
        assert_eq!(live.inputs.get("insecureValue"), None);
    }

    #[tokio::test]
    async fn parameters_are_read_ten_at_a_time_and_one_that_is_missing_is_gone() {
        let names: Vec<String> = (10..22).map(|n| format!("p{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (aws, wire) = aws(&replies(&names, "String"));
        let ids: Vec<Id> = names.iter().copied().chain(["missing"]).map(|n| Id(n.into())).collect();
        let seen = aws.read(&at(Parameter::TYPE).kind, &ids, &Want::Only(Default::default())).await.unwrap();
        for (id, seen) in ids.iter().zip(seen) {
            match seen {
                Seen::Ready(live) => assert_eq!(live.inputs.get("name").and_then(Value::as_str), Some(id.0.as_str())),
                other => assert_eq!((id.0.as_str(), other), ("missing", Seen::Gone)),
            }
        }
        assert_eq!(wire.requests("GetParameters").len(), 2);
        assert_eq!(wire.requests("DescribeParameters").len(), 1);
        assert!(wire.requests("ListTagsForResource").is_empty());
    }

    #[tokio::test]
    async fn a_change_writes_everything_and_empties_what_is_given_no_more() {
        let (aws, wire) = aws(&[("PutParameter", ok("{}"))]);
        let old = json!({ "name": "p", "type": "String", "value": "1", "description": "old" });
        let outputs = json!({ "arn": "arn", "version": 1 });
        let live = provider::Live { inputs: old.into(), outputs: outputs.into() };
        let wanted = json!({ "name": "p", "type": "String", "insecureValue": "2" }).into();
        let next = aws.update(&at(Parameter::TYPE), &Id("p".into()), &wanted, &live).await.unwrap();
        assert_eq!(next, provider::Next::Started);
        let sent = &wire.requests("PutParameter")[0];
        for part in [r#""Overwrite":true"#, r#""Value":"2""#, r#""Description":"""#] {
            assert!(sent.contains(part), "{part} in {sent}");
        }
    }

    #[tokio::test]
    async fn a_create_sends_tags_unless_it_may_overwrite() {
        for (overwrite, tagged) in [(false, true), (true, false)] {
            let (aws, wire) = aws(&[("PutParameter", ok("{}"))]);
            let inputs = json!({ "name": "p", "type": "String", "value": "1", "overwrite": overwrite }).into();
            aws.create(&at(Parameter::TYPE), &inputs).await.unwrap();
            assert_eq!(wire.requests("drctl:owner").len(), usize::from(tagged), "{overwrite}");
        }
    }

    #[test]
    fn an_advanced_parameter_is_replaced_by_a_standard_one() {
        let tier = |tier: &str| Value::from(json!({ "tier": tier }));
        assert_eq!(Parameter::replaces(&tier("Advanced"), &json!({}).into()), ["tier"]);
        assert_eq!(Parameter::replaces(&tier("Advanced"), &tier("Standard")), ["tier"]);
        assert!(Parameter::replaces(&tier("Standard"), &tier("Advanced")).is_empty());
        assert!(Parameter::replaces(&tier("Advanced"), &tier("Intelligent-Tiering")).is_empty());
    }
}
