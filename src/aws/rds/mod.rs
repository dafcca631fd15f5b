//! Relational databases: RDS and Aurora.

mod active_region;
mod cluster;
mod cluster_delete;
mod cluster_instance;
mod cluster_update;
mod databases;
mod event_subscription;
mod global_cluster;
pub mod order;
mod parameter_group;
mod parameters;
mod roles;
mod subnet_group;

pub use active_region::active_region;
pub use cluster::Cluster;
pub use cluster_instance::ClusterInstance;
pub(super) use databases::Databases;
pub use event_subscription::EventSubscription;
pub use global_cluster::GlobalCluster;
pub use parameter_group::{ClusterParameterGroup, ParameterGroup};
pub use subnet_group::SubnetGroup;

use aws_sdk_rds::types::{Filter, Tag};

use super::{Cx, Tags, tags};
use crate::engine::error::Result;
use crate::engine::resource::{Retag, Want, Where};
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// What RDS does with a key in the name of whoever gives it one (Service Authorization Reference, "Actions
/// defined by Amazon RDS", dependent actions).
const KEY_USE: &[&str] = &["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"];

/// What a description says when the program gives none: the text of pulumi-aws, because another
/// one would replace groups that come from there.
fn managed() -> String {
    "Managed by Pulumi".to_owned()
}

/// Whether a database's state keeps it from being read as ready, by AWS's own word.
enum State {
    Ready,
    Changing,
    Broken,
}

/// States in which a database serves, or could if someone started it.
const READY: &[&str] = &["available", "backing-up", "storage-optimization", "stopped"];

/// States that no waiting ends.
const BROKEN: &[&str] = &[
    "cloning-failed",
    "failed",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-create",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "insufficient-capacity",
    "migration-failed",
    "restore-error",
    "storage-full",
];

impl State {
    fn of(status: &str) -> Self {
        match status {
            s if READY.contains(&s) => Self::Ready,
            s if BROKEN.contains(&s) => Self::Broken,
            _ => Self::Changing,
        }
    }
}

fn filter(name: &str, ids: &[Id]) -> Filter {
    Filter::builder().name(name).set_values(Some(ids.iter().map(|id| id.0.clone()).collect())).build()
}

fn tagged(tags: &Tags) -> Option<Vec<Tag>> {
    Some(tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect())
}

fn tags_from(tags: Option<Vec<Tag>>) -> Tags {
    tags.into_iter().flatten().filter_map(|t| Some((t.key?, t.value.unwrap_or_default()))).collect()
}

/// The tags of what a Describe shows without them.
async fn tags_of(arn: &str, cx: &Cx) -> Result<Tags> {
    Ok(tags_from(cx.rds().list_tags_for_resource().resource_name(arn).send().await?.tag_list))
}

/// The same, where a read asks for them.
async fn wanted_tags(arn: &str, want: &Want, cx: &Cx) -> Result<Tags> {
    if want.has("tags") { tags_of(arn, cx).await } else { Ok(Tags::new()) }
}

/// Whether tags say that this resource was made for the same declaration.
fn is_ours(tags: &Tags, cx: &Cx) -> bool {
    tags.get(tags::OWNER).is_some_and(|owner| owner == cx.owner())
}

/// Sets and removes tags of anything in RDS.
async fn retag(arn: &str, tags: &Retag, cx: &Cx) -> Result<()> {
    if !tags.unset.is_empty() {
        let gone = Some(tags.unset.clone());
        cx.rds().remove_tags_from_resource().resource_name(arn).set_tag_keys(gone).send().await?;
    }
    if !tags.set.is_empty() {
        let set = tags.set.iter().cloned().collect();
        cx.rds().add_tags_to_resource().resource_name(arn).set_tags(tagged(&set)).send().await?;
    }
    Ok(())
}

/// The ARN of a named thing, whose name RDS keeps in small letters:
/// `arn:aws:rds:eu-west-1:123456789012:cluster:orders`.
fn arn(at: &Where, inputs: &Value, kind: &str, name: &str) -> Value {
    match inputs.get(name).and_then(Value::as_str) {
        Some(name) => at.arn("rds", &format!("{kind}:{}", name.to_ascii_lowercase())),
        None => Value::Unknown,
    }
}

/// The value if it differs from what is there, for calls that send only changes.
fn new_value<T: PartialEq + Clone>(wanted: &T, live: &T) -> Option<T> {
    (wanted != live).then(|| wanted.clone())
}

/// The same for an input whose absence leaves the choice to AWS.
fn new_choice<T: PartialEq + Clone>(wanted: &Option<T>, live: &Option<T>) -> Option<T> {
    if wanted == live { None } else { wanted.clone() }
}
