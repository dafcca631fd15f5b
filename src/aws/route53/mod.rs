//! DNS: Route 53, which is global and reached in one region.
//!
//! Route 53 takes five requests a second from a whole account. So reads of many are joined, and changes
//! of the records of a zone go out together. The API shows a change at once, the name servers follow
//! within about a minute: a record is ready when all of them have it.

mod dns;
mod health_check;
mod name;
mod record;
mod refusal;
mod zone;
mod zone_association;

pub(super) use dns::Dns;
pub use health_check::HealthCheck;
pub use record::Record;
pub use zone::Zone;
pub use zone_association::ZoneAssociation;

use std::collections::HashMap;

use aws_sdk_route53::error::BuildError;
use aws_sdk_route53::types::{Tag, TagResourceType, Vpc, VpcRegion};

use super::{Cx, Tags};
use crate::engine::error::{Error, Result};
use crate::engine::resource::{Retag, Where};
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// Tags that one change may add or remove, and resources that one list of tags may name.
const TAGS_A_CALL: usize = 10;

/// The tags of things that exist, by id.
async fn tags_of(kind: TagResourceType, ids: &[String], cx: &Cx) -> Result<HashMap<String, Tags>> {
    if let [id] = ids {
        let reply = cx.route53().list_tags_for_resource().resource_type(kind).resource_id(id).send().await?;
        return Ok(reply.resource_tag_set.into_iter().map(|set| (id.clone(), tags(set.tags))).collect());
    }
    let mut all = HashMap::new();
    for ids in ids.chunks(TAGS_A_CALL) {
        let list = cx.route53().list_tags_for_resources().resource_type(kind.clone());
        let reply = list.set_resource_ids(Some(ids.to_vec())).send().await?;
        all.extend(reply.resource_tag_sets.into_iter().filter_map(|set| Some((set.resource_id?, tags(set.tags)))));
    }
    Ok(all)
}

fn tags(tags: Option<Vec<Tag>>) -> Tags {
    tags.into_iter().flatten().filter_map(|t| Some((t.key?, t.value.unwrap_or_default()))).collect()
}

/// Sets and removes tags. Nothing takes tags when it is made, so the first tags of the program
/// bring those of drctl with them.
async fn retag(kind: TagResourceType, id: &Id, tags: &Retag, cx: &Cx) -> Result<()> {
    let ours = cx.tags(&Tags::new());
    let ours = ours.into_iter().filter(|_| !tags.set.is_empty());
    let set: Vec<Tag> =
        tags.set.iter().cloned().chain(ours).map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
    let (mut set, mut unset) = (set.chunks(TAGS_A_CALL), tags.unset.chunks(TAGS_A_CALL));
    loop {
        let (set, unset) = (set.next(), unset.next());
        if set.is_none() && unset.is_none() {
            return Ok(());
        }
        let change = cx.route53().change_tags_for_resource().resource_type(kind.clone()).resource_id(&id.0);
        let change = change.set_add_tags(set.map(<[Tag]>::to_vec));
        change.set_remove_tag_keys(unset.map(<[String]>::to_vec)).send().await?;
    }
}

/// An ARN of Route 53 has neither region nor account.
fn arn(partition: &str, kind: &str, id: &str) -> String {
    format!("arn:{partition}:route53:::{kind}/{id}")
}

fn foreseen_arn(at: &Where, kind: &str) -> Value {
    at.id.as_ref().map_or(Value::Unknown, |id| arn(&at.partition, kind, &id.0).into())
}

/// `/hostedzone/Z1` → `Z1`.
fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

fn vpc(id: &str, region: &str) -> Vpc {
    Vpc::builder().vpc_id(id).vpc_region(VpcRegion::from(region)).build()
}

fn built<T>(part: Result<T, BuildError>) -> Result<T> {
    part.map_err(|e| Error::bug(e.to_string()))
}
