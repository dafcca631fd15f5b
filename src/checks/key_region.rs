use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "key-region",
    summary: "What is encrypted names a KMS key of its own region.",
    why: "No service reaches a key of another region, so the resource fails or cannot be read.",
    find,
};

/// Inputs that name the key of the resource itself, for any type. Keys of replicas and of copies
/// stand deeper.
const KEYS: [&str; 5] =
    ["kmsKeyArn", "kmsKeyId", "kmsMasterKeyId", "masterUserSecretKmsKeyId", "performanceInsightsKmsKeyId"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let keys = scene.all().flat_map(|item| KEYS.map(|name| item.field(name)));
    let away = keys.filter_map(|key| Some((key, key.elsewhere()?)));
    let found = away.map(|(key, region)| {
        let message = format!("the key is of {region}, and `{}` is in {}", key.owner.name(), key.owner.place());
        key.wrong(message).help("use a key of the same region, or a multi-Region key and its replica")
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_key_encrypts_in_its_own_region() {
        let program = "
  near: {type: aws:kms:Key}
  far: {type: aws:kms:Key, region: secondary}
  wrong: {type: aws:rds:Cluster, properties: {engine: a, storageEncrypted: true, kmsKeyId: '${far.arn}'}}
  right: {type: aws:rds:Cluster, properties: {engine: a, storageEncrypted: true, kmsKeyId: '${near.arn}'}}
";
        assert_eq!(found(&RULE, program), ["'${far.arn}' | the key is of eu-west-1, and `wrong` is in us-east-1"]);
    }
}
