"""As `public_api`, of the twin: its types are httpx2's."""

from __future__ import annotations

from typing import assert_type

import httpx
import httpx2

import meshclient.httpx2
from meshclient import Mesh


def clients(mesh: Mesh) -> None:
    with meshclient.httpx2.Client("static://10.0.0.1:80") as http:
        assert_type(http, meshclient.httpx2.Client)
        assert_type(http.get("http://orders/"), httpx2.Response)
        wrong: httpx.Response = http.get("http://orders/")  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
        del wrong
    httpx2.Client(transport=meshclient.httpx2.MeshTransport(mesh))


async def asynchronous(mesh: Mesh) -> None:
    async with meshclient.httpx2.AsyncClient(mesh=mesh) as http:
        assert_type(await http.get("http://orders/"), httpx2.Response)
