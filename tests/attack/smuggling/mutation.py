"""Requests that nobody thought of: cases of the corpus, changed at random, several on one connection.

What is right is not written down here but read: by `reading`, which takes a byte stream in one way or not at all. What
reaches the upstream has to be a part of what it reads, in that order and whole, and nothing of what it does not.
"""

from __future__ import annotations

import contextlib
import socket
import time
from random import Random
from typing import TYPE_CHECKING

from attack.smuggling import reading
from attack.smuggling.corpus import CASES
from attack.smuggling.replay import Heard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attack.smuggling.reading import Message
    from attack.smuggling.replay import Proxy

_LONGEST = 600
_GROUND = [case.raw for case in CASES.values() if len(case.raw) < _LONGEST]
# What recipients have been known to differ about.
_PARTS = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b"\x0b",
        b":",
        b",",
        b";",
        b"0",
        b"5",
        b"-",
        b"+",
        b"0x",
        b"\xff",
        b"\xa0",
    ),
    *(b"\r\n\r\n", b"\r\n ", b"chunked", b"0\r\n\r\n", b"5\r\nhello\r\n", b"HTTP/1.0", b"HTTP/1.1"),
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Host: orders\r\n"),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Expect: 100-continue\r\n"),
    *(b"GET /b HTTP/1.1\r\nHost: orders\r\n\r\n", b"POST /c HTTP/1.1\r\nHost: orders\r\n"),
)


def mutant(seed: int) -> bytes:
    """The bytes of this number."""
    rng = Random(seed)
    return changed(rng, b"".join(rng.choice(_GROUND) for _ in range(rng.choice((1, 1, 1, 2, 3)))))


def changed(rng: Random, ground: bytes) -> bytes:
    """`ground` with a few changes, or none."""
    raw = bytearray(ground)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(raw) + 1)
        end = min(len(raw), at + rng.choice((0, 0, 1, 1, 2, 8)))
        raw[at:end] = rng.choice((b"", rng.choice(_PARTS), rng.choice(_PARTS), rng.randbytes(1)))
    return bytes(raw)


def read(raw: bytes) -> tuple[list[Message], str]:
    """The requests in `raw`, and what comes after them: ``malformed``, ``incomplete`` or nothing."""
    found: list[Message] = []
    # A server should ignore an empty line before a request (RFC 9112 section 2.2).
    while raw := raw.removeprefix(b"\r\n"):
        try:
            message = reading.request(raw)
        except reading.Malformed:
            return found, "malformed"
        if message is None:
            return found, "incomplete"
        found.append(message)
        raw = raw[message.size :]
    return found, ""


def complaints(proxy: Proxy, raw: bytes) -> list[str]:
    """What is wrong with what a proxy makes of these bytes."""
    wanted, rest = read(raw)
    proxy.upstream.begin()
    heard = _converse(proxy, raw, [message.start[0] for message in wanted])
    alive = proxy.alive()
    settled = proxy.upstream.settled(proxy.patience)
    record = proxy.upstream.record
    said = [f"the upstream got what is no request: {fault}" for fault in record.faults]
    if heard.fault:
        said.append(f"the client got what is no response: {heard.fault}")
    if not heard.ended:
        said.append(
            f"nothing came any more after {heard.statuses}, of {len(wanted)} requests, then {rest or 'nothing'}"
        )
    if not alive:
        said.append("afterwards it serves nobody any more")
    if not settled:
        said.append("a request was begun at the upstream and left there")
    left: Iterator[Message] = iter(wanted)
    strangers = [message for message in record.requests if not any(_same(message, each) for each in left)]
    return said + [f"it forwarded {each.start!r} {each.body!r}, which nobody sent" for each in strangers]


def _same(sent: Message, meant: Message) -> bool:
    target = meant.start[1]
    return (
        sent.start[0] == meant.start[0]
        and sent.body == meant.body
        and (not target.startswith(b"/") or sent.start[1] == target)
    )


def _converse(proxy: Proxy, raw: bytes, methods: list[bytes]) -> Heard:
    """Send it; end our half once all that is complete has been answered; read until the other one ends."""
    heard = Heard()
    with socket.create_connection(proxy.address, proxy.patience) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            sock.sendall(raw)
        ended = False
        until = time.monotonic() + proxy.patience
        while (left := until - time.monotonic()) > 0:
            if not ended and len(heard.answers) >= len(methods):
                ended = True
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_WR)
            heard.receive(sock, left)
            heard.read(methods)
            if heard.ended or heard.fault:
                break
    return heard
