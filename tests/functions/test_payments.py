import base64
import hashlib
import json
import re

import boto3
import pytest
from botocore.exceptions import ClientError

from conftest import ROOT, STANDBY

TABLE = "payment-transactions"
PAYMENT = {"paymentId": "order-4711", "amount": 1250, "currency": "EUR", "reference": "Invoice 12"}


class Api:
    """The function as API Gateway calls it."""

    def __init__(self, payments, context):
        self.payments = payments
        self.context = context

    def call(self, method, resource, **event):
        event = {"httpMethod": method, "resource": resource, **event}
        answer = self.payments.handler(event, self.context)
        assert answer["headers"]["Content-Type"] == "application/json"
        return answer["statusCode"], json.loads(answer["body"])

    def create(self, payment):
        return self.call("POST", "/payments", body=json.dumps(payment))

    def read(self, payment_id):
        return self.call("GET", "/payments/{paymentId}", pathParameters={"paymentId": payment_id})

    def health(self):
        return self.call("GET", "/health")


@pytest.fixture
def items(account):
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return lambda: dynamodb.scan(TableName=TABLE)["Items"]


@pytest.fixture
def documents(account):
    """A bucket, `documents.bucket`: gives what is in it."""
    s3 = boto3.client("s3")
    # The names of buckets are shared by all accounts.
    bucket = f"payment-documents-{account}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": STANDBY})

    def read():
        keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    read.bucket = bucket
    return read


@pytest.fixture
def start(items, documents, notices, load, context, monkeypatch):
    """Starts the function anew, in the region of a role."""

    def start(role="primary"):
        for name, value in {
            "ROLE": role,
            "TABLE_NAME": TABLE,
            "BUCKET_NAME": documents.bucket,
            "TOPIC_ARN": notices.topic,
        }.items():
            monkeypatch.setenv(name, value)
        return Api(load("payments"), context)

    return start


@pytest.fixture
def api(start):
    return start()


def down_error(operation):
    return ClientError({"Error": {"Code": "InternalServerError", "Message": "down"}}, operation)


def fail(session, operation):
    """Lets every call of an operation fail as it does when the service is in trouble."""

    def answer(**_):
        raise down_error(operation)

    session.events.register(f"before-call.{operation}", answer)


def logged(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_payment_is_stored_with_its_document_and_can_be_read(api, documents):
    status, created = api.create(PAYMENT)
    assert status == 201
    assert {key: created[key] for key in PAYMENT} == PAYMENT
    assert created["acceptedIn"] == STANDBY

    [(key, document)] = documents().items()
    assert key == created["document"]
    assert key == f"payments/order-4711/{hashlib.sha256(document).hexdigest()}.json"
    assert json.loads(document) == PAYMENT

    assert api.read("order-4711") == (200, created)


def test_a_repeated_request_pays_once(api, items):
    _, first = api.create(PAYMENT)
    assert api.create(PAYMENT) == (200, first)
    assert len(items()) == 1


def test_another_payment_with_the_same_id_is_refused_and_changes_nothing(api, documents):
    _, first = api.create(PAYMENT)
    status, answer = api.create({**PAYMENT, "amount": 9})
    assert (status, answer) == (409, {"error": "another payment has this `paymentId`"})
    assert api.read("order-4711") == (200, first)
    assert first["document"] in documents()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"paymentId": None}, "paymentId"),
        ({"paymentId": "short"}, "paymentId"),
        ({"paymentId": "notice#eu-west-1"}, "paymentId"),
        ({"amount": 0}, "amount"),
        ({"amount": -5}, "amount"),
        ({"amount": 12.5}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 10**15}, "amount"),
        ({"currency": "euro"}, "currency"),
        ({"reference": "x" * 141}, "reference"),
        ({"reference": "\ud800"}, "reference"),
        ({"iban": "DE00"}, "iban"),
    ],
)
def test_what_is_no_payment_is_refused_before_anything_is_stored(
    api, items, documents, change, word
):
    status, answer = api.create({**PAYMENT, **change})
    assert status == 400
    assert f"`{word}`" in answer["error"]
    assert (items(), documents()) == ([], {})


@pytest.mark.parametrize(
    "body", [None, "", "{", "[]", "7", "[" * 100_000], ids=["none", "empty", "half", "list", "number", "too deep"]
)
def test_a_body_that_is_no_object_is_refused(api, body):
    assert api.call("POST", "/payments", body=body)[0] == 400


def test_a_body_may_come_in_base64(api):
    body = base64.b64encode(json.dumps(PAYMENT).encode()).decode()
    assert api.call("POST", "/payments", body=body, isBase64Encoded=True)[0] == 201


@pytest.mark.parametrize("payment_id", ["order-4712", "notice#eu-west-1", ""])
def test_what_is_not_a_stored_payment_is_not_found(api, payment_id):
    assert api.read(payment_id)[0] == 404


def test_an_unknown_path_is_not_found(api):
    assert api.call("DELETE", "/payments/{paymentId}")[0] == 404


def test_a_payment_whose_document_cannot_be_kept_is_not_accepted(api, items, session, capsys):
    fail(session, "s3.PutObject")
    with pytest.raises(ClientError):
        api.create(PAYMENT)
    assert items() == []
    [line] = logged(capsys)
    assert line["message"] == "failed"
    assert "InternalServerError" in line["error"]


def test_a_table_that_fails_is_an_error_and_the_request_may_be_repeated(start, session):
    api = start()
    down = True

    def answer(**_):
        if down:
            raise down_error("PutItem")

    session.events.register("before-call.dynamodb.PutItem", answer)
    with pytest.raises(ClientError):
        api.create(PAYMENT)
    down = False
    assert api.create(PAYMENT)[0] == 201


def test_a_healthy_region_says_what_the_health_check_looks_for(api):
    stack = (ROOT / "stacks" / "payments-serverless.yaml").read_text()
    wanted = re.search(r"searchString: '(.+)'", stack)[1]
    answer = api.payments.handler({"httpMethod": "GET", "resource": "/health"}, api.context)
    assert answer["statusCode"] == 200
    assert wanted in answer["body"]


def test_a_region_whose_table_does_not_answer_is_unhealthy(api, session, capsys):
    fail(session, "dynamodb.GetItem")
    # The one that was made before knows nothing of it.
    api.payments.impatient_client.cache_clear()
    assert api.health() == (503, {"status": "unavailable", "region": STANDBY})
    assert logged(capsys)[0]["message"] == "unhealthy"


def test_a_region_without_a_table_is_unhealthy(api):
    boto3.client("dynamodb").delete_table(TableName=TABLE)
    assert api.health()[0] == 503


def test_the_first_payment_in_the_secondary_region_is_a_failover_and_told_once(
    start, notices, monkeypatch
):
    api = start("secondary")
    api.create(PAYMENT)
    [notice] = notices()
    assert notice["event"] == "failover"
    assert (notice["region"], notice["firstPayment"]) == (STANDBY, "order-4711")

    api.create({**PAYMENT, "paymentId": "order-4712"})
    # Another environment of the function remembers nothing, but the table does.
    start("secondary").create({**PAYMENT, "paymentId": "order-4713"})
    assert notices() == []

    later = api.payments.time.time() + 3601
    monkeypatch.setattr(api.payments.time, "time", lambda: later)
    api.create({**PAYMENT, "paymentId": "order-4714"})
    assert [notice["firstPayment"] for notice in notices()] == ["order-4714"]


def test_the_primary_region_announces_nothing(api, notices, items):
    api.create(PAYMENT)
    assert notices() == []
    assert [item["id"]["S"] for item in items()] == ["order-4711"]


def test_a_notice_that_fails_does_not_undo_a_payment_and_is_given_soon_after(
    start, session, notices, capsys, monkeypatch
):
    api = start("secondary")
    down = True

    def answer(**_):
        if down:
            raise down_error("Publish")

    session.events.register("before-call.sns.Publish", answer)
    assert api.create(PAYMENT)[0] == 201
    assert [line["message"] for line in logged(capsys)] == ["accepted", "failover_not_announced"]

    down = False
    # Not with each payment: whoever pays would wait for it.
    api.create({**PAYMENT, "paymentId": "order-4712"})
    assert notices() == []
    later = api.payments.time.time() + 31
    monkeypatch.setattr(api.payments.time, "time", lambda: later)
    api.create({**PAYMENT, "paymentId": "order-4713"})
    assert [notice["firstPayment"] for notice in notices()] == ["order-4713"]


def test_the_client_that_a_health_check_needs_is_made_before_it_asks(api):
    assert api.payments.impatient_client.cache_info().currsize == 1
