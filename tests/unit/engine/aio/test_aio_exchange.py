"""What comes of one request: which bodies there are, where they end, and what is kept afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshclient.engine.marks import Marks
from unit.engine.aio.wire import BOUND, GET, call, connected, engine_to, now, soon, until
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from unit.engine.aio.wire import Run

HEAD = GET.replace(b"GET", b"HEAD")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nDigest: 1\r\n\r\n"
LARGE = b"POST / HTTP/1.1\r\nContent-Length: 50000000\r\n\r\n" + bytes(50_000_000)


def test_exchanges_follow_one_another_on_one_connection(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port) as pool:
                assert [await call(pool) for _ in range(3)] == [(200, b"ok")] * 3
                connection = pool.take()
                assert connection is not None
                assert (connection.uses, server.connections) == (3, 1)
                connection.release()

    run(main())


@pytest.mark.parametrize(
    ("answer", "bodiless", "status", "body", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", True, 200, b"", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", True, 200, b"", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", False, 304, b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK, False, 200, b"ok", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", False, 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False, 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", False, 200, b"ok", True),
        (CHUNKED, False, 200, b"ok", True),
    ],
)  # fmt: skip
def test_a_response_ends_where_its_head_says(  # noqa: PLR0917
    run: Run, answer: bytes, bodiless: bool, status: int, body: bytes, kept: bool
) -> None:
    async def main() -> None:
        with RawServer(always(answer)) as server:
            async with engine_to(server.port) as pool:
                for _ in range(2):
                    data = HEAD if bodiless else GET
                    assert await call(pool, data, bodiless=bodiless) == (status, body)
                assert server.connections == (1 if kept else 2)
                assert pool.open == int(kept)

    run(main())


def test_trailers_are_told(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(CHUNKED)) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(GET, soon())
                assert connection.trailers == [(b"Digest", b"1")]
                connection.release()

    run(main())


def test_a_body_may_end_with_the_connection(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nall ")
        connection.send(b"of it")

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                assert await call(pool) == (200, b"all of it")
                assert pool.open == 0

    run(main())


@pytest.mark.parametrize("status", [400, 404, 503])
def test_a_bad_status_does_not_wait_for_its_body(run: Run, status: int) -> None:
    async def main() -> None:
        with RawServer(always(b"HTTP/1.1 %d No\r\nContent-Length: 9\r\n\r\nsorry" % status)) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(GET, soon())
                assert (connection.status, connection.complete) == (status, False)
                connection.release()
                assert "not read to the end" in connection.closed_because
                assert pool.open == 0

    run(main())


def test_a_bad_status_is_complete_when_it_came_as_one(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno")) as server:
            async with engine_to(server.port) as pool:
                assert await call(pool) == (500, b"no")
                assert pool.open == 1

    run(main())


def test_marks_tell_how_far_it_came(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port) as pool:
                for opened in (True, False):
                    marks = Marks()
                    before = now()
                    connection = await pool.acquire(soon(), BOUND, marks)
                    assert marks.began is not None
                    assert (marks.connected, marks.wrote) == (opened, None)
                    await connection.exchange(GET, soon())
                    assert marks.wrote is not None
                    assert before <= marks.began <= marks.wrote <= connection.headed_at <= now()
                    connection.release()

    run(main())


def test_what_nobody_asked_for_ends_an_idle_connection(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        connection.send(OK)
        connection.request()

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                await call(pool)
                await until(lambda: pool.open == 0)
                assert pool.take() is None

    run(main())


def test_an_idle_connection_that_its_server_closes_is_not_used(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(GET, soon())
                connection.release()
                await until(lambda: pool.open == 0)
                assert pool.take() is None
                assert connection.closed_because == "the peer closed it"
                assert pool.share.idle == 0

    run(main())
