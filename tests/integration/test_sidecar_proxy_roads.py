"""Services that need more than the short way: what passes is the same."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trustme

from integration.http2server import Http2Server
from integration.proxied import Line, Request, fine, get, play, post, staged
from meshclient import Mesh
from meshclient.sidecar.proxy import OutboundRoute, ProxySettings
from unit.engine.tlspeers import authority_file, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


async def _stream(line: Line, request: Request) -> None:
    if b"/long" in request.line:
        await line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            await line.send(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        await line.send(b"0\r\n\r\n")
    elif b"/counted" in request.line:
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000)
    else:
        await fine(line, request)


ODD = {
    "hedged": {"hedge": {"extra": 0.01}},
    "limited": {"limit": {"concurrency": 10}},
    "cached": {"cache": True},
    "consistent": {"balancer": "maglev", "hash_key": "header:x-user"},
    "routed": {"routes": {"/a": {"deadline": "3s"}}},
    "session": {"session": True},
    "httpx": {"engine": "httpx"},
}


@pytest.mark.parametrize("service", ODD.values(), ids=list(ODD))
def test_whatever_a_service_is_configured_with(service: dict[str, object]) -> None:
    async def scene() -> None:
        async with staged(_stream, service=service) as stage:
            client = await stage.client()
            for _ in range(2):
                status, response = await client.ask(get())
                assert (status, response.body) == (200, b"ok")
                assert len(response.values(b"content-length") + response.values(b"transfer-encoding")) == 1
            assert len((await client.ask(get("/long")))[1].body) == 200_000
            assert len((await client.ask(get("/counted")))[1].body) == 300_000
            assert (await client.ask(post(b"hello")))[0] == 200
            status, response = await client.ask(b"HEAD /head HTTP/1.1\r\nHost: orders\r\n\r\n")
            assert (status, response.values(b"content-length")) == (200, [b"2"])
            posted = next(seen for seen in stage.seen if seen.body)
            assert (posted.body, posted.values(b"host")) == (b"hello", [b"orders"])
            assert all(seen.values(b"via") == [b"1.1 meshclient"] for seen in stage.seen)

    play(scene())


@asynccontextmanager
async def _secured(authority: trustme.CA) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        try:
            while True:
                await _stream(line, await line.request())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    context = serving(authority.issue_cert("orders"))
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("fast", [False, True])
def test_endpoints_behind_tls(tmp_path: Path, fast: bool) -> None:
    authority = trustme.CA()

    async def scene() -> None:
        async with _secured(authority) as port:
            endpoints: dict[str, object] = {"endpoints": [f"https://127.0.0.1:{port}"]}
            tls = {"ca": authority_file(tmp_path, authority)}
            async with staged(service={**endpoints, "tls": tls}) as stage:
                client = await stage.client()
                for _ in range(3):
                    assert (await client.ask(get()))[1].body == b"ok"
                assert len((await client.ask(get("/counted")))[1].body) == 300_000
                assert len((await client.ask(get("/long")))[1].body) == 200_000
            async with staged(service=endpoints) as stage:
                status, response = await stage.ask(get())
                assert (status, response.values(b"mesh-error")) == (503, [b"connect_error"])
                assert "tls.ca" in json.loads(response.body)["detail"]

    play(scene(), fast=fast)


def test_the_list_may_come_after_the_request(tmp_path: Path) -> None:
    """The first request of a service finds no list yet."""

    async def scene() -> None:
        async with staged() as stage:
            where = stage.mesh.service("orders").watch.snapshot.endpoints[0]
            table = tmp_path / "services.toml"
            table.write_text(f'[services.late]\nendpoints = ["{where.url}"]\n')
            with Mesh(f"file://{table}") as mesh:
                stage.proxy.swap(mesh, ProxySettings(), OutboundRoute(mesh))
                assert (await stage.ask(get(host="late")))[0] == 200
                await stage.proxy.aclose()

    play(scene())


def test_endpoints_that_speak_http_2(tmp_path: Path) -> None:
    authority = trustme.CA()

    async def scene(server: Http2Server) -> None:
        tls = {"ca": authority_file(tmp_path, authority)}
        async with staged(service={"endpoints": [server.url], "http2": True, "tls": tls}) as stage:
            client = await stage.client()
            status, response = await client.ask(get("/a", "Connection: keep-alive, X-Hop", "X-Hop: 1"))
            assert (status, len(response.body)) == (200, 300_000)
            await client.send(b"PUT /b HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n")
            await client.send(b"186a0\r\n" + b"y" * 100_000 + b"\r\n0\r\n\r\n")
            assert (await client.response())[0] == 200
            first, second = server.requests
            assert (first.headers[":authority"], first.headers[":path"]) == ("orders", "/a")
            assert not {"connection", "x-hop", "transfer-encoding"} & {*first.headers, *second.headers}
            assert bytes(second.body) == b"y" * 100_000

    with Http2Server(serving(authority.issue_cert("orders")), body=b"x" * 300_000) as server:
        play(scene(server))
