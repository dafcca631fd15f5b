//! Aurora global databases: one cluster writes, others follow, and all of them leave before the end.

use jiff::Timestamp;

use crate::engine::alike::Alike;
use crate::engine::error::{Error, Kind, Result};
use crate::engine::value::{Map, Value};
use crate::twin::Twin;
use crate::twin::cloud::{Cloud, lasting};
use crate::twin::quirks::{Birth, Draft, Elsewhere, End, Ending, PLAIN, Quirk, Step};
use crate::twin::row::{Member, Phase, Row, Serial};
use crate::twin::world::World;

const GLOBAL: &str = "aws:rds/globalCluster:GlobalCluster";
const CLUSTER: &str = "aws:rds/cluster:Cluster";
const INSTANCE: &str = "aws:rds/clusterInstance:ClusterInstance";

pub(super) const QUIRKS: [Quirk; 3] = [
    Quirk {
        token: GLOBAL,
        admit: global_starts,
        spread: global_upgrades,
        end: global_ends,
        show: global_shows,
        ..PLAIN
    },
    Quirk {
        token: CLUSTER,
        admit: cluster_joins,
        amend: cluster_changes,
        end: cluster_leaves,
        show: cluster_shows,
        ..PLAIN
    },
    Quirk { token: INSTANCE, admit: instance_fits, show: instance_shows, ..PLAIN },
];

/// Seconds until the roles have changed.
const PROMOTION: u32 = 60;
const MEMBERSHIP: &str = "globalClusterIdentifier";
const VERSION: &str = "engineVersion";

fn global<'a>(world: &'a World, id: &str) -> Option<&'a Row> {
    let mut rows = world.named(id);
    rows.find(|(_, row)| row.token == GLOBAL && row.is_there()).map(|(_, row)| row)
}

fn writer<'a>(world: &'a World, id: &str) -> Option<(Serial, &'a Row)> {
    let mut members = world.members(id);
    members.find(|(_, row)| row.member.as_ref().is_some_and(|m| m.writes))
}

fn instances(world: &World, cluster: Serial) -> impl Iterator<Item = (Serial, &Row)> {
    world.referrers(cluster).filter(|(_, row)| row.token == INSTANCE)
}

fn global_starts(draft: &Draft<'_>) -> Result<Birth> {
    if draft.text("sourceDbClusterIdentifier").is_some() {
        return Err(Error::new(Kind::Unsupported, "the twin makes no global cluster out of a cluster that exists"));
    }
    // Identifiers of global clusters are seen from every region, so they are unique in all of them.
    match draft.text(MEMBERSHIP).filter(|id| global(draft.world, id).is_some()) {
        Some(id) => Err(draft.no.exists(id)),
        None => Ok(Birth::default()),
    }
}

fn global_ends(ending: &Ending<'_>) -> Result<End> {
    match ending.world.members(&ending.row.id.0).next() {
        Some((_, member)) => Err(ending.no.busy(
            "InvalidGlobalClusterStateFault",
            format!("`{}` still has the member `{}`", ending.row.id, member.id),
        )),
        None => Ok(End::Now),
    }
}

/// A new major version is that of all members at once.
fn global_upgrades(world: &World, serial: Serial, inputs: &Map) -> Vec<Elsewhere> {
    let (Some(row), Some(new)) = (world.row(serial), inputs.get(VERSION)) else { return Vec::new() };
    let is_behind = |member: &Row| match (member.text(VERSION), new.as_str()) {
        (Some(old), Some(new)) => !Alike::Major.same(old, new),
        _ => false,
    };
    let behind = world.members(&row.id.0).filter(|(_, member)| is_behind(member));
    behind.map(|(member, _)| (member, VERSION, new.clone())).collect()
}

/// The version is that of the cluster that writes.
fn global_shows(world: &World, serial: Serial, inputs: &mut Map, outputs: &mut Map) {
    let Some(row) = world.row(serial) else { return };
    show_version(writer(world, &row.id.0).map(|(_, writer)| writer), inputs, outputs);
    let arn = |row: &Row| Value::from(row.text("arn").unwrap_or(&row.id.0));
    let members: Vec<(bool, Value)> =
        world.members(&row.id.0).map(|(_, row)| (row.member.as_ref().is_some_and(|m| m.writes), arn(row))).collect();
    let readers: Vec<Value> = members.iter().filter(|(writes, _)| !writes).map(|(_, arn)| arn.clone()).collect();
    let shown = members.into_iter().map(|(writes, arn)| {
        let readers = if writes { readers.clone() } else { Vec::new() };
        let fields = [("dbClusterArn", arn), ("isWriter", Value::Bool(writes)), ("readers", Value::List(readers))];
        Value::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    });
    outputs.insert("globalClusterMembers".to_owned(), Value::List(shown.collect()));
}

fn cluster_joins(draft: &Draft<'_>) -> Result<Birth> {
    let Some(id) = draft.text(MEMBERSHIP) else { return Ok(Birth::default()) };
    let no = draft.no;
    let Some(whole) = global(draft.world, id) else {
        let message = format!("`{MEMBERSHIP}` names a global cluster `{id}`, which does not exist");
        return Err(Error { kind: Kind::NotFound, ..no.never("GlobalClusterNotFoundFault", message) });
    };
    if draft.is_true("manageMasterUserPassword") {
        return Err(no.invalid("`manageMasterUserPassword` cannot be used in a global cluster"));
    }
    if draft.world.members(id).next().is_none() {
        same(draft, whole, "the global cluster")?;
        return Ok(Birth { member: Some(Member { of: id.to_owned(), writes: true }), ..Birth::default() });
    }
    for (_, other) in draft.world.members(id) {
        if other.place == *draft.place {
            return Err(no.invalid(format!("`{id}` has a cluster in `{}` already", draft.place)));
        }
        if draft.text("clusterIdentifier") == Some(&other.id.0) {
            return Err(no.exists(&other.id.0));
        }
    }
    for input in ["masterUsername", "masterPassword", "masterPasswordWo", "databaseName"] {
        if draft.inputs.contains_key(input) {
            return Err(no.invalid(format!("`{input}` cannot be given for a secondary cluster")));
        }
    }
    let Some((serial, primary)) = writer(draft.world, id) else {
        return Err(no.busy("InvalidGlobalClusterStateFault", format!("`{id}` has no primary cluster now")));
    };
    same(draft, primary, "the primary cluster")?;
    let encrypted = |row: &Row| row.inputs.get("storageEncrypted").and_then(Value::as_bool) == Some(true);
    if (encrypted(whole) || encrypted(primary)) && draft.text("kmsKeyId").is_none() {
        return Err(no.invalid("`kmsKeyId` must be given for a secondary cluster of an encrypted global cluster"));
    }
    let works = |row: &Row| row.phase == Phase::Ready;
    if !works(primary) || !instances(draft.world, serial).any(|(_, row)| works(row)) {
        return Err(no.busy(
            "InvalidDBClusterStateFault",
            format!("the primary cluster `{}` is not available or has no available instance", primary.id),
        ));
    }
    Ok(Birth { member: Some(Member { of: id.to_owned(), writes: false }), ..Birth::default() })
}

/// Members run the same engine in the same version.
fn same(draft: &Draft<'_>, other: &Row, noun: &str) -> Result<()> {
    for input in ["engine", VERSION] {
        if let (Some(own), Some(theirs)) = (draft.text(input), other.inputs.get(input).and_then(Value::as_str))
            && own != theirs
        {
            return Err(draft.no.invalid(format!("`{input}` is `{own}`, but {noun} `{}` has `{theirs}`", other.id)));
        }
    }
    Ok(())
}

/// A cluster joins when it is made and leaves before its end; no change of its inputs does either.
fn cluster_changes(serial: Serial, draft: &Draft<'_>) -> Result<()> {
    let Some(row) = draft.world.row(serial) else { return Ok(()) };
    match (draft.text(MEMBERSHIP), &row.member) {
        (None, _) => {}
        (Some(id), Some(member)) if member.of == id => {}
        (Some(_), _) => {
            return Err(draft.no.invalid(format!("`{MEMBERSHIP}` of a cluster that exists cannot be changed")));
        }
    }
    match (&row.member, row.text(VERSION), draft.text(VERSION)) {
        (Some(member), Some(old), Some(new)) if !Alike::Version.same(old, new) => {
            may_upgrade(row, member, old, new, draft)
        }
        _ => Ok(()),
    }
}

/// Members are upgraded one by one within a major version, the one that writes after all others.
fn may_upgrade(row: &Row, member: &Member, old: &str, new: &str, draft: &Draft<'_>) -> Result<()> {
    if !Alike::Major.same(old, new) {
        return Err(draft.no.invalid(
            "Major Version Upgrade isn't supported in a single member of a global cluster. Use ModifyGlobalCluster to \
             upgrade all the members.",
        ));
    }
    let mut others =
        draft.world.members(&member.of).filter(|(_, other)| other.member.as_ref().is_some_and(|m| !m.writes));
    let is_lower = |other: &Row| other.text(VERSION).is_some_and(|theirs| numbers(theirs) < numbers(new));
    if member.writes && others.any(|(_, other)| is_lower(other)) {
        let message = format!(
            "Cannot upgrade DB cluster '{}' to engine version {new} as global replica(s) are running lower version. \
             Please upgrade global replicas first before upgrading the primary member.",
            row.id
        );
        return Err(draft.no.never("InvalidParameterValue", message));
    }
    Ok(())
}

/// Shows the version of the row that decides about it.
fn show_version(of: Option<&Row>, inputs: &mut Map, outputs: &mut Map) {
    let Some(version) = of.and_then(|row| row.inputs.get(VERSION)) else { return };
    let shown = [inputs.get_mut(VERSION), outputs.get_mut("engineVersionActual")];
    shown.into_iter().flatten().for_each(|own| own.clone_from(version));
}

/// The numbers of a version: `8.0.mysql_aurora.3.04.1` → 8, 0, 3, 4, 1.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

fn cluster_leaves(ending: &Ending<'_>) -> Result<End> {
    let Some(member) = &ending.row.member else { return Ok(End::Now) };
    let mut others = ending.world.members(&member.of).filter(|(serial, _)| *serial != ending.serial);
    Ok(End::Step(match others.next() {
        Some((_, other)) if member.writes => Step::Waits(format!("`{}` leaves `{}`", other.id, member.of)),
        _ => Step::Empties { input: MEMBERSHIP, word: "removing-from-global-cluster", seconds: 60 },
    }))
}

/// The cloud shows where a cluster belongs, whatever was asked for.
fn cluster_shows(world: &World, serial: Serial, inputs: &mut Map, outputs: &mut Map) {
    show_version(world.row(serial), inputs, outputs);
    match world.row(serial).and_then(|row| row.member.as_ref()) {
        Some(member) => {
            inputs.insert(MEMBERSHIP.to_owned(), Value::from(member.of.as_str()));
        }
        None => {
            inputs.shift_remove(MEMBERSHIP);
        }
    }
}

fn instance_fits(draft: &Draft<'_>) -> Result<Birth> {
    let Some((_, cluster)) = draft.referred(CLUSTER) else { return Ok(Birth::default()) };
    if let (Some(own), Some(theirs)) = (draft.text("engine"), cluster.text("engine"))
        && own != theirs
    {
        return Err(draft.no.invalid(format!("`engine` is `{own}`, but the cluster runs `{theirs}`")));
    }
    let class = draft.text("instanceClass").unwrap_or_default();
    if cluster.member.is_some() && class.starts_with("db.t") {
        return Err(draft.no.invalid(format!("`instanceClass` `{class}` cannot be used in a global cluster")));
    }
    Ok(Birth::default())
}

/// The first instance of the cluster that writes is the one that writes. All run the version of the cluster.
fn instance_shows(world: &World, serial: Serial, inputs: &mut Map, outputs: &mut Map) {
    let cluster = world
        .row(serial)
        .into_iter()
        .flat_map(|row| &row.refers)
        .find_map(|target| world.row(*target).filter(|row| row.token == CLUSTER).map(|row| (*target, row)));
    show_version(cluster.map(|(_, row)| row), inputs, outputs);
    let writes = cluster.is_some_and(|(target, row)| {
        row.member.as_ref().is_none_or(|m| m.writes)
            && instances(world, target).next().is_some_and(|(first, _)| first == serial)
    });
    outputs.insert("writer".to_owned(), Value::Bool(writes));
}

impl Twin {
    /// Changes which cluster of a global database writes, without loss: every member must be available.
    /// `target` is the id or the ARN of the cluster that will write.
    ///
    /// # Errors
    /// If there is no such member, or one of them is not available.
    pub fn switchover(&self, global: &str, target: &str) -> Result<()> {
        self.act(|cloud, now| {
            let busy = cloud.world.members(global).find(|(_, row)| row.phase != Phase::Ready);
            if let Some((_, row)) = busy {
                let message = format!("`{}` is {}", row.id, row.phase.word());
                let code = Some("InvalidDBClusterStateFault".to_owned());
                return Err(Error { code, ..Error::new(Kind::Busy, message) });
            }
            promote(cloud, global, target, "switching-over", now)
        })
    }

    /// Changes which cluster of a global database writes, as in a disaster: whatever the others do.
    ///
    /// # Errors
    /// If there is no such member.
    pub fn failover(&self, global: &str, target: &str) -> Result<()> {
        self.act(|cloud, now| promote(cloud, global, target, "failing-over", now))
    }
}

fn promote(cloud: &mut Cloud, global: &str, target: &str, word: &'static str, now: Timestamp) -> Result<()> {
    let is_target = |row: &Row| row.id.0 == target || row.text("arn") == Some(target);
    let members: Vec<(Serial, bool)> =
        cloud.world.members(global).map(|(serial, row)| (serial, is_target(row))).collect();
    if !members.iter().any(|(_, target)| *target) {
        let message = format!("`{target}` is no member of the global cluster `{global}`");
        let code = Some("DBClusterNotFoundFault".to_owned());
        return Err(Error { code, ..Error::new(Kind::NotFound, message) });
    }
    for (serial, writes) in members {
        cloud.world.seat(serial, Some(Member { of: global.to_owned(), writes }));
        cloud.world.enter(serial, lasting(word, PROMOTION, now));
    }
    Ok(())
}
