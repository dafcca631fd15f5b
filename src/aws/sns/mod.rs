//! Notifications: SNS.

mod topic;
mod topic_policy;
mod topic_subscription;

pub use topic::Topic;
pub use topic_policy::TopicPolicy;
pub use topic_subscription::TopicSubscription;

use aws_sdk_sns::types::Tag;

use super::error::OrNone;
use super::{Cx, Tags};
use crate::engine::error::Result;

fn tagged<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<Option<Vec<Tag>>> {
    let tags = tags.into_iter().map(|(k, v)| Ok(Tag::builder().key(k).value(v).build()?));
    tags.collect::<Result<_>>().map(Some)
}

/// Tags of a topic; none if there is no such topic.
async fn tags_of(arn: &str, cx: &Cx) -> Result<Tags> {
    let reply = cx.sns().list_tags_for_resource().resource_arn(arn).send().await.or_none()?;
    let tags = reply.and_then(|r| r.tags).unwrap_or_default();
    Ok(tags.into_iter().map(|t| (t.key, t.value)).collect())
}
