"""Fixtures of the tests of the command line."""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.command import Command
from cli.registering import BOUND, Running
from servers.consul import Consul
from servers.ports import free_port


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that runs in this process leaves nothing for the tests after it, and is as wide as it is anywhere."""
    monkeypatch.delenv("COLUMNS", raising=False)
    ours = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, ours)


@pytest.fixture
def meshclient_command(tmp_path: Path) -> Command:
    """The command, run in an empty folder."""
    return Command(tmp_path)


@pytest.fixture
def name() -> str:
    return f"cli-{secrets.token_hex(4)}"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def start(tmp_path: Path, consul: Consul, name: str, port: int) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def start(
        *words: str, command: tuple[str, ...] = (), before: tuple[str, ...] = (), stdin: int = subprocess.DEVNULL
    ) -> Running:
        registry = ("--registry", f"consul://127.0.0.1:{consul.port}?interval=200ms")
        begun = (name, "--port", str(port), "--host", "127.0.0.1", *registry, *words)
        made.append(Running(tmp_path, begun, command, before=before, stdin=stdin))
        return made[-1]

    yield start
    for each in made:
        if each.process.poll() is None:
            # It passes the end on to its command, which stands in a group of its own.
            each.process.send_signal(signal.SIGTERM)
            each.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                each.process.wait(BOUND)
            each.process.kill()


@pytest.fixture
def rows(consul: Consul, name: str) -> Callable[[], list[dict[str, Any]]]:
    def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = consul.call("GET", f"/v1/health/service/{name}")
        return found

    return rows
