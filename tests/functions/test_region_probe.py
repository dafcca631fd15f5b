import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import NAMESPACE, SUFFIX


@contextmanager
def serving(status=200, body="all is well", pause=None):
    """A region's application; with `pause` it answers only when that is set."""

    class Application(BaseHTTPRequestHandler):
        def do_GET(self):
            if pause:
                pause.wait(5)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/health"
    finally:
        if pause:
            pause.set()
        server.shutdown()
        server.server_close()


@contextmanager
def answering(*pieces, pause=0.0):
    """A server that answers these bytes, whatever they are, with a pause before each."""
    over = threading.Event()

    def answer(connection):
        with connection:
            connection.recv(4096)
            for piece in pieces:
                if over.wait(pause):
                    return
                try:
                    connection.sendall(piece)
                except OSError:
                    return

    def serve():
        while not over.is_set():
            try:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/health"
        finally:
            over.set()


@pytest.fixture
def probe(account, load):
    return load("region_probe")


def settings(probe, urls, **env):
    return probe.Settings.from_environment(
        {
            "ROLE": "dr",
            "SUFFIX": SUFFIX,
            "METRIC_NAMESPACE": NAMESPACE,
            "URLS": json.dumps(urls),
            "TIMEOUT_SECONDS": "1",
            **env,
        }
    )


def sample_of(probe, url, **env):
    return probe.take_sample(settings(probe, {"primary": url}, **env), "primary", url)


def test_a_page_that_answers_200_is_a_region_that_works(probe):
    with serving() as url:
        sample = sample_of(probe, url)
    assert sample.healthy
    assert 0 < sample.response_ms < 1000


@pytest.mark.parametrize(
    ("page", "error"),
    [
        ({"status": 503}, "the page answered 503"),
        ({"status": 204, "body": ""}, "the page answered 204"),
        ({"body": "all is lost"}, "the page does not hold 'all is well'"),
        ({"body": " " * 5120 + "all is well"}, "the page does not hold 'all is well'"),
    ],
    ids=["an error", "another status", "another text", "a text too far down"],
)
def test_any_other_page_is_an_outage(probe, page, error):
    with serving(**page) as url:
        assert sample_of(probe, url, EXPECTS="all is well").error == error


def test_a_page_that_never_comes_is_an_outage_after_the_timeout(probe):
    with serving(pause=threading.Event()) as url:
        sample = sample_of(probe, url, TIMEOUT_SECONDS="0.2")
    assert sample.error.startswith("TimeoutError")


def test_a_region_that_is_not_there_is_an_outage(probe):
    assert not sample_of(probe, "http://127.0.0.1:1/health").healthy
    assert not sample_of(probe, "http://region.invalid/health").healthy
    assert sample_of(probe, "no url").error.startswith("ValueError")


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ([b"nonsense\r\n\r\n"], "BadStatusLine"),
        ([b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000], "LineTooLong"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nal"], "IncompleteRead"),
        ([b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"], "the page answered 302"),
    ],
    ids=["no HTTP", "an endless line", "a body cut short", "a page of another kind"],
)
def test_an_answer_that_is_no_answer_is_an_outage_and_costs_no_other_metrics(probe, clock, metrics, pieces, error):
    with serving() as well, answering(*pieces) as ill:
        urls = {"primary": ill, "dr": well}
        assert sample_of(probe, ill).error.startswith(error)
        summary = probe.run(settings(probe, urls, DURATION_SECONDS="1"), clock.remaining(90), clock)
    assert summary == {"samples": 2, "failures": 1}
    healthy, lost = ({"Role": "dr", "Target": role, "Suffix": SUFFIX} for role in ("dr", "primary"))
    assert max(metrics("RegionHealthy", "Maximum", **healthy)) == 1
    assert max(metrics("RegionHealthy", "Maximum", **lost)) == 0


@pytest.mark.parametrize(
    "pieces",
    [[OK] + [b"x"] * 40, [bytes([byte]) for byte in OK]],
    ids=["its body", "its head"],
)
def test_a_page_that_drips_is_an_outage_when_the_timeout_of_the_whole_is_over(probe, pieces):
    started = time.monotonic()
    with answering(*pieces, pause=0.1) as url:
        sample = sample_of(probe, url, TIMEOUT_SECONDS="0.5")
    assert sample.error.startswith("TimeoutError")
    assert time.monotonic() - started < 2


def test_a_name_that_is_not_found_in_time_is_an_outage_when_the_timeout_is_over(probe, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(5))
    started = time.monotonic()
    sample = sample_of(probe, "http://region.test/health", TIMEOUT_SECONDS="0.5")
    took = time.monotonic() - started
    over.set()
    assert sample.error == "URLError: <urlopen error the name region.test was not found in time>"
    assert took < 2


@contextmanager
def silent():
    """An address that lets nobody in."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        with socket.create_connection(listener.getsockname()):
            yield listener.getsockname()


def leads_to(monkeypatch, *addresses):
    """Every name has these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_a_name_whose_addresses_do_not_answer_is_an_outage_when_the_timeout_of_the_whole_is_over(probe, monkeypatch):
    with silent() as first, silent() as second, silent() as third:
        leads_to(monkeypatch, first, second, third)
        started = time.monotonic()
        sample = sample_of(probe, "http://region.test/health", TIMEOUT_SECONDS="0.6")
        took = time.monotonic() - started
    assert not sample.healthy
    assert 0.5 < took < 1.2


def test_an_address_that_does_not_answer_leaves_time_for_the_next(probe, monkeypatch):
    with silent() as first, serving() as url:
        host, port = url.split("/")[2].split(":")
        leads_to(monkeypatch, first, (host, int(port)))
        assert sample_of(probe, url).healthy


def test_six_samples_of_each_region_fill_the_minute_with_metrics(probe, clock, metrics):
    with serving() as well, serving(status=500) as ill:
        urls = {"primary": ill, "dr": well}
        summary = probe.run(settings(probe, urls), clock.remaining(90), clock)
    assert summary == {"samples": 12, "failures": 6}
    assert clock.elapsed == pytest.approx(50, abs=1)
    healthy, lost = ({"Role": "dr", "Target": role, "Suffix": SUFFIX} for role in ("dr", "primary"))
    assert sum(metrics("RegionHealthy", "Sum", **healthy)) == 6
    assert max(metrics("RegionHealthy", "Maximum", **lost)) == 0
    assert sum(metrics("RegionHealthy", "SampleCount", **lost)) == 6
    assert min(metrics("ResponseTimeMs", "Minimum", **healthy)) > 0
    assert metrics("ResponseTimeMs", "SampleCount", **lost) == []


def test_metrics_are_of_the_resolution_asked_for(probe, clock, session):
    sent = []
    session.events.register(
        "provide-client-params.cloudwatch.PutMetricData", lambda params, **_: sent.append(params)
    )
    with serving() as url:
        probe.run(settings(probe, {"dr": url}, DURATION_SECONDS="1"), clock.remaining(60), clock)
        probe.run(
            settings(probe, {"dr": url}, DURATION_SECONDS="1", METRIC_RESOLUTION="1"), clock.remaining(60), clock
        )
    assert [{datum["StorageResolution"] for datum in put["MetricData"]} for put in sent] == [{60}, {1}]


def test_sampling_stops_before_the_function_times_out(probe, clock):
    with serving() as url:
        summary = probe.run(settings(probe, {"dr": url}), clock.remaining(30), clock)
    assert summary["samples"] == 3
    assert clock.elapsed + probe.RESERVE_SECONDS <= 30


def test_lost_metrics_do_not_stop_the_probe(probe, clock, monkeypatch, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with serving() as url:
        configured = settings(probe, {"dr": url}, DURATION_SECONDS="10")
        assert probe.run(configured, clock.remaining(60), clock) == {"samples": 1, "failures": 0}
    messages = {json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()}
    assert messages == {"sample", "metrics_not_published"}


def test_the_handler_reads_its_environment(probe, context, monkeypatch):
    with serving() as url:
        for name, value in {
            "ROLE": "primary",
            "SUFFIX": SUFFIX,
            "METRIC_NAMESPACE": NAMESPACE,
            "URLS": json.dumps({"primary": url}),
            "DURATION_SECONDS": "1",
        }.items():
            monkeypatch.setenv(name, value)
        assert probe.handler({}, context) == {"samples": 1, "failures": 0}
