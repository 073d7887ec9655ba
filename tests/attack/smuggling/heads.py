"""Request lines and field lines that are no such."""

from __future__ import annotations

from attack.smuggling.case import GET, SMUGGLED, Case, Wanted, either, forward, get, refuse

_BODY = b"Host: orders\r\n\r\n" + SMUGGLED

# Request lines: name, section, the line with its end.
_LINES = (
    ("bare-lf", "9112 2.2", b"GET /a HTTP/1.1\n"),
    ("cr-cr-lf", "9112 2.2", b"GET /a HTTP/1.1\r\r\n"),
    ("bare-cr-in-it", "9112 2.2", b"GET /a\r HTTP/1.1\r\n"),
    ("nul-in-target", "9112 3.2", b"GET /a\0b HTTP/1.1\r\n"),
    ("control-in-target", "9112 3.2", b"GET /a\x01b HTTP/1.1\r\n"),
    ("del-in-target", "9112 3.2", b"GET /a\x7f HTTP/1.1\r\n"),
    ("tab-in-target", "9112 3.2", b"GET /a\tb HTTP/1.1\r\n"),
    ("space-in-target", "9112 3.2", b"GET /a b HTTP/1.1\r\n"),
    ("version-in-target", "9112 3.2", b"GET /a HTTP/1.1 HTTP/1.1\r\n"),
    ("two-spaces-before", "9112 3", b"GET  /a HTTP/1.1\r\n"),
    ("two-spaces-after", "9112 3", b"GET /a  HTTP/1.1\r\n"),
    ("space-at-the-end", "9112 3", b"GET /a HTTP/1.1 \r\n"),
    ("tabs-for-spaces", "9112 3", b"GET\t/a\tHTTP/1.1\r\n"),
    ("space-at-the-begin", "9112 3", b" GET /a HTTP/1.1\r\n"),
    ("nul-at-the-begin", "9112 3", b"\0GET /a HTTP/1.1\r\n"),
    ("vertical-tab-for-space", "9112 3", b"GET\x0b/a HTTP/1.1\r\n"),
    ("no-target", "9112 3", b"GET HTTP/1.1\r\n"),
    ("no-method", "9112 3.1", b" /a HTTP/1.1\r\n"),
    ("method-no-token", "9110 9.1", b"G@T /a HTTP/1.1\r\n"),
    ("method-with-colon", "9110 9.1", b"GET: /a HTTP/1.1\r\n"),
    ("method-quoted", "9110 9.1", b'"GET" /a HTTP/1.1\r\n'),
    ("field-for-a-request-line", "9112 3", b"Host: orders\r\n"),
    ("nonsense", "9112 3", b"\x16\x03\x01\x02\x00\x01\r\n"),
    ("http-0.9", "9112 2.3", b"GET /a\r\n"),
    ("http-0.9-named", "9112 2.3", b"GET /a HTTP/0.9\r\n"),
    ("http-1", "9112 2.3", b"GET /a HTTP/1\r\n"),
    ("http-1.10", "9112 2.3", b"GET /a HTTP/1.10\r\n"),
    ("http-01.1", "9112 2.3", b"GET /a HTTP/01.1\r\n"),
    ("http-1.1x", "9112 2.3", b"GET /a HTTP/1.1x\r\n"),
    ("http-1,1", "9112 2.3", b"GET /a HTTP/1,1\r\n"),
    ("http-with-space", "9112 2.3", b"GET /a HTTP/ 1.1\r\n"),
    ("http-lower-case", "9112 2.3", b"GET /a http/1.1\r\n"),
    ("http-of-another-name", "9112 2.3", b"GET /a XTTP/1.1\r\n"),
    ("http-plus", "9112 2.3", b"GET /a HTTP/+1.1\r\n"),
    ("http-2.0", "9112 2.3", b"GET /a HTTP/2.0\r\n"),
    ("http-3", "9112 2.3", b"GET /a HTTP/3.0\r\n"),
    ("http-2-preface", "9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
)

# Field lines: name, section, what stands in the head beside a Host.
_FIELDS = (
    ("no-colon", "9112 5", b"X\r\n"),
    ("empty-name", "9110 5.1", b": y\r\n"),
    ("colon-alone", "9110 5.1", b":\r\n"),
    ("space-before-colon", "9112 5.1", b"X : y\r\n"),
    ("tab-before-colon", "9112 5.1", b"X\t: y\r\n"),
    ("space-in-name", "9110 5.1", b"X Y: z\r\n"),
    ("space-before-name", "9112 5.2", b" X: y\r\n"),
    ("slash-in-name", "9110 5.1", b"X/Y: z\r\n"),
    ("at-in-name", "9110 5.1", b"X@Y: z\r\n"),
    ("parenthesis-in-name", "9110 5.1", b"X(Y: z\r\n"),
    ("quote-in-name", "9110 5.1", b'"X": z\r\n'),
    ("octet-in-name", "9110 5.1", b"X\xe4: z\r\n"),
    ("nul-in-name", "9110 5.1", b"X\0: z\r\n"),
    ("nul-in-value", "9110 5.5", b"X: y\0z\r\n"),
    ("control-in-value", "9110 5.5", b"X: y\x01z\r\n"),
    ("vertical-tab-in-value", "9110 5.5", b"X: y\x0bz\r\n"),
    ("del-in-value", "9110 5.5", b"X: y\x7fz\r\n"),
    ("escape-in-value", "9110 5.5", b"X: y\x1b[2Jz\r\n"),
    ("folded", "9112 5.2", b"X: y\r\n z\r\n"),
    ("folded-with-tab", "9112 5.2", b"X: y\r\n\tz\r\n"),
    ("folded-empty", "9112 5.2", b"X: y\r\n \r\n"),
    ("bare-lf", "9112 2.2", b"X: y\nZ: z\r\n"),
    ("bare-cr", "9112 2.2", b"X: y\rZ: z\r\n"),
    ("cr-cr-lf", "9112 2.2", b"X: y\r\r\n"),
    ("bare-lf-at-the-end", "9112 2.2", b"X: y\n"),
    ("bare-lf-twice", "9112 2.2", b"X: y\n\n" + SMUGGLED),
    ("request-line-again", "9112 5", b"GET /smuggled HTTP/1.1\r\n"),
)

_MANY = b"".join(b"X-%d: y\r\n" % number for number in range(20_000))

CASES = (
    *(Case(f"line-{name}", section, line + _BODY, refuse(400, 405, 501, 505)) for name, section, line in _LINES),
    *(Case(f"field-{name}", section, get(fields) + SMUGGLED, refuse()) for name, section, fields in _FIELDS),
    Case("all-bare-lf", "9112 2.2", b"GET /a HTTP/1.1\nHost: orders\n\n" + SMUGGLED, refuse()),
    Case("head-ends-with-bare-lf", "9112 2.2", b"GET /a HTTP/1.1\r\nHost: orders\r\n\n" + SMUGGLED, refuse()),
    Case("head-ends-with-lf-cr", "9112 2.2", b"GET /a HTTP/1.1\r\nHost: orders\n\r\n" + SMUGGLED, refuse()),
    Case(
        "fold-before-the-first-field", "9112 2.2", b"GET /a HTTP/1.1\r\n Host: orders\r\nHost: orders\r\n\r\n", refuse()
    ),
    Case("fragment", "9112 3.2", get(start=b"GET /a#b HTTP/1.1"), refuse()),
    Case("octet-in-target", "9112 3.2", get(start=b"GET /\xe4 HTTP/1.1"), either(Wanted(b"GET", b"/\xe4"))),
    Case("empty-line-first", "9112 2.2", b"\r\n" + get(), either(GET)),
    Case("bare-lf-first", "9112 2.2", b"\n" + get(), refuse()),
    Case("http-1.2", "9110 2.5", get(start=b"GET /a HTTP/1.2"), either(GET, 400, 505)),
    Case("http-1.0", "9112 2.3", get(start=b"GET /a HTTP/1.0"), forward(GET)),
    Case("http-1.0-kept-alive", "9112 9.3", get(b"Connection: keep-alive\r\n", start=b"GET /a HTTP/1.0"), forward(GET)),
    Case(
        "method-in-lower-case", "9110 9.1", get(start=b"get /a HTTP/1.1"), either(Wanted(b"get", b"/a"), 400, 405, 501)
    ),
    Case("method-unknown", "9110 9.1", get(start=b"FROB /a HTTP/1.1"), either(Wanted(b"FROB", b"/a"), 400, 405, 501)),
    Case(
        "method-of-symbols",
        "9110 9.1",
        get(start=b"!#$%&'*+-.^_`|~ /a HTTP/1.1"),
        either(Wanted(b"!#$%&'*+-.^_`|~", b"/a"), 400, 405, 501),
    ),
    Case(
        "encoded-line-end-in-target",
        "9112 3.2",
        get(start=b"GET /a%0d%0aX:%20y HTTP/1.1"),
        either(Wanted(b"GET", b"/a%0d%0aX:%20y")),
    ),
    Case("dots-in-target", "3986 5.2.4", get(start=b"GET /a/../b HTTP/1.1"), either(Wanted(b"GET", b"/a/../b"))),
    Case(
        "octets-in-value",
        "9110 5.5",
        get(b"X: \xe4\xff\r\n"),
        either(Wanted(b"GET", b"/a", has=((b"x", b"\xe4\xff"),))),
    ),
    Case(
        "empty-value",
        "9110 5.5",
        get(b"X:\r\nY: \t \r\n"),
        forward(Wanted(b"GET", b"/a", has=((b"x", b""), (b"y", b"")))),
    ),
    Case("long-target", "9112 3", get(start=b"GET /%b HTTP/1.1" % (b"a" * 100_000)), refuse(400, 414, 431)),
    Case("long-method", "9112 3", get(start=b"%b /a HTTP/1.1" % (b"A" * 100_000)), refuse(400, 405, 414, 431, 501)),
    Case("long-field", "6585 5", get(b"X: %b\r\n" % (b"y" * 100_000)), refuse(400, 431)),
    Case("long-name", "6585 5", get(b"%b: y\r\n" % (b"X" * 100_000)), refuse(400, 431)),
    Case("many-fields", "6585 5", get(_MANY), refuse(400, 431)),
    Case("head-without-end", "6585 5", b"GET /a HTTP/1.1\r\nHost: orders\r\nX: " + b"y" * 100_000, refuse(400, 431)),
    Case("line-without-end", "9112 3", b"GET /" + b"a" * 100_000, refuse(400, 414, 431)),
)
