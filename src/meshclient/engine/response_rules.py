"""Rules of RFC 9110 and 9112 for responses that llhttp does not know, or knows in words of its own.

Each function returns what is wrong, as a part of a sentence, or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.engine.limits import ResponseLimits

    Fields = Iterable[tuple[bytes, bytes]]

_STARTS = (b"HTTP/1.1 ", b"HTTP/1.0 ")
# Bytes from which a start can be told.
START = len(_STARTS[0])
# Fields that say how a message is framed, where it goes, who may have it, or what its content is: a trailer comes after
# all that was decided (RFC 9110 section 6.5.1).
_NOT_IN_TRAILERS = frozenset((
    b"authorization", b"cache-control", b"connection", b"content-encoding", b"content-length", b"content-range",
    b"content-type", b"host", b"keep-alive", b"location", b"proxy-authenticate", b"proxy-connection", b"retry-after",
    b"set-cookie", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"vary", b"www-authenticate",
))  # fmt: skip

_BARE_LF = "a line ends without a carriage return"
_STATUS = "its status is not three digits"
_WORDS = {
    "Missing expected CR after response line": _BARE_LF,
    "Missing expected CR after header value": _BARE_LF,
    "Missing expected CR after chunk size": _BARE_LF,
    "Missing expected CR after chunk extension name": _BARE_LF,
    "Missing expected CR after chunk extension value": _BARE_LF,
    "Missing expected CR after chunk data": "a chunk is longer than it says",
    "Expected LF after chunk data": "a chunk is longer than it says",
    "Expected LF after CR": "a carriage return stands alone",
    "Missing expected LF after header value": "a carriage return stands alone",
    "Unexpected whitespace after header value": "a header is folded over several lines",
    "Unexpected space after start line": "a header begins with white space",
    "Invalid header token": "the name of a header is empty, or has a character that no name may have",
    "Invalid header field char": "the name of a header has a character that no name may have",
    "Invalid header value char": "the value of a header has a control character",
    "Duplicate Content-Length": "it has more than one Content-Length",
    "Empty Content-Length": "its Content-Length is empty",
    "Invalid character in Content-Length": "its Content-Length is no plain number",
    "Content-Length overflow": "its Content-Length is too large a number",
    "Content-Length can't be present with Transfer-Encoding": "it has both Transfer-Encoding and Content-Length",
    "Transfer-Encoding can't be present with Content-Length": "it has both Content-Length and Transfer-Encoding",
    "Empty Transfer-Encoding": "its Transfer-Encoding is empty",
    "Invalid character in chunk size": "the size of a chunk is no plain hexadecimal number",
    "Chunk size overflow": "the size of a chunk is too large a number",
    "Invalid status code": _STATUS,
    "Invalid response status": _STATUS,
    "Invalid HTTP version": "its version is neither HTTP/1.1 nor HTTP/1.0",
    "Pause on CONNECT/Upgrade": "it switches protocols without saying to which",
}


def words(said: str) -> str:
    """What llhttp said of a response, in terms of the rule that was broken."""
    return _WORDS.get(said) or said


def start_fault(start: bytes) -> str:
    """Of the first bytes of a response, `START` of them or fewer."""
    if any(right.startswith(start) for right in _STARTS):
        return ""
    if start[:1] in (b"\r", b"\n"):
        return "an empty line comes before it"
    if start.startswith(b"HTTP/"):
        return f"it begins with {start!r}, which is neither HTTP/1.1 nor HTTP/1.0"
    return f"it begins with {start!r} instead of HTTP/1.1"


def coded(headers: Fields) -> list[bytes]:
    """The values of Transfer-Encoding."""
    return [value for name, value in headers if name.lower() == b"transfer-encoding"]


def coding_fault(headers: Fields) -> str:
    """Of Transfer-Encoding: no request of ours allows any coding but chunked (RFC 9110 section 10.1.4)."""
    codings = coded(headers)
    if not codings or (len(codings) == 1 and codings[0].strip(b" \t").lower() == b"chunked"):
        return ""
    return f"its transfer coding is {b', '.join(codings)!r}, not chunked alone"


def interim_fault(status: int, headers: Fields, *, upgrade: bool, upgraded: bool) -> str:
    """Of a response with a status below 200.

    Args:
        status: of it.
        headers: of it.
        upgrade: whether another protocol was asked for.
        upgraded: whether the response names one (RFC 9110 section 7.8).
    """
    if status < 100:
        return f"its status {status} is none"
    for name, value in headers:
        if (name.lower() == b"content-length" and value.strip(b" \t0")) or name.lower() == b"transfer-encoding":
            return f"a response with status {status} has no body, and this one has {name.decode('ascii')}"
    if status == 101 and not upgrade:
        return "it switches protocols, and nobody asked for it"
    if status == 101 and not upgraded:
        return "it switches protocols without saying to which"
    return ""


def persistent(version: str, headers: Fields) -> bool:
    """Whether the connection may be kept (RFC 9112 section 9.3), for a response without a body.

    llhttp's own answer supposes that a body without a length may follow.
    """
    options = [
        option.strip(b" \t").lower()
        for name, value in headers
        if name.lower() == b"connection"
        for option in value.split(b",")
    ]
    return b"close" not in options and (version == "1.1" or b"keep-alive" in options)


def until_end(headers: Fields) -> bool:
    """Whether nothing but the end of the connection ends the body (RFC 9112 section 6.3)."""
    return not any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in headers)


def trailer_fault(trailers: list[tuple[bytes, bytes]], limits: ResponseLimits) -> str:
    """Of the fields after a chunked body."""
    if len(trailers) > limits.fields:
        return f"{len(trailers)} trailer fields are more than {limits.fields}"
    if sum(len(name) + len(value) for name, value in trailers) > limits.head:
        return f"its trailers are larger than {limits.head} bytes"
    return ""


def allowed_trailers(trailers: Fields) -> list[tuple[bytes, bytes]]:
    """Those that a trailer section may have."""
    return [(name, value) for name, value in trailers if name.lower() not in _NOT_IN_TRAILERS]
