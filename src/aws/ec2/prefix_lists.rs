//! The addresses of the services that gateways lead to.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_ec2::types::PrefixList;
use tokio::sync::Mutex;

use super::filter;
use crate::aws::Cx;
use crate::engine::error::Result;

/// Prefix lists of one region by the name of the service, each asked for once: AWS makes them, and
/// they do not change while a run lasts. A service that has none is known, too.
#[derive(Default)]
pub(in crate::aws) struct PrefixLists(Mutex<HashMap<String, Option<PrefixList>>>);

/// The prefix lists of services.
pub(super) async fn of_services(names: BTreeSet<String>, cx: &Cx) -> Result<HashMap<String, PrefixList>> {
    let mut known = cx.prefix_lists().0.lock().await;
    let unknown: Vec<String> = names.iter().filter(|name| !known.contains_key(*name)).cloned().collect();
    if !unknown.is_empty() {
        let lists = cx.ec2().describe_prefix_lists().filters(filter("prefix-list-name", unknown.clone()));
        let lists = lists.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
        known.extend(unknown.into_iter().map(|name| (name, None)));
        known.extend(lists.into_iter().filter_map(|list| Some((list.prefix_list_name.clone()?, Some(list)))));
    }
    Ok(names.into_iter().filter_map(|name| Some((name.clone(), known.get(&name)?.clone()?))).collect())
}
