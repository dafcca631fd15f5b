//! Networks: EC2.

mod acceptance;
mod eip;
mod flow_log;
mod grant;
pub(in crate::aws) mod instance_requirements;
mod interfaces;
mod internet_gateway;
pub(in crate::aws) mod joint;
mod launch_template;
mod launch_template_data;
mod nat_gateway;
pub mod order;
mod peering;
mod peering_connection_options;
pub(in crate::aws) mod prefix_lists;
mod route;
mod route_table;
mod route_table_association;
mod route_target;
mod security_group;
mod security_group_rule;
mod subnet;
mod vpc;
mod vpc_endpoint;
mod vpc_peering_connection;
mod vpc_peering_connection_accepter;

pub use eip::Eip;
pub use flow_log::FlowLog;
pub(in crate::aws) use interfaces::Detached;
pub use internet_gateway::InternetGateway;
pub use launch_template::LaunchTemplate;
pub use nat_gateway::NatGateway;
pub use peering_connection_options::PeeringConnectionOptions;
pub use route::Route;
pub use route_table::RouteTable;
pub use route_table_association::RouteTableAssociation;
pub use security_group::SecurityGroup;
pub use security_group_rule::{SecurityGroupEgressRule, SecurityGroupIngressRule};
pub use subnet::Subnet;
pub use vpc::Vpc;
pub use vpc_endpoint::VpcEndpoint;
pub use vpc_peering_connection::VpcPeeringConnection;
pub use vpc_peering_connection_accepter::VpcPeeringConnectionAccepter;

use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, ResourceType, Tag, TagSpecification, UnsuccessfulItem};

use super::{Cx, Tags, tags};
use crate::engine::error::{Error, Kind, Result};
use crate::engine::resource::{Retag, Where};
use crate::engine::urn::Id;
use crate::engine::value::Value;

/// A filter by ids. Unlike a list of ids it does not fail when one of them is gone.
fn any_of(name: &str, ids: &[Id]) -> Filter {
    filter(name, ids.iter().map(|id| id.0.clone()))
}

pub(super) fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

/// A filter for what this attempt has made. What comes back `is_mine`, too, or the server does not know
/// the filter.
fn mine(cx: &Cx) -> Filter {
    filter(&format!("tag:{}", tags::ATTEMPT), [cx.token().to_owned()])
}

fn is_mine(tags: &[Tag], cx: &Cx) -> bool {
    tags.iter().any(|tag| tag.key() == Some(tags::ATTEMPT) && tag.value() == Some(cx.token()))
}

fn flag(value: bool) -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(value).build()
}

fn tagged(kind: ResourceType, tags: &Tags) -> TagSpecification {
    let tags = tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build());
    TagSpecification::builder().resource_type(kind).set_tags(Some(tags.collect())).build()
}

pub(super) fn tags_from(tags: Option<Vec<Tag>>) -> Tags {
    tags.into_iter().flatten().filter_map(|t| Some((t.key?, t.value.unwrap_or_default()))).collect()
}

/// Some calls succeed as a whole and list what they did not do.
fn refused(operation: &str, items: Option<Vec<UnsuccessfulItem>>) -> Result<()> {
    let Some(error) = items.into_iter().flatten().find_map(|item| item.error) else { return Ok(()) };
    let code = error.code.unwrap_or_default();
    let kind = if code.ends_with("NotFound") { Kind::NotFound } else { Kind::Invalid };
    let message = error.message.unwrap_or_else(|| code.clone());
    Err(Error { operation: Some(operation.to_owned()), code: Some(code), ..Error::new(kind, message) })
}

/// Sets and removes tags of anything in EC2.
async fn retag(id: &Id, tags: &Retag, cx: &Cx) -> Result<()> {
    if !tags.unset.is_empty() {
        let gone = tags.unset.iter().map(|k| Tag::builder().key(k).build()).collect();
        cx.ec2().delete_tags().resources(&id.0).set_tags(Some(gone)).send().await?;
    }
    if !tags.set.is_empty() {
        let set = tags.set.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
        cx.ec2().create_tags().resources(&id.0).set_tags(Some(set)).send().await?;
    }
    Ok(())
}

/// The ARN of anything whose ARN ends in its id: `arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1`.
fn arn(at: &Where, kind: &str) -> Value {
    match &at.id {
        Some(id) => at.arn("ec2", &format!("{kind}/{id}")),
        None => Value::Unknown,
    }
}
