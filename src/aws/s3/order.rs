//! Replication needs versions on both sides: a bucket that is not versioned yet, or no longer, is
//! refused as a source and fails as a destination.

use std::collections::{BTreeSet, HashMap};

use super::{BucketReplicationConfig, BucketVersioning};
use crate::engine::order::Implied;
use crate::engine::program::Declaration;
use crate::engine::resource::Resource;
use crate::engine::urn::Urn;

/// Puts a replication after the versioning of its source and of its destinations, and deletes it
/// before these are suspended.
pub fn versioning_before_replication(declarations: &[Declaration]) -> Vec<Implied> {
    let of = |ty| declarations.iter().enumerate().filter(move |(_, d)| d.ty == ty);
    let mut versionings: HashMap<&Urn, Vec<usize>> = HashMap::new();
    for (versioning, declaration) in of(BucketVersioning::TYPE) {
        for bucket in referred(declaration, "bucket") {
            versionings.entry(bucket).or_default().push(versioning);
        }
    }
    let mut orders = Vec::new();
    for (replication, declaration) in of(BucketReplicationConfig::TYPE) {
        let buckets = referred(declaration, "bucket").iter().chain(referred(declaration, "rules"));
        let needed: BTreeSet<usize> = buckets.filter_map(|bucket| versionings.get(bucket)).flatten().copied().collect();
        orders.extend(needed.into_iter().map(|before| Implied { before, after: replication, on_delete: true }));
    }
    orders
}

fn referred<'a>(declaration: &'a Declaration, input: &str) -> &'a [Urn] {
    declaration.refers.get(input).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::diagnostic::{Location, Source};
    use crate::engine::program::Options;
    use crate::engine::urn::Place;

    const BUCKET: &str = "aws:s3/bucket:Bucket";

    fn urn(ty: &str, name: &str) -> Urn {
        Urn::new("prod", "dr", ty, name)
    }

    fn declared(ty: &str, name: &str, refers: &[(&str, &[&str])]) -> Declaration {
        let buckets = |names: &[&str]| names.iter().map(|name| urn(BUCKET, name)).collect();
        Declaration {
            urn: urn(ty, name),
            key: name.into(),
            ty: ty.to_owned(),
            place: Place("eu-west-1".into()),
            parent: None,
            needs: Vec::new(),
            refers: refers.iter().map(|(input, names)| ((*input).to_owned(), buckets(names))).collect(),
            options: Options::default(),
            external: None,
            at: Location { source: Arc::new(Source::new("dr.yaml", "")), start: 0, end: 0 },
        }
    }

    #[test]
    fn a_replication_waits_for_the_versioning_of_its_own_bucket_and_of_each_destination() {
        let declarations = [
            declared(BucketReplicationConfig::TYPE, "there", &[("bucket", &["a"]), ("rules", &["b", "c", "a"])]),
            declared(BucketVersioning::TYPE, "a", &[("bucket", &["a"])]),
            declared(BucketVersioning::TYPE, "b", &[("bucket", &["b"])]),
            declared(BucketVersioning::TYPE, "other", &[("bucket", &["d"])]),
            declared(BucketReplicationConfig::TYPE, "back", &[("bucket", &["b"]), ("rules", &["a"])]),
            declared(BUCKET, "a", &[]),
        ];
        let orders = versioning_before_replication(&declarations);
        let pairs: Vec<(usize, usize)> = orders.iter().map(|o| (o.before, o.after)).collect();
        assert_eq!(pairs, [(1, 0), (2, 0), (1, 4), (2, 4)]);
        assert!(orders.iter().all(|o| o.on_delete));
    }
}
