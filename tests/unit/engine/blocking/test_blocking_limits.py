"""Limits of time: the head's, the whole response's, and between two reads."""

from __future__ import annotations

import socket
import struct
import time

import pytest

from meshclient.engine.blocking.line import Line
from meshclient.engine.errors import ReadTimeout
from unit.engine.blocking.calls import BOUND, GET, call, connected, gone, served, soon
from unit.http.rawserver import OK, Connection


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"])
def test_a_response_that_does_not_come_in_time(said: bytes) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(said)
        gone(connection)

    with served(rule) as (pool, server):
        for seconds in (0.0, 1e-9, 0.0004, 0.05):
            connection = connected(pool)
            begun = time.monotonic()
            with pytest.raises(ReadTimeout, match=f"http://127.0.0.1:{server.port}"):
                connection.exchange(GET, begun + seconds, begun + seconds)
            assert seconds <= time.monotonic() - begun < BOUND
            assert connection.closed_because


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@pytest.mark.parametrize(("at_once", "what"), [(b"", "gave no response head in time"), (HEAD, "the rest of its body")])
def test_a_drip_feed_does_not_outlive_its_limits(at_once: bytes, what: str) -> None:
    def drip(connection: Connection) -> None:
        connection.request()
        connection.send(at_once)
        for piece in b"x" * 100_000 if at_once else HEAD[:-1] * 100:
            connection.send(bytes([piece]))
            # The pace of the drip.
            time.sleep(0.005)

    with served(drip) as (pool, _):
        connection = connected(pool)
        begun = time.monotonic()
        due = begun + (BOUND if at_once else 0.1)
        with pytest.raises(ReadTimeout, match=what):
            connection.exchange(GET, due, begun + 0.15 if at_once else due, gap=BOUND)
        assert 0.1 <= time.monotonic() - begun < BOUND / 2


def test_the_gap_between_two_reads_is_limited() -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok")
        gone(connection)

    with served(rule) as (pool, _):
        connection = connected(pool)
        connection.exchange(GET, soon(), whole=False, gap=0.05)
        assert connection.read() == b"ok"
        with pytest.raises(ReadTimeout):
            connection.read()
        assert connection.closed_because


def test_a_limit_of_an_earlier_exchange_does_not_hold_for_the_next() -> None:
    waits = [0.0, 0.3, 0.0, 0.3]

    def rule(connection: Connection) -> None:
        for wait in waits:
            connection.request()
            # What is tested is that a long answer is waited for, after a short limit and the other way round.
            time.sleep(wait)
            connection.send(OK)
        gone(connection)

    with served(rule) as (pool, server):
        assert call(pool, seconds=0.2) == (200, b"ok")
        assert call(pool, seconds=BOUND) == (200, b"ok")
        assert call(pool, seconds=float("inf")) == (200, b"ok")
        with pytest.raises(ReadTimeout):
            call(pool, seconds=0.1)
        assert server.connections == 1


def test_a_limit_is_never_so_short_that_it_means_none() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        line = Line(ours)
        for seconds in (1e-9, 0.0, -1.0):
            line.limit(seconds)
            assert struct.unpack("ll", ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16)) > (0, 0)
            with pytest.raises(BlockingIOError):
                line.recv(1)
        line.limit(float("inf"))
        assert struct.unpack("ll", ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16)) == (0, 0)


def test_the_limit_of_a_silent_exchange_is_waited_for_once() -> None:
    with served(gone) as (pool, _):
        connection = connected(pool)
        reads: list[float] = []
        recv = connection._recv

        def counted(size: int) -> bytes:
            reads.append(connection._limit)
            return recv(size)

        connection._recv = counted
        with pytest.raises(ReadTimeout):
            connection.exchange(GET, time.monotonic() + 0.2)
        # A second one at most, for what is left when the kernel woke us a little early.
        assert sum(reads) < 0.3


def test_a_call_whose_time_is_over_is_not_sent() -> None:
    with served(gone) as (pool, _):
        connection = connected(pool)
        connection._send = lambda data, flags: pytest.fail("it was sent")
        with pytest.raises(ReadTimeout):
            connection.exchange(GET, time.monotonic() - 0.001)
        assert connection.closed_because
