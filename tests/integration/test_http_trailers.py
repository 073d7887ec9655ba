"""Trailers of a response are its own, whatever its connection has carried since."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from integration.proxied import Line, Request, play, serving
from meshclient import AsyncMeshTransport, Mesh


@pytest.mark.parametrize("service", [{}, {"limit": {"concurrency": 5}}], ids=["short road", "ordinary road"])
def test_trailers_stay_those_of_their_response(service: dict[str, object]) -> None:
    async def answer(line: Line, request: Request) -> None:
        number = request.line[-10:-9]
        await line.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: %b\r\n\r\n" % number
        )

    async def scene() -> None:
        async with serving(answer) as port:
            mesh = Mesh(services={"orders": {"endpoints": [f"http://127.0.0.1:{port}"], **service}})
            transport = AsyncMeshTransport(mesh)
            got = []
            for number in (1, 2):
                request = httpx.Request("GET", f"http://orders/{number}")
                got.append(await transport.handle_async_request(request))
                await asyncio.sleep(0)
            ends = [response.extensions["network_stream"].get_extra_info("trailers") for response in got]
            assert ends == [[(b"x-t", b"1")], [(b"x-t", b"2")]]
            for response in got:
                await response.aclose()
            await mesh.aclose()

    play(scene())
