//! Capacities that Application Auto Scaling owns: nobody fights for them.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};

use crate::aws::Cx;
use crate::engine::error::Result;

/// Which of a table's capacities follow its load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scaled {
    pub read: bool,
    pub write: bool,
}

/// Asks Application Auto Scaling about a table.
pub(super) async fn scaled(table: &str, cx: &Cx) -> Result<Scaled> {
    let describe = cx.appautoscaling().describe_scalable_targets().service_namespace(ServiceNamespace::Dynamodb);
    let reply = describe.resource_ids(format!("table/{table}")).send().await?;
    let targets = reply.scalable_targets.unwrap_or_default();
    let has = |dimension| targets.iter().any(|t| t.scalable_dimension == dimension);
    Ok(Scaled {
        read: has(ScalableDimension::DynamoDbTableReadCapacityUnits),
        write: has(ScalableDimension::DynamoDbTableWriteCapacityUnits),
    })
}
