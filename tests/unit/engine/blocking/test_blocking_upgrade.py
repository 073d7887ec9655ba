"""Connections that another protocol takes over."""

from __future__ import annotations

import pytest

from meshclient.engine.errors import MalformedResponse
from unit.engine.blocking.calls import BOUND, GET, connected, served, soon
from unit.http.rawserver import Connection, always

UPGRADE = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"


def test_a_connection_that_another_protocol_takes_over() -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(SWITCHING + b"hello ")
        while data := connection.sock.recv(65536):
            connection.send(data)

    with served(rule) as (pool, _):
        connection = connected(pool)
        connection.exchange(UPGRADE, soon(), upgrade=True)
        assert (connection.status, connection.upgraded) == (101, True)
        connection.write_raw(b"there", BOUND)
        came = connection.surplus
        while len(came) < len(b"hello there"):
            came += connection.read_raw(BOUND)
        assert came == b"hello there"
        connection.release()
        assert connection.closed_because == "another protocol took it over"
        assert not pool.idle


def test_the_end_of_a_connection_that_was_taken_over() -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(SWITCHING)

    with served(rule) as (pool, _):
        connection = connected(pool)
        connection.exchange(UPGRADE, soon(), upgrade=True)
        assert connection.read_raw(BOUND) == b""
        connection.release()


def test_a_switch_that_nobody_asked_for_closes_the_connection() -> None:
    with served(always(SWITCHING)) as (pool, _):
        connection = connected(pool)
        with pytest.raises(MalformedResponse, match="nobody asked for it"):
            connection.exchange(GET, soon())
        assert connection.closed_because
