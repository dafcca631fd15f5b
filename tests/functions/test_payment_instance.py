"""What an instance of payments-aurora runs: the program inside its first-start script."""

import json
import subprocess
import sys
import threading
import types
import urllib.error
import urllib.request
from http.server import ThreadingHTTPServer

import pytest

from conftest import ROOT
from databases import accepting_tls, never_answering, refusing_tls, self_signed_certificate, serving

SCRIPT = ROOT / "stacks" / "instances" / "payments.sh"


@pytest.fixture
def health():
    text = SCRIPT.read_text()
    module = types.ModuleType("health")
    exec(text.split("<<'PYTHON'\n")[1].split("\nPYTHON\n")[0], module.__dict__)
    return module


@pytest.fixture
def ask(health):
    """Answers of an instance whose database is at the endpoint."""
    servers = []

    def ask(endpoint, path="/health"):
        server = ThreadingHTTPServer(("127.0.0.1", 0), health.handler(health.Endpoint(lambda: endpoint)))
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}") as answer:
                return answer.status, json.load(answer)["status"]
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["status"]

    yield ask
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_script_is_one_that_bash_and_the_instances_python_can_read(health):
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    # User data may be 16 KiB long.
    assert SCRIPT.stat().st_size < 16 * 1024
    assert health.PORT == 8080


def test_an_instance_that_reads_its_database_is_healthy(ask, tmp_path):
    with serving(accepting_tls(self_signed_certificate(tmp_path))) as endpoint:
        assert ask(endpoint) == (200, "healthy")


def test_an_instance_without_its_database_is_not(ask, health):
    assert ask("") == (503, "the endpoint of the database is unknown")
    status, why = ask("127.0.0.1:1")
    assert (status, why.split(":")[0]) == (503, "ConnectionRefusedError")
    with serving(refusing_tls) as endpoint:
        assert ask(endpoint) == (503, "the database answered b'N'")


def test_a_database_that_hangs_is_told_before_the_load_balancer_gives_up(health):
    with serving(never_answering) as endpoint:
        assert health.failure(endpoint, timeout=0.1).startswith("TimeoutError")


def test_other_pages_are_not_there(ask):
    assert ask("127.0.0.1:1", "/admin") == (404, "no such page")


def test_the_endpoint_is_read_again_each_minute_and_kept_while_it_cannot_be(health):
    answers = iter(["old", subprocess.TimeoutExpired("aws", 2), "new"])
    now = [0.0]

    def read():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    endpoint = health.Endpoint(read, lambda: now[0])
    seen = []
    for now[0] in (0, 59, 60, 119, 120):
        seen.append(endpoint.current())
    assert seen == ["old", "old", "old", "old", "new"]


def test_the_parameter_is_the_one_that_the_stack_writes(health, monkeypatch, tmp_path):
    fake = tmp_path / "aws"
    fake.write_text(f"#!{sys.executable}\nimport sys\nprint(' '.join(sys.argv[1:]))\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ENVIRONMENT", "dev")
    asked = health.read_parameter().split()
    assert asked[:4] == ["ssm", "get-parameter", "--name", "/payments/reader-endpoint-dev"]
