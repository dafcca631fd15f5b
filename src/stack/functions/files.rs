//! Contents of files as values.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;

use super::arguments::text;
use super::{Fault, Outcome, Site};
use crate::engine::value::Value;
use crate::stack::budget::Amount;

/// Why a file gives no value.
enum Refused {
    TooBig,
    Unreadable(std::io::Error),
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Self::Unreadable(error)
    }
}

fn bytes(value: &Value, site: &Site) -> Outcome<Arc<[u8]>> {
    let name = text(value)?;
    let room = |bytes: u64| match site.room.has(Amount::bytes(usize::try_from(bytes).unwrap_or(usize::MAX))) {
        true => Ok(()),
        false => Err(Refused::TooBig),
    };
    let bytes = site.assets.value(&site.here.join(&name), room).map_err(|refused| match refused {
        Refused::TooBig => Fault::TooBig,
        Refused::Unreadable(error) => Fault::new(super::assets::unreadable(&name, site, &error)),
    })?;
    site.reads.note(super::assets::told(&name, site), &bytes);
    Ok(bytes)
}

pub(super) fn read_file(value: &Value, site: &Site) -> Outcome {
    let text = bytes(value, site)?;
    std::str::from_utf8(&text).map(Value::from).map_err(|_| Fault::new("the file is no UTF-8 text"))
}

pub(super) fn base64(value: &Value, site: &Site) -> Outcome {
    bytes(value, site).map(|b| STANDARD.encode(b).into())
}

pub(super) fn base64_sha256(value: &Value, site: &Site) -> Outcome {
    bytes(value, site).map(|b| STANDARD.encode(sha2::Sha256::digest(b)).into())
}
