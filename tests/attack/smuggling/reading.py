"""HTTP/1.1 as RFC 9110 and 9112 have it and not a byte more: what leaves a proxy is held against this.

Of what the grammar lets a recipient choose, this takes the narrower: one reading is left, or none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST = re.compile(rb"(%b) ([!-~\x80-\xff]+) HTTP/1\.[01]" % _TOKEN)
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9]\d\d)(?: [\t -~\x80-\xff]*)?")
_FIELD = re.compile(rb"(%b):[\t ]*([\t -~\x80-\xff]*)" % _TOKEN)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:;[\t -~\x80-\xff]*)?)")
_LENGTH = re.compile(rb"\d{1,19}")
_LONGEST = 1 << 22

Fields = tuple[tuple[bytes, bytes], ...]


class Malformed(ValueError):
    """No recipient can be sure how this is meant."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response.

    Args:
        start: its first line, in its three parts.
        fields: of the head, names in lower case.
        body: decoded.
        trailers: names in lower case.
        size: bytes that it took, its end included.
        closing: whether its body ends where the connection does.
    """

    start: tuple[bytes, bytes, bytes]
    fields: Fields
    body: bytes
    trailers: Fields = ()
    size: int = 0
    closing: bool = False

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.start[1])

    def values(self, name: bytes) -> list[bytes]:
        """Of a field of the head."""
        return [value for each, value in self.fields if each == name]


def request(data: bytes) -> Message | None:
    """The first request in `data`; None where it is not complete. Raises Malformed."""
    return _message(data, _REQUEST, b"", ended=False)


def response(data: bytes, method: bytes, *, ended: bool) -> Message | None:
    """The first response in `data`, an interim one included; None where it is not complete. Raises Malformed.

    Args:
        data: that has come.
        method: of the request.
        ended: whether the connection has ended.
    """
    return _message(data, _STATUS, method, ended=ended)


def _message(data: bytes, start: re.Pattern[bytes], method: bytes, *, ended: bool) -> Message | None:
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        _partial(head)
        return None
    first, *lines = head.split(b"\r\n")
    if not start.fullmatch(first):
        raise Malformed(f"start line {first[:60]!r}")
    parts = first.split(b" ", 2)
    fields = _fields(lines)
    words = (parts[0], parts[1], parts[2] if len(parts) > 2 else b"")
    size = len(head) + len(end)
    bare = start is _STATUS and (method == b"HEAD" or parts[1][:1] == b"1" or parts[1] in (b"204", b"304"))
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    _check_framing(lengths, codings)
    if start is _REQUEST and len([name for name, _ in fields if name == b"host"]) > 1:
        raise Malformed("more than one Host")
    if bare:
        return Message(words, fields, b"", size=size)
    if codings:
        return _chunked(words, fields, rest, size)
    if lengths or start is _REQUEST:
        length = int(lengths[0]) if lengths else 0
        if len(rest) < length:
            return None
        return Message(words, fields, rest[:length], size=size + length)
    return Message(words, fields, rest, size=len(data), closing=True) if ended else None


def _partial(head: bytes) -> None:
    if re.search(rb"(?<!\r)\n|\r(?!\n)(?!\Z)|\0", head):
        raise Malformed(f"a bare CR or LF, or NUL: {head[:60]!r}")
    if len(head) > _LONGEST:
        raise Malformed("a head without end")


def _check_framing(lengths: list[bytes], codings: list[bytes]) -> None:
    if lengths and codings:
        raise Malformed("both Content-Length and Transfer-Encoding")
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        raise Malformed(f"Content-Length {b', '.join(lengths)[:60]!r}")
    if codings and (len(codings) > 1 or codings[0].lower() != b"chunked"):
        raise Malformed(f"Transfer-Encoding {b', '.join(codings)[:60]!r}")


def _fields(lines: list[bytes]) -> Fields:
    found = []
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise Malformed(f"field line {line[:60]!r}")
        found.append((field[1].lower(), field[2].rstrip(b" \t")))
    return tuple(found)


def _chunked(start: tuple[bytes, bytes, bytes], fields: Fields, rest: bytes, size: int) -> Message | None:
    body, at = b"", 0
    while True:
        end = rest.find(b"\r\n", at)
        if end < 0:
            if b"\n" in rest[at:]:
                raise Malformed("a chunk's size ends with a bare LF")
            return None
        found = _SIZE.fullmatch(rest[at:end])
        if found is None:
            raise Malformed(f"chunk size {rest[at:end][:60]!r}")
        at, length = end + 2, int(found[1], 16)
        if not length:
            break
        if len(rest) < at + length + 2:
            return None
        if rest[at + length : at + length + 2] != b"\r\n":
            raise Malformed("no CRLF after a chunk")
        body += rest[at : at + length]
        at += length + 2
    lines: list[bytes] = []
    while True:
        end = rest.find(b"\r\n", at)
        if end < 0:
            return None
        line, at = rest[at:end], end + 2
        if not line:
            return Message(start, fields, body, _fields(lines), size + at)
        lines.append(line)
