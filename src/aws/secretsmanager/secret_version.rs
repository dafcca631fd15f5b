use std::collections::HashMap;

use aws_sdk_secretsmanager::types::SecretVersionsListEntry;
use aws_smithy_types::Blob;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::delta::only_in;
use crate::aws::error::OrNone;
use crate::aws::verdict::Fact;
use crate::aws::{Cx, each};
use crate::engine::error::{Error, Kind, Result, need};
use crate::engine::resource::{
    Facts, FoundBy, IdForm, Limits, Live, Made, Next, Permissions, Resource, Seen, Takes, Want,
};
use crate::engine::rules::{also, computed, exactly_one, refers, replace, unordered, write_only};
use crate::engine::secret::Secret;
use crate::engine::urn::Id;

/// The stage of the version that programs get unless they ask for another. AWS only moves it.
const CURRENT: &str = "AWSCURRENT";

/// A value of a secret. Its content is read when it is imported, and never again.
///
/// AWS deletes no version by itself: a deletion takes its stages away, but for `AWSCURRENT`, which
/// stays until another version gets it or the secret is deleted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["secretString", "secretBinary"]))]
pub struct SecretVersion {
    /// Value in Base64.
    #[schemars(transform = replace, transform = write_only)]
    pub secret_binary: Option<Secret<String>>,
    /// Secret that gets the value, by ARN or name.
    #[schemars(transform = replace, transform = refers("aws:secretsmanager/secret:Secret.id"))]
    #[schemars(transform = also(&["aws:secretsmanager/secret:Secret.name"]))]
    pub secret_id: String,
    /// Value as text.
    #[schemars(transform = replace, transform = write_only)]
    pub secret_string: Option<Secret<String>>,
    /// Labels of the version. AWS gives a new one `AWSCURRENT`.
    #[schemars(transform = computed, transform = unordered)]
    pub version_stages: Option<Vec<String>>,
}

/// What AWS decides about a version.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretVersionOutputs {
    /// ARN of the secret.
    pub arn: String,
    /// ARN of the secret.
    pub secret_arn: String,
    /// Id of the version, unique in the secret.
    pub version_id: String,
}

impl Resource for SecretVersion {
    const TYPE: &'static str = "aws:secretsmanager/secretVersion:SecretVersion";
    const FACTS: Facts = Facts {
        part_of: Some("secretId"),
        limits: Limits::minutes(5, 5, 5),
        takes: Takes::seconds(1, 1, 1),
        look_before_delete: true,
        permissions: Permissions {
            create: &["secretsmanager:PutSecretValue"],
            read: &["secretsmanager:ListSecretVersionIds"],
            update: &["secretsmanager:UpdateSecretVersionStage"],
            delete: &["secretsmanager:UpdateSecretVersionStage"],
        },
        acts_on: &["{secretId}"],
        import: "ARN of the secret and id of the version, `ARN|VERSION`",
        stands_for: &["aws:secretsmanager/secret:Secret"],
        ..Facts::new(IdForm::Joined(&["secretId", "versionId"], "|"), FoundBy::Token)
    };
    type Outputs = SecretVersionOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let binary = self.secret_binary.as_ref().map(|text| BASE64.decode(text.reveal()));
        let binary = binary.transpose().map_err(|_| Error::invalid("`secretBinary` is not in Base64"))?;
        let reply = cx
            .secretsmanager()
            .put_secret_value()
            .client_request_token(token(cx))
            .set_secret_binary(binary.map(Blob::new))
            .secret_id(&self.secret_id)
            .set_secret_string(self.secret_string.as_ref().map(|text| text.reveal().clone()))
            .set_version_stages(self.version_stages.clone())
            .send()
            .await?;
        Ok(Made::id(self.id(&need("VersionId", reply.version_id)?)))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let mut secrets: Vec<Id> = ids.iter().map(|id| Ok(Id(parts(id)?.0.to_owned()))).collect::<Result<_>>()?;
        secrets.sort();
        secrets.dedup();
        let known = each(&secrets, |secret| async move {
            let versions = Versions::of(&secret.0, cx).await?;
            Ok((secret.0, versions))
        });
        let known: HashMap<String, Option<Versions>> = known.await?.into_iter().collect();
        let mut found = ids.iter().map(|id| seen(id, &known)).collect::<Result<Vec<_>>>()?;
        if *want == Want::All {
            for (id, seen) in ids.iter().zip(&mut found) {
                if let Seen::Ready(live) = seen {
                    live.inputs.take_value(id, cx).await?;
                }
            }
        }
        Ok(found)
    }

    /// A stage is on one version at a time, so it is taken from the version that has it.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (secret, version) = parts(id)?;
        let Some(wanted) = &self.version_stages else { return Ok(Next::Started) };
        let there = live.inputs.version_stages.as_deref().unwrap_or_default();
        let change = cx.secretsmanager().update_secret_version_stage().secret_id(secret);
        let change = if let Some(stage) = only_in(wanted, there).first() {
            let versions = Versions::of(secret, cx).await?;
            let holder = versions.as_ref().and_then(|v| v.holder(stage)).map(str::to_owned);
            change.version_stage(*stage).move_to_version_id(version).set_remove_from_version_id(holder)
        } else if let Some(stage) = only_in(there, wanted).first() {
            change.version_stage(*stage).remove_from_version_id(version)
        } else {
            return Ok(Next::Started);
        };
        change.send().await?;
        Ok(Next::More("moving stages"))
    }

    async fn delete(&self, id: &Id, live: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (secret, version) = parts(id)?;
        let stages = live.and_then(|live| live.inputs.version_stages.as_deref()).unwrap_or_default();
        for stage in stages.iter().filter(|stage| *stage != CURRENT) {
            let remove = cx.secretsmanager().update_secret_version_stage().secret_id(secret).version_stage(stage);
            match remove.remove_from_version_id(version).send().await.or_none() {
                // With the secret goes the version.
                Err(e) if Fact::SecretGoes.is_said_by(&e) => return Ok(Next::Gone),
                answer => answer?,
            };
        }
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let versions = Versions::of(&self.secret_id, cx).await?;
        let made = versions.is_some_and(|v| v.stages.contains_key(&token(cx)));
        Ok(made.then(|| Id(self.id(&token(cx)))).into_iter().collect())
    }
}

impl SecretVersion {
    /// Reads the value, which nothing but an import needs: a program that gives another one then replaces
    /// the version. Whoever may not read it has it believed.
    async fn take_value(&mut self, id: &Id, cx: &Cx) -> Result<()> {
        let (secret, version) = parts(id)?;
        match cx.secretsmanager().get_secret_value().secret_id(secret).version_id(version).send().await {
            Ok(value) => {
                self.secret_string = value.secret_string.map(Secret::new);
                self.secret_binary = value.secret_binary.map(|blob| Secret::new(BASE64.encode(blob)));
                Ok(())
            }
            Err(error) => match Error::from(error) {
                error if matches!(error.kind, Kind::Denied | Kind::NotFound | Kind::Unsupported) => Ok(()),
                error => Err(error),
            },
        }
    }

    fn id(&self, version: &str) -> String {
        format!("{}|{version}", self.secret_id)
    }
}

/// The client token becomes the id of the version, which has at least 32 characters.
fn token(cx: &Cx) -> String {
    format!("drctl-{}", cx.token())
}

fn parts(id: &Id) -> Result<(&str, &str)> {
    let hint = "join the ARN of the secret and the id of the version: `ARN|VERSION`";
    id.0.split_once('|').ok_or_else(|| Error::invalid(format!("`{id}` is no id of a secret version")).hint(hint))
}

/// All versions of a secret, those without stages too.
struct Versions {
    arn: String,
    stages: HashMap<String, Vec<String>>,
}

impl Versions {
    /// None if there is no such secret.
    async fn of(secret: &str, cx: &Cx) -> Result<Option<Self>> {
        let list = cx.secretsmanager().list_secret_version_ids().secret_id(secret).include_deprecated(true);
        let mut pages = list.into_paginator().send();
        let (mut arn, mut stages) = (None, HashMap::new());
        while let Some(page) = pages.next().await {
            let Some(page) = page.or_none()? else { return Ok(None) };
            arn = page.arn;
            for SecretVersionsListEntry { version_id, version_stages, .. } in page.versions.unwrap_or_default() {
                stages.insert(need("VersionId", version_id)?, version_stages.unwrap_or_default());
            }
        }
        Ok(Some(Self { arn: need("ARN", arn)?, stages }))
    }

    fn holder(&self, stage: &str) -> Option<&str> {
        let holds = |(_, stages): &(&String, &Vec<String>)| stages.iter().any(|s| s == stage);
        self.stages.iter().find(holds).map(|(version, _)| version.as_str())
    }
}

fn seen(id: &Id, known: &HashMap<String, Option<Versions>>) -> Result<Seen<Live<SecretVersion>>> {
    let (secret, version) = parts(id)?;
    let Some(Some(versions)) = known.get(secret) else { return Ok(Seen::Gone) };
    let Some(stages) = versions.stages.get(version) else { return Ok(Seen::Gone) };
    let inputs = SecretVersion {
        secret_binary: None,
        secret_id: secret.to_owned(),
        secret_string: None,
        version_stages: Some(stages.clone()),
    };
    let outputs = SecretVersionOutputs {
        arn: versions.arn.clone(),
        secret_arn: versions.arn.clone(),
        version_id: version.to_owned(),
    };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::secretsmanager::Secret;
    use crate::aws::wire::{Reply, at, aws, ok, reads_back};
    use crate::engine::observe;
    use crate::engine::provider::{self, Identity, Provider};
    use crate::engine::state::{Key, Row};
    use crate::engine::urn::Urn;
    use crate::engine::value::Value;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";

    fn versions(list: &[(&str, &[&str])]) -> Reply {
        let list = list.iter().map(|(id, stages)| json!({ "VersionId": id, "VersionStages": stages }));
        ok(json!({ "ARN": ARN, "Name": "db", "Versions": list.collect::<Vec<_>>() }).to_string())
    }

    fn live(stages: &[&str]) -> provider::Live {
        let outputs = json!({ "arn": ARN, "secretArn": ARN, "versionId": "v1" });
        provider::Live { inputs: wanted(stages), outputs: outputs.into() }
    }

    fn wanted(stages: &[&str]) -> Value {
        json!({ "secretId": ARN, "secretString": "s", "versionStages": stages }).into()
    }

    fn id() -> Id {
        Id(format!("{ARN}|v1"))
    }

    #[tokio::test]
    async fn an_import_reads_the_value_and_nothing_else_does() {
        let value = json!({ "ARN": ARN, "VersionId": "v1", "SecretString": "s" }).to_string();
        let list = || ("ListSecretVersionIds", versions(&[("v1", &["AWSCURRENT"])]));
        let (aws, wire) = aws(&[list(), ("GetSecretValue", ok(value))]);
        let kind = at(SecretVersion::TYPE).kind;
        let read = async |want| match aws.read(&kind, &[id()], &want).await.unwrap().remove(0) {
            Seen::Ready(live) => live.inputs,
            other => panic!("{other:?}"),
        };
        assert_eq!(read(Want::All).await.get("secretString"), Some(&Value::from("s").secret()));
        assert!(wire.requests("GetSecretValue")[0].contains(r#""VersionId":"v1""#));
        assert!(read(Want::Only(Default::default())).await.get("secretString").is_none_or(Value::is_null));
        assert_eq!(wire.requests("GetSecretValue").len(), 1);
    }

    #[tokio::test]
    async fn a_version_is_gone_with_its_secret_though_it_is_still_listed() {
        let row = |ty: &str, name: &str, id: &str, inputs: Value| {
            let key = Key { urn: Urn::new("s", "p", ty, name), generation: 0 };
            Row { id: Some(Id(id.to_owned())), inputs, ..Row::new(key, ty, at(ty).kind.place) }
        };
        let secret = row(Secret::TYPE, "secret", ARN, json!({ "name": "db" }).into());
        let version = row(SecretVersion::TYPE, "version", &id().0, wanted(&["AWSCURRENT"]));
        let described = |deleted| ok(json!({ "ARN": ARN, "Name": "db", "DeletedDate": deleted }).to_string());
        for (deleted, is_gone) in [(Some(1.0), true), (None, false)] {
            let replies = [
                ("DescribeSecret", described(deleted)),
                ("ListSecretVersionIds", versions(&[("v1", &["AWSCURRENT"])])),
            ];
            let (aws, wire) = aws(&replies);
            let us = Identity { account: "1".into(), partition: "aws".into(), home: "us-east-1".into() };
            let seen = observe::read(&aws, &us, [&secret, &version], false).await.unwrap();
            assert_eq!(seen[&version.key] == Seen::Gone, is_gone);
            assert_eq!(wire.requests("DescribeSecret").len(), 1);
        }
    }

    #[tokio::test]
    async fn whoever_may_not_read_a_value_imports_the_version_without_it() {
        let denied = Reply::Says(400, json!({ "__type": "AccessDeniedException" }).to_string());
        let replies =
            [("ListSecretVersionIds", versions(&[("v1", &["AWSCURRENT", "blue"])])), ("GetSecretValue", denied)];
        let inputs = json!({ "secretId": ARN, "versionStages": ["AWSCURRENT", "blue"] });
        let live = reads_back(SecretVersion::TYPE, &id().0, &replies, &[], inputs).await;
        assert_eq!(live.outputs.get("versionId"), Some(&"v1".into()));
    }

    #[tokio::test]
    async fn a_value_is_put_with_the_attempt_as_its_version() {
        let version = format!("drctl-{}", at(SecretVersion::TYPE).attempt);
        assert!((32..=64).contains(&version.len()));
        let answer = json!({ "ARN": ARN, "VersionId": version }).to_string();
        let (aws, wire) =
            aws(&[("PutSecretValue", ok(answer)), ("ListSecretVersionIds", versions(&[(&version, &["AWSCURRENT"])]))]);
        let inputs = json!({ "secretId": ARN, "secretBinary": "aGk=" }).into();
        let made = aws.create(&at(SecretVersion::TYPE), &inputs).await.unwrap();
        assert_eq!(made.id.0, format!("{ARN}|{version}"));
        assert_eq!(wire.requests(&format!(r#""ClientRequestToken":"{version}""#)).len(), 1);
        assert_eq!(aws.find(&at(SecretVersion::TYPE), &inputs).await.unwrap(), [made.id]);
    }

    #[tokio::test]
    async fn a_stage_is_taken_from_the_version_that_has_it() {
        let replies = [
            ("ListSecretVersionIds", versions(&[("v0", &["blue"]), ("v1", &["AWSCURRENT"])])),
            ("UpdateSecretVersionStage", ok("{}")),
        ];
        let (aws, wire) = aws(&replies);
        let (wanted, live) = (wanted(&["AWSCURRENT", "blue"]), live(&["AWSCURRENT"]));
        let next = aws.update(&at(SecretVersion::TYPE), &id(), &wanted, &live).await.unwrap();
        assert!(matches!(next, provider::Next::More(_)));
        let sent = &wire.requests("UpdateSecretVersionStage")[0];
        assert!(sent.contains(r#""MoveToVersionId":"v1""#) && sent.contains(r#""RemoveFromVersionId":"v0""#), "{sent}");
    }

    #[tokio::test]
    async fn a_deletion_takes_all_stages_but_the_current_one() {
        let (aws, wire) = aws(&[("UpdateSecretVersionStage", ok("{}"))]);
        let (applied, live) = (wanted(&[]), live(&["AWSCURRENT", "AWSPREVIOUS", "blue"]));
        let next = aws.delete(&at(SecretVersion::TYPE), &id(), &applied, Some(&live)).await.unwrap();
        assert_eq!(next, provider::Next::Gone);
        assert_eq!(wire.requests("UpdateSecretVersionStage").len(), 2);
        assert!(wire.requests(r#""VersionStage":"AWSCURRENT""#).is_empty());
    }
}
