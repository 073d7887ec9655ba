"""Request bodies in parts: who waits for whom, and servers that answer before they have read them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

import pytest

from meshclient.engine.errors import Disconnected, WriteTimeout
from unit.engine.aio.wire import (
    BOUND,
    chunk,
    connected,
    engine_to,
    holding,
    now,
    pour,
    rest,
    skip_head,
    soon,
    until,
)
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from unit.engine.aio.wire import Run

POST = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
EXPECT = POST[:-2] + b"Expect: 100-continue\r\n\r\n"
BIG = 8 * 1024 * 1024


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
        while (data := connection.sock.recv(65536)) and not data.endswith(b"0\r\n\r\n"):
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
        while connection._file.readline() not in {b"0\r\n", b""}:
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
