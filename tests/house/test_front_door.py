"""The two commands of a fresh machine, and what they say where they cannot work."""

import re
import shutil
import subprocess
from pathlib import Path

from house.source import ROOT


def test_an_old_python_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "scripts")
    # `false` fails whatever it is asked, as an interpreter does that is older than the one asked for.
    done = subprocess.run(
        ["/bin/sh", script, "dev"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": "false"},
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "no Python 3.11 or newer among: false" in done.stderr
    assert "make PYTHON=" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_every_target_is_explained() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    declared = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert declared is not None
    assert set(declared[1].split()) == set(re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE))


def test_continuous_integration_requires_the_real_servers() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "export CI=true" in script
    assert "export MESHCLIENT_REQUIRE_SERVERS=1" in script
    # A red step has to end the run, and the summary of the tests has to end the output.
    assert "set -euo pipefail" in script
    assert script.rstrip().splitlines()[-1].endswith("make --no-print-directory test")


def test_programs_are_executable() -> None:
    for name in (".ci/run", "scripts/setup.sh", "scripts/constraints.sh"):
        assert (ROOT / name).stat().st_mode & 0o111, name
