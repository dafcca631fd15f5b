use aws_sdk_rds::types as sdk;

use super::{databases, is_ours, retag, roles, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{
    alike, computed, exclusive, forced, one_of, protection, replace, sometimes_shown, write_only,
};

/// An Aurora global database: one cluster that writes, and clusters of other regions that follow it.
///
/// Who writes may change without drctl, so the members are outputs that are read each time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["engine", "sourceDbClusterIdentifier"]))]
pub struct GlobalCluster {
    /// Database that the first cluster is made with.
    #[schemars(transform = replace, transform = computed, transform = sometimes_shown)]
    pub database_name: Option<String>,
    /// Whether AWS refuses to delete the global database.
    #[schemars(transform = protection)]
    #[serde(default)]
    pub deletion_protection: bool,
    /// Database engine.
    #[schemars(transform = replace, transform = computed)]
    #[schemars(transform = one_of(&["aurora", "aurora-mysql", "aurora-postgresql"]))]
    pub engine: Option<String>,
    /// Whether the engine is kept on extended support at the end of its standard support.
    #[schemars(transform = replace, transform = computed, transform = one_of(LIFECYCLES))]
    pub engine_lifecycle_support: Option<String>,
    /// Engine version. A change of the major version upgrades all members; a minor version follows
    /// the clusters, which are upgraded each for itself.
    #[schemars(transform = computed, transform = alike(Alike::Major))]
    pub engine_version: Option<String>,
    /// Whether clusters that are still members are detached when the global database is deleted.
    #[schemars(transform = write_only, transform = forced)]
    pub force_destroy: Option<bool>,
    /// Name of the global database.
    #[schemars(transform = replace, transform = alike(Alike::Case))]
    pub global_cluster_identifier: String,
    /// ARN of an existing cluster that becomes the first member.
    #[schemars(transform = replace, transform = computed, transform = write_only)]
    pub source_db_cluster_identifier: Option<String>,
    /// Whether the members are encrypted.
    #[schemars(transform = replace, transform = computed)]
    pub storage_encrypted: Option<bool>,
    /// Tags of the global database.
    #[serde(default)]
    pub tags: Tags,
}

/// Values of `engineLifecycleSupport`.
pub(super) const LIFECYCLES: &[&str] =
    &["open-source-rds-extended-support", "open-source-rds-extended-support-disabled"];

/// What AWS decides about a global database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GlobalClusterOutputs {
    /// ARN of the global database.
    pub arn: String,
    /// Host name that always leads to the cluster that writes.
    pub endpoint: Option<String>,
    /// Engine version that runs.
    pub engine_version_actual: Option<String>,
    /// Clusters of the global database and their roles at the moment.
    pub global_cluster_members: Vec<Member>,
    /// Id of the global database that never changes.
    pub global_cluster_resource_id: Option<String>,
}

/// A cluster of a global database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// ARN of the cluster.
    pub db_cluster_arn: String,
    /// Whether the cluster is the one that writes.
    pub is_writer: bool,
}

impl Resource for GlobalCluster {
    const TYPE: &'static str = "aws:rds/globalCluster:GlobalCluster";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(30, 90, 30).poll(5),
        takes: Takes::seconds(5, 10, 15),
        names: Names::Everywhere,
        always_read: true,
        look_before_delete: true,
        permissions: Permissions {
            create: &["iam:CreateServiceLinkedRole", "rds:AddTagsToResource", "rds:CreateGlobalCluster"],
            read: &["rds:DescribeGlobalClusters"],
            update: &["rds:AddTagsToResource", "rds:ModifyGlobalCluster", "rds:RemoveTagsFromResource"],
            delete: &["rds:DeleteGlobalCluster", "rds:RemoveFromGlobalCluster"],
        },
        acts_on: &["{arn}", "rds:*:*:cluster:*"],
        import: "identifier of the global database",
        ..Facts::new(IdForm::Input("globalClusterIdentifier"), FoundBy::Name)
    };
    type Outputs = GlobalClusterOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .rds()
            .create_global_cluster()
            .set_database_name(self.database_name.clone())
            .deletion_protection(self.deletion_protection)
            .set_engine(self.engine.clone())
            .set_engine_lifecycle_support(self.engine_lifecycle_support.clone())
            .set_engine_version(self.engine_version.clone())
            .global_cluster_identifier(&self.global_cluster_identifier)
            .set_source_db_cluster_identifier(self.source_db_cluster_identifier.clone())
            .set_storage_encrypted(self.storage_encrypted)
            .set_tags(tagged(&cx.tags(&self.tags)))
            .send()
            .await?;
        let (id, seen) = seen(need("GlobalCluster", reply.global_cluster)?)?;
        Ok(Made::seen(id, seen))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        in_order(ids, databases::globals(cx).await?.into_iter().map(seen))
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let change = cx.rds().modify_global_cluster().global_cluster_identifier(&id.0);
        if self.deletion_protection != live.inputs.deletion_protection {
            change.deletion_protection(self.deletion_protection).send().await?;
            return Ok(Next::More("setting the deletion protection"));
        }
        if let (Some(old), Some(new)) = (&live.inputs.engine_version, &self.engine_version)
            && !Alike::Major.same(old, new)
        {
            change.engine_version(new).allow_major_version_upgrade(true).send().await?;
        }
        Ok(Next::Started)
    }

    /// AWS deletes a global database only when its last member has left.
    async fn delete(&self, id: &Id, live: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let members = live.map(|l| l.outputs.global_cluster_members.as_slice()).unwrap_or_default();
        // Readers leave before the writer, or AWS refuses.
        let next = members.iter().min_by_key(|m| m.is_writer);
        match next {
            Some(member) if self.force_destroy == Some(true) => {
                let leave = cx.rds().remove_from_global_cluster().global_cluster_identifier(&id.0);
                leave.db_cluster_identifier(&member.db_cluster_arn).send().await.or_none()?;
                Ok(Next::More("detaching its members"))
            }
            Some(member) => Ok(Next::Waits(format!("`{}` to leave `{id}`", member.db_cluster_arn))),
            None => {
                cx.rds().delete_global_cluster().global_cluster_identifier(&id.0).send().await.or_none()?;
                Ok(Next::Started)
            }
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let Some(global) = roles::global(&self.global_cluster_identifier, cx).await? else { return Ok(Vec::new()) };
        let id = need("GlobalClusterIdentifier", global.global_cluster_identifier)?;
        Ok(if is_ours(&tags_from(global.tag_list), cx) { vec![Id(id)] } else { Vec::new() })
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let arn = inputs.get("globalClusterIdentifier").and_then(Value::as_str).map(|id| {
            let (partition, account) = (&at.partition, &at.account);
            format!("arn:{partition}:rds::{account}:global-cluster:{}", id.to_ascii_lowercase())
        });
        vec![("arn", arn.map_or(Value::Unknown, Value::string))]
    }
}

fn seen(g: sdk::GlobalCluster) -> Result<(String, Seen<Live<GlobalCluster>>)> {
    let id = need("GlobalClusterIdentifier", g.global_cluster_identifier)?;
    let status = need("Status", g.status)?;
    if status != "available" {
        return Ok((id, Seen::Pending(status)));
    }
    let members = g.global_cluster_members.into_iter().flatten().map(|m| {
        let db_cluster_arn = need("DBClusterArn", m.db_cluster_arn)?;
        Ok(Member { db_cluster_arn, is_writer: m.is_writer.unwrap_or_default() })
    });
    let outputs = GlobalClusterOutputs {
        arn: need("GlobalClusterArn", g.global_cluster_arn)?,
        endpoint: g.endpoint,
        engine_version_actual: g.engine_version.clone(),
        global_cluster_members: members.collect::<Result<_>>()?,
        global_cluster_resource_id: g.global_cluster_resource_id,
    };
    let inputs = GlobalCluster {
        database_name: g.database_name.filter(|name| !name.is_empty()),
        deletion_protection: g.deletion_protection.unwrap_or_default(),
        engine: g.engine,
        engine_lifecycle_support: g.engine_lifecycle_support,
        engine_version: g.engine_version,
        force_destroy: None,
        global_cluster_identifier: id.clone(),
        source_db_cluster_identifier: None,
        storage_encrypted: g.storage_encrypted,
        tags: tags_from(g.tag_list),
    };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::{self, Live, Provider};

    const REPLY: &str = "<DescribeGlobalClustersResponse><DescribeGlobalClustersResult><GlobalClusters>\
        <GlobalClusterMember><GlobalClusterIdentifier>orders</GlobalClusterIdentifier><Status>available</Status>\
        <GlobalClusterResourceId>cluster-1</GlobalClusterResourceId>\
        <GlobalClusterArn>arn:aws:rds::123456789012:global-cluster:orders</GlobalClusterArn>\
        <Engine>aurora-postgresql</Engine><EngineVersion>16.6</EngineVersion>\
        <EngineLifecycleSupport>open-source-rds-extended-support</EngineLifecycleSupport>\
        <DatabaseName>orders</DatabaseName><StorageEncrypted>true</StorageEncrypted>\
        <DeletionProtection>true</DeletionProtection><Endpoint>orders.global</Endpoint>\
        <GlobalClusterMembers><GlobalClusterMember><DBClusterArn>arn:a</DBClusterArn><IsWriter>true</IsWriter>\
        </GlobalClusterMember></GlobalClusterMembers><TagList><Tag><Key>a</Key><Value>b</Value></Tag></TagList>\
        </GlobalClusterMember></GlobalClusters></DescribeGlobalClustersResult></DescribeGlobalClustersResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input_and_the_live_roles() {
        let inputs = json!({
            "databaseName": "orders",
            "deletionProtection": true,
            "engine": "aurora-postgresql",
            "engineLifecycleSupport": "open-source-rds-extended-support",
            "engineVersion": "16.6",
            "globalClusterIdentifier": "orders",
            "storageEncrypted": true,
            "tags": { "a": "b" },
        });
        let replies = [("Action=DescribeGlobalClusters", ok(REPLY))];
        let live = reads_back(GlobalCluster::TYPE, "orders", &replies, &[], inputs).await;
        let members = json!([{ "dbClusterArn": "arn:a", "isWriter": true }]);
        assert_eq!(live.outputs.get("globalClusterMembers"), Some(&members.into()));
    }

    fn live(version: &str, members: serde_json::Value) -> Live {
        Live {
            inputs: json!({ "globalClusterIdentifier": "g", "engineVersion": version }).into(),
            outputs: json!({ "arn": "arn", "globalClusterMembers": members }).into(),
        }
    }

    #[tokio::test]
    async fn a_global_database_with_members_is_not_deleted_and_its_readers_leave_first() {
        let (aws, wire) = aws(&[(
            "Action=RemoveFromGlobalCluster",
            ok("<RemoveFromGlobalClusterResponse><RemoveFromGlobalClusterResult/></RemoveFromGlobalClusterResponse>"),
        )]);
        let members =
            json!([{ "dbClusterArn": "arn:w", "isWriter": true }, { "dbClusterArn": "arn:r", "isWriter": false }]);
        let (at, id, live) = (at(GlobalCluster::TYPE), Id("g".into()), live("16.6", members));
        let plain = json!({ "globalClusterIdentifier": "g" }).into();
        let next = aws.delete(&at, &id, &plain, Some(&live)).await.unwrap();
        assert_eq!(next, provider::Next::Waits("`arn:r` to leave `g`".into()));
        assert!(wire.requests("").is_empty());
        let forced = json!({ "globalClusterIdentifier": "g", "forceDestroy": true }).into();
        aws.delete(&at, &id, &forced, Some(&live)).await.unwrap();
        assert_eq!(wire.requests("DbClusterIdentifier=arn%3Ar").len(), 1, "{:?}", wire.requests(""));
    }

    #[tokio::test]
    async fn only_a_major_upgrade_goes_through_the_global_database() {
        let (aws, wire) = aws(&[(
            "Action=ModifyGlobalCluster",
            ok("<ModifyGlobalClusterResponse><ModifyGlobalClusterResult/></ModifyGlobalClusterResponse>"),
        )]);
        let wanted = |v: &str| json!({ "globalClusterIdentifier": "g", "engineVersion": v }).into();
        let (at, id, live) = (at(GlobalCluster::TYPE), Id("g".into()), live("15.6", json!([])));
        aws.update(&at, &id, &wanted("15.8"), &live).await.unwrap();
        assert!(wire.requests("").is_empty());
        aws.update(&at, &id, &wanted("16.6"), &live).await.unwrap();
        assert_eq!(wire.requests("AllowMajorVersionUpgrade=true").len(), 1);
    }
}
