"""Measures how far the standby of an Aurora global database is behind, twice a minute.

EventBridge calls no more often than once a minute, so one call takes two samples 30 seconds apart.
CloudWatch knows the lag only once a minute; the database itself knows it at once. Each endpoint is
asked in turn until one can say: the writer first, which knows all of its replicas. A sample that
nobody could answer leaves no metric, and an alarm tells of that.
"""

import functools
import json
import os
import time
from dataclasses import dataclass
from datetime import datetime, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import postgres

# The writer's own row has a lag of -1.
LAGS = (
    "select max(durability_lag_in_msec), max(rpo_lag_in_msec)"
    " from aurora_global_db_status() where durability_lag_in_msec >= 0"
)
# Kept back before the function's timeout: one more sample and its metrics.
RESERVE_SECONDS = 15


@dataclass(frozen=True)
class Settings:
    role: str
    suffix: str
    namespace: str
    endpoints: tuple
    secret_arn: str
    database: str
    samples: int
    interval: float
    timeout: float

    @classmethod
    def from_environment(cls, env=os.environ):
        return cls(
            role=env["ROLE"],
            suffix=env["SUFFIX"],
            namespace=env["METRIC_NAMESPACE"],
            endpoints=tuple(env["ENDPOINTS"].split()),
            secret_arn=env["SECRET_ARN"],
            database=env.get("DATABASE_NAME", "postgres"),
            samples=int(env.get("SAMPLES", "2")),
            interval=float(env.get("INTERVAL_SECONDS", "30")),
            timeout=float(env.get("TIMEOUT_SECONDS", "3")),
        )


@dataclass(frozen=True)
class Lag:
    """Milliseconds: until the standby has stored a change, and what an outage now would lose."""

    endpoint: str
    replication_ms: float
    recovery_point_ms: float


class NotMeasured(Exception):
    """No endpoint could say how far the standby is behind."""


def handler(event, context):
    return run(Settings.from_environment(), context.get_remaining_time_in_millis)


def run(settings, remaining_millis, clock=time):
    """Takes the samples that the function's time allows and returns how many told the lag."""
    taken = measured = 0
    while True:
        started = clock.monotonic()
        taken += 1
        try:
            lag = measure(settings)
            log("lag", role=settings.role, **vars(lag))
            put_metrics(settings, lag, clock)
            measured += 1
        except NotMeasured as error:
            log("lag_not_measured", role=settings.role, error=str(error))
        pause = max(0.0, started + settings.interval - clock.monotonic())
        if taken == settings.samples or remaining_millis() / 1000 < pause + RESERVE_SECONDS:
            return {"samples": taken, "measured": measured}
        clock.sleep(pause)


def measure(settings):
    wrong = []
    for endpoint in settings.endpoints:
        try:
            return ask(settings, endpoint)
        except Exception as error:
            # Whatever is wrong with this endpoint, another one may know.
            wrong.append(f"{endpoint}: {type(error).__name__}: {error}")
    raise NotMeasured("; ".join(wrong))


def ask(settings, endpoint):
    host, _, port = endpoint.partition(":")
    address = host, int(port or 5432)
    try:
        login = read_login(settings.secret_arn)
        [row] = postgres.query(address, login, settings.database, LAGS, settings.timeout)
    except postgres.LoginRefused:
        # The password may just have been changed.
        read_login.cache_clear()
        raise
    if None in row:
        raise NotMeasured("the database has no replica in another region")
    return Lag(endpoint, *map(float, row))


@functools.cache
def read_login(secret_arn):
    text = client("secretsmanager").get_secret_value(SecretId=secret_arn)["SecretString"]
    secret = json.loads(text)
    return secret["username"], secret["password"]


def put_metrics(settings, lag, clock):
    """Publishes at high resolution, so that an alarm of 30 seconds can read it."""
    values = {
        "ReplicationLagSeconds": lag.replication_ms / 1000,
        "RecoveryPointLagSeconds": lag.recovery_point_ms / 1000,
    }
    shared = {
        "Timestamp": datetime.fromtimestamp(clock.time(), timezone.utc),
        "Unit": "Seconds",
        "StorageResolution": 1,
        "Dimensions": [
            {"Name": "Role", "Value": settings.role},
            {"Name": "Suffix", "Value": settings.suffix},
        ],
    }
    data = [{"MetricName": name, "Value": value, **shared} for name, value in values.items()]
    try:
        client("cloudwatch").put_metric_data(Namespace=settings.namespace, MetricData=data)
    except (BotoCoreError, ClientError) as error:
        raise NotMeasured(f"the metrics were not taken: {error}") from error


@functools.cache
def client(service):
    limits = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2})
    return boto3.client(service, config=limits)


def log(message, **fields):
    print(json.dumps({"message": message, **fields}, default=str))
