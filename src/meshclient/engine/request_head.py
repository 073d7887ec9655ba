"""Writing a request head, with nothing in it that could be read as another one (RFC 9112 section 11.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshclient.engine.errors import MalformedRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
# RFC 9110 section 5.5; leading and trailing white space is no part of a value and is not sent by httpx either.
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*").fullmatch
# RFC 3986: what is not ASCII is percent-encoded, and no two readers agree on it where it is not.
_TARGET = re.compile(rb"[\x21-\x7e]+").fullmatch


def request_line(method: bytes, target: bytes) -> bytes:
    """The first line, with its end. Raises MalformedRequest."""
    if not _TOKEN(method):
        msg = f"{method!r} is no HTTP method"
        raise MalformedRequest(msg)
    if not _TARGET(target):
        msg = f"{target!r} is no request target; percent-encode what is not printable ASCII"
        raise MalformedRequest(msg)
    return b"%s %s HTTP/1.1\r\n" % (method, target)


def field_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Header lines, each with its end. Raises MalformedRequest."""
    lines = []
    for name, value in headers:
        if not _TOKEN(name):
            msg = f"{name!r} is no header name"
            raise MalformedRequest(msg)
        if not _VALUE(value):
            msg = f"the value of header {name.decode('ascii')!r} has a line break or another control character"
            raise MalformedRequest(msg)
        lines.append(b"%s: %s\r\n" % (name, value))
    return b"".join(lines)
