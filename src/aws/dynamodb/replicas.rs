//! The replicas that a table names itself. Each is a table in another region, whose backups,
//! protection and tags only that region knows.

use aws_sdk_dynamodb::types::{self as sdk, MultiRegionConsistency, ReplicaStatus};

use super::settings::GlobalTableWitness;
use super::table_update::set_recovery;
use super::{Table, retag, tags_of, there};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, computed, one_of, refers};

/// A copy of the table in another region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replica {
    /// Whether reads of the last write succeed in every region. It is the same for all replicas;
    /// another one makes them anew.
    #[schemars(transform = one_of(&["EVENTUAL", "STRONG"]))]
    #[serde(default = "eventual")]
    pub consistency_mode: String,
    /// Whether AWS refuses to delete the copy. It stays on until the program says otherwise, and a
    /// deletion of the table fails as long.
    #[schemars(transform = computed)]
    pub deletion_protection_enabled: Option<bool>,
    /// Key of that region that encrypts the copy.
    #[schemars(transform = computed, transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_arn: Option<String>,
    /// Whether backups of every second are made of the copy.
    #[serde(default)]
    pub point_in_time_recovery: bool,
    /// Whether the copy gets the tags of the table, and loses them with this input.
    #[schemars(transform = computed)]
    pub propagate_tags: Option<bool>,
    /// Region of the copy.
    pub region_name: String,
}

fn eventual() -> String {
    MultiRegionConsistency::Eventual.as_str().to_owned()
}

/// The tag of a replica that got the tags of its table.
const PROPAGATED: &str = "drctl:propagated";

/// Why a table is not ready yet: its replicas are being made or deleted.
pub(super) fn busy(table: &sdk::TableDescription) -> Option<String> {
    let moving = [ReplicaStatus::Creating, ReplicaStatus::Updating, ReplicaStatus::Deleting];
    let replica = table.replicas().iter().find(|r| r.replica_status.as_ref().is_some_and(|s| moving.contains(s)))?;
    let status = replica.replica_status.as_ref().map_or("", ReplicaStatus::as_str).to_lowercase();
    Some(format!("replica in {} {status}", replica.region_name()?))
}

/// The replicas as AWS shows them. What only their own regions know is asked for if `closely`.
pub(super) async fn shown(table: &sdk::TableDescription, closely: bool, tags: &Tags, cx: &Cx) -> Result<Vec<Replica>> {
    let mode = table.multi_region_consistency.as_ref().map_or_else(eventual, |mode| mode.as_str().to_owned());
    let name = need("TableName", table.table_name.clone())?;
    let arn = need("TableArn", table.table_arn.clone())?;
    let mut replicas = Vec::new();
    for replica in table.replicas().iter().filter(|r| r.region_name() != Some(cx.region())) {
        let region = need("RegionName", replica.region_name.clone())?;
        let plain = Replica {
            consistency_mode: mode.clone(),
            deletion_protection_enabled: None,
            kms_key_arn: replica.kms_master_key_id.clone(),
            point_in_time_recovery: false,
            propagate_tags: None,
            region_name: region,
        };
        replicas.push(if closely { closer(plain, &name, &arn, tags, cx).await? } else { plain });
    }
    Ok(replicas)
}

async fn closer(replica: Replica, name: &str, arn: &str, tags: &Tags, cx: &Cx) -> Result<Replica> {
    let region = &replica.region_name;
    let describe = cx.dynamodb().describe_table().table_name(name);
    let copy = describe.customize().config_override(there(region)).send().await?;
    let theirs = tags_of(&elsewhere(arn, region), region, cx).await?;
    Ok(Replica {
        deletion_protection_enabled: Some(copy.table.and_then(|t| t.deletion_protection_enabled).unwrap_or_default()),
        point_in_time_recovery: super::table::recovery(name, region, cx).await?.enabled,
        propagate_tags: Some(theirs.contains_key(PROPAGATED) && program(&theirs) == program(tags)),
        ..replica
    })
}

/// The ARN of the same table in another region.
pub(super) fn elsewhere(arn: &str, region: &str) -> String {
    let parts = arn.split(':').enumerate().map(|(i, part)| if i == 3 { region } else { part });
    parts.collect::<Vec<_>>().join(":")
}

fn program(tags: &Tags) -> Tags {
    tags.iter().filter(|(key, _)| !tags::is_reserved(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

impl Replica {
    fn is_strong(&self) -> bool {
        self.consistency_mode == MultiRegionConsistency::Strong.as_str()
    }

    fn creation(&self) -> Result<sdk::ReplicationGroupUpdate> {
        let create = sdk::CreateReplicationGroupMemberAction::builder()
            .region_name(&self.region_name)
            .set_kms_master_key_id(self.kms_key_arn.clone())
            .build()?;
        Ok(sdk::ReplicationGroupUpdate::builder().create(create).build())
    }

    fn deletion(&self) -> Result<sdk::ReplicationGroupUpdate> {
        let delete = sdk::DeleteReplicationGroupMemberAction::builder().region_name(&self.region_name).build()?;
        Ok(sdk::ReplicationGroupUpdate::builder().delete(delete).build())
    }

    fn encryption(&self) -> Result<sdk::ReplicationGroupUpdate> {
        let update = sdk::UpdateReplicationGroupMemberAction::builder()
            .region_name(&self.region_name)
            .set_kms_master_key_id(self.kms_key_arn.clone())
            .build()?;
        Ok(sdk::ReplicationGroupUpdate::builder().update(update).build())
    }
}

/// The next change of the replicas, one at a time as DynamoDB wants it, but all at once where they
/// are strongly consistent. None if nothing is to be done.
pub(super) async fn step(table: &Table, id: &Id, live: &Live<Table>, cx: &Cx) -> Result<Option<Next<Table>>> {
    let Some(wanted) = &table.replicas else { return Ok(None) };
    let there_now = live.inputs.replicas.as_deref().unwrap_or_default();
    let same = |a: &Replica, b: &Replica| a.region_name == b.region_name && a.consistency_mode == b.consistency_mode;
    let surplus: Vec<_> = there_now.iter().filter(|r| !wanted.iter().any(|w| same(w, r))).collect();
    if !surplus.is_empty() {
        return remove(id, &surplus, live.inputs.global_table_witness.as_ref(), cx).await.map(Some);
    }
    let absent: Vec<_> = wanted.iter().filter(|w| !there_now.iter().any(|r| same(w, r))).collect();
    if let Some(first) = absent.first() {
        let strong = first.is_strong();
        let at_once = if strong { absent.as_slice() } else { &absent[..1] };
        let update = cx.dynamodb().update_table().table_name(&id.0);
        let update = update.set_replica_updates(Some(at_once.iter().map(|r| r.creation()).collect::<Result<_>>()?));
        let update = if strong { update.multi_region_consistency(MultiRegionConsistency::Strong) } else { update };
        let witness = table.global_table_witness.as_ref().and_then(|w| w.region_name.as_deref());
        let witness = witness.filter(|_| strong).map(appearing).transpose()?;
        update.set_global_table_witness_updates(witness.map(|w| vec![w])).send().await?;
        return Ok(Some(Next::More("replicating")));
    }
    for replica in wanted {
        let Some(now) = there_now.iter().find(|r| same(replica, r)) else { continue };
        if let Some(word) = adjust(replica, now, id, live, cx).await? {
            return Ok(Some(Next::More(word)));
        }
    }
    if changed(&table.global_table_witness, &live.inputs.global_table_witness).is_some() {
        return Err(Error::invalid("a witness comes and goes with the replicas of its table")
            .hint("take the replicas out of the program, run `up`, then give both"));
    }
    Ok(None)
}

/// Makes the next call that turns one replica into what is asked for.
async fn adjust(
    wanted: &Replica,
    live: &Replica,
    id: &Id,
    table: &Live<Table>,
    cx: &Cx,
) -> Result<Option<&'static str>> {
    let (region, tables) = (&wanted.region_name, cx.dynamodb());
    if changed(&wanted.kms_key_arn, &live.kms_key_arn)
        .is_some_and(|key| !live.kms_key_arn.as_ref().is_some_and(|old| Alike::Arn.same(old, key)))
    {
        tables.update_table().table_name(&id.0).replica_updates(wanted.encryption()?).send().await?;
        return Ok(Some("encrypting a replica"));
    }
    if wanted.point_in_time_recovery != live.point_in_time_recovery {
        set_recovery(&id.0, wanted.point_in_time_recovery, None, region, cx).await?;
        return Ok(Some("setting the backups of a replica"));
    }
    if let Some(on) = changed(&wanted.deletion_protection_enabled, &live.deletion_protection_enabled) {
        let update = tables.update_table().table_name(&id.0).deletion_protection_enabled(*on);
        update.customize().config_override(there(region)).send().await?;
        return Ok(Some("protecting a replica"));
    }
    if let Some(on) = changed(&wanted.propagate_tags, &live.propagate_tags) {
        let arn = elsewhere(&table.outputs.arn, region);
        let theirs = tags_of(&arn, region, cx).await?;
        let ours = program(&table.inputs.tags);
        let (kept, gone): (Tags, Tags) = theirs.into_iter().partition(|(key, _)| !ours.contains_key(key));
        let change = match on {
            true => {
                let mut all = ours;
                all.insert(PROPAGATED.to_owned(), "true".to_owned());
                tags::difference(&program(&kept).into_iter().chain(gone).collect(), &all)
            }
            false => tags::difference(
                &gone.into_iter().chain([(PROPAGATED.to_owned(), String::new())]).collect(),
                &Tags::new(),
            ),
        };
        retag(&arn, region, &change, cx).await?;
        return Ok(Some("tagging a replica"));
    }
    Ok(None)
}

/// Removes one replica, or all of a strongly consistent table and its witness.
pub(super) async fn remove(
    id: &Id,
    replicas: &[&Replica],
    witness: Option<&GlobalTableWitness>,
    cx: &Cx,
) -> Result<Next<Table>> {
    let strong = replicas.iter().any(|r| r.is_strong());
    let at_once = if strong { replicas } else { replicas.get(..1).unwrap_or_default() };
    let update = cx.dynamodb().update_table().table_name(&id.0);
    let update = update.set_replica_updates(Some(at_once.iter().map(|r| r.deletion()).collect::<Result<_>>()?));
    let witness = witness.and_then(|w| w.region_name.as_deref()).map(disappearing).transpose()?;
    update.set_global_table_witness_updates(witness.map(|w| vec![w])).send().await.or_none()?;
    Ok(Next::More("removing replicas"))
}

fn appearing(region: &str) -> Result<sdk::GlobalTableWitnessGroupUpdate> {
    let create = sdk::CreateGlobalTableWitnessGroupMemberAction::builder().region_name(region).build()?;
    Ok(sdk::GlobalTableWitnessGroupUpdate::builder().create(create).build())
}

fn disappearing(region: &str) -> Result<sdk::GlobalTableWitnessGroupUpdate> {
    let delete = sdk::DeleteGlobalTableWitnessGroupMemberAction::builder().region_name(region).build()?;
    Ok(sdk::GlobalTableWitnessGroupUpdate::builder().delete(delete).build())
}
