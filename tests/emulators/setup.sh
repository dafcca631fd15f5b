#!/bin/sh
# Makes the Python environment of the emulators and prints its interpreter's path.
# Does nothing when requirements.txt has not changed since the last run.
#   DRCTL_EMULATORS  where the environment lives (default: ~/.cache/drctl/emulators)
#   DRCTL_PYTHON     the interpreter to build it with (default: python3.12, then python3)
set -eu

requirements="$(dirname "$0")/requirements.txt"
venv="${DRCTL_EMULATORS:-$HOME/.cache/drctl/emulators}"
stamp="$venv/requirements.sha256"
wanted="$(sha256sum < "$requirements")"

is_current() {
    [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]
}

find_python() {
    for candidate in ${DRCTL_PYTHON:-python3.12 python3}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "no Python 3.10 or later found; set DRCTL_PYTHON to one" >&2
    exit 1
}

if ! is_current; then
    mkdir -p "$(dirname "$venv")"
    # Several test binaries may start at once: one builds, the others wait and find it current.
    exec 9> "$venv.lock"
    flock 9
    if ! is_current; then
        python="$(find_python)"
        "$python" -m venv --clear "$venv" >&2
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --requirement "$requirements" >&2
        echo "$wanted" > "$stamp"
    fi
fi

echo "$venv/bin/python"
