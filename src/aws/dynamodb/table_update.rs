//! How a table changes: one kind of change a call, as DynamoDB takes it, and no call while an earlier
//! one goes on.

use aws_sdk_dynamodb::operation::update_table::builders::UpdateTableFluentBuilder;
use aws_sdk_dynamodb::types::{self as sdk, BillingMode, TableClass};

use super::indexes::GlobalSecondaryIndex;
use super::settings::{Capacity, ServerSideEncryption, Ttl, WarmThroughput};
use super::table_create::{definitions, stream};
use super::{Table, replicas, there};
use crate::aws::prelude::*;

/// Makes the next call that turns `live` into the table.
pub(super) async fn update(table: &Table, id: &Id, live: &Live<Table>, cx: &Cx) -> Result<Next<Table>> {
    let call = || cx.dynamodb().update_table().table_name(&id.0);
    if let Some((change, word)) = next_change(table, &live.inputs, call)? {
        change.send().await?;
        return Ok(Next::More(word));
    }
    if let Some(ttl) = changed(&table.ttl, &live.inputs.ttl) {
        return expire(id, ttl, live.inputs.ttl.as_ref(), cx).await;
    }
    if let Some(wanted) = &table.point_in_time_recovery {
        let now = live.inputs.point_in_time_recovery.as_ref();
        let period = wanted.recovery_period_in_days;
        let differs = now.is_none_or(|now| {
            now.enabled != wanted.enabled || period.is_some() && period != now.recovery_period_in_days
        });
        if differs {
            set_recovery(&id.0, wanted.enabled, period, cx.region(), cx).await?;
            return Ok(Next::More("setting the backups"));
        }
    }
    Ok(replicas::step(table, id, live, cx).await?.unwrap_or(Next::Started))
}

/// Switches the backups of every second of a table in some region.
pub(super) async fn set_recovery(table: &str, on: bool, days: Option<i32>, region: &str, cx: &Cx) -> Result<()> {
    let recovery = sdk::PointInTimeRecoverySpecification::builder()
        .point_in_time_recovery_enabled(on)
        .set_recovery_period_in_days(days.filter(|_| on))
        .build()?;
    let update = cx.dynamodb().update_continuous_backups().table_name(table);
    let update = update.point_in_time_recovery_specification(recovery);
    update.customize().config_override(there(region)).send().await?;
    Ok(())
}

/// The first change that UpdateTable has to make, and a word for it.
fn next_change(
    new: &Table,
    old: &Table,
    call: impl Fn() -> UpdateTableFluentBuilder,
) -> Result<Option<(UpdateTableFluentBuilder, &'static str)>> {
    if new.deletion_protection_enabled != old.deletion_protection_enabled {
        let on = new.deletion_protection_enabled;
        return Ok(Some((call().deletion_protection_enabled(on), "setting the protection")));
    }
    if let Some(gone) = old.global_secondary_indexes.iter().find(|old| !is_kept(old, new)) {
        return Ok(Some((call().global_secondary_index_updates(gone.deletion()?), "removing an index")));
    }
    if let Some(change) = throughput(new, old, &call)? {
        return Ok(Some((change, "changing the throughput")));
    }
    if let Some(absent) = new.global_secondary_indexes.iter().find(|new| !names(&old.global_secondary_indexes, new)) {
        let change = call()
            .set_attribute_definitions(Some(definitions(new.attributes.as_deref().unwrap_or_default())?))
            .global_secondary_index_updates(absent.creation(new.capacity())?);
        return Ok(Some((change, "making an index")));
    }
    if let Some(change) = streaming(new, old)? {
        return Ok(Some((call().stream_specification(change), "changing the stream")));
    }
    if let Some(encryption) = &new.server_side_encryption {
        let plain = ServerSideEncryption { enabled: false, kms_key_arn: None };
        if !encryption.is_met_by(old.server_side_encryption.as_ref().unwrap_or(&plain)) {
            return Ok(Some((call().sse_specification(encryption.as_asked()), "encrypting")));
        }
    }
    if new.table_class != old.table_class {
        let class = TableClass::from(new.table_class.as_str());
        return Ok(Some((call().table_class(class), "changing the class")));
    }
    let warmer = changed(&new.warm_throughput, &old.warm_throughput).filter(|warm| !is_as_warm(warm, old));
    Ok(warmer.map(|warm| (call().warm_throughput(warm.as_asked()), "warming")))
}

fn names(indexes: &[GlobalSecondaryIndex], index: &GlobalSecondaryIndex) -> bool {
    indexes.iter().any(|other| other.name == index.name)
}

/// Whether the program has the index, with the same key and the same content.
fn is_kept(index: &GlobalSecondaryIndex, table: &Table) -> bool {
    table.global_secondary_indexes.iter().any(|new| new.name == index.name && new.has_shape_of(index))
}

fn is_as_warm(wanted: &WarmThroughput, table: &Table) -> bool {
    let live = table.warm_throughput.as_ref();
    let met = |wish: Option<i64>, live: Option<i64>| wish.is_none() || wish == live;
    met(wanted.read_units_per_second, live.and_then(|w| w.read_units_per_second))
        && met(wanted.write_units_per_second, live.and_then(|w| w.write_units_per_second))
}

/// Billing and throughput of the table and of all its indexes, which change together.
fn throughput(
    new: &Table,
    old: &Table,
    call: impl Fn() -> UpdateTableFluentBuilder,
) -> Result<Option<UpdateTableFluentBuilder>> {
    let billing = (new.billing_mode != old.billing_mode).then(|| BillingMode::from(new.billing_mode.as_str()));
    let (read, write) =
        (changed(&new.read_capacity, &old.read_capacity), changed(&new.write_capacity, &old.write_capacity));
    let wished = Capacity::of(new.read_capacity.or(old.read_capacity), new.write_capacity.or(old.write_capacity));
    let moves = billing.is_some() || read.is_some() || write.is_some();
    let capacity = wished.filter(|_| new.is_provisioned() && moves).map(Capacity::as_asked).transpose()?;
    let demand = (new.on_demand_throughput != old.on_demand_throughput && !new.is_provisioned())
        .then(|| new.on_demand_throughput.clone().unwrap_or_default().as_asked());
    let becomes_provisioned = new.capacity().filter(|_| billing.is_some());
    let mut indexes = Vec::new();
    for index in &new.global_secondary_indexes {
        if let Some(live) = old.global_secondary_indexes.iter().find(|old| old.name == index.name) {
            indexes.extend(index.retuning(live, becomes_provisioned)?);
        }
    }
    if billing.is_none() && capacity.is_none() && demand.is_none() && indexes.is_empty() {
        return Ok(None);
    }
    let change = call().set_billing_mode(billing).set_provisioned_throughput(capacity).set_on_demand_throughput(demand);
    Ok(Some(change.set_global_secondary_index_updates((!indexes.is_empty()).then_some(indexes))))
}

/// A stream with another view is another stream, so the old one ends first.
fn streaming(new: &Table, old: &Table) -> Result<Option<sdk::StreamSpecification>> {
    let is_on = old.stream_enabled == Some(true);
    let other_view = changed(&new.stream_view_type, &old.stream_view_type).is_some();
    match new.stream_enabled {
        Some(true) if !is_on => stream(new).map(Some),
        Some(true) if !other_view => Ok(None),
        Some(_) if is_on => Ok(Some(sdk::StreamSpecification::builder().stream_enabled(false).build()?)),
        _ => Ok(None),
    }
}

/// Another attribute comes after the end of the old one.
async fn expire(id: &Id, wanted: &Ttl, live: Option<&Ttl>, cx: &Cx) -> Result<Next<Table>> {
    let old = live.filter(|ttl| ttl.enabled).and_then(|ttl| ttl.attribute_name.as_deref());
    let (attribute, enabled) = match (old, wanted.enabled) {
        (Some(old), true) if wanted.attribute_name.as_deref() != Some(old) => (old, false),
        (Some(old), false) => (old, false),
        (None, true) => {
            let without = || Error::invalid("items cannot expire by an attribute that is not named");
            let name = wanted.attribute_name.as_deref();
            (name.ok_or_else(|| without().hint("give `ttl` an `attributeName`"))?, true)
        }
        _ => return Ok(Next::Started),
    };
    let ttl = sdk::TimeToLiveSpecification::builder().attribute_name(attribute).enabled(enabled).build()?;
    cx.dynamodb().update_time_to_live().table_name(&id.0).time_to_live_specification(ttl).send().await?;
    Ok(Next::More("setting the expiry"))
}
