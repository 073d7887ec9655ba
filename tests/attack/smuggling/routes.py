"""Host, the forms of a target, fields that hold for one hop, and several requests on one connection."""

from __future__ import annotations

from attack.smuggling.case import (
    GET,
    HELLO,
    SMUGGLED,
    Case,
    Verdict,
    Wanted,
    answer,
    broken,
    either,
    forward,
    get,
    post,
    refuse,
)

_NOWHERE = (400, 403, 404, 405, 421, 501)
_HOSTS = (
    ("with-a-path", b"orders/evil"),
    ("with-user", b"evil@orders"),
    ("of-two-words", b"orders evil"),
    ("of-two-names", b"orders,evil"),
    ("with-two-ports", b"orders:80:80"),
    ("with-a-word-for-port", b"orders:http"),
    ("with-a-signed-port", b"orders:+80"),
    ("with-a-backslash", b"orders\\evil"),
    ("with-a-fragment", b"orders#x"),
    ("with-a-query", b"orders?x"),
    ("with-a-bracket", b"[::1"),
    ("with-a-control", b"orders\x01"),
    ("with-nul", b"orders\0.evil"),
    ("with-a-bare-cr", b"orders\revil"),
    ("with-scheme", b"http://orders"),
)
_TARGETS = (
    ("no-slash", b"GET a HTTP/1.1"),
    ("asterisk-with-get", b"GET * HTTP/1.1"),
    ("authority-with-get", b"GET orders:80 HTTP/1.1"),
    ("no-host", b"GET http:///a HTTP/1.1"),
    ("user", b"GET http://evil@orders/a HTTP/1.1"),
    ("user-and-port", b"GET http://orders:80@evil/a HTTP/1.1"),
    ("one-slash", b"GET http:/orders/a HTTP/1.1"),
    ("backslash", b"GET http://orders\\evil/a HTTP/1.1"),
    ("other-scheme", b"GET ftp://orders/a HTTP/1.1"),
    ("port-of-no-digits", b"GET http://orders:x/a HTTP/1.1"),
    ("backslash-first", b"GET \\a HTTP/1.1"),
)
_CONNECTS = (
    ("forbidden", b"CONNECT evil:443 HTTP/1.1"),
    ("path", b"CONNECT /a HTTP/1.1"),
    ("no-port", b"CONNECT orders HTTP/1.1"),
    ("absolute", b"CONNECT http://orders/ HTTP/1.1"),
    ("empty-port", b"CONNECT orders: HTTP/1.1"),
    ("user", b"CONNECT evil@orders:80 HTTP/1.1"),
)


def _removed(name: bytes, fields: bytes) -> Case:
    return Case(f"hop-{name.decode()}", "9110 7.6.1", get(fields), forward(Wanted(b"GET", b"/a", lacks=(name,))))


_FIVE = b"Content-Length: 5\r\n"
_SOCKET = b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
_SETTINGS = b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"

CASES = (
    Case("host-missing", "9112 3.2", get(host=b""), refuse()),
    Case("host-twice", "9112 3.2", get(b"Host: orders\r\n"), refuse()),
    Case("host-twice-and-different", "9112 3.2", get(b"Host: evil\r\n"), refuse()),
    Case("host-empty", "9110 7.2", get(host=b"Host:\r\n"), either(GET, *_NOWHERE)),
    Case("host-space-before-colon", "9112 5.1", get(host=b"Host : orders\r\n"), refuse()),
    Case("host-folded", "9112 5.2", get(host=b"Host: orders\r\n .evil\r\n"), refuse()),
    *(Case(f"host-{name}", "9112 3.2", get(host=b"Host: %b\r\n" % host), refuse()) for name, host in _HOSTS),
    Case("host-in-capitals", "3986 3.2.2", get(host=b"hOST: ORDERS\r\n"), forward(GET)),
    Case("host-missing-in-1.0", "9112 3.2", get(start=b"GET /a HTTP/1.0", host=b""), either(GET, *_NOWHERE)),
    Case("absolute", "9112 3.2.2", get(start=b"GET http://orders/a?b HTTP/1.1"), forward(Wanted(b"GET", b"/a?b"))),
    Case(
        "absolute-and-another-host",
        "9112 3.2.2",
        get(start=b"GET http://orders/a HTTP/1.1", host=b"Host: evil\r\n"),
        either(Wanted(b"GET", b"/a", lacks=(b"host:evil",))),
    ),
    Case("absolute-in-capitals", "9112 3.2.2", get(start=b"GET HTTP://ORDERS/a HTTP/1.1"), either(GET)),
    Case(
        "absolute-without-path", "9112 3.2.1", get(start=b"GET http://orders HTTP/1.1"), forward(Wanted(b"GET", b"/"))
    ),
    Case(
        "absolute-without-path-but-query",
        "9112 3.2.1",
        get(start=b"GET http://orders?b HTTP/1.1"),
        either(Wanted(b"GET", b"/?b")),
    ),
    Case("absolute-without-host", "9112 3.2", get(start=b"GET http://orders/a HTTP/1.1", host=b""), refuse()),
    Case(
        "absolute-with-two-hosts", "9112 3.2", get(b"Host: evil\r\n", start=b"GET http://orders/a HTTP/1.1"), refuse()
    ),
    *(Case(f"target-{name}", "9112 3.2", get(start=line), refuse(*_NOWHERE)) for name, line in _TARGETS),
    Case("target-two-slashes", "9112 3.2.1", get(start=b"GET //evil/a HTTP/1.1"), either(Wanted(b"GET", b"//evil/a"))),
    Case(
        "options-asterisk",
        "9112 3.2.4",
        get(start=b"OPTIONS * HTTP/1.1"),
        Verdict((Wanted(b"OPTIONS", b"*"),), frozenset((400, 404, 501)), optional=True, own=frozenset((200, 204))),
    ),
    *(Case(f"connect-{name}", "9112 3.2.3", get(start=line) + SMUGGLED, refuse(*_NOWHERE)) for name, line in _CONNECTS),
    Case(
        "connect-with-a-body",
        "9110 9.3.6",
        post(_FIVE, b"hello", start=b"CONNECT evil:443 HTTP/1.1"),
        refuse(*_NOWHERE),
    ),
    _removed(b"x-secret", b"Connection: X-Secret\r\nX-Secret: 1\r\n"),
    _removed(b"x-second", b"Connection: keep-alive, x-second\r\nX-Second: 1\r\n"),
    _removed(b"x-above", b"X-Above: 1\r\nConnection: close\r\nConnection: ,, X-ABOVE ,\r\n"),
    _removed(b"keep-alive", b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n"),
    Case(
        "hop-keep-alive-not-named",
        "9110 7.6.1",
        get(b"Keep-Alive: timeout=5\r\n"),
        forward(Wanted(b"GET", b"/a", lacks=(b"keep-alive",))),
    ),
    _removed(b"proxy-connection", b"Proxy-Connection: keep-alive\r\n"),
    Case(
        "hop-te",
        "9110 10.1.4",
        get(b"TE: trailers, deflate\r\nConnection: TE\r\n"),
        forward(Wanted(b"GET", b"/a", lacks=(b"te:trailers, deflate", b"te:deflate"))),
    ),
    _removed(b"upgrade", b"Upgrade: websocket\r\n"),
    _removed(b"http2-settings", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + _SETTINGS),
    Case("hop-nominates-host", "9110 7.6.1", get(b"Connection: host\r\n"), either(GET)),
    Case(
        "hop-nominates-length", "9110 7.6.1", post(b"Connection: content-length\r\n" + _FIVE, b"hello"), either(HELLO)
    ),
    Case(
        "hop-nominates-coding",
        "9110 7.6.1",
        post(b"Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
        either(HELLO),
    ),
    Case("hop-no-token", "9110 7.6.1", get(b"Connection: x y, (\r\n"), either(GET)),
    Case("hop-many", "9110 7.6.1", get(b"Connection: close\r\n" * 50), either(GET, 400, 431)),
    Case(
        "upgrade-h2c",
        "9113 3.1",
        get(b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        either(Wanted(b"GET", b"/a", lacks=(b"upgrade:h2c",)), 400, 501),
    ),
    Case("upgrade-declined", "9110 7.8", get(b"Connection: Upgrade\r\n" + _SOCKET), either(GET)),
    Case(
        "upgrade-with-a-body", "9110 7.8", post(b"Connection: Upgrade\r\n" + _SOCKET + _FIVE, b"hello"), either(HELLO)
    ),
    Case("expect-unknown", "9110 10.1.1", get(b"Expect: the-unexpected\r\n"), refuse(400, 417)),
    Case("expect-continue", "9110 10.1.1", post(b"Expect: 100-continue\r\n" + _FIVE, b"hello"), forward(HELLO)),
    Case("expect-continue-without-body", "9110 10.1.1", get(b"Expect: 100-continue\r\n"), either(GET)),
    Case(
        "trace-here", "9110 7.6.2", get(b"Max-Forwards: 0\r\n", start=b"TRACE /a HTTP/1.1"), answer(200, 400, 405, 501)
    ),
    Case(
        "options-here", "9110 7.6.2", get(b"Max-Forwards: 0\r\n", start=b"OPTIONS /a HTTP/1.1"), answer(200, 204, 405)
    ),
    Case(
        "trace-further",
        "9110 7.6.2",
        get(b"Max-Forwards: 5\r\n", start=b"TRACE /a HTTP/1.1"),
        either(Wanted(b"TRACE", b"/a", has=((b"max-forwards", b"4"),)), 400, 405, 501),
    ),
    Case(
        "options-further",
        "9110 7.6.2",
        get(b"Max-Forwards: 1\r\n", start=b"OPTIONS /a HTTP/1.1"),
        forward(Wanted(b"OPTIONS", b"/a", has=((b"max-forwards", b"0"),))),
    ),
    Case(
        "trace-with-a-body",
        "9110 9.3.8",
        post(_FIVE, b"hello", start=b"TRACE /a HTTP/1.1"),
        either(Wanted(b"TRACE", b"/a", b"hello"), 400, 405, 413, 501),
    ),
    Case("pipelined", "9112 9.3.2", get() + get(start=b"GET /b HTTP/1.1"), forward(GET, Wanted(b"GET", b"/b"))),
    Case(
        "pipelined-after-a-body",
        "9112 9.3.2",
        post(_FIVE, b"hello") + get(start=b"GET /b HTTP/1.1"),
        forward(HELLO, Wanted(b"GET", b"/b")),
    ),
    Case(
        "pipelined-bad-after-good",
        "9112 9.3.2",
        get() + b"GET /b HTTP/1.1\r\nHost : orders\r\n\r\n" + SMUGGLED,
        Verdict((GET,), frozenset((400,))),
    ),
    Case("pipelined-after-close", "9112 9.6", get(b"Connection: close\r\n") + SMUGGLED, forward(GET)),
    Case("pipelined-after-http-1.0", "9112 9.3", get(start=b"GET /a HTTP/1.0") + SMUGGLED, forward(GET)),
    Case("pipelined-junk", "9112 2.2", get() + b"\x00\x01junk\r\n\r\n", Verdict((GET,), frozenset((400, 405, 501)))),
    Case(
        "pipelined-after-a-broken-body",
        "9112 9.3.2",
        post(b"Transfer-Encoding: chunked\r\n", b"zz\r\n" + SMUGGLED),
        broken(),
    ),
)
