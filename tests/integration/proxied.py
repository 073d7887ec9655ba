"""A proxy on real sockets, with a server of this test's behind it and raw clients before it; all on one loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvloop

from meshclient import Mesh
from meshclient.sidecar.proxy import OutboundRoute, Proxy, ProxySettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

# Seconds for what has to happen; for what is broken, not for what is slow.
PATIENCE = 30.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Request:
    """What reached the server."""

    head: bytes
    body: bytes

    @property
    def line(self) -> bytes:
        return self.head.partition(b"\r\n")[0]

    def values(self, name: bytes) -> list[bytes]:
        pairs = [line.partition(b":") for line in self.head.split(b"\r\n")[1:]]
        return [value.strip() for found, _, value in pairs if found.lower() == name]


@dataclass
class Line:
    """A connection, from either side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def until(self, end: bytes) -> bytes:
        return await self.reader.readuntil(end)

    async def rest(self) -> bytes:
        """All up to the end, which may be a reset."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while part := await self.reader.read(1 << 16):
                data += part
        return data

    async def request(self) -> Request:
        """A request as a whole."""
        head = await self.head()
        request = Request(head, b"")
        if request.values(b"expect"):
            await self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if lengths := request.values(b"content-length"):
            request.body = await self.reader.readexactly(int(lengths[0]))
        elif request.values(b"transfer-encoding"):
            request.body = await self._chunks()
        return request

    async def response(self, *, bodiless: bool = False) -> tuple[int, Request]:
        """A response as a whole: its status, and the rest as if it were a request."""
        head = await self.head()
        status = int(head.split(b" ", 2)[1])
        response = Request(head, b"")
        if bodiless or status < 200 or status in {204, 304}:
            return status, response
        if lengths := response.values(b"content-length"):
            response.body = await self.reader.readexactly(int(lengths[0]))
        elif response.values(b"transfer-encoding"):
            response.body = await self._chunks()
        else:
            response.body = await self.rest()
        return status, response

    async def ask(self, data: bytes) -> tuple[int, Request]:
        await self.send(data)
        return await self.response(bodiless=data.startswith(b"HEAD"))

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()

    async def _chunks(self) -> bytes:
        body = b""
        while size := int((await self.until(b"\r\n")).partition(b";")[0], 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        while await self.until(b"\r\n") != b"\r\n":
            pass
        return body


@dataclass
class Stage:
    """What a test works with."""

    mesh: Mesh
    proxy: Proxy
    address: tuple[str, int]
    seen: list[Request] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    async def client(self) -> Line:
        line = Line(*await asyncio.open_connection(*self.address))
        self.lines.append(line)
        return line

    async def ask(self, data: bytes) -> tuple[int, Request]:
        """On a connection of its own."""
        line = await self.client()
        return await line.ask(data)

    async def when(self, holds: Callable[[], bool]) -> None:
        """Wait until it does."""
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.005)


def get(path: str = "/a", *fields: str, host: str = "orders") -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *fields, "", ""]).encode()


def post(body: bytes, *fields: str) -> bytes:
    lines = ["POST /a HTTP/1.1", "Host: orders", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


@contextlib.asynccontextmanager
async def serving(
    answer: Callable[[Line, Request], Awaitable[object]], seen: list[Request] | None = None
) -> AsyncIterator[int]:
    """A server that has each request answered by `answer`, on the same connection; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        try:
            while True:
                request = await line.request()
                if seen is not None:
                    seen.append(request)
                await answer(line, request)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def fine(line: Line, request: Request) -> None:
    """Answer as everything is well."""
    body = b"" if request.head.startswith(b"HEAD") else b"ok"
    await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + body)


@contextlib.asynccontextmanager
async def staged(
    answer: Callable[[Line, Request], Awaitable[object]] = fine,
    settings: ProxySettings | None = None,
    *,
    service: dict[str, object] | None = None,
    **rules: object,
) -> AsyncIterator[Stage]:
    """The proxy before ``orders``, which answers by `answer`; `rules` are those of its route."""
    seen: list[Request] = []
    async with serving(answer, seen) as port:
        endpoints = {"endpoints": [f"http://127.0.0.1:{port}"]}
        mesh = Mesh(services={"orders": {**endpoints, **(service or {})}})
        sock = socket.create_server(("127.0.0.1", 0))
        address = sock.getsockname()[:2]
        mesh.warm("orders", timeout=PATIENCE)
        proxy = Proxy(mesh, settings or ProxySettings(), OutboundRoute(mesh, **rules))  # type: ignore[arg-type]
        await proxy.listen(sock)
        stage = Stage(mesh, proxy, address, seen)
        try:
            yield stage
        finally:
            for line in stage.lines:
                line.reset()
            await proxy.aclose()
            mesh.close()


def play(scene: Coroutine[object, object, None], *, fast: bool = False) -> None:
    """Run it, within bounds; `fast` on uvloop, whose transports are others."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scene

    uvloop.run(bounded()) if fast else asyncio.run(bounded())
