//! Identities and rights: IAM.

mod instance_profile;
mod policy;
mod role;
mod role_policy;
mod role_policy_attachment;

pub use instance_profile::InstanceProfile;
pub use policy::Policy;
pub use role::Role;
pub use role_policy::RolePolicy;
pub use role_policy_attachment::RolePolicyAttachment;

use aws_sdk_iam::types::Tag;

use super::Tags;
use crate::engine::document::Document;
use crate::engine::error::{Error, Result};

fn tagged<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<Option<Vec<Tag>>> {
    let tags = tags.into_iter().map(|(k, v)| Ok(Tag::builder().key(k).value(v).build()?));
    tags.collect::<Result<_>>().map(Some)
}

fn tags_from(tags: Option<Vec<Tag>>) -> Tags {
    tags.into_iter().flatten().map(|t| (t.key, t.value)).collect()
}

/// IAM returns documents in the encoding of URLs.
fn document(encoded: &str) -> Result<Document> {
    let text = percent_encoding::percent_decode_str(encoded).decode_utf8();
    Ok(Document::new(text.map_err(|e| Error::bug(format!("a policy document is no text: {e}")))?))
}
