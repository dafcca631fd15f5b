//! How a table comes into being: empty, from files, from a backup, or from another table.

use aws_sdk_dynamodb::types::{self as sdk, BillingMode, KeyType, ScalarAttributeType, StreamViewType, TableClass};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::indexes::{GlobalSecondaryIndex, element};
use super::settings::{Attribute, Capacity, ImportTable, OnDemandThroughput, ServerSideEncryption, WarmThroughput};
use super::{Table, tagged};
use crate::aws::Cx;
use crate::engine::error::{Error, Result};

/// Makes the one call that brings the table into being.
pub(super) async fn create(table: &Table, cx: &Cx) -> Result<()> {
    if let Some(files) = &table.import_table {
        import(table, files, cx).await
    } else if let Some(backup) = &table.restore_backup_arn {
        from_backup(table, backup, cx).await
    } else if table.restore_source_name.is_some() || table.restore_source_table_arn.is_some() {
        from_moment(table, cx).await
    } else {
        empty(table, cx).await
    }
}

async fn empty(table: &Table, cx: &Cx) -> Result<()> {
    let streams = table.stream_enabled == Some(true);
    cx.dynamodb()
        .create_table()
        .set_attribute_definitions(Some(definitions(table.attributes.as_deref().unwrap_or_default())?))
        .billing_mode(BillingMode::from(table.billing_mode.as_str()))
        .set_deletion_protection_enabled(table.deletion_protection_enabled.then_some(true))
        .set_global_secondary_indexes(globals(table)?)
        .set_key_schema(Some(key(table)?))
        .set_local_secondary_indexes(locals(table)?)
        .table_name(&table.name)
        .set_on_demand_throughput(table.on_demand_throughput.as_ref().map(OnDemandThroughput::as_asked))
        .set_provisioned_throughput(table.capacity().map(Capacity::as_asked).transpose()?)
        .set_sse_specification(encryption(table))
        .set_stream_specification(streams.then(|| stream(table)).transpose()?)
        .table_class(TableClass::from(table.table_class.as_str()))
        .set_tags(tagged(&cx.tags(&table.tags))?)
        .set_warm_throughput(table.warm_throughput.as_ref().map(WarmThroughput::as_asked))
        .send()
        .await?;
    Ok(())
}

async fn import(table: &Table, files: &ImportTable, cx: &Cx) -> Result<()> {
    let parameters = sdk::TableCreationParameters::builder()
        .set_attribute_definitions(Some(definitions(table.attributes.as_deref().unwrap_or_default())?))
        .billing_mode(BillingMode::from(table.billing_mode.as_str()))
        .set_global_secondary_indexes(globals(table)?)
        .set_key_schema(Some(key(table)?))
        .table_name(&table.name)
        .set_on_demand_throughput(table.on_demand_throughput.as_ref().map(OnDemandThroughput::as_asked))
        .set_provisioned_throughput(table.capacity().map(Capacity::as_asked).transpose()?)
        .set_sse_specification(encryption(table))
        .build()?;
    cx.dynamodb()
        .import_table()
        .client_token(cx.token())
        .set_input_compression_type(files.compression())
        .input_format(files.format())
        .set_input_format_options(files.options())
        .s3_bucket_source(files.s3_bucket_source.as_asked()?)
        .table_creation_parameters(parameters)
        .send()
        .await?;
    Ok(())
}

async fn from_backup(table: &Table, backup: &str, cx: &Cx) -> Result<()> {
    cx.dynamodb()
        .restore_table_from_backup()
        .backup_arn(backup)
        .billing_mode_override(BillingMode::from(table.billing_mode.as_str()))
        .set_global_secondary_index_override(globals(table)?)
        .set_local_secondary_index_override(locals(table)?)
        .set_on_demand_throughput_override(table.on_demand_throughput.as_ref().map(OnDemandThroughput::as_asked))
        .set_provisioned_throughput_override(table.capacity().map(Capacity::as_asked).transpose()?)
        .set_sse_specification_override(encryption(table))
        .target_table_name(&table.name)
        .send()
        .await?;
    Ok(())
}

async fn from_moment(table: &Table, cx: &Cx) -> Result<()> {
    let moment = table.restore_date_time.as_deref().map(moment).transpose()?;
    cx.dynamodb()
        .restore_table_to_point_in_time()
        .billing_mode_override(BillingMode::from(table.billing_mode.as_str()))
        .set_global_secondary_index_override(globals(table)?)
        .set_local_secondary_index_override(locals(table)?)
        .set_on_demand_throughput_override(table.on_demand_throughput.as_ref().map(OnDemandThroughput::as_asked))
        .set_provisioned_throughput_override(table.capacity().map(Capacity::as_asked).transpose()?)
        .set_restore_date_time(moment)
        .set_source_table_arn(table.restore_source_table_arn.clone())
        .set_source_table_name(table.restore_source_name.clone())
        .set_sse_specification_override(encryption(table))
        .target_table_name(&table.name)
        .set_use_latest_restorable_time(table.restore_to_latest_time)
        .send()
        .await?;
    Ok(())
}

fn moment(text: &str) -> Result<DateTime> {
    DateTime::from_str(text, Format::DateTimeWithOffset)
        .map_err(|_| Error::invalid(format!("`{text}` is no time such as `2026-01-31T12:00:00Z`")))
}

fn key(table: &Table) -> Result<Vec<sdk::KeySchemaElement>> {
    let without = || Error::invalid("a table that is not restored needs a key").hint("give it a `hashKey`");
    let mut key = vec![element(table.hash_key.as_deref().ok_or_else(without)?, KeyType::Hash)?];
    if let Some(range) = &table.range_key {
        key.push(element(range, KeyType::Range)?);
    }
    Ok(key)
}

/// The attributes of keys, as AWS takes them.
pub(super) fn definitions(attributes: &[Attribute]) -> Result<Vec<sdk::AttributeDefinition>> {
    let definition = |a: &Attribute| {
        let kind = ScalarAttributeType::from(a.r#type.as_str());
        Ok(sdk::AttributeDefinition::builder().attribute_name(&a.name).attribute_type(kind).build()?)
    };
    attributes.iter().map(definition).collect()
}

/// The stream as the program wants it.
pub(super) fn stream(table: &Table) -> Result<sdk::StreamSpecification> {
    let view = table.stream_view_type.as_deref().map(StreamViewType::from);
    Ok(sdk::StreamSpecification::builder().stream_enabled(true).set_stream_view_type(view).build()?)
}

fn encryption(table: &Table) -> Option<sdk::SseSpecification> {
    table.server_side_encryption.as_ref().filter(|sse| sse.enabled).map(ServerSideEncryption::as_asked)
}

fn globals(table: &Table) -> Result<Option<Vec<sdk::GlobalSecondaryIndex>>> {
    let indexes = &table.global_secondary_indexes;
    let declared = |index: &GlobalSecondaryIndex| index.declared(table.capacity());
    if indexes.is_empty() { Ok(None) } else { indexes.iter().map(declared).collect::<Result<_>>().map(Some) }
}

fn locals(table: &Table) -> Result<Option<Vec<sdk::LocalSecondaryIndex>>> {
    let hash_key = table.hash_key.as_deref().unwrap_or_default();
    let indexes = &table.local_secondary_indexes;
    if indexes.is_empty() {
        return Ok(None);
    }
    indexes.iter().map(|index| index.declared(hash_key)).collect::<Result<_>>().map(Some)
}
