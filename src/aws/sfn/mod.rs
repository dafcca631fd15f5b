//! Workflows: Step Functions.

mod state_machine;

pub use state_machine::StateMachine;

use aws_sdk_sfn::types::Tag;

use super::error::OrNone;
use super::{Cx, Tags};
use crate::engine::error::{Result, need};

fn tagged<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Option<Vec<Tag>> {
    Some(tags.into_iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect())
}

/// Tags of a state machine; none if there is no such machine.
async fn tags_of(arn: &str, cx: &Cx) -> Result<Tags> {
    let reply = cx.sfn().list_tags_for_resource().resource_arn(arn).send().await.or_none()?;
    let tags = reply.and_then(|reply| reply.tags).unwrap_or_default();
    tags.into_iter().map(|tag| Ok((need("Key", tag.key)?, tag.value.unwrap_or_default()))).collect()
}
