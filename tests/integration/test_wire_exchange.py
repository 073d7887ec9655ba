"""Requests and responses over the engine, as a stock httpx client makes and sees them."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from integration.wire import BOUND, Wire, wire_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEBI = 1024 * 1024


def reply(head: str, body: bytes = b"") -> bytes:
    """A response with these header lines, and nothing added to them."""
    return f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body


def test_connections_are_kept(wire: Wire) -> None:
    with RawServer(always(OK)) as server:
        client = wire.wired()
        for path in ("/one", "/two?x=%20", "/three"):
            response = wire.run(client.get(server.url + path))
            assert (response.status_code, response.text, response.reason_phrase) == (200, "ok", "OK")
            assert response.http_version == "HTTP/1.1"
        assert [request.target for request in server.requests] == ["/one", "/two?x=%20", "/three"]
        assert server.connections == 1


def test_calls_beside_each_other_have_connections_of_their_own(wire: Wire) -> None:
    def rule(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            body = request.target.encode()
            connection.send(reply(f"Content-Length: {len(body)}\r\n", body))

    with RawServer(rule) as server:
        client = wire.wired()
        for turn in range(20):
            paths = [f"/{turn}/{number}" for number in range(8)]
            responses = wire.at_once([partial(client.get, server.url + path) for path in paths])
            assert [response.text for response in responses] == paths
        assert 1 <= server.connections <= 8


def test_a_response_is_as_it_was_sent(wire: Wire) -> None:
    head = "X-Twice: a\r\nx-TWICE: b\r\nPadded: value \t \r\nEmpty:\r\nLatin: \xe9\r\nContent-Length: 4\r\n"
    answer = b"HTTP/1.1 299 Rather Good\r\n" + head.encode("latin-1") + b"\r\nbody"
    with RawServer(always(answer)) as server:
        response = wire.run(wire.wired().get(server.url))
    assert (response.status_code, response.reason_phrase, response.content) == (299, "Rather Good", b"body")
    assert response.headers.raw == [
        (b"X-Twice", b"a"), (b"x-TWICE", b"b"), (b"Padded", b"value"), (b"Empty", b""), (b"Latin", b"\xe9"),
        (b"Content-Length", b"4"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "answer", "body"),
    [
        ("HEAD", reply("Content-Length: 1000\r\n"), b""),
        ("HEAD", reply("Transfer-Encoding: chunked\r\n"), b""),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n", b""),
        ("GET", reply("Content-Length: 0\r\n"), b""),
        ("GET", reply("Transfer-Encoding: chunked\r\n", b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde"),
        ("GET", reply("Transfer-Encoding: chunked\r\n", b"1\r\na\r\n0\r\nChecksum: 7\r\n\r\n"), b"a"),
        ("GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"ok"),
    ],
)
def test_a_connection_outlives_every_kind_of_response(wire: Wire, method: str, answer: bytes, body: bytes) -> None:
    with RawServer(always(answer)) as server:
        client = wire.wired()
        for _ in range(2):
            response = wire.run(client.request(method, server.url))
            assert response.content == body
            assert response.status_code in (200, 204, 304)
            assert "link" not in response.headers
        assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (reply("Connection: close\r\nContent-Length: 2\r\n", b"ok"), "HTTP/1.1"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.0"),
        (reply("", b"ok"), "HTTP/1.1"),
    ],
)
def test_a_connection_ends_where_the_server_says_so(wire: Wire, answer: bytes, version: str) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(answer)

    with RawServer(rule) as server:
        client = wire.wired()
        for _ in range(2):
            response = wire.run(client.get(server.url))
            assert (response.text, response.http_version) == ("ok", version)
        assert server.connections == 2


def test_big_bodies_go_both_ways(wire: Wire) -> None:
    sent, answer = bytes(range(256)) * 16384, b"x" * 6 * MEBI

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(reply(f"Content-Length: {len(answer)}\r\n", answer))

    with RawServer(rule) as server:
        client = wire.wired()
        response = wire.run(client.post(server.url, content=sent))
        assert response.content == answer
        response = wire.run(
            client.post(server.url, content=wire.body(sent[at : at + 60_000] for at in range(0, 4 * MEBI, 60_000)))
        )
        assert response.content == answer
        assert [request.body == sent for request in server.requests] == [True, True]
        assert server.connections == 1


def test_streams_are_sent_in_chunks_or_by_their_length(wire: Wire) -> None:
    with RawServer(always(OK)) as server:
        client = wire.wired()
        wire.run(client.post(server.url, content=wire.body([b"one", b"", b"two"])))
        wire.run(client.post(server.url, content=wire.body([b"one", b"two"]), headers={"content-length": "6"}))
        wire.run(client.post(server.url, content=b"plain", headers={"transfer-encoding": "chunked"}))
        wire.run(client.post(server.url, files={"file": b"content"}))
        assert [request.body for request in server.requests[:3]] == [b"onetwo", b"onetwo", b"plain"]
        codings = [request.header("transfer-encoding") for request in server.requests]
        assert codings == ["chunked", None, "chunked", None]
        assert [request.header("content-length") is None for request in server.requests] == [True, False, True, False]
        assert b"content" in server.requests[3].body
        assert server.connections == 1


def test_a_head_and_its_body_go_out_together(wire: Wire) -> None:
    came: list[bytes] = []

    def rule(connection: Connection) -> None:
        came.append(connection.sock.recv(65536))
        connection.send(OK)

    with RawServer(rule) as server:
        wire.run(wire.wired().post(server.url + "/path", content=b"the body"))
    assert came[0].startswith(b"POST /path HTTP/1.1\r\nHost: 127.0.0.1:")
    assert came[0].endswith(b"\r\nContent-Length: 8\r\n\r\nthe body")


@contextmanager
def unix_server(path: Path) -> Iterator[list[bytes]]:
    """A server at a Unix socket for one connection; what it was sent."""
    came: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(BOUND)
                came.append(connection.recv(65536))
                connection.sendall(OK)

        thread = threading.Thread(target=serve)
        thread.start()
        yield came
        thread.join(BOUND)


def test_a_unix_socket_is_as_good(wire: Wire, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with unix_server(path) as came:
        response = wire.run(wire.wired(uds=str(path)).get("http://anything/x"))
    assert response.text == "ok"
    assert came[0].startswith(b"GET /x HTTP/1.1\r\nHost: anything\r\n")


def test_what_is_known_of_the_connection(wire: Wire) -> None:
    with RawServer(always(OK)) as server:
        stream = wire.run(wire.wired().get(server.url)).extensions["network_stream"]
        assert stream.get_extra_info("server_addr") == ("127.0.0.1", server.port)
        assert stream.get_extra_info("client_addr")[0] == "127.0.0.1"
        assert stream.get_extra_info("socket").fileno() > 0
        assert stream.get_extra_info("ssl_object") is None
        assert stream.get_extra_info("anything") is None


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "//127.0.0.1/"])
def test_other_protocols_are_refused(wire: Wire, url: str) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        wire.run(wire.wired().get(url))


def request_of(url: str, headers: list[tuple[bytes, bytes]], **keywords: Any) -> httpx.Request:
    return httpx.Request("POST", url, headers=[(b"host", b"h"), *headers], **keywords)


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ([(b"x", b"a\r\nb: c")], "line break"),
        ([(b"x y", b"a")], "is no header name"),
        ([(b"content-length", b"+3")], "is no Content-Length"),
        ([(b"content-length", b"3"), (b"content-length", b"3")], "is no Content-Length"),
        ([(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")], "can only be chunked"),
        ([(b"transfer-encoding", b"gzip, chunked")], "can only be chunked"),
        ([(b"host", b"other")], "one Host"),
    ],
)
def test_nothing_is_sent_of_a_request_that_can_be_misread(
    wire: Wire, headers: list[tuple[bytes, bytes]], says: str
) -> None:
    with RawServer(always(OK)) as server:
        client = wire.wired()
        with pytest.raises(httpx.LocalProtocolError, match=says) as caught:
            wire.run(client.send(request_of(server.url, headers, stream=httpx.ByteStream(b"abc"))))
        assert caught.value.request.url == server.url
        assert server.connections == 0


@pytest.mark.parametrize("body", [b"ab", b"abcd"])
def test_a_body_has_to_be_as_long_as_its_head_says(wire: Wire, body: bytes) -> None:
    headers = {"content-length": "3"}
    with RawServer(always(OK)) as server:
        client = wire.wired()
        with pytest.raises(httpx.LocalProtocolError, match="declared Content-Length: 3 bytes were declared"):
            wire.run(client.post(server.url, content=body, headers=headers))
        assert server.connections == 0
        with pytest.raises(httpx.LocalProtocolError, match="declared Content-Length"):
            wire.run(client.post(server.url, content=wire.body([body[:1], body[1:]]), headers=headers))
        assert wire.run(client.get(server.url)).text == "ok"
        assert server.connections == 2
        assert [request.method for request in server.requests] == ["GET"]
