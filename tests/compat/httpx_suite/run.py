"""httpx's own test-suite, with meshclient's classes in the place of httpx's.

    python tests/compat/httpx_suite/run.py [--stage httpx|engine|client|mesh|service] [argument of pytest ...]

The tests come with the source distribution of the pinned httpx, which pip fetches and checks against the hashes in
constraints/bench.txt; they are unpacked into .cache and never committed. Each stage is a run of its own:

    httpx     httpx as it is. What fails here fails because of the environment, and judges nobody.
    engine    httpx's clients over the wire engine's transports
    client    meshclient's clients without a service
    mesh      the same with a service beside it, so that every request goes by the mesh's transports
    service   the same, where the server of the tests is that service

`expected.toml` lists, with a reason, what is known to differ. A failure that is not listed fails the run, and so do a
listed test that passes and an entry that fits no test.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PINS = ROOT / "constraints" / "bench.txt"
CACHE = ROOT / ".cache" / "httpx-suite"
STAGES = ("httpx", "engine", "client", "mesh", "service")
# Some tests want the network.
ARGUMENTS = ("-m", "not network", "-p", "no:cacheprovider", "-p", "httpx_suite.swap", "-r", "fEX")


def pin() -> tuple[str, str]:
    """The version of httpx, and its lines in the constraints."""
    found = re.search(r"^httpx==(\S+) \\\n(?: +--hash=\S+(?: \\)?\n)+", PINS.read_text("utf-8"), re.MULTILINE)
    if found is None:
        sys.exit(f"{PINS} pins no httpx: run `make constraints`")
    return found[1], found[0]


def unpacked() -> Path:
    """The folder of httpx's source distribution, fetched where it is not there yet."""
    version, requirement = pin()
    folder = CACHE / f"httpx-{version}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        work = Path(name)
        (work / "requirements.txt").write_text(requirement, "utf-8")
        # .venv's pip, at work in this environment: what httpx is built with is here, so that nothing else is fetched.
        pip = [str(ROOT / ".venv" / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        arguments = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
        wanted = ["--require-hashes", "--requirement", str(work / "requirements.txt"), "--dest", name]
        subprocess.run([*pip, "--python", sys.executable, *arguments, *wanted], check=True)
        with tarfile.open(next(work.glob("httpx-*.tar.gz"))) as archive:
            archive.extractall(work, filter="data")
        (work / folder.name).rename(folder)
    return folder


def run(stage: str, folder: Path, arguments: list[str]) -> bool:
    """Whether the suite ends as expected."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "HTTPX_SUITE_STAGE": stage}
    environment.pop("MESHCLIENT_CONFIG", None)
    print(f"== {folder.name}, stage {stage}", flush=True)
    command = [sys.executable, "-m", "pytest", *ARGUMENTS, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], usage="%(prog)s [--stage STAGE] [pytest ...]")
    parser.add_argument("--stage", choices=STAGES, action="append", help="all by default")
    chosen, arguments = parser.parse_known_args()
    folder = unpacked()
    ended = {stage: run(stage, folder, arguments) for stage in chosen.stage or STAGES}
    print(", ".join(f"{stage}: {'as expected' if ok else 'DIFFERS'}" for stage, ok in ended.items()))
    sys.exit(not all(ended.values()))


if __name__ == "__main__":
    main()
