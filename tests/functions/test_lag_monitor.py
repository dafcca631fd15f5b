import json
import struct

import boto3
import pytest

import databases
from conftest import FUNCTIONS, NAMESPACE, SUFFIX

PASSWORD = "only-for-this-test"
NOBODY = "127.0.0.1:1"


@pytest.fixture
def monitor(account, load, monkeypatch):
    monkeypatch.syspath_prepend(str(FUNCTIONS / "lag_monitor"))
    return load("lag_monitor")


@pytest.fixture
def postgres(monitor):
    return monitor.postgres


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return databases.self_signed_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secret(account):
    text = json.dumps({"username": "dbadmin", "password": PASSWORD})
    return boto3.client("secretsmanager").create_secret(Name="login", SecretString=text)["ARN"]


def replicating(certificate, durability, recovery_point, queries=None, **login):
    """A database whose replica is so many milliseconds behind."""

    def answer(sql):
        if queries is not None:
            queries.append(sql)
        return databases.row_of(durability, recovery_point)

    return databases.serving(databases.accepting_scram(certificate, PASSWORD, answer, **login))


@pytest.fixture
def run(monitor, secret, clock):
    def run(*endpoints, timeout=60, **env):
        settings = monitor.Settings.from_environment(
            {
                "ROLE": "standby",
                "SUFFIX": SUFFIX,
                "METRIC_NAMESPACE": NAMESPACE,
                "ENDPOINTS": " ".join(endpoints),
                "SECRET_ARN": secret,
                "TIMEOUT_SECONDS": "2",
                **env,
            }
        )
        return monitor.run(settings, clock.remaining(timeout), clock)

    return run


def logged(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_two_samples_30_seconds_apart_become_metrics_in_seconds(run, certificate, clock, metrics):
    queries = []
    with replicating(certificate, 1500, 2500, queries) as writer:
        assert run(writer) == {"samples": 2, "measured": 2}
    assert clock.elapsed == pytest.approx(30, abs=1)
    of_standby = {"Role": "standby", "Suffix": SUFFIX}
    assert metrics("ReplicationLagSeconds", "Maximum", **of_standby) == [1.5]
    assert metrics("ReplicationLagSeconds", "SampleCount", **of_standby) == [2]
    assert metrics("RecoveryPointLagSeconds", "Maximum", **of_standby) == [2.5]
    assert len(queries) == 2
    assert all("aurora_global_db_status()" in sql for sql in queries)


def test_the_metrics_are_of_high_resolution(run, certificate, session):
    sent = []
    session.events.register(
        "provide-client-params.cloudwatch.PutMetricData", lambda params, **_: sent.append(params)
    )
    with replicating(certificate, 10, 20) as writer:
        run(writer, SAMPLES="1")
    assert {datum["StorageResolution"] for datum in sent[0]["MetricData"]} == {1}


def test_the_next_endpoint_is_asked_when_the_writer_is_gone(run, certificate, metrics):
    with replicating(certificate, 40, 40) as standby:
        assert run(NOBODY, standby, SAMPLES="1") == {"samples": 1, "measured": 1}
    assert metrics("ReplicationLagSeconds", "Maximum", Role="standby", Suffix=SUFFIX) == [0.04]


def test_a_lag_that_nobody_knows_leaves_no_metric_and_says_why(run, certificate, metrics, capsys):
    with replicating(certificate, None, None) as alone:
        assert run(NOBODY, alone, SAMPLES="1") == {"samples": 1, "measured": 0}
    assert metrics("ReplicationLagSeconds", "SampleCount", Role="standby", Suffix=SUFFIX) == []
    [line] = logged(capsys)
    assert line["message"] == "lag_not_measured"
    assert "ConnectionRefusedError" in line["error"]
    assert "no replica in another region" in line["error"]


def test_one_bad_sample_does_not_cost_the_next_one(run, certificate):
    answers = iter([databases.SHUTTING_DOWN, databases.row_of(5, 5)])
    serving = databases.accepting_scram(certificate, PASSWORD, lambda _: next(answers))
    with databases.serving(serving) as writer:
        assert run(writer) == {"samples": 2, "measured": 1}


def test_a_second_sample_that_would_not_end_in_time_is_not_begun(run, certificate, clock):
    with replicating(certificate, 5, 5) as writer:
        assert run(writer, timeout=40) == {"samples": 1, "measured": 1}
    assert clock.elapsed == 0


def test_metrics_that_are_not_taken_count_as_not_measured(run, certificate, secret, monitor, monkeypatch, capsys):
    monitor.read_login(secret)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with replicating(certificate, 5, 5) as writer:
        assert run(writer, SAMPLES="1") == {"samples": 1, "measured": 0}
    assert "the metrics were not taken" in logged(capsys)[-1]["error"]


def test_a_changed_password_is_read_again(run, certificate, secret, monitor):
    boto3.client("secretsmanager").put_secret_value(
        SecretId=secret, SecretString=json.dumps({"username": "dbadmin", "password": "of yesterday"})
    )
    monitor.read_login(secret)
    boto3.client("secretsmanager").put_secret_value(
        SecretId=secret, SecretString=json.dumps({"username": "dbadmin", "password": PASSWORD})
    )
    with replicating(certificate, 5, 5) as writer:
        assert run(writer) == {"samples": 2, "measured": 1}


def test_a_secret_that_cannot_be_read_is_told_and_no_outage(run, certificate, capsys):
    with replicating(certificate, 5, 5) as writer:
        assert run(writer, SAMPLES="1", SECRET_ARN="none") == {"samples": 1, "measured": 0}
    assert "ResourceNotFoundException" in logged(capsys)[0]["error"]


def test_the_password_is_in_no_log(run, certificate, capsys):
    with replicating(certificate, 5, 5, knows_password=False) as stranger:
        run(stranger, NOBODY, SAMPLES="1")
    assert PASSWORD not in capsys.readouterr().out


def test_the_handler_reads_its_environment(monitor, context, secret, certificate, monkeypatch):
    with replicating(certificate, 5, 5) as writer:
        for name, value in {
            "ROLE": "primary",
            "SUFFIX": SUFFIX,
            "METRIC_NAMESPACE": NAMESPACE,
            "ENDPOINTS": writer,
            "SECRET_ARN": secret,
            "SAMPLES": "1",
        }.items():
            monkeypatch.setenv(name, value)
        assert monitor.handler({}, context) == {"samples": 1, "measured": 1}


# The client of PostgreSQL


def ask(postgres, endpoint, password=PASSWORD):
    host, _, port = endpoint.partition(":")
    return postgres.query((host, int(port)), ("dbadmin", password), "trading", "select", 1)


def test_rows_come_as_texts_and_null_as_none(postgres, certificate):
    rows = [["1.5", None, ""]]
    serving = databases.accepting_scram(certificate, PASSWORD, lambda _: databases.row_of("1.5", None, ""))
    with databases.serving(serving) as database:
        assert ask(postgres, database) == rows


def test_a_server_without_channel_binding_is_told_that_it_was_looked_for(postgres, certificate):
    with replicating(certificate, 1, 2, mechanisms=(b"SCRAM-SHA-256",)) as database:
        assert ask(postgres, database) == [["1", "2"]]


def test_the_proof_is_that_of_the_standard(postgres):
    # RFC 7677, section 3.
    final, signature = postgres.prove(
        "pencil",
        b"n=user,r=rOprNGfwEbeRWgbNEkqO",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"n,,",
    )
    assert final == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
        b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert signature == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    ("converse", "error"),
    [
        (databases.refusing_tls, "answered b'N' to the request for TLS"),
        (databases.breaking_the_handshake, None),
        (databases.never_answering, "timed out"),
    ],
    ids=["no TLS", "broken TLS", "silence"],
)
def test_a_server_that_is_no_database_fails_in_time(postgres, converse, error):
    with databases.serving(converse) as endpoint:
        with pytest.raises((postgres.Failed, OSError), match=error):
            ask(postgres, endpoint)


def test_another_password_is_refused_as_a_login(postgres, certificate):
    with replicating(certificate, 1, 2) as database:
        with pytest.raises(postgres.LoginRefused, match="28P01: wrong password"):
            ask(postgres, database, "another")


def test_a_server_that_does_not_know_the_password_is_not_the_database(postgres, certificate):
    with replicating(certificate, 1, 2, knows_password=False) as stranger:
        with pytest.raises(postgres.Failed, match="it is not the database"):
            ask(postgres, stranger)


def test_a_certificate_from_somebody_in_between_spoils_the_login(postgres, certificate, tmp_path):
    another = databases.self_signed_certificate(tmp_path)
    # Speaks TLS with a certificate of its own, and passes the login on to the database.
    relay = databases.accepting_scram(another, PASSWORD, lambda _: b"", bound_to=certificate)
    with databases.serving(relay) as between:
        with pytest.raises(postgres.LoginRefused):
            ask(postgres, between)


@pytest.mark.parametrize(
    ("method", "error"),
    [(struct.pack("!i", 5) + b"salt", "login method 5"), (struct.pack("!i", 10) + b"OTHER\0\0", "SCRAM-SHA-256")],
    ids=["MD5", "an unknown mechanism"],
)
def test_another_way_of_login_is_named(postgres, certificate, method, error):
    converse = databases.accepting_tls(certificate, databases.message(b"R", method))
    with databases.serving(converse) as database:
        with pytest.raises(postgres.Failed, match=error):
            ask(postgres, database)


@pytest.mark.parametrize(
    ("identifier", "digest"),
    [("2a864886f70d01010b", "sha256"), ("2a864886f70d01010c", "sha384"), ("2a8648ce3d040303", "sha384")],
)
def test_a_certificate_is_hashed_as_it_was_signed(postgres, identifier, digest):
    def element(tag, content):
        length = len(content)
        return bytes([tag]) + (bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")) + content

    algorithm = element(0x30, element(0x06, bytes.fromhex(identifier)) + element(0x05, b""))
    certificate = element(0x30, element(0x30, b"x" * 500) + algorithm + element(0x03, b"signature"))
    assert postgres.certificate_hash(certificate) == databases.hashlib.new(digest, certificate).digest()
