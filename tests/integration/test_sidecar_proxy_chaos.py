"""Whatever clients and servers do to each other, nothing is left behind and nothing is said twice."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

from integration.proxied import Line, Request, Stage, fine, get, play, post, staged
from meshclient.sidecar.proxy import ProxySettings

SETTINGS = ProxySettings(header_timeout=0.3, idle_timeout=0.5, body_timeout=0.3)
SERVICE = {"throttle": False, "ejection": False, "attempt_timeout": "300ms"}
CONNECTIONS = 300
_CHUNKED = b"POST /a HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
REQUESTS = (
    get(), get("/x", "mesh-timeout: 20m"), post(b"x" * 50), _CHUNKED, b"5\r\nhello\r\n0\r\n\r\n", get() * 5,
    b"PUT /a HTTP/1.1\r\nHost: orders\r\nContent-Length: 200000\r\n\r\n" + b"y" * 200_000,
    get("/a", "Connection: Upgrade", "Upgrade: x"), b"HEAD / HTTP/1.1\r\nHost: orders\r\n\r\n",
    get("/", "Connection: close"),
)  # fmt: skip


class Server:
    """Answers at random, and not always well."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    async def __call__(self, line: Line, request: Request) -> None:
        kind = self._chance.randrange(10)
        if kind == 0:
            line.reset()
            raise ConnectionError
        said, ends = {
            1: (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nxx", True),
            2: (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", False),
            3: (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", False),
            4: (b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + b"x" * 500_000, False),
            5: (b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", True),
            6: (b"garbage\r\n\r\n", True),
        }.get(kind, (b"", False))
        if not said:
            await fine(line, request)
            return
        await line.send(said)
        if ends:
            raise ConnectionError


async def _visit(stage: Stage, chance: random.Random) -> None:
    line = await stage.client()
    try:
        for _ in range(chance.randrange(1, 5)):
            data = chance.choice(REQUESTS)
            await line.send(data[: chance.randrange(len(data))] if chance.random() < 0.3 else data)
            if chance.random() < 0.4:
                break
            async with asyncio.timeout(chance.random() * 0.2):
                await line.reader.read(100_000)
    # The last is uvloop's word for a connection that has just broken.
    except (ConnectionError, TimeoutError, RuntimeError):
        pass
    if chance.random() < 0.5:
        line.reset()
    else:
        line.close()


@pytest.mark.parametrize("fast", [False, True])
def test_nothing_is_left_behind(fast: bool, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(7)

    async def scene() -> None:
        async with staged(Server(chance), SETTINGS, service=dict(SERVICE)) as stage:

            async def visitor() -> None:
                for _ in range(CONNECTIONS // 15):
                    await _visit(stage, chance)

            await asyncio.gather(*[visitor() for _ in range(15)])
            for line in stage.lines:
                line.reset()
            stats = stage.proxy.stats
            await stage.when(lambda: stats.open == 0 and stats.active == 0)
            assert stage.proxy.setup.active == 0
            assert sum(stats.statuses) >= stats.requests
            service = stage.mesh.service("orders")
            await stage.when(lambda: [each.pending for each in service.balancer.status(service.clock())] == [0])

    with caplog.at_level(logging.ERROR, "meshclient"):
        play(scene(), fast=fast)
    assert [record for record in caplog.records if record.name.startswith("meshclient")] == []
