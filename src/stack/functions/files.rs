//! Contents of files as values.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;

use super::arguments::text;
use super::{Fault, Outcome, Site};
use crate::engine::value::Value;
use crate::stack::budget::Amount;

fn bytes(value: &Value, site: &Site) -> Outcome<Vec<u8>> {
    let name = text(value)?;
    let wrong = |error: io::Error| Fault::new(super::assets::unreadable(&name, site, &error));
    let path = site.assets.fence().enter(&site.here.join(&name)).map_err(wrong)?;
    let found = std::fs::metadata(&path).map_err(wrong)?;
    // A device or a pipe may have no end.
    if !found.is_file() && !found.is_dir() {
        return Err(wrong(io::Error::other("it is no file")));
    }
    site.room_for(Amount::bytes(usize::try_from(found.len()).unwrap_or(usize::MAX)))?;
    let bytes = std::fs::read(path).map_err(wrong)?;
    site.reads.note(super::assets::told(&name, site), &bytes);
    Ok(bytes)
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
