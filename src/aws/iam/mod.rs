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

/// What keeps something from being deleted.
struct Holder {
    /// `the instance profile`.
    what: &'static str,
    name: String,
    /// What makes it let go.
    release: &'static str,
}

impl Holder {
    fn each(what: &'static str, release: &'static str, names: Vec<String>) -> impl Iterator<Item = Self> {
        names.into_iter().map(move |name| Self { what, name, release })
    }
}

/// A refusal to delete something because of what holds it, with the names of that. It may be ours, and
/// let go in a moment. Nothing is added where nothing is found, or cannot be looked for.
async fn held(refusal: Error, what: &str, look: impl Future<Output = Result<Vec<Holder>>>) -> Error {
    if refusal.code.as_deref() != Some("DeleteConflict") {
        return refusal;
    }
    let holders = look.await.unwrap_or_default();
    if holders.is_empty() {
        return refusal;
    }
    let names: Vec<String> = holders.iter().map(|h| format!("{} `{}`", h.what, h.name)).collect();
    let mut ways: Vec<&str> = holders.iter().map(|h| h.release).collect();
    ways.dedup();
    let message = format!("{what} cannot be deleted because of {}", names.join(", "));
    Error { message, ..refusal }.hint(format!("if others attached that, {}; then run again", ways.join("; ")))
}
