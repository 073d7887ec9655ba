"""What is sent, and what has to become of it."""

from __future__ import annotations

from dataclasses import dataclass

HOST = b"orders"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request that has to reach the upstream, whole and once.

    Args:
        method: as it stands in the request line.
        target: in origin-form, or ``*``.
        body: decoded.
        has: fields that it has, each with a value.
        lacks: names of fields that it must not have, neither in its head nor in its trailers.
    """

    method: bytes
    target: bytes
    body: bytes = b""
    has: tuple[tuple[bytes, bytes], ...] = ()
    lacks: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What has to become of one connection's bytes.

    Args:
        forwarded: the requests that reach the upstream, in this order and no others.
        refused: statuses, any of which has to come after what is forwarded; then the connection is closed. Empty:
            nothing is refused.
        optional: forwarding and refusing are both right.
        streamed: what is wrong shows in the body only, so that the head may be on its way: the upstream must not see
            the end of it, and the client may find the connection closed without any status.
        own: statuses of which the proxy answers with one by itself; the connection may stay open.
    """

    forwarded: tuple[Wanted, ...] = ()
    refused: frozenset[int] = frozenset()
    optional: bool = False
    streamed: bool = False
    own: frozenset[int] = frozenset()

    def __str__(self) -> str:
        parts = [f"forward {wanted.method.decode('latin-1')[:20]}" for wanted in self.forwarded]
        statuses = "|".join(map(str, sorted(self.refused)))
        if self.streamed:
            parts.append("never completed")
        elif statuses:
            parts.append(f"refuse {statuses}")
        if self.own:
            parts.append(f"answer {'|'.join(map(str, sorted(self.own)))}")
        return (" or " if self.optional else ", ").join(parts)


@dataclass(frozen=True, slots=True)
class Case:
    """A connection's bytes.

    Args:
        name: unique.
        section: that it is about, of an RFC: ``9112 6.1``.
        raw: sent in one piece.
        expected: of a proxy as strict as ours.
        end: what the client does after it has sent all: ``""`` waits, ``fin`` closes its half, ``reset`` resets.
    """

    name: str
    section: str
    raw: bytes
    expected: Verdict
    end: str = ""


def refuse(*statuses: int) -> Verdict:
    """Nothing of it reaches the upstream; 400 unless said otherwise, and the connection is closed."""
    return Verdict(refused=frozenset(statuses or (400,)))


def forward(*wanted: Wanted) -> Verdict:
    """It is a request, and so many of them."""
    return Verdict(forwarded=wanted)


def either(wanted: Wanted, *statuses: int) -> Verdict:
    """Odd, but no doubt how it is meant: forwarded exactly so, or refused."""
    return Verdict(forwarded=(wanted,), refused=frozenset(statuses or (400,)), optional=True)


def broken(*statuses: int) -> Verdict:
    """Its body goes wrong, or ends, after a head that was right."""
    return Verdict(refused=frozenset(statuses or (400,)), streamed=True)


def answer(*statuses: int) -> Verdict:
    """For the proxy itself."""
    return Verdict(own=frozenset(statuses))


def get(fields: bytes = b"", *, start: bytes = b"GET /a HTTP/1.1", host: bytes = b"Host: orders\r\n") -> bytes:
    """A head without a body; `fields` are whole lines."""
    return start + b"\r\n" + host + fields + b"\r\n"


def post(fields: bytes, body: bytes, *, start: bytes = b"POST /a HTTP/1.1") -> bytes:
    """A head with `fields`, which are whole lines, and what follows it."""
    return get(fields, start=start) + body


def chunked(body: bytes) -> bytes:
    """A request whose framing is plain, up to the first byte of its chunks."""
    return post(b"Transfer-Encoding: chunked\r\n", body)


GET = Wanted(b"GET", b"/a")
HELLO = Wanted(b"POST", b"/a", b"hello")
# Where a request ends too early, this is the next one.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: orders\r\n\r\n"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
