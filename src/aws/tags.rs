//! Tags: those of the program, and those by which a lost create is found again.

use std::collections::BTreeMap;

use crate::engine::resource::Retag;
use crate::engine::urn::Urn;

/// Tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// `<lineage>/<hash of the URN>`: whose the resource is.
pub const OWNER: &str = "drctl:owner";
/// The attempt that made the resource.
pub const ATTEMPT: &str = "drctl:attempt";
/// The URN, for people.
pub const URN: &str = "drctl:urn";

/// Longest value of a tag, in characters.
const LONGEST: usize = 256;

/// Whether a tag belongs to AWS or to drctl, so that no program sets it.
pub fn is_reserved(key: &str) -> bool {
    key.starts_with("aws:") || key.starts_with("drctl:")
}

/// The text with `_` for every character that AWS forbids in tags, cut to their length.
pub fn legal(urn: &Urn) -> String {
    let allowed = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    urn.as_str().chars().take(LONGEST).map(|c| if allowed(c) { c } else { '_' }).collect()
}

/// What must be set and removed to get from `live` to `wanted`.
pub fn difference(live: &Tags, wanted: &Tags) -> Retag {
    let set = wanted.iter().filter(|(k, v)| live.get(*k) != Some(v));
    let unset = live.keys().filter(|k| !wanted.contains_key(*k));
    Retag { set: set.map(|(k, v)| (k.clone(), v.clone())).collect(), unset: unset.cloned().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urn_becomes_a_legal_tag_value() {
        let urn = Urn::new("prod", "dr", "my:c:C$aws:ec2/vpc:Vpc", &format!("subnet[\"a\"]{}", "x".repeat(300)));
        let value = legal(&urn);
        assert_eq!(value.len(), 256);
        assert!(value.starts_with("urn:pulumi:prod::dr::my:c:C_aws:ec2/vpc:Vpc::subnet__a__x"), "{value}");
    }

    #[test]
    fn retagging_sets_what_is_new_or_changed_and_removes_the_rest() {
        let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect::<Tags>();
        let retag =
            difference(&tags(&[("a", "1"), ("b", "1"), ("c", "1")]), &tags(&[("a", "1"), ("b", "2"), ("d", "1")]));
        assert_eq!(retag.set, [("b".into(), "2".into()), ("d".into(), "1".into())]);
        assert_eq!(retag.unset, ["c"]);
    }
}
