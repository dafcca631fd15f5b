"""Starts moto's server on the loopback address.

Usage: moto_server.py PORT   (or MOTO_PORT=PORT moto_server.py)
Prints `ready` when it answers, ends when its standard input closes.
"""

import logging
import os
import sys

import lifetime

SETTINGS = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    # Seconds until a certificate is issued: long enough for a waiter to see it pending.
    "MOTO_ACM_VALIDATION_WAIT": "2",
}


def main():
    port = lifetime.port_from(sys.argv, "MOTO_PORT")
    lifetime.begin()
    os.environ.update(SETTINGS, MOTO_PORT=str(port))

    from moto.server import main as serve

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    lifetime.live_until_stdin_closes(port, "/moto-api/")
    serve(["--host", lifetime.LOOPBACK, "--port", str(port)])


if __name__ == "__main__":
    main()
