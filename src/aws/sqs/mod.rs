//! Queues: SQS.

mod queue;
mod queue_policy;

pub use queue::Queue;
pub use queue_policy::QueuePolicy;

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;

use super::Cx;
use super::error::OrNone;
use crate::engine::error::Result;

/// Everything that SQS keeps about a queue as text; none if there is no such queue.
async fn attributes_of(url: &str, cx: &Cx) -> Result<Option<HashMap<QueueAttributeName, String>>> {
    let get = cx.sqs().get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
    Ok(get.send().await.or_none()?.map(|reply| reply.attributes.unwrap_or_default()))
}
