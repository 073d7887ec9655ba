"""Request heads: which there are, which there are not, and what is read of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.sidecar.proxy import ProxySettings, Refusal, RequestHead
from meshclient.sidecar.proxy.request_head import CHUNKED, partial_fault, read_head

SETTINGS = ProxySettings()


def head(*lines: bytes, start: bytes = b"GET /a HTTP/1.1") -> bytes:
    return b"\r\n".join([start, *lines, b"", b""])


def read(*lines: bytes, start: bytes = b"GET /a HTTP/1.1") -> RequestHead:
    found = read_head(head(*lines, start=start), SETTINGS)
    assert isinstance(found, RequestHead), found
    return found


HOST = b"Host: orders"


@pytest.mark.parametrize(
    "block",
    [
        head(HOST, b"Content-Length: 3", b"Transfer-Encoding: chunked"),
        head(HOST, b"Content-Length: 3", b"Content-Length: 3"),
        head(HOST, b"Content-Length: 3, 3"),
        head(HOST, b"Content-Length: +3"),
        head(HOST, b"Content-Length: 0x3"),
        head(HOST, b"Content-Length: 3 3"),
        head(HOST, b"Content-Length:"),
        head(HOST, b"Content-Length: " + b"9" * 19),
        head(HOST, b"Content-Length : 3"),
        head(HOST, b"Transfer-Encoding: gzip, chunked"),
        head(HOST, b"Transfer-Encoding: chunked, chunked"),
        head(HOST, b"Transfer-Encoding: xchunked"),
        head(HOST, b"Transfer-Encoding: identity"),
        head(HOST, b"Transfer-Encoding:"),
        head(HOST, b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        head(HOST, b"Transfer-Encoding\t: chunked"),
        head(HOST, b"Transfer-Encoding: \x0bchunked"),
        head(HOST, b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0"),
        head(HOST, b"X: a\nContent-Length: 3"),
        head(HOST, b"X: a\rContent-Length: 3"),
        head(HOST, b"X: a\0b"),
        head(HOST, b"X: a\x7f"),
        head(HOST, b"X: a", b" folded"),
        head(HOST, b"X: a", b"\tfolded"),
        head(b" Host: orders"),
        head(HOST, b": nothing"),
        head(HOST, b"nothing"),
        head(HOST, b"X Y: z"),
        head(HOST, b"X\x80: z"),
        head(b"X: no host"),
        head(HOST, b"Host: orders"),
        head(b"Host: a b"),
        head(b"Host: a/b"),
        head(b"Host: user@a"),
        head(b"Host: a,b"),
        head(HOST, start=b"GET  /a HTTP/1.1"),
        head(HOST, start=b"GET /a  HTTP/1.1"),
        head(HOST, start=b"GET /a HTTP/1.1 "),
        head(HOST, start=b"GET /a"),
        head(HOST, start=b" GET /a HTTP/1.1"),
        head(HOST, start=b"GET /a#b HTTP/1.1"),
        head(HOST, start=b"GET /\x80 HTTP/1.1"),
        head(HOST, start=b"G@T /a HTTP/1.1"),
        head(HOST, start=b"GET /a http/1.1"),
        head(HOST, start=b"GET\t/a HTTP/1.1"),
        head(HOST, b"Content-Length: 1", start=b"CONNECT a:1 HTTP/1.1"),
    ],
)
def test_what_readers_may_differ_on_is_refused(block: bytes) -> None:
    found = read_head(block, SETTINGS)
    assert isinstance(found, Refusal)
    assert (found.status, found.close) == (400, True)


@pytest.mark.parametrize("version", [b"2.0", b"1.2", b"0.9", b"3"])
def test_other_versions_are_named(version: bytes) -> None:
    found = read_head(head(HOST, start=b"GET /a HTTP/" + version), SETTINGS)
    assert isinstance(found, Refusal)
    assert found.status == 505


def test_sizes_have_bounds() -> None:
    small = ProxySettings(max_line=100, max_head=500, max_fields=5)
    for block, status in [
        (head(HOST, start=b"GET /" + b"x" * 100 + b" HTTP/1.1"), 414),
        (head(HOST, b"X: " + b"y" * 100), 431),
        (head(HOST, *[b"X: " + b"y" * 90] * 5), 431),
        (head(HOST, *[b"X: y"] * 6), 431),
    ]:
        found = read_head(block, small)
        assert isinstance(found, Refusal)
        assert found.status == status
    for part, expected in [
        (b"GET /" + b"x" * 200, 414),
        (head(HOST, *[b"X: " + b"y" * 50] * 20)[:-4], 431),
        (b"GET / HTTP/1.1\r\nX: y\nZ: 1", 400),
        (b"GET / HTTP/1.1\nHost", 400),
        (b"GET / HTTP/1.1\r\nX: \0", 400),
        (b"GET / HTTP/1.1\rX", 400),
        (b"GET / HTTP/1.1\r", 0),
        (b"GET / HTTP/1.1\r\nHost: or", 0),
    ]:
        fault = partial_fault(part, small)
        assert (fault.status if fault else 0) == expected


def test_what_is_read_of_it() -> None:
    found = read(
        HOST, b"connection: Keep-Alive, x-hop , Upgrade", b"X-Hop: 1", b"Upgrade: websocket", b"TE: trailers;q=1, gzip",
        b"Accept: a", b"mesh-timeout: 100m", b"TraceParent: t", b"Expect: 100-Continue", b"content-length: 0007",
        start=b"POST http://Other:80/x HTTP/1.1",
    )  # fmt: skip
    assert (found.method, found.target, found.host) == ("POST", b"http://Other:80/x", b"Other:80")
    assert (found.persistent, found.expects, found.upgrade, found.length) == (True, True, b"websocket", 7)
    assert found.hurried == {"mesh-timeout": "100m"}
    assert found.traced == {b"traceparent"}
    assert found.kept == b"\r\nAccept: a\r\ntraceparent: t"
    assert found.header(b"x-hop") == b"1"
    assert read(HOST, b"TE: trailers").trailers
    assert read(HOST, b"Transfer-Encoding: CHUNKED").length == CHUNKED
    assert not read(HOST, b"Connection: close").persistent
    assert not read(start=b"GET / HTTP/1.0").persistent
    assert read(b"Connection: keep-alive", start=b"GET / HTTP/1.0").persistent
    assert read(HOST, b"Connection: upgrade, http2-settings", b"Upgrade: h2c").upgrade == b""
    assert read(b"Host: [::1]:80").host == b"[::1]:80"


def test_a_connection_header_cannot_take_away_how_the_message_is_framed() -> None:
    found = read(HOST, b"Connection: content-length, host, close", b"Content-Length: 5")
    assert (found.length, found.host, found.persistent) == (5, b"orders", False)


NAMES = st.sampled_from([
    b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"X", b"Expect", b"TE", b"Via", b"mesh-timeout",
    b"",
])  # fmt: skip
VALUES = st.one_of(
    st.sampled_from([b"5", b"chunked", b"close", b"orders", b"x, y", b"100-continue", b""]), st.binary(max_size=8)
)
LINES = st.lists(st.tuples(NAMES, st.sampled_from([b":", b": ", b" : ", b""]), VALUES), max_size=5)


@given(LINES)
def test_whatever_comes_nothing_leaves_that_was_not_understood(lines: list[tuple[bytes, bytes, bytes]]) -> None:
    block = head(*[b"".join(line) for line in lines])
    found = read_head(block, SETTINGS)
    if isinstance(found, Refusal):
        return
    assert re.fullmatch(rb"(?:\r\n[!#-'*+\-.^_`|~0-9A-Za-z]+:[^\r\n\0]*)*", found.kept)
    low = found.kept.lower()
    for name in (b"content-length", b"transfer-encoding", b"connection", b"host", b"expect", b"te", b"via"):
        assert b"\r\n" + name + b":" not in low
