"""Calls that are cancelled, wherever they are, leave neither a connection nor its place behind."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from integration.wire import BOUND, Wire
from meshclient.engine.limits import PoolLimits
from servers.process import wait_until
from unit.http.rawserver import OK, Connection, RawServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PLACES = 4
PART = bytes(10_000)


@pytest.fixture(params=["asyncio", "uvloop"], name="wire")
def asynchronous_wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    wire = Wire(request.param)
    try:
        yield wire
    finally:
        wire.end()


@pytest.mark.parametrize("where", ["head", "body"])
def test_the_connection_of_a_cancelled_call_is_closed(wire: Wire, where: str) -> None:
    came, ended = threading.Event(), threading.Event()

    def rule(connection: Connection) -> None:
        request = connection.request()
        if request is None or request.target == "/":
            connection.send(OK)
            return
        if where == "body":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        came.set()
        if not connection.sock.recv(1):
            ended.set()

    async def cancelled(client: Any, url: str) -> None:
        task = asyncio.ensure_future(client.get(url))
        await asyncio.to_thread(came.wait, BOUND)
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with RawServer(rule) as server:
        client = wire.wired()
        wire.run(cancelled(client, server.url + "/slow"))
        wait_until(lambda: wire.turn() or ended.is_set(), BOUND, "the end of the connection")
        assert wire.run(client.get(server.url)).text == "ok"


def busy(connection: Connection) -> None:
    """A rule: answers that take their time, in pieces."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (3 * len(PART))
    while connection.request() is not None:
        for part in (answer, PART, PART, PART):
            connection.send(part)
            # Only so that there is something to be cancelled in.
            threading.Event().wait(0.0005)


async def upload() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield PART
        await asyncio.sleep(0.0005)


async def interrupted(client: Any, url: str, seconds: float, *, stream: bool) -> bool:
    """Make a call, and cancel it after a while; whether it was over by then."""
    task = asyncio.ensure_future(client.post(url, content=upload() if stream else b"x"))
    done, _ = await asyncio.wait([task], timeout=seconds)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        assert task.result().content == PART * 3
    return bool(done)


def test_no_place_is_lost(wire: Wire) -> None:
    chances = random.Random(5)

    async def many(client: Any, url: str) -> list[bool]:
        over = []
        for _ in range(50):
            calls = (
                interrupted(client, url, chances.uniform(0.0, 0.02), stream=chances.random() < 0.5)
                for _ in range(2 * PLACES)
            )
            over += await asyncio.gather(*calls)
        return over

    async def all_at_once(client: Any, url: str) -> list[httpx.Response]:
        return list(await asyncio.gather(*(client.post(url, content=b"x") for _ in range(PLACES))))

    with RawServer(busy) as server:
        client = wire.over(wire.engine(pool=PoolLimits(per_endpoint=PLACES)))
        over = wire.run(many(client, server.url))
        assert len(over) == 100 * PLACES
        assert any(over)
        assert not all(over)
        assert {response.status_code for response in wire.run(all_at_once(client, server.url))} == {200}
