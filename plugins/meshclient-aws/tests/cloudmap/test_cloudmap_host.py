"""The file where the processes of a host meet: what is in it, who may write it, who holds its lock."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.model.service import ServiceName
from meshclient_aws import CloudMapResolver
from meshclient_aws.cloudmap.host import HostFile
from meshclient_aws.cloudmap.instances import IPV4, PORT, Found, Instance
from meshclient_aws.cloudmap.options import CloudMapOptions
from meshclient_aws.cloudmap.poll import Sight
from meshclient_aws.cloudmap.record import Record

if TYPE_CHECKING:
    from pathlib import Path

    from cloudmap.conftest import Space
    from conftest import Kit

pytestmark = pytest.mark.registry("cloudmap", "watch")

ADDRESS = {IPV4: "10.0.0.1", PORT: "8001"}


def test_a_holder_that_stands_still_is_done_without(kit: Kit, space: Space, tmp_path: Path) -> None:
    """It holds the lock and says nothing: the others ask for themselves, each time, while its word is too old."""
    uri = ResolverUri.parse(space.shared(tmp_path / "shared").replace("timeout=20s", "timeout=500ms"))
    name = ServiceName("orders")

    def word(instance: str, stands: float) -> Record:
        return Record(Sight(Found((Instance(instance, "HEALTHY", ADDRESS),), 1)), time.time(), stands)

    async def check() -> None:
        with contextlib.closing(HostFile(CloudMapOptions.parse(uri), name, os.environ)) as holder:
            assert holder.take()
            holder.write(word("told", 0.3))
            async with kit.watch(CloudMapResolver(uri), "orders") as watch:
                await watch.ready("told")
                (file,) = (tmp_path / "shared").glob("*.json")
                last = file.read_bytes()
                for instances in ("a", "ab"):
                    await asyncio.to_thread(space.put, "orders", instances[-1])
                    await watch.ready(*instances)
                assert file.read_bytes() == last  # a reader's word would keep the others, and itself, from asking
                holder.write(word("told again", 60.0))
                await watch.ready("told again")

    asyncio.run(check())


@pytest.mark.parametrize("content", [b"", b"garbage\n{}"])
def test_garbage_in_the_file_is_ignored(kit: Kit, space: Space, tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "shared"
    space.put("orders", "a", "10.0.0.1")
    uri = space.shared(folder).replace("timeout=20s", "timeout=300ms")

    async def check() -> None:
        async with kit.watch(CloudMapResolver(ResolverUri.parse(uri)), "orders") as watch:
            await watch.ready("a")
        (file,), (lock,) = folder.glob("*.json"), folder.glob("*.lock")
        file.write_bytes(content)
        with lock.open() as held:  # somebody else asks, it seems
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            async with kit.watch(CloudMapResolver(ResolverUri.parse(uri)), "orders") as watch:
                await watch.ready("a")

    asyncio.run(check())


def test_a_folder_of_somebody_elses_is_not_used(
    kit: Kit, space: Space, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    space.put("orders", "a", "10.0.0.1")

    async def check() -> None:
        resolver = CloudMapResolver(ResolverUri.parse(space.shared(folder)))
        async with kit.watch(resolver, "orders") as watch:
            await watch.ready("a")
        assert "asks for itself" in caplog.text
        assert str(folder) in caplog.text
        assert list(folder.iterdir()) == []

    asyncio.run(check())


def test_on_a_file_system_without_locks_each_asks_for_itself(
    kit: Kit, space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At once: nobody else will."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    space.put("orders", "a", "10.0.0.1")

    async def check() -> None:
        resolver = CloudMapResolver(ResolverUri.parse(space.shared(tmp_path / "shared")))
        async with kit.watch(resolver, "orders") as watch:
            await watch.ready("a")  # a reader would wait for 20 seconds
        assert "No locks available" in caplog.text

    asyncio.run(check())


# Python 3.12 and later warn of every fork beside threads.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_does_not_keep_the_lock(space: Space, tmp_path: Path) -> None:
    """The parent of pre-forked workers asked, and has died: its children hold no copy of its lock."""
    options = CloudMapOptions.parse(ResolverUri.parse(space.shared(tmp_path / "shared")))
    first, second = (HostFile(options, ServiceName("orders"), {}) for _ in range(2))
    assert first.take()
    assert not second.take()
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - the child's coverage is not kept
        os.write(told, b"!")
        signal.pause()
        os._exit(0)
    try:
        assert os.read(ready, 1) == b"!"
        first.close()
        assert second.take()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(told)
        second.close()
