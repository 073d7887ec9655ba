"""The driver under TLS: limits, sessions, ends with and without an alert, and what is said of each failure."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import trustme

from meshclient.engine.blocking.engine import Engine
from meshclient.engine.errors import (
    ConnectTimeout,
    Disconnected,
    ReadTimeout,
    StaleConnection,
    TlsFailed,
    WriteTimeout,
)
from meshclient.engine.target import Target
from servers.process import wait_until
from unit.engine.blocking.calls import BOUND, CHUNKED_POST, GET, call, connected, descriptors, gone, post, soon
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshclient.engine.blocking.pool import Pool

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@dataclass(eq=False)
class OneContext:
    """A `Tls` whose context never changes; it counts what it is told to learn."""

    made: ssl.SSLContext
    learned: int = 0

    def context(self) -> ssl.SSLContext:
        return self.made

    def learn(self, made: ssl.SSLObject | ssl.SSLSocket, server_name: str) -> None:
        assert isinstance(made, ssl.SSLSocket)
        assert server_name == "orders.test"
        self.learned += 1


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=VERSIONS, ids=["1.2", "1.3"])
def context(request: pytest.FixtureRequest, authority: trustme.CA) -> ssl.SSLContext:
    """Of a server, for one version."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = made.maximum_version = request.param
    authority.issue_cert("orders.test").configure_cert(made)
    return made


@pytest.fixture
def tls(authority: trustme.CA) -> OneContext:
    made = ssl.create_default_context()
    authority.configure_trust(made)
    return OneContext(made)


@contextlib.contextmanager
def secured(
    rule: Callable[[Connection], None], context: ssl.SSLContext, tls: OneContext, name: str = "orders.test"
) -> Iterator[tuple[Pool, RawServer]]:
    with RawServer(rule, tls=context) as server:
        engine = Engine()
        try:
            yield engine.pool(Target("127.0.0.1", server.port, tls=tls, server_name=name)), server
        finally:
            engine.close()


def test_exchanges_follow_each_other_on_one_connection(context: ssl.SSLContext, tls: OneContext) -> None:
    with secured(always(OK), context, tls) as (pool, server):
        assert [call(pool) for _ in range(4)] == [(200, b"ok")] * 4
        assert (server.connections, tls.learned) == (1, 1)


def test_large_bodies_both_ways(context: ssl.SSLContext, tls: OneContext) -> None:
    body = bytes(range(256)) * 8000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with secured(always(answer), context, tls) as (pool, server):
        for _ in range(2):
            assert call(pool, post(3_000_000)) == (200, body)
        connection = connected(pool)
        connection.exchange(CHUNKED_POST, soon(), more=True)
        connection.write(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
        connection.write(b"0\r\n\r\n")
        connection.head()
        assert connection.read()
        connection.abandon("enough")
        assert [len(request.body) for request in server.requests] == [3_000_000, 3_000_000, 0x100000]
        assert server.connections == 1


def test_limits_hold(context: ssl.SSLContext, tls: OneContext) -> None:
    def drip(connection: Connection) -> None:
        connection.request()
        for piece in b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000:
            connection.send(bytes([piece]))
            time.sleep(0.005)

    def silence(connection: Connection) -> None:
        connection.request()
        gone(connection)

    for rule in (drip, silence):
        with secured(rule, context, tls) as (pool, _):
            connection = connected(pool)
            begun = time.monotonic()
            with pytest.raises(ReadTimeout):
                connection.exchange(GET, begun + 0.1, gap=5.0)
            assert 0.1 <= time.monotonic() - begun < BOUND / 2
            assert connection.closed_because


def test_a_server_that_takes_nothing(context: ssl.SSLContext, tls: OneContext) -> None:
    def rule(connection: Connection) -> None:
        done.wait(BOUND)

    done = threading.Event()
    with secured(rule, context, tls) as (pool, _):
        connection, data = connected(pool), post(40_000_000)
        begun = time.monotonic()
        with pytest.raises(WriteTimeout):
            connection.exchange(data, begun + 0.1)
        assert 0.1 <= time.monotonic() - begun < BOUND
        done.set()


def test_a_server_that_answers_and_reads_no_more(context: ssl.SSLContext, tls: OneContext) -> None:
    def rule(connection: Connection) -> None:
        connection.sock.recv(100)
        connection.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
        done.wait(BOUND)

    done = threading.Event()
    with secured(rule, context, tls) as (pool, _):
        connection = connected(pool)
        connection.exchange(post(40_000_000), soon())
        assert (connection.status, connection.read()) == (413, b"no")
        connection.release()
        assert not pool.idle
        done.set()


def test_a_body_up_to_the_end_needs_a_proper_end(context: ssl.SSLContext, tls: OneContext) -> None:
    def rule(connection: Connection) -> None:
        request = connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        if request is not None and request.target == "/proper":
            assert isinstance(connection.sock, ssl.SSLSocket)
            with contextlib.suppress(OSError):
                connection.sock.unwrap()

    with secured(rule, context, tls) as (pool, _):
        assert call(pool, GET.replace(b"/", b"/proper", 1)) == (200, b"all of it")
        with pytest.raises(Disconnected, match="in the middle of its response"):
            call(pool)


def test_a_kept_connection_that_was_closed(context: ssl.SSLContext, tls: OneContext) -> None:
    closing = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        closing.wait(BOUND)

    with secured(rule, context, tls) as (pool, server):
        call(pool)
        (kept,) = pool.idle
        # Session tickets, for one, are nothing that the server says out of turn.
        kept.since -= 1.0
        assert pool.take() is kept
        closing.set()
        wait_until(lambda: kept._line.ready(0.0)[0], BOUND, "the server's close")
        with pytest.raises(StaleConnection):
            kept.exchange(GET, soon())
        call(pool)
        (kept,) = pool.idle
        wait_until(lambda: kept._line.ready(0.0)[0], BOUND, "the server's close")
        kept.since -= 1.0
        call(pool)
        assert kept.closed_because == "the server closed it while it was idle"
        assert server.connections == 3


def test_a_handshake_that_is_never_answered(tls: OneContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        pool = Engine().pool(Target("127.0.0.1", port, tls=tls, server_name="orders.test"))
        before = descriptors()
        begun = time.monotonic()
        with pytest.raises(ConnectTimeout, match=f"https://127.0.0.1:{port}: no connection in time: the TLS handshake"):
            pool.acquire(soon(), 0.1)
        assert 0.1 <= time.monotonic() - begun < BOUND
        assert descriptors() == before


@pytest.mark.parametrize("trouble", ["name", "authority", "expired", "plain", "closed"])
def test_a_handshake_that_fails_names_the_endpoint(
    trouble: str, context: ssl.SSLContext, authority: trustme.CA, tls: OneContext
) -> None:
    if trouble == "authority":
        trustme.CA().issue_cert("orders.test").configure_cert(context)
    if trouble == "expired":
        past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        authority.issue_cert("orders.test", not_after=past).configure_cert(context)
    server_context = None if trouble in {"plain", "closed"} else context

    def rule(connection: Connection) -> None:
        if trouble == "plain":
            connection.sock.recv(5)
            connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with RawServer(rule, tls=server_context) as server:
        name = "payments.test" if trouble == "name" else "orders.test"
        pool = Engine().pool(Target("127.0.0.1", server.port, tls=tls, server_name=name))
        for _ in range(2):
            with pytest.raises(TlsFailed, match=f"https://127.0.0.1:{server.port}"):
                pool.acquire(soon(), BOUND)


def test_a_client_certificate_that_is_missing(context: ssl.SSLContext, authority: trustme.CA, tls: OneContext) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    with secured(always(OK), context, tls) as (pool, server), pytest.raises(TlsFailed) as caught:
        # With TLS 1.2 the handshake fails, with 1.3 the first read.
        call(pool)
    assert f"https://127.0.0.1:{server.port}" in str(caught.value)
