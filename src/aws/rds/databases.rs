//! What several types read alike: a refresh reads them all at the same moment.

use aws_sdk_rds::types::{DbCluster, GlobalCluster};

use super::filter;
use crate::aws::Cx;
use crate::aws::recent::Recent;
use crate::engine::error::Result;
use crate::engine::urn::Id;

/// The databases of one region as they were described last.
#[derive(Default)]
pub(in crate::aws) struct Databases {
    clusters: Recent<DbCluster>,
    globals: Recent<GlobalCluster>,
}

impl Databases {
    /// Something was changed: what was described before tells nothing any more.
    pub(in crate::aws) fn outdate(&self) {
        self.clusters.outdate();
        self.globals.outdate();
    }
}

/// Clusters by their ids, perhaps beside others.
pub(super) async fn clusters(ids: &[Id], cx: &Cx) -> Result<Vec<DbCluster>> {
    let describe = || async {
        let pages = cx.rds().describe_db_clusters().filters(filter("db-cluster-id", ids)).into_paginator();
        Ok(pages.items().send().collect::<Result<Vec<_>, _>>().await?)
    };
    cx.databases().clusters.ask(ids, describe).await
}

/// All global databases that the region knows.
pub(super) async fn globals(cx: &Cx) -> Result<Vec<GlobalCluster>> {
    let describe = || async {
        let pages = cx.rds().describe_global_clusters().into_paginator().items().send();
        Ok(pages.collect::<Result<Vec<_>, _>>().await?)
    };
    cx.databases().globals.ask(&[], describe).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::rds::{Cluster, ClusterInstance, GlobalCluster};
    use crate::aws::wire::{Wire, at, aws, ok};
    use crate::engine::provider::Provider;
    use crate::engine::resource::{Resource, Want};

    const CLUSTERS: &str = "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>\
        <DBClusterIdentifier>c</DBClusterIdentifier><Status>creating</Status></DBCluster></DBClusters>\
        </DescribeDBClustersResult></DescribeDBClustersResponse>";
    const INSTANCES: &str = "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>\
        <DBInstanceIdentifier>i</DBInstanceIdentifier><DBClusterIdentifier>c</DBClusterIdentifier>\
        <DBInstanceStatus>creating</DBInstanceStatus></DBInstance></DBInstances></DescribeDBInstancesResult>\
        </DescribeDBInstancesResponse>";
    const GLOBALS: &str = "<DescribeGlobalClustersResponse><DescribeGlobalClustersResult/>\
        </DescribeGlobalClustersResponse>";

    async fn refresh(aws: &impl Provider) {
        let read = async |ty: &str, id: &str| {
            let kind = at(ty).kind;
            aws.read(&kind, &[Id(id.into())], &Want::All).await.unwrap();
        };
        tokio::join!(read(Cluster::TYPE, "c"), read(ClusterInstance::TYPE, "i"), read(GlobalCluster::TYPE, "g"));
    }

    fn asked(wire: &Wire) -> [usize; 3] {
        ["DBClusters", "DBInstances", "GlobalClusters"]
            .map(|what| wire.requests(&format!("Action=Describe{what}")).len())
    }

    #[tokio::test]
    async fn what_several_types_need_is_described_once_for_all_and_anew_after_a_change() {
        let (aws, wire) = aws(&[
            ("Action=DescribeDBClusters", ok(CLUSTERS)),
            ("Action=DescribeDBInstances", ok(INSTANCES)),
            ("Action=DescribeGlobalClusters", ok(GLOBALS)),
            (
                "Action=DeleteGlobalCluster",
                ok("<DeleteGlobalClusterResponse><DeleteGlobalClusterResult/></DeleteGlobalClusterResponse>"),
            ),
        ]);
        refresh(&aws).await;
        assert_eq!(asked(&wire), [1, 1, 1]);
        let inputs = serde_json::json!({ "globalClusterIdentifier": "g" }).into();
        aws.delete(&at(GlobalCluster::TYPE), &Id("g".into()), &inputs, None).await.unwrap();
        refresh(&aws).await;
        assert_eq!(asked(&wire), [2, 2, 2]);
    }
}
