"""101 Switching Protocols: the connection is handed over, as WebSocket libraries on httpx want to have it."""

from __future__ import annotations

import base64
import hashlib
import threading
from typing import TYPE_CHECKING

import httpcore
import httpx
import pytest

from integration.wire import BOUND, Wire, wire_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = base64.b64encode(b"0123456789abcdef").decode()
ASKING = {
    "connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": KEY,
}  # fmt: skip
TEXT, CLOSE = 0x81, 0x88


def accepting(key: str, surplus: bytes = b"") -> bytes:
    """The server's part of the handshake (RFC 6455 section 4.2.2), and what it says in the same breath."""
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    return f"{head}{base64.b64encode(digest).decode()}\r\n\r\n".encode() + surplus


def frame(kind: int, data: bytes, mask: bytes = b"") -> bytes:
    """A WebSocket frame of less than 126 bytes."""
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)) if mask else data
    return bytes([kind, len(data) | (0x80 if mask else 0)]) + mask + masked


def echoing(surplus: bytes = b"") -> Callable[[Connection], None]:
    """A rule: a WebSocket server that says again what it hears, until it hears the end."""

    def rule(connection: Connection) -> None:
        request = connection.request()
        assert request is not None
        connection.send(accepting(request.header("sec-websocket-key") or "", surplus))
        while True:
            kind, length = connection._exactly(2)
            mask, data = connection._exactly(4), connection._exactly(length & 0x7F)
            connection.send(frame(kind, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))))
            if kind == CLOSE:
                return

    return rule


def read(wire: Wire, stream: object, size: int) -> bytes:
    """So many bytes, in whatever pieces they come."""
    data = b""
    while len(data) < size:
        part = wire.run(stream.read(size - len(data), timeout=BOUND))  # type: ignore[attr-defined]
        assert part
        data += part
    return data


def test_a_websocket_echoes(wire: Wire) -> None:
    with RawServer(echoing()) as server:
        client = wire.wired()
        with wire.stream(client, "GET", server.url, headers=ASKING) as response:
            assert response.status_code == 101
            assert response.headers["sec-websocket-accept"] == accepting(KEY).split(b": ")[-1].strip().decode()
            stream = response.extensions["network_stream"]
            for word in (b"one", b"two", b"x" * 100):
                wire.run(stream.write(frame(TEXT, word, b"mask"), timeout=BOUND))
                assert read(wire, stream, len(word) + 2) == frame(TEXT, word)
            assert stream.get_extra_info("server_addr")[1] == server.port
            wire.run(stream.write(frame(CLOSE, b"", b"mask")))
            assert read(wire, stream, 2) == frame(CLOSE, b"")
            assert wire.run(stream.read(1, timeout=BOUND)) == b""
        with wire.stream(client, "GET", server.url, headers=ASKING) as response:
            assert response.status_code == 101
        assert server.connections == 2


def test_what_comes_with_the_answer_is_not_lost(wire: Wire) -> None:
    greeting = frame(TEXT, b"hello") + frame(TEXT, b"again")
    client = wire.wired()
    with RawServer(echoing(greeting)) as server, wire.stream(client, "GET", server.url, headers=ASKING) as response:
        stream = response.extensions["network_stream"]
        assert read(wire, stream, 3) == greeting[:3]
        assert read(wire, stream, len(greeting) - 3) == greeting[3:]
        wire.run(stream.write(frame(TEXT, b"x", b"mask")))
        assert read(wire, stream, 3) == frame(TEXT, b"x")


def test_reading_and_writing_have_time_limits_that_do_no_harm(wire: Wire) -> None:
    with RawServer(echoing()) as server, wire.stream(wire.wired(), "GET", server.url, headers=ASKING) as response:
        stream = response.extensions["network_stream"]
        with pytest.raises(httpcore.ReadTimeout):
            wire.run(stream.read(10, timeout=0.05))
        wire.run(stream.write(frame(TEXT, b"late", b"mask")))
        assert read(wire, stream, 6) == frame(TEXT, b"late")


def test_a_peer_that_does_not_read_is_not_written_to_for_ever(wire: Wire) -> None:
    done = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(accepting(KEY))
        done.wait(BOUND)

    with RawServer(rule) as server:
        with wire.stream(wire.wired(), "GET", server.url, headers=ASKING) as response:
            stream = response.extensions["network_stream"]
            with pytest.raises(httpcore.WriteTimeout):
                wire.run(stream.write(bytes(32 * 1024 * 1024), timeout=0.1))
        done.set()


def test_a_broken_connection_is_told_in_the_words_of_httpcore(wire: Wire) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(accepting(KEY))
        connection._exactly(1)
        connection.reset()

    with RawServer(rule) as server, wire.stream(wire.wired(), "GET", server.url, headers=ASKING) as response:
        stream = response.extensions["network_stream"]
        wire.run(stream.write(b"x"))
        with pytest.raises(httpcore.ReadError):
            wire.run(stream.read(1, timeout=BOUND))
        with pytest.raises(httpcore.WriteError):
            wire.run(stream.write(b"x"))


def test_the_end_of_the_response_is_the_end_of_the_connection(wire: Wire) -> None:
    ended = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(accepting(KEY))
        if not connection._file.read(1):
            ended.set()

    with RawServer(rule) as server:
        with wire.stream(wire.wired(), "GET", server.url, headers=ASKING) as response:
            assert b"".join(wire.chunks(response)) == b""
        wire.idle()
        assert ended.wait(BOUND)


def test_tls_cannot_be_started(wire: Wire) -> None:
    with RawServer(echoing()) as server, wire.stream(wire.wired(), "GET", server.url, headers=ASKING) as response:
        stream = response.extensions["network_stream"]
        with pytest.raises(NotImplementedError, match="https URL"):
            wire.run(stream.start_tls(None))


def test_a_server_may_refuse(wire: Wire) -> None:
    with RawServer(always(OK)) as server:
        client = wire.wired()
        for _ in range(2):
            response = wire.run(client.get(server.url, headers=ASKING))
            assert (response.status_code, response.text) == (200, "ok")
            assert not hasattr(response.extensions["network_stream"], "read")


def test_nobody_switches_unasked(wire: Wire) -> None:
    with RawServer(always(accepting(KEY))) as server, pytest.raises(httpx.RemoteProtocolError):
        wire.run(wire.wired().get(server.url))
