"""Each example runs as its docstring says, and shows what it promises."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from servers.consul import Consul

FOLDER = Path(__file__).parents[2] / "examples"
# What the examples share; no program itself.
SHARED = "instances.py"
PROGRAMS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != SHARED)


def run(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it as a user does who has the distribution installed; only the variables given speak to it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MESHCLIENT_", "CONSUL_"))}
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / name), *arguments],
        env={**kept, "PYTHONPATH": paths, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def test_every_program_is_run_here() -> None:
    texts = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_example*.py")]
    assert {name for name in PROGRAMS if not any(f'"{name}"' in text for text in texts)} == set()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_short_and_says_how_to_run_it(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    assert len(text.splitlines()) < 40
    assert f"python examples/{name}" in (ast.get_docstring(ast.parse(text)) or "")


@pytest.mark.parametrize("name", ["quickstart.py", "async_client.py"])
def test_calls_are_spread(name: str) -> None:
    lines = [re.fullmatch(r" *(\d+) calls answered by 127\.0\.0\.1:(\d+)", line) for line in said(run(name))]
    assert 1 < len(lines) <= 3
    assert sum(int(line[1]) for line in lines if line) == 30


def test_a_client_of_ones_own_keeps_its_hooks_and_logical_urls() -> None:
    lines = said(run("keep_your_client.py"))
    assert len(lines) == 3
    for number, line in enumerate(lines):
        assert re.fullmatch(rf"GET http://orders/v1/orders/{number} -> 200 from port \d+", line)


def test_the_story_of_a_repeated_call() -> None:
    summary, first, second = said(run("why.py"))
    assert summary.startswith("status 200")
    assert re.fullmatch(r"1\. http://127.0.0.1:\d+: \w+ after [\d.]+ ms\. .*tried again after .*", first)
    assert re.fullmatch(r"2\. http://127.0.0.1:\d+: ok after [\d.]+ ms\. ", second)


def test_a_canary_that_fails() -> None:
    *warnings, summary = said(run("canary.py"))
    assert any(line.startswith("orders: v2 is worse than the rest by its failures") for line in warnings)
    found = re.fullmatch(r"(\d+) of 300 users met the canary; afterwards the first of them was served", summary)
    assert found is not None
    assert 3 <= int(found[1]) <= 15


def test_the_file_and_the_program_together() -> None:
    orders, reports = said(run("from_config.py"))
    assert re.fullmatch(r"http://orders/v1/orders/42: 0\.\d s of its time were left", orders)
    assert re.fullmatch(r"http://orders/reports/2024: (9\.\d|10\.0) s of its time were left", reports)


def test_the_environment_overrides_the_file() -> None:
    orders, _ = said(run("from_config.py", MESHCLIENT_SERVICES__ORDERS__DEADLINE="30s"))
    assert re.fullmatch(r"http://orders/v1/orders/42: (29\.\d|30\.0) s of its time were left", orders)


@pytest.mark.parametrize("given", ["argument", "variable"])
def test_an_instance_in_consul(consul: Consul, given: str) -> None:
    address = f"127.0.0.1:{consul.port}"
    done = run("consul.py", address) if given == "argument" else run("consul.py", CONSUL_HTTP_ADDR=f"http://{address}")
    answer, end = said(done)
    assert re.fullmatch(rf"answered by 127\.0\.0\.1:\d+, listed by consul://{address}", answer)
    assert end == "left"
    assert consul.call("GET", "/v1/health/service/example-orders") == []


def test_a_stub() -> None:
    assert said(run("stub.py")) == ["{'path': '/v1/orders/42?expand=every%20line', 'lines': ['tea', 'milk']}"]


def test_tests_of_ones_own_code() -> None:
    assert said(run("testing_your_code.py")) == [
        "test_an_instance_that_fails_is_not_noticed: passed",
        "test_a_service_without_instances: passed",
    ]


def test_consul_has_to_be_named() -> None:
    done = run("consul.py")
    assert done.returncode == 1
    assert "where is Consul?" in done.stderr
