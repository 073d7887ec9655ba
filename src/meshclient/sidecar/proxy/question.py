"""A request as it goes on: where to, and the bytes of its head.

A client on a kept connection mostly asks the same again; what follows from a head is worked out once as long as it
does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import httpx

from meshclient.http.plain.call import PlainCall
from meshclient.sidecar.proxy.destination import Destination, Refusal
from meshclient.sidecar.proxy.request_head import CHUNKED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.sidecar.proxy.request_head import RequestHead
    from meshclient.sidecar.proxy.setup import Setup

_NO_TIMEOUTS: Mapping[str, float | None] = {}
# What is sent with a length even where there is nothing (RFC 9110 section 8.6).
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
# RFC 7239 section 4, as far as that nothing which follows may be taken for a part of it.
_CLOSED = re.compile(rb'(?:[^"]|"(?:[^"\\]|\\.)*+")*+').fullmatch
_UNTRACED = Refusal(
    405, "max_forwards", "The request may go no further than here (Max-Forwards), and what is sent here is not told."
)


class ExactUrl(httpx.URL):
    """A URL whose target goes on as it came, whatever httpx would have made of it."""

    def __init__(self, origin: str, target: bytes) -> None:
        super().__init__(origin)
        self._target = target

    @property
    def raw_path(self) -> bytes:
        """As the client sent it."""
        return self._target

    @property
    def path(self) -> str:
        """Without the query, escapes undone."""
        return unquote_to_bytes(self._target.partition(b"?")[0]).decode("utf-8", "replace")


class ProxyCall(PlainCall):
    """A request that passes, for the roads of the library."""

    __slots__ = ()

    def request(self) -> httpx.Request:
        """A new httpx.Request with the target as it came."""
        made = super().request()
        made.url = ExactUrl(f"{self.scheme}://{self.host}", self._target.encode("latin-1"))
        return made


class Question:
    """What a request head means.

    Args:
        block: the head's bytes.
        head: the same, read.
        setup: that it was asked with.

    Attributes:
        destination: where it goes, or what it is answered.
        ends: whether it is OPTIONS and asks what can be done here, by Max-Forwards (RFC 9110 section 9.3.7).
        wire: the head that is sent, without its empty line and without the fields that tell its length.
    """

    __slots__ = ("_call", "block", "destination", "ends", "head", "setup", "wire")

    def __init__(self, block: bytes, head: RequestHead, setup: Setup) -> None:
        self.block = block
        self.head = head
        self.setup = setup
        final = b"max-forwards" in head.special and _forwards(head) == -1
        self.ends = final and head.method == "OPTIONS"
        self.destination: Destination | Refusal = _UNTRACED if final else setup.route(head)
        self.wire = self._wire(self.destination) if isinstance(self.destination, Destination) else b""
        self._call: ProxyCall | None = None

    def sized(self, size: int) -> bytes:
        """`wire` for a body of `size` bytes that is at hand."""
        if size or self.head.method in _WITH_BODY:
            return b"%bContent-Length: %d\r\n" % (self.wire, size)
        return self.wire

    def framed(self) -> bytes:
        """`wire` for a body that is still to come."""
        head = self.head
        framing = b"Transfer-Encoding: chunked" if head.length == CHUNKED else b"Content-Length: %d" % head.length
        return b"%b%b%b\r\n" % (self.wire, b"Expect: 100-continue\r\n" if head.expects else b"", framing)

    def call(self, wire: bytes, content: bytes) -> ProxyCall:
        """It as a call: `wire` with a body."""
        made = self._call
        if made is None or made.content or content or made.head != wire:
            where = self.destination
            if not isinstance(where, Destination):
                raise TypeError(where)
            authority = where.passthrough or where.service
            made = ProxyCall(
                self.head.method, f"http://{authority}/", "http", authority, None, where.target.decode("latin-1"),
                wire, None, content, _NO_TIMEOUTS, None, False, False,
            )  # fmt: skip
            self._call = None if content else made
        return made

    def _wire(self, where: Destination) -> bytes:
        head, settings = self.head, self.setup.settings
        lines = [b"%b %b HTTP/1.1\r\nHost: %b%b" % (head.method.encode(), where.target, where.host, head.kept)]
        special = head.special
        if head.upgrade:
            lines.append(b"Connection: Upgrade\r\nUpgrade: " + head.upgrade)
        elif head.trailers:
            lines.append(b"Connection: TE\r\nTE: trailers")
        if b"max-forwards" in special and (left := _forwards(head)) is not None:
            lines.append(b"Max-Forwards: %d" % left)
        if settings.via:
            own = b"%b %b" % (head.version.encode(), settings.via.encode())
            lines.append(b"Via: " + b", ".join([*special.get(b"via", ()), own]))
        elif b"via" in special:
            lines.append(b"Via: " + b", ".join(special[b"via"]))
        lines += _forwarded(head) if settings.forwarded else _kept_forwarded(head)
        return b"\r\n".join(lines) + b"\r\n"


def _forwards(head: RequestHead) -> int | None:
    """Max-Forwards as it goes on (RFC 9110 section 7.6.2): one less for the methods it is made for.

    Less than nothing means that it does not.
    """
    value = head.special[b"max-forwards"][0]
    if not value.isdigit() or len(value) > 9:
        return None
    return int(value) - 1 if head.method in {"OPTIONS", "TRACE"} else int(value)


def _forwarded(head: RequestHead) -> list[bytes]:
    """For whom it is forwarded: the client is added to those that it names itself."""
    special, peer = head.special, head.peer.partition("%")[0].encode()
    # RFC 7239 section 6: an address of IPv6 stands in brackets and quotes; one that has no address is "unknown".
    node = b'"[%b]"' % peer if b":" in peer else peer or b"unknown"
    own = b'for=%b;host="%b";proto=http' % (node, head.host) if head.host else b"for=%b;proto=http" % node
    lines = [b"Forwarded: " + b", ".join([*filter(_CLOSED, special.get(b"forwarded", ())), own])]
    known = special.get(b"x-forwarded-for", [])
    if peer or known:
        lines.append(b"X-Forwarded-For: " + b", ".join([*known, peer] if peer else known))
    protocols = special.get(b"x-forwarded-proto")
    lines.append(b"X-Forwarded-Proto: " + (protocols[0] if protocols else b"http"))
    return lines


def _kept_forwarded(head: RequestHead) -> list[bytes]:
    names = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto")
    return [b"%b: %b" % (name, value) for name in names for value in head.special.get(name, ())]
