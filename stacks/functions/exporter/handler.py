"""Exports the newest automated snapshot of the local database cluster to the backup bucket.

Aurora keeps its backups where no customer bucket sees them; an export is what the cross-region
replication of the bucket can carry. Every export has a name of its own, made from the snapshot's
time, so no object is ever written twice.
"""

import functools
import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# An export that ended in one of these left nothing to keep and may be tried again.
DEAD = {"CANCELED", "FAILED"}


def handler(event, context):
    env = os.environ
    cluster = env["CLUSTER_IDENTIFIER"]
    global_cluster = env.get("GLOBAL_CLUSTER_IDENTIFIER")
    if global_cluster and not is_writer(global_cluster, cluster):
        return skipped("the other region's cluster is the writer and exports", cluster=cluster)

    snapshot = newest_snapshot(cluster)
    if snapshot is None:
        return skipped("no automated snapshot is available yet", cluster=cluster)

    snapshot_arn = snapshot["DBClusterSnapshotArn"]
    exports = exports_of(snapshot_arn)
    living = [export for export in exports if export["Status"].upper() not in DEAD]
    if living:
        task = living[0]["ExportTaskIdentifier"]
        return skipped("the snapshot is exported already", snapshot=snapshot_arn, task=task)

    taken_at = f"{snapshot['SnapshotCreateTime']:%Y%m%d-%H%M%S}"
    # The attempt makes the name of a second try new, and the same for two runs at once.
    task = f"export-{env['SUFFIX']}-{taken_at}-{len(exports) + 1}"
    prefix = "/".join(part for part in (env.get("EXPORT_PREFIX", ""), cluster, taken_at) if part)
    try:
        export = client("rds").start_export_task(
            ExportTaskIdentifier=task,
            SourceArn=snapshot_arn,
            S3BucketName=env["EXPORT_BUCKET"],
            S3Prefix=prefix,
            IamRoleArn=env["EXPORT_ROLE_ARN"],
            KmsKeyId=env["EXPORT_KMS_KEY_ARN"],
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExportTaskAlreadyExists":
            log("failed", snapshot=snapshot_arn, task=task, error=str(error))
            raise
        return skipped("another run started the export", snapshot=snapshot_arn, task=task)
    return finished(
        "started",
        snapshot=snapshot_arn,
        task=task,
        location=f"s3://{env['EXPORT_BUCKET']}/{prefix}/{task}/",
        status=export["Status"],
    )


def is_writer(global_cluster, cluster):
    """Returns whether the named cluster of this region is the one that takes writes."""
    rds = client("rds")
    answer = rds.describe_global_clusters(GlobalClusterIdentifier=global_cluster)
    local = rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"][0]
    members = answer["GlobalClusters"][0]["GlobalClusterMembers"]
    writers = [member["DBClusterArn"] for member in members if member["IsWriter"]]
    return local["DBClusterArn"] in writers


def newest_snapshot(cluster):
    pages = client("rds").get_paginator("describe_db_cluster_snapshots")
    snapshots = pages.paginate(DBClusterIdentifier=cluster, SnapshotType="automated")
    available = [
        snapshot
        for page in snapshots
        for snapshot in page["DBClusterSnapshots"]
        if snapshot["Status"] == "available"
    ]
    return max(available, key=lambda snapshot: snapshot["SnapshotCreateTime"], default=None)


def exports_of(snapshot_arn):
    pages = client("rds").get_paginator("describe_export_tasks").paginate(SourceArn=snapshot_arn)
    return [export for page in pages for export in page["ExportTasks"]]


def skipped(reason, **fields):
    return finished("skipped", reason=reason, **fields)


def finished(result, **fields):
    log(result, **fields)
    return {"result": result, **fields}


@functools.cache
def client(service):
    # A call that hangs is to fail, and to say so, before the function's time is over.
    limits = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
    return boto3.client(service, config=limits)


def log(message, **fields):
    print(json.dumps({"message": message, **fields}, default=str))
