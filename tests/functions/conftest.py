"""The handlers of the stacks' functions, run for real against the emulators."""

import importlib.util
import itertools
import json
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
import botocore.loaders
import botocore.session
import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "stacks" / "functions"
EMULATORS = ROOT / "tests" / "emulators"
PRIMARY, STANDBY = "us-east-1", "eu-west-1"
SUFFIX = "test"
NAMESPACE = "DR/Database"

# Read once: RDS's model alone takes a large part of a second.
SERVICE_MODELS = botocore.loaders.create_loader()

# The archive of a function is its directory: nothing may be left in it.
sys.dont_write_bytecode = True

accounts = itertools.count(100000000001)


class Clock:
    """Time that only `sleep` moves. Starts now, so that metrics land where a reader looks."""

    def __init__(self):
        self.started = time.time()
        self.elapsed = 0.0

    def time(self):
        return self.started + self.elapsed

    def monotonic(self):
        return self.elapsed

    def sleep(self, seconds):
        self.elapsed += seconds

    def remaining(self, timeout):
        return lambda: (timeout - self.elapsed) * 1000


class Context:
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self):
        return 60_000


def start_emulator(script):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(EMULATORS / script), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"ready\n"
    return process, f"http://127.0.0.1:{port}"


def emulator(script):
    process, url = start_emulator(script)
    yield url
    process.stdin.close()
    assert process.wait(timeout=10) == 0


@pytest.fixture(scope="session")
def ministack():
    yield from emulator("ministack.py")


@pytest.fixture(scope="session")
def moto_server():
    yield from emulator("moto_server.py")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def context():
    return Context()


@pytest.fixture
def load(request):
    """Loads a handler as a cold start would: no cached client, no remembered streak."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, FUNCTIONS / name / "handler.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        request.addfinalizer(lambda: sys.modules.pop(name, None))
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def session(monkeypatch):
    """boto3's default session, new for this test, whose answers a test may change."""
    core = botocore.session.get_session()
    core.register_component("data_loader", SERVICE_MODELS)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session(botocore_session=core))
    return boto3.DEFAULT_SESSION


def use(monkeypatch, url, account):
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": STANDBY,
        "AWS_DEFAULT_REGION": STANDBY,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def account(ministack, monkeypatch, session):
    """An account of its own on MiniStack, in the standby region."""
    number = str(next(accounts))
    use(monkeypatch, ministack, number)
    return number


@pytest.fixture
def moto(moto_server, monkeypatch, session):
    urllib.request.urlopen(urllib.request.Request(f"{moto_server}/moto-api/reset", method="POST"))
    use(monkeypatch, moto_server, "AKIAIOSFODNN7EXAMPLE")


@pytest.fixture
def notices(account):
    """A topic whose notices a queue collects: `notices.topic`, and `notices()` takes them."""
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    queue = sqs.create_queue(QueueName="notices")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{STANDBY}:{account}:notices"

    def take():
        found = []
        while messages := sqs.receive_message(QueueUrl=queue).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(json.loads(message["Body"])["Message"]))
        return found

    take.topic = sns.create_topic(Name="failover")["TopicArn"]
    sns.subscribe(TopicArn=take.topic, Protocol="sqs", Endpoint=queue_arn)
    return take


@pytest.fixture
def metrics(account):
    """Reads the values of a metric of the functions' namespace around now."""

    def read(name, statistic, **dimensions):
        now = datetime.now(timezone.utc)
        answer = boto3.client("cloudwatch").get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=10),
            Period=3600,
            Statistics=[statistic],
        )
        return [point[statistic] for point in answer["Datapoints"]]

    return read


class GlobalDatabase:
    """An Aurora global database: writer in the primary region, secondary in the standby one."""

    identifier = "trading-global"

    def __init__(self):
        home = boto3.client("rds", region_name=PRIMARY)
        self.rds = boto3.client("rds", region_name=STANDBY)
        shared = {"Engine": "aurora-postgresql", "GlobalClusterIdentifier": self.identifier}
        home.create_global_cluster(**shared)
        self.home_arn = home.create_db_cluster(
            **shared,
            DBClusterIdentifier="trading-primary",
            MasterUsername="dbadmin",
            MasterUserPassword="only-for-this-test",
        )["DBCluster"]["DBClusterArn"]
        self.standby_arn = self.rds.create_db_cluster(
            **shared, DBClusterIdentifier="trading-secondary"
        )["DBCluster"]["DBClusterArn"]

    @property
    def writer(self):
        answer = self.rds.describe_global_clusters(GlobalClusterIdentifier=self.identifier)
        members = answer["GlobalClusters"][0]["GlobalClusterMembers"]
        return next(member["DBClusterArn"] for member in members if member["IsWriter"])

    def put_lag(self, milliseconds, at):
        boto3.client("cloudwatch").put_metric_data(
            Namespace="AWS/RDS",
            MetricData=[
                {
                    "MetricName": "AuroraGlobalDBReplicationLag",
                    "Value": milliseconds,
                    "Timestamp": datetime.fromtimestamp(at, timezone.utc),
                    "Dimensions": [{"Name": "DBClusterIdentifier", "Value": "trading-secondary"}],
                }
            ],
        )


@pytest.fixture
def database(account):
    return GlobalDatabase()


@pytest.fixture
def failover_role(account):
    trust = {"Version": "2012-10-17", "Statement": []}
    return boto3.client("iam").create_role(
        RoleName="failover-role-secondary", AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]["Arn"]


@pytest.fixture
def orchestrator_env(database, failover_role, notices):
    return {
        "GLOBAL_CLUSTER_IDENTIFIER": database.identifier,
        "TARGET_CLUSTER_ARN": database.standby_arn,
        "FAILOVER_ROLE_ARN": failover_role,
        "TOPIC_ARN": notices.topic,
        "SUFFIX": SUFFIX,
        "ROLE": "secondary",
        "METRIC_NAMESPACE": NAMESPACE,
    }
