use super::Rule;
use super::global_database::{Members, members};
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "managed-password",
    summary: "RDS manages no master password of a global database.",
    why: "RDS refuses a cluster with such a password in a global database, once the cluster is there.",
    find,
};

/// What is given for a secondary is refused with its other credentials.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html>
fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let primaries = members(scene).into_iter().filter_map(|members| Members::roles(&members)).map(|(primary, _)| primary);
    let managed = primaries.map(|primary| primary.field("manageMasterUserPassword")).filter(|field| field.is_true());
    let found = managed.map(|field| {
        let message = format!("`{}` is part of a global database, whose password RDS does not manage", field.owner.name());
        field.wrong(message).help("give `masterPassword`, for example of a `random:RandomPassword`")
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_global_database_has_no_password_that_rds_manages() {
        let program = "
  global: {type: aws:rds:GlobalCluster, properties: {globalClusterIdentifier: g, engine: a}}
  member:
    type: aws:rds:Cluster
    properties: {engine: a, globalClusterIdentifier: '${global.id}', masterUsername: m, manageMasterUserPassword: true}
  source:
    type: aws:rds:Cluster
    properties: {engine: a, masterUsername: m, manageMasterUserPassword: true}
  later: {type: aws:rds:GlobalCluster, properties: {globalClusterIdentifier: l, sourceDbClusterIdentifier: '${source.arn}'}}
  alone: {type: aws:rds:Cluster, properties: {engine: a, masterUsername: m, manageMasterUserPassword: true}}
";
        let message = |name: &str| {
            format!("true | `{name}` is part of a global database, whose password RDS does not manage")
        };
        assert_eq!(found(&RULE, program), [message("member"), message("source")]);
    }

    #[test]
    fn a_password_that_is_given_is_none_that_rds_manages() {
        let program = "
  global: {type: aws:rds:GlobalCluster, properties: {globalClusterIdentifier: g, engine: a}}
  member:
    type: aws:rds:Cluster
    properties:
      {engine: a, globalClusterIdentifier: '${global.id}', masterUsername: m, masterPassword: {fn::secret: 12345678}}
";
        assert!(found(&RULE, program).is_empty());
    }
}
