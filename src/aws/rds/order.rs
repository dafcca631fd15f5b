//! The order in which the clusters of a global database are made.
//!
//! AWS adds a region only to a global database whose primary cluster is served, which takes an
//! instance. No reference says so: the secondary refers to the global database alone.

use std::collections::BTreeMap;

use crate::aws::rds::{Cluster, ClusterInstance, GlobalCluster};
use crate::engine::order::Implied;
use crate::engine::program::Declaration;
use crate::engine::resource::Resource;
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, OnceLock};

    use super::*;
    use crate::engine::diagnostic::{Location, Source};
    use crate::engine::urn::Place;

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
}
