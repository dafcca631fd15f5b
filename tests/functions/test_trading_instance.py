"""What an instance of the trading platform runs: the program inside its first-start script."""

import json
import socket
import ssl
import subprocess
import threading
import types
import urllib.error
import urllib.request

import pytest

from conftest import ROOT, Clock
from databases import self_signed_certificate

SCRIPT = ROOT / "stacks" / "instances" / "trading.sh"
DATA = "/api/v1/market-data/health"
LOGIN = {"username": "dbadmin", "password": "only-for-this-test", "dbname": "trading"}


@pytest.fixture
def program():
    text = SCRIPT.read_text()
    module = types.ModuleType("market_data")
    exec(text.split("<<'PYTHON'\n")[1].split("\nPYTHON\n")[0], module.__dict__)
    return module


@pytest.fixture
def ask(program, tmp_path):
    """Answers of an instance whose database says so: status and text."""
    servers, silent, certificate = [], [], self_signed_certificate(tmp_path)
    trust = ssl.create_default_context(cafile=certificate)

    def ask(path, valid=True):
        kept = program.Kept(lambda: valid, 5, stale=False)
        server = program.listen(0, kept, certificate)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # A client that says nothing does not keep the others waiting.
        silent.append(socket.create_connection(("127.0.0.1", server.server_port)))
        try:
            with urllib.request.urlopen(f"https://127.0.0.1:{server.server_port}{path}", context=trust) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    yield ask
    for connection in silent:
        connection.close()
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_script_is_one_that_bash_can_read_and_ec2_takes(program):
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    # User data may be 16 KiB long.
    assert SCRIPT.stat().st_size < 16 * 1024
    application = (ROOT / "stacks" / "components" / "application.yaml").read_text()
    assert f"port: {program.PORT}\n" in application


def test_valid_data_are_told_in_the_words_that_the_health_checks_look_for(ask):
    assert ask(DATA) == (200, '{"tradingData":"valid"}')
    assert '"tradingData":"valid"' in (ROOT / "stacks" / "trading-platform.yaml").read_text()


@pytest.mark.parametrize("answer", [False, None], ids=["the query says no", "nobody answers"])
def test_other_data_fail_the_check_and_leave_the_instance_alone(ask, answer):
    assert ask(DATA, answer) == (503, '{"tradingData":"invalid"}')
    assert ask("/health", answer) == (200, '{"status":"healthy"}')
    assert ask("/", answer)[0] == 404


def test_an_answer_is_kept_for_some_seconds(program):
    clock, answers = Clock(), iter([True, False])
    kept = program.Kept(lambda: next(answers), 5, stale=False, clock=clock.monotonic)
    assert [kept.current(), kept.current()] == [True, True]
    clock.sleep(5)
    assert kept.current() is False


@pytest.mark.parametrize(("stale", "then"), [(True, "settings"), (False, None)])
def test_what_can_no_longer_be_read_is_kept_only_where_it_may_be_old(program, capsys, stale, then):
    clock, answers = Clock(), iter(["settings"])

    def read():
        try:
            return next(answers)
        except StopIteration:
            raise subprocess.CalledProcessError(1, "aws") from None

    kept = program.Kept(read, 60, stale, clock=clock.monotonic)
    assert kept.current() == "settings"
    clock.sleep(60)
    assert kept.current() == then
    assert json.loads(capsys.readouterr().out) == {
        "message": "not_read",
        "what": "read",
        "error": "CalledProcessError",
    }


def test_what_could_not_be_read_yet_is_soon_tried_again(program, capsys):
    clock, answers = Clock(), iter([subprocess.TimeoutExpired("aws", 3), None])

    def read():
        if error := next(answers):
            raise error
        return "settings"

    kept = program.Kept(read, 60, stale=True, clock=clock.monotonic)
    assert [kept.current(), kept.current()] == [None, None]
    clock.sleep(5)
    assert kept.current() == "settings"
    assert json.loads(capsys.readouterr().out)["error"] == "TimeoutExpired"


@pytest.fixture
def commands(program, monkeypatch):
    """Answers of `aws` and `psql`, by the first words of a command, and what was run."""
    run, answers = [], {}

    def answer(*command, env=None):
        run.append((command, env))
        return next(text for words, text in answers.items() if command[: len(words)] == words)

    monkeypatch.setattr(program, "run", answer)
    monkeypatch.setenv("ENVIRONMENT", "test")
    answer.run, answer.answers = run, answers
    return answer


def test_settings_come_from_the_region_and_the_password_from_its_secret(program, commands):
    values = {
        "reader-endpoint": "reader.example:5433",
        "secret-name": "login",
        "market-data-query": "select true",
    }
    parameters = [{"Name": f"/trading/{name}-test", "Value": value} for name, value in values.items()]
    commands.answers["aws", "ssm"] = json.dumps({"Parameters": parameters})
    commands.answers["aws", "secretsmanager"] = json.dumps({"SecretString": json.dumps(LOGIN)})
    assert program.read_settings() == {
        "PGHOST": "reader.example",
        "PGPORT": "5433",
        "PGDATABASE": "trading",
        "PGUSER": "dbadmin",
        "PGPASSWORD": "only-for-this-test",
        "QUERY": "select true",
    }


@pytest.mark.parametrize(("answer", "valid"), [("t", True), ("f", False), ("", False), ("1", False)])
def test_only_true_is_valid_data(program, commands, answer, valid):
    commands.answers["psql",] = answer
    settings = {"QUERY": "select true", "PGPASSWORD": "only-for-this-test"}
    assert program.data_is_valid(settings) is valid
    [(command, env)] = commands.run
    assert command[-1] == "select true"
    assert "only-for-this-test" not in command
    assert env == settings


def test_data_without_settings_are_not_valid(program):
    with pytest.raises(ValueError, match="the settings are unknown"):
        program.data_is_valid(None)
