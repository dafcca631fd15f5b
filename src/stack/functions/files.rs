//! Contents of files as values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;

use super::arguments::text;
use super::{Fault, Outcome, Site};
use crate::engine::value::Value;

fn bytes(value: &Value, site: &Site) -> Outcome<Vec<u8>> {
    let name = text(value)?;
    let path = site.assets.fence().enter(&site.here.join(&name));
    path.and_then(std::fs::read).map_err(|error| Fault::new(super::assets::unreadable(&name, site, &error)))
}

pub(super) fn read_file(value: &Value, site: &Site) -> Outcome {
    String::from_utf8(bytes(value, site)?).map(Value::from).map_err(|_| Fault::new("the file is no UTF-8 text"))
}

pub(super) fn base64(value: &Value, site: &Site) -> Outcome {
    bytes(value, site).map(|b| STANDARD.encode(b).into())
}

pub(super) fn base64_sha256(value: &Value, site: &Site) -> Outcome {
    bytes(value, site).map(|b| STANDARD.encode(sha2::Sha256::digest(b)).into())
}
