//! KMS keys are regional: a resource can be encrypted only with a key of its own region.

use crate::engine::error::Result;
use crate::engine::urn::Place;
use crate::engine::value::{Map, Value};
use crate::twin::refusal::Refusal;

/// Inputs that name the key of the resource itself. Keys of replicas and copies stand deeper.
const INPUTS: [&str; 5] =
    ["kmsKeyId", "kmsKeyArn", "kmsMasterKeyId", "masterUserSecretKmsKeyId", "performanceInsightsKmsKeyId"];

/// Refuses a key of another region.
///
/// # Errors
/// If an input names one.
pub(in crate::twin) fn in_reach(no: Refusal<'_>, place: &Place, inputs: &Map) -> Result<()> {
    for input in INPUTS {
        let Some(arn) = inputs.get(input).and_then(Value::as_str).filter(|text| text.starts_with("arn:")) else {
            continue;
        };
        let region = arn.split(':').nth(3).unwrap_or_default();
        if !place.is_global() && region != place.0 {
            return Err(no.never("KMSKeyNotAccessibleFault", format!("`{input}` names a key of `{region}`")));
        }
    }
    Ok(())
}
