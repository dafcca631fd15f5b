import boto3
import pytest

from conftest import STANDBY, SUFFIX

CLUSTER = "trading-secondary"


@pytest.fixture
def export(moto, load, context, monkeypatch):
    for name, value in {
        "CLUSTER_IDENTIFIER": CLUSTER,
        "SUFFIX": SUFFIX,
        "EXPORT_BUCKET": "backups",
        "EXPORT_PREFIX": "aurora",
        "EXPORT_ROLE_ARN": "arn:aws:iam::123456789012:role/snapshot-export",
        "EXPORT_KMS_KEY_ARN": f"arn:aws:kms:{STANDBY}:123456789012:key/export",
    }.items():
        monkeypatch.setenv(name, value)
    exporter = load("exporter")
    return lambda: exporter.handler({}, context)


@pytest.fixture
def cluster(moto):
    """A cluster, of which moto takes an automated snapshot at once."""
    return boto3.client("rds").create_db_cluster(
        DBClusterIdentifier=CLUSTER,
        Engine="aurora-postgresql",
        MasterUsername="dbadmin",
        MasterUserPassword="only-for-this-test",
    )["DBCluster"]


def tasks():
    return boto3.client("rds").describe_export_tasks()["ExportTasks"]


def automated_snapshot():
    return boto3.client("rds").describe_db_cluster_snapshots(
        DBClusterIdentifier=CLUSTER, SnapshotType="automated"
    )["DBClusterSnapshots"][0]


def test_the_newest_automated_snapshot_is_exported_under_a_name_of_its_own(export, cluster):
    answer = export()

    snapshot = automated_snapshot()
    taken_at = f"{snapshot['SnapshotCreateTime']:%Y%m%d-%H%M%S}"
    task = f"export-{SUFFIX}-{taken_at}-1"
    assert (answer["result"], answer["task"]) == ("started", task)
    assert answer["location"] == f"s3://backups/aurora/{CLUSTER}/{taken_at}/{task}/"
    [started] = tasks()
    assert started["SourceArn"] == snapshot["DBClusterSnapshotArn"]
    assert started["S3Bucket"] == "backups"
    assert started["S3Prefix"] == f"aurora/{CLUSTER}/{taken_at}"
    assert started["KmsKeyId"].endswith("key/export")
    assert started["IamRoleArn"].endswith("role/snapshot-export")


def test_a_snapshot_is_exported_once(export, cluster):
    first = export()
    again = export()
    assert (again["result"], again["task"]) == ("skipped", first["task"])
    assert len(tasks()) == 1


def test_an_export_that_was_canceled_is_tried_again_under_a_new_name(export, cluster):
    first = export()["task"]
    boto3.client("rds").cancel_export_task(ExportTaskIdentifier=first)
    second = export()
    assert second["result"] == "started"
    assert second["task"] == first[:-1] + "2"


def test_a_manual_snapshot_is_not_taken_for_a_newer_backup(export, cluster):
    boto3.client("rds").create_db_cluster_snapshot(
        DBClusterIdentifier=CLUSTER, DBClusterSnapshotIdentifier="by-hand"
    )
    export()
    assert [task["SourceArn"] for task in tasks()] == [automated_snapshot()["DBClusterSnapshotArn"]]


def test_a_snapshot_that_is_not_available_is_left_alone(export, cluster, session):
    def still_creating(parsed, **_):
        parsed["DBClusterSnapshots"][0]["Status"] = "creating"

    session.events.register("after-call.rds.DescribeDBClusterSnapshots", still_creating)
    answer = export()
    assert answer["result"] == "skipped"
    assert answer["reason"] == "no automated snapshot is available yet"
    assert tasks() == []


def test_two_runs_at_once_export_once(export, cluster, session):
    # Neither run sees the other's task in time.
    session.events.register(
        "after-call.rds.DescribeExportTasks", lambda parsed, **_: parsed.update(ExportTasks=[])
    )
    first, second = export(), export()
    assert first["result"] == "started"
    assert (second["result"], second["reason"]) == ("skipped", "another run started the export")
    assert second["task"] == first["task"]


def test_a_refused_export_is_an_error(export, cluster, session):
    def snapshot_is_gone(params, **_):
        params["body"]["SourceArn"] = f"arn:aws:rds:{STANDBY}:123456789012:cluster-snapshot:gone"

    session.events.register("before-call.rds.StartExportTask", snapshot_is_gone)
    with pytest.raises(Exception, match="DBClusterSnapshotNotFound"):
        export()


def test_only_the_region_of_the_writer_exports(database, load, context, monkeypatch):
    monkeypatch.setenv("CLUSTER_IDENTIFIER", "trading-secondary")
    monkeypatch.setenv("GLOBAL_CLUSTER_IDENTIFIER", database.identifier)
    exporter = load("exporter")
    elsewhere = "the other region's cluster is the writer and exports"
    assert exporter.handler({}, context)["reason"] == elsewhere

    database.rds.failover_global_cluster(
        GlobalClusterIdentifier=database.identifier,
        TargetDbClusterIdentifier=database.standby_arn,
        AllowDataLoss=True,
    )
    assert exporter.handler({}, context)["reason"] == "no automated snapshot is available yet"


def test_a_call_that_hangs_fails_before_the_function_s_minute_is_over(account, load):
    limits = load("exporter").client("rds").meta.config
    attempt = limits.connect_timeout + limits.read_timeout
    assert attempt * limits.retries["total_max_attempts"] < 45
