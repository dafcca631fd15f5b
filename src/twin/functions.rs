//! Data sources: questions about an account, a region or a resource.

use serde_json::json;

use crate::engine::error::{Error, Kind, Result};
use crate::engine::urn::Place;
use crate::engine::value::Value;
use crate::twin::cloud::Cloud;
use crate::twin::{ACCOUNT, PARTITION};

/// Answers a data source.
///
/// # Errors
/// If the twin does not know the function.
pub(super) fn invoke(_: &Cloud, function: &str, place: &Place, _: &Value) -> Result<Value> {
    let name = function.rsplit(':').next().unwrap_or(function);
    Ok(Value::from_json(match name.to_ascii_lowercase().as_str() {
        "getregion" => json!({ "id": place.0, "name": place.0, "region": place.0, "description": place.0 }),
        "getcalleridentity" => json!({
            "id": ACCOUNT, "accountId": ACCOUNT, "userId": "AIDATWIN",
            "arn": format!("arn:{PARTITION}:iam::{ACCOUNT}:user/twin"),
        }),
        _ => return Err(Error::new(Kind::Unsupported, format!("the twin knows no function `{function}`"))),
    }))
}
