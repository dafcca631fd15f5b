use std::collections::HashSet;

use super::Rule;
use super::scene::{Field, Item, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "bucket-versioning",
    summary: "Buckets that replicate, and those that they replicate to, have versioning.",
    why: "S3 refuses the replication when both buckets are there already.",
    find,
};

const BUCKET: &str = "aws:s3/bucket:Bucket";
const VERSIONING: &str = "aws:s3/bucketVersioning:BucketVersioning";

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    if !scene.knows_all(VERSIONING, "bucket") {
        return Vec::new();
    }
    let settings = scene.of(VERSIONING);
    // A status that is not known yet may be the right one.
    let enabled = settings.filter(|v| {
        v.field("versioningConfiguration").field("status").text().is_none_or(|status| status == "Enabled")
    });
    let versioned: HashSet<usize> =
        enabled.filter_map(|v| Some(v.field("bucket").target(BUCKET)?.index)).collect();
    let mut found = Vec::new();
    for replication in scene.of("aws:s3/bucketReplicationConfig:BucketReplicationConfig") {
        let source = replication.field("bucket");
        let copies = replication.field("rules").items().map(|rule| rule.field("destination").field("bucket"));
        let mut seen = HashSet::new();
        for field in [source].into_iter().chain(copies) {
            let Some(bucket) = field.target(BUCKET).or_else(|| by_arn(scene, field)) else { continue };
            if !versioned.contains(&bucket.index) && seen.insert(bucket.index) {
                let message = format!("bucket `{}` has no versioning, which replication needs", bucket.name());
                let problem = field.wrong(message).also(bucket.at(), "the bucket");
                found.push(problem.help("add an `aws:s3:BucketVersioning` of status `Enabled` for it"));
            }
        }
    }
    found
}

/// The bucket of an ARN that holds its name as a text.
fn by_arn<'s>(scene: &'s Scene<'s>, field: Field<'s>) -> Option<Item<'s>> {
    let name = field.text()?.rsplit_once(":::")?.1;
    scene.named(BUCKET, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    fn program(more: &str) -> String {
        format!(
            "
  role: {{type: aws:iam:Role, properties: {{assumeRolePolicy: {{}}}}}}
  from: {{type: aws:s3:Bucket}}
  to: {{type: aws:s3:Bucket, region: secondary, properties: {{bucket: copies}}}}
  first:
    type: aws:s3:BucketVersioning
    properties: {{bucket: '${{from.id}}', versioningConfiguration: {{status: Enabled}}}}
  replication:
    type: aws:s3:BucketReplicationConfig
    properties:
      bucket: ${{from.id}}
      role: ${{role.arn}}
      rules: [{{id: all, status: Enabled, destination: {{bucket: '${{to.arn}}'}}}}]
{more}"
        )
    }

    #[test]
    fn both_ends_of_a_replication_have_versioning() {
        let message = "'${to.arn}' | bucket `to` has no versioning, which replication needs";
        assert_eq!(found(&RULE, &program("")), [message]);
        let second = |status: &str| {
            format!(
                "  second: {{type: aws:s3:BucketVersioning, region: secondary, \
                 properties: {{bucket: '${{to.id}}', versioningConfiguration: {{status: {status}}}}}}}\n"
            )
        };
        assert!(found(&RULE, &program(&second("Enabled"))).is_empty());
        assert_eq!(found(&RULE, &program(&second("Suspended"))), [message]);
    }
}
