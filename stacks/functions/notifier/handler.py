"""Tells people, in both regions, what happened to the database or to a region.

EventBridge passes on two kinds of events of this function's region: a cluster's (a failover begins,
ends, fails) and an alarm's (a region stopped answering, or answers again). The notice goes to the
topics of both regions, so that no single region can swallow it. An event that is no news is
skipped; only when no topic takes the notice does the call fail, and Lambda tries again.
"""

import functools
import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


class NotTold(Exception):
    """No topic took the notice."""


def handler(event, context):
    notice = read(event, os.environ)
    if notice is None:
        log("skipped", event=event.get("id"), kind=event.get("detail-type"))
        return {"result": "skipped"}
    told = [topic for topic in os.environ["TOPIC_ARNS"].split() if publish(topic, notice)]
    if not told:
        raise NotTold(notice["subject"])
    log("told", topics=told, subject=notice["subject"])
    return {"result": "told", "topics": told}


def read(event, env):
    """Returns the notice that an event is worth, or None."""
    reader = READERS.get(event.get("detail-type"))
    happened = reader(event["detail"]) if reader else None
    if happened is None:
        return None
    what, why = happened
    lines = [
        f"{env['SYSTEM']}: {what}",
        "",
        f"When: {event['time']}",
        f"Where: {event['region']} ({env['ROLE']})",
        f"Why: {why}",
    ]
    if env.get("RUNBOOK"):
        lines.append(f"Next: {env['RUNBOOK']}")
    # SNS takes a subject of less than 100 characters of ASCII, without line breaks.
    subject = " ".join(f"{env['SYSTEM']}: {what}".split()).encode("ascii", "replace").decode()
    return {"subject": subject[:99], "text": "\n".join([*lines, "", json.dumps(event, indent=2)])}


def read_cluster(detail):
    categories = set(detail.get("EventCategories", []))
    if not categories & {"failover", "global-failover", "failure"}:
        return None
    return f"database {detail['SourceIdentifier']}: {detail['Message']}", detail.get("EventID", "unknown")


def read_alarm(detail):
    state, before = detail["state"], detail.get("previousState", {}).get("value")
    what = {
        ("OK", "ALARM"): "works again",
        ("INSUFFICIENT_DATA", "ALARM"): "is no longer measured",
    }.get((state["value"], before))
    if state["value"] == "ALARM":
        what = "raised"
    # A new alarm goes from no data to well: that is no news.
    return what and (f"alarm {detail['alarmName']} {what}", state.get("reason", "unknown"))


READERS = {
    "RDS DB Cluster Event": read_cluster,
    "CloudWatch Alarm State Change": read_alarm,
}


def publish(topic, notice):
    """Returns whether the topic took the notice."""
    region = topic.split(":")[3]
    try:
        client("sns", region).publish(TopicArn=topic, Subject=notice["subject"], Message=notice["text"])
    except (BotoCoreError, ClientError) as error:
        log("topic_not_reached", topic=topic, error=str(error))
        return False
    return True


@functools.cache
def client(service, region):
    # The other region may be the lost one: it gets little time.
    limits = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
    return boto3.client(service, region_name=region, config=limits)


def log(message, **fields):
    print(json.dumps({"message": message, **fields}, default=str))
