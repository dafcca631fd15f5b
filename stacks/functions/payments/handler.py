"""Takes payments, shows them, and tells whether this region can.

A payment is one item of the global table, stored only if its id is new: a client may repeat a
request until it has an answer, and pays once. The request is kept as a document under the hash of
its content, before the payment that refers to it; so no payment lacks its document, and no document
is ever overwritten.
"""

import base64
import functools
import hashlib
import json
import os
import re
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PAYMENT_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
CURRENCY = re.compile(r"[A-Z]{3}")
# DynamoDB keeps 38 digits, but callers may read numbers as floats, which hold 15.
LARGEST_AMOUNT = 10**15 - 1
# Ids of payments hold no `#`, so these items never meet one.
HEALTH_ID = "health#"
NOTICE_ID = "notice#{region}"
NOTICE_SECONDS = 3600
# How long one environment has to give the notice before anyone tries again.
CLAIM_SECONDS = 30

# Until when this environment need not look whether the notice was given.
announced_until = 0


class Refusal(Exception):
    """What is wrong with a request, for its sender."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


def handler(event, context):
    route = event.get("httpMethod"), event.get("resource")
    try:
        if route not in ROUTES:
            raise Refusal(404, "there is nothing at this path")
        return ROUTES[route](event)
    except Refusal as refusal:
        log("refused", route=route, status=refusal.status, reason=str(refusal))
        return answer(refusal.status, {"error": str(refusal)})
    except Exception as error:
        # Raised again: that is what the alarm counts, and the caller gets a 502.
        log("failed", route=route, error=f"{type(error).__name__}: {error}")
        raise


def health(event):
    """Answers 200 only if the table of this region does, in the time that Route 53 waits."""
    try:
        impatient_client("dynamodb").get_item(
            TableName=os.environ["TABLE_NAME"], Key={"id": {"S": HEALTH_ID}}, ConsistentRead=True
        )
    except (BotoCoreError, ClientError) as error:
        log("unhealthy", error=f"{type(error).__name__}: {error}")
        return answer(503, {"status": "unavailable", "region": region()})
    return answer(200, {"status": "ok", "region": region()})


def create(event):
    payment = payment_from(body_of(event))
    document = json.dumps(payment, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(document).hexdigest()
    key = f"payments/{payment['paymentId']}/{digest}.json"
    client("s3").put_object(
        Bucket=os.environ["BUCKET_NAME"], Key=key, Body=document, ContentType="application/json"
    )
    item = {
        "id": {"S": payment["paymentId"]},
        "amount": {"N": str(payment["amount"])},
        "currency": {"S": payment["currency"]},
        "reference": {"S": payment["reference"]},
        "document": {"S": key},
        "digest": {"S": digest},
        "acceptedIn": {"S": region()},
        "acceptedAt": {"N": str(int(time.time()))},
    }
    earlier = store(item)
    if earlier is None:
        log("accepted", paymentId=payment["paymentId"], document=key)
        announce_failover(payment["paymentId"])
        return answer(201, shown(item))
    if earlier["digest"]["S"] != digest:
        raise Refusal(409, "another payment has this `paymentId`")
    log("repeated", paymentId=payment["paymentId"])
    return answer(200, shown(earlier))


def read(event):
    payment_id = (event.get("pathParameters") or {}).get("paymentId", "")
    item = find(payment_id) if PAYMENT_ID.fullmatch(payment_id) else None
    if item is None:
        raise Refusal(404, "there is no such payment")
    return answer(200, shown(item))


ROUTES = {
    ("GET", "/health"): health,
    ("POST", "/payments"): create,
    ("GET", "/payments/{paymentId}"): read,
}


def body_of(event):
    body = event.get("body") or ""
    try:
        text = base64.b64decode(body) if event.get("isBase64Encoded") else body
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "the body is not JSON") from error
    if not isinstance(parsed, dict):
        raise Refusal(400, "the body is not a JSON object")
    return parsed


def payment_from(body):
    payment_id, amount, currency = (body.get(key) for key in ("paymentId", "amount", "currency"))
    reference = body.get("reference", "")
    if not (isinstance(payment_id, str) and PAYMENT_ID.fullmatch(payment_id)):
        raise Refusal(400, "`paymentId` must be 8 to 64 letters, digits and hyphens")
    # A bool is an int in Python.
    if type(amount) is not int or not 0 < amount <= LARGEST_AMOUNT:
        unit = "the currency's smallest unit"
        raise Refusal(400, f"`amount` must be a positive whole number of {unit}")
    if not (isinstance(currency, str) and CURRENCY.fullmatch(currency)):
        raise Refusal(400, "`currency` must be three capital letters")
    # Half of a surrogate pair is no printable text, and nothing that DynamoDB stores.
    if not (isinstance(reference, str) and len(reference) <= 140 and reference.isprintable()):
        raise Refusal(400, "`reference` must be a printable text of at most 140 characters")
    unknown = sorted(set(body) - {"paymentId", "amount", "currency", "reference"})
    if unknown:
        raise Refusal(400, f"a payment has no `{unknown[0]}`")
    return {"paymentId": payment_id, "amount": amount, "currency": currency, "reference": reference}


def store(item):
    """Stores a payment. Returns the one that has its id already, if there is one."""
    try:
        client("dynamodb").put_item(
            TableName=os.environ["TABLE_NAME"],
            Item=item,
            ConditionExpression="attribute_not_exists(id)",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return find(item["id"]["S"])
    return None


def find(payment_id):
    return (
        client("dynamodb")
        .get_item(
            TableName=os.environ["TABLE_NAME"], Key={"id": {"S": payment_id}}, ConsistentRead=True
        )
        .get("Item")
    )


def announce_failover(payment_id):
    """Tells, once an hour, that the secondary region takes payments.

    Told from here, because the alarms on health checks live in the region that may be lost. The
    payment is stored by now, so nothing that goes wrong here may undo its answer.
    """
    global announced_until
    now = int(time.time())
    if os.environ["ROLE"] == "primary" or now < announced_until:
        return
    announced_until = now + CLAIM_SECONDS
    notice = {"event": "failover", "region": region(), "firstPayment": payment_id, "at": now}
    try:
        keep_notice(
            now + CLAIM_SECONDS,
            # DynamoDB removes expired items when it finds the time.
            ConditionExpression="attribute_not_exists(id) OR expiresAt < :now",
            ExpressionAttributeValues={":now": {"N": str(now)}},
        )
        client("sns").publish(
            TopicArn=os.environ["TOPIC_ARN"],
            Subject=f"Payments are taken in {region()}",
            Message=json.dumps(notice),
        )
        announced_until = now + NOTICE_SECONDS
        log("failover_announced", **notice)
        keep_notice(announced_until)
    except client("dynamodb").exceptions.ConditionalCheckFailedException:
        # Another environment has told of it, or is about to.
        pass
    except (BotoCoreError, ClientError) as error:
        log("failover_not_announced", error=str(error))


def keep_notice(until, **condition):
    item = {"id": {"S": NOTICE_ID.format(region=region())}, "expiresAt": {"N": str(until)}}
    client("dynamodb").put_item(TableName=os.environ["TABLE_NAME"], Item=item, **condition)


def shown(item):
    return {
        "paymentId": item["id"]["S"],
        "amount": int(item["amount"]["N"]),
        "currency": item["currency"]["S"],
        "reference": item["reference"]["S"],
        "document": item["document"]["S"],
        "acceptedIn": item["acceptedIn"]["S"],
        "acceptedAt": int(item["acceptedAt"]["N"]),
    }


def answer(status, body):
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", "Cache-Control": "no-store"},
        # Compact: the health check looks for `"status":"ok"` letter by letter.
        "body": json.dumps(body, separators=(",", ":")),
    }


def region():
    return os.environ["AWS_REGION"]


@functools.cache
def client(service):
    limits = Config(connect_timeout=1, read_timeout=1.5, retries={"total_max_attempts": 2})
    return boto3.client(service, config=limits)


@functools.cache
def impatient_client(service):
    limits = Config(connect_timeout=0.5, read_timeout=1, retries={"total_max_attempts": 1})
    return boto3.client(service, config=limits)


def log(message, **fields):
    print(json.dumps({"message": message, **fields}, default=str))


# Made while the environment starts: a health check waits two seconds for its first answer.
impatient_client("dynamodb")
