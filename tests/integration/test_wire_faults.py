"""The same exchanges over the engine and over httpx's own transport: equal responses, the same error for a fault."""

from __future__ import annotations

import gzip
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from integration.wire import BOUND, Wire, kind_of, wire_fixture  # noqa: F401 - a fixture
from meshclient.http.engine_errors import outcome_of
from meshclient.model.outcome import Kind
from unit.http.rawserver import OK, Connection, RawServer, always, refusing

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT = httpx.Timeout(BOUND, read=0.3)
PACKED = gzip.compress(b"the content")

ANSWERS = {
    "plain": OK,
    "cookies": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2; Path=/\r\nContent-Length: 0\r\n\r\n",
    "odd words": b"HTTP/1.1 418 I'm a  teapot\r\nContent-Length: 0\r\n\r\n",
    "no words": b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
    "padding": b"HTTP/1.1 200 OK\r\nA:   b c \t \r\nE:\r\nContent-Length:  2 \r\n\r\nok",
    "latin": b"HTTP/1.1 200 OK\r\nA: \xe4\xff\r\nContent-Type: a/b; charset=latin-1\r\nContent-Length: 1\r\n\r\n\xe4",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nT: x\r\n\r\n",
    "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(PACKED), PACKED),
    "interim": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
    "until the end": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it",
    "http/1.0": b"HTTP/1.0 200 OK\r\n\r\nall of it",
    "nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: x\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
    "error": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy",
}


def facts(response: httpx.Response) -> dict[str, object]:
    """All that a user may look at."""
    return {
        **{name: getattr(response, name) for name in (
            "status_code", "reason_phrase", "http_version", "content", "text", "encoding", "is_closed",
            "is_stream_consumed", "num_bytes_downloaded", "has_redirect_location", "is_error", "history", "url",
        )},
        "headers": response.headers.raw,
        "cookies": dict(response.cookies),
        "extensions": {
            name: value for name, value in response.extensions.items() if name != "network_stream"
        },
        "network_stream": "network_stream" in response.extensions,
        "request": response.request.headers.raw,
        "next_request": response.next_request and response.next_request.url,
    }  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("name", ANSWERS)
def test_responses_are_equal(wire: Wire, name: str, method: str) -> None:
    answer = ANSWERS[name]
    if method == "HEAD":
        answer = answer[: answer.rindex(b"\r\n\r\n") + 4]

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(answer)
            if name in ("until the end", "http/1.0"):
                return

    content = b"body" if method == "POST" else None
    with RawServer(rule) as server:
        ours, theirs = (
            facts(wire.run(wire.over(transport).request(method, server.url + "/p?q=%C3%A4#f", content=content)))
            for transport in (wire.engine(), wire.stock())
        )
        assert ours == theirs
        first, second = server.requests
        assert first == second


@dataclass(frozen=True)
class Fault:
    """What a server does to a request, and in which kinds of failure it may end."""

    rule: Callable[[Connection], None]
    kind: Kind
    content: bytes | None = None


def answering(*parts: bytes, then: str) -> Callable[[Connection], None]:
    """A rule: the parts of an answer, and then an end, or none."""

    def rule(connection: Connection) -> None:
        connection.request()
        for part in parts:
            connection.send(part)
        if then == "wait":
            connection.sock.settimeout(BOUND)
            connection.sock.recv(1)

    return rule


def resetting(*parts: bytes) -> Callable[[Connection], None]:
    """A rule: parts of an answer, and a reset."""

    def rule(connection: Connection) -> None:
        connection.request()
        for part in parts:
            connection.send(part)
        connection.reset()

    return rule


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FAULTS = {
    "ended without a word": Fault(answering(then="close"), Kind.DISCONNECTED),
    "ended in the head": Fault(answering(b"HTTP/1.1 200 OK\r\nCon", then="close"), Kind.DISCONNECTED),
    "ended in the body": Fault(answering(HEAD + b"12345", then="close"), Kind.DISCONNECTED),
    "ended in a chunk": Fault(answering(CHUNKED + b"5\r\nabc", then="close"), Kind.DISCONNECTED),
    "ended between chunks": Fault(answering(CHUNKED + b"3\r\nabc\r\n", then="close"), Kind.DISCONNECTED),
    "reset without a word": Fault(resetting(), Kind.DISCONNECTED),
    "no HTTP": Fault(answering(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", then="close"), Kind.PROTOCOL_ERROR),
    "no number": Fault(answering(b"HTTP/1.1 abc OK\r\n\r\n", then="close"), Kind.PROTOCOL_ERROR),
    "no size of a chunk": Fault(answering(CHUNKED + b"xyz\r\n", then="close"), Kind.PROTOCOL_ERROR),
    "a length that is none": Fault(
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", then="close"), Kind.PROTOCOL_ERROR
    ),
    "silent": Fault(answering(then="wait"), Kind.TIMEOUT),
    "silent in the body": Fault(answering(HEAD + b"12345", then="wait"), Kind.TIMEOUT),
}


def failure(
    wire: Wire, transport: Any, url: str, timeout: httpx.Timeout = SHORT, **keywords: Any
) -> httpx.TransportError:
    """The error of a request."""
    with pytest.raises(httpx.TransportError) as caught:
        wire.run(wire.over(transport, timeout=timeout).post(url, **keywords))
    return caught.value


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_called_the_same(wire: Wire, name: str) -> None:
    fault = FAULTS[name]
    with RawServer(fault.rule) as server:
        ours = failure(wire, wire.engine(), server.url, content=b"x")
        theirs = failure(wire, wire.stock(), server.url, content=b"x")
    assert type(ours) is type(theirs)
    assert kind_of(ours) is fault.kind
    outcome = outcome_of(ours)
    assert outcome is not None
    assert (outcome.kind, outcome.status) == (fault.kind, None)
    assert outcome.detail.startswith(type(ours).__name__)
    assert f"127.0.0.1:{server.port}" in str(ours)
    assert ours.request.url == server.url
    assert outcome_of(theirs) is None


def test_a_reset_in_the_body(wire: Wire) -> None:
    seen = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(HEAD + b"12345")
        seen.wait(BOUND)
        connection.reset()

    with RawServer(rule) as server, wire.stream(wire.wired(), "GET", server.url) as response:
        parts = wire.chunks(response)
        assert next(parts) == b"12345"
        seen.set()
        with pytest.raises(httpx.ReadError) as caught:
            next(parts)
    assert kind_of(caught.value) is Kind.DISCONNECTED
    assert caught.value.request.url == server.url


def test_nobody_listens(wire: Wire) -> None:
    url = refusing()
    ours, theirs = (failure(wire, transport, url) for transport in (wire.engine(), wire.stock()))
    assert type(ours) is type(theirs) is httpx.ConnectError
    assert kind_of(ours) is Kind.CONNECT_ERROR
    assert url in str(ours)


def test_a_request_that_nobody_takes(wire: Wire) -> None:
    ready = threading.Event()

    def rule(connection: Connection) -> None:
        ready.wait(BOUND)

    with RawServer(rule) as server:
        big = bytes(32 * 1024 * 1024)
        limits = httpx.Timeout(BOUND, write=0.3)
        ours, theirs = (failure(wire, at, server.url, limits, content=big) for at in (wire.engine(), wire.stock()))
        ready.set()
    assert type(ours) is type(theirs) is httpx.WriteTimeout
    assert kind_of(ours) is Kind.TIMEOUT


def test_a_kept_connection_that_the_server_closes_as_it_is_used(wire: Wire) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        connection.request()

    with RawServer(rule) as server:
        client = wire.wired()
        kinds: list[object] = []
        # Its end tells of a stale connection only if it is here at once, which a busy machine may not manage.
        while Kind.STALE_CONNECTION not in kinds and len(kinds) < 10:
            assert wire.run(client.get(server.url)).text == "ok"
            with pytest.raises(httpx.RemoteProtocolError) as caught:
                wire.run(client.get(server.url))
            kinds.append(kind_of(caught.value))
        assert kinds[-1] is Kind.STALE_CONNECTION
        assert set(kinds[:-1]) <= {Kind.DISCONNECTED}
        assert wire.run(client.get(server.url)).text == "ok"
        assert server.connections == len(kinds) + 1


def test_a_connection_closed_while_it_was_idle_is_not_used(wire: Wire) -> None:
    closed = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        connection.close()
        closed.set()

    with RawServer(rule) as server:
        client = wire.wired()
        for number in range(1, 4):
            assert wire.run(client.get(server.url)).text == "ok"
            assert closed.wait(BOUND)
            closed.clear()
            wire.idle()
            assert server.connections == number


def test_a_server_that_closes_its_side_only(wire: Wire) -> None:
    over = threading.Event()

    def rule(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            connection.send(OK if request.target == "/whole" else HEAD + b"12345")
            connection.sock.shutdown(socket.SHUT_WR)
            if request.target == "/part":
                over.wait(BOUND)

    with RawServer(rule) as server:
        client = wire.wired()
        for _ in range(2):
            assert wire.run(client.get(server.url + "/whole")).text == "ok"
            wire.idle()
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            wire.run(client.get(server.url + "/part"))
        assert kind_of(caught.value) is Kind.DISCONNECTED
        over.set()
        assert server.connections == 3


def test_errors_elsewhere_have_no_outcome_here(wire: Wire) -> None:
    with RawServer(always(OK)) as server:
        response = wire.run(wire.wired().get(server.url + "/x"))
    with pytest.raises(httpx.StreamConsumed) as caught:
        b"".join(wire.chunks(response))
    assert outcome_of(caught.value) is None
