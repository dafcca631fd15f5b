use std::collections::HashMap;

use aws_sdk_rds::types as sdk;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::global_cluster::LIFECYCLES;
use super::roles::{self, Membership, memberships};
use super::{KEY_USE, State, arn, cluster_delete, cluster_update, databases, is_ours, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{
    alike, auto_name, computed, exclusive, forced, form, initial, one_of, protection, refers, replace, sometimes_shown,
    unordered, write_only,
};
use crate::engine::secret::Secret;

/// An Aurora cluster or a Multi-AZ cluster: the storage and the settings that its instances share.
///
/// In a global database its role may change at any time, and nothing here follows from the role:
/// inputs that only mean something in one role are not compared in the other.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["manageMasterUserPassword", "masterPassword"]))]
#[schemars(transform = exclusive(&["restoreToPointInTime", "s3Import", "snapshotIdentifier"]))]
#[schemars(transform = exclusive(&["globalClusterIdentifier", "snapshotIdentifier"]))]
pub struct Cluster {
    /// Storage of each instance of a Multi-AZ cluster, in GiB.
    #[schemars(transform = computed)]
    pub allocated_storage: Option<i32>,
    /// Whether a change of `engineVersion` may change the major version.
    #[schemars(transform = write_only)]
    pub allow_major_version_upgrade: Option<bool>,
    /// Whether changes take effect at once instead of in the next maintenance window.
    #[schemars(transform = write_only)]
    pub apply_immediately: Option<bool>,
    /// Whether minor versions of the engine are installed in the maintenance window.
    #[schemars(transform = computed)]
    pub auto_minor_version_upgrade: Option<bool>,
    /// Zones of the storage. Aurora always uses three and adds what is missing, so they count when
    /// the cluster is made and are not compared afterwards.
    #[schemars(transform = initial, transform = computed, transform = unordered)]
    pub availability_zones: Option<Vec<String>>,
    /// Seconds that an Aurora MySQL cluster can be taken back by.
    #[schemars(range(min = 0, max = 259_200))]
    #[serde(default)]
    pub backtrack_window: i64,
    /// Days for which backups are kept.
    #[schemars(range(min = 1, max = 35))]
    #[serde(default = "one_day")]
    pub backup_retention_period: i32,
    /// Authority that signs the certificate of a Multi-AZ cluster.
    #[schemars(transform = computed)]
    pub ca_certificate_identifier: Option<String>,
    /// Name of the cluster. Clusters of a global database need names that differ even between
    /// regions. AWS keeps it in small letters.
    #[schemars(transform = replace, transform = auto_name(63), transform = alike(Alike::Case))]
    pub cluster_identifier: String,
    /// Whether the cluster is an Aurora Limitless one.
    #[schemars(transform = replace, transform = computed, transform = one_of(&["limitless", "standard"]))]
    pub cluster_scalability_type: Option<String>,
    /// Whether snapshots get the tags of the cluster.
    #[serde(default)]
    pub copy_tags_to_snapshot: bool,
    /// How much Database Insights shows.
    #[schemars(transform = computed, transform = one_of(&["advanced", "standard"]))]
    pub database_insights_mode: Option<String>,
    /// Database that the cluster is made with.
    #[schemars(transform = replace, transform = computed, transform = sometimes_shown)]
    pub database_name: Option<String>,
    /// Size of the servers of a Multi-AZ cluster, for example `db.m6gd.large`.
    #[schemars(transform = computed)]
    pub db_cluster_instance_class: Option<String>,
    /// Parameter group of the cluster.
    #[schemars(transform = computed, transform = alike(Alike::Case))]
    #[schemars(transform = refers("aws:rds/clusterParameterGroup:ClusterParameterGroup.name"))]
    pub db_cluster_parameter_group_name: Option<String>,
    /// Parameter group that all instances get with an upgrade of the major version.
    #[schemars(transform = write_only, transform = refers("aws:rds/parameterGroup:ParameterGroup.name"))]
    pub db_instance_parameter_group_name: Option<String>,
    /// Subnets of the cluster.
    #[schemars(transform = replace, transform = computed, transform = alike(Alike::Case))]
    #[schemars(transform = refers("aws:rds/subnetGroup:SubnetGroup.name"))]
    pub db_subnet_group_name: Option<String>,
    /// Id of an Oracle system, for RDS Custom.
    #[schemars(transform = replace, transform = computed)]
    pub db_system_id: Option<String>,
    /// Whether backups go with the cluster when it is deleted; they do unless this is false.
    #[schemars(transform = write_only)]
    pub delete_automated_backups: Option<bool>,
    /// Whether AWS refuses to delete the cluster.
    #[schemars(transform = protection)]
    #[serde(default)]
    pub deletion_protection: bool,
    /// Active Directory that users are checked by.
    pub domain: Option<String>,
    /// Role by which the directory is asked.
    #[schemars(transform = refers("aws:iam/role:Role.name"))]
    pub domain_iam_role_name: Option<String>,
    /// Whether the cluster passes writes on while it is a reader of a global database.
    #[schemars(transform = computed, transform = sometimes_shown)]
    pub enable_global_write_forwarding: Option<bool>,
    /// Whether the Data API is on.
    #[serde(default)]
    pub enable_http_endpoint: bool,
    /// Whether readers pass writes on to the writer of their cluster.
    #[serde(default)]
    pub enable_local_write_forwarding: bool,
    /// Logs that go to CloudWatch, for example `postgresql`.
    #[schemars(transform = unordered)]
    #[serde(default)]
    pub enabled_cloudwatch_logs_exports: Vec<String>,
    /// Database engine.
    #[schemars(transform = replace)]
    #[schemars(transform = one_of(&["aurora-mysql", "aurora-postgresql", "mysql", "postgres"]))]
    pub engine: String,
    /// Whether the engine is kept on extended support at the end of its standard support.
    #[schemars(transform = computed, transform = one_of(LIFECYCLES))]
    pub engine_lifecycle_support: Option<String>,
    /// How the cluster runs. Global databases and serverless v2 are `provisioned` too.
    #[schemars(transform = replace)]
    #[schemars(transform = one_of(&["global", "parallelquery", "provisioned", "serverless"]))]
    #[serde(default = "provisioned")]
    pub engine_mode: String,
    /// Engine version. In a global database the major version is changed at the global database.
    #[schemars(transform = computed, transform = alike(Alike::Version))]
    pub engine_version: Option<String>,
    /// Name of the snapshot that is made before the cluster is deleted.
    #[schemars(transform = write_only)]
    pub final_snapshot_identifier: Option<String>,
    /// Global database that the cluster belongs to. The first member becomes its writer, others its
    /// readers. No change of the program ever takes a member out.
    #[schemars(transform = sometimes_shown, transform = alike(Alike::Case))]
    #[schemars(transform = refers("aws:rds/globalCluster:GlobalCluster.id"))]
    pub global_cluster_identifier: Option<String>,
    /// Whether IAM users and roles may log in.
    #[serde(default)]
    pub iam_database_authentication_enabled: bool,
    /// Roles that the database acts with.
    #[schemars(transform = computed, transform = unordered, transform = refers("aws:iam/role:Role.arn"))]
    pub iam_roles: Option<Vec<String>>,
    /// Input and output operations a second of each instance of a Multi-AZ cluster.
    #[schemars(transform = computed)]
    pub iops: Option<i32>,
    /// Key that encrypts the storage, of the region of the cluster.
    #[schemars(transform = replace, transform = computed, transform = alike(Alike::Arn))]
    #[schemars(transform = refers("aws:kms/key:Key.arn"))]
    #[schemars(transform = form(KEY, "the ARN or the id of a key, not an alias"))]
    pub kms_key_id: Option<String>,
    /// Whether RDS makes the password and keeps it in Secrets Manager. Not for global databases.
    #[serde(default)]
    pub manage_master_user_password: bool,
    /// Password of the first user. A cluster made from a snapshot keeps the password it had until
    /// this changes.
    #[schemars(transform = write_only)]
    pub master_password: Option<Secret<String>>,
    /// Key that encrypts the password that RDS made.
    #[schemars(transform = computed, transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub master_user_secret_kms_key_id: Option<String>,
    /// Name of the first user.
    #[schemars(transform = replace, transform = computed, transform = sometimes_shown)]
    pub master_username: Option<String>,
    /// Seconds between two samples of the operating system's metrics.
    #[schemars(transform = computed, range(min = 0, max = 60))]
    pub monitoring_interval: Option<i32>,
    /// Role that writes the operating system's metrics.
    #[schemars(transform = computed, transform = refers("aws:iam/role:Role.arn"))]
    pub monitoring_role_arn: Option<String>,
    /// Kind of addresses.
    #[schemars(transform = computed, transform = one_of(&["DUAL", "IPV4"]))]
    pub network_type: Option<String>,
    /// Whether Performance Insights is on.
    #[schemars(transform = computed)]
    pub performance_insights_enabled: Option<bool>,
    /// Key that encrypts what Performance Insights keeps.
    #[schemars(transform = computed, transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub performance_insights_kms_key_id: Option<String>,
    /// Days for which Performance Insights keeps data: 7, a multiple of 31, or 731.
    #[schemars(transform = computed, range(min = 7, max = 731))]
    pub performance_insights_retention_period: Option<i32>,
    /// Port of the database.
    #[schemars(transform = computed, range(min = 1, max = 65_535))]
    pub port: Option<i32>,
    /// Daily time of backups in UTC, for example `04:00-04:30`.
    #[schemars(transform = computed)]
    pub preferred_backup_window: Option<String>,
    /// Weekly time of maintenance in UTC, for example `sun:05:00-sun:05:30`.
    #[schemars(transform = computed, transform = alike(Alike::Case))]
    pub preferred_maintenance_window: Option<String>,
    /// ARN of the cluster or instance that this one replicates, outside of global databases.
    #[schemars(transform = replace, transform = computed, transform = sometimes_shown)]
    pub replication_source_identifier: Option<String>,
    /// Earlier state of a cluster that this one is made from.
    #[schemars(transform = replace, transform = computed, transform = write_only)]
    pub restore_to_point_in_time: Option<RestoreToPointInTime>,
    /// Backup of a MySQL database in a bucket that this cluster is made from.
    #[schemars(transform = replace, transform = computed, transform = write_only)]
    pub s3_import: Option<S3Import>,
    /// Limits of a serverless v1 cluster.
    #[schemars(transform = computed)]
    pub scaling_configuration: Option<ScalingConfiguration>,
    /// Limits of the serverless v2 instances of the cluster.
    #[schemars(transform = computed)]
    pub serverlessv2_scaling_configuration: Option<Serverlessv2ScalingConfiguration>,
    /// Whether the cluster is deleted without a last snapshot.
    #[schemars(transform = write_only, transform = forced)]
    pub skip_final_snapshot: Option<bool>,
    /// Snapshot that the cluster is made from.
    #[schemars(transform = replace, transform = computed, transform = write_only)]
    pub snapshot_identifier: Option<String>,
    /// Whether the storage is encrypted.
    #[schemars(transform = replace, transform = computed)]
    pub storage_encrypted: Option<bool>,
    /// Kind of storage.
    #[schemars(transform = computed)]
    #[schemars(transform = one_of(&["aurora", "aurora-iopt1", "gp3", "io1", "io2"]))]
    pub storage_type: Option<String>,
    /// Tags of the cluster.
    #[serde(default)]
    pub tags: Tags,
    /// Security groups of the instances.
    #[schemars(transform = computed, transform = unordered)]
    #[schemars(transform = refers("aws:ec2/securityGroup:SecurityGroup.id"))]
    pub vpc_security_group_ids: Option<Vec<String>>,
}

/// What a cluster can be made of that has credentials already.
const ORIGINS: [&str; 4] =
    ["globalClusterIdentifier", "replicationSourceIdentifier", "restoreToPointInTime", "snapshotIdentifier"];

/// AWS shows keys by their ARN, so an alias would look like another key and replace the cluster.
const KEY: &str = r"^(arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/)?[A-Za-z0-9-]+$";

fn one_day() -> i32 {
    1
}

fn provisioned() -> String {
    "provisioned".to_owned()
}

/// An earlier state of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["restoreToTime", "useLatestRestorableTime"]))]
pub struct RestoreToPointInTime {
    /// Moment of that state, for example `2026-01-31T12:00:00Z`.
    pub restore_to_time: Option<String>,
    /// How the data gets there.
    #[schemars(transform = one_of(&["copy-on-write", "full-copy"]))]
    pub restore_type: Option<String>,
    /// Name or ARN of the cluster.
    pub source_cluster_identifier: Option<String>,
    /// Id of the cluster that never changes, for one that is deleted.
    pub source_cluster_resource_id: Option<String>,
    /// Whether the latest state is taken.
    pub use_latest_restorable_time: Option<bool>,
}

/// A backup of a MySQL database in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3Import {
    /// Bucket of the backup.
    pub bucket_name: String,
    /// Start of the keys of the backup.
    pub bucket_prefix: Option<String>,
    /// ARN of the role that reads the bucket.
    pub ingestion_role: String,
    /// Engine of the backup: `mysql`.
    pub source_engine: String,
    /// Version of the engine of the backup.
    pub source_engine_version: String,
}

/// Limits of a serverless v1 cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScalingConfiguration {
    /// Whether the cluster stops when nobody uses it.
    #[serde(default = "pause")]
    pub auto_pause: bool,
    /// Most capacity units.
    #[serde(default = "most_units")]
    pub max_capacity: i32,
    /// Fewest capacity units.
    #[serde(default = "fewest_units")]
    pub min_capacity: i32,
    /// Seconds that a change of the capacity may look for a quiet moment.
    #[schemars(transform = computed, range(min = 60, max = 600))]
    pub seconds_before_timeout: Option<i32>,
    /// Seconds without use until the cluster stops.
    #[schemars(range(min = 300, max = 86_400))]
    #[serde(default = "pause_after")]
    pub seconds_until_auto_pause: i32,
    /// What happens if there is no quiet moment.
    #[schemars(transform = one_of(&["ForceApplyCapacityChange", "RollbackCapacityChange"]))]
    #[serde(default = "roll_back")]
    pub timeout_action: String,
}

fn pause() -> bool {
    true
}

fn most_units() -> i32 {
    16
}

fn fewest_units() -> i32 {
    1
}

fn pause_after() -> i32 {
    300
}

fn roll_back() -> String {
    "RollbackCapacityChange".to_owned()
}

/// Limits of serverless v2 instances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Serverlessv2ScalingConfiguration {
    /// Most capacity units, in steps of a half.
    #[schemars(range(min = 1, max = 256))]
    pub max_capacity: f64,
    /// Fewest capacity units, in steps of a half.
    #[schemars(range(min = 0, max = 256))]
    pub min_capacity: f64,
    /// Seconds without use until an instance stops, if `minCapacity` is 0.
    #[schemars(transform = computed, range(min = 300, max = 86_400))]
    pub seconds_until_auto_pause: Option<i32>,
}

/// What AWS decides about a cluster.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterOutputs {
    /// ARN of the cluster.
    pub arn: String,
    /// When the certificate of a Multi-AZ cluster ends.
    pub ca_certificate_valid_till: Option<String>,
    /// Instances of the cluster.
    pub cluster_members: Vec<String>,
    /// Id of the cluster that never changes.
    pub cluster_resource_id: Option<String>,
    /// Host name of the instance that writes. It leads nowhere while the cluster is a reader of a
    /// global database.
    pub endpoint: Option<String>,
    /// Engine version that runs.
    pub engine_version_actual: Option<String>,
    /// Hosted zone of the endpoints, for alias records.
    pub hosted_zone_id: Option<String>,
    /// Secrets that hold the password that RDS made.
    pub master_user_secrets: Vec<MasterUserSecret>,
    /// Host name of the instances that read.
    pub reader_endpoint: Option<String>,
    /// Turn of the cluster when AWS upgrades many: `first`, `second`, `last`.
    pub upgrade_rollout_order: Option<String>,
}

/// A secret that holds the password that RDS made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MasterUserSecret {
    /// Key that encrypts the secret.
    pub kms_key_id: Option<String>,
    /// ARN of the secret.
    pub secret_arn: Option<String>,
    /// State of the secret.
    pub secret_status: Option<String>,
}

/// Inputs that can be told only when the role is known.
const ROLE_BOUND: [&str; 3] = ["enableGlobalWriteForwarding", "globalClusterIdentifier", "replicationSourceIdentifier"];

impl Resource for Cluster {
    const TYPE: &'static str = "aws:rds/cluster:Cluster";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(120, 120, 120).poll(10),
        takes: Takes::seconds(120, 120, 180),
        permissions: Permissions {
            create: &[
                "iam:CreateServiceLinkedRole",
                "iam:PassRole",
                "rds:AddTagsToResource",
                "rds:CreateDBCluster",
                "rds:DescribeGlobalClusters",
            ],
            read: &["rds:DescribeDBClusters", "rds:DescribeGlobalClusters"],
            update: &[
                "iam:PassRole",
                "rds:AddRoleToDBCluster",
                "rds:AddTagsToResource",
                "rds:DescribeGlobalClusters",
                "rds:DisableHttpEndpoint",
                "rds:EnableHttpEndpoint",
                "rds:ModifyDBCluster",
                "rds:RemoveRoleFromDBCluster",
                "rds:RemoveTagsFromResource",
            ],
            delete: &[
                "rds:AddTagsToResource",
                "rds:CreateDBClusterSnapshot",
                "rds:DeleteDBCluster",
                "rds:DescribeDBClusters",
                "rds:DescribeGlobalClusters",
                "rds:RemoveFromGlobalCluster",
            ],
        },
        permissions_with: &[
            WithInput::on("kmsKeyId", &[], KEY_USE),
            WithInput::on("masterUserSecretKmsKeyId", &[], KEY_USE),
            WithInput::on("performanceInsightsKmsKeyId", &[], KEY_USE),
            WithInput::on(
                "manageMasterUserPassword",
                &[],
                &["secretsmanager:CreateSecret", "secretsmanager:RotateSecret", "secretsmanager:TagResource"],
            ),
            WithInput::itself("s3Import", &["rds:RestoreDBClusterFromS3"]),
            WithInput::itself("snapshotIdentifier", &["rds:RestoreDBClusterFromSnapshot"]),
            WithInput::itself("restoreToPointInTime", &["rds:RestoreDBClusterToPointInTime"]),
            // What comes from a source is read with its key, which no input names.
            WithInput::itself("snapshotIdentifier", KEY_USE),
            WithInput::itself("restoreToPointInTime", KEY_USE),
            WithInput::itself("replicationSourceIdentifier", KEY_USE),
        ],
        acts_on: &[
            "{arn}",
            "rds:{region}:*:cluster-pg:*",
            "rds:{region}:*:cluster-snapshot:*",
            "rds:{region}:*:og:*",
            "rds:{region}:*:subgrp:*",
            "rds::*:global-cluster:*",
        ],
        passes_roles_to: &["monitoring.rds", "rds"],
        import: "identifier of the cluster",
        ..Facts::new(IdForm::Input("clusterIdentifier"), FoundBy::Name)
    };
    type Outputs = ClusterOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let made = if let Some(snapshot) = &self.snapshot_identifier {
            self.restore_snapshot(snapshot, cx).await?
        } else if let Some(earlier) = &self.restore_to_point_in_time {
            self.restore_earlier(earlier, cx).await?
        } else if let Some(backup) = &self.s3_import {
            self.restore_backup(backup, cx).await?
        } else {
            self.make_empty(cx).await?
        };
        Ok(Made::id(need("DBClusterIdentifier", need("DBCluster", made)?.db_cluster_identifier)?))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let clusters = databases::clusters(ids, cx).await?;
        let known = ROLE_BOUND.iter().any(|input| want.has(input)) && !clusters.is_empty();
        let roles = if known { Some(memberships(cx).await?) } else { None };
        in_order(ids, clusters.into_iter().map(|c| seen(c, roles.as_ref())))
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        cluster_update::next(self, id, live, cx).await
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cluster_delete::next(self, id, cx).await
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let found = described(&self.cluster_identifier, cx).await?;
        let ours = found.into_iter().filter(|c| is_ours(&tags_from(c.tag_list.clone()), cx));
        ours.map(|c| Ok(Id(need("DBClusterIdentifier", c.db_cluster_identifier)?))).collect()
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, inputs, "cluster", "clusterIdentifier"))]
    }

    /// A cluster that is made of nothing else needs credentials.
    fn lacks(inputs: &Value) -> Option<Lack> {
        let given = |name: &str| inputs.get(name).is_some_and(|value| !value.is_null());
        if ORIGINS.iter().any(|origin| given(origin)) {
            return None;
        }
        let managed = inputs.get("manageMasterUserPassword").is_some_and(|value| value.as_bool() != Some(false));
        let is_lacking = |name: &&str| !(given(name) || managed && *name == "masterPassword");
        let lacking: Vec<&str> = ["masterUsername", "masterPassword"].into_iter().filter(is_lacking).collect();
        (!lacking.is_empty()).then_some(Lack {
            inputs: lacking,
            help: "`manageMasterUserPassword: true` lets RDS make the password; `snapshotIdentifier` and its like make \
                   the cluster of another one",
        })
    }

    /// A cluster joins a global database only when it is made. One that was in it before, and has
    /// been promoted alone, still stands here with the membership applied last.
    fn replaces(live: &Value, wanted: &Value) -> Vec<&'static str> {
        const MEMBERSHIP: &str = "globalClusterIdentifier";
        let given = |value: &Value| value.get(MEMBERSHIP).is_some_and(|v| !v.is_null());
        if !given(live) && given(wanted) { vec![MEMBERSHIP] } else { Vec::new() }
    }
}

/// Setters that all ways to make a cluster have.
macro_rules! shared {
    ($builder:expr, $cluster:expr, $cx:expr) => {
        $builder
            .set_backtrack_window(($cluster.backtrack_window > 0).then_some($cluster.backtrack_window))
            .db_cluster_identifier(&$cluster.cluster_identifier)
            .copy_tags_to_snapshot($cluster.copy_tags_to_snapshot)
            .set_db_cluster_parameter_group_name($cluster.db_cluster_parameter_group_name.clone())
            .set_db_subnet_group_name($cluster.db_subnet_group_name.clone())
            .deletion_protection($cluster.deletion_protection)
            .set_domain($cluster.domain.clone())
            .set_domain_iam_role_name($cluster.domain_iam_role_name.clone())
            .set_enable_cloudwatch_logs_exports($cluster.logs())
            .set_enable_iam_database_authentication($cluster.iam_database_authentication_enabled.then_some(true))
            .set_engine_lifecycle_support($cluster.engine_lifecycle_support.clone())
            .set_network_type($cluster.network_type.clone())
            .set_port($cluster.port)
            .set_serverless_v2_scaling_configuration(
                $cluster.serverlessv2_scaling_configuration.as_ref().map(Serverlessv2ScalingConfiguration::sent),
            )
            .set_storage_type($cluster.storage_type.clone())
            .set_tags(tagged(&$cx.tags(&$cluster.tags)))
            .set_vpc_security_group_ids($cluster.vpc_security_group_ids.clone())
    };
}

impl Cluster {
    /// A cluster that joins a global database with a writer becomes a reader, whatever the program
    /// had in mind: it takes no credentials, and its key must be of its own region.
    async fn make_empty(&self, cx: &Cx) -> Result<Option<sdk::DbCluster>> {
        let global = match &self.global_cluster_identifier {
            Some(id) => roles::global(id, cx).await?,
            None => None,
        };
        let reader = global.as_ref().is_some_and(roles::has_writer);
        let encrypted = self.storage_encrypted.or(global.filter(|_| reader).and_then(|g| g.storage_encrypted));
        let create = shared!(cx.rds().create_db_cluster(), self, cx)
            .set_allocated_storage(self.allocated_storage)
            .set_auto_minor_version_upgrade(self.auto_minor_version_upgrade)
            .set_availability_zones(self.availability_zones.clone())
            .backup_retention_period(self.backup_retention_period)
            .set_ca_certificate_identifier(self.ca_certificate_identifier.clone())
            .set_cluster_scalability_type(self.cluster_scalability_type.as_deref().map(Into::into))
            .set_database_insights_mode(self.database_insights_mode.as_deref().map(Into::into))
            .set_db_cluster_instance_class(self.db_cluster_instance_class.clone())
            .set_db_system_id(self.db_system_id.clone())
            .set_enable_global_write_forwarding(self.enable_global_write_forwarding.filter(|on| *on))
            .set_enable_http_endpoint(self.enable_http_endpoint.then_some(true))
            .set_enable_local_write_forwarding(self.enable_local_write_forwarding.then_some(true))
            .engine(&self.engine)
            .engine_mode(&self.engine_mode)
            .set_engine_version(self.engine_version.clone())
            .set_global_cluster_identifier(self.global_cluster_identifier.clone())
            .set_iops(self.iops)
            .set_monitoring_interval(self.monitoring_interval)
            .set_monitoring_role_arn(self.monitoring_role_arn.clone())
            .set_enable_performance_insights(self.performance_insights_enabled)
            .set_performance_insights_kms_key_id(self.performance_insights_kms_key_id.clone())
            .set_performance_insights_retention_period(self.performance_insights_retention_period)
            .set_preferred_backup_window(self.preferred_backup_window.clone())
            .set_preferred_maintenance_window(self.preferred_maintenance_window.clone())
            .set_replication_source_identifier(self.replication_source_identifier.clone())
            .set_scaling_configuration(self.scaling_configuration.as_ref().map(ScalingConfiguration::sent))
            .set_storage_encrypted(encrypted);
        if reader {
            let key = match &self.kms_key_id {
                None if encrypted == Some(true) => default_key(cx).await?,
                given => given.clone(),
            };
            return Ok(create.set_kms_key_id(key).send().await?.db_cluster);
        }
        let create = create
            .set_database_name(self.database_name.clone())
            .set_kms_key_id(self.kms_key_id.clone())
            .set_manage_master_user_password(self.manage_master_user_password.then_some(true))
            .set_master_user_password(self.password())
            .set_master_user_secret_kms_key_id(self.master_user_secret_kms_key_id.clone())
            .set_master_username(self.master_username.clone());
        Ok(create.send().await?.db_cluster)
    }

    async fn restore_snapshot(&self, snapshot: &str, cx: &Cx) -> Result<Option<sdk::DbCluster>> {
        let restore = shared!(cx.rds().restore_db_cluster_from_snapshot(), self, cx)
            .set_availability_zones(self.availability_zones.clone())
            .set_database_name(self.database_name.clone())
            .set_db_cluster_instance_class(self.db_cluster_instance_class.clone())
            .engine(&self.engine)
            .engine_mode(&self.engine_mode)
            .set_engine_version(self.engine_version.clone())
            .set_iops(self.iops)
            .set_kms_key_id(self.kms_key_id.clone())
            .set_scaling_configuration(self.scaling_configuration.as_ref().map(ScalingConfiguration::sent))
            .snapshot_identifier(snapshot);
        Ok(restore.send().await?.db_cluster)
    }

    async fn restore_earlier(&self, earlier: &RestoreToPointInTime, cx: &Cx) -> Result<Option<sdk::DbCluster>> {
        let wrong = |e| Error::invalid(format!("`restoreToPointInTime.restoreToTime` is no moment: {e}"));
        let moment = earlier.restore_to_time.as_deref().map(|t| DateTime::from_str(t, Format::DateTimeWithOffset));
        let restore = shared!(cx.rds().restore_db_cluster_to_point_in_time(), self, cx)
            .set_db_cluster_instance_class(self.db_cluster_instance_class.clone())
            .engine_mode(&self.engine_mode)
            .set_iops(self.iops)
            .set_kms_key_id(self.kms_key_id.clone())
            .set_restore_to_time(moment.transpose().map_err(wrong)?)
            .set_restore_type(earlier.restore_type.clone())
            .set_scaling_configuration(self.scaling_configuration.as_ref().map(ScalingConfiguration::sent))
            .set_source_db_cluster_identifier(earlier.source_cluster_identifier.clone())
            .set_source_db_cluster_resource_id(earlier.source_cluster_resource_id.clone())
            .set_use_latest_restorable_time(earlier.use_latest_restorable_time);
        Ok(restore.send().await?.db_cluster)
    }

    async fn restore_backup(&self, backup: &S3Import, cx: &Cx) -> Result<Option<sdk::DbCluster>> {
        let restore = shared!(cx.rds().restore_db_cluster_from_s3(), self, cx)
            .set_availability_zones(self.availability_zones.clone())
            .backup_retention_period(self.backup_retention_period)
            .set_database_name(self.database_name.clone())
            .engine(&self.engine)
            .set_engine_version(self.engine_version.clone())
            .set_kms_key_id(self.kms_key_id.clone())
            .set_manage_master_user_password(self.manage_master_user_password.then_some(true))
            .set_master_user_password(self.password())
            .set_master_user_secret_kms_key_id(self.master_user_secret_kms_key_id.clone())
            .set_master_username(self.master_username.clone())
            .set_preferred_backup_window(self.preferred_backup_window.clone())
            .set_preferred_maintenance_window(self.preferred_maintenance_window.clone())
            .s3_bucket_name(&backup.bucket_name)
            .s3_ingestion_role_arn(&backup.ingestion_role)
            .set_s3_prefix(backup.bucket_prefix.clone())
            .source_engine(&backup.source_engine)
            .source_engine_version(&backup.source_engine_version)
            .set_storage_encrypted(self.storage_encrypted);
        Ok(restore.send().await?.db_cluster)
    }

    pub(super) fn password(&self) -> Option<String> {
        self.master_password.as_ref().map(|p| p.reveal().clone())
    }

    fn logs(&self) -> Option<Vec<String>> {
        let logs = &self.enabled_cloudwatch_logs_exports;
        (!logs.is_empty()).then(|| logs.clone())
    }
}

/// The key that RDS uses in this region when nobody names one. AWS asks a reader in another region
/// to name it. It exists only once RDS has used it there; until then AWS makes it if none is named.
async fn default_key(cx: &Cx) -> Result<Option<String>> {
    let key = cx.kms().describe_key().key_id("alias/aws/rds").send().await.or_none()?;
    Ok(key.and_then(|k| k.key_metadata).and_then(|k| k.arn))
}

impl ScalingConfiguration {
    pub(super) fn sent(&self) -> sdk::ScalingConfiguration {
        sdk::ScalingConfiguration::builder()
            .auto_pause(self.auto_pause)
            .max_capacity(self.max_capacity)
            .min_capacity(self.min_capacity)
            .set_seconds_before_timeout(self.seconds_before_timeout)
            .seconds_until_auto_pause(self.seconds_until_auto_pause)
            .timeout_action(&self.timeout_action)
            .build()
    }

    fn shown(c: sdk::ScalingConfigurationInfo) -> Self {
        Self {
            auto_pause: c.auto_pause.unwrap_or_else(pause),
            max_capacity: c.max_capacity.unwrap_or_else(most_units),
            min_capacity: c.min_capacity.unwrap_or_else(fewest_units),
            seconds_before_timeout: c.seconds_before_timeout,
            seconds_until_auto_pause: c.seconds_until_auto_pause.unwrap_or_else(pause_after),
            timeout_action: c.timeout_action.unwrap_or_else(roll_back),
        }
    }
}

impl Serverlessv2ScalingConfiguration {
    pub(super) fn sent(&self) -> sdk::ServerlessV2ScalingConfiguration {
        sdk::ServerlessV2ScalingConfiguration::builder()
            .max_capacity(self.max_capacity)
            .min_capacity(self.min_capacity)
            .set_seconds_until_auto_pause(self.seconds_until_auto_pause)
            .build()
    }

    fn shown(c: sdk::ServerlessV2ScalingConfigurationInfo) -> Option<Self> {
        Some(Self {
            max_capacity: c.max_capacity?,
            min_capacity: c.min_capacity?,
            seconds_until_auto_pause: c.seconds_until_auto_pause,
        })
    }
}

/// One cluster as AWS shows it.
pub(super) async fn described(name: &str, cx: &Cx) -> Result<Option<sdk::DbCluster>> {
    let reply = cx.rds().describe_db_clusters().db_cluster_identifier(name).send().await.or_none()?;
    Ok(reply.and_then(|r| r.db_clusters).and_then(|clusters| clusters.into_iter().next()))
}

/// Without roles, what is bound to one is left open. A change that waits for the maintenance window
/// counts as made: AWS has accepted it.
fn seen(c: sdk::DbCluster, roles: Option<&HashMap<String, Membership>>) -> Result<(String, Seen<Live<Cluster>>)> {
    let id = need("DBClusterIdentifier", c.db_cluster_identifier.clone())?;
    let status = need("Status", c.status.clone())?;
    match State::of(&status) {
        State::Ready => Ok((id, Seen::Ready(live(c, roles)?))),
        State::Changing => Ok((id, Seen::Pending(status))),
        State::Broken => Ok((id, Seen::Failed(status))),
    }
}

fn live(c: sdk::DbCluster, roles: Option<&HashMap<String, Membership>>) -> Result<Live<Cluster>> {
    let arn = need("DBClusterArn", c.db_cluster_arn)?;
    let membership = roles.and_then(|r| r.get(&arn));
    let reader = membership.is_some_and(|m| !m.is_writer);
    let alone = roles.is_some() && membership.is_none();
    let pending = c.pending_modified_values;
    let pending = pending.as_ref();
    let domain = c.domain_memberships.into_iter().flatten().next();
    let secret = c.master_user_secret;
    let groups = c.vpc_security_groups.into_iter().flatten().filter_map(|g| g.vpc_security_group_id);
    let roles_of_database = c.associated_roles.into_iter().flatten().filter_map(|r| r.role_arn);
    let forwards = c.local_write_forwarding_status.as_ref().map(sdk::LocalWriteForwardingStatus::as_str);
    let inputs = Cluster {
        allocated_storage: pending.and_then(|p| p.allocated_storage).or(c.allocated_storage),
        allow_major_version_upgrade: None,
        apply_immediately: None,
        auto_minor_version_upgrade: c.auto_minor_version_upgrade,
        availability_zones: c.availability_zones,
        backtrack_window: c.backtrack_window.unwrap_or_default(),
        backup_retention_period: need(
            "BackupRetentionPeriod",
            pending.and_then(|p| p.backup_retention_period).or(c.backup_retention_period),
        )?,
        ca_certificate_identifier: c.certificate_details.as_ref().and_then(|d| d.ca_identifier.clone()),
        cluster_identifier: need("DBClusterIdentifier", c.db_cluster_identifier)?,
        cluster_scalability_type: c.cluster_scalability_type.map(|t| t.as_str().to_owned()),
        copy_tags_to_snapshot: c.copy_tags_to_snapshot.unwrap_or_default(),
        database_insights_mode: c.database_insights_mode.map(|m| m.as_str().to_owned()),
        database_name: c.database_name.filter(|name| !reader && !name.is_empty()),
        db_cluster_instance_class: c.db_cluster_instance_class,
        db_cluster_parameter_group_name: c.db_cluster_parameter_group,
        db_instance_parameter_group_name: None,
        db_subnet_group_name: c.db_subnet_group,
        db_system_id: c.db_system_id,
        delete_automated_backups: None,
        deletion_protection: c.deletion_protection.unwrap_or_default(),
        domain_iam_role_name: domain.as_ref().and_then(|d| d.iam_role_name.clone()),
        domain: domain.and_then(|d| d.domain),
        enable_global_write_forwarding: reader.then(|| c.global_write_forwarding_requested.unwrap_or_default()),
        enable_http_endpoint: c.http_endpoint_enabled.unwrap_or_default(),
        enable_local_write_forwarding: forwards.is_some_and(|s| ["enabled", "enabling", "requested"].contains(&s)),
        enabled_cloudwatch_logs_exports: c.enabled_cloudwatch_logs_exports.unwrap_or_default(),
        engine: need("Engine", c.engine)?,
        engine_lifecycle_support: c.engine_lifecycle_support,
        engine_mode: c.engine_mode.unwrap_or_else(provisioned),
        engine_version: pending.and_then(|p| p.engine_version.clone()).or_else(|| c.engine_version.clone()),
        final_snapshot_identifier: None,
        global_cluster_identifier: membership.map(|m| m.global.clone()),
        iam_database_authentication_enabled: pending
            .and_then(|p| p.iam_database_authentication_enabled)
            .or(c.iam_database_authentication_enabled)
            .unwrap_or_default(),
        iam_roles: Some(roles_of_database.collect()),
        iops: pending.and_then(|p| p.iops).or(c.iops),
        // MiniStack shows an empty key where nothing is encrypted.
        kms_key_id: c.kms_key_id.filter(|key| !key.is_empty()),
        manage_master_user_password: secret.is_some(),
        master_password: None,
        master_user_secret_kms_key_id: secret.as_ref().and_then(|s| s.kms_key_id.clone()),
        master_username: c.master_username.filter(|_| !reader),
        monitoring_interval: c.monitoring_interval,
        monitoring_role_arn: c.monitoring_role_arn,
        network_type: c.network_type,
        performance_insights_enabled: c.performance_insights_enabled,
        performance_insights_kms_key_id: c.performance_insights_kms_key_id,
        performance_insights_retention_period: c.performance_insights_retention_period,
        port: c.port,
        preferred_backup_window: c.preferred_backup_window,
        preferred_maintenance_window: c.preferred_maintenance_window,
        replication_source_identifier: c.replication_source_identifier.filter(|s| alone && !s.is_empty()),
        restore_to_point_in_time: None,
        s3_import: None,
        scaling_configuration: c.scaling_configuration_info.map(ScalingConfiguration::shown),
        serverlessv2_scaling_configuration: c
            .serverless_v2_scaling_configuration
            .and_then(Serverlessv2ScalingConfiguration::shown),
        skip_final_snapshot: None,
        snapshot_identifier: None,
        storage_encrypted: c.storage_encrypted,
        storage_type: pending.and_then(|p| p.storage_type.clone()).or(c.storage_type),
        tags: tags_from(c.tag_list),
        vpc_security_group_ids: Some(groups.collect()),
    };
    let valid_till = c.certificate_details.and_then(|d| d.valid_till);
    let secrets = secret.map(|s| MasterUserSecret {
        kms_key_id: s.kms_key_id,
        secret_arn: s.secret_arn,
        secret_status: s.secret_status,
    });
    let outputs = ClusterOutputs {
        arn,
        ca_certificate_valid_till: valid_till.and_then(|t| t.fmt(Format::DateTime).ok()),
        cluster_members: c
            .db_cluster_members
            .into_iter()
            .flatten()
            .map(|m| need("DBInstanceIdentifier", m.db_instance_identifier))
            .collect::<Result<_>>()?,
        cluster_resource_id: c.db_cluster_resource_id,
        endpoint: c.endpoint,
        engine_version_actual: c.engine_version,
        hosted_zone_id: c.hosted_zone_id,
        master_user_secrets: secrets.into_iter().collect(),
        reader_endpoint: c.reader_endpoint,
        upgrade_rollout_order: c.upgrade_rollout_order.map(|o| o.as_str().to_owned()),
    };
    Ok(Live { inputs, outputs })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::error::Kind;
    use crate::engine::provider::{Live, Next, Provider};

    const CLUSTER: &str = "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>\
        <DBClusterIdentifier>orders</DBClusterIdentifier><Status>backing-up</Status>\
        <AllocatedStorage>100</AllocatedStorage><AutoMinorVersionUpgrade>true</AutoMinorVersionUpgrade>\
        <AvailabilityZones><AvailabilityZone>eu-west-1a</AvailabilityZone></AvailabilityZones>\
        <BacktrackWindow>60</BacktrackWindow><BackupRetentionPeriod>7</BackupRetentionPeriod>\
        <CertificateDetails><CAIdentifier>rds-ca</CAIdentifier></CertificateDetails>\
        <ClusterScalabilityType>standard</ClusterScalabilityType><CopyTagsToSnapshot>true</CopyTagsToSnapshot>\
        <DatabaseInsightsMode>standard</DatabaseInsightsMode><DatabaseName>orders</DatabaseName>\
        <DBClusterInstanceClass>db.m6gd.large</DBClusterInstanceClass>\
        <DBClusterParameterGroup>pg</DBClusterParameterGroup><DBSubnetGroup>db</DBSubnetGroup>\
        <DBSystemId>sys</DBSystemId><DeletionProtection>true</DeletionProtection><DomainMemberships>\
        <DomainMembership><Domain>d-1</Domain><IAMRoleName>directory</IAMRoleName></DomainMembership>\
        </DomainMemberships><GlobalWriteForwardingRequested>true</GlobalWriteForwardingRequested>\
        <HttpEndpointEnabled>true</HttpEndpointEnabled>\
        <LocalWriteForwardingStatus>enabled</LocalWriteForwardingStatus>\
        <EnabledCloudwatchLogsExports><member>postgresql</member></EnabledCloudwatchLogsExports>\
        <Engine>aurora-postgresql</Engine><EngineMode>provisioned</EngineMode><EngineVersion>16.6</EngineVersion>\
        <EngineLifecycleSupport>open-source-rds-extended-support</EngineLifecycleSupport>\
        <IAMDatabaseAuthenticationEnabled>true</IAMDatabaseAuthenticationEnabled><AssociatedRoles>\
        <DBClusterRole><RoleArn>arn:role</RoleArn></DBClusterRole></AssociatedRoles><Iops>3000</Iops>\
        <KmsKeyId>arn:key</KmsKeyId><MasterUserSecret><SecretArn>arn:secret</SecretArn>\
        <KmsKeyId>arn:secret-key</KmsKeyId></MasterUserSecret><MasterUsername>root</MasterUsername>\
        <MonitoringInterval>60</MonitoringInterval><MonitoringRoleArn>arn:monitor</MonitoringRoleArn>\
        <NetworkType>IPV4</NetworkType><PerformanceInsightsEnabled>true</PerformanceInsightsEnabled>\
        <PerformanceInsightsKMSKeyId>arn:insights</PerformanceInsightsKMSKeyId>\
        <PerformanceInsightsRetentionPeriod>7</PerformanceInsightsRetentionPeriod><Port>5432</Port>\
        <PreferredBackupWindow>04:00-04:30</PreferredBackupWindow>\
        <PreferredMaintenanceWindow>sun:05:00-sun:05:30</PreferredMaintenanceWindow>\
        <ReplicationSourceIdentifier>arn:source</ReplicationSourceIdentifier><ScalingConfigurationInfo>\
        <MinCapacity>2</MinCapacity><MaxCapacity>8</MaxCapacity><AutoPause>false</AutoPause>\
        <SecondsUntilAutoPause>600</SecondsUntilAutoPause><TimeoutAction>ForceApplyCapacityChange</TimeoutAction>\
        <SecondsBeforeTimeout>60</SecondsBeforeTimeout></ScalingConfigurationInfo>\
        <ServerlessV2ScalingConfiguration><MinCapacity>0.5</MinCapacity><MaxCapacity>4</MaxCapacity>\
        <SecondsUntilAutoPause>300</SecondsUntilAutoPause></ServerlessV2ScalingConfiguration>\
        <StorageEncrypted>true</StorageEncrypted><StorageType>aurora-iopt1</StorageType>\
        <VpcSecurityGroups><VpcSecurityGroupMembership><VpcSecurityGroupId>sg-1</VpcSecurityGroupId>\
        </VpcSecurityGroupMembership></VpcSecurityGroups><DBClusterArn>arn:c</DBClusterArn>\
        <TagList><Tag><Key>a</Key><Value>b</Value></Tag></TagList></DBCluster></DBClusters>\
        </DescribeDBClustersResult></DescribeDBClustersResponse>";

    fn globals(members: &[(&str, bool)]) -> Reply {
        let member = |(arn, writer): &(&str, bool)| {
            let role = format!("<IsWriter>{writer}</IsWriter>");
            format!("<GlobalClusterMember><DBClusterArn>{arn}</DBClusterArn>{role}</GlobalClusterMember>")
        };
        let members: String = members.iter().map(member).collect();
        ok(format!(
            "<DescribeGlobalClustersResponse><DescribeGlobalClustersResult><GlobalClusters><GlobalClusterMember>\
            <GlobalClusterIdentifier>g</GlobalClusterIdentifier><StorageEncrypted>true</StorageEncrypted>\
            <GlobalClusterMembers>{members}</GlobalClusterMembers></GlobalClusterMember></GlobalClusters>\
            </DescribeGlobalClustersResult></DescribeGlobalClustersResponse>"
        ))
    }

    /// Every input but those that are bound to a role.
    fn neutral() -> serde_json::Value {
        let inputs = r#"{
            "allocatedStorage": 100,
            "autoMinorVersionUpgrade": true,
            "availabilityZones": ["eu-west-1a"],
            "backtrackWindow": 60,
            "backupRetentionPeriod": 7,
            "caCertificateIdentifier": "rds-ca",
            "clusterIdentifier": "orders",
            "clusterScalabilityType": "standard",
            "copyTagsToSnapshot": true,
            "databaseInsightsMode": "standard",
            "dbClusterInstanceClass": "db.m6gd.large",
            "dbClusterParameterGroupName": "pg",
            "dbSubnetGroupName": "db",
            "dbSystemId": "sys",
            "deletionProtection": true,
            "domain": "d-1",
            "domainIamRoleName": "directory",
            "enableHttpEndpoint": true,
            "enableLocalWriteForwarding": true,
            "enabledCloudwatchLogsExports": ["postgresql"],
            "engine": "aurora-postgresql",
            "engineLifecycleSupport": "open-source-rds-extended-support",
            "engineMode": "provisioned",
            "engineVersion": "16.6",
            "iamDatabaseAuthenticationEnabled": true,
            "iamRoles": ["arn:role"],
            "iops": 3000,
            "kmsKeyId": "arn:key",
            "manageMasterUserPassword": true,
            "masterUserSecretKmsKeyId": "arn:secret-key",
            "monitoringInterval": 60,
            "monitoringRoleArn": "arn:monitor",
            "networkType": "IPV4",
            "performanceInsightsEnabled": true,
            "performanceInsightsKmsKeyId": "arn:insights",
            "performanceInsightsRetentionPeriod": 7,
            "port": 5432,
            "preferredBackupWindow": "04:00-04:30",
            "preferredMaintenanceWindow": "sun:05:00-sun:05:30",
            "scalingConfiguration": {
                "autoPause": false,
                "maxCapacity": 8,
                "minCapacity": 2,
                "secondsBeforeTimeout": 60,
                "secondsUntilAutoPause": 600,
                "timeoutAction": "ForceApplyCapacityChange"
            },
            "serverlessv2ScalingConfiguration": {
                "maxCapacity": 4.0,
                "minCapacity": 0.5,
                "secondsUntilAutoPause": 300
            },
            "storageEncrypted": true,
            "storageType": "aurora-iopt1",
            "tags": { "a": "b" },
            "vpcSecurityGroupIds": ["sg-1"]
        }"#;
        serde_json::from_str(inputs).unwrap()
    }

    fn with(more: serde_json::Value) -> serde_json::Value {
        let mut all = neutral();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    }

    async fn reads(members: &[(&str, bool)], unshown: &[&str], inputs: serde_json::Value) {
        let replies = [("Action=DescribeDBClusters", ok(CLUSTER)), ("Action=DescribeGlobalClusters", globals(members))];
        let live = reads_back(Cluster::TYPE, "orders", &replies, unshown, inputs).await;
        assert_eq!(live.outputs.get("arn"), Some(&"arn:c".into()));
    }

    #[test]
    fn a_cluster_that_is_made_of_nothing_else_needs_credentials() {
        let lacks =
            |inputs: serde_json::Value| Cluster::lacks(&inputs.into()).map(|lack| lack.inputs).unwrap_or_default();
        assert_eq!(lacks(json!({})), ["masterUsername", "masterPassword"]);
        assert_eq!(lacks(json!({ "masterUsername": "m", "manageMasterUserPassword": false })), ["masterPassword"]);
        assert_eq!(lacks(json!({ "manageMasterUserPassword": true })), ["masterUsername"]);
        assert_eq!(lacks(json!({ "masterUsername": "m", "manageMasterUserPassword": true })), [""; 0]);
        assert_eq!(lacks(json!({ "masterUsername": "m", "masterPassword": "p" })), [""; 0]);
        for origin in ORIGINS {
            assert_eq!(lacks(json!({ origin: "o" })), [""; 0], "{origin}");
        }
        let later = [("globalClusterIdentifier".to_owned(), Value::Unknown)];
        assert_eq!(Cluster::lacks(&Value::Map(later.into_iter().collect())), None);
    }

    #[tokio::test]
    async fn read_gives_back_every_input_of_a_cluster_that_stands_alone() {
        let own = json!({ "databaseName": "orders", "masterUsername": "root",
            "replicationSourceIdentifier": "arn:source" });
        reads(&[], &["enableGlobalWriteForwarding", "globalClusterIdentifier"], with(own)).await;
    }

    #[tokio::test]
    async fn an_empty_key_is_none() {
        let unencrypted = CLUSTER.replace("<KmsKeyId>arn:key</KmsKeyId>", "<KmsKeyId></KmsKeyId>");
        let (aws, _) = aws(&[("Action=DescribeDBClusters", ok(unencrypted)), ("DescribeGlobalClusters", globals(&[]))]);
        let Seen::Ready(live) = read(&aws, Cluster::TYPE, "orders").await.unwrap() else { panic!() };
        assert_eq!(live.inputs.get("kmsKeyId"), None);
    }

    #[tokio::test]
    async fn a_writer_and_a_reader_show_what_their_role_gives_a_meaning() {
        let writer = json!({ "databaseName": "orders", "masterUsername": "root", "globalClusterIdentifier": "g" });
        let unshown = ["enableGlobalWriteForwarding", "replicationSourceIdentifier"];
        reads(&[("arn:c", true), ("arn:x", false)], &unshown, with(writer)).await;
        let reader = json!({ "enableGlobalWriteForwarding": true, "globalClusterIdentifier": "g" });
        let unshown = ["databaseName", "masterUsername", "replicationSourceIdentifier"];
        reads(&[("arn:x", true), ("arn:c", false)], &unshown, with(reader)).await;
    }

    /// A declared primary, and what its program says.
    fn declared(more: serde_json::Value) -> Value {
        let mut inputs = json!({ "clusterIdentifier": "orders", "engine": "aurora-postgresql", "engineVersion": "16.6",
            "globalClusterIdentifier": "g", "masterUsername": "root", "masterPassword": "hunter2" });
        inputs.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        inputs.into()
    }

    async fn create(globals: Reply, inputs: Value) -> String {
        let made = "<CreateDBClusterResponse><CreateDBClusterResult><DBCluster><DBClusterIdentifier>orders\
            </DBClusterIdentifier></DBCluster></CreateDBClusterResult></CreateDBClusterResponse>";
        let key = r#"{"KeyMetadata":{"KeyId":"k","Arn":"arn:default"}}"#;
        let (aws, wire) = aws(&[
            ("Action=DescribeGlobalClusters", globals),
            ("DescribeKey", ok(key)),
            ("Action=CreateDBCluster&", ok(made)),
        ]);
        aws.create(&at(Cluster::TYPE), &inputs).await.unwrap();
        wire.requests("Action=CreateDBCluster&").remove(0)
    }

    #[tokio::test]
    async fn only_the_first_member_takes_credentials() {
        let first = create(globals(&[]), declared(json!({}))).await;
        assert!(first.contains("MasterUserPassword=hunter2") && first.contains("MasterUsername=root"), "{first}");
        let second = create(globals(&[("arn:x", true)]), declared(json!({}))).await;
        assert!(!second.contains("hunter2") && !second.contains("MasterUser"), "{second}");
        assert!(second.contains("GlobalClusterIdentifier=g"), "{second}");
        assert!(second.contains("StorageEncrypted=true"), "{second}");
        assert!(second.contains("KmsKeyId=arn%3Adefault"), "{second}");
    }

    async fn update(members: &[(&str, bool)], wanted: Value) -> (Result<Next>, Vec<String>) {
        let (aws, wire) = aws(&[
            ("Action=DescribeGlobalClusters", globals(members)),
            (
                "Action=ModifyDBCluster&",
                ok("<ModifyDBClusterResponse><ModifyDBClusterResult/></ModifyDBClusterResponse>"),
            ),
        ]);
        let live = Live {
            inputs: declared(json!({})),
            outputs: json!({ "arn": "arn:c", "clusterMembers": [],
            "masterUserSecrets": [] })
            .into(),
        };
        let next = aws.update(&at(Cluster::TYPE), &Id("orders".into()), &wanted, &live).await;
        assert!(wire.requests("Action=RemoveFromGlobalCluster").is_empty());
        (next, wire.requests("Action=ModifyDBCluster&"))
    }

    #[tokio::test]
    async fn no_update_takes_a_member_out() {
        let mut without = declared(json!({}));
        if let Value::Map(map) = &mut without {
            map.shift_remove("globalClusterIdentifier");
        }
        let (next, calls) = update(&[("arn:c", false), ("arn:x", true)], without.clone()).await;
        let error = next.unwrap_err();
        insta::assert_snapshot!(format!("{}\n{}", error.message, error.hint.unwrap()), @r"
        the cluster belongs to the global database `g` and stays in it
        set `globalClusterIdentifier: g`; to take the cluster out, run `aws rds remove-from-global-cluster --global-cluster-identifier g --db-cluster-identifier arn:c` and then remove the input
        ");
        assert!(calls.is_empty());
        // One that somebody has detached already only forgets it.
        assert_eq!(update(&[], without).await, (Ok(Next::Started), vec![]));
    }

    #[tokio::test]
    async fn a_major_upgrade_of_a_member_is_the_business_of_the_global_database() {
        let members = [("arn:c", true), ("arn:x", false)];
        let (next, calls) = update(&members, declared(json!({ "engineVersion": "17.4" }))).await;
        assert!(next.unwrap_err().hint.unwrap().contains("global cluster"));
        assert!(calls.is_empty());
        let (next, calls) = update(&members, declared(json!({ "engineVersion": "16.8" }))).await;
        assert_eq!(next.unwrap(), Next::Started);
        assert!(calls[0].contains("EngineVersion=16.8"), "{calls:?}");
    }

    #[tokio::test]
    async fn a_refused_upgrade_of_a_member_tells_that_secondaries_come_first_and_maybe_later() {
        let refused = "<ErrorResponse><Error><Code>InvalidParameterValue</Code><Message>Cannot upgrade DB cluster 'orders' to \
            engine version 16.8 as global replica(s) are running lower version. Please upgrade global replicas first before \
            upgrading the primary member.</Message></Error></ErrorResponse>";
        let (aws, _) = aws(&[
            ("Action=DescribeGlobalClusters", globals(&[("arn:c", true)])),
            ("Action=ModifyDBCluster&", Reply::Says(400, refused.into())),
        ]);
        let outputs = json!({ "arn": "arn:c", "clusterMembers": [], "masterUserSecrets": [] }).into();
        let live = Live { inputs: declared(json!({})), outputs };
        let refusal = async |more: serde_json::Value| {
            let wanted = declared(more);
            let error = aws.update(&at(Cluster::TYPE), &Id("orders".into()), &wanted, &live).await.unwrap_err();
            (error.kind, error.hint)
        };
        let (kind, later) = refusal(json!({ "engineVersion": "16.8" })).await;
        let later = later.unwrap();
        assert!(later.contains("secondary clusters get a version first"), "{later}");
        assert_eq!(kind, Kind::Invalid);
        // Soon they have it, so the call is made again.
        let at_once = json!({ "engineVersion": "16.8", "applyImmediately": true });
        assert_eq!(refusal(at_once).await, (Kind::Busy, None));
        assert_eq!(refusal(json!({ "port": 1 })).await, (Kind::Invalid, None));
    }

    #[tokio::test]
    async fn a_password_changes_at_the_writer_and_settings_that_steer_deletion_need_no_call() {
        let new = declared(json!({ "masterPassword": "new-secret" }));
        let (next, calls) = update(&[("arn:c", false), ("arn:x", true)], new.clone()).await;
        let error = next.unwrap_err();
        assert!(error.hint.is_some() && !format!("{error:?}").contains("new-secret"));
        assert!(calls.is_empty());
        let (_, calls) = update(&[("arn:c", true)], new).await;
        assert!(calls[0].contains("MasterUserPassword=new-secret"));
        let steering = declared(json!({ "skipFinalSnapshot": true, "applyImmediately": true }));
        assert_eq!(update(&[("arn:c", true)], steering).await, (Ok(Next::Started), vec![]));
    }

    #[test]
    fn a_cluster_joins_only_when_it_is_made_and_a_detached_member_is_never_replaced() {
        let (alone, member) = (json!({}).into(), json!({ "globalClusterIdentifier": "g" }).into());
        assert_eq!(Cluster::replaces(&alone, &member), ["globalClusterIdentifier"]);
        assert!(Cluster::replaces(&member, &alone).is_empty());
        let schema = crate::aws::catalog().find(Cluster::TYPE).unwrap();
        assert!(schema.inputs.get("globalClusterIdentifier").unwrap().sometimes_shown);
    }
}
