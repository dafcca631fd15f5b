//! AWS's rules for tags.

use crate::engine::error::Result;
use crate::engine::provider::At;
use crate::engine::value::{Map, Value};
use crate::twin::refusal::Refusal;

/// The tags that one resource may have.
const MOST: usize = 50;
/// Those of them that say who made the resource.
const OURS: usize = 3;
/// Characters of a key.
const LONGEST_KEY: usize = 128;
/// Characters of a value.
const LONGEST_VALUE: usize = 256;

/// Refuses tags that AWS would refuse.
///
/// # Errors
/// If there are too many, or a key or a value is too long or holds a character that is not allowed.
pub(super) fn check(no: Refusal<'_>, inputs: &Map) -> Result<()> {
    let Some(tags) = inputs.get("tags").and_then(Value::as_map) else { return Ok(()) };
    if tags.len() + OURS > MOST {
        let message = format!("{} tags and {OURS} of drctl are more than {MOST}", tags.len());
        return Err(no.never("TagLimitExceeded", message));
    }
    for (key, value) in tags {
        let wrong = match (key.as_str(), value.as_str()) {
            ("", _) => "a tag key is empty".to_owned(),
            (key, _) if key.to_ascii_lowercase().starts_with("aws:") => format!("tag key `{key}` starts with `aws:`"),
            (key, _) if key.chars().count() > LONGEST_KEY => {
                format!("tag key `{key}` has more than {LONGEST_KEY} characters")
            }
            (key, _) if !allowed(key) => format!("tag key `{key}` holds a character that AWS does not allow"),
            (key, Some(text)) if text.chars().count() > LONGEST_VALUE => {
                format!("the value of tag `{key}` has more than {LONGEST_VALUE} characters")
            }
            (key, Some(text)) if !allowed(text) => {
                format!("the value of tag `{key}` holds a character that AWS does not allow")
            }
            _ => continue,
        };
        return Err(no.never("InvalidTag", wrong).hint("letters, digits, spaces and `_.:/=+-@` are allowed"));
    }
    Ok(())
}

/// Refuses the values of our own tags that AWS would refuse.
///
/// # Errors
/// If one of them is too long or holds a character that is not allowed.
pub(super) fn check_ours(no: Refusal<'_>, at: &At) -> Result<()> {
    for (key, value) in [("drctl:owner", &at.owner), ("drctl:attempt", &at.attempt)] {
        if value.chars().count() > LONGEST_VALUE || !allowed(value) {
            return Err(no.never("InvalidTag", format!("the value of tag `{key}` cannot be a tag's")));
        }
    }
    Ok(())
}

fn allowed(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c))
}
