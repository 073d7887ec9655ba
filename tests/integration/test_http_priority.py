"""Where not all calls find room, the more important ones do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient

if TYPE_CHECKING:
    from servers.backend import Backend, Backends

BOUND = 60.0


async def until(backend: Backend, requests: int) -> None:
    async with asyncio.timeout(BOUND):
        while backend.stats()["requests"] < requests:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.01)


def test_a_more_important_call_takes_the_place_of_one_that_waits(backends: Backends) -> None:
    [backend] = backends(1, delay=0.3)

    async def scenario() -> None:
        limit = {"concurrency": 1, "queue": 1, "patience": "8s"}
        services = {"orders": {"endpoints": [backend.url], "limit": limit}}
        async with meshclient.AsyncClient(services=services) as http:

            def call(priority: int) -> asyncio.Task[Any]:
                return asyncio.create_task(http.get("http://orders/", extensions={"mesh": {"priority": priority}}))

            first = call(5)
            await until(backend, 1)
            less = call(5)
            await asyncio.sleep(0)
            with meshclient.override(priority=1):
                more = asyncio.create_task(http.get("http://orders/"))
            with pytest.raises(meshclient.Overloaded) as caught:
                await less
            assert isinstance(caught.value, httpx.TransportError)
            assert caught.value.mesh is not None
            assert not caught.value.mesh.attempts
            assert "nothing was sent" in str(caught.value)
            assert [(await done).status_code for done in (first, more)] == [200, 200]
        assert backend.stats()["requests"] == 2

    asyncio.run(scenario())
