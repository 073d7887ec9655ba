"""Answers of an upstream that are malformed, cut, more than asked for, or without end."""

from __future__ import annotations

from dataclasses import dataclass

from attack.smuggling.case import CHUNKS, get
from attack.smuggling.upstream import Reply

_OK, _OLD = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n"
_CL, _TE = b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"
# What comes after the end of an answer, and must be nobody's.
_EVIL = _OK + b"Content-Length: 4\r\n\r\nevil"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client has to see.

    Args:
        status: of a complete answer; 0 where there must be none.
        body: of that.
        has: fields that it has, each with a value.
        lacks: fields that it must not have.
        failed: an answer of the proxy's own, 502 or the like, is right (too).
        cut: an answer that the client can tell to be incomplete is right (too).
    """

    status: int = 0
    body: bytes = b""
    has: tuple[tuple[bytes, bytes], ...] = ()
    lacks: tuple[bytes, ...] = ()
    failed: bool = False
    cut: bool = False

    def __str__(self) -> str:
        words = [f"pass {self.status} on"] * bool(self.status) + ["502"] * self.failed + ["cut"] * self.cut
        return " or ".join(words)


@dataclass(frozen=True, slots=True)
class ResponseCase:
    """What an upstream answers.

    Args:
        name: unique.
        section: that it is about, of an RFC.
        reply: to the request, and to each repetition of it.
        expected: of the client.
        request: that it answers.
    """

    name: str
    section: str
    reply: Reply
    expected: Outcome
    request: bytes = get()


FINE = Outcome(200, b"hello")
FAILED = Outcome(failed=True)
EITHER = Outcome(200, b"hello", failed=True)
CUT = Outcome(cut=True, failed=True)
_HEAD = get(start=b"HEAD /a HTTP/1.1")


def _ok(fields: bytes, body: bytes = b"hello", start: bytes = _OK) -> Reply:
    return Reply(start + fields + b"\r\n" + body)


_FRAMING = (
    ("cl-and-te", "9112 6.3", _CL + _TE),
    ("te-and-cl", "9112 6.3", _TE + _CL),
    ("cl-differ", "9112 6.3", _CL + b"Content-Length: 6\r\n"),
    ("cl-list-that-differs", "9112 6.3", b"Content-Length: 5, 6\r\n"),
    ("cl-plus", "9110 8.6", b"Content-Length: +5\r\n"),
    ("cl-minus", "9110 8.6", b"Content-Length: -5\r\n"),
    ("cl-hexadecimal", "9110 8.6", b"Content-Length: 0x5\r\n"),
    ("cl-two-words", "9110 8.6", b"Content-Length: 5 5\r\n"),
    ("cl-empty", "9110 8.6", b"Content-Length:\r\n"),
    ("cl-overflow", "9110 8.6", b"Content-Length: 18446744073709551621\r\n"),
    ("te-unknown", "9112 6.1", b"Transfer-Encoding: xchunked\r\n"),
    ("te-twice", "9112 7", b"Transfer-Encoding: chunked, chunked\r\n"),
    ("te-not-last", "9112 6.3", b"Transfer-Encoding: chunked, identity\r\n"),
    ("te-space-before-colon", "9112 5.1", _CL + b"Transfer-Encoding : chunked\r\n"),
    ("te-vertical-tab", "9110 5.5", b"Transfer-Encoding: \x0bchunked\r\n"),
    ("bare-lf", "9112 2.2", _CL + b"X: y\nEvil: z\r\n"),
    ("bare-cr", "9112 2.2", _CL + b"X: y\rEvil: z\r\n"),
    ("nul", "9110 5.5", _CL + b"X: y\0z\r\n"),
    ("control", "9110 5.5", _CL + b"X: y\x01z\r\n"),
    ("no-colon", "9112 5", _CL + b"Nonsense\r\n"),
    ("empty-name", "9110 5.1", _CL + b": evil\r\n"),
    ("name-no-token", "9110 5.1", _CL + b"X@Y: z\r\n"),
    ("space-in-name", "9110 5.1", _CL + b"X Y: z\r\n"),
    ("space-before-first", "9112 2.2", b" X: y\r\n" + _CL),
    ("many-fields", "6585 5", _CL + b"X: y\r\n" * 50_000),
    ("long-field", "6585 5", _CL + b"X: " + b"y" * 2_000_000 + b"\r\n"),
)
_STARTS = (
    ("two-digits", b"HTTP/1.1 20 OK\r\n"),
    ("four-digits", b"HTTP/1.1 2000 OK\r\n"),
    ("no-number", b"HTTP/1.1 abc OK\r\n"),
    ("signed", b"HTTP/1.1 +20 OK\r\n"),
    ("zero", b"HTTP/1.1 000 OK\r\n"),
    ("below-100", b"HTTP/1.1 099 OK\r\n"),
    ("http-2", b"HTTP/2.0 200 OK\r\n"),
    ("http-0.9", b"HTTP/0.9 200 OK\r\n"),
    ("lower-case", b"http/1.1 200 OK\r\n"),
    ("shoutcast", b"ICY 200 OK\r\n"),
    ("two-spaces", b"HTTP/1.1  200 OK\r\n"),
    ("nonsense", b"\x16\x03\x01\x02\r\n"),
    ("request", b"GET / HTTP/1.1\r\n"),
    ("control-in-reason", b"HTTP/1.1 200 O\x01K\r\n"),
    ("bare-lf", b"HTTP/1.1 200 OK\n"),
    ("bare-cr", b"HTTP/1.1 200 O\rK\r\n"),
    ("empty-line-first", b"\r\nHTTP/1.1 200 OK\r\n"),
    ("without-end", b"HTTP/1.1 200 " + b"x" * 2_000_000 + b"\r\n"),
    ("upgrade-unasked", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n"),
)
_CHUNKS = (
    ("plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("hexadecimal-prefix", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("no-digit", b"g\r\nhello\r\n0\r\n\r\n"),
    ("overflow", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("bare-lf", b"5\nhello\r\n0\r\n\r\n"),
    ("extension-with-lf", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    ("longer-than-said", b"5\r\nhelloevil\r\n0\r\n\r\n"),
    ("end-bare-lf", b"5\r\nhello\n0\r\n\r\n"),
    ("last-is-bad", b"5\r\nhello\r\nzz\r\n\r\n"),
    ("trailer-no-field", b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n"),
    ("trailer-bare-lf", b"5\r\nhello\r\n0\r\nX: y\nEvil: z\r\n\r\n"),
    ("trailers-without-end", b"5\r\nhello\r\n0\r\n" + b"X: y\r\n" * 50_000 + b"\r\n"),
)
_CUTS = (
    ("counted", _OK + _CL + b"\r\nhel"),
    ("counted-at-its-begin", _OK + _CL + b"\r\n"),
    ("in-a-chunk", _OK + _TE + b"\r\n5\r\nhel"),
    ("between-chunks", _OK + _TE + b"\r\n5\r\nhello\r\n"),
    ("before-the-last-line", _OK + _TE + b"\r\n5\r\nhello\r\n0\r\n"),
    ("in-the-trailers", _OK + _TE + b"\r\n5\r\nhello\r\n0\r\nX: y\r\n"),
    ("in-the-head", _OK + b"X: "),
    ("nothing", b""),
    ("after-100", b"HTTP/1.1 100 Continue\r\n\r\n"),
)
_MORE = (
    ("counted", _OK + _CL + b"\r\nhello", FINE),
    ("chunked", _OK + _TE + b"\r\n" + CHUNKS, FINE),
    ("none", _OK + b"Content-Length: 0\r\n\r\n", Outcome(200)),
    ("204", b"HTTP/1.1 204 No Content\r\n\r\n", Outcome(204)),
    ("304", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Outcome(304)),
)

CASES = {
    case.name: case
    for case in (
        *(ResponseCase(f"response-{name}", section, _ok(fields, CHUNKS), FAILED) for name, section, fields in _FRAMING),
        *(ResponseCase(f"response-start-{name}", "9112 4", _ok(_CL, start=start), FAILED) for name, start in _STARTS),
        *(ResponseCase(f"response-chunk-{name}", "9112 7.1", _ok(_TE, body), CUT) for name, body in _CHUNKS),
        *(
            ResponseCase(f"response-cut-{name}-{end}", "9112 8", Reply(raw, end), CUT)
            for name, raw in _CUTS
            for end in ("fin", "reset")
        ),
        *(
            ResponseCase(f"response-more-{name}-{kind}", "9112 6.3", Reply(raw + more), outcome)
            for name, raw, outcome in _MORE
            for kind, more in (("answer", _EVIL), ("junk", b"evil"))
        ),
        ResponseCase(
            "response-more-head", "9112 6.3", _ok(_CL, b"evil!"), Outcome(200, has=((b"content-length", b"5"),)), _HEAD
        ),
        ResponseCase("response-te-in-http-1.0", "9112 6.1", _ok(_TE, CHUNKS, _OLD), EITHER),
        ResponseCase("response-cl-twice-the-same", "9112 6.3", _ok(_CL + _CL), EITHER),
        ResponseCase("response-cl-list-of-the-same", "9110 8.6", _ok(b"Content-Length: 5, 5\r\n"), EITHER),
        ResponseCase("response-folded", "9112 5.2", _ok(_CL + b"X: y\r\n z\r\n"), EITHER),
        ResponseCase("response-space-before-colon", "9112 5.1", _ok(_CL + b"X : y\r\n"), EITHER),
        ResponseCase("response-no-reason", "9112 4", _ok(_CL, start=b"HTTP/1.1 200 \r\n"), FINE),
        ResponseCase("response-no-reason-no-space", "9112 4", _ok(_CL, start=b"HTTP/1.1 200\r\n"), EITHER),
        ResponseCase("response-status-599", "9110 15", _ok(_CL, start=b"HTTP/1.1 599 X\r\n"), Outcome(599, b"hello")),
        ResponseCase("response-status-404", "9110 15", _ok(_CL, start=b"HTTP/1.1 404 X\r\n"), Outcome(404, b"hello")),
        ResponseCase("response-until-closed", "9112 6.3", Reply(_OK + b"\r\nhello", "fin"), FINE),
        ResponseCase("response-until-closed-1.0", "9112 6.3", Reply(_OLD + b"\r\nhello", "fin"), FINE),
        ResponseCase("response-chunked", "9112 7.1", _ok(_TE, CHUNKS), FINE),
        ResponseCase(
            "response-chunked-to-1.0",
            "9112 6.1",
            _ok(_TE, CHUNKS),
            Outcome(200, b"hello", lacks=(b"transfer-encoding",)),
            get(start=b"GET /a HTTP/1.0"),
        ),
        ResponseCase("response-chunk-extension", "9112 7.1.1", _ok(_TE, b"5;a=b\r\nhello\r\n0\r\n\r\n"), EITHER),
        ResponseCase("response-trailer", "9112 7.1.2", _ok(_TE, b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), FINE),
        ResponseCase(
            "response-trailer-forbidden",
            "9110 6.5.1",
            _ok(_TE, b"5\r\nhello\r\n0\r\nSet-Cookie: evil=1\r\n\r\n"),
            Outcome(200, b"hello", lacks=(b"set-cookie",), failed=True, cut=True),
        ),
        ResponseCase(
            "response-interim",
            "9110 15.2",
            _ok(_CL, start=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + _OK),
            FINE,
        ),
        ResponseCase(
            "response-interim-with-a-bad-length",
            "9110 8.6",
            _ok(_CL, start=b"HTTP/1.1 103 Early Hints\r\nContent-Length: -300\r\n\r\n" + _OK),
            EITHER,
        ),
        ResponseCase(
            "response-interim-flood",
            "9110 15.2",
            Reply(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 50_000, "fin"),
            CUT,
        ),
        ResponseCase(
            "response-interim-with-length",
            "9110 15.2",
            _ok(_CL, start=b"HTTP/1.1 103 Early Hints\r\nContent-Length: 300\r\n\r\n" + _OK),
            EITHER,
        ),
        ResponseCase(
            "response-head", "9110 9.3.2", _ok(_CL, b""), Outcome(200, has=((b"content-length", b"5"),)), _HEAD
        ),
        ResponseCase(
            "response-204-with-length",
            "9110 8.6",
            _ok(b"Content-Length: 0\r\n", b"", b"HTTP/1.1 204 X\r\n"),
            Outcome(204, failed=True),
        ),
        ResponseCase(
            "response-hop",
            "9110 7.6.1",
            _ok(_CL + b"Connection: X-Secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\n"),
            Outcome(200, b"hello", lacks=(b"x-secret", b"keep-alive")),
        ),
        ResponseCase(
            "response-two-cookies",
            "9110 5.3",
            _ok(_CL + b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"),
            Outcome(200, b"hello", has=((b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"))),
        ),
        ResponseCase("response-closes", "9112 9.6", Reply(_OK + _CL + b"Connection: close\r\n\r\nhello", "fin"), FINE),
    )
}
