"""Both colours of the httpx face behind one blocking interface, so that a test is written once.

The asynchronous colour runs on an event loop of its own; `Face.run` is where the two meet.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

    from meshclient.core.balance.status import EndpointStatus


class Face:
    """One colour. Everything made by it is closed with it."""

    def __init__(self, colour: str) -> None:
        self.colour = colour
        self.is_async = colour == "async"
        self._runner = asyncio.Runner() if self.is_async else None
        self._opened: list[Any] = []

    def run(self, value: Any) -> Any:
        """The result of a call of either colour."""
        if self._runner is None or not inspect.isawaitable(value):
            return value
        return self._runner.run(_awaited(value))

    def mesh(self, *arguments: Any, **keywords: Any) -> meshclient.Mesh:
        """A mesh."""
        mesh = meshclient.Mesh(*arguments, **keywords)
        self._opened.append(mesh)
        return mesh

    def client(self, *arguments: Any, **keywords: Any) -> Any:
        """meshclient's own client."""
        return self._keep(self._pick(meshclient.Client, meshclient.AsyncClient)(*arguments, **keywords))

    def orders(self, *urls: str, **keywords: Any) -> Any:
        """meshclient's own client, which knows the service "orders" at these addresses."""
        defaults = keywords.pop("defaults", {})
        service = keywords.pop("service", {})
        return self.client(defaults=defaults, services={"orders": {"endpoints": list(urls), **service}}, **keywords)

    def httpx(self, **keywords: Any) -> Any:
        """httpx's client."""
        return self._keep(self._pick(httpx.Client, httpx.AsyncClient)(**keywords))

    def transport(self, *arguments: Any, **keywords: Any) -> Any:
        """meshclient's transport."""
        return self._pick(meshclient.MeshTransport, meshclient.AsyncMeshTransport)(*arguments, **keywords)

    def body(self, parts: Iterable[bytes]) -> Any:
        """A request body of which nothing is known before it is read."""
        return _asynchronous(parts) if self.is_async else iter(tuple(parts))

    def hook(self, function: Callable[..., object]) -> Any:
        """`function` as an event hook."""
        if not self.is_async:
            return function

        async def hook(*arguments: object) -> None:
            function(*arguments)

        return hook

    @contextmanager
    def stream(self, client: Any, method: str, url: str, **keywords: Any) -> Iterator[Any]:
        """A response whose body has not been read."""
        request = client.build_request(method, url, **keywords)
        response = self.run(client.send(request, stream=True))
        try:
            yield response
        finally:
            self.close(response)

    def chunks(self, response: Any, how: str = "raw") -> Iterator[bytes]:
        """The body, piece by piece."""
        if not self.is_async:
            yield from getattr(response, f"iter_{how}")()
            return
        pieces = getattr(response, f"aiter_{how}")()
        while (piece := self.run(anext(pieces, None))) is not None:
            yield piece

    def read(self, response: Any) -> bytes:
        """The rest of the body."""
        data: bytes = self.run(response.aread() if self.is_async else response.read())
        return data

    def close(self, closable: Any) -> None:
        """Close anything of this colour."""
        if self.is_async and hasattr(closable, "aclose"):
            self.run(closable.aclose())
        else:
            closable.close()

    def end(self) -> None:
        """Close what was made."""
        while self._opened:
            self.close(self._opened.pop())
        if self._runner is not None:
            self._runner.close()

    def _keep(self, client: Any) -> Any:
        self._opened.append(client)
        return client

    def _pick(self, blocking: Any, asynchronous: Any) -> Any:
        return asynchronous if self.is_async else blocking


@pytest.fixture(params=["sync", "async"], name="face")
def face_fixture(request: pytest.FixtureRequest) -> Iterator[Face]:
    """Each colour in turn."""
    face = Face(request.param)
    try:
        yield face
    finally:
        face.end()


def statuses(client: Any, name: str = "orders") -> tuple[EndpointStatus, ...]:
    """What the balancer of a service knows of its endpoints."""
    service = client.mesh.service(name)
    return tuple(service.balancer.status(service.clock()))


def pending(client: Any, name: str = "orders") -> int:
    """Attempts that are counted as in flight."""
    return sum(status.pending for status in statuses(client, name))


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value


async def _asynchronous(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
