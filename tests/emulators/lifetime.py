"""How long an emulator lives, and how its starter learns that it answers.

The starter spawns the wrapper with a pipe as its standard input, reads one line `ready` from its
standard output, and closes the pipe (or dies) to end it. A pipe is used rather than
PR_SET_PDEATHSIG because that signal follows the *thread* that spawned the process, and test
runners end their threads long before they end.
"""

import atexit
import http.client
import os
import shutil
import signal
import sys
import tempfile
import threading
import time

LOOPBACK = "127.0.0.1"
START_LIMIT_SECONDS = 60
STOP_LIMIT_SECONDS = 3


def port_from(argv, variable):
    """Returns the port of the first argument, else of the environment variable."""
    text = argv[1] if len(argv) > 1 else os.environ.get(variable, "")
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        sys.exit(f"usage: {os.path.basename(argv[0])} PORT (or set {variable}), 1 to 65535")
    return int(text)


def begin():
    """Gives the process a group and a temporary directory of its own, both gone when it ends."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    scratch = tempfile.mkdtemp(prefix="drctl-emulator-")
    os.environ["TMPDIR"] = scratch
    tempfile.tempdir = scratch
    atexit.register(_leave_nothing, scratch)


def live_until_stdin_closes(port, ready_path):
    """Starts two watchers: one says `ready`, one ends the process with its standard input."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    # The emulator's own output must not mix with the one line that the starter reads.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    threading.Thread(target=_announce, args=(port, ready_path, answer), daemon=True).start()
    threading.Thread(target=_end_with_stdin, daemon=True).start()


def _leave_nothing(scratch):
    # The group holds what the emulator started, such as MiniStack's Lambda workers.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    shutil.rmtree(scratch, ignore_errors=True)


def _announce(port, ready_path, answer):
    deadline = time.monotonic() + START_LIMIT_SECONDS
    while time.monotonic() < deadline:
        if _answers(port, ready_path):
            print("ready", file=answer, flush=True)
            return
        time.sleep(0.05)
    print(f"no answer on {LOOPBACK}:{port} after {START_LIMIT_SECONDS} s", file=sys.stderr)
    os.killpg(0, signal.SIGKILL)


def _answers(port, path):
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _end_with_stdin():
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_LIMIT_SECONDS)
    os.killpg(0, signal.SIGKILL)
