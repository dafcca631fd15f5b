use std::collections::HashSet;

use super::Rule;
use super::global_database::{CLUSTER, GLOBAL, source};
use super::scene::{Item, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "burstable-class",
    summary: "No instance of a global database is of a burstable class.",
    why: "RDS refuses `db.t` classes in a global database, once the clusters are there.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let sources: HashSet<usize> = scene.of(GLOBAL).filter_map(source).map(|cluster| cluster.index).collect();
    let is_member = |cluster: Item<'_>| {
        cluster.field("globalClusterIdentifier").is_given() || sources.contains(&cluster.index)
    };
    let mut found = Vec::new();
    for instance in scene.of("aws:rds/clusterInstance:ClusterInstance") {
        let class = instance.field("instanceClass");
        let Some(name) = class.text().filter(|name| name.starts_with("db.t")) else { continue };
        let cluster = instance.field("clusterIdentifier").target(CLUSTER);
        if cluster.is_some_and(is_member) {
            let message = format!("`{name}` is burstable, and a global database takes no such instance");
            found.push(class.wrong(message).help("use a memory-optimized class such as `db.r6g.large`"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    const PROGRAM: &str = "
  global: {type: aws:rds:GlobalCluster, properties: {globalClusterIdentifier: g, engine: aurora-postgresql}}
  member: {type: aws:rds:Cluster, properties: {engine: aurora-postgresql, globalClusterIdentifier: '${global.id}'}}
  alone: {type: aws:rds:Cluster, properties: {engine: aurora-postgresql}}
  small:
    type: aws:rds:ClusterInstance
    properties: {clusterIdentifier: '${member.id}', engine: aurora-postgresql, instanceClass: db.t4g.medium}
  large:
    type: aws:rds:ClusterInstance
    properties: {clusterIdentifier: '${member.id}', engine: aurora-postgresql, instanceClass: db.r6g.large}
  other:
    type: aws:rds:ClusterInstance
    properties: {clusterIdentifier: '${alone.id}', engine: aurora-postgresql, instanceClass: db.t4g.medium}
";

    #[test]
    fn a_global_database_takes_no_burstable_instance() {
        let message = "db.t4g.medium | `db.t4g.medium` is burstable, and a global database takes no such instance";
        assert_eq!(found(&RULE, PROGRAM), [message]);
    }

    #[test]
    fn a_cluster_that_becomes_a_global_database_takes_none_either() {
        let program = "
  source: {type: aws:rds:Cluster, properties: {engine: a}}
  global: {type: aws:rds:GlobalCluster, properties: {globalClusterIdentifier: g, sourceDbClusterIdentifier: '${source.arn}'}}
  small:
    type: aws:rds:ClusterInstance
    properties: {clusterIdentifier: '${source.id}', engine: a, instanceClass: db.t3.medium}
";
        let message = "db.t3.medium | `db.t3.medium` is burstable, and a global database takes no such instance";
        assert_eq!(found(&RULE, program), [message]);
    }
}
