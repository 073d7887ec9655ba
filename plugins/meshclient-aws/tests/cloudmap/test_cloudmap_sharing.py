"""Many watches, one stream of questions: in a process, and between the processes of a host."""

from __future__ import annotations

import asyncio
import contextlib
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
    group = [workers(space.shared(folder))]
    group[0].wait("ready a")
    group += [workers(space.shared(folder)) for _ in range(2)]
    for worker in group:
        worker.wait("ready a")
    assert aws.calls()["DiscoverInstances"] == 1
    space.put("orders", "b", "10.0.0.2")
    for worker in group:
        worker.wait("ready a,b")
    assert aws.calls()["DiscoverInstances"] == 2
    first = group.pop(0)
    assert holder([first, *group], folder) is first
    first.end()
    for worker in group:
        worker.wait("ready a,b")
    space.put("orders", "c", "10.0.0.3")
    for worker in group:
        worker.wait("ready a,b,c")
    # The next one lists anew when it takes over, and when the revision has moved since.
    assert aws.calls()["DiscoverInstances"] <= 4
    assert holder(group, folder) in group


def test_throttling_is_told_to_all(
    kit: Kit, space: Space, aws: Aws, workers: Callable[[str], Worker], tmp_path: Path
) -> None:
    space.put("orders", "a", "10.0.0.1")
    uri = space.shared(tmp_path / "shared")

    async def check() -> None:
        async with kit.watch(CloudMapResolver(ResolverUri.parse(uri)), "orders") as watch:
            await watch.ready("a")
            reader = workers(uri)
            await asyncio.to_thread(reader.wait, "ready a")
            await asyncio.to_thread(aws.throttle, "*")
            await asyncio.to_thread(reader.wait, "failed a")
            await asyncio.to_thread(aws.calm)
            await asyncio.to_thread(reader.wait, "ready a")

    asyncio.run(check())
