#!/bin/sh
# Writes constraints/*.txt: every package that set-up installs, pinned with its hashes, for all platforms at once.
#
# Arguments are handed on to `uv pip compile`. uv is taken from the PATH, or installed into .cache.
set -eu
cd "$(dirname "$0")/.."

if command -v uv >/dev/null; then
    uv=uv
else
    uv=.cache/uv/bin/uv
    if [ ! -x "$uv" ]; then
        "${PYTHON:-python3}" -m venv .cache/uv
        .cache/uv/bin/python -m pip --disable-pip-version-check install --quiet uv
    fi
fi

compile() {
    # No index address is written: whoever installs chooses where from, and the hashes say whether it is the same file.
    "$uv" pip compile --quiet --universal --no-emit-index-url --no-emit-find-links --generate-hashes \
        --python-version 3.11 --custom-compile-command "make constraints" "$@" >/dev/null
}

ours="--no-emit-package meshclient"
groups=""
for project in plugins/*/pyproject.toml; do
    if [ -e "$project" ]; then
        ours="$ours --no-emit-package $(basename "$(dirname "$project")")"
        if grep -q '^\[dependency-groups\]' "$project"; then
            groups="$groups --group $project:dev"
        fi
    fi
done
projects=$(ls pyproject.toml plugins/*/pyproject.toml 2>/dev/null || true)

# Unquoted: these are lists of words. runtime is compiled under dev, so that one environment can hold both.
# shellcheck disable=SC2086
compile "$@" $ours $groups --group build --group dev --extra yaml --output-file constraints/dev.txt $projects
# shellcheck disable=SC2086
compile "$@" $ours --group build --extra yaml --constraint constraints/dev.txt \
    --output-file constraints/runtime.txt pyproject.toml
# shellcheck disable=SC2086
compile "$@" $ours --group build --group bench --constraint constraints/runtime.txt \
    --output-file constraints/bench.txt pyproject.toml
