"""A file that does not change is confirmed by every look at it: its age is that of the look, and nobody is told."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from meshclient import Mesh
from meshclient.discovery.file import CONFIRM, POLL, FileResolver
from meshclient.discovery.resolver import ResolverUri
from meshclient.model.events import RegistryLost, SnapshotUpdated
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from meshclient.model.events import Event

    Answer = Ready | Empty | Failed

BOUND = 60.0
QUICK = 0.02


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "mesh.toml"
    file.write_text('[services.orders]\nendpoints = ["http://a:1"]\n[services.empty]\nendpoints = []\n')
    return file


def resolver(path: Path, confirm: float = QUICK) -> FileResolver:
    return FileResolver(ResolverUri.parse(f"file://{path}"), poll=QUICK / 4, confirm=confirm)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize(("name", "kind"), [("orders", Ready), ("empty", Empty), ("nobody", Empty)])
def test_what_did_not_change_is_said_again(path: Path, name: str, kind: type[Answer]) -> None:
    async def check() -> None:
        answers: AsyncGenerator[Answer, None] = resolver(path).watch(ServiceName(name))  # type: ignore[assignment]
        async with asyncio.timeout(BOUND):
            first, *others = [await anext(answers) for _ in range(4)]
        await answers.aclose()
        assert isinstance(first, kind)
        assert all(other is first for other in others)

    asyncio.run(check())


def test_in_a_mesh_the_age_stays_low_and_nothing_is_told(path: Path) -> None:
    told: list[Event] = []
    with Mesh(resolver(path), observers=[told.append]) as mesh:
        first = mesh.warm("orders", timeout=BOUND)["orders"]
        until(lambda: mesh.service("orders").snapshot.at > first.at)
        second = mesh.service("orders").snapshot
        until(lambda: mesh.service("orders").snapshot.at > second.at)
        assert mesh.service("orders").snapshot.version == first.version == 1
        assert [type(event) for event in told] == [SnapshotUpdated]
        path.unlink()
        until(lambda: mesh.service("orders").snapshot.state == "failed")
        failed = mesh.service("orders").snapshot
        assert isinstance(failed, Failed)
        assert failed.last is not None
        age = failed.last.at
        # Looking at nothing confirms nothing.
        time.sleep(5 * QUICK)
        later = mesh.service("orders").snapshot
        assert isinstance(later, Failed)
        assert later.last is not None
        assert later.last.at == age
    assert [type(event) for event in told] == [SnapshotUpdated, RegistryLost]


def test_it_is_not_said_more_often_than_it_is_looked_at() -> None:
    assert POLL < CONFIRM <= 10
