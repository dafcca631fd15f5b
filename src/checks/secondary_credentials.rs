use super::Rule;
use super::global_database::{CREDENTIALS, Members, members};
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "secondary-credentials",
    summary: "A secondary cluster of a global database has no credentials and no database name.",
    why: "RDS refuses them once the primary is there: a secondary has those of the primary.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (primary, secondaries) in members(scene).iter().filter_map(Members::roles) {
        for cluster in secondaries {
            for field in CREDENTIALS.map(|name| cluster.field(name)).into_iter().filter(|f| f.is_wanted()) {
                let message = format!("`{}` cannot be given for a secondary cluster", field.name);
                let problem = field.wrong(message).also(primary.at(), "the primary cluster");
                found.push(problem.help("remove it: the primary cluster decides it for all regions"));
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
    fn only_the_primary_has_credentials() {
        let program = "
  global: {type: aws:rds:GlobalCluster, properties: {globalClusterIdentifier: g, engine: aurora-postgresql}}
  first:
    type: aws:rds:Cluster
    properties:
      engine: aurora-postgresql
      globalClusterIdentifier: ${global.id}
      masterUsername: one
      masterPassword: hunter22
      databaseName: trades
  second:
    type: aws:rds:Cluster
    region: secondary
    properties:
      engine: aurora-postgresql
      globalClusterIdentifier: ${global.id}
      masterUsername: two
      databaseName: orders
";
        let expected = [
            "orders | `databaseName` cannot be given for a secondary cluster",
            "two | `masterUsername` cannot be given for a secondary cluster",
        ];
        assert_eq!(found(&RULE, program), expected);
    }

    #[test]
    fn the_cluster_that_a_global_database_is_made_of_is_its_primary() {
        let program = "
  second:
    type: aws:rds:Cluster
    region: secondary
    properties: {engine: a, globalClusterIdentifier: '${global.id}', masterUsername: two}
  source: {type: aws:rds:Cluster, properties: {engine: a, masterUsername: one, masterPassword: hunter22}}
  global: {type: aws:rds:GlobalCluster, properties: {globalClusterIdentifier: g, sourceDbClusterIdentifier: '${source.arn}'}}
";
        let expected = ["two | `masterUsername` cannot be given for a secondary cluster"];
        assert_eq!(found(&RULE, program), expected);
        // An ARN that is written out names the cluster of its region.
        let named = |region: &str| {
            let literal = format!("'arn:aws:rds:{region}:123456789012:cluster:orders'");
            program
                .replace("'${source.arn}'", &literal)
                .replace("{engine: a,", "{engine: a, clusterIdentifier: Orders,")
        };
        assert_eq!(found(&RULE, &named("us-east-1")), expected);
        assert_eq!(found(&RULE, &named("eu-west-1")), [""; 0], "the other one is no member then");
    }
}
