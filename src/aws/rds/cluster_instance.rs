use aws_sdk_rds::types as sdk;

use super::{KEY_USE, State, arn, databases, filter, is_ours, new_choice, new_value, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, computed, forced, form, one_of, refers, replace, write_only};

/// A database server of an Aurora cluster.
///
/// Whether it writes or reads is decided by the cluster and may change at any time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterInstance {
    /// Whether changes take effect at once instead of in the next maintenance window.
    #[schemars(transform = write_only)]
    pub apply_immediately: Option<bool>,
    /// Whether minor versions of the engine are installed in the maintenance window.
    #[serde(default = "yes")]
    pub auto_minor_version_upgrade: bool,
    /// Zone, for example `eu-west-1a`.
    #[schemars(transform = replace, transform = computed)]
    pub availability_zone: Option<String>,
    /// Authority that signs the server's certificate, for example `rds-ca-rsa2048-g1`.
    #[schemars(transform = computed)]
    pub ca_cert_identifier: Option<String>,
    /// Cluster that the instance belongs to.
    #[schemars(transform = replace, transform = alike(Alike::Case))]
    #[schemars(transform = refers("aws:rds/cluster:Cluster.id"))]
    pub cluster_identifier: String,
    /// Whether snapshots get the tags of the instance.
    #[serde(default)]
    pub copy_tags_to_snapshot: bool,
    /// Instance profile of an RDS Custom instance.
    #[schemars(transform = replace)]
    pub custom_iam_instance_profile: Option<String>,
    /// Parameter group of the instance.
    #[schemars(transform = computed, transform = alike(Alike::Case))]
    #[schemars(transform = refers("aws:rds/parameterGroup:ParameterGroup.name"))]
    pub db_parameter_group_name: Option<String>,
    /// Subnets of the instance: those of its cluster.
    #[schemars(transform = replace, transform = computed, transform = alike(Alike::Case))]
    #[schemars(transform = refers("aws:rds/subnetGroup:SubnetGroup.name"))]
    pub db_subnet_group_name: Option<String>,
    /// Database engine: that of the cluster.
    #[schemars(transform = replace, transform = one_of(&["aurora-mysql", "aurora-postgresql", "mysql", "postgres"]))]
    pub engine: String,
    /// Engine version. It follows that of the cluster.
    #[schemars(transform = computed, transform = alike(Alike::Version))]
    pub engine_version: Option<String>,
    /// Whether a cluster that replicates from elsewhere is promoted where the deletion of its last
    /// instance needs that.
    #[schemars(transform = write_only, transform = forced)]
    pub force_destroy: Option<bool>,
    /// Name of the instance. AWS keeps it in small letters.
    #[schemars(transform = replace, transform = auto_name(63), transform = alike(Alike::Case))]
    pub identifier: String,
    /// Size of the server, for example `db.r6g.large`.
    #[schemars(transform = form(r"^db\.[a-z0-9.-]+$", "an instance class such as `db.r6g.large`"))]
    pub instance_class: String,
    /// Seconds between two samples of the operating system's metrics, one of 0 (none), 1, 5, 10, 15,
    /// 30, 60.
    #[schemars(range(min = 0, max = 60))]
    #[serde(default)]
    pub monitoring_interval: i32,
    /// Role that writes the operating system's metrics.
    #[schemars(transform = computed, transform = refers("aws:iam/role:Role.arn"))]
    pub monitoring_role_arn: Option<String>,
    /// Whether Performance Insights is on.
    #[schemars(transform = computed)]
    pub performance_insights_enabled: Option<bool>,
    /// Key that encrypts what Performance Insights keeps.
    #[schemars(transform = computed, transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub performance_insights_kms_key_id: Option<String>,
    /// Days for which Performance Insights keeps data: 7, a multiple of 31, or 731.
    #[schemars(transform = computed, range(min = 7, max = 731))]
    pub performance_insights_retention_period: Option<i32>,
    /// Daily time of backups in UTC, for example `04:00-04:30`: that of the cluster.
    #[schemars(transform = computed)]
    pub preferred_backup_window: Option<String>,
    /// Weekly time of maintenance in UTC, for example `sun:05:00-sun:05:30`.
    #[schemars(transform = computed, transform = alike(Alike::Case))]
    pub preferred_maintenance_window: Option<String>,
    /// Place in the line of instances that may become the writer; 0 is the first.
    #[schemars(range(min = 0, max = 15))]
    #[serde(default)]
    pub promotion_tier: i32,
    /// Whether the instance can be reached from outside of the VPC.
    #[serde(default)]
    pub publicly_accessible: bool,
    /// Tags of the instance.
    #[serde(default)]
    pub tags: Tags,
}

fn yes() -> bool {
    true
}

/// What AWS decides about a cluster's instance.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterInstanceOutputs {
    /// ARN of the instance.
    pub arn: String,
    /// Id of the instance that never changes.
    pub dbi_resource_id: Option<String>,
    /// Host name of the instance.
    pub endpoint: Option<String>,
    /// Engine version that runs.
    pub engine_version_actual: Option<String>,
    /// Key that encrypts the storage.
    pub kms_key_id: Option<String>,
    /// Kind of addresses: `IPV4`, `DUAL`.
    pub network_type: Option<String>,
    /// Port of the database.
    pub port: Option<i32>,
    /// Whether the storage is encrypted.
    pub storage_encrypted: Option<bool>,
    /// Whether the instance is the one of its cluster that writes.
    pub writer: bool,
}

impl Resource for ClusterInstance {
    const TYPE: &'static str = "aws:rds/clusterInstance:ClusterInstance";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(90, 90, 90).poll(10),
        takes: Takes::seconds(420, 300, 300),
        permissions: Permissions {
            create: &["iam:CreateServiceLinkedRole", "iam:PassRole", "rds:AddTagsToResource", "rds:CreateDBInstance"],
            read: &["rds:DescribeDBClusters", "rds:DescribeDBInstances"],
            update: &["iam:PassRole", "rds:AddTagsToResource", "rds:ModifyDBInstance", "rds:RemoveTagsFromResource"],
            delete: &["rds:DeleteDBInstance", "rds:PromoteReadReplicaDBCluster"],
        },
        permissions_with: &[WithInput::on("performanceInsightsKmsKeyId", &[], KEY_USE)],
        acts_on: &[
            "{arn}",
            "rds:{region}:*:cluster:{clusterIdentifier}",
            "rds:{region}:*:es:*",
            "rds:{region}:*:og:*",
            "rds:{region}:*:pg:*",
            "rds:{region}:*:secgrp:*",
            "rds:{region}:*:snapshot:*",
            "rds:{region}:*:subgrp:*",
        ],
        passes_roles_to: &["monitoring.rds", "rds"],
        import: "identifier of the instance",
        ..Facts::new(IdForm::Input("identifier"), FoundBy::Name)
    };
    type Outputs = ClusterInstanceOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .rds()
            .create_db_instance()
            .auto_minor_version_upgrade(self.auto_minor_version_upgrade)
            .set_availability_zone(self.availability_zone.clone())
            .set_ca_certificate_identifier(self.ca_cert_identifier.clone())
            .db_cluster_identifier(&self.cluster_identifier)
            .copy_tags_to_snapshot(self.copy_tags_to_snapshot)
            .set_custom_iam_instance_profile(self.custom_iam_instance_profile.clone())
            .set_db_parameter_group_name(self.db_parameter_group_name.clone())
            .set_db_subnet_group_name(self.db_subnet_group_name.clone())
            .engine(&self.engine)
            .set_engine_version(self.engine_version.clone())
            .db_instance_identifier(&self.identifier)
            .db_instance_class(&self.instance_class)
            .monitoring_interval(self.monitoring_interval)
            .set_monitoring_role_arn(self.monitoring_role_arn.clone())
            .set_enable_performance_insights(self.performance_insights_enabled)
            .set_performance_insights_kms_key_id(self.performance_insights_kms_key_id.clone())
            .set_performance_insights_retention_period(self.performance_insights_retention_period)
            .set_preferred_backup_window(self.preferred_backup_window.clone())
            .set_preferred_maintenance_window(self.preferred_maintenance_window.clone())
            .promotion_tier(self.promotion_tier)
            .publicly_accessible(self.publicly_accessible)
            .set_tags(tagged(&cx.tags(&self.tags)))
            .send()
            .await?;
        Ok(Made::id(need("DBInstanceIdentifier", need("DBInstance", reply.db_instance)?.db_instance_identifier)?))
    }

    /// Only the clusters know which instance writes.
    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let pages = cx.rds().describe_db_instances().filters(filter("db-instance-id", ids)).into_paginator();
        let instances = pages.items().send().collect::<Result<Vec<_>, _>>().await?;
        if instances.is_empty() {
            return in_order(ids, []);
        }
        let mut clusters: Vec<Id> = instances.iter().filter_map(|i| i.db_cluster_identifier.clone()).map(Id).collect();
        clusters.sort();
        clusters.dedup();
        let clusters = databases::clusters(&clusters, cx).await?;
        let members = clusters.iter().flat_map(|c| c.db_cluster_members());
        let writers: Vec<&str> = members
            .filter(|m| m.is_cluster_writer == Some(true))
            .filter_map(sdk::DbClusterMember::db_instance_identifier)
            .collect();
        in_order(ids, instances.into_iter().map(|i| seen(i, &writers)))
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        let changes = Self {
            // Those need no call: they steer others, or follow the cluster.
            apply_immediately: old.apply_immediately,
            force_destroy: old.force_destroy,
            engine_version: old.engine_version.clone(),
            preferred_backup_window: old.preferred_backup_window.clone(),
            tags: old.tags.clone(),
            ..self.clone()
        };
        if serde_json::to_value(&changes).ok() == serde_json::to_value(old).ok() {
            return Ok(Next::Started);
        }
        let insights = self.performance_insights_enabled;
        cx.rds()
            .modify_db_instance()
            .apply_immediately(self.apply_immediately.unwrap_or_default())
            .set_auto_minor_version_upgrade(new_value(
                &self.auto_minor_version_upgrade,
                &old.auto_minor_version_upgrade,
            ))
            .set_ca_certificate_identifier(new_choice(&self.ca_cert_identifier, &old.ca_cert_identifier))
            .set_copy_tags_to_snapshot(new_value(&self.copy_tags_to_snapshot, &old.copy_tags_to_snapshot))
            .set_db_parameter_group_name(new_choice(&self.db_parameter_group_name, &old.db_parameter_group_name))
            .db_instance_identifier(&id.0)
            .set_db_instance_class(new_value(&self.instance_class, &old.instance_class))
            .set_monitoring_interval(new_value(&self.monitoring_interval, &old.monitoring_interval))
            .set_monitoring_role_arn(new_choice(&self.monitoring_role_arn, &old.monitoring_role_arn))
            .set_enable_performance_insights(new_choice(&insights, &old.performance_insights_enabled))
            .set_performance_insights_kms_key_id(new_choice(
                &self.performance_insights_kms_key_id,
                &old.performance_insights_kms_key_id,
            ))
            .set_performance_insights_retention_period(new_choice(
                &self.performance_insights_retention_period,
                &old.performance_insights_retention_period,
            ))
            .set_preferred_maintenance_window(new_choice(
                &self.preferred_maintenance_window,
                &old.preferred_maintenance_window,
            ))
            .set_promotion_tier(new_value(&self.promotion_tier, &old.promotion_tier))
            .set_publicly_accessible(new_value(&self.publicly_accessible, &old.publicly_accessible))
            .send()
            .await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let delete = cx.rds().delete_db_instance().db_instance_identifier(&id.0).skip_final_snapshot(true);
        match delete.send().await.or_none() {
            Ok(_) => Ok(Next::Started),
            Err(error) if self.force_destroy == Some(true) && Fact::LastOfReplica.is_said_by(&error) => {
                let cluster = &self.cluster_identifier;
                cx.rds().promote_read_replica_db_cluster().db_cluster_identifier(cluster).send().await?;
                Ok(Next::More("promoting its cluster"))
            }
            Err(error) => Err(error),
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let reply = cx.rds().describe_db_instances().db_instance_identifier(&self.identifier).send().await.or_none()?;
        let found = reply.and_then(|r| r.db_instances).into_iter().flatten();
        let ours = found.filter(|i| is_ours(&tags_from(i.tag_list.clone()), cx));
        ours.map(|i| Ok(Id(need("DBInstanceIdentifier", i.db_instance_identifier)?))).collect()
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, inputs, "db", "identifier"))]
    }
}

/// A change that waits for the maintenance window counts as made: AWS has accepted it.
fn seen(i: sdk::DbInstance, writers: &[&str]) -> Result<(String, Seen<Live<ClusterInstance>>)> {
    let id = need("DBInstanceIdentifier", i.db_instance_identifier)?;
    let status = need("DBInstanceStatus", i.db_instance_status)?;
    match State::of(&status) {
        State::Ready => {}
        State::Changing => return Ok((id, Seen::Pending(status))),
        State::Broken => return Ok((id, Seen::Failed(status))),
    }
    let pending = i.pending_modified_values;
    let (class, version, ca) = match pending {
        Some(p) => (p.db_instance_class, p.engine_version, p.ca_certificate_identifier),
        None => (None, None, None),
    };
    let insights = i.performance_insights_enabled;
    let outputs = ClusterInstanceOutputs {
        arn: need("DBInstanceArn", i.db_instance_arn)?,
        dbi_resource_id: i.dbi_resource_id,
        endpoint: i.endpoint.as_ref().and_then(|e| e.address.clone()),
        engine_version_actual: i.engine_version.clone(),
        kms_key_id: i.kms_key_id,
        network_type: i.network_type,
        port: i.endpoint.and_then(|e| e.port),
        storage_encrypted: i.storage_encrypted,
        writer: writers.contains(&id.as_str()),
    };
    let inputs = ClusterInstance {
        apply_immediately: None,
        auto_minor_version_upgrade: need("AutoMinorVersionUpgrade", i.auto_minor_version_upgrade)?,
        availability_zone: i.availability_zone,
        ca_cert_identifier: ca.or(i.ca_certificate_identifier),
        cluster_identifier: need("DBClusterIdentifier", i.db_cluster_identifier)?,
        copy_tags_to_snapshot: i.copy_tags_to_snapshot.unwrap_or_default(),
        custom_iam_instance_profile: i.custom_iam_instance_profile,
        db_parameter_group_name: i.db_parameter_groups.into_iter().flatten().find_map(|g| g.db_parameter_group_name),
        db_subnet_group_name: i.db_subnet_group.and_then(|g| g.db_subnet_group_name),
        engine: need("Engine", i.engine)?,
        engine_version: version.or(i.engine_version),
        force_destroy: None,
        identifier: id.clone(),
        instance_class: need("DBInstanceClass", class.or(i.db_instance_class))?,
        monitoring_interval: i.monitoring_interval.unwrap_or_default(),
        monitoring_role_arn: i.monitoring_role_arn,
        performance_insights_enabled: insights,
        performance_insights_kms_key_id: i.performance_insights_kms_key_id,
        performance_insights_retention_period: i.performance_insights_retention_period,
        preferred_backup_window: i.preferred_backup_window,
        preferred_maintenance_window: i.preferred_maintenance_window,
        promotion_tier: i.promotion_tier.unwrap_or_default(),
        publicly_accessible: i.publicly_accessible.unwrap_or_default(),
        tags: tags_from(i.tag_list),
    };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{Reply, at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Live, Provider};

    fn instances(status: &str, pending: &str) -> Reply {
        ok(format!(
            "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>\
            <DBInstanceIdentifier>orders-1</DBInstanceIdentifier><DBInstanceStatus>{status}</DBInstanceStatus>\
            <PendingModifiedValues>{pending}</PendingModifiedValues><DBInstanceClass>db.r6g.large</DBInstanceClass>\
            <Engine>aurora-postgresql</Engine><EngineVersion>16.6</EngineVersion>\
            <DBClusterIdentifier>orders</DBClusterIdentifier><AvailabilityZone>eu-west-1a</AvailabilityZone>\
            <AutoMinorVersionUpgrade>false</AutoMinorVersionUpgrade><CopyTagsToSnapshot>true</CopyTagsToSnapshot>\
            <CACertificateIdentifier>rds-ca-rsa2048-g1</CACertificateIdentifier>\
            <CustomIamInstanceProfile>AWSRDSCustom</CustomIamInstanceProfile>\
            <DBParameterGroups><DBParameterGroup><DBParameterGroupName>pg</DBParameterGroupName></DBParameterGroup>\
            </DBParameterGroups><DBSubnetGroup><DBSubnetGroupName>db</DBSubnetGroupName></DBSubnetGroup>\
            <MonitoringInterval>60</MonitoringInterval><MonitoringRoleArn>arn:role</MonitoringRoleArn>\
            <PerformanceInsightsEnabled>true</PerformanceInsightsEnabled>\
            <PerformanceInsightsKMSKeyId>arn:key</PerformanceInsightsKMSKeyId>\
            <PerformanceInsightsRetentionPeriod>7</PerformanceInsightsRetentionPeriod>\
            <PreferredBackupWindow>04:00-04:30</PreferredBackupWindow>\
            <PreferredMaintenanceWindow>sun:05:00-sun:05:30</PreferredMaintenanceWindow>\
            <PromotionTier>1</PromotionTier><PubliclyAccessible>true</PubliclyAccessible>\
            <Endpoint><Address>orders-1.example</Address><Port>5432</Port></Endpoint>\
            <DBInstanceArn>arn:aws:rds:eu-west-1:123456789012:db:orders-1</DBInstanceArn>\
            <TagList><Tag><Key>a</Key><Value>b</Value></Tag></TagList></DBInstance></DBInstances>\
            </DescribeDBInstancesResult></DescribeDBInstancesResponse>"
        ))
    }

    const CLUSTERS: &str = "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>\
        <DBClusterMembers><DBClusterMember><DBInstanceIdentifier>orders-1</DBInstanceIdentifier>\
        <IsClusterWriter>true</IsClusterWriter></DBClusterMember></DBClusterMembers></DBCluster></DBClusters>\
        </DescribeDBClustersResult></DescribeDBClustersResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input_and_who_writes() {
        let replies =
            [("Action=DescribeDBInstances", instances("available", "")), ("Action=DescribeDBClusters", ok(CLUSTERS))];
        let inputs = json!({
            "autoMinorVersionUpgrade": false,
            "availabilityZone": "eu-west-1a",
            "caCertIdentifier": "rds-ca-rsa2048-g1",
            "clusterIdentifier": "orders",
            "copyTagsToSnapshot": true,
            "customIamInstanceProfile": "AWSRDSCustom",
            "dbParameterGroupName": "pg",
            "dbSubnetGroupName": "db",
            "engine": "aurora-postgresql",
            "engineVersion": "16.6",
            "identifier": "orders-1",
            "instanceClass": "db.r6g.large",
            "monitoringInterval": 60,
            "monitoringRoleArn": "arn:role",
            "performanceInsightsEnabled": true,
            "performanceInsightsKmsKeyId": "arn:key",
            "performanceInsightsRetentionPeriod": 7,
            "preferredBackupWindow": "04:00-04:30",
            "preferredMaintenanceWindow": "sun:05:00-sun:05:30",
            "promotionTier": 1,
            "publiclyAccessible": true,
            "tags": { "a": "b" },
        });
        let live = reads_back(ClusterInstance::TYPE, "orders-1", &replies, &[], inputs).await;
        assert_eq!(live.outputs.get("writer"), Some(&true.into()));
        assert_eq!(live.outputs.get("port"), Some(&5432.into()));
    }

    #[tokio::test]
    async fn a_change_that_waits_for_maintenance_counts_as_made() {
        let pending = "<DBInstanceClass>db.r6g.xlarge</DBInstanceClass>";
        let replies = [
            ("Action=DescribeDBInstances", instances("available", pending)),
            ("Action=DescribeDBClusters", ok(CLUSTERS)),
        ];
        let (aws, _) = aws(&replies);
        match read(&aws, ClusterInstance::TYPE, "orders-1").await.unwrap() {
            Seen::Ready(live) => assert_eq!(live.inputs.get("instanceClass"), Some(&"db.r6g.xlarge".into())),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn states_tell_whether_waiting_helps() {
        for (status, seen) in [
            ("creating", Seen::Pending("creating".to_owned())),
            ("incompatible-network", Seen::Failed("incompatible-network".to_owned())),
        ] {
            let (aws, _) = aws(&[
                ("Action=DescribeDBInstances", instances(status, "")),
                ("Action=DescribeDBClusters", ok(CLUSTERS)),
            ]);
            assert_eq!(read(&aws, ClusterInstance::TYPE, "orders-1").await.unwrap(), seen);
        }
    }

    #[tokio::test]
    async fn an_instance_follows_the_version_of_its_cluster_without_a_call() {
        let (aws, wire) = aws(&[(
            "Action=ModifyDBInstance",
            ok("<ModifyDBInstanceResponse><ModifyDBInstanceResult/></ModifyDBInstanceResponse>"),
        )]);
        let of = |version: &str, tier: i32| {
            json!({ "clusterIdentifier": "c", "engine": "e", "identifier": "i", "instanceClass": "db.x",
                "engineVersion": version, "promotionTier": tier })
        };
        let live = Live { inputs: of("16.6", 0).into(), outputs: json!({ "arn": "arn", "writer": true }).into() };
        let (at, id) = (at(ClusterInstance::TYPE), Id("i".into()));
        let next = aws.update(&at, &id, &of("16.8", 0).into(), &live).await.unwrap();
        assert_eq!((next, wire.requests("").len()), (provider::Next::Started, 0));
        aws.update(&at, &id, &of("16.8", 2).into(), &live).await.unwrap();
        assert_eq!(wire.requests("PromotionTier=2").len(), 1);
        assert!(wire.requests("EngineVersion").is_empty());
    }
}
