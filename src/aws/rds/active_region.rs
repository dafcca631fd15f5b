//! Which region writes, by the members of the stack's global database.
//!
//! The global database is read with every run, so a promotion that someone else has made shows
//! here without a refresh.

use super::GlobalCluster;
use super::global_cluster::Member;
use crate::engine::resource::Resource;
use crate::engine::state::{Row, State};

/// The region of the cluster that writes in the first global database that has one.
///
/// `None` while there is no writer: before the first cluster has joined, and in the middle of a
/// failover.
pub fn active_region(state: &State) -> Option<String> {
    let databases = state.rows.values().filter(|row| row.ty == GlobalCluster::TYPE && !row.old);
    let mut writers = databases.filter_map(|row| members(row).into_iter().find(|m| m.is_writer));
    writers.find_map(|writer| region(&writer.db_cluster_arn))
}

/// The members of a global database, as it showed them last.
pub(super) fn members(database: &Row) -> Vec<Member> {
    let shown = database.outputs.get("globalClusterMembers").and_then(|members| members.to_json().ok());
    shown.and_then(|members| serde_json::from_value(members).ok()).unwrap_or_default()
}

/// `arn:aws:rds:eu-west-1:123456789012:cluster:orders` → `eu-west-1`.
fn region(arn: &str) -> Option<String> {
    arn.split(':').nth(3).filter(|region| !region.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use std::sync::Arc;

    use super::*;
    use crate::engine::state::Key;
    use crate::engine::urn::{Place, Urn};
    use crate::engine::value::Value;

    fn state(members: serde_json::Value) -> State {
        let mut state = State::new("01LINEAGE0000000000000TEST", "test", "test", "test");
        let urn = Urn::new("test", "test", GlobalCluster::TYPE, "global");
        let key = Key { urn, generation: 0 };
        let mut row = Row::new(key.clone(), GlobalCluster::TYPE, Place("us-east-1".into()));
        row.outputs = Value::from_json(json!({ "globalClusterMembers": members }));
        state.rows.insert(key, Arc::new(row));
        state
    }

    fn member(region: &str, is_writer: bool) -> serde_json::Value {
        json!({ "dbClusterArn": format!("arn:aws:rds:{region}:123456789012:cluster:c"), "isWriter": is_writer })
    }

    #[test]
    fn the_region_of_the_writer_is_the_active_one() {
        let members = json!([member("us-east-1", false), member("eu-west-1", true)]);
        assert_eq!(active_region(&state(members)).as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn without_a_writer_no_region_is_active() {
        assert_eq!(active_region(&state(json!([]))), None);
        assert_eq!(active_region(&state(json!([member("us-east-1", false)]))), None);
        assert_eq!(active_region(&State::new("01LINEAGE0000000000000TEST", "test", "test", "test")), None);
    }
}
