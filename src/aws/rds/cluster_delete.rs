//! The end of a cluster: out of its global database first, by the roles of the moment.

use super::State;
use super::cluster::{Cluster, described};
use super::roles::membership;
use crate::aws::Cx;
use crate::aws::error::OrNone;
use crate::engine::error::{Error, Result, need};
use crate::engine::resource::Next;
use crate::engine::urn::Id;

/// Makes the next call towards the end of a cluster.
///
/// A reader is detached, which makes it a cluster of its own for the moment, and then deleted. The
/// writer waits until the other members have left, because AWS lets it go last.
pub(super) async fn next(applied: &Cluster, id: &Id, cx: &Cx) -> Result<Next<Cluster>> {
    let snapshot = last_snapshot(applied)?;
    let Some(cluster) = described(&id.0, cx).await? else { return Ok(Next::Gone) };
    let status = need("Status", cluster.status)?;
    if status == "deleting" {
        return Ok(Next::Started);
    }
    if cluster.db_cluster_members.is_some_and(|members| !members.is_empty()) {
        return Ok(Next::Waits(format!("the instances of `{id}` to be deleted")));
    }
    let arn = need("DBClusterArn", cluster.db_cluster_arn)?;
    if let Some(place) = membership(&arn, cx).await? {
        if place.is_writer && place.has_others {
            return Ok(Next::Waits(format!("the other members of `{}` to leave", place.global)));
        }
        let leave = cx.rds().remove_from_global_cluster().global_cluster_identifier(&place.global);
        leave.db_cluster_identifier(&arn).send().await.or_none()?;
        return Ok(Next::More("detaching from its global database"));
    }
    if matches!(State::of(&status), State::Changing) {
        return Ok(Next::More("waiting until it can be deleted"));
    }
    cx.rds()
        .delete_db_cluster()
        .db_cluster_identifier(&id.0)
        .set_delete_automated_backups(applied.delete_automated_backups)
        .set_final_db_snapshot_identifier(snapshot.clone())
        .skip_final_snapshot(snapshot.is_none())
        .send()
        .await
        .or_none()?;
    Ok(Next::Started)
}

/// The name of the snapshot to make first, if one is wanted.
fn last_snapshot(applied: &Cluster) -> Result<Option<String>> {
    if applied.skip_final_snapshot == Some(true) {
        return Ok(None);
    }
    applied.final_snapshot_identifier.clone().map(Some).ok_or_else(|| {
        Error::invalid("a last snapshot is made before the deletion, but `finalSnapshotIdentifier` does not name it")
            .hint("set `finalSnapshotIdentifier`, or `skipFinalSnapshot: true`, and run `up` before the deletion")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, Wire, at, aws, ok};
    use crate::engine::provider::{Next, Provider};
    use crate::engine::resource::Resource;

    fn cluster(status: &str, instances: &str) -> Reply {
        ok(format!(
            "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>\
            <DBClusterIdentifier>c</DBClusterIdentifier><Status>{status}</Status><DBClusterArn>arn:c</DBClusterArn>\
            <DBClusterMembers>{instances}</DBClusterMembers></DBCluster></DBClusters></DescribeDBClustersResult>\
            </DescribeDBClustersResponse>"
        ))
    }

    fn globals(members: &[(&str, bool)]) -> Reply {
        let members: String = members
            .iter()
            .map(|(arn, writer)| {
                format!(
                    "<GlobalClusterMember><DBClusterArn>{arn}</DBClusterArn><IsWriter>{writer}</IsWriter>\
                    </GlobalClusterMember>"
                )
            })
            .collect();
        ok(format!(
            "<DescribeGlobalClustersResponse><DescribeGlobalClustersResult><GlobalClusters><GlobalClusterMember>\
            <GlobalClusterIdentifier>g</GlobalClusterIdentifier><GlobalClusterMembers>{members}</GlobalClusterMembers>\
            </GlobalClusterMember></GlobalClusters></DescribeGlobalClustersResult></DescribeGlobalClustersResponse>"
        ))
    }

    async fn delete(cluster: Reply, globals: Reply, more: serde_json::Value) -> (Result<Next>, Wire) {
        let (aws, wire) = aws(&[
            ("Action=DescribeDBClusters", cluster),
            ("Action=DescribeGlobalClusters", globals),
            (
                "Action=RemoveFromGlobalCluster",
                ok(
                    "<RemoveFromGlobalClusterResponse><RemoveFromGlobalClusterResult/></RemoveFromGlobalClusterResponse>",
                ),
            ),
            (
                "Action=DeleteDBCluster&",
                ok("<DeleteDBClusterResponse><DeleteDBClusterResult/></DeleteDBClusterResponse>"),
            ),
        ]);
        let mut inputs = json!({ "clusterIdentifier": "c", "engine": "aurora-postgresql" });
        inputs.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let next = aws.delete(&at(Cluster::TYPE), &Id("c".into()), &inputs.into(), None).await;
        (next, wire)
    }

    fn skip() -> serde_json::Value {
        json!({ "skipFinalSnapshot": true })
    }

    #[tokio::test]
    async fn a_reader_is_detached_before_it_is_deleted() {
        let members = [("arn:w", true), ("arn:c", false)];
        let (next, wire) = delete(cluster("available", ""), globals(&members), skip()).await;
        assert_eq!(next.unwrap(), Next::More("detaching from its global database".into()));
        assert_eq!(wire.requests("DbClusterIdentifier=arn%3Ac").len(), 1);
        assert!(wire.requests("Action=DeleteDBCluster&").is_empty());
    }

    #[tokio::test]
    async fn the_writer_of_the_moment_leaves_last() {
        let members = [("arn:c", true), ("arn:r", false)];
        let (next, wire) = delete(cluster("available", ""), globals(&members), skip()).await;
        assert_eq!(next.unwrap(), Next::Waits("the other members of `g` to leave".into()));
        assert!(wire.requests("Action=RemoveFromGlobalCluster").is_empty());
        let (next, wire) = delete(cluster("available", ""), globals(&members[..1]), skip()).await;
        assert!(matches!(next.unwrap(), Next::More(_)));
        assert_eq!(wire.requests("Action=RemoveFromGlobalCluster").len(), 1);
    }

    #[tokio::test]
    async fn a_cluster_waits_for_its_instances_and_until_it_is_alone() {
        let instance = "<DBClusterMember><DBInstanceIdentifier>i</DBInstanceIdentifier></DBClusterMember>";
        let (next, wire) = delete(cluster("available", instance), globals(&[("arn:c", false)]), skip()).await;
        assert_eq!(next.unwrap(), Next::Waits("the instances of `c` to be deleted".into()));
        assert!(wire.requests("Action=RemoveFromGlobalCluster").is_empty());
        let (next, wire) = delete(cluster("promoting", ""), globals(&[]), skip()).await;
        assert!(matches!(next.unwrap(), Next::More(_)));
        assert!(wire.requests("Action=DeleteDBCluster&").is_empty());
    }

    #[tokio::test]
    async fn a_cluster_that_stands_alone_is_deleted_with_or_without_a_last_snapshot() {
        let (next, wire) = delete(cluster("available", ""), globals(&[("arn:other", true)]), skip()).await;
        assert_eq!((next.unwrap(), wire.requests("SkipFinalSnapshot=true").len()), (Next::Started, 1));
        let named = json!({ "finalSnapshotIdentifier": "last" });
        let (_, wire) = delete(cluster("available", ""), globals(&[]), named).await;
        assert_eq!(wire.requests("FinalDBSnapshotIdentifier=last").len(), 1);
    }

    #[tokio::test]
    async fn without_a_name_for_the_last_snapshot_no_call_is_made() {
        let (next, wire) = delete(cluster("available", ""), globals(&[]), json!({})).await;
        let error = next.unwrap_err();
        assert!(error.message.contains("`finalSnapshotIdentifier`") && error.hint.is_some(), "{error:?}");
        assert!(wire.requests("").is_empty());
    }
}
