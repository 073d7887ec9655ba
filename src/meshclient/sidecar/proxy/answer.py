"""The head of a response as the client gets it."""

from __future__ import annotations

from email.utils import formatdate

# How a body is framed for the client.
COUNTED, CHUNKS, UNTIL_CLOSE = range(3)
# Methods that are known to go through (RFC 9110 section 9.1); others are not kept from it.
ALLOWED = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE, CONNECT"


def chunk(part: bytes) -> bytes:
    """`part`, which is not empty, as a chunk."""
    return b"%x\r\n%b\r\n" % (len(part), part)


def last_chunk(trailers: list[tuple[bytes, bytes]]) -> bytes:
    """The end of a body in chunks."""
    return b"0\r\n" + b"".join([b"%b: %b\r\n" % field for field in trailers]) + b"\r\n"


def closing(*, keep: bool) -> bytes:
    """What is said of the connection where its version does not say it."""
    return b"\r\nConnection: keep-alive" if keep else b"\r\nConnection: close"


def date(seconds: float) -> bytes:
    """The value of Date at this time, in seconds since the epoch."""
    return formatdate(seconds, usegmt=True).encode()
