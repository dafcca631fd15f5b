use std::collections::HashSet;

use aws_sdk_kms::types::AliasListEntry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::error::OrNone;
use crate::aws::{Cx, in_order};
use crate::engine::alike::Alike;
use crate::engine::error::{Result, need};
use crate::engine::resource::{
    Facts, FoundBy, IdForm, Limits, Live, Made, Next, Permissions, Resource, Seen, Takes, Want, Where,
};
use crate::engine::rules::{alike, auto_name_after, form, refers, replace};
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// A name for a key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Alias {
    /// Name, unique in the region, which begins with `alias/` but not with `alias/aws/`.
    #[schemars(transform = replace, transform = auto_name_after("alias/", 256))]
    #[schemars(transform = form(r"^alias/[a-zA-Z0-9/_-]+$", "a name such as `alias/orders`"), length(max = 256))]
    pub name: String,
    /// Key that the name stands for, by id or ARN.
    #[schemars(transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.keyId"))]
    pub target_key_id: String,
}

/// What AWS decides about an alias.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AliasOutputs {
    /// ARN of the alias.
    pub arn: String,
    /// ARN of the key.
    pub target_key_arn: String,
}

impl Resource for Alias {
    const TYPE: &'static str = "aws:kms/alias:Alias";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(5, 5, 5),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["kms:CreateAlias"],
            read: &["kms:ListAliases"],
            update: &["kms:UpdateAlias"],
            delete: &["kms:DeleteAlias"],
        },
        acts_on: &["{arn}", "kms:{region}:*:key/*"],
        import: "name of the alias, `alias/orders`",
        stands_for: &["aws:kms/key:Key"],
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = AliasOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        cx.kms().create_alias().alias_name(&self.name).target_key_id(&self.target_key_id).send().await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let names: HashSet<&str> = ids.iter().map(|id| id.0.as_str()).collect();
        let asked = all(cx).await?.into_iter().filter(|a| a.alias_name.as_deref().is_some_and(|n| names.contains(n)));
        in_order(ids, asked.map(seen))
    }

    async fn update(&self, id: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        cx.kms().update_alias().alias_name(&id.0).target_key_id(&self.target_key_id).send().await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.kms().delete_alias().alias_name(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let mine = |a: &AliasListEntry| {
            a.alias_name.as_ref() == Some(&self.name)
                && a.target_key_id.as_ref().is_some_and(|key| Alike::Arn.same(key, &self.target_key_id))
        };
        Ok(all(cx).await?.iter().any(mine).then(|| Id(self.name.clone())).into_iter().collect())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let text = |name| inputs.get(name).and_then(Value::as_str);
        let arn = text("name").map_or(Value::Unknown, |name| at.arn("kms", name));
        let key = match text("targetKeyId") {
            Some(arn) if arn.starts_with("arn:") => arn.into(),
            Some(id) => at.arn("kms", &format!("key/{id}")),
            None => Value::Unknown,
        };
        vec![("arn", arn), ("targetKeyArn", key)]
    }
}

async fn all(cx: &Cx) -> Result<Vec<AliasListEntry>> {
    let pages = cx.kms().list_aliases().into_paginator().items().send();
    Ok(pages.collect::<Result<_, _>>().await?)
}

fn seen(alias: AliasListEntry) -> Result<(String, Seen<Live<Alias>>)> {
    let name = need("AliasName", alias.alias_name)?;
    let arn = need("AliasArn", alias.alias_arn)?;
    let key = need("TargetKeyId", alias.target_key_id)?;
    let target_key_arn = arn.replacen(&name, &format!("key/{key}"), 1);
    let live = Live {
        inputs: Alias { name: name.clone(), target_key_id: key },
        outputs: AliasOutputs { arn, target_key_arn },
    };
    Ok((name, Seen::Ready(live)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::names;
    use crate::engine::provider::Provider;
    use crate::engine::state::Key;
    use crate::engine::urn::Urn;

    const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    fn aliases() -> String {
        let arn = |name: &str| format!("arn:aws:kms:eu-west-1:123456789012:{name}");
        json!({ "Truncated": false, "Aliases": [
            { "AliasName": "alias/aws/ebs", "AliasArn": arn("alias/aws/ebs") },
            { "AliasName": "alias/orders", "AliasArn": arn("alias/orders"), "TargetKeyId": KEY },
        ]})
        .to_string()
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({ "name": "alias/orders", "targetKeyId": KEY });
        let live = reads_back(Alias::TYPE, "alias/orders", &[("ListAliases", ok(aliases()))], &[], inputs).await;
        let key = format!("arn:aws:kms:eu-west-1:123456789012:key/{KEY}");
        assert_eq!(live.outputs.get("targetKeyArn"), Some(&key.as_str().into()));
    }

    #[tokio::test]
    async fn only_an_alias_of_the_same_key_is_what_a_lost_create_made() {
        let (aws, _) = aws(&[("ListAliases", ok(aliases()))]);
        for (key, found) in [(KEY, 1), ("another", 0)] {
            let inputs = json!({ "name": "alias/orders", "targetKeyId": key }).into();
            assert_eq!(aws.find(&at(Alias::TYPE), &inputs).await.unwrap().len(), found, "{key}");
        }
    }

    #[test]
    fn an_automatic_name_is_a_legal_name_of_an_alias() {
        let schema = crate::aws::catalog().find(Alias::TYPE).unwrap();
        let key = Key { urn: Urn::new("s", "p", Alias::TYPE, &"x".repeat(300)), generation: 0 };
        let filled = names::fill(schema, json!({}).into(), "lineage", &key, None);
        let name = filled.get("name").and_then(Value::as_str).unwrap();
        assert!(name.starts_with("alias/xxx") && name.len() == 256, "{name}");
    }
}
