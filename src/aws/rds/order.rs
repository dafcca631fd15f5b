//! The orders in which the clusters of a global database are made and upgraded.
//!
//! AWS adds a region only to a global database whose primary cluster is served, which takes an
//! instance. No reference says so: the secondary refers to the global database alone.

use std::collections::{BTreeMap, HashMap};

use super::active_region::members;
use crate::aws::rds::{Cluster, ClusterInstance, GlobalCluster};
use crate::engine::alike::Alike;
use crate::engine::order::{Implied, Precedence};
use crate::engine::plan::{Op, Step};
use crate::engine::program::Declaration;
use crate::engine::resource::Resource;
use crate::engine::state::State;
use crate::engine::urn::Urn;

const MEMBERSHIP: &str = "globalClusterIdentifier";
const CLUSTER: &str = "clusterIdentifier";
/// Only the primary is made with credentials.
const CREDENTIALS: [&str; 2] = ["masterPassword", "masterUsername"];

/// Each secondary cluster of a global database comes after every instance of the primary one.
///
/// The primary is the first cluster of the global database that has credentials of its own, or
/// else the first one that is declared.
pub fn secondary_after_primary(declarations: &[Declaration]) -> Vec<Implied> {
    let types: BTreeMap<&Urn, &str> = declarations.iter().map(|d| (&d.urn, d.ty.as_str())).collect();
    let target = |d: &Declaration, input: &str, ty: &str| {
        let referred = d.refers.get(input).into_iter().flatten();
        referred.into_iter().find(|urn| types.get(urn) == Some(&ty)).cloned()
    };
    let mut databases: BTreeMap<Urn, Vec<usize>> = BTreeMap::new();
    let mut instances: BTreeMap<Urn, Vec<usize>> = BTreeMap::new();
    for (i, d) in declarations.iter().enumerate().filter(|(_, d)| d.external.is_none()) {
        if d.ty == Cluster::TYPE
            && let Some(global) = target(d, MEMBERSHIP, GlobalCluster::TYPE)
        {
            databases.entry(global).or_default().push(i);
        } else if d.ty == ClusterInstance::TYPE
            && let Some(cluster) = target(d, CLUSTER, Cluster::TYPE)
        {
            instances.entry(cluster).or_default().push(i);
        }
    }
    let mut implied = Vec::new();
    for clusters in databases.values() {
        let has_credentials = |i: &usize| CREDENTIALS.iter().any(|c| declarations[*i].refers.contains_key(*c));
        let Some(primary) = clusters.iter().copied().find(|i| has_credentials(i)).or(clusters.first().copied()) else {
            continue;
        };
        let first = instances.get(&declarations[primary].urn).map(Vec::as_slice).unwrap_or_default();
        for after in clusters.iter().copied().filter(|i| *i != primary) {
            implied.extend(first.iter().map(|before| Implied { before: *before, after, on_delete: false }));
        }
    }
    implied
}

/// A minor upgrade reaches the cluster that writes after all that follow it: AWS refuses it while one of them
/// has a lower version. Who writes is what the global database showed last, whatever the program calls primary.
pub fn secondaries_upgraded_first(steps: &[&Step], state: &State) -> Vec<Precedence> {
    const WHY: &str = "AWS upgrades the secondary clusters of a global database before the primary one";
    let upgraded = steps.iter().enumerate().filter(|(_, step)| is_upgraded(step));
    let upgraded: HashMap<&Urn, usize> = upgraded.map(|(i, step)| (&step.key.urn, i)).collect();
    if upgraded.len() < 2 {
        return Vec::new();
    }
    let clusters = state.rows.values().filter(|row| row.ty == Cluster::TYPE && !row.old);
    let by_arn: HashMap<&str, usize> =
        clusters.filter_map(|row| Some((row.outputs.get("arn")?.as_str()?, *upgraded.get(&row.key.urn)?))).collect();
    let mut orders = Vec::new();
    for database in state.rows.values().filter(|row| row.ty == GlobalCluster::TYPE && !row.old) {
        let members = members(database);
        let known = members.iter().filter_map(|m| Some((m.is_writer, *by_arn.get(m.db_cluster_arn.as_str())?)));
        let (writers, readers): (Vec<_>, Vec<_>) = known.partition(|(writes, _)| *writes);
        let pairs = writers.iter().flat_map(|(_, then)| readers.iter().map(|(_, first)| (*first, *then)));
        orders.extend(pairs.map(|(first, then)| Precedence { first, then, why: WHY }));
    }
    orders
}

/// Whether a step changes the minor version of a cluster. The major one changes with the global database.
fn is_upgraded(step: &Step) -> bool {
    let is_minor = |before: Option<&str>, after: Option<&str>| match (before, after) {
        (Some(before), Some(after)) => Alike::Major.same(before, after),
        _ => true,
    };
    let mut changes = step.changes.iter().filter(|change| change.path == "engineVersion");
    let upgrades = changes.any(|change| is_minor(change.before.json().as_str(), change.after.json().as_str()));
    step.ty == Cluster::TYPE && step.op == Op::Update && upgrades
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, OnceLock};

    use super::*;
    use serde_json::json;

    use crate::engine::diagnostic::{Location, Source};
    use crate::engine::plan::Change;
    use crate::engine::state::{Key, Row};
    use crate::engine::urn::Place;
    use crate::engine::value::{Shown, Value};

    fn source() -> &'static Arc<Source> {
        static SOURCE: OnceLock<Arc<Source>> = OnceLock::new();
        SOURCE.get_or_init(|| Arc::new(Source::new("Pulumi.yaml", "")))
    }

    fn declared(ty: &str, name: &str, refers: &[(&str, &[&Declaration])]) -> Declaration {
        let refers = refers.iter().map(|(k, to)| ((*k).to_owned(), to.iter().map(|d| d.urn.clone()).collect()));
        Declaration {
            urn: Urn::new("prod", "dr", ty, name),
            key: name.into(),
            ty: ty.to_owned(),
            place: Place("eu-west-1".into()),
            parent: None,
            needs: Vec::new(),
            refers: refers.collect(),
            options: Default::default(),
            external: None,
            at: Location { source: Arc::clone(source()), start: 0, end: 0 },
        }
    }

    fn pairs(declarations: &[Declaration]) -> Vec<(String, String)> {
        let name = |i: usize| declarations[i].urn.name().to_owned();
        secondary_after_primary(declarations).into_iter().map(|o| (name(o.before), name(o.after))).collect()
    }

    #[test]
    fn a_secondary_comes_after_the_instances_of_the_cluster_with_credentials() {
        let global = declared(GlobalCluster::TYPE, "global", &[]);
        let second = declared(Cluster::TYPE, "second", &[(MEMBERSHIP, &[&global])]);
        let first = declared(Cluster::TYPE, "first", &[(MEMBERSHIP, &[&global]), ("masterPassword", &[])]);
        let other = declared(Cluster::TYPE, "other", &[]);
        let a = declared(ClusterInstance::TYPE, "a", &[(CLUSTER, &[&first])]);
        let b = declared(ClusterInstance::TYPE, "b", &[(CLUSTER, &[&first])]);
        let c = declared(ClusterInstance::TYPE, "c", &[(CLUSTER, &[&second])]);
        let d = declared(ClusterInstance::TYPE, "d", &[(CLUSTER, &[&other])]);
        let all = [global, second, first, other, a, b, c, d];
        assert_eq!(pairs(&all), [("a".into(), "second".into()), ("b".into(), "second".into())]);
        assert!(secondary_after_primary(&all).iter().all(|o| !o.on_delete));
    }

    #[test]
    fn without_credentials_the_first_declared_cluster_is_the_primary() {
        let global = declared(GlobalCluster::TYPE, "global", &[]);
        let one = declared(Cluster::TYPE, "one", &[(MEMBERSHIP, &[&global])]);
        let two = declared(Cluster::TYPE, "two", &[(MEMBERSHIP, &[&global])]);
        let a = declared(ClusterInstance::TYPE, "a", &[(CLUSTER, &[&one])]);
        assert_eq!(pairs(&[global, one, two, a]), [("a".to_owned(), "two".to_owned())]);
    }

    /// A state with a global database of two clusters, of which that one writes.
    fn state(writer: &str) -> State {
        let mut state = State::new("01LINEAGE0000000000000TEST", "prod", "dr", "test");
        let arn = |name: &str| format!("arn:aws:rds:eu-west-1:123456789012:cluster:{name}");
        let member = |name: &str| json!({ "dbClusterArn": arn(name), "isWriter": name == writer });
        let rows = [
            (GlobalCluster::TYPE, "global", json!({ "globalClusterMembers": [member("a"), member("b"), member("x")] })),
            (Cluster::TYPE, "a", json!({ "arn": arn("a") })),
            (Cluster::TYPE, "b", json!({ "arn": arn("b") })),
            (Cluster::TYPE, "other", json!({ "arn": arn("other") })),
        ];
        for (ty, name, outputs) in rows {
            let key = Key { urn: Urn::new("prod", "dr", ty, name), generation: 0 };
            let row = Row::new(key.clone(), ty, Place("eu-west-1".into()));
            state.rows.insert(key, Arc::new(Row { outputs: Value::from_json(outputs), ..row }));
        }
        state
    }

    fn upgrade(name: &str, path: &str, after: &str) -> Step {
        let key = Key { urn: Urn::new("prod", "dr", Cluster::TYPE, name), generation: 0 };
        let shown = |text: &str| Shown::of(&Value::string(text));
        let change = Change {
            path: path.into(),
            after: shown(after),
            before: shown("16.9"),
            ..Change::of_option("", true, true)
        };
        Step { changes: vec![change], ..Step::new(key, Cluster::TYPE, &Place("eu-west-1".into()), Op::Update) }
    }

    #[test]
    fn a_minor_upgrade_of_the_cluster_that_writes_comes_after_those_of_the_others() {
        let version = |name: &str| upgrade(name, "engineVersion", "16.10");
        let pairs = |steps: &[Step], writer: &str| -> Vec<(usize, usize)> {
            secondaries_upgraded_first(&steps.iter().collect::<Vec<_>>(), &state(writer))
                .iter()
                .map(|o| (o.first, o.then))
                .collect()
        };
        let steps = [version("a"), version("other"), version("b")];
        assert_eq!(pairs(&steps, "a"), [(2, 0)]);
        assert_eq!(pairs(&steps, "b"), [(0, 2)]);
        assert_eq!(pairs(&steps, "nobody"), [], "in the middle of a failover");
        assert_eq!(pairs(&[version("a"), upgrade("b", "port", "5433")], "a"), []);
        let major = |name: &str| upgrade(name, "engineVersion", "17.4");
        assert_eq!(pairs(&[major("a"), major("b")], "a"), [], "the global database upgrades them");
    }
}
