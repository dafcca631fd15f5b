use aws_sdk_dynamodb::types::{self as sdk, ReplicaStatus, TableClass};

use super::replicas::elsewhere;
use super::settings::ServerSideEncryption;
use super::table::{SOURCE_STAYS, recovery, unready};
use super::table_update::set_recovery;
use super::{KEY_USE, tags_of, there};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, computed, form, one_of, protection, refers, replace};

/// A copy of a table in the region of this resource. Writes in one region reach the others, usually
/// within a second.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TableReplica {
    /// Whether AWS refuses to delete the copy.
    #[schemars(transform = protection)]
    #[serde(default)]
    pub deletion_protection_enabled: bool,
    /// ARN of the table, which is in another region. Its stream must hold new and old images.
    #[schemars(transform = replace, transform = refers("aws:dynamodb/table:Table.arn"))]
    #[schemars(transform = form(r"^arn:[a-z-]+:dynamodb:[a-z0-9-]+:\d{12}:table/.+$", "the ARN of a table"))]
    pub global_table_arn: String,
    /// Key of the region of the copy that encrypts it. It must outlive the copy.
    #[schemars(transform = replace, transform = computed, transform = alike(Alike::Arn))]
    #[schemars(transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_arn: Option<String>,
    /// Whether backups of every second are made of the copy.
    #[serde(default)]
    pub point_in_time_recovery: bool,
    /// Class of the copy, if not that of the table.
    #[schemars(transform = replace, transform = computed)]
    #[schemars(transform = one_of(&["STANDARD", "STANDARD_INFREQUENT_ACCESS"]))]
    pub table_class_override: Option<String>,
    /// Tags of the copy.
    #[serde(default)]
    pub tags: Tags,
}

/// What AWS decides about a replica.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableReplicaOutputs {
    /// ARN of the copy: that of the table but for the region.
    pub arn: String,
}

/// The table that a replica was made from.
struct Source<'a> {
    table: &'a str,
    region: &'a str,
}

impl<'a> Source<'a> {
    /// Takes the ARN of the table, or `name:region` as Pulumi writes it.
    fn of(id: &'a str) -> Result<Self> {
        let arn = || {
            let (head, table) = id.strip_prefix("arn:")?.rsplit_once("table/")?;
            Some(Self { table, region: head.split(':').nth(2)? })
        };
        let pair = || id.rsplit_once(':').map(|(table, region)| Self { table, region });
        let unknown = || Error::invalid(format!("`{id}` names no table")).hint("give its ARN, or `name:region`");
        arn().or_else(pair).ok_or_else(unknown)
    }

    async fn describe(&self, cx: &Cx) -> Result<Option<sdk::TableDescription>> {
        let describe = cx.dynamodb().describe_table().table_name(self.table);
        let reply = describe.customize().config_override(there(self.region)).send().await.or_none()?;
        Ok(reply.and_then(|reply| reply.table))
    }

    /// Changes the replicas of the table, if it is there and has them.
    async fn change(&self, change: sdk::ReplicationGroupUpdate, cx: &Cx) -> Result<Option<()>> {
        let update = cx.dynamodb().update_table().table_name(self.table).replica_updates(change);
        let reply = update.customize().config_override(there(self.region)).send().await.or_none()?;
        Ok(reply.map(|_| ()))
    }
}

impl Resource for TableReplica {
    const TYPE: &'static str = "aws:dynamodb/tableReplica:TableReplica";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(30, 20, 30),
        takes: Takes::seconds(180, 5, 60),
        permissions: Permissions {
            create: &[
                "dynamodb:CreateTableReplica",
                "dynamodb:DescribeTable",
                "dynamodb:TagResource",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTable",
                "iam:CreateServiceLinkedRole",
            ],
            read: &["dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:ListTagsOfResource"],
            update: &[
                "dynamodb:TagResource",
                "dynamodb:UntagResource",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTable",
            ],
            delete: &["dynamodb:DeleteTable", "dynamodb:DeleteTableReplica", "dynamodb:UpdateTable"],
        },
        permissions_with: &[WithInput::on("kmsKeyArn", &[], KEY_USE)],
        acts_on: &["{globalTableArn}", "{arn}"],
        import: "ARN of the table that it is a copy of, or `name:region` of that table",
        // A region has one copy of a table.
        delete_first: true,
        stands_for: &["aws:dynamodb/table:Table"],
        ..Facts::new(IdForm::Input("globalTableArn"), FoundBy::Name)
    };
    type Outputs = TableReplicaOutputs;
    type Cx = Cx;

    /// The call goes to the region of the table.
    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let create = sdk::CreateReplicationGroupMemberAction::builder()
            .set_kms_master_key_id(self.kms_key_arn.clone())
            .region_name(cx.region())
            .set_table_class_override(self.table_class_override.as_deref().map(TableClass::from))
            .build()?;
        let source = Source::of(&self.global_table_arn)?;
        let update = cx.dynamodb().update_table().table_name(source.table);
        let update = update.replica_updates(sdk::ReplicationGroupUpdate::builder().create(create).build());
        update.customize().config_override(there(source.region)).send().await?;
        Ok(Made::id(&self.global_table_arn))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let table = Source::of(&id.0)?.table;
        if self.deletion_protection_enabled != live.inputs.deletion_protection_enabled {
            let on = self.deletion_protection_enabled;
            cx.dynamodb().update_table().table_name(table).deletion_protection_enabled(on).send().await?;
            return Ok(Next::More("setting the protection"));
        }
        if self.point_in_time_recovery != live.inputs.point_in_time_recovery {
            set_recovery(table, self.point_in_time_recovery, None, cx.region(), cx).await?;
        }
        Ok(Next::Started)
    }

    /// The table takes the copy out of its group. A copy whose table is gone, or does not know it any
    /// more, is a table of its own.
    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let source = Source::of(&id.0)?;
        let delete = sdk::DeleteReplicationGroupMemberAction::builder().region_name(cx.region()).build()?;
        let ended = async {
            if source.change(sdk::ReplicationGroupUpdate::builder().delete(delete).build(), cx).await?.is_some() {
                return Ok(Next::Started);
            }
            let alone = cx.dynamodb().delete_table().table_name(source.table).send().await.or_none()?;
            Ok(alone.map_or(Next::Gone, |_| Next::Started))
        };
        match ended.await {
            Err(error) if Fact::YoungSource.is_said_by(&error) => Ok(Next::Later(SOURCE_STAYS)),
            ended => ended,
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let source = Source::of(&self.global_table_arn)?;
        let table = source.describe(cx).await?;
        let here = table.is_some_and(|t| t.replicas().iter().any(|r| r.region_name() == Some(cx.region())));
        Ok(here.then(|| Id(self.global_table_arn.clone())).into_iter().collect())
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        super::retag(&live.outputs.arn, cx.region(), tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let arn = inputs.get("globalTableArn").and_then(Value::as_str);
        vec![("arn", arn.map_or(Value::Unknown, |arn| elsewhere(arn, &at.region.0).into()))]
    }
}

/// Asks the region of the copy; only while there is none, that of the table. So a copy can be read
/// while the region of its table is out of service.
async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<TableReplica>>> {
    let source = Source::of(&id.0)?;
    let reply = cx.dynamodb().describe_table().table_name(source.table).send().await.or_none()?;
    let Some(table) = reply.and_then(|reply| reply.table) else {
        return Ok(source.describe(cx).await?.map_or(Seen::Gone, |table| announced(&table, cx.region())));
    };
    if let Some(unready) = unready(&table) {
        return Ok(unready);
    }
    let arn = need("TableArn", table.table_arn)?;
    let recovered = match want.has("pointInTimeRecovery") {
        true => recovery(source.table, cx.region(), cx).await?.enabled,
        false => false,
    };
    let tags = if want.has("tags") { tags_of(&arn, cx.region(), cx).await? } else { Tags::new() };
    let class = table.table_class_summary.and_then(|summary| summary.table_class).unwrap_or(TableClass::Standard);
    let inputs = TableReplica {
        deletion_protection_enabled: table.deletion_protection_enabled.unwrap_or_default(),
        global_table_arn: elsewhere(&arn, source.region),
        kms_key_arn: ServerSideEncryption::shown(table.sse_description).kms_key_arn,
        point_in_time_recovery: recovered,
        table_class_override: Some(class.as_str().to_owned()),
        tags,
    };
    Ok(Seen::Ready(Live { inputs, outputs: TableReplicaOutputs { arn } }))
}

/// What the table says about a copy that its own region does not show.
fn announced<L>(table: &sdk::TableDescription, region: &str) -> Seen<L> {
    let Some(replica) = table.replicas().iter().find(|r| r.region_name() == Some(region)) else { return Seen::Gone };
    match &replica.replica_status {
        Some(ReplicaStatus::CreationFailed) => {
            Seen::Failed(replica.replica_status_description().unwrap_or("the creation failed").to_owned())
        }
        Some(status) => Seen::Pending(status.as_str().to_lowercase()),
        None => Seen::Pending("creating".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Provider};

    const TABLE: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/orders";
    const COPY: &str = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders";
    const HERE: &str = "dynamodb.eu-west-1";
    const THERE: &str = "dynamodb.us-east-1";

    fn none() -> Reply {
        Reply::Says(400, json!({ "__type": "ResourceNotFoundException", "message": "not found" }).to_string())
    }

    fn copy() -> Reply {
        let table = json!({
            "TableName": "orders", "TableArn": COPY, "TableStatus": "ACTIVE", "DeletionProtectionEnabled": true,
            "SSEDescription": { "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": "arn:k" },
            "TableClassSummary": { "TableClass": "STANDARD_INFREQUENT_ACCESS" },
        });
        ok(json!({ "Table": table }).to_string())
    }

    #[tokio::test]
    async fn read_gives_back_every_input_and_asks_the_region_of_the_copy_only() {
        let backups = json!({ "ContinuousBackupsDescription": { "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": "ENABLED" } } });
        let replies = [
            (THERE, Reply::TimesOut),
            ("DescribeTable", copy()),
            ("DescribeContinuousBackups", ok(backups.to_string())),
            ("ListTagsOfResource", ok(r#"{"Tags":[{"Key":"a","Value":"b"}]}"#)),
        ];
        let inputs = json!({
            "deletionProtectionEnabled": true,
            "globalTableArn": TABLE,
            "kmsKeyArn": "arn:k",
            "pointInTimeRecovery": true,
            "tableClassOverride": "STANDARD_INFREQUENT_ACCESS",
            "tags": { "a": "b" },
        });
        let live = reads_back(TableReplica::TYPE, TABLE, &replies, &[], inputs.clone()).await;
        assert_eq!(live.outputs.get("arn").unwrap().as_str(), Some(COPY));
        reads_back(TableReplica::TYPE, "orders:us-east-1", &replies, &[], inputs).await;
    }

    #[tokio::test]
    async fn a_copy_that_its_region_does_not_show_yet_is_what_the_table_says() {
        let cases = [
            (json!([{ "RegionName": "eu-west-1", "ReplicaStatus": "CREATING" }]), Seen::Pending("creating".into())),
            (
                json!([{ "RegionName": "eu-west-1", "ReplicaStatus": "CREATION_FAILED",
                    "ReplicaStatusDescription": "no key" }]),
                Seen::Failed("no key".into()),
            ),
            (json!([{ "RegionName": "eu-west-3", "ReplicaStatus": "ACTIVE" }]), Seen::Gone),
        ];
        for (replicas, expected) in cases {
            let table = json!({ "Table": { "TableName": "orders", "TableStatus": "UPDATING", "Replicas": replicas } });
            let (aws, _) = aws(&[(HERE, none()), (THERE, ok(table.to_string()))]);
            assert_eq!(read(&aws, TableReplica::TYPE, TABLE).await.unwrap(), expected);
        }
    }

    async fn delete(replies: &[(&str, Reply)]) -> (provider::Next, Vec<String>) {
        let (aws, wire) = aws(replies);
        let applied = json!({ "globalTableArn": TABLE }).into();
        let next = aws.delete(&at(TableReplica::TYPE), &Id(TABLE.into()), &applied, None).await.unwrap();
        (next, wire.requests("DeleteTable"))
    }

    #[tokio::test]
    async fn the_table_ends_a_copy_and_one_without_a_table_ends_by_itself() {
        let (next, alone) = delete(&[(THERE, ok("{}"))]).await;
        assert_eq!((next, alone.len()), (provider::Next::Started, 0));
        let (next, alone) = delete(&[(THERE, none()), (HERE, ok("{}"))]).await;
        assert_eq!((next, alone.len()), (provider::Next::Started, 1));
        let (next, _) = delete(&[(THERE, none()), (HERE, none())]).await;
        assert_eq!(next, provider::Next::Gone);
    }

    #[tokio::test]
    async fn a_copy_is_made_by_a_call_to_the_region_of_the_table() {
        let (aws, wire) = aws(&[("UpdateTable", ok("{}"))]);
        aws.create(&at(TableReplica::TYPE), &json!({ "globalTableArn": TABLE }).into()).await.unwrap();
        let call = wire.requests("UpdateTable").remove(0);
        assert!(call.contains(THERE) && call.contains(r#""Create":{"RegionName":"eu-west-1"}"#), "{call}");
    }
}
