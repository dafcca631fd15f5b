use std::collections::HashMap;

use super::Rule;
use super::global_database::members;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "cluster-identifier",
    summary: "The clusters of a global database have different identifiers.",
    why: "A failover and its records cannot tell two members of one name apart, and RDS refuses the second.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for clusters in members(scene) {
        let mut first = HashMap::new();
        for field in clusters.all().into_iter().map(|cluster| cluster.field("clusterIdentifier")) {
            let Some(text) = field.text() else { continue };
            if let Some(other) = first.insert(text.to_lowercase(), field) {
                let message = format!("two clusters of one global database are called `{text}`");
                let problem = field.wrong(message).also(other.at(), "the other one");
                found.push(problem.help("add the region or its role to the identifier"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn one_identifier_in_two_regions_is_refused() {
        let program = "
  global: {type: aws:rds:GlobalCluster, properties: {globalClusterIdentifier: g, engine: a}}
  first: {type: aws:rds:Cluster, properties: {clusterIdentifier: db, engine: a, globalClusterIdentifier: '${global.id}'}}
  second:
    type: aws:rds:Cluster
    region: secondary
    properties: {clusterIdentifier: DB, engine: a, globalClusterIdentifier: '${global.id}'}
  alone: {type: aws:rds:Cluster, region: secondary, properties: {clusterIdentifier: other, engine: a}}
";
        assert_eq!(found(&RULE, program), ["DB | two clusters of one global database are called `DB`"]);
    }
}
