#!/bin/bash
# The first start of a trading instance: installs what answers for the market data until a release of the
# platform does. Nothing in it names a region or an environment; the instance asks its metadata, so
# that both regions start from one text.
set -eu

token=$(curl -sfX PUT http://169.254.169.254/latest/api/token -H "X-aws-ec2-metadata-token-ttl-seconds: 300")
metadata() {
    curl -sf -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}

dnf install -qy postgresql16
install -d /opt/trading
# Load balancers take any certificate of their targets: it encrypts the way inside the VPC.
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$(metadata instance-id)" -keyout /opt/trading/tls.key \
    -out /opt/trading/tls.crt
(umask 077 && cat /opt/trading/tls.key /opt/trading/tls.crt > /opt/trading/tls.pem)
rm /opt/trading/tls.key
curl -sfo /opt/trading/rds.pem https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
{
    echo "AWS_REGION=$(metadata placement/region)"
    echo "ENVIRONMENT=$(metadata tags/instance/Environment)"
    echo "PGSSLMODE=verify-full"
    echo "PGSSLROOTCERT=/opt/trading/rds.pem"
    echo "PGCONNECT_TIMEOUT=2"
} > /opt/trading/environment

cat > /opt/trading/market_data.py <<'PYTHON'
"""Answers whether this region serves valid trading data, and whether this instance is well.

`/api/v1/market-data/health` runs the query of the settings on the database of this region, which may be
a replica: a query that writes would keep the standby from ever being healthy. Only the answer true
is valid data. `/health` says that the instance works: the load balancer must not replace instances
because a database is down.
"""

import json
import os
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8443
SECONDS_BETWEEN_READS = 60
# Some sixteen checkers of Route 53 ask every ten seconds.
SECONDS_BETWEEN_QUERIES = 5
SETTINGS = ("reader-endpoint", "secret-name", "market-data-query")


class Kept:
    """What `read` gave, kept for some seconds, and longer while it fails if `stale` may be used.

    What there is nothing of is read again soon: the first commands of a new instance may take too long.
    """

    def __init__(self, read, seconds, stale, clock=time.monotonic):
        self.read, self.seconds, self.stale, self.clock = read, seconds, stale, clock
        self.lock = threading.Lock()
        self.value, self.read_at = None, None

    def current(self):
        with self.lock:
            now = self.clock()
            seconds = SECONDS_BETWEEN_QUERIES if self.value is None else self.seconds
            if self.read_at is None or now - self.read_at >= seconds:
                self.read_at = now
                try:
                    self.value = self.read()
                except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
                    log("not_read", what=self.read.__name__, error=type(error).__name__)
                    self.value = self.value if self.stale else None
            return self.value


def run(*command, env=None):
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, capture_output=True, check=True, text=True, timeout=3
    )
    return done.stdout.strip()


def read_settings():
    """The settings of this region and the login, from Parameter Store and Secrets Manager."""
    names = [f"/trading/{name}-{os.environ['ENVIRONMENT']}" for name in SETTINGS]
    found = json.loads(run("aws", "ssm", "get-parameters", "--names", *names, "--output", "json"))
    values = {item["Name"]: item["Value"] for item in found["Parameters"]}
    endpoint, secret, query = (values[name] for name in names)
    answer = run("aws", "secretsmanager", "get-secret-value", "--secret-id", secret, "--output", "json")
    login = json.loads(json.loads(answer)["SecretString"])
    host, _, port = endpoint.partition(":")
    return {
        "PGHOST": host,
        "PGPORT": port or "5432",
        "PGDATABASE": login["dbname"],
        "PGUSER": login["username"],
        "PGPASSWORD": login["password"],
        "QUERY": query,
    }


def data_is_valid(settings):
    """Whether the query says so. Raises if the database does not answer."""
    if settings is None:
        raise ValueError("the settings are unknown")
    return run("psql", "--no-psqlrc", "-qAtc", settings["QUERY"], env=settings) == "t"


def handler(valid):
    class MarketData(BaseHTTPRequestHandler):
        # Seconds, so that a client that says nothing holds no thread.
        timeout = 10

        def do_GET(self):
            if self.path == "/health":
                self.answer(200, {"status": "healthy"})
            elif self.path != "/api/v1/market-data/health":
                self.answer(404, {"status": "no such page"})
            elif valid.current():
                self.answer(200, {"tradingData": "valid"})
            else:
                self.answer(503, {"tradingData": "invalid"})

        def answer(self, status, body):
            # Without spaces: the health checks look for `"tradingData":"valid"`.
            text = json.dumps(body, separators=(",", ":")).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            """Health checks come all the time from everywhere; only failures are told."""

    return MarketData


def log(message, **fields):
    print(json.dumps({"message": message, **fields}), flush=True)


def listen(port, valid, certificate):
    server = ThreadingHTTPServer(("", port), handler(valid))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    # The thread of a connection shakes hands, not the one that all of them wait for.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def serve():
    settings = Kept(read_settings, SECONDS_BETWEEN_READS, stale=True)

    def query_market_data():
        return data_is_valid(settings.current())

    valid = Kept(query_market_data, SECONDS_BETWEEN_QUERIES, stale=False)
    listen(PORT, valid, os.path.join(os.environ["CREDENTIALS_DIRECTORY"], "tls.pem")).serve_forever()


if __name__ == "__main__":
    serve()
PYTHON

cat > /etc/systemd/system/market-data.service <<'UNIT'
[Unit]
Description=Market data of the trading instance
After=network-online.target
Wants=network-online.target

[Service]
EnvironmentFile=/opt/trading/environment
ExecStart=/usr/bin/python3 /opt/trading/market_data.py
DynamicUser=yes
LoadCredential=tls.pem:/opt/trading/tls.pem
Restart=always

[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --now market-data.service

# A release is a script in the bucket of this region, which replication fills; it takes the port over.
bucket=$(aws ssm get-parameter --name "/trading/artifact-bucket-$(metadata tags/instance/Environment)" \
    --region "$(metadata placement/region)" --query Parameter.Value --output text)
if aws s3 cp --quiet "s3://$bucket/releases/current/start.sh" /opt/trading/start.sh; then
    bash /opt/trading/start.sh
fi
