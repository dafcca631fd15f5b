#!/bin/bash
# The first start of a payment instance: installs what answers the health checks. Nothing in it names a
# region or an environment; the instance asks its metadata, so that both regions start from one text.
set -eu

token=$(curl -sfX PUT http://169.254.169.254/latest/api/token -H "X-aws-ec2-metadata-token-ttl-seconds: 300")
metadata() {
    curl -sf -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}

install -d /opt/payments
{
    echo "AWS_REGION=$(metadata placement/region)"
    echo "ENVIRONMENT=$(metadata tags/instance/Environment)"
} > /opt/payments/environment

cat > /opt/payments/health.py <<'PYTHON'
"""Answers the load balancer: 200 while the database of this region can be read, otherwise 503.

The endpoint comes from Parameter Store and is read again each minute, so a change of the live
database reaches every instance without a restart. What answered last is kept while Parameter
Store does not answer.
"""

import json
import os
import socket
import struct
import subprocess
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8080
SECONDS_BETWEEN_READS = 60
# PostgreSQL message "SSLRequest": a server that answers it accepts connections.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class Endpoint:
    """Where the database of this region is read."""

    def __init__(self, read, clock=time.monotonic):
        self.read, self.clock = read, clock
        self.value, self.read_at = "", None

    def current(self):
        now = self.clock()
        if self.read_at is None or now - self.read_at >= SECONDS_BETWEEN_READS:
            self.read_at = now
            try:
                self.value = self.read()
            except (OSError, subprocess.SubprocessError) as error:
                log("settings_not_read", error=str(error))
        return self.value


def read_parameter():
    name = f"/payments/reader-endpoint-{os.environ['ENVIRONMENT']}"
    command = ["aws", "ssm", "get-parameter", "--name", name, "--query", "Parameter.Value", "--output", "text"]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=2).stdout.strip()


def failure(endpoint, timeout=1.5):
    """Says what is wrong with the database, or nothing."""
    if not endpoint:
        return "the endpoint of the database is unknown"
    host, _, port = endpoint.partition(":")
    try:
        with socket.create_connection((host, int(port or 5432)), timeout=timeout) as connection:
            connection.sendall(SSL_REQUEST)
            answer = connection.recv(1)
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return "" if answer == b"S" else f"the database answered {answer!r}"


def handler(endpoint):
    class Health(BaseHTTPRequestHandler):
        def do_GET(self):
            wrong = failure(endpoint.current()) if self.path == "/health" else "no such page"
            status = {"": 200, "no such page": 404}.get(wrong, 503)
            body = json.dumps({"status": wrong or "healthy"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if status == 503:
                log("unhealthy", error=wrong)

        def log_message(self, *_):
            """Health checks come six times a minute from everywhere; only failures are told."""

    return Health


def log(message, **fields):
    print(json.dumps({"message": message, **fields}), flush=True)


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), handler(Endpoint(read_parameter))).serve_forever()
PYTHON

cat > /etc/systemd/system/payments-health.service <<'UNIT'
[Unit]
Description=Health of the payment instance
After=network-online.target
Wants=network-online.target

[Service]
EnvironmentFile=/opt/payments/environment
ExecStart=/usr/bin/python3 /opt/payments/health.py
DynamicUser=yes
Restart=always

[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --now payments-health.service
