"""Connections that become something else."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from meshclient.engine.aio.exchange import UNREAD
from meshclient.engine.errors import Disconnected
from unit.engine.aio.wire import (
    BOUND,
    GET,
    call,
    connected,
    engine_to,
    soon,
    until,
)
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from meshclient.engine.aio.connection import AsyncConnection
    from unit.engine.aio.wire import Run

POST = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
EXPECT = POST[:-2] + b"Expect: 100-continue\r\n\r\n"
BIG = 8 * 1024 * 1024


async def heard_of(connection: AsyncConnection) -> bytes:
    """The next bytes of one that goes on."""
    data = await asyncio.wait_for(connection.read_raw(), BOUND)
    assert data
    return data


def test_an_upgraded_connection_is_handed_over(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello")
        while data := connection.sock.recv(65536):
            connection.send(data)

    async def main() -> None:
        upgrade = GET[:-2] + b"Connection: Upgrade\r\nUpgrade: echo\r\n\r\n"
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(upgrade, soon(), upgrade=True)
                assert (connection.status, connection.upgraded) == (101, True)
                heard = connection.surplus
                while len(heard) < 5:
                    heard += await heard_of(connection)
                assert heard == b"hello"
                size = 4 * 2**20
                task = asyncio.create_task(connection.write_raw(bytes(size)))
                got = 0
                while got < size:
                    got += len(await heard_of(connection))
                await task
                assert pool.open == 1
                connection.abandon("it was enough")
                assert (pool.open, connection.closed_because) == (0, "it was enough")

    run(main())


def test_an_upgraded_connection_holds_back_who_is_too_fast(run: Run) -> None:
    """The server while nobody reads here, and the caller while the server does not."""

    async def main() -> None:
        go = threading.Event()
        heard = 0

        def rule(connection: Connection) -> None:
            nonlocal heard
            connection.request()
            connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            connection.send(bytes(4 * BIG))
            go.wait(BOUND)
            while heard < 4 * BIG:
                data = connection.sock.recv(2**20)
                if not data:
                    return
                heard += len(data)
            connection.send(b"!")

        upgrade = GET[:-2] + b"Connection: Upgrade\r\nUpgrade: echo\r\n\r\n"
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(upgrade, soon(), upgrade=True)
                raw = connection._raw()
                await until(lambda: not raw._reading)
                for _ in range(20):
                    await asyncio.sleep(0.002)
                assert raw._unread < UNREAD + 2**20
                got = len(connection.surplus)
                while got < 4 * BIG:
                    got += len(await heard_of(connection))
                written = 0

                async def upload() -> None:
                    nonlocal written
                    while written < 4 * BIG:
                        await connection.write_raw(bytes(2**20))
                        written += 2**20

                task = asyncio.create_task(upload())
                await until(lambda: raw._blocked)
                assert written < 4 * BIG
                go.set()
                await task
                assert await connection.read_raw() == b"!"
                connection.abandon("it is enough")

    run(main())


def test_an_upgraded_connection_ends(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        connection.sock.recv(1)

    async def main() -> None:
        upgrade = GET[:-2] + b"Connection: Upgrade\r\nUpgrade: echo\r\n\r\n"
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(upgrade, soon(), upgrade=True)
                await connection.write_raw(b"x")
                assert await connection.read_raw() == b""
                await until(lambda: pool.open == 0)
                with pytest.raises(Disconnected):
                    await connection.write_raw(b"x")

    run(main())


def test_only_an_upgraded_connection_is_raw(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                with pytest.raises(RuntimeError, match="not upgraded"):
                    await connection.read_raw()
                connection.release()
                assert await call(pool) == (200, b"ok")

    run(main())
