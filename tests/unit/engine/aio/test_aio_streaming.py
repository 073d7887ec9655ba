"""Bodies in parts, both ways, and connections that become something else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

import pytest

from meshclient.engine.aio.exchange import UNREAD
from meshclient.engine.errors import Disconnected, ReadTimeout, WriteTimeout
from unit.engine.aio.wire import BOUND, GET, call, connected, engine_to, holding, now, soon, until
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from meshclient.engine.aio.connection import AsyncConnection
    from unit.engine.aio.wire import Run

POST = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
EXPECT = POST[:-2] + b"Expect: 100-continue\r\n\r\n"
BIG = 8 * 1024 * 1024


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def rest(connection: AsyncConnection, parts: list[bytes] | None = None) -> bytes:
    parts = [] if parts is None else parts
    while part := await connection.read():
        parts.append(part)
    return b"".join(parts)


async def pour(connection: AsyncConnection) -> None:
    """A body that does not end before the server does, or says that it has had enough."""
    while not connection.headed:
        await connection.write(chunk(bytes(2**20)))


def skip_head(connection: Connection) -> None:
    """A request's head is read, and leave its body."""
    while connection._file.readline() != b"\r\n":
        pass


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
                with pytest.raises(ReadTimeout, match="whole response"):
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


def test_a_request_body_is_written_in_parts(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port) as pool:
                for _ in range(2):
                    connection = await connected(pool)
                    await connection.exchange(POST, soon(), more=True)
                    for _ in range(64):
                        await connection.write(chunk(bytes(65536)))
                    await connection.write(b"0\r\n\r\n")
                    await connection.head()
                    assert connection.status == 200
                    assert await rest(connection) == b"ok"
                    connection.release()
                assert [len(request.body) for request in server.requests] == [64 * 65536] * 2
                assert (server.connections, pool.open) == (1, 1)

    run(main())


def test_writing_waits_until_the_server_reads(run: Run) -> None:
    async def main() -> None:
        go = threading.Event()

        def rule(connection: Connection) -> None:
            go.wait(BOUND)
            connection.request()
            connection.send(OK)

        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(POST, soon(), more=True)
                written = 0

                async def upload() -> None:
                    nonlocal written
                    for _ in range(256):
                        await connection.write(chunk(bytes(65536)))
                        written += 1
                    await connection.write(b"0\r\n\r\n")

                task = asyncio.create_task(upload())
                await until(lambda: connection._paused)
                assert written < 256
                go.set()
                await task
                await connection.head()
                assert (connection.status, len(server.requests[0].body)) == (200, 256 * 65536)
                connection.release()

    run(main())


def test_a_part_that_is_not_taken_is_late(run: Run) -> None:
    async def main() -> None:
        go = threading.Event()
        with RawServer(holding(go)) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(POST, now() + 0.1, more=True)
                with pytest.raises(WriteTimeout):
                    await pour(connection)
                assert pool.open == 0
            go.set()

    run(main())


@pytest.mark.parametrize("blocked", [True, False])
def test_a_refusal_in_the_middle_of_the_body_stops_it(run: Run, blocked: bool) -> None:
    async def main() -> None:
        go = threading.Event()

        def rule(connection: Connection) -> None:
            connection.sock.recv(1)
            if blocked:
                go.wait(BOUND)
            connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            done.wait(BOUND)
            with contextlib.suppress(OSError):
                while data := connection.sock.recv(65536):
                    heard.append(data)

        done = threading.Event()
        heard: list[bytes] = []
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(POST, soon(), more=True)
                if blocked:
                    task = asyncio.create_task(pour(connection))
                    await until(lambda: connection._paused)
                    go.set()
                    await task
                else:
                    await until(lambda: connection.headed)
                    await connection.write(b"is dropped")
                await connection.head()
                assert connection.status == 413
                assert await rest(connection) == b"no"
                connection.release()
                assert "before the request" in connection.closed_because
                assert pool.open == 0
            done.set()
        assert b"is dropped" not in b"".join(heard)

    run(main())


def test_an_answer_that_begins_early_does_not_stop_the_body(run: Run) -> None:
    """A server may answer while it reads; yet who knows what it has read."""

    def rule(connection: Connection) -> None:
        connection.sock.recv(1)
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not connection.sock.recv(65536).endswith(b"0\r\n\r\n"):
            connection.send(chunk(b"more"))
        connection.send(b"0\r\n\r\n")
        connection.sock.recv(1)

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(POST, soon(), more=True)
                await until(lambda: connection.headed)
                for _ in range(3):
                    await connection.write(chunk(bytes(1000)))
                    count = connection.received
                    await until(lambda count=count: connection.received > count)  # type: ignore[misc]
                await connection.write(b"0\r\n\r\n")
                await connection.head()
                assert set((await rest(connection)).split(b"more")) == {b""}
                connection.release()
                assert pool.open == 0

    run(main())


def test_a_connection_that_breaks_while_a_body_is_written_is_an_error(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.sock.recv(10)
        connection.reset()

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(POST, soon(), more=True)
                with pytest.raises(Disconnected):
                    await pour(connection)
                assert pool.open == 0

    run(main())


@pytest.mark.parametrize("answer", ["continue", "nothing", "refuse"])
def test_a_body_may_wait_for_continue(run: Run, answer: str) -> None:
    def rule(connection: Connection) -> None:
        if answer == "refuse":
            skip_head(connection)
            connection.send(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
            return
        skip_head(connection)
        if answer == "continue":
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        while connection._file.readline() != b"0\r\n":
            pass
        connection._file.readline()
        connection.send(OK)
        connection.request()

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(EXPECT, soon(), more=True)
                began = now()
                proceed = await connection.proceed(0.1 if answer == "nothing" else BOUND)
                assert proceed == (answer != "refuse")
                assert (now() - began >= 0.09) == (answer == "nothing")
                if proceed:
                    await connection.write(chunk(b"body") + b"0\r\n\r\n")
                await connection.head()
                assert connection.status == (200 if proceed else 417)
                await rest(connection)
                connection.release()
                assert pool.open == int(proceed)

    run(main())


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
                    heard += await connection.read_raw()
                assert heard == b"hello"
                size = 4 * 2**20
                task = asyncio.create_task(connection.write_raw(bytes(size)))
                got = 0
                while got < size:
                    got += len(await connection.read_raw())
                await task
                assert pool.open == 1
                connection.abandon("it was enough")
                assert (pool.open, connection.closed_because) == (0, "it was enough")

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
