"""What is not a request and its answer over HTTP/1.1, through the envoy data plane: HTTP/2, WebSockets, events."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trustme

from integration.envoyplane import client, plane
from integration.http2server import Http2Server
from integration.tlsdriver import TlsServer
from unit.engine.tlspeers import authority_file, serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meshclient.sidecar.envoy.plane import EnvoyPlane

ONCE = {"retry": False, "ejection": False}
BOUND = 30.0
# Seconds for a response as it is configured, and for which streams last here.
DEADLINE, LASTING = 0.1, 0.4


@asynccontextmanager
async def peer(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Says everything again that it hears on a WebSocket; to anybody else it speaks for `LASTING` seconds."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"upgrade: websocket" in head:
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
                while heard := await reader.read(1000):
                    writer.write(heard)
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
                await asyncio.sleep(LASTING)
                writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def conversation(made: EnvoyPlane, service: str, upgrade: str = "websocket") -> tuple[int, bytes]:
    """The status, and what is heard of what is said after `LASTING` seconds."""
    async with asyncio.timeout(BOUND):
        reader, writer = await asyncio.open_connection(*made.address.split(":"))
        try:
            writer.write(f"GET / HTTP/1.1\r\nHost: {service}\r\nConnection: upgrade\r\n".encode())
            writer.write(f"Upgrade: {upgrade}\r\n\r\n".encode())
            status = int((await reader.readuntil(b"\r\n\r\n")).split()[1])
            if status != 101:
                return status, b""
            await asyncio.sleep(LASTING)
            writer.write(b"\x81\x05hello")
            return status, await reader.readexactly(7)
        finally:
            writer.close()


def test_http2_where_an_endpoint_speaks_it_and_else_http_1(tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = {"ca": authority_file(tmp_path, authority), "identity": "orders"}
    # In this configuration, unlike that of the built-in proxy, no engine has a say.
    offered: dict[str, Any] = {"http2": True, "engine": "httpx", "tls": tls, **ONCE}
    with (
        Http2Server(serving(authority.issue_cert("orders")), hold=3) as newer,
        TlsServer(serving(authority.issue_cert("orders"))) as older,
    ):

        async def run() -> None:
            services = {name: {"endpoints": [url], **offered} for name, url in (("new", newer.url), ("old", older.url))}
            async with plane(None, services=services) as made, client(made) as calls:
                sent = (calls.post("/", headers={"host": "new"}, content=b"x" * 100_000) for _ in range(3))
                # None is answered before there are three on a connection.
                assert [reply.status_code for reply in await asyncio.gather(*sent)] == [200, 200, 200]
                assert (await calls.get("/", headers={"host": "old"})).status_code == 200

        asyncio.run(run())
        assert newer.connections == 1
        assert [len(request.body) for request in newer.requests] == [100_000] * 3
        # Which servers compare with how they were connected to.
        assert {request.headers[":scheme"] for request in newer.requests} == {"https"}


def test_websockets_and_events_outlast_the_deadline(tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = {"ca": authority_file(tmp_path, authority)}

    async def run() -> None:
        async with peer() as plain, peer(serving(authority.issue_cert("secure"))) as secure:
            services = {
                "plain": {"endpoints": [f"http://127.0.0.1:{plain}"], "deadline": DEADLINE, **ONCE},
                "secure": {"endpoints": [f"https://127.0.0.1:{secure}"], "deadline": DEADLINE, "tls": tls, **ONCE},
            }
            async with plane(None, services=services) as made, client(made) as calls:
                talks = await asyncio.gather(*(conversation(made, name) for name in services))
                assert talks == [(101, b"\x81\x05hello")] * 2
                assert await conversation(made, "plain", "chat") == (403, b"")
                accepting = {"accept": "text/event-stream"}
                events = (calls.get("/", headers={"host": name} | accepting) for name in services)
                assert [each.text for each in await asyncio.gather(*events)] == ["onetwo"] * 2

    asyncio.run(run())
