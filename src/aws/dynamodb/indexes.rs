//! Secondary indexes of a table.

use aws_sdk_dynamodb::types::{self as sdk, KeyType, ProjectionType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::{Capacity, OnDemandThroughput, WarmThroughput};
use crate::aws::delta::changed;
use crate::engine::error::{Error, Result, need};
use crate::engine::rules::{computed, exclusive, one_of, unordered};

const PROJECTIONS: &[&str] = &["ALL", "INCLUDE", "KEYS_ONLY"];

/// An index with a key of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["hashKey", "keySchemas"]))]
#[schemars(transform = exclusive(&["keySchemas", "rangeKey"]))]
pub struct GlobalSecondaryIndex {
    /// Attribute that items are distributed by.
    #[schemars(transform = computed)]
    pub hash_key: Option<String>,
    /// Key of up to four attributes to distribute by and four to sort by, in their order.
    #[schemars(transform = computed)]
    pub key_schemas: Option<Vec<KeySchema>>,
    /// Name of the index, unique in the table.
    #[schemars(length(min = 3, max = 255))]
    pub name: String,
    /// Attributes that an index of the kind `INCLUDE` holds beside its keys.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub non_key_attributes: Vec<String>,
    /// Most requests a second, with on-demand billing.
    pub on_demand_throughput: Option<OnDemandThroughput>,
    /// What the index holds of each item.
    #[schemars(transform = one_of(PROJECTIONS))]
    pub projection_type: String,
    /// Attribute that items are sorted by.
    #[schemars(transform = computed)]
    pub range_key: Option<String>,
    /// Read units a second, with provisioned capacity. A new index begins with those of its table;
    /// leave it out where Application Auto Scaling owns it.
    #[schemars(transform = computed, range(min = 1))]
    pub read_capacity: Option<i64>,
    /// Requests a second that the index takes at once. It can only grow.
    #[schemars(transform = computed)]
    pub warm_throughput: Option<WarmThroughput>,
    /// Write units a second, with provisioned capacity. A new index begins with those of its table;
    /// leave it out where Application Auto Scaling owns it.
    #[schemars(transform = computed, range(min = 1))]
    pub write_capacity: Option<i64>,
}

/// One attribute of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySchema {
    /// Name of the attribute.
    pub attribute_name: String,
    /// Whether items are distributed or sorted by it.
    #[schemars(transform = one_of(&["HASH", "RANGE"]))]
    pub key_type: String,
}

/// An index by the key of the table and another attribute to sort by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LocalSecondaryIndex {
    /// Name of the index, unique in the table.
    #[schemars(length(min = 3, max = 255))]
    pub name: String,
    /// Attributes that an index of the kind `INCLUDE` holds beside its keys.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub non_key_attributes: Vec<String>,
    /// What the index holds of each item.
    #[schemars(transform = one_of(PROJECTIONS))]
    pub projection_type: String,
    /// Attribute that items are sorted by.
    pub range_key: String,
}

impl GlobalSecondaryIndex {
    /// The index as a new table has it. `table` is the capacity of the table, if it is provisioned.
    pub fn declared(&self, table: Option<Capacity>) -> Result<sdk::GlobalSecondaryIndex> {
        Ok(sdk::GlobalSecondaryIndex::builder()
            .index_name(&self.name)
            .set_key_schema(Some(self.key()?))
            .set_on_demand_throughput(self.on_demand_throughput.as_ref().map(OnDemandThroughput::as_asked))
            .projection(projection(&self.projection_type, &self.non_key_attributes))
            .set_provisioned_throughput(self.capacity(table)?)
            .set_warm_throughput(self.warm_throughput.as_ref().map(WarmThroughput::as_asked))
            .build()?)
    }

    /// The call that adds the index to a table.
    pub fn creation(&self, table: Option<Capacity>) -> Result<sdk::GlobalSecondaryIndexUpdate> {
        let create = sdk::CreateGlobalSecondaryIndexAction::builder()
            .index_name(&self.name)
            .set_key_schema(Some(self.key()?))
            .set_on_demand_throughput(self.on_demand_throughput.as_ref().map(OnDemandThroughput::as_asked))
            .projection(projection(&self.projection_type, &self.non_key_attributes))
            .set_provisioned_throughput(self.capacity(table)?)
            .set_warm_throughput(self.warm_throughput.as_ref().map(WarmThroughput::as_asked))
            .build()?;
        Ok(sdk::GlobalSecondaryIndexUpdate::builder().create(create).build())
    }

    /// The call that takes the index away.
    pub fn deletion(&self) -> Result<sdk::GlobalSecondaryIndexUpdate> {
        let delete = sdk::DeleteGlobalSecondaryIndexAction::builder().index_name(&self.name).build()?;
        Ok(sdk::GlobalSecondaryIndexUpdate::builder().delete(delete).build())
    }

    /// Whether both hold the same by the same key, so that one can become the other.
    pub fn has_shape_of(&self, live: &Self) -> bool {
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        self.keys() == live.keys()
            && self.projection_type == live.projection_type
            && sorted(&self.non_key_attributes) == sorted(&live.non_key_attributes)
    }

    /// The change of throughput that leads from `live` here. `table` is the capacity of a table that
    /// becomes provisioned, which every index must have then too.
    pub fn retuning(&self, live: &Self, table: Option<Capacity>) -> Result<Option<sdk::GlobalSecondaryIndexUpdate>> {
        let read = changed(&self.read_capacity, &live.read_capacity).is_some();
        let write = changed(&self.write_capacity, &live.write_capacity).is_some();
        let wished = Capacity::of(
            self.read_capacity.or(live.read_capacity).or(table.map(|t| t.read)),
            self.write_capacity.or(live.write_capacity).or(table.map(|t| t.write)),
        );
        let capacity = wished.filter(|_| read || write || table.is_some()).map(Capacity::as_asked).transpose()?;
        let demand = (self.on_demand_throughput != live.on_demand_throughput)
            .then(|| self.on_demand_throughput.clone().unwrap_or_default().as_asked());
        let warm = changed(&self.warm_throughput, &live.warm_throughput).map(WarmThroughput::as_asked);
        if capacity.is_none() && demand.is_none() && warm.is_none() {
            return Ok(None);
        }
        let update = sdk::UpdateGlobalSecondaryIndexAction::builder()
            .index_name(&self.name)
            .set_on_demand_throughput(demand)
            .set_provisioned_throughput(capacity)
            .set_warm_throughput(warm)
            .build()?;
        Ok(Some(sdk::GlobalSecondaryIndexUpdate::builder().update(update).build()))
    }

    fn capacity(&self, table: Option<Capacity>) -> Result<Option<sdk::ProvisionedThroughput>> {
        let Some(table) = table else { return Ok(None) };
        let (read, write) = (self.read_capacity.unwrap_or(table.read), self.write_capacity.unwrap_or(table.write));
        Capacity { read, write }.as_asked().map(Some)
    }

    fn keys(&self) -> Vec<KeySchema> {
        let of = |name: &Option<String>, kind: KeyType| {
            let name = name.clone()?;
            Some(KeySchema { attribute_name: name, key_type: kind.as_str().to_owned() })
        };
        match &self.key_schemas {
            Some(keys) if !keys.is_empty() => keys.clone(),
            _ => {
                [of(&self.hash_key, KeyType::Hash), of(&self.range_key, KeyType::Range)].into_iter().flatten().collect()
            }
        }
    }

    fn key(&self) -> Result<Vec<sdk::KeySchemaElement>> {
        let keys = self.keys();
        if keys.is_empty() {
            return Err(Error::invalid(format!("the index `{}` has no key", self.name)).hint("give it a `hashKey`"));
        }
        keys.iter().map(|k| element(&k.attribute_name, KeyType::from(k.key_type.as_str()))).collect()
    }

    /// The index as AWS shows it.
    pub fn shown(index: sdk::GlobalSecondaryIndexDescription) -> Result<Self> {
        let capacity = index.provisioned_throughput;
        let units = |units: Option<i64>| units.filter(|units| *units > 0);
        let keys = index.key_schema.unwrap_or_default();
        let (kind, others) = projected(index.projection)?;
        Ok(Self {
            hash_key: named(&keys, &KeyType::Hash),
            key_schemas: Some(keys.iter().map(KeySchema::shown).collect()),
            name: need("IndexName", index.index_name)?,
            non_key_attributes: others,
            on_demand_throughput: index.on_demand_throughput.and_then(OnDemandThroughput::shown),
            projection_type: kind,
            range_key: named(&keys, &KeyType::Range),
            read_capacity: units(capacity.as_ref().and_then(|c| c.read_capacity_units)),
            warm_throughput: index.warm_throughput.map(|w| WarmThroughput {
                read_units_per_second: w.read_units_per_second,
                write_units_per_second: w.write_units_per_second,
            }),
            write_capacity: units(capacity.as_ref().and_then(|c| c.write_capacity_units)),
        })
    }
}

impl KeySchema {
    fn shown(key: &sdk::KeySchemaElement) -> Self {
        Self { attribute_name: key.attribute_name.clone(), key_type: key.key_type.as_str().to_owned() }
    }
}

impl LocalSecondaryIndex {
    /// The index as a new table has it, whose items are distributed by `hash_key`.
    pub fn declared(&self, hash_key: &str) -> Result<sdk::LocalSecondaryIndex> {
        Ok(sdk::LocalSecondaryIndex::builder()
            .index_name(&self.name)
            .key_schema(element(hash_key, KeyType::Hash)?)
            .key_schema(element(&self.range_key, KeyType::Range)?)
            .projection(projection(&self.projection_type, &self.non_key_attributes))
            .build()?)
    }

    /// The index as AWS shows it.
    pub fn shown(index: sdk::LocalSecondaryIndexDescription) -> Result<Self> {
        let (kind, others) = projected(index.projection)?;
        Ok(Self {
            name: need("IndexName", index.index_name)?,
            non_key_attributes: others,
            projection_type: kind,
            range_key: need("KeySchema", named(&index.key_schema.unwrap_or_default(), &KeyType::Range))?,
        })
    }
}

/// One attribute of a key, as AWS takes it.
pub(super) fn element(name: &str, kind: KeyType) -> Result<sdk::KeySchemaElement> {
    Ok(sdk::KeySchemaElement::builder().attribute_name(name).key_type(kind).build()?)
}

/// The first attribute of that kind in a key.
pub(super) fn named(keys: &[sdk::KeySchemaElement], kind: &KeyType) -> Option<String> {
    keys.iter().find(|k| k.key_type == *kind).map(|k| k.attribute_name.clone())
}

fn projection(kind: &str, others: &[String]) -> sdk::Projection {
    sdk::Projection::builder()
        .projection_type(ProjectionType::from(kind))
        .set_non_key_attributes((!others.is_empty()).then(|| others.to_vec()))
        .build()
}

fn projected(projection: Option<sdk::Projection>) -> Result<(String, Vec<String>)> {
    let projection = need("Projection", projection)?;
    let kind = need("ProjectionType", projection.projection_type)?;
    Ok((kind.as_str().to_owned(), projection.non_key_attributes.unwrap_or_default()))
}
