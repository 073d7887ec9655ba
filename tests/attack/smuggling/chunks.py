"""Bodies in chunks, and bodies that break off."""

from __future__ import annotations

from attack.smuggling.case import HELLO, SMUGGLED, Case, Wanted, broken, chunked, either, forward, post

_LAST = b"\r\n0\r\n\r\n" + SMUGGLED

# Sizes: name, what stands before the five bytes. None of them is a size, or two recipients read two of them.
_SIZES = (
    ("plus", b"+5\r\n"),
    ("minus", b"-5\r\n"),
    ("hexadecimal-prefix", b"0x5\r\n"),
    ("empty", b"\r\n"),
    ("leading-space", b" 5\r\n"),
    ("leading-tab", b"\t5\r\n"),
    ("trailing-space", b"5 \r\n"),
    ("underscore", b"0_5\r\n"),
    ("no-digit", b"g\r\n"),
    ("digit-then-letter", b"5g\r\n"),
    ("two", b"5,5\r\n"),
    ("overflow-to-five", b"10000000000000005\r\n"),
    ("sixteen-f", b"ffffffffffffffff\r\n"),
    ("hundred-digits", b"f" * 100 + b"\r\n"),
    ("nul", b"5\0\r\n"),
    ("extension-alone", b";a\r\n"),
    ("bare-lf", b"5\n"),
    ("bare-cr", b"5\rx\n"),
    ("cr-cr-lf", b"5\r\r\n"),
    ("extension-with-lf", b"5;a\nb\r\n"),
    ("extension-ends-with-lf", b"5;a\n"),
    ("extension-with-cr", b"5;a\rb\r\n"),
    ("extension-with-nul", b"5;a=\0\r\n"),
    ("extension-quotes-a-line", b'5;a="\r\n\r\n0\r\n\r\n"\r\n'),
    ("extension-without-end", b"5;" + b"x" * 100_000 + b"\r\n"),
)

# What follows a chunk of five: name, bytes.
_ENDS = (
    ("none", b"0\r\n\r\n" + SMUGGLED),
    ("other-bytes", b"XX0\r\n\r\n" + SMUGGLED),
    ("bare-lf", b"\n0\r\n\r\n" + SMUGGLED),
    ("bare-cr", b"\r0\r\n\r\n" + SMUGGLED),
    ("longer-than-said", b"xxxx\r\n0\r\n\r\n" + SMUGGLED),
    ("last-chunk-bare-lf", b"\r\n0\n\n" + SMUGGLED),
    ("last-chunk-half-bare-lf", b"\r\n0\r\n\n" + SMUGGLED),
    ("last-chunk-space", b"\r\n0 \r\n\r\n" + SMUGGLED),
)

# Trailers that are no field lines.
_TRAILERS = (
    ("no-colon", b"nonsense\r\n"),
    ("space-before-colon", b"X-Sum : 1\r\n"),
    ("bare-lf", b"X-Sum: 1\nX: 2\r\n"),
    ("bare-cr", b"X-Sum: 1\rX: 2\r\n"),
    ("nul", b"X-Sum: \0\r\n"),
    ("folded", b"X-Sum: 1\r\n 2\r\n"),
    ("empty-name", b": 1\r\n"),
    ("without-end", b"X-Sum: " + b"1" * 200_000 + b"\r\n"),
    ("too-many", b"X-Sum: 1\r\n" * 20_000),
)

# Of these, those that frame or route would be believed by somebody: they go no further than here.
_FORBIDDEN = (
    ("length", b"Content-Length", b"50"),
    ("coding", b"Transfer-Encoding", b"chunked"),
    ("host", b"Host", b"evil"),
    ("authorization", b"Authorization", b"Basic eA=="),
    ("connection", b"Connection", b"x-secret"),
    ("te", b"TE", b"trailers"),
    ("nothing-of-it", b"Content-Type", b"text/html"),
)

_CUT = (
    ("counted", post(b"Content-Length: 10\r\n", b"hello")),
    ("counted-before-its-first-byte", post(b"Content-Length: 10\r\n", b"")),
    ("in-a-chunk", chunked(b"5\r\nhello\r\na\r\nhe")),
    ("between-chunks", chunked(b"5\r\nhello\r\n")),
    ("in-a-size", chunked(b"5\r\nhello\r\n1")),
    ("after-the-last-size", chunked(b"5\r\nhello\r\n0")),
    ("before-the-last-line", chunked(b"5\r\nhello\r\n0\r\n")),
    ("in-the-trailers", chunked(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n")),
    ("in-the-head", b"POST /a HTTP/1.1\r\nHost: orders\r\nContent-Le"),
)

CASES = (
    *(
        Case(f"chunk-size-{name}", "9112 7.1", chunked(size + b"hello" + _LAST), broken(400, 413, 431))
        for name, size in _SIZES
    ),
    *(Case(f"chunk-end-{name}", "9112 7.1", chunked(b"5\r\nhello" + end), broken()) for name, end in _ENDS),
    *(
        Case(
            f"trailer-{name}",
            "9112 7.1.2",
            chunked(b"5\r\nhello\r\n0\r\n" + lines + b"\r\n" + SMUGGLED),
            broken(400, 431),
        )
        for name, lines in _TRAILERS
    ),
    *(
        Case(
            f"trailer-forbidden-{name}",
            "9110 6.5.1",
            chunked(b"5\r\nhello\r\n0\r\n%b: %b\r\n\r\n" % (field, value)),
            either(Wanted(b"POST", b"/a", b"hello", lacks=(b"trailer:" + field.lower(),)), 400),
        )
        for name, field, value in _FORBIDDEN
    ),
    *(
        Case(f"cut-{name}-{end}", "9112 8", raw, broken(400, 408, 499), end)
        for name, raw in _CUT
        for end in ("fin", "reset")
    ),
    Case("chunk-size-second-is-bad", "9112 7.1", chunked(b"5\r\nhello\r\n+5\r\nhello" + _LAST), broken()),
    Case("chunk-extension", "9112 7.1.1", chunked(b'5;a=b;c="d e"\r\nhello\r\n0;x\r\n\r\n'), either(HELLO)),
    Case("chunk-extension-like-a-chunk", "9112 7.1.1", chunked(b"5;5\r\nhello\r\n0\r\n\r\n"), either(HELLO)),
    Case("chunk-size-leading-zeros", "9112 7.1", chunked(b"0005\r\nhello\r\n000\r\n\r\n"), either(HELLO)),
    Case(
        "chunk-size-hexadecimal",
        "9112 7.1",
        chunked(b"0A\r\nhellohello\r\n0\r\n\r\n"),
        forward(Wanted(b"POST", b"/a", b"hellohello")),
    ),
    Case(
        "chunks-many",
        "9112 7.1",
        chunked(b"1\r\nx\r\n" * 3000 + b"0\r\n\r\n"),
        forward(Wanted(b"POST", b"/a", b"x" * 3000)),
    ),
    Case(
        "chunk-that-looks-like-the-end",
        "9112 7.1",
        chunked(b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        forward(Wanted(b"POST", b"/a", b"\r\n0\r\n\r\n")),
    ),
    Case("chunked-and-empty", "9112 7.1", chunked(b"0\r\n\r\n"), forward(Wanted(b"POST", b"/a"))),
    Case("trailer-allowed", "9112 7.1.2", chunked(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), forward(HELLO)),
)
