"""How an exchange fails: late, broken off, or not understood."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from meshclient.engine.errors import Disconnected, MalformedResponse, ReadTimeout, StaleConnection, WriteTimeout
from unit.engine.aio.wire import BOUND, GET, call, connected, engine_to, now, soon
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from unit.engine.aio.wire import Run

HEAD = GET.replace(b"GET", b"HEAD")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nDigest: 1\r\n\r\n"
LARGE = b"POST / HTTP/1.1\r\nContent-Length: 50000000\r\n\r\n" + bytes(50_000_000)


@pytest.mark.parametrize(
    "part", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
)
@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_connection_that_ends_in_the_middle_is_an_error(run: Run, part: bytes, ending: str) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(part)
        if ending == "reset":
            connection.reset()

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                with pytest.raises(Disconnected, match=r"in the middle of its response|before it answered") as caught:
                    await connection.exchange(GET, soon())
                assert type(caught.value) is Disconnected
                assert f"http://127.0.0.1:{server.port}" in str(caught.value)
                assert (pool.open, connection.busy) == (0, False)
                connection.release()
                assert pool.open == 0

    run(main())


def test_what_is_no_http_closes_the_connection(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(b"SSH-2.0-OpenSSH_9.2\r\n")) as server:
            async with engine_to(server.port) as pool:
                with pytest.raises(MalformedResponse, match=f"http://127.0.0.1:{server.port}"):
                    await call(pool)
                assert pool.open == 0

    run(main())


def test_a_reused_connection_that_ends_at_once_was_stale(run: Run) -> None:
    """The server closed it while it was idle, and that and the request pass each other on the way."""

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        connection.request()

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                await call(pool)
                with pytest.raises(StaleConnection):
                    await call(pool)
                assert pool.open == 0

    run(main())


def test_a_reused_connection_that_ends_later_was_not(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()

        def rule(connection: Connection) -> None:
            connection.request()
            connection.send(OK)
            connection.request()
            loop.call_soon_threadsafe(arrived.set)
            connection.sock.recv(1)

        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                await call(pool)
                connection = await connected(pool)
                task = asyncio.create_task(connection.exchange(GET, soon()))
                await arrived.wait()
                # It is not waited for: it began long ago.
                connection.began -= 0.2
                connection._transport.write(b"x")
                with pytest.raises(Disconnected) as caught:
                    await task
                assert type(caught.value) is Disconnected

    run(main())


def test_a_head_that_does_not_come_is_late(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.sock.recv(1)

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                began = now()
                with pytest.raises(ReadTimeout, match="no response head"):
                    await call(pool, seconds=0.05)
                assert 0.05 <= now() - began < BOUND
                assert pool.open == 0

    run(main())


@pytest.mark.parametrize("limit", ["then", "gap"])
def test_a_body_that_drips_is_late(run: Run, limit: str) -> None:
    """Each byte comes in time, all of them do not; or they stop coming."""

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        connection.sock.settimeout(0.02)
        while True:
            try:
                if not connection.sock.recv(1):
                    return
            except TimeoutError:
                if limit == "then":
                    connection.send(b".")

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                began = now()
                due, then, gap = (0.1, 0.3, BOUND) if limit == "then" else (BOUND, BOUND, 0.1)
                with pytest.raises(ReadTimeout, match="rest of its body"):
                    await connection.exchange(GET, began + due, began + then, gap=gap)
                assert min(then, gap) <= now() - began < BOUND
                assert (connection.received > 2) == (limit == "then")
                assert pool.open == 0

    run(main())


def test_a_request_that_is_not_taken_is_late(run: Run) -> None:
    async def main() -> None:
        done = threading.Event()

        def rule(connection: Connection) -> None:
            done.wait(BOUND)

        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                with pytest.raises(WriteTimeout):
                    await call(pool, LARGE, seconds=0.1)
                assert pool.open == 0
            done.set()

    run(main())


def test_an_answer_before_the_request_is_complete_is_given_and_not_followed(run: Run) -> None:
    async def main() -> None:
        done = threading.Event()

        def rule(connection: Connection) -> None:
            connection.sock.recv(1)
            connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            done.wait(BOUND)

        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(LARGE, soon())
                assert (connection.status, connection.take(), connection.keep) == (413, b"no", True)
                connection.release()
                assert "before the request" in connection.closed_because
                assert pool.open == 0
            done.set()

    run(main())
