import base64
import gzip
import json
import time

import boto3
import pytest
from botocore.exceptions import ClientError

from conftest import PRIMARY, STANDBY

CENTRAL = "/payments/central-logs"
SOURCE = "/aws/lambda/payment-processor"
STREAM = "2026/11/21/[$LATEST]0123"
COPY = f"{STANDBY}/aws/lambda/payment-processor/{STREAM}"


@pytest.fixture
def forwarder(account, load, monkeypatch):
    """In the standby region, with the central log group in the other one."""
    monkeypatch.setenv("CENTRAL_LOG_GROUP", CENTRAL)
    monkeypatch.setenv("CENTRAL_REGION", PRIMARY)
    monkeypatch.setenv("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/log-forwarder")
    return load("log_forwarder")


@pytest.fixture
def logs(account):
    return boto3.client("logs", region_name=PRIMARY)


@pytest.fixture
def central(logs):
    """The central log group: gives its streams with the texts in them."""
    logs.create_log_group(logGroupName=CENTRAL)

    def read():
        streams = logs.describe_log_streams(logGroupName=CENTRAL)["logStreams"]
        names = [stream["logStreamName"] for stream in streams]
        return {name: texts(name) for name in names}

    def texts(stream):
        answer = logs.get_log_events(
            logGroupName=CENTRAL, logStreamName=stream, startFromHead=True
        )
        return [event["message"] for event in answer["events"]]

    return read


def event(text, after=0):
    return {"id": "0", "timestamp": int(time.time() * 1000) + after, "message": text}


def delivery(events, group=SOURCE, kind="DATA_MESSAGE"):
    message = {
        "messageType": kind,
        "owner": "123456789012",
        "logGroup": group,
        "logStream": STREAM,
        "subscriptionFilters": ["central-logs"],
        "logEvents": events,
    }
    data = base64.b64encode(gzip.compress(json.dumps(message).encode())).decode()
    return {"awslogs": {"data": data}}


def test_events_arrive_in_the_central_region_under_the_name_of_their_origin(
    forwarder, central, context
):
    answer = forwarder.handler(delivery([event("one"), event("two", 5)]), context)
    assert answer == {"events": 2, "batches": 1}
    assert central() == {COPY: ["one", "two"]}


def test_later_events_of_a_stream_follow_the_earlier_ones(forwarder, central, context):
    forwarder.handler(delivery([event("one")]), context)
    forwarder.handler(delivery([event("two", 5)]), context)
    assert central() == {COPY: ["one", "two"]}


def test_two_deliveries_at_once_make_one_stream(forwarder, central, logs, session, context):
    # The other delivery makes the stream between the first answer and the second call.
    def other(**_):
        logs.meta.events.unregister("before-call.logs.CreateLogStream", other)
        logs.create_log_stream(logGroupName=CENTRAL, logStreamName=COPY)

    forwarder.central_logs().meta.events.register("before-call.logs.CreateLogStream", other)
    assert forwarder.handler(delivery([event("one")]), context)["events"] == 1
    assert central() == {COPY: ["one"]}


def test_a_control_message_is_no_log(forwarder, central, context):
    told = delivery([event("CWL CONTROL MESSAGE")], kind="CONTROL_MESSAGE")
    assert forwarder.handler(told, context) == {"events": 0, "batches": 0}
    assert central() == {}


@pytest.mark.parametrize("group", [CENTRAL, "/aws/lambda/log-forwarder"])
def test_its_own_log_and_the_central_one_are_never_forwarded(
    forwarder, central, context, capsys, group
):
    assert forwarder.handler(delivery([event("again")], group), context)["events"] == 0
    assert central() == {}
    assert capsys.readouterr().out == ""


def test_a_missing_central_log_group_is_an_error(forwarder, context):
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        forwarder.handler(delivery([event("one")]), context)


def test_a_refused_call_is_an_error_so_that_the_events_come_again(
    forwarder, central, session, context
):
    def refuse(**_):
        error = {"Code": "ThrottlingException", "Message": "slow down"}
        raise ClientError({"Error": error}, "PutLogEvents")

    session.events.register("before-call.logs.PutLogEvents", refuse)
    with pytest.raises(ClientError, match="ThrottlingException"):
        forwarder.handler(delivery([event("one")]), context)


def test_rejected_events_are_told_and_not_tried_for_ever(
    forwarder, central, session, context, capsys
):
    session.events.register(
        "after-call.logs.PutLogEvents",
        lambda parsed, **_: parsed.update(rejectedLogEventsInfo={"tooOldLogEventEndIndex": 1}),
    )
    forwarder.handler(delivery([event("old")]), context)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == ["rejected", "forwarded"]
    assert lines[0]["tooOldLogEventEndIndex"] == 1


def sizes(forwarder, events):
    return [len(batch) for batch in forwarder.batches_of(events)]


def test_a_batch_holds_no_more_than_ten_thousand_events(forwarder):
    assert sizes(forwarder, [event("x")] * 10_001) == [10_000, 1]


def test_a_batch_holds_no_more_than_a_mebibyte_with_26_bytes_for_each_event(forwarder):
    half = 1_048_576 // 2 - 26
    assert sizes(forwarder, [event("x" * half)] * 2) == [2]
    assert sizes(forwarder, [event("x" * half), event("x" * (half + 1))]) == [1, 1]
    # What counts is the text in UTF-8.
    assert sizes(forwarder, [event("é" * (half // 2))] * 3) == [2, 1]


def test_a_batch_spans_less_than_a_day(forwarder):
    day = 24 * 60 * 60 * 1000
    first = event("x")
    last = {**first, "timestamp": first["timestamp"] + day}
    assert sizes(forwarder, [first, {**last, "timestamp": last["timestamp"] - 1}]) == [2]
    assert sizes(forwarder, [first, last]) == [1, 1]


def test_a_batch_is_in_the_order_of_time(forwarder):
    [batch] = forwarder.batches_of([event("later", 10), event("first", 0)])
    assert [entry["message"] for entry in batch] == ["first", "later"]


def test_nothing_makes_no_batch(forwarder):
    assert sizes(forwarder, []) == []


def test_the_name_of_a_stream_holds_only_what_it_may(forwarder, monkeypatch):
    name = forwarder.stream_of("/aws/lambda/" + "f" * 500, "a:b*c")
    assert len(name) == 512
    assert forwarder.stream_of("/aws/api", "a:b*c") == f"{STANDBY}/aws/api/a-b-c"
