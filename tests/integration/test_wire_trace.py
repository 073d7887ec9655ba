"""What a trace function hears of an exchange: the same events from the engine as from httpcore."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from integration.wire import Wire, wire_fixture  # noqa: F401 - a fixture
from meshclient.engine.limits import PoolLimits
from meshclient.engine.tls import AdoptedContext
from unit.http.rawserver import OK, RawServer, always, refusing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Trace:
    """Remembers the events."""

    def __init__(self, wire: Wire) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.function = wire.hook(lambda event, info: self.heard.append((event, info)))

    @property
    def names(self) -> list[str]:
        return [event for event, _ in self.heard]


def story(wire: Wire, transport: Any, url: str, times: int, **keywords: Any) -> list[list[str]]:
    """The names of the events of some requests."""
    client = wire.over(transport)
    heard = []
    for _ in range(times):
        trace = Trace(wire)
        try:
            wire.run(client.post(url, extensions={"trace": trace.function}, **keywords))
        except httpx.TransportError as error:
            trace.heard.append((type(error).__name__, None))
        heard.append(trace.names)
    return heard


@pytest.mark.parametrize(
    "answer", [OK, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n"]
)
@pytest.mark.parametrize("content", [b"", b"body", "stream"])
def test_the_events_are_those_of_httpcore(wire: Wire, answer: bytes, content: object) -> None:
    keywords: Callable[[], Any] = lambda: wire.body([b"a", b"b"]) if content == "stream" else content  # noqa: E731

    def rule(connection: Any) -> None:
        while connection.request() is not None:
            connection.send(answer)
            if b"close" in answer:
                return

    with RawServer(rule) as server:
        ours, theirs = (
            [story(wire, transport, server.url, 1, content=keywords()), story(wire, transport, server.url, 1)]
            for transport in (wire.engine(), wire.stock())
        )
    assert ours == theirs
    assert ours[0][0][0] == "connection.connect_tcp.started"


def test_a_connection_that_cannot_be_made(wire: Wire) -> None:
    url = refusing()
    ours, theirs = (story(wire, transport, url, 1) for transport in (wire.engine(), wire.stock()))
    assert ours == theirs == [["connection.connect_tcp.started", "connection.connect_tcp.failed", "ConnectError"]]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"])
def test_an_answer_that_breaks_off(wire: Wire, answer: bytes) -> None:
    def rule(connection: Any) -> None:
        connection.request()
        connection.send(answer)

    with RawServer(rule) as server:
        ours, theirs = (story(wire, transport, server.url, 1) for transport in (wire.engine(), wire.stock()))
    assert ours == theirs
    assert ours[0][-1] == "RemoteProtocolError"


def test_a_request_body_that_breaks_off(wire: Wire) -> None:
    def parts() -> Iterator[bytes]:
        yield b"one"
        raise KeyError("no more")

    def heard(transport: Any, url: str) -> list[str]:
        trace = Trace(wire)
        with pytest.raises(KeyError):
            wire.run(
                wire.over(transport).post(url, content=wire.body_of(parts()), extensions={"trace": trace.function})
            )
        return trace.names

    with RawServer(always(OK)) as server:
        assert heard(wire.engine(), server.url) == heard(wire.stock(), server.url)


def test_a_handshake(wire: Wire) -> None:
    authority = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(serving)
    authority.configure_trust(trusting)
    with RawServer(always(OK), tls=serving) as server:
        url = f"https://localhost:{server.port}/"
        transports = wire.engine(tls=AdoptedContext(trusting)), wire.stock(verify=trusting)
        ours, theirs = (story(wire, transport, url, 2) for transport in transports)
    assert ours == theirs
    assert "connection.start_tls.complete" in ours[0]
    assert "connection.start_tls.complete" not in ours[1]


def test_what_the_events_tell(wire: Wire) -> None:
    trace = Trace(wire)
    with RawServer(always(OK)) as server:
        wire.run(wire.wired().get(server.url + "/x", extensions={"trace": trace.function}))
    told = dict(trace.heard)
    assert told["connection.connect_tcp.started"]["host"] == "127.0.0.1"
    assert told["connection.connect_tcp.complete"]["return_value"].get_extra_info("server_addr")[1] == server.port
    assert told["http11.send_request_headers.started"]["request"].url.target.decode() == "/x"
    version, status, reason, headers = told["http11.receive_response_headers.complete"]["return_value"]
    assert (version, status, reason, headers) == (b"HTTP/1.1", 200, b"OK", [(b"Content-Length", b"2")])


@pytest.mark.parametrize("where", ["connection.connect_tcp.complete", "http11.send_request_body.started"])
def test_a_trace_function_that_fails_ends_its_connection(wire: Wire, where: str) -> None:
    def fail(event: str, _: object) -> None:
        if event == where:
            raise KeyError(event)

    with RawServer(always(OK)) as server:
        client = wire.wired(pool=PoolLimits(per_endpoint=1))
        with pytest.raises(KeyError):
            wire.run(client.get(server.url, extensions={"trace": wire.hook(fail)}))
        assert wire.run(client.get(server.url)).text == "ok"
        assert server.connections == 2
