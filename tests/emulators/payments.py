"""Pays through the API of the serverless payment stack, and looks for all that follows.

Usage: payments.py ENDPOINT ACCOUNT SUFFIX < OUTPUTS
OUTPUTS is what `drctl outputs --json` writes. MiniStack runs the functions, replicates tables and
buckets and calls the forwarders. Ends with 1 and the reason when something does not happen.
"""

import json
import sys
import time
import urllib.error
import urllib.request

import boto3

PRIMARY, SECONDARY = "us-east-1", "us-east-2"
PATIENCE_SECONDS = 60
PAYMENT = {"paymentId": "order-4711", "amount": 1250, "currency": "EUR"}


class Api:
    """The REST API of a region, called as MiniStack wants it."""

    def __init__(self, endpoint, account, api, region):
        self.base = f"{endpoint}/restapis/{api}/v1/_user_request_"
        scope = f"{account}/20260101/{region}/execute-api/aws4_request"
        # MiniStack reads account and region from here, and checks no signature.
        self.headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        }

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(self.base + path, data, self.headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


def eventually(what, look):
    """Looks until there is something."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        found = look()
        if found:
            return found
    raise AssertionError(f"{what} did not happen in {PATIENCE_SECONDS} seconds")


def main():
    endpoint, account, suffix = sys.argv[1:]
    outputs = json.load(sys.stdin)

    def client(service, region):
        return boto3.client(
            service, region, endpoint_url=endpoint, aws_access_key_id=account, aws_secret_access_key="secret"
        )

    primary = Api(endpoint, account, outputs["primaryApiId"], PRIMARY)
    secondary = Api(endpoint, account, outputs["secondaryApiId"], SECONDARY)
    for api, region in ((primary, PRIMARY), (secondary, SECONDARY)):
        assert api.call("GET", "/health") == (200, {"status": "ok", "region": region})

    status, paid = primary.call("POST", "/payments", PAYMENT)
    assert (status, paid["acceptedIn"]) == (201, PRIMARY), (status, paid)
    assert primary.call("POST", "/payments", PAYMENT) == (200, paid)
    assert primary.call("POST", "/payments", {**PAYMENT, "amount": 1})[0] == 409
    assert primary.call("GET", "/payments/order-4711") == (200, paid)

    there = ("GET", "/payments/order-4711")
    eventually("replication of the payment", lambda: secondary.call(*there) == (200, paid))
    bucket = f"payment-documents-{account}-{SECONDARY}-{suffix}"
    listed = client("s3", SECONDARY).list_objects_v2
    eventually(
        "replication of the document",
        lambda: paid["document"] in [found["Key"] for found in listed(Bucket=bucket).get("Contents", [])],
    )

    # The first payment in the secondary region is a failover.
    sqs = client("sqs", SECONDARY)
    queue = sqs.create_queue(QueueName="notices")["QueueUrl"]
    topic = f"arn:aws:sns:{SECONDARY}:{account}:payment-alerts-{SECONDARY}-{suffix}"
    subscription = client("sns", SECONDARY).subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{SECONDARY}:{account}:notices"
    )["SubscriptionArn"]
    assert secondary.call("POST", "/payments", {**PAYMENT, "paymentId": "order-4712"})[0] == 201
    told = eventually(
        "a notice of the failover", lambda: sqs.receive_message(QueueUrl=queue).get("Messages")
    )
    assert json.loads(json.loads(told[0]["Body"])["Message"])["firstPayment"] == "order-4712", told
    client("sns", SECONDARY).unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=queue)

    logs = client("logs", SECONDARY)
    group = f"/payments/payment-central-logs-{SECONDARY}-{suffix}"
    for region, payment in ((PRIMARY, "order-4711"), (SECONDARY, "order-4712")):
        stream = f"{region}/aws/lambda/payment-processor-{region}-{suffix}"
        eventually(
            f"the logs of {region} in {SECONDARY}",
            lambda: any(
                '"accepted"' in event["message"] and payment in event["message"]
                for event in logs.filter_log_events(
                    logGroupName=group, logStreamNamePrefix=stream
                )["events"]
            ),
        )
    print("paid")


if __name__ == "__main__":
    main()
