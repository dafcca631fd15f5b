"""Asks the application of every region, six times a minute, whether it works.

Runs outside any VPC and asks as a customer would: over the internet, through the load balancer. A
region works if its page answers 200 in time and, where a text is expected, holds it within the
first 5,120 bytes, which is as far as Route 53 reads. Each answer becomes a metric. The timeout is
for a sample as a whole, however long its name is looked up and however slowly the page drips in.
"""

import functools
import http.client
import io
import json
import os
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Kept back before the function's timeout: one more sample and its metrics.
RESERVE_SECONDS = 8
BYTES_READ = 5120
# A load balancer is asked by its own name, which is not the name of the certificate. Nothing is sent
# but the question, and Route 53 does the same.
UNVERIFIED = ssl.create_default_context()
UNVERIFIED.check_hostname = False
UNVERIFIED.verify_mode = ssl.CERT_NONE


@dataclass(frozen=True)
class Settings:
    role: str
    suffix: str
    namespace: str
    urls: dict
    expects: str
    interval: float
    duration: float
    timeout: float
    resolution: int

    @classmethod
    def from_environment(cls, env=os.environ):
        return cls(
            role=env["ROLE"],
            suffix=env["SUFFIX"],
            namespace=env["METRIC_NAMESPACE"],
            urls=json.loads(env["URLS"]),
            expects=env.get("EXPECTS", ""),
            interval=float(env.get("INTERVAL_SECONDS", "10")),
            duration=float(env.get("DURATION_SECONDS", "60")),
            timeout=float(env.get("TIMEOUT_SECONDS", "4")),
            resolution=int(env.get("METRIC_RESOLUTION", "60")),
        )


@dataclass(frozen=True)
class Sample:
    target: str
    url: str
    time: float
    response_ms: float = 0.0
    error: str = ""

    @property
    def healthy(self):
        return not self.error


def handler(event, context):
    return run(Settings.from_environment(), context.get_remaining_time_in_millis)


def run(settings, remaining_millis, clock=time):
    """Samples until the minute or the function's time is over and returns a summary."""
    end = clock.monotonic() + settings.duration
    samples = []
    while True:
        started = clock.monotonic()
        batch = take_samples(settings, clock)
        samples += batch
        for sample in batch:
            log("sample", role=settings.role, healthy=sample.healthy, **vars(sample))
        put_metrics(settings, batch)
        pause = max(0.0, started + settings.interval - clock.monotonic())
        if clock.monotonic() + pause >= end:
            break
        if remaining_millis() / 1000 < pause + RESERVE_SECONDS:
            break
        clock.sleep(pause)
    return {"samples": len(samples), "failures": sum(not sample.healthy for sample in samples)}


def take_samples(settings, clock):
    # Side by side, so that a region that hangs does not delay another one's sample.
    with ThreadPoolExecutor(max_workers=len(settings.urls)) as pool:
        return list(pool.map(lambda item: take_sample(settings, *item, clock), settings.urls.items()))


def take_sample(settings, target, url, clock=time):
    """Asks one region. A region that does not work is a sample with an error, not an exception.

    Whatever goes wrong is caught: what one region answers must not cost the metrics of the others.
    """
    taken = {"target": target, "url": url, "time": clock.time()}
    started = time.monotonic()
    deadline = started + settings.timeout
    try:
        with opener(deadline).open(url) as answer:
            body = answer.read(BYTES_READ).decode(errors="replace")
            status = answer.status
        time_left(deadline)
    except urllib.error.HTTPError as error:
        with error:
            return Sample(**taken, error=f"the page answered {error.code}")
    except Exception as error:
        return Sample(**taken, error=f"{type(error).__name__}: {error}")
    if status != 200:
        return Sample(**taken, error=f"the page answered {status}")
    if settings.expects not in body:
        return Sample(**taken, error=f"the page does not hold {settings.expects!r}")
    return Sample(**taken, response_ms=round((time.monotonic() - started) * 1000, 2))


def time_left(deadline):
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the page did not answer in time")
    return left


def looked_up(host, port, deadline):
    """The addresses of a name. A lookup knows no timeout: one that takes too long is left to itself."""
    found = Future()

    def look():
        try:
            found.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            found.set_exception(error)

    threading.Thread(target=look, daemon=True).start()
    try:
        return found.result(time_left(deadline))
    except TimeoutError:
        raise TimeoutError(f"the name {host} was not found in time") from None


def reach(address, _timeout, _source_address, deadline):
    """Connects to the first address of a name that answers. Those that do not share the time that is left."""
    addresses = looked_up(*address, deadline)
    failure = OSError("the name has no address")
    for tried, (family, kind, protocol, _, where) in enumerate(addresses):
        connected = socket.socket(family, kind, protocol)
        try:
            connected.settimeout(time_left(deadline) / (len(addresses) - tried))
            connected.connect(where)
            connected.settimeout(time_left(deadline))
            return connected
        except OSError as error:
            connected.close()
            failure = error
    raise failure


class Hurried(io.RawIOBase):
    """What a socket gives until a deadline. The timeout of a socket is for each of its reads alone."""

    def __init__(self, sock, deadline):
        self.sock, self.deadline = sock, deadline
        self.raw = sock.makefile("rb", buffering=0)

    def readable(self):
        return True

    def readinto(self, buffer):
        self.sock.settimeout(time_left(self.deadline))
        return self.raw.readinto(buffer)

    def close(self):
        self.raw.close()
        super().close()


class Answer(http.client.HTTPResponse):
    """An answer whose head and body are there by the deadline, or are an error."""

    def __init__(self, sock, *args, deadline, **kwargs):
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(Hurried(sock, deadline))


def connecting(connection, deadline):
    """Makes connections whose parts have the time that is left."""

    def connect(*args, **kwargs):
        made = connection(*args, **kwargs)
        made._create_connection = functools.partial(reach, deadline=deadline)
        made.response_class = functools.partial(Answer, deadline=deadline)
        return made

    return connect


def opener(deadline):
    """Opens URLs, and follows where they lead, until a deadline."""

    class Plain(urllib.request.HTTPHandler):
        def http_open(self, request):
            return self.do_open(connecting(http.client.HTTPConnection, deadline), request)

    class Encrypted(urllib.request.HTTPSHandler):
        def https_open(self, request):
            return self.do_open(connecting(http.client.HTTPSConnection, deadline), request, context=UNVERIFIED)

    return urllib.request.build_opener(Plain, Encrypted)


def put_metrics(settings, samples):
    """Publishes at the resolution asked for. A failure is only logged: the next sample is near."""
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
        data.append({"MetricName": "RegionHealthy", "Value": float(sample.healthy), **shared})
        if sample.healthy:
            took = {"Value": sample.response_ms, "Unit": "Milliseconds"}
            data.append({"MetricName": "ResponseTimeMs", **took, **shared})
    try:
        client("cloudwatch").put_metric_data(Namespace=settings.namespace, MetricData=data)
    except (BotoCoreError, ClientError) as error:
        log("metrics_not_published", error=str(error))


@functools.cache
def client(service):
    # Short, because ten seconds hold a sample and its metrics.
    limits = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2})
    return boto3.client(service, config=limits)


def log(message, **fields):
    print(json.dumps({"message": message, **fields}, default=str))
