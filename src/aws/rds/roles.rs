//! Who belongs to which global database, and in what role.
//!
//! Only the list of members tells: what a cluster says of itself lags behind a switchover, and
//! says nothing in some states.

use std::collections::HashMap;

use aws_sdk_rds::types::GlobalCluster;

use super::databases;
use crate::aws::Cx;
use crate::aws::error::OrNone;
use crate::engine::error::{Result, need};

/// The place of a cluster in a global database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Membership {
    pub global: String,
    /// The role at the moment, whatever the program says.
    pub is_writer: bool,
    /// Whether the global database has other members.
    pub has_others: bool,
}

/// The global database of that identifier.
pub(super) async fn global(id: &str, cx: &Cx) -> Result<Option<GlobalCluster>> {
    let reply = cx.rds().describe_global_clusters().global_cluster_identifier(id).send().await.or_none()?;
    Ok(reply.and_then(|r| r.global_clusters).and_then(|globals| globals.into_iter().next()))
}

/// Memberships by the ARN of the cluster.
pub(super) async fn memberships(cx: &Cx) -> Result<HashMap<String, Membership>> {
    let mut found = HashMap::new();
    for global in databases::globals(cx).await? {
        let id = need("GlobalClusterIdentifier", global.global_cluster_identifier)?;
        let members = global.global_cluster_members.unwrap_or_default();
        let has_others = members.len() > 1;
        for member in members {
            let arn = need("DBClusterArn", member.db_cluster_arn)?;
            let is_writer = member.is_writer.unwrap_or_default();
            found.insert(arn, Membership { global: id.clone(), is_writer, has_others });
        }
    }
    Ok(found)
}

/// The place of one cluster.
pub(super) async fn membership(arn: &str, cx: &Cx) -> Result<Option<Membership>> {
    Ok(memberships(cx).await?.remove(arn))
}

/// Whether a cluster that joins now becomes a reader, because somebody else writes.
pub(super) fn has_writer(global: &GlobalCluster) -> bool {
    global.global_cluster_members().iter().any(|m| m.is_writer.unwrap_or_default())
}
