import json

import boto3
import pytest

from conftest import PRIMARY, STANDBY

REGIONS = (PRIMARY, STANDBY)


@pytest.fixture
def inboxes(account):
    """A topic in each region, and what each was told: `inboxes[region]()` takes it."""
    boxes = {}
    for region in REGIONS:
        sns, sqs = boto3.client("sns", region), boto3.client("sqs", region)
        queue = sqs.create_queue(QueueName="notices")["QueueUrl"]
        topic = sns.create_topic(Name="alerts")["TopicArn"]
        queue_arn = f"arn:aws:sqs:{region}:{account}:notices"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)

        def take(sqs=sqs, queue=queue):
            messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            return [json.loads(message["Body"]) for message in messages]

        take.topic = topic
        boxes[region] = take
    return boxes


@pytest.fixture
def notify(load, inboxes, context, monkeypatch):
    """Runs the notifier of the standby region on an event."""
    notifier = load("notifier")
    monkeypatch.setenv("SYSTEM", "payments-test")
    monkeypatch.setenv("ROLE", "dr")
    monkeypatch.setenv("TOPIC_ARNS", " ".join(inboxes[region].topic for region in REGIONS))
    monkeypatch.setenv("RUNBOOK", "drctl status --stack payments-aurora")
    return lambda event: notifier.handler(event, context)


def event(kind, detail):
    return {
        "id": "6f87d04b",
        "detail-type": kind,
        "time": "2026-11-21T02:00:00Z",
        "region": STANDBY,
        "detail": detail,
    }


def cluster_event(*categories, message="Global failover to DB cluster dr-db finished."):
    return event(
        "RDS DB Cluster Event",
        {
            "EventCategories": list(categories),
            "SourceIdentifier": "dr-db",
            "Message": message,
            "EventID": "RDS-EVENT-0184",
        },
    )


def alarm_event(state, before):
    return event(
        "CloudWatch Alarm State Change",
        {
            "alarmName": "dr-region-health-primary",
            "state": {"value": state, "reason": "Threshold Crossed"},
            "previousState": {"value": before},
        },
    )


def test_a_failover_of_the_database_is_told_in_both_regions(notify, inboxes):
    answer = notify(cluster_event("global-failover"))
    assert answer == {"result": "told", "topics": [inboxes[region].topic for region in REGIONS]}
    for region in REGIONS:
        [notice] = inboxes[region]()
        finished = "payments-test: database dr-db: Global failover to DB cluster dr-db finished."
        assert notice["Subject"] == finished
        first, _, when, where, why, runbook, *_ = notice["Message"].splitlines()
        assert first == finished
        assert (when, where) == ("When: 2026-11-21T02:00:00Z", f"Where: {STANDBY} (dr)")
        assert (why, runbook) == ("Why: RDS-EVENT-0184", "Next: drctl status --stack payments-aurora")


@pytest.mark.parametrize(
    ("state", "before", "what"),
    [
        ("ALARM", "OK", "raised"),
        ("ALARM", "INSUFFICIENT_DATA", "raised"),
        ("OK", "ALARM", "works again"),
        ("INSUFFICIENT_DATA", "ALARM", "is no longer measured"),
    ],
)
def test_a_change_of_a_regions_health_is_told(notify, inboxes, state, before, what):
    assert notify(alarm_event(state, before))["result"] == "told"
    [notice] = inboxes[STANDBY]()
    assert notice["Subject"] == f"payments-test: alarm dr-region-health-primary {what}"


@pytest.mark.parametrize(
    "no_news",
    [
        alarm_event("OK", "INSUFFICIENT_DATA"),
        cluster_event("backup"),
        cluster_event(),
        event("EC2 Instance State-change Notification", {}),
        {},
    ],
    ids=["a new alarm", "a backup", "no category", "another service", "a test of the console"],
)
def test_what_is_no_news_is_skipped(notify, inboxes, no_news):
    assert notify(no_news) == {"result": "skipped"}
    assert [inboxes[region]() for region in REGIONS] == [[], []]


def test_a_lost_region_does_not_keep_the_other_one_from_being_told(notify, inboxes, account, monkeypatch, capsys):
    missing = f"arn:aws:sns:{PRIMARY}:{account}:missing"
    monkeypatch.setenv("TOPIC_ARNS", f"{missing} {inboxes[STANDBY].topic}")
    assert notify(cluster_event("failover"))["topics"] == [inboxes[STANDBY].topic]
    assert len(inboxes[STANDBY]()) == 1
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ("topic_not_reached", missing) in [(line["message"], line.get("topic")) for line in logged]


def test_a_notice_that_no_topic_takes_is_a_failure_so_that_lambda_tries_again(notify, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(Exception, match="payments-test: database dr-db"):
        notify(cluster_event("failover"))


def test_a_subject_is_what_sns_accepts(notify, inboxes):
    notify(cluster_event("failure", message="Zürich\nis " + "far " * 40))
    [notice] = inboxes[STANDBY]()
    assert notice["Subject"].startswith("payments-test: database dr-db: Z?rich is far far")
    assert len(notice["Subject"]) == 99
