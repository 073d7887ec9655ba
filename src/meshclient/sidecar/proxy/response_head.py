"""The head of an ordinary response, cut so that it can pass as a block.

Only what leaves no question open is taken here. Anything else goes to the engine's own reader, which knows all cases
and names what is wrong with a malformed one.
"""

from __future__ import annotations

import re

from meshclient.sidecar.proxy.grammar import FIELDS, LENGTH, options, without

_HEAD = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9])((?: [\t -~\x80-\xff]*+)?)" + FIELDS + rb"\r\n\r\n").match
# What an interim response has no use for: it has no body, and is nobody's connection.
MISPLACED = re.compile(
    rb"\r\n(?:connection|content-length|transfer-encoding|keep-alive|proxy-connection|upgrade|trailer|te):",
    re.IGNORECASE,
).search
# RFC 9110 section 15.2; 101 ends the protocol and is not read here.
INTERIM = re.compile(rb"HTTP/1\.1 (1(?!01)[0-9][0-9](?: [\t -~\x80-\xff]*+)?)" + FIELDS + rb"\r\n\r\n").match
_CUT = re.compile(
    rb"\r\n(connection|content-length|transfer-encoding|keep-alive|proxy-connection|upgrade|trailer|te|via|date)"
    rb":([^\r\n]*)",
    re.IGNORECASE,
).split
_BODILESS = frozenset((204, 304))
# Where the body ends, if not after so many bytes.
CHUNKED, UNTIL_END = -1, -2


class ResponseHead:
    """One that may pass as it is.

    Attributes:
        status: of the response.
        reason: its words, with a space before them.
        kept: the block of fields that pass.
        length: of the body that follows, `CHUNKED` or `UNTIL_END`.
        said: what Content-Length says, which a response to HEAD has too; empty for nothing.
        date: value of Date, or empty.
        via: values of Via.
        keep: whether the connection may be used again.
        keep_alive: value of Keep-Alive, or empty.
        size: bytes of the head.
    """

    __slots__ = ("date", "keep", "keep_alive", "kept", "length", "reason", "said", "size", "status", "via")

    def __init__(self, status: int, reason: bytes, kept: bytes, size: int) -> None:
        self.status = status
        self.reason = reason
        self.kept = kept
        self.size = size
        self.length = UNTIL_END
        self.said = self.date = self.via = self.keep_alive = b""
        self.keep = True


def response_head(data: bytes, *, bodiless: bool) -> ResponseHead | None:
    """The head that `data` begins with; None where it is not here as a whole, or not an ordinary one.

    `bodiless` is the answer to HEAD.
    """
    found = _HEAD(data)
    if found is None:
        return None
    parts = _CUT(found[3])
    head = ResponseHead(int(found[1]), found[2], b"".join(parts[::3]), found.end())
    for at in range(1, len(parts), 3):
        if not _read(head, parts[at].lower(), parts[at + 1].strip(b" \t")):
            return None
    if head.length == CHUNKED and head.said:
        return None
    if bodiless or head.status in _BODILESS:
        head.length = 0
        if head.status == 204:
            # RFC 9110 section 8.6.
            head.said = b""
    return head


def _read(head: ResponseHead, name: bytes, value: bytes) -> bool:
    """Take in a field that was cut out; whether it leaves no question open."""
    if name == b"content-length":
        if head.said or not LENGTH(value):
            return False
        head.said = value
        if head.length != CHUNKED:
            head.length = int(value)
    elif name == b"date":
        head.date = value
    elif name == b"connection":
        _connection(head, value)
    elif name == b"transfer-encoding":
        if head.length == CHUNKED or value.lower() != b"chunked":
            return False
        head.length = CHUNKED
    elif name == b"keep-alive":
        head.keep_alive = value
    elif name == b"via":
        head.via = head.via + b", " + value if head.via else value
    return True


def _connection(head: ResponseHead, value: bytes) -> None:
    low = value.lower()
    if low == b"keep-alive":
        return
    said = options([low])
    head.keep = head.keep and b"close" not in said
    named = said - {b"close", b"keep-alive", b"upgrade"}
    if named:
        head.kept = without(head.kept, named)
