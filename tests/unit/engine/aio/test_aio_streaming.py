"""Response bodies in parts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.engine.aio.exchange import UNREAD
from meshclient.engine.errors import Disconnected, ReadTimeout
from unit.engine.aio.wire import (
    BOUND,
    GET,
    connected,
    engine_to,
    now,
    rest,
    soon,
    until,
)
from unit.http.rawserver import Connection, RawServer, always

if TYPE_CHECKING:
    from unit.engine.aio.wire import Run

POST = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
EXPECT = POST[:-2] + b"Expect: 100-continue\r\n\r\n"
BIG = 8 * 1024 * 1024


def test_a_body_is_read_in_parts_and_the_connection_kept(run: Run) -> None:
    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
            for _ in range(3):
                connection.send(b"ab")

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                for _ in range(3):
                    connection = await connected(pool)
                    await connection.exchange(GET, soon(), whole=False)
                    assert connection.status == 200
                    assert await rest(connection) == b"ababab"
                    connection.release()
                assert (server.connections, pool.open) == (1, 1)

    run(main())


def test_a_server_is_held_back_while_nobody_reads(run: Run) -> None:
    async def main() -> None:
        sent = 0

        def rule(connection: Connection) -> None:
            nonlocal sent
            connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (4 * BIG))
            for _ in range(4 * BIG // 65536):
                connection.send(bytes(65536))
                sent += 65536
            connection.request()

        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(GET, soon(), whole=False)
                await until(lambda: connection.received > UNREAD)
                for _ in range(20):
                    await asyncio.sleep(0.005)
                # One read of the loop may go beyond; what the kernel holds is not ours.
                assert connection.received < UNREAD + 2**20
                assert sent < 4 * BIG
                assert len(await rest(connection)) == 4 * BIG
                connection.release()
                assert pool.open == 1

    run(main())


def test_a_response_that_is_dropped_closes_its_connection(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(GET, soon(), whole=False)
                connection.release()
                assert "not read to the end" in connection.closed_because
                assert pool.open == 0

    run(main())


def test_a_body_that_breaks_off_is_an_error_after_what_came(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(GET, soon(), whole=False)
                parts: list[bytes] = []
                with pytest.raises(Disconnected, match="in the middle of its response"):
                    await rest(connection, parts)
                assert b"".join(parts) == b"half"
                assert pool.open == 0

    run(main())


@pytest.mark.parametrize("limit", ["then", "gap"])
def test_a_part_that_does_not_come_is_late(run: Run, limit: str) -> None:
    async def main() -> None:
        with RawServer(always(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                then, gap = (now() + 0.1, BOUND) if limit == "then" else (soon(), 0.05)
                await connection.exchange(GET, soon(), then, whole=False, gap=gap)
                with pytest.raises(ReadTimeout, match="rest of its body"):
                    await rest(connection)
                assert pool.open == 0

    run(main())


def test_a_slow_reader_has_no_more_time_than_the_call(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
        connection.send(bytes(BIG))
        connection.request()

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(GET, soon(), now() + 0.2, whole=False)
                assert await connection.read()
                await asyncio.sleep(0.3)
                with pytest.raises(ReadTimeout):
                    await connection.read()
                assert pool.open == 0

    run(main())


def test_a_pause_of_the_reader_is_no_gap(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
        connection.send(bytes(BIG))
        connection.request()

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(GET, soon(), whole=False, gap=0.1)
                size = len(await connection.read())
                await asyncio.sleep(0.3)
                assert size + len(await rest(connection)) == BIG
                connection.release()

    run(main())
