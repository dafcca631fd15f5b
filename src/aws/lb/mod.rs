//! Load balancers: Elastic Load Balancing, version 2.

mod action;
mod attributes;
mod listener;
mod load_balancer;
mod target_group;

pub use listener::Listener;
pub use load_balancer::LoadBalancer;
pub use target_group::TargetGroup;

use aws_sdk_elasticloadbalancingv2::types::Tag;

use super::prelude::*;

fn tagged(tags: &Tags) -> Option<Vec<Tag>> {
    Some(tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect())
}

async fn tags_of(arn: &str, cx: &Cx) -> Result<Tags> {
    let reply = cx.elb().describe_tags().resource_arns(arn).send().await?;
    let all = reply.tag_descriptions.into_iter().flatten().flat_map(|one| one.tags.unwrap_or_default());
    Ok(all.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect())
}

/// Whether this attempt has made it.
async fn is_mine(arn: &str, cx: &Cx) -> Result<bool> {
    Ok(tags_of(arn, cx).await?.get(tags::ATTEMPT).is_some_and(|attempt| attempt == cx.token()))
}

async fn retag(id: &Id, tags: &Retag, cx: &Cx) -> Result<()> {
    if !tags.unset.is_empty() {
        cx.elb().remove_tags().resource_arns(&id.0).set_tag_keys(Some(tags.unset.clone())).send().await?;
    }
    if !tags.set.is_empty() {
        let set = tags.set.iter().cloned().collect();
        cx.elb().add_tags().resource_arns(&id.0).set_tags(tagged(&set)).send().await?;
    }
    Ok(())
}

/// What metrics call a load balancer or a target group: the end of its ARN, after that word.
fn suffix(arn: &str, after: &str) -> String {
    arn.split_once(after).map_or_else(String::new, |(_, rest)| rest.to_owned())
}
