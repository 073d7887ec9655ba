"""Responses that are too large: on the wire, or once their content coding is undone."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import brotli  # type: ignore[import-untyped]
import httpx
import pytest
import zstandard

from integration.wire import Wire, kind_of, wire_fixture  # noqa: F401 - a fixture
from meshclient.engine.limits import ResponseLimits
from meshclient.model.outcome import Kind
from unit.http.rawserver import OK, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Callable

MEBI = 1024 * 1024
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
PACKED = {name: pack(bytes(4 * MEBI)) for name, pack in CODINGS.items()}


def coded(coding: str, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        coding.encode(), len(body), body,
    )  # fmt: skip


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_is_not_let_off(wire: Wire, coding: str) -> None:
    with RawServer(always(coded(coding, PACKED[coding]))) as server:
        client = wire.wired(max_decoded=MEBI)
        with pytest.raises(httpx.DecodingError, match=r"larger than 1048576 bytes .* max_response") as caught:
            wire.run(client.get(server.url))
        assert caught.value.request.url == server.url
        client = wire.wired(max_decoded=4 * MEBI)
        assert wire.run(client.get(server.url)).content == bytes(4 * MEBI)


def test_a_bomb_that_is_streamed(wire: Wire) -> None:
    with RawServer(always(coded("gzip", PACKED["gzip"]))) as server:
        client = wire.wired(max_decoded=MEBI)
        with wire.stream(client, "GET", server.url) as response, pytest.raises(httpx.DecodingError):
            b"".join(wire.chunks(response, "bytes"))
        with wire.stream(client, "GET", server.url) as response:
            assert b"".join(wire.chunks(response)) == PACKED["gzip"]


def test_a_body_without_a_coding_is_bound_too(wire: Wire) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + bytes(2_000_000)
    with RawServer(always(answer)) as server:
        with pytest.raises(httpx.DecodingError, match="max_response"):
            wire.run(wire.wired(max_decoded=MEBI).get(server.url))
        assert len(wire.run(wire.wired(max_decoded=2 * MEBI).get(server.url)).content) == 2_000_000


def test_no_bound_is_no_bound(wire: Wire) -> None:
    with RawServer(always(coded("gzip", PACKED["gzip"]))) as server:
        assert wire.run(wire.wired().get(server.url)).content == bytes(4 * MEBI)


@pytest.mark.parametrize("coding", CODINGS)
def test_an_answer_to_head_has_nothing_to_decode(wire: Wire, coding: str) -> None:
    answer = coded(coding, b"")
    with RawServer(always(answer)) as server:
        for client in (wire.wired(), wire.wired(max_decoded=9)):
            response = wire.run(client.head(server.url))
            assert (response.content, response.headers["content-encoding"]) == (b"", coding)


@pytest.mark.parametrize(
    ("limits", "answer"),
    [
        (ResponseLimits(body=10), b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world"),
        (
            ResponseLimits(body=10),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n",
        ),
        (ResponseLimits(fields=1), b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n"),
        (ResponseLimits(head=100), b"HTTP/1.1 200 OK\r\nA: %b\r\nContent-Length: 0\r\n\r\n" % (b"b" * 100)),
    ],
)
def test_limits_on_the_wire(wire: Wire, limits: ResponseLimits, answer: bytes) -> None:
    with RawServer(always(answer)) as server:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            wire.run(wire.wired(response=limits).get(server.url))
        assert kind_of(caught.value) is Kind.PROTOCOL_ERROR
        assert wire.run(wire.wired().get(server.url)).status_code == 200


def test_a_response_within_the_limits(wire: Wire) -> None:
    with RawServer(always(OK)) as server:
        client = wire.wired(response=ResponseLimits(head=100, fields=1, body=2), max_decoded=2)
        assert wire.run(client.get(server.url)).text == "ok"
