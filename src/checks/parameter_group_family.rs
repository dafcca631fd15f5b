use super::Rule;
use super::global_database::CLUSTER;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "parameter-group-family",
    summary: "The parameter group of a cluster is of the family of its engine and major version.",
    why: "RDS refuses another one: after an upgrade of the major version, which cannot be taken back.",
    find,
};

const GROUP: &str = "aws:rds/clusterParameterGroup:ClusterParameterGroup";

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for cluster in scene.of(CLUSTER) {
        let (engine, version) = (cluster.field("engine").text(), cluster.field("engineVersion").text());
        let (Some(engine), Some(version)) = (engine, version) else { continue };
        let Some(family) = cluster.field("dbClusterParameterGroupName").target(GROUP).map(|g| g.field("family")) else {
            continue;
        };
        let Some(name) = family.text().filter(|name| !is_of(name, engine, version)) else { continue };
        let message = format!("`{name}` is not the family of {engine} {version}, which `{}` runs", cluster.name());
        let problem = family.wrong(message).also(cluster.field("engineVersion").at(), "the version of the cluster");
        let help = "give the cluster a parameter group of its family under another name, together with the version";
        found.push(problem.help(help));
    }
    found
}

/// `aurora-postgresql16` of aurora-postgresql 16.9, `aurora-mysql8.0` of aurora-mysql 8.0.mysql_aurora.3.08.0.
fn is_of(family: &str, engine: &str, version: &str) -> bool {
    let begins = |whole: &str, part: &str| {
        whole.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // `8` stands for any `8.x`.
    family.strip_prefix(engine).is_some_and(|major| begins(version, major) || begins(major, version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    fn program(engine: &str, version: &str, family: &str) -> String {
        format!(
            "
  group: {{type: aws:rds:ClusterParameterGroup, properties: {{name: g, family: {family}}}}}
  cluster:
    type: aws:rds:Cluster
    properties: {{engine: {engine}, engineVersion: '{version}', dbClusterParameterGroupName: '${{group.name}}'}}
"
        )
    }

    #[test]
    fn a_parameter_group_is_of_the_family_of_the_version() {
        for (engine, version, family) in [
            ("aurora-postgresql", "16.10", "aurora-postgresql16"),
            ("aurora-postgresql", "16", "aurora-postgresql16"),
            ("aurora-mysql", "8.0.mysql_aurora.3.08.0", "aurora-mysql8.0"),
            ("aurora-mysql", "8", "aurora-mysql8.0"),
            ("postgres", "9.6.24", "postgres9.6"),
        ] {
            assert_eq!(found(&RULE, &program(engine, version, family)), [""; 0], "{engine} {version}");
        }
        let wrong = |engine, version, family| found(&RULE, &program(engine, version, family)).concat();
        let message = "aurora-postgresql16 | `aurora-postgresql16` is not the family of aurora-postgresql 17.4, which \
                       `cluster` runs";
        assert_eq!(wrong("aurora-postgresql", "17.4", "aurora-postgresql16"), message);
        assert!(!wrong("aurora-postgresql", "16.1", "aurora-postgresql1").is_empty());
        assert!(!wrong("aurora-mysql", "8.0.mysql_aurora.3.08.0", "aurora-postgresql16").is_empty());
    }
}
