"""``file://`` while a file is being written: what is believed at each look, with the looks under the test's control."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.file import PATIENCE, FileResolver
from meshclient.discovery.resolver import ResolverUri
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    Answer = Ready | Empty | Failed

BOUND = 60.0


def toml(*urls: str) -> str:
    return f"[services.orders]\nendpoints = {json.dumps(list(urls))}\n"


def rename(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.rename(path)


def overwrite(path: Path, text: str) -> None:
    path.write_text(text)


class Pulled:
    """The watch with its pauses under the test's control: `polls` looks are taken, one after the other."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = asyncio.Semaphore(0)
        self.idle = asyncio.Event()
        self.seen: list[Answer] = []
        monkeypatch.setattr("meshclient.discovery.file.asyncio.sleep", self._sleep)
        self.task = asyncio.create_task(self._follow(path))

    async def _follow(self, path: Path) -> None:
        async for answer in FileResolver(ResolverUri.parse(f"file://{path}")).watch(ServiceName("orders")):
            self.seen.append(answer)

    async def _sleep(self, _seconds: float) -> None:
        self.idle.set()
        await self.gate.acquire()

    async def settled(self) -> None:
        await asyncio.wait_for(self.idle.wait(), BOUND)

    async def poll(self) -> None:
        self.idle.clear()
        self.gate.release()
        await self.settled()

    def said(self) -> list[list[str] | str]:
        taken, self.seen = self.seen, []
        return [a.cause if isinstance(a, Failed) else [e.url for e in a.endpoints] for a in taken]


@contextlib.asynccontextmanager
async def pulled(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Pulled, None]:
    with monkeypatch.context() as patch:
        watch = Pulled(path, patch)
        try:
            await watch.settled()
            yield watch
        finally:
            watch.task.cancel()
            await asyncio.wait({watch.task})


def test_half_a_file_in_place_is_not_believed_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(toml("http://a:1"))

    async def check() -> None:
        async with pulled(path, monkeypatch) as watch:
            await watch.poll()
            assert watch.said() == [["http://a:1"]]
            overwrite(path, "")
            await watch.poll()
            overwrite(path, "[services.orders]\n")  # valid, and short of its endpoints
            await watch.poll()
            overwrite(path, toml("http://a:1", "http://b:2"))
            await watch.poll()
            await watch.poll()
            assert watch.said() == [["http://a:1", "http://b:2"]]

    asyncio.run(check())


def test_a_broken_file_is_read_twice_before_it_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text("[[[")

    async def check() -> None:
        async with pulled(path, monkeypatch) as watch:
            assert watch.said() == []
            await watch.poll()
            assert len(watch.said()) == 1
            rename(path, "]]]")
            await watch.poll()
            assert watch.said() == []
            rename(path, toml("http://a:1"))
            await watch.poll()
            assert watch.said() == [["http://a:1"]]

    asyncio.run(check())


def test_a_gap_between_removing_and_writing_a_file_is_not_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(toml("http://a:1"))

    async def check() -> None:
        async with pulled(path, monkeypatch) as watch:
            await watch.poll()
            path.unlink()
            await watch.poll()
            overwrite(path, toml("http://b:1"))
            await watch.poll()
            assert watch.said() == [["http://a:1"], ["http://b:1"]]

    asyncio.run(check())


@pytest.mark.parametrize("write", [rename, overwrite])
def test_a_file_that_never_rests_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, str], None]
) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(toml("http://a:1"))

    async def check() -> None:
        async with pulled(path, monkeypatch) as watch:
            await watch.poll()
            assert watch.said() == [["http://a:1"]]
            for turn in range(PATIENCE + 1):
                write(path, toml(f"http://b:{turn + 10}"))
                await watch.poll()
            assert watch.said()[-1] == [f"http://b:{PATIENCE + 10}"]

    asyncio.run(check())


def test_a_write_that_restores_the_modification_time_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(toml("http://a:1"))
    stat = path.stat()

    async def check() -> None:
        async with pulled(path, monkeypatch) as watch:
            await watch.poll()
            overwrite(path, toml("http://b:1"))
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            await watch.poll()
            await watch.poll()
            assert watch.said() == [["http://a:1"], ["http://b:1"]]

    asyncio.run(check())


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(toml("http://a:1"))
    reads = 0
    original = Path.read_bytes

    def read(self: Path) -> bytes:
        nonlocal reads
        reads += 1
        return original(self)

    monkeypatch.setattr(Path, "read_bytes", read)

    async def check() -> None:
        async with pulled(path, monkeypatch) as watch:
            await watch.poll()
            before = reads
            for _ in range(5):
                await watch.poll()
            assert reads == before
            assert watch.said() == [["http://a:1"]]

    asyncio.run(check())
