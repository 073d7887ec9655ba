"""Heads of responses that may pass as blocks, and those that are left to the engine's reader."""

from __future__ import annotations

import pytest

from meshclient.sidecar.proxy.response_head import CHUNKED, INTERIM, MISPLACED, UNTIL_END, ResponseHead, response_head


def data(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK", body: bytes = b"") -> bytes:
    return b"\r\n".join([start, *lines, b"", body])


def read(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK", bodiless: bool = False) -> ResponseHead:
    found = response_head(data(*lines, start=start), bodiless=bodiless)
    assert found is not None
    return found


def test_what_is_read_of_it() -> None:
    found = read(
        b"Server: s", b"connection: X-Hop, close", b"X-Hop: 1", b"Date: d", b"Via: 1.0 a", b"Via: 1.1 b",
        b"Content-Length: 05", b"Keep-Alive: timeout=3", start=b"HTTP/1.1 299 Some Words",
    )  # fmt: skip
    assert (found.status, found.reason, found.kept) == (299, b" Some Words", b"\r\nServer: s")
    assert (found.length, found.said, found.date, found.via) == (5, b"05", b"d", b"1.0 a, 1.1 b")
    assert (found.keep, found.keep_alive) == (False, b"timeout=3")
    assert read(b"Transfer-Encoding: Chunked").length == CHUNKED
    assert read().length == UNTIL_END
    assert read(start=b"HTTP/1.1 200").reason == b""
    assert (read(b"Content-Length: 5", bodiless=True).length, read(b"Content-Length: 5", bodiless=True).said) == (
        0,
        b"5",
    )
    assert read(b"Content-Length: 5", start=b"HTTP/1.1 304 N").length == 0
    assert read(b"Content-Length: 5", start=b"HTTP/1.1 204 N").said == b""
    whole = data(b"Content-Length: 2", body=b"ok")
    cut = response_head(whole, bodiless=False)
    assert cut is not None
    assert whole[cut.size :] == b"ok"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        data(b"Content-Length: 2", b"Content-Length: 2"),
        data(b"Content-Length: 2, 2"),
        data(b"Content-Length: +2"),
        data(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
        data(b"Transfer-Encoding: chunked", b"Content-Length: 2"),
        data(b"Transfer-Encoding: gzip, chunked"),
        data(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        data(b"X: a\nb: c"),
        data(b"X: a\0"),
        data(b"X : a"),
        data(b" X: a"),
        data(start=b"HTTP/1.0 200 OK"),
        data(start=b"HTTP/1.1 2000 OK"),
        data(start=b"HTTP/1.1 600 OK"),
        data(start=b"HTTP/1.1 101 OK"),
        data(start=b"HTTP/1.1 103 OK"),
        data(start=b"HTTP/1.1 200 O\x01K"),
        b"\r\n" + data(),
    ],
)
def test_what_leaves_a_question_open_is_not_taken(raw: bytes) -> None:
    assert response_head(raw, bodiless=False) is None


def test_interim_responses() -> None:
    found = INTERIM(data(b"Link: x", start=b"HTTP/1.1 103 Early Hints") + data())
    assert found is not None
    assert (found[1], found[2]) == (b"103 Early Hints", b"\r\nLink: x")
    assert INTERIM(data(start=b"HTTP/1.1 101 Switching Protocols")) is None
    assert INTERIM(data()) is None
    for field in (b"content-length: 0", b"Transfer-Encoding: chunked", b"Connection: x"):
        bad = INTERIM(data(b"X: y", field, start=b"HTTP/1.1 103 Early Hints"))
        assert bad is not None
        assert MISPLACED(bad[2])
    assert not MISPLACED(found[2])
