"""``meshclient demo``, end to end; the slowest tests of the command line."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from cli.command import LIMIT, Command
from cli.schemas import assert_valid
from meshclient.cli.complaint import CommandError
from meshclient.cli.demo import fleet, result
from meshclient.cli.demo.scenario import Demonstration
from meshclient.cli.demo.tally import Tally

PHASES = ["steady", "killed", "slowed", "failing", "grown"]


def test_no_call_through_the_mesh_fails_while_plain_calls_do(meshclient_command: Command) -> None:
    # A configuration that would spoil it is left aside.
    ran = meshclient_command("demo", "--once", "-o", "json", "--duration", "8", MESHCLIENT_DEFAULTS__RETRY="false")
    assert ran.code == 0, ran.err
    document = ran.document
    mesh, plain = document["mesh"], document["plain"]
    assert_valid(document)
    assert mesh["failed"] == 0
    assert mesh["calls"] > 0
    assert mesh["retried"] > 0
    assert mesh["attempts"] >= mesh["calls"] + mesh["retried"]
    assert plain["failed"] > 0
    assert plain["retried"] == 0
    assert 0 < mesh["latency_p50_seconds"] <= mesh["latency_p99_seconds"]

    assert [phase["phase"] for phase in document["phases"]] == PHASES
    endpoints = {each["instance"]: each for each in document["endpoints"]}
    assert [each["fate"] for each in endpoints.values()] == [None, "killed", "slowed", "failing", None, "added"]
    assert endpoints["shop-6"]["mesh"]["attempts"] > 0
    assert endpoints["shop-6"]["plain"]["attempts"] == 0
    states = {"in_rotation", "avoided", "standby", "probing", "ejected", "excluded"}
    assert {each["state"] for each in endpoints.values()} <= states
    assert endpoints["shop-6"]["mesh"]["share"]["steady"] == 0
    for phase in PHASES:
        for client in ("mesh", "plain"):
            assert sum(each[client]["share"][phase] for each in endpoints.values()) == pytest.approx(1)
    # The dead instance gets a fifth of plain httpx's calls to the end, and next to none of the mesh's.
    assert endpoints["shop-2"]["plain"]["share"]["slowed"] > 0.1
    assert endpoints["shop-2"]["mesh"]["share"]["slowed"] < 0.1
    told = [event["event"] for event in document["events"]]
    order = ["load_started", "instance_killed", "instance_slowed", "instance_failing", "instance_added"]
    assert [kind for kind in told if kind in order] == order
    assert told.count("list_updated") == 2
    assert "shop-2 was killed with SIGKILL and stays in the registry" in ran.err


@pytest.fixture
def running(meshclient_command: Command) -> Iterator[subprocess.Popen[str]]:
    """A demonstration whose load has begun."""
    process = meshclient_command.start("demo", "--once", "--duration", "60", TMPDIR=str(meshclient_command.folder))
    try:
        assert process.stderr is not None
        while line := process.stderr.readline():
            if "load through meshclient" in line:
                break
        else:
            pytest.fail("the demonstration did not begin")
        yield process
    finally:
        process.kill()
        process.communicate(timeout=LIMIT)


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def wait_gone(pids: list[int]) -> None:
    """Wait until none of the processes runs."""
    end = time.monotonic() + LIMIT
    while any(runs(pid) for pid in pids):
        assert time.monotonic() < end, "an instance outlived the demonstration"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether a process runs, a dead one that nobody has asked for aside."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_the_instances(
    running: subprocess.Popen[str], tmp_path: Path, number: int, code: int
) -> None:
    instances = children(running.pid)
    assert len(instances) == 5
    assert [path.name for path in tmp_path.iterdir()] != []
    running.send_signal(number)
    _, errors = running.communicate(timeout=LIMIT)
    assert running.returncode == code
    assert "Traceback" not in errors
    wait_gone(instances)
    assert list(tmp_path.iterdir()) == []


def test_the_instances_do_not_outlive_a_killed_demonstration(running: subprocess.Popen[str]) -> None:
    instances = children(running.pid)
    assert len(instances) == 5
    os.kill(running.pid, signal.SIGKILL)
    wait_gone(instances)


def test_an_instance_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "instance.py"
    program.write_text("raise SystemExit('no port is left')", "utf-8")
    monkeypatch.setattr(fleet, "_PROGRAM", program)
    with pytest.raises(CommandError) as caught, fleet.Fleet() as instances:
        asyncio.run(instances.add())
    assert "instance shop-1 did not start\n  why: no port is left" in str(caught.value.complaint)


def test_a_configuration_is_refused(meshclient_command: Command) -> None:
    ran = meshclient_command("--resolver", "dns://", "demo")
    assert ran.code == 2
    assert "demo brings its own configuration" in ran.err


def test_states_are_words_in_the_table_and_names_in_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {
        "in_rotation": "in rotation",
        "avoided": "in rotation, avoided",
        "ejected": "ejected",
        "standby": "standby",
    }
    instances = [SimpleNamespace(name=state, url=f"http://{state}", fate="") for state in states]
    monkeypatch.setattr(Demonstration, "instances", instances)
    run = Demonstration(8, lambda _: None)
    run.states = {f"http://{state}": state for state in states}
    written = cast("list[dict[str, object]]", result.document(run)["endpoints"])
    assert [each["state"] for each in written] == list(states)
    sheet, _ = result.sheets(run)
    assert [row[3][0] for row in sheet.rows] == list(states.values())
    assert "SUCCESS counts attempts, not calls" in sheet.caption


def test_a_failed_call_is_counted_and_not_timed() -> None:
    tally = Tally()
    for seconds in (0.1, 0.2, 0.3):
        tally.call(seconds, good=True, attempts=2)
    tally.call(9.0, good=False)
    tally.attempt("steady", "a", good=True)
    tally.attempt("steady", "b", good=False)
    tally.attempt("grown", "b", good=True)
    assert tally.document() == {
        "calls": 4,
        "failed": 1,
        "retried": 3,
        "attempts": 3,
        "latency_p50_seconds": 0.2,
        "latency_p99_seconds": 0.3,
    }
    assert (tally.share("steady", "b"), tally.share("grown", "b"), tally.share("slowed", "b")) == (0.5, 1.0, None)
    assert (tally.success("a"), tally.success("b"), tally.success("c")) == (1.0, 0.5, None)
