"""A parallel run shows what a run in one process shows: each test once, no port twice, every server counted."""

import subprocess
import sys
from pathlib import Path

import pytest

from house.source import ROOT
from servers import distribution, ports

INNER = """
import pytest

@pytest.mark.registry("{name}", "watch")
def test_a(backends, measured):
    backends(1)
    measured("{name}: 7 ms")

@pytest.mark.registry("{name}", "watch", "faults")
@pytest.mark.parametrize("fails", [False, True])
def test_b(fails):
    assert not fails
"""


@pytest.mark.parametrize("arguments", [("-p", "no:xdist"), ("-n", "2")])
def test_the_table_is_the_same_however_a_run_is_divided(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / f"test_{name}.py").write_text(INNER.format(name=name))
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\npythonpath = {ROOT / 'tests'}\nmarkers = registry(name, *columns): shows it\n"
    )
    plugins = ("-p", "servers.fixtures", "-p", "servers.distribution", "-p", "no:cacheprovider")
    run = [sys.executable, "-m", "pytest", "--import-mode=importlib", *plugins, *arguments, str(tmp_path)]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert "3 failed, 6 passed" in done.stdout, done.stdout + done.stderr
    table = [
        "registry  resolve  watch  register  deregister  faults  on",
        "one       -        2      -         -           1       loopback http backend",
        "three     -        2      -         -           1       loopback http backend",
        "two       -        2      -         -           1       loopback http backend",
        "real servers: loopback http backend (3 tests)",
    ]
    assert "\n".join(table) in done.stdout
    assert sorted(line for line in done.stdout.splitlines() if line.endswith(": 7 ms")) == [
        "one: 7 ms",
        "three: 7 ms",
        "two: 7 ms",
    ]
    assert "test_one.py::test_b[True]" in done.stdout


def test_the_tests_of_a_dear_server_stay_together_and_go_first() -> None:
    for folder in distribution.TOGETHER:
        tests = [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob("test_*.py")]
        assert len(tests) > 1, f"{folder} holds no tests (any more)"
        assert {distribution.unit(f"{test}::test_it[a::b]") for test in tests} == {folder}
        assert {distribution.rank(f"{test}::test_it") for test in tests} == {0}
    assert distribution.unit("tests/unit/core/test_a.py::TestB::test_c[x]") == "tests/unit/core/test_a.py"
    ranks = [distribution.rank(f"{folder}/test_a.py::test_b") for folder in ("tests/cli", "plugins/x/tests/unit")]
    assert ranks == [1, 2]


def test_processes_of_a_run_take_their_ports_from_separate_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    parts = []
    for number in range(3):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{number}")
        first, last = ports.part()
        parts.append(range(first, last + 1))
        assert all(first <= ports.free_port() <= last for _ in range(20))
    assert len(set().union(*parts)) == sum(map(len, parts)) > 10_000
