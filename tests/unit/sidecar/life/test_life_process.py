"""The life of the process, with a body that does as it is told."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshclient.config.loaded import Loaded
from meshclient.config.source import Document
from meshclient.sidecar.arrangement import Arrangement
from meshclient.sidecar.door import Door
from meshclient.sidecar.process import Process
from meshclient.sidecar.reloads import Reloads


class Body:
    """Writes down what it is asked."""

    url = ""
    unmapped: list[str] = []  # noqa: RUF012 - of the interface, and never changed

    def __init__(self) -> None:
        self.reloads = Reloads()
        self.doors: dict[str, Door] = {}
        self.addresses: dict[str, str] = {}
        self.ready = asyncio.Event()
        self.asked: list[str] = []
        self.wrong: list[Exception] = []

    async def start(self) -> None:
        try:
            self.asked.append("start")
            await self.ready.wait()
        except asyncio.CancelledError:
            self.asked.append("stop")
            raise

    async def reload(self, loaded: Loaded, document: Document) -> None:
        self.asked.append("reload")
        if self.wrong:
            raise self.wrong.pop()
        self.reloads.took()

    async def refused(self, why: str) -> None:
        self.asked.append(why)
        self.reloads.refused(why)

    async def drain(self, *, hand_over: bool = False) -> int:
        self.asked.append("drain")
        return 0

    async def aclose(self, *, hand_over: bool = False) -> None:
        self.asked.append("close")


@pytest.fixture
def signals() -> Iterator[None]:
    """As they were before."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def arrangement(tmp_path: Path) -> Arrangement:
    file = tmp_path / "mesh.toml"
    file.write_text("[services.orders]\nendpoints = ['http://127.0.0.1:9']\n[sidecar]\noutbound = '127.0.0.1:0'\n")
    return Arrangement(str(file), cwd=tmp_path, environ={})


async def _until(body: Body, asked: str) -> None:
    async with asyncio.timeout(20):
        while asked not in body.asked:  # noqa: ASYNC110 - said by a signal
            await asyncio.sleep(0.001)


@pytest.mark.usefixtures("signals")
def test_a_signal_ends_it_before_it_serves(arrangement: Arrangement) -> None:
    async def scenario() -> None:
        body = Body()
        announced: list[object] = []
        process = Process(arrangement, lambda *_: body, announced.append)
        running = asyncio.create_task(process.run())
        await _until(body, "start")
        # What is asked meanwhile is not lost, and does not end it.
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await running == 0
        assert body.asked == ["start", "stop"]
        assert announced == []

    asyncio.run(scenario())


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("abstract", [False, True])
def test_whoever_asked_for_it_is_told_that_it_serves_and_that_it_ends(
    arrangement: Arrangement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool
) -> None:
    async def scenario() -> None:
        body = Body()
        running = asyncio.create_task(Process(arrangement, lambda *_: body, lambda _: None).run())
        await _until(body, "start")
        with pytest.raises(BlockingIOError):
            sock.recv(100)
        body.ready.set()
        async with asyncio.timeout(20):
            assert await loop().sock_recv(sock, 100) == b"READY=1"
            os.kill(os.getpid(), signal.SIGTERM)
            assert await loop().sock_recv(sock, 100) == b"STOPPING=1"
            assert await running == 0

    loop = asyncio.get_running_loop
    # A name of its own: abstract ones are the whole host's.
    name = f"@{tmp_path}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name.replace("@", "\0"))
        sock.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        asyncio.run(scenario())


@pytest.mark.usefixtures("signals")
def test_whatever_goes_wrong_with_a_new_configuration_the_old_one_stays(arrangement: Arrangement) -> None:
    async def scenario() -> None:
        body = Body()
        body.ready.set()
        # As of a plugin that does not keep to the errors of the interface.
        body.wrong.append(RuntimeError("of a plugin"))
        running = asyncio.create_task(Process(arrangement, lambda *_: body, lambda _: None).run())
        await _until(body, "start")
        os.kill(os.getpid(), signal.SIGHUP)
        await _until(body, "RuntimeError: of a plugin")
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(20):
            while body.reloads.generation < 2:  # noqa: ASYNC110 - said by a signal
                await asyncio.sleep(0.001)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await running == 0
        assert body.asked[-3:] == ["reload", "drain", "close"]
        assert (body.reloads.failed, body.reloads.succeeded) == (1, 1)

    asyncio.run(scenario())
