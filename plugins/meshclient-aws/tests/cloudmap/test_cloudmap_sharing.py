"""Many watches, one stream of questions: in a process, and between the processes of a host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient_aws import CloudMapResolver
from servers.faults import LinkFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudmap.conftest import Space
    from conftest import Kit

    from servers.aws import Aws
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("cloudmap", "watch")

WITHIN = 20.0
# Follows one service and writes the ids that it sees, one line for each answer that differs from the last.
WORKER = """
import asyncio, random, sys, time
from meshclient.discovery.resolver import ResolverUri
from meshclient.discovery.supervision import supervise
from meshclient.model.service import ServiceName
from meshclient_aws import CloudMapResolver

async def main():
    resolver, last = CloudMapResolver(ResolverUri.parse(sys.argv[1])), None
    async for answer in supervise(resolver, ServiceName("orders"), time.monotonic, random.Random()):
        line = answer.state + " " + ",".join(sorted(endpoint.id for endpoint in answer.endpoints))
        if line != last:
            last = line
            print(line, flush=True)

asyncio.run(main())
"""


class Worker:
    """A process that follows a service."""

    def __init__(self, uri: str, output: Path) -> None:
        self.output = output
        with output.open("wb") as file:
            command = [sys.executable, "-c", WORKER, uri]
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)

    @property
    def last(self) -> str:
        lines = self.output.read_text().splitlines()
        return lines[-1] if lines else ""

    def wait(self, line: str) -> None:
        end = time.monotonic() + WITHIN
        while self.last != line:
            assert time.monotonic() < end, f"not {line!r} but {self.output.read_text()!r}"
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(0.02)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Callable[[str], Worker]]:
    made: list[Worker] = []

    def start(uri: str) -> Worker:
        made.append(Worker(uri, tmp_path / f"worker-{len(made)}"))
        return made[-1]

    yield start
    for worker in made:
        worker.end()


def shared(space: Space, folder: Path, options: str = "", url: str = "") -> str:
    uri = space.uri(f"interval=300ms&health_interval=10m&timeout=2s&share=on&share_dir={folder}{options}", url=url)
    return f"cloudmap://{uri.authority}?" + "&".join(f"{key}={value}" for key, value in uri.options.items())


def holder(workers: list[Worker], folder: Path) -> Worker:
    """The worker that holds the lock, as the kernel's list of locks has it."""
    (lock,) = folder.glob("*.lock")
    inode = f":{lock.stat().st_ino}"
    owners = {int(line.split()[4]) for line in Path("/proc/locks").read_text().splitlines() if f"{inode} " in line}
    (found,) = [worker for worker in workers if worker.process.pid in owners]
    return found


def test_watches_of_one_process_share_their_questions(kit: Kit, space: Space, aws: Aws) -> None:
    space.put("orders", "a", "10.0.0.1")
    aws.calls(clear=True)

    async def check() -> None:
        async with contextlib.AsyncExitStack() as stack:
            watches = [
                await stack.enter_async_context(
                    kit.watch(space.resolver("interval=300ms&health_interval=10m"), "orders")
                )
                for _ in range(10)
            ]
            await asyncio.gather(*(watch.ready("a") for watch in watches))
            assert aws.calls()["DiscoverInstances"] == 1
            await asyncio.to_thread(space.put, "orders", "b", "10.0.0.2")
            await asyncio.gather(*(watch.ready("a", "b") for watch in watches))
            assert aws.calls()["DiscoverInstances"] == 2
            # One that leaves does not end the others.
            await watches[0]._answers.aclose()
            await asyncio.to_thread(space.remove, "orders", "b")
            await asyncio.gather(*(watch.ready("a") for watch in watches[1:]))
        others = kit.watch(space.resolver("interval=300ms&health_interval=10m"), "orders")
        async with others, kit.watch(space.resolver("interval=2s&health_interval=10m"), "orders") as different:
            await others.ready("a")
            await different.ready("a")
        assert aws.calls()["DiscoverInstances"] == 5  # 3 above, and one for each that began anew or has other options

    asyncio.run(check())


def test_all_watches_of_a_process_see_the_failure(kit: Kit, space: Space, aws: Aws, fault_proxy: FaultProxies) -> None:
    space.put("orders", "a", "10.0.0.1")
    proxy = fault_proxy.http("127.0.0.1", aws.port)

    async def check() -> None:
        async with contextlib.AsyncExitStack() as stack:
            watches = [
                await stack.enter_async_context(kit.watch(space.resolver("interval=50ms", url=proxy.url), "orders"))
                for _ in range(3)
            ]
            await asyncio.gather(*(watch.ready("a") for watch in watches))
            proxy.set(LinkFault(reset=True))
            await asyncio.gather(*(watch.failed("not answered") for watch in watches))
            proxy.clear()
            await asyncio.gather(*(watch.ready("a") for watch in watches))

    asyncio.run(check())


def test_processes_of_one_host_ask_once(
    space: Space, aws: Aws, workers: Callable[[str], Worker], tmp_path: Path
) -> None:
    """Three processes are one stream of questions; when the one that asks dies, another goes on."""
    folder = tmp_path / "shared"
    space.put("orders", "a", "10.0.0.1")
    aws.calls(clear=True)
    group = [workers(shared(space, folder)) for _ in range(3)]
    for worker in group:
        worker.wait("ready a")
    assert aws.calls()["DiscoverInstances"] == 1
    space.put("orders", "b", "10.0.0.2")
    for worker in group:
        worker.wait("ready a,b")
    assert aws.calls()["DiscoverInstances"] == 2
    first = holder(group, folder)
    first.end()
    group.remove(first)
    space.put("orders", "c", "10.0.0.3")
    for worker in group:
        worker.wait("ready a,b,c")
    assert aws.calls()["DiscoverInstances"] == 3
    assert holder(group, folder) is not first


def test_throttling_is_told_to_all(space: Space, aws: Aws, workers: Callable[[str], Worker], tmp_path: Path) -> None:
    space.put("orders", "a", "10.0.0.1")
    group = [workers(shared(space, tmp_path / "shared")) for _ in range(2)]
    for worker in group:
        worker.wait("ready a")
    aws.throttle("*")
    for worker in group:
        worker.wait("failed a")
    aws.calm()
    for worker in group:
        worker.wait("ready a")


def test_a_process_that_stands_still_is_done_without(
    space: Space, workers: Callable[[str], Worker], tmp_path: Path
) -> None:
    """It holds the lock and says nothing: the others ask for themselves when its word is too old."""
    folder = tmp_path / "shared"
    space.put("orders", "a", "10.0.0.1")
    uri = shared(space, folder).replace("timeout=2s", "timeout=100ms")
    group = [workers(uri) for _ in range(2)]
    for worker in group:
        worker.wait("ready a")
    still = holder(group, folder)
    group.remove(still)
    os.kill(still.process.pid, signal.SIGSTOP)
    space.put("orders", "b", "10.0.0.2")
    group[0].wait("ready a,b")


@pytest.mark.parametrize("content", [b"", b"garbage\n{}"])
def test_garbage_in_the_file_is_ignored(kit: Kit, space: Space, tmp_path: Path, content: bytes) -> None:
    import fcntl

    folder = tmp_path / "shared"
    space.put("orders", "a", "10.0.0.1")
    uri = shared(space, folder).replace("timeout=2s", "timeout=300ms")

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
        resolver = CloudMapResolver(ResolverUri.parse(shared(space, folder)))
        async with kit.watch(resolver, "orders") as watch:
            await watch.ready("a")
        assert "asks for itself" in caplog.text
        assert str(folder) in caplog.text
        assert not any(path.suffix == ".lock" for path in folder.iterdir())

    asyncio.run(check())


# Python 3.12 and later warn of every fork beside threads.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_does_not_keep_the_lock(space: Space, workers: Callable[[str], Worker], tmp_path: Path) -> None:
    """The parent of pre-forked workers asked, and has died: its children hold no copy of its lock."""
    from meshclient.model.service import ServiceName
    from meshclient_aws.cloudmap.host import HostFile
    from meshclient_aws.cloudmap.options import CloudMapOptions

    options = CloudMapOptions.parse(ResolverUri.parse(shared(space, tmp_path / "shared")))
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
