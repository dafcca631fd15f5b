use std::time::Duration;

use aws_sdk_dynamodb::types::{
    self as sdk, BillingMode, IndexStatus, KeyType, TableClass, TableStatus, TimeToLiveStatus,
};

use super::indexes::{self, GlobalSecondaryIndex, LocalSecondaryIndex};
use super::replicas::{self, Replica};
use super::scaled::{Scaled, scaled};
use super::settings::{
    Attribute, Capacity, GlobalTableWitness, ImportTable, OnDemandThroughput, PointInTimeRecovery,
    ServerSideEncryption, Ttl, WarmThroughput,
};
use super::{KEY_USE, table_create, table_update, tags_of, there};
use crate::aws::prelude::*;
use crate::engine::rules::{
    at_least_one, auto_name, computed, exclusive, one_of, protection, refers, replace, sometimes_shown, unordered,
    write_only,
};

/// A table of items.
///
/// Replicas are either named here, by `replicas`, or resources of their own, of the type
/// `TableReplica`: without `replicas`, the table leaves those that it has alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = at_least_one(&["hashKey", "restoreBackupArn", "restoreSourceName", "restoreSourceTableArn"]))]
#[schemars(transform = exclusive(&["importTable", "restoreBackupArn", "restoreSourceName", "restoreSourceTableArn"]))]
#[schemars(transform = exclusive(&["restoreDateTime", "restoreToLatestTime"]))]
pub struct Table {
    /// Attributes that the keys of the table and of its indexes use, and no others.
    #[schemars(transform = computed, transform = unordered)]
    pub attributes: Option<Vec<Attribute>>,
    /// Whether capacity is provided or each request is paid for.
    #[schemars(transform = one_of(&["PAY_PER_REQUEST", "PROVISIONED"]))]
    #[serde(default = "provisioned")]
    pub billing_mode: String,
    /// Whether AWS refuses to delete the table. Replicas have a protection of their own.
    #[schemars(transform = protection)]
    #[serde(default)]
    pub deletion_protection_enabled: bool,
    /// Indexes with keys of their own. DynamoDB makes and removes one at a time.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub global_secondary_indexes: Vec<GlobalSecondaryIndex>,
    /// Region that votes in a table of strong consistency beside its one replica.
    #[schemars(transform = computed)]
    pub global_table_witness: Option<GlobalTableWitness>,
    /// Attribute that items are distributed by. A restored table has that of its source.
    #[schemars(transform = replace, transform = computed)]
    pub hash_key: Option<String>,
    /// Files that the items come from.
    #[schemars(transform = replace, transform = computed, transform = write_only)]
    pub import_table: Option<ImportTable>,
    /// Indexes by the key of the table and another attribute to sort by.
    #[schemars(transform = replace, transform = unordered)]
    #[serde(default)]
    pub local_secondary_indexes: Vec<LocalSecondaryIndex>,
    /// Name of the table. Replicas have the same one.
    #[schemars(transform = replace, transform = auto_name(255), length(min = 3, max = 255))]
    pub name: String,
    /// Most requests a second, with on-demand billing.
    pub on_demand_throughput: Option<OnDemandThroughput>,
    /// Backups of every second.
    #[schemars(transform = computed)]
    pub point_in_time_recovery: Option<PointInTimeRecovery>,
    /// Attribute that items are sorted by.
    #[schemars(transform = replace)]
    pub range_key: Option<String>,
    /// Read units a second, with provisioned capacity. Where Application Auto Scaling owns them, a
    /// change that it makes is none.
    #[schemars(transform = computed, transform = sometimes_shown, range(min = 1))]
    pub read_capacity: Option<i64>,
    /// Copies in other regions. Without the input the table does not care for any; an empty list
    /// stands for none.
    #[schemars(transform = computed, transform = unordered)]
    pub replicas: Option<Vec<Replica>>,
    /// Backup that the table is made from.
    #[schemars(transform = replace, transform = computed, transform = write_only)]
    pub restore_backup_arn: Option<String>,
    /// Moment of the source that the table is made from, for example `2026-01-31T12:00:00Z`.
    #[schemars(transform = replace, transform = computed, transform = write_only)]
    pub restore_date_time: Option<String>,
    /// Table of the region, with point-in-time recovery, that the table is made from.
    #[schemars(transform = computed, transform = write_only)]
    pub restore_source_name: Option<String>,
    /// The same for a table of any region.
    #[schemars(transform = replace, transform = computed, transform = write_only)]
    #[schemars(transform = refers("aws:dynamodb/table:Table.arn"))]
    pub restore_source_table_arn: Option<String>,
    /// Whether the table is made from the latest moment of its source.
    #[schemars(transform = replace, transform = computed, transform = write_only)]
    pub restore_to_latest_time: Option<bool>,
    /// Encryption with a key of KMS.
    #[schemars(transform = computed)]
    pub server_side_encryption: Option<ServerSideEncryption>,
    /// Whether changes of items can be read from a stream. Replication switches it on by itself.
    #[schemars(transform = computed)]
    pub stream_enabled: Option<bool>,
    /// What the stream tells of a change.
    #[schemars(transform = computed)]
    #[schemars(transform = one_of(&["KEYS_ONLY", "NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE"]))]
    pub stream_view_type: Option<String>,
    /// Whether storage is cheaper and requests are dearer.
    #[schemars(transform = one_of(&["STANDARD", "STANDARD_INFREQUENT_ACCESS"]))]
    #[serde(default = "standard")]
    pub table_class: String,
    /// Tags of the table.
    #[serde(default)]
    pub tags: Tags,
    /// Deletion of items at a time that they hold.
    #[schemars(transform = computed)]
    pub ttl: Option<Ttl>,
    /// Requests a second that the table takes at once. It can only grow.
    #[schemars(transform = computed)]
    pub warm_throughput: Option<WarmThroughput>,
    /// Write units a second, with provisioned capacity. Where Application Auto Scaling owns them, a
    /// change that it makes is none.
    #[schemars(transform = computed, transform = sometimes_shown, range(min = 1))]
    pub write_capacity: Option<i64>,
}

fn provisioned() -> String {
    BillingMode::Provisioned.as_str().to_owned()
}

fn standard() -> String {
    TableClass::Standard.as_str().to_owned()
}

/// What AWS decides about a table.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableOutputs {
    /// ARN of the table.
    pub arn: String,
    /// ARN of the stream, if there is or was one.
    pub stream_arn: Option<String>,
    /// Time at which the stream began, which is a part of its ARN.
    pub stream_label: Option<String>,
}

/// For that long at most AWS keeps a table that was the source of a new replica. It can go as soon as
/// that replica is gone.
pub(super) const SOURCE_STAYS: Duration = Duration::from_secs(24 * 60 * 60);

/// What DynamoDB does with the items of a table in the name of whoever restores it (Service Authorization
/// Reference, "Actions defined by Amazon DynamoDB", dependent actions).
const RESTORE: &[&str] = &[
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
];

impl Resource for Table {
    const TYPE: &'static str = "aws:dynamodb/table:Table";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(30, 60, 10),
        takes: Takes::seconds(10, 10, 10),
        look_before_delete: true,
        permissions: Permissions {
            create: &[
                "dynamodb:CreateTable",
                "dynamodb:CreateTableReplica",
                "dynamodb:TagResource",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTable",
                "dynamodb:UpdateTimeToLive",
                "iam:CreateServiceLinkedRole",
            ],
            read: &[
                "application-autoscaling:DescribeScalableTargets",
                "dynamodb:DescribeContinuousBackups",
                "dynamodb:DescribeTable",
                "dynamodb:DescribeTimeToLive",
                "dynamodb:ListTagsOfResource",
            ],
            update: &[
                "dynamodb:CreateTableReplica",
                "dynamodb:DeleteTableReplica",
                "dynamodb:TagResource",
                "dynamodb:UntagResource",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTable",
                "dynamodb:UpdateTimeToLive",
                "iam:CreateServiceLinkedRole",
            ],
            delete: &["dynamodb:DeleteTable", "dynamodb:DeleteTableReplica", "dynamodb:UpdateTable"],
        },
        permissions_with: &[
            WithInput::on("serverSideEncryption.kmsKeyArn", &[], KEY_USE),
            WithInput::on("replicas.*.kmsKeyArn", &[], KEY_USE),
            WithInput::itself("importTable", &["dynamodb:ImportTable"]),
            WithInput::itself("restoreBackupArn", &["dynamodb:RestoreTableFromBackup"]),
            WithInput::itself("restoreBackupArn", RESTORE),
            WithInput::itself("restoreSourceName", &["dynamodb:RestoreTableToPointInTime"]),
            WithInput::itself("restoreSourceName", RESTORE),
            WithInput::itself("restoreSourceTableArn", &["dynamodb:RestoreTableToPointInTime"]),
            WithInput::itself("restoreSourceTableArn", RESTORE),
            // What comes from a source is read with its key, which no input names.
            WithInput::itself("restoreBackupArn", KEY_USE),
            WithInput::itself("restoreSourceName", KEY_USE),
            WithInput::itself("restoreSourceTableArn", KEY_USE),
        ],
        acts_on: &["dynamodb:*:*:table/{name}", "dynamodb:*:*:table/{name}/*"],
        import: "name of the table, `orders`",
        ..Facts::new(IdForm::Input("name"), FoundBy::OwnerTag)
    };
    type Outputs = TableOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        table_create::create(self, cx).await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        table_update::update(self, id, live, cx).await
    }

    /// The replicas of the program go first. Those of other resources went before, or stay.
    async fn delete(&self, id: &Id, live: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let ours = |r: &&Replica| self.replicas.iter().flatten().any(|mine| mine.region_name == r.region_name);
        let replicas: Vec<_> =
            live.and_then(|l| l.inputs.replicas.as_ref()).into_iter().flatten().filter(ours).collect();
        if !replicas.is_empty() {
            let witness = live.and_then(|l| l.inputs.global_table_witness.as_ref());
            return replicas::remove(id, &replicas, witness, cx).await;
        }
        match cx.dynamodb().delete_table().table_name(&id.0).send().await.or_none() {
            Ok(Some(_)) => Ok(Next::Started),
            Ok(None) => Ok(Next::Gone),
            Err(error) if Fact::YoungSource.is_said_by(&error) => Ok(Next::Later(SOURCE_STAYS)),
            Err(error) => Err(error),
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let table = cx.dynamodb().describe_table().table_name(&self.name).send().await.or_none()?;
        let Some(arn) = table.and_then(|reply| reply.table?.table_arn) else { return Ok(Vec::new()) };
        let mine = tags_of(&arn, cx.region(), cx).await?.get(tags::ATTEMPT).is_some_and(|a| a == cx.token());
        Ok(mine.then(|| Id(self.name.clone())).into_iter().collect())
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        super::retag(&live.outputs.arn, cx.region(), tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let name = inputs.get("name").and_then(Value::as_str);
        vec![("arn", name.map_or(Value::Unknown, |name| at.arn("dynamodb", &format!("table/{name}"))))]
    }

    /// Another source makes another table; that the source is not named any more changes nothing.
    fn replaces(live: &Value, wanted: &Value) -> Vec<&'static str> {
        const SOURCE: &str = "restoreSourceName";
        let source = |v: &Value| v.get(SOURCE).filter(|v| !v.is_null()).cloned();
        match (source(live), source(wanted)) {
            (old, Some(new)) if old.as_ref() != Some(&new) => vec![SOURCE],
            _ => Vec::new(),
        }
    }
}

impl Table {
    /// Units a second, if the table has provisioned capacity.
    pub(super) fn capacity(&self) -> Option<Capacity> {
        Capacity::of(self.read_capacity, self.write_capacity).filter(|_| self.is_provisioned())
    }

    pub(super) fn is_provisioned(&self) -> bool {
        self.billing_mode == BillingMode::Provisioned.as_str()
    }
}

/// The backups of every second of a table in some region.
pub(super) async fn recovery(table: &str, region: &str, cx: &Cx) -> Result<PointInTimeRecovery> {
    let describe = cx.dynamodb().describe_continuous_backups().table_name(table);
    let reply = describe.customize().config_override(there(region)).send().await?;
    let backups = need("ContinuousBackupsDescription", reply.continuous_backups_description)?;
    let recovery = backups.point_in_time_recovery_description;
    let status = recovery.as_ref().and_then(|r| r.point_in_time_recovery_status.as_ref());
    Ok(PointInTimeRecovery {
        enabled: status == Some(&sdk::PointInTimeRecoveryStatus::Enabled),
        recovery_period_in_days: recovery.and_then(|r| r.recovery_period_in_days),
    })
}

/// Why a table does not count as ready.
pub(super) fn unready<L>(table: &sdk::TableDescription) -> Option<Seen<L>> {
    match table.table_status.as_ref() {
        Some(TableStatus::Active) | None => {}
        Some(status @ (TableStatus::Archived | TableStatus::Archiving)) => {
            return Some(Seen::Failed(status.as_str().to_owned()));
        }
        Some(TableStatus::InaccessibleEncryptionCredentials) => {
            return Some(Seen::Failed("the key of the table cannot be used".to_owned()));
        }
        Some(status) => return Some(Seen::Pending(status.as_str().to_lowercase())),
    }
    let moving = |i: &&sdk::GlobalSecondaryIndexDescription| {
        i.index_status.as_ref().is_some_and(|status| *status != IndexStatus::Active)
    };
    let index = table.global_secondary_indexes().iter().find(moving)?;
    let status = index.index_status.as_ref().map_or("", IndexStatus::as_str).to_lowercase();
    Some(Seen::Pending(format!("index {} {status}", index.index_name().unwrap_or_default())))
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<Table>>> {
    let Some(reply) = cx.dynamodb().describe_table().table_name(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let table = need("Table", reply.table)?;
    if let Some(unready) = unready(&table) {
        return Ok(unready);
    }
    if let Some(word) = replicas::busy(&table) {
        return Ok(Seen::Pending(word));
    }
    let arn = need("TableArn", table.table_arn.clone())?;
    let closely = want.has("replicas") && !table.replicas().is_empty();
    let tags = if want.has("tags") || closely { tags_of(&arn, cx.region(), cx).await? } else { Tags::new() };
    let replicas = replicas::shown(&table, closely, &tags, cx).await?;
    let ttl = if want.has("ttl") { Some(ttl(&id.0, cx).await?) } else { None };
    let recovery = match want.has("pointInTimeRecovery") {
        true => Some(recovery(&id.0, cx.region(), cx).await?),
        false => None,
    };
    let billing = table.billing_mode_summary.as_ref().and_then(|b| b.billing_mode.as_ref());
    let billing_mode = billing.map_or_else(provisioned, |mode| mode.as_str().to_owned());
    let asks = ["readCapacity", "writeCapacity"].into_iter().find(|input| want.has(input));
    let owned = match asks.filter(|_| billing_mode == provisioned()) {
        Some(input) => scaled(&id.0, cx).await.map_err(|error| error.about(input))?,
        None => Scaled::default(),
    };
    let keys = need("KeySchema", table.key_schema)?;
    let units = table.provisioned_throughput;
    let read = units.as_ref().and_then(|u| u.read_capacity_units).filter(|n| *n > 0 && !owned.read);
    let write = units.as_ref().and_then(|u| u.write_capacity_units).filter(|n| *n > 0 && !owned.write);
    let globals = table.global_secondary_indexes.unwrap_or_default();
    let locals = table.local_secondary_indexes.unwrap_or_default();
    let attributes = table.attribute_definitions.unwrap_or_default();
    let witness = table.global_table_witnesses.unwrap_or_default().into_iter().next();
    let stream = table.stream_specification;
    let class = table.table_class_summary.and_then(|summary| summary.table_class);
    let inputs = Table {
        attributes: Some(attributes.into_iter().map(attribute).collect()),
        billing_mode,
        deletion_protection_enabled: table.deletion_protection_enabled.unwrap_or_default(),
        global_secondary_indexes: globals.into_iter().map(GlobalSecondaryIndex::shown).collect::<Result<_>>()?,
        global_table_witness: witness.map(|w| GlobalTableWitness { region_name: w.region_name }),
        hash_key: indexes::named(&keys, &KeyType::Hash),
        import_table: None,
        local_secondary_indexes: locals.into_iter().map(LocalSecondaryIndex::shown).collect::<Result<_>>()?,
        name: need("TableName", table.table_name)?,
        on_demand_throughput: table.on_demand_throughput.and_then(OnDemandThroughput::shown),
        point_in_time_recovery: recovery,
        range_key: indexes::named(&keys, &KeyType::Range),
        read_capacity: read,
        replicas: Some(replicas),
        restore_backup_arn: None,
        restore_date_time: None,
        restore_source_name: None,
        restore_source_table_arn: None,
        restore_to_latest_time: None,
        server_side_encryption: Some(ServerSideEncryption::shown(table.sse_description)),
        stream_enabled: Some(stream.as_ref().is_some_and(|s| s.stream_enabled)),
        stream_view_type: stream.and_then(|s| s.stream_view_type).map(|view| view.as_str().to_owned()),
        table_class: class.map_or_else(standard, |class| class.as_str().to_owned()),
        tags,
        ttl,
        warm_throughput: table.warm_throughput.map(|w| WarmThroughput {
            read_units_per_second: w.read_units_per_second,
            write_units_per_second: w.write_units_per_second,
        }),
        write_capacity: write,
    };
    let outputs = TableOutputs { arn, stream_arn: table.latest_stream_arn, stream_label: table.latest_stream_label };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

fn attribute(definition: sdk::AttributeDefinition) -> Attribute {
    Attribute { name: definition.attribute_name, r#type: definition.attribute_type.as_str().to_owned() }
}

/// A change of the expiry takes up to an hour to spread; it counts once AWS has taken it.
async fn ttl(table: &str, cx: &Cx) -> Result<Ttl> {
    let reply = cx.dynamodb().describe_time_to_live().table_name(table).send().await?;
    let ttl = need("TimeToLiveDescription", reply.time_to_live_description)?;
    let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
    let enabled = ttl.time_to_live_status.as_ref().is_some_and(|status| on.contains(status));
    Ok(Ttl { attribute_name: ttl.attribute_name.filter(|_| enabled), enabled })
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
