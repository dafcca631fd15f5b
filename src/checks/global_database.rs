//! The clusters of each global database, its primary first.

use std::collections::BTreeMap;

use super::scene::{Item, Scene};

pub(super) const CLUSTER: &str = "aws:rds/cluster:Cluster";
pub(super) const GLOBAL: &str = "aws:rds/globalCluster:GlobalCluster";
/// Only the primary is made with credentials.
pub(super) const CREDENTIALS: [&str; 4] =
    ["masterUsername", "masterPassword", "manageMasterUserPassword", "databaseName"];

/// The clusters that a global database consists of.
#[derive(Default)]
pub(super) struct Members<'s> {
    /// The one that it is made of, if it names one.
    source: Option<Item<'s>>,
    /// Those that name it, in the order of the text.
    named: Vec<Item<'s>>,
}

/// The clusters of every global database of the program.
pub(super) fn members<'s>(scene: &'s Scene<'s>) -> Vec<Members<'s>> {
    let mut databases: BTreeMap<usize, Members<'s>> = BTreeMap::new();
    for global in scene.of(GLOBAL) {
        let source = source(global);
        databases.insert(global.index, Members { source, named: Vec::new() });
    }
    for cluster in scene.of(CLUSTER) {
        if let Some(global) = cluster.field("globalClusterIdentifier").target(GLOBAL) {
            databases.entry(global.index).or_default().named.push(cluster);
        }
    }
    databases.into_values().collect()
}

/// The cluster that a global database is made of. It becomes the primary.
pub(super) fn source(global: Item<'_>) -> Option<Item<'_>> {
    global.field("sourceDbClusterIdentifier").target(CLUSTER)
}

impl<'s> Members<'s> {
    /// All of them, each once.
    pub(super) fn all(&self) -> Vec<Item<'s>> {
        let named = self.named.iter().filter(|cluster| self.source.is_none_or(|source| source.index != cluster.index));
        self.source.iter().chain(named).copied().collect()
    }

    /// The primary and the others. The primary is the source, or else the first one with credentials,
    /// or else the first.
    pub(super) fn roles(&self) -> Option<(Item<'s>, Vec<Item<'s>>)> {
        let has_credentials = |cluster: &&Item<'s>| CREDENTIALS.iter().any(|name| cluster.field(name).is_wanted());
        let all = self.all();
        let primary = self.source.or_else(|| all.iter().find(has_credentials).or(all.first()).copied())?;
        Some((primary, all.into_iter().filter(|cluster| cluster.index != primary.index).collect()))
    }
}
