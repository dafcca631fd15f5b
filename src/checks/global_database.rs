//! The clusters of each global database, its primary first.

use std::collections::BTreeMap;

use super::scene::{Item, Scene};

const CLUSTER: &str = "aws:rds/cluster:Cluster";
pub(super) const GLOBAL: &str = "aws:rds/globalCluster:GlobalCluster";
/// Only the primary is made with credentials.
pub(super) const CREDENTIALS: [&str; 4] =
    ["masterUsername", "masterPassword", "manageMasterUserPassword", "databaseName"];

/// The clusters of every global database of the program, in the order of the text.
pub(super) fn members<'s>(scene: &'s Scene<'s>) -> Vec<Vec<Item<'s>>> {
    let mut databases: BTreeMap<usize, Vec<Item<'s>>> = BTreeMap::new();
    for cluster in scene.of(CLUSTER) {
        if let Some(global) = cluster.field("globalClusterIdentifier").target(GLOBAL) {
            databases.entry(global.index).or_default().push(cluster);
        }
    }
    databases.into_values().collect()
}

/// The primary and the others. The primary is the first one with credentials, or else the first.
pub(super) fn roles<'s>(clusters: &[Item<'s>]) -> Option<(Item<'s>, Vec<Item<'s>>)> {
    let has_credentials = |cluster: &&Item<'s>| CREDENTIALS.iter().any(|name| cluster.field(name).is_wanted());
    let primary = clusters.iter().find(has_credentials).or(clusters.first()).copied()?;
    Some((primary, clusters.iter().copied().filter(|c| c.index != primary.index).collect()))
}
