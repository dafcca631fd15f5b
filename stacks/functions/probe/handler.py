"""Tests the local and the remote database every ten seconds of its minute.

A sample is a TCP connection, the PostgreSQL request for TLS, the TLS handshake and, when a secret
is there, a login and `select 1`: a server may accept what it can no longer serve. Each sample becomes
metrics, which alarms and Route 53 read. In the region that stands by, some failures of the remote
primary in a row, by default three, call the orchestrator: waiting for the alarm would cost minutes.
"""

import functools
import json
import os
import socket
import ssl
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import postgres

POSTGRES_PORT = 5432
# PostgreSQL message "SSLRequest": its length, then the request code 1234.5679.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
# Classes of SQLSTATE by which a server says that it does not serve: it starts or ends, its system or
# it itself failed. Whatever else it says, it is alive.
NOT_SERVING = ("57", "58", "XX")
# Kept back before the function's timeout: one more sample and its metrics.
RESERVE_SECONDS = 8


@dataclass(frozen=True)
class Settings:
    role: str
    suffix: str
    namespace: str
    endpoints: dict
    interval: float
    duration: float
    timeout: float
    failures_before_failover: int
    orchestrator: str
    secret_arn: str
    database: str
    ca_file: str
    resolution: int

    @classmethod
    def from_environment(cls, env=os.environ):
        endpoints = {
            "local": env.get("LOCAL_ENDPOINT", ""),
            "remote": env.get("REMOTE_ENDPOINT", ""),
        }
        return cls(
            role=env["ROLE"],
            suffix=env["SUFFIX"],
            namespace=env["METRIC_NAMESPACE"],
            endpoints={target: split(text) for target, text in endpoints.items() if text},
            interval=float(env.get("INTERVAL_SECONDS", "10")),
            duration=float(env.get("DURATION_SECONDS", "60")),
            timeout=float(env.get("CONNECT_TIMEOUT_SECONDS", "3")),
            failures_before_failover=int(env.get("FAILURES_BEFORE_FAILOVER", "3")),
            orchestrator=env.get("ORCHESTRATOR_FUNCTION", ""),
            secret_arn=env.get("SECRET_ARN", ""),
            database=env.get("DATABASE_NAME", "postgres"),
            ca_file=env.get("TLS_CA_FILE", ""),
            resolution=int(env.get("METRIC_RESOLUTION", "60")),
        )

    @property
    def may_call_failover(self):
        return self.role != "primary" and bool(self.orchestrator) and "remote" in self.endpoints


@dataclass(frozen=True)
class Sample:
    target: str
    endpoint: str
    time: float
    latency_ms: float = 0.0
    stage: str = ""
    error: str = ""

    @property
    def healthy(self):
        return not self.error


@dataclass
class Streak:
    """Failures of the remote database in a row. Outlives one run: the next minute continues it."""

    count: int = 0
    first: Sample | None = None
    last: Sample | None = None

    def add(self, sample, longest_gap):
        # Lambda may wake an environment that slept while another one saw the database healthy.
        stale = self.last is not None and sample.time - self.last.time > longest_gap
        if sample.healthy or stale:
            self.count, self.first, self.last = 0, None, None
        if not sample.healthy:
            self.count += 1
            self.first = self.first or sample
            self.last = sample


streak = Streak()


def handler(event, context):
    return run(Settings.from_environment(), context.get_remaining_time_in_millis, streak)


def run(settings, remaining_millis, streak, clock=time):
    """Samples until the minute or the function's time is over and returns a summary."""
    end = clock.monotonic() + settings.duration
    samples = []
    called = False
    while True:
        started = clock.monotonic()
        batch = take_samples(settings, clock)
        samples += batch
        for sample in batch:
            log("sample", role=settings.role, healthy=sample.healthy, **vars(sample))
            if sample.target == "remote":
                streak.add(sample, longest_gap=3 * settings.interval)
        put_metrics(settings, batch)
        # At most once a minute: the orchestrator decides, a refusal may have been temporary.
        if should_call_failover(settings, streak) and not called:
            called = call_orchestrator(settings, streak)
        pause = max(0.0, started + settings.interval - clock.monotonic())
        if clock.monotonic() + pause >= end:
            break
        if remaining_millis() / 1000 < pause + RESERVE_SECONDS:
            break
        clock.sleep(pause)
    return {
        "samples": len(samples),
        "failures": sum(not sample.healthy for sample in samples),
        "orchestratorCalled": called,
    }


def take_samples(settings, clock):
    # Side by side, so that a target that hangs does not delay the other one's sample.
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(
            pool.map(lambda item: take_sample(settings, *item, clock), settings.endpoints.items())
        )


def take_sample(settings, target, address, clock=time):
    """Tests one database. A database that is down is a sample with an error, not an exception."""
    host, port = address
    taken = {"target": target, "endpoint": f"{host}:{port}", "time": clock.time()}
    stage = "tcp"
    try:
        started = time.monotonic()
        with socket.create_connection(address, timeout=settings.timeout) as connection:
            took = time.monotonic() - started
            stage = "tls"
            # One time limit for both stages.
            connection.settimeout(max(0.1, settings.timeout - took))
            start_tls(connection, host, settings.ca_file)
        stage = "sql"
        select_one(settings, address)
    except Exception as error:
        return Sample(**taken, stage=stage, error=f"{type(error).__name__}: {error}")
    return Sample(**taken, latency_ms=round(took * 1000, 2))


def start_tls(connection, host, ca_file):
    connection.sendall(SSL_REQUEST)
    answer = connection.recv(1)
    if answer != b"S":
        raise ConnectionError(f"server answered {answer!r} to the request for TLS")
    with tls_context(ca_file).wrap_socket(connection, server_hostname=host):
        pass


@functools.cache
def tls_context(ca_file):
    if ca_file:
        return ssl.create_default_context(cafile=ca_file)
    # RDS certificates chain to no public authority. A login proves who the server is.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def select_one(settings, address):
    """Runs `select 1` when there is a secret to log in with."""
    if not settings.secret_arn:
        return
    try:
        login = read_login(settings.secret_arn)
    except (BotoCoreError, ClientError, ValueError, KeyError) as error:
        # An unreadable secret says nothing about the database.
        log("secret_unreadable", error=type(error).__name__)
        return
    try:
        postgres.query(address, login, settings.database, "select 1", settings.timeout)
    except postgres.Failed as error:
        if error.code.startswith(NOT_SERVING):
            raise
        # A server that turns a login down is alive; the password may just have been rotated.
        read_login.cache_clear()
        log("query_refused", endpoint="%s:%d" % address, error=str(error))


@functools.cache
def read_login(secret_arn):
    text = client("secretsmanager").get_secret_value(SecretId=secret_arn)["SecretString"]
    secret = json.loads(text)
    return secret["username"], secret["password"]


def put_metrics(settings, samples):
    """Publishes at standard resolution, the only one Route 53 reads, if not told otherwise.

    A failure is only logged.
    """
    data = []
    for sample in samples:
        shared = {
            "Timestamp": datetime.fromtimestamp(sample.time, timezone.utc),
            "StorageResolution": settings.resolution,
            "Dimensions": [
                {"Name": "Role", "Value": settings.role},
                {"Name": "Target", "Value": sample.target},
                {"Name": "Suffix", "Value": settings.suffix},
            ],
        }
        connectivity = 1.0 if sample.healthy else 0.0
        data.append({"MetricName": "DatabaseConnectivity", "Value": connectivity, **shared})
        if sample.healthy:
            latency = {"Value": sample.latency_ms, "Unit": "Milliseconds"}
            data.append({"MetricName": "ConnectLatencyMs", **latency, **shared})
    try:
        client("cloudwatch").put_metric_data(Namespace=settings.namespace, MetricData=data)
    except (BotoCoreError, ClientError) as error:
        log("metrics_not_published", error=str(error))


def should_call_failover(settings, streak):
    return settings.may_call_failover and streak.count >= settings.failures_before_failover


def call_orchestrator(settings, streak):
    """Hands the evidence over without waiting. Returns whether Lambda accepted the call."""
    first, last = streak.first, streak.last
    evidence = {
        "endpoint": last.endpoint,
        "failures": streak.count,
        "firstFailureAt": first.time,
        "lastFailureAt": last.time,
        "stage": last.stage,
        "error": last.error,
    }
    try:
        client("lambda").invoke(
            FunctionName=settings.orchestrator,
            InvocationType="Event",
            Payload=json.dumps({"mode": "failover", "source": "probe", "evidence": evidence}),
        )
    except (BotoCoreError, ClientError) as error:
        log("orchestrator_not_called", error=str(error), evidence=evidence)
        return False
    log("orchestrator_called", function=settings.orchestrator, evidence=evidence)
    return True


def split(endpoint):
    host, _, port = endpoint.partition(":")
    return host, int(port or POSTGRES_PORT)


@functools.cache
def client(service):
    # Short, because ten seconds hold a sample and its metrics.
    limits = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2})
    return boto3.client(service, config=limits)


def log(message, **fields):
    print(json.dumps({"message": message, **fields}, default=str))
