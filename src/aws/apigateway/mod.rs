//! APIs over HTTP: API Gateway, of the REST kind.

mod account;
mod base_path_mapping;
mod deployment;
mod domain_name;
mod integration;
mod method;
mod method_settings;
mod patch;
mod resource;
mod rest_api;
mod stage;

use std::collections::{BTreeMap, HashMap};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

pub use account::Account;
pub use base_path_mapping::BasePathMapping;
pub use deployment::Deployment;
pub use domain_name::DomainName;
pub use integration::Integration;
pub use method::Method;
pub use method_settings::MethodSettings;
pub use resource::Resource;
pub use rest_api::RestApi;
pub use stage::Stage;

use super::{Cx, Tags, tags};
use crate::engine::document::Document;
use crate::engine::error::{Error, Result};
use crate::engine::resource::{Retag, Where};
use crate::engine::value::Value;

/// The id of a part of an API, which may be joined to that of the API: `api/part` or `part`.
fn part(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, part)| part)
}

/// The two halves of an id such as `api/part`.
fn halves<'a>(id: &'a str, form: &str) -> Result<(&'a str, &'a str)> {
    id.split_once('/').ok_or_else(|| Error::invalid(format!("`{id}` is not `{form}`")))
}

/// Where a method stands: API, resource, verb. The resource may be joined to its API once more.
fn method_place(id: &str) -> Result<(&str, &str, &str)> {
    let wrong = || Error::invalid(format!("`{id}` is not `restApi/resourceId/httpMethod`"));
    let (api, rest) = id.split_once('/').ok_or_else(wrong)?;
    let (resource, verb) = rest.rsplit_once('/').ok_or_else(wrong)?;
    Ok((api, part(resource), verb))
}

/// Texts of AWS that are empty stand for none.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// A document that AWS shows with its quotation marks escaped.
fn document(text: Option<String>) -> Option<Document> {
    let text = given(text)?;
    let plain = serde_json::from_str::<String>(&format!("\"{text}\""));
    Some(Document::new(plain.unwrap_or(text)))
}

/// Whether two documents mean the same.
fn same(a: Option<&Document>, b: Option<&Document>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || a.same(b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// `2026-01-31T12:00:00Z`.
fn moment(at: Option<DateTime>) -> Option<String> {
    at.and_then(|at| at.fmt(Format::DateTime).ok())
}

fn sorted<V>(map: Option<HashMap<String, V>>) -> BTreeMap<String, V> {
    map.into_iter().flatten().collect()
}

/// What is not given is not sent.
fn sent<V: Clone>(map: &BTreeMap<String, V>) -> Option<HashMap<String, V>> {
    (!map.is_empty()).then(|| map.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
}

/// Whether the attempt has made what carries these tags.
fn is_mine(tags: Option<&HashMap<String, String>>, cx: &Cx) -> bool {
    tags.and_then(|tags| tags.get(tags::ATTEMPT)).is_some_and(|attempt| attempt == cx.token())
}

fn tags_from(tags: Option<HashMap<String, String>>) -> Tags {
    sorted(tags)
}

/// An ARN of API Gateway's control plane, which names no account.
fn arn(partition: &str, region: &str, path: &str) -> String {
    format!("arn:{partition}:apigateway:{region}::{path}")
}

/// The same before there is anything.
fn foreseen_arn(at: &Where, path: &str) -> Value {
    arn(&at.partition, &at.region.0, path).into()
}

/// Where the calls of an API go, as permissions name it.
fn execution_arn(partition: &str, region: &str, account: &str, path: &str) -> String {
    format!("arn:{partition}:execute-api:{region}:{account}:{path}")
}

async fn retag(arn: &str, tags: &Retag, cx: &Cx) -> Result<()> {
    if !tags.unset.is_empty() {
        let untag = cx.apigateway().untag_resource().resource_arn(arn);
        untag.set_tag_keys(Some(tags.unset.clone())).send().await?;
    }
    if !tags.set.is_empty() {
        let tag = cx.apigateway().tag_resource().resource_arn(arn);
        tag.set_tags(Some(tags.set.iter().cloned().collect())).send().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_whether_its_resource_names_the_api_or_not() {
        for id in ["api/res/GET", "api/api/res/GET"] {
            assert_eq!(method_place(id).unwrap(), ("api", "res", "GET"));
        }
        assert!(method_place("res/GET").is_err());
    }
}
