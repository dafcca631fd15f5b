//! Streams of records: Kinesis and Firehose.

mod firehose_delivery_stream;
mod format_conversion;
mod http_destination;
mod s3_destination;
mod stream;

pub use firehose_delivery_stream::FirehoseDeliveryStream;
pub use stream::Stream;

use aws_sdk_firehose::types::Tag;

use super::error::OrNone;
use super::{Cx, Tags};
use crate::engine::error::Result;

fn tagged<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<Option<Vec<Tag>>> {
    let tags = tags.into_iter().map(|(k, v)| Ok(Tag::builder().key(k).value(v).build()?));
    tags.collect::<Result<_>>().map(Some)
}

/// Tags of a delivery stream; none if there is no such stream.
async fn tags_of(stream: &str, cx: &Cx) -> Result<Tags> {
    let mut tags = Tags::new();
    loop {
        let last = tags.last_key_value().map(|(key, _)| key.clone());
        let list = cx.firehose().list_tags_for_delivery_stream().delivery_stream_name(stream);
        let page = list.set_exclusive_start_tag_key(last).send().await.or_none()?;
        let Some(page) = page.filter(|page| !page.tags.is_empty()) else { return Ok(tags) };
        let more = page.has_more_tags;
        tags.extend(page.tags.into_iter().map(|t| (t.key, t.value.unwrap_or_default())));
        if !more {
            return Ok(tags);
        }
    }
}
