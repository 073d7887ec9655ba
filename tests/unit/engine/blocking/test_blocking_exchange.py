"""Exchanges over a real socket, with a server that is told what to say."""

from __future__ import annotations

import threading
import time

import pytest

from meshclient.engine.errors import Disconnected, MalformedResponse, StaleConnection
from meshclient.engine.marks import Marks
from servers.process import wait_until
from unit.engine.blocking.calls import BOUND, GET, HEAD, call, connected, gone, served, soon
from unit.http.rawserver import OK, Connection, always

LARGE = 3_000_000


def test_exchanges_follow_each_other_on_one_connection() -> None:
    with served(always(OK)) as (pool, server):
        assert [call(pool) for _ in range(5)] == [(200, b"ok")] * 5
        connection = connected(pool)
        assert (server.connections, connection.uses, connection.waited) == (1, 5, 0.0)
        assert connection.closed_because == ""
        connection.exchange(GET, soon())
        assert (connection.uses, connection.headers) == (6, [(b"Content-Length", b"2")])
        assert connection.wrote <= connection.headed_at <= time.monotonic()
        connection.release()
        connection.release()
        assert len(pool.idle) == 1


def test_the_marks_tell_how_far_an_attempt_came() -> None:
    with served(always(OK)) as (pool, _):
        for opened in (True, False):
            marks = Marks()
            before = time.monotonic()
            connection = pool.acquire(soon(), BOUND, marks)
            assert (marks.connected, marks.wrote) == (opened, None)
            connection.exchange(GET, soon())
            connection.release()
            assert marks.began is not None
            assert marks.wrote is not None
            assert before <= marks.began <= marks.wrote <= time.monotonic()


def test_the_body_of_a_large_response_is_whole() -> None:
    body = bytes(range(256)) * (LARGE // 256)
    with served(always(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))) as (pool, _):
        assert call(pool) == (200, body)
        assert call(pool) == (200, body)


def test_a_head_request_leaves_the_connection_usable() -> None:
    def rule(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            connection.send(OK[:-2] if request.method == "HEAD" else OK)

    with served(rule) as (pool, server):
        assert call(pool, HEAD, bodiless=True) == (200, b"")
        assert call(pool) == (200, b"ok")
        assert call(pool, HEAD, bodiless=True) == (200, b"")
        assert server.connections == 1


def test_a_body_up_to_the_end_of_the_connection() -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    with served(rule) as (pool, server):
        assert call(pool) == (200, b"all of it")
        assert call(pool) == (200, b"all of it")
        assert (server.connections, len(pool.idle)) == (2, 0)


def test_a_body_is_read_part_by_part() -> None:
    go_on = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        go_on.wait(BOUND)
        connection.send(b"3\r\ntwo\r\n0\r\nSum: 2\r\n\r\n")
        gone(connection)

    with served(rule) as (pool, _):
        connection = connected(pool)
        connection.exchange(GET, soon(), whole=False)
        assert (connection.status, connection.complete) == (200, False)
        assert connection.read() == b"one"
        go_on.set()
        assert connection.read() == b"two"
        assert connection.read() == b""
        assert connection.read() == b""
        assert connection.trailers == [(b"Sum", b"2")]
        connection.release()
        assert len(pool.idle) == 1


def test_an_error_is_told_before_its_body_is_here() -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nwa")
        gone(connection)

    with served(rule) as (pool, _):
        connection = connected(pool)
        connection.exchange(GET, soon())
        assert (connection.status, connection.complete, connection.take()) == (503, False, b"wa")
        connection.release()
        assert connection.closed_because == "its response was not read to the end"
        assert not pool.idle


def test_a_response_that_ends_the_connection_is_not_kept() -> None:
    with served(always(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")) as (pool, server):
        connection = connected(pool)
        connection.exchange(GET, soon())
        connection.release()
        assert connection.closed_because == "the server does not keep it"
        call(pool)
        assert server.connections == 2


@pytest.mark.parametrize("surplus", [b"x", b"HTTP/1.1 200 OK\r\n", OK])
def test_what_follows_a_response_closes_the_connection(surplus: bytes) -> None:
    with served(always(OK + surplus)) as (pool, server):
        assert [call(pool), call(pool)] == [(200, b"ok")] * 2
        assert server.connections == 2


def test_a_malformed_response_closes_the_connection_and_says_whose_it_was() -> None:
    with served(always(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n")) as (pool, server):
        connection = connected(pool)
        with pytest.raises(MalformedResponse, match=f"http://127.0.0.1:{server.port}.*without a carriage return"):
            connection.exchange(GET, soon())
        assert "without a carriage return" in connection.closed_because
        connection.release()
        assert not pool.idle


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    ("said", "where"),
    [
        (b"", "before it answered"),
        (b"HTTP/1.1 200 O", "in the middle of its response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "in the middle of its response"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "in the middle of its response"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "in the middle of its response"),
    ],
)
def test_an_end_before_the_response_is_complete(said: bytes, where: str, reset: bool) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        if said:
            connection.send(said)
        if reset:
            # So that the reset does not overtake what was said.
            time.sleep(0.05)
            connection.reset()

    with served(rule) as (pool, server):
        connection = connected(pool)
        with pytest.raises(Disconnected, match=f"http://127.0.0.1:{server.port} .*{where}") as caught:
            connection.exchange(GET, soon())
        assert type(caught.value) is Disconnected
        assert connection.closed_because == str(caught.value)


def test_a_kept_connection_that_ends_at_once_is_stale() -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        connection.request()

    with served(rule) as (pool, server):
        call(pool)
        with pytest.raises(StaleConnection, match=f"http://127.0.0.1:{server.port}"):
            call(pool)
        assert call(pool) == (200, b"ok")


def test_a_kept_connection_that_ends_after_a_while_is_not_stale() -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        connection.request()
        # What is tested is that a wait was seen; a longer one changes nothing.
        time.sleep(0.15)

    with served(rule) as (pool, _):
        call(pool)
        with pytest.raises(Disconnected) as caught:
            call(pool)
        assert type(caught.value) is Disconnected


def test_a_connection_that_was_closed_meanwhile_is_looked_at_before_it_is_used() -> None:
    closing = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        closing.wait(BOUND)

    with served(rule) as (pool, server):
        call(pool)
        (kept,) = pool.idle
        closing.set()
        wait_until(lambda: kept._line.ready(0.0)[0], BOUND, "the server's close")
        kept.since -= 1.0
        assert call(pool) == (200, b"ok")
        assert server.connections == 2
        assert kept.closed_because == "the server closed it while it was idle"


def test_a_connection_on_which_the_server_spoke_meanwhile_is_not_used() -> None:
    speaking = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        speaking.wait(BOUND)
        connection.send(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
        gone(connection)

    with served(rule) as (pool, server):
        call(pool)
        (kept,) = pool.idle
        speaking.set()
        wait_until(lambda: kept._line.ready(0.0)[0], BOUND, "what the server says")
        kept.since -= 1.0
        assert call(pool) == (200, b"ok")
        assert server.connections == 2
        assert kept.closed_because == "the server spoke out of turn"


def test_a_connection_that_is_closed_says_why_when_it_is_used() -> None:
    with served(always(OK)) as (pool, server):
        connection = connected(pool)
        connection.abandon("nobody wants it")
        with pytest.raises(Disconnected, match=f"http://127.0.0.1:{server.port}.*nobody wants it"):
            connection.exchange(GET, soon())
