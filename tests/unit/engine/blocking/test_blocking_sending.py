"""Requests with bodies: large ones, streamed ones, and those that the server does not want to the end."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from meshclient.engine.errors import Disconnected, WriteTimeout
from unit.engine.blocking.calls import BOUND, CHUNKED_POST, call, connected, gone, post, served, soon
from unit.http.rawserver import OK, Connection, always

LARGE = 8_000_000
REFUSED = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"
EXPECTING = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"


def small_buffers(connection: Connection) -> None:
    """So that a client cannot get rid of much that nobody reads."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


@pytest.mark.parametrize("size", [0, 1, 100_000, LARGE])
def test_a_body_arrives_whole(size: int) -> None:
    with served(always(OK)) as (pool, server):
        for _ in range(2):
            assert call(pool, post(size)) == (200, b"ok")
        assert [len(request.body) for request in server.requests] == [size, size]
        assert server.connections == 1


def test_a_body_that_comes_in_parts() -> None:
    with served(always(OK)) as (pool, server):
        for _ in range(2):
            connection = connected(pool)
            connection.exchange(CHUNKED_POST, soon(), more=True)
            for part in (b"one", b"two" * 100_000):
                connection.write(b"%x\r\n%b\r\n" % (len(part), part))
            connection.write(b"0\r\n\r\n")
            connection.head()
            assert (connection.status, connection.headed) == (200, True)
            assert connection.read() == b"ok"
            assert connection.read() == b""
            connection.release()
        assert [request.body for request in server.requests] == [b"one" + b"two" * 100_000] * 2
        assert server.connections == 1


def test_a_server_that_answers_and_reads_no_more() -> None:
    def rule(connection: Connection) -> None:
        small_buffers(connection)
        connection.sock.recv(100)
        connection.send(REFUSED)
        done.wait(BOUND)

    done = threading.Event()
    with served(rule) as (pool, _):
        connection = connected(pool)
        connection.exchange(post(LARGE), soon())
        assert connection.status == 413
        assert connection.read() == b"no"
        connection.release()
        assert "before the request was written" in connection.closed_because
        done.set()


def test_a_server_that_answers_a_stream_and_reads_no_more() -> None:
    def rule(connection: Connection) -> None:
        small_buffers(connection)
        connection.sock.recv(100)
        connection.send(REFUSED)
        done.wait(BOUND)

    done = threading.Event()
    with served(rule) as (pool, _):
        connection = connected(pool)
        connection.exchange(CHUNKED_POST, soon(), more=True)
        written = 0
        while not connection.headed and written < 100:
            connection.write(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
            written += 1
        assert written < 100
        connection.head()
        assert (connection.status, connection.read()) == (413, b"no")
        connection.release()
        assert not pool.idle
        done.set()


@pytest.mark.parametrize("reset", [False, True])
def test_a_server_that_answers_and_closes(reset: bool) -> None:
    def rule(connection: Connection) -> None:
        connection.sock.recv(100)
        connection.send(REFUSED)
        # What it did not read makes the kernel send a reset in any case; with lingering off it does so at once.
        if reset:
            connection.reset()

    with served(rule) as (pool, _):
        answered = 0
        for _ in range(5):
            connection = connected(pool)
            try:
                connection.exchange(post(LARGE), soon())
            except Disconnected:
                # The reset has thrown the answer away before it was read.
                continue
            answered += connection.status == 413
            connection.release()
            assert not pool.idle
        assert answered or reset


def test_a_stream_is_not_kept_when_its_end_was_not_written() -> None:
    def rule(connection: Connection) -> None:
        connection.sock.recv(65536)
        connection.send(OK)
        gone(connection)

    with served(rule) as (pool, server):
        for number in range(1, 3):
            connection = connected(pool)
            connection.exchange(CHUNKED_POST, soon(), more=True)
            # Whoever sees the response need not write on, and does not call `head` first.
            assert connection.read() == b"ok"
            assert connection.complete
            connection.release()
            assert not pool.idle
            assert server.connections == number


def test_a_server_that_takes_nothing() -> None:
    def rule(connection: Connection) -> None:
        small_buffers(connection)
        done.wait(BOUND)

    done = threading.Event()
    with served(rule) as (pool, server):
        data = post(LARGE * 4)
        for due, gap in ((0.1, BOUND), (BOUND, 0.1)):
            connection = connected(pool)
            begun = time.monotonic()
            with pytest.raises(WriteTimeout, match=f"http://127.0.0.1:{server.port} did not take the request"):
                connection.exchange(data, begun + due, gap=gap)
            assert 0.1 <= time.monotonic() - begun < BOUND
            assert "did not take the request" in connection.closed_because
        done.set()


def test_a_server_that_takes_it_slowly() -> None:
    def rule(connection: Connection) -> None:
        left = len(data)
        while left:
            left -= len(connection.sock.recv(min(left, 1_000_000), socket.MSG_WAITALL))
            # The pace of the server; all of it takes longer than the gap allowed.
            time.sleep(0.05)
        connection.send(OK)
        gone(connection)

    data = post(LARGE * 5)
    with served(rule) as (pool, _):
        connection = connected(pool)
        begun = time.monotonic()
        connection.exchange(data, soon(), gap=1.0)
        assert (connection.status, time.monotonic() - begun > 1.0) == (200, True)
        connection.release()
        assert len(pool.idle) == 1


def test_both_sides_talk_at_once() -> None:
    def rule(connection: Connection) -> None:
        connection.sock.recv(len(CHUNKED_POST), socket.MSG_WAITALL)
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        received = 0
        while received < LARGE:
            received += len(connection.sock.recv(65536))
            # More than the buffers in between hold, unless the client reads while it writes.
            connection.send(b"10000\r\n" + b"y" * 0x10000 + b"\r\n")
        connection.send(b"0\r\n\r\n")
        gone(connection)

    with served(rule) as (pool, _):
        connection = connected(pool)
        connection.exchange(CHUNKED_POST, soon(), more=True)
        for _ in range(LARGE // 0x10000 + 1):
            connection.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        connection.write(b"0\r\n\r\n")
        connection.head()
        received = 0
        while part := connection.read():
            received += len(part)
        assert received % 0x10000 == 0
        assert received > LARGE // 65536 * 0x10000 / 2
        connection.abandon("done")


def test_a_server_that_wants_the_body() -> None:
    def rule(connection: Connection) -> None:
        connection.sock.recv(len(EXPECTING), socket.MSG_WAITALL)
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert connection.sock.recv(4, socket.MSG_WAITALL) == b"body"
        connection.send(OK)
        gone(connection)

    with served(rule) as (pool, _):
        connection = connected(pool)
        connection.exchange(EXPECTING, soon(), more=True)
        assert connection.proceed(BOUND)
        assert connection.continued
        connection.write(b"body")
        connection.head()
        assert (connection.status, connection.take()) == (200, b"ok")
        connection.release()
        assert len(pool.idle) == 1


def test_a_server_that_does_not_want_the_body() -> None:
    def rule(connection: Connection) -> None:
        connection.sock.recv(len(EXPECTING), socket.MSG_WAITALL)
        connection.send(REFUSED)
        gone(connection)

    with served(rule) as (pool, _):
        connection = connected(pool)
        connection.exchange(EXPECTING, soon(), more=True)
        assert not connection.proceed(BOUND)
        connection.head()
        assert (connection.status, connection.read()) == (413, b"no")
        connection.release()
        assert not pool.idle


def test_a_server_that_does_not_know_what_is_expected() -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        gone(connection)

    with served(rule) as (pool, server):
        connection = connected(pool)
        connection.exchange(EXPECTING, soon(), more=True)
        begun = time.monotonic()
        assert connection.proceed(0.05)
        assert 0.05 <= time.monotonic() - begun < BOUND
        assert not connection.continued
        connection.write(b"body")
        connection.head()
        assert (connection.status, server.requests[0].body) == (200, b"body")
        connection.release()


def test_a_server_that_closes_instead_of_saying_what_it_wants() -> None:
    with served(lambda connection: None) as (pool, _):
        connection = connected(pool)
        connection.exchange(EXPECTING, soon(), more=True)
        with pytest.raises(Disconnected):
            connection.proceed(BOUND)
        assert connection.closed_because
