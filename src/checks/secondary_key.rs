use super::Rule;
use super::global_database::{GLOBAL, Members, members};
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "secondary-key",
    summary: "A secondary cluster of an encrypted global database names the key of its region.",
    why: "RDS refuses it once the primary is there: a key of another region cannot encrypt it.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (primary, secondaries) in members(scene).iter().filter_map(Members::roles) {
        for cluster in secondaries {
            let global = cluster.field("globalClusterIdentifier").target(GLOBAL);
            let all = [primary, cluster].into_iter().chain(global);
            let encrypted = all.into_iter().any(|item| item.field("storageEncrypted").is_true());
            if encrypted && cluster.field("kmsKeyId").is_missing() {
                let message = format!("`{}` is encrypted and lacks `kmsKeyId`, a key of its region", cluster.name());
                let problem = cluster.wrong(message).also(primary.at(), "the primary cluster");
                found.push(problem.help("give a key of that region; `aws:kms:getAlias` finds the one of `alias/aws/rds`"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    fn program(key: &str) -> String {
        format!(
            "
  global: {{type: aws:rds:GlobalCluster, properties: {{globalClusterIdentifier: g, storageEncrypted: true, engine: a}}}}
  key: {{type: aws:kms:Key, region: secondary}}
  first: {{type: aws:rds:Cluster, properties: {{engine: a, globalClusterIdentifier: '${{global.id}}', storageEncrypted: true}}}}
  second:
    type: aws:rds:Cluster
    region: secondary
    properties: {{engine: a, globalClusterIdentifier: '${{global.id}}', storageEncrypted: true{key}}}
"
        )
    }

    #[test]
    fn an_encrypted_secondary_needs_a_key_of_its_own() {
        let message = "second | `second` is encrypted and lacks `kmsKeyId`, a key of its region";
        assert_eq!(found(&RULE, &program("")), [message]);
        assert!(found(&RULE, &program(", kmsKeyId: '${key.arn}'")).is_empty());
    }

    #[test]
    fn what_joins_an_encrypted_source_needs_a_key_too() {
        let program = "
  source: {type: aws:rds:Cluster, properties: {engine: a, storageEncrypted: true}}
  global: {type: aws:rds:GlobalCluster, properties: {globalClusterIdentifier: g, sourceDbClusterIdentifier: '${source.arn}'}}
  second: {type: aws:rds:Cluster, region: secondary, properties: {engine: a, globalClusterIdentifier: '${global.id}'}}
";
        let message = "second | `second` is encrypted and lacks `kmsKeyId`, a key of its region";
        assert_eq!(found(&RULE, program), [message]);
    }
}
