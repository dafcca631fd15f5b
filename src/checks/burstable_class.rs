use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "burstable-class",
    summary: "No instance of a global database is of a burstable class.",
    why: "RDS refuses `db.t` classes in a global database, once the clusters are there.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for instance in scene.of("aws:rds/clusterInstance:ClusterInstance") {
        let class = instance.field("instanceClass");
        let Some(name) = class.text().filter(|name| name.starts_with("db.t")) else { continue };
        let cluster = instance.field("clusterIdentifier").target("aws:rds/cluster:Cluster");
        if cluster.is_some_and(|cluster| cluster.field("globalClusterIdentifier").is_given()) {
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
}
