"""The two commands of a fresh machine, and what they say where they cannot work."""

import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

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
    *_, test, look, end = script.rstrip().splitlines()
    assert test.startswith("if ! ")
    assert test.endswith("make --no-print-directory test; then")
    assert (look.endswith(" scripts/second_look.sh"), end) == (True, "fi")


@pytest.mark.parametrize(
    ("broken", "unsteady", "status", "words"),
    [
        (0, 2, 0, "UNSTEADY, to be mended: test_some.py::test_unsteady[1 a]"),
        (1, 1, 1, "test_broken"),
        (0, 4, 1, "second look: 4 tests failed, and not up to 3"),
    ],
)
def test_what_failed_has_a_second_look(tmp_path: Path, broken: int, unsteady: int, status: int, words: str) -> None:
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts" / "second_look.sh", tmp_path / "scripts")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "test_some.py").write_text(
        f"""import pathlib, pytest
@pytest.mark.parametrize("name", [f"{{number}} a" for number in range({unsteady})])
def test_unsteady(name):
    seen = pathlib.Path(__file__).with_name(name)
    first = not seen.exists()
    seen.touch()
    assert not first
@pytest.mark.parametrize("name", range({broken}))
def test_broken(name):
    assert False
"""
    )
    run = partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    ended = run([script])
    assert (ended.returncode, ended.stderr) == (1, "second look: the run did not come to its end\n")
    first = run([sys.executable, "-m", "pytest", "-q", "test_some.py", "-p", "no:xdist"])
    assert first.returncode == 1, first.stdout
    ended = run([script])
    assert ended.returncode == status, ended.stderr
    assert words in ended.stdout + ended.stderr


def test_programs_are_executable() -> None:
    for name in (".ci/run", "scripts/setup.sh", "scripts/constraints.sh", "scripts/second_look.sh"):
        assert (ROOT / name).stat().st_mode & 0o111, name
