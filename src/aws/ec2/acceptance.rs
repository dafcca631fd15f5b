//! The mark of what its own requester accepts.
//!
//! An acceptance is a call of its own. Whoever is interrupted before it must see that it is still to
//! be made, and whoever looks at something that others accepted must not take it for a wish.

use crate::aws::prelude::*;

const MARK: &str = "drctl:auto-accept";

pub(super) fn is_marked(tags: &Tags) -> bool {
    tags.contains_key(MARK)
}

/// The tags, with the mark if it is wished for.
pub(super) fn marked(mut tags: Tags, wished: bool) -> Tags {
    if wished {
        tags.insert(MARK.into(), "yes".into());
    }
    tags
}

/// The change of tags that makes the mark what is wished for.
pub(super) fn change(wished: bool) -> Retag {
    let mark = (MARK.to_owned(), "yes".to_owned());
    if wished { Retag { set: vec![mark], unset: Vec::new() } } else { Retag { set: Vec::new(), unset: vec![mark.0] } }
}
