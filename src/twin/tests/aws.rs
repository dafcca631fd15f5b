//! As much of AWS's types as the rules of AWS need.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::provider::Catalog;
use crate::engine::resource::{Facts, FoundBy, IdForm, Scope, Takes, Where};
use crate::engine::rules::{computed, protection, refers, replace, unordered, write_only};
use crate::engine::schema::TypeSchema;
use crate::engine::value::Value;
use crate::twin::testing::only_on_the_twin;

pub(super) const VPC: &str = "aws:ec2/vpc:Vpc";
pub(super) const SUBNET: &str = "aws:ec2/subnet:Subnet";
pub(super) const GROUP: &str = "aws:ec2/securityGroup:SecurityGroup";
pub(super) const PEERING: &str = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection";
pub(super) const ACCEPTER: &str = "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter";
pub(super) const ROUTE: &str = "aws:ec2/route:Route";
pub(super) const GLOBAL: &str = "aws:rds/globalCluster:GlobalCluster";
pub(super) const CLUSTER: &str = "aws:rds/cluster:Cluster";
pub(super) const INSTANCE: &str = "aws:rds/clusterInstance:ClusterInstance";
pub(super) const KEY: &str = "aws:kms/key:Key";
pub(super) const ALIAS: &str = "aws:kms/alias:Alias";
pub(super) const SECRET: &str = "aws:secretsmanager/secret:Secret";
pub(super) const BUCKET: &str = "aws:s3/bucket:Bucket";
pub(super) const VERSIONING: &str = "aws:s3/bucketVersioning:BucketVersioning";
pub(super) const REPLICATION: &str = "aws:s3/bucketReplicationConfig:BucketReplicationConfig";
pub(super) const ZONE: &str = "aws:route53/zone:Zone";
pub(super) const RECORD: &str = "aws:route53/record:Record";
pub(super) const ALARM: &str = "aws:cloudwatch/metricAlarm:MetricAlarm";
pub(super) const SUBNETS: &str = "aws:rds/subnetGroup:SubnetGroup";
pub(super) const FUNCTION: &str = "aws:lambda/function:Function";
pub(super) const PERMISSION: &str = "aws:lambda/permission:Permission";
pub(super) const ROLE: &str = "aws:iam/role:Role";

pub(super) fn catalog() -> Arc<Catalog> {
    let types = vec![
        TypeSchema::of::<Vpc>(),
        TypeSchema::of::<Subnet>(),
        TypeSchema::of::<SecurityGroup>(),
        TypeSchema::of::<Peering>(),
        TypeSchema::of::<Accepter>(),
        TypeSchema::of::<Route>(),
        TypeSchema::of::<GlobalCluster>(),
        TypeSchema::of::<Cluster>(),
        TypeSchema::of::<ClusterInstance>(),
        TypeSchema::of::<Key>(),
        TypeSchema::of::<KeyAlias>(),
        TypeSchema::of::<Secret>(),
        TypeSchema::of::<Bucket>(),
        TypeSchema::of::<BucketVersioning>(),
        TypeSchema::of::<BucketReplicationConfig>(),
        TypeSchema::of::<Role>(),
        TypeSchema::of::<Function>(),
        TypeSchema::of::<Permission>(),
        TypeSchema::of::<Zone>(),
        TypeSchema::of::<Record>(),
        TypeSchema::of::<MetricAlarm>(),
        TypeSchema::of::<SubnetGroup>(),
    ];
    Arc::new(Catalog::new(types, Vec::new()))
}

/// Writes down a struct of inputs or outputs.
macro_rules! object {
    ($name:ident { $($(#[$rule:meta])* $field:ident: $ty:ty),* $(,)? }) => {
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub(super) struct $name { $($(#[$rule])* pub(super) $field: $ty),* }
    };
}

const fn random(prefix: &'static str) -> Facts {
    Facts::new(IdForm::Random(prefix, 17), FoundBy::OwnerTag)
}

const fn named(input: &'static str) -> Facts {
    Facts::new(IdForm::Input(input), FoundBy::Name)
}

fn by_id(service: &str, kind: &str, at: &Where) -> Vec<(&'static str, Value)> {
    let arn = at.id.as_ref().map_or(Value::Unknown, |id| at.arn(service, &format!("{kind}{id}")));
    vec![("arn", arn)]
}

object!(Arn { arn: String });
object!(Nothing {});

object!(Vpc {
    #[schemars(transform = replace)]
    cidr_block: Option<String>,
});
only_on_the_twin!(VPC => Vpc, Arn, random("vpc-"), |_, at| by_id("ec2", "vpc/", at));

object!(Subnet {
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    vpc_id: String,
    #[schemars(transform = replace)]
    cidr_block: Option<String>,
    #[schemars(transform = replace, transform = computed)]
    availability_zone: Option<String>,
});
only_on_the_twin!(SUBNET => Subnet, Arn, random("subnet-"), |_, at| by_id("ec2", "subnet/", at));

object!(SecurityGroup {
    #[schemars(transform = replace)]
    name: Option<String>,
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    vpc_id: Option<String>,
});
only_on_the_twin!(GROUP => SecurityGroup, Arn, random("sg-"), |_, at| by_id("ec2", "security-group/", at));

object!(Peering {
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    vpc_id: String,
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    peer_vpc_id: String,
    #[schemars(transform = replace, transform = computed)]
    peer_region: Option<String>,
    auto_accept: Option<bool>,
});
object!(PeeringOutputs { accept_status: String });
only_on_the_twin!(PEERING => Peering, PeeringOutputs, random("pcx-"), |_, _| Vec::new());

object!(Accepter {
    #[schemars(transform = replace, transform = refers("aws:ec2/vpcPeeringConnection:VpcPeeringConnection.id"))]
    vpc_peering_connection_id: String,
    auto_accept: Option<bool>,
});
object!(AccepterOutputs { accept_status: String, vpc_id: String, peer_vpc_id: String, peer_region: String });
only_on_the_twin!(ACCEPTER => Accepter, AccepterOutputs, named("vpcPeeringConnectionId"), |_, _| Vec::new());

object!(Route {
    #[schemars(transform = replace)]
    destination_cidr_block: String,
    #[schemars(transform = refers("aws:ec2/vpcPeeringConnection:VpcPeeringConnection.id"))]
    vpc_peering_connection_id: Option<String>,
});
object!(RouteOutputs { state: String });
only_on_the_twin!(ROUTE => Route, RouteOutputs, named("destinationCidrBlock"), |_, _| Vec::new());

object!(GlobalCluster {
    #[schemars(transform = replace)]
    global_cluster_identifier: String,
    #[schemars(transform = replace)]
    engine: Option<String>,
    engine_version: Option<String>,
    #[schemars(transform = replace)]
    storage_encrypted: Option<bool>,
    #[schemars(transform = protection)]
    deletion_protection: Option<bool>,
});
object!(Membership { db_cluster_arn: String, is_writer: bool, readers: Vec<String> });
object!(GlobalOutputs { arn: String, endpoint: String, global_cluster_members: Vec<Membership> });
only_on_the_twin!(GLOBAL => GlobalCluster, GlobalOutputs, named("globalClusterIdentifier"), |_, at| by_id("rds", "global-cluster:", at));

object!(Cluster {
    #[schemars(transform = replace)]
    cluster_identifier: String,
    #[schemars(transform = replace)]
    engine: String,
    engine_version: Option<String>,
    #[schemars(transform = refers("aws:rds/globalCluster:GlobalCluster.id"))]
    global_cluster_identifier: Option<String>,
    #[schemars(transform = replace, transform = refers("aws:kms/key:Key.arn"))]
    kms_key_id: Option<String>,
    #[schemars(transform = replace)]
    master_username: Option<String>,
    manage_master_user_password: Option<bool>,
    #[schemars(transform = replace)]
    storage_encrypted: Option<bool>,
    #[schemars(transform = unordered, transform = refers("aws:ec2/securityGroup:SecurityGroup.id"))]
    vpc_security_group_ids: Option<Vec<String>>,
});
object!(ClusterOutputs { arn: String, endpoint: String });
only_on_the_twin!(
    CLUSTER => Cluster,
    ClusterOutputs,
    Facts { takes: Takes::seconds(300, 60, 240), ..named("clusterIdentifier") },
    |_, at| by_id("rds", "cluster:", at)
);

object!(ClusterInstance {
    #[schemars(transform = replace)]
    identifier: String,
    #[schemars(transform = replace, transform = refers("aws:rds/cluster:Cluster.id"))]
    cluster_identifier: String,
    #[schemars(transform = replace)]
    engine: String,
    instance_class: String,
});
object!(InstanceOutputs { arn: String, writer: bool });
only_on_the_twin!(
    INSTANCE => ClusterInstance,
    InstanceOutputs,
    Facts { takes: Takes::seconds(420, 60, 300), ..named("identifier") },
    |_, at| by_id("rds", "db:", at)
);

object!(Key {
    #[schemars(transform = write_only)]
    deletion_window_in_days: Option<u32>,
    description: Option<String>,
});
object!(KeyOutputs { arn: String, key_id: String });
only_on_the_twin!(
    KEY => Key,
    KeyOutputs,
    Facts::new(IdForm::Random("", 36), FoundBy::OwnerTag),
    |_, at| {
        let mut known = by_id("kms", "key/", at);
        known.push(("keyId", at.id()));
        known
    }
);

object!(KeyAlias {
    #[schemars(transform = replace)]
    name: String,
    #[schemars(transform = refers("aws:kms/key:Key.id"))]
    target_key_id: String,
});
only_on_the_twin!(ALIAS => KeyAlias, Arn, named("name"), |_, at| by_id("kms", "", at));

object!(Replica { region: String });
object!(Secret {
    #[schemars(transform = replace)]
    name: String,
    #[schemars(transform = write_only)]
    recovery_window_in_days: Option<u32>,
    #[schemars(transform = unordered)]
    replicas: Option<Vec<Replica>>,
});
only_on_the_twin!(
    SECRET => Secret,
    Arn,
    Facts::new(IdForm::Output("arn"), FoundBy::Token),
    |_, at| vec![("arn", at.id())]
);

object!(Bucket {
    #[schemars(transform = replace)]
    bucket: String,
});
only_on_the_twin!(
    BUCKET => Bucket,
    Arn,
    named("bucket"),
    |inputs, _| {
        let bucket = inputs.get("bucket").and_then(Value::as_str).unwrap_or_default();
        vec![("arn", Value::from(format!("arn:aws:s3:::{bucket}")))]
    }
);

object!(VersioningConfiguration { status: String });
object!(BucketVersioning {
    #[schemars(transform = replace, transform = refers("aws:s3/bucket:Bucket.id"))]
    bucket: String,
    versioning_configuration: VersioningConfiguration,
});
only_on_the_twin!(VERSIONING => BucketVersioning, Nothing, named("bucket"), |_, _| Vec::new());

object!(Destination {
    #[schemars(transform = refers("aws:s3/bucket:Bucket.arn"))]
    bucket: String,
});
object!(ReplicationRule { status: String, destination: Destination });
object!(BucketReplicationConfig {
    #[schemars(transform = replace, transform = refers("aws:s3/bucket:Bucket.id"))]
    bucket: String,
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    role: String,
    rules: Vec<ReplicationRule>,
});
only_on_the_twin!(REPLICATION => BucketReplicationConfig, Nothing, named("bucket"), |_, _| Vec::new());

object!(Role {
    #[schemars(transform = replace)]
    name: String,
    tags: Option<BTreeMap<String, String>>,
});
only_on_the_twin!(
    ROLE => Role,
    Arn,
    Facts { scope: Scope::Global, ..named("name") },
    |_, at| by_id("iam", "role/", at)
);

object!(Zone {
    #[schemars(transform = replace)]
    name: String,
});
only_on_the_twin!(
    ZONE => Zone,
    Arn,
    Facts { scope: Scope::Global, ..Facts::new(IdForm::Random("Z", 20), FoundBy::Marker("name")) },
    |_, at| by_id("route53", "hostedzone/", at)
);

object!(FailoverRoutingPolicy { r#type: String });
object!(Record {
    #[schemars(transform = replace, transform = refers("aws:route53/zone:Zone.id"))]
    zone_id: String,
    #[schemars(transform = replace)]
    name: String,
    r#type: String,
    records: Option<Vec<String>>,
    set_identifier: Option<String>,
    failover_routing_policies: Option<Vec<FailoverRoutingPolicy>>,
});
only_on_the_twin!(
    RECORD => Record,
    Nothing,
    Facts {
        scope: Scope::Global,
        ..Facts::new(IdForm::Joined(&["zoneId", "name", "type"], "_"), FoundBy::Name)
    },
    |_, _| Vec::new()
);

object!(MetricAlarm {
    #[schemars(transform = replace)]
    name: String,
    period: Option<u32>,
    alarm_actions: Option<Vec<String>>,
});
only_on_the_twin!(ALARM => MetricAlarm, Arn, named("name"), |_, at| by_id("cloudwatch", "alarm:", at));

object!(SubnetGroup {
    #[schemars(transform = replace)]
    name: String,
    #[schemars(transform = unordered, transform = refers("aws:ec2/subnet:Subnet.id"))]
    subnet_ids: Vec<String>,
});
only_on_the_twin!(SUBNETS => SubnetGroup, Arn, named("name"), |_, at| by_id("rds", "subgrp:", at));

object!(Function {
    #[schemars(transform = replace)]
    name: String,
});
only_on_the_twin!(FUNCTION => Function, Arn, named("name"), |_, at| by_id("lambda", "function:", at));

object!(Permission {
    #[schemars(transform = replace)]
    statement_id: String,
    #[schemars(transform = replace, transform = refers("aws:lambda/function:Function.name"))]
    function: String,
});
only_on_the_twin!(PERMISSION => Permission, Nothing, named("statementId"), |_, _| Vec::new());
