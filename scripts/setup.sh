#!/bin/sh
# Makes .venv and fills it from one constraints file; called by make, which knows from the stamp files when that is due.
#
#   scripts/setup.sh runtime    what `make demo` needs: the core distribution, its dependencies and YAML
#   scripts/setup.sh dev        that, the plugins, and every tool for tests and lint
#
# Needs Python 3.11 or newer and pip, nothing else: no root, no uv. PYTHON names the interpreter to build on.
set -eu
cd "$(dirname "$0")/.."
set_name=$1
venv=.venv

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        candidates=$PYTHON
    else
        candidates="python3 python3.14 python3.13 python3.12 python3.11"
    fi
    for candidate in $candidates; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "setup: no Python 3.11 or newer among: $candidates" >&2
    echo "setup: install one, or name the one to use: make PYTHON=/path/to/python3.11" >&2
    exit 1
}

if ! new_enough "$venv/bin/python"; then
    python=$(find_python)
    echo "setup: making $venv with $("$python" -V)"
    rm -rf "$venv"
    # Debian ships ensurepip in a package of its own; without it the host's pip fills the environment from outside.
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        rm -rf "$venv"
        "$python" -m venv --without-pip "$venv"
    fi
fi

pip() {
    if "$venv/bin/python" -c 'import pip' 2>/dev/null; then
        "$venv/bin/python" -m pip --disable-pip-version-check "$@"
    else
        "$(find_python)" -m pip --python "$venv/bin/python" --disable-pip-version-check "$@"
    fi
}

set -- --editable .
if [ "$set_name" = dev ]; then
    for project in plugins/*/pyproject.toml; do
        if [ -e "$project" ]; then
            set -- "$@" --editable "$(dirname "$project")"
        fi
    done
fi

echo "setup: installing constraints/$set_name.txt"
pip install --quiet --require-hashes --requirement "constraints/$set_name.txt"
# The build back-end is among the pinned packages, so that this step downloads nothing.
pip install --quiet --no-deps --no-build-isolation "$@"

touch "$venv/runtime.stamp"
if [ "$set_name" = dev ]; then
    touch "$venv/dev.stamp"
fi
