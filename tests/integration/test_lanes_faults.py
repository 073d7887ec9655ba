"""What a server does wrong, as a caller of a service meets it: the same on each road."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

import meshclient
from integration.lanes import BOUND, Lane, lane_fixture  # noqa: F401 - a fixture
from meshclient.http.filled import FilledResponse
from servers.process import wait_until
from unit.http.face import pending
from unit.http.rawserver import OK, Connection, RawServer, always, refusing

if TYPE_CHECKING:
    from collections.abc import Callable

SAFE = {"attempt_timeout": BOUND, "deadline": 3 * BOUND}
TURNS = {"balancer": "round_robin", **SAFE}
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"


def test_the_roads_are_what_they_are_called(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        response = lane.ask(lane.known(server.url))
        assert isinstance(response, FilledResponse) == (lane.road == "plain")


def closing(connection: Connection) -> None:
    """A rule: the first connection answers once, and is closed as soon as anything more comes."""
    if connection.number > 1:
        always(OK)(connection)
    elif connection.request() is not None:
        connection.send(OK)
        connection.sock.recv(1, socket.MSG_PEEK)
        connection.reset()


def test_a_get_outlives_an_idle_connection_that_is_closed_while_it_is_written_to(lane: Lane) -> None:
    with RawServer(closing) as server:
        client = lane.known(server.url, **SAFE)
        lane.ask(client)
        response = lane.ask(client)
        [first, second] = response.extensions["mesh"].attempts
        assert (response.text, server.connections) == ("ok", 2)
        assert (str(first.outcome.kind), str(second.outcome.kind)) == ("stale_connection", "ok")
        assert server.url.removeprefix("http://") in first.outcome.detail
        assert pending(client) == 0


def test_a_post_that_may_have_been_seen_is_not_repeated(lane: Lane) -> None:
    with RawServer(closing) as server:
        client = lane.known(server.url, **SAFE)
        lane.ask(client)
        error = lane.fails(client, "POST", content=b"pay")
        assert isinstance(error, httpx.TransportError)
        assert len(error.mesh.attempts) == 1  # type: ignore[attr-defined]
        assert error.mesh.attempts[0].reason.startswith("POST may have been executed")  # type: ignore[attr-defined]
        assert server.url in str(error)
        assert (server.connections, len(server.requests), pending(client)) == (1, 1, 0)


def test_a_post_on_a_connection_that_is_known_to_be_closed_goes_out_on_another(lane: Lane) -> None:
    closed = threading.Event()

    def rule(connection: Connection) -> None:
        if connection.number > 1:
            always(OK)(connection)
        elif connection.request() is not None:
            connection.send(OK)
            connection.sock.shutdown(socket.SHUT_RDWR)
            closed.set()

    with RawServer(rule) as server:
        client = lane.known(server.url, **SAFE)
        lane.ask(client)
        assert closed.wait(BOUND)
        lane.idle()
        response = lane.ask(client, "POST", content=b"pay")
        assert (response.text, len(response.extensions["mesh"].attempts)) == ("ok", 1)
        assert (server.connections, len(server.requests)) == (2, 2)


def reset_in_the_body(connection: Connection) -> None:
    connection.request()
    connection.send(LONG)
    # What has been sent is read first: a reset overtakes what lies in buffers.
    time.sleep(0.05)
    connection.reset()


def half_closed_in_the_body(connection: Connection) -> None:
    connection.request()
    connection.send(LONG)
    connection.sock.shutdown(socket.SHUT_WR)
    connection.request()


def malformed_in_the_body(connection: Connection) -> None:
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    time.sleep(0.05)
    connection.send(b"0x2\r\nok\r\n0\r\n\r\n")
    connection.request()


BODIES: dict[str, tuple[Callable[[Connection], None], type[Exception]]] = {
    "reset": (reset_in_the_body, httpx.ReadError),
    "malformed": (malformed_in_the_body, httpx.RemoteProtocolError),
    "half-closed": (half_closed_in_the_body, httpx.RemoteProtocolError),
}


@pytest.mark.parametrize("fault", BODIES)
def test_a_body_that_breaks_off_is_an_error_and_not_repeated(lane: Lane, fault: str) -> None:
    rule, kind = BODIES[fault]
    with RawServer(rule) as server:
        client = lane.known(server.url, **SAFE)
        error = lane.fails(client)
        assert isinstance(error, kind), repr(error)
        assert server.url in str(error)
        [attempt] = error.mesh.attempts  # type: ignore[attr-defined]
        assert (attempt.outcome.status, len(server.requests), pending(client)) == (200, 1, 0)


def test_a_connection_that_is_half_closed_in_the_head_is_an_attempt_that_failed(lane: Lane) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        connection.sock.shutdown(socket.SHUT_WR)
        connection.request()

    with RawServer(rule) as bad, RawServer(always(OK)) as good:
        client = lane.known(bad.url, good.url, **TURNS)
        reports = [lane.ask(client).extensions["mesh"] for _ in range(2)]
        [first, second] = next(report.attempts for report in reports if report.retries)
        assert (str(first.outcome.kind), second.endpoint.url) == ("disconnected", good.url)
        assert bad.url.removeprefix("http://") in first.outcome.detail


@pytest.mark.parametrize("where", ["head", "body"])
def test_what_drips_does_not_outlive_the_deadline(lane: Lane, where: str) -> None:
    stop = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n" + (b"\r\n" if where == "body" else b"A: "))
        while not stop.wait(0.02):
            connection.send(b"x")

    with RawServer(rule) as server:
        client = lane.known(server.url, attempt_timeout=BOUND, deadline=0.4)
        began = time.monotonic()
        try:
            error = lane.fails(client)
            assert isinstance(error, meshclient.DeadlineExceeded), repr(error)
            assert 0.35 < time.monotonic() - began < BOUND
            assert server.url in str(error)
            assert pending(client) == 0
        finally:
            stop.set()


MALFORMED = {
    "both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "a space in it": b"HTTP/1.1 200 OK\r\nContent-Length: 1 2\r\n\r\nok",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a folded line": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
    "no version": b"HTTP 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "too many fields": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000 + b"Content-Length: 2\r\n\r\nok",
    "a head too large": b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\nContent-Length: 2\r\n\r\nok",
    "an odd coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "no http": b"SSH-2.0-OpenSSH_9.2\r\n",
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_nonsense_is_asked_for_again_elsewhere(lane: Lane, fault: str) -> None:
    with RawServer(always(MALFORMED[fault])) as bad, RawServer(always(OK)) as good:
        client = lane.known(bad.url, good.url, **TURNS)
        reports = [lane.ask(client).extensions["mesh"] for _ in range(2)]
        [first, second] = next(report.attempts for report in reports if report.retries)
        assert (str(first.outcome.kind), first.endpoint.url, second.endpoint.url) == (
            "protocol_error", bad.url, good.url,
        )  # fmt: skip
        assert bad.url in first.outcome.detail
        assert "HTTP/1.1" in first.outcome.detail
        assert first.reason.startswith("protocol_error: tried again after")
        assert len(bad.requests) == 1
        error = lane.fails(lane.known(bad.url, **SAFE), "POST", content=b"pay")
        assert isinstance(error, httpx.RemoteProtocolError)
        assert bad.url in str(error)


def hang_up(connection: Connection) -> None:
    connection.request()


def reset_unanswered(connection: Connection) -> None:
    connection.request()
    connection.reset()


def silent(connection: Connection) -> None:
    connection.request()
    connection.request()


ERRORS: dict[str, tuple[Callable[[Connection], None] | None, type[Exception]]] = {
    "refused": (None, httpx.ConnectError),
    "hang up": (hang_up, httpx.TransportError),
    "reset": (reset_unanswered, httpx.TransportError),
    "silent": (silent, httpx.ReadTimeout),
}


@pytest.mark.parametrize("fault", ERRORS)
def test_errors_name_the_endpoint(lane: Lane, fault: str) -> None:
    rule, kind = ERRORS[fault]
    with RawServer(rule or always(OK)) as server:
        url = refusing() if rule is None else server.url
        error = lane.fails(lane.known(url, retry=False, attempt_timeout=0.3, deadline=BOUND))
        assert isinstance(error, kind)
        assert url in str(error)
        [attempt] = error.mesh.attempts  # type: ignore[attr-defined]
        assert attempt.endpoint.url == url
        assert error.request.url == "http://orders/"  # type: ignore[attr-defined]


def test_a_connection_that_is_closed_for_good_makes_no_call_wait(lane: Lane) -> None:
    """A server that closes each connection after its response is served by new ones, and each call is one attempt."""

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)

    with RawServer(rule) as server:
        client = lane.known(server.url, **SAFE)
        for number in range(3):
            lane.ask(client)
            wait_until(lambda: lane.turn() or server.connections == number + 1, BOUND, "a connection")  # noqa: B023
            lane.idle()


class Raising:
    """Says nothing of traces, loudly."""

    fields: frozenset[str] = frozenset()

    def lines(self, *_: object) -> object:
        raise RuntimeError("no trace")

    headers = lines


def test_what_raises_before_anything_is_sent_leaves_nothing_behind(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        client = lane.known(server.url, **TURNS)
        lane.ask(client)
        service = client.mesh.service("orders")
        outbound, service.outbound = service.outbound, Raising()
        for _ in range(3):
            assert str(lane.fails(client)) == "no trace"
        assert pending(client) == 0
        service.outbound = outbound
        assert lane.ask(client).text == "ok"
