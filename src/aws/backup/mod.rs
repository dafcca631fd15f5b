//! Copies of data on a schedule: AWS Backup.

mod plan;
mod selection;
mod vault;

pub use plan::Plan;
pub use selection::Selection;
pub use vault::Vault;

use super::error::OrNone;
use super::{Cx, Tags};
use crate::engine::error::Result;
use crate::engine::resource::Retag;

/// Tags of a vault or plan; none if there is no such thing.
async fn tags_of(arn: &str, cx: &Cx) -> Result<Tags> {
    let mut pages = cx.backup().list_tags().resource_arn(arn).into_paginator().send();
    let mut tags = Tags::new();
    while let Some(page) = pages.next().await {
        let Some(page) = page.or_none()? else { return Ok(Tags::new()) };
        tags.extend(page.tags.into_iter().flatten());
    }
    Ok(tags)
}

async fn retag(arn: &str, retag: &Retag, cx: &Cx) -> Result<()> {
    if !retag.unset.is_empty() {
        let untag = cx.backup().untag_resource().resource_arn(arn);
        untag.set_tag_key_list(Some(retag.unset.clone())).send().await?;
    }
    if !retag.set.is_empty() {
        let tag = cx.backup().tag_resource().resource_arn(arn);
        tag.set_tags(Some(retag.set.iter().cloned().collect())).send().await?;
    }
    Ok(())
}
