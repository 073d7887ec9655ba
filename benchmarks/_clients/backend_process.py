"""The other end: one process that answers on a few ports, from memory, faster than any of the clients asks.

    python backend_process.py CORE FOLDER    prints its ports as JSON and serves until its standard input closes

uvloop calls `data_received`, which writes bytes made beforehand: about 2 us of Python on top of the kernel's share, as
much as nginx needs. Unlike nginx it reads a body before it answers, and answers 400 to one that is not what it should
be. `GET /n` says how many connections were made so far. With trustme installed there are TLS ports too; FOLDER gets
authority.pem, certificate.pem and key.pem, for other servers to use as well.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import sys
from pathlib import Path
from typing import cast

import uvloop

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
from _clients.workload import LARGE_TEXT, MEGABYTE, SMALL_TEXT  # noqa: E402 - needs the path set before it

PORTS = 3
HEAD = b"HTTP/1.1 %b\r\nServer: backend\r\nContent-Type: application/json\r\nContent-Length: %d\r\nX-Backend: 1\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
IDENTITY = re.compile(rb"\r\nx-request-id: *r-\d+\r", re.IGNORECASE)


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return HEAD % (status, len(body)) + body


ANSWERS = {b"g": answer(SMALL_TEXT), b"s": answer(SMALL_TEXT), b"l": answer(LARGE_TEXT), b"d": answer(MEGABYTE)}
WRONG = answer(b"{}", b"400 Bad Request")


class Answering(asyncio.Protocol):
    """One connection."""

    __slots__ = ("seen", "transport")
    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        Answering.made += 1
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        """Answer."""
        if data[-4:] == b"\r\n\r\n" and data[:5] == b"GET /" and not self.seen:
            said = ANSWERS.get(data[5:6])
            self.transport.write(answer(b"%d" % Answering.made) if said is None else said)
        else:
            self.seen += data
            self.posted()

    def posted(self) -> None:
        """Answer a request with a body, once all of it is there."""
        head, end, body = self.seen.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        size = int(length[1]) if length else 0
        if end and len(body) >= size:
            kind = head[6:7]
            fine = head[:6] == b"POST /" and IDENTITY.search(head) and len(body) == size
            fine = fine and body[:1] == b"{" and body[-1:] == b"}" and (kind != b"l" or size > 10_000)
            self.seen = b""
            self.transport.write(ANSWERS[kind] if fine else WRONG)


def certified(folder: Path) -> ssl.SSLContext | None:
    """A context for the TLS port; None without trustme."""
    try:
        import trustme
    except ImportError:
        return None
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1", "orders")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    leaf.configure_cert(context)
    return context


async def serve(folder: Path) -> None:
    loop = asyncio.get_running_loop()
    listening: dict[str, list[int]] = {"plain": [], "secure": []}
    for kind, context in (("plain", None), ("secure", certified(folder))):
        for _ in range(PORTS if kind == "plain" or context else 0):
            server = await loop.create_server(Answering, "127.0.0.1", 0, backlog=4096, ssl=context)
            listening[kind].append(server.sockets[0].getsockname()[1])
    print(json.dumps(listening), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    if sys.argv[1]:
        os.sched_setaffinity(0, {int(sys.argv[1])})
    uvloop.run(serve(Path(sys.argv[2])))
