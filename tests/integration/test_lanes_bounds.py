"""`max_response`: a larger body is an error on each road, as it comes and decoded, known before or not."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import brotli  # type: ignore[import-untyped]
import httpx
import pytest
import zstandard

from integration.lanes import BOUND, Lane, lane_fixture  # noqa: F401 - a fixture
from unit.http.face import pending
from unit.http.rawserver import RawServer, always

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 1000
SAFE = {"attempt_timeout": BOUND, "deadline": 3 * BOUND, "max_response": MOST}
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


def sized(body: bytes, *fields: bytes) -> bytes:
    head = b"".join(b"%b\r\n" % field for field in (*fields, b"Content-Length: %d" % len(body)))
    return b"HTTP/1.1 200 OK\r\n%b\r\n%b" % (head, body)


def chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("framed", [sized, chunked])
def test_a_body_on_the_wire(lane: Lane, framed: Callable[[bytes], bytes]) -> None:
    with RawServer(always(framed(bytes(MOST)))) as fits, RawServer(always(framed(bytes(MOST + 1)))) as large:
        assert lane.ask(lane.known(fits.url, **SAFE)).content == bytes(MOST)
        client = lane.known(large.url, **SAFE)
        error = lane.fails(client)
        assert isinstance(error, httpx.RemoteProtocolError), repr(error)
        assert large.url in str(error)
        assert f"larger than {MOST} bytes: max_response" in str(error)
        assert "HTTP/1.1" not in str(error)
        # What is too large once will be so again.
        assert len(error.mesh.attempts) == len(large.requests) == 1  # type: ignore[attr-defined]
        assert pending(client) == 0


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_when_its_coding_is_undone(lane: Lane, coding: str) -> None:
    field = b"Content-Encoding: " + coding.encode()
    fits, large = (sized(CODINGS[coding](bytes(size)), field) for size in (MOST, 100 * MOST))
    assert len(large) < MOST
    with RawServer(always(fits)) as one, RawServer(always(large)) as two:
        response = lane.ask(lane.known(one.url, **SAFE))
        assert (response.content, response.headers["content-encoding"]) == (bytes(MOST), coding)
        assert lane.ask(lane.known(two.url, attempt_timeout=BOUND)).content == bytes(100 * MOST)
        client = lane.known(two.url, **SAFE)
        error = lane.fails(client)
        assert isinstance(error, httpx.DecodingError), repr(error)
        assert str(MOST) in str(error)
        assert (len(two.requests), pending(client)) == (2, 0)
