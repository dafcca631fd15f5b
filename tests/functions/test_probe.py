import io
import json
import socket
import struct
import time
import zipfile

import boto3
import pytest

from conftest import FUNCTIONS, NAMESPACE, SUFFIX
from databases import (
    READY_FOR_QUERY,
    accepting_scram,
    accepting_tls,
    breaking_the_handshake,
    message,
    never_answering,
    refusing_tls,
    row_of,
    self_signed_certificate,
    serving,
)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return self_signed_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def healthy(certificate):
    with serving(accepting_tls(certificate)) as endpoint:
        yield endpoint


@pytest.fixture
def refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"127.0.0.1:{port}"


@pytest.fixture
def probe(account, load, monkeypatch):
    # Its archive holds the lag monitor's module, too.
    monkeypatch.syspath_prepend(str(FUNCTIONS / "lag_monitor"))
    return load("probe")


def settings(probe, **env):
    return probe.Settings.from_environment(
        {
            "ROLE": "secondary",
            "SUFFIX": SUFFIX,
            "METRIC_NAMESPACE": NAMESPACE,
            "CONNECT_TIMEOUT_SECONDS": "1",
            **env,
        }
    )


def sample_of(probe, endpoint, **env):
    configured = settings(probe, REMOTE_ENDPOINT=endpoint, **env)
    return probe.take_sample(configured, "remote", configured.endpoints["remote"])


def logged(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def messages(capsys):
    return {line["message"] for line in logged(capsys)}


def test_a_healthy_database_has_a_latency_and_no_error(probe, healthy):
    sample = sample_of(probe, healthy)
    assert sample.healthy
    assert 0 < sample.latency_ms < 1000


@pytest.mark.parametrize(
    ("converse", "stage", "error"),
    [
        (refusing_tls, "tls", "ConnectionError: server answered b'N'"),
        (breaking_the_handshake, "tls", "SSLError"),
    ],
)
def test_a_database_without_tls_is_down(probe, converse, stage, error):
    with serving(converse) as endpoint:
        sample = sample_of(probe, endpoint)
    assert not sample.healthy
    assert sample.stage == stage
    assert sample.error.startswith(error)


def test_a_refused_connection_is_down_at_tcp(probe, refused):
    sample = sample_of(probe, refused)
    assert (sample.stage, sample.error.split(":")[0]) == ("tcp", "ConnectionRefusedError")


def test_a_database_that_never_answers_is_down_after_the_timeout(probe):
    with serving(never_answering) as endpoint:
        sample = sample_of(probe, endpoint, CONNECT_TIMEOUT_SECONDS="0.15")
    assert (sample.stage, sample.error.split(":")[0]) == ("tls", "TimeoutError")


def test_an_unknown_host_is_down_and_the_default_port_is_5432(probe):
    sample = sample_of(probe, "database.invalid")
    assert not sample.healthy
    assert sample.endpoint == "database.invalid:5432"


PASSWORD = "only-for-this-test"


@pytest.fixture
def secret(account):
    text = json.dumps({"username": "dbadmin", "password": PASSWORD})
    return boto3.client("secretsmanager").create_secret(Name="db", SecretString=text)["ARN"]


def answering(certificate, queries, password=PASSWORD, answer=row_of(1), **login):
    """A database whose user logs in by SCRAM."""

    def converse(sql):
        queries.append(sql)
        return answer

    return serving(accepting_scram(certificate, password, converse, **login))


def test_sql_runs_with_the_password_of_the_secret(probe, certificate, secret):
    queries = []
    with answering(certificate, queries) as endpoint:
        sample = sample_of(probe, endpoint, SECRET_ARN=secret)
    assert sample.healthy, sample.error
    assert queries == ["select 1"]


def test_without_a_secret_there_is_no_login(probe, certificate):
    queries = []
    with answering(certificate, queries) as endpoint:
        sample = sample_of(probe, endpoint)
    assert sample.healthy
    assert queries == []


def test_a_server_that_does_not_know_the_password_is_told_and_sees_no_query(
    probe, certificate, secret, capsys
):
    queries = []
    with answering(certificate, queries, knows_password=False) as stranger:
        assert sample_of(probe, stranger, SECRET_ARN=secret).healthy
    [line] = logged(capsys)
    assert line["message"] == "query_refused"
    assert "it is not the database" in line["error"]
    assert queries == []


def test_a_certificate_of_another_authority_is_down_when_an_authority_is_given(
    probe, healthy, tmp_path
):
    sample = sample_of(probe, healthy, TLS_CA_FILE=str(self_signed_certificate(tmp_path)))
    assert (sample.stage, sample.error.split(":")[0]) == ("tls", "SSLCertVerificationError")


def test_a_refused_login_is_no_outage(probe, certificate, secret, capsys):
    with answering(certificate, [], password="rotated-away") as endpoint:
        sample = sample_of(probe, endpoint, SECRET_ARN=secret)
    assert sample.healthy, sample.error
    output = capsys.readouterr().out
    assert "query_refused" in output
    assert PASSWORD not in output
    assert probe.read_login.cache_info().currsize == 0


def test_a_user_with_a_weaker_password_is_no_outage(probe, certificate, secret, capsys):
    md5 = message(b"R", struct.pack("!i", 5) + b"salt")
    with serving(accepting_tls(certificate, login_answer=md5)) as endpoint:
        assert sample_of(probe, endpoint, SECRET_ARN=secret).healthy
    assert "need SCRAM-SHA-256" in logged(capsys)[0]["error"]


@pytest.mark.parametrize("code", [b"57P03", b"58030", b"XX000"])
def test_a_server_that_does_not_serve_is_down_at_sql(probe, certificate, secret, code):
    refusal = message(b"E", b"SFATAL\0C" + code + b"\0Mnot now\0\0")
    with serving(accepting_tls(certificate, login_answer=refusal)) as endpoint:
        sample = sample_of(probe, endpoint, SECRET_ARN=secret)
    assert not sample.healthy
    assert sample.stage == "sql"


@pytest.mark.parametrize("code", [b"53300", b"3D000", b"42501"])
def test_a_server_that_refuses_a_query_is_alive(probe, certificate, secret, code, capsys):
    refusal = message(b"E", b"SERROR\0C" + code + b"\0Mno\0\0") + READY_FOR_QUERY
    with answering(certificate, [], answer=refusal) as endpoint:
        assert sample_of(probe, endpoint, SECRET_ARN=secret).healthy
    assert messages(capsys) == {"query_refused"}


@pytest.mark.parametrize("answer", [b"", None], ids=["hangs", "breaks off"])
def test_a_server_that_answers_no_query_is_down_at_sql(probe, certificate, secret, answer):
    def converse(sql):
        if answer is None:
            raise ConnectionError
        return answer

    with serving(accepting_scram(certificate, PASSWORD, converse)) as endpoint:
        sample = sample_of(probe, endpoint, SECRET_ARN=secret, CONNECT_TIMEOUT_SECONDS="0.3")
    assert not sample.healthy
    assert sample.stage == "sql"


def test_an_unreadable_secret_is_no_outage(probe, healthy, capsys):
    arn = "arn:aws:secretsmanager:eu-west-1:100000000000:secret:missing"
    sample = sample_of(probe, healthy, SECRET_ARN=arn)
    assert sample.healthy
    assert messages(capsys) == {"secret_unreadable"}


def test_six_samples_of_both_targets_fill_the_minute_with_metrics(
    probe, healthy, refused, clock, metrics
):
    configured = settings(probe, LOCAL_ENDPOINT=healthy, REMOTE_ENDPOINT=refused)
    summary = probe.run(configured, clock.remaining(90), probe.Streak(), clock)

    assert summary == {"samples": 12, "failures": 6, "orchestratorCalled": False}
    assert clock.elapsed == pytest.approx(50, abs=1)
    local = {"Role": "secondary", "Target": "local", "Suffix": SUFFIX}
    remote = {**local, "Target": "remote"}
    assert sum(metrics("DatabaseConnectivity", "Sum", **local)) == 6
    assert max(metrics("DatabaseConnectivity", "Maximum", **remote)) == 0
    assert sum(metrics("DatabaseConnectivity", "SampleCount", **remote)) == 6
    assert min(metrics("ConnectLatencyMs", "Minimum", **local)) > 0
    assert metrics("ConnectLatencyMs", "SampleCount", **remote) == []


def test_sampling_stops_before_the_function_times_out(probe, healthy, clock):
    configured = settings(probe, LOCAL_ENDPOINT=healthy)
    summary = probe.run(configured, clock.remaining(30), probe.Streak(), clock)
    assert summary["samples"] == 3
    assert clock.elapsed + probe.RESERVE_SECONDS <= 30


def test_lost_metrics_do_not_stop_the_probe(probe, healthy, clock, monkeypatch, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    configured = settings(probe, LOCAL_ENDPOINT=healthy, DURATION_SECONDS="10")
    summary = probe.run(configured, clock.remaining(60), probe.Streak(), clock)
    assert (summary["samples"], summary["failures"]) == (1, 0)
    assert "metrics_not_published" in messages(capsys)


@pytest.fixture
def callable_orchestrator(orchestrator_env, account):
    """The real orchestrator as a Lambda function of the emulator."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.write(FUNCTIONS / "orchestrator" / "handler.py", "handler.py")
    role = boto3.client("iam").create_role(RoleName="lambda", AssumeRolePolicyDocument="{}")
    boto3.client("lambda").create_function(
        FunctionName="orchestrator",
        Runtime="python3.12",
        Handler="handler.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": {**orchestrator_env, "MAX_LAG_UNKNOWN": "allow"}},
        Timeout=60,
    )
    return "orchestrator"


def test_three_failures_in_a_row_make_the_orchestrator_promote_the_standby(
    probe, refused, clock, database, callable_orchestrator, session
):
    calls = []
    session.events.register("before-call.lambda.Invoke", lambda **_: calls.append(clock.elapsed))
    configured = settings(
        probe, REMOTE_ENDPOINT=refused, ORCHESTRATOR_FUNCTION=callable_orchestrator
    )
    summary = probe.run(configured, clock.remaining(90), probe.Streak(), clock)
    assert summary == {"samples": 6, "failures": 6, "orchestratorCalled": True}
    # After the third sample, and once a minute however long the outage lasts.
    assert calls == [pytest.approx(20, abs=1)]

    deadline = time.monotonic() + 30
    ssm = boto3.client("ssm")
    record = {}
    while record.get("result") != "succeeded" and time.monotonic() < deadline:
        time.sleep(0.1)
        try:
            name = f"/drctl/failover-{SUFFIX}"
            record = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            continue
    assert record["result"] == "succeeded"
    assert database.writer == database.standby_arn
    evidence = record["evidence"]
    assert (record["source"], evidence["failures"], evidence["stage"]) == ("probe", 3, "tcp")
    assert evidence["lastFailureAt"] - evidence["firstFailureAt"] == pytest.approx(20, abs=1)


def failures(probe, times):
    return [
        probe.Sample("remote", "db:5432", time=at, stage="tcp", error="TimeoutError: ")
        for at in times
    ]


@pytest.mark.parametrize(
    ("times", "count"),
    [((0, 10, 20), 3), ((50, 60, 71), 3), ((0, 10, 600), 1)],
    ids=["one run", "across the minute", "a stale environment"],
)
def test_a_streak_counts_failures_that_follow_each_other(probe, times, count):
    streak = probe.Streak()
    for sample in failures(probe, times):
        streak.add(sample, longest_gap=30)
    assert streak.count == count
    assert streak.first.time == times[-count]


def test_one_success_ends_a_streak(probe):
    streak = probe.Streak()
    first, second = failures(probe, (0, 20))
    for sample in (first, probe.Sample("remote", "db:5432", time=10), second):
        streak.add(sample, longest_gap=30)
    assert streak.count == 1


@pytest.mark.parametrize(
    ("env", "rule"),
    [
        ({"ROLE": "primary", "ORCHESTRATOR_FUNCTION": "orchestrator"}, "not in the primary region"),
        ({"ORCHESTRATOR_FUNCTION": ""}, "not without an orchestrator"),
        ({"FAILURES_BEFORE_FAILOVER": "7", "ORCHESTRATOR_FUNCTION": "orchestrator"}, "not early"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_orchestrator_is_left_alone(probe, refused, clock, env, rule, capsys):
    configured = settings(probe, REMOTE_ENDPOINT=refused, **env)
    summary = probe.run(configured, clock.remaining(90), probe.Streak(), clock)
    assert summary == {"samples": 6, "failures": 6, "orchestratorCalled": False}
    assert messages(capsys) == {"sample"}


def test_an_orchestrator_that_cannot_be_called_is_tried_again_at_the_next_sample(
    probe, refused, clock, capsys
):
    configured = settings(probe, REMOTE_ENDPOINT=refused, ORCHESTRATOR_FUNCTION="missing")
    summary = probe.run(configured, clock.remaining(90), probe.Streak(), clock)
    assert not summary["orchestratorCalled"]
    tries = [line for line in logged(capsys) if line["message"] == "orchestrator_not_called"]
    assert [line["evidence"]["failures"] for line in tries] == [3, 4, 5, 6]


def test_the_handler_reads_its_environment(probe, healthy, context, monkeypatch):
    for name, value in {
        "ROLE": "primary",
        "SUFFIX": SUFFIX,
        "METRIC_NAMESPACE": NAMESPACE,
        "LOCAL_ENDPOINT": healthy,
        "DURATION_SECONDS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert probe.handler({}, context)["samples"] == 1
