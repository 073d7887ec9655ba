"""Bodies that come and go piece by piece: held back both ways, given up half-way, answered early."""

from __future__ import annotations

import select
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from integration.wire import BOUND, Wire, kind_of, wire_fixture  # noqa: F401 - a fixture
from meshclient.engine.limits import PoolLimits
from meshclient.http._async import engine_dialogue as async_dialogue
from meshclient.http._sync import engine_dialogue as dialogue
from meshclient.model.outcome import Kind
from servers.process import wait_until
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Iterator

MEBI = 1024 * 1024
# What the kernel and the engine may hold of a stream that nobody reads, generously.
HELD = 24 * MEBI
BIG = 40 * MEBI
PART = bytes(64 * 1024)


def head(length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length


class Source:
    """A server of one long body, which counts what it got rid of."""

    def __init__(self) -> None:
        self.sent = 0
        self.broken = threading.Event()
        self.stuck = threading.Event()

    def __call__(self, connection: Connection) -> None:
        connection.request()
        connection.send(head(BIG))
        try:
            while self.sent < BIG:
                if not select.select([], [connection.sock], [], 0.2)[1]:
                    self.stuck.set()
                connection.send(PART)
                self.sent += len(PART)
        except OSError:
            self.broken.set()


def test_a_server_is_held_back_while_nobody_reads(wire: Wire) -> None:
    source = Source()
    with RawServer(source) as server:
        with wire.stream(wire.wired(), "GET", server.url) as response:
            parts = wire.chunks(response)
            assert next(parts)
            wait_until(lambda: wire.turn() or source.stuck.is_set(), BOUND, "the server to be stuck")
            assert source.sent < HELD
            assert sum(map(len, parts)) > 0
        # The server counts a part after it has sent it.
        wait_until(lambda: source.sent == BIG, BOUND, "the server to be done")


def test_a_caller_is_held_back_while_the_server_does_not_read(wire: Wire) -> None:
    done = threading.Event()
    given = 0

    def rule(connection: Connection) -> None:
        done.wait(BOUND)

    def parts() -> Iterator[bytes]:
        nonlocal given
        for _ in range(BIG // len(PART)):
            given += len(PART)
            yield PART

    with RawServer(rule) as server:
        client = wire.over(wire.engine(), timeout=httpx.Timeout(BOUND, write=0.2))
        with pytest.raises(httpx.WriteTimeout) as caught:
            wire.run(client.post(server.url, content=wire.body_of(parts())))
        assert 0 < given < HELD
        assert kind_of(caught.value) is Kind.TIMEOUT
        done.set()


def test_a_connection_is_free_at_the_end_of_the_body(wire: Wire) -> None:
    size = 8 * MEBI
    answer = head(size) + bytes(size)
    with RawServer(always(answer)) as server:
        client = wire.wired()
        with wire.stream(client, "GET", server.url) as response:
            assert sum(map(len, wire.chunks(response))) == size
            assert len(wire.run(client.get(server.url)).content) == size
            assert server.connections == 1
        with wire.stream(client, "GET", server.url) as response:
            parts = wire.chunks(response)
            assert next(parts)
            assert len(wire.run(client.get(server.url)).content) == size
            assert server.connections == 2


def test_a_small_body_is_here_with_its_head(wire: Wire) -> None:
    with RawServer(always(OK)) as server:
        client = wire.wired()
        with wire.stream(client, "GET", server.url) as first, wire.stream(client, "GET", server.url) as second:
            assert (wire.read(second), wire.read(first)) == (b"ok", b"ok")
        assert server.connections == 1


def test_who_stops_reading_closes_the_connection(wire: Wire) -> None:
    source = Source()
    with RawServer(source) as server:
        client = wire.wired()
        with wire.stream(client, "GET", server.url) as response:
            next(wire.chunks(response))
        wait_until(lambda: wire.turn() or source.broken.is_set(), BOUND, "the server to notice")
        assert source.sent < HELD


def test_a_pause_between_two_parts_may_be_long_in_all(wire: Wire) -> None:
    never = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(head(5))
        for _ in range(5):
            never.wait(0.25)
            connection.send(b"x")
        connection.request()

    with RawServer(rule) as server:
        client = wire.over(wire.engine(), timeout=1.0)
        assert wire.run(client.get(server.url)).content == b"xxxxx"


def test_a_pause_between_two_writes_may_be_long_in_all(wire: Wire) -> None:
    never, size = threading.Event(), 6 * MEBI

    def rule(connection: Connection) -> None:
        while connection._file.readline() != b"\r\n":
            pass
        for _ in range(6):
            never.wait(0.2)
            connection._exactly(size)
        connection.send(OK)
        connection.request()

    with RawServer(rule) as server:
        client = wire.over(wire.engine(), timeout=httpx.Timeout(BOUND, write=0.9))
        body = wire.body([bytes(size)] * 6)
        headers = {"content-length": str(6 * size)}
        assert wire.run(client.post(server.url, content=body, headers=headers)).text == "ok"


def test_an_answer_may_take_longer_than_a_write(wire: Wire) -> None:
    never = threading.Event()

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            never.wait(0.5)
            connection.send(OK)

    with RawServer(rule) as server:
        client = wire.over(wire.engine(), timeout=httpx.Timeout(BOUND, write=0.25))
        assert wire.run(client.post(server.url, content=wire.body([b"body"]))).text == "ok"


def test_a_server_that_answers_early_is_heard(wire: Wire) -> None:
    given = 0

    def rule(connection: Connection) -> None:
        connection._file.readline()
        connection.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
        # Its own end would reset what it has said.
        while connection.sock.recv(65536):
            pass

    def parts() -> Iterator[bytes]:
        nonlocal given
        for _ in range(BIG // len(PART)):
            given += len(PART)
            yield PART

    with RawServer(rule) as server:
        client = wire.wired()
        response = wire.run(client.post(server.url, content=wire.body_of(parts())))
        assert (response.status_code, response.text) == (413, "big")
        assert given < BIG
        assert wire.run(client.post(server.url)).status_code == 413
        assert server.connections == 2


def test_a_body_that_fails_ends_its_connection(wire: Wire) -> None:
    def parts() -> Iterator[bytes]:
        yield b"one"
        raise KeyError("no more")

    with RawServer(always(OK)) as server:
        client = wire.wired(pool=PoolLimits(per_endpoint=1))
        with pytest.raises(KeyError, match="no more"):
            wire.run(client.post(server.url, content=wire.body_of(parts())))
        assert wire.run(client.get(server.url)).text == "ok"
        assert [request.method for request in server.requests] == ["GET"]
        assert server.connections == 2


EXPECTING = {"expect": "100-continue"}


def test_a_body_waits_until_it_is_wanted(wire: Wire) -> None:
    early: list[bool] = []

    def rule(connection: Connection) -> None:
        while connection._file.readline().startswith(b"POST"):
            while connection._file.readline() != b"\r\n":
                pass
            early.append(bool(select.select([connection.sock], [], [], 0.1)[0]))
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert connection._exactly(8) == b"the body"
            connection.send(OK)

    with RawServer(rule) as server:
        client = wire.wired()
        for content in (b"the body", wire.body([b"the ", b"body"])):
            headers = {**EXPECTING, "content-length": "8"}
            assert wire.run(client.post(server.url, content=content, headers=headers)).text == "ok"
        assert server.connections == 1
    assert early == [False, False]


def test_a_body_that_is_refused_is_not_sent(wire: Wire) -> None:
    came: list[bytes] = []

    def rule(connection: Connection) -> None:
        lines = [*iter(connection._file.readline, b"\r\n")]
        assert b"Expect: 100-continue\r\n" in [line.replace(b"expect", b"Expect") for line in lines]
        connection.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
        came.append(connection._file.read())

    with RawServer(rule) as server:
        client = wire.wired()
        response = wire.run(client.post(server.url, content=b"the body", headers=EXPECTING))
        assert (response.status_code, response.text) == (417, "no")
        wire.idle()
        wait_until(lambda: wire.turn() or bool(came), BOUND, "the end of the connection")
    assert came == [b""]


def test_a_body_does_not_wait_for_ever(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_dialogue, "PATIENCE", 0.2)
    monkeypatch.setattr(dialogue, "PATIENCE", 0.2)
    with RawServer(always(OK)) as server:
        client = wire.over(wire.engine(), timeout=httpx.Timeout(BOUND, write=0.05))
        response = wire.run(client.post(server.url, content=b"the body", headers=EXPECTING))
        assert response.text == "ok"
        assert server.requests[0].body == b"the body"
