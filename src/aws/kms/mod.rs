//! Encryption keys: KMS.

mod alias;
mod key;

pub use alias::Alias;
pub use key::Key;

use aws_sdk_kms::types::Tag;

use super::{Cx, Tags};
use crate::engine::error::Result;

fn tagged<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<Option<Vec<Tag>>> {
    let tags = tags.into_iter().map(|(k, v)| Ok(Tag::builder().tag_key(k).tag_value(v).build()?));
    tags.collect::<Result<_>>().map(Some)
}

async fn tags_of(key: &str, cx: &Cx) -> Result<Tags> {
    let pages = cx.kms().list_resource_tags().key_id(key).into_paginator().items().send();
    let tags = pages.collect::<Result<Vec<_>, _>>().await?;
    Ok(tags.into_iter().map(|t| (t.tag_key, t.tag_value)).collect())
}
