"""The process behind `Backend`: a small HTTP/1.1 server that misbehaves on demand.

Standard library and no import of this package, so that `python -I -S` starts it in a tenth of a second.
It listens on 127.0.0.1 alone, ends after its life, and ends when its parent does.

Paths: `/` and every other one answer `{"instance": ..., "path": ..., "pid": ..., "served": n}`;
`/echo` answers the request as JSON; `/mirror` sends the body back chunk by chunk as it arrives;
`/stream?chunks=&size=&delay=&cut=` sends chunks (and resets after `cut` of them);
`/reply?status=&header=Name:value&body=` answers what it is told; `/_stats` counts;
`POST /_control` replaces the behaviour (fields of `Behaviour`, `{}` is healthy).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_ORPHAN_CHECK = 0.5
_LIMIT = 1 << 20
_PIECE = 1 << 16


@dataclass(slots=True)
class Behaviour:
    """How requests are treated, /_control and /_stats excepted.

    `delay` (seconds) holds back every answer. The fault is the first given of `hang` (never answer),
    `reset` (RST), `close` (FIN without an answer) and `status`; it meets a share of `fail_ratio` of the
    requests, evenly spread, and only the next `times` of them where that is not None.
    `disconnect` ends the connection after each answer, announced by `Connection: close`.
    """

    delay: float = 0.0
    status: int = 0
    close: bool = False
    hang: bool = False
    reset: bool = False
    fail_ratio: float = 1.0
    times: int | None = None
    disconnect: bool = False


@dataclass(slots=True)
class Request:
    """A request's head, and its body as an iterator of pieces."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: AsyncIterator[bytes]
    keep_alive: bool

    def header(self, name: str) -> str | None:
        """The first value of a header, by its lower-case name."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def query(self) -> dict[str, list[str]]:
        """The decoded query string."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    async def whole(self) -> bytes:
        """The complete body."""
        return b"".join([piece async for piece in self.body])


class Hangup(Exception):
    """The connection is to end now, without another byte."""


async def read_head(reader: asyncio.StreamReader) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Method, target, version and headers of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *rows = head.decode("latin-1").split("\r\n")
    method, target, version = first.split(" ", 2)
    pairs = (row.partition(":") for row in rows if row)
    return method, target, version, [(name.strip(), value.strip()) for name, _, value in pairs]


async def read_body(reader: asyncio.StreamReader, headers: list[tuple[str, str]]) -> AsyncIterator[bytes]:
    """The pieces of a body, as they arrive."""
    fields = {name.lower(): value for name, value in headers}
    if fields.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            yield (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return
    left = int(fields.get("content-length", 0))
    while left:
        piece = await reader.read(min(left, _PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(piece)
        yield piece


class Instance:
    """One instance of a service: its behaviour and its counts."""

    def __init__(self, name: str, behaviour: Behaviour) -> None:
        """Take the instance's name and the behaviour it starts with."""
        self.name = name
        self.behaviour = behaviour
        self.paths: Counter[str] = Counter()
        self.methods: Counter[str] = Counter()
        self.connections = 0
        self.open = 0
        self.faulted = 0
        self._due = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        self.connections += 1
        self.open += 1
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                method, target, version, headers = await read_head(reader)
                fields = {name.lower(): value.lower() for name, value in headers}
                if fields.get("expect") == "100-continue":
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                keep = version == "HTTP/1.1" and fields.get("connection") != "close"
                request = Request(method, target, headers, read_body(reader, headers), keep)
                await self.answer(request, reader, writer)
                await request.whole()
                if not request.keep_alive:
                    break
        except (asyncio.IncompleteReadError, OSError, Hangup):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, or do to it what the behaviour says."""
        path = unquote(urlsplit(request.target).path)
        if path == "/_control":
            await self.control(request, writer)
            return
        if path == "/_stats":
            await self.send(request, writer, 200, json.dumps(self.stats()).encode())
            return
        self.paths[path] += 1
        self.methods[request.method] += 1
        if self.behaviour.disconnect:
            request.keep_alive = False
        fault = self.fault()
        if self.behaviour.delay:
            await asyncio.sleep(self.behaviour.delay)
        if fault is not None:
            await self.misbehave(fault, request, reader, writer)
        elif path == "/echo":
            await self.echo(request, writer)
        elif path == "/mirror":
            await self.send_chunks(request, writer, request.body)
        elif path == "/stream":
            await self.stream(request, writer)
        elif path == "/reply":
            await self.reply(request, writer)
        else:
            await self.send(request, writer, 200, self.identity(path))

    async def control(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Replace the behaviour by that in the request's body."""
        try:
            self.behaviour = Behaviour(**json.loads(await request.whole() or b"{}"))
        except (TypeError, ValueError) as error:
            await self.send(request, writer, 400, json.dumps({"error": str(error)}).encode())
            return
        self._due = 0.0
        await self.send(request, writer, 200, json.dumps(asdict(self.behaviour)).encode())

    def identity(self, path: str) -> bytes:
        """Who answers, as JSON."""
        served = sum(self.paths.values())
        return json.dumps({"instance": self.name, "path": path, "pid": os.getpid(), "served": served}).encode()

    def stats(self) -> dict[str, object]:
        """The counts since the start, control requests left out."""
        return {
            "instance": self.name,
            "requests": sum(self.paths.values()),
            "faulted": self.faulted,
            "paths": self.paths,
            "methods": self.methods,
            "connections": self.connections,
            "open": self.open,
        }

    def fault(self) -> Behaviour | None:
        """The behaviour whose fault this request meets, or None."""
        now = self.behaviour
        if not (now.status or now.close or now.hang or now.reset) or now.times == 0:
            return None
        # Spread evenly and repeatably: a test may count on the exact share.
        self._due += now.fail_ratio
        if self._due < 1.0 - 1e-9:
            return None
        self._due -= 1.0
        if now.times is not None:
            now.times -= 1
        self.faulted += 1
        return now

    async def misbehave(
        self, fault: Behaviour, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Treat a request as the fault says."""
        if fault.hang:
            while await reader.read(_PIECE):
                pass
            raise Hangup
        if fault.reset:
            reset(writer)
            raise Hangup
        if fault.close:
            raise Hangup
        await request.whole()
        await self.send(request, writer, fault.status, self.identity(urlsplit(request.target).path))

    async def echo(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """The request, as JSON; the body as text whose code points are its bytes."""
        body = (await request.whole()).decode("latin-1")
        seen = {
            "instance": self.name,
            "method": request.method,
            "target": request.target,
            "headers": request.headers,
            "body": body,
        }
        await self.send(request, writer, 200, json.dumps(seen).encode())

    async def stream(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """`chunks` chunks of `size` bytes, `delay` seconds apart."""
        query = request.query()

        def number(name: str, default: float) -> float:
            return float(query[name][0]) if name in query else default

        cut = int(number("cut", -1))

        async def pieces() -> AsyncIterator[bytes]:
            for index in range(int(number("chunks", 10))):
                if index == cut:
                    await writer.drain()
                    reset(writer)
                    raise Hangup
                if index:
                    await asyncio.sleep(number("delay", 0.0))
                yield bytes([97 + index % 26]) * int(number("size", 1024))

        await self.send_chunks(request, writer, pieces())

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """The status, headers and body that the query names."""
        query = request.query()
        pairs = [row.partition(":") for row in query.get("header", [])]
        headers = [(name.strip(), value.strip()) for name, _, value in pairs]
        body = "".join(query.get("body", [])).encode()
        await self.send(request, writer, int(query.get("status", ["200"])[0]), body, headers)

    def head(self, request: Request, status: int, framing: str, more: list[tuple[str, str]]) -> bytes:
        """The status line and headers of an answer."""
        reason = HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else "Unknown"
        rows = [f"HTTP/1.1 {status} {reason}", f"Server: {self.name}", framing]
        rows += [f"{name}: {value}" for name, value in more]
        if not any(name.lower() == "content-type" for name, _ in more):
            rows.append("Content-Type: application/json")
        if not request.keep_alive:
            rows.append("Connection: close")
        return ("\r\n".join(rows) + "\r\n\r\n").encode("latin-1")

    async def send(
        self,
        request: Request,
        writer: asyncio.StreamWriter,
        status: int,
        body: bytes,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        """An answer of known length."""
        head = self.head(request, status, f"Content-Length: {len(body)}", headers or [])
        writer.write(head if request.method == "HEAD" else head + body)
        await writer.drain()

    async def send_chunks(self, request: Request, writer: asyncio.StreamWriter, pieces: AsyncIterator[bytes]) -> None:
        """An answer of unknown length, each piece sent when it is there."""
        kind = [("Content-Type", "application/octet-stream")]
        writer.write(self.head(request, 200, "Transfer-Encoding: chunked", kind))
        async for piece in pieces:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST, after what is already written."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def run(name: str, port: int, life: float, behaviour: Behaviour) -> None:
    """Serve until the life is over or the parent is gone; the port goes to standard output."""
    parent = os.getppid()
    instance = Instance(name, behaviour)
    server = await asyncio.start_server(
        instance.serve, "127.0.0.1", port, limit=_LIMIT, backlog=1024, reuse_address=True
    )
    os.write(1, b"%d\n" % server.sockets[0].getsockname()[1])
    loop = asyncio.get_running_loop()
    end = loop.time() + life
    while loop.time() < end and os.getppid() == parent:  # noqa: ASYNC110 - nothing announces a parent's end
        await asyncio.sleep(_ORPHAN_CHECK)
    os._exit(0)  # open connections are not waited for


if __name__ == "__main__":
    options = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    asyncio.run(
        run(
            options.get("name", "backend"),
            options.get("port", 0),
            options.get("life", 600.0),
            Behaviour(**options.get("behaviour", {})),
        )
    )
