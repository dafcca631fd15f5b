#!/usr/bin/env python3
"""What drctl costs as a process: seconds, CPU, peak memory, bytes written.

    cargo build --release
    python3 benches/process.py target/release/drctl                # the twin, needs nothing else
    python3 benches/process.py target/release/drctl http://127.0.0.1:4566    # and an AWS API server

Each command runs on the state that the one before left, five times over; the table shows medians.
The server keeps buckets from run to run only by accident: give it a fresh one.

Targets: `--version` under 20 ms; `up` of production under 1 s and 80 MB; 1,000 trivial steps with
0.3 s of CPU and 5 MB written, of which the twin's own world is 0.7; a preview of 10,000 resources with
1 s of CPU and 150 MB, to which the twin adds its world, about 30; the stack of two_regions.yaml on a
server under 60 MB.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 5
PROJECT = Path(__file__).resolve().parent.parent

PRODUCTION = [
    "--version",
    "up --stack prod --local --yes",
    "preview --stack prod --local --expect-no-changes",
    "preview --stack prod --local --refresh --expect-no-changes",
    "destroy --stack prod --local --force-override-protection --yes",
]
MANY = [
    "up --stack 1000.yaml --local --yes",
    "up --stack 10000.yaml --local --yes",
    "preview --stack 10000.yaml --local --expect-no-changes",
]
TWO_REGIONS = [
    "up --stack benches/two_regions.yaml --yes",
    "preview --stack benches/two_regions.yaml --refresh --expect-no-changes",
    "destroy --stack benches/two_regions.yaml --yes",
]


def measure(drctl, arguments, directory, environment):
    """Wall seconds, CPU seconds, peak MB and written MB of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [drctl, *arguments.split()],
        cwd=directory,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"drctl {arguments} ended with {process.returncode}:\n{said[-2000:]}")
    return (
        time.perf_counter() - start,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        usage.ru_oublock * 512 / 1e6,
    )


def tree(size):
    """A program of topics, each of which refers to another one, at most a few after each other."""
    lines = [f"name: tree{size}", "runtime: yaml", "regions: {primary: eu-west-1}", "resources:"]
    for n in range(size):
        parent = f"${{t{n // 8}.name}}" if n else "none"
        lines.append(f"  t{n}: {{type: aws:sns:Topic, properties: {{name: t{size}-{n}, displayName: '{parent}'}}}}")
    return "\n".join(lines) + "\n"


def table(drctl, commands, environment):
    rows = {command: [] for command in commands}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as directory:
            for part in ("stacks", "benches"):
                shutil.copytree(PROJECT / part, Path(directory) / part)
            for size in (1_000, 10_000):
                (Path(directory) / f"{size}.yaml").write_text(tree(size))
            for command in commands:
                rows[command].append(measure(drctl, command, directory, environment))
    print(f"{'command':62} {'wall s':>7} {'CPU s':>7} {'peak MB':>8} {'written MB':>11}")
    for command, runs in rows.items():
        wall, cpu, peak, written = (statistics.median(figure) for figure in zip(*runs))
        print(f"{command:62} {wall:7.3f} {cpu:7.3f} {peak:8.1f} {written:11.2f}")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    drctl = str(Path(sys.argv[1]).resolve())
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "DRCTL_"))}
    table(drctl, PRODUCTION + MANY, environment)
    if len(sys.argv) == 3:
        server = {
            "AWS_ENDPOINT_URL": sys.argv[2],
            "AWS_ACCESS_KEY_ID": "300000000099",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }
        table(drctl, TWO_REGIONS, environment | server)


if __name__ == "__main__":
    main()
