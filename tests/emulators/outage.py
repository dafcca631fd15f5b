"""Plays the loss of a primary region to a stack that is up, and tells what the stack makes of it.

Usage: outage.py ENDPOINT ACCOUNT < STACK
STACK is JSON: where the stack's orchestrator lives and what its alarms look at,
{region, function, topic, global_cluster, target, lock, namespace, witnesses: [{metric, dimensions, period}]}.
Only the witnesses' metrics are written, as the stack's probes would: alarms, rules, functions and
topics are the stack's own. Prints a line an act: what the orchestrator's log says came of it, whether a
queue, subscribed to the stack's topic, received the same as a notice, and who writes after it.
"""

import json
import sys
import time

import boto3

LIMIT_SECONDS = 90


class Stage:
    def __init__(self, endpoint, account, stack):
        self.stack, self.account, self.acts = stack, account, 0
        self.client = lambda service: boto3.client(
            service,
            stack["region"],
            endpoint_url=endpoint,
            aws_access_key_id=account,
            aws_secret_access_key="secret",
        )
        self.cloudwatch, self.rds, self.ssm = map(self.client, ("cloudwatch", "rds", "ssm"))
        self.sns, self.sqs, self.logs = map(self.client, ("sns", "sqs", "logs"))
        self.target = f"arn:aws:rds:{stack['region']}:{account}:cluster:{stack['target']}"

    def listen(self):
        self.queue = self.sqs.create_queue(QueueName="outage-notices")["QueueUrl"]
        topic = f"arn:aws:sns:{self.stack['region']}:{self.account}:{self.stack['topic']}"
        arn = f"arn:aws:sqs:{self.stack['region']}:{self.account}:outage-notices"
        self.subscription = self.sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
        )["SubscriptionArn"]

    def leave(self):
        self.sns.unsubscribe(SubscriptionArn=self.subscription)
        self.sqs.delete_queue(QueueUrl=self.queue)

    def measure(self, value, aged=False):
        """Writes a point of every witness: of now, or two seconds from the end of its alarm's period."""
        for witness in self.stack["witnesses"]:
            names = witness["dimensions"].items()
            point = {
                "MetricName": witness["metric"],
                "Dimensions": [{"Name": name, "Value": given} for name, given in names],
                "Value": value,
                "Timestamp": time.time() - (witness["period"] - 2 if aged else 0),
            }
            self.cloudwatch.put_metric_data(Namespace=self.stack["namespace"], MetricData=[point])

    def measure_lag(self, milliseconds):
        """Writes how far the target was behind, before any outage that is noticed now."""
        point = {
            "MetricName": "AuroraGlobalDBReplicationLag",
            "Dimensions": [{"Name": "DBClusterIdentifier", "Value": self.stack["target"]}],
            "Value": milliseconds,
            "Timestamp": time.time() - 240,
        }
        self.cloudwatch.put_metric_data(Namespace="AWS/RDS", MetricData=[point])

    def lock(self, until):
        value = json.dumps({"owner": "another run", "expires": until})
        self.ssm.put_parameter(Name=self.stack["lock"], Type="String", Value=value, Overwrite=True)

    def strike(self, act):
        """Raises the alarms, which were quiet, and tells what comes of it."""
        # Almost a period old, so that it is forgotten when the next point comes.
        self.measure(1, aged=True)
        time.sleep(3)
        self.measure(0)
        outcome = self.outcome()
        told = "told" if outcome in self.notices() else "not told"
        what = outcome.get("reason") or f"to {outcome['to'].rpartition(':')[2]}"
        print(f"{act}: {outcome['result']} ({what}), {told}; {self.writer()} writes")

    def outcome(self):
        """What the orchestrator's log says of its next run."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            outcomes = self.outcomes()
            if len(outcomes) > self.acts:
                self.acts += 1
                return outcomes[-1]
            time.sleep(1)
        sys.exit(f"the orchestrator did nothing for {LIMIT_SECONDS} seconds")

    def outcomes(self):
        name = f"/aws/lambda/{self.stack['function']}"
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=name)
        lines = [event["message"] for page in pages for event in page["events"]]
        said = [json.loads(line) for line in lines if line.startswith("{")]
        ends = [line for line in said if line["message"] in ("refused", "moved")]
        return [{name: value for name, value in end.items() if name != "message"} for end in ends]

    def notices(self):
        """The orchestrator's notices; others, of the alarms, pass by."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=2).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                told = json.loads(message["Body"])
                if told.get("Subject", "").startswith("Failover "):
                    found.append(json.loads(told["Message"]))
        return found

    def writer(self):
        name = self.stack["global_cluster"]
        found = self.rds.describe_global_clusters(GlobalClusterIdentifier=name)["GlobalClusters"][0]
        [writer] = [m["DBClusterArn"] for m in found["GlobalClusterMembers"] if m["IsWriter"]]
        return "the target" if writer == self.target else "the primary"


def main():
    stage = Stage(*sys.argv[1:3], json.load(sys.stdin))
    stage.listen()
    stage.strike("no lag was measured")
    stage.lock(time.time() + 600)
    stage.strike("another run moves the writer")
    stage.lock(0)
    stage.measure_lag(120)
    stage.strike("the primary is lost")
    stage.strike("the primary is still lost")
    stage.leave()


if __name__ == "__main__":
    main()
