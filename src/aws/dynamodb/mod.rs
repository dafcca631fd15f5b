//! Tables and their replicas: DynamoDB.

mod contributor_insights;
mod indexes;
mod replicas;
mod scaled;
mod settings;
mod table;
mod table_create;
mod table_replica;
mod table_update;

pub use contributor_insights::ContributorInsights;
pub use table::Table;
pub use table_replica::TableReplica;

use aws_config::Region;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::types::Tag;

use super::{Cx, Tags};
use crate::engine::error::Result;
use crate::engine::resource::Retag;

/// What DynamoDB does with a key in the name of whoever gives it one (DynamoDB Developer Guide, "Authorizing
/// use of your customer managed key").
const KEY_USE: &[&str] =
    &["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"];

fn tagged<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<Option<Vec<Tag>>> {
    let tags = tags.into_iter().map(|(k, v)| Ok(Tag::builder().key(k).value(v).build()?));
    tags.collect::<Result<_>>().map(Some)
}

/// Sends a call to another region.
fn there(region: &str) -> Builder {
    Builder::new().region(Region::new(region.to_owned()))
}

/// All tags of a table, those of drctl too. Only the region of the table knows them.
async fn tags_of(arn: &str, region: &str, cx: &Cx) -> Result<Tags> {
    let (mut tags, mut next) = (Tags::new(), None);
    loop {
        let list = cx.dynamodb().list_tags_of_resource().resource_arn(arn).set_next_token(next);
        let page = list.customize().config_override(there(region)).send().await?;
        tags.extend(page.tags.into_iter().flatten().map(|t| (t.key, t.value)));
        next = page.next_token;
        if next.is_none() {
            return Ok(tags);
        }
    }
}

async fn retag(arn: &str, region: &str, tags: &Retag, cx: &Cx) -> Result<()> {
    if !tags.unset.is_empty() {
        let untag = cx.dynamodb().untag_resource().resource_arn(arn).set_tag_keys(Some(tags.unset.clone()));
        untag.customize().config_override(there(region)).send().await?;
    }
    if !tags.set.is_empty() {
        let set = tagged(tags.set.iter().map(|(k, v)| (k, v)))?;
        let tag = cx.dynamodb().tag_resource().resource_arn(arn).set_tags(set);
        tag.customize().config_override(there(region)).send().await?;
    }
    Ok(())
}
