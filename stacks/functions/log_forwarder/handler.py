"""Carries log events of this region to the log group where all regions come together.

CloudWatch Logs calls it with what a subscription matched. A failure is raised, so that Lambda brings
the same events twice more, within minutes: some may arrive twice. What a longer failure keeps from
the central group is where it was written, and an alarm tells of it.
"""

import base64
import functools
import gzip
import json
import os

import boto3
from botocore.config import Config

# Limits of PutLogEvents. An event counts its text in UTF-8 and 26 bytes more.
BATCH_BYTES = 1_048_576
BATCH_EVENTS = 10_000
BATCH_MILLISECONDS = 24 * 60 * 60 * 1000
EVENT_OVERHEAD = 26
STREAM_NAME_LENGTH = 512


def handler(event, context):
    delivery = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    if delivery["messageType"] != "DATA_MESSAGE" or is_own(delivery["logGroup"]):
        return {"events": 0, "batches": 0}
    stream = stream_of(delivery["logGroup"], delivery["logStream"])
    batches = list(batches_of(delivery["logEvents"]))
    for batch in batches:
        put(stream, batch)
    counts = {"events": len(delivery["logEvents"]), "batches": len(batches)}
    log("forwarded", stream=stream, **counts)
    return counts


def is_own(log_group):
    # Not logged: if the subscription is that mistake, each line would bring the next delivery.
    return log_group in (
        os.environ["CENTRAL_LOG_GROUP"],
        os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME"),
    )


def stream_of(log_group, log_stream):
    """Names region, log group and stream of origin, in what a name may hold."""
    name = f"{os.environ['AWS_REGION']}/{log_group.strip('/')}/{log_stream}"
    return name.replace(":", "-").replace("*", "-")[:STREAM_NAME_LENGTH]


def batches_of(events):
    """Cuts events, in order of time, into what one call takes."""
    batch, size = [], 0
    for event in sorted(events, key=lambda event: event["timestamp"]):
        own_size = len(event["message"].encode()) + EVENT_OVERHEAD
        if batch and (
            len(batch) == BATCH_EVENTS
            or size + own_size > BATCH_BYTES
            or event["timestamp"] - batch[0]["timestamp"] >= BATCH_MILLISECONDS
        ):
            yield batch
            batch, size = [], 0
        batch.append({"timestamp": event["timestamp"], "message": event["message"]})
        size += own_size
    if batch:
        yield batch


def put(stream, batch):
    logs = central_logs()
    destination = {"logGroupName": os.environ["CENTRAL_LOG_GROUP"], "logStreamName": stream}
    try:
        answer = logs.put_log_events(**destination, logEvents=batch)
    except logs.exceptions.ResourceNotFoundException:
        try:
            logs.create_log_stream(**destination)
        except logs.exceptions.ResourceAlreadyExistsException:
            # Another delivery was quicker.
            pass
        answer = logs.put_log_events(**destination, logEvents=batch)
    rejected = answer.get("rejectedLogEventsInfo")
    if rejected:
        # Too old or too new for CloudWatch Logs, today and at every repetition.
        log("rejected", stream=stream, **rejected)


@functools.cache
def central_logs():
    limits = Config(
        connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4}
    )
    return boto3.client("logs", region_name=os.environ["CENTRAL_REGION"], config=limits)


def log(message, **fields):
    print(json.dumps({"message": message, **fields}, default=str))
